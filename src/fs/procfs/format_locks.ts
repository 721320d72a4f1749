/**
 * The text of /proc/locks: record locks and flocks, each followed by those who wait for it.
 * Linux: lock_get_status, get_locks_status, fs/locks.c (2.0.35, 2.2.12, 2.6.14).
 *
 * The kernel keeps one list of all locks; here they are found through the open files, in order of pid and
 * descriptor. 2.0 and 2.2 end each line with five addresses, which are 0 here.
 */

import { major, minor } from '../../abi/brand.js'
import { F_WRLCK } from '../../abi/fcntl.js'
import { pidFor } from '../../kernel/part.js'
import type { Task } from '../../kernel/task.js'
import { seesTask, tasksSeenBy } from '../../kernel/visible.js'
import type { File } from '../../vfs/file.js'
import { FlockRequest } from '../../vfs/flock.js'
import type { Inode } from '../../vfs/inode.js'
import type { FileLock, FileLockContext } from '../../vfs/locks.js'
import { RecordLockRequest } from '../../vfs/posix_lock.js'
import { hasExited, isModern } from './entry.js'

/** Share modes of flock(2). Linux: include/linux/fcntl.h (2.4). */
const LOCK_MAND = 32
const LOCK_READ = 64
const LOCK_WRITE = 128

/** What a line shows of a lock or of a request for one. */
interface LockLine {
  readonly kind: 'record' | 'flock'
  readonly type: number
  readonly pid: number
  readonly inode: Inode
  readonly start: number
  readonly end: number
}

/** Five characters. */
function typeWord(type: number): string {
  if ((type & LOCK_MAND) === 0) return type === F_WRLCK ? 'WRITE' : 'READ '
  if ((type & LOCK_READ) !== 0) return (type & LOCK_WRITE) !== 0 ? 'RW   ' : 'READ '
  return (type & LOCK_WRITE) !== 0 ? 'WRITE' : 'NONE '
}

function render(current: Task, line: LockLine, id: number, prefix: string): string {
  const { k } = current
  const isRecord = line.kind === 'record'
  const words = isRecord
    ? 'POSIX  ADVISORY '
    : (line.type & LOCK_MAND) !== 0
      ? 'FLOCK  MSNFS    '
      : 'FLOCK  ADVISORY '
  const { dev } = line.inode.sb
  const hex = (value: number): string => value.toString(16).padStart(2, '0')
  const where = `${pidFor(current, line.pid)} ${hex(major(dev))}:${hex(minor(dev))}:${line.inode.ino}`
  const { lockOffsetMax } = k.facts.fcntl
  const modern = isModern(k)
  const start = isRecord ? line.start : 0
  const last = isRecord ? Math.min(line.end, lockOffsetMax) : lockOffsetMax
  const end = modern && last === lockOffsetMax ? 'EOF' : String(last)
  const addresses = modern ? '' : ' 00000000'.repeat(5)
  return `${id}:${prefix} ${words} ${typeWord(line.type)} ${where} ${start} ${end}${addresses}\n`
}

/** What a task that sleeps on a lock wants, or null where it sleeps for something else. */
function requestOf(task: Task): LockLine | null {
  const request = task.restart
  if (request instanceof RecordLockRequest) {
    return {
      kind: 'record',
      type: request.type,
      pid: task.tgid,
      inode: request.file.inode,
      start: request.start,
      end: request.end,
    }
  }
  if (request instanceof FlockRequest) {
    return { kind: 'flock', type: request.type, pid: task.tgid, inode: request.file.inode, start: 0, end: 0 }
  }
  return null
}

/** What the tasks that `current` sees have open, and the lock contexts of that, each once. */
function openedBySeen(current: Task): { files: ReadonlySet<File>; contexts: ReadonlySet<FileLockContext> } {
  const files = new Set<File>()
  const contexts = new Set<FileLockContext>()
  for (const task of tasksSeenBy(current)) {
    if (hasExited(task)) continue
    for (const file of task.files.files) {
      if (file === null || file.inode.locks === null) continue
      files.add(file)
      contexts.add(file.inode.locks)
    }
  }
  return { files, contexts }
}

function renderWithWaiters(current: Task, lock: FileLock, id: number): string {
  const { kind, type, pid, start, end } = lock
  let text = render(current, { kind, type, pid, inode: lock.file.inode, start, end }, id, '')
  for (let entry = lock.head; entry !== null; entry = entry.next) {
    const request = seesTask(current, entry.task) ? requestOf(entry.task) : null
    if (request !== null) text += render(current, request, id, ' ->')
  }
  return text
}

/** The text of /proc/locks: locks of those whom `current` sees. */
export function formatLocks(current: Task): string {
  const { files, contexts } = openedBySeen(current)
  let text = ''
  let id = 0
  for (const { flocks, records } of contexts)
    for (const lock of [...flocks, ...records])
      if (files.has(lock.file)) text += renderWithWaiters(current, lock, ++id)
  return text
}
