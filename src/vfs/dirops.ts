/**
 * Making and removing names: the checks that come before a file system is asked.
 *
 * Linux: may_create, may_delete, check_sticky, lookup_create, vfs_create, vfs_mknod, vfs_mkdir, vfs_rmdir,
 * vfs_unlink, vfs_symlink, vfs_link, vfs_rename (fs/namei.c, 2.6.14). Each takes the parent's Nameidata, with the
 * last component looked up by the caller, and returns 0 or an Errno.
 */

import type { DevT } from '../abi/brand.js'
import { CAP_FOWNER, CAP_MKNOD, CAP_SYS_ADMIN } from '../abi/capability.js'
import {
  EBUSY,
  EEXIST,
  EINVAL,
  EISDIR,
  ENOENT,
  ENOMEM,
  ENOTDIR,
  EPERM,
  type Errno,
  EXDEV,
  isErr,
} from '../abi/errno.js'
import { S_IALLUGO, S_IFBLK, S_IFCHR, S_IFDIR, S_IFMT, S_IFREG, S_IRWXUGO, S_ISVTX } from '../abi/stat.js'
import type { Task } from '../kernel/task.js'
import { capable } from '../security/capability.js'
import { deny } from '../security/deny.js'
import { shouldFail } from '../sim/faults.js'
import { Dentry, dAdd, dDrop, dMove, isSubdir } from './dentry.js'
import { type Inode, MAY_WRITE, MAY_WRITE_EXEC, S_APPEND, S_DEAD, S_IMMUTABLE } from './inode.js'
import { LOOKUP_PARENT, LOOKUP_SLASHOK, lookupDentry, lookupHash, pathLookup } from './namei.js'
import { LAST_NORM, type Nameidata } from './nameidata.js'
import { denyFlags, inodePermission } from './permission.js'

const isDir = (inode: Inode): boolean => (inode.mode & S_IFMT) === S_IFDIR

/** May a name be made in `dir`? Linux: may_create. */
function mayCreate(current: Task, dir: Inode): number {
  if ((dir.flags & S_DEAD) !== 0) return ENOENT
  return inodePermission(current, dir, MAY_WRITE_EXEC)
}

/** Does the sticky bit keep `current` from removing `inode` from `dir`? Linux: check_sticky. */
function stickyRefuses(current: Task, dir: Inode, inode: Inode): boolean {
  if ((dir.mode & S_ISVTX) === 0) return false
  const { fsuid } = current.cred
  if (inode.uid === fsuid || dir.uid === fsuid) return false
  return !capable(current, CAP_FOWNER)
}

/** May `victim` be removed from `dir`? Linux: may_delete. */
function mayDelete(current: Task, dir: Inode, victim: Dentry, wantsDir: boolean): number {
  const inode = victim.inode
  if (inode === null) return ENOENT
  const denied = inodePermission(current, dir, MAY_WRITE_EXEC)
  if (denied !== 0) return denied
  if ((dir.flags & S_APPEND) !== 0) return deny(current, EPERM, 'immutable', dir, 'append-only')
  if (stickyRefuses(current, dir, inode)) return deny(current, EPERM, 'sticky', inode, CAP_FOWNER, dir)
  if ((inode.flags & (S_APPEND | S_IMMUTABLE)) !== 0) return denyFlags(current, EPERM, inode)
  if (wantsDir) {
    if (!isDir(inode)) return ENOTDIR
    if (victim === victim.sb.root) return EBUSY
  } else if (isDir(inode)) return EISDIR
  return (dir.flags & S_DEAD) !== 0 ? ENOENT : 0
}

/**
 * A fresh dentry for the last component, not yet entered; EEXIST when the name is taken.
 * Trailing slashes are only for directories. Linux: lookup_create, and may_create's first test.
 */
