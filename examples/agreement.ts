/**
 * What a real Linux answered, and what the model answers.
 *
 * The repository holds recordings of random programs on real kernels: every system call with its answer. Here all
 * scripts recorded on Linux 2.6.20 are run again, call by call, on the model in its 2.6.14 profile.
 */
import { fileURLToPath } from 'node:url'
import { type Answer, differences, Inodes, type Line, printAnswer } from '../test/conformance/answer.js'
import { replay } from '../test/conformance/replay.js'
import { readScripts, type Script } from '../test/conformance/script.js'
import { World } from '../test/conformance/world.js'
import type { Print } from './story.js'

const PROFILE = '2.6.14'
const RECORDING = fileURLToPath(new URL('../test/data/recordings/linux-2.6.20.jsonl.gz', import.meta.url))

/** One line to show of each theme: a call, and what its answer should hold to be worth a look. */
const SHOWN: readonly (readonly [theme: string, op: string, key: keyof Answer])[] = [
  ['exec', 'exec', 'e'],
  ['fd', 'fcntl', 'e'],
  ['fifo', 'open', 'wake'],
  ['lock', 'setlk', 'wake'],
  ['mixed', 'waitpid', 'ws'],
  ['perm', 'open', 'e'],
  ['rename', 'rename', 'e'],
  ['sig', 'kill', 'sig'],
  ['sym', 'open', 'e'],
  ['vfs', 'stat', 'st'],
]

/** What came of a comparison. */
export interface Agreement {
  readonly scripts: number
  /** Answers that are the same. */
  readonly agree: number
  /** Answers that differ for a reason with a name, and a place in the Linux sources where it changed. */
  readonly named: ReadonlyMap<string, number>
  /** Answers that differ. */
  readonly diverge: number
}

const themeOf = (script: Script): string => script.name.replace(/-.*$/, '')

/** Replays everything. */
export function compare(scripts: readonly Script[]): Agreement {
  const named = new Map<string, number>()
  let agree = 0
  let diverge = 0
  for (const script of scripts) {
    const result = replay(script, { profile: PROFILE })
    agree += result.agree
    for (const { entry } of result.era) named.set(entry.name, (named.get(entry.name) ?? 0) + 1)
    if (result.divergence !== undefined) diverge++
  }
  return { scripts: scripts.length, agree, named, diverge }
}

/** One call with both answers, as text. */
interface Shown {
  readonly call: string
  readonly linux: string
  readonly model: string
}

/** Runs a script up to its first line that is worth a look. */
function firstShown(script: Script, op: string, key: keyof Answer): Shown | undefined {
  const world = new World(PROFILE, script.recording)
  const inodes = new Inodes()
  for (const line of script.lines) {
    const model = world.run(line)
    differences(line, model, inodes) // learns which inode is which
    if (line.op !== op || line[key] === undefined) continue
    return { call: callText(line), linux: answerText(line), model: answerText(model, inodes) }
  }
  return undefined
}

const callText = (line: Line): string => `T${line.t} ${line.op} ${line.a.join(' ')}`

/** `{"r":0,"sig":{"T1":["SIGHUP"]}}` without what only a parser needs. */
const answerText = (answer: Answer, inodes?: Inodes): string =>
  printAnswer(answer, inodes).replace(/["{}]/g, '').replaceAll(':', ' ').replaceAll(',', ', ')

/** Prints a line of each theme beside both answers, then the count of all. */
export function agreement(print: Print): Agreement {
  const scripts = readScripts(RECORDING)
  print(`${'theme'.padEnd(8)}${'answers'.padStart(7)}   ${'a call among them'.padEnd(34)}Linux 2.6.20 | the model`)
  for (const [theme, op, key] of SHOWN) {
    const ofTheme = scripts.filter((script) => themeOf(script) === theme)
    const { agree } = compare(ofTheme)
    for (const script of ofTheme) {
      const shown = firstShown(script, op, key)
      if (shown === undefined) continue
      print(
        `${theme.padEnd(8)}${String(agree).padStart(7)}   ${shown.call.padEnd(34)}${shown.linux} | ${shown.model}`,
      )
      break
    }
  }
  const all = compare(scripts)
  return all
}
