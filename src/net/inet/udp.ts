/**
 * UDP. Linux: udp_sendmsg, udp_recvmsg, udp_rcv, udp_v4_lookup, udp_err, net/ipv4/udp.c; ip4_datagram_connect,
 * net/ipv4/datagram.c (2.2.12, 2.6.14).
 */

import {
  EACCES,
  EAFNOSUPPORT,
  EAGAIN,
  EDESTADDRREQ,
  EHOSTUNREACH,
  EINVAL,
  EMSGSIZE,
  ENOBUFS,
  ENOTCONN,
  EOPNOTSUPP,
  EPERM,
  EPIPE,
  EPROTO,
  type Errno,
  isErr,
} from '../../abi/errno.js'
import { IFF_LOOPBACK } from '../../abi/if.js'
import { FIONREAD, TIOCOUTQ } from '../../abi/ioctl.js'
import { isAtLeast } from '../../abi/profile.js'
import {
  AF_INET,
  AF_UNSPEC,
  IP_PMTUDISC_DO,
  IP_PMTUDISC_DONT,
  IPPROTO_UDP,
  MSG_DONTROUTE,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
} from '../../abi/socket.js'
import type { Task } from '../../kernel/task.js'
import { deny } from '../../security/deny.js'
import { shouldFail } from '../../sim/faults.js'
import { putInt } from '../../vfs/ioctl_arg.js'
import { csumFold, csumPartial, csumPseudo } from '../checksum.js'
import { datagramPoll, recvDatagram } from '../datagram.js'
import {
  kfreeSkb,
  type SkBuff,
  skbClone,
  skbDequeue,
  skbQueueTail,
  skbSetOwnerR,
  skbSetOwnerW,
} from '../skbuff.js'
import {
  type Msg,
  SEND_SHUTDOWN,
  SOCK_NOSPACE,
  type Sock,
  sockDataReady,
  sockDefWriteSpace,
  sockError,
  sockErrorReport,
  TCP_CLOSE,
  TCP_ESTABLISHED,
} from '../sock.js'
import { sockWait } from '../sock_wait.js'
import { inetAddr, SOCKADDR_IN, type Sockaddr } from '../sockaddr.js'
import type { NetState } from '../state.js'
import { inetAutobind } from './bind.js'
import { pktinfoOf, sendPktinfo } from './cmsg.js'
import { ICMP_ERRORS } from './icmp_errors.js'
import {
  ICMP_DEST_UNREACH,
  ICMP_FRAG_NEEDED,
  ICMP_PARAMETERPROB,
  ICMP_PORT_UNREACH,
  ICMP_SOURCE_QUENCH,
  icmpSend,
} from './icmp_send.js'
import { be16, ipDaddr, ipHlen, ipSaddr, isMulticast, put16 } from './ip.js'
import { FIREWALLED, ipAllocSkb, ipLocalOut, ipPushHeader } from './ip_output.js'
import { getPort, hashPort, unhashPort } from './ports.js'
import { ipRouteOutput, routeHolds, routeRefused } from './route.js'
import { type Route, RTN_BROADCAST, RTN_MULTICAST } from './route_types.js'
import { BINDADDR_LOCK, BINDPORT_LOCK, type InetProto, type InetProtocol, InetSock } from './sock.js'

/** Bytes of a UDP header. */
const UDP_HLEN = 8
/** The longest datagram with its header and IP's. */
const MAX_IP = 0xffff

const modern = (sk: InetSock): boolean => isAtLeast(sk.net.k.facts.release, '2.6.14')

// ---- sending -------------------------------------------------------------------------------------------------

/** The route to a destination, the kept one where that still holds. EACCES: to all without SO_BROADCAST. */
export function routeTo(
  current: Task,
  sk: InetSock,
  daddr: number,
  saddr: number,
  oif: number,
  isConnected: boolean,
): Route | Errno {
  if (isConnected && routeHolds(sk.net, sk.route)) return sk.route
  const route = ipRouteOutput(sk.net, {
    dst: daddr,
    src: saddr,
    tos: sk.tos & 0x1c,
    oif,
    iif: 0,
    mark: 0,
    key: sk.routeKey,
  })
  if (isErr(route)) return routeRefused(current, route)
  if (route.type === RTN_BROADCAST && !sk.broadcast)
    return deny(current, EACCES, 'state', undefined, 'the socket may not send to all: SO_BROADCAST is off')
  if (isConnected) sk.route = route
  return route
}

