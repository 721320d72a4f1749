/**
 * Where a task is, and reading directories. Linux: fs/open.c, fs/dcache.c (sys_getcwd), fs/readdir.c (2.6.14).
 */

import { CAP_SYS_CHROOT } from '../abi/capability.js'
import { EFAULT, ENOENT, ENOMEM, ENOTDIR, EPERM, isErr, type Ret } from '../abi/errno.js'
import { type Dirent, S_IFDIR, S_IFMT } from '../abi/stat.js'
import type { Task } from '../kernel/task.js'
import { capable } from '../security/capability.js'
import { deny } from '../security/deny.js'
import { shouldFail } from '../sim/faults.js'
import type { Dentry } from '../vfs/dentry.js'
import { dPath } from '../vfs/dpath.js'
import { fget } from '../vfs/fdtable.js'
import { type Inode, igrab, iput, MAY_EXEC, S_DEAD } from '../vfs/inode.js'
import type { Mount } from '../vfs/mount.js'
import { LOOKUP_DIRECTORY, LOOKUP_FOLLOW, pathLookup } from '../vfs/namei.js'
import { mntput } from '../vfs/namespace.js'
import { inodePermission } from '../vfs/permission.js'
import { row, type SyscallRow } from './row.js'

/** Linux: set_fs_pwd. */
function setPwd(current: Task, mnt: Mount, dentry: Dentry): void {
  const { fs } = current
  igrab(dentry.inode as Inode)
  mnt.count++
  const old = fs.pwd.inode
  const oldMnt = fs.pwdMnt
  fs.pwd = dentry
  fs.pwdMnt = mnt
  if (old !== null) iput(old)
  mntput(oldMnt)
}

export function sysChdir(current: Task, path: string): number {
  const { nd } = current.k
  const failed = pathLookup(current, path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, nd)
  if (failed !== 0) return failed
  const denied = inodePermission(current, nd.dentry.inode as Inode, MAY_EXEC)
  if (denied !== 0) return denied
  setPwd(current, nd.mnt, nd.dentry)
  return 0
}

export function sysFchdir(current: Task, fd: number): number {
  const file = fget(current, fd)
  if (isErr(file)) return file
  const { dentry, mnt } = file
  if (dentry === null || mnt === null || (file.inode.mode & S_IFMT) !== S_IFDIR) return ENOTDIR
  const denied = inodePermission(current, file.inode, MAY_EXEC)
  if (denied !== 0) return denied
  setPwd(current, mnt, dentry)
  return 0
}

export function sysChroot(current: Task, path: string): number {
  const { nd } = current.k
  const failed = pathLookup(current, path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, nd)
  if (failed !== 0) return failed
  const inode = nd.dentry.inode as Inode
  const denied = inodePermission(current, inode, MAY_EXEC)
  if (denied !== 0) return denied
  if (!capable(current, CAP_SYS_CHROOT)) return deny(current, EPERM, 'capability', inode, CAP_SYS_CHROOT)
  const { fs } = current
  igrab(inode)
  nd.mnt.count++
  const old = fs.root.inode
  const oldMnt = fs.rootMnt
  fs.root = nd.dentry
  fs.rootMnt = nd.mnt
  if (old !== null) iput(old)
  mntput(oldMnt)
  return 0
}

/** Errors: ENOENT when the directory has been removed, ENOMEM. Linux: sys_getcwd. */
export function sysGetcwd(current: Task): Ret<string> {
  const { fs } = current
  if (shouldFail(current.k, 'alloc:page')) return ENOMEM
  if (!fs.pwd.hashed && fs.pwd !== fs.pwd.sb.root) return ENOENT
  return dPath(fs, fs.pwdMnt, fs.pwd)
}

/** Errors: EBADF, ENOTDIR, ENOENT (removed directory), EINVAL (no room for one entry). Linux: sys_getdents. */
export function sysGetdents(current: Task, fd: number, count: unknown): Ret<Dirent[]> {
  const file = fget(current, fd)
  if (isErr(file)) return file
  const room = typeof count === 'number' && !Number.isNaN(count) ? count : 32768
  if ((file.inode.flags & S_DEAD) !== 0) return ENOENT
  if (shouldFail(current.k, 'copy:dirent')) return EFAULT
  return file.ops.readdir(current, file, room)
}

export const dirCalls: readonly SyscallRow[] = [
  row('chdir', ['path'], sysChdir),
  row('fchdir', ['fd'], sysFchdir),
  row('chroot', ['path'], sysChroot),
  row('getcwd', [], sysGetcwd),
  row('getdents', ['fd', 'any'], sysGetdents),
]
