/** Disks: what reaches the platter, what goes wrong, how long it takes. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mkdev } from '../../src/abi/brand.js'
import { BufferHead } from '../../src/block/buffer.js'
import { Disk, IDE_1999, seekAndRotate, transfer } from '../../src/block/disk.js'
import {
  BlockUnit,
  finishRequest,
  makeRequest,
  RequestQueue,
  startRequest,
  unplug,
} from '../../src/block/queue.js'
import { buffersOf, READ, type Request, RequestPool, WRITE } from '../../src/block/request.js'
import { bytesEqual } from '../../src/lib/bytes.js'
import { cloneGraph } from '../../src/lib/graph.js'

const SECTORS = 200
const EPOCH = 1

/** A buffer of 1 KiB, all of one value; to be written where there is a value. */
function buffer(block: number, value?: number): BufferHead {
  const bh = new BufferHead(mkdev(3, 0), block * 2, new Uint8Array(1024).fill(value ?? 0))
  bh.isDirty = value !== undefined
  bh.isUptodate = bh.isDirty
  return bh
}

/** Requests for these buffers, as the queue makes them, in the order of service. */
function requests(buffers: readonly BufferHead[], cmd: typeof READ | typeof WRITE): Request[] {
  const queue = new RequestQueue(new RequestPool(1000))
  queue.units.set(0, new BlockUnit(SECTORS))
  for (const bh of buffers) makeRequest(queue, cmd, bh)
  const list: Request[] = []
  for (let req = queue.head; req !== null; req = req.next) list.push(req)
  return list
}

const platter = (disk: Disk): Uint8Array => {
  const bytes = new Uint8Array(disk.store.sectors * 512)
  disk.store.read(0, disk.store.sectors, bytes)
  return bytes
}

/** One request with these blocks. */
const one = (blocks: readonly number[], value?: number): Request => {
  const [req] = requests(
    blocks.map((n) => buffer(n, value)),
    value === undefined ? READ : WRITE,
  )
  if (req === undefined) throw new Error('no request')
  return req
}

describe('transfer', () => {
  it('writes and reads where the unit begins on the disk', () => {
    const disk = new Disk(SECTORS, null, EPOCH)
    expect(transfer(disk, one([3, 4], 7), 100, EPOCH)?.size).toBe(0)
    const back = one([3, 4])
    expect(transfer(disk, back, 100, EPOCH)?.size).toBe(0)
    expect(buffersOf(back).map(({ data }) => [data[0], data[1023]])).toEqual([
      [7, 7],
      [7, 7],
    ])
    const sector = new Uint8Array(512)
    disk.store.read(106, 1, sector)
    expect([sector[0], disk.served]).toEqual([7, 2])
  })

  it('fails the buffers that have a bad sector, or lie beyond the disk, and no others', () => {
    const disk = new Disk(SECTORS, null, EPOCH)
    disk.faults.badSectors.add(9)
    for (const value of [5, undefined]) {
      const req = one([3, 4, 5], value)
      const failed = transfer(disk, req, 0, EPOCH) ?? new Set()
      expect(buffersOf(req).map((bh) => failed.has(bh))).toEqual([false, true, false])
    }
    expect([platter(disk)[6 * 512], platter(disk)[8 * 512], platter(disk)[10 * 512]]).toEqual([5, 0, 5])
    const beyond = one([3], 1)
    expect(transfer(disk, beyond, SECTORS - 7, EPOCH)?.size).toBe(1)
  })

  it('a failed buffer is not up to date, and everybody who waits is woken', () => {
    const queue = new RequestQueue(new RequestPool())
    queue.units.set(0, new BlockUnit(SECTORS))
    const disk = new Disk(SECTORS, null, EPOCH)
    disk.faults.badSectors.add(2)
    const [good, bad] = [buffer(0), buffer(1)]
    makeRequest(queue, READ, good)
    makeRequest(queue, READ, bad)
    unplug(queue)
    const req = startRequest(queue)
    if (req === null) throw new Error('no request')
    finishRequest(queue, req, transfer(disk, req, 0, EPOCH) ?? new Set())
    expect([good.isUptodate, bad.isUptodate, good.isLocked, bad.isLocked]).toEqual([
      true,
      false,
      false,
      false,
    ])
  })

  it('loses and tears the writes that it is told to, and says they are done', () => {
    const disk = new Disk(SECTORS, null, EPOCH)
    disk.faults.lostWrites.add(2)
    disk.faults.tornWrites.set(3, 3)
    for (const [blocks, value] of [
      [[0, 1], 1],
      [[0, 1], 2],
      [[0, 1], 3],
      [[10], 4],
    ] as const)
      expect(transfer(disk, one(blocks, value), 0, EPOCH)?.size).toBe(0)
    const bytes = platter(disk)
    expect([0, 1, 2, 3, 20].map((sector) => bytes[sector * 512])).toEqual([3, 3, 3, 1, 4])
  })

  it('a power cut after every single request: the platter is the writes before it, and the torn part of it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ block: fc.nat(99), length: fc.integer({ min: 1, max: 5 }) }), {
          minLength: 1,
          maxLength: 15,
        }),
        fc.nat(12),
        (writes, torn) => {
          const before = new Disk(SECTORS, null, EPOCH)
          const model = new Uint8Array(SECTORS * 512)
          for (let cut = 1; cut <= writes.length; cut++) {
            const disk = cloneGraph(before)
            disk.faults.cutAt = cut
            disk.faults.cutSectors = torn
            model.fill(0)
            for (const [i, { block, length }] of writes.entries()) {
              const blocks = Array.from({ length }, (_, n) => block + n).filter((n) => n < 100)
              const result = transfer(disk, one(blocks, i + 1), 0, cut + 1)
              expect(result === null).toBe(i + 1 >= cut)
              const sectors =
                i + 1 < cut ? blocks.length * 2 : i + 1 === cut ? Math.min(torn, blocks.length * 2) : 0
              model.fill(i + 1, block * 1024, block * 1024 + sectors * 512)
            }
            expect(bytesEqual(platter(disk), model)).toBe(true)
            expect(disk.isOn).toBe(false)
          }
          expect(before.store.allocated).toBe(0)
        },
      ),
      { numRuns: 40 },
    )
  })
})

