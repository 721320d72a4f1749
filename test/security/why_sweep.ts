/**
 * The counterfactual test of `kernel.why` at length: as many random worlds as it takes to be refused 100 000 times.
 *
 *     npm run sweep:why [-- REFUSALS [SEED]]
 *
 * Prints how often each kind of reason was met, and last one line of figures. Where a reason is wrong: the reasons and
 * a shrunk world. Exit status 1 then, and if a kind of check was never met.
 */
import fc from 'fast-check'
import { checkReasons, Tally } from './why_counterfactual.js'
import { callSpecs, worldSpec } from './why_world.js'

const [wanted = 100_000, first = 1] = process.argv.slice(2).map(Number)
const ALL = 'capability dac hook immutable kill limit mount owner session signal state sticky'
/** Worlds of one seed. */
const WORLDS = 100

/** Runs worlds until enough was refused; returns how many, and what is wrong. */
function sweep(tally: Tally): { readonly worlds: number; readonly wrong: string | null } {
  const property = fc.property(worldSpec, callSpecs(60), (spec, calls) => checkReasons(spec, calls, tally))
  let worlds = 0
  for (let seed = first; tally.refusals < wanted; seed++) {
    const details = fc.check(property, { numRuns: WORLDS, seed })
    worlds += details.numRuns
    if (!details.failed) continue
    const cause = details.errorInstance instanceof Error ? details.errorInstance.message : ''
    return { worlds, wrong: `${fc.defaultReportMessage(details)}\n${cause}` }
  }
  const missing = ALL.split(' ').filter((check) => !tally.checks.includes(check))
  return { worlds, wrong: wanted >= 10_000 && missing.length > 0 ? `never met: ${missing.join(', ')}` : null }
}

const began = performance.now()
const tally = new Tally()
const { worlds, wrong } = sweep(tally)
console.log(String(tally))
if (wrong !== null) console.log(wrong)
const seconds = ((performance.now() - began) / 1000).toFixed(1)
const kinds = [...tally.counts.keys()].filter((what) => !what.startsWith('(')).length
const figures = `refusals=${tally.refusals} worlds=${worlds} kinds=${kinds} seconds=${seconds}`
console.log(`why: ${figures} ${wrong === null ? 'every reason is right' : 'FAILED'}`)
process.exitCode = wrong === null ? 0 : 1
