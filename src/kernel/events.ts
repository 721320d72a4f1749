/**
 * Events for programs: what the kernel and its modules make known to whoever listens in user space.
 *
 * A kind of event is a constant of whoever it is about: a name, a number in two parts, and the fields of its record. It is
 * made known in one line, `publish(k, KIND, { … })`; who carries it out of the kernel is a module that contributes
 * `events`, and neither knows of the other. Without such a module, or while nobody listens, nothing is made.
 *
 * Unlike the trace, this is part of the run: what is published reaches programs, is copied with the kernel, and costs
 * them their time.
 */

import { checkFields, type WireFields, type WireRecord } from '../lib/wire_record.js'
import type { KernelCore } from './kernel.js'
import type { Task } from './task.js'

/** A kind of event. Make one with `defineEvent`. */
export interface EventKind<F extends WireFields = WireFields, Name extends string = string> {
  /** Who it is about and what has happened: 'seccomp:death'. */
  readonly name: Name
  /** Where it goes: kinds with the same number are listened to together. 1 is taken by the processes. */
  readonly idx: number
  /** Which of those it is. */
  readonly val: number
  /** The record, in the order of its bytes. */
  readonly fields: F
}

/** Carries events out of the kernel. In any context, and without sleeping. */
export interface EventSink {
  /** Does anybody listen to this kind? */
  wants(kind: EventKind): boolean
  /** Takes one along. Only kinds that it wants. `about` is whom it tells of, and not everybody may hear of. */
  send<F extends WireFields>(kind: EventKind<F>, record: WireRecord<F>, about: Task | null): void
}

/** A kind of event. Throws a TypeError for numbers below 1 or fields that cannot be laid out. */
export function defineEvent<const Name extends string, const F extends WireFields>(
  name: Name,
  idx: number,
  val: number,
  fields: F,
): EventKind<F, Name> {
  for (const number of [idx, val])
    if (!Number.isInteger(number) || number < 1 || number > 0xffffffff)
      throw new TypeError(`event '${name}': numbers from 1 to 2^32 - 1 are wanted, not ${String(number)}`)
  checkFields(`event '${name}'`, fields)
  return Object.freeze({ name, idx, val, fields: Object.freeze({ ...fields }) })
}

/** Would anybody hear of this kind? For whom the record is dear. */
export const isWanted = ({ events }: KernelCore, kind: EventKind): boolean => events?.wants(kind) === true

/**
 * Makes an event known, if anybody listens. `about` is the task that it tells of, if it tells of one: whoever may not see
 * that does not hear of it. In any context.
 */
export function publish<F extends WireFields>(
  k: KernelCore,
  kind: EventKind<F>,
  record: WireRecord<F>,
  about: Task | null = null,
): void {
  const { events } = k
  if (events?.wants(kind) === true) events.send(kind, record, about)
}
