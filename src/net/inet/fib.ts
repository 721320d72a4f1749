/**
 * What the routing tables say. So far: the networks that devices are on, as the kernel enters them for each address.
 *
 * Linux: fib_lookup, fib_select_addr (inet_select_addr), inet_addr_type, net/ipv4/fib_frontend.c, devinet.c.
 */

import { ENETUNREACH, type Errno } from '../../abi/errno.js'
import { IFF_LOOPBACK, IFF_UP } from '../../abi/if.js'
import type { NetDevice } from '../device.js'
import type { NetState } from '../state.js'
import { INADDR_BROADCAST_N, isBadClass, isMulticast, isZeronet } from './ip.js'
import { type Flow, RTN_BROADCAST, RTN_LOCAL, RTN_MULTICAST, RTN_UNICAST } from './route_types.js'

/** What a table has found. Linux: struct fib_result. */
export interface FibResult {
  /** RTN_*. */
  readonly type: number
  /** The device to send through. */
  readonly dev: NetDevice
  /** The next hop, 0 where the destination is on the link. */
  readonly gateway: number
  /** The source that the route prefers, 0 for none. */
  readonly prefsrc: number
}

/** The loopback device while it is up. */
export const loopbackOf = (net: NetState): NetDevice | null =>
  net.devices.list.find(({ flags }) => (flags & (IFF_LOOPBACK | IFF_UP)) === (IFF_LOOPBACK | IFF_UP)) ?? null

const isUp = ({ flags }: NetDevice): boolean => (flags & IFF_UP) !== 0

const same = (a: number, b: number, mask: number): boolean => ((a ^ b) & mask) === 0

/** What kind of address it is for this host: RTN_LOCAL, RTN_BROADCAST, RTN_MULTICAST or RTN_UNICAST. */
export function inetAddrType(net: NetState, addr: number): number {
  if (addr === INADDR_BROADCAST_N || isZeronet(addr) || isBadClass(addr)) return RTN_BROADCAST
  if (isMulticast(addr)) return RTN_MULTICAST
  for (const dev of net.devices.list) {
    if (!isUp(dev)) continue
    for (const { local, mask, broadcast } of dev.addresses) {
      if (local === addr) return RTN_LOCAL
      if ((dev.flags & IFF_LOOPBACK) !== 0 && same(local, addr, mask)) return RTN_LOCAL
      if (addr === broadcast && broadcast !== 0) return RTN_BROADCAST
      if (mask < 0xfffffffe && (addr === (local & mask) >>> 0 || addr === (local | ~mask) >>> 0))
        return RTN_BROADCAST
    }
  }
  return RTN_UNICAST
}

/** The longest network of a device that is up that holds the destination. ENETUNREACH. */
export function fibLookup(net: NetState, { dst, oif }: Flow): FibResult | Errno {
  let best: FibResult | null = null
  let longest = -1
  for (const dev of net.devices.list) {
    if (!isUp(dev) || (oif !== 0 && dev.ifindex !== oif)) continue
    for (const { local, mask, prefix } of dev.addresses) {
      if (prefix <= longest || !same(local, dst, mask)) continue
      longest = prefix
      best = { type: RTN_UNICAST, dev, gateway: 0, prefsrc: local }
    }
  }
  return best ?? ENETUNREACH
}

/** An address of the device, one on the network of `dst` first; else of any device. Linux: inet_select_addr. */
export function fibSelectAddr(net: NetState, dev: NetDevice, dst: number): number {
  for (const { local, mask } of dev.addresses) if (same(local, dst, mask)) return local
  for (const one of [dev, ...net.devices.list]) {
    const [first] = one.addresses
    if (first !== undefined) return first.local
  }
  return 0
}
