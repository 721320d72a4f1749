/**
 * The binary format of blktrace: what the kernels from 2.6.17 on write for each step of a request, and what blkparse and
 * btt read. Pure bytes; the module that fills a file is blktrace_module.ts.
 *
 * A file is one device on one processor, `NAME.blktrace.0`: events one after another, each of 48 bytes, little-endian,
 * with `pdu_len` bytes of its own behind it. Linux: struct blk_io_trace, include/linux/blktrace_api.h; __blk_add_trace,
 * kernel/trace/blktrace.c.
 *
 *      0 u32 magic     0x65617400 | version 7
 *      4 u32 sequence  1, 2, … in this file
 *      8 u64 time      nanoseconds
 *     16 u64 sector
 *     24 u32 bytes
 *     28 u32 action    what, and in the upper half its categories
 *     32 u32 pid
 *     36 u32 device    major * 2^20 + minor
 *     40 u32 cpu
 *     44 u16 error     of a completion: 0, or a negative errno
 *     46 u16 pdu_len
 */

import { utf8Write } from '../lib/bytes.js'

/** 'eat', and the version of the format. Linux: BLK_IO_TRACE_MAGIC, BLK_IO_TRACE_VERSION. */
export const BLK_IO_TRACE_MAGIC = 0x65617407
/** Bytes of an event without its own. */
export const BLK_IO_TRACE_SIZE = 48

// Categories, in the upper half of an action.
const TC_READ = 1 << 16
const TC_WRITE = 2 << 16
const TC_QUEUE = 16 << 16
const TC_ISSUE = 64 << 16
const TC_COMPLETE = 128 << 16
const TC_NOTIFY = 1024 << 16

/** Q: a buffer comes to the block layer. */
export const BLK_TA_QUEUE = 1 | TC_QUEUE
/** M: it is the end of a request now. */
export const BLK_TA_BACKMERGE = 2 | TC_QUEUE
/** F: it is the beginning of one. */
export const BLK_TA_FRONTMERGE = 3 | TC_QUEUE
/** G: it has a slot. */
export const BLK_TA_GETRQ = 4 | TC_QUEUE
/** S: it waits for one. */
export const BLK_TA_SLEEPRQ = 5 | TC_QUEUE
/** D: a request goes to the driver. */
export const BLK_TA_ISSUE = 7 | TC_ISSUE
/** C: the driver is done with it. */
export const BLK_TA_COMPLETE = 8 | TC_COMPLETE
/** P: the queue waits for more. */
export const BLK_TA_PLUG = 9 | TC_QUEUE
/** U: somebody wants what is in it. */
export const BLK_TA_UNPLUG_IO = 10 | TC_QUEUE
/** UT: it has waited long enough. */
export const BLK_TA_UNPLUG_TIMER = 11 | TC_QUEUE
/** I: a request is put into the queue. */
export const BLK_TA_INSERT = 12 | TC_QUEUE
/** The name of a process, behind the event. */
export const BLK_TN_PROCESS = 0 | TC_NOTIFY

/** The letters of blkparse by the lower half of an action. */
const LETTERS = ['', 'Q', 'M', 'F', 'G', 'S', 'R', 'D', 'C', 'P', 'U', 'UT', 'I', 'X', 'B', 'A'] as const

/** One event, as read back. */
export interface BlkTraceEvent {
  /** blkparse's letter: 'Q', 'M', 'D', …; 'process' for a name; '?' for what is none of these. */
  readonly letter: string
  /** Of reads, of writes, or neither. */
  readonly direction: 'R' | 'W' | ''
  /** Its number in the file, from 1 on. */
  readonly sequence: number
  /** Nanoseconds. */
  readonly time: number
  /** The first sector. */
  readonly sector: number
  /** Its length in bytes. */
  readonly bytes: number
  /** All bits of it: what, and in the upper half its categories. */
  readonly action: number
  /** For whom; 0 in an interrupt. */
  readonly pid: number
  /** Which device: major * 2^20 + minor. */
  readonly device: number
  /** On which processor. */
  readonly cpu: number
  /** Of a completion: 0, or a negative errno. */
  readonly error: number
  /** What is behind it: how many requests an unplug found, the name of a process. */
  readonly pdu: Uint8Array
}

/** A file that grows: one device on one processor. Its fields are for looking. */
export class BlkTraceFile {
  /** major * 2^20 + minor. */
  readonly device: number
  /** The most bytes that it will have; what comes then is counted in `dropped`. */
  readonly limit: number
  /** @internal The events, and room behind them. */
  bytes = new Uint8Array(64 * BLK_IO_TRACE_SIZE)
  /** Bytes of events. */
  length = 0
  /** Events that are in it. */
  events = 0
  /** Events that were too many. Linux: the file `dropped` of debugfs. */
  dropped = 0

