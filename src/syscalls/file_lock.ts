/**
 * File locks as system calls: F_GETLK, F_SETLK and F_SETLKW of fcntl(2), and flock(2).
 *
 * Linux: fcntl_getlk, fcntl_setlk, flock_to_posix_lock, sys_flock, fs/locks.c (2.6.14); posix_make_lock and
 * flock_make_lock (2.0.35, 2.2.12). `struct flock` has 32-bit offsets on i386: F_SETLK and F_GETLK take offsets and
 * lengths of that size only, and what does not fit is EOVERFLOW (EINVAL before 2.4); F_SETLK64 and kin (2.6) go on
 * to 2^53 - 1.
 *
 * A call that sleeps keeps what it has computed: neither the file's size nor the caller's struct are looked at
 * again. If another thread closes the descriptor meanwhile, a record lock is dropped as soon as it is got.
 */

import { BLOCKED, EBADF, EFAULT, EINVAL, ENOLCK, ENOMEM, EOVERFLOW, isErr, type Ret } from '../abi/errno.js'
import {
  F_GETLK,
  F_RDLCK,
  F_SETLK,
  F_SETLKW,
  F_SETLKW64,
  F_UNLCK,
  F_WRLCK,
  LOCK_EX,
  LOCK_NB,
  LOCK_SH,
  LOCK_UN,
  SEEK_CUR,
  SEEK_END,
  SEEK_SET,
} from '../abi/fcntl.js'
import type { FcntlFacts } from '../abi/profile.js'
import { pidFor } from '../kernel/part.js'
import type { Task } from '../kernel/task.js'
import { shouldFail } from '../sim/faults.js'
import { fget } from '../vfs/fdtable.js'
import { type File, FMODE_READ, FMODE_WRITE } from '../vfs/file.js'
import { FlockRequest, flockLockFile } from '../vfs/flock.js'
import type { LockRange } from '../vfs/locks.js'
import { posixLockFile, posixTestLock, RecordLockRequest } from '../vfs/posix_lock.js'

/** Share modes and what they let others do. Linux: include/asm-i386/fcntl.h (2.4). */
const LOCK_MAND = 32
const LOCK_RW = 192
/** The largest offset of a 32-bit struct flock. Linux: OFFT_OFFSET_MAX. */
const MAX_OFF_T = 0x7fffffff

/**
 * Fills the caller's Flock with the first lock that would be in the way, or sets its type to F_UNLCK.
 * Errors: EFAULT, EINVAL, EOVERFLOW. Linux: fcntl_getlk.
 */
export function fcntlGetlk(current: Task, file: File, cmd: number, arg: unknown): number {
  const { fcntl } = current.k.facts
  const is32 = cmd === F_GETLK
  if (!is32 && !fcntl.hasFlock64) return EINVAL
  const wanted = readFlock(arg)
  if (isErr(wanted)) return wanted
  if (wanted.type !== F_RDLCK && wanted.type !== F_WRLCK) return EINVAL
  const range = lockRange(fcntl, file, wanted, is32)
  if (isErr(range)) return range
  const lock = posixTestLock(current, new RecordLockRequest(file, wanted.type, range.start, range.end, false))
  if (lock === null) return writeFlock(wanted.target, { type: F_UNLCK })
  const { type, pid, start, end } = lock
  const isToEnd = end === fcntl.lockOffsetMax
  if (is32 && (start > MAX_OFF_T || (!isToEnd && end > MAX_OFF_T))) return EOVERFLOW
  const len = isToEnd ? 0 : end - start + 1
  return writeFlock(wanted.target, { type, whence: SEEK_SET, start, len, pid: pidFor(current, pid) })
}

/**
 * Sets or removes a record lock; the waiting commands sleep while it conflicts.
 * Errors: EFAULT, EINVAL, EOVERFLOW, EBADF the file is not open for this, EAGAIN, EDEADLK, EBUSY (2.0).
 * Linux: fcntl_setlk.
 */
export function fcntlSetlk(current: Task, fd: number, file: File, cmd: number, arg: unknown): number {
  const { fcntl } = current.k.facts
  const is32 = cmd === F_SETLK || cmd === F_SETLKW
  if (!is32 && !fcntl.hasFlock64) return EINVAL
  const wanted = readFlock(arg)
  if (isErr(wanted)) return wanted
  const range = lockRange(fcntl, file, wanted, is32)
  if (isErr(range)) return range
  const { type } = wanted
  if (type !== F_RDLCK && type !== F_WRLCK && type !== F_UNLCK) return EINVAL
  if (type === F_RDLCK && (file.mode & FMODE_READ) === 0) return EBADF
  if (type === F_WRLCK && (file.mode & FMODE_WRITE) === 0) return EBADF
  const refused = current.k.security.fileLock(current, file, type)
  if (refused !== 0) return refused
  const waits = cmd === F_SETLKW || cmd === F_SETLKW64
  return setRecordLock(current, fd, new RecordLockRequest(file, type, range.start, range.end, waits))
}

