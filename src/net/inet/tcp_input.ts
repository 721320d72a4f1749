/**
 * TCP on its way in: acknowledgements, data in and out of order, urgent data, FIN and RST, and the states.
 *
 * Linux: tcp_v4_rcv (net/ipv4/tcp_ipv4.c), tcp_rcv_state_process, tcp_ack, tcp_data_queue, tcp_urg
 * (net/ipv4/tcp_input.c), tcp_timewait_state_process (net/ipv4/tcp_minisocks.c, 2.2.12, 2.6.14). Congestion control is
 * that of NewReno.
 */

import { EHOSTUNREACH, EPROTO, type Errno } from '../../abi/errno.js'
import { POLL_HUP, POLL_IN, POLL_OUT, POLL_PRI, SIGURG } from '../../abi/signal.js'
import { IPPROTO_TCP } from '../../abi/socket.js'
import { kernelInfo, sendGroupSignal } from '../../kernel/signal.js'
import { csumFold, csumPartial, csumPseudo } from '../checksum.js'
import { kfreeSkb, type SkBuff, skbInsertBefore, skbQueueTail, skbSetOwnerR, skbUnlink } from '../skbuff.js'
import {
  RCV_SHUTDOWN,
  SEND_SHUTDOWN,
  SHUTDOWN_MASK,
  sockDataReady,
  sockErrorReport,
  sockStateChange,
  sockWakeAsync,
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_CLOSING,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_LAST_ACK,
  TCP_LISTEN,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCP_TIME_WAIT,
} from '../sock.js'
import type { NetState } from '../state.js'
import { ICMP_ERRORS } from './icmp_errors.js'
import { ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, ICMP_PARAMETERPROB, ICMP_SOURCE_QUENCH } from './icmp_send.js'
import { be16, be32, ipDaddr, ipHlen, ipSaddr } from './ip.js'
import type { InetProtocol } from './sock.js'
import { ackInput, dataCame, enterQuickAck, scheduleAck } from './tcp_ack.js'
import { listenInput, listenReopen, parseSynOptions, tellListener } from './tcp_listen.js'
import {
  markLost,
  pushPending,
  sendAck,
  sendBare,
  sendLost,
  sendReset,
  sendSyn,
  syncMss,
} from './tcp_output.js'
import {
  advance,
  after,
  before,
  CA_LOSS,
  distance,
  TCP_HLEN,
  TCP_KEEP_TIMER,
  TCP_TIMEWAIT_LEN,
  TcpCb,
  TcpSock,
  TcpTimeWait,
  TH_ACK,
  TH_FIN,
  TH_RST,
  TH_SYN,
  TH_URG,
  tcpCb,
  URG_NONE,
  URG_NOTYET,
  URG_VALID,
} from './tcp_sock.js'
import {
  killTimeWait,
  purge,
  purgeWrite,
  scheduleTimeWait,
  setState,
  tcpDone,
  tcpReset,
  timeWait,
} from './tcp_state.js'
import { connectionFor, findListener } from './tcp_table.js'

// ---- data ----------------------------------------------------------------------------------------------------

/** Is any of it in the window? Linux: tcp_sequence. */
const isInWindow = (sk: TcpSock, cb: TcpCb): boolean =>
  !before(cb.endSeq, sk.rcvWup) && !after(cb.seq, advance(sk.rcvNxt, Math.max(0, windowLeft(sk))))

const windowLeft = (sk: TcpSock): number => distance(sk.rcvNxt, advance(sk.rcvWup, sk.rcvWnd))

/** The peer has ended. Linux: tcp_fin. */
function finInput(sk: TcpSock): void {
  sk.shutdown |= RCV_SHUTDOWN
  sk.isDone = true
  switch (sk.state) {
    case TCP_SYN_RECV:
    case TCP_ESTABLISHED:
      setState(sk, TCP_CLOSE_WAIT)
      sk.pingpong = true
      break
    case TCP_FIN_WAIT1:
      sendAck(sk)
      setState(sk, TCP_CLOSING)
      break
    case TCP_FIN_WAIT2:
      sendAck(sk)
      timeWait(sk, TCP_TIME_WAIT, TCP_TIMEWAIT_LEN)
      break
    default:
      break
  }
  purge(sk.outOfOrder)
  if (sk.dead) return
  sockStateChange(sk)
  sockWakeAsync(sk, sk.shutdown === SHUTDOWN_MASK || sk.state === TCP_CLOSE ? POLL_HUP : POLL_IN)
}

