/**
 * A disk: its platter, how long it takes to get there, and what can go wrong on the way.
 *
 * Time is a model of the era's drives: an overhead, a seek that grows with the square root of the distance in cylinders,
 * the wait until the sector comes round (the angle follows from virtual time), and the transfer at the speed of the
 * rotation. A RAM disk takes no time.
 *
 * What goes wrong is data, set before a run, by the number of the request, counted from 1: a write that is lost though the
 * disk says it is done; one of which only the first sectors reach the platter; the power, which goes with a request, and
 * with it all that come after. Bad sectors fail each buffer that has one.
 *
 * Left out: zones, head switches and skew, the drive's own cache.
 */

import type { BufferHead } from './buffer.js'
import { buffersOf, type Request, WRITE } from './request.js'
import { SECTOR_SIZE, SparseStore } from './sparse.js'

/** How a drive is built. */
export interface Mechanics {
  /** Sectors of a cylinder. */
  readonly sectorsPerCylinder: number
  /** Sectors of a track. */
  readonly sectorsPerTrack: number
  /** Turns in a minute. */
  readonly rpm: number
  /** Milliseconds of a seek to the next cylinder. */
  readonly trackSeekMs: number
  /** Milliseconds of a seek across the whole disk. */
  readonly fullSeekMs: number
  /** Milliseconds that each request takes the controller. */
  readonly overheadMs: number
}

/** An IDE drive of 1999: 5400 rpm, 16 heads, 63 sectors a track. */
export const IDE_1999: Mechanics = Object.freeze({
  sectorsPerCylinder: 16 * 63,
  sectorsPerTrack: 63,
  rpm: 5400,
  trackSeekMs: 2,
  fullSeekMs: 18,
  overheadMs: 0.5,
})

/** What will go wrong. Requests are counted from 1. */
export class DiskFaults {
  /** Sectors that can be neither read nor written. */
  readonly badSectors = new Set<number>()
  /** Writes that never reach the platter, though they are reported done. */
  readonly lostWrites = new Set<number>()
  /** Writes of which only so many sectors reach it, though they are reported done. */
  readonly tornWrites = new Map<number, number>()
  /** The power goes during this request; 0: never. */
  cutAt = 0
  /** How many sectors of it, if it is a write, have reached the platter by then. */
  cutSectors = 0
}

/** A disk as it spins. */
export class Disk {
  store: SparseStore
  /** Null: a RAM disk. */
  readonly mechanics: Mechanics | null
  readonly faults = new DiskFaults()
  /** Where the head is. */
  cylinder = 0
  /** Requests that it has begun. */
  served = 0
  /** Has it power? */
  isOn = true

  /** `sectors` from 0 to 2^32; `epoch` is that of the kernel that makes it. */
  constructor(sectors: number, mechanics: Mechanics | null, epoch: number) {
    this.store = new SparseStore(sectors, epoch)
    this.mechanics = mechanics
  }
}

/**
 * Milliseconds that a request takes from `now` on, and the head moves there. `start` is the first sector on the disk,
 * which is not the request's own where that is a partition's.
 */
export function seekAndRotate(disk: Disk, now: number, start: number, sectors: number): number {
  const { mechanics } = disk
  if (mechanics === null) return 0
  const { sectorsPerCylinder, sectorsPerTrack, rpm, overheadMs } = mechanics
  const target = Math.floor(start / sectorsPerCylinder)
  const seek = seekMs(mechanics, Math.abs(target - disk.cylinder), disk.store.sectors)
  const turn = 60_000 / rpm
  const there = now + overheadMs + seek
  const angle = (there / turn) % 1
  const wanted = (start % sectorsPerTrack) / sectorsPerTrack
  const wait = (wanted - angle + 1) % 1
  disk.cylinder = Math.floor((start + Math.max(sectors - 1, 0)) / sectorsPerCylinder)
  return overheadMs + seek + (wait + sectors / sectorsPerTrack) * turn
}

/** a + b * sqrt(distance), such that both ends are as the data sheet says. */
function seekMs(mechanics: Mechanics, distance: number, sectors: number): number {
  if (distance === 0) return 0
  const { trackSeekMs, fullSeekMs, sectorsPerCylinder } = mechanics
  const most = Math.max(Math.floor(Math.max(sectors - 1, 0) / sectorsPerCylinder), 1)
  if (most === 1) return trackSeekMs
  return trackSeekMs + ((fullSeekMs - trackSeekMs) * (Math.sqrt(distance) - 1)) / (Math.sqrt(most) - 1)
}

/**
 * Moves a request's bytes between its buffers and the platter; `offset` is where the unit begins on the disk, `epoch` that
 * of the kernel. The buffers that have failed; null: the power is gone, and nobody hears of the request any more.
 */
export function transfer(
  disk: Disk,
  req: Request,
  offset: number,
  epoch: number,
): ReadonlySet<BufferHead> | null {
  if (!disk.isOn) return null
  const { faults } = disk
  const n = ++disk.served
  disk.store = disk.store.writable(epoch)
  const failed = new Set<BufferHead>()
  if (n === faults.cutAt) {
    disk.isOn = false
    if (req.cmd === WRITE) writeSome(disk, req, offset, faults.cutSectors, failed)
    return null
  }
  if (req.cmd !== WRITE) {
    for (const bh of buffersOf(req)) readBuffer(disk, bh, offset, failed)
    return failed
  }
  const most = faults.lostWrites.has(n) ? 0 : (faults.tornWrites.get(n) ?? req.sectors)
  writeSome(disk, req, offset, most, failed)
  return failed
}

function isBad({ store, faults }: Disk, sector: number, count: number): boolean {
  if (sector + count > store.sectors) return true
  if (faults.badSectors.size === 0) return false
  for (let at = sector; at < sector + count; at++) if (faults.badSectors.has(at)) return true
  return false
}

function readBuffer(disk: Disk, bh: BufferHead, offset: number, failed: Set<BufferHead>): void {
  if (isBad(disk, bh.sector + offset, bh.sectors)) failed.add(bh)
  else disk.store.read(bh.sector + offset, bh.sectors, bh.data)
}

/** The first `most` sectors of a write. */
function writeSome(disk: Disk, req: Request, offset: number, most: number, failed: Set<BufferHead>): void {
  let left = most
  for (const bh of buffersOf(req)) {
    if (isBad(disk, bh.sector + offset, bh.sectors)) {
      failed.add(bh)
      continue
    }
    const count = Math.min(left, bh.sectors)
    if (count > 0) disk.store.write(bh.sector + offset, count, bh.data.subarray(0, count * SECTOR_SIZE))
    left -= count
  }
}
