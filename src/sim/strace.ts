/**
 * Prints a trace as strace would: `open("/etc/motd", O_RDONLY) = -1 EACCES (Permission denied)`.
 *
 * Calls that are interrupted by another line are split with `<unfinished ...>` and `<... read resumed>`; signals,
 * stops and ends have lines of their own; `[pid     5]` precedes every line while more than one process is traced.
 * Formats follow strace 6.1 and, for what it says in addresses, the 4.x of the time: the model has no addresses, so
 * 0xbffff000 stands for every one.
 *
 * Left out: `strace: Process 5 attached`, siginfo times, alignment unless asked for.
 */

import type { Profile } from '../abi/profile.js'
import { SIGKILL, signalName } from '../abi/signal.js'
import { straceName } from '../abi/syscalls.js'
import { WCOREDUMP, WEXITSTATUS, WIFEXITED, WTERMSIG } from '../abi/wait.js'
import { assertNever } from '../lib/assert.js'
import { decoderOf, SIGSET_SIZE, takesSigsetSize } from './strace_calls.js'
import { result, siginfo, type TextStyle } from './strace_text.js'
import type { SyscallEnterEvent, SyscallExitEvent, Trace, TraceEvent } from './trace.js'

/** How a trace is printed: strace's own options. */
export interface StraceOptions {
  /** Trace only these processes, and with `follow` their children. Default: all. strace -p. */
  readonly pids?: readonly number[]
  /** Trace children too; lines get a `[pid ]` while there are several processes. Default true. strace -f. */
  readonly follow?: boolean
  /** Start every line with the virtual time in seconds. Default false. strace -ttt. */
  readonly timestamps?: boolean
  /** Bytes of data that are shown. Default 32. strace -s. */
  readonly stringLimit?: number
  /** Results start in this column. Default 0: one blank after the call. strace -a; its default is 40. */
  readonly column?: number
  /** Name calls as the C library's choice on this kernel (stat64, rt_sigaction). Default: as the program named them. */
  readonly profile?: Profile
}

/**
 * One event as one line; undefined for what strace does not show (a syscall:enter too: the exit has it all).
 * No prefixes, nothing unfinished: see StracePrinter for a whole trace.
 */
export const straceLine = (event: TraceEvent, options: StraceOptions = {}): string | undefined => {
  let line: string | undefined
  const printer = new StracePrinter((text) => {
    line = text
  }, options)
  printer.event(event)
  return line
}

/** A call that has been entered. */
interface OpenCall {
  readonly seq: number
  readonly time: number
  readonly name: string
  /** What is printed at the start: `read(3, `. */
  readonly text: string
}

/** Turns events into lines. Give it every event in order: `attach` does that. */
export class StracePrinter {
  /** Takes one line. */
  readonly write: (line: string) => void
  /** As given. */
  readonly options: StraceOptions
  /** @internal */
  readonly style: TextStyle
  /** @internal Traced tasks that live, with the calls they are in, innermost last. */
  readonly tasks: Map<number, OpenCall[]> = new Map()
  /** @internal Calls whose line was finished before their exit came (exec). */
  readonly done: Set<number> = new Set()
  /** @internal */
  firstPid: number | undefined = undefined
  /** @internal The last thing that happened is that this call of this task began. */
  current: { readonly pid: number; readonly call: OpenCall } | undefined = undefined

  constructor(write: (line: string) => void, options: StraceOptions = {}) {
    this.write = write
    this.options = options
    this.style = { stringLimit: options.stringLimit ?? 32 }
  }

  /** Listens to everything strace shows. Call the result to stop. */
  attach(trace: Trace): () => void {
    const listener = (event: TraceEvent): void => this.event(event)
    const kinds = [
      'syscall:enter',
      'syscall:exit',
      'signal:generate',
      'signal:deliver',
      'task:fork',
      'task:exec',
      'task:exit',
    ] as const
    for (const kind of kinds) trace.on(kind, listener)
    return () => {
      for (const kind of kinds) trace.off(kind, listener)
      this.end()
    }
  }

  /** Prints what has begun and not been printed: the end of the trace. */
  end(): void {
    this.interrupt()
  }

  /** Takes one event; zero or more lines come of it. */
  event(event: TraceEvent): void {
    switch (event.kind) {
      case 'syscall:enter':
        if (this.isTraced(event.pid)) this.enter(event)
        return
      case 'syscall:exit':
        if (this.isTraced(event.pid)) this.exit(event)
        return
      case 'signal:generate':
        // A tracer sees signals that the task ignores; the model drops those when they are sent.
        if (event.outcome === 'ignored') this.signal(event.pid, event.time, siginfo(event.info), event.signal)
        return
      case 'signal:deliver':
        // The one signal that no tracer is shown.
        if (event.signal === SIGKILL) return
        this.signal(event.pid, event.time, siginfo(event.info), event.signal)
        if (event.action === 'stop') {
          this.line(event.pid, event.time, `--- stopped by ${signalName(event.signal)} ---`)
        }
        return
      case 'task:fork':
        if (this.isTraced(event.pid) && this.options.follow !== false) this.tasks.set(event.childPid, [])
        return
      case 'task:exec':
        if (this.isTraced(event.pid)) this.execDone(event.pid, event.time)
        return
      case 'task:exit':
        if (this.isTraced(event.pid)) this.taskExit(event.pid, event.time, event.status)
        return
      case 'sched:switch':
      case 'sched:wait':
      case 'sched:wake':
      case 'security:deny':
      case 'timer:fire':
      case 'block:submit':
      case 'module:event':
        return
      default:
        assertNever(event)
    }
  }

