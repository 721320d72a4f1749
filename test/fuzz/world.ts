/**
 * One kernel under the fuzzer: many processes, driven directly or running programs, and one random action after the
 * other. An action is a number: all that it does follows from it and from the state that it meets, so that a list of
 * numbers can be run again, and shortened.
 */
import {
  checkInvariants,
  chromeTrace,
  createKernel,
  EACCES,
  EPERM,
  errnoByName,
  errnoNames,
  type Kernel,
  MNT_DETACH,
  type Process,
  type Profile,
  recordTrace,
  S_IFIFO,
  S_ISDIR,
  SIGKILL,
  SIGUSR1,
  type Snapshot,
  StracePrinter,
  SyscallError,
  WouldBlock,
} from 'paleokernel'
import { net } from 'paleokernel/net'
import { RamfsInfo } from '../../src/fs/ramfs.js'
import { doUmount } from '../../src/vfs/namespace.js'
import { coreOf } from '../helpers/world.js'
import { HandlerError, type Place, randomCall, refill } from './arguments.js'
import { census, grown } from './census.js'
import { Dice } from './dice.js'
import { moody } from './moody.js'
import { amble, stroll, walk } from './programs.js'

/** Something that must not be. */
export class Finding extends Error {}

/** What a call may return besides a value. */
const ERRNOS: ReadonlySet<number> = new Set(errnoNames().map((name) => Number(errnoByName(name))))

/** A caller's structure with functions in it, which a sleeping call was given, cannot be copied with the kernel. */
const FOREIGN = /^(function|symbol) in state at tasks\.get\(\d+\)\.call\.args/

const MAX_TASKS = 40
/** Steps of others that a call waits for. While an interval timer is set, time never comes to rest. */
const MAX_STEPS = 1000
/** How such a call ends. */
const TOO_LONG = /^\w+\(.*\) has not returned after \d+ steps of others/s
/** File systems whose superblock stays when nothing shows it. */
const KEPT: ReadonlySet<string> = new Set(['pipefs', 'proc', 'sockfs'])
/** More of the processor's time no single action may take. */
const MAX_MS = 5000
const LOG = 60
/** Actions that a trace is kept of. */
const MAX_WATCHED = 30

type AnyCall = (...args: unknown[]) => unknown
type MoodyKernel = Kernel<readonly [ReturnType<typeof moody>]>

/** Every other round has sockets. */
const hasNetIn = (seed: number): boolean => (seed & 1) !== 0

/** By name: how often a call has succeeded, and failed. */
export type Outcomes = Map<string, [succeeded: number, failed: number]>

/** A call as it was made, for the report. */
interface Entry {
  readonly who: string
  readonly name: string
  readonly args: readonly unknown[]
  result: unknown
}

function show(value: unknown): string {
  if (typeof value === 'string')
    return value.length > 60 ? `'${value.slice(0, 20)}…' (${value.length})` : JSON.stringify(value)
  if (typeof value === 'symbol') return value.toString()
  if (typeof value === 'bigint') return `${value}n`
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (typeof value === 'function') return 'function'
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : String(value)
  if (Array.isArray(value))
    return `[${value
      .slice(0, 6)
      .map((part) => (part === value ? 'itself' : show(part)))
      .join(', ')}${value.length > 6 ? ', …' : ''}]`
  return `{${Object.entries(value)
    .slice(0, 6)
    .map(([key, part]) => `${key}: ${typeof part === 'object' && part !== null ? '…' : show(part)}`)
    .join(', ')}}`
}

// ---- the world -----------------------------------------------------------------------------------------------

export class World {
  k: MoodyKernel
  readonly profile: Profile
  readonly hasNet: boolean
  /** Calls made directly. */
  calls = 0
  private readonly log: Entry[] = []
  private readonly begun: {
    readonly call: { blocked: boolean; result: unknown; died: boolean }
    readonly entry: Entry
  }[] = []
  private snapshot: Snapshot | null = null
  /** Ends the tracing that is going on. */
  private unwatch: (() => void) | null = null
  /** Actions that have been traced. */
  private watched = 0
  /** How often each call has succeeded, and failed. */
  private readonly outcomes: Outcomes

