/**
 * blktrace: every step of every request, as the files that blkparse and btt read. A tool of 2006 on disks of 1999.
 *
 * A module of its own, so that who has not asked for it pays nothing. One file for each device that was addressed, the
 * whole disk or a partition; plugging is the whole disk's. Times are virtual, there is one processor.
 *
 * Deviations from the kernels that have blktrace: they trace a whole disk and note remapping from its partitions (A);
 * here transfers keep the device that was addressed, as requests of 2.2 do. Requests joined with one another have no
 * event, as in kernels up to 5.10. A request of which one buffer has failed completes as failed.
 */

import { type DevT, major, minor } from '../abi/brand.js'
import type { KernelCore } from '../kernel/kernel.js'
import { defineModule } from '../kernel/module.js'
import type { Task } from '../kernel/task.js'
import {
  addTrace,
  BLK_TA_BACKMERGE,
  BLK_TA_COMPLETE,
  BLK_TA_FRONTMERGE,
  BLK_TA_GETRQ,
  BLK_TA_INSERT,
  BLK_TA_ISSUE,
  BLK_TA_PLUG,
  BLK_TA_QUEUE,
  BLK_TA_UNPLUG_IO,
  BLK_TA_UNPLUG_TIMER,
  BLK_TN_PROCESS,
  BlkTraceFile,
  commPdu,
  traceBytes,
  unplugPdu,
} from './blktrace.js'
import type { BufferHead } from './buffer.js'
import type { BlockContributions } from './contributions.js'
import { type Request, WRITE } from './request.js'
import { SECTOR_SIZE } from './sparse.js'
import { blockState, nameOfDev, unitAt } from './state.js'

/** What `blktrace()` can be told. */
export interface BlkTraceOptions {
  /** The most bytes of a file; events that are too many are counted. Default 67108864: about a million events. */
  readonly limit?: number
  /** Does it trace from the start, or wait for `kernel.blktrace.start()`? Default true. */
  readonly isOn?: boolean
}

/** A file as it is now. */
export interface BlkTraceExport {
  /** What the device is called: 'hda1'. The file is called NAME.blktrace.0. */
  readonly name: string
  /** The device's major number. */
  readonly major: number
  /** Its minor number. */
  readonly minor: number
  /** Its content. */
  readonly bytes: Uint8Array
  /** Events that it would not hold. */
  readonly dropped: number
}

/** What `kernel.blktrace` offers to the host. */
export interface BlkTraceApi {
  /** What there is so far, one file for each device, in the order of their numbers: copies. */
  files(): BlkTraceExport[]
  /** Traces from now on. */
  start(): void
  /** Traces no longer; what there is stays. */
  stop(): void
  /** Drops everything that there is. */
  clear(): void
}

/** One device's file, and whom it has named. */
class Traced {
  readonly file: BlkTraceFile
  /** Names by pid, as they were when they were written. */
  readonly comms = new Map<number, string>()

  constructor(device: DevT, limit: number) {
    this.file = new BlkTraceFile(device, limit)
  }
}

/** @internal The module's state. */
export class BlkTraceState {
  readonly limit: number
  isOn: boolean
  devices = new Map<DevT, Traced>()
  /** Of the request whose buffers are arriving. */
  error = 0
  constructor(limit: number, isOn: boolean) {
    this.limit = limit
    this.isOn = isOn
  }
}

const settingsOf = (options: BlkTraceOptions): Required<BlkTraceOptions> => {
  const { limit = 64 * 1024 * 1024, isOn = true } = options
  for (const name of Object.keys(options))
    if (name !== 'limit' && name !== 'isOn') throw new TypeError(`blktrace: there is no option '${name}'`)
  if (!Number.isSafeInteger(limit) || limit < 0)
    throw new TypeError(`blktrace: limit must be a number of bytes, not ${String(limit)}`)
  if (typeof isOn !== 'boolean') throw new TypeError('blktrace: isOn must be true or false')
  return { limit, isOn }
}

function nameOf(k: KernelCore, dev: DevT): string {
  const at = unitAt(blockState(k), dev)
  return at === null ? `${major(dev)},${minor(dev)}` : nameOfDev(at.drive, dev)
}

