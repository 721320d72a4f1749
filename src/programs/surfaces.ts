/**
 * The four ways to call the kernel, as objects whose prototype has one method per system call:
 * `process.sys`, `process.libc`, `process.begin`, and the requests of generator programs.
 */

import { isErr } from '../abi/errno.js'
import type { SyscallEntry } from '../kernel/syscall.js'
import type { SyscallTable } from '../syscalls/table.js'
import type { Begun } from './begun.js'
import { SyscallError } from './errors.js'
import { BY_NUMBER, callOfNumber } from './numbered.js'
import type { Process } from './process.js'
import { Request } from './request.js'

/** Names of calls that are the same as another. */
export const CALL_ALIASES: Readonly<Record<string, string>> = { exec: 'execve' }

/** What the methods call. */
export interface CallHost {
  direct(
    process: Process,
    entry: SyscallEntry,
    a: unknown,
    b: unknown,
    c: unknown,
    d: unknown,
    e: unknown,
    f: unknown,
  ): unknown
  beginCall(process: Process, entry: SyscallEntry, args: readonly unknown[]): Begun
  /** A call that a module contributes. */
  callNamed(name: string): SyscallEntry
  /** The calls of the core. */
  readonly coreCalls: SyscallTable
}

export interface Surfaces {
  readonly sys: Record<string, Method>
  readonly libc: Record<string, Method>
  readonly begin: Record<string, BeginMethod>
  readonly requests: Record<string, (...args: unknown[]) => Request>
}

interface Bound {
  readonly process: Process
}

type BeginMethod = (this: Bound, ...args: unknown[]) => Begun

type Method = (
  this: Bound,
  a?: unknown,
  b?: unknown,
  c?: unknown,
  d?: unknown,
  e?: unknown,
  f?: unknown,
  g?: unknown,
) => unknown

/** The first argument that is a path, for messages. */
const pathOf = (args: readonly unknown[]): string | undefined =>
  args.find((arg) => typeof arg === 'string') as string | undefined

/** Surfaces made so far for the tables of the core: constants, made when first wanted. */
const CORE_SURFACES = new Map<SyscallTable, Surfaces>()

/** The surfaces of a table of the core; kernels share them. */
export function coreSurfaces(table: SyscallTable): Surfaces {
  const known = CORE_SURFACES.get(table)
  if (known !== undefined) return known
  const surfaces: Surfaces = { sys: {}, libc: {}, begin: {}, requests: {} }
  for (const [name, entry] of table) addCall(surfaces, name, name, entry)
  for (const [alias, name] of Object.entries(CALL_ALIASES)) {
    const entry = table.get(name)
    if (entry !== undefined) addCall(surfaces, alias, name, entry)
  }
  addNumbered(surfaces)
  CORE_SURFACES.set(table, surfaces)
  return surfaces
}

/** Surfaces with the calls of `base`, to which a kernel's modules add theirs. */
export const derivedSurfaces = (base: Surfaces): Surfaces => ({
  sys: Object.create(base.sys),
  libc: Object.create(base.libc),
  begin: Object.create(base.begin),
  requests: Object.create(base.requests),
})

/** Adds a call. Where `entry` is null it is a module's: looked up when called, as a fork or restore changes it. */
export function addCall(surfaces: Surfaces, alias: string, name: string, entry: SyscallEntry | null): void {
  const find = entry === null ? (host: CallHost) => host.callNamed(name) : () => entry
  surfaces.sys[alias] =
    entry === null
      ? function (a, b, c, d, e, f) {
          return this.process.host.direct(this.process, find(this.process.host), a, b, c, d, e, f)
        }
      : function (a, b, c, d, e, f) {
          return this.process.host.direct(this.process, entry, a, b, c, d, e, f)
        }
  surfaces.libc[alias] = function (a, b, c, d, e, f) {
    const { process } = this
    const result = process.host.direct(process, find(process.host), a, b, c, d, e, f)
    if (isErr(result)) throw new SyscallError(result, alias, pathOf([a, b]))
    return result
  }
  surfaces.begin[alias] = function (...args) {
    return this.process.host.beginCall(this.process, find(this.process.host), args)
  }
  surfaces.requests[alias] = (...args) => new Request(name, args)
}

/** Adds syscall(2), which makes the others by number. */
function addNumbered(surfaces: Surfaces): void {
  surfaces.sys[BY_NUMBER] = function (nr, a, b, c, d, e, f) {
    const { process } = this
    return process.host.direct(process, numbered(process, nr), a, b, c, d, e, f)
  }
  surfaces.libc[BY_NUMBER] = function (nr, a, b, c, d, e, f) {
    const { process } = this
    const entry = numbered(process, nr)
    const result = process.host.direct(process, entry, a, b, c, d, e, f)
    if (isErr(result)) throw new SyscallError(result, entry.name, pathOf([a, b]))
    return result
  }
  surfaces.begin[BY_NUMBER] = function (nr, ...args) {
    const { process } = this
    return process.host.beginCall(process, numbered(process, nr), args)
  }
  surfaces.requests[BY_NUMBER] = (...args) => new Request(BY_NUMBER, args)
}

const numbered = (process: Process, nr: unknown): SyscallEntry =>
  callOfNumber(process.current(), process.host.coreCalls, nr)
