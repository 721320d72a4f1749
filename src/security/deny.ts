/**
 * Refusals that can say who refused and why.
 *
 * Every place that says no to a task calls `deny`, and the hook chain notes what a module says. What is noted are
 * references and numbers in one record of the kernel; no text is made and no name looked up. When the call is over,
 * `settleRefusal` compares: only a refusal that is the call's result counts, and its record becomes the task's, in
 * exchange for the task's old one. So a refusal makes no garbage, and a call that is not refused pays nothing at all.
 *
 * explain.ts turns a record into data and a sentence, when somebody asks or listens to `security:deny`. Records are
 * no state: copies of a kernel and restored ones begin without.
 */

import {
  CAP_DAC_OVERRIDE,
  CAP_DAC_READ_SEARCH,
  CAP_KILL,
  CAP_SYS_ADMIN,
  CAP_SYS_RESOURCE,
} from '../abi/capability.js'
import type { Errno } from '../abi/errno.js'
import type { SigInfo } from '../abi/signal.js'
import { REFUSED } from '../kernel/attention.js'
import type { Cred } from '../kernel/cred.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { SyscallEntry } from '../kernel/syscall.js'
import type { Task } from '../kernel/task.js'
import type {
  CoreOutcome,
  DenyCheck,
  InodeFlag,
  KillCause,
  MountFlag,
  SessionRule,
  StateRule,
} from '../sim/why.js'
import type { Dentry } from '../vfs/dentry.js'
import { Inode } from '../vfs/inode.js'
import type { Mount } from '../vfs/mount.js'
import { publishRefusal } from './events.js'
import { explain } from './explain.js'

/** What `deny` wants to know beside the subject, by the kind of check. */
export interface DenyWhat {
  /** The access asked for: an OR of MAY_*. */
  dac: number
  /** The capability that is missing. */
  capability: number
  /** The capability that stands for ownership. */
  owner: number
  /** The capability that stands for ownership. */
  sticky: number
  /** The mount's flag. */
  mount: MountFlag
  /** The inode's flag. */
  immutable: InodeFlag
  /** The limit's name; its value is the `detail`. */
  limit: string
  /** The signal's number; the `detail` is the target's credentials. */
  signal: number
  /** The rule. */
  session: SessionRule
  /** A rule of the core, or words. */
  state: StateRule | (string & {})
}

/** `deny`'s detail for mode bits that no capability overrides. */
export const NOBODY_MAY = 'nobody may'

/** Numbers that a hook has noted of what it refuses, and who was refused. */
export interface HookNoted {
  /** The credentials that were judged. */
  readonly cred: Cred | null
  /** Which of the module's objects it is. */
  readonly number: number
  /** Its mode. */
  readonly mode: number
  /** Its owner. */
  readonly uid: number
  /** Its group. */
  readonly gid: number
}

/** Says in words why a hook has refused, when somebody asks: a constant of the module, not a closure. */
export type HookWords = (task: Task, noted: HookNoted) => string

/** One refusal or kill: references to what it was about, and numbers that may change afterwards. */
export class Refusal {
  /** The task's. */
  pid = 0
  cred: Cred | null = null
  /** The negative error number; 0 in a record of a kill, or one that does not count. */
  errno = 0
  check: DenyCheck = 'state'
  /** See DenyWhat; the module of a hook; the cause of a kill. */
  what: string | number = ''
  /** What was to be touched: an Inode, a Task, a File, a Dentry, a Mount … */
  subject: unknown = null
  detail: unknown = undefined
  /** The subject's, if it is an inode. */
  mode = 0
  uid = 0
  gid = 0
  /** The detail's, if it is an inode. */
  detailMode = 0
  detailUid = 0
  detailGid = 0
  /** A hook's own words about it, and which of its module's objects it was about. */
  words: HookWords | null = null
  number = 0
  /** A capability that a module has just refused to let the task use, or -1; and the module. */
  refusedCapability = -1
  refusedBy = ''
  /** The call; how many paths it has; the first two arguments, if they are paths; where its walks ended, or its file is. */
  syscall = ''
  paths = 0
  a: unknown = undefined
  b: unknown = undefined
  dentry: Dentry | null = null
  mnt: Mount | null = null
  last = ''
  dentry2: Dentry | null = null
  mnt2: Mount | null = null
  last2 = ''
  seq = 0
  /** A kill's. */
  signal = 0
  core: CoreOutcome = 'none'
}

/**
 * Notes a refusal and returns its error: `return deny(current, EACCES, 'dac', inode, mask)`. `subject` is what was to
 * be touched. For 'dac', a `detail` is the class of bits that was asked where that does not follow from the fsuid.
 */
export function deny<C extends keyof DenyWhat>(
  current: Task,
  error: Errno,
  check: C,
  subject: unknown,
  what: DenyWhat[C],
  detail?: unknown,
): Errno {
  const noted = note(current, error, check, subject, what, detail)
  if (subject instanceof Inode) {
    noted.mode = subject.mode
    noted.uid = subject.uid
    noted.gid = subject.gid
    if (check === 'sticky') noteDirectory(noted, detail)
  }
  if (noted.refusedCapability >= 0 && wouldHelp(noted)) {
    noted.check = 'hook'
    noted.what = noted.refusedBy
    noted.detail = 'capable'
  }
  return error
}

function noteDirectory(noted: Refusal, dir: unknown): void {
  if (!(dir instanceof Inode)) return
  noted.detailMode = dir.mode
  noted.detailUid = dir.uid
  noted.detailGid = dir.gid
}

/**
 * For a hook that refuses because of an object that is no inode: `return denyInHook(current, EACCES, words, port, …)`.
 * What the words need is kept in numbers, for it may change; they become `reason` of `kernel.why`.
 */
