/**
 * Listeners: connections that are being made are small objects until the peer's last ACK; then they are socks that
 * wait for accept.
 *
 * Linux: tcp_v4_conn_request, tcp_v4_syn_recv_sock (net/ipv4/tcp_ipv4.c), tcp_check_req, tcp_create_openreq_child
 * (net/ipv4/tcp_minisocks.c), tcp_synack_timer, tcp_listen_stop (net/ipv4/tcp.c, 2.2.12, 2.6.14).
 *
 * Left out: SYN cookies; 2.0's queue of whole socks, which shows the same to programs.
 */

import { kfreeSkb, type SkBuff } from '../skbuff.js'
import { sockDataReady, TCP_ESTABLISHED, TCP_SYN_RECV } from '../sock.js'
import type { NetState } from '../state.js'
import { be16, be32, ipDaddr, ipSaddr } from './ip.js'
import { type Route, RTN_LOCAL, RTN_UNICAST } from './route_types.js'
import { BINDPORT_LOCK } from './sock.js'
import { sendActiveReset, sendReset, sendSynAck, syncMss, windowScale } from './tcp_output.js'
import {
  advance,
  modern,
  OpenRequest,
  peerKey,
  TCP_REQUEST_TIMER,
  TCP_RTO_MAX,
  TCP_SYNACK_RETRIES,
  TCP_TIMEOUT_INIT,
  TcpSock,
  TH_ACK,
  TH_RST,
  TH_SYN,
  tcpCb,
} from './tcp_sock.js'
import { clearTimers, destroySock, dropRequest, setState } from './tcp_state.js'
import { addConnection, findConnection, inheritPort } from './tcp_table.js'

/** Requests that one listener may have. Linux: sysctl_max_syn_backlog. */
const MAX_SYN_BACKLOG = 256
/** The largest segment that counts in the first window. */
const INITIAL_SEGMENTS = 4

/** The options of a SYN. */
export interface SynOptions {
  /** The peer's MSS; 536 where it does not say. */
  mss: number
  /** Its window's scale; -1 where it has none. */
  wscale: number
}

/** Linux: tcp_parse_options. */
export function parseSynOptions(skb: SkBuff): SynOptions {
  const { data, h } = skb
  const found: SynOptions = { mss: 536, wscale: -1 }
  const end = h + ((data[h + 12] ?? 0) >> 4) * 4
  for (let at = h + 20; at < end; ) {
    const kind = data[at] ?? 0
    if (kind === 0) break
    if (kind === 1) {
      at++
      continue
    }
    const size = data[at + 1] ?? 0
    if (size < 2 || at + size > end) break
    if (kind === 2 && size === 4) found.mss = be16(data, at + 2) || 536
    else if (kind === 3 && size === 3) found.wscale = Math.min(data[at + 2] ?? 0, 14)
    at += size
  }
  return found
}

/** A first sequence number: a clock, so that it is the same in every run. Linux: secure_tcp_sequence_number. */
export function newIss(net: NetState): number {
  const { tcp } = net.inet
  tcp.isnCount = (tcp.isnCount + 64_000) >>> 0
  return (Math.imul(Math.floor(net.k.state.now * 1000) + tcp.isnCount, 2654435761) ^ 0x5bd1e995) >>> 0
}

/** The first window, and what it is scaled by. Linux: tcp_select_initial_window. */
export function initialWindow(sk: TcpSock, mss: number): number {
  const space = Math.min(sk.rcvbuf - (sk.rcvbuf >> 2), sk.windowClamp, 65535)
  const window = space > mss ? Math.floor(space / mss) * mss : space
  return Math.min(window, Math.max(INITIAL_SEGMENTS * mss, 32767), 65535)
}

/** Are there more connections than may wait? Linux: sk_acceptq_is_full. */
const isFull = (sk: TcpSock): boolean => sk.acceptQueue.length > sk.maxAckBacklog

/** Requests whose SYN-ACK has not been sent again. Linux: tcp_synq_young. */
function young(sk: TcpSock): number {
  let count = 0
  for (const req of sk.requests?.values() ?? []) if (req.retrans === 0) count++
  return count
}

