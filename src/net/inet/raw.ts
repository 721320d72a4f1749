/**
 * Raw sockets of AF_INET: packets of one IP protocol with their headers, before or without that protocol's own code.
 *
 * Linux: raw_sendmsg, raw_recvmsg, raw_bind, raw_v4_input, raw_err, net/ipv4/raw.c (2.0.35, 2.2.12, 2.6.14).
 *
 * What is received begins with the IP header. What is sent gets one, except with IP_HDRINCL, which sockets of
 * IPPROTO_RAW have from the beginning: then the kernel fills in the length, the checksum, and where they are 0 the
 * source and the id, cuts nothing into pieces, and never looks at the destination in the header.
 *
 * Deviations: a socket with IP_HDRINCL that sends less than a header hears EINVAL (2.2 writes the header all the
 * same, behind the data); 2.2 gives the last of several takers its copy only after the protocol has had its own.
 */

import {
  EADDRNOTAVAIL,
  EDESTADDRREQ,
  EFAULT,
  EHOSTUNREACH,
  EINVAL,
  EMSGSIZE,
  ENOPROTOOPT,
  EOPNOTSUPP,
  EPERM,
  EPROTO,
  type Errno,
  isErr,
} from '../../abi/errno.js'
import { FIONREAD, TIOCOUTQ } from '../../abi/ioctl.js'
import { isAtLeast } from '../../abi/profile.js'
import {
  AF_INET,
  AF_UNSPEC,
  ICMP_FILTER,
  IP_PMTUDISC_DO,
  IP_PMTUDISC_DONT,
  IPPROTO_ICMP,
  IPPROTO_RAW,
  MSG_DONTROUTE,
  MSG_DONTWAIT,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  SOCK_RAW,
  SOL_RAW,
} from '../../abi/socket.js'
import type { Task } from '../../kernel/task.js'
import { deny } from '../../security/deny.js'
import { putInt } from '../../vfs/ioctl_arg.js'
import { datagramPoll, recvDatagram } from '../datagram.js'
import { optionInt } from '../options.js'
import { kfreeSkb, type SkBuff, skbClone, skbQueueTail, skbSetOwnerR, skbSetOwnerW } from '../skbuff.js'
import {
  type Msg,
  RCV_SHUTDOWN,
  sockDataReady,
  sockDefWriteSpace,
  sockErrorReport,
  TCP_CLOSE,
  TCP_ESTABLISHED,
} from '../sock.js'
import { inetAddr, SOCKADDR_IN, type Sockaddr } from '../sockaddr.js'
import type { NetState } from '../state.js'
import { isOurs, setAddress } from './bind.js'
import { pktinfoOf, sendPktinfo } from './cmsg.js'
import { ICMP_ERRORS } from './icmp_errors.js'
import { ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, ICMP_PARAMETERPROB, ICMP_SOURCE_QUENCH } from './icmp_send.js'
import {
  IP_HLEN,
  IP_MAX,
  ipDaddr,
  ipHlen,
  ipId,
  ipProtocol,
  ipSaddr,
  ipSendCheck,
  isMulticast,
  put16,
  put32,
} from './ip.js'
import { FIREWALLED, ipAllocSkb, ipLocalOut, ipPushHeader } from './ip_output.js'
import { type Route, RTN_MULTICAST } from './route_types.js'
import { type InetProto, InetSock } from './sock.js'
import { mayDeliver, purgeQueue, routeTo, udpConnect, waitForRoom } from './udp.js'

const modern = (sk: InetSock): boolean => isAtLeast(sk.net.k.facts.release, '2.6.14')

/** A raw sock. Linux: struct raw_opt. */
export class RawSock extends InetSock {
  /** ICMP_FILTER: the types, up to 31, that it does not want. */
  icmpFilter = 0
}

/** A sock of a protocol; `protocol` may be any number, of which the header holds eight bits. Linux: inet_create. */
export function makeRawSock(net: NetState, proto: InetProto, protocol: number): InetSock {
  const sk = new RawSock(net, proto, SOCK_RAW, protocol & 0xff)
  sk.reuse = 1
  sk.hdrincl = protocol === IPPROTO_RAW
  sk.num = protocol & 0xffff
  sk.sport = sk.num
  proto.hash(sk)
  return sk
}

// ---- sending -------------------------------------------------------------------------------------------------

