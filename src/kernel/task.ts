/**
 * Tasks: everything the kernel knows about one thread of execution, and what its thread group shares.
 *
 * Linux: struct task_struct, struct signal_struct, struct sighand_struct, struct fs_struct (2.6.14). In 2.2 every
 * task is its own thread group. State is plain data; what is wiring (a running generator, the handler functions
 * of a program) is named in `transient` and rebuilt after a fork or restore of the kernel.
 */

import type { Refusal } from '../security/deny.js'
import type { Dentry } from '../vfs/dentry.js'
import type { FdTable } from '../vfs/fdtable.js'
import type { File } from '../vfs/file.js'
import type { Mount } from '../vfs/mount.js'
import type { Cred } from './cred.js'
import type { KernelCore } from './kernel.js'
import type { CallOutputs, Journal, ProgramImage } from './program.js'
import type { Rlimits } from './rlimit.js'
import type { RunQueue } from './runqueue.js'
import type { PendingSignals, SigHand, SignalCause, SignalFrame } from './signal_state.js'
import type { Timer } from './timer.js'
import type { WaitEntry, WaitQueue } from './wait.js'

/** Task states. Linux: TASK_RUNNING …; the letter is what /proc/<pid>/stat shows. */
export const TASK_RUNNING = 0
export const TASK_INTERRUPTIBLE = 1
export const TASK_UNINTERRUPTIBLE = 2
export const TASK_STOPPED = 4
/** Exited, not yet waited for. Linux: EXIT_ZOMBIE. */
export const TASK_ZOMBIE = 8
/** Waited for, gone. Linux: EXIT_DEAD. */
export const TASK_DEAD = 16

/** Task flags. */
/** Driven by the host through direct calls, not by a program. */
export const TF_DIRECT = 1
/** Has not called exec since it was forked. Linux: PF_FORKNOEXEC; POSIX lets a parent change its group until then. */
export const TF_FORKNOEXEC = 2
/** Is in do_exit. Linux: PF_EXITING. */
export const TF_EXITING = 4
/** Modules look at its calls: the hook syscallWork is asked. Children inherit it. Linux: _TIF_WORK_SYSCALL_ENTRY. */
export const TF_SYSCALL_WORK = 8
/** Was created by vfork and still has its parent waiting. */
export const TF_VFORK = 16
/** Died of a signal that makes a core dump. Linux: signal->group_exit_code & 0x80. */
export const TF_DUMPCORE = 32
/** Another thread has called exec: this one ends alone. Linux: zap_other_threads. */
export const TF_ZAPPED = 128
/** exec gives it nothing that it does not have. Children inherit it. Linux: no_new_privs, 3.5: a module sets it. */
export const TF_NO_NEW_PRIVS = 256
/** Its program has made a request. */
export const TF_STARTED = 64

/** Root, working directory and umask. Linux: struct fs_struct. Shared by CLONE_FS. */
export class FsStruct {
  /** @internal */
  users = 1
  /** Mode bits that new files do not get. */
  umask: number
  /** The root directory. */
  root: Dentry
  /** The mount of the root directory. */
  rootMnt: Mount
  /** The working directory. */
  pwd: Dentry
  /** The mount of the working directory. */
  pwdMnt: Mount

  constructor(root: Dentry, rootMnt: Mount, pwd: Dentry, pwdMnt: Mount, umask: number) {
    this.root = root
    this.rootMnt = rootMnt
    this.pwd = pwd
    this.pwdMnt = pwdMnt
    this.umask = umask
  }
}

/** An interval timer. ITIMER_REAL runs as a Timer, the other two are counted down by chargeCpu. */
export interface Itimer {
  /** Milliseconds from one expiry to the next; 0: once. */
  interval: number
  /** ITIMER_REAL: what is pending. */
  timer: Timer | null
  /** ITIMER_VIRTUAL, ITIMER_PROF: milliseconds of CPU time left; 0: not running. */
  left: number
}

/** A process group. Linux: PIDTYPE_PGID hash chain; members newest first. */
export class Pgrp {
  /** The id of the group. */
  id: number
  /** The id of its session. */
  session: number
  /** @internal */
  head: ThreadGroup | null = null
  /** Processes in it. */
  count = 0

  constructor(id: number, session: number) {
    this.id = id
    this.session = session
  }
}

/** What the threads of a process share. Linux: struct signal_struct. */
export class ThreadGroup {
  /** It only explains, in copies as well. */
  static readonly undigested: readonly string[] = ['fatal']

