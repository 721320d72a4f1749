/**
 * TCP as a protocol of AF_INET: connecting, closing, readiness, options. Linux: tcp_v4_connect, tcp_close,
 * tcp_disconnect, tcp_poll, tcp_setsockopt (net/ipv4/tcp.c, tcp_ipv4.c, 2.2.12, 2.6.14).
 *
 * Left out: TCP_DEFER_ACCEPT, TCP_INFO.
 */

import {
  EADDRNOTAVAIL,
  EAFNOSUPPORT,
  EAGAIN,
  ECONNRESET,
  EINVAL,
  EISCONN,
  ENETUNREACH,
  ENOPROTOOPT,
  isErr,
} from '../../abi/errno.js'
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLPRI, POLLRDNORM, POLLWRNORM } from '../../abi/poll.js'
import {
  AF_INET,
  SOL_TCP,
  TCP_CORK,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_LINGER2,
  TCP_MAXSEG,
  TCP_NODELAY,
  TCP_QUICKACK,
  TCP_SYNCNT,
  TCP_WINDOW_CLAMP,
} from '../../abi/socket.js'
import type { Task } from '../../kernel/task.js'
import { runBacklog } from '../backlog.js'
import { optionInt, optionIntError } from '../options.js'
import {
  RCV_SHUTDOWN,
  SEND_SHUTDOWN,
  SHUTDOWN_MASK,
  SOCK_NOSPACE,
  type Sock,
  type Socket,
  sockErrorReport,
  sockOrphan,
  sockWakeWriters,
  TCP_CLOSE,
  TCP_CLOSING,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_LAST_ACK,
  TCP_LISTEN,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
} from '../sock.js'
import { sockCall, sockWait } from '../sock_wait.js'
import { SOCKADDR_IN, type Sockaddr } from '../sockaddr.js'
import { routeRefused } from './route.js'
import { type Route, RTN_BROADCAST, RTN_MULTICAST } from './route_types.js'
import { BINDADDR_LOCK, type InetProto, type InetSock } from './sock.js'
import { tcpRecvmsg, tcpSendmsg } from './tcp_data.js'
import { initialWindow, newIss, stopListening } from './tcp_listen.js'
import {
  pushPending,
  sendAck,
  sendActiveReset,
  sendFin,
  sendSyn,
  syncMss,
  tcpRoute,
  windowScale,
} from './tcp_output.js'
import {
  advance,
  distance,
  modern,
  TCP_KEEP_TIMER,
  TCP_TIMEOUT_INIT,
  TcpSock,
  TH_SYN,
  URG_NONE,
  URG_VALID,
} from './tcp_sock.js'
import {
  clearTimers,
  closeState,
  destroySock,
  needsReset,
  purge,
  purgeWrite,
  setState,
  tcpUnhash,
  timeWait,
} from './tcp_state.js'
import { addConnection, addListener, findConnection, tcpChooseConnectPort, tcpGetPort } from './tcp_table.js'

const tcpOf = (sk: InetSock): TcpSock => sk as TcpSock

// ---- connecting ----------------------------------------------------------------------------------------------

/**
 * Sends the SYN. Errors: EINVAL, EAFNOSUPPORT, EISCONN (2.2), ENETUNREACH to all, EADDRNOTAVAIL (2.2: EAGAIN) no port,
 * EADDRNOTAVAIL the connection is there already; those of the route. Linux: tcp_v4_connect.
 */
function tcpConnect(current: Task, inet: InetSock, address: Sockaddr): number {
  const sk = tcpOf(inet)
  const { tcp } = sk.net.inet
  const isModern = modern(sk)
  if (!isModern && sk.state !== TCP_CLOSE) return EISCONN
  if (address.length < SOCKADDR_IN) return EINVAL
  if (address.family !== AF_INET) return EAFNOSUPPORT
  sk.route = null
  sk.daddr = address.addr
  const route = tcpRoute(sk)
  if (isErr(route)) return unconnect(sk, routeRefused(current, route))
  if (route.type === RTN_BROADCAST || route.type === RTN_MULTICAST) return unconnect(sk, ENETUNREACH)
  sk.daddr = route.dst
  if (sk.saddr === 0) sk.saddr = route.src
  sk.rcvSaddr = sk.saddr
  sk.dport = address.port
  if (sk.num === 0) {
    if (!tcpChooseConnectPort(sk)) return unconnect(sk, isModern ? EADDRNOTAVAIL : EAGAIN)
  } else if (findConnection(tcp, sk.rcvSaddr, sk.num, sk.daddr, sk.dport, sk.portSpace) !== null) {
    return unconnect(sk, EADDRNOTAVAIL)
  }
  sk.sport = sk.num
  addConnection(tcp, sk)
  setState(sk, TCP_SYN_SENT)
  startSyn(sk, route)
  return 0
}

