/**
 * Records of fixed layout as bytes: integers and text, one behind the other without gaps, as a list of fields says.
 * Integers are little-endian unless told otherwise; text is UTF-8, cut between characters where it does not fit.
 */

import { utf8Decode, utf8Encode } from './bytes.js'

/** What a field is: an integer, text in 16 or 32 bytes with NULs behind it, or text up to the record's end with one NUL. */
export type WireType = 'u8' | 'u16' | 'u32' | 's32' | 'text16' | 'text32' | 'text'

/** The fields of a record, in order. Only the last may be 'text'. */
export type WireFields = Readonly<Record<string, WireType>>

/** A record with these fields. */
export type WireRecord<F extends WireFields> = {
  readonly [N in keyof F]: F[N] extends 'text16' | 'text32' | 'text' ? string : number
}

/** Bytes of each type; of 'text' none but what it holds. */
const BYTES: Readonly<Record<WireType, number>> = {
  u8: 1,
  u16: 2,
  u32: 4,
  s32: 4,
  text16: 16,
  text32: 32,
  text: 0,
}

/** Bytes of the part that all records with these fields have. */
export function fixedSize(fields: WireFields): number {
  let size = 0
  for (const type of Object.values(fields)) size += BYTES[type]
  return size
}

/** Throws a TypeError for a list of fields that cannot be laid out. */
export function checkFields(what: string, fields: WireFields): void {
  const list = Object.entries(fields)
  for (const [at, [name, type]] of list.entries()) {
    if (!Object.hasOwn(BYTES, type)) throw new TypeError(`${what}: ${name} cannot be a ${String(type)}`)
    if (type === 'text' && at < list.length - 1)
      throw new TypeError(`${what}: ${name} must be the last field: it goes on to the record's end`)
  }
}

/** `text` in at most `most` bytes, no character cut in two. */
function utf8Within(text: string, most: number): Uint8Array {
  const bytes = utf8Encode(text)
  if (bytes.length <= most) return bytes
  let end = Math.max(most, 0)
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.subarray(0, end)
}

function putInteger(view: DataView, at: number, type: WireType, value: number, isLittle: boolean): void {
  if (type === 'u8') view.setUint8(at, value)
  else if (type === 'u16') view.setUint16(at, value, isLittle)
  else view.setInt32(at, value | 0, isLittle)
}

/** A record as bytes, at most `most` of them: text at its end is cut to that. */
export function encodeRecord<F extends WireFields>(
  fields: F,
  record: WireRecord<F>,
  most: number,
  isLittle = true,
): Uint8Array {
  const fixed = fixedSize(fields)
  const values: Readonly<Record<string, string | number>> = record
  const names = Object.keys(fields)
  const last = names.at(-1)
  const tail =
    last !== undefined && fields[last] === 'text'
      ? utf8Within(String(values[last]), most - fixed - 1)
      : undefined
  const bytes = new Uint8Array(fixed + (tail === undefined ? 0 : tail.length + 1))
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const name of names) {
    const type = fields[name] ?? 'text'
    const value = values[name] ?? 0
    if (type === 'text') bytes.set(tail ?? [], at)
    else if (typeof value === 'string') bytes.set(utf8Within(value, BYTES[type] - 1), at)
    else putInteger(view, at, type, value, isLittle)
    at += BYTES[type]
  }
  return bytes
}

function textAt(bytes: Uint8Array, from: number, to: number): string {
  const end = bytes.indexOf(0, from)
  return utf8Decode(bytes, from, end < 0 ? to : Math.min(end, to))
}

/** The record in `bytes`; null where its fixed part is not all there. */
export function decodeRecord<F extends WireFields>(
  fields: F,
  bytes: Uint8Array,
  isLittle = true,
): WireRecord<F> | null {
  if (bytes.length < fixedSize(fields)) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const entries: [string, string | number][] = []
  let at = 0
  for (const [name, type] of Object.entries(fields)) {
    if (type === 'u8') entries.push([name, view.getUint8(at)])
    else if (type === 'u16') entries.push([name, view.getUint16(at, isLittle)])
    else if (type === 'u32') entries.push([name, view.getUint32(at, isLittle)])
    else if (type === 's32') entries.push([name, view.getInt32(at, isLittle)])
    else entries.push([name, textAt(bytes, at, type === 'text' ? bytes.length : at + BYTES[type])])
    at += BYTES[type]
  }
  return Object.fromEntries(entries) as WireRecord<F>
}
