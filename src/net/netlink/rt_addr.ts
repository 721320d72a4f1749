/**
 * Devices and addresses in rtnetlink. Linux: rtnetlink_fill_ifinfo (net/core/rtnetlink.c), inet_rtm_newaddr,
 * inet_rtm_deladdr, inet_fill_ifaddr (net/ipv4/devinet.c, 2.2.12, 2.6.14).
 */

import { EADDRNOTAVAIL, EINVAL, ENODEV } from '../../abi/errno.js'
import { IFA_ADDRESS, IFA_BROADCAST, IFA_LABEL, IFA_LOCAL, RTM_NEWADDR } from '../../abi/netlink.js'
import { fromInet32, read32, textOf } from '../../lib/nlmsg.js'
import { deviceByIndex } from '../device.js'
import { inetDelIfa, inetInsertIfa } from '../inet/devinet.js'
import { inetMakeMask } from '../inet/fib_types.js'
import type { NetState } from '../state.js'
import { addrAnswer, linkAnswer } from './rt_fill.js'
import type { RtAnswer, RtRequest } from './rtnetlink.js'

/** All devices. */
export const dumpLinks = (net: NetState): RtAnswer[] =>
  net.devices.list.map((dev) => linkAnswer(net, dev, -1))

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
