/**
 * The system calls on sockets: arguments, descriptors, security hooks, and then the family's own function.
 *
 * Linux: sys_socket … sys_recvmsg, net/socket.c (2.0.35, 2.2.12, 2.6.14); socketcall(2) is one call of the kernel
 * with these as its subcalls. A program gets addresses and messages as objects; see abi/socket.ts.
 *
 * Left out: 2.0's own order of tests for states of sockets that no protocol here can be in.
 */

import { asFd, type Fd } from '../abi/brand.js'
import {
  BLOCKED,
  EAFNOSUPPORT,
  ECONNABORTED,
  EFAULT,
  EINVAL,
  EMSGSIZE,
  type Errno,
  isErr,
  type Ret,
} from '../abi/errno.js'
import { O_NONBLOCK } from '../abi/fcntl.js'
import { isAtLeast } from '../abi/profile.js'
import {
  AF_INET,
  AF_PACKET,
  MSG_CTRUNC,
  type MsgHdr,
  NPROTO,
  SOCK_DGRAM,
  SOCK_MAX,
  SOCK_PACKET,
  SOCK_RAW,
  SOCK_RDM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOL_SOCKET,
  SOMAXCONN,
  type SockAddr,
  type SockAddrBuffer,
  type SockName,
} from '../abi/socket.js'
import { partOf } from '../kernel/part.js'
import type { CallShape } from '../kernel/syscall.js'
import type { Task } from '../kernel/task.js'
import { fput } from '../vfs/close.js'
import { fdRemove } from '../vfs/fdtable.js'
import { writeControl } from './msghdr.js'
import { noOps } from './no_ops.js'
import { encodeOption, sockGetsockopt, sockSetsockopt } from './options.js'
import { Msg, type Socket, SS_CONNECTED, sockGraft } from './sock.js'
import { endSockCall } from './sock_wait.js'
import { fillSockaddr, readSockaddr, showSockaddr } from './sockaddr.js'
import {
  settled,
  sockAlloc,
  sockfdLookup,
  sockMapFd,
  sockRecvmsg,
  sockRelease,
  sockSendmsg,
} from './sockfs.js'
import type { NetState } from './state.js'

/** The most pieces of a message. Linux: UIO_MAXIOV. */
const UIO_MAXIOV = 1024

/** The network of a task's kernel. */
const netOf = (current: Task): NetState => current.k.state.modules.get('net') as NetState

// ---- making --------------------------------------------------------------------------------------------------

/** Types that 2.0 and 2.2 know before a family is asked. Linux: sock_create (2.2), sys_socket (2.0). */
const OLD_TYPES: ReadonlySet<number> = new Set([
  SOCK_STREAM,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_RAW,
  SOCK_RDM,
  SOCK_PACKET,
])

/** Packets from 2.0's time on: such a socket of AF_INET is one of AF_PACKET. */
const compatSocket = (family: number, type: number, release: string): number =>
  family === AF_INET && type === SOCK_PACKET && release !== '2.0.35' ? AF_PACKET : family

/**
 * Is there such a family, and can there be such a type? 2.0 and 2.2 say EINVAL to both; 2.6 EAFNOSUPPORT to the
 * family, before and after the module's hook.
 */
function sockCreate(current: Task, family: number, type: number, protocol: number): Ret<Socket> {
  const net = netOf(current)
  const isModern = isAtLeast(current.k.facts.release, '2.6.14')
  if (family < 0 || family >= NPROTO) return isModern ? EAFNOSUPPORT : EINVAL
  if (isModern && (type < 0 || type >= SOCK_MAX)) return EINVAL
  const pf = compatSocket(family, type, current.k.facts.release)
  const known = net.registry.families.get(pf)
  if (!isModern && known === undefined) return EINVAL
  if (!isModern && (!OLD_TYPES.has(type) || protocol < 0)) return EINVAL
  const verdict = current.k.security.socketCreate(current, pf, type, protocol)
  if (verdict !== 0) return verdict as Errno
  if (known === undefined) return EAFNOSUPPORT
  const sock = sockAlloc(current, net, type, noOps)
  if (isErr(sock)) return sock
  const failed = known.create(current, net, sock, protocol)
  if (isErr(failed)) {
    sockRelease(sock)
    return failed
  }
  if (sock.sk !== null) current.k.security.sockInit(current, sock.sk, null)
  return sock
}