  constructor(profile: Profile, seed: number, outcomes: Outcomes) {
    refill()
    this.profile = profile
    this.hasNet = hasNetIn(seed)
    this.outcomes = outcomes
    const dice = new Dice(seed)
    this.k = createKernel({
      profile,
      seed,
      schedule: dice.pick(['random', 'random', 'round-robin']),
      pidMax: 320,
      maxTasks: MAX_TASKS,
      maxSteps: MAX_STEPS,
      backports: ['openat'],
      syscallTime: dice.pick([0, 0, 0, 1]),
      modules: [moody(), ...(this.hasNet ? [net()] : [])] as unknown as [ReturnType<typeof moody>],
    })
    const { sys } = this.init
    for (const [dir, mode] of [
      ['/w', 0o1777],
      ['/mnt/x', 0o777],
      ['/mnt/y', 0o777],
    ] as const) {
      sys.mkdir(dir, 0)
      sys.chmod(dir, mode)
    }
    sys.mknod('/w/fifo', S_IFIFO, 0)
    sys.chmod('/w/fifo', 0o666)
    sys.symlink('loop', '/w/loop')
    for (let n = 1; n < 12; n++) sys.symlink(`l${n + 1}`, `/w/l${n}`)
    sys.symlink('a', '/w/l12')
    sys.symlink(`${'./'.repeat(2000)}.`, '/w/long')
    this.k.install('/bin/walk', walk)
    this.k.install('/bin/amble', amble)
    this.k.install('/bin/direct', { kind: 'direct' })
    const fd = Number(sys.open('/bin/script', 0o101, 0o755))
    sys.write(fd, new TextEncoder().encode('#! /bin/walk 7 5\n'))
    sys.close(fd)
    this.k.moody.refuse(dice.pick([0, 0, 0, 50]))
  }

  private get init(): Process {
    const init = this.k.process(1)
    if (init === undefined) throw new Finding('pid 1 is gone')
    return init
  }

  /** The last calls, oldest first. */
  get tail(): string[] {
    return this.log.map(
      ({ who, name, args, result }) => `${who}.${name}(${args.map(show).join(', ')}) = ${show(result)}`,
    )
  }

  /** Carries an action out. Throws a Finding for what must not be. */
  perform(action: number): void {
    const dice = new Dice(action)
    const start = process.cpuUsage()
    const kind = dice.below(1000)
    if (kind < 20)
      this.guard('run', () => this.k.run({ maxSteps: 1 + dice.below(30), until: this.k.now + 5 }))
    else if (kind < 30) this.guard('step', () => this.k.step())
    else if (kind < 36) this.advance(dice)
    else if (kind < 50) this.spawn(dice)
    else if (kind < 51) this.copy(dice)
    else if (kind < 52) this.travel(dice)
    else if (kind === 52 && dice.chance(25)) this.watch(dice)
    else if (kind === 53 && dice.chance(50)) this.dig(dice)
    else if (kind < 57) this.injectFault(dice)
    else this.call(dice)
    this.collect()
    if (this.unwatch !== null && ++this.watched > MAX_WATCHED) this.stopWatching()
    const { user, system } = process.cpuUsage(start)
    if ((user + system) / 1000 > MAX_MS)
      throw new Finding(`one action has taken ${(user + system) / 1000} ms of the processor`)
  }

  /** The recount, and what only the fuzzer knows. */
  check(): void {
    const problems = checkInvariants(this.k)
    if (problems.length > 0) throw new Finding(`the books do not balance:\n  ${problems.join('\n  ')}`)
    const { size } = coreOf(this.k).state.tasks
    if (size > MAX_TASKS) throw new Finding(`there are ${size} tasks`)
  }

  // ---- actions -----------------------------------------------------------------------------------------------

  private call(dice: Dice): void {
    const process = this.someProcess(dice)
    if (process === null) {
      this.spawn(dice)
      return
    }
    const { name, args } = randomCall(dice, this.placeOf(process))
    const how = dice.pick(['sys', 'begin', 'begin', 'sys', 'begin', 'begin', 'sys', 'libc'] as const)
    const entry: Entry = { who: `${process.pid} ${how}`, name, args: args.slice(), result: '(no result)' }
    this.note(entry)
    const surface: unknown = Reflect.get(process[how], name)
    if (typeof surface !== 'function') throw new Finding(`there is no call '${name}'`)
    this.calls++
    this.guard(name, () => {
      const make = (): unknown => (surface as AnyCall).apply(process[how], args)
      const result = how === 'libc' ? errnoOf(make) : make()
      entry.result = result
      if (how === 'begin')
        this.begun.push({ call: result as { blocked: boolean; result: unknown; died: boolean }, entry })
      else {
        this.checkResult(entry, result)
        const isRefused = result === EACCES || result === EPERM
        if (isRefused && name !== 'fcntl' && name !== 'time') this.checkWhy(process, entry)
      }
    })
  }

