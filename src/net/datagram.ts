/**
 * What sockets that carry messages have in common. Linux: datagram_poll, net/core/datagram.c (2.2.12, 2.6.14).
 */

import { EAGAIN, EINVAL, ENOTCONN } from '../abi/errno.js'
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRBAND, POLLWRNORM } from '../abi/poll.js'
import { isAtLeast } from '../abi/profile.js'
import { MSG_DONTWAIT, MSG_PEEK, SOCK_SEQPACKET, SOCK_STREAM } from '../abi/socket.js'
import type { Task } from '../kernel/task.js'
import { type SkBuff, skbDequeue } from './skbuff.js'
import {
  RCV_SHUTDOWN,
  SHUTDOWN_MASK,
  SOCK_NOSPACE,
  type Sock,
  type Socket,
  sockError,
  TCP_CLOSE,
  TCP_ESTABLISHED,
  TCP_LISTEN,
  TCP_SYN_SENT,
} from './sock.js'
import { sockWait } from './sock_wait.js'

/**
 * The next message, which stays in the queue with MSG_PEEK; 0 when the socket has been shut down; an Errno; BLOCKED.
 * A nonblocking call hears of a shutdown as EAGAIN. Linux: skb_recv_datagram, wait_for_packet.
 */
export function recvDatagram(current: Task, sk: Sock, flags: number): SkBuff | number {
  const error = sockError(sk)
  if (error !== 0) return error
  const skb = (flags & MSG_PEEK) !== 0 ? sk.receiveQueue.head : skbDequeue(sk.receiveQueue)
  if (skb !== null) return skb
  if ((flags & MSG_DONTWAIT) !== 0) return EAGAIN
  if ((sk.shutdown & RCV_SHUTDOWN) !== 0) return 0
  const isConnectionBased = sk.type === SOCK_STREAM || sk.type === SOCK_SEQPACKET
  if (isConnectionBased && sk.state !== TCP_ESTABLISHED && sk.state !== TCP_LISTEN) return ENOTCONN
  if (sk.socket === null) return EINVAL
  const isModern = isAtLeast(sk.net.k.facts.release, '2.6.14')
  return sockWait(current, sk.socket.wait, sk.rcvtimeo, isModern)
}

/** Linux: datagram_poll; sock_writeable: less than half of what may be under way is. */
export function datagramPoll(_current: Task, sock: Socket): number {
  const { sk } = sock
  if (sk === null) return 0
  const isModern = isAtLeast(sk.net.k.facts.release, '2.6.14')
  let mask = 0
  if (sk.err !== 0) mask |= POLLERR
  if (isModern ? sk.shutdown === SHUTDOWN_MASK : (sk.shutdown & RCV_SHUTDOWN) !== 0) mask |= POLLHUP
  if (sk.receiveQueue.length > 0 || (isModern && (sk.shutdown & RCV_SHUTDOWN) !== 0))
    mask |= POLLIN | POLLRDNORM
  if (sk.type === SOCK_SEQPACKET || sk.type === SOCK_STREAM) {
    if (sk.state === TCP_CLOSE) mask |= POLLHUP
    if (sk.state === TCP_SYN_SENT) return mask
  }
  if (sk.wmem * 2 < sk.sndbuf) mask |= POLLOUT | POLLWRNORM | POLLWRBAND
  else sock.flags |= SOCK_NOSPACE
  return mask
}
