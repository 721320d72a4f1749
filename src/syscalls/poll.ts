/**
 * poll(2) and select(2): waiting for several files at once.
 *
 * Linux: sys_poll, do_poll, do_pollfd, sys_select, do_select, max_select_fd, fs/select.c (2.2.12, 2.6.14).
 * 2.0.35 has select only. Timeouts are milliseconds, exact: Linux rounds up to ticks.
 *
 * A caller who is interrupted gets EINTR from poll, always; select starts again unless a handler has run
 * (ERESTARTNOHAND), with the time that was left.
 *
 * Deviation: select does not write back the time left, and descriptor sets are arrays of numbers.
 */

import { EBADF, EFAULT, EINTR, EINVAL, ENOMEM, ERESTARTNOHAND, type Errno, isErr } from '../abi/errno.js'
import { POLLERR, POLLEX_SET, POLLHUP, POLLIN_SET, POLLNVAL, POLLOUT_SET, type PollFd } from '../abi/poll.js'
import { sleep, wakeAt } from '../kernel/sleep.js'
import type { Task } from '../kernel/task.js'
import type { Timer } from '../kernel/timer.js'
import { addWait, removeWaits, type WaitQueue } from '../kernel/wait.js'
import { shouldFail } from '../sim/faults.js'
import { fget } from '../vfs/fdtable.js'
import type { File } from '../vfs/file.js'
import { row, type SyscallRow } from './row.js'

// ---- sleeping on many files ----------------------------------------------------------------------------------

/** How long a call may sleep, and the timer that ends it: what poll and select keep in `current.restart`. */
class Deadline {
  /** Milliseconds since boot; infinite for "no timeout". */
  readonly at: number
  timer: Timer | null = null

  constructor(current: Task, timeoutMs: number) {
    this.at = current.k.state.now + timeoutMs
  }

  isOver(current: Task): boolean {
    return current.k.state.now >= this.at
  }

  /** Sleeps until a queue that was added is woken, a signal comes, or the time is over. */
  sleep(current: Task): Errno {
    if (this.timer === null && this.at !== Number.POSITIVE_INFINITY) this.timer = wakeAt(current, this.at)
    return sleep(current)
  }

  /** There is no memory for the queues to sleep on: the call is over. Linux: poll_table.error. */
  giveUp(current: Task): Errno {
    removeWaits(current)
    this.disarm(current)
    current.restart = null
    return ENOMEM
  }

  disarm(current: Task): void {
    if (this.timer !== null) current.k.state.timers.remove(this.timer)
    this.timer = null
  }
}

/** Puts the task on a file's queues, for reading and for writing. Linux: poll_wait. */
function waitForFile(current: Task, file: File): void {
  const forInput = file.ops.waitQueue(file, POLLIN_SET | POLLEX_SET)
  const forOutput = file.ops.waitQueue(file, POLLOUT_SET)
  if (forInput !== null && !isWaiting(current, forInput)) addWait(current, forInput)
  if (forOutput !== null && !isWaiting(current, forOutput)) addWait(current, forOutput)
}

/** Is the task on this queue? Two ends of a pipe have one. */
function isWaiting(current: Task, queue: WaitQueue): boolean {
  for (let entry = current.waits; entry !== null; entry = entry.sibling)
    if (entry.queue === queue) return true
  return false
}

/** How many descriptors a table can hold as it is; it grows in steps. Linux: max_fdset. */
const tableSize = (current: Task): number => Math.max(1024, current.files.files.length)

// ---- poll ----------------------------------------------------------------------------------------------------

/** A poll that sleeps. */
class PollCall extends Deadline {
  readonly entries: PollFd[]

  constructor(current: Task, timeoutMs: number, entries: PollFd[]) {
    super(current, timeoutMs)
    this.entries = entries
  }
}

/** One of the objects that are made here and dropped: see programs/shapes.ts. */
export const POLL_SHAPES: readonly object[] = Object.freeze([
  new PollCall({ k: { state: { now: 0.5 } } } as Task, 0, []),
])

/** The kernel's copy of the caller's entries; EFAULT where one is none. `null` is an array of none. */
function copyEntries(fds: unknown): PollFd[] | Errno {
  if (fds === null || fds === undefined) return []
  if (!Array.isArray(fds)) return EFAULT
  const entries: PollFd[] = []
  // By index: a hole is no entry either.
  for (let at = 0; at < fds.length; at++) {
    const entry = copyEntry(fds[at])
    if (entry === null) return EFAULT
    entries.push(entry)
  }
  return entries
}

