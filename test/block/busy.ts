/** Busy disks and what a module counts of them: what an exported trace must agree with. */
import {
  createKernel,
  defineModule,
  isErr,
  O_RDWR,
  O_SYNC,
  type Program,
  type ProgramFunction,
  type Sys,
} from 'paleokernel'
import { type BlkTraceOptions, blktrace, block, WRITE } from 'paleokernel/block'

/** Reads, and writes. */
export type Pair = [number, number]

/** What there was of one device. */
export interface Counts {
  readonly queued: Pair
  readonly queuedSectors: Pair
  readonly merged: Pair
  /** Slots taken, and requests that another has swallowed. */
  readonly slots: Pair
  readonly swallowed: Pair
  readonly dispatched: Pair
  readonly dispatchedSectors: Pair
  readonly completed: Pair
  readonly failed: Pair
  readonly unplugs: { wait: number; timer: number }
}

const none = (): Counts => ({
  queued: [0, 0],
  queuedSectors: [0, 0],
  merged: [0, 0],
  slots: [0, 0],
  swallowed: [0, 0],
  dispatched: [0, 0],
  dispatchedSectors: [0, 0],
  completed: [0, 0],
  failed: [0, 0],
  unplugs: { wait: 0, timer: 0 },
})

/** Counts on its own what passes the points of the block layer, by device. */
const counter = (all: Map<number, Counts>) => {
  const of = (dev: number): Counts => {
    const known = all.get(dev) ?? none()
    all.set(dev, known)
    return known
  }
  const at = (cmd: number): 0 | 1 => (cmd === WRITE ? 1 : 0)
  let hasFailed = false
  return defineModule({
    name: 'counter',
    requires: ['block'],
    init: () => null,
    attach: () => ({
      api: null,
      block: {
        submit(_k, bh, rw) {
          of(bh.rdev).queued[at(rw)]++
          of(bh.rdev).queuedSectors[at(rw)] += bh.sectors
        },
        getRequest: (_k, req) => void of(req.rdev).slots[at(req.cmd)]++,
        merged(_k, req, _bh, kind) {
          const counts = of(req.rdev)
          if (kind === 'requests') counts.swallowed[at(req.cmd)]++
          else counts.merged[at(req.cmd)]++
        },
        unplug: (_k, dev, _count, why) => void of(dev).unplugs[why]++,
        dispatch(_k, req) {
          of(req.rdev).dispatched[at(req.cmd)]++
          of(req.rdev).dispatchedSectors[at(req.cmd)] += req.sectors
        },
        complete(_k, req, bh, error) {
          if (error !== 0) hasFailed = true
          if (bh.next !== null) return
          of(req.rdev).completed[at(req.cmd)]++
          if (hasFailed) of(req.rdev).failed[at(req.cmd)]++
          hasFailed = false
        },
      },
    }),
  })
}

/** Reads and writes runs of blocks here and there, forwards and backwards, and sometimes waits for all of it. */
function* worker(sys: Sys, name = '', seedText = '', steps = '', blocks = ''): Program {
  let seed = Number(seedText)
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return Math.floor((seed / 2 ** 32) * below)
  }
  const fd = yield* sys.open(`/dev/${name}`, O_RDWR | (random(4) === 0 ? O_SYNC : 0))
  if (isErr(fd)) return 1
  const buf = new Uint8Array(4096)
  for (let i = 0; i < Number(steps); i++) {
    const start = random(Number(blocks) - 20)
    const run = random(12) + 1
    const kind = random(10)
    for (let j = 0; j < run; j++) {
      const at = (start + (kind % 2 === 0 ? j : run - j)) * 1024
      const piece = buf.subarray(0, random(3) === 0 ? 4096 : 1024)
      if (kind < 4) yield* sys.pread(fd, piece, at)
      else if (kind < 9) yield* sys.pwrite(fd, piece, at)
    }
    if (kind === 9) yield* sys.fsync(fd)
  }
  return 0
}

/** Runs the disks for a while. `steps` for each of the workers. */
export function busyDisks(seed: number, steps: number, options: BlkTraceOptions = {}) {
  const all = new Map<number, Counts>()
  const k = createKernel({
    seed,
    schedule: 'random',
    modules: [
      block({
        disks: [
          { name: 'hda', sectors: 40_000 },
          { name: 'sda', sectors: 4000, mechanics: { rpm: 7200 } },
          { name: 'ram0', sectors: 4000 },
        ],
        loops: 0,
        memory: 2 ** 17,
        requests: 16,
      }),
      blktrace(options),
      counter(all),
    ],
  })
  k.block.setFaults('sda', { badSectors: [200, 201, 702, 1500, 2345, 3001] })
  for (const [i, [name, blocks]] of (
    [
      ['hda', 20_000],
      ['hda', 300],
      ['sda', 2000],
      ['sda', 1990],
      ['ram0', 2000],
    ] as const
  ).entries())
    k.spawn({
      program: worker as ProgramFunction,
      argv: ['worker', name, String(seed * 10 + i + 1), String(steps), String(blocks)],
      comm: `worker${i}`,
    })
  k.run()
  k.advance(60_000)
  k.run()
  return { k, all }
}
