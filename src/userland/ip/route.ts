/**
 * `ip route`: routing tables and the route cache. iproute2: ip/iproute.c (990824).
 */

import { isErr } from '../../abi/errno.js'
import { O_WRONLY } from '../../abi/fcntl.js'
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
  RTM_DELROUTE,
  RTM_F_CLONED,
  RTM_GETROUTE,
  RTM_NEWROUTE,
} from '../../abi/netlink.js'
import { AF_INET } from '../../abi/socket.js'
import { utf8Encode } from '../../lib/bytes.js'
import { fromInet32, inet32, int32, le32, type NlMessage, readAttributes } from '../../lib/nlmsg.js'
import { abbreviates, type Part, Stop, showIp } from '../tool.js'
import {
  address,
  garbage,
  idOf,
  invalid,
  nameOf,
  number,
  PROTOCOLS,
  type Prefix,
  prefix,
  SCOPES,
  showPrefix,
  showTos,
  TYPES,
  tosOf,
  typeOf,
  USAGE,
  type Words,
} from './args.js'
import {
  type Attribute,
  dump,
  type IpContext,
  type Link,
  linkName,
  linkNamed,
  readLinks,
  talk,
} from './netlink.js'

const HELP = `Usage: ip route { list | flush } SELECTOR
       ip route get ADDRESS [ from ADDRESS iif STRING ]
                            [ oif STRING ]  [ tos TOS ]
       ip route { add | del | replace | change | append | replace } ROUTE
SELECTOR := [ root PREFIX ] [ match PREFIX ] [ exact PREFIX ]
            [ table TABLE_ID ] [ proto RTPROTO ]
            [ type TYPE ] [ scope SCOPE ]
ROUTE := NODE_SPEC [ INFO_SPEC ]
NODE_SPEC := [ TYPE ] PREFIX [ tos TOS ]
             [ table TABLE_ID ] [ proto RTPROTO ]
             [ scope SCOPE ] [ metric METRIC ]
INFO_SPEC := NH OPTIONS
NH := [ via ADDRESS ] [ dev STRING ] [ src ADDRESS ]
TYPE := [ unicast | local | broadcast | multicast | throw |
          unreachable | prohibit | blackhole | nat ]
TABLE_ID := [ local | main | default | all | NUMBER ]
SCOPE := [ host | link | global | NUMBER ]
RTPROTO := [ kernel | boot | static | NUMBER ]
`

const MAIN = 254
const LOCAL = 255
const UNICAST = 1

/** Which routes are meant, and so which columns say nothing new. */
interface Filter {
  /** The table, 0 for all. */
  table: number
  cloned: boolean
  protocol: number | null
  scope: number | null
  type: number
  oif: number | null
  tos: number | null
  via: number | null
  src: number | null
  root: Prefix | null
  match: Prefix | null
  exact: Prefix | null
}

const freshFilter = (): Filter => ({
  table: MAIN,
  cloned: false,
  protocol: null,
  scope: null,
  type: 0,
  oif: null,
  tos: null,
  via: null,
  src: null,
  root: null,
  match: null,
  exact: null,
})

const maskOf = (bits: number): number => (bits === 0 ? 0 : (-1 << (32 - bits)) >>> 0)

/** Is the route one of those? */
function wanted(filter: Filter, { body }: NlMessage): boolean {
  const attributes = readAttributes(body, 12)
  const [, bits = 0, , tos = 0, table = 0, protocol = 0, scope = 0, type = 0] = body
  const addr = (key: number): number => fromInet32(attributes.get(key) ?? new Uint8Array(4))
  const isCloned = (le32(body, 8) & RTM_F_CLONED) !== 0
  if (isCloned !== filter.cloned) return false
  if (!isCloned && filter.table > 0 && filter.table !== table) return false
  if (filter.protocol !== null && filter.protocol !== protocol) return false
  if (filter.scope !== null && filter.scope !== scope) return false
  if (filter.type !== 0 && filter.type !== type) return false
  if (filter.tos !== null && filter.tos !== tos) return false
  if (filter.oif !== null && filter.oif !== le32(attributes.get(RTA_OIF) ?? new Uint8Array(4), 0))
    return false
  if (filter.via !== null && filter.via !== addr(RTA_GATEWAY)) return false
  if (filter.src !== null && filter.src !== addr(RTA_PREFSRC)) return false
  const dst = addr(RTA_DST)
  const under = (a: number, length: number): boolean => ((a ^ dst) & maskOf(length)) === 0
  if (filter.root !== null && (bits < filter.root.bits || !under(filter.root.addr, filter.root.bits)))
    return false
  if (filter.match !== null && (bits > filter.match.bits || !under(filter.match.addr, bits))) return false
  const { exact } = filter
  return exact === null || (bits === exact.bits && under(exact.addr, bits))
}

