/**
 * The trace: what happened in a kernel, as typed events for whoever listens.
 *
 * Hooks decide, traces observe. The kernel builds an event only where the flag of its kind is set:
 *
 *   if (k.trace.syscallExit) k.trace.emitEvent({ kind: 'syscall:exit', … })
 *
 * A flag is set while its kind, or 'event' (every kind), has a listener. `emitting` is true while listeners run: the
 * kernel refuses calls then, so that watching never changes a run. What a listener throws is kept in `errors`, and
 * the kernel throws it at the end of the step; the listeners of the same name that come after it miss that event.
 *
 * Events are plain data. Buffers among the arguments are the caller's own: read them while the listener runs, or
 * copy them. The trace itself is wiring, never part of a kernel's state.
 */

import { EventEmitter } from 'eventemitter3'
import type { DefaultAction, SigInfo } from '../abi/signal.js'
import { sliceOf } from '../lib/bytes.js'
import type { DenyCheck, Why } from './why.js'

/** In every event. */
export interface EventBase {
  /** Counts the events of one kernel. */
  readonly seq: number
  /** Virtual milliseconds since boot. */
  readonly time: number
}

/** In every event that a task causes or suffers. */
export interface TaskEventBase extends EventBase {
  /** The task. */
  readonly pid: number
  /** Its command name. */
  readonly comm: string
}

/** A system call starts. A call that blocks and is run again still starts once. */
export interface SyscallEnterEvent extends TaskEventBase {
  /** 'syscall:enter'. */
  readonly kind: 'syscall:enter'
  /** The call's name. */
  readonly name: string
  /** The number in this profile; -1 for calls that modules add. */
  readonly nr: number
  /** Its arguments, the program's own objects. */
  readonly args: readonly unknown[]
}

/** A system call returns. One whose task dies inside it does not. */
export interface SyscallExitEvent extends TaskEventBase {
  /** 'syscall:exit'. */
  readonly kind: 'syscall:exit'
  /** The call's name. */
  readonly name: string
  /** Its number in this profile; -1 for calls that modules add. */
  readonly nr: number
  /** Its arguments, the program's own objects, filled. */
  readonly args: readonly unknown[]
  /** What it returns: a value or a negative error number. */
  readonly ret: unknown
  /** `seq` of its syscall:enter; 0 when that was not traced. */
  readonly enterSeq: number
}

/** The processor goes from one task to another; pid 0 is nobody. */
export interface SchedSwitchEvent extends TaskEventBase {
  /** 'sched:switch'. */
  readonly kind: 'sched:switch'
  /** Who had it before; 0 for nobody. */
  readonly prevPid: number
  /** The command name of who had it before. */
  readonly prevComm: string
}

/** A task goes to sleep. */
export interface SchedWaitEvent extends TaskEventBase {
  /** 'sched:wait'. */
  readonly kind: 'sched:wait'
  /** What for, in words: 'pipe:[12] data'. */
  readonly queue: string
}

/** A task is woken. */
export interface SchedWakeEvent extends TaskEventBase {
  /** 'sched:wake'. */
  readonly kind: 'sched:wake'
}

/** A signal is sent; `pid` is the task it is for. */
export interface SignalGenerateEvent extends TaskEventBase {
  /** 'signal:generate'. */
  readonly kind: 'signal:generate'
  /** Its number. */
  readonly signal: number
  /** What a handler will see. */
  readonly info: SigInfo
  /** Where the sender knows: now pending, dropped since the task ignores it, or dropped since it is pending already. */
  readonly outcome?: 'pending' | 'ignored' | 'merged'
}

/** A task takes a signal. */
export interface SignalDeliverEvent extends TaskEventBase {
  /** 'signal:deliver'. */
  readonly kind: 'signal:deliver'
  /** Its number. */
  readonly signal: number
  /** What a handler sees. */
  readonly info: SigInfo
  /** A handler runs, or what `defaultAction` says. */
  readonly action: 'handler' | DefaultAction
}

/** A task is born; `pid` is its parent. */
export interface TaskForkEvent extends TaskEventBase {
  /** 'task:fork'. */
  readonly kind: 'task:fork'
  /** The child's pid. */
  readonly childPid: number
  /** The child's command name. */
  readonly childComm: string
  /** CLONE_* and the exit signal. */
  readonly flags: number
}

/** A task runs a new program. */
export interface TaskExecEvent extends TaskEventBase {
  /** 'task:exec'. */
  readonly kind: 'task:exec'
  /** What it runs now. */
  readonly path: string
  /** The command name before. */
  readonly oldComm: string
}

