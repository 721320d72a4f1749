/**
 * The composition root: built-in parts and the caller's modules become a typed kernel.
 */

import type { Profile } from './abi/profile.js'
import { KernelState } from './kernel/kernel.js'
import { type AnyModule, orderModules } from './kernel/module.js'
import type { CoreSys } from './programs/core_sys.js'
import { describeKernel, type KernelDescription } from './programs/describe.js'
import {
  type AnyKernel,
  type FailEachOptions,
  type FailEachResult,
  type FailScenario,
  failEachPoint,
} from './programs/fail_each.js'
import { type EpochCounter, HostKernel } from './programs/host.js'
import type { AnyProgram } from './programs/image.js'
import type { Kernel, KernelMember } from './programs/kernel_type.js'
import type { Checked, ModuleList } from './programs/module_types.js'
import { type CheckedOptions, checkKernelOptions, type KernelOptions } from './programs/options.js'
import { INSPECT, type Process } from './programs/process.js'
import { bootRootfs } from './programs/rootfs.js'
import { SHAPES } from './programs/shapes.js'
import { copyState, digestOf, restoreInto, Snapshot } from './programs/snapshot.js'
import {
  type InstallOptions,
  installProgram,
  type ProcessHandle,
  type SpawnOptions,
  spawnProcess,
} from './programs/spawn.js'
import type { BoundSyscalls } from './programs/sys_types.js'
import { whyOf } from './programs/why.js'
import { wire } from './programs/wiring.js'
import { compileHooks } from './security/chain.js'
import { Random } from './sim/random.js'
import { Scheduler } from './sim/schedule.js'
import { Trace } from './sim/trace.js'
import type { Why } from './sim/why.js'
import { syscallTable } from './syscalls/table.js'
import { DeviceRegistry } from './vfs/devices.js'

/** A kernel with everything wired but its modules' contributions. */
class ComposedKernel extends HostKernel {
  /** Keeps compiled code: see shapes.ts. */
  protected readonly shapes = SHAPES
  private readonly options: CheckedOptions
  private readonly order: readonly AnyModule[]

  constructor(
    options: CheckedOptions,
    order: readonly AnyModule[],
    scheduler: Scheduler,
    epochs: EpochCounter,
  ) {
    const { facts } = options
    super(
      {
        state: new KernelState(new Random(options.seed), options.pidMax, options.hostname),
        facts,
        trace: new Trace(),
        security: compileHooks([]).hooks,
        devices: new DeviceRegistry(facts),
        maxTasks: options.maxTasks,
        syscallTime: options.syscallTime,
        syscalls: syscallTable(options.profile, options.backports),
      },
      scheduler,
      epochs,
      options.maxSteps,
    )
    this.options = options
    this.order = order
  }

  get schedule(): readonly number[] {
    return this.scheduler.picks.slice()
  }

  get profile(): Profile {
    return this.options.profile
  }

  spawn(options: SpawnOptions = {}): Process {
    this.refuseListener('spawn')
    return spawnProcess(this, options)
  }

  process(pid: number): Process | undefined {
    return this.handleOf(pid)
  }

  install(path: string, program: AnyProgram, options: InstallOptions = {}): void {
    this.refuseListener('install')
    installProgram(this, path, program, options)
  }

  fork(): ComposedKernel {
    this.refuseListener('fork')
    const copy = new ComposedKernel(this.options, this.order, this.scheduler.copy(), this.epochs)
    for (const [name, image] of this.programs) copy.programs.set(name, image)
    copyState(this, copy)
    wire(copy, this.order, false)
    return copy
  }

  snapshot(): Snapshot {
    this.refuseListener('snapshot')
    return new Snapshot(this)
  }

  restore(snapshot: Snapshot): void {
    this.refuseListener('restore')
    if (this.driver !== null)
      throw new TypeError(
        'restore: this kernel is part of a world, whose clock goes on: fork the world instead',
      )
    if (!(snapshot instanceof Snapshot)) throw new TypeError('restore: what k.snapshot() returned is wanted')
    if (snapshot.origin !== this) throw new TypeError('restore: this snapshot was taken of another kernel')
    restoreInto(this, snapshot)
    wire(this, this.order, false)
  }

  digest(): string {
    return digestOf(this)
  }

  why(process: ProcessHandle): Why | undefined {
    return whyOf(this, process)
  }

  /** What is shown of it. */
  toJSON(): KernelDescription {
    return this.describe()
  }

  /** What Node's console shows. */
  [INSPECT](): string {
    return `kernel ${this.profile}, ${this.state.tasks.size} tasks, at ${this.now} ms`
  }

  describe(): KernelDescription {
    return describeKernel(this, this.order)
  }

  /** The first state: modules', the root file system, pid 1, installed programs. */
  boot(): void {
    wire(this, this.order, true)
    bootRootfs(this, this.options.rootfs)
    for (const [path, program] of Object.entries(this.options.programs))
      installProgram(this, path, program, {})
  }
}

/**
 * A new kernel. `modules` are what module factories return; what is not passed in costs nothing. Without options:
 * 2.2.12, a ramfs root with /dev, /proc, /etc and /tmp, pid 1 owned by root.
 *
 * Errors: TypeError for options or a list of modules that cannot work, saying which and why.
 */
export function createKernel<const Ms extends ModuleList = readonly []>(
  options?: KernelOptions<Ms & Checked<Ms, KernelMember>, CoreSys & BoundSyscalls<NoInfer<Ms>>>,
): Kernel<Ms> {
  return composeKernel((options ?? {}) as KernelOptions, 0) as unknown as Kernel<Ms>
}

/** @internal A kernel that boots when the clock stands at `now`. */
export function composeKernel(options: KernelOptions, now: number): HostKernel {
  const checked = checkKernelOptions(options)
  const order = orderModules(checked.modules)
  const kernel = new ComposedKernel(checked, order, new Scheduler(checked.schedule, checked.seed), {
    last: 0,
  })
  kernel.state.now = now
  kernel.boot()
  return kernel
}

/**
 * Runs a scenario once per point at which memory, a copy, a timer or a device could fail, with that point failing,
 * each time on a fresh kernel, and recounts the kernel's books after each.
 *
 * A scenario is `{ boot, run }`, or a function that makes its one kernel with what it is given in place of
 * `createKernel`. The making of the kernel does not count.
 *
 * Errors: Error where the scenario does not repeat itself, or goes wrong without a fault.
 */
export function failEach<K extends AnyKernel = Kernel>(
  scenario: FailScenario<K> | ((create: typeof createKernel) => unknown),
  options: FailEachOptions<K> = {},
): FailEachResult {
  if (typeof scenario !== 'function') {
    const { boot = () => createKernel() as unknown as K, run } = scenario
    const drive = (plan: (k: K) => void): unknown => {
      const k = boot()
      plan(k)
      return run(k)
    }
    return failEachPoint(drive, options)
  }
  return failEachPoint<K>(
    (plan) =>
      scenario(((kernelOptions?: KernelOptions) => {
        const k = createKernel(kernelOptions)
        plan(k as unknown as K)
        return k
      }) as typeof createKernel),
    options,
  )
}
