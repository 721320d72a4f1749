/**
 * The kernel: its state, and the wiring over it. Delegates; holds no policy.
 *
 * `state` is data: one graph without functions, copied by fork(), swapped by restore(), hashed by digest().
 * Everything else here is wiring: registries and compiled hooks, built from the modules at creation and again
 * after every fork and restore.
 */

import type { DevT } from '../abi/brand.js'
import type { ProfileFacts } from '../abi/profile.js'
import { Refusal } from '../security/deny.js'
import type { SecurityHooks } from '../security/hooks.js'
import type { Random } from '../sim/random.js'
import type { Trace } from '../sim/trace.js'
import type { DeviceRegistry } from '../vfs/devices.js'
import type { Mount } from '../vfs/mount.js'
import { Nameidata } from '../vfs/nameidata.js'
import type { PathCache } from '../vfs/path.js'
import type { FileSystemType, SuperBlock } from '../vfs/superblock.js'
import type { NamedHandler, ProcEntry, TaskNotifiers } from './module.js'
import type { ProgramImage, UserMode } from './program.js'
import { RunQueue } from './runqueue.js'
import type { SyscallEntry } from './syscall.js'
import type { Pgrp, Task } from './task.js'
import { type Timer, TimerHeap } from './timer.js'
import { WaitQueue, wakeUp } from './wait.js'

/** Everything that changes while a kernel runs. */
export class KernelState {
  /** Milliseconds since boot. */
  now = 0
  /** By how many milliseconds stime(2) and settimeofday(2) have put the wall clock forward. */
  clockOffset = 0
  random: Random
  /** All tasks by pid, oldest first, zombies included. */
  tasks = new Map<number, Task>()
  pgrps = new Map<number, Pgrp>()
  /** How many process groups each session has. */
  sessions = new Map<number, number>()
  init: Task | null = null
  /** Tasks per real uid. Linux: struct user_struct, processes. */
  userTasks = new Map<number, number>()
  lastPid = 0
  nextSerial = 1
  pidMax: number
  runQueue = new RunQueue()
  directQueue = new RunQueue()
  timers = new TimerHeap()
  rootMnt: Mount | null = null
  /** All mounts in the order of mounting. */
  mounts: Mount[] = []
  superBlocks: SuperBlock[] = []
  /** Minor numbers of devices that are none. Linux: get_unnamed_dev. */
  nextAnonDev = 1
  /** Inode numbers of pipes. */
  nextPipeIno = 1
  hostname: string
  domainname = '(none)'
  /** The kernel's messages. Linux: log_buf. */
  log: string[] = []
  /** Where reads of /dev/kmsg and syslog(2) have got to, as an index of messages ever written. */
  logStart = 0
  logWait = new WaitQueue('kernel log')
  /** Tunables of /proc/sys, by path. */
  sysctl = new Map<string, number | string>()
  forks = 0
  switches = 0
  /** Modules' states by module name. */
  modules = new Map<string, unknown>()

  constructor(random: Random, pidMax: number, hostname: string) {
    this.random = random
    this.pidMax = pidMax
    this.hostname = hostname
  }
}

/** What modules and subsystems see of a kernel. */
export class KernelCore {
  state: KernelState
  readonly facts: ProfileFacts
  readonly trace: Trace
  /** Compiled security hooks. */
  security: SecurityHooks
  readonly filesystems = new Map<string, FileSystemType>()
  devices: DeviceRegistry
  /** Slots of modules on labelled objects; see security/blob.ts. */
  readonly securitySlots = new Map<string, number>()
  /** System calls by name: this profile's and the modules'. */
  syscalls: ReadonlyMap<string, SyscallEntry>
  readonly programs = new Map<string, ProgramImage>()
  readonly timerHandlers = new Map<string, NamedHandler>()
  readonly procEntries: ProcEntry[] = []
  readonly notifiers: Partial<TaskNotifiers>[] = []
  /** What subsystems keep of the contributions, by a name of theirs; emptied when they change. */
  readonly caches = new Map<string, unknown>()
  readonly paths: PathCache
  /** Something besides the current call needs doing: a direct task was woken, a call blocked, a signal came. */
  attention = false
  /** Does any module have a syscallEnter hook? */
  syscallHooked = false
  /** Virtual milliseconds that a call costs its task. */
  readonly syscallTime: number
  /** Counts the states that `restore` has put in place; handles look their tasks up again when it changes. */
  generation = 0
  /** Sequence number of the next trace event. */
  seq = 1
  /** Owner number of file pages written by this copy of the kernel; see fs/pages.ts. */
  epoch = 1
  /** The layer that runs programs. */
  declare user: UserMode
  readonly refusal = new Refusal()
  /** Tasks that may exist at once; EAGAIN beyond. */
  readonly maxTasks: number
  /** Scratch results of path walks; a walk never runs inside another but for rename and link, which use both. */
  readonly nd = new Nameidata()
  readonly nd2 = new Nameidata()

  constructor(wiring: KernelWiring) {
    this.state = wiring.state
    this.facts = wiring.facts
    this.trace = wiring.trace
    this.security = wiring.security
    this.devices = wiring.devices
    this.paths = wiring.paths
    this.syscalls = wiring.syscalls
    this.maxTasks = wiring.maxTasks
    this.syscallTime = wiring.syscallTime
  }

  /** Milliseconds since boot, virtual. */
  get now(): number {
    return this.state.now
  }

  /** Seconds since 1970 UTC, virtual; with a fraction. */
  get wallClock(): number {
    return this.facts.epoch + (this.state.now + this.state.clockOffset) / 1000
  }

  /** Arms a timer. `handler` is a name that a module or the core has contributed. `delayMs` ≥ 0. */
  addTimer(delayMs: number, handler: string, data: unknown): Timer {
    return this.state.timers.add(this.state.now + delayMs, handler, data)
  }

  /** Writes a line to the kernel log and wakes its readers. Linux: printk. */
  printk(message: string): void {
    const { state } = this
    state.log.push(message)
    if (state.log.length > LOG_LINES) {
      state.log.shift()
      state.logStart++
    }
    wakeUp(state.logWait)
  }

  /** @internal Emits a security:deny event; called only when somebody listens. */
  emitDeny(current: Task, refusal: Refusal, reason: string): void {
    this.trace.emitEvent({
      kind: 'security:deny',
      seq: this.seq++,
      time: this.state.now,
      pid: current.pid,
      comm: current.comm,
      errno: refusal.errno,
      check: refusal.check,
      what: refusal.what,
      reason,
    })
  }

  /** An unused device number for a file system without a device. Linux: get_unnamed_dev: major 0. */
  anonDev(): DevT {
    return this.devices.anonymous(this.state.nextAnonDev++)
  }
}

/** Messages kept. The real log is a ring of 16 KiB; lines are what readers see. */
const LOG_LINES = 256

/** What a KernelCore is built from. */
export interface KernelWiring {
  readonly state: KernelState
  readonly facts: ProfileFacts
  readonly trace: Trace
  readonly security: SecurityHooks
  readonly devices: DeviceRegistry
  readonly paths: PathCache
  readonly maxTasks: number
  readonly syscallTime: number
  syscalls: ReadonlyMap<string, SyscallEntry>
}
