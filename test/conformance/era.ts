/**
 * The named differences between the kernels that made the recordings and the kernels that the profiles model.
 *
 * A line that disagrees counts as `era` only if an entry here covers it; everything else is a divergence. An entry
 * says what changed, where in Linux, and recognises its own lines narrowly: by the call, its arguments, both
 * answers and, where it takes that, the state of the model. It has no other effect: the library never sees it.
 *
 * `after` says whether both worlds are the same after the line, so that the comparison can go on.
 */

import type { Profile } from 'paleokernel'
import type { Answer, Line } from './answer.js'
import { ERA_2_6_20 } from './era_2_6_20.js'
import { ERA_6_18 } from './era_6_18.js'
import type { Recording } from './values.js'
import type { World } from './world.js'

/** A line that disagrees, and everything needed to say why. */
export interface Mismatch {
  /** The recorded line with its answer. */
  readonly line: Line
  /** What the library answered. */
  readonly ours: Answer
  /** The keys that differ: `r`, `e`, `st.mo`, `wake.T2`, … */
  readonly keys: readonly string[]
  readonly world: World
}

/** One thing that changed in Linux between the kernel that recorded and the kernel that a profile models. */
export interface EraDifference {
  readonly name: string
  readonly recordings: readonly Recording[]
  readonly profiles: readonly Profile[]
  /** Kernel function, version or commit. */
  readonly cite: string
  /** True when this difference, and nothing else, explains the mismatch. */
  readonly covers: (mismatch: Mismatch) => boolean
  /** May the comparison go on? Only if both worlds are the same after the line. */
  readonly after: (mismatch: Mismatch) => 'stop' | 'go on'
}

/** The table. */
export const ERA_DIFFERENCES: readonly EraDifference[] = [...ERA_2_6_20, ...ERA_6_18]

/** The entry that explains a mismatch, if there is one. */
export function findEra(
  mismatch: Mismatch,
  recording: Recording,
  profile: Profile,
): EraDifference | undefined {
  return ERA_DIFFERENCES.find(
    (entry) =>
      entry.recordings.includes(recording) && entry.profiles.includes(profile) && entry.covers(mismatch),
  )
}
