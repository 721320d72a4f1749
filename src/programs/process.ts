/**
 * Handles: what a test holds of a process.
 *
 * A handle names a task; it stays valid after `k.restore()`, when the task behind it is another object, and after
 * the process has ended, when it still knows how.
 */

import { WEXITSTATUS, WIFEXITED, WIFSIGNALED, WTERMSIG } from '../abi/wait.js'
import { TASK_DEAD, TASK_RUNNING, TASK_STOPPED, TASK_ZOMBIE, type Task, TF_DIRECT } from '../kernel/task.js'
import type { Begun } from './begun.js'
import type { CoreSys } from './core_sys.js'
import type { CallHost, Surfaces } from './surfaces.js'
import type { Begin, Libc } from './sys_types.js'

/** What a process is doing. 'idle': in user mode, waiting for the test to make a call. */
export type ProcessState = 'idle' | 'runnable' | 'sleeping' | 'stopped' | 'zombie' | 'dead'

/** The name by which Node asks an object how it is to be shown. */
export const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom')

/** A process, driven by direct calls or by its program. `S` is the type of its system calls. */
export class Process<S = CoreSys> {
  /** The process id. */
  readonly pid: number
  /** Direct calls: a value, or a negative error number. A call that has to wait lets the others run meanwhile. */
  readonly sys: S
  /** As `sys`, but errors are thrown as SyscallError. */
  readonly libc: Libc<S>
  /** As `sys`, but the call is only started: look at `blocked` and `result`. */
  readonly begin: Begin<S>
  /** @internal The kernel. */
  readonly host: CallHost
  /** @internal */
  readonly serial: number
  /** @internal The task; a dead one when it does not exist in the present state of the kernel. */
  task: Task
  /** @internal Which state of the kernel `task` belongs to. */
  generation: number
  /** @internal The call that `begin` has started and that is not over. */
  begun: Begun | null = null

  /** @internal Made by the kernel. */
  constructor(task: Task, generation: number, host: CallHost, surfaces: Surfaces) {
    this.host = host
    this.pid = task.pid
    this.serial = task.serial
    this.task = task
    this.generation = generation
    this.sys = bind(surfaces.sys, this as Process<unknown>) as S
    this.libc = bind(surfaces.libc, this as Process<unknown>) as Libc<S>
    this.begin = bind(surfaces.begin, this as Process<unknown>) as Begin<S>
  }

  /** What it is doing. A process that has been waited for, or never was in this state of the kernel, is 'dead'. */
  get state(): ProcessState {
    const task = this.current()
    if (task.state > TASK_ZOMBIE) return 'dead'
    if (task.state === TASK_ZOMBIE) return 'zombie'
    if (task.state === TASK_STOPPED) return 'stopped'
    if (task.state !== TASK_RUNNING) return 'sleeping'
    return (task.flags & TF_DIRECT) !== 0 && task.call === null ? 'idle' : 'runnable'
  }

  /** The raw wait status, for WIFEXITED and its kin; undefined while the process lives. */
  get exitStatus(): number | undefined {
    const task = this.current()
    return task.state >= TASK_ZOMBIE ? task.exitCode : undefined
  }

  /** The code it gave to exit; undefined while it lives, or when a signal killed it. */
  get exitCode(): number | undefined {
    const { exitStatus } = this
    return exitStatus !== undefined && WIFEXITED(exitStatus) ? WEXITSTATUS(exitStatus) : undefined
  }

  /** The signal that killed it, if one did. */
  get killedBy(): number | undefined {
    const { exitStatus } = this
    return exitStatus !== undefined && WIFSIGNALED(exitStatus) ? WTERMSIG(exitStatus) : undefined
  }

  /** The command's name. */
  get comm(): string {
    return this.current().comm
  }

  /** What is shown of it: pid, name and state, and not the kernel behind it. */
  toJSON(): Pick<Process, 'pid' | 'comm' | 'state'> {
    const { pid, comm, state } = this
    return { pid, comm, state }
  }

  /** 'process 5 (www), sleeping' */
  toString(): string {
    return `process ${this.pid} (${this.comm}), ${this.state}`
  }

  /** @internal What Node's console shows. */
  [INSPECT](): string {
    return this.toString()
  }

  /** @internal The task in the present state of the kernel. */
  current(): Task {
    const { task } = this
    if (task.k.generation !== this.generation || task.state > TASK_ZOMBIE) this.rebind(task)
    return this.task
  }

  /** Finds the task again after the kernel's state has been replaced; a dead one may have begun since. */
  private rebind(task: Task): void {
    const { k } = task
    const found = k.state.tasks.get(this.pid)
    if (this.generation !== k.generation) this.begun = null
    this.generation = k.generation
    if (found !== undefined && found.serial === this.serial) {
      this.task = found
      return
    }
    // Not in this state: it ended before, or begins later. Keep a task that answers as dead.
    task.state = TASK_DEAD
  }
}

/** An object with the methods of `surface` that knows its process. */
function bind(surface: object, process: Process<unknown>): object {
  const calls = Object.create(surface)
  Object.defineProperty(calls, 'process', { value: process })
  return calls
}
