/**
 * Opening a FIFO: waiting for the other side.
 *
 * Linux: fifo_open, fs/fifo.c (2.2.12, 2.6.14). A reader waits for a writer and a writer for a reader; O_NONBLOCK
 * lets a reader in at once and refuses a writer (ENXIO); O_RDWR is its own partner. An opener counts as reader or
 * writer while it still waits.
 *
 * How the wait ends differs. 2.6 counts opens, so a partner that has come and gone again is enough. 2.0 and 2.2
 * look whether there is a partner now, and so that none is missed, whoever wakes waiting openers waits until they
 * have got in.
 *
 * The open operation may sleep: it returns BLOCKED and keeps its place in `file.data`, and open(2) calls it again
 * for the same file. With any error it has undone everything.
 */

import { EINVAL, ENOMEM, ENXIO, ERESTARTSYS } from '../abi/errno.js'
import { O_NONBLOCK } from '../abi/fcntl.js'
import { sleepOn, sleepOnUninterruptible } from '../kernel/sleep.js'
import type { Task } from '../kernel/task.js'
import { wakeUp } from '../kernel/wait.js'
import { shouldFail } from '../sim/faults.js'
import { type File, FMODE_READ, FMODE_WRITE } from '../vfs/file.js'
import type { Inode } from '../vfs/inode.js'
import { defineFileOps, type FileOperations } from '../vfs/ops.js'
import { type Pipe, PipeEnd } from './pipe.js'
import { PagePipe, pagePipeOps } from './pipe_page.js'
import { SlotPipe, slotPipeOps } from './pipe_slots.js'

const FMODE_RDWR = FMODE_READ | FMODE_WRITE

const waits = (file: File): boolean => (file.flags & O_NONBLOCK) === 0

/** The open failed: a FIFO that nobody has open now holds nothing. */
function fail(inode: Inode, pipe: Pipe, error: number): number {
  if (pipe.readers === 0 && pipe.writers === 0) inode.data = null
  return error
}

// ---- 2.6 -----------------------------------------------------------------------------------------------------

/** The FIFO's pipe, made by the first opener. */
function slotPipeOf(inode: Inode): SlotPipe {
  if (inode.data instanceof SlotPipe) return inode.data
  const pipe = new SlotPipe(`fifo:[${inode.ino}]`)
  inode.data = pipe
  return pipe
}

/** Sleeps until the other side's count of opens has changed. 0, BLOCKED or ERESTARTSYS. Linux: wait_for_partner. */
function waitForPartner(current: Task, inode: Inode, file: File, end: PipeEnd<SlotPipe>): number {
  const { pipe } = end
  const reads = (file.mode & FMODE_READ) !== 0
  const opens = reads ? pipe.writeOpens : pipe.readOpens
  if (end.opening === null) {
    end.opening = 'partner'
    end.partnerCount = opens
  }
  if (!current.sigPending) {
    if (opens === end.partnerCount) return sleepOn(current, pipe.wait)
    end.opening = null
    return 0
  }
  const left = reads ? --pipe.readers : --pipe.writers
  if (left === 0) wakeUp(pipe.wait)
  return fail(inode, pipe, ERESTARTSYS)
}

/** Linux: fifo_open, fs/fifo.c (2.6.14). */
function openSlots(current: Task, inode: Inode, file: File, pipe: SlotPipe): number {
  if (file.data instanceof PipeEnd) return waitForPartner(current, inode, file, file.data)
  const end = new PipeEnd(pipe)
  switch (file.mode & FMODE_RDWR) {
    case FMODE_READ:
      file.data = end
      pipe.readOpens++
      if (pipe.readers++ === 0) wakeUp(pipe.wait)
      if (pipe.writers > 0) return 0
      if (waits(file)) return waitForPartner(current, inode, file, end)
      end.knownWrites = pipe.writeOpens
      return 0
    case FMODE_WRITE:
      if (!waits(file) && pipe.readers === 0) return fail(inode, pipe, ENXIO)
      file.data = end
      pipe.writeOpens++
      if (pipe.writers++ === 0) wakeUp(pipe.wait)
      return pipe.readers > 0 ? 0 : waitForPartner(current, inode, file, end)
    case FMODE_RDWR:
      file.data = end
      pipe.readOpens++
      pipe.writeOpens++
      pipe.readers++
      pipe.writers++
      if (pipe.readers === 1 || pipe.writers === 1) wakeUp(pipe.wait)
      return 0
    default:
      return fail(inode, pipe, EINVAL)
  }
}

