/**
 * `ip addr`, `ip link` and `ip neigh`. iproute2: ip/ipaddress.c, ip/iplink.c, ip/ipneigh.c (990824).
 */

import { isErr } from '../../abi/errno.js'
import {
  IFA_ADDRESS,
  IFA_BROADCAST,
  IFA_LABEL,
  IFA_LOCAL,
  IFLA_ADDRESS,
  IFLA_BROADCAST,
  IFLA_MTU,
  IFLA_QDISC,
  IFLA_STATS,
  NDA_DST,
  NDA_LLADDR,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RTM_DELADDR,
  RTM_DELNEIGH,
  RTM_GETADDR,
  RTM_GETNEIGH,
  RTM_NEWADDR,
  RTM_NEWNEIGH,
} from '../../abi/netlink.js'
import { AF_INET, SOCK_DGRAM } from '../../abi/socket.js'
import { SIOCGIFFLAGS, SIOCGIFTXQLEN, SIOCSIFFLAGS, SIOCSIFMTU, SIOCSIFTXQLEN } from '../../abi/sockios.js'
import {
  fromInet32,
  inet32,
  int32,
  le16,
  le32,
  type NlMessage,
  nulText,
  readAttributes,
  textOf,
} from '../../lib/nlmsg.js'
import {
  abbreviates,
  ifreqOf,
  type Part,
  perror,
  readHardware,
  Stop,
  showHardware,
  showIp,
  type ToolSys,
} from '../tool.js'
import { address, idOf, invalid, nameOf, number, prefix, SCOPES, USAGE, type Words } from './args.js'
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

/** Flags in the order of the tool. Linux: IFF_*. */
const FLAGS: readonly (readonly [string, number])[] = [
  ['LOOPBACK', 0x8],
  ['BROADCAST', 0x2],
  ['POINTOPOINT', 0x10],
  ['MULTICAST', 0x1000],
  ['NOARP', 0x80],
  ['ALLMULTI', 0x200],
  ['PROMISC', 0x100],
  ['MASTER', 0x400],
  ['SLAVE', 0x800],
  ['DEBUG', 0x4],
  ['NOTRAILERS', 0x20],
  ['UP', 0x1],
]

const showFlags = (flags: number): string =>
  `<${FLAGS.filter(([, bit]) => (flags & bit) !== 0)
    .map(([name]) => name)
    .join(',')}>`

const LINK_TYPES: ReadonlyMap<number, string> = new Map([
  [1, 'ether'],
  [512, 'ppp'],
  [772, 'loopback'],
])

const EMPTY = new Uint8Array(0)

/** An ioctl on a socket of its own: the structure, or an Errno. */
function* deviceIoctl(sys: ToolSys, cmd: number, ifr: Uint8Array): Part<number> {
  const fd = yield* sys.socket(AF_INET, SOCK_DGRAM, 0)
  if (isErr(fd)) return fd
  const result = yield* sys.ioctl(fd, cmd, ifr)
  yield* sys.close(fd)
  return result
}

/** The first two lines about a device. iproute2: print_linkinfo. */
function* showLink(ctx: IpContext, link: Link): Part<string> {
  const { attributes, flags, ifindex, name, type } = link
  let text = `${ifindex}: ${name}: ${showFlags(flags)} `
  const mtu = attributes.get(IFLA_MTU)
  if (mtu !== undefined) text += `mtu ${le32(mtu, 0)} `
  const qdisc = attributes.get(IFLA_QDISC)
  if (qdisc !== undefined) text += `qdisc ${textOf(qdisc)} `
  const ifr = ifreqOf(name)
  const queue = yield* deviceIoctl(ctx.sys, SIOCGIFTXQLEN, ifr)
  if (queue === 0 && le32(ifr, 16) !== 0) text += `qlen ${le32(ifr, 16)}`
  text += `\n    link/${LINK_TYPES.get(type) ?? `[${type}]`} ${showHardware(attributes.get(IFLA_ADDRESS) ?? EMPTY)}`
  text += ` brd ${showHardware(attributes.get(IFLA_BROADCAST) ?? EMPTY)}\n`
  const stats = attributes.get(IFLA_STATS)
  return stats === undefined || ctx.stats === 0 ? text : text + showStats(stats)
}

