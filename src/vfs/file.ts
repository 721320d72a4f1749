/**
 * Open files: what a descriptor refers to, shared by dup(2) and fork(2). Linux: struct file, include/linux/fs.h.
 */

import type { Dentry } from './dentry.js'
import type { Inode } from './inode.js'
import type { Mount } from './mount.js'
import type { FileOperations } from './ops.js'

/** Linux: FMODE_READ, FMODE_WRITE. An open with access mode 3 has neither. */
export const FMODE_READ = 1
export const FMODE_WRITE = 2

export class File<P = unknown> {
  ops: FileOperations<P>
  data: P
  inode: Inode
  dentry: Dentry | null = null
  mnt: Mount | null = null
  /** O_* flags but for O_CREAT, O_EXCL, O_NOCTTY, O_TRUNC. */
  flags = 0
  mode = 0
  /** Bytes from the start; for directories what readdir makes of it. */
  pos = 0
  /** Descriptors and other holders. */
  count = 1
  /** F_SETOWN: a pid, or minus a process group. */
  owner = 0
  ownerUid = 0
  ownerEuid = 0
  /** F_SETSIG: 0 for SIGIO. */
  ownerSignal = 0
  security: unknown[] | null = null

  constructor(ops: FileOperations<P>, data: P, inode: Inode) {
    this.ops = ops
    this.data = data
    this.inode = inode
  }
}
