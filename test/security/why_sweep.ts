/**
 * The counterfactual test of `kernel.why` at length: as many random worlds as it takes to be refused 100 000 times.
 *
 *     npm run sweep:why [-- REFUSALS [SEED]]
 *
 * Prints how often each kind of reason was met. Ends with an error, the reasons and a shrunk world where one is wrong,
 * and if a kind of check was never met.
 */
import fc from 'fast-check'
import { checkReasons, Tally } from './why_counterfactual.js'
import { callSpecs, worldSpec } from './why_world.js'

const [wanted = 100_000, first = 1] = process.argv.slice(2).map(Number)
const ALL = 'capability dac hook immutable kill limit mount owner session signal state sticky'

const tally = new Tally()
const property = fc.property(worldSpec, callSpecs(60), (spec, calls) => checkReasons(spec, calls, tally))
let worlds = 0
for (let seed = first; tally.refusals < wanted; seed++) {
  fc.assert(property, { numRuns: 100, seed })
  worlds += 100
}
console.log(String(tally))
console.log(`${tally.refusals} refusals and kills in ${worlds} worlds: every reason is right`)
const missing = ALL.split(' ').filter((check) => !tally.checks.includes(check))
if (wanted >= 10_000 && missing.length > 0) throw new Error(`never met: ${missing.join(', ')}`)