/** Takes a packet that is in its turn. */
function inTurn(sk: TcpSock, skb: SkBuff): void {
  const cb = tcpCb(skb)
  const old = distance(cb.seq, sk.rcvNxt)
  if (old > 0) {
    skb.head += Math.min(old, skb.len)
    cb.seq = sk.rcvNxt
  }
  sk.rcvNxt = cb.endSeq
  if (skb.len > 0) {
    dataCame(sk, skb.len)
    skbSetOwnerR(skb, sk)
    skbQueueTail(sk.receiveQueue, skb)
  } else kfreeSkb(skb)
  if ((cb.flags & TH_FIN) !== 0) finInput(sk)
}

/** Puts a packet where it belongs among those that came too early. Linux: the last part of tcp_data_queue. */
function queueEarly(sk: TcpSock, skb: SkBuff): void {
  const cb = tcpCb(skb)
  skbSetOwnerR(skb, sk)
  // Mostly it belongs at the end.
  const { tail } = sk.outOfOrder
  let next = tail !== null && before(tcpCb(tail).seq, cb.seq) ? null : sk.outOfOrder.head
  while (next !== null && before(tcpCb(next).seq, cb.seq)) next = next.next
  const previous = next === null ? sk.outOfOrder.tail : next.prev
  const isKnown =
    (previous !== null && !before(tcpCb(previous).endSeq, cb.endSeq)) ||
    (next !== null && tcpCb(next).seq === cb.seq && !before(tcpCb(next).endSeq, cb.endSeq))
  if (isKnown) kfreeSkb(skb)
  else if (next === null) skbQueueTail(sk.outOfOrder, skb)
  else skbInsertBefore(sk.outOfOrder, next, skb)
}

/** Takes what came early and is in its turn now. Linux: tcp_ofo_queue. */
function takeEarly(sk: TcpSock): void {
  for (let skb = sk.outOfOrder.head; skb !== null; skb = sk.outOfOrder.head) {
    const cb = tcpCb(skb)
    if (after(cb.seq, sk.rcvNxt)) break
    skbUnlink(skb)
    // Its charge goes with it.
    sk.rmem -= skb.truesize
    skb.charged = ''
    if (after(cb.endSeq, sk.rcvNxt)) inTurn(sk, skb)
    else kfreeSkb(skb)
  }
}

/**
 * Is there memory for more? What came too early goes first: it must not keep out what is in its turn. Linux:
 * tcp_prune_queue.
 */
function hasMemory(sk: TcpSock): boolean {
  if (sk.rmem > sk.rcvbuf) purge(sk.outOfOrder)
  return sk.rmem <= sk.rcvbuf
}

/** Queues data; the packet is taken over. Linux: tcp_data_queue. */
function dataInput(sk: TcpSock, skb: SkBuff): void {
  const cb = tcpCb(skb)
  // After the peer's FIN nothing can come.
  if (cb.seq === cb.endSeq || (sk.isDone && !before(cb.seq, sk.rcvNxt))) {
    kfreeSkb(skb)
    return
  }
  if (!after(cb.endSeq, sk.rcvNxt)) {
    // All of it has been here.
    kfreeSkb(skb)
    enterQuickAck(sk)
    sendAck(sk)
    return
  }
  const left = windowLeft(sk)
  if (!before(cb.seq, advance(sk.rcvNxt, Math.max(left, 0))) || !hasMemory(sk)) {
    // Beyond the window, or no memory left.
    kfreeSkb(skb)
    if (
      !(left <= 0 && cb.seq === sk.rcvNxt && cb.endSeq === advance(cb.seq, 1) && (cb.flags & TH_FIN) !== 0)
    ) {
      sendAck(sk)
      return
    }
    sk.rcvNxt = cb.endSeq
    finInput(sk)
    sendAck(sk)
    return
  }
  if (after(cb.seq, sk.rcvNxt)) {
    queueEarly(sk, skb)
    sendAck(sk)
    return
  }
  const hasData = skb.len > 0
  const wasState = sk.state
  inTurn(sk, skb)
  if (sk.outOfOrder.length > 0) takeEarly(sk)
  if (hasData && !sk.dead) sockDataReady(sk)
  if (wasState !== TCP_CLOSE && sk.state !== TCP_CLOSE) scheduleAck(sk)
}

