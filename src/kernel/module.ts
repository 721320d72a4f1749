/**
 * Modules: optional parts of a kernel, passed in as values. The core knows none of them by name.
 *
 * A module returns contributions; nothing registers itself. `attach` is pure wiring over the module's state: it
 * runs at creation and again after every fork and restore, so it must not change anything.
 */

import type { BlockContributions } from '../block/contributions.js'
import type { NetContributions } from '../net/contributions.js'
import type { SkBuff } from '../net/skbuff.js'
import type { Sock, Socket } from '../net/sock.js'
import type { Sockaddr } from '../net/sockaddr.js'
import type { SecurityHooks } from '../security/hooks.js'
import type { Dentry } from '../vfs/dentry.js'
import type { File } from '../vfs/file.js'
import type { Inode } from '../vfs/inode.js'
import type { FileOperations } from '../vfs/ops.js'
import type { FileSystemType } from '../vfs/superblock.js'
import type { Audit } from './books.js'
import type { EventSink } from './events.js'
import type { KernelCore } from './kernel.js'
import type { LoadableModule } from './loadable.js'
import type { CallShape, SyscallHandler } from './syscall.js'
import type { Task } from './task.js'

/** What a task has set. */
export type IdKind = 'uid' | 'gid'

/**
 * Told about tasks. What the host starts with `spawn` is forked, and then sets ids and runs a program where it does.
 * Linux: the notifier chains and process-event calls in fork, exec, exit and sys.c.
 */
export interface TaskNotifiers {
  /** A task has been made and has not run. */
  fork(parent: Task, child: Task): void
  /** A task runs a new program. */
  exec(task: Task): void
  /** A task ends; `code` is its wait status. */
  exit(task: Task, code: number): void
  /** The task has been waited for and is gone. */
  release(task: Task): void
  /** Some uid or some gid of the task was set, perhaps to what it was. Linux: proc_id_connector. */
  setid(task: Task, which: IdKind): void
}

/** A driver of character or block devices. Linux: register_chrdev, misc_register, register_blkdev. */
export interface CharDevice {
  /** Its line in /proc/devices. */
  readonly name: string
  /** The major number; 'dynamic' for the highest free one. */
  readonly major: number | 'dynamic'
  /** Nodes to make in /dev of the default root: name, minor, mode. */
  readonly nodes: readonly {
    /** Relative to /dev; slashes make directories: 'net/tun'. */
    readonly name: string
    /** The minor number. */
    readonly minor: number
    /** Permission bits, such as 0o666. */
    readonly mode: number
  }[]
  /** The operations for a minor; null where there is no such unit (ENODEV or ENXIO as the driver says). */
  open(k: KernelCore, minor: number): FileOperations | null
  /**
   * For a driver that can be loaded and removed: is it there? Others may have its major meanwhile. A driver without
   * this is always there. Linux: register_chrdev in init_module.
   */
  isLoaded?(): boolean
  /** An open has found nobody with this major: loads the driver, or says false. Linux: request_module. */
  load?(): boolean
}

/** A node in /dev of a driver that another module contributes. */
export interface ExtraNode {
  /** The driver's name. */
  readonly driver: string
  /** What it drives; 'char' where it is not said. */
  readonly kind?: 'char' | 'block'
  /** Relative to /dev, as in CharDevice. */
  readonly name: string
  /** The minor number. */
  readonly minor: number
  /** Permission bits. */
  readonly mode: number
}

/** What a /proc entry is about: the task of /proc/<pid>/…, or none. */
export interface ProcSubject {
  /** The task, or null. */
  readonly task: Task | null
  /** In a read: is the file open for writing too? Linux: the last argument of get_info. */
  readonly isForWriting: boolean
}

/** A file in /proc. `path` is relative to it: 'net/wireless', '<pid>/attr/current', 'sys/kernel/foo'. */
export interface ProcEntry {
  /** Relative to /proc: 'net/wireless', '<pid>/attr/current', 'sys/kernel/foo'. */
  readonly path: string
  /** Permission bits, such as 0o444. */
  readonly mode: number
  /** The whole text. */
  read?(current: Task, subject: ProcSubject): string | number
  /** Bytes taken, or an Errno. */
  write?(current: Task, subject: ProcSubject, text: string): number
}

/** One operation of prctl(2): the arguments behind it are unchecked. A value, or an Errno. */
export type PrctlHandler = (current: Task, a: unknown, b: unknown, c: unknown, d: unknown) => number

/** The kernel's name of the call that a number stands for, to this task; undefined where it stands for none. */
export type CallName = (current: Task, nr: number) => string | undefined

