/**
 * Devices and addresses in rtnetlink. Linux: rtnetlink_fill_ifinfo (net/core/rtnetlink.c), inet_rtm_newaddr,
 * inet_rtm_deladdr, inet_fill_ifaddr (net/ipv4/devinet.c, 2.2.12, 2.6.14).
 */

import { EADDRNOTAVAIL, EINVAL, ENODEV } from '../../abi/errno.js'
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
  RTM_NEWADDR,
  RTM_NEWLINK,
} from '../../abi/netlink.js'
import { AF_INET } from '../../abi/socket.js'
import {
  type ByteOrder,
  bytes32,
  fromInet32,
  inet32,
  nulText,
  read32,
  textOf,
  write16,
  write32,
} from '../../lib/nlmsg.js'
import { deviceByIndex, type InIfaddr, type NetDevice } from '../device.js'
import { inetDelIfa, inetInsertIfa } from '../inet/devinet.js'
import { inetMakeMask } from '../inet/fib_types.js'
import type { NetState } from '../state.js'
import type { RtAnswer, RtRequest } from './rtnetlink.js'

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

/** All devices. */
export const dumpLinks = (net: NetState): RtAnswer[] =>
  net.devices.list.map((dev) => {
    const order = net.netlink.byteOrder
    const fixed = new Uint8Array(16)
    write16(fixed, 2, dev.type, order)
    write32(fixed, 4, dev.ifindex, order)
    write32(fixed, 8, dev.flags, order)
    write32(fixed, 12, -1, order)
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
  })

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

/** All addresses. */
export const dumpAddrs = (net: NetState): RtAnswer[] =>
  net.devices.list.flatMap((dev) => dev.addresses.map((ifa) => addrAnswer(net, RTM_NEWADDR, dev, ifa)))

/** Errors: EINVAL; ENODEV; EEXIST. Linux: inet_rtm_newaddr. */
export function newAddr({ net, body, attributes }: RtRequest): number {
  const local = attributes.get(IFA_LOCAL)
  const prefix = body[1] ?? 0
  if (prefix > 32 || local === undefined || local.length < 4) return EINVAL
  const dev = deviceByIndex(net, read32(body, 4, net.netlink.byteOrder))
  if (dev === null) return ENODEV
  const addr = fromInet32(local)
  const peer = attributes.get(IFA_ADDRESS)
  const broadcast = attributes.get(IFA_BROADCAST)
  const label = attributes.get(IFA_LABEL)
  return inetInsertIfa(net, dev, {
    local: addr,
    address: peer === undefined ? addr : fromInet32(peer),
    mask: inetMakeMask(prefix),
    prefix,
    broadcast: broadcast === undefined ? 0 : fromInet32(broadcast),
    scope: body[3] ?? 0,
    flags: 0,
    label: label === undefined ? dev.name : textOf(label),
  })
}

/** Errors: EADDRNOTAVAIL. Linux: inet_rtm_deladdr. */
export function delAddr({ net, body, attributes }: RtRequest): number {
  const dev = deviceByIndex(net, read32(body, 4, net.netlink.byteOrder))
  if (dev === null) return EADDRNOTAVAIL
  const local = attributes.get(IFA_LOCAL)
  const label = attributes.get(IFA_LABEL)
  const peer = attributes.get(IFA_ADDRESS)
  const found = dev.addresses.find(
    (ifa) =>
      (local === undefined || fromInet32(local) === ifa.local) &&
      (label === undefined || textOf(label) === ifa.label) &&
      (peer === undefined || (body[1] === ifa.prefix && ((fromInet32(peer) ^ ifa.address) & ifa.mask) === 0)),
  )
  if (found === undefined) return EADDRNOTAVAIL
  inetDelIfa(net, dev, found)
  return 0
}
