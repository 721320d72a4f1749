/** Resource limits, priorities, usage. Linux: kernel/sys.c, kernel/sched.c. */
import {
  createKernel,
  EACCES,
  EFAULT,
  EINVAL,
  ENOSYS,
  EPERM,
  ESRCH,
  isErr,
  type Kernel,
  PRIO_PGRP,
  PRIO_PROCESS,
  PRIO_USER,
  type Process,
  type Profile,
  RLIM_INFINITY,
  RLIMIT_CPU,
  RLIMIT_FSIZE,
  RLIMIT_NICE,
  RLIMIT_NOFILE,
  type Rlimit,
  RUSAGE_BOTH,
  RUSAGE_CHILDREN,
  RUSAGE_SELF,
  SIG_IGN,
  SIGKILL,
  SIGXCPU,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'

const PROFILES: readonly Profile[] = ['2.0.35', '2.2.12', '2.6.14']
const is26 = (profile: Profile): boolean => profile === '2.6.14'

const boot = (profile: Profile, syscallTime = 0): Kernel =>
  createKernel({ profile, rootfs: 'empty', syscallTime })

function fork(k: Kernel, parent: Process): Process {
  const pid = parent.sys.fork()
  const child = isErr(pid) ? undefined : k.process(pid)
  if (child === undefined) throw new Error(`fork: ${pid}`)
  return child
}

/** Calls that are rare enough to have no type. */
const rare = (p: Process): Readonly<Record<string, (...args: unknown[]) => unknown>> => p.sys as never

const pair = (cur: number, max: number): Rlimit => ({ cur, max })

describe.each(PROFILES)('getrlimit(2), setrlimit(2), Linux %s', (profile) => {
  const unlimited = is26(profile) ? RLIM_INFINITY : 0x7fffffff

  /** From 10 of at most 20; who sets what, and what comes of it. */
  const rules: readonly (readonly [rule: string, uid: number, to: Rlimit, result: number])[] = [
    ['lower the soft limit', 500, pair(5, 20), 0],
    ['raise the soft limit to the hard one', 500, pair(20, 20), 0],
    ['lower the hard limit', 500, pair(10, 10), 0],
    ['raise the hard limit', 500, pair(10, 21), EPERM],
    ['raise the hard limit with CAP_SYS_RESOURCE', 0, pair(10, 21), 0],
    ['a soft limit above the hard one that is set with it', 500, pair(15, 12), is26(profile) ? EINVAL : 0],
    ['a soft limit above the old hard one', 500, pair(21, 20), is26(profile) ? EINVAL : EPERM],
    ['a soft limit above both', 0, pair(30, 20), is26(profile) ? EINVAL : 0],
    ['unlimited', 0, pair(RLIM_INFINITY, RLIM_INFINITY), 0],
    ['as the C library of the profile writes unlimited', 0, pair(unlimited, unlimited), 0],
  ]
  it.each(rules)('sys_setrlimit: %s', (_rule, uid, to, result) => {
    const p = boot(profile).spawn({ uid: 0 })
    p.sys.setrlimit(RLIMIT_FSIZE, pair(10, 20))
    p.sys.setuid(uid)
    expect(p.sys.setrlimit(RLIMIT_FSIZE, to)).toBe(result)
    const shown = pair(Math.min(to.cur, unlimited), Math.min(to.max, unlimited))
    expect(p.sys.getrlimit(RLIMIT_FSIZE)).toEqual(result === 0 ? shown : pair(10, 20))
  })

  it('has no limits beyond RLIM_NLIMITS', () => {
    const p = boot(profile).spawn()
    for (const resource of [-1, is26(profile) ? 15 : 10]) {
      expect(p.sys.getrlimit(resource)).toBe(EINVAL)
      expect(p.sys.setrlimit(resource, null as never)).toBe(EINVAL)
    }
    expect(p.sys.getrlimit(is26(profile) ? 14 : 9)).toMatchObject({ max: expect.any(Number) })
  })

  it('keeps descriptors below NR_OPEN, even for root', () => {
    const p = boot(profile).spawn()
    const most = { '2.0.35': 256, '2.2.12': 1024, '2.6.14': 1024 * 1024 }[profile]
    expect(p.sys.setrlimit(RLIMIT_NOFILE, pair(8, most + 1))).toBe(EPERM)
    expect(p.sys.setrlimit(RLIMIT_NOFILE, pair(8, most))).toBe(0)
  })

  it.each([
    [null],
    [undefined],
    [3],
    [{}],
    [{ cur: 1 }],
    [{ cur: 1, max: '2' }],
    [{ cur: Number.NaN, max: 1 }],
  ])('gives EFAULT for %j', (value) => {
    expect(
      boot(profile)
        .spawn()
        .sys.setrlimit(RLIMIT_FSIZE, value as never),
    ).toBe(EFAULT)
  })

  it('is inherited, and the child`s own from then on', () => {
    const k = boot(profile)
    const p = k.spawn()
    p.sys.setrlimit(RLIMIT_FSIZE, pair(10, 20))
    const child = fork(k, p)
    child.sys.setrlimit(RLIMIT_FSIZE, pair(1, 1))
    expect(p.sys.getrlimit(RLIMIT_FSIZE)).toEqual(pair(10, 20))
    expect(fork(k, child).sys.getrlimit(RLIMIT_FSIZE)).toEqual(pair(1, 1))
  })
})

describe.each(PROFILES)('nice(2), Linux %s sys_nice', (profile) => {
  const niceOf = (p: Process): number => 20 - p.sys.getpriority(PRIO_PROCESS, 0)

  it('adds, and stays within -20 and 19', () => {
    const p = boot(profile).spawn({ uid: 0 })
    expect(p.sys.nice(5)).toBe(0)
    expect(niceOf(p)).toBe(5)
    expect(p.sys.nice(1000)).toBe(0)
    expect(niceOf(p)).toBe(19)
    expect(p.sys.nice(-1000)).toBe(0)
    expect(niceOf(p)).toBe(-20)
  })

  it('wants CAP_SYS_NICE to lower it', () => {
    const p = boot(profile).spawn({ uid: 500 })
    expect(p.sys.nice(3)).toBe(0)
    expect(p.sys.nice(-1)).toBe(EPERM)
    expect(p.sys.nice(0)).toBe(0)
    expect(niceOf(p)).toBe(3)
  })

  it('is inherited', () => {
    const k = boot(profile)
    const p = k.spawn({ uid: 500 })
    p.sys.nice(7)
    expect(niceOf(fork(k, p))).toBe(7)
  })
})

it('RLIMIT_NICE lets it go down to 20 minus the limit (can_nice, 2.6.14)', () => {
  const p = boot('2.6.14').spawn({ uid: 0 })
  p.sys.setrlimit(RLIMIT_NICE, pair(25, 25))
  p.sys.setuid(500)
  expect(p.sys.nice(-6)).toBe(EPERM)
  expect(p.sys.nice(-5)).toBe(0)
  expect(p.sys.setpriority(PRIO_PROCESS, 0, -6)).toBe(EACCES)
  expect(p.sys.getpriority(PRIO_PROCESS, 0)).toBe(25)
})

describe.each(PROFILES)('setpriority(2), getpriority(2), Linux %s', (profile) => {
  it('of a process, of a group and of a user: the highest (sys_getpriority)', () => {
    const k = boot(profile)
    const p = k.spawn({ uid: 500 })
    const child = fork(k, p)
    const other = k.spawn({ uid: 500 })
    expect(p.sys.setpriority(PRIO_PROCESS, 0, 10)).toBe(0)
    expect(p.sys.setpriority(PRIO_PROCESS, child.pid, 5)).toBe(0)
    expect(p.sys.getpriority(PRIO_PROCESS, p.pid)).toBe(10)
    expect(p.sys.getpriority(PRIO_PGRP, 0)).toBe(15)
    expect(other.sys.getpriority(PRIO_PGRP, p.pid)).toBe(15)
    expect(p.sys.getpriority(PRIO_USER, 0)).toBe(20)
    expect(p.sys.setpriority(PRIO_USER, 500, 19)).toBe(0)
    expect(other.sys.getpriority(PRIO_USER, 500)).toBe(1)
  })

  it('clips the value', () => {
    const p = boot(profile).spawn({ uid: 0 })
    expect(p.sys.setpriority(PRIO_PROCESS, 0, 100)).toBe(0)
    expect(p.sys.getpriority(PRIO_PROCESS, 0)).toBe(1)
    expect(p.sys.setpriority(PRIO_PROCESS, 0, -100)).toBe(0)
    expect(p.sys.getpriority(PRIO_PROCESS, 0)).toBe(40)
  })

  const refusals: readonly (readonly [
    rule: string,
    which: number,
    who: number,
    nice: number,
    error: number,
  ])[] = [
    ['which below 0', -1, 0, 1, EINVAL],
    ['which above 2', 3, 0, 1, EINVAL],
    ['no such process', PRIO_PROCESS, 999, 1, ESRCH],
    ['no such group', PRIO_PGRP, 999, 1, ESRCH],
    ['no such user', PRIO_USER, 999, 1, ESRCH],
    ['somebody else`s process', PRIO_PROCESS, 1, 1, EPERM],
    ['a lower value', PRIO_PROCESS, 0, -1, EACCES],
  ]
  it.each(refusals)('sys_setpriority: %s', (_rule, which, who, nice, error) => {
    const p = boot(profile).spawn({ uid: 500 })
    expect(p.sys.setpriority(which, who, nice)).toBe(error)
    if (error !== EPERM && error !== EACCES) expect(p.sys.getpriority(which, who)).toBe(error)
  })

  it('changes whom it may and reports whom it may not', () => {
    const k = boot(profile)
    const top = k.spawn({ uid: 0 })
    const [mine, roots] = [fork(k, top), fork(k, top)]
    mine.sys.setuid(500)
    expect(mine.sys.setpriority(PRIO_PGRP, 0, 4)).toBe(EPERM)
    expect(mine.sys.getpriority(PRIO_PROCESS, 0)).toBe(16)
    expect(roots.sys.getpriority(PRIO_PROCESS, 0)).toBe(20)
  })
})

describe('whose priority one may set, Linux 2.2.12 sys_setpriority, 2.6.14 set_one_prio', () => {
  const cases: readonly (readonly [Profile, real: number, effective: number, result: number])[] = [
    ['2.2.12', 500, 700, 0],
    ['2.2.12', 700, 600, EPERM],
    ['2.6.14', 500, 700, EPERM],
    ['2.6.14', 700, 600, 0],
  ]
  it.each(cases)(
    '%s: a caller of uid %i and euid %i that of real uid 500, effective uid 600: %i',
    (...row) => {
      const [profile, real, effective, result] = row
      const k = boot(profile)
      const target = k.spawn({ uid: 0 })
      expect(target.sys.setresuid(500, 600, 600)).toBe(0)
      const p = k.spawn({ uid: 0 })
      expect(p.sys.setresuid(real, effective, 9)).toBe(0)
      expect(p.sys.setpriority(PRIO_PROCESS, target.pid, 1)).toBe(result)
    },
  )
})

describe.each(PROFILES)('CPU time, Linux %s', (profile) => {
  it('is not used unless calls cost time', () => {
    const p = boot(profile).spawn()
    p.sys.getpid()
    expect(p.sys.times()).toEqual({ utime: 0, stime: 0, cutime: 0, cstime: 0, elapsed: 0 })
    expect(p.sys.getrusage(RUSAGE_SELF)).toEqual({ utime: 0, stime: 0, minflt: 0, majflt: 0 })
  })

  it('is charged half to the program and half to the kernel', () => {
    const p = boot(profile, 50).spawn()
    for (let i = 0; i < 9; i++) p.sys.getpid()
    expect(p.sys.times()).toMatchObject({ utime: 25, stime: 25, cutime: 0, cstime: 0 })
    expect(p.sys.getrusage(RUSAGE_SELF)).toMatchObject({ utime: 275_000, stime: 275_000 })
  })

  it('of children counts when they have been waited for', () => {
    const k = boot(profile, 20)
    const p = k.spawn()
    const child = fork(k, p)
    for (let i = 0; i < 9; i++) child.sys.getpid()
    child.sys.exit(0)
    expect(p.sys.getrusage(RUSAGE_CHILDREN)).toMatchObject({ utime: 0 })
    p.sys.waitpid(child.pid)
    expect(p.sys.getrusage(RUSAGE_CHILDREN)).toMatchObject({ utime: 100_000, stime: 100_000 })
    expect(p.sys.times()).toMatchObject({ cutime: 10, cstime: 10 })
  })

  it('getrusage knows SELF and CHILDREN only', () => {
    const p = boot(profile).spawn()
    expect(p.sys.getrusage(1)).toBe(EINVAL)
    expect(p.sys.getrusage(RUSAGE_BOTH)).toBe(EINVAL)
  })

  it('elapsed is ticks of 10 ms since boot', () => {
    const k = boot(profile)
    const p = k.spawn()
    k.advance(1239)
    expect(p.sys.times()).toMatchObject({ elapsed: 123 })
  })
})

describe('RLIMIT_CPU', () => {
  /** At which CPU second each signal came, for a process that ignores SIGXCPU. */
  function run(profile: Profile, limit: Rlimit): { xcpu: number[]; died: number; left: unknown } {
    const k = boot(profile, 100)
    const p = k.spawn()
    const xcpu: number[] = []
    let seconds = 0
    p.sys.sigaction(SIGXCPU, { handler: () => void xcpu.push(seconds), flags: 0, mask: [] })
    p.sys.setrlimit(RLIMIT_CPU, limit)
    for (let calls = 3; p.state !== 'dead' && p.state !== 'zombie' && calls < 98; calls++) {
      seconds = calls / 10
      p.sys.getpid()
    }
    const alive = p.state === 'idle'
    return {
      xcpu,
      died: alive ? Number.POSITIVE_INFINITY : seconds,
      left: alive ? p.sys.getrlimit(RLIMIT_CPU) : null,
    }
  }

  it('sends SIGXCPU a second past the soft limit, then each second; SIGKILL past the hard one (do_process_times, 2.2)', () => {
    expect(run('2.2.12', pair(1, 4))).toMatchObject({ xcpu: [2, 3, 4], died: 5 })
  })

  it('sends SIGXCPU at the soft limit, which moves on; SIGKILL at the hard one (check_process_timers, 2.6.14)', () => {
    expect(run('2.6.14', pair(1, 4))).toMatchObject({ xcpu: [1, 2, 3], died: 4 })
    expect(run('2.6.14', pair(8, RLIM_INFINITY))).toMatchObject({
      xcpu: [8, 9],
      left: pair(10, RLIM_INFINITY),
    })
  })

  it('of 0 seconds is no limit until 2.6.17 (sys_setrlimit, 2.6.14)', () => {
    expect(run('2.6.14', pair(0, 0))).toMatchObject({ xcpu: [], died: Number.POSITIVE_INFINITY })
  })

  it('kills a process that does not handle it', () => {
    const p = boot('2.2.12', 500).spawn()
    p.sys.setrlimit(RLIMIT_CPU, pair(1, 10))
    for (let i = 0; i < 10 && p.state === 'idle'; i++) p.sys.getpid()
    expect(p.killedBy).toBe(SIGXCPU)
  })

  it('cannot be ignored past the hard limit', () => {
    const p = boot('2.6.14', 500).spawn()
    p.sys.sigaction(SIGXCPU, { handler: SIG_IGN, flags: 0, mask: [] })
    p.sys.setrlimit(RLIMIT_CPU, pair(1, 2))
    for (let i = 0; i < 10 && p.state === 'idle'; i++) p.sys.getpid()
    expect(p.killedBy).toBe(SIGKILL)
  })
})

describe.each(PROFILES)('sched_*, Linux %s kernel/sched.c', (profile) => {
  it('everybody has SCHED_OTHER', () => {
    const p = boot(profile).spawn({ uid: 500 })
    expect(rare(p)['sched_getscheduler']?.(0)).toBe(0)
    expect(rare(p)['sched_getparam']?.(1)).toEqual({ priority: 0 })
    expect(rare(p)['sched_getscheduler']?.(999)).toBe(ESRCH)
    expect(rare(p)['sched_getparam']?.(-1)).toBe(EINVAL)
    expect(p.sys.sched_yield()).toBe(0)
  })

  const rules: readonly (readonly [rule: string, uid: number, args: readonly unknown[], result: number])[] = [
    ['SCHED_OTHER with priority 0', 500, [0, 0, { priority: 0 }], 0],
    ['SCHED_OTHER with another', 500, [0, 0, { priority: 1 }], EINVAL],
    ['a real-time policy', 500, [0, 1, { priority: 1 }], EPERM],
    ['a real-time policy by root: not modelled', 0, [0, 1, { priority: 1 }], EINVAL],
    ['a real-time policy without priority', 500, [0, 2, { priority: 0 }], EINVAL],
    ['a priority above 99', 500, [0, 2, { priority: 100 }], EINVAL],
    ['an unknown policy', 500, [0, 7, { priority: 0 }], EINVAL],
    ['no parameter, before the pid', 500, [999, 0, null], EINVAL],
    ['a bad parameter, before the pid', 500, [999, 0, {}], EFAULT],
    ['no such process, before the policy', 500, [999, 7, { priority: 0 }], ESRCH],
    ['a negative process', 500, [-1, 0, {}], EINVAL],
    ['somebody else`s process', 500, [1, 0, { priority: 0 }], EPERM],
  ]
  it.each(rules)('setscheduler: %s', (_rule, uid, args, result) => {
    expect(rare(boot(profile).spawn({ uid }))['sched_setscheduler']?.(...args)).toBe(result)
  })

  it('priorities', () => {
    const p = rare(boot(profile).spawn())
    expect([0, 1, 2, 3].map((policy) => p['sched_get_priority_max']?.(policy))).toEqual([0, 99, 99, EINVAL])
    expect([0, 1, 2, 3].map((policy) => p['sched_get_priority_min']?.(policy))).toEqual([0, 1, 1, EINVAL])
  })

  it('sched_rr_get_interval: not there (2.0), 150 us (2.2), by nice value (2.6)', () => {
    const p = boot(profile).spawn()
    const expected = {
      '2.0.35': ENOSYS,
      '2.2.12': { sec: 0, nsec: 150_000 },
      '2.6.14': { sec: 0, nsec: 100_000_000 },
    }
    expect(rare(p)['sched_rr_get_interval']?.(0)).toEqual(expected[profile])
    p.sys.nice(-20)
    if (is26(profile)) expect(rare(p)['sched_rr_get_interval']?.(0)).toEqual({ sec: 0, nsec: 800_000_000 })
  })
})

it('modules are asked for leave (security_task_setnice, security_task_setrlimit, 2.6.14)', () => {
  const no = (): number => EACCES
  const hooks = { taskSetnice: no, taskSetrlimit: no }
  const module = { name: 'no', init: () => ({}), attach: () => ({ api: {}, hooks }) }
  const p = createKernel({ profile: '2.6.14', modules: [module] }).spawn()
  expect(p.sys.nice(1)).toBe(EACCES)
  expect(p.sys.setpriority(PRIO_PROCESS, 0, 1)).toBe(EACCES)
  expect(p.sys.getpriority(PRIO_PROCESS, 0)).toBe(20)
  expect(p.sys.setrlimit(RLIMIT_FSIZE, pair(1, 1))).toBe(EACCES)
  expect(p.sys.setrlimit(RLIMIT_FSIZE, pair(2, 1))).toBe(EINVAL)
})
