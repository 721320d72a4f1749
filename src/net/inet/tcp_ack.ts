/**
 * Acknowledgements, ours and the peer's: what has arrived, how long it took, what is lost, and how much may be under
 * way. Linux: tcp_ack, tcp_fastretrans_alert, tcp_rtt_estimator, __tcp_ack_snd_check (net/ipv4/tcp_input.c, 2.2.12,
 * 2.6.14).
 */

import { kfreeSkb, type SkBuff, skbUnlink } from '../skbuff.js'
import { be16, be32 } from './ip.js'
import {
  armWriteTimer,
  clearWriteTimer,
  markLost,
  pushPending,
  retransmit,
  sendAck,
  sendLost,
  syncMss,
} from './tcp_output.js'
import {
  advance,
  after,
  before,
  CA_LOSS,
  CA_OPEN,
  CA_RECOVERY,
  distance,
  MARK_EVER_RETRANS,
  MARK_LOST,
  MARK_RETRANS,
  TCP_ATO_MIN,
  TCP_DELACK,
  TCP_DELACK_TIMER,
  TCP_RTO_MAX,
  TCP_RTO_MIN,
  type TcpSock,
  TH_FIN,
  TH_SYN,
  tcpCb,
} from './tcp_sock.js'

/** Linux: TCP_MAX_QUICKACKS. */
const TCP_MAX_QUICKACKS = 16

/** The next acknowledgements go out at once: half a window of segments. Linux: tcp_incr_quickack. */
function moreQuickAcks(sk: TcpSock): void {
  const count = Math.floor(sk.rcvWnd / (2 * sk.rcvMss)) || 2
  sk.quickAcks = Math.max(sk.quickAcks, Math.min(count, TCP_MAX_QUICKACKS))
}

/** The peer seems to have missed an acknowledgement. Linux: tcp_enter_quickack_mode. */
export function enterQuickAck(sk: TcpSock): void {
  moreQuickAcks(sk)
  sk.pingpong = false
  sk.ato = TCP_ATO_MIN
}

/** `length` bytes have come in their turn. Linux: tcp_event_data_recv, tcp_measure_rcv_mss. */
export function dataCame(sk: TcpSock, length: number): void {
  const { now } = sk.net.k.state
  if (length >= sk.rcvMss) sk.rcvMss = length
  else sk.ackPushed = true
  const gap = now - sk.dataTime
  if (sk.ato === 0) {
    moreQuickAcks(sk)
    sk.ato = TCP_ATO_MIN
  } else if (gap <= TCP_ATO_MIN / 2) sk.ato = sk.ato / 2 + TCP_ATO_MIN / 2
  else if (gap < sk.ato) sk.ato = Math.min(sk.ato / 2 + gap, sk.rto)
  else if (gap > sk.rto) moreQuickAcks(sk)
  sk.dataTime = now
}

/** An acknowledgement is owed: now, or with what goes out soon. Linux: __tcp_ack_snd_check, tcp_send_delayed_ack. */
export function scheduleAck(sk: TcpSock): void {
  const isMuch = distance(sk.rcvWup, sk.rcvNxt) > sk.rcvMss
  if (isMuch || sk.outOfOrder.length > 0 || (sk.quickAcks > 0 && !sk.pingpong)) {
    sendAck(sk)
    return
  }
  sk.ackPending = true
  const { k } = sk.net
  if (sk.delackTimer === null) sk.delackTimer = k.addTimer(TCP_DELACK, TCP_DELACK_TIMER, sk)
  else if (sk.delackTimer.index < 0) k.state.timers.rearm(sk.delackTimer, k.state.now + TCP_DELACK)
}

/** The round trip has taken `ms`. Linux: tcp_rtt_estimator, tcp_set_rto. */
function sampleRtt(sk: TcpSock, ms: number): void {
  let m = Math.max(ms, 1)
  if (sk.srtt === 0) {
    sk.srtt = m * 8
    sk.rttvar = m * 2
  } else {
    m -= sk.srtt / 8
    sk.srtt += m
    sk.rttvar += Math.abs(m) - sk.rttvar / 4
  }
  sk.rto = Math.min(TCP_RTO_MAX, sk.srtt / 8 + Math.max(sk.rttvar, TCP_RTO_MIN))
}

/**
 * Takes what has been acknowledged off the queue. Where something of it was sent twice nobody knows how long anything
 * took: the rest may have waited behind the hole. Linux: tcp_clean_rtx_queue, tcp_ack_no_tstamp.
 */
function cleanQueue(sk: TcpSock): void {
  let rtt = -1
  let isAmbiguous = false
  for (let skb = sk.writeQueue.head; skb !== null && skb !== sk.sendHead; skb = sk.writeQueue.head) {
    const cb = tcpCb(skb)
    if (after(cb.endSeq, sk.sndUna)) break
    if ((cb.mark & MARK_LOST) !== 0) sk.lostOut--
    if ((cb.mark & MARK_RETRANS) !== 0) sk.retransOut--
    if ((cb.mark & MARK_EVER_RETRANS) !== 0) isAmbiguous = true
    else if (rtt < 0) rtt = sk.net.k.state.now + 1 - cb.when
    sk.packetsOut--
    skbUnlink(skb)
    kfreeSkb(skb)
  }
  if (rtt >= 0 && !isAmbiguous) sampleRtt(sk, rtt)
  else if (sk.backoff === 0 && sk.srtt > 0) {
    sk.rto = Math.min(TCP_RTO_MAX, sk.srtt / 8 + Math.max(sk.rttvar, TCP_RTO_MIN))
  }
}

