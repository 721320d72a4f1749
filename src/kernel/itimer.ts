/**
 * Interval timers: alarm(2), setitimer(2). Linux: kernel/itimer.c (2.2.12, 2.6.14).
 *
 * They belong to the process (in 2.2 to the task, which is one), are not inherited by fork, and go on over exec.
 * Times are milliseconds of virtual time and exact, where Linux rounds up to ticks; only an interval is never
 * shorter than a tick, so that a timer cannot flood its process.
 */

import { SIGALRM } from '../abi/signal.js'
import { ITIMER_PROF, ITIMER_REAL, ITIMER_VIRTUAL, type Itimerval } from '../abi/time.js'
import type { KernelCore } from './kernel.js'
import type { NamedHandler } from './module.js'
import { kernelInfo, sendGroupSignal } from './signal.js'
import { type Itimer, type Task, ThreadGroup } from './task.js'

/** Name of the timer handler behind ITIMER_REAL; its data is the thread group. Linux: it_real_fn. */
const REAL_TIMER = 'itimer.real'

/** The longest time, in ticks; negative ones count as this, too. Linux: LONG_MAX, MAX_JIFFY_OFFSET. */
const MAX_TICKS = 0x7fffffff

export const isItimer = (which: number): boolean =>
  which === ITIMER_REAL || which === ITIMER_VIRTUAL || which === ITIMER_PROF

const tickMs = (k: KernelCore): number => 1000 / k.facts.hz

/** A time as the kernel takes it; negative ones are the longest. Linux: timeval_to_jiffies, timespec_to_jiffies. */
export function clampMs(k: KernelCore, ms: number): number {
  const longest = MAX_TICKS * tickMs(k)
  return ms < 0 || ms > longest ? longest : ms
}

/** What an interval timer has left. One that is about to fire has a tick left. Linux: do_getitimer. */
export function getItimer(current: Task, which: number): Itimerval {
  const { k, group } = current
  const itimer = group.itimers?.[which]
  if (itimer == null) return { interval: 0, value: 0 }
  const { interval, timer, left } = itimer
  if (which !== ITIMER_REAL) return { interval, value: left }
  if (timer === null) return { interval, value: 0 }
  const rest = timer.at - k.state.now
  return { interval, value: rest > 0 ? rest : tickMs(k) }
}

/** Sets an interval timer and returns what it was. Value 0 stops it. Linux: do_setitimer. */
export function setItimer(current: Task, which: number, to: Itimerval): Itimerval {
  const { k, group } = current
  const previous = getItimer(current, which)
  const known = group.itimers?.[which]
  if (known?.timer != null) k.state.timers.remove(known.timer)
  const value = clampMs(k, to.value)
  const interval = to.interval === 0 ? 0 : Math.max(clampMs(k, to.interval), tickMs(k))
  const itimer: Itimer = { interval, timer: null, left: which === ITIMER_REAL ? 0 : value }
  if (which === ITIMER_REAL && value > 0) itimer.timer = k.addTimer(value, REAL_TIMER, group)
  if (group.itimers === null) group.itimers = [null, null, null]
  group.itimers[which] = itimer
  return previous
}

/** ITIMER_REAL has run out. Linux: it_real_fn. */
function onRealTimer(k: KernelCore, data: unknown): void {
  if (!(data instanceof ThreadGroup)) return
  const itimer = data.itimers?.[ITIMER_REAL]
  if (itimer == null) return
  itimer.timer = itimer.interval === 0 ? null : k.addTimer(itimer.interval, REAL_TIMER, data)
  sendGroupSignal(data.leader, kernelInfo(SIGALRM))
}

/** The timer handlers of this file, to be registered with the kernel. */
export const timerHandlers: Readonly<Record<string, NamedHandler>> = Object.freeze({
  [REAL_TIMER]: onRealTimer,
})
