/** Typed records on a ring. */
import fc from 'fast-check'
import { appendRecord, type RecordOf, RecordReader, recordLayout } from 'paleokernel/bufflink'
import { describe, expect, it } from 'vitest'
import { open, ring, world } from './world.js'

const layout = recordLayout({ dev: 'u16', dir: 'u8', delta: 'i32', sector: 'u32', time: 'u64' })
type Row = RecordOf<typeof layout.fields>

const rows: fc.Arbitrary<Row> = fc.record({
  dev: fc.integer({ min: 0, max: 0xffff }),
  dir: fc.integer({ min: 0, max: 0xff }),
  delta: fc.integer({ min: -0x80000000, max: 0x7fffffff }),
  sector: fc.integer({ min: 0, max: 0xffffffff }),
  time: fc.maxSafeNat(),
})

const row: Row = { dev: 0x0301, dir: 1, delta: -2, sector: 0xfffffffe, time: 2 ** 40 + 5 }

describe('recordLayout', () => {
  it('puts fields one after another, little-endian', () => {
    expect(layout.size).toBe(19)
    expect([...layout.encode(row)]).toEqual([
      1, 3, 1, 0xfe, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 5, 0, 0, 0, 0, 1, 0, 0,
    ])
    expect(layout.decode(layout.encode(row))).toEqual(row)
  })

  it('gives back what it was given', () => {
    fc.assert(
      fc.property(rows, (one) => {
        expect(layout.decode(layout.encode(one))).toEqual(one)
      }),
    )
  })

  it.each([
    [{ dev: 65536 }, 'dev must be a u16, not 65536'],
    [{ dir: -1 }, 'dir must be a u8, not -1'],
    [{ delta: 2 ** 31 }, 'delta must be a i32'],
    [{ sector: 0.5 }, 'sector must be a u32'],
    [{ time: 2 ** 53 }, 'time must be a u64'],
    [{ time: undefined }, 'time must be a u64, not undefined'],
  ])('refuses %j', (change, message) => {
    expect(() => layout.encode({ ...row, ...change } as Row)).toThrow(message)
    expect(() => layout.encode({ ...row, ...change } as Row)).toThrow(RangeError)
  })

  it('refuses layouts and bytes that are none', () => {
    expect(() => recordLayout({})).toThrow('at least one field')
    expect(() => recordLayout({ a: 'u24' as never })).toThrow('a cannot be a u24')
    expect(() => layout.decode(new Uint8Array(18))).toThrow('19 bytes at 0 are not within 18')
    expect(() => layout.decode(new Uint8Array(19), 1)).toThrow(RangeError)
  })
})

describe('RecordReader', () => {
  it('puts records together, however reads cut them', () => {
    fc.assert(
      fc.property(
        fc.array(rows, { maxLength: 20 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 50 })),
        (all, cuts) => {
          const k = world()
          const p = k.spawn()
          const bl = ring(k)
          const fd = open(p)
          for (const one of all) expect(appendRecord(bl, layout, one)).toBe(true)
          const reader = new RecordReader(layout)
          const got: Row[] = []
          while (bl.length > 0) {
            const buf = new Uint8Array(cuts.next().value)
            got.push(...reader.push(buf.subarray(0, p.sys.read(fd, buf))))
          }
          expect(got).toEqual(all)
          expect(reader.rest.length).toBe(0)
        },
      ),
      { numRuns: 50 },
    )
  })

  it('a record that does not fit is not stored at all', () => {
    const k = world()
    const p = k.spawn()
    const bl = ring(k, 40)
    expect([1, 2, 3].map(() => appendRecord(bl, layout, row))).toEqual([true, true, false])
    const buf = new Uint8Array(100)
    const count = p.sys.read(open(p), buf)
    expect(new RecordReader(layout).push(buf.subarray(0, count))).toEqual([row, row])
  })
})
