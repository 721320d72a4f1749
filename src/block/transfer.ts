/**
 * read(2) and write(2) of a block device: through the cache, at any place and of any length.
 *
 * Linux: block_read, block_write, fs/block_dev.c (2.2.12). As there up to 64 buffers are asked for before the first is
 * waited for; a short read after another transfer asks for some blocks more; a write with O_SYNC starts up to 64
 * buffers and waits for them. A device ends at its last whole block.
 *
 * What has been moved when an error comes is the result, the error itself where nothing has; a write that waits for its
 * buffers (O_SYNC) says EIO where one of them fails. A transfer keeps a BlockTransfer in `current.restart` while it
 * sleeps, and holds its buffers, so that no other can take them away.
 *
 * Deviation: the blocks beyond what was asked for are asked for ahead (READA), which the kernel drops where slots are
 * short; 2.2.12 waits for slots there.
 */

import type { DevT } from '../abi/brand.js'
import { BLOCKED, EIO, ENOSPC } from '../abi/errno.js'
import type { Task } from '../kernel/task.js'
import { copyBytes } from '../lib/bytes.js'
import type { BufferHead } from './buffer.js'
import { blockSizeOf, brelse, getblk } from './cache.js'
import { unplugAll } from './driver.js'
import { markBufferDirty, submitBuffer, waitForMemory, waitForSlot, waitOnBuffer } from './io.js'
import { READ, READA, WRITE } from './request.js'
import { SECTOR_SIZE } from './sparse.js'
import { type Addressed, type BlockState, blockState } from './state.js'

/** Buffers that a transfer has under way at once. Linux: NBUF. */
const NBUF = 64

/** A read or write that sleeps half done. */
export class BlockTransfer {
  readonly dev: DevT
  /** Where it began, and how many bytes it has moved. */
  readonly pos: number
  done = 0
  /** Its buffers in order; those of a write with O_SYNC wait to be written. */
  readonly held: BufferHead[] = []
  /** For each of them: has this transfer asked for it? */
  readonly asked: boolean[] = []
  /** The next block to get hold of. */
  next: number
  /** How many of `held` have been started, of a write. */
  started = 0
  /** A write with O_SYNC: a buffer has failed. */
  hasFailed = false
  /** A write: a block could not be read, and the transfer ends before it. */
  isCut = false

  constructor(dev: DevT, pos: number, next: number) {
    this.dev = dev
    this.pos = pos
    this.next = next
  }
}

/** The transfer that this call has begun in an earlier run. */
const resumed = (current: Task): BlockTransfer | null =>
  current.restart instanceof BlockTransfer ? current.restart : null

/** It sleeps: the next run goes on with it. */
function asleep(current: Task, transfer: BlockTransfer): typeof BLOCKED {
  current.restart = transfer
  return BLOCKED
}

/** It is over. */
function end(current: Task, transfer: BlockTransfer, result: number): number {
  for (const bh of transfer.held) brelse(bh)
  current.restart = null
  return result
}

/** Bytes of a device up to its last whole block. */
const bytesOf = (at: Addressed, size: number): number =>
  at.unit.sectors * SECTOR_SIZE - ((at.unit.sectors * SECTOR_SIZE) % size)

/**
 * Reads from `pos` on. The count; 0 at the end of the device; EIO; BLOCKED. `ahead`: how many sectors to ask for
 * at least.
 */
export function blockRead(
  current: Task,
  dev: DevT,
  at: Addressed,
  buf: Uint8Array,
  pos: number,
  ahead: number,
): number {
  const state = blockState(current.k)
  const size = blockSizeOf(state.cache, dev)
  const before = resumed(current)
  const from = before?.pos ?? pos
  const left = Math.min(buf.length, bytesOf(at, size) - from)
  if (left <= 0) return before === null ? 0 : end(current, before, before.done)
  const transfer = before ?? new BlockTransfer(dev, from, Math.floor(from / size))
  const last = Math.ceil((from + left) / size)
  while (transfer.done < left) {
    const failed = getBlocks(current, state, transfer, last)
    if (failed === BLOCKED) return asleep(current, transfer)
    if (before === null && transfer.done === 0 && ahead > 0) {
      const first = Math.floor(from / size)
      const to = Math.min(first + Math.floor((ahead * SECTOR_SIZE) / size), bytesOf(at, size) / size)
      readAhead(current, state, dev, last, to)
    }
    const arrived = awaitFirst(current, state, transfer)
    if (arrived === BLOCKED) return asleep(current, transfer)
    if (arrived !== 0) break
    takeFirst(transfer, buf, left, size)
  }
  return end(current, transfer, transfer.done > 0 ? transfer.done : EIO)
}

