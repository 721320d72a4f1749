/**
 * The one list of security hooks: what the kernel asks, with which arguments, and how answers combine.
 *
 * Linux: struct security_operations, include/linux/security.h (2.6.14). `check` hooks: 0 allows, an Errno
 * refuses, the first refusal wins. `notify` hooks all run. A hook that throws is a bug, never an "allow".
 * DAC stays outside, as in Linux: mode bits first, then the hook.
 */

import type { Cred } from '../kernel/cred.js'
import type { Task } from '../kernel/task.js'
import type { Dentry } from '../vfs/dentry.js'
import type { File } from '../vfs/file.js'
import type { Inode } from '../vfs/inode.js'
import type { Mount } from '../vfs/mount.js'
import type { Iattr } from '../vfs/ops.js'
import type { SuperBlock } from '../vfs/superblock.js'

/** 0, or a negative error number. */
export type Verdict = number

export interface SecurityHooks {
  /** Before dispatch: 0 goes on, an Errno is the call's result. `args` must not be kept. */
  syscallEnter(current: Task, name: string, nr: number, args: readonly unknown[]): Verdict
  /** Linux: capable. Asked after the effective set has been found to hold the capability. */
  capable(current: Task, capability: number): Verdict
  /** Linux: inode_permission. May `current` access `inode` with this MAY_* mask? */
  inodePermission(current: Task, inode: Inode, mask: number): Verdict
  inodeCreate(current: Task, dir: Inode, dentry: Dentry, mode: number): Verdict
  inodeLink(current: Task, old: Dentry, dir: Inode, dentry: Dentry): Verdict
  inodeUnlink(current: Task, dir: Inode, dentry: Dentry): Verdict
  inodeSymlink(current: Task, dir: Inode, dentry: Dentry, target: string): Verdict
  inodeMkdir(current: Task, dir: Inode, dentry: Dentry, mode: number): Verdict
  inodeRmdir(current: Task, dir: Inode, dentry: Dentry): Verdict
  inodeMknod(current: Task, dir: Inode, dentry: Dentry, mode: number, dev: number): Verdict
  inodeRename(current: Task, oldDir: Inode, old: Dentry, newDir: Inode, target: Dentry): Verdict
  inodeReadlink(current: Task, inode: Inode): Verdict
  inodeFollowLink(current: Task, inode: Inode): Verdict
  inodeSetattr(current: Task, inode: Inode, attr: Iattr): Verdict
  inodeGetattr(current: Task, inode: Inode): Verdict
  /** A new inode has been made and has no name yet: the place to label it. Linux: inode_post_create and kin. */
  inodeInit(current: Task, dir: Inode, inode: Inode): void
  /** Linux: file_permission: every read and write. */
  filePermission(current: Task, file: File, mask: number): Verdict
  fileOpen(current: Task, file: File): Verdict
  fileIoctl(current: Task, file: File, cmd: number): Verdict
  fileFcntl(current: Task, file: File, cmd: number): Verdict
  fileLock(current: Task, file: File, type: number): Verdict
  sbMount(current: Task, source: string, dentry: Dentry, type: string, flags: number): Verdict
  sbUmount(current: Task, mnt: Mount, flags: number): Verdict
  sbStatfs(current: Task, sb: SuperBlock): Verdict
  taskCreate(current: Task, flags: number): Verdict
  taskSetuid(current: Task, cred: Cred): Verdict
  taskSetgid(current: Task, cred: Cred): Verdict
  taskSetgroups(current: Task, groups: readonly number[]): Verdict
  taskSetpgid(current: Task, target: Task, pgid: number): Verdict
  taskGetpgid(current: Task, target: Task): Verdict
  taskGetsid(current: Task, target: Task): Verdict
  taskSetnice(current: Task, target: Task, nice: number): Verdict
  taskSetrlimit(current: Task, resource: number): Verdict
  /** Linux: task_kill. `current` is null for signals that the kernel itself sends. */
  taskKill(current: Task | null, target: Task, signal: number): Verdict
  taskWait(current: Task, target: Task): Verdict
  bprmCheck(current: Task, inode: Inode): Verdict
}

export type HookName = keyof SecurityHooks
export type HookKind = 'check' | 'notify'

/** Every hook's kind. A hook missing here does not compile. */
export const HOOKS = {
  syscallEnter: 'check',
  capable: 'check',
  inodePermission: 'check',
  inodeCreate: 'check',
  inodeLink: 'check',
  inodeUnlink: 'check',
  inodeSymlink: 'check',
  inodeMkdir: 'check',
  inodeRmdir: 'check',
  inodeMknod: 'check',
  inodeRename: 'check',
  inodeReadlink: 'check',
  inodeFollowLink: 'check',
  inodeSetattr: 'check',
  inodeGetattr: 'check',
  inodeInit: 'notify',
  filePermission: 'check',
  fileOpen: 'check',
  fileIoctl: 'check',
  fileFcntl: 'check',
  fileLock: 'check',
  sbMount: 'check',
  sbUmount: 'check',
  sbStatfs: 'check',
  taskCreate: 'check',
  taskSetuid: 'check',
  taskSetgid: 'check',
  taskSetgroups: 'check',
  taskSetpgid: 'check',
  taskGetpgid: 'check',
  taskGetsid: 'check',
  taskSetnice: 'check',
  taskSetrlimit: 'check',
  taskKill: 'check',
  taskWait: 'check',
  bprmCheck: 'check',
} as const satisfies Record<HookName, HookKind>
