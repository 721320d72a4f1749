/**
 * Datagrams and sequenced packets of AF_UNIX. Linux: unix_dgram_sendmsg, unix_dgram_recvmsg, unix_seqpacket_sendmsg,
 * net/unix/af_unix.c (2.2.12,
 * 2.6.14).
 */

import {
  EAGAIN,
  ECONNREFUSED,
  ECONNRESET,
  EINVAL,
  EMSGSIZE,
  ENOTCONN,
  EOPNOTSUPP,
  EPIPE,
  isErr,
} from '../../abi/errno.js'
import { isAtLeast } from '../../abi/profile.js'
import { MSG_DONTWAIT, MSG_NOSIGNAL, MSG_OOB, MSG_PEEK, MSG_TRUNC, SOCK_SEQPACKET } from '../../abi/socket.js'
import type { Task } from '../../kernel/task.js'
import { wakeUp } from '../../kernel/wait.js'
import { recvDatagram } from '../datagram.js'
import { discardScm } from '../msghdr.js'
import { kfreeSkb, type SkBuff, skbQueueTail } from '../skbuff.js'
import {
  type Msg,
  RCV_SHUTDOWN,
  ScmCookie,
  SEND_SHUTDOWN,
  type Sock,
  type Socket,
  sockDataReady,
  sockError,
  TCP_ESTABLISHED,
} from '../sock.js'
import { sockWait } from '../sock_wait.js'
import { refusesOthers, unixDgramDisconnected, unixMaySend, writerName } from './connect.js'
import { unixDetachFiles, unixFree, unixInflight } from './garbage.js'
import { unixAutobind, unixFindOther, unixMkname } from './name.js'
import { UnixCb, type UnixSock, unixAllocSkb, unixCb } from './sock.js'

const modern = (sk: Sock): boolean => isAtLeast(sk.net.k.facts.release, '2.6.14')

/** What the sender says of itself, and the files it sends, into the message. */
export function attachScm(current: Task, skb: SkBuff, msg: Msg): void {
  const { scm } = msg
  const cb =
    scm === null
      ? new UnixCb(current.tgid, current.cred.uid, current.cred.gid)
      : new UnixCb(scm.pid, scm.uid, scm.gid)
  if (scm !== null && scm.files !== null) {
    cb.files = scm.files
    scm.files = null
    for (const file of cb.files) unixInflight(file)
  }
  skb.cb = cb
}

/** Is there no place for another datagram? Linux: `>=` and `>` in unix_dgram_sendmsg (2.2, 2.6). */
export function isDgramFull(other: UnixSock): boolean {
  const { length } = other.receiveQueue
  return modern(other) ? length > other.maxAckBacklog : length >= other.net.unix.maxDgramQlen
}

/**
 * Errors: EOPNOTSUPP MSG_OOB; EINVAL flags (2.2), bad name; ENOTCONN nobody to send to; EMSGSIZE; ECONNREFUSED,
 * ECONNRESET gone; EPERM the other is connected elsewhere; EPIPE shut down; EAGAIN. No SIGPIPE.
 * Linux: unix_dgram_sendmsg.
 */
export function unixDgramSendmsg(current: Task, sock: Socket, msg: Msg, flags: number): number {
  const sk = sock.sk as UnixSock
  const isModern = modern(sk)
  if ((flags & MSG_OOB) !== 0) return EOPNOTSUPP
  if (!isModern && (flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) !== 0) return EINVAL
  const name = msg.name === null ? null : unixMkname(msg.name)
  if (isErr(name)) return name
  if (name === null && sk.peer === null) return ENOTCONN
  const { length } = msg.data
  if (isModern && sk.passcred) unixAutobind(sk)
  if (length > sk.sndbuf - (isModern ? 32 : 0)) return EMSGSIZE
  if (!isModern && sk.passcred && sk.address === null) unixAutobind(sk)
  const skb = unixAllocSkb(current, sk, length, flags)
  if (isErr(skb)) return skb
  const other = receiverOf(current, sock, sk, name, flags)
  if (typeof other === 'number') {
    kfreeSkb(skb)
    return other
  }
  skb.data.set(msg.data)
  attachScm(current, skb, msg)
  skbQueueTail(other.receiveQueue, skb)
  sockDataReady(other)
  return length
}

