/**
 * One run of the benchmark: every row with every contestant, then growth and memory, then the goals.
 */

import { statfsSync } from 'node:fs'
import type { createKernel } from 'paleokernel'
import { COMPARISONS } from './comparisons.js'
import { type Extras, type Goal, type Growth, judge, type Measured, type Result } from './goals.js'
import { families } from './growth.js'
import { type Case, compare, type Remote } from './measure.js'
import type { nodeLikeCases } from './node_like.js'
import { type Cases, ourCases } from './ours.js'
import { hostKernel, memfs, nodefs, type Peer, removeFolder, scratchFolder, zenfs } from './peers.js'
import { type Plan, TINY } from './plan.js'
import { profileOf } from './profile.js'
import type { RowFigures } from './report.js'
import { IMPLEMENTATIONS, type Implementation, ROWS, type Row, type RowId } from './rows.js'
import { walkCosts } from './sharing.js'
import { idleTracing } from './tracing.js'

/** What to measure. */
export interface SessionOptions {
  readonly plan: Plan
  /** Rows (and growth families) whose id or title matches. */
  readonly rows: RegExp
  readonly only: readonly Implementation[]
  readonly hasGoals: boolean
  /** The path of host.c. */
  readonly hostSource: string
  /** A copy of node_like.ts of its own for each peer. */
  readonly loadNodeLike: (name: string) => Promise<typeof nodeLikeCases>
  /** A fresh copy of the library, and one built without tests of trace flags; null where there is none. */
  readonly builds: { readonly traced: typeof createKernel; readonly untraced: typeof createKernel } | null
  /** Gzipped bytes of the bundle, where known. */
  readonly bundle: number | undefined
  /** Look for where the time goes, instead of measuring it. */
  readonly profiles: boolean
  readonly progress: (text: string) => void
}

/** What came out. */
export interface Session {
  readonly rows: readonly RowFigures[]
  readonly measured: readonly Measured[]
  readonly growth: readonly RowFigures[]
  /** One operation in several ways each. */
  readonly comparisons: readonly RowFigures[]
  readonly tracing: ReturnType<typeof idleTracing> | null
  /** A walk by pointers and through the tables of a lazy copy. */
  readonly walks: ReturnType<typeof walkCosts> | null
  /** One text per row and family, where they were asked for. */
  readonly profiles: readonly { readonly title: string; readonly text: string }[]
  readonly goals: readonly Goal[]
  readonly scratch: string
  readonly hasHost: boolean
  /** What the JSON holds. */
  readonly results: readonly Result[]
}

type Contestants = ReadonlyMap<Implementation, (id: RowId) => Case | Remote | null>

const fromCases =
  (cases: Cases) =>
  (id: RowId): Case | null =>
    cases[id]?.() ?? null

const matches = (pattern: RegExp, { id, title }: { readonly id: string; readonly title: string }): boolean =>
  pattern.test(id) || pattern.test(title)

async function contestants(options: SessionOptions, plan: Plan, folder: string): Promise<Contestants> {
  const { only, loadNodeLike } = options
  const list = new Map<Implementation, (id: RowId) => Case | Remote | null>()
  const peer = async (name: Implementation, make: () => Peer): Promise<void> => {
    if (!only.includes(name)) return
    const cases = await loadNodeLike(name)
    const { fs, options: particulars } = make()
    list.set(name, fromCases(cases(fs, particulars, plan)))
  }
  if (only.includes('ours')) list.set('ours', fromCases(ourCases(plan)))
  await peer('memfs', () => memfs(plan))
  await peer('zenfs', () => zenfs(plan))
  await peer('nodefs', nodefs)
  const host = only.includes('host') ? hostKernel(options.hostSource, folder, plan) : null
  if (host !== null) list.set('host', host)
  return list
}

