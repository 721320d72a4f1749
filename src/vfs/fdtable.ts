/**
 * Descriptor tables. Linux: struct files_struct, fs/open.c, fs/fcntl.c, fs/file.c (2.6).
 *
 * A new descriptor is always the lowest free one; `next` is a hint below which none is free.
 */

import { asFd, type Fd } from '../abi/brand.js'
import { EBADF, EMFILE, ENOMEM, type Ret } from '../abi/errno.js'
import { RLIMIT_NOFILE } from '../abi/resource.js'
import { softLimit } from '../kernel/rlimit.js'
import type { Task } from '../kernel/task.js'
import { deny } from '../security/deny.js'
import { shouldFail } from '../sim/faults.js'
import type { File } from './file.js'

/** A descriptor table. Linux: struct files_struct. */
export class FdTable {
  /** @internal */
  users = 1
  /** Open files by descriptor; a hole is null or undefined. */
  files: (File | null)[] = []
  /** FD_CLOEXEC by descriptor; a hole is 0. */
  flags: number[] = []
  /** @internal No descriptor below this one is free. */
  next = 0
}

/** The open file of a descriptor, or EBADF. Linux: fget. */
export function fget(current: Task, fd: number): Ret<File> {
  return current.files.files[fd] ?? EBADF
}

/**
 * The lowest free descriptor ≥ `start`. Errors: EMFILE at RLIMIT_NOFILE, ENOMEM.
 * Linux: get_unused_fd, locate_fd.
 */
export function getUnusedFd(current: Task, start = 0): Ret<Fd> {
  const table = current.files
  let fd = Math.max(start, table.next)
  const { files } = table
  while (files[fd] != null) fd++
  if (start <= table.next) table.next = fd
  const limit = softLimit(current.group.rlimits, RLIMIT_NOFILE)
  if (fd >= limit) return deny(current, EMFILE, 'limit', null, 'RLIMIT_NOFILE', limit)
  if (current.k.injection !== null && cannotGrow(current, fd)) return ENOMEM
  return asFd(fd)
}

/** Descriptors in a table that grows in steps: 32, 256, 1024, then twice as many. Linux: expand_fd_array. */
function capacityFor(count: number): number {
  if (count <= 256) return count <= 32 ? 32 : 256
  let capacity = 1024
  while (capacity < count) capacity *= 2
  return capacity
}

/** Must the table grow for this descriptor, and is there no memory for that? Linux: expand_files. */
export function cannotGrow(current: Task, fd: number): boolean {
  const { length } = current.files.files
  return capacityFor(fd + 1) > capacityFor(length) && shouldFail(current.k, 'alloc:fdtable')
}

/** Puts a file into a free slot. Linux: fd_install. */
export function fdInstall(current: Task, fd: number, file: File, flags = 0): void {
  const table = current.files
  while (table.files.length <= fd) {
    table.files.push(null)
    table.flags.push(0)
  }
  table.files[fd] = file
  table.flags[fd] = flags
  if (fd === table.next) table.next = fd + 1
}

/** Empties a slot and returns what was there. */
export function fdRemove(table: FdTable, fd: number): File | null {
  const file = table.files[fd] ?? null
  if (file === null) return null
  table.files[fd] = null
  table.flags[fd] = 0
  if (fd < table.next) table.next = fd
  return file
}

/** A copy for fork(2): the files are shared, one use more each. Linux: copy_files. */
export function copyFdTable(table: FdTable): FdTable {
  const copy = new FdTable()
  copy.files = table.files.slice()
  copy.flags = table.flags.slice()
  copy.next = table.next
  for (const file of copy.files) if (file !== null) file.count++
  return copy
}
