/**
 * What is known by number: families, packet types, IP protocols, netfilter hooks: the network's own and those that
 * modules contribute. It is wiring, put together when first wanted after a kernel was made, copied or restored.
 */

import { ARPHRD_ETHER, ETH_P_ARP, ETH_P_IP } from '../abi/if.js'
import { NETLINK_FIREWALL, NETLINK_USERSOCK } from '../abi/netlink.js'
import { isAtLeast } from '../abi/profile.js'
import {
  AF_INET,
  AF_NETLINK,
  AF_PACKET,
  AF_UNIX,
  IPPROTO_ICMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  SOCK_PACKET,
} from '../abi/socket.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { PacketType } from './dev_input.js'
import type { NetDevice } from './device.js'
import { extensionBytes, type IpfwExtension } from './firewall/extension.js'
import { firewallHooks } from './firewall/hooks.js'
import { arpPacketType, arpResolveOutput } from './inet/arp.js'
import { inetFamily } from './inet/family.js'
import type { RuleSelector } from './inet/fib_rules.js'
import { icmpProtocol } from './inet/icmp.js'
import { ipPacketType } from './inet/ip_input.js'
import type { InetProtocol } from './inet/sock.js'
import { tcpProtocol } from './inet/tcp_input.js'
import { udpProtocol } from './inet/udp.js'
import { type NetfilterHook, type NetfilterTable, netfilterTable } from './netfilter.js'
import { netlinkFamily } from './netlink/family.js'
import type { NetlinkProtocol } from './netlink/protocol.js'
import { rtnetlinkProtocol, rtnetlinkProtocol26 } from './netlink/rtnetlink.js'
import { packetCreate, packetFamily } from './packet/family.js'
import type { SkBuff } from './skbuff.js'
import type { NetFamily } from './sock.js'
import type { NetState } from './state.js'
import { unixFamily } from './unix/family.js'

/** Sends a packet to a next hop on a link: 0 or an Errno, and the packet has been taken over. */
export type LinkOutput = (net: NetState, skb: SkBuff, dev: NetDevice, nexthop: number) => number

/** The tables. */
export interface NetRegistry {
  /** Families of sockets by AF_*. */
  readonly families: ReadonlyMap<number, NetFamily>
  /** Who takes which frames, by ETH_P_*. */
  readonly packetTypes: ReadonlyMap<number, PacketType>
  /** Who takes which IP packets, by IPPROTO_*. */
  readonly inetProtocols: ReadonlyMap<number, InetProtocol>
  /** How next hops are reached, by ARPHRD_*. */
  readonly linkOutputs: ReadonlyMap<number, LinkOutput>
  /** Netfilter hooks by point. */
  readonly netfilter: NetfilterTable
  /** What modules add to rules of the firewall, in the order of modules. */
  readonly firewall: readonly IpfwExtension[]
  /** Bytes that they add. */
  readonly firewallBytes: number
  /** Modules' selectors of policy rules, by attribute. */
  readonly ruleSelectors: ReadonlyMap<number, RuleSelector>
  /** Protocols of AF_NETLINK, by NETLINK_*. */
  readonly netlink: ReadonlyMap<number, NetlinkProtocol>
}

const FAMILIES: ReadonlyMap<number, NetFamily> = new Map([
  [AF_UNIX, unixFamily],
  [AF_INET, inetFamily],
])

/** What 2.0 has in place of AF_PACKET is a type of socket of AF_INET. */
const inetFamily20: NetFamily = Object.freeze({
  family: AF_INET,
  create: (current, net, sock, protocol) =>
    (sock.type === SOCK_PACKET ? packetCreate : inetFamily.create)(current, net, sock, protocol),
} satisfies NetFamily)

const FAMILIES_20: ReadonlyMap<number, NetFamily> = new Map([...FAMILIES, [AF_INET, inetFamily20]])

/** Since 2.2 programs talk to the kernel through sockets; 2.0 has devices for that. */
const FAMILIES_22: ReadonlyMap<number, NetFamily> = new Map([
  ...FAMILIES,
  [AF_NETLINK, netlinkFamily],
  [AF_PACKET, packetFamily],
])

const PACKET_TYPES: ReadonlyMap<number, PacketType> = new Map([
  [ETH_P_IP, ipPacketType],
  [ETH_P_ARP, arpPacketType],
])

const INET_PROTOCOLS: ReadonlyMap<number, InetProtocol> = new Map<number, InetProtocol>([
  [IPPROTO_ICMP, icmpProtocol],
  [IPPROTO_TCP, tcpProtocol],
  [IPPROTO_UDP, udpProtocol],
])

const LINK_OUTPUTS: ReadonlyMap<number, LinkOutput> = new Map([[ARPHRD_ETHER, arpResolveOutput]])

/** Collects what the modules of `k` contribute. */
export function buildRegistry(k: KernelCore, hasFirewall: boolean, hasUsersock: boolean): NetRegistry {
  const hooks: NetfilterHook[] = hasFirewall ? [...firewallHooks] : []
  const firewall: IpfwExtension[] = []
  const route = isAtLeast(k.facts.release, '2.6.14') ? rtnetlinkProtocol26 : rtnetlinkProtocol
  const netlink = new Map([[route.protocol, route]])
  if (hasFirewall) netlink.set(NETLINK_FIREWALL, { protocol: NETLINK_FIREWALL })
  if (hasUsersock) netlink.set(NETLINK_USERSOCK, { protocol: NETLINK_USERSOCK, nonrootSend: true })
  const ruleSelectors = new Map<number, RuleSelector>()
  for (const { net } of k.contributions.values()) {
    if (net === undefined) continue
    hooks.push(...(net.netfilter ?? []))
    firewall.push(...(net.firewall ?? []))
    for (const protocol of net.netlink ?? []) netlink.set(protocol.protocol, protocol)
    for (const selector of net.ruleSelectors ?? []) ruleSelectors.set(selector.attribute, selector)
  }
  return {
    families: k.facts.release === '2.0.35' ? FAMILIES_20 : FAMILIES_22,
    packetTypes: PACKET_TYPES,
    inetProtocols: INET_PROTOCOLS,
    linkOutputs: LINK_OUTPUTS,
    netfilter: netfilterTable(hooks),
    firewall,
    firewallBytes: extensionBytes(firewall),
    ruleSelectors,
    netlink,
  }
}
