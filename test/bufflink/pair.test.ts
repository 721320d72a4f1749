/** The package's own test pair, as its README shows it: reference §4.1. */
import {
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  type Program,
  type Sys,
  WEXITSTATUS,
  WNOHANG,
} from 'paleokernel'
import { devtest } from 'paleokernel/userland'
import { describe, expect, it } from 'vitest'
import { bytes, checkInvariants, coreOf, ok, readFile } from '../helpers/world.js'
import { node, open, read, type World, world } from './world.js'

/** Runs a command to its end, or until it sleeps. What it has said on descriptors 1 and 2, and how it ended. */
function run(k: World, ...argv: string[]): { out: string; status: number | undefined } {
  const shell = k.spawn()
  ok(shell.sys.unlink('/tmp/out'))
  const fd = ok(shell.sys.open('/tmp/out', O_CREAT | O_WRONLY, 0o600))
  ok(shell.sys.dup2(fd, 1))
  ok(shell.sys.dup2(fd, 2))
  let status: number | undefined
  const pid = ok(shell.sys.fork())
  const child = k.process(pid)
  if (child === undefined) throw new Error('no child')
  child.sys.execve('/bin/devtest', argv)
  k.run()
  const ended = ok(shell.sys.waitpid(pid, WNOHANG))
  if (ended.pid === pid) status = WEXITSTATUS(ended.status)
  return { out: readFile(shell as never, '/tmp/out'), status }
}

const boot = (): World => {
  const k = world({}, { programs: { '/bin/devtest': devtest } })
  const root = k.spawn()
  ok(root.sys.close(ok(root.sys.open('/tmp/out', O_CREAT | O_RDWR, 0o600))))
  return k
}

describe('bufflink_test and devtest', () => {
  it('says its minor in the kernel log', () => {
    const k = boot()
    expect(k.bufflinkTest.insmod()).toBe(0)
    expect(coreOf(k as never).state.log).toContain('bufflink_test: minor is 0')
  })

  it('w 8 twice, r 2, r 40: 2 bytes at once, then the other 14', () => {
    const k = boot()
    k.bufflinkTest.insmod()
    node(k.spawn())
    expect(run(k, 'devtest', 'w', '8')).toEqual({ out: 'wrote 8\n', status: 0 })
    expect(run(k, 'devtest', 'w', '8')).toEqual({ out: 'wrote 8\n', status: 0 })
    expect(run(k, 'devtest', 'r', '2')).toEqual({ out: 'read 2: ab\n', status: 0 })
    expect(run(k, 'devtest', 'r', '40')).toEqual({ out: 'read 14: cdefghabcdefgh\n', status: 0 })
    checkInvariants(k as never)
  })

  it('waits in r when there is nothing, until an interrupt appends', () => {
    const k = boot()
    k.bufflinkTest.insmod()
    node(k.spawn())
    expect(run(k, 'devtest', 'r', '5')).toEqual({ out: '', status: undefined })
    k.bufflinkTest.appendFromIrq(bytes('alarm'))
    k.run()
    expect(readFile(k.spawn() as never, '/tmp/out')).toBe('read 5: alarm\n')
  })

  it('says what is wrong', () => {
    const k = boot()
    const usage = 'usage: devtest r|w count [node]\n'
    expect(run(k, 'devtest')).toEqual({ out: usage, status: 2 })
    expect(run(k, 'devtest', 'r', '-1')).toEqual({ out: usage, status: 2 })
    expect(run(k, 'devtest', 'r', '1')).toEqual({ out: 'devtest: /dev/bufflink0: ENOENT\n', status: 1 })
    node(k.spawn(), 3)
    expect(run(k, 'devtest', 'w', '1', '/dev/bufflink3')).toEqual({
      out: 'devtest: /dev/bufflink3: ENXIO\n',
      status: 1,
    })
    k.bufflinkTest.insmod()
    node(k.spawn())
    expect(run(k, 'devtest', 'w', '20000')).toEqual({ out: 'devtest: w: EINVAL\n', status: 1 })
  })

  it('appends from all three contexts in the order in which they run', () => {
    const k = boot()
    k.bufflinkTest.insmod()
    const p = k.spawn()
    k.bufflinkTest.appendFromBh(bytes('bh '))
    k.bufflinkTest.appendFromIrq(bytes('irq '))
    k.bufflinkTest.append(bytes('process '))
    k.run()
    const text = read(p, open(p, 0, O_RDONLY))
    expect(text).toBe('irq bh process ')
    k.bufflinkTest.rmmod()
    k.bufflinkTest.appendFromIrq(bytes('nobody'))
    k.bufflinkTest.append(bytes('nobody'))
  })

  it('is not there for a program without arguments of its own', () => {
    const k = boot()
    const program = function* (sys: Sys): Program {
      const status = yield* devtest(sys)
      return status === 2 ? 0 : 1
    }
    k.spawn({ program })
    expect(k.run()).toBeGreaterThan(0)
  })
})