/** Nothing has come of it: no peer, and no address that was not bound. */
function unconnect(sk: TcpSock, error: number): number {
  sk.daddr = 0
  sk.dport = 0
  sk.route = null
  if ((sk.locks & BINDADDR_LOCK) === 0) {
    sk.saddr = 0
    sk.rcvSaddr = 0
  }
  return error
}

/** Linux: tcp_connect_init, tcp_connect. */
function startSyn(sk: TcpSock, route: Route): void {
  const { net } = sk
  sk.iss = newIss(net)
  sk.sndUna = sk.iss
  sk.writeSeq = advance(sk.iss, 1)
  sk.sndUp = sk.iss
  sk.sndSml = sk.iss
  sk.err = 0
  sk.errSoft = 0
  sk.isDone = false
  sk.mssClamp = 65495
  sk.maxWindow = 0
  syncMss(sk, route.mtu)
  sk.rcvNxt = 0
  sk.rcvWup = 0
  sk.copiedSeq = 0
  sk.rcvWscale = windowScale(sk)
  sk.rcvWnd = initialWindow(sk, route.mtu - 40)
  sk.rto = TCP_TIMEOUT_INIT
  sk.srtt = 0
  sk.retransmits = 0
  sk.backoff = 0
  sk.cwnd = 2
  sk.ssthresh = 0x7fffffff
  net.inet.tcp.mib.activeOpens++
  sendSyn(sk, TH_SYN)
}

/** Lets go of the peer. Linux: tcp_disconnect. */
function tcpDisconnect(inet: InetSock): number {
  const sk = tcpOf(inet)
  const old = sk.state
  if (old === TCP_LISTEN) stopListening(sk)
  else if (needsReset(sk)) {
    sendActiveReset(sk)
    sk.err = ECONNRESET
  } else if (old === TCP_SYN_SENT) sk.err = ECONNRESET
  setState(sk, TCP_CLOSE)
  clearTimers(sk)
  purge(sk.receiveQueue)
  purge(sk.outOfOrder)
  purgeWrite(sk)
  unconnect(sk, 0)
  sk.shutdown = 0
  sk.isDone = false
  sk.urgData = URG_NONE
  sk.urgMode = false
  sk.copiedSeq = sk.rcvNxt
  sockErrorReport(sk)
  return 0
}

/** Begins to listen; errors: EADDRINUSE. Linux: tcp_listen_start. */
export function tcpListenStart(sk: TcpSock): number {
  sk.requests = new Map()
  sk.acceptQueue = []
  sk.ackBacklog = 0
  sk.state = TCP_LISTEN
  if (modern(sk) && tcpGetPort(sk, sk.num) !== 0) {
    sk.requests = null
    sk.state = TCP_CLOSE
    return -1
  }
  sk.sport = sk.num
  addListener(sk.net.inet.tcp, sk)
  return 0
}

// ---- closing -------------------------------------------------------------------------------------------------

/** Our side ends. Linux: tcp_shutdown. */
export function tcpShutdown(sk: TcpSock, how: number): void {
  if ((how & SEND_SHUTDOWN) === 0) return
  if (sk.state === TCP_CLOSE || sk.state === TCP_LISTEN) return
  if (closeState(sk)) sendFin(sk)
}

/** Bytes that nobody has read. */
function unread(sk: TcpSock): number {
  let count = 0
  for (let skb = sk.receiveQueue.head; skb !== null; skb = skb.next) count += skb.len
  return count
}

/** Has the peer something of ours to acknowledge before we are done? Linux: closing. */
const isClosing = ({ state }: TcpSock): boolean =>
  state === TCP_FIN_WAIT1 || state === TCP_CLOSING || state === TCP_LAST_ACK

/**
 * SO_LINGER: close(2) waits until what was sent has been acknowledged, the FIN too. 2.6 waits as long as was asked
 * for, earlier kernels until it is so. A signal ends the wait, and nobody hears of either. Linux: tcp_close.
 */
