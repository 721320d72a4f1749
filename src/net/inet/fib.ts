/**
 * What the routing tables say. Linux: fib_lookup, inet_addr_type (net/ipv4/fib_frontend.c), inet_select_addr
 * (net/ipv4/devinet.c, 2.2.12, 2.6.14).
 */

import { ENETUNREACH, type Errno, isErr } from '../../abi/errno.js'
import { IFF_LOOPBACK, IFF_UP } from '../../abi/if.js'
import type { NetDevice } from '../device.js'
import type { NetState } from '../state.js'
import { fibRulesLookup } from './fib_rules.js'
import { tableLookup } from './fib_table.js'
import { RT_SCOPE_LINK, RT_SCOPE_UNIVERSE, RT_TABLE_LOCAL } from './fib_types.js'
import { isBadClass, isMulticast, isZeronet } from './ip.js'
import { type Flow, RTN_BROADCAST, RTN_MULTICAST, RTN_UNICAST } from './route_types.js'

/** What a table has found. Linux: struct fib_result. */
export interface FibResult {
  /** RTN_*. */
  readonly type: number
  /** The device to send through. */
  readonly dev: NetDevice
  /** The next hop, 0 where the destination is on the link. */
  readonly gateway: number
  /** The source for packets made here: the route's, or an address of the device; 0 for none. */
  readonly prefsrc: number
  /** RT_SCOPE_* of the next hop. */
  readonly nhScope: number
}

/** The loopback device while it is up. */
export const loopbackOf = (net: NetState): NetDevice | null =>
  net.devices.list.find(({ flags }) => (flags & (IFF_LOOPBACK | IFF_UP)) === (IFF_LOOPBACK | IFF_UP)) ?? null

/** What kind of address it is for this host: RTN_LOCAL, RTN_BROADCAST, RTN_MULTICAST or RTN_UNICAST. */
export function inetAddrType(net: NetState, addr: number): number {
  if (isZeronet(addr) || isBadClass(addr)) return RTN_BROADCAST
  if (isMulticast(addr)) return RTN_MULTICAST
  const local = net.inet.fib.tables.get(RT_TABLE_LOCAL)
  const found = local === undefined ? null : tableLookup(local, addr, 0, 0, RT_SCOPE_UNIVERSE)
  return found === null || isErr(found) ? RTN_UNICAST : found.type
}

/** What rules and tables say to a question. Errors: see fibRulesLookup. */
export function fibLookup(net: NetState, flow: Flow): FibResult | Errno {
  const found = fibRulesLookup(net, flow, RT_SCOPE_UNIVERSE)
  if (isErr(found)) return found
  const { info, type, scope } = found
  const { dev, gateway, nhScope } = info
  if (dev === null) return ENETUNREACH
  return { type, dev, gateway, nhScope, prefsrc: info.prefsrc || fibSelectAddr(net, dev, gateway, scope) }
}

/**
 * An address of the device whose scope is at least as wide, one on the network of `dst` first; for what is not on the
 * link one of any device, the loopback device's own first. 0 for none. Linux: inet_select_addr.
 */
export function fibSelectAddr(net: NetState, dev: NetDevice, dst: number, scope = RT_SCOPE_LINK): number {
  let found = 0
  for (const ifa of dev.addresses) {
    if (ifa.flags !== 0 || ifa.scope > scope) continue
    if (dst === 0 || ((dst ^ ifa.address) & ifa.mask) === 0) return ifa.local
    if (found === 0) found = ifa.local
  }
  if (found !== 0 || scope >= RT_SCOPE_LINK) return found
  for (const { addresses } of net.devices.list)
    for (const ifa of addresses)
      if (ifa.flags === 0 && ifa.scope !== RT_SCOPE_LINK && ifa.scope <= scope) return ifa.local
  return 0
}
