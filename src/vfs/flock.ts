/**
 * flock(2): one lock on a whole file, owned by an open file and so shared by dup(2) and fork(2).
 *
 * Linux: flock_lock_file, locks_remove_flock, fs/locks.c (2.6.14; where 2.0 and 2.2 differ, `facts.fcntl` says so).
 * Changing the type is two steps: the old lock goes and those who wait for it are woken, then the new one is tried.
 * One with LOCK_NB that fails has lost its lock. In 2.0 and 2.2 the waiters run in between and may win; in 2.6 only
 * if they have a higher priority (a lower nice value).
 *
 * The lock goes with the last use of the open file, or by LOCK_UN through any descriptor of it.
 */

import { BLOCKED, EAGAIN, EBUSY, ERESTARTSYS, type Errno } from '../abi/errno.js'
import { F_UNLCK } from '../abi/fcntl.js'
import { ATTEND } from '../kernel/attention.js'
import { enqueueTask } from '../kernel/runqueue.js'
import { sleepOn } from '../kernel/sleep.js'
import type { Task } from '../kernel/task.js'
import type { File } from './file.js'
import { deleteLock, deleteLocks, dropEmptyContext, FileLock, lockContext, locksConflict } from './locks.js'

/** What flock(2) asks for; a blocked call keeps it in `current.restart`. */
export class FlockRequest {
  readonly file: File
  /** F_RDLCK, F_WRLCK, F_UNLCK, or a share mode. */
  readonly type: number
  /** Without LOCK_NB: sleep while it conflicts. */
  readonly waits: boolean
  /** The lock that it has slept for last. Linux: fl_next. */
  blocker: FileLock | null = null

  constructor(file: File, type: number, waits: boolean) {
    this.file = file
    this.type = type
    this.waits = waits
  }
}

/**
 * Sets, converts or removes the lock of an open file.
 * Errors: EAGAIN (EWOULDBLOCK) it conflicts, EBUSY the file has record locks (2.0); BLOCKED or ERESTARTSYS.
 * Linux: flock_lock_file.
 */
export function flockLockFile(current: Task, request: FlockRequest): 0 | Errno {
  const { file, type } = request
  const { inode } = file
  const { fcntl } = current.k.facts
  if (fcntl.hasOneLockKindPerFile && inode.locks !== null && inode.locks.records.length > 0) return EBUSY
  const flocks = inode.locks?.flocks ?? []
  const slept = request.blocker
  // A signal that ends the sleep leaves alone what the open file has been given meanwhile.
  const mayStop = slept !== null && (fcntl.signalsBeatLocks !== 'none' || flocks.includes(slept))
  if (current.sigPending && mayStop) return ERESTARTSYS
  const index = flocks.findIndex((lock) => lock.file === file)
  const old = flocks[index]
  if (old !== undefined) {
    if (old.type === type) return 0
    const givesWay = type !== F_UNLCK && someoneGoesFirst(current, old)
    deleteLock(flocks, index)
    dropEmptyContext(inode)
    // The next run finds no old lock and goes on below.
    if (givesWay) return runAfterWoken(current)
  }
  if (type === F_UNLCK) return 0
  if (current.sigPending && fcntl.signalsBeatLocks !== 'none') return ERESTARTSYS
  const blocker = flocks.find((lock) => lock.file !== file && locksConflict(type, lock.type))
  if (blocker !== undefined) {
    if (!request.waits) return EAGAIN
    blocker.name = `flock of inode ${inode.ino}`
    request.blocker = blocker
    return sleepOn(current, blocker, true)
  }
  const range = { start: 0, end: fcntl.lockOffsetMax }
  lockContext(inode).flocks.unshift(new FileLock('flock', type, range, null, current.tgid, file))
  return 0
}

/**
 * The last use of an open file is gone, and its flock with it; a record lock set through it that outlived its
 * owner's descriptors (a thread's) goes too. Linux: locks_remove_flock.
 */
export function removeFlock(file: File): void {
  const { locks } = file.inode
  if (locks === null) return
  deleteLocks(locks.flocks, (lock) => lock.file === file)
  deleteLocks(locks.records, (lock) => lock.file === file)
  dropEmptyContext(file.inode)
}

/** Does anybody wait for `lock` who runs before `current` when it is dropped? */
function someoneGoesFirst(current: Task, lock: FileLock): boolean {
  const anybody = current.k.facts.fcntl.conversionYieldsTo === 'all'
  for (let entry = lock.head; entry !== null; entry = entry.next) {
    if (anybody || entry.task.nice < current.nice) return true
  }
  return false
}

/**
 * Lets those who have just been woken run first: the call stays runnable, behind them, and runs again.
 * Linux: cond_resched in flock_lock_file (2.6); schedule in locks_wake_up_blocks (2.2), sleep_on (2.0).
 */
function runAfterWoken(current: Task): Errno {
  enqueueTask(current)
  current.k.attention |= ATTEND
  return BLOCKED
}
