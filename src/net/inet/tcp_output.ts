/**
 * TCP on its way out: headers, windows, what may be sent and when, and sending again.
 *
 * Linux: tcp_transmit_skb, tcp_write_xmit, tcp_retransmit_skb, tcp_send_fin, tcp_send_ack, tcp_send_probe0,
 * __tcp_select_window (net/ipv4/tcp_output.c), tcp_v4_send_reset (net/ipv4/tcp_ipv4.c, 2.2.12, 2.6.14).
 *
 * A packet of the write queue has room for all headers in front of its data: the first time it is sent the headers go
 * there and the bytes are shared; afterwards a copy is sent.
 *
 * Left out: timestamps, SACK and ECN, which are offered to nobody and refused to all.
 */

import { EHOSTUNREACH, type Errno, isErr } from '../../abi/errno.js'
import { IFF_LOOPBACK } from '../../abi/if.js'
import { IP_PMTUDISC_DONT, IPPROTO_TCP } from '../../abi/socket.js'
import { csumFold, csumPartial, csumPseudo } from '../checksum.js'
import {
  kfreeSkb,
  type SkBuff,
  skbClone,
  skbCopy,
  skbInsertBefore,
  skbQueueTail,
  skbSetOwnerW,
} from '../skbuff.js'
import { TCP_CLOSE, TCP_SYN_RECV, TCP_SYN_SENT } from '../sock.js'
import type { NetState } from '../state.js'
import { inetAddrType } from './fib.js'
import { be16, be32, ipDaddr, ipSaddr, put16, put32 } from './ip.js'
import { ipAllocSkb, ipLocalOut, ipPushHeader } from './ip_output.js'
import { ipRouteOutput, routeHolds } from './route.js'
import { type Route, RTN_UNICAST } from './route_types.js'
import {
  advance,
  after,
  before,
  distance,
  MARK_EVER_RETRANS,
  MARK_LOST,
  MARK_RETRANS,
  type OpenRequest,
  TCP_ATO_MIN,
  TCP_HLEN,
  TCP_RTO_MAX,
  TCP_WRITE_TIMER,
  TcpCb,
  type TcpSock,
  TH_ACK,
  TH_FIN,
  TH_PSH,
  TH_RST,
  TH_SYN,
  TH_URG,
  tcpCb,
} from './tcp_sock.js'

/** Options of a SYN: the MSS, and where windows are scaled three bytes and one of nothing. */
const OPT_MSS = 2
const OPT_WSCALE = 3
/** Data bytes at least that a packet of the queue has room for, so that small writes can join. */
const MIN_ROOM = 256

// ---- timers --------------------------------------------------------------------------------------------------

/** Sets the timer of what has been sent, or of probes. Linux: tcp_reset_xmit_timer. */
export function armWriteTimer(sk: TcpSock, ms: number, isProbing: boolean): void {
  const { k } = sk.net
  const at = k.state.now + Math.min(ms, TCP_RTO_MAX)
  sk.isProbing = isProbing
  if (sk.writeTimer === null) {
    sk.writeTimer = k.addTimer(at - k.state.now, TCP_WRITE_TIMER, sk)
    return
  }
  k.state.timers.remove(sk.writeTimer)
  k.state.timers.rearm(sk.writeTimer, at)
}

/** Linux: tcp_clear_xmit_timer. */
export function clearWriteTimer(sk: TcpSock): void {
  if (sk.writeTimer !== null) sk.net.k.state.timers.remove(sk.writeTimer)
}

export function clearDelack(sk: TcpSock): void {
  sk.ackPending = false
  sk.ackPushed = false
  if (sk.delackTimer !== null) sk.net.k.state.timers.remove(sk.delackTimer)
}

// ---- routes and sizes ----------------------------------------------------------------------------------------

/** The route to the peer, the kept one where it holds. Linux: tcp_v4_rebuild_header. */
export function tcpRoute(sk: TcpSock): Route | Errno {
  const { net } = sk
  if (routeHolds(net, sk.route)) return sk.route
  const route = ipRouteOutput(net, {
    dst: sk.daddr,
    src: sk.isForeign ? 0 : sk.saddr,
    tos: sk.tos & 0x1c,
    oif: sk.boundDev,
    iif: 0,
    mark: 0,
    key: sk.routeKey,
  })
  if (isErr(route)) {
    net.inet.ipMib.outNoRoutes++
    return route
  }
  sk.route = route
  return route
}

