/**
 * Routes in rtnetlink. Linux: inet_rtm_newroute, inet_dump_fib (net/ipv4/fib_frontend.c), fib_dump_info
 * (fib_semantics.c), inet_rtm_getroute, rt_fill_info, ip_rt_dump (route.c, 2.2.12, 2.6.14).
 */

import { EINVAL, ENODEV, isErr } from '../../abi/errno.js'
import {
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RTA_CACHEINFO,
  RTA_DST,
  RTA_GATEWAY,
  RTA_IIF,
  RTA_METRICS,
  RTA_OIF,
  RTA_PREFSRC,
  RTA_PRIORITY,
  RTA_SRC,
  RTAX_MTU,
  RTM_F_CLONED,
  RTM_NEWROUTE,
} from '../../abi/netlink.js'
import { bytes32, fromInet32, inet32, read32, write32, writeAttributes } from '../../lib/nlmsg.js'
import { deviceByIndex } from '../device.js'
import { loopbackOf } from '../inet/fib.js'
import { IPTOS_TOS_MASK } from '../inet/fib_rules.js'
import { delRoute, newRoute, type RouteRequest } from '../inet/fib_semantics.js'
import { tableRoutes } from '../inet/fib_table.js'
import { RT_TABLE_MAIN } from '../inet/fib_types.js'
import { ipRouteInput, ipRouteOutput, routeRefused } from '../inet/route.js'
import { type CachedRoute, routesSeenBy } from '../inet/route_cache.js'
import type { Flow, Route } from '../inet/route_types.js'
import type { NetState } from '../state.js'
import { fixedPart, routeAnswer } from './rt_fill.js'
import type { Asker } from './rt_notify.js'
import type { RtAnswer, RtRequest } from './rtnetlink.js'

/** What every attribute of a route must hold. Linux: inet_check_attr. */
const isComplete = ({ attributes }: RtRequest): boolean => {
  for (const [type, value] of attributes) if (value.length < 4 && type !== RTA_METRICS) return false
  return true
}

function routeRequest({ net, body, attributes }: RtRequest): RouteRequest {
  const order = net.netlink.byteOrder
  const addr = (type: number): number | null => {
    const value = attributes.get(type)
    return value === undefined ? null : fromInet32(value)
  }
  const int = (type: number): number | null => {
    const value = attributes.get(type)
    return value === undefined ? null : read32(value, 0, order)
  }
  return {
    table: body[4] || RT_TABLE_MAIN,
    dst: addr(RTA_DST) ?? 0,
    prefix: body[1] ?? 0,
    tos: body[3] ?? 0,
    protocol: body[5] ?? 0,
    scope: body[6] ?? 0,
    type: body[7] ?? 0,
    flags: read32(body, 8, order),
    oif: int(RTA_OIF),
    gateway: addr(RTA_GATEWAY),
    prefsrc: addr(RTA_PREFSRC),
    priority: int(RTA_PRIORITY),
  }
}

/** Whom those who listen are told of. */
const askerOf = ({ from, message }: RtRequest): Asker => ({ seq: message.seq, pid: from.pid })

const MODIFIERS = NLM_F_REPLACE | NLM_F_EXCL | NLM_F_CREATE | NLM_F_APPEND

/** Errors: as newRoute. Linux: inet_rtm_newroute. */
export function rtNewRoute(request: RtRequest): number {
  if (!isComplete(request)) return EINVAL
  const want = routeRequest(request)
  const made = newRoute(request.net, want, request.message.flags & MODIFIERS, askerOf(request))
  return isErr(made) ? routeRefused(request.current, made) : 0
}

/** Errors: ESRCH, EINVAL. Linux: inet_rtm_delroute. */
export function rtDelRoute(request: RtRequest): number {
  if (!isComplete(request)) return EINVAL
  const want = routeRequest(request)
  const gone = delRoute(request.net, want, askerOf(request))
  return isErr(gone) ? gone : 0
}

/** An answer of the cache, or to one question. Linux: rt_fill_info. */
function cachedAnswer(net: NetState, flow: Flow, route: Route, entry: CachedRoute | null): RtAnswer {
  const order = net.netlink.byteOrder
  const fixed = fixedPart(32, flow.tos, RT_TABLE_MAIN, 0, 0, route.type)
  write32(fixed, 8, RTM_F_CLONED, order)
  const attributes: (readonly [number, Uint8Array])[] = [[RTA_DST, inet32(route.dst)]]
  if (flow.src !== 0) {
    fixed[2] = 32
    attributes.push([RTA_SRC, inet32(flow.src)])
  }
  attributes.push([RTA_OIF, bytes32(route.dev.ifindex, order)])
  if (flow.iif === 0 && route.src !== flow.src) attributes.push([RTA_PREFSRC, inet32(route.src)])
  if (route.gateway !== route.dst) attributes.push([RTA_GATEWAY, inet32(route.gateway)])
  attributes.push([RTA_METRICS, writeAttributes([[RTAX_MTU, bytes32(route.mtu, order)]], order)])
  const info = new Uint8Array(32)
  if (entry !== null) {
    write32(info, 4, Math.floor((net.k.state.now - entry.lastUse) / 10), order)
    write32(info, 16, entry.uses, order)
  }
  attributes.push([RTA_CACHEINFO, info])
  if (flow.iif !== 0) attributes.push([RTA_IIF, bytes32(flow.iif, order)])
  return { type: RTM_NEWROUTE, fixed, attributes }
}

/** All routes of all tables; with RTM_F_CLONED those of the cache. Linux: inet_dump_fib, ip_rt_dump. */
export function dumpRoutes({ current, net, body }: RtRequest): RtAnswer[] {
  const { fib } = net.inet
  const order = net.netlink.byteOrder
  if (body.length >= 12 && (read32(body, 8, order) & RTM_F_CLONED) !== 0)
    return routesSeenBy(current, net).map((entry) => cachedAnswer(net, entry.flow, entry.route, entry))
  const ids = [...fib.tables.keys()].sort((a, b) => a - b)
  return ids.flatMap((id) => {
    const table = fib.tables.get(id)
    return table === undefined
      ? []
      : tableRoutes(table).map((node) => routeAnswer(order, RTM_NEWROUTE, id, node))
  })
}

/** Which way would a packet go? Errors: ENODEV no such device; as routing says. Linux: inet_rtm_getroute. */
export function getRoute(request: RtRequest): number | RtAnswer {
  if (!isComplete(request)) return EINVAL
  const { net, body, attributes } = request
  const want = routeRequest(request)
  const source = attributes.get(RTA_SRC)
  const input = attributes.get(RTA_IIF)
  const flow = {
    dst: want.dst,
    src: source === undefined ? 0 : fromInet32(source),
    tos: (body[3] ?? 0) & IPTOS_TOS_MASK,
    oif: want.oif ?? 0,
    iif: input === undefined ? 0 : read32(input, 0, net.netlink.byteOrder),
    mark: 0,
    key: 0,
  }
  if (flow.iif !== 0 && flow.iif !== loopbackOf(net)?.ifindex) {
    const dev = deviceByIndex(net, flow.iif)
    if (dev === null) return ENODEV
    const found = ipRouteInput(net, flow, dev)
    return isErr(found) ? routeRefused(request.current, found) : cachedAnswer(net, flow, found, null)
  }
  const asked = { ...flow, iif: 0 }
  const found = ipRouteOutput(net, asked)
  return isErr(found) ? routeRefused(request.current, found) : cachedAnswer(net, asked, found, null)
}
