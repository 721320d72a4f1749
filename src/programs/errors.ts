/**
 * What the library throws at its callers, apart from KernelBug.
 */

import { type Errno, errnoMessage, errnoName } from '../abi/errno.js'
import { isInCall, TASK_STOPPED, type Task } from '../kernel/task.js'

/** Thrown by `process.libc.*`: a system call failed. */
export class SyscallError extends Error {
  /** 'SyscallError'. */
  override readonly name = 'SyscallError'
  /** 'EACCES'. */
  readonly code: string
  /** The negative error number. */
  readonly errno: Errno
  /** The call: 'open'. */
  readonly syscall: string
  /** The path that was given, if any. */
  readonly path: string | undefined

  constructor(errno: Errno, syscall: string, path: string | undefined) {
    super(`${errnoName(errno)}: ${errnoMessage(errno)}, ${syscall}${path === undefined ? '' : ` '${path}'`}`)
    this.code = errnoName(errno)
    this.errno = errno
    this.syscall = syscall
    this.path = path
  }
}

/** One sleeping task, and what it waits for. */
export interface Sleeper {
  /** Its pid. */
  readonly pid: number
  /** Its command name. */
  readonly comm: string
  /** The call it sleeps in; '' for a stopped task. */
  readonly syscall: string
  /** What for, in words. */
  readonly queue: string
}

/** Who sleeps, in what, waiting for whom. */
export function sleepersAmong(tasks: Iterable<Task>): Sleeper[] {
  const list: Sleeper[] = []
  for (const task of tasks) {
    if (!isInCall(task) && task.state !== TASK_STOPPED) continue
    const queue = task.state === TASK_STOPPED ? 'SIGCONT' : (task.waits?.queue.name ?? 'a signal')
    list.push({ pid: task.pid, comm: task.comm, syscall: task.call?.name ?? '', queue })
  }
  return list
}

/** A direct call would sleep for ever: nobody can run and no timer is set. The call has been taken back. */
export class WouldBlock extends Error {
  /** 'WouldBlock'. */
  override readonly name = 'WouldBlock'
  /** Everybody who sleeps, and what for. */
  readonly sleepers: readonly Sleeper[]

  constructor(call: string, sleepers: readonly Sleeper[]) {
    const list = sleepers.map(
      ({ pid, comm, syscall, queue }) => `pid ${pid} (${comm}) in ${syscall || 'stop'}, waiting for ${queue}`,
    )
    super(`${call} would block for ever: ${list.join('; ')}. ${useBegin(call)}`)
    this.sleepers = sleepers
  }
}

/** What a direct call throws that others have not ended in so many steps. */
export const tooLong = (call: string, steps: number): RangeError =>
  new RangeError(`${call} has not returned after ${steps} steps of others. ${useBegin(call)}`)

const useBegin = (call: string): string =>
  `Use begin.${call.slice(0, call.indexOf('('))} to look at a call that sleeps`
