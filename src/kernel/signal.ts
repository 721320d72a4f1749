/**
 * Sending signals. Linux: kernel/signal.c (2.6.14): sig_ignored, handle_stop_signal, send_signal,
 * __group_send_sig_info, __group_complete_signal, specific_send_sig_info, kill_something_info.
 *
 * Delivery, with default actions and handlers, is in deliver.ts.
 */

import { asPid, asUid } from '../abi/brand.js'
import { CAP_KILL } from '../abi/capability.js'
import { EAGAIN, EINVAL, EPERM, type Errno, ESRCH } from '../abi/errno.js'
import { RLIMIT_SIGPENDING } from '../abi/resource.js'
import {
  CLD_CONTINUED,
  CLD_STOPPED,
  defaultAction,
  SA_NOCLDSTOP,
  SI_KERNEL,
  SI_USER,
  SIG_DFL,
  SIG_IGN,
  SIGALRM,
  SIGCHLD,
  SIGCONT,
  SIGHUP,
  SIGIO,
  SIGKILL,
  SIGPROF,
  SIGRTMIN,
  SIGSTOP,
  SIGTSTP,
  SIGTTIN,
  SIGTTOU,
  SIGVTALRM,
  SIGXCPU,
  type SigInfo,
} from '../abi/signal.js'
import { capable } from '../security/capability.js'
import { deny, holdRefusal, type Refusal } from '../security/deny.js'
import { shouldFail } from '../sim/faults.js'
import type { KillCause } from '../sim/why.js'
import { ATTEND } from './attention.js'
import type { KernelCore } from './kernel.js'
import { pidFrom } from './part.js'
import { softLimit } from './rlimit.js'
import { enqueueTask } from './runqueue.js'
import { DEFAULT_ACTION, type KSigAction, PendingSignals, type SignalCause } from './signal_state.js'
import { firstSignal, inSet, sigBit } from './sigset.js'
import {
  pgidOf,
  sidOf,
  TASK_INTERRUPTIBLE,
  TASK_RUNNING,
  TASK_STOPPED,
  TASK_ZOMBIE,
  type Task,
  TF_DIRECT,
  TF_EXITING,
  type ThreadGroup,
} from './task.js'
import { findTask, seesTask, tasksSeenBy } from './visible.js'
import { wakeTask, wakeUp } from './wait.js'

/** SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU. Linux: SIG_KERNEL_STOP_MASK. */
const STOP_MASK = sigBit(SIGSTOP) | sigBit(SIGTSTP) | sigBit(SIGTTIN) | sigBit(SIGTTOU)

export const isStopSignal = (sig: number): boolean => sig <= 32 && (STOP_MASK & sigBit(sig)) !== 0

/** The disposition of a signal. */
export const actionOf = (task: Task, sig: number): KSigAction => task.sighand.actions[sig] ?? DEFAULT_ACTION

/** Is the default action to do nothing? */
export function ignoredByDefault(task: Task, sig: number): boolean {
  const action = defaultAction(sig, task.k.facts.release)
  return action === 'ignore' || action === 'continue'
}

/** Would the signal be thrown away on arrival? Blocked ones never are. Linux: sig_ignored. */
function isIgnored(task: Task, sig: number): boolean {
  if (inSet(task.blockedLow, task.blockedHigh, sig)) return false
  const { handler } = actionOf(task, sig)
  if (handler === SIG_IGN) return sig !== SIGCHLD || !task.k.facts.reapsBySignal
  return handler === SIG_DFL && ignoredByDefault(task, sig)
}

/** Recomputes whether a thread has something to look at. Linux: recalc_sigpending. */
export function recalcSigpending(task: Task): void {
  const { pending, group } = task
  const shared = group.shared
  const low = (pending?.low ?? 0) | (shared?.low ?? 0)
  const high = (pending?.high ?? 0) | (shared?.high ?? 0)
  task.sigPending = (low & ~task.blockedLow) !== 0 || (high & ~task.blockedHigh) !== 0 || group.stopCount > 0
  if (task.sigPending) task.k.attention |= ATTEND
}

/** Takes signals out of a pending set. Linux: rm_from_queue. */
export function removeFromQueue(pending: PendingSignals | null, low: number, high: number): void {
  if (pending === null) return
  if ((pending.low & low) === 0 && (pending.high & high) === 0) return
  pending.low &= ~low
  pending.high &= ~high
  pending.queue = pending.queue.filter((info) => !inSet(low, high, info.signo))
}

