/**
 * The firewall's tables: chains of rules, and what is said of packets that no rule matches. Plain data. Linux: struct
 * ip_chain, struct ip_fwkernel, net/ipv4/ip_fw.c (2.2.12).
 */

import { MasqTable } from './masq_table.js'

/** What becomes of a packet. Linux: FW_*, include/linux/firewall.h. */
export const FW_QUEUE = 0
export const FW_BLOCK = 1
export const FW_ACCEPT = 2
export const FW_REJECT = -1
export const FW_REDIRECT = 3
export const FW_MASQUERADE = 4
/** On with the next rule. */
export const FW_SKIP = 5
/** Back to the chain from which this one was entered. */
export const FW_RETURN = 6

/** A rule. Addresses are signed 32-bit numbers, which engines keep in a word. Linux: struct ip_fwkernel. */
export class IpfwRule {
  src = 0
  smsk = 0
  dst = 0
  dmsk = 0
  /** IPPROTO_*; 0 for any. */
  proto = 0
  /** IP_FW_F_*. */
  flg = 0
  /** IP_FW_INV_*. */
  invflg = 0
  /** The lowest and the highest source port; of ICMP the type. */
  sptLow = 0
  sptHigh = 0xffff
  /** The same of the destination; of ICMP the code. */
  dptLow = 0
  dptHigh = 0xffff
  redirpt = 0
  outputsize = 0
  mark = 0
  tosand = 0xff
  tosxor = 0
  /** An interface, or how its name begins. */
  vianame = ''
  /** FW_*, where `branch` is null. */
  target = FW_SKIP
  /** The chain to enter. */
  branch: IpfwChain | null = null
  /** Packets that have matched. */
  packets = 0
  /** Their bytes. */
  bytes = 0
  /** The bytes that modules' fields came in. */
  extra: Uint8Array
  /** What modules have made of them, in the order of the extensions; null without extensions. */
  fields: unknown[] | null = null

  constructor(extra: Uint8Array) {
    this.extra = extra
  }
}

/** A chain. Linux: struct ip_chain. */
export class IpfwChain {
  label: string
  rules: IpfwRule[] = []
  /** Rules that enter it; one more for a built-in chain. */
  refcount: number
  /** FW_*; FW_SKIP for a chain of users'. */
  policy: number
  /** Packets that have come to its end. */
  packets = 0
  /** Their bytes. */
  bytes = 0
  /** While a packet is in it: the chain from which it was entered, and the rule to go on with there. */
  prev: IpfwChain | null = null
  prevAt = 0

  constructor(label: string, refcount: number, policy: number) {
    this.label = label
    this.refcount = refcount
    this.policy = policy
  }
}

/** The firewall of a kernel. */
export class FirewallState {
  /** What has come, before routing. */
  input = new IpfwChain('input', 1, FW_ACCEPT)
  /** What is sent on. */
  forward = new IpfwChain('forward', 1, FW_ACCEPT)
  /** What goes out. */
  output = new IpfwChain('output', 1, FW_ACCEPT)
  /** All chains by label, the built-in ones first. Linux: ip_fw_chains. */
  chains: Map<string, IpfwChain>
  /** Connections that are masqueraded. */
  masq = new MasqTable()
  /** May root bind to addresses of other hosts? Linux: CONFIG_IP_TRANSPARENT_PROXY. */
  isTransparent = false
  /** Has there ever been a socket in the name of another host? */
  hasForeign = false
  /** Messages about suspect packets that may still be written, in milliseconds of patience. Linux: net_ratelimit. */
  patience = 50_000
  /** When the last was asked for: milliseconds since boot. */
  patienceAt = 0
  /** Messages that were not written. */
  missed = 0

  constructor() {
    this.chains = new Map([this.input, this.forward, this.output].map((chain) => [chain.label, chain]))
  }

  /** Is it one of the three? */
  isBuiltin(chain: IpfwChain): boolean {
    return chain === this.input || chain === this.forward || chain === this.output
  }
}
