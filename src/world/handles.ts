/**
 * Wires as their users hold them. A handle knows its wire by number, so that it means the same in copies of the world:
 * see `twinOf` in world.ts.
 */

import { WireCapture } from './capture.js'
import type { WireCounters, WireOptions, WireState } from './wire.js'
import type { World } from './world.js'

/** What links and hubs have in common. */
abstract class WireHandle {
  /** @internal Whose it is. */
  readonly world: World
  /** @internal Its number in that world. */
  readonly id: number
  /** @internal Its number among all that the world and its copies have made. */
  readonly birth: number

  /** @internal */
  constructor(world: World, id: number, birth: number) {
    this.world = world
    this.id = id
    this.birth = birth
  }

  /** Is it cut? */
  get isCut(): boolean {
    return this.state.isCut
  }

  /** What the wire does to frames. */
  get options(): Required<WireOptions> {
    return { ...this.state.traits }
  }

  /** Changes what is named, for frames that are sent from now on. Throws a TypeError as `world.link` does. */
  configure(options: WireOptions): void {
    this.world.configureWire(this.state, options)
  }

  /** Cuts it: what is on it is lost, and so is what is sent into it. The devices notice nothing. */
  cut(): void {
    const { state } = this
    if (state.isCut) return
    state.isCut = true
    state.epoch++
  }

  /** Mends it. */
  mend(): void {
    this.state.isCut = false
  }

  /** Begins to capture what is on it: every frame once, lost ones too. A part of the world's state, copied with it. */
  capture(): WireCapture {
    const at = this.state.captures.length
    this.world.startWireCapture(this.state)
    return new WireCapture(() => this.state, at)
  }

  /** All captures, in the order in which they began. */
  get captures(): readonly WireCapture[] {
    return this.state.captures.map((_, at) => new WireCapture(() => this.state, at))
  }

  /** Takes it away, as `cut`; its devices can be linked anew. The handle is of no use any more. */
  remove(): void {
    this.world.removeWire(this.state)
  }

  /** @internal */
  get state(): WireState {
    return this.world.wireOf(this.id)
  }
}

/** A link between two devices. */
export class Link extends WireHandle {
  /** What has gone from the first device to the second, and from the second to the first. */
  get counters(): readonly [WireCounters, WireCounters] {
    const [there, back] = this.state.lanes
    if (there === undefined || back === undefined) throw new TypeError('this link has been removed')
    return [{ ...there.counters }, { ...back.counters }]
  }
}

/** A hub: what one device sends comes to all others. They share its rate and its queue. */
export class Hub extends WireHandle {
  /** What has gone through it; each arrival counts. */
  get counters(): WireCounters {
    const [lane] = this.state.lanes
    if (lane === undefined) throw new TypeError('this hub has been removed')
    return { ...lane.counters }
  }

  /** Plugs in another device. Throws a TypeError as `world.hub` does. */
  plug(kernel: object, device: string): void {
    this.world.plugHub(this.state, kernel, device)
  }

  /** Pulls a device out: what is on its way there is lost. Throws a TypeError for one that is not plugged in. */
  unplug(kernel: object, device: string): void {
    this.world.unplugHub(this.state, kernel, device)
  }
}