/** Bytes of a segment on a path of this MTU. Linux: tcp_sync_mss. */
export function syncMss(sk: TcpSock, mtu: number): void {
  let mss = Math.min(mtu - 40, sk.mssClamp)
  if (sk.userMss > 0) mss = Math.min(mss, sk.userMss)
  // Never more than half of the largest window that there was.
  if (sk.maxWindow > 0 && mss > sk.maxWindow >> 1) mss = Math.max(sk.maxWindow >> 1, 48)
  sk.mss = Math.max(mss, 8)
}

/** Bytes that may still come, of what the buffer holds: a quarter is for overhead. Linux: tcp_win_from_space. */
const windowOf = (space: number): number => space - (space >> 2)

/** The window to tell, without drawing back what was told. Linux: tcp_select_window, __tcp_select_window. */
export function selectWindow(sk: TcpSock): number {
  const current = Math.max(0, distance(sk.rcvNxt, advance(sk.rcvWup, sk.rcvWnd)))
  const full = Math.min(sk.windowClamp, windowOf(sk.rcvbuf))
  const mss = Math.max(1, Math.min(sk.rcvMss, full))
  const free = Math.min(windowOf(Math.max(0, sk.rcvbuf - sk.rmem)), sk.windowClamp)
  let window = current
  if (free < full >> 1 && free < mss) window = 0
  else if (sk.rcvWscale > 0) window = free
  else if (window <= free - mss || window > free) window = Math.floor(free / mss) * mss
  if (window < current) window = current
  const limit = 65535 * 2 ** sk.rcvWscale
  if (window > limit) window = limit
  const unit = 1 << sk.rcvWscale
  window = Math.ceil(window / unit) * unit
  if (window > limit) window = limit
  sk.rcvWnd = window
  sk.rcvWup = sk.rcvNxt
  return window >>> sk.rcvWscale
}

// ---- one packet ----------------------------------------------------------------------------------------------

/** Completes the checksum; within this host it is nobody's business unless somebody listens. */
function checksum(net: NetState, skb: SkBuff, saddr: number, daddr: number, route: Route): void {
  const { data, h, tail } = skb
  put16(data, h + 16, 0)
  if ((route.dev.flags & IFF_LOOPBACK) !== 0 && net.taps.length === 0) return
  const sum = csumPartial(data, h, tail, csumPseudo(saddr, daddr, IPPROTO_TCP, tail - h))
  put16(data, h + 16, csumFold(sum))
}

/** Writes a header of `hlen` bytes at `skb.h`; options have been written. */
function putHeader(
  skb: SkBuff,
  sport: number,
  dport: number,
  seq: number,
  ack: number,
  hlen: number,
  flags: number,
  window: number,
): void {
  const { data, h } = skb
  put16(data, h, sport)
  put16(data, h + 2, dport)
  put32(data, h + 4, seq)
  put32(data, h + 8, ack)
  data[h + 12] = (hlen >> 2) << 4
  data[h + 13] = flags
  put16(data, h + 14, window)
  put16(data, h + 18, 0)
}

/** Options of a SYN at `at`. */
function putSynOptions(data: Uint8Array, at: number, mss: number, wscale: number): void {
  data[at] = OPT_MSS
  data[at + 1] = 4
  put16(data, at + 2, mss)
  if (wscale < 0) return
  data[at + 4] = 1
  data[at + 5] = OPT_WSCALE
  data[at + 6] = 3
  data[at + 7] = wscale
}

/** The MSS to tell a peer. */
const advertisedMss = (sk: TcpSock, route: Route): number => {
  const mss = route.mtu - 40
  return sk.userMss > 0 ? Math.min(sk.userMss, mss) : mss
}

/** The scale that a window for the sock's buffer needs. Linux: tcp_select_initial_window. */
export function windowScale(sk: TcpSock): number {
  let space = Math.max(sk.rcvbuf, sk.net.rmemMax)
  let scale = 0
  while (space > 65535 && scale < 14) {
    space >>= 1
    scale++
  }
  return scale
}

