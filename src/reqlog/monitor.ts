/**
 * The detailed disk monitor that the package promised: what the diary says about each device, over time. A pure function
 * over records; what only the queue knows (depth, merges as they were made, the order in which the disk served) comes from
 * the events of a block trace, where there is one.
 *
 * Without a trace, merging is estimated: transfers that follow one another on the disk and in the log, of one direction,
 * would have been one request, up to 128 sectors.
 */

import type { BlkTraceEvent } from '../block/blktrace.js'
import { MAX_REQUEST_SECTORS } from '../block/queue.js'
import { Columns } from './columns.js'
import { QueueMonitor } from './monitor_queue.js'
import type { ReqlogRecord } from './record.js'

/** What `monitor` can be told. */
export interface MonitorOptions {
  /** Into how many equal times the run is cut. Default 60. */
  readonly columns?: number
  /** Into how many equal parts the addresses that were used are cut, in the heat map. Default 32. */
  readonly rows?: number
  /** Milliseconds: from when to when. Default: from the first to the last of records and events. */
  readonly fromMs?: number
  /** See fromMs; not before it. */
  readonly toMs?: number
  /** Events of a block trace of the same run: parseBlkTrace of a file of each device. */
  readonly trace?: readonly BlkTraceEvent[]
}

/** One direction's share. */
export interface Amount {
  /** Records. */
  readonly transfers: number
  /** Of 512 bytes. */
  readonly sectors: number
}

/** A piece of the run. */
export interface MonitorColumn {
  /** Where it begins, in milliseconds since boot. */
  readonly fromMs: number
  /** Reads submitted. */
  readonly reads: Amount
  /** Writes submitted. */
  readonly writes: Amount
  /** KiB per second, both directions. */
  readonly rate: number
  /** Buffers per request, among those that came, or with a trace those that were served; 0 where there was none. */
  readonly mergeRatio: number
  /** Sectors between the end of a transfer and the beginning of the next, on average; 0 where there was none. */
  readonly seek: number
  /** Requests that wait or are being served, on average over the time; null without a trace. */
  readonly depth: number | null
  /** The most of them at any moment; null without a trace. */
  readonly maxDepth: number | null
}

/** How far it was from one transfer to the next. */
export interface SeekStats {
  /** How many pairs there are. */
  readonly count: number
  /** In sectors: how far it was in all. */
  readonly total: number
  /** In sectors, on average. */
  readonly mean: number
  /** In sectors, of the middle one. */
  readonly median: number
  /** In sectors. */
  readonly max: number
  /** The share of pairs without any distance, from 0 to 1. */
  readonly sequential: number
}

/** What happened where and when: transfers that touch a part of the disk in a piece of the run. */
export interface HeatMap {
  /** The first sector of row 0. */
  readonly firstSector: number
  /** Sectors of a row. */
  readonly sectorsPerRow: number
  /** Sectors read, by row and column: index row * columns + column. */
  readonly reads: readonly number[]
  /** Sectors written, likewise. */
  readonly writes: readonly number[]
}

/** What the diary says about one device. */
export interface DeviceReport {
  /** major * 2^20 + minor. */
  readonly device: number
  /** All reads. */
  readonly reads: Amount
  /** All writes. */
  readonly writes: Amount
  /** Requests: counted where there is a trace, else estimated. */
  readonly requests: number
  /** Were they counted? */
  readonly isCounted: boolean
  /** Buffers per request. */
  readonly mergeRatio: number
  /** In the order of submission. */
  readonly submitted: SeekStats
  /** In the order in which the disk served; null without a trace. */
  readonly served: SeekStats | null
  /** Over time. */
  readonly columns: readonly MonitorColumn[]
  /** Over time and address. */
  readonly heat: HeatMap
}

/** What the diary says. */
export interface MonitorReport {
  /** Milliseconds since boot. */
  readonly fromMs: number
  /** Milliseconds since boot. */
  readonly toMs: number
  /** Milliseconds of a column. */
  readonly columnMs: number
  /** Devices in the order of their numbers. */
  readonly devices: readonly DeviceReport[]
}

