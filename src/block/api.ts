/**
 * What `kernel.block` offers to the host: disks as hardware, with what is on their platters and what goes wrong, and a
 * look at the cache. Everything else a program does with system calls.
 *
 * Disks and partitions are meant by name: 'hda', 'hda1'. Each call throws a TypeError for a name that there is not.
 */

import type { KernelCore } from '../kernel/kernel.js'
import type { Disk } from './disk.js'
import { chunksOf, type DiskChunk } from './options.js'
import type { Partition } from './partition.js'
import { MAX_SECTORS, SECTOR_SIZE } from './sparse.js'
import {
  type Addressed,
  type BlockState,
  blockState,
  type Drive,
  devOfName,
  rereadPartitions,
  unitAt,
  writeChunks,
} from './state.js'

/** Counts of a disk since boot. */
export interface DiskStats {
  /** Requests to read that it has begun with. */
  readonly reads: number
  /** Requests to write. */
  readonly writes: number
  /** Sectors of the reads. */
  readonly readSectors: number
  /** Sectors of the writes. */
  readonly writtenSectors: number
  /** Buffers that were put into a request that waited. */
  readonly merged: number
  /** Buffers that failed. */
  readonly errors: number
  /** Milliseconds at work. */
  readonly busyMs: number
  /** Cylinders that the head has passed. */
  readonly seekCylinders: number
  /** Requests that wait or are being served, now. */
  readonly queued: number
  /** Requests that the platter has seen; faults count them. */
  readonly served: number
}

/** The cache, now; counts since boot. */
export interface CacheStats {
  /** All buffers. */
  readonly buffers: number
  /** Those that have to be written. */
  readonly dirty: number
  /** Those that are on their way and not dirty. */
  readonly locked: number
  /** Bytes of all buffers. */
  readonly bytes: number
  /** Blocks that were in memory when they were wanted. */
  readonly hits: number
  /** Blocks that were not. */
  readonly misses: number
  /** Buffers given up for others. */
  readonly reclaimed: number
}

/** What is to go wrong with a disk. Requests are counted from 1: the next is `stats(name).served + 1`. */
export interface FaultSetup {
  /** Sectors that can be neither read nor written; instead of those before. */
  readonly badSectors?: Iterable<number>
  /** Writes that never reach the platter and are reported done. */
  readonly lostWrites?: Iterable<number>
  /** Writes of which only so many sectors reach it: pairs of request and sectors. They are reported done. */
  readonly tornWrites?: Iterable<readonly [number, number]>
  /** The power goes during this request: it does not end, nor does any after it. 0: never. */
  readonly cutAt?: number
  /** How many sectors of that request, if it is a write, reach the platter. Default 0. */
  readonly cutSectors?: number
}

/** A disk or partition as it is now. */
export interface UnitInfo {
  /** 'hda1'. */
  readonly name: string
  /** Its number. */
  readonly dev: number
  /** Its length. */
  readonly sectors: number
  /** Where it begins on its disk. */
  readonly start: number
  /** Does it refuse writes? */
  readonly isReadOnly: boolean
  /** How often it is in use: open, below a loop or md device. */
  readonly openers: number
}

/** `kernel.block`. */
export interface BlockApi {
  /** The disks, in order; loop and md devices too. */
  readonly disks: readonly string[]
  /** A disk or partition. */
  unit(name: string): UnitInfo
  /** The partitions of a disk, as the kernel knows them. */
  partitions(name: string): readonly Partition[]
  /** Bytes of a platter, as they are on it now: not what is in memory. Default: all. RangeError beyond its end. */
  image(name: string, sector?: number, count?: number): Uint8Array
  /** The written pages of a platter, in order: what is not in them is zeros. `image` of the options takes it. */
  chunks(name: string): DiskChunk[]
  /**
   * Writes onto a platter behind the kernel's back: bytes from its first sector on, or pieces. What is in memory stays as
   * it is, partitions too.
   */
  load(name: string, image: Uint8Array | readonly DiskChunk[]): void
  /** Reads a disk's partition table again, whoever has it open. */
  reread(name: string): void
  /** Bytes of memory that a platter takes. */
  allocated(name: string): number
  /** Counts of a disk. */
  stats(name: string): DiskStats
  /** The cache. */
  cache(): CacheStats
  /** Sets what is to go wrong; what is not named stays. */
  setFaults(name: string, faults: FaultSetup): void
  /** The machine loses its power now: no disk does anything any more. */
  cutPower(): void
  /** Pulls a disk out, or puts it back: without it every request fails with EIO. */
  pull(name: string, isGone?: boolean): void
}

