/** Reading the log: records from the bytes that reads of /dev/reqlog give, however they are cut. */

import { type DevT, newDecodeDev, oldDecodeDev } from '../abi/brand.js'
import { REQLOG_FAILED, REQLOG_WRITE } from '../abi/reqlog.js'
import { USER_HZ } from '../abi/time.js'
import { RecordReader, recordLayout } from '../bufflink/index.js'

/** The fields of a short record, 16 bytes: RQ-9. */
const reqlogShort = recordLayout({
  device: 'u16',
  direction: 'u16',
  sector: 'u32',
  sectors: 'u32',
  time: 'u32',
})

/** The fields of a long record, 32 bytes. */
const reqlogLong = recordLayout({
  device: 'u16',
  direction: 'u16',
  sector: 'u32',
  sectors: 'u32',
  time: 'u32',
  serial: 'u32',
  pid: 'u32',
  dev: 'u32',
  buffers: 'u32',
})

/** A transfer as the log has it. */
export interface ReqlogRecord {
  /** The device that was addressed: major * 2^20 + minor. */
  readonly device: DevT
  /** A write, or a read. */
  readonly isWrite: boolean
  /** Has it failed? Known at completion only. */
  readonly hasFailed: boolean
  /** The first sector of 512 bytes. */
  readonly sector: number
  /** How many. */
  readonly sectors: number
  /** Milliseconds since boot, to 10 of them. */
  readonly timeMs: number
  /** Of all records since boot, from 1 on; in long records. */
  readonly serial?: number
  /** Who asked for it, 0: the kernel; in long records. */
  readonly pid?: number
  /** How many buffers; in long records. */
  readonly buffers?: number
}

/** Puts the records of one layout together. */
export class ReqlogReader {
  /** Which record it expects. */
  readonly layout: 'short' | 'long'
  private readonly short = new RecordReader(reqlogShort)
  private readonly long = new RecordReader(reqlogLong)

  constructor(layout: 'short' | 'long' = 'short') {
    this.layout = layout
  }

  /** The records that are whole with these bytes. They are the caller's again afterwards. */
  push(bytes: Uint8Array): ReqlogRecord[] {
    if (this.layout === 'short') return this.short.push(bytes).map(fromShort)
    return this.long.push(bytes).map((raw) => {
      const { serial, pid, buffers } = raw
      return { ...fromShort(raw), device: newDecodeDev(raw.dev), serial, pid, buffers }
    })
  }
}

interface Raw {
  readonly device: number
  readonly direction: number
  readonly sector: number
  readonly sectors: number
  readonly time: number
}

const fromShort = ({ device, direction, sector, sectors, time }: Raw): ReqlogRecord => ({
  device: oldDecodeDev(device),
  isWrite: (direction & REQLOG_WRITE) !== 0,
  hasFailed: (direction & REQLOG_FAILED) !== 0,
  sector,
  sectors,
  timeMs: (time * 1000) / USER_HZ,
})
