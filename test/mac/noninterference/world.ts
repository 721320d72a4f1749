/**
 * One kernel with two compartments and an administrator, who has set it up and is silent from then on. `run` carries a
 * plan out and returns all that the watched compartment has observed.
 */
import {
  createKernel,
  isErr,
  type Kernel,
  type KernelCore,
  MS_REMOUNT,
  type Process,
  type Program,
  S_IFIFO,
  type Sys,
  type SyscallExitEvent,
  type Task,
} from 'paleokernel'
import { bufflink } from 'paleokernel/bufflink'
import { mac } from 'paleokernel/mac'
import { net } from 'paleokernel/net'
import { seccomp } from 'paleokernel/seccomp'
import { sockfs } from 'paleokernel/sockfs'
import { HandlerError, type Place, refill } from '../../fuzz/arguments.js'
import { Dice, mix } from '../../fuzz/dice.js'
import type { Outcomes } from '../../fuzz/world.js'
import { coreOf, ok } from '../../helpers/world.js'
import { type Call, drawCall, FAKE, NOBODY, type Numbers } from './actions.js'
import { look } from './look.js'
import type { Extra, Plan, Side, Slot } from './plan.js'
import { Recorder } from './recorder.js'

/** What a run may be told besides. */
export interface RunOptions {
  /** Plants a leak, to test the test. */
  readonly tamper?: (core: KernelCore) => void
  /** How often each call of a side has succeeded, and failed. */
  readonly outcomes?: Readonly<Record<Side, Outcomes>>
}

/** A run that has to be left out: it does not come to an end. */
export class Endless extends Error {}

/** Steps of programs in one slot. */
const MAX_STEPS = 2000
const MAX_TASKS = 14
const LABELS: Readonly<Record<Side, string>> = { a: '10:1', b: '10:2' }
const COMPARTMENTS: Readonly<Record<Side, string>> = { a: '1', b: '2' }
const ADDRESSES: Readonly<Record<Side, string>> = { a: '10.0.0.1', b: '10.0.0.2' }

const extras: Readonly<Record<Extra, () => unknown[]>> = {
  none: () => [],
  bufflink: () => [bufflink()],
  sockfs: () => [sockfs()],
  seccomp: () => [seccomp()],
}

type Machine = Kernel<readonly [ReturnType<typeof net>, ReturnType<typeof mac>]>

export class World {
  readonly k: Machine
  readonly plan: Plan
  readonly recorder: Recorder
  private readonly outcomes: Readonly<Record<Side, Outcomes>>
  /** Tasks of each side, oldest first, by serial number. */
  private readonly members: Record<Side, Task[]> = { a: [], b: [] }
  private readonly lookers: Process[] = []
  private readonly isAlone: boolean

  constructor(plan: Plan, isAlone: boolean, { tamper, outcomes }: RunOptions = {}) {
    refill()
    this.plan = plan
    this.isAlone = isAlone
    this.outcomes = outcomes ?? { a: new Map(), b: new Map() }
    this.k = createKernel({
      profile: plan.profile,
      seed: plan.seed,
      backports: ['openat'],
      modules: [net(), mac({ sealed: plan.sealed }), ...extras[plan.extra]()] as unknown as [
        ReturnType<typeof net>,
        ReturnType<typeof mac>,
      ],
    })
    this.recorder = new Recorder(coreOf(this.k), (pid) => this.indexOf(pid), plan.sealed)
    this.setUp()
    tamper?.(coreOf(this.k))
    this.k.trace.on('task:fork', ({ pid, childPid }) => {
      const side = this.sideOf(pid)
      const child = coreOf(this.k).state.tasks.get(childPid)
      if (side !== null && child !== undefined) this.members[side].push(child)
    })
    this.recorder.firstDev = coreOf(this.k).state.nextAnonDev - 1
    for (const side of plan.othersFirst ? (['b', 'a'] as const) : (['a', 'b'] as const)) this.populate(side)
    this.recorder.stranger = this.numbersOf('a')?.stranger ?? -1
    this.k.trace.on('syscall:enter', ({ pid, name }) => {
      const side = this.sideOf(pid)
      if (side !== null && !this.outcomes[side].has(name)) this.outcomes[side].set(name, [0, 0])
    })
    this.k.trace.on('syscall:exit', this.onExit)
    this.k.trace.on('signal:deliver', (event) => {
      if (this.sideOf(event.pid) === 'a') this.recorder.signal(event)
    })
    this.k.trace.on('task:exit', (event) => {
      if (this.sideOf(event.pid) === 'a') this.recorder.exit(event)
    })
  }

