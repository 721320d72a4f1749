/**
 * The Internet checksum. Linux: csum_partial, csum_fold, csum_tcpudp_magic, ip_fast_csum (arch/i386/lib/checksum.S).
 */

/** Adds the bytes `start` to `end` as 16-bit words to `sum`; the result is not folded and below 2^31 for a packet. */
export function csumPartial(bytes: Uint8Array, start: number, end: number, sum = 0): number {
  let total = sum
  const last = end - 1
  let at = start
  for (; at < last; at += 2) total += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  if (at < end) total += (bytes[at] ?? 0) << 8
  return total
}

/** Carries around, and the complement: what goes into a header. */
export function csumFold(sum: number): number {
  let folded = (sum & 0xffff) + (sum >>> 16)
  folded = (folded & 0xffff) + (folded >>> 16)
  return ~folded & 0xffff
}

/** The sum of the pseudo header of TCP and UDP. Addresses are unsigned numbers. */
export const csumPseudo = (saddr: number, daddr: number, protocol: number, length: number): number =>
  (saddr >>> 16) + (saddr & 0xffff) + (daddr >>> 16) + (daddr & 0xffff) + protocol + length
