/**
 * The data of signals: pending sets and queues, dispositions, and the frames of running handlers.
 * Linux: struct sigpending, struct sighand_struct, struct k_sigaction (2.6.14).
 */

import type { SigInfo } from '../abi/signal.js'
import type { PendingCall } from './task.js'

/** Signals that have been sent and not yet taken. */
export class PendingSignals {
  low = 0
  high = 0
  /** Who sent what, oldest first; several of one real-time signal may be here. */
  queue: SigInfo[] = []
}

/** One disposition. `handler` is SIG_DFL 0, SIG_IGN 1, or a number ≥ 2 that names a function of the program. */
export interface KSigAction {
  readonly handler: number
  readonly flags: number
  readonly maskLow: number
  readonly maskHigh: number
}

export const DEFAULT_ACTION: KSigAction = Object.freeze({ handler: 0, flags: 0, maskLow: 0, maskHigh: 0 })

/** All dispositions of a process, by signal number; a hole is the default. Shared by CLONE_SIGHAND. */
export class SigHand {
  users = 1
  actions: (KSigAction | undefined)[]

  constructor(actions: (KSigAction | undefined)[]) {
    this.actions = actions
  }
}

/** A handler that runs or is about to: what to put back when it returns. Linux: struct sigframe. */
export interface SignalFrame {
  readonly signal: number
  readonly info: SigInfo
  readonly handler: number
  /** The mask before the signal. */
  readonly maskLow: number
  readonly maskHigh: number
  /** The interrupted call's result, or undefined where none was interrupted … */
  readonly result: unknown
  /** … or the call to start again (SA_RESTART). */
  readonly restart: PendingCall | null
  started: boolean
}
