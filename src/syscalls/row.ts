/**
 * Rows of the system call table, and the check of argument kinds that every call passes first.
 *
 * A handler can rely on the kinds that its row names; what is of the wrong kind never reaches it.
 */

import { EBADF, EFAULT, EINVAL, type Errno } from '../abi/errno.js'
import type { ArgKind, SyscallHandler } from '../kernel/syscall.js'

/** One system call. */
export interface SyscallRow {
  readonly name: string
  readonly kinds: readonly ArgKind[]
  readonly handler: SyscallHandler
  readonly support: 'full' | 'partial' | 'absent'
  readonly note: string
}

/** Describes a call. `note` says what is missing where support is partial. */
export function row(
  name: string,
  kinds: readonly ArgKind[],
  handler: SyscallHandler,
  support: SyscallRow['support'] = 'full',
  note = '',
): SyscallRow {
  return Object.freeze({ name, kinds: Object.freeze(kinds.slice()), handler, support, note })
}

type Check = (value: unknown) => boolean

const isPath: Check = (value) => typeof value === 'string'
const isInt: Check = (value) => typeof value === 'number' && (value | 0) === value
const isMaybeInt: Check = (value) => value === undefined || isInt(value)
/** An empty one is brought in anew: the engine refuses to fill or cut a buffer whose memory was transferred away. */
const isBuf: Check = (value) => value instanceof Uint8Array && value.length > 0
const isOff: Check = (value) => Number.isSafeInteger(value)
const anything: Check = () => true

const CHECKS: Readonly<Record<ArgKind, Check>> = {
  path: isPath,
  int: isInt,
  'int?': isMaybeInt,
  fd: isInt,
  buf: isBuf,
  off: isOff,
  any: anything,
}

/** True when all arguments are of their kinds as they stand: the common case, without allocation. */
export type QuickCheck = (a: unknown, b: unknown, c: unknown, d: unknown, e: unknown, f: unknown) => boolean

/** The check for a row, made once. */
export function quickCheck(kinds: readonly ArgKind[]): QuickCheck {
  const [a = anything, b = anything, c = anything, d = anything, e = anything, f = anything] = kinds.map(
    (kind) => CHECKS[kind],
  )
  switch (kinds.length) {
    case 0:
      return () => true
    case 1:
      return (v) => a(v)
    case 2:
      return (v, w) => a(v) && b(w)
    case 3:
      return (v, w, x) => a(v) && b(w) && c(x)
    case 4:
      return (v, w, x, y) => a(v) && b(w) && c(x) && d(y)
    default:
      return (v, w, x, y, z, u) => a(v) && b(w) && c(x) && d(y) && e(z) && f(u)
  }
}

const WRONG: Readonly<Record<ArgKind, Errno>> = {
  path: EFAULT,
  int: EINVAL,
  'int?': EINVAL,
  fd: EBADF,
  buf: EFAULT,
  off: EINVAL,
  any: EINVAL,
}

/** Kinds of which larger numbers are cut to 32 bits. */
const WRAPS: ReadonlySet<ArgKind> = new Set(['int', 'int?', 'fd'])

/** Brings arguments into their kinds, or says which error they are: an Errno is the call's result. */
export function fixArgs(kinds: readonly ArgKind[], args: readonly unknown[]): unknown[] | Errno {
  const fixed = args.slice()
  for (const [at, kind] of kinds.entries()) {
    const value = fixed[at]
    if (CHECKS[kind](value)) continue
    const isNumeric = kind === 'int' || kind === 'off'
    const isEmpty = kind === 'buf' && value instanceof Uint8Array
    if (isNumeric && value === undefined) fixed[at] = 0
    else if (isEmpty) fixed[at] = new Uint8Array(0)
    else if (WRAPS.has(kind) && Number.isInteger(value)) fixed[at] = Number(value) | 0
    else return WRONG[kind]
  }
  return fixed
}
