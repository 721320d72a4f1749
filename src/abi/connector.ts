/**
 * The connector: numbers and layouts, for kernel and programs alike. All integers are in the machine's byte order:
 * little-endian unless said otherwise. Linux: include/linux/connector.h (2.6.14), include/linux/cn_proc.h (2.6.15, 2.6.18).
 */

/** Who a message is for or from. Linux: struct cb_id, 8 bytes: idx u32, val u32. */
export interface CbId {
  /** The client, and the group that it sends to. */
  readonly idx: number
  /** Which of the client's interfaces. */
  readonly val: number
}

/** A message. Linux: struct cn_msg, 20 bytes: id, seq u32, ack u32, len u16, flags u16, and the data behind them. */
export interface CnMsg {
  /** The client. */
  readonly id: CbId
  /** Counts the sender's messages; an answer has its request's. */
  readonly seq: number
  /** Anything; an answer has its request's plus one. */
  readonly ack: number
  /** What the header says of the length: more than `data` holds where a program has lied. */
  readonly len: number
  /** Not used by the kernel. */
  readonly flags: number
  /** What is there. */
  readonly data: Uint8Array
}

/** A range of numbers in a control message. Linux: struct cn_notify_req, 8 bytes: first u32, range u32. */
export interface CnNotifyReq {
  /** The first number. */
  readonly first: number
  /** How many. */
  readonly range: number
}

/**
 * Asks to be told when clients come and go. Linux: struct cn_ctl_msg, 16 bytes: idx_notify_num u32, val_notify_num u32,
 * group u32, len u32, and the ranges of idx and then of val behind them.
 */
export interface CnCtlMsg {
  /** Ranges of idx. */
  readonly idx: readonly CnNotifyReq[]
  /** Ranges of val. */
  readonly val: readonly CnNotifyReq[]
  /** Where the notices go; 0 takes requests back. */
  readonly group: number
}

/** The first half of the id of the control client, unless the module's parameters say otherwise. */
export const CN_IDX_CONNECTOR = 0xffffffff
/** The second half. */
export const CN_VAL_CONNECTOR = 0xffffffff
/** The first half of the id of process events, and their group. */
export const CN_IDX_PROC = 1
/** The second half. */
export const CN_VAL_PROC = 1

/** Bytes of struct cn_msg. */
export const CN_MSG_SIZE = 20
/** Bytes of struct cn_ctl_msg. */
export const CN_CTL_SIZE = 16
/** Bytes of struct cn_notify_req. */
export const CN_REQ_SIZE = 8
/** The longest message from a program: its nlmsg_len. */
export const CONNECTOR_MAX_MSG_SIZE = 1024
/** Bytes of a client's name with the NUL behind it. */
export const CN_CBQ_NAMELEN = 32

/** What a program sends to the process events: it listens. Linux: enum proc_cn_mcast_op. */
export const PROC_CN_MCAST_LISTEN = 1
/** Takes a LISTEN back. */
export const PROC_CN_MCAST_IGNORE = 2

/** proc_event.what of an answer. */
export const PROC_EVENT_NONE = 0
/** A task has been made. */
export const PROC_EVENT_FORK = 1
/** A process runs another program. */
export const PROC_EVENT_EXEC = 2
/** A task has set uids. */
export const PROC_EVENT_UID = 4
/** A task has set gids. */
export const PROC_EVENT_GID = 0x40
/** A task ends. */
export const PROC_EVENT_EXIT = 0x80000000

/** Which struct proc_event: that of 2.6.15 has 24 bytes; that of 2.6.18 a time, and 32 bytes. */
export type ProcEventLayout = '2.6.15' | '2.6.18'

/** In every process event. */
export interface ProcEventBase {
  /** The processor that it happened on; 0xffffffff in answers. */
  readonly cpu: number
  /** Nanoseconds since boot; 0 in the layout of 2.6.15, which has no time. */
  readonly timestampNs: number
}

/** The kernel has taken a PROC_CN_MCAST_* message. */
export interface ProcAckEvent extends ProcEventBase {
  /** PROC_EVENT_NONE. */
  readonly kind: 'none'
  /** 0, or a positive error number. */
  readonly err: number
}

/** A task has been made. */
export interface ProcForkEvent extends ProcEventBase {
  /** PROC_EVENT_FORK. */
  readonly kind: 'fork'
  /** The task whose child it is. */
  readonly parentPid: number
  /** That task's process. */
  readonly parentTgid: number
  /** The new task. */
  readonly childPid: number
  /** Its process: another one than itself for a thread. */
  readonly childTgid: number
}

/** A process runs another program. */
export interface ProcExecEvent extends ProcEventBase {
  /** PROC_EVENT_EXEC. */
  readonly kind: 'exec'
  /** The task. */
  readonly pid: number
  /** Its process. */
  readonly tgid: number
}

/** A task has set uids. */
export interface ProcUidEvent extends ProcEventBase {
  /** PROC_EVENT_UID. */
  readonly kind: 'uid'
  /** The task. */
  readonly pid: number
  /** Its process. */
  readonly tgid: number
  /** Its real uid now. */
  readonly ruid: number
  /** Its effective uid now. */
  readonly euid: number
}

