/**
 * Recorded events in the Chrome trace-event format, JSON object form: ui.perfetto.dev and chrome://tracing open it.
 *
 * A task is a process with one thread; syscalls and sleeps are spans on it, signals and refusals are instants, an
 * arrow leads from a fork to the child's first span. Process 0 is the machine: its thread shows who runs.
 *
 * Times are virtual, in microseconds. Events at the same moment are laid one nanosecond apart in their order, so that
 * a call that takes no virtual time still has a width.
 *
 * Format: "Trace Event Format", catapult project, google/catapult.
 */

import { signalName } from '../abi/signal.js'
import { assertNever } from '../lib/assert.js'
import { straceLine } from './strace.js'
import type { SyscallEnterEvent, SyscallExitEvent, TraceEvent } from './trace.js'

/** One row. `ts` and `dur` are microseconds. */
export interface ChromeEvent {
  /** What is shown. */
  readonly name: string
  /** X a span, i an instant, M metadata, s and f the ends of an arrow. */
  readonly ph: 'X' | 'i' | 'M' | 's' | 'f'
  /** The task; 0 is the machine. */
  readonly pid: number
  /** The same: a task is a process of one thread. */
  readonly tid: number
  /** Start, microseconds of virtual time. */
  readonly ts: number
  /** Length, microseconds. */
  readonly dur?: number
  /** Category, to filter by. */
  readonly cat?: string
  /** Scope of an instant: thread, process or global. */
  readonly s?: 't' | 'p' | 'g'
  /** Which arrow. */
  readonly id?: number
  /** Shown when the row is selected. */
  readonly args?: Readonly<Record<string, unknown>>
}

/** A trace file in the JSON object form. */
export interface ChromeTrace {
  /** The rows. */
  readonly traceEvents: readonly ChromeEvent[]
  /** The unit that the viewer starts with. */
  readonly displayTimeUnit: 'ms'
}

/** Makes the file's contents: write `JSON.stringify` of it. Record with 'event' listeners, or `recordTrace`. */
export const chromeTrace = (events: readonly TraceEvent[]): ChromeTrace => {
  const exporter = new Exporter(timestamps(events))
  events.forEach((event, i) => {
    exporter.event(event, exporter.at(i))
  })
  exporter.end()
  return { traceEvents: exporter.rows(), displayTimeUnit: 'ms' }
}

/** The machine's own row. */
const MACHINE = 0

/** Nanoseconds for each event: its time, plus its place among those of the same time. */
const timestamps = (events: readonly TraceEvent[]): number[] => {
  const stamps: number[] = []
  for (let start = 0; start < events.length; ) {
    const time = events[start]?.time ?? 0
    let end = start + 1
    while (end < events.length && events[end]?.time === time) end++
    const gap = ((events[end]?.time ?? Number.POSITIVE_INFINITY) - time) * 1e6
    const step = Math.min(1, gap / (end - start + 1))
    for (let i = start; i < end; i++) stamps.push(Math.round(time * 1e6) + (i - start) * step)
    start = end
  }
  return stamps
}

/** A span that has begun. */
interface OpenSpan {
  readonly from: number
  readonly name: string
}

interface OpenCall {
  readonly from: number
  readonly event: SyscallEnterEvent
}

class Exporter {
  readonly stamps: readonly number[]
  readonly spans: ChromeEvent[] = []
  readonly names: Map<number, string> = new Map()
  /** Calls by the sequence number of their start. */
  readonly calls: Map<number, OpenCall> = new Map()
  readonly sleeps: Map<number, OpenSpan> = new Map()
  /** Children whose first event has not come, with the number of their arrow. */
  readonly born: Map<number, number> = new Map()
  running: (OpenSpan & { readonly pid: number }) | undefined = undefined
  arrows = 0

  constructor(stamps: readonly number[]) {
    this.stamps = stamps
  }

  at(index: number): number {
    return this.stamps[index] ?? 0
  }

  rows(): ChromeEvent[] {
    const metadata = [...this.names].flatMap(([pid, comm]) => {
      const base = { ph: 'M', pid, tid: pid, ts: 0, args: { name: comm } } as const
      return [
        { ...base, name: 'process_name' },
        { ...base, name: 'thread_name' },
      ]
    })
    return [...metadata, ...this.spans.sort((a, b) => a.ts - b.ts)]
  }

