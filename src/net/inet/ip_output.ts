/**
 * IP packets on their way out. Linux: ip_build_xmit, ip_output, ip_finish_output (net/ipv4/ip_output.c, 2.2.12,
 * 2.6.14).
 */

import { EMSGSIZE, ENETDOWN } from '../../abi/errno.js'
import { ETH_P_IP, IFF_LOOPBACK, IFF_NOARP } from '../../abi/if.js'
import { netifRx } from '../backlog.js'
import { devQueueXmit } from '../dev_output.js'
import { ethHeader } from '../ethernet.js'
import { NF_ACCEPT, NF_DROP, NF_IP_LOCAL_OUT, NF_IP_POST_ROUTING, nfHook } from '../netfilter.js'
import { kfreeSkb, PACKET_LOOPBACK, SkBuff, skbClone } from '../skbuff.js'
import type { NetState } from '../state.js'
import { ipFragment } from './fragment.js'
import { IP_DF, IP_HLEN, ipFragOff, ipSendCheck, ipTtl, isMulticast, put16, put32 } from './ip.js'
import { inGroup } from './multicast.js'
import { type Route, RTN_BROADCAST, RTN_MULTICAST } from './route_types.js'
import { InetSock } from './sock.js'

/** Room for a link header in front of an IP header. Linux: LL_MAX_HEADER. */
export const LL_ROOM = 16

/** What goes into an IP header besides the length. */
export interface IpHeader {
  readonly saddr: number
  readonly daddr: number
  readonly protocol: number
  readonly tos: number
  readonly ttl: number
  /** Must it not be cut into pieces? */
  readonly df: boolean
}

/**
 * A buffer for a transport packet of `size` bytes, with room for the headers below it. The first `clear` bytes of the
 * packet are 0; the caller writes all the others.
 */
export function ipAllocSkb(net: NetState, size: number, clear = size): SkBuff {
  const start = LL_ROOM + IP_HLEN
  const shared = net.packetPool.take(start + size, start + clear)
  const skb = new SkBuff(shared.bytes, start, start + size)
  skb.shared = shared
  skb.h = start
  skb.protocol = ETH_P_IP
  return skb
}

/** Puts an IP header in front of `skb.head`, checksum and all. */
export function ipPushHeader(net: NetState, skb: SkBuff, header: IpHeader): void {
  skb.head -= IP_HLEN
  skb.nh = skb.head
  const { data, nh } = skb
  data[nh] = 0x45
  data[nh + 1] = header.tos
  put16(data, nh + 2, skb.len)
  put16(data, nh + 4, net.inet.nextId++ & 0xffff)
  put16(data, nh + 6, header.df ? IP_DF : 0)
  data[nh + 8] = header.ttl
  data[nh + 9] = header.protocol
  put32(data, nh + 12, header.saddr)
  put32(data, nh + 16, header.daddr)
  ipSendCheck(data, nh)
}

/**
 * Sends a packet made here: 0 or an Errno. FIREWALLED: it has been refused at LOCAL_OUT or POST_ROUTING; EMSGSIZE it
 * must not be cut and is too long.
 */
export function ipLocalOut(net: NetState, skb: SkBuff, route: Route): number {
  net.inet.ipMib.outRequests++
  skb.dst = route
  const verdict = nfHook(net, NF_IP_LOCAL_OUT, skb, null, route.dev)
  // A hook may have found another route.
  const failed =
    verdict !== NF_ACCEPT ? refused(skb, verdict) : ipOutput(net, skb, (skb.dst as Route | null) ?? route)
  if (failed !== 0) net.inet.ipMib.outDiscards++
  return failed
}

/** What the sender hears of a hook's verdict. Linux: NF_HOOK. */
function refused(skb: SkBuff, verdict: number): number {
  if (verdict !== NF_DROP) return 0
  kfreeSkb(skb)
  return FIREWALLED
}

/**
 * What `ipLocalOut` answers for a packet that a hook has dropped: no error number, as it is for whoever acts for a task
 * to say EPERM, or nothing (TCP).
 */
export const FIREWALLED = -700

/** Sends a packet along its route, in pieces where it is too long. Linux: ip_output, ip_mc_output. */
export function ipOutput(net: NetState, skb: SkBuff, route: Route): number {
  const { dev } = route
  skb.dev = dev
  if (route.type === RTN_BROADCAST || route.type === RTN_MULTICAST) loopBack(net, skb, route)
  // Not beyond this host.
  if (route.type === RTN_MULTICAST && ipTtl(skb.data, skb.nh) === 0) {
    kfreeSkb(skb)
    return 0
  }
  const verdict = nfHook(net, NF_IP_POST_ROUTING, skb, null, dev)
  if (verdict !== NF_ACCEPT) return refused(skb, verdict)
  if (skb.len <= route.mtu) return ipFinishOutput(net, skb, route)
  if ((ipFragOff(skb.data, skb.nh) & IP_DF) !== 0) {
    net.inet.ipMib.fragFails++
    kfreeSkb(skb)
    return EMSGSIZE
  }
  return ipFragment(net, skb, route, ipFinishOutput)
}

/** Packets to all reach the sender's own host too. Linux: dev_loopback_xmit. */
function loopBack(net: NetState, skb: SkBuff, route: Route): void {
  if ((route.dev.flags & IFF_LOOPBACK) !== 0) return
  const isGroup = isMulticast(route.dst)
  // To a group only where somebody here is in it, and the sender has not said no.
  if (isGroup && (!inGroup(route.dev, route.dst) || (skb.sk instanceof InetSock && !skb.sk.mcLoop))) return
  const copy = skbClone(skb)
  copy.pktType = PACKET_LOOPBACK
  copy.isChecked = true
  // As it is for all, it is for this host too.
  copy.dst = route
  netifRx(net, copy)
}

/** Finds the next hop's hardware address and hands the packet to the device. Linux: ip_finish_output2. */
export function ipFinishOutput(net: NetState, skb: SkBuff, route: Route): number {
  const { dev } = route
  if (dev.hardHeaderLen === 0 || (dev.flags & (IFF_LOOPBACK | IFF_NOARP)) !== 0) {
    if (dev.hardHeaderLen > 0) ethHeader(skb, dev.address, dev.address, ETH_P_IP)
    return devQueueXmit(net, skb)
  }
  const output = net.registry.linkOutputs.get(dev.type)
  if (output !== undefined) return output(net, skb, dev, route.gateway)
  kfreeSkb(skb)
  return ENETDOWN
}
