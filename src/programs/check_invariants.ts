/**
 * The recount of a kernel's books, for its users. See kernel/invariants.ts.
 */

import { brokenInvariants } from '../kernel/invariants.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { KernelMembers } from './kernel_type.js'

/**
 * Recounts everything that a kernel counts or lists and compares: uses of files, inodes, mounts and tables, names,
 * families, groups, wait and run queues, timers, pending signals, locks, space. Returns what disagrees, as sentences;
 * empty when nothing does, which is so between any two steps. Looks, changes nothing.
 */
export const checkInvariants = (k: Pick<KernelMembers<never>, 'digest'>): string[] =>
  brokenInvariants(k as unknown as KernelCore)
