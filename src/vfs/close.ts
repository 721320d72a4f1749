/**
 * Letting go of open files. Linux: filp_close (fs/open.c), fput and __fput (fs/file_table.c, 2.6).
 */

import type { Task } from '../kernel/task.js'
import type { FdTable } from './fdtable.js'
import { type File, FMODE_WRITE } from './file.js'
import { removeFlock } from './flock.js'
import { iput, putWriteAccess } from './inode.js'
import { mntput } from './namespace.js'
import { removePosixLocks } from './posix_lock.js'

/** One descriptor of `file` goes away: flush, the closing owner's record locks, then the use. */
export function filpClose(current: Task, files: FdTable, file: File): number {
  const result = file.ops.flush(current, file)
  if (file.inode.locks !== null) removePosixLocks(current, files, file.inode)
  fput(current, file)
  return result
}

/** Gives one use back; the last one releases the file. */
export function fput(current: Task | null, file: File): void {
  file.count--
  if (file.count > 0) return
  if (file.inode.locks !== null) removeFlock(file)
  file.ops.release(current, file)
  dropFile(file)
}

/** The part of the release that a file whose open method failed shares. */
export function dropFile(file: File): void {
  if ((file.mode & FMODE_WRITE) !== 0) putWriteAccess(file.inode)
  iput(file.inode)
  if (file.mnt !== null) mntput(file.mnt)
}
