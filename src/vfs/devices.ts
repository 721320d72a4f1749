/**
 * Device numbers and who answers for them. Linux: chrdevs[] and blkdevs[], fs/devices.c (2.2); cdev_map,
 * fs/char_dev.c and drivers/base/map.c (2.6); misc_list, drivers/char/misc.c.
 *
 * The registry is wiring: it is filled from the modules at creation and again after every fork and restore, in
 * the same order, so a dynamic number comes out the same each time.
 *
 * Major 10 is shared, as by misc_register: several drivers may have it while their minors differ.
 *
 * A driver that can be loaded (`isLoaded`) has its number only while it is there; an open that finds nobody asks it to
 * load, as request_module of `char-major-N` does.
 *
 * Left out: regions of minors that share a major (2.6).
 */

import { type DevT, major, minor, mkdev } from '../abi/brand.js'
import { ENODEV, ENXIO, isErr, type Ret } from '../abi/errno.js'
import { isAtLeast, type ProfileFacts } from '../abi/profile.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { CharDevice, ExtraNode } from '../kernel/module.js'
import { defineFileOps, type FileOperations } from './ops.js'

/** Linux: MEM_MAJOR, include/linux/major.h. */
export const MEM_MAJOR = 1
/** The major that drivers of a single minor share. Linux: MISC_MAJOR. */
export const MISC_MAJOR = 10

/** A node for /dev. `path` is relative to it and may hold slashes: 'net/tun'. */
export interface DeviceNode {
  readonly path: string
  readonly kind: 'char' | 'block'
  readonly dev: DevT
  /** Permission bits. */
  readonly mode: number
}

/** A driver with its number found. */
interface Registered {
  readonly driver: CharDevice
  readonly owner: string
  readonly major: number
}

const quote = (entry: Registered): string => `device '${entry.driver.name}' of ${entry.owner}`

/** Throws TypeError for what is no driver at all. */
function checkShape(driver: Partial<CharDevice>, owner: string): void {
  if (typeof driver.name !== 'string' || driver.name === '') {
    throw new TypeError(`a device of ${owner} has no name: its line in /proc/devices is wanted`)
  }
  if (!Array.isArray(driver.nodes) || typeof driver.open !== 'function') {
    throw new TypeError(`device '${driver.name}' of ${owner} must have nodes (a list) and open (a function)`)
  }
}

/** One of the two name spaces of majors. */
class DriverTable {
  readonly limit: number
  readonly byMajor = new Map<number, Registered>()
  /** Drivers that share MISC_MAJOR, by minor. */
  readonly misc = new Map<number, Registered>()
  /** Drivers that come and go; several may want one number. */
  readonly loadable: Registered[] = []

  constructor(limit: number) {
    this.limit = limit
  }

  /** The highest free major. Linux: register_chrdev with major 0, fs/devices.c (2.2), fs/char_dev.c (2.6). */
  highestFree(): number {
    let at = this.limit - 1
    while (at > 0 && (at === MISC_MAJOR || this.byMajor.has(at) || this.wants(at))) at--
    return at
  }

  /** Who has a major now? */
  holder(major: number): Registered | undefined {
    return (
      this.byMajor.get(major) ??
      this.loadable.find((entry) => entry.major === major && entry.driver.isLoaded?.() === true)
    )
  }

  /** Lets drivers of a major that nobody has load. Linux: request_module("char-major-%d"). */
  request(major: number): Registered | undefined {
    return this.loadable.find((entry) => entry.major === major && entry.driver.load?.() === true)
  }

  /** Does some driver that is not there want it? */
  private wants(major: number): boolean {
    return this.loadable.some((entry) => entry.major === major)
  }
}

/** Drivers by number. One per kernel: `k.devices`. */
export class DeviceRegistry {
  private readonly facts: ProfileFacts
  private readonly chars: DriverTable
  private readonly blocks: DriverTable
  private readonly allNodes: (DeviceNode & { readonly by: Registered })[] = []

