/**
 * Captures of netlink: every message of the kernel, as the file that tshark and Wireshark read, link type 253.
 *
 * A message to a port is seen when it is delivered; one to a group once, however many listen, if anybody does, also
 * where all have lost it. In front of the message stand 16 bytes, big-endian: who it is from and for, the kind of device,
 * ten of nothing, the protocol. Linux: drivers/net/nlmon.c (3.10), the header LINKTYPE_NETLINK of libpcap.
 *
 * While nothing captures, a message pays for the look at one length.
 */

import type { Books } from '../../kernel/books.js'
import { writeU16BE } from '../../lib/bytes.js'
import { type Capture, encodePcap, type PcapPacket, timeOf } from '../pcap.js'
import { PACKET_HOST, PACKET_MULTICAST, PACKET_OTHERHOST, PACKET_OUTGOING } from '../skbuff.js'
import type { NetState } from '../state.js'

/** Netlink messages behind a header of 16 bytes. Linux: DLT_NETLINK. */
export const LINKTYPE_NETLINK = 253

/** Linux: ARPHRD_NETLINK. */
const ARPHRD_NETLINK = 824
const HEADER = 16

/** What a capture has taken: plain data, a part of NetlinkState. */
export class NetlinkCaptureState {
  /** Tells it from others of the kernel. */
  readonly id: number
  /** Oldest first. */
  packets: PcapPacket[] = []

  constructor(id: number) {
    this.id = id
  }
}

/** Captures that there are, and those that run. */
export class NetlinkCaptures {
  /** In the order in which they began. */
  all: NetlinkCaptureState[] = []
  /** Those that have not been stopped. */
  running: NetlinkCaptureState[] = []
}

/** To the kernel. */
export const TO_KERNEL = PACKET_HOST
/** From the kernel, to a port or a group. */
export const FROM_THE_KERNEL = PACKET_OUTGOING
/** From one program to another. */
export const BETWEEN_PROGRAMS = PACKET_OTHERHOST
/** From a program to a group. */
export const TO_A_GROUP = PACKET_MULTICAST

/** Notes a message in all captures that run; the caller has looked whether any do. */
export function captureMessage(net: NetState, protocol: number, kind: number, data: Uint8Array): void {
  const bytes = new Uint8Array(HEADER + data.length)
  writeU16BE(bytes, 0, kind)
  writeU16BE(bytes, 2, ARPHRD_NETLINK)
  writeU16BE(bytes, 14, protocol)
  bytes.set(data, HEADER)
  const packet: PcapPacket = { ...timeOf(net, net.k.state.now), bytes, length: bytes.length }
  for (const { packets } of net.netlink.captures.running) packets.push(packet)
}

/** Begins to capture. */
export function startNetlinkCapture(net: NetState): Capture {
  const { captures } = net.netlink
  const state = new NetlinkCaptureState(captures.all.length)
  captures.all.push(state)
  captures.running.push(state)
  return netlinkCaptureOf(net, state)
}

/** A capture for the host, which finds its state anew each time: the kernel's may have been put back. */
export function netlinkCaptureOf({ k }: NetState, { id }: NetlinkCaptureState): Capture {
  const now = (): NetlinkCaptures => (k.state.modules.get('net') as NetState).netlink.captures
  const find = (): NetlinkCaptureState => {
    const found = now().all[id]
    if (found === undefined)
      throw new TypeError('this capture began after the moment that the kernel was put back to')
    return found
  }
  return {
    device: 'nlmon',
    get packets() {
      return find().packets
    },
    get isRunning() {
      return now().running.includes(find())
    },
    pcap() {
      const { byteOrder } = (k.state.modules.get('net') as NetState).netlink
      return encodePcap(find().packets, { linkType: LINKTYPE_NETLINK, byteOrder })
    },
    stop() {
      const { running } = now()
      const at = running.indexOf(find())
      if (at >= 0) running.splice(at, 1)
    },
  }
}

/** What runs has begun. */
export const checkNetlinkCaptures = (books: Books, { netlink }: NetState): void => {
  for (const state of netlink.captures.running)
    books.must(netlink.captures.all[state.id] === state, 'a netlink capture runs that is none')
}