/** A task ends. */
export interface TaskExitEvent extends TaskEventBase {
  /** 'task:exit'. */
  readonly kind: 'task:exit'
  /** As wait(2) will report it. */
  readonly status: number
}

/** A call was refused, or the kernel is killing the process. */
export interface SecurityDenyEvent extends TaskEventBase {
  /** 'security:deny'. */
  readonly kind: 'security:deny'
  /** The negative error number; 0 for a kill. */
  readonly errno: number
  /** Which kind of check: 'dac', 'capability', 'hook', … */
  readonly check: DenyCheck
  /** A sentence. */
  readonly reason: string
  /** What `kernel.why` says at this moment. */
  readonly why: Why
}

/** A timer's handler is about to run. */
export interface TimerFireEvent extends EventBase {
  /** 'timer:fire'. */
  readonly kind: 'timer:fire'
  /** Name of the handler. */
  readonly handler: string
}

/** A request goes to a block device. */
export interface BlockSubmitEvent extends TaskEventBase {
  /** 'block:submit'. */
  readonly kind: 'block:submit'
  /** The device. */
  readonly device: string
  /** What is to be done. */
  readonly op: 'read' | 'write'
  /** The first sector of 512 bytes. */
  readonly sector: number
  /** How many. */
  readonly sectors: number
}

/** Anything a module wants to be seen. */
export interface ModuleEvent extends EventBase {
  /** 'module:event'. */
  readonly kind: 'module:event'
  /** The module. */
  readonly module: string
  /** What happened, in its own words. */
  readonly name: string
  /** The task it happened to, if any. */
  readonly pid?: number
  /** Anything. */
  readonly data: unknown
}

/** Anything that can happen. */
export type TraceEvent =
  | SyscallEnterEvent
  | SyscallExitEvent
  | SchedSwitchEvent
  | SchedWaitEvent
  | SchedWakeEvent
  | SignalGenerateEvent
  | SignalDeliverEvent
  | TaskForkEvent
  | TaskExecEvent
  | TaskExitEvent
  | SecurityDenyEvent
  | TimerFireEvent
  | BlockSubmitEvent
  | ModuleEvent

/** The name of a kind of event. */
export type TraceKind = TraceEvent['kind']

/** The event of one kind. */
export type TraceEventOf<K extends TraceKind> = Extract<
  TraceEvent,
  {
    /** The kind. */
    readonly kind: K
  }
>

/** Names that can be listened to, with what the listener gets. */
export type TraceListeners = { [K in TraceKind]: [event: TraceEventOf<K>] } & {
  /** Every kind. */
  event: [event: TraceEvent]
}

type Name = EventEmitter.EventNames<TraceListeners>
type Listener<N extends Name> = EventEmitter.EventListener<TraceListeners, N>

/** Every kind and its flag. */
const FLAG_OF = Object.freeze({
  'syscall:enter': 'syscallEnter',
  'syscall:exit': 'syscallExit',
  'sched:switch': 'schedSwitch',
  'sched:wait': 'schedWait',
  'sched:wake': 'schedWake',
  'signal:generate': 'signalGenerate',
  'signal:deliver': 'signalDeliver',
  'task:fork': 'taskFork',
  'task:exec': 'taskExec',
  'task:exit': 'taskExit',
  'security:deny': 'securityDeny',
  'timer:fire': 'timerFire',
  'block:submit': 'blockSubmit',
  'module:event': 'moduleEvent',
} as const) satisfies Record<TraceKind, string>

const isKind = (name: string): name is TraceKind => Object.hasOwn(FLAG_OF, name)

/** Every kind of event. */
export const TRACE_KINDS: readonly TraceKind[] = Object.freeze(Object.keys(FLAG_OF).filter(isKind))

/**
 * The stream of events of one kernel: `k.trace.on(kind, listener)`. A flag says whether a kind has a
 * listener.
 */
export class Trace extends EventEmitter<TraceListeners> {
  /** Is 'syscall:enter' listened to? */
  syscallEnter = false
  /** Is 'syscall:exit' listened to? */
  syscallExit = false
  /** Is 'sched:switch' listened to? */
  schedSwitch = false
  /** Is 'sched:wait' listened to? */
  schedWait = false
  /** Is 'sched:wake' listened to? */
  schedWake = false
  /** Is 'signal:generate' listened to? */
  signalGenerate = false
  /** Is 'signal:deliver' listened to? */
  signalDeliver = false
  /** Is 'task:fork' listened to? */
  taskFork = false
  /** Is 'task:exec' listened to? */
  taskExec = false
  /** Is 'task:exit' listened to? */
  taskExit = false
  /** Is 'security:deny' listened to? */
  securityDeny = false
  /** Is 'timer:fire' listened to? */
  timerFire = false
  /** Is 'block:submit' listened to? */
  blockSubmit = false
  /** Is 'module:event' listened to? */
  moduleEvent = false
  /** Is any flag set? */
  isActive = false
  /** Listeners are running. */
  emitting = false
  /** What listeners threw since the last takeErrors(). */
  errors: unknown[] = []
  /** @internal Is told when flags have changed. */
  onFlags: () => void = () => undefined