/** Flags of an entry of the cache. Linux: RTCF_*. */
const CACHE_FLAGS: readonly (readonly [number, string])[] = [
  [0x80000000, 'local'],
  [0x20000000, 'mc'],
  [0x10000000, 'brd'],
]

function showCacheFlags(all: number): string {
  const names = CACHE_FLAGS.filter(([bit]) => (all & bit) !== 0).map(([, name]) => name)
  return names.length === 0 ? '' : `<${names.join(',')}> `
}

/** One route as it is listed. iproute2: print_route. */
function showRoute(
  ctx: IpContext,
  links: readonly Link[],
  filter: Filter,
  { body, type: kind }: NlMessage,
): string {
  const attributes = readAttributes(body, 12)
  const [, bits = 0, srcBits = 0, tos = 0, table = 0, protocol = 0, scope = 0, type = 0] = body
  const flags = le32(body, 8)
  const addr = (key: number): number | null => {
    const value = attributes.get(key)
    return value === undefined ? null : fromInet32(value)
  }
  const int = (key: number): number => le32(attributes.get(key) ?? new Uint8Array(4), 0)
  const dst = addr(RTA_DST)
  const src = addr(RTA_SRC)
  const gateway = addr(RTA_GATEWAY)
  const prefsrc = addr(RTA_PREFSRC)
  const isCloned = (flags & RTM_F_CLONED) !== 0
  let line = kind === RTM_DELROUTE ? 'Deleted ' : ''
  if (type !== UNICAST && filter.type === 0) line += `${nameOf(TYPES, type)} `
  if (dst !== null) line += `${showPrefix(dst, bits)} `
  else line += bits > 0 ? `0/${bits} ` : 'default '
  if (src !== null) line += `from ${showPrefix(src, srcBits)} `
  if (tos !== 0 && filter.tos === null) line += `tos ${showTos(tos)} `
  if (gateway !== null && filter.via === null) line += `via ${showIp(gateway)} `
  if (attributes.has(RTA_OIF) && filter.oif === null) line += `dev ${linkName(links, int(RTA_OIF))} `
  if (!isCloned) {
    if (table !== MAIN && filter.table === 0) line += ` table ${nameOf(ctx.tables, table)} `
    if (protocol !== 3 && filter.protocol === null) line += ` proto ${nameOf(PROTOCOLS, protocol)} `
    if (scope !== 0 && filter.scope === null) line += ` scope ${nameOf(SCOPES, scope)} `
  }
  if (prefsrc !== null && filter.src === null) line += ` src ${showIp(prefsrc)} `
  if (attributes.has(RTA_PRIORITY)) line += ` metric ${int(RTA_PRIORITY)} `
  if ((flags & 4) !== 0) line += 'onlink '
  if (isCloned) {
    line += `\n    cache ${showCacheFlags(flags & ~0xffff)}`
    const info = attributes.get(RTA_CACHEINFO)
    if (info !== undefined && ctx.stats > 0) {
      if (le32(info, 16) !== 0) line += ` used ${le32(info, 16)}`
      if (le32(info, 4) !== 0) line += ` age ${Math.floor(le32(info, 4) / 100)}sec`
    }
  }
  const mtu = readAttributes(attributes.get(RTA_METRICS) ?? new Uint8Array(0), 0).get(RTAX_MTU)
  if (mtu !== undefined) line += ` mtu ${le32(mtu, 0)}`
  if (attributes.has(RTA_IIF)) line += ` iif ${linkName(links, int(RTA_IIF))}`
  return `${line}\n`
}

/** The words of `list` and `flush`. */
function readFilter(ctx: IpContext, links: readonly Link[], words: Words): Filter {
  const filter = freshFilter()
  while (words.more) {
    const word = words.next()
    if (abbreviates(word, 'table')) {
      const text = words.next()
      if (abbreviates(text, 'cache')) filter.cloned = true
      else if (text === 'all' || text === 'any') filter.table = 0
      else {
        const id = idOf(ctx.tables, text)
        if (id === null) throw invalid('table id value is invalid', text)
        filter.table = id
      }
    } else if (abbreviates(word, 'cached') || abbreviates(word, 'cloned')) {
      filter.cloned = true
    } else if (word === 'tos' || abbreviates(word, 'dsfield')) {
      const text = words.next()
      filter.tos = tosOf(text, text)
    } else if (abbreviates(word, 'protocol')) {
      const text = words.next()
      filter.protocol = text === 'all' ? null : idOf(PROTOCOLS, text)
      if (text !== 'all' && filter.protocol === null) throw invalid('invalid "protocol"', text)
    } else if (abbreviates(word, 'scope')) {
      const text = words.next()
      filter.scope = text === 'all' ? null : idOf(SCOPES, text)
      if (text !== 'all' && filter.scope === null) throw invalid('invalid "scope"', text)
    } else if (abbreviates(word, 'type')) {
      const text = words.next()
      const type = typeOf(text)
      if (type === null) throw invalid('node type value is invalid', text)
      filter.type = type
    } else if (word === 'dev' || word === 'oif') {
      filter.oif = linkNamed(links, words.next()).ifindex
    } else if (word === 'via') {
      filter.via = address(words.next())
    } else if (word === 'src') {
      filter.src = address(words.next())
    } else if (word === 'root') {
      filter.root = prefix(words.next())
    } else if (word === 'match') {
      filter.match = prefix(words.next())
    } else {
      const text = word === 'exact' || word === 'to' ? words.next() : word
      if (abbreviates(text, 'help')) throw new Stop(HELP, USAGE)
      filter.exact = prefix(text)
    }
  }
  return filter
}

