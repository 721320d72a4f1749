/**
 * Dentries: the tree of names. Linux: struct dentry, fs/dcache.c (2.2, 2.6).
 *
 * A directory's children are a table by name (lookup) and a linked list, newest first (readdir; the order of
 * d_subdirs). For memory file systems the tree is the directory: a name that is not in it does not exist. Other
 * file systems fill it through InodeOperations.lookup. Negative dentries are not kept.
 *
 * The list also holds the cursors of open directories (see readdir.ts), nodes without a name, so that reading
 * goes on at the right place while entries come and go.
 */

import type { Cloner } from '../lib/graph.js'
import type { Inode } from './inode.js'
import { NameTable } from './name_table.js'
import type { SuperBlock } from './superblock.js'

/** A name in a directory. Linux: struct dentry. */
export class Dentry {
  /** The name, without a path. */
  name: string
  /** The directory it is in; null for the root of a file system. */
  parent: Dentry | null
  /** What it names; null while it names nothing. */
  inode: Inode | null
  /** Its file system. */
  sb: SuperBlock
  /** @internal Names in it, by name; null while there are none. */
  children: NameTable | null = null
  /** @internal Newest child, or a cursor. */
  firstChild: Dentry | null = null
  /** @internal */
  prev: Dentry | null = null
  /** @internal */
  next: Dentry | null = null
  /** How many mounts have this dentry as their mount point. */
  mounted = 0
  /** Is it in its parent's map? False for a removed name that is still in use. Linux: !d_unhashed. */
  hashed = false

  constructor(name: string, parent: Dentry | null, sb: SuperBlock, inode: Inode | null) {
    this.name = name
    this.parent = parent
    this.sb = sb
    this.inode = inode
  }

  /** @internal For forks of the kernel; see lib/graph.ts. */
  static shallowCopy(from: Dentry): Dentry {
    const copy = new Dentry(from.name, from.parent, from.sb, from.inode)
    copy.children = from.children
    copy.firstChild = from.firstChild
    copy.prev = from.prev
    copy.next = from.next
    copy.mounted = from.mounted
    copy.hashed = from.hashed
    return copy
  }

  /** @internal */
  fillState(cloner: Cloner): void {
    this.sb = cloner.copy(this.sb)
    if (this.parent !== null) this.parent = cloner.copy(this.parent)
    if (this.inode !== null) this.inode = cloner.copy(this.inode)
    if (this.children !== null) this.children = cloner.copy(this.children)
    if (this.firstChild !== null) this.firstChild = cloner.copy(this.firstChild)
    if (this.prev !== null) this.prev = cloner.copy(this.prev)
    if (this.next !== null) this.next = cloner.copy(this.next)
  }
}

/** Links `node` into `dir`'s list right before `before` (null: at the end). */
function listInsert(dir: Dentry, node: Dentry, after: Dentry | null): void {
  node.prev = after
  node.next = after === null ? dir.firstChild : after.next
  if (after === null) dir.firstChild = node
  else after.next = node
  if (node.next !== null) node.next.prev = node
}

function listRemove(dir: Dentry, node: Dentry): void {
  if (node.prev === null) dir.firstChild = node.next
  else node.prev.next = node.next
  if (node.next !== null) node.next.prev = node.prev
  node.prev = null
  node.next = null
}

/** Enters a dentry under its parent, as the newest name. Linux: d_add / d_rehash. */
export function dAdd(parent: Dentry, dentry: Dentry): void {
  if (parent.children === null) parent.children = new NameTable()
  parent.children.add(dentry)
  dentry.parent = parent
  dentry.hashed = true
  listInsert(parent, dentry, null)
}

/** Removes a name from its parent; the dentry keeps its parent for `..`. Linux: d_drop / d_delete. */
export function dDrop(dentry: Dentry): void {
  const parent = dentry.parent
  if (!dentry.hashed || parent === null) return
  dentry.hashed = false
  parent.children?.delete(dentry.name)
  listRemove(parent, dentry)
}

/** Moves a dentry to another name, as the newest there. Linux: d_move. */
export function dMove(dentry: Dentry, parent: Dentry, name: string): void {
  dDrop(dentry)
  dentry.name = name
  dAdd(parent, dentry)
}

/** A cursor for readdir: a nameless node, not hashed. `after` null puts it at the front. */
export function addCursor(dir: Dentry, after: Dentry | null): Dentry {
  const cursor = new Dentry('', dir, dir.sb, null)
  listInsert(dir, cursor, after)
  return cursor
}

/** Moves a cursor behind `after` (null: to the front). */
export function moveCursor(dir: Dentry, cursor: Dentry, after: Dentry | null): void {
  listRemove(dir, cursor)
  listInsert(dir, cursor, after)
}

export const removeCursor = (dir: Dentry, cursor: Dentry): void => listRemove(dir, cursor)

/** Is `dentry` the same as `ancestor` or below it? Linux: is_subdir. */
export function isSubdir(dentry: Dentry, ancestor: Dentry): boolean {
  let at: Dentry | null = dentry
  while (at !== null) {
    if (at === ancestor) return true
    at = at.parent
  }
  return false
}

/** The number of names in a directory. */
export const childCount = (dentry: Dentry): number => dentry.children?.size ?? 0
