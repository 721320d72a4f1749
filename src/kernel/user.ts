/**
 * How many tasks each real user has, for RLIMIT_NPROC. Linux: struct user_struct, kernel/user.c (2.2, 2.6).
 */

import type { Task } from './task.js'

/** Counts a task in (1) or out (-1) for its real uid. */
export function countUser(task: Task, change: 1 | -1): void {
  const { userTasks } = task.k.state
  const { uid } = task.cred
  const count = (userTasks.get(uid) ?? 0) + change
  if (count === 0) userTasks.delete(uid)
  else userTasks.set(uid, count)
}
