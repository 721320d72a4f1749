/**
 * File types, permission bits, and the structures that stat(2), getdents(2) and statfs(2) fill.
 *
 * Structures are plain objects, times are in virtual seconds since the epoch of the profile's boot moment.
 *
 * Linux: include/linux/stat.h, include/linux/fs.h, include/asm-i386/stat.h, include/asm-i386/statfs.h.
 */

import type { Gid, Ino, Mode, Uid } from './brand.js'

/** Mask of the file type in a mode. */
export const S_IFMT = 0o170000
/** File type: socket. */
export const S_IFSOCK = 0o140000
/** File type: symbolic link. */
export const S_IFLNK = 0o120000
/** File type: regular file. */
export const S_IFREG = 0o100000
/** File type: block device. */
export const S_IFBLK = 0o060000
/** File type: directory. */
export const S_IFDIR = 0o040000
/** File type: character device. */
export const S_IFCHR = 0o020000
/** File type: FIFO. */
export const S_IFIFO = 0o010000

/** Mode bit: exec takes the file's owner as effective uid. */
export const S_ISUID = 0o4000
/** Mode bit: exec takes the file's group as effective gid; new files of a directory get its group. */
export const S_ISGID = 0o2000
/** Mode bit, sticky: only owners remove names from the directory. */
export const S_ISVTX = 0o1000

/** The owner may read, write and execute. */
export const S_IRWXU = 0o700
/** The owner may read. */
export const S_IRUSR = 0o400
/** The owner may write. */
export const S_IWUSR = 0o200
/** The owner may execute or search. */
export const S_IXUSR = 0o100
/** The group may read, write and execute. */
export const S_IRWXG = 0o070
/** The group may read. */
export const S_IRGRP = 0o040
/** The group may write. */
export const S_IWGRP = 0o020
/** The group may execute or search. */
export const S_IXGRP = 0o010
/** Others may read, write and execute. */
export const S_IRWXO = 0o007
/** Others may read. */
export const S_IROTH = 0o004
/** Others may write. */
export const S_IWOTH = 0o002
/** Others may execute or search. */
export const S_IXOTH = 0o001

/** Everybody may do everything. Linux: include/linux/stat.h under __KERNEL__, as the next four. */
export const S_IRWXUGO = 0o777
/** All twelve mode bits. */
export const S_IALLUGO = 0o7777
/** Everybody may read. */
export const S_IRUGO = 0o444
/** Everybody may write. */
export const S_IWUGO = 0o222
/** Everybody may execute or search. */
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

/**
 * Entry type of getdents(2) that the file system does not tell, as all of 2.0 and 2.2. The others are S_IFMT
 * shifted right by 12.
 */
export const DT_UNKNOWN = 0
/** Entry type: FIFO. */
export const DT_FIFO = 1
/** Entry type: character device. */
export const DT_CHR = 2
/** Entry type: directory. */
export const DT_DIR = 4
/** Entry type: block device. */
export const DT_BLK = 6
/** Entry type: regular file. */
export const DT_REG = 8
/** Entry type: symbolic link. */
export const DT_LNK = 10
/** Entry type: socket. */
export const DT_SOCK = 12

/** The DT_* of a mode: DT_DIR for S_IFDIR. Linux: dt_type, fs/libfs.c (2.6). */
export const modeToDirentType = (mode: number): number => (mode & S_IFMT) >>> 12

/** What stat, lstat and fstat fill. `dev` and `rdev` are in the encoding of the profile (see `oldEncodeDev`). */
export interface Stat {
  /** The device of the file system. */
  dev: number
  /** The inode's number. */
  ino: Ino
  /** File type and mode bits. */
  mode: Mode
  /** How many names the inode has. */
  nlink: number
  /** The owner. */
  uid: Uid
  /** The group. */
  gid: Gid
  /** The device that a device node stands for. */
  rdev: number
  /** Bytes. */
  size: number
  /** Bytes of one preferred transfer. */
  blksize: number
  /** Units of 512 bytes. */
  blocks: number
  /** Last read, seconds since 1970. */
  atime: number
  /** Nanoseconds of `atime`; 0 before 2.6. */
  atimeNsec: number
  /** Last write, seconds since 1970. */
  mtime: number
  /** Nanoseconds of `mtime`; 0 before 2.6. */
  mtimeNsec: number
  /** Last change of the inode, seconds since 1970. */
  ctime: number
  /** Nanoseconds of `ctime`; 0 before 2.6. */
  ctimeNsec: number
}

/** One entry of getdents(2). */
export interface Dirent {
  /** The inode's number. */
  ino: Ino
  /** Where the next entry starts: pass it to lseek(SEEK_SET) to go on after this one. */
  off: number
  /** DT_*. */
  type: number
  /** The name, without a path. */
  name: string
}

/** What statfs and fstatfs fill. */
export interface Statfs {
  /** The magic number of the file system: 0xEF53 for ext2. */
  type: number
  /** Bytes per block. */
  bsize: number
  /** Blocks in all; 0 where there is no limit. */
  blocks: number
  /** Free blocks. */
  bfree: number
  /** Free blocks for others than root. */
  bavail: number
  /** Inodes in all; 0 where there is no limit. */
  files: number
  /** Free inodes. */
  ffree: number
  /** Two words that only the file system gives a meaning to. */
  fsid: readonly [number, number]
  /** Bytes that a name may have. */
  namelen: number
}

/** The times that utime(2) sets, in seconds. */
export interface Utimbuf {
  /** The new atime. */
  actime: number
  /** The new mtime. */
  modtime: number
}