/** All live threads of a group. */
export const threadsOf = (group: ThreadGroup): readonly Task[] => group.threads ?? [group.leader]

/** Makes a thread look at its signals. `resume` also ends a stop. Linux: signal_wake_up. */
export function signalWakeUp(task: Task, resume: boolean): void {
  task.sigPending = true
  task.k.attention |= ATTEND
  if (task.state === TASK_INTERRUPTIBLE || (resume && task.state === TASK_STOPPED)) wakeTask(task)
  else if (isIdle(task)) enqueueTask(task)
}

/** In user mode and driven by the host: nothing else will make it look. */
const isIdle = (task: Task): boolean =>
  task.state === TASK_RUNNING && task.call === null && (task.flags & TF_DIRECT) !== 0

/** Effects of SIGCONT and the stop signals that come before anything else. Linux: handle_stop_signal. */
function handleStopSignal(sig: number, group: ThreadGroup): void {
  if (group.groupExit) return
  if (isStopSignal(sig)) {
    removeFromQueue(group.shared, sigBit(SIGCONT), 0)
    for (const thread of threadsOf(group)) removeFromQueue(thread.pending, sigBit(SIGCONT), 0)
  } else if (sig === SIGCONT) {
    continueGroup(group)
  }
}

function continueGroup(group: ThreadGroup): void {
  removeFromQueue(group.shared, STOP_MASK, 0)
  group.stopCount = 0
  for (const thread of threadsOf(group)) {
    removeFromQueue(thread.pending, STOP_MASK, 0)
    const handled = actionOf(thread, SIGCONT).handler > SIG_IGN
    if (handled && !inSet(thread.blockedLow, thread.blockedHigh, SIGCONT)) thread.sigPending = true
    if (thread.state === TASK_STOPPED) {
      // It goes on where it stopped: in the middle of looking at its signals.
      thread.sigPending = true
      wakeTask(thread)
    }
  }
  if (group.stopped) {
    group.stopped = false
    group.continued = true
    group.leader.exitCode = 0
    notifyParentStop(group.leader, CLD_CONTINUED)
  }
}

/** How many signals wait in a task's queues. */
const queuedSignals = (task: Task): number =>
  (task.pending?.queue.length ?? 0) + (task.group.shared?.queue.length ?? 0)

/**
 * Is there no memory for a signal's information? It is sent without: the receiver finds SI_USER from nobody. Only what
 * sigqueue(2) and the kernel send with a real-time number is refused. Before 2.6 the classic signals have none.
 * Linux: __sigqueue_alloc.
 */
const losesInfo = (k: KernelCore, sig: number): boolean =>
  (sig >= SIGRTMIN || k.facts.hasThreadGroups) && shouldFail(k, 'alloc:sigqueue')

/** Appends to a pending set. 0, or EAGAIN when a real-time signal does not fit. Linux: send_signal. */
function queueSignal(
  target: Task,
  pending: PendingSignals,
  info: SigInfo,
  cause: KillCause | null,
  subject: unknown,
): number {
  const sig = info.signo
  const limit = Math.min(target.k.facts.rtsigMax, softLimit(target.group.rlimits, RLIMIT_SIGPENDING))
  if (sig >= SIGRTMIN && queuedSignals(target) >= limit && info.code !== SI_USER) return EAGAIN
  if (sig >= SIGRTMIN && queuedSignals(target) >= limit && inSet(pending.low, pending.high, sig)) return 0
  if (target.k.injection !== null && losesInfo(target.k, sig)) {
    if (sig >= SIGRTMIN && info.code !== SI_USER) return EAGAIN
    pending.lostInfo = true
  } else {
    pending.queue.push(info)
    if (cause !== null) noteCause(pending, { info, cause, subject })
  }
  if (sig <= 32) pending.low |= sigBit(sig)
  else pending.high |= sigBit(sig)
  return 0
}

/** Remembers why a signal was sent, in case somebody asks; those that have been taken are forgotten. */
function noteCause(pending: PendingSignals, cause: SignalCause): void {
  const waiting = pending.causes?.filter(({ info }) => pending.queue.includes(info)) ?? []
  pending.causes = [...waiting, cause]
}

