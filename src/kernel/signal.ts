/**
 * Sending signals. Linux: kernel/signal.c (2.6.14): sig_ignored, handle_stop_signal, send_signal,
 * __group_send_sig_info, __group_complete_signal, specific_send_sig_info, kill_something_info.
 *
 * Delivery, with default actions and handlers, is in deliver.ts.
 */

import { asPid, asUid } from '../abi/brand.js'
import { CAP_KILL } from '../abi/capability.js'
import { EAGAIN, EINVAL, EPERM, ESRCH } from '../abi/errno.js'
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
  SIGCHLD,
  SIGCONT,
  SIGKILL,
  SIGRTMIN,
  SIGSTOP,
  SIGTSTP,
  SIGTTIN,
  SIGTTOU,
  type SigInfo,
} from '../abi/signal.js'
import { capable } from '../security/capability.js'
import { deny } from '../security/deny.js'
import { softLimit } from './rlimit.js'
import { enqueueTask } from './runqueue.js'
import { DEFAULT_ACTION, type KSigAction, PendingSignals } from './signal_state.js'
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
  return handler === SIG_IGN || (handler === SIG_DFL && ignoredByDefault(task, sig))
}

/** Recomputes whether a thread has something to look at. Linux: recalc_sigpending. */
export function recalcSigpending(task: Task): void {
  const { pending, group } = task
  const shared = group.shared
  const low = (pending?.low ?? 0) | (shared?.low ?? 0)
  const high = (pending?.high ?? 0) | (shared?.high ?? 0)
  task.sigPending = (low & ~task.blockedLow) !== 0 || (high & ~task.blockedHigh) !== 0 || group.stopCount > 0
  if (task.sigPending) task.k.attention = true
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
  task.k.attention = true
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

/** Appends to a pending set. 0, or EAGAIN when a real-time signal does not fit. Linux: send_signal. */
function queueSignal(target: Task, pending: PendingSignals, info: SigInfo): number {
  const sig = info.signo
  const { facts } = target.k
  const limit = Math.min(facts.rtsigMax, softLimit(target.group.rlimits, RLIMIT_SIGPENDING))
  if (sig >= SIGRTMIN && queuedSignals(target) >= limit && info.code !== SI_USER) return EAGAIN
  if (sig >= SIGRTMIN && queuedSignals(target) >= limit && inSet(pending.low, pending.high, sig)) return 0
  pending.queue.push(info)
  if (sig <= 32) pending.low |= sigBit(sig)
  else pending.high |= sigBit(sig)
  return 0
}

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

/** Sends to a process as a whole, without asking whether one may. 0 or EAGAIN. Linux: __group_send_sig_info. */
export function sendGroupSignal(target: Task, info: SigInfo): number {
  const sig = info.signo
  const { group } = target
  handleStopSignal(sig, group)
  const outcome = outcomeFor(target, group.shared, sig)
  if (target.k.trace.signalGenerate) emitGenerate(target, info, outcome)
  if (outcome !== 'pending') return 0
  if (group.shared === null) group.shared = new PendingSignals()
  const failed = queueSignal(target, group.shared, info)
  if (failed !== 0) return failed
  completeGroupSignal(sig, target)
  return 0
}

/** Can this thread take the signal now? Linux: wants_signal. */
function wantsSignal(sig: number, task: Task): boolean {
  if (inSet(task.blockedLow, task.blockedHigh, sig) || (task.flags & TF_EXITING) !== 0) return false
  if (sig === SIGKILL) return true
  return task.state !== TASK_STOPPED
}

/** Picks a thread and wakes it; a fatal signal takes the whole group down. Linux: __group_complete_signal. */
function completeGroupSignal(sig: number, target: Task): void {
  const { group } = target
  let taker = target
  if (!wantsSignal(sig, target)) {
    const other = group.threads?.find((thread) => wantsSignal(sig, thread))
    if (other === undefined) return
    taker = other
  }
  if (isFatal(target, sig) && !group.groupExit) {
    beginGroupExit(group, sig)
    return
  }
  signalWakeUp(taker, sig === SIGKILL)
}

/** Will the signal end the process without a core? Linux: sig_fatal and !sig_kernel_coredump. */
function isFatal(target: Task, sig: number): boolean {
  if (actionOf(target, sig).handler !== SIG_DFL || target === target.k.state.init) return false
  return defaultAction(sig, target.k.facts.release) === 'terminate'
}

/** The whole group is to die of `sig`: every thread gets a SIGKILL of its own, which it takes before all else. */
function beginGroupExit(group: ThreadGroup, sig: number): void {
  group.groupExit = true
  group.groupExitCode = sig
  group.stopCount = 0
  for (const thread of threadsOf(group)) {
    if (thread.state >= TASK_ZOMBIE) continue
    if (thread.pending === null) thread.pending = new PendingSignals()
    thread.pending.queue.push(kernelInfo(SIGKILL))
    thread.pending.low |= sigBit(SIGKILL)
    signalWakeUp(thread, true)
  }
}

/** Sends to one thread. 0 or EAGAIN. Linux: specific_send_sig_info. */
export function sendThreadSignal(target: Task, info: SigInfo): number {
  const sig = info.signo
  const outcome = outcomeFor(target, target.pending, sig)
  if (target.k.trace.signalGenerate) emitGenerate(target, info, outcome)
  if (outcome !== 'pending') return 0
  if (target.pending === null) target.pending = new PendingSignals()
  const failed = queueSignal(target, target.pending, info)
  if (failed !== 0) return failed
  if (!inSet(target.blockedLow, target.blockedHigh, sig)) signalWakeUp(target, sig === SIGKILL)
  return 0
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
    return deny(current, EPERM, 'signal', `pid ${target.pid}`)
  }
  return current.k.security.taskKill(current, target, sig)
}

