/**
 * The names of /proc: which entries a kernel has, and which of them lie in a directory.
 * Linux: the proc_dir_entry tree, fs/proc/generic.c. Nothing is kept: the tables and the modules' entries are it.
 */

import type { KernelCore } from '../../kernel/kernel.js'
import type { ProcEntry } from '../../kernel/module.js'
import { type Entry, isModern, isPresent, type ProcNode } from './entry.js'
import { MODERN_ORDER, PID_ENTRIES, THREAD_STAT } from './pid.js'
import { GLOBAL_ENTRIES } from './root.js'

/** What the paths of entries about a process begin with. */
const PID_PREFIX = '<pid>/'

/** An entry under its path in /proc or in /proc/<pid>. */
interface Named {
  readonly path: string
  readonly entry: Entry
}

/** One name in a directory. `entry` null: a directory that is there because of what lies below it. */
export interface Child {
  readonly name: string
  readonly path: string
  readonly entry: Entry | null
}

/** The entries of one kind of place, looked up by path. */
class Index {
  /** All paths with the directories on the way to them, a directory before what is in it, with their places. */
  readonly order = new Map<string, number>()
  readonly byPath = new Map<string, Entry>()
  /** Names by directory, in the order of registration; a directory's children by name. */
  readonly children = new Map<string, Map<string, Child>>()
  /** Directories that are there because of what lies below them, parents first. */
  readonly dirs: readonly string[]

  constructor(entries: readonly Named[]) {
    for (const named of entries) this.add(named)
    this.dirs = [...this.order.keys()].filter((path) => !this.byPath.has(path))
  }

  private add({ path, entry }: Named): void {
    const names = path.split('/')
    names.forEach((name, depth) => {
      const dir = names.slice(0, depth).join('/')
      const at = depth === names.length - 1 ? path : `${dir === '' ? '' : `${dir}/`}${name}`
      if (!this.order.has(at)) this.order.set(at, this.order.size)
      const siblings = this.children.get(dir) ?? new Map<string, Child>()
      this.children.set(dir, siblings)
      const isItself = at === path
      if (isItself || !siblings.has(name))
        siblings.set(name, { name, path: at, entry: isItself ? entry : null })
    })
    this.byPath.set(path, entry)
  }
}

/** Indices of what every kernel of a release has: constants, made when first wanted. */
const BUILT_IN = new Map<string, Index>()

type Place = 'global' | 'process' | 'thread'

function entriesOf(k: KernelCore, place: Place): Named[] {
  const { release } = k.facts
  const isGlobal = place === 'global'
  const builtin = (isGlobal ? GLOBAL_ENTRIES : PID_ENTRIES).filter((entry) => isPresent(entry, release))
  const contributed = k.procEntries.filter(({ path }) => path.startsWith(PID_PREFIX) !== isGlobal)
  const named = [...builtin, ...contributed].map((entry) => ({
    path: isGlobal ? entry.path : entry.path.slice(PID_PREFIX.length),
    entry,
  }))
  if (place !== 'thread') return named
  return named
    .filter(({ path }) => path !== 'task')
    .map(({ path, entry }) => ({ path, entry: path === 'stat' ? THREAD_STAT : entry }))
}

/** The entries among which a node is. Kernels without contributed entries share an index. */
function indexAround(k: KernelCore, place: Place): Index {
  const key = `${k.facts.release} ${place}`
  const cache = k.procEntries.length === 0 ? BUILT_IN : (k.caches as Map<string, Index>)
  const known = cache.get(key)
  if (known !== undefined) return known
  const index = new Index(entriesOf(k, place))
  cache.set(key, index)
  return index
}

const indexOfNode = (k: KernelCore, node: ProcNode): Index =>
  indexAround(k, node.pid === 0 ? 'global' : node.isThread ? 'thread' : 'process')

/** The directories outside the processes, parents first: they are there as long as /proc is. */
export const globalDirs = (k: KernelCore): readonly string[] => indexAround(k, 'global').dirs

/** The place of a node's path among its kind, which free inode numbers are given by. */
export const indexOf = (k: KernelCore, node: ProcNode): number =>
  indexOfNode(k, node).order.get(node.path) ?? -1

/** The entry of a node; null for an implied directory. */
export const entryOf = (k: KernelCore, node: ProcNode): Entry | null =>
  indexOfNode(k, node).byPath.get(node.path) ?? null

/** The names in a node's directory as readdir shows them: newest first, but for a process in 2.6. */
export function childrenOf(k: KernelCore, node: ProcNode): Child[] {
  const children = [...(indexOfNode(k, node).children.get(node.path)?.values() ?? [])]
  if (node.pid === 0 || !isModern(k)) return children.reverse()
  const rank = ({ name }: Child): number => MODERN_ORDER.indexOf(name) + 1 || MODERN_ORDER.length + 1
  return node.path === '' ? children.sort((a, b) => rank(a) - rank(b)) : children
}

/** One name in a node's directory; undefined when there is none. */
export const childOf = (k: KernelCore, node: ProcNode, name: string): Child | undefined =>
  indexOfNode(k, node).children.get(node.path)?.get(name)

/**
 * Checks the entries that modules contribute. Throws TypeError, naming the path, for one that is malformed or taken.
 * `owner` says in the error whose they are: "module 'wireless'".
 */
export function checkProcEntries(k: KernelCore, entries: readonly ProcEntry[], owner: string): void {
  const taken = new Set(
    [...GLOBAL_ENTRIES, ...PID_ENTRIES].filter((e) => isPresent(e, k.facts.release)).map((e) => e.path),
  )
  for (const { path } of k.procEntries) taken.add(path)
  for (const { path, mode } of entries) {
    if (!/^[^/\0]+(\/[^/\0]+)*$/.test(path) || path.split('/').includes('..')) {
      throw new TypeError(
        `proc entry '${path}' of ${owner}: a path such as 'net/wireless' or '<pid>/seccomp' is wanted`,
      )
    }
    if (!Number.isInteger(mode) || mode < 0 || mode > 0o7777) {
      throw new TypeError(`proc entry '${path}' of ${owner}: mode must be permission bits such as 0o444`)
    }
    if (taken.has(path))
      throw new TypeError(`proc entry '${path}' of ${owner} is there already: choose another path`)
    for (const other of taken) {
      if (other.startsWith(`${path}/`) || path.startsWith(`${other}/`)) {
        throw new TypeError(
          `proc entry '${path}' of ${owner} and '${other}' cannot both be: one is the directory of the other`,
        )
      }
    }
    taken.add(path)
  }
}
