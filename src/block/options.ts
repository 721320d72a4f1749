/** Options of the module: which disks there are, and how the block layer is tuned. */

import { type DevT, mkdev } from '../abi/brand.js'
import { FLUSH_DEFAULTS, type FlushTunables } from './cache.js'
import { IDE_1999, type Mechanics } from './disk.js'
import { MAX_REQUEST_SECTORS } from './queue.js'
import { NR_REQUEST } from './request.js'
import { MAX_SECTORS, SECTOR_SIZE } from './sparse.js'

/** Bytes at a place of a disk. Where nothing has been written there are zeros. */
export interface DiskChunk {
  /** The first sector. */
  readonly sector: number
  /** A multiple of 512 bytes. */
  readonly data: Uint8Array
}

/** How a disk shows itself to HDIO_GETGEO. */
export interface Geometry {
  /** 1 to 255. */
  readonly heads: number
  /** Of a track: 1 to 63. */
  readonly sectors: number
}

/** A disk of the machine. */
export interface DiskOptions {
  /** 'hda' to 'hdd', 'sda' to 'sdp', 'ram0' to 'ram15'; or any other word, with `major` and `minor`. */
  readonly name: string
  /** Its length: 0 to 2^32, that is 2 TiB. */
  readonly sectors: number
  /** A RAM disk takes no time. Default: 'ram' for the names of RAM disks, else 'disk'. */
  readonly kind?: 'disk' | 'ram'
  /** The number of the whole disk, where the name does not say it. */
  readonly major?: number
  /** See `major`. */
  readonly minor?: number
  /** Refuses writes. BLKROSET changes it. Default false. */
  readonly readOnly?: boolean
  /** Default: 16 heads, 63 sectors. */
  readonly geometry?: Geometry
  /** Of a disk that takes time; what is not given is that of an IDE drive of 1999. */
  readonly mechanics?: Partial<Mechanics>
  /** Are neighbouring buffers merged? Default: not on RAM disks, whose driver 2.2 does not name among those that can. */
  readonly merges?: boolean
  /** Does the request being served stay at the head of the queue? Default: only with IDE. */
  readonly headActive?: boolean
  /** The most sectors of a request. Default 128. */
  readonly maxSectors?: number
  /** How often a request may be passed by later ones; 0, the default and that of 2.2.12: without bound. */
  readonly starvationBound?: number
  /** What is on it: all bytes from the first sector on, or pieces. Default: zeros. */
  readonly image?: Uint8Array | readonly DiskChunk[]
}

/** Several disks or partitions as one, one behind the other. Linux: md, personality linear. */
export interface MdOptions {
  /** 'md0' to 'md3'. */
  readonly name: string
  /** Names of disks or partitions, in order; each counts up to a multiple of 4 KiB. */
  readonly parts: readonly string[]
}

/** What `block()` can be told. */
export interface BlockOptions {
  /** Default: 'hda' of 1 GiB and 'ram0' of 4 MiB, both empty. */
  readonly disks?: readonly DiskOptions[]
  /** Default none. */
  readonly md?: readonly MdOptions[]
  /** How many loop devices there are: 0 to 8. Default 2. */
  readonly loops?: number
  /** The most bytes of buffers: from 65536 on. Default 16 MiB. */
  readonly memory?: number
  /** Request slots: 4 to 1024. Default 128. */
  readonly requests?: number
  /** Milliseconds after which a plugged queue is let go though nobody waits: from 0 on. Default 3. */
  readonly unplugMs?: number
  /** Tunables of write-back, as in /proc/sys/vm/bdflush. */
  readonly flush?: Partial<FlushTunables>
}

/** A disk with all defaults filled in. */
export interface DiskSettings {
  readonly name: string
  readonly dev: DevT
  /** How many minors it has: itself and its partitions. */
  readonly minors: number
  readonly sectors: number
  readonly isReadOnly: boolean
  readonly geometry: Geometry
  readonly mechanics: Mechanics | null
  readonly merges: boolean
  readonly headActive: boolean
  readonly maxSectors: number
  readonly starvationBound: number
  readonly image: readonly DiskChunk[]
}

