/**
 * Programs as users write them, and the images that the kernel keeps of them.
 */

import type { ProgramImage, SyscallRequest } from '../kernel/program.js'

/** A generator program's body: `function* (sys, ...args) { … }`. Its return value is the exit code. */
export type GeneratorFunctionLike = (...args: never[]) => Generator<unknown, unknown, unknown>

/**
 * A program with explicit state: `step` gets the state and the last result, changes the state and returns the next
 * request, or an exit code. It needs no journal: for long-running daemons and for search. The state is plain data.
 */
export interface MachineProgram<State = unknown> {
  readonly kind: 'machine'
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
  readonly kind: 'direct'
}

/** Anything that can be installed or spawned. */
export type AnyProgram = GeneratorFunctionLike | MachineProgram<never> | DirectProgram

/** For `k.install('/bin/sh', DIRECT)`: a process that runs it stays under the test's control. */
export const DIRECT: DirectProgram = Object.freeze({ kind: 'direct' })

/** An identity function that infers a machine's state type. */
export const machine = <State>(program: Omit<MachineProgram<State>, 'kind'>): MachineProgram<State> =>
  Object.freeze({ kind: 'machine', ...program })

const GeneratorFunction = Object.getPrototypeOf(function* () {}).constructor

const isGeneratorFunction = (value: unknown): boolean => value instanceof GeneratorFunction

/** The code of an image: frozen, so that all copies of a kernel share it; named, so that digests can tell it. */
export interface ProgramCode {
  readonly name: string
  readonly run: unknown
}

/** The kernel's image of a program. Throws a TypeError for what is none. */
export function imageOf(program: unknown, name: string, journalled: boolean): ProgramImage {
  const kind = kindOf(program)
  const label = name !== '' ? name : nameOf(program)
  const code: ProgramCode = Object.freeze({
    name: label,
    run: kind === 'machine' ? Object.freeze({ ...(program as object) }) : program,
  })
  return Object.freeze({ name: label, kind, code, journalled: journalled && kind === 'generator' })
}

function kindOf(program: unknown): ProgramImage['kind'] {
  if (typeof program === 'function') {
    if (isGeneratorFunction(program)) return 'generator'
    return 'function'
  }
  if (typeof program === 'object' && program !== null && 'kind' in program) {
    if (program.kind === 'direct') return 'direct'
    if (program.kind === 'machine') return 'machine'
  }
  throw new TypeError(
    'program: a generator function (function*), a plain function, machine({…}) or DIRECT is wanted',
  )
}

const nameOf = (program: unknown): string => {
  const { name } = program as { name?: unknown }
  return typeof name === 'string' && name !== '' ? name : 'program'
}

/** What `imageOf` was given. */
export const programOf = (image: ProgramImage): unknown => (image.code as ProgramCode).run
