/**
 * `reqtop`: who keeps the disks busy, by device and direction: a table for each interval, the busiest device first. It
 * reads the request log, so that records are nobody else's then.
 *
 * The model is iotop in batch mode; the original package has no such tool.
 */

import { isErr } from '../abi/errno.js'
import type { Program, Sys } from '../programs/sys_types.js'
import {
  deviceName,
  deviceNames,
  hasLost,
  type LogFile,
  openLog,
  positive,
  readArguments,
  readLog,
  type Transfer,
} from './reqlog.js'
import { type Part, runTool, writeAll } from './tool.js'

const USAGE = `usage: reqtop [-al] [-d seconds] [-n count] [node]
  -a          since the start, not since the last table
  -l          the log has long records
  -d seconds  between tables, 5 if not given
  -n count    stop after so many tables
`

/** One device's sums. */
class Row {
  readonly device: number
  transfers = [0, 0]
  sectors = [0, 0]
  /** How many began where the one before had ended, and where the last one did. */
  sequential = 0
  end = -1

  constructor(device: number) {
    this.device = device
  }

  get all(): number {
    return (this.sectors[0] ?? 0) + (this.sectors[1] ?? 0)
  }
}

function count(rows: Map<number, Row>, { device, isWrite, sector, sectors }: Transfer): void {
  const row = rows.get(device) ?? new Row(device)
  rows.set(device, row)
  const at = isWrite ? 1 : 0
  row.transfers[at] = (row.transfers[at] ?? 0) + 1
  row.sectors[at] = (row.sectors[at] ?? 0) + sectors
  if (sector === row.end) row.sequential++
  row.end = sector + sectors
}

const HEAD = 'DEVICE    READS     KiB/s    WRITES     KiB/s  AVG KiB  SEQ%\n'

function table(rows: Map<number, Row>, names: ReadonlyMap<number, string>, secondsPassed: number): string {
  const perSecond = (sectors: number): string => (sectors / 2 / secondsPassed).toFixed(1).padStart(9)
  const sorted = [...rows.values()].sort((a, b) => b.all - a.all || a.device - b.device)
  let text = HEAD
  const sum = [0, 0]
  for (const { device, transfers, sectors, sequential, all } of sorted) {
    const [reads = 0, writes = 0] = transfers
    const [read = 0, written = 0] = sectors
    sum[0] = (sum[0] ?? 0) + read
    sum[1] = (sum[1] ?? 0) + written
    const number = reads + writes
    text += `${deviceName(names, device).padEnd(6)} ${String(reads).padStart(8)} ${perSecond(read)}`
    text += ` ${String(writes).padStart(9)} ${perSecond(written)}`
    text += ` ${(all / 2 / number).toFixed(1).padStart(8)} ${String(Math.round((100 * sequential) / number)).padStart(5)}\n`
  }
  const [read = 0, written = 0] = sum
  return `Total read ${perSecond(read).trim()} KiB/s, written ${perSecond(written).trim()} KiB/s\n${text}`
}

function* now(sys: Sys): Part<number> {
  const { sec, usec } = yield* sys.gettimeofday()
  return sec * 1000 + usec / 1000
}

/** Reads what comes until a moment. False: the log has come to its end, or the wait to a signal. */
function* gather(sys: Sys, log: LogFile, rows: Map<number, Row>, untilMs: number): Part<boolean> {
  for (;;) {
    const left = untilMs - (yield* now(sys))
    if (left <= 0) return true
    const ready = yield* sys.select(log.fd + 1, [log.fd], null, null, left)
    if (isErr(ready)) return false
    if (ready === 0) return true
    const list = yield* readLog(sys, 'reqtop', log)
    if (list === null) return false
    for (const one of list) count(rows, one)
    if (yield* hasLost(sys, log))
      yield* writeAll(sys, 2, 'reqtop: the log was full: records have been lost\n')
  }
}

function* main(sys: Sys, args: readonly string[]): Part<number> {
  const parsed = readArguments(args, 'al', 'dn', USAGE)
  const delayMs = positive(parsed, 'd', 5, USAGE) * 1000
  const tables = positive(parsed, 'n', Number.POSITIVE_INFINITY, USAGE)
  const log = yield* openLog(sys, 'reqtop', parsed, false)
  const start = yield* now(sys)
  let rows = new Map<number, Row>()
  for (let shown = 1; shown <= tables; shown++) {
    const goesOn = yield* gather(sys, log, rows, start + shown * delayMs)
    const isAll = parsed.flags.has('a')
    const names = yield* deviceNames(sys)
    yield* writeAll(sys, 1, table(rows, names, (isAll ? shown * delayMs : delayMs) / 1000))
    if (!goesOn) break
    if (!isAll) rows = new Map()
  }
  return 0
}

/** The exit status: 0; 1 an error, said on descriptor 2; 2 wrong arguments. */
export function* reqtop(sys: Sys, ...args: string[]): Program {
  return yield* runTool(sys, () => main(sys, args))
}
