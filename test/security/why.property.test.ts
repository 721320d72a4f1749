import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkReasons, Tally } from './why_counterfactual.js'
import { callSpecs, worldSpec } from './why_world.js'

describe('kernel.why in random worlds', () => {
  // `npm run sweep:why` does the same for 100 000 refusals.
  it('gives reasons without which the call succeeds or fails for another, later one', () => {
    const tally = new Tally()
    fc.assert(
      fc.property(worldSpec, callSpecs(60), (spec, calls) => checkReasons(spec, calls, tally)),
      { numRuns: 30, seed: 1 },
    )
    expect(tally.refusals).toBeGreaterThan(200)
    expect(tally.checks).toEqual(
      expect.arrayContaining(['capability', 'dac', 'hook', 'immutable', 'kill', 'limit', 'mount', 'session']),
    )
  })
})