/**
 * A new socket's descriptor. Errors: EAFNOSUPPORT (EINVAL before 2.4), EINVAL, ESOCKTNOSUPPORT, EPROTONOSUPPORT,
 * EPERM raw without CAP_NET_RAW, ENFILE, EMFILE. Linux: sys_socket.
 */
export function sysSocket(current: Task, family: number, type: number, protocol = 0): Ret<Fd> {
  const sock = sockCreate(current, family, type, protocol)
  if (isErr(sock)) return sock
  return fdOf(sockMapFd(current, sock))
}

const fdOf = (fd: number): Ret<Fd> => (isErr(fd) ? fd : asFd(fd))

/** Two sockets joined: their descriptors. Errors: as socket; EOPNOTSUPP. Linux: sys_socketpair. */
export function sysSocketpair(current: Task, family: number, type: number, protocol = 0): Ret<[Fd, Fd]> {
  const a = sockCreate(current, family, type, protocol)
  if (isErr(a)) return a
  const b = sockCreate(current, family, type, protocol)
  if (isErr(b)) {
    sockRelease(a)
    return b
  }
  const failed = a.ops.socketpair(current, a, b)
  if (isErr(failed)) {
    sockRelease(a)
    sockRelease(b)
    return failed
  }
  const fdA = fdOf(sockMapFd(current, a))
  if (isErr(fdA)) {
    sockRelease(b)
    return fdA
  }
  const fdB = fdOf(sockMapFd(current, b))
  if (!isErr(fdB)) return [fdA, fdB]
  const file = fdRemove(current.files, fdA)
  if (file !== null) fput(current, file)
  return fdB
}

// ---- addresses -----------------------------------------------------------------------------------------------

/** Gives a socket an address. Errors: EBADF, ENOTSOCK, EFAULT; EINVAL and others as the family says. Linux: sys_bind. */
export function sysBind(current: Task, fd: number, address: SockAddr | null): number {
  const sock = sockfdLookup(current, fd)
  if (isErr(sock)) return sock
  const name = readSockaddr(address, sock.net.netlink.byteOrder)
  if (isErr(name)) return name
  const verdict = current.k.security.socketBind(current, sock, name)
  return verdict !== 0 ? verdict : sock.ops.bind(current, sock, name)
}

/** Lets connections come; `backlog` may wait. Errors: EBADF, ENOTSOCK, EOPNOTSUPP, EINVAL. Linux: sys_listen. */
export function sysListen(current: Task, fd: number, backlog: number): number {
  const sock = sockfdLookup(current, fd)
  if (isErr(sock)) return sock
  const length = backlog >>> 0 > SOMAXCONN ? SOMAXCONN : backlog
  const verdict = current.k.security.socketListen(current, sock, length)
  if (verdict !== 0) return verdict
  return settled(current, sock, sock.ops.listen(current, sock, length))
}

/**
 * Takes the next connection: the descriptor of its socket; `address` is filled with the peer's.
 *
 * The connection is taken before there is a descriptor for it: with EMFILE it is closed. Errors: EBADF, ENOTSOCK,
 * EOPNOTSUPP, EINVAL no listener, ECONNABORTED, EAGAIN, EINTR, EMFILE, ENFILE, EFAULT. Linux: sys_accept.
 */
