/**
 * `ping`: echo requests over a raw ICMP socket, and what comes back. iputils: ping.c, ping_common.c (ss990824).
 *
 * Left out: names of hosts, source routes (-R and hops), -T, -U, -p, -l, -I, the audible -a, and -f without its dots. Its
 * -t sets the time to live of all that it sends, its -w ends it after so many seconds, however many answers have come.
 * There was no -W yet.
 */

import { EACCES, errnoMessage, isErr } from '../abi/errno.js'
import { SIGINT } from '../abi/signal.js'
import {
  AF_INET,
  IP_MULTICAST_TTL,
  IP_TTL,
  IPPROTO_ICMP,
  SO_BROADCAST,
  SO_RCVBUF,
  SOCK_DGRAM,
  SOCK_RAW,
  SOL_IP,
  SOL_SOCKET,
  type SockAddrBuffer,
  type SockAddrIn,
  type SockName,
} from '../abi/socket.js'
import { readU16BE, readU32LE, writeU16BE, writeU32LE } from '../lib/bytes.js'
import type { CoreSys } from '../programs/core_sys.js'
import type { Program, ProgramSys } from '../programs/sys_types.js'
import { type Part, readIp, runTool, Stop, showIp, writeAll } from './tool.js'

/** The calls of the network that ping makes. */
export interface PingCalls {
  /** socket(2). */
  socket(family: number, type: number, protocol?: number): number
  /** setsockopt(2). */
  setsockopt(fd: number, level: number, option: number, value: unknown): number
  /** connect(2). */
  connect(fd: number, address: SockAddrIn): number
  /** getsockname(2). */
  getsockname(fd: number): SockName | number
  /** sendto(2). */
  sendto(fd: number, data: Uint8Array, flags?: number, address?: SockAddrIn | null): number
  /** recvfrom(2). */
  recvfrom(fd: number, buf: Uint8Array, flags?: number, address?: SockAddrBuffer | null): number
}

/** The calls that ping makes. */
export type PingSys = ProgramSys<
  Pick<
    CoreSys,
    | 'open'
    | 'read'
    | 'write'
    | 'close'
    | 'ioctl'
    | 'select'
    | 'gettimeofday'
    | 'getpid'
    | 'getuid'
    | 'setuid'
    | 'sigaction'
  > &
    PingCalls
>

const USAGE = `Usage: ping [-LRUbdfnqrvV] [-c count] [-i interval] [-w wait]
            [-p pattern] [-s packetsize] [-t ttl] [-I interface or address]
            [-T timestamp option] [-Q tos] [hop1 ...] destination
`

const ECHOREPLY = 0
const UNREACHABLE = 3
const SOURCE_QUENCH = 4
const REDIRECT = 5
const ECHO = 8
const TIME_EXCEEDED = 11
const PARAMETER = 12

const HEADER = 8
const TIMEVAL = 8
/** Seconds for which the last answer is waited for where none has come yet. */
const MAXWAIT = 10
/** The longest packet less its headers. */
const MAXDATA = 65507

/** What has been typed. */
interface Wanted {
  readonly host: string
  readonly count: number
  readonly interval: number
  readonly size: number
  readonly ttl: number
  readonly deadline: number
  readonly isQuiet: boolean
  readonly isVerbose: boolean
  readonly isBroadcast: boolean
}

/** How it stands. */
interface Tally {
  sent: number
  received: number
  repeats: number
  errors: number
  /** Microseconds: the shortest, the longest, the sum of all. */
  min: number
  max: number
  sum: number
  isStopped: boolean
  /** Numbers that have been answered. */
  readonly seen: Set<number>
}

// ---- the command line ----------------------------------------------------------------------------------------

/** A whole number, as atoi(3) reads it. */
const atoi = (text: string): number => Number.parseInt(text, 10) || 0

