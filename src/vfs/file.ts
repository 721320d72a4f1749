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

/** An open file. `P` is the type of its private data. Linux: struct file. */
export class File<P = unknown> {
  /** What read, write and the rest do. */
  ops: FileOperations<P>
  /** What belongs to the operations: set it in `open`. */
  data: P
  /** What is open. */
  inode: Inode
  /** By which name it was opened; null for pipes. */
  dentry: Dentry | null = null
  /** In which mount; null for pipes. */
  mnt: Mount | null = null
  /** O_* flags but for O_CREAT, O_EXCL, O_NOCTTY, O_TRUNC. */
  flags = 0
  /** FMODE_READ 1, FMODE_WRITE 2. */
  mode = 0
  /** Bytes from the start; for directories what readdir makes of it. */
  pos = 0
  /** Descriptors and other holders. */
  count = 1
  /** F_SETOWN: a pid, or minus a process group. */
  owner = 0
  /** The real uid of who set the owner. */
  ownerUid = 0
  /** The effective uid of who set the owner. */
  ownerEuid = 0
  /** F_SETSIG: 0 for SIGIO. */
  ownerSignal = 0
  /** Modules' slots; see Blob. */
  security: unknown[] | null = null

  constructor(ops: FileOperations<P>, data: P, inode: Inode) {
    this.ops = ops
    this.data = data
    this.inode = inode
  }
}
