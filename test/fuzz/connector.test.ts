/** A short run of the fuzzer of the connector; `npm run fuzz:connector` makes longer ones. */
import { describe, expect, it } from 'vitest'
import { connectorRound } from './connector.js'

describe('messages to the connector that nobody should send', () => {
  it('reach the callbacks that the rules say, and disturb nobody else', () => {
    for (let seed = 1; seed <= 12; seed++) expect(connectorRound(seed, 800).messages).toBe(800)
  })

  it('a round repeats itself', () => {
    expect(connectorRound(77, 400)).toEqual(connectorRound(77, 400))
  })
})
