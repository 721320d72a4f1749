/**
 * `kernel.why(process)`: the last refusal of a process, or what killed it.
 */

import { explain } from '../security/explain.js'
import type { Why } from '../sim/why.js'
import type { HostKernel } from './host.js'
import { Process } from './process.js'
import type { ProcessHandle } from './spawn.js'

/** Throws a TypeError for what is no process of `k`. */
export function whyOf(k: HostKernel, process: ProcessHandle): Why | undefined {
  if (!(process instanceof Process)) throw new TypeError('why: a process is wanted')
  const task = process.current()
  if (task.k !== k) throw new TypeError('why: this is a process of another kernel')
  return task.refusal === undefined ? undefined : explain(task.refusal, task)
}
