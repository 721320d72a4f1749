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

/** Bytes, and how many buffers share them. Linux: struct skb_shared_info, dataref. */
export class SkbData {
  /** Where the bytes go when nobody has them any more is wiring. */
  static readonly transient: readonly string[] = ['pool']
  static readonly transientDefault = null

  readonly bytes: Uint8Array
  users = 1
  /** @internal */
  pool: SkbPool | null

  constructor(size: number, pool: SkbPool) {
    this.bytes = new Uint8Array(size)
    this.pool = pool
  }
}

/** Bytes that a pool keeps at most. */
const POOL_BYTES = 4 << 20

/**
 * Arrays that packets have had and that new ones of just the same length get: an array costs more than what is done
 * with it. Not part of a kernel's state; what is in the arrays does not count.
 */
export class SkbPool {
  private readonly byLength = new Map<number, SkbData[]>()
  private held = 0
  private lastLength = -1
  private last: SkbData[] = []

  /** The arrays of a length. */
  private of(length: number): SkbData[] {
    if (length === this.lastLength) return this.last
    let list = this.byLength.get(length)
    if (list === undefined) {
      list = []
      this.byLength.set(length, list)
    }
    this.lastLength = length
    this.last = list
    return list
  }

  /** An array of `length` bytes, of which the first `clear` are 0; the others are to be written. */
  take(length: number, clear: number): SkbData {
    const data = this.of(length).pop()
    if (data === undefined) return new SkbData(length, this)
    this.held -= length
    data.users = 1
    data.bytes.fill(0, 0, clear)
    return data
  }

  /** Nobody has the array any more. */
  give(data: SkbData): void {
    const { length } = data.bytes
    if (this.held + length > POOL_BYTES) {
      this.byLength.clear()
      this.lastLength = -1
      this.held = 0
    }
    this.of(length).push(data)
    this.held += length
  }
}

/** One packet or message. Linux: struct sk_buff. */
export class SkBuff {
  /** How many share the bytes is told by the bytes. */
  static readonly undigested: readonly string[] = ['shared']

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
  /** @internal Whose bytes `data` are, where they come from a pool. */
  shared: SkbData | null = null
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
  if (skb.shared !== null) {
    clone.shared = skb.shared
    skb.shared.users++
  }
  return clone
}

/** As skbClone, with bytes of its own. Linux: skb_copy. */
export function skbCopy(skb: SkBuff): SkBuff {
  const copy = skbClone(skb)
  const { shared } = skb
  if (shared === null || shared.pool === null) {
    skbReplaceData(copy, skb.data.slice())
    return copy
  }
  const own = shared.pool.take(skb.data.length, 0)
  own.bytes.set(skb.data)
  shared.users--
  copy.shared = own
  copy.data = own.bytes
  return copy
}

/** A packet whose bytes nobody else has: `skb` itself, or a copy in its place. Linux: skb_cow. */
export function skbUnshare(skb: SkBuff): SkBuff {
  if (skb.shared !== null && skb.shared.users === 1) return skb
  const copy = skbCopy(skb)
  kfreeSkb(skb)
  return copy
}

/** Gives the buffer bytes of its own where others may have them too. Linux: skb_ensure_writable. */
export function skbMakeWritable(skb: SkBuff): void {
  if (skb.shared !== null && skb.shared.users === 1) return
  skbReplaceData(skb, skb.data.slice())
}

/** Gives the buffer other bytes. */
export function skbReplaceData(skb: SkBuff, data: Uint8Array): void {
  dropData(skb)
  skb.data = data
}

/** The buffer's bytes are the next one's, if nobody shares them. */
function dropData(skb: SkBuff): void {
  const { shared } = skb
  if (shared === null) return
  skb.shared = null
  if (--shared.users === 0 && shared.pool !== null) shared.pool.give(shared)
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

/** The buffer is no longer wanted; its bytes may soon be another's. Linux: kfree_skb. */
export function kfreeSkb(skb: SkBuff): void {
  skbOrphan(skb)
  dropData(skb)
}
