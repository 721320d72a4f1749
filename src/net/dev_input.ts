/**
 * Packets from devices to taps and protocols, by the type of the frame. Linux: netif_receive_skb, ptype_base,
 * net/core/dev.c.
 */

import { kfreeSkb, type SkBuff } from './skbuff.js'
import type { NetState } from './state.js'
import { tapPacket } from './taps.js'

/** Who takes frames of a type. Linux: struct packet_type. */
export interface PacketType {
  /** ETH_P_*, host order. */
  readonly type: number
  /** Takes the packet over. */
  receive(net: NetState, skb: SkBuff): void
}

/** A packet has come: `skb.head` is behind the link header, which is at `skb.mac`. Linux: netif_receive_skb. */
export function netReceive(net: NetState, skb: SkBuff): void {
  if (net.taps.length > 0) tapPacket(net, skb, false)
  const taker = net.registry.packetTypes.get(skb.protocol)
  if (taker === undefined) kfreeSkb(skb)
  else taker.receive(net, skb)
}
