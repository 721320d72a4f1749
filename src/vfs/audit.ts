/**
 * The VFS's part of a recount: uses of files, inodes and mounts, the trees of names, locks. See kernel/invariants.ts.
 */

import { S_IFDIR, S_IFMT } from '../abi/stat.js'
import type { Books } from '../kernel/books.js'
import { Tally } from '../kernel/books.js'
import { childCount, type Dentry } from './dentry.js'
import type { FdTable } from './fdtable.js'
import { type File, FMODE_WRITE } from './file.js'
import type { Inode } from './inode.js'
import { FileLock, type FileLockContext } from './locks.js'
import type { Mount } from './mount.js'
import type { SuperBlock } from './superblock.js'

const isDir = (inode: Inode): boolean => (inode.mode & S_IFMT) === S_IFDIR

/** What an inode is called in complaints. */
export const nameOf = (inode: Inode): string => `inode ${inode.ino} of ${inode.sb.type}`

// ---- counting ------------------------------------------------------------------------------------------------

/** What the open files use. Preconditions: all uses of files are known. */
export function countFiles(books: Books): void {
  for (const file of books.files.counts.keys()) {
    const { inode, mnt } = file
    books.inodes.add(inode)
    if (mnt !== null) books.mounts.add(mnt)
    if ((file.mode & FMODE_WRITE) !== 0) books.writers.add(inode)
    const opens = books.opens.get(inode)
    if (opens === undefined) books.opens.set(inode, [file])
    else opens.push(file)
    const data: unknown = file.data
    if (typeof data === 'object' && data !== null && 'cursor' in data && data.cursor !== null) {
      books.cursors.add(data.cursor as Dentry)
    }
  }
}

/** The uppermost directory above a name. */
function topOf(dentry: Dentry): Dentry {
  let top = dentry
  while (top.parent !== null) top = top.parent
  return top
}

/** Names of all trees: those of the superblocks, and what open files and tasks hold of trees that are gone. */
export function countTrees(books: Books): void {
  const roots = books.k.state.superBlocks.flatMap(({ root }) => (root === null ? [] : [root]))
  const held = [...books.files.counts.keys()].flatMap(({ dentry }) => (dentry === null ? [] : [dentry]))
  const dirs = [...books.live].flatMap(({ fs }) => [fs.root, fs.pwd])
  const seen = new Set<Dentry>()
  for (const dentry of roots) countTree(books, dentry, seen)
  for (const dentry of [...held, ...dirs]) {
    countTree(books, topOf(dentry), seen)
    countTree(books, dentry, seen)
  }
}

function countTree(books: Books, root: Dentry, seen: Set<Dentry>): void {
  const open = [root]
  for (let dentry = open.pop(); dentry !== undefined; dentry = open.pop()) {
    if (seen.has(dentry)) continue
    seen.add(dentry)
    const { inode } = dentry
    if (inode !== null) books.inodes.add(inode, 0)
    checkDirectory(books, dentry)
    for (const child of dentry.children?.values() ?? []) {
      if (child.inode !== null) {
        books.names.add(child.inode)
        if (isDir(child.inode) && inode !== null) books.subdirs.add(inode)
      }
      open.push(child)
    }
  }
}

/** The map of names, the list of nodes and the cursors of a directory are about the same things. */
function checkDirectory(books: Books, dir: Dentry): void {
  const where = `directory '${dir.name}' of ${dir.sb.type}`
  const listed = new Set<Dentry>()
  let before: Dentry | null = null
  for (let node = dir.firstChild; node !== null; node = node.next) {
    books.must(node.prev === before, `${where}: the list is broken before '${node.name}'`)
    books.must(!listed.has(node), `${where}: '${node.name}' is listed twice`)
    if (listed.has(node)) return
    listed.add(node)
    if (node.hashed)
      books.must(dir.children?.get(node.name) === node, `${where}: '${node.name}' has no entry`)
    else books.must(books.cursors.has(node), `${where}: a node without a name is no open directory's cursor`)
    before = node
  }
  let entries = 0
  for (const child of dir.children?.values() ?? []) {
    const { name } = child
    books.must(child.hashed, `${where}: entry '${name}' does not know that it is one`)
    books.must(dir.children?.get(name) === child, `${where}: entry '${name}' is not in its place`)
    books.must(child.parent === dir && child.sb === dir.sb, `${where}: entry '${name}' has another parent`)
    books.must(listed.has(child), `${where}: entry '${name}' is not listed`)
    entries++
  }
  books.must(childCount(dir) === entries, `${where}: ${entries} entries, not ${childCount(dir)}`)
}

// ---- checking ------------------------------------------------------------------------------------------------

/** Open files and the tables that hold them. */
export function checkFiles(books: Books): void {
  for (const [file, uses] of books.files.counts) {
    books.same(`the count of an open file of ${nameOf(file.inode)} (${file.ops.name})`, file.count, uses)
  }
  for (const table of new Set([...books.live].map((task) => task.files))) checkTable(books, table)
}

function checkTable(books: Books, table: FdTable): void {
  books.same('the length of the list of flags', table.flags.length, table.files.length)
  for (let fd = 0; fd < table.next; fd++) {
    books.must(table.files[fd] != null, `descriptor ${fd} is free below the hint ${table.next}`)
  }
  for (const [fd, file] of table.files.entries()) {
    books.must(file !== null || table.flags[fd] === 0, `descriptor ${fd} is free and has flags`)
  }
}

