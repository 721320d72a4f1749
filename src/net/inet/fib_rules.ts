/**
 * Policy rules: which table is asked for which packet. Linux: fib_lookup, inet_rtm_newrule, inet_rtm_delrule,
 * net/ipv4/fib_rules.c (2.2.12, 2.6.14).
 *
 * A change of rules does not flush the route cache: what is kept there goes on being used until somebody flushes it.
 */

import { EACCES, EAGAIN, EINVAL, ENETUNREACH, ENOBUFS, EPERM, type Errno, ESRCH } from '../../abi/errno.js'
import type { Task } from '../../kernel/task.js'
import { deny } from '../../security/deny.js'
import { deviceByName, type NetDevice } from '../device.js'
import type { NetState } from '../state.js'
import { answer, tableLookup } from './fib_table.js'
import {
  type FibNode,
  type FibRule,
  FibTable,
  inetMakeMask,
  RT_TABLE_MAIN,
  RT_TABLE_MAX,
  RT_TABLE_UNSPEC,
  type RuleExtra,
} from './fib_types.js'
import { type Flow, RTN_NAT, RTN_PROHIBIT, RTN_UNICAST, RTN_UNREACHABLE, RTN_UNSPEC } from './route_types.js'

/** Bits of TOS that routing looks at. Linux: IPTOS_TOS_MASK. */
export const IPTOS_TOS_MASK = 0x1e

/**
 * A selector of rules that a module adds. Its attribute travels in rule messages of rtnetlink like those that the
 * kernel knows; tools have to be told of it too.
 */
export interface RuleSelector {
  /** The number of the attribute in a rule message: above RTA_MAX of the profile's time, such as 32. */
  readonly attribute: number
  /** The value in an attribute's bytes, or an Errno for the request. */
  parse(payload: Uint8Array): number | Errno
  /** Does the rule apply to what is asked? `flow.key` is what the module has put into sockets and packets. */
  match(value: number, flow: Flow): boolean
  /** The attribute's bytes again. */
  dump(value: number): Uint8Array
}

/** The table with a number, main for 0; null where there is none. Linux: fib_get_table. */
export const fibGetTable = (net: NetState, id: number): FibTable | null =>
  net.inet.fib.tables.get(id === RT_TABLE_UNSPEC ? RT_TABLE_MAIN : id) ?? null

/** As fibGetTable; made where there is none. Null for a number that no table can have. Linux: fib_new_table. */
export function fibNewTable(net: NetState, id: number): FibTable | null {
  const { fib } = net.inet
  const known = fibGetTable(net, id)
  if (known !== null || !fib.hasRules || id > RT_TABLE_MAX) return known
  const made = new FibTable(id)
  fib.tables.set(id, made)
  return made
}

/** The lowest number that no table has. Linux: fib_empty_table. */
function emptyTable(net: NetState): FibTable | null {
  for (let id = 1; id <= RT_TABLE_MAX; id++) if (!net.inet.fib.tables.has(id)) return fibNewTable(net, id)
  return null
}

/** Do all modules' selectors of the rule apply? One whose module is not there does not. */
function extrasMatch(net: NetState, extras: readonly RuleExtra[], flow: Flow): boolean {
  for (const { attribute, value } of extras)
    if (net.registry.ruleSelectors.get(attribute)?.match(value, flow) !== true) return false
  return true
}

function ruleMatches(net: NetState, rule: FibRule, flow: Flow): boolean {
  if (((flow.src ^ rule.src) & inetMakeMask(rule.srcLen)) !== 0) return false
  if (((flow.dst ^ rule.dst) & inetMakeMask(rule.dstLen)) !== 0) return false
  if (rule.tos !== 0 && rule.tos !== flow.tos) return false
  if (rule.fwmark !== 0 && rule.fwmark !== flow.mark) return false
  if (rule.ifindex !== 0 && rule.ifindex !== flow.iif) return false
  return rule.extras.length === 0 || extrasMatch(net, rule.extras, flow)
}

/** What a rule that does not look into a table says. The network says so, nobody refuses a task something. */
function ruleError(action: number): Errno {
  if (action === RTN_UNREACHABLE) return ENETUNREACH
  return action === RTN_PROHIBIT ? answer(EACCES) : EINVAL
}

/**
 * The route that rules and tables give; `scope`: at least RT_SCOPE_*. Errors: ENETUNREACH nothing matches, or a rule
 * 'unreachable'; EACCES, EINVAL rules 'prohibit' and 'blackhole'; EHOSTUNREACH, EACCES, EINVAL such routes.
 * Linux: fib_lookup.
 */