// ---- 2.0 and 2.2 ---------------------------------------------------------------------------------------------

function pagePipeOf(inode: Inode): PagePipe {
  if (inode.data instanceof PagePipe) return inode.data
  const pipe = new PagePipe(`fifo:[${inode.ino}]`)
  inode.data = pipe
  inode.size = 0
  return pipe
}

/**
 * The steps of an open, in order; `end.opening` is the step that it sleeps in. Linux: fifo_open, fs/fifo.c (2.2.12).
 *
 * 'partner': until there is the other side; a signal ends it. 'settle': until the openers that have been woken are
 * in; signals do not matter. 'settle-write' is the same in the middle of an O_RDWR open.
 */
function openPage(current: Task, inode: Inode, file: File, pipe: PagePipe): number {
  const resumed = file.data
  if (resumed instanceof PipeEnd) return continuePage(current, inode, file, pipe, resumed)
  const end = new PipeEnd(pipe)
  const mode = file.mode & FMODE_RDWR
  if (mode === 0) return fail(inode, pipe, EINVAL)
  if (mode === FMODE_WRITE && !waits(file) && pipe.readers === 0) return fail(inode, pipe, ENXIO)
  file.data = end
  if (mode === FMODE_WRITE) {
    if (pipe.writers++ === 0) wakeUp(pipe.wait)
    if (pipe.readers === 0) {
      pipe.writeOpeners++
      end.opening = 'partner'
    } else end.opening = 'settle'
  } else {
    if (pipe.readers++ === 0) wakeUp(pipe.wait)
    end.connecting = mode === FMODE_READ
    if (mode === FMODE_READ && waits(file) && pipe.writers === 0) {
      pipe.readOpeners++
      end.opening = 'partner'
    } else end.opening = mode === FMODE_READ ? 'settle' : 'settle-write'
  }
  return continuePage(current, inode, file, pipe, end)
}

function continuePage(current: Task, inode: Inode, file: File, pipe: PagePipe, end: PipeEnd): number {
  const mode = file.mode & FMODE_RDWR
  if (end.opening === 'partner') {
    const partners = mode === FMODE_READ ? pipe.writers : pipe.readers
    if (partners === 0) {
      if (!current.sigPending) return sleepOn(current, pipe.wait)
      end.interrupted = true
    }
    const waiting = mode === FMODE_READ ? --pipe.readOpeners : --pipe.writeOpeners
    if (waiting === 0) wakeUp(pipe.wait)
    end.opening = 'settle'
  }
  if (end.opening === 'settle-write') {
    if (pipe.writeOpeners > 0) return sleepOnUninterruptible(current, pipe.wait)
    if (pipe.writers++ === 0) wakeUp(pipe.wait)
    end.opening = 'settle'
  }
  const unsettled = mode === FMODE_READ ? pipe.writeOpeners : pipe.readOpeners
  if (unsettled > 0) return sleepOnUninterruptible(current, pipe.wait)
  end.opening = null
  if (pipe.writers > 0) end.connecting = false
  if (!end.interrupted) return 0
  const left = mode === FMODE_READ ? --pipe.readers : --pipe.writers
  if (left === 0) wakeUp(pipe.wait)
  return fail(inode, pipe, ERESTARTSYS)
}

// ---- the operations of a FIFO's inode ------------------------------------------------------------------------

/**
 * Errors: ENXIO, EINVAL (access mode 3), ENOMEM, ERESTARTSYS. Linux: def_fifo_fops: open, which puts the real table
 * in.
 */
export const fifoOps: FileOperations = defineFileOps({
  name: 'fifo',
  open(current, inode, file) {
    if (inode.data === null && shouldFail(current.k, 'alloc:pipe')) return ENOMEM
    const hasSlots = current.k.facts.pipeBuffer === 'slots'
    const result = hasSlots
      ? openSlots(current, inode, file, slotPipeOf(inode))
      : openPage(current, inode, file, pagePipeOf(inode))
    if (result === 0) file.ops = hasSlots ? slotPipeOps : pagePipeOps
    return result
  },
})