/** A task has set gids. */
export interface ProcGidEvent extends ProcEventBase {
  /** PROC_EVENT_GID. */
  readonly kind: 'gid'
  /** The task. */
  readonly pid: number
  /** Its process. */
  readonly tgid: number
  /** Its real gid now. */
  readonly rgid: number
  /** Its effective gid now. */
  readonly egid: number
}

/** A task ends. */
export interface ProcExitEvent extends ProcEventBase {
  /** PROC_EVENT_EXIT. */
  readonly kind: 'exit'
  /** The task. */
  readonly pid: number
  /** Its process. */
  readonly tgid: number
  /** Its wait status. */
  readonly exitCode: number
  /** What its parent gets; 0xffffffff for nothing, as of threads. */
  readonly exitSignal: number
}

/** A kind that these layouts do not have: of a later kernel. */
export interface ProcUnknownEvent extends ProcEventBase {
  /** None of the others. */
  readonly kind: 'unknown'
  /** proc_event.what. */
  readonly what: number
  /** What is behind the fixed part. */
  readonly data: Uint8Array
}

/** Any process event. */
export type ProcEvent =
  | ProcAckEvent
  | ProcForkEvent
  | ProcExecEvent
  | ProcUidEvent
  | ProcGidEvent
  | ProcExitEvent
  | ProcUnknownEvent

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Writes the header of a message at `at`; 20 bytes must be there. */
export function putCnMsg(
  view: DataView,
  at: number,
  { id, seq, ack, len, flags }: Omit<CnMsg, 'data'>,
  isLittle = true,
): void {
  view.setUint32(at, id.idx, isLittle)
  view.setUint32(at + 4, id.val, isLittle)
  view.setUint32(at + 8, seq, isLittle)
  view.setUint32(at + 12, ack, isLittle)
  view.setUint16(at + 16, len, isLittle)
  view.setUint16(at + 18, flags, isLittle)
}

/** What a message is made of where its sender has nothing special to say. */
export interface CnMsgFields {
  /** The client. */
  readonly id: CbId
  /** Default 0. */
  readonly seq?: number
  /** Default 0. */
  readonly ack?: number
  /** Default: the length of `data`. */
  readonly len?: number
  /** Default 0. */
  readonly flags?: number
  /** Default none; at most 65535 bytes. */
  readonly data?: Uint8Array
}

const NO_DATA = new Uint8Array(0)

/** A message with the defaults filled in. Throws a RangeError for more than 65535 bytes of data. */
export function cnMsg({ id, seq = 0, ack = 0, flags = 0, data = NO_DATA, len }: CnMsgFields): CnMsg {
  if (data.length > 0xffff) throw new RangeError(`cn_msg: ${data.length} bytes of data: len has 16 bits`)
  return { id, seq, ack, flags, data, len: len ?? data.length }
}

/** A message as bytes: header and data. Throws a RangeError for more than 65535 bytes of data. */
export function encodeCnMsg(fields: CnMsgFields, isLittle = true): Uint8Array {
  const msg = cnMsg(fields)
  const bytes = new Uint8Array(CN_MSG_SIZE + msg.data.length)
  putCnMsg(viewOf(bytes), 0, msg, isLittle)
  bytes.set(msg.data, CN_MSG_SIZE)
  return bytes
}

/** The message at the beginning of `bytes`, its data cut where they end; null where the header is not all there. */
export function decodeCnMsg(bytes: Uint8Array, isLittle = true): CnMsg | null {
  if (bytes.length < CN_MSG_SIZE) return null
  const view = viewOf(bytes)
  const len = view.getUint16(16, isLittle)
  return {
    id: { idx: view.getUint32(0, isLittle), val: view.getUint32(4, isLittle) },
    seq: view.getUint32(8, isLittle),
    ack: view.getUint32(12, isLittle),
    len,
    flags: view.getUint16(18, isLittle),
    data: bytes.slice(CN_MSG_SIZE, CN_MSG_SIZE + len),
  }
}

/** A control message as the data of a cn_msg. */
export function encodeCnCtl({ idx, val, group }: CnCtlMsg, isLittle = true): Uint8Array {
  const length = CN_REQ_SIZE * (idx.length + val.length)
  const view = new DataView(new ArrayBuffer(CN_CTL_SIZE + length))
  view.setUint32(0, idx.length, isLittle)
  view.setUint32(4, val.length, isLittle)
  view.setUint32(8, group, isLittle)
  view.setUint32(12, length, isLittle)
  for (const [at, { first, range }] of [...idx, ...val].entries()) {
    view.setUint32(CN_CTL_SIZE + CN_REQ_SIZE * at, first, isLittle)
    view.setUint32(CN_CTL_SIZE + CN_REQ_SIZE * at + 4, range, isLittle)
  }
  return new Uint8Array(view.buffer)
}

/**
 * The control message that `data` is; null for one that the kernel ignores: shorter than 16 bytes, or of another length
 * than its counts say, or than its own `len` says. Linux: cn_callback.
 */
