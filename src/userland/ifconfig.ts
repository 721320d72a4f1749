/**
 * `ifconfig`: shows and configures network devices, through ioctls and /proc/net/dev. net-tools 1.54.
 *
 * Left out: families other than inet, media, io_addr, irq, tunnels.
 */

import { isErr } from '../abi/errno.js'
import { AF_INET, SOCK_DGRAM } from '../abi/socket.js'
import {
  IFREQ,
  SIOCGIFADDR,
  SIOCGIFBRDADDR,
  SIOCGIFCONF,
  SIOCGIFDSTADDR,
  SIOCGIFFLAGS,
  SIOCGIFHWADDR,
  SIOCGIFMTU,
  SIOCGIFNETMASK,
  SIOCGIFTXQLEN,
  SIOCSIFADDR,
  SIOCSIFBRDADDR,
  SIOCSIFDSTADDR,
  SIOCSIFFLAGS,
  SIOCSIFHWADDR,
  SIOCSIFMETRIC,
  SIOCSIFMTU,
  SIOCSIFNETMASK,
  SIOCSIFTXQLEN,
} from '../abi/sockios.js'
import { fromInet32, inet32, int32, le16, le32, textOf } from '../lib/nlmsg.js'
import type { Program } from '../programs/sys_types.js'
import {
  ifreqOf,
  type Part,
  perror,
  readFile,
  readHardware,
  readIp,
  runTool,
  Stop,
  showHardware,
  showIp,
  type ToolSys,
} from './tool.js'

const USAGE = `Usage: ifconfig [-a] [-i] [-v] <interface> [[<AF>] <address>]
  [[-]broadcast [<address>]]  [[-]pointopoint [<address>]]
  [netmask <address>]  [dstaddr <address>]
  [hw <HW> <address>]  [metric <NN>]  [mtu <NN>]
  [[-]arp]  [[-]allmulti]  [[-]promisc]  [txqueuelen <NN>]
  [up|down] ...
`

/** Where the union of struct ifreq begins. */
const DATA = 16

const FLAGS: readonly (readonly [string, number])[] = [
  ['UP', 0x1],
  ['BROADCAST', 0x2],
  ['DEBUG', 0x4],
  ['LOOPBACK', 0x8],
  ['POINTOPOINT', 0x10],
  ['NOTRAILERS', 0x20],
  ['RUNNING', 0x40],
  ['NOARP', 0x80],
  ['PROMISC', 0x100],
  ['ALLMULTI', 0x200],
  ['SLAVE', 0x800],
  ['MASTER', 0x400],
  ['MULTICAST', 0x1000],
]

/** A socket to ask through. */
interface Tool {
  readonly sys: ToolSys
  readonly out: string[]
  readonly fd: number
}

function* ask({ sys, fd }: Tool, name: string, cmd: number): Part<Uint8Array | null> {
  const ifr = ifreqOf(name)
  const failed = yield* sys.ioctl(fd, cmd, ifr)
  return failed === 0 ? ifr.slice(DATA) : null
}

function* askIp(tool: Tool, name: string, cmd: number): Part<number> {
  const answer = yield* ask(tool, name, cmd)
  return answer === null ? 0 : fromInet32(answer.slice(4, 8))
}

/** The counters of a line of /proc/net/dev. */
function countersOf(text: string, name: string): number[] | null {
  const line = text.split('\n').find((one) => one.trimStart().startsWith(`${name}:`))
  if (line === undefined) return null
  const numbers = line.slice(line.indexOf(':') + 1).trim()
  return numbers.split(/\s+/).map(Number)
}

/** The lines about counters; those of 2.0 have no bytes. */
function showCounters(values: readonly number[]): string {
  const rest = values.length > 12 ? [...values.slice(1, 6), ...values.slice(9, 15)] : values
  const [rx, rxErr, rxDrop, rxFifo, frame, tx, txErr, txDrop, txFifo, collisions, carrier] = rest
  return (
    `          RX packets:${rx} errors:${rxErr} dropped:${rxDrop} overruns:${rxFifo} frame:${frame}\n` +
    `          TX packets:${tx} errors:${txErr} dropped:${txDrop} overruns:${txFifo} carrier:${carrier}\n` +
    `          collisions:${collisions} `
  )
}

