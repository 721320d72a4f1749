/**
 * What a kernel is made of, as data: which module contributes what, in which order. A lesson by itself.
 */

import type { AnyModule, Contributions } from '../kernel/module.js'
import type { HostKernel } from './host.js'

/** One module's contributions, by name. */
export interface ModuleDescription {
  /** Its name. */
  readonly name: string
  /** Modules it cannot do without. */
  readonly requires: readonly string[]
  /** Hooks it has. */
  readonly hooks: readonly string[]
  /** System calls it adds. */
  readonly syscalls: readonly string[]
  /** Kinds of file systems it adds. */
  readonly filesystems: readonly string[]
  /** Parts of it that can be loaded and removed. */
  readonly loadable: readonly string[]
  /** Devices it adds. */
  readonly devices: readonly string[]
  /** Files it adds to /proc. */
  readonly proc: readonly string[]
  /** What it is told about tasks. */
  readonly notify: readonly string[]
  /** Timers it handles. */
  readonly timers: readonly string[]
}

/** What a kernel is made of and holds at one moment. */
export interface KernelDescription {
  /** The release: '2.2.12'. */
  readonly profile: string
  /** Milliseconds since boot. */
  readonly now: number
  /** Modules in the order in which their hooks are asked. */
  readonly modules: readonly ModuleDescription[]
  /** Kinds of file systems that mount(2) knows. */
  readonly filesystems: readonly string[]
  /** Live and zombie tasks. */
  readonly tasks: readonly {
    /** Its id. */
    readonly pid: number
    /** Its command name. */
    readonly comm: string
    /** As `Process.state`. */
    readonly state: string
  }[]
  /** What is mounted, in order. */
  readonly mounts: readonly {
    /** The kind of file system. */
    readonly type: string
    /** What was given as the source. */
    readonly source: string
  }[]
}

const keys = (value: object | undefined): readonly string[] => Object.keys(value ?? {})

function describeModule(module: AnyModule, given: Contributions | undefined): ModuleDescription {
  return {
    name: module.name,
    requires: module.requires ?? [],
    hooks: keys(given?.hooks),
    syscalls: keys(given?.syscalls ?? undefined),
    filesystems: (given?.filesystems ?? []).map(({ name }) => name),
    loadable: (given?.loadable ?? []).map(({ name }) => name),
    devices: (given?.devices ?? []).map(({ name }) => name),
    proc: (given?.proc ?? []).map(({ path }) => path),
    notify: keys(given?.notify),
    timers: keys(given?.timers),
  }
}

/** Looks, changes nothing. */
export function describeKernel(k: HostKernel, order: readonly AnyModule[]): KernelDescription {
  return {
    profile: k.facts.release,
    now: k.state.now,
    modules: order.map((module) => describeModule(module, k.contributions.get(module.name))),
    filesystems: [...k.filesystems.keys()],
    tasks: [...k.state.tasks.values()].map((task) => ({
      pid: task.pid,
      comm: task.comm,
      state: k.handleFor(task).state,
    })),
    mounts: k.state.mounts.map(({ sb, source }) => ({ type: sb.type, source })),
  }
}