  /** The first thread. */
  leader: Task
  /** Live threads, the leader first; null while there is only the leader. */
  threads: Task[] | null = null
  /** Threads that have not ended. */
  live = 1
  /** The process group. */
  pgrp: Pgrp
  /** @internal */
  pgrpPrev: ThreadGroup | null = null
  /** @internal */
  pgrpNext: ThreadGroup | null = null
  /** Has it called setsid? */
  isSessionLeader = false
  /** Limits by RLIMIT_*. */
  rlimits: Rlimits
  /** @internal Signals sent to the process as a whole, null until the first. */
  shared: PendingSignals | null = null
  /** @internal Somebody sleeps in wait4: their queue. Linux: wait_chldexit. */
  childWait: WaitQueue | null = null
  /** Set when the whole group is to die. Linux: SIGNAL_GROUP_EXIT. */
  groupExit = false
  /** The wait status it dies with. */
  groupExitCode = 0
  /** @internal The signal that ends the group, and why it was sent. No part of the state: it only explains. */
  fatal: SignalCause | undefined = undefined
  /** @internal Threads still to stop. */
  stopCount = 0
  /** Is a stop to be reported? */
  stopped = false
  /** Is a continue to be reported? */
  continued = false
  /** @internal ITIMER_REAL (also alarm), ITIMER_VIRTUAL, ITIMER_PROF; null until one is set. */
  itimers: (Itimer | null)[] | null = null
  /** Milliseconds in user mode of children that were waited for. */
  childUtime = 0
  /** Milliseconds in the kernel of children that were waited for. */
  childStime = 0
  /** Milliseconds in user mode of threads that have ended. */
  utime = 0
  /** Milliseconds in the kernel of threads that have ended. */
  stime = 0

  constructor(leader: Task, pgrp: Pgrp, rlimits: Rlimits) {
    this.leader = leader
    this.pgrp = pgrp
    this.rlimits = rlimits
  }
}

/** A call that has started and not returned. */
export class PendingCall {
  /** The trace's numbers do not belong to the run. */
  static readonly transient: readonly string[] = ['seq']
  static readonly transientDefault = 0

  /** Key of the system call table: the table itself is wiring. */
  readonly name: string
  /** As given by the program; buffers are its own. */
  readonly args: readonly unknown[]
  /** Sequence number of its syscall:enter event. */
  readonly seq: number

  constructor(name: string, args: readonly unknown[], seq: number) {
    this.name = name
    this.args = args
    this.seq = seq
  }
}

/** One thread of execution. Linux: struct task_struct. */
export class Task {
  /** Fields that are wiring: absent from digests and copies. */
  static readonly transient: readonly string[] = ['continuation', 'handlers', 'refusal']