/** Sends to a process if that is allowed; signal 0 only asks. Linux: group_send_sig_info. */
export function groupSendSignal(current: Task, target: Task, sig: number, info: SigInfo): number {
  const refused = checkKillPermission(current, target, sig)
  if (refused !== 0) return refused
  if (sig === 0 || target.state >= TASK_ZOMBIE) return 0
  return sendGroupSignal(target, info)
}

/** kill(2)'s choice of targets. Linux: kill_something_info. */
export function killSomething(current: Task, pid: number, sig: number, info: SigInfo): number {
  const { state } = current.k
  if (pid > 0) {
    const target = state.tasks.get(pid)
    return target === undefined ? ESRCH : groupSendSignal(current, target.group.leader, sig, info)
  }
  if (pid === -1) return killAll(current, sig, info)
  return killPgrp(current, pid === 0 ? pgidOf(current) : -pid, sig, info)
}

/** Every process but init and the caller's own. */
function killAll(current: Task, sig: number, info: SigInfo): number {
  let count = 0
  let result = 0
  for (const target of [...current.k.state.tasks.values()]) {
    if (target.pid <= 1 || target.tgid === current.tgid || target.pid !== target.tgid) continue
    const failed = groupSendSignal(current, target, sig, info)
    count++
    if (failed !== EPERM) result = failed
  }
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

/** The processes of a process group, newest first, as a copy. */
export function membersOf(current: Task, pgid: number): ThreadGroup[] {
  const members: ThreadGroup[] = []
  let group = current.k.state.pgrps.get(pgid)?.head ?? null
  while (group !== null) {
    members.push(group)
    group = group.pgrpNext
  }
  return members
}

/** A signal that a task's own call brings on it (SIGPIPE, SIGXFSZ). Linux: send_sig(sig, current, 0). */
export function sendSignalSelf(current: Task, sig: number): void {
  sendThreadSignal(current, userInfo(current, sig))
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
