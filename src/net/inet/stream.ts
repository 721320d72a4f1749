/**
 * Sockets of AF_INET that carry streams: the states of a socket over those of its protocol. Linux:
 * inet_stream_connect, inet_listen, inet_accept, inet_shutdown, net/ipv4/af_inet.c (2.0.35, 2.2.12, 2.6.14).
 */

import {
  BLOCKED,
  EADDRINUSE,
  EAGAIN,
  EALREADY,
  ECONNABORTED,
  EINPROGRESS,
  EINVAL,
  EISCONN,
  ENOTCONN,
  EPIPE,
} from '../../abi/errno.js'
import { FIONREAD, SIOCATMARK, TIOCOUTQ } from '../../abi/ioctl.js'
import { SIGPIPE } from '../../abi/signal.js'
import { AF_UNSPEC, MSG_NOSIGNAL } from '../../abi/socket.js'
import { sendSignalSelf } from '../../kernel/signal.js'
import type { Task } from '../../kernel/task.js'
import { putInt } from '../../vfs/ioctl_arg.js'
import { devIoctl } from '../devioctl.js'
import {
  type Msg,
  RCV_SHUTDOWN,
  SEND_SHUTDOWN,
  SHUTDOWN_MASK,
  type Sock,
  type Socket,
  type SocketOps,
  SS_CONNECTED,
  SS_CONNECTING,
  SS_DISCONNECTING,
  SS_UNCONNECTED,
  sockError,
  sockStateChange,
  TCP_CLOSE,
  TCP_LISTEN,
  TCP_SYN_SENT,
} from '../sock.js'
import { beginSockCall, sockCall, sockWait } from '../sock_wait.js'
import type { Sockaddr } from '../sockaddr.js'
import { inetAutobind } from './bind.js'
import { tcpLinger, tcpListenStart, tcpShutdown } from './tcp.js'
import { isConnecting } from './tcp_output.js'
import { distance, modern, type TcpSock, URG_NONE } from './tcp_sock.js'
import { isConnected } from './tcp_state.js'

const skOf = (sock: Socket): TcpSock => sock.sk as TcpSock

/** Begins a connection: 0 or an Errno. */
function begin(current: Task, sock: Socket, address: Sockaddr): number {
  const sk = skOf(sock)
  switch (sock.state) {
    case SS_CONNECTED:
      return EISCONN
    case SS_CONNECTING:
      return 0
    case SS_UNCONNECTED:
      break
    default:
      return EINVAL
  }
  if (sk.state !== TCP_CLOSE) return EISCONN
  if (!modern(sk) && inetAutobind(sk) !== 0) return EAGAIN
  const failed = sk.proto.connect(current, sk, address, false)
  if (failed < 0) return failed
  sock.state = SS_CONNECTING
  return 0
}

/**
 * Errors: EISCONN, EALREADY, EINPROGRESS, EINVAL, EINTR; ECONNREFUSED and others that the peer or the way tell;
 * ECONNABORTED; those of the protocol. Linux: inet_stream_connect.
 */
function streamConnect(current: Task, sock: Socket, address: Sockaddr, isNonblocking: boolean): number {
  const sk = skOf(sock)
  if (address.length >= 2 && address.family === AF_UNSPEC) {
    const failed = sk.proto.disconnect(sk)
    sock.state = failed !== 0 ? SS_DISCONNECTING : SS_UNCONNECTED
    return failed
  }
  const call = sockCall(current)
  const pending = call === null && sock.state === SS_CONNECTING ? EALREADY : EINPROGRESS
  const failed = begin(current, sock, address)
  if (failed < 0) return failed
  if (isConnecting(sk)) {
    if (isNonblocking) return pending
    const slept = sockWait(current, sock.wait, sk.sndtimeo)
    if (slept === BLOCKED) {
      const made = beginSockCall(current, sk.sndtimeo)
      made.extra ??= pending
      return BLOCKED
    }
    return slept === EAGAIN ? Number(call?.extra ?? pending) : slept
  }
  if (sk.state === TCP_CLOSE) {
    const error = sockError(sk) || ECONNABORTED
    sock.state = sk.proto.disconnect(sk) !== 0 ? SS_DISCONNECTING : SS_UNCONNECTED
    sk.err = 0
    return error
  }
  sock.state = SS_CONNECTED
  return 0
}

/** Errors: EINVAL, EAGAIN no port, EADDRINUSE. Linux: inet_listen. */
function streamListen(_current: Task, sock: Socket, backlog: number): number {
  const sk = skOf(sock)
  const isModern = modern(sk)
  if (sock.state !== SS_UNCONNECTED) return EINVAL
  if (sk.state !== TCP_CLOSE && sk.state !== TCP_LISTEN) return EINVAL
  if (sk.state !== TCP_LISTEN) {
    if (sk.num === 0 && inetAutobind(sk) !== 0) return isModern ? EADDRINUSE : EAGAIN
    if (tcpListenStart(sk) !== 0) return EADDRINUSE
  }
  sk.maxAckBacklog = isModern || backlog !== 0 ? backlog : 1
  return 0
}

