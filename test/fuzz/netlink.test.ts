/** A short run of the fuzzer of netlink; npm run fuzz:netlink makes long ones. */
import { expect, it } from 'vitest'
import { netlinkRound } from './netlink.js'

it('messages that nobody should send get the errors of the rules, and disturb nobody (§2, bad input)', () => {
  for (let seed = 1; seed <= 8; seed++) expect(netlinkRound(seed, 1500).messages).toBeGreaterThanOrEqual(1500)
})

it('a seed is one run', () => {
  expect(netlinkRound(99, 500)).toEqual(netlinkRound(99, 500))
})
