/**
 * The last lines of a kernel's trace, kept for whoever has to say what went before a failure.
 */

import { StracePrinter } from '../sim/strace.js'
import type { Trace } from '../sim/trace.js'

/** What has a trace: a kernel. */
export interface Traced {
  /** Its trace. */
  readonly trace: Trace
}

/** The lines kept so far, oldest first. It belongs to the host that watches: no part of any kernel's state. */
const TAILS = new WeakMap<Trace, string[]>()

/**
 * From now on the last `count` lines of the trace are kept, in strace's words, for `traceTail`. Returns what ends it. A
 * kernel that is copied is not watched until this is called for the copy.
 *
 * Errors: RangeError for a count that is no integer of 1 to 10 000.
 */
export function keepTraceTail(k: Traced, count = 12): () => void {
  if (!Number.isInteger(count) || count < 1 || count > 10_000)
    throw new RangeError(`keepTraceTail: ${count} lines: 1 to 10000 are wanted`)
  const lines: string[] = []
  const stop = new StracePrinter((line) => {
    if (lines.length >= count) lines.shift()
    lines.push(line)
  }).attach(k.trace)
  TAILS.set(k.trace, lines)
  return () => {
    stop()
    TAILS.delete(k.trace)
  }
}

/** The last lines of a kernel's trace, oldest first; undefined where nobody has asked for them to be kept. */
export const traceTail = (k: Traced): readonly string[] | undefined => TAILS.get(k.trace)?.slice()
