/**
 * Clocks, timers and sleeping, all on virtual time. Linux: kernel/time.c, kernel/itimer.c, kernel/timer.c (2.6.14),
 * kernel/sched.c (2.2.12).
 *
 * Durations are milliseconds, with fractions, and exact, where Linux rounds up to ticks.
 *
 * Left out: time zones; posix timers and clock_* calls. Deviation: setting the clock does not move the times of files,
 * which go on counting from the moment of boot.
 */

import { CAP_SYS_TIME } from '../abi/capability.js'
import { EFAULT, EINTR, EINVAL, EPERM, ERESTART_RESTARTBLOCK, isErr, type Ret } from '../abi/errno.js'
import { ITIMER_REAL, type Itimerval, type Timeval } from '../abi/time.js'
import { clampMs, getItimer, isItimer, setItimer } from '../kernel/itimer.js'
import type { KernelCore } from '../kernel/kernel.js'
import { sleep, wakeAt } from '../kernel/sleep.js'
import type { Task } from '../kernel/task.js'
import type { Timer } from '../kernel/timer.js'
import { capable } from '../security/capability.js'
import { deny } from '../security/deny.js'
import { row, type SyscallRow } from './row.js'

// ---- clocks --------------------------------------------------------------------------------------------------

/** Microseconds since 1970 by the wall clock. */
const wallMicroseconds = (k: KernelCore): number =>
  k.facts.epoch * 1_000_000 + Math.floor((k.state.now + k.state.clockOffset) * 1000)

/** Seconds since 1970. Linux: sys_time. */
export const sysTime = (current: Task): number => Math.floor(wallMicroseconds(current.k) / 1_000_000)

/** Linux: sys_gettimeofday, do_gettimeofday. */
export function sysGettimeofday(current: Task): Timeval {
  const now = wallMicroseconds(current.k)
  const sec = Math.floor(now / 1_000_000)
  return { sec, usec: now - sec * 1_000_000 }
}

/** Puts the wall clock to a time in microseconds since 1970. */
function setClock(k: KernelCore, microseconds: number): void {
  k.state.clockOffset = microseconds / 1000 - k.facts.epoch * 1000 - k.state.now
}

const refuseTime = (current: Task): number => deny(current, EPERM, 'capability', undefined, CAP_SYS_TIME)

/** Sets the clock to whole seconds since 1970. Errors: EPERM. Linux: sys_stime. */
export function sysStime(current: Task, seconds: number): number {
  if (!capable(current, CAP_SYS_TIME)) return refuseTime(current)
  setClock(current.k, seconds * 1_000_000)
  return 0
}

/** A `{ sec, usec }` as microseconds. */
function readTimeval(value: unknown): Ret<{ readonly sec: number; readonly usec: number }> {
  if (typeof value !== 'object' || value === null) return EFAULT
  const sec: unknown = Reflect.get(value, 'sec')
  const usec: unknown = Reflect.get(value, 'usec')
  if (!isLong(sec) || !isLong(usec)) return EFAULT
  return { sec, usec }
}

const isLong = (value: unknown): value is number => typeof value === 'number' && (value | 0) === value

/** Sets the clock; null leaves it. The time zone is not looked at. Errors: EFAULT, EPERM, EINVAL. Linux: sys_settimeofday. */
export function sysSettimeofday(current: Task, tv: unknown): number {
  const isNull = tv === null || tv === undefined
  const time = isNull ? null : readTimeval(tv)
  if (isErr(time)) return time
  if (!capable(current, CAP_SYS_TIME)) return refuseTime(current)
  if (time === null) return 0
  if (time.usec < 0 || time.usec >= 1_000_000) return EINVAL
  setClock(current.k, time.sec * 1_000_000 + time.usec)
  return 0
}

// ---- interval timers -----------------------------------------------------------------------------------------

/** What is left of a timer. Errors: EINVAL. Linux: sys_getitimer. */
export function sysGetitimer(current: Task, which: number): Ret<Itimerval> {
  return isItimer(which) ? getItimer(current, which) : EINVAL
}

function readItimerval(value: unknown): Ret<Itimerval> {
  if (value === null || value === undefined) return { interval: 0, value: 0 }
  if (typeof value !== 'object') return EFAULT
  const interval: unknown = Reflect.get(value, 'interval') ?? 0
  const first: unknown = Reflect.get(value, 'value')
  if (typeof interval !== 'number' || typeof first !== 'number') return EFAULT
  return Number.isNaN(interval) || Number.isNaN(first) ? EFAULT : { interval, value: first }
}

