/**
 * From the record of a refusal to data and a sentence. Runs only when somebody asks.
 *
 * What may have changed since (modes, owners, ids) comes from the record; names are looked up now.
 */

import { newEncodeDev, oldEncodeDev } from '../abi/brand.js'
import { CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_KILL, capabilityName } from '../abi/capability.js'
import { errnoName, isErr } from '../abi/errno.js'
import { type SigInfo, signalName } from '../abi/signal.js'
import { S_ISDIR, S_IXUGO } from '../abi/stat.js'
import { Cred, inGroup } from '../kernel/cred.js'
import { Task } from '../kernel/task.js'
import { assertNever } from '../lib/assert.js'
import {
  type DacClass,
  type InodeFlag,
  KILL_CAUSES,
  type KillCause,
  type MountFlag,
  SESSION_RULES,
  type SessionRule,
  STATE_RULES,
  type Why,
  type WhyBase,
  type WhyObject,
  type WhyRefused,
  type WhyTask,
} from '../sim/why.js'
import { Dentry } from '../vfs/dentry.js'
import { dPath, isDeleted } from '../vfs/dpath.js'
import { File } from '../vfs/file.js'
import { Inode, MAY_EXEC, MAY_READ, MAY_WRITE } from '../vfs/inode.js'
import type { Mount } from '../vfs/mount.js'
import type { Refusal } from './deny.js'

// ---- data ----------------------------------------------------------------------------------------------------

/** Words for a task that is gone from a record: never seen. */
const NOBODY: WhyTask = Object.freeze({ pid: 0, uid: 0, euid: 0, suid: 0 })

/** The inode behind whatever a record names. */
function inodeOf(subject: unknown): Inode | null {
  if (subject instanceof Inode) return subject
  if (subject instanceof File) return subject.inode
  return subject instanceof Dentry ? subject.inode : null
}

/** A place in the tree: a name, or one below it. */
interface Place {
  readonly dentry: Dentry
  readonly mnt: Mount
  readonly below: string
}

/** Where the call's walks ended, or the file of its descriptor is, if that is at the inode or next to it. */
function placeOf({ paths, dentry, mnt, last, dentry2, mnt2, last2 }: Refusal, inode: Inode): Place | null {
  return placeNear(dentry, mnt, last, inode) ?? (paths > 1 ? placeNear(dentry2, mnt2, last2, inode) : null)
}

/** A walk ends at what it was to find, at the directory that it is in, or (2.2) at a name that was to be removed. */
function placeNear(dentry: Dentry | null, mnt: Mount | null, last: string, inode: Inode): Place | null {
  if (dentry === null || mnt === null) return null
  const parent = dentry === mnt.root ? null : dentry.parent
  const found = [dentry, dentry.children?.get(last), parent].find((at) => at?.inode === inode)
  if (found != null) return isDeleted(found) ? null : { dentry: found, mnt, below: '' }
  // Where names are made anew at every look, the directory does not know them.
  const isBelow = !dentry.sb.cachesDentries && dentry.sb === inode.sb && last !== ''
  return isBelow ? { dentry, mnt, below: `/${last}` } : null
}

/** An inode with given attributes, and its path if the call led there. */
function describe(
  refusal: Refusal,
  task: Task,
  inode: Inode,
  { mode, uid, gid }: { readonly mode: number; readonly uid: number; readonly gid: number },
): WhyObject {
  const encode = task.k.facts.devBits === 16 ? oldEncodeDev : newEncodeDev
  const { sb, ino } = inode
  const object = { dev: encode(sb.dev), ino, fsType: sb.type, mode, uid, gid }
  const place = placeOf(refusal, inode)
  if (place === null) return object
  return { ...object, path: `${dPath(task.fs, place.mnt, place.dentry)}${place.below}` }
}

/** The inode that was refused. A hook may have been given a file or a dentry: then the inode as it is now. */
function objectOf(refusal: Refusal, task: Task): WhyObject | undefined {
  const { subject } = refusal
  const inode = inodeOf(subject)
  return inode === null
    ? undefined
    : describe(refusal, task, inode, subject instanceof Inode ? refusal : inode)
}

const NOTHING: WhyObject = Object.freeze({ dev: 0, ino: 0, fsType: '', mode: 0, uid: 0, gid: 0 })

