/** What reqlog adds to a recount. What is in the ring may be anybody's: who may write to the node can add to it. */

import { REQLOG_MINOR } from '../abi/reqlog.js'
import type { Audit } from '../kernel/books.js'
import type { ReqlogState } from './log.js'

/** The audit of the module. */
export const reqlogAudit = (state: ReqlogState): Audit =>
  Object.freeze({
    name: 'reqlog',

    check(books) {
      const { bl, serial, lost, buffers, hasFailed } = state
      books.must(bl.alive && bl.minor === REQLOG_MINOR, 'the request log has lost its ring')
      books.must(lost <= serial, `the request log has lost ${lost} of ${serial} records`)
      books.must(buffers === 0 && !hasFailed, 'the request log waits for the rest of a request')
    },
  } satisfies Audit)
