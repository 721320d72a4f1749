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

/** All entries outside the processes, in the order of registration. */
function globalEntries(k: KernelCore): Named[] {
  const { release } = k.facts
  const builtin = GLOBAL_ENTRIES.filter((entry) => isPresent(entry, release))
  const contributed = k.procEntries.filter(({ path }) => !path.startsWith(PID_PREFIX))
  return [...builtin, ...contributed].map((entry) => ({ path: entry.path, entry }))
}

/** All entries of a process or thread. */
function pidEntries(k: KernelCore, isThread: boolean): Named[] {
  const { release } = k.facts
  const builtin = PID_ENTRIES.filter((entry) => isPresent(entry, release))
  const contributed = k.procEntries.filter(({ path }) => path.startsWith(PID_PREFIX))
  const named = [...builtin, ...contributed].map((entry) => ({
    path: entry.path.slice(PID_PREFIX.length),
    entry,
  }))
  if (!isThread) return named
  return named
    .filter(({ path }) => path !== 'task')
    .map(({ path, entry }) => ({ path, entry: path === 'stat' ? THREAD_STAT : entry }))
}

/** The entries among which a node is. */
const entriesAround = (k: KernelCore, node: ProcNode): Named[] =>
  node.pid === 0 ? globalEntries(k) : pidEntries(k, node.isThread)

/** The names in a directory, in the order of registration. */
function childrenAmong(entries: readonly Named[], dir: string): Child[] {
  const prefix = dir === '' ? '' : `${dir}/`
  const children = new Map<string, Child>()
  for (const { path, entry } of entries) {
    if (!path.startsWith(prefix)) continue
    const name = path.slice(prefix.length).split('/', 1)[0] ?? ''
    const isItself = path === prefix + name
    if (isItself || !children.has(name))
      children.set(name, { name, path: prefix + name, entry: isItself ? entry : null })
  }
  return [...children.values()]
}

/** All paths with the directories on the way to them, a directory before what is in it. */
function allPaths(entries: readonly Named[]): Set<string> {
  const seen = new Set<string>()
  for (const { path } of entries) {
    let end = path.indexOf('/')
    while (end >= 0) {
      seen.add(path.slice(0, end))
      end = path.indexOf('/', end + 1)
    }
    seen.add(path)
  }
  return seen
}

/** The directories outside the processes, parents first: they are there as long as /proc is. */
export function globalDirs(k: KernelCore): string[] {
  const entries = globalEntries(k)
  const files = new Set(entries.map(({ path }) => path))
  return [...allPaths(entries)].filter((path) => !files.has(path))
}

/** The place of a node's path among its kind, which free inode numbers are given by. */
export const indexOf = (k: KernelCore, node: ProcNode): number =>
  [...allPaths(entriesAround(k, node))].indexOf(node.path)

/** The entry of a node; null for an implied directory. */
export function entryOf(k: KernelCore, node: ProcNode): Entry | null {
  return entriesAround(k, node).find(({ path }) => path === node.path)?.entry ?? null
}

/** The names in a node's directory as readdir shows them: newest first, but for a process in 2.6. */
export function childrenOf(k: KernelCore, node: ProcNode): Child[] {
  const children = childrenAmong(entriesAround(k, node), node.path)
  if (node.pid === 0 || !isModern(k)) return children.reverse()
  const rank = ({ name }: Child): number => MODERN_ORDER.indexOf(name) + 1 || MODERN_ORDER.length + 1
  return node.path === '' ? children.sort((a, b) => rank(a) - rank(b)) : children
}

/** One name in a node's directory; undefined when there is none. */
export const childOf = (k: KernelCore, node: ProcNode, name: string): Child | undefined =>
  childrenOf(k, node).find((child) => child.name === name)

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
