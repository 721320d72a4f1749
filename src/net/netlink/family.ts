/**
 * AF_NETLINK: sockets between programs and the kernel, and among programs. Linux: netlink_create, netlink_bind,
 * netlink_sendmsg, netlink_recvmsg and the others of net/netlink/af_netlink.c (2.2.12, 2.6.14).
 */

import { CAP_NET_ADMIN } from '../../abi/capability.js'
import {
  BLOCKED,
  EAGAIN,
  ECONNREFUSED,
  EINVAL,
  EMSGSIZE,
  ENOBUFS,
  ENOENT,
  EOPNOTSUPP,
  EPERM,
  EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
} from '../../abi/errno.js'
import { MAX_LINKS } from '../../abi/netlink.js'
import { isAtLeast } from '../../abi/profile.js'
import {
  AF_NETLINK,
  AF_UNSPEC,
  MSG_DONTWAIT,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  NETLINK_PKTINFO,
  type NlPktinfo,
  SOCK_DGRAM,
  SOCK_RAW,
  SOL_NETLINK,
} from '../../abi/socket.js'
import { pidFor } from '../../kernel/part.js'
import type { Task } from '../../kernel/task.js'
import { deny } from '../../security/deny.js'
import { shouldFail } from '../../sim/faults.js'
import { datagramPoll, recvDatagram } from '../datagram.js'
import { discardScm } from '../msghdr.js'
import { defineSocketOps } from '../no_ops.js'
import { kfreeSkb, skbDequeue } from '../skbuff.js'
import {
  type Msg,
  type NetFamily,
  ScmCookie,
  type Socket,
  type SocketOps,
  SS_CONNECTED,
  SS_UNCONNECTED,
  sockGraft,
  sockOrphan,
  wakeAll,
} from '../sock.js'
import { beginSockCall, sockCall, sockWait } from '../sock_wait.js'
import { SOCKADDR_NL, Sockaddr } from '../sockaddr.js'
import { TO_KERNEL } from './capture.js'
import {
  netlinkBroadcast,
  netlinkBroadcastMask,
  netlinkDeliver,
  netlinkHasRoom,
  netlinkRcvWake,
  netlinkReceiver,
  tap,
} from './deliver.js'
import { netlinkDumpOn } from './dump.js'
import { mayGroup, netlinkGetsockopt, netlinkSetsockopt, protocolOf } from './options.js'
import { groupMask, lowestGroup, type NetlinkFrom } from './protocol.js'
import { NetlinkSock, netlinkInsert, netlinkRemove, netlinkSetGroups, nextRover } from './sock.js'

const skOf = (sock: Socket): NetlinkSock => sock.sk as NetlinkSock

const modern = (sk: NetlinkSock): boolean => isAtLeast(sk.net.k.facts.release, '2.6.14')

const address = (pid: number, groups: number): Sockaddr => {
  const made = new Sockaddr(AF_NETLINK, SOCKADDR_NL)
  made.port = pid
  made.protocol = groups
  return made
}

const lacksAdmin = (current: Task): number => deny(current, EPERM, 'capability', undefined, CAP_NET_ADMIN)

/**
 * A port: the thread's id, or where that is taken one of those that count down from -4097: one after the other for the
 * whole system, before 2.6.14 the first that is free. Linux: netlink_autobind.
 */
function autobind(current: Task, sk: NetlinkSock): void {
  const isModern = modern(sk)
  let pid: number = pidFor(current, current.pid)
  for (let i = 0; netlinkInsert(sk, pid) !== 0; i++) pid = isModern ? nextRover(sk) : (-4097 - i) >>> 0
}

/**
 * The groups of a bind take the place of those below 33. Errors: EINVAL; EPERM groups without CAP_NET_ADMIN; ENOENT
 * groups of a protocol that the kernel does not have (2.6.14); EADDRINUSE. Linux: netlink_bind.
 */
function netlinkBind(current: Task, sock: Socket, to: Sockaddr): number {
  const sk = skOf(sock)
  const isModern = modern(sk)
  if (to.family !== AF_NETLINK || (isModern && to.length < SOCKADDR_NL)) return EINVAL
  if (to.protocol !== 0) {
    if (!mayGroup(current, sk, 'nonrootRecv')) return lacksAdmin(current)
    if (isModern && protocolOf(sk) === undefined) return ENOENT
  }
  if (sk.pid !== 0) {
    if (to.port !== sk.pid) return EINVAL
  } else if (to.port === 0) {
    autobind(current, sk)
  } else {
    const failed = netlinkInsert(sk, to.port)
    if (failed !== 0) return failed
  }
  netlinkSetGroups(sk, to.protocol)
  return 0
}

