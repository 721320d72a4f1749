/**
 * Buffers: blocks of a device in memory, on their way between a program and a disk. Linux: struct buffer_head,
 * include/linux/fs.h (2.2.12).
 */

import type { DevT } from '../abi/brand.js'
import { WaitQueue, wakeUp } from '../kernel/wait.js'
import { SECTOR_SIZE } from './sparse.js'

/** A block of a device in memory. */
export class BufferHead {
  /** The device and the first sector that the request goes to: after remapping by md. Linux: b_rdev, b_rsector. */
  readonly rdev: DevT
  readonly sector: number
  /** The bytes: a multiple of 512. */
  readonly data: Uint8Array
  /** Does it hold what the disk does, or newer? Linux: BH_Uptodate. */
  isUptodate = false
  /** Is it newer than the disk? Linux: BH_Dirty. */
  isDirty = false
  /** Is it on its way? Linux: BH_Lock. */
  isLocked = false
  /** The next buffer of its request. Linux: b_reqnext. */
  next: BufferHead | null = null
  /** Who waits for it. */
  readonly wait: WaitQueue

  constructor(rdev: DevT, sector: number, data: Uint8Array) {
    this.rdev = rdev
    this.sector = sector
    this.data = data
    this.wait = new WaitQueue(`buffer ${rdev}:${sector}`)
  }

  /** Its length in sectors. */
  get sectors(): number {
    return this.data.length / SECTOR_SIZE
  }
}

/** It is on its way: nobody else may start it. A write takes the dirty bit along. Linux: lock_buffer. */
export function lockBuffer(bh: BufferHead, isWrite: boolean): void {
  bh.isLocked = true
  if (isWrite) bh.isDirty = false
}

/**
 * It has arrived, or failed: then it holds nothing that counts. Linux: end_buffer_io_sync, mark_buffer_uptodate,
 * unlock_buffer.
 */
export function endBufferIo(bh: BufferHead, isUptodate: boolean): void {
  bh.isUptodate = isUptodate
  bh.isLocked = false
  bh.next = null
  wakeUp(bh.wait)
}

/** A write that the device would not have: the change is lost. Linux: the sorry path of ll_rw_block. */
export function refuseBuffer(bh: BufferHead): void {
  bh.isDirty = false
  bh.isUptodate = false
}
