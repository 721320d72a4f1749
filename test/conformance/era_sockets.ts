/**
 * What the entries of the era table about sockets have in common: asking the model about a socket.
 */

import type { NetState, Sock, Socket } from 'paleokernel/net'
import { BINDPORT_LOCK } from '../../src/net/inet/sock.js'
import { TcpSock } from '../../src/net/inet/tcp_sock.js'
import { releasePort } from '../../src/net/inet/tcp_table.js'
import { RCV_SHUTDOWN, TCP_CLOSE } from '../../src/net/sock.js'
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

function withGivenPort({ kernel }: World): TcpSock[] {
  const net = coreOf(kernel).state.modules.get('net') as NetState
  return [...net.inet.tcp.socks].filter(hasGivenPort)
}

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
