/**
 * Why a fork of a kernel copies what exists: what every walk would cost if it did not.
 *
 * A lazy copy cannot hold pointers from object to object, as the copy's objects would point to the original's. It
 * holds numbers, and finds the object of a number in a table whose pages both share until one writes. Here are the
 * same walk of five names by pointers and through such tables, on the bare data structures.
 */

import { compare, type Figure, type Timed } from './measure.js'
import type { Plan } from './plan.js'

const NAMES: readonly string[] = ['a', 'b', 'c', 'd', 'e']
const PAGE_SHIFT = 6
const PAGE_MASK = (1 << PAGE_SHIFT) - 1

interface Inode {
  readonly mode: number
  readonly size: number
}

interface Dentry {
  readonly inode: Inode
  readonly children: Map<string, Dentry>
}

interface NumberedDentry {
  readonly inode: number
  readonly children: Map<string, number>
}

/** Objects by number, in pages that copies share. */
class Table<T> {
  readonly pages: T[][] = []

  get(at: number): T | undefined {
    return this.pages[at >> PAGE_SHIFT]?.[at & PAGE_MASK]
  }

  set(at: number, item: T): void {
    while (this.pages.length <= at >> PAGE_SHIFT) this.pages.push([])
    const page = this.pages[at >> PAGE_SHIFT]
    if (page !== undefined) page[at & PAGE_MASK] = item
  }
}

const inodeOf = (at: number): Inode => ({ mode: 0o40755, size: at })

function byPointers(): Timed {
  let root: Dentry = { inode: inodeOf(NAMES.length), children: new Map() }
  for (let at = NAMES.length - 1; at >= 0; at--) {
    root = { inode: inodeOf(at), children: new Map([[NAMES[at] ?? '', root]]) }
  }
  const walk = (): number => {
    let at: Dentry | undefined = root
    for (const name of NAMES) {
      if (at === undefined || (at.inode.mode & 1) === 0) return -1
      at = at.children.get(name)
    }
    return at?.inode.size ?? -1
  }
  return walks(walk)
}

function throughTables(): Timed {
  const inodes = new Table<Inode>()
  const dentries = new Table<NumberedDentry>()
  for (let at = 0; at <= NAMES.length; at++) {
    inodes.set(at, inodeOf(at))
    const name = NAMES[at]
    dentries.set(at, { inode: at, children: new Map(name === undefined ? [] : [[name, at + 1]]) })
  }
  const walk = (): number => {
    let at = dentries.get(0)
    for (const name of NAMES) {
      const inode: Inode | undefined = at === undefined ? undefined : inodes.get(at.inode)
      if (inode === undefined || (inode.mode & 1) === 0) return -1
      at = dentries.get(at?.children.get(name) ?? -1)
    }
    return at === undefined ? -1 : (inodes.get(at.inode)?.size ?? -1)
  }
  return walks(walk)
}

const walks = (walk: () => number): Timed => ({
  kind: 'timed',
  run: (count) => {
    let right = 0
    for (let i = 0; i < count; i++) if (walk() === NAMES.length) right++
    return right
  },
})

/** Nanoseconds for a walk of five names, by pointers and through tables. */
export function walkCosts(plan: Plan): { readonly pointers: Figure; readonly tables: Figure } {
  const figures = compare(
    new Map([
      ['pointers', byPointers()],
      ['tables', throughTables()],
    ]),
    plan,
  )
  return { pointers: figures.get('pointers') as Figure, tables: figures.get('tables') as Figure }
}