  /** A process that can be told to do something, any but pid 1. */
  private someProcess(dice: Dice): Process | null {
    const idle: number[] = []
    for (const task of coreOf(this.k).state.tasks.values()) {
      if (task.pid !== 1 && task.state === 0 && task.call === null && (task.flags & 1) !== 0)
        idle.push(task.pid)
    }
    if (idle.length === 0) return null
    return this.k.process(dice.pick(idle)) ?? null
  }

  private placeOf(process: Process): Place {
    const { state } = coreOf(this.k)
    const pids = [...state.tasks.keys()].filter((pid) => pid !== 1)
    const files = state.tasks.get(process.pid)?.files.files ?? []
    const open: number[] = []
    for (let fd = 0; fd < files.length && open.length < 30; fd++) if (files[fd] != null) open.push(fd)
    return { pid: process.pid, pids, open, fds: Math.min(files.length, 30), hasNet: this.hasNet }
  }

  private spawn(dice: Dice): void {
    const { state } = coreOf(this.k)
    if (state.tasks.size > MAX_TASKS - 10) {
      this.cull(dice)
      return
    }
    const uid = dice.pick([0, 0, 0, 1000, 1001, 65_534])
    const parent = dice.chance(50) ? this.someProcess(dice) : null
    const argv = ['x', String(dice.next()), String(dice.below(25))]
    const kind = dice.below(20)
    const umask = dice.pick([0, 0o22, 0o77])
    const options = { uid, argv, umask, cwd: dice.chance(80) ? '/w' : '/', parent: parent ?? this.init }
    this.note({ who: 'host', name: 'spawn', args: [uid, kind, ...argv], result: undefined })
    this.guard('spawn', () => {
      if (kind < 12) this.k.spawn(options)
      else if (kind < 16) this.k.spawn({ ...options, program: walk })
      else if (kind < 18) this.k.spawn({ ...options, program: amble })
      else this.k.spawn({ ...options, program: stroll })
    })
  }

  /** Too many: some are killed where they are. */
  private cull(dice: Dice): void {
    const pids = [...coreOf(this.k).state.tasks.keys()].filter((pid) => pid !== 1)
    for (let n = 0; n < 12; n++) {
      const pid = dice.pick(pids)
      this.note({ who: '1 sys', name: 'kill', args: [pid, SIGKILL], result: undefined })
      this.guard('kill', () => this.init.sys.kill(pid, SIGKILL))
    }
  }

  private advance(dice: Dice): void {
    const ms = dice.pick([0, 1, 5, 20, 100])
    this.note({ who: 'host', name: 'advance', args: [ms], result: undefined })
    this.guard('advance', () => this.k.advance(ms))
  }

  /** The kernel is copied; the copy equals it, and the run goes on with one of them. */
  private copy(dice: Dice): void {
    this.note({ who: 'host', name: 'fork of the kernel', args: [], result: undefined })
    const copy = this.guard('fork', () => {
      const fresh = this.k.fork()
      // A caller's structure with accessors, in a call that sleeps, is never the same twice.
      const digest = this.k.digest()
      const isSteady = digest === this.k.digest()
      if (isSteady && fresh.digest() !== digest) throw new Finding('a copy of the kernel has another digest')
      return fresh
    })
    if (copy === undefined) return
    const problems = checkInvariants(copy)
    if (problems.length > 0)
      throw new Finding(`the books of a copy do not balance:\n  ${problems.join('\n  ')}`)
    if (dice.chance(50)) return
    this.stopWatching()
    this.k = copy
    this.snapshot = null
    this.begun.length = 0
  }

  /** There and back. */
  private travel(dice: Dice): void {
    if (this.snapshot === null || dice.chance(40)) {
      this.note({ who: 'host', name: 'snapshot', args: [], result: undefined })
      this.snapshot = this.guard('snapshot', () => this.k.snapshot()) ?? null
      return
    }
    const { snapshot } = this
    this.note({ who: 'host', name: 'restore', args: [], result: undefined })
    this.guard('restore', () => this.k.restore(snapshot))
    this.begun.length = 0
    this.check()
  }

  /** Somebody looks on for a while: all that is told has to be told without an error. */
  private watch(dice: Dice): void {
    this.note({ who: 'host', name: 'trace', args: [], result: undefined })
    this.stopWatching()
    const lines: string[] = []
    const printer = new StracePrinter((line) => lines.push(line), {
      timestamps: dice.chance(50),
      profile: this.profile,
      stringLimit: dice.pick([0, 5, 32, 200]),
    })
    const { events, stop } = recordTrace(this.k.trace)
    const detach = printer.attach(this.k.trace)
    this.watched = 0
    this.unwatch = () => {
      stop()
      detach()
      chromeTrace(events)
      JSON.stringify(this.k.describe())
    }
  }

