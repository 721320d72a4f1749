/**
 * Resource limits, priorities and usage. Linux: kernel/sys.c (2.0.35, 2.2.12, 2.6.14), kernel/sched.c.
 *
 * An unlimited limit is RLIM_INFINITY in the model; 2.0 and 2.2 call it 0x7fffffff, so that getrlimit says that there
 * and setrlimit takes it.
 *
 * Left out: real-time scheduling (sched_setscheduler takes SCHED_OTHER only); nice values have no influence on who
 * runs.
 */

import { CAP_SYS_NICE, CAP_SYS_RESOURCE } from '../abi/capability.js'
import { EACCES, EFAULT, EINVAL, ENOSYS, EPERM, type Errno, ESRCH, isErr, type Ret } from '../abi/errno.js'
import {
  PRIO_MAX,
  PRIO_MIN,
  PRIO_PGRP,
  PRIO_PROCESS,
  PRIO_USER,
  RLIM_INFINITY,
  RLIMIT_NICE,
  RLIMIT_NOFILE,
  type Rlimit,
  RUSAGE_CHILDREN,
  RUSAGE_SELF,
  type Rusage,
  rlimNlimits,
} from '../abi/resource.js'
import { type Timespec, type Tms, USER_HZ } from '../abi/time.js'
import { processTimes, processUsage } from '../kernel/cputime.js'
import { pidFrom } from '../kernel/part.js'
import { softLimit, withRlimit } from '../kernel/rlimit.js'
import { membersOf } from '../kernel/signal.js'
import { pgidOf, type Task } from '../kernel/task.js'
import { findTask, tasksSeenBy } from '../kernel/visible.js'
import { capable } from '../security/capability.js'
import { deny } from '../security/deny.js'
import { row, type SyscallRow } from './row.js'

// ---- limits --------------------------------------------------------------------------------------------------

const isResource = (current: Task, resource: number): boolean =>
  resource >= 0 && resource < rlimNlimits(current.k.facts.release)

/** Both limits. Errors: EINVAL. Linux: sys_getrlimit. */
export function sysGetrlimit(current: Task, resource: number): Ret<Rlimit> {
  if (!isResource(current, resource)) return EINVAL
  const { rlimInfinity } = current.k.facts
  const { cur, max } = current.group.rlimits[resource] ?? { cur: RLIM_INFINITY, max: RLIM_INFINITY }
  return { cur: Math.min(cur, rlimInfinity), max: Math.min(max, rlimInfinity) }
}

/**
 * One limit as an unsigned long. Everything from the profile's RLIM_INFINITY on is unlimited; NaN is no number.
 * Deviation: in 2.0 and 2.2 a negative limit is a long below all others; here it is unlimited in all profiles.
 */
function limitOf(current: Task, value: unknown): number | null {
  if (typeof value !== 'number' || Number.isNaN(value)) return null
  const word = value < 0 ? value >>> 0 : Math.trunc(value)
  return word >= current.k.facts.rlimInfinity ? RLIM_INFINITY : word
}

function readRlimit(current: Task, value: unknown): Ret<Rlimit> {
  if (typeof value !== 'object' || value === null) return EFAULT
  const cur = limitOf(current, Reflect.get(value, 'cur'))
  const max = limitOf(current, Reflect.get(value, 'max'))
  return cur === null || max === null ? EFAULT : { cur, max }
}

/**
 * May the limit be set? In 2.6 a soft limit is held to the hard one beside it, before that to the old hard one, unless
 * the caller has CAP_SYS_RESOURCE.
 */
function checkRlimit(current: Task, resource: number, next: Rlimit): number {
  const old = current.group.rlimits[resource] ?? { cur: RLIM_INFINITY, max: RLIM_INFINITY }
  const { rlimitsAreOrdered } = current.k.facts.process
  if (rlimitsAreOrdered && next.cur > next.max) return EINVAL
  const raises = next.max > old.max || (!rlimitsAreOrdered && next.cur > old.max)
  if (raises && !capable(current, CAP_SYS_RESOURCE)) {
    return deny(current, EPERM, 'capability', undefined, CAP_SYS_RESOURCE)
  }
  const files = Math.max(next.max, rlimitsAreOrdered ? 0 : next.cur)
  if (resource === RLIMIT_NOFILE && files > current.k.facts.nrOpen) {
    return deny(current, EPERM, 'limit', null, 'NR_OPEN', current.k.facts.nrOpen)
  }
  return current.k.security.taskSetrlimit(current, resource)
}

