/**
 * Exhaustive search over schedules: fork the kernel at every choice of the scheduler and try them all.
 *
 * Depth first, up to a number of choices; after that each branch runs on round-robin. States that have been seen
 * (by digest) are not searched again. What differs between branches is only who runs when, so a property that holds
 * on all of them holds for every schedule within the bound.
 */

import type { HostKernel } from './host.js'
import type { Kernel } from './kernel_type.js'
import type { ModuleList } from './module_types.js'

/** What `explore` tries and asks. */
export interface ExploreOptions<K> {
  /** How many scheduling choices are tried in all ways. */
  readonly depth: number
  /** Asked after every step and at rest: false, or a throw, is a violation. It must not change the kernel. */
  readonly property: (k: K) => boolean | undefined
  /** Steps in one branch before it counts as endless. Default 10 000. */
  readonly maxSteps?: number
  /** Distinct states before the search gives up. Default 100 000. */
  readonly maxStates?: number
}

/** What a search has found. */
export interface ExploreResult {
  /** Did the property hold on every branch? */
  readonly holds: boolean
  /** Distinct states seen. */
  readonly states: number
  /** Branches run to rest. */
  readonly runs: number
  /** False when `maxStates` or `maxSteps` cut the search short. */
  readonly complete: boolean
  /** Where it does not hold: the choices that lead there, for `createKernel({ schedule })`. */
  readonly schedule: readonly number[] | null
  /** What the property threw, if it did. */
  readonly error: unknown
}

/** One branch to go on with. */
interface Branch {
  readonly k: HostKernel
  readonly picks: readonly number[]
  readonly steps: number
}

class Search {
  readonly seen = new Set<string>()
  readonly open: Branch[] = []
  runs = 0
  complete = true
  private readonly options: Required<ExploreOptions<HostKernel>>

  constructor(options: Required<ExploreOptions<HostKernel>>) {
    this.options = options
  }

  /** Searches from `k`; the choices that break the property, or null. */
  run(k: HostKernel): { picks: readonly number[]; error: unknown } | null {
    this.open.push({ k, picks: [], steps: 0 })
    for (let branch = this.open.pop(); branch !== undefined; branch = this.open.pop()) {
      const broken = this.follow(branch)
      if (broken !== null) return broken
    }
    return null
  }

  /** Runs one branch to its next choice or to rest. */
  private follow(branch: Branch): { picks: readonly number[]; error: unknown } | null {
    const { k, picks } = branch
    for (let steps = branch.steps; ; steps++) {
      if (steps >= this.options.maxSteps) {
        this.complete = false
        return null
      }
      const count = k.runnable
      if (count > 1 && picks.length < this.options.depth) return this.split(branch, count, steps)
      if (!k.stepWith(0)) {
        this.runs++
        return null
      }
      const error = this.violation(k)
      if (error !== undefined) return { picks, error }
    }
  }

  /** Forks the kernel once for every choice. */
  private split(
    branch: Branch,
    count: number,
    steps: number,
  ): { picks: readonly number[]; error: unknown } | null {
    for (let choice = count - 1; choice >= 0; choice--) {
      const k = choice === 0 ? branch.k : branch.k.fork()
      const picks = [...branch.picks, choice]
      k.stepWith(choice)
      const error = this.violation(k)
      if (error !== undefined) return { picks, error }
      const digest = k.digest()
      if (this.seen.has(digest)) continue
      if (this.seen.size >= this.options.maxStates) {
        this.complete = false
        return null
      }
      this.seen.add(digest)
      this.open.push({ k, picks, steps: steps + 1 })
    }
    return null
  }

  /** What is wrong with a state: undefined when nothing is. */
  private violation(k: HostKernel): unknown {
    try {
      return this.options.property(k) === false ? null : undefined
    } catch (error) {
      return error ?? null
    }
  }
}

/**
 * Searches all schedules of `k` within a bound for one that breaks `property`. `k` itself is not changed.
 *
 * Errors: RangeError for a depth that is not an integer >= 0.
 */
export function explore<Ms extends ModuleList>(
  k: Kernel<Ms>,
  options: ExploreOptions<Kernel<Ms>>,
): ExploreResult {
  const { depth, property, maxSteps = 10_000, maxStates = 100_000 } = options
  if (!Number.isInteger(depth) || depth < 0)
    throw new RangeError(`explore: depth must be an integer >= 0, not ${String(depth)}`)
  const search = new Search({
    depth,
    property: (state) => property(state as unknown as Kernel<Ms>),
    maxSteps,
    maxStates,
  })
  const broken = search.run(k.fork() as unknown as HostKernel)
  return {
    holds: broken === null,
    states: search.seen.size,
    runs: search.runs,
    complete: search.complete,
    schedule: broken?.picks ?? null,
    error: broken?.error,
  }
}
