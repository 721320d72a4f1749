import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteRing } from '../../src/lib/ring.js'

describe('ByteRing', () => {
  it('behaves like a bounded queue of bytes', () => {
    const step = fc.record({ op: fc.constantFrom('write', 'read', 'peek', 'skip'), count: fc.nat(300) })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), fc.array(step, { maxLength: 60 }), (capacity, steps) => {
        const ring = new ByteRing(capacity)
        let model: number[] = []
        let nextByte = 0
        for (const { op, count } of steps) {
          if (op === 'write') {
            const data = Uint8Array.from({ length: count + 1 }, () => nextByte++)
            const taken = Math.min(count, capacity - model.length)
            expect(ring.write(data, 1)).toBe(taken)
            model.push(...data.subarray(1, 1 + taken))
          } else if (op === 'skip') {
            expect(ring.skip(count)).toBe(Math.min(count, model.length))
            model = model.slice(count)
          } else {
            const target = new Uint8Array(count + 2)
            const got = op === 'read' ? ring.read(target, 1, count + 1) : ring.peek(target, 1, count + 1)
            expect([...target]).toEqual([0, ...model.slice(0, count), ...new Uint8Array(count + 1 - got)])
            expect(got).toBe(Math.min(count, model.length))
            if (op === 'read') model = model.slice(count)
          }
          expect(ring.length).toBe(model.length)
          expect(ring.free).toBe(capacity - model.length)
        }
      }),
    )
  })

  it('starts at the beginning again when it runs empty or is cleared', () => {
    const ring = new ByteRing(4)
    ring.write(Uint8Array.of(1, 2, 3))
    ring.skip(3)
    expect(ring.head).toBe(0)
    ring.write(Uint8Array.of(1, 2, 3))
    ring.skip(1)
    ring.clear()
    expect([ring.head, ring.length, ring.free, ring.capacity]).toEqual([0, 0, 4, 4])
  })
})
