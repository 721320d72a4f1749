/**
 * Taps: who gets a copy of every packet that goes through a device, in both directions: sockets of AF_PACKET,
 * captures. Linux: ptype_all, dev_queue_xmit_nit, net/core/dev.c.
 */

import { ETH_P_ALL } from '../abi/if.js'
import { PACKET_OUTGOING, type SkBuff, skbClone } from './skbuff.js'
import type { NetState } from './state.js'

/** What a kind of tap does: a frozen constant. */
export interface TapOps {
  /** Names the table: 'packet'. */
  readonly name: string
  /**
   * Takes the copy over. `skb.mac` is the link header; `skb.head` is there on the way out, behind it on the way in.
   */
  receive(net: NetState, tap: Tap, skb: SkBuff): void
}

/** One tap: plain data. */
export interface Tap {
  readonly ops: TapOps
  /** Only this device; 0 for all. */
  readonly ifindex: number
  /** Only frames of this type; ETH_P_ALL for all, and only then what goes out. */
  readonly protocol: number
  /** Whose it is. */
  readonly data: unknown
}

/** Gives every tap that wants it a copy. */
export function tapPacket(net: NetState, skb: SkBuff, isOutgoing: boolean): void {
  for (const tap of net.taps) {
    if (tap.ifindex !== 0 && tap.ifindex !== skb.dev?.ifindex) continue
    if (tap.protocol !== ETH_P_ALL && (isOutgoing || tap.protocol !== skb.protocol)) continue
    // Nobody hears what it has sent itself.
    if (isOutgoing && skb.sk !== null && tap.data === skb.sk) continue
    const copy = skbClone(skb)
    copy.stamp = net.k.state.now
    if (isOutgoing) {
      copy.mac = skb.head
      copy.pktType = PACKET_OUTGOING
    }
    tap.ops.receive(net, tap, copy)
  }
}
