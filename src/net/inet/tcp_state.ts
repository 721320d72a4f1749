/**
 * How socks of TCP change their state and end. Linux: tcp_set_state, tcp_done, tcp_destroy_sock, tcp_time_wait,
 * tcp_close_state, tcp_reset (net/ipv4/tcp.c, tcp_minisocks.c, tcp_input.c, 2.2.12, 2.6.14).
 */

import { ECONNREFUSED, ECONNRESET, EPIPE } from '../../abi/errno.js'
import { kfreeSkb, type SkbQueue, skbDequeue } from '../skbuff.js'
import {
  SHUTDOWN_MASK,
  sockErrorReport,
  sockStateChange,
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
} from '../sock.js'
import { BINDPORT_LOCK } from './sock.js'
import { clearDelack, clearWriteTimer } from './tcp_output.js'
import { CA_OPEN, type OpenRequest, TCP_TIMEWAIT_TIMER, type TcpSock, TcpTimeWait } from './tcp_sock.js'
import { addConnection, inheritPort, releasePort, removeConnection, removeListener } from './tcp_table.js'

/** Empties a queue. */
export function purge(queue: SkbQueue): void {
  for (let skb = skbDequeue(queue); skb !== null; skb = skbDequeue(queue)) kfreeSkb(skb)
}

/** Nothing is left to send. Linux: tcp_writequeue_purge. */
export function purgeWrite(sk: TcpSock): void {
  sk.sendHead = null
  sk.packetsOut = 0
  sk.lostOut = 0
  sk.retransOut = 0
  sk.dupAcks = 0
  sk.caState = CA_OPEN
  purge(sk.writeQueue)
}

/** Linux: tcp_clear_xmit_timers. */
export function clearTimers(sk: TcpSock): void {
  clearWriteTimer(sk)
  clearDelack(sk)
  if (sk.keepTimer !== null) sk.net.k.state.timers.remove(sk.keepTimer)
  sk.keepTimer = null
}

/** Nobody finds the sock any more. Linux: tcp_unhash. */
export function tcpUnhash(sk: TcpSock): void {
  const { tcp } = sk.net.inet
  removeListener(tcp, sk)
  if (sk.isHashed) removeConnection(tcp, sk)
}

/** Linux: tcp_set_state. */
export function setState(sk: TcpSock, state: number): void {
  if (state === TCP_CLOSE && sk.state !== TCP_CLOSE) {
    if (sk.state === TCP_CLOSE_WAIT || sk.state === TCP_ESTABLISHED) sk.net.inet.tcp.mib.estabResets++
    tcpUnhash(sk)
    if ((sk.locks & BINDPORT_LOCK) === 0) {
      releasePort(sk.net.inet.tcp, sk)
      sk.num = 0
    }
  }
  sk.state = state
}

/** Takes a request off its listener. Linux: tcp_synq_unlink. */
export function dropRequest(req: OpenRequest, key: number): void {
  if (req.timer !== null) req.sk.net.k.state.timers.remove(req.timer)
  req.timer = null
  req.sk.requests?.delete(key)
}

/** The sock is no more; it has no descriptor. Linux: tcp_destroy_sock. */
export function destroySock(sk: TcpSock): void {
  const { tcp } = sk.net.inet
  tcpUnhash(sk)
  releasePort(tcp, sk)
  clearTimers(sk)
  purgeWrite(sk)
  purge(sk.receiveQueue)
  purge(sk.outOfOrder)
  tcp.socks.delete(sk)
}

/** The connection is over. Linux: tcp_done. */
export function tcpDone(sk: TcpSock): void {
  if (sk.state === TCP_SYN_SENT || sk.state === TCP_SYN_RECV) sk.net.inet.tcp.mib.attemptFails++
  setState(sk, TCP_CLOSE)
  clearTimers(sk)
  sk.shutdown = SHUTDOWN_MASK
  if (!sk.dead) sockStateChange(sk)
  else if (sk.parent === null) destroySock(sk)
}

/** The peer has cut the connection. Linux: tcp_reset. */
export function tcpReset(sk: TcpSock): void {
  if (sk.state === TCP_CLOSE) return
  sk.err = sk.state === TCP_SYN_SENT ? ECONNREFUSED : sk.state === TCP_CLOSE_WAIT ? EPIPE : ECONNRESET
  if (!sk.dead) sockErrorReport(sk)
  tcpDone(sk)
}

/** Our side has no more to say: the next state, and whether a FIN is due. Linux: tcp_close_state. */
export function closeState(sk: TcpSock): boolean {
  switch (sk.state) {
    case TCP_ESTABLISHED:
    case TCP_SYN_RECV:
      setState(sk, TCP_FIN_WAIT1)
      return true
    case TCP_CLOSE_WAIT:
      setState(sk, TCP_LAST_ACK)
      return true
    case TCP_SYN_SENT:
    case TCP_LISTEN:
      setState(sk, TCP_CLOSE)
      return false
    default:
      return false
  }
}

/** The states in which a connection is, or was until a moment ago. */
export const isConnected = (state: number): boolean =>
  state === TCP_ESTABLISHED ||
  state === TCP_FIN_WAIT1 ||
  state === TCP_FIN_WAIT2 ||
  state === TCP_CLOSE_WAIT ||
  state === TCP_SYN_RECV

/** May urgent matters be pending when it is cut? Linux: tcp_need_reset. */
export const needsReset = (sk: TcpSock): boolean =>
  isConnected(sk.state) ||
  (sk.sndNxt !== sk.writeSeq && (sk.state === TCP_CLOSING || sk.state === TCP_LAST_ACK))

/** Sets, or sets anew, when what is left of a connection goes. Linux: tcp_tw_schedule. */
export function scheduleTimeWait(sk: { readonly net: TcpSock['net'] }, tw: TcpTimeWait, ms: number): void {
  const { net } = sk
  const { timers } = net.k.state
  if (tw.timer === null) tw.timer = net.k.addTimer(ms, TCP_TIMEWAIT_TIMER, { net, tw })
  else {
    timers.remove(tw.timer)
    timers.rearm(tw.timer, net.k.state.now + ms)
  }
}

/** What is left of a connection goes. Linux: tcp_tw_deschedule, tcp_timewait_kill. */
export function killTimeWait(net: TcpSock['net'], tw: TcpTimeWait): void {
  const { tcp } = net.inet
  if (tw.timer !== null) net.k.state.timers.remove(tw.timer)
  tw.timer = null
  if (!tcp.timeWaits.delete(tw)) return
  removeConnection(tcp, tw)
  releasePort(tcp, tw)
}

/** A small object takes the sock's place for `ms`; the sock is done. Linux: tcp_time_wait. */
export function timeWait(sk: TcpSock, substate: number, ms: number): void {
  const { tcp } = sk.net.inet
  const tw = new TcpTimeWait(sk, substate)
  if (sk.isHashed) removeConnection(tcp, sk)
  inheritPort(tcp, sk, tw)
  addConnection(tcp, tw)
  tcp.timeWaits.add(tw)
  scheduleTimeWait(sk, tw, ms)
  tcpDone(sk)
}