function count(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1 || value > 10_000)
    throw new RangeError(`monitor: ${name} must be from 1 to 10000, not ${String(value)}`)
  return value
}

/** The run's limits. */
function limits(records: readonly ReqlogRecord[], options: MonitorOptions): [number, number] {
  let from = Number.POSITIVE_INFINITY
  let to = Number.NEGATIVE_INFINITY
  const see = (ms: number): void => {
    if (ms < from) from = ms
    if (ms > to) to = ms
  }
  for (const { timeMs } of records) see(timeMs)
  for (const { time } of options.trace ?? []) see(time / 1e6)
  if (from > to) from = to = 0
  const { fromMs = from, toMs = Math.max(to, fromMs) } = options
  if (!Number.isFinite(fromMs) || !Number.isFinite(toMs) || toMs < fromMs)
    throw new RangeError(`monitor: from ${String(fromMs)} to ${String(toMs)} ms is no time`)
  return [fromMs, toMs]
}

/** The distances between one transfer and the next. */
function seekStats(distances: readonly number[]): SeekStats {
  const sorted = distances.slice().sort((a, b) => a - b)
  const length = sorted.length
  let sum = 0
  let zeros = 0
  for (const distance of sorted) {
    sum += distance
    if (distance === 0) zeros++
  }
  return {
    count: length,
    total: sum,
    mean: length === 0 ? 0 : sum / length,
    median: sorted[length >> 1] ?? 0,
    max: sorted[length - 1] ?? 0,
    sequential: length === 0 ? 0 : zeros / length,
  }
}

interface Sum {
  transfers: number
  sectors: number
}

const add = (sum: Sum | undefined, { sectors }: ReqlogRecord): void => {
  if (sum === undefined) return
  sum.transfers++
  sum.sectors += sectors
}

const sums = (columns: number): Sum[] => Array.from({ length: columns }, () => ({ transfers: 0, sectors: 0 }))

/** Sums numbers by column. */
const zeros = (columns: number): number[] => new Array<number>(columns).fill(0)

const bump = (list: number[], at: number, by: number): void => {
  list[at] = (list[at] ?? 0) + by
}

/** What is gathered of one device's records. */
class Gathered {
  readonly records: ReqlogRecord[] = []
  readonly columns: Columns
  readonly reads: Sum[]
  readonly writes: Sum[]
  readonly distances: number[] = []
  readonly distanceSums: number[]
  readonly distanceCounts: number[]
  readonly requests: number[]
  readonly buffers: number[]
  last: ReqlogRecord | null = null
  /** Sectors of the request that the last record would have been put into. */
  growing = 0

  constructor(columns: Columns) {
    this.columns = columns
    this.reads = sums(columns.count)
    this.writes = sums(columns.count)
    this.distanceSums = zeros(columns.count)
    this.distanceCounts = zeros(columns.count)
    this.requests = zeros(columns.count)
    this.buffers = zeros(columns.count)
  }

  take(record: ReqlogRecord): void {
    const at = this.columns.at(record.timeMs)
    if (at < 0) return
    this.records.push(record)
    const { isWrite, sector, sectors, buffers = 1 } = record
    add((isWrite ? this.writes : this.reads)[at], record)
    const { last } = this
    this.last = record
    const end = last === null ? -1 : last.sector + last.sectors
    if (last !== null) {
      const distance = Math.abs(sector - end)
      this.distances.push(distance)
      bump(this.distanceSums, at, distance)
      bump(this.distanceCounts, at, 1)
    }
    bump(this.buffers, at, buffers)
    const joins = last?.isWrite === isWrite && end === sector && this.growing + sectors <= MAX_REQUEST_SECTORS
    this.growing = joins ? this.growing + sectors : sectors
    if (!joins) bump(this.requests, at, 1)
  }
}

