/**
 * Packets and messages on their way, and queues of them. Linux: struct sk_buff, struct sk_buff_head
 * (include/linux/skbuff.h).
 *
 * Bytes are `data[head..tail)`. A layer moves `head` over its header on the way in and back on the way out, and keeps
 * where headers begin in `mac`, `nh` and `h`. Two buffers may share one array of bytes (a clone); who wants to change
 * a packet that somebody else may see makes a copy. Arrays are never views of others: copies of a kernel would part
 * them.
 *
 * A buffer that counts against a socket's memory says so in `charged`; `kfreeSkb` gives it back.
 */

import type { NetDevice } from './device.js'
import type { Sock } from './sock.js'

/** What a buffer costs beside its bytes: with 2.2's and 2.6's struct sk_buff about this. */
export const SKB_OVERHEAD = 160

/** A frame to this host. Linux: PACKET_*, include/linux/if_packet.h. */
export const PACKET_HOST = 0
/** To all. */
export const PACKET_BROADCAST = 1
/** To a group. */
export const PACKET_MULTICAST = 2
/** To somebody else. */
export const PACKET_OTHERHOST = 3
/** From this host, as captures see it. */
export const PACKET_OUTGOING = 4
/** To all or to a group, looped back. */
export const PACKET_LOOPBACK = 5

/** Bits of `ipFlags`: an answer to a masqueraded packet; not made here. Linux: struct inet_skb_parm. */
export const IPSKB_MASQUERADED = 1
export const IPSKB_FORWARDED = 4

/** One packet or message. Linux: struct sk_buff. */
export class SkBuff {
  /** The bytes; never a view of another array. */
  data: Uint8Array
  /** Where the current layer begins. */
  head: number
  /** Where the packet ends. */
  tail: number
  /** Where the link header begins; -1 where there is none. */
  mac = -1
  /** Where the IP header begins; -1 where there is none. */
  nh = -1
  /** Where the transport header begins; -1 where there is none. */
  h = -1
  /** The device it came through or goes out of. */
  dev: NetDevice | null = null
  /** ETH_P_*, host order. */
  protocol = 0
  /** PACKET_*. */
  pktType = PACKET_HOST
  /** The socket that sent it, or that it was delivered to. */
  sk: Sock | null = null
  /** Against which of the socket's counts it goes: none, wmem, rmem. */
  charged: '' | 'send' | 'receive' = ''
  /** Bytes that it costs. */
  truesize: number
  /** Has the checksum been found right, or does it need none? */
  isChecked = false
  /** When it came: milliseconds since boot; -1 while nobody has asked for it. */
  stamp = -1
  /** SO_PRIORITY of the sender. */
  priority = 0
  /** The firewall's mark. Linux: nfmark, fwmark. */
  mark = 0
  /** What a module adds to the key of route lookups: see Flow. */
  routeKey = 0
  /** IPSKB_*. */
  ipFlags = 0
  /** The local port that the firewall sends it to, whoever it is for; 0 for none. */
  redirport = 0
  /** The route. Linux: dst. */
  dst: object | null = null
  /** The layer's own notes: plain data. Linux: cb. */
  cb: unknown = null
  /** Modules' slots; see Blob. */
  security: unknown[] | null = null
  /** @internal The queue's links. */
  next: SkBuff | null = null
  /** @internal */
  prev: SkBuff | null = null
  /** @internal */
  list: SkbQueue | null = null

  constructor(data: Uint8Array, head: number, tail: number) {
    this.data = data
    this.head = head
    this.tail = tail
    this.truesize = data.length + SKB_OVERHEAD
  }

  /** Bytes from `head` on. */
  get len(): number {
    return this.tail - this.head
  }
}

/** A queue of buffers. Linux: struct sk_buff_head. */
export class SkbQueue {
  /** The oldest. */
  head: SkBuff | null = null
  /** The youngest. */
  tail: SkBuff | null = null
  /** How many. */
  length = 0
}

