/**
 * How many tasks each real user has, for RLIMIT_NPROC. Linux: struct user_struct, kernel/user.c (2.2, 2.6).
 */

import type { Task } from './task.js'

/** Users of a part are others than those of the whole: see part.ts. */
const SPAN = 2 ** 32

/** A task's real user, as he is counted. `uid`: what it would be. */
export function userKey(task: Task, uid: number = task.cred.uid): number {
  const { partOf } = task.k
  return partOf === null ? uid : uid + partOf(task) * SPAN
}

/** Counts a task in (1) or out (-1) for its real uid. */
export function countUser(task: Task, change: 1 | -1): void {
  const { userTasks } = task.k.state
  const key = userKey(task)
  const count = (userTasks.get(key) ?? 0) + change
  if (count === 0) userTasks.delete(key)
  else userTasks.set(key, count)
}
