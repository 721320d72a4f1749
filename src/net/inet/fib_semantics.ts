/**
 * What makes sense as a route: checking requests, finding the device behind a gateway, and what goes when a device
 * or an address does. Linux: fib_create_info, fib_check_nh, fib_sync_down, net/ipv4/fib_semantics.c; inet_rtm_newroute,
 * inet_rtm_delroute, fib_magic, fib_add_ifaddr, fib_del_ifaddr, net/ipv4/fib_frontend.c (2.2.12, 2.6.14).
 *
 * Left out: multipath routes, metrics other than the priority.
 */

import { EINVAL, ENETDOWN, ENOBUFS, ENODEV, type Errno, ESRCH, isErr } from '../../abi/errno.js'
import { IFF_LOOPBACK, IFF_UP } from '../../abi/if.js'
import { RTM_DELROUTE, RTM_NEWROUTE } from '../../abi/netlink.js'
import { isAtLeast } from '../../abi/profile.js'
import { deviceByIndex, type InIfaddr, type NetDevice } from '../device.js'
import { type Asker, NO_ASKER, tellRoute } from '../netlink/rt_notify.js'
import type { NetState } from '../state.js'
import { inetAddrType } from './fib.js'
import { fibGetTable, fibNewTable, fibRulesLookup } from './fib_rules.js'
import { FIB_APPEND, FIB_CREATE, fibTypeError, tableDelete, tableFlush, tableInsert } from './fib_table.js'
import {
  type FibInfo,
  type FibNode,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  RTNH_F_ONLINK,
  RTPROT_KERNEL,
} from './fib_types.js'
import { isZeronet } from './ip.js'
import { flushRoutes } from './route_cache.js'
import { RTN_BROADCAST, RTN_LOCAL, RTN_NAT, RTN_UNICAST } from './route_types.js'

/** A request for a route; null members have not been given. Linux: struct rtmsg with struct kern_rta. */
export interface RouteRequest {
  readonly table: number
  readonly dst: number
  readonly prefix: number
  readonly tos: number
  readonly type: number
  readonly scope: number
  readonly protocol: number
  /** RTNH_F_*. */
  readonly flags: number
  readonly oif: number | null
  readonly gateway: number | null
  readonly prefsrc: number | null
  readonly priority: number | null
}

/** The widest scope that a route of a type may have. Linux: fib_props. */
function typeScope(type: number): number {
  if (type === RTN_LOCAL || type === RTN_NAT) return RT_SCOPE_HOST
  if (type === RTN_BROADCAST || type === 4) return RT_SCOPE_LINK
  return type === 0 || type > RTN_NAT ? RT_SCOPE_NOWHERE : RT_SCOPE_UNIVERSE
}

interface Hop {
  readonly dev: NetDevice
  readonly scope: number
}

/** The device behind a next hop. Errors: EINVAL, ENODEV, ENETDOWN; as the tables say. Linux: fib_check_nh. */
function checkHop(net: NetState, want: RouteRequest): Hop | Errno {
  const oif = want.oif ?? 0
  const gateway = want.gateway ?? 0
  const isOnlink = (want.flags & RTNH_F_ONLINK) !== 0
  const dev = deviceByIndex(net, oif)
  if (gateway === 0) {
    if (isOnlink) return EINVAL
    if (dev === null) return ENODEV
    return (dev.flags & IFF_UP) === 0 ? ENETDOWN : { dev, scope: RT_SCOPE_HOST }
  }
  if (isAtLeast(net.k.facts.release, '2.6.14') && want.scope >= RT_SCOPE_LINK) return EINVAL
  if (isOnlink) {
    if (want.scope >= RT_SCOPE_LINK || inetAddrType(net, gateway) !== RTN_UNICAST) return EINVAL
    if (dev === null) return ENODEV
    return (dev.flags & IFF_UP) === 0 ? ENETDOWN : { dev, scope: RT_SCOPE_LINK }
  }
  const scope = Math.max(want.scope + 1, RT_SCOPE_LINK)
  const found = fibRulesLookup(net, { dst: gateway, src: 0, tos: 0, oif, iif: 0, mark: 0, key: 0 }, scope)
  if (isErr(found)) return found
  if (found.info.dev === null) return EINVAL
  if (isAtLeast(net.k.facts.release, '2.6.14') && found.type !== RTN_UNICAST && found.type !== RTN_LOCAL)
    return EINVAL
  return { dev: found.info.dev, scope: found.scope }
}

