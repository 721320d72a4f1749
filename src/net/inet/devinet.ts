/**
 * Devices and their IPv4 addresses: putting addresses on and taking them off, and what follows from a device going
 * up or down. Linux: inet_insert_ifa, inet_del_ifa, inetdev_event, net/ipv4/devinet.c (2.2.12, 2.6.14).
 */

import { EEXIST, EINVAL } from '../../abi/errno.js'
import { IFF_LOOPBACK, IFF_RUNNING, IFF_UP } from '../../abi/if.js'
import type { InIfaddr, NetDevice } from '../device.js'
import type { NetState } from '../state.js'
import { INADDR_LOOPBACK_N } from './ip.js'
import { flushRoutes } from './route.js'

/** Linux: RT_SCOPE_*. */
export const RT_SCOPE_UNIVERSE = 0
export const RT_SCOPE_SITE = 200
export const RT_SCOPE_LINK = 253
export const RT_SCOPE_HOST = 254
export const RT_SCOPE_NOWHERE = 255

/** An address behind another of the same network. */
export const IFA_F_SECONDARY = 1

/** 24 to 255.255.255.0, as an unsigned number. Linux: inet_make_mask. */
export const inetMakeMask = (prefix: number): number => (prefix === 0 ? 0 : (-1 << (32 - prefix)) >>> 0)

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
  addresses.splice(at, 0, { ...ifa, flags })
  flushRoutes(net)
  return 0
}

/** Takes an address off; secondary ones of the same network go with a primary one. Linux: inet_del_ifa. */
export function inetDelIfa(net: NetState, dev: NetDevice, ifa: InIfaddr): void {
  const isPrimary = (ifa.flags & IFA_F_SECONDARY) === 0
  dev.addresses = dev.addresses.filter((other) => {
    if (other === ifa) return false
    const belongs = other.mask === ifa.mask && ((other.address ^ ifa.address) & ifa.mask) === 0
    return !(isPrimary && belongs && (other.flags & IFA_F_SECONDARY) !== 0)
  })
  flushRoutes(net)
}

/** Brings a device up; the loopback device gets 127.0.0.1. Linux: dev_open, inetdev_event. */
export function devOpen(net: NetState, dev: NetDevice): void {
  if ((dev.flags & IFF_UP) !== 0) return
  dev.flags |= IFF_UP | IFF_RUNNING
  if ((dev.flags & IFF_LOOPBACK) !== 0 && dev.addresses.length === 0)
    inetInsertIfa(net, dev, makeIfaddr(dev, INADDR_LOOPBACK_N, 8))
  flushRoutes(net)
}

/** Takes a device down. Linux: dev_close. */
export function devClose(net: NetState, dev: NetDevice): void {
  dev.flags &= ~(IFF_UP | IFF_RUNNING)
  flushRoutes(net)
}
