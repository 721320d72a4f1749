/**
 * Socks of AF_PACKET: what they have, and how frames reach them. Linux: struct packet_opt, packet_rcv,
 * packet_rcv_spkt, packet_notifier, net/packet/af_packet.c (2.2.12, 2.6.14); net/ipv4/packet.c (2.0.35).
 */

import { ENETDOWN } from '../../abi/errno.js'
import { IFF_UP } from '../../abi/if.js'
import { AF_PACKET, SOCK_DGRAM } from '../../abi/socket.js'
import type { Books } from '../../kernel/books.js'
import type { NetDevice } from '../device.js'
import { mayDeliver } from '../inet/udp.js'
import { kfreeSkb, PACKET_LOOPBACK, type SkBuff, skbQueueTail, skbSetOwnerR } from '../skbuff.js'
import { Sock, type SockOps, sockDataReady, sockDefWriteSpace, sockErrorReport } from '../sock.js'
import type { NetState } from '../state.js'
import type { Tap, TapOps } from '../taps.js'

/** What a socket has asked of a device. Linux: struct packet_mclist. */
export interface PacketMembership {
  readonly ifindex: number
  /** PACKET_MR_*. */
  readonly kind: number
  /** A group's hardware address, as hexadecimal digits. */
  readonly address: string
  /** How often it has asked. */
  count: number
}

const packetSockOps: SockOps = Object.freeze({ name: 'packet', writeSpace: sockDefWriteSpace })

/** A sock of AF_PACKET. */
export class PacketSock extends Sock {
  /** The type of the frames that it takes, ETH_P_*; 0 for none. Linux: num. */
  num: number
  /** The only device, 0 for all. */
  ifindex = 0
  /** How frames reach it; null while none do. Linux: prot_hook, running. */
  tap: Tap | null = null
  /** PACKET_ADD_MEMBERSHIP. */
  memberships: PacketMembership[] = []
  /** PACKET_STATISTICS: frames that it was given since it last asked. */
  taken = 0
  /** Frames that its queue had no room for. */
  dropped = 0

  constructor(net: NetState, type: number, protocol: number) {
    super(net, packetSockOps, AF_PACKET, type)
    this.num = protocol
    this.reuse = 1
  }
}

/** A frame, in either direction. Linux: packet_rcv. */
function receive(net: NetState, tap: Tap, skb: SkBuff): void {
  const sk = tap.data
  const { dev } = skb
  const isWanted = dev !== null && skb.pktType !== PACKET_LOOPBACK
  if (!isWanted || !(sk instanceof PacketSock) || !mayDeliver(net, sk, skb)) {
    kfreeSkb(skb)
    return
  }
  if (sk.rmem + skb.truesize >= sk.rcvbuf) {
    sk.dropped++
    kfreeSkb(skb)
    return
  }
  const link = skb.mac < 0 ? skb.head : skb.mac
  // What goes out begins with its link header, what comes in has it behind.
  skb.head = sk.type === SOCK_DGRAM ? Math.min(link + dev.hardHeaderLen, skb.tail) : link
  skb.dst = null
  sk.taken++
  skbSetOwnerR(skb, sk)
  skbQueueTail(sk.receiveQueue, skb)
  sockDataReady(sk)
}

const packetTap: TapOps = Object.freeze({ name: 'packet', receive } satisfies TapOps)

/** Frames reach the sock no more. Linux: dev_remove_pack. */
export function packetUnhook(sk: PacketSock): void {
  const { taps } = sk.net
  const at = sk.tap === null ? -1 : taps.indexOf(sk.tap)
  if (at >= 0) taps.splice(at, 1)
  sk.tap = null
}

/** Frames of its type and device reach the sock. Linux: dev_add_pack. */
export function packetHook(sk: PacketSock): void {
  packetUnhook(sk)
  if (sk.num === 0) return
  sk.tap = { ops: packetTap, ifindex: sk.ifindex, protocol: sk.num, data: sk }
  sk.net.taps.push(sk.tap)
}

/** A device has gone up or down: socks that are bound to it hear of it. Linux: packet_notifier. */
export function packetNotify(net: NetState, dev: NetDevice): void {
  for (const sk of net.packets) {
    if (sk.ifindex !== dev.ifindex) continue
    if ((dev.flags & IFF_UP) !== 0) {
      if (sk.tap === null) packetHook(sk)
    } else if (sk.tap !== null) {
      packetUnhook(sk)
      sk.err = ENETDOWN
      sockErrorReport(sk)
    }
  }
}

/** What waits in socks of AF_PACKET, and that every tap of the family is one's. */
export function checkPackets(
  books: Books,
  { packets, taps }: NetState,
  checkQueue: (books: Books, what: string, queue: Sock['receiveQueue']) => void,
): void {
  let hooked = 0
  for (const sk of packets) {
    checkQueue(books, 'a packet socket', sk.receiveQueue)
    let bytes = 0
    for (let skb = sk.receiveQueue.head; skb !== null; skb = skb.next) bytes += skb.truesize
    books.same('the bytes that wait in a packet socket', sk.rmem, bytes)
    books.must(sk.socket !== null, 'a packet socket is in the table and closed')
    books.must(sk.tap === null || taps.includes(sk.tap), 'a packet socket has a tap that is not there')
    if (sk.tap !== null) hooked++
  }
  books.same('the taps of packet sockets', taps.filter(({ ops }) => ops === packetTap).length, hooked)
}