/** Tells the owner of the socket's file of urgent data. Linux: sk_send_sigurg. */
function sendSigurg(sk: TcpSock): void {
  const file = sk.socket?.file ?? null
  if (file === null) return
  const { k } = sk.net
  const { owner } = file
  if (owner > 0) {
    const task = k.state.tasks.get(owner)
    if (task !== undefined) sendGroupSignal(task.group.leader, kernelInfo(SIGURG))
  } else if (owner < 0) {
    let group = k.state.pgrps.get(-owner)?.head ?? null
    while (group !== null) {
      const next = group.pgrpNext
      sendGroupSignal(group.leader, kernelInfo(SIGURG))
      group = next
    }
  }
  if (owner !== 0) sockWakeAsync(sk, POLL_PRI)
}

/** Urgent data has been announced, or is here. Linux: tcp_urg, tcp_check_urg. */
function urgentInput(sk: TcpSock, skb: SkBuff): void {
  const cb = tcpCb(skb)
  if ((cb.flags & TH_URG) !== 0) {
    const offset = be16(skb.data, skb.h + 18)
    const at = advance(cb.seq, offset > 0 ? offset - 1 : 0)
    const isNew = sk.urgData === URG_NONE || after(at, sk.urgSeq)
    if (!after(sk.copiedSeq, at) && !before(at, sk.rcvNxt) && isNew) {
      sendSigurg(sk)
      sk.urgData = URG_NOTYET
      sk.urgSeq = at
    }
  }
  if (sk.urgData !== URG_NOTYET) return
  const place = distance(cb.seq, sk.urgSeq)
  if (place < 0 || place >= skb.len) return
  sk.urgData = URG_VALID | (skb.data[skb.head + place] ?? 0)
  if (!sk.dead) sockDataReady(sk)
}

// ---- states --------------------------------------------------------------------------------------------------

/** The answer to our SYN. True: the packet's data are to be looked at. Linux: tcp_rcv_synsent_state_process. */
function synSentInput(sk: TcpSock, skb: SkBuff): void {
  const { net } = sk
  const cb = tcpCb(skb)
  const { flags } = cb
  if ((flags & TH_ACK) !== 0) {
    const ack = be32(skb.data, skb.h + 8)
    if (ack !== sk.sndNxt) {
      sendReset(net, skb, distance(cb.seq, cb.endSeq))
      kfreeSkb(skb)
      return
    }
    if ((flags & TH_RST) !== 0) {
      tcpReset(sk)
      kfreeSkb(skb)
      return
    }
    if ((flags & TH_SYN) === 0) {
      kfreeSkb(skb)
      return
    }
    ackInput(sk, skb)
    takeSyn(sk, skb)
    sk.sndWnd = be16(skb.data, skb.h + 14)
    sk.maxWindow = sk.sndWnd
    sk.sndWl1 = cb.seq
    establish(sk)
    kfreeSkb(skb)
    sendAck(sk)
    return
  }
  if ((flags & TH_RST) !== 0 || (flags & TH_SYN) === 0) {
    kfreeSkb(skb)
    return
  }
  // Both connect to each other.
  takeSyn(sk, skb)
  sk.sndWnd = be16(skb.data, skb.h + 14)
  sk.sndWl1 = cb.seq
  sk.maxWindow = sk.sndWnd
  setState(sk, TCP_SYN_RECV)
  kfreeSkb(skb)
  purgeWrite(sk)
  sendSyn(sk, TH_SYN | TH_ACK)
}

/** What the peer's SYN tells. */
function takeSyn(sk: TcpSock, skb: SkBuff): void {
  const cb = tcpCb(skb)
  const options = parseSynOptions(skb)
  sk.mssClamp = options.mss
  if (options.wscale >= 0) sk.sndWscale = options.wscale
  else {
    sk.sndWscale = 0
    sk.rcvWscale = 0
    sk.windowClamp = Math.min(sk.windowClamp, 65535)
  }
  sk.irs = cb.seq
  sk.rcvNxt = advance(cb.seq, 1)
  sk.rcvWup = sk.rcvNxt
  sk.copiedSeq = sk.rcvNxt
  if (sk.route !== null) syncMss(sk, sk.route.mtu)
}

