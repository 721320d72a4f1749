/** The matchers: when they hold, when they fail, and what they say then. */
import { createKernel, EACCES, errnoName, O_RDONLY, SIGKILL } from 'paleokernel'
import { mac } from 'paleokernel/mac'
import { scenario } from 'paleokernel/scenario'
import { seccomp } from 'paleokernel/seccomp'
import { matchers } from 'paleokernel/vitest'
import { describe, expect, it } from 'vitest'

expect.extend(matchers)

const world = () =>
  scenario({
    modules: [mac()],
    users: { alice: 1000 },
    compartments: { shop: { number: 1, root: '/srv/shop' }, payroll: { number: 2, root: '/srv/payroll' } },
    files: { '/etc/secret': { mode: 0o600, content: 'x' } },
  })

/** What an expectation says when it fails. */
function complaint(expectation: () => void): string {
  try {
    expectation()
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('it holds')
}

describe('toBeDenied', () => {
  it('holds for a refusal, by error, module and check', () => {
    const { as } = world()
    const alice = as('alice')
    expect(alice.begin.open('/etc/secret', O_RDONLY)).toBeDenied('EACCES', { by: 'dac' })
    expect(alice.begin.open('/missing', O_RDONLY)).toBeDenied('ENOENT')
    expect(alice.begin.kill(1, SIGKILL)).toBeDenied()
    const shop = as('root', { compartment: 'shop' })
    expect(shop.begin.open('/srv/payroll/x', O_RDONLY)).toBeDenied('EACCES', { by: 'mac' })
    expect(shop.begin.open('/etc/secret', O_RDONLY)).not.toBeDenied()
  })

  it('says what came instead, who refused and why, and the last lines of the trace', () => {
    const { as } = world()
    const shop = as('root', { compartment: 'shop' })
    const text = complaint(() => expect(shop.begin.open('/srv/payroll/x', O_RDONLY)).toBeDenied('ENOENT'))
    expect(text).toContain(`expected open of pid ${shop.pid} (root) to be denied with ENOENT`)
    expect(text).toContain('and it was denied with EACCES (Permission denied)')
    expect(text).toContain('refused by: mac\n')
    expect(text).toContain(
      'why: open "/srv/payroll/x": EACCES: the hook inodeAccess of module \'mac\' refused',
    )
    expect(text).toContain('last in the trace:\n')
    expect(text).toContain('open("/srv/payroll/x", O_RDONLY) = -1 EACCES (Permission denied)')
  })

  it('fails for another refuser, and for an error that nobody refused', () => {
    const { as } = world()
    const alice = as('alice')
    const call = alice.begin.open('/etc/secret', O_RDONLY)
    expect(complaint(() => expect(call).toBeDenied('EACCES', { by: 'mac' }))).toContain('refused by: dac')
    const missing = alice.begin.open('/missing', O_RDONLY)
    expect(complaint(() => expect(missing).toBeDenied('ENOENT', { by: 'dac' }))).toContain(
      'nobody refused it: the error says that there is no such thing',
    )
  })

  it('takes the reason of its own call, whatever is refused later', () => {
    const { as } = world()
    const alice = as('alice')
    const first = alice.begin.open('/etc/secret', O_RDONLY)
    alice.sys.kill(1, SIGKILL)
    expect(first).toBeDenied('EACCES', { by: 'dac' })
  })

  it('fails for a call that was allowed, saying what it returned', () => {
    const { root } = world()
    const text = complaint(() => expect(root.begin.open('/etc/secret', O_RDONLY)).toBeDenied())
    expect(text).toMatch(/expected open of pid \d+ \(scenario\) to be denied, and it returned 0\n/)
  })
})

describe('toBeAllowed and toBlock', () => {
  it('hold as the call returns or sleeps, when all others have run', () => {
    const { k, root } = world()
    const [readEnd, writeEnd] = root.libc.pipe()
    const child = k.process(root.libc.fork())
    const reading = root.begin.read(readEnd, new Uint8Array(4))
    expect(reading).toBlock()
    // A call that sleeps is neither allowed nor denied, so no claim about that holds.
    for (const claim of [
      () => expect(reading).toBeAllowed(),
      () => expect(reading).not.toBeAllowed(),
      () => expect(reading).toBeDenied(),
      () => expect(reading).not.toBeDenied(),
    ])
      expect(complaint(claim)).toContain('sleeps, waiting for pipe')
    child?.libc.write(writeEnd, Uint8Array.of(1))
    expect(reading).toBeAllowed()
    expect(reading).not.toBlock()
  })

  it('let a program run that the call waits for, and no timer', () => {
    const { k, root } = world()
    const [readEnd, writeEnd] = root.libc.pipe()
    k.spawn({
      parent: root,
      *program(sys) {
        yield* sys.write(writeEnd, Uint8Array.of(7))
        yield* sys.nanosleep(1000)
        yield* sys.write(writeEnd, Uint8Array.of(8))
        return 0
      },
    })
    expect(root.begin.read(readEnd, new Uint8Array(1))).toBeAllowed()
    expect(root.begin.read(readEnd, new Uint8Array(1))).toBlock()
    expect(k.now).toBe(0)
  })

  it('say what a call waits for, and who refused it', () => {
    const { as, root } = world()
    const [readEnd] = root.libc.pipe()
    const text = complaint(() => expect(root.begin.read(readEnd, new Uint8Array(4))).toBeAllowed())
    expect(text).toContain('to be allowed, and it sleeps, waiting for pipe')
    const refused = complaint(() => expect(as('alice').begin.open('/etc/secret', O_RDONLY)).toBlock())
    expect(refused).toContain('to block, and it was denied with EACCES (Permission denied)\nrefused by: dac')
  })
})

describe('toBeKilledBy', () => {
  it('holds for a process and for a call that it died in', () => {
    const { k, root } = world()
    const child = k.spawn({
      parent: root,
      *program(sys) {
        yield* sys.pause()
        return 0
      },
    })
    k.run()
    expect(child).not.toBeKilledBy('SIGKILL')
    root.libc.kill(child.pid, SIGKILL)
    expect(child).toBeKilledBy('SIGKILL')
    expect(child).toBeKilledBy(9)
    const confined = createKernel({ profile: '2.6.14', modules: [seccomp({ interface: 'prctl' })] })
    const p = confined.spawn()
    p.libc.prctl(22, 1)
    expect(p.begin.getpid()).toBeKilledBy('SIGKILL')
  })

  it('says how the process is, or why it was killed', () => {
    const { root, k } = world()
    expect(complaint(() => expect(root).toBeKilledBy('SIGTERM'))).toContain(
      'to be killed by SIGTERM, and it is idle',
    )
    const child = k.spawn({
      parent: root,
      *program() {
        return 3
      },
    })
    k.run()
    expect(complaint(() => expect(child).toBeKilledBy('SIGTERM'))).toContain('and it has exited with 3')
    const victim = k.spawn({ parent: root })
    root.libc.kill(victim.pid, SIGKILL)
    const text = complaint(() => expect(victim).toBeKilledBy('SIGTERM'))
    expect(text).toContain('and it was killed by SIGKILL\nwhy: killed by SIGKILL')
    expect(text).toContain(`kill(${victim.pid}, SIGKILL) = 0`)
  })
})

describe('toHaveSameDigestAs', () => {
  it('holds for a copy, and shows the first difference otherwise', () => {
    const { k, root } = world()
    const copy = k.fork()
    expect(copy).toHaveSameDigestAs(k)
    root.libc.mkdir('/tmp/d', 0o700)
    expect(copy).not.toHaveSameDigestAs(k)
    expect(complaint(() => expect(copy).toHaveSameDigestAs(k))).toContain('describe()')
    k.spawn({ comm: 'third' })
    const text = complaint(() => expect(copy).toHaveSameDigestAs(k))
    expect(text).toMatch(/differs first in line \d+:\n {2}this: .*\n {2}other: /)
    expect(complaint(() => expect(k).not.toHaveSameDigestAs(k))).toContain('to differ')
  })
})

describe('misuse has a sentence', () => {
  it.each([
    ['a number', () => expect(EACCES).toBeDenied('EACCES'), /a call that was begun is wanted/],
    ['no error', () => expect(world().root.begin.getpid()).toBeDenied('EFOO'), /'EFOO' is no error's name/],
    [
      'nobody of that name',
      () => expect(world().root.begin.getpid()).not.toBeDenied('EACCES', { by: 'mca' }),
      /by 'mca': a check of the core or a module of this kernel is wanted: dac, .*, state, mac/,
    ],
    [
      'an unknown option',
      () => expect(world().root.begin.getpid()).not.toBeDenied('EACCES', { bye: 'mac' } as never),
      /bye/,
    ],
    ['no signal', () => expect(world().root).toBeKilledBy('SIGFOO'), /'SIGFOO' is no signal's name/],
    ['signal 0', () => expect(world().root).toBeKilledBy(0), /'0' is no signal's name/],
    ['no kernel', () => expect(3).toHaveSameDigestAs(world().k), /two kernels are wanted/],
  ])('%s', (_name, misuse, sentence) => {
    expect(misuse).toThrow(sentence)
  })

  it('and a kernel without a tail says how to have one', () => {
    const alice = createKernel().spawn({ uid: 1000 })
    const call = alice.begin.chmod('/etc', 0o777)
    expect(errnoName(call.result ?? 0)).toBe('EPERM')
    expect(complaint(() => expect(call).toBeAllowed())).toContain('call keepTraceTail(kernel) before')
  })

  it('what is shown of a process, a call and a kernel is short', () => {
    const { k, root } = world()
    const call = root.begin.getuid()
    for (const value of [root, call, k])
      expect(complaint(() => expect(value).toBe(0)).length).toBeLessThan(2000)
    expect(`${root}; ${call}`).toBe('process 2 (scenario), idle; getuid of pid 2: 0')
    expect(JSON.stringify([root, call])).toBe(
      '[{"pid":2,"comm":"scenario","state":"idle"},{"call":"getuid","pid":2,"blocked":false,"result":0}]',
    )
  })
})
