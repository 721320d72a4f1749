/**
 * The system calls that listeners make, as a generator program's `sys` has them, or a process that the host drives.
 */

import type { Errno } from '../abi/errno.js'
import type { SockAddrNl } from '../abi/socket.js'
import type { Dirent } from '../abi/stat.js'
import type { SyscallRequest } from '../kernel/program.js'

/** A call to be made with `yield*`. */
export interface Call<R> {
  /** Yields the request; what the kernel answers is the result. */
  [Symbol.iterator](): Iterator<SyscallRequest, R, unknown>
}

/** Several calls, one after the other, and what comes of them: for `yield*` in a program. */
export type Steps<R> = Generator<SyscallRequest, R, unknown>

/** What a listener needs of a program's `sys`. */
export interface ConnectorCalls {
  /** See socket(2). */
  socket(family: number, type: number, protocol: number): Call<number>
  /** See bind(2). */
  bind(fd: number, address: SockAddrNl): Call<number>
  /** See sendto(2). */
  sendto(fd: number, data: Uint8Array, flags: number, address: SockAddrNl): Call<number>
  /** See recv(2). */
  recv(fd: number, buf: Uint8Array, flags: number): Call<number>
  /** See close(2). */
  close(fd: number): Call<number>
}

/** What a mirror of the processes needs: it reads /proc too. */
export interface MirrorCalls extends ConnectorCalls {
  /** See open(2). */
  open(path: string, flags: number): Call<number>
  /** See read(2). */
  read(fd: number, buf: Uint8Array): Call<number>
  /** See getdents(2). */
  getdents(fd: number, count?: number): Call<Dirent[] | Errno>
}

/** The same calls of a process that the host drives: `process.sys`. */
export type Direct<Calls> = {
  readonly [N in keyof Calls]: Calls[N] extends (...args: infer A) => Call<infer R>
    ? (...args: A) => R
    : never
}

type Names<Calls> = readonly (keyof Calls & string)[]

/** A call that is over already. */
const over = <R>(value: R): Call<R> => ({
  [Symbol.iterator]: () => ({ next: () => ({ done: true, value }) }),
})

/** Calls of a process as those of a program. */
function asCalls<Calls>(sys: Direct<Calls>, names: Names<Calls>): Calls {
  const entries = names.map((name): [string, unknown] => {
    const call: unknown = sys[name]
    if (typeof call !== 'function') throw new TypeError(`this process has no call '${name}'`)
    return [name, (...args: unknown[]) => over(call.apply(sys, args))]
  })
  return Object.fromEntries(entries) as Calls
}

const CONNECTOR_CALLS: Names<ConnectorCalls> = ['socket', 'bind', 'sendto', 'recv', 'close']

/** The calls of a process that the host drives, as those of a program. */
export const directCalls = (sys: Direct<ConnectorCalls>): ConnectorCalls =>
  asCalls<ConnectorCalls>(sys, CONNECTOR_CALLS)

/** What a program's steps come to when their calls are a process's. */
export function finish<R>(steps: Steps<R>): R {
  const step = steps.next()
  if (step.done !== true) throw new TypeError('a call of a process is over when it returns')
  return step.value
}