  event(event: TraceEvent, at: number): void {
    if ('comm' in event) this.meet(event.pid, event.comm, at)
    switch (event.kind) {
      case 'syscall:enter':
        this.calls.set(event.seq, { from: at, event })
        return
      case 'syscall:exit':
        this.syscallExit(event, at)
        return
      case 'sched:switch':
        this.run(event.pid, event.comm, at)
        return
      case 'sched:wait':
        this.sleeps.set(event.pid, { from: at, name: `sleep: ${event.queue}` })
        return
      case 'sched:wake':
        this.wake(event.pid, at)
        return
      case 'signal:generate':
        this.instant(`${signalName(event.signal)} sent`, 'signal', event.pid, at, { info: event.info })
        return
      case 'signal:deliver':
        this.instant(signalName(event.signal), 'signal', event.pid, at, {
          action: event.action,
          info: event.info,
        })
        return
      case 'task:fork':
        this.fork(event.pid, event.childPid, event.childComm, at)
        return
      case 'task:exec':
        this.instant(`exec ${event.path}`, 'task', event.pid, at, { was: event.oldComm })
        return
      case 'task:exit':
        this.taskExit(event.pid, at, straceLine(event))
        return
      case 'security:deny':
        this.instant(`denied by ${event.check}`, 'security', event.pid, at, {
          reason: event.reason,
          errno: event.errno,
        })
        return
      case 'timer:fire':
        this.instant(`timer ${event.handler}`, 'timer', MACHINE, at, {})
        return
      case 'block:submit':
        this.instant(`${event.op} ${event.device}`, 'block', event.pid, at, {
          sector: event.sector,
          sectors: event.sectors,
        })
        return
      case 'module:event':
        this.instant(`${event.module}: ${event.name}`, event.module, event.pid ?? MACHINE, at, {
          data: event.data,
        })
        return
      default:
        assertNever(event)
    }
  }

  /** Closes what is open: the recording ends here. */
  end(): void {
    const last = this.at(this.stamps.length - 1) + 1
    this.run(MACHINE, '', last)
    for (const pid of [...this.sleeps.keys()]) this.wake(pid, last)
    for (const call of this.calls.values()) this.unfinished(call, last)
    if (this.names.size > 0) this.names.set(MACHINE, 'cpu')
  }

  /** A task's event: keeps its latest name, and ends the arrow to a child at its first. */
  meet(pid: number, comm: string, at: number): void {
    if (pid !== MACHINE) this.names.set(pid, comm)
    const arrow = this.born.get(pid)
    if (arrow === undefined) return
    this.born.delete(pid)
    this.spans.push({ name: 'fork', cat: 'task', ph: 'f', id: arrow, pid, tid: pid, ts: at / 1000 })
  }

  span(
    name: string,
    cat: string,
    pid: number,
    from: number,
    to: number,
    args: ChromeEvent['args'] = {},
  ): void {
    const dur = Math.max(0, to - from) / 1000
    this.spans.push({ name, cat, ph: 'X', pid, tid: pid, ts: from / 1000, dur, args })
  }

  instant(name: string, cat: string, pid: number, at: number, args: ChromeEvent['args'] & object): void {
    const s = pid === MACHINE ? 'g' : 't'
    this.spans.push({ name, cat, ph: 'i', s, pid, tid: pid, ts: at / 1000, args })
  }

  syscallExit(event: SyscallExitEvent, at: number): void {
    const call = this.calls.get(event.enterSeq)
    this.calls.delete(event.enterSeq)
    this.span(event.name, 'syscall', event.pid, call?.from ?? at, at, { call: straceLine(event) })
  }

  /** A call whose task died in it, or that goes on after the recording. */
  unfinished(call: OpenCall, at: number): void {
    this.span(call.event.name, 'syscall', call.event.pid, call.from, at, { unfinished: true })
  }

  wake(pid: number, at: number): void {
    const sleep = this.sleeps.get(pid)
    if (sleep === undefined) return
    this.sleeps.delete(pid)
    this.span(sleep.name, 'sched', pid, sleep.from, at)
  }

  run(pid: number, comm: string, at: number): void {
    const { running } = this
    if (running !== undefined)
      this.span(running.name, 'sched', MACHINE, running.from, at, { pid: running.pid })
    this.running = pid === MACHINE ? undefined : { pid, name: comm, from: at }
  }

  fork(parent: number, child: number, comm: string, at: number): void {
    this.arrows++
    this.names.set(child, comm)
    this.born.set(child, this.arrows)
    this.spans.push({
      name: 'fork',
      cat: 'task',
      ph: 's',
      id: this.arrows,
      pid: parent,
      tid: parent,
      ts: at / 1000,
    })
  }

  taskExit(pid: number, at: number, how: string | undefined): void {
    this.wake(pid, at)
    for (const [seq, call] of this.calls) {
      if (call.event.pid !== pid) continue
      this.unfinished(call, at)
      this.calls.delete(seq)
    }
    this.instant('exit', 'task', pid, at, { how })
  }
}
