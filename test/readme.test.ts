/** Every program in README.md and CONTRIBUTING.md runs, and every `// -> value` in them holds. */
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import pkg from '../package.json' with { type: 'json' }
import { type Block, codeBlocks, instrument, printedLines, programs } from '../scripts/readme.js'
import { main as conformance } from './conformance/cli.js'
import { runProgram } from './helpers/run_program.js'

const root = new URL('../', import.meta.url)
const readme = readFileSync(new URL('README.md', root), 'utf8')
const contributing = readFileSync(new URL('CONTRIBUTING.md', root), 'utf8')

const run = (name: string, block: Block, page = 'README.md'): Promise<number> => runProgram(page, name, block)

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

describe('README.md', () => {
  const blocks = programs(readme)

  it('starts with a program', () => {
    expect(blocks.length).toBeGreaterThan(0)
    expect(instrument(blocks[0] as Block).claims).toBeGreaterThan(0)
  })

  it.each(blocks.map((block) => [block.line, block] as const))('program at line %i', async (line, block) => {
    expect(await run(`line-${line}`, block)).toBe(instrument(block).claims)
  })

  it('imports only what the package exports, and its optional peer', () => {
    const subpaths = new Set(Object.keys(pkg.exports).map((path) => path.replace(/^\./, 'paleokernel')))
    for (const peer of Object.keys(pkg.peerDependencies)) subpaths.add(peer)
    const imported = blocks.flatMap((block) =>
      [...block.code.matchAll(/from '([^']+)'/g)].map((match) => match[1]),
    )
    expect(imported.filter((name) => name === undefined || !subpaths.has(name))).toEqual([])
  })

  it('has exactly two set-up commands', () => {
    const shell = codeBlocks(readme).filter((block) => block.language === 'sh')
    const setUp = shell
      .flatMap((block) => block.code.split('\n'))
      .filter((line) => /\bnpm (ci|i|install)\b/.test(line))
    expect(setUp.map((line) => line.replace(/\s*#.*/, ''))).toEqual([
      'npm ci && npm run demo',
      'npm ci && npm test',
    ])
  })
})

describe('the web server of README.md', () => {
  const example = readFileSync(new URL('examples/webserver.ts', root), 'utf8')
  const quoted = (/\/\/ quoted\n(.*?) *\/\/ end\n/s.exec(example)?.[1] ?? '').replaceAll(/^ {2}/gm, '')

  it('is the one of examples/webserver.ts, whose program has ten lines', () => {
    expect(readme).toContain(`\n${quoted}`)
    const program = /^ {2}\*program\(sys\) \{\n.*?^ {2}\},\n/ms.exec(quoted)?.[0] ?? ''
    expect(program.split('\n').filter((line) => line !== '')).toHaveLength(10)
  })
})

describe('the conformance figures of README.md', () => {
  const rows = [...readme.matchAll(/^\| (\S+) +\| (\S+) +\| `(scripts=.*)` +\|$/gm)].map((row) =>
    row.slice(1, 4),
  )

  it('are there', () => {
    expect(rows.length).toBe(3)
  })

  it.each(rows)(
    'profile %s against Linux %s: %s',
    { timeout: 120_000 },
    (profile = '', recorded = '', figures = '') => {
      const lines: string[] = []
      const file = `test/data/recordings/linux-${recorded}.jsonl.gz`
      conformance(['--profile', profile, new URL(file, root).pathname], (line) => lines.push(line))
      expect(lines.at(-1)).toBe(figures)
    },
  )
})

describe('CONTRIBUTING.md', () => {
  const blocks = programs(contributing)

  it.each(blocks.map((block) => [block.line, block] as const))('program at line %i', async (line, block) => {
    const { claims } = instrument(block)
    expect(claims).toBeGreaterThan(0)
    expect(await run(`contributing-${line}`, block, 'CONTRIBUTING.md')).toBe(claims)
  })
})

describe('the claim checker', () => {
  const block = (code: string): Block => ({ language: 'ts', line: 1, code })

  it.each([
    ['an expression', '1 + 1 // -> 2'],
    ['a variable', 'const n = 1 + 1 // -> 2'],
    ['a printed line', "console.log('a', 2) // -> a 2"],
    ['an object, in a function', 'const f = () => {\n  ({ a: [1] }) // -> { a: [1] }\n}\nf()'],
  ])('accepts %s', async (name, code) => {
    expect(await run(`good-${name.replaceAll(' ', '-')}`, block(code))).toBe(1)
  })

  it.each([
    ['an expression', '1 + 1 // -> 3'],
    ['a variable', 'const n = 1 + 1 // -> 3'],
    ['a printed line', "console.log('a', 2) // -> a 3"],
  ])('refuses %s that is wrong', async (name, code) => {
    await expect(run(`bad-${name.replaceAll(' ', '-')}`, block(code))).rejects.toThrow('README.md:1')
  })

  it('refuses a claim about nothing', () => {
    expect(() => instrument(block('// -> 3\n'))).toThrow('belong to no statement')
  })

  it('finds blocks and what they print', () => {
    const text = 'a\n```ts\nconsole.log(1) // -> 1\n```\n```sh\nls\n```\n'
    expect(codeBlocks(text).map(({ language, line }) => [language, line])).toEqual([
      ['ts', 3],
      ['sh', 6],
    ])
    expect(programs(text).flatMap(printedLines)).toEqual(['1'])
    expect(() => codeBlocks('```ts\n1')).toThrow('never closed')
  })
})
