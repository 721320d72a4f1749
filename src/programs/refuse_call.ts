/**
 * Direct calls that cannot be made: by a process that has ended, runs a program, is stopped, or is in another call.
 */

import { TASK_STOPPED, TASK_ZOMBIE, type Task, TF_DIRECT } from '../kernel/task.js'
import type { Process } from './process.js'

/** A call by a process that has ended, or that runs a program. */
export class OutOfProgram extends TypeError {
  /** Which process: the number that tells it from others with its pid. */
  readonly serial: number

  constructor(process: Process, message: string) {
    super(message)
    this.serial = process.serial
    Object.defineProperty(this, 'serial', { enumerable: false })
  }
}

/** Says why a process cannot make a direct call now. Throws TypeError, always. */
export function refuseCall(process: Process, task: Task, name: string): never {
  const who = `pid ${process.pid}${task.comm === '' ? '' : ` (${task.comm})`}`
  if (task.k.trace.emitting) throw new TypeError(`${name}: a trace listener must not call into the kernel`)
  if (task.state >= TASK_ZOMBIE)
    throw new OutOfProgram(process, `${name}: ${who} has ended and can make no calls`)
  if ((task.flags & TF_DIRECT) === 0)
    throw new OutOfProgram(
      process,
      `${name}: ${who} runs a program; direct calls are for processes without one`,
    )
  if (task.state === TASK_STOPPED) throw new TypeError(`${name}: ${who} is stopped`)
  throw new TypeError(`${name}: ${who} is still in ${task.call?.name ?? 'another call'}`)
}