/** Runs one row. A contestant's preparation happens here too, so that a row left out costs nothing. */
function runRow(row: Row & { readonly id: RowId }, all: Contestants, plan: Plan): RowFigures {
  const playing = new Map<string, Case | Remote>()
  for (const [name, find] of all) {
    const play = find(row.id)
    if (play !== null) playing.set(name, play)
  }
  return { ...row, figures: compare(playing, plan) }
}

const rounded = (value: number | undefined): number | null =>
  value === undefined ? null : Number(value.toPrecision(6))

function resultOf({ title, unit, figures }: RowFigures): Result {
  const of = (name: Implementation): number | null => rounded(figures.get(name)?.value)
  return {
    row: title,
    unit,
    ours: of('ours'),
    memfs: of('memfs'),
    zenfs: of('zenfs'),
    nodefs: of('nodefs'),
    host: of('host'),
  }
}

const only = (row: string, unit: string, ours: number): Result => ({
  row,
  unit,
  ours: rounded(ours),
  memfs: null,
  zenfs: null,
  nodefs: null,
  host: null,
})

/** A folder for real files, and the working directory in it, for as long as `body` takes. */
async function inScratchFolder<T>(body: (path: string, isTmpfs: boolean) => Promise<T>): Promise<T> {
  const { path, isTmpfs } = scratchFolder()
  const home = process.cwd()
  process.chdir(path)
  try {
    return await body(path, isTmpfs)
  } finally {
    process.chdir(home)
    removeFolder(path)
  }
}

/** Runs everything asked for. */
export async function runSession(options: SessionOptions): Promise<Session> {
  const { plan, progress } = options
  const wanted = ROWS.filter((row) => matches(options.rows, row))
  // Every row once, small: a call is compiled with what all rows have shown of it, not with the first one alone.
  await inScratchFolder(async (path) => {
    const all = await contestants(
      { ...options, only: options.only.filter((name) => name !== 'host') },
      TINY,
      path,
    )
    for (const row of ROWS) runRow(row, all, TINY)
  })
  const profiles = options.profiles ? profileAll(options, wanted) : []
  if (options.profiles) wanted.length = 0
  const { rows, hasHost, scratch } = await inScratchFolder(async (path, isTmpfs) => {
    const all = await contestants(options, plan, path)
    const done: RowFigures[] = []
    // Large directories come last: while they are there, every collection has to look at them.
    const later = wanted.filter(({ id }) => id.startsWith('dir-'))
    for (const row of [...wanted.filter((one) => !later.includes(one)), ...later]) {
      progress(row.title)
      done.push(runRow(row, all, plan))
    }
    done.sort((a, b) => ROWS.findIndex(({ id }) => id === a.id) - ROWS.findIndex(({ id }) => id === b.id))
    const kind = isTmpfs ? 'tmpfs' : `type 0x${statfsSync(path).type.toString(16)}`
    return { rows: done, hasHost: all.has('host'), scratch: `${path.replace(/[^/]*$/, '')} (${kind})` }
  })
  const growth = options.hasGoals && !options.profiles ? runFamilies(options) : []
  const comparisons = options.profiles ? [] : runComparisons(options)
  const tracing = runTracing(options)
  const walks = growth.some(({ id }) => id === 'grow-fork') ? walkCosts(plan) : null
  const found = { rows, growth, comparisons, tracing, walks, profiles, hasHost, scratch }
  return { ...found, ...conclude(rows, growth, comparisons, tracing, options) }
}

/** Milliseconds that a row is sampled. */
const SAMPLED = 1500

/** Where the time of this library goes, by row, and of the families (at their largest) with --goals. */
function profileAll({ plan, rows, hasGoals, progress }: SessionOptions, wanted: readonly Row<RowId>[]) {
  const cases = ourCases(plan)
  const list: { title: string; text: string }[] = []
  const add = (title: string, play: Case | undefined): void => {
    if (play?.kind !== 'timed') return
    progress(title)
    list.push({ title, text: profileOf(play, plan, SAMPLED) })
    play.close?.()
  }
  for (const { id, title } of wanted) add(title, cases[id]?.())
  for (const family of hasGoals ? families(plan) : []) {
    const size = family.sizes.at(-1)
    if (matches(rows, family) && family.unit === 'ns' && size !== undefined)
      add(`${family.title} ${size}`, family.make(size))
  }
  return list
}

