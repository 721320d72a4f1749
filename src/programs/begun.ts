/**
 * Calls that have been started and may sleep: `const call = alice.begin.read(fd, buf)`.
 */

import type { Why } from '../sim/why.js'
import { INSPECT, type Process } from './process.js'

/** What became of a call. */
export class Begun {
  /** Who makes it. */
  readonly process: Process
  /** The call: 'open'. */
  readonly syscall: string
  /** Has the call neither returned nor died? */
  blocked = true
  /** Its result, once it has returned. */
  result: unknown = undefined
  /** Did the process end inside the call? Then there is no result. */
  died = false
  /** Why it was refused, or what killed the process in it; undefined where neither has happened. */
  why: Why | undefined = undefined
  /** @internal Refusals of the kernel before it began. */
  readonly since: number

  /** @internal */
  constructor(process: Process, syscall: string, since: number) {
    this.process = process
    this.syscall = syscall
    this.since = since
  }

  /** What is shown of it, and not the kernel behind it. */
  toJSON(): {
    readonly call: string
    readonly pid: number
    readonly blocked: boolean
    readonly result: unknown
  } {
    const { syscall, process, blocked, result } = this
    return { call: syscall, pid: process.pid, blocked, result }
  }

  /** 'open of pid 5: -13' */
  toString(): string {
    const end = this.died ? 'died' : this.blocked ? 'sleeps' : String(this.result)
    return `${this.syscall} of pid ${this.process.pid}: ${end}`
  }

  /** @internal What Node's console shows. */
  [INSPECT](): string {
    return this.toString()
  }

  /** @internal */
  finish(result: unknown): void {
    this.blocked = false
    this.result = result
  }

  /** @internal The state in which it is under way has been restored. */
  reopen(): void {
    this.blocked = true
    this.result = undefined
    this.died = false
    this.why = undefined
  }

  /** @internal */
  die(): void {
    this.blocked = false
    this.died = true
  }
}
