/**
 * How messages reach socks of AF_NETLINK: to a port, or to all who listen to a group. What subsystems send with.
 *
 * A message to a port that has no room waits with its sender, or fails; a message to a group is lost to those without
 * room, who hear ENOBUFS once and nothing more until they have read all that they have.
 * Linux: netlink_unicast, netlink_broadcast, netlink_overrun, netlink_rcv_wake, net/netlink/af_netlink.c (2.6.14).
 *
 * The bytes of a message are shared by all that get it: who has sent them may not change them any more.
 */

import { EAGAIN, ECONNREFUSED, ENOBUFS, ESRCH } from '../../abi/errno.js'
import { isAtLeast } from '../../abi/profile.js'
import type { Task } from '../../kernel/task.js'
import { wakeUp } from '../../kernel/wait.js'
import { shouldFail } from '../../sim/faults.js'
import { SkBuff, skbQueueTail, skbSetOwnerR } from '../skbuff.js'
import { sockDataReady, sockErrorReport } from '../sock.js'
import type { NetState } from '../state.js'
import { BETWEEN_PROGRAMS, captureMessage, FROM_THE_KERNEL, TO_A_GROUP } from './capture.js'
import { FROM_KERNEL, groupMask, type NetlinkFrom } from './protocol.js'
import { type NetlinkSock, netlinkLookup } from './sock.js'

/** Is there room for one message more, however long? */
export const netlinkHasRoom = (sk: NetlinkSock): boolean => sk.rmem <= sk.rcvbuf && !sk.congested

/** Does a connected sock refuse what others than its peer send? */
export function netlinkRefuses(sk: NetlinkSock, pid: number): boolean {
  if (isAtLeast(sk.net.k.facts.release, '2.6.14')) return sk.isConnected && sk.dstPid !== pid
  return sk.dstPid !== 0 && sk.dstPid !== pid
}

/** A buffer for a sock, not charged to anybody. */
function bufferFor(data: Uint8Array, from: NetlinkFrom, sender: NetlinkSock | null): SkBuff {
  const skb = new SkBuff(data, 0, data.length)
  skb.cb = from
  if (sender !== null) skb.routeKey = sender.routeKey
  return skb
}

/** May the sock have the message, as modules see it? Those of the kernel are everybody's. */
function mayHave(sk: NetlinkSock, data: Uint8Array, from: NetlinkFrom, sender: NetlinkSock | null): boolean {
  const { k } = sk.net
  if (sender === null || !k.hooked.has('sockDeliver')) return true
  return k.security.sockDeliver(sk, bufferFor(data, from, sender)) === 0
}

/** Captures see the message. */
export function tap({ net, protocol }: NetlinkSock, kind: number, data: Uint8Array): void {
  if (net.netlink.captures.running.length > 0) captureMessage(net, protocol, kind, data)
}

function queue(sk: NetlinkSock, skb: SkBuff): void {
  skbSetOwnerR(skb, sk)
  skbQueueTail(sk.receiveQueue, skb)
  sockDataReady(sk)
}

/** Puts a message into a sock's queue, room or not. */
export function netlinkQueue(sk: NetlinkSock, data: Uint8Array, truesize = 0): void {
  tap(sk, FROM_THE_KERNEL, data)
  const skb = bufferFor(data, FROM_KERNEL, null)
  if (truesize > skb.truesize) skb.truesize = truesize
  queue(sk, skb)
}

/** A message has been lost. Only the first makes an error. Linux: netlink_overrun. */
function overrun(sk: NetlinkSock): void {
  if (sk.congested || sk.noEnobufs) return
  sk.congested = true
  sk.err = ENOBUFS
  sockErrorReport(sk)
}

/** A receive is over: senders may go on, after a loss when all has been read. Linux: netlink_rcv_wake. */
export function netlinkRcvWake(sk: NetlinkSock): void {
  if (sk.receiveQueue.length === 0) sk.congested = false
  if (!sk.congested && sk.room.head !== null) wakeUp(sk.room)
}

/**
 * Who would get a message of `sender` to a port: ECONNREFUSED nobody. In spaces of ports that are not the sender's too,
 * if modules let it. Linux: netlink_getsockbypid.
 */
export function netlinkReceiver(
  sender: NetlinkSock,
  pid: number,
  data: Uint8Array,
  from: NetlinkFrom,
): NetlinkSock | number {
  const { net, protocol, portSpace } = sender
  const { rovers } = net.netlink
  let sk = netlinkLookup(net, protocol, pid, portSpace)
  if (sk !== null && !mayHave(sk, data, from, sender)) sk = null
  if (sk === null && rovers.size > 1) {
    for (const space of rovers.keys()) {
      if (space === portSpace) continue
      sk = netlinkLookup(net, protocol, pid, space)
      if (sk !== null && mayHave(sk, data, from, sender)) break
      sk = null
    }
  }
  return sk === null || netlinkRefuses(sk, sender.pid) ? ECONNREFUSED : sk
}

/** Who has a port, whatever its space. */
function ownerOf(net: NetState, protocol: number, pid: number): NetlinkSock | null {
  for (const space of net.netlink.rovers.keys()) {
    const sk = netlinkLookup(net, protocol, pid, space)
    if (sk !== null) return sk
  }
  return null
}

