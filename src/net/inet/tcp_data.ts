/**
 * Data into and out of a connection. Linux: tcp_sendmsg, tcp_recvmsg, tcp_recv_urg, cleanup_rbuf, sk_stream_error
 * (net/ipv4/tcp.c, net/core/stream.c, 2.2.12, 2.6.14).
 *
 * A call that sleeps half done remembers in its SockCall how many bytes it has moved.
 */

import { BLOCKED, EAGAIN, EINVAL, EISCONN, ENOBUFS, ENOTCONN, EPIPE } from '../../abi/errno.js'
import { SIGPIPE } from '../../abi/signal.js'
import {
  MSG_DONTROUTE,
  MSG_DONTWAIT,
  MSG_MORE,
  MSG_NOSIGNAL,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  MSG_WAITALL,
} from '../../abi/socket.js'
import { sendSignalSelf } from '../../kernel/signal.js'
import type { Task } from '../../kernel/task.js'
import { shouldFail } from '../../sim/faults.js'
import { kfreeSkb, type SkBuff, skbUnlink } from '../skbuff.js'
import {
  type Msg,
  RCV_SHUTDOWN,
  SEND_SHUTDOWN,
  SOCK_NOSPACE,
  sockError,
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_ESTABLISHED,
  TCP_LISTEN,
} from '../sock.js'
import { beginSockCall, sockCall, sockWait } from '../sock_wait.js'
import {
  allocSegment,
  isConnecting,
  pushPending,
  queueSegment,
  roomFor,
  sendAck,
  tcpRoute,
} from './tcp_output.js'
import {
  advance,
  after,
  distance,
  modern,
  type TcpSock,
  TH_ACK,
  TH_PSH,
  tcpCb,
  URG_NONE,
  URG_READ,
  URG_VALID,
} from './tcp_sock.js'

// ---- sending -------------------------------------------------------------------------------------------------

/** Bytes sent so far, or the error, which for EPIPE may be another and is told by a signal. Linux: sk_stream_error. */
function ended(current: Task, sk: TcpSock, sent: number, error: number, flags: number): number {
  if (sent > 0) return sent
  const found = error === EPIPE ? sockError(sk) || EPIPE : error
  if (found === EPIPE && (flags & MSG_NOSIGNAL) === 0) {
    sendSignalSelf(current, SIGPIPE, 'broken-pipe', sk.socket?.file ?? null)
  }
  return found
}

/** Sleeps in a send; what has been sent is remembered. */
function sleepSending(current: Task, sk: TcpSock, sent: number, flags: number): number {
  const { socket } = sk
  if (socket === null) return EPIPE
  if ((flags & MSG_DONTWAIT) !== 0) return ended(current, sk, sent, EAGAIN, flags)
  const slept = sockWait(current, socket.wait, sk.sndtimeo)
  if (slept !== BLOCKED) return ended(current, sk, sent, slept, flags)
  beginSockCall(current, sk.sndtimeo).done = sent
  return BLOCKED
}

/** Is there a packet that has not been sent and has room? */
function openTail(sk: TcpSock): SkBuff | null {
  const { tail } = sk.writeQueue
  if (sk.sendHead === null || tail === null || tail.len >= sk.mss) return null
  return tail.tail < tail.data.length ? tail : null
}

/** Copies the rest of a message into the queue while there is room: how far it has come. */
function fillQueue(sk: TcpSock, data: Uint8Array, from: number, flags: number): number {
  let sent = from
  const { length } = data
  while (sent < length) {
    let skb = openTail(sk)
    if (skb === null) {
      if (sk.wmem >= sk.sndbuf) break
      if (shouldFail(sk.net.k, 'alloc:skb')) return sent === from ? ENOBUFS : sent
      skb = allocSegment(sk, roomFor(sk, length - sent))
      queueSegment(sk, skb, TH_ACK)
    }
    const count = Math.min(length - sent, sk.mss - skb.len, skb.data.length - skb.tail)
    skb.data.set(count === length ? data : data.subarray(sent, sent + count), skb.tail)
    skb.tail += count
    sent += count
    const cb = tcpCb(skb)
    cb.endSeq = advance(cb.endSeq, count)
    sk.writeSeq = advance(sk.writeSeq, count)
    if (sent === length && (flags & MSG_MORE) === 0) cb.flags |= TH_PSH
    // The receiver can begin.
    else if (skb.len >= sk.mss && skb === sk.sendHead) pushPending(sk)
  }
  return sent
}

