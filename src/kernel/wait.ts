/**
 * Wait queues: where a task sleeps until something it waits for may have happened.
 *
 * Linux: wait_queue_head_t, prepare_to_wait, __wake_up_common (kernel/sched.c, kernel/wait.c, 2.6). As there, a
 * non-exclusive sleeper goes to the head of the queue, an exclusive one to its tail; a wake-up walks from the
 * head, wakes every non-exclusive sleeper and at most one exclusive one. A sleeper leaves all its queues when it
 * is woken (autoremove_wake_function). Nothing is handed over: the woken call runs again and looks for itself.
 */

import { enqueueTask } from './runqueue.js'
import { TASK_RUNNING, type Task } from './task.js'

/** One task's place in one queue; a task polling several files has several, chained by `sibling`. */
export class WaitEntry {
  task: Task
  queue: WaitQueue
  exclusive: boolean
  prev: WaitEntry | null = null
  next: WaitEntry | null = null
  sibling: WaitEntry | null

  constructor(task: Task, queue: WaitQueue, exclusive: boolean) {
    this.task = task
    this.queue = queue
    this.exclusive = exclusive
    this.sibling = task.waits
  }
}

/** A list of sleeping tasks. `name` says what they wait for, in words: 'pipe:[12] data'. */
export class WaitQueue {
  /** What its tasks wait for, in words. */
  name: string
  /** @internal */
  head: WaitEntry | null = null
  /** @internal */
  tail: WaitEntry | null = null

  constructor(name: string) {
    this.name = name
  }
}

/** Puts `task` on `queue` without changing its state. Linux: prepare_to_wait / prepare_to_wait_exclusive. */
export function addWait(task: Task, queue: WaitQueue, exclusive = false): void {
  const entry = new WaitEntry(task, queue, exclusive)
  task.waits = entry
  if (exclusive) {
    entry.prev = queue.tail
    if (queue.tail === null) queue.head = entry
    else queue.tail.next = entry
    queue.tail = entry
  } else {
    entry.next = queue.head
    if (queue.head === null) queue.tail = entry
    else queue.head.prev = entry
    queue.head = entry
  }
}

/** Takes `task` off every queue it is on. Linux: finish_wait. */
export function removeWaits(task: Task): void {
  let entry = task.waits
  task.waits = null
  while (entry !== null) {
    const queue = entry.queue
    if (entry.prev === null) queue.head = entry.next
    else entry.prev.next = entry.next
    if (entry.next === null) queue.tail = entry.prev
    else entry.next.prev = entry.prev
    entry.prev = null
    entry.next = null
    entry = entry.sibling
  }
}

/** Makes a sleeping task runnable, whatever it sleeps for. No-op on a running one. Linux: wake_up_process. */
export function wakeTask(task: Task): void {
  if (task.waits !== null) removeWaits(task)
  if (task.state === TASK_RUNNING) return
  task.state = TASK_RUNNING
  enqueueTask(task)
}

/** Wakes every non-exclusive sleeper and one exclusive one. Linux: wake_up, __wake_up_common. */
export function wakeUp(queue: WaitQueue): void {
  let entry = queue.head
  while (entry !== null) {
    // Waking a task takes all its entries off their queues: go on with another task's.
    const { task, exclusive } = entry
    let next = entry.next
    while (next !== null && next.task === task) next = next.next
    wakeTask(task)
    if (exclusive) return
    entry = next
  }
}
