/**
 * Packets to devices. Linux: dev_queue_xmit, dev_queue_xmit_nit, net/core/dev.c.
 */

import { ENETDOWN } from '../abi/errno.js'
import { IFF_UP } from '../abi/if.js'
import { kfreeSkb, type SkBuff } from './skbuff.js'
import type { NetState } from './state.js'
import { tapPacket } from './taps.js'

/** Sends a packet with its link header through `skb.dev`: 0, or an Errno and the packet is gone. */
export function devQueueXmit(net: NetState, skb: SkBuff): number {
  const { dev } = skb
  if (dev === null || (dev.flags & IFF_UP) === 0) {
    kfreeSkb(skb)
    return ENETDOWN
  }
  if (net.taps.length > 0) tapPacket(net, skb, true)
  return dev.ops.hardStartXmit(net, dev, skb)
}
