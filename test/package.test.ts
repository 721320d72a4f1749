/** package.json keeps one list of entry points; the exports map and the folders agree with it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import pkg from '../package.json' with { type: 'json' }
import { exportsOf, subpathOf } from '../scripts/exports.js'
import { LAYERS } from './helpers/source-rules.js'

const root = new URL('../', import.meta.url)
const entries: Record<string, string> = pkg.tsup.entry

describe('package.json', () => {
  it('exports what is built (run `npm run exports` after adding an entry)', () => {
    expect(pkg.exports).toEqual(exportsOf(entries))
  })

  it('names an entry after its folder', () => {
    for (const [name, file] of Object.entries(entries)) {
      expect(file).toBe(name === 'index' ? 'src/index.ts' : `src/${name}/index.ts`)
      expect(existsSync(new URL(file, root))).toBe(true)
    }
  })

  it('has an entry for every module folder', () => {
    const folders = readdirSync(new URL('src/', root), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && existsSync(new URL(`src/${entry.name}/index.ts`, root)))
      .map((entry) => entry.name)
    const core = LAYERS.flat()
    const modules = folders.filter((name) => !core.includes(name) && name !== 'userland')
    expect(modules.filter((name) => !(name in entries))).toEqual([])
  })

  it('depends on eventemitter3 alone', () => {
    expect(Object.keys(pkg.dependencies)).toEqual(['eventemitter3'])
  })

  it('is ESM without side effects', () => {
    expect(pkg.type).toBe('module')
    expect(pkg.sideEffects).toBe(false)
  })

  it('has a lock file that records every platform of a native dependency', () => {
    const lock = JSON.parse(readFileSync(new URL('package-lock.json', root), 'utf8'))
    const packages: Record<string, { optionalDependencies?: Record<string, string> }> = lock.packages
    const present = new Set(
      Object.keys(packages).map((path) => path.slice(path.lastIndexOf('node_modules/') + 13)),
    )
    const wanted = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}))
    expect(wanted.filter((name) => !present.has(name))).toEqual([])
  })
})

describe('exportsOf', () => {
  it('maps index to the package root and a module to its subpath', () => {
    expect(subpathOf('index')).toBe('.')
    expect(exportsOf({ index: 'src/index.ts', mac: 'src/mac/index.ts' })).toEqual({
      '.': { types: './dist/index.d.ts', import: './dist/index.js' },
      './mac': { types: './dist/mac.d.ts', import: './dist/mac.js' },
      './package.json': './package.json',
    })
  })
})
