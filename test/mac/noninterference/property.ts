/**
 * The property: what a compartment observes is the same whether another one is there or not, but for the channels of the
 * table. A case that fails is shortened to the fewest slots that still fail.
 */
import { mix } from '../../fuzz/dice.js'
import type { Outcomes } from '../../fuzz/world.js'
import { CHANNELS, type Channel } from './channels.js'
import { type Plan, planOf, type Side } from './plan.js'
import { INPUT } from './recorder.js'
import { Endless, type RunOptions, World } from './world.js'

/** How often each channel has been found open. */
export type Found = Map<Channel, number>

/** What a mark says was seen, and what it means. Widths of columns go with the numbers in them. */
const MARK = /⟦(\w+):([^|⟧]*)\|([^⟧]*)⟧/g
const aligned = (text: string): string => text.replace(/ +(?=⟦|$)/gm, ' ').replace(/⟧ +/g, '⟧ ')
const asSeen = (text: string): string => text.replace(MARK, '$3')
const asMeant = (text: string): string => aligned(text).replace(MARK, '⟦$1:$2⟧')

/** Without what the call was given. */
const observed = (line: string | undefined): string | undefined => line?.split(INPUT, 1)[0]

/** The first place where two histories differ in what no channel excuses; -1 for none. Counts the channels. */
export function compare(alone: readonly string[], beside: readonly string[], found: Found): number {
  for (let at = 0; at < Math.max(alone.length, beside.length); at++) {
    const [one, two] = [observed(alone[at]), observed(beside[at])]
    if (one === two) continue
    if (one === undefined || two === undefined) return at
    if (asMeant(one) !== asMeant(two)) return at
    if (asSeen(one) === asSeen(two)) continue
    const others = [...two.matchAll(MARK)]
    for (const [n, mark] of [...one.matchAll(MARK)].entries()) {
      const channel = mark[1] as Channel
      if (others[n]?.[3] !== mark[3]) found.set(channel, (found.get(channel) ?? 0) + 1)
    }
  }
  return -1
}

/** A case that fails. */
interface Failure {
  readonly alone: readonly string[]
  readonly beside: readonly string[]
  readonly at: number
}

/** Runs a plan twice. Null where nothing differs that is not excused, 'endless' where programs do not come to rest. */
function fails(plan: Plan, options: RunOptions, found: Found = new Map()): Failure | 'endless' | null {
  try {
    const { outcomes, ...same } = options
    const alone = new World(plan, true, same).run()
    const beside = new World(plan, false, { ...same, ...(outcomes === undefined ? {} : { outcomes }) }).run()
    const at = compare(alone, beside, found)
    return at < 0 ? null : { alone, beside, at }
  } catch (error) {
    if (error instanceof Endless) return 'endless'
    throw error
  }
}

/** Leaves slots out as long as it fails all the same. */
function shorten(plan: Plan, options: RunOptions): Plan {
  let { slots } = plan
  for (let size = slots.length >> 1; size > 0; ) {
    const { length } = slots
    for (let at = 0; at < slots.length; ) {
      const shorter = [...slots.slice(0, at), ...slots.slice(at + size)]
      const outcome = fails({ ...plan, slots: shorter }, options)
      if (outcome !== null && outcome !== 'endless') slots = shorter
      else at += size
    }
    if (size > 1 || slots.length === length) size >>= 1
  }
  return { ...plan, slots }
}

const LINES = 12

/** The seed, the first difference, and both histories. */
function describeFailure(plan: Plan, options: RunOptions): string {
  const short = shorten(plan, options)
  const failure = fails(short, options)
  if (failure === null || failure === 'endless') return `seed ${plan.seed}: does not repeat itself`
  const { alone, beside, at } = failure
  const history = (lines: readonly string[]): string =>
    lines
      .slice(Math.max(0, at - LINES), at + 1)
      .map((line) => `    ${line.replace(INPUT, '   # ').slice(0, 700)}`)
      .join('\n')
  return [
    `seed ${plan.seed}, ${plan.profile}, ${plan.extra}${plan.sealed ? ', sealed' : ''}: a compartment has observed another`,
    `  slots: ${short.slots.map((slot) => (slot.kind === 'act' ? `${slot.side} ${slot.action}` : slot.kind)).join(', ')}`,
    `  first difference: observation ${at}`,
    `    alone:  ${(observed(alone[at]) ?? '(none)').slice(0, 2000)}`,
    `    beside: ${(observed(beside[at]) ?? '(none)').slice(0, 2000)}`,
    '  alone:',
    history(alone),
    '  beside the other:',
    history(beside),
  ].join('\n')
}

/** A sweep. */
export interface SweepOptions extends RunOptions {
  readonly runs: number
  readonly seed: number
  readonly sealed?: boolean
  /** The first run, and from run to run: several processes share the work. */
  readonly first?: number
  readonly stride?: number
  /** Seconds after which it ends, whatever has been done. */
  readonly seconds?: number
}

/** What came of it. */
export interface SweepResult {
  readonly runs: number
  /** Runs left out: programs did not come to rest. */
  readonly endless: number
  readonly found: Found
  readonly outcomes: Readonly<Record<Side, Outcomes>>
  readonly failure: string | null
}

/** Runs until enough have been made, or one fails. */
export function sweep(options: SweepOptions): SweepResult {
  const { runs: wanted, seed, sealed = false, first = 0, stride = 1, tamper } = options
  const tampered: RunOptions = tamper === undefined ? {} : { tamper }
  const outcomes: Readonly<Record<Side, Outcomes>> = { a: new Map(), b: new Map() }
  const found: Found = new Map()
  const until = performance.now() + (options.seconds ?? Number.POSITIVE_INFINITY) * 1000
  let runs = 0
  let endless = 0
  for (let n = first; n < wanted && performance.now() < until; n += stride) {
    const plan = planOf(mix(seed, n), sealed)
    runs++
    const failure = fails(plan, { ...tampered, outcomes }, found)
    if (failure === 'endless') endless++
    else if (failure !== null)
      return { runs, endless, found, outcomes, failure: describeFailure(plan, tampered) }
  }
  return { runs, endless, found, outcomes, failure: null }
}

/** Of all calls of a side, how many have succeeded. */
export function shareOfSuccess(outcomes: Outcomes): number {
  let [good, bad] = [0, 0]
  for (const [succeeded, failed] of outcomes.values()) {
    good += succeeded
    bad += failed
  }
  return good / Math.max(1, good + bad)
}

/** Channels of the table that were not found. */
export const unfound = (found: Found): Channel[] =>
  (Object.keys(CHANNELS) as Channel[]).filter((channel) => !found.has(channel))
