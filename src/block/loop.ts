/**
 * Loop devices: a block device over another. Linux: do_lo_request, lo_ioctl, drivers/block/loop.c (2.2.12).
 *
 * A request reads and writes blocks of the device below in the cache: what is written is dirty there when the request is
 * over, and goes to the disk later. Where a block has to be read first, the request waits for it.
 *
 * Left out: loops over files, which need a file system that knows the blocks of its files; encryption.
 */

import { type DevT, major } from '../abi/brand.js'
import { BLOCKED, EBADF, EBUSY, EINVAL, ENXIO, isErr } from '../abi/errno.js'
import { LOOP_CLR_FD, LOOP_SET_FD } from '../abi/ioctl.js'
import { S_ISBLK } from '../abi/stat.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { Task } from '../kernel/task.js'
import { copyBytes } from '../lib/bytes.js'
import { fget } from '../vfs/fdtable.js'
import type { IoctlArg } from '../vfs/ops.js'
import type { BufferHead } from './buffer.js'
import { blockSizeOf, brelse, getblk, invalidateBuffers } from './cache.js'
import { endRequest, unplugAll } from './driver.js'
import { syncDev } from './flush.js'
import { markBufferDirty, submitBuffer } from './io.js'
import { LOOP_MAJOR } from './options.js'
import { READ, WRITE } from './request.js'
import { SECTOR_SIZE } from './sparse.js'
import { type Addressed, type BlockState, blockState, type Drive, type LoopJob, unitAt } from './state.js'

/** Is it a loop device, bound or not? */
export const isLoop = (drive: Drive): boolean => major(drive.dev) === LOOP_MAJOR

/** The bottom half: goes on with what loop devices are at work on. */
export function onLoop(k: KernelCore): void {
  const state = blockState(k)
  for (const drive of state.drives) {
    const { loop } = drive
    while (loop !== null && drive.job !== null && carryOn(k, state, drive.job, loop)) {
      const { req, failed } = drive.job
      drive.job = null
      state.loopJobs--
      endRequest(k, state, drive, req, failed)
    }
  }
}

/** As far as it goes now. True: the request is over. */
function carryOn(k: KernelCore, state: BlockState, job: LoopJob, loop: DevT): boolean {
  const isWrite = job.req.cmd === WRITE
  while (job.bh !== null) {
    const { bh } = job
    const at = bh.sector * SECTOR_SIZE + job.done
    const size = blockSizeOf(state.cache, loop)
    const within = at % size
    const count = Math.min(size - within, bh.data.length - job.done)
    const below = job.below ?? getblk(state.cache, loop, Math.floor(at / size), true)
    // Not null: it has been made if need be.
    if (below === null) return false
    job.below = below
    if (!below.isUptodate && (!isWrite || count < size || below.isLocked)) {
      if (below.isLocked || !askFor(k, state, job, below)) return false
      if (!below.isUptodate) {
        fail(job, below, bh)
        continue
      }
    }
    if (isWrite) {
      copyBytes(bh.data, job.done, below.data, within, count)
      below.isUptodate = true
      markBufferDirty(k, below, 'super')
    } else copyBytes(below.data, within, bh.data, job.done, count)
    release(job, below)
    job.done += count
    if (job.done < bh.data.length) continue
    job.bh = bh.next
    job.done = 0
  }
  return true
}

/** Asks for a block once. False: it is on its way, or there is no slot; true: it has arrived, or failed. */
function askFor(k: KernelCore, state: BlockState, job: LoopJob, below: BufferHead): boolean {
  if (job.isAsked) return true
  if (submitBuffer(k, state, READ, below, null) === 'no-slot') return false
  job.isAsked = true
  unplugAll(k, state, 'wait', null)
  return !below.isLocked
}

function release(job: LoopJob, below: BufferHead): void {
  brelse(below)
  job.below = null
  job.isAsked = false
}

/** The buffer cannot be had: on with the next. */
function fail(job: LoopJob, below: BufferHead, bh: BufferHead): void {
  release(job, below)
  job.failed.add(bh)
  job.bh = bh.next
  job.done = 0
}

/** The requests of loop devices; null: it is none of them. Linux: lo_ioctl. */
export function loopIoctl(current: Task, at: Addressed, cmd: number, arg: IoctlArg): number | null {
  if (cmd === LOOP_SET_FD) return setFd(current, at, arg)
  return cmd === LOOP_CLR_FD ? clearFd(current, at) : null
}

/**
 * Makes it a loop over the block device that is open on a descriptor. Errors: EBUSY it is one already; EBADF; EINVAL no
 * block device, or one that leads back here. Linux: loop_set_fd.
 */
function setFd(current: Task, { drive, unit }: Addressed, arg: IoctlArg): number {
  if (drive.loop !== null) return EBUSY
  const file = typeof arg === 'number' ? fget(current, arg) : EBADF
  if (isErr(file)) return file
  const { mode, rdev } = file.inode
  const state = blockState(current.k)
  const below = S_ISBLK(mode) ? unitAt(state, rdev) : null
  if (below === null || leadsTo(state, below, drive)) return EINVAL
  drive.loop = rdev
  unit.sectors = below.unit.sectors
  unit.isReadOnly = below.unit.isReadOnly
  below.unit.openers++
  return 0
}

function leadsTo(state: BlockState, at: Addressed, drive: Drive): boolean {
  let here: Addressed | null = at
  while (here !== null) {
    if (here.drive === drive) return true
    here = here.drive.loop === null ? null : unitAt(state, here.drive.loop)
  }
  return false
}

/** Lets go of the device below, when all that is dirty has got there. Errors: ENXIO; EBUSY others have it open. */
function clearFd(current: Task, { drive, unit }: Addressed): number {
  const { loop } = drive
  if (loop === null) return ENXIO
  if (unit.openers > 1) return EBUSY
  if (syncDev(current, drive.dev) === BLOCKED) return BLOCKED
  const state = blockState(current.k)
  invalidateBuffers(state.cache, drive.dev)
  drive.loop = null
  unit.sectors = 0
  unit.isReadOnly = false
  const below = unitAt(state, loop)
  if (below !== null) below.unit.openers--
  return 0
}