export function lookupCreate(current: Task, nd: Nameidata, forDir: boolean): Dentry | Errno {
  if (nd.lastType !== LAST_NORM) return EEXIST
  const found = lookupHash(current, nd)
  if (isErr(found)) return found
  if (found !== null) return EEXIST
  if (!forDir && nd.trailingSlash) return ENOENT
  if (shouldFail(current.k, 'alloc:dentry')) return ENOMEM
  return new Dentry(nd.last, nd.dentry, nd.dentry.sb, null)
}

/** A fresh dentry for a name that is to be made; `nd.dentry` is its directory. EEXIST when the name is taken. */
export function lookupNew(current: Task, path: string, nd: Nameidata, forDir: boolean): Dentry | Errno {
  if (!current.k.facts.walksToTheEnd) {
    const failed = pathLookup(current, path, LOOKUP_PARENT, nd)
    return failed !== 0 ? (failed as Errno) : lookupCreate(current, nd, forDir)
  }
  const failed = lookupDentry(current, path, forDir ? LOOKUP_SLASHOK : 0, nd)
  if (failed !== 0) return failed as Errno
  if (!nd.negative) return EEXIST
  return shouldFail(current.k, 'alloc:dentry') ? ENOMEM : new Dentry(nd.last, nd.dentry, nd.dentry.sb, null)
}

/** Enters a dentry that the file system has filled, and lets modules label its inode. */
function enter(current: Task, parent: Dentry, dir: Inode, dentry: Dentry): number {
  if (dentry.inode === null) return 0
  dAdd(parent, dentry)
  current.k.security.inodeInit(current, dir, dentry.inode)
  return 0
}

/** The directory in which a name is to be made or removed. */
const dirOf = (parent: Dentry): Inode => parent.inode as Inode

/** Linux: vfs_create. `mode` has had the umask taken off. */
export function vfsCreate(current: Task, parent: Dentry, dentry: Dentry, mode: number): number {
  const dir = dirOf(parent)
  const denied = mayCreate(current, dir)
  if (denied !== 0) return denied
  const bits = (mode & S_IALLUGO) | S_IFREG
  const verdict = current.k.security.inodeCreate(current, dir, dentry, bits)
  if (verdict !== 0) return verdict
  return dir.ops.create(current, dir, dentry, bits) || enter(current, parent, dir, dentry)
}

/** Linux: vfs_mknod. `mode` holds the type. */
export function vfsMknod(current: Task, parent: Dentry, dentry: Dentry, mode: number, dev: DevT): number {
  const dir = dirOf(parent)
  const denied = mayCreate(current, dir)
  if (denied !== 0) return denied
  const type = mode & S_IFMT
  const capability = current.k.facts.mknodNeedsAdmin ? CAP_SYS_ADMIN : CAP_MKNOD
  if ((type === S_IFCHR || type === S_IFBLK) && !capable(current, capability)) {
    return deny(current, EPERM, 'capability', dir, capability)
  }
  const verdict = current.k.security.inodeMknod(current, dir, dentry, mode, dev)
  if (verdict !== 0) return verdict
  return dir.ops.mknod(current, dir, dentry, mode, dev) || enter(current, parent, dir, dentry)
}

/** Linux: vfs_mkdir. */
export function vfsMkdir(current: Task, parent: Dentry, dentry: Dentry, mode: number): number {
  const dir = dirOf(parent)
  const denied = mayCreate(current, dir)
  if (denied !== 0) return denied
  const bits = mode & (current.k.facts.mkdirTakesSticky ? S_IRWXUGO | S_ISVTX : S_IRWXUGO)
  const verdict = current.k.security.inodeMkdir(current, dir, dentry, bits)
  if (verdict !== 0) return verdict
  return dir.ops.mkdir(current, dir, dentry, bits) || enter(current, parent, dir, dentry)
}

/** Linux: vfs_symlink. */
export function vfsSymlink(current: Task, parent: Dentry, dentry: Dentry, target: string): number {
  const dir = dirOf(parent)
  const denied = mayCreate(current, dir)
  if (denied !== 0) return denied
  const verdict = current.k.security.inodeSymlink(current, dir, dentry, target)
  if (verdict !== 0) return verdict
  return dir.ops.symlink(current, dir, dentry, target) || enter(current, parent, dir, dentry)
}

