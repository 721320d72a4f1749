/**
 * Determinism: the same inputs give the same run, a copy of a kernel goes on like the original, a recorded schedule
 * replays. On random programs under random schedules.
 */

import fc from 'fast-check'
import type { Kernel, Profile } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import type { PlainOptions } from '../helpers/world.js'
import { programs, reports, worldOf } from './random_program.js'

/** A run that does not come to rest in this many steps is cut there. */
const MAX_STEPS = 400

const profile = fc.constantFrom<Profile>('2.0.35', '2.2.12', '2.6.14')
const seed = fc.nat({ max: 1_000_000 })
const runOf = fc.record({ programs, profile, seed, cut: fc.nat({ max: 60 }) })
type Run = typeof runOf extends fc.Arbitrary<infer T> ? T : never

const optionsOf = ({ profile, seed }: Run, schedule: PlainOptions['schedule'] = 'random'): PlainOptions =>
  ({ profile, seed, schedule }) as PlainOptions

const worldFor = (run: Run): Kernel => worldOf(run.programs, optionsOf(run))

/** An event as text, at once: buffers among the arguments change later. */
const textOf = (event: unknown): string =>
  JSON.stringify(event, (_key, value) => {
    if (typeof value === 'function') return 'function'
    return value instanceof Uint8Array ? `${value.length} bytes, first ${value[0]}` : value
  })

function recordTrace(k: Kernel): string[] {
  const lines: string[] = []
  k.trace.on('event', (event) => lines.push(textOf(event)))
  return lines
}

const finish = (k: Kernel): { readonly digest: string; readonly reports: string } => {
  k.run({ maxSteps: MAX_STEPS })
  return { digest: k.digest(), reports: reports(k) }
}

const property = (numRuns: number, check: (run: Run) => void): void =>
  fc.assert(fc.property(runOf, check), { numRuns: numRuns * Number(process.env['RUNS'] ?? 1) })

describe('the same inputs', () => {
  it('give the same run: digest, answers and trace', () => {
    property(60, (run) => {
      const [first, second] = [worldFor(run), worldFor(run)]
      const lines = [recordTrace(first), recordTrace(second)] as const
      expect(finish(second)).toEqual(finish(first))
      expect(lines[1]).toEqual(lines[0])
    })
  })

  it('give the same run whether somebody watches or not', () => {
    property(40, (run) => {
      const [watched, alone] = [worldFor(run), worldFor(run)]
      recordTrace(watched)
      expect(finish(watched)).toEqual(finish(alone))
    })
  })

  it('give the same run when a recorded schedule replays', () => {
    property(60, (run) => {
      const first = worldFor(run)
      const lines = recordTrace(first)
      const end = finish(first)
      const again = worldOf(run.programs, optionsOf(run, first.schedule))
      const linesAgain = recordTrace(again)
      expect(finish(again)).toEqual(end)
      expect(again.schedule).toEqual(first.schedule)
      expect(linesAgain).toEqual(lines)
    })
  })
})

describe('a fork of the kernel at any step', () => {
  it('leaves the original as it is and ends like it', () => {
    property(80, (run) => {
      const k = worldFor(run)
      k.run({ maxSteps: run.cut })
      const before = k.digest()
      const copy = k.fork()
      expect([k.digest(), copy.digest()]).toEqual([before, before])
      const end = finish(copy)
      expect(k.digest()).toBe(before)
      expect(finish(k)).toEqual(end)
    })
  })

  it('can be forked again, before and after it has run on', () => {
    property(40, (run) => {
      const k = worldFor(run)
      k.run({ maxSteps: run.cut })
      const child = k.fork()
      const grandchild = child.fork()
      child.run({ maxSteps: 7 })
      const younger = child.fork()
      const end = finish(k)
      for (const copy of [child, grandchild, younger]) {
        const steps = copy === grandchild ? MAX_STEPS : MAX_STEPS - 7
        copy.run({ maxSteps: steps })
        expect({ digest: copy.digest(), reports: reports(copy) }).toEqual(end)
      }
    })
  })

  it('shows the same trace from there on, but for its numbers and the first switch', () => {
    property(30, (run) => {
      const k = worldFor(run)
      k.run({ maxSteps: run.cut })
      const copy = k.fork()
      const unnumbered = (lines: string[]): string[] =>
        lines
          .filter((line) => !line.includes('"sched:switch"'))
          .map((line) => line.replace(/"(seq|enterSeq)":\d+/g, ''))
      const [own, other] = [recordTrace(k), recordTrace(copy)]
      finish(k)
      finish(copy)
      expect(unnumbered(other)).toEqual(unnumbered(own))
    })
  })
})

describe('a snapshot at any step', () => {
  it('changes nothing, and restored it runs to the same end, as often as wanted', () => {
    property(60, (run) => {
      const k = worldFor(run)
      const handles = k.describe().tasks.map(({ pid }) => k.process(pid))
      k.run({ maxSteps: run.cut })
      const states = handles.map((process) => process?.state)
      const before = k.digest()
      const snapshot = k.snapshot()
      expect(k.digest()).toBe(before)
      const end = finish(k)
      const schedule = k.schedule
      for (let times = 0; times < 2; times++) {
        k.restore(snapshot)
        expect(k.digest()).toBe(before)
        expect(handles.map((process) => process?.state)).toEqual(states)
        expect(finish(k)).toEqual(end)
        expect(k.schedule).toEqual(schedule)
      }
    })
  })

  it('is not touched by what happens to a fork that was taken before or after', () => {
    property(30, (run) => {
      const k = worldFor(run)
      k.run({ maxSteps: run.cut })
      const before = k.digest()
      const early = k.fork()
      const snapshot = k.snapshot()
      const late = k.fork()
      finish(early)
      finish(late)
      finish(k)
      k.restore(snapshot)
      expect(k.digest()).toBe(before)
    })
  })
})
