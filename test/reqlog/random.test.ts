/** The diary under random schedules: who writes and reads disks, who reads the log, notes from all contexts. */
import fc from 'fast-check'
import {
  type Context,
  contextOf,
  createKernel,
  defineModule,
  isErr,
  O_RDONLY,
  O_RDWR,
  O_SYNC,
  type Program,
  type Sys,
} from 'paleokernel'
import { block, WRITE } from 'paleokernel/block'
import { bufflink } from 'paleokernel/bufflink'
import { type ReqlogOptions, ReqlogReader, type ReqlogRecord, reqlog } from 'paleokernel/reqlog'
import { describe, expect, it } from 'vitest'
import { checkInvariants } from '../helpers/world.js'
import { DISKS, readBytes, show } from './world.js'

/** Reads the log for ever, in pieces of so many records; what it has read goes to /tmp/<name>. */
function* reader(sys: Sys, name = '', records = '3'): Program {
  const fd = yield* sys.open('/dev/reqlog', O_RDONLY)
  const out = yield* sys.open(`/tmp/${name}`, 0o101, 0o600)
  if (isErr(fd) || isErr(out)) return 1
  const buf = new Uint8Array(32 * Number(records))
  for (;;) {
    const count = yield* sys.read(fd, buf)
    if (isErr(count) || count === 0) return 2
    yield* sys.write(out, buf.subarray(0, count))
  }
}

/** Writes or reads blocks of a disk: 'w5' writes block 5, 'r5' reads it, 's' makes all of it come to the disk. */
function* worker(sys: Sys, disk = 'hda', how = '0', ...steps: string[]): Program {
  const fd = yield* sys.open(`/dev/${disk}`, O_RDWR | Number(how))
  if (isErr(fd)) return 1
  const buf = new Uint8Array(1024)
  for (const step of steps) {
    const at = Number(step.slice(1)) * 1024
    const result =
      step === 's'
        ? yield* sys.fsync(fd)
        : step.startsWith('w')
          ? yield* sys.pwrite(fd, buf, at)
          : yield* sys.pread(fd, buf, at)
    if (isErr(result)) return 2
  }
  return 0
}

interface Plan {
  readonly seed: number
  readonly log: ReqlogOptions
  readonly readers: readonly number[]
  readonly workers: readonly {
    readonly disk: string
    readonly isSync: boolean
    readonly steps: readonly string[]
  }[]
}

const blockNumber = fc.integer({ min: 0, max: 30 })
const plans: fc.Arbitrary<Plan> = fc.record({
  seed: fc.nat(),
  log: fc.record({
    ringSize: fc.integer({ min: 32, max: 400 }),
    layout: fc.constant('long' as const),
    per: fc.constantFrom('buffer' as const, 'request' as const),
    at: fc.constantFrom('submission' as const, 'completion' as const),
  }),
  readers: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 }),
  workers: fc.array(
    fc.record({
      disk: fc.constantFrom('hda', 'hda1', 'hdb', 'ram0'),
      isSync: fc.boolean(),
      steps: fc.array(
        fc.oneof(
          blockNumber.map((n) => `w${n}`),
          blockNumber.map((n) => `r${n}`),
          fc.constant('s'),
        ),
        { minLength: 1, maxLength: 12 },
      ),
    }),
    { minLength: 1, maxLength: 4 },
  ),
})

/** What the block layer tells its listeners, as the log would show it. */
interface Heard {
  readonly submitted: string[]
  readonly dispatched: string[]
  readonly completed: string[]
  readonly requests: string[]
  readonly contexts: Set<Context>
}

const line = (cmd: number, dev: number, sector: number, sectors: number): string =>
  `${cmd === WRITE ? 'W' : 'R'} ${dev >>> 20}:${dev & 0xfffff} ${sector}+${sectors}`

