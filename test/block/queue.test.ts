/** How buffers become requests: make_request, add_request, attempt_merge of 2.2.12; reference §1.5. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mkdev } from '../../src/abi/brand.js'
import { BufferHead } from '../../src/block/buffer.js'
import {
  BlockUnit,
  finishRequest,
  llRwBlock,
  type QueueOptions,
  RequestQueue,
  startRequest,
  unplug,
} from '../../src/block/queue.js'
import { buffersOf, READ, READA, type Request, RequestPool, WRITE, WRITEA } from '../../src/block/request.js'

const SIZE = 4000

const world = (options: QueueOptions = {}, pool = new RequestPool()): RequestQueue => {
  const queue = new RequestQueue(pool, options)
  queue.units.set(0, new BlockUnit(SIZE))
  queue.units.set(1, new BlockUnit(SIZE))
  queue.units.set(2, new BlockUnit(SIZE, true))
  return queue
}

/** A buffer of 1 KiB, block `n` of a unit; dirty and up to date where it is to be written. */
const buffer = (n: number, rw: number = READ, unit = 0, sectors = 2): BufferHead => {
  const bh = new BufferHead(mkdev(3, unit), n * 2, new Uint8Array(sectors * 512))
  bh.isUptodate = rw === WRITE || rw === WRITEA
  bh.isDirty = bh.isUptodate
  return bh
}

const submit = (queue: RequestQueue, n: number, rw: number = READ, unit = 0): string =>
  llRwBlock(queue, rw, buffer(n, rw, unit))

const waiting = (queue: RequestQueue): Request[] => {
  const list: Request[] = []
  for (let req = queue.head; req !== null; req = req.next) list.push(req)
  return list
}

/** The blocks of each request that waits. */
const blocks = (queue: RequestQueue): string =>
  waiting(queue)
    .map((req) =>
      buffersOf(req)
        .map(({ sector }) => sector / 2)
        .join('+'),
    )
    .join(' ')

describe('make_request', () => {
  it('returns early: locked, up to date, clean, beyond the end, read-only', () => {
    const queue = world()
    const locked = buffer(1)
    locked.isLocked = true
    expect(llRwBlock(queue, READ, locked)).toBe('locked')
    const here = buffer(1)
    here.isUptodate = true
    expect(llRwBlock(queue, READ, here)).toBe('uptodate')
    expect(llRwBlock(queue, WRITE, here)).toBe('clean')
    const last = buffer(SIZE / 2 - 1)
    expect(llRwBlock(queue, READ, last)).toBe('queued')
    for (const bh of [buffer(SIZE / 2), buffer(SIZE / 2 - 1, READ, 0, 4), buffer(0, READ, 9)]) {
      expect(llRwBlock(queue, READ, bh)).toBe('beyond-end')
      expect([bh.isUptodate, bh.isLocked]).toEqual([false, false])
    }
    const refused = buffer(1, WRITE, 2)
    expect(llRwBlock(queue, WRITE, refused)).toBe('read-only')
    expect([refused.isDirty, refused.isUptodate]).toEqual([false, false])
    expect(submit(queue, 1, READ, 2)).toBe('queued')
    expect(queue.pool.used).toBe(2)
  })

  it('merges neighbours of the same device and direction, at the end and at the beginning', () => {
    const queue = world()
    expect(submit(queue, 10)).toBe('queued')
    expect(submit(queue, 11)).toBe('merged-back')
    expect(submit(queue, 9)).toBe('merged-front')
    expect(submit(queue, 12, WRITE)).toBe('queued')
    expect(submit(queue, 12, READ, 1)).toBe('queued')
    expect(submit(queue, 14)).toBe('queued')
    expect(blocks(queue)).toBe('9+10+11 12 14 12')
    expect(submit(queue, 12)).toBe('merged-back')
    expect(queue.pool.used).toBe(4)
  })

  it('joins two requests when the gap between them closes', () => {
    const queue = world()
    submit(queue, 10)
    submit(queue, 12)
    expect(queue.pool.used).toBe(2)
    expect(submit(queue, 11)).toBe('merged-back')
    expect([blocks(queue), queue.pool.used]).toEqual(['10+11+12', 1])
  })

  it('merges up to 128 sectors, or none at all', () => {
    const queue = world()
    for (let n = 0; n < 65; n++) submit(queue, n)
    expect(waiting(queue).map(({ sectors }) => sectors)).toEqual([128, 2])
    const small = world({ maxSectors: 4 })
    for (let n = 0; n < 4; n++) submit(small, n)
    expect(blocks(small)).toBe('0+1 2+3')
    const never = world({ merges: false })
    for (let n = 0; n < 3; n++) submit(never, n)
    expect(blocks(never)).toBe('0 1 2')
  })

  it('leaves the request alone that is being served, where the driver works on the head', () => {
    const ide = world()
    submit(ide, 10)
    unplug(ide)
    expect(startRequest(ide)?.sector).toBe(20)
    expect(startRequest(ide)).toBe(null)
    expect(submit(ide, 11)).toBe('queued')
    expect(submit(ide, 2)).toBe('queued')
    expect(blocks(ide)).toBe('10 11 2')
    const scsi = world({ headActive: false })
    submit(scsi, 10)
    expect(startRequest(scsi)).toBe(null)
    unplug(scsi)
    const first = startRequest(scsi)
    expect(scsi.head).toBe(null)
    expect(submit(scsi, 11)).toBe('queued')
    if (first !== null) finishRequest(scsi, first, new Set())
    expect(scsi.pool.used).toBe(1)
  })

  it('has 128 slots, of which writes get 85; aheads are dropped without one and change nothing', () => {
    const queue = world()
    for (let n = 0; n < 85; n++) expect(submit(queue, n * 4, WRITE)).toBe('queued')
    const late = buffer(900, WRITE)
    expect(llRwBlock(queue, WRITE, late)).toBe('no-slot')
    expect(llRwBlock(queue, WRITEA, late)).toBe('dropped')
    expect([late.isDirty, late.isLocked]).toEqual([true, false])
    expect(submit(queue, 1, WRITE)).toBe('merged-back')
    for (let n = 85; n < 128; n++) expect(submit(queue, n * 4)).toBe('queued')
    expect(submit(queue, 1900)).toBe('no-slot')
    expect(submit(queue, 1900, READA)).toBe('dropped')
    unplug(queue)
    const req = startRequest(queue)
    if (req !== null) finishRequest(queue, req, new Set())
    expect(submit(queue, 1900, READA)).toBe('queued')
  })
})