/**
 * Runs a timer, an interrupt, a bottom half or work by its name. `data` is what was given when it was set. It cannot sleep:
 * work may do what needs process context, but there is no task behind it.
 */
export type NamedHandler = (k: KernelCore, data: unknown) => void

/** What a module adds to a kernel. */
export interface Contributions<Api = unknown, Sys = unknown> {
  /** Becomes `kernel.<name>`. */
  readonly api: Api
  /** Joins `process.sys`: name to handler; the task argument is bound. */
  readonly syscalls?: Sys
  /** The numbers of those calls and the kinds of their arguments, by name, where there is something to say. */
  readonly callShapes?: Readonly<Record<string, CallShape>>
  /** What it is asked before things happen; in the order of modules, after the mode bits. */
  readonly hooks?: Partial<SecurityHooks>
  /**
   * The hook `inodeAccess` says the same of every directory of a file system that a task searches: a walk asks it once for
   * each file system that it comes to.
   */
  readonly searchesBySuperblock?: boolean
  /**
   * Where all tasks are that `current` sees, oldest first, if the module knows of a shorter list than all of them; else
   * null. Each of them is still asked about by the hook `taskVisible`.
   */
  readonly tasksAmong?: (current: Task) => Iterable<Task> | null
  /**
   * Into which part of the kernel a task belongs, 1 to 65 535; 0 for the whole. A part numbers its tasks, inodes of
   * pipes and sockets and devices, counts what they do, and has a host name and random numbers, all by itself; tasks of
   * the whole see everything. A task that is moved is moved by `movingParts`. One module at most.
   */
  readonly partOf?: (task: Task) => number
  /** Lines at the end of /proc/<pid>/status, each with its newline. */
  readonly taskStatus?: (current: Task, task: Task) => string
  /** What it is told about tasks. */
  readonly notify?: Partial<TaskNotifiers>
  /**
   * Names of mount options, `name=value` or `name`, that are this module's and are kept from file systems; it sees them
   * in the hooks sbKernMount and sbRemount. Linux: sb_copy_data.
   */
  readonly mountOptions?: readonly string[]
  /** Kinds of file systems that mount(2) then knows. */
  readonly filesystems?: readonly FileSystemType[]
  /** Parts that insmod loads and rmmod removes. */
  readonly loadable?: readonly LoadableModule[]
  /** Character devices, with their nodes in /dev. */
  readonly devices?: readonly CharDevice[]
  /** Nodes in /dev of drivers of others: of modules that it requires, or of the core. */
  readonly nodes?: readonly ExtraNode[]
  /** Block devices, with their nodes in /dev. */
  readonly blockDevices?: readonly CharDevice[]
  /**
   * sync(2) has been called, and the file systems have done their part: everything to the devices. 0, or BLOCKED where
   * `current` sleeps until then: the call runs again.
   */
  sync?(current: Task): number
  /** The counts of the first four disks, for /proc/stat. */
  diskCounters?(k: KernelCore): readonly DiskCounter[]
  /** Carries what `publish` makes known to programs. One module at most. */
  readonly events?: EventSink
  /** What it adds to the network; nothing without the module `net`. */
  readonly net?: NetContributions
  /** What it is told about buffers on their way to disks; nothing without the module `block`. */
  readonly block?: BlockContributions
  /** Files in /proc. */
  readonly proc?: readonly ProcEntry[]
  /** Operations of prctl(2) by number: later ones than the profile's. */
  readonly prctl?: Readonly<Record<number, PrctlHandler>>
  /** What numbers of calls stand for where they are not the profile's: on another architecture. One module at most. */
  readonly callName?: CallName
  /** What it adds to the recount of `checkInvariants`: what it holds, and its own counts. */
  readonly audit?: Audit
  /** Handlers of timers by name, for `addTimer`. They run as bottom halves. */
  readonly timers?: Readonly<Record<string, NamedHandler>>
  /** Handlers of interrupts by name, for `raiseIrq`. */
  readonly interrupts?: Readonly<Record<string, NamedHandler>>
  /** Bottom halves by name, for `markBh`. */
  readonly bottomHalves?: Readonly<Record<string, NamedHandler>>
  /** Work by name, for `queueWork`: it runs in process context when the system call is over. */
  readonly work?: Readonly<Record<string, NamedHandler>>
}

/** What a disk has done since boot: its columns in /proc/stat. */
export interface DiskCounter {
  /** Requests. */
  readonly reads: number
  /** Requests. */
  readonly writes: number
  /** Of 512 bytes. */
  readonly readSectors: number
  /** Of 512 bytes. */
  readonly writtenSectors: number
}

