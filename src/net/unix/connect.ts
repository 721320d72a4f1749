/**
 * Connecting, accepting and taking down sockets of AF_UNIX.
 *
 * Linux: unix_stream_connect, unix_dgram_connect, unix_listen, unix_accept, unix_socketpair, unix_getname,
 * unix_shutdown, unix_release_sock, net/unix/af_unix.c (2.2.12, 2.6.14).
 */

import {
  EAGAIN,
  ECONNREFUSED,
  ECONNRESET,
  EINVAL,
  EISCONN,
  ENOTCONN,
  EOPNOTSUPP,
  EPERM,
  type Errno,
  isErr,
} from '../../abi/errno.js'
import { isAtLeast } from '../../abi/profile.js'
import { POLL_HUP, POLL_IN } from '../../abi/signal.js'
import {
  AF_UNIX,
  AF_UNSPEC,
  MSG_DONTWAIT,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
} from '../../abi/socket.js'
import type { Task } from '../../kernel/task.js'
import { wakeUp } from '../../kernel/wait.js'
import { deny } from '../../security/deny.js'
import { recvDatagram } from '../datagram.js'
import { SkBuff, skbDequeue, skbQueueTail } from '../skbuff.js'
import {
  RCV_SHUTDOWN,
  SEND_SHUTDOWN,
  SHUTDOWN_MASK,
  SO_ACCEPTCON,
  type Sock,
  type Socket,
  SS_CONNECTED,
  SS_UNCONNECTED,
  setPeercred,
  sockDataReady,
  sockErrorReport,
  sockOrphan,
  sockStateChange,
  sockWakeAsync,
  TCP_CLOSE,
  TCP_ESTABLISHED,
  TCP_LISTEN,
  wakeAll,
} from '../sock.js'
import { sockWait } from '../sock_wait.js'
import { Sockaddr } from '../sockaddr.js'
import { unixFree, unixGc } from './garbage.js'
import { unixAutobind, unixFindOther, unixForget, unixMkname } from './name.js'
import { putPath, type UnixSock, unixSockAlloc } from './sock.js'

const modern = (sk: Sock): boolean => isAtLeast(sk.net.k.facts.release, '2.6.14')

const isConnectionType = (type: number): boolean => type === SOCK_STREAM || type === SOCK_SEQPACKET

/** May `sk` send to `other`? Whoever is connected takes datagrams of its peer only. Linux: unix_may_send. */
export const unixMaySend = (sk: UnixSock, other: UnixSock): boolean =>
  other.peer === null || other.peer === sk

/** The error for one who may not. Linux: EINVAL (2.2), EPERM (2.6). */
export const refusesOthers = (current: Task, sk: UnixSock): Errno =>
  modern(sk) ? deny(current, EPERM, 'state', undefined, 'the socket is connected to another') : EINVAL

// ---- connect -------------------------------------------------------------------------------------------------

/** Are as many connections waiting as may? Linux: `>=` and `>` in unix_stream_connect (2.2, 2.6). */
function isFull(listener: UnixSock): boolean {
  const { length } = listener.receiveQueue
  return modern(listener) ? length > listener.maxAckBacklog : length >= listener.maxAckBacklog
}

/**
 * Errors: EINVAL bad name, or a listener; ECONNREFUSED nobody listens (2.2: or whatever is wrong with the path);
 * EAGAIN the queue is full; EISCONN; EPROTOTYPE; ENFILE. Linux: unix_stream_connect.
 */
export function unixStreamConnect(
  current: Task,
  sock: Socket,
  address: Sockaddr,
  isNonblocking: boolean,
): number {
  const sk = sock.sk as UnixSock
  const name = unixMkname(address)
  if (isErr(name)) return name
  if (modern(sk) && sk.passcred) unixAutobind(sk)
  const other = unixFindOther(current, sk, name)
  if (isErr(other)) return modern(sk) ? other : ECONNREFUSED
  if (other.state !== TCP_LISTEN) return ECONNREFUSED
  if (isFull(other)) {
    if (isNonblocking) return EAGAIN
    return sockWait(current, other.peerWait, modern(sk) ? sk.sndtimeo : Number.POSITIVE_INFINITY, modern(sk))
  }
  if (sk.state === TCP_ESTABLISHED) return EISCONN
  if (sk.state !== TCP_CLOSE) return EINVAL
  const verdict = current.k.security.unixStreamConnect(current, sock, other)
  if (verdict !== 0) return verdict
  const newsk = unixSockAlloc(sk.net, sk.type)
  if (isErr(newsk)) return newsk
  join(current, sock, sk, newsk, other)
  return 0
}

