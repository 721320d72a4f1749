/**
 * Buffers: blocks of a device in memory, on their way between a program and a disk. Linux: struct buffer_head,
 * include/linux/fs.h (2.2.12).
 *
 * A buffer of the cache is on one of its three lists, by what it is: dirty, else locked, else clean. One that is made by
 * hand is on none.
 */

import type { DevT } from '../abi/brand.js'
import { WaitQueue, wakeUp } from '../kernel/wait.js'
import { SECTOR_SIZE } from './sparse.js'

/** A list of buffers, in the order in which they came. Linux: lru_list. */
export class BufferList {
  /** The one that came first. */
  first: BufferHead | null = null
  /** The one that came last. */
  last: BufferHead | null = null
  /** How many there are, and how many bytes. */
  count = 0
  bytes = 0
}

/** The lists of a cache, and who waits until something can be taken off them. */
export class BufferLists {
  /** Linux: BUF_CLEAN, BUF_LOCKED, BUF_DIRTY. */
  readonly clean = new BufferList()
  readonly locked = new BufferList()
  readonly dirty = new BufferList()
  /** Who needs memory. Linux: buffer_wait. */
  readonly wait = new WaitQueue('buffer memory')
  /** Devices of which a write has failed since somebody was told. */
  readonly failed = new Set<DevT>()
}

/** What a cache keeps of a device. */
export interface DeviceCount {
  /** How many of its buffers are dirty or on their way. */
  busy: number
}

/** A block of a device in memory. */
export class BufferHead {
  /** The device of which it is a block. Linux: b_dev. */
  readonly dev: DevT
  /** Which block: counted in blocks of its own size. Linux: b_blocknr. */
  readonly block: number
  /** The device that the request goes to: after remapping by md. Linux: b_rdev. */
  rdev: DevT
  /** The first sector on it. Linux: b_rsector. */
  sector: number
  /** The bytes: a multiple of 512. */
  readonly data: Uint8Array
  /** Who holds it: it stays in the cache for as long. Linux: b_count. */
  count = 0
  /** Does it hold what the disk does, or newer? Linux: BH_Uptodate. */
  isUptodate = false
  /** Is it newer than the disk? Linux: BH_Dirty. */
  isDirty = false
  /** Is it on its way? Linux: BH_Lock. */
  isLocked = false
  /** Has the last write of it failed? */
  hasFailed = false
  /** Has a read of it failed that somebody waits for? */
  hasFailedRead = false
  /** When a dirty one is due to be written, in milliseconds since boot. Linux: b_flushtime. */
  flushAt = 0
  /** The next buffer of its request. Linux: b_reqnext. */
  next: BufferHead | null = null
  /** Who waits for it; null: nobody has yet. Linux: b_wait. */
  wait: WaitQueue | null = null
  /** @internal The lists of its cache; null: it is in none. */
  lists: BufferLists | null = null
  /** @internal The count of its device there. */
  device: DeviceCount | null = null
  /** @internal Where it is on them. */
  list: BufferList | null = null
  /** @internal */
  before: BufferHead | null = null
  /** @internal */
  behind: BufferHead | null = null

  constructor(rdev: DevT, sector: number, data: Uint8Array, dev: DevT = rdev, block = -1) {
    this.rdev = rdev
    this.sector = sector
    this.data = data
    this.dev = dev
    this.block = block < 0 ? Math.floor((sector * SECTOR_SIZE) / data.length) : block
  }

  /** Its length in sectors. */
  get sectors(): number {
    return this.data.length / SECTOR_SIZE
  }
}

/** Where somebody sleeps until it is unlocked. */
export function waitQueueOf(bh: BufferHead): WaitQueue {
  bh.wait ??= new WaitQueue(`buffer ${bh.block} of device ${bh.dev}`)
  return bh.wait
}

function unlist(bh: BufferHead, list: BufferList): void {
  if (bh.before === null) list.first = bh.behind
  else bh.before.behind = bh.behind
  if (bh.behind === null) list.last = bh.before
  else bh.behind.before = bh.before
  bh.before = null
  bh.behind = null
  bh.list = null
  if (bh.device !== null && list !== bh.lists?.clean) bh.device.busy--
  list.count--
  list.bytes -= bh.data.length
}

function enlist(bh: BufferHead, list: BufferList): void {
  bh.list = list
  bh.before = list.last
  if (list.last === null) list.first = bh
  else list.last.behind = bh
  list.last = bh
  if (bh.device !== null && list !== bh.lists?.clean) bh.device.busy++
  list.count++
  list.bytes += bh.data.length
}

/** Puts a buffer on the list that it belongs to by now. Linux: refile_buffer. */
export function refile(bh: BufferHead): void {
  const { lists, list } = bh
  if (lists === null) return
  const wanted = bh.isDirty ? lists.dirty : bh.isLocked ? lists.locked : lists.clean
  if (list === wanted) return
  if (list !== null) unlist(bh, list)
  enlist(bh, wanted)
}

/** A clean one is used: it is the last to be given up. Linux: touch_buffer. */
export function touch(bh: BufferHead): void {
  const { lists, list } = bh
  if (lists === null || list !== lists.clean || list.last === bh) return
  unlist(bh, list)
  enlist(bh, list)
}

/** Takes a buffer out of the lists of its cache. Linux: remove_from_queues. */
export function forget(bh: BufferHead): void {
  if (bh.list !== null) unlist(bh, bh.list)
  bh.lists = null
  bh.device = null
}

/** It is on its way: nobody else may start it. A write takes the dirty bit along. Linux: lock_buffer. */
export function lockBuffer(bh: BufferHead, isWrite: boolean): void {
  bh.isLocked = true
  if (isWrite) bh.isDirty = false
  refile(bh)
}

/**
 * It has arrived, or failed: then it holds nothing that counts, unless it has been written to meanwhile. Linux:
 * end_buffer_io_sync, mark_buffer_uptodate, unlock_buffer.
 */
export function endBufferIo(bh: BufferHead, isUptodate: boolean, isWrite = false): void {
  bh.isUptodate = isUptodate || bh.isDirty
  bh.isLocked = false
  if (!isUptodate && isWrite) {
    bh.hasFailed = true
    bh.lists?.failed.add(bh.dev)
  }
  bh.hasFailedRead = !isUptodate && !isWrite && bh.wait !== null && bh.wait.head !== null
  bh.next = null
  refile(bh)
  if (bh.wait !== null) wakeUp(bh.wait)
  if (bh.lists !== null && bh.lists.wait.head !== null) wakeUp(bh.lists.wait)
}

/** A write that the device would not have: the change is lost. Linux: the sorry path of ll_rw_block. */
export function refuseBuffer(bh: BufferHead): void {
  bh.isDirty = false
  bh.isUptodate = false
}
