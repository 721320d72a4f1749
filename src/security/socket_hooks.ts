/**
 * The security hooks of the network, a part of the one list in hooks.ts. The module `net` asks them; without it
 * nobody does.
 *
 * Linux: the socket_*, unix_* and sk_* members of struct security_operations, include/linux/security.h (2.6.14).
 * Further ones stand where the systems of the era had a patch of their own: the privilege test of bind, the delivery
 * of packets to sockets, what /proc/net lists.
 */

import type { SkBuff, Sock, Sockaddr, Socket } from '../kernel/module.js'
import type { Task } from '../kernel/task.js'
import type { Verdict } from './hooks.js'

/** What modules can refuse, decide or be told about sockets and packets. */
export interface SocketHooks {
  /** socket(2) or socketpair(2), after the family and type have been found possible. Linux: socket_create. */
  socketCreate(current: Task, family: number, type: number, protocol: number): Verdict
  /** bind(2), before the protocol looks at the address. Linux: socket_bind. */
  socketBind(current: Task, sock: Socket, address: Sockaddr): Verdict
  /** connect(2), before the protocol looks at the address. Linux: socket_connect. */
  socketConnect(current: Task, sock: Socket, address: Sockaddr): Verdict
  /** listen(2). Linux: socket_listen. */
  socketListen(current: Task, sock: Socket, backlog: number): Verdict
  /** accept(2), before a connection is taken. Linux: socket_accept. */
  socketAccept(current: Task, sock: Socket): Verdict
  /** Any call that sends `size` bytes. Linux: socket_sendmsg. */
  socketSendmsg(current: Task, sock: Socket, size: number): Verdict
  /** Any call that receives up to `size` bytes; `flags` are MSG_*. Linux: socket_recvmsg. */
  socketRecvmsg(current: Task, sock: Socket, size: number, flags: number): Verdict
  /** getsockname(2). Linux: socket_getsockname. */
  socketGetsockname(current: Task, sock: Socket): Verdict
  /** getpeername(2). Linux: socket_getpeername. */
  socketGetpeername(current: Task, sock: Socket): Verdict
  /** setsockopt(2). Linux: socket_setsockopt. */
  socketSetsockopt(current: Task, sock: Socket, level: number, option: number): Verdict
  /** getsockopt(2). Linux: socket_getsockopt. */
  socketGetsockopt(current: Task, sock: Socket, level: number, option: number): Verdict
  /** shutdown(2). Linux: socket_shutdown. */
  socketShutdown(current: Task, sock: Socket, how: number): Verdict
  /** A stream socket of AF_UNIX is about to connect to the listener `other`. Linux: unix_stream_connect. */
  unixStreamConnect(current: Task, sock: Socket, other: Sock): Verdict
  /** A datagram is about to go to, or a datagram socket of AF_UNIX to connect to, `other`. Linux: unix_may_send. */
  unixMaySend(current: Task, sock: Socket, other: Sock): Verdict
  /**
   * May `current` bind the port, 1 to 1024? 0 stands in for the test for CAP_NET_BIND_SERVICE, an Errno refuses
   * whatever others say, undefined leaves it to them and to that test. Asked at that test's place in the profile's
   * order. A module that only restricts never says 0. `isChosen`: the program left the port to the kernel; 2.0 asks
   * then too, later ones do not.
   */
  inetBindPrivilege(current: Task, sk: Sock, port: number, isChosen: boolean): Verdict | undefined
  /**
   * A sock has been made; `parent` is the listener of an accepted one. The place to label it and to set its
   * `portSpace` and `routeKey`. Linux: socket_post_create, sk_alloc_security.
   */
  sockInit(current: Task | null, sk: Sock, parent: Sock | null): void
  /** Does this socket get to see the packet? If not it is passed over, as if it were not there. Linux: socket_sock_rcv_skb. */
  sockDeliver(sk: Sock, skb: SkBuff): Verdict
  /** Is the socket listed in /proc/net to `current`? */
  sockVisible(current: Task, sk: Sock): Verdict
  /** Is a kept route that was found with this key (Sock.routeKey) listed to `current`? */
  routeVisible(current: Task, key: number): Verdict
  /** May a socket that listens be told of something that has happened to a task, or by it? Linux: none. */
  eventVisible(sk: Sock, about: Task): Verdict
  /** A packet of the socket's is on its way out: the place to label it. Linux: skb_set_owner_w. */
  skbSend(sk: Sock, skb: SkBuff): void
  /** A device has received a packet: the place to label it. */
  skbReceive(skb: SkBuff): void
}

/** Every socket hook's kind. */
export const SOCKET_HOOKS = {
  socketCreate: 'check',
  socketBind: 'check',
  socketConnect: 'check',
  socketListen: 'check',
  socketAccept: 'check',
  socketSendmsg: 'check',
  socketRecvmsg: 'check',
  socketGetsockname: 'check',
  socketGetpeername: 'check',
  socketSetsockopt: 'check',
  socketGetsockopt: 'check',
  socketShutdown: 'check',
  unixStreamConnect: 'check',
  unixMaySend: 'check',
  inetBindPrivilege: 'permit',
  sockInit: 'notify',
  sockDeliver: 'filter',
  sockVisible: 'filter',
  routeVisible: 'filter',
  eventVisible: 'filter',
  skbSend: 'notify',
  skbReceive: 'notify',
} as const
