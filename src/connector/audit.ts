/** What the connector adds to a recount: nobody waits for a callback forever, and everybody is counted. */

import type { Audit } from '../kernel/books.js'
import { type CnEntry, connectorState, keyOf } from './state.js'

/** The audit of the module. */
export const connectorAudit: Audit = Object.freeze({
  name: 'connector',

  check(books) {
    const { entries, queue, isArmed, requests } = connectorState(books.k)
    const waiting = new Map<CnEntry, number>()
    for (const { entry } of queue) waiting.set(entry, (waiting.get(entry) ?? 0) + 1)
    for (const [key, entry] of entries) {
      const { id, group, busy, name } = entry
      books.same(`messages for ${name}`, busy, waiting.get(entry) ?? 0)
      books.must(key === keyOf(id) && group === id.idx, `the client ${name} is in a wrong place`)
    }
    books.must(queue.length === 0 || isArmed, 'messages wait, and no worker will come')
    books.must(
      requests.every(({ group }) => group !== 0),
      'a request for notices has no group',
    )
  },
} satisfies Audit)
