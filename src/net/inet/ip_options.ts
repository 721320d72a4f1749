/**
 * Options in the headers of packets that come in: what is wrong is told to the sender, routes and times are recorded.
 *
 * Linux: ip_options_compile, ip_options_fragment, net/ipv4/ip_options.c; ip_rcv_options (2.2.12, 2.6.14). Packets that
 * say their own way are dropped: accept_source_route is off unless an administrator turns it on, which cannot be done
 * here. Left out: options of packets that programs send, and of answers.
 */

import { type SkBuff, skbMakeWritable } from '../skbuff.js'
import type { NetState } from '../state.js'
import { inetAddrType } from './fib.js'
import { be32, IP_HLEN, ipHlen, ipSendCheck, put32 } from './ip.js'
import { RTN_UNICAST } from './route_types.js'

const OPT_END = 0
const OPT_NOOP = 1
const OPT_RECORD = 7
const OPT_TIMESTAMP = 68
const OPT_LOOSE = 131
const OPT_STRICT = 137
const OPT_ALERT = 148
/** Goes into every piece of a packet that is cut. */
const COPIED = 0x80
/** Kinds of timestamps: times; addresses and times; times of the hosts that are named. */
const TS_ONLY = 0
const TS_ADDRESS = 1
const TS_NAMED = 3

/** The packet says its own way. */
export const SOURCE_ROUTED = -1

/** Milliseconds since midnight, UT. */
function midnight({ k }: NetState): number {
  const day = 86_400_000
  return (((k.facts.epoch * 1000) % day) + Math.floor(k.state.now + k.state.clockOffset)) % day
}

/** Records an address: 0, or which byte of the option is wrong. */
function recordRoute(skb: SkBuff, at: number, length: number, own: number): number {
  if (length < 3) return 1
  const pointer = skb.data[at + 2] ?? 0
  if (pointer < 4) return 2
  if (pointer > length) return 0
  if (pointer + 3 > length) return 2
  skbMakeWritable(skb)
  put32(skb.data, at + pointer - 1, own)
  skb.data[at + 2] = pointer + 4
  return 0
}

/** Records a time: 0, or which byte of the option is wrong. */
function recordTime(net: NetState, skb: SkBuff, at: number, length: number, own: number): number {
  if (length < 4) return 1
  const pointer = skb.data[at + 2] ?? 0
  const kind = (skb.data[at + 3] ?? 0) & 15
  if (pointer < 5) return 2
  if (pointer > length) {
    // No room: this host is one more that could not say.
    const overflow = (skb.data[at + 3] ?? 0) >> 4
    if (overflow === 15) return 3
    skbMakeWritable(skb)
    skb.data[at + 3] = kind | ((overflow + 1) << 4)
    return 0
  }
  const size = kind === TS_ONLY ? 4 : kind === TS_ADDRESS || kind === TS_NAMED ? 8 : 0
  if (size === 0) return 0
  if (pointer + size - 1 > length) return 2
  const place = at + pointer - 1
  if (kind === TS_NAMED && inetAddrType(net, be32(skb.data, place)) === RTN_UNICAST) return 0
  skbMakeWritable(skb)
  if (kind === TS_ADDRESS) put32(skb.data, place, own)
  put32(skb.data, place + size - 4, midnight(net))
  skb.data[at + 2] = pointer + size
  return 0
}

/**
 * Does what the options of the packet at `skb.nh` ask for; `own` is this host's address on the packet's way. 0; which
 * byte of the header is wrong; SOURCE_ROUTED. Linux: ip_options_compile.
 */
export function inputOptions(net: NetState, skb: SkBuff, own: number): number {
  const { nh } = skb
  const end = nh + ipHlen(skb.data, nh)
  const seen = new Set<number>()
  let isRouted = false
  for (let at = nh + IP_HLEN; at < end; ) {
    const type = skb.data[at] ?? 0
    if (type === OPT_END) break
    if (type === OPT_NOOP) {
      at++
      continue
    }
    const length = skb.data[at + 1] ?? 0
    if (length < 2 || length > end - at) return at - nh
    const kind = type === OPT_STRICT ? OPT_LOOSE : type
    let wrong = 0
    if (kind === OPT_LOOSE || kind === OPT_RECORD || kind === OPT_TIMESTAMP) {
      if (seen.has(kind)) return at - nh
      seen.add(kind)
    }
    if (kind === OPT_LOOSE) {
      isRouted = true
      wrong = length < 3 ? 1 : (skb.data[at + 2] ?? 0) < 4 ? 2 : 0
    } else if (kind === OPT_RECORD) wrong = recordRoute(skb, at, length, own)
    else if (kind === OPT_TIMESTAMP) wrong = recordTime(net, skb, at, length, own)
    else if (kind === OPT_ALERT && length < 4) wrong = 1
    if (wrong !== 0) return at - nh + wrong
    at += length
  }
  if (seen.size > 0) ipSendCheck(skb.data, nh)
  return isRouted ? SOURCE_ROUTED : 0
}

/** Makes nothing of the options that only the first piece of a packet has. Linux: ip_options_fragment. */
export function laterOptions(data: Uint8Array, nh: number): void {
  const end = nh + ipHlen(data, nh)
  for (let at = nh + IP_HLEN; at < end; ) {
    const type = data[at] ?? 0
    if (type === OPT_END) return
    if (type === OPT_NOOP) {
      at++
      continue
    }
    const length = data[at + 1] ?? 0
    if (length < 2 || length > end - at) return
    if ((type & COPIED) === 0) data.fill(OPT_NOOP, at, at + length)
    at += length
  }
}
