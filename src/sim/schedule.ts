/**
 * Who runs next: schedule policies, and the recording of their choices.
 *
 * A choice is made only where more than one task is runnable, as an index into the run queue. Recorded choices
 * replay: the same kernel with the same programs then runs the same way. The scheduler's random numbers are its
 * own, so that replaying leaves the kernel's untouched.
 */

import { Random } from './random.js'

/**
 * 'round-robin': first come, first served. 'random': any, by the seed. 'pct': random priorities with `depth - 1`
 * random changes in about `steps` steps, which finds every bug of that depth with a known probability (Burckhardt
 * et al., ASPLOS 2010). An array: recorded choices, then round-robin.
 */
export type SchedulePolicy =
  | 'round-robin'
  | 'random'
  | {
      /** 'pct'. */
      readonly kind: 'pct'
      /** How many scheduling decisions a bug needs to show; 1 and up. */
      readonly depth: number
      /** About how many choices a run makes. */
      readonly steps: number
    }
  | readonly number[]

/** Makes and records choices. */
export class Scheduler {
  readonly policy: SchedulePolicy
  /** Choices so far. */
  readonly picks: number[]
  private readonly random: Random
  private step = 0
  /** PCT: priorities by task number, and the steps at which the running task's drops. */
  private readonly priorities = new Map<number, number>()
  private readonly changes: number[] = []

  constructor(policy: SchedulePolicy, seed: number) {
    this.policy = policy
    this.picks = []
    this.random = new Random(seed)
    if (typeof policy === 'object' && 'kind' in policy) {
      for (let i = 1; i < policy.depth; i++) this.changes.push(this.random.below(Math.max(1, policy.steps)))
    }
  }

  /** The index of the next task among `count` ≥ 2; `serialAt` tells a task's number by index. */
  pick(count: number, serialAt: (index: number) => number): number {
    const choice = Math.min(this.choose(count, serialAt), count - 1)
    this.step++
    if (this.policy !== 'round-robin') this.picks.push(choice)
    return choice
  }

  /** The same scheduler at the same point, for a copy of the kernel. */
  copy(): Scheduler {
    const copy = new Scheduler(this.policy, 0)
    copy.picks.push(...this.picks)
    copy.step = this.step
    copy.changes.length = 0
    copy.changes.push(...this.changes)
    for (const [serial, priority] of this.priorities) copy.priorities.set(serial, priority)
    Object.assign(copy.random, this.random)
    return copy
  }

  private choose(count: number, serialAt: (index: number) => number): number {
    const { policy } = this
    if (policy === 'round-robin') return 0
    if (policy === 'random') return this.random.below(count)
    if (!('kind' in policy)) return policy[this.step] ?? 0
    return this.highestPriority(count, serialAt)
  }

  private highestPriority(count: number, serialAt: (index: number) => number): number {
    let best = 0
    let bestPriority = -1
    for (let index = 0; index < count; index++) {
      const serial = serialAt(index)
      let priority = this.priorities.get(serial)
      if (priority === undefined) {
        priority = this.changes.length + 1 + this.random.float()
        this.priorities.set(serial, priority)
      }
      if (priority > bestPriority) {
        best = index
        bestPriority = priority
      }
    }
    const change = this.changes.indexOf(this.step)
    if (change >= 0) this.priorities.set(serialAt(best), change / (this.changes.length + 1))
    return best
  }
}