/** The connection is there. Linux: tcp_init_metrics, tcp_init_buffer_space, tcp_rcv_state_process. */
function establish(sk: TcpSock): void {
  setState(sk, TCP_ESTABLISHED)
  if (sk.rcvWscale > 0) sk.windowClamp = Math.max(sk.windowClamp, sk.rcvbuf)
  sk.rcvTime = sk.net.k.state.now
  if (sk.net.wmemDefault !== 65535 && sk.sndbuf < 3 * (sk.mss + 320)) {
    sk.sndbuf = Math.min(3 * (sk.mss + 320), 131072)
  }
  if (sk.keepalive && sk.keepTimer === null) sk.keepTimer = sk.net.k.addTimer(sk.keepIdle, TCP_KEEP_TIMER, sk)
  if (sk.dead) return
  sockStateChange(sk)
  sockWakeAsync(sk, POLL_OUT)
}

/** Does a segment bring data that have not been here? */
const bringsData = (sk: TcpSock, { seq, endSeq, flags }: TcpCb): boolean =>
  seq !== endSeq && after(advance(endSeq, -(flags & TH_FIN)), sk.rcvNxt)

/**
 * All that was ours to send has been acknowledged, if it has. A FIN in the same segment must find the sock, so that it
 * stays one meanwhile; data in it, where there is no program to read them, end the connection with a reset.
 */
function finAcked(sk: TcpSock, skb: SkBuff): void {
  if (sk.sndUna !== sk.writeSeq) return
  const cb = tcpCb(skb)
  switch (sk.state) {
    case TCP_FIN_WAIT1:
      setState(sk, TCP_FIN_WAIT2)
      sk.shutdown |= SEND_SHUTDOWN
      // Who has yet to be accepted is no orphan.
      if (!sk.dead || sk.parent !== null) sockStateChange(sk)
      else if (sk.linger2 < 0 || bringsData(sk, cb)) {
        tcpDone(sk)
        sendReset(sk.net, skb, distance(cb.seq, cb.endSeq))
      } else if ((cb.flags & TH_FIN) !== 0) sk.keepTimer ??= sk.net.k.addTimer(sk.linger2, TCP_KEEP_TIMER, sk)
      else timeWait(sk, TCP_FIN_WAIT2, sk.linger2)
      return
    case TCP_CLOSING:
      timeWait(sk, TCP_TIME_WAIT, TCP_TIMEWAIT_LEN)
      return
    case TCP_LAST_ACK:
      tcpDone(sk)
      return
    default:
  }
}

/** A segment of a connection. The packet is taken over. Linux: tcp_rcv_state_process, tcp_rcv_established. */
function connectionInput(sk: TcpSock, skb: SkBuff): void {
  const cb = tcpCb(skb)
  const { flags } = cb
  sk.rcvTime = sk.net.k.state.now
  if (sk.state === TCP_CLOSE) {
    kfreeSkb(skb)
    return
  }
  if (sk.state === TCP_SYN_SENT) {
    synSentInput(sk, skb)
    return
  }
  if (!isInWindow(sk, cb)) {
    if ((flags & TH_RST) === 0) sendAck(sk)
    kfreeSkb(skb)
    return
  }
  if ((flags & TH_RST) !== 0) {
    tcpReset(sk)
    kfreeSkb(skb)
    return
  }
  if ((flags & TH_SYN) !== 0 && !before(cb.seq, sk.rcvNxt)) {
    sendReset(sk.net, skb, distance(cb.seq, cb.endSeq))
    tcpReset(sk)
    kfreeSkb(skb)
    return
  }
  if ((flags & TH_ACK) === 0) {
    kfreeSkb(skb)
    return
  }
  if (!ackInput(sk, skb)) {
    // Of what was never sent.
    if (sk.state === TCP_SYN_RECV) sendReset(sk.net, skb, distance(cb.seq, cb.endSeq))
    else sendAck(sk)
    kfreeSkb(skb)
    return
  }
  if (sk.state === TCP_SYN_RECV) {
    establish(sk)
    tellListener(sk)
  } else if (sk.state !== TCP_ESTABLISHED) {
    finAcked(sk, skb)
    // The state may have changed to one in which there is no sock.
    if (closedOf(sk)) {
      kfreeSkb(skb)
      return
    }
  }
  if ((flags & TH_URG) !== 0 || sk.urgData === URG_NOTYET) urgentInput(sk, skb)
  const isDeaf =
    (sk.shutdown & RCV_SHUTDOWN) !== 0 && (sk.state === TCP_FIN_WAIT1 || sk.state === TCP_FIN_WAIT2)
  if (isDeaf && bringsData(sk, cb)) {
    // Data for nobody.
    sendReset(sk.net, skb, distance(cb.seq, cb.endSeq))
    tcpReset(sk)
    kfreeSkb(skb)
    return
  }
  dataInput(sk, skb)
  if (closedOf(sk)) return
  pushPending(sk)
}

