/**
 * Events for host code: `emitter.on('fork', …)`. It listens with a process of the kernel that the host drives; events come
 * when the host asks for them, `drain()`, or while it lets the kernel go on, `run(k)`.
 *
 * Listeners may call into the kernel, unlike those of the trace: they run between calls.
 */

import { EventEmitter } from 'eventemitter3'
import {
  CN_IDX_PROC,
  type CnMsg,
  type ProcAckEvent,
  type ProcExecEvent,
  type ProcExitEvent,
  type ProcForkEvent,
  type ProcGidEvent,
  type ProcUidEvent,
  type ProcUnknownEvent,
} from '../abi/connector.js'
import { errnoMessage, errnoName, isErr } from '../abi/errno.js'
import type { EventKind } from '../kernel/events.js'
import type { ByteOrder } from '../lib/nlmsg.js'
import type { WireFields, WireRecord } from '../lib/wire_record.js'
import { type ConnectorCalls, type Direct, directCalls, finish } from './calls.js'
import { askForProcesses, ConnectorReader, type Numbered, openConnector } from './client.js'

/** What can be listened to besides published events, with what the listener gets. */
export interface ConnectorListeners {
  /** A task has been made. */
  fork: [event: ProcForkEvent & Numbered]
  /** A process runs another program. */
  exec: [event: ProcExecEvent & Numbered]
  /** A task has set uids. */
  uid: [event: ProcUidEvent & Numbered]
  /** A task has set gids. */
  gid: [event: ProcGidEvent & Numbered]
  /** A task ends. */
  exit: [event: ProcExitEvent & Numbered]
  /** An answer to who has asked for process events, perhaps somebody else. */
  none: [event: ProcAckEvent & Numbered]
  /** A process event that is none of these. */
  unknown: [event: ProcUnknownEvent & Numbered]
  /** A message of no kind that is known. */
  message: [msg: CnMsg]
  /** Messages have been lost. */
  overrun: []
  /** The socket can be read no more. */
  failed: [errno: number]
}

/** Published events by the name of their kind: the record, and which message it was. */
export type PublishedListeners<Kinds extends readonly EventKind[]> = {
  [K in Kinds[number] as K['name']]: K extends EventKind<infer F extends WireFields>
    ? [record: WireRecord<F>, which: Numbered]
    : never
}

/** What to listen to. */
export interface ConnectorEmitterOptions<Kinds extends readonly EventKind[]> {
  /** Does it ask for process events? The module must have them. Default true, unless `kinds` or `groups` are given. */
  readonly processes?: boolean
  /** Kinds of published events. */
  readonly kinds?: Kinds
  /** Further groups, from 1 to 32. */
  readonly groups?: readonly number[]
  /** The kernel's byte order. Default 'little'. */
  readonly byteOrder?: ByteOrder
}

/** How far a kernel goes on. */
export interface ConnectorRun {
  /** Steps, at most. Default: as many as it takes to come to rest; a RangeError after ten million. */
  readonly maxSteps?: number
  /** Milliseconds since boot: no timer that is set for later. */
  readonly until?: number
}

/** What lets a kernel go on: a kernel, or a world. */
export interface Runnable {
  /** Goes on so far, and says how many steps there were. */
  run(options: { readonly maxSteps: number; readonly until: number }): number
}

/** Steps after which a kernel is held to be one that never rests. */
const MOST_STEPS = 10_000_000

function must(what: string, result: number): number {
  if (isErr(result)) throw new Error(`connector: ${what}: ${errnoName(result)} (${errnoMessage(result)})`)
  return result
}

/** Events of one kernel's connector as they are heard by one of its processes. */
export class ConnectorEmitter<const Kinds extends readonly EventKind[] = readonly []> extends EventEmitter<
  ConnectorListeners & PublishedListeners<Kinds>
> {
  /** The socket's descriptor in the process; -1 when it is closed. */
  fd: number
  private readonly sys: Direct<ConnectorCalls>
  private readonly reader: ConnectorReader<Kinds>
  private readonly asks: boolean
  private readonly order: ByteOrder

  /**
   * Listens with a process that the host drives, which must have CAP_NET_ADMIN: `k.spawn()`. Throws an Error where the
   * kernel refuses, a TypeError for a process without network.
   */
  constructor(
    process: {
      /** Its calls. */
      readonly sys: Direct<ConnectorCalls>
    },
    options: ConnectorEmitterOptions<Kinds> = {},
  ) {
    super()
    const kinds: readonly EventKind[] = options.kinds ?? []
    const groups = options.groups ?? []
    this.asks = options.processes ?? (kinds.length === 0 && groups.length === 0)
    this.sys = process.sys
    this.order = options.byteOrder ?? 'little'
    this.reader = new ConnectorReader(options.kinds, undefined, this.order)
    const all = new Set([...groups, ...kinds.map(({ idx }) => idx), ...(this.asks ? [CN_IDX_PROC] : [])])
    const calls = directCalls(this.sys)
    this.fd = must('opening a socket', finish(openConnector(calls, [...all])))
    if (this.asks)
      must('asking for processes', finish(askForProcesses(calls, this.fd, true, undefined, this.order)))
  }

  /** Emits everything that has come, in order. How many events there were. */
  drain(): number {
    let count = 0
    if (this.fd < 0) return count
    for (const event of this.reader.pending(this.sys, this.fd)) {
      // A listener may have closed it.
      if (this.fd < 0) break
      count++
      if (event.kind === 'published') this.tell(event.name, event.record, { seq: event.seq, ack: event.ack })
      else if (event.kind === 'message') this.tell('message', event.msg)
      else if (event.kind === 'failed') this.tell('failed', event.errno)
      else if (event.kind === 'overrun') this.tell('overrun')
      else this.tell(event.kind, event)
    }
    return count
  }

  /** Lets the kernel go on until nothing can, emitting after every step. How many events there were. */
  run(k: Runnable, { maxSteps, until = Number.POSITIVE_INFINITY }: ConnectorRun = {}): number {
    const most = maxSteps ?? MOST_STEPS
    let count = this.drain()
    for (let steps = 0; steps < most; steps++) {
      if (k.run({ maxSteps: 1, until }) === 0) return count
      count += this.drain()
    }
    if (maxSteps === undefined)
      throw new RangeError(`run() did not come to rest in ${most} steps: pass { maxSteps } or { until }`)
    return count
  }

  /** Takes the request for process events back and closes the socket. What waits is lost. */
  close(): void {
    if (this.fd < 0) return
    const calls = directCalls(this.sys)
    if (this.asks) finish(askForProcesses(calls, this.fd, false, undefined, this.order))
    this.sys.close(this.fd)
    this.fd = -1
  }

  /** `emit` cannot be told that a name and its arguments belong together; the prototype's takes any. */
  private tell(name: string, ...args: unknown[]): void {
    EventEmitter.prototype.emit.call(this, name, ...args)
  }
}
