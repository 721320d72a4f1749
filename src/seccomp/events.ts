/** What seccomp makes known to programs: see kernel/events.ts. */

import { defineEvent, publish } from '../kernel/events.js'
import type { Task } from '../kernel/task.js'

/** A task dies of a call: whose, which number on which architecture, the mode, and the signal it dies as of. */
export const SECCOMP_DEATH = defineEvent('seccomp:death', 17, 1, {
  /** The task. */
  pid: 'u32',
  /** Its process. */
  tgid: 'u32',
  /** Its real user. */
  uid: 'u32',
  /** SECCOMP_MODE_*. */
  mode: 'u32',
  /** The signal that it dies as of. */
  signal: 'u32',
  /** The number of the call on the architecture; -1 where it has none. */
  nr: 's32',
  /** AUDIT_ARCH_*; 0 where the architecture has no filters. */
  arch: 'u32',
  /** Its command name. */
  comm: 'text16',
  /** The kernel's name of the call. */
  call: 'text32',
})

/** Makes a death known. */
export function publishDeath(
  task: Task,
  mode: number,
  signal: number,
  nr: number,
  arch: number,
  call: string,
): void {
  const { k, pid, tgid, comm, cred } = task
  publish(k, SECCOMP_DEATH, { pid, tgid, uid: cred.uid, mode, signal, nr, arch, comm, call }, task)
}