/** The window may grow. Linux: tcp_reno_cong_avoid. */
function openCongestionWindow(sk: TcpSock): void {
  if (sk.cwnd <= sk.ssthresh) sk.cwnd++
  else if (++sk.cwndCnt >= sk.cwnd) {
    sk.cwndCnt = 0
    sk.cwnd++
  }
}

/** Half of what is under way. Linux: tcp_recalc_ssthresh. */
export const halfOf = (sk: TcpSock): number => Math.max(Math.min(sk.cwnd, sk.packetsOut) >> 1, 2)

/** An acknowledgement that brings nothing new. Linux: tcp_fastretrans_alert, the part for duplicates. */
function duplicateAck(sk: TcpSock): void {
  if (sk.caState === CA_LOSS) return
  if (sk.dupAcks < sk.packetsOut) sk.dupAcks++
  if (sk.caState === CA_OPEN && sk.dupAcks >= 3) {
    sk.caState = CA_RECOVERY
    sk.ssthresh = halfOf(sk)
    sk.cwnd = sk.ssthresh
    sk.cwndCnt = 0
    sk.highSeq = sk.sndNxt
    const { head } = sk.writeQueue
    if (head !== null) {
      markLost(sk, head)
      retransmit(sk, head)
    }
  }
  pushPending(sk)
}

/** Something new has been acknowledged: `count` packets. Linux: tcp_fastretrans_alert, tcp_try_undo_partial. */
function progress(sk: TcpSock): void {
  if (sk.caState === CA_OPEN) {
    sk.dupAcks = 0
    openCongestionWindow(sk)
    return
  }
  if (!before(sk.sndUna, sk.highSeq)) {
    if (sk.caState === CA_RECOVERY) sk.cwnd = Math.max(sk.ssthresh, 2)
    sk.caState = CA_OPEN
    sk.dupAcks = 0
    return
  }
  if (sk.caState === CA_LOSS) {
    openCongestionWindow(sk)
    sendLost(sk)
    return
  }
  // A partial acknowledgement: the next hole.
  sk.dupAcks = Math.max(0, Math.min(sk.dupAcks - 1, sk.packetsOut))
  const { head } = sk.writeQueue
  if (head !== null && head !== sk.sendHead && (tcpCb(head).mark & MARK_RETRANS) === 0) {
    markLost(sk, head)
    retransmit(sk, head)
  }
}

/** Processes an acknowledgement; false for one of what was never sent. Linux: tcp_ack. */
export function ackInput(sk: TcpSock, skb: SkBuff): boolean {
  const cb = tcpCb(skb)
  const ack = be32(skb.data, skb.h + 8)
  if (after(ack, sk.sndNxt)) return false
  if (before(ack, sk.sndUna)) return true
  const wasUna = sk.sndUna
  const window = be16(skb.data, skb.h + 14) << ((cb.flags & TH_SYN) !== 0 ? 0 : sk.sndWscale)
  const isWindowNew =
    after(ack, sk.sndUna) || after(cb.seq, sk.sndWl1) || (cb.seq === sk.sndWl1 && window > sk.sndWnd)
  const isWindowOther = window !== sk.sndWnd
  if (isWindowNew) {
    sk.sndWl1 = cb.seq
    sk.sndWnd = window
    if (window > sk.maxWindow) {
      sk.maxWindow = window
      if (sk.route !== null) syncMss(sk, sk.route.mtu)
    }
  }
  sk.sndUna = ack
  sk.probesOut = 0
  if (sk.urgMode && !before(ack, sk.sndUp)) sk.urgMode = false
  if (ack !== wasUna) {
    sk.retransmits = 0
    sk.backoff = 0
    sk.errSoft = 0
    cleanQueue(sk)
    progress(sk)
    if (sk.packetsOut === 0) clearWriteTimer(sk)
    else armWriteTimer(sk, sk.rto, false)
    if (sk.sndbuf < 131072) growSendBuffer(sk)
  } else if (sk.packetsOut > 0 && skb.len === 0 && !isWindowOther && (cb.flags & (TH_SYN | TH_FIN)) === 0) {
    duplicateAck(sk)
  }
  if (sk.packetsOut === 0 && sk.sendHead !== null) {
    // The window has opened, or it has not and is to be probed. Linux: tcp_ack_probe.
    if (!after(tcpCb(sk.sendHead).endSeq, advance(sk.sndUna, sk.sndWnd))) {
      sk.backoff = 0
      clearWriteTimer(sk)
    }
  }
  return true
}

/** Room for what the congestion window lets out. 2.6 only. Linux: tcp_new_space. */
function growSendBuffer(sk: TcpSock): void {
  if (sk.net.wmemDefault === 65535) return
  const wanted = 2 * (sk.mss + 320) * Math.max(sk.cwnd, 3)
  if (wanted > sk.sndbuf) sk.sndbuf = Math.min(wanted, 131072)
}
