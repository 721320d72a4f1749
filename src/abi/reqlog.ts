/**
 * Records of the request log, as programs read them from /dev/reqlog. All fields little-endian.
 *
 * The short record; device and direction are those of RQ-9:
 *
 *      0 u16 device     major << 8 | minor
 *      2 u16 direction  bit 0: a write; bit 1: it has failed (in a log of completions)
 *      4 u32 sector     the first, of 512 bytes, counted from the beginning of the device
 *      8 u32 sectors    how many
 *     12 u32 time       ticks since boot, USER_HZ of them a second: jiffies of 2.2
 *
 * The long one begins as the short one and goes on:
 *
 *     16 u32 serial     of all records since boot, those included that were lost: from 1 on
 *     20 u32 pid        who asked for the transfer; 0: the kernel itself
 *     24 u32 dev        the device as 32 bits (2.6: new_encode_dev); the same as `device` where both are 8 bits
 *     28 u32 buffers    how many buffers there are in it
 */

/** The major number of its node: bufflink's. */
export const REQLOG_MAJOR = 120
/** The minor number of its node. */
export const REQLOG_MINOR = 0
/** Bytes of a short record. */
export const REQLOG_SHORT = 16
/** Bytes of a long record. */
export const REQLOG_LONG = 32

/** Bit of `direction`: a write. */
export const REQLOG_WRITE = 1
/** Bit of `direction`: it has failed. */
export const REQLOG_FAILED = 2
