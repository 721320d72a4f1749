/**
 * The drivers: they take requests off their queues one at a time, and an interrupt says when one is done.
 *
 * Linux: do_rw_disk and its interrupt handler (drivers/block/ide-disk.c), end_request (include/linux/blk.h), unplug_device
 * and tq_disk (drivers/block/ll_rw_blk.c), 2.2.12. A RAM disk takes no time: its interrupt comes at once. Loop devices
 * leave their requests to a bottom half, see loop.ts.
 *
 * Where the power is gone, a request never ends, and whoever waits for it waits for ever. A drive that has been pulled
 * out fails all requests, as one does that no longer answers.
 */

import { type DevT, major, minor } from '../abi/brand.js'
import { markBh, raiseIrq, raiseIrqAfter } from '../kernel/context.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { Task } from '../kernel/task.js'
import { shouldFail } from '../sim/faults.js'
import type { BufferHead } from './buffer.js'
import { blockHooks, type UnplugReason } from './contributions.js'
import { seekAndRotate, transfer } from './disk.js'
import { finishRequest, startRequest, unplug } from './queue.js'
import { buffersOf, type Request, WRITE } from './request.js'
import { type BlockState, blockState, type Drive, LoopJob, nameOfDev } from './state.js'

/** The interrupt of a drive that has done its request; its data is the drive's index. */
export const DONE_IRQ = 'block.done'
/** The bottom half that goes on writing when there are slots again. */
export const FLUSH_BH = 'block.bdflush'
/** The bottom half of loop devices. */
export const LOOP_BH = 'block.loop'
/** The timer that lets plugged queues go. */
export const UNPLUG_TIMER = 'block.unplug'

/** A device number as messages have it: '03:01'. Linux: kdevname. */
export const kdevname = (dev: DevT): string =>
  `${major(dev).toString(16).padStart(2, '0')}:${minor(dev).toString(16).padStart(2, '0')}`

/** Begins with the next request of a drive that is idle. */
export function startDrive(k: KernelCore, state: BlockState, drive: Drive): void {
  if (drive.serving !== null) return
  const req = startRequest(drive.queue, blockHooks(k))
  if (req === null) return
  drive.serving = req
  const { stats, disk } = drive
  if (req.cmd === WRITE) {
    stats.writes++
    stats.writtenSectors += req.sectors
  } else {
    stats.reads++
    stats.readSectors += req.sectors
  }
  if (drive.loop !== null) {
    drive.job = new LoopJob(req)
    state.loopJobs++
    markBh(k, LOOP_BH, null)
    return
  }
  const before = disk.cylinder
  const ms = drive.isGone
    ? 0
    : seekAndRotate(disk, k.state.now, req.sector + startOf(drive, req), req.sectors)
  stats.busyMs += ms
  stats.seekCylinders += Math.abs(disk.cylinder - before)
  if (ms === 0) raiseIrq(k, DONE_IRQ, drive.index)
  else raiseIrqAfter(k, ms, DONE_IRQ, drive.index)
}

/** Where the unit of a request begins on its disk. */
const startOf = (drive: Drive, req: Request): number => drive.queue.units.get(minor(req.rdev))?.start ?? 0

/** The interrupt handler. Linux: ide_intr, rd_request, do_sd_request. */
export function onDone(k: KernelCore, index: unknown): void {
  const state = blockState(k)
  const drive = state.drives[index as number]
  const req = drive?.serving
  if (drive === undefined || req === undefined || req === null) return
  const fails = shouldFail(k, `io:${drive.name} ${req.cmd === WRITE ? 'write' : 'read'}`) || drive.isGone
  const failed = fails ? new Set(buffersOf(req)) : transfer(drive.disk, req, startOf(drive, req), k.epoch)
  if (failed !== null) endRequest(k, state, drive, req, failed)
}

/** A request is over: its buffers are free, and the drive begins with the next. Linux: end_request. */
export function endRequest(
  k: KernelCore,
  state: BlockState,
  drive: Drive,
  req: Request,
  failed: ReadonlySet<BufferHead>,
): void {
  for (const bh of failed)
    k.printk(
      `end_request: I/O error, dev ${kdevname(bh.rdev)} (${nameOfDev(drive, bh.rdev)}), sector ${bh.sector}`,
    )
  drive.stats.errors += failed.size
  drive.serving = null
  finishRequest(drive.queue, req, failed, blockHooks(k))
  if (state.flushLeft > 0 || state.hasOldLeft) markBh(k, FLUSH_BH, null)
  if (state.loopJobs > 0) markBh(k, LOOP_BH, null)
  startDrive(k, state, drive)
}

/** A queue has just been plugged: somebody lets it go soon. Linux: plug_device. */
export function notePlugged(k: KernelCore, state: BlockState, drive: Drive): void {
  if (state.plugged.includes(drive.index)) return
  state.plugged.push(drive.index)
  state.unplugTimer ??= k.addTimer(state.settings.unplugMs, UNPLUG_TIMER, null)
}

/** Lets all plugged queues go. Linux: run_task_queue(&tq_disk), unplug_device. */
export function unplugAll(k: KernelCore, state: BlockState, why: UnplugReason, by: Task | null): void {
  if (state.unplugTimer !== null) {
    k.state.timers.remove(state.unplugTimer)
    state.unplugTimer = null
  }
  for (let index = state.plugged.shift(); index !== undefined; index = state.plugged.shift()) {
    const drive = state.drives[index]
    if (drive === undefined) continue
    unplug(drive.queue, why, blockHooks(k), by)
    startDrive(k, state, drive)
  }
}

/** The timer of plugged queues. */
export function onUnplugTimer(k: KernelCore): void {
  const state = blockState(k)
  state.unplugTimer = null
  unplugAll(k, state, 'timer', null)
}