export function sysAccept(current: Task, fd: number, address?: SockAddrBuffer | null): Ret<Fd> {
  const sock = sockfdLookup(current, fd)
  if (isErr(sock)) return sock
  const newsock = sockAlloc(current, sock.net, sock.type, sock.ops)
  if (isErr(newsock)) return newsock
  const verdict = current.k.security.socketAccept(current, sock)
  const isNonblocking = sock.file !== null && (sock.file.flags & O_NONBLOCK) !== 0
  const sk = verdict !== 0 ? verdict : sock.ops.accept(current, sock, isNonblocking)
  if (typeof sk === 'number') {
    // Nothing has been made of it: it never was.
    newsock.net.inUse--
    ;(partOf(current) ?? current.k.state).nextPipeIno--
    return settled(current, sock, sk) as Errno
  }
  newsock.state = SS_CONNECTED
  sockGraft(sk, newsock)
  endSockCall(current)
  const newFd = fdOf(sockMapFd(current, newsock))
  if (isErr(newFd)) return newFd
  if (address === undefined || address === null) return newFd
  const name = newsock.ops.getname(newsock, 'accepted')
  const failed = typeof name === 'number' ? ECONNABORTED : fillSockaddr(address, name)
  if (failed === 0) return newFd
  const file = fdRemove(current.files, newFd)
  if (file !== null) fput(current, file)
  return failed as Errno
}

/** Connects, or for datagrams sets whom to talk to. Errors: as the family says. Linux: sys_connect. */
export function sysConnect(current: Task, fd: number, address: SockAddr | null): number {
  const sock = sockfdLookup(current, fd)
  if (isErr(sock)) return sock
  const name = readSockaddr(address, sock.net.netlink.byteOrder)
  if (isErr(name)) return name
  const verdict = current.k.security.socketConnect(current, sock, name)
  if (verdict !== 0) return verdict
  const isNonblocking = sock.file !== null && (sock.file.flags & O_NONBLOCK) !== 0
  return settled(current, sock, sock.ops.connect(current, sock, name, isNonblocking))
}

/** The local address. Errors: EBADF, ENOTSOCK. Linux: sys_getsockname. */
export function sysGetsockname(current: Task, fd: number): Ret<SockName> {
  const sock = sockfdLookup(current, fd)
  if (isErr(sock)) return sock
  const verdict = current.k.security.socketGetsockname(current, sock)
  if (verdict !== 0) return verdict as Errno
  const name = sock.ops.getname(sock, false)
  return typeof name === 'number' ? (name as Errno) : showSockaddr(name)
}

/** The peer's address. Errors: EBADF, ENOTSOCK, ENOTCONN. Linux: sys_getpeername. */
export function sysGetpeername(current: Task, fd: number): Ret<SockName> {
  const sock = sockfdLookup(current, fd)
  if (isErr(sock)) return sock
  const verdict = current.k.security.socketGetpeername(current, sock)
  if (verdict !== 0) return verdict as Errno
  const name = sock.ops.getname(sock, true)
  return typeof name === 'number' ? (name as Errno) : showSockaddr(name)
}

// ---- data ----------------------------------------------------------------------------------------------------

/** Sends to the peer: bytes sent. Errors: as sendto. Linux: sys_send. */
export function sysSend(current: Task, fd: number, data: Uint8Array, flags = 0): number {
  const sock = sockfdLookup(current, fd)
  return isErr(sock) ? sock : sockSendmsg(current, sock, new Msg(data, null), flags)
}

/** Sends to an address: bytes sent. Errors: EBADF, ENOTSOCK, EFAULT; others as the family says. Linux: sys_sendto. */
export function sysSendto(
  current: Task,
  fd: number,
  data: Uint8Array,
  flags = 0,
  address?: SockAddr | null,
): number {
  const sock = sockfdLookup(current, fd)
  if (isErr(sock)) return sock
  const name =
    address === undefined || address === null ? null : readSockaddr(address, sock.net.netlink.byteOrder)
  if (isErr(name)) return name
  return sockSendmsg(current, sock, new Msg(data, name !== null && name.length > 0 ? name : null), flags)
}

/** Receives into `buf`: bytes received. 2.0 says 0 at once where there is no room. Linux: sys_recv. */
export function sysRecv(current: Task, fd: number, buf: Uint8Array, flags = 0): number {
  const sock = sockfdLookup(current, fd)
  if (isErr(sock)) return sock
  if (buf.length === 0 && current.k.facts.release === '2.0.35') return 0
  return sockRecvmsg(current, sock, new Msg(buf, null), flags)
}

