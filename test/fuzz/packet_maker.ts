/**
 * Frames that nobody should send: real ones with something changed, pieces that do not fit, errors about everything, and
 * noise. Checksums are mostly right, so that what is wrong is looked at.
 */
import type { Dice } from './dice.js'

const ETH = 14
const TCP = 6
const UDP = 17
const ICMP = 1

const be16 = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
const put16 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}
const put32 = (bytes: Uint8Array, at: number, value: number): void => {
  put16(bytes, at, value >>> 16)
  put16(bytes, at + 2, value)
}

function sum(bytes: Uint8Array, from: number, to: number, start = 0): number {
  let total = start
  for (let at = from; at < to; at += 2)
    total += be16(at + 1 < to ? bytes : Uint8Array.of(bytes[at] ?? 0, 0), at + 1 < to ? at : 0)
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16)
  return total
}

/** Makes the checksums of a frame right, as far as its lengths make sense. */
function repair(frame: Uint8Array): void {
  const hlen = ((frame[ETH] ?? 0) & 15) * 4
  if (hlen < 20 || frame.length < ETH + hlen) return
  put16(frame, ETH + 10, 0)
  put16(frame, ETH + 10, ~sum(frame, ETH, ETH + hlen))
  const start = ETH + hlen
  const end = Math.min(ETH + be16(frame, ETH + 2), frame.length)
  const protocol = frame[ETH + 9] ?? 0
  const place = protocol === TCP ? 16 : protocol === UDP ? 6 : protocol === ICMP ? 2 : -1
  if (place < 0 || end < start + place + 2) return
  put16(frame, start + place, 0)
  const pseudo = protocol === ICMP ? 0 : sum(frame, ETH + 12, ETH + 20, protocol + end - start)
  put16(frame, start + place, ~sum(frame, start, end, pseudo) || 0xffff)
}

/** A connection that is there: what is needed to hit its window. */
export interface Target {
  readonly saddr: number
  readonly daddr: number
  readonly sport: number
  readonly dport: number
  /** What it expects, and what it has sent. */
  readonly rcvNxt: number
  readonly sndUna: number
  readonly sndNxt: number
}

/** Where frames can go. */
export interface Aim {
  /** The hardware address of the device. */
  readonly mac: Uint8Array
  /** Of somebody on the same wire. */
  readonly peerMac: Uint8Array
  /** Addresses that mean something. */
  readonly addresses: readonly number[]
  readonly ports: readonly number[]
  readonly targets: readonly Target[]
}

const ODD_ADDRESSES = [0, 0xffffffff, 0x7f000001, 0xe0000001, 0xf0000001, 0x0a0001ff, 0x0a000100, 0xc0a80101]

export class PacketMaker {
  private readonly dice: Dice
  /** Real frames. */
  readonly corpus: Uint8Array[]

  constructor(dice: Dice, corpus: Uint8Array[]) {
    this.dice = dice
    this.corpus = corpus
  }

  /** A few frames in a row. */
  make(aim: Aim): Uint8Array[] {
    const { dice } = this
    switch (dice.below(12)) {
      case 0:
        return [this.noise(aim)]
      case 1:
        return [this.flipped(aim)]
      case 2:
        return [this.cut(aim)]
      case 3:
        return [this.changedIp(aim)]
      case 4:
      case 5:
      case 6:
        return [this.segment(aim)]
      case 7:
        return [this.datagram(aim)]
      case 8:
        return [this.icmp(aim)]
      case 9:
        return [this.arp(aim)]
      case 10:
        return this.pieces(aim)
      default:
        return [this.real()]
    }
  }

  private real(): Uint8Array {
    const { dice, corpus } = this
    return corpus.length === 0 ? new Uint8Array(60) : dice.pick(corpus).slice()
  }

