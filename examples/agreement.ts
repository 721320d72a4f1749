/**
 * What a real Linux answered, and what the model answers.
 *
 * The repository holds recordings of random programs on real kernels: every system call with its answer. Here all
 * scripts recorded on Linux 2.6.20 are run again, call by call, on the model in its 2.6.14 profile.
 */
import { fileURLToPath } from 'node:url'
import { type Answer, differences, Inodes, printAnswer } from '../test/conformance/answer.js'
import { replay } from '../test/conformance/replay.js'
import { readScripts, type Script } from '../test/conformance/script.js'
import { World } from '../test/conformance/world.js'
import type { Print } from './story.js'

const PROFILE = '2.6.14'
const RECORDING = fileURLToPath(new URL('../test/data/recordings/linux-2.6.20.jsonl.gz', import.meta.url))

/** One call to show of each theme: the first of this name whose recorded answer matches. */
const SHOWN: readonly (readonly [theme: string, op: string, answer: RegExp])[] = [
  ['exec', 'exec', /"exec":\[1/],
  ['fd', 'read', /"d":"./],
  ['fifo', 'open', /"wake"/],
  ['lock', 'flock', /"wake"/],
  ['mixed', 'waitpid', /"ws":"sig/],
  ['perm', 'chmod', /EPERM/],
  ['rename', 'rename', /EINVAL/],
  ['sig', 'kill', /"sig"/],
  ['sym', 'stat', /ELOOP/],
  ['vfs', 'rmdir', /ENOTEMPTY/],
]

/** What came of a comparison. */
export interface Agreement {
  readonly scripts: number
  /** Answers that are the same. */
  readonly agree: number
  /** Answers that differ for a reason with a name: what it is, how often. */
  readonly named: ReadonlyMap<string, number>
  /** Answers that differ; a script is not compared further. */
  readonly diverge: number
  /** Calls that were not compared: those for which the recording has no kernel's answer. */
  readonly left: number
}

/** Replays scripts and counts. */
export function compare(scripts: readonly Script[]): Agreement {
  const named = new Map<string, number>()
  let [agree, diverge, left] = [0, 0, 0]
  for (const script of scripts) {
    const result = replay(script, { profile: PROFILE })
    const differing = result.era.length + (result.divergence === undefined ? 0 : 1)
    agree += result.agree
    diverge += result.divergence === undefined ? 0 : 1
    left += script.lines.length - result.agree - differing
    for (const { entry } of result.era) named.set(entry.name, (named.get(entry.name) ?? 0) + 1)
  }
  return { scripts: scripts.length, agree, named, diverge, left }
}

/** One call with both answers, as text. */
interface Shown {
  readonly call: string
  readonly linux: string
  readonly model: string
  readonly isSame: boolean
}

/** Runs scripts up to the first call that is worth a look. */
function firstShown(scripts: readonly Script[], op: string, answer: RegExp): Shown | undefined {
  for (const script of scripts) {
    const world = new World(PROFILE, script.recording)
    const inodes = new Inodes()
    for (const line of script.lines) {
      const ours = world.run(line)
      const isSame = differences(line, ours, inodes).length === 0
      if (line.op !== op || !answer.test(printAnswer(line))) continue
      const call = `T${line.t} ${line.op}(${line.a.join(', ')})`
      return { call, linux: answerText(line), model: answerText(ours, inodes), isSame }
    }
  }
  return undefined
}

/** `{"r":0,"sig":{"T1":["SIGHUP"]}}` as `r 0, sig T1 [SIGHUP]`. */
function answerText(answer: Answer, inodes?: Inodes): string {
  return printAnswer(answer, inodes).replace(/["{}]/g, '').replaceAll(':', ' ').replaceAll(',', ', ')
}

const row = (theme: string, answers: string, call: string, linux: string, model: string): string =>
  `${theme.padEnd(7)}${answers.padStart(7)}   ${call.padEnd(42)} ${linux.padEnd(25)} ${model}`

/** Prints one call of each theme with both answers, then what became of all of them. */
export function agreement(print: Print): Agreement {
  const scripts = readScripts(RECORDING)
  print(row('theme', 'agree', 'one of its calls (T1: task 1)', 'Linux 2.6.20 answered', 'the model answers'))
  for (const [theme, op, answer] of SHOWN) {
    const ofTheme = scripts.filter(({ name }) => name.startsWith(`${theme}-`))
    const shown = firstShown(ofTheme, op, answer)
    if (shown === undefined) throw new Error(`no script of the theme ${theme} has the call to be shown`)
    const { call, linux, model, isSame } = shown
    print(row(theme, String(compare(ofTheme).agree), call, linux, `${model}${isSame ? '' : '   DIFFERENT'}`))
  }
  const all = compare(scripts)
  summary(all, print)
  return all
}

function summary({ scripts, agree, named, diverge, left }: Agreement, print: Print): void {
  print(
    '(r: returned, e: failed, d: data, ws: wait status, sig: handlers that ran, wake: a sleeping call returned)',
  )
  print('')
  let known = 0
  for (const [name, count] of named) {
    known += count
    print(`known difference: ${name} (${count})`)
  }
  if (left > 0) print(`not compared: ${left} calls that have no answer, as the recorder had given up`)
  const compared = agree + known + diverge
  print(
    `${scripts} scripts, ${compared} answers compared: ${agree} agree, ${known} known, ${diverge} diverge`,
  )
}