/** Where to, and for 2.0 of what protocol: that one lets the port of the address say so. */
function destinationOf(sk: InetSock, name: Sockaddr | null): Sockaddr | Errno {
  if (name === null) {
    if (sk.state === TCP_ESTABLISHED) return inetAddr(sk.daddr, 0)
    return modern(sk) ? EDESTADDRREQ : EINVAL
  }
  if (name.length < SOCKADDR_IN) return EINVAL
  return name.family === AF_INET || name.family === AF_UNSPEC ? name : EINVAL
}

/** A packet whose header the program has written. Linux: raw_getrawfrag, raw_send_hdrinc. */
function withHeader(net: NetState, route: Route, bytes: Uint8Array): SkBuff {
  const skb = ipAllocSkb(net, bytes.length - IP_HLEN)
  skb.head -= IP_HLEN
  const { data, head } = skb
  data.set(bytes, head)
  skb.nh = head
  const hlen = ipHlen(data, head)
  if (hlen < IP_HLEN || hlen > bytes.length) return skb
  skb.h = head + hlen
  if (ipSaddr(data, head) === 0) put32(data, head + 12, route.src)
  if (ipId(data, head) === 0) put16(data, head + 4, net.inet.nextId++ & 0xffff)
  put16(data, head + 2, bytes.length)
  ipSendCheck(data, head)
  return skb
}

/** A packet of the socket's protocol; EMSGSIZE. */
function withoutHeader(sk: InetSock, route: Route, bytes: Uint8Array, to: Sockaddr): SkBuff | Errno {
  const { net } = sk
  const size = IP_HLEN + bytes.length
  if (size > IP_MAX || (size > route.mtu && sk.pmtudisc === IP_PMTUDISC_DO)) return EMSGSIZE
  const skb = ipAllocSkb(net, bytes.length)
  skb.data.set(bytes, skb.h)
  const isGroup = route.type === RTN_MULTICAST
  const isOld = net.k.facts.release === '2.0.35'
  ipPushHeader(net, skb, {
    saddr: route.src,
    daddr: to.addr || route.dst,
    protocol: (isOld && to.port & 0xff) || sk.protocol,
    tos: sk.tos,
    ttl: isGroup ? sk.mcTtl : sk.ttl < 0 ? net.inet.defaultTtl : sk.ttl,
    df: sk.pmtudisc !== IP_PMTUDISC_DONT && size <= route.mtu && modern(sk),
  })
  return skb
}

/**
 * Errors: EMSGSIZE longer than a packet, with IP_HDRINCL than the MTU; EOPNOTSUPP MSG_OOB; EINVAL address, flags (before
 * 2.4), nobody to send to (2.6: EDESTADDRREQ), less than a header with IP_HDRINCL; EACCES to all; EPERM the firewall;
 * those of the route; an error that waited. Linux: raw_sendmsg.
 */
function rawSendmsg(current: Task, sk: InetSock, msg: Msg, flags: number): number {
  const { net } = sk
  const { data: bytes } = msg
  if (bytes.length > IP_MAX) return EMSGSIZE
  if ((flags & MSG_OOB) !== 0) return EOPNOTSUPP
  if (!modern(sk) && (flags & ~(MSG_DONTROUTE | MSG_DONTWAIT)) !== 0) return EINVAL
  const to = destinationOf(sk, msg.name)
  if (isErr(to)) return to
  const info = msg.control === null ? null : sendPktinfo(net, msg.control)
  if (isErr(info)) return info
  let saddr = info?.specDst || sk.saddr
  let oif = info?.ifindex || sk.boundDev
  if (isMulticast(to.addr)) {
    oif = oif || sk.mcIndex
    saddr = saddr || sk.mcAddr
  }
  const route = routeTo(current, sk, to.addr, saddr, oif, msg.name === null && info === null)
  if (isErr(route)) return route
  if (sk.hdrincl && bytes.length > route.dev.mtu) return EMSGSIZE
  if (sk.hdrincl && bytes.length < IP_HLEN) return EINVAL
  const room = waitForRoom(current, sk, flags)
  if (room !== 0) return room
  const skb = sk.hdrincl ? withHeader(net, route, bytes) : withoutHeader(sk, route, bytes, to)
  if (isErr(skb)) return skb
  skb.priority = sk.priority
  skb.routeKey = sk.routeKey
  skbSetOwnerW(skb, sk)
  const failed = ipLocalOut(net, skb, route)
  if (failed === FIREWALLED)
    return deny(current, EPERM, 'state', undefined, 'the packet was refused by the firewall')
  return failed === 0 ? bytes.length : failed
}

