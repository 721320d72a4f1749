/**
 * The content of a regular file in memory: sparse, growing cheaply at any size, shared between copies of a
 * kernel until one of them writes. Linux: the page cache of an inode (struct address_space), by idea only.
 *
 * Bytes live in chunks of up to 64 KiB; a chunk is missing (a hole) or as long as was needed, growing by
 * doubling. Those of the first GiB are in arrays, later ones, which only sparse files have, in a map. `masks` knows which 4 KiB pages of a chunk have been written: that is what st_blocks and a size
 * limit count. A chunk belongs to the copy of the kernel whose epoch wrote it last; others copy it first.
 */

import type { Cloner } from '../lib/graph.js'
import type { StateHasher } from '../lib/graph_digest.js'

const CHUNK_SHIFT = 16
const CHUNK = 1 << CHUNK_SHIFT
const PAGE_SHIFT = 12
const PAGE = 1 << PAGE_SHIFT
/** Chunks from this one on are in the map. */
const NEAR = 1 << 14
/** A chunk starts no smaller than this. */
const SMALLEST = 64

/** Copies a few bytes faster than TypedArray.set does. */
function copyBytes(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number, count: number): void {
  if (count > 48) {
    to.set(fromAt === 0 && count === from.length ? from : from.subarray(fromAt, fromAt + count), toAt)
    return
  }
  for (let i = 0; i < count; i++) to[toAt + i] = from[fromAt + i] as number
}

/** Pages first to last of a chunk, as bits. */
const pageBits = (start: number, end: number): number => {
  const first = start >> PAGE_SHIFT
  const last = (end - 1) >> PAGE_SHIFT
  return ((2 << last) - 1) & ~((1 << first) - 1)
}

function countBits(bits: number): number {
  let n = bits - ((bits >> 1) & 0x5555)
  n = (n & 0x3333) + ((n >> 2) & 0x3333)
  n = (n + (n >> 4)) & 0x0f0f
  return (n + (n >> 8)) & 0x1f
}

/** A chunk behind the first GiB, with its mask and owner. */
export class FarChunk {
  bytes: Uint8Array | null = null
  mask = 0
  owner = 0
}

export class PageStore {
  chunks: (Uint8Array | null)[] = []
  masks: number[] = []
  owners: number[] = []
  /** By index; null while there are none. */
  far: Map<number, FarChunk> | null = null
  /** 4 KiB pages that have been written. */
  pages = 0

  /** How many pages a write of these bytes would add. */
  pagesNeeded(pos: number, count: number): number {
    let needed = 0
    for (let at = pos; at < pos + count; ) {
      const index = Math.floor(at / CHUNK)
      const start = at - index * CHUNK
      const end = Math.min(CHUNK, start + pos + count - at)
      needed += countBits(pageBits(start, end) & ~this.maskAt(index))
      at += end - start
    }
    return needed
  }

  /** Which pages of which chunk have been written, as bits; chunks ascending. */
  writtenPages(): readonly (readonly [chunk: number, mask: number])[] {
    const far = [...(this.far ?? [])].map(([index, { mask }]) => [index, mask] as const)
    return [...this.masks.entries(), ...far.sort(([a], [b]) => a - b)]
  }

  /** Copies bytes out; holes are zeros. The caller has cut `count` to the file's size. */
  read(pos: number, buf: Uint8Array, count: number): void {
    for (let done = 0; done < count; ) {
      const at = pos + done
      const index = Math.floor(at / CHUNK)
      const start = at - index * CHUNK
      const wanted = Math.min(CHUNK - start, count - done)
      const chunk = this.chunkAt(index)
      const there = chunk == null ? 0 : Math.max(0, Math.min(wanted, chunk.length - start))
      if (chunk != null && there > 0) copyBytes(chunk, start, buf, done, there)
      if (there < wanted) buf.fill(0, done + there, done + wanted)
      done += wanted
    }
  }

  /** Copies bytes in, making pages as needed. `epoch` is the kernel's. */
  write(pos: number, data: Uint8Array, count: number, epoch: number): void {
    for (let done = 0; done < count; ) {
      const at = pos + done
      const index = Math.floor(at / CHUNK)
      const start = at - index * CHUNK
      const end = Math.min(CHUNK, start + count - done)
      if (start === 0 && end === CHUNK) this.replaceChunk(index, data.slice(done, done + CHUNK), epoch)
      else copyBytes(data, done, this.writableChunk(index, end, epoch), start, end - start)
      this.markPages(index, pageBits(start, end))
      done += end - start
    }
  }

