/**
 * Where a packet goes: routes as the rest of IP sees them.
 *
 * Linux: struct rtable, struct flowi, ip_route_output, ip_route_input, fib_validate_source, net/ipv4/route.c,
 * fib_frontend.c (2.2.12, 2.6.14).
 *
 * A Route is plain data that sockets and packets keep; it holds while `net.inet.routeGeneration` is what it was when
 * the route was found. What has been asked before is answered from the cache (route_cache.ts).
 */

import { EACCES, EINVAL, ENETUNREACH, ENODEV, type Errno, isErr } from '../../abi/errno.js'
import { IFF_LOOPBACK } from '../../abi/if.js'
import type { Task } from '../../kernel/task.js'
import { deny } from '../../security/deny.js'
import { deviceByIndex, type NetDevice } from '../device.js'
import type { NetState } from '../state.js'
import { fibLookup, fibSelectAddr, inetAddrType, loopbackOf } from './fib.js'
import { RT_SCOPE_HOST, RT_SCOPE_LINK, RT_SCOPE_UNIVERSE } from './fib_types.js'
import {
  INADDR_BROADCAST_N,
  INADDR_LOOPBACK_N,
  isBadClass,
  isLoopback,
  isMulticast,
  isZeronet,
} from './ip.js'
import { cachedRoute, keepRoute } from './route_cache.js'
import { type Flow, type Route, RTN_BROADCAST, RTN_LOCAL, RTN_MULTICAST, RTN_UNICAST } from './route_types.js'

export { flushRoutes } from './route_cache.js'

/** Does a kept route still hold? Linux: sk_dst_check. */
export const routeHolds = (net: NetState, route: Route | null): route is Route =>
  route !== null && route.generation === net.inet.routeGeneration

/** The error of ipRouteOutput for the task that it was asked for: what is prohibited has a reason. */
export const routeRefused = (current: Task, error: Errno): Errno =>
  error === EACCES
    ? deny(current, EACCES, 'state', undefined, 'a route or a routing rule prohibits the destination')
    : error

const make = (
  net: NetState,
  type: number,
  dst: number,
  src: number,
  gateway: number,
  dev: NetDevice,
): Route => ({ type, dst, src, gateway, dev, mtu: dev.mtu, generation: net.inet.routeGeneration })

/**
 * The route of a packet made here. Errors: EINVAL a source that no packet may have; ENODEV no such device;
 * ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL as rules and tables say. Linux: ip_route_output.
 */
export function ipRouteOutput(net: NetState, flow: Flow): Route | Errno {
  const known = cachedRoute(net, flow)
  if (known !== null) return known
  const found = outputSlow(net, flow)
  return isErr(found) ? found : keepRoute(net, flow, found)
}

/** No mark: only packets that come in have one. Linux: ip_route_output_slow. */
function outputSlow(net: NetState, { dst, src, tos, oif, key }: Flow): Route | Errno {
  const lo = loopbackOf(net)
  const { list } = net.devices
  let dev: NetDevice | null = null
  let from = src
  if (src !== 0) {
    if (isMulticast(src) || isBadClass(src) || isZeronet(src)) return EINVAL
    if (inetAddrType(net, src) !== RTN_LOCAL) return EINVAL
    if (oif === 0 && (isMulticast(dst) || dst === INADDR_BROADCAST_N)) {
      const owner = list.find(({ addresses }) => addresses.some(({ local }) => local === src)) ?? lo
      return owner === null ? ENETUNREACH : finish(net, 0, dst, src, 0, owner)
    }
  }
  if (oif !== 0) {
    dev = deviceByIndex(net, oif)
    if (dev === null || (dev.addresses.length === 0 && src === 0 && dst === 0)) return ENODEV
    if (dst === INADDR_BROADCAST_N || dst >>> 8 === 0xe00000)
      return finish(net, 0, dst, from || fibSelectAddr(net, dev, 0, RT_SCOPE_LINK), 0, dev)
    if (from === 0 && isMulticast(dst)) from = fibSelectAddr(net, dev, 0, RT_SCOPE_UNIVERSE)
    if (from === 0 && dst === 0) from = fibSelectAddr(net, dev, 0, RT_SCOPE_HOST)
  }
  if (dst === 0) {
    if (lo === null) return ENETUNREACH
    const self = from || INADDR_LOOPBACK_N
    return finish(net, RTN_LOCAL, self, self, 0, lo)
  }
  const iif = list[0]?.ifindex ?? 0
  const found = fibLookup(net, { dst, src: from, tos, oif, iif, mark: 0, key })
  if (isErr(found)) {
    if (dev !== null) return finish(net, RTN_UNICAST, dst, from || fibSelectAddr(net, dev, 0), 0, dev)
    const isOld = net.k.facts.release === '2.0.35'
    const isForMany = dst === INADDR_BROADCAST_N || isMulticast(dst)
    return isOld && isForMany ? anyDevice(net, dst, from, found) : found
  }
  if (found.type === RTN_LOCAL)
    return lo === null ? ENETUNREACH : finish(net, RTN_LOCAL, dst, from || dst, 0, lo)
  return finish(net, found.type, dst, from || found.prefsrc, found.gateway, found.dev)
}

