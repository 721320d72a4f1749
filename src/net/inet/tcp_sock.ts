/**
 * Socks of TCP, connections that are being made or have ended, and the arithmetic of sequence numbers.
 *
 * Linux: struct tcp_opt, struct open_request, struct tcp_tw_bucket, struct tcp_skb_cb (include/net/tcp.h, 2.2.12,
 * 2.6.14). Sequence numbers are unsigned 32-bit numbers; times are milliseconds since boot.
 */

import { isAtLeast } from '../../abi/profile.js'
import { IPPROTO_TCP, SOCK_STREAM } from '../../abi/socket.js'
import type { Timer } from '../../kernel/timer.js'
import { type SkBuff, SkbQueue } from '../skbuff.js'
import type { NetState } from '../state.js'
import { type InetProto, InetSock } from './sock.js'

// ---- sequence numbers ----------------------------------------------------------------------------------------

/** Is `a` before `b`? Linux: before. */
export const before = (a: number, b: number): boolean => ((a - b) | 0) < 0
/** Is `a` after `b`? Linux: after. */
export const after = (a: number, b: number): boolean => ((b - a) | 0) < 0
/** The number `by` further on. */
export const advance = (seq: number, by: number): number => (seq + by) >>> 0
/** How far `to` is from `from`, negative where it is before. */
export const distance = (from: number, to: number): number => (to - from) | 0

// ---- the header ----------------------------------------------------------------------------------------------

/** Bytes of a header without options. */
export const TCP_HLEN = 20
export const TH_FIN = 1
export const TH_SYN = 2
export const TH_RST = 4
export const TH_PSH = 8
export const TH_ACK = 16
export const TH_URG = 32

// ---- times ---------------------------------------------------------------------------------------------------

/** Linux: TCP_TIMEOUT_INIT, TCP_RTO_MIN, TCP_RTO_MAX. */
export const TCP_TIMEOUT_INIT = 3000
export const TCP_RTO_MIN = 200
export const TCP_RTO_MAX = 120_000
/** Linux: TCP_TIMEWAIT_LEN, TCP_FIN_TIMEOUT. */
export const TCP_TIMEWAIT_LEN = 60_000
/** Linux: TCP_DELACK_MIN, TCP_ATO_MIN. */
export const TCP_DELACK = 40
export const TCP_ATO_MIN = 40
/** Linux: sysctl_tcp_keepalive_time, _intvl, _probes. */
export const TCP_KEEPALIVE_TIME = 7_200_000
export const TCP_KEEPALIVE_INTVL = 75_000
export const TCP_KEEPALIVE_PROBES = 9
/** Linux: sysctl_tcp_retries2, sysctl_tcp_synack_retries, sysctl_tcp_orphan_retries. */
export const TCP_RETRIES2 = 15
export const TCP_SYNACK_RETRIES = 5
export const TCP_ORPHAN_RETRIES = 8

/** Names of timers, for the kernel's table of handlers. */
export const TCP_WRITE_TIMER = 'net.tcp.write'
export const TCP_DELACK_TIMER = 'net.tcp.delack'
export const TCP_KEEP_TIMER = 'net.tcp.keep'
export const TCP_REQUEST_TIMER = 'net.tcp.request'
export const TCP_TIMEWAIT_TIMER = 'net.tcp.timewait'

// ---- packets -------------------------------------------------------------------------------------------------

/** The segment is taken for lost; it has been sent again since; it has been sent again at any time. */
export const MARK_LOST = 1
export const MARK_RETRANS = 2
export const MARK_EVER_RETRANS = 4

/** What TCP notes about a packet in a queue. Linux: struct tcp_skb_cb. */
export class TcpCb {
  /** The first sequence number. */
  seq: number
  /** The one after the last; SYN and FIN count. */
  endSeq: number
  /** TH_*. */
  flags: number
  /** When it was sent last. */
  when = 0
  /** MARK_*. */
  mark = 0

  constructor(seq: number, endSeq: number, flags: number) {
    this.seq = seq
    this.endSeq = endSeq
    this.flags = flags
  }
}

/** The notes of a packet that is in one of TCP's queues. */
export const tcpCb = (skb: SkBuff): TcpCb => skb.cb as TcpCb

// ---- connections ---------------------------------------------------------------------------------------------

