/**
 * What seccomp keeps of a task: one value in its slot, replaced and never changed, so that fork copies it by copying
 * the slot. Linux: seccomp_t, struct seccomp_filter, TIF_SECCOMP, TIF_IA32.
 */

import { type Task, TF_SYSCALL_WORK } from '../kernel/task.js'
import type { Blob } from '../security/blob.js'
import { SECCOMP_MODE_DISABLED } from './actions.js'
import type { SockFilter } from './bpf.js'

/** A filter and those before it: all of them run, the newest first. Shared by children. */
export class Filter {
  /** What `verdicts` holds follows from the program. */
  static readonly undigested: readonly string[] = ['verdicts']

  readonly program: readonly SockFilter[]
  readonly previous: Filter | null
  /** Filters from here on. */
  readonly depth: number
  /** Instructions of all of them, and 4 for each older one. Linux: MAX_INSNS_PER_PATH. */
  readonly instructions: number
  /**
   * What all filters together return, by number of the call, where nothing but number and architecture counts; native
   * first, then 32-bit. Filled as calls come. Linux: seccomp_cache_prepare (5.11).
   */
  readonly verdicts: [number[], number[]] = [[], []]

  constructor(program: readonly SockFilter[], previous: Filter | null) {
    this.program = program
    this.previous = previous
    this.depth = (previous?.depth ?? 0) + 1
    this.instructions = program.length + (previous === null ? 0 : previous.instructions + 4)
  }
}

/** Linux: seccomp_t. */
export class Confinement {
  /** SECCOMP_MODE_*. */
  readonly mode: number
  /** A 32-bit program on a 64-bit kernel. Linux: TIF_IA32. */
  readonly isCompat: boolean
  /** Mode 2: the newest filter. */
  readonly filter: Filter | null

  constructor(mode: number, isCompat: boolean, filter: Filter | null) {
    this.mode = mode
    this.isCompat = isCompat
    this.filter = filter
  }
}

/** The module's slot on tasks. */
export type Slot = Blob<Confinement>

export const modeOf = (slot: Slot, task: Task): number => slot.get(task)?.mode ?? SECCOMP_MODE_DISABLED

/** Enters a mode, for good. The flag is looked at when the task next enters the kernel. */
export function confine(slot: Slot, task: Task, mode: number, filter: Filter | null = null): void {
  slot.set(task, new Confinement(mode, slot.get(task)?.isCompat ?? false, filter))
  task.flags |= TF_SYSCALL_WORK
}

/** Flags a thread as a 32-bit program's, or takes that back. Linux: TIF_IA32, which exec sets by the image. */
export function flagCompat(slot: Slot, task: Task, isCompat: boolean): void {
  const old = slot.get(task)
  slot.set(task, new Confinement(old?.mode ?? SECCOMP_MODE_DISABLED, isCompat, old?.filter ?? null))
}