const someObject = (refusal: Refusal, task: Task): WhyObject => objectOf(refusal, task) ?? NOTHING

/** The sticky directory: the detail of the record. */
function directoryOf(refusal: Refusal, task: Task): WhyObject {
  const { detail, detailMode: mode, detailUid: uid, detailGid: gid } = refusal
  return detail instanceof Inode ? describe(refusal, task, detail, { mode, uid, gid }) : NOTHING
}

/** The other task of the record. A signal's has its ids in the detail, for they may have changed. */
function targetOf({ subject, detail }: Refusal): WhyTask | undefined {
  if (!(subject instanceof Task)) return undefined
  const { uid, euid, suid } = detail instanceof Cred ? detail : subject.cred
  return { pid: subject.pid, uid, euid, suid }
}

const optional = <K extends string, T>(key: K, value: T | undefined): { [N in K]?: T } =>
  value === undefined ? {} : ({ [key]: value } as { [N in K]?: T })

/** Whose bits decided. Linux: vfs_permission. */
function classOf(refusal: Refusal): DacClass {
  const { cred, detail, uid, gid } = refusal
  if (detail === 'owner' || detail === 'group' || detail === 'other') return detail
  if (cred === null) return 'other'
  if (cred.fsuid === uid) return 'owner'
  return inGroup(cred, gid) ? 'group' : 'other'
}

const CLASS_SHIFT: Readonly<Record<DacClass, number>> = { owner: 6, group: 3, other: 0 }

/**
 * Which capabilities would have overridden mode bits. access(2) takes them from all but the real user root.
 * Linux: generic_permission, sys_access.
 */
function overriding({ mode, what, detail, syscall, cred }: Refusal, { k }: Task): readonly string[] {
  if (detail !== undefined || (syscall === 'access' && cred?.uid !== 0)) return []
  const wanted = Number(what)
  const isDir = S_ISDIR(mode)
  const names: string[] = []
  const isOverridable = (wanted & MAY_EXEC) === 0 || isDir || (mode & S_IXUGO) !== 0
  if (isOverridable || !k.facts.dacOverrideNeedsExecBit) names.push(capabilityName(CAP_DAC_OVERRIDE))
  if (wanted === MAY_READ || (isDir && (wanted & MAY_WRITE) === 0))
    names.push(capabilityName(CAP_DAC_READ_SEARCH))
  return names
}

/** The arguments that are paths. */
function pathsOf({ paths, syscall, a, b }: Refusal, { k }: Task): readonly string[] {
  if (paths === 0) return []
  const positions = k.syscalls.get(syscall)?.paths ?? []
  return [a, b].filter((arg, at): arg is string => typeof arg === 'string' && positions.includes(at))
}

// ---- words ---------------------------------------------------------------------------------------------------

const octal = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, '0')

const nameOf = ({ path, ino, fsType }: WhyObject): string => path ?? `inode ${ino} (${fsType})`

const ids = ({ uid, gid }: WhyObject): string => `${uid}:${gid}`

const taskName = ({ pid, uid, euid, suid }: WhyTask): string =>
  `pid ${pid} (uid ${uid}, euid ${euid}, suid ${suid})`

/** 'read and write' */
function accessWords(mask: number, isDir: boolean): string {
  const words = [
    (mask & MAY_READ) !== 0 ? 'read' : '',
    (mask & MAY_WRITE) !== 0 ? 'write' : '',
    (mask & MAY_EXEC) === 0 ? '' : isDir ? 'search' : 'execute',
  ]
  return words.filter(Boolean).join(' and ')
}

const CLASS_WORDS: Readonly<Record<DacClass, string>> = {
  owner: 'the bits for the owner',
  group: 'the bits for the group',
  other: 'the bits for others',
}

/** What the object or the target adds to a sentence: ' for /tmp/x'. */
function forWhat(object: WhyObject | undefined, target: WhyTask | undefined): string {
  if (object !== undefined) return ` for ${nameOf(object)}`
  return target === undefined ? '' : ` for ${taskName(target)}`
}

/** 'open /tmp/x: EACCES: ' */
function opening({ syscall, paths, code }: Omit<WhyRefused, 'sentence'>): string {
  return `${[syscall, ...paths.map((path) => JSON.stringify(path))].join(' ')}: ${code}: `
}

// ---- reasons -------------------------------------------------------------------------------------------------