/** One device. net-tools: ife_print. */
function* show(tool: Tool, name: string, devices: string): Part<void> {
  const hardware = yield* ask(tool, name, SIOCGIFHWADDR)
  const flagBytes = yield* ask(tool, name, SIOCGIFFLAGS)
  if (hardware === null || flagBytes === null)
    throw new Stop(`${name}: error fetching interface information: Device not found\n`, 1)
  const isEthernet = le16(hardware, 0) === 1
  let text = `${name.padEnd(9)} Link encap:${isEthernet ? 'Ethernet' : 'Local Loopback'}  `
  if (isEthernet) text += `HWaddr ${showHardware(hardware.slice(2, 8)).toUpperCase()}  `
  text += '\n'
  const flags = le16(flagBytes, 0)
  const address = yield* askIp(tool, name, SIOCGIFADDR)
  if (address !== 0) {
    text += `          inet addr:${showIp(address)}`
    if ((flags & 0x10) !== 0) text += `  P-t-P:${showIp(yield* askIp(tool, name, SIOCGIFDSTADDR))}`
    if ((flags & 0x2) !== 0) text += `  Bcast:${showIp(yield* askIp(tool, name, SIOCGIFBRDADDR))}`
    text += `  Mask:${showIp(yield* askIp(tool, name, SIOCGIFNETMASK))}\n`
  }
  const names = FLAGS.filter(([, bit]) => (flags & bit) !== 0).map(([word]) => `${word} `)
  const mtu = yield* ask(tool, name, SIOCGIFMTU)
  text += `          ${names.length === 0 ? '[NO FLAGS] ' : names.join('')}`
  text += ` MTU:${mtu === null ? 0 : le32(mtu, 0)}  Metric:1\n`
  const counters = countersOf(devices, name)
  if (counters !== null) {
    const queue = yield* ask(tool, name, SIOCGIFTXQLEN)
    text += `${showCounters(counters)}txqueuelen:${queue === null ? 0 : le32(queue, 0)} \n`
  }
  tool.out.push(`${text}\n`)
}

/** All names: devices, and aliases of their addresses, sorted. */
function* namesOf({ sys, fd }: Tool, devices: string): Part<string[]> {
  const names = new Set<string>()
  for (const line of devices.split('\n').slice(2)) {
    const name = line.split(':')[0]?.trim() ?? ''
    if (name !== '') names.add(name)
  }
  const conf = new Uint8Array(IFREQ * 64)
  yield* sys.ioctl(fd, SIOCGIFCONF, conf)
  for (let at = 0; at < conf.length; at += IFREQ) {
    const name = textOf(conf.slice(at, at + DATA))
    if (name !== '') names.add(name)
  }
  return [...names].sort()
}

/** An ioctl that changes something, or the end. */
function* set({ sys, fd }: Tool, name: string, what: string, cmd: number, data: Uint8Array): Part<void> {
  const ifr = ifreqOf(name)
  ifr.set(data, DATA)
  const failed = yield* sys.ioctl(fd, cmd, ifr)
  if (failed !== 0) throw new Stop(perror(what, failed), 1)
}

function* setFlags(tool: Tool, name: string, add: number, drop: number): Part<void> {
  const ifr = ifreqOf(name)
  const failed = yield* tool.sys.ioctl(tool.fd, SIOCGIFFLAGS, ifr)
  if (failed !== 0) throw new Stop(perror(`${name}: unknown interface`, failed), 1)
  const flags = (le16(ifr, DATA) | add) & ~drop
  yield* set(tool, name, 'SIOCSIFFLAGS', SIOCSIFFLAGS, int32(flags).slice(0, 2))
}

function sockaddr(text: string): Uint8Array {
  const addr = readIp(text)
  if (addr < 0) throw new Stop(`${text}: Unknown host\n`, 1)
  return Uint8Array.from([AF_INET, 0, 0, 0, ...inet32(addr)])
}