  constructor(device: number, limit: number) {
    this.device = device
    this.limit = limit
  }
}

/** What there is to say of an event, besides its action and time. */
export interface BlkTraceFacts {
  /** Of writes? Undefined where that means nothing. */
  readonly isWrite?: boolean
  /** The first sector. */
  readonly sector?: number
  /** Its length in bytes. */
  readonly bytes?: number
  /** For whom. */
  readonly pid?: number
  /** 0, or a negative errno. */
  readonly error?: number
  /** What comes behind the event. */
  readonly pdu?: Uint8Array
}

const NO_PDU = new Uint8Array(0)

/** Adds an event; `time` in nanoseconds. */
export function addTrace(file: BlkTraceFile, action: number, time: number, facts: BlkTraceFacts): void {
  const { isWrite, sector = 0, bytes = 0, pid = 0, error = 0, pdu = NO_PDU } = facts
  const at = file.length
  const end = at + BLK_IO_TRACE_SIZE + pdu.length
  if (end > file.limit) {
    file.dropped++
    return
  }
  if (end > file.bytes.length) {
    const grown = new Uint8Array(Math.max(end, file.bytes.length * 2))
    grown.set(file.bytes.subarray(0, at))
    file.bytes = grown
  }
  const view = new DataView(file.bytes.buffer, file.bytes.byteOffset)
  view.setUint32(at, BLK_IO_TRACE_MAGIC, true)
  view.setUint32(at + 4, ++file.events, true)
  putU64(view, at + 8, time)
  putU64(view, at + 16, sector)
  view.setUint32(at + 24, bytes, true)
  view.setUint32(at + 28, action | (isWrite === undefined ? 0 : isWrite ? TC_WRITE : TC_READ), true)
  view.setUint32(at + 32, pid, true)
  view.setUint32(at + 36, file.device, true)
  // The processor, at 40, is 0: there is one.
  view.setUint16(at + 44, error, true)
  view.setUint16(at + 46, pdu.length, true)
  file.bytes.set(pdu, at + BLK_IO_TRACE_SIZE)
  file.length = end
}

/** What is behind an unplug: how many requests it found, big-endian. */
export function unplugPdu(requests: number): Uint8Array {
  const pdu = new Uint8Array(8)
  new DataView(pdu.buffer).setUint32(4, requests)
  return pdu
}

/** What is behind BLK_TN_PROCESS: the name, up to 15 bytes and a zero. */
export function commPdu(comm: string): Uint8Array {
  const pdu = new Uint8Array(16)
  utf8Write(comm, pdu.subarray(0, 15), 0)
  return pdu
}

/** The bytes of a file as it is now: a copy. */
export const traceBytes = (file: BlkTraceFile): Uint8Array => file.bytes.slice(0, file.length)

/**
 * The events of a file, of this module's or of a little-endian machine's blktrace. Throws a RangeError that says where the
 * file is none.
 */
export function parseBlkTrace(bytes: Uint8Array): BlkTraceEvent[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const events: BlkTraceEvent[] = []
  for (let at = 0; at < bytes.length; ) {
    if (at + BLK_IO_TRACE_SIZE > bytes.length)
      throw new RangeError(`blktrace: the event at ${at} is cut off: the file has ${bytes.length} bytes`)
    if (view.getUint32(at, true) !== BLK_IO_TRACE_MAGIC)
      throw new RangeError(`blktrace: there is no event of version 7 at ${at}`)
    const end = at + BLK_IO_TRACE_SIZE + view.getUint16(at + 46, true)
    if (end > bytes.length)
      throw new RangeError(
        `blktrace: the event at ${at} goes on to ${end}: the file has ${bytes.length} bytes`,
      )
    events.push(readEvent(view, at, bytes.slice(at + BLK_IO_TRACE_SIZE, end)))
    at = end
  }
  return events
}

function readEvent(view: DataView, at: number, pdu: Uint8Array): BlkTraceEvent {
  const action = view.getUint32(at + 28, true)
  return {
    letter: letterOf(action),
    direction: (action & TC_WRITE) !== 0 ? 'W' : (action & TC_READ) !== 0 ? 'R' : '',
    sequence: view.getUint32(at + 4, true),
    time: getU64(view, at + 8),
    sector: getU64(view, at + 16),
    bytes: view.getUint32(at + 24, true),
    action,
    pid: view.getUint32(at + 32, true),
    device: view.getUint32(at + 36, true),
    cpu: view.getUint32(at + 40, true),
    error: view.getInt16(at + 44, true),
    pdu,
  }
}

function letterOf(action: number): string {
  if ((action & TC_NOTIFY) !== 0) return (action & 0xff) === 0 ? 'process' : '?'
  return LETTERS[action & 0xff] || '?'
}

function putU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 2 ** 32, true)
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true)
}

const getU64 = (view: DataView, at: number): number =>
  view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32
