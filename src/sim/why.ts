/**
 * Why a call was refused or a process killed: what `kernel.why(process)` returns and `security:deny` events carry.
 *
 * One type per check, told apart by `check`. All of it is plain data, made when somebody asks. Objects are shown as
 * they were at the refusal; a path is looked up when it is asked for, so it is the name that the object has now.
 */

import type { Errno } from '../abi/errno.js'

/** An inode, as it was when it was refused. */
export interface WhyObject {
  /** The device of its file system, as stat(2) gives it. */
  readonly dev: number
  /** Its number there. */
  readonly ino: number
  /** The type of its file system: 'ramfs', 'proc', … */
  readonly fsType: string
  /** Type and permission bits. */
  readonly mode: number
  /** The owner. */
  readonly uid: number
  /** The group. */
  readonly gid: number
  /** Its absolute path as the process sees it now. Absent where the call gave a descriptor and no path. */
  readonly path?: string
}

/** Another task, with the ids that it had. */
export interface WhyTask {
  /** Its pid. */
  readonly pid: number
  /** Its real uid. */
  readonly uid: number
  /** Its effective uid. */
  readonly euid: number
  /** Its saved uid. */
  readonly suid: number
}

/** In every refusal and kill. */
export interface WhyBase {
  /** Counts the refusals and kills of one kernel, from 1 on. */
  readonly seq: number
  /** The process that was refused something, or killed. */
  readonly pid: number
  /** The call; '' for a process that was killed outside of one. */
  readonly syscall: string
  /** All of it in one sentence. */
  readonly sentence: string
}

/** In everything that a call returned. */
export interface WhyRefused extends WhyBase {
  /** What the call returned. */
  readonly errno: Errno
  /** 'EACCES' */
  readonly code: string
  /** The paths among the call's arguments, as they were given. */
  readonly paths: readonly string[]
}

/** Who of the three that the mode bits speak of. One class decides, never a union. */
export type DacClass = 'owner' | 'group' | 'other'

/** The mode bits. */
export interface WhyDac extends WhyRefused {
  /** 'dac'. */
  readonly check: 'dac'
  /** Which of the three decided. */
  readonly class: DacClass
  /** The object's mode. */
  readonly mode: number
  /** The access that was asked for, and what of it the class does not have: 4 read, 2 write, 1 execute or search. */
  readonly wanted: number
  /** What the class does not have of it. */
  readonly missing: number
  /** What was to be used. */
  readonly object: WhyObject
  /** Any of these would have overridden the bits; none can where nobody may execute a file. */
  readonly capabilities: readonly string[]
}

/** A capability that the task does not have. */
export interface WhyCapability extends WhyRefused {
  /** 'capability'. */
  readonly check: 'capability'
  /** 'CAP_SYS_ADMIN' */
  readonly capability: string
  /** What was to be used, if it was an inode. */
  readonly object?: WhyObject
  /** The other task, if there was one. */
  readonly target?: WhyTask
}

/** Something that only the owner may do. */
export interface WhyOwner extends WhyRefused {
  /** 'owner'. */
  readonly check: 'owner'
  /** What was to be used. */
  readonly object: WhyObject
  /** Stands for ownership. */
  readonly capability: string
}

/** A name in a sticky directory. */
export interface WhySticky extends WhyRefused {
  /** 'sticky'. */
  readonly check: 'sticky'
  /** What was to be used. */
  readonly object: WhyObject
  /** The sticky directory. */
  readonly directory: WhyObject
  /** Would have allowed it. */
  readonly capability: string
}

/** A flag of a mount or of the file system mounted there. */
export interface WhyMount extends WhyRefused {
  /** 'mount'. */
  readonly check: 'mount'
  /** Which flag. */
  readonly flag: MountFlag
  /** What was to be used. */
  readonly object: WhyObject
  /** Where it is mounted, as the process sees it now; absent where the call gave a descriptor and no path. */
  readonly mountPoint?: string
}

/** A flag of a mount that forbids something. */
export type MountFlag = 'read-only' | 'nodev' | 'noexec'

/** A flag of the inode. */
export interface WhyImmutable extends WhyRefused {
  /** 'immutable'. */
  readonly check: 'immutable'
  /** Which flag. */
  readonly flag: InodeFlag
  /** What was to be used. */
  readonly object: WhyObject
}

/** A flag of an inode that forbids changes. */
export type InodeFlag = 'immutable' | 'append-only'

/** A limit that is reached. */
export interface WhyLimit extends WhyRefused {
  /** 'limit'. */
  readonly check: 'limit'
  /** 'RLIMIT_NOFILE', or a limit of the whole system in words. */
  readonly limit: string
  /** How high it is. */
  readonly value: number
}

/** A signal to somebody else's process. */
export interface WhySignal extends WhyRefused {
  /** 'signal'. */
  readonly check: 'signal'
  /** The signal that was not sent. */
  readonly signal: number
  /** The sender's ids, and the target's. */
  readonly uid: number
  /** The sender's effective uid. */
  readonly euid: number
  /** The other task. */
  readonly target: WhyTask
  /** Would have allowed it. */
  readonly capability: string
}

