/**
 * FNV-1a, 32 bits: for hash chains and cheap fingerprints. Results are unsigned.
 */

const OFFSET_BASIS = 0x811c9dc5
const PRIME = 0x01000193

/** The hash of `bytes[start..end)`; `seed` continues an earlier one. */
export const fnv1a32 = (bytes: Uint8Array, start = 0, end = bytes.length, seed = OFFSET_BASIS): number => {
  let hash = seed
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), PRIME)
  return hash >>> 0
}

/** The hash of a string, one step per UTF-16 code unit: equal to `fnv1a32` of its bytes for ASCII only. */
export const fnv1a32Text = (text: string, seed = OFFSET_BASIS): number => {
  let hash = seed
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), PRIME)
  return hash >>> 0
}
