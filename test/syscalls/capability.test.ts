/** capget(2) and capset(2). Linux: kernel/capability.c, security/commoncap.c. */
import {
  _LINUX_CAPABILITY_VERSION,
  CAP_CHOWN,
  CAP_FULL_SET,
  CAP_KILL,
  CAP_SETPCAP,
  CAP_SETUID,
  type CapData,
  capSetOf,
  createKernel,
  EFAULT,
  EINVAL,
  ENOSYS,
  EPERM,
  ESRCH,
  isErr,
  type Kernel,
  type Process,
  type Profile,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'

const MODERN: readonly Profile[] = ['2.2.12', '2.6.14']
const NONE = 0
const CHOWN = capSetOf(CAP_CHOWN)
const KILL = capSetOf(CAP_KILL)
const SETPCAP = capSetOf(CAP_SETPCAP)
const BOTH = capSetOf(CAP_CHOWN, CAP_KILL)

const boot = (profile: Profile): Kernel => createKernel({ profile, rootfs: 'empty' })
const sets = (effective: number, permitted: number, inheritable: number): CapData => ({
  effective,
  permitted,
  inheritable,
})

/** A process of root's with these sets, which init has given it: only init may raise CAP_SETPCAP. */
function holding(k: Kernel, data: CapData): Process {
  const p = k.spawn({ uid: 0 })
  const init = k.process(1)
  expect(init?.sys.capset(0, sets(CAP_FULL_SET, CAP_FULL_SET, NONE))).toBe(0)
  expect(init?.sys.capset(p.pid, data)).toBe(0)
  expect(p.sys.capget(0)).toEqual(data)
  return p
}

it('2.0 has no such calls (sys_call_table, 2.0.35)', () => {
  const p = boot('2.0.35').spawn()
  expect(p.sys.capget(0)).toBe(ENOSYS)
  expect(p.sys.capset(0, sets(0, 0, 0))).toBe(ENOSYS)
})

/** The three rules on sets that cap_capset_check states. */
const RULES: readonly (readonly [rule: string, from: CapData, to: CapData, result: number])[] = [
  ['effective within permitted', sets(NONE, BOTH, NONE), sets(KILL, BOTH, NONE), 0],
  ['effective beyond permitted', sets(NONE, CHOWN, NONE), sets(KILL, CHOWN, NONE), EPERM],
  ['effective must stay within the new permitted', sets(BOTH, BOTH, NONE), sets(BOTH, CHOWN, NONE), EPERM],
  ['permitted can be given up', sets(BOTH, BOTH, NONE), sets(CHOWN, CHOWN, NONE), 0],
  ['permitted cannot be added', sets(NONE, CHOWN, NONE), sets(NONE, BOTH, NONE), EPERM],
  ['inheritable from permitted', sets(NONE, CHOWN, NONE), sets(NONE, CHOWN, CHOWN), 0],
  ['inheritable kept without permitted', sets(NONE, CHOWN, CHOWN), sets(NONE, NONE, CHOWN), 0],
  ['inheritable neither permitted nor held', sets(NONE, CHOWN, NONE), sets(NONE, CHOWN, KILL), EPERM],
]

describe.each(MODERN)('capset(2), Linux %s sys_capset, cap_capset_check', (profile) => {
  it.each(RULES)('%s', (_rule, from, to, result) => {
    const p = holding(boot(profile), from)
    expect(p.sys.capset(0, to)).toBe(result)
    expect(p.sys.capget(0)).toEqual(result === 0 ? to : from)
  })

  it('takes effect at once', () => {
    const p = holding(boot(profile), sets(capSetOf(CAP_SETUID), capSetOf(CAP_SETUID), NONE))
    expect(p.sys.setgid(5)).toBe(EPERM)
    expect(p.sys.setresuid(5, 0, 0)).toBe(0)
  })

  it('judges a process by its own pid as by 0', () => {
    const p = boot(profile).spawn({ uid: 0 })
    expect(p.sys.capset(p.pid, sets(NONE, NONE, NONE))).toBe(0)
    expect(p.sys.capget(p.pid)).toEqual(sets(NONE, NONE, NONE))
  })

  it.each([[-1], [-2], [1], [3], [999]])('of others (%i) wants CAP_SETPCAP, whoever they are', (pid) => {
    const k = boot(profile)
    const p = k.spawn({ uid: 0 })
    k.spawn({ uid: 0 })
    expect(p.sys.capset(pid, sets(NONE, NONE, NONE))).toBe(EPERM)
    expect(p.sys.capset(pid, null as never)).toBe(EPERM)
  })

  it('of another process with CAP_SETPCAP gives what the caller may', () => {
    const k = boot(profile)
    const giver = holding(k, sets(SETPCAP, SETPCAP | KILL, NONE))
    const other = k.spawn({ uid: 500 })
    expect(giver.sys.capset(other.pid, sets(CHOWN, CHOWN, NONE))).toBe(EPERM)
    expect(giver.sys.capset(other.pid, sets(KILL, KILL, NONE))).toBe(0)
    expect(other.sys.capget(0)).toEqual(sets(KILL, KILL, NONE))
    expect(giver.sys.capset(999, sets(NONE, NONE, NONE))).toBe(ESRCH)
  })

  it('of all (-1) leaves out the caller and init (cap_set_all)', () => {
    const k = boot(profile)
    const giver = holding(k, sets(SETPCAP, CAP_FULL_SET, NONE))
    const others = [k.spawn({ uid: 0 }), k.spawn({ uid: 500 })]
    const before = giver.sys.capget(1)
    expect(giver.sys.capset(-1, sets(KILL, KILL, NONE))).toBe(0)
    for (const other of others) expect(other.sys.capget(0)).toEqual(sets(KILL, KILL, NONE))
    expect(giver.sys.capget(0)).toEqual(sets(SETPCAP, CAP_FULL_SET, NONE))
    expect(giver.sys.capget(1)).toEqual(before)
  })

  it('of a group (-pgid) reaches its processes in 2.2, only further threads in 2.6 (cap_set_pg)', () => {
    const k = boot(profile)
    const giver = holding(k, sets(SETPCAP, CAP_FULL_SET, NONE))
    const other = k.spawn({ uid: 0 })
    const before = other.sys.capget(0)
    expect(giver.sys.capset(-other.pid, sets(KILL, KILL, NONE))).toBe(0)
    expect(other.sys.capget(0)).toEqual(profile === '2.2.12' ? sets(KILL, KILL, NONE) : before)
    expect(giver.sys.capset(-999, sets(KILL, KILL, NONE))).toBe(0)
  })

  it.each([[null], [7], [{}], [{ effective: 0, permitted: 0 }], [{ ...sets(0, 0, 0), inheritable: '0' }]])(
    'gives EFAULT for %j',
    (data) => {
      expect(
        boot(profile)
          .spawn()
          .sys.capset(0, data as never),
      ).toBe(EFAULT)
    },
  )
})

describe.each(MODERN)('capget(2), Linux %s sys_capget', (profile) => {
  it('tells anybody about anybody', () => {
    const k = boot(profile)
    const p = k.spawn({ uid: 500 })
    const init = p.sys.capget(1)
    expect(p.sys.capget(0)).toEqual(sets(NONE, NONE, NONE))
    expect(isErr(init) ? init : init.effective & CHOWN).toBe(CHOWN)
  })

  it('knows no negative pid and no missing process', () => {
    const p = boot(profile).spawn()
    expect(p.sys.capget(-1)).toBe(EINVAL)
    expect(p.sys.capget(999)).toBe(ESRCH)
  })

  it('answers an unknown version with the one it speaks', () => {
    const p = boot(profile).spawn()
    const header = { version: 1, pid: 0 }
    expect(p.sys.capget(header as never)).toBe(EINVAL)
    expect(header.version).toBe(_LINUX_CAPABILITY_VERSION)
    expect(p.sys.capget(header as never)).toMatchObject({ inheritable: NONE })
    expect(p.sys.capget(null as never)).toBe(EFAULT)
    expect(p.sys.capget(Object.freeze({ version: 1 }) as never)).toBe(EFAULT)
  })
})