/** May a send go on? 0, or the error that ends it. */
function sendable(sk: TcpSock): number {
  if (sk.err !== 0 || (sk.shutdown & SEND_SHUTDOWN) !== 0) return EPIPE
  return sk.state === TCP_ESTABLISHED || sk.state === TCP_CLOSE_WAIT ? 0 : EPIPE
}

/**
 * Bytes sent. Errors: EPIPE and SIGPIPE; the socket's error; EAGAIN, EINTR; EISCONN, EINVAL an address or flags
 * (2.2); ENOBUFS. Linux: tcp_sendmsg; tcp_v4_sendmsg, tcp_do_sendmsg (2.2).
 */
export function tcpSendmsg(current: Task, sk: TcpSock, msg: Msg, flags: number): number {
  const isModern = modern(sk)
  if (!isModern) {
    if ((flags & ~(MSG_OOB | MSG_DONTROUTE | MSG_DONTWAIT | MSG_NOSIGNAL)) !== 0) return EINVAL
    if (msg.name !== null) {
      if (sk.state === TCP_CLOSE) return ENOTCONN
      if (msg.name.family !== 2) return EINVAL
      if (msg.name.port !== sk.dport || msg.name.addr !== sk.daddr) return EISCONN
    }
  }
  const { data } = msg
  let sent = sockCall(current)?.done ?? 0
  if (sk.state !== TCP_ESTABLISHED && sk.state !== TCP_CLOSE_WAIT && sent === 0) {
    if (sk.err !== 0) return ended(current, sk, 0, sockError(sk), flags)
    if (!isConnecting(sk)) return ended(current, sk, 0, EPIPE, flags)
    return sleepSending(current, sk, 0, flags)
  }
  const failed = sendable(sk)
  if (failed !== 0) return ended(current, sk, sent, failed, flags)
  // A kept route may be gone: what is queued finds another.
  if (sk.route === null) tcpRoute(sk)
  const filled = fillQueue(sk, data, sent, flags)
  if (filled < 0) return ended(current, sk, sent, filled, flags)
  sent = filled
  if ((flags & MSG_OOB) !== 0 && sent === data.length && sent > 0) {
    sk.urgMode = true
    sk.sndUp = sk.writeSeq
  }
  if ((flags & MSG_MORE) === 0 || sent < data.length) pushPending(sk, (flags & MSG_OOB) !== 0)
  if (sent >= data.length) return sent
  if (sk.socket !== null) sk.socket.flags |= SOCK_NOSPACE
  return sleepSending(current, sk, sent, flags)
}

// ---- receiving -----------------------------------------------------------------------------------------------

/** Urgent data out of the stream. Linux: tcp_recv_urg. */
function receiveUrgent(sk: TcpSock, msg: Msg, flags: number): number {
  if (sk.oobInline || sk.urgData === URG_NONE || sk.urgData === URG_READ) return EINVAL
  if (sk.state === TCP_CLOSE && !sk.isDone) return ENOTCONN
  if ((sk.urgData & URG_VALID) !== 0) {
    const byte = sk.urgData & 0xff
    if ((flags & MSG_PEEK) === 0) sk.urgData = URG_READ
    msg.flags |= MSG_OOB
    if (msg.data.length === 0) {
      msg.flags |= MSG_TRUNC
      return 0
    }
    msg.data[0] = byte
    return 1
  }
  if (sk.state === TCP_CLOSE || (sk.shutdown & RCV_SHUTDOWN) !== 0) return 0
  return EAGAIN
}

/** After data have been read: tells the peer of a window that has opened. Linux: cleanup_rbuf. */
function afterRead(sk: TcpSock, copied: number): void {
  if (sk.state === TCP_CLOSE || sk.state === TCP_LISTEN) return
  if (sk.ackPending) {
    // What was small has been read to the end by a program that does not answer: its peer may be waiting.
    const isDrained = copied > 0 && sk.ackPushed && !sk.pingpong && sk.rmem === 0
    if (isDrained || distance(sk.rcvWup, sk.rcvNxt) > sk.rcvMss) {
      sendAck(sk)
      return
    }
  }
  if (copied <= 0 || (sk.shutdown & RCV_SHUTDOWN) !== 0) return
  const told = Math.max(0, distance(sk.rcvNxt, advance(sk.rcvWup, sk.rcvWnd)))
  if (2 * told > sk.windowClamp) return
  const space = Math.max(0, sk.rcvbuf - sk.rmem)
  const window = Math.min(space - (space >> 2), sk.windowClamp)
  if (window > 0 && window >= 2 * told && window >= Math.min(sk.rcvMss, sk.rcvbuf >> 1)) sendAck(sk)
}