  private bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at++) bytes[at] = this.dice.next()
    return bytes
  }

  private address(aim: Aim): number {
    const { dice } = this
    if (dice.chance(70)) return dice.pick(aim.addresses)
    return dice.chance(70) ? dice.pick(ODD_ADDRESSES) : dice.next()
  }

  private port(aim: Aim): number {
    return this.dice.chance(85) ? this.dice.pick(aim.ports) : this.dice.below(65536)
  }

  /** An Ethernet frame to the aim, mostly. */
  private frame(aim: Aim, type: number, payload: Uint8Array): Uint8Array {
    const { dice } = this
    const frame = new Uint8Array(ETH + payload.length)
    frame.set(dice.chance(90) ? aim.mac : dice.chance(50) ? new Uint8Array(6).fill(255) : this.bytes(6))
    frame.set(dice.chance(90) ? aim.peerMac : this.bytes(6), 6)
    put16(frame, 12, type)
    frame.set(payload, ETH)
    return frame
  }

  /** Options of an IP header, whole words: what is allowed, and what is not. */
  private ipOptions(): Uint8Array {
    const { dice } = this
    if (dice.chance(75)) return new Uint8Array(0)
    const options = this.bytes(4 * dice.below(11))
    for (let at = 0; at < options.length; ) {
      options[at] = dice.pick([0, 1, 7, 68, 130, 131, 136, 137, 148, dice.below(256)])
      const size = dice.pick([0, 1, 2, 3, 4, 7, 8, 11, 39, 255])
      if (at + 1 < options.length) options[at + 1] = size
      if (at + 2 < options.length && dice.chance(70)) options[at + 2] = dice.pick([0, 4, 5, 8, 255])
      at += Math.max(1, size)
    }
    return options
  }

  private ip(aim: Aim, protocol: number, payload: Uint8Array, from?: number, to?: number): Uint8Array {
    const { dice } = this
    const options = this.ipOptions()
    const hlen = 20 + options.length
    const packet = new Uint8Array(hlen + payload.length)
    packet[0] = 0x40 | (hlen / 4)
    packet[1] = dice.chance(90) ? 0 : dice.below(256)
    put16(packet, 2, packet.length)
    put16(packet, 4, dice.below(50))
    packet[8] = dice.chance(90) ? 64 : dice.below(4)
    packet[9] = protocol
    put32(packet, 12, from ?? this.address(aim))
    put32(packet, 16, to ?? this.address(aim))
    packet.set(options, 20)
    packet.set(payload, hlen)
    const frame = this.frame(aim, 0x800, packet)
    if (dice.chance(95)) repair(frame)
    return frame
  }

  private noise(aim: Aim): Uint8Array {
    const { dice } = this
    if (dice.chance(30)) return this.bytes(dice.below(1600))
    const type = dice.pick([0x800, 0x806, 0x86dd, 0x8100, 5, 0, dice.below(65536)])
    return this.frame(aim, type, this.bytes(dice.below(200)))
  }

  private flipped(aim: Aim): Uint8Array {
    const { dice } = this
    const frame = this.real()
    for (let n = 1 + dice.below(8); n > 0; n--) {
      const at = dice.below(frame.length)
      frame[at] = (frame[at] ?? 0) ^ (1 << dice.below(8))
    }
    if (dice.chance(80)) frame.set(aim.mac)
    if (dice.chance(60) && be16(frame, 12) === 0x800) repair(frame)
    return frame
  }

  private cut(aim: Aim): Uint8Array {
    const { dice } = this
    const frame = this.real()
    frame.set(aim.mac)
    const cut = frame.slice(0, dice.below(frame.length + 1))
    if (dice.chance(30)) {
      if (cut.length > ETH + 4) put16(cut, ETH + 2, Math.max(0, cut.length - ETH - dice.below(3)))
      repair(cut)
    }
    if (dice.chance(80)) return cut
    const longer = this.bytes(frame.length + dice.below(100))
    longer.set(frame)
    return longer
  }

  private changedIp(aim: Aim): Uint8Array {
    const { dice } = this
    const frame = this.real()
    if (be16(frame, 12) !== 0x800 || frame.length < ETH + 20) return this.flipped(aim)
    frame.set(aim.mac)
    for (let n = 1 + dice.below(3); n > 0; n--) {
      switch (dice.below(9)) {
        case 0:
          frame[ETH] = dice.below(256)
          break
        case 1:
          put16(frame, ETH + 2, dice.chance(50) ? dice.below(65536) : frame.length - ETH - dice.below(40))
          break
        case 2:
          put16(frame, ETH + 6, dice.pick([0x4000, 0x2000, 0x1fff, 0x3fff, 1, 0x2001, dice.below(65536)]))
          break
        case 3:
          frame[ETH + 8] = dice.below(3)
          break
        case 4:
          frame[ETH + 9] = dice.pick([0, 1, 2, 4, 6, 17, 41, 47, 255, dice.below(256)])
          break
        case 5:
          put32(frame, ETH + 12, this.address(aim))
          break
        case 6:
          put32(frame, ETH + 16, this.address(aim))
          break
        case 7:
          put16(frame, ETH + 4, dice.below(8))
          break
        default:
          frame[ETH] = 0x40 | (5 + dice.below(11))
      }
    }
    if (dice.chance(90)) repair(frame)
    return frame
  }

  /** Options of a TCP header, whole words. */
  private tcpOptions(): Uint8Array {
    const { dice } = this
    if (dice.chance(50)) return new Uint8Array(0)
    const options = new Uint8Array(4 * dice.below(11))
    for (let at = 0; at < options.length; ) {
      const [kind, size] = dice.pick([
        [0, 1],
        [1, 1],
        [2, 4],
        [3, 3],
        [4, 2],
        [5, 10],
        [5, 18],
        [8, 10],
        [2, 0],
        [2, 1],
        [3, 255],
        [dice.below(256), dice.below(256)],
      ] as const)
      options[at] = kind
      if (kind > 1 && at + 1 < options.length) options[at + 1] = size
      for (let i = at + 2; i < at + size && i < options.length; i++)
        options[i] = dice.pick([0, 1, 255, dice.below(256)])
      at += Math.max(size, 1)
    }
    return options
  }

  private segment(aim: Aim): Uint8Array {
    const { dice } = this
    const target = aim.targets.length > 0 && dice.chance(75) ? dice.pick(aim.targets) : null
    const options = this.tcpOptions()
    const data = this.bytes(dice.pick([0, 0, 0, 1, 8, 100, dice.below(1400)]))
    const hlen = 20 + options.length
    const segment = new Uint8Array(hlen + data.length)
    const near = (number: number): number =>
      number +
      dice.pick([0, 0, 0, 1, -1, 100, -100, 1460, 32_768, 65_535, -65_535, 0x7fffffff, dice.next() | 0])
    put16(segment, 0, target?.sport ?? this.port(aim))
    put16(segment, 2, target?.dport ?? this.port(aim))
    put32(segment, 4, target === null ? dice.next() : near(target.rcvNxt))
    put32(segment, 8, target === null ? dice.next() : near(dice.chance(50) ? target.sndNxt : target.sndUna))
    segment[12] = dice.chance(95) ? (hlen / 4) << 4 : dice.below(256)
    segment[13] = dice.chance(80) ? dice.pick([16, 24, 16, 17, 2, 18, 4, 20, 1, 32, 48, 56]) : dice.below(256)
    put16(segment, 14, dice.pick([0, 1, 100, 5840, 32_767, 65_535]))
    put16(segment, 18, dice.pick([0, 1, 2, 100, 65_535]))
    segment.set(options, 20)
    segment.set(data, hlen)
    return this.ip(aim, TCP, segment, target?.saddr, target?.daddr)
  }

  private datagram(aim: Aim): Uint8Array {
    const { dice } = this
    const data = this.bytes(dice.below(300))
    const datagram = new Uint8Array(8 + data.length)
    put16(datagram, 0, this.port(aim))
    put16(datagram, 2, this.port(aim))
    put16(datagram, 4, dice.chance(80) ? datagram.length : dice.below(600))
    datagram.set(data, 8)
    const frame = this.ip(aim, UDP, datagram)
    if (dice.chance(10)) put16(frame, ETH + ((frame[ETH] ?? 0) & 15) * 4 + 6, 0)
    return frame
  }

  private icmp(aim: Aim): Uint8Array {
    const { dice } = this
    const inner = this.real()
    const about = be16(inner, 12) === 0x800 ? inner.slice(ETH) : this.bytes(40)
    // The packet that it is about was sent by whom it is sent to.
    if (dice.chance(50)) {
      const target = aim.targets.length > 0 ? dice.pick(aim.targets) : null
      if (target !== null && about.length >= 28) {
        about[0] = 0x45
        about[9] = TCP
        put32(about, 12, target.daddr)
        put32(about, 16, target.saddr)
        put16(about, 20, target.dport)
        put16(about, 22, target.sport)
        put32(about, 24, target.sndUna)
      }
    }
    const kept = about.slice(0, dice.chance(70) ? 28 + dice.below(60) : dice.below(about.length + 1))
    const message = new Uint8Array(8 + kept.length)
    message[0] = dice.chance(70)
      ? dice.pick([3, 3, 4, 5, 11, 12])
      : dice.pick([0, 8, 13, 14, 15, 17, dice.below(256)])
    message[1] = dice.chance(80) ? dice.below(16) : dice.below(256)
    put32(message, 4, dice.pick([0, 68, 69, 100, 576, 1499, 0xffff, dice.next()]))
    message.set(kept, 8)
    return this.ip(aim, ICMP, message)
  }

  private arp(aim: Aim): Uint8Array {
    const { dice } = this
    const packet = this.bytes(dice.chance(90) ? 28 : dice.below(40))
    const header = [0, dice.chance(95) ? 1 : 6, 8, 0, dice.chance(95) ? 6 : 8, dice.chance(95) ? 4 : 16, 0]
    packet.set([...header, dice.pick([1, 1, 2, 2, 3, 9, 255])].slice(0, packet.length))
    if (packet.length === 28) {
      packet.set(dice.chance(70) ? aim.peerMac : this.bytes(6), 8)
      put32(packet, 14, this.address(aim))
      put32(packet, 24, this.address(aim))
    }
    return this.frame(aim, 0x806, packet)
  }

  /** Pieces of one packet: in order or not, missing, twice, overlapping, longer than a packet can be. */
  private pieces(aim: Aim): Uint8Array[] {
    const { dice } = this
    const protocol = dice.pick([TCP, UDP, ICMP, 99])
    const from = this.address(aim)
    const to = this.address(aim)
    const total = dice.pick([64, 200, 2000, 9000, 65_507])
    const step = 8 * dice.pick([1, 3, 10, 100, 180])
    const frames: Uint8Array[] = []
    const id = dice.below(6)
    for (let at = 0; at < total && frames.length < 12; at += step) {
      const isLast = at + step >= total
      const payload = this.bytes(isLast ? total - at : step)
      const frame = this.ip(aim, protocol, payload, from, to)
      let offset = at / 8 + (dice.chance(8) ? dice.pick([-1, 1, 100]) : 0)
      if (dice.chance(2)) offset = 0x1fff
      put16(frame, ETH + 4, id)
      put16(frame, ETH + 6, (Math.max(0, offset) & 0x1fff) | (isLast || dice.chance(3) ? 0 : 0x2000))
      repair(frame)
      if (dice.chance(95)) frames.push(frame)
      if (dice.chance(5)) frames.push(frame.slice())
    }
    if (dice.chance(30)) frames.reverse()
    return frames.filter((frame) => frame.length <= 1514)
  }
}
