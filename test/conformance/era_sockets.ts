/**
 * What the entries of the era table about sockets have in common: asking the model about a socket.
 */

import type { Socket } from 'paleokernel/net'
import { RCV_SHUTDOWN } from '../../src/net/sock.js'
import { socketOf } from './bring.js'
import type { Mismatch } from './era.js'
import { parsePoll } from './values.js'

/** The calls that receive. */
export const READS: ReadonlySet<string> = new Set(['read', 'recv', 'recvfrom', 'recvfd'])

/** The socket that a line names first. */
export function socketAt({ line, world }: Mismatch, word = line.a[0] ?? ''): Socket | undefined {
  const actor = world.actors[line.t]
  return actor === undefined || actor.dead ? undefined : socketOf(actor, world.dialect.value(word).n)
}

/** Does a socket receive no more? */
export const isReceiveShutDown = ({ sk }: Socket): boolean =>
  sk !== null && (sk.shutdown & RCV_SHUTDOWN) !== 0

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
