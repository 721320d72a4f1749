/**
 * chmod, chown, utime, truncate and their kin, umask. Linux: fs/open.c (2.2.12, 2.6.14).
 */

import { EACCES, EFAULT, EINVAL, EISDIR, EPERM, EROFS, ETXTBSY, isErr } from '../abi/errno.js'
import { MS_RDONLY } from '../abi/mount.js'
import { S_IALLUGO, S_IFDIR, S_IFMT, S_IFREG } from '../abi/stat.js'
import type { Task } from '../kernel/task.js'
import { deny } from '../security/deny.js'
import { notifyChange, setattr } from '../vfs/attr.js'
import { fget } from '../vfs/fdtable.js'
import { FMODE_WRITE } from '../vfs/file.js'
import { getWriteAccess, type Inode, MAY_WRITE, putWriteAccess, S_APPEND, S_IMMUTABLE } from '../vfs/inode.js'
import type { Mount } from '../vfs/mount.js'
import { LOOKUP_FOLLOW, pathLookup } from '../vfs/namei.js'
import type { Iattr } from '../vfs/ops.js'
import { denyFlags, inodePermission } from '../vfs/permission.js'
import { row, type SyscallRow } from './row.js'

/** EROFS on what is mounted read-only, EPERM on what is immutable. */
function refusesChange(current: Task, inode: Inode, mnt: Mount | null): number {
  if (((inode.sb.flags | (mnt?.flags ?? 0)) & MS_RDONLY) !== 0)
    return deny(current, EROFS, 'mount', inode, 'read-only')
  if ((inode.flags & (S_IMMUTABLE | S_APPEND)) !== 0) return denyFlags(current, EPERM, inode)
  return 0
}

function chmodInode(current: Task, inode: Inode, mnt: Mount | null, mode: number): number {
  const refused = refusesChange(current, inode, mnt)
  if (refused !== 0) return refused
  const bits = mode === -1 ? inode.mode : mode
  return notifyChange(current, inode, { mode: (bits & S_IALLUGO) | (inode.mode & ~S_IALLUGO) })
}

export function sysChmod(current: Task, path: string, mode: number): number {
  const { nd } = current.k
  return (
    pathLookup(current, path, LOOKUP_FOLLOW, nd) ||
    chmodInode(current, nd.dentry.inode as Inode, nd.mnt, mode)
  )
}

export function sysFchmod(current: Task, fd: number, mode: number): number {
  const file = fget(current, fd)
  return isErr(file) ? file : chmodInode(current, file.inode, file.mnt, mode)
}

/** An id as the profile's chown takes it; -1 leaves it. */
const idArg = (current: Task, id: number): number => (current.k.facts.uidBits === 16 ? id & 0xffff : id >>> 0)

/** Linux: chown_common. */
function chownInode(current: Task, inode: Inode, mnt: Mount | null, uid: number, gid: number): number {
  const refused = refusesChange(current, inode, mnt)
  if (refused !== 0) return refused
  const attr: Iattr = {}
  const { chownSetsBothIds } = current.k.facts
  if (uid !== -1) attr.uid = idArg(current, uid)
  else if (chownSetsBothIds) attr.uid = inode.uid
  if (gid !== -1) attr.gid = idArg(current, gid)
  else if (chownSetsBothIds) attr.gid = inode.gid
  return notifyChange(current, inode, attr, chownDropsSetIds(current, inode))
}

function chownDropsSetIds(current: Task, inode: Inode): boolean {
  const { chownDropsSetIds: rule } = current.k.facts
  if (rule === 'of-all') return true
  return (inode.mode & S_IFMT) !== S_IFDIR && (rule === 'of-files' || current.cred.fsuid !== 0)
}

function chownPath(current: Task, path: string, uid: number, gid: number, flags: number): number {
  const { nd } = current.k
  return (
    pathLookup(current, path, flags, nd) || chownInode(current, nd.dentry.inode as Inode, nd.mnt, uid, gid)
  )
}

export const sysChown = (current: Task, path: string, uid: number, gid: number): number =>
  chownPath(current, path, uid, gid, LOOKUP_FOLLOW)

export const sysLchown = (current: Task, path: string, uid: number, gid: number): number =>
  chownPath(current, path, uid, gid, 0)

export function sysFchown(current: Task, fd: number, uid: number, gid: number): number {
  const file = fget(current, fd)
  return isErr(file) ? file : chownInode(current, file.inode, file.mnt, uid, gid)
}

export function sysUmask(current: Task, mask: number): number {
  const old = current.fs.umask
  current.fs.umask = mask & 0o777
  return old
}

