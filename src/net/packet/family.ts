/**
 * AF_PACKET: frames of devices, as they are or without their link headers.
 *
 * Linux: packet_create, packet_bind, packet_sendmsg, packet_recvmsg, packet_setsockopt, net/packet/af_packet.c
 * (2.2.12, 2.6.14). 2.0 has SOCK_PACKET of AF_INET in its place (net/ipv4/packet.c, 2.0.35), which the later ones
 * keep. The protocol that socket(2) is given is as C has it, htons(ETH_P_ALL); in addresses it is in host order.
 *
 * Left out: PACKET_RX_RING, which is ENOPROTOOPT as in a kernel without CONFIG_PACKET_MMAP; PACKET_MULTICAST's filters
 * of the cards (membership.ts).
 */

import { CAP_NET_RAW } from '../../abi/capability.js'
import {
  EINVAL,
  EMSGSIZE,
  ENETDOWN,
  ENOBUFS,
  ENODEV,
  ENOPROTOOPT,
  ENOTCONN,
  ENXIO,
  EOPNOTSUPP,
  EPERM,
  EPROTONOSUPPORT,
  type Errno,
  ESOCKTNOSUPPORT,
  isErr,
} from '../../abi/errno.js'
import { ETH_HLEN, IFF_LOOPBACK, IFF_NOARP, IFF_UP } from '../../abi/if.js'
import { FIONREAD, TIOCOUTQ } from '../../abi/ioctl.js'
import { isAtLeast } from '../../abi/profile.js'
import {
  AF_PACKET,
  htons,
  MSG_DONTWAIT,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  PACKET_ADD_MEMBERSHIP,
  PACKET_DROP_MEMBERSHIP,
  PACKET_STATISTICS,
  SOCK_DGRAM,
  SOCK_PACKET,
  SOCK_RAW,
  SOL_PACKET,
} from '../../abi/socket.js'
import type { Task } from '../../kernel/task.js'
import { capable } from '../../security/capability.js'
import { deny } from '../../security/deny.js'
import { shouldFail } from '../../sim/faults.js'
import { putInt } from '../../vfs/ioctl_arg.js'
import type { IoctlArg } from '../../vfs/ops.js'
import { datagramPoll, recvDatagram } from '../datagram.js'
import { devQueueXmit } from '../dev_output.js'
import { deviceByIndex, deviceByName, type NetDevice } from '../device.js'
import { devIoctl } from '../devioctl.js'
import { ethHeader } from '../ethernet.js'
import { be16 } from '../inet/ip.js'
import { purgeQueue, waitForRoom } from '../inet/udp.js'
import { defineSocketOps } from '../no_ops.js'
import { kfreeSkb, SkBuff, skbSetOwnerW } from '../skbuff.js'
import {
  type Msg,
  type NetFamily,
  RCV_SHUTDOWN,
  type Socket,
  type SocketOps,
  SS_UNCONNECTED,
  sockErrorReport,
  sockGraft,
  sockOrphan,
} from '../sock.js'
import { SOCKADDR_LL, SOCKADDR_PKT, Sockaddr } from '../sockaddr.js'
import type { NetState } from '../state.js'
import { packetMcAdd, packetMcDrop, packetMcFlush } from './membership.js'
import { PacketSock, packetHook, packetUnhook } from './sock.js'

/** Bytes of a plain struct sockaddr, whose name a SOCK_PACKET is bound to. */
const SOCKADDR = 16

const skOf = (sock: Socket): PacketSock => sock.sk as PacketSock
const modern = (sk: PacketSock): boolean => isAtLeast(sk.net.k.facts.release, '2.6.14')
const isOldest = (sk: PacketSock): boolean => sk.net.k.facts.release === '2.0.35'

// ---- addresses -----------------------------------------------------------------------------------------------

/** Takes frames of a type through a device, or all. One that is down is an error that waits. Linux: packet_do_bind. */
function doBind(sk: PacketSock, dev: NetDevice | null, protocol: number): number {
  packetUnhook(sk)
  sk.num = protocol
  sk.ifindex = dev?.ifindex ?? 0
  if (dev === null || (dev.flags & IFF_UP) !== 0) packetHook(sk)
  else if (protocol !== 0) {
    sk.err = ENETDOWN
    sockErrorReport(sk)
  }
  return 0
}

