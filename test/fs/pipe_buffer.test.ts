import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PIPE_BUFFERS, PipeSlots } from '../../src/fs/pipe_buffer.js'
import { digestGraph } from '../../src/lib/graph.js'

const PAGE = 4096

/** What a write of `data` puts in, as pipe_writev does it: the odd bytes first, then pages. */
function write(slots: PipeSlots, data: Uint8Array): number {
  const merged = slots.merge(data)
  return merged + slots.put(data, merged)
}

const bytes = (length: number, value = 1): Uint8Array => new Uint8Array(length).fill(value)

describe('PipeSlots, Linux 2.6.14 struct pipe_buffer', () => {
  describe('the merge rule of pipe_writev: the length modulo the page size joins the last page if it fits', () => {
    it.each([
      ['a first write takes a page', [10], [10]],
      ['a small write joins a page with room', [10, 20], [30]],
      ['up to the last byte', [4000, 96], [4096]],
      ['but not in parts', [4000, 97], [4000, 97]],
      ['a whole page never merges', [10, 4096], [10, 4096]],
      ['the odd bytes of a long write come first', [10, 4096 + 5], [15, 4096]],
      ['if they fit', [4095, 4096 + 5], [4095, 4096, 5]],
      ['a full last page takes nothing', [4096, 1], [4096, 1]],
    ])('%s', (_name, writes, lengths) => {
      const slots = new PipeSlots()
      for (const length of writes) expect(write(slots, bytes(length))).toBe(length)
      expect(slots.used.map((slot) => slot.length)).toEqual(lengths)
    })

    it('counts what has been read from the page as used up', () => {
      const slots = new PipeSlots()
      write(slots, bytes(4000))
      slots.take(bytes(3999), 0)
      expect(slots.merge(bytes(97))).toBe(0)
      expect(slots.merge(bytes(96))).toBe(96)
    })
  })

  it('holds 64 KiB in whole pages', () => {
    const slots = new PipeSlots()
    expect(write(slots, bytes(70000))).toBe(65536)
    expect(slots.isFull).toBe(true)
    expect(slots.put(bytes(1), 0)).toBe(0)
  })

  it('holds as little as sixteen short writes', () => {
    const slots = new PipeSlots()
    for (let i = 0; i < PIPE_BUFFERS; i++) write(slots, bytes(2049))
    expect(slots.isFull).toBe(true)
    expect(slots.length).toBe(16 * 2049)
  })

  it('frees a page when all of it has been read, and takes that page again', () => {
    const slots = new PipeSlots()
    write(slots, bytes(8192))
    const [first] = slots.used
    slots.take(bytes(4095), 0)
    expect(slots.used.length).toBe(2)
    slots.take(bytes(1), 0)
    expect(slots.used.length).toBe(1)
    write(slots, bytes(4096))
    expect(slots.used[1]).toBe(first)
  })

  it('keeps the stream of bytes and its accounts, whatever the order of reads and writes', () => {
    const step = fc.record({
      kind: fc.constantFrom('read', 'write'),
      length: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 70000 })),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const slots = new PipeSlots()
        let written = 0
        let read = 0
        for (const { kind, length } of steps) {
          if (kind === 'write') {
            const from = written
            const data = Uint8Array.from({ length }, (_, i) => (from + i) % 251)
            // A pipe without room takes no odd bytes either: the writer would sleep with them.
            written += slots.isFull ? 0 : write(slots, data)
          } else {
            const target = bytes(length, 255)
            const count = slots.take(target, 0)
            for (let i = 0; i < count; i++) if (target[i] !== (read + i) % 251) return false
            read += count
            if (count < length && slots.length > 0) return false
          }
          const sound = slots.used.every(
            (slot) => slot.length > 0 && slot.offset >= 0 && slot.offset + slot.length <= PAGE,
          )
          if (!sound || slots.used.length > PIPE_BUFFERS || slots.length !== written - read) return false
        }
        return true
      }),
    )
  })

  it('looks the same whatever its pages have held before', () => {
    const used = new PipeSlots()
    write(used, bytes(PAGE, 7))
    used.take(bytes(PAGE), 0)
    const again = new PipeSlots()
    const fresh = new PipeSlots()
    write(again, bytes(10, 1))
    write(fresh, bytes(10, 1))
    expect(again.used[0]?.page).not.toEqual(fresh.used[0]?.page)
    expect(digestGraph(again)).toBe(digestGraph(fresh))
    write(again, bytes(5, 2))
    expect(digestGraph(again)).not.toBe(digestGraph(fresh))
  })
})
