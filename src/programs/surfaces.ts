/**
 * The four ways to call the kernel, as objects whose prototype has one method per system call:
 * `process.sys`, `process.libc`, `process.begin`, and the requests of generator programs.
 */

import { isErr } from '../abi/errno.js'
import type { SyscallEntry } from '../kernel/syscall.js'
import type { BegunCall } from './begun.js'
import { SyscallError } from './errors.js'
import type { Process } from './process.js'
import { Request } from './request.js'

/** Names of calls that are the same as another. */
const ALIASES: Readonly<Record<string, string>> = { exec: 'execve' }

/** What the methods call. */
export interface CallHost {
  direct(process: Process, entry: SyscallEntry, a: unknown, b: unknown, c: unknown, d: unknown, e: unknown, f: unknown): unknown
  beginCall(process: Process, entry: SyscallEntry, args: readonly unknown[]): BegunCall
}

/** Where a call is found: modules' calls are other functions after a fork or restore. */
export interface CallSlot {
  entry: SyscallEntry
}

export interface Surfaces {
  readonly sys: Record<string, Method>
  readonly libc: Record<string, Method>
  readonly begin: Record<string, BeginMethod>
  readonly requests: Record<string, (...args: unknown[]) => Request>
  /** Calls by the names programs use. */
  readonly slots: Map<string, CallSlot>
}

interface Bound {
  readonly process: Process
}

type BeginMethod = (this: Bound, ...args: unknown[]) => BegunCall

type Method = (this: Bound, a?: unknown, b?: unknown, c?: unknown, d?: unknown, e?: unknown, f?: unknown) => unknown

/** The first argument that is a path, for messages. */
const pathOf = (args: readonly unknown[]): string | undefined => args.find((arg) => typeof arg === 'string') as string | undefined

/** Surfaces without calls. */
export const emptySurfaces = (): Surfaces => ({ sys: {}, libc: {}, begin: {}, requests: {}, slots: new Map() })

/** Adds a call, or gives a known one another handler. */
export function addCall(surfaces: Surfaces, name: string, entry: SyscallEntry, host: CallHost): void {
  const known = surfaces.slots.get(name)
  if (known !== undefined) {
    known.entry = entry
    return
  }
  const slot: CallSlot = { entry }
  surfaces.slots.set(name, slot)
  surfaces.sys[name] = function (a, b, c, d, e, f) {
    return host.direct(this.process, slot.entry, a, b, c, d, e, f)
  }
  surfaces.libc[name] = function (a, b, c, d, e, f) {
    const result = host.direct(this.process, slot.entry, a, b, c, d, e, f)
    if (isErr(result)) throw new SyscallError(result, name, pathOf([a, b]))
    return result
  }
  surfaces.begin[name] = function (...args) {
    return host.beginCall(this.process, slot.entry, args)
  }
  surfaces.requests[name] = (...args) => new Request(name, args)
}

/** Adds a table of calls, with their aliases. */
export function addCalls(surfaces: Surfaces, calls: ReadonlyMap<string, SyscallEntry>, host: CallHost): void {
  for (const [name, entry] of calls) addCall(surfaces, name, entry, host)
  for (const [alias, name] of Object.entries(ALIASES)) {
    const entry = calls.get(name)
    if (entry !== undefined) addCall(surfaces, alias, entry, host)
  }
}