/** Words with an address behind them. */
const ADDRESSES: ReadonlyMap<string, readonly [string, number]> = new Map([
  ['netmask', ['SIOCSIFNETMASK', SIOCSIFNETMASK]],
  ['broadcast', ['SIOCSIFBRDADDR', SIOCSIFBRDADDR]],
  ['dstaddr', ['SIOCSIFDSTADDR', SIOCSIFDSTADDR]],
  ['pointopoint', ['SIOCSIFDSTADDR', SIOCSIFDSTADDR]],
])

/** Words with a number behind them. */
const NUMBERS: ReadonlyMap<string, readonly [string, number]> = new Map([
  ['mtu', ['SIOCSIFMTU', SIOCSIFMTU]],
  ['metric', ['SIOCSIFMETRIC', SIOCSIFMETRIC]],
  ['txqueuelen', ['SIOCSIFTXQLEN', SIOCSIFTXQLEN]],
])

/** Words that switch flags on, and with a minus off: NOARP the other way round. */
const SWITCHES: ReadonlyMap<string, readonly [number, number]> = new Map([
  ['up', [0x41, 0]],
  ['down', [0, 0x1]],
  ['arp', [0, 0x80]],
  ['-arp', [0x80, 0]],
  ['promisc', [0x100, 0]],
  ['-promisc', [0, 0x100]],
  ['allmulti', [0x200, 0]],
  ['-allmulti', [0, 0x200]],
])

function* configure(tool: Tool, name: string, words: readonly string[]): Part<void> {
  let at = 0
  const next = (): string => {
    const word = words[at++]
    if (word === undefined) throw new Stop(USAGE, 1)
    return word
  }
  while (at < words.length) {
    const word = next()
    const onOff = SWITCHES.get(word)
    const number = NUMBERS.get(word)
    const address = ADDRESSES.get(word)
    if (word === 'inet') continue
    if (onOff !== undefined) yield* setFlags(tool, name, onOff[0], onOff[1])
    else if (number !== undefined) {
      const text = next()
      if (!/^\d+$/.test(text)) throw new Stop(USAGE, 1)
      yield* set(tool, name, number[0], number[1], int32(Number(text)))
    } else if (address !== undefined) {
      yield* set(tool, name, address[0], address[1], sockaddr(next()))
      if (word === 'pointopoint') yield* setFlags(tool, name, 0x10, 0)
    } else if (word === 'hw') {
      const kind = next()
      const text = next()
      const bytes = readHardware(text)
      if (kind !== 'ether')
        throw new Stop(`hw address type \`${kind}' has no handler to set address. failed.\n`, 1)
      if (bytes === null) throw new Stop(`${text}: invalid ether address.\n`, 1)
      yield* set(tool, name, 'SIOCSIFHWADDR', SIOCSIFHWADDR, Uint8Array.from([1, 0, ...bytes]))
    } else {
      yield* set(tool, name, 'SIOCSIFADDR', SIOCSIFADDR, sockaddr(word))
      // A device with an address is up; that of an alias is.
      if (readIp(word) !== 0) yield* setFlags(tool, name, 0x41, 0)
    }
  }
}

function* main(sys: ToolSys, out: string[], args: readonly string[]): Part<number> {
  const fd = yield* sys.socket(AF_INET, SOCK_DGRAM, 0)
  if (isErr(fd)) throw new Stop(perror('socket', fd), 1)
  const tool = { sys, out, fd }
  const all = args[0] === '-a'
  const [name, ...words] = all ? args.slice(1) : args
  if (name?.startsWith('-') === true) throw new Stop(USAGE, 1)
  if (name !== undefined && words.length > 0) {
    yield* configure(tool, name, words)
    return 0
  }
  const text = yield* readFile(sys, '/proc/net/dev')
  const devices = typeof text === 'number' ? '' : text
  if (name !== undefined) {
    yield* show(tool, name, devices)
    return 0
  }
  for (const one of yield* namesOf(tool, devices)) {
    const flags = yield* ask(tool, one, SIOCGIFFLAGS)
    if (all || (flags !== null && (le16(flags, 0) & 1) !== 0)) yield* show(tool, one, devices)
  }
  return 0
}

/** The program: `kernel.install('/sbin/ifconfig', ifconfig)`. */
export function* ifconfig(sys: ToolSys, ...args: string[]): Program {
  return yield* runTool(sys, (out) => main(sys, out, args))
}
