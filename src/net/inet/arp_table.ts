/**
 * Neighbours on a link: plain data. Linux: struct neighbour, include/net/neighbour.h.
 */

import type { Timer } from '../../kernel/timer.js'
import type { NetDevice } from '../device.js'
import { SkbQueue } from '../skbuff.js'

/** Linux: NUD_*. */
export const NUD_INCOMPLETE = 0x01
export const NUD_REACHABLE = 0x02
export const NUD_STALE = 0x04
export const NUD_DELAY = 0x08
export const NUD_PROBE = 0x10
export const NUD_FAILED = 0x20
export const NUD_NOARP = 0x40
export const NUD_PERMANENT = 0x80
/** Its hardware address is known. */
export const NUD_VALID = 0xde

/** One neighbour. */
export class Neighbour {
  /** Its IPv4 address. */
  addr: number
  /** The device that it is behind. */
  dev: NetDevice
  /** NUD_*. */
  state = NUD_INCOMPLETE
  /** Its hardware address, once known. */
  hwaddr = new Uint8Array(6)
  /** Requests sent without an answer. */
  probes = 0
  /** When its address was last confirmed: milliseconds since boot. */
  confirmed = 0
  /** Packets that wait for its address. */
  queue = new SkbQueue()
  /** Asks again. */
  timer: Timer | null = null

  constructor(addr: number, dev: NetDevice) {
    this.addr = addr
    this.dev = dev
  }
}

/** All neighbours. Linux: arp_tbl. */
export class ArpTable {
  /** By device number and address: see `neighKey`. */
  entries = new Map<number, Neighbour>()
  /** Milliseconds between requests. Linux: retrans_time, HZ. */
  retransMs = 1000
  /** Requests before giving up. Linux: mcast_probes. */
  maxProbes = 3
  /** Packets that may wait for one address. Linux: queue_len. */
  queueLen = 3
  /** Milliseconds that an answer is taken for certain. Linux: base_reachable_time. */
  reachableMs = 30_000
  /** Milliseconds that an older one is used before it is asked for. Linux: delay_probe_time. */
  delayMs = 5000
  /** Neighbours that there may be. Linux: gc_thresh3. */
  limit = 1024
}

/** The key of a neighbour. */
export const neighKey = (dev: NetDevice, addr: number): number => dev.ifindex * 0x100000000 + addr
