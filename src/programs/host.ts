/**
 * The kernel as its host drives it: processes, direct calls, the scheduler, virtual time.
 *
 * One step of the scheduler is one system call of one program. A direct call is made by the host between steps;
 * when it sleeps, the scheduler runs the others until it can return. Tasks driven by the host that were woken, and
 * signals for idle ones, are taken care of at the end of every direct call and step, first woken first served.
 */

import { BLOCKED, EINTR } from '../abi/errno.js'
import type { SigHandler, SigHandlerFn } from '../abi/signal.js'
import { ATTEND, REFUSED } from '../kernel/attention.js'
import { KernelBug } from '../kernel/bug.js'
import { hasDeferred, IRQ_TIMER, runDeferred, runTimer } from '../kernel/context.js'
import { KernelCore, type KernelWiring } from '../kernel/kernel.js'
import { partOf } from '../kernel/part.js'
import type { CallOutputs, ProgramImage, SyscallRequest, UserMode } from '../kernel/program.js'
import { dequeueTask, enqueueTask, nthTask } from '../kernel/runqueue.js'
import { recalcSigpending } from '../kernel/signal.js'
import type { SyscallEntry } from '../kernel/syscall.js'
import {
  awaitsHandler,
  isInCall,
  PendingCall,
  TASK_RUNNING,
  TASK_UNINTERRUPTIBLE,
  TASK_ZOMBIE,
  type Task,
  TF_DIRECT,
  TF_SYSCALL_WORK,
} from '../kernel/task.js'
import { removeWaits } from '../kernel/wait.js'
import { hasPutOff, runWork } from '../kernel/work.js'
import { checkOptions } from '../lib/check_options.js'
import { settleRefusal } from '../security/deny.js'
import { Faults, shouldFail } from '../sim/faults.js'
import type { Scheduler } from '../sim/schedule.js'
import { endRefused, finishCall, invoke, resumeCall, returnToUser, startCall } from '../syscalls/dispatch.js'
import type { SyscallTable } from '../syscalls/table.js'
import { Begun } from './begun.js'
import { sleepersAmong, tooLong, WouldBlock } from './errors.js'
import type { GeneratorHost } from './generator.js'
import { handlersOfImage, imageOf, isGeneratorFunction } from './image.js'
import { describeRequest, outputsOf } from './journal.js'
import type { RunOptions } from './options.js'
import { Process } from './process.js'
import { refuseCall } from './refuse_call.js'
import { trimArgs } from './request.js'
import { addCall, type CallHost, coreSurfaces, derivedSurfaces, type Surfaces } from './surfaces.js'
import { runTurn } from './turns.js'
import { whyOfCall } from './why.js'

/** A begun call that is not over, and its arguments as the host gave them. */
export interface UnderWay {
  readonly begun: Begun
  readonly call: PendingCall
}

/** Numbers the copies of one kernel; shared by all of them. */
export interface EpochCounter {
  last: number
}

/** Who lets a kernel go on that is one of several on one clock; see src/world. */
export interface Driver {
  /** One step of all of them: as HostKernel.step. */
  step(): boolean
  /** As HostKernel.run. */
  run(options: RunOptions): number
  /** As HostKernel.advance. */
  advance(milliseconds: number): void
  /** A call of the host's begins to wait: `stepInside` follows. */
  enter(): void
  /** One step while a call waits. */
  stepInside(): boolean
  /** It waits no longer. */
  leave(): void
}

/** A handler function of the host's, by number - 2. */
type Handlers = unknown[]

