/**
 * Numbers of ioctl(2): how they are put together, and the ones that files, terminals and block devices share.
 *
 * Left out: the many that belong to one driver; a module defines its own with `_IOR` and friends.
 *
 * Linux: include/asm-i386/ioctl.h, include/asm-i386/ioctls.h, include/linux/fs.h (2.2.12, 2.6.14).
 */

export const _IOC_NONE = 0
export const _IOC_WRITE = 1
export const _IOC_READ = 2

/** A driver's type byte, as a number or as the character that its header uses. */
export type IocType = number | string

const typeByte = (type: IocType): number => (typeof type === 'string' ? type.charCodeAt(0) : type) & 0xff

/** Direction 30-31, size 16-29, type 8-15, number 0-7. Linux: _IOC, include/asm-i386/ioctl.h */
export const _IOC = (dir: number, type: IocType, nr: number, sizeBytes: number): number =>
  ((dir << 30) | ((sizeBytes & 0x3fff) << 16) | (typeByte(type) << 8) | (nr & 0xff)) >>> 0

/** No argument is copied. */
export const _IO = (type: IocType, nr: number): number => _IOC(_IOC_NONE, type, nr, 0)
/** The kernel fills the argument. */
export const _IOR = (type: IocType, nr: number, sizeBytes: number): number =>
  _IOC(_IOC_READ, type, nr, sizeBytes)
/** The kernel reads the argument. */
export const _IOW = (type: IocType, nr: number, sizeBytes: number): number =>
  _IOC(_IOC_WRITE, type, nr, sizeBytes)
/** Both. */
export const _IOWR = (type: IocType, nr: number, sizeBytes: number): number =>
  _IOC(_IOC_READ | _IOC_WRITE, type, nr, sizeBytes)

/** The parts of a number again. */
export const _IOC_DIR = (cmd: number): number => cmd >>> 30
export const _IOC_TYPE = (cmd: number): number => (cmd >>> 8) & 0xff
export const _IOC_NR = (cmd: number): number => cmd & 0xff
export const _IOC_SIZE = (cmd: number): number => (cmd >>> 16) & 0x3fff

/** Any file: bytes ready to read; non-blocking on or off; close-on-exec off or on; SIGIO on or off. */
export const FIONREAD = 0x541b
export const FIONBIO = 0x5421
export const FIONCLEX = 0x5450
export const FIOCLEX = 0x5451
export const FIOASYNC = 0x5452

/** Regular files: the disk block of a file block; bytes per block. */
export const FIBMAP = _IO(0, 1)
export const FIGETBSZ = _IO(0, 2)

/** Sockets and other SIGIO sources: owner; at the urgent mark? */
export const FIOSETOWN = 0x8901
export const SIOCSPGRP = 0x8902
export const FIOGETOWN = 0x8903
export const SIOCGPGRP = 0x8904
export const SIOCATMARK = 0x8905

/** Terminals. */
export const TCGETS = 0x5401
export const TCSETS = 0x5402
export const TCSETSW = 0x5403
export const TCSETSF = 0x5404
export const TCGETA = 0x5405
export const TCSETA = 0x5406
export const TCSBRK = 0x5409
export const TCXONC = 0x540a
export const TCFLSH = 0x540b
export const TIOCEXCL = 0x540c
export const TIOCNXCL = 0x540d
export const TIOCSCTTY = 0x540e
export const TIOCGPGRP = 0x540f
export const TIOCSPGRP = 0x5410
export const TIOCOUTQ = 0x5411
export const TIOCSTI = 0x5412
export const TIOCGWINSZ = 0x5413
export const TIOCSWINSZ = 0x5414
export const TIOCINQ = FIONREAD
export const TIOCNOTTY = 0x5422
export const TIOCGSID = 0x5429
/** Unix98 pseudo-terminals: number of the slave; lock it. 2.2 and later. */
export const TIOCGPTN = _IOR('T', 0x30, 4)
export const TIOCSPTLCK = _IOW('T', 0x31, 4)

/** Block devices: read-only flag, re-read partitions, size in sectors, flush, sector size. */
export const BLKROSET = _IO(0x12, 93)
export const BLKROGET = _IO(0x12, 94)
export const BLKRRPART = _IO(0x12, 95)
export const BLKGETSIZE = _IO(0x12, 96)
export const BLKFLSBUF = _IO(0x12, 97)
export const BLKSSZGET = _IO(0x12, 104)
