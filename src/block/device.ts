/**
 * Block devices as files. Linux: blkdev_open, block_read, block_write, block_fsync, fs/devices.c and fs/block_dev.c
 * (2.2.12).
 *
 * Deviation: a partition that does not exist cannot be opened (ENXIO), as with SCSI; an IDE one can in 2.2, and ends at
 * once. A process that ends with a device open does not wait for what is dirty, it only starts it.
 */

import type { DevT } from '../abi/brand.js'
import { major } from '../abi/brand.js'
import { EINVAL, EIO, ENXIO, EPERM } from '../abi/errno.js'
import { O_SYNC, SEEK_CUR, SEEK_END, SEEK_SET } from '../abi/fcntl.js'
import { isAtLeast } from '../abi/profile.js'
import type { Task } from '../kernel/task.js'
import { deny } from '../security/deny.js'
import type { File } from '../vfs/file.js'
import { defineFileOps, type IoctlArg } from '../vfs/ops.js'
import { startWriting, syncDev } from './flush.js'
import { blockIoctl } from './ioctl.js'
import { isLoop, loopIoctl } from './loop.js'
import type { BlockUnit } from './queue.js'
import { SECTOR_SIZE } from './sparse.js'
import { blockState, unitAt } from './state.js'
import { blockRead, blockWrite } from './transfer.js'

/** What an open file of a block device has of its own. */
export class OpenDevice {
  readonly dev: DevT
  readonly unit: BlockUnit
  /** There has been a transfer since the last seek: a short read asks for more. Linux: f_reada. */
  isSequential = false

  constructor(dev: DevT, unit: BlockUnit) {
    this.dev = dev
    this.unit = unit
  }
}

/** SEEK_END counts from the end in 2.6; from 0 in 2.2, whose inodes of devices have no size. Linux: block_llseek. */
function llseek(current: Task, file: File<OpenDevice>, offset: number, whence: number): number {
  const isModern = isAtLeast(current.k.facts.release, '2.6.14')
  const sectors = unitAt(blockState(current.k), file.data.dev)?.unit.sectors ?? 0
  const end = isModern ? sectors * SECTOR_SIZE : file.inode.size
  const base = whence === SEEK_SET ? 0 : whence === SEEK_CUR ? file.pos : whence === SEEK_END ? end : -1
  if (base < 0 || base + offset < 0 || (isModern && base + offset > end)) return EINVAL
  if (file.pos !== base + offset) file.data.isSequential = false
  file.pos = base + offset
  return file.pos
}

/** The operations of an open block device. */
export const blockOps = defineFileOps<OpenDevice>({
  name: 'block',
  seekable: true,
  sleeps: true,

  /** Errors: ENXIO there is no such unit. */
  open(current, inode, file) {
    const at = unitAt(blockState(current.k), inode.rdev)
    if (at === null) return ENXIO
    at.unit.openers++
    file.data = new OpenDevice(inode.rdev, at.unit)
    return 0
  },

  /** Closing a device writes what is dirty of it, and sleeps until it has been. Linux: ide_release. */
  beforeClose: (current, { data }) => syncDev(current, data.dev),

  /** A process that ends cannot wait for that: it is started. */
  release(current, { data }) {
    data.unit.openers--
    if (current !== null) startWriting(current.k, data.dev)
  },

  /** Errors: EIO, where no byte could be read. */
  read(current, { data }, buf, pos) {
    const state = blockState(current.k)
    const at = unitAt(state, data.dev)
    if (at === null) return EIO
    const ahead = data.isSequential ? (state.readAhead.get(major(data.dev)) ?? 0) : 0
    const count = blockRead(current, data.dev, at, buf, pos, ahead)
    if (count > 0) data.isSequential = true
    return count
  },

  /** Errors: EPERM the device is read-only; ENOSPC it ends here; EIO. */
  write(current, { data, flags, inode }, bytes, pos) {
    const at = unitAt(blockState(current.k), data.dev)
    if (at === null) return EIO
    if (at.unit.isReadOnly && current.restart === null)
      return deny(current, EPERM, 'state', inode, 'the block device is read-only')
    const count = blockWrite(current, data.dev, at, bytes, pos, (flags & O_SYNC) !== 0)
    if (count > 0) data.isSequential = true
    return count
  },

  llseek,
  fsync: (current, { data }) => syncDev(current, data.dev),

  ioctl(current: Task, { data }: File<OpenDevice>, cmd: number, arg: IoctlArg) {
    const state = blockState(current.k)
    const at = unitAt(state, data.dev)
    if (at === null) return EIO
    const result = isLoop(at.drive) ? loopIoctl(current, at, cmd, arg) : null
    return result ?? blockIoctl(current, data.dev, at, cmd, arg)
  },
})
