/**
 * Pipes of 2.0 and 2.2: one page, used as a ring.
 *
 * Linux: pipe_read, pipe_write, pipe_poll, connect_read, connect_poll, fs/pipe.c (2.2.12); pipe_select (2.0.35).
 * Worth knowing:
 *
 * - A write of at most PIPE_BUF bytes waits until all of it fits, and fails with EAGAIN if it may not wait; a larger
 *   one takes any room there is.
 * - 2.2 lets one write at a time into the pipe (i_atomic_write). So even a large write is never mixed with others,
 *   and a writer with O_NONBLOCK sleeps while another one is half done. 2.0 has no such lock.
 * - "Ready for writing" means empty. Readiness is the pipe's, whichever end is asked.
 * - The number of bytes held is the inode's size, and stat(2) shows it.
 */

import { EAGAIN, EPIPE, ERESTARTSYS } from '../abi/errno.js'
import { O_NONBLOCK, PIPE_BUF } from '../abi/fcntl.js'
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLPRI, POLLRDNORM, POLLWRNORM } from '../abi/poll.js'
import { isAtLeast } from '../abi/profile.js'
import { sleepOn } from '../kernel/sleep.js'
import type { Task } from '../kernel/task.js'
import { WaitQueue, wakeUp } from '../kernel/wait.js'
import { ByteRing } from '../lib/ring.js'
import { shouldFail } from '../sim/faults.js'
import type { File } from '../vfs/file.js'
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
  touchWritten,
} from './pipe.js'

/** Linux: struct pipe_inode_info (2.2.12). */
export class PagePipe extends Pipe {
  readonly ring = new ByteRing(PIPE_BUF)
  /** FIFO opens asleep until there is a writer, a reader. Linux: rd_openers, wr_openers. */
  readOpeners = 0
  writeOpeners = 0
  /** The write that is under way, and who waits for it to end. Linux: i_atomic_write. */
  writing: PipeTransfer | null = null
  readonly writeTurn: WaitQueue

  constructor(name: string) {
    super(name)
    this.writeTurn = new WaitQueue(`${name} write`)
  }

  get length(): number {
    return this.ring.length
  }
}

type PageFile = File<PipeEnd<PagePipe>>

/** Linux: pipe_read, and connect_read, which differs only in what it makes of the file. */
function read(current: Task, file: PageFile, buf: Uint8Array): number {
  if (buf.length === 0) return 0
  const end = file.data
  const { pipe } = end
  const { ring } = pipe
  if (ring.length === 0 && pipe.writers === 0) return 0
  end.connecting = false
  if (ring.length === 0) return (file.flags & O_NONBLOCK) !== 0 ? EAGAIN : sleepOn(current, pipe.wait)
  // Where the program's memory is not there the data are lost all the same: nobody looks at what copy_to_user says.
  const count = ring.read(shouldFail(current.k, 'copy:read') ? new Uint8Array(buf.length) : buf)
  file.inode.size = ring.length
  wakeUp(pipe.wait)
  touchAtime(current, file.mnt, file.inode)
  return count
}

/** Does the profile let only one write at a time into a pipe? */
const hasTurns = (current: Task): boolean => isAtLeast(current.k.facts.release, '2.2.12')

/** Is another call's write under way, which has to end first? */
function mustQueue(current: Task, { writing }: PagePipe): boolean {
  return writing !== null && writing.task !== current && isUnderWay(writing)
}

function endTurn(pipe: PagePipe): void {
  pipe.writing = null
  wakeUp(pipe.writeTurn)
}

/** Linux: pipe_write. 2.2 lets a write of 0 bytes come this far, and finds it broken; 2.0 did not (sys_write). */
function write(current: Task, file: PageFile, data: Uint8Array): number {
  if (data.length === 0 && !isAtLeast(current.k.facts.release, '2.2.12')) return 0
  const { pipe } = file.data
  let transfer = resumed(current, pipe)
  if (transfer === null && pipe.readers === 0) {
    brokenPipe(current, file.inode)
    return EPIPE
  }
  if (mustQueue(current, pipe)) {
    if (current.sigPending) {
      current.restart = null
      return ERESTARTSYS
    }
    return sleepInTransfer(current, transfer ?? new PipeTransfer(current, pipe), pipe.writeTurn)
  }
  const { ring } = pipe
  let done = transfer?.done ?? 0
  let error = 0
  while (done < data.length) {
    const wanted = done > 0 || data.length > PIPE_BUF ? 1 : data.length
    if (ring.free >= wanted) {
      // Nor at what copy_from_user says: zeros go in.
      done += ring.write(shouldFail(current.k, 'copy:write') ? new Uint8Array(data.length) : data, done)
      file.inode.size = ring.length
      wakeUp(pipe.wait)
      continue
    }
    if (pipe.readers === 0) {
      brokenPipe(current, file.inode)
      error = EPIPE
    } else if (current.sigPending) error = ERESTARTSYS
    else if ((file.flags & O_NONBLOCK) !== 0) error = EAGAIN
    if (error !== 0) break
    transfer ??= new PipeTransfer(current, pipe)
    transfer.done = done
    if (hasTurns(current)) pipe.writing = transfer
    return sleepInTransfer(current, transfer, pipe.wait)
  }
  current.restart = null
  if (pipe.writing !== null) endTurn(pipe)
  // A write that was cut short leaves the times alone.
  if (error === 0) touchWritten(current, file.inode)
  return done > 0 ? done : error
}

/** Linux: pipe_poll and connect_poll (2.2.12). The second makes a reader an ordinary one when it sees a writer. */
function poll(current: Task, file: PageFile): number {
  if (!current.k.facts.hasPoll) return select(file)
  const end = file.data
  const { pipe } = end
  const isEmpty = pipe.ring.length === 0
  let mask = isEmpty ? POLLOUT | POLLWRNORM : POLLIN | POLLRDNORM
  if (end.connecting) {
    if (!isEmpty || pipe.writers > 0) end.connecting = false
    return mask
  }
  if (pipe.writers === 0) mask |= POLLHUP
  if (pipe.readers === 0) mask |= POLLERR
  return mask
}

/**
 * 2.0.35 knows the three sets of select(2) only: POLLIN, POLLOUT and POLLPRI stand for them.
 * Linux: pipe_select, connect_select.
 */
function select(file: PageFile): number {
  const end = file.data
  const { pipe } = end
  const isEmpty = pipe.ring.length === 0
  let mask = pipe.readers === 0 || pipe.writers === 0 ? POLLPRI : 0
  if (end.connecting) {
    if (!isEmpty || pipe.writers > 0) end.connecting = false
    if (!isEmpty) mask |= POLLIN
    if (pipe.ring.free > 0) mask |= POLLOUT
    return mask
  }
  if (!isEmpty || pipe.writers === 0) mask |= POLLIN
  if (isEmpty || pipe.readers === 0) mask |= POLLOUT
  return mask
}

/** Linux: read_pipe_fops, write_pipe_fops, rdwr_pipe_fops, their fifo twins and connecting_fifo_fops (2.2.12). */
export const pagePipeOps: FileOperations<PipeEnd<PagePipe>> = defineFileOps<PipeEnd<PagePipe>>({
  name: 'pipe.page',
  ...commonPipeOps(PagePipe),
  read,
  write,
  poll,
})
