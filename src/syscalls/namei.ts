/**
 * Making, removing and renaming names. Linux: fs/namei.c (2.6.14): sys_mkdir … sys_rename; do_mkdir … do_rename
 * (2.2.12), which walk to the end of every path.
 */

import { mkdev, newDecodeDev, oldDecodeDev } from '../abi/brand.js'
import { CAP_SYS_ADMIN } from '../abi/capability.js'
import {
  EBUSY,
  EEXIST,
  EINVAL,
  EISDIR,
  ENOENT,
  ENOMEM,
  ENOTDIR,
  ENOTEMPTY,
  EPERM,
  type Errno,
  EXDEV,
  isErr,
} from '../abi/errno.js'
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFMT, S_IFREG, S_IFSOCK } from '../abi/stat.js'
import type { Task } from '../kernel/task.js'
import { capable } from '../security/capability.js'
import { deny } from '../security/deny.js'
import { shouldFail } from '../sim/faults.js'
import { Dentry } from '../vfs/dentry.js'
import {
  lookupCreate,
  lookupNew,
  vfsCreate,
  vfsLink,
  vfsMkdir,
  vfsMknod,
  vfsRename,
  vfsRmdir,
  vfsSymlink,
  vfsUnlink,
} from '../vfs/dirops.js'
import { S_DEAD } from '../vfs/inode.js'
import { LOOKUP_PARENT, LOOKUP_SLASHOK, lookupDentry, lookupHash, pathLookup } from '../vfs/namei.js'
import { LAST_DOT, LAST_DOTDOT, LAST_NORM, LAST_ROOT, type Nameidata } from '../vfs/nameidata.js'
import { checkPath } from '../vfs/path.js'
import { row, type SyscallRow } from './row.js'

/**
 * The directory that a name found by `lookupDentry` is in. ENOENT where there is nothing, for a root, which has no
 * name, and for a directory that has been removed. Linux: lock_parent and check_parent (2.2).
 */
function parentOf({ dentry, mnt, negative }: Nameidata): Dentry | Errno {
  const { inode, parent } = dentry
  const hasName = !negative && inode !== null && (inode.flags & S_DEAD) === 0 && dentry !== mnt.root
  return hasName && parent !== null ? parent : ENOENT
}

export function sysMkdir(current: Task, path: string, mode: number): number {
  const { nd } = current.k
  const dentry = lookupNew(current, path, nd, true)
  return isErr(dentry) ? dentry : vfsMkdir(current, nd.dentry, dentry, mode & ~current.fs.umask)
}

export function sysMknod(current: Task, path: string, mode: number, dev: number): number {
  const type = mode & S_IFMT
  const { facts, nd } = current.k
  if (type === S_IFDIR) return deny(current, EPERM, 'state', null, 'no-mknod-directory')
  if (facts.mknodNeedsAdmin && type !== S_IFIFO && !capable(current, CAP_SYS_ADMIN)) {
    return deny(current, EPERM, 'capability', null, CAP_SYS_ADMIN)
  }
  const dentry = lookupNew(current, path, nd, false)
  if (isErr(dentry)) return dentry
  const bits = mode & ~current.fs.umask
  switch (type) {
    case 0:
    case S_IFREG:
      return vfsCreate(current, nd.dentry, dentry, bits)
    case S_IFCHR:
    case S_IFBLK:
      return vfsMknod(
        current,
        nd.dentry,
        dentry,
        bits,
        facts.devBits === 16 ? oldDecodeDev(dev) : newDecodeDev(dev),
      )
    case S_IFIFO:
    case S_IFSOCK:
      return vfsMknod(current, nd.dentry, dentry, bits, mkdev(0, 0))
    default:
      return EINVAL
  }
}

export function sysRmdir(current: Task, path: string): number {
  const { facts, nd } = current.k
  if (facts.walksToTheEnd) return removeAtEnd(current, path, vfsRmdir)
  const failed = pathLookup(current, path, LOOKUP_PARENT, nd)
  if (failed !== 0) return failed
  if (nd.lastType === LAST_DOTDOT) return ENOTEMPTY
  if (nd.lastType === LAST_DOT) return EINVAL
  if (nd.lastType === LAST_ROOT) return EBUSY
  const dentry = lookupHash(current, nd)
  if (dentry === null) return ENOENT
  return isErr(dentry) ? dentry : vfsRmdir(current, nd.dentry, dentry)
}

/** Linux: do_rmdir, do_unlink (2.2). */
function removeAtEnd(current: Task, path: string, remove: typeof vfsRmdir): number {
  const { nd } = current.k
  const failed = lookupDentry(current, path, 0, nd)
  if (failed !== 0) return failed
  const parent = parentOf(nd)
  return isErr(parent) ? parent : remove(current, parent, nd.dentry)
}

export function sysUnlink(current: Task, path: string): number {
  const { facts, nd } = current.k
  if (facts.walksToTheEnd) return removeAtEnd(current, path, vfsUnlink)
  const failed = pathLookup(current, path, LOOKUP_PARENT, nd)
  if (failed !== 0) return failed
  if (nd.lastType !== LAST_NORM) return EISDIR
  const dentry = lookupHash(current, nd)
  if (dentry === null) return ENOENT
  if (isErr(dentry)) return dentry
  if (nd.trailingSlash) return isDirectory(dentry) ? EISDIR : ENOTDIR
  return vfsUnlink(current, nd.dentry, dentry)
}

