/**
 * AF_NETLINK: sockets between programs and the kernel, and among programs. Linux: netlink_create, netlink_bind,
 * netlink_sendmsg, netlink_recvmsg and the others of net/netlink/af_netlink.c (2.2.12, 2.6.14).
 */

import { CAP_NET_ADMIN } from '../../abi/capability.js'
import {
  EADDRINUSE,
  ECONNREFUSED,
  EINVAL,
  EMSGSIZE,
  ENOBUFS,
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
  SOCK_DGRAM,
  SOCK_RAW,
} from '../../abi/socket.js'
import type { Task } from '../../kernel/task.js'
import { capable } from '../../security/capability.js'
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
} from '../sock.js'
import { SOCKADDR_NL, Sockaddr } from '../sockaddr.js'
import {
  type NetlinkFrom,
  NetlinkSock,
  netlinkBroadcast,
  netlinkDeliver,
  netlinkDumpMore,
  netlinkLookup,
} from './sock.js'

const skOf = (sock: Socket): NetlinkSock => sock.sk as NetlinkSock

const modern = (sk: NetlinkSock): boolean => isAtLeast(sk.net.k.facts.release, '2.6.14')

const address = (pid: number, groups: number): Sockaddr => {
  const made = new Sockaddr(AF_NETLINK, SOCKADDR_NL)
  made.port = pid
  made.protocol = groups
  return made
}

const lacksAdmin = (current: Task): number => deny(current, EPERM, 'capability', undefined, CAP_NET_ADMIN)

/** May the task listen or send to groups? */
function mayGroup(
  current: Task,
  sk: NetlinkSock,
  groups: number,
  to: 'nonrootRecv' | 'nonrootSend',
): boolean {
  const protocol = sk.net.registry.netlink.get(sk.protocol)
  return groups === 0 || protocol?.[to] === true || capable(current, CAP_NET_ADMIN)
}

/** A port id of the sender's pid, or where that is taken one from the end. Linux: netlink_autobind. */
function autobind(current: Task, sk: NetlinkSock): void {
  let pid = current.tgid
  for (let i = 0; netlinkLookup(sk.net, sk.protocol, pid) !== null; i++) pid = (-4097 - i) >>> 0
  sk.pid = pid
}

/** Errors: EINVAL; EPERM groups without CAP_NET_ADMIN; EADDRINUSE. Linux: netlink_bind. */
function netlinkBind(current: Task, sock: Socket, to: Sockaddr): number {
  const sk = skOf(sock)
  if (to.family !== AF_NETLINK || (modern(sk) && to.length < SOCKADDR_NL)) return EINVAL
  if (!mayGroup(current, sk, to.protocol, 'nonrootRecv')) return lacksAdmin(current)
  if (sk.pid !== 0) {
    if (to.port !== sk.pid) return EINVAL
  } else if (to.port === 0) {
    autobind(current, sk)
  } else {
    if (netlinkLookup(sk.net, sk.protocol, to.port) !== null) return EADDRINUSE
    sk.pid = to.port
  }
  sk.groups = to.protocol
  return 0
}

/** Errors: EINVAL; EPERM groups without CAP_NET_ADMIN. Linux: netlink_connect. */
function netlinkConnect(current: Task, sock: Socket, to: Sockaddr): number {
  const sk = skOf(sock)
  if (to.family === AF_UNSPEC) {
    sock.state = SS_UNCONNECTED
    sk.dstPid = 0
    sk.dstGroups = 0
    return 0
  }
  if (to.family !== AF_NETLINK) return EINVAL
  if (!mayGroup(current, sk, to.protocol, 'nonrootSend')) return lacksAdmin(current)
  if (sk.pid === 0) autobind(current, sk)
  sock.state = SS_CONNECTED
  sk.dstPid = to.port
  sk.dstGroups = to.protocol
  return 0
}

/** The credentials that a receiver sees. */
function fromOf(current: Task, sk: NetlinkSock, { scm }: Msg): NetlinkFrom {
  const { pid, groups } = sk
  if (scm !== null) return { pid, groups, credPid: scm.pid, uid: scm.uid, gid: scm.gid }
  return { pid, groups, credPid: current.tgid, uid: current.cred.uid, gid: current.cred.gid }
}

/**
 * To a port of the protocol; 0 is the kernel. Errors: EOPNOTSUPP MSG_OOB; EINVAL flags (2.2), address; EPERM to groups
 * without CAP_NET_ADMIN; EMSGSIZE; ECONNREFUSED nobody has the port; EAGAIN; ENOBUFS. Linux: netlink_sendmsg.
 */
function netlinkSendmsg(current: Task, sock: Socket, msg: Msg, flags: number): number {
  const sk = skOf(sock)
  const { net, protocol } = sk
  if ((flags & MSG_OOB) !== 0) return EOPNOTSUPP
  if (!modern(sk) && (flags & ~MSG_DONTWAIT) !== 0) return EINVAL
  const { name, data } = msg
  if (name !== null && name.family !== AF_NETLINK) return EINVAL
  const pid = name?.port ?? sk.dstPid
  const groups = name?.protocol ?? sk.dstGroups
  if (name !== null && !mayGroup(current, sk, groups, 'nonrootSend')) return lacksAdmin(current)
  if (sk.pid === 0) autobind(current, sk)
  if (data.length > sk.sndbuf - 32) return EMSGSIZE
  if (shouldFail(net.k, 'alloc:skb')) return ENOBUFS
  const bytes = data.slice()
  const from = fromOf(current, sk, msg)
  if (groups !== 0) netlinkBroadcast(net, protocol, groups, bytes, from, sk)
  if (pid === 0) {
    const kernel = net.registry.netlink.get(protocol)
    if (kernel === undefined) return ECONNREFUSED
    kernel.input(current, net, sk, bytes)
    return data.length
  }
  const other = netlinkLookup(net, protocol, pid)
  if (other === null || (other.dstPid !== 0 && other.dstPid !== sk.pid)) return ECONNREFUSED
  return netlinkDeliver(other, bytes, from)
}

/** Bytes received; what does not fit is lost and sets MSG_TRUNC. Linux: netlink_recvmsg. */
function netlinkRecvmsg(current: Task, sock: Socket, msg: Msg, flags: number): number {
  const sk = skOf(sock)
  if ((flags & MSG_OOB) !== 0) return EOPNOTSUPP
  const skb = recvDatagram(current, sk, flags)
  if (typeof skb === 'number') return skb
  const count = Math.min(msg.data.length, skb.len)
  if (count < skb.len) msg.flags |= MSG_TRUNC
  msg.data.set(skb.data.subarray(0, count))
  const from = skb.cb as NetlinkFrom
  if (msg.wantsName) msg.name = address(from.pid, from.groups)
  const scm = new ScmCookie()
  scm.pid = from.credPid
  scm.uid = from.uid
  scm.gid = from.gid
  msg.scm = scm
  if (msg.control === null) discardScm(current, sock, msg)
  if ((flags & MSG_PEEK) === 0) kfreeSkb(skb)
  netlinkDumpMore(sk)
  return count
}

/** Linux: netlink_release. */
function netlinkRelease(sock: Socket): void {
  const { sk } = sock
  sock.sk = null
  if (!(sk instanceof NetlinkSock)) return
  sk.net.netlink.sockets.delete(sk)
  sk.dump = null
  for (let skb = skbDequeue(sk.receiveQueue); skb !== null; skb = skbDequeue(sk.receiveQueue)) kfreeSkb(skb)
  sockOrphan(sk)
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