/** Errors: EINVAL, EISDIR, EACCES, EROFS, EPERM, ETXTBSY, EFBIG. Linux: sys_truncate, do_sys_truncate. */
export function sysTruncate(current: Task, path: string, length: number): number {
  const { facts, nd } = current.k
  if (length < 0 && !facts.truncatesAnyFile) return EINVAL
  const failed = pathLookup(current, path, LOOKUP_FOLLOW, nd)
  if (failed !== 0) return failed
  const inode = nd.dentry.inode as Inode
  const type = inode.mode & S_IFMT
  if (type === S_IFDIR)
    return facts.truncatesAnyFile ? deny(current, EACCES, 'state', inode, 'directory-length') : EISDIR
  if (type !== S_IFREG && !facts.truncatesAnyFile) return EINVAL
  const refused = inodePermission(current, inode, MAY_WRITE) || refusesChange(current, inode, nd.mnt)
  if (refused !== 0) return refused
  if (!getWriteAccess(inode)) return deny(current, ETXTBSY, 'state', inode, 'being-executed')
  const result = length < 0 ? EINVAL : truncateInode(current, inode, length)
  putWriteAccess(inode)
  return result
}

/** Linux: do_truncate. The length changes even where nothing is cut; the times always do. */
function truncateInode(current: Task, inode: Inode, length: number): number {
  // What has no content (2.2 gets here with a FIFO or a device) has no size to set.
  const hasContent = (inode.mode & S_IFMT) === S_IFREG
  const attr: Iattr = hasContent ? { size: length, mtime: current.k.state.now } : {}
  const verdict = current.k.security.inodeSetattr(current, inode, attr)
  return verdict !== 0 ? verdict : setattr(current, inode, attr)
}

/**
 * Errors: EBADF, EINVAL (negative, not a regular file, not open for writing; in 2.2 the last is EACCES).
 * Linux: do_sys_ftruncate; sys_ftruncate (2.2).
 */
export function sysFtruncate(current: Task, fd: number, length: number): number {
  const { truncatesAnyFile } = current.k.facts
  if (length < 0 && !truncatesAnyFile) return EINVAL
  const file = fget(current, fd)
  if (isErr(file)) return file
  const { inode } = file
  const type = inode.mode & S_IFMT
  const isWritable = (file.mode & FMODE_WRITE) !== 0
  if (truncatesAnyFile) {
    if (type === S_IFDIR) return deny(current, EACCES, 'state', inode, 'directory-length')
    if (!isWritable) return deny(current, EACCES, 'state', inode, 'not-open-for-writing')
  } else if (type !== S_IFREG || !isWritable) return EINVAL
  if ((inode.flags & S_APPEND) !== 0) return deny(current, EPERM, 'immutable', inode, 'append-only')
  return length < 0 ? EINVAL : truncateInode(current, inode, length)
}

/** The two times of utime(2) in seconds; null for now. */
function timesOf(value: unknown): { actime: number; modtime: number } | null | undefined {
  if (value === null || value === undefined) return null
  const { actime, modtime } = value as { actime?: unknown; modtime?: unknown }
  return typeof actime === 'number' &&
    typeof modtime === 'number' &&
    Number.isFinite(actime) &&
    Number.isFinite(modtime)
    ? { actime: Math.trunc(actime), modtime: Math.trunc(modtime) }
    : undefined
}

/** Errors: EROFS, EPERM (explicit times by a stranger), EACCES (now, by a stranger without write permission). */
export function sysUtime(current: Task, path: string, times: unknown): number {
  const wanted = timesOf(times)
  if (wanted === undefined) return EFAULT
  const { k } = current
  const { nd } = k
  const failed = pathLookup(current, path, LOOKUP_FOLLOW, nd)
  if (failed !== 0) return failed
  const inode = nd.dentry.inode as Inode
  if (((inode.sb.flags | nd.mnt.flags) & MS_RDONLY) !== 0)
    return deny(current, EROFS, 'mount', inode, 'read-only')
  if (wanted !== null) {
    if ((inode.flags & (S_IMMUTABLE | S_APPEND)) !== 0) return denyFlags(current, EPERM, inode)
    const toMs = (sec: number): number => (sec - k.facts.epoch) * 1000
    return notifyChange(current, inode, {
      atime: toMs(wanted.actime),
      mtime: toMs(wanted.modtime),
      timesSet: true,
    })
  }
  if ((inode.flags & S_IMMUTABLE) !== 0) return deny(current, EACCES, 'immutable', inode, 'immutable')
  if (current.cred.fsuid !== inode.uid) {
    const denied = inodePermission(current, inode, MAY_WRITE)
    if (denied !== 0) return denied
  }
  return notifyChange(current, inode, { atime: k.state.now, mtime: k.state.now })
}

export const attrCalls: readonly SyscallRow[] = [
  row('chmod', ['path', 'int'], sysChmod),
  row('fchmod', ['fd', 'int'], sysFchmod),
  row('chown', ['path', 'int', 'int'], sysChown),
  row('lchown', ['path', 'int', 'int'], sysLchown),
  row('fchown', ['fd', 'int', 'int'], sysFchown),
  row('umask', ['int'], sysUmask),
  row('truncate', ['path', 'off'], sysTruncate),
  row('ftruncate', ['fd', 'off'], sysFtruncate),
  row('utime', ['path', 'any'], sysUtime),
]