const nanoseconds = (k: KernelCore): number => Math.round(k.now * 1e6)

function traced(state: BlkTraceState, dev: DevT): Traced {
  let known = state.devices.get(dev)
  if (known === undefined) {
    known = new Traced(dev, state.limit)
    state.devices.set(dev, known)
  }
  return known
}

/** The file of a device, which has the task's name. Linux: trace_note_tsk. */
function fileFor(k: KernelCore, state: BlkTraceState, dev: DevT, by: Task | null): BlkTraceFile {
  const { file, comms } = traced(state, dev)
  const pid = by?.pid ?? 0
  const comm = by?.comm ?? 'swapper'
  if (comms.get(pid) !== comm) {
    comms.set(pid, comm)
    addTrace(file, BLK_TN_PROCESS, nanoseconds(k), { pid, pdu: commPdu(comm) })
  }
  return file
}

function points(state: BlkTraceState): BlockContributions {
  const buffer = (k: KernelCore, action: number, bh: BufferHead, isWrite: boolean, by: Task | null): void => {
    const file = fileFor(k, state, bh.rdev, by)
    const bytes = bh.sectors * SECTOR_SIZE
    addTrace(file, action, nanoseconds(k), { isWrite, sector: bh.sector, bytes, pid: by?.pid ?? 0 })
  }
  const request = (k: KernelCore, action: number, req: Request, by: Task | null, error: number): void => {
    const file = fileFor(k, state, req.rdev, by)
    const { sector, sectors } = req
    const bytes = sectors * SECTOR_SIZE
    const facts = { isWrite: req.cmd === WRITE, sector, bytes, pid: by?.pid ?? 0, error }
    addTrace(file, action, nanoseconds(k), facts)
  }
  return {
    submit(k, bh, rw, by) {
      if (state.isOn) buffer(k, BLK_TA_QUEUE, bh, rw === WRITE, by)
    },
    getRequest(k, req, by) {
      if (state.isOn) request(k, BLK_TA_GETRQ, req, by, 0)
    },
    plug(k, dev, by) {
      if (!state.isOn) return
      addTrace(fileFor(k, state, dev, by), BLK_TA_PLUG, nanoseconds(k), { pid: by?.pid ?? 0 })
    },
    insert(k, req, by) {
      if (state.isOn) request(k, BLK_TA_INSERT, req, by, 0)
    },
    merged(k, req, bh, kind, by) {
      if (!state.isOn || kind === 'requests') return
      buffer(k, kind === 'back' ? BLK_TA_BACKMERGE : BLK_TA_FRONTMERGE, bh, req.cmd === WRITE, by)
    },
    unplug(k, dev, count, why, by) {
      if (!state.isOn) return
      const action = why === 'timer' ? BLK_TA_UNPLUG_TIMER : BLK_TA_UNPLUG_IO
      const facts = { pid: by?.pid ?? 0, pdu: unplugPdu(count) }
      addTrace(fileFor(k, state, dev, by), action, nanoseconds(k), facts)
    },
    dispatch(k, req) {
      if (state.isOn) request(k, BLK_TA_ISSUE, req, null, 0)
    },
    complete(k, req, bh, error) {
      if (error !== 0) state.error = error
      if (bh.next !== null) return
      if (state.isOn) request(k, BLK_TA_COMPLETE, req, null, state.error)
      state.error = 0
    },
  }
}

/** The module. Throws a TypeError for options that there are not. */
export function blktrace(options: BlkTraceOptions = {}) {
  const { limit, isOn } = settingsOf(options)
  return defineModule({
    name: 'blktrace',
    requires: ['block'],
    init: () => new BlkTraceState(limit, isOn),
    attach(k, state) {
      const api: BlkTraceApi = {
        files: () =>
          [...state.devices]
            .sort(([a], [b]) => a - b)
            .map(([dev, { file }]) => {
              const numbers = { major: major(dev), minor: minor(dev) }
              return { name: nameOf(k, dev), ...numbers, bytes: traceBytes(file), dropped: file.dropped }
            }),
        start() {
          state.isOn = true
        },
        stop() {
          state.isOn = false
        },
        clear() {
          state.devices.clear()
        },
      }
      return { api, block: points(state) }
    },
  })
}
