/**
 * The content of a disk in memory: up to 2^32 sectors of 512 bytes, of which only those take memory that have been
 * written, by pages of 4 KiB. What has never been written is zeros.
 *
 * Pages live in slabs of 64 KiB in the order in which they are first written. Copies of a kernel share a store and its
 * slabs until one of them writes: it takes `writable(epoch)` first, and a slab that is not its own is copied.
 */

import { copyBytes } from '../lib/bytes.js'
import type { Cloner } from '../lib/graph.js'
import type { StateHasher } from '../lib/graph_digest.js'

/** Bytes of a sector, everywhere in the block layer. */
export const SECTOR_SIZE = 512
/** Sector numbers have 32 bits: 2 TiB. */
export const MAX_SECTORS = 2 ** 32

const PAGE = 4096
const SLAB_PAGES = 16
const SLAB = SLAB_PAGES * PAGE

/** Sectors of a disk. */
export class SparseStore {
  /** How many sectors there are. */
  readonly sectors: number
  /** The epoch of the kernel that may change this object. */
  readonly epoch: number
  /** Where a page is, by its number: the n-th that was written. */
  private readonly slots = new Map<number, number>()
  private readonly slabs: Uint8Array[] = []
  /** The epochs of the kernels that may change the slabs. */
  private readonly owners: number[] = []

  /** `sectors` from 0 to 2^32; else a RangeError. */
  constructor(sectors: number, epoch: number) {
    if (!Number.isInteger(sectors) || sectors < 0 || sectors > MAX_SECTORS)
      throw new RangeError(`a disk has 0 to 2^32 sectors, not ${sectors}`)
    this.sectors = sectors
    this.epoch = epoch
  }

  /** Bytes of memory that the content takes. */
  get allocated(): number {
    return this.slabs.length * SLAB
  }

  /** This store where the kernel with that epoch may change it, else a copy that shares all slabs. */
  writable(epoch: number): SparseStore {
    if (this.epoch === epoch) return this
    const copy = new SparseStore(this.sectors, epoch)
    for (const [page, slot] of this.slots) copy.slots.set(page, slot)
    copy.slabs.push(...this.slabs)
    copy.owners.push(...this.owners)
    return copy
  }

  /** Fills `target[at…]` with whole sectors from `sector` on. RangeError beyond the end. */
  read(sector: number, count: number, target: Uint8Array, at = 0): void {
    this.check(sector, count)
    const total = count * SECTOR_SIZE
    for (let done = 0; done < total; ) {
      const from = sector * SECTOR_SIZE + done
      const within = from % PAGE
      const length = Math.min(PAGE - within, total - done)
      const slot = this.slots.get((from - within) / PAGE)
      const slab = slot === undefined ? undefined : this.slabs[(slot - (slot % SLAB_PAGES)) / SLAB_PAGES]
      if (slot === undefined || slab === undefined) target.fill(0, at + done, at + done + length)
      else copyBytes(slab, (slot % SLAB_PAGES) * PAGE + within, target, at + done, length)
      done += length
    }
  }

  /** Writes whole sectors out of `data[at…]`. RangeError beyond the end. The store must be the writer's own. */
  write(sector: number, count: number, data: Uint8Array, at = 0): void {
    this.check(sector, count)
    const total = count * SECTOR_SIZE
    for (let done = 0; done < total; ) {
      const to = sector * SECTOR_SIZE + done
      const within = to % PAGE
      const length = Math.min(PAGE - within, total - done)
      const page = (to - within) / PAGE
      let slot = this.slots.get(page)
      if (slot === undefined) {
        slot = this.slots.size
        this.slots.set(page, slot)
      }
      copyBytes(data, at + done, this.ownSlab(slot), (slot % SLAB_PAGES) * PAGE + within, length)
      done += length
    }
  }

  /** What has been written, by pages in order, with their first sectors; copies. */
  pages(): { readonly sector: number; readonly data: Uint8Array }[] {
    const perPage = PAGE / SECTOR_SIZE
    return [...this.slots.keys()]
      .sort((a, b) => a - b)
      .map((page) => {
        const sector = page * perPage
        const count = Math.min(perPage, this.sectors - sector)
        const data = new Uint8Array(count * SECTOR_SIZE)
        this.read(sector, count, data)
        return { sector, data }
      })
  }

  /** @internal Shared by copies of a kernel. */
  cloneState(_cloner: Cloner): SparseStore {
    return this
  }

  /** @internal What counts is the content, whoever holds it and in which order it came; pages of zeros are none. */
  digestState(hasher: StateHasher): void {
    hasher.value(this.sectors)
    const zeros = new Uint8Array(PAGE)
    const page = new Uint8Array(PAGE)
    for (const number of [...this.slots.keys()].sort((a, b) => a - b)) {
      const first = number * (PAGE / SECTOR_SIZE)
      const count = Math.min(PAGE / SECTOR_SIZE, this.sectors - first)
      page.fill(0)
      this.read(first, count, page)
      if (page.every((byte, i) => byte === zeros[i])) continue
      hasher.value(number)
      hasher.bytes(page)
    }
  }

  /** The slab of a page, for writing. */
  private ownSlab(slot: number): Uint8Array {
    const index = (slot - (slot % SLAB_PAGES)) / SLAB_PAGES
    const slab = this.slabs[index]
    if (slab !== undefined && this.owners[index] === this.epoch) return slab
    const own = slab?.slice() ?? new Uint8Array(SLAB)
    this.slabs[index] = own
    this.owners[index] = this.epoch
    return own
  }

  private check(sector: number, count: number): void {
    const fits = sector >= 0 && count >= 0 && sector + count <= this.sectors
    if (!fits || !Number.isInteger(sector) || !Number.isInteger(count))
      throw new RangeError(`sectors ${sector} + ${count} are not within ${this.sectors}`)
  }
}
