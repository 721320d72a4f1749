/**
 * What all pipes have in common, with and without a name: who has them open, where they sleep, when they end.
 *
 * Linux: struct pipe_inode_info, pipe_release, pipe_ioctl, fs/pipe.c (2.2.12, 2.6.14). The two ways of buffering are
 * in pipe_page.ts (2.0, 2.2) and pipe_slots.ts (2.6.11), the open of a FIFO in fifo.ts, pipe(2)'s part in pipefs.ts.
 *
 * Readers and writers sleep on one queue, so a wake-up wakes both, last sleeper first; each looks for itself.
 *
 * Deviation from the rule that file operations never sleep: read and write of a pipe do. Half-done transfers have
 * rules of their own here (how much is owed, whether others may come between, what a signal leaves behind), which no
 * generic loop around EAGAIN could follow. They keep a PipeTransfer in `current.restart`, return BLOCKED, and go on
 * when the call is run again; EAGAIN means that O_NONBLOCK is set.
 */

import { EBADF, EINVAL } from '../abi/errno.js'
import { FIONREAD } from '../abi/ioctl.js'
import { MS_RDONLY } from '../abi/mount.js'
import { POLL_IN, POLL_OUT, SIGIO, SIGPIPE } from '../abi/signal.js'
import { dropFasync, type FasyncEntry, fasyncHelper, killFasync } from '../kernel/fasync.js'
import { sendSignalSelf } from '../kernel/signal.js'
import { sleepOn } from '../kernel/sleep.js'
import { TASK_ZOMBIE, type Task } from '../kernel/task.js'
import { WaitQueue, wakeUp } from '../kernel/wait.js'
import { FMODE_READ, FMODE_WRITE } from '../vfs/file.js'
import type { Inode } from '../vfs/inode.js'
import { putInt } from '../vfs/ioctl_arg.js'
import type { FileOperations } from '../vfs/ops.js'

/** The part of a pipe that both buffers share. It hangs off `inode.data` while anybody has the pipe open. */
export abstract class Pipe {
  /** Open files that can read, that can write; openers of a FIFO that still wait for the other side count. */
  readers = 0
  writers = 0
  readonly wait: WaitQueue
  readonly fasyncReaders: FasyncEntry[] = []
  readonly fasyncWriters: FasyncEntry[] = []

  constructor(name: string) {
    this.wait = new WaitQueue(name)
  }

  /** Bytes that could be read now. */
  abstract get length(): number
}

/** What an open file of a pipe has of its own. */
export class PipeEnd<P extends Pipe = Pipe> {
  readonly pipe: P
  /**
   * 2.6: the number of writers' opens that this reader knows of and was not connected to: no POLLHUP until there are
   * more. 0 for none. Linux: f_version.
   */
  knownWrites = 0
  /** 2.0, 2.2: a reader that opened without a writer and has seen none yet. Linux: connecting_fifo_fops. */
  connecting = false
  /** A FIFO's open that sleeps: what it waits for; see fifo.ts. */
  opening: string | null = null
  /** 2.6: the other side's count of opens when the sleep began. */
  partnerCount = 0
  /** 2.0, 2.2: a signal ended the wait for the other side. */
  interrupted = false

  constructor(pipe: P) {
    this.pipe = pipe
  }
}

/** A read or write that sleeps half done. It is what `current.restart` holds meanwhile. */
export class PipeTransfer {
  readonly task: Task
  readonly pipe: Pipe
  /** Bytes moved so far. */
  done = 0
  /** Something has changed for the other side that it has not been told. Linux: do_wakeup. */
  owesWakeUp = false

  constructor(task: Task, pipe: Pipe) {
    this.task = task
    this.pipe = pipe
  }
}

/** The transfer that this call has begun in an earlier run, if any. */
export function resumed(current: Task, pipe: Pipe): PipeTransfer | null {
  const { restart } = current
  return restart instanceof PipeTransfer && restart.pipe === pipe ? restart : null
}

/** Is the transfer's task still in that call? */
export const isUnderWay = (transfer: PipeTransfer): boolean =>
  transfer.task.restart === transfer && transfer.task.state < TASK_ZOMBIE

