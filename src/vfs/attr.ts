/**
 * Changing attributes: chmod, chown, utime and truncate meet here.
 *
 * Linux: notify_change, inode_change_ok, inode_setattr (fs/attr.c, 2.6.14); in 2.2 the same rule, per superblock
 * (reference §1.2). Failures are EPERM.
 */

import { CAP_CHOWN, CAP_FOWNER, CAP_FSETID } from '../abi/capability.js'
import { EPERM } from '../abi/errno.js'
import { S_ISGID, S_ISUID, S_IXGRP } from '../abi/stat.js'
import { inGroup } from '../kernel/cred.js'
import type { Task } from '../kernel/task.js'
import { capable } from '../security/capability.js'
import { deny } from '../security/deny.js'
import type { Inode } from './inode.js'
import type { Iattr } from './ops.js'

/** May `current` change these attributes? May drop S_ISGID from `attr.mode`. Linux: inode_change_ok. */
export function inodeChangeOk(current: Task, inode: Inode, attr: Iattr): number {
  const { cred } = current
  const isOwner = cred.fsuid === inode.uid
  if (attr.uid !== undefined && (!isOwner || attr.uid !== inode.uid) && !capable(current, CAP_CHOWN)) {
    return deny(current, EPERM, 'capability', inode, CAP_CHOWN)
  }
  if (attr.gid !== undefined) {
    const ownGroup = inGroup(cred, attr.gid) || attr.gid === inode.gid
    if ((!isOwner || !ownGroup) && !capable(current, CAP_CHOWN)) {
      return deny(current, EPERM, 'capability', inode, CAP_CHOWN)
    }
  }
  if (attr.mode !== undefined) {
    if (!isOwner && !capable(current, CAP_FOWNER)) return deny(current, EPERM, 'owner', inode, CAP_FOWNER)
    if (!inGroup(cred, attr.gid ?? inode.gid) && !capable(current, CAP_FSETID)) attr.mode &= ~S_ISGID
  }
  if (attr.timesSet === true && !isOwner && !capable(current, CAP_FOWNER))
    return deny(current, EPERM, 'owner', inode, CAP_FOWNER)
  return 0
}

/** Carries a change out. Linux: inode_setattr. */
export function inodeSetattr(current: Task, inode: Inode, attr: Iattr): number {
  if (attr.size !== undefined && attr.size !== inode.size) {
    const failed = inode.ops.truncate(current, inode, attr.size)
    if (failed !== 0) return failed
  }
  if (attr.uid !== undefined) inode.uid = attr.uid
  if (attr.gid !== undefined) inode.gid = attr.gid
  if (attr.atime !== undefined) inode.atime = attr.atime
  if (attr.mtime !== undefined) inode.mtime = attr.mtime
  inode.ctime = attr.ctime ?? current.k.state.now
  if (attr.mode !== undefined) {
    const keepsGroupBit = inGroup(current.cred, inode.gid) || capable(current, CAP_FSETID)
    inode.mode = keepsGroupBit ? attr.mode : attr.mode & ~S_ISGID
  }
  return 0
}

/** A change that needs no further check but the file system's own, as a truncate that the VFS has allowed. */
export const setattr = (current: Task, inode: Inode, attr: Iattr): number =>
  inode.ops.setattr !== undefined
    ? inode.ops.setattr(current, inode, attr)
    : inodeSetattr(current, inode, attr)

/**
 * Checks and carries out a change. Linux: notify_change. `killSetIds` also drops the set-user-id bit, and the
 * set-group-id bit where the group may execute (ATTR_KILL_SUID, ATTR_KILL_SGID).
 */
export function notifyChange(current: Task, inode: Inode, attr: Iattr, killSetIds = false): number {
  if (killSetIds) {
    const kept = withoutSetIds(inode.mode)
    if (kept !== inode.mode) attr.mode = attr.mode === undefined ? kept : withoutSetIds(attr.mode)
  }
  const { security } = current.k
  if (inode.ops.setattr !== undefined)
    return security.inodeSetattr(current, inode, attr) || inode.ops.setattr(current, inode, attr)
  return (
    inodeChangeOk(current, inode, attr) ||
    security.inodeSetattr(current, inode, attr) ||
    inodeSetattr(current, inode, attr)
  )
}

/** A mode without its set-id bits; set-group-id without group execution marks mandatory locking and stays. */
export function withoutSetIds(mode: number): number {
  const kept = mode & ~S_ISUID
  return (kept & (S_ISGID | S_IXGRP)) === (S_ISGID | S_IXGRP) ? kept & ~S_ISGID : kept
}

/** A write by a task without CAP_FSETID takes the set-id bits away. Linux: remove_suid, mm/filemap.c. */
export function removeSuid(current: Task, inode: Inode): void {
  const kept = withoutSetIds(inode.mode)
  if (kept === inode.mode || capable(current, CAP_FSETID)) return
  inode.mode = kept
  inode.ctime = current.k.state.now
}
