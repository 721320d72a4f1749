/**
 * Socks of AF_NETLINK, who they are and how messages reach them: what protocols need. Linux: struct netlink_opt,
 * netlink_unicast, netlink_broadcast, netlink_dump, net/netlink/af_netlink.c (2.2.12, 2.6.14).
 */

import { EAGAIN, ECONNREFUSED, ENOBUFS } from '../../abi/errno.js'
import { NLM_F_MULTI, NLMSG_DONE } from '../../abi/netlink.js'
import { AF_NETLINK } from '../../abi/socket.js'
import type { Task } from '../../kernel/task.js'
import { int32, joinMessages, writeMessage } from '../../lib/nlmsg.js'
import { SkBuff, skbQueueTail, skbSetOwnerR } from '../skbuff.js'
import { Sock, type SockOps, sockDataReady, sockDefWriteSpace, sockErrorReport } from '../sock.js'
import type { NetState } from '../state.js'

/** Messages of a dump that the reader has not had room for. Linux: struct netlink_callback. */
export interface NetlinkDump {
  /** The number of the request that it answers. */
  readonly seq: number
  /** Whole messages, oldest first. */
  readonly rest: Uint8Array[]
}

/** Where a message has come from: the notes of its buffer. Linux: struct netlink_skb_parms. */
export interface NetlinkFrom {
  /** The sender's port; 0 for the kernel. */
  readonly pid: number
  /** The groups that it goes to, as bits. */
  readonly groups: number
  /** Of the sender; zeros for the kernel. */
  readonly credPid: number
  /** The sender's user. */
  readonly uid: number
  /** Its group. */
  readonly gid: number
}

const netlinkSockOps: SockOps = Object.freeze({ name: 'netlink', writeSpace: sockDefWriteSpace })

/** A sock of AF_NETLINK. */
export class NetlinkSock extends Sock {
  /** Its port id; 0 while it has none. */
  pid = 0
  /** The groups that it listens to. */
  groups = 0
  /** Whom it sends to unless told otherwise. */
  dstPid = 0
  /** And to which groups, as bits. */
  dstGroups = 0
  /** A dump that is not over. */
  dump: NetlinkDump | null = null

  constructor(net: NetState, type: number, protocol: number) {
    super(net, netlinkSockOps, AF_NETLINK, type)
    this.protocol = protocol
  }
}

/** All socks of the family. */
export class NetlinkState {
  /** In the order in which they were made. */
  sockets = new Set<NetlinkSock>()
}

/** A protocol of the family: what the kernel does with messages to it. Modules contribute more of them. */
export interface NetlinkProtocol {
  /** NETLINK_*. */
  readonly protocol: number
  /** May anybody listen to groups? Else CAP_NET_ADMIN is wanted. Linux: NL_NONROOT_RECV. */
  readonly nonrootRecv?: boolean
  /** May anybody send to groups? Linux: NL_NONROOT_SEND. */
  readonly nonrootSend?: boolean
  /**
   * One buffer to the kernel, in the sender's sendmsg: any number of messages, checked by nobody. Answers go out with
   * netlinkUnicast and netlinkDump.
   */
  input(current: Task, net: NetState, from: NetlinkSock, data: Uint8Array): void
}

/** The kernel as a sender. */
export const FROM_KERNEL: NetlinkFrom = Object.freeze({ pid: 0, groups: 0, credPid: 0, uid: 0, gid: 0 })

/** The sock of a protocol with a port id, or null. */
export function netlinkLookup(net: NetState, protocol: number, pid: number): NetlinkSock | null {
  if (pid === 0) return null
  for (const sk of net.netlink.sockets) if (sk.protocol === protocol && sk.pid === pid) return sk
  return null
}

/** Puts a message into a sock's queue. Errors: EAGAIN it has no room. */
export function netlinkDeliver(sk: NetlinkSock, data: Uint8Array, from: NetlinkFrom): number {
  if (sk.rmem > sk.rcvbuf) return EAGAIN
  const skb = new SkBuff(data, 0, data.length)
  skb.cb = from
  skbSetOwnerR(skb, sk)
  skbQueueTail(sk.receiveQueue, skb)
  sockDataReady(sk)
  return data.length
}

/** A message from the kernel to one sock: its bytes, ECONNREFUSED nobody has the port, EAGAIN. */
export function netlinkUnicast(net: NetState, protocol: number, pid: number, data: Uint8Array): number {
  const sk = netlinkLookup(net, protocol, pid)
  return sk === null ? ECONNREFUSED : netlinkDeliver(sk, data, FROM_KERNEL)
}

/** Does anybody listen? Says whether a message is worth making. */
export function netlinkHasListeners(net: NetState, protocol: number, groups: number): boolean {
  for (const sk of net.netlink.sockets)
    if (sk.protocol === protocol && (sk.groups & groups) !== 0) return true
  return false
}

/** To all that listen, but not to `except`. One without room hears ENOBUFS. Linux: netlink_broadcast. */
export function netlinkBroadcast(
  net: NetState,
  protocol: number,
  groups: number,
  data: Uint8Array,
  from: NetlinkFrom = FROM_KERNEL,
  except: NetlinkSock | null = null,
): void {
  for (const sk of net.netlink.sockets) {
    if (sk === except || sk.protocol !== protocol || (sk.groups & groups) === 0) continue
    if (netlinkDeliver(sk, data.slice(), { ...from, groups }) >= 0) continue
    sk.err = ENOBUFS
    sockErrorReport(sk)
  }
}

/** Bytes of a buffer of a dump. Linux: NLMSG_GOODSIZE. */
const GOODSIZE = 3776

/** Sends what is next of a dump, at its end NLMSG_DONE. Linux: netlink_dump. */
export function netlinkDumpMore(sk: NetlinkSock): void {
  const { dump } = sk
  if (dump === null || sk.rmem > sk.rcvbuf / 2) return
  let size = 0
  let count = 0
  for (const { length } of dump.rest) {
    if (count > 0 && size + length > GOODSIZE) break
    size += length
    count++
  }
  if (count > 0) {
    netlinkDeliver(sk, joinMessages(dump.rest.splice(0, count)), FROM_KERNEL)
    return
  }
  sk.dump = null
  const header = { type: NLMSG_DONE, flags: NLM_F_MULTI, seq: dump.seq, pid: sk.pid }
  netlinkDeliver(sk, writeMessage(header, int32(0)), FROM_KERNEL)
}

/** Begins a dump of whole messages. EBUSY is up to the caller: `sk.dump` says whether one is going on. */
export function netlinkDumpStart(sk: NetlinkSock, seq: number, messages: Uint8Array[]): void {
  sk.dump = { seq, rest: messages }
  netlinkDumpMore(sk)
}
