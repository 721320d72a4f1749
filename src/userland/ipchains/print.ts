/**
 * Rules and masqueraded connections as text. ipchains 1.3.9: print_firewall, print_masq.
 */

import {
  IP_FW_F_FRAG,
  IP_FW_F_MARKABS,
  IP_FW_F_NETLINK,
  IP_FW_F_PRN,
  IP_FW_F_TCPSYN,
  IP_FW_F_WILDIF,
  IP_FW_INV_DSTIP,
  IP_FW_INV_DSTPT,
  IP_FW_INV_FRAG,
  IP_FW_INV_PROTO,
  IP_FW_INV_SRCIP,
  IP_FW_INV_SRCPT,
  IP_FW_INV_SYN,
  IP_FW_INV_VIA,
} from '../../abi/ip_fw.js'
import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from '../../abi/socket.js'
import type { IpFwUser } from '../../lib/ip_fw.js'
import type { Netdb } from '../netdb.js'
import { showIp } from '../tool.js'
import type { IpchainsOption } from './extension.js'
import { ICMP_NAMES } from './icmp.js'
import { portName, protocolName } from './values.js'

/** How a rule is shown. */
export interface Format {
  /** As one line of words, not in columns. */
  readonly isLine: boolean
  readonly isNumeric: boolean
  /** Packets and bytes, TOS, interface, mark and output size. */
  readonly isVerbose: boolean
  /** Counters with K, M and G. */
  readonly isShort: boolean
  readonly hasNumbers: boolean
  readonly extensions: readonly IpchainsOption[]
  readonly db: Netdb
}

const isSet = (word: number, bit: number): boolean => (word & bit) !== 0
const hex = (value: number): string => value.toString(16)
const hexByte = (value: number): string => `0x${hex(value).toUpperCase().padStart(2, '0')}`

/** The line above the first rule of a chain. */
export function header({ hasNumbers, isVerbose, isShort, extensions }: Format): string {
  let text = hasNumbers ? 'num  ' : ''
  if (isVerbose) text += isShort ? ' pkts bytes ' : '    pkts      bytes '
  text += 'target     prot opt    '
  if (isVerbose) {
    text += 'tosa tosx  ifname     mark       '
    for (const { title, width } of extensions) text += `${title.padEnd(width)} `
    text += 'outsize '
  }
  return `${text} ${'source'.padEnd(20)}  ${'destination'.padEnd(20)}  ports\n`
}

/** A counter: over 99999 in thousands, over 9999 of these in millions and so on. */
function shortCount(count: number): string {
  if (count <= 99999) return `${String(count).padStart(5)} `
  const kilo = Math.floor((count + 500) / 1000)
  if (kilo <= 9999) return `${String(kilo).padStart(4)}K `
  const mega = Math.floor((count + 500_000) / 1_000_000)
  if (mega <= 9999) return `${String(mega).padStart(4)}M `
  return `${String(Math.floor((mega + 500) / 1000)).padStart(4)}G `
}

/** '/24'; nothing for a host; the whole mask where it is no row of ones. */
function maskText(mask: number): string {
  if (mask === 0xffffffff) return ''
  for (let bits = 31; bits >= 0; bits--)
    if (mask === (bits === 0 ? 0 : (-1 << (32 - bits)) >>> 0)) return `/${bits}`
  return `/${showIp(mask)}`
}

function networkText(addr: number, mask: number, { isNumeric, db }: Format): string {
  if (mask === 0 && !isNumeric) return 'anywhere'
  const name = isNumeric ? undefined : (db.hostNames.get(addr) ?? db.networkNames.get(addr))
  return `${name ?? showIp(addr)}${maskText(mask)}`
}

const portText = (port: number, proto: number, { isNumeric, db }: Format): string =>
  isNumeric ? String(port) : portName(db, port, proto)

function rangeText([low, high]: readonly [number, number], proto: number, format: Format): string {
  if (low === 0 && high === 0xffff) return format.isNumeric ? '*' : 'any'
  const first = portText(low, proto, format)
  return low === high ? first : `${first}:${portText(high, proto, format)}`
}

function optText({ flg, invflg }: IpFwUser): string {
  const not = (bit: number): string => (isSet(invflg, bit) ? '!' : '-')
  const on = (bit: number, letter: string): string => (isSet(flg, bit) ? letter : '-')
  const syn = `${not(IP_FW_INV_SYN)}${on(IP_FW_F_TCPSYN, 'y')}`
  const frag = `${not(IP_FW_INV_FRAG)}${on(IP_FW_F_FRAG, 'f')}`
  return `${syn}${frag}${on(IP_FW_F_PRN, 'l')}${on(IP_FW_F_NETLINK, 'o')} `
}

function markText({ flg, mark }: IpFwUser, isLine: boolean): string {
  if (!isSet(flg, IP_FW_F_MARKABS) && mark === 0) return isLine ? '' : ' '.repeat(11)
  return isLine ? `mark 0x${hex(mark)} ` : `0x${hex(mark).padEnd(10)} `
}

