/**
 * npm run fuzz -- --calls N --seed S
 *
 * Random system calls by many processes with hostile arguments, on kernels of all profiles. Prints the seed, and on a
 * finding what it is and the fewest actions that lead there. `--round S --profile P` runs one round again.
 * Exit status: 0 when nothing was found, 1 when something was.
 */
import { parseArgs } from 'node:util'
import { PROFILES } from 'paleokernel'
import { fuzz, fuzzRound } from '../test/fuzz/fuzzer.js'

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    round: { type: 'string' },
    profile: { type: 'string', default: '2.6.14' },
  },
})

const print = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

const start = performance.now()
if (values.round === undefined) {
  let told = 0
  const seed = Number(values.seed)
  print(`seed ${seed}`)
  const { calls, rounds, failure } = fuzz({
    calls: Number(values.calls),
    seed,
    progress(text) {
      if (performance.now() - told < 10_000) return
      told = performance.now()
      print(text)
    },
  })
  if (failure !== null) print(failure)
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  print(
    `fuzz: calls=${calls} rounds=${rounds} seconds=${seconds} ${failure === null ? 'nothing found' : 'FAILED'}`,
  )
  process.exitCode = failure === null ? 0 : 1
} else {
  const profile = PROFILES.find((known) => known === values.profile) ?? '2.6.14'
  const { failure } = fuzzRound(profile, Number(values.round))
  print(failure ?? 'nothing found')
  process.exitCode = failure === null ? 0 : 1
}
