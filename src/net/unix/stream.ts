/**
 * Streams of AF_UNIX. Linux: unix_stream_sendmsg, unix_stream_recvmsg, net/unix/af_unix.c (2.2.12, 2.6.14).
 *
 * A call that sleeps half done remembers in its SockCall how many bytes it has moved; data received so far are in the
 * program's buffer already.
 */

import { BLOCKED, EAGAIN, EINVAL, EISCONN, ENOTCONN, EOPNOTSUPP, EPIPE, isErr } from '../../abi/errno.js'
import { isAtLeast } from '../../abi/profile.js'
import { SIGPIPE } from '../../abi/signal.js'
import { MSG_DONTWAIT, MSG_NOSIGNAL, MSG_OOB, MSG_PEEK, MSG_WAITALL } from '../../abi/socket.js'
import { sendSignalSelf } from '../../kernel/signal.js'
import type { Task } from '../../kernel/task.js'
import { discardScm } from '../msghdr.js'
import { kfreeSkb, type SkBuff, skbQueueTail, skbUnlink } from '../skbuff.js'
import {
  type Msg,
  RCV_SHUTDOWN,
  SEND_SHUTDOWN,
  SO_ACCEPTCON,
  type Sock,
  type Socket,
  sockDataReady,
  sockError,
  TCP_ESTABLISHED,
} from '../sock.js'
import { beginSockCall, sockCall, sockWait } from '../sock_wait.js'
import { writerName } from './connect.js'
import { attachScm, takeScm } from './dgram.js'
import { unixFree } from './garbage.js'
import { type UnixSock, unixAllocSkb, unixCb } from './sock.js'

const modern = (sk: Sock): boolean => isAtLeast(sk.net.k.facts.release, '2.6.14')

/** The most bytes of one buffer: four pages less what the kernel keeps there (2.6); one page (2.2). */
const MAX_CHUNK = 16384 - 160
const MAX_OLD_CHUNK = 4096 - 16

// ---- sending -------------------------------------------------------------------------------------------------

/** SIGPIPE, unless something has been sent or it is not wanted; then EPIPE. */
function brokenStream(current: Task, sock: Socket, sent: number, flags: number): number {
  if (sent > 0) return sent
  if ((flags & MSG_NOSIGNAL) === 0) sendSignalSelf(current, SIGPIPE, 'broken-pipe', sock.file)
  return EPIPE
}

/** Two buffers of what may be under way, so that the receiver can begin. */
function chunkOf(sk: UnixSock, left: number): number {
  const isModern = modern(sk)
  const half = Math.floor(sk.sndbuf / 2) - (isModern ? 64 : 16)
  return Math.min(left, half, isModern ? MAX_CHUNK : Math.max(MAX_OLD_CHUNK, half))
}

/**
 * Errors: EOPNOTSUPP MSG_OOB; EINVAL a listener, flags (2.2); EISCONN or EOPNOTSUPP with an address; ENOTCONN; EPIPE
 * and SIGPIPE; EAGAIN, EINTR. Linux: unix_stream_sendmsg.
 */
export function unixStreamSendmsg(current: Task, sock: Socket, msg: Msg, flags: number): number {
  const sk = sock.sk as UnixSock
  const isModern = modern(sk)
  if (!isModern && (sock.flags & SO_ACCEPTCON) !== 0) return EINVAL
  if ((flags & MSG_OOB) !== 0) return EOPNOTSUPP
  if (!isModern && (flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) !== 0) return EINVAL
  if (msg.name !== null) return sk.state === TCP_ESTABLISHED ? EISCONN : EOPNOTSUPP
  const { peer } = sk
  if (peer === null) return ENOTCONN
  const { length } = msg.data
  let sent = sockCall(current)?.done ?? 0
  if (sent === 0 && (sk.shutdown & SEND_SHUTDOWN) !== 0) return brokenStream(current, sock, 0, flags)
  while (sent < length) {
    const size = chunkOf(sk, length - sent)
    const skb = unixAllocSkb(current, sk, size, flags)
    if (isErr(skb)) {
      if (skb !== BLOCKED) return sent > 0 ? sent : skb
      beginSockCall(current, sk.sndtimeo).done = sent
      return BLOCKED
    }
    if (
      peer.dead ||
      (isModern ? (peer.shutdown & RCV_SHUTDOWN) !== 0 : (sk.shutdown & SEND_SHUTDOWN) !== 0)
    ) {
      kfreeSkb(skb)
      return brokenStream(current, sock, sent, flags)
    }
    skb.data.set(size === length ? msg.data : msg.data.subarray(sent, sent + size))
    if (sent > 0 && msg.scm !== null) dropSentFiles(msg)
    attachScm(current, skb, msg)
    skbQueueTail(peer.receiveQueue, skb)
    sockDataReady(peer)
    sent += size
  }
  return sent
}

