/**
 * Superblocks: one mounted file system's own data. Linux: struct super_block, struct super_operations.
 */

import type { DevT } from '../abi/brand.js'
import type { Ret } from '../abi/errno.js'
import type { Statfs } from '../abi/stat.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { Task } from '../kernel/task.js'
import type { Dentry } from './dentry.js'
import type { Inode } from './inode.js'
import type { Mount } from './mount.js'

/** What a file system does for its superblock. Stateless, a frozen constant. */
export interface SuperOperations {
  /** Names the table in digests and errors. */
  readonly name: string
  /** Fills in capacity. Linux: statfs. */
  statfs(sb: SuperBlock): Statfs
  /** The last use of a nameless inode is gone: free its space. Linux: delete_inode / clear_inode. */
  evictInode(inode: Inode): void
  /** New flags or options on a mounted file system: 0 or an Errno. Linux: remount_fs. */
  remount?(k: KernelCore, sb: SuperBlock, flags: number, options: string): number
  /**
   * Everything in memory to the device, for sync(2) and before the last umount. 0, or BLOCKED where `current` sleeps until
   * then: the call runs again. Nobody calls, and nobody sleeps, where `current` is null. Linux: sync_fs, write_super.
   */
  sync?(k: KernelCore, sb: SuperBlock, current: Task | null): number
  /**
   * What `current` sees where this is mounted, instead of its root: a mount that is in no list, whose `parent` is `mnt` and
   * whose `mountpoint` is its root; null for the root itself.
   */
  view?(current: Task, mnt: Mount): Mount | null
  /** Do such views have uses? Then umount is EBUSY. */
  isViewed?(sb: SuperBlock): boolean
  /** The last mount is gone. Linux: put_super / kill_sb. */
  putSuper?(k: KernelCore, sb: SuperBlock): void
  /** Options as /proc/mounts shows them behind ro/rw, with a leading comma each. Linux: show_options. */
  showOptions?(sb: SuperBlock): string
}

/** Fills the optional parts of a table and freezes it. */
export const defineSuperOps = (ops: SuperOperations): SuperOperations => Object.freeze(ops)

/** One mounted file system. Linux: struct super_block. */
export class SuperBlock {
  /** The file-system type's name. */
  type: string
  /** The device number that stat(2) shows. */
  dev: DevT
  /** MS_RDONLY and friends, of the whole file system. */
  flags: number
  /** Its root directory; set by the time `mount` returns it. */
  root: Dentry | null = null
  /** What it does as a whole. */
  ops: SuperOperations
  /** The file system's own part. */
  data: unknown
  /** The number of the next inode: `asIno(sb.nextIno++)`. */
  nextIno = 1
  /** Bytes. */
  blockSize = 4096
  /** Largest file in bytes; beyond it EFBIG. */
  maxBytes: number
  /** How many mounts show it. */
  mounts = 0
  /** Are looked-up names kept in the tree? False where names come and go by themselves (procfs). */
  cachesDentries = true
  /** Modules' slots; see Blob. */
  security: unknown[] | null = null

  constructor(type: string, dev: DevT, flags: number, ops: SuperOperations, data: unknown, maxBytes: number) {
    this.type = type
    this.dev = dev
    this.flags = flags
    this.ops = ops
    this.data = data
    this.maxBytes = maxBytes
  }
}

/**
 * A kind of file system. Linux: struct file_system_type; `mount` is read_super / get_sb.
 * `mount` returns a superblock with its `root` set, or an Errno.
 */
export interface FileSystemType {
  /** What mount(2) is given. */
  readonly name: string
  /** Needs a block device as its source; /proc/filesystems shows `nodev` without. */
  readonly requiresDevice?: boolean
  /** Every mount shows the same superblock (procfs). Linux: get_sb_single. */
  readonly single?: boolean
  /**
   * Every mount shows the same files, though each is a superblock of its own: what is changed in one is changed in all
   * (sockfs). For modules that label superblocks.
   */
  readonly sharesFiles?: boolean
  /** Makes a superblock, its `root` set. `flags` are MS_*, `options` the text of mount(2). */
  mount(k: KernelCore, source: string, flags: number, options: string): Ret<SuperBlock>
}
