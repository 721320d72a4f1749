/**
 * rtnetlink: devices, addresses, routes, rules and neighbours in messages. Everybody may ask, changes want
 * CAP_NET_ADMIN. Linux: rtnetlink_rcv_msg, netlink_ack, net/core/rtnetlink.c (2.2.12, 2.6.14).
 */

import { CAP_NET_ADMIN } from '../../abi/capability.js'
import { EAFNOSUPPORT, EBUSY, EINVAL, EPERM } from '../../abi/errno.js'
import {
  NETLINK_ROUTE,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_MULTI,
  NLM_F_REQUEST,
  NLMSG_ERROR,
  RTM_BASE,
  RTM_DELADDR,
  RTM_DELNEIGH,
  RTM_DELROUTE,
  RTM_DELRULE,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_GETNEIGH,
  RTM_GETROUTE,
  RTM_GETRULE,
  RTM_NEWADDR,
  RTM_NEWNEIGH,
  RTM_NEWROUTE,
  RTM_NEWRULE,
} from '../../abi/netlink.js'
import { AF_INET, AF_UNSPEC, NPROTO } from '../../abi/socket.js'
import type { Task } from '../../kernel/task.js'
import {
  type Attributes,
  int32,
  type NlMessage,
  readAttributes,
  readMessages,
  writeMessage,
} from '../../lib/nlmsg.js'
import { capable } from '../../security/capability.js'
import { deny } from '../../security/deny.js'
import type { NetState } from '../state.js'
import { netlinkUnicast } from './deliver.js'
import { netlinkDumpStart } from './dump.js'
import type { NetlinkProtocol } from './protocol.js'
import { delAddr, dumpAddrs, dumpLinks, newAddr } from './rt_addr.js'
import { delNeigh, dumpNeighs, newNeigh } from './rt_neigh.js'
import { dumpRoutes, getRoute, rtDelRoute, rtNewRoute } from './rt_route.js'
import { dumpRules, rtDelRule, rtNewRule } from './rt_rule.js'
import type { NetlinkSock } from './sock.js'

/** One request: its header, fixed part and attributes. */
export interface RtRequest {
  readonly current: Task
  readonly net: NetState
  readonly from: NetlinkSock
  readonly message: NlMessage
  /** The message's body: the fixed part is at its start. */
  readonly body: Uint8Array
  readonly attributes: Attributes
}

/** A message of an answer: type, fixed part, attributes. */
export interface RtAnswer {
  readonly type: number
  readonly fixed: Uint8Array
  readonly attributes: readonly (readonly [number, Uint8Array])[]
}

/** What a type of request does. Linux: struct rtnetlink_link. */
interface RtHandler {
  /** A change, or one answer: 0, an Errno or the answer. */
  readonly doit?: (request: RtRequest) => number | RtAnswer
  /** All there is. */
  readonly dump?: (request: RtRequest) => RtAnswer[]
  /** Does it take the kernel's policy rules? */
  readonly needsRules?: boolean
}

const HANDLERS: ReadonlyMap<number, RtHandler> = new Map<number, RtHandler>([
  [RTM_GETLINK, { dump: ({ net }) => dumpLinks(net) }],
  [RTM_NEWADDR, { doit: newAddr }],
  [RTM_DELADDR, { doit: delAddr }],
  [RTM_GETADDR, { dump: ({ net }) => dumpAddrs(net) }],
  [RTM_NEWROUTE, { doit: rtNewRoute }],
  [RTM_DELROUTE, { doit: rtDelRoute }],
  [RTM_GETROUTE, { doit: getRoute, dump: dumpRoutes }],
  [RTM_NEWNEIGH, { doit: newNeigh }],
  [RTM_DELNEIGH, { doit: delNeigh }],
  [RTM_GETNEIGH, { dump: ({ net }) => dumpNeighs(net) }],
  [RTM_NEWRULE, { doit: rtNewRule, needsRules: true }],
  [RTM_DELRULE, { doit: rtDelRule, needsRules: true }],
  [RTM_GETRULE, { dump: ({ net }) => dumpRules(net), needsRules: true }],
])

