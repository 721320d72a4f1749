/**
 * What the entries of the era table about sockets have in common: asking the model about a socket.
 */

import type { NetState, Sock, Socket } from 'paleokernel/net'
import { runBacklog } from '../../src/net/backlog.js'
import { BINDPORT_LOCK } from '../../src/net/inet/sock.js'
import { tcpShutdown } from '../../src/net/inet/tcp.js'
import { TcpSock } from '../../src/net/inet/tcp_sock.js'
import { releasePort } from '../../src/net/inet/tcp_table.js'
import { RCV_SHUTDOWN, SEND_SHUTDOWN, TCP_CLOSE, TCP_ESTABLISHED, TCP_LISTEN } from '../../src/net/sock.js'
import { UnixCb, UnixSock } from '../../src/net/unix/sock.js'
import { coreOf } from '../helpers/world.js'
import { socketOf } from './bring.js'
import type { Bring, Mismatch } from './era.js'
import { withoutFlag } from './era_help.js'
import { parsePoll } from './values.js'
import type { World } from './world.js'

/** The calls that receive. */
export const READS: ReadonlySet<string> = new Set(['read', 'recv', 'recvfrom', 'recvfd'])

/** The calls that send. */
export const SENDS: ReadonlySet<string> = new Set(['write', 'send', 'sendto', 'sendfd'])

/** The socket that a line names first. */
export function socketAt({ line, world }: Mismatch, word = line.a[0] ?? ''): Socket | undefined {
  const actor = world.actors[line.t]
  return actor === undefined || actor.dead ? undefined : socketOf(actor, world.dialect.value(word).n)
}

/** Does a socket receive no more? */
export const isReceiveShutDown = ({ sk }: Socket): boolean =>
  sk !== null && (sk.shutdown & RCV_SHUTDOWN) !== 0

/** Is it a stream of AF_INET that is not connected and has been given a port that it did not ask for? */
export const hasGivenPort = (sk: Sock | null | undefined): boolean =>
  sk instanceof TcpSock && sk.state === TCP_CLOSE && sk.num !== 0 && (sk.locks & BINDPORT_LOCK) === 0

const netOf = ({ kernel }: World): NetState => coreOf(kernel).state.modules.get('net') as NetState

/** All socks of AF_UNIX. */
export const unixSocks = (world: World): UnixSock[] => [...netOf(world).unix.sockets]

/** The sock of AF_UNIX that a line names first, if it is of this type. */
export function unixAt(m: Mismatch, type: number): UnixSock | undefined {
  const sk = socketAt(m)?.sk
  return sk instanceof UnixSock && sk.type === type ? sk : undefined
}

/** The notes of what waits for a sock. */
function waitingAt(sk: UnixSock): UnixCb[] {
  const found: UnixCb[] = []
  for (let skb = sk.receiveQueue.head; skb !== null; skb = skb.next) {
    if (skb.cb instanceof UnixCb) found.push(skb.cb)
  }
  return found
}

/** Does something still wait for a sock, after a read that has taken all of one writer's? */
export const isMixed = (sk: UnixSock): boolean => waitingAt(sk).length > 0

/** Lets all that waits for a sock be of one writer. */
export function asOneWriter(sk: UnixSock): void {
  const [first, ...rest] = waitingAt(sk)
  for (const cb of rest) Object.assign(cb, { pid: first?.pid, uid: first?.uid, gid: first?.gid })
}

const tcpSocks = (world: World): TcpSock[] => [...netOf(world).inet.tcp.socks]

const withGivenPort = (world: World): TcpSock[] => tcpSocks(world).filter(hasGivenPort)

export const givesPort = ({ world }: Mismatch): boolean => withGivenPort(world).length > 0

/** Takes those ports away again. */
export const withoutPorts =
  ({ ours }: Mismatch): Bring =>
  (world) => {
    for (const sk of withGivenPort(world)) {
      releasePort(sk.net.inet.tcp, sk)
      sk.num = 0
      sk.sport = 0
    }
    return ours
  }

