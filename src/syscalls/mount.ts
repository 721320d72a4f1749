/**
 * mount, umount, sync. Reference §1.3. Linux: fs/namespace.c (2.6.14), fs/super.c (2.2.12).
 *
 * Where a file system cannot be read, 2.2 says EINVAL whatever the cause. Bind and moved mounts come with 2.4.
 */

import { CAP_SYS_ADMIN } from '../abi/capability.js'
import {
  BLOCKED,
  EBUSY,
  EFAULT,
  EINVAL,
  ELOOP,
  ENODEV,
  ENOENT,
  ENOMEM,
  ENOTDIR,
  isErr,
} from '../abi/errno.js'
import {
  MNT_DETACH,
  MNT_FORCE,
  MS_BIND,
  MS_MGC_MSK,
  MS_MGC_VAL,
  MS_MOVE,
  MS_NOUSER,
  MS_RDONLY,
  MS_REC,
  MS_REMOUNT,
} from '../abi/mount.js'
import { S_IFDIR, S_IFMT } from '../abi/stat.js'
import { numberingDevices } from '../kernel/part.js'
import type { Task } from '../kernel/task.js'
import { requireCapability } from '../security/capability.js'
import { shouldFail } from '../sim/faults.js'
import { type Dentry, isSubdir } from '../vfs/dentry.js'
import { isDeleted } from '../vfs/dpath.js'
import { FMODE_WRITE } from '../vfs/file.js'
import { S_DEAD } from '../vfs/inode.js'
import { attachMount, detachMount, type Mount, realMount } from '../vfs/mount.js'
import { followMount, LOOKUP_FOLLOW, pathLookup } from '../vfs/namei.js'
import {
  cloneMount,
  doUmount,
  graftTree,
  kernMount,
  mountFlags,
  putMount,
  superFlags,
} from '../vfs/namespace.js'
import { row, type SyscallRow } from './row.js'

const textOr = (value: unknown, missing: string): string | null =>
  value === undefined || value === null ? missing : typeof value === 'string' ? value : null

/** Linux: sys_mount, do_mount. */
export function sysMount(
  current: Task,
  source: unknown,
  target: string,
  type: unknown,
  flagsArg: number,
  data: unknown,
): number {
  if (shouldFail(current.k, 'alloc:page')) return ENOMEM
  const from = textOr(source, 'none')
  const fstype = textOr(type, '')
  const options = textOr(data, '')
  if (from === null || fstype === null || options === null) return EFAULT
  const flags = (flagsArg & MS_MGC_MSK) === (MS_MGC_VAL | 0) ? flagsArg & ~MS_MGC_MSK : flagsArg
  const { facts, nd } = current.k
  if (!facts.hasBindMounts) {
    const refused = requireCapability(current, CAP_SYS_ADMIN)
    if (refused !== 0) return refused
    if ((flags & MS_REMOUNT) === 0 && !current.k.filesystems.has(fstype)) return ENODEV
  }
  const failed = pathLookup(current, target, LOOKUP_FOLLOW, nd)
  if (failed !== 0) return failed
  const verdict = current.k.security.sbMount(current, from, nd.dentry, fstype, flags)
  if (verdict !== 0) return verdict
  if ((flags & MS_REMOUNT) !== 0) return remount(current, flags, options)
  // Where something is mounted already (the target was `.`), the new mount goes on top.
  if (nd.dentry.mounted !== 0) followMount(current, nd)
  if (facts.hasBindMounts && (flags & MS_BIND) !== 0) return bind(current, from, (flags & MS_REC) !== 0)
  if (facts.hasBindMounts && (flags & MS_MOVE) !== 0) return move(current, from)
  return newMount(current, from, fstype, flags, options)
}