export function fibRulesLookup(net: NetState, flow: Flow, scope: number): FibNode | Errno {
  for (const rule of net.inet.fib.rules) {
    if (!ruleMatches(net, rule, flow)) continue
    if (rule.action !== RTN_UNICAST && rule.action !== RTN_NAT) return ruleError(rule.action)
    const table = fibGetTable(net, rule.table)
    if (table === null) continue
    const found = tableLookup(table, flow.dst, flow.tos, flow.oif, scope)
    if (found !== null && found !== EAGAIN) return found
  }
  return ENETUNREACH
}

/** A request for a rule; null members have not been given. */
export interface RuleRequest {
  readonly srcLen: number
  readonly dstLen: number
  readonly tos: number
  /** RT_TABLE_*, 0 for none given. */
  readonly table: number
  /** RTN_*. */
  readonly type: number
  readonly flags: number
  readonly src: number | null
  readonly dst: number | null
  readonly srcmap: number | null
  readonly fwmark: number | null
  readonly preference: number | null
  readonly ifname: string | null
  readonly extras: readonly RuleExtra[]
}

/**
 * Adds a rule. Without a preference it comes right before the second rule; among equal preferences it comes last.
 * Errors: EINVAL prefix length or TOS; ENOBUFS no table given and no number free. Linux: inet_rtm_newrule.
 */
export function newRule(net: NetState, want: RuleRequest): number {
  if (want.srcLen > 32 || want.dstLen > 32 || (want.tos & ~IPTOS_TOS_MASK) !== 0) return EINVAL
  let { table } = want
  if (table === RT_TABLE_UNSPEC && (want.type === RTN_UNICAST || want.type === RTN_NAT)) {
    const free = emptyTable(net)
    if (free === null) return ENOBUFS
    table = free.id
  }
  const { rules } = net.inet.fib
  const ifname = want.ifname ?? ''
  const second = rules[1]?.preference ?? 0
  const preference = want.preference || (second !== 0 ? second - 1 : 0)
  const rule: FibRule = {
    preference,
    table,
    action: want.type,
    src: want.src ?? 0,
    srcLen: want.srcLen,
    dst: want.dst ?? 0,
    dstLen: want.dstLen,
    srcmap: want.srcmap ?? 0,
    flags: want.flags,
    tos: want.tos,
    fwmark: want.fwmark ?? 0,
    ifname,
    ifindex: ifname === '' ? 0 : (deviceByName(net, ifname)?.ifindex ?? -1),
    extras: want.extras,
  }
  // Where none was given the search begins behind the first rule, which is the one of the local table.
  let at = want.preference ? 0 : Math.min(1, rules.length)
  for (let other = rules[at]; other !== undefined && other.preference <= preference; ) other = rules[++at]
  rules.splice(at, 0, rule)
  return 0
}

const sameExtras = (rule: FibRule, want: RuleRequest): boolean =>
  want.extras.every(({ attribute, value }) =>
    rule.extras.some((extra) => extra.attribute === attribute && extra.value === value),
  )

const fits = (rule: FibRule, want: RuleRequest): boolean =>
  (want.src === null || want.src === rule.src) &&
  want.srcLen === rule.srcLen &&
  want.dstLen === rule.dstLen &&
  (want.dst === null || want.dst === rule.dst) &&
  want.tos === rule.tos &&
  (want.fwmark === null || want.fwmark === rule.fwmark) &&
  (want.type === RTN_UNSPEC || want.type === rule.action) &&
  (want.preference === null || want.preference === rule.preference) &&
  (want.ifname === null || want.ifname === rule.ifname) &&
  (want.table === RT_TABLE_UNSPEC || want.table === rule.table) &&
  sameExtras(rule, want)

/**
 * Takes out the first rule that is as wanted. Errors: ESRCH there is none; EPERM it is rule 0, which stays.
 * Linux: inet_rtm_delrule.
 */
export function delRule(current: Task, net: NetState, want: RuleRequest): number {
  const { fib } = net.inet
  const rule = fib.rules.find((one) => fits(one, want))
  if (rule === undefined) return ESRCH
  if (rule === fib.rules[0])
    return deny(current, EPERM, 'state', undefined, 'the rule of the local table cannot be deleted')
  fib.rules = fib.rules.filter((one) => one !== rule)
  return 0
}

/** Rules know devices by number: one has come or gone. Linux: fib_rules_attach, fib_rules_detach. */
export function rulesAttach(net: NetState, dev: NetDevice, isThere: boolean): void {
  const { fib } = net.inet
  const ifindex = isThere ? dev.ifindex : -1
  fib.rules = fib.rules.map((rule) => (rule.ifname === dev.name ? { ...rule, ifindex } : rule))
}
