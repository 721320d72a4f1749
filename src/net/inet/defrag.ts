/**
 * Putting packets together that came in pieces. Linux: ip_defrag, ip_frag_queue, ip_frag_reasm, ip_expire,
 * net/ipv4/ip_fragment.c (2.2.12, 2.6.14).
 */

import type { KernelCore } from '../../kernel/kernel.js'
import { runBacklog } from '../backlog.js'
import { kfreeSkb, type SkBuff, skbClone, skbReplaceData } from '../skbuff.js'
import type { NetState } from '../state.js'
import { FragQueue } from './frag_table.js'
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

interface Place {
  readonly offset: number
  readonly size: number
}

const placeOf = ({ data, nh, tail }: SkBuff): Place => {
  const start = nh + ipHlen(data, nh)
  return { offset: (ipFragOff(data, nh) & IP_OFFSET) * 8, size: tail - start }
}

function dropQueue(net: NetState, queue: FragQueue): void {
  const { frags } = net.inet
  frags.queues.delete(queue.key)
  if (queue.timer !== null) net.k.state.timers.remove(queue.timer)
  for (const piece of queue.pieces) {
    frags.memory -= piece.truesize
    kfreeSkb(piece)
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
  if (first !== undefined && placeOf(first).offset === 0)
    icmpSend(net, first, ICMP_TIME_EXCEEDED, ICMP_EXC_FRAGTIME, 0)
  queue.timer = null
  dropQueue(net, queue)
  runBacklog(net)
}

/** Puts a piece in its place; what overlaps gives way. False: it makes no sense. Linux: ip_frag_queue. */
function insert(net: NetState, queue: FragQueue, skb: SkBuff): boolean {
  const { offset, size } = placeOf(skb)
  const isLast = (ipFragOff(skb.data, skb.nh) & IP_MF) === 0
  const end = offset + size
  if (isLast) {
    if (queue.length >= 0 && queue.length !== end) return false
    if (queue.pieces.some((piece) => placeOf(piece).offset + placeOf(piece).size > end)) return false
    queue.length = end
  } else if (size % 8 !== 0 || (queue.length >= 0 && end > queue.length)) return false
  if (size === 0) return false
  const { pieces } = queue
  let at = 0
  while (at < pieces.length && placeOf(pieces[at] as SkBuff).offset <= offset) at++
  const before = pieces[at - 1]
  if (before !== undefined) {
    const place = placeOf(before)
    // What has come before stays; a copy, or all that overlaps, is passed over.
    if (place.offset + place.size > offset) return place.offset <= offset && place.offset + place.size >= end
  }
  const after = pieces[at]
  if (after !== undefined && placeOf(after).offset < end) return false
  pieces.splice(at, 0, skb)
  net.inet.frags.memory += skb.truesize
  return true
}

/** The whole packet, or null while there are holes. Linux: ip_frag_reasm. */
function assemble(net: NetState, queue: FragQueue): SkBuff | null {
  if (queue.length < 0) return null
  let expected = 0
  for (const piece of queue.pieces) {
    const { offset, size } = placeOf(piece)
    if (offset !== expected) return null
    expected += size
  }
  const first = queue.pieces[0]
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
  for (const piece of queue.pieces) {
    const { offset, size } = placeOf(piece)
    whole.data.set(piece.data.subarray(piece.tail - size, piece.tail), LL_ROOM + hlen + offset)
    if (!piece.isChecked) whole.isChecked = false
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
  const { offset, size } = placeOf(skb)
  if (offset + size > IP_MAX || !insert(net, queue, skb)) {
    kfreeSkb(skb)
    ipMib.reasmFails++
    // What costs no memory would not be counted.
    if (queue.pieces.length === 0) dropQueue(net, queue)
    return null
  }
  return assemble(net, queue)
}