function baseOf({ seq, pid, syscall }: Refusal): Omit<WhyBase, 'sentence'> {
  return { seq, pid, syscall }
}

function refusedOf(refusal: Refusal, task: Task): Omit<WhyRefused, 'sentence'> {
  const { errno } = refusal
  if (!isErr(errno)) throw new RangeError('a refusal has an error number')
  return { ...baseOf(refusal), errno, code: errnoName(errno), paths: pathsOf(refusal, task) }
}

function explainDac(refusal: Refusal, task: Task): Why {
  const base = refusedOf(refusal, task)
  const object = someObject(refusal, task)
  const { mode } = object
  const wanted = Number(refusal.what)
  const dacClass = classOf(refusal)
  const missing = wanted & ~((mode >> CLASS_SHIFT[dacClass]) & 7)
  const isDir = S_ISDIR(mode)
  const what = `${isDir ? 'the directory ' : ''}${nameOf(object)}`
  const sentence = `${opening(base)}uid ${refusal.cred?.fsuid ?? 0} may not ${accessWords(missing, isDir)} ${what}: mode ${octal(mode)}, owner ${ids(object)}, and ${CLASS_WORDS[dacClass]} decide`
  const capabilities = overriding(refusal, task)
  return { ...base, check: 'dac', class: dacClass, mode, wanted, missing, object, capabilities, sentence }
}

function explainSticky(refusal: Refusal, task: Task): Why {
  const base = refusedOf(refusal, task)
  const object = someObject(refusal, task)
  const directory = directoryOf(refusal, task)
  const capability = capabilityName(Number(refusal.what))
  const sentence = `${opening(base)}directory ${nameOf(directory)} is sticky, and uid ${refusal.cred?.fsuid ?? 0} owns neither it (owner ${ids(directory)}) nor ${nameOf(object)} (owner ${ids(object)})`
  return { ...base, check: 'sticky', object, directory, capability, sentence }
}

function explainMount(refusal: Refusal, task: Task): Why {
  const base = refusedOf(refusal, task)
  const object = someObject(refusal, task)
  const flag = refusal.what as MountFlag
  const inode = inodeOf(refusal.subject)
  const mnt = inode === null ? undefined : placeOf(refusal, inode)?.mnt
  const mountPoint = mnt === undefined ? undefined : dPath(task.fs, mnt, mnt.root)
  const where = mountPoint === undefined ? '' : ` at ${mountPoint}`
  const sentence = `${opening(base)}${nameOf(object)} is on a ${object.fsType} mounted ${flag}${where}`
  return { ...base, check: 'mount', flag, object, ...optional('mountPoint', mountPoint), sentence }
}

function explainLimit(refusal: Refusal, task: Task): Why {
  const base = refusedOf(refusal, task)
  const limit = String(refusal.what)
  const value = Number(refusal.detail)
  const object = objectOf(refusal, task)
  const sentence = `${opening(base)}the limit ${limit} of ${value} is reached${forWhat(object, undefined)}`
  return { ...base, check: 'limit', limit, value, ...optional('object', object), sentence }
}

function explainSignal(refusal: Refusal, task: Task): Why {
  const base = refusedOf(refusal, task)
  const target = targetOf(refusal) ?? NOBODY
  const { uid, euid } = refusal.cred ?? NOBODY
  const signal = Number(refusal.what)
  const capability = capabilityName(CAP_KILL)
  const sentence = `${opening(base)}the sender, uid ${uid} and euid ${euid}, shares no id with ${taskName(target)} and has no ${capability}`
  return { ...base, check: 'signal', signal, uid, euid, target, capability, sentence }
}

function explainHook(refusal: Refusal, task: Task): Why {
  const base = refusedOf(refusal, task)
  const { refusedCapability } = refusal
  const module = String(refusal.what)
  const hook = String(refusal.detail)
  const object = objectOf(refusal, task)
  const target = targetOf(refusal)
  const capability = refusedCapability < 0 ? undefined : capabilityName(refusedCapability)
  const reason = refusal.words?.(task, refusal)
  const about =
    reason !== undefined
      ? `: ${reason}`
      : capability === undefined
        ? forWhat(object, target)
        : ` the use of ${capability}`
  return {
    ...base,
    check: 'hook',
    module,
    hook,
    ...optional('object', object),
    ...optional('target', target),
    ...optional('capability', capability),
    ...optional('reason', reason),
    sentence: `${opening(base)}the hook ${hook} of module '${module}' refused${about}`,
  }
}

