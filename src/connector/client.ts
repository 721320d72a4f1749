/**
 * Listening, on the side of programs: a socket of the connector, and its messages as typed events.
 *
 *     const reader = new ConnectorReader([SECCOMP_DEATH])
 *     for (;;) for (const event of yield* reader.events(sys, fd)) …
 *
 * Everything goes by system calls. What is in a message follows from its id: process events, the kinds of published
 * events that the reader is made with, and messages.
 */

import {
  CN_IDX_PROC,
  CN_VAL_PROC,
  type CnMsg,
  type CnMsgFields,
  decodeCnMsg,
  decodeProcEvent,
  encodeCnMsg,
  PROC_CN_MCAST_IGNORE,
  PROC_CN_MCAST_LISTEN,
  type ProcEvent,
  procEventSize,
} from '../abi/connector.js'
import { EAGAIN, EINTR, EINVAL, ENOBUFS, isErr } from '../abi/errno.js'
import { NETLINK_CONNECTOR, NLMSG_DONE } from '../abi/netlink.js'
import { AF_NETLINK, MSG_DONTWAIT, SOCK_DGRAM } from '../abi/socket.js'
import type { EventKind } from '../kernel/events.js'
import { type ByteOrder, bytes32, readMessages, writeMessage } from '../lib/nlmsg.js'
import { decodeRecord, type WireRecord } from '../lib/wire_record.js'
import { type ConnectorCalls, type Direct, directCalls, finish, type Steps } from './calls.js'
import { PROC_ID } from './proc_events.js'

/** Which message it is. */
export interface Numbered {
  /** cn_msg.seq: counts the messages of a kind, so that a gap is a loss. */
  readonly seq: number
  /** cn_msg.ack. */
  readonly ack: number
}

/** A message of no kind that the reader knows. */
export interface MessageEvent {
  /** 'message'. */
  readonly kind: 'message'
  /** As it came. */
  readonly msg: CnMsg
}

/** Messages have been lost: there was no room for them. What follows is older than they were. */
export interface OverrunEvent {
  /** 'overrun': ENOBUFS. */
  readonly kind: 'overrun'
}

/** The socket can be read no more. */
export interface FailedEvent {
  /** 'failed'. */
  readonly kind: 'failed'
  /** The negative error number. */
  readonly errno: number
}

/** A published event of one of some kinds. */
export type PublishedEvent<K extends EventKind> =
  K extends EventKind<infer F, infer Name>
    ? Numbered & {
        /** 'published'. */
        readonly kind: 'published'
        /** The kind's name. */
        readonly name: Name
        /** What has happened. */
        readonly record: WireRecord<F>
      }
    : never

/** What can be heard by a reader that knows some kinds of published events. */
export type ConnectorEvent<K extends EventKind = never> =
  | (ProcEvent & Numbered)
  | PublishedEvent<K>
  | MessageEvent
  | OverrunEvent
  | FailedEvent

/** Bytes of the buffer: a message from the kernel is rarely longer. */
const BUFFER = 4096

/** The kernel's address. */
const KERNEL = Object.freeze({ family: AF_NETLINK, pid: 0, groups: 0 })

/**
 * A socket that listens to groups, from 1 to 32. Its descriptor, or an Errno: those of socket(2) and bind(2), EPERM without
 * CAP_NET_ADMIN among them; EINVAL a group that there is not.
 */
export function* openConnector(sys: ConnectorCalls, groups: readonly number[]): Steps<number> {
  if (groups.some((group) => !Number.isInteger(group) || group < 1 || group > 32)) return EINVAL
  let mask = 0
  for (const group of groups) mask |= 1 << (group - 1)
  const fd = yield* sys.socket(AF_NETLINK, SOCK_DGRAM, NETLINK_CONNECTOR)
  if (isErr(fd)) return fd
  const bound = yield* sys.bind(fd, { family: AF_NETLINK, pid: 0, groups: mask >>> 0 })
  if (!isErr(bound)) return fd
  yield* sys.close(fd)
  return bound
}

/**
 * A message to the kernel's client with this id: the bytes sent, or an Errno. `order` is the kernel's byte order. Throws as
 * encodeCnMsg.
 */
