/**
 * System calls on time and timers. All time is the kernel's virtual time.
 *
 * Signatures only; the handlers are in src/syscalls. Durations that C passes in structures are milliseconds
 * here.
 */

import type { Ret } from '../abi/errno.js'
import type { Itimerval, Timeval, Tms } from '../abi/time.js'
import type { ValueBox } from './file_calls.js'

/** System calls on time and timers. */
export interface TimeCalls {
  /**
   * Sends the caller SIGALRM in so many seconds, 0 cancels; the result is what was left of the last one,
   * rounded up (to the nearest in 2.6, but never to 0).
   *
   * Errors: none. Linux: sys_alarm, kernel/sched.c (2.2), kernel/timer.c (2.6).
   */
  alarm(seconds: number): number

  /**
   * Sets ITIMER_REAL, ITIMER_VIRTUAL or ITIMER_PROF, milliseconds, and returns what it was. `value` 0, or
   * null, stops it.
   *
   * Errors: EINVAL; EFAULT. Linux: sys_setitimer, kernel/itimer.c.
   */
  setitimer(which: number, value: Itimerval | null): Ret<Itimerval>

  /**
   * What is left of an interval timer, milliseconds.
   *
   * Errors: EINVAL. Linux: sys_getitimer, kernel/itimer.c.
   */
  getitimer(which: number): Ret<Itimerval>

  /**
   * Sleeps for so many milliseconds of virtual time, fractions allowed. `rest.value` is set to what is left
   * when a signal ends the sleep. 0.
   *
   * Errors: EINTR; EINVAL negative; EFAULT. Linux: sys_nanosleep, kernel/sched.c (2.2), kernel/timer.c (2.6).
   */
  nanosleep(ms: number, rest?: ValueBox | null): number

  /**
   * Seconds since 1970, in virtual time.
   *
   * Errors: none. Linux: sys_time, kernel/time.c.
   */
  time(): number

  /**
   * Seconds and microseconds since 1970, in virtual time.
   *
   * Errors: none. Linux: sys_gettimeofday, kernel/time.c.
   */
  gettimeofday(): Timeval

  /**
   * Sets the clock, to seconds since 1970. The times of files do not follow. 0.
   *
   * Errors: EPERM without CAP_SYS_TIME. Linux: sys_stime, kernel/time.c.
   */
  stime(seconds: number): number

  /**
   * Sets the clock; null leaves it. The times of files do not follow. 0.
   *
   * Errors: EPERM without CAP_SYS_TIME; EINVAL microseconds out of range; EFAULT.
   * Linux: sys_settimeofday, kernel/time.c.
   */
  settimeofday(time: Timeval | null): number

  /**
   * CPU time of the caller and of its waited-for children, in ticks of 10 ms; `elapsed` is the
   * ticks since boot, which is what the call returns in C.
   *
   * Errors: none. Linux: sys_times, kernel/sys.c.
   */
  times(): Tms
}
