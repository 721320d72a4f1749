/** What the block layer keeps: drives with their queues, the request slots, the cache. */

import { asDevT, type DevT, major, minor, mkdev } from '../abi/brand.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { Timer } from '../kernel/timer.js'
import type { BufferHead } from './buffer.js'
import { BufferCache } from './cache.js'
import { Disk } from './disk.js'
import {
  type DiskChunk,
  type DiskSettings,
  type Geometry,
  LOOP_MAJOR,
  MD_MAJOR,
  type MdOptions,
  type Settings,
} from './options.js'
import { type Partition, readPartitions } from './partition.js'
import { BlockUnit, RequestQueue } from './queue.js'
import { type Request, RequestPool } from './request.js'
import { SECTOR_SIZE } from './sparse.js'

/** Sectors that disks are asked for ahead, until BLKRASET says otherwise. Linux: read_ahead, 8 for IDE. */
const READ_AHEAD = 8

/** What a drive has done since boot. */
export class DriveStats {
  /** Requests served. Linux: dk_drive_rio, dk_drive_wio. */
  reads = 0
  writes = 0
  /** Sectors of them. Linux: dk_drive_rblk, dk_drive_wblk. */
  readSectors = 0
  writtenSectors = 0
  /** Buffers that became part of a request that waited. */
  merged = 0
  /** Buffers that failed. */
  errors = 0
  /** Milliseconds at work, and cylinders that the head has passed. */
  busyMs = 0
  seekCylinders = 0
}

/** A request that a loop device is at work on. */
export class LoopJob {
  readonly req: Request
  /** The buffer that is being moved, and how much of it has been. */
  bh: BufferHead | null
  done = 0
  /** The block below that it waits for, and whether that has been asked for. */
  below: BufferHead | null = null
  isAsked = false
  readonly failed = new Set<BufferHead>()

  constructor(req: Request) {
    this.req = req
    this.bh = req.first
  }
}

/** A part of an md device. */
export interface MdPart {
  readonly dev: DevT
  /** Where it begins on the md device, and its length. */
  readonly start: number
  readonly sectors: number
}

/** A disk with its queue, or what behaves as one. */
export class Drive {
  readonly name: string
  /** The number of the whole disk. */
  readonly dev: DevT
  readonly index: number
  /** How many minors are its own. */
  readonly minors: number
  readonly queue: RequestQueue
  readonly disk: Disk
  readonly geometry: Geometry
  readonly stats = new DriveStats()
  partitions: Partition[] = []
  /** The request that it is at work on. */
  serving: Request | null = null
  /** Pulled out: every request fails. */
  isGone = false
  /** A loop device: the device below, null while it is none; and what it is doing. Linux: struct loop_device. */
  loop: DevT | null = null
  job: LoopJob | null = null
  /** An md device: its parts. */
  md: readonly MdPart[] | null = null

  constructor(index: number, queue: RequestQueue, disk: Disk, settings: DriveSettings) {
    this.index = index
    this.queue = queue
    this.disk = disk
    this.name = settings.name
    this.dev = settings.dev
    this.minors = settings.minors
    this.geometry = settings.geometry
  }

  /** Has it files on a node of its own or a partition's open? */
  get openers(): number {
    let count = 0
    for (const { openers } of this.queue.units.values()) count += openers
    return count
  }
}

type DriveSettings = Pick<DiskSettings, 'name' | 'dev' | 'minors' | 'geometry'>

/** The module's state. */
export class BlockState {
  static readonly transient: readonly string[] = ['shapes']
  static readonly transientDefault = null

  /** @internal See shapes.ts. */
  shapes: readonly object[] | null = null
  readonly settings: Settings
  /** The slots that all disks share. */
  readonly pool: RequestPool
  readonly cache: BufferCache
  readonly drives: Drive[] = []
  /** Drives by the numbers of all their units, partitions included. */
  readonly byDev = new Map<DevT, Drive>()
  /** Sectors that a read asks for beyond what is wanted, by major. Linux: read_ahead. */
  readonly readAhead = new Map<number, number>()
  /** Drives whose queues are plugged, by index. */
  readonly plugged: number[] = []
  /** Lets them go when nobody does. */
  unplugTimer: Timer | null = null
  /** Looks at old buffers. */
  flushTimer: Timer | null = null
  /** How many buffers bdflush would still write if it had slots. */
  flushLeft = 0
  /** Old buffers are to be written, and there was no slot. */
  hasOldLeft = false
  /** Loop devices at work. */
  loopJobs = 0

  constructor(settings: Settings, epoch: number) {
    this.settings = settings
    this.pool = new RequestPool(settings.requests)
    this.cache = new BufferCache(settings.memory, settings.flush)
    for (const disk of settings.disks) addDisk(this, disk, epoch)
    for (let unit = 0; unit < settings.loops; unit++) addLoop(this, unit, epoch)
    for (const md of settings.md) addMd(this, md, epoch)
  }
}

/** The module's state in a kernel that has the module. */
export function blockState(k: KernelCore): BlockState {
  return k.state.modules.get('block') as BlockState
}

/** A drive and one unit of it: the disk or a partition. */
export interface Addressed {
  readonly drive: Drive
  readonly unit: BlockUnit
}

