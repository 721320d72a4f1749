/**
 * The judge: applies the rules to the kernel's objects, counts what it refuses, and keeps what `kernel.why` needs.
 */

import { major } from '../abi/brand.js'
import { MS_NOUSER } from '../abi/mount.js'
import { S_ISBLK, S_ISCHR, S_ISDIR, S_ISREG } from '../abi/stat.js'
import type { Task } from '../kernel/task.js'
import { denyInHook, type HookNoted } from '../security/deny.js'
import { type Inode, MAY_EXEC, MAY_READ, MAY_WRITE } from '../vfs/inode.js'
import type { SuperBlock } from '../vfs/superblock.js'
import { isAdmin, Label, showLabel } from './label.js'
import type { MacSettings } from './options.js'
import {
  changeTask,
  NOT_ADMIN,
  type Refused,
  type Rule,
  readFiles,
  seeFiles,
  seeTask,
  writeFiles,
} from './rules.js'
import type { Labels } from './state.js'

/** Every rule, with what it says of subject and object; in the order of the numbers that records keep. */
export const RULES: readonly (readonly [rule: Rule, says: string])[] = [
  ['MAC-10', 'task SUBJECT does not see task OBJECT: another compartment'],
  ['MAC-27', 'task SUBJECT may not change task OBJECT: a higher grade'],
  ['MAC-30 read', 'task SUBJECT may not read files of OBJECT: no read down'],
  ['MAC-30 write', 'task SUBJECT may not write files of OBJECT: no write up'],
  ['MAC-32', 'task SUBJECT does not see files of OBJECT: another compartment'],
  ['MAC-43', 'task SUBJECT does not reach a socket of OBJECT: another compartment'],
  ['MAC-46', 'task SUBJECT may not bind an address of compartment NUMBER'],
  ['§9.5', 'task SUBJECT may not use a device that shows all compartments: administrators alone may'],
]

/** Beside the masks of permission: to look at attributes, or where a link leads. */
export const MAY_LOOK = 1 << 8

const SPAN = 65536

/** A label as one number, and back. */
export const pack = ({ grade, compartment, flags }: Label): number =>
  (flags * SPAN + compartment) * SPAN + grade
export const unpack = (packed: number): Label =>
  new Label(packed % SPAN, Math.floor(packed / SPAN) % SPAN, Math.floor(packed / SPAN / SPAN))

/** A rule's sentence. */
export const sentence = (rule: number, subject: Label, object: Label): string => {
  const [name, says] = RULES[rule] ?? ['', '']
  return `${says.replace('SUBJECT', showLabel(subject)).replace('OBJECT', showLabel(object)).replace('NUMBER', String(object.compartment))} (${name})`
}

/** 'task 10:3 may not write files of 65535:0+shared: no write up (MAC-30 write)' */
const words = (_task: Task, { number, mode, uid }: HookNoted): string =>
  sentence(number, unpack(mode), unpack(uid))

/** A file or directory that stands for nothing else: no driver, no task. */
const isOrdinary = ({ mode, security }: Inode): boolean =>
  security === null && (S_ISREG(mode) || S_ISDIR(mode))

/** One kernel's. */
export class Judge {
  readonly labels: Labels
  readonly settings: MacSettings

  constructor(labels: Labels, settings: MacSettings) {
    this.labels = labels
    this.settings = settings
  }

  /** The number of a refusal's rule. */
  static ruleOf({ rule }: Refused): number {
    return RULES.findIndex(([name]) => name === rule)
  }

  /** What a hook says, and what `kernel.why` will. */
  verdict(current: Task, refused: Refused | null, object: Label): number {
    if (refused === null) return 0
    const { refusals } = this.labels.state
    refusals.set(refused.rule, (refusals.get(refused.rule) ?? 0) + 1)
    const subject = this.labels.ofTask(current)
    return denyInHook(current, refused.errno, words, Judge.ruleOf(refused), pack(subject), pack(object), 0)
  }

  /** Does one task see another? No word about it: it is as if there were none (MAC-10, MAC-20; MAC-26 for pid 1). */
  sees(current: Task, target: Task): number {
    if (this.settings.initVisible && target.pid === 1) return 0
    const subject = this.labels.ofTask(current)
    return seeTask(this.settings, subject, this.labels.ofTask(target))?.errno ?? 0
  }

  /** May a task be signalled about a file, whose owner somebody with this label has named it (MAC-20, MAC-27)? */
  tells(sender: Label, target: Task): number {
    const object = this.labels.ofTask(target)
    const refused = seeTask(this.settings, sender, object) ?? changeTask(this.settings, sender, object)
    return refused?.errno ?? 0
  }