export abstract class HostKernel extends KernelCore implements UserMode, GeneratorHost, CallHost {
  /** @internal */
  surfaces: Surfaces
  /** @internal */
  readonly coreCalls: SyscallTable
  /** The calls of the core and the modules', once there are such. */
  private readonly ownCalls = new Map<string, SyscallEntry>()
  /** @internal */
  scheduler: Scheduler
  private readonly handles = new Map<number, Process>()
  /** @internal */
  readonly epochs: EpochCounter
  private lastRun: Task | null = null
  private ownFaults: Faults | null = null
  /** Tasks whose direct calls are being waited for, innermost last. */
  private readonly awaited: Task[] = []
  /** Steps that others have made meanwhile. */
  private awaitedSteps = 0
  /** Steps after which `run` and calls that wait give up. */
  private readonly maxSteps: number
  /** @internal The world that it is part of, or null. Wiring: copies are on their own. */
  driver: Driver | null = null

  constructor(wiring: KernelWiring, scheduler: Scheduler, epochs: EpochCounter, maxSteps: number) {
    super(wiring)
    this.maxSteps = maxSteps
    this.epochs = epochs
    this.scheduler = scheduler
    this.coreCalls = wiring.syscalls
    this.surfaces = coreSurfaces(wiring.syscalls)
    this.user = this
    this.newEpoch()
  }

  /** @internal Adds a module's call, or replaces it after a fork or restore. */
  setCall(entry: SyscallEntry): void {
    if (this.syscalls === this.coreCalls) {
      for (const [name, core] of this.coreCalls) this.ownCalls.set(name, core)
      this.syscalls = this.ownCalls
      this.surfaces = derivedSurfaces(this.surfaces)
    }
    if (!Object.hasOwn(this.surfaces.sys, entry.name)) addCall(this.surfaces, entry.name, entry.name, null)
    this.ownCalls.set(entry.name, entry)
  }

  /** @internal */
  callNamed(name: string): SyscallEntry {
    const entry = this.syscalls.get(name)
    if (entry === undefined) throw new KernelBug(`no module contributes '${name}' any more`)
    return entry
  }

  /** Fault experiments on this kernel. */
  get faults(): Faults {
    this.ownFaults ??= new Faults(this)
    return this.ownFaults
  }

  /** A copy of the whole kernel. */
  abstract fork(): HostKernel

  /** A hash of the whole state. */
  abstract digest(): string

  /** The objects on which generator programs call `sys.*`. */
  get requests(): object {
    return this.surfaces.requests
  }

  /** @internal File pages written from now on are this copy's own; see fs/pages.ts. */
  newEpoch(): void {
    this.epoch = ++this.epochs.last
  }

  // ---- handles ---------------------------------------------------------------------------------------------

  /** The handle of a live or zombie task; undefined when there is none with this pid. */
  handleOf(pid: number): Process | undefined {
    const task = this.state.tasks.get(pid)
    if (task === undefined) return undefined
    return this.handleFor(task)
  }

  /** @internal The one handle of a task. */
  handleFor(task: Task): Process {
    const known = this.handles.get(task.pid)
    if (known !== undefined && known.serial === task.serial) return known
    const handle = new Process(task, this.generation, this, this.surfaces)
    this.handles.set(task.pid, handle)
    return handle
  }

  // ---- direct calls ----------------------------------------------------------------------------------------

  /** @internal A call of `process.sys`. */
  direct(
    process: Process,
    entry: SyscallEntry,
    a: unknown,
    b: unknown,
    c: unknown,
    d: unknown,
    e: unknown,
    f: unknown,
  ): unknown {
    const task = process.current()
    if (task.state !== TASK_RUNNING || task.call !== null || (task.flags & TF_DIRECT) === 0)
      refuseCall(process, task, entry.name)
    if (this.callsAreWatched && this.takesLongWay(process, task, entry)) {
      this.start(task, entry, trimArgs([a, b, c, d, e, f]))
      return this.awaitResult(task, entry)
    }
    if ((task.flags & TF_SYSCALL_WORK) !== 0) {
      const verdict = this.security.syscallWork(task, entry.name, entry.nr, a, b, c, d, e, f)
      if (verdict !== 0 || task.state !== TASK_RUNNING) {
        endRefused(task, entry, trimArgs([a, b, c, d, e, f]), verdict, this.runHandler)
        return this.awaitResult(task, entry)
      }
    }
    let result: unknown
    if (entry.quick(a, b, c, d, e, f)) {
      result = entry.handler(task, a, b, c, d, e, f)
    } else {
      const fixed = entry.fix([a, b, c, d, e, f])
      if (typeof fixed === 'number') return fixed
      result = entry.handler(task, ...fixed)
    }
    if (this.attention === 0) return result
    if ((this.attention & REFUSED) !== 0) {
      settleRefusal(task, entry, a, b, result)
      if (this.attention === 0) {
        this.rethrowTraceErrors()
        return result
      }
    }
    const call = new PendingCall(entry.name, trimArgs([a, b, c, d, e, f]), 0)
    try {
      finishCall(task, call, result, this.runHandler)
    } catch (error) {
      this.noteResult(task)
      this.settle()
      throw error
    }
    return this.awaitResult(task, entry)
  }