/** Errors: EINVAL no listener; EAGAIN, EINTR. Linux: inet_accept, tcp_accept. */
function streamAccept(current: Task, sock: Socket, isNonblocking: boolean): Sock | number {
  const sk = skOf(sock)
  if (sk.state !== TCP_LISTEN) return EINVAL
  const child = sk.acceptQueue.shift()
  if (child === undefined) {
    return isNonblocking ? EAGAIN : sockWait(current, sock.wait, sk.rcvtimeo, modern(sk))
  }
  sk.ackBacklog = sk.acceptQueue.length
  child.parent = null
  return child
}

/** Errors: ENOTCONN, EINVAL. Linux: inet_shutdown. */
function streamShutdown(_current: Task, sock: Socket, how: number): number {
  const sk = skOf(sock)
  const mode = (how + 1) | 0
  if ((mode & ~SHUTDOWN_MASK) !== 0 || mode === 0) return EINVAL
  const isModern = modern(sk)
  if (sock.state === SS_CONNECTING) {
    if (isConnecting(sk) || sk.state === TCP_CLOSE) {
      if (isModern) sock.state = SS_DISCONNECTING
    } else sock.state = SS_CONNECTED
  }
  if (!isModern) {
    if (!isConnected(sk.state)) return ENOTCONN
    sk.shutdown |= mode
    tcpShutdown(sk, mode)
    sockStateChange(sk)
    return 0
  }
  let result = 0
  if (sk.state === TCP_SYN_SENT || (sk.state === TCP_LISTEN && (mode & RCV_SHUTDOWN) !== 0)) {
    result = sk.proto.disconnect(sk)
    sock.state = result !== 0 ? SS_DISCONNECTING : SS_UNCONNECTED
  } else if (sk.state !== TCP_LISTEN) {
    if (sk.state === TCP_CLOSE) result = ENOTCONN
    sk.shutdown |= mode
    tcpShutdown(sk, mode)
  }
  sockStateChange(sk)
  return result
}

/** Linux: inet_sendmsg. */
function streamSendmsg(current: Task, sock: Socket, msg: Msg, flags: number): number {
  const sk = skOf(sock)
  if (!modern(sk) && (sk.shutdown & SEND_SHUTDOWN) !== 0 && sockCall(current) === null) {
    if ((flags & MSG_NOSIGNAL) === 0) sendSignalSelf(current, SIGPIPE, 'broken-pipe', sock.file)
    return EPIPE
  }
  const failed = inetAutobind(sk)
  return failed !== 0 ? failed : sk.proto.sendmsg(current, sk, msg, flags)
}

/** Linux: inet_recvmsg. */
function streamRecvmsg(current: Task, sock: Socket, msg: Msg, flags: number): number {
  const sk = skOf(sock)
  if (!modern(sk)) {
    const failed = inetAutobind(sk)
    if (failed !== 0) return failed
  }
  return sk.proto.recvmsg(current, sk, msg, flags)
}

/** Bytes to read, is the mark reached, bytes not acknowledged. Linux: tcp_ioctl. */
function streamIoctl(
  current: Task,
  sock: Socket,
  cmd: number,
  arg: Parameters<SocketOps['ioctl']>[3],
): number {
  const sk = skOf(sock)
  switch (cmd) {
    case FIONREAD: {
      if (sk.state === TCP_LISTEN) return EINVAL
      // What has come can be read after the end, too.
      if (isConnecting(sk)) return putInt(arg, 0)
      let count = 0
      for (let skb = sk.receiveQueue.head; skb !== null; skb = skb.next) count += skb.len
      if (sk.urgData !== URG_NONE && !sk.oobInline) {
        const place = distance(sk.copiedSeq, sk.urgSeq)
        if (place === 0 && count > 0) count--
        else if (place > 0 && place < count) count = place
      }
      return putInt(arg, count)
    }
    case SIOCATMARK:
      return putInt(arg, sk.urgData !== URG_NONE && sk.urgSeq === sk.copiedSeq ? 1 : 0)
    case TIOCOUTQ:
      if (sk.state === TCP_LISTEN) return EINVAL
      return putInt(arg, sk.state === TCP_SYN_SENT ? 0 : distance(sk.sndUna, sk.writeSeq))
    default:
      return devIoctl(current, sk.net, cmd, arg)
  }
}

/** What streams do otherwise than datagrams. */
export const streamParts = {
  linger: tcpLinger,
  connect: streamConnect,
  listen: streamListen,
  accept: streamAccept,
  shutdown: streamShutdown,
  sendmsg: streamSendmsg,
  recvmsg: streamRecvmsg,
  ioctl: streamIoctl,
} as const
