/**
 * Where the chains stand on a packet's way: input before routing, forward, output before the device. Linux: ip_rcv,
 * ip_local_deliver, ip_forward, ip_queue_xmit, ip_build_xmit (net/ipv4, 2.2.12).
 *
 * Deviation: a datagram made here that is too long for its route is looked at whole; 2.2 asks the output chain about
 * each of its pieces.
 */

import { isErr } from '../../abi/errno.js'
import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from '../../abi/socket.js'
import type { NetDevice } from '../device.js'
import { ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, ICMP_PORT_UNREACH, icmpSend } from '../inet/icmp_send.js'
import { be16, IP_OFFSET, ipDaddr, ipFragOff, ipHlen, ipProtocol, ipSaddr, ipTotLen } from '../inet/ip.js'
import { inputRoute, ipForward, unroutable } from '../inet/ip_input.js'
import type { InetSock } from '../inet/sock.js'
import { connectionFor } from '../inet/tcp_table.js'
import {
  type NetfilterHook,
  NF_ACCEPT,
  NF_DROP,
  NF_IP_FORWARD,
  NF_IP_LOCAL_IN,
  NF_IP_POST_ROUTING,
  NF_IP_PRE_ROUTING,
  NF_STOLEN,
  type NfVerdict,
} from '../netfilter.js'
import { IPSKB_FORWARDED, IPSKB_MASQUERADED, type SkBuff } from '../skbuff.js'
import type { NetState } from '../state.js'
import { ipFwCheck } from './check.js'
import { demasquerade, MASQ_DONE, MASQ_DROP, MASQ_PASSED, masqAddress, masquerade } from './masq.js'
import { isMasqError, masqIcmp } from './masq_icmp.js'
import { type FirewallState, FW_ACCEPT, FW_MASQUERADE, FW_REJECT, type IpfwChain } from './state.js'

/** What a chain says; one that is empty and lets all pass only counts. */
function ask(
  net: NetState,
  fw: FirewallState,
  chain: IpfwChain,
  skb: SkBuff,
  dev: NetDevice | null,
  point: number,
): number {
  const { data, nh } = skb
  if (chain.rules.length === 0 && chain.policy === FW_ACCEPT) {
    const isSuspect = ipProtocol(data, nh) === IPPROTO_TCP && (ipFragOff(data, nh) & IP_OFFSET) === 1
    if (!isSuspect) {
      chain.packets++
      chain.bytes += ipTotLen(data, nh)
      return FW_ACCEPT
    }
  }
  return ipFwCheck(net, fw, chain, data, nh, dev?.name ?? '', skb, point)
}

function refuse(net: NetState, skb: SkBuff, code: number): NfVerdict {
  icmpSend(net, skb, ICMP_DEST_UNREACH, code, 0)
  return NF_DROP
}

/** Has this host a socket in the name of whom the packet is for? Linux: ip_chksock, tcp_chkaddr, udp_chkaddr. */
function isForeign({ inet }: NetState, { data, nh, tail, routeKey }: SkBuff): boolean {
  const protocol = ipProtocol(data, nh)
  const th = nh + ipHlen(data, nh)
  if ((ipFragOff(data, nh) & IP_OFFSET) !== 0 || tail < th + 4) return false
  const daddr = ipDaddr(data, nh)
  const dport = be16(data, th + 2)
  const isOne = (sk: InetSock): boolean => sk.isForeign && sk.rcvSaddr === daddr
  if (protocol === IPPROTO_UDP) return inet.udp.byPort.get(dport)?.some(isOne) === true
  if (protocol !== IPPROTO_TCP) return false
  const known = connectionFor(inet.tcp, daddr, dport, ipSaddr(data, nh), be16(data, th), routeKey)
  return known !== null || inet.tcp.listeners.get(dport)?.some(isOne) === true
}

