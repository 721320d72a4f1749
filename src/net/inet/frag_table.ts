/**
 * Packets that have come in pieces: plain data. Linux: struct ipq, net/ipv4/ip_fragment.c.
 */

import type { Timer } from '../../kernel/timer.js'
import type { SkBuff } from '../skbuff.js'

/** The pieces of one packet. */
export class FragQueue {
  readonly key: string
  /** In order, without holes being filled. */
  pieces: SkBuff[] = []
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