/** Puts a message of `sender` into the queue of who gets it, which must have room. */
export function netlinkDeliver(
  sk: NetlinkSock,
  sender: NetlinkSock,
  data: Uint8Array,
  from: NetlinkFrom,
): number {
  tap(sk, BETWEEN_PROGRAMS, data)
  queue(sk, bufferFor(data, from, sender))
  return data.length
}

/**
 * A message from the kernel to a port of a protocol, or to the sock that has asked: its bytes. The kernel does not wait:
 * without room the message is lost. Answers go to the sock: where modules have spaces of ports, several may have the
 * same port.
 *
 * Errors: ECONNREFUSED nobody has the port, it has been closed, or its owner is connected elsewhere; EAGAIN no room.
 * Linux: netlink_unicast with MSG_DONTWAIT.
 */
export function netlinkUnicast(
  net: NetState,
  protocol: number,
  to: number | NetlinkSock,
  data: Uint8Array,
): number {
  const sk = typeof to === 'number' ? ownerOf(net, protocol, to) : to
  if (sk === null || sk.dead || netlinkRefuses(sk, 0)) return ECONNREFUSED
  if (!netlinkHasRoom(sk)) return EAGAIN
  tap(sk, FROM_THE_KERNEL, data)
  queue(sk, bufferFor(data, FROM_KERNEL, null))
  return data.length
}

/** Does anybody listen to a group? Says whether a message is worth making. Linux: netlink_has_listeners (2.6.16). */
export const netlinkHasListeners = (net: NetState, protocol: number, group: number): boolean =>
  net.netlink.tables.get(protocol)?.listeners.has(group) === true

/** Does a module keep what happens to a task from a sock? */
function isHidden(sk: NetlinkSock, about: Task): boolean {
  const { k } = sk.net
  return k.hooked.has('eventVisible') && k.security.eventVisible(sk, about) !== 0
}

/** One broadcast under way. */
class Broadcast {
  readonly data: Uint8Array
  readonly from: NetlinkFrom
  readonly sender: NetlinkSock | null
  readonly dstPid: number
  /** The task that it tells of, if it tells of one: not everybody may hear of it. */
  readonly about: Task | null
  /** There was no memory: all who are left lose the message. */
  failed = false
  delivered = false
  /** Have captures seen it? */
  isSeen = false
  /** One who has lost it wants its sender to know. */
  mustTell = false

  constructor(
    data: Uint8Array,
    from: NetlinkFrom,
    sender: NetlinkSock | null,
    dstPid: number,
    about: Task | null = null,
  ) {
    this.about = about
    this.data = data
    this.from = from
    this.sender = sender
    this.dstPid = dstPid
  }

  /** Linux: do_one_broadcast. */
  to(sk: NetlinkSock): void {
    if (sk === this.sender || sk.pid === this.dstPid) return
    if (this.about !== null && isHidden(sk, this.about)) return
    if (!mayHave(sk, this.data, this.from, this.sender)) return
    if (!this.isSeen) {
      this.isSeen = true
      tap(sk, this.sender === null ? FROM_THE_KERNEL : TO_A_GROUP, this.data)
    }
    this.failed ||= shouldFail(sk.net.k, 'alloc:skb')
    if (this.failed || !netlinkHasRoom(sk)) {
      overrun(sk)
      this.mustTell ||= sk.broadcastError
      return
    }
    queue(sk, bufferFor(this.data, this.from, this.sender))
    this.delivered = true
  }

  /** What the sender is told. */
  get result(): number {
    if (this.mustTell) return ENOBUFS
    if (this.delivered) return 0
    return this.failed ? ENOBUFS : ESRCH
  }
}

/**
 * A message to all that listen to a group, by its number. Not to `sender`, if it has one, nor to the port `dstPid`: it
 * gets the message by itself. A sock without a port has port 0, and hears nothing of what goes to the kernel too.
 *
 * `about` is a task that the message tells of: the hook eventVisible says who may hear of it.
 *
 * `from` without a sender is the kernel. 0, or ESRCH when nobody has got it, ENOBUFS when there was no memory or one
 * with NETLINK_BROADCAST_ERROR has lost it.
 * Linux: netlink_broadcast.
 */
export function netlinkBroadcast(
  net: NetState,
  protocol: number,
  group: number,
  data: Uint8Array,
  from: NetlinkFrom = FROM_KERNEL,
  sender: NetlinkSock | null = null,
  dstPid = 0,
  about: Task | null = null,
): number {
  const members = net.netlink.tables.get(protocol)?.listeners.get(group)
  if (members === undefined) return ESRCH
  const run = new Broadcast(data, { ...from, group, groups: groupMask(group) }, sender, dstPid, about)
  for (const sk of members) run.to(sk)
  return run.result
}

/** As `netlinkBroadcast`, to several groups as bits: before 2.6.14 there were only these. */
export function netlinkBroadcastMask(
  net: NetState,
  protocol: number,
  groups: number,
  data: Uint8Array,
  from: NetlinkFrom = FROM_KERNEL,
  sender: NetlinkSock | null = null,
  dstPid = 0,
): number {
  const table = net.netlink.tables.get(protocol)
  if (table === undefined) return ESRCH
  const run = new Broadcast(data, { ...from, groups: groups >>> 0 }, sender, dstPid)
  const heard = new Set<NetlinkSock>()
  for (const [group, members] of table.listeners)
    if ((groups & groupMask(group)) !== 0) for (const sk of members) heard.add(sk)
  for (const sk of heard) run.to(sk)
  return run.result
}
