/**
 * What the entries of the era table have in common: reading a line's flags, comparing outcomes, and asking the
 * model about a path.
 */

import { isErr, type Process, type Stat } from 'paleokernel'
import type { Actor } from './actor.js'
import type { Line } from './answer.js'
import type { EraDifference, Mismatch } from './era.js'
import { pathOf } from './values.js'
import type { World } from './world.js'

export const O_WRONLY = 0o1
export const O_ACCMODE = 0o3
export const O_CREAT = 0o100
export const O_EXCL = 0o200
export const O_TRUNC = 0o1000
export const O_NOFOLLOW = 0o400000
export const O_DIRECTORY = 0o200000

/** Calls that only look: whatever they answer, the world is the same after them. */
const QUERIES: ReadonlySet<string> = new Set([
  'stat',
  'lstat',
  'fstat',
  'access',
  'readlink',
  'getcwd',
  'ids',
  'getpid',
  'getppid',
  'getpgid',
  'getsid',
  'sigpending',
  'mtime',
])

/** Where the paths of an operation are among its arguments. */
const PATHS: Readonly<Record<string, readonly number[]>> = {
  link: [0, 1],
  rename: [0, 1],
  symlink: [1],
  openat: [1],
}

const NO_PATH: ReadonlySet<string> = new Set(
  'read pread write pwrite lseek close dup dup2 pipe fcntl lock flock fstat fchmod fchown ftruncate fchdir'.split(
    ' ',
  ),
)

/** The paths a line names. */
export function pathsOf(line: Line): string[] {
  if (NO_PATH.has(line.op)) return []
  return (PATHS[line.op] ?? [0]).map((i) => pathOf(line.a[i] ?? ''))
}

/** The open flags of a line: -1 if it opens nothing. */
export function openFlags(line: Line, world: World): number {
  if (line.op === 'open' || line.op === 'open_close') return world.dialect.value(line.a[1] ?? '0').n
  if (line.op === 'openat') return world.dialect.value(line.a[2] ?? '0').n
  return line.op === 'creat' ? O_WRONLY | O_CREAT | O_TRUNC : -1
}

/** Has the line these flags, all of them? */
export function opensWith({ line, world }: Mismatch, flags: number): boolean {
  const actual = openFlags(line, world)
  return actual >= 0 && (actual & flags) === flags
}

/** The two errnos of a line that fails on both sides, or on one; 'ok' for success. */
export function outcomes({ line, ours, keys }: Mismatch): { recorded: string; ours: string } | undefined {
  // A failure against a success differs in every key that the success has; anything about other tasks is another matter.
  if (keys.some((key) => /^(wake|sig|dead|stop|blk|x)/.test(key))) return undefined
  if (line.e === undefined && ours.e === undefined) return undefined
  return { recorded: line.e ?? 'ok', ours: ours.e ?? 'ok' }
}

/** Does the line answer `recorded` there and one of `ours` here? */
export function answers(mismatch: Mismatch, recorded: string, ...ours: readonly string[]): boolean {
  const both = outcomes(mismatch)
  return both !== undefined && both.recorded === recorded && ours.includes(both.ours)
}

/** An entry about a recording of 2.6.20 and the 2.2.12 profile. */
export const vs2620 = (entry: Omit<EraDifference, 'recordings' | 'profiles'>): EraDifference => ({
  recordings: ['2.6.20'],
  profiles: ['2.2.12'],
  ...entry,
})

/** An entry about a recording of 6.18 and the 2.6.14 profile. */
export const vs618 = (entry: Omit<EraDifference, 'recordings' | 'profiles'>): EraDifference => ({
  recordings: ['6.18'],
  profiles: ['2.6.14'],
  ...entry,
})

/** A word of flags without one of them. */
export const withoutFlag = (word: string, flag: string): string =>
  word
    .split('|')
    .filter((name) => name !== flag)
    .join('|')

/** The tasks whose sleep the keys of a mismatch are about; empty if any key is about anything else. */
export function sleepers(m: Mismatch): Actor[] {
  const { keys, line, ours } = m
  const names = keys.flatMap((key) =>
    key === 'wake' ? Object.keys({ ...line.wake, ...ours.wake }) : [/^wake\.(T\d)/.exec(key)?.[1] ?? ''],
  )
  const actors = names.map((name) => actorOf(m, name))
  return actors.every((actor) => actor !== undefined) ? (actors as Actor[]) : []
}

