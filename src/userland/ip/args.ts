/**
 * Words of an `ip` command line, the complaints about them, and names of numbers. iproute2: lib/utils.c, lib/rt_names.c
 * (990824).
 */

import { readIp, Stop, showIp } from '../tool.js'

/** The words that are still to be read. */
export class Words {
  private readonly list: readonly string[]
  private at = 0

  constructor(list: readonly string[]) {
    this.list = list
  }

  /** Are there more? */
  get more(): boolean {
    return this.at < this.list.length
  }

  /** The next one, which stays. '' at the end. */
  get peek(): string {
    return this.list[this.at] ?? ''
  }

  /** The next one. iproute2: NEXT_ARG. */
  next(): string {
    if (!this.more) throw new Stop('Command line is not complete. Try option "help"\n', 255)
    return this.list[this.at++] ?? ''
  }
}

/** The number of an error of the command line: exit(-1). */
export const USAGE = 255

/** Complains of an argument. iproute2: invarg. */
export const invalid = (message: string, word: string): Stop =>
  new Stop(`Error: argument "${word}" is wrong: ${message}\n`, USAGE)

/** Complains of one that came twice. iproute2: duparg2. */
export const garbage = (key: string, word: string): Stop =>
  new Stop(`Error: either "${key}" is duplicate, or "${word}" is a garbage.\n`, USAGE)

/** A number in C notation, or an Error with `message`. */
export function number(text: string, most: number, message: string, base = 0): number {
  const body = text.toLowerCase()
  const isHex = body.startsWith('0x')
  const digits = isHex ? body.slice(2) : body
  const radix = isHex ? 16 : base !== 0 ? base : body.length > 1 && body.startsWith('0') ? 8 : 10
  const alphabet = radix === 16 ? /^[0-9a-f]+$/ : radix === 8 ? /^[0-7]+$/ : /^[0-9]+$/
  const value = alphabet.test(digits) ? Number.parseInt(digits, radix) : -1
  if (value < 0 || value > most) throw invalid(message, text)
  return value
}

/** An address and the bits that count; `isDefault` for 'default', 'any', 'all'. */
export interface Prefix {
  readonly addr: number
  readonly bits: number
  /** Was a length given? */
  readonly hasLength: boolean
  readonly isDefault: boolean
}

/** iproute2: get_prefix. */
export function prefix(text: string): Prefix {
  if (text === 'default' || text === 'any' || text === 'all')
    return { addr: 0, bits: 0, hasLength: false, isDefault: true }
  const [head = '', length] = text.split('/')
  const addr = readIp(head)
  const bits = length === undefined ? 32 : /^\d+$/.test(length) ? Number(length) : -1
  if (addr < 0 || bits < 0 || bits > 32 || text.split('/').length > 2)
    throw new Stop(`Error: an inet prefix is expected rather than "${text}".\n`, 1)
  return { addr, bits, hasLength: length !== undefined, isDefault: false }
}

/** iproute2: get_addr32. */
export function address(text: string): number {
  const addr = readIp(text)
  if (addr < 0) throw new Stop(`Error: an IP address is expected rather than "${text}"\n`, 1)
  return addr
}

/** '10.0.0.0/8', or the address alone where all bits count. */
export const showPrefix = (addr: number, bits: number): string =>
  bits === 32 ? showIp(addr) : `${showIp(addr)}/${bits}`

/** Names of numbers. */
export type Names = ReadonlyMap<number, string>

/** Linux: RTN_*. */
export const TYPES: Names = new Map([
  [0, 'none'],
  [1, 'unicast'],
  [2, 'local'],
  [3, 'broadcast'],
  [4, 'anycast'],
  [5, 'multicast'],
  [6, 'blackhole'],
  [7, 'unreachable'],
  [8, 'prohibit'],
  [9, 'throw'],
  [10, 'nat'],
  [11, 'xresolve'],
])

export const SCOPES: Names = new Map([
  [0, 'global'],
  [200, 'site'],
  [253, 'link'],
  [254, 'host'],
  [255, 'nowhere'],
])

export const PROTOCOLS: Names = new Map([
  [0, 'none'],
  [1, 'redirect'],
  [2, 'kernel'],
  [3, 'boot'],
  [4, 'static'],
  [8, 'gated'],
  [9, 'ra'],
  [10, 'mrt'],
  [11, 'zebra'],
  [12, 'bird'],
])

export const TABLES: Names = new Map([
  [0, 'unspec'],
  [253, 'default'],
  [254, 'main'],
  [255, 'local'],
])

/** The lines of a file such as /etc/iproute2/rt_tables: number and name. */
export function namesIn(text: string, known: Names): Names {
  const names = new Map(known)
  for (const line of text.split('\n')) {
    const match = /^\s*(0x[0-9a-fA-F]+|\d+)\s+([^\s#]+)/.exec(line)
    if (match !== null) names.set(Number(match[1]), match[2] ?? '')
  }
  return names
}

/** The name of a number, or the number. */
export const nameOf = (names: Names, id: number): string => names.get(id) ?? String(id)

/** The number of a name; null for what is neither. */
export function idOf(names: Names, text: string): number | null {
  for (const [id, name] of names) if (name === text) return id
  return /^\d+$|^0x[0-9a-fA-F]+$/.test(text) && Number(text) <= 255 ? Number(text) : null
}

/** The number of a type of routes; null for what is none. */
export function typeOf(text: string): number | null {
  if (text === 'brd') return 3
  if (text === 'reject') return 7
  for (const [id, name] of TYPES) if (name === text && id !== 0) return id
  return null
}

/** A TOS in hexadecimal. */
export function tosOf(text: string, what: string): number {
  if (!/^(0x)?[0-9a-fA-F]{1,2}$/.test(text)) throw invalid(`"tos" value is invalid\n`.trimEnd(), what)
  return Number.parseInt(text.replace(/^0x/, ''), 16)
}

/** As it is printed. */
export const showTos = (tos: number): string => `0x${tos.toString(16).padStart(2, '0')}`
