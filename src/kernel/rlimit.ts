/**
 * Resource limits. Linux: rlim, include/asm-i386/resource.h (2.2, 2.6).
 *
 * A set is immutable and frozen: forked processes share it, setrlimit(2) makes a new one.
 */

import { RLIM_INFINITY, type Rlimit } from '../abi/resource.js'

/** All limits by kind; 10 kinds in 2.2, 15 in 2.6.14. Linux: RLIM_NLIMITS. */
export type Rlimits = readonly Readonly<Rlimit>[]

/** The soft limit of one kind. */
export const softLimit = (limits: Rlimits, kind: number): number => limits[kind]?.cur ?? RLIM_INFINITY

/** A copy with one kind changed. */
export function withRlimit(limits: Rlimits, kind: number, cur: number, max: number): Rlimits {
  const copy = limits.slice()
  copy[kind] = Object.freeze({ cur, max })
  return Object.freeze(copy)
}
