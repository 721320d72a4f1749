/**
 * Wires between kernels, as data: what they do to frames, and the frames that are on them.
 *
 * A link has two ends and a lane for each direction; a hub has any number of ends and one lane, which all share. Every
 * lane has random numbers of its own, so that what happens on one wire does not depend on the traffic of another.
 */

import { DueHeap } from '../lib/due_heap.js'
import { Random } from '../sim/random.js'
import type { WireCaptureState } from './capture.js'

/** What a wire does to frames. Everything has a default: at once, without limit, and none lost. */
export interface WireOptions {
  /** Milliseconds from the end of the sending to the arrival; fractions are fine. Default 0. */
  readonly delay?: number
  /** Bits per second; frames wait for one another. 0, the default: no time passes in sending. */
  readonly rate?: number
  /** How many frames may wait for, or be in, the sending, where there is a rate; the next is dropped. Default 100. */
  readonly queue?: number
  /** How likely a frame is lost: 0 to 1. Default 0. */
  readonly loss?: number
  /** How likely a frame arrives twice: 0 to 1. Default 0. */
  readonly duplicate?: number
  /** How likely a frame is held up, so that later ones overtake it: 0 to 1. Default 0. */
  readonly reorder?: number
  /** For how many milliseconds it is held up. Default 10. */
  readonly reorderDelay?: number
  /**
   * The most bytes of a packet, without the link header: 68 to 65535. The devices that are plugged in get it as their
   * MTU. Without it devices keep theirs, and the wire takes everything.
   */
  readonly mtu?: number
}

/** What has gone through a lane. A hub counts arrivals once for each device that they come to. */
export interface WireCounters {
  /** Frames that devices have sent into it. */
  readonly frames: number
  /** Their bytes, link headers and all. */
  readonly bytes: number
  /** Frames that have arrived. */
  readonly delivered: number
  /** Lost by chance. */
  readonly lost: number
  /** Frames that found the queue full. */
  readonly dropped: number
  /** Frames that were longer than the wire's MTU. */
  readonly tooLong: number
  /** Frames that came while the wire was cut, or were on it when it was. */
  readonly cut: number
  /** Second copies that have been made. */
  readonly duplicated: number
  /** Frames that were held up. */
  readonly reordered: number
  /** Frames that are on the wire now. */
  readonly inFlight: number
}

/** What the wire does, complete. */
export class WireTraits {
  delay = 0
  rate = 0
  queue = 100
  loss = 0
  duplicate = 0
  reorder = 0
  reorderDelay = 10
  /** 0: takes everything. */
  mtu = 0
}

/** What of WireCounters changes. */
export class LaneCounters implements WireCounters {
  frames = 0
  bytes = 0
  delivered = 0
  lost = 0
  dropped = 0
  tooLong = 0
  cut = 0
  duplicated = 0
  reordered = 0
  inFlight = 0
}

/** A way through a wire. */
export class Lane {
  counters = new LaneCounters()
  random: Random
  /** When the last frame that waits will have been sent. */
  busyUntil = 0
  /** When those that wait will have been sent, oldest first. */
  leaving: number[] = []

  constructor(seed: number) {
    this.random = new Random(seed)
  }
}

/** A device in a wire. */
export class End {
  /** Numbers the ends of a world. */
  readonly id: number
  /** Which kernel. */
  readonly kernel: number
  /** Which of its devices. */
  readonly device: string
  readonly wire: WireState
  /** What it sends into. */
  readonly lane: Lane
  /** Until it is pulled out. */
  isPlugged = true

  constructor(id: number, kernel: number, device: string, wire: WireState, lane: Lane) {
    this.id = id
    this.kernel = kernel
    this.device = device
    this.wire = wire
    this.lane = lane
  }
}

/** A link or a hub. */
export class WireState {
  readonly id: number
  readonly isHub: boolean
  readonly traits = new WireTraits()
  ends: End[] = []
  /** One for each direction of a link; one for a hub. */
  lanes: Lane[]
  isCut = false
  /** Who wants to know what is on it. */
  captures: WireCaptureState[] = []
  /** Counts the cuts: what was sent before one does not arrive. */
  epoch = 0

  constructor(id: number, isHub: boolean, seeds: readonly number[]) {
    this.id = id
    this.isHub = isHub
    this.lanes = seeds.map((seed) => new Lane(seed))
  }
}

/** A frame on a wire. */
export class Flight {
  /** When it arrives. */
  at: number
  /** The order of sending. */
  seq: number
  index = -1
  /** Where it arrives. */
  readonly end: End
  readonly lane: Lane
  /** Shared by the copies of a frame: nobody changes them. */
  readonly frame: Uint8Array
  readonly epoch: number

