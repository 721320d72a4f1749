/** Every program in the pages of docs/ runs, and every `// -> value` in them holds. */
import { readdirSync, readFileSync } from 'node:fs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Block, instrument, programs } from '../scripts/readme.js'
import { runProgram } from './helpers/run_program.js'

const docs = new URL('../docs/', import.meta.url)
const pages = readdirSync(docs).filter((name) => name.endsWith('.md'))
const blocksOf = (page: string): Block[] => programs(readFileSync(new URL(page, docs), 'utf8'))

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

describe.each(pages.filter((page) => blocksOf(page).length > 0))('docs/%s', (page) => {
  it.each(blocksOf(page).map((block) => [block.line, block] as const))(
    'program at line %i',
    async (line, block) => {
      const { claims } = instrument(block)
      expect(claims).toBeGreaterThan(0)
      expect(await runProgram(`docs/${page}`, `${page}-line-${line}`, block)).toBe(claims)
    },
  )
})

it('most pages have programs', () => {
  expect(pages.filter((page) => blocksOf(page).length > 0).length).toBeGreaterThan(pages.length / 2)
})
