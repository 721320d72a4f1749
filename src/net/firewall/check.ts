/**
 * Whether a packet matches, and what becomes of it. Linux: ip_rule_match, ip_fw_domatch, ip_fw_check,
 * net/ipv4/ip_fw.c (2.2.12).
 *
 * The first piece of a packet is looked at like a whole one. Further ones, and packets too short for their transport
 * header, match no rule that asks for ports or SYN. Nothing is allocated for a packet unless it is logged or copied.
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
import { NETLINK_FIREWALL } from '../../abi/netlink.js'
import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from '../../abi/socket.js'
import { putName } from '../../lib/ip_fw.js'
import { int32 } from '../../lib/nlmsg.js'
import { shouldFail } from '../../sim/faults.js'
import { be16, IP_OFFSET, ipFragOff, ipHlen, ipProtocol, ipSendCheck, ipTos, ipTotLen } from '../inet/ip.js'
import { NF_IP_PRE_ROUTING } from '../netfilter.js'
import { netlinkBroadcastMask } from '../netlink/deliver.js'
import { type SkBuff, skbMakeWritable } from '../skbuff.js'
import type { NetState } from '../state.js'
import type { IpfwExtension } from './extension.js'
import { logLoop, logMatch, logSuspect, ratelimit } from './log.js'
import {
  type FirewallState,
  FW_BLOCK,
  FW_REDIRECT,
  FW_REJECT,
  FW_RETURN,
  FW_SKIP,
  type IpfwChain,
  type IpfwRule,
} from './state.js'

/** Nothing has been said yet. Linux: FW_SKIP+2. */
const UNDECIDED = 7

/** Four bytes of a header as a signed number. */
const word = (data: Uint8Array, at: number): number =>
  ((data[at] ?? 0) << 24) | ((data[at + 1] ?? 0) << 16) | ((data[at + 2] ?? 0) << 8) | (data[at + 3] ?? 0)

/** Is a port in a range? What has no ports is only in the whole range. Linux: port_match. */
function portMatches(low: number, high: number, port: number, isFrag: boolean, isInverse: boolean): boolean {
  if (isFrag) return low === 0 && high === 0xffff
  return (port >= low && port <= high) !== isInverse
}

/** Linux: ip_rule_match. */
function ruleMatches(
  rule: IpfwRule,
  saddr: number,
  daddr: number,
  proto: number,
  sport: number,
  dport: number,
  ifname: string,
  isSyn: boolean,
  isFrag: boolean,
): boolean {
  const { flg, invflg } = rule
  if (((saddr & rule.smsk) !== rule.src) !== ((invflg & IP_FW_INV_SRCIP) !== 0)) return false
  if (((daddr & rule.dmsk) !== rule.dst) !== ((invflg & IP_FW_INV_DSTIP) !== 0)) return false
  const { vianame } = rule
  const isOther =
    (flg & IP_FW_F_WILDIF) !== 0 ? vianame !== '' && !ifname.startsWith(vianame) : ifname !== vianame
  if (isOther !== ((invflg & IP_FW_INV_VIA) !== 0)) return false
  if (((flg & IP_FW_F_FRAG) !== 0 && !isFrag) !== ((invflg & IP_FW_INV_FRAG) !== 0)) return false
  if (((flg & IP_FW_F_TCPSYN) !== 0 && !isSyn) !== ((invflg & IP_FW_INV_SYN) !== 0)) return false
  if (isFrag && (flg & IP_FW_F_TCPSYN) !== 0) return false
  if (rule.proto === 0) return true
  if ((proto !== rule.proto) !== ((invflg & IP_FW_INV_PROTO) !== 0)) return false
  return (
    portMatches(rule.sptLow, rule.sptHigh, sport, isFrag, (invflg & IP_FW_INV_SRCPT) !== 0) &&
    portMatches(rule.dptLow, rule.dptHigh, dport, isFrag, (invflg & IP_FW_INV_DSTPT) !== 0)
  )
}

/** Do the modules' fields match too? */
function fieldsMatch(
  net: NetState,
  extensions: readonly IpfwExtension[],
  fields: readonly unknown[],
  skb: SkBuff,
  point: number,
): boolean {
  for (let i = 0; i < extensions.length; i++)
    if (extensions[i]?.matches?.(net, fields[i], skb, point) === false) return false
  return true
}

/** Copies a packet to who listens to NETLINK_FIREWALL: its size, its mark, the interface, and its beginning. */
function copyOut(net: NetState, fw: FirewallState, rule: IpfwRule, skb: SkBuff, ifname: string): boolean {
  if (shouldFail(net.k, 'alloc:skb')) {
    if (ratelimit(net, fw)) net.k.printk('ip_fw: packet drop due to netlink failure')
    return false
  }
  const size = Math.min(rule.outputsize, ipTotLen(skb.data, skb.nh))
  const message = new Uint8Array(24 + size)
  message.set(int32(message.length))
  message.set(int32(skb.mark), 4)
  putName(message, 8, ifname, 15)
  message.set(skb.data.subarray(skb.nh, skb.nh + size), 24)
  netlinkBroadcastMask(net, NETLINK_FIREWALL, -1, message)
  return true
}