/** Errors: EINVAL, ENODEV, ENETDOWN, ENETUNREACH and others of a gateway. Linux: fib_create_info. */
function createInfo(net: NetState, want: RouteRequest): FibInfo | Errno {
  const { type, scope, protocol } = want
  if (typeScope(type) > scope) return EINVAL
  const prefsrc = want.prefsrc ?? 0
  const priority = want.priority ?? 0
  const gateway = want.gateway ?? 0
  const bare = {
    protocol,
    prefsrc,
    priority,
    gateway,
    dev: null,
    nhScope: 0,
    nhFlags: want.flags & RTNH_F_ONLINK,
  }
  if (fibTypeError(type) !== 0) return (want.oif ?? 0) !== 0 || gateway !== 0 ? EINVAL : bare
  if (scope > RT_SCOPE_HOST) return EINVAL
  let hop: Hop | Errno
  if (scope === RT_SCOPE_HOST) {
    if (gateway !== 0) return EINVAL
    const dev = deviceByIndex(net, want.oif ?? 0)
    hop = dev === null ? ENODEV : { dev, scope: RT_SCOPE_NOWHERE }
  } else {
    hop = checkHop(net, want)
  }
  if (isErr(hop)) return hop
  const isOwn = type === RTN_LOCAL && prefsrc === want.dst
  if (prefsrc !== 0 && !isOwn && inetAddrType(net, prefsrc) !== RTN_LOCAL) return EINVAL
  return { ...bare, dev: hop.dev, nhScope: hop.scope }
}

/**
 * Adds a route. `flags` as tableInsert. Errors: EINVAL; EEXIST, ENOENT; ENODEV, ENETDOWN; ENETUNREACH a gateway that
 * is not on any link; ENOBUFS no such table. Linux: inet_rtm_newroute.
 */
export function newRoute(
  net: NetState,
  want: RouteRequest,
  flags: number,
  asker: Asker = NO_ASKER,
): FibNode | Errno {
  const table = fibNewTable(net, want.table)
  if (table === null) return ENOBUFS
  const info = createInfo(net, want)
  if (isErr(info)) return info
  const { dst, prefix, tos, type, scope } = want
  const node = { dst, prefix, tos, type, scope, info }
  const failed = tableInsert(table, node, flags)
  if (failed !== 0) return failed as Errno
  flushRoutes(net)
  tellRoute(net, RTM_NEWROUTE, table.id, node, asker)
  return node
}

/** Deletes a route. Errors: ESRCH, EINVAL. Linux: inet_rtm_delroute. */
export function delRoute(net: NetState, want: RouteRequest, asker: Asker = NO_ASKER): FibNode | Errno {
  const table = fibGetTable(net, want.table)
  if (table === null) return ESRCH
  const gone = tableDelete(table, want)
  if (isErr(gone)) return gone
  flushRoutes(net)
  tellRoute(net, RTM_DELROUTE, table.id, gone, asker)
  return gone
}

// ---- what the kernel enters for addresses ----------------------------------------------------------------------

const magicRequest = (
  dev: NetDevice,
  type: number,
  dst: number,
  prefix: number,
  local: number,
): RouteRequest => ({
  table: type === RTN_UNICAST ? RT_TABLE_MAIN : RT_TABLE_LOCAL,
  dst,
  prefix,
  tos: 0,
  type,
  scope: type === RTN_LOCAL ? RT_SCOPE_HOST : RT_SCOPE_LINK,
  protocol: RTPROT_KERNEL,
  flags: 0,
  oif: dev.ifindex,
  gateway: null,
  prefsrc: local,
  priority: null,
})

