/**
 * Resource limits, priorities and usage: setrlimit(2), setpriority(2), getrusage(2), and what init starts with.
 *
 * Linux: include/asm-i386/resource.h, include/linux/resource.h (2.2.12); include/asm-generic/resource.h (2.6.14).
 */

import { type Profile, profileFacts } from './profile.js'

/** CPU time, seconds. */
export const RLIMIT_CPU = 0
/** Size of a file that is written, bytes. */
export const RLIMIT_FSIZE = 1
/** Data segment, bytes. */
export const RLIMIT_DATA = 2
/** Stack, bytes. */
export const RLIMIT_STACK = 3
/** Core dump, bytes. */
export const RLIMIT_CORE = 4
/** Resident memory, bytes; not enforced. */
export const RLIMIT_RSS = 5
/** Processes of the user. */
export const RLIMIT_NPROC = 6
/** Descriptors are below this. */
export const RLIMIT_NOFILE = 7
/** Locked memory, bytes. */
export const RLIMIT_MEMLOCK = 8
/** Address space, bytes. */
export const RLIMIT_AS = 9
/** File locks; 2.4 and later, not enforced in 2.6. */
export const RLIMIT_LOCKS = 10
/** Signals queued for the user; 2.6.8 and later. */
export const RLIMIT_SIGPENDING = 11
/** Bytes in POSIX message queues; 2.6.8 and later. */
export const RLIMIT_MSGQUEUE = 12
/** Lowest nice value, as 20 minus it; 2.6.12 and later. */
export const RLIMIT_NICE = 13
/** Highest real-time priority; 2.6.12 and later. */
export const RLIMIT_RTPRIO = 14

/** No limit, as 2.6 writes it. 2.0 and 2.2 have 0x7fffffff: `profileFacts(profile).rlimInfinity`. */
export const RLIM_INFINITY = 0xffffffff

const RLIM_NLIMITS: Readonly<Record<Profile, number>> = { '2.0.35': 10, '2.2.12': 10, '2.6.14': 15 }

/** How many limits a profile has. Linux: RLIM_NLIMITS, include/asm-i386/resource.h; asm-generic (2.6) */
export const rlimNlimits = (profile: Profile): number => RLIM_NLIMITS[profile]

/** getpriority and setpriority: `who` is a process. */
export const PRIO_PROCESS = 0
/** getpriority and setpriority: `who` is a process group. */
export const PRIO_PGRP = 1
/** getpriority and setpriority: `who` is a user. */
export const PRIO_USER = 2
/** The lowest nice value, which is the highest priority. */
export const PRIO_MIN = -20
/** One more than the highest nice value. */
export const PRIO_MAX = 20

/** getrusage: the process. */
export const RUSAGE_SELF = 0
/** getrusage: its waited-for children. */
export const RUSAGE_CHILDREN = -1
/** Inside the kernel, for wait4. */
export const RUSAGE_BOTH = -2

/** A soft limit and the hard limit it may be raised to. */
export interface Rlimit {
  /** The soft limit: what is enforced. */
  cur: number
  /** The hard limit: how far it may be raised. */
  max: number
}

/** What getrusage and wait4 fill. The kernels of the era keep only these four. */
export interface Rusage {
  /** Microseconds in user mode. */
  utime: number
  /** Microseconds in the kernel. */
  stime: number
  /** Page faults without a disk: always 0. */
  minflt: number
  /** Page faults with a disk: always 0. */
  majflt: number
}

/**
 * The limits of the first process, fresh objects by RLIMIT_* index.
 *
 * Linux: INIT_RLIMITS, include/asm-i386/resource.h (2.0.35, 2.2.12); include/asm-generic/resource.h and fork_init,
 * kernel/fork.c, for a machine with 128 MiB (2.6.14).
 */
export const initialRlimits = (profile: Profile): Rlimit[] => {
  const facts = profileFacts(profile)
  const unlimited = facts.rlimInfinity
  const stack = 8 * 1024 * 1024
  const processes = facts.maxThreads / 2
  const files = Math.min(facts.nrOpen, 1024)
  const memlock = profile === '2.6.14' ? 32768 : unlimited
  const soft = [
    unlimited,
    unlimited,
    unlimited,
    stack,
    0,
    unlimited,
    processes,
    files,
    memlock,
    unlimited,
    unlimited,
    processes,
    819200,
    0,
    0,
  ]
  const hard: Readonly<Record<number, number>> = {
    [RLIMIT_STACK]: profile === '2.0.35' ? stack : unlimited,
    [RLIMIT_CORE]: unlimited,
  }
  return soft.slice(0, rlimNlimits(profile)).map((cur, which) => ({ cur, max: hard[which] ?? cur }))
}