const isDirectory = (dentry: Dentry): boolean => ((dentry.inode?.mode ?? 0) & S_IFMT) === S_IFDIR

export function sysSymlink(current: Task, target: string, path: string): number {
  const failed = checkPath(target)
  if (failed !== 0) return failed
  const { nd } = current.k
  const dentry = lookupNew(current, path, nd, false)
  return isErr(dentry) ? dentry : vfsSymlink(current, nd.dentry, dentry, target)
}

/** The last component of the old name is not followed. */
export function sysLink(current: Task, oldPath: string, newPath: string): number {
  const { facts, nd, nd2 } = current.k
  const unusable = checkPath(newPath)
  if (unusable !== 0) return unusable
  if (facts.walksToTheEnd) return linkAtEnd(current, oldPath, newPath)
  const failed = pathLookup(current, oldPath, 0, nd) || pathLookup(current, newPath, LOOKUP_PARENT, nd2)
  if (failed !== 0) return failed
  if (nd.mnt !== nd2.mnt) return EXDEV
  const dentry = lookupCreate(current, nd2, false)
  return isErr(dentry) ? dentry : vfsLink(current, nd.dentry, nd2.dentry, dentry)
}

/** Linux: do_link (2.2). */
function linkAtEnd(current: Task, oldPath: string, newPath: string): number {
  const { nd, nd2 } = current.k
  const failed = lookupDentry(current, oldPath, 0, nd) || lookupDentry(current, newPath, 0, nd2)
  if (failed !== 0) return failed
  if (nd.negative) return ENOENT
  if (!nd2.negative) return EEXIST
  return vfsLink(current, nd.dentry, nd2.dentry, new Dentry(nd2.last, nd2.dentry, nd2.dentry.sb, null))
}

/** The child of `above` on the way down to `below`; null when `below` is not under it. Linux: lock_rename. */
function childTowards(below: Dentry, above: Dentry): Dentry | null {
  for (let at: Dentry | null = below; at !== null; at = at.parent) if (at.parent === above) return at
  return null
}

/** Linux: do_rename. */
export function sysRename(current: Task, oldPath: string, newPath: string): number {
  const { facts, nd, nd2 } = current.k
  const unusable = checkPath(oldPath) || checkPath(newPath)
  if (unusable !== 0) return unusable
  if (facts.walksToTheEnd) return renameAtEnd(current, oldPath, newPath)
  const failed =
    pathLookup(current, oldPath, LOOKUP_PARENT, nd) || pathLookup(current, newPath, LOOKUP_PARENT, nd2)
  if (failed !== 0) return failed
  if (nd.mnt !== nd2.mnt) return EXDEV
  if (nd.lastType !== LAST_NORM || nd2.lastType !== LAST_NORM) return EBUSY
  const oldParent = nd.dentry
  const newParent = nd2.dentry
  const old = lookupHash(current, nd)
  if (old === null) return ENOENT
  if (isErr(old)) return old
  if (!isDirectory(old) && (nd.trailingSlash || nd2.trailingSlash)) return ENOTDIR
  if (oldParent !== newParent && childTowards(newParent, oldParent) === old) return EINVAL
  const target = lookupHash(current, nd2)
  if (isErr(target)) return target
  if (target === null && shouldFail(current.k, 'alloc:dentry')) return ENOMEM
  if (target !== null && oldParent !== newParent && childTowards(oldParent, newParent) === target)
    return ENOTEMPTY
  return vfsRename(current, oldParent, old, newParent, nd2.last, target)
}

/** Linux: do_rename (2.2). */
function renameAtEnd(current: Task, oldPath: string, newPath: string): number {
  const { nd, nd2 } = current.k
  const missing = lookupDentry(current, oldPath, 0, nd)
  if (missing !== 0) return missing
  if (nd.negative) return ENOENT
  const failed = lookupDentry(current, newPath, isDirectory(nd.dentry) ? LOOKUP_SLASHOK : 0, nd2)
  if (failed !== 0) return failed
  const oldParent = parentOf(nd)
  const newParent = nd2.negative ? nd2.dentry : parentOf(nd2)
  if (isErr(oldParent)) return oldParent
  if (isErr(newParent)) return newParent
  if (nd.mnt !== nd2.mnt) return EXDEV
  const target = nd2.negative ? null : nd2.dentry
  return vfsRename(current, oldParent, nd.dentry, newParent, target?.name ?? nd2.last, target)
}

export const nameiCalls: readonly SyscallRow[] = [
  row('mkdir', ['path', 'int'], sysMkdir),
  row('mknod', ['path', 'int', 'int'], sysMknod),
  row('rmdir', ['path'], sysRmdir),
  row('unlink', ['path'], sysUnlink),
  row('symlink', ['path', 'path'], sysSymlink),
  row('link', ['path', 'path'], sysLink),
  row('rename', ['path', 'path'], sysRename),
]