export const allSleepIn = (m: Mismatch, ...ops: readonly string[]): boolean => {
  const actors = sleepers(m)
  return actors.length > 0 && actors.every((actor) => ops.includes(actor.line?.op ?? ''))
}

/** Do both sides fail, in another order of the same checks? `recorded` narrows it to one recorded errno. */
export function isOrdering(mismatch: Mismatch, recorded?: string): boolean {
  const both = outcomes(mismatch)
  if (both === undefined || both.recorded === 'ok' || both.ours === 'ok') return false
  return recorded === undefined || both.recorded === recorded
}

/** Is the last component of a path ".", ".." or nothing, or does a slash follow it? */
export const endsOddly = (path: string): boolean => /(^|\/)\.{0,2}\/*$/.test(path) || path.endsWith('/')

/** `after` of a line that failed on both sides, or only looked: the worlds are the same. */
export const unlessChanged: EraDifference['after'] = ({ line, ours }) =>
  QUERIES.has(line.op) || (line.e !== undefined && ours.e !== undefined) ? 'go on' : 'stop'

/** `after` of a line that failed there and may have done something here. */
export const undoIfRefused: EraDifference['after'] = ({ line, ours }) =>
  line.e === undefined ? 'stop' : ours.e === undefined ? 'undo' : 'go on'

/** `after` of a line that leaves the same world. */
export const goOn: EraDifference['after'] = () => 'go on'

/** `after` of a line that leaves two different worlds. */
export const always: EraDifference['after'] = () => 'stop'

/** The task that a word such as T3 names, if the task that forked it has ended: its parent is init now. */
export function orphan({ world }: Mismatch, word: string): Actor | undefined {
  const actor = word.startsWith('T') ? world.actors[Number(word.slice(1))] : undefined
  return actor?.parent?.dead === true ? actor : undefined
}

/** The calls of the acting task, if it is able to make one now. */
export function callsOf({ line, world }: Mismatch): Process['sys'] | undefined {
  const { proc } = world.actors[line.t] ?? {}
  return proc?.state === 'idle' ? proc.sys : undefined
}

/** The mode of what a path names for the acting task, without following a last symbolic link; 0 if nothing. */
export function modeAt(mismatch: Mismatch, path: string): number {
  const stat = callsOf(mismatch)?.lstat(path)
  return stat === undefined || isErr(stat) ? 0 : stat.mode
}

/** The task with that name. */
export const actorOf = ({ world }: Mismatch, name: string): Actor | undefined =>
  /^T\d$/.test(name) ? world.actors[Number(name.slice(1))] : undefined

/** Is a path of the line a link to the root? Such a text has no last component. */
export const linksToRoot = (mismatch: Mismatch): boolean =>
  pathsOf(mismatch.line).some((path) => {
    const text = callsOf(mismatch)?.readlink(path, 4096)
    return typeof text === 'string' && /^\/+$/.test(text)
  })

/** stat of a descriptor or of a path (which it follows) for the acting task. */
export function statOf(mismatch: Mismatch, file: number | string): Stat | undefined {
  const calls = callsOf(mismatch)
  const stat = typeof file === 'number' ? calls?.fstat(file) : calls?.stat(pathOf(file))
  return stat === undefined || isErr(stat) ? undefined : stat
}

/** A path to the directory that a path's last component is in. */
export function parentOf(path: string): string {
  const slash = path.replace(/\/+$/, '').lastIndexOf('/')
  return slash < 0 ? '.' : `${path.slice(0, slash)}/.`
}

const S_IFMT = 0o170000

export const isType = (mode: number, ...types: readonly number[]): boolean => types.includes(mode & S_IFMT)

export const CAP_FSETID = 4
export const CAP_MKNOD = 27

/** Has the acting task CAP_FSETID, or is it in this group? */
export function mayKeepSetGid({ line, world }: Mismatch, gid: number): boolean {
  const sys = world.actors[line.t]?.proc.sys
  const sets = sys?.capget(0)
  const groups = sys?.getgroups()
  if (sys === undefined || sets === undefined || groups === undefined || isErr(sets) || isErr(groups))
    return true
  return (
    ((sets.effective >> CAP_FSETID) & 1) !== 0 || sys.getegid() === gid || groups.some((one) => one === gid)
  )
}
