/**
 * Signals: kill, sigaction, masks, waiting. Linux: kernel/signal.c (2.2.12, 2.6.14).
 */

import { EAGAIN, EFAULT, EINTR, EINVAL, ERESTARTNOHAND, ERESTARTSYS, ESRCH, type Ret } from '../abi/errno.js'
import {
  SI_QUEUE,
  SI_TKILL,
  SIG_BLOCK,
  SIG_DFL,
  SIG_IGN,
  SIG_SETMASK,
  SIG_UNBLOCK,
  SIGKILL,
  SIGSTOP,
  type Sigaction,
  type SigInfo,
} from '../abi/signal.js'
import { clampMs } from '../kernel/itimer.js'
import { infoFor, pidFrom } from '../kernel/part.js'
import {
  actionOf,
  checkKillPermission,
  denySignal,
  dequeueSignal,
  groupSendSignal,
  ignoredByDefault,
  killSomething,
  recalcSigpending,
  removeFromQueue,
  sendThreadSignal,
  threadsOf,
  userInfo,
} from '../kernel/signal.js'
import { arrayToSet, setToArray, sigBit } from '../kernel/sigset.js'
import { sleep, wakeAt } from '../kernel/sleep.js'
import { TASK_ZOMBIE, type Task, TF_DIRECT } from '../kernel/task.js'
import type { Timer } from '../kernel/timer.js'
import { findTask } from '../kernel/visible.js'
import { row, type SyscallRow } from './row.js'

/** Signals that cannot be blocked, caught or ignored. */
const UNBLOCKABLE = sigBit(SIGKILL) | sigBit(SIGSTOP)

export const sysKill = (current: Task, pid: number, sig: number): number =>
  killSomething(current, pid, sig, userInfo(current, sig))

/** One thread. Errors: EINVAL, ESRCH, EPERM, EAGAIN. Linux: do_tkill (2.6). */
function killThreadOf(current: Task, tgid: number, pid: number, sig: number): number {
  if (pid <= 0 || tgid === 0 || tgid < -1) return EINVAL
  const target = findTask(current, pid)
  if (target === undefined || (tgid !== -1 && target.tgid !== pidFrom(current, tgid))) return ESRCH
  const refused = checkKillPermission(current, target, sig)
  if (refused !== 0) return refused
  if (sig === 0 || target.state >= TASK_ZOMBIE) return 0
  return sendThreadSignal(target, userInfo(current, sig, SI_TKILL)) === 0 ? 0 : denySignal(current, target)
}

export const sysTkill = (current: Task, pid: number, sig: number): number =>
  killThreadOf(current, -1, pid, sig)

export const sysTgkill = (current: Task, tgid: number, pid: number, sig: number): number =>
  killThreadOf(current, Math.max(tgid, 0), pid, sig)

/** With a value, queued. Errors: EAGAIN when the queue is full, else as kill. Linux: sys_rt_sigqueueinfo. */
export function sysSigqueue(current: Task, pid: number, sig: number, value: number): number {
  const info: SigInfo = { ...userInfo(current, sig, SI_QUEUE), value }
  const target = findTask(current, pid)
  return target === undefined ? ESRCH : groupSendSignal(current, target.group.leader, sig, info)
}

/**
 * The user's view of a disposition. A program's result is state until the program sees it, so a handler stays a
 * number there; see programs/generator.ts.
 */
function describeAction(current: Task, sig: number): Sigaction {
  const { handler, flags, maskLow, maskHigh } = actionOf(current, sig)
  const isNumber = handler <= SIG_IGN || (current.flags & TF_DIRECT) === 0
  return {
    handler: isNumber ? (handler as typeof SIG_IGN) : current.k.user.handlerFunction(current, handler),
    flags,
    mask: setToArray(maskLow, maskHigh),
  }
}

/**
 * Sets a disposition and returns the one before. Errors: EINVAL (signal, or SIGKILL and SIGSTOP), EFAULT (no
 * action). Ignoring a signal forgets the pending ones. Linux: do_sigaction.
 */
export function sysSigaction(current: Task, sig: number, act: unknown): Ret<Sigaction> {
  if (sig < 1 || sig > current.k.facts.nsig) return EINVAL
  const wants = act !== null && act !== undefined
  if (wants && (sig === SIGKILL || sig === SIGSTOP)) return EINVAL
  const previous = describeAction(current, sig)
  if (!wants) return previous
  const failed = setAction(current, sig, act)
  return failed !== 0 ? (failed as Ret<Sigaction>) : previous
}

function setAction(current: Task, sig: number, act: unknown): number {
  if (typeof act !== 'object' || act === null) return EFAULT
  const { handler, flags = 0, mask = [] } = act as { handler?: unknown; flags?: unknown; mask?: unknown }
  const set = arrayToSet(mask)
  if (set === null || typeof flags !== 'number') return EFAULT
  const isFunction = typeof handler === 'function'
  const isNumber = typeof handler === 'number' && Number.isInteger(handler) && handler >= 0
  if (!isFunction && !isNumber) return EFAULT
  const number = isFunction ? current.k.user.handlerNumber(current, handler) : (handler as number)
  current.sighand.actions[sig] = {
    handler: number,
    flags: flags | 0,
    maskLow: set[0] & ~UNBLOCKABLE,
    maskHigh: set[1],
  }
  if (number === SIG_IGN || (number === SIG_DFL && ignoredByDefault(current, sig))) forget(current, sig)
  return 0
}

