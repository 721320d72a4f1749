/** Every program in docs/net.md runs, and every `// -> value` in it holds. */
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { instrument, programs } from '../../scripts/readme.js'
import { runProgram } from '../helpers/run_program.js'

const page = readFileSync(new URL('../../docs/net.md', import.meta.url), 'utf8')

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

describe('docs/net.md', () => {
  it.each(programs(page).map((block) => [block.line, block] as const))(
    'program at line %i',
    async (line, block) => {
      const { claims } = instrument(block)
      expect(claims).toBeGreaterThan(0)
      expect(await runProgram('docs/net.md', `net-line-${line}`, block)).toBe(claims)
    },
  )
})