  /** Carries the plan out. Throws Endless where programs do not come to rest. */
  run(): readonly string[] {
    for (const slot of this.plan.slots) this.perform(slot)
    return this.recorder.observations
  }

  private readonly onExit = (event: SyscallExitEvent): void => {
    const side = this.sideOf(event.pid)
    if (side === null) return
    const counts = this.outcomes[side].get(event.name) ?? [0, 0]
    counts[isErr(event.ret) ? 1 : 0]++
    this.outcomes[side].set(event.name, counts)
    if (side === 'a') this.recorder.call(event)
  }

  // ---- setting up --------------------------------------------------------------------------------------------

  private setUp(): void {
    const { k } = this
    k.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, 1))
    for (const side of ['a', 'b'] as const) {
      k.net.configure('eth0', { address: `${ADDRESSES[side]}/24` })
      k.mac.reserve(ADDRESSES[side], Number(COMPARTMENTS[side]))
    }
    const admin = k.spawn({ umask: 0 })
    const { sys } = admin
    const dir = (path: string): void => {
      const made = sys.mkdir(path, 0o755)
      if (isErr(made) && sys.chdir(path) !== 0) throw new Error(`mkdir ${path}: ${made}`)
    }
    for (const path of [
      '/mls',
      '/own',
      '/shared',
      '/shared/dir',
      '/mnt',
      '/mnt/x',
      '/mnt/y',
      '/w',
      '/tmp',
      '/bin',
    ])
      dir(path)
    const write = (path: string, text: string, mode: number): void => {
      const fd = ok(sys.open(path, 0o101, mode))
      ok(sys.write(fd, new TextEncoder().encode(text)))
      ok(sys.close(fd))
    }
    write('/shared/text', 'shared text\n'.repeat(50), 0o644)
    ok(sys.mknod('/shared/fifo', S_IFIFO | 0o666, 0))
    k.install('/bin/walk', wander)
    k.install('/bin/amble', wander)
    k.install('/bin/direct', { kind: 'direct' })
    write('/bin/script', '#! /bin/walk 7 5\n', 0o755)
    for (const name of ['w', 'tmp']) {
      dir(`/mls/${name}`)
      for (const side of ['a', 'b'] as const) {
        const path = `/mls/${name}/${COMPARTMENTS[side]}`
        dir(path)
        ok(sys.mount('none', path, 'ramfs', 0, `mac=${LABELS[side]}`))
        ok(sys.chmod(path, 0o1777))
        sys.symlink('loop', `${path}/loop`)
        sys.symlink('a', `${path}/l`)
        ok(sys.mknod(`${path}/fifo`, S_IFIFO | 0o666, 0))
        dir(`${path}/sub`)
        write(`${path}/a`, `text of ${name}`, 0o666)
      }
      ok(sys.mount('none', `/${name}`, 'mlsfs', 0, `base=/mls/${name}`))
    }
    for (const side of ['a', 'b'] as const) {
      const path = `/own/${COMPARTMENTS[side]}`
      dir(path)
      ok(sys.mount('none', path, 'ramfs', 0, `mac=${LABELS[side]}`))
      ok(sys.chmod(path, 0o777))
      dir(`${path}/sub`)
      write(`${path}/a`, 'own text', 0o666)
    }
    this.recorder.shared = new Set(['/', '/dev', '/proc'].map((path) => Number(ok(sys.stat(path)).dev)))
    for (const path of ['/', '/dev']) sys.mount('none', path, '', MS_REMOUNT, 'mac=20:0+shared')
  }

  private populate(side: Side): void {
    if (side === 'b' && this.isAlone) return
    const dice = new Dice(mix(this.plan.seed, side === 'a' ? 1 : 2))
    const add = (uid: number, program: boolean, comm = 'x'): Process => {
      const p = this.k.spawn({
        uid,
        umask: dice.pick([0, 0o22]),
        comm,
        cwd: '/',
        ...(program ? { program: wander, argv: ['walk', String(dice.next()), '20'] } : {}),
      })
      this.k.mac.setLabel(p.pid, LABELS[side])
      this.members[side].push(p.current())
      return p
    }
    for (const uid of [0, 1000, dice.pick([0, 1000, 1001])]) ok(add(uid, false).sys.chdir('/w'))
    for (const uid of [dice.pick([0, 1000]), 1001]) add(uid, true)
    if (side === 'a') for (const uid of [0, 1000]) this.lookers.push(add(uid, false, `u${uid}`))
  }

  // ---- who is who --------------------------------------------------------------------------------------------

  private sideOf(pid: number): Side | null {
    const task = coreOf(this.k).state.tasks.get(pid)
    if (task === undefined) return null
    if (this.members.a.includes(task)) return 'a'
    return this.members.b.includes(task) ? 'b' : null
  }

  /** 'My task n' of a number; -1 for others. The youngest with the number. */
  private indexOf(pid: number): number {
    for (let n = this.members.a.length - 1; n >= 0; n--) if (this.members.a[n]?.pid === pid) return n
    return -1
  }

  private numbersOf(side: Side): Numbers | null {
    if (this.plan.sealed) return null
    const members = this.members[side]
    const others = this.members[side === 'a' ? 'b' : 'a']
    return {
      own: (n) => members[n]?.pid ?? NOBODY - n,
      stranger: side === 'a' && this.isAlone ? NOBODY : (others[0]?.pid ?? NOBODY),
    }
  }

  // ---- slots -------------------------------------------------------------------------------------------------

  private perform(slot: Slot): void {
    if (slot.kind === 'act') this.act(slot.side, new Dice(slot.action))
    else if (slot.kind === 'tick') this.tick(slot.ms, slot.action)
    else {
      const looker = this.lookers[slot.looker]
      this.k.trace.off('syscall:exit', this.onExit)
      if (looker !== undefined) look(looker, this.recorder)
      this.k.trace.on('syscall:exit', this.onExit)
    }
    const sent = this.k.net.takeFrames('eth0')
    if (sent.length > 1e6) throw new Error('too many frames')
  }

  /** A call of an idle task that is driven directly, or a step of a program. */
  private act(side: Side, dice: Dice): void {
    const idle: Task[] = []
    for (const task of this.members[side]) {
      const isDirect = (task.flags & 1) !== 0
      if (isDirect && task.state === 0 && task.call === null && !this.isLooker(task)) idle.push(task)
      else if (!isDirect && task.queued !== null) idle.push(task)
    }
    if (idle.length === 0) return
    const task = dice.pick(idle)
    if ((task.flags & 1) === 0) {
      this.step(task)
      return
    }
    const process = this.k.process(task.pid)
    if (process === undefined) return
    const call = drawCall(dice, this.placeOf(side, task), this.numbersOf(side))
    if (isTooMuch(call, this.members[side])) return
    this.guard(() => {
      const surface: unknown = Reflect.get(process.begin, call.name)
      if (typeof surface === 'function') surface.apply(process.begin, call.args)
    })
  }

  private isLooker(task: Task): boolean {
    return this.lookers.some(({ serial }) => serial === task.serial)
  }

  private placeOf(side: Side, task: Task): Place {
    const open: number[] = []
    const { files } = task.files
    for (let fd = 0; fd < files.length && open.length < 30; fd++) if (files[fd] != null) open.push(fd)
    const fds = Math.min(files.length, 30)
    const pids = this.plan.sealed
      ? [1, 2, 3, 4, 5, 6, 7, 8, 9]
      : Array.from({ length: Math.max(1, this.members[side].length) }, (_, n) => FAKE + n)
    const pid = this.plan.sealed ? 2 : FAKE + this.members[side].indexOf(task)
    return { pid, pids, open, fds, hasNet: true }
  }

  /** One step of a program. */
  private step(task: Task): void {
    const { state } = coreOf(this.k)
    let index = 0
    for (let other = state.runQueue.head; other !== null && other !== task; other = other.runNext) index++
    this.guard(() => void hostOf(this.k).stepWith(index))
  }

  /** Time passes. In a compartment its own dice say who runs; which compartment, others. */
  private tick(ms: number, action: number): void {
    const host = hostOf(this.k)
    const { state } = coreOf(this.k)
    const until = state.now + ms
    const between = new Dice(mix(action, 3))
    const inside: Readonly<Record<Side, Dice>> = { a: new Dice(mix(action, 1)), b: new Dice(mix(action, 2)) }
    for (let steps = 0; ; steps++) {
      if (steps > MAX_STEPS) throw new Endless('programs do not come to rest')
      const ready: Record<Side, Task[]> = { a: [], b: [] }
      for (let task = state.runQueue.head; task !== null; task = task.runNext)
        ready[this.members.a.includes(task) ? 'a' : 'b'].push(task)
      const sides = (['a', 'b'] as const).filter((side) => ready[side].length > 0)
      if (sides.length > 0) {
        const side = sides.length === 1 ? (sides[0] ?? 'a') : between.pick(sides)
        this.step(inside[side].pick(ready[side]))
      } else if (host.dueAt() <= until) this.guard(() => void host.stepAlone(until))
      else break
    }
    this.k.advance(Math.max(0, until - state.now))
  }

  /** Handlers of the host's may throw: that is their own fault. */
  private guard(action: () => void): void {
    try {
      action()
    } catch (error) {
      const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error]
      for (const each of errors) if (!(each instanceof HandlerError)) throw each
    }
  }
}

