/**
 * What the module keeps: a label in its slot of tasks and superblocks, and where the tasks of a compartment are.
 *
 * A task without a label of its own has that of boot, so that a kernel in which nobody has made a compartment has
 * nothing to keep (MAC-6).
 */

import { movingParts } from '../kernel/part.js'
import type { Task } from '../kernel/task.js'
import { type Blob, blob } from '../security/blob.js'
import type { File } from '../vfs/file.js'
import type { Inode } from '../vfs/inode.js'
import type { SuperBlock } from '../vfs/superblock.js'
import { BOOT_FILES, BOOT_TASK, isAdmin, type Label, VIEW } from './label.js'
import type { Rule } from './rules.js'

/** Kinds of file systems whose files show labelled objects: everybody sees something else in them. */
export const VIEWS: readonly string[] = ['proc', 'mlsfs']

/** State of the module. */
export class MacState {
  /** Counts that no run depends on. */
  static readonly undigested: readonly string[] = ['refusals']

  /** Tasks by pid, by compartment; those of compartment 0 are not listed. */
  readonly members = new Map<number, Map<number, Task>>()
  /** Addresses that are a compartment's, by their number (MAC-46). */
  readonly addresses = new Map<number, number>()
  /** How often each rule has refused (MAC-63). */
  readonly refusals = new Map<Rule, number>()
}

/** Labels of a kernel's objects. */
export class Labels {
  readonly state: MacState
  private readonly index: number
  private readonly slot: Blob<Label>

  constructor(state: MacState, slot: number) {
    this.state = state
    this.index = slot
    this.slot = blob<Label>(slot)
  }

  // The three that every path walk asks read the slot themselves: each sees objects of one kind alone.

  ofTask(task: Task): Label {
    return (task.security?.[this.index] as Label | undefined) ?? BOOT_TASK
  }

  ofFiles(sb: SuperBlock): Label {
    const own = sb.security?.[this.index] as Label | undefined
    return own ?? (VIEWS.includes(sb.type) ? VIEW : BOOT_FILES)
  }

  /** Has somebody labelled it? */
  isLabelled(sb: SuperBlock): boolean {
    return this.slot.get(sb) !== undefined
  }

  labelFiles(sb: SuperBlock, label: Label): void {
    this.slot.set(sb, label)
  }

  /** An inode of /proc that shows a task has that task's label; all others have their file system's (MAC-4). */
  showTask(task: Task, inode: Inode): void {
    this.slot.set(inode, this.ofTask(task))
  }

  /** The label of the task that an inode shows; undefined where it shows none. */
  shownTask(inode: Inode): Label | undefined {
    return inode.security?.[this.index] as Label | undefined
  }

  /** Who names the owner of a file, to be signalled about it, lends it the own label. */
  noteSender(file: File, task: Task): void {
    this.slot.set(file, this.ofTask(task))
  }

  senderOf(file: File): Label {
    return this.slot.get(file) ?? BOOT_TASK
  }

  /** All threads of a process get the label; files and sockets that are open keep theirs (MAC-7). */
  labelTask(task: Task, label: Label): void {
    const { leader, threads } = task.group
    for (const thread of threads ?? [leader]) {
      movingParts(thread, () => {
        this.leave(thread)
        this.slot.set(thread, label)
        this.join(thread)
      })
    }
  }

  /** A task has come to be, with its parent's label, or has got another. */
  join(task: Task): void {
    const { compartment } = this.ofTask(task)
    if (compartment === 0) return
    let tasks = this.state.members.get(compartment)
    if (tasks === undefined) {
      tasks = new Map()
      this.state.members.set(compartment, tasks)
    }
    tasks.set(task.pid, task)
  }

  /** A task is gone, or about to get another label. */
  leave(task: Task): void {
    const { compartment } = this.ofTask(task)
    const tasks = this.state.members.get(compartment)
    tasks?.delete(task.pid)
    if (tasks?.size === 0) this.state.members.delete(compartment)
  }

  /** The tasks of a task's compartment, oldest first; null for those who may see more, and in compartment 0. */
  compartmentOf(task: Task): Task[] | null {
    const label = this.ofTask(task)
    if (label.compartment === 0 || isAdmin(label)) return null
    const tasks = this.state.members.get(label.compartment)?.values() ?? []
    return [...tasks].sort((a, b) => a.serial - b.serial)
  }
}
