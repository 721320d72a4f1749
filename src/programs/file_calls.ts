/**
 * System calls on descriptors: opening, reading, writing, positions, locks, readiness.
 *
 * Signatures only; the handlers are in src/syscalls. Arguments are plain numbers as in C, an argument of the
 * wrong kind is answered with EFAULT, EINVAL or EBADF and never throws. Where a result is a count or just 0,
 * its type is `number`: 0 and up, or an Errno. Any call that is unknown to the kernel's profile answers
 * ENOSYS.
 */

import type { Fd } from '../abi/brand.js'
import type { Ret } from '../abi/errno.js'
import type { Flock } from '../abi/fcntl.js'
import type { PollFd } from '../abi/poll.js'
import type { Dirent, Stat, Statfs } from '../abi/stat.js'

/** A number that a call reads or fills in, where C passes a pointer. */
export interface ValueBox {
  /** The number. */
  value: number
}

/** What ioctl(2) takes after the request: the number itself, a box, or the bytes of a structure. */
export type IoctlArgument = number | ValueBox | Uint8Array

/** System calls on descriptors. */
export interface FileCalls {
  /**
   * Opens or creates a file; the result is the lowest free descriptor.
   *
   * `flags`: O_RDONLY, O_WRONLY or O_RDWR, with O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_NONBLOCK and others.
   * `mode`: permission bits of a new file, less the umask; default 0. Opening a FIFO waits for the other
   * side.
   *
   * Errors: those of a path walk (ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG); EEXIST with O_CREAT|O_EXCL;
   * EISDIR writing to a directory; EROFS; ETXTBSY writing to a running image; EMFILE, ENFILE; ENXIO, ENODEV
   * no such device, or a FIFO without reader opened O_WRONLY|O_NONBLOCK; ENOSPC; EINTR. Linux: sys_open,
   * fs/open.c; open_namei, fs/namei.c.
   */
  open(path: string, flags: number, mode?: number): Ret<Fd>

  /**
   * `open(path, O_CREAT | O_WRONLY | O_TRUNC, mode)`.
   *
   * Errors: as open. Linux: sys_creat, fs/open.c.
   */
  creat(path: string, mode: number): Ret<Fd>

  /**
   * As open, with relative paths starting at the directory `dirfd`; AT_FDCWD is the working directory.
   *
   * A call of 2.6.16: available where `createKernel({ backports: ['openat'] })` asks for it.
   *
   * Errors: as open; EBADF; ENOTDIR `dirfd` is no directory. Linux: sys_openat, fs/open.c (2.6.16).
   */
  openat(dirfd: number, path: string, flags: number, mode?: number): Ret<Fd>

  /**
   * Closes a descriptor and drops the caller's record locks on the file. 0.
   *
   * Errors: EBADF. Linux: sys_close, fs/open.c.
   */
  close(fd: number): number

  /**
   * Reads up to `buf.length` bytes into `buf`; the result is how many, 0 at the end of the file.
   *
   * Waits on an empty pipe or device unless O_NONBLOCK is set.
   *
   * Errors: EBADF not open for reading; EAGAIN; EINTR; EISDIR; EFAULT `buf` is no Uint8Array.
   * Linux: sys_read, fs/read_write.c.
   */
  read(fd: number, buf: Uint8Array): number

  /**
   * Writes the bytes of `data`; the result is how many were taken. A write of up to PIPE_BUF bytes to a pipe
   * is not interleaved with others.
   *
   * Errors: EBADF not open for writing; EPIPE nobody reads, with SIGPIPE; EAGAIN; EINTR; EFBIG beyond
   * RLIMIT_FSIZE, with SIGXFSZ; ENOSPC; EFAULT. Linux: sys_write, fs/read_write.c.
   */
  write(fd: number, data: Uint8Array): number

  /**
   * As read, from byte `offset` on, without moving the position.
   *
   * Errors: as read; ESPIPE not seekable; EINVAL negative offset. Linux: sys_pread64, fs/read_write.c.
   */
  pread(fd: number, buf: Uint8Array, offset: number): number

  /**
   * As write, from byte `offset` on, without moving the position; with O_APPEND at the end all the same.
   *
   * Errors: as write; ESPIPE; EINVAL negative offset. Linux: sys_pwrite64, fs/read_write.c.
   */
  pwrite(fd: number, data: Uint8Array, offset: number): number

  /**
   * Reads into several buffers, one after the other; the result is the sum of bytes.
   *
   * Errors: as read; EINVAL more than 1024 buffers. Linux: sys_readv, fs/read_write.c.
   */
  readv(fd: number, vector: readonly Uint8Array[]): number

  /**
   * Writes several buffers as if they were one.
   *
   * Errors: as write; EINVAL more than 1024 buffers. Linux: sys_writev, fs/read_write.c.
   */
  writev(fd: number, vector: readonly Uint8Array[]): number

  /**
   * Sets the position; the result is the new one, in bytes from the start. `whence`: SEEK_SET, SEEK_CUR,
   * SEEK_END.
   *
   * Errors: EBADF; ESPIPE pipes; EINVAL unknown `whence`, or a position below 0. Linux: sys_lseek,
   * fs/read_write.c.
   */
  lseek(fd: number, offset: number, whence: number): number

  /**
   * Another descriptor, the lowest free one, for the same open file.
   *
   * Errors: EBADF, EMFILE. Linux: sys_dup, fs/fcntl.c.
   */
  dup(fd: number): Ret<Fd>