/** The address of the device that a secondary one stands behind. Linux: inet_ifa_byprefix. */
const primaryOf = (dev: NetDevice, ifa: InIfaddr): InIfaddr =>
  dev.addresses.find(
    (one) => one.flags === 0 && one.mask === ifa.mask && ((one.address ^ ifa.address) & ifa.mask) === 0,
  ) ?? ifa

const networkOf = ({ address, mask }: InIfaddr): number => (address & mask) >>> 0
const lastOf = ({ address, mask }: InIfaddr): number => (address | ~mask) >>> 0
const networkType = (dev: NetDevice): number => ((dev.flags & IFF_LOOPBACK) !== 0 ? RTN_LOCAL : RTN_UNICAST)

/** The routes that come with an address. Linux: fib_add_ifaddr. */
export function fibAddIfaddr(net: NetState, dev: NetDevice, ifa: InIfaddr): void {
  const { local } = ifa.flags === 0 ? ifa : primaryOf(dev, ifa)
  const add = (type: number, dst: number, prefix: number): void => {
    newRoute(net, magicRequest(dev, type, dst, prefix, local), FIB_CREATE | FIB_APPEND)
  }
  add(RTN_LOCAL, ifa.local, 32)
  if ((dev.flags & IFF_UP) === 0) return
  if (ifa.broadcast !== 0 && ifa.broadcast !== 0xffffffff) add(RTN_BROADCAST, ifa.broadcast, 32)
  const network = networkOf(ifa)
  if (isZeronet(network) || ifa.flags !== 0 || (network === ifa.local && ifa.prefix === 32)) return
  add(networkType(dev), network, ifa.prefix)
  if (ifa.prefix >= 31) return
  add(RTN_BROADCAST, network, 32)
  add(RTN_BROADCAST, lastOf(ifa), 32)
}

/** The routes that go with an address, which the device no longer has. Linux: fib_del_ifaddr. */
export function fibDelIfaddr(net: NetState, dev: NetDevice, ifa: InIfaddr): void {
  const { local } = ifa.flags === 0 ? ifa : primaryOf(dev, ifa)
  const drop = (type: number, dst: number, prefix: number): void => {
    delRoute(net, { ...magicRequest(dev, type, dst, prefix, local), prefsrc: null })
  }
  if (ifa.flags === 0) drop(networkType(dev), networkOf(ifa), ifa.prefix)
  const has = (addr: number): boolean => dev.addresses.some(({ broadcast }) => broadcast === addr)
  if (!has(ifa.broadcast)) drop(RTN_BROADCAST, ifa.broadcast, 32)
  if (!has(lastOf(ifa))) drop(RTN_BROADCAST, lastOf(ifa), 32)
  if (!has(networkOf(ifa))) drop(RTN_BROADCAST, networkOf(ifa), 32)
  if (!dev.addresses.some((one) => one.local === ifa.local)) {
    drop(RTN_LOCAL, ifa.local, 32)
    if (inetAddrType(net, ifa.local) !== RTN_LOCAL) flushTables(net, ({ info }) => info.prefsrc === ifa.local)
  }
  if (dev.addresses.length === 0) fibDisable(net, dev)
}

function flushTables(net: NetState, isDead: (node: FibNode) => boolean): void {
  for (const table of net.inet.fib.tables.values()) tableFlush(table, isDead)
  flushRoutes(net)
}

/** A device is up: its addresses have their routes. Linux: fib_netdev_event, NETDEV_UP. */
export function fibEnable(net: NetState, dev: NetDevice): void {
  for (const ifa of dev.addresses) fibAddIfaddr(net, dev, ifa)
  flushRoutes(net)
}

/** A device is down: no route leads through it. Linux: fib_disable_ip. */
export function fibDisable(net: NetState, dev: NetDevice): void {
  flushTables(net, ({ info }) => info.dev === dev)
}
