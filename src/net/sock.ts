/**
 * Sockets: what a descriptor refers to (Socket), and the protocol's half of it (Sock), which may live longer or
 * earlier: a connection that nobody has accepted yet, one that is still being closed.
 *
 * Linux: struct socket, struct proto_ops (include/linux/net.h), struct sock, struct proto (include/net/sock.h).
 * Tables are frozen constants; the functions that wake sleepers are here (sock_def_* of net/core/sock.c).
 */

import { POLL_ERR, POLL_IN, POLL_OUT, SIGIO } from '../abi/signal.js'
import { type FasyncEntry, killFasync } from '../kernel/fasync.js'
import type { Task } from '../kernel/task.js'
import { WaitQueue, wakeUp } from '../kernel/wait.js'
import type { File } from '../vfs/file.js'
import type { IoctlArg } from '../vfs/ops.js'
import { SkbQueue } from './skbuff.js'
import { SockCall } from './sock_wait.js'
import type { Sockaddr } from './sockaddr.js'
import type { NetState } from './state.js'

// ---- states --------------------------------------------------------------------------------------------------

/** Linux: SS_*, include/linux/net.h. */
export const SS_UNCONNECTED = 1
export const SS_CONNECTING = 2
export const SS_CONNECTED = 3
export const SS_DISCONNECTING = 4

/** Linux: TCP_*, include/linux/tcp.h; other protocols borrow CLOSE, LISTEN and ESTABLISHED. */
export const TCP_ESTABLISHED = 1
export const TCP_SYN_SENT = 2
export const TCP_SYN_RECV = 3
export const TCP_FIN_WAIT1 = 4
export const TCP_FIN_WAIT2 = 5
export const TCP_TIME_WAIT = 6
export const TCP_CLOSE = 7
export const TCP_CLOSE_WAIT = 8
export const TCP_LAST_ACK = 9
export const TCP_LISTEN = 10
export const TCP_CLOSING = 11

/** Bits of `shutdown`. */
export const RCV_SHUTDOWN = 1
export const SEND_SHUTDOWN = 2
export const SHUTDOWN_MASK = 3

/** Socket flags: a writer found no room and has not been told of any since. Linux: SOCK_NOSPACE, SOCK_ASYNC_NOSPACE. */
export const SOCK_NOSPACE = 1
/** The socket accepts connections. Linux: SO_ACCEPTCON (2.2: 1 << 16). */
export const SO_ACCEPTCON = 0x10000

// ---- messages ------------------------------------------------------------------------------------------------

/** What goes along with data between sockets of AF_UNIX. Linux: struct scm_cookie. */
export class ScmCookie {
  /** Credentials of the sender. */
  pid = 0
  uid = 0
  gid = 0
  /** Open files that are being passed, one use each; null for none. */
  files: File[] | null = null
  /** Has the sender set the credentials, or has the kernel? */
  hasCreds = false
}

/** A message inside the kernel. Linux: struct msghdr with its iovec. */
export class Msg {
  /** Data to send, or the room to receive. */
  data: Uint8Array
  /** To whom; on the way out of a recvmsg, from whom. */
  name: Sockaddr | null
  /** Does the receiver want to know from whom? */
  wantsName = false
  /** Ancillary data of AF_UNIX; null for none. */
  scm: ScmCookie | null = null
  /** Ancillary data of other families, as the program gave or is to get it; null for none. */
  control: unknown[] | null = null
  /** MSG_* that a receive sets. */
  flags = 0

  constructor(data: Uint8Array, name: Sockaddr | null) {
    this.data = data
    this.name = name
  }
}

// ---- tables --------------------------------------------------------------------------------------------------

/** What getsockopt finds: a number, text, bytes, or a structure. */
export type SockoptValue = number | string | Uint8Array | object

/**
 * What a family does for the calls on its sockets. Results are ≥ 0, an Errno, or BLOCKED after `sockWait`.
 * `flags` of messages hold MSG_DONTWAIT where the file is O_NONBLOCK. Linux: struct proto_ops.
 */
