/**
 * Devices and their IPv4 addresses: putting addresses on and taking them off, and what follows from a device going
 * up or down. Linux: inet_insert_ifa, inet_del_ifa, inetdev_event, net/ipv4/devinet.c (2.2.12, 2.6.14).
 */

import { EEXIST, EINVAL } from '../../abi/errno.js'
import { IFF_LOOPBACK, IFF_RUNNING, IFF_UP } from '../../abi/if.js'
import { RTM_DELADDR, RTM_NEWADDR } from '../../abi/netlink.js'
import type { InIfaddr, NetDevice } from '../device.js'
import { tellAddr, tellLink } from '../netlink/rt_notify.js'
import { packetNotify } from '../packet/sock.js'
import type { NetState } from '../state.js'
import { fibAddIfaddr, fibDelIfaddr, fibDisable, fibEnable } from './fib_semantics.js'
import { inetMakeMask, RT_SCOPE_HOST, RT_SCOPE_UNIVERSE } from './fib_types.js'
import { INADDR_LOOPBACK_N } from './ip.js'
import { ALL_HOSTS, mcDecGroup, mcIncGroup } from './multicast.js'

/** An address behind another of the same network. */
export const IFA_F_SECONDARY = 1

/** 255.255.255.0 to 24; -1 for what is no mask. Linux: inet_mask_len, bad_mask. */
export function inetMaskLen(mask: number): number {
  const prefix = Math.clz32(~mask)
  return inetMakeMask(prefix) === mask >>> 0 ? prefix : -1
}

/** An address with the broadcast address and scope that it has unless told otherwise. */
export const makeIfaddr = (dev: NetDevice, local: number, prefix: number): InIfaddr => {
  const mask = inetMakeMask(prefix)
  const isLoopback = (dev.flags & IFF_LOOPBACK) !== 0
  const broadcast = isLoopback || prefix > 30 ? 0 : (local | ~mask) >>> 0
  const scope = isLoopback ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE
  return { local, address: local, mask, prefix, broadcast, scope, flags: 0, label: dev.name }
}

/** Errors: EEXIST the device has it; EINVAL another scope on the same network. Linux: inet_insert_ifa. */
export function inetInsertIfa(net: NetState, dev: NetDevice, ifa: InIfaddr): number {
  const { addresses } = dev
  let flags = 0
  let lastPrimary = 0
  for (const [at, other] of addresses.entries()) {
    if ((other.flags & IFA_F_SECONDARY) === 0 && ifa.scope <= other.scope) lastPrimary = at + 1
    if (other.mask !== ifa.mask || ((other.address ^ ifa.address) & ifa.mask) !== 0) continue
    if (other.local === ifa.local) return EEXIST
    if (other.scope !== ifa.scope) return EINVAL
    flags = IFA_F_SECONDARY
  }
  const at = flags === 0 ? lastPrimary : addresses.length
  const made = { ...ifa, flags }
  addresses.splice(at, 0, made)
  tellAddr(net, RTM_NEWADDR, dev, made)
  fibAddIfaddr(net, dev, made)
  return 0
}

/** Takes an address off; secondary ones of the same network go with a primary one. Linux: inet_del_ifa. */
export function inetDelIfa(net: NetState, dev: NetDevice, ifa: InIfaddr): void {
  const isPrimary = (ifa.flags & IFA_F_SECONDARY) === 0
  const belongs = (other: InIfaddr): boolean =>
    other.mask === ifa.mask && ((other.address ^ ifa.address) & ifa.mask) === 0
  const gone = dev.addresses.filter(
    (other) => other === ifa || (isPrimary && belongs(other) && (other.flags & IFA_F_SECONDARY) !== 0),
  )
  dev.addresses = dev.addresses.filter((other) => !gone.includes(other))
  for (const other of gone.reverse()) {
    tellAddr(net, RTM_DELADDR, dev, other)
    fibDelIfaddr(net, dev, other)
  }
}

/** Brings a device up; the loopback device gets 127.0.0.1. Linux: dev_open, inetdev_event. */
export function devOpen(net: NetState, dev: NetDevice): void {
  if ((dev.flags & IFF_UP) !== 0) return
  dev.flags |= IFF_UP | IFF_RUNNING
  tellLink(net, dev, IFF_UP | IFF_RUNNING)
  if ((dev.flags & IFF_LOOPBACK) !== 0 && dev.addresses.length === 0)
    inetInsertIfa(net, dev, makeIfaddr(dev, INADDR_LOOPBACK_N, 8))
  else fibEnable(net, dev)
  mcIncGroup(net, dev, ALL_HOSTS)
  packetNotify(net, dev)
}

/** Takes a device down. Linux: dev_close. */
export function devClose(net: NetState, dev: NetDevice): void {
  const wasUp = (dev.flags & IFF_UP) !== 0
  if (wasUp) mcDecGroup(net, dev, ALL_HOSTS)
  dev.flags &= ~(IFF_UP | IFF_RUNNING)
  if (wasUp) tellLink(net, dev, IFF_UP | IFF_RUNNING)
  fibDisable(net, dev)
  packetNotify(net, dev)
}
