/**
 * Pipes of 2.6.11 and later: sixteen slots of a page each.
 *
 * Linux: pipe_readv, pipe_writev, pipe_poll, fs/pipe.c (2.6.14). Worth knowing:
 *
 * - A read takes what is there. But while a writer sleeps with the rest of a write, a read that empties the pipe goes
 *   on waiting for it, even with O_NONBLOCK ("syscall merging").
 * - A write of at most PIPE_BUF bytes is atomic because it needs at most one slot besides the last page. A blocking
 *   write returns when everything is in; a signal makes it return what is in. With O_NONBLOCK it takes what fits.
 * - Writers are woken when a whole slot has become free, not by every read.
 */

import { EAGAIN, EFAULT, ENOMEM, EPIPE, ERESTARTSYS } from '../abi/errno.js'
import { O_NOATIME, O_NONBLOCK, PIPE_BUF } from '../abi/fcntl.js'
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../abi/poll.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { Task } from '../kernel/task.js'
import { shouldFail } from '../sim/faults.js'
import { type File, FMODE_READ, FMODE_WRITE } from '../vfs/file.js'
import { touchAtime } from '../vfs/namei.js'
import { defineFileOps, type FileOperations } from '../vfs/ops.js'
import {
  brokenPipe,
  commonPipeOps,
  isUnderWay,
  Pipe,
  type PipeEnd,
  PipeTransfer,
  resumed,
  sleepInTransfer,
  tellReaders,
  tellWriters,
  touchWritten,
} from './pipe.js'
import { PipeSlots } from './pipe_buffer.js'

/** Linux: struct pipe_inode_info (2.6.14). */
export class SlotPipe extends Pipe {
  readonly slots = new PipeSlots()
  /** How often a FIFO has been opened for reading, for writing, plus one. Linux: r_counter, w_counter. */
  readOpens = 1
  writeOpens = 1
  /** Writers asleep with something left to write. Linux: waiting_writers. */
  sleepingWriters: PipeTransfer[] = []

  get length(): number {
    return this.slots.length
  }

  /** Does a writer sleep here with more to come? */
  get hasSleepingWriters(): boolean {
    return this.sleepingWriters.length > 0 && this.sleepingWriters.some(isUnderWay)
  }
}

type SlotFile = File<PipeEnd<SlotPipe>>

/** Linux: pipe_readv. */
function read(current: Task, file: SlotFile, buf: Uint8Array): number {
  if (buf.length === 0) return 0
  const { pipe } = file.data
  const { slots } = pipe
  let transfer = resumed(current, pipe)
  let done = transfer?.done ?? 0
  let freed = transfer?.owesWakeUp ?? false
  let error = 0
  for (;;) {
    const before = slots.used.length
    if (before > 0 && shouldFail(current.k, 'copy:read')) {
      // What was copied before counts; the rest stays in the pipe.
      error = EFAULT
      break
    }
    done += slots.take(buf, done)
    if (slots.used.length < before) freed = true
    if (done === buf.length || pipe.writers === 0) break
    if (!pipe.hasSleepingWriters) {
      if (done > 0) break
      if ((file.flags & O_NONBLOCK) !== 0) {
        error = EAGAIN
        break
      }
    }
    if (current.sigPending) {
      error = ERESTARTSYS
      break
    }
    if (freed) tellWriters(pipe)
    transfer ??= new PipeTransfer(current, pipe)
    transfer.done = done
    transfer.owesWakeUp = freed
    return sleepInTransfer(current, transfer, pipe.wait)
  }
  current.restart = null
  if (freed) tellWriters(pipe)
  if (done === 0) return error
  if ((file.flags & O_NOATIME) === 0) touchAtime(current, file.mnt, file.inode)
  return done
}

/** Linux: pipe_writev. */
function write(current: Task, file: SlotFile, data: Uint8Array): number {
  if (data.length === 0) return 0
  const { pipe } = file.data
  const { slots } = pipe
  let transfer = resumed(current, pipe)
  let done = 0
  let added = false
  let error = 0
  if (transfer !== null) {
    done = transfer.done
    forget(pipe, transfer)
  } else if (pipe.readers > 0) {
    if (!slots.isEmpty && shouldFail(current.k, 'copy:write')) return EFAULT
    done = slots.merge(data)
    added = done > 0
  }
  while (done < data.length) {
    if (pipe.readers === 0) {
      brokenPipe(current, file.inode)
      error = EPIPE
      break
    }
    if (!slots.isFull) {
      if (current.k.injection !== null) {
        error = pageFault(current.k)
        if (error !== 0) break
        done += slots.put(data.subarray(0, done + PIPE_BUF), done)
      } else done += slots.put(data, done)
      added = true
      continue
    }
    if ((file.flags & O_NONBLOCK) !== 0) {
      error = EAGAIN
      break
    }
    if (current.sigPending) {
      error = ERESTARTSYS
      break
    }
    if (added) tellReaders(pipe)
    transfer ??= new PipeTransfer(current, pipe)
    transfer.done = done
    pipe.sleepingWriters.push(transfer)
    return sleepInTransfer(current, transfer, pipe.wait)
  }
  current.restart = null
  if (added) tellReaders(pipe)
  if (done === 0) return error
  touchWritten(current, file.inode)
  return done
}

/** Why the next page of a write cannot be filled: it cannot be had, or the program's memory is not there; 0. */
function pageFault(k: KernelCore): number {
  if (shouldFail(k, 'alloc:page')) return ENOMEM
  return shouldFail(k, 'copy:write') ? EFAULT : 0
}

/** Takes a writer off the list of sleepers, and with it any that died in their sleep. */
function forget(pipe: SlotPipe, transfer: PipeTransfer): void {
  pipe.sleepingWriters = pipe.sleepingWriters.filter((other) => other !== transfer && isUnderWay(other))
}

/**
 * Linux: pipe_poll. A FIFO's reader that has never had a writer is not told that writers are gone.
 * POLLERR for a writer without readers.
 */
function poll(_current: Task, file: SlotFile): number {
  const { pipe, knownWrites } = file.data
  let mask = 0
  if ((file.mode & FMODE_READ) !== 0) {
    if (!pipe.slots.isEmpty) mask |= POLLIN | POLLRDNORM
    if (pipe.writers === 0 && knownWrites !== pipe.writeOpens) mask |= POLLHUP
  }
  if ((file.mode & FMODE_WRITE) !== 0) {
    if (!pipe.slots.isFull) mask |= POLLOUT | POLLWRNORM
    if (pipe.readers === 0) mask |= POLLERR
  }
  return mask
}

/** Linux: read_pipe_fops, write_pipe_fops, rdwr_pipe_fops and their fifo twins (2.6.14). */
export const slotPipeOps: FileOperations<PipeEnd<SlotPipe>> = defineFileOps<PipeEnd<SlotPipe>>({
  name: 'pipe.slots',
  ...commonPipeOps(SlotPipe),
  read,
  write,
  poll,
})
