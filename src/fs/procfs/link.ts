/**
 * Links of /proc/<pid>: cwd, root, exe and descriptors. They lead to a place, not to a text; what readlink(2)
 * gives is a description. Linux: fs/proc/link.c (2.0, 2.2); proc_pid_follow_link, proc_pid_readlink,
 * proc_check_root, fs/proc/base.c (2.6.14).
 *
 * 2.2 asks for execute permission on the link, whose owner is the process's user; 2.6 compares the owner itself.
 * All but 2.0 refuse what belongs to a process whose root is outside the caller's.
 */

import { major, minor } from '../../abi/brand.js'
import { CAP_DAC_OVERRIDE } from '../../abi/capability.js'
import { EACCES, ENOENT, isErr, type Ret } from '../../abi/errno.js'
import { S_ISFIFO, S_ISSOCK } from '../../abi/stat.js'
import type { Task } from '../../kernel/task.js'
import { capable } from '../../security/capability.js'
import { deny } from '../../security/deny.js'
import { type Dentry, isSubdir } from '../../vfs/dentry.js'
import { dPath } from '../../vfs/dpath.js'
import { type Inode, MAY_EXEC } from '../../vfs/inode.js'
import type { Mount } from '../../vfs/mount.js'
import { LAST_BIND, type Nameidata } from '../../vfs/nameidata.js'
import { defineInodeOps } from '../../vfs/ops.js'
import { genericPermission, inodePermission } from '../../vfs/permission.js'
import { hasExited, isModern, nodeOf, type Place, seenTaskOf } from './entry.js'
import { placeOfFile } from './pid.js'
import { entryOf } from './tree.js'

/** Is the root of `task` inside the caller's? 0, or why not. Linux: proc_check_root; proc_permission (2.2). */
function checkRoot(current: Task, task: Task | null): number {
  if (task === null || hasExited(task))
    return isModern(current.k) ? ENOENT : deny(current, EACCES, 'state', task, 'process-has-ended')
  const { root, rootMnt } = current.fs
  let dentry: Dentry = task.fs.root
  let mnt: Mount = task.fs.rootMnt
  while (mnt !== rootMnt) {
    if (mnt.parent === null || mnt.mountpoint === null) return refuse(current, task)
    dentry = mnt.mountpoint
    mnt = mnt.parent
  }
  return isSubdir(dentry, root) ? 0 : refuse(current, task)
}

const refuse = (current: Task, task: Task): number => deny(current, EACCES, 'state', task, 'root-outside')

/** Permission on descriptors' directories and, before 2.6, on links. Linux: proc_permission. */
export function procPermission(current: Task, inode: Inode, mask: number): number {
  const denied = genericPermission(current, inode, mask)
  if (denied !== 0) return denied
  if (current.k.facts.release === '2.0.35') return 0
  return checkRoot(current, seenTaskOf(current, nodeOf(inode)))
}

/** May the link be followed or read? */
function linkPermission(current: Task, inode: Inode): number {
  if (!isModern(current.k)) return inodePermission(current, inode, MAY_EXEC)
  if (current.cred.fsuid !== inode.uid && !capable(current, CAP_DAC_OVERRIDE)) {
    return deny(current, EACCES, 'owner', inode, CAP_DAC_OVERRIDE)
  }
  return checkRoot(current, seenTaskOf(current, nodeOf(inode)))
}

/** Where a link leads, after the checks. Linux: proc_get_link. */
function resolve(current: Task, inode: Inode): Ret<Place> {
  const denied = linkPermission(current, inode)
  if (isErr(denied)) return denied
  const node = nodeOf(inode)
  const task = seenTaskOf(current, node)
  if (task === null) return ENOENT
  if (node.path.startsWith('fd/')) {
    return placeOfFile(hasExited(task) ? null : (task.files.files[Number(node.path.slice(3))] ?? null))
  }
  return entryOf(current.k, node)?.place?.(task) ?? ENOENT
}

function jump(current: Task, inode: Inode, nd: Nameidata): number {
  const place = resolve(current, inode)
  if (isErr(place)) return place
  if (place.dentry === null || place.mnt === null) return ENOENT
  nd.dentry = place.dentry
  nd.mnt = place.mnt
  nd.lastType = LAST_BIND
  return 0
}

/** The description of a place. 2.0: device and inode number, '[0301]:1234'. Linux: do_proc_readlink. */
function describe(current: Task, place: Place): string {
  const { dentry, mnt, inode } = place
  if (current.k.facts.release === '2.0.35') {
    const hex = (value: number): string => value.toString(16).padStart(2, '0')
    return `[${hex(major(inode.sb.dev))}:${hex(minor(inode.sb.dev))}]:${inode.ino}`
  }
  if (dentry === null || mnt === null || dentry.parent === null) {
    if (S_ISFIFO(inode.mode)) return `pipe:[${inode.ino}]`
    if (S_ISSOCK(inode.mode)) return `socket:[${inode.ino}]`
  }
  if (dentry === null || mnt === null) return `${inode.sb.type}:[${inode.ino}]`
  return dPath(current.fs, mnt, dentry)
}

function readlink(current: Task, inode: Inode): Ret<string> {
  const place = resolve(current, inode)
  return isErr(place) ? place : describe(current, place)
}

/** Linux: proc_link_inode_operations (2.2). */
export const oldLinkOps = defineInodeOps({
  name: 'procfs.oldlink',
  readlink,
  jump,
  permission: procPermission,
})

/** Linux: proc_pid_link_inode_operations (2.6.14). */
export const modernLinkOps = defineInodeOps({ name: 'procfs.link', readlink, jump })
