/**
 * Discretionary access control: mode bits, one class only, then capabilities, then the security hook.
 *
 * Linux: permission, generic_permission, exec_permission_lite (fs/namei.c, 2.6.14); permission (2.2). Reference
 * §1.2. A file system's own permission method decides alone; the check for read-only file systems and immutable
 * inodes comes first everywhere but there.
 */

import { CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH } from '../abi/capability.js'
import { EACCES, EROFS, type Errno } from '../abi/errno.js'
import { MS_RDONLY } from '../abi/mount.js'
import { S_IFDIR, S_IFMT, S_IFREG, S_ISDIR, S_ISLNK, S_ISREG } from '../abi/stat.js'
import { type Cred, inGroup } from '../kernel/cred.js'
import type { Task } from '../kernel/task.js'
import { capable } from '../security/capability.js'
import { deny } from '../security/deny.js'
import { type Inode, MAY_APPEND, MAY_EXEC, MAY_READ, MAY_WRITE, S_IMMUTABLE } from './inode.js'

const S_IXUGO = 0o111

/** The three mode bits that apply to `cred`: owner's, else group's, else others'. One class, never a union. */
export function modeBitsFor(cred: Cred, inode: Inode): number {
  if (cred.fsuid === inode.uid) return (inode.mode >> 6) & 7
  if (inGroup(cred, inode.gid)) return (inode.mode >> 3) & 7
  return inode.mode & 7
}

/** May `current` access `inode` so? 0 or an Errno. `mask` is an OR of MAY_*. Linux: permission. */
export function inodePermission(current: Task, inode: Inode, mask: number): number {
  const { k } = current
  if (k.checksAccessFirst) {
    const refused = k.security.inodeAccess(current, inode, mask)
    if (refused !== 0) return refused
  }
  return ordinaryPermission(current, inode, mask)
}

/** What is asked after the modules that want to be asked first. */
function ordinaryPermission(current: Task, inode: Inode, mask: number): number {
  if ((mask & MAY_WRITE) !== 0) {
    const { mode } = inode
    if ((inode.sb.flags & MS_RDONLY) !== 0 && (S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode))) {
      return deny(current, EROFS, 'mount', inode, 'read-only')
    }
    if ((inode.flags & S_IMMUTABLE) !== 0) return deny(current, EACCES, 'immutable', inode, 'immutable')
  }
  const wanted = mask & ~MAY_APPEND
  const verdict = inode.ops.permission
    ? inode.ops.permission(current, inode, wanted)
    : genericPermission(current, inode, wanted)
  if (verdict !== 0) return verdict
  return current.k.security.inodePermission(current, inode, mask)
}

/** Mode bits and the capabilities that override them. Linux: generic_permission. */
export function genericPermission(current: Task, inode: Inode, mask: number): number {
  if ((modeBitsFor(current.cred, inode) & mask) === mask) return 0
  const isDir = (inode.mode & S_IFMT) === S_IFDIR
  // 2.6 overrides execution only where some execute bit is set; 2.2 leaves that test to exec.
  const overridable =
    (mask & MAY_EXEC) === 0 ||
    isDir ||
    (inode.mode & S_IXUGO) !== 0 ||
    !current.k.facts.dacOverrideNeedsExecBit
  if (overridable && capable(current, CAP_DAC_OVERRIDE)) return 0
  if (mask === MAY_READ || (isDir && (mask & MAY_WRITE) === 0)) {
    if (capable(current, CAP_DAC_READ_SEARCH)) return 0
  }
  return deny(current, EACCES, 'dac', inode, mask)
}

/** Search permission on a directory, the common case of every path walk. Linux: exec_permission_lite. */
export function searchPermission(current: Task, inode: Inode): number {
  const { k } = current
  if (k.checksAccessFirst) {
    const refused = k.security.inodeAccess(current, inode, MAY_EXEC)
    if (refused !== 0) return refused
  }
  return searchFurther(current, inode)
}

/** The same in a file system whose directories the modules that are asked first do not tell apart, and have allowed. */
export function searchFurther(current: Task, inode: Inode): number {
  if (inode.ops.permission === undefined && (modeBitsFor(current.cred, inode) & MAY_EXEC) !== 0)
    return current.k.security.inodePermission(current, inode, MAY_EXEC)
  return ordinaryPermission(current, inode, MAY_EXEC)
}

/** Refuses what an inode's flags forbid, naming the flag. */
export const denyFlags = (current: Task, error: Errno, inode: Inode): Errno =>
  deny(current, error, 'immutable', inode, (inode.flags & S_IMMUTABLE) !== 0 ? 'immutable' : 'append-only')

/** Is it a regular file without a single execute bit? Nobody may execute that. */
export const lacksExecBit = (inode: Inode): boolean =>
  (inode.mode & S_IFMT) === S_IFREG && (inode.mode & S_IXUGO) === 0
