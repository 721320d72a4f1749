/**
 * The books balance: after every step of random programs every count and every list of the kernel agrees with a
 * recount from the roots, and the state is plain data.
 */

import fc from 'fast-check'
import { type Kernel, type Profile, SIGKILL } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { checkInvariants, checkState, handle } from '../helpers/world.js'
import { programs, worldOf } from './random_program.js'

const profile = fc.constantFrom<Profile>('2.0.35', '2.2.12', '2.6.14')
const seed = fc.nat({ max: 1_000_000 })
const runOf = fc.record({ programs, profile, seed, cut: fc.nat({ max: 60 }) })
type Run = typeof runOf extends fc.Arbitrary<infer T> ? T : never

const MAX_STEPS = 300

const property = (numRuns: number, check: (run: Run) => void): void =>
  fc.assert(fc.property(runOf, check), { numRuns: numRuns * Number(process.env['RUNS'] ?? 1) })

const worldFor = ({ programs, profile, seed }: Run): Kernel =>
  worldOf(programs, { profile, seed, schedule: 'random' })

/** Steps until nothing can run; false at the end. */
const step = (k: Kernel): boolean => k.step()

describe('the books of the kernel', () => {
  it('balance after every step', () => {
    property(60, (run) => {
      const k = worldFor(run)
      for (let steps = 0; steps < MAX_STEPS && step(k); steps++) checkInvariants(k)
      checkState(k)
    })
  })

  it('balance when everybody is killed wherever they are, and nothing is left of them', () => {
    property(60, (run) => {
      const k = worldFor(run)
      k.run({ maxSteps: run.cut })
      const killer = k.spawn({ uid: 0, comm: 'killer' })
      killer.sys.kill(-1, SIGKILL)
      k.run({ maxSteps: MAX_STEPS })
      checkInvariants(k)
      const left = k.describe().tasks.filter(({ state }) => state !== 'zombie')
      expect(left.map(({ comm }) => comm)).toEqual(['init', 'killer'])
    })
  })

  it('balance in a copy that is made at any step', () => {
    property(40, (run) => {
      const k = worldFor(run)
      k.run({ maxSteps: run.cut })
      const copy = k.fork()
      checkInvariants(copy)
      copy.run({ maxSteps: MAX_STEPS })
      checkInvariants(copy)
      checkInvariants(k)
      k.restore(k.snapshot())
      checkInvariants(k)
    })
  })

  it('balance when one process after the other is killed at random steps', () => {
    property(40, (run) => {
      const k = worldFor(run)
      const killer = k.spawn({ uid: 0, comm: 'killer' })
      for (let round = 0; round < 12; round++) {
        k.run({ maxSteps: 1 + (run.cut % 7) })
        const victims = k
          .describe()
          .tasks.filter(({ pid, state }) => pid > 2 && pid !== killer.pid && state !== 'zombie')
        const victim = victims[(run.seed + round) % Math.max(victims.length, 1)]
        if (victim !== undefined) killer.sys.kill(victim.pid, SIGKILL)
        checkInvariants(k)
      }
      k.run({ maxSteps: MAX_STEPS })
      checkInvariants(k)
      expect(handle(k, 1).state).toBe('idle')
    })
  })
})
