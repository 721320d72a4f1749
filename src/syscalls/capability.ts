/**
 * capget(2) and capset(2). Linux: kernel/capability.c (2.2.12, 2.6.14); cap_capset_check, cap_capset_set,
 * security/commoncap.c (2.6.14).
 *
 * The header of C is the pid alone, or `{ version, pid }` for programs that want to ask for a version. The three sets
 * are numbers of 32 bits.
 */

import { asCapSet } from '../abi/brand.js'
import { _LINUX_CAPABILITY_VERSION, CAP_SETPCAP, type CapData, capIsSubset } from '../abi/capability.js'
import { EFAULT, EINVAL, EPERM, type Errno, ESRCH, isErr, type Ret } from '../abi/errno.js'
import { type Cred, credWith } from '../kernel/cred.js'
import { pidFrom } from '../kernel/part.js'
import { membersOf, threadsOf } from '../kernel/signal.js'
import type { Task } from '../kernel/task.js'
import { findTask, tasksSeenBy } from '../kernel/visible.js'
import { capable } from '../security/capability.js'
import { deny } from '../security/deny.js'
import { row, type SyscallRow } from './row.js'

/**
 * The pid of a header; a call without one is about the caller. A version that the kernel does not speak is replaced
 * in the caller's header by the one that it does, and EINVAL.
 */
function readHeader(header: unknown): Ret<{ readonly pid: number }> {
  if (header === undefined) return { pid: 0 }
  if (typeof header === 'number') return Number.isInteger(header) ? { pid: header | 0 } : EINVAL
  if (typeof header !== 'object' || header === null) return EFAULT
  const version: unknown = Reflect.get(header, 'version') ?? _LINUX_CAPABILITY_VERSION
  if (version !== _LINUX_CAPABILITY_VERSION) {
    return Reflect.set(header, 'version', _LINUX_CAPABILITY_VERSION) ? EINVAL : EFAULT
  }
  const pid: unknown = Reflect.get(header, 'pid') ?? 0
  return typeof pid === 'number' && Number.isInteger(pid) ? { pid: pid | 0 } : EFAULT
}

/** The task with a pid; 0 is the caller. */
function findTarget(current: Task, pid: number): Task | Errno {
  return pid === 0 ? current : (findTask(current, pid) ?? ESRCH)
}

/**
 * The sets of a task. Errors: EFAULT, EINVAL (version, negative pid), ESRCH.
 * Linux: sys_capget, cap_capget.
 */
export function sysCapget(current: Task, header: unknown): Ret<CapData> {
  const asked = readHeader(header)
  if (isErr(asked)) return asked
  if (asked.pid < 0) return EINVAL
  const target = findTarget(current, asked.pid)
  if (isErr(target)) return target
  const { capEffective, capPermitted, capInheritable } = target.cred
  return { effective: capEffective, permitted: capPermitted, inheritable: capInheritable }
}

type CapFields = Pick<Cred, 'capEffective' | 'capPermitted' | 'capInheritable'>

/** The caller's three sets; null where they are none. */
function readSets(data: unknown): CapFields | null {
  if (typeof data !== 'object' || data === null) return null
  const [effective, permitted, inheritable]: unknown[] = ['effective', 'permitted', 'inheritable'].map(
    (name) => Reflect.get(data, name),
  )
  if (typeof effective !== 'number' || typeof permitted !== 'number' || typeof inheritable !== 'number')
    return null
  return {
    capEffective: asCapSet(effective),
    capPermitted: asCapSet(permitted),
    capInheritable: asCapSet(inheritable),
  }
}

/**
 * May `current` give `target` these sets? New inheritable and permitted ones must be the target's or permitted to the
 * caller, effective ones must be permitted. Linux: cap_capset_check.
 */
function capsetAllowed(current: Task, target: Task, sets: CapFields): boolean {
  const { capPermitted } = current.cred
  return (
    capIsSubset(sets.capInheritable, target.cred.capInheritable | capPermitted) &&
    capIsSubset(sets.capPermitted, target.cred.capPermitted | capPermitted) &&
    capIsSubset(sets.capEffective, sets.capPermitted)
  )
}

function setSets(target: Task, sets: CapFields): void {
  target.cred = credWith(target.cred, sets)
}

const refuse = (current: Task, target: Task | null): Errno =>
  deny(current, EPERM, 'state', target, 'beyond-permitted')

/**
 * Of all tasks (pid -1) all but the caller and init; of a group (-pgid), in 2.6.14, only the further threads of each
 * process: its loop starts behind the first. Linux: cap_set_all, cap_set_pg.
 */
function targetsOf(current: Task, pid: number): Task[] {
  if (pid === -1) return tasksSeenBy(current).filter((task) => task !== current && task.pid !== 1)
  const skipsFirst = current.k.facts.process.capsetChecksEachTarget
  return membersOf(current, pidFrom(current, -pid)).flatMap((group) =>
    threadsOf(group).filter((thread) => !skipsFirst || thread !== group.leader),
  )
}

/** Success if any target took it, or if there is none. */
function setMany(current: Task, pid: number, sets: CapFields): number {
  const each = current.k.facts.process.capsetChecksEachTarget
  if (!each && !capsetAllowed(current, current, sets)) return refuse(current, null)
  const targets = targetsOf(current, pid)
  const allowed = each ? targets.filter((target) => capsetAllowed(current, target, sets)) : targets
  for (const target of allowed) setSets(target, sets)
  return targets.length > 0 && allowed.length === 0 ? refuse(current, null) : 0
}

/**
 * Sets the sets of the caller (0), of a task, of a group (-pgid) or of all (-1). All but the caller's own need
 * CAP_SETPCAP, which nobody has who has not been given it by the host.
 * Errors: EFAULT, EINVAL (version), EPERM, ESRCH. Linux: sys_capset.
 */
export function sysCapset(current: Task, header: unknown, data: unknown): number {
  const asked = readHeader(header)
  if (isErr(asked)) return asked
  const { pid } = asked
  if (pid !== 0 && pidFrom(current, pid) !== current.pid && !capable(current, CAP_SETPCAP)) {
    return deny(current, EPERM, 'capability', undefined, CAP_SETPCAP)
  }
  const sets = readSets(data)
  if (sets === null) return EFAULT
  if (pid < 0) return setMany(current, pid, sets)
  const target = findTarget(current, pid)
  if (isErr(target)) return target
  if (!capsetAllowed(current, target, sets)) return refuse(current, target)
  setSets(target, sets)
  return 0
}

export const capabilityCalls: readonly SyscallRow[] = [
  row('capget', ['any'], sysCapget),
  row('capset', ['any', 'any'], sysCapset),
]
