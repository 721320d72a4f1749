/**
 * fcntl(2), and the table of the calls that act on descriptors: dup, dup2, fcntl, flock, ioctl.
 *
 * Linux: sys_fcntl, do_fcntl, setfl, f_setown, fs/fcntl.c (2.6.14; where 2.0 and 2.2 differ, `facts.fcntl` says so).
 * fcntl here is what a C library calls fcntl: fcntl64 where the kernel has it, so F_GETLK64 and kin are known in 2.6.
 *
 * Left out: leases and directory notification (F_SETLEASE, F_GETLEASE, F_NOTIFY are EINVAL, as in a kernel
 * configured without them), O_DIRECT (EINVAL: no file system here bypasses a page cache).
 */

import { CAP_FOWNER } from '../abi/capability.js'
import { EINVAL, EPERM, isErr } from '../abi/errno.js'
import {
  F_DUPFD,
  F_GETFD,
  F_GETFL,
  F_GETLK,
  F_GETLK64,
  F_GETOWN,
  F_GETSIG,
  F_SETFD,
  F_SETFL,
  F_SETLK,
  F_SETLK64,
  F_SETLKW,
  F_SETLKW64,
  F_SETOWN,
  F_SETSIG,
  FASYNC,
  FD_CLOEXEC,
  O_APPEND,
  O_DIRECT,
  O_NOATIME,
} from '../abi/fcntl.js'
import { setFileOwner } from '../kernel/fasync.js'
import { pidFor, pidFrom } from '../kernel/part.js'
import type { Task } from '../kernel/task.js'
import { capable } from '../security/capability.js'
import { deny } from '../security/deny.js'
import { fget } from '../vfs/fdtable.js'
import type { File } from '../vfs/file.js'
import { S_APPEND } from '../vfs/inode.js'
import { RecordLockRequest } from '../vfs/posix_lock.js'
import { dupfd, sysDup, sysDup2 } from './dup.js'
import { fcntlGetlk, fcntlSetlk, setRecordLock, sysFlock } from './file_lock.js'
import { sysIoctl } from './ioctl.js'
import { row, type SyscallRow } from './row.js'

/**
 * Errors: EBADF `fd` is not open or not open for this kind of lock; EINVAL unknown command, bad argument;
 * EMFILE (F_DUPFD); EPERM (F_SETFL); EFAULT, EAGAIN, EDEADLK, EOVERFLOW, EBUSY (locks).
 */
export function sysFcntl(current: Task, fd: number, cmd: number, arg?: unknown): number {
  const { restart } = current
  if (restart instanceof RecordLockRequest) return setRecordLock(current, fd, restart)
  const file = fget(current, fd)
  if (isErr(file)) return file
  const refused = current.k.security.fileFcntl(current, file, cmd)
  if (refused !== 0) return refused
  switch (cmd) {
    case F_GETLK:
    case F_GETLK64:
      return fcntlGetlk(current, file, cmd, arg)
    case F_SETLK:
    case F_SETLKW:
    case F_SETLK64:
    case F_SETLKW64:
      return fcntlSetlk(current, fd, file, cmd, arg)
    case F_GETFD:
      return current.files.flags[fd] ?? 0
    case F_GETFL:
      return file.flags
    case F_GETOWN:
      // A process group is negative and looks like an error; the C library of the time could not tell either.
      return pidFor(current, file.owner)
    case F_GETSIG:
      return current.k.facts.hasRtSignals ? file.ownerSignal : EINVAL
    default:
      return fcntlSet(current, fd, file, cmd, arg)
  }
}

/** The commands that take a number. */
function fcntlSet(current: Task, fd: number, file: File, cmd: number, arg: unknown): number {
  if (arg !== undefined && typeof arg !== 'number') return EINVAL
  const value = (arg ?? 0) | 0
  switch (cmd) {
    case F_DUPFD:
      return dupfd(current, file, value)
    case F_SETFD:
      current.files.flags[fd] = value & FD_CLOEXEC
      return 0
    case F_SETFL:
      return setfl(current, fd, file, value)
    case F_SETOWN:
      setFileOwner(current, file, pidFrom(current, value))
      return 0
    case F_SETSIG:
      return setsig(current, file, value)
    default:
      return EINVAL
  }
}

/** Changes the status flags of an open file. Linux: setfl. */
function setfl(current: Task, fd: number, file: File, flags: number): number {
  const { inode } = file
  const { setflMask } = current.k.facts.fcntl
  if ((flags & O_APPEND) === 0 && (inode.flags & S_APPEND) !== 0) {
    return deny(current, EPERM, 'immutable', inode, 'append-only')
  }
  const added = flags & setflMask & ~file.flags
  if ((added & O_NOATIME) !== 0 && current.cred.fsuid !== inode.uid && !capable(current, CAP_FOWNER)) {
    return deny(current, EPERM, 'owner', inode, CAP_FOWNER)
  }
  if ((flags & setflMask & O_DIRECT) !== 0) return EINVAL
  if (((flags ^ file.flags) & FASYNC) !== 0 && file.ops.fasync !== undefined) {
    const failed = file.ops.fasync(current, file, (flags & FASYNC) !== 0, fd)
    if (failed < 0) return failed
  }
  file.flags = (flags & setflMask) | (file.flags & ~setflMask)
  return 0
}

/** The signal that a file sends instead of SIGIO; 0 is SIGIO. */
function setsig(current: Task, file: File, signal: number): number {
  const { hasRtSignals, nsig, fcntl } = current.k.facts
  if (!hasRtSignals || signal < 0 || signal > nsig) return EINVAL
  if (signal === 0 && !fcntl.setsigTakesZero) return EINVAL
  file.ownerSignal = signal
  return 0
}

export const fcntlCalls: readonly SyscallRow[] = [
  row('dup', ['fd'], sysDup),
  row('dup2', ['fd', 'fd'], sysDup2),
  row(
    'fcntl',
    ['fd', 'int', 'any'],
    sysFcntl,
    'partial',
    'no leases, no directory notification, no O_DIRECT',
  ),
  row('flock', ['fd', 'int'], sysFlock),
  row('ioctl', ['fd', 'int', 'any'], sysIoctl, 'partial', 'no FIBMAP'),
]