/** Counters, with -s. */
function showStats(stats: Uint8Array): string {
  const column = (at: number, width: number): string => String(le32(stats, at * 4)).padEnd(width)
  return (
    '    RX: bytes  packets  errors  dropped overrun mcast   \n' +
    `    ${column(2, 10)} ${column(0, 8)} ${column(4, 7)} ${column(6, 7)} ${'0'.padEnd(7)} ${column(8, 7)}\n` +
    '    TX: bytes  packets  errors  dropped carrier collsns \n' +
    `    ${column(3, 10)} ${column(1, 8)} ${column(5, 7)} ${column(7, 7)} ${'0'.padEnd(7)} ${column(9, 7)}\n`
  )
}

/** One address. iproute2: print_addrinfo. */
function showAddress({ body }: NlMessage): string {
  const attributes = readAttributes(body, 8)
  const [, bits = 0, flags = 0, scope = 0] = body
  const local = fromInet32(attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS) ?? EMPTY)
  const peer = fromInet32(attributes.get(IFA_ADDRESS) ?? EMPTY)
  let line = `    inet ${showIp(local)}`
  line += peer === local ? `/${bits} ` : ` peer ${showIp(peer)}/${bits} `
  const broadcast = attributes.get(IFA_BROADCAST)
  if (broadcast !== undefined) line += `brd ${showIp(fromInet32(broadcast))} `
  line += `scope ${nameOf(SCOPES, scope)} `
  if ((flags & 1) !== 0) line += 'secondary '
  return `${line}${textOf(attributes.get(IFA_LABEL) ?? EMPTY)}\n`
}

/** iproute2: ipaddr_list. */
function* list(ctx: IpContext, words: Words, onlyLinks: boolean): Part<number> {
  const links = yield* readLinks(ctx)
  let dev: Link | null = null
  let isUp = false
  while (words.more) {
    const word = words.next()
    if (word === 'up') isUp = true
    else if (abbreviates(word, 'help')) throw new Stop(onlyLinks ? LINK_HELP : ADDR_HELP, USAGE)
    else {
      const name = word === 'dev' ? words.next() : word
      const found = links.find((link) => link.name === name)
      if (found === undefined) throw new Stop(`Device "${name}" does not exist.\n`, 1)
      dev = found
    }
  }
  const addresses = onlyLinks ? [] : yield* dump(ctx, RTM_GETADDR, new Uint8Array(8))
  for (const link of links) {
    if ((dev !== null && dev !== link) || (isUp && (link.flags & 1) === 0)) continue
    ctx.out.push(yield* showLink(ctx, link))
    for (const message of addresses)
      if (le32(message.body, 4) === link.ifindex) ctx.out.push(showAddress(message))
  }
  return 0
}

const ADDR_HELP = `Usage: ip addr {add|del} IFADDR dev STRING
       ip addr {show|flush} [ dev STRING ]
IFADDR := PREFIX | ADDR peer PREFIX
          [ broadcast ADDR ] [ label STRING ] [ scope SCOPE-ID ]
SCOPE-ID := [ host | link | global | NUMBER ]
`

