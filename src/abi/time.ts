/**
 * Interval timers, clock ids, and the time structures. Durations at the syscall surface are milliseconds where the
 * signature says so; structures keep the fields of C.
 *
 * Linux: include/linux/time.h (2.2.12, 2.6.14).
 */

/** Counts real time, sends SIGALRM. */
export const ITIMER_REAL = 0
/** Counts time in user mode, sends SIGVTALRM. */
export const ITIMER_VIRTUAL = 1
/** Counts time in user and kernel mode, sends SIGPROF. */
export const ITIMER_PROF = 2

/** Clocks of clock_gettime: 2.6 and later. */
export const CLOCK_REALTIME = 0
export const CLOCK_MONOTONIC = 1
export const CLOCK_PROCESS_CPUTIME_ID = 2
export const CLOCK_THREAD_CPUTIME_ID = 3

/** setitimer and clock_nanosleep flag: an absolute time. */
export const TIMER_ABSTIME = 1

/** Ticks per second that programs see in times(2) and /proc. Linux: USER_HZ, include/asm-i386/param.h */
export const USER_HZ = 100

/** Seconds and microseconds, as gettimeofday fills. */
export interface Timeval {
  sec: number
  usec: number
}

/** Seconds and nanoseconds. */
export interface Timespec {
  sec: number
  nsec: number
}

/** An interval timer, both in milliseconds: the reload value, and what is left (0: disarmed). */
export interface Itimerval {
  interval: number
  value: number
}

/** CPU time in ticks of USER_HZ: the task's own, and that of its waited-for children. */
export interface Tms {
  utime: number
  stime: number
  cutime: number
  cstime: number
  /** Ticks since boot: what the call itself returns in C. */
  elapsed: number
}
