/**
 * Transfers as the rest of the kernel asks for them: of single buffers, and waiting for one.
 *
 * Linux: ll_rw_block, md_map (drivers/block/ll_rw_blk.c, md.c), wait_on_buffer, bread, mark_buffer_dirty, wakeup_bdflush
 * (fs/buffer.c), 2.2.12.
 *
 * Whoever sleeps here runs again after it ("check, maybe block, then commit"): `waitOnBuffer` and its kin return BLOCKED
 * and have changed nothing. All these sleeps are deaf to signals.
 */

import type { DevT } from '../abi/brand.js'
import { BLOCKED, EIO, type Ret } from '../abi/errno.js'
import type { KernelCore } from '../kernel/kernel.js'
import { sleepOnUninterruptible } from '../kernel/sleep.js'
import type { Task } from '../kernel/task.js'
import { type BufferHead, endBufferIo, refuseBuffer, waitQueueOf } from './buffer.js'
import { blockSizeOf, brelse, getblk, hasTooManyDirty, markDirty, setCacheBlockSize } from './cache.js'
import { blockHooks } from './contributions.js'
import { kdevname, notePlugged, startDrive, unplugAll } from './driver.js'
import { armFlushTimer, wakeBdflush } from './flush_timer.js'
import { llRwBlock, type Outcome } from './queue.js'
import { READ, WRITE, WRITEA } from './request.js'
import { type BlockState, blockState, type MdPart, unitAt } from './state.js'

/**
 * Starts the transfer of a buffer; what became of it, as `Outcome`. 'no-slot' has changed nothing: see `waitForSlot`. `by`
 * is who asks; null: the kernel itself. Linux: ll_rw_block.
 */
export function submitBuffer(
  k: KernelCore,
  state: BlockState,
  rw: number,
  bh: BufferHead,
  by: Task | null,
): Outcome {
  const at = unitAt(state, bh.dev)
  const isWrite = rw === WRITE || rw === WRITEA
  if (at === null) {
    k.printk(`Trying to read nonexistent block-device ${kdevname(bh.dev)} (${bh.block})`)
    refuseBuffer(bh)
    endBufferIo(bh, false, isWrite)
    return 'beyond-end'
  }
  let { drive } = at
  bh.rdev = bh.dev
  bh.sector = bh.block * bh.sectors
  if (drive.md !== null && bh.sector + bh.sectors <= at.unit.sectors && !(isWrite && at.unit.isReadOnly)) {
    const part = mdMap(drive.md, bh.sector)
    drive = state.byDev.get(part.dev) ?? drive
    bh.rdev = part.dev
    bh.sector -= part.start
  }
  const outcome = llRwBlock(drive.queue, rw, bh, blockHooks(k), by)
  if (outcome === 'queued' || outcome === 'merged-back' || outcome === 'merged-front') {
    if (outcome !== 'queued') drive.stats.merged++
    if (drive.queue.isPlugged) notePlugged(k, state, drive)
    else startDrive(k, state, drive)
  } else if (outcome === 'read-only') {
    k.printk(`Can't write to read-only device ${kdevname(bh.dev)}`)
  } else if (outcome === 'beyond-end') tellBeyondEnd(k, state, isWrite, bh)
  return outcome
}

/** The part of an md device that has a sector of it. Linux: linear_map. */
function mdMap(parts: readonly MdPart[], sector: number): MdPart {
  let found = parts[0] as MdPart
  for (const part of parts) if (part.start <= sector) found = part
  return found
}

function tellBeyondEnd(
  k: KernelCore,
  state: BlockState,
  isWrite: boolean,
  { rdev, sector, sectors }: BufferHead,
): void {
  const limit = Math.floor((unitAt(state, rdev)?.unit.sectors ?? 0) / 2)
  const want = Math.floor((sector + sectors) / 2)
  k.printk('attempt to access beyond end of device')
  k.printk(`${kdevname(rdev)}: rw=${isWrite ? WRITE : READ}, want=${want}, limit=${limit}`)
}

