/**
 * What a block trace says about the queue of a device: how deep it was, how many requests there were, where the head went.
 *
 * A trace does not say when two requests that wait become one. It happens when a buffer has closed the gap between them,
 * so that the queue is followed here; what is left of a mistake is put right when the request is dispatched.
 */

import type { BlkTraceEvent } from '../block/blktrace.js'
import { MAX_REQUEST_SECTORS } from '../block/queue.js'
import { SECTOR_SIZE } from '../block/sparse.js'
import type { Columns } from './columns.js'

/** @internal Depth by column. */
export interface Depths {
  /** On average over the time. */
  readonly mean: number[]
  /** The most. */
  readonly max: number[]
}

/** A request that waits. */
class Waiting {
  start: number
  end: number
  buffers = 1

  constructor(start: number, end: number) {
    this.start = start
    this.end = end
  }
}

/** The requests of one direction that wait. */
class Queue {
  private readonly starts = new Map<number, Waiting>()
  private readonly ends = new Map<number, Waiting>()

  get size(): number {
    return this.starts.size
  }

  add(start: number, end: number): void {
    this.put(new Waiting(start, end))
  }

  /** A buffer has come at the end of one. Linux: attempt_merge. */
  growBack(at: number, sectors: number): void {
    const grown = this.ends.get(at)
    if (grown === undefined) return
    this.take(grown)
    grown.end += sectors
    grown.buffers++
    const next = this.starts.get(grown.end)
    if (next !== undefined && next.end - grown.start <= MAX_REQUEST_SECTORS) {
      this.take(next)
      grown.end = next.end
      grown.buffers += next.buffers
    }
    this.put(grown)
  }

  growFront(at: number, sectors: number): void {
    const grown = this.starts.get(at + sectors)
    if (grown === undefined) return
    this.take(grown)
    grown.start = at
    grown.buffers++
    this.put(grown)
  }

  /** The disk begins with these sectors: how many buffers that is. */
  dispatch(start: number, end: number): number {
    let buffers = 0
    for (let at = start; at < end; ) {
      const waiting = this.starts.get(at)
      if (waiting === undefined) break
      this.take(waiting)
      buffers += waiting.buffers
      at = waiting.end
    }
    // Of one that came before the trace began nothing is known.
    return Math.max(buffers, 1)
  }

  private put(waiting: Waiting): void {
    this.starts.set(waiting.start, waiting)
    this.ends.set(waiting.end, waiting)
  }

  private take(waiting: Waiting): void {
    this.starts.delete(waiting.start)
    this.ends.delete(waiting.end)
  }
}

/** @internal Reads the events of one device in their order. */
export class QueueMonitor {
  private readonly columns: Columns
  /** Requests dispatched, and the buffers in them, by column. */
  readonly requests: number[]
  readonly buffers: number[]
  /** Between a request that is served and the one before it, in sectors. */
  readonly distances: number[] = []
  /** Has it requests, or is it only the queue of its partitions? */
  hasRequests = false
  private readonly area: number[]
  private readonly max: number[]
  private readonly waitingReads = new Queue()
  private readonly waitingWrites = new Queue()
  private served = 0
  private sinceMs: number
  private end = -1

  constructor(columns: Columns) {
    this.columns = columns
    this.requests = new Array<number>(columns.count).fill(0)
    this.buffers = new Array<number>(columns.count).fill(0)
    this.area = new Array<number>(columns.count).fill(0)
    this.max = new Array<number>(columns.count).fill(0)
    this.sinceMs = columns.fromMs
  }

  private get depth(): number {
    return this.waitingReads.size + this.waitingWrites.size + this.served
  }

  /** The next event. */
  take(event: BlkTraceEvent): void {
    const { letter, time, sector, bytes, direction } = event
    if (!'GMFDC'.includes(letter)) return
    const ms = time / 1e6
    const at = this.columns.at(ms)
    const sectors = bytes / SECTOR_SIZE
    const queue = direction === 'W' ? this.waitingWrites : this.waitingReads
    this.spend(ms)
    if (letter === 'G') queue.add(sector, sector + sectors)
    else if (letter === 'M') queue.growBack(sector, sectors)
    else if (letter === 'F') queue.growFront(sector, sectors)
    else if (letter === 'C') this.served = Math.max(this.served - 1, 0)
    else {
      this.hasRequests = true
      this.bump(this.buffers, at, queue.dispatch(sector, sector + sectors))
      this.bump(this.requests, at, 1)
      this.served++
      if (this.end >= 0 && at >= 0) this.distances.push(Math.abs(sector - this.end))
      this.end = sector + sectors
    }
    if (at >= 0) this.max[at] = Math.max(this.max[at] ?? 0, this.depth)
  }

  /** Depth by column, up to the end of the run. */
  depths(): Depths {
    this.spend(this.columns.toMs)
    const { columnMs } = this.columns
    return { mean: this.area.map((area) => area / columnMs), max: this.max }
  }

  private bump(list: number[], at: number, by: number): void {
    if (at >= 0) list[at] = (list[at] ?? 0) + by
  }

  /** The depth has been what it is until now. */
  private spend(untilMs: number): void {
    const { columns, depth } = this
    const until = Math.min(untilMs, columns.toMs)
    for (let from = Math.max(this.sinceMs, columns.fromMs); from < until; ) {
      const at = columns.at(from)
      const next = Math.min(columns.fromMs + (at + 1) * columns.columnMs, until)
      // Rounding may put the end of a column where it begins.
      const to = next > from ? next : until
      this.area[at] = (this.area[at] ?? 0) + depth * (to - from)
      this.max[at] = Math.max(this.max[at] ?? 0, depth)
      from = to
    }
    this.sinceMs = Math.max(this.sinceMs, untilMs)
  }
}
