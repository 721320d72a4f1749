/**
 * Reduces a script that diverges to the fewest lines that still show the same mismatch on its last line.
 *
 * The real kernel cannot be asked again here, so a line may go only if every answer before the last one still
 * agrees with the recording without it (or differs for a reason of the era table, as before).
 */

import type { Line } from './answer.js'
import { type Divergence, type ReplayOptions, replay } from './replay.js'
import type { Script } from './script.js'

/** What must stay the same about a mismatch while lines are left out. */
const kindOf = (divergence: Divergence): string => {
  const thrown = divergence.keys[0] === 'thrown'
  return thrown ? (divergence.got.split('\n')[0] ?? '') : `${divergence.keys.join()} ${divergence.got}`
}

/** The shortened script; its last line is the one that diverges. */
export function shrink(script: Script, divergence: Divergence, options: ReplayOptions): Line[] {
  const kind = kindOf(divergence)
  const last = divergence.line
  const diverges = (head: readonly Line[]): boolean => {
    const found = replay(script, options, [...head, last]).divergence
    return found !== undefined && found.index === head.length && kindOf(found) === kind
  }
  let head = script.lines.slice(0, divergence.index)
  for (let size = Math.max(1, head.length >> 1); ; ) {
    const before = head.length
    // From the back: what came last depends on what came first.
    for (let end = head.length; end > 0; end -= size) {
      const shorter = [...head.slice(0, Math.max(0, end - size)), ...head.slice(end)]
      if (diverges(shorter)) head = shorter
    }
    if (size === 1 && head.length === before) return [...head, last]
    size = Math.max(1, size >> 1)
  }
}
