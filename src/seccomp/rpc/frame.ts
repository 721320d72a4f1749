/**
 * Frames: what goes over the two pipes between a broker and a confined program. Numbers are least significant byte
 * first. A frame is at most 4096 bytes, which a pipe takes in one piece.
 *
 *     0   u16  0x5043, the letters "CP"
 *     2   u8   1, the version
 *     3   u8   1 call, 2 reply, 3 error
 *     4   u32  number of the call, chosen by the caller, repeated in the answer
 *     8   u32  handle of the capability; 0 is the link itself
 *     12  u16  operation; in an error, the error number
 *     14  u16  bytes of payload, 0 to 4080
 *     16       payload
 */

import { readU16LE, readU32LE, writeU16LE, writeU32LE } from '../../lib/bytes.js'

const MAGIC = 0x5043
const VERSION = 1
/** Bytes before the payload. */
export const HEADER_SIZE = 16
/** The longest frame: PIPE_BUF. */
export const MAX_FRAME = 4096
/** The longest payload. */
export const MAX_PAYLOAD = MAX_FRAME - HEADER_SIZE

/** The kind of a frame: a call. */
export const FRAME_CALL = 1
/** The kind of a frame: what a call came to. */
export const FRAME_REPLY = 2
/** The kind of a frame: why a call came to nothing. */
export const FRAME_ERROR = 3

/** One frame. */
export interface Frame {
  /** FRAME_*. */
  readonly kind: number
  /** Number of the call. */
  readonly id: number
  /** Handle of the capability. */
  readonly handle: number
  /** The operation, or an error number. */
  readonly op: number
  /** At most MAX_PAYLOAD bytes. */
  readonly payload: Uint8Array
}

/** The frame as bytes. Throws a RangeError for a payload that is too long. */
export function encodeFrame({ kind, id, handle, op, payload }: Frame): Uint8Array {
  if (payload.length > MAX_PAYLOAD)
    throw new RangeError(`a payload of ${payload.length} bytes: at most ${MAX_PAYLOAD} fit into a frame`)
  const bytes = new Uint8Array(HEADER_SIZE + payload.length)
  writeU16LE(bytes, 0, MAGIC)
  bytes[2] = VERSION
  bytes[3] = kind
  writeU32LE(bytes, 4, id)
  writeU32LE(bytes, 8, handle)
  writeU16LE(bytes, 12, op)
  writeU16LE(bytes, 14, payload.length)
  bytes.set(payload, HEADER_SIZE)
  return bytes
}

/** Puts frames together from the bytes that come. */
export class FrameReader {
  /** Bytes that have come and belong to no frame yet; never more than one frame and one read. */
  readonly buffer: Uint8Array = new Uint8Array(2 * MAX_FRAME)
  /** How many. */
  length = 0

  /** Is a whole frame there, or something that cannot begin one? */
  get hasFrame(): boolean {
    const { buffer, length } = this
    if (!beginsWell(buffer, length)) return true
    const size = HEADER_SIZE + readU16LE(buffer, 14)
    return length >= HEADER_SIZE && (size > MAX_FRAME || length >= size)
  }

  /** Room for one more read. */
  get room(): number {
    return this.length >= MAX_FRAME ? 0 : MAX_FRAME
  }

  /** Takes bytes in. Preconditions: there is room. */
  push(bytes: Uint8Array): void {
    this.buffer.set(bytes, this.length)
    this.length += bytes.length
  }

  /** The next frame; null when it is not all there; 'garbage' when no frame can begin like this. */
  next(): Frame | null | 'garbage' {
    const { buffer, length } = this
    if (!beginsWell(buffer, length)) return 'garbage'
    if (length < HEADER_SIZE) return null
    const size = HEADER_SIZE + readU16LE(buffer, 14)
    if (size > MAX_FRAME) return 'garbage'
    if (length < size) return null
    const frame = {
      kind: buffer[3] ?? 0,
      id: readU32LE(buffer, 4),
      handle: readU32LE(buffer, 8),
      op: readU16LE(buffer, 12),
      payload: buffer.slice(HEADER_SIZE, size),
    }
    buffer.copyWithin(0, size, length)
    this.length -= size
    return frame
  }
}

/** Is what is there of the first four bytes right? */
function beginsWell(buffer: Uint8Array, length: number): boolean {
  if (length > 0 && buffer[0] !== (MAGIC & 0xff)) return false
  if (length > 1 && buffer[1] !== MAGIC >> 8) return false
  if (length > 2 && buffer[2] !== VERSION) return false
  const kind = buffer[3] ?? 0
  return length <= 3 || (kind >= FRAME_CALL && kind <= FRAME_ERROR)
}
