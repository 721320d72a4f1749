/** Files with holes of any size: content, pages and copies against a simple model. Linux: generic_file_write, vmtruncate. */

import fc from 'fast-check'
import { EFBIG, O_CREAT, O_RDWR, type Process } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { boot, checkInvariants, ok } from '../helpers/world.js'

const PAGE = 4096

/** What a file is: the bytes that have been written, by position, and its size. */
class Model {
  readonly bytes = new Map<number, number>()
  readonly pages = new Set<number>()
  size = 0

  write(at: number, data: Uint8Array): void {
    for (const [i, byte] of data.entries()) {
      this.bytes.set(at + i, byte)
      this.pages.add(Math.floor((at + i) / PAGE))
    }
    if (data.length > 0) this.size = Math.max(this.size, at + data.length)
  }

  truncate(size: number): void {
    for (const at of this.bytes.keys()) if (at >= size) this.bytes.delete(at)
    for (const page of this.pages) if (page * PAGE >= size) this.pages.delete(page)
    this.size = size
  }

  read(at: number, count: number): number[] {
    const there = Math.max(0, Math.min(count, this.size - at))
    return Array.from({ length: there }, (_, i) => this.bytes.get(at + i) ?? 0)
  }
}

// Around the borders of pages, of chunks of 64 KiB, of the first GiB, and far out.
const BORDERS = [0, PAGE, 1 << 16, 2 ** 30 - (1 << 16), 2 ** 30, 2 ** 31, 2 ** 40, 8 * 2 ** 40 - 8192]
const position = fc
  .tuple(fc.constantFrom(...BORDERS), fc.integer({ min: -40, max: 40 }))
  .map(([border, by]) => Math.max(0, border + by))
const action = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('write' as const), at: position, length: fc.nat({ max: 60 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('read' as const), at: position, length: fc.nat({ max: 60 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('truncate' as const), at: position, length: fc.constant(0) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('copy' as const), at: fc.constant(0), length: fc.constant(0) }),
  },
)

describe('a regular file', () => {
  it('holds what was written, zeros elsewhere, and counts its pages, in copies as well', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 25 }), (actions) => {
        let k = boot({ rootfs: 'empty' })
        let p: Process | undefined = k.spawn()
        const fd = ok(p.sys.open('/f', O_CREAT | O_RDWR, 0o600))
        const model = new Model()
        for (const [index, { do: what, at, length }] of actions.entries()) {
          if (p === undefined) throw new Error('the process is gone')
          if (what === 'write') {
            const data = new Uint8Array(length).fill(index + 1)
            expect(p.sys.pwrite(fd, data, at)).toBe(length)
            model.write(at, data)
          } else if (what === 'truncate') {
            expect(p.sys.ftruncate(fd, at)).toBe(0)
            model.truncate(at)
          } else if (what === 'read') {
            const buf = new Uint8Array(length)
            const expected = model.read(at, length)
            expect(p.sys.pread(fd, buf, at)).toBe(expected.length)
            expect([...buf.subarray(0, expected.length)]).toEqual(expected)
          } else {
            const copy = k.fork()
            expect(copy.digest()).toBe(k.digest())
            // The one that is left behind goes its own way.
            p.sys.pwrite(fd, Uint8Array.of(255), 5)
            p.sys.ftruncate(fd, 3)
            k = copy
            p = copy.process(p.pid)
          }
          expect(ok(p?.sys.fstat(fd) ?? EFBIG)).toMatchObject({
            size: model.size,
            blocks: model.pages.size * 8,
          })
        }
        checkInvariants(k)
      }),
      { numRuns: 60 },
    )
  })

  it('takes no byte behind the largest offset of 2.6, and cuts a write there', () => {
    const p = boot().spawn()
    const fd = ok(p.sys.open('/tmp/f', O_CREAT | O_RDWR | 0o100000, 0o600))
    const largest = 8 * 2 ** 40 - 1
    expect(p.sys.pwrite(fd, new Uint8Array(10), largest - 4)).toBe(4)
    expect(p.sys.pwrite(fd, new Uint8Array(10), largest)).toBe(EFBIG)
    expect(ok(p.sys.fstat(fd)).size).toBe(largest)
  })
})
