/** The benchmark runs: every row with every contestant that has it, at sizes that take no time. Nothing is timed. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { createKernel } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { COMPARISONS } from '../bench/comparisons.js'
import { judge, type Measured, type Result } from '../bench/goals.js'
import { families } from '../bench/growth.js'
import { geometricMean, quantile } from '../bench/measure.js'
import { nodeLikeCases } from '../bench/node_like.js'
import { TINY } from '../bench/plan.js'
import { goalTable, growthTable, rowTable, show } from '../bench/report.js'
import { IMPLEMENTATIONS, ROWS } from '../bench/rows.js'
import { parseOnly, runSession, type Session } from '../bench/session.js'

const hasCompiler = ['cc', 'gcc', 'clang'].some((name) => spawnSync(name, ['--version']).status === 0)

const run = (): Promise<Session> =>
  runSession({
    plan: TINY,
    rows: /./,
    only: IMPLEMENTATIONS,
    hasGoals: true,
    hostSource: fileURLToPath(new URL('../bench/host.c', import.meta.url)),
    loadNodeLike: async () => nodeLikeCases,
    builds: { traced: createKernel, untraced: createKernel },
    bundle: 1,
    profiles: false,
    progress: () => {},
  })

/** Rows that C plays, besides those about files. */
const HOST_ROWS: readonly string[] = [
  'null-syscall',
  'pipe-512',
  'pipe-64k',
  'ping-pong',
  'udp-512',
  'tcp-64k',
  'netlink-512',
  'netlink-100',
  'accept',
  'spawn-exit-wait',
]

describe('the benchmark', () => {
  it('plays every row and every growth family, and judges every goal', { timeout: 120_000 }, async () => {
    const home = process.cwd()
    const session = await run()
    expect(process.cwd()).toBe(home)

    const keys = ['row', 'unit', ...IMPLEMENTATIONS]
    const familyRows = families(TINY).flatMap(({ sizes }) => sizes).length
    const ways = COMPARISONS.flatMap((comparison) => Object.keys(comparison.ways)).length
    expect(session.results).toHaveLength(ROWS.length + familyRows + ways + 2)
    for (const result of session.results) expect(Object.keys(result)).toEqual(keys)

    for (const row of ROWS) {
      const result = session.results.find(({ row: title }) => title === row.title)
      const expected: readonly string[] = row.isFs
        ? IMPLEMENTATIONS
        : row.id === 'bytes-file'
          ? ['ours', 'memfs', 'zenfs']
          : HOST_ROWS.includes(row.id)
            ? ['ours', 'host']
            : ['ours']
      for (const name of IMPLEMENTATIONS) {
        const plays = expected.includes(name) && (name !== 'host' || hasCompiler)
        expect({ row: row.id, name, type: typeof result?.[name] }).toEqual({
          row: row.id,
          name,
          type: plays ? 'number' : 'object',
        })
      }
    }
    expect(session.goals.filter(({ isMet }) => isMet === undefined)).toEqual([])
    expect(rowTable(session.rows, 'value').split('\n')).toHaveLength(ROWS.length + 1)
    expect(growthTable(session.comparisons).split('\n')).toHaveLength(COMPARISONS.length)
    expect(growthTable(session.growth).split('\n')).toHaveLength(families(TINY).length)
    expect(goalTable(session.goals)).toMatch(/^(pass|MISS)/)
  })

  it('leaves out what is not asked for', async () => {
    const session = await runSession({
      plan: TINY,
      rows: /^stat-deep$/,
      only: parseOnly('ours,memfs'),
      hasGoals: false,
      hostSource: '',
      loadNodeLike: async () => nodeLikeCases,
      builds: null,
      bundle: undefined,
      profiles: false,
      progress: () => {},
    })
    expect(session.results.map(({ row, nodefs }) => [row, nodefs])).toEqual([['stat of a 5-deep path', null]])
    expect(session.results[0]?.memfs).toBeTypeOf('number')
  })

  it('names the contestants it does not know', () => {
    expect(() => parseOnly('ours,ext4')).toThrow(/--only ext4: known are ours, memfs/)
  })
})

describe('the goals', () => {
  const row = (id: string, isFs: boolean, figures: Partial<Result>): Measured => ({
    id,
    isFs,
    result: { row: id, unit: 'ns', ours: 1, memfs: null, zenfs: null, nodefs: null, host: null, ...figures },
  })
  const verdicts = (measured: readonly Measured[]): Record<string, boolean | undefined> =>
    Object.fromEntries(judge(measured, { growth: [] }).map(({ goal, isMet }) => [goal, isMet]))

  it('take means over file-system rows that both have', () => {
    const found = verdicts([
      row('stat-deep', true, { memfs: 5, nodefs: 4 }),
      row('open-close', true, { memfs: 25, nodefs: null }),
      row('null-syscall', false, { memfs: 1000, host: 0.5 }),
    ])
    expect(found['geometric mean over the file-system rows against memfs']).toBe(true)
    expect(found['geometric mean over the file-system rows against node:fs']).toBe(false)
    expect(found['createKernel()']).toBeUndefined()
    expect(found['null syscall, stat, open+close, pipe, spawn+exit+wait against the host kernel in C']).toBe(
      false,
    )
  })

  it('allow the first-touch write, and nothing else, half the speed of node:fs', () => {
    const goal = 'every file-system row against node:fs'
    expect(verdicts([row('sequential-write-64k', true, { nodefs: 0.6 })])[goal]).toBe(true)
    expect(verdicts([row('sequential-write-64k', true, { nodefs: 0.4 })])[goal]).toBe(false)
    expect(verdicts([row('stat-deep', true, { nodefs: 0.6 })])[goal]).toBe(false)
  })
})

describe('the arithmetic', () => {
  it('has medians between neighbours and geometric means', () => {
    expect(quantile([3, 1, 2], 0.5)).toBe(2)
    expect(quantile([4, 1, 2, 3], 0.5)).toBe(2.5)
    expect(geometricMean([1, 100])).toBeCloseTo(10)
  })

  it('shows three digits', () => {
    expect([7.254, 83.14, 412, 5432, 1.5e6].map((ns) => show(ns, 'ns'))).toEqual([
      '7.25 ns',
      '83.1 ns',
      '412 ns',
      '5.43 us',
      '1.50 ms',
    ])
    expect(show(undefined, 'ns')).toBe('-')
  })
})
