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
import type { HookName, SecurityHooks } from '../security/hooks.js'
import type { Faults } from '../sim/faults.js'
import type { Random } from '../sim/random.js'
import type { Trace } from '../sim/trace.js'
import type { Why } from '../sim/why.js'
import type { DeviceRegistry } from '../vfs/devices.js'
import type { Mount } from '../vfs/mount.js'
import { Nameidata } from '../vfs/nameidata.js'
import type { FileSystemType, SuperBlock } from '../vfs/superblock.js'
import type { Audit } from './books.js'
import { Contexts } from './context.js'
import type { EventSink } from './events.js'
import type { LoadableModule } from './loadable.js'
import type {
  CallName,
  Contributions,
  NamedHandler,
  PrctlHandler,
  ProcEntry,
  TaskNotifiers,
} from './module.js'
import { NO_NOTIFIERS } from './notifiers.js'
import type { Part } from './part.js'
import type { ProgramImage, UserMode } from './program.js'
import { RunQueue } from './runqueue.js'
import type { SyscallEntry } from './syscall.js'
import type { Pgrp, Task } from './task.js'
import { type Timer, TimerHeap } from './timer.js'
import { WaitQueue, wakeUp } from './wait.js'
import { WorkQueue } from './work.js'

/** Everything that changes while a kernel runs. */
export class KernelState {
  /** Milliseconds since boot. */
  now = 0
  /** By how many milliseconds stime(2) and settimeofday(2) have put the wall clock forward. */
  clockOffset = 0
  /** The random numbers of the run. */
  random: Random
  /** All tasks by pid, oldest first, zombies included. */
  tasks = new Map<number, Task>()
  /** Process groups by id. */
  pgrps = new Map<number, Pgrp>()
  /** How many process groups each session has. */
  sessions = new Map<number, number>()
  /** Pid 1. */
  init: Task | null = null
  /** Tasks per real uid. Linux: struct user_struct, processes. */
  userTasks = new Map<number, number>()
  /** The pid given out last. */
  lastPid = 0
  /** @internal The serial number of the next task. */
  nextSerial = 1
  /** Pids are below this. */
  pidMax: number
  /** @internal Runnable tasks with programs. */
  runQueue = new RunQueue()
  /** @internal Woken tasks that the host drives. */
  directQueue = new RunQueue()
  /** @internal Pending timers; `addTimer` sets one. */
  timers = new TimerHeap()
  /** @internal Which handlers run, and what they have put off. */
  contexts = new Contexts()
  /** @internal What waits for the worker. */
  work = new WorkQueue()
  /** The mount of `/`. */
  rootMnt: Mount | null = null
  /** All mounts in the order of mounting. */
  mounts: Mount[] = []
  /** Mounted file systems. */
  superBlocks: SuperBlock[] = []
  /** @internal Minor numbers of devices that are none. Linux: get_unnamed_dev. */
  nextAnonDev = 1
  /** @internal Inode numbers of pipes. */
  nextPipeIno = 1
  /** The host name. */
  hostname: string
  /** The NIS domain. */
  domainname = '(none)'
  /** The kernel's messages. Linux: log_buf. */
  log: string[] = []
  /** @internal Messages that the log has dropped. */
  logStart = 0
  /** @internal Readers of the log sleep here. */
  logWait = new WaitQueue('kernel log')
  /** @internal Tunables of /proc/sys, by path. */
  sysctl = new Map<string, number | string>()
  /** Tasks made since boot. */
  forks = 0
  /** Steps of the scheduler since boot. */
  switches = 0
  /** Milliseconds that all tasks have spent in user mode with a nice value of 0 or less. Linux: kstat.cpu_user. */
  cpuUser = 0
  /** The same with a greater one. Linux: kstat.cpu_nice. */
  cpuNice = 0
  /** Milliseconds that all tasks have spent in the kernel. Linux: kstat.cpu_system. */
  cpuSystem = 0
  /** Loaded parts of modules, in the order of loading; see loadable.ts. */
  loadedModules: string[] = []
  /** @internal What parts of a divided kernel number and count, by number; see part.ts. */
  parts = new Map<number, Part>()
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
  /** Everything that changes. It is another object after `restore`: do not keep it. */
  state: KernelState
  /** What the profile says. */
  readonly facts: ProfileFacts
  /** What happens, as events; emit only where the flag of the kind is set. */
  readonly trace: Trace
  /** Compiled security hooks. */
  security: SecurityHooks
  /** The hooks that some module has. */
  hooked: ReadonlySet<HookName> = new Set()
  /** Names of mount options that modules have claimed: file systems do not see them. */
  readonly mountOptions = new Set<string>()
  /** How a module divides the tasks; null where none does. See kernel/part.ts. */
  partOf: ((task: Task) => number) | null = null
  /** Does some module hide tasks? See kernel/visible.ts. */
  hidesTasks = false
  /** Does some module keep accesses from being noted? */
  hidesAccesses = false
  /** Does some module look at accesses before the mode bits? */
  checksAccessFirst = false
  /** Do all of them say the same of every directory of a file system that is searched? */
  searchesBySuperblock = false
  /** @internal What each module contributes, by name, in the order of modules. */
  readonly contributions = new Map<string, Contributions>()
  /** Kinds of file systems by name. */
  readonly filesystems = new Map<string, FileSystemType>()
  /** Parts of modules that can be loaded and removed, by name. */
  readonly loadables = new Map<string, LoadableModule>()
  /** @internal Drivers by number. */
  devices: DeviceRegistry
  /** Slots of modules on labelled objects; see security/blob.ts. */
  readonly securitySlots = new Map<string, number>()
  /** @internal System calls by name: this profile's and the modules'. */
  syscalls: ReadonlyMap<string, SyscallEntry>
  /** @internal Images by the path of their executable. */
  readonly programs = new Map<string, ProgramImage>()
  /** Timer handlers by name. */
  readonly timerHandlers = new Map<string, NamedHandler>()
  /** Handlers of interrupts by name. */
  readonly interrupts = new Map<string, NamedHandler>()
  /** Bottom halves by name. */
  readonly bottomHalves = new Map<string, NamedHandler>()
  /** Work by name. */
  readonly workHandlers = new Map<string, NamedHandler>()
  /** Entries that modules add to /proc. */
  readonly procEntries: ProcEntry[] = []
  /** What modules are told of tasks. */
  notifiers: TaskNotifiers = NO_NOTIFIERS
  /** What subsystems keep of the contributions, by a name of theirs; emptied when they change. */
  readonly caches = new Map<string, unknown>()
  /** @internal What subsystems and modules recount for `checkInvariants`. */
  readonly audits: Audit[] = []
  /** @internal The fault experiment under way; see sim/faults.ts. */
  injection: Faults | null = null
  /** @internal What needs doing besides the current call: ATTEND, REFUSED; see attention.ts. */
  attention = 0
  /** Who carries events to programs, if some module does: see kernel/events.ts. */
  events: EventSink | null = null
  /** Operations of prctl(2) that modules add, by number. */
  readonly prctls = new Map<number, PrctlHandler>()
  /** @internal What a module says that numbers stand for; null: the profile's own. */
  callName: CallName | null = null
  /** Does any module have a syscallEnter hook? */
  syscallHooked = false
  /**
   * @internal Does every call take the long way in: is anything traced, is there a syscallEnter hook, do calls take
   * time, is a fault experiment under way? One flag, so that a kernel of which nobody wants to know costs one test.
   */
  callsAreWatched = false
  /** Virtual milliseconds that a call costs its task. */
  readonly syscallTime: number
  /**
   * @internal Counts the states that `restore` has put in place; handles look their tasks up again when it
   * changes.
   */
  generation = 0
  /** Sequence number of the next trace event. */
  seq = 1
  /** Owner number of file pages written by this copy of the kernel; see fs/pages.ts. */
  epoch = 1
  /** @internal The layer that runs programs. */
  declare user: UserMode
  /** @internal What has been refused in the current call so far; see security/deny.ts. */
  refusal = new Refusal()
  /** @internal How many refusals and kills there have been. */
  refusals = 0
  /** Tasks that may exist at once; EAGAIN beyond. */
  readonly maxTasks: number
  /**
   * @internal Scratch result of a path walk; a walk never runs inside another but for rename and link, which
   * use both.
   */
  readonly nd = new Nameidata()
  /** @internal The second one. */
  readonly nd2 = new Nameidata()

  constructor(wiring: KernelWiring) {
    this.state = wiring.state
    this.facts = wiring.facts
    this.trace = wiring.trace
    this.security = wiring.security
    this.devices = wiring.devices
    this.syscalls = wiring.syscalls
    this.maxTasks = wiring.maxTasks
    this.syscallTime = wiring.syscallTime
    this.trace.onFlags = () => this.checkWatchers()
    this.checkWatchers()
  }

  /** @internal Somebody has begun, or ceased, to care for calls. */
  checkWatchers(): void {
    const isCharged = this.syscallHooked || this.syscallTime > 0
    this.callsAreWatched = this.trace.isActive || isCharged || this.injection !== null
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
  emitDeny(current: Task, why: Why): void {
    this.trace.emitEvent({
      kind: 'security:deny',
      seq: this.seq++,
      time: this.state.now,
      pid: current.pid,
      comm: current.comm,
      errno: why.check === 'kill' ? 0 : why.errno,
      check: why.check,
      reason: why.sentence,
      why,
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
  readonly maxTasks: number
  readonly syscallTime: number
  syscalls: ReadonlyMap<string, SyscallEntry>
}
