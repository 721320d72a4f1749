/** What the connector keeps: its clients, what waits for their callbacks, who wants to be told of them. */

import type { CbId, CnCtlMsg, CnMsg } from '../abi/connector.js'
import { KernelBug } from '../kernel/bug.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { NamedHandler } from '../kernel/module.js'
import type { NetState } from '../net/state.js'
import type { Settings } from './options.js'

/** Who has sent a message, when it was sent: what callbacks learn since 2.6.30. */
export interface CnSender {
  /** The socket's port. */
  readonly port: number
  /** The process. */
  readonly pid: number
  /** Its user. */
  readonly uid: number
  /** Its group. */
  readonly gid: number
  /** Its effective capabilities, as bits. */
  readonly caps: number
}

/** What a client does with a message. `sender` is null where callbacks are deferred: they are not told. */
export type CnCallback = (k: KernelCore, msg: CnMsg, sender: CnSender | null) => void

/** A client. Linux: struct cn_callback_entry. */
export class CnEntry {
  readonly id: CbId
  /** At most 31 characters. */
  readonly name: string
  /** The name of its callback among the kernel's work. */
  readonly handler: string
  /** Where it sends to unless it says otherwise. */
  readonly group: number
  /** Messages that wait for its callback, or are in it. */
  busy = 0

  constructor(id: CbId, name: string, handler: string) {
    this.id = id
    this.name = name
    this.handler = handler
    this.group = id.idx
  }
}

/** A message on its way to a callback. Linux: struct cn_callback_data. */
export class CnDelivery {
  readonly entry: CnEntry
  readonly msg: CnMsg
  readonly sender: CnSender | null

  constructor(entry: CnEntry, msg: CnMsg, sender: CnSender | null) {
    this.entry = entry
    this.msg = msg
    this.sender = sender
  }
}

/** @internal The module's state. Linux: struct cn_dev, struct cn_queue_dev, notify_list. */
export class ConnectorState {
  readonly settings: Settings
  readonly net: NetState
  /** Clients by `keyOf` their id, in the order of their coming. */
  entries = new Map<string, CnEntry>()
  /** What waits for the worker, oldest first. Linux: cqueue. */
  queue: CnDelivery[] = []
  /** Will the worker come round? */
  isArmed = false
  /** Who wants to be told when clients come and go, the newest first. */
  requests: CnCtlMsg[] = []
  /** How many have asked for process events. Linux: proc_event_num_listeners. */
  listeners = 0
  /** Process events so far. Linux: proc_event_counts, of the one processor. */
  procEvents = 0
  /** Published events so far, by the name of their kind. */
  published = new Map<string, number>()

  constructor(settings: Settings, net: NetState) {
    this.settings = settings
    this.net = net
  }

  /** Are the least significant bytes of numbers first, as on an i386? */
  get isLittle(): boolean {
    return this.net.netlink.byteOrder === 'little'
  }
}

/** How ids are looked up. */
export const keyOf = ({ idx, val }: CbId): string => `${idx}:${val}`

/** @internal The state of the module in a kernel. Throws a KernelBug where it is not there. */
export function connectorState(k: KernelCore): ConnectorState {
  const state = k.state.modules.get('connector')
  if (!(state instanceof ConnectorState)) throw new KernelBug('this kernel has no module connector')
  return state
}

/** A callback as a module contributes it: `work: { 'mine.callback': cnCallback((k, msg) => …) }`. */
export const cnCallback =
  (callback: CnCallback): NamedHandler =>
  (k, data) => {
    if (!(data instanceof CnDelivery))
      throw new KernelBug('a callback of the connector was queued by somebody else')
    callback(k, data.msg, data.sender)
  }