/** 0 when the buffer is not on its way; else BLOCKED: the caller returns it. Linux: wait_on_buffer. */
export function waitOnBuffer(current: Task, bh: BufferHead): number {
  if (!bh.isLocked) return 0
  unplugAll(current.k, blockState(current.k), 'wait', current)
  return bh.isLocked ? sleepOnUninterruptible(current, waitQueueOf(bh)) : 0
}

/** There was no slot for a buffer: sleeps until there may be one. BLOCKED, or 0: try again. Linux: __get_request_wait. */
export function waitForSlot(current: Task, rw: number, bh: BufferHead): number {
  const state = blockState(current.k)
  unplugAll(current.k, state, 'wait', current)
  const pool = state.byDev.get(bh.rdev)?.queue.pool ?? state.pool
  return pool.has(rw === WRITE ? WRITE : READ) ? 0 : sleepOnUninterruptible(current, pool.wait)
}

/** There was no memory for a buffer of a device: sleeps until one may be given up. BLOCKED, or 0: try again. */
export function waitForMemory(current: Task, dev: DevT): number {
  const { k } = current
  const state = blockState(k)
  wakeBdflush(k, state)
  unplugAll(k, state, 'wait', current)
  const { lists, bytes, memory } = state.cache
  const hasRoom = bytes + blockSizeOf(state.cache, dev) <= memory
  const canGiveUp = hasRoom || (lists.clean.first !== null && lists.clean.first.count === 0)
  if (canGiveUp || (lists.dirty.count === 0 && lists.locked.count === 0)) return 0
  return sleepOnUninterruptible(current, lists.wait)
}

/**
 * A block of a device, up to date and held: `brelse` gives it back. Errors: BLOCKED, which the caller returns and which
 * holds nothing; EIO. Linux: bread.
 */
export function bread(current: Task, dev: DevT, block: number): Ret<BufferHead> {
  const { k } = current
  const state = blockState(k)
  for (;;) {
    const bh = getblk(state.cache, dev, block)
    if (bh === null) {
      if (waitForMemory(current, dev) === BLOCKED) return BLOCKED
      continue
    }
    if (bh.isUptodate) return bh
    if (bh.hasFailedRead && !bh.isLocked) {
      bh.hasFailedRead = false
      brelse(bh)
      return EIO
    }
    const wasLocked = bh.isLocked
    const outcome = wasLocked ? 'locked' : submitBuffer(k, state, READ, bh, current)
    const asleep = outcome === 'no-slot' ? waitForSlot(current, READ, bh) : waitOnBuffer(current, bh)
    if (asleep === BLOCKED) {
      brelse(bh)
      return BLOCKED
    }
    brelse(bh)
    if (bh.isUptodate) continue
    if (!wasLocked && outcome !== 'no-slot') return EIO
  }
}

/** The buffer has been written to; `age` is for how long it may stay in memory. Linux: mark_buffer_dirty. */
export function markBufferDirty(k: KernelCore, bh: BufferHead, age: 'data' | 'super' = 'data'): void {
  const state = blockState(k)
  const { ageBuffer, ageSuper } = state.cache.tunables
  if (!markDirty(bh, k.state.now + (age === 'data' ? ageBuffer : ageSuper))) return
  armFlushTimer(k, state)
  if (hasTooManyDirty(state.cache)) wakeBdflush(k, state)
}

/**
 * Sets the size of a device's blocks: 512, 1024, 2048 or 4096 bytes; `bread` then counts in them. False where it is none of
 * these, or a block of the old size is dirty, on its way or held: sync before. Linux: set_blocksize.
 */
export const setBlockSize = (k: KernelCore, dev: DevT, size: number): boolean =>
  setCacheBlockSize(blockState(k).cache, dev, size)
