/** What mac makes known to programs: see kernel/events.ts. */

import { defineEvent } from '../kernel/events.js'

/** A process has been given a label by another, or by itself: `by` is that one's pid. The flags are MAC_*. */
export const MAC_LABEL = defineEvent('mac:label', 18, 1, {
  /** Who has done it. */
  by: 'u32',
  /** Whose label it is. */
  pid: 'u32',
  /** 0 to 65535. */
  grade: 'u32',
  /** 0 to 65535. */
  compartment: 'u32',
  /** MAC_*. */
  flags: 'u32',
})
