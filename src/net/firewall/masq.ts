/**
 * Masquerading: packets of hosts inside go out as this host's, and answers find back. Linux: ip_fw_masquerade,
 * ip_fw_demasquerade, net/ipv4/ip_masq.c (2.2.12). ICMP is in masq_icmp.ts.
 *
 * Left out: helpers of protocols with addresses in their data (FTP, IRC), port forwarding, dynamic addresses.
 */

import { isErr } from '../../abi/errno.js'
import { IFF_LOOPBACK } from '../../abi/if.js'
import { PORT_MASQ_BEGIN, PORT_MASQ_END } from '../../abi/ip_fw.js'
import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from '../../abi/socket.js'
import { csumFold, csumPartial, csumPseudo } from '../checksum.js'
import type { NetDevice } from '../device.js'
import { fibSelectAddr } from '../inet/fib.js'
import {
  be16,
  ipDaddr,
  ipHlen,
  ipProtocol,
  ipSaddr,
  ipSendCheck,
  ipTos,
  ipTotLen,
  put16,
  put32,
} from '../inet/ip.js'
import { ipRouteOutput } from '../inet/route.js'
import type { Route } from '../inet/route_types.js'
import { PACKET_HOST, type SkBuff, skbMakeWritable } from '../skbuff.js'
import type { NetState } from '../state.js'
import { demasqIcmp, masqIcmp } from './masq_icmp.js'
import { type MasqEntry, masqInGet, masqNew, masqOutGet, masqTouch } from './masq_table.js'
import type { FirewallState } from './state.js'

/** What masquerading has done: not its packet; changed; to be dropped. */
export const MASQ_PASSED = 0
export const MASQ_DONE = 1
export const MASQ_DROP = -1

/** Bytes of the transport header; 0 of other protocols; -1 of a packet too short for it. Linux: proto_doff. */
function transportHeader(data: Uint8Array, th: number, size: number, protocol: number): number {
  if (protocol === IPPROTO_ICMP || protocol === IPPROTO_UDP) return size >= 8 ? 8 : -1
  if (protocol !== IPPROTO_TCP) return 0
  if (size < 20) return -1
  const doff = ((data[th + 12] ?? 0) >> 4) * 4
  return doff > size ? -1 : doff
}

/** Where the transport checksum is. */
const checkAt = (th: number, protocol: number): number => th + (protocol === IPPROTO_TCP ? 16 : 6)

function transportSum(data: Uint8Array, nh: number, th: number, size: number, protocol: number): number {
  const pseudo = csumPseudo(ipSaddr(data, nh), ipDaddr(data, nh), protocol, size)
  return csumFold(csumPartial(data, th, th + size, pseudo))
}

/** Is it unharmed? Datagrams may come without a checksum. */
function isWhole(skb: SkBuff, th: number, size: number, protocol: number): boolean {
  const { data, nh } = skb
  if (skb.isChecked || (protocol === IPPROTO_UDP && be16(data, th + 6) === 0)) return true
  return transportSum(data, nh, th, size, protocol) === 0
}

/** Both checksums anew. A datagram has one from now on. */
function sendChecks(data: Uint8Array, nh: number, th: number, size: number, protocol: number): void {
  const at = checkAt(th, protocol)
  put16(data, at, 0)
  const sum = transportSum(data, nh, th, size, protocol)
  put16(data, at, sum === 0 && protocol === IPPROTO_UDP ? 0xffff : sum)
  ipSendCheck(data, nh)
}

const flagsOf = (data: Uint8Array, th: number, protocol: number): number =>
  protocol === IPPROTO_TCP ? (data[th + 13] ?? 0) : 0

/** The address that packets to `daddr` through a device have. Linux: the part of ip_fw_masquerade. */
export function masqAddress(net: NetState, skb: SkBuff, dev: NetDevice): number {
  const { data, nh } = skb
  const route = ipRouteOutput(net, {
    dst: ipDaddr(data, nh),
    src: 0,
    tos: ipTos(data, nh) & 0x1c,
    oif: dev.ifindex,
    iif: 0,
    mark: 0,
    key: skb.routeKey,
  })
  return isErr(route) ? fibSelectAddr(net, dev, (skb.dst as Route | null)?.gateway ?? 0) : route.src
}

