/**
 * The run queue: runnable tasks in the order in which they became so, linked through the tasks themselves.
 *
 * Linux: struct prio_array (kernel/sched.c, 2.6) with one priority. Two queues: tasks that run a program, which
 * `k.step()` picks from, and tasks that the host drives directly, which are served at the end of every direct
 * call. Insertion and removal cost the same whatever the number of tasks.
 */

import { ATTEND } from './attention.js'
import { type Task, TF_DIRECT } from './task.js'

/** A doubly linked queue of runnable tasks. */
export class RunQueue {
  head: Task | null = null
  tail: Task | null = null
  length = 0
}

/** Appends a runnable task to the queue it belongs to; a task already queued stays where it is. */
export function enqueueTask(task: Task): void {
  if (task.queued !== null) return
  const direct = (task.flags & TF_DIRECT) !== 0
  const queue = direct ? task.k.state.directQueue : task.k.state.runQueue
  if (direct) task.k.attention |= ATTEND
  task.queued = queue
  task.runPrev = queue.tail
  if (queue.tail === null) queue.head = task
  else queue.tail.runNext = task
  queue.tail = task
  queue.length++
}

/** The task at a place in its queue, counted from `head`. */
export function nthTask(head: Task | null, index: number): Task | null {
  let task = head
  for (let i = 0; i < index && task !== null; i++) task = task.runNext
  return task
}

/** Takes a task off its queue, wherever in it it stands. */
export function dequeueTask(task: Task): void {
  const queue = task.queued
  if (queue === null) return
  if (task.runPrev === null) queue.head = task.runNext
  else task.runPrev.runNext = task.runNext
  if (task.runNext === null) queue.tail = task.runPrev
  else task.runNext.runPrev = task.runPrev
  task.runPrev = null
  task.runNext = null
  task.queued = null
  queue.length--
}
