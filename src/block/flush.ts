/**
 * Write-back: what is dirty goes to the disk when it is old, when there is too much of it, and when somebody asks for it.
 *
 * Linux: bdflush, kupdate, sync_old_buffers, sync_buffers, fsync_dev, fs/buffer.c (2.2.12). bdflush and kupdate are kernel
 * threads there; here they are a bottom half and a timer, which go on where they ran out of slots when a request ends.
 *
 * Deviation: bdflush is woken when the dirty part of the most that the cache may be is above `nfract` per cent; 2.2 takes
 * the part of what the cache is.
 */

import type { DevT } from '../abi/brand.js'
import { BLOCKED, EIO } from '../abi/errno.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { Task } from '../kernel/task.js'
import type { BufferHead } from './buffer.js'
import { brelse, busyBuffers, hasTooManyDirty } from './cache.js'
import { unplugAll } from './driver.js'
import { armFlushTimer } from './flush_timer.js'
import { submitBuffer, waitForSlot, waitOnBuffer } from './io.js'
import { WRITE } from './request.js'
import { type BlockState, blockState } from './state.js'

/**
 * Starts writing dirty buffers, the oldest first: at most `most`, and none that is due after `until`. How many there may
 * still be: less than 0 where the slots ran out.
 */
function writeSome(k: KernelCore, state: BlockState, most: number, until: number): number {
  let left = most
  let bh = state.cache.lists.dirty.first
  while (bh !== null && left > 0 && bh.flushAt <= until) {
    const { behind }: BufferHead = bh
    if (!bh.isLocked) {
      if (submitBuffer(k, state, WRITE, bh, null) === 'no-slot') return -left
      left--
    }
    bh = behind
  }
  return left
}

/** Starts all that is due. What is not to be had now, for want of slots or because it is on its way, is left for later. */
function writeOld(k: KernelCore, state: BlockState): void {
  const { now } = k.state
  writeSome(k, state, Number.MAX_SAFE_INTEGER, now)
  const { first } = state.cache.lists.dirty
  state.hasOldLeft = first !== null && first.flushAt <= now
  armFlushTimer(k, state)
}

/** The bottom half: old buffers that found no slot, and what bdflush has been woken for. */
export function onBdflush(k: KernelCore): void {
  const state = blockState(k)
  if (state.hasOldLeft) writeOld(k, state)
  while (state.flushLeft > 0) {
    const left = writeSome(k, state, state.flushLeft, Number.POSITIVE_INFINITY)
    if (left < 0) {
      state.flushLeft = -left
      break
    }
    // All that there was has been started, or as much as goes at once: again while there is too much.
    const goesOn = left === 0 && hasTooManyDirty(state.cache)
    state.flushLeft = goesOn ? state.cache.tunables.ndirty : 0
  }
  unplugAll(k, state, 'wait', null)
}

/** The timer. Linux: sync_old_buffers. */
export function onFlushTimer(k: KernelCore): void {
  const state = blockState(k)
  state.flushTimer = null
  writeOld(k, state)
  unplugAll(k, state, 'wait', null)
}

/** Starts writing what is dirty of a device; what finds no slot waits until it is old. Linux: sync_dev. */
export function startWriting(k: KernelCore, dev: DevT): void {
  const state = blockState(k)
  if (state.cache.lists.dirty.count === 0) return
  for (const bh of busyBuffers(state.cache, dev))
    if (!bh.isLocked && bh.isDirty && submitBuffer(k, state, WRITE, bh, null) === 'no-slot') break
  unplugAll(k, state, 'wait', null)
}

/** A sync that sleeps: the buffers that it is about. It is what `current.restart` holds meanwhile. */
export class SyncTransfer {
  readonly dev: DevT | null
  buffers: BufferHead[]
  /** Those before this one have been started; have been waited for. */
  started = 0
  waited = 0
  /** How often it has begun anew, for buffers that others' became dirty by: loop devices. */
  rounds = 1
  /** Has the one that is waited for been started a second time? */
  isAgain = false

  constructor(dev: DevT | null, buffers: BufferHead[]) {
    this.dev = dev
    this.buffers = buffers
    for (const bh of buffers) bh.count++
  }
}

const MOST_ROUNDS = 3

/**
 * Writes what is dirty of a device, or of all, and sleeps until it has been written. 0; BLOCKED, which the caller returns;
 * EIO: a write of the device has
 * failed since the last time. Linux: fsync_dev, sync_buffers.
 */
export function syncDev(current: Task, dev: DevT | null): number {
  const { k, restart } = current
  // A call that sleeps for another device has done with this one.
  if (restart instanceof SyncTransfer && restart.dev !== dev) return 0
  const state = blockState(k)
  const sync =
    restart instanceof SyncTransfer ? restart : new SyncTransfer(dev, busyBuffers(state.cache, dev))
  for (;;) {
    if (carryOn(current, state, sync) === BLOCKED) {
      current.restart = sync
      return BLOCKED
    }
    for (const bh of sync.buffers) brelse(bh)
    sync.buffers = dev === null && sync.rounds < MOST_ROUNDS ? busyBuffers(state.cache, dev) : []
    if (sync.buffers.length === 0) break
    for (const bh of sync.buffers) bh.count++
    sync.rounds++
    sync.started = 0
    sync.waited = 0
  }
  current.restart = null
  return dev !== null && state.cache.lists.failed.delete(dev) ? EIO : 0
}

/** Starts all, then waits for all. */
function carryOn(current: Task, state: BlockState, sync: SyncTransfer): number {
  const { k } = current
  for (; sync.started < sync.buffers.length; sync.started++) {
    const bh = sync.buffers[sync.started]
    if (bh === undefined || bh.isLocked || !bh.isDirty) continue
    while (submitBuffer(k, state, WRITE, bh, current) === 'no-slot')
      if (waitForSlot(current, WRITE, bh) === BLOCKED) return BLOCKED
  }
  unplugAll(k, state, 'wait', current)
  for (; sync.waited < sync.buffers.length; sync.waited++) {
    const bh = sync.buffers[sync.waited]
    if (bh === undefined) continue
    if (waitOnBuffer(current, bh) === BLOCKED) return BLOCKED
    // It was on its way, with older bytes, when its turn came.
    while (bh.isDirty && !sync.isAgain) {
      if (submitBuffer(k, state, WRITE, bh, current) !== 'no-slot') sync.isAgain = true
      else if (waitForSlot(current, WRITE, bh) === BLOCKED) return BLOCKED
    }
    if (waitOnBuffer(current, bh) === BLOCKED) return BLOCKED
    sync.isAgain = false
  }
  return 0
}
