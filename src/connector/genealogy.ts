/**
 * Who answers whom: a convention of clients, which the kernel does not enforce. An answer has its request's seq, and its
 * ack plus one; everything else is a new message. Linux: the comment above cn_netlink_send. Reference §2.6.
 */

import type { CnMsg, CnMsgFields } from '../abi/connector.js'

/** The part of a message that says so. */
export type Genealogy = Pick<CnMsg, 'id' | 'seq' | 'ack'>

/** An answer to `request` with this data. */
export const cnReply = ({ id, seq, ack }: Genealogy, data?: Uint8Array): CnMsgFields => ({
  id,
  seq,
  ack: (ack + 1) >>> 0,
  ...(data !== undefined && { data }),
})

/** Is `msg` the answer to `request`? */
export const isReply = (request: Genealogy, msg: Genealogy): boolean =>
  msg.seq === request.seq &&
  msg.ack === (request.ack + 1) >>> 0 &&
  msg.id.idx === request.id.idx &&
  msg.id.val === request.id.val
