/** What mac makes known to programs: see kernel/events.ts. */

import { defineEvent } from '../kernel/events.js'

/** A process has been given a label by another, or by itself: `by` is that one's pid. The flags are MAC_*. */
export const MAC_LABEL = defineEvent('mac:label', 18, 1, {
  by: 'u32',
  pid: 'u32',
  grade: 'u32',
  compartment: 'u32',
  flags: 'u32',
})
