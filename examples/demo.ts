/**
 * npm run demo: what this library is, in one screenful each of three things.
 *
 * Exit status 1 when the model and the recorded kernel disagree, or when a run does not repeat itself.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { chromeTrace, recordTrace } from 'paleokernel'
import { agreement } from './agreement.js'
import { isMain } from './main.js'
import { type Print, Session, story } from './story.js'
import { timeTravel } from './time-travel.js'

const OUT = new URL('../demo-out/', import.meta.url)

/** Prints everything; true when all of it holds. `out` is the folder for the trace file. */
export function demo(print: Print, title: Print = print, out = OUT): boolean {
  title('1. A story of a few processes on Linux 2.2.12, as strace shows it')
  const session = new Session()
  const recording = recordTrace(session.kernel.trace)
  story(print, session)
  recording.stop()
  const first = session.kernel.digest()
  print('')
  print(`Alice's screen says: ${session.screen().join(' / ')}`)
  print(`The whole of it as a timeline for ui.perfetto.dev: ${writeTrace(recording.events, out)}`)

  title('2. Every answer of a real Linux 2.6.20, beside the answer of the model (profile 2.6.14)')
  const { diverge } = agreement(print)

  title('3. A run repeats itself, and a kernel can be copied in the middle of one')
  const second = story(() => {}).kernel.digest()
  print(`the story of part 1 ends with the digest ${first}, told again with ${second}`)
  const paths = timeTravel(print)
  return diverge === 0 && first === second && paths
}

/** Writes the recorded events as a Chrome trace; returns the file's name. */
function writeTrace(events: Parameters<typeof chromeTrace>[0], out: URL): string {
  mkdirSync(out, { recursive: true })
  const file = fileURLToPath(new URL('trace.json', out))
  writeFileSync(file, JSON.stringify(chromeTrace(events)))
  return `demo-out/trace.json (${events.length} events)`
}

if (isMain(import.meta.url)) {
  const bold = (text: string): string => (process.stdout.isTTY ? `\x1b[1m${text}\x1b[0m` : text)
  const isGood = demo(console.log, (text) => console.log(`\n${bold(text)}\n`))
  console.log(isGood ? '\nAll of it holds.' : '\nSomething does not hold.')
  process.exitCode = isGood ? 0 : 1
}
