/**
 * Everything that is there to find a leak or a lost update, in one call: the scenarios as they are, a few rounds of
 * the fuzzer, the scenarios with every point failing. planted.test.ts runs it on broken copies of the library.
 */
import { createKernel, failEach, PROFILES } from 'paleokernel'
import { fuzzRound } from '../fuzz/fuzzer.js'
import { SCENARIOS } from './scenarios.js'

/** Seeds of the rounds; a sound library passes them all. */
const ROUNDS = [11, 12, 13]
const ACTIONS = 1500

/** What is found first, in one line; null for nothing. */
export function detect(): string | null {
  for (const profile of PROFILES) {
    for (const { name, run } of SCENARIOS) {
      try {
        const { broken } = failEach({ boot: () => createKernel({ profile }), run }, { only: () => false })
        if (broken.length > 0) return `${name}: ${broken[0]?.problems[0]}`
      } catch (error) {
        return `${name}: ${String(error)}`
      }
    }
  }
  for (const round of ROUNDS) {
    for (const profile of PROFILES) {
      const { failure } = fuzzRound(profile, round, { actions: ACTIONS, recount: 20, shrinkMs: 0 })
      if (failure !== null) return `fuzzer: ${failure.split('\n', 2).join(' ')}`
    }
  }
  for (const profile of PROFILES) {
    for (const { name, run } of SCENARIOS) {
      const { broken } = failEach({ boot: () => createKernel({ profile }), run })
      const [first] = broken
      if (first !== undefined) return `${name} with ${first.point.name} failing: ${first.problems[0]}`
    }
  }
  return null
}
