/** What sockfs makes known to programs: see kernel/events.ts. */

import { defineEvent } from '../kernel/events.js'

/** Whose a port is has been changed, by the process `by`: what the entry says now. */
export const SOCKFS_ENTRY = defineEvent('sockfs:entry', 19, 1, {
  /** The process that has done it. */
  by: 'u32',
  /** 1 to 1024. */
  port: 'u16',
  /** The permission bits. */
  mode: 'u16',
  /** The owner. */
  uid: 'u32',
  /** The group. */
  gid: 'u32',
})
