/**
 * User and group ids: getuid to setfsgid. Linux: kernel/sys.c (2.0.35, 2.2.12, 2.6.14).
 *
 * The calls take ids as the C library of the time passes them: 16 bits wide in 2.0 and 2.2, 32 bits in 2.6 (there
 * `setuid` stands for setuid32). -1 of that width means "leave it" to the calls that set several ids; to the others
 * it is an id like any. Each call asks the module hooks before it judges by itself, as in 2.6. A set of credentials
 * is replaced as a whole, so a call that fails has changed nothing.
 *
 * Left out: the 16-bit calls of 2.6, with their 65534 for what does not fit.
 */

import { asGid, asUid, type Gid, type Uid } from '../abi/brand.js'
import { CAP_SETGID, CAP_SETUID } from '../abi/capability.js'
import { EAGAIN, EFAULT, EINVAL, ENOMEM, EPERM, type Errno, isErr } from '../abi/errno.js'
import { RLIMIT_NPROC } from '../abi/resource.js'
import { type Cred, type CredFields, credWith } from '../kernel/cred.js'
import { denyProcess } from '../kernel/fork.js'
import type { IdKind } from '../kernel/module.js'
import { softLimit } from '../kernel/rlimit.js'
import type { Task } from '../kernel/task.js'
import { countUser, userKey } from '../kernel/user.js'
import { capable, capEmulateSetxuid, capFollowFsuid } from '../security/capability.js'
import { deny } from '../security/deny.js'
import { shouldFail } from '../sim/faults.js'
import { row, type SyscallRow } from './row.js'

/** An id as the profile's call takes it. Linux: __kernel_old_uid_t, __kernel_uid32_t. */
const idOf = (current: Task, value: number): number =>
  current.k.facts.uidBits === 16 ? value & 0xffff : value >>> 0

/** (uid_t) -1: an argument that leaves its id. */
const unset = (current: Task): number => (current.k.facts.uidBits === 16 ? 0xffff : 0xffffffff)

/** An argument's id, or the present one for -1. */
function idOr(current: Task, value: number, present: number): number {
  const id = idOf(current, value)
  return id === unset(current) ? present : id
}

const isUnset = (current: Task, value: number): boolean => idOf(current, value) === unset(current)

// ---- reading -------------------------------------------------------------------------------------------------

/** The real uid. Linux: sys_getuid. */
export const sysGetuid = (current: Task): Uid => asUid(current.cred.uid)
/** The effective uid. Linux: sys_geteuid. */
export const sysGeteuid = (current: Task): Uid => asUid(current.cred.euid)
/** The real gid. Linux: sys_getgid. */
export const sysGetgid = (current: Task): Gid => asGid(current.cred.gid)
/** The effective gid. Linux: sys_getegid. */
export const sysGetegid = (current: Task): Gid => asGid(current.cred.egid)

/** Real, effective and saved uid. Linux: sys_getresuid. */
export function sysGetresuid(current: Task): [Uid, Uid, Uid] {
  const { uid, euid, suid } = current.cred
  return [asUid(uid), asUid(euid), asUid(suid)]
}

/** Real, effective and saved gid. Linux: sys_getresgid. */
export function sysGetresgid(current: Task): [Gid, Gid, Gid] {
  const { gid, egid, sgid } = current.cred
  return [asGid(gid), asGid(egid), asGid(sgid)]
}

/** The supplementary groups, a fresh array. Linux: sys_getgroups. */
export const sysGetgroups = (current: Task): Gid[] => current.cred.groups.map(asGid)

// ---- taking effect -------------------------------------------------------------------------------------------

/** Is the new real user over its RLIMIT_NPROC? Linux: set_user. */
function userIsFull(current: Task, uid: number): boolean {
  const { k, cred, group } = current
  if (!k.facts.process.setuidChecksNproc || uid === cred.uid || uid === 0) return false
  return (k.state.userTasks.get(userKey(current, uid)) ?? 0) >= softLimit(group.rlimits, RLIMIT_NPROC)
}

/** Is there no memory for the first task of a user? 2.0 and 2.2 do without, uncounted. Linux: alloc_uid. */
function lacksUser(current: Task, uid: number): boolean {
  const { k, cred } = current
  if (k.injection === null || !k.facts.process.setuidChecksNproc) return false
  return uid !== cred.uid && !k.state.userTasks.has(userKey(current, uid)) && shouldFail(k, 'alloc:user')
}

/** Makes `next` the task's credentials and tells the modules. Linux: switch_uid, proc_id_connector. */
function commit(current: Task, next: Cred, which: IdKind): void {
  const { euid, egid, fsuid, fsgid } = current.cred
  // What the memory holds is no longer the new user's to see. Linux: mm->dumpable = suid_dumpable.
  if (euid !== next.euid || egid !== next.egid || fsuid !== next.fsuid || fsgid !== next.fsgid)
    current.dumpable = 0
  if (next.uid === current.cred.uid) current.cred = next
  else {
    countUser(current, -1)
    current.cred = next
    countUser(current, 1)
  }
  current.k.notifiers.setid(current, which)
}