/** What the table of connections finds: a sock or what is left of one. */
export interface TcpConn {
  /** TCP_*. */
  state: number
  /** The local address. */
  rcvSaddr: number
  /** The local port. */
  num: number
  /** The peer's address. */
  daddr: number
  /** The peer's port. */
  dport: number
  /** SO_REUSEADDR. */
  reuse: number
  /** A device's number, or 0. */
  boundDev: number
  /** See Sock.portSpace. */
  portSpace: number
  /** See Sock.routeKey. */
  routeKey: number
  /** @internal The next one with the same hash. */
  hashNext: TcpConn | null
  /** @internal Whose port it has. */
  bucket: TcpBucket | null
}

/** Who has a port. Linux: struct tcp_bind_bucket. */
export class TcpBucket {
  readonly port: number
  /** Socks, and what is left of them. */
  owners = new Set<TcpConn>()
  /** Have only connects chosen the port, so that others may share it? Linux: fastreuse < 0. */
  isShared = false

  constructor(port: number) {
    this.port = port
  }
}

/** A connection that is being opened by a peer. Linux: struct open_request. */
export class OpenRequest {
  /** Its listener. */
  sk: TcpSock
  /** Which device it comes through. */
  ifindex = 0
  /** The local address, and the port: of a redirected connection those that the peer meant. */
  laddr: number
  lport: number
  /** Is the address none of this host's? Linux: RTO_TPROXY. */
  isForeign = false
  /** The peer. */
  raddr: number
  rport: number
  /** The peer's first sequence number, and ours. */
  irs: number
  iss: number
  /** The peer's MSS. */
  mss = 536
  /** What both scale their windows by; -1 not at all. */
  sndWscale = -1
  rcvWscale = 0
  /** The window that was offered. */
  rcvWnd = 0
  /** How often the SYN-ACK has been sent again. */
  retrans = 0
  /** Has the last ACK come while the queue was full? */
  acked = false
  timer: Timer | null = null
  /** Modules' notes of the packet. */
  routeKey = 0

  constructor(
    sk: TcpSock,
    laddr: number,
    lport: number,
    raddr: number,
    rport: number,
    irs: number,
    iss: number,
  ) {
    this.sk = sk
    this.laddr = laddr
    this.lport = lport
    this.raddr = raddr
    this.rport = rport
    this.irs = irs
    this.iss = iss
  }
}

/** What is left of a connection that has ended. Linux: struct tcp_tw_bucket. */
export class TcpTimeWait implements TcpConn {
  state = 6
  rcvSaddr: number
  num: number
  daddr: number
  dport: number
  reuse: number
  boundDev: number
  portSpace: number
  hashNext: TcpConn | null = null
  bucket: TcpBucket | null = null
  /** TCP_FIN_WAIT2 or TCP_TIME_WAIT. */
  substate: number
  sndNxt: number
  rcvNxt: number
  rcvWnd: number
  routeKey: number
  timer: Timer | null = null

  constructor(sk: TcpSock, substate: number) {
    this.rcvSaddr = sk.rcvSaddr
    this.num = sk.num
    this.daddr = sk.daddr
    this.dport = sk.dport
    this.reuse = sk.reuse
    this.boundDev = sk.boundDev
    this.portSpace = sk.portSpace
    this.substate = substate
    this.sndNxt = sk.sndNxt
    this.rcvNxt = sk.rcvNxt
    this.rcvWnd = sk.rcvWnd
    this.routeKey = sk.routeKey
  }
}

/** How urgent data stands: none; announced; here (the byte is in the low bits); read. Linux: TCP_URG_*. */
export const URG_NONE = 0
export const URG_VALID = 0x100
export const URG_NOTYET = 0x200
export const URG_READ = 0x400

/** How the sender stands: all is well, a hole is being filled, a timer has run out. Linux: TCP_CA_*. */
export const CA_OPEN = 0
export const CA_RECOVERY = 3
export const CA_LOSS = 4

/** A sock of TCP. */
export class TcpSock extends InetSock implements TcpConn {
  hashNext: TcpConn | null = null
  bucket: TcpBucket | null = null
  /** Is it in the table of connections? */
  isHashed = false

