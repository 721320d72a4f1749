/**
 * The content of a regular file in memory: sparse, growing cheaply at any size, shared between copies of a
 * kernel until one of them writes. Linux: the page cache of an inode (struct address_space), by idea only.
 *
 * Bytes live in chunks of up to 64 KiB; a chunk is missing (a hole) or as long as was needed, growing by
 * doubling. The first chunk, all that most files have, is in the store itself; those of the first GiB are in an
 * array, later ones, which only sparse files have, in a map. A chunk's mask knows which of its 4 KiB pages have been
 * written: that is what st_blocks and a size limit count.
 *
 * A store and each of its chunks belong to the copy of the kernel whose epoch made them; all others copy first what
 * they change.
 */

import { copyBytes } from '../lib/bytes.js'
import type { Cloner } from '../lib/graph.js'
import type { StateHasher } from '../lib/graph_digest.js'

const CHUNK_SHIFT = 16
const CHUNK = 1 << CHUNK_SHIFT
const PAGE_SHIFT = 12
const PAGE = 1 << PAGE_SHIFT
/** Chunks from this one on are in the map. */
const NEAR = 1 << 14
/** Bytes whose chunks are near. */
const NEAR_BYTES = NEAR * CHUNK
/** A chunk starts no smaller than this. */
const SMALLEST = 64
/** A file that is written from its beginning to its end gets memory by so many chunks at once from chunk 4 on. */
const EXTENT = 16
const FIRST_EXTENT = 4

/** Pages first to last of a chunk, as bits. */
const pageBits = (start: number, end: number): number => {
  const first = start >> PAGE_SHIFT
  const last = (end - 1) >> PAGE_SHIFT
  return ((2 << last) - 1) & ~((1 << first) - 1)
}

/** The chunk that a byte is in. */
const indexOf = (pos: number): number => (pos < NEAR_BYTES ? pos >> CHUNK_SHIFT : Math.floor(pos / CHUNK))

function countBits(bits: number): number {
  let n = bits - ((bits >> 1) & 0x5555)
  n = (n & 0x3333) + ((n >> 2) & 0x3333)
  n = (n + (n >> 4)) & 0x0f0f
  return (n + (n >> 8)) & 0x1f
}

/** Memory that small chunks are cut from, as a buffer of its own costs more than a page's content. */
const SLAB = 32 << 10
const SLAB_SMALLEST = 1024
const slab = { bytes: new Uint8Array(0) }

/**
 * Pages, and whole chunks, of files that are gone, at most 4 and 64 MiB of them: memory that is new to the process, made
 * and cleared and collected again, is most of what a file costs, and a kernel does not give its page frames back either.
 * Constants, as no run depends on what they hold.
 */
const FREE_PAGES: Uint8Array[] = []
const MOST_PAGES = 1024
const FREE_CHUNKS: Uint8Array[] = []
const MOST_CHUNKS = 1024

/** Takes back what nobody else has. */
function recycle(bytes: Uint8Array): void {
  if (bytes.length === PAGE && FREE_PAGES.length < MOST_PAGES) FREE_PAGES.push(bytes)
  else if (bytes.length === CHUNK && FREE_CHUNKS.length < MOST_CHUNKS) FREE_CHUNKS.push(bytes)
}

/** `size` bytes of zeros. */
function newBytes(size: number): Uint8Array {
  if (size < SLAB_SMALLEST || size > PAGE) return new Uint8Array(size)
  const used = size === PAGE ? FREE_PAGES.pop() : undefined
  if (used !== undefined) return used.fill(0)
  if (slab.bytes.length < size) slab.bytes = new Uint8Array(SLAB)
  const bytes = slab.bytes.subarray(0, size)
  slab.bytes = slab.bytes.subarray(size)
  return bytes
}

/** 64 KiB of a file. */
export class Chunk {
  /** The bytes; what is missing at the end is zeros. Null: all of it is. */
  bytes: Uint8Array | null = null
  /** Which pages have been written, as bits. */
  mask = 0
  /** The epoch of the kernel that may write to `bytes`. */
  owner = 0
}