/** Errors: EINVAL, ENODEV. Linux: packet_bind. */
function bind(_current: Task, sock: Socket, address: Sockaddr): number {
  const sk = skOf(sock)
  if (address.length < SOCKADDR_LL || address.family !== AF_PACKET) return EINVAL
  const dev = address.ifindex === 0 ? null : deviceByIndex(sk.net, address.ifindex)
  if (address.ifindex !== 0 && dev === null) return ENODEV
  return doBind(sk, dev, address.protocol || sk.num)
}

/** By the device's name. Errors: EINVAL, ENODEV; ENETDOWN (2.0). Linux: packet_bind_spkt, packet_bind (2.0). */
function bindOld(_current: Task, sock: Socket, address: Sockaddr): number {
  const sk = skOf(sock)
  if (address.length !== SOCKADDR) return EINVAL
  const dev = deviceByName(sk.net, address.path)
  if (dev === null) return ENODEV
  if (isOldest(sk) && (dev.flags & IFF_UP) === 0) return ENETDOWN
  return doBind(sk, dev, sk.num)
}

/** Errors: EOPNOTSUPP the peer's. Linux: packet_getname. */
function getname(sock: Socket, peer: boolean | 'accepted'): Sockaddr | number {
  if (peer !== false) return EOPNOTSUPP
  const sk = skOf(sock)
  const made = new Sockaddr(AF_PACKET, SOCKADDR_LL)
  const dev = deviceByIndex(sk.net, sk.ifindex)
  made.ifindex = sk.ifindex
  made.protocol = sk.num
  made.hatype = dev?.type ?? 0
  made.hwaddr = dev === null ? null : dev.address.slice()
  return made
}

/** Linux: packet_getname_spkt. */
function getnameOld(sock: Socket, peer: boolean | 'accepted'): Sockaddr | number {
  if (peer !== false) return EOPNOTSUPP
  const sk = skOf(sock)
  const made = new Sockaddr(AF_PACKET, SOCKADDR_PKT)
  made.isDevice = true
  made.path = deviceByIndex(sk.net, sk.ifindex)?.name ?? ''
  return made
}

// ---- sending -------------------------------------------------------------------------------------------------

/** Gives a frame to a device. `bytes` is all of it, or what comes behind the link header. */
function send(sk: PacketSock, dev: NetDevice, frame: SkBuff, protocol: number): number {
  frame.protocol = protocol
  if ((dev.flags & IFF_LOOPBACK) !== 0) {
    const type = be16(frame.data, frame.head + 12)
    if (type >= 1536) frame.protocol = type
  }
  frame.mac = frame.head
  frame.nh = Math.min(frame.head + dev.hardHeaderLen, frame.tail)
  frame.dev = dev
  frame.priority = sk.priority
  frame.routeKey = sk.routeKey
  skbSetOwnerW(frame, sk)
  if ((dev.flags & IFF_UP) === 0) {
    kfreeSkb(frame)
    return ENETDOWN
  }
  return devQueueXmit(sk.net, frame)
}

const wholeFrame = (bytes: Uint8Array): SkBuff => new SkBuff(bytes.slice(), 0, bytes.length)

/** A frame with a link header of the kernel's. EINVAL: it does not know to whom. Linux: eth_header. */
function madeFrame(
  dev: NetDevice,
  bytes: Uint8Array,
  protocol: number,
  to: Uint8Array | null,
): SkBuff | Errno {
  const data = new Uint8Array(ETH_HLEN + bytes.length)
  data.set(bytes, ETH_HLEN)
  const frame = new SkBuff(data, ETH_HLEN, data.length)
  if (dev.hardHeaderLen === 0) return frame
  const isForAny = (dev.flags & (IFF_LOOPBACK | IFF_NOARP)) !== 0
  if (to === null && !isForAny) return EINVAL
  const address = new Uint8Array(6)
  if (to !== null) address.set(to.subarray(0, 6))
  ethHeader(frame, address, dev.address, protocol)
  return frame
}

/**
 * Errors: EINVAL flags (2.2), address, a datagram to nobody; ENXIO no device; EMSGSIZE; ENETDOWN; EAGAIN, ENOBUFS; an
 * error that waited. Linux: packet_sendmsg.
 */
