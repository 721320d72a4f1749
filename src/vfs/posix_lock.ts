/**
 * Record locks: ranges of bytes that fcntl(2) locks for a process.
 *
 * Linux: posix_lock_file, posix_test_lock, posix_locks_deadlock, locks_remove_posix, fs/locks.c (2.6.14; where 2.0
 * and 2.2 differ, `facts.fcntl` says so). The owner is the descriptor table: fork(2) makes a new owner, exec keeps
 * the old one, and closing any descriptor of the inode drops all of its owner's locks there.
 *
 * Which of the locks that a request touches survives, and which are deleted, is as in Linux, because those who
 * wait for one are woken (and lose their place) only when it is deleted, cut or changes its type.
 *
 * Deviation: `end + 1` does not overflow here. In 2.0, 2.2 and early 2.6 it does for a lock that reaches the largest
 * offset: the lock is then kept beside an older one of the same type and owner instead of absorbing it, and
 * unlocking a part may leave the other in force. Later kernels compare `start - 1`, as here.
 *
 * Deviation: of several threads that share a table and all wait, the deadlock check follows the youngest, not the
 * latest to wait.
 */

import { EAGAIN, EBUSY, EDEADLK, ENOLCK, ERESTARTSYS, type Errno } from '../abi/errno.js'
import { F_UNLCK } from '../abi/fcntl.js'
import { sleepOn } from '../kernel/sleep.js'
import type { Task } from '../kernel/task.js'
import { shouldFail } from '../sim/faults.js'
import type { FdTable } from './fdtable.js'
import type { File } from './file.js'
import type { Inode } from './inode.js'
import {
  deleteLock,
  deleteLocks,
  dropEmptyContext,
  FileLock,
  type LockRange,
  lockContext,
  locksConflict,
  wakeUpBlocks,
} from './locks.js'

/** What fcntl(2) asks for, checked and with absolute offsets; a blocked call keeps it in `current.restart`. */
export class RecordLockRequest implements LockRange {
  readonly file: File
  /** F_RDLCK, F_WRLCK or F_UNLCK. */
  readonly type: number
  readonly start: number
  readonly end: number
  /** F_SETLKW: sleep while it conflicts. */
  readonly waits: boolean

  constructor(file: File, type: number, start: number, end: number, waits: boolean) {
    this.file = file
    this.type = type
    this.start = start
    this.end = end
    this.waits = waits
  }
}

/**
 * Sets, changes or removes a record lock for `current`.
 * Errors: EAGAIN it conflicts, EDEADLK waiting would never end, ENOLCK no memory, EBUSY the file has flocks (2.0);
 * BLOCKED or ERESTARTSYS when the request waits. Linux: posix_lock_file.
 */
export function posixLockFile(current: Task, request: RecordLockRequest): 0 | Errno {
  const { inode } = request.file
  const { fcntl } = current.k.facts
  if (fcntl.hasOneLockKindPerFile && inode.locks !== null && inode.locks.flocks.length > 0) return EBUSY
  if (request.type !== F_UNLCK) {
    if (request.waits && current.sigPending && fcntl.signalsBeatLocks === 'all') return ERESTARTSYS
    const blocker = posixTestLock(current, request)
    if (blocker !== null) {
      if (!request.waits) return EAGAIN
      if (wouldDeadlock(current, blocker)) return EDEADLK
      blocker.name = `record lock ${blocker.start}-${blocker.end} of inode ${inode.ino}`
      return sleepOn(current, blocker, fcntl.recordLockWakeOrder === 'oldest-first')
    }
  }
  // Two spare locks are wanted for every change, an unlock too.
  if (shouldFail(current.k, 'alloc:lock')) return ENOLCK
  setRange(current, request)
  dropEmptyContext(inode)
  return 0
}

/** The first lock of somebody else that `request` conflicts with. Linux: posix_test_lock. */
export function posixTestLock(current: Task, request: RecordLockRequest): FileLock | null {
  const records = request.file.inode.locks?.records ?? []
  for (const lock of records) {
    const overlaps = lock.start <= request.end && request.start <= lock.end
    if (overlaps && locksConflict(request.type, lock.type) && !isOwner(current, lock)) return lock
  }
  return null
}

/**
 * Drops the record locks of `files` on an inode: called for every descriptor of it that is closed.
 * Linux: locks_remove_posix.
 */
export function removePosixLocks(current: Task, files: FdTable, inode: Inode): void {
  if (inode.locks === null) return
  const byTask = current.k.facts.fcntl.lockOwner === 'task'
  deleteLocks(inode.locks.records, (lock) => (byTask ? lock.pid === current.tgid : lock.owner === files))
  dropEmptyContext(inode)
}

/**
 * Makes the table that exec(2) has just unshared the owner of the locks it comes with. Linux: steal_locks (2.6.14),
 * which takes a sibling thread's locks along; in 2.2 they have another pid and stay.
 * Preconditions: `current.files` is the new table, `from` the one it was copied from.
 */