  /**
   * Makes `newFd` refer to what `oldFd` does, closing what it was; the result is `newFd`.
   *
   * Errors: EBADF `oldFd` is not open or `newFd` out of range; EMFILE (2.0, 2.2). Linux: sys_dup2,
   * fs/fcntl.c.
   */
  dup2(oldFd: number, newFd: number): Ret<Fd>

  /**
   * A new pipe: `[read end, write end]`.
   *
   * Errors: EMFILE, ENFILE. Linux: sys_pipe, arch/i386/kernel/sys_i386.c; do_pipe, fs/pipe.c.
   */
  pipe(): Ret<readonly [Fd, Fd]>

  /**
   * Controls a descriptor. `cmd`: F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETOWN, F_SETOWN, F_GETSIG,
   * F_SETSIG with a number; F_SETLK and F_SETLKW (which waits) with a Flock; F_GETLK, which fills its Flock
   * in place.
   *
   * Errors: EBADF; EINVAL unknown command or bad argument; EMFILE; EACCES or EAGAIN the lock is taken;
   * EDEADLK; EINTR; EPERM; EFAULT. Linux: sys_fcntl, fs/fcntl.c; fcntl_setlk, fs/locks.c.
   */
  fcntl(fd: number, cmd: number, arg?: number | Flock): number

  /**
   * Locks a whole file: LOCK_SH, LOCK_EX or LOCK_UN, with LOCK_NB to not wait. The lock belongs to the open
   * file. 0.
   *
   * Errors: EBADF; EINVAL; EAGAIN taken, with LOCK_NB; EINTR. Linux: sys_flock, fs/locks.c.
   */
  flock(fd: number, operation: number): number

  /**
   * Asks a driver. Where C passes a pointer to an int, pass `{ value }` (FIONREAD fills it) or four bytes.
   *
   * Errors: EBADF; ENOTTY or EINVAL the file does not know the request; EFAULT. Linux: sys_ioctl, fs/ioctl.c.
   */
  ioctl(fd: number, request: number, arg?: IoctlArgument): number

  /**
   * Waits until one of `fds` is ready and fills every `revents`; the result is how many are ready.
   *
   * `timeoutMs`: milliseconds; 0 does not wait, negative waits for ever. Entries with a negative `fd` are
   * skipped, one that is not open reports POLLNVAL. Since 2.1.23.
   *
   * Errors: EINTR; EINVAL too many entries; EFAULT. Linux: sys_poll, fs/select.c.
   */
  poll(fds: readonly PollFd[], timeoutMs: number): number

  /**
   * Waits until a descriptor below `nfds` is ready, and leaves only the ready ones in the arrays; the result
   * is how many there are in all three. `timeoutMs`: milliseconds; missing or null waits for ever.
   *
   * Errors: EBADF one is not open; EINVAL negative `nfds` or timeout; EINTR; EFAULT. Linux: sys_select,
   * fs/select.c.
   */
  select(
    nfds: number,
    readFds: number[] | null,
    writeFds: number[] | null,
    exceptFds: number[] | null,
    timeoutMs?: number | null,
  ): number

  /**
   * What stat tells, of an open file.
   *
   * Errors: EBADF. Linux: sys_fstat, fs/stat.c.
   */
  fstat(fd: number): Ret<Stat>

  /**
   * The file system that an open file is on.
   *
   * Errors: EBADF, ENOSYS. Linux: sys_fstatfs, fs/open.c.
   */
  fstatfs(fd: number): Ret<Statfs>

  /**
   * chmod of an open file. 0.
   *
   * Errors: EBADF; EPERM not the owner; EROFS. Linux: sys_fchmod, fs/open.c.
   */
  fchmod(fd: number, mode: number): number

  /**
   * chown of an open file; -1 leaves an id. 0.
   *
   * Errors: EBADF; EPERM; EROFS. Linux: sys_fchown, fs/open.c.
   */
  fchown(fd: number, uid: number, gid: number): number

  /**
   * Sets the size in bytes of a file that is open for writing; a longer file gets a hole. 0.
   *
   * Errors: EBADF; EINVAL negative, not a regular file, or not open for writing; EFBIG; EPERM append-only.
   * Linux: sys_ftruncate, fs/open.c.
   */
  ftruncate(fd: number, length: number): number

  /**
   * Writes a file's data and attributes out. 0.
   *
   * Errors: EBADF; EINVAL nothing to write out, such as a pipe. Linux: sys_fsync, fs/buffer.c.
   */
  fsync(fd: number): number

  /**
   * Writes a file's data out. 0.
   *
   * Errors: as fsync. Linux: sys_fdatasync, fs/buffer.c.
   */
  fdatasync(fd: number): number

  /**
   * Makes an open directory the working directory. 0.
   *
   * Errors: EBADF; ENOTDIR; EACCES no search permission. Linux: sys_fchdir, fs/open.c.
   */
  fchdir(fd: number): number

  /**
   * The next entries of an open directory, in as much as fits into `count` bytes of C structures (default
   * 32768); an empty array at the end. `.` and `..` come first.
   *
   * Errors: EBADF; ENOTDIR; ENOENT the directory is removed; EINVAL no room for one entry.
   * Linux: sys_getdents, fs/readdir.c.
   */
  getdents(fd: number, count?: number): Ret<Dirent[]>
}
