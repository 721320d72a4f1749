/** Random choices of the fuzzer: one seed, one sequence. Apart from the library's own generator, which it tests. */

export class Dice {
  private state: number

  constructor(seed: number) {
    this.state = seed | 0
  }

  /** 32 bits. Mulberry32. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }

  /** 0 … n - 1. */
  below(n: number): number {
    return this.next() % n
  }

  chance(percent: number): boolean {
    return this.below(100) < percent
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }

  /** Some of the bits of a list of flags. */
  flags(list: readonly number[]): number {
    let bits = 0
    for (let n = this.below(4); n > 0; n--) bits |= this.pick(list)
    return bits
  }
}

/** A number that follows from two others. */
export const mix = (a: number, b: number): number => new Dice(Math.imul(a, 0x9e3779b1) ^ b).next()
