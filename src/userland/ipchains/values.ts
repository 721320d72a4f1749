/**
 * What is typed behind options: addresses, ports, protocols, marks. ipchains 1.3.9: parse_hostnetworkmask and the
 * others.
 */

import { IP_FW_F_MARKABS, IP_FW_F_WILDIF } from '../../abi/ip_fw.js'
import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from '../../abi/socket.js'
import type { Netdb } from '../netdb.js'
import { Stop } from '../tool.js'
import { ICMP_NAMES } from './icmp.js'

/** Exit statuses. */
export const OTHER_PROBLEM = 1
export const PARAMETER_PROBLEM = 2
export const VERSION_PROBLEM = 3

/** The hint behind what is wrong with a command line. */
export const tryHelp = (program: string): string =>
  `Try \`${program} -h' or '${program} --help' for more information.\n`

/** Ends the tool. ipchains: exit_error. */
export function problem(program: string, text: string, status: number = PARAMETER_PROBLEM): never {
  const more =
    status === PARAMETER_PROBLEM
      ? tryHelp(program)
      : status === VERSION_PROBLEM
        ? 'Perhaps ipchains or your kernel need to be upgraded.\n'
        : ''
  throw new Stop(`${program}: ${text}\n${more}`, status)
}

/** A decimal number in a range, or -1. ipchains: string_to_number. */
export function toNumber(text: string, min: number, max: number): number {
  if (!/^\s*[+-]?\d+$/.test(text)) return -1
  const value = Number(text)
  return value >= min && value <= max ? value : -1
}

/** Four decimal bytes, or -1. ipchains: dotted_to_addr. */
function dotted(text: string): number {
  const parts = text.split('.')
  if (parts.length !== 4) return -1
  let addr = 0
  for (const part of parts) {
    const byte = toNumber(part, 0, 255)
    if (byte < 0) return -1
    addr = addr * 256 + byte
  }
  return addr
}

/** Addresses and a mask. */
export interface Network {
  readonly addrs: readonly number[]
  readonly mask: number
}

/** The values of one command line: names are those of `db`. */
export class Values {
  readonly program: string
  readonly db: Netdb

  constructor(program: string, db: Netdb) {
    this.program = program
    this.db = db
  }

  wrong(text: string): never {
    return problem(this.program, text)
  }

  private mask(text: string | null): number {
    if (text === null) return 0xffffffff
    const whole = dotted(text)
    if (whole >= 0) return whole
    const bits = toNumber(text, 0, 32)
    if (bits < 0) this.wrong(`invalid mask \`${text}' specified`)
    return bits === 0 ? 0 : (-1 << (32 - bits)) >>> 0
  }

  /** `name[/mask]`; without a bit of mask the name does not matter. */
  network(text: string): Network {
    const at = text.lastIndexOf('/')
    const mask = this.mask(at < 0 ? null : text.slice(at + 1))
    const name = mask === 0 ? '0.0.0.0' : at < 0 ? text : text.slice(0, at)
    const addrs = new Set(this.addresses(name).map((addr) => (addr & mask) >>> 0))
    return { addrs: [...addrs], mask }
  }

  private addresses(name: string): readonly number[] {
    const addr = dotted(name)
    if (addr >= 0) return [addr]
    const network = this.db.networks.get(name)
    if (network !== undefined) return [network]
    return this.db.hosts.get(name) ?? this.wrong(`host/network \`${name}' not found`)
  }

  /** A number, a name of /etc/protocols, or all, tcp, udp, icmp. */
  protocol(text: string): number {
    const number = toNumber(text, 0, 65535)
    if (number >= 0) return number
    const known = this.db.protocols.get(text) ?? BUILTIN.get(text.toLowerCase())
    return known ?? this.wrong(`unknown protocol \`${text}' specified`)
  }

  /** A number, or for TCP and UDP a name of /etc/services. */
  port(text: string, proto: number): number {
    if (proto !== IPPROTO_ICMP && proto !== IPPROTO_TCP && proto !== IPPROTO_UDP)
      this.wrong('can only specify ports for icmp, tcp or udp')
    const number = toNumber(text, 0, 65535)
    if (number >= 0) return number
    if (proto === IPPROTO_ICMP) this.wrong(`invalid ICMP type \`${text}' specified`)
    const known = this.db.services.get(`${text}/${serviceProtocol(proto)}`)
    return known ?? this.wrong(`invalid port/service \`${text}' specified`)
  }

  /** `port`, `from:to`, `from:`, `:to`; null for all. */
  ports(text: string | null, proto: number): readonly [number, number] {
    if (text === null) return [0, 0xffff]
    const at = text.indexOf(':')
    if (at < 0) {
      const port = this.port(text, proto)
      return [port, port]
    }
    const [low, high] = [text.slice(0, at), text.slice(at + 1)]
    return [low === '' ? 0 : this.port(low, proto), high === '' ? 0xffff : this.port(high, proto)]
  }

