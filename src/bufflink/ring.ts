/**
 * Rings from the kernel to user space: create, append, destroy. The always-resident part (CONFIG_BUFFLINK_KERNEL); the
 * character device is device.ts.
 *
 * Rules of the reference, §4.3: a ring is a stream of bytes without records (BL-3). An append goes in whole and in order
 * (BL-5), or not at all, and then only sets a flag (BL-6, BL-7), which stays until user space fetches it (BL-8). It is
 * legal in every context, never sleeps and never allocates (BL-4).
 */

import { EBUSY, EINVAL, ENOMEM, type Ret } from '../abi/errno.js'
import { POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../abi/poll.js'
import { KernelBug } from '../kernel/bug.js'
import type { KernelCore } from '../kernel/kernel.js'
import { WaitQueue, wakeUp } from '../kernel/wait.js'
import { ByteRing } from '../lib/ring.js'
import { shouldFail } from '../sim/faults.js'
import type { Settings } from './options.js'

/** Minors are 8 bits. */
export const MINORS = 256

/** A ring. Linux: struct bufflink. Its fields are for looking. */
export class Bufflink {
  /** @internal The module that it belongs to. */
  readonly owner: BufflinkState
  /** Its unit of the device. */
  readonly minor: number
  /** @internal */
  readonly ring: ByteRing
  /** Has an append been lost since user space last asked? */
  overflow = false
  /** Does its creator still have it? */
  alive = true
  /** Open files. */
  openers = 0
  /** @internal Readers, writers and those who poll. */
  readonly wait: WaitQueue

  /** @internal Call bufflinkCreate. */
  constructor(owner: BufflinkState, minor: number, ring: ByteRing) {
    this.owner = owner
    this.minor = minor
    this.ring = ring
    this.wait = new WaitQueue(`bufflink ${minor}`)
  }

  /** Bytes that wait to be read. */
  get length(): number {
    return this.ring.length
  }

  /** Bytes that it holds at most. */
  get size(): number {
    return this.ring.capacity
  }
}

/** @internal The module's state. */
export class BufflinkState {
  readonly settings: Settings
  /** Rings by minor. */
  readonly rings = new Map<number, Bufflink>()
  /** Is the device's driver there? */
  isLoaded: boolean
  /** Open files of the device. Linux: MOD_INC_USE_COUNT. */
  uses = 0

  constructor(settings: Settings) {
    this.settings = settings
    this.isLoaded = settings.driver === 'builtin'
  }
}

/** How a ring is made. */
export interface BufflinkCreate {
  /** The caller's own buffer, which is the ring's from now on. */
  readonly buffer?: Uint8Array
  /** Bytes; 0 or none: all of `buffer`, or the default size. */
  readonly size?: number
  /** A minor from 0 to 255; -1 or none: the lowest free one. */
  readonly minor?: number
}

/** @internal The state of the module in a kernel. Throws a KernelBug where it is not there. */
export function bufflinkState(k: KernelCore): BufflinkState {
  const state = k.state.modules.get('bufflink')
  if (!(state instanceof BufflinkState)) throw new KernelBug('this kernel has no module bufflink')
  return state
}

/**
 * Makes a ring (BL-1). Errors: EBUSY the minor is in use, or all are; EINVAL it is not from 0 to 255, or the size is none
 * or more than the buffer; ENOMEM. In init(), `k` is the kernel that is being made.
 */
export function bufflinkCreate(k: KernelCore, options: BufflinkCreate = {}): Ret<Bufflink> {
  const { buffer, size = 0, minor = -1 } = options
  const state = bufflinkState(k)
  const { rings, settings } = state
  if (!Number.isInteger(minor) || minor < -1 || minor >= MINORS) return EINVAL
  const limit = buffer === undefined ? Number.MAX_SAFE_INTEGER : buffer.length
  if (!Number.isSafeInteger(size) || size < 0 || size > limit || limit === 0) return EINVAL
  let number = minor
  if (minor === -1) for (number = 0; rings.has(number); ) number++
  if (rings.has(number) || number >= MINORS) return EBUSY
  const bytes = size === 0 ? settings.defaultSize : size
  if (buffer === undefined && (bytes > settings.maxSize || shouldFail(k, 'alloc:bufflink'))) return ENOMEM
  const memory = size === 0 || buffer === undefined ? buffer : buffer.subarray(0, size)
  const bl = new Bufflink(state, number, new ByteRing(memory ?? bytes))
  rings.set(number, bl)
  return bl
}

/**
 * Appends the first `size` bytes of `data`, from any context: all of them, and true, or none, and false: then the ring's
 * flag says so from now on (BL-4 to BL-8). Throws a KernelBug for a ring that has been destroyed, and for a size that is
 * not in `data`.
 */
export function bufflinkAppend(bl: Bufflink, data: Uint8Array, size: number = data.length): boolean {
  const { ring, wait } = bl
  if (!bl.alive) throw new KernelBug(`append to bufflink ${bl.minor}, which has been destroyed`)
  if (size > ring.free) {
    if (size > data.length) throw tooShort(bl, data, size)
    if (!bl.overflow) {
      bl.overflow = true
      if (wait.head !== null) wakeUp(wait)
    }
    return false
  }
  if (size > data.length || size < 0) throw tooShort(bl, data, size)
  ring.write(data, 0, size)
  if (wait.head !== null && size > 0) wakeUp(wait)
  return true
}

const tooShort = (bl: Bufflink, data: Uint8Array, size: number): KernelBug =>
  new KernelBug(`append of ${size} bytes to bufflink ${bl.minor} out of ${data.length}`)

/**
 * Takes a ring away: its minor is free, whoever sleeps wakes, and those who have it open read what is left and then the
 * end (BL-13). Throws a KernelBug for one that has been destroyed before.
 */
export function bufflinkDestroy(k: KernelCore, bl: Bufflink): void {
  const { rings } = bufflinkState(k)
  if (!bl.alive || rings.get(bl.minor) !== bl)
    throw new KernelBug(`bufflink ${bl.minor} is destroyed twice, or belongs to another kernel`)
  rings.delete(bl.minor)
  bl.alive = false
  wakeUp(bl.wait)
}

// ---- what the device does with it ----------------------------------------------------------------------------

/** @internal Takes bytes out; room wakes writers. */
export function takeBytes(bl: Bufflink, buf: Uint8Array): number {
  const count = bl.ring.read(buf)
  if (count > 0 && bl.wait.head !== null) wakeUp(bl.wait)
  return count
}

/** @internal The flag, which is down after this (BL-16). */
export function fetchOverflow(bl: Bufflink): number {
  const was = bl.overflow ? 1 : 0
  bl.overflow = false
  return was
}

/** @internal POLL* bits (BL-15). */
export function readiness({ ring, overflow, alive }: Bufflink): number {
  const input = ring.length > 0 || overflow ? POLLIN | POLLRDNORM : 0
  if (!alive) return input | POLLHUP
  return ring.free > 0 ? input | POLLOUT | POLLWRNORM : input
}

/** @internal Somebody has it open, or has closed it. Closing discards nothing (BL-23). */
export function countOpener(bl: Bufflink, by: 1 | -1): void {
  bl.owner.uses += by
  bl.openers += by
}

/** @internal The driver comes or goes. */
export function setLoaded(state: BufflinkState, isLoaded: boolean): void {
  state.isLoaded = isLoaded
}
