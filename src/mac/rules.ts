/**
 * The rules, as functions of labels alone: who sees what, who may read and write what. Each says by which rule of the
 * reference it refuses.
 */

import { EACCES, EADDRNOTAVAIL, ECONNREFUSED, EPERM, type Errno, ESRCH } from '../abi/errno.js'
import { isAdmin, isShared, type Label } from './label.js'
import type { MacSettings } from './options.js'

/** Why something is refused. */
export type Rule =
  | 'MAC-10'
  | 'MAC-27'
  | 'MAC-30 read'
  | 'MAC-30 write'
  | 'MAC-32'
  | 'MAC-43'
  | 'MAC-46'
  | '§9.5'

/** What the rules say: null is yes. */
export interface Refused {
  readonly rule: Rule
  readonly errno: Errno
}

const refused = (rule: Rule, errno: Errno): Refused => Object.freeze({ rule, errno })

const NOT_SEEN = refused('MAC-10', ESRCH)
const NOT_SEEN_FILES = refused('MAC-32', EACCES)
const NOT_BELOW = refused('MAC-27', EPERM)
const NOT_EQUAL = refused('MAC-27', EACCES)
const NO_READ_DOWN = refused('MAC-30 read', EACCES)
const NO_WRITE_UP = refused('MAC-30 write', EACCES)

const NO_TALK = refused('MAC-43', ECONNREFUSED)
/** A device that shows what all compartments do, and a task that is no administrator's (reference §9.5). */
export const NOT_ADMIN = refused('§9.5', EACCES)
const NOT_OURS = refused('MAC-46', EADDRNOTAVAIL)

/** May what one sends come to the other? (MAC-43, MAC-44) */
export const talkTo = (sender: Label, receiver: Label): Refused | null =>
  sender.compartment === receiver.compartment || isAdmin(sender) || isAdmin(receiver) ? null : NO_TALK

/** May a task bind an address that is reserved for a compartment? (MAC-46) */
export const useAddress = (subject: Label, compartment: number): Refused | null =>
  subject.compartment === compartment || isAdmin(subject) ? null : NOT_OURS

/** Is a sender allowed access to a label that an output rule requires? (MAC-42) */
export const hasAccess = (sender: Label, required: Label): boolean =>
  isAdmin(sender) || (sender.compartment === required.compartment && sender.grade >= required.grade)

/** MAC-10 to MAC-12: one compartment does not see another. */
export const seesCompartment = (subject: Label, object: Label): boolean =>
  subject.compartment === object.compartment || isAdmin(subject)

/** Does a task see another? */
export function seeTask(settings: MacSettings, subject: Label, object: Label): Refused | null {
  if (isAdmin(subject)) return null
  if (subject.compartment !== object.compartment) return NOT_SEEN
  return settings.strictBiba && object.grade < subject.grade ? NOT_SEEN : null
}

/** May a task signal another that it sees, or change its priority? (MAC-27) */
export function changeTask(settings: MacSettings, subject: Label, object: Label): Refused | null {
  if (isAdmin(subject) || subject.grade >= object.grade) return null
  return settings.strictBiba ? NOT_EQUAL : NOT_BELOW
}

/** Does a task see a file system? (MAC-10, MAC-32) */
export const seeFiles = (subject: Label, object: Label): Refused | null =>
  seesCompartment(subject, object) || isShared(object) ? null : NOT_SEEN_FILES

/** May a task read files of a file system? (MAC-30: no read down) */
export function readFiles(subject: Label, object: Label): Refused | null {
  const unseen = seeFiles(subject, object)
  if (unseen !== null) return unseen
  return object.grade >= subject.grade || isAdmin(subject) ? null : NO_READ_DOWN
}

/** May a task write files of a file system? (MAC-30: no write up) */
export function writeFiles(subject: Label, object: Label): Refused | null {
  const unseen = seeFiles(subject, object)
  if (unseen !== null) return unseen
  return subject.grade >= object.grade || isAdmin(subject) ? null : NO_WRITE_UP
}
