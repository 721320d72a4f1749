/** Every program in docs/world.md runs, and every `// -> value` in it holds. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { format } from 'node:util'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { instrument, programs } from '../../scripts/readme.js'

const root = new URL('../../', import.meta.url)
const cache = new URL('node_modules/.cache/readme/', root)
const blocks = programs(readFileSync(new URL('docs/world.md', root), 'utf8'))

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

describe('docs/world.md', () => {
  it.each(blocks.map((block) => [block.line, block] as const))('program at line %i', async (line, block) => {
    const printed: string[] = []
    let checked = 0
    vi.spyOn(console, 'log').mockImplementation((...args) => {
      printed.push(...format(...args).split('\n'))
    })
    vi.stubGlobal('__claim', (at: number, actual: unknown, expected: unknown) => {
      checked += 1
      expect(actual, `docs/world.md:${at}`).toEqual(expected)
      return actual
    })
    vi.stubGlobal('__printed', (at: number, expected: string) => {
      checked += 1
      expect(printed.at(-1), `docs/world.md:${at}`).toBe(expected)
    })
    const { code, claims } = instrument(block)
    mkdirSync(cache, { recursive: true })
    const file = new URL(`world-line-${line}.ts`, cache)
    writeFileSync(file, code)
    await import(/* @vite-ignore */ file.pathname)
    expect(checked).toBe(claims)
    expect(claims).toBeGreaterThan(0)
  })
})
