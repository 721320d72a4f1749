/**
 * Records on top of a ring, which knows bytes only (BL-3): a layout of integers, appended whole or not at all, and a
 * reader that puts them together from whatever read(2) gives.
 *
 * Fields follow one another without gaps, little-endian, in the order in which the layout names them. Values are whole
 * numbers; 64-bit ones up to 2^53 - 1.
 */

import { type Bufflink, bufflinkAppend } from './ring.js'

/** Bits of a field, and whether it has a sign. */
export type FieldType = 'u8' | 'u16' | 'u32' | 'i32' | 'u64'

/** The fields of a record, in order. */
export type Fields = Readonly<Record<string, FieldType>>

/** A record with these fields. */
export type RecordOf<F extends Fields> = { -readonly [Name in keyof F]: number }

const BYTES: Readonly<Record<FieldType, number>> = { u8: 1, u16: 2, u32: 4, i32: 4, u64: 8 }
const MOST: Readonly<Record<FieldType, number>> = {
  u8: 0xff,
  u16: 0xffff,
  u32: 0xffffffff,
  i32: 0x7fffffff,
  u64: Number.MAX_SAFE_INTEGER,
}

function put(view: DataView, at: number, type: FieldType, value: number): void {
  if (type === 'u8') view.setUint8(at, value)
  else if (type === 'u16') view.setUint16(at, value, true)
  else if (type === 'u64') {
    view.setUint32(at, value % 2 ** 32, true)
    view.setUint32(at + 4, Math.floor(value / 2 ** 32), true)
  } else view.setInt32(at, value | 0, true)
}

function get(view: DataView, at: number, type: FieldType): number {
  if (type === 'u8') return view.getUint8(at)
  if (type === 'u16') return view.getUint16(at, true)
  if (type === 'i32') return view.getInt32(at, true)
  const low = view.getUint32(at, true)
  return type === 'u64' ? low + view.getUint32(at + 4, true) * 2 ** 32 : low
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** How a record looks in bytes. Make one with `recordLayout`, once. */
export class RecordLayout<F extends Fields> {
  /** The fields, in order. */
  readonly fields: F
  /** Bytes of a record. */
  readonly size: number

  /** @internal Call recordLayout. */
  constructor(fields: F) {
    this.fields = fields
    this.size = Object.values(fields).reduce((sum, type) => sum + BYTES[type], 0)
  }

  /** The bytes of a record. Throws a RangeError, naming the field, for a value that does not fit. */
  encode(record: RecordOf<F>): Uint8Array {
    const bytes = new Uint8Array(this.size)
    const view = viewOf(bytes)
    let at = 0
    for (const [name, type] of Object.entries(this.fields)) {
      const value = record[name] ?? Number.NaN
      const least = type === 'i32' ? -0x80000000 : 0
      if (!Number.isSafeInteger(value) || value < least || value > MOST[type])
        throw new RangeError(`record: ${name} must be a ${type}, not ${String(record[name])}`)
      put(view, at, type, value)
      at += BYTES[type]
    }
    return bytes
  }

  /** The record at `at`. Throws a RangeError where the bytes end before it does. */
  decode(bytes: Uint8Array, at = 0): RecordOf<F> {
    if (at < 0 || at + this.size > bytes.length)
      throw new RangeError(`record: ${this.size} bytes at ${at} are not within ${bytes.length}`)
    const view = viewOf(bytes)
    let from = at
    const entries = Object.entries(this.fields).map(([name, type]): [string, number] => {
      const value = get(view, from, type)
      from += BYTES[type]
      return [name, value]
    })
    return Object.fromEntries(entries) as RecordOf<F>
  }
}

/** A layout. Throws a TypeError for one without fields, or with a type that there is not. */
export function recordLayout<const F extends Fields>(fields: F): RecordLayout<F> {
  const types = Object.entries(fields)
  if (types.length === 0) throw new TypeError('recordLayout: a record has at least one field')
  for (const [name, type] of types)
    if (!Object.hasOwn(BYTES, type)) throw new TypeError(`recordLayout: ${name} cannot be a ${String(type)}`)
  return new RecordLayout(Object.freeze({ ...fields }))
}

/** Appends a record, whole or not at all: as `bufflinkAppend`. */
export const appendRecord = <F extends Fields>(
  bl: Bufflink,
  layout: RecordLayout<F>,
  record: RecordOf<F>,
): boolean => bufflinkAppend(bl, layout.encode(record))

/** Puts records together from the bytes that reads give, however they are cut. User space's side. */
export class RecordReader<F extends Fields> {
  /** What it puts together. */
  readonly layout: RecordLayout<F>
  /** Bytes of a record that has not come whole. */
  rest: Uint8Array = new Uint8Array(0)

  constructor(layout: RecordLayout<F>) {
    this.layout = layout
  }

  /** The records that are whole with these bytes. They are the caller's again afterwards. */
  push(chunk: Uint8Array): RecordOf<F>[] {
    const { layout, rest } = this
    const bytes = new Uint8Array(rest.length + chunk.length)
    bytes.set(rest)
    bytes.set(chunk, rest.length)
    const records: RecordOf<F>[] = []
    let at = 0
    for (; at + layout.size <= bytes.length; at += layout.size) records.push(layout.decode(bytes, at))
    this.rest = bytes.slice(at)
    return records
  }
}
