import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BitSet } from '../../src/lib/bitset.js'
import { cloneGraph } from '../../src/lib/graph.js'

describe('BitSet', () => {
  it('behaves like a set of small integers', () => {
    const step = fc.tuple(fc.boolean(), fc.nat(200))
    fc.assert(
      fc.property(fc.array(step), fc.nat(250), (steps, from) => {
        const bits = new BitSet()
        const model = new Set<number>()
        for (const [isAdd, bit] of steps) {
          if (isAdd) {
            bits.add(bit)
            model.add(bit)
          } else {
            bits.delete(bit)
            model.delete(bit)
          }
        }
        const members: number[] = []
        for (let n = bits.nextSet(0); n >= 0; n = bits.nextSet(n + 1)) members.push(n)
        expect(members).toEqual([...model].sort((a, b) => a - b))
        expect(bits.count()).toBe(model.size)
        expect(bits.has(from)).toBe(model.has(from))
        let clear = from
        while (model.has(clear)) clear++
        expect(bits.firstClear(from)).toBe(clear)
        expect(bits.nextSet(from)).toBe(members.find((n) => n >= from) ?? -1)
      }),
    )
  })

  it('finds the number after a full word, and clones apart', () => {
    const bits = new BitSet(64)
    for (let n = 0; n < 64; n++) bits.add(n)
    expect(bits.firstClear()).toBe(64)
    expect(bits.firstClear(1000)).toBe(1000)
    const copy = cloneGraph(bits)
    copy.delete(31)
    expect([copy.firstClear(), bits.firstClear()]).toEqual([31, 64])
  })
})