/** As recv; `address` is filled with the sender's, emptied where there is none. Linux: sys_recvfrom. */
export function sysRecvfrom(
  current: Task,
  fd: number,
  buf: Uint8Array,
  flags = 0,
  address?: SockAddrBuffer | null,
): number {
  const sock = sockfdLookup(current, fd)
  if (isErr(sock)) return sock
  if (buf.length === 0 && current.k.facts.release === '2.0.35') return 0
  const msg = new Msg(buf, null)
  msg.wantsName = address !== undefined && address !== null
  const count = sockRecvmsg(current, sock, msg, flags)
  if (count < 0 || !msg.wantsName) return count
  const failed = fillSockaddr(address, msg.name)
  return failed !== 0 ? failed : count
}

/** The pieces of a message. Errors: EFAULT; too many are EMSGSIZE (EINVAL before 2.4). Linux: verify_iovec. */
function piecesOf(current: Task, header: unknown): Uint8Array[] | Errno {
  if (typeof header !== 'object' || header === null || !('iov' in header)) return EFAULT
  const { iov } = header
  if (!Array.isArray(iov)) return EFAULT
  if (iov.length > UIO_MAXIOV) return isAtLeast(current.k.facts.release, '2.6.14') ? EMSGSIZE : EINVAL
  for (const piece of iov) if (!(piece instanceof Uint8Array)) return EFAULT
  return iov
}