/**
 * Starts a timer, or stops it (value 0, or no value at all), and returns what it was. A negative time is a very long
 * one. Errors: EFAULT, EINVAL. Linux: sys_setitimer, do_setitimer.
 */
export function sysSetitimer(current: Task, which: number, value: unknown): Ret<Itimerval> {
  const to = readItimerval(value)
  if (isErr(to)) return to
  return isItimer(which) ? setItimer(current, which, to) : EINVAL
}

/**
 * SIGALRM in so many seconds; 0 cancels. Returns the seconds that were left of the previous alarm, rounded up in 2.0
 * and 2.2, to the nearest but never to 0 in 2.6. A negative number is a large one. Linux: sys_alarm.
 */
export function sysAlarm(current: Task, seconds: number): number {
  const { value } = setItimer(current, ITIMER_REAL, { interval: 0, value: (seconds >>> 0) * 1000 })
  const whole = Math.floor(value / 1000)
  const rest = value - whole * 1000
  if (rest === 0) return whole
  const roundsUp = current.k.facts.process.alarmRounds === 'up' || whole === 0 || rest >= 500
  return roundsUp ? whole + 1 : whole
}

// ---- sleeping ------------------------------------------------------------------------------------------------

/** A nanosleep that sleeps, or that a signal has interrupted. Linux: struct restart_block. */
class Nap {
  /** Milliseconds since boot. */
  readonly until: number
  timer: Timer | null = null

  constructor(until: number) {
    this.until = until
  }
}

/** Tells the caller, in `{ value }`, how many milliseconds were left. 0 or EFAULT. */
function tellRest(rest: unknown, ms: number): number {
  if (rest === null || rest === undefined) return 0
  if (typeof rest !== 'object') return EFAULT
  return Reflect.set(rest, 'value', ms) ? 0 : EFAULT
}

/** A signal has come before the time: EINTR, or in 2.6 EINTR only if a handler runs. */
function interrupt(current: Task, nap: Nap, rest: unknown): number {
  const { k } = current
  if (nap.timer !== null) k.state.timers.remove(nap.timer)
  nap.timer = null
  const restarts = k.facts.process.nanosleepRestarts
  current.restart = restarts ? nap : null
  return tellRest(rest, nap.until - k.state.now) || (restarts ? ERESTART_RESTARTBLOCK : EINTR)
}

/**
 * Sleeps for `ms` milliseconds. After a stop, 2.6 goes on sleeping until the same moment.
 * `rest`, if given, is an object whose `value` is set to what was left when the sleep ends early.
 * Errors: EINVAL negative; EFAULT no number; EINTR. Linux: sys_nanosleep, nanosleep_restart.
 */
export function sysNanosleep(current: Task, ms: unknown, rest: unknown): number {
  const { restart, k } = current
  if (typeof ms !== 'number') return EFAULT
  if (!(ms >= 0)) return EINVAL
  const wanted = ms === Number.POSITIVE_INFINITY ? ms : clampMs(k, ms)
  const nap = restart instanceof Nap ? restart : new Nap(k.state.now + wanted)
  if (k.state.now >= nap.until) {
    // Another wake-up at the same moment may have come before the timer's.
    if (nap.timer !== null) k.state.timers.remove(nap.timer)
    current.restart = null
    return 0
  }
  if (current.sigPending) return interrupt(current, nap, rest)
  if (nap.timer === null && nap.until !== Number.POSITIVE_INFINITY) nap.timer = wakeAt(current, nap.until)
  current.restart = nap
  return sleep(current)
}

export const timeCalls: readonly SyscallRow[] = [
  row('time', [], sysTime),
  row('gettimeofday', [], sysGettimeofday, 'partial', 'no time zone'),
  row('settimeofday', ['any'], sysSettimeofday, 'partial', 'no time zone; the times of files do not follow'),
  row('stime', ['int'], sysStime, 'partial', 'the times of files do not follow'),
  row('alarm', ['int'], sysAlarm),
  row('setitimer', ['int', 'any'], sysSetitimer),
  row('getitimer', ['int'], sysGetitimer),
  row('nanosleep', ['any', 'any'], sysNanosleep),
]
