/**
 * File locks as data: what hangs off an inode, and how sleepers on a lock are woken.
 *
 * Linux: struct file_lock, inode.i_flock, fs/locks.c (2.0.35, 2.2.12, 2.6.14). Two kinds that do not see each
 * other (in 2.0 a file has one kind at a time): record locks of fcntl(2), see posix_lock.ts, and the whole-file
 * locks of flock(2), see flock.ts.
 *
 * A lock is the queue of the tasks that it blocks (fl_block). Whoever shrinks, changes or removes a lock wakes
 * all of them, and each runs its call again, in the order of waking. A task that dies or takes a signal leaves
 * the queue like any other, so a lock never blocks a task that has gone.
 *
 * Left out: mandatory locking (`mount -o mand` and set-gid without group execute; off by default), leases,
 * directory notification, locks of NFS clients (lockd), the emulation of flock by fcntl types F_SHLCK and
 * F_EXLCK in 2.0, RLIMIT_LOCKS.
 */

import { F_RDLCK, F_WRLCK } from '../abi/fcntl.js'
import { WaitQueue, wakeTask } from '../kernel/wait.js'
import type { FdTable } from './fdtable.js'
import type { File } from './file.js'
import type { Inode } from './inode.js'

/** Linux: FL_POSIX, FL_FLOCK. */
export type FileLockKind = 'record' | 'flock'

/** One lock that is held. Linux: struct file_lock. */
export class FileLock extends WaitQueue {
  /** It is given when somebody comes to wait, for messages only. */
  static readonly undigested: readonly string[] = ['name']

  kind: FileLockKind
  /** F_RDLCK or F_WRLCK; a flock may also be LOCK_MAND with LOCK_READ and LOCK_WRITE. */
  type: number
  /** First and last byte. */
  start: number
  end: number
  /** Whose record lock it is; null for a flock. Linux: fl_owner. */
  owner: FdTable | null
  /** Thread group of the one who set it. Linux: fl_pid. */
  pid: number
  /** The open file it was set through; a flock belongs to it. */
  file: File

  constructor(
    kind: FileLockKind,
    type: number,
    range: LockRange,
    owner: FdTable | null,
    pid: number,
    file: File,
  ) {
    super(kind)
    this.kind = kind
    this.type = type
    this.start = range.start
    this.end = range.end
    this.owner = owner
    this.pid = pid
    this.file = file
  }
}

/** First and last byte of a lock. */
export interface LockRange {
  readonly start: number
  readonly end: number
}

/** All locks of one inode. Linux: i_flock, which has the flocks in front of the record locks. */
export class FileLockContext {
  /** Newest first. */
  flocks: FileLock[] = []
  /** One owner's next to each other, owners in the order of their first lock, ranges ascending. */
  records: FileLock[] = []
}

/** The locks of an inode, made when the first one is set. */
export function lockContext(inode: Inode): FileLockContext {
  if (inode.locks === null) inode.locks = new FileLockContext()
  return inode.locks
}

/** Lets go of the context when no lock is left. */
export function dropEmptyContext(inode: Inode): void {
  const { locks } = inode
  if (locks !== null && locks.flocks.length === 0 && locks.records.length === 0) inode.locks = null
}

/** May locks of these two types not cover the same byte? Linux: locks_conflict. */
export function locksConflict(type: number, other: number): boolean {
  return (type === F_WRLCK || other === F_WRLCK) && isPlain(type) && isPlain(other)
}

/** Share modes (LOCK_MAND) conflict with nothing. Linux: flock_locks_conflict. */
const isPlain = (type: number): boolean => type === F_RDLCK || type === F_WRLCK

/** Wakes all that wait for `lock`, first in the queue first. Linux: locks_wake_up_blocks. */
export function wakeUpBlocks(lock: FileLock): void {
  while (lock.head !== null) wakeTask(lock.head.task)
}

/** Takes the lock at `index` off its list and wakes its waiters. Linux: locks_delete_lock. */
export function deleteLock(list: FileLock[], index: number): void {
  for (const lock of list.splice(index, 1)) wakeUpBlocks(lock)
}

/** Deletes all locks that `isDoomed` names, in list order. */
export function deleteLocks(list: FileLock[], isDoomed: (lock: FileLock) => boolean): void {
  for (let index = 0; index < list.length; ) {
    const lock = list[index]
    if (lock !== undefined && isDoomed(lock)) deleteLock(list, index)
    else index++
  }
}
