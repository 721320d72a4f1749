/**
 * Connections that are masqueraded: found by either end, forgotten when nothing has come for some time. Linux: struct
 * ip_masq, ip_masq_new, masq_expire, masq_tcp_states, net/ipv4/ip_masq.c (2.2.12).
 *
 * A datagram's answer may come from anywhere (IP_MASQ_F_DLOOSE), so entries of UDP are found by one end alone.
 */

import { PORT_MASQ_BEGIN, PORT_MASQ_END } from '../../abi/ip_fw.js'
import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from '../../abi/socket.js'
import type { KernelCore } from '../../kernel/kernel.js'
import type { Timer } from '../../kernel/timer.js'
import type { NetState } from '../state.js'

/** Name of the timer that ends an entry. */
export const MASQ_TIMER = 'net.masq'

/** States. Linux: IP_MASQ_S_*. */
export const MASQ_NONE = 0
export const MASQ_ESTABLISHED = 1
export const MASQ_FIN_WAIT = 4
const MASQ_CLOSE = 6
export const MASQ_UDP = 10
export const MASQ_ICMP = 11

/** Seconds that an entry lives in each state. Linux: masq_timeout_table. */
const TIMEOUTS: readonly number[] = [1800, 900, 120, 60, 120, 120, 10, 60, 30, 120, 300, 60]

/**
 * The next state by segment and state: rows SYN, FIN, ACK, RST from outside, and the same from inside. States: none,
 * established, SYN sent, SYN received, FIN wait, time wait, close, close wait, last ACK, listen.
 */
const TCP_STATES: readonly (readonly number[])[] = [
  [3, 1, 1, 3, 3, 3, 3, 3, 3, 3],
  [6, 7, 2, 5, 5, 5, 6, 7, 8, 9],
  [6, 1, 2, 3, 4, 5, 6, 7, 6, 9],
  [6, 6, 6, 3, 6, 6, 6, 6, 8, 9],
  [2, 1, 2, 1, 2, 2, 2, 2, 2, 9],
  [5, 4, 2, 5, 4, 5, 6, 5, 8, 9],
  [1, 1, 2, 3, 4, 5, 6, 7, 8, 1],
  [6, 6, 2, 6, 6, 5, 6, 6, 6, 6],
]

/** One connection. Addresses are unsigned numbers; the "ports" of an ICMP request are its id and its kind. */
export class MasqEntry {
  /** Orders them. */
  readonly serial: number
  readonly protocol: number
  /** The host inside. */
  readonly saddr: number
  readonly sport: number
  /** The peer outside; of UDP the last one. */
  daddr: number
  dport: number
  /** What the peer sees. */
  readonly maddr: number
  mport = 0
  /** MASQ_*. */
  state: number = MASQ_NONE
  /** When it ends, if nothing comes: milliseconds since boot. */
  expires = 0
  timer: Timer | null = null
  /** @internal The next with the same hash of the inner end, and of the outer. */
  nextOut: MasqEntry | null = null
  /** @internal */
  nextIn: MasqEntry | null = null

  constructor(
    serial: number,
    protocol: number,
    saddr: number,
    sport: number,
    daddr: number,
    dport: number,
    maddr: number,
  ) {
    this.serial = serial
    this.protocol = protocol
    this.saddr = saddr
    this.sport = sport
    this.daddr = daddr
    this.dport = dport
    this.maddr = maddr
  }
}

/** Ports that may be given out at a time: each may serve several peers. Linux: PORT_MASQ_MUL. */
const FREE = (PORT_MASQ_END - PORT_MASQ_BEGIN) * 10

/** All of them. */
export class MasqTable {
  /** By the inner end: the first of those with a hash. */
  byInside = new Map<number, MasqEntry>()
  /** By the outer end. */
  byOutside = new Map<number, MasqEntry>()
  /** How many there are. */
  size = 0
  nextSerial = 0
  /** The port to try next. */
  nextPort = PORT_MASQ_BEGIN
  /** Entries in a row that could not be made. */
  fails = 0
  /** Ports left to UDP, TCP, ICMP. Linux: ip_masq_free_ports. */
  free: [number, number, number] = [FREE, FREE, FREE]
  /** Milliseconds that an entry lives, by state. */
  timeouts: number[] = TIMEOUTS.map((seconds) => seconds * 1000)
}

