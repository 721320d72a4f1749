/**
 * `route`: shows /proc/net/route, adds and deletes routes through ioctls. net-tools 1.54.
 *
 * Left out: names of hosts and networks but `default`, the cache, families other than inet, mss, window, irtt.
 */

import { isErr } from '../abi/errno.js'
import { AF_INET, SOCK_DGRAM } from '../abi/socket.js'
import { RTF_GATEWAY, RTF_HOST, RTF_REJECT, RTF_UP, SIOCADDRT, SIOCDELRT } from '../abi/sockios.js'
import { inet32, int32, nulText } from '../lib/nlmsg.js'
import type { Program } from '../programs/sys_types.js'
import { type Part, perror, readFile, readIp, runTool, Stop, showIp, type ToolSys } from './tool.js'

/** Exit statuses of net-tools. */
const E_SOCK = 7
const E_LOOKUP = 6
const E_USAGE = 4

const USAGE = `Usage: route [-nNvee] [-FC] [<AF>]           List kernel routing tables
       route [-v] [-FC] {add|del|flush} ...  Modify routing table for AF.

       route {-h|--help} [<AF>]              Detailed usage syntax for specified AF.
       route {-V|--version}                  Display version/author and exit.
`

const HEAD = 'Destination     Gateway         Genmask         Flags Metric Ref    Use Iface\n'

