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

/** The wall clock. Clocks are for clock_gettime, 2.6 and later; not modelled. */
export const CLOCK_REALTIME = 0
/** Time since boot. */
export const CLOCK_MONOTONIC = 1
/** CPU time of the process. */
export const CLOCK_PROCESS_CPUTIME_ID = 2
/** CPU time of the thread. */
export const CLOCK_THREAD_CPUTIME_ID = 3

/** setitimer and clock_nanosleep flag: an absolute time. */
export const TIMER_ABSTIME = 1

/** Ticks per second that programs see in times(2) and /proc. Linux: USER_HZ, include/asm-i386/param.h */
export const USER_HZ = 100

/** Seconds and microseconds, as gettimeofday fills. */
export interface Timeval {
  /** Seconds. */
  sec: number
  /** Microseconds, 0 to 999999. */
  usec: number
}

/** Seconds and nanoseconds. */
export interface Timespec {
  /** Seconds. */
  sec: number
  /** Nanoseconds, 0 to 999999999. */
  nsec: number
}

/** An interval timer, both in milliseconds: the reload value, and what is left (0: disarmed). */
export interface Itimerval {
  /** Milliseconds from one signal to the next; 0: only one. */
  interval: number
  /** Milliseconds to the next signal; 0: none. */
  value: number
}

/** CPU time in ticks of USER_HZ: the task's own, and that of its waited-for children. */
export interface Tms {
  /** In user mode. */
  utime: number
  /** In the kernel. */
  stime: number
  /** In user mode, of waited-for children. */
  cutime: number
  /** In the kernel, of waited-for children. */
  cstime: number
  /** Ticks since boot: what the call itself returns in C. */
  elapsed: number
}