const isRule = <R extends object>(rules: R, rule: string): rule is keyof R & string =>
  Object.hasOwn(rules, rule)

function explainState(refusal: Refusal, task: Task): Why {
  const base = refusedOf(refusal, task)
  const rule = String(refusal.what)
  const object = objectOf(refusal, task)
  const target = targetOf(refusal)
  const words = isRule(STATE_RULES, rule) ? STATE_RULES[rule] : rule
  const about =
    object !== undefined ? ` (${nameOf(object)})` : target !== undefined ? ` (pid ${target.pid})` : ''
  const sentence = `${opening(base)}${words}${about}`
  return {
    ...base,
    check: 'state',
    rule,
    ...optional('object', object),
    ...optional('target', target),
    sentence,
  }
}

const CORE_WORDS = Object.freeze({
  dumped: ', with a core',
  none: '',
  limit: ', without a core as RLIMIT_CORE allows none',
  'not-dumpable': ', without a core as the process is not dumpable',
})

function explainKill(refusal: Refusal, task: Task): Why {
  const { signal, core, detail } = refusal
  const base = baseOf(refusal)
  const name = signalName(signal)
  const cause = refusal.what as KillCause
  const info = typeof detail === 'object' && detail !== null ? (detail as SigInfo) : null
  const module = typeof detail === 'string' ? detail : undefined
  const { pid, uid } = info ?? {}
  const sender = cause === 'process' && pid !== undefined ? { pid, uid: uid ?? 0 } : undefined
  const object = objectOf(refusal, task)
  const reason = typeof refusal.subject === 'string' ? refusal.subject : undefined
  const where = base.syscall === '' ? '' : ` in ${base.syscall}`
  const by =
    sender !== undefined
      ? ` (pid ${sender.pid}, uid ${sender.uid})`
      : module !== undefined
        ? ` (${module})`
        : ''
  return {
    ...base,
    check: 'kill',
    signal,
    name,
    cause,
    core,
    ...optional('sender', sender),
    ...optional('object', object),
    ...optional('module', module),
    ...optional('reason', reason),
    sentence: `killed by ${name}${where}: ${reason ?? KILL_CAUSES[cause]}${by}${CORE_WORDS[core]}`,
  }
}

/** A record as data, with a sentence. */
export function explain(refusal: Refusal, task: Task): Why {
  const { check } = refusal
  switch (check) {
    case 'dac':
      return explainDac(refusal, task)
    case 'sticky':
      return explainSticky(refusal, task)
    case 'mount':
      return explainMount(refusal, task)
    case 'limit':
      return explainLimit(refusal, task)
    case 'signal':
      return explainSignal(refusal, task)
    case 'hook':
      return explainHook(refusal, task)
    case 'state':
      return explainState(refusal, task)
    case 'kill':
      return explainKill(refusal, task)
    case 'capability': {
      const base = refusedOf(refusal, task)
      const object = objectOf(refusal, task)
      const target = targetOf(refusal)
      const capability = capabilityName(Number(refusal.what))
      const sentence = `${opening(base)}${capability} is needed${forWhat(object, target)}`
      return {
        ...base,
        check,
        capability,
        ...optional('object', object),
        ...optional('target', target),
        sentence,
      }
    }
    case 'owner': {
      const base = refusedOf(refusal, task)
      const object = someObject(refusal, task)
      const capability = capabilityName(Number(refusal.what))
      const sentence = `${opening(base)}only the owner of ${nameOf(object)}, uid ${object.uid}, or a task with ${capability} may do this`
      return { ...base, check, object, capability, sentence }
    }
    case 'immutable': {
      const base = refusedOf(refusal, task)
      const object = someObject(refusal, task)
      const flag = refusal.what as InodeFlag
      return { ...base, check, flag, object, sentence: `${opening(base)}${nameOf(object)} is ${flag}` }
    }
    case 'session': {
      const base = refusedOf(refusal, task)
      const rule = refusal.what as SessionRule
      const target = targetOf(refusal)
      const sentence = `${opening(base)}${SESSION_RULES[rule]}`
      return { ...base, check, rule, ...optional('target', target), sentence }
    }
    default:
      return assertNever(check)
  }
}
