/**
 * Routes that have been found, by everything that was asked. Linux: rt_hash_table, rt_intern_hash, rt_cache_flush,
 * rt_garbage_collect, net/ipv4/route.c (2.2.12, 2.6.14).
 *
 * An entry stays until the cache is flushed, whatever rules or tables say meanwhile: changes of routes, addresses and
 * devices flush it, changes of rules do not. They flush at once, as with /proc/sys/net/ipv4/route/min_delay at 0.
 */

import type { Task } from '../../kernel/task.js'
import type { NetState } from '../state.js'
import type { Flow, Route } from './route_types.js'

/** A kept answer. Linux: struct rtable. */
export interface CachedRoute {
  readonly flow: Flow
  readonly route: Route
  /** How often it has been the answer. */
  uses: number
  /** When last: milliseconds since boot. */
  lastUse: number
}

/** Linux: ip_rt_max_size, for a machine of the time. */
const MAX_SIZE = 4096

/** The cache. */
export class RouteCache {
  /** Entries by `hashOf` their question. */
  entries = new Map<number, CachedRoute[]>()
  /** How many. */
  size = 0
}

/** What is kept, as far as `current` sees it. */
export function routesSeenBy(current: Task, net: NetState): CachedRoute[] {
  const { security, hooked } = current.k
  const all = [...net.inet.routes.entries.values()].flat()
  if (!hooked.has('routeVisible')) return all
  return all.filter(({ flow }) => security.routeVisible(current, flow.key) === 0)
}

/** Everything kept is forgotten. Linux: rt_cache_flush. */
export function flushRoutes(net: NetState): void {
  const { inet } = net
  inet.routeGeneration++
  if (inet.routes.size === 0) return
  inet.routes.entries.clear()
  inet.routes.size = 0
}

/** Sources differ where many talk to one host, destinations where one talks to many. Linux: rt_hash_code. */
const hashOf = ({ dst, src, tos, oif, iif, key }: Flow): number =>
  Math.imul(dst ^ Math.imul(src ^ key, 0x9e3779b1), 0x85ebca6b) ^ (tos << 16) ^ (oif << 8) ^ iif

const isSame = (a: Flow, b: Flow): boolean =>
  a.dst === b.dst &&
  a.src === b.src &&
  a.oif === b.oif &&
  a.iif === b.iif &&
  a.tos === b.tos &&
  a.mark === b.mark &&
  a.key === b.key

/** The kept answer to a question, or null. */
export function cachedRoute(net: NetState, flow: Flow): Route | null {
  const chain = net.inet.routes.entries.get(hashOf(flow))
  if (chain === undefined) return null
  for (const entry of chain) {
    if (!isSame(entry.flow, flow)) continue
    entry.uses++
    entry.lastUse = net.k.state.now
    return entry.route
  }
  return null
}

/** Keeps an answer; of too many the oldest half goes. Linux: rt_intern_hash, rt_garbage_collect. */
export function keepRoute(net: NetState, flow: Flow, route: Route): Route {
  const { routes } = net.inet
  if (routes.size >= MAX_SIZE) {
    for (const [hash, chain] of routes.entries) {
      if (routes.size <= MAX_SIZE / 2) break
      routes.entries.delete(hash)
      routes.size -= chain.length
    }
  }
  const entry = { flow, route, uses: 0, lastUse: net.k.state.now }
  const hash = hashOf(flow)
  const chain = routes.entries.get(hash)
  if (chain === undefined) routes.entries.set(hash, [entry])
  else chain.push(entry)
  routes.size++
  return route
}
