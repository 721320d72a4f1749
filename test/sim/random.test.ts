import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cloneGraph, digestGraph } from '../../src/lib/graph.js'
import { Random } from '../../src/sim/random.js'

describe('Random', () => {
  it('is xoshiro128**', () => {
    const random = Object.assign(new Random(0), { s0: 1, s1: 2, s2: 3, s3: 4 })
    // First outputs of the reference implementation (prng.di.unimi.it/xoshiro128starstar.c) from this state.
    const expected = [
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]
    expect(expected.map(() => random.next32())).toEqual(expected)
  })

  it('gives the same numbers for the same seed, others for another', () => {
    const numbers = (seed: number): number[] => {
      const random = new Random(seed)
      return Array.from({ length: 8 }, () => random.next32())
    }
    expect(numbers(7)).toEqual(numbers(7))
    const seeds = [
      0,
      1,
      -1,
      7,
      2 ** 31,
      2 ** 32,
      2 ** 32 + 1,
      Number.MAX_SAFE_INTEGER,
      Number.MIN_SAFE_INTEGER,
    ]
    expect(new Set(seeds.map((seed) => numbers(seed).join())).size).toBe(seeds.length)
    expect(numbers(7)).toMatchInlineSnapshot(`
      [
        210494603,
        711084892,
        3993689120,
        4089369890,
        1706118055,
        2746022466,
        1316796690,
        458993998,
      ]
    `)
  })

  it('refuses a seed that is no safe integer', () => {
    for (const seed of [0.5, Number.NaN, 2 ** 53]) expect(() => new Random(seed)).toThrow(RangeError)
  })

  it('goes on in a clone as in the original', () => {
    const random = new Random(3)
    random.next32()
    const copy = cloneGraph(random)
    expect(digestGraph(copy)).toBe(digestGraph(random))
    expect(Array.from({ length: 5 }, () => copy.next32())).toEqual(
      Array.from({ length: 5 }, () => random.next32()),
    )
  })

  it('chooses below n, evenly', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 2 ** 32 }), (seed, n) => {
        const random = new Random(seed)
        for (let i = 0; i < 10; i++) {
          const choice = random.below(n)
          expect(choice >= 0 && choice < n && Number.isInteger(choice)).toBe(true)
        }
      }),
    )
    const random = new Random(1)
    const counts = [0, 0, 0, 0, 0, 0]
    for (let i = 0; i < 60_000; i++) {
      const side = random.below(6)
      counts[side] = (counts[side] ?? 0) + 1
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400)
    for (const n of [0, -1, 1.5, 2 ** 32 + 1]) expect(() => random.below(n)).toThrow(RangeError)
  })

  it('gives floats from 0 up to 1 and fills bytes', () => {
    const random = new Random(2)
    let sum = 0
    for (let i = 0; i < 10_000; i++) {
      const x = random.float()
      expect(x >= 0 && x < 1).toBe(true)
      sum += x
    }
    expect(Math.abs(sum / 10_000 - 0.5)).toBeLessThan(0.02)
    const word = cloneGraph(random).next32()
    const bytes = new Uint8Array(7)
    random.fill(bytes)
    expect(new DataView(bytes.buffer).getUint32(0, true)).toBe(word)
  })
})
