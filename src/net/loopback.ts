/**
 * The loopback device: what goes out comes in. Linux: loopback_xmit, drivers/net/loopback.c (2.2.12, 2.6.14).
 */

import { netifRx } from './backlog.js'
import type { DeviceOps } from './device.js'
import { skbOrphan } from './skbuff.js'

/** Linux: loopback_dev. */
export const loopbackOps: DeviceOps = Object.freeze({
  name: 'loopback',
  hardStartXmit(net, dev, skb) {
    const { stats } = dev
    skbOrphan(skb)
    if (skb.len < dev.hardHeaderLen) {
      stats.rxErrors++
      stats.rxLengthErrors++
      return 0
    }
    stats.txPackets++
    stats.txBytes += skb.len
    stats.rxPackets++
    stats.rxBytes += skb.len
    skb.head += dev.hardHeaderLen
    skb.dev = dev
    // Nobody can have changed it on the way.
    skb.isChecked = true
    netifRx(net, skb)
    return 0
  },
} satisfies DeviceOps)
