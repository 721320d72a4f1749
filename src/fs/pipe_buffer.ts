/**
 * The buffer of a 2.6.11 pipe: sixteen slots of one page each. Data only; who waits for what is in pipe_slots.ts.
 *
 * Linux: struct pipe_buffer, include/linux/pipe_fs_i.h; the copying parts of pipe_readv and pipe_writev, fs/pipe.c
 * (2.6.14). A write takes a fresh page per 4096 bytes, but the odd bytes of a write (its length modulo the page
 * size) go into the last page if they fit there. So the pipe holds 64 KiB when whole pages are written, and as
 * little as sixteen short writes that could not be merged. A page is free again when all of it has been read.
 *
 * The earlier buffer, one page used as a ring, is lib/ring.ts.
 */

import { copyBytes } from '../lib/bytes.js'
import type { StateHasher } from '../lib/graph_digest.js'

/** Bytes of a page of memory; of PIPE_BUF too. */
const PAGE_SIZE = 4096

/** Slots of one pipe. Linux: PIPE_BUFFERS. */
export const PIPE_BUFFERS = 16

/** A page and which part of it is still to be read. Linux: struct pipe_buffer. */
export class PipeSlot {
  readonly page = new Uint8Array(PAGE_SIZE)
  offset = 0
  length = 0

  /** Only what is still to be read counts: the page may have been another pipe's. */
  digestState(hasher: StateHasher): void {
    hasher.value(this.offset)
    hasher.bytes(this.page.subarray(this.offset, this.offset + this.length))
  }
}

/** Pages that no pipe uses, for the next writes: a constant, as no run depends on what it holds. */
const SPARE: PipeSlot[] = []
const MOST_SPARE = 4 * PIPE_BUFFERS

/** The slots in use, oldest first. */
export class PipeSlots {
  readonly used: PipeSlot[] = []

  get isEmpty(): boolean {
    return this.used.length === 0
  }

  get isFull(): boolean {
    return this.used.length === PIPE_BUFFERS
  }

  /** Bytes held. */
  get length(): number {
    let bytes = 0
    for (const slot of this.used) bytes += slot.length
    return bytes
  }

  /** Takes the oldest bytes out into `target` from `start` on; returns how many. */
  take(target: Uint8Array, start: number): number {
    let at = start
    let slot = this.used[0]
    while (slot !== undefined && at < target.length) {
      const count = Math.min(slot.length, target.length - at)
      copyBytes(slot.page, slot.offset, target, at, count)
      at += count
      slot.offset += count
      slot.length -= count
      if (slot.length > 0) break
      this.used.shift()
      if (SPARE.length < MOST_SPARE) SPARE.push(slot)
      slot = this.used[0]
    }
    return at - start
  }

  /**
   * Puts the odd first bytes of a write of `data` into the last page; returns how many: all of
   * `data.length % PAGE_SIZE`, or none.
   */
  merge(data: Uint8Array): number {
    const odd = data.length & (PAGE_SIZE - 1)
    const last = this.used[this.used.length - 1]
    if (last === undefined || odd === 0) return 0
    const end = last.offset + last.length
    if (end + odd > PAGE_SIZE) return 0
    copyBytes(data, 0, last.page, end, odd)
    last.length += odd
    return odd
  }

  /** Puts `data` from `start` on into fresh pages, while there are any; returns how many bytes that was. */
  put(data: Uint8Array, start: number): number {
    let at = start
    while (at < data.length && this.used.length < PIPE_BUFFERS) {
      const slot = SPARE.pop() ?? new PipeSlot()
      slot.offset = 0
      slot.length = Math.min(PAGE_SIZE, data.length - at)
      copyBytes(data, at, slot.page, 0, slot.length)
      this.used.push(slot)
      at += slot.length
    }
    return at - start
  }
}