/** Why a signal was sent, if the kernel has sent it and knows more than its information says. */
export const causeOf = (task: Task, info: SigInfo): SignalCause | undefined =>
  task.pending?.causes?.find((cause) => cause.info === info) ??
  task.group.shared?.causes?.find((cause) => cause.info === info)

function emitGenerate(target: Task, info: SigInfo, outcome: 'pending' | 'ignored' | 'merged'): void {
  const { k } = target
  k.trace.emitEvent({
    kind: 'signal:generate',
    seq: k.seq++,
    time: k.state.now,
    pid: target.pid,
    comm: target.comm,
    signal: info.signo,
    info,
    outcome,
  })
}

/** What becomes of a signal: ignored ones and classic ones that are pending already go no further. */
function outcomeFor(
  target: Task,
  pending: PendingSignals | null,
  sig: number,
): 'pending' | 'ignored' | 'merged' {
  if (isIgnored(target, sig)) return 'ignored'
  return sig < SIGRTMIN && pending !== null && inSet(pending.low, pending.high, sig) ? 'merged' : 'pending'
}

/**
 * Sends to a process as a whole, without asking whether one may. 0 or EAGAIN. `cause` explains a signal of the
 * kernel's own, where its information does not say. Linux: __group_send_sig_info.
 */
export function sendGroupSignal(
  target: Task,
  info: SigInfo,
  cause: KillCause | null = null,
  subject: unknown = null,
): number {
  const sig = info.signo
  const { group } = target
  handleStopSignal(sig, group)
  const outcome = outcomeFor(target, group.shared, sig)
  if (target.k.trace.signalGenerate) emitGenerate(target, info, outcome)
  if (outcome !== 'pending') return 0
  if (group.shared === null) group.shared = new PendingSignals()
  const failed = queueSignal(target, group.shared, info, cause, subject)
  if (failed !== 0) return failed
  completeGroupSignal(info, target)
  return 0
}

/** Can this thread take the signal now? Linux: wants_signal. */
function wantsSignal(sig: number, task: Task): boolean {
  if (inSet(task.blockedLow, task.blockedHigh, sig) || (task.flags & TF_EXITING) !== 0) return false
  if (sig === SIGKILL) return true
  return task.state !== TASK_STOPPED
}

/** Picks a thread and wakes it; a fatal signal takes the whole group down. Linux: __group_complete_signal. */
function completeGroupSignal(info: SigInfo, target: Task): void {
  const sig = info.signo
  const { group } = target
  let taker = target
  if (!wantsSignal(sig, target)) {
    const other = group.threads?.find((thread) => wantsSignal(sig, thread))
    if (other === undefined) return
    taker = other
  }
  if (isFatal(target, sig) && !isWaitedFor(taker, sig) && !group.groupExit) {
    beginGroupExit(group, info)
    return
  }
  signalWakeUp(taker, sig === SIGKILL)
}

/** Does the thread sleep in sigtimedwait for a signal that it otherwise blocks? */
const isWaitedFor = ({ realBlocked }: Task, sig: number): boolean =>
  realBlocked !== null && inSet(realBlocked[0], realBlocked[1], sig)

/** Will the signal end the process without a core? Linux: sig_fatal and !sig_kernel_coredump. */
function isFatal(target: Task, sig: number): boolean {
  if (actionOf(target, sig).handler !== SIG_DFL || target === target.k.state.init) return false
  return defaultAction(sig, target.k.facts.release) === 'terminate'
}

/** The whole group is to die of a signal: every thread gets a SIGKILL of its own, which it takes before all else. */
function beginGroupExit(group: ThreadGroup, info: SigInfo): void {
  group.groupExit = true
  group.groupExitCode = info.signo
  group.fatal = causeOf(group.leader, info) ?? { info, cause: sentBy(info), subject: null }
  group.stopCount = 0
  for (const thread of threadsOf(group)) {
    if (thread.state >= TASK_ZOMBIE) continue
    if (thread.pending === null) thread.pending = new PendingSignals()
    thread.pending.queue.push(kernelInfo(SIGKILL))
    thread.pending.low |= sigBit(SIGKILL)
    signalWakeUp(thread, true)
  }
}

