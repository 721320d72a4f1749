/**
 * ICMP messages that come in: echo, and errors about packets that this host has sent. Linux: icmp_rcv, icmp_echo,
 * icmp_unreach, net/ipv4/icmp.c (2.2.12, 2.6.14).
 */

import { isErr } from '../../abi/errno.js'
import { IPPROTO_ICMP } from '../../abi/socket.js'
import { csumFold, csumPartial } from '../checksum.js'
import { kfreeSkb, type SkBuff } from '../skbuff.js'
import type { NetState } from '../state.js'
import { inetAddrType } from './fib.js'
import {
  countIn,
  countOut,
  ICMP_DEST_UNREACH,
  ICMP_ECHO,
  ICMP_ECHOREPLY,
  ICMP_FRAG_NEEDED,
  ICMP_PARAMETERPROB,
  ICMP_SOURCE_QUENCH,
  ICMP_TIME_EXCEEDED,
  icmpTtl,
} from './icmp_send.js'
import { be16, be32, ipDaddr, ipHlen, ipProtocol, ipSaddr, ipTos, put16 } from './ip.js'
import { ipAllocSkb, ipLocalOut, ipPushHeader } from './ip_output.js'
import { rawError } from './raw.js'
import { ipRouteOutput } from './route.js'
import { RTN_BROADCAST, RTN_LOCAL, RTN_MULTICAST } from './route_types.js'
import type { InetProtocol } from './sock.js'

/** Answers an echo request. Linux: icmp_echo, icmp_reply. */
function echo(net: NetState, skb: SkBuff): void {
  const { data, nh, head, tail } = skb
  const saddr = ipSaddr(data, nh)
  const daddr = ipDaddr(data, nh)
  const isLocal = inetAddrType(net, daddr) === RTN_LOCAL
  const tos = ipTos(data, nh) & 0x1e
  const route = ipRouteOutput(net, {
    dst: saddr,
    src: isLocal ? daddr : 0,
    tos: tos & 0x1c,
    oif: 0,
    iif: 0,
    mark: 0,
    key: skb.routeKey,
  })
  if (isErr(route)) return
  const reply = ipAllocSkb(net, tail - head)
  reply.routeKey = skb.routeKey
  reply.security = skb.security === null ? null : skb.security.slice()
  reply.data.set(data.subarray(head, tail), reply.h)
  reply.data[reply.h] = ICMP_ECHOREPLY
  put16(reply.data, reply.h + 2, 0)
  put16(reply.data, reply.h + 2, csumFold(csumPartial(reply.data, reply.h, reply.tail)))
  countOut(net, ICMP_ECHOREPLY)
  const header = {
    saddr: route.src,
    daddr: saddr,
    protocol: IPPROTO_ICMP,
    tos,
    ttl: icmpTtl(net),
    df: false,
  }
  ipPushHeader(net, reply, header)
  ipLocalOut(net, reply, route)
}

/** Hands an error to the protocol of the packet that it is about. Linux: icmp_unreach. */
function unreach(net: NetState, skb: SkBuff, type: number, code: number): void {
  const { data } = skb
  const info = be32(data, skb.h + 4)
  const inner = skb.h + 8
  if (skb.tail < inner + 20 || ipHlen(data, inner) < 20 || skb.tail < inner + ipHlen(data, inner) + 8) {
    net.inet.icmpMib.inErrors++
    return
  }
  // Nobody believes in errors that came to all.
  const kind = inetAddrType(net, be32(data, inner + 16))
  if (kind === RTN_BROADCAST || kind === RTN_MULTICAST) return
  skb.head = inner
  skb.nh = inner
  if (net.inet.raw.size > 0) rawError(net, skb, type, code)
  const protocol = net.registry.inetProtocols.get(ipProtocol(data, inner))
  if (protocol?.error === undefined) return
  const mtu = type === ICMP_DEST_UNREACH && code === ICMP_FRAG_NEEDED ? be16(data, skb.h + 6) : info
  protocol.error(net, skb, type, code, mtu)
}

/** Linux: icmp_protocol, icmp_rcv. */
export const icmpProtocol: InetProtocol = Object.freeze({
  protocol: IPPROTO_ICMP,

  receive(net, skb) {
    const { icmpMib } = net.inet
    icmpMib.inMsgs++
    const { data, head, tail } = skb
    if (tail - head < 8 || csumFold(csumPartial(data, head, tail)) !== 0) {
      icmpMib.inErrors++
      kfreeSkb(skb)
      return
    }
    const type = data[head] ?? 0
    const code = data[head + 1] ?? 0
    countIn(net, type)
    const kind = inetAddrType(net, ipDaddr(data, skb.nh))
    switch (type) {
      case ICMP_ECHO:
        // To all: only the sender's own host could not mind. 2.2 answers, 2.6 does not unless told to.
        if (kind === RTN_LOCAL || net.k.facts.release !== '2.6.14') echo(net, skb)
        break
      case ICMP_DEST_UNREACH:
      case ICMP_SOURCE_QUENCH:
      case ICMP_TIME_EXCEEDED:
      case ICMP_PARAMETERPROB:
        unreach(net, skb, type, code)
        break
      default:
        break
    }
    kfreeSkb(skb)
  },
} satisfies InetProtocol)
