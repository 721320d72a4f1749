/** Runs a program that stands in a page, and checks what the page says of it. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { format } from 'node:util'
import { expect, vi } from 'vitest'
import { type Block, instrument } from '../../scripts/readme.js'

const cache = new URL('../../node_modules/.cache/readme/', import.meta.url)

/**
 * Runs one block of `page`; returns how many of its `// -> value` were checked. One that does not hold throws. `name` is
 * for the file that it becomes. The caller restores mocks and globals afterwards.
 */
export async function runProgram(page: string, name: string, block: Block): Promise<number> {
  let checked = 0
  const printed: string[] = []
  vi.spyOn(console, 'log').mockImplementation((...args) => {
    printed.push(...format(...args).split('\n'))
  })
  vi.stubGlobal('__claim', (line: number, actual: unknown, expected: unknown) => {
    checked += 1
    expect(actual, `${page}:${line}`).toEqual(expected)
    return actual
  })
  vi.stubGlobal('__printed', (line: number, expected: string) => {
    checked += 1
    expect(printed.at(-1), `${page}:${line}`).toBe(expected)
  })
  mkdirSync(cache, { recursive: true })
  const file = new URL(`${name}.ts`, cache)
  writeFileSync(file, instrument(block).code)
  await import(/* @vite-ignore */ file.pathname)
  return checked
}