/** The last steps of setuid, setreuid and setresuid: 0, or EAGAIN. Linux: set_user, security_task_post_setuid. */
function commitUids(current: Task, change: Partial<CredFields>): number {
  const old = current.cred
  const next = { ...old, ...change }
  if (userIsFull(current, next.uid)) return denyProcess(current)
  if (lacksUser(current, next.uid)) return EAGAIN
  commit(current, credWith(next, capEmulateSetxuid(old, next)), 'uid')
  return 0
}

/** A refusal for want of CAP_SETUID or CAP_SETGID. */
const lacks = (current: Task, capability: number): Errno =>
  deny(current, EPERM, 'capability', undefined, capability)

// ---- uids ----------------------------------------------------------------------------------------------------

/**
 * With CAP_SETUID all four uids, else the effective and the file-system uid, which must be the real or the saved one.
 * Errors: EPERM, EAGAIN (RLIMIT_NPROC of the new user, 2.6). Linux: sys_setuid.
 */
export function sysSetuid(current: Task, value: number): number {
  const old = current.cred
  const uid = idOf(current, value)
  const privileged = capable(current, CAP_SETUID)
  const change = privileged ? { uid, euid: uid, suid: uid, fsuid: uid } : { euid: uid, fsuid: uid }
  const refused = current.k.security.taskSetuid(current, credWith(old, change))
  if (refused !== 0) return refused
  if (!privileged && uid !== old.uid && uid !== old.suid) return lacks(current, CAP_SETUID)
  return commitUids(current, change)
}

/**
 * The saved uid follows the effective one where the real uid is set at all, or the effective one to something else
 * than the real uid was. Errors: EPERM, EAGAIN (2.6). Linux: sys_setreuid.
 */
export function sysSetreuid(current: Task, ruid: number, euid: number): number {
  const old = current.cred
  const uid = idOr(current, ruid, old.uid)
  const effective = idOr(current, euid, old.euid)
  const saves = !isUnset(current, ruid) || (!isUnset(current, euid) && effective !== old.uid)
  const change = { uid, euid: effective, fsuid: effective, suid: saves ? effective : old.suid }
  const refused = current.k.security.taskSetuid(current, credWith(old, change))
  if (refused !== 0) return refused
  const mayReal = uid === old.uid || uid === old.euid
  const mayEffective = effective === old.uid || effective === old.euid || effective === old.suid
  if (!(mayReal && mayEffective) && !capable(current, CAP_SETUID)) return lacks(current, CAP_SETUID)
  return commitUids(current, change)
}

/**
 * Each of the three must be one of the three present ones without CAP_SETUID.
 * Errors: EPERM, EAGAIN (2.6). Linux: sys_setresuid.
 */
export function sysSetresuid(current: Task, ruid: number, euid: number, suid: number): number {
  const old = current.cred
  const { setresResetsFsIds } = current.k.facts.process
  const ids = [
    idOr(current, ruid, old.uid),
    idOr(current, euid, old.euid),
    idOr(current, suid, old.suid),
  ] as const
  const fsuid = !setresResetsFsIds && isUnset(current, euid) ? old.fsuid : ids[1]
  const change = { uid: ids[0], euid: ids[1], suid: ids[2], fsuid }
  const refused = current.k.security.taskSetuid(current, credWith(old, change))
  if (refused !== 0) return refused
  const mine = [old.uid, old.euid, old.suid]
  if (!ids.every((id) => mine.includes(id)) && !capable(current, CAP_SETUID))
    return lacks(current, CAP_SETUID)
  return commitUids(current, change)
}

/**
 * Sets the uid that file access is judged by, and with it the capabilities on files. Returns the one before, whether
 * it has worked or not. Linux: sys_setfsuid.
 */
export function sysSetfsuid(current: Task, value: number): Uid {
  const old = current.cred
  const fsuid = idOf(current, value)
  const before = asUid(old.fsuid)
  if (current.k.security.taskSetuid(current, credWith(old, { fsuid })) !== 0) return before
  const isMine = [old.uid, old.euid, old.suid, old.fsuid].includes(fsuid)
  if (!isMine && !capable(current, CAP_SETUID)) return before
  commit(current, credWith(old, { fsuid, capEffective: capFollowFsuid(old, fsuid) }), 'uid')
  return before
}

// ---- gids ----------------------------------------------------------------------------------------------------

/** With CAP_SETGID all four gids, else the effective and the file-system gid. Errors: EPERM. Linux: sys_setgid. */
export function sysSetgid(current: Task, value: number): number {
  const old = current.cred
  const gid = idOf(current, value)
  const privileged = capable(current, CAP_SETGID)
  const next = credWith(
    old,
    privileged ? { gid, egid: gid, sgid: gid, fsgid: gid } : { egid: gid, fsgid: gid },
  )
  const refused = current.k.security.taskSetgid(current, next)
  if (refused !== 0) return refused
  if (!privileged && gid !== old.gid && gid !== old.sgid) return lacks(current, CAP_SETGID)
  commit(current, next, 'gid')
  return 0
}

