/**
 * What the built-in file systems add to a recount: links, inodes and pages of ramfs; readers, writers, sleepers and
 * sizes of pipes. See kernel/invariants.ts.
 */

import { PIPE_BUF } from '../abi/fcntl.js'
import { S_IFDIR, S_IFIFO, S_IFMT, S_IFREG } from '../abi/stat.js'
import { type Audit, type Books, Tally } from '../kernel/books.js'
import type { Task } from '../kernel/task.js'
import { isInUse, nameOf } from '../vfs/audit.js'
import { FMODE_READ, FMODE_WRITE } from '../vfs/file.js'
import type { Inode } from '../vfs/inode.js'
import { Mount } from '../vfs/mount.js'
import { PAGE_SIZE, PageStore } from './pages.js'
import { isUnderWay, Pipe, PipeEnd, PipeTransfer } from './pipe.js'
import { PagePipe } from './pipe_page.js'
import { SlotPipe } from './pipe_slots.js'
import { RamfsInfo } from './ramfs.js'

// ---- ramfs ---------------------------------------------------------------------------------------------------

/** Names in the tree; a directory has its own two and one of each subdirectory, or has been removed. */
function checkLinks(books: Books, inode: Inode): void {
  const what = nameOf(inode)
  const names = books.names.of(inode)
  if ((inode.mode & S_IFMT) !== S_IFDIR) {
    books.same(`the links of ${what}`, inode.nlink, names)
    return
  }
  const lives = inode.sb.root?.inode === inode || names === 1
  const subdirs = books.subdirs.of(inode)
  books.must(lives || names === 0, `${what}, a directory, has ${names} names`)
  books.same(`the links of ${what}`, inode.nlink, lives ? 2 + subdirs : 0)
  if (!lives) books.same(`the entries of the removed ${what}`, subdirs, 0)
}

function checkPages(books: Books, store: PageStore, inode: Inode): void {
  const what = nameOf(inode)
  books.same(`the type of ${what}, which has pages`, inode.mode & S_IFMT, S_IFREG)
  let pages = 0
  let last = -1
  for (const [chunk, mask] of store.writtenPages()) {
    for (let bit = 0; bit < 16; bit++) {
      if ((mask & (1 << bit)) === 0) continue
      pages++
      last = chunk * 16 + bit
    }
  }
  books.same(`the pages of ${what}`, store.pages, pages)
  books.must(
    last < 0 || last * PAGE_SIZE < inode.size,
    `${what} has page ${last} behind its end ${inode.size}`,
  )
}

/** Pages and inodes of ramfs: those in the tree, and those that are open without a name. */
const ramfsAudit: Audit = {
  name: 'ramfs',
  check(books) {
    const pages = new Tally<RamfsInfo>()
    const inodes = new Tally<RamfsInfo>()
    const numbers = new Map<RamfsInfo, Set<number>>()
    for (const inode of books.inodes.counts.keys()) {
      const info = inode.sb.data
      if (!(info instanceof RamfsInfo)) continue
      checkLinks(books, inode)
      inodes.add(info)
      const known = numbers.get(info) ?? new Set()
      books.must(!known.has(inode.ino), `${nameOf(inode)} is there twice`)
      numbers.set(info, known.add(inode.ino))
      const store = inode.data instanceof PageStore ? inode.data : null
      pages.add(info, store?.pages ?? 0)
      if (store !== null) checkPages(books, store, inode)
    }
    for (const [info, count] of pages.counts) {
      books.same('the pages of a ramfs', info.pages, count)
      books.same('the inodes of a ramfs', info.inodes, inodes.of(info))
      books.must(info.pages <= info.maxPages && info.inodes <= info.maxInodes, 'a ramfs is over its limit')
    }
  },
}

// ---- pipes ---------------------------------------------------------------------------------------------------

/** The pipe of a FIFO's or pipe's inode; null while nobody has it open. */
const pipeOf = (inode: Inode): Pipe | null =>
  (inode.mode & S_IFMT) === S_IFIFO && inode.data instanceof Pipe ? inode.data : null

function checkPipe(books: Books, inode: Inode): void {
  const what = nameOf(inode)
  const ends = (books.opens.get(inode) ?? []).filter(({ data }) => data instanceof PipeEnd)
  const pipe = pipeOf(inode)
  if (pipe === null) {
    books.same(`the open files of ${what} without a pipe`, ends.length, 0)
    return
  }
  let readers = 0
  let writers = 0
  for (const { mode, data } of ends) {
    const end = data as PipeEnd
    books.same(`the pipe of an end of ${what}`, end.pipe, pipe)
    if ((mode & FMODE_READ) !== 0) readers++
    if ((mode & FMODE_WRITE) !== 0 && end.opening !== 'settle-write') writers++
  }
  books.queues.add(pipe.wait)
  if (pipe instanceof PagePipe) books.queues.add(pipe.writeTurn)
  books.same(`the readers of ${what}`, pipe.readers, readers)
  books.same(`the writers of ${what}`, pipe.writers, writers)
  for (const entry of [...pipe.fasyncReaders, ...pipe.fasyncWriters]) {
    books.must(isInUse(books, entry.file), `${what} would signal for a closed file`)
  }
  if (pipe instanceof PagePipe) books.same(`the size of ${what}`, inode.size, pipe.length)
  for (let entry = pipe.wait.head; entry !== null; entry = entry.next)
    checkSleeper(books, pipe, entry.task, what)
}

/** Nobody sleeps who could go on. */
function checkSleeper(books: Books, pipe: Pipe, task: Task, what: string): void {
  const { name = '', args = [] } = task.call ?? {}
  const file = task.files.files[Number(args[0])]
  if (file == null || !(file.data instanceof PipeEnd) || file.data.pipe !== pipe) return
  const who = `pid ${task.pid} sleeps in ${name}`
  if (name === 'read' || name === 'readv') {
    books.must(pipe.length === 0, `${who} and ${what} has data`)
    books.must(pipe.writers > 0, `${who} and ${what} has no writers`)
  } else if (name === 'write' || name === 'writev') {
    books.must(pipe.readers > 0, `${who} and ${what} has no readers`)
    books.must(!hasRoom(pipe, task), `${who} and ${what} has room`)
  }
}

/** Is there room for what a sleeping write waits to put in? */
function hasRoom(pipe: Pipe, task: Task): boolean {
  if (pipe instanceof SlotPipe) return !pipe.slots.isFull
  const { restart, call } = task
  if (!(pipe instanceof PagePipe) || !(restart instanceof PipeTransfer)) return false
  const data = call?.args[1]
  const length = data instanceof Uint8Array ? data.length : PIPE_BUF
  return pipe.ring.free >= (restart.done > 0 || length > PIPE_BUF ? 1 : length)
}

const pipeAudit: Audit = {
  name: 'pipes',
  /** The kernel's own mount of pipefs is in no list of mounts. */
  holds(books) {
    for (const { data } of books.k.state.superBlocks) if (data instanceof Mount) books.mounts.add(data, 0)
  },
  check(books) {
    for (const inode of books.inodes.counts.keys()) {
      if ((inode.mode & S_IFMT) === S_IFIFO) checkPipe(books, inode)
    }
    for (const task of books.live) {
      if (!(task.restart instanceof PipeTransfer)) continue
      books.must(isUnderWay(task.restart), `pid ${task.pid} is in a transfer that is over`)
    }
  },
}

/** The audits of the built-in file systems. */
export const fsAudits: readonly Audit[] = Object.freeze([ramfsAudit, pipeAudit])