/** Errors: usage, and values that cannot be; exit status 2. */
function readArguments(args: readonly string[]): Wanted {
  let [count, interval, size, ttl, deadline] = [0, 1, 56, 0, 0]
  const flags = new Set<string>()
  const rest: string[] = []
  for (let i = 0; i < args.length; i++) {
    const word = args[i] ?? ''
    if (!word.startsWith('-') || word === '-') {
      rest.push(word)
      continue
    }
    for (let at = 1; at < word.length; at++) {
      const letter = word[at] ?? ''
      if (!'cistw'.includes(letter)) {
        if (!'Lbdfnqrv'.includes(letter)) throw new Stop(`ping: invalid option -- ${letter}\n${USAGE}`, 2)
        flags.add(letter)
        continue
      }
      const value = word.slice(at + 1) || args[++i]
      if (value === undefined) throw new Stop(`ping: option requires an argument -- ${letter}\n${USAGE}`, 2)
      const number = atoi(value)
      if (letter === 'c') count = number
      else if (letter === 'i') interval = number
      else if (letter === 's') size = number
      else if (letter === 't') ttl = number
      else deadline = number
      if (letter === 'c' && count <= 0) throw new Stop('ping: bad number of packets to transmit.\n', 2)
      if (letter === 'i' && interval <= 0) throw new Stop('ping: bad timing interval.\n', 2)
      if (letter === 's' && size < 0) throw new Stop('ping: illegal negative packet size.\n', 2)
      if (letter === 's' && size > MAXDATA) throw new Stop(`ping: packet size too large: ${size}\n`, 2)
      if (letter === 't' && (ttl < 0 || ttl > 255)) throw new Stop(`ping: ttl ${value} out of range\n`, 2)
      if (letter === 'w' && deadline < 0) throw new Stop('ping: bad wait time.\n', 2)
      break
    }
  }
  const [host] = rest
  if (host === undefined || rest.length !== 1) throw new Stop(USAGE, 2)
  const isQuiet = flags.has('q') || flags.has('f')
  return {
    host,
    count,
    interval: flags.has('f') ? 0.01 : interval,
    size,
    ttl,
    deadline,
    isQuiet,
    isVerbose: flags.has('v'),
    isBroadcast: flags.has('b'),
  }
}

// ---- packets -------------------------------------------------------------------------------------------------

