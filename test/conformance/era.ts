/**
 * The named differences between the kernels that made the recordings and the kernels that the profiles model.
 *
 * A line that disagrees counts as `era` only if an entry here covers it; everything else is a divergence. An entry
 * says what changed, where in Linux, and recognises its own lines narrowly: by the call, its arguments, both
 * answers and, where it takes that, the state of the model. The library never sees it.
 *
 * `after` says how the comparison goes on. From a line that leaves two different worlds it can only go on by making
 * them the same again, with calls that anybody could make; see `After`.
 */

import type { Profile } from 'paleokernel'
import type { Answer, Line } from './answer.js'
import type { Instead } from './bring.js'
import { ERA_2_2_12 } from './era_2_2_12.js'
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
  /** The keys that differ: `r`, `e`, `st.mo`, `wake.T2`, …; none on a line that agrees. */
  readonly keys: readonly string[]
  readonly world: World
}

/** Does to a world what the recorded line did there; returns what the line has answered in all. */
export type Bring = (world: World) => Answer

/**
 * How the comparison goes on after a covered line. 'stop': not at all. 'go on': both worlds are the same. 'undo': the
 * recorded line changed nothing, so go on in a world in which it was never run. A function: it makes the world the
 * recorded one, from the state after the line or, in an `Instead`, from the state before it; if the answer that it
 * returns is not the recorded one, the comparison stops.
 */
export type After = 'stop' | 'go on' | 'undo' | Bring | Instead

/** One thing that changed in Linux between the kernel that recorded and the kernel that a profile models. */
export interface EraDifference {
  readonly name: string
  readonly recordings: readonly Recording[]
  readonly profiles: readonly Profile[]
  /** Kernel function, version or commit. */
  readonly cite: string
  /** Which lines are looked at: those that disagree (the default), those that agree because nothing shows it, or all. */
  readonly looksAt?: 'agreement' | 'all'
  /** True when this difference, and nothing else, explains the mismatch. */
  readonly covers: (mismatch: Mismatch) => boolean
  readonly after: (mismatch: Mismatch) => After
}

/** The table. */
export const ERA_DIFFERENCES: readonly EraDifference[] = [...ERA_2_2_12, ...ERA_2_6_20, ...ERA_6_18]

/** The part of the table that is about one recording kernel and one profile. */
export class EraTable {
  private readonly ofDisagreement: readonly EraDifference[]
  private readonly ofAgreement: readonly EraDifference[]

  constructor(recording: Recording, profile: Profile) {
    const own = ERA_DIFFERENCES.filter(
      ({ recordings, profiles }) => recordings.includes(recording) && profiles.includes(profile),
    )
    this.ofDisagreement = own.filter(({ looksAt }) => looksAt !== 'agreement')
    this.ofAgreement = own.filter(({ looksAt }) => looksAt !== undefined)
  }

  /** The entry that explains a mismatch, or that a line which agrees is about, if there is one. */
  find(mismatch: Mismatch): EraDifference | undefined {
    const entries = mismatch.keys.length > 0 ? this.ofDisagreement : this.ofAgreement
    return entries.find((entry) => entry.covers(mismatch))
  }
}
