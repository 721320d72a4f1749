/**
 * AF_INET: what its sockets have in common, before their protocols. Linux: inet_create, inet_dgram_connect,
 * inet_getname, inet_shutdown, inet_release, inet_ioctl, net/ipv4/af_inet.c (2.0.35, 2.2.12, 2.6.14).
 */

import { CAP_NET_RAW } from '../../abi/capability.js'
import {
  EINVAL,
  ENOBUFS,
  ENOPROTOOPT,
  ENOTCONN,
  EPERM,
  EPIPE,
  EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
} from '../../abi/errno.js'
import { isAtLeast } from '../../abi/profile.js'
import { SIGPIPE } from '../../abi/signal.js'
import {
  AF_INET,
  AF_UNSPEC,
  IPPROTO_TCP,
  IPPROTO_UDP,
  MSG_NOSIGNAL,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_STREAM,
  SOL_IP,
} from '../../abi/socket.js'
import { sendSignalSelf } from '../../kernel/signal.js'
import type { Task } from '../../kernel/task.js'
import { capable } from '../../security/capability.js'
import { deny } from '../../security/deny.js'
import { shouldFail } from '../../sim/faults.js'
import { devIoctl } from '../devioctl.js'
import { defineSocketOps } from '../no_ops.js'
import {
  type NetFamily,
  SEND_SHUTDOWN,
  SHUTDOWN_MASK,
  type Socket,
  type SocketOps,
  type SockoptValue,
  SS_UNCONNECTED,
  sockError,
  sockGraft,
  sockOrphan,
  sockStateChange,
  TCP_CLOSE,
  TCP_SYN_SENT,
} from '../sock.js'
import { inetAddr, type Sockaddr } from '../sockaddr.js'
import type { NetState } from '../state.js'
import { inetAutobind, inetBind } from './bind.js'
import { mcDrop } from './multicast.js'
import { ipGetsockopt, ipSetsockopt } from './options.js'
import { makeRawSock, rawProto } from './raw.js'
import { type InetProto, InetSock } from './sock.js'
import { streamParts } from './stream.js'
import { makeTcpSock, tcpProto } from './tcp.js'
import { udpProto } from './udp.js'

const modern = (sk: InetSock): boolean => isAtLeast(sk.net.k.facts.release, '2.6.14')

/** A closed socket's half; only while the socket is being taken down there is none. */
const skOf = (sock: Socket): InetSock => sock.sk as InetSock

/** Errors: ENOTCONN. Linux: inet_getname. */
export function inetGetname(sock: Socket, peer: boolean | 'accepted'): Sockaddr | number {
  const sk = skOf(sock)
  if (peer === false) return inetAddr(sk.rcvSaddr || sk.saddr, sk.sport)
  const isOver = sk.state === TCP_CLOSE || sk.state === TCP_SYN_SENT
  if (sk.dport === 0 || (isOver && peer !== 'accepted')) return ENOTCONN
  return inetAddr(sk.daddr, sk.dport)
}

/** Linux: inet_release. */
export function inetRelease(sock: Socket): void {
  const { sk } = sock
  sock.sk = null
  if (!(sk instanceof InetSock)) return
  if (sk.num !== 0) sk.proto.unhash(sk)
  if (sk.groups.length > 0) mcDrop(sk)
  sockOrphan(sk)
  sk.proto.close(sk)
}

/** An address without a family lets go of the peer. Linux: inet_dgram_connect. */
function dgramConnect(current: Task, sock: Socket, address: Sockaddr, isNonblocking: boolean): number {
  const sk = skOf(sock)
  if (address.length >= 2 && address.family === AF_UNSPEC) return sk.proto.disconnect(sk)
  const failed = inetAutobind(sk)
  return failed !== 0 ? failed : sk.proto.connect(current, sk, address, isNonblocking)
}

/** 2.6 shuts a datagram socket down even where it says that it is not connected. Linux: inet_shutdown. */
function dgramShutdown(_current: Task, sock: Socket, how: number): number {
  const sk = skOf(sock)
  const mode = (how + 1) | 0
  if ((mode & ~SHUTDOWN_MASK) !== 0 || mode === 0) return EINVAL
  const isClosed = sk.state === TCP_CLOSE
  if (isClosed && !modern(sk)) return ENOTCONN
  sk.shutdown |= mode
  sockStateChange(sk)
  return isClosed ? ENOTCONN : 0
}

/** Before 2.4 a socket that was shut down, or for which an error waits, is not asked to send. Linux: inet_sendmsg. */
function dgramSendmsg(
  current: Task,
  sock: Socket,
  msg: Parameters<SocketOps['sendmsg']>[2],
  flags: number,
): number {
  const sk = skOf(sock)
  if (!modern(sk)) {
    if ((sk.shutdown & SEND_SHUTDOWN) !== 0) {
      if ((flags & MSG_NOSIGNAL) === 0) sendSignalSelf(current, SIGPIPE, 'broken-pipe', sock.file)
      return EPIPE
    }
    const error = sockError(sk)
    if (error !== 0) return error
  }
  return sk.proto.sendmsg(current, sk, msg, flags)
}

