/**
 * What protocols that answer requests have in common: the messages of a buffer one after the other, each acknowledged
 * when it wants that or has failed. Linux: rtnetlink_rcv_skb (net/core/rtnetlink.c), netlink_ack
 * (net/netlink/af_netlink.c, 2.2.12, 2.6.14).
 */

import { ENOBUFS } from '../../abi/errno.js'
import { NLM_F_ACK, NLM_F_CAPPED, NLMSG_ERROR } from '../../abi/netlink.js'
import { type NlMessage, readMessages, write32, writeMessage } from '../../lib/nlmsg.js'
import { shouldFail } from '../../sim/faults.js'
import { sockErrorReport } from '../sock.js'
import type { NetState } from '../state.js'
import { netlinkUnicast } from './deliver.js'
import type { NetlinkSock } from './sock.js'

const NO_BYTES = new Uint8Array(0)

/** A message is its own acknowledgement: a dump has begun. */
export const ANSWERED = 1

/**
 * The answer to a request: its header with an error, 0 for none. What an error quotes of the rest, see
 * NetlinkOptions.acks. Without memory for it the socket has the error ENOBUFS. Linux: netlink_ack.
 */
export function netlinkAck(net: NetState, from: NetlinkSock, request: NlMessage, error: number): void {
  if (shouldFail(net.k, 'alloc:skb')) {
    from.err = ENOBUFS
    sockErrorReport(from)
    return
  }
  const { byteOrder, quotesRequests } = net.netlink
  const { seq, body } = request
  const isWhole = quotesRequests && error !== 0 && !from.capAck
  const original = writeMessage(request, isWhole ? body : NO_BYTES, [], byteOrder)
  // The header tells the request's length, also where the request is not all there.
  write32(original, 0, 16 + body.length, byteOrder)
  const fixed = new Uint8Array(4 + original.length)
  write32(fixed, 0, error, byteOrder)
  fixed.set(original, 4)
  const flags = quotesRequests && !isWhole ? NLM_F_CAPPED : 0
  const header = { type: NLMSG_ERROR, flags, seq, pid: from.pid }
  netlinkUnicast(net, from.protocol, from, writeMessage(header, fixed, [], byteOrder))
}

/**
 * Handles the messages of a buffer, up to the first that is cut off. `receive` says 0, ANSWERED or an Errno that the
 * sender hears.
 */
export function netlinkReceive(
  net: NetState,
  from: NetlinkSock,
  data: Uint8Array,
  receive: (message: NlMessage) => number,
): void {
  for (const message of readMessages(data, net.netlink.byteOrder)) {
    const result = receive(message)
    if (result === ANSWERED) continue
    if (result < 0 || (message.flags & NLM_F_ACK) !== 0) netlinkAck(net, from, message, Math.min(result, 0))
  }
}
