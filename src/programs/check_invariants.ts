/**
 * The recount of a kernel's books, for its users. See kernel/invariants.ts.
 */

import { brokenInvariants } from '../kernel/invariants.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { KernelMembers } from './kernel_type.js'

/** A kernel, or several that recount themselves: a world. */
export interface Recountable extends Pick<KernelMembers<never>, 'digest'> {
  /** Recounts all of it. Kernels have none: they are recounted from outside. */
  checkInvariants?(): string[]
}

/**
 * Recounts everything that a kernel counts or lists and compares: uses of files, inodes, mounts and tables, names,
 * families, groups, wait and run queues, timers, pending signals, locks, space. Returns what disagrees, as sentences;
 * empty when nothing does, which is so between any two steps. Looks, changes nothing. A world recounts its own books
 * and those of all its kernels.
 */
export const checkInvariants = (k: Recountable): string[] =>
  typeof k.checkInvariants === 'function' ? k.checkInvariants() : brokenInvariants(k as unknown as KernelCore)