  /** Majors are below MAX_CHRDEV: 128 in 2.0 and 2.2 (include/linux/major.h), 255 since. */
  constructor(facts: ProfileFacts) {
    this.facts = facts
    const limit = isAtLeast(facts.release, '2.6.14') ? 255 : 128
    this.chars = new DriverTable(limit)
    this.blocks = new DriverTable(limit)
  }

  /**
   * Adds a driver and returns its major. `owner` says in errors whose it is: "module 'bufflink'".
   * Linux: register_chrdev, register_blkdev, misc_register.
   *
   * Throws TypeError when a number or a node name is taken (naming both sides) or makes no sense.
   */
  register(driver: CharDevice, owner: string, kind: 'char' | 'block' = 'char'): number {
    checkShape(driver, owner)
    const table = kind === 'char' ? this.chars : this.blocks
    const number = driver.major === 'dynamic' ? table.highestFree() : driver.major
    const entry: Registered = { driver, owner, major: number }
    this.checkNumbers(entry, table)
    if (number === MISC_MAJOR && kind === 'char') this.addMisc(entry)
    else if (driver.isLoaded !== undefined) table.loadable.push(entry)
    else this.addMajor(entry, table, kind)
    for (const node of driver.nodes) this.addNode(entry, kind, node)
    return number
  }

  /** Adds a node of a driver that is registered. Throws TypeError where there is none of that name, or as `register`. */
  registerNode({ driver: name, kind = 'char', ...node }: ExtraNode, owner: string): void {
    const entry = this.byName(name, kind)
    if (entry === undefined)
      throw new TypeError(
        `${owner} wants the node '${node.name}' of device '${name}', which nobody contributes`,
      )
    this.checkMinor(entry, node)
    this.addNode({ ...entry, owner }, kind, node)
  }

  /** The operations of a character device's unit, or why there are none. Linux: get_chrfops, kobj_lookup. */
  open(k: KernelCore, dev: number): Ret<FileOperations> {
    return this.lookup(k, this.chars, dev)
  }

  /** As `open`, for block devices. Linux: get_blkfops. */
  openBlock(k: KernelCore, dev: number): Ret<FileOperations> {
    return this.lookup(k, this.blocks, dev)
  }

  /** The major that a driver got, by its name; undefined when there is none. */
  majorOf(name: string, kind: 'char' | 'block' = 'char'): number | undefined {
    return this.byName(name, kind)?.major
  }

  /** Has some driver that is there this major? Linux: register_chrdev: EBUSY. */
  isTaken(number: number, kind: 'char' | 'block' = 'char'): boolean {
    return (kind === 'char' ? this.chars : this.blocks).holder(number) !== undefined
  }

  /** What to put into /dev, in the order of registration. */
  nodes(): readonly DeviceNode[] {
    return this.allNodes
  }

  /** The text of /proc/devices. Linux: get_device_list, fs/devices.c (2.2). */
  describe(): string {
    const lines = (table: DriverTable): string => {
      const names = new Map([...table.byMajor].map(([at, entry]) => [at, entry.driver.name]))
      for (const { major: at, driver } of table.loadable) if (driver.isLoaded?.()) names.set(at, driver.name)
      if (table.misc.size > 0) names.set(MISC_MAJOR, 'misc')
      const sorted = [...names].sort(([a], [b]) => a - b)
      return sorted.map(([at, name]) => `${String(at).padStart(3)} ${name}\n`).join('')
    }
    return `Character devices:\n${lines(this.chars)}\nBlock devices:\n${lines(this.blocks)}`
  }

  /** The text of /proc/misc. Linux: misc_read_proc, drivers/char/misc.c (2.2). */
  describeMisc(): string {
    const sorted = [...this.chars.misc].sort(([a], [b]) => a - b)
    return sorted.map(([at, entry]) => `${String(at).padStart(3)} ${entry.driver.name}\n`).join('')
  }

  /** The number of a file system without a device. Linux: get_unnamed_dev, fs/super.c. */
  anonymous(n: number): DevT {
    return mkdev(0, n)
  }

  private byName(name: string, kind: 'char' | 'block'): Registered | undefined {
    const table = kind === 'char' ? this.chars : this.blocks
    for (const entry of [...table.byMajor.values(), ...table.misc.values(), ...table.loadable]) {
      if (entry.driver.name === name) return entry
    }
    return undefined
  }

