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

/** In every event. */
export interface EventBase {
  /** Counts the events of one kernel. */
  readonly seq: number
  /** Virtual milliseconds since boot. */
  readonly time: number
}

/** In every event that a task causes or suffers. */
export interface TaskEventBase extends EventBase {
  readonly pid: number
  readonly comm: string
}

/** A system call starts. A call that blocks and is run again still starts once. */
export interface SyscallEnterEvent extends TaskEventBase {
  readonly kind: 'syscall:enter'
  readonly name: string
  /** The number in this profile; -1 for calls that modules add. */
  readonly nr: number
  readonly args: readonly unknown[]
}

/** A system call returns. One whose task dies inside it does not. */
export interface SyscallExitEvent extends TaskEventBase {
  readonly kind: 'syscall:exit'
  readonly name: string
  readonly nr: number
  readonly args: readonly unknown[]
  readonly ret: unknown
  /** `seq` of its syscall:enter; 0 when that was not traced. */
  readonly enterSeq: number
}

/** The processor goes from one task to another; pid 0 is nobody. */
export interface SchedSwitchEvent extends TaskEventBase {
  readonly kind: 'sched:switch'
  readonly prevPid: number
  readonly prevComm: string
}

/** A task goes to sleep. */
export interface SchedWaitEvent extends TaskEventBase {
  readonly kind: 'sched:wait'
  /** What for, in words: 'pipe:[12] data'. */
  readonly queue: string
}

/** A task is woken. */
export interface SchedWakeEvent extends TaskEventBase {
  readonly kind: 'sched:wake'
}

/** A signal is sent; `pid` is the task it is for. */
export interface SignalGenerateEvent extends TaskEventBase {
  readonly kind: 'signal:generate'
  readonly signal: number
  readonly info: SigInfo
  /** Where the sender knows: now pending, dropped since the task ignores it, or dropped since it is pending already. */
  readonly outcome?: 'pending' | 'ignored' | 'merged'
}

/** A task takes a signal. */
export interface SignalDeliverEvent extends TaskEventBase {
  readonly kind: 'signal:deliver'
  readonly signal: number
  readonly info: SigInfo
  /** A handler runs, or what `defaultAction` says. */
  readonly action: 'handler' | DefaultAction
}

/** A task is born; `pid` is its parent. */
export interface TaskForkEvent extends TaskEventBase {
  readonly kind: 'task:fork'
  readonly childPid: number
  readonly childComm: string
  /** CLONE_* and the exit signal. */
  readonly flags: number
}

/** A task runs a new program. */
export interface TaskExecEvent extends TaskEventBase {
  readonly kind: 'task:exec'
  readonly path: string
  readonly oldComm: string
}

/** A task ends. */
export interface TaskExitEvent extends TaskEventBase {
  readonly kind: 'task:exit'
  /** As wait(2) will report it. */
  readonly status: number
}

/** Somebody said no. */
export interface SecurityDenyEvent extends TaskEventBase {
  readonly kind: 'security:deny'
  /** The negative error number. */
  readonly errno: number
  /** Which kind of check: 'dac', 'capability', 'hook', … */
  readonly check: string
  /** The module behind a hook, the capability's number, the access mask, or a word. */
  readonly what: string | number
  /** A sentence. */
  readonly reason: string
}

/** A timer's handler is about to run. */
export interface TimerFireEvent extends EventBase {
  readonly kind: 'timer:fire'
  /** Name of the handler. */
  readonly handler: string
}

/** A request goes to a block device. */
export interface BlockSubmitEvent extends TaskEventBase {
  readonly kind: 'block:submit'
  readonly device: string
  readonly op: 'read' | 'write'
  readonly sector: number
  readonly sectors: number
}

/** Anything a module wants to be seen. */
export interface ModuleEvent extends EventBase {
  readonly kind: 'module:event'
  readonly module: string
  readonly name: string
  /** The task it happened to, if any. */
  readonly pid?: number
  readonly data: unknown
}

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

export type TraceKind = TraceEvent['kind']

/** The event of one kind. */
export type TraceEventOf<K extends TraceKind> = Extract<TraceEvent, { readonly kind: K }>

/** Names that can be listened to, with what the listener gets. */
export type TraceListeners = { [K in TraceKind]: [event: TraceEventOf<K>] } & { event: [event: TraceEvent] }

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

export class Trace extends EventEmitter<TraceListeners> {
  syscallEnter = false
  syscallExit = false
  schedSwitch = false
  schedWait = false
  schedWake = false
  signalGenerate = false
  signalDeliver = false
  taskFork = false
  taskExec = false
  taskExit = false
  securityDeny = false
  timerFire = false
  blockSubmit = false
  moduleEvent = false
  /** Is any flag set? */
  isActive = false
  /** Listeners are running. */
  emitting = false
  /** What listeners threw since the last takeErrors(). */
  errors: unknown[] = []

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
  readonly events: TraceEvent[]
  readonly stop: () => void
}

/**
 * Keeps every event from now on. Buffers and structures among arguments and results are copied, since their owners
 * may write them again.
 */
export const recordTrace = (trace: Trace): TraceRecording => {
  const events: TraceEvent[] = []
  const listener = (event: TraceEvent): void => {
    if (event.kind === 'syscall:enter') events.push({ ...event, args: event.args.map(keep) })
    else if (event.kind === 'syscall:exit')
      events.push({ ...event, args: event.args.map(keep), ret: keep(event.ret) })
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

const keep = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return value.slice()
  if (Array.isArray(value)) return value.map(keep)
  if (typeof value !== 'object' || value === null || value instanceof Set) return value
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, keep(field)]))
}
