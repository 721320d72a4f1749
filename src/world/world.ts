/**
 * Several kernels on one virtual clock, joined by wires.
 *
 * One step of a world is the arrival of a frame, or a step of one kernel: the earliest of what is due. At the same
 * moment frames come first, in the order in which they were sent, then the kernels take turns, a step each. So a run
 * depends on the seed, the kernels' options and what the host does, and on nothing else.
 *
 * All kernels show the same time whenever the host looks. A kernel of a world is driven by it: `kernel.run()`, `step()`,
 * `advance()` and direct calls that wait let the whole world go on.
 */

import { composeKernel } from '../create.js'
import { cloneGraph, digestGraph } from '../lib/graph.js'
import type { NetApi, Plug } from '../net/api.js'
import { checkInvariants } from '../programs/check_invariants.js'
import type { CoreSys } from '../programs/core_sys.js'
import type { AnyKernel } from '../programs/fail_each.js'
import { HostKernel } from '../programs/host.js'
import type { Kernel, KernelMember } from '../programs/kernel_type.js'
import type { Checked, ModuleList } from '../programs/module_types.js'
import type { KernelOptions, RunOptions } from '../programs/options.js'
import type { BoundSyscalls } from '../programs/sys_types.js'
import { auditWorld } from './audit.js'
import { WireCaptureState } from './capture.js'
import { Hub, Link } from './handles.js'
import { Member, type WorldState } from './state.js'
import {
  End,
  type Flight,
  land,
  readTraits,
  transmit,
  type WireOptions,
  WireState,
  WireTraits,
} from './wire.js'

/** What a world is made of. */
export interface WorldOptions {
  /** A safe integer that all random numbers of wires, and the seeds of kernels without one, come from. Default 1. */
  readonly seed?: number
  /** Steps after which `run` throws a RangeError instead of going on. Default 100 000 000. */
  readonly maxSteps?: number
}

/** A device of a kernel: what hubs are made of. */
export type Port = readonly [kernel: AnyKernel, device: string]

/** Numbers kernels and wires of a world and of its copies. */
interface Lineage {
  next: number
}

/** Several kernels on one clock: see createWorld. */
export class World {
  /** @internal What of it is not in its kernels. */
  readonly state: WorldState
  private readonly list: HostKernel[] = []
  private readonly maxSteps: number
  /** Worlds that come of one another have the same: it numbers what is made in any of them. */
  private readonly lineage: Lineage
  /** The numbers of the kernels. */
  private readonly births: number[] = []
  /** The kernels' ends of the wires, by the number of the end. Wiring. */
  private readonly plugs = new Map<number, Plug>()
  private readonly handles = new Map<number, Link | Hub>()

  /** @internal Use createWorld. */
  constructor(state: WorldState, maxSteps: number, lineage: Lineage) {
    this.state = state
    this.maxSteps = maxSteps
    this.lineage = lineage
  }

  // ---- kernels ---------------------------------------------------------------------------------------------

  /**
   * A new kernel of this world, as createKernel makes it; its clock is the world's. Without a seed it gets one of the
   * world's random numbers.
   */
  createKernel<const Ms extends ModuleList = readonly []>(
    options?: KernelOptions<Ms & Checked<Ms, KernelMember>, CoreSys & BoundSyscalls<NoInfer<Ms>>>,
  ): Kernel<Ms> {
    this.refuseListener('createKernel')
    const seed = this.state.random.next32()
    const given = (options ?? {}) as KernelOptions
    const kernel = composeKernel({ ...given, seed: given.seed ?? seed }, this.state.now)
    const member = new Member(this.list.length, this.state.turns++)
    this.state.members.push(member)
    this.adopt(kernel, this.lineage.next++)
    member.at = kernel.dueAt()
    this.state.agenda.insert(member)
    return kernel as unknown as Kernel<Ms>
  }

  /** The kernels, oldest first. */
  get kernels(): readonly Kernel[] {
    return this.list.slice() as unknown as Kernel[]
  }

  private adopt(kernel: HostKernel, birth: number): void {
    kernel.driver = this
    this.list.push(kernel)
    this.births.push(birth)
  }

