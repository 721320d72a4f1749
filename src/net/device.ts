/**
 * Network devices. Linux: struct net_device (include/linux/netdevice.h), dev_get, dev_open, net/core/dev.c.
 *
 * What a device does with a packet is its table, a frozen constant; what it is made of is data.
 */

import { ARPHRD_LOOPBACK, IFF_ALLMULTI, IFF_LOOPBACK, IFF_PROMISC } from '../abi/if.js'
import { isAtLeast } from '../abi/profile.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { SkBuff } from './skbuff.js'
import type { NetState } from './state.js'

/** Counters. Linux: struct net_device_stats. */
export class DeviceStats {
  rxPackets = 0
  txPackets = 0
  rxBytes = 0
  txBytes = 0
  rxErrors = 0
  txErrors = 0
  rxDropped = 0
  txDropped = 0
  multicast = 0
  collisions = 0
  rxLengthErrors = 0
  rxFrameErrors = 0
  txCarrierErrors = 0
}

/** What a kind of device does. Linux: the function members of struct net_device. */
export interface DeviceOps {
  /** Names the table: 'loopback'. */
  readonly name: string
  /** Sends a packet, link header and all: 0, or an Errno and the packet is gone. */
  hardStartXmit(net: NetState, dev: NetDevice, skb: SkBuff): number
}

/** An IPv4 address of a device. Linux: struct in_ifaddr. */
export interface InIfaddr {
  /** The address, as an unsigned number. */
  readonly local: number
  /** The peer of a point-to-point link; else as `local`. */
  readonly address: number
  /** The netmask. */
  readonly mask: number
  /** Bits of the netmask. */
  readonly prefix: number
  /** The broadcast address, 0 for none. */
  readonly broadcast: number
  /** RT_SCOPE_*. */
  readonly scope: number
  /** IFA_F_SECONDARY. */
  readonly flags: number
  /** The alias, such as 'eth0:1'. */
  readonly label: string
}

/** A network device. Linux: struct net_device. */
export class NetDevice {
  /** 'lo', 'eth0'. */
  name: string
  /** Its number, 1 and up. */
  ifindex: number
  /** ARPHRD_*. */
  type: number
  /** IFF_*. */
  flags: number
  /** IFF_PROMISC and IFF_ALLMULTI as programs have set them; sockets may want them too. Linux: gflags. */
  gflags = 0
  /** How many want all frames. */
  promiscuity = 0
  /** How many want the frames of all groups. */
  allmulti = 0
  /** The most bytes of a packet, without the link header. */
  mtu: number
  /** Bytes of the link header. */
  hardHeaderLen: number
  /** Its hardware address. */
  address: Uint8Array
  /** The hardware address of all. */
  broadcast: Uint8Array
  /** Packets that may wait to be sent. */
  txQueueLen: number
  /** What it does. */
  ops: DeviceOps
  /** What has gone through. */
  stats = new DeviceStats()
  /** Its IPv4 addresses, primary ones first. Linux: in_device. */
  addresses: InIfaddr[] = []
  /** Groups that this host is in there, oldest first, and how many are in each. Linux: mc_list. */
  groups = new Map<number, number>()
  /** What the kind of device keeps: plain data. */
  data: unknown = null

  constructor(name: string, ifindex: number, type: number, ops: DeviceOps) {
    this.name = name
    this.ifindex = ifindex
    this.type = type
    this.ops = ops
    this.flags = 0
    this.mtu = 0
    this.hardHeaderLen = 0
    this.address = new Uint8Array(6)
    this.broadcast = new Uint8Array(6)
    this.txQueueLen = 0
  }
}

/** The devices of a kernel, in the order of their numbers. */
export class DeviceTable {
  list: NetDevice[] = []
  nextIndex = 1
}

/** The device with a name, or null. Linux: dev_get_by_name. */
export const deviceByName = (net: NetState, name: string): NetDevice | null =>
  net.devices.list.find((dev) => dev.name === name) ?? null

/** The device with a number, or null. Linux: dev_get_by_index. */
export const deviceByIndex = (net: NetState, ifindex: number): NetDevice | null =>
  net.devices.list.find((dev) => dev.ifindex === ifindex) ?? null

/** Adds a device. Linux: register_netdev. */
export function addDevice(net: NetState, name: string, type: number, ops: DeviceOps): NetDevice {
  const { devices } = net
  const dev = new NetDevice(name, devices.nextIndex++, type, ops)
  devices.list.push(dev)
  return dev
}

/** One more or one less wants all frames. Linux: dev_set_promiscuity. */
export function devSetPromiscuity(dev: NetDevice, by: 1 | -1): void {
  dev.promiscuity += by
  dev.flags = dev.promiscuity > 0 ? dev.flags | IFF_PROMISC : dev.flags & ~IFF_PROMISC
}

/** One more or one less wants the frames of all groups. Linux: dev_set_allmulti. */
export function devSetAllmulti(dev: NetDevice, by: 1 | -1): void {
  dev.allmulti += by
  dev.flags = dev.allmulti > 0 ? dev.flags | IFF_ALLMULTI : dev.flags & ~IFF_ALLMULTI
}

/** Bytes of a packet through the loopback device. Linux: LOOPBACK_MTU (2.0, 2.2), loopback_dev (2.6). */
function loopbackMtu(k: KernelCore): number {
  if (isAtLeast(k.facts.release, '2.6.14')) return 16436
  return isAtLeast(k.facts.release, '2.2.12') ? 3924 : 3584
}

/** Adds the loopback device, down and without an address. Linux: loopback_init. */
export function addLoopback(net: NetState, ops: DeviceOps): NetDevice {
  const dev = addDevice(net, 'lo', ARPHRD_LOOPBACK, ops)
  dev.flags = IFF_LOOPBACK
  dev.mtu = loopbackMtu(net.k)
  dev.hardHeaderLen = 14
  return dev
}
