/**
 * Devices, addresses and routes as rtnetlink's messages. Linux: rtnetlink_fill_ifinfo (net/core/rtnetlink.c),
 * inet_fill_ifaddr (net/ipv4/devinet.c), fib_dump_info (net/ipv4/fib_semantics.c, 2.2.12, 2.6.14).
 */

import {
  IFA_ADDRESS,
  IFA_BROADCAST,
  IFA_LABEL,
  IFA_LOCAL,
  IFLA_ADDRESS,
  IFLA_BROADCAST,
  IFLA_IFNAME,
  IFLA_MTU,
  IFLA_QDISC,
  IFLA_STATS,
  RTA_DST,
  RTA_GATEWAY,
  RTA_OIF,
  RTA_PREFSRC,
  RTA_PRIORITY,
  RTM_NEWLINK,
} from '../../abi/netlink.js'
import { AF_INET } from '../../abi/socket.js'
import { type ByteOrder, bytes32, inet32, nulText, write16, write32 } from '../../lib/nlmsg.js'
import type { InIfaddr, NetDevice } from '../device.js'
import type { FibNode } from '../inet/fib_types.js'
import type { NetState } from '../state.js'
import type { RtAnswer } from './rtnetlink.js'

/** The name of a device's queue. */
const qdiscOf = (dev: NetDevice): string => (dev.txQueueLen === 0 ? 'noqueue' : 'pfifo_fast')

/** Linux: struct net_device_stats: 23 words. */
function statsOf({ stats }: NetDevice, order: ByteOrder): Uint8Array {
  const bytes = new Uint8Array(92)
  const words = [
    stats.rxPackets,
    stats.txPackets,
    stats.rxBytes,
    stats.txBytes,
    stats.rxErrors,
    stats.txErrors,
    stats.rxDropped,
    stats.txDropped,
    stats.multicast,
    stats.collisions,
    stats.rxLengthErrors,
  ]
  for (const [at, word] of words.entries()) write32(bytes, at * 4, word, order)
  return bytes
}

/** A device as a message; `change`: the flags that have changed. Linux: rtnetlink_fill_ifinfo. */
export function linkAnswer(net: NetState, dev: NetDevice, change: number): RtAnswer {
  const order = net.netlink.byteOrder
  const fixed = new Uint8Array(16)
  write16(fixed, 2, dev.type, order)
  write32(fixed, 4, dev.ifindex, order)
  write32(fixed, 8, dev.flags, order)
  write32(fixed, 12, change, order)
  return {
    type: RTM_NEWLINK,
    fixed,
    attributes: [
      [IFLA_IFNAME, nulText(dev.name)],
      [IFLA_ADDRESS, dev.address.slice()],
      [IFLA_BROADCAST, dev.broadcast.slice()],
      [IFLA_MTU, bytes32(dev.mtu, order)],
      [IFLA_QDISC, nulText(qdiscOf(dev))],
      [IFLA_STATS, statsOf(dev, order)],
    ],
  }
}

/** One address as a message. */
export function addrAnswer(net: NetState, type: number, dev: NetDevice, ifa: InIfaddr): RtAnswer {
  const fixed = new Uint8Array(8)
  fixed.set([AF_INET, ifa.prefix, ifa.flags, ifa.scope])
  // What has been given by hand stays until it is taken away.
  fixed[2] = ifa.flags | 0x80
  write32(fixed, 4, dev.ifindex, net.netlink.byteOrder)
  const attributes: (readonly [number, Uint8Array])[] = [
    [IFA_ADDRESS, inet32(ifa.address)],
    [IFA_LOCAL, inet32(ifa.local)],
  ]
  if (ifa.broadcast !== 0) attributes.push([IFA_BROADCAST, inet32(ifa.broadcast)])
  if (ifa.label !== '') attributes.push([IFA_LABEL, nulText(ifa.label)])
  return { type, fixed, attributes }
}

/** Linux: struct rtmsg. */
export const fixedPart = (
  prefix: number,
  tos: number,
  table: number,
  protocol: number,
  scope: number,
  type: number,
) => Uint8Array.of(AF_INET, prefix, 0, tos, table, protocol, scope, type, 0, 0, 0, 0)

/** A route of a table as a message. Linux: fib_dump_info. */
export function routeAnswer(order: ByteOrder, kind: number, table: number, node: FibNode): RtAnswer {
  const { info, prefix, tos, scope, type } = node
  const fixed = fixedPart(prefix, tos, table, info.protocol, scope, type)
  write32(fixed, 8, info.nhFlags, order)
  const attributes: (readonly [number, Uint8Array])[] = []
  if (prefix > 0) attributes.push([RTA_DST, inet32(node.dst)])
  if (info.priority !== 0) attributes.push([RTA_PRIORITY, bytes32(info.priority, order)])
  if (info.prefsrc !== 0) attributes.push([RTA_PREFSRC, inet32(info.prefsrc)])
  if (info.gateway !== 0) attributes.push([RTA_GATEWAY, inet32(info.gateway)])
  if (info.dev !== null) attributes.push([RTA_OIF, bytes32(info.dev.ifindex, order)])
  return { type: kind, fixed, attributes }
}
