/**
 * The tables of functions through which the VFS reaches a file system or a device.
 *
 * Linux: struct file_operations, struct inode_operations (include/linux/fs.h, 2.6). Tables are module-level
 * frozen constants and hold no state: the object comes as an argument. `defineFileOps` and `defineInodeOps` fill
 * absent members with the error that Linux gives, so a new device is only what it does.
 *
 * An operation that cannot go on returns -EAGAIN, and `waitQueue` names where to sleep; the caller does that. Pipes
 * and FIFOs sleep by themselves (kernel/sleep.ts), because what they have done so far decides how they go on: their
 * operations return BLOCKED and are called again.
 */

import type { DevT } from '../abi/brand.js'
import { EINVAL, ENOTDIR, ENOTTY, EPERM, type Errno, ESPIPE, type Ret } from '../abi/errno.js'
import type { Dirent } from '../abi/stat.js'
import type { Task } from '../kernel/task.js'
import type { WaitQueue } from '../kernel/wait.js'
import { deny } from '../security/deny.js'
import type { Dentry } from './dentry.js'
import type { File } from './file.js'
import type { Inode } from './inode.js'
import type { Nameidata } from './nameidata.js'

/** The argument of ioctl(2): a number, a place for one, or raw bytes. */
export type IoctlArg =
  | number
  | {
      /** Read, or filled by the call. */
      value: number
    }
  | Uint8Array
  | undefined

/** A change of attributes. Linux: struct iattr; only the members given change. */
export interface Iattr {
  /** Type and mode bits. */
  mode?: number
  /** The owner. */
  uid?: number
  /** The group. */
  gid?: number
  /** Bytes. */
  size?: number
  /** Milliseconds since boot. */
  atime?: number
  /** Milliseconds since boot. */
  mtime?: number
  /** Milliseconds since boot. */
  ctime?: number
  /** Set by utime with explicit times: needs ownership. Linux: ATTR_ATIME_SET, ATTR_MTIME_SET. */
  timesSet?: boolean
}

/** Linux: struct file_operations. Counts and positions are bytes; results are ≥ 0 or an Errno. */
export interface FileOperations<P = unknown> {
  /** Names the table in digests and errors: 'bufflink.ring'. */
  readonly name: string
  /** Runs at open(2), after the file is made: 0 or an Errno. May replace `file.data`. */
  open(current: Task, inode: Inode, file: File<P>): number
  /** The last descriptor is gone. */
  release(current: Task | null, file: File<P>): void
  /**
   * close(2) of the last descriptor, before it is gone. BLOCKED where `current` sleeps: the call runs again; nothing else
   * counts. A process that ends does not ask.
   */
  beforeClose?(current: Task, file: File<P>): number
  /** Every close(2) of a descriptor. */
  flush(current: Task, file: File<P>): number
  /** Reads at `pos` into `buf` (all of it is the count). The VFS moves `file.pos`. */
  read(current: Task, file: File<P>, buf: Uint8Array, pos: number): number
  /** Writes all of `data` at `pos`, or a part: the count, or an Errno; EAGAIN when it would have to wait. */
  write(current: Task, file: File<P>, data: Uint8Array, pos: number): number
  /** The new position, or an Errno. */
  llseek(current: Task, file: File<P>, offset: number, whence: number): number
  /** Entries from `file.pos` on until they would take more than `count` bytes as struct dirent. */
  readdir(current: Task, file: File<P>, count: number): Ret<Dirent[]>
  /** What is ready now: POLL* bits. */
  poll(current: Task, file: File<P>): number
  /** Where a task sleeps for these POLL* events; null when it never changes. */
  waitQueue(file: File<P>, events: number): WaitQueue | null
  /** Answers a request; ENOTTY for one it does not know. */
  ioctl(current: Task, file: File<P>, cmd: number, arg: IoctlArg): number
  /** Everything to the device: 0 or an Errno. */
  fsync(current: Task, file: File<P>): number
  /** False: no file position: seeks, pread and pwrite give ESPIPE. */
  readonly seekable: boolean
  /** True: read and write sleep by themselves, as those of pipes do; EAGAIN is then their last word. */
  readonly sleeps?: boolean
  /** True: write(2) leaves the position where it is. */
  readonly writesInPlace?: boolean
  /** Called with SIGIO wanted or not (FASYNC), and the descriptor that it was asked by. 0 or an Errno. */
  fasync?(current: Task, file: File<P>, on: boolean, fd: number): number
}

/** POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM: what a file without a poll method reports. */
export const DEFAULT_POLLMASK = 0x145

const DEFAULT_FILE_OPS: FileOperations = {
  name: 'default',
  open: () => 0,
  release: () => {},
  flush: () => 0,
  read: () => EINVAL,
  write: () => EINVAL,
  llseek: () => ESPIPE,
  readdir: () => ENOTDIR,
  poll: () => DEFAULT_POLLMASK,
  waitQueue: () => null,
  ioctl: () => ENOTTY,
  fsync: () => EINVAL,
  seekable: false,
}

/** Completes and freezes a table. `name` is what digests and errors call it: 'bufflink.ring'. */
export function defineFileOps<P>(
  ops: Partial<FileOperations<P>> & { readonly name: string },
): FileOperations<P> {
  return Object.freeze({ ...DEFAULT_FILE_OPS, ...ops })
}

/** Linux: struct inode_operations. Results are 0 or an Errno unless said otherwise. */
export interface InodeOperations {
  /** Names the table in digests and errors. */
  readonly name: string
  /** Finds a name that the tree does not hold: an inode, null (does not exist), or an Errno. */
  lookup: ((current: Task, dir: Inode, name: string, parent: Dentry) => Ret<Inode | null>) | null
  /** Makes a regular file and sets `dentry.inode`. The VFS has checked everything and enters the name. */
  create(current: Task, dir: Inode, dentry: Dentry, mode: number): number
  /** Makes a FIFO, socket or device node and sets `dentry.inode`. */
  mknod(current: Task, dir: Inode, dentry: Dentry, mode: number, dev: DevT): number
  /** Makes a directory and sets `dentry.inode`. */
  mkdir(current: Task, dir: Inode, dentry: Dentry, mode: number): number
  /** Makes a symbolic link and sets `dentry.inode`. */
  symlink(current: Task, dir: Inode, dentry: Dentry, target: string): number
  /** Gives the inode of `old` a further name and sets `dentry.inode`. */
  link(current: Task, old: Dentry, dir: Inode, dentry: Dentry): number
  /** Gives a name up. The VFS removes it from the tree afterwards. */
  unlink(current: Task, dir: Inode, dentry: Dentry): number
  /** Gives a directory up; ENOTEMPTY if there is something in it. */
  rmdir(current: Task, dir: Inode, dentry: Dentry): number
  /** `target` is the dentry being replaced, with an inode, or null. The VFS moves the name afterwards. */
  rename(current: Task, oldDir: Inode, old: Dentry, newDir: Inode, target: Dentry | null): number
  /** The text of a symbolic link; null where the inode is none. */
  readlink: ((current: Task, inode: Inode) => Ret<string>) | null
  /** @internal A link that leads somewhere without a text (/proc/self/fd/3): sets nd.mnt and nd.dentry. */
  jump?(current: Task, inode: Inode, nd: Nameidata): number
  /** Replaces the mode bits check. */
  permission?(current: Task, inode: Inode, mask: number): number
  /** Replaces the attribute-change rule and carries the change out. Linux: setattr, notify_change of 2.2. */
  setattr?(current: Task, inode: Inode, attr: Iattr): number
  /** Sets the length: carries out a truncate that the VFS has allowed. */
  truncate(current: Task, inode: Inode, size: number): number
  /** Refreshes size, nlink … before stat(2) reads them. */
  refresh?(current: Task, inode: Inode): void
}

/** An operation that a file system does not have. Linux: EPERM, but EACCES for create (fs/namei.c). */
export const noOperation =
  (error: Errno) =>
  (current: Task, inode: Inode): number =>
    deny(current, error, 'state', inode, 'no-operation')

const unsupported = noOperation(EPERM)

const DEFAULT_INODE_OPS: InodeOperations = {
  name: 'default',
  lookup: null,
  create: unsupported,
  mknod: unsupported,
  mkdir: unsupported,
  symlink: unsupported,
  link: (current, _old, dir) => unsupported(current, dir),
  unlink: unsupported,
  rmdir: unsupported,
  rename: unsupported,
  readlink: null,
  truncate: unsupported,
}

/** Completes and freezes a table of inode operations; what is not given is EPERM, as in fs/namei.c. */
export function defineInodeOps(ops: Partial<InodeOperations> & { readonly name: string }): InodeOperations {
  return Object.freeze({ ...DEFAULT_INODE_OPS, ...ops })
}