/** The tree of mounts, and the superblocks that it shows. */
export function checkMounts(books: Books): void {
  const { mounts, superBlocks, rootMnt } = books.k.state
  const shown = new Tally<SuperBlock>()
  const points = new Tally<Dentry>()
  const listed = new Set(mounts)
  books.same('the number of mounts', listed.size, mounts.length)
  for (const mnt of mounts) {
    shown.add(mnt.sb)
    if (mnt.root.inode !== null) books.inodes.add(mnt.root.inode)
    countMount(books, mnt, rootMnt, points)
  }
  // Those that were taken off while they were used still show their file systems.
  for (const mnt of books.mounts.counts.keys()) {
    books.must(
      listed.has(mnt) || mnt.isView || (mnt.detachedFrom === null) === (mnt.sb.mounts === 0),
      `a detached mount of ${mnt.sb.type} has been given back`,
    )
    if (mnt.detachedFrom === null) continue
    books.must(!listed.has(mnt), `a detached mount of ${mnt.sb.type} is listed`)
    shown.add(mnt.sb)
    if (mnt.root.inode !== null) books.inodes.add(mnt.root.inode)
  }
  for (const mnt of new Set([...mounts, ...books.mounts.counts.keys()])) {
    books.same(`the count of a mount of ${mnt.sb.type}`, mnt.count, books.mounts.of(mnt))
    for (const child of mnt.children?.values() ?? [])
      books.must(listed.has(child), `a mount of ${child.sb.type} is not listed`)
  }
  for (const sb of new Set([...superBlocks, ...shown.counts.keys()])) {
    books.same(`the mounts of a superblock of ${sb.type}`, sb.mounts, shown.of(sb))
    books.must(superBlocks.includes(sb), `a superblock of ${sb.type} is not listed`)
  }
  for (const [dentry, count] of points.counts) {
    books.same(`the mounts on '${dentry.name}'`, dentry.mounted, count)
  }
}

function countMount(books: Books, mnt: Mount, rootMnt: Mount | null, points: Tally<Dentry>): void {
  const { parent, mountpoint } = mnt
  if (parent === null || mountpoint === null) {
    books.must(mnt === rootMnt, `a mount of ${mnt.sb.type} is nowhere`)
    return
  }
  books.mounts.add(parent)
  points.add(mountpoint)
  books.must(parent.children?.get(mountpoint) === mnt, `a mount of ${mnt.sb.type} is not on its place`)
}

/** Uses, writers and locks of inodes. */
export function checkInodes(books: Books): void {
  for (const [inode, uses] of books.inodes.counts) {
    const what = nameOf(inode)
    books.same(`the count of ${what}`, inode.count, uses)
    books.same(`the writers of ${what}`, inode.writeCount, books.writers.of(inode))
    if (inode.locks !== null) checkLocks(books, inode.locks, inode, what)
  }
}

/** Who sleeps for a lock sleeps for one that is held. */
export function checkLockWaits(books: Books): void {
  for (const task of books.live) {
    for (let entry = task.waits; entry !== null; entry = entry.sibling) {
      const { queue } = entry
      if (!(queue instanceof FileLock)) continue
      const { locks } = queue.file.inode
      const isHeld = locks !== null && (locks.flocks.includes(queue) || locks.records.includes(queue))
      books.must(isHeld, `pid ${task.pid} sleeps for a lock that is gone`)
    }
  }
}

function checkLocks(books: Books, locks: FileLockContext, inode: Inode, what: string): void {
  books.must(locks.flocks.length + locks.records.length > 0, `${what} has a context without locks`)
  for (const lock of [...locks.flocks, ...locks.records]) {
    books.queues.add(lock)
    books.same(`the inode of a lock of ${what}`, lock.file.inode, inode)
    books.must(lock.start <= lock.end, `${what} has a lock that ends before it starts`)
    books.must(books.files.of(lock.file) > 0, `${what} has the lock of a closed file`)
  }
  const { lockOwner } = books.k.facts.fcntl
  const tables = new Set([...books.live].map((task) => task.files))
  for (const [at, lock] of locks.records.entries()) {
    // Up to 2.2 a lock is a task's: one that shares its descriptors and ends leaves it behind.
    const owned = lock.owner !== null && tables.has(lock.owner)
    books.must(lockOwner !== 'files' || owned, `${what} has the record lock of a process that is gone`)
    for (const other of locks.records.slice(at + 1)) checkPair(books, lock, other, what)
  }
}

/** One owner's record locks do not overlap; those of two do only to read. */
function checkPair(books: Books, lock: FileLock, other: FileLock, what: string): void {
  if (lock.end < other.start || other.end < lock.start) return
  const { lockOwner } = books.k.facts.fcntl
  const byTable = lockOwner === 'task' || lock.owner === other.owner
  const byTask = lockOwner === 'files' || lock.pid === other.pid
  if (byTable && byTask) books.must(false, `${what} has two locks of one owner on the same bytes`)
  else books.must(!conflicts(lock, other), `${what} has locks of two owners that exclude each other`)
}

/** F_WRLCK is 1 and shuts everybody out. */
const conflicts = (lock: FileLock, other: FileLock): boolean => lock.type === 1 || other.type === 1

/** Is the file among those that somebody uses? */
export const isInUse = (books: Books, file: File): boolean => books.files.of(file) > 0
