/**
 * `kill [ -s signal | -p ] [ -a ] pid ...`, `kill -l [ signal ]`. util-linux 2.9: misc-utils/kill.c.
 *
 * What is no number is the name of a command: all processes of the caller's that are called so, or with -a everybody's.
 * -p shows the pids and signals nobody. The exit status is the number of failures. Left out: real-time signals by name.
 */

import { isErr } from '../abi/errno.js'
import type { CoreSys } from '../programs/core_sys.js'
import type { Program, ProgramSys } from '../programs/sys_types.js'
import { readDirectory } from './fileutils/walk.js'
import { type Part, perror, readFile, runTool, Stop, type TreeToolSys } from './tool.js'

/** The calls that it makes. */
export type KillSys = TreeToolSys & ProgramSys<Pick<CoreSys, 'kill' | 'getuid'>>

/** Signals 1 to 31, in order, without SIG. */
const SIGNALS: readonly string[] =
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'.split(
    ' ',
  )
const ALIASES: Readonly<Record<string, string>> = Object.freeze({
  IOT: 'ABRT',
  CLD: 'CHLD',
  POLL: 'IO',
  UNUSED: 'SYS',
})
const SIGTERM = 15
/** Numbers are below this. Linux: _NSIG, as the C library has it. */
const NSIG = 65
const LINE = 72

const USAGE = 'usage: kill [ -s signal | -p ] [ -a ] pid ...\n       kill -l [ signal ]\n'
const VERSION = 'kill from util-linux-2.9\n'

const usage = (): Stop => new Stop(USAGE, 1)

/** 'HUP', 'sighup', '1' as a number; -1 for what is none. */
function signalNumber(text: string): number {
  if (/^[0-9]/.test(text)) return /^[0-9]+$/.test(text) && Number(text) < NSIG ? Number(text) : -1
  const name = text.toUpperCase().replace(/^SIG/, '')
  const known = SIGNALS.indexOf(Object.hasOwn(ALIASES, name) ? (ALIASES[name] ?? '') : name)
  return known < 0 ? -1 : known + 1
}

/** All names, in lines. */
function listSignals(): string {
  let text = ''
  let column = 0
  for (const name of SIGNALS) {
    const length = name.length + 1
    if (column + length > LINE) {
      text += '\n'
      column = 0
    } else if (column > 0) text += ' '
    text += name
    column += length
  }
  return `${text}\n`
}

/** What was asked for. */
interface Order {
  /** -1 for -p: only show. */
  readonly signal: number
  /** Everybody's processes, by name. */
  readonly isForAll: boolean
  readonly targets: readonly string[]
}

/** The options. A second word with a dash is a process group. */
function readOrder(args: readonly string[]): Order {
  let signal = SIGTERM
  let isChosen = false
  let isForAll = false
  let at = 0
  const choose = (value: number): void => {
    if (isChosen) throw usage()
    isChosen = true
    signal = value
  }
  for (; args[at]?.startsWith('-') === true; at++) {
    const arg = args[at] ?? ''
    if (arg === '--') {
      at++
      break
    }
    if (arg === '-a') isForAll = true
    else if (arg === '-p') choose(-1)
    else if (arg === '-s') {
      const name = args[++at]
      if (name === undefined) throw usage()
      const value = signalNumber(name)
      if (value < 0) throw new Stop(`kill: unknown signal ${name}; valid signals:\n${listSignals()}`, 1)
      choose(value)
    } else if (isChosen) break
    else {
      const value = signalNumber(arg.slice(1))
      if (value < 0) throw usage()
      choose(value)
    }
  }
  const targets = args.slice(at)
  if (targets.length === 0) throw usage()
  return { signal, isForAll, targets }
}

/** Pids of processes with a name: those of `uid`, or all for -1. */
function* named(sys: KillSys, name: string, uid: number): Part<number[]> {
  const entries = yield* readDirectory(sys, '/proc')
  const pids: number[] = []
  for (const entry of isErr(entries) ? [] : entries) {
    if (!/^[0-9]+$/.test(entry)) continue
    const text = yield* readFile(sys, `/proc/${entry}/stat`)
    if (typeof text !== 'string') continue
    if (text.slice(text.indexOf('(') + 1, text.lastIndexOf(')')) !== name) continue
    const owner = yield* sys.stat(`/proc/${entry}`)
    if (uid < 0 || (!isErr(owner) && owner.uid === uid)) pids.push(Number(entry))
  }
  return pids
}

function* main(sys: KillSys, out: string[], args: readonly string[]): Part<number> {
  const [first = '', second] = args
  if (first === '-v' || first === '-V' || first === '--version') {
    out.push(VERSION)
    return 0
  }
  if (first === '-l') {
    if (args.length > 2) throw usage()
    const signal = second === undefined ? 0 : signalNumber(second)
    if (signal < 0) throw new Stop(`kill: unknown signal ${second}\n`, 1)
    out.push(second === undefined ? listSignals() : `${SIGNALS[signal - 1] ?? signal}\n`)
    return 0
  }
  const { signal, isForAll, targets } = readOrder(args)
  let complaints = ''
  let errors = 0
  for (const target of targets) {
    let pids = [Number(target) | 0]
    if (!/^\s*[+-]?[0-9]+$/.test(target)) {
      pids = yield* named(sys, target, isForAll ? -1 : yield* sys.getuid())
      if (pids.length === 0) {
        errors++
        complaints += `kill: can't find process "${target}"\n`
      }
    }
    for (const pid of pids) {
      const failed = signal < 0 ? 0 : yield* sys.kill(pid, signal)
      if (signal < 0) out.push(`${pid}\n`)
      if (failed === 0) continue
      errors++
      complaints += `kill ${perror(target, failed)}`
    }
  }
  if (errors > 0) throw new Stop(complaints, errors)
  return 0
}

/** The program: `kernel.install('/bin/kill', kill)`. */
export function* kill(sys: KillSys, ...args: string[]): Program {
  return yield* runTool(sys, (out) => main(sys, out, args))
}
