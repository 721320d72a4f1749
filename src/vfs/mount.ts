/**
 * Mounts: a file system's tree (or a part of it) at a place in another. Linux: struct vfsmount, fs/namespace.c.
 *
 * A mount point is a (mount, dentry) pair; `dentry.mounted` counts the mounts on a dentry so that the walk asks
 * only where there is one. `count` is the number of uses (open files, working directories, roots, mounts on top).
 */

import type { KernelCore } from '../kernel/kernel.js'
import type { Dentry } from './dentry.js'
import type { SuperBlock } from './superblock.js'

/** A file system's tree at a place in another. Linux: struct vfsmount. */
export class Mount {
  /** The file system. */
  sb: SuperBlock
  /** The directory of it that is shown. */
  root: Dentry
  /** What was given as the source: a device path or any word. */
  source: string
  /** MNT_NOSUID, MNT_NODEV, MNT_NOEXEC as MS_* bits, and MS_RDONLY of this mount where the profile has it. */
  flags: number
  /** The mount it is on; null for the root. */
  parent: Mount | null = null
  /** The directory it is on; null for the root. */
  mountpoint: Dentry | null = null
  /** @internal Mounts on dentries of this one. */
  children: Map<Dentry, Mount> | null = null
  /** Uses; with any, umount is EBUSY. */
  count = 0
  /** @internal Taken off while it was used (MNT_DETACH): it gives its file system back with its last use. */
  detachedFrom: KernelCore | null = null
  /** Is it what somebody sees of another mount, `parent`? See SuperOperations.view. */
  isView = false

  constructor(sb: SuperBlock, root: Dentry, source: string, flags: number) {
    this.sb = sb
    this.root = root
    this.source = source
    this.flags = flags
  }
}

/** The mount on `dentry` as seen in `mnt`, if any. Linux: lookup_mnt. */
export function lookupMount(mnt: Mount, dentry: Dentry): Mount | null {
  return mnt.children?.get(dentry) ?? null
}

/** The mount that mount(2) has made, of what one sees of it. */
export const realMount = (mnt: Mount): Mount => (mnt.isView && mnt.parent !== null ? mnt.parent : mnt)

/** Linux: attach_mnt. */
export function attachMount(mnt: Mount, parent: Mount, mountpoint: Dentry): void {
  mnt.parent = parent
  mnt.mountpoint = mountpoint
  mountpoint.mounted++
  parent.count++
  if (parent.children === null) parent.children = new Map()
  parent.children.set(mountpoint, mnt)
}

/** Linux: detach_mnt. */
export function detachMount(mnt: Mount): void {
  if (mnt.parent === null || mnt.mountpoint === null) return
  mnt.mountpoint.mounted--
  mnt.parent.children?.delete(mnt.mountpoint)
  mnt.parent.count--
  mnt.parent = null
  mnt.mountpoint = null
}