  private numberOf(what: string, kernel: unknown): number {
    if (!(kernel instanceof HostKernel)) throw new TypeError(`${what}: a kernel is wanted`)
    if (kernel.driver !== this)
      throw new TypeError(`${what}: this kernel is not of this world: make it with world.createKernel()`)
    return this.list.indexOf(kernel)
  }

  // ---- wires -----------------------------------------------------------------------------------------------

  /**
   * Joins a device of a kernel with one of another, or of the same. The devices exist: see `kernel.net.addEthernet`.
   * Throws a TypeError for a kernel of another world or without `net()`, an unknown device, one that is plugged in
   * already, and options that cannot be.
   */
  link(a: AnyKernel, deviceA: string, b: AnyKernel, deviceB: string, options: WireOptions = {}): Link {
    const wire = this.makeWire('link', options, false, [
      [a, deviceA],
      [b, deviceB],
    ])
    const link = new Link(this, wire.id, this.lineage.next++)
    this.handles.set(wire.id, link)
    return link
  }

  /** Joins any number of devices: what one sends comes to all others. Throws a TypeError as `link` does. */
  hub(ports: readonly Port[], options: WireOptions = {}): Hub {
    if (!Array.isArray(ports)) throw new TypeError('hub: a list of [kernel, device] is wanted')
    const wire = this.makeWire('hub', options, true, ports)
    const hub = new Hub(this, wire.id, this.lineage.next++)
    this.handles.set(wire.id, hub)
    return hub
  }

  private makeWire(what: string, options: WireOptions, isHub: boolean, ports: readonly Port[]): WireState {
    this.refuseListener(what)
    const { state } = this
    const traits = readTraits(what, options, new WireTraits())
    const seeds = isHub ? [state.random.next32()] : [state.random.next32(), state.random.next32()]
    const wire = new WireState(state.nextWire++, isHub, seeds)
    Object.assign(wire.traits, traits)
    try {
      for (const port of ports) this.plug(what, wire, port)
    } catch (error) {
      this.removeWire(wire)
      throw error
    }
    state.wires.push(wire)
    return wire
  }

  /** Plugs a device into a wire. */
  private plug(what: string, wire: WireState, port: Port): void {
    if (!Array.isArray(port) || typeof port[1] !== 'string')
      throw new TypeError(`${what}: a kernel and the name of a device are wanted`)
    const [kernel, device] = port
    const number = this.numberOf(what, kernel)
    const lane = wire.lanes[wire.isHub ? 0 : wire.ends.length]
    if (lane === undefined) throw new TypeError(`${what}: a link has two ends`)
    const end = new End(this.state.nextEnd++, number, device, wire, lane)
    this.connect(what, end, wire.traits.mtu)
    wire.ends.push(end)
  }

  /** Puts the plug of an end into its device. */
  private connect(what: string, end: End, mtu: number): void {
    const { state } = this
    const kernel = this.list[end.kernel] as HostKernel & { readonly net?: NetApi }
    if (kernel.net === undefined)
      throw new TypeError(`${what}: kernel ${end.kernel} has no network: give it net() in its modules`)
    const wire = { transmit: (frame: Uint8Array) => transmit(state.air, kernel.state.now, end, frame) }
    try {
      this.plugs.set(end.id, kernel.net.plugIn(end.device, wire, mtu === 0 ? undefined : mtu))
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new TypeError(`${what}: kernel ${end.kernel}: ${reason}`)
    }
  }

  private disconnect(end: End): void {
    end.isPlugged = false
    this.plugs.get(end.id)?.pull()
    this.plugs.delete(end.id)
  }

  /** @internal */
  wireOf(id: number): WireState {
    const wire = this.state.wires.find((candidate) => candidate.id === id)
    if (wire === undefined) throw new TypeError('this link or hub has been removed')
    return wire
  }

  /** @internal */
  configureWire(wire: WireState, options: WireOptions): void {
    const what = wire.isHub ? 'hub' : 'link'
    this.refuseListener(what)
    Object.assign(wire.traits, readTraits(what, options, wire.traits))
    if (options.mtu === undefined) return
    for (const end of wire.ends) {
      this.plugs.get(end.id)?.pull()
      this.connect(what, end, options.mtu)
    }
  }