/** Sends to one thread. 0 or EAGAIN. `cause`: see sendGroupSignal. Linux: specific_send_sig_info. */
export function sendThreadSignal(
  target: Task,
  info: SigInfo,
  cause: KillCause | null = null,
  subject: unknown = null,
): number {
  const sig = info.signo
  const outcome = outcomeFor(target, target.pending, sig)
  if (target.k.trace.signalGenerate) emitGenerate(target, info, outcome)
  if (outcome !== 'pending') return 0
  if (target.pending === null) target.pending = new PendingSignals()
  const failed = queueSignal(target, target.pending, info, cause, subject)
  if (failed !== 0) return failed
  if (!inSet(target.blockedLow, target.blockedHigh, sig)) signalWakeUp(target, sig === SIGKILL)
  return 0
}

/**
 * Sends a signal that the thread has brought upon itself: one that it blocks or ignores kills it. 0 or EAGAIN. `cause`:
 * see sendGroupSignal. Linux: force_sig_info.
 */
export function forceSignal(
  target: Task,
  info: SigInfo,
  cause: KillCause | null = null,
  subject: unknown = null,
): number {
  const sig = info.signo
  if (inSet(target.blockedLow, target.blockedHigh, sig) || actionOf(target, sig).handler === SIG_IGN) {
    target.sighand.actions[sig] = DEFAULT_ACTION
    if (sig <= 32) target.blockedLow &= ~sigBit(sig)
    else target.blockedHigh &= ~sigBit(sig)
  }
  return sendThreadSignal(target, info, cause, subject)
}

/** The information of a signal that a program sends with kill(2). */
export const userInfo = (current: Task, sig: number, code: number = SI_USER): SigInfo => ({
  signo: sig,
  code,
  errno: 0,
  pid: asPid(current.tgid),
  uid: asUid(current.cred.uid),
})

/** The information of a signal from the kernel itself. */
export const kernelInfo = (sig: number): SigInfo => ({ signo: sig, code: SI_KERNEL, errno: 0 })

/** May `current` signal `target`? 0, EINVAL or EPERM. Reference §1.6. Linux: check_kill_permission. */
export function checkKillPermission(current: Task, target: Task, sig: number): number {
  if (sig < 0 || sig > current.k.facts.nsig) return EINVAL
  const { cred } = current
  const other = target.cred
  const sameUser =
    cred.euid === other.suid || cred.euid === other.uid || cred.uid === other.suid || cred.uid === other.uid
  if (!sameUser && !(sig === SIGCONT && sidOf(current) === sidOf(target)) && !capable(current, CAP_KILL)) {
    return deny(current, EPERM, 'signal', target, sig, other)
  }
  return current.k.security.taskKill(current, target, sig)
}

/** Sends to a process if that is allowed; signal 0 only asks. Linux: group_send_sig_info. */
export function groupSendSignal(
  current: Task,
  target: Task,
  sig: number,
  info: SigInfo,
  cause: KillCause | null = null,
): number {
  const refused = checkKillPermission(current, target, sig)
  if (refused !== 0) return refused
  if (sig === 0 || target.state >= TASK_ZOMBIE) return 0
  return sendGroupSignal(target, info, cause) === 0 ? 0 : denySignal(current, target)
}

/** The queues of the target are full: the lower of two limits is reached. */
export function denySignal(current: Task, target: Task): Errno {
  const { rtsigMax } = target.k.facts
  const limit = softLimit(target.group.rlimits, RLIMIT_SIGPENDING)
  return limit < rtsigMax
    ? deny(current, EAGAIN, 'limit', target, 'RLIMIT_SIGPENDING', limit)
    : deny(current, EAGAIN, 'limit', target, 'rtsig-max', rtsigMax)
}

/** kill(2)'s choice of targets. Linux: kill_something_info. */
export function killSomething(current: Task, pid: number, sig: number, info: SigInfo): number {
  if (pid > 0) {
    const target = findTask(current, pid)
    return target === undefined ? ESRCH : groupSendSignal(current, target.group.leader, sig, info)
  }
  if (pid === -1) return killAll(current, sig, info)
  return killPgrp(current, pid === 0 ? pgidOf(current) : pidFrom(current, -pid), sig, info)
}