  /** Of the watched calls these are: where only other events are traced, a call is made the short way. */
  private takesLongWay(process: Process, task: Task, entry: SyscallEntry): boolean {
    const { trace } = this
    if (trace.emitting) refuseCall(process, task, entry.name)
    if (trace.syscallEnter || trace.syscallExit || this.injection !== null) return true
    return this.syscallHooked || this.syscallTime > 0
  }

  /** Starts a call. Where a signal handler of the host's throws, the others are served all the same. */
  private start(task: Task, entry: SyscallEntry, args: readonly unknown[]): void {
    try {
      startCall(task, entry, args, this.runHandler)
    } catch (error) {
      this.noteResult(task)
      this.settle()
      throw error
    }
  }

  /** @internal A call of `process.begin`. */
  beginCall(process: Process, entry: SyscallEntry, args: readonly unknown[]): Begun {
    const task = process.current()
    if (
      task.state !== TASK_RUNNING ||
      task.call !== null ||
      (task.flags & TF_DIRECT) === 0 ||
      this.trace.emitting
    ) {
      refuseCall(process, task, entry.name)
    }
    const begun = new Begun(process, entry.name, this.refusals)
    process.begun = begun
    this.start(task, entry, args)
    try {
      this.settle()
    } finally {
      this.noteResult(task)
    }
    this.rethrowTraceErrors()
    return begun
  }

  /**
   * Lets others run until the direct call is over. Throws WouldBlock when nobody can, and a RangeError when it does not
   * end all the same; calls that programs make meanwhile, and wait for, share the steps.
   */
  private awaitResult(task: Task, entry: SyscallEntry): unknown {
    if (this.awaited.length === 0) this.awaitedSteps = 0
    this.awaited.push(task)
    let isEntered = false
    try {
      this.stepFor(task, true)
      if (this.driver !== null && isInCall(task)) {
        isEntered = true
        this.driver.enter()
      }
      while (isInCall(task)) {
        const isEnough = this.awaitedSteps++ >= this.maxSteps
        if (!isEnough && this.stepFor(task)) continue
        const sleepers = sleepersAmong(this.state.tasks.values())
        const text = task.call === null ? `${entry.name}()` : describeRequest(task.call)
        this.cancelCall(task)
        this.settle()
        throw isEnough ? tooLong(text, this.maxSteps) : new WouldBlock(text, sleepers)
      }
    } finally {
      this.awaited.pop()
      if (isEntered) this.driver?.leave()
    }
    const result = takeResult(task)
    this.rethrowTraceErrors()
    return task.state >= TASK_ZOMBIE && result === undefined ? EINTR : result
  }

  /** A step while `task` waits in a direct call, which is taken back where somebody else's program throws. */
  private stepFor(task: Task, onlySettles = false): boolean {
    try {
      if (!onlySettles) return this.driver === null ? this.step() : this.driver.stepInside()
      this.settle()
      return true
    } catch (error) {
      this.cancelCall(task)
      if (!isInCall(task)) takeResult(task)
      this.settle()
      throw error
    }
  }

