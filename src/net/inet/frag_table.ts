/**
 * Packets that have come in pieces: plain data. Linux: struct ipq, net/ipv4/ip_fragment.c.
 */

import type { Timer } from '../../kernel/timer.js'
import type { SkBuff } from '../skbuff.js'

/** What is used of a piece. */
export class FragPiece {
  readonly skb: SkBuff
  /** Where its bytes belong in the packet's data. */
  offset: number
  /** Where they begin in the buffer. */
  from: number
  /** How many there are. */
  size: number

  constructor(skb: SkBuff, offset: number, from: number, size: number) {
    this.skb = skb
    this.offset = offset
    this.from = from
    this.size = size
  }
}

/** The pieces of one packet. */
export class FragQueue {
  readonly key: string
  /** In order, with holes between them, and without overlaps. */
  pieces: FragPiece[] = []
  /** Bytes of the whole, once the last piece has come; else -1. */
  length = -1
  /** Gives up. */
  timer: Timer | null = null

  constructor(key: string) {
    this.key = key
  }
}

/** All packets in pieces. */
export class FragTable {
  queues = new Map<string, FragQueue>()
  /** Bytes that the pieces take. */
  memory = 0
  /** Bytes above which the oldest are dropped. Linux: sysctl_ipfrag_high_thresh. */
  highThreshold = 256 * 1024
  /** And down to which. Linux: sysctl_ipfrag_low_thresh. */
  lowThreshold = 192 * 1024
  /** Milliseconds to wait for all pieces. Linux: IP_FRAG_TIME. */
  timeoutMs = 30_000
}