const spy = (heard: Heard) =>
  defineModule({
    name: 'spy',
    requires: ['block'],
    init: () => null,
    attach: () => ({
      api: null,
      block: {
        submit: (_k, bh, rw) => void heard.submitted.push(line(rw, bh.rdev, bh.sector, bh.sectors)),
        dispatch: (_k, req) => void heard.dispatched.push(line(req.cmd, req.rdev, req.sector, req.sectors)),
        complete(k, req, bh) {
          heard.contexts.add(contextOf(k))
          heard.completed.push(line(req.cmd, bh.rdev, bh.sector, bh.sectors))
          if (bh.next === null) heard.requests.push(line(req.cmd, req.rdev, req.sector, req.sectors))
        },
      },
    }),
  })

/** Runs a plan to its end. What each reader has read, and what there was to note. */
function play(plan: Plan) {
  const heard: Heard = { submitted: [], dispatched: [], completed: [], requests: [], contexts: new Set() }
  const k = createKernel({
    seed: plan.seed,
    schedule: 'random',
    modules: [bufflink(), block(DISKS), reqlog(plan.log), spy(heard)],
  })
  const root = k.spawn()
  for (const [i, records] of plan.readers.entries())
    k.spawn({ program: reader, argv: ['reader', `out${i}`, String(records)] })
  for (const { disk, isSync, steps } of plan.workers)
    k.spawn({ program: worker, argv: ['worker', disk, String(isSync ? O_SYNC : 0), ...steps] })
  k.run()
  // What is dirty comes to the disk on its own.
  k.advance(60_000)
  k.run()
  checkInvariants(k as never)
  const read = plan.readers.map((_, i): ReqlogRecord[] => {
    const log = new ReqlogReader('long')
    const bytes = readBytes(root as never, `/tmp/out${i}`)
    // Reads of whole records give whole records (RQ-10).
    expect(bytes.length % 32).toBe(0)
    return log.push(bytes)
  })
  return { k, read, heard }
}

const serials = (records: readonly ReqlogRecord[]): number[] => records.map(({ serial = 0 }) => serial)
const sorted = (numbers: readonly number[]): number[] => numbers.slice().sort((a, b) => a - b)

describe('random schedules', () => {
  it('RQ-10, RQ-11: records read + records lost = records made, none twice, none torn; no wake-up is lost', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const { k, read } = play(plan)
        const { records, lost } = k.reqlog.counts()
        // Nobody sleeps while there is something to read.
        expect(k.reqlog.ring().length).toBe(0)
        const all = read.flat()
        expect(all.length + lost).toBe(records)
        expect(new Set(serials(all)).size).toBe(all.length)
        for (const own of read) expect(serials(own)).toEqual(sorted(serials(own)))
        for (const { serial = 0, device, sector, sectors, buffers = 0, hasFailed } of all) {
          expect(serial >= 1 && serial <= records).toBe(true)
          expect([0x300000, 0x300001, 0x300040, 0x100000]).toContain(device)
          expect([sector % 2, sectors, hasFailed]).toEqual([0, buffers * 2, false])
        }
        expect(k.describe().tasks).toHaveLength(2 + plan.readers.length)
      }),
      { numRuns: 60 },
    )
  })

  it.each([
    ['RQ-2, RQ-8: the log of submissions is what was submitted', 'submission', 'buffer', 'submitted'],
    ['a log of requests is what the driver took', 'submission', 'request', 'dispatched'],
    ['a log of completions is what has come to its end', 'completion', 'buffer', 'completed'],
    ['so it is by request', 'completion', 'request', 'requests'],
  ] as const)('%s, in its order', (_rule, at, per, which) => {
    fc.assert(
      fc.property(plans, (plan) => {
        const log = { at, per, layout: 'long', ringSize: 2 ** 16 } as const
        const { k, read, heard } = play({ ...plan, readers: [5], log })
        expect(k.reqlog.counts().lost).toBe(0)
        expect(show(read.flat())).toEqual(heard[which])
        // Completions come in interrupts, and nothing is left on its way.
        for (const context of heard.contexts) expect(context).toBe('interrupt')
        expect(heard.completed.length).toBe(heard.submitted.length)
      }),
      { numRuns: 15 },
    )
  })

  it('runs repeat', () => {
    for (const plan of fc.sample(plans, { numRuns: 3, seed: 4 }))
      expect(play(plan).k.digest()).toBe(play(plan).k.digest())
  })
})