/** Every process but init and the caller's own. */
function killAll(current: Task, sig: number, info: SigInfo): number {
  let count = 0
  let result = 0
  let reason: Refusal | null = null
  for (const target of tasksSeenBy(current)) {
    if (target.pid <= 1 || target.tgid === current.tgid || target.pid !== target.tgid) continue
    const failed = groupSendSignal(current, target, sig, info)
    count++
    if (failed === EPERM) continue
    result = failed
    reason = failed === 0 ? null : holdRefusal(current)
  }
  if (reason !== null) current.k.refusal = reason
  return count === 0 ? ESRCH : result
}

/** Success if one member took it. Linux: kill_pg_info. */
export function killPgrp(current: Task, pgid: number, sig: number, info: SigInfo): number {
  if (pgid <= 0) return EINVAL
  let success = false
  let result: number = ESRCH
  for (const group of membersOf(current, pgid)) {
    result = groupSendSignal(current, group.leader, sig, info)
    if (result === 0) success = true
  }
  return success ? 0 : result
}

/** The processes of a process group that `current` sees, newest first, as a copy. */
export function membersOf(current: Task, pgid: number): ThreadGroup[] {
  const members: ThreadGroup[] = []
  let group = current.k.state.pgrps.get(pgid)?.head ?? null
  while (group !== null) {
    if (seesTask(current, group.leader)) members.push(group)
    group = group.pgrpNext
  }
  return members
}

/**
 * A signal that a task's own call brings on it (SIGPIPE, SIGXFSZ); `subject` is what it was about.
 * Linux: send_sig(sig, current, 0).
 */
export function sendSignalSelf(current: Task, sig: number, cause: KillCause, subject: unknown): void {
  sendThreadSignal(current, userInfo(current, sig), cause, subject)
}

/** Why a signal was sent, as far as its information says. */
export function sentBy(info: SigInfo): KillCause {
  if (info.fd !== undefined) return 'io'
  if (info.code !== SI_KERNEL) return info.pid === undefined ? 'kernel' : 'process'
  switch (info.signo) {
    case SIGXCPU:
      return 'cpu-limit'
    case SIGHUP:
      return 'orphaned-group'
    case SIGALRM:
    case SIGVTALRM:
    case SIGPROF:
      return 'timer'
    case SIGIO:
      return 'io'
    default:
      return 'kernel'
  }
}

/** Tells the parent that a process stopped or went on. Linux: do_notify_parent_cldstop. */
export function notifyParentStop(task: Task, why: typeof CLD_STOPPED | typeof CLD_CONTINUED): void {
  const { parent } = task
  if (why === CLD_CONTINUED && !task.k.facts.hasWContinued) return
  const action = actionOf(parent, SIGCHLD)
  if (action.handler !== SIG_IGN && (action.flags & SA_NOCLDSTOP) === 0) {
    sendGroupSignal(parent.group.leader, {
      signo: SIGCHLD,
      code: why,
      errno: 0,
      pid: asPid(task.pid),
      uid: asUid(task.cred.uid),
      status: why === CLD_STOPPED ? task.exitCode : SIGCONT,
    })
  }
  wakeParent(parent)
}

/** Wakes a parent that sleeps in wait4. Linux: __wake_up_parent. */
export function wakeParent(parent: Task): void {
  const queue = parent.group.childWait
  if (queue !== null) wakeUp(queue)
}

/** Takes the next signal that is not blocked. Linux: dequeue_signal. `mask` words are what counts as blocked. */
export function dequeueSignal(task: Task, maskLow: number, maskHigh: number): SigInfo | null {
  return takeFrom(task.pending, maskLow, maskHigh) ?? takeFrom(task.group.shared, maskLow, maskHigh)
}

function takeFrom(pending: PendingSignals | null, maskLow: number, maskHigh: number): SigInfo | null {
  if (pending === null) return null
  const sig = firstSignal(pending.low & ~maskLow, pending.high & ~maskHigh)
  if (sig === 0) return null
  const at = pending.queue.findIndex((info) => info.signo === sig)
  const info = pending.queue[at] ?? { signo: sig, code: SI_USER, errno: 0 }
  if (at >= 0) pending.queue.splice(at, 1)
  if (!pending.queue.some((other) => other.signo === sig)) {
    if (sig <= 32) pending.low &= ~sigBit(sig)
    else pending.high &= ~sigBit(sig)
  }
  return info
}
