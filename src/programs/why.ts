/**
 * `kernel.why(process)`: the last refusal of a process, or what killed it.
 */

import type { Task } from '../kernel/task.js'
import { explain } from '../security/explain.js'
import type { Why } from '../sim/why.js'
import type { Begun } from './begun.js'
import type { HostKernel } from './host.js'
import { Process } from './process.js'
import type { ProcessHandle } from './spawn.js'

/** Why a call that was begun, and is over, was refused, or what killed the task in it. */
export function whyOfCall(task: Task, { syscall, since, result, died }: Begun): Why | undefined {
  const { refusal } = task
  if (refusal === undefined || refusal.seq <= since) return undefined
  const why = explain(refusal, task)
  if (why.check === 'kill') return died ? why : undefined
  // A handler that ran in the call may have been refused something as well.
  return why.syscall === syscall && why.errno === result ? why : undefined
}

/** Throws a TypeError for what is no process of `k`. */
export function whyOf(k: HostKernel, process: ProcessHandle): Why | undefined {
  if (!(process instanceof Process)) throw new TypeError('why: a process is wanted')
  const task = process.current()
  if (task.k !== k) throw new TypeError('why: this is a process of another kernel')
  return task.refusal === undefined ? undefined : explain(task.refusal, task)
}
