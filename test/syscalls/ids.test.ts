/** User and group ids. Each row of a table is one rule of kernel/sys.c. */
import {
  CAP_FS_MASK,
  type CapData,
  createKernel,
  EACCES,
  EAGAIN,
  EFAULT,
  EINVAL,
  ENOSYS,
  EPERM,
  isErr,
  type Kernel,
  PR_SET_KEEPCAPS,
  type Process,
  type Profile,
  RLIMIT_NPROC,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'

const PROFILES: readonly Profile[] = ['2.0.35', '2.2.12', '2.6.14']
const MODERN: readonly Profile[] = ['2.2.12', '2.6.14']
type Ids = readonly [real: number, effective: number, saved: number]

const boot = (profile: Profile): Kernel => createKernel({ profile, rootfs: 'empty' })
const root = (k: Kernel): Process => k.spawn({ uid: 0, gid: 0 })

/** A process with these uids, made from root's. */
function withUids(profile: Profile, ids: Ids): Process {
  const p = root(boot(profile))
  expect(p.sys.setresuid(...ids)).toBe(0)
  return p
}

/** A process without CAP_SETGID that has these gids. */
function withGids(profile: Profile, ids: Ids): Process {
  const p = root(boot(profile))
  expect(p.sys.setresgid(...ids)).toBe(0)
  expect(p.sys.setuid(99)).toBe(0)
  return p
}

const caps = (p: Process): CapData => {
  const data = p.sys.capget(0)
  if (isErr(data)) throw new Error(`capget: ${data}`)
  return data
}

type Change = readonly [call: 'setuid' | 'setreuid' | 'setresuid', ...args: number[]]

function change(p: Process, kind: 'uid' | 'gid', [call, a = 0, b = 0, c = 0]: Change): number {
  const isUid = kind === 'uid'
  if (call === 'setuid') return isUid ? p.sys.setuid(a) : p.sys.setgid(a)
  if (call === 'setreuid') return isUid ? p.sys.setreuid(a, b) : p.sys.setregid(a, b)
  return isUid ? p.sys.setresuid(a, b, c) : p.sys.setresgid(a, b, c)
}

/** Without a capability: who starts as what, calls what, gets what and is what then. The same for uids and gids. */
const RULES: readonly (readonly [rule: string, from: Ids, call: Change, result: number, to: Ids])[] = [
  ['sys_setuid: the real id', [500, 600, 700], ['setuid', 500], 0, [500, 500, 700]],
  ['sys_setuid: the saved id', [500, 600, 700], ['setuid', 700], 0, [500, 700, 700]],
  ['sys_setuid: not the effective id', [500, 600, 700], ['setuid', 600], EPERM, [500, 600, 700]],
  ['sys_setuid: -1 is an id like any', [500, 600, 700], ['setuid', -1], EPERM, [500, 600, 700]],
  ['sys_setuid: no other id', [500, 600, 700], ['setuid', 0], EPERM, [500, 600, 700]],
  ['sys_setreuid: swaps', [500, 600, 700], ['setreuid', 600, 500], 0, [600, 500, 500]],
  ['sys_setreuid: -1 leaves both', [500, 600, 700], ['setreuid', -1, -1], 0, [500, 600, 700]],
  ['sys_setreuid: saves another effective id', [500, 600, 700], ['setreuid', -1, 700], 0, [500, 700, 700]],
  ['sys_setreuid: does not save the real id', [500, 600, 700], ['setreuid', -1, 500], 0, [500, 500, 700]],
  ['sys_setreuid: saves with the real id', [500, 600, 700], ['setreuid', 500, -1], 0, [500, 600, 600]],
  ['sys_setreuid: no saved id as real', [500, 600, 700], ['setreuid', 700, -1], EPERM, [500, 600, 700]],
  ['sys_setreuid: all or nothing', [500, 600, 700], ['setreuid', 600, 0], EPERM, [500, 600, 700]],
  ['sys_setresuid: any of the three', [500, 600, 700], ['setresuid', 700, 500, 600], 0, [700, 500, 600]],
  ['sys_setresuid: -1 leaves all', [500, 600, 700], ['setresuid', -1, -1, -1], 0, [500, 600, 700]],
  ['sys_setresuid: no other real id', [500, 600, 700], ['setresuid', 1, -1, -1], EPERM, [500, 600, 700]],
  ['sys_setresuid: no other effective id', [500, 600, 700], ['setresuid', -1, 1, -1], EPERM, [500, 600, 700]],
  ['sys_setresuid: no other saved id', [500, 600, 700], ['setresuid', 600, 500, 1], EPERM, [500, 600, 700]],
]

describe.each(MODERN)('ids without a capability, Linux %s kernel/sys.c', (profile) => {
  it.each(RULES)('uids, %s', (_rule, from, call, result, to) => {
    const p = withUids(profile, from)
    expect(change(p, 'uid', call)).toBe(result)
    expect(p.sys.getresuid()).toEqual(to)
  })

  it.each(RULES)('gids, %s', (_rule, from, call, result, to) => {
    const p = withGids(profile, from)
    expect(change(p, 'gid', call)).toBe(result)
    expect(p.sys.getresgid()).toEqual(to)
  })
})

const ROOT_RULES: readonly (readonly [rule: string, call: Change, to: Ids])[] = [
  ['sys_setuid: all three', ['setuid', 500], [500, 500, 500]],
  ['sys_setreuid: the real id alone, saving the effective one', ['setreuid', 500, -1], [500, 0, 0]],
  ['sys_setreuid: the effective id alone', ['setreuid', -1, 500], [0, 500, 500]],
  ['sys_setresuid: any', ['setresuid', 1, 2, 3], [1, 2, 3]],
  ['sys_setresuid: one', ['setresuid', -1, 2, -1], [0, 2, 0]],
]

describe.each(MODERN)('ids with CAP_SETUID or CAP_SETGID, Linux %s kernel/sys.c', (profile) => {
  it.each(ROOT_RULES)('uids, %s', (_rule, call, to) => {
    const p = root(boot(profile))
    expect(change(p, 'uid', call)).toBe(0)
    expect(p.sys.getresuid()).toEqual(to)
  })

  it.each(ROOT_RULES)('gids, %s', (_rule, call, to) => {
    const p = root(boot(profile))
    expect(change(p, 'gid', call)).toBe(0)
    expect(p.sys.getresgid()).toEqual(to)
  })
})

describe('2.0 and suser(), Linux 2.0.35 kernel/sys.c', () => {
  it('gives up root by setuid for good', () => {
    const p = root(boot('2.0.35'))
    expect(p.sys.setuid(500)).toBe(0)
    expect([p.sys.getuid(), p.sys.geteuid()]).toEqual([500, 500])
    expect(p.sys.setuid(0)).toBe(EPERM)
  })

  it('swaps back and forth by setreuid', () => {
    const p = root(boot('2.0.35'))
    expect(p.sys.setreuid(0, 500)).toBe(0)
    expect(p.sys.setgroups([1])).toBe(EPERM)
    expect(p.sys.setreuid(500, 0)).toBe(0)
    expect(p.sys.setgroups([1])).toBe(0)
  })

  it('has no saved-id calls', () => {
    const p = root(boot('2.0.35'))
    expect(p.sys.setresuid(1, 1, 1)).toBe(ENOSYS)
    expect(p.sys.getresgid()).toBe(ENOSYS)
  })
})

describe('the width of an id', () => {
  it.each(PROFILES)('Linux %s: setuid(-1) by root is the highest id', (profile) => {
    const p = root(boot(profile))
    expect(p.sys.setuid(-1)).toBe(0)
    expect(p.sys.getuid()).toBe(profile === '2.6.14' ? 0xffffffff : 0xffff)
  })

  it.each(PROFILES)('Linux %s: what does not fit is cut off', (profile) => {
    const p = root(boot(profile))
    expect(p.sys.setgid(70_000)).toBe(0)
    expect(p.sys.getgid()).toBe(profile === '2.6.14' ? 70_000 : 70_000 - 65_536)
  })

  it.each(PROFILES)('Linux %s: 65535 leaves an id where ids have 16 bits', (profile) => {
    const p = root(boot(profile))
    expect(p.sys.setreuid(65_535, 500)).toBe(0)
    expect(p.sys.getuid()).toBe(profile === '2.6.14' ? 65_535 : 0)
  })
})

describe.each(PROFILES)('setfsuid(2), setfsgid(2), Linux %s kernel/sys.c', (profile) => {
  it('returns the id before, whether it may or not', () => {
    const p = root(boot(profile))
    expect(p.sys.setfsuid(500)).toBe(0)
    expect(p.sys.setfsgid(600)).toBe(0)
    expect(p.sys.setuid(700)).toBe(0)
    expect(p.sys.setfsuid(1)).toBe(700)
    expect(p.sys.setfsuid(700)).toBe(700)
    expect(p.sys.setfsgid(1)).toBe(600)
    expect(p.sys.setfsgid(600)).toBe(600)
    expect(p.sys.setfsgid(0)).toBe(600)
    expect(p.sys.setfsgid(0)).toBe(0)
  })

  it('follows the effective id', () => {
    const p = root(boot(profile))
    p.sys.setreuid(-1, 500)
    p.sys.setregid(-1, 600)
    expect(p.sys.setfsuid(500)).toBe(500)
  })
})

describe.each(MODERN)('setresuid(2) and the file-system ids, Linux %s', (profile) => {
  it('resets them in 2.6 even where it leaves the effective id (sys_setresuid)', () => {
    const p = withUids(profile, [500, 600, 700])
    expect(p.sys.setfsuid(500)).toBe(600)
    expect(p.sys.setresuid(-1, -1, 500)).toBe(0)
    expect(p.sys.setfsuid(600)).toBe(profile === '2.6.14' ? 600 : 500)
  })

  it('does so for gids (sys_setresgid)', () => {
    const p = withGids(profile, [500, 600, 700])
    expect(p.sys.setfsgid(500)).toBe(600)
    expect(p.sys.setresgid(-1, -1, 500)).toBe(0)
    expect(p.sys.setfsgid(600)).toBe(profile === '2.6.14' ? 600 : 500)
  })
})

describe.each(MODERN)('capabilities after a change of uids, Linux %s cap_emulate_setxuid', (profile) => {
  it('are gone when no uid is 0 any more', () => {
    const p = root(boot(profile))
    p.sys.setuid(500)
    expect(caps(p)).toMatchObject({ effective: 0, permitted: 0 })
  })

  it('are not effective while the effective uid is not 0', () => {
    const p = root(boot(profile))
    const { permitted } = caps(p)
    p.sys.setresuid(-1, 500, -1)
    expect(caps(p)).toMatchObject({ effective: 0, permitted })
    p.sys.setresuid(-1, 0, -1)
    expect(caps(p)).toMatchObject({ effective: permitted, permitted })
  })

  it('on files follow the file-system uid (sys_setfsuid)', () => {
    const p = root(boot(profile))
    const { effective } = caps(p)
    p.sys.setfsuid(500)
    expect(caps(p).effective).toBe((effective & ~CAP_FS_MASK) >>> 0)
    p.sys.setfsuid(0)
    expect(caps(p).effective).toBe(effective)
  })
})

it('PR_SET_KEEPCAPS keeps what is permitted, not what is effective (cap_emulate_setxuid, 2.6.14)', () => {
  const p = root(boot('2.6.14'))
  const { permitted } = caps(p)
  expect(p.sys.prctl(PR_SET_KEEPCAPS, 1)).toBe(0)
  p.sys.setuid(500)
  expect(caps(p)).toMatchObject({ effective: 0, permitted })
})

describe.each(MODERN)('RLIMIT_NPROC and set*uid, Linux %s set_user', (profile) => {
  /** root's process with a limit of one process, and another process of user 500. */
  function full(): Process {
    const k = boot(profile)
    k.spawn({ uid: 500 })
    const p = root(k)
    expect(p.sys.setrlimit(RLIMIT_NPROC, { cur: 1, max: 1 })).toBe(0)
    return p
  }
  const expected = profile === '2.6.14' ? EAGAIN : 0

  const calls: readonly Change[] = [
    ['setuid', 500],
    ['setreuid', 500, -1],
    ['setresuid', 500, -1, -1],
  ]
  it.each(calls.map((call) => ({ call })))('$call to a user with that many processes', ({ call }) => {
    expect(change(full(), 'uid', call)).toBe(expected)
  })

  it('does not look at root, nor at an unchanged real uid', () => {
    const p = full()
    expect(p.sys.setresuid(0, 500, 0)).toBe(0)
    expect(p.sys.setresuid(0, 0, 0)).toBe(0)
  })

  it('counts the process under its new real uid', () => {
    const k = boot(profile)
    const p = root(k)
    expect(p.sys.setresuid(500, 500, 0)).toBe(0)
    expect(p.sys.setrlimit(RLIMIT_NPROC, { cur: 1, max: 1 })).toBe(0)
    expect(p.sys.fork()).toBe(EAGAIN)
    expect(p.sys.setresuid(0, 0, 0)).toBe(0)
    expect(p.sys.fork()).toBeGreaterThan(0)
  })
})

describe.each(PROFILES)('setgroups(2), getgroups(2), Linux %s kernel/sys.c', (profile) => {
  it('keeps the order before 2.6.4 and sorts since (groups_sort)', () => {
    const p = root(boot(profile))
    expect(p.sys.setgroups([30, 4, 20, 4])).toBe(0)
    expect(p.sys.getgroups()).toEqual(profile === '2.6.14' ? [4, 4, 20, 30] : [30, 4, 20, 4])
  })

  it('takes NGROUPS and no more', () => {
    const p = root(boot(profile))
    const most = profile === '2.6.14' ? 65_536 : 32
    const groups = Array.from({ length: most + 1 }, (_, gid) => gid)
    expect(p.sys.setgroups(groups)).toBe(EINVAL)
    expect(p.sys.getgroups()).toEqual([])
    expect(p.sys.setgroups(groups.slice(1))).toBe(0)
    expect(p.sys.getgroups()).toHaveLength(most)
  })

  it('wants CAP_SETGID before it looks at the list', () => {
    const p = boot(profile).spawn({ uid: 500, groups: [7] })
    expect(p.sys.setgroups(Array.from({ length: 70_000 }, () => 1))).toBe(EPERM)
    expect(p.sys.getgroups()).toEqual([7])
  })

  it.each([[null], [7], ['7'], [{ length: 1 }], [['7']], [[1.5]], [[Number.NaN]], [new Array(1)]])(
    'gives EFAULT for %j',
    (list) => {
      const p = root(boot(profile))
      expect(p.sys.setgroups(list as never)).toBe(EFAULT)
      expect(p.sys.getgroups()).toEqual([])
    },
  )

  it('hands out a copy', () => {
    const p = root(boot(profile))
    p.sys.setgroups([1])
    const groups = p.sys.getgroups()
    if (!isErr(groups)) groups.push(groups[0] as never)
    expect(p.sys.getgroups()).toEqual([1])
  })
})

describe('modules and ids', () => {
  /** A kernel whose module refuses everything from `refuses` on and counts changes. */
  function watched(refuses: boolean): { readonly k: Kernel; readonly changed: number[] } {
    const changed: number[] = []
    const no = (): number => (refuses ? EACCES : 0)
    const module = {
      name: 'watch',
      init: () => ({}),
      attach: () => ({
        api: {},
        hooks: { taskSetuid: no, taskSetgid: no, taskSetgroups: no },
        notify: { setid: (task: { readonly pid: number }) => void changed.push(task.pid) },
      }),
    }
    return { k: createKernel({ profile: '2.6.14', modules: [module] }) as unknown as Kernel, changed }
  }

  it('are asked before the kernel judges (security_task_setuid, 2.6.14)', () => {
    const { k, changed } = watched(true)
    const p = k.spawn({ uid: 500 })
    // What the host starts with other ids is told too; see notify.setid.
    changed.length = 0
    expect(p.sys.setuid(0)).toBe(EACCES)
    expect(p.sys.setreuid(0, 0)).toBe(EACCES)
    expect(p.sys.setresgid(0, 0, 0)).toBe(EACCES)
    expect(p.sys.setgroups([1])).toBe(EPERM)
    expect(k.spawn({ uid: 0 }).sys.setgroups([1])).toBe(EACCES)
    expect(changed).toEqual([])
  })

  it('keep setfsuid from changing anything, unseen (sys_setfsuid, 2.6.14)', () => {
    const p = watched(true).k.spawn({ uid: 0 })
    expect(p.sys.setfsuid(500)).toBe(0)
    expect(p.sys.setfsuid(500)).toBe(0)
  })

  it('are told of changes', () => {
    const { k, changed } = watched(false)
    const p = k.spawn({ uid: 0 })
    p.sys.setgid(5)
    p.sys.setuid(5)
    p.sys.setuid(6)
    expect(changed).toEqual([p.pid, p.pid])
  })
})