/** Everything with all defaults filled in. */
export interface Settings {
  readonly disks: readonly DiskSettings[]
  readonly md: readonly MdOptions[]
  readonly loops: number
  readonly memory: number
  readonly requests: number
  readonly unplugMs: number
  readonly flush: FlushTunables
}

/** Linux: include/linux/major.h. */
export const RAMDISK_MAJOR = 1
export const IDE0_MAJOR = 3
export const LOOP_MAJOR = 7
export const SCSI_DISK_MAJOR = 8
export const MD_MAJOR = 9
export const IDE1_MAJOR = 22

const DEFAULT_DISKS: readonly DiskOptions[] = [
  { name: 'hda', sectors: 2 ** 21 },
  { name: 'ram0', sectors: 8192 },
]

/** The number of a disk by its name, and how many minors it has; null: the name says nothing. */
function numberOf(name: string): { readonly dev: DevT; readonly minors: number } | null {
  const unit = name.charCodeAt(2) - 97
  if (/^hd[a-d]$/.test(name))
    return { dev: mkdev(unit < 2 ? IDE0_MAJOR : IDE1_MAJOR, (unit % 2) * 64), minors: 64 }
  if (/^sd[a-p]$/.test(name)) return { dev: mkdev(SCSI_DISK_MAJOR, unit * 16), minors: 16 }
  if (/^ram(1[0-5]|[0-9])$/.test(name)) return { dev: mkdev(RAMDISK_MAJOR, Number(name.slice(3))), minors: 1 }
  return null
}

/** A whole number within bounds. Throws a TypeError that names the option. */
function checkInt(what: string, value: unknown, least: number, most: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most)
    throw new TypeError(
      `block: ${what} must be a whole number from ${least} to ${most}, not ${String(value)}`,
    )
  return value
}

function checkKnown(what: string, given: object, known: readonly string[]): void {
  for (const name of Object.keys(given))
    if (!known.includes(name)) throw new TypeError(`block: ${what} has no option '${name}'`)
}

/** The pieces of an image, checked against the length of the disk. */
export function chunksOf(name: string, image: unknown, sectors: number): readonly DiskChunk[] {
  const chunks: readonly unknown[] =
    image instanceof Uint8Array ? [{ sector: 0, data: image }] : (image as [])
  if (!Array.isArray(chunks))
    throw new TypeError(`block: the image of ${name} must be bytes or a list of pieces`)
  return chunks.map((chunk) => {
    const { sector, data } = (chunk ?? {}) as Partial<DiskChunk>
    if (!(data instanceof Uint8Array) || data.length % SECTOR_SIZE !== 0)
      throw new TypeError(`block: a piece of the image of ${name} must be whole sectors of 512 bytes`)
    checkInt(`the sector of a piece of the image of ${name}`, sector, 0, sectors - data.length / SECTOR_SIZE)
    return { sector: sector ?? 0, data }
  })
}

const DISK_OPTIONS =
  'name sectors kind major minor readOnly geometry mechanics merges headActive maxSectors starvationBound image'.split(
    ' ',
  )

function diskOf(options: DiskOptions): DiskSettings {
  if (typeof options !== 'object' || options === null || typeof options.name !== 'string')
    throw new TypeError('block: a disk must be an object with a name')
  const { name } = options
  checkKnown(`disk '${name}'`, options, DISK_OPTIONS)
  if (!/^[a-z][a-z]*[0-9]*$/.test(name) || name.length > 15)
    throw new TypeError(`block: '${name}' is no name of a disk: a word such as 'hda' is wanted`)
  const sectors = checkInt(`the sectors of ${name}`, options.sectors, 0, MAX_SECTORS)
  const byName = numberOf(name)
  const { kind = name.startsWith('ram') ? 'ram' : 'disk', readOnly = false } = options
  if (kind !== 'disk' && kind !== 'ram')
    throw new TypeError(`block: the kind of ${name} must be 'disk' or 'ram', not ${String(kind)}`)
  if (byName !== null && (options.major !== undefined || options.minor !== undefined))
    throw new TypeError(`block: ${name} has its number by its name: major and minor are for other names`)
  const major = byName !== null ? 0 : checkInt(`the major of ${name}`, options.major, 1, 254)
  const unit = byName !== null ? 0 : checkInt(`the minor of ${name}`, options.minor, 0, 255)
  const { dev, minors } = byName ?? { dev: mkdev(major, unit), minors: 1 }
  const { heads = 16, sectors: track = 63 } = options.geometry ?? {}
  return {
    name,
    dev,
    minors,
    sectors,
    isReadOnly: readOnly,
    geometry: {
      heads: checkInt(`the heads of ${name}`, heads, 1, 255),
      sectors: checkInt(`the sectors of a track of ${name}`, track, 1, 63),
    },
    mechanics: kind === 'ram' ? null : mechanicsOf(name, options.mechanics ?? {}),
    merges: options.merges ?? kind === 'disk',
    headActive: options.headActive ?? name.startsWith('hd'),
    maxSectors: checkInt(`maxSectors of ${name}`, options.maxSectors ?? MAX_REQUEST_SECTORS, 8, 2 ** 16),
    starvationBound: checkInt(`starvationBound of ${name}`, options.starvationBound ?? 0, 0, 2 ** 31),
    image: chunksOf(name, options.image ?? [], sectors),
  }
}

