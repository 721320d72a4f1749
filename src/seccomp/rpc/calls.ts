/**
 * The system calls that broker and clients make, as a generator program's `sys` has them. Any such surface fits.
 */

import type { Errno } from '../../abi/errno.js'
import type { PollFd } from '../../abi/poll.js'
import type { Sigaction } from '../../abi/signal.js'
import type { Dirent, Stat } from '../../abi/stat.js'
import type { Timeval } from '../../abi/time.js'
import type { WaitResult } from '../../abi/wait.js'
import type { SyscallRequest } from '../../kernel/program.js'

/** A call to be made with `yield*`. */
export interface Call<R> {
  /** Yields the request; what the kernel answers is the result. */
  [Symbol.iterator](): Iterator<SyscallRequest, R, unknown>
}

/** Several calls, one after the other, and what comes of them. */
export type Steps<R> = Generator<SyscallRequest, R, unknown>

/** All that a confined program has. */
export interface ClientCalls {
  /** See read(2). */
  read(fd: number, buf: Uint8Array): Call<number>
  /** See write(2). */
  write(fd: number, data: Uint8Array): Call<number>
}

/** What the broker uses. */
export interface BrokerCalls extends ClientCalls {
  /** See open(2). */
  open(path: string, flags: number, mode?: number): Call<number | Errno>
  /** See close(2). */
  close(fd: number): Call<number>
  /** See pread(2). */
  pread(fd: number, buf: Uint8Array, offset: number): Call<number>
  /** See pwrite(2). */
  pwrite(fd: number, data: Uint8Array, offset: number): Call<number>
  /** See fstat(2). */
  fstat(fd: number): Call<Stat | Errno>
  /** See lstat(2). */
  lstat(path: string): Call<Stat | Errno>
  /** See fchdir(2). */
  fchdir(fd: number): Call<number>
  /** See lseek(2). */
  lseek(fd: number, offset: number, whence: number): Call<number>
  /** See getdents(2). */
  getdents(fd: number, count?: number): Call<Dirent[] | Errno>
  /** See fcntl(2). */
  fcntl(fd: number, cmd: number, arg?: number): Call<number>
  /** See poll(2). */
  poll(fds: readonly PollFd[], timeoutMs: number): Call<number>
  /** See kill(2). */
  kill(pid: number, signal: number): Call<number>
  /** See waitpid(2). */
  waitpid(pid: number, options?: number): Call<WaitResult | Errno>
  /** See sigaction(2). */
  sigaction(signal: number, action?: Sigaction | null): Call<Sigaction | Errno>
  /** See gettimeofday(2). */
  gettimeofday(): Call<Timeval>
}
