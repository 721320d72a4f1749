import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bytesEqual,
  concatBytes,
  latin1Decode,
  latin1Encode,
  readI32BE,
  readI32LE,
  readU16BE,
  readU16LE,
  readU32BE,
  readU32LE,
  readU64LE,
  utf8Decode,
  utf8Encode,
  utf8Length,
  utf8Write,
  writeU16BE,
  writeU16LE,
  writeU32BE,
  writeU32LE,
  writeU64LE,
} from '../../src/lib/bytes.js'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
/** Any UTF-16, lone surrogates included. */
const anyText = fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units))
const someText = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), anyText)

describe('utf8', () => {
  it('encodes as TextEncoder does', () => {
    fc.assert(
      fc.property(someText, (text) => {
        const expected = encoder.encode(text)
        expect(utf8Encode(text)).toEqual(expected)
        expect(utf8Length(text)).toBe(expected.length)
      }),
    )
  })

  it('decodes as TextDecoder does, whatever the bytes', () => {
    const tricky = fc.array(
      fc.oneof(
        fc.nat(255),
        fc.constantFrom(0xc1, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0x80, 0x9f, 0xa0, 0xbf),
      ),
    )
    fc.assert(
      fc.property(tricky, (numbers) => {
        const bytes = Uint8Array.from(numbers)
        expect(utf8Decode(bytes)).toBe(decoder.decode(bytes))
      }),
      { numRuns: 2000 },
    )
    fc.assert(
      fc.property(someText, (text) => utf8Decode(utf8Encode(text)) === decoder.decode(encoder.encode(text))),
    )
  })

  it('decodes a part, and text longer than one chunk', () => {
    expect(utf8Decode(encoder.encode('xhéllox'), 1, 7)).toBe('héllo')
    const long = 'aé€😀'.repeat(5000)
    expect(utf8Decode(encoder.encode(long))).toBe(long)
    expect(utf8Decode(encoder.encode('a'.repeat(10_000)))).toBe('a'.repeat(10_000))
  })

  it('writes into a larger array', () => {
    const bytes = new Uint8Array(8)
    expect(utf8Write('é!', bytes, 2)).toBe(5)
    expect([...bytes]).toEqual([0, 0, 0xc3, 0xa9, 0x21, 0, 0, 0])
  })
})

describe('latin1', () => {
  it('is one byte per character', () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i)
    expect(latin1Encode(latin1Decode(all))).toEqual(all)
    expect(latin1Decode(all, 65, 68)).toBe('ABC')
  })
})

describe('integers on the wire', () => {
  it('are read back as written', () => {
    const bytes = new Uint8Array(16)
    const view = new DataView(bytes.buffer)
    fc.assert(
      fc.property(fc.nat(0xffff), fc.integer(), fc.nat(Number.MAX_SAFE_INTEGER), (half, int, long) => {
        writeU16LE(bytes, 1, half)
        expect(view.getUint16(1, true)).toBe(half)
        expect(readU16LE(bytes, 1)).toBe(half)
        writeU16BE(bytes, 1, half)
        expect(view.getUint16(1)).toBe(half)
        expect(readU16BE(bytes, 1)).toBe(half)
        writeU32LE(bytes, 3, int)
        expect(view.getInt32(3, true)).toBe(int)
        expect([readI32LE(bytes, 3), readU32LE(bytes, 3)]).toEqual([int, int >>> 0])
        writeU32BE(bytes, 3, int)
        expect(view.getInt32(3)).toBe(int)
        expect([readI32BE(bytes, 3), readU32BE(bytes, 3)]).toEqual([int, int >>> 0])
        writeU64LE(bytes, 5, long)
        expect(view.getBigUint64(5, true)).toBe(BigInt(long))
        expect(readU64LE(bytes, 5)).toBe(long)
      }),
    )
  })
})

describe('bytesEqual and concatBytes', () => {
  it('compare and join', () => {
    const joined = concatBytes([Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3)])
    expect(joined).toEqual(Uint8Array.of(1, 2, 3))
    expect(bytesEqual(joined, Uint8Array.of(1, 2, 3))).toBe(true)
    expect(bytesEqual(joined, Uint8Array.of(1, 2, 4))).toBe(false)
    expect(bytesEqual(joined, Uint8Array.of(1, 2))).toBe(false)
  })
})
