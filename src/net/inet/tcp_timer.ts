/**
 * TCP's timers: sending again, probing a closed window, late acknowledgements, keepalive, and the end of TIME_WAIT.
 * Linux: net/ipv4/tcp_timer.c (2.2.12, 2.6.14).
 */

import { ETIMEDOUT } from '../../abi/errno.js'
import { runBacklog } from '../backlog.js'
import {
  sockErrorReport,
  TCP_CLOSE,
  TCP_FIN_WAIT2,
  TCP_LISTEN,
  TCP_SYN_SENT,
  TCP_TIME_WAIT,
} from '../sock.js'
import type { NetState } from '../state.js'
import { halfOf } from './tcp_ack.js'
import { onTcpRequestTimer } from './tcp_listen.js'
import {
  armWriteTimer,
  isConnecting,
  markLost,
  retransmit,
  sendAck,
  sendActiveReset,
  sendProbe,
  writeWakeup,
} from './tcp_output.js'
import {
  CA_LOSS,
  TCP_ATO_MIN,
  TCP_DELACK_TIMER,
  TCP_KEEP_TIMER,
  TCP_ORPHAN_RETRIES,
  TCP_REQUEST_TIMER,
  TCP_RETRIES2,
  TCP_RTO_MAX,
  TCP_TIMEWAIT_TIMER,
  TCP_WRITE_TIMER,
  type TcpSock,
  type TcpTimeWait,
} from './tcp_sock.js'
import { killTimeWait, tcpDone } from './tcp_state.js'

/** The peer has not answered for too long. Linux: tcp_write_err. */
function giveUp(sk: TcpSock): void {
  sk.err = sk.errSoft || ETIMEDOUT
  sk.errSoft = 0
  if (!sk.dead) sockErrorReport(sk)
  tcpDone(sk)
}

/** How often is too often? Linux: tcp_write_timeout. */
function retriesOf(sk: TcpSock): number {
  if (isConnecting(sk)) return sk.synRetries
  return sk.dead && sk.parent === null ? TCP_ORPHAN_RETRIES : TCP_RETRIES2
}

/** Linux: tcp_retransmit_timer, tcp_enter_loss. */
function sendAgain(sk: TcpSock): void {
  const { head } = sk.writeQueue
  if (head === null || sk.packetsOut === 0) return
  if (sk.retransmits >= retriesOf(sk)) {
    giveUp(sk)
    return
  }
  if (!isConnecting(sk)) {
    if (sk.caState !== CA_LOSS || sk.sndUna === sk.highSeq) sk.ssthresh = halfOf(sk)
    sk.caState = CA_LOSS
    sk.highSeq = sk.sndNxt
    sk.cwnd = 1
    sk.cwndCnt = 0
    sk.dupAcks = 0
    for (let skb = sk.writeQueue.head; skb !== null && skb !== sk.sendHead; skb = skb.next) markLost(sk, skb)
  }
  retransmit(sk, head)
  sk.retransmits++
  sk.backoff++
  sk.rto = Math.min(sk.rto * 2, TCP_RTO_MAX)
  armWriteTimer(sk, sk.rto, false)
}

/** Linux: tcp_probe_timer, tcp_send_probe0. */
function probeWindow(sk: TcpSock): void {
  if (sk.packetsOut > 0 || sk.sendHead === null) {
    sk.probesOut = 0
    sk.backoff = 0
    return
  }
  if (sk.probesOut >= (sk.dead ? TCP_ORPHAN_RETRIES : TCP_RETRIES2)) {
    giveUp(sk)
    return
  }
  writeWakeup(sk)
  if (sk.packetsOut > 0) return
  sk.probesOut++
  if (sk.backoff < TCP_RETRIES2) sk.backoff++
  armWriteTimer(sk, Math.min(sk.rto * 2 ** sk.backoff, TCP_RTO_MAX), true)
}

/** Linux: tcp_write_timer. */
function onWriteTimer(_k: unknown, data: unknown): void {
  const sk = data as TcpSock
  if (sk.state === TCP_CLOSE) return
  if (sk.isProbing) probeWindow(sk)
  else sendAgain(sk)
  runBacklog(sk.net)
}

/** Linux: tcp_delack_timer. */
function onDelackTimer(_k: unknown, data: unknown): void {
  const sk = data as TcpSock
  if (!sk.ackPending) return
  // The answer has not come in time.
  sk.ato = sk.pingpong ? TCP_ATO_MIN : Math.min(sk.ato * 2, sk.rto)
  sk.pingpong = false
  sendAck(sk)
  runBacklog(sk.net)
}

/** Linux: tcp_keepalive_timer. */
function onKeepTimer(_k: unknown, data: unknown): void {
  const sk = data as TcpSock
  sk.keepTimer = null
  if (sk.dead && sk.state === TCP_FIN_WAIT2) {
    sendActiveReset(sk)
    tcpDone(sk)
    runBacklog(sk.net)
    return
  }
  if (!sk.keepalive || sk.state === TCP_CLOSE || sk.state === TCP_LISTEN || sk.state === TCP_SYN_SENT) return
  const { k } = sk.net
  let wait = sk.keepIdle
  const idle = k.state.now - sk.rcvTime
  if (sk.packetsOut > 0 || sk.sendHead !== null) wait = sk.keepIdle
  else if (idle < sk.keepIdle) wait = sk.keepIdle - idle
  else if (sk.probesOut >= sk.keepCnt) {
    sendActiveReset(sk)
    giveUp(sk)
    runBacklog(sk.net)
    return
  } else {
    sendProbe(sk, false)
    sk.probesOut++
    wait = sk.keepIntvl
  }
  sk.keepTimer = k.addTimer(wait, TCP_KEEP_TIMER, sk)
  runBacklog(sk.net)
}

/** Linux: tcp_twkill. */
function onTimeWaitTimer(_k: unknown, data: unknown): void {
  const { net, tw } = data as { readonly net: NetState; readonly tw: TcpTimeWait }
  tw.timer = null
  if (tw.substate === TCP_FIN_WAIT2 || tw.substate === TCP_TIME_WAIT) killTimeWait(net, tw)
}

/** Sends a SYN-ACK again; see tcp_listen.ts. */
function onRequestTimer(k: unknown, data: unknown): void {
  const { sk } = data as { readonly sk: TcpSock }
  onTcpRequestTimer(k, data)
  runBacklog(sk.net)
}

/** The handlers by name. */
export const TCP_TIMERS = Object.freeze({
  [TCP_WRITE_TIMER]: onWriteTimer,
  [TCP_DELACK_TIMER]: onDelackTimer,
  [TCP_KEEP_TIMER]: onKeepTimer,
  [TCP_REQUEST_TIMER]: onRequestTimer,
  [TCP_TIMEWAIT_TIMER]: onTimeWaitTimer,
})