function sendmsg(current: Task, sock: Socket, msg: Msg, flags: number): number {
  const sk = skOf(sock)
  const { name, data } = msg
  if (!modern(sk) && (flags & ~MSG_DONTWAIT) !== 0) return EINVAL
  if (name !== null && name.length < SOCKADDR_LL) return EINVAL
  const dev = deviceByIndex(sk.net, name?.ifindex ?? sk.ifindex)
  if (dev === null) return ENXIO
  const isRaw = sk.type === SOCK_RAW
  if (data.length > dev.mtu + (isRaw ? dev.hardHeaderLen : 0)) return EMSGSIZE
  const room = waitForRoom(current, sk, flags)
  if (room !== 0) return room
  const protocol = name?.protocol ?? sk.num
  const to = name === null ? null : (name.hwaddr ?? new Uint8Array(6))
  const frame = isRaw ? wholeFrame(data) : madeFrame(dev, data, protocol, to)
  if (isErr(frame)) return frame
  const failed = send(sk, dev, frame, protocol)
  return failed !== 0 && (modern(sk) || failed === ENETDOWN) ? failed : data.length
}

/**
 * Errors: ENOTCONN no address; EINVAL flags (2.0), address; ENODEV; EMSGSIZE; ENOBUFS no room; ENETDOWN. Linux:
 * packet_sendmsg_spkt.
 */
function sendmsgOld(_current: Task, sock: Socket, msg: Msg, flags: number): number {
  const sk = skOf(sock)
  const { name, data } = msg
  if (isOldest(sk) && (flags & ~MSG_DONTWAIT) !== 0) return EINVAL
  if (name === null) return ENOTCONN
  if (name.length < SOCKADDR) return EINVAL
  const dev = deviceByName(sk.net, name.path.slice(0, 13))
  if (dev === null) return ENODEV
  if (data.length > dev.mtu + dev.hardHeaderLen) return EMSGSIZE
  if (sk.wmem >= sk.sndbuf || shouldFail(sk.net.k, 'alloc:skb')) return ENOBUFS
  const protocol = name.length === SOCKADDR_PKT ? name.protocol : 0
  const failed = send(sk, dev, wholeFrame(data), protocol)
  return failed === ENETDOWN ? failed : data.length
}

// ---- receiving -----------------------------------------------------------------------------------------------

/** From whom, through what. Linux: packet_rcv. */
function senderOf({ dev, data, mac, protocol, pktType }: SkBuff): Sockaddr {
  const made = new Sockaddr(AF_PACKET, SOCKADDR_LL)
  made.ifindex = dev?.ifindex ?? 0
  made.hatype = dev?.type ?? 0
  made.protocol = protocol
  made.pkttype = pktType
  const hasHeader = mac >= 0 && (dev?.hardHeaderLen ?? 0) === ETH_HLEN
  made.hwaddr = hasHeader ? data.slice(mac + 6, mac + 12) : null
  return made
}

/** Linux: packet_rcv_spkt. */
function senderOld({ dev, protocol }: SkBuff): Sockaddr {
  const made = new Sockaddr(dev?.type ?? 0, SOCKADDR_PKT)
  made.isDevice = true
  made.path = dev?.name ?? ''
  made.protocol = protocol
  return made
}

/** Bytes received; the rest of the frame is lost. Errors: EINVAL flags. Linux: packet_recvmsg. */
function recvmsg(current: Task, sock: Socket, msg: Msg, flags: number): number {
  const sk = skOf(sock)
  if (isOldest(sk)) {
    if ((flags & MSG_OOB) !== 0) return EOPNOTSUPP
    if ((sk.shutdown & RCV_SHUTDOWN) !== 0) return 0
  } else if ((flags & ~(MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC)) !== 0) return EINVAL
  const skb = recvDatagram(current, sk, flags)
  if (typeof skb === 'number') return skb
  const { data, head, len } = skb
  const count = Math.min(msg.data.length, len)
  if (count < len && !isOldest(sk)) msg.flags |= MSG_TRUNC
  if (count > 0) msg.data.set(data.subarray(head, head + count))
  if (msg.wantsName) msg.name = sk.type === SOCK_PACKET ? senderOld(skb) : senderOf(skb)
  sk.stamp = sk.net.k.state.now
  if ((flags & MSG_PEEK) === 0) kfreeSkb(skb)
  return (flags & MSG_TRUNC) !== 0 && !isOldest(sk) ? len : count
}

