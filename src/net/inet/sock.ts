/**
 * Socks of AF_INET: what all protocols of the family have. Linux: struct inet_sock, include/linux/ip.h (2.6); the
 * same members of struct sock (2.2).
 */

import { AF_INET, IP_PMTUDISC_WANT } from '../../abi/socket.js'
import type { Task } from '../../kernel/task.js'
import type { IoctlArg } from '../../vfs/ops.js'
import type { SkBuff } from '../skbuff.js'
import { type Msg, Sock, type Socket, type SockOps } from '../sock.js'
import type { Sockaddr } from '../sockaddr.js'
import type { NetState } from '../state.js'
import type { McMembership } from './multicast.js'
import type { Route } from './route_types.js'

/** What a protocol of the family does. Linux: struct proto. */
export interface InetProto extends SockOps {
  /** Its own bind, in place of ports: raw sockets. */
  bind?(current: Task, sk: InetSock, address: Sockaddr): number
  /** Takes port `port`, or one of its choice where that is 0: 0, or a negative number and nothing has been taken. */
  getPort(sk: InetSock, port: number): number
  /** Makes the sock findable under its port. */
  hash(sk: InetSock): void
  /** It can no longer be found. */
  unhash(sk: InetSock): void
  /** See SocketOps. `sk` has a port. */
  connect(current: Task, sk: InetSock, address: Sockaddr, isNonblocking: boolean): number
  /** Lets go of the peer. */
  disconnect(sk: InetSock): number
  sendmsg(current: Task, sk: InetSock, msg: Msg, flags: number): number
  recvmsg(current: Task, sk: InetSock, msg: Msg, flags: number): number
  /** The last descriptor is gone. */
  close(sk: InetSock): void
  poll(current: Task, sock: Socket): number
  /** Requests of its own; undefined for what it does not know, which is the devices'. */
  ioctl?(sk: InetSock, cmd: number, arg: IoctlArg): number | undefined
  /** Levels of its own; ENOPROTOOPT for what it does not know. */
  setsockopt?(current: Task, sk: InetSock, level: number, option: number, value: unknown): number
  getsockopt?(current: Task, sk: InetSock, level: number, option: number): number
}

/** Below it: nobody has bound to the address, nobody to the port. Linux: SOCK_BINDADDR_LOCK, SOCK_BINDPORT_LOCK. */
export const BINDADDR_LOCK = 4
export const BINDPORT_LOCK = 8

/** A sock of AF_INET. */
export class InetSock extends Sock {
  /** What its protocol does. */
  proto: InetProto
  /** The address that it takes packets for, 0 for any. Linux: rcv_saddr. */
  rcvSaddr = 0
  /** The address that it sends from, 0 for the route's. Linux: saddr. */
  saddr = 0
  /** The peer's address. */
  daddr = 0
  /** Its port; for raw sockets the protocol. Linux: num, sport. */
  num = 0
  /** The port that it sends from; 0 where it is not bound. */
  sport = 0
  /** The peer's port. */
  dport = 0
  /** IP_TTL; -1 for the default. */
  ttl = -1
  /** IP_TOS. */
  tos = 0
  /** IP_HDRINCL. */
  hdrincl = false
  /** IP_PKTINFO. */
  pktinfo = false
  /** IP_RECVTTL. */
  recvTtl = false
  /** IP_RECVTOS. */
  recvTos = false
  /** IP_RECVERR. */
  recvErr = false
  /** IP_MTU_DISCOVER. */
  pmtudisc: number = IP_PMTUDISC_WANT
  /** IP_MULTICAST_TTL. */
  mcTtl = 1
  /** IP_MULTICAST_LOOP. */
  mcLoop = true
  /** IP_MULTICAST_IF: a device's number and address. */
  mcIndex = 0
  mcAddr = 0
  /** Groups that it has joined, the youngest first. Linux: mc_list. */
  groups: McMembership[] = []
  /** BINDADDR_LOCK, BINDPORT_LOCK. */
  locks = 0
  /** Is `saddr` none of this host's: of a redirected connection, or by bind? Linux: RTO_TPROXY. */
  isForeign = false
  /** The next IP id of a connected sock. */
  ipId = 0
  /** The kept route. */
  route: Route | null = null

  constructor(net: NetState, proto: InetProto, type: number, protocol: number) {
    super(net, proto, AF_INET, type)
    this.proto = proto
    this.protocol = protocol
  }
}

/** What an IP protocol does with packets for this host. Linux: struct inet_protocol. */
export interface InetProtocol {
  /** IPPROTO_*. */
  readonly protocol: number
  /** Takes the packet over; `skb.head` and `skb.h` are at the transport header. */
  receive(net: NetState, skb: SkBuff): void
  /**
   * An ICMP error has come about a packet that was sent: `skb.head` and `skb.nh` are at that packet's IP header.
   * `info` is the gateway or MTU of the error. Linux: err_handler.
   */
  error?(net: NetState, skb: SkBuff, type: number, code: number, info: number): void
}