/** Takes a signal that is now ignored out of all queues. */
function forget(current: Task, sig: number): void {
  const low = sig <= 32 ? sigBit(sig) : 0
  const high = sig <= 32 ? 0 : sigBit(sig)
  removeFromQueue(current.group.shared, low, high)
  for (const thread of threadsOf(current.group)) {
    removeFromQueue(thread.pending, low, high)
    recalcSigpending(thread)
  }
}

function setMask(current: Task, low: number, high: number): void {
  current.blockedLow = low & ~UNBLOCKABLE
  current.blockedHigh = high
  recalcSigpending(current)
}

/** Returns the mask before. Errors: EINVAL (how), EFAULT (set). Linux: sys_rt_sigprocmask. */
export function sysSigprocmask(current: Task, how: number, set: unknown): Ret<number[]> {
  const { blockedLow, blockedHigh } = current
  const previous = setToArray(blockedLow, blockedHigh)
  if (set === null || set === undefined) return previous
  const words = arrayToSet(set)
  if (words === null) return EFAULT
  const [low, high] = words
  switch (how) {
    case SIG_BLOCK:
      setMask(current, blockedLow | low, blockedHigh | high)
      return previous
    case SIG_UNBLOCK:
      setMask(current, blockedLow & ~low, blockedHigh & ~high)
      return previous
    case SIG_SETMASK:
      setMask(current, low, high)
      return previous
    default:
      return EINVAL
  }
}

/** Blocked signals that have been sent. Linux: do_sigpending. */
export function sysSigpending(current: Task): number[] {
  const low = (current.pending?.low ?? 0) | (current.group.shared?.low ?? 0)
  const high = (current.pending?.high ?? 0) | (current.group.shared?.high ?? 0)
  return setToArray(low & current.blockedLow, high & current.blockedHigh)
}

/** Sleeps until a handler has run. Linux: sys_pause. */
export function sysPause(current: Task): number {
  const result = sleep(current)
  return result === ERESTARTSYS ? ERESTARTNOHAND : result
}

/** Sleeps with another mask until a handler has run, which sees that mask. Linux: sys_rt_sigsuspend. */
export function sysSigsuspend(current: Task, set: unknown): number {
  if (current.savedMask === null) {
    const words = arrayToSet(set)
    if (words === null) return EFAULT
    current.savedMask = [current.blockedLow, current.blockedHigh]
    setMask(current, words[0], words[1])
  }
  return sysPause(current)
}

/** What a sleeping sigtimedwait remembers: the mask to put back and the timer. */
interface SigwaitState {
  readonly maskLow: number
  readonly maskHigh: number
  readonly timer: Timer | null
  readonly deadline: number
}

/**
 * Takes a pending signal of the set, waiting for one. `timeoutMs` undefined or null waits for ever.
 * Errors: EAGAIN (time is up), EINTR, EINVAL, EFAULT. Linux: sys_rt_sigtimedwait.
 */
export function sysSigtimedwait(current: Task, set: unknown, timeoutMs: unknown): Ret<SigInfo> {
  const words = arrayToSet(set)
  if (words === null) return EFAULT
  const forever = timeoutMs === undefined || timeoutMs === null || timeoutMs === Number.POSITIVE_INFINITY
  if (!forever && (typeof timeoutMs !== 'number' || !(timeoutMs >= 0))) return EINVAL
  const low = words[0] & ~UNBLOCKABLE
  const high = words[1]
  const state = current.restart as SigwaitState | null
  const info = dequeueSignal(current, ~low, ~high)
  if (info !== null) return endSigwait(current, state, infoFor(current, info))
  if (state !== null) {
    if (!forever && current.k.state.now >= state.deadline) return endSigwait(current, state, EAGAIN)
    return sleepSigwait(current, state)
  }
  if (!forever && timeoutMs === 0) return EAGAIN
  const deadline = forever ? 0 : current.k.state.now + clampMs(current.k, Number(timeoutMs))
  const { blockedLow, blockedHigh } = current
  const timer = forever ? null : wakeAt(current, deadline)
  // The signals waited for are let through meanwhile, so that they wake the sleeper.
  current.realBlocked = [blockedLow, blockedHigh]
  setMask(current, blockedLow & ~low, blockedHigh & ~high)
  const begun: SigwaitState = { maskLow: blockedLow, maskHigh: blockedHigh, timer, deadline }
  current.restart = begun
  return sleepSigwait(current, begun)
}

function sleepSigwait(current: Task, state: SigwaitState): Ret<SigInfo> {
  const result = sleep(current)
  return (result === ERESTARTSYS ? endSigwait(current, state, EINTR) : result) as Ret<SigInfo>
}

function endSigwait(current: Task, state: SigwaitState | null, result: Ret<SigInfo>): Ret<SigInfo> {
  if (state === null) {
    recalcSigpending(current)
    return result
  }
  if (state.timer !== null) current.k.state.timers.remove(state.timer)
  current.realBlocked = null
  setMask(current, state.maskLow, state.maskHigh)
  current.restart = null
  return result
}

export const signalCalls: readonly SyscallRow[] = [
  row('kill', ['int', 'int'], sysKill),
  row('tkill', ['int', 'int'], sysTkill),
  row('tgkill', ['int', 'int', 'int'], sysTgkill),
  row('sigqueue', ['int', 'int', 'int'], sysSigqueue),
  row('sigaction', ['int', 'any'], sysSigaction),
  row('sigprocmask', ['int', 'any'], sysSigprocmask),
  row('sigpending', [], sysSigpending),
  row('sigsuspend', ['any'], sysSigsuspend),
  row('pause', [], sysPause),
  row('sigwaitinfo', ['any'], sysSigtimedwait),
  row('sigtimedwait', ['any', 'any'], sysSigtimedwait),
]
