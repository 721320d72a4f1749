/**
 * Partition tables of the PC: four primary partitions, and any number of logical ones in an extended one. Linux:
 * msdos_partition, extended_partition, drivers/block/genhd.c (2.2.12).
 *
 * A partition's minor is that of its disk plus its number: 1 to 4, and 5 on for logical ones.
 *
 * Left out: BSD, Solaris, Unixware and other tables inside a partition; other tables than this one.
 */

import { readU16LE, readU32LE, writeU16LE, writeU32LE } from '../lib/bytes.js'
import { SECTOR_SIZE, type SparseStore } from './sparse.js'

/** A part of a disk. Linux: struct hd_struct. */
export interface Partition {
  /** 1 to 4 primary, from 5 on logical. */
  readonly number: number
  /** The first sector on the disk. */
  readonly start: number
  /** How many sectors. */
  readonly sectors: number
  /** What is in it, as the table says: 0x83 is Linux. */
  readonly type: number
}

/** What `writeTable` puts into an entry. */
export interface PartitionEntry {
  /** The first sector. */
  readonly start: number
  /** How many sectors. */
  readonly sectors: number
  /** What is in it: 0x83 is Linux. */
  readonly type: number
}

/** An extended partition shows as two sectors: room for a boot loader, not for a file system. */
const EXTENDED_SHOWN = 2
const EXTENDED: readonly number[] = [0x05, 0x0f, 0x85]
const TABLE = 446
const ENTRY = 16
const MAGIC = 0xaa55
const MOST_EMPTY = 100

/** Is there a table in this sector? */
const hasTable = (sector: Uint8Array): boolean => readU16LE(sector, 510) === MAGIC

function entryOf(sector: Uint8Array, index: number): PartitionEntry {
  const at = TABLE + index * ENTRY
  return { type: sector[at + 4] ?? 0, start: readU32LE(sector, at + 8), sectors: readU32LE(sector, at + 12) }
}

function readSector(store: SparseStore, number: number): Uint8Array | null {
  if (number >= store.sectors) return null
  const sector = new Uint8Array(SECTOR_SIZE)
  store.read(number, 1, sector)
  return sector
}

/** The partitions of a disk; none where there is no table. `maxNumber` is the last minor that the driver has for them. */
export function readPartitions(store: SparseStore, maxNumber = 63): Partition[] {
  const table = readSector(store, 0)
  if (table === null || !hasTable(table)) return []
  const found: Partition[] = []
  const logical: Partition[] = []
  for (let index = 0; index < 4; index++) {
    const { start, sectors, type } = entryOf(table, index)
    if (sectors === 0) continue
    const isExtended = EXTENDED.includes(type)
    if (isExtended) logical.push(...readLogical(store, start, 5 + logical.length, maxNumber))
    const shown = isExtended ? Math.min(sectors, EXTENDED_SHOWN) : sectors
    found.push({ number: index + 1, start, sectors: shown, type })
  }
  return [...found, ...logical]
}

/**
 * The chain of tables of an extended partition. One that leads back ends with the minors, or after 100 tables in which
 * there is nothing (loopct of later kernels).
 */
function readLogical(store: SparseStore, first: number, from: number, maxNumber: number): Partition[] {
  const found: Partition[] = []
  let at = first
  for (let empty = 0; from + found.length <= maxNumber && empty < MOST_EMPTY; ) {
    const before = found.length
    const table = readSector(store, at)
    if (table === null || !hasTable(table)) return found
    let link: PartitionEntry | null = null
    for (let index = 0; index < 4; index++) {
      const entry = entryOf(table, index)
      if (entry.sectors === 0) continue
      if (EXTENDED.includes(entry.type)) link ??= entry
      else if (from + found.length <= maxNumber)
        found.push({ ...entry, number: from + found.length, start: at + entry.start })
    }
    if (link === null || first + link.start === at) return found
    if (found.length === before) empty++
    at = first + link.start
  }
  return found
}

/** Writes a table of up to four entries into a sector: 0 for the disk's, the chain's for logical ones. */
export function writeTable(store: SparseStore, at: number, entries: readonly PartitionEntry[]): void {
  if (entries.length > 4) throw new RangeError(`a partition table has four entries, not ${entries.length}`)
  const sector = readSector(store, at)
  if (sector === null) throw new RangeError(`there is no sector ${at} for a partition table`)
  sector.fill(0, TABLE, TABLE + 4 * ENTRY)
  for (const [index, { start, sectors, type }] of entries.entries()) {
    const to = TABLE + index * ENTRY
    sector[to + 4] = type
    writeU32LE(sector, to + 8, start)
    writeU32LE(sector, to + 12, sectors)
  }
  writeU16LE(sector, 510, MAGIC)
  store.write(at, 1, sector)
}