/** The entry of a packet from inside, made where there is none; null: no port is left. */
function entryFor(
  net: NetState,
  fw: FirewallState,
  data: Uint8Array,
  nh: number,
  th: number,
  protocol: number,
  maddr: number,
): MasqEntry | null {
  const saddr = ipSaddr(data, nh)
  const daddr = ipDaddr(data, nh)
  const sport = be16(data, th)
  const dport = be16(data, th + 2)
  const known = masqOutGet(fw.masq, protocol, saddr, sport, daddr, dport)
  if (known === null) return masqNew(net, fw.masq, protocol, saddr, sport, daddr, dport, maddr)
  if (protocol === IPPROTO_UDP) {
    known.daddr = daddr
    known.dport = dport
  }
  return known
}

/**
 * A packet that the forward chain says MASQ of. Its bytes are its own. MASQ_DROP: what has no ports, is too short or
 * harmed, or finds no port. Linux: ip_fw_masquerade.
 */
export function masquerade(net: NetState, fw: FirewallState, skb: SkBuff, dev: NetDevice): number {
  const { data, nh } = skb
  const protocol = ipProtocol(data, nh)
  const th = nh + ipHlen(data, nh)
  const size = ipTotLen(data, nh) - (th - nh)
  if (transportHeader(data, th, size, protocol) <= 0) return MASQ_DROP
  const maddr = masqAddress(net, skb, dev)
  if (protocol === IPPROTO_ICMP) return masqIcmp(net, fw, skb, maddr)
  if (!isWhole(skb, th, size, protocol)) return MASQ_DROP
  const entry = entryFor(net, fw, data, nh, th, protocol, maddr)
  if (entry === null) return MASQ_DROP
  put32(data, nh + 12, entry.maddr)
  put16(data, th, entry.mport)
  sendChecks(data, nh, th, size, protocol)
  masqTouch(net, fw.masq, entry, true, flagsOf(data, th, protocol))
  return MASQ_DONE
}

/**
 * A packet for this host that may be the answer to one that was masqueraded. MASQ_DONE: it is, and goes on to the host
 * inside; its bytes are its own from now on. Linux: ip_fw_demasquerade.
 */
export function demasquerade(net: NetState, fw: FirewallState, skb: SkBuff): number {
  if (fw.masq.size === 0 || skb.pktType !== PACKET_HOST) return MASQ_PASSED
  if (skb.dev === null || (skb.dev.flags & IFF_LOOPBACK) !== 0) return MASQ_PASSED
  const { nh } = skb
  const protocol = ipProtocol(skb.data, nh)
  const th = nh + ipHlen(skb.data, nh)
  const size = ipTotLen(skb.data, nh) - (th - nh)
  const doff = transportHeader(skb.data, th, size, protocol)
  if (doff <= 0) return doff === 0 ? MASQ_PASSED : MASQ_DROP
  if (protocol === IPPROTO_ICMP) return demasqIcmp(net, fw, skb)
  const mport = be16(skb.data, th + 2)
  if (mport < PORT_MASQ_BEGIN || mport > PORT_MASQ_END) return MASQ_PASSED
  if (!isWhole(skb, th, size, protocol)) return MASQ_DROP
  const daddr = ipSaddr(skb.data, nh)
  const dport = be16(skb.data, th)
  const entry = masqInGet(fw.masq, protocol, daddr, dport, ipDaddr(skb.data, nh), mport)
  if (entry === null) return MASQ_PASSED
  if (protocol === IPPROTO_UDP) {
    entry.daddr = daddr
    entry.dport = dport
  }
  skbMakeWritable(skb)
  put32(skb.data, nh + 16, entry.saddr)
  put16(skb.data, th + 2, entry.sport)
  sendChecks(skb.data, nh, th, size, protocol)
  masqTouch(net, fw.masq, entry, false, flagsOf(skb.data, th, protocol))
  return MASQ_DONE
}
