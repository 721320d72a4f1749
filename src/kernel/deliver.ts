/**
 * Taking signals: default actions, stops, and the choice of a handler.
 * Linux: get_signal_to_deliver, do_signal_stop, finish_stop, is_orphaned_pgrp (kernel/signal.c, kernel/exit.c, 2.6.14).
 */

import { RLIMIT_CORE } from '../abi/resource.js'
import {
  CLD_STOPPED,
  defaultAction,
  SA_NODEFER,
  SA_RESETHAND,
  SIG_DFL,
  SIG_IGN,
  SIGCHLD,
  SIGKILL,
  SIGSTOP,
  type SigInfo,
} from '../abi/signal.js'
import { noteKill } from '../security/deny.js'
import type { CoreOutcome } from '../sim/why.js'
import { ATTEND } from './attention.js'
import { doExit, doGroupExit, orphanedPgrp, reapZombies } from './exit.js'
import { infoFor } from './part.js'
import { softLimit } from './rlimit.js'
import {
  actionOf,
  causeOf,
  dequeueSignal,
  ignoredByDefault,
  isStopSignal,
  notifyParentStop,
  recalcSigpending,
  sentBy,
  threadsOf,
} from './signal.js'
import type { KSigAction } from './signal_state.js'
import { sigBit } from './sigset.js'
import { type PendingCall, TASK_STOPPED, type Task, TF_ZAPPED } from './task.js'

/** A signal with a handler. */
export interface Delivery {
  readonly info: SigInfo
  readonly action: KSigAction
}

/**
 * Acts on pending signals until one has a handler (returned), none is left (null), or the task has stopped or
 * died (null, with its state saying so). `call` is the call that it has just made. Linux: get_signal_to_deliver.
 */
export function getSignalToDeliver(current: Task, call: PendingCall | null): Delivery | null {
  const { group } = current
  for (;;) {
    if (group.stopCount > 0) {
      stopThread(current)
      return null
    }
    const info = dequeueSignal(current, current.blockedLow, current.blockedHigh)
    recalcSigpending(current)
    if (info === null) return null
    const sig = info.signo
    const action = actionOf(current, sig)
    if (current.k.trace.signalDeliver)
      emitDeliver(current, infoFor(current, shownInfo(current, info)), action.handler)
    if (action.handler === SIG_IGN) {
      if (sig === SIGCHLD && current.k.facts.reapsBySignal) reapZombies(current)
      continue
    }
    if (action.handler !== SIG_DFL) {
      if ((action.flags & SA_RESETHAND) !== 0) {
        current.sighand.actions[sig] = { ...action, handler: SIG_DFL }
      }
      return { info: infoFor(current, info), action }
    }
    if (ignoredByDefault(current, sig)) continue
    // Init gets no signals it does not want.
    if (current === current.k.state.init) continue
    if (isStopSignal(sig)) {
      if (sig !== SIGSTOP && orphanedPgrp(group.pgrp, null)) continue
      stopGroup(current, sig)
      return null
    }
    const syscall = call?.name ?? ''
    if ((current.flags & TF_ZAPPED) !== 0) {
      noteKill(current, sig, 'exec', null, null, 'none', syscall)
      doExit(current, sig)
      return null
    }
    const core = coreOutcome(current, sig)
    noteDeath(current, info, core, syscall)
    doGroupExit(current, core === 'dumped' ? sig | 0x80 : sig)
    return null
  }
}

/** A core is dumped when RLIMIT_CORE allows at least a page. No file is written: the status says it. */
export function coreOutcome(task: Task, sig: number): CoreOutcome {
  if (defaultAction(sig, task.k.facts.release) !== 'core') return 'none'
  if (task.dumpable !== 1) return 'not-dumpable'
  return softLimit(task.group.rlimits, RLIMIT_CORE) >= 4096 ? 'dumped' : 'limit'
}

/** Notes what a task is dying of, for `kernel.why`: of `info`, unless its group has been doomed before. */
function noteDeath(current: Task, info: SigInfo, core: CoreOutcome, syscall: string): void {
  const { group } = current
  const dumped = group.groupExit ? ((group.groupExitCode & 0x80) !== 0 ? 'dumped' : 'none') : core
  if (!group.groupExit) group.fatal = causeOf(current, info) ?? { info, cause: sentBy(info), subject: null }
  const { fatal } = group
  if (fatal !== undefined) {
    noteKill(current, fatal.info.signo, fatal.cause, fatal.info, fatal.subject, dumped, syscall)
    return
  }
  const sig = group.groupExitCode & 0x7f
  noteKill(current, sig || info.signo, sig === 0 ? 'group-exit' : 'kernel', null, null, dumped, syscall)
}

/** Stops the calling thread and asks its siblings to follow. Linux: do_signal_stop. */
function stopGroup(current: Task, sig: number): void {
  const { group } = current
  let others = 0
  for (const thread of threadsOf(group)) {
    thread.exitCode = sig
    if (thread === current || thread.state >= TASK_STOPPED) continue
    others++
    thread.sigPending = true
  }
  group.stopCount = others
  finishStop(current)
}

/** A thread that was asked to stop. Linux: handle_group_stop. */
function stopThread(current: Task): void {
  current.group.stopCount--
  finishStop(current)
}

/** Linux: finish_stop. The last thread to stop tells the parent. */
function finishStop(current: Task): void {
  const { group } = current
  current.state = TASK_STOPPED
  current.k.attention |= ATTEND
  recalcSigpending(current)
  if (group.stopCount > 0) return
  group.stopped = true
  group.continued = false
  notifyParentStop(group.leader, CLD_STOPPED)
}

/** The mask while a handler runs: the old one, the handler's own, and the signal itself. Linux: handle_signal. */
export function blockForHandler(current: Task, sig: number, action: KSigAction): void {
  current.blockedLow |= action.maskLow
  current.blockedHigh |= action.maskHigh
  if ((action.flags & SA_NODEFER) === 0) {
    if (sig <= 32) current.blockedLow |= sigBit(sig)
    else current.blockedHigh |= sigBit(sig)
  }
  recalcSigpending(current)
}

/** What a tracer sees: not the SIGKILL that carries a group's death out, but the signal that it dies of. */
const shownInfo = (current: Task, info: SigInfo): SigInfo =>
  info.signo === SIGKILL && current.group.groupExit ? (current.group.fatal?.info ?? info) : info

function emitDeliver(current: Task, info: SigInfo, handler: number): void {
  const { k } = current
  k.trace.emitEvent({
    kind: 'signal:deliver',
    seq: k.seq++,
    time: k.state.now,
    pid: current.pid,
    comm: current.comm,
    signal: info.signo,
    info,
    action:
      handler === SIG_DFL
        ? defaultAction(info.signo, k.facts.release)
        : handler === SIG_IGN
          ? 'ignore'
          : 'handler',
  })
}
