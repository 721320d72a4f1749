/**
 * Putting packets together that came in pieces. Linux: ip_defrag, ip_frag_queue, ip_frag_reasm, ip_expire,
 * net/ipv4/ip_fragment.c (2.2.12, 2.6.14).
 */

import type { KernelCore } from '../../kernel/kernel.js'
import { runBacklog } from '../backlog.js'
import { kfreeSkb, type SkBuff, skbClone, skbReplaceData } from '../skbuff.js'
import type { NetState } from '../state.js'
import { FragPiece, FragQueue } from './frag_table.js'
import { ICMP_EXC_FRAGTIME, ICMP_TIME_EXCEEDED, icmpSend } from './icmp_send.js'
import {
  IP_MAX,
  IP_MF,
  IP_OFFSET,
  ipDaddr,
  ipFragOff,
  ipHlen,
  ipId,
  ipProtocol,
  ipSaddr,
  ipSendCheck,
  put16,
} from './ip.js'

const LL_ROOM = 16

/** Name of the timer that gives a packet in pieces up. */
export const FRAG_TIMER = 'net.ipfrag'

function dropQueue(net: NetState, queue: FragQueue): void {
  const { frags } = net.inet
  frags.queues.delete(queue.key)
  if (queue.timer !== null) net.k.state.timers.remove(queue.timer)
  for (const { skb } of queue.pieces) {
    frags.memory -= skb.truesize
    kfreeSkb(skb)
  }
  queue.pieces = []
}

/** Too much memory: the oldest packets go. Linux: ip_evictor. */
function evict(net: NetState): void {
  const { frags, ipMib } = net.inet
  if (frags.memory <= frags.highThreshold) return
  for (const queue of frags.queues.values()) {
    if (frags.memory <= frags.lowThreshold) return
    dropQueue(net, queue)
    ipMib.reasmFails++
  }
}

/** The time is over: the sender hears of it if the first piece is there. Linux: ip_expire. */
export function onFragTimer(_k: KernelCore, data: unknown): void {
  const { net, queue } = data as { readonly net: NetState; readonly queue: FragQueue }
  net.inet.ipMib.reasmTimeout++
  net.inet.ipMib.reasmFails++
  const first = queue.pieces[0]
  if (first !== undefined && first.offset === 0)
    icmpSend(net, first.skb, ICMP_TIME_EXCEEDED, ICMP_EXC_FRAGTIME, 0)
  queue.timer = null
  dropQueue(net, queue)
  runBacklog(net)
}

/**
 * Puts a piece in its place. Of bytes that have come twice those before it stay, and those after it give way. False:
 * it makes no sense, or brings nothing. Linux: ip_frag_queue.
 */
function insert(net: NetState, queue: FragQueue, skb: SkBuff): boolean {
  const { frags } = net.inet
  const { pieces } = queue
  const flags = ipFragOff(skb.data, skb.nh)
  const isLast = (flags & IP_MF) === 0
  let offset = (flags & IP_OFFSET) * 8
  let from = skb.nh + ipHlen(skb.data, skb.nh)
  let end = offset + skb.tail - from
  if (end > IP_MAX) return false
  const known = pieces.at(-1)
  const reached = known === undefined ? 0 : known.offset + known.size
  if (isLast) {
    if (end < reached || (queue.length >= 0 && queue.length !== end)) return false
    queue.length = end
  } else {
    // Only the last one may have an odd size.
    end -= end % 8
    if (queue.length >= 0 && end > queue.length) return false
  }
  if (end <= offset) return false
  let at = pieces.length
  while (at > 0 && (pieces[at - 1] as FragPiece).offset >= offset) at--
  const before = pieces[at - 1]
  if (before !== undefined && before.offset + before.size > offset) {
    const twice = before.offset + before.size - offset
    offset += twice
    from += twice
    if (end <= offset) return false
  }
  for (let next = pieces[at]; next !== undefined && next.offset < end; next = pieces[at]) {
    const twice = end - next.offset
    if (twice < next.size) {
      next.offset += twice
      next.from += twice
      next.size -= twice
      break
    }
    pieces.splice(at, 1)
    frags.memory -= next.skb.truesize
    kfreeSkb(next.skb)
  }
  pieces.splice(at, 0, new FragPiece(skb, offset, from, end - offset))
  frags.memory += skb.truesize
  return true
}

/** The whole packet, or null while there are holes. Linux: ip_frag_reasm. */
function assemble(net: NetState, queue: FragQueue): SkBuff | null {
  if (queue.length < 0) return null
  let expected = 0
  for (const { offset, size } of queue.pieces) {
    if (offset !== expected) return null
    expected += size
  }
  const first = queue.pieces[0]?.skb
  if (first === undefined || expected !== queue.length) return null
  const hlen = ipHlen(first.data, first.nh)
  const total = hlen + queue.length
  const { ipMib } = net.inet
  if (total > IP_MAX) {
    dropQueue(net, queue)
    ipMib.reasmFails++
    return null
  }
  const whole = skbClone(first)
  skbReplaceData(whole, new Uint8Array(LL_ROOM + total))
  whole.data.set(first.data.subarray(first.nh, first.nh + hlen), LL_ROOM)
  whole.head = LL_ROOM
  whole.nh = LL_ROOM
  whole.tail = LL_ROOM + total
  whole.truesize = whole.data.length
  for (const { skb, offset, from, size } of queue.pieces) {
    whole.data.set(skb.data.subarray(from, from + size), LL_ROOM + hlen + offset)
    if (!skb.isChecked) whole.isChecked = false
  }
  put16(whole.data, LL_ROOM + 2, total)
  put16(whole.data, LL_ROOM + 6, 0)
  ipSendCheck(whole.data, LL_ROOM)
  dropQueue(net, queue)
  ipMib.reasmOks++
  return whole
}

/** Takes a piece; the whole packet when it was the last one missing, else null. Linux: ip_defrag. */
export function ipDefrag(net: NetState, skb: SkBuff): SkBuff | null {
  const { frags, ipMib } = net.inet
  ipMib.reasmReqds++
  evict(net)
  const { data, nh } = skb
  const key = `${ipSaddr(data, nh)} ${ipDaddr(data, nh)} ${ipId(data, nh)} ${ipProtocol(data, nh)}`
  let queue = frags.queues.get(key)
  if (queue === undefined) {
    queue = new FragQueue(key)
    frags.queues.set(key, queue)
    queue.timer = net.k.addTimer(frags.timeoutMs, FRAG_TIMER, { net, queue })
  }
  if (!insert(net, queue, skb)) {
    kfreeSkb(skb)
    ipMib.reasmFails++
    // What costs no memory would not be counted.
    if (queue.pieces.length === 0) dropQueue(net, queue)
    return null
  }
  return assemble(net, queue)
}
