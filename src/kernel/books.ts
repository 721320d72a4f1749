/**
 * The books that a recount fills: who uses what, found by walking the whole state from its roots, and what is wrong.
 *
 * The recount itself is in invariants.ts. It knows tasks and the VFS; a subsystem or module that holds files, inodes
 * or mounts, or keeps counts of its own, adds an `Audit`: first all tell what they hold, then all check.
 */

import type { Dentry } from '../vfs/dentry.js'
import type { File } from '../vfs/file.js'
import type { Inode } from '../vfs/inode.js'
import type { Mount } from '../vfs/mount.js'
import type { KernelCore } from './kernel.js'
import { TASK_ZOMBIE, type Task } from './task.js'
import type { WaitQueue } from './wait.js'

/** How often each object has been met. */
export class Tally<T> {
  /** What has been met, with how often. */
  readonly counts: Map<T, number> = new Map()

  /** Has met it `by` times more. */
  add(key: T, by = 1): void {
    this.counts.set(key, this.of(key) + by)
  }

  /** How often it has been met. */
  of(key: T): number {
    return this.counts.get(key) ?? 0
  }
}

/** One recount. */
export class Books {
  /** The kernel that is counted. */
  readonly k: KernelCore
  /** Tasks that have not ended. */
  readonly live: ReadonlySet<Task>
  /** What is wrong, as sentences. */
  readonly problems: string[] = []
  /** Uses of open files: descriptors, running images, opens that sleep. */
  readonly files: Tally<File> = new Tally()
  /** Uses of inodes from outside the trees of names; one that is only named is there with 0. */
  readonly inodes: Tally<Inode> = new Tally()
  /** Uses of mounts. */
  readonly mounts: Tally<Mount> = new Tally()
  /** Writers of inodes, less those who execute them. */
  readonly writers: Tally<Inode> = new Tally()
  /** Names of inodes in the trees. */
  readonly names: Tally<Inode> = new Tally()
  /** Directories in directories. */
  readonly subdirs: Tally<Inode> = new Tally()
  /** Open files by inode. */
  readonly opens: Map<Inode, File[]> = new Map()
  /** Places of open directories in the lists of names. */
  readonly cursors: Set<Dentry> = new Set()
  /** Where tasks may sleep. */
  readonly queues: Set<WaitQueue> = new Set()

  constructor(k: KernelCore) {
    this.k = k
    this.live = new Set([...k.state.tasks.values()].filter((task) => task.state < TASK_ZOMBIE))
  }

  /** Notes a count that differs from what was counted. */
  same(what: string, kept: unknown, counted: unknown): void {
    if (kept !== counted) this.problems.push(`${what} is ${String(kept)}, counted ${String(counted)}`)
  }

  /** Notes something that should hold and does not. */
  must(holds: boolean, what: string): void {
    if (!holds) this.problems.push(what)
  }
}

/** What a subsystem or module adds to a recount. It changes nothing. */
export interface Audit {
  /** Whose it is. */
  readonly name: string
  /** Tells what it holds: uses of files, inodes and mounts, queues to sleep on. */
  holds?(books: Books): void
  /** Compares its own counts, when all uses are known. */
  check?(books: Books): void
}