  /** @internal */
  startWireCapture(wire: WireState): void {
    this.refuseListener('capture')
    const first = this.list[wire.ends[0]?.kernel ?? 0]
    wire.captures.push(new WireCaptureState(first?.facts.epoch ?? 0))
  }

  /** @internal */
  plugHub(wire: WireState, kernel: object, device: string): void {
    this.refuseListener('hub')
    this.plug('hub', wire, [kernel as AnyKernel, device])
  }

  /** @internal */
  unplugHub(wire: WireState, kernel: object, device: string): void {
    this.refuseListener('hub')
    const number = this.numberOf('hub', kernel)
    const at = wire.ends.findIndex((end) => end.kernel === number && end.device === device)
    const end = wire.ends[at]
    if (end === undefined) throw new TypeError(`hub: '${device}' of kernel ${number} is not plugged in`)
    wire.ends.splice(at, 1)
    this.disconnect(end)
  }

  /** @internal */
  removeWire(wire: WireState): void {
    for (const end of wire.ends) this.disconnect(end)
    wire.ends = []
    this.state.wires = this.state.wires.filter((other) => other !== wire)
    this.handles.delete(wire.id)
  }

  // ---- time ------------------------------------------------------------------------------------------------

  /** Milliseconds since the world began, virtual: the `now` of every kernel. */
  get now(): number {
    return this.state.now
  }

  /** A frame arrives, or one kernel makes a step, or time jumps to where one of these is due. False when nothing is. */
  step(): boolean {
    this.refuseListener('step')
    this.enter()
    try {
      return this.next(Number.POSITIVE_INFINITY)
    } finally {
      this.leave()
    }
  }

  /**
   * Runs until nothing can: no task is runnable, no timer set, no frame on its way (or `until` is reached). Returns the
   * number of steps. Throws a RangeError after the world's `maxSteps`, unless the option says otherwise.
   */
  run(options: RunOptions = {}): number {
    this.refuseListener('run')
    const { maxSteps, until = Number.POSITIVE_INFINITY } = options
    const limit = maxSteps ?? this.maxSteps
    this.enter()
    try {
      for (let steps = 0; ; steps++) {
        if (steps >= limit) {
          if (maxSteps !== undefined) return steps
          throw new RangeError(`run() did not come to rest in ${limit} steps: pass { maxSteps } or { until }`)
        }
        if (this.next(until)) continue
        // A program may have reached past the world to another kernel.
        this.enter()
        if (!this.next(until)) return steps
      }
    } finally {
      this.leave()
    }
  }

  /** Lets the world go on until `time`, in milliseconds since it began, and sets the clock to it. */
  runUntil(time: number): void {
    if (!(time >= this.state.now) || time === Number.POSITIVE_INFINITY)
      throw new RangeError(`runUntil(${time}): a moment from now, ${this.state.now}, on is wanted`)
    this.run({ until: time })
    this.state.now = Math.max(this.state.now, time)
    this.leave()
  }

  /** Lets `milliseconds` of virtual time pass. */
  advance(milliseconds: number): void {
    if (!(milliseconds >= 0) || milliseconds === Number.POSITIVE_INFINITY)
      throw new RangeError(`advance(${milliseconds}): a finite number of milliseconds >= 0 is wanted`)
    this.runUntil(this.state.now + milliseconds)
  }

  /** @internal A step while a call of the host's waits. */
  stepInside(): boolean {
    return this.next(Number.POSITIVE_INFINITY)
  }

  /** What is due first happens, unless it is after `until`: false. */
  private next(until: number): boolean {
    const { air, agenda } = this.state
    const flight = air.first()
    const member = agenda.first()
    if (flight !== undefined && (member === undefined || flight.at <= member.at)) {
      if (flight.at > until) return false
      this.arrive(flight)
      return true
    }
    if (member === undefined || member.at > until || member.at === Number.POSITIVE_INFINITY) return false
    this.turn(member)
    return true
  }

  /** One kernel makes a step. */
  private turn(member: Member): void {
    const kernel = this.kernelAt(member.number, member.at)
    member.seq = this.state.turns++
    try {
      kernel.stepAlone(kernel.state.now)
    } finally {
      this.reschedule(member, kernel)
    }
  }

