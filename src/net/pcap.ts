/**
 * Captures: what went through a device, as state of the kernel, and as a file that tcpdump, tshark and Wireshark read.
 *
 * A capture sees what tcpdump -p would: what the device sends, and what it takes from the wire. Of what goes through
 * the loopback device it takes the copy that comes in, as libpcap does, whose link header there is Ethernet's too.
 * Without a capture no packet pays for it; with one, no packet goes another way.
 *
 * The file format is libpcap's own, with times in nanoseconds: see pcap-savefile(5).
 */

import { ETH_P_ALL, IFF_LOOPBACK } from '../abi/if.js'
import type { Books } from '../kernel/books.js'
import { type ByteOrder, write16, write32 } from '../lib/nlmsg.js'
import type { NetDevice } from './device.js'
import { kfreeSkb, PACKET_LOOPBACK, PACKET_OUTGOING, type SkBuff } from './skbuff.js'
import type { NetState } from './state.js'
import type { Tap, TapOps } from './taps.js'

/** Ethernet frames without their checksum. Linux: DLT_EN10MB. */
export const LINKTYPE_ETHERNET = 1

/** A packet of a capture. */
export interface PcapPacket {
  /** When: seconds since 1970, as the kernel's clock had it. */
  readonly sec: number
  /** And nanoseconds, 0 to 999999999. */
  readonly nsec: number
  /** The frame with its link header, or its beginning. */
  readonly bytes: Uint8Array
  /** Bytes of the whole frame. */
  readonly length: number
}

/** How a file is written. */
export interface PcapOptions {
  /** What the packets begin with. Default LINKTYPE_ETHERNET. */
  readonly linkType?: number
  /** Bytes that are kept of a packet. Default 65535. */
  readonly snaplen?: number
  /** The byte order of the file's own numbers, which tells readers that of the machine. Default 'little'. */
  readonly byteOrder?: ByteOrder
}

/** Marks a file with nanoseconds; its order of bytes is that of all numbers. */
const MAGIC_NSEC = 0xa1b23c4d
const FILE_HEADER = 24
const PACKET_HEADER = 16
const SNAPLEN = 65535

/** The bytes of a capture file. What a packet has beyond `snaplen` bytes is left out, its length told all the same. */
export function encodePcap(packets: readonly PcapPacket[], options: PcapOptions = {}): Uint8Array {
  const { linkType = LINKTYPE_ETHERNET, snaplen = SNAPLEN, byteOrder = 'little' } = options
  let size = FILE_HEADER
  for (const { bytes } of packets) size += PACKET_HEADER + Math.min(bytes.length, snaplen)
  const file = new Uint8Array(size)
  write32(file, 0, MAGIC_NSEC, byteOrder)
  // Version 2.4. No time zone, no claim about accuracy.
  write16(file, 4, 2, byteOrder)
  write16(file, 6, 4, byteOrder)
  write32(file, 16, snaplen, byteOrder)
  write32(file, 20, linkType, byteOrder)
  let at = FILE_HEADER
  for (const { sec, nsec, bytes, length } of packets) {
    const kept = Math.min(bytes.length, snaplen)
    write32(file, at, sec, byteOrder)
    write32(file, at + 4, nsec, byteOrder)
    write32(file, at + 8, kept, byteOrder)
    write32(file, at + 12, length, byteOrder)
    file.set(bytes.length === kept ? bytes : bytes.subarray(0, kept), at + PACKET_HEADER)
    at += PACKET_HEADER + kept
  }
  return file
}

// ---- captures ------------------------------------------------------------------------------------------------

/** What a capture has taken: plain data, a part of NetState. */
export class CaptureState {
  /** Tells it from others of the kernel. */
  readonly id: number
  /** The device's name when the capture began. */
  readonly device: string
  /** Oldest first. */
  packets: PcapPacket[] = []
  /** Its tap, null when it has been stopped. */
  tap: Tap | null = null

  constructor(id: number, device: string) {
    this.id = id
    this.device = device
  }
}

/** A capture as the host sees it. It stays the same capture when the kernel is put back to a snapshot. */
export interface Capture {
  /** The device's name; of netlink messages 'nlmon'. */
  readonly device: string
  /** What has been captured, oldest first. */
  readonly packets: readonly PcapPacket[]
  /** Is it still at it? */
  readonly isRunning: boolean
  /** What has been captured, as the bytes of a file. */
  pcap(): Uint8Array
  /** Captures nothing any more; what there is stays. */
  stop(): void
}

/** The time of a packet by the kernel's clock. Linux: do_gettimeofday in netif_rx. */
export function timeOf({ k }: NetState, now: number): { readonly sec: number; readonly nsec: number } {
  const ms = now + k.state.clockOffset
  const sec = Math.floor(ms / 1000)
  const nsec = Math.min(Math.round((ms - sec * 1000) * 1e6), 999_999_999)
  return { sec: k.facts.epoch + sec, nsec }
}

function take(net: NetState, tap: Tap, skb: SkBuff): void {
  const { data, dev, mac, head, tail, pktType, stamp } = skb
  const isSecond = dev !== null && (dev.flags & IFF_LOOPBACK) !== 0 && pktType === PACKET_OUTGOING
  if (!isSecond && pktType !== PACKET_LOOPBACK && tap.data instanceof CaptureState) {
    const bytes = data.slice(mac >= 0 ? mac : head, tail)
    tap.data.packets.push({ ...timeOf(net, stamp), bytes, length: bytes.length })
  }
  kfreeSkb(skb)
}

const captureTap: TapOps = Object.freeze({ name: 'capture', receive: take } satisfies TapOps)

/** Begins to capture what goes through a device. */
export function startCapture(net: NetState, dev: NetDevice): Capture {
  const state = new CaptureState(net.captures.length, dev.name)
  state.tap = { ops: captureTap, ifindex: dev.ifindex, protocol: ETH_P_ALL, data: state }
  net.captures.push(state)
  net.taps.push(state.tap)
  return captureOf(net, state)
}

function stopCapture(net: NetState, state: CaptureState): void {
  const at = state.tap === null ? -1 : net.taps.indexOf(state.tap)
  if (at >= 0) net.taps.splice(at, 1)
  state.tap = null
}

/** A capture for the host, which finds its state anew each time: the kernel's may have been put back. */
export function captureOf({ k }: NetState, { id, device }: CaptureState): Capture {
  const now = (): NetState => k.state.modules.get('net') as NetState
  const find = (): CaptureState => {
    const found = now().captures[id]
    if (found === undefined || found.device !== device)
      throw new TypeError('this capture began after the moment that the kernel was put back to')
    return found
  }
  return {
    device,
    get packets() {
      return find().packets
    },
    get isRunning() {
      return find().tap !== null
    },
    pcap: () => encodePcap(find().packets),
    stop: () => stopCapture(now(), find()),
  }
}

/** Every tap of a capture belongs to one that is running. */
export const checkCaptures = (books: Books): void => {
  const { taps, captures } = books.k.state.modules.get('net') as NetState
  const running = captures.filter(({ tap }) => tap !== null)
  books.same('the taps of captures', taps.filter(({ ops }) => ops === captureTap).length, running.length)
  for (const { tap, device } of running)
    books.must(tap !== null && taps.includes(tap), `the capture of ${device} has no tap`)
}
