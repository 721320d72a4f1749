/**
 * open, creat, openat, close. Linux: sys_open, filp_open, sys_close (fs/open.c, 2.6.14).
 */

import { BLOCKED, EBADF, ENOTDIR, isErr, type Ret } from '../abi/errno.js'
import { AT_FDCWD, O_CREAT, O_TRUNC, O_WRONLY } from '../abi/fcntl.js'
import { S_ISDIR } from '../abi/stat.js'
import type { Task } from '../kernel/task.js'
import { dropFile, filpClose } from '../vfs/close.js'
import type { Dentry } from '../vfs/dentry.js'
import { fdInstall, fdRemove, fget, getUnusedFd } from '../vfs/fdtable.js'
import { File } from '../vfs/file.js'
import type { Mount } from '../vfs/mount.js'
import { dentryOpen, openFile, openNamei } from '../vfs/open.js'
import { checkPath } from '../vfs/path.js'
import { row, type SyscallRow } from './row.js'

/** Opens from a starting directory; a FIFO may sleep in its open method, then the file waits in `restart`. */
function openFrom(
  current: Task,
  mnt: Mount,
  base: Dentry,
  path: string,
  flags: number,
  mode: number,
): number {
  const { restart } = current
  let file: Ret<File>
  if (restart instanceof File) {
    file = restart
  } else {
    const unusable = checkPath(path)
    if (unusable !== 0) return unusable
    const free = getUnusedFd(current)
    if (free < 0) return free
    const { nd } = current.k
    const failed = openNamei(current, mnt, base, path, flags, mode, nd)
    if (failed !== 0) return failed
    file = dentryOpen(current, nd.mnt, nd.dentry, flags)
    if (isErr(file)) return file
  }
  const result = openFile(current, file)
  if (result === BLOCKED) {
    current.restart = file
    return BLOCKED
  }
  current.restart = null
  if (result !== 0) {
    dropFile(file)
    return result
  }
  const fd = getUnusedFd(current)
  if (isErr(fd)) {
    filpClose(current, current.files, file)
    return fd
  }
  fdInstall(current, fd, file)
  return fd
}

export function sysOpen(current: Task, path: string, flags: number, mode = 0): number {
  const { fs } = current
  return openFrom(current, fs.pwdMnt, fs.pwd, path, flags, mode)
}

export const sysCreat = (current: Task, path: string, mode: number): number =>
  sysOpen(current, path, O_CREAT | O_WRONLY | O_TRUNC, mode)

/** Linux: sys_openat, fs/open.c (2.6.16). The directory must be searchable for relative names. */
export function sysOpenat(current: Task, dirfd: number, path: string, flags: number, mode: number): number {
  const absolute = path.charCodeAt(0) === 47
  if (dirfd === AT_FDCWD || absolute || current.restart !== null) return sysOpen(current, path, flags, mode)
  const unusable = checkPath(path)
  if (unusable !== 0) return unusable
  const dir = fget(current, dirfd)
  if (isErr(dir)) return dir
  if (dir.dentry === null || dir.mnt === null || !S_ISDIR(dir.inode.mode)) return ENOTDIR
  return openFrom(current, dir.mnt, dir.dentry, path, flags, mode)
}

export function sysClose(current: Task, fd: number): number {
  const open = current.files.files[fd]
  if (
    open?.ops.beforeClose !== undefined &&
    open.count === 1 &&
    open.ops.beforeClose(current, open) === BLOCKED
  )
    return BLOCKED
  const file = fdRemove(current.files, fd)
  return file === null ? EBADF : filpClose(current, current.files, file)
}

export const openCalls: readonly SyscallRow[] = [
  row('open', ['path', 'int', 'int?'], sysOpen),
  row('creat', ['path', 'int'], sysCreat),
  row('openat', ['int', 'path', 'int', 'int'], sysOpenat),
  row('close', ['fd'], sysClose),
]
