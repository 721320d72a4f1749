/**
 * Making processes and programs from outside: `k.spawn`, `k.install`.
 */

import { asCapSet } from '../abi/brand.js'
import { CAP_EMPTY_SET, CAP_INIT_EFF_SET } from '../abi/capability.js'
import { errnoMessage, errnoName, isErr } from '../abi/errno.js'
import { O_CREAT, O_EXCL, O_TRUNC, O_WRONLY } from '../abi/fcntl.js'
import { SIGCHLD } from '../abi/signal.js'
import { Cred } from '../kernel/cred.js'
import { commOf, flushSignalHandlers, imageHeader } from '../kernel/exec.js'
import { doExit } from '../kernel/exit.js'
import { copyProcess } from '../kernel/fork.js'
import { getPgrp, joinPgrp, leavePgrp } from '../kernel/pid.js'
import { enqueueTask } from '../kernel/runqueue.js'
import { SigHand } from '../kernel/signal_state.js'
import { type Task, TF_DIRECT, TF_STARTED } from '../kernel/task.js'
import { countUser } from '../kernel/user.js'
import { utf8Encode } from '../lib/bytes.js'
import { checkOptions } from '../lib/check_options.js'
import { sysChmod, sysChown } from '../syscalls/attr.js'
import { sysChdir } from '../syscalls/dir.js'
import { sysClose, sysOpen } from '../syscalls/open.js'
import { sysWrite } from '../syscalls/read_write.js'
import type { CoreSys } from './core_sys.js'
import type { HostKernel } from './host.js'
import { type AnyProgram, imageOf } from './image.js'
import { Process } from './process.js'

/** Any process of a kernel, whatever its system calls. */
export type ProcessHandle = Pick<Process, 'pid' | 'state' | 'comm'>

/** What a new process is. */
export interface SpawnOptions<S = CoreSys> {
  /** Real, effective, saved and file-system uid. Default 0. */
  readonly uid?: number
  /** As `uid`; the default is the uid. */
  readonly gid?: number
  /** Supplementary groups. Default none. */
  readonly groups?: readonly number[]
  /** Command name, at most 15 bytes. Default: the program's name, or 'sh'. */
  readonly comm?: string
  /** Working directory. Default '/'. */
  readonly cwd?: string
  /** Default 0o022. */
  readonly umask?: number
  /**
   * Default pid 1. With a parent the process inherits its descriptors, limits, ignored signals, process group and
   * session; if it runs no program, handlers too.
   */
  readonly parent?: ProcessHandle
  /** What it runs. Without a program it is driven by direct calls. */
  readonly program?: AnyProgram<S>
  /** The program's arguments, its name first. */
  readonly argv?: readonly string[]
  /** 'NAME=value' strings. */
  readonly env?: readonly string[]
  /** False: no journal, so neither fork(2) inside the program nor k.fork() once it runs. Default true. */
  readonly journal?: boolean
}

const SPAWN_OPTIONS: readonly string[] = [
  'uid',
  'gid',
  'groups',
  'comm',
  'cwd',
  'umask',
  'parent',
  'program',
  'argv',
  'env',
  'journal',
]

function checkId(name: string, value: unknown): void {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw new TypeError(`spawn: ${name} must be an integer from 0 to 2^32 - 1, not ${String(value)}`)
  }
}

function checkStrings(name: string, value: unknown): void {
  if (!Array.isArray(value) || value.some((word) => typeof word !== 'string')) {
    throw new TypeError(`spawn: ${name} must be an array of strings`)
  }
}

function checkSpawnOptions(options: SpawnOptions): void {
  checkOptions('spawn', options, SPAWN_OPTIONS)
  const { uid, gid, groups, comm, umask, parent, argv, env, cwd } = options
  if (uid !== undefined) checkId('uid', uid)
  if (gid !== undefined) checkId('gid', gid)
  if (groups !== undefined) {
    if (!Array.isArray(groups)) throw new TypeError('spawn: groups must be an array of gids')
    for (const group of groups) checkId('groups', group)
  }
  if (comm !== undefined && typeof comm !== 'string') throw new TypeError('spawn: comm must be a string')
  if (cwd !== undefined && typeof cwd !== 'string') throw new TypeError('spawn: cwd must be a string')
  if (umask !== undefined) checkId('umask', umask)
  if (argv !== undefined) checkStrings('argv', argv)
  if (env !== undefined) checkStrings('env', env)
  if (parent !== undefined && !(parent instanceof Process))
    throw new TypeError('spawn: parent must be a process of this kernel')
}

/** Throws an Error for a step of the host's own that failed. */
function must(what: string, result: unknown): number {
  if (isErr(result)) throw new Error(`${what}: ${errnoName(result)} (${errnoMessage(result)})`)
  return Number(result)
}

