/**
 * The data of signals: pending sets and queues, dispositions, and the frames of running handlers.
 * Linux: struct sigpending, struct sighand_struct, struct k_sigaction (2.6.14).
 */

import type { SigInfo } from '../abi/signal.js'
import type { KillCause } from '../sim/why.js'
import type { CallOutputs } from './program.js'
import type { PendingCall } from './task.js'

/** Why the kernel sent a signal, where its information does not say. `subject` is what it was about. */
export interface SignalCause {
  readonly info: SigInfo
  readonly cause: KillCause
  readonly subject: unknown
}

/** Signals that have been sent and not yet taken. */
export class PendingSignals {
  static readonly undigested: readonly string[] = ['causes']

  low = 0
  high = 0
  /** Who sent what, oldest first; several of one real-time signal may be here. */
  queue: SigInfo[] = []
  /** There was no memory for the information of one of them. */
  lostInfo = false
  /** Why some of them were sent. No part of the state: it only explains. */
  causes: SignalCause[] | undefined = undefined
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
  /** It leaves by rt_sigreturn. Linux: setup_rt_frame, for SA_SIGINFO. */
  readonly isRealtime: boolean
  /** The mask before the signal. */
  readonly maskLow: number
  readonly maskHigh: number
  /** The interrupted call's result, or undefined where none was interrupted … */
  readonly result: unknown
  /** … with what that call left in its arguments … */
  readonly outputs: CallOutputs
  /** … or the call to start again (SA_RESTART). */
  readonly restart: PendingCall | null
  started: boolean
}