/** The columns of -v between `opt` and `source`. */
function detailText(rule: IpFwUser, words: readonly string[], format: Format): string {
  const { isLine, isNumeric, extensions } = format
  const tos = `${hexByte(rule.tosand)} ${hexByte(rule.tosxor)} `
  const any = isNumeric ? '*' : 'any'
  const isWild = isSet(rule.flg, IP_FW_F_WILDIF) && rule.vianame !== ''
  const via = rule.vianame === '' ? any : `${rule.vianame}${isWild ? '+' : ''}`.slice(0, 16)
  let text = `${isLine ? 'tos ' : ''}${tos}${isSet(rule.invflg, IP_FW_INV_VIA) ? '!' : ' '}`
  text += isLine ? `via ${via} ` : `${via.padEnd(10)} `
  text += markText(rule, isLine)
  for (const [i, { title, width, show }] of extensions.entries()) {
    const shown = show(words[i] ?? '')
    text += isLine ? `${title} ${shown} ` : `${shown.padEnd(width)} `
  }
  const hasSize = isSet(rule.flg, IP_FW_F_NETLINK) && rule.outputsize !== 0xffff
  if (hasSize)
    return text + (isLine ? `outsize ${rule.outputsize} ` : `${String(rule.outputsize).padEnd(7)} `)
  return text + (isLine ? '' : ' '.repeat(8))
}

function portsText(rule: IpFwUser, format: Format): string {
  const { proto, invflg, spts, dpts } = rule
  if (proto !== IPPROTO_TCP && proto !== IPPROTO_UDP && proto !== IPPROTO_ICMP) return '  n/a\n'
  const isInverse = isSet(invflg, IP_FW_INV_SRCPT | IP_FW_INV_DSTPT)
  if (proto === IPPROTO_ICMP && !isInverse && !format.isNumeric) {
    const known = ICMP_NAMES.find(
      ({ type, low, high }) => type === spts[0] && type === spts[1] && low === dpts[0] && high === dpts[1],
    )
    if (known !== undefined) return `  ${known.name}\n`
  }
  const source = `${isSet(invflg, IP_FW_INV_SRCPT) ? ' !' : '  '}${rangeText(spts, proto, format)}`
  const destination = `${isSet(invflg, IP_FW_INV_DSTPT) ? ' !' : '  '}${rangeText(dpts, proto, format)}`
  let text = `${source} -> ${destination}`
  if (rule.label === 'REDIRECT') {
    text += format.isLine ? '' : ' => '
    if (rule.redirpt === 0) text += format.isNumeric ? ' *' : ' any'
    else text += portText(rule.redirpt, proto, format)
  }
  return `${text}\n`
}

/** A rule, with what modules show of it. ipchains: print_firewall. */
export function ruleText(
  rule: IpFwUser,
  words: readonly string[],
  number: number,
  packets: number,
  bytes: number,
  format: Format,
): string {
  const { isLine, isVerbose, isShort, db } = format
  const column = (text: string, width: number): string => `${isLine ? text : text.padEnd(width)} `
  let text = format.hasNumbers ? `${String(number).padEnd(4)} ` : ''
  if (isVerbose && !isLine) {
    text += isShort
      ? shortCount(packets) + shortCount(bytes)
      : `${String(packets).padStart(8)} ${String(bytes).padStart(10)} `
  }
  text += column(rule.label === '' ? '-' : rule.label, 9)
  text += `${isSet(rule.invflg, IP_FW_INV_PROTO) ? '!' : ' '}`
  text += isLine ? `${protocolName(db, rule.proto)} ` : protocolName(db, rule.proto).padEnd(5)
  text += `${isLine ? 'opt    ' : ''}${optText(rule)}`
  if (isVerbose) text += detailText(rule, words, format)
  if (isLine) text += '  '
  text += isSet(rule.invflg, IP_FW_INV_SRCIP) ? '!' : ' '
  text += column(networkText(rule.src, rule.smsk, format), 20)
  const not = isSet(rule.invflg, IP_FW_INV_DSTIP) ? '!' : ''
  const destination = networkText(rule.dst, rule.dmsk, format)
  text += isLine ? `-> ${not}${destination}  ` : `${not}${destination.padEnd(20)}`
  return text + portsText(rule, format)
}

/** A line of /proc/net/ip_masquerade; null for what is none. */
const MASQ =
  /^ *(\S+) ([0-9A-F]+):([0-9A-F]+) ([0-9A-F]+):([0-9A-F]+) ([0-9A-F]+) ([0-9A-F]+) +(-?\d+) +(-?\d+) +(\d+) *$/

/** The line above the connections. */
export const masqHeader = (isVerbose: boolean): string => {
  const deltas = isVerbose ? '   initseq delta prevd ' : ''
  return `prot expire   ${deltas}${'source'.padEnd(20)} ${'destination'.padEnd(20)} ports\n`
}

/** A connection; null where the line is none. ipchains: read_masqinfo, print_masq. */
export function masqText(line: string, isVerbose: boolean, isNumeric: boolean, db: Netdb): string | null {
  const match = MASQ.exec(line)
  if (match === null) return null
  const [
    ,
    proto = '',
    src = '',
    sport = '',
    dst = '',
    dport = '',
    mport = '',
    seq = '',
    delta = '',
    prev = '',
    ticks = '',
  ] = match
  const at = (text: string): number => Number.parseInt(text, 16)
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0')
  const time = Number(ticks)
  let text = `${proto.padEnd(5)}${two(time / 6000)}:${two((time / 100) % 60)}.${two(time % 100)} `
  if (isVerbose) text += `${String(at(seq)).padStart(10)} ${delta.padStart(5)} ${prev.padStart(5)} `
  for (const addr of [at(src), at(dst)]) {
    const name = isNumeric ? undefined : (db.hostNames.get(addr) ?? db.networkNames.get(addr))
    text += `${(name ?? showIp(addr)).padEnd(20)} `
  }
  const number = proto === 'TCP' ? IPPROTO_TCP : proto === 'UDP' ? IPPROTO_UDP : 0
  const port = (text: string): string =>
    isNumeric || number === 0 ? String(at(text)) : portName(db, at(text), number)
  return `${text}${port(sport)} (${at(mport)}) -> ${port(dport)}\n`
}
