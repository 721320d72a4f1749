/**
 * File types, permission bits, and the structures that stat(2), getdents(2) and statfs(2) fill.
 *
 * Structures are plain objects, times are in virtual seconds since the epoch of the profile's boot moment.
 *
 * Linux: include/linux/stat.h, include/linux/fs.h, include/asm-i386/stat.h, include/asm-i386/statfs.h.
 */

import type { Gid, Ino, Mode, Uid } from './brand.js'

export const S_IFMT = 0o170000
export const S_IFSOCK = 0o140000
export const S_IFLNK = 0o120000
export const S_IFREG = 0o100000
export const S_IFBLK = 0o060000
export const S_IFDIR = 0o040000
export const S_IFCHR = 0o020000
export const S_IFIFO = 0o010000

export const S_ISUID = 0o4000
export const S_ISGID = 0o2000
export const S_ISVTX = 0o1000

export const S_IRWXU = 0o700
export const S_IRUSR = 0o400
export const S_IWUSR = 0o200
export const S_IXUSR = 0o100
export const S_IRWXG = 0o070
export const S_IRGRP = 0o040
export const S_IWGRP = 0o020
export const S_IXGRP = 0o010
export const S_IRWXO = 0o007
export const S_IROTH = 0o004
export const S_IWOTH = 0o002
export const S_IXOTH = 0o001

/** The kernel's shorthands. Linux: include/linux/stat.h under __KERNEL__ */
export const S_IRWXUGO = 0o777
export const S_IALLUGO = 0o7777
export const S_IRUGO = 0o444
export const S_IWUGO = 0o222
export const S_IXUGO = 0o111

/** Is it a regular file? */
export const S_ISREG = (mode: number): boolean => (mode & S_IFMT) === S_IFREG
/** Is it a directory? */
export const S_ISDIR = (mode: number): boolean => (mode & S_IFMT) === S_IFDIR
/** Is it a symbolic link? */
export const S_ISLNK = (mode: number): boolean => (mode & S_IFMT) === S_IFLNK
/** Is it a character device? */
export const S_ISCHR = (mode: number): boolean => (mode & S_IFMT) === S_IFCHR
/** Is it a block device? */
export const S_ISBLK = (mode: number): boolean => (mode & S_IFMT) === S_IFBLK
/** Is it a pipe, with or without a name? */
export const S_ISFIFO = (mode: number): boolean => (mode & S_IFMT) === S_IFIFO
/** Is it a socket? */
export const S_ISSOCK = (mode: number): boolean => (mode & S_IFMT) === S_IFSOCK

/** Directory entry types of getdents(2): S_IFMT shifted right by 12. 2.2 file systems give DT_UNKNOWN. */
export const DT_UNKNOWN = 0
export const DT_FIFO = 1
export const DT_CHR = 2
export const DT_DIR = 4
export const DT_BLK = 6
export const DT_REG = 8
export const DT_LNK = 10
export const DT_SOCK = 12

/** The DT_* of a mode: DT_DIR for S_IFDIR. Linux: dt_type, fs/libfs.c (2.6). */
export const modeToDirentType = (mode: number): number => (mode & S_IFMT) >>> 12

/** What stat, lstat and fstat fill. `dev` and `rdev` are in the encoding of the profile (see `oldEncodeDev`). */
export interface Stat {
  dev: number
  ino: Ino
  mode: Mode
  nlink: number
  uid: Uid
  gid: Gid
  rdev: number
  /** Bytes. */
  size: number
  /** Bytes of one preferred transfer. */
  blksize: number
  /** Units of 512 bytes. */
  blocks: number
  /** Seconds. The nanosecond parts are 0 before 2.6. */
  atime: number
  atimeNsec: number
  mtime: number
  mtimeNsec: number
  ctime: number
  ctimeNsec: number
}

/** One entry of getdents(2). */
export interface Dirent {
  ino: Ino
  /** Where the next entry starts: pass it to lseek(SEEK_SET) to go on after this one. */
  off: number
  /** DT_*. */
  type: number
  name: string
}

/** What statfs and fstatfs fill. */
export interface Statfs {
  /** The magic number of the file system: 0xEF53 for ext2. */
  type: number
  /** Bytes per block. */
  bsize: number
  blocks: number
  bfree: number
  bavail: number
  files: number
  ffree: number
  /** Two words that only the file system gives a meaning to. */
  fsid: readonly [number, number]
  namelen: number
}

/** The times that utime(2) sets, in seconds. */
export interface Utimbuf {
  actime: number
  modtime: number
}