  /** Signals and priorities (MAC-27). */
  changes(current: Task, target: Task): number {
    const object = this.labels.ofTask(target)
    return this.verdict(current, changeTask(this.settings, this.labels.ofTask(current), object), object)
  }

  /**
   * An access to an inode (MAC-30, MAC-32); `mask` is of MAY_*, or MAY_LOOK. Administrators may all (MAC-9). The common case
   * is answered here: a look, or an ordinary file, in the own compartment.
   */
  access(current: Task, inode: Inode, mask: number): number {
    const { labels } = this
    const subject = labels.ofTask(current)
    if (isAdmin(subject)) return 0
    const object = labels.ofFiles(inode.sb)
    if (subject.compartment === object.compartment) {
      const isWrite = (mask & MAY_WRITE) !== 0
      if (subject.grade === object.grade || (!isWrite && object.grade > subject.grade))
        if ((mask & (MAY_READ | MAY_WRITE)) === 0 || isOrdinary(inode)) return 0
    }
    return this.furtherAccess(current, subject, object, inode, mask)
  }

  /** An access to what is of another compartment or grade, or stands for something else. */
  private furtherAccess(current: Task, subject: Label, object: Label, inode: Inode, mask: number): number {
    const { labels } = this
    const { sb } = inode
    const isRead = (mask & (MAY_READ | MAY_EXEC | MAY_LOOK)) !== 0
    const isWrite = (mask & MAY_WRITE) !== 0
    // Pipes, sockets: not of a file system that anybody can mount.
    if ((sb.flags & MS_NOUSER) !== 0) return 0
    const shown = labels.shownTask(inode)
    if (shown !== undefined) return this.onTaskFile(current, shown, mask)
    if ((mask & (MAY_READ | MAY_WRITE)) !== 0 && this.showsAll(current, inode))
      return this.verdict(current, NOT_ADMIN, object)
    if (isRead) {
      const refused = readFiles(subject, object)
      if (refused !== null && !this.sinks(current, subject, object, inode, mask, refused))
        return this.verdict(current, refused, object)
    }
    if (!isWrite) return 0
    return this.verdict(current, writeFiles(labels.ofTask(current), object), object)
  }

  /** Is it a node of a driver that shows what all compartments do, wherever the node is? */
  private showsAll({ k: { devices } }: Task, { mode, rdev }: Inode): boolean {
    if (!S_ISCHR(mode) && !S_ISBLK(mode)) return false
    const kind = S_ISCHR(mode) ? 'char' : 'block'
    return this.settings.adminDevices.some((name) => devices.majorOf(name, kind) === major(rdev))
  }

  /** Files of /proc/<pid>: whoever sees the task may read them (MAC-22); to write is to change the task (MAC-27). */
  private onTaskFile(current: Task, object: Label, mask: number): number {
    if ((mask & MAY_WRITE) === 0) return 0
    return this.verdict(current, changeTask(this.settings, this.labels.ofTask(current), object), object)
  }

  /**
   * Low watermark (§3.2): a read of something lower is allowed and lowers the reader. Directories lower nobody, nor does a look
   * at attributes.
   */
  private sinks(
    current: Task,
    subject: Label,
    object: Label,
    inode: Inode,
    mask: number,
    { rule }: Refused,
  ): boolean {
    if (!this.settings.lowWatermark || rule !== 'MAC-30 read') return false
    if (S_ISREG(inode.mode) && mask !== MAY_LOOK)
      this.labels.labelTask(current, new Label(object.grade, subject.compartment, subject.flags))
    return true
  }

  /** To change what is found at a directory of the file system. */
  writesFiles(current: Task, sb: SuperBlock): number {
    const object = this.labels.ofFiles(sb)
    return this.verdict(current, writeFiles(this.labels.ofTask(current), object), object)
  }

  /** A lock on a file, which stands in the way of others. Pipes and sockets are nobody's. */
  locks(current: Task, sb: SuperBlock): number {
    return (sb.flags & MS_NOUSER) !== 0 ? 0 : this.writesFiles(current, sb)
  }

  /** statfs: seeing is enough (MAC-32). */
  seesFiles(current: Task, sb: SuperBlock): number {
    const object = this.labels.ofFiles(sb)
    return this.verdict(current, seeFiles(this.labels.ofTask(current), object), object)
  }

  /** The same without a record, for lists (/proc/mounts). */
  listsFiles(current: Task, sb: SuperBlock): number {
    return seeFiles(this.labels.ofTask(current), this.labels.ofFiles(sb))?.errno ?? 0
  }
}
