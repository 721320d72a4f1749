/**
 * Where TCP's socks are found: ports, listeners, connections. Linux: tcp_hashinfo, tcp_v4_get_port, tcp_v4_hash,
 * __tcp_v4_lookup, tcp_v4_hash_connect, net/ipv4/tcp_ipv4.c (2.2.12, 2.6.14).
 */

import { isAtLeast } from '../../abi/profile.js'
import { TCP_LISTEN } from '../sock.js'
import { sharesPorts } from './ports.js'
import { TcpBucket, type TcpConn, TcpSock, type TcpTimeWait } from './tcp_sock.js'

/** Counters of TCP. Linux: struct tcp_mib. */
export class TcpMib {
  activeOpens = 0
  passiveOpens = 0
  attemptFails = 0
  estabResets = 0
  inSegs = 0
  outSegs = 0
  retransSegs = 0
  inErrs = 0
  outRsts = 0
  listenOverflows = 0
}

/** TCP's tables: plain data. */
export class TcpState {
  /** Every sock that has not been destroyed. */
  socks = new Set<TcpSock>()
  /** Ends of connections in TIME_WAIT. */
  timeWaits = new Set<TcpTimeWait>()
  /** Who has which port. */
  buckets = new Map<number, TcpBucket>()
  /** Listeners by port, youngest last. */
  listeners = new Map<number, TcpSock[]>()
  /** Connections by hash, chained. */
  connections = new Map<number, TcpConn>()
  /** The port chosen last, by space of ports: see Sock.portSpace. */
  rovers = new Map<number, number>()
  /** Before the first one. */
  private readonly start: number
  /** The next connection's first sequence number is made of it. */
  isnCount = 0
  mib = new TcpMib()

  constructor(start: number) {
    this.start = start
  }

  /** The port chosen last in a space. */
  roverOf(space: number): number {
    return this.rovers.get(space) ?? this.start
  }
}

// ---- ports ---------------------------------------------------------------------------------------------------

/** Are two socks that share a port in each other's way? Linux: tcp_bind_conflict. */
function conflicts(isModern: boolean, sk: TcpSock, other: TcpConn): boolean {
  if (sk === other || sk.portSpace !== other.portSpace) return false
  const devs = sk.boundDev === other.boundDev || (isModern && (sk.boundDev === 0 || other.boundDev === 0))
  if (!devs) return false
  if (sk.reuse !== 0 && other.reuse !== 0 && other.state !== TCP_LISTEN) return false
  return sk.rcvSaddr === 0 || other.rcvSaddr === 0 || sk.rcvSaddr === other.rcvSaddr
}

/** The port becomes the sock's. Linux: tcp_bind_hash. */
function own(table: TcpState, conn: TcpConn, port: number): TcpBucket {
  let bucket = table.buckets.get(port)
  if (bucket === undefined) {
    bucket = new TcpBucket(port)
    table.buckets.set(port, bucket)
  }
  if (conn.bucket !== null && conn.bucket !== bucket) releasePort(table, conn)
  bucket.owners.add(conn)
  conn.bucket = bucket
  conn.num = port
  return bucket
}

/** The port of `from` is `to`'s too. Linux: tcp_inherit_port. */
export function inheritPort(table: TcpState, from: TcpConn, to: TcpConn): void {
  own(table, to, from.bucket?.port ?? from.num)
  // A redirected connection has another port than the listener whose bucket it is in.
  to.num = from.num
}

/** The sock has its port no longer. Linux: tcp_put_port. */
export function releasePort(table: TcpState, conn: TcpConn): void {
  const { bucket } = conn
  if (bucket === null) return
  bucket.owners.delete(conn)
  conn.bucket = null
  if (bucket.owners.size === 0) table.buckets.delete(bucket.port)
}

/** Has nobody the port who would be in the sock's way? */
function isFree(bucket: TcpBucket | undefined, sk: TcpSock): boolean {
  if (bucket === undefined) return true
  for (const owner of bucket.owners) if (sharesPorts(owner, sk)) return false
  return true
}

/** The next port after the last one chosen for which `suits` holds; 0 where there is none. */
function choose(sk: TcpSock, suits: (bucket: TcpBucket | undefined, port: number) => boolean): number {
  const { portLow: low, portHigh: high, tcp } = sk.net.inet
  let port = tcp.roverOf(sk.portSpace)
  for (let tries = high - low + 1; tries > 0; tries--) {
    port++
    if (port < low || port > high) port = low
    if (!suits(tcp.buckets.get(port), port)) continue
    tcp.rovers.set(sk.portSpace, port)
    return port
  }
  return 0
}

/** Takes a port, or one of its choice for 0: 0, or -1 where it is taken or none is left. Linux: tcp_v4_get_port. */
export function tcpGetPort(sk: TcpSock, port: number): number {
  const { tcp } = sk.net.inet
  const isModern = isAtLeast(sk.net.k.facts.release, '2.6.14')
  if (port === 0) {
    const chosen = choose(sk, (bucket) => isFree(bucket, sk))
    if (chosen === 0) return -1
    own(tcp, sk, chosen)
    return 0
  }
  const bucket = tcp.buckets.get(port)
  if (bucket !== undefined) for (const owner of bucket.owners) if (conflicts(isModern, sk, owner)) return -1
  own(tcp, sk, port).isShared = false
  return 0
}

