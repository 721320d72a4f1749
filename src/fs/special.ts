/**
 * File operations of the inodes that are not files: devices, FIFOs, sockets. Linux: init_special_inode, fs/inode.c.
 */

import { S_IFBLK, S_IFCHR, S_IFIFO, S_IFMT } from '../abi/stat.js'
import { blockDeviceOps, charDeviceOps, socketNodeOps } from '../vfs/devices.js'
import type { FileOperations } from '../vfs/ops.js'
import { fifoOps } from './fifo.js'

/** The table for a mode's type. */
export function specialFileOps(mode: number): FileOperations {
  switch (mode & S_IFMT) {
    case S_IFCHR:
      return charDeviceOps
    case S_IFBLK:
      return blockDeviceOps
    case S_IFIFO:
      return fifoOps
    default:
      return socketNodeOps
  }
}
