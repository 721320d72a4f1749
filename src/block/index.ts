/**
 * block: disks, the queues of requests to them, the buffer cache, partitions and their nodes in /dev.
 *
 * Linux 2.2.12: drivers/block/ll_rw_blk.c, fs/buffer.c, fs/block_dev.c; reference §1.5. Kernel code reads and writes
 * blocks with `bread`, `getblk`, `brelse`, `markBufferDirty`; modules look at every buffer on its way through the member
 * `block` of their contributions.
 */

import { major, mkdev } from '../abi/brand.js'
import type { KernelCore } from '../kernel/kernel.js'
import { type CharDevice, defineModule } from '../kernel/module.js'
import { blockApi } from './api.js'
import { blockAudit } from './audit.js'
import { blockOps } from './device.js'
import { DONE_IRQ, FLUSH_BH, LOOP_BH, onDone, onUnplugTimer, UNPLUG_TIMER } from './driver.js'
import { onBdflush, onFlushTimer, syncDev } from './flush.js'
import { FLUSH_TIMER } from './flush_timer.js'
import { onLoop } from './loop.js'
import {
  type BlockOptions,
  IDE0_MAJOR,
  IDE1_MAJOR,
  LOOP_MAJOR,
  MD_MAJOR,
  RAMDISK_MAJOR,
  SCSI_DISK_MAJOR,
  settingsOf,
} from './options.js'
import { blockProcEntries } from './proc.js'
import { SHAPES } from './shapes.js'
import { diskCounters } from './stat.js'
import { BlockState, unitAt } from './state.js'

/** Drivers by major, as /proc/devices names them. Linux: the register_blkdev of each. */
const DRIVER_NAMES: ReadonlyMap<number, string> = new Map([
  [RAMDISK_MAJOR, 'ramdisk'],
  [IDE0_MAJOR, 'ide0'],
  [IDE1_MAJOR, 'ide1'],
  [LOOP_MAJOR, 'loop'],
  [SCSI_DISK_MAJOR, 'sd'],
  [MD_MAJOR, 'md'],
])

/** Nodes that each disk with partitions gets besides its own. */
const PARTITION_NODES = 8
const NODE_MODE = 0o660

/** One driver for each major, with the nodes of its disks. */
function driversOf(state: BlockState): CharDevice[] {
  const byMajor = new Map<number, { name: string; nodes: { name: string; minor: number; mode: number }[] }>()
  for (const { name, dev, minors } of state.drives) {
    const number = major(dev)
    const driver = byMajor.get(number) ?? { name: DRIVER_NAMES.get(number) ?? name, nodes: [] }
    byMajor.set(number, driver)
    const first = dev - mkdev(number, 0)
    for (let unit = 0; unit < Math.min(minors, PARTITION_NODES + 1); unit++)
      driver.nodes.push({ name: unit === 0 ? name : `${name}${unit}`, minor: first + unit, mode: NODE_MODE })
  }
  return [...byMajor].map(([number, { name, nodes }]) => ({
    name,
    major: number,
    nodes,
    open: (k: KernelCore, unit: number) =>
      unitAt(k.state.modules.get('block') as BlockState, mkdev(number, unit)) === null ? null : blockOps,
  }))
}

/** The module. Throws a TypeError for options that there are not. */
export function block(options: BlockOptions = {}) {
  const settings = settingsOf(options)
  return defineModule({
    name: 'block',
    init: (k) => new BlockState(settings, k.epoch),
    attach(k, state) {
      state.shapes = SHAPES
      return {
        api: blockApi(k),
        audit: blockAudit,
        blockDevices: driversOf(state),
        proc: blockProcEntries(k),
        sync: (current) => syncDev(current, null),
        diskCounters,
        interrupts: { [DONE_IRQ]: onDone },
        bottomHalves: { [FLUSH_BH]: onBdflush, [LOOP_BH]: onLoop },
        timers: { [UNPLUG_TIMER]: onUnplugTimer, [FLUSH_TIMER]: onFlushTimer },
      }
    },
  })
}

export type { BlockApi, CacheStats, DiskStats, FaultSetup, UnitInfo } from './api.js'
export { type BlkTraceEvent, parseBlkTrace } from './blktrace.js'
export {
  type BlkTraceApi,
  type BlkTraceExport,
  type BlkTraceOptions,
  blktrace,
} from './blktrace_module.js'
export { BufferHead } from './buffer.js'
export { BLOCK_SIZE, brelse, type FlushTunables } from './cache.js'
export type { BlockContributions, MergeKind, UnplugReason } from './contributions.js'
export { IDE_1999, type Mechanics } from './disk.js'
export { syncDev } from './flush.js'
export { bread, markBufferDirty, setBlockSize } from './io.js'
export type { BlockOptions, DiskChunk, DiskOptions, Geometry, MdOptions } from './options.js'
export type { Partition, PartitionEntry } from './partition.js'
export { READ, READA, Request, WRITE, WRITEA } from './request.js'
export { SECTOR_SIZE } from './sparse.js'
