/** A block trace as a diary: for machines that kept no request log, real ones too. */

import { asDevT } from '../abi/brand.js'
import type { BlkTraceEvent } from '../block/blktrace.js'
import { SECTOR_SIZE } from '../block/sparse.js'
import type { ReqlogRecord } from './record.js'

/**
 * The records that a log of submissions would have: one for each event Q with a direction, in the order of their times, which
 * is not that of a file from several processors put one behind the other.
 */
export function recordsOfTrace(events: readonly BlkTraceEvent[]): ReqlogRecord[] {
  return events
    .filter(({ letter, direction }) => letter === 'Q' && direction !== '')
    .map(
      ({ device, direction, sector, bytes, time, pid }): ReqlogRecord => ({
        device: asDevT(device),
        isWrite: direction === 'W',
        hasFailed: false,
        sector,
        sectors: Math.ceil(bytes / SECTOR_SIZE),
        timeMs: time / 1e6,
        pid,
      }),
    )
    .sort((a, b) => a.timeMs - b.timeMs)
}
