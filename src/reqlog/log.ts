/** The log itself: what it keeps, and how a record comes into its ring. In any context, without sleeping or allocating. */

import { type DevT, newEncodeDev, oldEncodeDev } from '../abi/brand.js'
import { REQLOG_FAILED, REQLOG_WRITE } from '../abi/reqlog.js'
import { USER_HZ } from '../abi/time.js'
import type { BlockContributions } from '../block/contributions.js'
import { WRITE } from '../block/request.js'
import { type Bufflink, bufflinkAppend } from '../bufflink/index.js'
import { publish } from '../kernel/events.js'
import type { KernelCore } from '../kernel/kernel.js'
import { REQLOG_LOST } from './events.js'
import type { Settings } from './options.js'

/** @internal The module's state. */
export class ReqlogState {
  /** Minor 0 of bufflink. */
  readonly bl: Bufflink
  /** Records since boot, those included that were lost. */
  serial = 0
  /** Records that found the ring full. */
  lost = 0
  /** Buffers that have come of the request that is completing, and whether one has failed. */
  buffers = 0
  hasFailed = false

  constructor(bl: Bufflink) {
    this.bl = bl
  }
}

/** Writes a record into the ring, or loses it. */
type Note = (
  k: KernelCore,
  dev: DevT,
  direction: number,
  sector: number,
  sectors: number,
  pid: number,
  buffers: number,
) => void

const TICK_MS = 1000 / USER_HZ

function noteTo(state: ReqlogState, { recordSize, layout }: Settings): Note {
  const record = new Uint8Array(recordSize)
  const view = new DataView(record.buffer)
  const isLong = layout === 'long'
  return (k, dev, direction, sector, sectors, pid, buffers) => {
    state.serial++
    view.setUint16(0, oldEncodeDev(dev), true)
    view.setUint16(2, direction, true)
    view.setUint32(4, sector, true)
    view.setUint32(8, sectors, true)
    view.setUint32(12, (k.state.now / TICK_MS) >>> 0, true)
    if (isLong) {
      view.setUint32(16, state.serial, true)
      view.setUint32(20, pid, true)
      view.setUint32(24, newEncodeDev(dev), true)
      view.setUint32(28, buffers, true)
    }
    const { bl } = state
    const wasLosing = bl.overflow
    if (bufflinkAppend(bl, record)) return
    const lost = ++state.lost
    if (!wasLosing) publish(k, REQLOG_LOST, { records: state.serial, lost })
  }
}

const directionOf = (cmd: number, hasFailed: boolean): number =>
  (cmd === WRITE ? REQLOG_WRITE : 0) | (hasFailed ? REQLOG_FAILED : 0)

/** The points of the block layer at which a log with these settings is written. */
export function pointsOf(state: ReqlogState, settings: Settings): BlockContributions {
  const note = noteTo(state, settings)
  if (settings.at === 'submission') {
    if (settings.per === 'buffer')
      return {
        submit(k, bh, rw, by) {
          note(k, bh.rdev, directionOf(rw, false), bh.sector, bh.sectors, by === null ? 0 : by.pid, 1)
        },
      }
    return {
      dispatch(k, req) {
        let buffers = 0
        for (let bh: typeof req.first | null = req.first; bh !== null; bh = bh.next) buffers++
        note(k, req.rdev, directionOf(req.cmd, false), req.sector, req.sectors, 0, buffers)
      },
    }
  }
  if (settings.per === 'buffer')
    return {
      complete(k, req, bh, error) {
        note(k, bh.rdev, directionOf(req.cmd, error !== 0), bh.sector, bh.sectors, 0, 1)
      },
    }
  return {
    complete(k, req, bh, error) {
      state.buffers++
      if (error !== 0) state.hasFailed = true
      if (bh.next !== null) return
      const direction = directionOf(req.cmd, state.hasFailed)
      note(k, req.rdev, direction, req.sector, req.sectors, 0, state.buffers)
      state.buffers = 0
      state.hasFailed = false
    },
  }
}
