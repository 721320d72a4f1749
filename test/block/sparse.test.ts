/** The content of disks: against a plain array, across copies of a kernel, and at the era's largest size. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_SECTORS, SECTOR_SIZE, SparseStore } from '../../src/block/sparse.js'
import { bytesEqual } from '../../src/lib/bytes.js'
import { cloneGraph, digestGraph } from '../../src/lib/graph.js'

const SECTORS = 100

/** Whole sectors of one byte value each, so that a misplaced one shows. */
const filled = (count: number, value: number): Uint8Array => {
  const data = new Uint8Array(count * SECTOR_SIZE)
  for (let i = 0; i < count; i++) data.fill((value + i) & 0xff, i * SECTOR_SIZE, (i + 1) * SECTOR_SIZE)
  return data
}

const writes = fc.array(
  fc
    .record({ sector: fc.nat(SECTORS - 1), count: fc.integer({ min: 1, max: 40 }), value: fc.nat(255) })
    .map((one) => ({ ...one, count: Math.min(one.count, SECTORS - one.sector) })),
  { maxLength: 25 },
)

/** All of it. */
const content = (store: SparseStore): Uint8Array => {
  const bytes = new Uint8Array(store.sectors * SECTOR_SIZE)
  store.read(0, store.sectors, bytes)
  return bytes
}

describe('SparseStore', () => {
  it('holds what was written last, and zeros', () => {
    fc.assert(
      fc.property(writes, (list) => {
        const store = new SparseStore(SECTORS, 1)
        const model = new Uint8Array(SECTORS * SECTOR_SIZE)
        for (const { sector, count, value } of list) {
          const data = filled(count, value)
          store.write(sector, count, data)
          model.set(data, sector * SECTOR_SIZE)
        }
        expect(bytesEqual(content(store), model)).toBe(true)
        const part = new Uint8Array(3 + 2 * SECTOR_SIZE).fill(9)
        store.read(SECTORS - 2, 2, part, 3)
        expect([...part.subarray(0, 3)]).toEqual([9, 9, 9])
        expect(bytesEqual(part.subarray(3), model.subarray((SECTORS - 2) * SECTOR_SIZE))).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  it('is shared by copies until one writes, whichever that is', () => {
    fc.assert(
      fc.property(writes, writes, writes, (before, left, right) => {
        const apply = (store: SparseStore, epoch: number, list: typeof before): SparseStore => {
          const own = store.writable(epoch)
          for (const { sector, count, value } of list) own.write(sector, count, filled(count, value))
          return own
        }
        const base = apply(new SparseStore(SECTORS, 1), 1, before)
        const copy = cloneGraph({ store: base }).store
        // A fork gives both kernels new epochs.
        const a = apply(base, 2, left)
        const b = apply(copy, 3, right)
        const expected = (list: typeof before): Uint8Array =>
          content(apply(apply(new SparseStore(SECTORS, 9), 9, before), 9, list))
        expect(bytesEqual(content(a), expected(left))).toBe(true)
        expect(bytesEqual(content(b), expected(right))).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  it('digests the content, whatever the order in which it came', () => {
    const a = new SparseStore(64, 1)
    const b = new SparseStore(64, 7)
    a.write(0, 2, filled(2, 5))
    a.write(40, 1, filled(1, 6))
    b.write(40, 1, filled(1, 6))
    b.write(16, 1, filled(1, 0))
    expect(digestGraph(a)).not.toBe(digestGraph(b))
    b.write(0, 2, filled(2, 5))
    expect(digestGraph(a)).toBe(digestGraph(b))
    b.write(63, 1, filled(1, 1))
    expect(digestGraph(a)).not.toBe(digestGraph(b))
  })

  it('of 2 TiB takes memory only for what has been written', () => {
    const store = new SparseStore(MAX_SECTORS, 1)
    expect(store.allocated).toBe(0)
    const data = filled(1, 77)
    for (let i = 0; i < 32; i++) store.write(i * 2 ** 27 + 5, 1, data)
    store.write(MAX_SECTORS - 1, 1, data)
    expect(store.allocated).toBe(3 * 65536)
    const back = new Uint8Array(2 * SECTOR_SIZE)
    store.read(MAX_SECTORS - 2, 2, back)
    expect([back[0], back[SECTOR_SIZE]]).toEqual([0, 77])
    store.read(31 * 2 ** 27 + 5, 1, back)
    expect(back[0]).toBe(77)
  })

  it('refuses what is beyond its end, or no sector', () => {
    const store = new SparseStore(10, 1)
    const data = new Uint8Array(20 * SECTOR_SIZE)
    for (const [sector, count] of [
      [10, 1],
      [9, 2],
      [-1, 1],
      [0.5, 1],
      [0, -1],
    ] as const) {
      expect(() => store.write(sector, count, data)).toThrow(RangeError)
      expect(() => store.read(sector, count, data)).toThrow(`sectors ${sector} + ${count} are not within 10`)
    }
    for (const sectors of [-1, 1.5, MAX_SECTORS + 1])
      expect(() => new SparseStore(sectors, 1)).toThrow(RangeError)
  })
})