  /**
   * Takes a sleeping call back, as a signal without a handler would. A process that has stopped stays so, out of the
   * call; one that is deaf to signals (vfork) goes on sleeping in it.
   */
  private cancelCall(task: Task): void {
    const { call } = task
    if (call === null) return
    removeWaits(task)
    task.call = null
    if (!task.returning) {
      task.state = TASK_RUNNING
      task.sigPending = true
      const result = invoke(task, call)
      if (result === BLOCKED && task.state === TASK_UNINTERRUPTIBLE) {
        task.call = call
        recalcSigpending(task)
        return
      }
      removeWaits(task)
      task.state = TASK_RUNNING
    }
    task.returning = false
    task.result = undefined
    task.restart = null
    if (task.savedMask !== null) [task.blockedLow, task.blockedHigh] = task.savedMask
    task.savedMask = null
    recalcSigpending(task)
    dequeueTask(task)
    // A mask put back may let signals through.
    if (task.sigPending && task.state === TASK_RUNNING) enqueueTask(task)
  }

  /** Serves woken tasks that the host drives, and signals for idle ones. */
  private settle(): void {
    const { directQueue } = this.state
    const errors: unknown[] = []
    // A call that runs again may mark a bottom half, which may wake the next.
    do {
      if (hasDeferred(this)) runDeferred(this)
      runWork(this)
      for (let task = directQueue.head; task !== null; task = directQueue.head) {
        dequeueTask(task)
        try {
          if (task.state !== TASK_RUNNING) continue
          if (task.call !== null) resumeCall(task, this.runHandler)
          else if (task.sigPending || awaitsHandler(task))
            returnToUser(task, null, task.result, this.runHandler)
        } catch (error) {
          // A handler of the host's has thrown: the others are served before the host hears of it.
          errors.push(error)
        } finally {
          this.noteResult(task)
        }
      }
    } while (hasPutOff(this))
    this.attention = this.state.work.pending.length > 0 ? ATTEND : 0
    if (errors.length > 0) throw errors[0]
  }

  /** A call of a task that the host drives may be over: whoever waits for it is told. */
  private noteResult(task: Task): void {
    if (isInCall(task)) return
    const process = this.handles.get(task.pid)
    const begun = process?.current() === task ? process.begun : null
    if (process !== undefined && begun !== null) {
      process.begun = null
      if (task.state >= TASK_ZOMBIE) begun.die()
      else begun.finish(takeResult(task))
      begun.why = whyOfCall(task, begun)
    } else if (!this.awaited.includes(task)) takeResult(task)
  }

  /** @internal The begun calls that are not over, by the serial number of their tasks. */
  begunCalls(): ReadonlyMap<number, UnderWay> {
    const calls = new Map<number, UnderWay>()
    for (const process of this.handles.values()) {
      const { call } = process.current()
      if (process.begun !== null && call !== null) calls.set(process.serial, { begun: process.begun, call })
    }
    return calls
  }

  /** @internal After a restore: these calls, and no others, are under way, with the host's own buffers. */
  resumeBegun(calls: ReadonlyMap<number, UnderWay>): void {
    for (const process of this.handles.values()) {
      const task = process.current()
      const known = calls.get(process.serial)
      process.begun = known?.begun ?? null
      if (known === undefined) continue
      known.begun.reopen()
      task.call = known.call
    }
  }

  /** @internal Runs the innermost handler of a task that the host drives. */
  readonly runHandler = (task: Task): void => {
    const frame = task.frames?.at(-1)
    if (frame === undefined) return
    frame.started = true
    const fn = this.handlerFunction(task, frame.handler)
    if (typeof fn === 'function') fn(frame.signal, frame.info)
  }

  // ---- signal handlers -------------------------------------------------------------------------------------

