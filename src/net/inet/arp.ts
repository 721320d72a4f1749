/**
 * ARP: whose hardware address is it? Linux: arp_rcv, arp_send, arp_solicit (net/ipv4/arp.c), neigh_resolve_output,
 * neigh_update, neigh_timer_handler (net/core/neighbour.c, 2.2.12, 2.6.14).
 *
 * A neighbour whose address is not known has up to three packets wait; after three requests without an answer they
 * are dropped and their senders told (host unreachable). An address that was confirmed long ago goes on being used
 * for five seconds; then the neighbour itself is asked, three times, before it is given up.
 *
 * Left out: confirmation by the layers above; entries go only when the table is full, the oldest first.
 */

import { ETH_ALEN, ETH_P_ARP, ETH_P_IP, IFF_LOOPBACK, IFF_NOARP } from '../../abi/if.js'
import type { KernelCore } from '../../kernel/kernel.js'
import { bytesEqual } from '../../lib/bytes.js'
import { runBacklog } from '../backlog.js'
import type { PacketType } from '../dev_input.js'
import { devQueueXmit } from '../dev_output.js'
import type { NetDevice } from '../device.js'
import { ethHeader } from '../ethernet.js'
import { kfreeSkb, PACKET_HOST, PACKET_OTHERHOST, SkBuff, skbDequeue, skbQueueTail } from '../skbuff.js'
import type { NetState } from '../state.js'
import {
  Neighbour,
  NUD_DELAY,
  NUD_FAILED,
  NUD_INCOMPLETE,
  NUD_PERMANENT,
  NUD_PROBE,
  NUD_REACHABLE,
  NUD_STALE,
  NUD_VALID,
  neighKey,
} from './arp_table.js'
import { fibSelectAddr, inetAddrType } from './fib.js'
import { ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, icmpSend } from './icmp_send.js'
import { be16, be32, isLoopback, isMulticast, put16, put32 } from './ip.js'
import { RTN_LOCAL } from './route_types.js'

/** Name of the timer that asks again. */
export const ARP_TIMER = 'net.arp'

const ARPOP_REQUEST = 1
const ARPOP_REPLY = 2
/** Bytes of an ARP packet for Ethernet and IPv4. */
const ARP_LEN = 28
const LL_ROOM = 16

/** Sends an ARP packet. `target` null: to all. Linux: arp_send. */
function arpSend(
  net: NetState,
  dev: NetDevice,
  op: number,
  sourceIp: number,
  targetIp: number,
  target: Uint8Array | null,
): void {
  const skb = new SkBuff(new Uint8Array(LL_ROOM + ARP_LEN), LL_ROOM, LL_ROOM + ARP_LEN)
  const { data, head } = skb
  put16(data, head, 1)
  put16(data, head + 2, ETH_P_IP)
  data[head + 4] = ETH_ALEN
  data[head + 5] = 4
  put16(data, head + 6, op)
  data.set(dev.address, head + 8)
  put32(data, head + 14, sourceIp)
  if (target !== null) data.set(target, head + 18)
  put32(data, head + 24, targetIp)
  skb.nh = head
  skb.dev = dev
  skb.protocol = ETH_P_ARP
  ethHeader(skb, target ?? dev.broadcast, dev.address, ETH_P_ARP)
  devQueueXmit(net, skb)
}

/** Asks for a neighbour's address, and again in a while. Linux: neigh_timer_handler, arp_solicit. */
function solicit(net: NetState, neigh: Neighbour): void {
  const { arp } = net.inet
  neigh.probes++
  const source = fibSelectAddr(net, neigh.dev, neigh.addr)
  const target = neigh.state === NUD_PROBE ? neigh.hwaddr : null
  arpSend(net, neigh.dev, ARPOP_REQUEST, source, neigh.addr, target)
  neigh.timer = net.k.addTimer(arp.retransMs, ARP_TIMER, { net, neigh })
}