/** Gets hold of the blocks that come next, and asks for those that are not there. BLOCKED where none could be had. */
function getBlocks(current: Task, state: BlockState, transfer: BlockTransfer, last: number): number {
  const { held, asked, dev } = transfer
  while (transfer.next < last && held.length < NBUF) {
    const bh = getblk(state.cache, dev, transfer.next)
    if (bh === null) {
      if (held.length > 0) return 0
      if (waitForMemory(current, dev) === BLOCKED) return BLOCKED
      continue
    }
    transfer.next++
    held.push(bh)
    // The first is there: its bytes first.
    if (bh.isUptodate && held.length === 1) {
      asked.push(false)
      return 0
    }
    asked.push(!bh.isUptodate && !bh.isLocked && ask(current, state, bh))
  }
  return 0
}

/** Asks for a buffer. False: there was no slot, or it is on its way already. */
function ask(current: Task, state: BlockState, bh: BufferHead): boolean {
  const outcome = submitBuffer(current.k, state, READ, bh, current)
  return outcome !== 'no-slot' && outcome !== 'locked'
}

/** Asks for blocks that may be wanted next; where there is no memory or no slot they are not. */
function readAhead(current: Task, state: BlockState, dev: DevT, from: number, to: number): void {
  for (let block = from; block < to; block++) {
    const bh = getblk(state.cache, dev, block)
    if (bh === null) return
    const outcome = bh.isUptodate ? 'uptodate' : submitBuffer(current.k, state, READA, bh, current)
    brelse(bh)
    if (outcome === 'dropped') return
  }
}

/** 0: the first buffer has arrived; EIO; BLOCKED. */
function awaitFirst(current: Task, state: BlockState, transfer: BlockTransfer): number {
  const [bh] = transfer.held
  if (bh === undefined) return EIO
  for (;;) {
    if (waitOnBuffer(current, bh) === BLOCKED) return BLOCKED
    if (bh.isUptodate) return 0
    if (transfer.asked[0] === true) return EIO
    if (ask(current, state, bh)) transfer.asked[0] = true
    else if (!bh.isLocked && waitForSlot(current, READ, bh) === BLOCKED) return BLOCKED
  }
}

/** Takes what is wanted of the first buffer, and gives it back. */
function takeFirst(transfer: BlockTransfer, buf: Uint8Array, left: number, size: number): void {
  const bh = transfer.held.shift()
  transfer.asked.shift()
  if (bh === undefined) return
  const within = (transfer.pos + transfer.done) % size
  const count = Math.min(size - within, left - transfer.done)
  copyBytes(bh.data, within, buf, transfer.done, count)
  transfer.done += count
  brelse(bh)
}

/**
 * Writes from `pos` on. The count; ENOSPC where the device ends before `pos`; EIO; BLOCKED. `isSync`: waits until all of
 * it has been written.
 */
