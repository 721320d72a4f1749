/**
 * Requests: neighbouring buffers that go to a disk as one, and the slots that they take. Linux: struct request,
 * all_requests, include/linux/blkdev.h and drivers/block/ll_rw_blk.c (2.2.12).
 */

import type { DevT } from '../abi/brand.js'
import { WaitQueue, wakeUp } from '../kernel/wait.js'
import type { BufferHead } from './buffer.js'

/** From the disk. */
export const READ = 0
/** To the disk. */
export const WRITE = 1
/** As READ, ahead of what is wanted: dropped where there is no slot. */
export const READA = 2
/** As WRITE, before it is due: dropped where there is no slot. */
export const WRITEA = 3

/** Slots in all. Linux: NR_REQUEST. */
export const NR_REQUEST = 128

/** A request that waits for its disk, or is being served. */
export class Request {
  /** The device that was addressed. */
  readonly rdev: DevT
  /** The direction. */
  readonly cmd: typeof READ | typeof WRITE
  /** The first sector. */
  sector: number
  /** How many sectors. */
  sectors: number
  /** The first of its buffers, which are in the order of their sectors. */
  first: BufferHead
  /** The last of them. */
  last: BufferHead
  /** The one behind it in the queue. */
  next: Request | null = null
  /** How many requests that came later have been put before it. */
  passed = 0

  constructor(cmd: typeof READ | typeof WRITE, bh: BufferHead) {
    this.rdev = bh.rdev
    this.cmd = cmd
    this.sector = bh.sector
    this.sectors = bh.sectors
    this.first = bh
    this.last = bh
  }
}

/** The slots that all queues share. */
export class RequestPool {
  readonly size: number
  used = 0
  /** Who waits for a slot. Linux: wait_for_request. */
  readonly wait = new WaitQueue('a request slot')

  constructor(size: number = NR_REQUEST) {
    this.size = size
  }

  /** Is there a slot? Writes may have two thirds of them. */
  has(cmd: typeof READ | typeof WRITE): boolean {
    return this.used < (cmd === WRITE ? Math.floor((this.size * 2) / 3) : this.size)
  }

  /** Takes one. */
  take(): void {
    this.used++
  }

  /** Gives one back. */
  give(): void {
    this.used--
    wakeUp(this.wait)
  }
}

/** The buffers of a request, in order. */
export function buffersOf(req: Request): BufferHead[] {
  const list: BufferHead[] = []
  for (let bh: BufferHead | null = req.first; bh !== null; bh = bh.next) list.push(bh)
  return list
}

/** Puts a buffer behind the last one. */
export function appendBuffer(req: Request, bh: BufferHead): void {
  req.last.next = bh
  req.last = bh
  req.sectors += bh.sectors
}

/** Puts a buffer before the first one. */
export function prependBuffer(req: Request, bh: BufferHead): void {
  bh.next = req.first
  req.first = bh
  req.sector = bh.sector
  req.sectors += bh.sectors
}

/** Takes all buffers of the next request over, which is then no more. */
export function swallowNext(req: Request, next: Request): void {
  req.last.next = next.first
  req.last = next.last
  req.sectors += next.sectors
  req.next = next.next
}