/** iproute2: ipaddr_modify. */
function* modifyAddress(ctx: IpContext, cmd: number, words: Words): Part<number> {
  const links = yield* readLinks(ctx)
  let local: ReturnType<typeof prefix> | null = null
  let peer: ReturnType<typeof prefix> | null = null
  let dev: string | null = null
  let label: string | null = null
  let broadcast: string | null = null
  let scope: number | null = null
  while (words.more) {
    const word = words.next()
    if (word === 'peer' || word === 'remote') peer = prefix(words.next())
    else if (abbreviates(word, 'broadcast') || word === 'brd') broadcast = words.next()
    else if (word === 'scope') {
      const text = words.next()
      scope = idOf(SCOPES, text)
      if (scope === null) throw invalid('invalid scope value.', text)
    } else if (word === 'dev') dev = words.next()
    else if (word === 'label') label = words.next()
    else {
      const text = word === 'local' ? words.next() : word
      if (abbreviates(text, 'help')) throw new Stop(ADDR_HELP, USAGE)
      local = prefix(text)
    }
  }
  if (dev === null) throw new Stop('Not enough information: "dev" argument is required.\n', USAGE)
  if (label !== null && !label.startsWith(dev))
    throw new Stop(`"dev" (${dev}) must match "label" (${label}).\n`, 1)
  const bits = peer?.bits ?? local?.bits ?? 0
  const attributes: Attribute[] = []
  if (local !== null) attributes.push([IFA_LOCAL, inet32(local.addr)])
  const far = peer ?? local
  if (far !== null) attributes.push([IFA_ADDRESS, inet32(far.addr)])
  if (broadcast !== null)
    attributes.push([IFA_BROADCAST, inet32(broadcastOf(broadcast, far?.addr ?? 0, bits))])
  if (label !== null) attributes.push([IFA_LABEL, nulText(label)])
  const narrow = local !== null && local.addr >>> 24 === 127 ? 254 : 0
  const fixed = new Uint8Array(8)
  fixed.set([AF_INET, bits, 0, scope ?? narrow])
  fixed.set(int32(linkNamed(links, dev).ifindex), 4)
  yield* talk(ctx, cmd, cmd === RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0, fixed, attributes)
  return 0
}

/** '+' and '-' stand for the last and the first address of the network. */
function broadcastOf(text: string, addr: number, bits: number): number {
  if (text !== '+' && text !== '-') return address(text)
  const host = bits === 0 ? 0xffffffff : bits === 32 ? 0 : 0xffffffff >>> bits
  return (text === '+' ? addr | host : addr & ~host) >>> 0
}

function* flushAddresses(ctx: IpContext, words: Words): Part<number> {
  if (!words.more) throw new Stop('Flush requires arguments.\n', USAGE)
  const links = yield* readLinks(ctx)
  const word = words.next()
  const { ifindex } = linkNamed(links, word === 'dev' ? words.next() : word)
  const all = yield* dump(ctx, RTM_GETADDR, new Uint8Array(8))
  const own = all.filter(({ body }) => le32(body, 4) === ifindex)
  // Secondary addresses go with their primary one, so they go first.
  for (const { body } of own.reverse())
    yield* talk(ctx, RTM_DELADDR, 0, body.slice(0, 8), [...readAttributes(body, 8)])
  return 0
}

/** `ip addr …`. */
export function* ipAddress(ctx: IpContext, words: Words): Part<number> {
  if (!words.more) return yield* list(ctx, words, false)
  const word = words.next()
  if (abbreviates(word, 'add')) return yield* modifyAddress(ctx, RTM_NEWADDR, words)
  if (abbreviates(word, 'delete')) return yield* modifyAddress(ctx, RTM_DELADDR, words)
  if (abbreviates(word, 'list') || abbreviates(word, 'show') || abbreviates(word, 'lst'))
    return yield* list(ctx, words, false)
  if (abbreviates(word, 'flush')) return yield* flushAddresses(ctx, words)
  if (abbreviates(word, 'help')) throw new Stop(ADDR_HELP, USAGE)
  throw new Stop(`Command "${word}" is unknown, try "ip address help".\n`, USAGE)
}

const LINK_HELP = `Usage: ip link set DEVICE { up | down | arp { on | off } |
	                     dynamic { on | off } |
	                     multicast { on | off } | txqueuelen PACKETS |
	                     mtu MTU }
       ip link show [ DEVICE ]
`

/** The flags that a word pair switches. */
const SWITCHES: readonly (readonly [string, number, boolean])[] = [
  ['multicast', 0x1000, true],
  ['arp', 0x80, false],
]