  private stopWatching(): void {
    this.unwatch?.()
    this.unwatch = null
  }

  /** Memory or a copy fails soon. */
  private injectFault(dice: Dice): void {
    const n = 1 + dice.below(20)
    this.note({ who: 'host', name: 'failAt', args: [n], result: undefined })
    this.k.faults.failAt(n)
  }

  /** Somebody goes down, making directories on the way: paths and trees as deep as can be. */
  private dig(dice: Dice): void {
    const process = this.someProcess(dice)
    if (process === null) return
    const depth = dice.chance(4) ? 10_000 : dice.pick([30, 30, 300, 300, 1000])
    this.note({ who: `${process.pid} sys`, name: 'mkdir and chdir', args: [depth], result: undefined })
    this.guard('dig', () => {
      for (let level = 0; level < depth; level++) {
        this.calls += 2
        process.sys.mkdir('d', 0o777)
        if (process.state !== 'idle' || process.sys.chdir('d') !== 0 || process.state !== 'idle') return
      }
    })
  }

  // ---- judging -----------------------------------------------------------------------------------------------

  private note(entry: Entry): void {
    this.log.push(entry)
    if (this.log.length > LOG) this.log.shift()
  }

  /** Throws nothing but what hosts bring upon themselves. */
  private guard<T>(what: string, run: () => T): T | undefined {
    try {
      return run()
    } catch (error) {
      const isOwn =
        error instanceof WouldBlock ||
        error instanceof HandlerError ||
        error instanceof Finding ||
        (error instanceof RangeError && TOO_LONG.test(error.message)) ||
        (error instanceof Error && FOREIGN.test(error.message)) ||
        (error instanceof Error && error.message.startsWith('spawn: '))
      if (error instanceof Finding || !isOwn) {
        if (error instanceof Finding) throw error
        throw new Finding(`${what} threw ${textOf(error)}`)
      }
      const last = this.log.at(-1)
      if (last !== undefined) last.result = error.name
      return undefined
    }
  }

  private checkResult({ name, args }: Entry, result: unknown): void {
    if (typeof result !== 'number') {
      const isValue =
        typeof result === 'string' || Array.isArray(result) || (typeof result === 'object' && result !== null)
      if (!isValue) throw new Finding(`${name} returned ${String(result)}`)
      this.count(name, true)
      return
    }
    this.count(name, result >= 0 || name === 'time')
    if (!Number.isFinite(result)) throw new Finding(`${name} returned ${result}`)
    // The owner of a file may be a process group, and the time be before 1970.
    if (result >= 0 || ERRNOS.has(result) || (name === 'fcntl' && args[1] === 9) || name === 'time') return
    throw new Finding(`${name} returned ${result}, which is no error that a program may see`)
  }

  private count(name: string, isSuccess: boolean): void {
    const known = this.outcomes.get(name) ?? [0, 0]
    this.outcomes.set(name, known)
    known[isSuccess ? 0 : 1]++
  }

  /** EACCES and EPERM always have a reason. */
  private checkWhy(process: Process, { name, result }: Entry): void {
    const why = this.k.why(process)
    if (why === undefined) throw new Finding(`${name}: ${String(result)} without a reason`)
    if (why.check === 'kill') return
    if (why.errno !== result) throw new Finding(`${name} returned ${String(result)}, but: ${why.sentence}`)
    if (why.sentence === '') throw new Finding(`${name}: a reason without words`)
  }

  /** Results of calls that were only begun. */
  private collect(): void {
    for (let at = this.begun.length - 1; at >= 0; at--) {
      const { call, entry } = this.begun[at] as (typeof this.begun)[number]
      if (call.blocked) continue
      this.begun.splice(at, 1)
      entry.result = call.died ? 'died' : call.result
      if (!call.died) this.checkResult(entry, call.result)
    }
  }

  // ---- the end -----------------------------------------------------------------------------------------------

  /** Ends everything: nothing must be left. */
  finish(): void {
    this.end()
    const left = grown(expected(this.profile, this.hasNet), census(coreOf(this.k)))
    if (left.length > 0) throw new Finding(`left at the end: ${left.join('; ')}`)
  }

