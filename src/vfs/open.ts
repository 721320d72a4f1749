/**
 * Opening: from a name to an open file. Linux: open_namei, may_open (fs/namei.c), dentry_open (fs/open.c, 2.6.14).
 */

import { CAP_FOWNER } from '../abi/capability.js'
import {
  EACCES,
  EEXIST,
  EINVAL,
  EISDIR,
  ELOOP,
  ENFILE,
  ENOENT,
  ENOMEM,
  EPERM,
  EROFS,
  type Errno,
  ETXTBSY,
  isErr,
  type Ret,
} from '../abi/errno.js'
import {
  O_ACCMODE,
  O_APPEND,
  O_CREAT,
  O_DIRECT,
  O_DIRECTORY,
  O_EXCL,
  O_NOATIME,
  O_NOCTTY,
  O_NOFOLLOW,
  O_TRUNC,
} from '../abi/fcntl.js'
import { MS_NODEV, MS_RDONLY } from '../abi/mount.js'
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFSOCK } from '../abi/stat.js'
import type { Task } from '../kernel/task.js'
import { capable } from '../security/capability.js'
import { deny } from '../security/deny.js'
import { shouldFail } from '../sim/faults.js'
import { setattr } from './attr.js'
import { dropFile } from './close.js'
import { Dentry } from './dentry.js'
import { vfsCreate } from './dirops.js'
import { File, FMODE_READ, FMODE_WRITE } from './file.js'
import {
  getWriteAccess,
  type Inode,
  igrab,
  MAY_APPEND,
  MAY_READ,
  MAY_WRITE,
  putWriteAccess,
  S_APPEND,
} from './inode.js'
import type { Mount } from './mount.js'
import {
  followLinkOnce,
  followMount,
  LOOKUP_DIRECTORY,
  LOOKUP_FOLLOW,
  LOOKUP_NEGATIVE,
  LOOKUP_PARENT,
  lookupFrom,
  lookupHash,
} from './namei.js'
import { LAST_BIND, LAST_NORM, type Nameidata } from './nameidata.js'
import { inodePermission } from './permission.js'

/** Links that open(2) with O_CREAT follows at the end of a path. Linux: `count++ == 32`, open_namei. */
const MAX_CREATE_LINKS = 32

/** FMODE bits of an access mode: 0 -> read, 1 -> write, 2 -> both, 3 -> neither. */
const fmodeOf = (flags: number): number => (flags + 1) & O_ACCMODE

/** As `fmodeOf`, but access mode 3 counts as both where permission is asked. Linux: `namei_flags`, filp_open. */
const nameiMode = (flags: number): number => {
  const mode = flags & O_ACCMODE
  return mode === O_ACCMODE ? O_ACCMODE : mode + 1
}

/** The MAY_* mask that an open asks for. Linux: ACC_MODE. */
function accessMask(flags: number): number {
  const mode = nameiMode(flags)
  let mask = 0
  if ((mode & FMODE_READ) !== 0) mask |= MAY_READ
  if ((mode & FMODE_WRITE) !== 0) mask |= MAY_WRITE
  if ((flags & O_TRUNC) !== 0) mask |= MAY_WRITE
  if ((flags & O_APPEND) !== 0) mask |= MAY_APPEND
  return mask
}

/**
 * Finds or makes the file to open, checks everything, truncates. 0 with the result in `nd`, or an Errno.
 * `base` is where relative names start. Linux: open_namei.
 */
export function openNamei(
  current: Task,
  mnt: Mount,
  base: Dentry,
  path: string,
  flags: number,
  mode: number,
  nd: Nameidata,
): number {
  const { hasOpenDirectoryFlags, walksToTheEnd } = current.k.facts
  const wanted = hasOpenDirectoryFlags ? flags : flags & ~(O_DIRECTORY | O_NOFOLLOW)
  if (walksToTheEnd) return openAtEnd(current, mnt, base, path, wanted, mode, nd)
  if ((wanted & O_CREAT) === 0) {
    const follow = (wanted & O_NOFOLLOW) === 0 ? LOOKUP_FOLLOW : 0
    const directory = (wanted & O_DIRECTORY) === 0 ? 0 : LOOKUP_DIRECTORY
    const failed = lookupFrom(current, mnt, base, path, follow | directory, nd)
    return failed !== 0 ? failed : mayOpen(current, nd, accessMask(wanted), wanted)
  }
  const failed = lookupFrom(current, mnt, base, path, LOOKUP_PARENT, nd)
  if (failed !== 0) return failed
  // Not an obvious directory.
  if (nd.lastType !== LAST_NORM || nd.trailingSlash) return EISDIR
  for (let links = 0; ; links++) {
    const found = lookupHash(current, nd)
    if (isErr(found)) return found
    if (found === null || found.inode === null) return createAndOpen(current, nd, wanted, mode)
    if ((wanted & O_EXCL) !== 0) return EEXIST
    const parent = nd.dentry
    const parentMnt = nd.mnt
    nd.dentry = found
    if (found.mounted !== 0 && followMount(current, nd) && (wanted & O_NOFOLLOW) !== 0) return ELOOP
    const inode = nd.dentry.inode
    if (inode === null) return ENOENT
    if ((inode.mode & S_IFMT) !== S_IFLNK) {
      if ((inode.mode & S_IFMT) === S_IFDIR) return EISDIR
      return mayOpen(current, nd, accessMask(wanted), wanted)
    }
    if ((wanted & O_NOFOLLOW) !== 0) return ELOOP
    nd.dentry = parent
    nd.mnt = parentMnt
    const broken = followLinkOnce(current, nd, found, inode, LOOKUP_PARENT)
    if (broken !== 0) return broken
    const lastType: number = nd.lastType
    if (lastType === LAST_BIND) return mayOpen(current, nd, accessMask(wanted), wanted)
    if (nd.lastType !== LAST_NORM || nd.trailingSlash) return EISDIR
    if (links === MAX_CREATE_LINKS) return ELOOP
  }
}