// ---- receiving -----------------------------------------------------------------------------------------------

/** Bytes received, from the IP header on; the rest of the packet is lost. Errors: EOPNOTSUPP. Linux: raw_recvmsg. */
function rawRecvmsg(current: Task, sk: InetSock, msg: Msg, flags: number): number {
  if ((flags & MSG_OOB) !== 0) return EOPNOTSUPP
  const isOld = sk.net.k.facts.release === '2.0.35'
  if (isOld && (sk.shutdown & RCV_SHUTDOWN) !== 0) return 0
  const skb = recvDatagram(current, sk, flags)
  if (typeof skb === 'number') return skb
  const { data, head, tail, nh } = skb
  const size = tail - head
  const count = Math.min(msg.data.length, size)
  if (count < size && !isOld) msg.flags |= MSG_TRUNC
  if (count > 0) msg.data.set(data.subarray(head, head + count))
  if (msg.wantsName) msg.name = inetAddr(ipSaddr(data, nh), 0)
  if (msg.control !== null) pktinfoOf(sk, skb, msg.control)
  sk.stamp = sk.net.k.state.now
  if ((flags & MSG_PEEK) === 0) kfreeSkb(skb)
  return (flags & MSG_TRUNC) !== 0 && modern(sk) ? size : count
}

/** Does the sock take packets from `raddr` to `laddr` through the device? Linux: raw_v4_lookup. */
const takes = (sk: InetSock, raddr: number, laddr: number, ifindex: number): boolean =>
  (sk.daddr === 0 || sk.daddr === raddr) &&
  (sk.rcvSaddr === 0 || sk.rcvSaddr === laddr) &&
  (sk.boundDev === 0 || sk.boundDev === ifindex)

/** Does the sock not want ICMP messages of this type? Linux: icmp_filter. */
function isFiltered(sk: InetSock, skb: SkBuff): boolean {
  if (!(sk instanceof RawSock) || sk.icmpFilter === 0 || skb.h >= skb.tail) return false
  const type = skb.data[skb.h] ?? 0
  return type < 32 && (sk.icmpFilter & (1 << type)) !== 0
}

/** Puts a copy into a sock's queue, where it has room. Linux: raw_rcv. */
function rawReceive(net: NetState, sk: InetSock, skb: SkBuff): void {
  if (sk.rmem + skb.truesize >= sk.rcvbuf) {
    net.inet.ipMib.inDiscards++
    kfreeSkb(skb)
    return
  }
  skb.head = skb.nh
  skb.dst = null
  skbSetOwnerR(skb, sk)
  skbQueueTail(sk.receiveQueue, skb)
  sockDataReady(sk)
}

/** The socks of a protocol, the youngest first; most kernels have none. */
function rawSocks(net: NetState, protocol: number): readonly InetSock[] {
  const socks = net.inet.raw.get(protocol)
  return socks === undefined ? [] : [...socks].reverse()
}

/**
 * Gives every raw sock of a packet's protocol a copy: `skb.nh` and `skb.h` are its headers. Did any take it? Linux:
 * raw_v4_input.
 */
export function rawInput(net: NetState, skb: SkBuff): boolean {
  const { data, nh, dev } = skb
  const protocol = ipProtocol(data, nh)
  let taken = false
  for (const sk of rawSocks(net, protocol)) {
    if (!takes(sk, ipSaddr(data, nh), ipDaddr(data, nh), dev?.ifindex ?? 0)) continue
    if (protocol === IPPROTO_ICMP && isFiltered(sk, skb)) continue
    if (!mayDeliver(net, sk, skb)) continue
    taken = true
    rawReceive(net, sk, skbClone(skb))
  }
  return taken
}

/** What an ICMP error means to a raw sock, and whether it is sure; null for nothing. */
function errorOf(sk: InetSock, type: number, code: number): readonly [Errno, boolean] | null {
  if (type === ICMP_SOURCE_QUENCH) return null
  if (type === ICMP_PARAMETERPROB) return [EPROTO, true]
  if (type !== ICMP_DEST_UNREACH) return [EHOSTUNREACH, false]
  if (code === ICMP_FRAG_NEEDED) return [EMSGSIZE, sk.pmtudisc !== IP_PMTUDISC_DONT]
  return ICMP_ERRORS[code] ?? [EHOSTUNREACH, false]
}

/**
 * Tells raw socks of an ICMP error about a packet that was sent, whose IP header is at `skb.nh`: those that are
 * connected, if it is sure, and those with IP_RECVERR. Linux: raw_err.
 */