  /** Kills everybody and removes everything. */
  private end(): void {
    this.check()
    this.k.faults.off()
    this.k.moody.refuse(0)
    this.note({ who: '1 sys', name: 'kill', args: [-1, SIGKILL], result: undefined })
    this.guard('kill', () => this.init.sys.kill(-1, SIGKILL))
    for (let tries = 0; tries < 200; tries++)
      if (this.guard('run', () => this.k.run({ maxSteps: 20_000 })) !== undefined) break
    const { state } = coreOf(this.k)
    const left = [...state.tasks.values()].filter((task) => task !== state.init)
    if (left.length > 0)
      throw new Finding(
        `left after SIGKILL: ${left.map((task) => `${task.pid} (state ${task.state} in ${task.call?.name})`).join(', ')}`,
      )
    this.stopWatching()
    this.same('timers', state.timers.heap.length, 0)
    this.same('process groups', state.pgrps.size, 1)
    this.same('sessions', state.sessions.size, 1)
    this.same('users', state.userTasks.size, 1)
    this.same('open files of init', state.init?.files.files.filter((file) => file !== null).length, 0)
    this.check()
    this.unmountAll()
    this.removeAll()
    this.check()
  }

  /** What is left of a world in which next to nothing has happened. */
  static endOf(profile: Profile, hasNet: boolean): ReadonlyMap<string, number> {
    const world = new World(profile, hasNet ? 1 : 2, new Map())
    const { sys } = world.init
    if (hasNet) {
      const { sys } = world.k.spawn({ parent: world.init })
      Reflect.apply(Reflect.get(sys, 'socket') as AnyCall, sys, [1, 1, 0])
    }
    world.k.spawn({ parent: world.init }).sys.pipe()
    // Init keeps a list of pending signals from its first one on.
    sys.sigprocmask(0, [SIGUSR1])
    sys.kill(1, SIGUSR1)
    sys.tkill(1, SIGUSR1)
    sys.sigprocmask(1, [SIGUSR1])
    world.end()
    return census(coreOf(world.k))
  }

  private same(what: string, is: unknown, wanted: unknown): void {
    if (is !== wanted) throw new Finding(`${String(is)} ${what} are left, ${String(wanted)} there were`)
  }

  /** Everything but the root, the last one mounted first. */
  private unmountAll(): void {
    const core = coreOf(this.k)
    const { state } = core
    const flags = this.profile === '2.6.14' ? MNT_DETACH : 0
    for (const mnt of state.mounts.slice(1).reverse())
      if (state.mounts.includes(mnt)) this.same('refusals to unmount', doUmount(core, mnt, flags), 0)
    if (state.rootMnt === null) throw new Finding('there is no root')
    state.rootMnt.sb.flags = 0
    const idle = state.superBlocks.filter((sb) => sb !== state.rootMnt?.sb && !KEPT.has(sb.type))
    this.same('superblocks', idle.map(({ type }) => type).join(' '), '')
  }

  /** rm -rf /*, from wherever init is: the tree may be deeper than a path is long. */
  private removeAll(): void {
    const root = coreOf(this.k).state.rootMnt?.root
    if (root == null) throw new Finding('there is no root')
    const { sys } = this.init
    sys.chdir('/')
    for (let dir = root; ; ) {
      const [first] = dir.children?.values() ?? []
      if (first !== undefined && first.inode !== null && S_ISDIR(first.inode.mode)) {
        this.same(`of chdir to ${first.name}`, sys.chdir(first.name), 0)
        dir = first
      } else if (first !== undefined) this.same(`of removing ${first.name}`, sys.unlink(first.name), 0)
      else if (dir === root || dir.parent === null) break
      else {
        const { name, parent } = dir
        sys.chdir('..')
        this.same(`of removing ${name}`, sys.rmdir(name), 0)
        dir = parent
      }
    }
    const info = root.sb.data
    if (!(info instanceof RamfsInfo)) throw new Finding('the root is no ramfs')
    this.same('pages', info.pages, 0)
    this.same('inodes', info.inodes, 1)
  }
}

function textOf(error: unknown): string {
  if (error instanceof AggregateError) return textOf(error.errors[0])
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/** A call of `libc` throws what the others return. */
function errnoOf(make: () => unknown): unknown {
  try {
    return make()
  } catch (error) {
    if (error instanceof SyscallError) return error.errno
    throw error
  }
}

const EXPECTED = new Map<string, ReadonlyMap<string, number>>()

function expected(profile: Profile, hasNet: boolean): ReadonlyMap<string, number> {
  const key = `${profile} ${hasNet}`
  const counts = EXPECTED.get(key) ?? World.endOf(profile, hasNet)
  EXPECTED.set(key, counts)
  return counts
}
