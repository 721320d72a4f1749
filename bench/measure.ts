/**
 * Measuring: contestants of one row, warmed up, then batch about in rounds, and the medians.
 *
 * A batch is timed as a whole, with the processor time of this process (all its threads: what the garbage
 * collector does in the background counts) and with elapsed time. Before a batch everything unreachable is
 * collected, so that nobody pays for another's garbage; what a batch throws away it pays for itself. The clock starts
 * when the collector's threads have come to rest and the memory for young objects, which a collection gives back to
 * the system, is there again.
 */

import type { Plan } from './plan.js'

/** Something to do many times. */
export interface Timed {
  readonly kind: 'timed'
  /** Most operations in one batch, where names or space run out. */
  readonly most?: number
  /** How much longer than others it runs before the first round: where so much code takes part that it is compiled late. */
  readonly warmth?: number
  /** A batch has just this many operations. */
  readonly exactly?: number
  /** Outside the clock, before and after a batch of `count`. */
  before?(count: number): void
  after?(count: number): void
  /** Does it `count` times and returns how often the result was the expected one. */
  run(count: number): number
  /** Frees what the row needed. */
  close?(): void
}

/** Something that has a size. */
export interface Sized {
  readonly kind: 'sized'
  /** Bytes. */
  measure(): number
}

export type Case = Timed | Sized

/** One contestant's figures for one row: nanoseconds per operation, or bytes. */
export interface Figure {
  /** Median of processor time, or of bytes. */
  readonly value: number
  /** Median of elapsed time; the same as `value` for bytes. */
  readonly wall: number
  /** The least of all rounds, of processor time or bytes: what a busy machine disturbs least. */
  readonly best: number
  /** Half the distance between the quartiles, as a share of the median. */
  readonly spread: number
  /** Processor time, or bytes, of each round. */
  readonly samples: readonly number[]
}

/** A contestant that another process plays: one call is one round. */
export type Remote = () => { readonly cpu: number; readonly wall: number }

export const isRemote = (contestant: Case | Remote): contestant is Remote => typeof contestant === 'function'

const collector: unknown = Reflect.get(globalThis, 'gc')

/** Collects all garbage, twice: the first time array buffers are only given up. Does nothing without --expose-gc. */
export function collectGarbage(): void {
  if (typeof collector !== 'function') return
  collector()
  collector()
}

/** Bytes of young objects that V8 holds at most, both halves. */
const YOUNG_BYTES = 32 << 20
/** Milliseconds of rest that are long enough, and that are waited for at most. */
const REST_MS = 1
const MOST_RESTS = 200

const sink: { last: unknown } = { last: null }
const nobody = new Int32Array(new SharedArrayBuffer(4))

/** The process as it is while it goes about its work, not as it is right after a collection. */
function settle(): void {
  for (let bytes = 0; bytes < YOUNG_BYTES; bytes += 96)
    sink.last = [bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes]
  for (let rests = 0; rests < MOST_RESTS; rests++) {
    const { user, system } = process.cpuUsage()
    Atomics.wait(nobody, 0, 0, REST_MS)
    const after = process.cpuUsage()
    if (after.user + after.system - user - system < 200) return
  }
}

/** Short batches that are strung together, at most. */
const MOST_BATCHES = 500

interface Clock {
  readonly cpu: number
  readonly wall: number
}

/** Nanoseconds. */
function readClock(): Clock {
  const { user, system } = process.cpuUsage()
  return { cpu: (user + system) * 1000, wall: Number(process.hrtime.bigint()) }
}

/** One batch. Nanoseconds in all. Throws when an operation had another result than expected. */
function runBatch(timed: Timed, count: number, collects = true): Clock {
  timed.before?.(count)
  if (collects) {
    collectGarbage()
    if (typeof collector === 'function') settle()
  }
  const start = readClock()
  const right = timed.run(count)
  const end = readClock()
  timed.after?.(count)
  if (right !== count) throw new Error(`${count - right} of ${count} operations had an unexpected result`)
  return { cpu: end.cpu - start.cpu, wall: end.wall - start.wall }
}