/** iproute2: do_set, through ioctls as the kernel of the time has no messages for it. */
function* setLink({ sys }: IpContext, words: Words): Part<number> {
  let dev: string | null = null
  let mask = 0
  let flags = 0
  let mtu: number | null = null
  let queue: number | null = null
  while (words.more) {
    const word = words.next()
    const pair = SWITCHES.find(([name]) => name === word)
    if (word === 'up' || word === 'down') {
      mask |= 1
      flags = word === 'up' ? flags | 1 : flags & ~1
    } else if (word === 'mtu') {
      mtu = number(words.next(), 0x7fffffff, 'Invalid "mtu" value\n'.trimEnd())
    } else if (abbreviates(word, 'txqueuelen') || word === 'qlen') {
      queue = number(words.next(), 0x7fffffff, 'Invalid "txqueuelen" value\n'.trimEnd())
    } else if (pair !== undefined) {
      const [name, bit, isStraight] = pair
      const text = words.next()
      if (text !== 'on' && text !== 'off')
        throw new Stop(`Error: argument of "${name}" must be "on" or "off"\n`, USAGE)
      mask |= bit
      flags = (text === 'on') === isStraight ? flags | bit : flags & ~bit
    } else {
      const name = word === 'dev' ? words.next() : word
      if (abbreviates(name, 'help')) throw new Stop(LINK_HELP, USAGE)
      if (dev !== null)
        throw new Stop(`Error: either "dev" is duplicate, or "${name}" is a garbage.\n`, USAGE)
      dev = name
    }
  }
  if (dev === null) throw new Stop('Not enough of information: "dev" argument is required.\n', USAGE)
  if (queue !== null) yield* setInt(sys, dev, SIOCSIFTXQLEN, 'SIOCSIFXQLEN', queue)
  if (mtu !== null) yield* setInt(sys, dev, SIOCSIFMTU, 'SIOCSIFMTU', mtu)
  if (mask !== 0) yield* changeFlags(sys, dev, flags, mask)
  return 0
}

function* setInt(sys: ToolSys, dev: string, cmd: number, name: string, value: number): Part<void> {
  const ifr = ifreqOf(dev)
  ifr.set(int32(value), 16)
  const failed = yield* deviceIoctl(sys, cmd, ifr)
  if (failed !== 0) throw new Stop(perror(name, failed), USAGE)
}

/** iproute2: do_chflags. */
function* changeFlags(sys: ToolSys, dev: string, flags: number, mask: number): Part<void> {
  const ifr = ifreqOf(dev)
  const failed = yield* deviceIoctl(sys, SIOCGIFFLAGS, ifr)
  if (failed !== 0) throw new Stop(perror('SIOCGIFFLAGS', failed), USAGE)
  const old = le16(ifr, 16)
  const wanted = (old & ~mask) | (flags & mask)
  if (wanted === old) return
  ifr[16] = wanted
  ifr[17] = wanted >>> 8
  const refused = yield* deviceIoctl(sys, SIOCSIFFLAGS, ifr)
  if (refused !== 0) throw new Stop(perror('SIOCSIFFLAGS', refused), USAGE)
}

/** `ip link …`. */
export function* ipLink(ctx: IpContext, words: Words): Part<number> {
  if (!words.more) return yield* list(ctx, words, true)
  const word = words.next()
  if (abbreviates(word, 'set')) return yield* setLink(ctx, words)
  if (abbreviates(word, 'show') || abbreviates(word, 'lst') || abbreviates(word, 'list'))
    return yield* list(ctx, words, true)
  if (abbreviates(word, 'help')) throw new Stop(LINK_HELP, USAGE)
  throw new Stop(`Command "${word}" is unknown, try "ip link help".\n`, USAGE)
}

// ---- neighbours ------------------------------------------------------------------------------------------------

const NEIGH_HELP = `Usage: ip neigh { add | del | change | replace } { ADDR [ lladdr LLADDR ]
          [ nud { permanent | noarp | stale | reachable } ] } [ dev DEV ]
       ip neigh show [ ADDR ] [ dev DEV ]
`

/** Linux: NUD_*. */
const NUD: readonly (readonly [number, string])[] = [
  [0x01, 'incomplete'],
  [0x02, 'reachable'],
  [0x04, 'stale'],
  [0x08, 'delay'],
  [0x10, 'probe'],
  [0x20, 'failed'],
  [0x40, 'noarp'],
  [0x80, 'permanent'],
]

