/**
 * ioctl(2): what any file understands, what regular files do, and the rest to the file's own method.
 *
 * Linux: sys_ioctl, file_ioctl, fs/ioctl.c (2.0.35, 2.2.12, 2.6.14). Where C passes a pointer to an int, a program
 * here passes `{ value }` or at least four bytes; for the requests that only read the int (FIONBIO, FIOASYNC) the
 * number itself will do.
 *
 * Left out: FIBMAP (EINVAL: no file system here has blocks to map), FIOQSIZE.
 */

import { EFAULT, EINVAL, ENOIOCTLCMD, ENOTTY, isErr } from '../abi/errno.js'
import { FASYNC, FD_CLOEXEC, O_NONBLOCK } from '../abi/fcntl.js'
import { FIBMAP, FIGETBSZ, FIOASYNC, FIOCLEX, FIONBIO, FIONCLEX, FIONREAD } from '../abi/ioctl.js'
import { S_ISREG } from '../abi/stat.js'
import type { Task } from '../kernel/task.js'
import { fget } from '../vfs/fdtable.js'
import type { File } from '../vfs/file.js'
import { asIoctlArg, getInt, putInt } from '../vfs/ioctl_arg.js'

/** Errors: EBADF; EFAULT `arg` is no place for the result; ENOTTY or EINVAL the file does not know the request. */
export function sysIoctl(current: Task, fd: number, request: number, arg?: unknown): number {
  const file = fget(current, fd)
  if (isErr(file)) return file
  const cmd = request >>> 0
  const refused = current.k.security.fileIoctl(current, file, cmd)
  if (refused !== 0) return refused
  switch (cmd) {
    case FIOCLEX:
      current.files.flags[fd] = FD_CLOEXEC
      return 0
    case FIONCLEX:
      current.files.flags[fd] = 0
      return 0
    case FIONBIO:
      return setNonblocking(file, arg)
    case FIOASYNC:
      return setAsync(current, fd, file, arg)
    default:
      return S_ISREG(file.inode.mode) ? fileIoctl(current, file, cmd, arg) : doIoctl(current, file, cmd, arg)
  }
}

function setNonblocking(file: File, arg: unknown): number {
  const on = getInt(asIoctlArg(arg))
  if (on === null) return EFAULT
  file.flags = on !== 0 ? file.flags | O_NONBLOCK : file.flags & ~O_NONBLOCK
  return 0
}

/** Linux: FIOASYNC in sys_ioctl; before 2.4 it set O_SYNC and told nobody. */
function setAsync(current: Task, fd: number, file: File, arg: unknown): number {
  const on = getInt(asIoctlArg(arg))
  if (on === null) return EFAULT
  const flag = current.k.facts.fcntl.fioasyncFlag
  if (flag === FASYNC && (on !== 0) !== ((file.flags & FASYNC) !== 0)) {
    if (file.ops.fasync === undefined) return ENOTTY
    const failed = file.ops.fasync(current, file, on !== 0, fd)
    if (failed < 0) return failed
  }
  file.flags = on !== 0 ? file.flags | flag : file.flags & ~flag
  return 0
}

/** What regular files answer whatever their file system. Linux: file_ioctl. */
function fileIoctl(current: Task, file: File, cmd: number, arg: unknown): number {
  switch (cmd) {
    case FIBMAP:
      return EINVAL
    case FIGETBSZ:
      return putInt(asIoctlArg(arg), file.inode.sb.blockSize)
    case FIONREAD:
      return putInt(asIoctlArg(arg), file.inode.size - file.pos)
    default:
      return doIoctl(current, file, cmd, arg)
  }
}

/** Linux: do_ioctl. */
function doIoctl(current: Task, file: File, cmd: number, arg: unknown): number {
  const result = file.ops.ioctl(current, file, cmd, asIoctlArg(arg))
  return result === ENOIOCTLCMD ? EINVAL : result
}
