/**
 * The buffer cache: blocks of devices in memory, found by device and number.
 *
 * Linux: getblk, brelse, mark_buffer_dirty, invalidate_buffers, set_blocksize, fs/buffer.c (2.2.12). A device has blocks
 * of one size at a time, 1 KiB unless a file system wants otherwise.
 *
 * Memory is bounded: a buffer that is clean and that nobody holds is given up, the one longest unused first, before
 * another is made. What is dirty has to be written before that. Where all are held there is one more.
 */

import type { DevT } from '../abi/brand.js'
import { wakeUp } from '../kernel/wait.js'
import { BufferHead, BufferLists, forget, refile, touch } from './buffer.js'
import { SECTOR_SIZE } from './sparse.js'

/** Bytes of a block, unless somebody sets another size. Linux: BLOCK_SIZE. */
export const BLOCK_SIZE = 1024

/** The blocks of one device. */
class DeviceBuffers {
  readonly dev: DevT
  size = BLOCK_SIZE
  busy = 0
  readonly blocks = new Map<number, BufferHead>()

  constructor(dev: DevT) {
    this.dev = dev
  }
}

/** The tunables of write-back, times in milliseconds. Linux: bdf_prm. */
export interface FlushTunables {
  /** Per cent of the cache that may be dirty before bdflush writes some. */
  nfract: number
  /** The most that bdflush writes at once. */
  ndirty: number
  /** Milliseconds from one look at old buffers to the next. */
  interval: number
  /** How old the data of a file may become in memory. */
  ageBuffer: number
  /** How old a super block may become. */
  ageSuper: number
}

/** Linux: bdf_prm, fs/buffer.c (2.2.12), with HZ 100. */
export const FLUSH_DEFAULTS: FlushTunables = Object.freeze({
  nfract: 40,
  ndirty: 500,
  interval: 5000,
  ageBuffer: 30_000,
  ageSuper: 5000,
})

/** The cache of one kernel. */
export class BufferCache {
  /** The most bytes of buffers. */
  readonly memory: number
  readonly tunables: FlushTunables
  readonly lists = new BufferLists()
  /** @internal */
  readonly devices = new Map<DevT, DeviceBuffers>()
  /** Bytes of all buffers. */
  bytes = 0
  /** Buffers found, made, given up. */
  hits = 0
  misses = 0
  reclaimed = 0

  constructor(memory: number, tunables: FlushTunables) {
    this.memory = memory
    this.tunables = { ...tunables }
  }
}

function buffersOfDevice(cache: BufferCache, dev: DevT): DeviceBuffers {
  const known = cache.devices.get(dev)
  if (known !== undefined) return known
  const made = new DeviceBuffers(dev)
  cache.devices.set(dev, made)
  return made
}

/** Bytes of a block of a device. Linux: blksize_size. */
export const blockSizeOf = (cache: BufferCache, dev: DevT): number =>
  cache.devices.get(dev)?.size ?? BLOCK_SIZE

/** The buffer of a block where it is in memory. It is not held. Linux: find_buffer. */
export const findBuffer = (cache: BufferCache, dev: DevT, block: number): BufferHead | null =>
  cache.devices.get(dev)?.blocks.get(block) ?? null

/**
 * The buffer of a block, held by the caller: `brelse` gives it back. It may hold nothing yet. Null: there is no memory
 * until a buffer has been written; `force` makes one nevertheless. Linux: getblk.
 */
export function getblk(cache: BufferCache, dev: DevT, block: number, force = false): BufferHead | null {
  const device = buffersOfDevice(cache, dev)
  const known = device.blocks.get(block)
  if (known !== undefined) {
    cache.hits++
    known.count++
    touch(known)
    return known
  }
  if (!reclaim(cache, device.size) && !force) return null
  const bh = new BufferHead(dev, (block * device.size) / SECTOR_SIZE, new Uint8Array(device.size), dev, block)
  cache.misses++
  cache.bytes += device.size
  device.blocks.set(block, bh)
  bh.lists = cache.lists
  bh.device = device
  refile(bh)
  bh.count++
  return bh
}

/** Gives a hold on a buffer back. Linux: brelse. */
export function brelse(bh: BufferHead): void {
  bh.count--
  const { lists } = bh
  if (bh.count === 0 && lists !== null && lists.wait.head !== null) wakeUp(lists.wait)
}

/** Makes room for so many bytes. False: something has to be written, or to arrive, before. */
function reclaim(cache: BufferCache, wanted: number): boolean {
  const { lists, memory } = cache
  for (let tries = lists.clean.count; cache.bytes + wanted > memory && tries > 0; tries--) {
    const bh = lists.clean.first
    if (bh === null) break
    if (bh.count > 0) {
      // Held: it gets to the end, so that nobody looks at it again soon.
      touch(bh)
      continue
    }
    drop(cache, bh)
    cache.reclaimed++
  }
  return cache.bytes + wanted <= memory || (lists.dirty.count === 0 && lists.locked.count === 0)
}

/** Takes a buffer out of the cache. */
function drop(cache: BufferCache, bh: BufferHead): void {
  cache.devices.get(bh.dev)?.blocks.delete(bh.block)
  cache.bytes -= bh.data.length
  forget(bh)
}

/**
 * The buffer has been written to: it goes to the disk when it is old enough. `due`: the moment, in milliseconds since
 * boot; a dirty one that is due earlier stays so. Returns false where it was dirty already. Linux: mark_buffer_dirty,
 * set_writetime.
 */
export function markDirty(bh: BufferHead, due: number): boolean {
  if (bh.isDirty) {
    bh.flushAt = Math.min(bh.flushAt, due)
    return false
  }
  bh.isDirty = true
  bh.flushAt = due
  refile(bh)
  return true
}

/** Is more of the cache dirty than bdflush likes? Linux: too_many, refile_buffer. */
export function hasTooManyDirty({ lists, memory, tunables }: BufferCache): boolean {
  return lists.dirty.bytes * 100 > memory * tunables.nfract
}

/** Forgets what is known of a device and is neither dirty, on its way nor held. Linux: invalidate_buffers. */
export function invalidateBuffers(cache: BufferCache, dev: DevT): void {
  const device = cache.devices.get(dev)
  if (device === undefined) return
  for (const bh of [...device.blocks.values()])
    if (!bh.isDirty && !bh.isLocked && bh.count === 0) drop(cache, bh)
}

/**
 * Sets the size of a device's blocks: a power of two from 512 to 4096. False where it is none, or a block of the old
 * size is dirty, on its way or held. Linux: set_blocksize.
 */
export function setCacheBlockSize(cache: BufferCache, dev: DevT, size: number): boolean {
  if (![512, 1024, 2048, 4096].includes(size)) return false
  const device = buffersOfDevice(cache, dev)
  if (device.size === size) return true
  invalidateBuffers(cache, dev)
  if (device.blocks.size > 0) return false
  device.size = size
  return true
}

/** The buffers of a device, or of all, that are dirty or on their way. */
export function busyBuffers({ lists, devices }: BufferCache, dev: DevT | null): BufferHead[] {
  const found: BufferHead[] = []
  const most = dev === null ? Number.POSITIVE_INFINITY : (devices.get(dev)?.busy ?? 0)
  for (const list of [lists.dirty, lists.locked])
    for (let bh = list.first; bh !== null && found.length < most; bh = bh.behind)
      if (dev === null || bh.dev === dev) found.push(bh)
  return found
}
