/**
 * What is known by number: families, packet types, IP protocols, netfilter hooks: the network's own and those that
 * modules contribute. It is wiring, put together when first wanted after a kernel was made, copied or restored.
 */

import { AF_UNIX } from '../abi/socket.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { PacketType } from './dev_input.js'
import { type NetfilterHook, type NetfilterTable, netfilterTable } from './netfilter.js'
import type { NetFamily } from './sock.js'
import { unixFamily } from './unix/family.js'

/** The tables. */
export interface NetRegistry {
  /** Families of sockets by AF_*. */
  readonly families: ReadonlyMap<number, NetFamily>
  /** Who takes which frames, by ETH_P_*. */
  readonly packetTypes: ReadonlyMap<number, PacketType>
  /** Netfilter hooks by point. */
  readonly netfilter: NetfilterTable
}

/** Collects what the modules of `k` contribute. */
export function buildRegistry(k: KernelCore): NetRegistry {
  const hooks: NetfilterHook[] = []
  for (const { net } of k.contributions.values()) {
    if (net === undefined) continue
    hooks.push(...(net.netfilter ?? []))
  }
  return {
    families: new Map([[AF_UNIX, unixFamily]]),
    packetTypes: new Map(),
    netfilter: netfilterTable(hooks),
  }
}