function* listNeighbours(ctx: IpContext, words: Words): Part<number> {
  const links = yield* readLinks(ctx)
  let dev: number | null = null
  let addr: number | null = null
  while (words.more) {
    const word = words.next()
    if (word === 'dev') dev = linkNamed(links, words.next()).ifindex
    else if (abbreviates(word, 'help')) throw new Stop(NEIGH_HELP, USAGE)
    else addr = address(word === 'to' ? words.next() : word)
  }
  const fixed = new Uint8Array(12)
  fixed[0] = AF_INET
  for (const { body } of yield* dump(ctx, RTM_GETNEIGH, fixed)) {
    const attributes = readAttributes(body, 12)
    const to = fromInet32(attributes.get(NDA_DST) ?? EMPTY)
    const state = le16(body, 8)
    const ifindex = le32(body, 4)
    if (state === 0 || (dev !== null && dev !== ifindex) || (addr !== null && addr !== to)) continue
    let line = `${showIp(to)} `
    if (dev === null) line += `dev ${linkName(links, ifindex)} `
    const hardware = attributes.get(NDA_LLADDR)
    if (hardware !== undefined) line += `lladdr ${showHardware(hardware)}`
    const names = NUD.filter(([bit]) => (state & bit) !== 0).map(([, name]) => name)
    ctx.out.push(`${line} nud ${names.join(',')}\n`)
  }
  return 0
}

function* modifyNeighbour(ctx: IpContext, cmd: number, flags: number, words: Words): Part<number> {
  const links = yield* readLinks(ctx)
  const attributes: Attribute[] = []
  let dev: string | null = null
  let state = 0x80
  while (words.more) {
    const word = words.next()
    if (word === 'lladdr') {
      const text = words.next()
      const hardware = readHardware(text)
      if (hardware === null) throw new Stop(`"${text}" is invalid lladdr.\n`, 1)
      attributes.push([NDA_LLADDR, hardware])
    } else if (word === 'nud') {
      const text = words.next()
      const found = NUD.find(([, name]) => name === text)
      if (found === undefined) throw invalid('nud state is bad', text)
      state = found[0]
    } else if (word === 'dev') {
      dev = words.next()
    } else {
      const text = word === 'to' ? words.next() : word
      if (abbreviates(text, 'help')) throw new Stop(NEIGH_HELP, USAGE)
      attributes.push([NDA_DST, inet32(address(text))])
    }
  }
  const hasDst = attributes.some(([type]) => type === NDA_DST)
  if (dev === null || !hasDst) throw new Stop('Device and destination are required arguments.\n', USAGE)
  const fixed = new Uint8Array(12)
  fixed[0] = AF_INET
  fixed.set(int32(linkNamed(links, dev).ifindex), 4)
  fixed[8] = state
  yield* talk(ctx, cmd, flags, fixed, attributes)
  return 0
}

/** `ip neigh …`. */
export function* ipNeighbour(ctx: IpContext, words: Words): Part<number> {
  if (!words.more) return yield* listNeighbours(ctx, words)
  const word = words.next()
  if (abbreviates(word, 'add'))
    return yield* modifyNeighbour(ctx, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, words)
  if (abbreviates(word, 'change') || word === 'chg')
    return yield* modifyNeighbour(ctx, RTM_NEWNEIGH, NLM_F_REPLACE, words)
  if (abbreviates(word, 'replace'))
    return yield* modifyNeighbour(ctx, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, words)
  if (abbreviates(word, 'delete')) return yield* modifyNeighbour(ctx, RTM_DELNEIGH, 0, words)
  if (abbreviates(word, 'show') || abbreviates(word, 'list') || abbreviates(word, 'lst'))
    return yield* listNeighbours(ctx, words)
  if (abbreviates(word, 'help')) throw new Stop(NEIGH_HELP, USAGE)
  throw new Stop(`Command "${word}" is unknown, try "ip neigh help".\n`, USAGE)
}
