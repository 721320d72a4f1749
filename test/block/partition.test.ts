/** Partition tables: primary, logical, damaged. */
import { describe, expect, it } from 'vitest'
import { readPartitions, writeTable } from '../../src/block/partition.js'
import { SparseStore } from '../../src/block/sparse.js'

const LINUX = 0x83
const SWAP = 0x82
const EXTENDED = 5

const disk = (sectors = 10_000): SparseStore => new SparseStore(sectors, 1)
const show = (store: SparseStore, most?: number): string =>
  readPartitions(store, most)
    .map(({ number, start, sectors, type }) => `${number}:${start}+${sectors}/${type.toString(16)}`)
    .join(' ')

describe('readPartitions', () => {
  it('finds none without a table, and on a disk without sectors', () => {
    expect([show(disk()), show(disk(0))]).toEqual(['', ''])
  })

  it('numbers primary partitions by their entry; empty ones count', () => {
    const store = disk()
    writeTable(store, 0, [
      { start: 63, sectors: 1000, type: LINUX },
      { start: 0, sectors: 0, type: 0 },
      { start: 2000, sectors: 500, type: SWAP },
    ])
    expect(show(store)).toBe('1:63+1000/83 3:2000+500/82')
  })

  it('numbers logical ones from 5, their starts relative to their own table; the extended one shows as two sectors', () => {
    const store = disk()
    writeTable(store, 0, [
      { start: 63, sectors: 937, type: LINUX },
      { start: 1000, sectors: 9000, type: EXTENDED },
    ])
    writeTable(store, 1000, [
      { start: 63, sectors: 937, type: LINUX },
      { start: 1000, sectors: 3000, type: EXTENDED },
    ])
    writeTable(store, 2000, [
      { start: 63, sectors: 100, type: SWAP },
      { start: 4000, sectors: 1000, type: EXTENDED },
    ])
    writeTable(store, 5000, [{ start: 1, sectors: 2, type: LINUX }])
    expect(show(store)).toBe('1:63+937/83 2:1000+2/5 5:1063+937/83 6:2063+100/82 7:5001+2/83')
    expect(show(store, 6)).toBe('1:63+937/83 2:1000+2/5 5:1063+937/83 6:2063+100/82')
  })

  it('comes to an end on a chain that leads back, or off the disk', () => {
    const round = disk()
    writeTable(round, 0, [{ start: 100, sectors: 900, type: EXTENDED }])
    writeTable(round, 100, [
      { start: 1, sectors: 10, type: LINUX },
      { start: 50, sectors: 100, type: EXTENDED },
    ])
    writeTable(round, 150, [
      { start: 1, sectors: 10, type: LINUX },
      { start: 0, sectors: 100, type: EXTENDED },
    ])
    expect(readPartitions(round, 15).map(({ number }) => number)).toEqual([
      1, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
    ])
    const off = disk()
    writeTable(off, 0, [{ start: 20_000, sectors: 900, type: EXTENDED }])
    expect(show(off)).toBe('1:20000+2/5')
    const self = disk()
    writeTable(self, 0, [{ start: 100, sectors: 900, type: EXTENDED }])
    writeTable(self, 100, [{ start: 0, sectors: 5, type: EXTENDED }])
    expect(show(self)).toBe('1:100+2/5')
    const links = disk()
    writeTable(links, 0, [{ start: 100, sectors: 900, type: EXTENDED }])
    writeTable(links, 100, [{ start: 10, sectors: 5, type: EXTENDED }])
    writeTable(links, 110, [{ start: 20, sectors: 5, type: EXTENDED }])
    writeTable(links, 120, [{ start: 10, sectors: 5, type: EXTENDED }])
    expect(show(links)).toBe('1:100+2/5')
  })

  it('tables have four entries and a sector to be in', () => {
    const entry = { start: 1, sectors: 1, type: LINUX }
    expect(() => writeTable(disk(), 0, Array(5).fill(entry))).toThrow('four entries, not 5')
    expect(() => writeTable(disk(1), 1, [entry])).toThrow('no sector 1')
    const last = disk(2 ** 32)
    writeTable(last, 0, [{ start: 2 ** 32 - 8, sectors: 8, type: LINUX }])
    expect(show(last)).toBe('1:4294967288+8/83')
  })
})
