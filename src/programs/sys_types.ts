/**
 * The surfaces that are derived from one table of calls `S` (CoreSys and what modules add): calls that throw,
 * calls that do not wait, calls of generator programs.
 *
 * Types only; the objects behind them are made in this folder's other files. Mapped types keep the docstrings
 * of the calls. Calls must not be overloaded or generic: a mapped type would keep the last overload only.
 */

import type { Errno } from '../abi/errno.js'
import type { SyscallRequest } from '../kernel/program.js'
import type { Why } from '../sim/why.js'
import type { CoreSys } from './core_sys.js'
import type { Flat, ModuleList, SyscallsOf } from './module_types.js'
import type { ProcessHandle } from './spawn.js'

/** Calls as they are: a value or a negative error number. The type of `process.sys`. */
export type DirectSys<S = CoreSys> = S

/** The same calls, throwing SyscallError where `sys` returns an error number. The type of `process.libc`. */
export type Libc<S = CoreSys> = {
  readonly [N in keyof S]: S[N] extends (...args: infer A) => infer R
    ? (...args: A) => Exclude<R, Errno>
    : never
}

/** A call that was started and may still wait. */
export interface BegunCall<R> {
  /** Who makes the call. */
  readonly process: ProcessHandle
  /** Its name: 'open'. */
  readonly syscall: string
  /** True while the call sleeps in the kernel. */
  readonly blocked: boolean
  /** What the call returned; undefined while it is blocked, and if its task died in it. */
  readonly result: R | undefined
  /** Did the task end inside the call? Then there is no result. */
  readonly died: boolean
  /** Why it was refused, or what killed the process in it; undefined where neither has happened. */
  readonly why: Why | undefined
}

/** The same calls, started without waiting for them. The type of `process.begin`. */
export type Begin<S = CoreSys> = {
  readonly [N in keyof S]: S[N] extends (...args: infer A) => infer R ? (...args: A) => BegunCall<R> : never
}

/**
 * A call as a generator program makes it: `yield*` hands it to the kernel and is the call's result.
 *
 * It is a request that, iterated, yields itself once.
 */
export interface SyscallIterable<R> extends SyscallRequest {
  /** Yields the request; what the kernel answers is the result. */
  [Symbol.iterator](): Iterator<SyscallRequest, R, unknown>
}

/**
 * A running generator program. It yields requests; its return value is the exit status, 0 if there is none.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a generator without a return statement returns void
export type Program = Generator<SyscallRequest, number | void, unknown>

/** What a program was started with. */
export interface ProgramArguments {
  /** The arguments that exec was given; the first is the program's name. */
  readonly argv: readonly string[]
  /** The environment, as 'NAME=value' strings. */
  readonly env: readonly string[]
}

/** A program: a generator function over the calls `sys`. `args` is `sys.argv` without the program's name. */
export type ProgramFunction<S = CoreSys> = (sys: ProgramSys<S>, ...args: string[]) => Program

/**
 * The same calls for generator programs: `const fd = yield* sys.open(path, O_RDONLY)`.
 *
 * Three are different from inside: exec and execve only ever return an error number, exit and exit_group do
 * not return, the function given to clone gets the program's own surface.
 */
export type ProgramSys<S = CoreSys> = ProgramArguments & {
  readonly [N in keyof S]: S[N] extends (...args: infer A) => infer R
    ? N extends 'exec' | 'execve'
      ? (...args: A) => SyscallIterable<Errno>
      : N extends 'exit' | 'exit_group'
        ? (...args: A) => SyscallIterable<never>
        : N extends 'clone'
          ? (flags: number, fn?: ProgramFunction<S> | null) => SyscallIterable<R>
          : (...args: A) => SyscallIterable<R>
    : never
}

/** The surface of programs that use the core's calls only: `function* cat(sys: Sys): Program`. */
export type Sys = ProgramSys<CoreSys>

/** A contributed handler as programs see it: the task argument is bound. */
export type BoundSyscall<Handler> = Handler extends (...args: infer A) => infer R
  ? A extends readonly [unknown, ...infer Rest]
    ? (...args: Rest) => R
    : () => R
  : never

/** The calls that a module contributes as programs see them; `unknown` where it has none. */
export type ModuleSys<M> = keyof SyscallsOf<M> extends never
  ? unknown
  : { readonly [N in keyof SyscallsOf<M>]: BoundSyscall<SyscallsOf<M>[N]> }

/**
 * The calls of all modules of a list, merged; `unknown` where there are none: `CoreSys & unknown` is CoreSys.
 */
export type BoundSyscalls<Ms extends ModuleList> = Ms extends readonly (infer M)[]
  ? // From a union of functions the compiler infers the intersection of what they take.
    (M extends unknown ? (sys: ModuleSys<M>) => void : never) extends (sys: infer All) => void
    ? unknown extends All
      ? unknown
      : Flat<All>
    : never
  : never
