/**
 * What open(2), fcntl(2), flock(2), access(2) and lseek(2) take, with the i386 values, and the path limits.
 *
 * Left out: F_NOTIFY (dnotify) bits, the lease *types* beyond the lock types they reuse, mandatory locking.
 *
 * Linux: include/asm-i386/fcntl.h (2.0.35, 2.2.12, 2.6.14), include/linux/fs.h, include/linux/limits.h.
 */

/** The bits of the access mode: O_RDONLY, O_WRONLY, O_RDWR, or 3 for neither. */
export const O_ACCMODE = 0o3
/** Read only. */
export const O_RDONLY = 0o0
/** Write only. */
export const O_WRONLY = 0o1
/** Read and write. */
export const O_RDWR = 0o2
/** Make the file if it is not there. */
export const O_CREAT = 0o100
/** With O_CREAT: EEXIST if it is there, and follow no link. */
export const O_EXCL = 0o200
/** Do not make a terminal the controlling one; there are no terminals. */
export const O_NOCTTY = 0o400
/** Cut the file to nothing. */
export const O_TRUNC = 0o1000
/** Every write goes to the end. */
export const O_APPEND = 0o2000
/** EAGAIN instead of sleeping. */
export const O_NONBLOCK = 0o4000
/** The System V name of O_NONBLOCK; the same bit on i386. */
export const O_NDELAY = O_NONBLOCK
/** Writes reach the disk before they return; no effect on the file systems here. */
export const O_SYNC = 0o10000
/** SIGIO on readiness. glibc's O_ASYNC is the same bit. */
export const FASYNC = 0o20000
/** glibc's name of FASYNC. */
export const O_ASYNC = FASYNC
/** 2.4 and later: bypass the page cache. Ignored by earlier kernels. */
export const O_DIRECT = 0o40000
/** Allow offsets past 2 GiB on 32-bit kernels. 2.2 knows the bit, 2.4 acts on it. */
export const O_LARGEFILE = 0o100000
/** Fail with ENOTDIR unless the path is a directory. 2.2 and later. */
export const O_DIRECTORY = 0o200000
/** Fail with ELOOP if the last component is a symbolic link. 2.2 and later. */
export const O_NOFOLLOW = 0o400000
/** Do not update st_atime. 2.6.8 and later. */
export const O_NOATIME = 0o1000000
/** Set FD_CLOEXEC at once. 2.6.23: later than every profile here; kernels of the era ignore the bit. */
export const O_CLOEXEC = 0o2000000

/** fcntl: the lowest free descriptor from `arg` on, for the same open file. */
export const F_DUPFD = 0
/** fcntl: the descriptor's flags, FD_CLOEXEC or 0. */
export const F_GETFD = 1
/** fcntl: sets the descriptor's flags. */
export const F_SETFD = 2
/** fcntl: the open file's flags. */
export const F_GETFL = 3
/** fcntl: sets O_APPEND, O_NONBLOCK, FASYNC and, in 2.6, O_DIRECT and O_NOATIME. */
export const F_SETFL = 4
/** fcntl: which record lock would be in the way? Fills the Flock. */
export const F_GETLK = 5
/** fcntl: sets or removes a record lock; EAGAIN if another is in the way. */
export const F_SETLK = 6
/** fcntl: as F_SETLK, but waits; EDEADLK if that would be for ever. */
export const F_SETLKW = 7
/** fcntl: who gets SIGIO: a pid, or minus a process group. */
export const F_SETOWN = 8
/** fcntl: who gets SIGIO. */
export const F_GETOWN = 9
/** fcntl: which signal instead of SIGIO. 2.2 and later. */
export const F_SETSIG = 10
/** fcntl: which signal is sent, 0 for SIGIO. 2.2 and later. */
export const F_GETSIG = 11
/** F_GETLK with 64-bit offsets: 2.4 and later, through fcntl64. */
export const F_GETLK64 = 12
/** F_SETLK with 64-bit offsets: 2.4 and later, through fcntl64. */
export const F_SETLK64 = 13
/** F_SETLKW with 64-bit offsets: 2.4 and later, through fcntl64. */
export const F_SETLKW64 = 14
/** fcntl: takes a lease. 2.4 and later. */
export const F_SETLEASE = 1024
/** fcntl: which lease is held. 2.4 and later. */
export const F_GETLEASE = 1025
/** fcntl: directory notification. 2.4 and later; not modelled. */
export const F_NOTIFY = 1026

/** The only descriptor flag of the era. */
export const FD_CLOEXEC = 1

/** `type` of a record lock: shared. */
export const F_RDLCK = 0
/** `type` of a record lock: exclusive. */
export const F_WRLCK = 1
/** `type` of a record lock: none; removes one. */
export const F_UNLCK = 2

/** flock: a shared lock. */
export const LOCK_SH = 1
/** flock: an exclusive lock. */
export const LOCK_EX = 2
/** flock: EWOULDBLOCK instead of waiting; OR-ed in. */
export const LOCK_NB = 4
/** flock: removes the lock. */
export const LOCK_UN = 8

/** "Relative to the working directory" for openat and its kin: 2.6.16, offered as a backport. */
export const AT_FDCWD = -100
/** unlinkat removes a directory. */
export const AT_REMOVEDIR = 0x200
/** Do not follow a final symbolic link. */
export const AT_SYMLINK_NOFOLLOW = 0x100

/** access: does it exist? */
export const F_OK = 0
/**
 * access: may it be executed or searched? The values of these three equal MAY_EXEC, MAY_WRITE and MAY_READ.
 */
export const X_OK = 1
/** access: may it be written? */
export const W_OK = 2
/** access: may it be read? */
export const R_OK = 4

/** From the start. */
export const SEEK_SET = 0
/** From the current position. */
export const SEEK_CUR = 1
/** From the end. */
export const SEEK_END = 2

/**
 * A record lock as fcntl(2) takes it. `len` 0 means "to the end, however far the file grows". F_GETLK fills the
 * object in place: `type` F_UNLCK if nothing conflicts, else the conflicting lock and its owner's `pid`.
 */
export interface Flock {
  /** F_RDLCK, F_WRLCK or F_UNLCK. */
  type: number
  /** SEEK_SET, SEEK_CUR or SEEK_END. */
  whence: number
  /** Byte offset from `whence`. */
  start: number
  /** Bytes; 0 is "to the end"; negative is refused by the kernels before 2.4.21. */
  len: number
  /** Owner; only F_GETLK writes it. */
  pid: number
}

/** Bytes in one path component, without the NUL. Linux: include/linux/limits.h */
export const NAME_MAX = 255
/** Bytes in a path, with the NUL. Linux: include/linux/limits.h; older headers say 4095 and do not count it. */
export const PATH_MAX = 4096
/** A write of at most this many bytes to a pipe is not interleaved. Linux: include/linux/limits.h */
export const PIPE_BUF = 4096
/** Bytes of arguments plus environment for exec. Linux: 32 pages, include/linux/limits.h */
export const ARG_MAX = 131072
/** The size limit without O_LARGEFILE, 2 GiB - 1. Linux: MAX_NON_LFS, include/linux/fs.h */
export const MAX_NON_LFS = 0x7fffffff