  handlerNumber(task: Task, fn: unknown): number {
    const handlers = handlersOf(task)
    const known = handlers.indexOf(fn)
    if (known >= 0) return known + 2
    handlers.push(fn)
    return handlers.length + 1
  }

  handlerFunction(task: Task, handler: number): SigHandler {
    const fn = handlersOf(task)[handler - 2]
    return typeof fn === 'function' ? (fn as SigHandlerFn) : 0
  }

  functionImage(task: Task, fn: unknown): ProgramImage | null {
    return isGeneratorFunction(fn) ? imageOf(fn, '', true, handlersOf(task).slice()) : null
  }

  forked(parent: Task, child: Task): void {
    if ((child.flags & TF_DIRECT) !== 0) child.handlers = handlersOf(parent).slice()
  }

  outputsOf(call: SyscallRequest, result: unknown): CallOutputs {
    return outputsOf(call, result)
  }

  started(task: Task): void {
    task.continuation = undefined
    task.journal = null
    task.frames = null
    task.handlers = undefined
    if (task.program?.kind === 'direct') task.flags |= TF_DIRECT
    else task.flags &= ~TF_DIRECT
    task.machine = undefined
    this.attention |= ATTEND
  }

  // ---- the scheduler ---------------------------------------------------------------------------------------

  /**
   * One step: the next runnable task makes one system call; where none is runnable, time jumps to the next timer.
   * False when there is neither.
   */
  step(): boolean {
    if (this.driver !== null) return this.driver.step()
    return this.stepTask(this.pick())
  }

  /** @internal When it can go on: now, at its next timer, or never. */
  dueAt(): number {
    const { state } = this
    const isDue =
      state.runQueue.head !== null ||
      (this.attention !== 0 && (state.directQueue.head !== null || hasPutOff(this)))
    return isDue ? state.now : (state.timers.first()?.at ?? Number.POSITIVE_INFINITY)
  }

  /** @internal Its own part of a world's step: one call of a program, or a timer that is not after `until`. */
  stepAlone(until: number): boolean {
    this.attend()
    if (this.state.runQueue.head === null) return this.fireNextTimer(until)
    return this.stepTask(this.pick())
  }

  /** @internal Serves whom something outside has woken. */
  attend(): void {
    if (this.attention !== 0) this.settle()
  }

  /** @internal Watching must not change the run: a TypeError for what a trace listener calls. */
  refuseListener(what: string): void {
    if (this.trace.emitting) throw new TypeError(`${what}: a trace listener must not call into the kernel`)
  }

  /** @internal How many tasks the next step can choose from. */
  get runnable(): number {
    return this.state.runQueue.length
  }

  /** @internal As `step`, with the choice made. */
  stepWith(choice: number): boolean {
    return this.stepTask(nthTask(this.state.runQueue.head, choice))
  }

  private stepTask(task: Task | null): boolean {
    this.refuseListener('step')
    if (task === null) return this.fireNextTimer(Number.POSITIVE_INFINITY)
    dequeueTask(task)
    if (this.trace.schedSwitch && task !== this.lastRun) this.emitSwitch(task)
    this.lastRun = task
    this.state.switches++
    const part = partOf(task)
    const { call } = task
    try {
      runTurn(this, task)
      // Who is woken for nothing, and sleeps on, has not run: others may have done it.
      const sleepsOn = call !== null && task.call === call && task.state !== TASK_RUNNING
      if (part !== null && !sleepsOn) part.switches++
    } finally {
      if (task.state === TASK_RUNNING && (task.flags & TF_DIRECT) === 0) enqueueTask(task)
      if (this.attention !== 0) this.settle()
    }
    this.rethrowTraceErrors()
    return true
  }

