/**
 * What a system call is to the kernel: a name, a number and a handler.
 *
 * A handler is an ordinary function that may be run again: check, then maybe block, then commit. Before its last
 * blocking point it changes nothing except `current.restart`. It returns a value, an Errno, BLOCKED after
 * `sleepOn`, or one of the restart codes, which the dispatcher strips.
 */

import type { Errno } from '../abi/errno.js'
import type { Task } from './task.js'

/** A handler. Arguments are whatever the program passed: the handler checks them. */
export type SyscallHandler = (
  current: Task,
  a: never,
  b: never,
  c: never,
  d: never,
  e: never,
  f: never,
) => unknown

/**
 * What the kernel can count on when a handler runs. path: a string, else EFAULT. int: a 32-bit integer; missing is 0,
 * larger ones wrap, anything else EINVAL. int?: as int, but a missing one stays so. fd: as int, else EBADF. buf: a
 * Uint8Array, else EFAULT. off: an integer within 2^53; missing is 0, else EINVAL. any: not checked.
 */
export type ArgKind = 'path' | 'int' | 'int?' | 'fd' | 'buf' | 'off' | 'any'

/** What a module says of a call that it contributes, besides the handler. */
export interface CallShape {
  /** Of which kinds its arguments are; those without one are not checked. */
  readonly kinds?: readonly ArgKind[]
  /** Its number; -1 where it has none. */
  readonly nr?: number
}

/** A call as the dispatcher sees it. */
export interface SyscallEntry {
  readonly name: string
  /** The number in this profile; -1 for calls that modules add. */
  readonly nr: number
  /** Which arguments are paths. */
  readonly paths: readonly number[]
  /** Are the arguments of their kinds as they stand? */
  readonly quick: (a: unknown, b: unknown, c: unknown, d: unknown, e: unknown, f: unknown) => boolean
  /** Brings them into their kinds, or says which error they are. */
  readonly fix: (args: readonly unknown[]) => unknown[] | Errno
  readonly handler: (
    current: Task,
    a?: unknown,
    b?: unknown,
    c?: unknown,
    d?: unknown,
    e?: unknown,
    f?: unknown,
  ) => unknown
}