/** Linux: do_new_mount, do_add_mount. */
function newMount(current: Task, source: string, type: string, flags: number, options: string): number {
  const { k } = current
  const { nd } = k
  if (type === '') return EINVAL
  const refused = requireCapability(current, CAP_SYS_ADMIN)
  if (refused !== 0) return refused
  const at = nd.mnt
  const dentry = nd.dentry
  if (!isAttached(k, at)) return EINVAL
  if (!k.facts.hasBindMounts && ((dentry.inode?.mode ?? 0) & S_IFMT) !== S_IFDIR) return ENOTDIR
  if (!k.facts.hasStackedMounts && (dentry === at.root || (dentry.inode?.count ?? 0) > 0)) return EBUSY
  const mnt = numberingDevices(current, () => kernMount(k, type, source, flags, withoutClaimed(k, options)))
  if (isErr(mnt)) return mnt
  const verdict = k.security.sbKernMount(current, mnt.sb, options)
  if (verdict !== 0) {
    putMount(k, mnt)
    return verdict
  }
  if ((mnt.sb.flags & MS_NOUSER) !== 0) {
    putMount(k, mnt)
    return EINVAL
  }
  const sameAgain = at.sb === mnt.sb && at.root === dentry
  const failed = sameAgain ? EBUSY : graftTree(k, mnt, at, dentry)
  if (failed !== 0) putMount(k, mnt)
  return failed
}

/** The options that are the file system's. Linux: security_sb_copy_data. */
function withoutClaimed(k: Task['k'], options: string): string {
  if (k.mountOptions.size === 0) return options
  return options
    .split(',')
    .filter((option) => !k.mountOptions.has(option.split('=')[0] ?? ''))
    .join(',')
}

/** New flags and options for what is mounted at nd. Linux: do_remount. */
function remount(current: Task, flags: number, options: string): number {
  const { k } = current
  const { nd } = k
  const refused = requireCapability(current, CAP_SYS_ADMIN)
  if (refused !== 0) return refused
  if (nd.dentry !== nd.mnt.root || !isAttached(k, nd.mnt)) return EINVAL
  nd.mnt = realMount(nd.mnt)
  const { sb } = nd.mnt
  if ((flags & MS_RDONLY) !== 0 && (sb.flags & MS_RDONLY) === 0 && hasWriters(k, sb)) return EBUSY
  const verdict = k.security.sbRemount(current, sb, flags, options)
  if (verdict !== 0) return verdict
  const failed = sb.ops.remount?.(k, sb, superFlags(flags), withoutClaimed(k, options)) ?? 0
  if (failed !== 0) return failed
  sb.flags = superFlags(flags)
  nd.mnt.flags = mountFlags(flags)
  k.security.sbPostRemount(current, sb, flags, options)
  return 0
}

/** Is a file of the file system open for writing? Linux: fs_may_remount_ro. */
function hasWriters(k: Task['k'], sb: Mount['sb']): boolean {
  for (const task of k.state.tasks.values()) {
    for (const file of task.files.files) {
      if (file !== null && file.inode.sb === sb && (file.mode & FMODE_WRITE) !== 0) return true
    }
  }
  return false
}

/** Is the mount part of the tree, not taken off and still used? Linux: check_mnt. */
const isAttached = (k: Task['k'], mnt: Mount): boolean => mnt.parent !== null || mnt === k.state.rootMnt

/**
 * Another view of a tree. Deviation: on a directory that something is mounted on (`.`) the new mount goes on top, as
 * other mounts do, and not beside the old one. Linux: do_loopback.
 */
function bind(current: Task, source: string, recursive: boolean): number {
  const { k } = current
  const { nd, nd2 } = k
  const refused = requireCapability(current, CAP_SYS_ADMIN)
  if (refused !== 0) return refused
  const failed = pathLookup(current, source, LOOKUP_FOLLOW, nd2)
  if (failed !== 0) return failed
  if (!isAttached(k, nd.mnt) || (recursive && !isAttached(k, nd2.mnt))) return EINVAL
  const tree = treeOf(nd2.mnt, nd2.dentry, recursive)
  if (k.injection !== null && cannotClone(k, tree)) return ENOMEM
  const mnt = cloneMount(nd2.mnt, nd2.dentry)
  const stuck = graftTree(k, mnt, nd.mnt, nd.dentry)
  if (stuck !== 0) {
    putMount(k, mnt)
    return stuck
  }
  bindChildren(k, tree, mnt)
  return 0
}

/** A mount and those on it, as they are before any copy is there. */
interface MountTree {
  readonly mnt: Mount
  readonly children: readonly MountTree[]
}

