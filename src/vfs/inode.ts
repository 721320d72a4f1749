/**
 * Inodes: one per file, whatever its names. Linux: struct inode, include/linux/fs.h (2.2, 2.6).
 *
 * `count` is the number of uses from outside the directory tree (open files, working directories, roots, running
 * images, mounts). When it is 0 and `nlink` is 0 the file system may free the inode: `iput` calls evictInode.
 * Times are milliseconds since the kernel booted; a time set by utime(2) may be far below zero.
 */

import { type AccessMask, asAccessMask, type DevT, type Ino } from '../abi/brand.js'
import type { Cloner } from '../lib/graph.js'
import type { FileLockContext } from './locks.js'
import type { FileOperations, InodeOperations } from './ops.js'
import type { SuperBlock } from './superblock.js'

/** Mask of an access: execute, or search a directory. Linux: MAY_EXEC …, include/linux/fs.h. */
export const MAY_EXEC: AccessMask = asAccessMask(1)
/** Mask of an access: write. */
export const MAY_WRITE: AccessMask = asAccessMask(2)
/** Mask of an access: read. */
export const MAY_READ: AccessMask = asAccessMask(4)
/** Mask of an access: write at the end only. */
export const MAY_APPEND: AccessMask = asAccessMask(8)
export const MAY_WRITE_EXEC: AccessMask = asAccessMask(3)

/** Inode flags. Linux: S_APPEND, S_IMMUTABLE, S_DEAD (include/linux/fs.h). */
export const S_APPEND = 4
export const S_IMMUTABLE = 8
/** A removed directory that something still uses: nothing can be created in it. */
export const S_DEAD = 16

/** A file, whatever its names. Linux: struct inode. */
export class Inode {
  /** Its file system. */
  sb: SuperBlock
  /** Its number. */
  ino: Ino
  /** Type and permission bits. */
  mode: number
  /** How many names it has. */
  nlink = 1
  /** The owner. */
  uid: number
  /** The group. */
  gid: number
  /** Bytes; for a directory what the file system says. */
  size = 0
  /** The device that a node stands for. */
  rdev: DevT
  /** Last read, milliseconds since boot. */
  atime: number
  /** Last write, milliseconds since boot. */
  mtime: number
  /** Last change of the inode, milliseconds since boot. */
  ctime: number
  /** S_APPEND, S_IMMUTABLE, S_DEAD. */
  flags = 0
  /** Uses from outside the tree. */
  count = 0
  /** > 0: open for writing so many times; < 0: being executed so many times. Linux: i_writecount. */
  writeCount = 0
  /** What lookup, create and the rest do. */
  ops: InodeOperations
  /** What read, write and the rest do once it is open. */
  fops: FileOperations
  /** The file system's own part: file pages, link target, pipe, proc entry … */
  data: unknown
  /** @internal Record locks and flocks, null while there are none. */
  locks: FileLockContext | null = null
  /** Security modules' slots (see security/blob.ts), null while unused. */
  security: unknown[] | null = null

  constructor(
    sb: SuperBlock,
    ino: Ino,
    mode: number,
    ops: InodeOperations,
    fops: FileOperations,
    data: unknown,
    rdev: DevT,
    now: number,
  ) {
    this.sb = sb
    this.ino = ino
    this.mode = mode
    this.uid = 0
    this.gid = 0
    this.rdev = rdev
    this.atime = now
    this.mtime = now
    this.ctime = now
    this.ops = ops
    this.fops = fops
    this.data = data
  }

  /** @internal For forks of the kernel; see lib/graph.ts. */
  static shallowCopy(from: Inode): Inode {
    const copy = new Inode(
      from.sb,
      from.ino,
      from.mode,
      from.ops,
      from.fops,
      from.data,
      from.rdev,
      from.atime,
    )
    copy.nlink = from.nlink
    copy.uid = from.uid
    copy.gid = from.gid
    copy.size = from.size
    copy.mtime = from.mtime
    copy.ctime = from.ctime
    copy.flags = from.flags
    copy.count = from.count
    copy.writeCount = from.writeCount
    copy.locks = from.locks
    copy.security = from.security
    return copy
  }

  /** @internal The operations are constants, shared by all copies. */
  fillState(cloner: Cloner): void {
    this.sb = cloner.copy(this.sb)
    if (this.data !== null) this.data = cloner.copy(this.data)
    if (this.locks !== null) this.locks = cloner.copy(this.locks)
    if (this.security !== null) this.security = cloner.copy(this.security)
  }
}

/** Takes one use. Linux: igrab. */
export const igrab = (inode: Inode): Inode => {
  inode.count++
  return inode
}

/** Gives one use back; an inode without uses and without names is evicted. Linux: iput. */
export function iput(inode: Inode): void {
  inode.count--
  if (inode.count === 0 && inode.nlink === 0) inode.sb.ops.evictInode(inode)
}

/** Lowers the link count; the last name of an unused inode evicts it. Linux: drop_nlink and the iput after it. */
export function dropLink(inode: Inode): void {
  inode.nlink--
  if (inode.nlink === 0 && inode.count === 0) inode.sb.ops.evictInode(inode)
}

/**
 * Claims the right to write. False when the file is being executed (ETXTBSY).
 * Linux: get_write_access, fs/namei.c.
 */
export function getWriteAccess(inode: Inode): boolean {
  if (inode.writeCount < 0) return false
  inode.writeCount++
  return true
}

/** Linux: put_write_access. */
export const putWriteAccess = (inode: Inode): void => {
  inode.writeCount--
}

/** Claims the right to execute: no writer may come. False when there is one. Linux: deny_write_access. */
export function denyWriteAccess(inode: Inode): boolean {
  if (inode.writeCount > 0) return false
  inode.writeCount--
  return true
}

/** Linux: allow_write_access. */
export const allowWriteAccess = (inode: Inode): void => {
  inode.writeCount++
}