function* routesOf(ctx: IpContext, filter: Filter): Part<NlMessage[]> {
  const fixed = new Uint8Array(12)
  fixed[0] = AF_INET
  if (filter.cloned) fixed.set(int32(RTM_F_CLONED), 8)
  const all = yield* dump(ctx, RTM_GETROUTE, fixed)
  return all.filter((message) => wanted(filter, message))
}

function* list(ctx: IpContext, words: Words): Part<number> {
  const links = yield* readLinks(ctx)
  const filter = readFilter(ctx, links, words)
  for (const message of yield* routesOf(ctx, filter)) ctx.out.push(showRoute(ctx, links, filter, message))
  return 0
}

const FLUSH = '/proc/sys/net/ipv4/route/flush'

/** iproute2: iproute_flush_cache. */
function* flushCache({ sys }: IpContext): Part<number> {
  const fd = yield* sys.open(FLUSH, O_WRONLY)
  if (isErr(fd)) throw new Stop(`Cannot open "${FLUSH}"\n`, USAGE)
  const written = yield* sys.write(fd, utf8Encode('-1'))
  yield* sys.close(fd)
  if (written < 2) throw new Stop('Cannot flush routing cache\n', USAGE)
  return 0
}

function* flush(ctx: IpContext, words: Words): Part<number> {
  if (!words.more) throw new Stop('"ip route flush" requires arguments.\n', USAGE)
  const links = yield* readLinks(ctx)
  const filter = readFilter(ctx, links, words)
  if (filter.cloned) return yield* flushCache(ctx)
  const routes = yield* routesOf(ctx, filter)
  if (routes.length === 0) throw new Stop('Nothing to flush.\n', 0)
  for (const { body } of routes)
    yield* talk(ctx, RTM_DELROUTE, 0, body.slice(0, 12), [...readAttributes(body, 12)])
  return 0
}

/** iproute2: iproute_modify. */
function* modify(ctx: IpContext, cmd: number, flags: number, words: Words): Part<number> {
  const links = yield* readLinks(ctx)
  const isNew = cmd === RTM_NEWROUTE
  const fixed = Uint8Array.of(
    AF_INET,
    0,
    0,
    0,
    MAIN,
    isNew ? 3 : 0,
    isNew ? 0 : 255,
    isNew ? UNICAST : 0,
    0,
    0,
    0,
    0,
  )
  const attributes: Attribute[] = []
  let hasGateway = false
  let hasTable = false
  let hasScope = false
  let hasDst = false
  while (words.more) {
    const word = words.next()
    if (word === 'src') {
      attributes.push([RTA_PREFSRC, inet32(address(words.next()))])
    } else if (word === 'via') {
      attributes.push([RTA_GATEWAY, inet32(address(words.next()))])
      hasGateway = true
    } else if (word === 'tos' || abbreviates(word, 'dsfield')) {
      const text = words.next()
      fixed[3] = tosOf(text, text)
    } else if (
      abbreviates(word, 'metric') ||
      abbreviates(word, 'priority') ||
      abbreviates(word, 'preference')
    ) {
      attributes.push([RTA_PRIORITY, int32(number(words.next(), 0xffffffff, '"metric" value is invalid'))])
    } else if (word === 'scope') {
      const text = words.next()
      const scope = idOf(SCOPES, text)
      if (scope === null) throw invalid('invalid "scope" value', text)
      fixed[6] = scope
      hasScope = true
    } else if (word === 'onlink') {
      fixed[8] = (fixed[8] ?? 0) | 4
    } else if (abbreviates(word, 'protocol')) {
      const text = words.next()
      const protocol = idOf(PROTOCOLS, text)
      if (protocol === null) throw invalid('"protocol" value is invalid', text)
      fixed[5] = protocol
    } else if (abbreviates(word, 'table')) {
      const text = words.next()
      const id = idOf(ctx.tables, text)
      if (id === null) throw invalid('"table" value is invalid', text)
      fixed[4] = id
      hasTable = true
    } else if (word === 'dev' || word === 'oif') {
      attributes.push([RTA_OIF, int32(linkNamed(links, words.next()).ifindex)])
    } else {
      const [text, type] = withType(word, words)
      if (abbreviates(text, 'help')) throw new Stop(HELP, USAGE)
      if (type !== null) fixed[7] = type
      if (hasDst) throw garbage('to', text)
      const { addr, bits, isDefault } = prefix(text)
      fixed[1] = bits
      if (!isDefault) attributes.push([RTA_DST, inet32(addr)])
      hasDst = true
    }
  }
  const type = fixed[7] ?? 0
  if (!hasTable && (type === 2 || type === 3 || type === 4 || type === 10)) fixed[4] = LOCAL
  if (!hasScope) fixed[6] = defaultScope(isNew, type, hasGateway, fixed[6] ?? 0)
  yield* talk(ctx, cmd, flags, fixed, attributes)
  return 0
}

