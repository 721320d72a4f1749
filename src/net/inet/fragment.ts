/**
 * Cutting packets into pieces. Linux: ip_fragment, net/ipv4/ip_output.c (2.2.12, 2.6.14).
 */

import { kfreeSkb, SkBuff } from '../skbuff.js'
import type { NetState } from '../state.js'
import { IP_HLEN, IP_MF, IP_OFFSET, ipFragOff, ipHlen, ipSendCheck, put16 } from './ip.js'
import { laterOptions } from './ip_options.js'
import type { Route } from './route_types.js'

const LL_ROOM = 16

/** Cuts a packet into pieces that the route takes and sends each: 0, or the first Errno. Linux: ip_fragment. */
export function ipFragment(
  net: NetState,
  skb: SkBuff,
  route: Route,
  output: (net: NetState, skb: SkBuff, route: Route) => number,
): number {
  const { data, nh } = skb
  const hlen = ipHlen(data, nh)
  const room = (route.mtu - hlen) & ~7
  const total = skb.len - hlen
  const first = ipFragOff(data, nh)
  const offset0 = first & IP_OFFSET
  const more0 = (first & IP_MF) !== 0
  let failed = 0
  for (let at = 0; at < total && failed === 0; at += room) {
    const size = Math.min(room, total - at)
    const piece = new SkBuff(new Uint8Array(LL_ROOM + hlen + size), LL_ROOM, LL_ROOM + hlen + size)
    const isLast = at + size >= total
    piece.data.set(data.subarray(nh, nh + hlen), LL_ROOM)
    piece.data.set(data.subarray(nh + hlen + at, nh + hlen + at + size), LL_ROOM + hlen)
    if (at > 0 && hlen > IP_HLEN) laterOptions(piece.data, LL_ROOM)
    inherit(piece, skb)
    put16(piece.data, LL_ROOM + 2, hlen + size)
    put16(piece.data, LL_ROOM + 6, (offset0 + (at >> 3)) | (isLast && !more0 ? 0 : IP_MF))
    ipSendCheck(piece.data, LL_ROOM)
    net.inet.ipMib.fragCreates++
    failed = output(net, piece, route)
  }
  kfreeSkb(skb)
  if (failed === 0) net.inet.ipMib.fragOks++
  else net.inet.ipMib.fragFails++
  return failed
}

/** What a piece has of the whole. */
function inherit(piece: SkBuff, skb: SkBuff): void {
  piece.nh = piece.head
  piece.dev = skb.dev
  piece.protocol = skb.protocol
  piece.priority = skb.priority
  piece.mark = skb.mark
  piece.routeKey = skb.routeKey
  piece.dst = skb.dst
  piece.isChecked = skb.isChecked
  piece.security = skb.security === null ? null : skb.security.slice()
}
