/** What reqlog makes known to programs: see kernel/events.ts. */

import { defineEvent } from '../kernel/events.js'

/** The ring is full: a record has been lost, the first since a program last asked. Both count from boot. */
export const REQLOG_LOST = defineEvent('reqlog:lost', 20, 1, {
  /** Records since boot, this one included. */
  records: 'u32',
  /** Those of them that were lost. */
  lost: 'u32',
})
