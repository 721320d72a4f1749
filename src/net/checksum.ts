/**
 * The Internet checksum. Linux: csum_partial, csum_fold, csum_tcpudp_magic, ip_fast_csum (arch/i386/lib/checksum.S).
 */

/** Adds the bytes `start` to `end` as 16-bit words to `sum`; the result is not folded and below 2^31 for a packet. */
export function csumPartial(bytes: Uint8Array, start: number, end: number, sum = 0): number {
  // The first and the second bytes of words apart: shifting each one takes as long as adding it.
  let first = 0
  let second = 0
  let at = start
  for (const last = end - 7; at < last; at += 8) {
    first +=
      (bytes[at] as number) +
      (bytes[at + 2] as number) +
      (bytes[at + 4] as number) +
      (bytes[at + 6] as number)
    second +=
      (bytes[at + 1] as number) +
      (bytes[at + 3] as number) +
      (bytes[at + 5] as number) +
      (bytes[at + 7] as number)
  }
  for (const last = end - 1; at < last; at += 2) {
    first += bytes[at] as number
    second += bytes[at + 1] as number
  }
  if (at < end) first += bytes[at] as number
  return sum + first * 256 + second
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
