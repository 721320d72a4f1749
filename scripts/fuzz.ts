/**
 * npm run fuzz -- [--calls N] [--seed S] [--jobs J] [--verbose]
 *
 * Random system calls by many processes with hostile arguments, on kernels of all profiles, by J processes of this
 * machine (default: one per processor, at most 4). Prints the seed, and on a finding what it is and the fewest actions
 * that lead there. `--verbose` lists how often each call has succeeded and failed. `--round S --profile P` runs one
 * round again, `--actions A,B,…` no more of it than these. Exit status: 0 when nothing was found, 1 when something was.
 *
 * A round that does not end is a finding: the fuzzer breaks it off, and a process that is silent all the same is killed.
 */
import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { PROFILES } from 'paleokernel'
import { fuzz, fuzzRound } from '../test/fuzz/fuzzer.js'

/** A process that has said nothing for so long hangs. Rounds are broken off, and shortened, in less. */
const SILENT_MS = 150_000

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: String(Math.min(availableParallelism(), 4)) },
    verbose: { type: 'boolean', default: false },
    round: { type: 'string' },
    profile: { type: 'string', default: '2.6.14' },
    actions: { type: 'string' },
    /** Which of the jobs this process is. */
    job: { type: 'string' },
  },
})
const seed = Number(values.seed)
const jobs = Math.max(1, Number(values.jobs))

const print = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

/** What a job says before each round, and at its end. */
type Message =
  | { readonly kind: 'round'; readonly calls: number; readonly round: string }
  | {
      readonly kind: 'end'
      readonly calls: number
      readonly rounds: number
      readonly failure: string | null
      readonly outcomes: readonly (readonly [string, readonly [number, number]])[]
    }

type End = Extract<Message, { kind: 'end' }>

/** The work of one job. */
function work(job: number): void {
  const say = (message: Message): void => void process.send?.(message)
  const { outcomes, ...end } = fuzz({
    calls: Math.ceil(Number(values.calls) / jobs),
    seed,
    first: job,
    stride: jobs,
    progress: (calls, round) => say({ kind: 'round', calls, round }),
  })
  say({ kind: 'end', ...end, outcomes: [...outcomes] })
  process.disconnect()
}

/** Calls made by all jobs so far. */
const made = new Array<number>(jobs).fill(0)
let told = performance.now()

function tell(job: number, calls: number): void {
  made[job] = calls
  if (performance.now() - told < 10_000) return
  told = performance.now()
  print(`${made.reduce((sum, part) => sum + part, 0)} calls`)
}

/** Starts a job and waits for its end. */
function start(job: number): Promise<End> {
  return new Promise((resolve) => {
    let last = 'the start'
    const fail = (what: string): void =>
      resolve({ kind: 'end', calls: made[job] ?? 0, rounds: 0, failure: `${last}: ${what}`, outcomes: [] })
    const child = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), '--job', String(job)])
    const hang = (): void => {
      child.kill('SIGKILL')
      fail(`a hang: no word for ${SILENT_MS} ms`)
    }
    let timer = setTimeout(hang, SILENT_MS)
    child.on('message', (message: Message) => {
      clearTimeout(timer)
      timer = setTimeout(hang, SILENT_MS)
      if (message.kind === 'end') resolve(message)
      else {
        last = message.round
        tell(job, message.calls)
      }
    })
    child.on('exit', (code, signal) => {
      clearTimeout(timer)
      fail(`the process has ended (${signal ?? code})`)
    })
  })
}

async function main(): Promise<boolean> {
  const began = performance.now()
  print(`seed ${seed}`)
  const ends = await Promise.all(Array.from({ length: jobs }, (_, job) => start(job)))
  const outcomes = new Map<string, [number, number]>()
  for (const [name, [good, bad]] of ends.flatMap((end) => end.outcomes)) {
    const [goods, bads] = outcomes.get(name) ?? [0, 0]
    outcomes.set(name, [goods + good, bads + bad])
  }
  if (values.verbose) {
    print('succeeded   failed')
    for (const [name, [good, bad]] of [...outcomes].sort())
      print(`${String(good).padStart(9)}${String(bad).padStart(9)}  ${name}`)
  }
  const failures = ends.flatMap(({ failure }) => (failure === null ? [] : [failure]))
  for (const failure of failures) print(failure)
  const calls = ends.reduce((sum, end) => sum + end.calls, 0)
  const rounds = ends.reduce((sum, end) => sum + end.rounds, 0)
  const succeeded = [...outcomes.values()].filter(([good]) => good > 0).length
  const seconds = (performance.now() - began) / 1000
  print(
    `fuzz: calls=${calls} rounds=${rounds} names=${outcomes.size} succeeded=${succeeded} seconds=${seconds.toFixed(1)} calls/s=${Math.round(calls / seconds)} ${failures.length === 0 ? 'nothing found' : 'FAILED'}`,
  )
  return failures.length === 0
}

if (values.round !== undefined) {
  const profile = PROFILES.find((known) => known === values.profile) ?? '2.6.14'
  const list = values.actions?.split(',').map(Number)
  const { failure } = fuzzRound(profile, Number(values.round), list === undefined ? {} : { list })
  print(failure ?? 'nothing found')
  process.exitCode = failure === null ? 0 : 1
} else if (values.job !== undefined) work(Number(values.job))
else process.exitCode = (await main()) ? 0 : 1
