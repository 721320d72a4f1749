/**
 * What a kernel is made of, as data: which module contributes what, in which order. A lesson by itself.
 */

import type { AnyModule, Contributions } from '../kernel/module.js'
import type { HostKernel } from './host.js'

/** One module's contributions, by name. */
export interface ModuleDescription {
  readonly name: string
  readonly requires: readonly string[]
  readonly hooks: readonly string[]
  readonly syscalls: readonly string[]
  readonly filesystems: readonly string[]
  readonly devices: readonly string[]
  readonly proc: readonly string[]
  readonly notify: readonly string[]
  readonly timers: readonly string[]
}

export interface KernelDescription {
  readonly profile: string
  /** Milliseconds since boot. */
  readonly now: number
  /** Modules in the order in which their hooks are asked. */
  readonly modules: readonly ModuleDescription[]
  readonly filesystems: readonly string[]
  /** Live and zombie tasks. */
  readonly tasks: readonly { readonly pid: number; readonly comm: string; readonly state: string }[]
  readonly mounts: readonly { readonly type: string; readonly source: string }[]
}

const keys = (value: object | undefined): readonly string[] => Object.keys(value ?? {})

function describeModule(module: AnyModule, given: Contributions | undefined): ModuleDescription {
  return {
    name: module.name,
    requires: module.requires ?? [],
    hooks: keys(given?.hooks),
    syscalls: keys(given?.syscalls ?? undefined),
    filesystems: (given?.filesystems ?? []).map(({ name }) => name),
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