/** Linux: RTM_MAX. */
const RTM_LAST = 39

/** Bytes of the fixed part, by type. Linux: rtm_min. */
const FIXED: readonly number[] = [16, 8, 12, 12, 12]

const KIND_GET = 2

/** One request: 0, or an Errno that the sender hears. Linux: rtnetlink_rcv_msg. */
function receive(current: Task, net: NetState, from: NetlinkSock, message: NlMessage): number {
  const { type, flags, seq, body } = message
  if ((flags & NLM_F_REQUEST) === 0 || type < RTM_BASE) return 0
  if (type > RTM_LAST) return EINVAL
  if (body.length < 1) return 0
  const family = body[0] ?? 0
  if (family > NPROTO) return EAFNOSUPPORT
  const known = HANDLERS.get(type)
  const isHere = family === AF_INET || family === AF_UNSPEC
  const handler = known?.needsRules === true && !net.inet.fib.hasRules ? undefined : known
  if ((type & 3) !== KIND_GET && !capable(current, CAP_NET_ADMIN))
    return deny(current, EPERM, 'capability', undefined, CAP_NET_ADMIN)
  const fixed = FIXED[(type - RTM_BASE) >> 2] ?? 0
  const request = { current, net, from, message, body, attributes: readAttributes(body, fixed) }
  if ((type & 3) === KIND_GET && (flags & NLM_F_DUMP) !== 0) {
    if (handler?.dump === undefined) return EINVAL
    if (from.dump !== null) return EBUSY
    const header = { flags: NLM_F_MULTI, seq, pid: from.pid }
    const answers = isHere ? handler.dump(request) : []
    netlinkDumpStart(
      from,
      seq,
      answers.map((one) => writeMessage({ ...header, type: one.type }, one.fixed, one.attributes)),
    )
    return DUMPING
  }
  if (body.length < fixed || handler?.doit === undefined || !isHere) return EINVAL
  const answer = handler.doit(request)
  if (typeof answer === 'number') return answer
  const header = { type: answer.type, flags: 0, seq, pid: from.pid }
  netlinkUnicast(net, NETLINK_ROUTE, from, writeMessage(header, answer.fixed, answer.attributes))
  return 0
}

/** A dump has begun: it is its own acknowledgement. */
const DUMPING = 1

/** The answer to a request: its header with an error, 0 for none. Linux: netlink_ack. */
function ack(
  net: NetState,
  from: NetlinkSock,
  { type, flags, seq, pid, body }: NlMessage,
  error: number,
): void {
  const isWhole = error !== 0
  const original = writeMessage({ type, flags, seq, pid }, isWhole ? body : new Uint8Array(0))
  // The header tells the request's length, also where the request is not all there.
  original.set(int32(16 + body.length), 0)
  const fixed = new Uint8Array(4 + original.length)
  fixed.set(int32(error), 0)
  fixed.set(original, 4)
  const header = { type: NLMSG_ERROR, flags: 0, seq, pid: from.pid }
  netlinkUnicast(net, from.protocol, from, writeMessage(header, fixed))
}

/** NETLINK_ROUTE. */
export const rtnetlinkProtocol: NetlinkProtocol = Object.freeze({
  protocol: NETLINK_ROUTE,

  input(current: Task, net: NetState, from: NetlinkSock, data: Uint8Array) {
    for (const message of readMessages(data)) {
      const result = receive(current, net, from, message)
      if (result === DUMPING) continue
      if (result < 0 || (message.flags & NLM_F_ACK) !== 0) ack(net, from, message, Math.min(result, 0))
    }
  },
})

/** NETLINK_ROUTE, whose groups anybody may hear since 2.6. */
export const rtnetlinkProtocol26: NetlinkProtocol = Object.freeze({ ...rtnetlinkProtocol, nonrootRecv: true })