const isLoose = (protocol: number): boolean => protocol === IPPROTO_UDP

/** The place in `free`. Linux: masq_proto_num. */
const protoNumber = (protocol: number): 0 | 1 | 2 =>
  protocol === IPPROTO_UDP ? 0 : protocol === IPPROTO_TCP ? 1 : 2

/** A hash of one end, and of the peer where that matters. */
function hashOf(protocol: number, addr: number, port: number, daddr: number, dport: number): number {
  let hash = Math.imul(addr ^ (port << 16) ^ protocol, 0x9e3779b1)
  if (!isLoose(protocol)) hash = Math.imul(hash ^ daddr ^ (dport << 7) ^ (hash >>> 15), 0x85ebca6b)
  return (hash ^ (hash >>> 13)) & 0x3fffffff
}

/** The entry of a packet from inside, or null. Linux: __ip_masq_out_get. */
export function masqOutGet(
  masq: MasqTable,
  protocol: number,
  saddr: number,
  sport: number,
  daddr: number,
  dport: number,
): MasqEntry | null {
  let entry = masq.byInside.get(hashOf(protocol, saddr, sport, daddr, dport)) ?? null
  for (; entry !== null; entry = entry.nextOut) {
    if (entry.saddr !== saddr || entry.sport !== sport || entry.protocol !== protocol) continue
    if (isLoose(protocol) || (entry.daddr === daddr && entry.dport === dport)) return entry
  }
  return null
}

/** The entry of a packet from outside to `maddr`, or null. Linux: __ip_masq_in_get. */
export function masqInGet(
  masq: MasqTable,
  protocol: number,
  daddr: number,
  dport: number,
  maddr: number,
  mport: number,
): MasqEntry | null {
  let entry = masq.byOutside.get(hashOf(protocol, maddr, mport, daddr, dport)) ?? null
  for (; entry !== null; entry = entry.nextIn) {
    if (entry.maddr !== maddr || entry.mport !== mport || entry.protocol !== protocol) continue
    if (isLoose(protocol) || (entry.daddr === daddr && entry.dport === dport)) return entry
  }
  return null
}

const outHash = (entry: MasqEntry): number =>
  hashOf(entry.protocol, entry.saddr, entry.sport, entry.daddr, entry.dport)
const inHash = (entry: MasqEntry): number =>
  hashOf(entry.protocol, entry.maddr, entry.mport, entry.daddr, entry.dport)

function link(masq: MasqTable, entry: MasqEntry): void {
  const out = outHash(entry)
  entry.nextOut = masq.byInside.get(out) ?? null
  masq.byInside.set(out, entry)
  const into = inHash(entry)
  entry.nextIn = masq.byOutside.get(into) ?? null
  masq.byOutside.set(into, entry)
  masq.size++
}

/** Takes an entry out of one of the two lists. */
function unlinkFrom(
  map: Map<number, MasqEntry>,
  hash: number,
  entry: MasqEntry,
  next: 'nextOut' | 'nextIn',
): void {
  let at = map.get(hash) ?? null
  const after = entry[next]
  if (at === entry) {
    if (after === null) map.delete(hash)
    else map.set(hash, after)
  } else {
    for (; at !== null; at = at[next]) {
      if (at[next] !== entry) continue
      at[next] = after
      break
    }
  }
  entry[next] = null
}

/** A port that is no end of a connection with the same peer; 0 where none is left. */
function choosePort(masq: MasqTable, entry: MasqEntry): number {
  for (let tries = 0; tries <= PORT_MASQ_END - PORT_MASQ_BEGIN; tries++) {
    const port = masq.nextPort++
    if (masq.nextPort === PORT_MASQ_END) masq.nextPort = PORT_MASQ_BEGIN
    if (masqInGet(masq, entry.protocol, entry.daddr, entry.dport, entry.maddr, port) === null) return port
  }
  return 0
}

/** Says why there is no entry, the first few times in a row. */
function failed(net: NetState, masq: MasqTable, protocol: number, why: string): null {
  if (++masq.fails < 5) net.k.printk(`ip_masq_new(proto=${masqProtoName(protocol)}): ${why}.`)
  return null
}