/** One batch, or several where `most` keeps them short. */
function runRound(timed: Timed, count: number, plan: Plan): Clock & { operations: number } {
  let { cpu, wall } = runBatch(timed, count)
  let operations = count
  for (let batches = 1; count === timed.most && wall / 1e6 < plan.batchMs; batches++) {
    if (batches >= MOST_BATCHES) break
    const more = runBatch(timed, count, false)
    cpu += more.cpu
    wall += more.wall
    operations += count
  }
  return { cpu, wall, operations }
}

/** The next even number: some operations come in pairs, there and back again. */
const even = (count: number): number => Math.ceil(count / 2) * 2

/** Runs until the code is compiled, and finds how many operations make a batch. */
export function warmUp(timed: Timed, plan: Plan): number {
  const most = timed.exactly ?? timed.most ?? Number.MAX_SAFE_INTEGER
  const warmMs = plan.warmMs * (timed.warmth ?? 1)
  let count = timed.exactly ?? Math.min(most, 2)
  let spent = 0
  for (let batches = 0; ; batches++) {
    const { wall } = runBatch(timed, count, batches === 0)
    spent += wall / 1e6
    const per = wall / 1e6 / count
    if (timed.exactly === undefined) count = Math.max(2, Math.min(most, count * 8, even(plan.batchMs / per)))
    // Rows with small batches get as many of them as it takes, but not for ever.
    if (spent >= warmMs && (batches >= 3 || spent >= warmMs * 10)) break
    if (plan.warmMs === 0 || batches >= MOST_BATCHES) break
  }
  return count
}

class Contestant {
  readonly name: string
  readonly play: Case | Remote
  private readonly cpu: number[] = []
  private readonly wall: number[] = []
  private count = 0
  private left: number

  constructor(name: string, play: Case | Remote, plan: Plan) {
    this.name = name
    this.play = play
    this.left = isRemote(play) || play.kind === 'timed' ? plan.rounds : Math.min(plan.rounds, 3)
  }

  prepare(plan: Plan): void {
    if (!isRemote(this.play) && this.play.kind === 'timed') this.count = warmUp(this.play, plan)
  }

  round(plan: Plan): void {
    if (this.left <= 0) return
    this.left--
    if (isRemote(this.play)) {
      const { cpu, wall } = this.play()
      this.note(cpu, wall)
    } else if (this.play.kind === 'sized') {
      const size = this.play.measure()
      this.note(size, size)
    } else {
      const { cpu, wall, operations } = runRound(this.play, this.count, plan)
      this.note(cpu / operations, wall / operations)
      if (wall / 1e6 > plan.batchMs * 10) this.left = Math.min(this.left, plan.fewestRounds - this.cpu.length)
    }
  }

  private note(cpu: number, wall: number): void {
    this.cpu.push(cpu)
    this.wall.push(wall)
  }

  figure(): Figure {
    const value = quantile(this.cpu, 0.5)
    const spread = (quantile(this.cpu, 0.75) - quantile(this.cpu, 0.25)) / 2 / value
    return {
      value,
      wall: quantile(this.wall, 0.5),
      best: quantile(this.cpu, 0),
      spread: Number.isFinite(spread) ? spread : 0,
      samples: this.cpu,
    }
  }

  close(): void {
    if (!isRemote(this.play) && this.play.kind === 'timed') this.play.close?.()
  }
}

/** The figures of all contestants of one row. Every round begins with another one. */
export function compare(
  contestants: ReadonlyMap<string, Case | Remote>,
  plan: Plan,
): ReadonlyMap<string, Figure> {
  const players = [...contestants].map(([name, play]) => new Contestant(name, play, plan))
  for (const player of players) player.prepare(plan)
  for (let round = 0; round < plan.rounds; round++) {
    for (let i = 0; i < players.length; i++) players[(round + i) % players.length]?.round(plan)
  }
  for (const player of players) player.close()
  return new Map(players.map((player) => [player.name, player.figure()]))
}

/** A quantile, linear between neighbours; NaN of nothing. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const low = sorted[Math.floor(at)] ?? Number.NaN
  const high = sorted[Math.ceil(at)] ?? Number.NaN
  return low + (high - low) * (at - Math.floor(at))
}

/** The geometric mean; NaN of nothing. */
export const geometricMean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)

/** Bytes that are reachable, inside and outside the JavaScript heap. */
export function reachableBytes(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