export function blockWrite(
  current: Task,
  dev: DevT,
  at: Addressed,
  data: Uint8Array,
  pos: number,
  isSync: boolean,
): number {
  const state = blockState(current.k)
  const size = blockSizeOf(state.cache, dev)
  const transfer = resumed(current) ?? new BlockTransfer(dev, pos, 0)
  const most = bytesOf(at, size)
  while (transfer.done < data.length && !transfer.hasFailed && !transfer.isCut) {
    if (isSync && transfer.held.length >= NBUF) {
      if (writeHeld(current, state, transfer) === BLOCKED) return asleep(current, transfer)
      continue
    }
    const where = transfer.pos + transfer.done
    if (where >= most) break
    const within = where % size
    const count = Math.min(size - within, data.length - transfer.done)
    const bh = getForWrite(current, state, transfer, Math.floor(where / size), count < size)
    if (bh === BLOCKED) return asleep(current, transfer)
    if (typeof bh === 'number') {
      transfer.isCut = true
      break
    }
    copyBytes(data, transfer.done, bh.data, within, count)
    bh.isUptodate = true
    bh.hasFailed = false
    bh.hasFailedRead = false
    markBufferDirty(current.k, bh)
    transfer.done += count
    if (isSync) transfer.held.push(bh)
    else brelse(bh)
  }
  if (transfer.held.length > 0 && writeHeld(current, state, transfer) === BLOCKED)
    return asleep(current, transfer)
  if (transfer.hasFailed) return end(current, transfer, EIO)
  if (transfer.done > 0 || data.length === 0) return end(current, transfer, transfer.done)
  return end(current, transfer, transfer.isCut ? EIO : ENOSPC)
}

/**
 * The buffer of a block that is about to be written to, held; up to date where only a part of it will be (`isPart`).
 * BLOCKED, which holds nothing; EIO.
 */
function getForWrite(
  current: Task,
  state: BlockState,
  transfer: BlockTransfer,
  block: number,
  isPart: boolean,
): BufferHead | typeof BLOCKED | typeof EIO {
  for (;;) {
    const bh = getblk(state.cache, transfer.dev, block)
    if (bh === null) {
      // What this very transfer holds has to go first.
      const asleep =
        transfer.held.length > 0 ? writeHeld(current, state, transfer) : waitForMemory(current, transfer.dev)
      if (asleep === BLOCKED) return BLOCKED
      continue
    }
    const result = prepare(current, state, bh, isPart)
    if (result === 0) return bh
    brelse(bh)
    if (result === BLOCKED) return BLOCKED
    if (result === EIO) return EIO
  }
}

/** 0: it can be written to; BLOCKED; EIO; 1: look again. */
function prepare(current: Task, state: BlockState, bh: BufferHead, isPart: boolean): number {
  if (bh.isUptodate) return 0
  // It is being read, or written by somebody who failed: it comes to rest first.
  if (bh.isLocked) return waitOnBuffer(current, bh) === BLOCKED ? BLOCKED : 1
  if (!isPart) return 0
  if (bh.hasFailedRead) {
    bh.hasFailedRead = false
    return EIO
  }
  const outcome = submitBuffer(current.k, state, READ, bh, current)
  if (outcome === 'no-slot') return waitForSlot(current, READ, bh) === BLOCKED ? BLOCKED : 1
  if (waitOnBuffer(current, bh) === BLOCKED) return BLOCKED
  return bh.isUptodate ? 0 : EIO
}

/** Writes the buffers that it holds, waits for them, and gives them back. 0 or BLOCKED. */
function writeHeld(current: Task, state: BlockState, transfer: BlockTransfer): number {
  const { held } = transfer
  for (; transfer.started < held.length; transfer.started++) {
    const bh = held[transfer.started]
    if (bh === undefined) continue
    // On its way with older bytes: those of this write go after them.
    while (bh.isDirty) {
      if (waitOnBuffer(current, bh) === BLOCKED) return BLOCKED
      if (bh.isDirty && submitBuffer(current.k, state, WRITE, bh, current) !== 'no-slot') break
      if (bh.isDirty && waitForSlot(current, WRITE, bh) === BLOCKED) return BLOCKED
    }
  }
  unplugAll(current.k, state, 'wait', current)
  for (let bh = held[0]; bh !== undefined; bh = held[0]) {
    if (waitOnBuffer(current, bh) === BLOCKED) return BLOCKED
    if (bh.hasFailed) transfer.hasFailed = true
    held.shift()
    transfer.started--
    brelse(bh)
  }
  transfer.started = 0
  return 0
}
