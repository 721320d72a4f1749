/**
 * What the firewall writes to the kernel log. Linux: dump_packet, cleanup, net/ipv4/ip_fw.c; net_ratelimit,
 * net/core/utils.c (2.2.12).
 */

import { be16, ipFragOff, ipHlen, ipId, ipProtocol, ipTos, ipTotLen, ipTtl } from '../inet/ip.js'
import { formatIp } from '../sockaddr.js'
import type { NetState } from '../state.js'
import {
  type FirewallState,
  FW_ACCEPT,
  FW_BLOCK,
  FW_MASQUERADE,
  FW_QUEUE,
  FW_REDIRECT,
  FW_REJECT,
  FW_RETURN,
  FW_SKIP,
  type IpfwChain,
  type IpfwRule,
} from './state.js'

/** Names of targets. Linux: IP_FW_LABEL_*. */
const TARGETS: ReadonlyMap<number, string> = new Map([
  [FW_BLOCK, 'DENY'],
  [FW_ACCEPT, 'ACCEPT'],
  [FW_REJECT, 'REJECT'],
  [FW_REDIRECT, 'REDIRECT'],
  [FW_MASQUERADE, 'MASQ'],
  [FW_RETURN, 'RETURN'],
  [FW_QUEUE, 'QUEUE'],
])

const BY_NAME: ReadonlyMap<string, number> = new Map([...TARGETS].map(([fw, name]) => [name, fw]))

/** FW_* of a name, or undefined where it may be a chain's. Linux: find_special. */
export const specialTarget = (label: string): number | undefined =>
  label === '' ? FW_SKIP : BY_NAME.get(label)

/** A target as /proc and the log show it. Linux: branchname. */
export const targetName = (branch: IpfwChain | null, target: number): string =>
  branch !== null ? branch.label : target === FW_SKIP ? '-' : (TARGETS.get(target) ?? 'UNKNOWN')

const hex = (value: number, width: number): string => value.toString(16).toUpperCase().padStart(width, '0')

const address = (data: Uint8Array, at: number): string =>
  formatIp(be16(data, at) * 0x10000 + be16(data, at + 2))

/** A packet as the end of a line: `count` is the rule's number. */
function describe(
  data: Uint8Array,
  nh: number,
  ifname: string,
  sport: number,
  dport: number,
  count: number,
  isSyn: boolean,
): string {
  const source = `${address(data, nh + 12)}:${sport}`
  const destination = `${address(data, nh + 16)}:${dport}`
  const ids = `L=${ipTotLen(data, nh)} S=0x${hex(ipTos(data, nh), 2)} I=${ipId(data, nh)}`
  let text = `${ifname} PROTO=${ipProtocol(data, nh)} ${source} ${destination} ${ids}`
  text += ` F=0x${hex(ipFragOff(data, nh), 4)} T=${ipTtl(data, nh)}`
  // Options four bytes at a time, as an i386 reads them.
  for (let at = nh + 20; at < nh + ipHlen(data, nh); at += 4)
    text += ` O=0x${[3, 2, 1, 0].map((i) => hex(data[at + i] ?? 0, 2)).join('')}`
  return `${text} ${isSyn ? 'SYN ' : ''}(#${count})`
}

/** A packet has matched a rule with -l. */
export function logMatch(
  net: NetState,
  chain: IpfwChain,
  rule: IpfwRule,
  data: Uint8Array,
  nh: number,
  ifname: string,
  sport: number,
  dport: number,
  count: number,
  isSyn: boolean,
): void {
  const port = rule.branch === null && rule.target === FW_REDIRECT ? `${rule.redirpt} ` : ''
  const what = `${chain.label} ${targetName(rule.branch, rule.target)} ${port}`
  net.k.printk(`Packet log: ${what}${describe(data, nh, ifname, sport, dport, count, isSyn)}`)
}

/** Milliseconds that a message costs, and that can be saved for more. Linux: net_msg_cost, net_msg_burst. */
const COST = 5000
const BURST = 50_000

/** May another message about what strangers send be written? */
export function ratelimit(net: NetState, fw: FirewallState): boolean {
  const { now } = net.k.state
  fw.patience = Math.min(fw.patience + now - fw.patienceAt, BURST)
  fw.patienceAt = now
  if (fw.patience < COST) {
    fw.missed++
    return false
  }
  fw.patience -= COST
  if (fw.missed > 0) net.k.printk(`NET: ${fw.missed} messages suppressed.`)
  fw.missed = 0
  return true
}

/** A piece that would overwrite the flags of a TCP header. */
export function logSuspect(
  net: NetState,
  fw: FirewallState,
  data: Uint8Array,
  nh: number,
  ifname: string,
): void {
  if (!ratelimit(net, fw)) return
  net.k.printk('Suspect TCP fragment.')
  net.k.printk(describe(data, nh, ifname, 0, 0, 0, false))
}

/** A chain has been entered from itself. */
export function logLoop(net: NetState, branch: IpfwChain, from: IpfwChain): void {
  net.k.printk(`IP firewall: Loop detected at \`${branch.label}'.`)
  let trace = ''
  for (let chain: IpfwChain | null = from; chain !== null; chain = chain.prev)
    trace += chain.prev === null ? chain.label : `${chain.label}<-`
  net.k.printk(`Chain backtrace: ${trace}`)
}