/**
 * Is it as new as it was made, though it sends no more? By a listener that sends no more either, or by a connect to
 * itself.
 */
const isBornMute = (sk: TcpSock, listeners: ReadonlySet<number>): boolean =>
  sk.state === TCP_ESTABLISHED &&
  (sk.shutdown & SEND_SHUTDOWN) !== 0 &&
  (isSelfConnected(sk) || ((sk.locks & BINDPORT_LOCK) === 0 && listeners.has(sk.num)))

const isSelfConnected = ({ num, dport, rcvSaddr, daddr }: TcpSock): boolean =>
  num === dport && rcvSaddr === daddr

/** Connections that have been made in this line out of TCP_SYN_RECV, by sockets that had been shut down for sending. */
export function bornMute(world: World): TcpSock[] {
  const socks = tcpSocks(world)
  const listeners = socks.filter(
    ({ state, shutdown }) => state === TCP_LISTEN && (shutdown & SEND_SHUTDOWN) !== 0,
  )
  const ports = new Set(listeners.map(({ num }) => num))
  return socks.filter((sk) => isBornMute(sk, ports))
}

/** Lets these connections send their FINs, and who has been woken by it run. */
export function endMute(world: World): void {
  for (const sk of bornMute(world)) tcpShutdown(sk, SEND_SHUTDOWN)
  runBacklog(netOf(world))
  world.recorder.sys.getpid()
}

/** The other end of a connection, in this host. */
const peerOf = ({ num, dport }: TcpSock, world: World): TcpSock | undefined =>
  tcpSocks(world).find((other) => other.num === dport && other.dport === num)

/**
 * The sockets of a line whose peer holds small segments back until an acknowledgement that is owed: it would have gone
 * out in 40 ms.
 */
export function heldBack(m: Mismatch): Socket[] {
  const { line } = m
  const words =
    line.op === 'poll' ? parsePoll(line.a[0] ?? '').map(({ fd }) => String(fd)) : line.a.slice(0, 1)
  return words.flatMap((word) => {
    const socket = socketAt(m, word)
    const sk = socket?.sk
    if (socket === undefined || !(sk instanceof TcpSock) || !sk.ackPending) return []
    return peerOf(sk, m.world)?.sendHead != null ? [socket] : []
  })
}

const wordsOf = (rev: string | undefined): string[] => (rev ?? '').split('|').filter((word) => word !== '')

/**
 * Do both polls of a line end at once, and differ in these words only, and only for sockets of this kind? At least one
 * differs.
 */
export function pollDiffers(
  m: Mismatch,
  words: readonly string[],
  kind: (socket: Socket) => boolean,
): boolean {
  const { line, ours, keys, world } = m
  if (line.op !== 'poll' || keys.some((key) => !/^(r|rev.*)$/.test(key))) return false
  const actor = world.actors[line.t]
  if (actor === undefined || line.rev === undefined || ours.rev === undefined) return false
  return parsePoll(line.a[0] ?? '').every(({ fd }, at) => {
    const [theirs, own] = [wordsOf(line.rev?.[at]), wordsOf(ours.rev?.[at])]
    const odd = [
      ...theirs.filter((word) => !own.includes(word)),
      ...own.filter((word) => !theirs.includes(word)),
    ]
    if (odd.length === 0) return true
    const socket = socketOf(actor, fd)
    return socket !== undefined && kind(socket) && odd.every((word) => words.includes(word))
  })
}

/** A poll's argument without a word for the sockets of a kind. */
export function pollWithout(
  { line, world }: Mismatch,
  without: string,
  kind: (socket: Socket) => boolean,
): string {
  const actor = world.actors[line.t]
  const entries = (line.a[0] ?? '').split(',').map((entry) => {
    const [fd = '', words = ''] = entry.split(':')
    const socket = actor === undefined ? undefined : socketOf(actor, Number(fd))
    return socket !== undefined && kind(socket) ? `${fd}:${withoutFlag(words, without)}` : entry
  })
  return entries.join(',')
}