/** Errors: EINVAL; EPERM groups without CAP_NET_ADMIN. Linux: netlink_connect. */
function netlinkConnect(current: Task, sock: Socket, to: Sockaddr): number {
  const sk = skOf(sock)
  if (to.family === AF_UNSPEC) {
    sock.state = SS_UNCONNECTED
    sk.isConnected = false
    sk.dstPid = 0
    sk.dstGroups = 0
    return 0
  }
  if (to.family !== AF_NETLINK) return EINVAL
  if (to.protocol !== 0 && !mayGroup(current, sk, 'nonrootSend')) return lacksAdmin(current)
  if (sk.pid === 0) autobind(current, sk)
  sock.state = SS_CONNECTED
  sk.isConnected = true
  sk.dstPid = to.port
  sk.dstGroups = modern(sk) ? groupMask(lowestGroup(to.protocol)) : to.protocol
  return 0
}

/** Who the sender is, now. */
function fromOf(current: Task, sk: NetlinkSock, { scm }: Msg, groups: number): NetlinkFrom {
  const { cred, tgid } = current
  return {
    pid: sk.pid,
    group: lowestGroup(groups),
    groups,
    credPid: scm === null ? tgid : scm.pid,
    uid: scm === null ? cred.uid : scm.uid,
    gid: scm === null ? cred.gid : scm.gid,
    caps: cred.capEffective,
  }
}

/** What a send that waits for room remembers: it has gone to its groups. */
class NetlinkSend {
  readonly pid: number
  readonly bytes: Uint8Array
  readonly from: NetlinkFrom

  constructor(pid: number, bytes: Uint8Array, from: NetlinkFrom) {
    this.pid = pid
    this.bytes = bytes
    this.from = from
  }
}

/**
 * To groups, and then to a port of the protocol; 0 is the kernel. The result is the latter's. In 2.6.14 only the lowest
 * group counts.
 *
 * Errors: EOPNOTSUPP MSG_OOB; EINVAL flags (2.2), address; EPERM to groups without CAP_NET_ADMIN; EMSGSIZE; ENOBUFS;
 * ECONNREFUSED nobody has the port; while the receiver has no room EAGAIN with MSG_DONTWAIT, EINTR or a restart for a
 * signal. Linux: netlink_sendmsg.
 */
function netlinkSendmsg(current: Task, sock: Socket, msg: Msg, flags: number): number {
  const sk = skOf(sock)
  const begun = sockCall(current)?.extra
  if (begun instanceof NetlinkSend) return sendTo(current, sk, begun, flags)
  const isModern = modern(sk)
  if ((flags & MSG_OOB) !== 0) return EOPNOTSUPP
  if (!isModern && (flags & ~MSG_DONTWAIT) !== 0) return EINVAL
  const { name, data } = msg
  if (name !== null && name.family !== AF_NETLINK) return EINVAL
  const pid = name?.port ?? sk.dstPid
  const mask = name?.protocol ?? sk.dstGroups
  const groups = isModern ? groupMask(lowestGroup(mask)) : mask
  if (name !== null && groups !== 0 && !mayGroup(current, sk, 'nonrootSend')) return lacksAdmin(current)
  if (sk.pid === 0) autobind(current, sk)
  if (data.length > sk.sndbuf - 32) return EMSGSIZE
  if (shouldFail(sk.net.k, 'alloc:skb')) return ENOBUFS
  const send = new NetlinkSend(pid, data.slice(), fromOf(current, sk, msg, groups))
  if (groups !== 0) sendToGroups(sk, send, isModern)
  return sendTo(current, sk, send, flags)
}

function sendToGroups(sk: NetlinkSock, { pid, bytes, from }: NetlinkSend, isModern: boolean): void {
  const { net, protocol } = sk
  if (isModern) netlinkBroadcast(net, protocol, from.group, bytes, from, sk, pid)
  else netlinkBroadcastMask(net, protocol, from.groups, bytes, from, sk, pid)
}

