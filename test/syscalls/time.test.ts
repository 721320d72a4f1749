/** Clocks, timers, sleeping. Linux: kernel/time.c, kernel/itimer.c, kernel/timer.c (2.6.14), kernel/sched.c (2.2). */
import {
  createKernel,
  DIRECT,
  EFAULT,
  EINTR,
  EINVAL,
  EPERM,
  ITIMER_PROF,
  ITIMER_REAL,
  ITIMER_VIRTUAL,
  isErr,
  type Kernel,
  type Process,
  type Profile,
  type ProgramSys,
  SA_RESTART,
  SIG_IGN,
  SIGALRM,
  SIGCONT,
  SIGKILL,
  SIGPROF,
  SIGSTOP,
  SIGUSR1,
  SIGVTALRM,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'

const PROFILES: readonly Profile[] = ['2.0.35', '2.2.12', '2.6.14']

const boot = (profile: Profile, syscallTime = 0): Kernel =>
  createKernel({ profile, rootfs: 'empty', syscallTime })

/** Calls that are rare enough to have no type. */
const rare = (p: Process): Readonly<Record<string, (...args: unknown[]) => unknown>> => p.sys as never

/** The same, only started. */
const begun = (p: Process): Readonly<Record<string, (...args: unknown[]) => unknown>> => p.begin as never

/** Notes when (milliseconds since boot) a signal's handler ran. */
function noting(k: Kernel, p: Process, sig: number, flags = 0): number[] {
  const times: number[] = []
  expect(isErr(p.sys.sigaction(sig, { handler: () => void times.push(k.now), flags, mask: [] }))).toBe(false)
  return times
}

/** Timers that are set in the whole kernel. */
const pendingTimers = (p: Process): number => p.current().k.state.timers.heap.length

describe.each(PROFILES)('clocks, Linux %s', (profile) => {
  it('time and gettimeofday start on the day of release and go with the virtual clock', () => {
    const k = boot(profile)
    const p = k.spawn()
    const start = p.sys.time()
    expect(p.sys.gettimeofday()).toEqual({ sec: start, usec: 0 })
    k.advance(1999.5)
    expect(p.sys.time()).toBe(start + 1)
    expect(p.sys.gettimeofday()).toEqual({ sec: start + 1, usec: 999_500 })
  })

  it('stime and settimeofday set the wall clock, with CAP_SYS_TIME', () => {
    const k = boot(profile)
    const p = k.spawn()
    expect(rare(p)['stime']?.(1000)).toBe(0)
    k.advance(500)
    expect(p.sys.gettimeofday()).toEqual({ sec: 1000, usec: 500_000 })
    expect(rare(p)['settimeofday']?.({ sec: 7, usec: 9 })).toBe(0)
    expect(p.sys.gettimeofday()).toEqual({ sec: 7, usec: 9 })
    expect(k.now).toBe(500)
    const user = k.spawn({ uid: 500 })
    expect(rare(user)['stime']?.(1)).toBe(EPERM)
    expect(rare(user)['settimeofday']?.({ sec: 1, usec: 0 })).toBe(EPERM)
    expect(user.sys.time()).toBe(7)
  })

  it.each([
    [{ sec: 1, usec: 1_000_000 }, EINVAL],
    [{ sec: 1, usec: -1 }, EINVAL],
    [{ sec: 1 }, EFAULT],
    [{ sec: '1', usec: 0 }, EFAULT],
    [7, EFAULT],
    [null, 0],
  ])('settimeofday(%j) is %i (sys_settimeofday)', (tv, result) => {
    expect(rare(boot(profile).spawn())['settimeofday']?.(tv)).toBe(result)
  })
})

describe.each(PROFILES)('alarm(2), Linux %s sys_alarm', (profile) => {
  it('sends SIGALRM once', () => {
    const k = boot(profile)
    const p = k.spawn()
    const times = noting(k, p, SIGALRM)
    expect(p.sys.alarm(3)).toBe(0)
    k.advance(10_000)
    expect(times).toEqual([3000])
    expect(p.sys.alarm(0)).toBe(0)
  })

  it('replaces the one before, and 0 cancels', () => {
    const k = boot(profile)
    const p = k.spawn()
    const times = noting(k, p, SIGALRM)
    p.sys.alarm(3)
    expect(p.sys.alarm(5)).toBe(3)
    k.advance(4000)
    expect(p.sys.alarm(0)).toBe(1)
    k.advance(10_000)
    expect(times).toEqual([])
    expect(pendingTimers(p)).toBe(0)
  })

  /** What was left of 10 seconds after so many milliseconds. */
  const rounding: readonly (readonly [afterMs: number, old: number, modern: number])[] = [
    [0, 10, 10],
    [200, 10, 10],
    [500, 10, 10],
    [700, 10, 9],
    [9700, 1, 1],
  ]
  it.each(rounding)('after %i ms', (afterMs, old, modern) => {
    const k = boot(profile)
    const p = k.spawn()
    p.sys.alarm(10)
    k.advance(afterMs)
    expect(p.sys.alarm(0)).toBe(profile === '2.6.14' ? modern : old)
  })

  it('kills who does not handle it, and interrupts a sleep', () => {
    const k = boot(profile)
    const p = k.spawn()
    p.sys.alarm(1)
    const call = p.begin.pause()
    k.advance(1000)
    expect(call.result).toBeUndefined()
    expect(p.killedBy).toBe(SIGALRM)
  })

  it('a large or negative number is a long time', () => {
    const k = boot(profile)
    const p = k.spawn()
    p.sys.alarm(-1)
    k.advance(1e9)
    expect(p.state).toBe('idle')
    expect(p.sys.alarm(0)).toBeGreaterThan(1e6)
  })
})

describe.each(PROFILES)('setitimer(2), Linux %s do_setitimer', (profile) => {
  it('ITIMER_REAL comes again and again', () => {
    const k = boot(profile)
    const p = k.spawn()
    const times = noting(k, p, SIGALRM)
    expect(p.sys.setitimer(ITIMER_REAL, { interval: 100, value: 250 })).toEqual({ interval: 0, value: 0 })
    k.advance(460)
    expect(times).toEqual([250, 350, 450])
    expect(p.sys.getitimer(ITIMER_REAL)).toEqual({ interval: 100, value: 90 })
    expect(p.sys.setitimer(ITIMER_REAL, { interval: 0, value: 0 })).toEqual({ interval: 100, value: 90 })
    k.advance(1000)
    expect(times).toHaveLength(3)
  })

  it('shares ITIMER_REAL with alarm', () => {
    const p = boot(profile).spawn()
    p.sys.setitimer(ITIMER_REAL, { interval: 500, value: 2000 })
    expect(p.sys.alarm(7)).toBe(2)
    expect(p.sys.getitimer(ITIMER_REAL)).toEqual({ interval: 0, value: 7000 })
  })

  it('no interval is shorter than a tick', () => {
    const k = boot(profile)
    const p = k.spawn()
    const times = noting(k, p, SIGALRM)
    p.sys.setitimer(ITIMER_REAL, { interval: 0.001, value: 1 })
    k.advance(21)
    expect(times).toEqual(profile === '2.6.14' ? [1, 5, 9, 13, 17, 21] : [1, 11, 21])
  })

  it('is not inherited by a child and goes on over exec', () => {
    const k = createKernel({ profile, programs: { '/bin/sh': DIRECT } })
    const p = k.spawn()
    p.sys.alarm(5)
    const pid = p.sys.fork()
    const child = isErr(pid) ? undefined : k.process(pid)
    expect(child?.sys.getitimer(ITIMER_REAL)).toEqual({ interval: 0, value: 0 })
    expect(p.sys.exec('/bin/sh')).toBe(0)
    expect(p.sys.alarm(0)).toBe(5)
  })

  it('ends with the process', () => {
    const p = boot(profile).spawn()
    p.sys.setitimer(ITIMER_REAL, { interval: 10, value: 10 })
    p.sys.exit(0)
    expect(pendingTimers(p)).toBe(0)
  })

  it('ITIMER_VIRTUAL counts the program`s time, ITIMER_PROF the kernel`s as well', () => {
    const k = boot(profile, 100)
    const p = k.spawn()
    const seen: string[] = []
    p.sys.sigaction(SIGVTALRM, { handler: () => void seen.push('virtual'), flags: 0, mask: [] })
    p.sys.sigaction(SIGPROF, { handler: () => void seen.push('prof'), flags: 0, mask: [] })
    p.sys.setitimer(ITIMER_VIRTUAL, { interval: 0, value: 150 })
    p.sys.setitimer(ITIMER_PROF, { interval: 300, value: 300 })
    for (let i = 0; i < 6; i++) p.sys.getpid()
    expect(seen).toEqual(['virtual', 'prof', 'prof'])
    expect(p.sys.getitimer(ITIMER_VIRTUAL)).toEqual({ interval: 0, value: 0 })
    expect(p.sys.getitimer(ITIMER_PROF)).toEqual({ interval: 300, value: 100 })
  })

  it.each([[3], [-1]])('knows no timer %i', (which) => {
    const p = boot(profile).spawn()
    expect(p.sys.getitimer(which)).toBe(EINVAL)
    expect(p.sys.setitimer(which, { interval: 0, value: 1 })).toBe(EINVAL)
    expect(p.sys.setitimer(which, 'x' as never)).toBe(EFAULT)
  })

  it.each([[7], ['x'], [{}], [{ interval: '1', value: 1 }], [{ interval: 0, value: Number.NaN }]])(
    'gives EFAULT for %j',
    (value) => {
      expect(
        boot(profile)
          .spawn()
          .sys.setitimer(ITIMER_REAL, value as never),
      ).toBe(EFAULT)
    },
  )

  it('takes null for "stop", and a negative time for a long one', () => {
    const p = boot(profile).spawn()
    p.sys.setitimer(ITIMER_REAL, { interval: 0, value: -5 })
    const { value } = p.sys.getitimer(ITIMER_REAL) as { value: number }
    expect(value).toBeGreaterThan(1e9)
    p.sys.setitimer(ITIMER_REAL, null as never)
    expect(p.sys.getitimer(ITIMER_REAL)).toEqual({ interval: 0, value: 0 })
  })
})

describe.each(PROFILES)('nanosleep(2), Linux %s sys_nanosleep', (profile) => {
  it('sleeps for so many milliseconds and leaves no timer behind', () => {
    const k = boot(profile)
    const p = k.spawn()
    const call = p.begin.nanosleep(1000.5)
    k.advance(1000)
    expect(call).toMatchObject({ blocked: true })
    expect(p.state).toBe('sleeping')
    k.advance(0.5)
    expect(call).toMatchObject({ blocked: false, result: 0 })
    expect(pendingTimers(p)).toBe(0)
  })

  it('called directly lets time pass', () => {
    const k = boot(profile)
    expect(k.spawn().sys.nanosleep(20)).toBe(0)
    expect(k.now).toBe(20)
  })

  it.each([
    [0, 0],
    [-1, EINVAL],
    [Number.NaN, EINVAL],
    ['1', EFAULT],
    [null, EFAULT],
    [undefined, EFAULT],
    [{ sec: 1, nsec: 0 }, EFAULT],
  ])('nanosleep(%j) is %i', (ms, result) => {
    const p = boot(profile).spawn()
    expect(p.sys.nanosleep(ms as never)).toBe(result)
    expect(pendingTimers(p)).toBe(0)
  })

  it('is EINTR when a handler runs, SA_RESTART or not, and tells what was left', () => {
    const k = boot(profile)
    const p = k.spawn()
    const ran = noting(k, p, SIGUSR1, SA_RESTART)
    const rest = { value: 0 }
    const call = begun(p)['nanosleep']?.(1000, rest)
    k.advance(400)
    k.process(1)?.sys.kill(p.pid, SIGUSR1)
    expect(call).toMatchObject({ blocked: false, result: EINTR })
    expect(ran).toEqual([400])
    expect(rest).toEqual({ value: 600 })
    expect(pendingTimers(p)).toBe(0)
  })

  it('takes no notice of signals that are ignored', () => {
    const k = boot(profile)
    const p = k.spawn()
    p.sys.sigaction(SIGUSR1, { handler: SIG_IGN, flags: 0, mask: [] })
    const call = p.begin.nanosleep(1000)
    k.process(1)?.sys.kill(p.pid, SIGUSR1)
    expect(call.blocked).toBe(true)
    k.advance(1000)
    expect(call.result).toBe(0)
  })

  it('after a stop goes on until the same moment in 2.6, and is EINTR before (nanosleep_restart)', () => {
    const k = boot(profile)
    const p = k.spawn()
    const init = k.process(1)
    const call = p.begin.nanosleep(1000)
    k.advance(300)
    init?.sys.kill(p.pid, SIGSTOP)
    expect(p.state).toBe('stopped')
    expect(pendingTimers(p)).toBe(0)
    k.advance(300)
    init?.sys.kill(p.pid, SIGCONT)
    if (profile !== '2.6.14') {
      expect(call).toMatchObject({ blocked: false, result: EINTR })
      return
    }
    expect(call.blocked).toBe(true)
    k.advance(399)
    expect(call.blocked).toBe(true)
    k.advance(1)
    expect(call.result).toBe(0)
  })

  it('whose time passes during the stop is over (nanosleep_restart)', () => {
    const k = boot(profile)
    const p = k.spawn()
    const init = k.process(1)
    const call = p.begin.nanosleep(1000)
    init?.sys.kill(p.pid, SIGSTOP)
    k.advance(5000)
    init?.sys.kill(p.pid, SIGCONT)
    expect(call.result).toBe(profile === '2.6.14' ? 0 : EINTR)
    expect(pendingTimers(p)).toBe(0)
  })

  it('of a killed process leaves no timer behind', () => {
    const k = boot(profile)
    const p = k.spawn()
    p.begin.nanosleep(1000)
    k.process(1)?.sys.kill(p.pid, SIGKILL)
    expect(p.killedBy).toBe(SIGKILL)
    expect(pendingTimers(p)).toBe(0)
  })

  it('sleepers wake in the order of their times', () => {
    const k = boot(profile)
    const woken: number[] = []
    for (const ms of [30, 10, 20, 10]) {
      k.spawn({
        program: function* (sys: ProgramSys) {
          yield* sys.nanosleep(ms)
          woken.push(ms)
        },
      })
    }
    k.run()
    expect(woken).toEqual([10, 10, 20, 30])
    expect(k.now).toBe(30)
  })

  it('is the same in a copy of the kernel', () => {
    const k = boot(profile)
    const p = k.spawn()
    p.begin.nanosleep(1000)
    k.advance(400)
    const copy = k.fork()
    copy.advance(600)
    expect(copy.process(p.pid)?.state).toBe('idle')
    expect(p.state).toBe('sleeping')
  })
})
