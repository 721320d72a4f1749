/**
 * Routes and what is asked for them: types and numbers. Linux: include/linux/rtnetlink.h, include/net/route.h.
 */

import type { NetDevice } from '../device.js'

/** Linux: RTN_*. */
export const RTN_UNSPEC = 0
export const RTN_UNICAST = 1
export const RTN_LOCAL = 2
export const RTN_BROADCAST = 3
export const RTN_ANYCAST = 4
export const RTN_MULTICAST = 5
export const RTN_BLACKHOLE = 6
export const RTN_UNREACHABLE = 7
export const RTN_PROHIBIT = 8
export const RTN_THROW = 9
export const RTN_NAT = 10

/** What a route lookup is about. Linux: struct flowi, struct rt_key. */
export interface Flow {
  /** The destination. */
  readonly dst: number
  /** The source, 0 for none yet. */
  readonly src: number
  /** TOS bits that count in routing. */
  readonly tos: number
  /** The device to send through, 0 for any. */
  readonly oif: number
  /** The device it came through; the loopback device's for packets made here. */
  readonly iif: number
  /** The firewall's mark: only packets that have come in have one. */
  readonly mark: number
  /** What a module has added to the key: see Sock.routeKey, SkBuff.routeKey. */
  readonly key: number
}

/** The answer. Linux: struct rtable. */
export interface Route {
  /** RTN_*: local ones are delivered here. */
  readonly type: number
  /** The destination. */
  readonly dst: number
  /** The source that suits it. */
  readonly src: number
  /** The next hop: a gateway, or the destination. */
  readonly gateway: number
  /** The device to send through. */
  readonly dev: NetDevice
  /** Bytes that a packet may have. */
  readonly mtu: number
  /** `routeGeneration` at the time. */
  readonly generation: number
}
