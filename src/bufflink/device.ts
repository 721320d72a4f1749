/**
 * The character device of the rings: mostly like a FIFO. Reference §4.3, BL-10 to BL-23.
 *
 * A difference from a FIFO: the kernel is a writer for as long as the ring lives, so that an empty one has no end, and
 * nobody gets a SIGPIPE. Left out: mmap, which this kernel has not got.
 */

import { minor } from '../abi/brand.js'
import { EAGAIN, EBUSY, EINVAL, ENODEV, ENXIO } from '../abi/errno.js'
import { _IO, FIONREAD } from '../abi/ioctl.js'
import { putInt } from '../vfs/ioctl_arg.js'
import { defineFileOps } from '../vfs/ops.js'
import {
  type Bufflink,
  bufflinkAppend,
  bufflinkState,
  countOpener,
  fetchOverflow,
  MINORS,
  readiness,
  takeBytes,
} from './ring.js'

/** ioctl: has an append been lost since the last time? 0 or 1; takes the flag down (BL-16). */
export const BUFFLINK_GETOVERFLOW = _IO('b', 1)

/** The operations of an open ring. */
export const bufflinkOps = defineFileOps<Bufflink>({
  name: 'bufflink',

  /** Errors: ENODEV no such minor; ENXIO it has no ring; EBUSY it is open, with `exclusiveOpen`. */
  open(current, inode, file) {
    const state = bufflinkState(current.k)
    const unit = minor(inode.rdev)
    if (unit >= MINORS) return ENODEV
    const bl = state.rings.get(unit)
    if (bl === undefined) return ENXIO
    if (state.settings.exclusiveOpen && bl.openers > 0) return EBUSY
    file.data = bl
    countOpener(bl, 1)
    return 0
  },

  release(_current, file) {
    countOpener(file.data, -1)
  },

  /** What is there, as much as fits. The end is only behind a ring that has been destroyed (BL-12, BL-13). */
  read(_current, { data: bl }, buf) {
    if (buf.length === 0) return 0
    const count = takeBytes(bl, buf)
    return count === 0 && bl.alive ? EAGAIN : count
  },

  /**
   * All of it or nothing, as append, but waits for room (BL-18). Errors: EINVAL more than the ring ever holds; ENXIO it
   * has been destroyed (Deviation: the sources do not say; it is what an open says then).
   */
  write(_current, { data: bl }, data) {
    if (!bl.alive) return ENXIO
    if (data.length > bl.size) return EINVAL
    if (data.length > bl.ring.free) return EAGAIN
    bufflinkAppend(bl, data)
    return data.length
  },

  poll: (_current, { data: bl }) => readiness(bl),
  waitQueue: ({ data: bl }) => bl.wait,

  ioctl(_current, { data: bl }, cmd, arg) {
    if (cmd === BUFFLINK_GETOVERFLOW) return fetchOverflow(bl)
    return cmd === FIONREAD ? putInt(arg, bl.length) : EINVAL
  },
})
