/** A short run of the fuzzer; `npm run fuzz` makes longer ones. */
import { describe, expect, it } from 'vitest'
import { fuzz } from './fuzzer.js'

describe('the fuzzer', () => {
  it('finds nothing in 30 000 calls', () => {
    const { calls, failure } = fuzz({ calls: 30_000, seed: 20_260_101, recount: 100 })
    expect(failure).toBeNull()
    expect(calls).toBeGreaterThanOrEqual(30_000)
  }, 120_000)
})