/** Copies what is in its turn: bytes copied in all. With MSG_PEEK it stays. */
function drain(sk: TcpSock, msg: Msg, from: number, flags: number): number {
  const isPeeking = (flags & MSG_PEEK) !== 0
  const size = msg.data.length
  let copied = from
  let seq = sk.copiedSeq
  let skb = sk.receiveQueue.head
  while (skb !== null && copied < size) {
    let at = skb.head + (isPeeking ? distance(tcpCb(skb).seq, seq) : 0)
    let used = Math.min(skb.tail - at, size - copied)
    if (sk.urgData !== URG_NONE) {
      const place = distance(seq, sk.urgSeq)
      if (place === 0 && copied > from) break
      if (place === 0 && copied > 0 && !sk.oobInline) break
      if (place === 0 && !sk.oobInline) {
        // The urgent byte is not part of the stream.
        at++
        seq = advance(seq, 1)
        used = Math.min(skb.tail - at, size - copied)
        if (!isPeeking) consume(sk, skb, 1)
      } else if (place > 0 && place < used) used = place
    }
    if (used > 0) {
      const whole = at === 0 && used === skb.data.length
      msg.data.set(whole ? skb.data : skb.data.subarray(at, at + used), copied)
      copied += used
      seq = advance(seq, used)
      if (!isPeeking) consume(sk, skb, used)
    }
    if (!isPeeking && sk.urgData !== URG_NONE && after(sk.copiedSeq, sk.urgSeq)) sk.urgData = URG_NONE
    const next = skb.next
    if (!isPeeking) {
      if (skb.len > 0) continue
      skbUnlink(skb)
      kfreeSkb(skb)
    } else if (at + used < skb.tail) continue
    skb = next
  }
  return copied
}

/** `count` bytes have been read. */
function consume(sk: TcpSock, skb: SkBuff, count: number): void {
  skb.head += count
  const cb = tcpCb(skb)
  cb.seq = advance(cb.seq, count)
  sk.copiedSeq = advance(sk.copiedSeq, count)
}

/** Why a receive that has found nothing ends: bytes (0 at the end), an Errno; 1 for nothing. */
function endOf(sk: TcpSock): number {
  if (sk.isDone) return 0
  const error = sockError(sk)
  if (error !== 0) return error
  if ((sk.shutdown & RCV_SHUTDOWN) !== 0) return 0
  return sk.state === TCP_CLOSE ? ENOTCONN : 1
}

/**
 * Bytes received; 0 at the end. Errors: ENOTCONN; EINVAL no urgent data; the socket's error; EAGAIN, EINTR.
 * Linux: tcp_recvmsg.
 */
export function tcpRecvmsg(current: Task, sk: TcpSock, msg: Msg, flags: number): number {
  if (sk.state === TCP_LISTEN) return ENOTCONN
  if ((flags & MSG_OOB) !== 0) return receiveUrgent(sk, msg, flags)
  const size = msg.data.length
  const target = (flags & MSG_WAITALL) !== 0 ? size : Math.min(modern(sk) ? sk.rcvlowat : 1, size)
  const was = (flags & MSG_PEEK) !== 0 ? 0 : (sockCall(current)?.done ?? 0)
  const copied = drain(sk, msg, was, flags)
  const isAtMark = sk.urgData !== URG_NONE && sk.urgSeq === sk.copiedSeq && copied > 0 && !sk.oobInline
  if (copied > was) afterRead(sk, copied - was)
  if ((copied >= target && (copied > 0 || size === 0)) || isAtMark) return copied
  if (copied > 0) {
    const isOver = sk.err !== 0 || sk.state === TCP_CLOSE || (sk.shutdown & RCV_SHUTDOWN) !== 0
    if (isOver || (flags & (MSG_DONTWAIT | MSG_PEEK)) !== 0) return copied
  } else {
    const end = endOf(sk)
    if (end <= 0) return end
    if ((flags & MSG_DONTWAIT) !== 0) return EAGAIN
  }
  const { socket } = sk
  if (socket === null) return ENOTCONN
  const slept = sockWait(current, socket.wait, sk.rcvtimeo)
  if (slept !== BLOCKED) return copied > 0 ? copied : slept
  const call = beginSockCall(current, sk.rcvtimeo)
  call.done = copied
  call.waitsData = true
  return BLOCKED
}