// ---- the rest ------------------------------------------------------------------------------------------------

/** Errors: ENOPROTOOPT; those of memberships. Linux: packet_setsockopt. */
function setsockopt(_current: Task, sock: Socket, level: number, option: number, value: unknown): number {
  if (level !== SOL_PACKET) return ENOPROTOOPT
  if (option === PACKET_ADD_MEMBERSHIP) return packetMcAdd(skOf(sock), value)
  return option === PACKET_DROP_MEMBERSHIP ? packetMcDrop(skOf(sock), value) : ENOPROTOOPT
}

/** PACKET_STATISTICS, which begins anew then. Errors: ENOPROTOOPT; EOPNOTSUPP (2.2). Linux: packet_getsockopt. */
function getsockopt(_current: Task, sock: Socket, level: number, option: number): number | object {
  const sk = skOf(sock)
  if (!modern(sk)) return EOPNOTSUPP
  if (level !== SOL_PACKET || option !== PACKET_STATISTICS) return ENOPROTOOPT
  const statistics = { packets: sk.taken + sk.dropped, drops: sk.dropped }
  sk.taken = 0
  sk.dropped = 0
  return statistics
}

/** The next frame's length, room or bytes under way, and the devices' requests. Linux: packet_ioctl. */
function ioctl(current: Task, sock: Socket, cmd: number, arg: IoctlArg): number {
  const sk = skOf(sock)
  if (cmd === FIONREAD) return putInt(arg, sk.receiveQueue.head?.len ?? 0)
  if (cmd === TIOCOUTQ) return putInt(arg, modern(sk) ? sk.wmem : Math.max(sk.sndbuf - sk.wmem, 0))
  return devIoctl(current, sk.net, cmd, arg)
}

/** Linux: packet_release. */
function release(sock: Socket): void {
  const { sk } = sock
  sock.sk = null
  if (!(sk instanceof PacketSock)) return
  packetUnhook(sk)
  packetMcFlush(sk)
  sk.net.packets.delete(sk)
  sockOrphan(sk)
  purgeQueue(sk)
}

/** Linux: packet_ops. */
export const packetOps: SocketOps = defineSocketOps({
  name: 'packet',
  release,
  bind,
  getname,
  poll: datagramPoll,
  ioctl,
  setsockopt,
  getsockopt,
  sendmsg,
  recvmsg,
})

/** Linux: packet_ops_spkt. */
export const packetOpsOld: SocketOps = defineSocketOps({
  name: 'packet.old',
  release,
  bind: bindOld,
  getname: getnameOld,
  poll: datagramPoll,
  ioctl,
  sendmsg: sendmsgOld,
  recvmsg,
})

/** Errors: EPERM; ESOCKTNOSUPPORT; EPROTONOSUPPORT no protocol (2.0); ENOBUFS. Linux: packet_create. */
export function packetCreate(current: Task, net: NetState, sock: Socket, protocol: number): number {
  const { type } = sock
  if (!capable(current, CAP_NET_RAW)) return deny(current, EPERM, 'capability', undefined, CAP_NET_RAW)
  if (type !== SOCK_RAW && type !== SOCK_DGRAM && type !== SOCK_PACKET) return ESOCKTNOSUPPORT
  if (protocol === 0 && net.k.facts.release === '2.0.35') return EPROTONOSUPPORT
  if (shouldFail(net.k, 'alloc:sock')) return ENOBUFS
  const sk = new PacketSock(net, type, htons(protocol))
  sock.state = SS_UNCONNECTED
  sock.ops = type === SOCK_PACKET ? packetOpsOld : packetOps
  sockGraft(sk, sock)
  net.packets.add(sk)
  packetHook(sk)
  return 0
}

/** Linux: packet_family_ops. */
export const packetFamily: NetFamily = Object.freeze({
  family: AF_PACKET,
  create: packetCreate,
} satisfies NetFamily)
