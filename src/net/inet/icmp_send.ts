/**
 * ICMP messages that this host sends about packets that it has received. Linux: icmp_send, net/ipv4/icmp.c (2.2.12,
 * 2.6.14).
 */

import { isErr } from '../../abi/errno.js'
import { isAtLeast } from '../../abi/profile.js'
import { IPPROTO_ICMP } from '../../abi/socket.js'
import { csumFold, csumPartial } from '../checksum.js'
import { unmasqIcmp } from '../firewall/masq_icmp.js'
import { IPSKB_MASQUERADED, PACKET_HOST, type SkBuff } from '../skbuff.js'
import type { NetState } from '../state.js'
import { inetAddrType } from './fib.js'
import {
  IP_OFFSET,
  ipDaddr,
  ipFragOff,
  ipHlen,
  ipProtocol,
  ipSaddr,
  ipTos,
  isMulticast,
  put16,
  put32,
} from './ip.js'
import { ipAllocSkb, ipLocalOut, ipPushHeader } from './ip_output.js'
import { ipRouteOutput } from './route.js'
import { RTN_LOCAL, RTN_UNICAST } from './route_types.js'

export const ICMP_ECHOREPLY = 0
export const ICMP_DEST_UNREACH = 3
export const ICMP_SOURCE_QUENCH = 4
export const ICMP_REDIRECT = 5
export const ICMP_ECHO = 8
export const ICMP_TIME_EXCEEDED = 11
export const ICMP_PARAMETERPROB = 12
export const ICMP_TIMESTAMP = 13
export const ICMP_TIMESTAMPREPLY = 14
export const ICMP_NET_UNREACH = 0
export const ICMP_HOST_UNREACH = 1
export const ICMP_PROT_UNREACH = 2
export const ICMP_PORT_UNREACH = 3
export const ICMP_FRAG_NEEDED = 4
export const ICMP_SR_FAILED = 5
export const ICMP_NET_ANO = 9
export const ICMP_HOST_ANO = 10
export const ICMP_PKT_FILTERED = 13
export const ICMP_EXC_TTL = 0
export const ICMP_EXC_FRAGTIME = 1

/** Bytes of an ICMP error, header and all. */
const ERROR_MAX = 576

/** Is the message about this packet itself an error? Then nothing is said. */
function isError(skb: SkBuff, start: number): boolean {
  if (ipProtocol(skb.data, skb.nh) !== IPPROTO_ICMP || start >= skb.tail) return false
  const type = skb.data[start] ?? 0
  return (
    type !== ICMP_ECHO && type !== ICMP_ECHOREPLY && type !== ICMP_TIMESTAMP && type !== ICMP_TIMESTAMPREPLY
  )
}

const bump = (map: Map<number, number>, type: number): void => {
  map.set(type, (map.get(type) ?? 0) + 1)
}

/** The time to live of the kernel's own messages: the longest before 2.6. Linux: icmp_init. */
export const icmpTtl = ({ k, inet }: NetState): number =>
  isAtLeast(k.facts.release, '2.6.14') ? inet.defaultTtl : 255

/** Counts a message that is being sent. */
export function countOut(net: NetState, type: number): void {
  net.inet.icmpMib.outMsgs++
  bump(net.inet.icmpMib.outByType, type)
}

/** Counts a message that has come. */
export function countIn(net: NetState, type: number): void {
  bump(net.inet.icmpMib.inByType, type)
}

/**
 * Tells the sender of `about` what became of it; `info` is the gateway, the MTU or the pointer. Nothing is said about
 * packets to all, later pieces, and errors.
 */
export function icmpSend(net: NetState, about: SkBuff, type: number, code: number, info: number): void {
  const { data, nh } = about
  if (nh < 0 || about.pktType !== PACKET_HOST) return
  if ((about.ipFlags & IPSKB_MASQUERADED) !== 0 && type === ICMP_DEST_UNREACH && net.firewall !== null)
    unmasqIcmp(net.firewall, about)
  const saddr = ipSaddr(data, nh)
  const daddr = ipDaddr(data, nh)
  const start = nh + ipHlen(data, nh)
  const kind = inetAddrType(net, daddr)
  if (kind !== RTN_LOCAL && kind !== RTN_UNICAST) return
  if (saddr === 0 || isMulticast(saddr) || (ipFragOff(data, nh) & IP_OFFSET) !== 0 || isError(about, start))
    return
  const from = kind === RTN_LOCAL ? daddr : 0
  const tos = (ipTos(data, nh) & 0x1e) | 0xc0
  const { routeKey } = about
  const route = ipRouteOutput(net, {
    dst: saddr,
    src: from,
    tos: tos & 0x1c,
    oif: 0,
    iif: 0,
    mark: 0,
    key: routeKey,
  })
  if (isErr(route)) return
  const room = Math.min(about.tail - nh, ERROR_MAX - 28)
  const skb = ipAllocSkb(net, 8 + room)
  skb.routeKey = routeKey
  skb.security = about.security === null ? null : about.security.slice()
  skb.data[skb.h] = type
  skb.data[skb.h + 1] = code
  put32(skb.data, skb.h + 4, info)
  skb.data.set(data.subarray(nh, nh + room), skb.h + 8)
  put16(skb.data, skb.h + 2, csumFold(csumPartial(skb.data, skb.h, skb.tail)))
  countOut(net, type)
  const header = {
    saddr: route.src,
    daddr: saddr,
    protocol: IPPROTO_ICMP,
    tos,
    ttl: icmpTtl(net),
    df: false,
  }
  ipPushHeader(net, skb, header)
  ipLocalOut(net, skb, route)
}
