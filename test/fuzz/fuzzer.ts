/**
 * The fuzzer: rounds of random actions, each on a fresh kernel of one profile, with a recount now and then and a
 * reckoning at the end. A finding is shortened to the fewest actions that still lead to one like it.
 */
import { createContext, Script } from 'node:vm'
import { PROFILES, type Profile } from 'paleokernel'
import { mix } from './dice.js'
import { Finding, type Outcomes, World } from './world.js'

/** Actions of one round, and from recount to recount. */
const ROUND = 5000
const RECOUNT = 250
/** As many actions are listed, so that they can be run again. */
const MAX_LISTED = 200
/** A round that takes longer hangs. It is some hundred times what one takes. */
const HANG_MS = 40_000
/** The same while a hang is shortened. */
const SHORT_HANG_MS = 2000

export interface FuzzOptions {
  /** Direct calls to make at least. */
  readonly calls: number
  readonly seed: number
  /** The first round, and from round to round: several processes share the work. Default 0 and 1. */
  readonly first?: number
  readonly stride?: number
  /** Told before every round. */
  readonly progress?: (calls: number, round: string) => void
}

/** How a round goes. */
export interface RoundOptions {
  /** How many actions. Default 5000. */
  readonly actions?: number
  /** Actions from recount to recount. Default 250. */
  readonly recount?: number
  /** Milliseconds to spend on shortening. Default 30 s. */
  readonly shrinkMs?: number
  /** These actions, and no others. */
  readonly list?: readonly number[]
  /** Counts what calls answer. */
  readonly outcomes?: Outcomes
}

export interface FuzzResult {
  readonly calls: number
  readonly rounds: number
  readonly outcomes: Outcomes
  /** What was found, with how to get there; null for nothing. */
  readonly failure: string | null
}

interface Outcome {
  readonly message: string | null
  /** Actions carried out. */
  readonly actions: number
  readonly calls: number
  readonly tail: readonly string[]
}

const box = createContext()
const runBox = new Script('run()')

/** Runs something, and breaks it off where it is when it takes too long. Then it throws a Finding. */
function within(ms: number, run: () => void): void {
  box['run'] = run
  try {
    runBox.runInContext(box, { timeout: ms })
  } catch (error) {
    const isHang = error instanceof Error && Reflect.get(error, 'code') === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
    throw isHang ? new Finding(`a hang: no end after ${ms} ms`) : error
  }
}

/** Runs a list of actions on a fresh world. `recount` 1 looks after every action. */
function runActions(
  profile: Profile,
  seed: number,
  actions: readonly number[],
  recount: number,
  { hangMs = HANG_MS, outcomes = new Map() }: { hangMs?: number; outcomes?: Outcomes } = {},
): Outcome {
  let world: World | null = null
  let done = 0
  try {
    const fresh = new World(profile, seed, outcomes)
    world = fresh
    within(hangMs, () => {
      for (const action of actions) {
        fresh.perform(action)
        done++
        if (done % recount === 0) fresh.check()
      }
      fresh.finish()
    })
    return { message: null, actions: done, calls: fresh.calls, tail: [] }
  } catch (error) {
    const message =
      error instanceof Finding ? error.message : String(error instanceof Error ? error.stack : error)
    return { message, actions: done, calls: world?.calls ?? 0, tail: world?.tail ?? [] }
  }
}

/** What kind of finding it is: the numbers in it do not count. */
const kindOf = (message: string): string =>
  message.split('\n', 2).join(' ').replaceAll(/\d+/g, '#').slice(0, 100)

/** Leaves actions out as long as a finding of the same kind is left. Classic delta debugging, within a time. */
function shrink(
  profile: Profile,
  seed: number,
  actions: readonly number[],
  message: string,
  ms: number,
): readonly number[] {
  const kind = kindOf(message)
  const until = performance.now() + ms
  const fails = (list: readonly number[]): boolean => {
    const outcome = runActions(profile, seed, list, list.length > 500 ? 50 : 1, {
      hangMs: SHORT_HANG_MS,
    })
    return outcome.message !== null && kindOf(outcome.message) === kind
  }
  let list = actions
  for (let size = Math.ceil(list.length / 2); size >= 1; ) {
    let removed = false
    for (let at = 0; at < list.length && performance.now() < until; ) {
      const shorter = [...list.slice(0, at), ...list.slice(at + size)]
      if (shorter.length < list.length && fails(shorter)) {
        list = shorter
        removed = true
      } else at += size
    }
    if (performance.now() >= until) break
    if (size === 1 && !removed) break
    size = removed && size > 1 ? size : Math.floor(size / 2) || (removed ? 1 : 0)
  }
  return list
}

/** What came of a round. */
export interface RoundResult {
  readonly calls: number
  readonly failure: string | null
}

/** Runs one round. */
export function fuzzRound(profile: Profile, seed: number, options: RoundOptions = {}): RoundResult {
  const { actions: length = ROUND, recount = RECOUNT, shrinkMs = 30_000, outcomes = new Map() } = options
  const actions = Array.from({ length }, (_, at) => mix(seed, at))
  if (options.list !== undefined) {
    const { message, calls, tail } = runActions(profile, seed, options.list, 1)
    return { calls, failure: message === null ? null : [message, ...tail].join('\n') }
  }
  const first = runActions(profile, seed, actions, recount, { outcomes })
  if (first.message === null) return { calls: first.calls, failure: null }
  const short = shrink(profile, seed, actions.slice(0, first.actions + 1), first.message, shrinkMs)
  if (shrinkMs === 0) return { calls: first.calls, failure: first.message }
  const again = runActions(profile, seed, short, 1)
  const lines = [
    `profile ${profile}, round seed ${seed}: ${first.message}`,
    `shortened to ${short.length} actions${again.message === null ? ' (does not repeat)' : `: ${again.message}`}`,
    ...(again.message === null ? first.tail : again.tail).map((line) => `  ${line}`),
    ...(short.length <= MAX_LISTED ? [`--profile ${profile} --round ${seed} --actions ${short.join()}`] : []),
  ]
  return { calls: first.calls, failure: lines.join('\n') }
}

/** Rounds until enough calls have been made, all profiles in turn, or until something is found. */
export function fuzz({
  calls: wanted,
  seed,
  first = 0,
  stride = 1,
  progress,
  ...options
}: FuzzOptions & RoundOptions): FuzzResult {
  const { outcomes = new Map() } = options
  let calls = 0
  for (let rounds = 0; ; rounds++) {
    if (calls >= wanted) return { calls, rounds, outcomes, failure: null }
    const round = first + rounds * stride
    const profile = PROFILES[round % PROFILES.length] as Profile
    progress?.(calls, `profile ${profile}, round seed ${mix(seed, round)}`)
    const result = fuzzRound(profile, mix(seed, round), { ...options, outcomes })
    calls += result.calls
    if (result.failure !== null)
      return { calls, rounds: rounds + 1, outcomes, failure: `seed ${seed}, ${result.failure}` }
  }
}
