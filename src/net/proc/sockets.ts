/**
 * /proc/net/tcp, udp and raw. Linux: get__netinfo, get__sock, get__openreq, net/ipv4/proc.c (2.0.35, 2.2.12);
 * tcp4_seq_show, net/ipv4/tcp_ipv4.c, udp4_format_sock, udp.c, get_raw_sock, raw.c (2.6.14).
 *
 * 2.0 lists by the lowest eight bits of the port and shows them; 2.2 lists the youngest first and counts lines; 2.6
 * lists listeners, then connections, and datagram socks by the hash of their ports. Where socks are in memory is made
 * up, but always the same for one sock.
 */

import type { ProcEntry } from '../../kernel/module.js'
import type { Task } from '../../kernel/task.js'
import type { Timer } from '../../kernel/timer.js'
import type { InetSock } from '../inet/sock.js'
import type { OpenRequest, TcpSock, TcpTimeWait } from '../inet/tcp_sock.js'
import { type Sock, TCP_LISTEN, TCP_SYN_RECV } from '../sock.js'
import { sockIno } from '../sockfs.js'
import type { NetState } from '../state.js'
import { hex, netOf, swapped } from './text.js'

/** A line, before it has a number. */
interface Line {
  /** Where it stands in the list: smaller is first. */
  readonly bucket: number
  readonly laddr: number
  readonly lport: number
  readonly raddr: number
  readonly rport: number
  readonly state: number
  readonly tx: number
  readonly rx: number
  /** None, sending again, the sock's own, TIME_WAIT, probing. */
  readonly timer: 0 | 1 | 2 | 3 | 4
  readonly when: number
  readonly retransmits: number
  readonly uid: number
  readonly timeout: number
  readonly ino: number
  /** What 2.6 has more. */
  readonly more: string
}

const HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'
const HEAD_20 = 'sl  local_address rem_address   st tx_queue rx_queue tr tm->when uid\n'

/** Ticks of 10 ms until a timer runs out. */
const ticks = (net: NetState, timer: Timer | null): number =>
  timer === null ? 0 : Math.max(0, Math.ceil((timer.at - net.k.state.now) / 10))

const uidOf = ({ socket }: Sock): number => socket?.file?.dentry?.inode?.uid ?? 0
const inoOf = ({ socket }: Sock): number => (socket === null ? 0 : sockIno(socket))
const address = (seed: number): string => (0xc0000000 + (seed & 0xfffff) * 0x400).toString(16)

const isVisible = (current: Task, sk: Sock): boolean =>
  !current.k.hooked.has('sockVisible') || current.k.security.sockVisible(current, sk) === 0

// ---- TCP -----------------------------------------------------------------------------------------------------

/** What 2.6 tells of a connection: users, place, RTO, ATO, quick acknowledgements, windows in segments. */
function tcpMore(sk: TcpSock): string {
  const { hz } = sk.net.k.facts
  const jiffies = (ms: number): number => Math.round((ms * hz) / 1000)
  const timers = [sk.writeTimer, sk.delackTimer, sk.keepTimer].filter((timer) => timer !== null).length
  const ato = sk.rcvTime === 0 ? 0 : jiffies(40)
  const quick = (sk.quickAcks << 1) | (sk.pingpong ? 1 : 0)
  const ssthresh = sk.ssthresh >= 0xffff ? -1 : sk.ssthresh
  return ` ${1 + timers} ${address(inoOf(sk))} ${jiffies(sk.rto)} ${ato} ${quick} ${sk.cwnd} ${ssthresh}`
}

function tcpLine(sk: TcpSock): Line {
  const { net, writeTimer, keepTimer } = sk
  const timer = writeTimer !== null ? (sk.isProbing ? 4 : 1) : keepTimer !== null ? 2 : 0
  return {
    bucket: sk.num & 0xff,
    laddr: sk.rcvSaddr,
    lport: sk.num,
    raddr: sk.daddr,
    rport: sk.dport,
    state: sk.state,
    tx: sk.state === TCP_LISTEN ? 0 : (sk.writeSeq - sk.sndUna) >>> 0,
    rx: sk.state === TCP_LISTEN ? 0 : (sk.rcvNxt - sk.copiedSeq) >>> 0,
    timer,
    when: ticks(net, timer === 0 ? null : (writeTimer ?? keepTimer)),
    retransmits: sk.retransmits,
    uid: uidOf(sk),
    timeout: sk.probesOut,
    ino: inoOf(sk),
    more: tcpMore(sk),
  }
}

/** A connection that is being opened. Linux: get_openreq. */
function requestLine(req: OpenRequest): Line {
  const { sk } = req
  return {
    bucket: sk.num & 0xff,
    laddr: req.laddr,
    lport: sk.num,
    raddr: req.raddr,
    rport: req.rport,
    state: TCP_SYN_RECV,
    tx: 0,
    rx: 0,
    timer: 1,
    when: ticks(sk.net, req.timer),
    retransmits: req.retrans,
    uid: uidOf(sk),
    timeout: 0,
    ino: 0,
    more: ` 1 ${address(inoOf(sk) + req.rport)}`,
  }
}

/** What is left of a connection. Linux: get_timewait4_sock. */
function timeWaitLine(net: NetState, tw: TcpTimeWait): Line {
  return {
    bucket: tw.num & 0xff,
    laddr: tw.rcvSaddr,
    lport: tw.num,
    raddr: tw.daddr,
    rport: tw.dport,
    state: tw.substate,
    tx: 0,
    rx: 0,
    timer: 3,
    when: ticks(net, tw.timer),
    retransmits: 0,
    uid: 0,
    timeout: 0,
    ino: 0,
    more: ` 3 ${address(tw.num * 7 + tw.dport)}`,
  }
}