  /** Its kernel. */
  k: KernelCore
  /** Its id; that of the thread, where a process has several. */
  pid: number
  /** The id of its process. */
  tgid: number
  /** Distinguishes two tasks with the same pid over time. */
  serial: number
  /** TASK_RUNNING 0, TASK_INTERRUPTIBLE 1, TASK_UNINTERRUPTIBLE 2, TASK_STOPPED 4, zombie 8, dead 16. */
  state = TASK_RUNNING
  /** @internal TF_*. */
  flags = 0
  /** Who it is. Replaced, never changed. */
  cred: Cred
  /** Root, working directory, umask. */
  fs: FsStruct
  /** Its descriptors. */
  files: FdTable
  /** What the threads of its process share. */
  group: ThreadGroup
  /** @internal What signals do. */
  sighand: SigHand
  /** @internal Blocked signals 1 to 32. */
  blockedLow = 0
  /** @internal Blocked signals 33 to 64. */
  blockedHigh = 0
  /** @internal Signals sent to this thread, null until the first. */
  pending: PendingSignals | null = null
  /** A signal, stop or death needs looking at before user mode. Linux: TIF_SIGPENDING. */
  sigPending = false
  /** Who is told when it ends; pid 1 is its own. */
  parent: Task
  /** @internal */
  firstChild: Task | null = null
  /** @internal */
  lastChild: Task | null = null
  /** @internal */
  siblingPrev: Task | null = null
  /** @internal */
  siblingNext: Task | null = null
  /** Sent to the parent at exit; -1: none, reaped at once (a thread). */
  exitSignal = 17
  /** Wait status while zombie or stopped. */
  exitCode = 0
  /** The command name, at most 15 bytes. */
  comm: string
  /** The running image, null for kernel-made tasks. */
  exe: File | null = null
  /** What exec was given. */
  argv: readonly string[]
  /** The environment, 'NAME=value'. */
  env: readonly string[]
  /** @internal What it runs. */
  program: ProgramImage | null = null
  /** @internal What its program has been told. */
  journal: Journal | null = null
  /** @internal The state of a machine program. */
  machine: unknown = undefined
  /** @internal The call in progress while the task sleeps in it. */
  call: PendingCall | null = null
  /** What a sleeping call remembers for its next run: plain data. Null outside calls. */
  restart: unknown = null
  /** @internal The call in `call` has run and its result waits for a stop to end. */
  returning = false
  /** @internal The result that the program is to see when it goes on. */
  result: unknown = undefined
  /** @internal What the call that gave `result` left in its arguments, for a program that keeps a journal. */
  outputs: CallOutputs = null
  /** @internal Signal handlers being run, innermost last; null while there are none. */
  frames: SignalFrame[] | null = null
  /** @internal sigsuspend: the mask to put back, as [low, high]. Linux: saved_sigmask. */
  savedMask: readonly [number, number] | null = null
  /** @internal sigtimedwait: the mask before it let through what it waits for, as [low, high]. Linux: real_blocked. */
  realBlocked: readonly [number, number] | null = null
  /** @internal */
  waits: WaitEntry | null = null
  /** @internal */
  queued: RunQueue | null = null
  /** @internal */
  runPrev: Task | null = null
  /** @internal */
  runNext: Task | null = null
  /** @internal A vfork parent sleeps here. */
  vforkDone: WaitQueue | null = null
  /** -20 … 19. */
  nice = 0
  /** Sent to the task when its parent ends, 0 for none. Linux: pdeath_signal. */
  pdeathSignal = 0
  /** 0, 1 or 2: what prctl(PR_SET_DUMPABLE) says. Linux: mm->dumpable. */
  dumpable = 1
  /** Milliseconds of virtual time in user mode. */
  utime = 0
  /** Milliseconds of virtual time in the kernel. */
  stime = 0
  /** Milliseconds from boot to its birth. */
  startTime: number
  /** Security modules' slots (see security/blob.ts), null while unused. */
  security: unknown[] | null = null
  /** @internal The program's running generators, innermost last. Wiring. */
  continuation: unknown = undefined
  /** @internal Handler functions by handler number. Wiring. */
  handlers: unknown = undefined
  /** @internal The last call that was refused, or the kill. No part of the state; see security/deny.ts. */
  refusal: Refusal | undefined = undefined

  constructor(k: KernelCore, pid: number, serial: number, parent: Task | null, from: TaskParts) {
    this.k = k
    this.pid = pid
    this.tgid = pid
    this.serial = serial
    this.parent = parent ?? this
    this.cred = from.cred
    this.fs = from.fs
    this.files = from.files
    this.sighand = from.sighand
    this.group = from.group ?? new ThreadGroup(this, from.pgrp, from.rlimits)
    this.comm = from.comm
    this.argv = from.argv
    this.env = from.env
    this.startTime = k.state.now
  }
}

/** What a new task is made of. `group` null: a new thread group in `pgrp`. */
export interface TaskParts {
  readonly cred: Cred
  readonly fs: FsStruct
  readonly files: FdTable
  readonly sighand: SigHand
  readonly group: ThreadGroup | null
  readonly pgrp: Pgrp
  readonly rlimits: Rlimits
  readonly comm: string
  readonly argv: readonly string[]
  readonly env: readonly string[]
}

/** Is this the first thread of its process? Linux: thread_group_leader. */
export const isGroupLeader = (task: Task): boolean => task.pid === task.tgid

/** Has it started a call that has neither returned nor died? */
export const isInCall = (task: Task): boolean =>
  (task.call !== null || awaitsHandler(task)) && task.state < TASK_ZOMBIE

/** Is a handler still to be started? A stop may come between: then whatever it has interrupted is not over. */
export const awaitsHandler = (task: Task): boolean => task.frames?.at(-1)?.started === false

/** Linux: process_group(task). */
export const pgidOf = (task: Task): number => task.group.pgrp.id

/** Linux: process_session(task). */
export const sidOf = (task: Task): number => task.group.pgrp.session
