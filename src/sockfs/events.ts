/** What sockfs makes known to programs: see kernel/events.ts. */

import { defineEvent } from '../kernel/events.js'

/** Whose a port is has been changed, by the process `by`: what the entry says now. */
export const SOCKFS_ENTRY = defineEvent('sockfs:entry', 19, 1, {
  by: 'u32',
  port: 'u16',
  mode: 'u16',
  uid: 'u32',
  gid: 'u32',
})
