/**
 * One routing table: longest-prefix match over a hash for each prefix length, so that a lookup costs at most one step
 * for each length that is in use. Linux: fn_hash_lookup, fn_hash_insert, fn_hash_delete, net/ipv4/fib_hash.c (2.2.12).
 */

import { EACCES, EAGAIN, EEXIST, EHOSTUNREACH, EINVAL, ENOENT, type Errno, ESRCH } from '../../abi/errno.js'
import {
  type FibInfo,
  type FibNode,
  type FibTable,
  FibZone,
  inetMakeMask,
  RT_SCOPE_NOWHERE,
} from './fib_types.js'
import {
  RTN_BLACKHOLE,
  RTN_NAT,
  RTN_PROHIBIT,
  RTN_THROW,
  RTN_UNREACHABLE,
  RTN_UNSPEC,
} from './route_types.js'

/** Linux: NLM_F_*, modifiers of a request that makes something. */
export const FIB_REPLACE = 0x100
export const FIB_EXCL = 0x200
export const FIB_CREATE = 0x400
export const FIB_APPEND = 0x800

/**
 * An answer of the network to a question that no task may have asked. Who asks for a task says so with deny(): see
 * routeRefused.
 */
export const answer = (error: Errno): Errno => error

/** What a route of a type says to a lookup: 0 it is an answer; EAGAIN the next rule is asked. Linux: fib_props. */
export function fibTypeError(type: number): number {
  switch (type) {
    case RTN_UNREACHABLE:
      return EHOSTUNREACH
    case RTN_PROHIBIT:
      return answer(EACCES)
    case RTN_THROW:
      return EAGAIN
    case RTN_BLACKHOLE:
      return EINVAL
    default:
      return type > RTN_NAT ? EINVAL : 0
  }
}

/** The mask of a length as a signed number, as the keys of a zone are: engines keep those in a word. */
const signedMask = (bits: number): number => (bits === 0 ? 0 : -1 << (32 - bits))

/** The longest prefix that holds the destination: a route, an Errno that it says, or null for none. */
export function tableLookup(
  table: FibTable,
  dst: number,
  tos: number,
  oif: number,
  scope: number,
): FibNode | Errno | null {
  for (const { order, nodes } of table.zones) {
    const found = nodes.get(dst & signedMask(order))
    if (found === undefined) continue
    for (const node of found) {
      if (node.tos !== 0 && node.tos !== tos) continue
      if (node.scope < scope) continue
      const error = fibTypeError(node.type)
      if (error !== 0) return error as Errno
      const { dev } = node.info
      if (dev !== null && (oif === 0 || dev.ifindex === oif)) return node
    }
  }
  return null
}

/** Do two routes lead the same way? Linux: fib_find_info. */
const sameInfo = (a: FibInfo, b: FibInfo): boolean =>
  a.protocol === b.protocol &&
  a.prefsrc === b.prefsrc &&
  a.priority === b.priority &&
  a.dev === b.dev &&
  a.gateway === b.gateway &&
  a.nhScope === b.nhScope &&
  a.nhFlags === b.nhFlags

function zoneOf(table: FibTable, order: number): FibZone {
  const { zones } = table
  let at = 0
  for (let zone = zones[at]; zone !== undefined && zone.order >= order; zone = zones[++at])
    if (zone.order === order) return zone
  const made = new FibZone(order)
  zones.splice(at, 0, made)
  return made
}

/**
 * Puts a route in. `flags`: FIB_*. Errors: EINVAL bits outside the prefix; EEXIST with FIB_EXCL, or the very same
 * route is there; ENOENT not there and no FIB_CREATE. The route that was replaced, if any, in `replaced`.
 */