  /** Cuts the content to `size` bytes: pages behind it go, the rest of the last page is zeros. */
  truncate(size: number, epoch: number): void {
    const kept = Math.ceil(size / CHUNK)
    for (const [i, { mask }] of this.far ?? []) {
      if (i < kept) continue
      this.pages -= countBits(mask)
      this.far?.delete(i)
    }
    if (this.far?.size === 0) this.far = null
    for (let i = kept; i < this.chunks.length; i++) this.pages -= countBits(this.masks[i] ?? 0)
    if (this.chunks.length > kept) {
      this.chunks.length = kept
      this.masks.length = kept
      this.owners.length = kept
    }
    const index = kept - 1
    const end = size - index * CHUNK
    const chunk = this.chunkAt(index)
    if (chunk == null) return
    if (chunk.length > end) {
      if (this.ownerAt(index) === epoch) chunk.fill(0, end)
      else this.replaceChunk(index, chunk.slice(0, end), epoch)
    }
    const mask = this.maskAt(index)
    const stays = mask & pageBits(0, end)
    this.pages -= countBits(mask) - countBits(stays)
    this.setMask(index, stays)
  }

  /** Shares every chunk with the copy; the next writer of either copies what it writes. */
  cloneState(_cloner: Cloner): PageStore {
    const copy = new PageStore()
    copy.chunks = this.chunks.slice()
    copy.masks = this.masks.slice()
    copy.owners = this.owners.slice()
    copy.pages = this.pages
    if (this.far !== null) {
      copy.far = new Map([...this.far].map(([index, chunk]) => [index, Object.assign(new FarChunk(), chunk)]))
    }
    return copy
  }

  /** What counts is the content, not who holds which chunk at what length. */
  digestState(hasher: StateHasher): void {
    hasher.value(this.pages)
    for (let i = 0; i < this.chunks.length; i++) this.digestChunk(hasher, i)
    if (this.far === null) return
    for (const i of [...this.far.keys()].sort((a, b) => a - b)) this.digestChunk(hasher, i)
  }

  private digestChunk(hasher: StateHasher, index: number): void {
    const chunk = this.chunkAt(index)
    if (chunk == null) return
    let end = chunk.length
    while (end > 0 && chunk[end - 1] === 0) end--
    hasher.value(index)
    hasher.value(this.maskAt(index))
    hasher.bytes(chunk.subarray(0, end))
  }

  private chunkAt(index: number): Uint8Array | null | undefined {
    return index < NEAR ? this.chunks[index] : this.far?.get(index)?.bytes
  }

  private maskAt(index: number): number {
    return (index < NEAR ? this.masks[index] : this.far?.get(index)?.mask) ?? 0
  }

  private ownerAt(index: number): number | undefined {
    return index < NEAR ? this.owners[index] : this.far?.get(index)?.owner
  }

  private setMask(index: number, mask: number): void {
    if (index < NEAR) this.masks[index] = mask
    else this.farChunk(index).mask = mask
  }

  private farChunk(index: number): FarChunk {
    if (this.far === null) this.far = new Map()
    const known = this.far.get(index)
    if (known !== undefined) return known
    const chunk = new FarChunk()
    this.far.set(index, chunk)
    return chunk
  }

  private extendTo(index: number): void {
    while (this.chunks.length <= index) {
      this.chunks.push(null)
      this.masks.push(0)
      this.owners.push(0)
    }
  }

  private markPages(index: number, bits: number): void {
    const mask = this.maskAt(index)
    if ((mask & bits) === bits) return
    this.pages += countBits(bits & ~mask)
    this.setMask(index, mask | bits)
  }

  private replaceChunk(index: number, chunk: Uint8Array, epoch: number): void {
    if (index >= NEAR) {
      const far = this.farChunk(index)
      far.bytes = chunk
      far.owner = epoch
      return
    }
    if (index >= this.chunks.length) this.extendTo(index)
    this.chunks[index] = chunk
    this.owners[index] = epoch
  }

  /** A chunk of at least `length` bytes that this copy of the kernel may write to. */
  private writableChunk(index: number, length: number, epoch: number): Uint8Array {
    const chunk = this.chunkAt(index)
    if (chunk != null && this.ownerAt(index) === epoch && chunk.length >= length) return chunk
    let size = chunk == null ? SMALLEST : chunk.length
    while (size < length) size *= 2
    const grown = new Uint8Array(Math.min(size, CHUNK))
    if (chunk != null) grown.set(chunk)
    this.replaceChunk(index, grown, epoch)
    return grown
  }
}

/** Bytes of one page. */
export const PAGE_SIZE = PAGE
