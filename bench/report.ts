/**
 * The figures as text.
 */

import { cpus, release, totalmem, type } from 'node:os'
import { type Goal, type Measured, meanRatio } from './goals.js'
import type { Figure } from './measure.js'
import { IMPLEMENTATIONS, type Implementation } from './rows.js'

/** The figures of one row, by contestant (or by size). */
export interface RowFigures {
  readonly id: string
  readonly title: string
  readonly unit: 'ns' | 'B'
  readonly figures: ReadonlyMap<string, Figure>
}

/** The machine, one fact a line. */
export function describeMachine(load: number, scratch: string, hasHost: boolean): string {
  const [cpu] = cpus()
  return [
    `cpu      ${cpu?.model ?? 'unknown'}, ${cpus().length} processors, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    `load     ${load.toFixed(1)} processes wanted a processor when the run began`,
    `kernel   ${type()} ${release()}`,
    `node     ${process.version}, V8 ${process.versions.v8}`,
    `files    ${scratch}`,
    `host     ${hasHost ? 'the kernel above, called from C' : 'not measured'}`,
  ].join('\n')
}

/** Three digits that count: 7.25 ns, 83.1 us, 5.43 ms, 412 B. */
export function show(value: number | undefined, unit: 'ns' | 'B'): string {
  if (value === undefined || Number.isNaN(value)) return '-'
  if (unit === 'B') return `${Math.round(value)} B`
  const [scaled, name] = value < 1e3 ? [value, 'ns'] : value < 1e6 ? [value / 1e3, 'us'] : [value / 1e6, 'ms']
  return `${scaled.toFixed(scaled < 10 ? 2 : scaled < 100 ? 1 : 0)} ${name}`
}

const showRatio = (theirs: number | undefined, ours: number | undefined): string =>
  theirs === undefined || ours === undefined ? '-' : `${(theirs / ours).toFixed(theirs / ours < 10 ? 2 : 0)}x`

/** Lines of equal columns; the first to the left, the others to the right. */
export function columns(lines: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const line of lines)
    line.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length)
    })
  return lines
    .map((line) =>
      line
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

const NAMES: Readonly<Record<Implementation, string>> = {
  ours: 'ours',
  memfs: 'memfs',
  zenfs: 'zenfs',
  nodefs: 'node:fs',
  host: 'host C',
}

const OTHERS = IMPLEMENTATIONS.filter((name) => name !== 'ours')

/**
 * A table of the rows, with how often ours fits into each of the others; then the best of ours' rounds and half the
 * distance between their quartiles, both of processor time.
 */
export function rowTable(rows: readonly RowFigures[], clock: 'value' | 'wall'): string {
  const head = [
    clock === 'value' ? 'processor time, medians' : 'elapsed time, medians',
    ...IMPLEMENTATIONS.map((name) => NAMES[name]),
    ...OTHERS.map((name) => `/${NAMES[name]}`),
    'best',
    '+-',
  ]
  const lines = rows.map(({ title, unit, figures }) => [
    title,
    ...IMPLEMENTATIONS.map((name) => show(figures.get(name)?.[clock], unit)),
    ...OTHERS.map((name) => showRatio(figures.get(name)?.[clock], figures.get('ours')?.[clock])),
    show(figures.get('ours')?.best, unit),
    `${Math.round((figures.get('ours')?.spread ?? 0) * 100)} %`,
  ])
  return columns([head, ...lines])
}

/** The geometric means over the file-system rows, one line. */
export function meansLine(measured: readonly Measured[]): string {
  const parts = OTHERS.map((name) => ({ name, mean: meanRatio(measured, name) }))
    .filter(({ mean }) => !Number.isNaN(mean))
    .map(({ name, mean }) => `${mean.toFixed(1)}x ${NAMES[name]}`)
  return parts.length === 0 ? '' : `geometric mean over the file-system rows: ${parts.join(', ')}`
}

/** One line per family: the figure at each size, and the last to the first. */
export function growthTable(rows: readonly RowFigures[]): string {
  return rows
    .map(({ title, unit, figures }) => {
      const list = [...figures].map(([size, figure]) => `${size}: ${show(figure.value, unit)}`)
      const values = [...figures.values()].map(({ value }) => value)
      const ratio = values.length < 2 ? '' : `   ${showRatio(values.at(-1), values[0])}`
      return `${title} ${list.join('   ')}${ratio}`
    })
    .join('\n')
}

/** The goals, with verdicts. */
export function goalTable(goals: readonly Goal[]): string {
  const lines = goals.map(({ goal, wanted, found, isMet }) => [
    isMet === undefined ? '?' : isMet ? 'pass' : 'MISS',
    `${goal}: ${found} (${wanted})`,
  ])
  return lines.map(([verdict, text]) => `${String(verdict).padEnd(5)} ${text}`).join('\n')
}

const BEGIN = '<!-- figures, written by: npm run bench -- --goals --markdown docs/performance.md -->'
const END = '<!-- end of the figures -->'

/** A page with the figures between its two marks replaced. Throws when it has no marks. */
export function withFigures(page: string, sections: readonly string[]): string {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`the page lacks '${BEGIN}' … '${END}'`)
  const blocks = sections.map((text) => `\`\`\`text\n${text}\n\`\`\``)
  return `${page.slice(0, begin + BEGIN.length)}\n\n${blocks.join('\n\n')}\n\n${page.slice(end)}`
}