/** The way is open: `newsk` is the listener's end and waits to be accepted. */
function join(current: Task, sock: Socket, sk: UnixSock, newsk: UnixSock, other: UnixSock): void {
  if (!modern(sk) && sk.address === null) unixAutobind(sk)
  newsk.peer = sk
  newsk.state = TCP_ESTABLISHED
  setPeercred(newsk, current.tgid, current.cred.euid, current.cred.egid)
  newsk.address = other.address
  if (other.inode !== null && other.mnt !== null) {
    newsk.inode = other.inode
    newsk.mnt = other.mnt
    other.inode.count++
    other.mnt.count++
  }
  setPeercred(sk, other.peerPid, other.peerUid, other.peerGid)
  sock.state = SS_CONNECTED
  sk.state = TCP_ESTABLISHED
  sk.peer = newsk
  sk.net.k.security.sockInit(current, newsk, other)
  const skb = new SkBuff(new Uint8Array(0), 0, 0)
  skb.sk = newsk
  skbQueueTail(other.receiveQueue, skb)
  sockDataReady(other)
}

/**
 * Whom a datagram socket talks to; AF_UNSPEC lets go. Errors: EINVAL, ECONNREFUSED, EPROTOTYPE, those of the path;
 * EPERM (2.2: EINVAL) the other is connected elsewhere. Linux: unix_dgram_connect.
 */
export function unixDgramConnect(current: Task, sock: Socket, address: Sockaddr): number {
  const sk = sock.sk as UnixSock
  if (address.family === AF_UNSPEC && address.length >= 2) {
    setPeer(sk, null)
    if (!modern(sk)) sock.state = SS_UNCONNECTED
    return 0
  }
  const name = unixMkname(address)
  if (isErr(name)) return name
  if (modern(sk) && sk.passcred) unixAutobind(sk)
  const other = unixFindOther(current, sk, name)
  if (isErr(other)) return other
  if (!unixMaySend(sk, other)) return refusesOthers(current, sk)
  const verdict = current.k.security.unixMaySend(current, sock, other)
  if (verdict !== 0) return verdict
  setPeer(sk, other)
  if (!modern(sk) && sk.passcred && sk.address === null) unixAutobind(sk)
  return 0
}

function setPeer(sk: UnixSock, other: UnixSock | null): void {
  const old = sk.peer
  sk.peer = other
  if (old !== null && old !== other && modern(sk)) unixDgramDisconnected(sk, old)
}

/** What waited is lost; a peer that was connected back hears of it. Linux: unix_dgram_disconnected. */
export function unixDgramDisconnected(sk: UnixSock, other: UnixSock): void {
  if (sk.receiveQueue.length === 0) return
  for (let skb = skbDequeue(sk.receiveQueue); skb !== null; skb = skbDequeue(sk.receiveQueue)) unixFree(skb)
  wakeAll(sk.peerWait)
  if (other.dead || other.peer !== sk) return
  other.err = ECONNRESET
  sockErrorReport(other)
}

// ---- listen, accept ------------------------------------------------------------------------------------------

/** Errors: EOPNOTSUPP for datagrams; EINVAL without a name, or connected. Linux: unix_listen. */
export function unixListen(current: Task, sock: Socket, backlog: number): number {
  const sk = sock.sk as UnixSock
  if (!modern(sk) && sock.state !== SS_UNCONNECTED) return EINVAL
  if (!isConnectionType(sock.type)) return EOPNOTSUPP
  if (sk.address === null) return EINVAL
  if (sk.state !== TCP_CLOSE && sk.state !== TCP_LISTEN) return EINVAL
  if (backlog > sk.maxAckBacklog) wakeAll(sk.peerWait)
  sk.maxAckBacklog = backlog
  sk.state = TCP_LISTEN
  sock.flags |= SO_ACCEPTCON
  setPeercred(sk, current.tgid, current.cred.euid, current.cred.egid)
  return 0
}

/** Errors: EOPNOTSUPP for datagrams; EINVAL no listener, or shut down; EAGAIN. Linux: unix_accept. */
export function unixAccept(current: Task, sock: Socket, isNonblocking: boolean): Sock | number {
  const sk = sock.sk as UnixSock
  if (!modern(sk) && sock.state !== SS_UNCONNECTED) return EINVAL
  if (!isConnectionType(sock.type)) return EOPNOTSUPP
  if (sk.state !== TCP_LISTEN) return EINVAL
  const skb = recvDatagram(current, sk, isNonblocking ? MSG_DONTWAIT : 0)
  if (typeof skb === 'number') return skb === 0 ? EINVAL : skb
  const newsk = skb.sk
  skb.sk = null
  wakeUp(sk.peerWait)
  return newsk ?? EINVAL
}

