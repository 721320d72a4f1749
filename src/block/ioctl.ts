/**
 * ioctl(2) of disks and partitions. Linux: ide_ioctl (drivers/block/ide.c), sd_ioctl, RO_IOCTLS (include/linux/blk.h),
 * 2.2.12; blkdev_ioctl (drivers/block/ioctl.c), 2.6.14.
 *
 * For a request that they do not know drivers say EINVAL in 2.2, IDE's EIO; in 2.6 it is ENOTTY, and EINVAL of IDE.
 * Deviation: BLKGETSIZE says EFBIG where the number does not fit its 32 bits in 2.2 as well.
 */

import { asDevT, type DevT, major, minor } from '../abi/brand.js'
import { CAP_SYS_ADMIN } from '../abi/capability.js'
import { BLOCKED, EACCES, EBUSY, EFAULT, EFBIG, EINVAL, EIO, ENOTTY } from '../abi/errno.js'
import {
  BLKFLSBUF,
  BLKGETSIZE,
  BLKRAGET,
  BLKRASET,
  BLKROGET,
  BLKROSET,
  BLKRRPART,
  BLKSSZGET,
  HDIO_GETGEO,
} from '../abi/ioctl.js'
import { isAtLeast } from '../abi/profile.js'
import type { Task } from '../kernel/task.js'
import { writeU16LE, writeU32LE } from '../lib/bytes.js'
import { requireCapability } from '../security/capability.js'
import { getInt, putWord } from '../vfs/ioctl_arg.js'
import type { IoctlArg } from '../vfs/ops.js'
import { invalidateBuffers } from './cache.js'
import { syncDev } from './flush.js'
import { IDE0_MAJOR, IDE1_MAJOR } from './options.js'
import { SECTOR_SIZE } from './sparse.js'
import { type Addressed, type BlockState, blockState, type Drive, rereadPartitions } from './state.js'

const isModern = (current: Task): boolean => isAtLeast(current.k.facts.release, '2.6.14')

/** What ioctl(2) of a block device answers, loop and md devices included. */
export function blockIoctl(current: Task, dev: DevT, at: Addressed, cmd: number, arg: IoctlArg): number {
  const state = blockState(current.k)
  switch (cmd) {
    case BLKGETSIZE:
      return at.unit.sectors >= 2 ** 32 ? EFBIG : putWord(arg, at.unit.sectors)
    case BLKSSZGET:
      return putWord(arg, SECTOR_SIZE)
    case BLKROGET:
      return putWord(arg, at.unit.isReadOnly ? 1 : 0)
    case BLKROSET:
      return setReadOnly(current, at, arg)
    case BLKFLSBUF:
      return mayAdmin(current) || flush(current, state, dev)
    case BLKRRPART:
      return mayAdmin(current) || reread(current, state, at.drive)
    case BLKRASET:
      return mayAdmin(current) || setReadAhead(state, dev, arg)
    case BLKRAGET:
      return putWord(arg, state.readAhead.get(major(dev)) ?? 0)
    case HDIO_GETGEO:
      return getGeometry(current, at, arg)
    default:
      return unknown(current, at.drive)
  }
}

/** What a driver says of a request that it does not know. Linux: default_ioctl (ide.c), rd_ioctl, sd_ioctl. */
function unknown(current: Task, { dev }: Drive): number {
  const isIde = major(dev) === IDE0_MAJOR || major(dev) === IDE1_MAJOR
  if (isModern(current)) return isIde ? EINVAL : ENOTTY
  return isIde ? EIO : EINVAL
}

/** Errors: EACCES. */
const mayAdmin = (current: Task): number => requireCapability(current, CAP_SYS_ADMIN, EACCES)

function setReadOnly(current: Task, { unit }: Addressed, arg: IoctlArg): number {
  const refused = mayAdmin(current)
  if (refused !== 0) return refused
  const value = typeof arg === 'number' ? null : getInt(arg)
  if (value === null) return EFAULT
  unit.isReadOnly = value !== 0
  return 0
}

/** Writes what is dirty, then forgets what is in memory. Linux: fsync_dev, invalidate_buffers. */
function flush(current: Task, state: BlockState, dev: DevT): number {
  if (syncDev(current, dev) === BLOCKED) return BLOCKED
  invalidateBuffers(state.cache, dev)
  return 0
}

/**
 * Reads the partition table again. Errors: EBUSY somebody else has the disk or one of its partitions open; EINVAL it can
 * have none. Linux: ide_revalidate_disk.
 */
function reread(current: Task, state: BlockState, drive: Drive): number {
  if (drive.minors === 1) return EINVAL
  if (drive.openers > 1) return EBUSY
  const failed = syncDev(current, drive.dev)
  if (failed === BLOCKED) return BLOCKED
  for (let number = 0; number < drive.minors; number++)
    invalidateBuffers(state.cache, asDevT(drive.dev + number))
  rereadPartitions(state, drive)
  return 0
}

/** The number is the argument itself. Errors: EINVAL above 255. */
function setReadAhead(state: BlockState, dev: DevT, arg: IoctlArg): number {
  if (typeof arg !== 'number' || !(arg >= 0 && arg <= 0xff)) return EINVAL
  state.readAhead.set(major(dev), Math.floor(arg))
  return 0
}

/** Linux: struct hd_geometry: heads, sectors, cylinders (16 bits), where the partition begins (32 bits). */
function getGeometry(current: Task, { drive, unit }: Addressed, arg: IoctlArg): number {
  if (drive.minors === 1) return unknown(current, drive)
  if (arg === undefined || arg === 0) return EINVAL
  if (!(arg instanceof Uint8Array) || arg.length < 8) return EFAULT
  const { heads, sectors } = drive.geometry
  const whole = drive.queue.units.get(minor(drive.dev))?.sectors ?? 0
  arg[0] = heads
  arg[1] = sectors
  writeU16LE(arg, 2, Math.floor(whole / (heads * sectors)) & 0xffff)
  writeU32LE(arg, 4, unit.start)
  return 0
}