/** All pieces in one; where there is one, that itself. */
function gather(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces
  if (pieces.length === 1 && only !== undefined) return only
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

/** Puts what was received into the pieces. */
function scatter(pieces: readonly Uint8Array[], whole: Uint8Array): void {
  if (pieces.length === 1) return
  let at = 0
  for (const piece of pieces) {
    piece.set(whole.subarray(at, at + piece.length))
    at += piece.length
  }
}

/**
 * Sends a message with what goes along. Errors: as sendto; of ancillary data: EBADF no such descriptor, EPERM
 * somebody else's credentials, EINVAL. Linux: sys_sendmsg.
 */
export function sysSendmsg(current: Task, fd: number, header: MsgHdr, flags = 0): number {
  if (typeof header !== 'object' || header === null) return EFAULT
  const sock = sockfdLookup(current, fd)
  if (isErr(sock)) return sock
  const pieces = piecesOf(current, header)
  if (isErr(pieces)) return pieces
  const name =
    header.name === undefined || header.name === null
      ? null
      : readSockaddr(header.name, sock.net.netlink.byteOrder)
  if (isErr(name)) return name
  const msg = new Msg(gather(pieces), name !== null && name.length > 0 ? name : null)
  const sent = sockSendmsg(current, sock, msg, flags, header.control)
  // What the message still holds has not been sent.
  for (const file of msg.scm?.files ?? []) fput(current, file)
  return sent
}

/** Receives a message with what goes along; sets `header.flags`. Errors: as recvfrom. Linux: sys_recvmsg. */
export function sysRecvmsg(current: Task, fd: number, header: MsgHdr, flags = 0): number {
  if (typeof header !== 'object' || header === null) return EFAULT
  const sock = sockfdLookup(current, fd)
  if (isErr(sock)) return sock
  const pieces = piecesOf(current, header)
  if (isErr(pieces)) return pieces
  const msg = new Msg(gather(pieces), null)
  msg.wantsName = header.name !== undefined && header.name !== null
  msg.control = []
  const count = sockRecvmsg(current, sock, msg, flags)
  if (pieces.length !== 1 && (count > 0 || count === BLOCKED)) scatter(pieces, msg.data)
  if (count < 0) return count
  if (msg.wantsName) {
    const failed = fillSockaddr(header.name, msg.name)
    if (failed !== 0) return failed
  }
  const shown = writeControl(current, sock, header, msg)
  return Reflect.set(header, 'flags', msg.flags | (shown ? 0 : MSG_CTRUNC)) ? count : EFAULT
}

// ---- the rest ------------------------------------------------------------------------------------------------

/** Ends one direction or both. Errors: EBADF, ENOTSOCK, ENOTCONN, EINVAL. Linux: sys_shutdown. */
export function sysShutdown(current: Task, fd: number, how: number): number {
  const sock = sockfdLookup(current, fd)
  if (isErr(sock)) return sock
  const verdict = current.k.security.socketShutdown(current, sock, how)
  return verdict !== 0 ? verdict : settled(current, sock, sock.ops.shutdown(current, sock, how))
}

/** Sets an option. Errors: EBADF, ENOTSOCK, ENOPROTOOPT, EINVAL, EFAULT, EPERM. Linux: sys_setsockopt. */
export function sysSetsockopt(
  current: Task,
  fd: number,
  level: number,
  option: number,
  value: unknown,
): number {
  const sock = sockfdLookup(current, fd)
  if (isErr(sock)) return sock
  const verdict = current.k.security.socketSetsockopt(current, sock, level, option)
  if (verdict !== 0) return verdict
  if (level === SOL_SOCKET) return settled(current, sock, sockSetsockopt(current, sock, option, value))
  return settled(current, sock, sock.ops.setsockopt(current, sock, level, option, value))
}

/**
 * An option's value: a number or a structure; with `buf`, its bytes as C has them, as many as fit, and their count.
 * Errors: EBADF, ENOTSOCK, ENOPROTOOPT, EINVAL, ENOTCONN. Linux: sys_getsockopt.
 */
export function sysGetsockopt(
  current: Task,
  fd: number,
  level: number,
  option: number,
  buf?: Uint8Array,
): Ret<number | string | object> {
  const sock = sockfdLookup(current, fd)
  if (isErr(sock)) return sock
  const verdict = current.k.security.socketGetsockopt(current, sock, level, option)
  if (verdict !== 0) return verdict as Errno
  const value =
    level === SOL_SOCKET
      ? sockGetsockopt(current, sock, option)
      : sock.ops.getsockopt(current, sock, level, option)
  if (isErr(value) || buf === undefined || buf === null) return value
  if (!(buf instanceof Uint8Array)) return EFAULT
  const bytes = encodeOption(value, sock.net.netlink.byteOrder)
  const count = Math.min(bytes.length, buf.length)
  // Memory that has gone elsewhere has no bytes.
  if (count > 0) buf.set(bytes.subarray(0, count))
  return count
}

/** The kernel's number of socketcall(2). */
const SOCKETCALL = 102

const shape = (...kinds: NonNullable<CallShape['kinds']>): CallShape =>
  Object.freeze({ kinds: Object.freeze(kinds), nr: SOCKETCALL })

/** The calls by name. */
export const socketCalls = Object.freeze({
  socket: sysSocket,
  bind: sysBind,
  connect: sysConnect,
  listen: sysListen,
  accept: sysAccept,
  getsockname: sysGetsockname,
  getpeername: sysGetpeername,
  socketpair: sysSocketpair,
  send: sysSend,
  recv: sysRecv,
  sendto: sysSendto,
  recvfrom: sysRecvfrom,
  shutdown: sysShutdown,
  setsockopt: sysSetsockopt,
  getsockopt: sysGetsockopt,
  sendmsg: sysSendmsg,
  recvmsg: sysRecvmsg,
})

/** Their numbers and the kinds of their arguments. */
export const socketCallShapes: Readonly<Record<keyof typeof socketCalls, CallShape>> = Object.freeze({
  socket: shape('int', 'int', 'int?'),
  bind: shape('fd', 'any'),
  connect: shape('fd', 'any'),
  listen: shape('fd', 'int'),
  accept: shape('fd', 'any'),
  getsockname: shape('fd'),
  getpeername: shape('fd'),
  socketpair: shape('int', 'int', 'int?'),
  send: shape('fd', 'buf', 'int?'),
  recv: shape('fd', 'buf', 'int?'),
  sendto: shape('fd', 'buf', 'int?', 'any'),
  recvfrom: shape('fd', 'buf', 'int?', 'any'),
  shutdown: shape('fd', 'int'),
  setsockopt: shape('fd', 'int', 'int', 'any'),
  getsockopt: shape('fd', 'int', 'int', 'any'),
  sendmsg: shape('fd', 'any', 'int?'),
  recvmsg: shape('fd', 'any', 'int?'),
})
