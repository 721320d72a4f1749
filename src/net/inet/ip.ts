/**
 * The IPv4 header in bytes. Linux: struct iphdr, include/linux/ip.h.
 */

import { csumFold, csumPartial } from '../checksum.js'

/** Bytes of a header without options. */
export const IP_HLEN = 20
export const IPDEFTTL = 64
/** Bits of the fragment word. */
export const IP_DF = 0x4000
export const IP_MF = 0x2000
export const IP_OFFSET = 0x1fff
/** The longest packet. */
export const IP_MAX = 0xffff

export const be16 = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)

export const be32 = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] ?? 0) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)) >>>
  0

export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}

export function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

/** Bytes of the header at `nh`. */
export const ipHlen = (bytes: Uint8Array, nh: number): number => ((bytes[nh] ?? 0) & 15) * 4
export const ipVersion = (bytes: Uint8Array, nh: number): number => (bytes[nh] ?? 0) >> 4
export const ipTos = (bytes: Uint8Array, nh: number): number => bytes[nh + 1] ?? 0
export const ipTotLen = (bytes: Uint8Array, nh: number): number => be16(bytes, nh + 2)
export const ipId = (bytes: Uint8Array, nh: number): number => be16(bytes, nh + 4)
export const ipFragOff = (bytes: Uint8Array, nh: number): number => be16(bytes, nh + 6)
export const ipTtl = (bytes: Uint8Array, nh: number): number => bytes[nh + 8] ?? 0
export const ipProtocol = (bytes: Uint8Array, nh: number): number => bytes[nh + 9] ?? 0
export const ipSaddr = (bytes: Uint8Array, nh: number): number => be32(bytes, nh + 12)
export const ipDaddr = (bytes: Uint8Array, nh: number): number => be32(bytes, nh + 16)

/** Computes the header's checksum anew. Linux: ip_send_check. */
export function ipSendCheck(bytes: Uint8Array, nh: number): void {
  put16(bytes, nh + 10, 0)
  put16(bytes, nh + 10, csumFold(csumPartial(bytes, nh, nh + ipHlen(bytes, nh))))
}

/** Is the header's checksum right? */
export const ipCheckOk = (bytes: Uint8Array, nh: number): boolean =>
  csumFold(csumPartial(bytes, nh, nh + ipHlen(bytes, nh))) === 0

/** 127.0.0.0/8 */
export const isLoopback = (addr: number): boolean => addr >>> 24 === 127
/** 224.0.0.0/4 */
export const isMulticast = (addr: number): boolean => addr >>> 28 === 14
/** 240.0.0.0/4, 255.255.255.255 among them. Linux: BADCLASS. */
export const isBadClass = (addr: number): boolean => addr >>> 28 === 15
/** 0.0.0.0/8 */
export const isZeronet = (addr: number): boolean => addr >>> 24 === 0

export const INADDR_ANY_N = 0
export const INADDR_LOOPBACK_N = 0x7f000001
export const INADDR_BROADCAST_N = 0xffffffff