/** What was owed is on its way. Linux: tcp_event_ack_sent, tcp_dec_quickack_mode. */
function ackSent(sk: TcpSock): void {
  clearDelack(sk)
  if (sk.quickAcks > 0 && --sk.quickAcks === 0) sk.ato = TCP_ATO_MIN
}

/** Gives a packet of a connection its IP header and sends it. Linux: ip_queue_xmit. */
function send(sk: TcpSock, skb: SkBuff, route: Route): number {
  const { net } = sk
  const { inet } = net
  inet.tcp.mib.outSegs++
  checksum(net, skb, sk.saddr, sk.daddr, route)
  ipPushHeader(net, skb, {
    saddr: sk.saddr,
    daddr: sk.daddr,
    protocol: IPPROTO_TCP,
    tos: sk.tos,
    ttl: sk.ttl < 0 ? inet.defaultTtl : sk.ttl,
    df: sk.pmtudisc !== IP_PMTUDISC_DONT,
  })
  return ipLocalOut(net, skb, route)
}

/**
 * Sends `skb`, whose head is at its data, as a segment with these flags. The window and the acknowledgement are of
 * now. Linux: tcp_transmit_skb.
 */
function transmit(sk: TcpSock, skb: SkBuff, seq: number, flags: number): number {
  const route = tcpRoute(sk)
  if (isErr(route)) {
    sk.errSoft = route
    kfreeSkb(skb)
    return route
  }
  const isSyn = (flags & TH_SYN) !== 0
  const wscale = isSyn && (sk.state === TCP_SYN_SENT || sk.sndWscale >= 0) ? sk.rcvWscale : -1
  const hlen = isSyn ? TCP_HLEN + (wscale < 0 ? 4 : 8) : TCP_HLEN
  skb.head -= hlen
  skb.h = skb.head
  if (isSyn) putSynOptions(skb.data, skb.h + TCP_HLEN, advertisedMss(sk, route), wscale)
  let bits = flags
  const window = isSyn ? Math.min(sk.rcvWnd, 65535) : selectWindow(sk)
  const urgent = distance(seq, sk.sndUp)
  if (sk.urgMode && urgent > 0 && urgent < 0x10000) bits |= TH_URG
  putHeader(skb, sk.sport, sk.dport, seq, (flags & TH_ACK) !== 0 ? sk.rcvNxt : 0, hlen, bits, window)
  if ((bits & TH_URG) !== 0) put16(skb.data, skb.h + 18, urgent)
  if ((flags & TH_ACK) !== 0) ackSent(sk)
  skb.routeKey = sk.routeKey
  skb.priority = sk.priority
  return send(sk, skb, route)
}

/** A packet of the queue with room for `size` bytes and as many headers as there are. */
export function allocSegment(sk: TcpSock, size: number): SkBuff {
  const skb = ipAllocSkb(sk.net, TCP_HLEN + 8 + size, size < sk.mss ? undefined : TCP_HLEN + 8)
  skb.head = skb.h + TCP_HLEN + 8
  skb.tail = skb.head
  skbSetOwnerW(skb, sk)
  return skb
}

/** Room for new data: what is left to write, at least enough for small writes to join. */
export const roomFor = (sk: TcpSock, left: number): number =>
  left >= sk.mss ? sk.mss : Math.min(sk.mss, Math.max(left, MIN_ROOM))

/** A packet without data. Modules label it. */
function bareSegment(sk: TcpSock): SkBuff {
  const skb = ipAllocSkb(sk.net, TCP_HLEN + 8)
  skb.head = skb.tail
  if (sk.net.k.hooked.has('skbSend')) sk.net.k.security.skbSend(sk, skb)
  return skb
}

/** Sends a packet of the queue: its bytes the first time, a copy later. */
function sendQueued(sk: TcpSock, skb: SkBuff): number {
  const cb = tcpCb(skb)
  const isFirst = cb.when === 0 && (cb.mark & MARK_EVER_RETRANS) === 0
  const wire = isFirst ? skbClone(skb) : skbCopy(skb)
  wire.cb = null
  const { now } = sk.net.k.state
  cb.when = now + 1
  // An answer to what has just come. Linux: tcp_event_data_sent.
  if (skb.len > 0 && now - sk.dataTime < sk.ato) sk.pingpong = true
  return transmit(sk, wire, cb.seq, cb.flags)
}

