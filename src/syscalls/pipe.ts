/**
 * pipe(2). Linux: sys_pipe, arch/i386/kernel/sys_i386.c; do_pipe, fs/pipe.c (2.2.12, 2.6.14).
 */

import { EMFILE, type Errno, isErr } from '../abi/errno.js'
import { createPipe } from '../fs/pipefs.js'
import type { Task } from '../kernel/task.js'
import { fput } from '../vfs/close.js'
import { fdInstall, fdRemove, getUnusedFd } from '../vfs/fdtable.js'
import { row, type SyscallRow } from './row.js'

/**
 * A pipe as [read end, write end]: the two lowest free descriptors, in this order.
 * Errors: EMFILE two descriptors are not free (none is taken then), ENFILE.
 */
export function sysPipe(current: Task): [number, number] | Errno {
  const files = createPipe(current)
  if (isErr(files)) return files
  const readFd = getUnusedFd(current)
  if (!isErr(readFd)) {
    fdInstall(current, readFd, files.read)
    const writeFd = getUnusedFd(current)
    if (!isErr(writeFd)) {
      fdInstall(current, writeFd, files.write)
      return [readFd, writeFd]
    }
    fdRemove(current.files, readFd)
  }
  fput(current, files.read)
  fput(current, files.write)
  return isErr(readFd) ? readFd : EMFILE
}

export const pipeCalls: readonly SyscallRow[] = [row('pipe', [], sysPipe)]
