/**
 * Wiring: what the built-in parts and the modules contribute, put into a kernel's registries.
 *
 * Runs at creation and again after every fork and restore, over the state that is there. It changes no state.
 */

import { EBUSY, errnoName } from '../abi/errno.js'
import { fsAudits } from '../fs/audit.js'
import { memDevice } from '../fs/dev/mem.js'
import { devfsType } from '../fs/devfs.js'
import { pipefsType } from '../fs/pipefs.js'
import { checkProcEntries, procType } from '../fs/procfs/index.js'
import { ramfsType, tmpfsType } from '../fs/ramfs.js'
import { timerHandlers } from '../kernel/itimer.js'
import { type LoadableModule, loadModule, wireLoaded } from '../kernel/loadable.js'
import type { AnyModule, Contributions, NamedHandler, PrctlHandler, TaskNotifiers } from '../kernel/module.js'
import { compileNotifiers, NO_NOTIFIERS } from '../kernel/notifiers.js'
import { onWakeTimer, WAKE_TIMER } from '../kernel/sleep.js'
import type { CallShape, SyscallHandler } from '../kernel/syscall.js'
import { compileHooks, type HookSource } from '../security/chain.js'
import { isNotModelled, makeEntry } from '../syscalls/table.js'
import { DeviceRegistry } from '../vfs/devices.js'
import type { FileSystemType } from '../vfs/superblock.js'
import type { HostKernel } from './host.js'
import { CALL_ALIASES } from './surfaces.js'

/** Names that are taken by the kernel itself: a module cannot be called so. */
export const KERNEL_MEMBERS: readonly string[] = Object.freeze([
  'spawn',
  'process',
  'install',
  'run',
  'step',
  'advance',
  'now',
  'wallClock',
  'fork',
  'snapshot',
  'restore',
  'digest',
  'describe',
  'why',
  'trace',
  'faults',
  'schedule',
  'profile',
])

/** Remembers who registered a name, and complains when a second one comes. */
class Owners {
  private readonly owners = new Map<string, string>()
  private readonly what: string

  constructor(what: string) {
    this.what = what
  }

  claim(name: string, owner: string): void {
    const other = this.owners.get(name)
    if (other !== undefined)
      throw new TypeError(`${this.what} '${name}' is contributed by ${other} and by ${owner}`)
    this.owners.set(name, owner)
  }
}

/** The registries while they are being filled. */
class Wirer {
  /** What modules want to be told of tasks, in their order. */
  readonly notifiers: Partial<TaskNotifiers>[] = []
  private readonly k: HostKernel
  private readonly filesystems = new Owners('file system')
  private readonly loadables = new Owners('loadable part')
  private readonly syscalls = new Owners('system call')
  private readonly timers = new Owners('timer handler')
  private readonly interrupts = new Owners('interrupt handler')
  private readonly bottomHalves = new Owners('bottom half')
  private readonly works = new Owners('work')
  private readonly prctls = new Owners('operation of prctl')
  private readonly callNames = new Owners('numbering')
  private readonly mountOptions = new Owners('mount option')
  private readonly partings = new Owners('division')
  private readonly sinks = new Owners('carrier')

  constructor(k: HostKernel) {
    this.k = k
  }

  builtIns(): void {
    const { facts } = this.k
    this.filesystem(ramfsType, 'the core')
    if (facts.hasBindMounts) {
      this.filesystem(tmpfsType, 'the core')
      this.filesystem(pipefsType, 'the core')
    }
    this.filesystem(procType, 'the core')
    this.filesystem(devfsType, 'the core')
    this.k.devices.register(memDevice, 'the core')
    this.k.audits.push(...fsAudits)
    this.timer(WAKE_TIMER, onWakeTimer, 'the core')
    for (const [name, handler] of Object.entries(timerHandlers)) this.timer(name, handler, 'the core')
  }

  module(module: AnyModule, contributions: Contributions): void {
    const owner = `module '${module.name}'`
    for (const type of contributions.filesystems ?? []) this.filesystem(type, owner)
    for (const part of contributions.loadable ?? []) this.loadable(part, owner)
    for (const device of contributions.devices ?? []) this.k.devices.register(device, owner)
    for (const node of contributions.nodes ?? []) this.k.devices.registerNode(node, owner)
    for (const device of contributions.blockDevices ?? []) this.k.devices.register(device, owner, 'block')
    for (const [name, handler] of Object.entries(contributions.timers ?? {})) this.timer(name, handler, owner)
    for (const [name, handler] of Object.entries(contributions.interrupts ?? {})) {
      this.interrupts.claim(name, owner)
      this.k.interrupts.set(name, handler)
    }
    for (const [name, handler] of Object.entries(contributions.bottomHalves ?? {})) {
      this.bottomHalves.claim(name, owner)
      this.k.bottomHalves.set(name, handler)
    }
    for (const [name, handler] of Object.entries(contributions.work ?? {})) {
      this.works.claim(name, owner)
      this.k.workHandlers.set(name, handler)
    }
    for (const [name, handler] of Object.entries(contributions.syscalls ?? {}))
      this.syscall(name, handler, contributions.callShapes?.[name] ?? {}, owner)
    const entries = contributions.proc ?? []
    checkProcEntries(this.k, entries, owner)
    this.k.procEntries.push(...entries)
    for (const [option, handler] of Object.entries(contributions.prctl ?? {}))
      this.prctl(Number(option), handler, owner)
    if (contributions.callName !== undefined) {
      this.callNames.claim('of system calls', owner)
      this.k.callName = contributions.callName
    }
    if (contributions.events !== undefined) {
      this.sinks.claim('of events', owner)
      this.k.events = contributions.events
    }
    if (contributions.partOf !== undefined) {
      this.partings.claim('of tasks', owner)
      this.k.partOf = contributions.partOf
    }
    for (const name of contributions.mountOptions ?? []) {
      this.mountOptions.claim(name, owner)
      this.k.mountOptions.add(name)
    }
    if (contributions.notify !== undefined) this.notifiers.push(contributions.notify)
    if (contributions.audit !== undefined) this.k.audits.push(contributions.audit)
  }

