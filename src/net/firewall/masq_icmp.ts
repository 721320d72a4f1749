/**
 * ICMP of hosts that are masqueraded: requests and their answers, and errors about their packets, whose insides have to
 * be changed too. Linux: ip_fw_masq_icmp, ip_fw_demasq_icmp, ip_fw_unmasq_icmp, net/ipv4/ip_masq.c (2.2.12, with
 * CONFIG_IP_MASQUERADE_ICMP).
 */

import { PORT_MASQ_BEGIN, PORT_MASQ_END } from '../../abi/ip_fw.js'
import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from '../../abi/socket.js'
import { csumFold, csumPartial } from '../checksum.js'
import {
  be16,
  ipDaddr,
  ipHlen,
  ipProtocol,
  ipSaddr,
  ipSendCheck,
  ipTotLen,
  put16,
  put32,
} from '../inet/ip.js'
import { type SkBuff, skbMakeWritable } from '../skbuff.js'
import type { NetState } from '../state.js'
import { type MasqEntry, type MasqTable, masqInGet, masqNew, masqOutGet, masqTouch } from './masq_table.js'
import type { FirewallState } from './state.js'

const ECHOREPLY = 0
const DEST_UNREACH = 3
const SOURCE_QUENCH = 4
const ECHO = 8
const TIME_EXCEEDED = 11
const TIMESTAMP = 13
const TIMESTAMPREPLY = 14
const INFO_REQUEST = 15
const INFO_REPLY = 16
const ADDRESS = 17
const ADDRESSREPLY = 18

/** The request that a message answers; 255 for what is no answer. Linux: icmp_type_request. */
function requestOf(type: number): number {
  switch (type) {
    case ECHOREPLY:
      return ECHO
    case TIMESTAMPREPLY:
      return TIMESTAMP
    case INFO_REPLY:
      return INFO_REQUEST
    case ADDRESSREPLY:
      return ADDRESS
    default:
      return 255
  }
}

const isRequest = (type: number): boolean =>
  type === ECHO || type === TIMESTAMP || type === INFO_REQUEST || type === ADDRESS

/** Errors that are followed into what they are about. */
export const isMasqError = (type: number): boolean =>
  type === DEST_UNREACH || type === SOURCE_QUENCH || type === TIME_EXCEEDED

/** A kind of message in the place of a port, as the bytes of an i386 come out. Linux: icmp_hv_req, icmp_hv_rep. */
const kindOf = (type: number, code: number): number => (code << 8) | type

const idAt = (th: number): number => th + 4

/** The checksum of a message anew. */
function sendCheck(data: Uint8Array, th: number, size: number): void {
  put16(data, th + 2, 0)
  put16(data, th + 2, csumFold(csumPartial(data, th, th + size)))
}

/** Where the packet that an error is about is cut off before its ports, nothing is followed. */
interface Inner {
  readonly nh: number
  readonly th: number
  readonly protocol: number
}

function innerOf(data: Uint8Array, th: number, end: number): Inner | null {
  const nh = th + 8
  if (end < nh + 20 || ipHlen(data, nh) < 20) return null
  const inner = nh + ipHlen(data, nh)
  return end < inner + 8 ? null : { nh, th: inner, protocol: ipProtocol(data, nh) }
}

/** The entry of the packet inside an error from a host inside: it went to that host. */
function innerOut(masq: MasqTable, data: Uint8Array, { nh, th, protocol }: Inner): MasqEntry | null {
  const inside = ipDaddr(data, nh)
  const outside = ipSaddr(data, nh)
  if (protocol !== IPPROTO_ICMP)
    return masqOutGet(masq, protocol, inside, be16(data, th + 2), outside, be16(data, th))
  const kind = kindOf(requestOf(data[th] ?? 0), data[th + 1] ?? 0)
  return masqOutGet(masq, protocol, inside, be16(data, idAt(th)), outside, kind)
}

/** The entry of the packet inside an error from outside: it was sent by this host for one inside. */
function innerIn(masq: MasqTable, data: Uint8Array, { nh, th, protocol }: Inner): MasqEntry | null {
  const outside = ipDaddr(data, nh)
  const masked = ipSaddr(data, nh)
  if (protocol !== IPPROTO_ICMP)
    return masqInGet(masq, protocol, outside, be16(data, th + 2), masked, be16(data, th))
  const kind = kindOf(data[th] ?? 0, data[th + 1] ?? 0)
  return masqInGet(masq, protocol, outside, kind, masked, be16(data, idAt(th)))
}

/**
 * A message on its way out: 1 it has been changed, 0 it is left as it is, -1 it is to be dropped. Requests are only
 * passed here where the forward chain says MASQ; errors about packets of masqueraded connections always.
 * Linux: ip_fw_masq_icmp.
 */