/** Errors: EINVAL (resource, soft above hard), EFAULT, EPERM. Linux: sys_setrlimit. */
export function sysSetrlimit(current: Task, resource: number, value: unknown): number {
  if (!isResource(current, resource)) return EINVAL
  const next = readRlimit(current, value)
  if (isErr(next)) return next
  const refused = checkRlimit(current, resource, next)
  if (refused !== 0) return refused
  const { group } = current
  group.rlimits = withRlimit(group.rlimits, resource, next.cur, next.max)
  return 0
}

// ---- usage ---------------------------------------------------------------------------------------------------

/** CPU time and faults of the process or of its waited-for children. Errors: EINVAL. Linux: sys_getrusage. */
export function sysGetrusage(current: Task, who: number): Ret<Rusage> {
  if (who !== RUSAGE_SELF && who !== RUSAGE_CHILDREN) return EINVAL
  return processUsage(current.group, who)
}

const ticks = (ms: number): number => Math.floor((ms * USER_HZ) / 1000)

/**
 * CPU time in ticks of 10 ms, and as `elapsed` the ticks since boot, which is what the call returns in C.
 * Deviation: in 2.6 the ticks do not start at 0 but shortly before they wrap. Linux: sys_times.
 */
export function sysTimes(current: Task): Tms {
  const { group, k } = current
  const { utime, stime } = processTimes(group)
  return {
    utime: ticks(utime),
    stime: ticks(stime),
    cutime: ticks(group.childUtime),
    cstime: ticks(group.childStime),
    elapsed: ticks(k.state.now),
  }
}

// ---- priorities ----------------------------------------------------------------------------------------------

const clampNice = (nice: number): number => Math.min(Math.max(nice, PRIO_MIN), PRIO_MAX - 1)

/** May `current` give `target` this nice value, which is lower than its own? Linux: can_nice (2.6.13). */
function canNice(current: Task, target: Task, nice: number): boolean {
  const { hasRlimitNice } = current.k.facts.process
  if (hasRlimitNice && 20 - nice <= softLimit(target.group.rlimits, RLIMIT_NICE)) return true
  return capable(current, CAP_SYS_NICE)
}

const lacksNice = (current: Task, error: Errno): Errno =>
  deny(current, error, 'capability', undefined, CAP_SYS_NICE)

/**
 * Adds to the nice value, which stays between -20 and 19. Returns 0, not the new value: the C library asks for that.
 * Errors: EPERM. Linux: sys_nice.
 */
export function sysNice(current: Task, increment: number): number {
  const nice = clampNice(current.nice + Math.min(Math.max(increment, -40), 40))
  if (increment < 0 && !canNice(current, current, nice)) return lacksNice(current, EPERM)
  const refused = current.k.security.taskSetnice(current, current, nice)
  if (refused !== 0) return refused
  current.nice = nice
  return 0
}

/** The tasks that `which` and `who` mean, oldest first; `who` 0 is the caller('s). Linux: proc_sel (2.2). */
function tasksOf(current: Task, which: number, who: number): Task[] {
  switch (which) {
    case PRIO_PROCESS: {
      const task = who === 0 ? current : findTask(current, who)
      return task === undefined ? [] : [task]
    }
    case PRIO_PGRP:
      return membersOf(current, who === 0 ? pgidOf(current) : pidFrom(current, who)).map(
        (group) => group.leader,
      )
    default: {
      const uid = who === 0 ? current.cred.uid : current.k.facts.uidBits === 16 ? who & 0xffff : who >>> 0
      return tasksSeenBy(current).filter((task) => task.cred.uid === uid)
    }
  }
}

