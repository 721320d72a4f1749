/**
 * Timers on virtual time, as data: a handler's name and its argument, so that pending timers can be copied.
 *
 * Linux: struct timer_list (kernel/timer.c). Ordered by (expiry, order of setting); `remove` is del_timer.
 */

import { DueHeap } from '../lib/due_heap.js'

/** A pending timer. `at` is milliseconds since boot. */
export class Timer {
  /** Milliseconds since boot. */
  at: number
  /** @internal Order of setting. */
  seq: number
  /** Key of a handler in the kernel's timer handlers. */
  handler: string
  /** What the handler gets: plain data. */
  data: unknown
  /** @internal Its place in the heap; -1 when not pending. */
  index = -1

  constructor(at: number, seq: number, handler: string, data: unknown) {
    this.at = at
    this.seq = seq
    this.handler = handler
    this.data = data
  }
}

export class TimerHeap extends DueHeap<Timer> {
  nextSeq = 0

  /** Arms a timer. Linux: add_timer. */
  add(at: number, handler: string, data: unknown): Timer {
    const timer = new Timer(at, this.nextSeq++, handler, data)
    this.insert(timer)
    return timer
  }

  /** Arms a timer that is not pending again, for another moment. Linux: mod_timer. */
  rearm(timer: Timer, at: number): void {
    timer.at = at
    timer.seq = this.nextSeq++
    this.insert(timer)
  }
}
