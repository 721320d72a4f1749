/**
 * npm run demo: one experiment in which all modules meet, then a real Linux beside the model, then the same run again.
 *
 * Exit status 1 when a check of the experiment fails, when the model and the recorded kernel disagree, or when a run does
 * not repeat itself.
 */
import { agreement } from './agreement.js'
import { flagship, writeFiles } from './flagship/flagship.js'
import { isMain } from './main.js'
import type { Print } from './story.js'
import { timeTravel } from './time-travel.js'

const OUT = new URL('../demo-out/', import.meta.url)

/** Prints everything; true when all of it holds. `out` is the folder for pictures, captures and traces. */
export function demo(print: Print, title: Print = print, out = OUT): boolean {
  const told: string[] = []
  const { checks, digest, files } = flagship((line) => {
    told.push(line)
    print(line)
  }, title)
  title('8. Every answer of a real Linux 2.6.20, beside the answer of the model (profile 2.6.14)')
  const { diverge } = agreement(print)

  title('9. A run repeats itself, and a kernel can be copied in the middle of one')
  const again: string[] = []
  const second = flagship(
    (line) => again.push(line),
    () => {},
  )
  const repeats = second.digest === digest && again.join('\n') === told.join('\n')
  print(`parts 1 to 7 end with the digest ${digest}, told again with ${second.digest}`)
  const paths = timeTravel(print)

  title('What was checked')
  print(`${checks.made} claims of the experiment, of which ${checks.failed.length} do not hold`)
  for (const claim of checks.failed) print(`  FAIL ${claim}`)
  print(`a recorded Linux, with which the model ${diverge === 0 ? 'agrees' : 'DISAGREES'}`)
  print(`the whole of it twice, ${repeats ? 'the same to the last byte' : 'and it DIFFERS'}`)
  print('')
  writeFiles(print, files, out)
  return checks.failed.length === 0 && diverge === 0 && repeats && paths
}

if (isMain(import.meta.url)) {
  const bold = (text: string): string => (process.stdout.isTTY ? `\x1b[1m${text}\x1b[0m` : text)
  const isGood = demo(console.log, (text) => console.log(`\n${bold(text)}\n`))
  console.log(isGood ? '\nAll of it holds.' : '\nSomething does not hold.')
  process.exitCode = isGood ? 0 : 1
}