/** To whom: an address of the message, or the peer. Errors differ between 2.2 and 2.6. */
function destinationOf(sk: InetSock, name: Sockaddr | null): Sockaddr | Errno {
  if (name === null) {
    if (sk.state === TCP_ESTABLISHED) return inetAddr(sk.daddr, sk.dport)
    return modern(sk) ? EDESTADDRREQ : ENOTCONN
  }
  if (name.length < SOCKADDR_IN) return EINVAL
  if (name.family !== AF_INET && name.family !== AF_UNSPEC) return modern(sk) ? EAFNOSUPPORT : EINVAL
  return name.port === 0 ? EINVAL : name
}

/** Has the sock room for another packet? Sleeps for it. 0, BLOCKED or an Errno. Linux: sock_alloc_send_skb. */
export function waitForRoom(current: Task, sk: Sock, flags: number): number {
  const error = sockError(sk)
  if (error !== 0) return error
  if ((sk.shutdown & SEND_SHUTDOWN) !== 0) return EPIPE
  if (sk.wmem < sk.sndbuf) return shouldFail(sk.net.k, 'alloc:skb') ? ENOBUFS : 0
  const { socket } = sk
  if (socket === null) return EPIPE
  socket.flags |= SOCK_NOSPACE
  return (flags & MSG_DONTWAIT) !== 0 ? EAGAIN : sockWait(current, socket.wait, sk.sndtimeo)
}

/**
 * Errors: EMSGSIZE; EOPNOTSUPP MSG_OOB; EINVAL address, port 0, flags (2.2); EAFNOSUPPORT; EDESTADDRREQ, ENOTCONN
 * nobody to send to; EACCES to all; EPERM the firewall; those of the route; an error that waited. Linux: udp_sendmsg.
 */
function udpSendmsg(current: Task, sk: InetSock, msg: Msg, flags: number): number {
  const { net } = sk
  const { length } = msg.data
  if (length > MAX_IP) return EMSGSIZE
  if ((flags & MSG_OOB) !== 0) return EOPNOTSUPP
  if (!modern(sk) && (flags & ~(MSG_DONTROUTE | MSG_DONTWAIT | MSG_NOSIGNAL)) !== 0) return EINVAL
  const to = destinationOf(sk, msg.name)
  if (isErr(to)) return to
  const info = msg.control === null ? null : sendPktinfo(net, msg.control)
  if (isErr(info)) return info
  const daddr = to.addr
  let saddr = info?.specDst || sk.saddr
  let oif = info?.ifindex || sk.boundDev
  if (isMulticast(daddr)) {
    oif = oif || sk.mcIndex
    saddr = saddr || sk.mcAddr
  }
  // In the name of another host: no route has such a source.
  const isForeign = sk.isForeign && saddr === sk.saddr
  const isKept = msg.name === null && info === null
  const route = routeTo(current, sk, daddr, isForeign ? 0 : saddr, oif, isKept)
  if (isErr(route)) return route
  const room = waitForRoom(current, sk, flags)
  if (room !== 0) return room
  const size = UDP_HLEN + length
  if (20 + size > MAX_IP) return EMSGSIZE
  if (20 + size > route.mtu && sk.pmtudisc === IP_PMTUDISC_DO) return EMSGSIZE
  const skb = ipAllocSkb(net, size, UDP_HLEN)
  const { data, h } = skb
  put16(data, h, sk.sport)
  put16(data, h + 2, to.port)
  put16(data, h + 4, size)
  data.set(msg.data, h + UDP_HLEN)
  const src = isForeign ? saddr : route.src
  const dst = daddr === 0 ? route.dst : daddr
  // Within this host the sum is nobody's business unless somebody listens. Linux: NETIF_F_NO_CSUM of the loopback device.
  if (sk.noCheck || ((route.dev.flags & IFF_LOOPBACK) !== 0 && net.taps.length === 0)) put16(data, h + 6, 0)
  else {
    const sum = csumFold(csumPartial(data, h, skb.tail, csumPseudo(src, dst, IPPROTO_UDP, size)))
    put16(data, h + 6, sum === 0 ? 0xffff : sum)
  }
  skb.priority = sk.priority
  skb.routeKey = sk.routeKey
  skbSetOwnerW(skb, sk)
  const df = sk.pmtudisc !== IP_PMTUDISC_DONT && 20 + size <= route.mtu && modern(sk)
  const isGroup = route.type === RTN_MULTICAST
  const ttl = isGroup ? sk.mcTtl : sk.ttl < 0 ? net.inet.defaultTtl : sk.ttl
  ipPushHeader(net, skb, { saddr: src, daddr: dst, protocol: IPPROTO_UDP, tos: sk.tos, ttl, df })
  net.inet.udpMib.outDatagrams++
  const failed = ipLocalOut(net, skb, route)
  if (failed === FIREWALLED)
    return deny(current, EPERM, 'state', undefined, 'the packet was refused by the firewall')
  return failed === 0 ? length : failed
}

