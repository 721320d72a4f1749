/**
 * Refusals that can say who refused and why.
 *
 * Every place that says no to a task calls `deny` (or the hook chain does). What it notes are references in one
 * preallocated record, so nobody pays for an explanation that nobody asks for; `explain` turns the record into a
 * sentence, and a `security:deny` event carries it when somebody listens.
 */

import { capabilityName } from '../abi/capability.js'
import { type Errno, errnoName } from '../abi/errno.js'
import type { Task } from '../kernel/task.js'
import { Inode } from '../vfs/inode.js'

/** Which kind of check said no. */
export type DenyCheck =
  | 'dac'
  | 'capability'
  | 'owner'
  | 'sticky'
  | 'mount'
  | 'immutable'
  | 'limit'
  | 'signal'
  | 'session'
  | 'hook'
  | 'state'

/** The last refusal, as data. `subject` is what was to be touched; `detail` depends on the check. */
export class Refusal {
  pid = 0
  /** The negative error number; 0 while nothing has been refused. */
  errno = 0
  check: DenyCheck = 'state'
  /** The module for a hook, the capability's number, the access mask, or a word. */
  what: string | number = ''
  detail: unknown = undefined
  subject: unknown = undefined
}

/** Notes a refusal and returns its error: `return deny(current, EACCES, 'dac', inode, mask)`. */
export function deny(
  current: Task,
  error: Errno,
  check: DenyCheck,
  subject: unknown,
  what: string | number = '',
): Errno {
  recordRefusal(current, error, check, what, undefined, subject)
  return error
}

/** @internal */
export function recordRefusal(
  current: Task,
  error: number,
  check: DenyCheck,
  what: string | number,
  detail: unknown,
  subject: unknown,
): void {
  const k = current.k
  const refusal = k.refusal
  refusal.pid = current.pid
  refusal.errno = error
  refusal.check = check
  refusal.what = what
  refusal.detail = detail
  refusal.subject = subject
  if (k.trace.securityDeny) {
    k.emitDeny(current, refusal, explain(refusal))
  }
}

const maskWords = (mask: number): string =>
  [mask & 4 ? 'read' : '', mask & 2 ? 'write' : '', mask & 1 ? 'execute or search' : '']
    .filter(Boolean)
    .join(' and ')

function subjectWords(subject: unknown): string {
  if (subject instanceof Inode) {
    return `inode ${subject.ino} (mode ${(subject.mode & 0o7777).toString(8).padStart(4, '0')}, owner ${subject.uid}:${subject.gid})`
  }
  if (typeof subject === 'string') return subject
  return 'the object'
}

/** One sentence that says which check refused what. */
export function explain(refusal: Refusal): string {
  const name = errnoName(refusal.errno)
  const subject = subjectWords(refusal.subject)
  switch (refusal.check) {
    case 'dac':
      return `${name}: the mode bits of ${subject} do not give ${maskWords(Number(refusal.what))}`
    case 'capability':
      return `${name}: ${capabilityName(Number(refusal.what))} is needed`
    case 'owner':
      return `${name}: only the owner of ${subject} or a task with CAP_FOWNER may do this`
    case 'sticky':
      return `${name}: the directory is sticky and ${subject} belongs to somebody else`
    case 'mount':
      return `${name}: the mount is ${refusal.what}`
    case 'immutable':
      return `${name}: ${subject} is ${refusal.what}`
    case 'limit':
      return `${name}: the limit ${refusal.what} is reached`
    case 'signal':
      return `${name}: the sender's uids match neither uid of the target`
    case 'session':
      return `${name}: ${refusal.what}`
    case 'hook':
      return `${name}: hook ${String(refusal.detail)} of module '${refusal.what}' refused`
    case 'state':
      return `${name}: ${refusal.what}`
  }
}