export function decodeCnCtl(data: Uint8Array, isLittle = true): CnCtlMsg | null {
  if (data.length < CN_CTL_SIZE) return null
  const view = viewOf(data)
  const idxs = view.getUint32(0, isLittle)
  const vals = view.getUint32(4, isLittle)
  if (data.length !== CN_CTL_SIZE + CN_REQ_SIZE * (idxs + vals)) return null
  if (view.getUint32(12, isLittle) !== data.length - CN_CTL_SIZE) return null
  const ranges = (from: number, count: number): CnNotifyReq[] =>
    Array.from({ length: count }, (_, n) => {
      const at = CN_CTL_SIZE + CN_REQ_SIZE * (from + n)
      return { first: view.getUint32(at, isLittle), range: view.getUint32(at + 4, isLittle) }
    })
  return { idx: ranges(0, idxs), val: ranges(idxs, vals), group: view.getUint32(8, isLittle) }
}

/** Bytes of struct proc_event. */
export const procEventSize = (layout: ProcEventLayout): number => (layout === '2.6.15' ? 24 : 32)

const WHAT: Readonly<Record<Exclude<ProcEvent['kind'], 'unknown'>, number>> = {
  none: PROC_EVENT_NONE,
  fork: PROC_EVENT_FORK,
  exec: PROC_EVENT_EXEC,
  uid: PROC_EVENT_UID,
  gid: PROC_EVENT_GID,
  exit: PROC_EVENT_EXIT,
}

function wordsOf(event: Exclude<ProcEvent, ProcUnknownEvent>): readonly number[] {
  switch (event.kind) {
    case 'none':
      return [event.err]
    case 'fork':
      return [event.parentPid, event.parentTgid, event.childPid, event.childTgid]
    case 'exec':
      return [event.pid, event.tgid]
    case 'uid':
      return [event.pid, event.tgid, event.ruid, event.euid]
    case 'gid':
      return [event.pid, event.tgid, event.rgid, event.egid]
    case 'exit':
      return [event.pid, event.tgid, event.exitCode, event.exitSignal]
  }
}

/** A process event as the data of a cn_msg. */
export function encodeProcEvent(
  layout: ProcEventLayout,
  event: Exclude<ProcEvent, ProcUnknownEvent>,
  isLittle = true,
): Uint8Array {
  const bytes = new Uint8Array(procEventSize(layout))
  const { cpu, timestampNs } = event
  const view = viewOf(bytes)
  const at = putProcEvent(view, 0, layout, WHAT[event.kind], cpu, timestampNs, isLittle)
  for (const [n, word] of wordsOf(event).entries()) view.setUint32(at + 4 * n, word, isLittle)
  return bytes
}

/** Writes the fixed part of struct proc_event at `at`, and says where the rest begins: 16 bytes must be there. */
export function putProcEvent(
  view: DataView,
  at: number,
  layout: ProcEventLayout,
  what: number,
  cpu: number,
  timestampNs: number,
  isLittle = true,
): number {
  view.setUint32(at, what, isLittle)
  view.setUint32(at + 4, cpu, isLittle)
  if (layout === '2.6.15') return at + 8
  const high = Math.floor(timestampNs / 2 ** 32)
  view.setUint32(at + (isLittle ? 8 : 12), timestampNs % 2 ** 32, isLittle)
  view.setUint32(at + (isLittle ? 12 : 8), high, isLittle)
  return at + 16
}

/** The process event that `data` is; null where it is not all there. */
export function decodeProcEvent(
  layout: ProcEventLayout,
  data: Uint8Array,
  isLittle = true,
): ProcEvent | null {
  if (data.length < procEventSize(layout)) return null
  const view = viewOf(data)
  const hasTime = layout !== '2.6.15'
  const low = hasTime ? view.getUint32(isLittle ? 8 : 12, isLittle) : 0
  const high = hasTime ? view.getUint32(isLittle ? 12 : 8, isLittle) : 0
  const what = view.getUint32(0, isLittle)
  const start = hasTime ? 16 : 8
  const base: ProcEventBase = { cpu: view.getUint32(4, isLittle), timestampNs: high * 2 ** 32 + low }
  const word = (n: number): number => view.getUint32(start + 4 * n, isLittle)
  switch (what) {
    case PROC_EVENT_NONE:
      return { ...base, kind: 'none', err: word(0) }
    case PROC_EVENT_FORK:
      return {
        ...base,
        kind: 'fork',
        parentPid: word(0),
        parentTgid: word(1),
        childPid: word(2),
        childTgid: word(3),
      }
    case PROC_EVENT_EXEC:
      return { ...base, kind: 'exec', pid: word(0), tgid: word(1) }
    case PROC_EVENT_UID:
      return { ...base, kind: 'uid', pid: word(0), tgid: word(1), ruid: word(2), euid: word(3) }
    case PROC_EVENT_GID:
      return { ...base, kind: 'gid', pid: word(0), tgid: word(1), rgid: word(2), egid: word(3) }
    case PROC_EVENT_EXIT:
      return { ...base, kind: 'exit', pid: word(0), tgid: word(1), exitCode: word(2), exitSignal: word(3) }
    default:
      return { ...base, kind: 'unknown', what, data: data.slice(start) }
  }
}