/** Rules of sessions and process groups, with their sentences. */
export const SESSION_RULES = Object.freeze({
  'child-in-other-session': 'the child is in another session',
  'child-has-called-exec': 'the child has called exec',
  'leads-session': 'a session leader stays in its process group',
  'no-such-group': 'the session has no process group with that number',
  'group-exists': 'there is a process group with its pid already',
})

/** A rule of sessions and process groups. @useDeclaredType */
export type SessionRule = keyof typeof SESSION_RULES

export interface WhySession extends WhyRefused {
  /** 'session'. */
  readonly check: 'session'
  /** Which rule. */
  readonly rule: SessionRule
  /** The other task, if there was one. */
  readonly target?: WhyTask
}

/** A module's hook. */
export interface WhyHook extends WhyRefused {
  /** 'hook'. */
  readonly check: 'hook'
  /** The module that said no. */
  readonly module: string
  /** 'inodePermission' */
  readonly hook: string
  /** What was to be used, if it was an inode. */
  readonly object?: WhyObject
  /** The other task, if there was one. */
  readonly target?: WhyTask
  /** The hook `capable`: what the task has and was not to use. */
  readonly capability?: string
  /** What the module says about it. */
  readonly reason?: string
}

/** Rules about the state that something is in, with their sentences. */
export const STATE_RULES = Object.freeze({
  'no-operation': 'the file system has no such operation',
  'no-second-name': 'a directory cannot have a second name',
  'no-mknod-directory': 'mknod makes no directories',
  'not-a-regular-file': 'only a regular file can be executed',
  'being-executed': 'the file is being executed',
  'directory-length': 'the length of a directory cannot be set',
  'not-open-for-writing': 'the descriptor is not open for writing',
  'open-for-writing': 'the file is open for writing',
  'beyond-permitted': 'the capability sets go beyond what the caller may give',
  'process-has-ended': 'the process has ended',
  'root-outside': 'the root of the process is outside of the root of the caller',
})

/** A rule about the state of something. @useDeclaredType */
export type StateRule = keyof typeof STATE_RULES

/** The state of something. */
export interface WhyState extends WhyRefused {
  /** 'state'. */
  readonly check: 'state'
  /** A rule of the core, or a module's own words. */
  readonly rule: StateRule | (string & {})
  /** What was to be used, if it was an inode. */
  readonly object?: WhyObject
  /** The other task, if there was one. */
  readonly target?: WhyTask
}

/** Why the kernel killed a process, with the sentences. */
export const KILL_CAUSES = Object.freeze({
  'cpu-limit': 'it has used the time that RLIMIT_CPU gives',
  'file-size-limit': 'a file would have grown beyond RLIMIT_FSIZE',
  'broken-pipe': 'it wrote to a pipe without readers',
  'orphaned-group': 'its process group lost its last link to the session while a member was stopped',
  'parent-death': 'its parent has ended, as asked for by prctl(PR_SET_PDEATHSIG)',
  timer: 'a timer of its own has run out',
  io: 'a file of its own is ready',
  'group-exit': 'another thread has ended the process',
  exec: 'another thread has called exec',
  hook: 'a module has killed it',
  program: 'its program threw an error',
  process: 'a process has sent it the signal',
  kernel: 'the kernel has sent it the signal',
})

/** Why the kernel killed a process. @useDeclaredType */
export type KillCause = keyof typeof KILL_CAUSES

/**
 * What became of the core: dumped; the signal makes none; none by RLIMIT_CORE; none as the process is not dumpable
 * (it has changed its ids, or executed a set-id image).
 */
export type CoreOutcome = 'dumped' | 'none' | 'limit' | 'not-dumpable'

/** The process was killed. */
export interface WhyKill extends WhyBase {
  /** 'kill'. */
  readonly check: 'kill'
  /** The signal that ended it. */
  readonly signal: number
  /** 'SIGXCPU' */
  readonly name: string
  /** Why, in a word. */
  readonly cause: KillCause
  /** What became of the core. */
  readonly core: CoreOutcome
  /** Who sent the signal, where the cause is a process: its pid and real uid. */
  readonly sender?: {
    /** Its pid. */
    readonly pid: number
    /** Its real uid. */
    readonly uid: number
  }
  /** What was to be used, if it was an inode. */
  readonly object?: WhyObject
  /** The module behind cause 'hook'. */
  readonly module?: string
  /** What that module says about it. */
  readonly reason?: string
}

/** A reason. `check` tells which. */
export type Why =
  | WhyDac
  | WhyCapability
  | WhyOwner
  | WhySticky
  | WhyMount
  | WhyImmutable
  | WhyLimit
  | WhySignal
  | WhySession
  | WhyHook
  | WhyState
  | WhyKill

/** Which kind of check said no. */
export type DenyCheck = Why['check']
