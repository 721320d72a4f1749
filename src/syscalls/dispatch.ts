/**
 * The way into the kernel and out of it: running a call's handler, putting its task to sleep, running it again
 * after a wake-up, and everything that happens on the return to user mode: signals, stops, restarts.
 *
 * Linux: system_call and ret_from_sys_call (arch/i386/kernel/entry.S), do_signal and handle_signal
 * (arch/i386/kernel/signal.c, 2.6.14). A task is in one of these states between two runs:
 *
 *   user mode          call null: `result` is what its program sees next
 *   asleep in a call   call set, state a sleeping one; runs again when woken
 *   stopped            state TASK_STOPPED; `returning` says that `call` has run and `result` waits
 *   dead               TASK_ZOMBIE, TASK_DEAD
 */

import {
  BLOCKED,
  EINTR,
  ENOSYS,
  ERESTART_RESTARTBLOCK,
  ERESTARTNOINTR,
  ERESTARTSYS,
  isErr,
  SKIPPED,
} from '../abi/errno.js'
import { SA_RESTART, SA_SIGINFO, SIGSEGV } from '../abi/signal.js'
import { REFUSED } from '../kernel/attention.js'
import { chargeCpu } from '../kernel/cputime.js'
import { blockForHandler, type Delivery, getSignalToDeliver } from '../kernel/deliver.js'
import { doExit, doGroupExit } from '../kernel/exit.js'
import { enqueueTask } from '../kernel/runqueue.js'
import { recalcSigpending } from '../kernel/signal.js'
import type { SyscallEntry } from '../kernel/syscall.js'
import {
  isGroupLeader,
  PendingCall,
  TASK_RUNNING,
  TASK_STOPPED,
  TASK_ZOMBIE,
  type Task,
  TF_DIRECT,
  TF_SYSCALL_WORK,
} from '../kernel/task.js'
import { noteKill, settleRefusal } from '../security/deny.js'
import { copyIn, copyOut } from './user_copy.js'

/** Runs a handler function of a task that the host drives; see programs/direct.ts. */
export type RunHandler = (task: Task) => void

/** Runs a call's handler once. */
export function invoke(task: Task, call: PendingCall): unknown {
  const { args } = call
  const entry = task.k.syscalls.get(call.name)
  if (entry === undefined) return ENOSYS
  const [a, b, c, d, e, f] = args
  const result = entry.quick(a, b, c, d, e, f)
    ? entry.handler(task, a, b, c, d, e, f)
    : invokeFixed(task, entry, args)
  if ((task.k.attention & REFUSED) !== 0) settleRefusal(task, entry, a, b, result)
  return task.k.injection === null ? result : copyOut(task.k, call, result)
}

/** As `invoke`, for arguments that have to be brought into their kinds first. */
function invokeFixed(task: Task, entry: SyscallEntry, args: readonly unknown[]): unknown {
  const fixed = entry.fix(args)
  return isErr(fixed) ? fixed : entry.handler(task, ...fixed)
}

/** Starts a call the long way: traced, hooked, and charged for. */
export function startCall(
  task: Task,
  entry: SyscallEntry,
  args: readonly unknown[],
  runHandler: RunHandler,
): void {
  const { k } = task
  const call = new PendingCall(entry.name, args, k.seq)
  if (k.trace.syscallEnter) emitEnter(task, call)
  if (k.syscallTime > 0) chargeCpu(task, k.syscallTime)
  let verdict = (task.flags & TF_SYSCALL_WORK) !== 0 ? askWork(task, entry, args) : 0
  if (verdict === 0 && k.syscallHooked && task.state < TASK_ZOMBIE)
    verdict = k.security.syscallEnter(task, entry.name, entry.nr, args)
  if (verdict !== 0 || task.state >= TASK_ZOMBIE) {
    endRefused(task, entry, args, verdict, runHandler, call)
    return
  }
  const failed = k.injection !== null ? copyIn(k, call) : 0
  finishCall(task, call, failed === 0 ? invoke(task, call) : failed, runHandler)
}

/** Ends a call that a hook has refused, skipped or killed its task for. */
export function endRefused(
  task: Task,
  entry: SyscallEntry,
  args: readonly unknown[],
  verdict: number,
  runHandler: RunHandler,
  call: PendingCall = new PendingCall(entry.name, args, 0),
): void {
  if (task.state >= TASK_ZOMBIE) return
  settleRefusal(task, entry, args[0], args[1], verdict)
  const result = verdict === SKIPPED ? task.result : verdict
  // Whatever number it is, it is a result: a hook cannot put the task to sleep, nor restart the call.
  if (task.sigPending) returnToUser(task, call, result, runHandler)
  else complete(task, call, result)
}

/** Asks the modules that look at a flagged task's calls. */
function askWork(task: Task, entry: SyscallEntry, args: readonly unknown[]): number {
  const [a, b, c, d, e, f] = args
  return task.k.security.syscallWork(task, entry.name, entry.nr, a, b, c, d, e, f)
}

