/**
 * In which context kernel code runs: for a process, as a bottom half, or in an interrupt handler.
 *
 * Linux 2.2: do_IRQ (arch/i386/kernel/irq.c), do_bottom_half and mark_bh (kernel/softirq.c), cli and save_flags
 * (include/asm-i386/system.h). There is one processor. An interrupt that is not masked is handled at once, whatever
 * runs, even another handler, but not inside its own: then it comes when that has returned. A bottom half runs when the
 * outermost interrupt handler has returned, one that a process marks at the end of its system call; never inside
 * another. Timers are bottom halves. What cannot run yet waits in order.
 *
 * Handlers are named, so that what waits can be copied. A handler gives the interrupt flag back as it found it (iret).
 * Nothing here sleeps, and nobody may who is not in process context: `assertMaySleep` is what every sleep asks first.
 *
 * Left out: priorities of interrupts, several processors, the fixed numbers of bottom halves (each runs in the order
 * of marking).
 */

import { ATTEND } from './attention.js'
import { KernelBug } from './bug.js'
import type { KernelCore } from './kernel.js'
import type { NamedHandler } from './module.js'
import type { Task } from './task.js'
import type { Timer } from './timer.js'

/** What kernel code runs for. */
export type Context = 'process' | 'bottom-half' | 'interrupt'

/** @internal Name of the timer that raises an interrupt. */
export const IRQ_TIMER = 'irq.raise'

/** A handler that has not returned. */
class Running {
  readonly context: Context
  readonly name: string

  constructor(context: Context, name: string) {
    this.context = context
    this.name = name
  }
}

/** A handler that has to wait. */
class Deferred {
  readonly kind: 'interrupt' | 'bottom-half' | 'timer'
  readonly name: string
  readonly data: unknown

  constructor(kind: Deferred['kind'], name: string, data: unknown) {
    this.kind = kind
    this.name = name
    this.data = data
  }
}

/** @internal One of each kind of object that is made here: see programs/shapes.ts. */
export const CONTEXT_SHAPES: readonly object[] = Object.freeze([
  new Running('process', ''),
  new Deferred('timer', '', null),
])

/** @internal What runs, what is masked, what waits: part of the kernel's state. */
export class Contexts {
  /** Handlers that have not returned, innermost last. */
  running: Running[] = []
  /** Are interrupts masked, and by whom? */
  irqsMasked = false
  maskedBy = ''
  /** How often bottom halves have been disabled, and by whom first. */
  bhDisabled = 0
  disabledBy = ''
  /** Interrupts, and expired timers, that came while they were masked. */
  irqs: Deferred[] = []
  /** Bottom halves marked. */
  bottomHalves: Deferred[] = []
}

/** What runs now. Linux: in_irq, in_interrupt. */
export function contextOf(k: KernelCore): Context {
  return k.state.contexts.running.at(-1)?.context ?? 'process'
}

/**
 * A device interrupts: the handler that some module contributes under `name` runs now, or as soon as interrupts are not
 * masked and the same handler is not running. `data` is plain data. Linux: do_IRQ.
 */
export function raiseIrq(k: KernelCore, name: string, data: unknown): void {
  const { contexts } = k.state
  if (contexts.irqsMasked || isRunning(contexts, name)) {
    contexts.irqs.push(new Deferred('interrupt', name, data))
    return
  }
  runHandler(k, 'interrupt', k.interrupts, name, data)
  runDeferred(k)
}

/** As `raiseIrq`, `delayMs` ≥ 0 from now. The timer can be taken back until then. */
export function raiseIrqAfter(k: KernelCore, delayMs: number, name: string, data: unknown): Timer {
  return k.addTimer(delayMs, IRQ_TIMER, { name, data })
}

/** Lets a bottom half run as soon as one may. Linux: queue_task, mark_bh. */
export function markBh(k: KernelCore, name: string, data: unknown): void {
  k.state.contexts.bottomHalves.push(new Deferred('bottom-half', name, data))
  k.attention |= ATTEND
}

/**
 * Masks interrupts and says whether they were masked before: what `localIrqRestore` wants back. `who` is named by the
 * KernelBug of whoever sleeps then. Linux: local_irq_save.
 */
export function localIrqSave(k: KernelCore, who: string): boolean {
  const { contexts } = k.state
  const was = contexts.irqsMasked
  if (!was) contexts.maskedBy = who
  contexts.irqsMasked = true
  return was
}

/** Undoes a `localIrqSave`. What came meanwhile is handled before this returns. Linux: local_irq_restore. */
export function localIrqRestore(k: KernelCore, wasMasked: boolean): void {
  k.state.contexts.irqsMasked = wasMasked
  if (!wasMasked) runDeferred(k)
}