/** A file's content. It is its own first chunk. */
export class PageStore extends Chunk {
  /** The epoch of the kernel that may change this object. */
  epoch: number
  /** Chunks 1 … of the first GiB, by index; null while there are none. */
  near: (Chunk | null)[] | null = null
  /** Later ones, by index; null while there are none. */
  far: Map<number, Chunk> | null = null
  /** Memory for the next chunks of a file that grows. */
  extent: Uint8Array | null = null
  /** 4 KiB pages that have been written. */
  pages = 0

  constructor(epoch: number) {
    super()
    this.epoch = epoch
  }

  /** This store where the kernel with that epoch may change it, else a copy that shares all chunks. */
  writable(epoch: number): PageStore {
    if (this.epoch === epoch) return this
    const copy = new PageStore(epoch)
    copy.bytes = this.bytes
    copy.mask = this.mask
    copy.owner = this.owner
    copy.near = this.near === null ? null : this.near.slice()
    copy.far = this.far === null ? null : new Map(this.far)
    copy.pages = this.pages
    return copy
  }

  /** How many pages a write of these bytes would add. */
  pagesNeeded(pos: number, count: number): number {
    let needed = 0
    for (let at = pos; at < pos + count; ) {
      const index = Math.floor(at / CHUNK)
      const start = at - index * CHUNK
      const end = Math.min(CHUNK, start + pos + count - at)
      needed += countBits(pageBits(start, end) & ~(this.chunkAt(index)?.mask ?? 0))
      at += end - start
    }
    return needed
  }

  /** Which pages of which chunk have been written, as bits; chunks ascending. */
  writtenPages(): readonly (readonly [chunk: number, mask: number])[] {
    return this.indices().map((index) => [index, this.chunkAt(index)?.mask ?? 0] as const)
  }

  /** Copies bytes out; holes are zeros. The caller has cut `count` to the file's size. */
  read(pos: number, buf: Uint8Array, count: number): void {
    for (let done = 0; done < count; ) {
      const at = pos + done
      const index = indexOf(at)
      const start = at - index * CHUNK
      const wanted = Math.min(CHUNK - start, count - done)
      const bytes = this.bytesAt(index)
      const there = bytes === null ? 0 : Math.max(0, Math.min(wanted, bytes.length - start))
      if (bytes !== null && there > 0) copyBytes(bytes, start, buf, done, there)
      if (there < wanted) buf.fill(0, done + there, done + wanted)
      done += wanted
    }
  }

  /** Copies bytes in, making pages as needed. Preconditions: the store is `writable`. */
  write(pos: number, data: Uint8Array, count: number): void {
    for (let done = 0; done < count; ) {
      const at = pos + done
      const index = indexOf(at)
      const start = at - index * CHUNK
      const end = Math.min(CHUNK, start + count - done)
      const chunk = this.writableChunk(index, start, end)
      copyBytes(data, done, chunk.bytes as Uint8Array, start, end - start)
      const bits = pageBits(start, end) & ~chunk.mask
      if (bits !== 0) {
        chunk.mask |= bits
        this.pages += countBits(bits)
      }
      done += end - start
    }
  }

  /** Cuts the content to `size` > 0 bytes: pages behind it go, the rest of the last page is zeros. */
  truncate(size: number): void {
    const last = Math.ceil(size / CHUNK) - 1
    for (const index of this.indices().reverse()) if (index > last) this.drop(index)
    const old = this.chunkAt(last)
    if (old === null || old.bytes === null) return
    const end = size - last * CHUNK
    const stays = old.mask & pageBits(0, end)
    this.pages -= countBits(old.mask) - countBits(stays)
    const chunk = this.ownChunk(last, old)
    chunk.mask = stays
    if (old.bytes.length <= end) return
    if (chunk.owner === this.epoch) old.bytes.fill(0, end)
    else this.give(chunk, old.bytes.slice(0, end))
  }

  /** The file is gone: memory that the kernel with that epoch alone has is there for others. */
  release(epoch: number): void {
    if (this.epoch !== epoch) return
    for (const index of this.indices()) {
      const chunk = this.chunkAt(index)
      if (chunk !== null && chunk.bytes !== null && chunk.owner === epoch) recycle(chunk.bytes)
    }
  }

  /** Shared by copies of the kernel: each copies what it changes. */
  cloneState(_cloner: Cloner): PageStore {
    return this
  }

