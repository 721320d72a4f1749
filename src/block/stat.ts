/** The disks' part of /proc/stat. Linux: kstat.dk_drive and its kin, drive_stat_acct, 2.2.12. */

import { major, minor } from '../abi/brand.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { DiskCounter } from '../kernel/module.js'
import { IDE0_MAJOR, IDE1_MAJOR, SCSI_DISK_MAJOR } from './options.js'
import { blockState } from './state.js'

/** Linux: DK_NDRIVE. */
const DRIVES = 4

/** Which of the four counters a drive counts in; -1: none. Linux: drive_stat_acct. */
function placeOf(dev: Parameters<typeof major>[0]): number {
  switch (major(dev)) {
    case IDE0_MAJOR:
      return minor(dev) >> 6
    case IDE1_MAJOR:
      return 2 + (minor(dev) >> 6)
    case SCSI_DISK_MAJOR:
      return (minor(dev) >> 4) & 3
    default:
      return -1
  }
}

/** Requests and sectors of the first four drives. */
export function diskCounters(k: KernelCore): DiskCounter[] {
  const counters = Array.from({ length: DRIVES }, () => ({
    reads: 0,
    writes: 0,
    readSectors: 0,
    writtenSectors: 0,
  }))
  for (const { dev, stats } of blockState(k).drives) {
    const counter = counters[placeOf(dev)]
    if (counter === undefined) continue
    counter.reads += stats.reads
    counter.writes += stats.writes
    counter.readSectors += stats.readSectors
    counter.writtenSectors += stats.writtenSectors
  }
  return counters
}
