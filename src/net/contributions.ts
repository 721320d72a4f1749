/**
 * What modules can add to the network: the member `net` of their contributions. Types only.
 *
 * The network collects them when it first needs them after a kernel was made, copied or restored (registry.ts).
 */

import type { IpfwExtension } from './firewall/extension.js'
import type { RuleSelector } from './inet/fib_rules.js'
import type { NetfilterHook } from './netfilter.js'
import type { NetlinkProtocol } from './netlink/protocol.js'

/** What a module adds to the network. */
export interface NetContributions {
  /** Functions that see every IP packet at a point of its way and say what becomes of it. */
  readonly netfilter?: readonly NetfilterHook[]
  /** Further fields of rules of the firewall. */
  readonly firewall?: readonly IpfwExtension[]
  /** Selectors of policy rules. */
  readonly ruleSelectors?: readonly RuleSelector[]
  /** Protocols of AF_NETLINK: what the kernel does with messages to it. */
  readonly netlink?: readonly NetlinkProtocol[]
}