/** Handlers by name, as a module gives them. */
export type SyscallTable = Readonly<Record<string, SyscallHandler>>

/** One optional part of a kernel. A factory call such as `mac(options)` returns one. */
export interface KernelModule<
  Name extends string = string,
  State = unknown,
  Api = unknown,
  Sys = unknown,
  Requires extends string = never,
> {
  /** A word such as 'mac': the member of the kernel that its API becomes. */
  readonly name: Name
  /** Modules that must be there too; they are wired before. */
  readonly requires?: readonly Requires[]
  /** Modules that change what this one contributes when they are present. */
  readonly uses?: readonly string[]
  /** Modules that must not be there. */
  readonly conflicts?: readonly string[]
  /** Fresh state: plain data, cloned by fork() and digested by tests. */
  init(k: KernelCore): State
  /** Wiring over that state. Runs again after every fork and restore; must not change anything. */
  attach(k: KernelCore, state: State): Contributions<Api, Sys>
}

/** Any module: what lists of modules are made of. Its state type is erased by the intersection in `attach`. */
export interface AnyModule {
  /** See KernelModule. */
  readonly name: string
  /** See KernelModule. */
  readonly requires?: readonly string[]
  /** See KernelModule. */
  readonly uses?: readonly string[]
  /** See KernelModule. */
  readonly conflicts?: readonly string[]
  /** See KernelModule. */
  init(k: KernelCore): unknown
  /** See KernelModule. */
  attach(k: KernelCore, state: never): Contributions
}

/** An identity function that infers a module's types. `Sys` is object where no system calls are contributed. */
export function defineModule<
  const Name extends string,
  State,
  Api,
  Sys extends { readonly [N in keyof Sys]: SyscallHandler } = object,
  const Requires extends string = never,
>(
  module: KernelModule<Name, State, Api, Sys, Requires>,
): KernelModule<Name, State, Api, Sys, NoInfer<Requires>> {
  return module
}

/** Host-side references that a hook or notifier may receive, re-exported for module authors. */
export type { Dentry, File, Inode, SkBuff, Sock, Sockaddr, Socket, Task }

/**
 * The order in which modules are wired: as given, but a module after those it requires or uses.
 * Throws a TypeError for duplicates, missing requirements, conflicts and cycles, naming both sides.
 */
export function orderModules(modules: readonly AnyModule[]): AnyModule[] {
  const byName = new Map<string, AnyModule>()
  for (const module of modules) {
    checkShape(module)
    if (byName.has(module.name))
      throw new TypeError(`module '${module.name}' is given twice: pass each module once`)
    byName.set(module.name, module)
  }
  for (const module of modules) {
    for (const name of module.requires ?? []) {
      if (!byName.has(name))
        throw new TypeError(`module '${module.name}' requires module '${name}': add ${name}() to modules`)
    }
    for (const name of module.conflicts ?? []) {
      if (byName.has(name))
        throw new TypeError(`modules '${module.name}' and '${name}' conflict: pass one of them`)
    }
  }
  const ordered: AnyModule[] = []
  const state = new Map<string, 'open' | 'done'>()
  const visit = (module: AnyModule, path: readonly string[]): void => {
    if (state.get(module.name) === 'done') return
    if (state.get(module.name) === 'open') {
      throw new TypeError(`modules require each other in a circle: ${[...path, module.name].join(' -> ')}`)
    }
    state.set(module.name, 'open')
    for (const name of [...(module.requires ?? []), ...(module.uses ?? [])]) {
      const other = byName.get(name)
      if (other !== undefined) visit(other, [...path, module.name])
    }
    state.set(module.name, 'done')
    ordered.push(module)
  }
  for (const module of modules) visit(module, [])
  return ordered
}

/** A value in a complaint: a function by its name, not by its source. */
const showValue = (value: unknown): string =>
  typeof value === 'function' ? `the function ${value.name || '(no name)'}` : String(value)

function checkShape(module: unknown): asserts module is AnyModule {
  if (typeof module !== 'object' || module === null) {
    throw new TypeError(
      `modules: ${showValue(module)} is not a module: pass what a factory such as net() returns`,
    )
  }
  const { name, init, attach } = module as Partial<AnyModule>
  if (typeof name !== 'string' || !/^[a-z][A-Za-z0-9]*$/.test(name)) {
    throw new TypeError(`modules: a module's name must be a word such as 'mac', not ${JSON.stringify(name)}`)
  }
  if (typeof init !== 'function' || typeof attach !== 'function') {
    throw new TypeError(`module '${name}' must have the functions init and attach: see defineModule`)
  }
}
