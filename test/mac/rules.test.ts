/** Every rule of the reference has a test whose name begins with its number, and every option has one that is about it. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

/** Where the numbers of linux-2.2-era section 2.3 begin and end: those between are gaps. */
const NUMBERS: readonly (readonly [first: number, last: number])[] = [
  [1, 12],
  [20, 27],
  [30, 53],
  [60, 63],
]
const SKETCH_LINES = 6

/** Rules whose outcome an option changes: a test of such a number speaks of the option's values. */
const VARIANTS: readonly (readonly [rule: string, word: string])[] = [
  ['MAC-25', 'sealed'],
  ['MAC-26', 'initVisible'],
  ['MAC-27', 'strictBiba'],
  ['MAC-34', 'revocation'],
  ['MAC-36', 'insmod'],
  ['MAC-46', 'sharedPortSpace'],
  ['MAC-62', "'boot'"],
  ['MAC-62', "'insmod'"],
  ['MAC-62', "'none'"],
  ['§3.2', 'lowWatermark'],
]

const folder = new URL('./', import.meta.url)
const texts = readdirSync(folder)
  .filter((name) => name.endsWith('.test.ts') && name !== 'rules.test.ts')
  .map((name) => readFileSync(new URL(name, folder), 'utf8'))

/** Tests with their names; the text of one ends where the next begins. */
const tests = texts.flatMap((text) => {
  const starts = [...text.matchAll(/^ *it(?:\.each.*)?\(/gm)].map(({ index }) => index)
  return starts.map((start, i) => {
    const body = text.slice(start, starts[i + 1])
    const name = /(['"`])((?:(?!\1).)*)\1,\s*(?:async )?\(/.exec(body)?.[2] ?? ''
    return { name, body }
  })
})

/** What a name begins with: 'MAC-47, MAC-48, sketch 5: …' is three. */
const numbersOf = (name: string): string[] =>
  /^((?:MAC-\d+|sketch [^,:]+|§[\d.]+)(?:, )?)+/.exec(name)?.[0].split(', ') ?? []

const covered = new Set(tests.flatMap(({ name }) => numbersOf(name)))

describe('the tests of MAC', () => {
  it.each(NUMBERS)('name every rule from %i to %i', (first, last) => {
    const missing: string[] = []
    for (let n = first; n <= last; n++) if (!covered.has(`MAC-${n}`)) missing.push(`MAC-${n}`)
    expect(missing).toEqual([])
  })

  it('name every line of the sketch', () => {
    const lines = tests.flatMap(({ name }) =>
      [...name.matchAll(/sketch (\d)/g)].map(([, line]) => Number(line)),
    )
    expect([...new Set(lines)].sort()).toEqual(Array.from({ length: SKETCH_LINES }, (_, i) => i + 1))
  })

  it.each(VARIANTS)('%s: there is one of %s', (rule, word) => {
    const about = tests.filter(({ name, body }) => numbersOf(name).includes(rule) && body.includes(word))
    expect(about.map(({ name }) => name)).not.toEqual([])
  })

  it('speak of no rule that there is not', () => {
    const known = (n: number): boolean => NUMBERS.some(([first, last]) => n >= first && n <= last)
    const strange = [...covered].filter((text) => text.startsWith('MAC-') && !known(Number(text.slice(4))))
    expect(strange).toEqual([])
  })
})
