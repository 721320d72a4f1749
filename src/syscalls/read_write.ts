/**
 * read, write and their kin, lseek, fsync. Linux: fs/read_write.c (2.2.12, 2.6.14).
 *
 * A file operation that cannot go on returns EAGAIN; here the task sleeps on the file's queue unless it asked not
 * to. Pipes sleep by themselves: a large write goes on where it was.
 */

import { BLOCKED, EAGAIN, EBADF, EFAULT, EINVAL, ESPIPE, isErr } from '../abi/errno.js'
import { O_APPEND, O_NONBLOCK } from '../abi/fcntl.js'
import { POLLIN, POLLOUT } from '../abi/poll.js'
import { S_ISREG } from '../abi/stat.js'
import { sleepOn } from '../kernel/sleep.js'
import type { Task } from '../kernel/task.js'
import { copyBytes } from '../lib/bytes.js'
import { fget } from '../vfs/fdtable.js'
import { type File, FMODE_READ, FMODE_WRITE } from '../vfs/file.js'
import { MAY_READ, MAY_WRITE } from '../vfs/inode.js'
import { row, type SyscallRow } from './row.js'

/** The most segments of readv and writev. Linux: UIO_MAXIOV. */
const UIO_MAXIOV = 1024

/** Sleeps where an operation would have had to wait, unless the file is open O_NONBLOCK. */
function orSleep(current: Task, file: File, events: number): number {
  if ((file.flags & O_NONBLOCK) !== 0 || file.ops.sleeps === true) return EAGAIN
  const queue = file.ops.waitQueue(file, events)
  return queue === null ? EAGAIN : sleepOn(current, queue)
}

function readAt(current: Task, file: File, buf: Uint8Array, pos: number): number {
  const verdict = current.k.security.filePermission(current, file, MAY_READ)
  if (verdict !== 0) return verdict
  const count = file.ops.read(current, file, buf, pos)
  return count === EAGAIN ? orSleep(current, file, POLLIN) : count
}

function writeAt(current: Task, file: File, data: Uint8Array, pos: number): number {
  const verdict = current.k.security.filePermission(current, file, MAY_WRITE)
  if (verdict !== 0) return verdict
  const count = file.ops.write(current, file, data, pos)
  return count === EAGAIN ? orSleep(current, file, POLLOUT) : count
}

export function sysRead(current: Task, fd: number, buf: Uint8Array): number {
  const file = fget(current, fd)
  if (isErr(file)) return file
  if ((file.mode & FMODE_READ) === 0) return EBADF
  const count = readAt(current, file, buf, file.pos)
  if (count > 0 && file.ops.seekable) file.pos += count
  return count
}

export function sysWrite(current: Task, fd: number, data: Uint8Array): number {
  const file = fget(current, fd)
  if (isErr(file)) return file
  if ((file.mode & FMODE_WRITE) === 0) return EBADF
  const { seekable } = file.ops
  const appends = seekable && (file.flags & O_APPEND) !== 0 && S_ISREG(file.inode.mode)
  const pos = appends ? file.inode.size : file.pos
  const count = writeAt(current, file, data, pos)
  if (count > 0 && seekable && file.ops.writesInPlace !== true) file.pos = pos + count
  return count
}

/** Order of tests: descriptor, mode, position, seekability (2.2); position, descriptor, seekability, mode (2.6). */
function positioned(current: Task, fd: number, pos: number, mode: number): File | number {
  const { preadChecksModeFirst } = current.k.facts
  if (!preadChecksModeFirst && pos < 0) return EINVAL
  const file = fget(current, fd)
  if (isErr(file)) return file
  const allowed = (file.mode & mode) !== 0
  if (preadChecksModeFirst && !allowed) return EBADF
  if (pos < 0) return EINVAL
  if (!file.ops.seekable) return ESPIPE
  return allowed ? file : EBADF
}

/** Linux: sys_pread64. */
export function sysPread(current: Task, fd: number, buf: Uint8Array, pos: number): number {
  const file = positioned(current, fd, pos, FMODE_READ)
  return typeof file === 'number' ? file : readAt(current, file, buf, pos)
}

/** Linux: sys_pwrite64. With O_APPEND the data go to the end all the same. */
export function sysPwrite(current: Task, fd: number, data: Uint8Array, pos: number): number {
  const file = positioned(current, fd, pos, FMODE_WRITE)
  return typeof file === 'number' ? file : writeAt(current, file, data, pos)
}

/** The segments of a vector call, or an Errno. */
function segments(value: unknown): readonly Uint8Array[] | number {
  if (!Array.isArray(value)) return EFAULT
  if (value.length > UIO_MAXIOV) return EINVAL
  // By iteration: a hole is no segment, and `every` would pass over it.
  for (const part of value) if (!(part instanceof Uint8Array)) return EFAULT
  return value
}

/** All segments in one. */
function gather(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    copyBytes(part, 0, whole, at, part.length)
    at += part.length
  }
  return whole
}

/**
 * One read for all segments, so that a pipe or device sees one call. What a sleeping read has taken so far is in
 * the segments already, and is there when the call runs again.
 */
export function sysReadv(current: Task, fd: number, vector: unknown): number {
  const file = fget(current, fd)
  if (isErr(file)) return file
  const parts = segments(vector)
  if (typeof parts === 'number') return parts
  const whole = gather(parts)
  const count = sysRead(current, fd, whole)
  if (count > 0 || count === BLOCKED) {
    let at = 0
    for (const part of parts) {
      copyBytes(whole, at, part, 0, part.length)
      at += part.length
    }
  }
  return count
}

export function sysWritev(current: Task, fd: number, vector: unknown): number {
  const file = fget(current, fd)
  if (isErr(file)) return file
  const parts = segments(vector)
  if (typeof parts === 'number') return parts
  return sysWrite(current, fd, gather(parts))
}

/** Errors: EBADF, EINVAL (whence, negative result), ESPIPE. Linux: sys_lseek. */
export function sysLseek(current: Task, fd: number, offset: number, whence: number): number {
  const file = fget(current, fd)
  if (isErr(file)) return file
  if (whence < 0 || whence > 2) return EINVAL
  return file.ops.llseek(current, file, offset, whence)
}

/** Errors: EBADF, EINVAL where there is nothing to write out. Linux: sys_fsync. */
export function sysFsync(current: Task, fd: number): number {
  const file = fget(current, fd)
  return isErr(file) ? file : file.ops.fsync(current, file)
}

export const readWriteCalls: readonly SyscallRow[] = [
  row('read', ['fd', 'buf'], sysRead),
  row('write', ['fd', 'buf'], sysWrite),
  row('pread', ['fd', 'buf', 'off'], sysPread),
  row('pwrite', ['fd', 'buf', 'off'], sysPwrite),
  row('readv', ['fd', 'any'], sysReadv),
  row('writev', ['fd', 'any'], sysWritev),
  row('lseek', ['fd', 'off', 'int'], sysLseek),
  row('fsync', ['fd'], sysFsync),
  row('fdatasync', ['fd'], sysFsync),
]