const isWhich = (which: number): boolean => which >= PRIO_PROCESS && which <= PRIO_USER

/**
 * The highest priority among the tasks, as the kernel returns it: 20 minus the nice value, 1 to 40, so that it is
 * never an error. Errors: EINVAL, ESRCH. Linux: sys_getpriority.
 */
export function sysGetpriority(current: Task, which: number, who: number): number {
  if (!isWhich(which)) return EINVAL
  const found = tasksOf(current, which, who).map((task) => 20 - task.nice)
  return found.length === 0 ? ESRCH : Math.max(...found)
}

/** Whose nice value may be set without CAP_SYS_NICE. */
function ownsPriority(current: Task, target: Task): boolean {
  const { cred } = current
  const other = target.cred
  if (current.k.facts.process.setpriorityBy === 'real-uid')
    return other.uid === cred.euid || other.uid === cred.uid
  return other.uid === cred.euid || other.euid === cred.euid
}

/** Linux: set_one_prio (2.6), the loop of sys_setpriority (2.2). */
function setOnePriority(current: Task, target: Task, nice: number): number {
  if (!ownsPriority(current, target) && !capable(current, CAP_SYS_NICE)) return lacksNice(current, EPERM)
  if (nice < target.nice && !canNice(current, target, nice)) return lacksNice(current, EACCES)
  const refused = current.k.security.taskSetnice(current, target, nice)
  if (refused !== 0) return refused
  target.nice = nice
  return 0
}

/**
 * Sets the nice value of a task, a process group or a user's tasks. The last refusal is the result, though others may
 * have changed. Errors: EINVAL, ESRCH, EPERM not mine, EACCES a lower value. Linux: sys_setpriority.
 */
export function sysSetpriority(current: Task, which: number, who: number, nice: number): number {
  if (!isWhich(which)) return EINVAL
  const targets = tasksOf(current, which, who)
  if (targets.length === 0) return ESRCH
  let result = 0
  for (const target of targets) {
    const refused = setOnePriority(current, target, clampNice(nice))
    if (refused !== 0) result = refused
  }
  return result
}

// ---- scheduling ----------------------------------------------------------------------------------------------

const SCHED_OTHER = 0
const SCHED_FIFO = 1
const SCHED_RR = 2
/** Real-time priorities are 1 to this. Linux: MAX_USER_RT_PRIO - 1. */
const MAX_RT_PRIORITY = 99

/** The task that a sched_* call means; 0 is the caller. Linux: find_process_by_pid. */
function scheduled(current: Task, pid: number): Task | Errno {
  if (pid < 0) return EINVAL
  return pid === 0 ? current : (findTask(current, pid) ?? ESRCH)
}

/** Everybody has SCHED_OTHER, 0. Errors: EINVAL, ESRCH. Linux: sys_sched_getscheduler. */
export function sysSchedGetscheduler(current: Task, pid: number): number {
  const task = scheduled(current, pid)
  return isErr(task) ? task : SCHED_OTHER
}

/** The real-time priority, 0. Errors: EINVAL, ESRCH. Linux: sys_sched_getparam. */
export function sysSchedGetparam(current: Task, pid: number): Ret<{ priority: number }> {
  const task = scheduled(current, pid)
  return isErr(task) ? task : { priority: 0 }
}

/** The priority of a `{ priority }`. */
function readPriority(param: unknown): Ret<number> {
  if (param === null || param === undefined) return EINVAL
  const priority: unknown = typeof param === 'object' ? Reflect.get(param, 'priority') : undefined
  if (typeof priority !== 'number') return EFAULT
  return priority >= 0 && priority <= MAX_RT_PRIORITY ? priority : EINVAL
}

/**
 * Checks as the kernel does and then takes SCHED_OTHER only: a real-time policy is EPERM without CAP_SYS_NICE and
 * EINVAL with it. Errors: EINVAL, EFAULT, ESRCH, EPERM. Linux: setscheduler.
 */
