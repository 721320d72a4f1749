/**
 * The connector: many small interfaces of the kernel behind one protocol of AF_NETLINK. A client registers a callback
 * for an id, which programs send to, and sends to the group of that id, which programs listen to.
 *
 * Model of CONFIG_CONNECTOR of 2.6.14; reference §2.4 to §2.10. Process events of 2.6.15 and 2.6.18 are an option, and
 * what the kernel and other modules `publish` goes out by it.
 */

import type { CbId, CnMsgFields } from '../abi/connector.js'
import { NETLINK_CONNECTOR } from '../abi/netlink.js'
import { isAtLeast } from '../abi/profile.js'
import { defineModule } from '../kernel/module.js'
import type { NetlinkProtocol } from '../net/netlink/protocol.js'
import { NetState } from '../net/state.js'
import { connectorAudit } from './audit.js'
import { addEntry, cnAddCallback, cnDelCallback, onControl } from './callbacks.js'
import { carrierOf } from './carrier.js'
import { CQUEUE, cnInput, onCqueue, onCqueueTimer } from './input.js'
import { type ConnectorOptions, checkId, isU32, settingsOf } from './options.js'
import { CN_PROC, onProcControl, PROC_ID, procNotifiers } from './proc_events.js'
import { cnNetlinkSend } from './send.js'
import { ConnectorState, cnCallback, keyOf } from './state.js'

/** A client, for looking. */
export interface CnClient {
  /** Its id. */
  readonly id: CbId
  /** Its name. */
  readonly name: string
  /** The name of its callback. */
  readonly handler: string
  /** Messages that wait for it. */
  readonly waiting: number
}

/** What `kernel.connector` offers to the host. */
export interface ConnectorApi {
  /** See cnAddCallback; a TypeError for a callback that nobody contributes. */
  addCallback(id: CbId, name: string, handler: string): number
  /** See cnDelCallback. */
  delCallback(id: CbId): void
  /** See cnNetlinkSend; a TypeError for what is no message. */
  send(msg: CnMsgFields, group?: number): number
  /** The clients, in the order of their coming. */
  clients(): readonly CnClient[]
  /** How many have asked for process events and not taken it back: may be below 0. */
  listeners(): number
}

/** The name of the control client, and of its callback. */
const CONTROL = 'connector'

const RESERVED: readonly string[] = [CONTROL, CN_PROC, CQUEUE]

function checkMsg(msg: unknown, group: unknown): void {
  const { id, seq = 0, ack = 0, flags = 0, data } = (msg ?? {}) as Partial<CnMsgFields>
  checkId('connector.send', id)
  for (const [name, value] of Object.entries({ seq, ack, flags, group }))
    if (!isU32(value) || (name === 'flags' && value > 0xffff))
      throw new TypeError(`connector.send: ${name} must be an unsigned number, not ${String(value)}`)
  if (data !== undefined && !(data instanceof Uint8Array && data.length <= 0xffff))
    throw new TypeError('connector.send: data must be a Uint8Array of at most 65535 bytes')
}

/** CN_NETLINK_USERS + 0xf: netlink makes it 32. */
const GROUPS = 16

