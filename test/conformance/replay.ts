/**
 * Replays one script against the library and compares every line's answer with the recorded one.
 *
 * A script is compared up to its first line that disagrees: from there on the two worlds differ. A line that an
 * entry of the era table covers ends the script too, unless the entry says that both worlds are the same after it.
 *
 * Left out: the socket calls, until the library has a network (`sockets`).
 */

import type { Profile } from 'paleokernel'
import { type Answer, differences, Inodes, type Line, printAnswer } from './answer.js'
import { type EraDifference, findEra } from './era.js'
import type { Script } from './script.js'
import { watch } from './watch.js'
import { World } from './world.js'

/** The calls of the network: with one of these a script leaves what is compared so far. */
export const SOCKET_OPS: ReadonlySet<string> = new Set([
  'socket',
  'socketpair',
  'bind',
  'connect',
  'listen',
  'accept',
  'getsockname',
  'getpeername',
  'shutdown',
  'send',
  'sendto',
  'recv',
  'recvfrom',
  'sendfd',
  'recvfd',
  'setsockopt',
  'getsockopt',
])

export interface ReplayOptions {
  readonly profile: Profile
  /** Compare socket calls too. Turn on when the library has a network. */
  readonly sockets?: boolean
}

/** The first line on which a script and the library disagree without a named reason. */
export interface Divergence {
  /** Index into the script's lines. */
  readonly index: number
  readonly line: Line
  /** Our answer as the recording would write it, or what was thrown. */
  readonly got: string
  /** The keys that differ, or the word "thrown". */
  readonly keys: readonly string[]
}

/** A line that differs for a reason in the era table. */
export interface EraHit {
  readonly index: number
  readonly entry: EraDifference
}

/** Why a script was not compared to its last line. */
export type Stop = 'end' | 'sockets' | 'hang' | 'era' | 'divergence'

export interface Replay {
  /** Lines that agree. */
  readonly agree: number
  readonly era: readonly EraHit[]
  readonly divergence: Divergence | undefined
  readonly stop: Stop
}

/** Runs a script, or what is left of it, in a world of its own. */
export function replay(
  script: Script,
  options: ReplayOptions,
  lines: readonly Line[] = script.lines,
): Replay {
  const era: EraHit[] = []
  const inodes = new Inodes()
  let world: World | undefined
  let agree = 0
  for (const [index, line] of lines.entries()) {
    if (options.sockets !== true && SOCKET_OPS.has(line.op))
      return { agree, era, divergence: undefined, stop: 'sockets' }
    // The recorder gave up waiting for this line: neither its answer nor what follows is the kernel's.
    if (line.x === 'hang') return { agree, era, divergence: undefined, stop: 'hang' }
    let ours: Answer
    try {
      world ??= new World(options.profile, script.recording)
      ours = world.run(line)
    } catch (error) {
      const got = error instanceof Error ? (error.stack ?? error.message) : String(error)
      return { agree, era, divergence: { index, line, got, keys: ['thrown'] }, stop: 'divergence' }
    }
    const keys = differences(line, ours, inodes)
    if (keys.length === 0) {
      agree++
      if (script.recording === '6.18') watch(line, world)
      continue
    }
    const mismatch = { line, ours, keys, world }
    const entry = findEra(mismatch, script.recording, options.profile)
    if (entry === undefined) {
      const divergence = { index, line, got: printAnswer(ours, inodes), keys }
      return { agree, era, divergence, stop: 'divergence' }
    }
    era.push({ index, entry })
    if (entry.after(mismatch) === 'stop') return { agree, era, divergence: undefined, stop: 'era' }
  }
  return { agree, era, divergence: undefined, stop: 'end' }
}
