/** Rules as bytes, machines in a row, and the firewall's options through a socket, for the tests of the firewall. */
import { createKernel, defineModule, type Profile, utf8Decode } from 'paleokernel'
import { type IpfwExtension, type NetOptions, net } from 'paleokernel/net'
import { encodeFwchange, encodeFwnew, encodeLabel, type IpFwUser } from '../../src/lib/ip_fw.js'

export const AF_INET = 2
export const SOCK_STREAM = 1
export const SOCK_DGRAM = 2
export const MSG_DONTWAIT = 0x40

export const APPEND = 64
export const REPLACE = 65
export const DELETE_NUM = 66
export const DELETE = 67
export const INSERT = 68
export const FLUSH = 69
export const ZERO = 70
export const CHECK = 71
export const MASQ_TIMEOUTS = 72
export const CREATE = 73
export const DELETE_CHAIN = 74
export const POLICY = 75
export const MASQ_CTL = 76

export const at = (port: number, addr = '127.0.0.1') => ({ family: 2, addr, port }) as const

/** '10.0.0.1' as an unsigned number. */
export const ip = (text: string): number => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)

/** A rule that matches all, and what is otherwise. */
export const rule = (fields: Partial<IpFwUser> = {}): IpFwUser => ({
  src: 0,
  smsk: 0,
  dst: 0,
  dmsk: 0,
  mark: 0,
  proto: 0,
  flg: 0,
  invflg: 0,
  spts: [0, 0xffff],
  dpts: [0, 0xffff],
  redirpt: 0,
  outputsize: 0,
  vianame: '',
  tosand: 0xff,
  tosxor: 0,
  label: '',
  extra: new Uint8Array(0),
  ...fields,
})

export const label = encodeLabel

export const int32 = (value: number): Uint8Array =>
  Uint8Array.of(value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24)

export const join = (...parts: Uint8Array[]): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

/** `part` with zeros up to `size`. */
export const padded = (size: number, ...parts: Uint8Array[]): Uint8Array => {
  const whole = new Uint8Array(size)
  whole.set(join(...parts))
  return whole
}

export const delnum = (number: number, chain: string): Uint8Array => padded(16, int32(number), label(chain))
export const policy = (target: string, chain: string): Uint8Array => join(label(target), label(chain))

export interface Packet {
  readonly src?: string
  readonly dst?: string
  readonly proto?: number
  readonly sport?: number
  readonly dport?: number
  readonly fragOff?: number
  readonly totLen?: number
  readonly tcpFlags?: number
  readonly vianame?: string
  readonly ihl?: number
}

/** struct ip_fwtest. */
export function fwtest(packet: Packet, chain: string): Uint8Array {
  const { src = '1.2.3.4', dst = '5.6.7.8', proto = 17, sport = 0, dport = 0, vianame = 'eth0' } = packet
  const bytes = new Uint8Array(72)
  bytes[0] = 0x40 | (packet.ihl ?? 5)
  const put16 = (offset: number, value: number): void => {
    bytes[offset] = value >>> 8
    bytes[offset + 1] = value
  }
  put16(2, packet.totLen ?? 60)
  put16(6, packet.fragOff ?? 0)
  bytes[9] = proto
  const put32 = (offset: number, value: number): void => {
    put16(offset, value >>> 16)
    put16(offset + 2, value & 0xffff)
  }
  put32(12, ip(src))
  put32(16, ip(dst))
  if (proto === 1) {
    bytes[20] = sport
    bytes[21] = dport
  } else {
    put16(20, sport)
    put16(22, dport)
  }
  bytes[33] = packet.tcpFlags ?? 0
  for (const [i, char] of [...vianame].entries()) bytes[44 + i] = char.charCodeAt(0)
  bytes.set(label(chain), 60)
  return bytes
}

export interface MachineOptions extends NetOptions {
  readonly profile?: Profile
  readonly extensions?: readonly IpfwExtension[]
}

/** A kernel with a socket to set the firewall's options through. */
export function machine({ profile = '2.2.12', extensions, ...options }: MachineOptions = {}) {
  const labels = defineModule({
    name: 'labels',
    requires: ['net'],
    init: () => ({}),
    attach: () => ({ api: {}, net: { firewall: extensions ?? [] } }),
  })
  const k = createKernel({ modules: [net(options), labels], profile })
  const root = k.spawn()
  const fd = root.libc.socket(AF_INET, SOCK_DGRAM)
  const set = (option: number, value: unknown): number => root.sys.setsockopt(fd, 0, option, value)
  const cat = (path: string, flags = 0): string => {
    const file = root.libc.open(path, flags)
    const buf = new Uint8Array(65536)
    let text = ''
    for (let n = root.libc.read(file, buf); n > 0; n = root.libc.read(file, buf))
      text += utf8Decode(buf, 0, n)
    root.libc.close(file)
    return text
  }
  return {
    k,
    root,
    set,
    cat,
    append: (chain: string, fields: Partial<IpFwUser> = {}): number =>
      set(APPEND, encodeFwchange(rule(fields), chain)),
    insert: (chain: string, number: number, fields: Partial<IpFwUser> = {}): number =>
      set(INSERT, encodeFwnew(number, rule(fields), chain)),
    replace: (chain: string, number: number, fields: Partial<IpFwUser> = {}): number =>
      set(REPLACE, encodeFwnew(number, rule(fields), chain)),
    remove: (chain: string, fields: Partial<IpFwUser> = {}): number =>
      set(DELETE, encodeFwchange(rule(fields), chain)),
    check: (chain: string, packet: Packet = {}): number => set(CHECK, fwtest(packet, chain)),
    chains: (): string => cat('/proc/net/ip_fwchains'),
    names: (): string => cat('/proc/net/ip_fwnames'),
    /** Targets of a chain's rules, in order. */
    targets: (chain: string): string[] =>
      cat('/proc/net/ip_fwchains')
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .filter((words) => words[0] === chain)
        .map((words) => words[17] ?? ''),
    /** The kernel log. */
    log: (): string => {
      const buf = new Uint8Array(65536)
      const n = root.libc.syslog(3, buf)
      return utf8Decode(buf, 0, n)
    },
  }
}

export type Machine = ReturnType<typeof machine>