  private lookup(k: KernelCore, table: DriverTable, dev: number): Ret<FileOperations> {
    const at = major(dev)
    const isMisc = at === MISC_MAJOR && table.misc.size > 0
    const entry = isMisc ? table.misc.get(minor(dev)) : (table.holder(at) ?? table.request(at))
    // misc_open says ENODEV for a minor that nobody has.
    if (entry === undefined) return isMisc ? ENODEV : this.noDriver()
    return entry.driver.open(k, minor(dev)) ?? ENXIO
  }

  /** ENODEV from chrdev_open and blkdev_open of 2.2; ENXIO from chrdev_open and do_open of 2.6. */
  private noDriver(): typeof ENODEV {
    return isAtLeast(this.facts.release, '2.6.14') ? ENXIO : ENODEV
  }

  private checkNumbers(entry: Registered, table: DriverTable): void {
    const { driver, major: number } = entry
    if (driver.major === 'dynamic' && number === 0) {
      throw new TypeError(`${quote(entry)}: all majors below ${table.limit} are taken`)
    }
    if (!Number.isInteger(number) || number <= 0 || number >= table.limit) {
      throw new TypeError(`${quote(entry)}: major ${String(number)} is not between 1 and ${table.limit - 1}`)
    }
    for (const node of driver.nodes) this.checkMinor(entry, node)
  }

  private checkMinor(entry: Registered, { name, minor: unit }: CharDevice['nodes'][number]): void {
    const minors = 2 ** (this.facts.devBits === 16 ? 8 : 20)
    if (!Number.isInteger(unit) || unit < 0 || unit >= minors) {
      throw new TypeError(`${quote(entry)}: minor ${String(unit)} of '${name}' is not below ${minors}`)
    }
  }

  private addMajor(entry: Registered, table: DriverTable, kind: string): void {
    const other = table.byMajor.get(entry.major)
    if (other !== undefined) {
      throw new TypeError(`${quote(entry)} wants ${kind} major ${entry.major}, which ${quote(other)} has`)
    }
    table.byMajor.set(entry.major, entry)
  }

  private addMisc(entry: Registered): void {
    const { misc } = this.chars
    for (const { minor: unit } of entry.driver.nodes) {
      const other = misc.get(unit)
      if (other !== undefined) {
        throw new TypeError(`${quote(entry)} wants misc minor ${unit}, which ${quote(other)} has`)
      }
      misc.set(unit, entry)
    }
  }

  private addNode(entry: Registered, kind: DeviceNode['kind'], node: CharDevice['nodes'][number]): void {
    const other = this.allNodes.find(({ path }) => path === node.name)
    if (other !== undefined) {
      throw new TypeError(`${quote(entry)} wants the node '${node.name}', which ${quote(other.by)} has`)
    }
    this.allNodes.push({
      path: node.name,
      kind,
      dev: mkdev(entry.major, node.minor),
      mode: node.mode,
      by: entry,
    })
  }
}

/** What an open of any character node goes through first. Linux: def_chr_fops, chrdev_open. */
export const charDeviceOps: FileOperations = defineFileOps({
  name: 'chrdev',
  open(current, inode, file) {
    const ops = current.k.devices.open(current.k, inode.rdev)
    if (isErr(ops)) return ops
    file.ops = ops
    return ops.open(current, inode, file)
  },
})

/** What an open of any block node goes through first. Linux: def_blk_fops, blkdev_open. */
export const blockDeviceOps: FileOperations = defineFileOps({
  name: 'blkdev',
  open(current, inode, file) {
    const ops = current.k.devices.openBlock(current.k, inode.rdev)
    if (isErr(ops)) return ops
    file.ops = ops
    return ops.open(current, inode, file)
  },
})

/** A socket's node in a directory cannot be opened. Linux: sock_no_open (2.2, 2.6): ENXIO. */
export const socketNodeOps: FileOperations = defineFileOps({ name: 'sock', open: () => ENXIO })