/** As setreuid, by gids. Errors: EPERM. Linux: sys_setregid. */
export function sysSetregid(current: Task, rgid: number, egid: number): number {
  const old = current.cred
  const gid = idOr(current, rgid, old.gid)
  const effective = idOr(current, egid, old.egid)
  const saves = !isUnset(current, rgid) || (!isUnset(current, egid) && effective !== old.gid)
  const next = credWith(old, { gid, egid: effective, fsgid: effective, sgid: saves ? effective : old.sgid })
  const refused = current.k.security.taskSetgid(current, next)
  if (refused !== 0) return refused
  const mayReal = gid === old.gid || gid === old.egid
  const mayEffective = effective === old.gid || effective === old.egid || effective === old.sgid
  if (!(mayReal && mayEffective) && !capable(current, CAP_SETGID)) return lacks(current, CAP_SETGID)
  commit(current, next, 'gid')
  return 0
}

/** As setresuid, by gids. Errors: EPERM. Linux: sys_setresgid. */
export function sysSetresgid(current: Task, rgid: number, egid: number, sgid: number): number {
  const old = current.cred
  const { setresResetsFsIds } = current.k.facts.process
  const ids = [
    idOr(current, rgid, old.gid),
    idOr(current, egid, old.egid),
    idOr(current, sgid, old.sgid),
  ] as const
  const fsgid = !setresResetsFsIds && isUnset(current, egid) ? old.fsgid : ids[1]
  const next = credWith(old, { gid: ids[0], egid: ids[1], sgid: ids[2], fsgid })
  const refused = current.k.security.taskSetgid(current, next)
  if (refused !== 0) return refused
  const mine = [old.gid, old.egid, old.sgid]
  if (!ids.every((id) => mine.includes(id)) && !capable(current, CAP_SETGID))
    return lacks(current, CAP_SETGID)
  commit(current, next, 'gid')
  return 0
}

/** Sets the gid that file access is judged by. Returns the one before, changed or not. Linux: sys_setfsgid. */
export function sysSetfsgid(current: Task, value: number): Gid {
  const old = current.cred
  const fsgid = idOf(current, value)
  const before = asGid(old.fsgid)
  const next = credWith(old, { fsgid })
  if (current.k.security.taskSetgid(current, next) !== 0) return before
  const isMine = [old.gid, old.egid, old.sgid, old.fsgid].includes(fsgid)
  if (!isMine && !capable(current, CAP_SETGID)) return before
  commit(current, next, 'gid')
  return before
}

/** The caller's list as the kernel keeps it. Linux: groups_from_user, groups_sort. */
function copyGroups(current: Task, list: readonly unknown[]): number[] | Errno {
  const groups: number[] = []
  for (const gid of list) {
    if (typeof gid !== 'number' || !Number.isInteger(gid)) return EFAULT
    groups.push(idOf(current, gid))
  }
  return current.k.facts.process.sortsGroups ? groups.sort((a, b) => a - b) : groups
}

/** Errors: EPERM without CAP_SETGID, EINVAL too many, EFAULT no list of numbers, ENOMEM. Linux: sys_setgroups. */
export function sysSetgroups(current: Task, list: unknown): number {
  if (!capable(current, CAP_SETGID)) return lacks(current, CAP_SETGID)
  if (!Array.isArray(list)) return EFAULT
  if (list.length > current.k.facts.ngroupsMax) return EINVAL
  if (shouldFail(current.k, 'alloc:groups')) return ENOMEM
  const groups = copyGroups(current, list)
  if (isErr(groups)) return groups
  const refused = current.k.security.taskSetgroups(current, groups)
  if (refused !== 0) return refused
  current.cred = credWith(current.cred, { groups })
  return 0
}

export const idCalls: readonly SyscallRow[] = [
  row('getuid', [], sysGetuid),
  row('geteuid', [], sysGeteuid),
  row('getgid', [], sysGetgid),
  row('getegid', [], sysGetegid),
  row('getresuid', [], sysGetresuid),
  row('getresgid', [], sysGetresgid),
  row('getgroups', [], sysGetgroups),
  row('setuid', ['int'], sysSetuid),
  row('setreuid', ['int', 'int'], sysSetreuid),
  row('setresuid', ['int', 'int', 'int'], sysSetresuid),
  row('setfsuid', ['int'], sysSetfsuid),
  row('setgid', ['int'], sysSetgid),
  row('setregid', ['int', 'int'], sysSetregid),
  row('setresgid', ['int', 'int', 'int'], sysSetresgid),
  row('setfsgid', ['int'], sysSetfsgid),
  row('setgroups', ['any'], sysSetgroups),
]
