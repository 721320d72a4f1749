/**
 * dup(2), dup2(2) and F_DUPFD: another descriptor for the same open file.
 *
 * Linux: sys_dup, sys_dup2, dupfd, fs/fcntl.c (2.0.35, 2.2.12, 2.6.14). The new descriptor is open across exec.
 */

import { EBADF, EINVAL, EMFILE, ENOMEM, isErr } from '../abi/errno.js'
import { RLIMIT_NOFILE } from '../abi/resource.js'
import { softLimit } from '../kernel/rlimit.js'
import type { Task } from '../kernel/task.js'
import { deny } from '../security/deny.js'
import { filpClose } from '../vfs/close.js'
import { cannotGrow, fdInstall, fdRemove, fget, getUnusedFd } from '../vfs/fdtable.js'
import type { File } from '../vfs/file.js'

/** Errors: EBADF, EMFILE. */
export function sysDup(current: Task, fd: number): number {
  const file = fget(current, fd)
  return isErr(file) ? file : dupfd(current, file, 0)
}

/**
 * Makes `newFd` a descriptor of what `oldFd` refers to, closing what it was; an error of that close is lost.
 * Errors: EBADF `oldFd` is not open or `newFd` is out of range; EMFILE in 2.0 and 2.2, where a number between
 * RLIMIT_NOFILE and NR_OPEN passes the check and fails when the old file has been closed; ENOMEM. Linux: sys_dup2.
 */
export function sysDup2(current: Task, oldFd: number, newFd: number): number {
  const file = fget(current, oldFd)
  if (isErr(file)) return file
  if (newFd === oldFd) return newFd
  if (newFd < 0 || newFd >= dupBound(current)) return EBADF
  if (current.k.injection !== null && cannotGrow(current, newFd)) return ENOMEM
  const { files } = current
  file.count++
  const closed = fdRemove(files, newFd)
  const limit = softLimit(current.group.rlimits, RLIMIT_NOFILE)
  const isAllowed = newFd < limit
  if (isAllowed) fdInstall(current, newFd, file)
  else file.count--
  if (closed !== null) filpClose(current, files, closed)
  return isAllowed ? newFd : deny(current, EMFILE, 'limit', null, 'RLIMIT_NOFILE', limit)
}

/** The lowest free descriptor from `start` on. Errors: EINVAL `start` is out of range, EMFILE. Linux: dupfd. */
export function dupfd(current: Task, file: File, start: number): number {
  if (start < 0 || start >= dupBound(current)) return EINVAL
  const fd = getUnusedFd(current, start)
  if (isErr(fd)) return fd
  file.count++
  fdInstall(current, fd, file)
  return fd
}

/** What descriptor numbers are checked against. */
function dupBound(current: Task): number {
  const { fcntl, nrOpen } = current.k.facts
  return fcntl.dupBound === 'nr-open' ? nrOpen : softLimit(current.group.rlimits, RLIMIT_NOFILE)
}
