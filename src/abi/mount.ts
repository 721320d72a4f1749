/**
 * Flags of mount(2) and umount2(2).
 *
 * Linux: include/linux/fs.h (2.2.12, 2.6.14). 2.0.35 knows MS_RDONLY to MS_MANDLOCK and MS_REMOUNT.
 */

/** Read-only. */
export const MS_RDONLY = 1
/** exec ignores set-id bits. */
export const MS_NOSUID = 2
/** Device nodes cannot be opened. */
export const MS_NODEV = 4
/** exec is EACCES. */
export const MS_NOEXEC = 8
/** Writes reach the disk at once; no effect here. */
export const MS_SYNCHRONOUS = 16
/** Change the flags and options of what is mounted there. */
export const MS_REMOUNT = 32
/** Mandatory locks; not modelled. */
export const MS_MANDLOCK = 64
/** Directory changes reach the disk at once; no effect here. 2.6 and later. */
export const MS_DIRSYNC = 128
/** Reading does not set atime. */
export const MS_NOATIME = 1024
/** Reading a directory does not set atime. */
export const MS_NODIRATIME = 2048
/** Show a tree at a second place; 2.4 and later. */
export const MS_BIND = 4096
/** Move a mounted tree; 2.4.18 and later. */
export const MS_MOVE = 8192
/** With MS_BIND: take the mounts below along; 2.4.11 and later. */
export const MS_REC = 16384
/** Quiet about errors of the mount; 2.6. */
export const MS_VERBOSE = 32768
/** The superblock has POSIX ACLs; not modelled. */
export const MS_POSIXACL = 1 << 16
/** Internal to the kernel. */
export const MS_ACTIVE = 1 << 30
/** Internal to the kernel: cannot be mounted by programs. */
export const MS_NOUSER = 0x80000000

/** The flags that a remount can change. Linux: MS_RMT_MASK, include/linux/fs.h */
export const MS_RMT_MASK = MS_RDONLY | MS_SYNCHRONOUS | MS_MANDLOCK | MS_NOATIME | MS_NODIRATIME

/** Old programs put this in the upper half of the flags; the kernel masks it off. */
export const MS_MGC_VAL = 0xc0ed0000
/** Mask of MS_MGC_VAL. */
export const MS_MGC_MSK = 0xffff0000

/** umount2: even if busy, for NFS. 2.2 and later. */
export const MNT_FORCE = 1
/** umount2: detach now, clean up when no longer busy. 2.4.11 and later. */
export const MNT_DETACH = 2