export function stealLocks(current: Task, from: FdTable): void {
  const takesAll = current.k.facts.fcntl.lockOwner === 'files'
  for (const file of current.files.files) {
    for (const lock of file?.inode.locks?.records ?? []) {
      if (lock.file !== file || lock.owner !== from) continue
      if (takesAll || lock.pid === current.tgid) lock.owner = current.files
    }
  }
}

/** Is it `task`'s own lock? Linux: posix_same_owner (2.6), locks_same_owner (2.2). */
function isOwner(task: Task, lock: FileLock): boolean {
  switch (task.k.facts.fcntl.lockOwner) {
    case 'files':
      return lock.owner === task.files
    case 'task-and-files':
      return lock.owner === task.files && lock.pid === task.tgid
    case 'task':
      return lock.pid === task.tgid
  }
}

/** Does whoever holds `blocker` wait, perhaps through others, for `current`? Linux: posix_locks_deadlock. */
function wouldDeadlock(current: Task, blocker: FileLock): boolean {
  let lock: FileLock | null = blocker
  // A chain is never longer than there are tasks, unless threads that share a table wait in a circle.
  for (let hops = current.k.state.tasks.size; lock !== null && hops >= 0; hops--) {
    if (isOwner(current, lock)) return true
    lock = lockThatOwnerAwaits(current, lock)
  }
  return false
}

/** The record lock that the owner of `lock` sleeps for. Linux: the search of blocked_list. */
function lockThatOwnerAwaits(current: Task, lock: FileLock): FileLock | null {
  let found: FileLock | null = null
  for (const task of current.k.state.tasks.values()) {
    const queue = task.waits?.queue
    if (queue instanceof FileLock && queue.kind === 'record' && isOwner(task, lock)) found = queue
  }
  return found
}

/**
 * Gives every byte of the request its type (F_UNLCK: none) in the owner's part of the list. Neighbours of the same
 * type become one lock, others are cut back, split or replaced. Linux: the second half of posix_lock_file.
 */
function setRange(current: Task, request: RecordLockRequest): void {
  if (request.type === F_UNLCK && request.file.inode.locks === null) return
  const { records } = lockContext(request.file.inode)
  const edit = new RangeEdit(request)
  const index = edit.walk(current, records)
  const { left, right, range } = edit
  if (edit.kept === null && request.type !== F_UNLCK) records.splice(index, 0, newRecord(current, request))
  if (left !== null && left === right) {
    const before = new FileLock('record', left.type, left, left.owner, left.pid, left.file)
    before.end = range.start - 1
    records.splice(index, 0, before)
  }
  if (right !== null) {
    right.start = range.end + 1
    wakeUpBlocks(right)
  }
  if (left !== null && left !== right) {
    left.end = range.start - 1
    wakeUpBlocks(left)
  }
}

const newRecord = (current: Task, { file, type, start, end }: RecordLockRequest): FileLock =>
  new FileLock('record', type, { start, end }, current.files, current.tgid, file)

/** One walk over the owner's locks: merges, replaces and deletes what a request covers, notes what it cuts. */
class RangeEdit {
  readonly request: RecordLockRequest
  /** The old lock that has become the requested one, by growing or by taking its type. */
  kept: FileLock | null = null
  /** Locks of another type that stick out on one side; the same lock when on both. */
  left: FileLock | null = null
  right: FileLock | null = null

  constructor(request: RecordLockRequest) {
    this.request = request
  }

  /** What the request covers, as far as it has grown by merging. */
  get range(): LockRange {
    return this.kept ?? this.request
  }

  /** Returns where in the list a new lock belongs. */
  walk(current: Task, records: FileLock[]): number {
    const first = records.findIndex((lock) => isOwner(current, lock))
    let index = first < 0 ? records.length : first
    for (;;) {
      const held = records[index]
      if (held === undefined || !isOwner(current, held)) return index
      const verdict = held.type === this.request.type ? this.merge(held) : this.cover(held)
      if (verdict === 'stop') return index
      if (verdict === 'delete') deleteLock(records, index)
      else index++
    }
  }

  /** Same type: two that overlap or touch become one. */
  private merge(held: FileLock): 'next' | 'delete' | 'stop' {
    const { start, end } = this.range
    if (held.end < start - 1) return 'next'
    if (held.start - 1 > end) return 'stop'
    const grown = this.kept ?? held
    grown.start = Math.min(held.start, start)
    grown.end = Math.max(held.end, end)
    if (this.kept !== null) return 'delete'
    this.kept = grown
    return 'next'
  }

  /** Another type: the request cuts into `held`, or covers it and takes its place. */
  private cover(held: FileLock): 'next' | 'delete' | 'stop' {
    const { start, end } = this.range
    if (held.end < start) return 'next'
    if (held.start > end) return 'stop'
    if (held.start < start) this.left = held
    if (held.end > end) {
      this.right = held
      return 'stop'
    }
    if (held.start < start) return 'next'
    if (this.request.type === F_UNLCK || this.kept !== null) return 'delete'
    wakeUpBlocks(held)
    held.start = start
    held.end = end
    held.type = this.request.type
    this.kept = held
    return 'next'
  }
}
