/** From the kernel to programs. Linux: cn_netlink_send, drivers/connector/connector.c (2.6.14). Reference §2.5. */

import { CN_MSG_SIZE, type CnMsgFields, cnMsg, putCnMsg } from '../abi/connector.js'
import { ENODEV, ENOMEM, ESRCH } from '../abi/errno.js'
import { NETLINK_CONNECTOR, NLMSG_DONE, NLMSG_HDRLEN } from '../abi/netlink.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { Task } from '../kernel/task.js'
import { netlinkBroadcast, netlinkHasListeners } from '../net/netlink/deliver.js'
import { FROM_KERNEL } from '../net/netlink/protocol.js'
import { shouldFail } from '../sim/faults.js'
import { type ConnectorState, connectorState, keyOf } from './state.js'

/** Where the data of a message begin. */
export const DATA = NLMSG_HDRLEN + CN_MSG_SIZE

const align4 = (length: number): number => (length + 3) & ~3

/** Writes the header of netlink for a message of `len` bytes. */
export function putHeader(view: DataView, len: number, seq: number, isLittle: boolean): void {
  view.setUint32(0, len, isLittle)
  view.setUint16(4, NLMSG_DONE, isLittle)
  view.setUint32(8, seq, isLittle)
}

/** To a group, whoever listens. What `netlinkBroadcast` says. */
export const broadcast = (
  state: ConnectorState,
  group: number,
  bytes: Uint8Array,
  about: Task | null,
): number => netlinkBroadcast(state.net, NETLINK_CONNECTOR, group, bytes, FROM_KERNEL, null, 0, about)

/** Does anybody listen to a group? */
export const isHeard = (state: ConnectorState, group: number): boolean =>
  netlinkHasListeners(state.net, NETLINK_CONNECTOR, group)

/**
 * Sends a message to a group: 0, whoever hears it. With group 0 it goes to that of the client with this very id. The bytes
 * behind the data, up to a multiple of four, are zeros. `about` is a task that it tells of: who may not see that does not
 * hear of it. In any context.
 *
 * Errors: ENODEV group 0, and no such client; ENOMEM; ESRCH nobody listens, with `saysNobodyListens`. Throws a
 * RangeError for more than 65535 bytes of data.
 */
export function cnNetlinkSend(
  k: KernelCore,
  fields: CnMsgFields,
  group = 0,
  about: Task | null = null,
): number {
  const state = connectorState(k)
  const to = group === 0 ? state.entries.get(keyOf(fields.id))?.group : group
  if (to === undefined) return ENODEV
  const msg = cnMsg(fields)
  const { saysNobodyListens, nlmsgLength } = state.settings
  const isHeardNow = isHeard(state, to)
  if (saysNobodyListens && !isHeardNow) return ESRCH
  if (shouldFail(k, 'alloc:skb')) return ENOMEM
  if (!isHeardNow) return 0
  const bytes = new Uint8Array(align4(DATA + msg.data.length))
  const view = new DataView(bytes.buffer)
  const { isLittle } = state
  const length = nlmsgLength === 'padded' ? bytes.length : DATA + msg.data.length
  putHeader(view, length, msg.seq, isLittle)
  putCnMsg(view, NLMSG_HDRLEN, { ...msg, len: msg.data.length }, isLittle)
  bytes.set(msg.data, DATA)
  const result = broadcast(state, to, bytes, about)
  return saysNobodyListens ? result : 0
}