/** What goes to all or to a group, where no table says through which device: 2.0 takes the first but loopback. */
function anyDevice(net: NetState, dst: number, src: number, error: Errno): Route | Errno {
  const { list } = net.devices
  const dev = list.find(({ flags }) => (flags & IFF_LOOPBACK) === 0 && (flags & 1) !== 0) ?? loopbackOf(net)
  return dev === null ? error : finish(net, 0, dst, src || fibSelectAddr(net, dev, 0), 0, dev)
}

/** The last tests. Linux: make_route in ip_route_output_slow. */
function finish(
  net: NetState,
  type: number,
  dst: number,
  src: number,
  gateway: number,
  dev: NetDevice,
): Route | Errno {
  if (isLoopback(src) && (dev.flags & IFF_LOOPBACK) === 0) return EINVAL
  let kind = type
  if (dst === INADDR_BROADCAST_N) kind = RTN_BROADCAST
  else if (isMulticast(dst)) kind = RTN_MULTICAST
  else if (isBadClass(dst) || isZeronet(dst)) return EINVAL
  return make(net, kind, dst, src, gateway || dst, dev)
}

/**
 * The route of a packet that has come in: local and broadcast ones are for this host, unicast ones are to be sent
 * on. Errors: EINVAL martian source or destination; as rules and tables say. Linux: ip_route_input.
 */
export function ipRouteInput(net: NetState, flow: Flow, dev: NetDevice): Route | Errno {
  const known = cachedRoute(net, flow)
  if (known !== null) return known
  const found = inputSlow(net, flow, dev)
  return isErr(found) ? found : keepRoute(net, flow, found)
}

/** Can a packet from `src` have come through the device? 0 or EINVAL. Without rp_filter. Linux: fib_validate_source. */
function validateSource(net: NetState, { src, dst, tos, key }: Flow, oif: number): number {
  const back = fibLookup(net, { dst: src, src: dst, tos, oif: 0, iif: oif, mark: 0, key })
  return isErr(back) || back.type === RTN_UNICAST ? 0 : EINVAL
}

/** Linux: ip_route_input_slow. */
function inputSlow(net: NetState, flow: Flow, dev: NetDevice): Route | Errno {
  const { src, dst } = flow
  const isOutside = (dev.flags & IFF_LOOPBACK) === 0
  if (isMulticast(src) || isBadClass(src) || (isLoopback(src) && isOutside)) return EINVAL
  if (dst === INADDR_BROADCAST_N || (src === 0 && dst === 0)) {
    if (src !== 0 && isOutside && validateSource(net, { ...flow, dst: 0 }, 0) !== 0) return EINVAL
    return make(net, RTN_BROADCAST, dst, src, dst, dev)
  }
  if (isZeronet(src)) return EINVAL
  if (isBadClass(dst) || isZeronet(dst) || (isLoopback(dst) && isOutside)) return EINVAL
  if (isMulticast(dst)) return dev.groups.has(dst) ? make(net, RTN_MULTICAST, dst, src, dst, dev) : EINVAL
  const found = fibLookup(net, flow)
  if (isErr(found)) return net.inet.forwarding ? found : EINVAL
  if (found.type === RTN_LOCAL || found.type === RTN_BROADCAST) {
    const to = found.type === RTN_LOCAL ? flow : { ...flow, dst: 0 }
    if (isOutside && validateSource(net, to, loopbackOf(net)?.ifindex ?? 0) !== 0) return EINVAL
    return make(net, found.type, dst, src, dst, dev)
  }
  if (!net.inet.forwarding || found.type !== RTN_UNICAST) return EINVAL
  if (isOutside && validateSource(net, flow, found.dev.ifindex) !== 0) return EINVAL
  return make(net, RTN_UNICAST, dst, src, found.gateway || dst, found.dev)
}
