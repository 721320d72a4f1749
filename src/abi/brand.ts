/**
 * Branded numbers: a mode is not an access mask is not a descriptor, and the compiler knows.
 *
 * A brand costs nothing at run time: every value below is a plain JavaScript number. Values that a
 * *caller* passes in (descriptors, modes, flags, ids, signal numbers) stay plain `number` in syscall
 * signatures; brands mark what the kernel hands out or passes along inside. The constructors (`asPid`,
 * `asFd`, …) only relabel: range checks belong to the syscall that received the number.
 *
 * Every `as` of the abi layer is in this file.
 */

declare const kind: unique symbol

/** A number of one kind. `Brand<'Pid'>` is assignable to `number`; a `number` is not assignable to it. */
export type Brand<K extends string> = number & {
  /** For the compiler only: no value has it. */
  readonly [kind]: K
}

/** A process (task) id, 1 and up. Session and process group ids are pids too. */
export type Pid = Brand<'Pid'>
/** An index into a descriptor table, 0 and up. */
export type Fd = Brand<'Fd'>
/** A user id. 16 bits wide before 2.4, 32 bits after. */
export type Uid = Brand<'Uid'>
/** A group id. */
export type Gid = Brand<'Gid'>
/** An inode number, unique within its file system. */
export type Ino = Brand<'Ino'>
/** A device number: major * 2^20 + minor, the layout that 2.6 uses inside the kernel. See `mkdev`. */
export type DevT = Brand<'DevT'>
/** A file mode: type (S_IFMT) and permission bits together, as in `st_mode`. */
export type Mode = Brand<'Mode'>
/** What an access asks for: an OR of MAY_READ 4, MAY_WRITE 2, MAY_EXEC 1. */
export type AccessMask = Brand<'AccessMask'>
/** A signal number, 1 to 64; 0 where "no signal, just check" is meant. */
export type Signal = Brand<'Signal'>
/** A negated error number: EACCES is -13. Always below zero. */
export type Errno = Brand<'Errno'>
/** An i386 system call number. */
export type SyscallNr = Brand<'SyscallNr'>
/** One of the CAP_* bit numbers, 0 to 31. */
export type Capability = Brand<'Capability'>
/** 32 capability bits as an unsigned number. */
export type CapSet = Brand<'CapSet'>

export const asPid = (n: number): Pid => n as Pid
export const asFd = (n: number): Fd => n as Fd
export const asUid = (n: number): Uid => n as Uid
export const asGid = (n: number): Gid => n as Gid
export const asIno = (n: number): Ino => n as Ino
export const asDevT = (n: number): DevT => n as DevT
export const asMode = (n: number): Mode => n as Mode
export const asAccessMask = (n: number): AccessMask => n as AccessMask
export const asSignal = (n: number): Signal => n as Signal
export const asSyscallNr = (n: number): SyscallNr => n as SyscallNr
export const asCapability = (n: number): Capability => n as Capability
/** Makes the bits unsigned: bit 31 set gives 2147483648 and up, never a negative number. */
export const asCapSet = (bits: number): CapSet => (bits >>> 0) as CapSet

/** Negates a positive error number: `errno(13)` is -13. */
export const errno = (n: number): Errno => -n as Errno
/** Labels a number that is already negative, for example one read back from a journal. */
export const asErrno = (n: number): Errno => n as Errno

const MINORBITS = 20
const MINORMASK = (1 << MINORBITS) - 1

/** Builds a device number. Linux: MKDEV, include/linux/kdev_t.h (2.6). */
export const mkdev = (major: number, minor: number): DevT =>
  (major * (MINORMASK + 1) + (minor & MINORMASK)) as DevT

/** The driver's number. Linux: MAJOR, include/linux/kdev_t.h (2.6). */
export const major = (dev: number): number => dev >>> MINORBITS

/** The unit within a driver. Linux: MINOR, include/linux/kdev_t.h (2.6). */
export const minor = (dev: number): number => dev & MINORMASK

/**
 * The 16-bit `dev_t` of 2.0 and 2.2, 8 bits each: what mknod takes and stat gives there. Bits that do not fit
 * are lost, as they were. Linux: old_encode_dev, include/linux/kdev_t.h (2.6); MKDEV in 2.2.
 */
export const oldEncodeDev = (dev: number): number => ((major(dev) & 0xff) << 8) | (minor(dev) & 0xff)

/** Linux: old_decode_dev, include/linux/kdev_t.h (2.6). */
export const oldDecodeDev = (value: number): DevT => mkdev((value >>> 8) & 0xff, value & 0xff)

/**
 * The 32-bit `dev_t` of 2.6: minor bits 0-7, major 8-19, the rest of the minor 20-31, so that small numbers
 * look as they did before. Linux: new_encode_dev, include/linux/kdev_t.h (2.6).
 */
export const newEncodeDev = (dev: number): number => {
  const low = minor(dev)
  return ((low & 0xff) | ((major(dev) & 0xfff) << 8) | ((low & ~0xff) << 12)) >>> 0
}

/** Linux: new_decode_dev, include/linux/kdev_t.h (2.6). */
export const newDecodeDev = (value: number): DevT =>
  mkdev((value & 0xfff00) >>> 8, (value & 0xff) | ((value >>> 12) & 0xfff00))
