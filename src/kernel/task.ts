/**
 * Tasks: everything the kernel knows about one thread of execution, and what its thread group shares.
 *
 * Linux: struct task_struct, struct signal_struct, struct sighand_struct, struct fs_struct (2.6.14). In 2.2 every
 * task is its own thread group. State is plain data; what is wiring (a running generator, the handler functions
 * of a program) is named in `transient` and rebuilt after a fork or restore of the kernel.
 */

import type { Dentry } from '../vfs/dentry.js'
import type { FdTable } from '../vfs/fdtable.js'
import type { File } from '../vfs/file.js'
import type { Mount } from '../vfs/mount.js'
import type { Cred } from './cred.js'
import type { KernelCore } from './kernel.js'
import type { Journal, ProgramImage } from './program.js'
import type { Rlimits } from './rlimit.js'
import type { RunQueue } from './runqueue.js'
import type { PendingSignals, SigHand, SignalFrame } from './signal_state.js'
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
/** Is taking part in a call that the dispatcher must look at: a hook, seccomp, a tracer. */
export const TF_SYSCALL_WORK = 8
/** Was created by vfork and still has its parent waiting. */
export const TF_VFORK = 16
/** Died of a signal that makes a core dump. Linux: signal->group_exit_code & 0x80. */
export const TF_DUMPCORE = 32
/** Another thread has called exec: this one ends alone. Linux: zap_other_threads. */
export const TF_ZAPPED = 128
/** Its program has made a request. */
export const TF_STARTED = 64

/** Root, working directory and umask. Linux: struct fs_struct. Shared by CLONE_FS. */
export class FsStruct {
  users = 1
  umask: number
  root: Dentry
  rootMnt: Mount
  pwd: Dentry
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
  id: number
  session: number
  head: ThreadGroup | null = null
  count = 0

  constructor(id: number, session: number) {
    this.id = id
    this.session = session
  }
}

/** What the threads of a process share. Linux: struct signal_struct. */
export class ThreadGroup {
  leader: Task
  /** Live threads, the leader first; null while there is only the leader. */
  threads: Task[] | null = null
  live = 1
  pgrp: Pgrp
  pgrpPrev: ThreadGroup | null = null
  pgrpNext: ThreadGroup | null = null
  isSessionLeader = false
  rlimits: Rlimits
  /** Signals sent to the process as a whole, null until the first. */
  shared: PendingSignals | null = null
  /** Somebody sleeps in wait4: their queue. Linux: wait_chldexit. */
  childWait: WaitQueue | null = null
  /** Set when the whole group is to die. Linux: SIGNAL_GROUP_EXIT. */
  groupExit = false
  groupExitCode = 0
  /** Threads still to stop, and whether the stop or continue is to be reported. */
  stopCount = 0
  stopped = false
  continued = false
  /** ITIMER_REAL (also alarm), ITIMER_VIRTUAL, ITIMER_PROF; null until one is set. */
  itimers: (Itimer | null)[] | null = null
  /** Milliseconds used by children that were waited for, and by threads that ended. */
  childUtime = 0
  childStime = 0
  utime = 0
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

export class Task {
  /** Fields that are wiring: absent from digests and copies. */
  static readonly transient: readonly string[] = ['continuation', 'handlers']

  k: KernelCore
  pid: number
  tgid: number
  /** Distinguishes two tasks with the same pid over time. */
  serial: number
  state = TASK_RUNNING
  flags = 0
  cred: Cred
  fs: FsStruct
  files: FdTable
  group: ThreadGroup
  sighand: SigHand
  /** Blocked signals: 1-32 in the low word, 33-64 in the high one. */
  blockedLow = 0
  blockedHigh = 0
  /** Signals sent to this thread, null until the first. */
  pending: PendingSignals | null = null
  /** A signal, stop or death needs looking at before user mode. Linux: TIF_SIGPENDING. */
  sigPending = false
  parent: Task
  firstChild: Task | null = null
  lastChild: Task | null = null
  siblingPrev: Task | null = null
  siblingNext: Task | null = null
  /** Sent to the parent at exit; -1: none, reaped at once (a thread). */
  exitSignal = 17
  /** Wait status while zombie or stopped. */
  exitCode = 0
  comm: string
  /** The running image, null for kernel-made tasks. */
  exe: File | null = null
  argv: readonly string[]
  env: readonly string[]
  program: ProgramImage | null = null
  journal: Journal | null = null
  /** The state of a machine program. */
  machine: unknown = undefined
  /** The call in progress while the task sleeps in it. */
  call: PendingCall | null = null
  /** What a sleeping call remembers for its next run: plain data. Null outside calls. */
  restart: unknown = null
  /** The call in `call` has run and its result waits for a stop to end. */
  returning = false
  /** The result that the program is to see when it goes on. */
  result: unknown = undefined
  /** Signal handlers being run, innermost last; null while there are none. */
  frames: SignalFrame[] | null = null
  /** sigsuspend: the mask to put back, as [low, high]. Linux: saved_sigmask. */
  savedMask: readonly [number, number] | null = null
  waits: WaitEntry | null = null
  queued: RunQueue | null = null
  runPrev: Task | null = null
  runNext: Task | null = null
  /** A vfork parent sleeps here. */
  vforkDone: WaitQueue | null = null
  /** -20 … 19. */
  nice = 0
  /** Sent to the task when its parent ends, 0 for none. Linux: pdeath_signal. */
  pdeathSignal = 0
  /** 0, 1 or 2: what prctl(PR_SET_DUMPABLE) says. Linux: mm->dumpable. */
  dumpable = 1
  /** Milliseconds of virtual time. */
  utime = 0
  stime = 0
  startTime: number
  /** Security modules' slots (see security/blob.ts), null while unused. */
  security: unknown[] | null = null
  /** The program's running generators, innermost last. Wiring. */
  continuation: unknown = undefined
  /** Handler functions by handler number. Wiring. */
  handlers: unknown = undefined

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

/** Linux: process_group(task). */
export const pgidOf = (task: Task): number => task.group.pgrp.id

/** Linux: process_session(task). */
export const sidOf = (task: Task): number => task.group.pgrp.session
