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
import { SOCKET_HOOKS, type SocketHooks } from './socket_hooks.js'

/** 0, or a negative error number. */
export type Verdict = number

/**
 * What modules can refuse or be told. Arguments are the kernel's own objects: look, label them through a
 * Blob, change nothing else.
 */
export interface SecurityHooks extends SocketHooks {
  /** Before dispatch: 0 goes on, an Errno is the call's result. `args` must not be kept. */
  syscallEnter(current: Task, name: string, nr: number, args: readonly unknown[]): Verdict
  /**
   * As syscallEnter, but only about tasks that a module has flagged TF_SYSCALL_WORK, and before it: other tasks pay
   * nothing. Asked again for what a signal makes the task enter anew: the call that goes on after a stop or a handler
   * (by its own name, or as restart_syscall), the handler's sigreturn or rt_sigreturn, and the exit_group or exit of a
   * program that returns. SKIPPED: the call is not made, and `current.result` is its result. Linux: secure_computing.
   */
  syscallWork(
    current: Task,
    name: string,
    nr: number,
    a?: unknown,
    b?: unknown,
    c?: unknown,
    d?: unknown,
    e?: unknown,
    f?: unknown,
  ): Verdict
  /** Linux: capable. Asked after the effective set has been found to hold the capability. */
  capable(current: Task, capability: number): Verdict
  /**
   * Does `target` exist for `current`? Any Errno: it is as if it did not, wherever a call or /proc looks for tasks. Asked
   * only about others. Signals that the kernel sends, parents and children stay what they are.
   */
  taskVisible(current: Task, target: Task): Verdict
  /** Is this mount's line for `current` to see in /proc/mounts? Any Errno: it is not. */
  mountVisible(current: Task, mnt: Mount): Verdict
  /** As inodePermission, but asked before the mode bits: for rules that are to speak first. */
  inodeAccess(current: Task, inode: Inode, mask: number): Verdict
  /** Linux: inode_permission. May `current` access `inode` with this MAY_* mask? */
  inodePermission(current: Task, inode: Inode, mask: number): Verdict
  /**
   * A regular file is about to be made in `dir`; `dentry` is its name, without an inode yet. Linux:
   * inode_create.
   */
  inodeCreate(current: Task, dir: Inode, dentry: Dentry, mode: number): Verdict
  /** `old` is about to get the further name `dentry` in `dir`. Linux: inode_link. */
  inodeLink(current: Task, old: Dentry, dir: Inode, dentry: Dentry): Verdict
  /** The name `dentry` is about to be removed from `dir`. Linux: inode_unlink. */
  inodeUnlink(current: Task, dir: Inode, dentry: Dentry): Verdict
  /** A symbolic link to `target` is about to be made in `dir`. Linux: inode_symlink. */
  inodeSymlink(current: Task, dir: Inode, dentry: Dentry, target: string): Verdict
  /** A directory is about to be made in `dir`. Linux: inode_mkdir. */
  inodeMkdir(current: Task, dir: Inode, dentry: Dentry, mode: number): Verdict
  /** The directory `dentry` is about to be removed from `dir`. Linux: inode_rmdir. */
  inodeRmdir(current: Task, dir: Inode, dentry: Dentry): Verdict
  /** A FIFO, socket or device node is about to be made in `dir`. Linux: inode_mknod. */
  inodeMknod(current: Task, dir: Inode, dentry: Dentry, mode: number, dev: number): Verdict
  /**
   * `old` in `oldDir` is about to become `target` in `newDir`; `target.inode` is what it replaces, or null.
   * Linux: inode_rename.
   */
  inodeRename(current: Task, oldDir: Inode, old: Dentry, newDir: Inode, target: Dentry): Verdict
  /** readlink(2) is about to read a symbolic link. Linux: inode_readlink. */
  inodeReadlink(current: Task, inode: Inode): Verdict
  /** A path walk is about to follow a symbolic link. Linux: inode_follow_link. */
  inodeFollowLink(current: Task, inode: Inode): Verdict
  /** Mode, owner, size or times are about to change. Linux: inode_setattr. */
  inodeSetattr(current: Task, inode: Inode, attr: Iattr): Verdict
  /** stat(2) or a call of its kind is about to look. Linux: inode_getattr. */
  inodeGetattr(current: Task, inode: Inode): Verdict
  /** A read is about to be noted in the inode's access time. Any Errno: it is not. */
  inodeTouch(current: Task, inode: Inode): Verdict
  /** A new inode has been made and has no name yet: the place to label it. Linux: inode_post_create and kin. */
  inodeInit(current: Task, dir: Inode, inode: Inode): void
  /** An inode of /proc that shows a task has been made: the place to label it. Linux: task_to_inode. */
  taskToInode(task: Task, inode: Inode): void
  /** Linux: file_permission: every read and write. */
  filePermission(current: Task, file: File, mask: number): Verdict
  /**
   * A file has been made for open(2) and is about to get a descriptor. Linux: dentry_open, which has no hook
   * of its own in 2.6.14.
   */
  fileOpen(current: Task, file: File): Verdict
  /** ioctl(2), before the request is looked at. Linux: file_ioctl. */
  fileIoctl(current: Task, file: File, cmd: number): Verdict
  /** fcntl(2), before the command is looked at. Linux: file_fcntl. */
  fileFcntl(current: Task, file: File, cmd: number): Verdict
  /** F_SETOWN: `current` names who is to be signalled about `file`. Linux: file_set_fowner. */
  fileSetFowner(current: Task, file: File): void
  /** May `task` be signalled about `file`, as its owner? Linux: file_send_sigiotask. */
  fileSendSigiotask(task: Task, file: File): Verdict
  /** flock(2) or a record lock; `type` is F_RDLCK, F_WRLCK, F_UNLCK or, for flock(2) of 2.6, a share mode. Linux: file_lock. */
  fileLock(current: Task, file: File, type: number): Verdict
  /** mount(2); `dentry` is where. Linux: sb_mount. */
  sbMount(current: Task, source: string, dentry: Dentry, type: string, flags: number): Verdict
  /**
   * A file system has been made ready and is about to be put where it was wanted; `data` are all options, also those
   * that modules have claimed (Contributions.mountOptions). Linux: sb_kern_mount.
   */
  sbKernMount(current: Task, sb: SuperBlock, data: string): Verdict
  /** A mounted file system is about to get new flags and options. Linux: sb_remount (3.0). */
  sbRemount(current: Task, sb: SuperBlock, flags: number, data: string): Verdict
  /** It has got them. Linux: sb_post_remount. */
  sbPostRemount(current: Task, sb: SuperBlock, flags: number, data: string): void
  /** umount(2). Linux: sb_umount. */
  sbUmount(current: Task, mnt: Mount, flags: number): Verdict
  /** statfs(2) or fstatfs(2). Linux: sb_statfs. */
  sbStatfs(current: Task, sb: SuperBlock): Verdict
  /** fork(2), vfork(2) or clone(2); `flags` are CLONE_*. Linux: task_create. */
  taskCreate(current: Task, flags: number): Verdict
  /** A uid is about to change; `cred` is what the task would have. Linux: task_setuid. */
  taskSetuid(current: Task, cred: Cred): Verdict
  /** A gid is about to change; `cred` is what the task would have. Linux: task_setgid. */
  taskSetgid(current: Task, cred: Cred): Verdict
  /** setgroups(2). Linux: task_setgroups. */
  taskSetgroups(current: Task, groups: readonly number[]): Verdict
  /** setpgid(2). Linux: task_setpgid. */
  taskSetpgid(current: Task, target: Task, pgid: number): Verdict
  /** getpgid(2). Linux: task_getpgid. */
  taskGetpgid(current: Task, target: Task): Verdict
  /** getsid(2). Linux: task_getsid. */
  taskGetsid(current: Task, target: Task): Verdict
  /** nice(2) or setpriority(2); `nice` is the new value, -20 to 19. Linux: task_setnice. */
  taskSetnice(current: Task, target: Task, nice: number): Verdict
  /** setrlimit(2); `resource` is RLIMIT_*. Linux: task_setrlimit. */
  taskSetrlimit(current: Task, resource: number): Verdict
  /** Linux: task_kill. `current` is null for signals that the kernel itself sends. */
  taskKill(current: Task | null, target: Task, signal: number): Verdict
  /** wait4(2) is about to report `target`. Linux: task_wait. */
  taskWait(current: Task, target: Task): Verdict
  /** exec(2) is about to run a file. Linux: bprm_check_security. */
  bprmCheck(current: Task, inode: Inode): Verdict
}

/** The name of a hook. */
export type HookName = keyof SecurityHooks
/**
 * How answers combine. check: the first refusal wins and is noted as the task's. filter: the same, where nobody is
 * refused anything. permit: as check, but 0 stands in for a test of the kernel's own, and undefined leaves it to the
 * others and to that test; no module can overrule another's refusal. notify: all are told.
 */
export type HookKind = 'check' | 'filter' | 'permit' | 'notify'

/** Every hook's kind. A hook missing here does not compile. */
export const HOOKS = {
  syscallEnter: 'check',
  syscallWork: 'check',
  capable: 'check',
  taskVisible: 'filter',
  mountVisible: 'filter',
  inodeAccess: 'check',
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
  inodeTouch: 'filter',
  inodeInit: 'notify',
  taskToInode: 'notify',
  filePermission: 'check',
  fileOpen: 'check',
  fileIoctl: 'check',
  fileFcntl: 'check',
  fileSetFowner: 'notify',
  fileSendSigiotask: 'filter',
  fileLock: 'check',
  sbMount: 'check',
  sbKernMount: 'check',
  sbRemount: 'check',
  sbPostRemount: 'notify',
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
  ...SOCKET_HOOKS,
} as const satisfies Record<HookName, HookKind>