export function tcpLinger(current: Task, sock: Socket): number {
  const sk = sock.sk as TcpSock
  if (!sk.linger || sk.lingerTime === 0) return 0
  if (sockCall(current) === null) {
    if (sk.state === TCP_CLOSE || sk.state === TCP_LISTEN || unread(sk) > 0) return 0
    sk.shutdown = SHUTDOWN_MASK
    if (closeState(sk)) sendFin(sk)
    runBacklog(sk.net)
  }
  if (!isClosing(sk)) return 0
  return sockWait(current, sock.wait, modern(sk) ? sk.lingerTime * 1000 : Number.POSITIVE_INFINITY)
}

/** The last descriptor is gone. Linux: tcp_close. */
function tcpClose(inet: InetSock): void {
  const sk = tcpOf(inet)
  sk.shutdown = SHUTDOWN_MASK
  if (sk.state === TCP_LISTEN) {
    stopListening(sk)
    setState(sk, TCP_CLOSE)
    destroySock(sk)
    return
  }
  const lost = unread(sk)
  purge(sk.receiveQueue)
  if (sk.state !== TCP_CLOSE) {
    if (lost > 0) {
      sendActiveReset(sk)
      setState(sk, TCP_CLOSE)
    } else if (sk.linger && sk.lingerTime === 0) tcpDisconnect(sk)
    else if (closeState(sk)) sendFin(sk)
  }
  if (sk.state === TCP_FIN_WAIT2) {
    if (sk.linger2 < 0) {
      sendActiveReset(sk)
      setState(sk, TCP_CLOSE)
    } else {
      timeWait(sk, TCP_FIN_WAIT2, sk.linger2)
      return
    }
  }
  if (sk.state === TCP_CLOSE) destroySock(sk)
}

// ---- readiness -----------------------------------------------------------------------------------------------

/** Is there room for a third more than is under way? Linux: sk_stream_wspace, sk_stream_min_wspace. */
const isWritable = (sk: TcpSock): boolean => sk.sndbuf - sk.wmem >= sk.wmem >> 1

/** Linux: tcp_poll. */
function tcpPoll(_current: Task, sock: Socket): number {
  const sk = sock.sk as TcpSock
  if (sk.state === TCP_LISTEN) return sk.acceptQueue.length > 0 ? POLLIN | POLLRDNORM : 0
  let mask = sk.err !== 0 ? POLLERR : 0
  if (sk.shutdown === SHUTDOWN_MASK || sk.state === TCP_CLOSE) mask |= POLLHUP
  if ((sk.shutdown & RCV_SHUTDOWN) !== 0) mask |= POLLIN | POLLRDNORM
  if (sk.state === TCP_SYN_SENT || sk.state === TCP_SYN_RECV) return mask
  const waiting = distance(sk.copiedSeq, sk.rcvNxt)
  const isOnlyUrgent = sk.urgData !== URG_NONE && sk.urgSeq === sk.copiedSeq && waiting === 1 && !sk.oobInline
  if (sk.receiveQueue.length > 0 && !isOnlyUrgent) mask |= POLLIN | POLLRDNORM
  if ((sk.shutdown & SEND_SHUTDOWN) === 0) {
    if (isWritable(sk)) mask |= POLLOUT | POLLWRNORM
    else sock.flags |= SOCK_NOSPACE
  }
  if ((sk.urgData & URG_VALID) !== 0) mask |= POLLPRI
  return mask
}

/** Memory of sent data has come back. Linux: sk_stream_write_space. */
function writeSpace(sk: Sock): void {
  if (sk.socket !== null && (sk.socket.flags & SOCK_NOSPACE) !== 0 && sk instanceof TcpSock && isWritable(sk))
    sockWakeWriters(sk)
}

// ---- options -------------------------------------------------------------------------------------------------

/** SO_KEEPALIVE has been set. Linux: tcp_set_keepalive. */
function setKeepalive(sock: Sock): void {
  const sk = sock as TcpSock
  const { k } = sk.net
  if (sk.keepTimer !== null) k.state.timers.remove(sk.keepTimer)
  sk.keepTimer = null
  if (sk.keepalive && sk.state !== TCP_CLOSE && sk.state !== TCP_LISTEN)
    sk.keepTimer = k.addTimer(sk.keepIdle, TCP_KEEP_TIMER, sk)
}

