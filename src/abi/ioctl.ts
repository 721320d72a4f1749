/**
 * Numbers of ioctl(2): how they are put together, and the ones that files, terminals and block devices share.
 *
 * Left out: the many that belong to one driver; a module defines its own with `_IOR` and friends.
 *
 * Linux: include/asm-i386/ioctl.h, include/asm-i386/ioctls.h, include/linux/fs.h (2.2.12, 2.6.14).
 */

/** Direction: no argument is copied. */
export const _IOC_NONE = 0
/** Direction: the kernel reads the argument. */
export const _IOC_WRITE = 1
/** Direction: the kernel fills the argument. */
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

/** The direction of an ioctl number. */
export const _IOC_DIR = (cmd: number): number => cmd >>> 30
/** The type byte of an ioctl number. */
export const _IOC_TYPE = (cmd: number): number => (cmd >>> 8) & 0xff
/** The driver's own number in an ioctl number. */
export const _IOC_NR = (cmd: number): number => cmd & 0xff
/** The size of the argument in an ioctl number, bytes. */
export const _IOC_SIZE = (cmd: number): number => (cmd >>> 16) & 0x3fff

/** Bytes ready to read. */
export const FIONREAD = 0x541b
/** O_NONBLOCK on or off. */
export const FIONBIO = 0x5421
/** Close-on-exec off. */
export const FIONCLEX = 0x5450
/** Close-on-exec on. */
export const FIOCLEX = 0x5451
/** SIGIO on or off. */
export const FIOASYNC = 0x5452

/** Regular files: the disk block of a file block. */
export const FIBMAP = _IO(0, 1)
/** Regular files: bytes per block. */
export const FIGETBSZ = _IO(0, 2)

/** Sockets: sets who gets SIGIO. */
export const FIOSETOWN = 0x8901
/** As FIOSETOWN. */
export const SIOCSPGRP = 0x8902
/** Sockets: who gets SIGIO? */
export const FIOGETOWN = 0x8903
/** As FIOGETOWN. */
export const SIOCGPGRP = 0x8904
/** Sockets: is the next byte the urgent one? */
export const SIOCATMARK = 0x8905

/** Terminals: get the attributes. */
export const TCGETS = 0x5401
/** Terminals: set the attributes. */
export const TCSETS = 0x5402
/** Terminals: set them when output is done. */
export const TCSETSW = 0x5403
/** Terminals: the same, and drop input. */
export const TCSETSF = 0x5404
/** Terminals: get the attributes, System V. */
export const TCGETA = 0x5405
/** Terminals: set the attributes, System V. */
export const TCSETA = 0x5406
/** Terminals: send a break. */
export const TCSBRK = 0x5409
/** Terminals: flow control. */
export const TCXONC = 0x540a
/** Terminals: drop input or output. */
export const TCFLSH = 0x540b
/** Terminals: nobody else may open it. */
export const TIOCEXCL = 0x540c
/** Terminals: others may open it again. */
export const TIOCNXCL = 0x540d
/** Terminals: make it the controlling one. */
export const TIOCSCTTY = 0x540e
/** Terminals: the foreground group. */
export const TIOCGPGRP = 0x540f
/** Terminals: sets the foreground group. */
export const TIOCSPGRP = 0x5410
/** Terminals: bytes not yet sent. */
export const TIOCOUTQ = 0x5411
/** Terminals: as if a byte were typed. */
export const TIOCSTI = 0x5412
/** Terminals: the window size. */
export const TIOCGWINSZ = 0x5413
/** Terminals: sets the window size. */
export const TIOCSWINSZ = 0x5414
/** Terminals: the name of FIONREAD there. */
export const TIOCINQ = FIONREAD
/** Terminals: give up the controlling one. */
export const TIOCNOTTY = 0x5422
/** Terminals: the session. */
export const TIOCGSID = 0x5429
/** Unix98 pseudo-terminals: number of the slave. 2.2 and later. */
export const TIOCGPTN = _IOR('T', 0x30, 4)
/** Unix98 pseudo-terminals: lock it. 2.2 and later. */
export const TIOCSPTLCK = _IOW('T', 0x31, 4)

/** Block devices: sets the read-only flag. */
export const BLKROSET = _IO(0x12, 93)
/** Block devices: the read-only flag. */
export const BLKROGET = _IO(0x12, 94)
/** Block devices: read the partition table again. */
export const BLKRRPART = _IO(0x12, 95)
/** Block devices: size in sectors of 512 bytes. */
export const BLKGETSIZE = _IO(0x12, 96)
/** Block devices: flush the buffers. */
export const BLKFLSBUF = _IO(0x12, 97)
/** Block devices: sets how many sectors reads ask for ahead. */
export const BLKRASET = _IO(0x12, 98)
/** Block devices: how many that are. */
export const BLKRAGET = _IO(0x12, 99)
/** Block devices: sector size, bytes. */
export const BLKSSZGET = _IO(0x12, 104)
/** Disks: the geometry, as struct hd_geometry of 8 bytes. */
export const HDIO_GETGEO = 0x0301
/** Loop devices: sets the file below, by its descriptor. */
export const LOOP_SET_FD = 0x4c00
/** Loop devices: lets go of it. */
export const LOOP_CLR_FD = 0x4c01