/** The prefix, and the type in front of it. */
function withType(word: string, words: Words): readonly [string, number | null] {
  if (word === 'to' || word === 'exact') return withType(words.next(), words)
  const type = typeOf(word)
  if (type === null) return [word, null]
  const next = words.next()
  return [next === 'to' ? words.next() : next, type]
}

/** A route without a gateway is one of the link, one of an own address one of the host. */
function defaultScope(isNew: boolean, type: number, hasGateway: boolean, scope: number): number {
  if (type === 2 || type === 10) return 254
  if (type === 3 || type === 4 || type === 5) return 253
  if (type !== UNICAST && type !== 0) return scope
  if (!isNew) return 255
  return hasGateway ? scope : 253
}

/** iproute2: iproute_get. */
function* get(ctx: IpContext, words: Words): Part<number> {
  const links = yield* readLinks(ctx)
  const fixed = new Uint8Array(12)
  fixed[0] = AF_INET
  const attributes: Attribute[] = []
  while (words.more) {
    const word = words.next()
    if (word === 'tos' || abbreviates(word, 'dsfield')) {
      const text = words.next()
      fixed[3] = tosOf(text, text)
    } else if (word === 'from' || word === 'iif' || word === 'oif' || word === 'dev') {
      const text = words.next()
      if (word === 'from') {
        const { addr, bits } = prefix(text)
        fixed[2] = bits
        attributes.push([RTA_SRC, inet32(addr)])
      } else {
        attributes.push([word === 'iif' ? RTA_IIF : RTA_OIF, int32(linkNamed(links, text).ifindex)])
      }
    } else {
      const text = word === 'to' ? words.next() : word
      if (abbreviates(text, 'help')) throw new Stop(HELP, USAGE)
      const { addr, bits } = prefix(text)
      fixed[1] = bits
      attributes.push([RTA_DST, inet32(addr)])
    }
  }
  if (fixed[1] === 0) throw new Stop('need at least destination address\n', 1)
  const answer = yield* talk(ctx, RTM_GETROUTE, 0, fixed, attributes, true)
  if (answer !== null) ctx.out.push(showRoute(ctx, links, freshFilter(), answer))
  return 0
}

/** What changes a table: word, message, flags. */
const CHANGES: readonly (readonly [string, number, number])[] = [
  ['add', RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL],
  ['change', RTM_NEWROUTE, NLM_F_REPLACE],
  ['chg', RTM_NEWROUTE, NLM_F_REPLACE],
  ['replace', RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE],
  ['prepend', RTM_NEWROUTE, NLM_F_CREATE],
  ['append', RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND],
  ['test', RTM_NEWROUTE, NLM_F_EXCL],
  ['delete', RTM_DELROUTE, 0],
]

/** `ip route …`. */
export function* ipRoute(ctx: IpContext, words: Words): Part<number> {
  if (!words.more) return yield* list(ctx, words)
  const word = words.next()
  for (const [name, cmd, flags] of CHANGES)
    if (abbreviates(word, name)) return yield* modify(ctx, cmd, flags, words)
  if (abbreviates(word, 'list') || abbreviates(word, 'show') || abbreviates(word, 'lst'))
    return yield* list(ctx, words)
  if (abbreviates(word, 'get')) return yield* get(ctx, words)
  if (abbreviates(word, 'flush')) return yield* flush(ctx, words)
  if (abbreviates(word, 'help')) throw new Stop(HELP, USAGE)
  throw new Stop(`Command "${word}" is unknown, try "ip route help".\n`, USAGE)
}
