/**
 * stat and its kin, access, readlink, statfs. Linux: fs/stat.c, fs/open.c (2.6.14).
 */

import { asCapSet, asGid, asMode, asUid, newEncodeDev, oldEncodeDev } from '../abi/brand.js'
import { EINVAL, EROFS, isErr, type Ret } from '../abi/errno.js'
import { MS_RDONLY } from '../abi/mount.js'
import { S_IFBLK, S_IFCHR, S_IFMT, S_IFREG, type Stat, type Statfs } from '../abi/stat.js'
import { credWith } from '../kernel/cred.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { Task } from '../kernel/task.js'
import { deny } from '../security/deny.js'
import { fget } from '../vfs/fdtable.js'
import type { Inode } from '../vfs/inode.js'
import { LOOKUP_FOLLOW, pathLookup, touchAtime } from '../vfs/namei.js'
import { inodePermission } from '../vfs/permission.js'
import type { SuperBlock } from '../vfs/superblock.js'
import { row, type SyscallRow } from './row.js'

/** What takes space in units of 512 bytes. */
interface HasPages {
  readonly pages: number
}

const hasPages = (data: unknown): data is HasPages =>
  typeof data === 'object' && data !== null && typeof (data as Partial<HasPages>).pages === 'number'

/** Whole seconds since 1970 of a time in milliseconds since boot. */
const seconds = (k: KernelCore, ms: number): number => k.facts.epoch + Math.floor(ms / 1000)

const nanoseconds = (k: KernelCore, ms: number): number =>
  k.facts.hasNanosecondTimes ? Math.floor((ms - Math.floor(ms / 1000) * 1000) * 1e6) : 0

/** What stat tells of an inode. Linux: generic_fillattr, cp_new_stat. */
export function fillStat(current: Task, inode: Inode): Ret<Stat> {
  const { k } = current
  const verdict = k.security.inodeGetattr(current, inode)
  if (verdict !== 0) return verdict as Ret<Stat>
  inode.ops.refresh?.(current, inode)
  const encode = k.facts.devBits === 16 ? oldEncodeDev : newEncodeDev
  const type = inode.mode & S_IFMT
  const pages = type === S_IFREG && hasPages(inode.data) ? inode.data.pages : 0
  return {
    dev: encode(inode.sb.dev),
    ino: inode.ino,
    mode: asMode(inode.mode),
    nlink: inode.nlink,
    uid: asUid(inode.uid),
    gid: asGid(inode.gid),
    rdev: type === S_IFCHR || type === S_IFBLK ? encode(inode.rdev) : 0,
    size: inode.size,
    blksize: inode.sb.blockSize,
    blocks: pages * 8,
    atime: seconds(k, inode.atime),
    atimeNsec: nanoseconds(k, inode.atime),
    mtime: seconds(k, inode.mtime),
    mtimeNsec: nanoseconds(k, inode.mtime),
    ctime: seconds(k, inode.ctime),
    ctimeNsec: nanoseconds(k, inode.ctime),
  }
}

function statPath(current: Task, path: string, flags: number): Ret<Stat> {
  const { nd } = current.k
  const failed = pathLookup(current, path, flags, nd)
  if (failed !== 0) return failed as Ret<Stat>
  return fillStat(current, nd.dentry.inode as Inode)
}

export const sysStat = (current: Task, path: string): Ret<Stat> => statPath(current, path, LOOKUP_FOLLOW)

export const sysLstat = (current: Task, path: string): Ret<Stat> => statPath(current, path, 0)

export function sysFstat(current: Task, fd: number): Ret<Stat> {
  const file = fget(current, fd)
  return isErr(file) ? file : fillStat(current, file.inode)
}

/** Judged by the real ids, without the privileges that came with an image. Linux: sys_access, fs/open.c. */
export function sysAccess(current: Task, path: string, mode: number): number {
  if ((mode & ~7) !== 0) return EINVAL
  const saved = current.cred
  if (
    saved.fsuid !== saved.uid ||
    saved.fsgid !== saved.gid ||
    saved.uid !== 0 ||
    saved.capEffective !== saved.capPermitted
  ) {
    const capEffective = saved.uid === 0 ? saved.capPermitted : asCapSet(0)
    current.cred = credWith(saved, { fsuid: saved.uid, fsgid: saved.gid, capEffective })
  }
  const result = accessAs(current, path, mode)
  current.cred = saved
  return result
}

function accessAs(current: Task, path: string, mode: number): number {
  const { nd } = current.k
  const failed = pathLookup(current, path, LOOKUP_FOLLOW, nd)
  if (failed !== 0) return failed
  const inode = nd.dentry.inode as Inode
  const denied = inodePermission(current, inode, mode)
  if (denied !== 0) return denied
  const type = inode.mode & S_IFMT
  const isSpecial = type !== S_IFREG && type !== 0o040000 && type !== 0o120000
  if ((mode & 2) !== 0 && ((inode.sb.flags | nd.mnt.flags) & MS_RDONLY) !== 0 && !isSpecial) {
    return deny(current, EROFS, 'mount', inode, 'read-only')
  }
  return 0
}

/** The link's text, cut to `bufsiz` bytes of it. Errors: EINVAL (not a link, bufsiz <= 0). Linux: sys_readlink. */
export function sysReadlink(current: Task, path: string, bufsiz: unknown): Ret<string> {
  const size = bufsiz === undefined ? 4096 : bufsiz
  if (typeof size !== 'number' || !(size > 0)) return EINVAL
  const { nd } = current.k
  const failed = pathLookup(current, path, 0, nd)
  if (failed !== 0) return failed as Ret<string>
  const inode = nd.dentry.inode as Inode
  if (inode.ops.readlink === null) return EINVAL
  const verdict = current.k.security.inodeReadlink(current, inode)
  if (verdict !== 0) return verdict as Ret<string>
  touchAtime(current, nd.mnt, inode)
  const text = inode.ops.readlink(current, inode)
  return isErr(text) || text.length <= size ? text : text.slice(0, size)
}

function statfsOf(current: Task, sb: SuperBlock): Ret<Statfs> {
  const verdict = current.k.security.sbStatfs(current, sb)
  return verdict !== 0 ? (verdict as Ret<Statfs>) : sb.ops.statfs(sb)
}

export function sysStatfs(current: Task, path: string): Ret<Statfs> {
  const { nd } = current.k
  const failed = pathLookup(current, path, LOOKUP_FOLLOW, nd)
  return failed !== 0 ? (failed as Ret<Statfs>) : statfsOf(current, nd.dentry.sb)
}

export function sysFstatfs(current: Task, fd: number): Ret<Statfs> {
  const file = fget(current, fd)
  return isErr(file) ? file : statfsOf(current, file.inode.sb)
}

export const statCalls: readonly SyscallRow[] = [
  row('stat', ['path'], sysStat),
  row('lstat', ['path'], sysLstat),
  row('fstat', ['fd'], sysFstat),
  row('access', ['path', 'int'], sysAccess),
  row('readlink', ['path', 'any'], sysReadlink),
  row('statfs', ['path'], sysStatfs),
  row('fstatfs', ['fd'], sysFstatfs),
]
