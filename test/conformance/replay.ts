/**
 * Replays one script against the library and compares every line's answer with the recorded one.
 *
 * A script is compared up to its first line that disagrees: from there on the two worlds differ. A line that an
 * entry of the era table covers ends the script too, unless the entry says how to go on.
 */

import type { Profile } from 'paleokernel'
import { type Answer, differences, Inodes, type Line, printAnswer } from './answer.js'
import { type EraDifference, EraTable } from './era.js'
import type { Script } from './script.js'
import { World } from './world.js'

export interface ReplayOptions {
  readonly profile: Profile
  /** No difference is named: a line that disagrees diverges. */
  readonly strict?: boolean
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
  /** Our answer, and if it was not enough, what came of bringing the world to the recorded state. */
  readonly ours: Answer
  readonly brought?: Answer
}

/** Why a script was not compared to its last line. */
export type Stop = 'end' | 'hang' | 'era' | 'divergence'

export interface Replay {
  /** Lines that agree. */
  readonly agree: number
  readonly era: readonly EraHit[]
  readonly divergence: Divergence | undefined
  readonly stop: Stop
}

/** The table with nothing in it. */
const NO_DIFFERENCES: Pick<EraTable, 'find'> = { find: () => undefined }

/** A world and all that was done to it, so that the last step can be taken back. */
class Course {
  world: World
  private readonly make: () => World
  private readonly steps: ((world: World) => unknown)[] = []

  constructor(make: () => World) {
    this.make = make
    this.world = make()
  }

  take<T>(step: (world: World) => T): T {
    this.steps.push(step)
    return step(this.world)
  }

  /** The model is deterministic: all steps but the last, in a new world, lead to where it was before the last. */
  undo(): void {
    this.steps.pop()
    this.world = this.make()
    for (const step of this.steps) step(this.world)
  }
}

/** Runs a script, or what is left of it, in a world of its own. */
export function replay(
  script: Script,
  options: ReplayOptions,
  lines: readonly Line[] = script.lines,
): Replay {
  const { recording } = script
  const { profile } = options
  const table = options.strict === true ? NO_DIFFERENCES : new EraTable(recording, profile)
  const era: EraHit[] = []
  const inodes = new Inodes()
  let course: Course | undefined
  let agree = 0
  const end = (stop: Stop, divergence?: Divergence): Replay => ({ agree, era, divergence, stop })
  for (const [index, line] of lines.entries()) {
    // The recorder gave up waiting for this line: neither its answer nor what follows is the kernel's.
    if (line.x === 'hang') return end('hang')
    let ours: Answer
    try {
      course ??= new Course(() => new World(profile, recording))
      ours = course.take((world) => world.run(line))
    } catch (error) {
      const got = error instanceof Error ? (error.stack ?? error.message) : String(error)
      return end('divergence', { index, line, got, keys: ['thrown'] })
    }
    const keys = differences(line, ours, inodes)
    const mismatch = { line, ours, keys, world: course.world }
    const entry = table.find(mismatch)
    if (keys.length > 0 && entry === undefined)
      return end('divergence', { index, line, got: printAnswer(ours, inodes), keys })
    if (entry === undefined) {
      agree++
      continue
    }
    era.push({ index, entry, ours })
    const after = entry.after(mismatch)
    if (after === 'stop') return end('era')
    if (after === 'go on') continue
    if (typeof after !== 'function') course.undo()
    if (after === 'undo') continue
    const brought = course.take(typeof after === 'function' ? after : after.instead)
    if (differences(line, brought, inodes).length === 0) continue
    era[era.length - 1] = { index, entry, ours, brought }
    return end('era')
  }
  return end('end')
}