/** Linux: unix_socketpair. */
export function unixSocketpair(current: Task, a: Socket, b: Socket): number {
  const ska = a.sk as UnixSock
  const skb = b.sk as UnixSock
  ska.peer = skb
  skb.peer = ska
  for (const sk of [ska, skb]) setPeercred(sk, current.tgid, current.cred.euid, current.cred.egid)
  if (a.type === SOCK_DGRAM) return 0
  for (const sock of [a, b]) {
    sock.state = SS_CONNECTED
    if (sock.sk !== null) sock.sk.state = TCP_ESTABLISHED
  }
  return 0
}

/** A sock's name as an address. */
export function unixName(sk: UnixSock): Sockaddr {
  const name = new Sockaddr(AF_UNIX, sk.address?.length ?? 2)
  name.path = sk.address?.name ?? ''
  return name
}

/** Who has written, for recvfrom; null for one without a name, which 2.2 shows as an empty one. Linux: unix_copy_addr. */
export const writerName = (sk: UnixSock): Sockaddr | null =>
  sk.address === null && isAtLeast(sk.net.k.facts.release, '2.6.14') ? null : unixName(sk)

/** Errors: ENOTCONN. Linux: unix_getname. */
export function unixGetname(sock: Socket, peer: boolean | 'accepted'): Sockaddr | number {
  const sk = sock.sk as UnixSock
  if (peer === false) return unixName(sk)
  return sk.peer === null ? ENOTCONN : unixName(sk.peer)
}

// ---- shutdown, close -----------------------------------------------------------------------------------------

/** Any number will do for `how`: only the two bits count. Linux: unix_shutdown. */
export function unixShutdown(_current: Task, sock: Socket, how: number): number {
  const sk = sock.sk as UnixSock
  const mode = (how + 1) & SHUTDOWN_MASK
  if (mode === 0) return 0
  sk.shutdown |= mode
  sockStateChange(sk)
  const { peer } = sk
  if (peer === null || !isConnectionType(sk.type) || (!modern(sk) && peer.peer !== sk)) return 0
  let peerMode = 0
  if ((mode & RCV_SHUTDOWN) !== 0) peerMode |= SEND_SHUTDOWN
  if ((mode & SEND_SHUTDOWN) !== 0) peerMode |= RCV_SHUTDOWN
  peer.shutdown |= peerMode
  if (modern(sk)) {
    sockStateChange(peer)
    if (peerMode === SHUTDOWN_MASK) sockWakeAsync(peer, POLL_HUP)
    else if ((peerMode & RCV_SHUTDOWN) !== 0) sockWakeAsync(peer, POLL_IN)
  } else if ((peerMode & RCV_SHUTDOWN) !== 0) sockDataReady(peer)
  else sockStateChange(peer)
  return 0
}

/** Takes a sock down. `isEmbryo`: nobody has accepted it. Linux: unix_release_sock. */
export function unixReleaseSock(sk: UnixSock, isEmbryo: boolean): void {
  const isModern = modern(sk)
  const wasListening = sk.state === TCP_LISTEN
  unixForget(sk)
  if (!isModern) sockStateChange(sk)
  sockOrphan(sk)
  if (isModern) sk.shutdown = SHUTDOWN_MASK
  sk.state = TCP_CLOSE
  wakeAll(sk.peerWait)
  const { peer } = sk
  if (peer !== null && isConnectionType(sk.type)) {
    if (isModern) {
      peer.shutdown = SHUTDOWN_MASK
      if (sk.receiveQueue.length > 0 || isEmbryo) peer.err = ECONNRESET
      sockStateChange(peer)
      sockWakeAsync(peer, POLL_HUP)
    } else if (peer.peer === sk) {
      peer.shutdown = SHUTDOWN_MASK
      sockDataReady(peer)
    }
  }
  if (isModern) sk.peer = null
  for (let skb = skbDequeue(sk.receiveQueue); skb !== null; skb = skbDequeue(sk.receiveQueue)) {
    if (wasListening && skb.sk !== null) unixReleaseSock(skb.sk as UnixSock, true)
    if (!wasListening) unixFree(skb)
  }
  putPath(sk)
  if (sk.net.unix.inflight > 0) unixGc(sk.net)
}

/** Linux: unix_release. */
export function unixRelease(sock: Socket): void {
  const { sk } = sock
  sock.sk = null
  if (sk !== null) unixReleaseSock(sk as UnixSock, false)
}
