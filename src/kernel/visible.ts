/**
 * Which tasks a task can find by their number, or in a list: all of them, unless a module hides some. What is hidden is
 * as if it did not exist: ESRCH from calls, ENOENT in /proc. Kernel-made bonds (parents, children, SIGCHLD) do not
 * come through here.
 *
 * Every place of Linux that finds another task: reference §1.6 (2.2.12).
 */

import { pidFrom } from './part.js'
import type { Task } from './task.js'

/** Does `current` see this task? Itself always. Costs one test where nobody hides anything. */
export function seesTask(current: Task, task: Task): boolean {
  const { k } = current
  return !k.hidesTasks || task === current || k.security.taskVisible(current, task) === 0
}

/** The task that `current` means by this pid, of those that `current` sees. Linux: find_task_by_pid, for a user. */
export function findTask(current: Task, pid: number): Task | undefined {
  const task = current.k.state.tasks.get(current.k.partOf === null ? pid : pidFrom(current, pid))
  return task !== undefined && seesTask(current, task) ? task : undefined
}

/**
 * All tasks that `current` sees, oldest first, as a copy. Costs what a module's list costs that says where they all
 * are; without one, as much as there are tasks. Linux: for_each_task.
 */
export function tasksSeenBy(current: Task): Task[] {
  const { k } = current
  if (!k.hidesTasks) return [...k.state.tasks.values()]
  let among: Iterable<Task> | null = null
  for (const { tasksAmong } of k.contributions.values()) {
    among = tasksAmong?.(current) ?? among
  }
  const seen: Task[] = []
  for (const task of among ?? k.state.tasks.values()) if (seesTask(current, task)) seen.push(task)
  return seen
}
