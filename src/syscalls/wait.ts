/**
 * Waiting for children. Linux: sys_wait4, do_wait, eligible_child, wait_task_zombie, wait_task_stopped,
 * wait_task_continued (kernel/exit.c, 2.6.14); sys_wait4 (2.2).
 */

import { asPid } from '../abi/brand.js'
import { ECHILD, EFAULT, EINVAL, type Errno, type Ret } from '../abi/errno.js'
import type { Rusage } from '../abi/resource.js'
import { SIGCHLD } from '../abi/signal.js'
import {
  __WALL,
  __WCLONE,
  __WNOTHREAD,
  CONTINUED_STATUS,
  stoppedStatus,
  type WaitResult,
  WCONTINUED,
  WNOHANG,
  WUNTRACED,
} from '../abi/wait.js'
import { releaseTask } from '../kernel/exit.js'
import { pidFor, pidFrom } from '../kernel/part.js'
import { sleepOn } from '../kernel/sleep.js'
import { pgidOf, TASK_STOPPED, TASK_ZOMBIE, type Task } from '../kernel/task.js'
import { WaitQueue } from '../kernel/wait.js'
import { shouldFail } from '../sim/faults.js'
import { row, type SyscallRow } from './row.js'

/** Times in microseconds. Stopped and continued children tell nothing of theirs. */
const rusage = (utimeMs: number, stimeMs: number): Rusage => ({
  utime: utimeMs * 1000,
  stime: stimeMs * 1000,
  minflt: 0,
  majflt: 0,
})

/** Is this child one of those waited for? Linux: eligible_child. */
function isEligible(current: Task, child: Task, pid: number, options: number): boolean {
  if (pid > 0 && child.pid !== pid) return false
  if (pid === 0 && pgidOf(child) !== pgidOf(current)) return false
  if (pid < -1 && pgidOf(child) !== -pid) return false
  if (child.exitSignal === -1) return false
  const isClone = child.exitSignal !== SIGCHLD
  if (isClone !== ((options & __WCLONE) !== 0) && (options & __WALL) === 0) return false
  return current.k.security.taskWait(current, child) === 0
}

/**
 * What there is to say about a child now; null for nothing yet. Reaps a zombie.
 * EFAULT where the status cannot be written: the child stays as it is, but its times have been added.
 */
function report(current: Task, child: Task, options: number): Ret<WaitResult | null> {
  const { k, group: own } = current
  const { group } = child
  if (child.state === TASK_ZOMBIE && group.live === 0) {
    const result = {
      pid: asPid(pidFor(current, child.pid)),
      status: child.exitCode,
      rusage: rusage(group.utime, group.stime),
    }
    own.childUtime += group.utime + group.childUtime
    own.childStime += group.stime + group.childStime
    if (shouldFail(k, 'copy:status')) return EFAULT
    releaseTask(child)
    return result
  }
  if (child.state === TASK_STOPPED && (options & WUNTRACED) !== 0 && child.exitCode !== 0) {
    if (shouldFail(k, 'copy:status')) return EFAULT
    const status = stoppedStatus(child.exitCode)
    child.exitCode = 0
    return { pid: asPid(pidFor(current, child.pid)), status, rusage: rusage(0, 0) }
  }
  if (group.continued && (options & WCONTINUED) !== 0) {
    group.continued = false
    return { pid: asPid(pidFor(current, child.pid)), status: CONTINUED_STATUS, rusage: rusage(0, 0) }
  }
  return null
}

/**
 * Errors: EINVAL (options), ECHILD, EINTR. With WNOHANG and nothing to report the pid is 0.
 * Looks at the children of all threads of the process unless __WNOTHREAD. Linux: do_wait.
 */
export function sysWait4(current: Task, pid: number, options: number): Ret<WaitResult> {
  const { facts } = current.k
  const who = pid === -1 ? pid : pidFrom(current, pid)
  const known = WNOHANG | WUNTRACED | __WNOTHREAD | __WCLONE | __WALL | (facts.hasWContinued ? WCONTINUED : 0)
  if ((options & ~known) !== 0) return EINVAL
  const threads = (options & __WNOTHREAD) === 0 ? (current.group.threads ?? [current]) : [current]
  let found = false
  const youngestFirst = facts.waitsYoungestFirst
  for (const thread of threads) {
    for (let child = youngestFirst ? thread.lastChild : thread.firstChild; child !== null; ) {
      const next: Task | null = youngestFirst ? child.siblingPrev : child.siblingNext
      if (isEligible(current, child, who, options)) {
        found = true
        const result = report(current, child, options)
        if (result !== null) return result
      }
      child = next
    }
  }
  if (!found) return ECHILD
  if ((options & WNOHANG) !== 0) return { pid: asPid(0), status: 0, rusage: rusage(0, 0) }
  const { group } = current
  if (group.childWait === null) group.childWait = new WaitQueue(`children of pid ${current.tgid}`)
  return sleepOn(current, group.childWait) as Errno
}

export const waitCalls: readonly SyscallRow[] = [
  row('wait4', ['int', 'int'], sysWait4),
  row('waitpid', ['int', 'int'], sysWait4),
]
