/**
 * Bytes and text: UTF-8 and Latin-1 without host APIs, integers on the wire, comparison and joining.
 *
 * UTF-8 behaves as TextEncoder and TextDecoder do: a lone surrogate is encoded as U+FFFD, an ill-formed sequence is
 * decoded to one U+FFFD for each maximal part of it, a byte order mark is kept.
 *
 * Integer accessors have no checks: reading past the end gives zeros, writing there does nothing.
 */

const REPLACEMENT = 0xfffd

/** Bytes that `text` takes in UTF-8. */
export const utf8Length = (text: string): number => {
  let length = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) continue
    if (unit < 0x800) {
      length++
    } else {
      // A pair is two units and four bytes: two more here, and none for its second unit.
      length += 2
      if (isPair(text, i, unit)) i++
    }
  }
  return length
}

/** `text` in UTF-8. */
export const utf8Encode = (text: string): Uint8Array => {
  const bytes = new Uint8Array(utf8Length(text))
  utf8Write(text, bytes, 0)
  return bytes
}

/** Writes `text` in UTF-8 to `bytes` from `at` on; returns where it ended. What does not fit is lost. */
export const utf8Write = (text: string, bytes: Uint8Array, at: number): number => {
  let o = at
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i)
    if (code < 0x80) {
      bytes[o++] = code
      continue
    }
    if (code < 0x800) {
      bytes[o++] = 0xc0 | (code >> 6)
    } else {
      if (isPair(text, i, code)) {
        code = 0x10000 + ((code & 0x3ff) << 10) + (text.charCodeAt(++i) & 0x3ff)
        bytes[o++] = 0xf0 | (code >> 18)
        bytes[o++] = 0x80 | ((code >> 12) & 0x3f)
      } else {
        if (code >= 0xd800 && code < 0xe000) code = REPLACEMENT
        bytes[o++] = 0xe0 | (code >> 12)
      }
      bytes[o++] = 0x80 | ((code >> 6) & 0x3f)
    }
    bytes[o++] = 0x80 | (code & 0x3f)
  }
  return o
}

const isPair = (text: string, at: number, unit: number): boolean => {
  if (unit < 0xd800 || unit >= 0xdc00) return false
  const next = text.charCodeAt(at + 1)
  return next >= 0xdc00 && next < 0xe000
}

/** The text of `bytes[start..end)`, taken as UTF-8. */
export const utf8Decode = (bytes: Uint8Array, start = 0, end = bytes.length): string => {
  let i = start
  while (i < end && (bytes[i] ?? 0) < 0x80) i++
  if (i >= end) return latin1Decode(bytes, start, end)
  const codes: number[] = []
  let text = latin1Decode(bytes, start, i)
  while (i < end) {
    const lead = bytes[i++] ?? 0
    if (lead < 0x80) {
      codes.push(lead)
    } else {
      i = decodeSequence(bytes, i, end, lead, codes)
    }
    if (codes.length >= CHUNK) text += String.fromCodePoint(...codes.splice(0))
  }
  return text + String.fromCodePoint(...codes)
}

/** Pushes the code point that `lead` starts, or U+FFFD; returns where the next one begins. */
const decodeSequence = (
  bytes: Uint8Array,
  at: number,
  end: number,
  lead: number,
  codes: number[],
): number => {
  const trailing = lead < 0xc2 || lead > 0xf4 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3
  // Overlong forms, surrogates and what is beyond U+10FFFF are ruled out by the range of the second byte.
  let low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  let high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  let code = lead & (0x3f >> trailing)
  let i = at
  for (let n = 0; n < trailing; n++) {
    const byte = i < end ? (bytes[i] ?? 0) : 0
    if (byte < low || byte > high) {
      codes.push(REPLACEMENT)
      return i
    }
    code = (code << 6) | (byte & 0x3f)
    low = 0x80
    high = 0xbf
    i++
  }
  codes.push(trailing === 0 ? REPLACEMENT : code)
  return i
}

/** Arguments that one call of String.fromCharCode takes safely in every engine. */
const CHUNK = 4096

/** One character per byte of `bytes[start..end)`: U+0000 to U+00FF. */
export const latin1Decode = (bytes: Uint8Array, start = 0, end = bytes.length): string => {
  let text = ''
  for (let i = start; i < end; i += CHUNK) {
    text += String.fromCharCode(...bytes.subarray(i, Math.min(i + CHUNK, end)))
  }
  return text
}

/** One byte per character: the low eight bits of its code. */
export const latin1Encode = (text: string): Uint8Array => {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

/**
 * Copies `count` bytes. A loop beats set(subarray()) for a few; no view is made where all of `from` is wanted.
 */
export const copyBytes = (
  from: Uint8Array,
  fromAt: number,
  to: Uint8Array,
  toAt: number,
  count: number,
): void => {
  if (count <= 64) for (let i = 0; i < count; i++) to[toAt + i] = from[fromAt + i] as number
  else to.set(fromAt === 0 && count === from.length ? from : from.subarray(fromAt, fromAt + count), toAt)
}

/**
 * A copy of a caller's bytes. A view whose memory has been transferred away has no bytes, and the engine refuses to
 * slice it.
 */
export const sliceOf = (bytes: Uint8Array): Uint8Array =>
  bytes.length === 0 ? new Uint8Array(0) : bytes.slice()

/** Same length, same bytes? */
export const bytesEqual = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** All parts after one another, in a new array. */
export const concatBytes = (parts: readonly Uint8Array[]): Uint8Array => {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    if (part.length > 0) bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** Unsigned, little-endian (i386). */
export const readU16LE = (bytes: Uint8Array, at: number): number =>
  (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)
export const readU32LE = (bytes: Uint8Array, at: number): number =>
  (readU16LE(bytes, at) | (readU16LE(bytes, at + 2) << 16)) >>> 0
/** Signed, little-endian. */
export const readI32LE = (bytes: Uint8Array, at: number): number => readU32LE(bytes, at) | 0
/** Up to 2^53 exactly; more loses low bits. */
export const readU64LE = (bytes: Uint8Array, at: number): number =>
  readU32LE(bytes, at) + readU32LE(bytes, at + 4) * 2 ** 32

/** Unsigned, big-endian (the network's order). */
export const readU16BE = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
export const readU32BE = (bytes: Uint8Array, at: number): number =>
  ((readU16BE(bytes, at) << 16) | readU16BE(bytes, at + 2)) >>> 0
export const readI32BE = (bytes: Uint8Array, at: number): number => readU32BE(bytes, at) | 0

/** The low bits of `value`, little-endian; negative numbers in two's complement. */
export const writeU16LE = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
}
export const writeU32LE = (bytes: Uint8Array, at: number, value: number): void => {
  writeU16LE(bytes, at, value)
  writeU16LE(bytes, at + 2, value >>> 16)
}
/** `value` is an integer from 0 to 2^53. */
export const writeU64LE = (bytes: Uint8Array, at: number, value: number): void => {
  writeU32LE(bytes, at, value)
  writeU32LE(bytes, at + 4, Math.floor(value / 2 ** 32))
}

/** The low bits of `value`, big-endian. */
export const writeU16BE = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}
export const writeU32BE = (bytes: Uint8Array, at: number, value: number): void => {
  writeU16BE(bytes, at, value >>> 16)
  writeU16BE(bytes, at + 2, value)
}