/** Sleeps in a transfer until something happens to the pipe. The caller has seen that no signal is pending. */
export function sleepInTransfer(current: Task, transfer: PipeTransfer, queue: WaitQueue): number {
  current.restart = transfer
  return sleepOn(current, queue)
}

/** Room has been made: wakes sleepers, signals the writers' owners. */
export function tellWriters(pipe: Pipe): void {
  wakeUp(pipe.wait)
  killFasync(pipe.fasyncWriters, SIGIO, POLL_OUT)
}

/** Data has come: wakes sleepers, signals the readers' owners. */
export function tellReaders(pipe: Pipe): void {
  wakeUp(pipe.wait)
  killFasync(pipe.fasyncReaders, SIGIO, POLL_IN)
}

/** A write without readers: SIGPIPE, whatever becomes of the call's result. */
export const brokenPipe = (current: Task, inode: Inode): void =>
  sendSignalSelf(current, SIGPIPE, 'broken-pipe', inode)

/** Data went in: the inode's times, unless its file system is read-only. Linux: inode_update_time. */
export function touchWritten(current: Task, inode: Inode): void {
  if ((inode.sb.flags & MS_RDONLY) !== 0) return
  inode.mtime = current.k.state.now
  inode.ctime = current.k.state.now
}

/** Undoes an open and lets the others know; the last one out takes the pipe along. Linux: pipe_release. */
export function leavePipe(inode: Inode, pipe: Pipe, mode: number): void {
  if ((mode & FMODE_READ) !== 0) pipe.readers--
  if ((mode & FMODE_WRITE) !== 0) pipe.writers--
  if (pipe.readers === 0 && pipe.writers === 0) {
    if (inode.data === pipe) inode.data = null
    return
  }
  wakeUp(pipe.wait)
  killFasync(pipe.fasyncReaders, SIGIO, POLL_IN)
  killFasync(pipe.fasyncWriters, SIGIO, POLL_OUT)
}

/** The operations that do not depend on the buffer. `P` is the kind of pipe that the inode holds. */
export function commonPipeOps<P extends Pipe>(
  kind: abstract new (...args: never[]) => P,
): Pick<FileOperations<PipeEnd<P>>, 'open' | 'release' | 'ioctl' | 'waitQueue' | 'fasync'> {
  return {
    /** Opens a pipe that somebody has open, through /proc/<pid>/fd: never waits. Linux: pipe_rdwr_open. */
    open(_current, inode, file) {
      const pipe = inode.data
      if (!(pipe instanceof kind)) return EBADF
      file.data = new PipeEnd(pipe)
      if ((file.mode & FMODE_READ) !== 0) pipe.readers++
      if ((file.mode & FMODE_WRITE) !== 0) pipe.writers++
      return 0
    },

    /** Linux: pipe_read_release, pipe_write_release, pipe_rdwr_release. */
    release(_current, file) {
      const { pipe } = file.data
      dropFasync(pipe.fasyncReaders, file)
      dropFasync(pipe.fasyncWriters, file)
      leavePipe(file.inode, pipe, file.mode)
    },

    /** Linux: pipe_ioctl: FIONREAD, and EINVAL (not ENOTTY) for everything else. */
    ioctl(_current, file, cmd, arg) {
      return cmd === FIONREAD ? putInt(arg, file.data.pipe.length) : EINVAL
    },

    waitQueue: (file) => file.data.pipe.wait,

    /** Linux: pipe_rdwr_fasync and kin (2.6). Before, FASYNC on a pipe is accepted and does nothing. */
    fasync(current, file, on, fd) {
      if (current.k.facts.pipeBuffer !== 'slots') return 0
      const { pipe } = file.data
      const reads = (file.mode & FMODE_READ) !== 0
      const failed = reads ? fasyncHelper(current, pipe.fasyncReaders, file, fd, on) : 0
      if (failed !== 0 || (file.mode & FMODE_WRITE) === 0) return failed
      return fasyncHelper(current, pipe.fasyncWriters, file, fd, on)
    },
  }
}
