/** What is not passed in costs nothing: bundled programs carry no byte of a module that they do not name. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import pkg from '../package.json' with { type: 'json' }
import { PROGRAMS, sizeOf } from '../scripts/sizes.js'

const table = readFileSync(new URL('../docs/sizes.md', import.meta.url), 'utf8')

/** How far docs/sizes.md may be behind. */
const DRIFT = 0.1

describe('bundled for a browser', () => {
  it.each(PROGRAMS.map((program) => [program.name, program] as const))(
    '%s carries nothing else, and weighs what docs/sizes.md says (npm run sizes -- --write)',
    async (name, program) => {
      const { stray, gzipped } = await sizeOf(program)
      expect(stray).toEqual([])
      const row = new RegExp(`^\\| ${name} +\\| +[\\d.]+ \\| +([\\d.]+) \\|$`, 'm').exec(table)
      const kept = Number(row?.[1]) * 1000
      expect(Math.abs(gzipped - kept) / kept).toBeLessThan(DRIFT)
    },
  )

  it('has a program for every entry', () => {
    const names = Object.keys(pkg.tsup.entry).filter((name) => name !== 'index')
    expect(PROGRAMS.map(({ name }) => name).filter((name) => name !== 'createKernel')).toEqual(names)
  })

  it('finds what should not be carried', async () => {
    const program = PROGRAMS.find(({ name }) => name === 'sockfs')
    if (program === undefined) throw new Error('there is no such program')
    const { stray } = await sizeOf({ ...program, carries: ['net'] })
    expect(stray.some((line) => line.startsWith('src/sockfs/'))).toBe(true)
    expect(stray.every((line) => line.startsWith('src/sockfs/'))).toBe(true)
  })
})
