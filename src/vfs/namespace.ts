/**
 * The mount tree: adding, binding, moving, removing. Linux: fs/namespace.c (2.6.14), fs/super.c (2.2.12).
 */

import { EBUSY, EINVAL, ENODEV, ENOENT, ENOMEM, ENOTDIR, isErr, type Ret } from '../abi/errno.js'
import {
  MNT_DETACH,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
} from '../abi/mount.js'
import { S_IFDIR, S_IFMT } from '../abi/stat.js'
import type { KernelCore } from '../kernel/kernel.js'
import { shouldFail } from '../sim/faults.js'
import type { Dentry } from './dentry.js'
import { isDeleted } from './dpath.js'
import { igrab, iput, S_DEAD } from './inode.js'
import { attachMount, detachMount, Mount } from './mount.js'
import type { SuperBlock } from './superblock.js'

/** Flags that belong to the mount; the others belong to the file system. */
const MNT_FLAGS = MS_NOSUID | MS_NODEV | MS_NOEXEC
const SB_FLAGS = MS_RDONLY | MS_NOATIME | MS_NODIRATIME

export const mountFlags = (flags: number): number => flags & MNT_FLAGS
export const superFlags = (flags: number): number => flags & SB_FLAGS

/** The superblock for a mount: a new one, or the only one of its type. Errors: ENODEV (no such type), ENOMEM. */
function getSuper(
  k: KernelCore,
  typeName: string,
  source: string,
  flags: number,
  data: string,
): Ret<SuperBlock> {
  const type = k.filesystems.get(typeName)
  if (type === undefined) return ENODEV
  if (type.single === true) {
    const known = k.state.superBlocks.find((sb) => sb.type === typeName)
    if (known !== undefined) return known
  }
  const sb = shouldFail(k, 'alloc:super') ? ENOMEM : type.mount(k, source, superFlags(flags), data)
  if (isErr(sb)) return k.facts.hasBindMounts ? sb : EINVAL
  k.state.superBlocks.push(sb)
  return sb
}

/** A mount that is not yet anywhere. Linux: do_kern_mount. */
export function kernMount(
  k: KernelCore,
  type: string,
  source: string,
  flags: number,
  data: string,
): Ret<Mount> {
  if (shouldFail(k, 'alloc:mount')) return ENOMEM
  const sb = getSuper(k, type, source, flags, data)
  if (isErr(sb)) return sb
  if (sb.root === null) return EINVAL
  return makeMount(sb, sb.root, source, mountFlags(flags))
}

/** Linux: alloc_vfsmnt; the mount holds its root, which may lose its name. */
function makeMount(sb: SuperBlock, root: Dentry, source: string, flags: number): Mount {
  sb.mounts++
  if (root.inode !== null) igrab(root.inode)
  return new Mount(sb, root, source, flags)
}

/** Puts a mount onto a directory. Errors: ENOTDIR, ENOENT. Linux: graft_tree. */
export function graftTree(k: KernelCore, mnt: Mount, parent: Mount, dentry: Dentry): number {
  const isDir = (at: Dentry): boolean => ((at.inode?.mode ?? 0) & S_IFMT) === S_IFDIR
  if (isDir(dentry) !== isDir(mnt.root)) return ENOTDIR
  if (((dentry.inode?.flags ?? 0) & S_DEAD) !== 0 || isDeleted(dentry)) return ENOENT
  attachMount(mnt, parent, dentry)
  k.state.mounts.push(mnt)
  return 0
}

/** One use less; the last one of a mount that was taken off while it was used ends it. Linux: mntput. */
export function mntput(mnt: Mount): void {
  mnt.count--
  const k = mnt.detachedFrom
  if (k === null || mnt.count > 0) return
  mnt.detachedFrom = null
  putMount(k, mnt)
}

/** A mount that was not grafted, or has been taken off, gives its superblock back. Linux: __mntput, deactivate_super. */
export function putMount(k: KernelCore, mnt: Mount): void {
  const { sb, root } = mnt
  sb.mounts--
  if (root.inode !== null) iput(root.inode)
  if (sb.mounts > 0 || k.filesystems.get(sb.type)?.single === true) return
  sb.ops.sync?.(k, sb, null)
  sb.ops.putSuper?.(k, sb)
  k.state.superBlocks = k.state.superBlocks.filter((other) => other !== sb)
}

/** Another view of a part of a mounted tree. Linux: clone_mnt. */
export function cloneMount(mnt: Mount, root: Dentry): Mount {
  return makeMount(mnt.sb, root, mnt.source, mnt.flags)
}

/** Takes a mount off. Errors: EBUSY (in use, or mounts on it), unless MNT_DETACH. Linux: do_umount, umount_tree. */
export function doUmount(k: KernelCore, mnt: Mount, flags: number): number {
  const detach = (flags & MNT_DETACH) !== 0 && k.facts.hasBindMounts
  if (!detach && (mnt.count > 0 || mnt.sb.ops.isViewed?.(mnt.sb) === true)) return EBUSY
  umountTree(k, mnt)
  return 0
}

function umountTree(k: KernelCore, mnt: Mount): void {
  for (const child of [...(mnt.children?.values() ?? [])]) umountTree(k, child)
  detachMount(mnt)
  k.state.mounts = k.state.mounts.filter((other) => other !== mnt)
  if (mnt.count > 0) mnt.detachedFrom = k
  else putMount(k, mnt)
}
