/**
 * Requests: how a generator program asks for a system call.
 *
 * `sys.open(path, flags)` makes a request that yields itself once, so `const fd = yield* sys.open(…)` hands it to
 * the kernel and evaluates to the typed result.
 */

import type { SyscallRequest } from '../kernel/program.js'

/**
 * One call asked for. Its own iterator: the first `next` yields it, the second returns the result. Asked for again
 * it is made again.
 */
export class Request implements SyscallRequest, Iterator<SyscallRequest, unknown, unknown> {
  readonly name: string
  readonly args: readonly unknown[]
  /** The request is its own step: nothing is made for each. */
  done = true
  value: unknown = undefined

  constructor(name: string, args: readonly unknown[]) {
    this.name = name
    this.args = args
  }

  [Symbol.iterator](): this {
    this.done = true
    return this
  }

  next(value?: unknown): IteratorResult<SyscallRequest, unknown> {
    this.done = !this.done
    this.value = this.done ? value : this
    return this as IteratorResult<SyscallRequest, unknown>
  }
}

/** A request as plain data, for machine programs: `call('read', 0, buf)`. */
export const call = (name: string, ...args: readonly unknown[]): SyscallRequest => new Request(name, args)

/** Arguments without the missing ones at the end. */
export function trimArgs(args: unknown[]): unknown[] {
  while (args.length > 0 && args.at(-1) === undefined) args.pop()
  return args
}
