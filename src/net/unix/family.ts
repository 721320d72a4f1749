/**
 * AF_UNIX: the tables that the generic layer calls. Linux: unix_family_ops, unix_stream_ops, unix_dgram_ops,
 * unix_seqpacket_ops, unix_poll, unix_ioctl, net/unix/af_unix.c (2.2.12, 2.6.14).
 */

import { EINVAL, EPROTONOSUPPORT, ESOCKTNOSUPPORT, isErr } from '../../abi/errno.js'
import { FIONREAD, TIOCOUTQ } from '../../abi/ioctl.js'
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRBAND, POLLWRNORM } from '../../abi/poll.js'
import { isAtLeast } from '../../abi/profile.js'
import { AF_UNIX, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM } from '../../abi/socket.js'
import type { Task } from '../../kernel/task.js'
import type { WaitQueue } from '../../kernel/wait.js'
import { putInt } from '../../vfs/ioctl_arg.js'
import type { IoctlArg } from '../../vfs/ops.js'
import { datagramPoll } from '../datagram.js'
import { defineSocketOps } from '../no_ops.js'
import {
  type NetFamily,
  RCV_SHUTDOWN,
  SHUTDOWN_MASK,
  type Socket,
  type SocketOps,
  SS_UNCONNECTED,
  sockGraft,
  TCP_CLOSE,
  TCP_LISTEN,
} from '../sock.js'
import {
  unixAccept,
  unixDgramConnect,
  unixGetname,
  unixListen,
  unixRelease,
  unixShutdown,
  unixSocketpair,
  unixStreamConnect,
} from './connect.js'
import {
  isDgramFull,
  unixDgramRecvmsg,
  unixDgramSendmsg,
  unixSeqpacketReady,
  unixSeqpacketSendmsg,
} from './dgram.js'
import { unixBind } from './name.js'
import { type UnixSock, unixSockAlloc, unixWritable } from './sock.js'
import { unixStreamRecvmsg, unixStreamSendmsg } from './stream.js'

/** Linux: unix_poll. */
function unixPoll(_current: Task, sock: Socket): number {
  const sk = sock.sk as UnixSock
  const isModern = isAtLeast(sk.net.k.facts.release, '2.6.14')
  let mask = 0
  if (sk.err !== 0) mask |= POLLERR
  if (isModern ? sk.shutdown === SHUTDOWN_MASK : (sk.shutdown & RCV_SHUTDOWN) !== 0) mask |= POLLHUP
  if (sk.receiveQueue.length > 0 || (isModern && (sk.shutdown & RCV_SHUTDOWN) !== 0))
    mask |= POLLIN | POLLRDNORM
  if (sk.state === TCP_CLOSE) mask |= POLLHUP
  if (unixWritable(sk)) mask |= POLLOUT | POLLWRNORM | POLLWRBAND
  return mask
}

/** Where a writer of datagrams sleeps: at a connected peer that is full, else at its own socket. */
function dgramQueue(sock: Socket, events: number): WaitQueue {
  const sk = sock.sk as UnixSock | null
  if ((events & (POLLOUT | POLLIN)) !== POLLOUT || sk === null || sk.peer === null) return sock.wait
  return isDgramFull(sk.peer) ? sk.peer.peerWait : sock.wait
}

/** Linux: unix_ioctl. */
function unixIoctl(_current: Task, sock: Socket, cmd: number, arg: IoctlArg): number {
  const sk = sock.sk as UnixSock
  const isModern = isAtLeast(sk.net.k.facts.release, '2.6.14')
  if (cmd === TIOCOUTQ) return putInt(arg, isModern ? sk.wmem : Math.max(sk.sndbuf - sk.wmem, 0))
  if (cmd !== FIONREAD) return EINVAL
  if (sk.state === TCP_LISTEN) return EINVAL
  let amount = sk.receiveQueue.head?.len ?? 0
  if (isModern && sk.type !== SOCK_DGRAM)
    for (let skb = sk.receiveQueue.head?.next ?? null; skb !== null; skb = skb.next) amount += skb.len
  return putInt(arg, amount)
}

const common: Partial<SocketOps> = {
  release: unixRelease,
  bind: unixBind,
  socketpair: unixSocketpair,
  getname: unixGetname,
  ioctl: unixIoctl,
  shutdown: unixShutdown,
}

/** Linux: unix_stream_ops. */
export const unixStreamOps: SocketOps = defineSocketOps({
  ...common,
  name: 'unix.stream',
  connect: unixStreamConnect,
  accept: unixAccept,
  listen: unixListen,
  poll: unixPoll,
  sendmsg: unixStreamSendmsg,
  recvmsg: unixStreamRecvmsg,
})

/** Linux: unix_dgram_ops. */
export const unixDgramOps: SocketOps = defineSocketOps({
  ...common,
  name: 'unix.dgram',
  connect: unixDgramConnect,
  poll: datagramPoll,
  waitQueue: dgramQueue,
  sendmsg: unixDgramSendmsg,
  recvmsg: unixDgramRecvmsg,
})

/** Linux: unix_seqpacket_ops (2.6.4). */
export const unixSeqpacketOps: SocketOps = defineSocketOps({
  ...common,
  name: 'unix.seqpacket',
  connect: unixStreamConnect,
  accept: unixAccept,
  listen: unixListen,
  poll: datagramPoll,
  beforeControl: unixSeqpacketReady,
  sendmsg: unixSeqpacketSendmsg,
  recvmsg: unixDgramRecvmsg,
})

/** Raw is another word for datagrams here. Linux: unix_create. */
function opsOf(type: number, hasSeqpacket: boolean): SocketOps | null {
  if (type === SOCK_STREAM) return unixStreamOps
  if (type === SOCK_DGRAM || type === SOCK_RAW) return unixDgramOps
  return type === SOCK_SEQPACKET && hasSeqpacket ? unixSeqpacketOps : null
}

/** Linux: unix_family_ops. */
export const unixFamily: NetFamily = Object.freeze({
  family: AF_UNIX,

  /** Errors: EPROTONOSUPPORT, ESOCKTNOSUPPORT, ENFILE. Linux: unix_create. */
  create(_current, net, sock, protocol) {
    if (protocol !== 0 && protocol !== AF_UNIX) return EPROTONOSUPPORT
    sock.state = SS_UNCONNECTED
    const ops = opsOf(sock.type, net.unix.hasSeqpacket)
    if (ops === null) return ESOCKTNOSUPPORT
    if (sock.type === SOCK_RAW) sock.type = SOCK_DGRAM
    const sk = unixSockAlloc(net, sock.type)
    if (isErr(sk)) return sk
    sock.ops = ops
    sockGraft(sk, sock)
    return 0
  },
} satisfies NetFamily)
