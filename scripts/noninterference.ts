/**
 * npm run noninterference -- [--runs N] [--seed S] [--jobs J] [--sealed]
 *
 * Random programs in one compartment, each run twice, alone and beside random programs in another one, by J processes of
 * this machine (default: one per processor, at most 4). Prints how often each channel of the table has been found open.
 * Exit status: 1 where something else differs, or where a channel of the table has not been found.
 */
import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Channel } from '../test/mac/noninterference/channels.js'
import { shareOfSuccess, sweep, unfound } from '../test/mac/noninterference/property.js'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '3000' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: String(Math.min(availableParallelism(), 4)) },
    sealed: { type: 'boolean', default: false },
    /** Which of the jobs this process is. */
    job: { type: 'string' },
  },
})
const runs = Number(values.runs)
const seed = Number(values.seed)
const jobs = Math.max(1, Number(values.jobs))
if (![runs, seed, jobs].every(Number.isInteger))
  throw new TypeError('--runs, --seed and --jobs are whole numbers')

/** What a job has found. */
interface Part {
  readonly runs: number
  readonly endless: number
  readonly found: readonly (readonly [Channel, number])[]
  readonly share: number
  readonly failure: string | null
}

const print = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

function work(job: number): void {
  const result = sweep({ runs, seed, sealed: values.sealed, first: job, stride: jobs })
  const share = shareOfSuccess(result.outcomes.b)
  const { endless, failure } = result
  process.send?.({ runs: result.runs, endless, found: [...result.found], share, failure } satisfies Part)
  process.disconnect()
}

/** Starts a job and waits for its end. */
const start = (job: number): Promise<Part> =>
  new Promise((resolve) => {
    const child = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), '--job', String(job)])
    let part: Part | null = null
    child.on('message', (message: Part) => {
      part = message
    })
    child.on('exit', (code, signal) => {
      const failure = `job ${job} has ended without a word (${signal ?? code})`
      resolve(part ?? { runs: 0, endless: 0, found: [], share: 0, failure })
    })
  })

async function main(): Promise<boolean> {
  const began = performance.now()
  const parts = await Promise.all(Array.from({ length: jobs }, (_, job) => start(job)))
  const found = new Map<Channel, number>()
  for (const [channel, count] of parts.flatMap((part) => part.found))
    found.set(channel, (found.get(channel) ?? 0) + count)
  for (const [channel, count] of [...found].sort(([, a], [, b]) => b - a))
    print(`${String(count).padStart(10)}  ${channel}`)
  const failures = parts.flatMap(({ failure }) => (failure === null ? [] : [failure]))
  const missing = failures.length > 0 || values.sealed ? [] : unfound(found)
  for (const failure of failures) print(failure)
  if (missing.length > 0) print(`never found open: ${missing.join(', ')}`)
  const total = (of: (part: Part) => number): number => parts.reduce((sum, part) => sum + of(part), 0)
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  const share = Math.round((total((part) => part.share) / parts.length) * 100)
  const isGood = failures.length === 0 && missing.length === 0
  print(
    `noninterference${values.sealed ? ' (sealed)' : ''}: runs=${total((part) => part.runs)} endless=${total((part) => part.endless)} ` +
      `channels=${found.size} succeeded=${share}% seconds=${seconds} ${isGood ? 'nothing else differs' : 'FAILED'}`,
  )
  return isGood
}

if (values.job !== undefined) work(Number(values.job))
else process.exitCode = (await main()) ? 0 : 1
