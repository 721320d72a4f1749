/**
 * The state of a kernel's network: plain data, copied and digested with the kernel.
 */

import { isAtLeast } from '../abi/profile.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { Mount } from '../vfs/mount.js'
import { DeviceTable } from './device.js'
import { FirewallState } from './firewall/state.js'
import { InetState } from './inet/state.js'
import type { NetlinkOptions } from './netlink/protocol.js'
import { NetlinkState } from './netlink/sock.js'
import type { PacketSock } from './packet/sock.js'
import type { CaptureState } from './pcap.js'
import { buildRegistry, type NetRegistry } from './registry.js'
import { SkbPool, SkbQueue } from './skbuff.js'
import type { Tap } from './taps.js'
import { UnixState } from './unix/state.js'

/** Everything of the network that changes while a kernel runs. */
export class NetState {
  /** Wiring: see registry.ts. */
  static readonly transient: readonly string[] = ['known', 'pool', 'shapes']
  static readonly transientDefault = null

  /** Its kernel. */
  k: KernelCore
  /** @internal See `registry`. */
  known: NetRegistry | null = null
  /** @internal See `packetPool`. */
  pool: SkbPool | null = null
  /** @internal See shapes.ts. */
  shapes: readonly object[] | null = null
  /** @internal Where sockets have their inodes; made when the first one is. */
  mount: Mount | null = null
  /** Sockets that are open. */
  inUse = 0
  /** Bytes that a new socket may send. */
  wmemDefault: number
  /** Bytes that may wait in a new socket. */
  rmemDefault: number
  /** The most that a program may set. */
  wmemMax: number
  /** The most that a program may set. */
  rmemMax: number
  /** The uid and gid of a peer that there is not. */
  noPeer: number
  /** Network devices. */
  devices: DeviceTable
  /** Packets that have come and not been looked at. Linux: backlog, softnet_data. */
  backlog = new SkbQueue()
  /** Are they being looked at? Linux: in_softirq. */
  inBottomHalf = false
  /** Who gets copies of packets. */
  taps: Tap[] = []
  /** What the host has had captured. */
  captures: CaptureState[] = []
  /** AF_PACKET, in the order in which they were made. */
  packets = new Set<PacketSock>()
  /** AF_UNIX. */
  unix: UnixState
  /** AF_NETLINK. */
  netlink: NetlinkState
  /** IPv4. */
  inet: InetState
  /** The firewall's chains; null in a kernel without. */
  firewall: FirewallState | null

  constructor(k: KernelCore, hasFirewall = false, netlink: NetlinkOptions = {}) {
    this.k = k
    this.netlink = new NetlinkState(netlink)
    const isModern = isAtLeast(k.facts.release, '2.6.14')
    this.wmemDefault = isModern ? 106496 : 65535
    this.rmemDefault = this.wmemDefault
    this.wmemMax = this.wmemDefault
    this.rmemMax = this.wmemDefault
    this.noPeer = k.facts.uidBits === 16 ? 0xffff : 0xffffffff
    this.devices = new DeviceTable()
    this.unix = new UnixState(isModern)
    this.inet = new InetState(k)
    this.firewall = hasFirewall ? new FirewallState() : null
  }

  /** Where packets get their bytes from. */
  get packetPool(): SkbPool {
    this.pool ??= new SkbPool()
    return this.pool
  }

  /** What is known by number. */
  get registry(): NetRegistry {
    this.known ??= buildRegistry(this.k, this.firewall !== null, this.netlink.hasUsersock)
    return this.known
  }
}
