/**
 * One turn of a task that has a program: the rest of a call it sleeps in, a signal, or the program's next step.
 */

import { SIGSEGV } from '../abi/signal.js'
import { KernelBug } from '../kernel/bug.js'
import { doGroupExit } from '../kernel/exit.js'
import type { ProgramImage } from '../kernel/program.js'
import type { SyscallEntry } from '../kernel/syscall.js'
import { TASK_ZOMBIE, type Task, TF_DIRECT, TF_STARTED } from '../kernel/task.js'
import { noteKill } from '../security/deny.js'
import {
  enterSigreturn,
  exitProgram,
  popFrame,
  type RunHandler,
  resumeCall,
  returnToUser,
  startCall,
} from '../syscalls/dispatch.js'
import type { SyscallTable } from '../syscalls/table.js'
import { type GeneratorHost, resumeGenerator } from './generator.js'
import { type MachineProgram, type PlainProgram, programOf } from './image.js'
import { BY_NUMBER, callOfNumber } from './numbered.js'
import type { Process } from './process.js'
import { OutOfProgram } from './refuse_call.js'
import { CALL_ALIASES } from './surfaces.js'

/** What a turn needs of the kernel. */
export interface TurnHost extends GeneratorHost {
  readonly syscalls: ReadonlyMap<string, SyscallEntry>
  readonly coreCalls: SyscallTable
  readonly runHandler: RunHandler
  handleFor(task: Task): Process
}

/** One turn of a task with a program. */
export function runTurn(host: TurnHost, task: Task): void {
  if (task.call !== null) resumeCall(task, host.runHandler)
  else if (task.sigPending) returnToUser(task, null, task.result, host.runHandler)
  else runProgram(host, task)
}

/** A program that throws dies as of SIGSEGV, and the host hears of it. */
function runProgram(host: TurnHost, task: Task): void {
  try {
    runImage(host, task)
  } catch (error) {
    if (task.state < TASK_ZOMBIE) {
      noteKill(task, SIGSEGV, 'program', null, null, 'none', '')
      doGroupExit(task, SIGSEGV)
    }
    throw error
  }
}

function runImage(host: TurnHost, task: Task): void {
  switch (task.program?.kind) {
    case 'generator':
      runGenerator(host, task)
      break
    case 'machine':
      runMachine(host, task)
      break
    case 'plain':
      runPlain(host, task)
      break
    default:
      throw new KernelBug(`pid ${task.pid} (${task.comm}) is in the run queue without a program`)
  }
}

function runGenerator(host: TurnHost, task: Task): void {
  const turn = resumeGenerator(host, task)
  if (turn === 'sigreturn') sigreturn(host, task)
  else if (typeof turn === 'number') exitProgram(task, turn)
  else makeRequest(host, task, turn.name, turn.args)
}

function sigreturn(host: TurnHost, task: Task): void {
  if (!enterSigreturn(task)) return
  const { restart, result } = popFrame(task)
  returnToUser(task, restart, result, host.runHandler)
}

function runMachine(host: TurnHost, task: Task): void {
  const program = programOf(task.program as ProgramImage) as MachineProgram<unknown>
  if ((task.flags & TF_STARTED) === 0) {
    task.machine = program.init(task.argv, task.env)
    task.result = undefined
    task.flags |= TF_STARTED
  }
  const frame = task.frames?.at(-1)
  if (frame !== undefined) {
    program.signal?.(task.machine, frame.handler, frame.signal)
    sigreturn(host, task)
    return
  }
  const { result } = task
  task.result = undefined
  const next = program.step(task.machine, result)
  if (typeof next === 'number') exitProgram(task, next)
  else if (Array.isArray(next?.args)) makeRequest(host, task, next.name, next.args)
  else
    throw new TypeError(
      `program ${task.comm} (pid ${task.pid}): step returned ${String(next)}: a call(…) or an exit code is wanted`,
    )
}

/** A plain function runs as one direct call, others running while it sleeps. */
function runPlain(host: TurnHost, task: Task): void {
  const program = programOf(task.program as ProgramImage) as PlainProgram<unknown>
  task.flags |= TF_DIRECT | TF_STARTED
  const process = host.handleFor(task)
  let code: unknown
  try {
    code = program.run(process.sys, ...task.argv.slice(1))
  } catch (error) {
    // The next call of a function whose process was killed, or runs another program by now, ends the function.
    const isOver = task.state >= TASK_ZOMBIE || (task.flags & TF_STARTED) === 0
    if (!(error instanceof OutOfProgram) || error.serial !== process.serial || !isOver) throw error
  }
  // exec clears TF_STARTED: the new program goes on, whatever the old one returns.
  if ((task.flags & TF_STARTED) === 0) return
  if (task.state < TASK_ZOMBIE) exitProgram(task, typeof code === 'number' ? code : 0)
}

function makeRequest(host: TurnHost, task: Task, name: string, args: readonly unknown[]): void {
  const isNumbered = name === BY_NUMBER
  const entry = isNumbered
    ? callOfNumber(task, host.coreCalls, args[0])
    : host.syscalls.get(CALL_ALIASES[name] ?? name)
  if (entry === undefined)
    throw new TypeError(`program ${task.comm} asked for '${name}': there is no such system call`)
  startCall(task, entry, isNumbered ? args.slice(1) : args, host.runHandler)
}