function driveNamed(state: BlockState, name: string): Drive {
  const drive = state.drives.find((one) => one.name === name)
  if (drive === undefined) throw new TypeError(`block: there is no disk '${String(name)}'`)
  return drive
}

function unitNamed(state: BlockState, name: string): Addressed {
  const dev = devOfName(state, name)
  const at = dev === undefined ? null : unitAt(state, dev)
  if (at === null) throw new TypeError(`block: there is no disk or partition '${String(name)}'`)
  return at
}

/** A fault's number: a whole one from 0 to 2^32. */
function faultNumber(what: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > MAX_SECTORS)
    throw new TypeError(`block: ${what} must be a whole number from 0 on, not ${String(value)}`)
  return value
}

function setFaults({ faults }: Disk, setup: FaultSetup): void {
  const known = ['badSectors', 'lostWrites', 'tornWrites', 'cutAt', 'cutSectors']
  for (const key of Object.keys(setup))
    if (!known.includes(key)) throw new TypeError(`block: there is no fault '${key}'`)
  const bad = [...(setup.badSectors ?? faults.badSectors)].map((n) => faultNumber('a bad sector', n))
  const lost = [...(setup.lostWrites ?? faults.lostWrites)].map((n) => faultNumber('a lost write', n))
  const torn = [...(setup.tornWrites ?? faults.tornWrites)].map(
    ([n, sectors]) => [faultNumber('a torn write', n), faultNumber('its sectors', sectors)] as const,
  )
  faults.cutAt = faultNumber('cutAt', setup.cutAt ?? faults.cutAt)
  faults.cutSectors = faultNumber('cutSectors', setup.cutSectors ?? faults.cutSectors)
  replace(faults.badSectors, bad)
  replace(faults.lostWrites, lost)
  faults.tornWrites.clear()
  for (const [n, sectors] of torn) faults.tornWrites.set(n, sectors)
}

function replace(set: Set<number>, values: readonly number[]): void {
  set.clear()
  for (const value of values) set.add(value)
}

/** The API over a kernel's state, which is another object after a restore. */
export function blockApi(k: KernelCore): BlockApi {
  const now = (): BlockState => blockState(k)
  return {
    get disks() {
      return now().drives.map(({ name }) => name)
    },
    unit(name) {
      const { drive, unit } = unitNamed(now(), name)
      const { sectors, start, isReadOnly, openers } = unit
      return { name, dev: devOfName(now(), name) ?? drive.dev, sectors, start, isReadOnly, openers }
    },
    partitions: (name) => driveNamed(now(), name).partitions.map((one) => ({ ...one })),
    image(name, sector = 0, count) {
      const { drive, unit } = unitNamed(now(), name)
      const { store } = drive.disk
      const most = Math.min(unit.sectors, store.sectors)
      const wanted = count ?? most - sector
      if (
        !Number.isInteger(sector) ||
        !Number.isInteger(wanted) ||
        sector < 0 ||
        wanted < 0 ||
        sector + wanted > most
      )
        throw new RangeError(`block: sectors ${sector} + ${wanted} are not within the ${most} of ${name}`)
      const bytes = new Uint8Array(wanted * SECTOR_SIZE)
      store.read(unit.start + sector, wanted, bytes)
      return bytes
    },
    chunks: (name) => driveNamed(now(), name).disk.store.pages(),
    load(name, image) {
      const { disk } = driveNamed(now(), name)
      writeChunks(disk, chunksOf(name, image, disk.store.sectors), k.epoch)
    },
    reread: (name) => rereadPartitions(now(), driveNamed(now(), name)),
    allocated: (name) => driveNamed(now(), name).disk.store.allocated,
    stats(name) {
      const { stats, queue, serving, disk } = driveNamed(now(), name)
      const queued = queue.count + (serving !== null && !queue.isActive ? 1 : 0)
      return { ...stats, queued, served: disk.served }
    },
    cache() {
      const { lists, bytes, hits, misses, reclaimed } = now().cache
      const { clean, dirty, locked } = lists
      const buffers = clean.count + dirty.count + locked.count
      return { buffers, dirty: dirty.count, locked: locked.count, bytes, hits, misses, reclaimed }
    },
    setFaults: (name, faults) => setFaults(driveNamed(now(), name).disk, faults),
    cutPower() {
      for (const { disk } of now().drives) disk.isOn = false
    },
    pull(name, isGone = true) {
      driveNamed(now(), name).isGone = isGone
    },
  }
}
