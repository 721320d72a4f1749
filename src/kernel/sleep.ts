/**
 * Going to sleep inside a system call. A handler calls one of these and returns what it returns; after the
 * wake-up the dispatcher runs the handler again. A pending signal refuses the sleep with ERESTARTSYS, so a
 * handler always looks at its condition first and at signals second, as the loops of the kernel do.
 *
 * Errors: each throws a KernelBug where nobody may sleep; see context.ts.
 */

import { BLOCKED, ERESTARTSYS, type Errno } from '../abi/errno.js'
import { ATTEND } from './attention.js'
import { assertMaySleep } from './context.js'
import { TASK_INTERRUPTIBLE, TASK_UNINTERRUPTIBLE, type Task } from './task.js'
import type { Timer } from './timer.js'
import { addWait, removeWaits, type WaitQueue, wakeTask } from './wait.js'

/** Name of the timer handler that wakes a task; its data is the task. Linux: process_timeout. */
export const WAKE_TIMER = 'sched.wake'

/** Sleeps on one queue until woken or a signal comes. Linux: interruptible_sleep_on. */
export function sleepOn(current: Task, queue: WaitQueue, exclusive = false): Errno {
  assertMaySleep(current, queue.name)
  if (current.sigPending) return ERESTARTSYS
  addWait(current, queue, exclusive)
  current.state = TASK_INTERRUPTIBLE
  current.k.attention |= ATTEND
  return BLOCKED
}

/** As `sleepOn`, deaf to signals. Linux: sleep_on. */
export function sleepOnUninterruptible(current: Task, queue: WaitQueue): Errno {
  assertMaySleep(current, queue.name)
  addWait(current, queue)
  current.state = TASK_UNINTERRUPTIBLE
  current.k.attention |= ATTEND
  return BLOCKED
}

/** Sleeps on whatever queues `addWait` has been called for (poll), or just for a signal (pause). */
export function sleep(current: Task): Errno {
  assertMaySleep(current, current.waits?.queue.name ?? 'a signal')
  if (current.sigPending) {
    removeWaits(current)
    return ERESTARTSYS
  }
  current.state = TASK_INTERRUPTIBLE
  current.k.attention |= ATTEND
  return BLOCKED
}

/** Arms a timer that wakes `current` at `atMs` since boot. The caller keeps it in `current.restart`. */
export function wakeAt(current: Task, atMs: number): Timer {
  return current.k.state.timers.add(atMs, WAKE_TIMER, current)
}

/** The handler behind WAKE_TIMER. */
export function onWakeTimer(_k: unknown, data: unknown): void {
  wakeTask(data as Task)
}
