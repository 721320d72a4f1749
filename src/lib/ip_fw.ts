/**
 * Rules of the firewall as bytes, for kernel and programs alike: struct ip_fwuser and the structures around it, as an
 * i386 has them. Linux: include/linux/ip_fw.h (2.2.12).
 *
 * Addresses are in network order, everything else is little-endian. A kernel whose rules have further fields has them
 * behind the target: `extra`.
 */

import { IP_FW, IP_FW_LABEL, IP_FWUSER } from '../abi/ip_fw.js'
import { inet32, int32, le16, le32, textOf } from './nlmsg.js'

/** A rule with its target. Addresses are unsigned numbers. */
export interface IpFwUser {
  readonly src: number
  readonly smsk: number
  readonly dst: number
  readonly dmsk: number
  /** What is set, or added where IP_FW_F_MARKABS is not. */
  readonly mark: number
  /** IPPROTO_*; 0 for any. */
  readonly proto: number
  /** IP_FW_F_*. */
  readonly flg: number
  /** IP_FW_INV_*. */
  readonly invflg: number
  /** Source ports, from and to; of ICMP the type. */
  readonly spts: readonly [number, number]
  /** Destination ports, from and to; of ICMP the code. */
  readonly dpts: readonly [number, number]
  /** The local port of REDIRECT; 0 for the packet's own. */
  readonly redirpt: number
  /** Bytes of a packet that are copied to NETLINK_FIREWALL. */
  readonly outputsize: number
  /** An interface; empty for any. */
  readonly vianame: string
  /** What the TOS is anded with. */
  readonly tosand: number
  /** And then xored with. */
  readonly tosxor: number
  /** The target; empty for none. */
  readonly label: string
  /** What modules have appended. */
  readonly extra: Uint8Array
}

const align4 = (length: number): number => (length + 3) & ~3

/** Bytes of struct ip_fwuser with `extra` bytes of modules. */
export const fwuserSize = (extra: number): number => IP_FWUSER + align4(extra)

/** Bytes of struct ip_fwchange: a rule and a chain. */
export const fwchangeSize = (extra: number): number => align4(fwuserSize(extra) + IP_FW_LABEL)

/** Bytes of struct ip_fwnew: a number, a rule and a chain. */
export const fwnewSize = (extra: number): number => align4(4 + fwuserSize(extra) + IP_FW_LABEL)

const inetAt = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] ?? 0) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)) >>>
  0

/** The rule at `at`, with so many bytes of modules behind it. */
export function decodeFwuser(bytes: Uint8Array, at: number, extra: number): IpFwUser {
  return {
    src: inetAt(bytes, at),
    dst: inetAt(bytes, at + 4),
    smsk: inetAt(bytes, at + 8),
    dmsk: inetAt(bytes, at + 12),
    mark: le32(bytes, at + 16),
    proto: le16(bytes, at + 20),
    flg: le16(bytes, at + 22),
    invflg: le16(bytes, at + 24),
    spts: [le16(bytes, at + 26), le16(bytes, at + 28)],
    dpts: [le16(bytes, at + 30), le16(bytes, at + 32)],
    redirpt: le16(bytes, at + 34),
    outputsize: le16(bytes, at + 36),
    vianame: textOf(bytes.subarray(at + 38, at + 54)),
    tosand: bytes[at + 54] ?? 0,
    tosxor: bytes[at + 55] ?? 0,
    label: textOf(bytes.subarray(at + IP_FW, at + IP_FW + IP_FW_LABEL)),
    extra: bytes.slice(at + IP_FWUSER, at + IP_FWUSER + extra),
  }
}

/** Writes a name into a field: what does not fit is lost. */
export function putName(bytes: Uint8Array, at: number, name: string, size: number): void {
  for (let i = 0; i < size && i < name.length; i++) bytes[at + i] = name.charCodeAt(i)
}

const put16le = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
}

/** A rule as struct ip_fwuser. */
export function encodeFwuser(rule: IpFwUser): Uint8Array {
  const bytes = new Uint8Array(fwuserSize(rule.extra.length))
  bytes.set(inet32(rule.src), 0)
  bytes.set(inet32(rule.dst), 4)
  bytes.set(inet32(rule.smsk), 8)
  bytes.set(inet32(rule.dmsk), 12)
  bytes.set(int32(rule.mark), 16)
  const words = [rule.proto, rule.flg, rule.invflg, ...rule.spts, ...rule.dpts, rule.redirpt, rule.outputsize]
  for (const [i, word] of words.entries()) put16le(bytes, 20 + 2 * i, word)
  putName(bytes, 38, rule.vianame, 16)
  bytes[54] = rule.tosand
  bytes[55] = rule.tosxor
  putName(bytes, IP_FW, rule.label, IP_FW_LABEL)
  bytes.set(rule.extra, IP_FWUSER)
  return bytes
}

/** struct ip_fwchange. */
export function encodeFwchange(rule: IpFwUser, chain: string): Uint8Array {
  const user = encodeFwuser(rule)
  const bytes = new Uint8Array(fwchangeSize(rule.extra.length))
  bytes.set(user)
  putName(bytes, user.length, chain, IP_FW_LABEL)
  return bytes
}

/** struct ip_fwnew: `number` is where, from 1 on. */
export function encodeFwnew(number: number, rule: IpFwUser, chain: string): Uint8Array {
  const user = encodeFwuser(rule)
  const bytes = new Uint8Array(fwnewSize(rule.extra.length))
  bytes.set(int32(number))
  bytes.set(user, 4)
  putName(bytes, 4 + user.length, chain, IP_FW_LABEL)
  return bytes
}

/** A label as nine bytes. */
export function encodeLabel(name: string): Uint8Array {
  const bytes = new Uint8Array(IP_FW_LABEL)
  putName(bytes, 0, name, IP_FW_LABEL)
  return bytes
}