// ---- receiving -----------------------------------------------------------------------------------------------

/** Bytes received; the rest of the datagram is lost. Linux: udp_recvmsg. */
function udpRecvmsg(current: Task, sk: InetSock, msg: Msg, flags: number): number {
  if ((flags & MSG_OOB) !== 0 && !modern(sk)) return EOPNOTSUPP
  const skb = recvDatagram(current, sk, flags)
  if (typeof skb === 'number') return skb
  const { data, h, tail, nh } = skb
  const size = tail - h - UDP_HLEN
  const count = Math.min(msg.data.length, size)
  if (count < size) msg.flags |= MSG_TRUNC
  if (count > 0) msg.data.set(data.subarray(h + UDP_HLEN, h + UDP_HLEN + count))
  if (msg.wantsName) msg.name = inetAddr(ipSaddr(data, nh), be16(data, h))
  if (msg.control !== null) pktinfoOf(sk, skb, msg.control)
  sk.stamp = sk.net.k.state.now
  if ((flags & MSG_PEEK) === 0) kfreeSkb(skb)
  return (flags & MSG_TRUNC) !== 0 && modern(sk) ? size : count
}

/** Is the checksum right, or was none sent? */
function checksumOk(skb: SkBuff, length: number): boolean {
  const { data, h, nh } = skb
  if (skb.isChecked || be16(data, h + 6) === 0) return true
  const sum = csumPseudo(ipSaddr(data, nh), ipDaddr(data, nh), IPPROTO_UDP, length)
  return csumFold(csumPartial(data, h, h + length, sum)) === 0
}

/** How well a sock suits a packet: more is better, -1 not at all. Linux: udp_v4_lookup_longway. */
function scoreOf(sk: InetSock, saddr: number, sport: number, daddr: number, ifindex: number): number {
  let score = 0
  if (sk.rcvSaddr !== 0) {
    if (sk.rcvSaddr !== daddr) return -1
    score++
  }
  if (sk.daddr !== 0) {
    if (sk.daddr !== saddr) return -1
    score++
  }
  if (sk.dport !== 0) {
    if (sk.dport !== sport) return -1
    score++
  }
  if (sk.boundDev !== 0) {
    if (sk.boundDev !== ifindex) return -1
    score++
  }
  return score
}

/** Whether modules let a sock see a packet; null where none has a say. */
export const mayDeliver = (net: NetState, sk: Sock, skb: SkBuff | null): boolean =>
  skb === null || !net.k.hooked.has('sockDeliver') || net.k.security.sockDeliver(sk, skb) === 0

