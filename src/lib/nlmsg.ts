/**
 * Netlink messages and their attributes as bytes, for kernel and programs alike: in the machine's byte order, aligned
 * to four. Where no order is given it is little-endian.
 * Linux: NLMSG_*, RTA_* of include/linux/netlink.h and rtnetlink.h.
 */

/** One message of a buffer. */
export interface NlMessage {
  /** NLMSG_*, RTM_* and the like. */
  readonly type: number
  /** NLM_F_*. */
  readonly flags: number
  /** The sender's number for it. */
  readonly seq: number
  /** The sender's port, as it says itself. */
  readonly pid: number
  /** What is behind the header. */
  readonly body: Uint8Array
}

/** Bytes of the header. */
const HEADER = 16

const align4 = (length: number): number => (length + 3) & ~3

/** In which order a machine has the bytes of its integers. */
export type ByteOrder = 'little' | 'big'

/** A 16-bit integer of a message; 0 behind its end. */
export const read16 = (bytes: Uint8Array, at: number, order: ByteOrder): number =>
  order === 'little'
    ? (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)
    : ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)

/** A 32-bit unsigned integer of a message; 0 behind its end. */
export const read32 = (bytes: Uint8Array, at: number, order: ByteOrder): number =>
  order === 'little'
    ? (read16(bytes, at, order) | (read16(bytes, at + 2, order) << 16)) >>> 0
    : ((read16(bytes, at, order) << 16) | read16(bytes, at + 2, order)) >>> 0

/** Writes the lower 16 bits of `value`. */
export function write16(bytes: Uint8Array, at: number, value: number, order: ByteOrder): void {
  const low = order === 'little' ? at : at + 1
  bytes[low] = value
  bytes[2 * at + 1 - low] = value >>> 8
}

/** Writes the lower 32 bits of `value`. */
export function write32(bytes: Uint8Array, at: number, value: number, order: ByteOrder): void {
  const low = order === 'little' ? at : at + 2
  write16(bytes, low, value, order)
  write16(bytes, 2 * at + 2 - low, value >>> 16, order)
}

/** The lower 32 bits of `value` as bytes. */
export function bytes32(value: number, order: ByteOrder): Uint8Array {
  const bytes = new Uint8Array(4)
  write32(bytes, 0, value, order)
  return bytes
}

/** As read16, little-endian. */
export const le16 = (bytes: Uint8Array, at: number): number => read16(bytes, at, 'little')

/** As read32, little-endian. */
export const le32 = (bytes: Uint8Array, at: number): number => read32(bytes, at, 'little')

/** `value` as four bytes, little-endian. */
export const int32 = (value: number): Uint8Array => bytes32(value, 'little')

/** An IPv4 address as four bytes, as it is on the wire. */
export const inet32 = (addr: number): Uint8Array =>
  Uint8Array.of(addr >>> 24, (addr >>> 16) & 255, (addr >>> 8) & 255, addr & 255)

/** Four bytes of an IPv4 address as an unsigned number. */
export const fromInet32 = (bytes: Uint8Array): number =>
  (((bytes[0] ?? 0) << 24) | ((bytes[1] ?? 0) << 16) | ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0)) >>> 0

/** A name with the NUL at its end. Latin-1. */
export const nulText = (text: string): Uint8Array =>
  Uint8Array.from([...Array.from(text, (char) => char.charCodeAt(0) & 255), 0])

/** The text before the NUL. */
export function textOf(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) {
    if (byte === 0) break
    text += String.fromCharCode(byte)
  }
  return text
}

/** Attributes by number: the last of each counts. */
export type Attributes = ReadonlyMap<number, Uint8Array>

/** Attributes as bytes, in the order of the list. */
export function writeAttributes(
  list: Iterable<readonly [number, Uint8Array]>,
  order: ByteOrder = 'little',
): Uint8Array {
  const pieces = [...list]
  const whole = new Uint8Array(pieces.reduce((sum, [, value]) => sum + align4(4 + value.length), 0))
  let at = 0
  for (const [type, value] of pieces) {
    const length = 4 + value.length
    write16(whole, at, length, order)
    write16(whole, at + 2, type, order)
    whole.set(value, at + 4)
    at += align4(length)
  }
  return whole
}

/** The attributes of a message's body from `start` on; what is cut off ends the list. */
export function readAttributes(body: Uint8Array, start: number, order: ByteOrder = 'little'): Attributes {
  const found = new Map<number, Uint8Array>()
  let at = align4(start)
  while (at + 4 <= body.length) {
    const length = read16(body, at, order)
    if (length < 4 || at + length > body.length) break
    found.set(read16(body, at + 2, order), body.slice(at + 4, at + length))
    at += align4(length)
  }
  return found
}

/** A whole message: header, a fixed part, attributes. */
export function writeMessage(
  { type, flags, seq, pid }: Omit<NlMessage, 'body'>,
  fixed: Uint8Array,
  attributes: Iterable<readonly [number, Uint8Array]> = [],
  order: ByteOrder = 'little',
): Uint8Array {
  const rest = writeAttributes(attributes, order)
  const start = HEADER + align4(fixed.length)
  const length = rest.length === 0 ? HEADER + fixed.length : start + rest.length
  const whole = new Uint8Array(length)
  write32(whole, 0, length, order)
  write16(whole, 4, type, order)
  write16(whole, 6, flags, order)
  write32(whole, 8, seq, order)
  write32(whole, 12, pid, order)
  whole.set(fixed, HEADER)
  if (rest.length > 0) whole.set(rest, start)
  return whole
}

/** The messages of a buffer, up to the first that is cut off. */
export function readMessages(bytes: Uint8Array, order: ByteOrder = 'little'): NlMessage[] {
  const found: NlMessage[] = []
  let at = 0
  while (at + HEADER <= bytes.length) {
    const length = read32(bytes, at, order)
    if (length < HEADER || at + length > bytes.length) break
    found.push({
      type: read16(bytes, at + 4, order),
      flags: read16(bytes, at + 6, order),
      seq: read32(bytes, at + 8, order),
      pid: read32(bytes, at + 12, order),
      body: bytes.slice(at + HEADER, at + length),
    })
    at += align4(length)
  }
  return found
}

/** Messages one behind the other, each aligned. */
export function joinMessages(messages: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(messages.reduce((sum, { length }) => sum + align4(length), 0))
  let at = 0
  for (const message of messages) {
    whole.set(message, at)
    at += align4(message.length)
  }
  return whole
}
