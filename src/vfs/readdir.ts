/**
 * Reading directories whose names are all in the tree. Linux: dcache_readdir, dcache_dir_lseek (fs/libfs.c, 2.6).
 *
 * `file.pos` is 0 for '.', 1 for '..', then counts entries. A cursor in the directory's list marks the place, so
 * an entry that stays is returned exactly once however the directory changes meanwhile; a name made after the
 * first read is not seen, because new names go to the front.
 */

import { asIno } from '../abi/brand.js'
import { EINVAL, EISDIR, ENOENT, ENOMEM, type Ret } from '../abi/errno.js'
import { SEEK_CUR, SEEK_SET } from '../abi/fcntl.js'
import { type Dirent, DT_DIR, modeToDirentType } from '../abi/stat.js'
import type { Task } from '../kernel/task.js'
import { utf8Length } from '../lib/bytes.js'
import { shouldFail } from '../sim/faults.js'
import { addCursor, type Dentry, moveCursor, removeCursor } from './dentry.js'
import type { File } from './file.js'
import { touchAtime } from './namei.js'
import { defineFileOps } from './ops.js'

/** An open directory's place. */
export interface DirCursor {
  /** A node without a name in the directory's list; null before the first read. */
  cursor: Dentry | null
}

/** Bytes of a struct dirent on i386: header, name, NUL, type, rounded to 4. Linux: filldir, fs/readdir.c. */
export const direntSize = (name: string): number => (10 + utf8Length(name) + 2 + 3) & ~3

/** Collects entries until `count` bytes are full. */
export class DirFiller {
  readonly entries: Dirent[] = []
  private left: number
  private readonly types: boolean

  constructor(count: number, hasTypes: boolean) {
    this.left = count
    this.types = hasTypes
  }

  /** False when there is no room: the caller stops. */
  add(name: string, offset: number, ino: number, type: number): boolean {
    const size = direntSize(name)
    if (size > this.left) return false
    this.left -= size
    this.entries.push({ ino: asIno(ino), off: offset, type: this.types ? type : 0, name })
    return true
  }

  /** The entries, or EINVAL when not even the first fitted. */
  result(full: boolean): Ret<Dirent[]> {
    return full && this.entries.length === 0 ? EINVAL : this.entries
  }
}

function readdir(current: Task, file: File<DirCursor>, count: number): Ret<Dirent[]> {
  const dir = file.dentry
  if (dir === null) return ENOENT
  touchAtime(current, file.mnt, file.inode)
  const filler = new DirFiller(count, current.k.facts.hasDirentTypes)
  if (file.pos === 0) {
    if (!filler.add('.', 1, file.inode.ino, DT_DIR)) return EINVAL
    file.pos = 1
  }
  if (file.pos === 1) {
    const parent = (dir === file.mnt?.root ? dir : (dir.parent ?? dir)).inode ?? file.inode
    if (!filler.add('..', 2, parent.ino, DT_DIR)) return filler.result(true)
    file.pos = 2
  }
  const cursor = placeCursor(file, dir)
  let last: Dentry = cursor
  let isFull = false
  for (let node = cursor.next; node !== null; node = node.next) {
    if (node.hashed && node.inode !== null) {
      const type = modeToDirentType(node.inode.mode)
      isFull = !filler.add(node.name, file.pos + 1, node.inode.ino, type)
      if (isFull) break
      file.pos++
    }
    last = node
  }
  if (last !== cursor) moveCursor(dir, cursor, last)
  return filler.result(isFull)
}

/** The cursor of an open directory; at the front when reading of the names begins. */
function placeCursor(file: File<DirCursor>, dir: Dentry): Dentry {
  const { data } = file
  if (data.cursor === null) data.cursor = addCursor(dir, null)
  else if (file.pos === 2) moveCursor(dir, data.cursor, null)
  return data.cursor
}

function llseek(_current: Task, file: File<DirCursor>, offset: number, whence: number): number {
  const target = whence === SEEK_SET ? offset : whence === SEEK_CUR ? file.pos + offset : -1
  if (target < 0) return EINVAL
  if (target === file.pos) return target
  file.pos = target
  const dir = file.dentry
  if (dir === null || target < 2) return target
  const cursor = placeCursor(file, dir)
  let left = target - 2
  let after: Dentry | null = null
  for (let node = dir.firstChild; node !== null && left > 0; node = node.next) {
    if (node === cursor) continue
    after = node
    if (node.hashed && node.inode !== null) left--
  }
  moveCursor(dir, cursor, after)
  return target
}

/** File operations of directories that live in the dentry tree. Linux: simple_dir_operations. */
export const treeDirOps = defineFileOps<DirCursor>({
  name: 'treedir',
  seekable: true,
  open(current, _inode, file) {
    if (shouldFail(current.k, 'alloc:dentry')) return ENOMEM
    file.data = { cursor: null }
    return 0
  },
  release(_current, file) {
    const { data, dentry } = file
    if (data.cursor !== null && dentry !== null) removeCursor(dentry, data.cursor)
  },
  read: () => EISDIR,
  fsync: () => 0,
  llseek,
  readdir,
})
