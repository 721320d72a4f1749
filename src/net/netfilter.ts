/**
 * The points of a packet's way through IP at which others may look at it, and what they may say.
 *
 * Linux: include/linux/netfilter.h, net/core/netfilter.c (2.4, 2.6); 2.2's call_in_firewall, call_fw_firewall and
 * call_out_firewall stand at three of the five points. A hook may change the packet (its bytes too, if it takes a
 * copy of its own first where others see them), keep it (STOLEN), or have it dropped.
 */

import type { NetDevice } from './device.js'
import type { SkBuff } from './skbuff.js'
import type { NetState } from './state.js'

/** Received, before routing: 2.2's input chain. */
export const NF_IP_PRE_ROUTING = 0
/** For us, before the transport protocol. */
export const NF_IP_LOCAL_IN = 1
/** To be sent on: 2.2's forward chain. */
export const NF_IP_FORWARD = 2
/** Made here, after routing. */
export const NF_IP_LOCAL_OUT = 3
/** About to go to a device, whoever made it: 2.2's output chain. */
export const NF_IP_POST_ROUTING = 4
export const NF_IP_NUMHOOKS = 5

/** The packet is gone; the sender of a datagram made here is told EPERM. */
export const NF_DROP = 0
/** On with it. */
export const NF_ACCEPT = 1
/** The hook has it now. */
export const NF_STOLEN = 2
/** What a hook says of a packet. */
export type NfVerdict = typeof NF_DROP | typeof NF_ACCEPT | typeof NF_STOLEN

/** A function at a point. Linux: struct nf_hook_ops. */
export interface NetfilterHook {
  /** NF_IP_*. */
  readonly point: number
  /** Smaller ones see a packet first; equal ones in the order of modules. */
  readonly priority: number
  /** `skb.nh` is its IP header, `skb.head` too. */
  hook(net: NetState, skb: SkBuff, input: NetDevice | null, output: NetDevice | null): NfVerdict
}

/** Hooks by point, in order. */
export type NetfilterTable = readonly (readonly NetfilterHook[])[]

/** Sorts hooks into their points. */
export function netfilterTable(hooks: readonly NetfilterHook[]): NetfilterTable {
  const table: NetfilterHook[][] = Array.from({ length: NF_IP_NUMHOOKS }, () => [])
  for (const hook of hooks) {
    const list = table[hook.point]
    if (list === undefined)
      throw new TypeError(`a netfilter hook is for point ${hook.point}: 0 to 4 is wanted`)
    list.push(hook)
  }
  for (const list of table) list.sort((a, b) => a.priority - b.priority)
  return table
}

/** Asks the hooks of a point. Linux: nf_hook_slow. */
export function nfHook(
  net: NetState,
  point: number,
  skb: SkBuff,
  input: NetDevice | null,
  output: NetDevice | null,
): NfVerdict {
  const list = net.registry.netfilter[point] ?? []
  for (let i = 0; i < list.length; i++) {
    const verdict = list[i]?.hook(net, skb, input, output) ?? NF_ACCEPT
    if (verdict !== NF_ACCEPT) return verdict
  }
  return NF_ACCEPT
}