/** The protocol's requests, then those to devices. Linux: inet_ioctl. */
function inetIoctl(current: Task, sock: Socket, cmd: number, arg: Parameters<SocketOps['ioctl']>[3]): number {
  const sk = skOf(sock)
  return sk.proto.ioctl?.(sk, cmd, arg) ?? devIoctl(current, sk.net, cmd, arg)
}

/** Level SOL_IP, then the protocol's own. */
function inetSetsockopt(current: Task, sock: Socket, level: number, option: number, value: unknown): number {
  const sk = skOf(sock)
  if (level === SOL_IP) return ipSetsockopt(current, sk, option, value)
  return sk.proto.setsockopt?.(current, sk, level, option, value) ?? ENOPROTOOPT
}

function inetGetsockopt(current: Task, sock: Socket, level: number, option: number): SockoptValue {
  const sk = skOf(sock)
  if (level === SOL_IP) return ipGetsockopt(sk, option)
  return sk.proto.getsockopt?.(current, sk, level, option) ?? ENOPROTOOPT
}

/** Linux: inet_dgram_ops. */
export const inetDgramOps: SocketOps = defineSocketOps({
  name: 'inet.dgram',
  release: inetRelease,
  bind: (current, sock, address) => inetBind(current, skOf(sock), address),
  connect: dgramConnect,
  getname: inetGetname,
  poll: (current, sock) => skOf(sock).proto.poll(current, sock),
  ioctl: inetIoctl,
  shutdown: dgramShutdown,
  setsockopt: inetSetsockopt,
  getsockopt: inetGetsockopt,
  sendmsg: dgramSendmsg,
  recvmsg: (current, sock, msg, flags) => skOf(sock).proto.recvmsg(current, skOf(sock), msg, flags),
})

/** Linux: inet_stream_ops. */
export const inetStreamOps: SocketOps = defineSocketOps({
  ...inetDgramOps,
  name: 'inet.stream',
  ...streamParts,
})

/** A kind of socket of the family. Linux: struct inet_protosw. */
interface Switch {
  readonly type: number
  /** IPPROTO_*; 0 for any but 0. */
  readonly protocol: number
  readonly proto: InetProto
  readonly ops: SocketOps
  /** Is it for those with CAP_NET_RAW? */
  readonly isRaw: boolean
  /** Makes a sock of the protocol's own kind. */
  readonly make?: (net: NetState, proto: InetProto, protocol: number) => InetSock
}

const SWITCHES: readonly Switch[] = Object.freeze([
  { type: SOCK_DGRAM, protocol: IPPROTO_UDP, proto: udpProto, ops: inetDgramOps, isRaw: false },
  {
    type: SOCK_STREAM,
    protocol: IPPROTO_TCP,
    proto: tcpProto,
    ops: inetStreamOps,
    isRaw: false,
    make: makeTcpSock,
  },
  { type: SOCK_RAW, protocol: 0, proto: rawProto, ops: inetDgramOps, isRaw: true, make: makeRawSock },
])

/** The kind for a type and a protocol; ESOCKTNOSUPPORT, EPROTONOSUPPORT. */
function switchFor(type: number, protocol: number): Switch | number {
  let error: number = ESOCKTNOSUPPORT
  for (const one of SWITCHES) {
    if (one.type !== type) continue
    if (protocol === 0 ? one.protocol !== 0 : one.protocol === protocol || one.protocol === 0) return one
    error = EPROTONOSUPPORT
  }
  return error
}

const refuseRaw = (current: Task): number => deny(current, EPERM, 'capability', undefined, CAP_NET_RAW)

/** Linux: inet_family_ops. */
export const inetFamily: NetFamily = Object.freeze({
  family: AF_INET,

  /** Errors: ESOCKTNOSUPPORT, EPROTONOSUPPORT, EPERM raw without CAP_NET_RAW, ENOBUFS. Linux: inet_create. */
  create(current, net, sock, protocol) {
    const isOld = !isAtLeast(net.k.facts.release, '2.6.14')
    // Raw sockets have no default protocol. Before 2.4 who may have none at all is told that first.
    if (isOld && sock.type === SOCK_RAW && !capable(current, CAP_NET_RAW)) return refuseRaw(current)
    const found = switchFor(sock.type, protocol)
    if (typeof found === 'number') return found
    if (!isOld && found.isRaw && !capable(current, CAP_NET_RAW)) return refuseRaw(current)
    if (shouldFail(net.k, 'alloc:sock')) return ENOBUFS
    sock.state = SS_UNCONNECTED
    sock.ops = found.ops
    const { proto } = found
    const sk =
      found.make?.(net, proto, protocol) ?? new InetSock(net, proto, sock.type, found.protocol || protocol)
    sockGraft(sk, sock)
    return 0
  },
} satisfies NetFamily)
