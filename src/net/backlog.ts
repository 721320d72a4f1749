/**
 * Packets that have come and wait to be looked at. Linux: netif_rx, net_bh (2.2), net_rx_action (2.4, 2.6).
 *
 * Whoever sends through the loopback device only queues; the packets are looked at when the outermost call of the
 * network is done with what it does, as the softirq that runs at the end of a locked section would. So a protocol
 * never meets its own packet inside one of its functions.
 */

import { netReceive } from './dev_input.js'
import { kfreeSkb, type SkBuff, skbDequeue, skbQueueTail } from './skbuff.js'
import type { NetState } from './state.js'

/** Packets that may wait. Linux: netdev_max_backlog, 300. */
const MAX_BACKLOG = 300

/** A device has received a packet. Linux: netif_rx. */
export function netifRx(net: NetState, skb: SkBuff): void {
  if (net.backlog.length > MAX_BACKLOG) {
    if (skb.dev !== null) skb.dev.stats.rxDropped++
    kfreeSkb(skb)
    return
  }
  if (net.k.hooked.has('skbReceive')) net.k.security.skbReceive(skb)
  skbQueueTail(net.backlog, skb)
}

/** Looks at what has come, and at what comes of that. Linux: net_bh. */
export function runBacklog(net: NetState): void {
  if (net.backlog.length === 0 || net.inBottomHalf) return
  net.inBottomHalf = true
  for (let skb = skbDequeue(net.backlog); skb !== null; skb = skbDequeue(net.backlog)) netReceive(net, skb)
  net.inBottomHalf = false
}
