/**
 * Routing tables and policy rules as data. Linux: struct fib_table, fn_zone, fib_node (net/ipv4/fib_hash.c), struct
 * fib_info, fib_nh (include/net/ip_fib.h), struct fib_rule (net/ipv4/fib_rules.c), 2.2.12.
 */

import type { NetDevice } from '../device.js'

/** Linux: RT_TABLE_*. */
export const RT_TABLE_UNSPEC = 0
export const RT_TABLE_DEFAULT = 253
export const RT_TABLE_MAIN = 254
export const RT_TABLE_LOCAL = 255
export const RT_TABLE_MAX = 255

/** Linux: RT_SCOPE_*. */
export const RT_SCOPE_UNIVERSE = 0
export const RT_SCOPE_SITE = 200
export const RT_SCOPE_LINK = 253
export const RT_SCOPE_HOST = 254
export const RT_SCOPE_NOWHERE = 255

/** Linux: RTPROT_*: who has made a route. */
export const RTPROT_UNSPEC = 0
export const RTPROT_REDIRECT = 1
export const RTPROT_KERNEL = 2
export const RTPROT_BOOT = 3
export const RTPROT_STATIC = 4

/** The next hop is on the link whatever the tables say. Linux: RTNH_F_ONLINK. */
export const RTNH_F_ONLINK = 4

/** 24 to 255.255.255.0, as an unsigned number. Linux: inet_make_mask. */
export const inetMakeMask = (prefix: number): number => (prefix === 0 ? 0 : (-1 << (32 - prefix)) >>> 0)

/** What a route says of the way. Never changed once made. Linux: struct fib_info with one struct fib_nh. */
export interface FibInfo {
  /** RTPROT_*. */
  readonly protocol: number
  /** The source for packets made here, 0 for none. */
  readonly prefsrc: number
  /** The metric: lower ones come first. */
  readonly priority: number
  /** The device to send through; null for routes that refuse. */
  readonly dev: NetDevice | null
  /** The gateway, 0 for none. */
  readonly gateway: number
  /** RT_SCOPE_* of the next hop. */
  readonly nhScope: number
  /** RTNH_F_ONLINK. */
  readonly nhFlags: number
}

/** A route. Linux: struct fib_node. */
export interface FibNode {
  /** The prefix. */
  readonly dst: number
  /** Its length. */
  readonly prefix: number
  /** TOS, 0 for any. */
  readonly tos: number
  /** RTN_*. */
  readonly type: number
  /** RT_SCOPE_*. */
  readonly scope: number
  readonly info: FibInfo
}

/** The routes of one prefix length: those of one prefix by falling TOS, then by rising metric. Linux: struct fn_zone. */
export class FibZone {
  /** Bits of the prefixes. */
  order: number
  /** Routes by prefix, which as a key is a signed number. */
  nodes = new Map<number, FibNode[]>()

  constructor(order: number) {
    this.order = order
  }
}

/** A routing table. Linux: struct fib_table. */
export class FibTable {
  /** 1 to 255. */
  id: number
  /** Prefix lengths that there are routes of, longest first. */
  zones: FibZone[] = []

  constructor(id: number) {
    this.id = id
  }
}

/** What a module's rule selector has made of its attribute. */
export interface RuleExtra {
  /** The number of the attribute: which selector. */
  readonly attribute: number
  /** What it wants, as the selector's `parse` has made it. */
  readonly value: number
}

/** A policy rule. Linux: struct fib_rule. */
export interface FibRule {
  /** Rules are asked in rising order. */
  readonly preference: number
  /** The table to look into. */
  readonly table: number
  /** RTN_*: RTN_UNICAST and RTN_NAT look into the table, others refuse. */
  readonly action: number
  /** Source prefix. */
  readonly src: number
  readonly srcLen: number
  /** Destination prefix. */
  readonly dst: number
  readonly dstLen: number
  /** NAT: addresses to put in place of the source. */
  readonly srcmap: number
  /** RTM_F_*. */
  readonly flags: number
  /** TOS, 0 for any. */
  readonly tos: number
  /** The firewall's mark, 0 for any. */
  readonly fwmark: number
  /** The name of the device that packets come in through, '' for any. */
  readonly ifname: string
  /** Its number, 0 for any; -1 while there is no such device. */
  readonly ifindex: number
  /** What modules' selectors want. */
  readonly extras: readonly RuleExtra[]
}

const ANY = {
  src: 0,
  srcLen: 0,
  dst: 0,
  dstLen: 0,
  srcmap: 0,
  flags: 0,
  tos: 0,
  fwmark: 0,
  ifname: '',
  ifindex: 0,
  extras: [],
} as const

/** A rule that matches everything. `action` RTN_*. */
export const plainRule = (preference: number, table: number, action: number): FibRule => ({
  ...ANY,
  preference,
  table,
  action,
})

/** All tables and rules. */
export class FibState {
  /** Tables by number. Table 255 and 254 are always there. */
  tables = new Map<number, FibTable>()
  /** By rising preference. */
  rules: FibRule[]
  /** Does the kernel have rules and tables besides local and main? Linux: CONFIG_IP_MULTIPLE_TABLES. */
  hasRules: boolean

  constructor(hasRules: boolean) {
    this.hasRules = hasRules
    this.tables.set(RT_TABLE_LOCAL, new FibTable(RT_TABLE_LOCAL))
    this.tables.set(RT_TABLE_MAIN, new FibTable(RT_TABLE_MAIN))
    const unicast = 1
    this.rules = [plainRule(0, RT_TABLE_LOCAL, unicast), plainRule(0x7ffe, RT_TABLE_MAIN, unicast)]
    if (hasRules) this.rules.push(plainRule(0x7fff, RT_TABLE_DEFAULT, unicast))
  }
}