export function masqIcmp(net: NetState, fw: FirewallState, skb: SkBuff, maddr: number): number {
  const { data, nh } = skb
  const { masq } = fw
  const th = nh + ipHlen(data, nh)
  const size = ipTotLen(data, nh) - (th - nh)
  const type = data[th] ?? 0
  if (isRequest(type)) {
    const saddr = ipSaddr(data, nh)
    const daddr = ipDaddr(data, nh)
    const id = be16(data, idAt(th))
    const kind = kindOf(type, data[th + 1] ?? 0)
    const entry =
      masqOutGet(masq, IPPROTO_ICMP, saddr, id, daddr, kind) ??
      masqNew(net, masq, IPPROTO_ICMP, saddr, id, daddr, kind, maddr)
    if (entry === null) return -1
    put32(data, nh + 12, entry.maddr)
    ipSendCheck(data, nh)
    put16(data, idAt(th), entry.mport)
    sendCheck(data, th, size)
    masqTouch(net, masq, entry, true, 0)
    return 1
  }
  if (!isMasqError(type)) return 0
  const inner = innerOf(data, th, th + size)
  if (inner === null) return 0
  const { protocol } = inner
  if (protocol !== IPPROTO_ICMP && protocol !== IPPROTO_TCP && protocol !== IPPROTO_UDP) return 0
  if (protocol !== IPPROTO_ICMP && csumFold(csumPartial(data, th, th + size)) !== 0) return -1
  const entry = innerOut(masq, data, inner)
  if (entry === null) return 0
  put32(data, nh + 12, entry.maddr)
  ipSendCheck(data, nh)
  put32(data, inner.nh + 16, entry.maddr)
  ipSendCheck(data, inner.nh)
  put16(data, protocol === IPPROTO_ICMP ? idAt(inner.th) : inner.th + 2, entry.mport)
  sendCheck(data, th, size)
  return 1
}

/** A message from outside: as masqIcmp. Its bytes are its own when it has been changed. Linux: ip_fw_demasq_icmp. */
export function demasqIcmp(net: NetState, fw: FirewallState, skb: SkBuff): number {
  const { data, nh } = skb
  const { masq } = fw
  const th = nh + ipHlen(data, nh)
  const size = ipTotLen(data, nh) - (th - nh)
  const type = data[th] ?? 0
  const request = requestOf(type)
  if (request !== 255) {
    const kind = kindOf(request, data[th + 1] ?? 0)
    const id = be16(data, idAt(th))
    const entry = masqInGet(masq, IPPROTO_ICMP, ipSaddr(data, nh), kind, ipDaddr(data, nh), id)
    if (entry === null) return 0
    const own = toInside(skb, entry)
    put16(own, idAt(th), entry.sport)
    sendCheck(own, th, size)
    masqTouch(net, masq, entry, false, 0)
    return 1
  }
  if (!isMasqError(type)) return 0
  const inner = innerOf(data, th, th + size)
  if (inner === null) return 0
  const { protocol } = inner
  if (protocol !== IPPROTO_ICMP) {
    if (protocol !== IPPROTO_TCP && protocol !== IPPROTO_UDP) return 0
    const mport = be16(data, inner.th)
    if (mport < PORT_MASQ_BEGIN || mport > PORT_MASQ_END) return 0
    if (csumFold(csumPartial(data, th, th + size)) !== 0) {
      net.k.printk(`reverse ICMP: failed checksum from ${showAddress(ipSaddr(data, nh))}!`)
      return -1
    }
  }
  const entry = innerIn(masq, data, inner)
  if (entry === null) return 0
  const own = toInside(skb, entry)
  put32(own, inner.nh + 12, entry.saddr)
  ipSendCheck(own, inner.nh)
  put16(own, protocol === IPPROTO_ICMP ? idAt(inner.th) : inner.th, entry.sport)
  sendCheck(own, th, size)
  return 1
}

const showAddress = (addr: number): string =>
  `${addr >>> 24}.${(addr >>> 16) & 255}.${(addr >>> 8) & 255}.${addr & 255}`

/** Gives the packet bytes of its own, and the host inside as destination. */
function toInside(skb: SkBuff, entry: MasqEntry): Uint8Array {
  skbMakeWritable(skb)
  const own = skb.data
  put32(own, skb.nh + 16, entry.saddr)
  ipSendCheck(own, skb.nh)
  return own
}

/**
 * This host says of a packet that it has changed that it cannot go on: who sent it knows it as it was.
 * Linux: ip_fw_unmasq_icmp.
 */
export function unmasqIcmp(fw: FirewallState, skb: SkBuff): void {
  const { data, nh } = skb
  const th = nh + ipHlen(data, nh)
  const protocol = ipProtocol(data, nh)
  const [saddr, sport, daddr, dport] = [
    ipSaddr(data, nh),
    be16(data, th),
    ipDaddr(data, nh),
    be16(data, th + 2),
  ]
  const answer = masqOutGet(fw.masq, protocol, daddr, dport, saddr, sport)
  if (answer !== null) {
    put32(data, nh + 16, answer.maddr)
    put16(data, th + 2, answer.mport)
    return
  }
  const sent = masqInGet(fw.masq, protocol, daddr, dport, saddr, sport)
  if (sent === null) return
  put32(data, nh + 12, sent.saddr)
  put16(data, th, sent.sport)
}
