/**
 * npm run conformance -- --profile P DIR…
 *
 * Replays the recordings of the folders against the library, prints every script's first divergence, and last one
 * line `scripts=N ops=N agree=N era=N diverge=N`, where ops = agree + era + diverge is the number of lines compared.
 * Exit status: 0 when nothing diverges, 1 when something does, 2 for a mistake in the command line.
 */

import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { PROFILES, type Profile } from 'paleokernel'
import { printAnswer, printLine } from './answer.js'
import { type Divergence, type ReplayOptions, replay } from './replay.js'
import { readScripts, recordingFiles, type Script, UsageError } from './script.js'
import { shrink } from './shrink.js'
import { RECORDINGS, type Recording } from './values.js'

const USAGE = `usage: npm run conformance -- --profile P [options] DIR…
  --profile P     ${PROFILES.join(' | ')} (default 2.6.14)
  --recorded R    which kernel recorded the folders, when their path does not say: ${RECORDINGS.join(' | ')}
  --filter REGEX  only scripts whose file or name matches
  --shrink        reduce the first divergence to the fewest lines and print them
  --max N         print at most N divergences (default 20; all are counted)
  --verbose       also count the lines per era difference, and what was not compared
  --strict        name no difference between the kernels: whatever disagrees diverges
  --help          this text`

interface Settings {
  readonly folders: readonly string[]
  readonly options: ReplayOptions
  readonly recorded: Recording | undefined
  readonly filter: RegExp | undefined
  readonly shrink: boolean
  readonly verbose: boolean
  readonly max: number
}

/** Where the report goes, a line at a time. */
type Print = (line: string) => void

function oneOf<T extends string>(flag: string, value: string, values: readonly T[]): T {
  const found = values.find((one) => one === value)
  if (found === undefined) throw new UsageError(`--${flag} ${value}: must be one of ${values.join(', ')}`)
  return found
}

function readFilter(source: string): RegExp {
  try {
    return new RegExp(source)
  } catch (error) {
    throw new UsageError(`--filter: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function readCount(flag: string, value: string): number {
  if (!/^\d+$/.test(value)) throw new UsageError(`--${flag} ${value}: must be a number`)
  return Number(value)
}

function parse(argv: readonly string[]): ReturnType<typeof parseUnchecked> {
  try {
    return parseUnchecked(argv)
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

const parseUnchecked = (argv: readonly string[]) =>
  parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      profile: { type: 'string', default: '2.6.14' },
      recorded: { type: 'string' },
      filter: { type: 'string' },
      shrink: { type: 'boolean', default: false },
      max: { type: 'string', default: '20' },
      verbose: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })

/** Reads the command line; undefined when it only asks for help. */
function settingsOf(argv: readonly string[]): Settings | undefined {
  const { values, positionals } = parse(argv)
  if (values.help) return undefined
  if (positionals.length === 0) throw new UsageError('no folder given')
  return {
    folders: positionals,
    options: {
      profile: oneOf<Profile>('profile', values.profile, PROFILES),
      strict: values.strict,
    },
    recorded: values.recorded === undefined ? undefined : oneOf('recorded', values.recorded, RECORDINGS),
    filter: values.filter === undefined ? undefined : readFilter(values.filter),
    shrink: values.shrink,
    verbose: values.verbose,
    max: readCount('max', values.max),
  }
}

/** What a run has seen so far. */
class Tally {
  scripts = 0
  agree = 0
  era = 0
  diverge = 0
  readonly eraNames = new Map<string, number>()
  /** Per difference, how many scripts it has ended. */
  readonly eraStops = new Map<string, number>()
  readonly uncompared = new Map<string, number>()

  get ops(): number {
    return this.agree + this.era + this.diverge
  }

  summary(): string {
    return `scripts=${this.scripts} ops=${this.ops} agree=${this.agree} era=${this.era} diverge=${this.diverge}`
  }
}

const bump = (counts: Map<string, number>, key: string, by: number): void => {
  if (by > 0) counts.set(key, (counts.get(key) ?? 0) + by)
}

function printDivergence(print: Print, script: Script, { index, line, got, keys }: Divergence): void {
  const name = script.skipped > 0 ? '' : ` ${script.name}`
  print(`${script.file}:${index + 1 + script.skipped}${name}`)
  print(`  line      ${printLine(line)}`)
  print(`  expected  ${printAnswer(line)}`)
  print(`  got       ${got}`)
  print(`  differs   ${keys.join(' ')}`)
}

function printShrunk(print: Print, script: Script, divergence: Divergence, options: ReplayOptions): void {
  const lines = shrink(script, divergence, options)
  print(`shrunk from ${divergence.index + 1} to ${lines.length} lines:`)
  for (const line of lines) print(`  ${JSON.stringify(line)}`)
}

function run(settings: Settings, print: Print): Tally {
  const tally = new Tally()
  const files = settings.folders.flatMap((folder) => recordingFiles(folder))
  for (const file of files) {
    for (const script of readScripts(file, settings.recorded)) {
      if (settings.filter !== undefined && !settings.filter.test(`${file} ${script.name}`)) continue
      replayInto(tally, script, settings, print)
    }
  }
  if (tally.scripts === 0) throw new UsageError(`no script matches --filter ${settings.filter?.source}`)
  return tally
}

function replayInto(tally: Tally, script: Script, settings: Settings, print: Print): void {
  const { agree, era, divergence, stop } = replay(script, settings.options)
  tally.scripts++
  tally.agree += agree
  tally.era += era.length
  for (const hit of era) bump(tally.eraNames, hit.entry.name, 1)
  if (stop === 'era') bump(tally.eraStops, era.at(-1)?.entry.name ?? '', 1)
  const compared = agree + era.length + (divergence === undefined ? 0 : 1)
  bump(tally.uncompared, stop, script.lines.length - compared)
  if (divergence === undefined) return
  tally.diverge++
  if (tally.diverge <= settings.max) printDivergence(print, script, divergence)
  if (tally.diverge === settings.max + 1) print('… more divergences are counted, not printed (--max)')
  if (tally.diverge === 1 && settings.shrink) printShrunk(print, script, divergence, settings.options)
}

const STOPS: Readonly<Record<string, string>> = {
  hang: 'from a line on that the recorder gave up on',
  era: 'after an era difference',
  divergence: 'after a divergence',
}

function printDetails(tally: Tally, print: Print): void {
  for (const [name, count] of [...tally.eraNames].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const stops = tally.eraStops.get(name)
    print(`era: ${count} × ${name}${stops === undefined ? '' : `; ends ${stops} scripts`}`)
  }
  for (const [stop, count] of tally.uncompared) print(`not compared: ${count} lines ${STOPS[stop] ?? stop}`)
}

const toStdout: Print = (line) => {
  process.stdout.write(`${line}\n`)
}

const toStderr: Print = (line) => {
  process.stderr.write(`${line}\n`)
}

/** Runs a command line; returns the exit status. */
export function main(argv: readonly string[], print: Print = toStdout, complain: Print = toStderr): number {
  try {
    const settings = settingsOf(argv)
    if (settings === undefined) {
      print(USAGE)
      return 0
    }
    const tally = run(settings, print)
    if (settings.verbose) printDetails(tally, print)
    print(tally.summary())
    return tally.diverge > 0 ? 1 : 0
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    complain(`conformance: ${error.message}`)
    complain(USAGE)
    return 2
  }
}

const started = process.argv[1]
if (started !== undefined && import.meta.url === pathToFileURL(started).href) {
  process.exitCode = main(process.argv.slice(2))
}