  /** @internal */
  isTraced(pid: number): boolean {
    const { pids, follow } = this.options
    this.firstPid ??= pid
    if (this.tasks.has(pid)) return true
    if (pids !== undefined ? !pids.includes(pid) : follow === false && pid !== this.firstPid) return false
    this.tasks.set(pid, [])
    return true
  }

  /** @internal */
  enter(event: SyscallEnterEvent): void {
    this.interrupt()
    const name = this.callName(event.name)
    const decoder = decoderOf(event.name)
    const args = decoder.enter(event.args, this.style).join(', ')
    const hasMore = decoder.exit !== undefined || takesSigsetSize(name)
    const text = `${name}(${args}${args !== '' && hasMore ? ', ' : ''}`
    const call: OpenCall = { seq: event.seq, time: event.time, name, text }
    this.tasks.get(event.pid)?.push(call)
    this.current = { pid: event.pid, call }
  }

  /** @internal */
  exit(event: SyscallExitEvent): void {
    if (this.done.delete(event.enterSeq)) return
    const decoder = decoderOf(event.name)
    const name = this.callName(event.name)
    const outputs = decoder.exit?.(event.args, event.ret, this.style) ?? []
    if (takesSigsetSize(name)) outputs.push(SIGSET_SIZE)
    const ret = decoder.result?.(event.ret, event.args) ?? result(event.ret)
    const call = this.take(event.pid, event.enterSeq)
    if (call === undefined) {
      // Its start was not seen: attached in the middle, or only exits are traced.
      this.interrupt()
      const inputs = decoder.enter(event.args, this.style)
      this.returned(event.pid, event.time, `${name}(${[...inputs, ...outputs].join(', ')}`, ret)
      return
    }
    this.finishCall(event.pid, event.time, call, outputs.join(', '), ret)
  }

  /** @internal Prints the rest of a call: all of it when nothing came between. */
  finishCall(pid: number, time: number, call: OpenCall, outputs: string, ret: string): void {
    if (this.current?.call === call) {
      this.current = undefined
      const text = outputs === '' ? call.text.replace(/, $/, '') : call.text + outputs
      this.returned(pid, call.time, text, ret)
      return
    }
    this.interrupt()
    this.returned(pid, time, `<... ${call.name} resumed>${outputs}`, ret)
  }

  /** @internal A successful exec does not return to who called it. */
  execDone(pid: number, time: number): void {
    const call = this.tasks.get(pid)?.at(-1)
    if (call?.name !== 'execve') return
    this.take(pid, call.seq)
    this.done.add(call.seq)
    this.finishCall(pid, time, call, '', '0')
  }

  /** @internal */
  signal(pid: number, time: number, info: string, sig: number): void {
    if (this.isTraced(pid)) this.line(pid, time, `--- ${signalName(sig)} ${info} ---`)
  }

  /** @internal */
  taskExit(pid: number, time: number, status: number): void {
    const call = this.tasks.get(pid)?.at(-1)
    if (call !== undefined && (this.current?.call === call || /^exit(_group)?$/.test(call.name))) {
      this.take(pid, call.seq)
      this.finishCall(pid, time, call, call.text.endsWith(', ') ? ' <unfinished ...>' : '', '?')
    }
    const core = WCOREDUMP(status) ? ' (core dumped)' : ''
    const how = WIFEXITED(status)
      ? `exited with ${WEXITSTATUS(status)}`
      : `killed by ${signalName(WTERMSIG(status))}${core}`
    this.line(pid, time, `+++ ${how} +++`)
    this.tasks.delete(pid)
  }

  /** @internal Takes a call off the list of those the task is in. */
  take(pid: number, seq: number): OpenCall | undefined {
    const calls = this.tasks.get(pid) ?? []
    const index = calls.findIndex((call) => call.seq === seq)
    return index < 0 ? undefined : calls.splice(index, 1)[0]
  }

  /** @internal Something else is to be printed: a call that has only begun becomes a line of its own. */
  interrupt(): void {
    const { current } = this
    if (current === undefined) return
    this.current = undefined
    this.print(current.pid, current.call.time, `${current.call.text} <unfinished ...>`)
  }

  /** @internal */
  line(pid: number, time: number, text: string): void {
    this.interrupt()
    this.print(pid, time, text)
  }

  /** @internal */
  returned(pid: number, time: number, text: string, ret: string): void {
    const call = `${this.prefix(pid, time)}${text})`
    const column = this.options.column ?? 0
    this.write(`${call.length < column ? call.padEnd(column) : `${call} `}= ${ret}`)
  }

  /** @internal */
  print(pid: number, time: number, text: string): void {
    this.write(this.prefix(pid, time) + text)
  }

  /** @internal */
  prefix(pid: number, time: number): string {
    const who =
      this.options.follow !== false && this.tasks.size > 1 ? `[pid ${String(pid).padStart(5)}] ` : ''
    return this.options.timestamps === true ? `${who}${(time / 1000).toFixed(6)} ` : who
  }

  /** @internal */
  callName(name: string): string {
    const { profile } = this.options
    const shown = profile === undefined ? name : straceName(name, profile)
    if (shown === 'socketcall') return name
    return shown === 'exec' ? 'execve' : shown
  }
}