/** A walk to the end, then a look at what is there: O_CREAT opens a directory too. Linux: open_namei (2.2). */
function openAtEnd(
  current: Task,
  mnt: Mount,
  base: Dentry,
  path: string,
  flags: number,
  mode: number,
  nd: Nameidata,
): number {
  const isExclusive = (flags & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL)
  const follow = (flags & O_NOFOLLOW) === 0 && !isExclusive ? LOOKUP_FOLLOW : 0
  const directory = (flags & O_DIRECTORY) === 0 ? 0 : LOOKUP_DIRECTORY
  const create = (flags & O_CREAT) === 0 ? 0 : LOOKUP_NEGATIVE
  const failed = lookupFrom(current, mnt, base, path, follow | directory | create, nd)
  if (failed !== 0) return failed
  if (nd.negative) return createAndOpen(current, nd, flags, mode)
  return isExclusive ? EEXIST : mayOpen(current, nd, accessMask(flags), flags)
}

/** Linux: open_namei_create. A file just made is open whatever its mode says. */
function createAndOpen(current: Task, nd: Nameidata, flags: number, mode: number): number {
  if (shouldFail(current.k, 'alloc:dentry')) return ENOMEM
  const dentry = new Dentry(nd.last, nd.dentry, nd.dentry.sb, null)
  const failed = vfsCreate(current, nd.dentry, dentry, mode & ~current.fs.umask)
  if (failed !== 0) return failed
  nd.dentry = dentry
  return mayOpen(current, nd, 0, flags & ~O_TRUNC)
}

/** Linux: may_open. Also carries out O_TRUNC. */
function mayOpen(current: Task, nd: Nameidata, mask: number, flags: number): number {
  const inode = nd.dentry.inode
  if (inode === null) return ENOENT
  const type = inode.mode & S_IFMT
  // 2.2 takes O_TRUNC for a wish to write (`flag |= 2`, filp_open).
  const truncatesToo = (flags & O_TRUNC) !== 0 && current.k.facts.walksToTheEnd
  const writes = (nameiMode(flags) & FMODE_WRITE) !== 0 || truncatesToo
  if (type === S_IFLNK) return ELOOP
  if (type === S_IFDIR && writes) return EISDIR
  const denied = inodePermission(current, inode, mask)
  if (denied !== 0) return denied
  let truncates = (flags & O_TRUNC) !== 0
  if (type === S_IFIFO || type === S_IFSOCK) truncates = false
  else if (type === S_IFBLK || type === S_IFCHR) {
    if ((nd.mnt.flags & MS_NODEV) !== 0) return deny(current, EACCES, 'mount', inode, 'nodev')
    truncates = false
  } else if (writes && ((inode.sb.flags | nd.mnt.flags) & MS_RDONLY) !== 0) {
    return deny(current, EROFS, 'mount', inode, 'read-only')
  }
  if ((inode.flags & S_APPEND) !== 0 && ((writes && (flags & O_APPEND) === 0) || truncates)) {
    return deny(current, EPERM, 'immutable', inode, 'append-only')
  }
  if ((flags & O_NOATIME) !== 0 && current.cred.fsuid !== inode.uid && !capable(current, CAP_FOWNER)) {
    return deny(current, EPERM, 'owner', inode, CAP_FOWNER)
  }
  return truncates ? truncateOnOpen(current, inode) : 0
}

function truncateOnOpen(current: Task, inode: Inode): number {
  if (!getWriteAccess(inode)) return deny(current, ETXTBSY, 'state', inode, 'being-executed')
  // A directory has no content to cut; its times change all the same.
  const size = (inode.mode & S_IFMT) === S_IFDIR ? undefined : 0
  const failed = setattr(current, inode, size === undefined ? {} : { size, mtime: current.k.state.now })
  putWriteAccess(inode)
  return failed
}

/**
 * An open file for a dentry. May return BLOCKED's kin through the open method only for FIFOs, which then keep
 * the file: see sysOpen. Linux: dentry_open. Errors: ENFILE, ETXTBSY, EINVAL, whatever the open method says. A file
 * that open(2) has made or cut by then stays so.
 */
export function dentryOpen(current: Task, mnt: Mount, dentry: Dentry, flags: number): Ret<File> {
  const inode = dentry.inode
  if (inode === null) return ENOENT
  if (shouldFail(current.k, 'alloc:file')) return ENFILE
  const file = new File(inode.fops, null as unknown, inode)
  file.mode = fmodeOf(flags)
  if ((file.mode & FMODE_WRITE) !== 0 && !getWriteAccess(inode))
    return deny(current, ETXTBSY, 'state', inode, 'being-executed')
  file.flags = flags & ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC)
  file.dentry = dentry
  file.mnt = mnt
  igrab(inode)
  mnt.count++
  const verdict = current.k.security.fileOpen(current, file)
  if (verdict === 0 && (flags & O_DIRECT) !== 0 && current.k.facts.hasLeases) {
    // No file system here transfers directly. 2.2 does not know the flag.
    dropFile(file)
    return EINVAL
  }
  if (verdict !== 0) {
    dropFile(file)
    return verdict as Errno
  }
  return file
}

/** Runs the open method of a file that `dentryOpen` made; an error drops the file. 0, an Errno, or BLOCKED. */
export function openFile(current: Task, file: File): number {
  return file.ops.open(current, file.inode, file)
}
