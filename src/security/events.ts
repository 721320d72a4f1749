/** What security makes known to programs: see kernel/events.ts. */

import { defineEvent, isWanted, publish } from '../kernel/events.js'
import type { Task } from '../kernel/task.js'
import type { Refusal } from './deny.js'
import { explain } from './explain.js'

/** A call was refused: who, which call, the negative error number, the kind of check, and the sentence of `kernel.why`. */
export const SECURITY_DENY = defineEvent('security:deny', 16, 1, {
  /** The task. */
  pid: 'u32',
  /** Its process. */
  tgid: 'u32',
  /** Its real user. */
  uid: 'u32',
  /** Its effective user. */
  euid: 'u32',
  /** Negative. */
  errno: 's32',
  /** Which kind of check: 'dac', 'capability', 'hook', … */
  check: 'text16',
  /** Its command name. */
  comm: 'text16',
  /** The name of the call. */
  call: 'text32',
  /** The sentence of `kernel.why`. */
  reason: 'text',
})

/** Makes a refusal known, if anybody listens. */
export function publishRefusal(task: Task, noted: Refusal): void {
  if (!isWanted(task.k, SECURITY_DENY)) return
  const { pid, tgid, comm, cred } = task
  const { check, errno, syscall: call } = noted
  const reason = explain(noted, task).sentence
  publish(
    task.k,
    SECURITY_DENY,
    {
      pid,
      tgid,
      uid: cred.uid,
      euid: cred.euid,
      errno,
      check,
      comm,
      call,
      reason,
    },
    task,
  )
}