function treeOf(mnt: Mount, root: Dentry, recursive: boolean): MountTree {
  const inside = [...(recursive ? (mnt.children?.values() ?? []) : [])].filter(
    ({ mountpoint }) => mountpoint !== null && isSubdir(mountpoint, root),
  )
  return { mnt, children: inside.map((child) => treeOf(child, child.root, true)) }
}

/** Is there no memory for a copy of a tree? Linux undoes what copy_tree has begun. */
const cannotClone = (k: Task['k'], { children }: MountTree): boolean =>
  shouldFail(k, 'alloc:mount') || children.some((child) => cannotClone(k, child))

/** Linux: copy_tree. */
function bindChildren(k: Task['k'], { children }: MountTree, to: Mount): void {
  for (const child of children) {
    const { mountpoint, root } = child.mnt
    if (mountpoint === null) continue
    const copy = cloneMount(child.mnt, root)
    attachMount(copy, to, mountpoint)
    k.state.mounts.push(copy)
    bindChildren(k, child, copy)
  }
}

/** Errors: EINVAL, ENOENT (the place is gone), ELOOP (it is below the mount). Linux: do_move_mount. */
function move(current: Task, source: string): number {
  const { k } = current
  const { nd, nd2 } = k
  const refused = requireCapability(current, CAP_SYS_ADMIN)
  if (refused !== 0) return refused
  const failed = pathLookup(current, source, LOOKUP_FOLLOW, nd2)
  if (failed !== 0) return failed
  const mnt = nd2.mnt
  if (!isAttached(k, nd.mnt) || !isAttached(k, mnt)) return EINVAL
  if (((nd.dentry.inode?.flags ?? 0) & S_DEAD) !== 0 || isDeleted(nd.dentry)) return ENOENT
  if (nd2.dentry !== mnt.root || mnt.parent === null) return EINVAL
  const isDir = (mode: number | undefined): boolean => ((mode ?? 0) & S_IFMT) === S_IFDIR
  if (isDir(nd.dentry.inode?.mode) !== isDir(mnt.root.inode?.mode)) return EINVAL
  for (let at: Mount | null = nd.mnt; at !== null; at = at.parent) if (at === mnt) return ELOOP
  detachMount(mnt)
  attachMount(mnt, nd.mnt, nd.dentry)
  return 0
}

/** Errors: EINVAL (not a mount), EPERM, EBUSY. Linux: sys_umount. */
export function sysUmount2(current: Task, target: string, flags: number): number {
  const { k } = current
  const { nd } = k
  if (!k.facts.hasBindMounts) {
    const refused = requireCapability(current, CAP_SYS_ADMIN)
    if (refused !== 0) return refused
  }
  const failed = pathLookup(current, target, LOOKUP_FOLLOW, nd)
  if (failed !== 0) return failed
  if (nd.dentry !== nd.mnt.root || !isAttached(k, nd.mnt)) return EINVAL
  const refused = requireCapability(current, CAP_SYS_ADMIN)
  if (refused !== 0) return refused
  if ((flags & ~(MNT_FORCE | MNT_DETACH)) !== 0) return EINVAL
  nd.mnt = realMount(nd.mnt)
  const verdict = k.security.sbUmount(current, nd.mnt, flags)
  if (verdict !== 0) return verdict
  // The root stays; a real kernel makes it read-only instead.
  if (nd.mnt.parent === null) {
    nd.mnt.sb.flags |= MS_RDONLY
    return 0
  }
  const { mnt } = nd
  if (mnt.sb.mounts === 1 && mnt.count === 0 && mnt.sb.ops.sync?.(k, mnt.sb, current) === BLOCKED)
    return BLOCKED
  return doUmount(k, mnt, flags)
}

export const sysUmount = (current: Task, target: string): number => sysUmount2(current, target, 0)

/** Linux: sys_sync. */
export function sysSync(current: Task): number {
  const { k } = current
  for (const sb of k.state.superBlocks) if (sb.ops.sync?.(k, sb, current) === BLOCKED) return BLOCKED
  for (const { sync } of k.contributions.values()) if (sync?.(current) === BLOCKED) return BLOCKED
  return 0
}

export const mountCalls: readonly SyscallRow[] = [
  row('mount', ['any', 'path', 'any', 'int', 'any'], sysMount),
  row('umount', ['path'], sysUmount),
  row('umount2', ['path', 'int'], sysUmount2),
  row('sync', [], sysSync),
]
