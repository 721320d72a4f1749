/**
 * Where a packet goes: routes as the rest of IP sees them.
 *
 * Linux: struct rtable, struct flowi, ip_route_output, ip_route_input, net/ipv4/route.c (2.2.12, 2.6.14).
 *
 * A Route is plain data that sockets and packets keep; it holds while `net.inet.routeGeneration` is what it was when
 * the route was found. What is asked is in fib.ts.
 */

import { EINVAL, ENETUNREACH, type Errno, isErr } from '../../abi/errno.js'
import type { NetDevice } from '../device.js'
import type { NetState } from '../state.js'
import { fibLookup, fibSelectAddr, inetAddrType, loopbackOf } from './fib.js'
import {
  INADDR_BROADCAST_N,
  INADDR_LOOPBACK_N,
  isBadClass,
  isLoopback,
  isMulticast,
  isZeronet,
} from './ip.js'
import { type Flow, type Route, RTN_BROADCAST, RTN_LOCAL, RTN_MULTICAST } from './route_types.js'

/** Does a kept route still hold? Linux: sk_dst_check. */
export const routeHolds = (net: NetState, route: Route | null): route is Route =>
  route !== null && route.generation === net.inet.routeGeneration

/** Everything kept is forgotten. Linux: rt_cache_flush. */
export function flushRoutes(net: NetState): void {
  net.inet.routeGeneration++
}

const make = (
  net: NetState,
  type: number,
  dst: number,
  src: number,
  gateway: number,
  dev: NetDevice,
): Route => ({ type, dst, src, gateway, dev, mtu: dev.mtu, generation: net.inet.routeGeneration })

/**
 * The route of a packet made here. Errors: EINVAL a source that no packet may have; ENETUNREACH, EHOSTUNREACH, EACCES
 * as the tables say. Linux: ip_route_output_slow.
 */
export function ipRouteOutput(net: NetState, flow: Flow): Route | Errno {
  const { src, oif } = flow
  const lo = loopbackOf(net)
  if (src !== 0) {
    if (isMulticast(src) || isBadClass(src) || isZeronet(src)) return EINVAL
    if (inetAddrType(net, src) !== RTN_LOCAL) return EINVAL
  }
  const dst = flow.dst === 0 ? src || INADDR_LOOPBACK_N : flow.dst
  const type = inetAddrType(net, dst)
  if (type === RTN_LOCAL || isLoopback(dst)) {
    if (lo === null) return ENETUNREACH
    return make(net, RTN_LOCAL, dst, src || dst, dst, lo)
  }
  if (dst === INADDR_BROADCAST_N || isMulticast(dst)) {
    const dev = net.devices.list.find((one) => (oif !== 0 ? one.ifindex === oif : one !== lo)) ?? lo
    if (dev === null) return ENETUNREACH
    const kind = isMulticast(dst) ? RTN_MULTICAST : RTN_BROADCAST
    return make(net, kind, dst, src || fibSelectAddr(net, dev, dst), dst, dev)
  }
  const found = fibLookup(net, { ...flow, dst })
  if (isErr(found)) return found
  const from = src || found.prefsrc || fibSelectAddr(net, found.dev, found.gateway || dst)
  return make(
    net,
    type === RTN_BROADCAST ? RTN_BROADCAST : found.type,
    dst,
    from,
    found.gateway || dst,
    found.dev,
  )
}

/**
 * The route of a packet that has come in: local and broadcast ones are for this host, unicast ones are to be sent
 * on. Errors: EINVAL martian source or destination; as the tables say. Linux: ip_route_input_slow.
 */
export function ipRouteInput(net: NetState, flow: Flow, dev: NetDevice): Route | Errno {
  const { src, dst } = flow
  const lo = loopbackOf(net)
  if (dev !== lo && (isMulticast(src) || isBadClass(src) || isLoopback(src))) return EINVAL
  if (dst === INADDR_BROADCAST_N || (src === 0 && dst === 0))
    return make(net, RTN_BROADCAST, dst, src, dst, dev)
  if (isZeronet(src) && dev !== lo) return EINVAL
  if (isBadClass(dst) || isZeronet(dst) || (isLoopback(dst) && dev !== lo)) return EINVAL
  if (isMulticast(dst)) return make(net, RTN_MULTICAST, dst, src, dst, dev)
  const type = inetAddrType(net, dst)
  if (type === RTN_LOCAL || (isLoopback(dst) && dev === lo)) return make(net, RTN_LOCAL, dst, src, dst, dev)
  if (type === RTN_BROADCAST) return make(net, RTN_BROADCAST, dst, src, dst, dev)
  const found = fibLookup(net, flow)
  if (isErr(found)) return found
  return make(net, found.type, dst, src, found.gateway || dst, found.dev)
}
