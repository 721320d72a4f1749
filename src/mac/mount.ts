/**
 * Labels of file systems: the option `mac=` of mount(2), and who may give it. Reference MAC-33.
 */

import { EACCES, EINVAL, EPERM, type Errno } from '../abi/errno.js'
import { MS_REMOUNT } from '../abi/mount.js'
import type { Task } from '../kernel/task.js'
import { denyInHook } from '../security/deny.js'
import type { Dentry } from '../vfs/dentry.js'
import type { Mount } from '../vfs/mount.js'
import type { SuperBlock } from '../vfs/superblock.js'
import type { Judge } from './judge.js'
import { isAdmin, type Label, MAC_ADMIN, parseLabel } from './label.js'
import type { Labels } from './state.js'

/** The name of the option. */
export const MAC_OPTION = 'mac'

const onlyAdmins = (): string => 'only an administrator labels file systems (MAC-33)'
const covers = (): string => 'only an administrator covers the root of a file system (MAC-32)'
const shares = (): string => 'only an administrator mounts what all compartments share (MAC-33)'
const notSeen = (): string => 'a file system of another compartment (MAC-32)'

/** The label that mount options ask for; null for none. Errors: EINVAL, also for one that only tasks can have. */
function wanted(data: string): Label | null | Errno {
  let label: Label | null = null
  for (const option of data.split(',')) {
    const equals = option.indexOf('=')
    if ((equals < 0 ? option : option.slice(0, equals)) !== MAC_OPTION) continue
    label = equals < 0 ? null : parseLabel(option.slice(equals + 1))
    if (label === null || (label.flags & MAC_ADMIN) !== 0) return EINVAL
  }
  return label
}

/** May the task ask for that? The label or null, or EPERM, EINVAL. */
function asked(labels: Labels, current: Task, data: string): Label | null | Errno {
  const label = wanted(data)
  if (label === null || isAdmin(labels.ofTask(current))) return label
  return denyInHook(current, EPERM, onlyAdmins, 0, 0, 0, 0)
}

/**
 * A new mount: the label that an administrator gives, or that of boot; anybody else's own. A file system that is there
 * already keeps what it has; of files that all mounts of a type share nobody else makes a mount. Errors: EPERM, EINVAL.
 */
export function labelMount(labels: Labels, current: Task, sb: SuperBlock, data: string): number {
  const label = asked(labels, current, data)
  if (typeof label === 'number') return label
  if (sb.mounts > 1 || labels.isLabelled(sb)) return label === null ? 0 : EINVAL
  const own = labels.ofTask(current)
  const isShared = current.k.filesystems.get(sb.type)?.sharesFiles === true
  if (isShared && !isAdmin(own)) return denyInHook(current, EPERM, shares, 0, 0, 0, 0)
  if (label !== null) labels.labelFiles(sb, label)
  else if (!isAdmin(own)) labels.labelFiles(sb, own)
  return 0
}

/**
 * mount(2): it changes what everybody finds at the directory, as a write to it would (MAC-30 write), and where the root
 * of a file system is covered, nobody asks any more who sees that one (MAC-32). Errors: EACCES; for a remount EPERM where
 * the file system is another compartment's, as for umount(2).
 */
export function checkMount(judge: Judge, current: Task, at: Dentry, flags: number): number {
  if ((flags & MS_REMOUNT) !== 0) {
    const refused = checkOwner(judge.labels, current, at.sb)
    if (refused !== 0) return refused
  }
  const isCover = at.parent === null && (flags & MS_REMOUNT) === 0
  if (isCover && !isAdmin(judge.labels.ofTask(current)))
    return denyInHook(current, EACCES, covers, 0, 0, 0, 0)
  return judge.writesFiles(current, at.sb)
}

/** Is a mount listed: does the task see its file system, and those on the way to it? */
export function listsMount(judge: Judge, current: Task, mnt: Mount): number {
  for (let on: Mount | null = mnt; on !== null; on = on.parent) {
    const hidden = judge.listsFiles(current, on.sb)
    if (hidden !== 0) return hidden
  }
  return 0
}

/** May the file system be mounted anew with these options? */
export function checkRemount(labels: Labels, current: Task, data: string): number {
  const label = asked(labels, current, data)
  return typeof label === 'number' ? label : 0
}

/** It has been. */
export function relabelMount(labels: Labels, sb: SuperBlock, data: string): void {
  const label = wanted(data)
  if (label !== null && typeof label !== 'number') labels.labelFiles(sb, label)
}

/** May the task change how a file system is mounted? Errors: EPERM (MAC-32). */
function checkOwner(labels: Labels, current: Task, sb: SuperBlock): number {
  const subject = labels.ofTask(current)
  if (isAdmin(subject) || labels.ofFiles(sb).compartment === subject.compartment) return 0
  return denyInHook(current, EPERM, notSeen, 0, 0, 0, 0)
}

/**
 * umount(2): as with mount(2), everybody finds something else there from then on. Errors: EPERM of another compartment's
 * (MAC-32), EACCES (MAC-30 write).
 */
export function checkUmount(judge: Judge, current: Task, mnt: Mount): number {
  const refused = checkOwner(judge.labels, current, mnt.sb)
  if (refused !== 0) return refused
  return mnt.mountpoint === null ? 0 : judge.writesFiles(current, mnt.mountpoint.sb)
}
