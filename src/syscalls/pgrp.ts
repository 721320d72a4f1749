/**
 * Process ids, process groups and sessions. Linux: kernel/sys.c, kernel/timer.c (2.6.14); kernel/sys.c,
 * kernel/sched.c (2.2.12).
 *
 * There are no terminals, so setsid has none to give up.
 */

import { asPid, type Pid } from '../abi/brand.js'
import { EACCES, EINVAL, EPERM, type Errno, ESRCH, type Ret } from '../abi/errno.js'
import { pidFor, pidFrom } from '../kernel/part.js'
import { getPgrp, joinPgrp, leavePgrp } from '../kernel/pid.js'
import {
  isGroupLeader,
  type Pgrp,
  pgidOf,
  sidOf,
  type Task,
  TF_FORKNOEXEC,
  type ThreadGroup,
} from '../kernel/task.js'
import { findTask } from '../kernel/visible.js'
import { deny } from '../security/deny.js'
import { row, type SyscallRow } from './row.js'

/** The process: all its threads have the same. Linux: sys_getpid. */
export const sysGetpid = (current: Task): Pid => asPid(pidFor(current, current.tgid))

/** The thread. Linux: sys_gettid (2.4.11). */
export const sysGettid = (current: Task): Pid => asPid(pidFor(current, current.pid))

/** The parent process; init's is 0, the idle task. Linux: sys_getppid. */
export function sysGetppid(current: Task): Pid {
  const { leader } = current.group
  return asPid(leader === current.k.state.init ? 0 : pidFor(current, leader.parent.tgid))
}

/** Linux: sys_getpgrp. */
export const sysGetpgrp = (current: Task): Pid => asPid(pidFor(current, pgidOf(current)))

/** The process group of a task, zombies included; 0 is the caller. Errors: ESRCH. Linux: sys_getpgid. */
export function sysGetpgid(current: Task, pid: number): Ret<Pid> {
  if (pid === 0) return asPid(pidFor(current, pgidOf(current)))
  const target = findTask(current, pid)
  if (target === undefined) return ESRCH
  const refused = current.k.security.taskGetpgid(current, target)
  return refused === 0 ? asPid(pidFor(current, pgidOf(target))) : (refused as Errno)
}

/** The session of a task, zombies included; 0 is the caller. Errors: ESRCH. Linux: sys_getsid. */
export function sysGetsid(current: Task, pid: number): Ret<Pid> {
  if (pid === 0) return asPid(pidFor(current, sidOf(current)))
  const target = findTask(current, pid)
  if (target === undefined) return ESRCH
  const refused = current.k.security.taskGetsid(current, target)
  return refused === 0 ? asPid(pidFor(current, sidOf(target))) : (refused as Errno)
}

/** Takes a process from its group to another; the new one exists before an empty old one disappears. */
function movePgrp(current: Task, group: ThreadGroup, to: Pgrp): void {
  if (group.pgrp === to) return
  leavePgrp(current.k.state, group)
  joinPgrp(group, to)
}

/** May `current` move `target` into the group `pgid`? 0 or the error, in the order of the kernel's checks. */
function checkSetpgid(current: Task, target: Task, pgid: number): number {
  if (!isGroupLeader(target)) return EINVAL
  const session = sidOf(current)
  if (target.parent === current) {
    if (sidOf(target) !== session) return deny(current, EPERM, 'session', target, 'child-in-other-session')
    if ((target.flags & TF_FORKNOEXEC) === 0)
      return deny(current, EACCES, 'session', target, 'child-has-called-exec')
  } else if (target !== current) return ESRCH
  if (target.group.isSessionLeader) return deny(current, EPERM, 'session', target, 'leads-session')
  if (pgid !== target.pid && current.k.state.pgrps.get(pgid)?.session !== session) {
    return deny(current, EPERM, 'session', target, 'no-such-group')
  }
  return current.k.security.taskSetpgid(current, target, pgid)
}

/**
 * Moves the caller or a child that has not called exec into a group of the session, or into a new one of its own.
 * `pid` 0 is the caller, `pgid` 0 is `pid`. Errors: EINVAL, ESRCH, EPERM, EACCES. Linux: sys_setpgid.
 */
export function sysSetpgid(current: Task, pid: number, pgid: number): number {
  if ((pgid === 0 ? pid : pgid) < 0) return EINVAL
  const { state } = current.k
  const target = pid === 0 ? current : findTask(current, pid)
  if (target === undefined) return ESRCH
  const id = pgid === 0 ? target.pid : pidFrom(current, pgid)
  const refused = checkSetpgid(current, target, id)
  if (refused !== 0) return refused
  movePgrp(current, target.group, getPgrp(state, id, sidOf(target)))
  return 0
}

/**
 * Makes the caller leader of a new session and a new group, both with its pid.
 * Errors: EPERM a group of this id exists, as for any group leader; EINVAL not the first thread (2.6).
 * Linux: sys_setsid.
 */
export function sysSetsid(current: Task): Ret<Pid> {
  if (!isGroupLeader(current)) return EINVAL
  const { state } = current.k
  if (state.pgrps.has(current.pid)) return deny(current, EPERM, 'session', current, 'group-exists')
  current.group.isSessionLeader = true
  movePgrp(current, current.group, getPgrp(state, current.pid, current.pid))
  return asPid(pidFor(current, current.pid))
}

export const pgrpCalls: readonly SyscallRow[] = [
  row('getpid', [], sysGetpid),
  row('gettid', [], sysGettid),
  row('getppid', [], sysGetppid),
  row('getpgrp', [], sysGetpgrp),
  row('getpgid', ['int'], sysGetpgid),
  row('setpgid', ['int', 'int'], sysSetpgid),
  row('getsid', ['int'], sysGetsid),
  row('setsid', [], sysSetsid),
]