  /**
   * Runs until nothing can: no task is runnable and no timer is set (or `until` is reached). Returns the number of
   * steps. Throws a RangeError after the kernel's `maxSteps`, ten million, unless the option says otherwise. While a
   * plain function waits in a call, others run as part of its step.
   */
  run(options: RunOptions = {}): number {
    this.refuseListener('run')
    checkOptions('run', options, ['maxSteps', 'until'])
    if (this.driver !== null) return this.driver.run(options)
    const { maxSteps, until = Number.POSITIVE_INFINITY } = options
    const limit = maxSteps ?? this.maxSteps
    for (let steps = 0; ; steps++) {
      if (steps >= limit) {
        if (maxSteps !== undefined) return steps
        throw new RangeError(
          `run() did not come to rest in ${this.maxSteps} steps: pass { maxSteps } or { until }`,
        )
      }
      if (this.attention !== 0) this.settle()
      if (this.state.runQueue.head === null) {
        if (!this.fireNextTimer(until)) return steps
      } else this.step()
    }
  }

  /** Lets `milliseconds` of virtual time pass: timers fire in order, and whoever they wake runs. */
  advance(milliseconds: number): void {
    if (!(milliseconds >= 0) || milliseconds === Number.POSITIVE_INFINITY) {
      throw new RangeError(`advance(${milliseconds}): a finite number of milliseconds >= 0 is wanted`)
    }
    if (this.driver !== null) {
      this.driver.advance(milliseconds)
      return
    }
    const until = this.state.now + milliseconds
    this.run({ until })
    this.state.now = Math.max(this.state.now, until)
  }

  /** Lets the clock jump to the next timer not after `until`, and runs it. */
  private fireNextTimer(until: number): boolean {
    if (this.attention !== 0 && (this.state.directQueue.head !== null || hasPutOff(this))) {
      // The host has woken somebody between calls, or marked a bottom half.
      this.settle()
      return true
    }
    const { timers } = this.state
    const timer = timers.first()
    if (timer === undefined || timer.at > until) return false
    timers.remove(timer)
    this.state.now = Math.max(this.state.now, timer.at)
    if (this.injection !== null && shouldFail(this, `timer:${timer.handler}`)) {
      // The interrupt is lost: the timer is found expired at the next tick.
      timers.rearm(timer, this.state.now + 1000 / this.facts.hz)
      return true
    }
    if (timer.handler !== IRQ_TIMER && !this.timerHandlers.has(timer.handler))
      throw new KernelBug(`no handler for timer '${timer.handler}'`)
    if (this.trace.timerFire) {
      this.trace.emitEvent({
        kind: 'timer:fire',
        seq: this.seq++,
        time: this.state.now,
        handler: timer.handler,
      })
    }
    runTimer(this, timer)
    this.settle()
    this.rethrowTraceErrors()
    return true
  }

  private pick(): Task | null {
    const { runQueue } = this.state
    if (runQueue.length <= 1) return runQueue.head
    const index = this.scheduler.pick(runQueue.length, (at) => nthTask(runQueue.head, at)?.serial ?? 0)
    return nthTask(runQueue.head, index)
  }

  // ---- looking ---------------------------------------------------------------------------------------------

  private rethrowTraceErrors(): void {
    if (this.trace.errors.length === 0) return
    const [first, ...others] = this.trace.takeErrors()
    if (others.length > 0) throw new AggregateError([first, ...others], 'trace listeners threw')
    throw first
  }

  private emitSwitch(task: Task): void {
    this.trace.emitEvent({
      kind: 'sched:switch',
      seq: this.seq++,
      time: this.state.now,
      pid: task.pid,
      comm: task.comm,
      prevPid: this.lastRun?.pid ?? 0,
      prevComm: this.lastRun?.comm ?? '',
    })
  }
}

const handlersOf = (task: Task): Handlers => {
  if (Array.isArray(task.handlers)) return task.handlers
  const handlers: Handlers = task.program === null ? [] : handlersOfImage(task.program).slice()
  task.handlers = handlers
  return handlers
}

/** What a direct call returned. It is the host's now, no part of the state. */
function takeResult(task: Task): unknown {
  const { result } = task
  task.result = undefined
  return result
}