/** To the port, when its owner has room. Linux: netlink_unicast, netlink_attachskb. */
function sendTo(current: Task, sk: NetlinkSock, send: NetlinkSend, flags: number): number {
  const { pid, bytes, from } = send
  if (pid === 0) {
    const kernel = protocolOf(sk)
    if (kernel?.input === undefined) return ECONNREFUSED
    tap(sk, TO_KERNEL, bytes)
    kernel.input(current, sk.net, sk, bytes, from)
    return bytes.length
  }
  const other = netlinkReceiver(sk, pid, bytes, from)
  if (typeof other === 'number') return other
  if (netlinkHasRoom(other)) return netlinkDeliver(other, sk, bytes, from)
  if ((flags & MSG_DONTWAIT) !== 0) return EAGAIN
  beginSockCall(current, sk.sndtimeo).extra = send
  return sockWait(current, other.room, sk.sndtimeo)
}

/**
 * One message; what does not fit is lost and sets MSG_TRUNC. An error that waits comes before what waits.
 * Linux: netlink_recvmsg.
 */
function netlinkRecvmsg(current: Task, sock: Socket, msg: Msg, flags: number): number {
  const sk = skOf(sock)
  if ((flags & MSG_OOB) !== 0) return EOPNOTSUPP
  const skb = recvDatagram(current, sk, flags)
  if (typeof skb === 'number') {
    if (skb !== BLOCKED) netlinkRcvWake(sk)
    return skb
  }
  const count = Math.min(msg.data.length, skb.len)
  if (count < skb.len) msg.flags |= MSG_TRUNC
  msg.data.set(count === skb.data.length ? skb.data : skb.data.subarray(0, count))
  const from = skb.cb as NetlinkFrom
  if (msg.wantsName) msg.name = address(from.pid, from.groups)
  const scm = new ScmCookie()
  scm.pid = from.credPid
  scm.uid = from.uid
  scm.gid = from.gid
  msg.scm = scm
  if (msg.control === null) discardScm(current, sock, msg)
  else if (sk.hasPktinfo) {
    const info: NlPktinfo = { level: SOL_NETLINK, type: NETLINK_PKTINFO, group: from.group }
    msg.control.push(info)
  }
  if ((flags & MSG_PEEK) === 0) kfreeSkb(skb)
  netlinkDumpOn(sk)
  netlinkRcvWake(sk)
  return count
}

/** Who waits for room hears ECONNREFUSED. Linux: netlink_release. */
function netlinkRelease(sock: Socket): void {
  const { sk } = sock
  sock.sk = null
  if (!(sk instanceof NetlinkSock)) return
  netlinkRemove(sk)
  sk.dump = null
  for (let skb = skbDequeue(sk.receiveQueue); skb !== null; skb = skbDequeue(sk.receiveQueue)) kfreeSkb(skb)
  sockOrphan(sk)
  wakeAll(sk.room)
  if (sk.pid !== 0 && sk.memberOf.size === 0) protocolOf(sk)?.released?.(sk.net, sk.pid)
}

/** Linux: netlink_ops. */
export const netlinkOps: SocketOps = defineSocketOps({
  name: 'netlink',
  release: netlinkRelease,
  bind: netlinkBind,
  connect: netlinkConnect,
  getname: (sock, peer) => {
    const sk = skOf(sock)
    return peer ? address(sk.dstPid, sk.dstGroups) : address(sk.pid, sk.groups)
  },
  poll: datagramPoll,
  sendmsg: netlinkSendmsg,
  setsockopt: netlinkSetsockopt,
  getsockopt: netlinkGetsockopt,
  recvmsg: netlinkRecvmsg,
})

/** Linux: netlink_family_ops. */
export const netlinkFamily: NetFamily = Object.freeze({
  family: AF_NETLINK,

  /** Errors: ESOCKTNOSUPPORT, EPROTONOSUPPORT, ENOBUFS. Linux: netlink_create. */
  create(_current, net, sock, protocol) {
    sock.state = SS_UNCONNECTED
    if (sock.type !== SOCK_RAW && sock.type !== SOCK_DGRAM) return ESOCKTNOSUPPORT
    if (protocol < 0 || protocol >= MAX_LINKS) return EPROTONOSUPPORT
    if (shouldFail(net.k, 'alloc:sock')) return ENOBUFS
    const sk = new NetlinkSock(net, sock.type, protocol)
    sock.ops = netlinkOps
    net.netlink.sockets.add(sk)
    sockGraft(sk, sock)
    return 0
  },
} satisfies NetFamily)