/** Files go with the first buffer; in a later run of the call they have gone already. */
function dropSentFiles(msg: Msg): void {
  const { scm } = msg
  if (scm === null || scm.files === null) return
  for (const file of scm.files) file.count--
  scm.files = null
}

// ---- receiving -----------------------------------------------------------------------------------------------

const sameWriter = (skb: SkBuff, msg: Msg): boolean => {
  const cb = unixCb(skb)
  const { scm } = msg
  return cb === null || scm === null || (cb.pid === scm.pid && cb.uid === scm.uid && cb.gid === scm.gid)
}

/**
 * Bytes received, of one writer; 0 at the end. Errors: EINVAL not connected (2.6), a listener; EOPNOTSUPP MSG_OOB;
 * the socket's error; EAGAIN, EINTR. Linux: unix_stream_recvmsg.
 */
export function unixStreamRecvmsg(current: Task, sock: Socket, msg: Msg, flags: number): number {
  const sk = sock.sk as UnixSock
  const isModern = modern(sk)
  if (isModern ? sk.state !== TCP_ESTABLISHED : (sock.flags & SO_ACCEPTCON) !== 0) return EINVAL
  if ((flags & MSG_OOB) !== 0) return EOPNOTSUPP
  const size = msg.data.length
  const target = (flags & MSG_WAITALL) !== 0 ? size || 1 : Math.min(isModern ? sk.rcvlowat : 1, size) || 1
  let copied = sockCall(current)?.done ?? 0
  const result = (): number => {
    if (msg.control === null) discardScm(current, sock, msg)
    return copied
  }
  do {
    const skb = sk.receiveQueue.head
    if (skb === null) {
      if (copied >= target) break
      const error = sockError(sk)
      if (error !== 0) return copied > 0 && isModern ? result() : error
      if ((sk.shutdown & RCV_SHUTDOWN) !== 0) break
      if ((flags & MSG_DONTWAIT) !== 0) return copied > 0 && isModern ? result() : EAGAIN
      return waitForData(current, sock, sk, copied, msg)
    }
    if (msg.scm !== null && !sameWriter(skb, msg)) break
    if (msg.wantsName && msg.name === null && skb.sk !== null) msg.name = writerName(skb.sk as UnixSock)
    const chunk = Math.min(skb.len, size - copied)
    msg.data.set(chunk === skb.data.length ? skb.data : skb.data.subarray(skb.head, skb.head + chunk), copied)
    copied += chunk
    const isPeeking = (flags & MSG_PEEK) !== 0
    takeScm(skb, msg, isPeeking)
    if (isPeeking) break
    skb.head += chunk
    if (skb.len > 0) break
    skbUnlink(skb)
    unixFree(skb)
    if (msg.scm?.files != null) break
  } while (copied < size)
  return result()
}

/** Sleeps for data; a signal ends a call that has moved something with what it has. */
function waitForData(current: Task, sock: Socket, sk: UnixSock, copied: number, msg: Msg): number {
  const slept = sockWait(current, sock.wait, sk.rcvtimeo)
  if (slept !== BLOCKED) {
    if (copied === 0 || !modern(sk)) return slept
    if (msg.control === null) discardScm(current, sock, msg)
    return copied
  }
  const call = beginSockCall(current, sk.rcvtimeo)
  call.done = copied
  call.waitsData = true
  return BLOCKED
}