/** What has come. Only who could be answered, and could have been meant, hears of a refusal. Linux: ip_rcv. */
function input(net: NetState, skb: SkBuff, dev: NetDevice | null): NfVerdict {
  const fw = net.firewall
  if (fw === null) return NF_ACCEPT
  const result = ask(net, fw, fw.input, skb, dev, NF_IP_PRE_ROUTING)
  if (result >= FW_ACCEPT) {
    // What has been redirected once stays so, also when the rule is gone.
    if (fw.hasForeign && skb.redirport === 0 && isForeign(net, skb))
      skb.redirport = be16(skb.data, skb.nh + ipHlen(skb.data, skb.nh) + 2)
    return NF_ACCEPT
  }
  if (result !== FW_REJECT || isErr(inputRoute(net, skb))) return NF_DROP
  return refuse(net, skb, ICMP_PORT_UNREACH)
}

/** For this host: or for one that it hides. Linux: ip_local_deliver. */
function deliver(net: NetState, skb: SkBuff): NfVerdict {
  const fw = net.firewall
  if (fw === null || fw.masq.size === 0) return NF_ACCEPT
  const result = demasquerade(net, fw, skb)
  if (result === MASQ_PASSED) return NF_ACCEPT
  if (result === MASQ_DROP) return NF_DROP
  skb.ipFlags |= IPSKB_MASQUERADED
  skb.dst = null
  const route = inputRoute(net, skb)
  if (isErr(route)) {
    unroutable(net, skb, route)
    return NF_STOLEN
  }
  skb.dst = route
  ipForward(net, skb, route)
  return NF_STOLEN
}

/** For others. Answers to what was masqueraded, and errors about it, are not asked about. Linux: ip_forward. */
function forward(net: NetState, skb: SkBuff, _input: NetDevice | null, dev: NetDevice | null): NfVerdict {
  const fw = net.firewall
  if (fw === null || dev === null || (skb.ipFlags & IPSKB_MASQUERADED) !== 0) return NF_ACCEPT
  const { data, nh } = skb
  if (fw.masq.size > 0 && ipProtocol(data, nh) === IPPROTO_ICMP) {
    if (isMasqError(data[nh + ipHlen(data, nh)] ?? 0)) {
      const followed = masqIcmp(net, fw, skb, masqAddress(net, skb, dev))
      if (followed !== MASQ_PASSED) return followed === MASQ_DONE ? NF_ACCEPT : NF_DROP
    }
  }
  switch (ask(net, fw, fw.forward, skb, dev, NF_IP_FORWARD)) {
    case FW_ACCEPT:
      return NF_ACCEPT
    case FW_MASQUERADE:
      return masquerade(net, fw, skb, dev) === MASQ_DROP ? NF_DROP : NF_ACCEPT
    case FW_REJECT:
      return refuse(net, skb, ICMP_HOST_UNREACH)
    default:
      return NF_DROP
  }
}

/** What goes out, whoever made it. MASQ and REDIRECT let pass here. Linux: call_out_firewall. */
function output(net: NetState, skb: SkBuff, _input: NetDevice | null, dev: NetDevice | null): NfVerdict {
  const fw = net.firewall
  // Root can make up headers.
  if (fw === null || skb.len < 20 || ipHlen(skb.data, skb.nh) < 20) return NF_ACCEPT
  const result = ask(net, fw, fw.output, skb, dev, NF_IP_POST_ROUTING)
  if (result >= FW_ACCEPT) return NF_ACCEPT
  if (result !== FW_REJECT) return NF_DROP
  return refuse(net, skb, (skb.ipFlags & IPSKB_FORWARDED) !== 0 ? ICMP_HOST_UNREACH : ICMP_PORT_UNREACH)
}

/** Before modules' hooks: what is not for this host is not delivered to it. */
const FIRST = -100

/** The hooks of a kernel with a firewall. What the input chain redirects is delivered by ip_input.ts. */
export const firewallHooks: readonly NetfilterHook[] = Object.freeze([
  { point: NF_IP_PRE_ROUTING, priority: 0, hook: input },
  { point: NF_IP_LOCAL_IN, priority: FIRST, hook: deliver },
  { point: NF_IP_FORWARD, priority: 0, hook: forward },
  { point: NF_IP_POST_ROUTING, priority: 0, hook: output },
])
