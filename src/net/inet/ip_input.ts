/**
 * IP packets on their way in: what is wrong is dropped and counted, what is for this host goes to its protocol, what
 * is for others is sent on. Linux: ip_rcv, ip_local_deliver (net/ipv4/ip_input.c), ip_forward (net/ipv4/ip_forward.c,
 * 2.2.12, 2.6.14).
 */

import { EACCES, EHOSTUNREACH, EINVAL, ENETUNREACH, isErr } from '../../abi/errno.js'
import { ETH_P_IP } from '../../abi/if.js'
import type { PacketType } from '../dev_input.js'
import { NF_ACCEPT, NF_DROP, NF_IP_FORWARD, NF_IP_LOCAL_IN, NF_IP_PRE_ROUTING, nfHook } from '../netfilter.js'
import {
  IPSKB_FORWARDED,
  kfreeSkb,
  PACKET_HOST,
  PACKET_OTHERHOST,
  type SkBuff,
  skbUnshare,
} from '../skbuff.js'
import type { NetState } from '../state.js'
import { ipDefrag } from './defrag.js'
import { fibSelectAddr } from './fib.js'
import {
  ICMP_DEST_UNREACH,
  ICMP_EXC_TTL,
  ICMP_FRAG_NEEDED,
  ICMP_HOST_UNREACH,
  ICMP_NET_UNREACH,
  ICMP_PARAMETERPROB,
  ICMP_PKT_FILTERED,
  ICMP_PROT_UNREACH,
  ICMP_TIME_EXCEEDED,
  icmpSend,
} from './icmp_send.js'
import {
  IP_DF,
  IP_HLEN,
  IP_MF,
  IP_OFFSET,
  ipCheckOk,
  ipDaddr,
  ipFragOff,
  ipHlen,
  ipProtocol,
  ipSaddr,
  ipSendCheck,
  ipTos,
  ipTotLen,
  ipTtl,
  ipVersion,
} from './ip.js'
import { inputOptions, SOURCE_ROUTED } from './ip_options.js'
import { ipOutput } from './ip_output.js'
import { inGroup } from './multicast.js'
import { rawInput } from './raw.js'
import { ipRouteInput } from './route.js'
import { type Route, RTN_BROADCAST, RTN_LOCAL, RTN_MULTICAST } from './route_types.js'

/** Is the header one, and the packet all there? What comes after it is cut off. */
function isSane(skb: SkBuff): boolean {
  const { data, head } = skb
  if (skb.len < IP_HLEN || ipVersion(data, head) !== 4) return false
  const hlen = ipHlen(data, head)
  if (hlen < IP_HLEN || skb.len < hlen || !ipCheckOk(data, head)) return false
  const length = ipTotLen(data, head)
  if (length < hlen || length > skb.len) return false
  skb.tail = head + length
  return true
}

/** A packet has come. Linux: ip_rcv, ip_rcv_finish. */
function ipReceive(net: NetState, received: SkBuff): void {
  const { ipMib } = net.inet
  const { dev } = received
  let skb = received
  if (skb.pktType === PACKET_OTHERHOST || dev === null) {
    kfreeSkb(skb)
    return
  }
  ipMib.inReceives++
  skb.nh = skb.head
  if (!isSane(skb)) {
    ipMib.inHdrErrors++
    kfreeSkb(skb)
    return
  }
  if (net.inet.alwaysDefrag > 0 && (ipFragOff(skb.data, skb.nh) & (IP_MF | IP_OFFSET)) !== 0) {
    const whole = ipDefrag(net, skb)
    if (whole === null) return
    skb = whole
  }
  const verdict = nfHook(net, NF_IP_PRE_ROUTING, skb, dev, null)
  if (verdict !== NF_ACCEPT) {
    if (verdict === NF_DROP) kfreeSkb(skb)
    return
  }
  const route = inputRoute(net, skb)
  if (isErr(route)) {
    unroutable(net, skb, route)
    return
  }
  skb.dst = route
  if (ipHlen(skb.data, skb.nh) > IP_HLEN && !optionsOk(net, skb, route)) return
  if (skb.redirport !== 0) ipLocalDeliver(net, skb)
  else if (route.type === RTN_LOCAL || route.type === RTN_BROADCAST || route.type === RTN_MULTICAST)
    ipLocalDeliver(net, skb)
  else ipForward(net, skb, route)
}