  constructor(at: number, seq: number, end: End, lane: Lane, frame: Uint8Array, epoch: number) {
    this.at = at
    this.seq = seq
    this.end = end
    this.lane = lane
    this.frame = frame
    this.epoch = epoch
  }
}

/** The frames on all wires of a world. */
export class Air extends DueHeap<Flight> {
  nextSeq = 0
}

/** Bytes of the link header. */
const HEADER = 14

/** Puts a copy of a frame on the wire: it leaves at `at`. */
function launch(air: Air, at: number, end: End, lane: Lane, frame: Uint8Array): void {
  const { traits, epoch } = end.wire
  const { counters, random } = lane
  let arrival = at + traits.delay
  if (traits.reorder > 0 && random.float() < traits.reorder) {
    counters.reordered++
    arrival += traits.reorderDelay
  }
  counters.inFlight++
  air.insert(new Flight(arrival, air.nextSeq++, end, lane, frame, epoch))
}

/** When the last bit of a frame has left, or -1 where it cannot wait. */
function departure(lane: Lane, traits: WireTraits, now: number, bytes: number): number {
  if (traits.rate === 0) return now
  const { leaving } = lane
  while (leaving.length > 0 && (leaving[0] ?? 0) <= now) leaving.shift()
  if (leaving.length >= traits.queue) return -1
  lane.busyUntil = Math.max(now, lane.busyUntil) + (bytes * 8000) / traits.rate
  leaving.push(lane.busyUntil)
  return lane.busyUntil
}

/** A device sends a frame, whose bytes are the wire's from now on. */
export function transmit(air: Air, now: number, from: End, frame: Uint8Array): void {
  const { wire, lane } = from
  const { counters, random } = lane
  const { traits } = wire
  counters.frames++
  counters.bytes += frame.length
  if (wire.isCut) {
    counters.cut++
    return
  }
  if (traits.mtu > 0 && frame.length > traits.mtu + HEADER) {
    counters.tooLong++
    return
  }
  const at = departure(lane, traits, now, frame.length)
  if (at < 0) {
    counters.dropped++
    return
  }
  for (const { isRunning, frames } of wire.captures) if (isRunning) frames.push({ at, frame })
  for (const end of wire.ends) {
    if (end === from) continue
    if (traits.loss > 0 && random.float() < traits.loss) {
      counters.lost++
      continue
    }
    launch(air, at, end, lane, frame)
    if (traits.duplicate > 0 && random.float() < traits.duplicate) {
      counters.duplicated++
      launch(air, at, end, lane, frame)
    }
  }
}

/** Takes a frame that arrives out of the air. Does it arrive? */
export function land(air: Air, flight: Flight): boolean {
  air.remove(flight)
  const { counters } = flight.lane
  counters.inFlight--
  const { end } = flight
  if (flight.epoch !== end.wire.epoch || !end.isPlugged) {
    counters.cut++
    return false
  }
  counters.delivered++
  return true
}

// ---- options -------------------------------------------------------------------------------------------------

type Check = readonly [suits: (value: number) => boolean, wanted: string]

const AMOUNT: Check = [(value) => value >= 0 && value < Number.POSITIVE_INFINITY, 'a finite number >= 0']
const CHANCE: Check = [(value) => value >= 0 && value <= 1, 'a probability, 0 to 1']

const CHECKS: { readonly [K in keyof WireTraits]: Check } = {
  delay: AMOUNT,
  rate: AMOUNT,
  queue: [(value) => Number.isSafeInteger(value) && value >= 1, 'an integer >= 1'],
  loss: CHANCE,
  duplicate: CHANCE,
  reorder: CHANCE,
  reorderDelay: AMOUNT,
  mtu: [(value) => Number.isInteger(value) && value >= 68 && value <= 65535, 'an integer, 68 to 65535'],
}

/** What the options say, over what holds already. Errors: TypeError for options that are none, `what` in front. */
export function readTraits(what: string, options: unknown, old: Readonly<WireTraits>): WireTraits {
  if (typeof options !== 'object' || options === null) throw new TypeError(`${what}: options are an object`)
  const traits = Object.assign(new WireTraits(), old)
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(CHECKS, name)) throw new TypeError(`${what}: there is no option '${name}'`)
    if (value === undefined) continue
    const key = name as keyof WireTraits
    const [suits, wanted] = CHECKS[key]
    if (typeof value !== 'number' || !suits(value))
      throw new TypeError(`${what}: ${name} must be ${wanted}, not ${String(value)}`)
    traits[key] = value
  }
  return traits
}
