/**
 * `reqdump`: the request log, one line for each record: time, direction, device, first sector, length. What is in the log
 * already, or with -f what comes until it is killed. Reading takes records out: they are nobody else's then.
 *
 * The original package has no such tool; it is the `biodump` that was asked for on a mailing list in 2002 (reference §5.1).
 */

import type { Program, Sys } from '../programs/sys_types.js'
import {
  deviceName,
  deviceNames,
  findDevice,
  hasLost,
  openLog,
  positive,
  readArguments,
  readLog,
  seconds,
  type Transfer,
} from './reqlog.js'
import { type Part, runTool, writeAll } from './tool.js'

const USAGE = `usage: reqdump [-fl] [-n count] [-d device] [node]
  -f         wait for more
  -l         the log has long records
  -n count   stop after so many lines
  -d device  of this device only: /dev/hda1, hda1 or 3:1
`

function line(names: ReadonlyMap<number, string>, one: Transfer): string {
  const direction = `${one.isWrite ? 'WRITE' : 'READ'}${one.hasFailed ? ' failed' : ''}`
  const device = deviceName(names, one.device).padEnd(6)
  return `${seconds(one.time).padStart(10)} ${direction.padEnd(5)} ${device} ${one.sector} + ${one.sectors}\n`
}

function* main(sys: Sys, args: readonly string[]): Part<number> {
  const parsed = readArguments(args, 'fl', 'nd', USAGE)
  const most = positive(parsed, 'n', Number.POSITIVE_INFINITY, USAGE)
  const follows = parsed.flags.has('f')
  const names = yield* deviceNames(sys)
  const wanted = parsed.values.get('d')
  const only = wanted === undefined ? -1 : yield* findDevice(sys, 'reqdump', names, wanted)
  const log = yield* openLog(sys, 'reqdump', parsed, follows)
  let lost = 0
  for (let shown = 0; shown < most; ) {
    const list = yield* readLog(sys, 'reqdump', log, most - shown)
    const matching = (list ?? []).filter(({ device }) => only < 0 || device === only)
    shown += matching.length
    if (matching.length > 0) yield* writeAll(sys, 1, matching.map((one) => line(names, one)).join(''))
    if (yield* hasLost(sys, log)) {
      lost = 1
      yield* writeAll(sys, 2, 'reqdump: the log was full: records have been lost\n')
    }
    if (list === null || (list.length === 0 && !follows)) break
  }
  return lost
}

/** The exit status: 0; 1 records were lost, or an error, said on descriptor 2; 2 wrong arguments. */
export function* reqdump(sys: Sys, ...args: string[]): Program {
  return yield* runTool(sys, () => main(sys, args))
}
