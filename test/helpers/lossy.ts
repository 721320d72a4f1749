/**
 * What TCP must get through: transfers over links that lose, double, hold up and delay frames. Each case is a function of
 * its seed and throws when something is not as it should be.
 */
import type { Profile } from 'paleokernel'
import type { WireOptions } from 'paleokernel/net'
import { Dice } from '../fuzz/dice.js'
import { leftovers, oneWay, type Pair, pairOnLink, type Side, startTalk, type Talk } from './transfer.js'

/** Something that must not be. */
export class Lossy extends Error {}

/** What came of a case. */
export interface Outcome {
  readonly digest: string
  /** Virtual milliseconds until the last byte was there. */
  readonly ms: number
}

/** A case of the sweep. */
export interface Case {
  readonly name: string
  readonly run: (seed: number) => Outcome
}

function checkSide(what: string, side: Side, wanted: number): void {
  const { received, wrongAt, error } = side
  if (wrongAt >= 0) throw new Lossy(`${what}: what came at ${wrongAt} is not what was sent`)
  if (error !== 0) throw new Lossy(`${what}: a call said ${error} after ${received} of ${wanted} bytes`)
  if (received !== wanted) throw new Lossy(`${what}: ${received} of ${wanted} bytes have come`)
}

/** Everything is over: nothing is left, the books agree. */
function checkEnd({ world, a, b }: Pair): void {
  const problems = world.checkInvariants()
  for (const [name, k] of [
    ['a', a],
    ['b', b],
  ] as const)
    for (const left of leftovers(k)) problems.push(`${name} has left ${left}`)
  if (problems.length > 0) throw new Lossy(problems.join('; '))
}

/** Longer nothing may take: a day. */
const DAY = 86_400_000

/** Runs until nothing is under way any more. */
function finish(pair: Pair): void {
  const { world } = pair
  world.run({ until: world.now + DAY })
  checkEnd(pair)
}

/** Has a talk, to its end. */
function talk(pair: Pair, how: Talk, during: (pair: Pair) => void = () => {}): Outcome {
  const sides = startTalk(pair, how)
  during(pair)
  finish(pair)
  checkSide('what the client sent', sides.server, how.client.send)
  checkSide('what the server sent', sides.client, how.server.send)
  return { digest: pair.world.digest(), ms: Math.max(sides.server.doneAt, sides.client.doneAt) }
}

const PROFILES: readonly Profile[] = ['2.0.35', '2.2.12', '2.6.14']

/** The profiles of a seed's two kernels. */
const profilesOf = (seed: number): readonly [Profile, Profile] => [
  PROFILES[seed % 3] ?? '2.2.12',
  PROFILES[Math.floor(seed / 3) % 3] ?? '2.2.12',
]

/** The link of the task: 1 % loss, 20 ms, reordering. */
export const BAD: WireOptions = { delay: 20, loss: 0.01, reorder: 0.05, reorderDelay: 8 }

/** `size` bytes over the link of the task. */
export const transfer = (size: number, wire: WireOptions = BAD): ((seed: number) => Outcome) => {
  return (seed) => talk(pairOnLink({ seed, profiles: profilesOf(seed), wire }), oneWay(size))
}

function manyAtOnce(seed: number): Outcome {
  const pair = pairOnLink({ seed, profiles: profilesOf(seed), wire: { ...BAD, rate: 10_000_000, queue: 50 } })
  const sizes = Array.from({ length: 30 }, (_, at) => 1000 + 700 * at)
  const all = sizes.map((size, at) => startTalk(pair, { ...oneWay(size), port: 5000 + at }))
  finish(pair)
  for (const [at, { server }] of all.entries()) checkSide(`connection ${at}`, server, sizes[at] ?? 0)
  return { digest: pair.world.digest(), ms: Math.max(...all.map(({ server }) => server.doneAt)) }
}

