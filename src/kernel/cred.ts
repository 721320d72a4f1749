/**
 * Credentials: who a task is. Linux: the uid, gid, groups and cap_* fields of struct task_struct (2.2, 2.6.14).
 *
 * A Cred is immutable and frozen: tasks share it, fork(2) copies one reference, and a change makes a new one
 * (as `struct cred` does since 2.6.29; userland cannot tell the difference).
 */

import type { CapSet } from '../abi/brand.js'

/** One immutable set of credentials. All ids are numbers ≥ 0; `groups` are the supplementary groups. */
export class Cred {
  /** The real uid. */
  readonly uid: number
  /** The effective uid. */
  readonly euid: number
  /** The saved uid. */
  readonly suid: number
  /** The uid that file access is judged by. Linux: fsuid, setfsuid(2). */
  readonly fsuid: number
  /** The real gid. */
  readonly gid: number
  /** The effective gid. */
  readonly egid: number
  /** The saved gid. */
  readonly sgid: number
  /** The gid that file access is judged by. */
  readonly fsgid: number
  /** Supplementary groups. */
  readonly groups: readonly number[]
  /** Capabilities that are checked. */
  readonly capEffective: CapSet
  /** Capabilities that may be made effective. */
  readonly capPermitted: CapSet
  /** Capabilities that exec may pass on. */
  readonly capInheritable: CapSet
  /** prctl(PR_SET_KEEPCAPS): keep permitted capabilities when all uids leave 0. Cleared by exec. */
  readonly keepCaps: boolean

  constructor(fields: CredFields) {
    this.uid = fields.uid
    this.euid = fields.euid
    this.suid = fields.suid
    this.fsuid = fields.fsuid
    this.gid = fields.gid
    this.egid = fields.egid
    this.sgid = fields.sgid
    this.fsgid = fields.fsgid
    this.groups = Object.freeze(fields.groups.slice())
    this.capEffective = fields.capEffective
    this.capPermitted = fields.capPermitted
    this.capInheritable = fields.capInheritable
    this.keepCaps = fields.keepCaps
    Object.freeze(this)
  }
}

/** The plain fields of a Cred. */
export type CredFields = { readonly [K in keyof Cred]: Cred[K] }

/** A copy of `cred` with some fields changed. */
export const credWith = (cred: Cred, change: Partial<CredFields>): Cred => new Cred({ ...cred, ...change })

/** Is `gid` the file-system group or one of the supplementary groups? Linux: in_group_p, kernel/sys.c. */
export function inGroup(cred: Cred, gid: number): boolean {
  return gid === cred.fsgid || cred.groups.includes(gid)
}

/** Linux: in_egroup_p, kernel/sys.c: as `inGroup`, by the effective group. */
export function inEffectiveGroup(cred: Cred, gid: number): boolean {
  return gid === cred.egid || cred.groups.includes(gid)
}
