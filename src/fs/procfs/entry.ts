/**
 * What /proc is made of: entries in frozen tables, and the data of its inodes.
 *
 * An entry is the same shape that modules contribute (`ProcEntry`), plus what only the built-in ones need. Paths
 * are relative to /proc; those of a process begin with '<pid>/'. Directories are implied by the paths below them.
 */

import type { Ret } from '../../abi/errno.js'
import { isAtLeast, type Profile } from '../../abi/profile.js'
import type { KernelCore } from '../../kernel/kernel.js'
import type { ProcEntry } from '../../kernel/module.js'
import { TASK_DEAD, TASK_ZOMBIE, type Task } from '../../kernel/task.js'
import { seesTask } from '../../kernel/visible.js'
import type { Dentry } from '../../vfs/dentry.js'
import type { Inode } from '../../vfs/inode.js'
import type { Mount } from '../../vfs/mount.js'
import type { FileOperations } from '../../vfs/ops.js'

/** Where a link without a text leads. `mnt` is null for files of no mounted file system. */
export interface Place {
  readonly dentry: Dentry | null
  readonly mnt: Mount | null
  readonly inode: Inode
}

/** A built-in entry. */
export interface Entry extends ProcEntry {
  /** The first profile that has it; the default is the oldest. */
  readonly since?: Profile
  /** The first profile that has it no more. */
  readonly until?: Profile
  /** S_IFREG when absent. */
  readonly type?: number
  /** In place of the operations of a text file. */
  readonly fops?: FileOperations
  /** A symbolic link's text. */
  readonly text?: (current: Task) => string
  /** Where a link of a process leads. */
  readonly place?: (task: Task) => Ret<Place>
}

/** The data of a procfs inode. `pid` 0: not about a process, and `path` is relative to /proc. */
export class ProcNode {
  pid: number
  /** Tells the task from a later one with the same pid. */
  serial: number
  /** Below task/<tid>/. */
  isThread: boolean
  path: string

  constructor(path: string, task: Task | null = null, isThread = false) {
    this.path = path
    this.pid = task === null ? 0 : task.pid
    this.serial = task === null ? 0 : task.serial
    this.isThread = isThread
  }
}

/** The data of a procfs inode. */
export const nodeOf = (inode: Inode): ProcNode => inode.data as ProcNode

/** Is it the procfs of 2.6, rewritten in 2.3.23 around tasks in place of numbers? */
export const isModern = (k: KernelCore): boolean => isAtLeast(k.facts.release, '2.6.14')

/**
 * The task that an inode is about, zombies included; null when it is gone. 2.2 goes by the number alone, so a
 * descriptor that outlives its process may find another (find_task_by_pid); 2.6 knows the difference.
 */
export function taskOf(k: KernelCore, node: ProcNode): Task | null {
  const task = k.state.tasks.get(node.pid)
  if (task === undefined || task.state === TASK_DEAD) return null
  return isModern(k) && task.serial !== node.serial ? null : task
}

/** The same, for who looks: null too when `current` does not see it. */
export function seenTaskOf(current: Task, node: ProcNode): Task | null {
  const task = taskOf(current.k, node)
  return task === null || seesTask(current, task) ? task : null
}

/** Has it given up its memory, files and directories? Linux: mm, files and fs are null after do_exit. */
export const hasExited = (task: Task): boolean => task.state === TASK_ZOMBIE || task.state === TASK_DEAD

/** Does the profile have the entry? */
export const isPresent = (entry: Entry, release: Profile): boolean =>
  (entry.since === undefined || isAtLeast(release, entry.since)) &&
  (entry.until === undefined || !isAtLeast(release, entry.until))

/** Is it a tunable? Those have rules of their own; see sys.ts. */
export const isSysctl = (node: ProcNode): boolean => node.pid === 0 && node.path.startsWith('sys/')
