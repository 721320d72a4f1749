/**
 * Programs as the kernel sees them: an image that exec can start, and the journal of what it has been told.
 *
 * A program's continuation (a generator) cannot be copied. Its journal can: starting the program again and
 * feeding it the same answers leads to the same place. The journal is a chain of entries that nobody changes, newest
 * first, so that fork(2) and copies of the kernel share the past for free.
 */

import type { SigHandler } from '../abi/signal.js'
import type { Task } from './task.js'

/** Handed to the dispatcher by programs: which call, with which arguments. */
export interface SyscallRequest {
  /** The call's name: 'open'. */
  readonly name: string
  /** Its arguments. */
  readonly args: readonly unknown[]
}

/** What the kernel asks of the layer that runs programs. */
export interface UserMode {
  /** A number ≥ 2 for a handler function of a task, to be stored in its dispositions. */
  handlerNumber(task: Task, fn: unknown): number
  /** The function behind a number. */
  handlerFunction(task: Task, handler: number): SigHandler
  /** An image that runs a generator function and knows the task's handlers (clone); null for anything else. */
  functionImage(task: Task, fn: unknown): ProgramImage | null
  /** The task's program has been replaced: it starts afresh when it runs next. */
  started(task: Task): void
  /** A call of a program that keeps a journal is over: what it has left in its arguments. */
  outputsOf(call: SyscallRequest, result: unknown): CallOutputs
  /** A child has been made: it knows its parent's handlers. */
  forked(parent: Task, child: Task): void
}

/** How a program runs: see programs/. `name` identifies it; `run` and `machine` are code, not state. */
export interface ProgramImage {
  readonly name: string
  readonly kind: 'direct' | 'generator' | 'machine' | 'plain'
  /** The code, a frozen holder so that copies of the kernel share it. */
  readonly code: unknown
  /** False: no journal; the task cannot be forked or copied once it has started. */
  readonly journalled: boolean
}

/** The buffer that a call has filled: the argument's position, and its bytes as text, one character a byte. */
export interface FilledBuffer {
  readonly at: number
  readonly bytes: string
}

/** What a call left in its arguments: a buffer, or frozen copies by position; null for nothing. */
export type CallOutputs = FilledBuffer | readonly (readonly [number, unknown])[] | null

/** One thing a program was told, and what came before. `result` entries answer a call, the others start a handler. */
export interface Journal {
  /** 'early': a signal that came before the program had begun. */
  readonly kind: 'result' | 'signal' | 'early'
  /** The call and its plain arguments, or the handler's number. */
  readonly what: string | number
  /** A frozen copy of the answer, or of the signal's information. */
  readonly value: unknown
  /** What the call left in its arguments. */
  readonly out: CallOutputs
  /** The entry before this one; null for the first. */
  readonly previous: Journal | null
  /** Entries so far, this one included. */
  readonly length: number
}