/** Who gets a datagram, when it has place for it. */
function receiverOf(
  current: Task,
  sock: Socket,
  sk: UnixSock,
  name: ReturnType<typeof unixMkname> | null,
  flags: number,
): UnixSock | number {
  const isModern = modern(sk)
  let other = isModern && name !== null ? null : sk.peer
  let error: number = ECONNRESET
  if (other?.dead === true) {
    sk.peer = null
    if (isModern) unixDgramDisconnected(sk, other)
    if (isModern) error = ECONNREFUSED
    other = null
  }
  if (other === null) {
    if (name === null || isErr(name)) return error
    const found = unixFindOther(current, sk, name)
    if (isErr(found)) return found
    other = found
  }
  if (!unixMaySend(sk, other)) return refusesOthers(current, sk)
  if (isModern && (other.shutdown & RCV_SHUTDOWN) !== 0) return EPIPE
  if (sk.type !== SOCK_SEQPACKET) {
    const verdict = current.k.security.unixMaySend(current, sock, other)
    if (verdict !== 0) return verdict
  }
  const mustWait = isDgramFull(other) && (!isModern || other.peer !== sk)
  if (!mustWait) return other
  if ((flags & MSG_DONTWAIT) !== 0) return EAGAIN
  if (!isModern && (sk.shutdown & SEND_SHUTDOWN) !== 0) return EPIPE
  return sockWait(current, other.peerWait, sk.sndtimeo, isModern)
}

/** May sequenced packets be sent? Errors: the socket's own; ENOTCONN. */
export function unixSeqpacketReady(sock: Socket): number {
  const sk = sock.sk as UnixSock
  const error = sockError(sk)
  if (error !== 0) return error
  return sk.state === TCP_ESTABLISHED ? 0 : ENOTCONN
}

/** Errors: ENOTCONN; as unixDgramSendmsg. An address does not count. Linux: unix_seqpacket_sendmsg. */
export function unixSeqpacketSendmsg(current: Task, sock: Socket, msg: Msg, flags: number): number {
  const failed = unixSeqpacketReady(sock)
  if (failed !== 0) return failed
  msg.name = null
  return unixDgramSendmsg(current, sock, msg, flags)
}

/** Hands what came along to the receiver; with MSG_PEEK the files are shared. */
export function takeScm(skb: SkBuff, msg: Msg, isPeeking: boolean): void {
  const cb = unixCb(skb)
  if (cb === null) return
  const scm = msg.scm ?? new ScmCookie()
  scm.pid = cb.pid
  scm.uid = cb.uid
  scm.gid = cb.gid
  msg.scm = scm
  const files = isPeeking ? (cb.files?.slice() ?? null) : unixDetachFiles(skb)
  if (files === null) return
  if (isPeeking) for (const file of files) file.count++
  scm.files = scm.files === null ? files : [...scm.files, ...files]
}

/** Bytes received; what does not fit is lost and sets MSG_TRUNC. Linux: unix_dgram_recvmsg. */
export function unixDgramRecvmsg(current: Task, sock: Socket, msg: Msg, flags: number): number {
  const sk = sock.sk as UnixSock
  if ((flags & MSG_OOB) !== 0) return EOPNOTSUPP
  const skb = recvDatagram(current, sk, flags)
  if (typeof skb === 'number') return skb
  wakeUp(sk.peerWait)
  const isPeeking = (flags & MSG_PEEK) !== 0
  if (msg.wantsName && skb.sk !== null) msg.name = writerName(skb.sk as UnixSock)
  const count = Math.min(msg.data.length, skb.len)
  if (count < skb.len) msg.flags |= MSG_TRUNC
  msg.data.set(count === skb.data.length ? skb.data : skb.data.subarray(skb.head, skb.head + count))
  takeScm(skb, msg, isPeeking)
  if (!isPeeking) unixFree(skb)
  if (msg.control === null) discardScm(current, sock, msg)
  return count
}