/** The sock that a packet is for, the youngest among equals; null where there is none. Linux: udp_v4_lookup. */
export function udpLookup(
  net: NetState,
  skb: SkBuff | null,
  saddr: number,
  sport: number,
  daddr: number,
  dport: number,
  ifindex: number,
): InetSock | null {
  const owners = net.inet.udp.byPort.get(dport)
  if (owners === undefined) return null
  let best: InetSock | null = null
  let badness = -1
  for (let at = owners.length - 1; at >= 0; at--) {
    const sk = owners[at]
    if (sk === undefined) continue
    const score = scoreOf(sk, saddr, sport, daddr, ifindex)
    if (score <= badness || !mayDeliver(net, sk, skb)) continue
    best = sk
    badness = score
    if (score === 4) break
  }
  return best
}

/** Puts a packet into a sock's queue, where it has room. Linux: udp_queue_rcv_skb, sock_queue_rcv_skb. */
function queueReceive(net: NetState, sk: InetSock, skb: SkBuff): void {
  if (sk.rmem + skb.truesize >= sk.rcvbuf) {
    net.inet.udpMib.inErrors++
    kfreeSkb(skb)
    return
  }
  net.inet.udpMib.inDatagrams++
  skb.dst = null
  skbSetOwnerR(skb, sk)
  skbQueueTail(sk.receiveQueue, skb)
  sockDataReady(sk)
}

/** To all who want it. Linux: udp_v4_mcast_deliver. */
function deliverToAll(
  net: NetState,
  skb: SkBuff,
  saddr: number,
  sport: number,
  daddr: number,
  dport: number,
): void {
  const ifindex = skb.dev?.ifindex ?? 0
  for (const sk of (net.inet.udp.byPort.get(dport) ?? []).slice().reverse()) {
    if (scoreOf(sk, saddr, sport, daddr, ifindex) < 0 || !mayDeliver(net, sk, skb)) continue
    queueReceive(net, sk, skbClone(skb))
  }
  kfreeSkb(skb)
}

/** Whom a packet is for: what has been redirected for the local port first. Linux: udp_v4_proxy_lookup. */
function receiverOf(
  net: NetState,
  skb: SkBuff,
  saddr: number,
  sport: number,
  daddr: number,
  dport: number,
): InetSock | null {
  const { dev, redirport } = skb
  const ifindex = dev?.ifindex ?? 0
  if (redirport === 0) return udpLookup(net, skb, saddr, sport, daddr, dport, ifindex)
  const own = dev?.addresses[0]?.local ?? 0
  if (redirport !== dport) {
    const redirected = udpLookup(net, skb, saddr, sport, own, redirport, ifindex)
    if (redirected !== null) return redirected
  }
  return (
    udpLookup(net, skb, saddr, sport, daddr, dport, ifindex) ??
    udpLookup(net, skb, saddr, sport, own, redirport, ifindex)
  )
}

/** Linux: udp_protocol: udp_rcv, udp_err. */
export const udpProtocol: InetProtocol = Object.freeze({
  protocol: IPPROTO_UDP,

  receive(net, skb) {
    const { udpMib } = net.inet
    const { data, h, nh } = skb
    const length = be16(data, h + 4)
    if (skb.len < UDP_HLEN || length < UDP_HLEN || length > skb.len || !checksumOk(skb, length)) {
      udpMib.inErrors++
      kfreeSkb(skb)
      return
    }
    skb.tail = h + length
    const saddr = ipSaddr(data, nh)
    const daddr = ipDaddr(data, nh)
    const sport = be16(data, h)
    const dport = be16(data, h + 2)
    const { type } = skb.dst as Route
    if (type === RTN_BROADCAST || type === RTN_MULTICAST) {
      deliverToAll(net, skb, saddr, sport, daddr, dport)
      return
    }
    const sk = receiverOf(net, skb, saddr, sport, daddr, dport)
    if (sk !== null) {
      queueReceive(net, sk, skb)
      return
    }
    udpMib.noPorts++
    icmpSend(net, skb, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0)
    kfreeSkb(skb)
  },

  /** A connected sock hears of errors; others only with IP_RECVERR, or of what is sure (2.2, without SO_BSDCOMPAT). */
  error(net, skb, type, code, _info) {
    const { data, nh } = skb
    const at = nh + ipHlen(data, nh)
    const ifindex = skb.dev?.ifindex ?? 0
    // What was sent: the peer is where it went.
    const sk = udpLookup(
      net,
      null,
      ipDaddr(data, nh),
      be16(data, at + 2),
      ipSaddr(data, nh),
      be16(data, at),
      ifindex,
    )
    if (sk === null || type === ICMP_SOURCE_QUENCH) return
    let error: Errno = EHOSTUNREACH
    let isFatal = false
    if (type === ICMP_PARAMETERPROB) {
      error = EPROTO
      isFatal = true
    } else if (type === ICMP_DEST_UNREACH) {
      if (code === ICMP_FRAG_NEEDED) {
        if (sk.pmtudisc === IP_PMTUDISC_DONT) return
        error = EMSGSIZE
        isFatal = true
      } else [error, isFatal] = ICMP_ERRORS[code] ?? [EHOSTUNREACH, false]
    }
    if (!sk.recvErr && (!isFatal || sk.state !== TCP_ESTABLISHED)) return
    sk.err = error
    sockErrorReport(sk)
  },
} satisfies InetProtocol)