  /** Gives an event to the listeners of its kind, then to those of 'event'. Never throws. */
  emitEvent(event: TraceEvent): void {
    const wasEmitting = this.emitting
    this.emitting = true
    this.notify(event.kind, event)
    this.notify('event', event)
    this.emitting = wasEmitting
  }

  /** The errors collected so far, which are forgotten here. */
  takeErrors(): unknown[] {
    if (this.errors.length === 0) return []
    const errors = this.errors
    this.errors = []
    return errors
  }

  /** Errors: RangeError for a name that is no kind of event. */
  override on<N extends Name>(name: N, listener: Listener<N>, context?: unknown): this {
    checkName(name)
    super.on(name, listener, context)
    return this.updateFlags()
  }

  /** The same as `on`. */
  override addListener<N extends Name>(name: N, listener: Listener<N>, context?: unknown): this {
    return this.on(name, listener, context)
  }

  override once<N extends Name>(name: N, listener: Listener<N>, context?: unknown): this {
    checkName(name)
    super.once(name, listener, context)
    return this.updateFlags()
  }

  override removeListener<N extends Name>(
    name: N,
    listener?: Listener<N>,
    context?: unknown,
    once?: boolean,
  ): this {
    super.removeListener(name, listener, context, once)
    return this.updateFlags()
  }

  /** The same as `removeListener`. */
  override off<N extends Name>(name: N, listener?: Listener<N>, context?: unknown, once?: boolean): this {
    return this.removeListener(name, listener, context, once)
  }

  override removeAllListeners(name?: Name): this {
    super.removeAllListeners(name)
    return this.updateFlags()
  }

  /** @internal */
  notify(name: Name, event: TraceEvent): void {
    try {
      // `emit` cannot be told that a kind and its event belong together; the prototype's takes any.
      EventEmitter.prototype.emit.call(this, name, event)
    } catch (error) {
      this.errors.push(error)
    }
  }

  /** @internal */
  updateFlags(): this {
    const all = this.listenerCount('event') > 0
    this.isActive = all
    for (const kind of TRACE_KINDS) {
      const isOn = all || this.listenerCount(kind) > 0
      this[FLAG_OF[kind]] = isOn
      if (isOn) this.isActive = true
    }
    this.onFlags()
    return this
  }
}

const checkName = (name: string): void => {
  if (name !== 'event' && !isKind(name)) {
    throw new RangeError(`'${name}' is not a trace event; there are event, ${TRACE_KINDS.join(', ')}`)
  }
}

/** Events kept for later, in order. `stop` ends the recording. */
export interface TraceRecording {
  /** So far, in order. */
  readonly events: TraceEvent[]
  /** Ends the recording. */
  readonly stop: () => void
}

/**
 * Keeps every event from now on. Buffers and structures among arguments and results are copied, since their owners
 * may write them again.
 */
export const recordTrace = (trace: Trace): TraceRecording => {
  const events: TraceEvent[] = []
  const listener = (event: TraceEvent): void => {
    if (event.kind === 'syscall:enter') events.push({ ...event, args: keepAll(event.args) })
    else if (event.kind === 'syscall:exit')
      events.push({ ...event, args: keepAll(event.args), ret: keep(event.ret, new Map()) })
    else events.push(event)
  }
  trace.on('event', listener)
  return {
    events,
    stop: () => {
      trace.off('event', listener)
    },
  }
}

const keepAll = (args: readonly unknown[]): unknown[] => {
  const kept = new Map<object, unknown>()
  return args.map((arg) => keep(arg, kept))
}

/** `kept`: the copies so far, since a caller's structure may contain itself. */
function keep(value: unknown, kept: Map<object, unknown>): unknown {
  if (value instanceof Uint8Array) return sliceOf(value)
  if (typeof value !== 'object' || value === null || value instanceof Set) return value
  const known = kept.get(value)
  if (known !== undefined) return known
  if (Array.isArray(value)) {
    const list: unknown[] = []
    kept.set(value, list)
    for (const item of value) list.push(keep(item, kept))
    return list
  }
  const copy: Record<string, unknown> = {}
  kept.set(value, copy)
  for (const [name, field] of Object.entries(value)) copy[name] = keep(field, kept)
  return copy
}