/** A listener and the connections that are being opened to it; others alone. */
function withRequests(sk: TcpSock, areFirst: boolean): Line[] {
  const requests = [...(sk.requests?.values() ?? [])].map(requestLine)
  const own = tcpLine(sk)
  return areFirst ? [...requests, own] : [own, ...requests]
}

function tcpLines(current: Task, net: NetState): Line[] {
  const { tcp } = net.inet
  const isModern = net.k.facts.release === '2.6.14'
  const seen = [...tcp.socks].reverse().filter((sk) => isVisible(current, sk))
  // What is left of a connection is nobody's: only where nothing is hidden it is shown.
  const waits = current.k.hooked.has('sockVisible') ? [] : [...tcp.timeWaits].reverse()
  const last = waits.map((tw) => timeWaitLine(net, tw))
  if (!isModern)
    return [...seen.filter((sk) => sk.num !== 0).flatMap((sk) => withRequests(sk, true)), ...last]
  const listeners = seen.filter((sk) => sk.state === TCP_LISTEN).sort((a, b) => (a.num & 31) - (b.num & 31))
  const rest = seen.filter((sk) => sk.isHashed)
  return [...listeners.flatMap((sk) => withRequests(sk, false)), ...rest.map(tcpLine), ...last]
}

// ---- datagrams -----------------------------------------------------------------------------------------------

function datagramLine(sk: InetSock, bucket: number): Line {
  const isOld = sk.net.k.facts.release === '2.0.35'
  return {
    bucket,
    laddr: sk.rcvSaddr,
    lport: sk.num,
    raddr: sk.daddr,
    rport: sk.dport,
    state: sk.state,
    // 2.0 has them the other way round.
    tx: isOld ? sk.rmem : sk.wmem,
    rx: isOld ? sk.wmem : sk.rmem,
    timer: 0,
    when: 0,
    retransmits: 0,
    uid: uidOf(sk),
    timeout: 0,
    ino: inoOf(sk),
    more: ` 2 ${address(inoOf(sk))}`,
  }
}

/** Socks of UDP and raw ones: all, or by hash, the youngest of a bucket first. */
function datagramLines(current: Task, lists: Iterable<Iterable<InetSock>>, buckets: number): Line[] {
  const lines: Line[] = []
  for (const socks of lists)
    for (const sk of socks) if (isVisible(current, sk)) lines.push(datagramLine(sk, sk.num & (buckets - 1)))
  return lines.sort((a, b) => b.ino - a.ino)
}

// ---- text ----------------------------------------------------------------------------------------------------

function show(at: number, line: Line, isModern: boolean): string {
  const { laddr, lport, raddr, rport, state, tx, rx, timer, when, retransmits } = line
  const ends = `${swapped(laddr)}:${hex(lport, 4)} ${swapped(raddr)}:${hex(rport, 4)}`
  const queues = `${hex(state, 2)} ${hex(tx, 8)}:${hex(rx, 8)} ${hex(timer, 2)}:${hex(when, 8)} ${hex(retransmits, 8)}`
  const owner = `${String(line.uid).padStart(5)} ${String(line.timeout).padStart(8)} ${line.ino}`
  return `${String(at).padStart(4)}: ${ends} ${queues} ${owner}${isModern ? line.more : ''}`
}

function show20(line: Line): string {
  const { laddr, lport, raddr, rport, state, tx, rx, timer, when, retransmits } = line
  const ends = `${swapped(laddr)}:${hex(lport, 4)} ${swapped(raddr)}:${hex(rport, 4)}`
  const queues = `${hex(state, 2)} ${hex(tx, 8)}:${hex(rx, 8)} ${hex(timer, 2)}:${hex(when, 8)} ${hex(retransmits, 8)}`
  return `${String(line.bucket).padStart(2)}: ${ends} ${queues} ${line.uid} ${line.timeout} ${line.ino}\n`
}

/** A file: `width` characters a line since 2.2. */
function fileOf(net: NetState, lines: Line[], isByBucket: boolean, width: number): string {
  const { release } = net.k.facts
  const byBucket = (): Line[] => lines.sort((a, b) => a.bucket - b.bucket)
  if (release === '2.0.35') return HEAD_20 + byBucket().map(show20).join('')
  const isModern = release === '2.6.14'
  const sorted = isModern && isByBucket ? byBucket() : lines
  let text = `${HEAD.padEnd(width)}\n`
  for (const [at, line] of sorted.entries())
    text += `${show(isModern && isByBucket ? line.bucket : at, line, isModern).padEnd(width)}\n`
  return text
}

const tcpProc: ProcEntry = Object.freeze({
  path: 'net/tcp',
  mode: 0o444,
  read(current) {
    const net = netOf(current)
    return fileOf(net, tcpLines(current, net), false, net.k.facts.release === '2.6.14' ? 149 : 127)
  },
} satisfies ProcEntry)

const udpProc: ProcEntry = Object.freeze({
  path: 'net/udp',
  mode: 0o444,
  read(current) {
    const net = netOf(current)
    const buckets = net.k.facts.release === '2.0.35' ? 256 : 128
    return fileOf(net, datagramLines(current, net.inet.udp.byPort.values(), buckets), true, 127)
  },
} satisfies ProcEntry)

const rawProc: ProcEntry = Object.freeze({
  path: 'net/raw',
  mode: 0o444,
  read(current) {
    const net = netOf(current)
    return fileOf(net, datagramLines(current, net.inet.raw.values(), 256), true, 127)
  },
} satisfies ProcEntry)

/** The lists of socks. */
export const socketProc: readonly ProcEntry[] = Object.freeze([tcpProc, udpProc, rawProc])
