/**
 * The kernel as its users see it: the members of every kernel, and the APIs of its modules.
 */

import type { Profile } from '../abi/profile.js'
import type { Faults } from '../sim/faults.js'
import type { Trace } from '../sim/trace.js'
import type { Why } from '../sim/why.js'
import type { CoreSys } from './core_sys.js'
import type { KernelDescription } from './describe.js'
import type { AnyProgram } from './image.js'
import type { ModuleApis, ModuleList } from './module_types.js'
import type { RunOptions } from './options.js'
import type { Process } from './process.js'
import type { Snapshot } from './snapshot.js'
import type { InstallOptions, ProcessHandle, SpawnOptions } from './spawn.js'
import type { BoundSyscalls, ProgramSys } from './sys_types.js'

/** What every kernel has besides `fork`. `S` is the system calls of its processes. */
export interface KernelMembers<S> {
  /** A new process: a child of pid 1 unless told otherwise. Without a program it is driven by direct calls. */
  spawn(options?: SpawnOptions<S>): Process<S>
  /** The handle of a live or zombie task; undefined when there is none with this pid. */
  process(pid: number): Process<S> | undefined
  /** Makes an executable file at an absolute path that runs `program`. */
  install(path: string, program: AnyProgram<S>, options?: InstallOptions): void
  /** Runs until nothing can run any more. Returns the number of steps. */
  run(options?: RunOptions): number
  /** One system call of one program, or a jump of the clock to the next timer. False when there is neither. */
  step(): boolean
  /** Lets virtual time pass, in milliseconds: timers fire in order and whoever they wake runs. */
  advance(milliseconds: number): void
  /** Milliseconds since boot, virtual. */
  readonly now: number
  /** Seconds since 1970 UTC, virtual. */
  readonly wallClock: number
  /** The state at this moment, for `restore`. */
  snapshot(): Snapshot
  /** Puts an earlier state back. Handles stay valid. */
  restore(snapshot: Snapshot): void
  /** 16 hexadecimal digits over the whole state: equal for equal runs. */
  digest(): string
  /** What the kernel is made of, as data. */
  describe(): KernelDescription
  /**
   * Why the last call of `process` that was refused was refused, or why the process was killed; undefined when
   * neither has happened. A later call that succeeds changes nothing: `syscall` and `seq` tell which call it was.
   */
  why(process: ProcessHandle): Why | undefined
  /** What happens, as events. */
  readonly trace: Trace
  /** Lets allocations, copies and timers fail, one by one. */
  readonly faults: Faults
  /** The scheduler's choices so far: give them to `createKernel({ schedule })` to run the same way again. */
  readonly schedule: readonly number[]
  /** Which kernel it behaves like. */
  readonly profile: Profile
}

/** The names that no module can have. */
export type KernelMember = keyof KernelMembers<unknown> | 'fork'

/** A kernel with these modules: `kernel.<name>` is a module's API, `process.sys` has their calls. */
export type Kernel<Ms extends ModuleList = readonly []> = KernelMembers<CoreSys & BoundSyscalls<Ms>> &
  ModuleApis<Ms> & {
    /** A copy of the whole kernel, from which both go their own ways. Not fork(2). */
    fork(): Kernel<Ms>
  }

/** What has a kernel: a scenario. */
export interface HasKernel<S> {
  /** The kernel. */
  readonly k: KernelMembers<S>
}

/**
 * The calls of a kernel's generator programs, for functions with a name: `function* server(sys: SysOf<typeof k>)`. `K` is
 * the kernel, or what has it as `k`, such as a scenario.
 */
export type SysOf<K> =
  K extends KernelMembers<infer S> ? ProgramSys<S> : K extends HasKernel<infer S> ? ProgramSys<S> : never

/** A process of a kernel, for parameters: `(p: ProcessOf<typeof k>)`. */
export type ProcessOf<K> =
  K extends KernelMembers<infer S> ? Process<S> : K extends HasKernel<infer S> ? Process<S> : never