export function* sendMessage(
  sys: ConnectorCalls,
  fd: number,
  msg: CnMsgFields,
  order: ByteOrder = 'little',
): Steps<number> {
  const header = { type: NLMSG_DONE, flags: 0, seq: msg.seq ?? 0, pid: 0 }
  const bytes = writeMessage(header, encodeCnMsg(msg, order === 'little'), [], order)
  return yield* sys.sendto(fd, bytes, 0, KERNEL)
}

/** Asks for process events, or no longer: the bytes sent, or an Errno. The answer is an event of kind 'none'. */
export function* askForProcesses(
  sys: ConnectorCalls,
  fd: number,
  listens: boolean,
  { seq, ack }: Numbered = { seq: 0, ack: 0 },
  order: ByteOrder = 'little',
): Steps<number> {
  const op = bytes32(listens ? PROC_CN_MCAST_LISTEN : PROC_CN_MCAST_IGNORE, order)
  return yield* sendMessage(sys, fd, { id: PROC_ID, seq, ack, data: op }, order)
}

/** Reads what comes as events. `kinds` are those of published events that it knows; others are messages. */
export class ConnectorReader<const Kinds extends readonly EventKind[] = readonly []> {
  /** Kinds by their two numbers. */
  private readonly kinds: ReadonlyMap<string, EventKind>
  private readonly buf: Uint8Array
  private readonly order: ByteOrder

  /**
   * `bufferBytes`: longer messages are cut; 4096 unless told otherwise. `order`: the kernel's byte order. Throws a TypeError
   * for two kinds of one number.
   */
  constructor(kinds?: Kinds, bufferBytes: number = BUFFER, order: ByteOrder = 'little') {
    const list: readonly EventKind[] = kinds ?? []
    this.kinds = new Map(list.map((kind) => [`${kind.idx}:${kind.val}`, kind]))
    if (this.kinds.size < list.length)
      throw new TypeError('ConnectorReader: two kinds of events have the same numbers')
    this.buf = new Uint8Array(bufferBytes)
    this.order = order
  }

  /** The messages of one datagram as events. */
  decode(bytes: Uint8Array): ConnectorEvent<Kinds[number]>[] {
    const events: ConnectorEvent<Kinds[number]>[] = []
    for (const { body } of readMessages(bytes, this.order)) {
      const msg = decodeCnMsg(body, this.order === 'little')
      if (msg !== null) events.push(this.eventOf(msg))
    }
    return events
  }

  private eventOf(msg: CnMsg): ConnectorEvent<Kinds[number]> {
    const { id, seq, ack, data, len } = msg
    if (id.idx === CN_IDX_PROC && id.val === CN_VAL_PROC) {
      const layout = len === procEventSize('2.6.15') ? '2.6.15' : '2.6.18'
      const event = decodeProcEvent(layout, data, this.order === 'little')
      if (event !== null) return { ...event, seq, ack }
    }
    const kind = this.kinds.get(`${id.idx}:${id.val}`)
    const record = kind === undefined ? null : decodeRecord(kind.fields, data, this.order === 'little')
    if (kind === undefined || record === null) return { kind: 'message', msg }
    return { kind: 'published', name: kind.name, seq, ack, record } as PublishedEvent<Kinds[number]>
  }

  /**
   * What comes next: one datagram, for which it waits, unless `flags` have MSG_DONTWAIT; then an empty list is nothing.
   * After a signal the list is empty too. Never throws: what goes wrong is an event.
   */
  *events(sys: ConnectorCalls, fd: number, flags = 0): Steps<ConnectorEvent<Kinds[number]>[]> {
    const { buf } = this
    const count = yield* sys.recv(fd, buf, flags)
    if (!isErr(count)) return this.decode(buf.subarray(0, count))
    if (count === ENOBUFS) return [{ kind: 'overrun' }]
    return count === EAGAIN || count === EINTR ? [] : [{ kind: 'failed', errno: count }]
  }

  /** All that waits, for a process that the host drives: `for (const event of reader.pending(process.sys, fd))`. */
  *pending(sys: Direct<ConnectorCalls>, fd: number): Generator<ConnectorEvent<Kinds[number]>, void, void> {
    const calls = directCalls(sys)
    for (;;) {
      const events = finish(this.events(calls, fd, MSG_DONTWAIT))
      if (events.length === 0) return
      yield* events
      if (events.some(({ kind }) => kind === 'failed')) return
    }
  }
}