function runFamilies({ plan, rows, progress }: SessionOptions): RowFigures[] {
  const done: RowFigures[] = []
  for (const family of families(plan)) {
    if (!matches(rows, family)) continue
    progress(family.title)
    const sizes = new Map(family.sizes.map((size) => [String(size), family.make(size)]))
    done.push({ ...family, figures: compare(sizes, plan) })
  }
  return done
}

function runComparisons({ plan, rows, only: wanted, progress }: SessionOptions): RowFigures[] {
  if (!wanted.includes('ours')) return []
  return COMPARISONS.filter((comparison) => matches(rows, comparison)).map(({ id, title, ways }) => {
    progress(title)
    const cases = new Map(Object.entries(ways).map(([way, make]) => [way, make()]))
    return { id, title: `${title}:`, unit: 'ns', figures: compare(cases, plan) }
  })
}

function runTracing(options: SessionOptions): Session['tracing'] {
  const { plan, builds, progress } = options
  if (!options.hasGoals || options.profiles || builds === null) return null
  if (!matches(options.rows, { id: 'tracing', title: 'idle tracing' })) return null
  progress('idle tracing')
  return idleTracing(builds.traced, builds.untraced, plan)
}

function conclude(
  rows: readonly RowFigures[],
  growth: readonly RowFigures[],
  comparisons: readonly RowFigures[],
  tracing: Session['tracing'],
  { plan, bundle }: SessionOptions,
): Pick<Session, 'measured' | 'goals' | 'results'> {
  const measured = rows.map((row) => ({
    id: row.id,
    isFs: ROWS.some(({ id, isFs }) => id === row.id && isFs),
    result: resultOf(row),
  }))
  const grown = families(plan)
    .map(({ id, title, sizes, within }): Growth | null => {
      const figures = growth.find((row) => row.id === id)?.figures
      const first = figures?.get(String(sizes[0]))?.value
      const last = figures?.get(String(sizes.at(-1)))?.value
      if (first === undefined || last === undefined || sizes.length < 2) return null
      return { id, title, sizes, within, ratio: last / first }
    })
    .filter((entry): entry is Growth => entry !== null)
  const taskBytes = growth
    .find(({ id }) => id === 'tasks-memory')
    ?.figures.get(String(plan.millionTasks))?.value
  const extras: Extras = {
    growth: grown,
    way: (id, name) => comparisons.find((one) => one.id === id)?.figures.get(name)?.value,
    best: (id, name) => comparisons.find((one) => one.id === id)?.figures.get(name)?.best,
    ...(tracing === null ? {} : { tracing: tracing.share }),
    ...(bundle === undefined ? {} : { bundle }),
    ...(taskBytes === undefined ? {} : { taskBytes }),
  }
  const results = [
    ...measured.map(({ result }) => result),
    ...[...growth, ...comparisons].flatMap(({ title, unit, figures }) =>
      [...figures].map(([size, { value }]) => only(`${title} ${size}`, unit, value)),
    ),
    ...(tracing === null
      ? []
      : [
          only('null syscall, tracing idle', 'ns', tracing.idle.value),
          only('null syscall, built without tracing', 'ns', tracing.none.value),
        ]),
  ]
  return { measured, goals: judge(measured, extras), results }
}

/** Contestants by name; throws for a name that is none. */
export function parseOnly(text: string): readonly Implementation[] {
  return text.split(',').map((word) => {
    const found = IMPLEMENTATIONS.find((name) => name === word)
    if (found === undefined) throw new Error(`--only ${word}: known are ${IMPLEMENTATIONS.join(', ')}`)
    return found
  })
}