/** The module. Throws a TypeError for options that there are not, and for profiles before 2.6.14. */
export function connector(options: ConnectorOptions = {}) {
  const settings = settingsOf(options)
  const { processEvents, unprivilegedListen } = settings
  const own = Object.entries(options.callbacks ?? {})
  for (const [name] of own)
    if (RESERVED.includes(name)) throw new TypeError(`connector: the callback '${name}' is the module's own`)
  if (processEvents !== false && keyOf(settings.control) === keyOf(PROC_ID))
    throw new TypeError('connector: control must not have the id of the process events')
  return defineModule({
    name: 'connector',
    requires: ['net'],
    init(k) {
      if (!isAtLeast(k.facts.release, '2.6.14'))
        throw new TypeError(`connector: ${k.facts.release} has none: take the profile 2.6.14`)
      const net = k.state.modules.get('net')
      if (!(net instanceof NetState)) throw new TypeError('connector: this kernel has no network')
      const state = new ConnectorState(settings, net)
      addEntry(state, settings.control, 'connector', CONTROL)
      if (processEvents !== false) addEntry(state, PROC_ID, CN_PROC, CN_PROC)
      return state
    },
    attach(k, state) {
      const protocol: NetlinkProtocol = {
        protocol: NETLINK_CONNECTOR,
        groups: GROUPS,
        nonrootRecv: unprivilegedListen,
        input: (_current, _net, _from, data, sent) => cnInput(k, data, sent),
      }
      const api: ConnectorApi = {
        addCallback(id, name, handler) {
          if (!k.workHandlers.has(handler))
            throw new TypeError(`connector: nobody contributes a callback '${handler}'`)
          return cnAddCallback(k, id, String(name), handler)
        },
        delCallback: (id) => cnDelCallback(k, id),
        send(msg, group = 0) {
          checkMsg(msg, group)
          return cnNetlinkSend(k, msg, group)
        },
        clients: () =>
          [...state.entries.values()].map(({ id, name, handler, busy }) => ({
            id,
            name,
            handler,
            waiting: busy,
          })),
        listeners: () => state.listeners,
      }
      return {
        api,
        audit: connectorAudit,
        events: carrierOf(k, state),
        net: { netlink: [protocol] },
        timers: { [CQUEUE]: onCqueueTimer },
        work: {
          [CQUEUE]: onCqueue,
          [CONTROL]: cnCallback(onControl),
          ...(processEvents !== false && { [CN_PROC]: cnCallback(onProcControl) }),
          ...Object.fromEntries(own.map(([name, callback]) => [name, cnCallback(callback)])),
        },
        ...(processEvents !== false && { notify: procNotifiers(state, processEvents) }),
      }
    },
  })
}

export {
  type CbId,
  CN_CBQ_NAMELEN,
  CN_CTL_SIZE,
  CN_IDX_CONNECTOR,
  CN_IDX_PROC,
  CN_MSG_SIZE,
  CN_REQ_SIZE,
  CN_VAL_CONNECTOR,
  CN_VAL_PROC,
  type CnCtlMsg,
  type CnMsg,
  type CnMsgFields,
  type CnNotifyReq,
  CONNECTOR_MAX_MSG_SIZE,
  cnMsg,
  decodeCnCtl,
  decodeCnMsg,
  decodeProcEvent,
  encodeCnCtl,
  encodeCnMsg,
  encodeProcEvent,
  PROC_CN_MCAST_IGNORE,
  PROC_CN_MCAST_LISTEN,
  PROC_EVENT_EXEC,
  PROC_EVENT_EXIT,
  PROC_EVENT_FORK,
  PROC_EVENT_GID,
  PROC_EVENT_NONE,
  PROC_EVENT_UID,
  type ProcAckEvent,
  type ProcEvent,
  type ProcEventBase,
  type ProcEventLayout,
  type ProcExecEvent,
  type ProcExitEvent,
  type ProcForkEvent,
  type ProcGidEvent,
  type ProcUidEvent,
  type ProcUnknownEvent,
  procEventSize,
} from '../abi/connector.js'
export { cnAddCallback, cnDelCallback } from './callbacks.js'
export type { Call, ConnectorCalls, Direct, MirrorCalls, Steps } from './calls.js'
export {
  askForProcesses,
  type ConnectorEvent,
  ConnectorReader,
  type FailedEvent,
  type MessageEvent,
  type Numbered,
  type OverrunEvent,
  openConnector,
  type PublishedEvent,
  sendMessage,
} from './client.js'
export { CN_TEST_ID, type CnTestApi, type CnTestState, cnTest } from './cn_test.js'
export {
  ConnectorEmitter,
  type ConnectorEmitterOptions,
  type ConnectorListeners,
  type ConnectorRun,
  type PublishedListeners,
  type Runnable,
} from './emitter.js'
export { cnReply, type Genealogy, isReply } from './genealogy.js'
export { type MirroredTask, ProcessMirror } from './mirror.js'
export type { ConnectorOptions } from './options.js'
export { cnNetlinkSend } from './send.js'
export { type CnCallback, type CnSender, cnCallback } from './state.js'