  private filesystem(type: FileSystemType, owner: string): void {
    this.filesystems.claim(type.name, owner)
    this.k.filesystems.set(type.name, type)
  }

  private loadable(part: LoadableModule, owner: string): void {
    this.loadables.claim(part.name, owner)
    this.k.loadables.set(part.name, part)
  }

  private timer(name: string, handler: NamedHandler, owner: string): void {
    this.timers.claim(name, owner)
    this.k.timerHandlers.set(name, handler)
  }

  private prctl(option: number, handler: PrctlHandler, owner: string): void {
    this.prctls.claim(String(option), owner)
    if (this.k.facts.process.prctlOptions.includes(option))
      throw new TypeError(`${owner} contributes operation ${option} of prctl, which the core has`)
    this.k.prctls.set(option, handler)
  }

  private syscall(name: string, handler: unknown, { nr = -1, kinds = [] }: CallShape, owner: string): void {
    if (typeof handler !== 'function')
      throw new TypeError(`${owner}: system call '${name}' is not a function`)
    this.syscalls.claim(name, owner)
    const own = this.k.coreCalls.get(CALL_ALIASES[name] ?? name)
    if (own !== undefined && !isNotModelled(own))
      throw new TypeError(`${owner} contributes '${name}', which is a system call of the core`)
    this.k.setCall(makeEntry(name, nr, kinds, handler as SyscallHandler))
  }
}

/** What is in /etc/modules, as it were. */
function loadAtBoot(k: HostKernel): void {
  for (const { name, filesystems, isLoadedAtBoot } of k.loadables.values()) {
    if (isLoadedAtBoot !== true) continue
    const failed = loadModule(k, name, '')
    const types = (filesystems ?? []).map((type) => `'${type.name}'`).join(', ')
    if (failed === EBUSY)
      throw new TypeError(`'${name}' cannot be loaded at boot: a file system ${types} is there already`)
    if (failed !== 0)
      throw new TypeError(`'${name}' cannot be loaded at boot: its init says ${errnoName(failed)}`)
  }
}

/**
 * Fills the registries of `k`. At creation (`fresh`) modules' states are made first; otherwise they are in
 * `k.state` already. Throws TypeError for contributions that clash, naming both sides.
 */
export function wire(k: HostKernel, order: readonly AnyModule[], fresh: boolean): void {
  k.filesystems.clear()
  k.loadables.clear()
  k.timerHandlers.clear()
  k.interrupts.clear()
  k.bottomHalves.clear()
  k.workHandlers.clear()
  k.procEntries.length = 0
  k.mountOptions.clear()
  k.caches.clear()
  k.notifiers = NO_NOTIFIERS
  k.audits.length = 0
  k.prctls.clear()
  k.callName = null
  k.partOf = null
  k.events = null
  k.devices = new DeviceRegistry(k.facts)
  k.contributions.clear()
  for (const [slot, module] of order.entries()) k.securitySlots.set(module.name, slot)
  const wirer = new Wirer(k)
  wirer.builtIns()
  const sources: HookSource[] = []
  for (const module of order) {
    if (KERNEL_MEMBERS.includes(module.name) || (fresh && module.name in k))
      throw new TypeError(`'${module.name}' is the name of a kernel member: call the module something else`)
    if (fresh) k.state.modules.set(module.name, module.init(k))
    const contributions = module.attach(k, k.state.modules.get(module.name) as never)
    if (typeof contributions !== 'object' || contributions === null || !('api' in contributions)) {
      throw new TypeError(`module '${module.name}': attach must return contributions with an api`)
    }
    k.contributions.set(module.name, contributions)
    wirer.module(module, contributions)
    if (contributions.hooks !== undefined) sources.push({ module: module.name, hooks: contributions.hooks })
    Object.defineProperty(k, module.name, { value: contributions.api, configurable: true, enumerable: true })
  }
  k.notifiers = compileNotifiers(wirer.notifiers)
  if (fresh) loadAtBoot(k)
  else wireLoaded(k)
  const { hooks, used } = compileHooks(sources)
  k.security = hooks
  k.hooked = used
  k.hidesTasks = used.has('taskVisible')
  k.hidesAccesses = used.has('inodeTouch')
  k.checksAccessFirst = used.has('inodeAccess')
  k.searchesBySuperblock = [...k.contributions.values()].every(
    ({ hooks: own, searchesBySuperblock }) => own?.inodeAccess === undefined || searchesBySuperblock === true,
  )
  k.syscallHooked = used.has('syscallEnter')
  k.checkWatchers()
}