/** An acknowledgement, now. Linux: tcp_send_ack. */
export function sendAck(sk: TcpSock): void {
  if (sk.state === TCP_CLOSE) return
  transmit(sk, bareSegment(sk), sk.sndNxt, TH_ACK)
}

/** Asks the peer whether it is there, or its window open. Linux: tcp_xmit_probe_skb. */
export function sendProbe(sk: TcpSock, isUrgent: boolean): number {
  return transmit(sk, bareSegment(sk), advance(sk.sndUna, isUrgent ? 0 : -1), TH_ACK)
}

/** Ends the connection at once. Linux: tcp_send_active_reset. */
export function sendActiveReset(sk: TcpSock): void {
  sk.net.inet.tcp.mib.outRsts++
  transmit(sk, bareSegment(sk), sk.sndNxt, TH_ACK | TH_RST)
}

// ---- the queue -----------------------------------------------------------------------------------------------

/** Puts a packet at the end of what is to be sent. */
export function queueSegment(sk: TcpSock, skb: SkBuff, flags: number): void {
  skb.cb = new TcpCb(sk.writeSeq, sk.writeSeq, flags)
  skbQueueTail(sk.writeQueue, skb)
  sk.sendHead ??= skb
}

/** Cuts a packet in two: the first has `length` bytes. Linux: tcp_fragment. */
function fragment(sk: TcpSock, skb: SkBuff, length: number): void {
  const cb = tcpCb(skb)
  const rest = skb.len - length
  const second = allocSegment(sk, rest)
  second.data.set(skb.data.subarray(skb.head + length, skb.tail), second.head)
  second.tail = second.head + rest
  const made = new TcpCb(advance(cb.seq, length), cb.endSeq, cb.flags)
  made.when = cb.when
  made.mark = cb.mark
  second.cb = made
  cb.endSeq = made.seq
  cb.flags &= ~(TH_FIN | TH_PSH)
  skb.tail = skb.head + length
  if (skb.next === null) skbQueueTail(sk.writeQueue, second)
  else skbInsertBefore(sk.writeQueue, skb.next, second)
  if (cb.when === 0) return
  sk.packetsOut++
  if ((cb.mark & MARK_LOST) !== 0) sk.lostOut++
  if ((cb.mark & MARK_RETRANS) !== 0) sk.retransOut++
}

/** Packets that are thought to be in the network. Linux: tcp_packets_in_flight. */
export const inFlight = (sk: TcpSock): number => sk.packetsOut - sk.lostOut - sk.dupAcks + sk.retransOut

/** May a small packet wait for others? Linux: tcp_nagle_check, tcp_minshall_check. */
function mustWait(sk: TcpSock, skb: SkBuff): boolean {
  const cb = tcpCb(skb)
  if (skb.len >= sk.mss || (cb.flags & TH_FIN) !== 0) return false
  if (sk.cork) return true
  if (sk.nodelay || (sk.urgMode && !before(sk.sndUp, cb.seq))) return false
  return sk.packetsOut > 0 && after(sk.sndSml, sk.sndUna) && !after(sk.sndSml, sk.sndNxt)
}

/** Linux: update_send_head. */
function sentNew(sk: TcpSock, skb: SkBuff): void {
  const cb = tcpCb(skb)
  sk.sendHead = skb.next
  sk.sndNxt = cb.endSeq
  if (skb.len < sk.mss) sk.sndSml = cb.endSeq
  if (sk.packetsOut++ === 0) armWriteTimer(sk, sk.rto, false)
}

/** Sends what may be sent. `isForced`: small packets do not wait. Linux: tcp_write_xmit, __tcp_push_pending_frames. */
export function pushPending(sk: TcpSock, isForced = false): void {
  while (sk.sendHead !== null) {
    const skb: SkBuff = sk.sendHead
    const cb = tcpCb(skb)
    if (inFlight(sk) >= sk.cwnd) break
    const room = distance(cb.seq, advance(sk.sndUna, sk.sndWnd))
    if (skb.len > sk.mss) fragment(sk, skb, sk.mss)
    if (distance(cb.seq, cb.endSeq) > room) {
      // A window smaller than a segment is used only where nothing else is under way.
      if (room <= 0 || sk.packetsOut > 0 || skb.len <= room) break
      fragment(sk, skb, room)
    }
    if (!isForced && sk.sendHead === sk.writeQueue.tail && mustWait(sk, skb)) break
    const isFirst = cb.when === 0
    const failed = sendQueued(sk, skb)
    if (isFirst) sentNew(sk, skb)
    if (failed < 0 && isErr(failed)) break
  }
  if (sk.sendHead !== null && sk.packetsOut === 0 && (sk.writeTimer === null || sk.writeTimer.index < 0)) {
    armWriteTimer(sk, sk.rto, true)
  }
}

