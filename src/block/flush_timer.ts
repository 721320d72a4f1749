/** What wakes write-back: a buffer that has become old, too much that is dirty. See flush.ts. */

import { markBh } from '../kernel/context.js'
import type { KernelCore } from '../kernel/kernel.js'
import { FLUSH_BH } from './driver.js'
import type { BlockState } from './state.js'

/** The timer that looks at old buffers. */
export const FLUSH_TIMER = 'block.kupdate'

/**
 * Sets the timer for the look at which the oldest dirty buffer is due; looks are `interval` apart, counted from boot. None
 * while nothing is dirty, so that a kernel at rest has nothing to do. Linux: kupdate, fs/buffer.c.
 */
export function armFlushTimer(k: KernelCore, state: BlockState): void {
  const { lists, tunables } = state.cache
  if (state.flushTimer !== null || state.hasOldLeft || lists.dirty.first === null) return
  const due = Math.max(lists.dirty.first.flushAt, k.state.now + 1)
  const look = Math.ceil(due / tunables.interval) * tunables.interval
  state.flushTimer = k.addTimer(look - k.state.now, FLUSH_TIMER, null)
}

/** Lets some of what is dirty be written soon. Linux: wakeup_bdflush(0). */
export function wakeBdflush(k: KernelCore, state: BlockState): void {
  if (state.flushLeft > 0) return
  state.flushLeft = state.cache.tunables.ndirty
  markBh(k, FLUSH_BH, null)
}