export function tableInsert(table: FibTable, node: FibNode, flags: number): number {
  const { dst, prefix, tos, info } = node
  if (prefix > 32 || (dst & ~inetMakeMask(prefix)) >>> 0 !== 0) return EINVAL
  const zone = zoneOf(table, prefix)
  const list = zone.nodes.get(dst | 0) ?? []
  let at = 0
  const isBefore = (other: FibNode): boolean =>
    other.tos > tos || (other.tos === tos && other.info.priority < info.priority)
  for (let other = list[at]; other !== undefined && isBefore(other); ) other = list[++at]
  const first = list[at]
  const isSame = (other: FibNode | undefined): other is FibNode =>
    other !== undefined && other.tos === tos && other.info.priority === info.priority
  if (isSame(first)) {
    if ((flags & FIB_EXCL) !== 0) return EEXIST
    if ((flags & FIB_REPLACE) !== 0) {
      list[at] = node
      return 0
    }
    let end = at
    for (let other = list[end]; isSame(other); other = list[++end])
      if (other.type === node.type && other.scope === node.scope && sameInfo(other.info, info)) return EEXIST
    if ((flags & FIB_APPEND) !== 0) at = end
  }
  if ((flags & FIB_CREATE) === 0) {
    dropEmpty(table, zone)
    return ENOENT
  }
  list.splice(at, 0, node)
  zone.nodes.set(dst | 0, list)
  return 0
}

function dropEmpty(table: FibTable, zone: FibZone): void {
  if (zone.nodes.size === 0) table.zones = table.zones.filter((other) => other !== zone)
}

/** What a route must be like to be taken out; null where anything does. */
export interface FibPattern {
  readonly dst: number
  readonly prefix: number
  readonly tos: number
  /** RTN_*, RTN_UNSPEC for any. */
  readonly type: number
  /** RT_SCOPE_*, RT_SCOPE_NOWHERE for any. */
  readonly scope: number
  /** RTPROT_*, 0 for any. */
  readonly protocol: number
  readonly priority: number | null
  readonly oif: number | null
  readonly gateway: number | null
}

const matches = ({ type, scope, info }: FibNode, want: FibPattern): boolean =>
  (want.type === RTN_UNSPEC || want.type === type) &&
  (want.scope === RT_SCOPE_NOWHERE || want.scope === scope) &&
  (want.protocol === 0 || want.protocol === info.protocol) &&
  (want.priority === null || want.priority === info.priority) &&
  (want.oif === null || want.oif === (info.dev?.ifindex ?? 0)) &&
  (want.gateway === null || want.gateway === info.gateway)

/** Takes out the first route that is like that; ESRCH there is none, EINVAL bits outside the prefix. */
export function tableDelete(table: FibTable, want: FibPattern): FibNode | Errno {
  if (want.prefix > 32 || (want.dst & ~inetMakeMask(want.prefix)) >>> 0 !== 0) return EINVAL
  const zone = table.zones.find(({ order }) => order === want.prefix)
  const list = zone?.nodes.get(want.dst | 0)
  if (zone === undefined || list === undefined) return ESRCH
  const at = list.findIndex((node) => node.tos === want.tos && matches(node, want))
  const [gone] = at < 0 ? [] : list.splice(at, 1)
  if (gone === undefined) return ESRCH
  if (list.length === 0) zone.nodes.delete(want.dst | 0)
  dropEmpty(table, zone)
  return gone
}

/** Takes out all routes that `isDead` says; how many. Linux: fn_hash_flush. */
export function tableFlush(table: FibTable, isDead: (node: FibNode) => boolean): number {
  let count = 0
  for (const { nodes } of table.zones) {
    for (const [dst, list] of nodes) {
      if (!list.some(isDead)) continue
      const left = list.filter((node) => !isDead(node))
      count += list.length - left.length
      if (left.length === 0) nodes.delete(dst)
      else nodes.set(dst, left)
    }
  }
  table.zones = table.zones.filter(({ nodes }) => nodes.size > 0)
  return count
}

/** All routes, longest prefixes first, those of one length by their prefixes. Linux: fn_hash_dump. */
export function tableRoutes(table: FibTable): FibNode[] {
  const all: FibNode[] = []
  for (const { nodes } of table.zones)
    for (const key of [...nodes.keys()].sort((a, b) => (a >>> 0) - (b >>> 0)))
      all.push(...(nodes.get(key) ?? []))
  return all
}
