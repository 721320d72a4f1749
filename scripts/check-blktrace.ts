/**
 * npm run blktrace -- [--steps N] [--seed S] [--keep FOLDER]
 *
 * Runs busy disks, exports what blktrace() has of them, has blkparse and btt (Debian: package blktrace) read it, and
 * compares the numbers of queued, merged, dispatched and completed requests with those that the model has counted. Exit
 * status: 0 when all agree, or when the tools are not here, which it says; 1 when something differs.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { parseBlkTrace } from 'paleokernel/block'
import { busyDisks, type Counts, type Pair } from '../test/block/busy.js'

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '300' },
    seed: { type: 'string', default: '1' },
    keep: { type: 'string' },
  },
})

const print = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

const missing = ['blkparse', 'btt'].filter((tool) => spawnSync(tool, ['-V']).error !== undefined)

/** A tool's output, with plain numbers. */
const run = (tool: string, args: readonly string[], cwd: string): string =>
  execFileSync(tool, args, {
    cwd,
    env: { ...process.env, LC_ALL: 'C' },
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })

type Row = readonly [what: string, ours: number, theirs: number]

const sum = ([a, b]: Pair): number => a + b

/** 'Reads Queued:  8,  8KiB  Writes Queued: …' of blkparse's summary. -1: there is no such line. */
function summary(text: string, what: string): number {
  const [, count] = new RegExp(`${what}:\\s+(\\d+)`).exec(text) ?? []
  return Number(count ?? -1)
}

function blkparseRows(text: string, { queued, merged, dispatched, completed, unplugs }: Counts): Row[] {
  const both = (name: string, [reads, writes]: Pair, first: string, second: string): Row[] => [
    [`${name} R`, reads, summary(text, first)],
    [`${name} W`, writes, summary(text, second)],
  ]
  return [
    ...both('queued', queued, 'Reads Queued', 'Writes Queued'),
    ...both('merged', merged, 'Read Merges', 'Write Merges'),
    ...both('dispatched', dispatched, 'Read Dispatches', 'Write Dispatches'),
    ...both('completed', completed, 'Reads Completed', 'Writes Completed'),
    ['unplugs', unplugs.wait, summary(text, 'IO unplugs')],
    ['timer unplugs', unplugs.timer, summary(text, 'Timer unplugs')],
  ]
}

/** The lines of blkparse by letter, and those that failed. */
function lineRows(text: string, counts: Counts): Row[] {
  const letters = new Map<string, number>()
  let failed = 0
  for (const line of text.split('\n')) {
    const fields = line.trim().split(/\s+/)
    const letter = /^\d+,\d+$/.test(fields[0] ?? '') ? (fields[5] ?? '') : ''
    letters.set(letter, (letters.get(letter) ?? 0) + 1)
    if (letter === 'C' && !line.endsWith('[0]')) failed++
  }
  const lines = (...wanted: string[]): number =>
    wanted.reduce((all, letter) => all + (letters.get(letter) ?? 0), 0)
  return [
    ['lines Q', sum(counts.queued), lines('Q')],
    ['lines M, F', sum(counts.merged), lines('M', 'F')],
    ['lines G', sum(counts.slots), lines('G')],
    ['lines I', sum(counts.slots), lines('I')],
    ['lines D', sum(counts.dispatched), lines('D')],
    ['lines C', sum(counts.completed), lines('C')],
    ['lines C failed', sum(counts.failed), failed],
  ]
}

/** The number of cases in a line of btt's first table: 'Q2C  min  avg  max  N'. */
function cases(text: string, what: string): number {
  const [, count] = new RegExp(`^${what}\\s+[\\d.]+\\s+[\\d.]+\\s+[\\d.]+\\s+(\\d+)$`, 'm').exec(text) ?? []
  return Number(count ?? 0)
}

function bttRows(text: string, { queued, merged, slots, dispatched, dispatchedSectors }: Counts): Row[] {
  const section = text.slice(text.indexOf('Device Merge Information'))
  const [, q = '-1', d = '-1', total = '-1'] =
    /\(\s*\d+,\s*\d+\) \|\s+(\d+)\s+(\d+)\s+[\d.]+ \|\s+\d+\s+\d+\s+\d+\s+(\d+)/.exec(section) ?? []
  return [
    ['btt #Q', sum(queued), Number(q)],
    ['btt #D', sum(dispatched), Number(d)],
    ['btt sectors', sum(dispatchedSectors), Number(total)],
    ['btt Q2M', sum(merged), cases(text, 'Q2M')],
    ['btt Q2G', sum(slots), cases(text, 'Q2G')],
    ['btt Q2C', sum(queued), cases(text, 'Q2C')],
  ]
}

function check(folder: string): number {
  const { k, all } = busyDisks(Number(values.seed), Number(values.steps))
  const files = k.blktrace.files()
  let differences = files.length === all.size ? 0 : 1
  let events = 0
  for (const { name, major, minor, bytes, dropped } of files) {
    const counts = all.get((major << 20) | minor)
    if (counts === undefined) throw new Error(`${name} was not counted`)
    writeFileSync(join(folder, `${name}.blktrace.0`), bytes)
    const { length } = parseBlkTrace(bytes)
    events += length
    const parsed = run('blkparse', ['-i', name, '-d', `${name}.bin`], folder)
    const rows: Row[] = [
      ['dropped', 0, dropped],
      ['skipped', 0, summary(parsed, 'Skips')],
      ['events', length, Number(/Events \(.*\): (\d+) entries/.exec(parsed)?.[1] ?? -1) + names(bytes)],
      ...blkparseRows(parsed, counts),
      ...lineRows(parsed, counts),
      ...bttRows(run('btt', ['-i', `${name}.bin`], folder), counts),
    ]
    print(`\n${name}: ${length} events`)
    for (const [what, ours, theirs] of rows) {
      const verdict = ours === theirs ? '' : '   DIFFERENT'
      print(`  ${what.padEnd(16)} ${String(ours).padStart(8)} ${String(theirs).padStart(8)}${verdict}`)
      if (verdict !== '') differences++
    }
  }
  print(`\nblktrace: devices=${files.length} events=${events} differences=${differences}`)
  return differences === 0 ? 0 : 1
}

/** Names of processes are no events to blkparse. */
const names = (bytes: Uint8Array): number =>
  parseBlkTrace(bytes).filter(({ letter }) => letter === 'process').length

function main(): number {
  if (missing.length > 0) {
    print(`blktrace: skipped, ${missing.join(' and ')} not found: install the package blktrace`)
    return 0
  }
  if (values.keep !== undefined) {
    mkdirSync(resolve(values.keep), { recursive: true })
    return check(resolve(values.keep))
  }
  const folder = mkdtempSync(join(tmpdir(), 'blktrace-'))
  try {
    return check(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

process.exitCode = main()
