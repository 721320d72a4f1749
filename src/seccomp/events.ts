/** What seccomp makes known to programs: see kernel/events.ts. */

import { defineEvent, publish } from '../kernel/events.js'
import type { Task } from '../kernel/task.js'

/** A task dies of a call: whose, which number on which architecture, the mode, and the signal it dies as of. */
export const SECCOMP_DEATH = defineEvent('seccomp:death', 17, 1, {
  pid: 'u32',
  tgid: 'u32',
  uid: 'u32',
  mode: 'u32',
  signal: 'u32',
  nr: 's32',
  arch: 'u32',
  comm: 'text16',
  call: 'text32',
})

/** Makes a death known. */
export function publishDeath(
  { k, pid, tgid, comm, cred }: Task,
  mode: number,
  signal: number,
  nr: number,
  arch: number,
  call: string,
): void {
  publish(k, SECCOMP_DEATH, { pid, tgid, uid: cred.uid, mode, signal, nr, arch, comm, call })
}