/** Anything: the seed chooses the link, the buffers and who says how much. */
function anything(seed: number): Outcome {
  const dice = new Dice(seed)
  const one = (list: readonly number[]): number => list[dice.below(list.length)] ?? 0
  const wire: WireOptions = {
    delay: one([0, 0.1, 1, 20, 150, 400]),
    loss: one([0, 0, 0.01, 0.05, 0.15]),
    duplicate: one([0, 0, 0.02, 0.3]),
    reorder: one([0, 0.05, 0.4]),
    reorderDelay: one([0.5, 5, 60, 700]),
    rate: one([0, 0, 56_000, 1_000_000, 10_000_000]),
    queue: one([2, 5, 20, 100]),
    mtu: one([68, 100, 296, 576, 1006, 1500]),
  }
  const part = (send: number) => ({
    send,
    chunk: one([1, 100, 1460, 5000, 32_768]),
    slow: one([0, 0, 0, 5, 40]),
    ...(dice.below(3) === 0 ? { rcvbuf: one([256, 1000, 4096, 20_000]) } : {}),
  })
  // What goes a byte a call, or to a slow reader, is short.
  const client = part(one([0, 1, 500, 8000]))
  const server = part(one([0, 0, 1, 700, 5000]))
  return talk(pairOnLink({ seed, profiles: profilesOf(seed), wire }), { client, server })
}

const MTUS = [68, 69, 100, 296, 552, 576, 1006, 1280, 1492, 1500]

/** The cases besides the plain transfer. */
export const CASES: readonly Case[] = [
  {
    name: 'both directions at once',
    run: (seed) =>
      talk(pairOnLink({ seed, profiles: profilesOf(seed), wire: BAD }), {
        client: { send: 60_000 },
        server: { send: 90_000 },
      }),
  },
  {
    name: 'half closed: the server goes on for long after the client has ended',
    run: (seed) =>
      talk(pairOnLink({ seed, profiles: profilesOf(seed), wire: BAD }), {
        client: { send: 10 },
        server: { send: 120_000 },
      }),
  },
  {
    name: 'both close at once',
    run: (seed) =>
      talk(pairOnLink({ seed, profiles: profilesOf(seed), wire: { ...BAD, loss: 0.1 } }), {
        client: { send: 1 },
        server: { send: 1 },
      }),
  },
  { name: 'many connections at once', run: manyAtOnce },
  {
    name: 'cut for 30 s in the middle',
    run: (seed) =>
      talk(
        pairOnLink({ seed, profiles: profilesOf(seed), wire: BAD }),
        oneWay(200_000),
        ({ world, link }) => {
          world.runUntil(400 + seed)
          link.cut()
          world.advance(30_000)
          link.mend()
        },
      ),
  },
  {
    name: 'a slow reader with a small buffer: the window closes again and again',
    run: (seed) =>
      talk(
        pairOnLink({ seed, profiles: profilesOf(seed), wire: BAD }),
        oneWay(40_000, { rcvbuf: 2000 + 100 * (seed % 9), chunk: 700, slow: 40 }),
      ),
  },
  {
    name: 'a reader that sleeps for a minute: probes of the closed window',
    run: (seed) =>
      talk(
        pairOnLink({ seed, profiles: profilesOf(seed), wire: { ...BAD, loss: 0.1 } }),
        oneWay(30_000, { rcvbuf: 4096, chunk: 8192, slow: 60_000 }),
      ),
  },
  {
    name: 'MTUs from 68 to 1500',
    run: (seed) => transfer(30_000, { ...BAD, mtu: MTUS[seed % MTUS.length] ?? 1500 })(seed),
  },
  {
    name: '20 % loss, and half of the frames twice',
    run: (seed) => transfer(30_000, { ...BAD, loss: 0.2, duplicate: 0.5 })(seed),
  },
  {
    name: 'a slow line with a short queue',
    run: (seed) => transfer(100_000, { delay: 5, rate: 256_000, queue: 4 })(seed),
  },
  { name: 'anything', run: anything },
]