function credOf(options: SpawnOptions): Cred {
  const uid = options.uid ?? 0
  const gid = options.gid ?? uid
  const isRoot = uid === 0
  return new Cred({
    uid,
    euid: uid,
    suid: uid,
    fsuid: uid,
    gid,
    egid: gid,
    sgid: gid,
    fsgid: gid,
    groups: options.groups ?? [],
    capEffective: isRoot ? CAP_INIT_EFF_SET : asCapSet(0),
    capPermitted: isRoot ? CAP_INIT_EFF_SET : asCapSet(0),
    capInheritable: CAP_EMPTY_SET,
    keepCaps: false,
  })
}

/** A new process. Throws a TypeError for unusable options, an Error where the kernel refuses (EAGAIN, ENOENT). */
export function spawnProcess(k: HostKernel, options: SpawnOptions): Process {
  checkSpawnOptions(options)
  const parent = options.parent === undefined ? k.state.init : (options.parent as Process).current()
  if (parent === null || parent.k !== k) throw new TypeError('spawn: parent is a process of another kernel')
  const image = options.program === undefined ? null : imageOf(options.program, '', options.journal !== false)
  const task = copyProcess(parent, SIGCHLD)
  if (isErr(task)) throw new Error(`spawn: ${errnoName(task)} (${errnoMessage(task)})`)
  if (options.parent === undefined) {
    ownSession(k, task)
    task.sighand = new SigHand([])
  }
  task.blockedLow = 0
  task.blockedHigh = 0
  task.flags &= ~TF_STARTED
  if (options.cwd !== undefined) enterCwd(task, options.cwd)
  countUser(task, -1)
  const { cred } = task
  task.cred = credOf(options)
  countUser(task, 1)
  task.fs.umask = (options.umask ?? 0o022) & 0o777
  task.program = image?.kind === 'direct' ? null : image
  task.argv = options.argv?.slice() ?? [options.comm ?? image?.name ?? 'sh']
  task.env = options.env?.slice() ?? []
  task.comm = commOf(options.comm ?? image?.name ?? 'sh')
  if (image === null || image.kind === 'direct') {
    task.flags |= TF_DIRECT
    k.forked(parent, task)
  } else {
    // As after exec: a handler is a function of the program that set it.
    flushSignalHandlers(task)
    task.handlers = undefined
    task.flags &= ~TF_DIRECT
    enqueueTask(task)
  }
  announce(task, cred)
  return k.handleFor(task)
}

/** The modules have been told of a fork; this is what login and exec would have told them since. */
function announce(task: Task, { uid, euid, gid, egid }: Cred): void {
  const { cred, k } = task
  if (cred.gid !== gid || cred.egid !== egid) k.notifiers.setid(task, 'gid')
  if (cred.uid !== uid || cred.euid !== euid) k.notifiers.setid(task, 'uid')
  if (task.program !== null) k.notifiers.exec(task)
}

/** The working directory; where it cannot be entered, the new process is gone without a trace before the throw. */
function enterCwd(task: Task, cwd: string): void {
  const failed = sysChdir(task, cwd)
  if (failed !== 0) {
    task.exitSignal = -1
    doExit(task, 0)
  }
  must(`spawn: cwd '${cwd}'`, failed)
}

/** A process that the host starts leads a session and a group of its own. */
function ownSession(k: HostKernel, task: Task): void {
  leavePgrp(k.state, task.group)
  joinPgrp(task.group, getPgrp(k.state, task.pid, task.pid))
  task.group.isSessionLeader = true
}

/** Mode and owner of an executable. */
export interface InstallOptions {
  /** Permission bits, set-id bits too. Default 0o755. */
  readonly mode?: number
  /** Default 0. */
  readonly uid?: number
  /** Default 0. */
  readonly gid?: number
}

/** Makes an executable file that runs `program`. Throws an Error where the file cannot be made. */
export function installProgram(
  k: HostKernel,
  path: string,
  program: AnyProgram,
  options: InstallOptions,
): void {
  checkOptions('install', options, ['mode', 'uid', 'gid'])
  if (typeof path !== 'string' || !path.startsWith('/'))
    throw new TypeError(`install: an absolute path is wanted, not ${String(path)}`)
  const { init } = k.state
  if (init === null) return
  const image = imageOf(program, path, true)
  const fd = must(`install ${path}`, sysOpen(init, path, O_CREAT | O_WRONLY | O_TRUNC, 0o755))
  k.programs.set(path, image)
  must(`install ${path}`, sysWrite(init, fd, utf8Encode(imageHeader(path))))
  sysClose(init, fd)
  must(`install ${path}`, sysChown(init, path, options.uid ?? 0, options.gid ?? 0))
  must(`install ${path}`, sysChmod(init, path, options.mode ?? 0o755))
}

/** Makes a file with this text, as root. For the default root file system. */
export function writeFileAs(init: Task, path: string, text: string, mode: number): void {
  const fd = must(path, sysOpen(init, path, O_CREAT | O_EXCL | O_WRONLY, mode))
  must(path, sysWrite(init, fd, utf8Encode(text)))
  sysClose(init, fd)
}