/** Errors: ENOPROTOOPT, EINVAL, EFAULT. Linux: tcp_setsockopt. */
function tcpSetsockopt(
  _current: Task,
  inet: InetSock,
  level: number,
  option: number,
  value: unknown,
): number {
  if (level !== SOL_TCP) return ENOPROTOOPT
  const sk = tcpOf(inet)
  const int = optionInt(value, sk.net.netlink.byteOrder)
  if (int === null) return optionIntError(value)
  const ranged = (low: number, high: number): boolean => int >= low && int <= high
  switch (option) {
    case TCP_MAXSEG:
      if (!ranged(8, 32767)) return EINVAL
      sk.userMss = int
      return 0
    case TCP_NODELAY:
      sk.nodelay = int !== 0
      if (sk.nodelay) pushPending(sk, true)
      return 0
    case TCP_CORK:
      sk.cork = int !== 0
      if (!sk.cork) pushPending(sk, sk.nodelay)
      return 0
    default:
      break
  }
  if (!modern(sk)) return ENOPROTOOPT
  switch (option) {
    case TCP_KEEPIDLE:
      if (!ranged(1, 32767)) return EINVAL
      sk.keepIdle = int * 1000
      if (sk.keepTimer !== null) setKeepalive(sk)
      return 0
    case TCP_KEEPINTVL:
      if (!ranged(1, 32767)) return EINVAL
      sk.keepIntvl = int * 1000
      return 0
    case TCP_KEEPCNT:
      if (!ranged(1, 127)) return EINVAL
      sk.keepCnt = int
      return 0
    case TCP_SYNCNT:
      if (!ranged(1, 127)) return EINVAL
      sk.synRetries = int
      return 0
    case TCP_LINGER2:
      sk.linger2 = int < 0 ? -1 : int === 0 || int > 60 ? 60_000 : int * 1000
      return 0
    case TCP_WINDOW_CLAMP:
      if (int === 0 && sk.state !== TCP_CLOSE) return EINVAL
      sk.windowClamp = int === 0 ? 65535 : Math.max(int, 128)
      return 0
    case TCP_QUICKACK:
      sk.pingpong = int === 0
      if (int !== 0 && sk.ackPending) sendAck(sk)
      return 0
    default:
      return ENOPROTOOPT
  }
}

/** Errors: ENOPROTOOPT. Linux: tcp_getsockopt. */
function tcpGetsockopt(_current: Task, inet: InetSock, level: number, option: number): number {
  if (level !== SOL_TCP) return ENOPROTOOPT
  const sk = tcpOf(inet)
  switch (option) {
    case TCP_MAXSEG:
      return sk.state === TCP_CLOSE || sk.state === TCP_LISTEN ? sk.userMss || sk.mss : sk.mss
    case TCP_NODELAY:
      return sk.nodelay ? 1 : 0
    case TCP_CORK:
      return sk.cork ? 1 : 0
    default:
      break
  }
  if (!modern(sk)) return ENOPROTOOPT
  switch (option) {
    case TCP_KEEPIDLE:
      return sk.keepIdle / 1000
    case TCP_KEEPINTVL:
      return sk.keepIntvl / 1000
    case TCP_KEEPCNT:
      return sk.keepCnt
    case TCP_SYNCNT:
      return sk.synRetries
    case TCP_LINGER2:
      return sk.linger2 < 0 ? -1 : sk.linger2 / 1000
    case TCP_WINDOW_CLAMP:
      return sk.windowClamp
    case TCP_QUICKACK:
      return sk.pingpong ? 0 : 1
    default:
      return ENOPROTOOPT
  }
}

/** Linux: tcp_prot. */
export const tcpProto: InetProto = Object.freeze({
  name: 'tcp',
  getPort: (sk, port) => tcpGetPort(tcpOf(sk), port),
  hash: () => {},
  unhash: (sk) => {
    // While a connection is being closed it goes on being found.
    if (sk.state === TCP_CLOSE) tcpUnhash(tcpOf(sk))
  },
  connect: tcpConnect,
  disconnect: tcpDisconnect,
  sendmsg: (current, sk, msg, flags) => tcpSendmsg(current, tcpOf(sk), msg, flags),
  recvmsg: (current, sk, msg, flags) => tcpRecvmsg(current, tcpOf(sk), msg, flags),
  close(sk) {
    sockOrphan(sk)
    tcpClose(sk)
  },
  poll: tcpPoll,
  setsockopt: tcpSetsockopt,
  getsockopt: tcpGetsockopt,
  writeSpace,
  setKeepalive,
  forgetRoute(sk) {
    if (sk instanceof TcpSock) sk.route = null
  },
} satisfies InetProto)

/** A fresh sock. */
export function makeTcpSock(net: TcpSock['net'], proto: InetProto): TcpSock {
  const sk = new TcpSock(net, proto)
  net.inet.tcp.socks.add(sk)
  return sk
}