/** As `askWork`, for what a task enters by a name that no program has asked for. */
function askWorkByName(task: Task, name: string, args: readonly unknown[]): number {
  const [a, b, c, d, e, f] = args
  const nr = task.k.syscalls.get(name)?.nr ?? -1
  return task.k.security.syscallWork(task, name, nr, a, b, c, d, e, f)
}

/** Acts on what a handler returned. */
export function finishCall(task: Task, call: PendingCall, result: unknown, runHandler: RunHandler): void {
  if (result === BLOCKED) {
    fallAsleep(task, call)
    return
  }
  if (task.sigPending || isRestartCode(result)) returnToUser(task, call, result, runHandler)
  else complete(task, call, result)
}

/** Functions among arguments have done their part (clone), symbols have none; neither is state. */
const isNoState = (arg: unknown): boolean => typeof arg === 'function' || typeof arg === 'symbol'

/** The task sleeps in the call. */
function fallAsleep(task: Task, call: PendingCall): void {
  task.call = call.args.some(isNoState)
    ? new PendingCall(
        call.name,
        call.args.map((arg) => (isNoState(arg) ? null : arg)),
        call.seq,
      )
    : call
  if (task.k.trace.schedWait && task.queued === null) emitWait(task)
}

/** Runs a sleeping task's call again after a wake-up. */
export function resumeCall(task: Task, runHandler: RunHandler): void {
  const { call } = task
  if (call === null) return
  task.call = null
  if (task.returning) {
    task.returning = false
    returnToUser(task, call, task.result, runHandler)
    return
  }
  finishCall(task, call, invoke(task, call), runHandler)
}

const isRestartCode = (result: unknown): boolean =>
  typeof result === 'number' && result <= ERESTARTSYS && result >= ERESTART_RESTARTBLOCK

/**
 * Signals, then the result. `call` is null when the task was in user mode. Ends with the task dead, stopped,
 * asleep again, about to run a handler, or with its result ready. Linux: do_signal.
 */
export function returnToUser(
  task: Task,
  from: PendingCall | null,
  outcome: unknown,
  runHandler: RunHandler,
): void {
  let call = from
  let result = outcome
  for (;;) {
    if (task.sigPending) {
      const delivery = getSignalToDeliver(task, call)
      if (task.state >= TASK_ZOMBIE) return
      if (task.state === TASK_STOPPED) {
        task.call = call
        task.result = result
        task.returning = call !== null
        return
      }
      if (delivery !== null) {
        pushFrame(task, call, result, delivery)
        call = null
        result = undefined
        if (task.k.facts.stacksSignals) continue
      }
    }
    const frame = task.frames?.at(-1)
    if (frame !== undefined && !frame.started) {
      if ((task.flags & TF_DIRECT) === 0) {
        task.call = null
        enqueueTask(task)
        return
      }
      runOrDrop(task, runHandler)
      if (task.state >= TASK_ZOMBIE || !enterSigreturn(task)) return
      const popped = popFrame(task)
      call = popped.restart
      result = popped.result
      continue
    }
    if (call !== null && isRestartCode(result)) {
      if (task.savedMask !== null && task.k.facts.restoresSigmask) {
        restoreSavedMask(task)
        result = ERESTARTNOINTR
        if (task.sigPending) continue
      }
      const verdict = (task.flags & TF_SYSCALL_WORK) !== 0 ? enterAgain(task, call, result) : 0
      if (task.state >= TASK_ZOMBIE) return
      if (verdict !== 0) {
        result = verdict === SKIPPED ? task.result : verdict
        continue
      }
      if (result === ERESTARTSYS || result === ERESTARTNOINTR) task.restart = null
      result = invoke(task, call)
      if (result === BLOCKED) {
        fallAsleep(task, call)
        return
      }
      continue
    }
    complete(task, call, result)
    return
  }
}

/** The task enters a call anew that a signal has interrupted. 0, or the verdict of who looks at its calls. */
function enterAgain(task: Task, call: PendingCall, code: unknown): number {
  const name = code === ERESTART_RESTARTBLOCK ? 'restart_syscall' : call.name
  const verdict = askWorkByName(task, name, name === call.name ? call.args : [])
  const entry = task.k.syscalls.get(call.name)
  if (verdict !== 0 && entry !== undefined && task.state < TASK_ZOMBIE)
    settleRefusal(task, entry, call.args[0], call.args[1], verdict)
  return verdict
}

/**
 * The innermost handler returns, which is a call to who looks at the task's calls. False when the task has died of it;
 * where the call is refused, the handler has nowhere to return to.
 */
export function enterSigreturn(task: Task): boolean {
  if ((task.flags & TF_SYSCALL_WORK) === 0) return true
  const name = task.frames?.at(-1)?.isRealtime === true ? 'rt_sigreturn' : 'sigreturn'
  if (askWorkByName(task, name, []) !== 0) crash(task, name)
  return task.state < TASK_ZOMBIE
}

/**
 * A program's first function has returned: its process ends, a thread made by clone ends alone. To who looks at the
 * task's calls it is the C library's exit_group, then exit, then an instruction that faults.
 */
