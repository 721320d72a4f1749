/**
 * One logical task of a script (T0 … T9) over one process of the library, and the words of one line.
 */

import type { Kernel, Process } from 'paleokernel'
import type { Answer, Line } from './answer.js'
import type { Outcome, Step } from './step.js'
import { type Dialect, pathOf, strtol } from './values.js'

/** A task of the script. It keeps its number after death: the recorder never reuses one. */
export interface Actor {
  readonly index: number
  readonly proc: Process
  readonly pid: number
  /** Who forked it; nobody for task 0. */
  readonly parent: Actor | undefined
  /** Handlers that ran, oldest first; the recorder keeps at most 256. */
  readonly log: number[]
  /** How much of the log earlier lines have reported. */
  seen: number
  /** Signals whose disposition is, or was, a handler of this task. */
  readonly handled: Set<number>
  /** Its disposition of SIGCHLD: is it SIG_IGN, and with which flags? */
  ignoresChildren: boolean
  childFlags: number
  /** The last line it was given. */
  line: Line | undefined
  /** The operation in progress. */
  step: Step | undefined
  /** Its answer, until a line reports it. */
  answer: Answer | undefined
  /** The operation under way named something that does not exist: it runs with 0 and answers badarg. */
  bad: boolean
  /** The last line sent to it has no answer yet. */
  blocked: boolean
  dead: boolean
  stopped: boolean
}

/** What the operations need besides the acting task. */
export interface Stage {
  readonly kernel: Kernel
  readonly dialect: Dialect
  readonly actors: readonly (Actor | undefined)[]
  /** `dev.ino` of /bin/x, whose data are not compared. */
  readonly image: string
  /** Ports that the script has named so far: others are of the kernel's choice. */
  readonly ports: Set<number>
  /** Makes actor K of a process that fork has created. */
  adopt(index: number, pid: number, parent: Actor): void
  /** The pid that a word means: T3, -T3, any, 0, a number. */
  pidOf(word: string): number
  /** How a pid is printed: T3, init, 0. */
  pidName(pid: number): string
}

/** The words after the operation's name, read as `doop` reads them; a missing word is "0". */
export class Words {
  /** A word named a flag or signal that does not exist. */
  bad = false
  readonly count: number
  private readonly words: readonly string[]
  private readonly dialect: Dialect

  constructor(words: readonly string[], dialect: Dialect) {
    this.words = words
    this.count = words.length
    this.dialect = dialect
  }

  /** The word itself; the first one is number 1. */
  text(i: number): string {
    return this.words[i - 1] ?? '0'
  }

  path(i: number): string {
    return pathOf(this.text(i))
  }

  /** Flags and numbers: `O_CREAT|O_RDWR`, `-1`. */
  value(i: number): number {
    const value = this.dialect.value(this.text(i))
    if (value.bad) this.bad = true
    return value.n
  }

  /** A number in C notation. */
  number(i: number): number {
    return strtol(this.text(i), 0)
  }

  octal(i: number): number {
    return strtol(this.text(i), 8)
  }

  /** A set of signals. */
  mask(i: number): readonly number[] {
    const mask = this.dialect.mask(this.text(i))
    if (mask.bad) this.bad = true
    return mask.signals
  }
}

/** Runs one operation of a script for a task. */
export type Operation = (actor: Actor, words: Words, stage: Stage) => Outcome
