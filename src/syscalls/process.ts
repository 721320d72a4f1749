/**
 * fork, vfork, clone, exec, exit. Linux: arch/i386/kernel/process.c, kernel/fork.c, fs/exec.c, kernel/exit.c (2.6.14).
 */

import { CLONE_VFORK, CLONE_VM, CSIGNAL } from '../abi/clone.js'
import { EFAULT, EINVAL, isErr } from '../abi/errno.js'
import { SIGCHLD } from '../abi/signal.js'
import { doExecve } from '../kernel/exec.js'
import { doExit, doGroupExit } from '../kernel/exit.js'
import { copyProcess } from '../kernel/fork.js'
import { pidFor } from '../kernel/part.js'
import { enqueueTask } from '../kernel/runqueue.js'
import { sleepOnUninterruptible } from '../kernel/sleep.js'
import { TASK_ZOMBIE, type Task, TF_DIRECT, TF_STARTED } from '../kernel/task.js'
import { cloneGraph } from '../lib/graph.js'
import { row, type SyscallRow } from './row.js'

/** What a vfork parent remembers while its child has the processor. */
interface VforkWait {
  readonly child: number
}

/** Makes a child and lets it run. The child's program goes on with result 0. Linux: do_fork. */
function doFork(current: Task, flags: number): number {
  const { restart } = current
  if (restart !== null) return waitForVfork(current, restart as VforkWait)
  const child = copyProcess(current, flags)
  if (isErr(child)) return child
  child.journal = current.journal
  child.frames = current.frames === null ? null : current.frames.map((frame) => ({ ...frame }))
  // The host has no use for it, and what it is not told is not state.
  child.result = (child.flags & TF_DIRECT) === 0 ? 0 : undefined
  if (current.machine !== undefined) child.machine = cloneGraph(current.machine)
  current.k.user.forked(current, child)
  if ((child.flags & TF_DIRECT) === 0) enqueueTask(child)
  if ((flags & CLONE_VFORK) === 0) return pidFor(current, child.pid)
  const wait: VforkWait = { child: child.pid }
  current.restart = wait
  return waitForVfork(current, wait)
}

/** Linux: wait_for_completion(&vfork). */
function waitForVfork(current: Task, wait: VforkWait): number {
  const child = current.k.state.tasks.get(wait.child)
  if (child === undefined || child.vforkDone === null || child.state >= TASK_ZOMBIE)
    return pidFor(current, wait.child)
  return sleepOnUninterruptible(current, child.vforkDone)
}

export const sysFork = (current: Task): number => doFork(current, SIGCHLD)

export const sysVfork = (current: Task): number => doFork(current, CLONE_VFORK | CLONE_VM | SIGCHLD)

/**
 * clone(flags, fn): the child runs `fn` (a generator function), or goes on like fork's child without one.
 * Errors: EAGAIN, EINVAL, EFAULT (fn is no function).
 */
export function sysClone(current: Task, flags: number, fn: unknown): number {
  if (fn === undefined || fn === null || current.restart !== null) return doFork(current, flags)
  if (typeof fn !== 'function') return EFAULT
  if ((flags & CSIGNAL) > 64) return EINVAL
  const image = current.k.user.functionImage(current, fn)
  if (image === null) return EFAULT
  const child = copyProcess(current, flags)
  if (isErr(child)) return child
  child.program = image
  child.flags &= ~(TF_DIRECT | TF_STARTED)
  enqueueTask(child)
  if ((flags & CLONE_VFORK) === 0) return pidFor(current, child.pid)
  const wait: VforkWait = { child: child.pid }
  current.restart = wait
  return waitForVfork(current, wait)
}

/** A list of strings; missing is empty; an object is 'NAME=value' each; null where it is anything else. */
function strings(value: unknown): readonly string[] | null {
  if (value === undefined || value === null) return []
  if (Array.isArray(value)) {
    for (const word of value) if (typeof word !== 'string') return null
    return value
  }
  if (typeof value !== 'object') return null
  const pairs = Object.entries(value)
  return pairs.every(([, word]) => typeof word === 'string')
    ? pairs.map(([name, word]) => `${name}=${word}`)
    : null
}

/** Errors: what doExecve says, EFAULT for arguments that are no strings. Does not return on success. */
export function sysExecve(current: Task, path: string, argv: unknown, envp: unknown): number {
  const args = strings(argv)
  const env = strings(envp)
  if (args === null || env === null) return EFAULT
  const failed = doExecve(current, path, args, env)
  if (failed !== 0) return failed
  current.k.user.started(current)
  return 0
}

export function sysExit(current: Task, code: number): number {
  doExit(current, (code & 0xff) << 8)
  return 0
}

export function sysExitGroup(current: Task, code: number): number {
  doGroupExit(current, (code & 0xff) << 8)
  return 0
}

export const processCalls: readonly SyscallRow[] = [
  row('fork', [], sysFork),
  row('vfork', [], sysVfork),
  row('clone', ['int', 'any'], sysClone),
  row('execve', ['path', 'any', 'any'], sysExecve),
  row('exit', ['int'], sysExit),
  row('exit_group', ['int'], sysExitGroup),
]
