/**
 * Policy rules in rtnetlink. Linux: inet_rtm_newrule, inet_rtm_delrule, inet_dump_rules, net/ipv4/fib_rules.c (2.2.12,
 * 2.6.14). Attributes that modules' selectors know travel along.
 */

import { EINVAL, type Errno, isErr } from '../../abi/errno.js'
import { IFNAMSIZ } from '../../abi/if.js'
import {
  RTA_DST,
  RTA_GATEWAY,
  RTA_IIF,
  RTA_PRIORITY,
  RTA_PROTOINFO,
  RTA_SRC,
  RTM_NEWRULE,
} from '../../abi/netlink.js'
import { AF_INET } from '../../abi/socket.js'
import { bytes32, fromInet32, inet32, nulText, read32, textOf, write32 } from '../../lib/nlmsg.js'
import { delRule, newRule, type RuleRequest } from '../inet/fib_rules.js'
import type { FibRule, RuleExtra } from '../inet/fib_types.js'
import type { NetState } from '../state.js'
import type { RtAnswer, RtRequest } from './rtnetlink.js'

/** What modules' selectors make of the attributes. */
function extrasOf({ net, attributes }: RtRequest): RuleExtra[] | Errno {
  const extras: RuleExtra[] = []
  for (const [attribute, selector] of net.registry.ruleSelectors) {
    const payload = attributes.get(attribute)
    if (payload === undefined) continue
    const value = selector.parse(payload)
    if (isErr(value)) return value
    extras.push({ attribute, value })
  }
  return extras
}

function ruleRequest(request: RtRequest): RuleRequest | Errno {
  const { net, body, attributes } = request
  const order = net.netlink.byteOrder
  for (const [type, value] of attributes)
    if (type <= RTA_PROTOINFO && type !== RTA_IIF && value.length < 4) return EINVAL
  const extras = extrasOf(request)
  if (isErr(extras)) return extras
  const addr = (type: number): number | null => {
    const value = attributes.get(type)
    return value === undefined ? null : fromInet32(value)
  }
  const int = (type: number): number | null => {
    const value = attributes.get(type)
    return value === undefined ? null : read32(value, 0, order)
  }
  const iif = attributes.get(RTA_IIF)
  if (iif !== undefined && iif.length > IFNAMSIZ) return EINVAL
  return {
    dstLen: body[1] ?? 0,
    srcLen: body[2] ?? 0,
    tos: body[3] ?? 0,
    table: body[4] ?? 0,
    type: body[7] ?? 0,
    flags: read32(body, 8, order),
    src: addr(RTA_SRC),
    dst: addr(RTA_DST),
    srcmap: addr(RTA_GATEWAY),
    fwmark: int(RTA_PROTOINFO),
    preference: int(RTA_PRIORITY),
    ifname: iif === undefined ? null : textOf(iif),
    extras,
  }
}

/** Errors: as newRule; a selector's own. */
export function rtNewRule(request: RtRequest): number {
  const want = ruleRequest(request)
  return isErr(want) ? want : newRule(request.net, want)
}

/** Errors: ESRCH; EPERM rule 0; a selector's own. */
export function rtDelRule(request: RtRequest): number {
  const want = ruleRequest(request)
  return isErr(want) ? want : delRule(request.current, request.net, want)
}

/** Linux: inet_fill_rule. */
function ruleAnswer(net: NetState, rule: FibRule): RtAnswer {
  const { srcLen, dstLen, tos, table, action, flags } = rule
  const fixed = Uint8Array.of(AF_INET, dstLen, srcLen, tos, table, 0, 0, action, 0, 0, 0, 0)
  const order = net.netlink.byteOrder
  write32(fixed, 8, flags, order)
  const attributes: (readonly [number, Uint8Array])[] = []
  if (rule.fwmark !== 0) attributes.push([RTA_PROTOINFO, bytes32(rule.fwmark, order)])
  if (dstLen > 0) attributes.push([RTA_DST, inet32(rule.dst)])
  if (srcLen > 0) attributes.push([RTA_SRC, inet32(rule.src)])
  if (rule.ifname !== '') attributes.push([RTA_IIF, nulText(rule.ifname)])
  if (rule.preference !== 0) attributes.push([RTA_PRIORITY, bytes32(rule.preference, order)])
  if (rule.srcmap !== 0) attributes.push([RTA_GATEWAY, inet32(rule.srcmap)])
  for (const { attribute, value } of rule.extras) {
    const selector = net.registry.ruleSelectors.get(attribute)
    if (selector !== undefined) attributes.push([attribute, selector.dump(value)])
  }
  return { type: RTM_NEWRULE, fixed, attributes }
}

/** All rules in their order. */
export const dumpRules = (net: NetState): RtAnswer[] =>
  net.inet.fib.rules.map((rule) => ruleAnswer(net, rule))
