/**
 * The random numbers of a run: xoshiro128**, seeded by splitmix32. Four words of plain state, so a forked kernel
 * goes on with the same numbers as its parent would.
 *
 * Not for secrets. Algorithms: Blackman and Vigna, "Scrambled linear pseudorandom number generators" (2018).
 */

export class Random {
  /** State. */
  s0: number
  /** State. */
  s1: number
  /** State. */
  s2: number
  /** State. */
  s3: number

  /** Errors: RangeError unless `seed` is a safe integer. Every bit of it counts. */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed)) throw new RangeError(`seed must be a safe integer, not ${seed}`)
    const low = seed | 0
    const high = Math.floor(seed / 2 ** 32) | 0
    this.s0 = splitmix32(low)
    this.s1 = splitmix32((low + GOLDEN) ^ high)
    this.s2 = splitmix32(low + 2 * GOLDEN)
    this.s3 = splitmix32(low + 3 * GOLDEN)
    // All zero is the one state that never changes.
    if ((this.s0 | this.s1 | this.s2 | this.s3) === 0) this.s0 = 1
  }

  /** An integer from 0 to 2^32 - 1. */
  next32(): number {
    const result = Math.imul(rotl(Math.imul(this.s1, 5), 7), 9) >>> 0
    const t = this.s1 << 9
    this.s2 ^= this.s0
    this.s3 ^= this.s1
    this.s1 ^= this.s2
    this.s0 ^= this.s3
    this.s2 ^= t
    this.s3 = rotl(this.s3, 11)
    return result
  }

  /** An integer from 0 to n - 1, all equally likely. Errors: RangeError unless 1 <= n <= 2^32. */
  below(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) throw new RangeError(`cannot choose below ${n}`)
    const limit = 2 ** 32 - (2 ** 32 % n)
    let word = this.next32()
    while (word >= limit) word = this.next32()
    return word % n
  }

  /** A number from 0 up to, not including, 1, with 53 random bits. */
  float(): number {
    const high = this.next32() >>> 5
    return (high * 2 ** 26 + (this.next32() >>> 6)) / 2 ** 53
  }

  /** Fills `bytes`, four from each word, low byte first. */
  fill(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i += 4) {
      const word = this.next32()
      const end = Math.min(i + 4, bytes.length)
      for (let j = i; j < end; j++) bytes[j] = word >>> ((j - i) * 8)
    }
  }
}

const GOLDEN = 0x9e3779b9

const rotl = (word: number, by: number): number => (word << by) | (word >>> (32 - by))

const splitmix32 = (state: number): number => {
  let z = (state + GOLDEN) | 0
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
  return z ^ (z >>> 15)
}
