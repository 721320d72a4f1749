/**
 * From programs to clients: what becomes of a datagram that is sent to the kernel, and the queue on which callbacks run.
 * Nothing is ever answered and no error reported. Linux: cn_rx_skb, cn_call_callback (drivers/connector/connector.c),
 * cn_queue_wrapper (cn_queue.c, 2.6.14). Reference §2.6.
 */

import { CONNECTOR_MAX_MSG_SIZE, decodeCnMsg } from '../abi/connector.js'
import { NLMSG_HDRLEN } from '../abi/netlink.js'
import type { KernelCore } from '../kernel/kernel.js'
import { queueWork } from '../kernel/work.js'
import { read32 } from '../lib/nlmsg.js'
import type { NetlinkFrom } from '../net/netlink/protocol.js'
import { shouldFail } from '../sim/faults.js'
import { CnDelivery, type CnSender, type ConnectorState, connectorState, keyOf } from './state.js'

/** The worker, and the timer that it comes by. */
export const CQUEUE = 'connector.cqueue'

/**
 * One datagram: its first message goes to the callback of the id, the rest is not looked at.
 *
 * Dropped are: less than 16 bytes; an nlmsg_len below 20, above the datagram or above 1024; an id that nobody has; what
 * there is no memory for. Deviation: Linux reads a header, and data, behind the end of a datagram that has not got them;
 * here the one is dropped, and the other as `overlong` says.
 */
export function cnInput(k: KernelCore, data: Uint8Array, sent: NetlinkFrom): void {
  if (data.length < NLMSG_HDRLEN) return
  const state = connectorState(k)
  const { leastLength, overlong, delivery } = state.settings
  const length = read32(data, 0, state.net.netlink.byteOrder)
  if (length < leastLength || length > data.length || length > CONNECTOR_MAX_MSG_SIZE) return
  const msg = decodeCnMsg(data.subarray(NLMSG_HDRLEN), state.isLittle)
  if (msg === null || (overlong === 'drop' && msg.data.length < msg.len)) return
  const entry = state.entries.get(keyOf(msg.id))
  if (entry === undefined) return
  if (delivery === 'synchronous') {
    call(k, new CnDelivery(entry, msg, senderOf(sent)))
    return
  }
  if (entry.busy > 0 && shouldFail(k, 'alloc:connector')) return
  entry.busy++
  state.queue.push(new CnDelivery(entry, msg, null))
  arm(k, state)
}

const senderOf = ({ pid: port, credPid: pid, uid, gid, caps }: NetlinkFrom): CnSender => ({
  port,
  pid,
  uid,
  gid,
  caps,
})

function arm(k: KernelCore, state: ConnectorState): void {
  if (state.isArmed) return
  state.isArmed = true
  const { workDelay } = state.settings
  if (workDelay === 0) queueWork(k, CQUEUE, null)
  else k.addTimer(workDelay, CQUEUE, null)
}

/** The timer: the worker comes. */
export const onCqueueTimer = (k: KernelCore): void => queueWork(k, CQUEUE, null)

/** The worker: runs what waits. */
export function onCqueue(k: KernelCore): void {
  const state = connectorState(k)
  state.isArmed = false
  flushCqueue(k, state)
}

/** Runs what waits, oldest first. What a callback throws leaves the others waiting. Linux: flush_workqueue(cqueue). */
export function flushCqueue(k: KernelCore, state: ConnectorState): void {
  try {
    for (let next = state.queue.shift(); next !== undefined; next = state.queue.shift()) {
      try {
        call(k, next)
      } finally {
        next.entry.busy--
      }
    }
  } finally {
    if (state.queue.length > 0) arm(k, state)
  }
}

function call(k: KernelCore, delivery: CnDelivery): void {
  const handler = k.workHandlers.get(delivery.entry.handler)
  if (handler === undefined)
    throw new TypeError(
      `connector: '${delivery.entry.name}' has the callback '${delivery.entry.handler}', which nobody contributes`,
    )
  handler(k, delivery)
}
