/**
 * Copies of a whole kernel: snapshot, restore, fork, digest. Not fork(2).
 *
 * All of it is one walk over `k.state`. Where the state refers to its kernel, the copy refers to the other one.
 */

import { ATTEND } from '../kernel/attention.js'
import type { KernelState } from '../kernel/kernel.js'
import { TF_DIRECT } from '../kernel/task.js'
import { cloneGraph, digestGraph } from '../lib/graph.js'
import type { Scheduler } from '../sim/schedule.js'
import type { HostKernel, UnderWay } from './host.js'

/** A kernel's state at one moment. Opaque: give it to `restore` of the kernel it came from, as often as needed. */
export class Snapshot {
  /** @internal The kernel that it was taken of. */
  readonly origin: HostKernel
  /** @internal */
  readonly state: KernelState
  /** @internal */
  readonly handlers: ReadonlyMap<number, unknown>
  /** @internal Calls under way, by serial number. */
  readonly begun: ReadonlyMap<number, UnderWay>
  /** @internal The scheduler at this moment: its random numbers, and the choices so far. */
  readonly scheduler: Scheduler

  /** @internal */
  constructor(k: HostKernel) {
    this.origin = k
    this.handlers = handlersOf(k)
    this.begun = k.begunCalls()
    this.scheduler = k.scheduler.copy()
    this.state = cloneGraph(k.state, { replace: new Map<object, object>([[k, this]]), functionHint: HINT })
    k.newEpoch()
  }

  /** @internal A fresh copy for `k`. */
  stateFor(k: HostKernel): KernelState {
    return cloneGraph(this.state, { replace: new Map<object, object>([[this, k]]), functionHint: HINT })
  }
}

const HINT = 'use defineFileOps, or name a handler that attach contributes'

/** Handler functions of tasks that the host drives, by serial number: code, shared by copies. */
function handlersOf(k: HostKernel): ReadonlyMap<number, unknown> {
  const handlers = new Map<number, unknown>()
  for (const task of k.state.tasks.values()) {
    if ((task.flags & TF_DIRECT) !== 0 && Array.isArray(task.handlers))
      handlers.set(task.serial, task.handlers.slice())
  }
  return handlers
}

function giveHandlers(k: HostKernel, handlers: ReadonlyMap<number, unknown>): void {
  for (const task of k.state.tasks.values()) {
    const own = handlers.get(task.serial)
    if (Array.isArray(own)) task.handlers = own.slice()
  }
}

/** Puts a snapshot's state in place. Handles look their tasks up again. */
export function restoreInto(k: HostKernel, snapshot: Snapshot): void {
  k.state = snapshot.stateFor(k)
  k.generation++
  k.newEpoch()
  giveHandlers(k, snapshot.handlers)
  k.resumeBegun(snapshot.begun)
  k.scheduler = snapshot.scheduler.copy()
  k.attention |= ATTEND
}

/** Copies `from`'s state into a new kernel with the same wiring. */
export function copyState(from: HostKernel, to: HostKernel): void {
  to.state = cloneGraph(from.state, { replace: new Map<object, object>([[from, to]]), functionHint: HINT })
  from.newEpoch()
  to.newEpoch()
  giveHandlers(to, handlersOf(from))
  to.attention |= ATTEND
}

/** 16 hexadecimal digits that depend on every part of the state and on nothing else. */
export const digestOf = (k: HostKernel): string =>
  digestGraph(k.state, { wiring: new Set<object>([k]), functionHint: HINT })
