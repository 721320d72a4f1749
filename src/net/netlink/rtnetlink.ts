/**
 * rtnetlink: devices, addresses, routes, rules and neighbours in messages. Everybody may ask, changes want
 * CAP_NET_ADMIN. Linux: rtnetlink_rcv_msg, netlink_ack, net/core/rtnetlink.c (2.2.12, 2.6.14).
 */

import { CAP_NET_ADMIN } from '../../abi/capability.js'
import { EAFNOSUPPORT, EBUSY, EINVAL, EPERM } from '../../abi/errno.js'
import {
  NETLINK_ROUTE,
  NLM_F_DUMP,
  NLM_F_MULTI,
  NLM_F_REQUEST,
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
import { isAtLeast } from '../../abi/profile.js'
import { AF_INET, AF_UNSPEC, NPROTO } from '../../abi/socket.js'
import type { Task } from '../../kernel/task.js'
import { type Attributes, type NlMessage, readAttributes, writeMessage } from '../../lib/nlmsg.js'
import { deny } from '../../security/deny.js'
import type { NetState } from '../state.js'
import { ANSWERED, netlinkReceive } from './ack.js'
import { netlinkUnicast } from './deliver.js'
import { netlinkDumpStart } from './dump.js'
import { type NetlinkFrom, type NetlinkProtocol, netlinkCapable } from './protocol.js'
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

/** What each type of message does. Linux: rtnetlink_links. */
export const HANDLERS: ReadonlyMap<number, RtHandler> = new Map<number, RtHandler>([
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

/** The highest attribute, by type. Linux: rta_max (2.6.14). */
const LAST_ATTRIBUTE: readonly number[] = [15, 7, 14, 4, 14]

/** Is there an attribute that neither the kernel nor a module knows? 2.6.14 has none of that. */
function hasForeignAttribute(net: NetState, type: number, attributes: Attributes): boolean {
  if (!isAtLeast(net.k.facts.release, '2.6.14')) return false
  const last = LAST_ATTRIBUTE[(type - RTM_BASE) >> 2] ?? 0
  const isRule = type >= RTM_NEWRULE && type <= RTM_GETRULE
  for (const attribute of attributes.keys())
    if (attribute > last && !(isRule && net.registry.ruleSelectors.has(attribute))) return true
  return false
}

/** One request: 0, or an Errno that the sender hears. Linux: rtnetlink_rcv_msg. */
function receive(
  current: Task,
  net: NetState,
  from: NetlinkSock,
  message: NlMessage,
  sent: NetlinkFrom,
): number {
  const { type, flags, seq, body } = message
  if ((flags & NLM_F_REQUEST) === 0 || type < RTM_BASE) return 0
  if (type > RTM_LAST) return EINVAL
  if (body.length < 1) return 0
  const family = body[0] ?? 0
  if (family > NPROTO) return EAFNOSUPPORT
  const known = HANDLERS.get(type)
  const isHere = family === AF_INET || family === AF_UNSPEC
  const handler = known?.needsRules === true && !net.inet.fib.hasRules ? undefined : known
  if ((type & 3) !== KIND_GET && !netlinkCapable(current, sent, CAP_NET_ADMIN))
    return deny(current, EPERM, 'capability', undefined, CAP_NET_ADMIN)
  const { byteOrder } = net.netlink
  const fixed = FIXED[(type - RTM_BASE) >> 2] ?? 0
  const request = { current, net, from, message, body, attributes: readAttributes(body, fixed, byteOrder) }
  if ((type & 3) === KIND_GET && (flags & NLM_F_DUMP) !== 0) {
    if (handler?.dump === undefined) return EINVAL
    if (from.dump !== null) return EBUSY
    const header = { flags: NLM_F_MULTI, seq, pid: from.pid }
    const answers = isHere ? handler.dump(request) : []
    const failed = netlinkDumpStart(
      from,
      seq,
      answers.map((one) => writeMessage({ ...header, type: one.type }, one.fixed, one.attributes, byteOrder)),
    )
    return failed === 0 ? ANSWERED : failed
  }
  if (body.length < fixed || handler?.doit === undefined || !isHere) return EINVAL
  if (hasForeignAttribute(net, type, request.attributes)) return EINVAL
  const answer = handler.doit(request)
  if (typeof answer === 'number') return answer
  const header = { type: answer.type, flags: 0, seq, pid: from.pid }
  netlinkUnicast(net, NETLINK_ROUTE, from, writeMessage(header, answer.fixed, answer.attributes, byteOrder))
  return 0
}

/** NETLINK_ROUTE. */
export const rtnetlinkProtocol: NetlinkProtocol = Object.freeze({
  protocol: NETLINK_ROUTE,

  input(current: Task, net: NetState, from: NetlinkSock, data: Uint8Array, sent: NetlinkFrom) {
    netlinkReceive(net, from, data, (message) => receive(current, net, from, message, sent))
  },
})

/** NETLINK_ROUTE, whose groups anybody may hear since 2.6. */
export const rtnetlinkProtocol26: NetlinkProtocol = Object.freeze({ ...rtnetlinkProtocol, nonrootRecv: true })