// ---- the rest ------------------------------------------------------------------------------------------------

/** Whom to talk to from now on. Errors: EINVAL, EAFNOSUPPORT, EACCES, those of the route. Linux: udp_connect. */
export function udpConnect(current: Task, sk: InetSock, address: Sockaddr): number {
  if (address.length < SOCKADDR_IN) return EINVAL
  if (address.family !== AF_INET) return EAFNOSUPPORT
  sk.route = null
  const oif = sk.boundDev || (isMulticast(address.addr) ? sk.mcIndex : 0)
  const route = routeTo(current, sk, address.addr, sk.isForeign ? 0 : sk.saddr, oif, false)
  if (isErr(route)) return route
  if (sk.saddr === 0) sk.saddr = route.src
  if (sk.rcvSaddr === 0) sk.rcvSaddr = route.src
  sk.daddr = route.dst
  sk.dport = address.port
  sk.state = TCP_ESTABLISHED
  sk.route = route
  return 0
}

/** Linux: udp_disconnect. */
function udpDisconnect(sk: InetSock): number {
  sk.state = TCP_CLOSE
  sk.daddr = 0
  sk.dport = 0
  sk.boundDev = 0
  if ((sk.locks & BINDADDR_LOCK) === 0) {
    sk.rcvSaddr = 0
    sk.saddr = 0
  }
  if (modern(sk) && (sk.locks & BINDPORT_LOCK) === 0) {
    udpProto.unhash(sk)
    sk.sport = 0
    sk.num = 0
  }
  sk.route = null
  return 0
}

/** What nobody will read any more. Linux: the part of destroy_sock, inet_sock_destruct. */
export function purgeQueue(sk: Sock): void {
  for (let skb = skbDequeue(sk.receiveQueue); skb !== null; skb = skbDequeue(sk.receiveQueue)) kfreeSkb(skb)
}

/** Linux: udp_prot. */
export const udpProto: InetProto = Object.freeze({
  name: 'udp',
  getPort: (sk, port) => getPort(sk.net.inet.udp, sk, port),
  hash: (sk) => hashPort(sk.net.inet.udp, sk),
  unhash: (sk) => unhashPort(sk.net.inet.udp, sk),
  connect: udpConnect,
  disconnect: udpDisconnect,
  sendmsg(current, sk, msg, flags) {
    const failed = inetAutobind(sk)
    return failed !== 0 ? failed : udpSendmsg(current, sk, msg, flags)
  },
  recvmsg: udpRecvmsg,
  close: purgeQueue,
  poll: datagramPoll,

  /** The next datagram's length, and what is under way. Linux: udp_ioctl. */
  ioctl(sk, cmd, arg) {
    if (cmd === TIOCOUTQ) return putInt(arg, sk.wmem)
    if (cmd !== FIONREAD) return undefined
    const first = sk.receiveQueue.head
    return putInt(arg, first === null ? 0 : first.tail - first.h - UDP_HLEN)
  },

  writeSpace: sockDefWriteSpace,
  forgetRoute(sk) {
    if (sk instanceof InetSock) sk.route = null
  },
} satisfies InetProto)