describe('seekAndRotate', () => {
  const large = (): Disk => new Disk(20_000_000, IDE_1999, EPOCH)
  const turn = 60_000 / 5400

  it('a RAM disk takes no time', () => {
    expect(seekAndRotate(new Disk(100, null, 1), 5, 50, 8)).toBe(0)
  })

  it('is the overhead, the wait for the sector and the transfer, where the head is there already', () => {
    const disk = large()
    const ms = seekAndRotate(disk, 0, 0, 63)
    // The disk turns on during the overhead: sector 0 comes round after the rest of a turn.
    expect(ms).toBeCloseTo(turn + turn, 9)
    // Right behind the last one, at the moment when that was done: only the overhead has been missed.
    const next = seekAndRotate(disk, ms, 63, 63)
    expect(next).toBeCloseTo(2 * turn, 9)
  })

  it('grows with the distance, between the two ends of the data sheet', () => {
    const last = 20_000_000 - 8
    const seekOnly = (start: number): number => {
      let best = Number.POSITIVE_INFINITY
      for (let now = 0; now < turn; now += turn / 64)
        best = Math.min(best, seekAndRotate(large(), now, start, 0))
      return best - IDE_1999.overheadMs
    }
    expect(seekOnly(0)).toBeLessThan(0.2)
    expect(seekOnly(1008)).toBeGreaterThanOrEqual(2)
    expect(seekOnly(1008)).toBeLessThan(2.2)
    expect(seekOnly(last)).toBeGreaterThanOrEqual(18)
    expect(seekOnly(last)).toBeLessThan(18.2)
    const steps = [1, 10, 100, 1000, 10_000].map((cylinder) => seekOnly(cylinder * 1008))
    expect(steps).toEqual([...steps].sort((a, b) => a - b))
  })

  it('never takes more than the longest seek and two turns for a track, and moves the head', () => {
    fc.assert(
      fc.property(
        fc.nat(19_999_900),
        fc.nat(100_000),
        fc.integer({ min: 1, max: 63 }),
        (start, now, sectors) => {
          const disk = large()
          const ms = seekAndRotate(disk, now, start, sectors)
          const seek = disk.mechanics === null ? 0 : IDE_1999.fullSeekMs
          expect(ms).toBeGreaterThan(IDE_1999.overheadMs)
          expect(ms).toBeLessThanOrEqual(IDE_1999.overheadMs + seek + 2 * turn + 1e-6)
          expect(disk.cylinder).toBe(Math.floor((start + sectors - 1) / 1008))
        },
      ),
    )
  })
})