  /** A type by name, of which as much as needed, or types and codes as numbers. */
  icmp(types: string | null, codes: string | null, isInverse: boolean, isCheck: boolean): IcmpChoice {
    const found = types === null ? [] : ICMP_NAMES.filter(({ name }) => begins(name, types))
    const [match, other] = found
    if (match === undefined || types === null) {
      return {
        types: this.ports(types, IPPROTO_ICMP),
        codes: this.ports(codes, IPPROTO_ICMP),
        isNamed: false,
      }
    }
    if (other !== undefined) this.wrong(`Ambiguous ICMP \`${types}' : \`${match.name}' or \`${other.name}'?`)
    if (codes !== null) this.wrong("Can't use ICMP name and destination port together")
    let { high } = match
    if (isCheck && match.isExact) high = match.low
    else if (isCheck && match.low !== high) this.wrong('Must specify exact ICMP type for testing')
    if (isInverse) this.wrong("Can't invert named ICMP types")
    return { types: [match.type, match.type], codes: [match.low, high], isNamed: true }
  }

  /** `[+-]number` in C notation: the mark, and IP_FW_F_MARKABS without a sign. */
  mark(text: string): readonly [mark: number, flag: number] {
    const isSigned = text.startsWith('+') || text.startsWith('-')
    const match = /^\s*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)$/.exec(isSigned ? text.slice(1) : text)
    if (match === null) return this.wrong(`Bad value \`${text}' for -m.\n`)
    const [, sign = '', digits = ''] = match
    const isOctal = /^0[0-7]+$/.test(digits)
    const size = Math.min(isOctal ? Number.parseInt(digits, 8) : Number(digits), 0xffffffff)
    const value = sign === '-' ? -size >>> 0 : size
    return [text.startsWith('-') ? -value >>> 0 : value, isSigned ? 0 : IP_FW_F_MARKABS]
  }

  /** Two hexadecimal digits. */
  hexbyte(text: string): number {
    if (!/^\s*[+-]?(0[xX])?[0-9a-fA-F]+$/.test(text)) this.wrong(`invalid hexbyte \`${text}' specified`)
    const value = Number.parseInt(text, 16)
    return value >= 0 && value <= 255 ? value : this.wrong(`invalid hexbyte \`${text}' specified`)
  }

  /** A name, or with a + how names begin: and IP_FW_F_WILDIF. */
  interface(text: string): readonly [name: string, flag: number] {
    if (text.length > 16) this.wrong(`interface name \`${text}' must be shorter than IFNAMSIZ (16)`)
    if (text === '') return ['', IP_FW_F_WILDIF]
    return text.endsWith('+') ? [text.slice(0, -1), IP_FW_F_WILDIF] : [text, 0]
  }

  target(text: string): string {
    if (text === '') this.wrong('Invalid target name (too short)')
    if (text.length > 8) this.wrong(`Invalid target name \`${text}' (8 chars max)`)
    if (/\s/.test(text)) this.wrong(`Invalid target name \`${text}'`)
    return text
  }

  policy(chain: string, text: string): string {
    if (text === 'MASQ') {
      if (chain !== 'forward') this.wrong("`-P MASQ' only valid for `forward' chain.")
      return text
    }
    if (!BUILTIN_CHAINS.includes(chain)) this.wrong('Can only set policy in built-in chains.')
    if (!['ACCEPT', 'DENY', 'REJECT'].includes(text)) this.wrong(`Invalid policy \`${text}' for -P`)
    return text
  }

  ruleNumber(text: string): number {
    const number = toNumber(text, 1, 0x7fffffff)
    return number > 0 ? number : this.wrong(`Invalid rule number \`${text}'`)
  }

  timeout(text: string): number {
    const seconds = toNumber(text, 0, 0x7fffffff)
    return seconds >= 0 ? seconds : this.wrong(`invalid timeout value \`${text}' specified`)
  }

  outputSize(text: string | null): number {
    if (text === null) return 65535
    const size = toNumber(text, 0, 65535)
    return size >= 0 ? size : this.wrong(`-o argument must be 0-65535, not \`${text}'`)
  }
}

/** Types and codes of ICMP. */
export interface IcmpChoice {
  readonly types: readonly [number, number]
  readonly codes: readonly [number, number]
  readonly isNamed: boolean
}

/** The chains that are always there. */
export const BUILTIN_CHAINS: readonly string[] = ['input', 'forward', 'output']

const BUILTIN: ReadonlyMap<string, number> = new Map([
  ['all', 0],
  ['tcp', IPPROTO_TCP],
  ['udp', IPPROTO_UDP],
  ['icmp', IPPROTO_ICMP],
])

const begins = (name: string, typed: string): boolean => name.toLowerCase().startsWith(typed.toLowerCase())

/** The protocol of a service in /etc/services, '' for one without. */
const serviceProtocol = (proto: number): string =>
  proto === IPPROTO_TCP ? 'tcp' : proto === IPPROTO_UDP ? 'udp' : ''

/** The name of a port, or its number. */
export const portName = (db: Netdb, port: number, proto: number): string =>
  db.serviceNames.get(`${port}/${serviceProtocol(proto)}`) ?? String(port)

/** The name of a protocol, or its number. */
export function protocolName(db: Netdb, proto: number): string {
  const known = proto === 0 ? undefined : db.protocolNames.get(proto)
  if (known !== undefined) return known
  for (const [name, number] of BUILTIN) if (number === proto) return name
  return String(proto)
}
