/**
 * Programs as users write them, and the images that the kernel keeps of them.
 */

import type { ProgramImage, SyscallRequest } from '../kernel/program.js'
import type { CoreSys } from './core_sys.js'
import type { ProgramFunction } from './sys_types.js'

/**
 * A program with explicit state: `step` gets the state and the last result, changes the state and returns the next
 * request, or an exit code. It needs no journal: for long-running daemons and for search. The state is plain data.
 */
export interface MachineProgram<State = unknown> {
  /** 'machine'. */
  readonly kind: 'machine'
  /** Names the program in digests and errors. */
  readonly name: string
  /** The first state. */
  init(argv: readonly string[], env: readonly string[]): State
  /** `result` is undefined at first. */
  step(state: State, result: unknown): SyscallRequest | number
  /** A signal with a handler number ≥ 2 has come: runs before the next step. */
  signal?(state: State, handler: number, sig: number): void
}

/** Marks an image whose process the host goes on driving through direct calls. */
export interface DirectProgram {
  /** 'direct'. */
  readonly kind: 'direct'
}

/** A machine with any state. */
export interface AnyMachine {
  /** What `machine` writes. */
  readonly kind: 'machine'
  /** Its name in listings and digests. */
  readonly name: string
  /** See MachineProgram. */
  init(argv: readonly string[], env: readonly string[]): unknown
  /** See MachineProgram. */
  step(state: never, result: unknown): SyscallRequest | number
  /** See MachineProgram. */
  signal?(state: never, handler: number, sig: number): void
}

/** A plain function as a program: it runs from start to end as one direct call, others running while it sleeps. */
export interface PlainProgram<S = CoreSys> {
  /** What `plain` writes. */
  readonly kind: 'plain'
  /** Its name in listings and digests. */
  readonly name: string
  /** The function. Its result is the exit code, 0 if it is no number. */
  run(sys: S, ...args: string[]): unknown
}

/** Anything that can be installed or spawned in a kernel with the calls `S`. */
export type AnyProgram<S = CoreSys> = ProgramFunction<S> | PlainProgram<S> | AnyMachine | DirectProgram

/** For `k.install('/bin/sh', DIRECT)`: a process that runs it stays under the test's control. */
export const DIRECT: DirectProgram = Object.freeze({ kind: 'direct' })

/** An identity function that infers a machine's state type. */
export const machine = <State>(program: Omit<MachineProgram<State>, 'kind'>): MachineProgram<State> =>
  Object.freeze({ kind: 'machine', ...program })

/** Makes a program of a plain function. It cannot be forked or copied while it runs. */
export const plain = <S = CoreSys>(run: (sys: S, ...args: string[]) => unknown): PlainProgram<S> =>
  Object.freeze({ kind: 'plain', name: run.name === '' ? 'plain' : run.name, run })

const GeneratorFunction = Object.getPrototypeOf(function* () {}).constructor

export const isGeneratorFunction = (value: unknown): boolean => value instanceof GeneratorFunction

/** The code of an image: frozen, so that all copies of a kernel share it; named, so that digests can tell it. */
export interface ProgramCode {
  readonly name: string
  readonly run: unknown
  /** The handler functions that a thread knows from the start: its maker's. */
  readonly handlers: () => readonly unknown[]
}

/** The kernel's image of a program. Throws a TypeError for what is none. */
export function imageOf(
  program: unknown,
  name: string,
  journalled: boolean,
  handlers: readonly unknown[] = [],
): ProgramImage {
  const kind = kindOf(program)
  const label = name !== '' ? name : nameOf(program)
  const run = typeof program === 'object' ? Object.freeze({ ...program }) : program
  const code: ProgramCode = Object.freeze({ name: label, run, handlers: () => handlers })
  return Object.freeze({ name: label, kind, code, journalled: journalled && kind === 'generator' })
}

const WANTED = 'program: a generator function (function*), machine({…}), plain(function) or DIRECT is wanted'

function kindOf(program: unknown): ProgramImage['kind'] {
  if (isGeneratorFunction(program)) return 'generator'
  if (typeof program === 'function')
    throw new TypeError(`${WANTED}; write plain(${nameOf(program)}) for this one`)
  if (typeof program === 'object' && program !== null && 'kind' in program) {
    const { kind } = program
    if (kind === 'direct' || kind === 'machine' || kind === 'plain') return kind
  }
  throw new TypeError(WANTED)
}

const nameOf = (program: unknown): string => {
  const { name } = program as { name?: unknown }
  return typeof name === 'string' && name !== '' ? name : 'program'
}

/** The handler functions that the image's tasks begin with. */
export const handlersOfImage = (image: ProgramImage): readonly unknown[] =>
  (image.code as ProgramCode).handlers()

/** What `imageOf` was given. */
export const programOf = (image: ProgramImage): unknown => (image.code as ProgramCode).run