export function rawError(net: NetState, skb: SkBuff, type: number, code: number): void {
  const { data, nh, dev } = skb
  for (const sk of rawSocks(net, ipProtocol(data, nh))) {
    if (!takes(sk, ipDaddr(data, nh), ipSaddr(data, nh), dev?.ifindex ?? 0)) continue
    if (!sk.recvErr && sk.state !== TCP_ESTABLISHED) continue
    const found = errorOf(sk, type, code)
    if (found === null || !(sk.recvErr || found[1])) continue
    sk.err = found[0]
    sockErrorReport(sk)
  }
}

// ---- the rest ------------------------------------------------------------------------------------------------

/** No port, no privilege, no clash. Errors: EINVAL, EADDRNOTAVAIL. Linux: raw_bind. */
function rawBind(_current: Task, sk: InetSock, address: Sockaddr): number {
  if (sk.state !== TCP_CLOSE || address.length < SOCKADDR_IN) return EINVAL
  if (!isOurs(sk, address.addr)) return EADDRNOTAVAIL
  setAddress(sk, address.addr)
  sk.route = null
  return 0
}

/** 2.6 also takes a sock that lets go of its peer out of the table, so that it receives nothing. Linux: udp_disconnect. */
function rawDisconnect(sk: InetSock): number {
  sk.state = TCP_CLOSE
  sk.daddr = 0
  sk.dport = 0
  sk.boundDev = 0
  sk.rcvSaddr = 0
  sk.saddr = 0
  sk.route = null
  if (modern(sk)) {
    rawProto.unhash(sk)
    sk.sport = 0
  }
  return 0
}

/** ICMP_FILTER: up to four bytes, the rest stays as it was. Linux: raw_seticmpfilter. */
function setFilter(sk: RawSock, value: unknown): number {
  const whole = optionInt(value, sk.net.netlink.byteOrder)
  if (whole !== null) {
    sk.icmpFilter = whole
    return 0
  }
  if (!(value instanceof Uint8Array)) return EFAULT
  for (const [i, byte] of value.entries())
    sk.icmpFilter = (sk.icmpFilter & ~(0xff << (8 * i))) | (byte << (8 * i))
  return 0
}

/** Linux: raw_prot. */
export const rawProto: InetProto = Object.freeze({
  name: 'raw',
  bind: rawBind,
  getPort: () => 0,

  hash(sk) {
    const { raw } = sk.net.inet
    const socks = raw.get(sk.num)
    if (socks === undefined) raw.set(sk.num, new Set([sk]))
    else socks.add(sk)
  },

  unhash(sk) {
    const { raw } = sk.net.inet
    const socks = raw.get(sk.num)
    socks?.delete(sk)
    if (socks?.size === 0) raw.delete(sk.num)
  },

  connect: udpConnect,
  disconnect: rawDisconnect,
  sendmsg: rawSendmsg,
  recvmsg: rawRecvmsg,
  close: purgeQueue,
  poll: datagramPoll,
  writeSpace: sockDefWriteSpace,

  /** Linux: raw_ioctl (2.4). */
  ioctl(sk, cmd, arg) {
    if (!modern(sk)) return undefined
    const first = sk.receiveQueue.head
    if (cmd === TIOCOUTQ) return putInt(arg, sk.wmem)
    return cmd === FIONREAD ? putInt(arg, first === null ? 0 : first.tail - first.h) : undefined
  },

  /** Errors: ENOPROTOOPT; EOPNOTSUPP not of ICMP; EFAULT. Linux: raw_setsockopt. */
  setsockopt(_current, sk, level, option, value) {
    if (level !== SOL_RAW || option !== ICMP_FILTER || sk.net.k.facts.release === '2.0.35') return ENOPROTOOPT
    if (!(sk instanceof RawSock) || sk.num !== IPPROTO_ICMP) return EOPNOTSUPP
    return setFilter(sk, value)
  },

  /** The mask, unsigned. Linux: raw_getsockopt. */
  getsockopt(_current, sk, level, option) {
    if (level !== SOL_RAW || option !== ICMP_FILTER || sk.net.k.facts.release === '2.0.35') return ENOPROTOOPT
    if (!(sk instanceof RawSock) || sk.num !== IPPROTO_ICMP) return EOPNOTSUPP
    return sk.icmpFilter >>> 0
  },

  forgetRoute(sk) {
    if (sk instanceof InetSock) sk.route = null
  },
} satisfies InetProto)
