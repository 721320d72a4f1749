/**
 * A set of small non-negative integers: open descriptors, pids in use. Plain state; grows as members are added.
 *
 * Searches go a word of 32 at a time, as find_first_zero_bit does.
 */

export class BitSet {
  words: Uint32Array

  /** Room for `bits` members before it grows. */
  constructor(bits = 32) {
    this.words = new Uint32Array(Math.max(1, (bits + 31) >>> 5))
  }

  has(bit: number): boolean {
    return (((this.words[bit >>> 5] ?? 0) >>> (bit & 31)) & 1) === 1
  }

  add(bit: number): void {
    const word = bit >>> 5
    if (word >= this.words.length) this.grow(word + 1)
    this.words[word] = (this.words[word] ?? 0) | (1 << (bit & 31))
  }

  delete(bit: number): void {
    const word = bit >>> 5
    if (word < this.words.length) this.words[word] = (this.words[word] ?? 0) & ~(1 << (bit & 31))
  }

  /** The lowest number from `from` on that is not a member. */
  firstClear(from = 0): number {
    return this.next(from, 0xffffffff) ?? Math.max(from, this.words.length * 32)
  }

  /** The lowest member from `from` on, or -1: `for (let n = s.nextSet(0); n >= 0; n = s.nextSet(n + 1))`. */
  nextSet(from = 0): number {
    return this.next(from, 0) ?? -1
  }

  /** How many members. */
  count(): number {
    let count = 0
    for (let word of this.words) for (; word !== 0; word &= word - 1) count++
    return count
  }

  /** @internal The lowest set bit from `from` on of the words XORed with `flip`. */
  next(from: number, flip: number): number | undefined {
    const { words } = this
    let index = from >>> 5
    let mask = ~0 << (from & 31)
    for (; index < words.length; index++) {
      const word = ((words[index] ?? 0) ^ flip) & mask
      if (word !== 0) return index * 32 + 31 - Math.clz32(word & -word)
      mask = ~0
    }
    return undefined
  }

  /** @internal */
  grow(words: number): void {
    const bigger = new Uint32Array(Math.max(words, this.words.length * 2))
    bigger.set(this.words)
    this.words = bigger
  }
}
