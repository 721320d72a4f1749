/** Names, state and log of the machine; prctl. Linux: kernel/sys.c, kernel/info.c, kernel/printk.c. */
import {
  createKernel,
  EFAULT,
  EINTR,
  EINVAL,
  ENOSYS,
  EPERM,
  isErr,
  type Kernel,
  PR_GET_DUMPABLE,
  PR_GET_KEEPCAPS,
  PR_GET_NAME,
  PR_GET_PDEATHSIG,
  PR_GET_TIMING,
  PR_SET_DUMPABLE,
  PR_SET_KEEPCAPS,
  PR_SET_NAME,
  PR_SET_PDEATHSIG,
  PR_SET_TIMING,
  type Process,
  type Profile,
  SIGTERM,
  SIGUSR1,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'

const PROFILES: readonly Profile[] = ['2.0.35', '2.2.12', '2.6.14']

const boot = (profile: Profile): Kernel => createKernel({ profile, rootfs: 'empty' })

/** Calls that are rare enough to have no type. */
const rare = (p: Process): Readonly<Record<string, (...args: unknown[]) => unknown>> => p.sys as never

/** Has the kernel write a line to its log. */
const printk = (p: Process, message: string): void => p.current().k.printk(message)

const string = (data: Uint8Array, count: number): string => String.fromCharCode(...data.subarray(0, count))

/** The next messages, or the last ones, as text; or the error. */
function log(p: Process, type: number, size = 1000): string | number {
  const buf = new Uint8Array(size)
  const count = p.sys.syslog(type, buf, size)
  return count < 0 ? count : string(buf, count)
}

/** Takes what there is in the log, which must not be nothing. */
function drain(p: Process): void {
  printk(p, 'last')
  expect(log(p, 2, 16_384)).toMatch(/<4>last\n$/)
  expect(p.sys.syslog(5)).toBe(0)
}

describe.each(PROFILES)('names of the machine, Linux %s', (profile) => {
  it('uname says who it is (sys_newuname)', () => {
    const p = createKernel({ profile, hostname: 'lab' }).spawn()
    expect(p.sys.uname()).toMatchObject({
      sysname: 'Linux',
      nodename: 'lab',
      release: profile,
      version: expect.stringMatching(/^#1 /),
      machine: 'i686',
      domainname: '(none)',
    })
  })

  it('sethostname and setdomainname change it for all', () => {
    const k = boot(profile)
    const p = k.spawn({ uid: 0 })
    expect(p.sys.sethostname('n'.repeat(64))).toBe(0)
    expect(p.sys.setdomainname('nis')).toBe(0)
    expect(k.spawn().sys.uname()).toMatchObject({ nodename: 'n'.repeat(64), domainname: 'nis' })
    expect(p.sys.sethostname('')).toBe(0)
    expect(p.sys.uname().nodename).toBe('')
  })

  const rules: readonly (readonly [rule: string, uid: number, args: readonly unknown[], result: number])[] = [
    ['no CAP_SYS_ADMIN, before the name', 500, ['x'.repeat(65)], EPERM],
    ['65 bytes', 0, ['x'.repeat(65)], EINVAL],
    ['65 bytes in 33 characters', 0, [`x${'é'.repeat(32)}`], EINVAL],
    ['a length above 64, before the name', 0, [null, 65], EINVAL],
    ['a negative length', 0, ['x', -1], EINVAL],
    ['no string', 0, [null], EFAULT],
    ['no string with a length', 0, [7, 3], EFAULT],
    ['a part of a string', 0, ['machine', 4], 0],
  ]
  it.each(rules)('sys_sethostname, sys_setdomainname: %s', (_rule, uid, args, result) => {
    const p = boot(profile).spawn({ uid })
    expect(rare(p)['sethostname']?.(...args)).toBe(result)
    expect(rare(p)['setdomainname']?.(...args)).toBe(result)
    const expected = result === 0 ? 'mach' : '(none)'
    expect(p.sys.uname()).toMatchObject({ nodename: expected, domainname: expected })
  })
})

describe.each(PROFILES)('state of the machine, Linux %s', (profile) => {
  it('sysinfo tells uptime and processes (sys_sysinfo)', () => {
    const k = boot(profile)
    const p = k.spawn()
    k.advance(12_900)
    p.sys.fork()
    expect(p.sys.sysinfo()).toMatchObject({ uptime: 12, loads: [0, 0, 0], procs: 3, totalswap: 0 })
  })

  const RESTART = 0x01234567
  const CAD_ON = 0x89abcdef
  const MAGIC = 0xfee1dead
  const rules: readonly (readonly [rule: string, uid: number, args: readonly number[], result: number])[] = [
    ['no CAP_SYS_BOOT, before the magic', 500, [0, 0, 0], EPERM],
    ['wrong first magic', 0, [1, 672274793, CAD_ON], EINVAL],
    ['wrong second magic', 0, [MAGIC, 1, CAD_ON], EINVAL],
    ['ctrl-alt-del on', 0, [MAGIC, 672274793, CAD_ON], 0],
    ['ctrl-alt-del off', 0, [MAGIC, 672274793, 0], 0],
    ['magic 2A', 0, [MAGIC, 85072278, 0], profile === '2.0.35' ? EINVAL : 0],
    ['magic 2C', 0, [MAGIC, 537993216, 0], profile === '2.6.14' ? 0 : EINVAL],
    ['restart: not modelled', 0, [MAGIC, 672274793, RESTART], EINVAL],
  ]
  it.each(rules)('sys_reboot: %s', (_rule, uid, args, result) => {
    expect(rare(boot(profile).spawn({ uid }))['reboot']?.(...args)).toBe(result)
  })

  it('vhangup wants CAP_SYS_TTY_CONFIG (sys_vhangup)', () => {
    const k = boot(profile)
    expect(rare(k.spawn({ uid: 0 }))['vhangup']?.()).toBe(0)
    expect(rare(k.spawn({ uid: 500 }))['vhangup']?.()).toBe(EPERM)
  })

  it('personality is PER_LINUX (sys_personality)', () => {
    const p = boot(profile).spawn()
    expect(p.sys.personality(0xffffffff)).toBe(0)
    expect(p.sys.personality(0)).toBe(0)
    expect(p.sys.personality(0x42)).toBe(EINVAL)
  })
})

describe.each(PROFILES)('syslog(2), Linux %s do_syslog', (profile) => {
  const is26 = profile === '2.6.14'

  it('reads what is new, and the last messages without taking them', () => {
    const p = boot(profile).spawn()
    drain(p)
    printk(p, 'one')
    printk(p, '<6>two')
    expect(log(p, 3)).toBe('<4>one\n<6>two\n')
    expect(log(p, 2, 5)).toBe('<4>on')
    expect(log(p, 2)).toBe('e\n<6>two\n')
    expect(log(p, 3)).toBe('<4>one\n<6>two\n')
    expect(log(p, 3, 6)).toBe('6>two\n')
  })

  it('clears what the last messages are, not what is new', () => {
    const p = boot(profile).spawn()
    printk(p, 'one')
    expect(log(p, 4)).toContain('<4>one\n')
    expect(log(p, 3)).toBe('')
    printk(p, 'two')
    expect(log(p, 3)).toBe('<4>two\n')
    expect(p.sys.syslog(5)).toBe(0)
    expect(log(p, 3)).toBe('')
    expect(log(p, 2)).toContain('<4>one\n<4>two\n')
  })

  it('keeps to the ring`s last messages', () => {
    const p = boot(profile).spawn()
    p.sys.syslog(5)
    for (let i = 0; i < 300; i++) printk(p, `message ${i}`)
    const text = log(p, 3, 16_384)
    expect(text).toMatch(/^<4>message \d+\n/)
    expect(text).toMatch(/<4>message 299\n$/)
  })

  it('type 2 waits for a message', () => {
    const k = boot(profile)
    const p = k.spawn()
    drain(p)
    const buf = new Uint8Array(100)
    const call = p.begin.syslog(2, buf, 100)
    expect(call.blocked).toBe(true)
    printk(p, 'at last')
    k.spawn().sys.getpid()
    expect(call.result).toBe(11)
    expect(string(buf, 11)).toBe('<4>at last\n')
  })

  it('type 2 is interrupted by a signal', () => {
    const k = boot(profile)
    const p = k.spawn()
    drain(p)
    p.sys.sigaction(SIGUSR1, { handler: () => undefined, flags: 0, mask: [] })
    const call = p.begin.syslog(2, new Uint8Array(10), 10)
    k.process(1)?.sys.kill(p.pid, SIGUSR1)
    expect(call.result).toBe(EINTR)
  })

  const buf = new Uint8Array(10)
  const rules: readonly (readonly [rule: string, uid: number, args: readonly unknown[], result: number])[] = [
    ['anybody may read the last messages', 500, [3, buf, 0], 0],
    ['nobody else may take new ones', 500, [2, buf, 10], EPERM],
    ['nor clear them', 500, [5], EPERM],
    ['unknown types want the capability, too', 500, [77], EPERM],
    ['open and close', 0, [1], 0],
    ['no buffer', 0, [2, null, 10], EINVAL],
    ['no buffer for the last messages', 500, [3, null, 10], EINVAL],
    ['a negative length', 0, [2, buf, -1], EINVAL],
    ['nothing to read into', 0, [2, buf, 0], 0],
    ['no bytes', 500, [3, 'x', 10], EFAULT],
    ['a length that is none', 0, [3, buf, 'x'], EINVAL],
    ['console off', 0, [6], 0],
    ['console on', 0, [7], 0],
    ['console level 0', 0, [8, null, 0], EINVAL],
    ['console level 1', 0, [8, null, 1], 0],
    ['console level 8', 0, [8, null, 8], 0],
    ['console level 9', 0, [8, null, 9], EINVAL],
    ['the size of the buffer', 500, [10], is26 ? 16_384 : EPERM],
    ['a negative type', 0, [-1], EINVAL],
    ['type 11', 0, [11], EINVAL],
    ['type 9 before 2.4', 0, [9], is26 ? 0 : EINVAL],
  ]
  it.each(rules)('%s', (_rule, uid, args, result) => {
    const k = boot(profile)
    drain(k.spawn({ uid: 0 }))
    expect(rare(k.spawn({ uid }))['syslog']?.(...args)).toBe(result)
  })

  it('type 9 counts unread bytes in 2.6', () => {
    const p = boot(profile).spawn()
    drain(p)
    printk(p, 'four')
    expect(p.sys.syslog(9)).toBe(is26 ? '<4>four\n'.length : EINVAL)
  })
})

describe('prctl(2), Linux sys_prctl', () => {
  it('is not there in 2.0', () => {
    expect(boot('2.0.35').spawn().sys.prctl(PR_SET_PDEATHSIG, 1)).toBe(ENOSYS)
  })

  it('knows PR_SET_PDEATHSIG only in 2.2.12', () => {
    const p = boot('2.2.12').spawn()
    const later = [
      PR_GET_PDEATHSIG,
      PR_GET_DUMPABLE,
      PR_SET_DUMPABLE,
      PR_GET_KEEPCAPS,
      PR_SET_KEEPCAPS,
      PR_SET_NAME,
    ]
    for (const option of later) expect(p.sys.prctl(option, 0)).toBe(EINVAL)
    expect(p.sys.prctl(PR_SET_PDEATHSIG, 64)).toBe(0)
    expect(p.sys.prctl(PR_SET_PDEATHSIG, 65)).toBe(EINVAL)
    expect(p.sys.prctl(PR_SET_PDEATHSIG, -1)).toBe(0)
  })

  const rules: readonly (readonly [rule: string, option: number, arg: unknown, result: unknown])[] = [
    ['a signal', PR_SET_PDEATHSIG, 15, 0],
    ['no signal above 64', PR_SET_PDEATHSIG, 65, EINVAL],
    ['no negative signal', PR_SET_PDEATHSIG, -1, EINVAL],
    ['none is set at first', PR_GET_PDEATHSIG, undefined, 0],
    ['dumpable at first', PR_GET_DUMPABLE, undefined, 1],
    ['dumpable 2 (2.6.13 to 2.6.17)', PR_SET_DUMPABLE, 2, 0],
    ['dumpable 3', PR_SET_DUMPABLE, 3, EINVAL],
    ['no capabilities kept at first', PR_GET_KEEPCAPS, undefined, 0],
    ['keep capabilities', PR_SET_KEEPCAPS, 1, 0],
    ['keep capabilities 2', PR_SET_KEEPCAPS, 2, EINVAL],
    ['statistical timing', PR_GET_TIMING, undefined, 0],
    ['other timing', PR_SET_TIMING, 1, EINVAL],
    ['unaligned access, another architecture`s', 5, 0, EINVAL],
    ['no such option', 99, 0, EINVAL],
    ['no number', PR_SET_KEEPCAPS, {}, EINVAL],
    ['no name', PR_SET_NAME, 7, EFAULT],
  ]
  it.each(rules)('2.6.14: %s', (_rule, option, arg, result) => {
    expect(
      boot('2.6.14')
        .spawn()
        .sys.prctl(option, arg as never),
    ).toBe(result)
  })

  it('what was set is read back', () => {
    const p = boot('2.6.14').spawn()
    p.sys.prctl(PR_SET_PDEATHSIG, SIGTERM)
    p.sys.prctl(PR_SET_DUMPABLE, 0)
    p.sys.prctl(PR_SET_KEEPCAPS, 1)
    expect([PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_GET_KEEPCAPS].map((option) => p.sys.prctl(option))).toEqual(
      [SIGTERM, 0, 1],
    )
  })

  it.each([
    ['worker', 'worker'],
    ['a name that is much too long', 'a name that is '],
    ['öööööööö', 'ööööööö'],
    ['cut\0off', 'cut'],
    ['', ''],
  ])('PR_SET_NAME %j is %j: at most 15 bytes', (name, comm) => {
    const p = boot('2.6.14').spawn()
    expect(p.sys.prctl(PR_SET_NAME, name)).toBe(0)
    expect(p.sys.prctl(PR_GET_NAME)).toBe(comm)
    expect(p.comm).toBe(comm)
  })

  it.each<Profile>(['2.2.12', '2.6.14'])(
    'a child gets its death signal when the parent ends, %s',
    (profile) => {
      const k = boot(profile)
      const parent = k.spawn()
      const pid = parent.sys.fork()
      const child = isErr(pid) ? undefined : k.process(pid)
      child?.sys.prctl(PR_SET_PDEATHSIG, SIGTERM)
      const grandchild = child?.sys.fork()
      parent.sys.exit(0)
      expect(child?.killedBy).toBe(SIGTERM)
      expect(k.process(Number(grandchild))?.state).toBe('idle')
    },
  )

  it('not from a parent that may not signal it (check_kill_permission)', () => {
    const k = boot('2.6.14')
    const parent = k.spawn({ uid: 0 })
    const pid = parent.sys.fork()
    const child = isErr(pid) ? undefined : k.process(pid)
    child?.sys.prctl(PR_SET_PDEATHSIG, SIGTERM)
    parent.sys.setuid(500)
    parent.sys.exit(0)
    expect(child?.state).toBe('idle')
  })
})
