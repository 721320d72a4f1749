/**
 * Ethernet: the link header, and devices that carry it. Linux: eth_header, eth_type_trans, ether_setup,
 * net/ethernet/eth.c.
 */

import {
  ARPHRD_ETHER,
  ETH_DATA_LEN,
  ETH_HLEN,
  ETH_P_802_3,
  IFF_BROADCAST,
  IFF_MULTICAST,
  IFF_PROMISC,
  IFF_UP,
} from '../abi/if.js'
import { bytesEqual } from '../lib/bytes.js'
import { netifRx, runBacklog } from './backlog.js'
import { addDevice, type DeviceOps, type NetDevice } from './device.js'
import { be16, put16 } from './inet/ip.js'
import { tellLink } from './netlink/rt_notify.js'
import {
  kfreeSkb,
  PACKET_BROADCAST,
  PACKET_HOST,
  PACKET_MULTICAST,
  PACKET_OTHERHOST,
  SkBuff,
} from './skbuff.js'
import type { NetState } from './state.js'

/** Puts the link header in front of `skb.head`. Linux: eth_header. */
export function ethHeader(skb: SkBuff, dest: Uint8Array, source: Uint8Array, protocol: number): void {
  skb.head -= ETH_HLEN
  const { data, head } = skb
  data.set(dest, head)
  data.set(source, head + 6)
  put16(data, head + 12, protocol)
  skb.mac = head
}

/** What a device can be plugged into. */
export interface Wire {
  /** Takes a frame that the device sends, at once; the bytes are the wire's from now on. */
  transmit(frame: Uint8Array): void
}

/** The socket of a device: the wire that is in it, or frames that wait for somebody to fetch them, oldest first. */
export class EtherPort {
  /** Wiring: a copy of a kernel is plugged into nothing. */
  static readonly transient: readonly string[] = ['wire']
  static readonly transientDefault = null

  /** What it is plugged into. */
  wire: Wire | null = null
  /** Frames that have been sent and not been fetched. */
  sent: { readonly time: number; readonly frame: Uint8Array }[] = []
  /** How many frames may wait for the other side; beyond it they are dropped. */
  limit: number

  constructor(limit: number) {
    this.limit = limit
  }
}

/** A device whose frames somebody outside fetches: a link of a world, or the host. */
export const etherOps: DeviceOps = Object.freeze({
  name: 'ether',
  hardStartXmit(net, dev, skb) {
    const port = dev.data
    if (!(port instanceof EtherPort) || (port.wire === null && port.sent.length >= port.limit)) {
      dev.stats.txDropped++
      kfreeSkb(skb)
      return 0
    }
    dev.stats.txPackets++
    dev.stats.txBytes += skb.len
    const frame = skb.data.slice(skb.head, skb.tail)
    kfreeSkb(skb)
    if (port.wire !== null) port.wire.transmit(frame)
    else port.sent.push({ time: net.k.state.now, frame })
    return 0
  },
} satisfies DeviceOps)

/** Adds an Ethernet device, down and without an address. `address`: six bytes. Linux: ether_setup. */
export function addEthernet(net: NetState, name: string, address: Uint8Array): NetDevice {
  const dev = addDevice(net, name, ARPHRD_ETHER, etherOps)
  dev.flags = IFF_BROADCAST | IFF_MULTICAST
  dev.mtu = ETH_DATA_LEN
  dev.hardHeaderLen = ETH_HLEN
  dev.txQueueLen = 100
  dev.address = address.slice(0, 6)
  dev.broadcast = new Uint8Array(6).fill(0xff)
  dev.data = new EtherPort(1000)
  tellLink(net, dev, -1)
  return dev
}

/** To whom a frame is. Linux: eth_type_trans. */
function packetTypeOf(dev: NetDevice, frame: Uint8Array): number {
  if (((frame[0] ?? 0) & 1) !== 0)
    return bytesEqual(frame.subarray(0, 6), dev.broadcast) ? PACKET_BROADCAST : PACKET_MULTICAST
  return bytesEqual(frame.subarray(0, 6), dev.address) ? PACKET_HOST : PACKET_OTHERHOST
}

/** A frame comes in through an Ethernet device that is up. What is no frame is counted and dropped. */
export function ethReceive(net: NetState, dev: NetDevice, frame: Uint8Array): void {
  const { stats } = dev
  if ((dev.flags & IFF_UP) === 0) return
  if (frame.length < ETH_HLEN || frame.length > dev.mtu + ETH_HLEN) {
    stats.rxErrors++
    stats.rxLengthErrors++
    return
  }
  const shared = net.packetPool.take(frame.length, 0)
  shared.bytes.set(frame)
  const skb = new SkBuff(shared.bytes, ETH_HLEN, frame.length)
  skb.shared = shared
  skb.mac = 0
  skb.dev = dev
  skb.pktType = packetTypeOf(dev, frame)
  const type = be16(frame, 12)
  skb.protocol = type >= 1536 ? type : ETH_P_802_3
  stats.rxPackets++
  stats.rxBytes += frame.length
  if (skb.pktType === PACKET_MULTICAST) stats.multicast++
  if (skb.pktType === PACKET_OTHERHOST && (dev.flags & IFF_PROMISC) === 0) {
    kfreeSkb(skb)
    return
  }
  netifRx(net, skb)
  runBacklog(net)
}