function copyEntry(entry: unknown): PollFd | null {
  if (typeof entry !== 'object' || entry === null || !('fd' in entry) || !('events' in entry)) return null
  const { fd, events } = entry
  if (typeof fd !== 'number' || typeof events !== 'number') return null
  return { fd: fd | 0, events: events & 0xffff, revents: 0 }
}

/** Writes the answers back. 0 or EFAULT. */
function answer(fds: unknown, entries: readonly PollFd[]): number {
  if (!Array.isArray(fds)) return 0
  for (const [at, entry] of entries.entries()) {
    const target: unknown = fds[at]
    if (typeof target !== 'object' || target === null) return EFAULT
    if (!Reflect.set(target, 'revents', entry.revents)) return EFAULT
  }
  return 0
}

/** Asks every file; returns how many have something to say. Linux: do_pollfd. */
function pollAll(current: Task, entries: readonly PollFd[]): number {
  let ready = 0
  for (const entry of entries) {
    entry.revents = 0
    if (entry.fd < 0) continue
    const file = fget(current, entry.fd)
    if (isErr(file)) entry.revents = POLLNVAL
    else entry.revents = file.ops.poll(current, file) & (entry.events | POLLERR | POLLHUP)
    if (entry.revents !== 0) ready++
  }
  return ready
}

/** The most entries that one call takes. Linux: sys_poll: NR_OPEN (2.2); max_fdset, and never less than 256 (2.6). */
const maxEntries = (current: Task): number =>
  current.k.facts.pipeBuffer === 'slots' ? tableSize(current) : current.k.facts.nrOpen

/**
 * Waits until one of `fds` is ready and fills every `revents`. Returns how many are ready. `timeoutMs` 0 does not
 * wait, a negative one waits for ever. An entry with a negative `fd` is skipped, one that is not open reports
 * POLLNVAL; POLLERR and POLLHUP are reported whether asked for or not.
 * Errors: EFAULT, EINVAL too many entries, ENOMEM, EINTR. Linux: sys_poll.
 */
export function sysPoll(current: Task, fds: unknown, timeoutMs: number): number {
  const { restart } = current
  const call = restart instanceof PollCall ? restart : beginPoll(current, fds, timeoutMs)
  if (isErr(call)) return call
  const ready = pollAll(current, call.entries)
  if (ready === 0 && !call.isOver(current) && !current.sigPending) {
    current.restart = call
    for (const { fd } of call.entries) {
      const file = current.files.files[fd]
      if (file == null) continue
      if (shouldFail(current.k, 'alloc:polltable')) return call.giveUp(current)
      waitForFile(current, file)
    }
    return call.sleep(current)
  }
  call.disarm(current)
  current.restart = null
  const failed = answer(fds, call.entries)
  if (failed !== 0) return failed
  return ready === 0 && current.sigPending ? EINTR : ready
}

function beginPoll(current: Task, fds: unknown, timeoutMs: number): PollCall | Errno {
  if (Array.isArray(fds) && fds.length > maxEntries(current)) return EINVAL
  if (shouldFail(current.k, 'alloc:page')) return ENOMEM
  const entries = copyEntries(fds)
  if (isErr(entries)) return entries
  return new PollCall(current, timeoutMs < 0 ? Number.POSITIVE_INFINITY : timeoutMs, entries)
}

// ---- select --------------------------------------------------------------------------------------------------

/** The three sets of a select, each ascending; null for a set that was not given. */
interface FdSets {
  readonly read: readonly number[] | null
  readonly write: readonly number[] | null
  readonly except: readonly number[] | null
}

/** A select that sleeps, or that a signal has interrupted. */
class SelectCall extends Deadline {
  readonly sets: FdSets

  constructor(current: Task, timeoutMs: number, sets: FdSets) {
    super(current, timeoutMs)
    this.sets = sets
  }
}

/** Copies one set: the descriptors below `n`, ascending, without repeats. */
function copySet(set: unknown, n: number): readonly number[] | null | Errno {
  if (set === null || set === undefined) return null
  if (!Array.isArray(set)) return EFAULT
  const fds = new Set<number>()
  for (let at = 0; at < set.length; at++) {
    const fd: unknown = set[at]
    if (typeof fd !== 'number' || !Number.isInteger(fd) || fd < 0) return EFAULT
    if (fd < n) fds.add(fd)
  }
  return [...fds].sort((a, b) => a - b)
}

