/**
 * npm run lossy -- [--seeds N] [--large BYTES] [--first S]
 *
 * TCP over bad links: a large transfer and N small ones through a link with 1 % loss, 20 ms of delay and reordering,
 * and every other case of test/helpers/lossy.ts under the same seeds. What arrives must be what was sent, nothing may
 * be left in the kernels afterwards, and the same seed must end with the same digest. Exit status: 0 when all of it
 * holds.
 */
import { parseArgs } from 'node:util'
import { CASES, type Case, Lossy, transfer } from '../test/helpers/lossy.js'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    large: { type: 'string', default: String(64 * 1024 * 1024) },
    first: { type: 'string', default: '1' },
  },
})
const first = Number(values.first)
const seeds = Array.from({ length: Number(values.seeds) }, (_, at) => first + at)

/** Where the seed chooses everything, there are more of them. */
const wide = Array.from({ length: 10 * seeds.length }, (_, at) => first + at)

const print = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

let runs = 0
let failures = 0

/** Runs a case twice. */
function check({ name, run }: Case, seed: number): number {
  runs++
  try {
    const { digest, ms } = run(seed)
    const again = run(seed)
    if (again.digest !== digest) throw new Lossy(`the digests differ: ${digest}, ${again.digest}`)
    return ms
  } catch (error) {
    failures++
    print(`FAILED ${name}, seed ${seed}: ${error instanceof Lossy ? error.message : (error as Error).stack}`)
    return 0
  }
}

/** Runs a case under seeds and says how long it took, by both clocks. */
function sweep(one: Case, under: readonly number[]): void {
  const start = performance.now()
  const times = under.map((seed) => check(one, seed))
  const mean = times.reduce((sum, ms) => sum + ms, 0) / times.length / 1000
  const took = ((performance.now() - start) / 1000).toFixed(1)
  print(`${String(under.length).padStart(4)} x ${one.name}: ${mean.toFixed(1)} s of virtual time, ${took} s`)
}

const large = Number(values.large)
sweep({ name: `${large} bytes through 1 % loss`, run: transfer(large) }, [first])
sweep({ name: '1 MiB through 1 % loss', run: transfer(1024 * 1024) }, seeds)
for (const one of CASES) sweep(one, one.name === 'anything' ? wide : seeds)

print(`lossy: ${runs} cases, each twice; ${failures} failed`)
process.exitCode = failures === 0 ? 0 : 1