export function denyInHook(
  current: Task,
  error: Errno,
  words: HookWords,
  number: number,
  mode: number,
  uid: number,
  gid: number,
): Errno {
  const noted = current.k.refusal
  noted.words = words
  noted.number = number
  noted.mode = mode
  noted.uid = uid
  noted.gid = gid
  return error
}

/** Notes that a module's hook has refused. `subject` is the hook's second argument. */
export function noteHook(
  current: Task,
  verdict: number,
  module: string,
  hook: string,
  subject: unknown,
): void {
  const { words } = current.k.refusal
  const noted = note(current, verdict, 'hook', subject, module, hook)
  noted.refusedCapability = -1
  noted.words = words
  if (words === null) noteInode(noted)
}

function noteInode(noted: Refusal): void {
  const { subject } = noted
  if (!(subject instanceof Inode)) return
  noted.mode = subject.mode
  noted.uid = subject.uid
  noted.gid = subject.gid
}

/** A module keeps `current` from using a capability that it has. It counts if that is what a check asked for. */
export function noteCapable(current: Task, module: string, capability: number): void {
  const { k } = current
  k.attention |= REFUSED
  k.refusal.refusedCapability = capability
  k.refusal.refusedBy = module
}

function note(
  current: Task,
  error: number,
  check: DenyCheck,
  subject: unknown,
  what: string | number,
  detail: unknown,
): Refusal {
  const { k } = current
  const noted = k.refusal
  k.attention |= REFUSED
  noted.pid = current.pid
  noted.cred = current.cred
  noted.errno = error
  noted.check = check
  noted.what = what
  noted.subject = subject
  noted.detail = detail
  noted.words = null
  return noted
}

/**
 * Sets the refusal just noted aside, so that others can come which do not decide. Put it back as `k.refusal` if it
 * does decide after all.
 */
export function holdRefusal({ k }: Task): Refusal {
  const held = k.refusal
  k.refusal = new Refusal()
  return held
}

/** Would the capability that a module has just refused have made the check say yes? */
function wouldHelp(noted: Refusal): boolean {
  const capability = noted.refusedCapability
  switch (noted.check) {
    case 'dac':
      return (
        noted.detail === undefined && (capability === CAP_DAC_OVERRIDE || capability === CAP_DAC_READ_SEARCH)
      )
    case 'capability':
    case 'owner':
    case 'sticky':
      return capability === noted.what
    case 'signal':
      return capability === CAP_KILL
    case 'limit':
      return (
        noted.what === 'RLIMIT_NPROC' && (capability === CAP_SYS_ADMIN || capability === CAP_SYS_RESOURCE)
      )
    default:
      return false
  }
}

/**
 * A run of a call's handler is over in which somebody said no. Only if that is its result is it what the task was
 * refused. `a` and `b` are its first arguments.
 */
export function settleRefusal(
  task: Task,
  entry: SyscallEntry,
  a: unknown,
  b: unknown,
  result: unknown,
): void {
  const { k } = task
  const noted = k.refusal
  k.attention &= ~REFUSED
  if (noted.errno !== result || result === 0 || noted.pid !== task.pid) {
    noted.errno = 0
    noted.refusedCapability = -1
    noted.words = null
    return
  }
  const old = task.refusal ?? new Refusal()
  old.errno = 0
  old.refusedCapability = -1
  old.words = null
  k.refusal = old
  task.refusal = noted
  noted.syscall = entry.name
  noted.seq = ++k.refusals
  const paths = entry.paths.length
  noted.paths = paths
  if (paths > 0) notePaths(noted, k, a, b, paths > 1)
  else noteFile(noted, task, a)
  if (k.trace.securityDeny) k.emitDeny(task, explain(noted, task))
  if (k.events !== null) publishRefusal(task, noted)
}

/** The call had paths: what they were, and where they led. */
function notePaths(noted: Refusal, k: KernelCore, a: unknown, b: unknown, two: boolean): void {
  const { nd, nd2 } = k
  noted.a = a
  noted.b = b
  noted.dentry = nd.dentry ?? null
  noted.mnt = nd.mnt ?? null
  noted.last = nd.last
  if (!two) return
  noted.dentry2 = nd2.dentry ?? null
  noted.mnt2 = nd2.mnt ?? null
  noted.last2 = nd2.last
}

/** The call had none; its first argument may be a descriptor: then where that file was opened. */
function noteFile(noted: Refusal, task: Task, fd: unknown): void {
  const file = typeof fd === 'number' ? task.files.files[fd] : undefined
  noted.dentry = file?.dentry ?? null
  noted.mnt = file?.mnt ?? null
  noted.last = ''
}

/**
 * Notes that a task is being killed by a signal. `detail` is the signal's information, or the module that did it;
 * `subject` what it was about, or the module's reason in words. A hook that kills may call it first.
 */
export function noteKill(
  task: Task,
  signal: number,
  cause: KillCause,
  detail: SigInfo | string | null,
  subject: unknown,
  core: CoreOutcome,
  syscall: string,
): void {
  const { k } = task
  const noted = task.refusal ?? new Refusal()
  task.refusal = noted
  noted.pid = task.pid
  noted.errno = 0
  noted.check = 'kill'
  noted.what = cause
  noted.signal = signal
  noted.subject = subject
  noted.detail = detail
  noted.core = core
  noted.words = null
  noted.syscall = syscall
  noted.paths = 0
  noted.dentry = null
  noted.mnt = null
  noted.seq = ++k.refusals
  noteInode(noted)
  if (k.trace.securityDeny && cause !== 'process') k.emitDeny(task, explain(noted, task))
}
