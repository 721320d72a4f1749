/**
 * Resource limits. Linux: rlim, include/asm-i386/resource.h (2.2, 2.6).
 *
 * A set is immutable and frozen: forked processes share it, setrlimit(2) makes a new one.
 */

import {
  RLIM_INFINITY,
  RLIMIT_CORE,
  RLIMIT_NOFILE,
  RLIMIT_NPROC,
  RLIMIT_SIGPENDING,
  RLIMIT_STACK,
  type Rlimit,
} from '../abi/resource.js'

/** How many kinds there are. Linux: RLIM_NLIMITS (10 in 2.2, 15 in 2.6.14). */
export type Rlimits = readonly Readonly<Rlimit>[]

const pair = (cur: number, max: number): Readonly<Rlimit> => Object.freeze({ cur, max })
const unlimited = pair(RLIM_INFINITY, RLIM_INFINITY)

/** The limits of the first process. Linux: INIT_RLIMITS. */
export function initialRlimits(kinds: number, maxTasks: number): Rlimits {
  const limits: Readonly<Rlimit>[] = Array.from({ length: kinds }, () => unlimited)
  limits[RLIMIT_STACK] = pair(8 * 1024 * 1024, RLIM_INFINITY)
  limits[RLIMIT_CORE] = pair(0, RLIM_INFINITY)
  limits[RLIMIT_NPROC] = pair(maxTasks, maxTasks)
  limits[RLIMIT_NOFILE] = pair(1024, 1024)
  if (kinds > RLIMIT_SIGPENDING) limits[RLIMIT_SIGPENDING] = pair(maxTasks, maxTasks)
  return Object.freeze(limits)
}

/** The soft limit of one kind. */
export const softLimit = (limits: Rlimits, kind: number): number => limits[kind]?.cur ?? RLIM_INFINITY

/** A copy with one kind changed. */
export function withRlimit(limits: Rlimits, kind: number, cur: number, max: number): Rlimits {
  const copy = limits.slice()
  copy[kind] = pair(cur, max)
  return Object.freeze(copy)
}
