/**
 * What of a world is not in its kernels: the clock, whose turn it is, the wires and what is on them. Plain data.
 */

import { type Due, DueHeap } from '../lib/due_heap.js'
import { Random } from '../sim/random.js'
import { Air, type WireState } from './wire.js'

/** A kernel, as the world sees it. */
export class Member implements Due {
  /** Follow from the kernel's own state. */
  static readonly undigested: readonly string[] = ['at', 'index']

  /** Its place in the list of kernels. */
  readonly number: number
  /** When it can go on next; infinite for never. */
  at = 0
  /** Of those that can go on at once, the one whose last turn is longest ago is first. */
  seq: number
  index = -1

  constructor(number: number, seq: number) {
    this.number = number
    this.seq = seq
  }
}

export class WorldState {
  /** How `agenda` lies follows from its members. */
  static readonly undigested: readonly string[] = ['agenda']

  /** Milliseconds. */
  now = 0
  /** Where the seeds of wires and kernels come from. */
  random: Random
  members: Member[] = []
  agenda = new DueHeap<Member>()
  /** Turns that kernels have had. */
  turns = 0
  wires: WireState[] = []
  /** Numbers wires. */
  nextWire = 0
  /** Numbers ends of wires. */
  nextEnd = 0
  air = new Air()

  constructor(seed: number) {
    this.random = new Random(seed)
  }
}
