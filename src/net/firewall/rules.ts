/**
 * Changing chains: rules from bytes, and their places. Linux: convert_ipfw, insert_in_chain, del_rule_from_chain and
 * their neighbours, net/ipv4/ip_fw.c (2.2.12).
 */

import { EBUSY, EEXIST, EINVAL, ENOENT, ENOMEM, ENOTEMPTY, type Errno, isErr } from '../../abi/errno.js'
import { IP_FW_F_MARKABS, IP_FW_F_MASK, IP_FW_F_WILDIF, IP_FW_INV_PROTO } from '../../abi/ip_fw.js'
import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from '../../abi/socket.js'
import type { Task } from '../../kernel/task.js'
import { decodeFwuser, type IpFwUser } from '../../lib/ip_fw.js'
import { shouldFail } from '../../sim/faults.js'
import type { NetState } from '../state.js'
import { specialTarget } from './log.js'
import {
  type FirewallState,
  FW_ACCEPT,
  FW_BLOCK,
  FW_MASQUERADE,
  FW_REJECT,
  FW_SKIP,
  IpfwChain,
  IpfwRule,
} from './state.js'

const isWhole = ([low, high]: readonly [number, number]): boolean => low === 0 && high === 0xffff

/** May a rule like this ask for ports? */
function canHavePorts({ proto, invflg }: IpFwUser): boolean {
  if ((invflg & IP_FW_INV_PROTO) !== 0) return false
  return proto === IPPROTO_TCP || proto === IPPROTO_UDP || proto === IPPROTO_ICMP
}

/** What modules make of the bytes behind a rule; null without modules. */
function parseFields(current: Task, net: NetState, extra: Uint8Array): unknown[] | null | Errno {
  const { firewall } = net.registry
  if (firewall.length === 0) return null
  const fields: unknown[] = []
  let at = 0
  for (const { size, parse } of firewall) {
    const field = parse(current, extra.slice(at, at + size))
    if (typeof field === 'number' && isErr(field)) return field
    fields.push(field)
    at += size
  }
  return fields
}

/**
 * The rule that begins at `at`. Errors: EINVAL undefined flags, ports with a protocol that has none; ENOMEM; ENOENT
 * the target is no chain, or a built-in one; what modules say. Linux: convert_ipfw.
 */
export function convertRule(
  current: Task,
  net: NetState,
  fw: FirewallState,
  bytes: Uint8Array,
  at: number,
): IpfwRule | Errno {
  const user = decodeFwuser(bytes, at, net.registry.firewallBytes)
  if ((user.flg & ~IP_FW_F_MASK) !== 0) return EINVAL
  if ((!isWhole(user.spts) || !isWhole(user.dpts)) && !canHavePorts(user)) return EINVAL
  if (shouldFail(net.k, 'alloc:ipfw')) return ENOMEM
  const fields = parseFields(current, net, user.extra)
  if (typeof fields === 'number') return fields
  const special = specialTarget(user.label)
  const branch = special === undefined ? fw.chains.get(user.label) : null
  if (branch === undefined || (branch !== null && fw.isBuiltin(branch))) return ENOENT
  const rule = new IpfwRule(user.extra)
  rule.src = user.src | 0
  rule.smsk = user.smsk | 0
  rule.dst = user.dst | 0
  rule.dmsk = user.dmsk | 0
  rule.proto = user.proto
  rule.flg = user.vianame === '' ? user.flg | IP_FW_F_WILDIF : user.flg
  rule.invflg = user.invflg
  ;[rule.sptLow, rule.sptHigh] = user.spts
  ;[rule.dptLow, rule.dptHigh] = user.dpts
  rule.redirpt = user.redirpt
  rule.outputsize = user.outputsize
  rule.mark = user.mark
  rule.tosand = user.tosand
  rule.tosxor = user.tosxor
  rule.vianame = user.vianame
  rule.target = special ?? FW_SKIP
  rule.branch = branch
  rule.fields = fields
  return rule
}

function refer(rule: IpfwRule, by: 1 | -1): void {
  if (rule.branch !== null) rule.branch.refcount += by
}

/** Linux: append_to_chain. */
export function appendRule(chain: IpfwChain, rule: IpfwRule): number {
  chain.rules.push(rule)
  refer(rule, 1)
  return 0
}