/** No answer has come in time. Linux: neigh_timer_handler. */
export function onArpTimer(_k: KernelCore, data: unknown): void {
  const { net, neigh } = data as { readonly net: NetState; readonly neigh: Neighbour }
  neigh.timer = null
  if (neigh.state === NUD_DELAY) {
    neigh.state = NUD_PROBE
    neigh.probes = 0
  }
  if (neigh.state !== NUD_INCOMPLETE && neigh.state !== NUD_PROBE) return
  if (neigh.probes < net.inet.arp.maxProbes) {
    solicit(net, neigh)
    runBacklog(net)
    return
  }
  neigh.state = NUD_FAILED
  for (let skb = skbDequeue(neigh.queue); skb !== null; skb = skbDequeue(neigh.queue)) {
    unreachable(net, skb)
    kfreeSkb(skb)
  }
  runBacklog(net)
}

/** The sender of a packet that could not be delivered hears of it. Linux: arp_error_report, ipv4_link_failure. */
function unreachable(net: NetState, skb: SkBuff): void {
  skb.pktType = PACKET_HOST
  icmpSend(net, skb, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0)
}

/** The table is full: the oldest neighbour that nobody has set goes. Linux: neigh_forced_gc. */
function makeRoom(net: NetState): void {
  for (const { dev, addr, state } of net.inet.arp.entries.values()) {
    if ((state & NUD_PERMANENT) !== 0) continue
    neighbourDelete(net, dev, addr)
    return
  }
}

/** The neighbour with an address, made where there is none. Linux: neigh_lookup, neigh_create. */
export function neighbourOf(net: NetState, dev: NetDevice, addr: number): Neighbour {
  const { entries } = net.inet.arp
  const key = neighKey(dev, addr)
  const known = entries.get(key)
  if (known !== undefined) return known
  if (entries.size >= net.inet.arp.limit) makeRoom(net)
  const made = new Neighbour(addr, dev)
  made.state = 0
  entries.set(key, made)
  return made
}

/** Sends an IP packet to the next hop, when its address is known. Linux: neigh_resolve_output. */
export function arpResolveOutput(net: NetState, skb: SkBuff, dev: NetDevice, nexthop: number): number {
  skb.dev = dev
  if (nexthop === 0xffffffff || inetAddrType(net, nexthop) === 3) {
    ethHeader(skb, dev.broadcast, dev.address, ETH_P_IP)
    return devQueueXmit(net, skb)
  }
  if (isMulticast(nexthop)) {
    const group = Uint8Array.of(1, 0, 0x5e, (nexthop >>> 16) & 0x7f, nexthop >>> 8, nexthop)
    ethHeader(skb, group, dev.address, ETH_P_IP)
    return devQueueXmit(net, skb)
  }
  const neigh = neighbourOf(net, dev, nexthop)
  if ((neigh.state & NUD_VALID) !== 0) {
    const isOld = net.k.state.now - neigh.confirmed > net.inet.arp.reachableMs
    if (neigh.state === NUD_REACHABLE && isOld) neigh.state = NUD_STALE
    if (neigh.state === NUD_STALE) {
      neigh.state = NUD_DELAY
      neigh.timer = net.k.addTimer(net.inet.arp.delayMs, ARP_TIMER, { net, neigh })
    }
    ethHeader(skb, neigh.hwaddr, dev.address, ETH_P_IP)
    return devQueueXmit(net, skb)
  }
  if (neigh.queue.length >= net.inet.arp.queueLen) {
    const oldest = skbDequeue(neigh.queue)
    if (oldest !== null) kfreeSkb(oldest)
  }
  skbQueueTail(neigh.queue, skb)
  if (neigh.state !== NUD_INCOMPLETE) {
    neigh.state = NUD_INCOMPLETE
    neigh.probes = 0
    solicit(net, neigh)
  }
  return 0
}