/** Has it closed meanwhile? */
const closedOf = (sk: TcpSock): boolean => sk.state === TCP_CLOSE

// ---- what is left of connections -----------------------------------------------------------------------------

/** Linux: tcp_timewait_state_process. */
function timeWaitInput(net: NetState, tw: TcpTimeWait, skb: SkBuff): void {
  const cb = tcpCb(skb)
  const { flags } = cb
  const ack = (): void => {
    const { rcvSaddr, num, daddr, dport, sndNxt, rcvNxt, rcvWnd, routeKey } = tw
    const window = Math.min(rcvWnd, 65535)
    sendBare(net, rcvSaddr, num, daddr, dport, sndNxt, rcvNxt, TH_ACK, window, routeKey)
  }
  const isInside =
    cb.seq === tw.rcvNxt || (!before(cb.endSeq, tw.rcvNxt) && before(cb.seq, advance(tw.rcvNxt, tw.rcvWnd)))
  if (tw.substate === TCP_FIN_WAIT2) {
    if (!isInside) ack()
    else if ((flags & TH_RST) !== 0) killTimeWait(net, tw)
    else if ((flags & TH_SYN) !== 0 || (after(cb.endSeq, tw.rcvNxt) && !isJustFin(tw, cb))) {
      // New data, and nobody to read them.
      sendReset(net, skb, distance(cb.seq, cb.endSeq))
      killTimeWait(net, tw)
    } else if (after(cb.endSeq, tw.rcvNxt)) {
      tw.substate = TCP_TIME_WAIT
      tw.rcvNxt = cb.endSeq
      scheduleTimeWait({ net }, tw, TCP_TIMEWAIT_LEN)
      ack()
    }
    kfreeSkb(skb)
    return
  }
  if (cb.seq === tw.rcvNxt && (cb.seq === cb.endSeq || (flags & TH_RST) !== 0)) {
    if ((flags & TH_RST) !== 0) killTimeWait(net, tw)
    else scheduleTimeWait({ net }, tw, TCP_TIMEWAIT_LEN)
    kfreeSkb(skb)
    return
  }
  if ((flags & (TH_SYN | TH_RST | TH_ACK)) === TH_SYN && after(cb.seq, tw.rcvNxt)) {
    const sk = listenerFor(net, skb)
    if (sk !== null) {
      killTimeWait(net, tw)
      listenReopen(net, sk, skb, advance(tw.sndNxt, 65537))
      return
    }
  }
  if ((flags & TH_RST) === 0) {
    scheduleTimeWait({ net }, tw, TCP_TIMEWAIT_LEN)
    ack()
  }
  kfreeSkb(skb)
}

const isJustFin = (tw: TcpTimeWait, cb: TcpCb): boolean =>
  (cb.flags & TH_FIN) !== 0 && cb.endSeq === advance(tw.rcvNxt, 1)

// ---- the protocol --------------------------------------------------------------------------------------------

const mayDeliver = (net: NetState, sk: TcpSock, skb: SkBuff): boolean =>
  !net.k.hooked.has('sockDeliver') || net.k.security.sockDeliver(sk, skb) === 0

/** The listener that a packet is for. */
function listenerFor(net: NetState, skb: SkBuff): TcpSock | null {
  const { data, h, nh, dev, redirport } = skb
  const { tcp } = net.inet
  const ifindex = dev?.ifindex ?? 0
  const dport = be16(data, h + 2)
  const sees = (sk: TcpSock): boolean => mayDeliver(net, sk, skb)
  if (redirport === 0) return findListener(tcp, ipDaddr(data, nh), dport, ifindex, sees)
  // To this host's own port instead. Linux: tcp_v4_proxy_lookup.
  const own = dev?.addresses[0]?.local ?? 0
  const redirected = redirport === dport ? null : findListener(tcp, own, redirport, ifindex, sees)
  if (redirected !== null) return redirected
  const meant = findListener(tcp, ipDaddr(data, nh), dport, ifindex, sees)
  return meant ?? findListener(tcp, own, redirport, ifindex, sees)
}