/** A new entry, with a port of its own; null where none is left. It has no timer yet: see masqTouch. */
export function masqNew(
  net: NetState,
  masq: MasqTable,
  protocol: number,
  saddr: number,
  sport: number,
  daddr: number,
  dport: number,
  maddr: number,
): MasqEntry | null {
  const kind = protoNumber(protocol)
  if (masq.free[kind] === 0) return failed(net, masq, protocol, 'no free ports')
  const entry = new MasqEntry(masq.nextSerial++, protocol, saddr, sport, daddr, dport, maddr)
  entry.mport = choosePort(masq, entry)
  if (entry.mport === 0)
    return failed(net, masq, protocol, `could not get free masq entry (free=${masq.free[kind]})`)
  masq.fails = 0
  masq.free[kind]--
  // Pieces of packets have no ports: as long as there are entries all packets are put together first.
  net.inet.alwaysDefrag++
  link(masq, entry)
  return entry
}

/** Linux: masq_proto_name. */
export const masqProtoName = (protocol: number): string =>
  protocol === IPPROTO_ICMP ? 'ICMP' : protocol === IPPROTO_UDP ? 'UDP' : 'TCP'

/** The row of a segment in the table of states; -1 for one without flags. Linux: masq_tcp_state_idx. */
function rowOf(flags: number, isOutput: boolean): number {
  const base = isOutput ? 4 : 0
  if ((flags & 0x04) !== 0) return base + 3
  if ((flags & 0x02) !== 0) return base
  if ((flags & 0x01) !== 0) return base + 1
  return (flags & 0x10) !== 0 ? base + 2 : -1
}

/** A packet of the connection has passed: its state, and its time anew. Linux: masq_set_state, ip_masq_put. */
export function masqTouch(
  net: NetState,
  masq: MasqTable,
  entry: MasqEntry,
  isOutput: boolean,
  tcpFlags: number,
): void {
  if (entry.protocol === IPPROTO_UDP) entry.state = MASQ_UDP
  else if (entry.protocol === IPPROTO_ICMP) entry.state = MASQ_ICMP
  else entry.state = TCP_STATES[rowOf(tcpFlags, isOutput)]?.[entry.state] ?? MASQ_CLOSE
  const { timers, now } = net.k.state
  entry.expires = now + (masq.timeouts[entry.state] ?? 0)
  const { timer } = entry
  // A timer that is too early looks again when it fires.
  if (timer === null) entry.timer = timers.add(entry.expires, MASQ_TIMER, { net, entry })
  else if (timer.at > entry.expires) {
    timers.remove(timer)
    timers.rearm(timer, entry.expires)
  }
}

/** The time of an entry may be over. Linux: masq_expire. */
export function onMasqTimer(k: KernelCore, data: unknown): void {
  const { net, entry } = data as { readonly net: NetState; readonly entry: MasqEntry }
  const { timer } = entry
  if (timer !== null && entry.expires > k.state.now) {
    k.state.timers.rearm(timer, entry.expires)
    return
  }
  entry.timer = null
  const masq = net.firewall?.masq
  if (masq === undefined) return
  unlinkFrom(masq.byInside, outHash(entry), entry, 'nextOut')
  unlinkFrom(masq.byOutside, inHash(entry), entry, 'nextIn')
  masq.size--
  masq.free[protoNumber(entry.protocol)]++
  net.inet.alwaysDefrag--
}

/** Ticks of a second in what programs see: that of an i386, whatever the kernel's own clock does. Linux: HZ of 2.2. */
export const MASQ_HZ = 100

/** Clock ticks that entries live: 0 leaves one as it is. Linux: ip_fw_masq_timeouts. */
export function setMasqTimeouts(masq: MasqTable, tcp: number, tcpFin: number, udp: number): void {
  const set = (state: number, ticks: number): void => {
    if (ticks !== 0) masq.timeouts[state] = Math.max(0, (ticks * 1000) / MASQ_HZ)
  }
  set(MASQ_ESTABLISHED, tcp)
  set(MASQ_FIN_WAIT, tcpFin)
  set(MASQ_UDP, udp)
}
