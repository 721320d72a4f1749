/**
 * Signal sets as two words: signals 1-32 in the low one, 33-64 in the high one. Linux: sigset_t.
 * At the system call surface a set is an array of signal numbers.
 */

/** The bit of a signal in its word. */
export const sigBit = (sig: number): number => 1 << ((sig - 1) & 31)

/** Is a signal in the set? */
export const inSet = (low: number, high: number, sig: number): boolean =>
  ((sig <= 32 ? low : high) & sigBit(sig)) !== 0

/** The lowest signal in a set, or 0. Linux: next_signal. */
export function firstSignal(low: number, high: number): number {
  if (low !== 0) return 32 - Math.clz32(low & -low)
  if (high !== 0) return 64 - Math.clz32(high & -high)
  return 0
}

/** The numbers in a set, ascending. */
export function setToArray(low: number, high: number): number[] {
  const signals: number[] = []
  for (let sig = 1; sig <= 64; sig++) if (inSet(low, high, sig)) signals.push(sig)
  return signals
}

/** A set from an array, as [low, high]; null where it is no array of numbers. Numbers outside 1 … 64 are dropped. */
export function arrayToSet(signals: unknown): readonly [number, number] | null {
  if (!Array.isArray(signals)) return null
  let low = 0
  let high = 0
  for (const sig of signals) {
    if (typeof sig !== 'number') return null
    if (!Number.isInteger(sig) || sig < 1 || sig > 64) continue
    if (sig <= 32) low |= sigBit(sig)
    else high |= sigBit(sig)
  }
  return [low, high]
}