function checksum(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0
  for (let i = start; i < end; i += 2) sum += ((bytes[i] ?? 0) << 8) | (i + 1 < end ? (bytes[i + 1] ?? 0) : 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

/** An echo request with the time in its first bytes, where there is room for it. */
function request({ size }: Wanted, id: number, seq: number, sec: number, usec: number): Uint8Array {
  const packet = new Uint8Array(HEADER + size)
  packet[0] = ECHO
  writeU16BE(packet, 4, id)
  writeU16BE(packet, 6, seq)
  for (let i = size >= TIMEVAL ? TIMEVAL : 0; i < size; i++) packet[HEADER + i] = i
  if (size >= TIMEVAL) {
    writeU32LE(packet, HEADER, sec)
    writeU32LE(packet, HEADER + 4, usec)
  }
  writeU16BE(packet, 2, checksum(packet, 0, packet.length))
  return packet
}

/** Tenths of milliseconds. */
const tenths = (usec: number): string => `${Math.floor(usec / 1000)}.${Math.floor((usec % 1000) / 100)}`

const UNREACHABLES: readonly string[] = [
  'Destination Net Unreachable',
  'Destination Host Unreachable',
  'Destination Protocol Unreachable',
  'Destination Port Unreachable',
  'Frag needed and DF set',
  'Source Route Failed',
  'Network Unknown',
  'Host Unknown',
  'Host Isolated',
  'Dest. Net Administratively Prohibited',
  'Dest. Host Administratively Prohibited',
  'Destination Net Unreachable At This TOS',
  'Destination Host Unreachable At This TOS',
  'Packet Filtered',
  'Precedence Violation',
  'Precedence Cutoff',
]

/** What an ICMP message says that is no answer. iputils: pr_icmph. */
function explain(type: number, code: number): string {
  switch (type) {
    case UNREACHABLE:
      return UNREACHABLES[code] ?? `Dest Unreachable, Unknown Code: ${code}`
    case SOURCE_QUENCH:
      return 'Source Quench'
    case REDIRECT:
      return 'Redirect'
    case TIME_EXCEEDED:
      return code === 0 ? 'Time to live exceeded' : 'Frag reassembly time exceeded'
    case PARAMETER:
      return 'Parameter problem'
    default:
      return `Bad ICMP type: ${type}`
  }
}

/** An answer to a request of ours: counts it, and the line about it. iputils: gather_statistics. */
function answer(tally: Tally, bytes: Uint8Array, hlen: number, from: string, usec: number | null): string {
  const seq = readU16BE(bytes, hlen + 6)
  const isRepeat = tally.seen.has(seq)
  if (isRepeat) tally.repeats++
  else {
    tally.received++
    tally.seen.add(seq)
  }
  if (usec !== null) {
    tally.min = Math.min(tally.min, usec)
    tally.max = Math.max(tally.max, usec)
    tally.sum += usec
  }
  const time = usec === null ? '' : ` time=${tenths(usec)} ms`
  const dup = isRepeat ? ' (DUP!)' : ''
  const bad = checksum(bytes, hlen, bytes.length) === 0 ? '' : ' (BAD CHECKSUM!)'
  return `${bytes.length - hlen} bytes from ${from}: icmp_seq=${seq} ttl=${bytes[8]}${time}${dup}${bad}\n`
}

/** One packet that has come: the line about it, '' for nothing to say. iputils: parse_reply. */
function receive(
  wanted: Wanted,
  tally: Tally,
  id: number,
  bytes: Uint8Array,
  from: string,
  now: { readonly sec: number; readonly usec: number },
): string {
  const hlen = ((bytes[0] ?? 0) & 15) * 4
  if (bytes.length < hlen + HEADER) return ''
  const type = bytes[hlen] ?? 0
  if (type === ECHO) return ''
  if (type === ECHOREPLY) {
    if (readU16BE(bytes, hlen + 4) !== id) return ''
    const at = hlen + HEADER
    const isTimed = bytes.length >= at + TIMEVAL
    const passed = (now.sec - readU32LE(bytes, at)) * 1_000_000 + now.usec - readU32LE(bytes, at + 4)
    const line = answer(tally, bytes, hlen, from, isTimed ? Math.max(passed, 0) : null)
    return wanted.isQuiet ? '' : line
  }
  // An error about a packet of ours has its beginning.
  const inner = hlen + HEADER
  const innerHlen = ((bytes[inner] ?? 0) & 15) * 4
  const isOurs =
    bytes[inner + 9] === IPPROTO_ICMP &&
    bytes[inner + innerHlen] === ECHO &&
    readU16BE(bytes, inner + innerHlen + 4) === id
  if (isOurs) tally.errors++
  if (wanted.isQuiet || !(isOurs || wanted.isVerbose)) return ''
  return `From ${from}: ${explain(type, bytes[hlen + 1] ?? 0)}\n`
}

/** What is said at the end. iputils: finish. */
function summary({ host, size }: Wanted, tally: Tally): string {
  const { sent, received, repeats, errors, min, max, sum } = tally
  const more = `${repeats > 0 ? `+${repeats} duplicates, ` : ''}${errors > 0 ? `+${errors} errors, ` : ''}`
  const loss = sent > 0 ? `${Math.floor(((sent - received) * 100) / sent)}% packet loss` : ''
  const head = `\n--- ${host} ping statistics ---\n${sent} packets transmitted, ${received} packets received, ${more}${loss}\n`
  const all = received + repeats
  if (all === 0 || size < TIMEVAL) return head
  return `${head}round-trip min/avg/max = ${tenths(min)}/${tenths(Math.floor(sum / all))}/${tenths(max)} ms\n`
}

// ---- the program ---------------------------------------------------------------------------------------------

/** The time in microseconds. */
function* clock(sys: PingSys): Part<number> {
  const { sec, usec } = yield* sys.gettimeofday()
  return sec * 1_000_000 + usec
}

/** The address that packets to the host have. It is asked of a socket that sends nothing. Exit status 2. */
function* sourceFor(sys: PingSys, wanted: Wanted, to: number): Part<string> {
  const probe = yield* sys.socket(AF_INET, SOCK_DGRAM)
  if (isErr(probe)) throw new Stop(`socket: ${errnoMessage(probe)}\n`, 2)
  if (wanted.isBroadcast) yield* sys.setsockopt(probe, SOL_SOCKET, SO_BROADCAST, 1)
  const failed = yield* sys.connect(probe, { family: AF_INET, addr: to, port: 1025 })
  if (isErr(failed)) {
    const isForAll = failed === EACCES
    throw new Stop(
      isForAll ? 'Do you want to ping broadcast? Then -b\n' : `connect: ${errnoMessage(failed)}\n`,
      2,
    )
  }
  const name = yield* sys.getsockname(probe)
  yield* sys.close(probe)
  return typeof name === 'object' && 'addr' in name ? String(name.addr) : '0.0.0.0'
}

/** Reads one packet and says what there is to say. */
function* take(
  sys: PingSys,
  wanted: Wanted,
  tally: Tally,
  fd: number,
  id: number,
  buf: Uint8Array,
): Part<void> {
  const from = {}
  const count = yield* sys.recvfrom(fd, buf, 0, from)
  if (count <= 0) return
  const now = yield* sys.gettimeofday()
  const sender: unknown = Reflect.get(from, 'addr')
  const line = receive(wanted, tally, id, buf.slice(0, count), String(sender), now)
  if (line !== '') yield* writeAll(sys, 1, line)
}

/** Sends one request. What the kernel refuses is said, and counts as sent. iputils: pinger. */
function* ask(sys: PingSys, wanted: Wanted, tally: Tally, fd: number, id: number, to: number): Part<void> {
  const { sec, usec } = yield* sys.gettimeofday()
  const packet = request(wanted, id, tally.sent & 0xffff, sec, usec)
  tally.sent++
  const result = yield* sys.sendto(fd, packet, 0, { family: AF_INET, addr: to, port: 0 })
  if (isErr(result)) {
    tally.errors++
    if (!wanted.isQuiet) yield* writeAll(sys, 2, `ping: sendto: ${errnoMessage(result)}\n`)
  }
}

/** Sends and receives until enough has come, the time is over or somebody says stop. */
function* exchange(
  sys: PingSys,
  wanted: Wanted,
  tally: Tally,
  fd: number,
  id: number,
  to: number,
): Part<void> {
  const start = yield* clock(sys)
  const until = wanted.deadline > 0 ? start + wanted.deadline * 1_000_000 : Number.POSITIVE_INFINITY
  const buf = new Uint8Array(wanted.size + 4096)
  let next = start
  let last = Number.POSITIVE_INFINITY
  for (;;) {
    const now = yield* clock(sys)
    const isAllSent = wanted.count > 0 && tally.sent >= wanted.count
    if (tally.isStopped || now >= until || now >= last) return
    if (wanted.count > 0 && tally.received + tally.errors >= wanted.count) return
    if (!isAllSent && now >= next) {
      yield* ask(sys, wanted, tally, fd, id, to)
      next += wanted.interval * 1_000_000
      if (wanted.count > 0 && tally.sent >= wanted.count) {
        const wait = tally.received > 0 ? Math.max(2 * tally.max, 1_000_000) : MAXWAIT * 1_000_000
        last = now + wait
      }
      continue
    }
    const wake = Math.min(isAllSent ? last : next, until)
    const reads = [fd]
    const ready = yield* sys.select(fd + 1, reads, null, null, Math.max(Math.ceil((wake - now) / 1000), 1))
    if (ready > 0 && reads.length > 0) yield* take(sys, wanted, tally, fd, id, buf)
  }
}

function* main(sys: PingSys, args: readonly string[]): Part<number> {
  const fd = yield* sys.socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)
  // The program is set-uid root; what follows is done as who called it.
  yield* sys.setuid(yield* sys.getuid())
  const wanted = readArguments(args)
  const { host, size, ttl } = wanted
  const to = readIp(host)
  if (to < 0) throw new Stop(`ping: unknown host ${host}\n`, 2)
  if (isErr(fd)) throw new Stop(`ping: icmp open socket: ${errnoMessage(fd)}\n`, 2)
  const source = yield* sourceFor(sys, wanted, to)
  if (wanted.isBroadcast) yield* sys.setsockopt(fd, SOL_SOCKET, SO_BROADCAST, 1)
  yield* sys.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, Math.max(size + 4096, 65535))
  if (ttl > 0) for (const option of [IP_TTL, IP_MULTICAST_TTL]) yield* sys.setsockopt(fd, SOL_IP, option, ttl)
  const tally: Tally = {
    sent: 0,
    received: 0,
    repeats: 0,
    errors: 0,
    min: Number.POSITIVE_INFINITY,
    max: 0,
    sum: 0,
    isStopped: false,
    seen: new Set(),
  }
  const handler = (): void => {
    tally.isStopped = true
  }
  yield* sys.sigaction(SIGINT, { handler, flags: 0, mask: [] })
  const id = (yield* sys.getpid()) & 0xffff
  yield* writeAll(
    sys,
    1,
    `PING ${host} (${showIp(to)}) from ${source} : ${size}(${size + 28}) bytes of data.\n`,
  )
  yield* exchange(sys, wanted, tally, fd, id, to)
  yield* writeAll(sys, 1, summary(wanted, tally))
  return tally.received === 0 || (wanted.deadline > 0 && tally.received < wanted.count) ? 1 : 0
}

/** The exit status: 0 answers have come; 1 none, or with -c and -w too few; 2 another error. */
export function* ping(sys: PingSys, ...args: string[]): Program {
  return yield* runTool(sys, () => main(sys, args))
}
