/**
 * reqlog: the diary of all disks. Each buffer that the block layer accepts is noted in a ring that programs read from
 * /dev/reqlog.
 *
 * Model of reqlog 0.3 by Malcolm Beattie (1999, Linux 2.2.12); reference §5. The ring is minor 0 of bufflink, made at boot
 * (RQ-1). Nothing here delays or fails a transfer (RQ-11), and nothing turns it off (RQ-13).
 */

import { errnoName, isErr } from '../abi/errno.js'
import { REQLOG_MINOR } from '../abi/reqlog.js'
import { type Bufflink, bufflinkCreate } from '../bufflink/index.js'
import { defineModule } from '../kernel/module.js'
import { reqlogAudit } from './audit.js'
import { pointsOf, ReqlogState } from './log.js'
import { type ReqlogOptions, settingsOf } from './options.js'

/** How many records there have been. */
export interface ReqlogCounts {
  /** Since boot: those that are in the ring or were read, and those that were lost. */
  readonly records: number
  /** Those that found the ring full. */
  readonly lost: number
}

/** What `kernel.reqlog` offers to the host. */
export interface ReqlogApi {
  /** Its ring. Look it up again after a restore, and in a copy of the kernel. */
  ring(): Bufflink
  /** Counted by the kernel; a program only sees that some are lost. */
  counts(): ReqlogCounts
}

/** The module. Throws a TypeError for options that there are not. */
export function reqlog(options: ReqlogOptions = {}) {
  const settings = settingsOf(options)
  return defineModule({
    name: 'reqlog',
    requires: ['bufflink', 'block'],
    init(k) {
      // Part of the kernel's image: kmalloc's limit is not its limit.
      const bl = bufflinkCreate(k, { buffer: new Uint8Array(settings.ringSize), minor: REQLOG_MINOR })
      if (isErr(bl))
        throw new TypeError(
          `reqlog: minor 0 of bufflink is not to be had (${errnoName(bl)}): put reqlog() before modules that make rings`,
        )
      return new ReqlogState(bl)
    },
    attach(_k, state) {
      const api: ReqlogApi = {
        ring: () => state.bl,
        counts: () => ({ records: state.serial, lost: state.lost }),
      }
      return {
        api,
        audit: reqlogAudit(state),
        nodes: [{ driver: 'bufflink', name: 'reqlog', minor: REQLOG_MINOR, mode: 0o600 }],
        block: pointsOf(state, settings),
      }
    },
  })
}

export type { BlkTraceEvent } from '../block/index.js'
export { REQLOG_LOST } from './events.js'
export {
  type Amount,
  type DeviceReport,
  type HeatMap,
  type MonitorColumn,
  type MonitorOptions,
  type MonitorReport,
  monitor,
  type SeekStats,
} from './monitor.js'
export type { ReqlogOptions } from './options.js'
export { ReqlogReader, type ReqlogRecord } from './record.js'
export { type MonitorSvgOptions, monitorSvg } from './svg.js'
export { recordsOfTrace } from './trace.js'