/** A rule has matched: counts, TOS, mark, modules, copies. False: the packet is to be dropped. Linux: ip_fw_domatch. */
function matched(
  net: NetState,
  fw: FirewallState,
  extensions: readonly IpfwExtension[],
  rule: IpfwRule,
  skb: SkBuff,
  ifname: string,
  point: number,
): boolean {
  rule.packets++
  rule.bytes += ipTotLen(skb.data, skb.nh)
  const tos = ipTos(skb.data, skb.nh)
  const changed = (tos & rule.tosand) ^ rule.tosxor
  if (changed !== tos) {
    // Others may see the same bytes.
    skbMakeWritable(skb)
    skb.data[skb.nh + 1] = changed
  }
  if ((rule.flg & IP_FW_F_MARKABS) !== 0) skb.mark = rule.mark
  else if (rule.mark !== 0) skb.mark = (skb.mark + rule.mark) >>> 0
  let goesOn = true
  if (rule.fields !== null) {
    for (let i = 0; i < extensions.length; i++) {
      extensions[i]?.apply?.(net, rule.fields[i], skb, point)
      if (extensions[i]?.permits?.(net, rule.fields[i], skb, point) === false) goesOn = false
    }
  }
  if (!goesOn) return false
  return (rule.flg & IP_FW_F_NETLINK) === 0 || copyOut(net, fw, rule, skb, ifname)
}

/** The packet leaves all chains. Linux: cleanup. */
function leave(from: IpfwChain): void {
  let chain: IpfwChain | null = from
  while (chain !== null) {
    const { prev }: { prev: IpfwChain | null } = chain
    chain.prev = null
    chain.prevAt = 0
    chain = prev
  }
}

/** Bytes of a transport header that are looked at. */
function headerBytes(proto: number): number {
  if (proto === IPPROTO_TCP) return 16
  return proto === IPPROTO_UDP || proto === IPPROTO_ICMP ? 8 : 0
}

/**
 * What becomes of a packet in a chain: FW_*. Its IP header is at `nh` of `data`. Without `skb` it is only a question
 * (IP_FW_CHECK): nothing counts, modules are not asked, FW_RETURN is a loop, FW_SKIP the end of a user's chain.
 * Linux: ip_fw_check.
 */
export function ipFwCheck(
  net: NetState,
  fw: FirewallState,
  start: IpfwChain,
  data: Uint8Array,
  nh: number,
  ifname: string,
  skb: SkBuff | null,
  point: number,
): number {
  const proto = ipProtocol(data, nh)
  const offset = ipFragOff(data, nh) & IP_OFFSET
  if (offset === 1 && proto === IPPROTO_TCP) {
    if (skb !== null) logSuspect(net, fw, data, nh, ifname)
    return FW_BLOCK
  }
  const th = nh + ipHlen(data, nh)
  const isFrag = offset !== 0 || ipTotLen(data, nh) < th - nh + headerBytes(proto)
  const saddr = word(data, nh + 12)
  const daddr = word(data, nh + 16)
  let sport = 0xffff
  let dport = 0xffff
  let isSyn = false
  if (!isFrag) {
    if (proto === IPPROTO_ICMP) {
      sport = data[th] ?? 0
      dport = data[th + 1] ?? 0
    } else if (proto === IPPROTO_TCP || proto === IPPROTO_UDP) {
      sport = be16(data, th)
      dport = be16(data, th + 2)
      // SYN without ACK and RST.
      isSyn = proto === IPPROTO_TCP && ((data[th + 13] ?? 0) & 0x16) === 0x02
    }
  }
  const extensions = net.registry.firewall
  const tos = ipTos(data, nh)
  let chain = start
  let at = 0
  let result = UNDECIDED
  do {
    const { rules } = chain
    let rule: IpfwRule | null = null
    for (; at < rules.length; at++) {
      const candidate = rules[at] as IpfwRule
      if (!ruleMatches(candidate, saddr, daddr, proto, sport, dport, ifname, isSyn, isFrag)) continue
      const { fields } = candidate
      if (fields !== null && skb !== null && !fieldsMatch(net, extensions, fields, skb, point)) continue
      rule = candidate
      break
    }
    if (rule !== null && skb !== null) {
      if ((rule.flg & IP_FW_F_PRN) !== 0)
        logMatch(net, chain, rule, skb.data, nh, ifname, sport, dport, at + 1, isSyn)
      if (!matched(net, fw, extensions, rule, skb, ifname, point)) {
        leave(chain)
        result = FW_BLOCK
        break
      }
    }
    if (rule !== null && rule.branch !== null) {
      const { branch } = rule
      if (branch.prev !== null) {
        if (skb !== null) logLoop(net, branch, chain)
        leave(chain)
        result = skb !== null ? FW_BLOCK : FW_RETURN
      } else {
        branch.prev = chain
        branch.prevAt = at + 1
        chain = branch
        at = 0
      }
    } else if (rule !== null && rule.target === FW_SKIP) {
      at++
    } else if (rule !== null && rule.target !== FW_RETURN) {
      leave(chain)
      result = rule.target
      if (result === FW_REDIRECT && skb !== null && point === NF_IP_PRE_ROUTING)
        skb.redirport = rule.redirpt === 0 ? dport : rule.redirpt
    } else {
      const outer: IpfwChain | null = chain.prev
      if (outer !== null) {
        at = chain.prevAt
        chain.prev = null
        chain.prevAt = 0
        chain = outer
      } else {
        result = chain.policy
        if (skb !== null) {
          chain.packets++
          chain.bytes += ipTotLen(data, nh)
        }
      }
    }
  } while (result === UNDECIDED)
  if (skb !== null && ipTos(skb.data, nh) !== tos && result !== FW_REJECT && result !== FW_BLOCK)
    ipSendCheck(skb.data, nh)
  return result
}
