/**
 * What the kernel and its modules publish, as messages of the connector: the id is the kind's two numbers, the group the
 * first of them, seq counts the messages of the kind that were sent, ack is 0, and the data are the record.
 * See kernel/events.ts.
 */

import { CN_MSG_SIZE, CONNECTOR_MAX_MSG_SIZE } from '../abi/connector.js'
import { NLMSG_HDRLEN } from '../abi/netlink.js'
import type { EventSink } from '../kernel/events.js'
import type { KernelCore } from '../kernel/kernel.js'
import { encodeRecord } from '../lib/wire_record.js'
import { cnNetlinkSend, isHeard } from './send.js'
import type { ConnectorState } from './state.js'

/** Text is cut so that a message is no longer than one from a program may be. */
const MOST_DATA = CONNECTOR_MAX_MSG_SIZE - NLMSG_HDRLEN - CN_MSG_SIZE

/** The module's contribution. */
export const carrierOf = (k: KernelCore, state: ConnectorState): EventSink => ({
  wants: ({ idx }) => isHeard(state, idx),

  send({ name, idx, val, fields }, record, about) {
    const seq = state.published.get(name) ?? 0
    state.published.set(name, (seq + 1) >>> 0)
    const data = encodeRecord(fields, record, MOST_DATA, state.isLittle)
    cnNetlinkSend(k, { id: { idx, val }, seq, data }, idx, about)
  },
})