describe('the elevator', () => {
  it('sweeps upwards from the request being served, then from the lowest', () => {
    const queue = world()
    submit(queue, 50)
    unplug(queue)
    startRequest(queue)
    for (const n of [10, 70, 30, 90, 60]) submit(queue, n)
    expect(blocks(queue)).toBe('50 60 70 90 10 30')
  })

  it('sorts all while the queue is plugged', () => {
    const queue = world()
    for (const n of [50, 10, 70, 30]) submit(queue, n)
    submit(queue, 5, READ, 1)
    expect(blocks(queue)).toBe('10 30 50 70 5')
  })

  it('lets a request be passed only so often, with a bound', () => {
    const queue = world({ starvationBound: 3 })
    submit(queue, 100)
    unplug(queue)
    startRequest(queue)
    submit(queue, 900)
    for (let n = 0; n < 6; n++) submit(queue, 110 + n * 10)
    expect(blocks(queue)).toBe('100 110 120 130 900 140 150 160')
  })
})

interface Op {
  readonly block: number
  readonly rw: number
  readonly unit: number
  readonly serve: number
}

const ops: fc.Arbitrary<Op[]> = fc.array(
  fc.record({
    block: fc.nat(60),
    rw: fc.constantFrom(READ, WRITE, READA, WRITEA),
    unit: fc.nat(1),
    serve: fc.nat(3),
  }),
  { maxLength: 120 },
)

/** Everything that must be so between two calls. */
function check(queue: RequestQueue, inFlight: readonly BufferHead[], bound: number): void {
  const list = waiting(queue)
  const carried = new Set(list.flatMap(buffersOf))
  const faults: string[] = []
  const must = (holds: boolean, what: string): void => {
    if (!holds) faults.push(what)
  }
  must(carried.size === inFlight.length, `${carried.size} carried, ${inFlight.length} on their way`)
  must(
    inFlight.every((bh) => carried.has(bh)),
    'a buffer on its way is in no request',
  )
  must(queue.pool.used === list.length, `${queue.pool.used} slots, ${list.length} requests`)
  for (const req of list) {
    let at = req.sector
    for (const bh of buffersOf(req)) {
      must(bh.sector === at && bh.rdev === req.rdev && bh.isLocked, `buffer at ${bh.sector}, wanted ${at}`)
      at += bh.sectors
    }
    must(at - req.sector === req.sectors && req.sectors <= queue.maxSectors, `request of ${req.sectors}`)
    must(bound === 0 || req.passed <= bound, `passed ${req.passed} times`)
  }
  expect(faults).toEqual([])
}

describe('under random requests', () => {
  const run = (list: readonly Op[], options: QueueOptions): void => {
    const queue = world(options, new RequestPool(12))
    // As in a cache: one buffer for each block.
    const cache = new Map<string, BufferHead>()
    let inFlight: BufferHead[] = []
    const outcomes = new Map<BufferHead, number>()
    const serve = (): void => {
      unplug(queue)
      const req = startRequest(queue)
      if (req === null) return
      const done = buffersOf(req)
      finishRequest(queue, req, new Set())
      inFlight = inFlight.filter((bh) => !done.includes(bh))
      for (const bh of done) {
        expect([bh.isLocked, bh.isUptodate, bh.next]).toEqual([false, true, null])
        outcomes.set(bh, (outcomes.get(bh) ?? 0) + 1)
      }
    }
    let accepted = 0
    for (const { block, rw, unit, serve: rounds } of list) {
      const key = `${unit}:${block}`
      const bh = cache.get(key) ?? buffer(block, rw, unit)
      cache.set(key, bh)
      const before = [bh.isDirty, bh.isUptodate, bh.isLocked]
      const outcome = llRwBlock(queue, rw, bh)
      if (outcome === 'queued' || outcome.startsWith('merged')) {
        accepted++
        inFlight.push(bh)
      } else expect([bh.isDirty, bh.isUptodate, bh.isLocked]).toEqual(before)
      check(queue, inFlight, options.starvationBound ?? 0)
      if (rounds === 3) serve()
      check(queue, inFlight, options.starvationBound ?? 0)
    }
    while (queue.head !== null) serve()
    expect([...outcomes.values()].reduce((sum, n) => sum + n, 0)).toBe(accepted)
    expect(queue.pool.used).toBe(0)
  }

  it('every buffer accepted is in one request, comes back once, and no slot is lost', () => {
    fc.assert(
      fc.property(ops, fc.constantFrom(4, 8, 128), (list, maxSectors) => run(list, { maxSectors })),
      { numRuns: 80 },
    )
  })

  it('so it is with a bound, which holds', () => {
    fc.assert(
      fc.property(ops, fc.integer({ min: 1, max: 5 }), (list, starvationBound) =>
        run(list, { starvationBound }),
      ),
      { numRuns: 80 },
    )
  })
})
