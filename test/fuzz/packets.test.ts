/** A short run of the fuzzer of packets; `npm run fuzz:packets` makes longer ones. */
import { describe, expect, it } from 'vitest'
import { packetRound } from './packets.js'

describe('frames that nobody should send', () => {
  it('do no harm: nothing throws, nothing is left, all is counted, and the hosts can still talk', () => {
    for (let seed = 1; seed <= 6; seed++) expect(packetRound(seed, 1500).frames).toBeGreaterThanOrEqual(1500)
  })

  it('a round repeats itself', () => {
    expect(packetRound(77, 800)).toEqual(packetRound(77, 800))
  })
})