/** What the scheduler offers to who chooses himself. */
interface Host {
  stepWith(choice: number): boolean
  stepAlone(until: number): boolean
  dueAt(): number
}

const hostOf = (k: unknown): Host => k as Host

/** No compartment fills the machine: what that tells is a matter of quotas, not of this test. */
function isTooMuch({ name }: Call, members: readonly Task[]): boolean {
  const isFork = name === 'fork' || name === 'vfork' || name === 'clone'
  return isFork && members.filter(({ state }) => state < 8).length >= MAX_TASKS
}

/** A program: random calls, `wander SEED STEPS`. What it means by numbers of tasks are its own and its children. */
function* wander(sys: Sys, seed = '1', steps = '10'): Program {
  let dice = new Dice(Number(seed) | 0)
  const pids = [Number(yield* sys.getpid())]
  const numbers: Numbers = { own: (n) => pids[n] ?? NOBODY - n, stranger: NOBODY }
  for (let step = 0; step < Math.min(Number(steps) || 5, 25); step++) {
    const place = { fds: 6, open: [], pid: FAKE, pids: [FAKE, FAKE + 1, FAKE + 2], hasNet: true }
    const { name, args } = drawCall(dice, place, numbers)
    const call: unknown = Reflect.get(sys, name)
    if (typeof call !== 'function') continue
    if ((name === 'clone' || name === 'fork' || name === 'vfork') && pids.length > 3) continue
    const result: unknown = yield* call.apply(sys, args)
    if (name !== 'fork' && name !== 'vfork') continue
    if (result === 0) {
      pids.splice(0, pids.length, Number(yield* sys.getpid()))
      dice = new Dice(dice.next())
    } else if (typeof result === 'number' && result > 0) pids.push(result)
  }
  return 3
}
