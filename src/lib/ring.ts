/**
 * A byte ring of fixed capacity: the page of a 2.2 pipe, the buffer of a relay channel. Plain state; no call allocates.
 */

import { copyBytes } from './bytes.js'

export class ByteRing {
  readonly buffer: Uint8Array
  /** Where the oldest byte is. */
  head = 0
  /** Bytes held. */
  length = 0

  /** Of so many bytes, or in a buffer that is the caller's. */
  constructor(capacity: number | Uint8Array) {
    this.buffer = typeof capacity === 'number' ? new Uint8Array(capacity) : capacity
  }

  get capacity(): number {
    return this.buffer.length
  }

  /** Bytes that a write would take now. */
  get free(): number {
    return this.buffer.length - this.length
  }

  /** Appends as much of `data[start..end)` as fits; returns how much that was. */
  write(data: Uint8Array, start = 0, end = data.length): number {
    const { buffer } = this
    const count = Math.min(end - start, buffer.length - this.length)
    if (count <= 0) return 0
    let at = this.head + this.length
    if (at >= buffer.length) at -= buffer.length
    const first = Math.min(count, buffer.length - at)
    copyBytes(data, start, buffer, at, first)
    copyBytes(data, start + first, buffer, 0, count - first)
    this.length += count
    return count
  }

  /** Takes the oldest bytes out into `target[start..end)`; returns how many. */
  read(target: Uint8Array, start = 0, end = target.length): number {
    const count = this.peek(target, start, end)
    this.skip(count)
    return count
  }

  /** As `read`, but the bytes stay. */
  peek(target: Uint8Array, start = 0, end = target.length): number {
    const { buffer, head } = this
    const count = Math.min(end - start, this.length)
    if (count <= 0) return 0
    const first = Math.min(count, buffer.length - head)
    copyBytes(buffer, head, target, start, first)
    copyBytes(buffer, 0, target, start + first, count - first)
    return count
  }

  /** Drops up to `count` of the oldest bytes; returns how many. An empty ring starts at 0 again. */
  skip(count: number): number {
    const dropped = Math.min(Math.max(count, 0), this.length)
    this.length -= dropped
    this.head = this.length === 0 ? 0 : (this.head + dropped) % this.buffer.length
    return dropped
  }

  /** Drops everything. */
  clear(): void {
    this.head = 0
    this.length = 0
  }
}