/** Linux: skb_queue_tail. */
export function skbQueueTail(queue: SkbQueue, skb: SkBuff): void {
  skb.list = queue
  skb.next = null
  skb.prev = queue.tail
  if (queue.tail === null) queue.head = skb
  else queue.tail.next = skb
  queue.tail = skb
  queue.length++
}

/** Linux: skb_queue_head. */
export function skbQueueHead(queue: SkbQueue, skb: SkBuff): void {
  skb.list = queue
  skb.prev = null
  skb.next = queue.head
  if (queue.head === null) queue.tail = skb
  else queue.head.prev = skb
  queue.head = skb
  queue.length++
}

/** Puts `skb` in front of `before`, which is in the queue. Linux: skb_insert. */
export function skbInsertBefore(queue: SkbQueue, before: SkBuff, skb: SkBuff): void {
  skb.list = queue
  skb.next = before
  skb.prev = before.prev
  if (before.prev === null) queue.head = skb
  else before.prev.next = skb
  before.prev = skb
  queue.length++
}

/** Takes a buffer out of its queue. Linux: skb_unlink. */
export function skbUnlink(skb: SkBuff): void {
  const queue = skb.list
  if (queue === null) return
  if (skb.prev === null) queue.head = skb.next
  else skb.prev.next = skb.next
  if (skb.next === null) queue.tail = skb.prev
  else skb.next.prev = skb.prev
  skb.next = null
  skb.prev = null
  skb.list = null
  queue.length--
}

/** The oldest, taken out; null where there is none. Linux: skb_dequeue. */
export function skbDequeue(queue: SkbQueue): SkBuff | null {
  const skb = queue.head
  if (skb !== null) skbUnlink(skb)
  return skb
}

/** A second buffer over the same bytes, charged to nobody. Linux: skb_clone. */
export function skbClone(skb: SkBuff): SkBuff {
  const clone = new SkBuff(skb.data, skb.head, skb.tail)
  clone.mac = skb.mac
  clone.nh = skb.nh
  clone.h = skb.h
  clone.dev = skb.dev
  clone.protocol = skb.protocol
  clone.pktType = skb.pktType
  clone.isChecked = skb.isChecked
  clone.stamp = skb.stamp
  clone.priority = skb.priority
  clone.mark = skb.mark
  clone.routeKey = skb.routeKey
  clone.ipFlags = skb.ipFlags
  clone.redirport = skb.redirport
  clone.dst = skb.dst
  clone.cb = skb.cb
  clone.security = skb.security === null ? null : skb.security.slice()
  return clone
}

/** As skbClone, with bytes of its own. Linux: skb_copy. */
export function skbCopy(skb: SkBuff): SkBuff {
  const copy = skbClone(skb)
  copy.data = skb.data.slice()
  return copy
}

/** Counts the buffer against what its sender may have under way. Linux: skb_set_owner_w. */
export function skbSetOwnerW(skb: SkBuff, sk: Sock): void {
  skb.sk = sk
  skb.charged = 'send'
  sk.wmem += skb.truesize
  if (sk.net.k.hooked.has('skbSend')) sk.net.k.security.skbSend(sk, skb)
}

/** Counts the buffer against what its receiver may have waiting. Linux: skb_set_owner_r. */
export function skbSetOwnerR(skb: SkBuff, sk: Sock): void {
  skb.sk = sk
  skb.charged = 'receive'
  sk.rmem += skb.truesize
}

/** Gives back what the buffer counts for; the socket's writers may go on. Linux: skb_orphan. */
export function skbOrphan(skb: SkBuff): void {
  const { sk, charged } = skb
  skb.charged = ''
  if (sk === null) return
  if (charged === 'send') {
    sk.wmem -= skb.truesize
    sk.ops.writeSpace(sk)
  } else if (charged === 'receive') {
    sk.rmem -= skb.truesize
  }
  skb.sk = null
}

/** The buffer is no longer wanted. Linux: kfree_skb. */
export const kfreeSkb = (skb: SkBuff): void => skbOrphan(skb)