function mechanicsOf(name: string, given: Partial<Mechanics>): Mechanics {
  checkKnown(`mechanics of ${name}`, given, Object.keys(IDE_1999))
  const mechanics = { ...IDE_1999, ...given }
  for (const [key, value] of Object.entries(mechanics)) {
    const least = key.endsWith('Ms') ? 0 : 1
    if (typeof value !== 'number' || !Number.isFinite(value) || value < least)
      throw new TypeError(`block: ${key} of ${name} must be a number from ${least} on, not ${String(value)}`)
  }
  return mechanics
}

/** Throws a TypeError for options that there are not. */
export function settingsOf(options: BlockOptions): Settings {
  checkKnown('the module', options, 'disks md loops memory requests unplugMs flush'.split(' '))
  const { disks = DEFAULT_DISKS, md = [], loops = 2, memory = 2 ** 24, requests = NR_REQUEST } = options
  if (!Array.isArray(disks) || !Array.isArray(md)) throw new TypeError('block: disks and md must be lists')
  const all = disks.map(diskOf)
  const taken = new Map<number, string>()
  for (let unit = 0; unit < 8; unit++) {
    taken.set(mkdev(LOOP_MAJOR, unit), `loop${unit}`)
    taken.set(mkdev(MD_MAJOR, unit), `md${unit}`)
  }
  for (const { name, dev, minors } of all) {
    for (let unit = 0; unit < minors; unit++) {
      const other = taken.get(dev + unit)
      if (other !== undefined) throw new TypeError(`block: '${other}' and '${name}' have the same number`)
      taken.set(dev + unit, name)
    }
  }
  const flush = { ...FLUSH_DEFAULTS, ...options.flush }
  checkKnown('flush', flush, Object.keys(FLUSH_DEFAULTS))
  for (const [key, value] of Object.entries(flush))
    checkInt(`flush.${key}`, value, key === 'nfract' ? 0 : 1, 6e7)
  return {
    disks: all,
    md: md.map((one) => mdOf(one, all)),
    loops: checkInt('loops', loops, 0, 8),
    memory: checkInt('memory', memory, 65536, 2 ** 40),
    requests: checkInt('requests', requests, 4, 1024),
    unplugMs: checkInt('unplugMs', options.unplugMs ?? 3, 0, 60_000),
    flush: { ...flush, nfract: checkInt('flush.nfract', flush.nfract, 0, 100) },
  }
}

/** Are its name and parts such as there can be? That the parts exist shows when their tables have been read. */
function mdOf(one: MdOptions, disks: readonly DiskSettings[]): MdOptions {
  if (typeof one !== 'object' || one === null || !/^md[0-3]$/.test(one.name))
    throw new TypeError("block: an md device must be an object with a name from 'md0' to 'md3'")
  checkKnown(`'${one.name}'`, one, ['name', 'parts'])
  if (!Array.isArray(one.parts) || one.parts.length === 0)
    throw new TypeError(`block: the parts of ${one.name} must be a list of names`)
  for (const part of one.parts)
    if (typeof part !== 'string' || !disks.some(({ name }) => part.startsWith(name)))
      throw new TypeError(`block: ${one.name} has the part '${String(part)}', which is no disk or partition`)
  return { name: one.name, parts: [...one.parts] }
}
