/**
 * One call, or a sequence of calls as libc makes them, that may sleep at any point: a `Step` is the call under
 * way plus what to do with its result. The runner looks at it again after every line.
 */

import type { Errno } from 'paleokernel'
import { errnoName, isErr } from 'paleokernel'
import type { Answer } from './answer.js'

/** What the library gives for a begun call. */
export interface Begun<T> {
  readonly blocked: boolean
  readonly result: T | undefined
}

/** A call under way. */
export interface Step {
  readonly done: () => boolean
  /** Only when done: the answer, or the next call. */
  readonly next: () => Outcome
}

/** An operation is answered, or goes on. */
export type Outcome = Answer | Step

export const isStep = (outcome: Outcome): outcome is Step => 'next' in outcome

/** Begins a call; an error ends the operation with that errno. */
export function step<T>(call: Begun<T>, then: (result: Exclude<T, Errno>) => Outcome): Step {
  return stepEither(call, (result) => (isErr(result) ? failed(result) : then(result as Exclude<T, Errno>)))
}

/** Begins a call whose errors do not end the operation. */
export function stepEither<T>(call: Begun<T>, then: (result: T) => Outcome): Step {
  return {
    done: () => !call.blocked,
    next: () => then(call.result as T),
  }
}

/** The recorder's `R(r)` for a failed call. */
export const failed = (result: Errno): Answer => ({ e: errnoName(result) })

/** A call whose answer is its return value or its errno. */
export const plain = (call: Begun<number>): Step =>
  stepEither(call, (result) => (isErr(result) ? failed(result) : { r: result }))