/** A SYN has come to a listener. Linux: tcp_v4_conn_request. */
function connRequest(net: NetState, sk: TcpSock, skb: SkBuff, iss: number): void {
  const { data, h, nh } = skb
  const { requests } = sk
  // Not to broadcasts and groups. What has been redirected was meant for others.
  const { type } = skb.dst as Route
  if ((type !== RTN_LOCAL && (type !== RTN_UNICAST || skb.redirport === 0)) || requests === null) return
  if (requests.size >= MAX_SYN_BACKLOG || (isFull(sk) && young(sk) > 1)) {
    net.inet.tcp.mib.listenOverflows++
    return
  }
  const raddr = ipSaddr(data, nh)
  const rport = be16(data, h)
  const { seq } = tcpCb(skb)
  const req = new OpenRequest(sk, ipDaddr(data, nh), be16(data, h + 2), raddr, rport, seq, iss)
  req.isForeign = type !== RTN_LOCAL
  const options = parseSynOptions(skb)
  req.mss = options.mss
  req.sndWscale = options.wscale
  if (options.wscale >= 0) req.rcvWscale = windowScale(sk)
  req.ifindex = skb.dev?.ifindex ?? 0
  req.routeKey = sk.routeKey
  req.rcvWnd = initialWindow(sk, options.mss)
  if (sendSynAck(net, req) < 0) return
  requests.set(peerKey(raddr, rport), req)
  req.timer = net.k.addTimer(TCP_TIMEOUT_INIT, TCP_REQUEST_TIMER, req)
}

/** The sock of a connection that has been made. Linux: tcp_v4_syn_recv_sock, tcp_create_openreq_child. */
function makeChild(net: NetState, req: OpenRequest): TcpSock {
  const parent = req.sk
  const { tcp } = net.inet
  const sk = new TcpSock(net, parent.proto)
  tcp.socks.add(sk)
  sk.dead = true
  sk.parent = parent
  sk.state = TCP_SYN_RECV
  sk.rcvSaddr = req.laddr
  sk.saddr = req.laddr
  sk.daddr = req.raddr
  sk.dport = req.rport
  sk.sport = req.lport
  sk.isForeign = req.isForeign
  if (req.isForeign && net.firewall !== null) net.firewall.hasForeign = true
  sk.boundDev = parent.boundDev
  sk.portSpace = parent.portSpace
  sk.routeKey = req.routeKey
  sk.reuse = parent.reuse
  // The port goes with the connection, though its listener has bound to it.
  sk.locks = modern(parent) ? parent.locks & ~BINDPORT_LOCK : parent.locks
  for (const key of INHERITED) copyOption(parent, sk, key)
  sk.sndbuf = parent.sndbuf
  sk.rcvbuf = parent.rcvbuf
  sk.irs = req.irs
  sk.rcvNxt = advance(req.irs, 1)
  sk.copiedSeq = sk.rcvNxt
  sk.rcvWup = sk.rcvNxt
  sk.rcvWnd = req.rcvWnd
  sk.iss = req.iss
  sk.sndUna = advance(req.iss, 1)
  sk.sndNxt = sk.sndUna
  sk.writeSeq = sk.sndUna
  sk.sndUp = sk.sndUna
  sk.sndSml = sk.sndUna
  sk.sndWl1 = req.irs
  sk.mssClamp = req.mss
  if (req.sndWscale >= 0) {
    sk.sndWscale = req.sndWscale
    sk.rcvWscale = req.rcvWscale
  }
  inheritPort(tcp, parent, sk)
  sk.num = req.lport
  addConnection(tcp, sk)
  net.k.security.sockInit(null, sk, parent)
  return sk
}

/** What a connection has from its listener. */
const INHERITED = [
  'keepalive',
  'broadcast',
  'debug',
  'dontroute',
  'oobInline',
  'bsdCompat',
  'timestamp',
  'linger',
  'lingerTime',
  'priority',
  'rcvlowat',
  'rcvtimeo',
  'sndtimeo',
  'ttl',
  'tos',
  'recvErr',
  'pmtudisc',
  'shutdown',
  'nodelay',
  'cork',
  'userMss',
  'windowClamp',
  'keepIdle',
  'keepIntvl',
  'keepCnt',
  'linger2',
] as const

function copyOption<K extends (typeof INHERITED)[number]>(from: TcpSock, to: TcpSock, key: K): void {
  to[key] = from[key]
}

/**
 * A segment for a listener: a SYN, the last ACK of a request, or nothing of both. The sock of a connection that has
 * been made by it, or null; then the segment has been dealt with. Linux: tcp_v4_hnd_req, tcp_check_req.
 */
