/**
 * Dumps: answers of many messages, which come as fast as the reader reads. One at a time for a socket.
 * Linux: netlink_dump_start, netlink_dump, net/netlink/af_netlink.c (2.2.12, 2.6.14).
 *
 * Deviation: what a dump tells is what there was when it was asked for; Linux looks anew for each buffer.
 */

import { EBUSY } from '../../abi/errno.js'
import { NLM_F_MULTI, NLMSG_DONE } from '../../abi/netlink.js'
import { bytes32, joinMessages, writeMessage } from '../../lib/nlmsg.js'
import { SKB_OVERHEAD } from '../skbuff.js'
import { netlinkQueue } from './deliver.js'
import type { NetlinkSock } from './sock.js'

/** Messages of a dump that the reader has not had room for. Linux: struct netlink_callback. */
export interface NetlinkDump {
  /** The number of the request that it answers. */
  readonly seq: number
  /** Whole messages, oldest first. */
  readonly rest: Uint8Array[]
}

/** What a buffer of a dump costs: a page. */
const DUMP_TRUESIZE = 4096
/** Bytes that it holds. Linux: NLMSG_GOODSIZE. */
const GOODSIZE = DUMP_TRUESIZE - SKB_OVERHEAD

/** After a receive: is there room for more of a dump? */
export function netlinkDumpOn(sk: NetlinkSock): void {
  if (sk.dump !== null && sk.rmem <= sk.rcvbuf / 2) netlinkDumpMore(sk)
}

/** Sends what is next of a dump, at its end NLMSG_DONE. Linux: netlink_dump. */
function netlinkDumpMore(sk: NetlinkSock): void {
  const { dump } = sk
  if (dump === null) return
  let size = 0
  let count = 0
  for (const { length } of dump.rest) {
    if (count > 0 && size + length > GOODSIZE) break
    size += (length + 3) & ~3
    count++
  }
  if (count > 0) {
    netlinkQueue(sk, joinMessages(dump.rest.splice(0, count)), DUMP_TRUESIZE)
    return
  }
  sk.dump = null
  const { byteOrder } = sk.net.netlink
  const header = { type: NLMSG_DONE, flags: NLM_F_MULTI, seq: dump.seq, pid: sk.pid }
  netlinkQueue(sk, writeMessage(header, bytes32(0, byteOrder), [], byteOrder), DUMP_TRUESIZE)
}

/** Begins a dump of whole messages: 0. Errors: EBUSY the socket's last one is not over. Linux: netlink_dump_start. */
export function netlinkDumpStart(sk: NetlinkSock, seq: number, messages: readonly Uint8Array[]): number {
  if (sk.dump !== null) return EBUSY
  sk.dump = { seq, rest: [...messages] }
  if (sk.rmem < sk.rcvbuf) netlinkDumpMore(sk)
  return 0
}