export function sysSchedSetscheduler(current: Task, pid: number, policy: number, param: unknown): number {
  const task = scheduled(current, pid)
  if (task === EINVAL) return EINVAL
  const priority = readPriority(param)
  if (priority === EFAULT || param === null || param === undefined) return priority
  if (isErr(task)) return task
  if (policy !== SCHED_OTHER && policy !== SCHED_FIFO && policy !== SCHED_RR) return EINVAL
  if (isErr(priority) || (policy === SCHED_OTHER) !== (priority === 0)) return EINVAL
  if (policy !== SCHED_OTHER) return capable(current, CAP_SYS_NICE) ? EINVAL : lacksNice(current, EPERM)
  const { euid } = current.cred
  const mine = euid === task.cred.euid || euid === task.cred.uid
  return mine || capable(current, CAP_SYS_NICE) ? 0 : lacksNice(current, EPERM)
}

/** As sched_setscheduler with the present policy. Linux: sys_sched_setparam. */
export const sysSchedSetparam = (current: Task, pid: number, param: unknown): number =>
  sysSchedSetscheduler(current, pid, SCHED_OTHER, param)

const isPolicy = (policy: number): boolean => policy >= SCHED_OTHER && policy <= SCHED_RR

/** Errors: EINVAL. Linux: sys_sched_get_priority_max. */
export const sysSchedGetPriorityMax = (_current: Task, policy: number): number => {
  if (!isPolicy(policy)) return EINVAL
  return policy === SCHED_OTHER ? 0 : MAX_RT_PRIORITY
}

/** Errors: EINVAL. Linux: sys_sched_get_priority_min. */
export const sysSchedGetPriorityMin = (_current: Task, policy: number): number => {
  if (!isPolicy(policy)) return EINVAL
  return policy === SCHED_OTHER ? 0 : 1
}

/** Milliseconds that a task would run at a stretch. Linux: task_timeslice, kernel/sched.c (2.6.14). */
function timesliceMs(nice: number): number {
  const whole = nice < 0 ? 400 : 100
  return Math.max(Math.floor((whole * (20 - nice)) / 20), 5)
}

/** Errors: ENOSYS (2.0), EINVAL, ESRCH (2.6). Linux: sys_sched_rr_get_interval. */
export function sysSchedRrGetInterval(current: Task, pid: number): Ret<Timespec> {
  const { rrInterval } = current.k.facts.process
  if (rrInterval === 'none') return ENOSYS
  if (rrInterval === 'fixed') return { sec: 0, nsec: 150_000 }
  const task = scheduled(current, pid)
  return isErr(task) ? task : { sec: 0, nsec: timesliceMs(task.nice) * 1_000_000 }
}

/** Between two calls another task may run in any case. Linux: sys_sched_yield. */
export const sysSchedYield = (): number => 0

export const limitCalls: readonly SyscallRow[] = [
  row('getrlimit', ['int'], sysGetrlimit),
  row('setrlimit', ['int', 'any'], sysSetrlimit),
  row('getrusage', ['int'], sysGetrusage, 'partial', 'times only'),
  row('times', [], sysTimes),
  row('nice', ['int'], sysNice, 'partial', 'does not influence scheduling'),
  row('getpriority', ['int', 'int'], sysGetpriority),
  row('setpriority', ['int', 'int', 'int'], sysSetpriority, 'partial', 'does not influence scheduling'),
  row('sched_getscheduler', ['int'], sysSchedGetscheduler),
  row('sched_setscheduler', ['int', 'int', 'any'], sysSchedSetscheduler, 'partial', 'SCHED_OTHER only'),
  row('sched_getparam', ['int'], sysSchedGetparam),
  row('sched_setparam', ['int', 'any'], sysSchedSetparam, 'partial', 'SCHED_OTHER only'),
  row('sched_get_priority_max', ['int'], sysSchedGetPriorityMax),
  row('sched_get_priority_min', ['int'], sysSchedGetPriorityMin),
  row('sched_rr_get_interval', ['int'], sysSchedRrGetInterval),
  row('sched_yield', [], sysSchedYield),
]
