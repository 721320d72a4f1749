/** Records of events, byte for byte, in both byte orders. */
import { decodeRecord, encodeRecord, type WireFields } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { checkFields } from '../../src/lib/wire_record.js'

const FIELDS = { a: 'u8', b: 'u16', c: 'u32', d: 's32', name: 'text16', words: 'text' } as const
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const RECORD = { a: 1, b: 0x0203, c: 0x84050607, d: -13, name: 'cat', words: 'no' }
const NAME = '63617400000000000000000000000000'

describe('a record as bytes', () => {
  it('is its fields, one behind the other', () => {
    expect(hex(encodeRecord(FIELDS, RECORD, 100))).toBe(`01${'0302'}07060584f3ffffff${NAME}6e6f00`)
    expect(hex(encodeRecord(FIELDS, RECORD, 100, false))).toBe(`01${'0203'}84050607fffffff3${NAME}6e6f00`)
  })

  it('is read back in either order', () => {
    for (const isLittle of [true, false])
      expect(decodeRecord(FIELDS, encodeRecord(FIELDS, RECORD, 100, isLittle), isLittle)).toEqual(RECORD)
  })

  it('cuts text between characters: in its field, and where the record may be no longer', () => {
    const long = { ...RECORD, name: '0123456789abcdé', words: 'éééé' }
    const bytes = encodeRecord(FIELDS, long, 33)
    expect(bytes.length).toBe(32)
    expect(decodeRecord(FIELDS, bytes)).toEqual({ ...long, name: '0123456789abcd', words: 'éé' })
    expect(encodeRecord(FIELDS, long, 5).length).toBe(28)
  })

  it('is null where it is not all there, and has no text where that is cut off', () => {
    const bytes = encodeRecord(FIELDS, RECORD, 100)
    expect(decodeRecord(FIELDS, bytes.subarray(0, 26))).toBeNull()
    expect(decodeRecord(FIELDS, bytes.subarray(0, 27))).toEqual({ ...RECORD, words: '' })
  })

  it.each<[string, WireFields, string]>([
    ['text in the middle', { a: 'text', b: 'u8' }, 'x: a must be the last field'],
    ['an unknown type', { a: 'u64' as never }, 'x: a cannot be a u64'],
  ])('cannot have %s', (_what, fields, message) => {
    expect(() => checkFields('x', fields)).toThrow(message)
  })
})