/** Carries a request out, for the first time or again after a sleep. */
export function setRecordLock(current: Task, fd: number, request: RecordLockRequest): number {
  const result = posixLockFile(current, request)
  const { file, start, end } = request
  if (result === 0 && current.files.files[fd] !== file) {
    posixLockFile(current, new RecordLockRequest(file, F_UNLCK, start, end, false))
  }
  current.restart = result === BLOCKED ? request : null
  return result
}

/**
 * Locks a whole file for its open file description.
 * Errors: EBADF, EINVAL, EAGAIN (EWOULDBLOCK), ENOMEM (ENOLCK before 2.6), EBUSY (2.0). Linux: sys_flock.
 */
export function sysFlock(current: Task, fd: number, operation: number): number {
  const { restart } = current
  if (restart instanceof FlockRequest) return setFlock(current, restart)
  const file = fget(current, fd)
  if (isErr(file)) return file
  const { hasShareModes } = current.k.facts.fcntl
  const op = operation & ~LOCK_NB
  const isShareMode = hasShareModes && (op & LOCK_MAND) !== 0
  const isUsable = op === LOCK_UN || isShareMode || (file.mode & (FMODE_READ | FMODE_WRITE)) !== 0
  // 2.0 and 2.2 look at the operation first.
  if (hasShareModes && !isUsable) return EBADF
  const type = isShareMode ? op & (LOCK_MAND | LOCK_RW) : flockType(op)
  if (type === null) return EINVAL
  if (!isUsable) return EBADF
  const refused = current.k.security.fileLock(current, file, type)
  if (refused !== 0) return refused
  if (shouldFail(current.k, 'alloc:lock')) return hasShareModes ? ENOMEM : ENOLCK
  return setFlock(current, new FlockRequest(file, type, (operation & LOCK_NB) === 0))
}

function setFlock(current: Task, request: FlockRequest): number {
  const result = flockLockFile(current, request)
  current.restart = result === BLOCKED ? request : null
  return result
}

/** Linux: flock_translate_cmd. */
function flockType(op: number): number | null {
  switch (op) {
    case LOCK_SH:
      return F_RDLCK
    case LOCK_EX:
      return F_WRLCK
    case LOCK_UN:
      return F_UNLCK
    default:
      return null
  }
}

/** A struct flock as read from the caller. */
interface FlockFields {
  readonly type: number
  readonly whence: number
  readonly start: number
  readonly len: number
  readonly target: object
}

/** Linux: copy_from_user. EFAULT: no such struct; EINVAL: numbers that no struct can hold. */
function readFlock(arg: unknown): Ret<FlockFields> {
  if (typeof arg !== 'object' || arg === null) return EFAULT
  const [type, whence, start, len] = ['type', 'whence', 'start', 'len'].map((key): unknown =>
    Reflect.get(arg, key),
  )
  if (typeof type !== 'number' || typeof whence !== 'number') return EFAULT
  if (typeof start !== 'number' || typeof len !== 'number') return EFAULT
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(len)) return EINVAL
  return { type: asShort(type), whence: asShort(whence), start, len, target: arg }
}

/** l_type and l_whence are short. */
const asShort = (value: number): number => (value << 16) >> 16

/** Linux: copy_to_user. */
function writeFlock(target: object, fields: Readonly<Record<string, number>>): number {
  return Object.entries(fields).every(([key, value]) => Reflect.set(target, key, value)) ? 0 : EFAULT
}

/** Absolute first and last byte. Linux: flock_to_posix_lock (2.6), posix_make_lock (2.0, 2.2). */
function lockRange(facts: FcntlFacts, file: File, wanted: FlockFields, is32: boolean): Ret<LockRange> {
  const { len } = wanted
  const fits = !is32 || (isLong(wanted.start) && isLong(len))
  if (!fits) return facts.clipsLockRange ? EINVAL : EOVERFLOW
  const base = lockBase(file, wanted.whence)
  if (base === null) return EINVAL
  const first = is32 ? (base + wanted.start) | 0 : base + wanted.start
  if (first < 0 || first > facts.lockOffsetMax) return EINVAL
  if (len === 0) return { start: first, end: facts.lockOffsetMax }
  if (len < 0) {
    const isRefused = !facts.hasNegativeLockLength || first + len < 0
    return isRefused ? EINVAL : { start: first + len, end: first - 1 }
  }
  const largest = is32 ? MAX_OFF_T : facts.lockOffsetMax
  if (len - 1 <= largest - first) return { start: first, end: first + len - 1 }
  return facts.clipsLockRange ? { start: first, end: facts.lockOffsetMax } : EOVERFLOW
}

const isLong = (value: number): boolean => value === (value | 0)

/** What an offset counts from; null for a whence that does not exist. */
function lockBase(file: File, whence: number): number | null {
  switch (whence) {
    case SEEK_SET:
      return 0
    case SEEK_CUR:
      return file.pos
    case SEEK_END:
      return file.inode.size
    default:
      return null
  }
}