/** Does what a packet's options ask for. False: it is gone, and its sender may have been told why. */
function optionsOk(net: NetState, skb: SkBuff, route: Route): boolean {
  const isOurs = route.type === RTN_LOCAL
  const own = isOurs ? ipDaddr(skb.data, skb.nh) : fibSelectAddr(net, route.dev, route.gateway)
  const wrong = inputOptions(net, skb, own)
  if (wrong === 0) return true
  if (wrong !== SOURCE_ROUTED) {
    icmpSend(net, skb, ICMP_PARAMETERPROB, 0, (wrong << 24) >>> 0)
    net.inet.ipMib.inHdrErrors++
  } else net.inet.ipMib.inDiscards++
  kfreeSkb(skb)
  return false
}

/** Where a packet that has come is to go. What went through the loopback device has its route with it. */
export function inputRoute(net: NetState, skb: SkBuff): ReturnType<typeof ipRouteInput> {
  const { dst, dev, data, nh } = skb
  if (dst !== null || dev === null) {
    const kept = dst as Route
    // What this host has sent to a group comes in only where somebody is in it.
    return kept.type === RTN_MULTICAST && dev !== null && !inGroup(dev, kept.dst) ? EINVAL : kept
  }
  const flow = {
    dst: ipDaddr(data, nh),
    src: ipSaddr(data, nh),
    tos: ipTos(data, nh) & 0x1c,
    oif: 0,
    iif: dev.ifindex,
    mark: skb.mark,
    key: skb.routeKey,
  }
  return ipRouteInput(net, flow, dev)
}

/** No way there. Only a host that sends on for others says so. Linux: ip_error. */
export function unroutable(net: NetState, skb: SkBuff, error: number): void {
  net.inet.ipMib.inAddrErrors++
  if (net.inet.forwarding) {
    if (error === EHOSTUNREACH) icmpSend(net, skb, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0)
    else if (error === ENETUNREACH) icmpSend(net, skb, ICMP_DEST_UNREACH, ICMP_NET_UNREACH, 0)
    else if (error === EACCES) icmpSend(net, skb, ICMP_DEST_UNREACH, ICMP_PKT_FILTERED, 0)
  }
  kfreeSkb(skb)
}

/** For this host. Linux: ip_local_deliver. */
function ipLocalDeliver(net: NetState, received: SkBuff): void {
  let skb: SkBuff | null = received
  if ((ipFragOff(skb.data, skb.nh) & (IP_MF | IP_OFFSET)) !== 0) {
    skb = ipDefrag(net, skb)
    if (skb === null) return
  }
  const verdict = nfHook(net, NF_IP_LOCAL_IN, skb, skb.dev, null)
  if (verdict !== NF_ACCEPT) {
    if (verdict === NF_DROP) kfreeSkb(skb)
    return
  }
  skb.h = skb.nh + ipHlen(skb.data, skb.nh)
  skb.head = skb.h
  const number = ipProtocol(skb.data, skb.nh)
  const isRaw = net.inet.raw.size > 0 && rawInput(net, skb)
  const protocol = net.registry.inetProtocols.get(number)
  if (protocol !== undefined) {
    net.inet.ipMib.inDelivers++
    protocol.receive(net, skb)
    return
  }
  if (isRaw) net.inet.ipMib.inDelivers++
  else {
    net.inet.ipMib.inUnknownProtos++
    icmpSend(net, skb, ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, 0)
  }
  kfreeSkb(skb)
}

/** For others. Linux: ip_forward. */
export function ipForward(net: NetState, received: SkBuff, route: Route): void {
  const { inet } = net
  let skb = received
  if (!inet.forwarding || skb.pktType !== PACKET_HOST) {
    inet.ipMib.inAddrErrors++
    kfreeSkb(skb)
    return
  }
  if (ipTtl(skb.data, skb.nh) <= 1) {
    icmpSend(net, skb, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0)
    inet.ipMib.inHdrErrors++
    kfreeSkb(skb)
    return
  }
  if (skb.len > route.mtu && (ipFragOff(skb.data, skb.nh) & IP_DF) !== 0) {
    inet.ipMib.fragFails++
    icmpSend(net, skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, route.mtu)
    kfreeSkb(skb)
    return
  }
  const input = skb.dev
  skb = skbUnshare(skb)
  skb.ipFlags |= IPSKB_FORWARDED
  skb.data[skb.nh + 8] = ipTtl(skb.data, skb.nh) - 1
  ipSendCheck(skb.data, skb.nh)
  const verdict = nfHook(net, NF_IP_FORWARD, skb, input, route.dev)
  if (verdict !== NF_ACCEPT) {
    if (verdict === NF_DROP) kfreeSkb(skb)
    return
  }
  inet.ipMib.forwDatagrams++
  ipOutput(net, skb, (skb.dst as Route | null) ?? route)
}

/** Linux: ip_packet_type. */
export const ipPacketType: PacketType = Object.freeze({ type: ETH_P_IP, receive: ipReceive })