/** What a number stands for; null: nothing. */
export function unitAt(state: BlockState, dev: DevT): Addressed | null {
  const drive = state.byDev.get(dev)
  const unit = drive?.queue.units.get(minor(dev))
  return drive === undefined || unit === undefined ? null : { drive, unit }
}

/** What a name such as 'hda' or 'hda1' stands for: its number. Undefined: nothing. */
export function devOfName(state: BlockState, name: string): DevT | undefined {
  for (const drive of state.drives) {
    if (drive.name === name) return drive.dev
    if (drive.minors === 1 || !name.startsWith(drive.name)) continue
    const rest = name.slice(drive.name.length)
    if (!/^[1-9][0-9]?$/.test(rest)) continue
    const dev = asDevT(drive.dev + Number(rest))
    if (unitAt(state, dev)?.drive === drive) return dev
  }
  return undefined
}

/** The name of a unit. Linux: disk_name. */
export function nameOfDev(drive: Drive, dev: DevT): string {
  return dev === drive.dev ? drive.name : `${drive.name}${dev - drive.dev}`
}

function addDrive(state: BlockState, drive: Drive, isReadOnly: boolean): Drive {
  state.drives.push(drive)
  state.byDev.set(drive.dev, drive)
  drive.queue.units.set(minor(drive.dev), new BlockUnit(drive.disk.store.sectors, isReadOnly))
  return drive
}

function addDisk(state: BlockState, settings: DiskSettings, epoch: number): void {
  const disk = new Disk(settings.sectors, settings.mechanics, epoch)
  writeChunks(disk, settings.image, epoch)
  const queue = new RequestQueue(state.pool, { ...settings })
  const drive = addDrive(state, new Drive(state.drives.length, queue, disk, settings), settings.isReadOnly)
  if (settings.mechanics !== null) state.readAhead.set(major(settings.dev), READ_AHEAD)
  rereadPartitions(state, drive)
}

/** Puts pieces of an image onto a platter. */
export function writeChunks(disk: Disk, chunks: readonly DiskChunk[], epoch: number): void {
  if (chunks.length === 0) return
  disk.store = disk.store.writable(epoch)
  for (const { sector, data } of chunks) disk.store.write(sector, data.length / SECTOR_SIZE, data)
}

/** Units of the partitions as the table on the platter has them; who has one open keeps it where it is still there. Linux: resetup_one_dev, check_partition. */
export function rereadPartitions(state: BlockState, drive: Drive): void {
  const { queue, partitions, dev, disk, minors } = drive
  const readOnly = queue.units.get(minor(dev))?.isReadOnly ?? false
  const first = minor(dev)
  drive.partitions = minors === 1 ? [] : readPartitions(disk.store, minors - 1)
  for (const { number } of partitions) {
    if (drive.partitions.some((one) => one.number === number)) continue
    queue.units.delete(first + number)
    state.byDev.delete(asDevT(dev + number))
  }
  for (const { number, start, sectors } of drive.partitions) {
    // What the table says of sectors beyond the disk is not believed.
    const there = Math.max(Math.min(sectors, disk.store.sectors - start), 0)
    const unit = queue.units.get(first + number) ?? new BlockUnit(there, readOnly, start)
    unit.sectors = there
    unit.start = start
    queue.units.set(first + number, unit)
    state.byDev.set(asDevT(dev + number), drive)
  }
}

const NO_GEOMETRY: Geometry = Object.freeze({ heads: 16, sectors: 63 })

/**
 * A device whose requests make others: it can be neither plugged nor merged, and has half as many slots, so that those for
 * which its requests wait find one. Deviation: they are its own; 2.2 takes them from all, which loops over loops can use up.
 */
function addVirtual(state: BlockState, name: string, dev: DevT, epoch: number): Drive {
  const pool = new RequestPool(state.settings.requests >> 1)
  const queue = new RequestQueue(pool, { dev, plugs: false, merges: false, headActive: false })
  const disk = new Disk(0, null, epoch)
  const settings = { name, dev, minors: 1, geometry: NO_GEOMETRY }
  return addDrive(state, new Drive(state.drives.length, queue, disk, settings), false)
}

const addLoop = (state: BlockState, unit: number, epoch: number): Drive =>
  addVirtual(state, `loop${unit}`, mkdev(LOOP_MAJOR, unit), epoch)

/** Blocks of 4 KiB must not lie across two parts. */
const MD_GRAIN = 8

function addMd(state: BlockState, { name, parts }: MdOptions, epoch: number): void {
  const drive = addVirtual(state, name, mkdev(MD_MAJOR, Number(name.slice(2))), epoch)
  const list: MdPart[] = []
  let start = 0
  for (const part of parts) {
    const dev = devOfName(state, part)
    const at = dev === undefined ? null : unitAt(state, dev)
    if (dev === undefined || at === null || at.drive.md !== null)
      throw new TypeError(`block: ${name} has the part '${part}', which is no disk or partition`)
    const sectors = at.unit.sectors - (at.unit.sectors % MD_GRAIN)
    at.unit.openers++
    list.push({ dev, start, sectors })
    start += sectors
  }
  drive.md = list
  const unit = drive.queue.units.get(minor(drive.dev))
  if (unit !== undefined) unit.sectors = start
}