  // ---- what is sent ----
  /** The oldest number that is not acknowledged, the next to send, the next to write. */
  sndUna = 0
  sndNxt = 0
  writeSeq = 0
  /** Our first number. */
  iss = 0
  /** The peer's window, and the numbers of the segment that told. */
  sndWnd = 0
  sndWl1 = 0
  maxWindow = 0
  sndWscale = 0
  /** The end of urgent data. */
  sndUp = 0
  urgMode = false
  /** The last byte of the youngest small segment. Linux: snd_sml. */
  sndSml = 0
  /** Bytes of a segment; what the peer takes; what the program wants, 0 for nothing. */
  mss = 536
  mssClamp = 65495
  userMss = 0
  /** What has not been acknowledged, or not been sent. */
  writeQueue = new SkbQueue()
  /** The first packet that has not been sent. */
  sendHead: SkBuff | null = null
  /** Packets sent and not acknowledged; of them taken for lost; sent again. */
  packetsOut = 0
  lostOut = 0
  retransOut = 0
  dupAcks = 0
  /** CA_*. */
  caState = CA_OPEN
  /** Where the sender was when it found out. */
  highSeq = 0
  cwnd = 2
  cwndCnt = 0
  ssthresh = 0x7fffffff
  /** Smoothed round-trip time times 8, mean deviation times 4, in ms; 0 unknown. */
  srtt = 0
  rttvar = 0
  rto = TCP_TIMEOUT_INIT
  retransmits = 0
  backoff = 0
  /** Segments sent again in all. */
  totalRetrans = 0
  nodelay = false
  cork = false
  writeTimer: Timer | null = null
  /** Is `writeTimer` for probes of a closed window? */
  isProbing = false
  probesOut = 0

  // ---- what comes ----
  irs = 0
  rcvNxt = 0
  copiedSeq = 0
  /** `rcvNxt` when the window was last told, and the window. */
  rcvWup = 0
  rcvWnd = 0
  rcvWscale = 0
  windowClamp = 65535
  /** What came before its turn. */
  outOfOrder = new SkbQueue()
  /** The largest segment that came. */
  rcvMss = 536
  urgData = URG_NONE
  urgSeq = 0
  /** An acknowledgement is owed. */
  ackPending = false
  /** It is owed for a small segment: the peer may be waiting for it. Linux: TCP_ACK_PUSHED. */
  ackPushed = false
  /** Acknowledgements that go out at once, at the beginning. */
  quickAcks = 0
  /** How soon an answer follows what has come, in ms; 0 before the first data. Linux: ack.ato. */
  ato = 0
  /** When data came last; before the first, longer ago than anybody waits. Linux: ack.lrcvtime. */
  dataTime = -TCP_RTO_MAX
  /** Does the program answer what it gets? Then acknowledgements go with the answers. */
  pingpong = false
  delackTimer: Timer | null = null
  /** When a segment came last. */
  rcvTime = 0
  /** The peer has ended; there is no more to read. Linux: SOCK_DONE. */
  isDone = false

  // ---- options ----
  keepIdle = TCP_KEEPALIVE_TIME
  keepIntvl = TCP_KEEPALIVE_INTVL
  keepCnt = TCP_KEEPALIVE_PROBES
  synRetries: number
  /** How long FIN_WAIT2 lasts without a program; -1: not at all. */
  linger2 = TCP_TIMEWAIT_LEN
  keepTimer: Timer | null = null

  // ---- listeners ----
  /** Connections for accept. */
  acceptQueue: TcpSock[] = []
  /** Connections that are being made, by peer; null where nobody listens. */
  requests: Map<number, OpenRequest> | null = null
  /** The listener of a connection that nobody has accepted. */
  parent: TcpSock | null = null

  constructor(net: NetState, proto: InetProto) {
    super(net, proto, SOCK_STREAM, IPPROTO_TCP)
    const isModern = isAtLeast(net.k.facts.release, '2.6.14')
    this.sndbuf = isModern ? 16384 : 65535
    this.rcvbuf = isModern ? 87380 : 65535
    this.synRetries = isModern ? 5 : 10
  }
}

/** A peer as a key: below 2^48. */
export const peerKey = (addr: number, port: number): number => addr * 65536 + port

/** Is it 2.6? */
export const modern = (sk: TcpSock): boolean => isAtLeast(sk.net.k.facts.release, '2.6.14')