/** Keeps bottom halves from running until as many `localBhEnable`. Linux: local_bh_disable. */
export function localBhDisable(k: KernelCore, who: string): void {
  const { contexts } = k.state
  if (contexts.bhDisabled++ === 0) contexts.disabledBy = who
}

/** What was marked meanwhile runs before this returns. Linux: local_bh_enable. */
export function localBhEnable(k: KernelCore): void {
  const { contexts } = k.state
  if (contexts.bhDisabled === 0)
    throw new KernelBug('localBhEnable: bottom halves are not disabled: call localBhDisable before')
  contexts.bhDisabled--
  runDeferred(k)
}

/** @internal Is there something waiting that could run now? */
export function hasDeferred({ state: { contexts } }: KernelCore): boolean {
  if (contexts.irqsMasked || contexts.running.length > 0) return false
  return contexts.irqs.length > 0 || (contexts.bottomHalves.length > 0 && contexts.bhDisabled === 0)
}

/** @internal Runs everything that may run now. Linux: do_bottom_half. */
export function runDeferred(k: KernelCore): void {
  const { contexts } = k.state
  for (;;) {
    runIrqs(k)
    if (contexts.running.length > 0 || contexts.bhDisabled > 0 || contexts.irqsMasked) return
    const next = contexts.bottomHalves.shift()
    if (next === undefined) return
    runHandler(
      k,
      'bottom-half',
      next.kind === 'timer' ? k.timerHandlers : k.bottomHalves,
      next.name,
      next.data,
    )
  }
}

/** @internal A timer has expired: it runs as a bottom half, or raises its interrupt. Linux: timer_bh, run_timer_list. */
export function runTimer(k: KernelCore, timer: Timer): void {
  const { contexts } = k.state
  if (timer.handler === IRQ_TIMER) {
    const { name, data } = timer.data as { readonly name: string; readonly data: unknown }
    raiseIrq(k, name, data)
    return
  }
  const waits = contexts.irqsMasked ? contexts.irqs : contexts.bottomHalves
  waits.push(new Deferred('timer', timer.handler, timer.data))
  runDeferred(k)
}

/** Throws a KernelBug that names who sleeps where nobody may: in a handler, or with something masked. */
export function assertMaySleep(current: Task, what: string): void {
  const { contexts } = current.k.state
  if (contexts.running.length === 0 && !contexts.irqsMasked && contexts.bhDisabled === 0) return
  const running = contexts.running.at(-1)
  const sleeper = `pid ${current.pid} (${current.comm}) would sleep on '${what}'`
  if (running !== undefined) {
    const kind = running.context === 'interrupt' ? 'interrupt handler' : 'bottom half'
    throw new KernelBug(`${kind} '${running.name}' sleeps: ${sleeper}: only process context may`)
  }
  if (contexts.irqsMasked)
    throw new KernelBug(`'${contexts.maskedBy}' sleeps with interrupts masked: ${sleeper}`)
  throw new KernelBug(`'${contexts.disabledBy}' sleeps with bottom halves disabled: ${sleeper}`)
}

const isRunning = ({ running }: Contexts, name: string): boolean =>
  running.some((one) => one.context === 'interrupt' && one.name === name)

/** Interrupts that came while they were masked, and timers: those have become bottom halves. */
function runIrqs(k: KernelCore): void {
  const { contexts } = k.state
  while (!contexts.irqsMasked) {
    const at = contexts.irqs.findIndex(({ kind, name }) => kind === 'timer' || !isRunning(contexts, name))
    const next = contexts.irqs.splice(at, at < 0 ? 0 : 1)[0]
    if (next === undefined) return
    if (next.kind === 'timer') contexts.bottomHalves.push(next)
    else runHandler(k, 'interrupt', k.interrupts, next.name, next.data)
  }
}

function runHandler(
  k: KernelCore,
  context: Context,
  handlers: ReadonlyMap<string, NamedHandler>,
  name: string,
  data: unknown,
): void {
  const handler = handlers.get(name)
  if (handler === undefined) throw new KernelBug(`no ${context} handler '${name}': no module contributes one`)
  const { contexts } = k.state
  const { irqsMasked, maskedBy, bhDisabled } = contexts
  contexts.running.push(new Running(context, name))
  try {
    handler(k, data)
    if (contexts.bhDisabled !== bhDisabled)
      throw new KernelBug(`${context} handler '${name}' returned with bottom halves disabled`)
  } finally {
    contexts.running.pop()
    contexts.irqsMasked = irqsMasked
    contexts.maskedBy = maskedBy
    contexts.bhDisabled = bhDisabled
  }
}
