/** What bufflink adds to a recount: its queues, who has rings open, who sleeps though there is something to do. */

import type { Audit, Books } from '../kernel/books.js'
import { Bufflink, bufflinkState } from './ring.js'

/** All rings: those with a minor, and those that are open without one. */
function allRings(books: Books): Map<Bufflink, number> {
  const openers = new Map<Bufflink, number>()
  for (const bl of bufflinkState(books.k).rings.values()) openers.set(bl, 0)
  for (const { data } of books.files.counts.keys())
    if (data instanceof Bufflink) openers.set(data, (openers.get(data) ?? 0) + 1)
  return openers
}

/** Nobody sleeps in a read or write that could go on. */
function checkSleepers(books: Books, bl: Bufflink): void {
  for (let entry = bl.wait.head; entry !== null; entry = entry.next) {
    const { pid, call } = entry.task
    const who = `pid ${pid} sleeps in ${call?.name} of bufflink ${bl.minor}`
    const data = call?.args[1]
    books.must(bl.alive || call?.name === 'poll' || call?.name === 'select', `${who}, which is destroyed`)
    if (call?.name === 'read') books.must(bl.length === 0, `${who}, which has data`)
    if (call?.name === 'write' && data instanceof Uint8Array)
      books.must(data.length > bl.ring.free, `${who}, which has room`)
  }
}

/** The audit of the module. */
export const bufflinkAudit: Audit = Object.freeze({
  name: 'bufflink',

  holds(books) {
    for (const bl of bufflinkState(books.k).rings.values()) books.queues.add(bl.wait)
  },

  check(books) {
    const state = bufflinkState(books.k)
    let uses = 0
    for (const [bl, openers] of allRings(books)) {
      books.queues.add(bl.wait)
      books.same(`the open files of bufflink ${bl.minor}`, bl.openers, openers)
      books.must(bl.alive === (state.rings.get(bl.minor) === bl), `bufflink ${bl.minor} is lost or dead`)
      checkSleepers(books, bl)
      uses += openers
    }
    books.same('the uses of the driver of bufflink', state.uses, uses)
    books.must(uses === 0 || state.isLoaded, 'the driver of bufflink is gone and in use')
  },
} satisfies Audit)
