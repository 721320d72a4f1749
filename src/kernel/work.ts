/**
 * Work that is put off until the system call is over that it comes from. It runs in process context, in order, one
 * after the other. Linux: struct work_struct, queue_work, flush_workqueue, kernel/workqueue.c (2.6.14).
 *
 * A worker there is a kernel thread; here there is no task behind it, and what it runs must not need one. There is one
 * processor, so there is one worker: it comes round when a call has ended, after bottom halves and before those who have
 * been woken. Work is named, so that what waits can be copied with the kernel.
 */

import { ATTEND } from './attention.js'
import { KernelBug } from './bug.js'
import { contextOf, hasDeferred } from './context.js'
import type { KernelCore } from './kernel.js'

/** One piece of work. */
class Work {
  readonly name: string
  readonly data: unknown

  constructor(name: string, data: unknown) {
    this.name = name
    this.data = data
  }
}

/** @internal One of each kind of object that is made here: see programs/shapes.ts. */
export const WORK_SHAPES: readonly object[] = Object.freeze([new Work('', null)])

/** @internal What waits for the worker: part of the kernel's state. */
export class WorkQueue {
  /** In the order of queueing. */
  pending: Work[] = []
  /** What the worker is at, or ''. */
  running = ''
}

/** Has the handler that some module contributes under `name` as `work` run with plain `data`. In any context. */
export function queueWork(k: KernelCore, name: string, data: unknown): void {
  k.state.work.pending.push(new Work(name, data))
  k.attention |= ATTEND
}

/**
 * Has everything run that waits, now; by hand where a handler asks for it itself. In process context only, or a
 * KernelBug. Linux: flush_workqueue.
 */
export function flushWork(k: KernelCore): void {
  const { work } = k.state
  if (contextOf(k) !== 'process')
    throw new KernelBug(`flushWork in a ${contextOf(k)} handler: it waits, and only process context may`)
  for (let next = work.pending.shift(); next !== undefined; next = work.pending.shift()) runOne(k, work, next)
}

/** @internal Is there something put off that could run now? */
export function hasPutOff(k: KernelCore): boolean {
  return hasDeferred(k) || canWork(k)
}

/** @internal The worker comes round: everything that was queued before. Bottom halves come first. */
export function runWork(k: KernelCore): void {
  const { work } = k.state
  for (let left = work.pending.length; left > 0 && canWork(k) && !hasDeferred(k); left--) {
    const next = work.pending.shift()
    if (next !== undefined) runOne(k, work, next)
  }
}

function canWork({ state: { work, contexts } }: KernelCore): boolean {
  if (work.pending.length === 0 || work.running !== '') return false
  return contexts.running.length === 0 && !contexts.irqsMasked && contexts.bhDisabled === 0
}

function runOne(k: KernelCore, work: WorkQueue, { name, data }: Work): void {
  const handler = k.workHandlers.get(name)
  if (handler === undefined) throw new KernelBug(`no work '${name}': no module contributes it`)
  const outer = work.running
  work.running = name
  try {
    handler(k, data)
  } finally {
    work.running = outer
  }
}
