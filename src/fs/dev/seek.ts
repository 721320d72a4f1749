/**
 * Seeking in files that have nothing special about it. Linux: default_llseek, fs/read_write.c (2.2, 2.6).
 */

import { EINVAL } from '../../abi/errno.js'
import { SEEK_CUR, SEEK_END, SEEK_SET } from '../../abi/fcntl.js'
import type { Task } from '../../kernel/task.js'
import type { File } from '../../vfs/file.js'

/** Moves to any position from 0 on; SEEK_END counts from the inode's size. Errors: EINVAL. */
export function defaultLlseek<P>(_current: Task, file: File<P>, offset: number, whence: number): number {
  const base =
    whence === SEEK_SET ? 0 : whence === SEEK_CUR ? file.pos : whence === SEEK_END ? file.inode.size : -1
  if (base < 0 || base + offset < 0) return EINVAL
  file.pos = base + offset
  return file.pos
}