/** Becomes rule `position`. Errors: EINVAL there is no such place. Linux: insert_in_chain. */
export function insertRule(chain: IpfwChain, rule: IpfwRule, position: number): number {
  if (position < 1 || position > chain.rules.length + 1) return EINVAL
  chain.rules.splice(position - 1, 0, rule)
  refer(rule, 1)
  return 0
}

/** Takes the place of rule `position`. Errors: EINVAL there is none. Linux: replace_in_chain. */
export function replaceRule(chain: IpfwChain, rule: IpfwRule, position: number): number {
  const old = chain.rules[position - 1]
  if (old === undefined) return EINVAL
  refer(old, -1)
  refer(rule, 1)
  chain.rules[position - 1] = rule
  return 0
}

/** Errors: ENOENT there is no rule of that number. Linux: del_num_from_chain. */
export function deleteRuleNumber(chain: IpfwChain, position: number): number {
  const old = chain.rules[position - 1]
  if (old === undefined) return ENOENT
  refer(old, -1)
  chain.rules.splice(position - 1, 1)
  return 0
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i])

/** Are two rules the same to a deletion? It looks neither at the mark nor at the TOS. */
const isSame = (a: IpfwRule, b: IpfwRule): boolean =>
  a.src === b.src &&
  a.dst === b.dst &&
  a.smsk === b.smsk &&
  a.dmsk === b.dmsk &&
  (a.flg | IP_FW_F_MARKABS) === (b.flg | IP_FW_F_MARKABS) &&
  a.invflg === b.invflg &&
  a.proto === b.proto &&
  a.redirpt === b.redirpt &&
  a.sptLow === b.sptLow &&
  a.sptHigh === b.sptHigh &&
  a.dptLow === b.dptLow &&
  a.dptHigh === b.dptHigh &&
  a.outputsize === b.outputsize &&
  a.vianame === b.vianame &&
  a.branch === b.branch &&
  a.target === b.target &&
  sameBytes(a.extra, b.extra)

/** Deletes the first rule like this one. Errors: EINVAL there is none. Linux: del_rule_from_chain. */
export function deleteRule(chain: IpfwChain, like: IpfwRule): number {
  const at = chain.rules.findIndex((rule) => isSame(rule, like))
  return at < 0 ? EINVAL : deleteRuleNumber(chain, at + 1)
}

/** Linux: clear_fw_chain. */
export function flushChain(chain: IpfwChain): number {
  for (const rule of chain.rules) refer(rule, -1)
  chain.rules = []
  return 0
}

/** The counters of the rules, not those of the policy. Linux: zero_fw_chain. */
export function zeroChain(chain: IpfwChain): number {
  for (const rule of chain.rules) {
    rule.packets = 0
    rule.bytes = 0
  }
  return 0
}

/** Errors: EEXIST; ENOMEM. Linux: create_chain. */
export function createChain(net: NetState, fw: FirewallState, label: string): number {
  if (fw.chains.has(label)) return EEXIST
  if (shouldFail(net.k, 'alloc:ipfw')) return ENOMEM
  fw.chains.set(label, new IpfwChain(label, 0, FW_SKIP))
  return 0
}

/** Errors: ENOENT; EBUSY built-in, or rules enter it; ENOTEMPTY. Linux: del_chain. */
export function deleteChain(fw: FirewallState, label: string): number {
  const chain = fw.chains.get(label)
  if (chain === undefined) return ENOENT
  if (chain.refcount !== 0) return EBUSY
  if (chain.rules.length > 0) return ENOTEMPTY
  fw.chains.delete(label)
  return 0
}

/** Errors: EINVAL a chain of users', or no policy; MASQ is for the forward chain. Linux: the part of ip_fw_ctl. */
export function setPolicy(fw: FirewallState, chain: IpfwChain, policy: string): number {
  if (!fw.isBuiltin(chain)) return EINVAL
  const target = specialTarget(policy)
  switch (target) {
    case FW_MASQUERADE:
      if (chain !== fw.forward) return EINVAL
      break
    case FW_BLOCK:
    case FW_ACCEPT:
    case FW_REJECT:
      break
    default:
      return EINVAL
  }
  chain.policy = target
  return 0
}