  /** What counts is the content, not who holds which chunk at what length. */
  digestState(hasher: StateHasher): void {
    hasher.value(this.pages)
    for (const index of this.indices()) {
      const chunk = this.chunkAt(index)
      const bytes = chunk?.bytes ?? null
      if (chunk === null || bytes === null) continue
      let end = bytes.length
      while (end > 0 && bytes[end - 1] === 0) end--
      hasher.value(index)
      hasher.value(chunk.mask)
      hasher.bytes(bytes.subarray(0, end))
    }
  }

  /** Where there may be chunks, ascending. */
  private indices(): number[] {
    const list = [0]
    for (let index = 1; index < (this.near?.length ?? 0); index++) list.push(index)
    return this.far === null ? list : [...list, ...[...this.far.keys()].sort((a, b) => a - b)]
  }

  private chunkAt(index: number): Chunk | null {
    if (index === 0) return this
    return (index < NEAR ? this.near?.[index] : this.far?.get(index)) ?? null
  }

  private bytesAt(index: number): Uint8Array | null {
    if (index === 0) return this.bytes
    if (index >= NEAR) return this.far?.get(index)?.bytes ?? null
    const { near } = this
    return near === null || index >= near.length ? null : (near[index]?.bytes ?? null)
  }

  private put(index: number, chunk: Chunk): void {
    if (index >= NEAR) {
      if (this.far === null) this.far = new Map()
      this.far.set(index, chunk)
      return
    }
    if (this.near === null) this.near = [null]
    while (this.near.length < index) this.near.push(null)
    this.near[index] = chunk
  }

  /** Preconditions: no chunk is behind it. */
  private drop(index: number): void {
    const chunk = this.chunkAt(index)
    if (chunk !== null) {
      this.pages -= countBits(chunk.mask)
      if (chunk.bytes !== null && chunk.owner === this.epoch) recycle(chunk.bytes)
    }
    if (index < NEAR) {
      if (this.near !== null) this.near.length = Math.min(this.near.length, index)
    } else this.far?.delete(index)
    if (this.far?.size === 0) this.far = null
  }

  /** A chunk whose mask this copy of the kernel may change; its bytes may still be another's. */
  private ownChunk(index: number, chunk: Chunk): Chunk {
    if (index === 0 || chunk.owner === this.epoch) return chunk
    const own = new Chunk()
    own.bytes = chunk.bytes
    own.mask = chunk.mask
    own.owner = chunk.owner
    this.put(index, own)
    return own
  }

  private give(chunk: Chunk, bytes: Uint8Array): void {
    chunk.bytes = bytes
    chunk.owner = this.epoch
  }

  /** A file whose last chunk is full grows: the next will not stay small. */
  private isFull(index: number): boolean {
    return index >= 0 && this.bytesAt(index)?.length === CHUNK
  }

  /** A chunk to whose bytes `start` … `end` this copy of the kernel may write. */
  private writableChunk(index: number, start: number, end: number): Chunk {
    const known = this.chunkAt(index)
    if (known !== null && known.owner === this.epoch && known.bytes !== null && known.bytes.length >= end)
      return known
    let chunk: Chunk
    if (known === null) {
      chunk = new Chunk()
      this.put(index, chunk)
    } else chunk = this.ownChunk(index, known)
    const old = chunk.bytes
    if (old === null && start === 0 && (end === CHUNK || this.isFull(index - 1))) {
      this.give(chunk, this.wholeChunk(index, end))
      return chunk
    }
    let size = old === null ? SMALLEST : old.length
    while (size < end) size *= 2
    const grown = newBytes(Math.min(size, CHUNK))
    if (old !== null && (start > 0 || end < old.length)) grown.set(old)
    this.give(chunk, grown)
    return chunk
  }

  /**
   * Memory for all of a chunk, zeros from `end` on; of a large file that grows at its end, a part of something larger.
   */
  private wholeChunk(index: number, end: number): Uint8Array {
    const used = FREE_CHUNKS.pop()
    if (used !== undefined) return end === CHUNK ? used : used.fill(0)
    if (index < FIRST_EXTENT || index >= NEAR || index + 1 !== this.near?.length) return new Uint8Array(CHUNK)
    if (this.extent === null || this.extent.length < CHUNK) this.extent = new Uint8Array(EXTENT * CHUNK)
    const bytes = this.extent.subarray(0, CHUNK)
    this.extent = this.extent.subarray(CHUNK)
    return bytes
  }
}

/** Bytes of one page. */
export const PAGE_SIZE = PAGE