/** A neighbour's address is known now: what waited goes out. Linux: neigh_update. */
function update(net: NetState, neigh: Neighbour, hwaddr: Uint8Array, state: number): void {
  if ((neigh.state & NUD_PERMANENT) !== 0) return
  // A hint of what is certain changes nothing.
  if (neigh.state === NUD_REACHABLE && state === NUD_STALE && bytesEqual(neigh.hwaddr, hwaddr)) return
  neigh.hwaddr = hwaddr.slice()
  neigh.state = state
  if (state !== NUD_STALE) neigh.confirmed = net.k.state.now
  if (neigh.timer !== null) net.k.state.timers.remove(neigh.timer)
  neigh.timer = null
  for (let skb = skbDequeue(neigh.queue); skb !== null; skb = skbDequeue(neigh.queue)) {
    ethHeader(skb, neigh.hwaddr, neigh.dev.address, ETH_P_IP)
    devQueueXmit(net, skb)
  }
}

/** A neighbour's address as the administrator says; without one it is asked for when it is next used. */
export function neighbourSet(
  net: NetState,
  dev: NetDevice,
  addr: number,
  hwaddr: Uint8Array | null,
  state: number,
): void {
  const neigh = neighbourOf(net, dev, addr)
  neigh.state &= ~NUD_PERMANENT
  if (hwaddr === null) return
  update(net, neigh, hwaddr.slice(0, ETH_ALEN), state)
}

/** Forgets a neighbour: packets that wait for it are dropped. False where there is none. */
export function neighbourDelete(net: NetState, dev: NetDevice, addr: number): boolean {
  const { entries } = net.inet.arp
  const neigh = entries.get(neighKey(dev, addr))
  if (neigh === undefined) return false
  if (neigh.timer !== null) net.k.state.timers.remove(neigh.timer)
  neigh.timer = null
  for (let skb = skbDequeue(neigh.queue); skb !== null; skb = skbDequeue(neigh.queue)) kfreeSkb(skb)
  entries.delete(neighKey(dev, addr))
  return true
}

/** Is it an ARP packet of Ethernet and IPv4 that makes sense? */
function isValid({ data, head, tail, dev, pktType }: SkBuff): boolean {
  if (dev === null || tail - head < ARP_LEN || pktType === PACKET_OTHERHOST) return false
  if ((dev.flags & (IFF_LOOPBACK | IFF_NOARP)) !== 0) return false
  if (be16(data, head) !== 1 || be16(data, head + 2) !== ETH_P_IP) return false
  return data[head + 4] === ETH_ALEN && data[head + 5] === 4
}

/** Linux: arp_packet_type, arp_rcv. */
export const arpPacketType: PacketType = Object.freeze({
  type: ETH_P_ARP,

  receive(net, skb) {
    const { data, head, dev } = skb
    if (!isValid(skb) || dev === null) {
      kfreeSkb(skb)
      return
    }
    const op = be16(data, head + 6)
    const senderHw = data.slice(head + 8, head + 14)
    const sender = be32(data, head + 14)
    const target = be32(data, head + 24)
    kfreeSkb(skb)
    if (isLoopback(target) || isMulticast(target) || bytesEqual(senderHw, dev.address)) return
    if (op === ARPOP_REQUEST && sender === 0) {
      // Is the address taken? Asked before it is used.
      if (inetAddrType(net, target) === RTN_LOCAL) arpSend(net, dev, ARPOP_REPLY, target, target, senderHw)
      return
    }
    if (op === ARPOP_REQUEST && inetAddrType(net, target) === RTN_LOCAL) {
      update(net, neighbourOf(net, dev, sender), senderHw, NUD_STALE)
      arpSend(net, dev, ARPOP_REPLY, target, sender, senderHw)
      return
    }
    const known = net.inet.arp.entries.get(neighKey(dev, sender))
    if (known === undefined || (op !== ARPOP_REPLY && op !== ARPOP_REQUEST)) return
    const isAnswer = op === ARPOP_REPLY && skb.pktType === PACKET_HOST
    update(net, known, senderHw, isAnswer ? NUD_REACHABLE : NUD_STALE)
  },
} satisfies PacketType)