export interface SocketOps {
  /** Names the table: 'unix.stream'. */
  readonly name: string
  /** The last descriptor is about to be closed: BLOCKED to be asked again, anything else to go on. */
  linger?(current: Task, sock: Socket): number
  /** The last descriptor is gone. */
  release(sock: Socket): void
  bind(current: Task, sock: Socket, address: Sockaddr): number
  /** `isNonblocking`: O_NONBLOCK. */
  connect(current: Task, sock: Socket, address: Sockaddr, isNonblocking: boolean): number
  /** Joins two fresh sockets. */
  socketpair(current: Task, a: Socket, b: Socket): number
  /** Takes the next connection: its sock, an Errno or BLOCKED. */
  accept(current: Task, sock: Socket, isNonblocking: boolean): Sock | number
  /** The local or the peer's address; 'accepted': the peer's, even if it is gone already. */
  getname(sock: Socket, peer: boolean | 'accepted'): Sockaddr | number
  poll(current: Task, sock: Socket): number
  /** Where to sleep for these POLL* events. */
  waitQueue(sock: Socket, events: number): WaitQueue
  ioctl(current: Task, sock: Socket, cmd: number, arg: IoctlArg): number
  listen(current: Task, sock: Socket, backlog: number): number
  shutdown(current: Task, sock: Socket, how: number): number
  /** Levels other than SOL_SOCKET. `value` is as the program gave it. */
  setsockopt(current: Task, sock: Socket, level: number, option: number, value: unknown): number
  /** Levels other than SOL_SOCKET. */
  getsockopt(current: Task, sock: Socket, level: number, option: number): SockoptValue | number
  /** What a send looks at before what comes along with a message: 0 or an Errno; nothing by default. */
  beforeControl?(sock: Socket): number
  sendmsg(current: Task, sock: Socket, msg: Msg, flags: number): number
  recvmsg(current: Task, sock: Socket, msg: Msg, flags: number): number
}

/** What a protocol does for its socks by itself. Linux: the function members of struct sock. */
export interface SockOps {
  /** Names the table: 'unix'. */
  readonly name: string
  /** Memory of sent data has come back. */
  writeSpace(sk: Sock): void
  /** SO_KEEPALIVE has been set. */
  setKeepalive?(sk: Sock): void
  /** A kept route may no longer do. */
  forgetRoute?(sk: Sock): void
}

/** A family of protocols. Linux: struct net_proto_family. */
export interface NetFamily {
  /** AF_*. */
  readonly family: number
  /** Sets `sock.ops` and `sock.sk` for its type, or says why not: 0 or an Errno. */
  create(current: Task, net: NetState, sock: Socket, protocol: number): number
}

// ---- objects -------------------------------------------------------------------------------------------------

/** An open socket. Linux: struct socket. */
export class Socket {
  /** Its network. */
  net: NetState
  /** SS_*. */
  state = SS_UNCONNECTED
  /** SOCK_*. */
  type: number
  /** What calls on it do; set by the family. */
  ops: SocketOps
  /** The protocol's half; null only while the socket is being made or taken down. */
  sk: Sock | null = null
  /** Its open file. */
  file: File | null = null
  /** SOCK_NOSPACE, SO_ACCEPTCON. */
  flags = 0
  /** Who sleeps on it. */
  wait: WaitQueue
  /** Who wants SIGIO. */
  fasync: FasyncEntry[] = []
  /** Modules' slots; see Blob. */
  security: unknown[] | null = null

  constructor(net: NetState, type: number, ops: SocketOps, name: string) {
    this.net = net
    this.type = type
    this.ops = ops
    this.wait = new WaitQueue(name)
  }
}

/** The protocol's half of a socket. Linux: struct sock. */
export class Sock {
  /** Its network. */
  net: NetState
  /** What its protocol does for it. */
  ops: SockOps
  /** AF_*. */
  family: number
  /** SOCK_*. */
  type: number
  /** IPPROTO_* and the like. */
  protocol = 0
  /** TCP_*. */
  state = TCP_CLOSE
  /** RCV_SHUTDOWN, SEND_SHUTDOWN. */
  shutdown = 0
  /** The socket; null before accept(2) and after the last close. */
  socket: Socket | null = null
  /** No descriptor can reach it any more. */
  dead = false
  /** An error that the next call reports: a negative number, or 0. */
  err = 0
  /** An error that decides only if the connection fails later. */
  errSoft = 0
  /** What has come and not been read; connections of a listener. */
  receiveQueue = new SkbQueue()
  /** Bytes that may be on their way. */
  sndbuf: number
  /** Bytes that may wait. */
  rcvbuf: number
  /** Bytes on their way, with overhead. */
  wmem = 0
  /** Bytes that wait, with overhead. */
  rmem = 0
  /** Milliseconds that a receive sleeps; infinite for ever. */
  rcvtimeo = Number.POSITIVE_INFINITY
  /** Milliseconds that a send sleeps; infinite for ever. */
  sndtimeo = Number.POSITIVE_INFINITY
  /** Bytes that make the socket readable. */
  rcvlowat = 1
  /** Connections that wait. Linux: ack_backlog. */
  ackBacklog = 0
  /** Connections that may wait. */
  maxAckBacklog = 0
  /** SO_REUSEADDR. */
  reuse = 0
  /** SO_KEEPALIVE. */
  keepalive = false
  /** SO_BROADCAST. */
  broadcast = false
  /** SO_DEBUG. */
  debug = false
  /** SO_DONTROUTE. */
  dontroute = false
  /** SO_OOBINLINE. */
  oobInline = false
  /** SO_NO_CHECK. */
  noCheck = false
  /** SO_BSDCOMPAT. */
  bsdCompat = false
  /** SO_TIMESTAMP. */
  timestamp = false
  /** SO_PASSCRED. */
  passcred = false
  /** SO_LINGER is on. */
  linger = false
  /** Seconds of SO_LINGER. */
  lingerTime = 0
  /** SO_PRIORITY. */
  priority = 0
  /** SO_BINDTODEVICE: a device's number, or 0. */
  boundDev = 0
  /** SO_PEERCRED. */
  peerPid = 0
  /** The user of the peer, for SO_PEERCRED. */
  peerUid: number
  /** Its group. */
  peerGid: number
  /** Modules: only sockets of the same space are in one another's way when they bind. */
  portSpace = 0
  /** Modules: what is added to the key of this socket's route lookups. */
  routeKey = 0
  /** When the last packet read had come: milliseconds since boot; -1 for never. */
  stamp = -1
  /** Modules' slots; see Blob. */
  security: unknown[] | null = null