/** Linux: vfs_link. */
export function vfsLink(current: Task, old: Dentry, parent: Dentry, dentry: Dentry): number {
  const dir = dirOf(parent)
  const inode = old.inode
  if (inode === null) return ENOENT
  const denied = mayCreate(current, dir)
  if (denied !== 0) return denied
  if (dir.sb !== inode.sb) return EXDEV
  if ((inode.flags & (S_APPEND | S_IMMUTABLE)) !== 0) return denyFlags(current, EPERM, inode)
  if (isDir(inode)) return deny(current, EPERM, 'state', inode, 'no-second-name')
  const verdict = current.k.security.inodeLink(current, old, dir, dentry)
  if (verdict !== 0) return verdict
  const failed = dir.ops.link(current, old, dir, dentry)
  if (failed !== 0) return failed
  dAdd(parent, dentry)
  return 0
}

/** Linux: vfs_unlink. */
export function vfsUnlink(current: Task, parent: Dentry, dentry: Dentry): number {
  const dir = dirOf(parent)
  const denied = mayDelete(current, dir, dentry, false)
  if (denied !== 0) return denied
  if (dentry.mounted !== 0) return EBUSY
  const verdict = current.k.security.inodeUnlink(current, dir, dentry)
  if (verdict !== 0) return verdict
  const failed = dir.ops.unlink(current, dir, dentry)
  if (failed !== 0) return failed
  dDrop(dentry)
  return 0
}

/** Linux: vfs_rmdir. */
export function vfsRmdir(current: Task, parent: Dentry, dentry: Dentry): number {
  const dir = dirOf(parent)
  const denied = mayDelete(current, dir, dentry, true)
  if (denied !== 0) return denied
  if (dentry.mounted !== 0) return EBUSY
  const verdict = current.k.security.inodeRmdir(current, dir, dentry)
  if (verdict !== 0) return verdict
  const inode = dentry.inode as Inode
  const failed = dir.ops.rmdir(current, dir, dentry)
  if (failed !== 0) return failed
  inode.flags |= S_DEAD
  dDrop(dentry)
  return 0
}

/** Linux: vfs_rename. `target` is the dentry under the new name, or null. */
export function vfsRename(
  current: Task,
  oldParent: Dentry,
  old: Dentry,
  newParent: Dentry,
  newName: string,
  target: Dentry | null,
): number {
  const inode = old.inode
  if (inode === null) return ENOENT
  if (target !== null && target.inode === inode) return 0
  const oldDir = dirOf(oldParent)
  const newDir = dirOf(newParent)
  const moving = isDir(inode)
  const denied =
    mayDelete(current, oldDir, old, moving) ||
    (target === null ? mayCreate(current, newDir) : mayDelete(current, newDir, target, moving))
  if (denied !== 0) return denied
  if (moving && oldDir !== newDir) {
    // The entry `..` changes: that is a write to the directory itself.
    const unwritable = inodePermission(current, inode, MAY_WRITE)
    if (unwritable !== 0) return unwritable
  }
  if (moving && isSubdir(newParent, old)) return EINVAL
  // 2.2 cannot let go of a directory that somebody uses (d_invalidate, fs/dcache.c).
  const isInUse = target !== null && moving && (target.inode?.count ?? 0) > 0
  if (isInUse && current.k.facts.walksToTheEnd) return EBUSY
  const placeholder = target ?? new Dentry(newName, newParent, newParent.sb, null)
  const verdict = current.k.security.inodeRename(current, oldDir, old, newDir, placeholder)
  if (verdict !== 0) return verdict
  if (old.mounted !== 0 || (target !== null && target.mounted !== 0)) return EBUSY
  const replaced = target?.inode ?? null
  const failed = oldDir.ops.rename(current, oldDir, old, newDir, target)
  if (failed !== 0) return failed
  if (replaced !== null && isDir(replaced)) replaced.flags |= S_DEAD
  if (target !== null) dDrop(target)
  dMove(old, newParent, newName)
  return 0
}