export function exitProgram(task: Task, code: number): void {
  const status = (code & 0xff) << 8
  const isThread = !isGroupLeader(task)
  if ((task.flags & TF_SYSCALL_WORK) !== 0) {
    const names = isThread || !task.k.facts.hasThreadGroups ? ['exit'] : ['exit_group', 'exit']
    const allowed = names.find((name) => task.state < TASK_ZOMBIE && askWorkByName(task, name, [code]) === 0)
    if (allowed === undefined) crash(task, 'exit')
    else if (allowed === 'exit') doExit(task, status)
  }
  if (task.state >= TASK_ZOMBIE) return
  if (isThread) doExit(task, status)
  else doGroupExit(task, status)
}

/** The program is in the middle of nowhere. */
function crash(task: Task, syscall: string): void {
  if (task.state >= TASK_ZOMBIE) return
  noteKill(task, SIGSEGV, 'program', null, null, 'none', syscall)
  doGroupExit(task, SIGSEGV)
}

/** A handler of the host's that throws is over, and so is the call that it interrupted. */
function runOrDrop(task: Task, runHandler: RunHandler): void {
  try {
    runHandler(task)
  } catch (error) {
    const { restart, result } = popFrame(task)
    complete(task, null, restart === null ? result : EINTR)
    throw error
  }
}

/** Notes what a handler interrupts, and blocks what it blocks. Linux: handle_signal, setup_frame. */
function pushFrame(task: Task, call: PendingCall | null, outcome: unknown, delivery: Delivery): void {
  const { info, action } = delivery
  let result = outcome
  let restart: PendingCall | null = null
  if (call !== null) {
    if (isRestartCode(result)) {
      const restarts =
        result === ERESTARTNOINTR || (result === ERESTARTSYS && (action.flags & SA_RESTART) !== 0)
      if (task.k.trace.syscallExit) emitExit(task, call, result)
      if (restarts) {
        restart = call
        result = ERESTARTNOINTR
      } else result = EINTR
    } else if (task.k.trace.syscallExit) emitExit(task, call, result)
    noteOutputs(task, call, result)
    task.restart = null
  }
  const [maskLow, maskHigh] = task.savedMask ?? [task.blockedLow, task.blockedHigh]
  task.savedMask = null
  if (task.frames === null) task.frames = []
  const { outputs } = task
  task.outputs = null
  task.frames.push({
    outputs,
    signal: info.signo,
    info,
    handler: action.handler,
    isRealtime: (action.flags & SA_SIGINFO) !== 0,
    maskLow,
    maskHigh,
    result,
    restart,
    started: false,
  })
  blockForHandler(task, info.signo, action)
}

/** A handler has returned. Linux: sys_sigreturn. */
export function popFrame(task: Task): { readonly restart: PendingCall | null; readonly result: unknown } {
  const frame = task.frames?.pop()
  if (frame === undefined) return { restart: null, result: undefined }
  if (task.frames?.length === 0) task.frames = null
  task.outputs = frame.outputs
  task.blockedLow = frame.maskLow
  task.blockedHigh = frame.maskHigh
  recalcSigpending(task)
  return frame
}

/** sigsuspend ended without a handler. */
function restoreSavedMask(task: Task): void {
  if (task.savedMask === null) return
  ;[task.blockedLow, task.blockedHigh] = task.savedMask
  task.savedMask = null
  recalcSigpending(task)
}

/** The call is over: its result waits for the program. */
function complete(task: Task, call: PendingCall | null, result: unknown): void {
  task.call = null
  task.restart = null
  task.result = result
  if (call !== null) noteOutputs(task, call, result)
  if (call !== null && task.k.trace.syscallExit && task.state < TASK_ZOMBIE) emitExit(task, call, result)
  if ((task.flags & TF_DIRECT) === 0 && task.state === TASK_RUNNING) enqueueTask(task)
}

/**
 * Keeps what a call has left in its arguments until the program hears of it: in a copy of the kernel these are not
 * the program's own buffers.
 */
function noteOutputs(task: Task, call: PendingCall, result: unknown): void {
  if (task.program?.journalled === true) task.outputs = task.k.user.outputsOf(call, result)
}

function emitEnter(task: Task, call: PendingCall): void {
  const { k } = task
  k.trace.emitEvent({
    kind: 'syscall:enter',
    seq: k.seq++,
    time: k.state.now,
    pid: task.pid,
    comm: task.comm,
    name: call.name,
    nr: k.syscalls.get(call.name)?.nr ?? -1,
    args: call.args,
  })
}

function emitExit(task: Task, call: PendingCall, ret: unknown): void {
  const { k } = task
  k.trace.emitEvent({
    kind: 'syscall:exit',
    seq: k.seq++,
    time: k.state.now,
    pid: task.pid,
    comm: task.comm,
    name: call.name,
    nr: k.syscalls.get(call.name)?.nr ?? -1,
    args: call.args,
    ret,
    enterSeq: call.seq,
  })
}

function emitWait(task: Task): void {
  const { k } = task
  const queue = task.waits?.queue.name ?? 'a signal'
  k.trace.emitEvent({
    kind: 'sched:wait',
    seq: k.seq++,
    time: k.state.now,
    pid: task.pid,
    comm: task.comm,
    queue,
  })
}