/**
 * A port for a sock that connects: several may share one where their peers differ. False where there is none.
 * Linux: tcp_v4_hash_connect (2.6).
 */
export function tcpChooseConnectPort(sk: TcpSock): boolean {
  const { tcp } = sk.net.inet
  const port = choose(sk, (bucket, candidate) => {
    if (isFree(bucket, sk)) return true
    if (bucket?.isShared !== true) return false
    return findConnection(tcp, sk.rcvSaddr, candidate, sk.daddr, sk.dport, sk.portSpace) === null
  })
  if (port === 0) return false
  const wasFree = isFree(tcp.buckets.get(port), sk)
  const bucket = own(tcp, sk, port)
  if (wasFree) bucket.isShared = true
  return true
}

// ---- listeners -----------------------------------------------------------------------------------------------

/** Linux: tcp_v4_hash of a listener. */
export function addListener(table: TcpState, sk: TcpSock): void {
  const known = table.listeners.get(sk.num)
  if (known === undefined) table.listeners.set(sk.num, [sk])
  else if (!known.includes(sk)) known.push(sk)
}

export function removeListener(table: TcpState, sk: TcpSock): void {
  const known = table.listeners.get(sk.num)
  const at = known?.indexOf(sk) ?? -1
  if (known === undefined || at < 0) return
  if (known.length === 1) table.listeners.delete(sk.num)
  else known.splice(at, 1)
}

/** The listener that suits a packet best, of those for which `sees` holds. Linux: tcp_v4_lookup_listener. */
export function findListener(
  table: TcpState,
  daddr: number,
  dport: number,
  ifindex: number,
  sees: (sk: TcpSock) => boolean,
): TcpSock | null {
  const known = table.listeners.get(dport)
  if (known === undefined) return null
  let best: TcpSock | null = null
  let high = -1
  for (let at = known.length - 1; at >= 0; at--) {
    const sk = known[at]
    if (sk === undefined) continue
    let score = 0
    if (sk.rcvSaddr !== 0) {
      if (sk.rcvSaddr !== daddr) continue
      score++
    }
    if (sk.boundDev !== 0) {
      if (sk.boundDev !== ifindex) continue
      score++
    }
    if (score <= high || !sees(sk)) continue
    best = sk
    high = score
  }
  return best
}

// ---- connections ---------------------------------------------------------------------------------------------

/** Linux: tcp_hashfn. */
function hashOf(laddr: number, lport: number, raddr: number, rport: number): number {
  let hash = Math.imul(laddr ^ (lport << 16) ^ rport, 0x9e3779b1)
  hash = Math.imul(hash ^ raddr ^ (hash >>> 15), 0x85ebca6b)
  return (hash ^ (hash >>> 13)) & 0x3fffffff
}

/** The first from `conn` on along its chain that is between two ends, or null. */
function firstBetween(
  conn: TcpConn | null,
  laddr: number,
  lport: number,
  raddr: number,
  rport: number,
): TcpConn | null {
  let at = conn
  for (; at !== null; at = at.hashNext) {
    if (at.dport === rport && at.num === lport && at.daddr === raddr && at.rcvSaddr === laddr) return at
  }
  return null
}

/** The connection of a space of ports between two ends, or null. Linux: __tcp_v4_lookup_established. */
export function findConnection(
  table: TcpState,
  laddr: number,
  lport: number,
  raddr: number,
  rport: number,
  portSpace: number,
): TcpConn | null {
  const first = table.connections.get(hashOf(laddr, lport, raddr, rport)) ?? null
  let conn = firstBetween(first, laddr, lport, raddr, rport)
  while (conn !== null && conn.portSpace !== portSpace)
    conn = firstBetween(conn.hashNext, laddr, lport, raddr, rport)
  return conn
}

/**
 * The connection that a packet with this key is for: where several spaces of ports have one between the same ends, that
 * with the key, if there is one.
 */
export function connectionFor(
  table: TcpState,
  laddr: number,
  lport: number,
  raddr: number,
  rport: number,
  routeKey: number,
): TcpConn | null {
  const first = table.connections.get(hashOf(laddr, lport, raddr, rport)) ?? null
  const found = firstBetween(first, laddr, lport, raddr, rport)
  let conn = found
  while (conn !== null && conn.routeKey !== routeKey)
    conn = firstBetween(conn.hashNext, laddr, lport, raddr, rport)
  return conn ?? found
}

/** Makes a connection findable. */
export function addConnection(table: TcpState, conn: TcpConn): void {
  const hash = hashOf(conn.rcvSaddr, conn.num, conn.daddr, conn.dport)
  conn.hashNext = table.connections.get(hash) ?? null
  table.connections.set(hash, conn)
  if (conn instanceof TcpSock) conn.isHashed = true
}

/** It can no longer be found. Linux: __sk_del_node_init. */
export function removeConnection(table: TcpState, conn: TcpConn): void {
  const hash = hashOf(conn.rcvSaddr, conn.num, conn.daddr, conn.dport)
  let at = table.connections.get(hash) ?? null
  if (at === conn) {
    if (conn.hashNext === null) table.connections.delete(hash)
    else table.connections.set(hash, conn.hashNext)
  } else {
    for (; at !== null; at = at.hashNext) {
      if (at.hashNext !== conn) continue
      at.hashNext = conn.hashNext
      break
    }
  }
  conn.hashNext = null
  if (conn instanceof TcpSock) conn.isHashed = false
}