  constructor(net: NetState, ops: SockOps, family: number, type: number) {
    this.net = net
    this.ops = ops
    this.family = family
    this.type = type
    this.sndbuf = net.wmemDefault
    this.rcvbuf = net.rmemDefault
    this.peerUid = net.noPeer
    this.peerGid = net.noPeer
  }
}

/** Joins the halves. Linux: sock_graft, sock_init_data. */
export function sockGraft(sk: Sock, sock: Socket): void {
  sk.socket = sock
  sock.sk = sk
  sk.dead = false
}

/** No descriptor reaches it any more. Linux: sock_orphan. */
export function sockOrphan(sk: Sock): void {
  sk.dead = true
  sk.socket = null
}

/** The error that waits, which is then over: a negative number, or 0. Linux: sock_error. */
export function sockError(sk: Sock): number {
  const { err } = sk
  sk.err = 0
  return err
}

/** Notes who the peer is. Linux: the places that set sk_peercred. */
export function setPeercred(sk: Sock, pid: number, uid: number, gid: number): void {
  sk.peerPid = pid
  sk.peerUid = uid
  sk.peerGid = gid
}

// ---- waking --------------------------------------------------------------------------------------------------

/** Does somebody sleep in a receive who will look at the data itself? Linux: SOCK_ASYNC_WAITDATA. */
function isAwaited(queue: WaitQueue): boolean {
  for (let entry = queue.head; entry !== null; entry = entry.next) {
    const { restart } = entry.task
    if (restart instanceof SockCall && restart.waitsData) return true
  }
  return false
}

/** Wakes all sleepers, exclusive ones too. Linux: wake_up_interruptible_all. */
export function wakeAll(queue: WaitQueue): void {
  while (queue.head !== null) wakeUp(queue)
}

/** The socket has changed its state. Linux: sock_def_wakeup. */
export function sockStateChange(sk: Sock): void {
  if (sk.socket !== null) wakeAll(sk.socket.wait)
}

/** Data or a connection has come. Linux: sock_def_readable. */
export function sockDataReady(sk: Sock): void {
  const { socket } = sk
  if (socket === null) return
  const awaited = socket.fasync.length > 0 && isAwaited(socket.wait)
  wakeUp(socket.wait)
  if (socket.fasync.length > 0 && !awaited) killFasync(socket.fasync, SIGIO, POLL_IN)
}

/** Something is wrong. Linux: sock_def_error_report. */
export function sockErrorReport(sk: Sock): void {
  const { socket } = sk
  if (socket === null) return
  wakeUp(socket.wait)
  killFasync(socket.fasync, SIGIO, POLL_ERR)
}

/** There is room again, at least half. Linux: sock_def_write_space. */
export function sockDefWriteSpace(sk: Sock): void {
  if (sk.wmem * 2 <= sk.sndbuf) sockWakeWriters(sk)
}

/** Writers may go on; SIGIO if one found no room. Linux: sk_wake_async(sk, 2, POLL_OUT). */
export function sockWakeWriters(sk: Sock): void {
  const { socket } = sk
  if (socket === null) return
  wakeUp(socket.wait)
  if ((socket.flags & SOCK_NOSPACE) === 0) return
  socket.flags &= ~SOCK_NOSPACE
  killFasync(socket.fasync, SIGIO, POLL_OUT)
}

/** SIGIO whatever anybody waits for. Linux: sk_wake_async(sk, 0, band). */
export function sockWakeAsync(sk: Sock, band: number): void {
  if (sk.socket !== null) killFasync(sk.socket.fasync, SIGIO, band)
}