/** '0A000001' as the kernel of an i386 shows 1.0.0.10. */
const fromHex = (text: string): number => {
  const value = Number.parseInt(text, 16)
  return (((value & 255) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0
}

function showFlags(flags: number): string {
  const letters = `${(flags & RTF_GATEWAY) !== 0 ? 'G' : ''}${(flags & RTF_HOST) !== 0 ? 'H' : ''}`
  return `${(flags & RTF_REJECT) !== 0 ? '!' : 'U'}${letters}`
}

/** net-tools: rprint_fib. */
function* list(sys: ToolSys, out: string[], isNumeric: boolean): Part<number> {
  const text = yield* readFile(sys, '/proc/net/route')
  if (typeof text === 'number') throw new Stop(perror('/proc/net/route', text), 1)
  out.push('Kernel IP routing table\n', HEAD)
  for (const line of text.split('\n').slice(1)) {
    const [iface = '', dst = '', gw = '', flagText = '0', refs = '0', uses = '0', metric = '0', mask = '0'] =
      line.trim().split(/\s+/)
    if (dst === '') continue
    const flags = Number.parseInt(flagText, 16)
    const isReject = (flags & RTF_REJECT) !== 0
    const to = fromHex(dst)
    const via = fromHex(gw)
    const destination = to === 0 && !isNumeric ? 'default' : showIp(to)
    const gateway = via !== 0 ? showIp(via) : isReject ? '-' : isNumeric ? '0.0.0.0' : '*'
    const start = `${destination.padEnd(15)} ${gateway.padEnd(15)} ${showIp(fromHex(mask)).padEnd(15)}`
    const counts = `${showFlags(flags).padEnd(5)} ${metric.padEnd(6)} ${refs.padEnd(2)} ${uses.padStart(7)}`
    out.push(`${start} ${counts} ${isReject ? '-' : iface}\n`)
  }
  return 0
}

/** The mask of an address's class. */
const classMask = (addr: number): number => {
  if (addr >>> 31 === 0) return addr === 0 ? 0 : 0xff000000
  if (addr >>> 30 === 2) return 0xffff0000
  return 0xffffff00
}

const lookup = (text: string): number => {
  const addr = text === 'default' ? 0 : readIp(text)
  if (addr < 0) throw new Stop(`${text}: Unknown host\n`, E_LOOKUP)
  return addr
}

/** What has been typed. */
interface Wanted {
  readonly target: number
  readonly mask: number | null
  readonly gateway: number | null
  readonly metric: number
  readonly isReject: boolean
  readonly dev: string
}

function readWords(
  target: string,
  isNet: boolean | null,
  words: readonly string[],
): Wanted & { isNet: boolean } {
  let at = 0
  const next = (): string => {
    const word = words[at++]
    if (word === undefined) throw new Stop(USAGE, E_USAGE)
    return word
  }
  const [name = '', length] = target.split('/')
  const addr = lookup(name)
  let mask = length === undefined ? null : /^\d+$/.test(length) && Number(length) <= 32 ? Number(length) : -1
  if (mask === -1) throw new Stop(USAGE, E_USAGE)
  if (mask !== null) mask = mask === 0 ? 0 : (-1 << (32 - mask)) >>> 0
  let gateway: number | null = null
  let metric = 0
  let isReject = false
  let dev = ''
  while (at < words.length) {
    const word = next()
    if (word === 'metric') metric = Number.parseInt(next(), 10) || 0
    else if (word === 'netmask') mask = lookup(next())
    else if (word === 'gw' || word === 'gateway') gateway = lookup(next())
    else if (word === 'reject') isReject = true
    else if (word === 'dev' || word === 'device') dev = next()
    else if (dev === '' && at === words.length) dev = word
    else throw new Stop(USAGE, E_USAGE)
  }
  const guess = name === 'default' || mask !== null || (addr & ~classMask(addr)) >>> 0 === 0
  return { target: addr, mask, gateway, metric, isReject, dev, isNet: isNet ?? guess }
}

/** struct rtentry; the device's name is behind it. */
function rtentry(want: Wanted & { isNet: boolean }): Uint8Array {
  const { target, gateway, isNet } = want
  const mask = isNet ? (want.mask ?? classMask(target)) : 0xffffffff
  if (!isNet && want.mask !== null && want.mask !== 0xffffffff)
    throw new Stop(`route: netmask ${showIp(want.mask)} doesn't make sense with host route\n`, E_USAGE)
  if (isNet && (target & ~mask) >>> 0 !== 0)
    throw new Stop(`route: netmask doesn't match route address\n${USAGE}`, E_USAGE)
  const bytes = new Uint8Array(84 + 16)
  const sockaddr = (addr: number): number[] => [AF_INET, 0, 0, 0, ...inet32(addr)]
  bytes.set(sockaddr(target), 4)
  if (gateway !== null) bytes.set(sockaddr(gateway), 20)
  if (isNet) bytes.set(sockaddr(mask), 36)
  let flags = RTF_UP
  if (!isNet) flags |= RTF_HOST
  if (gateway !== null) flags |= RTF_GATEWAY
  if (want.isReject) flags |= RTF_REJECT
  bytes.set([flags & 255, flags >>> 8], 52)
  // The kernel takes one off: 0 stands for none given.
  const metric = want.metric === 0 ? 0 : want.metric + 1
  bytes.set([metric & 255, metric >>> 8], 64)
  if (want.dev !== '') {
    bytes.set(int32(84), 68)
    bytes.set(nulText(want.dev.slice(0, 15)), 84)
  }
  return bytes
}

/** net-tools: INET_setroute. */
function* change(sys: ToolSys, isAdd: boolean, words: readonly string[]): Part<number> {
  const [first = '', ...others] = words
  const isNet = first === '-net' ? true : first === '-host' ? false : null
  const [target, ...rest] = isNet === null ? words : others
  if (target === undefined) throw new Stop(USAGE, E_USAGE)
  const bytes = rtentry(readWords(target, isNet, rest))
  const fd = yield* sys.socket(AF_INET, SOCK_DGRAM, 0)
  if (isErr(fd)) throw new Stop(perror('socket', fd), E_SOCK)
  const failed = yield* sys.ioctl(fd, isAdd ? SIOCADDRT : SIOCDELRT, bytes)
  if (failed !== 0) throw new Stop(perror(isAdd ? 'SIOCADDRT' : 'SIOCDELRT', failed), E_SOCK)
  return 0
}

function* main(sys: ToolSys, out: string[], args: readonly string[]): Part<number> {
  const words = [...args]
  let isNumeric = false
  while (words[0] === '-n' || words[0] === '-e' || words[0] === '-v' || words[0] === '-F') {
    if (words.shift() === '-n') isNumeric = true
  }
  const verb = words.shift()
  if (verb === undefined) return yield* list(sys, out, isNumeric)
  if (verb === 'add') return yield* change(sys, true, words)
  if (verb === 'del' || verb === 'delete') return yield* change(sys, false, words)
  throw new Stop(USAGE, E_USAGE)
}

/** The program: `kernel.install('/sbin/route', route)`. */
export function* route(sys: ToolSys, ...args: string[]): Program {
  return yield* runTool(sys, (out) => main(sys, out, args))
}