/** Is it a segment, all there and unharmed? */
function isSane(skb: SkBuff): boolean {
  const { data, h, nh, tail } = skb
  const hlen = ((data[h + 12] ?? 0) >> 4) * 4
  if (skb.len < TCP_HLEN || hlen < TCP_HLEN || hlen > skb.len) return false
  if (skb.isChecked) return true
  const sum = csumPseudo(ipSaddr(data, nh), ipDaddr(data, nh), IPPROTO_TCP, tail - h)
  return csumFold(csumPartial(data, h, tail, sum)) === 0
}

/** Linux: tcp_v4_rcv. */
function tcpInput(net: NetState, skb: SkBuff): void {
  const { tcp } = net.inet
  tcp.mib.inSegs++
  if (!isSane(skb)) {
    tcp.mib.inErrs++
    kfreeSkb(skb)
    return
  }
  const { data, h, nh } = skb
  const flags = data[h + 13] ?? 0
  const seq = be32(data, h + 4)
  skb.head = h + ((data[h + 12] ?? 0) >> 4) * 4
  const length = skb.len + ((flags & TH_SYN) >> 1) + (flags & TH_FIN)
  skb.cb = new TcpCb(seq, advance(seq, length), flags)
  const conn = connectionFor(
    tcp,
    ipDaddr(data, nh),
    be16(data, h + 2),
    ipSaddr(data, nh),
    be16(data, h),
    skb.routeKey,
  )
  if (conn instanceof TcpTimeWait) {
    timeWaitInput(net, conn, skb)
    return
  }
  if (conn instanceof TcpSock && mayDeliver(net, conn, skb)) {
    connectionInput(conn, skb)
    return
  }
  // A connection that the packet is not for is as if it were not there.
  const listener = listenerFor(net, skb)
  if (listener === null) {
    sendReset(net, skb, length)
    kfreeSkb(skb)
    return
  }
  const child = listenInput(net, listener, skb)
  if (child !== null) connectionInput(child, skb)
}

/** What ICMP has to say about a connection. Linux: tcp_v4_err. */
function tcpError(net: NetState, skb: SkBuff, type: number, code: number, info: number): void {
  const { data, nh } = skb
  const at = nh + ipHlen(data, nh)
  const { tcp } = net.inet
  const sk = connectionFor(
    tcp,
    ipSaddr(data, nh),
    be16(data, at),
    ipDaddr(data, nh),
    be16(data, at + 2),
    skb.routeKey,
  )
  if (!(sk instanceof TcpSock) || sk.state === TCP_CLOSE || sk.state === TCP_LISTEN) return
  const seq = be32(data, at + 4)
  const isOurs = !before(seq, sk.sndUna) && !after(seq, sk.sndNxt)
  if (!isOurs || type === ICMP_SOURCE_QUENCH) return
  let error: Errno = EHOSTUNREACH
  if (type === ICMP_PARAMETERPROB) error = EPROTO
  else if (type === ICMP_DEST_UNREACH) {
    if (code === ICMP_FRAG_NEEDED) {
      shrink(sk, info)
      return
    }
    error = ICMP_ERRORS[code]?.[0] ?? EHOSTUNREACH
  }
  if (sk.state === TCP_SYN_SENT || sk.state === TCP_SYN_RECV) {
    sk.err = error
    if (!sk.dead) sockErrorReport(sk)
    tcpDone(sk)
  } else if (sk.recvErr && !sk.dead) {
    sk.err = error
    sockErrorReport(sk)
  } else sk.errSoft = error
}

/** The path takes only packets of `mtu` bytes. Linux: do_pmtu_discovery. */
function shrink(sk: TcpSock, mtu: number): void {
  if (mtu < 68 || mtu - 40 >= sk.mss) return
  syncMss(sk, mtu)
  sk.mssClamp = Math.min(sk.mssClamp, sk.mss)
  for (let skb = sk.writeQueue.head; skb !== null && skb !== sk.sendHead; skb = skb.next) {
    if (skb.len > sk.mss) markLost(sk, skb)
  }
  if (sk.lostOut > 0 && sk.caState !== CA_LOSS) {
    sk.caState = CA_LOSS
    sk.dupAcks = 0
    sk.highSeq = sk.sndNxt
  }
  sendLost(sk)
}

/** Linux: tcp_protocol. */
export const tcpProtocol: InetProtocol = Object.freeze({
  protocol: IPPROTO_TCP,
  receive: tcpInput,
  error: tcpError,
} satisfies InetProtocol)