export function listenInput(net: NetState, sk: TcpSock, skb: SkBuff): TcpSock | null {
  const { data, h, nh } = skb
  const { seq, flags, endSeq } = tcpCb(skb)
  const key = peerKey(ipSaddr(data, nh), be16(data, h))
  const req = sk.requests?.get(key)
  if (req !== undefined && req.laddr === ipDaddr(data, nh) && req.lport === be16(data, h + 2)) {
    const child = requestInput(net, req, key, skb)
    if (child === null) kfreeSkb(skb)
    return child
  }
  if ((flags & TH_RST) === 0) {
    if ((flags & TH_ACK) !== 0) sendReset(net, skb, endSeq - seq)
    else if ((flags & TH_SYN) !== 0) connRequest(net, sk, skb, newIss(net))
  }
  kfreeSkb(skb)
  return null
}

/** A SYN that takes the place of a connection in TIME_WAIT. */
export function listenReopen(net: NetState, sk: TcpSock, skb: SkBuff, iss: number): void {
  connRequest(net, sk, skb, iss)
  kfreeSkb(skb)
}

/** Linux: tcp_check_req. */
function requestInput(net: NetState, req: OpenRequest, key: number, skb: SkBuff): TcpSock | null {
  const { seq, endSeq, flags } = tcpCb(skb)
  const { sk } = req
  const first = advance(req.irs, 1)
  // The SYN again: so the answer again.
  if ((flags & (TH_SYN | TH_ACK | TH_RST)) === TH_SYN && seq === req.irs) {
    sendSynAck(net, req)
    return null
  }
  const isInWindow = ((seq - first) | 0) >= 0 && ((endSeq - advance(first, req.rcvWnd)) | 0) <= 0
  if ((flags & TH_ACK) !== 0 && be32(skb.data, skb.h + 8) !== advance(req.iss, 1)) {
    if ((flags & TH_RST) === 0) sendReset(net, skb, endSeq - seq)
    return null
  }
  if (!isInWindow) {
    if ((flags & TH_RST) === 0) sendSynAck(net, req)
    return null
  }
  if ((flags & (TH_RST | TH_SYN)) !== 0) {
    net.inet.tcp.mib.attemptFails++
    dropRequest(req, key)
    if ((flags & TH_RST) === 0) sendReset(net, skb, endSeq - seq)
    return null
  }
  if ((flags & TH_ACK) === 0) return null
  if (isFull(sk)) {
    net.inet.tcp.mib.listenOverflows++
    req.acked = true
    return null
  }
  // Somebody connected from here to there in the meantime.
  if (findConnection(net.inet.tcp, req.laddr, req.lport, req.raddr, req.rport, sk.portSpace) !== null) {
    dropRequest(req, key)
    return null
  }
  dropRequest(req, key)
  const child = makeChild(net, req)
  child.sndWnd = be16(skb.data, skb.h + 14) << child.sndWscale
  child.maxWindow = child.sndWnd
  syncMss(child, (skb.dst as Route).mtu)
  sk.acceptQueue.push(child)
  sk.ackBacklog = sk.acceptQueue.length
  net.inet.tcp.mib.passiveOpens++
  return child
}

/** A new connection can be accepted. */
export function tellListener(sk: TcpSock): void {
  if (sk.parent !== null && sk.state >= TCP_ESTABLISHED) sockDataReady(sk.parent)
}

/** Sends a SYN-ACK again, or gives up. Linux: tcp_synack_timer. */
export function onTcpRequestTimer(_k: unknown, data: unknown): void {
  const req = data as OpenRequest
  const { sk } = req
  const { net } = sk
  if (req.retrans >= TCP_SYNACK_RETRIES) {
    req.timer = null
    net.inet.tcp.mib.attemptFails++
    sk.requests?.delete(peerKey(req.raddr, req.rport))
    return
  }
  req.retrans++
  net.inet.tcp.mib.retransSegs++
  sendSynAck(net, req)
  req.timer = net.k.addTimer(
    Math.min(TCP_TIMEOUT_INIT * 2 ** req.retrans, TCP_RTO_MAX),
    TCP_REQUEST_TIMER,
    req,
  )
}

/** Nobody listens any more: who waits is turned away. Linux: tcp_listen_stop. */
export function stopListening(sk: TcpSock): void {
  for (const [key, req] of sk.requests ?? []) dropRequest(req, key)
  sk.requests = null
  const waiting = sk.acceptQueue
  sk.acceptQueue = []
  sk.ackBacklog = 0
  for (const child of waiting) {
    child.parent = null
    if (isLive(child)) sendActiveReset(child)
    setState(child, 7)
    clearTimers(child)
    destroySock(child)
  }
}

const isLive = (sk: TcpSock): boolean => sk.state !== 7
