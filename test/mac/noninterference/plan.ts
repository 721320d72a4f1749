/** What happens in a run, slot by slot. A plan is the same for both runs; the one alone leaves the other's slots out. */
import { PROFILES, type Profile } from 'paleokernel'
import { Dice, mix } from '../../fuzz/dice.js'

/** Whose turn it is. `a` is watched. */
export type Side = 'a' | 'b'

/** One slot. */
export type Slot =
  /** A task of the compartment makes a call, or a step; all else follows from the number. */
  | { readonly kind: 'act'; readonly side: Side; readonly action: number }
  /** Time passes: whoever can run runs. */
  | { readonly kind: 'tick'; readonly ms: number; readonly action: number }
  /** Root (0) or another (1) of the watched compartment reads everything under /proc, and looks around. */
  | { readonly kind: 'look'; readonly looker: 0 | 1 }

/** Optional parts of the kernel. */
export type Extra = 'none' | 'bufflink' | 'sockfs' | 'seccomp'

/** A case. */
export interface Plan {
  readonly seed: number
  readonly profile: Profile
  readonly extra: Extra
  readonly sealed: boolean
  /** Are the other's first tasks older than the watched ones? */
  readonly othersFirst: boolean
  readonly slots: readonly Slot[]
}

/** The plan that follows from a seed. Two of three are of 2.2.12, the kernel that the patch was for. */
export function planOf(seed: number, sealed: boolean, length = 60): Plan {
  const dice = new Dice(mix(seed, 0x6e69))
  const profile = dice.chance(67) ? '2.2.12' : dice.pick(PROFILES)
  const extra = dice.pick(['none', 'none', 'none', 'bufflink', 'sockfs', 'seccomp'] as const)
  const othersFirst = dice.chance(50)
  const slots: Slot[] = []
  for (let n = 0; n < length; n++) {
    const kind = dice.below(100)
    if (kind < 8) slots.push({ kind: 'tick', ms: dice.pick([0, 1, 5, 20, 100, 1000]), action: dice.next() })
    else slots.push({ kind: 'act', side: kind < 53 ? 'a' : 'b', action: dice.next() })
    if (n === length >> 1 && dice.chance(30)) slots.push({ kind: 'look', looker: dice.pick([0, 1]) })
  }
  slots.push({ kind: 'tick', ms: 5000, action: dice.next() }, { kind: 'look', looker: dice.pick([0, 1]) })
  const isKnown = profile === '2.6.14' || extra !== 'seccomp'
  return { seed, profile, extra: isKnown ? extra : 'none', sealed, othersFirst, slots }
}