function copySets(
  current: Task,
  nfds: number,
  read: unknown,
  write: unknown,
  except: unknown,
): FdSets | Errno {
  const n = Math.min(nfds, tableSize(current))
  const sets = [copySet(read, n), copySet(write, n), copySet(except, n)] as const
  const [readSet, writeSet, exceptSet] = sets
  if (isErr(readSet)) return readSet
  if (isErr(writeSet)) return writeSet
  if (isErr(exceptSet)) return exceptSet
  return { read: readSet, write: writeSet, except: exceptSet }
}

/** Replaces the caller's array by the ready ones. 0 or EFAULT. */
function answerSet(set: unknown, ready: readonly number[]): number {
  if (!Array.isArray(set)) return 0
  if (!Reflect.set(set, 'length', 0)) return EFAULT
  for (const [at, fd] of ready.entries()) if (!Reflect.set(set, at, fd)) return EFAULT
  return 0
}

/** Those of a set whose files have one of `events`. */
function readyOf(current: Task, set: readonly number[] | null, events: number): number[] {
  const ready: number[] = []
  for (const fd of set ?? []) {
    const file = current.files.files[fd]
    if (file != null && (file.ops.poll(current, file) & events) !== 0) ready.push(fd)
  }
  return ready
}

/** Every descriptor of any set. */
const allOf = ({ read, write, except }: FdSets): Set<number> =>
  new Set([...(read ?? []), ...(write ?? []), ...(except ?? [])])

/**
 * Waits until a descriptor below `nfds` of one of the sets is ready, and leaves only the ready ones in the arrays.
 * Returns how many there are, a descriptor counting once per set. `timeoutMs` null waits for ever.
 * Errors: EBADF a descriptor is not open; EINVAL; EFAULT; ENOMEM; EINTR. Linux: sys_select.
 */
export function sysSelect(
  current: Task,
  nfds: number,
  read: unknown,
  write: unknown,
  except: unknown,
  timeoutMs: unknown,
): number {
  const { restart } = current
  const resumed = restart instanceof SelectCall
  const call = resumed ? restart : beginSelect(current, nfds, read, write, except, timeoutMs)
  if (isErr(call)) return call
  const { sets } = call
  const canRead = readyOf(current, sets.read, POLLIN_SET)
  const canWrite = readyOf(current, sets.write, POLLOUT_SET)
  const isUrgent = readyOf(current, sets.except, POLLEX_SET)
  const count = canRead.length + canWrite.length + isUrgent.length
  if (count === 0 && !call.isOver(current) && !current.sigPending) {
    current.restart = call
    for (const fd of allOf(sets)) {
      const file = current.files.files[fd]
      if (file == null) continue
      if (shouldFail(current.k, 'alloc:polltable')) return call.giveUp(current)
      waitForFile(current, file)
    }
    return call.sleep(current)
  }
  call.disarm(current)
  if (count === 0 && current.sigPending) {
    // Kept for a restart: the time that is left counts on.
    current.restart = call
    return ERESTARTNOHAND
  }
  current.restart = null
  return answerSet(read, canRead) || answerSet(write, canWrite) || answerSet(except, isUrgent) || count
}

function beginSelect(
  current: Task,
  nfds: number,
  read: unknown,
  write: unknown,
  except: unknown,
  timeoutMs: unknown,
): SelectCall | Errno {
  const given = timeoutMs ?? Number.POSITIVE_INFINITY
  if (typeof given !== 'number') return EFAULT
  if (!(given >= 0) || nfds < 0) return EINVAL
  // What is longer than the clock can count is for ever. Linux: MAX_SELECT_SECONDS.
  const timeout = given > 0x7fffffff ? Number.POSITIVE_INFINITY : given
  if (shouldFail(current.k, 'alloc:page')) return ENOMEM
  const sets = copySets(current, nfds, read, write, except)
  if (isErr(sets)) return sets
  for (const fd of allOf(sets)) if (isErr(fget(current, fd))) return EBADF
  return new SelectCall(current, timeout, sets)
}

export const pollCalls: readonly SyscallRow[] = [
  row('poll', ['any', 'int'], sysPoll),
  row('select', ['int', 'any', 'any', 'any', 'any'], sysSelect, 'full', 'does not write back the time left'),
]