/** Sends a packet of the queue again. 0 or an Errno. Linux: tcp_retransmit_skb. */
export function retransmit(sk: TcpSock, skb: SkBuff): number {
  const cb = tcpCb(skb)
  // Its beginning may have been acknowledged.
  if (before(cb.seq, sk.sndUna) && skb.len > 0) {
    const gone = Math.min(distance(cb.seq, sk.sndUna), skb.len)
    skb.head += gone
    cb.seq = advance(cb.seq, gone)
  }
  const room = distance(cb.seq, advance(sk.sndUna, sk.sndWnd))
  if (skb.len > sk.mss) fragment(sk, skb, sk.mss)
  if (room > 0 && skb.len > room) fragment(sk, skb, room)
  if ((cb.mark & MARK_RETRANS) === 0) sk.retransOut++
  cb.mark |= MARK_RETRANS | MARK_EVER_RETRANS
  sk.net.inet.tcp.mib.retransSegs++
  sk.totalRetrans++
  return sendQueued(sk, skb)
}

/** Takes a packet for lost. */
export function markLost(sk: TcpSock, skb: SkBuff): void {
  const cb = tcpCb(skb)
  if ((cb.mark & MARK_LOST) === 0) {
    cb.mark |= MARK_LOST
    sk.lostOut++
  }
  if ((cb.mark & MARK_RETRANS) !== 0) {
    cb.mark &= ~MARK_RETRANS
    sk.retransOut--
  }
}

/** Sends lost packets again as far as the congestion window lets. Linux: tcp_xmit_retransmit_queue. */
export function sendLost(sk: TcpSock): void {
  let left = sk.lostOut
  for (let skb = sk.writeQueue.head; skb !== null && skb !== sk.sendHead && left > 0; skb = skb.next) {
    const { mark } = tcpCb(skb)
    if ((mark & MARK_LOST) === 0) continue
    left--
    if ((mark & MARK_RETRANS) !== 0) continue
    if (inFlight(sk) >= sk.cwnd) return
    if (isErr(retransmit(sk, skb))) return
  }
}

/** Queues the end of our data. Linux: tcp_send_fin. */
export function sendFin(sk: TcpSock): void {
  const last = sk.sendHead === null ? null : sk.writeQueue.tail
  if (last !== null) {
    const cb = tcpCb(last)
    cb.flags |= TH_FIN
    cb.endSeq = advance(cb.endSeq, 1)
  } else {
    queueSegment(sk, allocSegment(sk, 0), TH_ACK | TH_FIN)
    const tail = sk.writeQueue.tail
    if (tail !== null) tcpCb(tail).endSeq = advance(sk.writeSeq, 1)
  }
  sk.writeSeq = advance(sk.writeSeq, 1)
  pushPending(sk, true)
}

/** Sends the SYN of a connection, or of both where both connect to each other. Linux: tcp_connect, tcp_send_synack. */
export function sendSyn(sk: TcpSock, flags: number): void {
  const skb = allocSegment(sk, 0)
  const cb = new TcpCb(sk.iss, advance(sk.iss, 1), flags)
  skb.cb = cb
  skbQueueTail(sk.writeQueue, skb)
  sk.packetsOut = 1
  sk.sndNxt = cb.endSeq
  sendQueued(sk, skb)
  armWriteTimer(sk, sk.rto, false)
}

/** A window that has opened or a probe of one that has not. Linux: tcp_write_wakeup. */
export function writeWakeup(sk: TcpSock): number {
  const skb = sk.sendHead
  if (skb !== null && before(tcpCb(skb).seq, advance(sk.sndUna, sk.sndWnd))) {
    pushPending(sk, true)
    return 0
  }
  if (sk.urgMode) sendProbe(sk, true)
  return sendProbe(sk, false)
}