  private arrive(flight: Flight): void {
    const { end } = flight
    const kernel = this.kernelAt(end.kernel, flight.at)
    const plug = this.plugs.get(end.id)
    if (!land(this.state.air, flight) || plug === undefined) return
    try {
      plug.receive(flight.frame)
      kernel.attend()
    } finally {
      const member = this.state.members[end.kernel]
      if (member !== undefined) this.reschedule(member, kernel)
    }
  }

  /** A kernel, whose clock and the world's are at least at `time` now. */
  private kernelAt(number: number, time: number): HostKernel {
    const { state } = this
    if (time > state.now) state.now = time
    const kernel = this.list[number] as HostKernel
    if (state.now > kernel.state.now) kernel.state.now = state.now
    return kernel
  }

  private reschedule(member: Member, kernel: HostKernel): void {
    const at = kernel.dueAt()
    member.at = at
    this.state.agenda.moved(member)
  }

  /** @internal The host may have done anything with any kernel: sees when each can go on. */
  enter(): void {
    for (const member of this.state.members) {
      const kernel = this.list[member.number]
      if (kernel === undefined) continue
      const at = kernel.dueAt()
      if (at === member.at) continue
      member.at = at
      this.state.agenda.moved(member)
    }
  }

  /** @internal Every kernel shows the world's time. */
  leave(): void {
    const { now } = this.state
    for (const kernel of this.list) if (now > kernel.state.now) kernel.state.now = now
  }

  private refuseListener(what: string): void {
    for (const kernel of this.list) kernel.refuseListener(what)
  }

  // ---- copies ----------------------------------------------------------------------------------------------

  /** A copy of the whole world, frames on their way included, from which both go their own ways. */
  fork(): World {
    this.refuseListener('fork')
    const copy = new World(cloneGraph(this.state), this.maxSteps, this.lineage)
    for (const [at, kernel] of this.list.entries()) copy.adopt(kernel.fork(), this.births[at] ?? -1)
    for (const wire of copy.state.wires) {
      for (const end of wire.ends) copy.connect('fork', end, 0)
      const birth = this.handles.get(wire.id)?.birth ?? -1
      copy.handles.set(wire.id, wire.isHub ? new Hub(copy, wire.id, birth) : new Link(copy, wire.id, birth))
    }
    return copy
  }

  /**
   * What a kernel, link or hub of a world is in this copy of that world. Throws a TypeError for what is of a world that
   * has nothing to do with this one, or did not exist when the copy was made.
   */
  twinOf<T extends AnyKernel | Link | Hub>(original: T): T {
    const twin =
      original instanceof HostKernel ? this.twinKernel(original) : this.twinHandle(original as unknown)
    if (twin === undefined)
      throw new TypeError('twinOf: a kernel, link or hub of a world that this is a copy of is wanted')
    return twin as unknown as T
  }

  private twinKernel(original: HostKernel): HostKernel | undefined {
    const world = original.driver
    if (!(world instanceof World) || world.lineage !== this.lineage) return undefined
    const birth = world.births[world.list.indexOf(original)]
    return this.list.find((_, at) => this.births[at] === birth)
  }

  private twinHandle(original: unknown): Link | Hub | undefined {
    if (!(original instanceof Link || original instanceof Hub)) return undefined
    if ((original.world as World).lineage !== this.lineage) return undefined
    const twin = this.handles.get(original.id)
    return twin?.birth === original.birth ? twin : undefined
  }

  /** 16 hexadecimal digits over the states of all kernels, the wires, and what is on them: equal for equal runs. */
  digest(): string {
    this.refuseListener('digest')
    return digestGraph({ world: this.state, kernels: this.list.map((kernel) => kernel.digest()) })
  }

  /** Recounts the books of the world and of all kernels, as checkInvariants does: what disagrees, as sentences. */
  checkInvariants(): string[] {
    const problems = auditWorld(this.state, this.list)
    for (const [number, kernel] of this.list.entries())
      for (const problem of checkInvariants(kernel)) problems.push(`kernel ${number}: ${problem}`)
    return problems
  }
}