const total = (list: readonly Sum[]): Amount => {
  const all = { transfers: 0, sectors: 0 }
  for (const { transfers, sectors } of list) {
    all.transfers += transfers
    all.sectors += sectors
  }
  return all
}

const ratio = (a: number, b: number): number => (b === 0 ? 0 : a / b)
const sumOf = (list: readonly number[]): number => list.reduce((sum, one) => sum + one, 0)

function heatMap({ records, columns }: Gathered, rows: number): HeatMap {
  let first = Number.POSITIVE_INFINITY
  let end = 0
  for (const { sector, sectors } of records) {
    if (sector < first) first = sector
    if (sector + sectors > end) end = sector + sectors
  }
  if (first > end) first = 0
  const sectorsPerRow = Math.max(Math.ceil((end - first) / rows), 1)
  const reads = zeros(rows * columns.count)
  const writes = zeros(rows * columns.count)
  for (const { isWrite, sector, sectors, timeMs } of records) {
    const column = columns.at(timeMs)
    for (let at = sector; at < sector + sectors; ) {
      const row = Math.floor((at - first) / sectorsPerRow)
      const next = Math.min(first + (row + 1) * sectorsPerRow, sector + sectors)
      bump(isWrite ? writes : reads, row * columns.count + column, next - at)
      at = next
    }
  }
  return { firstSector: first, sectorsPerRow, reads, writes }
}

function reportOf(
  device: number,
  got: Gathered,
  queue: QueueMonitor | undefined,
  rows: number,
): DeviceReport {
  const { columns } = got
  const { columnMs } = columns
  const requests = queue?.requests ?? got.requests
  const buffers = queue?.buffers ?? got.buffers
  const depths = queue?.depths()
  return {
    device,
    reads: total(got.reads),
    writes: total(got.writes),
    requests: sumOf(requests),
    isCounted: queue !== undefined,
    mergeRatio: ratio(sumOf(buffers), sumOf(requests)),
    submitted: seekStats(got.distances),
    served: queue === undefined ? null : seekStats(queue.distances),
    columns: got.reads.map((reads, at): MonitorColumn => {
      const writes = got.writes[at] ?? reads
      return {
        fromMs: columns.fromMs + at * columnMs,
        reads: { ...reads },
        writes: { ...writes },
        rate: (reads.sectors + writes.sectors) / 2 / (columnMs / 1000),
        mergeRatio: ratio(buffers[at] ?? 0, requests[at] ?? 0),
        seek: ratio(got.distanceSums[at] ?? 0, got.distanceCounts[at] ?? 0),
        depth: depths?.mean[at] ?? null,
        maxDepth: depths?.max[at] ?? null,
      }
    }),
    heat: heatMap(got, rows),
  }
}

/**
 * What the records say about each device that is in them, or in the trace. Records are in the order of the log. Throws a
 * RangeError for columns, rows or times that make no sense.
 */
export function monitor(records: readonly ReqlogRecord[], options: MonitorOptions = {}): MonitorReport {
  const rows = count('rows', options.rows ?? 32)
  const [fromMs, toMs] = limits(records, options)
  const columns = new Columns(count('columns', options.columns ?? 60), fromMs, toMs)
  const devices = new Map<number, Gathered>()
  const gathered = (device: number): Gathered => {
    const known = devices.get(device) ?? new Gathered(columns)
    devices.set(device, known)
    return known
  }
  for (const record of records) gathered(record.device).take(record)
  const queues = new Map<number, QueueMonitor>()
  for (const event of options.trace ?? []) {
    const queue = queues.get(event.device) ?? new QueueMonitor(columns)
    queues.set(event.device, queue)
    queue.take(event)
  }
  for (const [device, queue] of queues) if (queue.hasRequests) gathered(device)
  return {
    fromMs,
    toMs,
    columnMs: columns.columnMs,
    devices: [...devices]
      .sort(([a], [b]) => a - b)
      .map(([device, got]) => reportOf(device, got, queues.get(device), rows)),
  }
}