// ---- packets without a sock ----------------------------------------------------------------------------------

/** Sends a bare segment from one end to another: 0, an Errno, or EHOSTUNREACH. */
export function sendBare(
  net: NetState,
  laddr: number,
  lport: number,
  raddr: number,
  rport: number,
  seq: number,
  ack: number,
  flags: number,
  window: number,
  routeKey: number,
): number {
  // What the firewall has redirected is answered in the name of whom it was meant for.
  const isForeign = net.firewall !== null && inetAddrType(net, laddr) === RTN_UNICAST
  const flow = { dst: raddr, src: isForeign ? 0 : laddr, tos: 0, oif: 0, iif: 0, mark: 0, key: routeKey }
  const route = ipRouteOutput(net, flow)
  if (isErr(route)) return EHOSTUNREACH
  const skb = ipAllocSkb(net, TCP_HLEN)
  skb.routeKey = routeKey
  putHeader(skb, lport, rport, seq, ack, TCP_HLEN, flags, window)
  net.inet.tcp.mib.outSegs++
  if ((flags & TH_RST) !== 0) net.inet.tcp.mib.outRsts++
  checksum(net, skb, laddr, raddr, route)
  const ttl = net.inet.defaultTtl
  ipPushHeader(net, skb, { saddr: laddr, daddr: raddr, protocol: IPPROTO_TCP, tos: 0, ttl, df: false })
  return ipLocalOut(net, skb, route)
}

/** Answers a segment that belongs to nothing. Linux: tcp_v4_send_reset. */
export function sendReset(net: NetState, skb: SkBuff, length: number): void {
  const { data, h, nh } = skb
  const flags = data[h + 13] ?? 0
  if ((flags & TH_RST) !== 0) return
  const [laddr, raddr] = [ipDaddr(data, nh), ipSaddr(data, nh)]
  const [lport, rport] = [be16(data, h + 2), be16(data, h)]
  if ((flags & TH_ACK) !== 0) {
    sendBare(net, laddr, lport, raddr, rport, be32(data, h + 8), 0, TH_RST, 0, skb.routeKey)
    return
  }
  const ack = advance(be32(data, h + 4), length)
  sendBare(net, laddr, lport, raddr, rport, 0, ack, TH_RST | TH_ACK, 0, skb.routeKey)
}

/** Answers a SYN. Linux: tcp_v4_send_synack. */
export function sendSynAck(net: NetState, req: OpenRequest): number {
  const { sk } = req
  const route = ipRouteOutput(net, {
    dst: req.raddr,
    src: req.isForeign ? 0 : req.laddr,
    tos: sk.tos & 0x1c,
    oif: sk.boundDev,
    iif: 0,
    mark: 0,
    key: req.routeKey,
  })
  if (isErr(route)) return route
  const hlen = TCP_HLEN + (req.sndWscale < 0 ? 4 : 8)
  const skb = ipAllocSkb(net, hlen)
  if (net.k.hooked.has('skbSend')) net.k.security.skbSend(sk, skb)
  skb.routeKey = req.routeKey
  putSynOptions(skb.data, skb.h + TCP_HLEN, advertisedMss(sk, route), req.sndWscale < 0 ? -1 : req.rcvWscale)
  const window = Math.min(req.rcvWnd, 65535)
  putHeader(skb, req.lport, req.rport, req.iss, advance(req.irs, 1), hlen, TH_SYN | TH_ACK, window)
  net.inet.tcp.mib.outSegs++
  checksum(net, skb, req.laddr, req.raddr, route)
  const ttl = sk.ttl < 0 ? net.inet.defaultTtl : sk.ttl
  const df = sk.pmtudisc !== IP_PMTUDISC_DONT
  ipPushHeader(net, skb, {
    saddr: req.laddr,
    daddr: req.raddr,
    protocol: IPPROTO_TCP,
    tos: sk.tos,
    ttl,
    df,
  })
  return ipLocalOut(net, skb, route)
}

/** Is the sock still on its way to a connection? */
export const isConnecting = (sk: TcpSock): boolean => sk.state === TCP_SYN_SENT || sk.state === TCP_SYN_RECV
