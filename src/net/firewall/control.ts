/**
 * setsockopt of the firewall: options 64 to 76 of level SOL_IP, on any socket of AF_INET. Linux: ip_setsockopt
 * (net/ipv4/ip_sockglue.c), ip_fw_ctl (net/ipv4/ip_fw.c), ip_fw_masq_timeouts, ip_masq_uctl (net/ipv4/ip_masq.c,
 * 2.2.12).
 *
 * Every structure must have exactly its size, which is why a kernel whose rules have more fields refuses programs that
 * do not know of them.
 */

import { CAP_NET_ADMIN } from '../../abi/capability.js'
import {
  EACCES,
  ECONNABORTED,
  ECONNREFUSED,
  ECONNRESET,
  EFAULT,
  EINVAL,
  ELOOP,
  ENFILE,
  ENOENT,
  EPERM,
  ETIMEDOUT,
  isErr,
} from '../../abi/errno.js'
import {
  IP_FW_APPEND,
  IP_FW_CHECK,
  IP_FW_CREATECHAIN,
  IP_FW_DELETE,
  IP_FW_DELETE_NUM,
  IP_FW_DELETECHAIN,
  IP_FW_FLUSH,
  IP_FW_INSERT,
  IP_FW_LABEL,
  IP_FW_MASQ,
  IP_FW_MASQ_CTL,
  IP_FW_MASQ_TIMEOUTS,
  IP_FW_POLICY,
  IP_FW_REPLACE,
  IP_FW_ZERO,
  IP_FWDELNUM,
  IP_FWPOLICY,
  IP_FWTEST,
} from '../../abi/ip_fw.js'
import type { Task } from '../../kernel/task.js'
import { fwchangeSize, fwnewSize, fwuserSize } from '../../lib/ip_fw.js'
import { int32, le32, textOf } from '../../lib/nlmsg.js'
import { capable } from '../../security/capability.js'
import { deny } from '../../security/deny.js'
import { ipHlen } from '../inet/ip.js'
import type { InetSock } from '../inet/sock.js'
import { NF_IP_PRE_ROUTING } from '../netfilter.js'
import type { NetState } from '../state.js'
import { ipFwCheck } from './check.js'
import { setMasqTimeouts } from './masq_table.js'
import {
  appendRule,
  convertRule,
  createChain,
  deleteChain,
  deleteRule,
  deleteRuleNumber,
  flushChain,
  insertRule,
  replaceRule,
  setPolicy,
  zeroChain,
} from './rules.js'
import {
  type FirewallState,
  FW_ACCEPT,
  FW_MASQUERADE,
  FW_REDIRECT,
  FW_REJECT,
  FW_RETURN,
  FW_SKIP,
  type IpfwChain,
  type IpfwRule,
} from './state.js'

/** Is it an option of the firewall? */
export const isFirewallOption = (option: number): boolean =>
  option >= IP_FW_APPEND && option <= IP_FW_MASQ_CTL

/** The label at `at`; null where its NUL is missing. Linux: check_label. */
function labelAt(bytes: Uint8Array, at: number): string | null {
  const field = bytes.subarray(at, at + IP_FW_LABEL)
  return field.includes(0) ? textOf(field) : null
}

/** The chain whose label is at `at`. Errors: EINVAL it is no label; ENOENT. */
function chainAt(fw: FirewallState, bytes: Uint8Array, at: number): IpfwChain | number {
  const label = labelAt(bytes, at)
  if (label === null) return EINVAL
  return fw.chains.get(label) ?? ENOENT
}

/** Commands that take a rule: at which byte it is, and how many there must be. */
function withRule(
  current: Task,
  net: NetState,
  fw: FirewallState,
  bytes: Uint8Array,
  isNew: boolean,
  change: (chain: IpfwChain, rule: IpfwRule, number: number) => number,
): number {
  const extra = net.registry.firewallBytes
  const size = isNew ? fwnewSize(extra) : fwchangeSize(extra)
  if (bytes.length !== size) return EINVAL
  const at = isNew ? 4 : 0
  const chain = chainAt(fw, bytes, at + fwuserSize(extra))
  if (typeof chain === 'number') return chain
  const rule = convertRule(current, net, fw, bytes, at)
  return isErr(rule) ? rule : change(chain, rule, le32(bytes, 0))
}

/** What IP_FW_CHECK says of FW_*. */
function checkCode(result: number): number {
  switch (result) {
    case FW_ACCEPT:
      return 0
    case FW_REDIRECT:
      return ECONNABORTED
    case FW_MASQUERADE:
      return ECONNRESET
    case FW_REJECT:
      return ECONNREFUSED
    case FW_RETURN:
      return ELOOP
    case FW_SKIP:
      return ENFILE
    default:
      return ETIMEDOUT
  }
}

/** Where the parts of struct ip_fwtest are: the headers, the interface, the label. */
const TEST_VIANAME = 44
const TEST_LABEL = 60

/** What would become of a packet? Nothing counts. */
function check(net: NetState, fw: FirewallState, bytes: Uint8Array): number {
  if (bytes.length !== IP_FWTEST) return EINVAL
  const chain = chainAt(fw, bytes, TEST_LABEL)
  if (typeof chain === 'number') return chain
  if (ipHlen(bytes, 0) !== 20) return EINVAL
  const ifname = textOf(bytes.subarray(TEST_VIANAME, TEST_LABEL))
  return checkCode(ipFwCheck(net, fw, chain, bytes, 0, ifname, null, NF_IP_PRE_ROUTING))
}

/** Linux: ip_fw_ctl. */
function ipFwCtl(current: Task, net: NetState, fw: FirewallState, option: number, bytes: Uint8Array): number {
  const onChain = (change: (chain: IpfwChain) => number): number => {
    if (bytes.length !== IP_FW_LABEL) return EINVAL
    const chain = chainAt(fw, bytes, 0)
    return typeof chain === 'number' ? chain : change(chain)
  }
  switch (option) {
    case IP_FW_APPEND:
      return withRule(current, net, fw, bytes, false, appendRule)
    case IP_FW_REPLACE:
      return withRule(current, net, fw, bytes, true, replaceRule)
    case IP_FW_INSERT:
      return withRule(current, net, fw, bytes, true, insertRule)
    case IP_FW_DELETE:
      return withRule(current, net, fw, bytes, false, deleteRule)
    case IP_FW_DELETE_NUM: {
      if (bytes.length !== IP_FWDELNUM) return EINVAL
      const chain = chainAt(fw, bytes, 4)
      return typeof chain === 'number' ? chain : deleteRuleNumber(chain, le32(bytes, 0))
    }
    case IP_FW_FLUSH:
      return onChain(flushChain)
    case IP_FW_ZERO:
      return onChain(zeroChain)
    case IP_FW_CHECK:
      return check(net, fw, bytes)
    case IP_FW_MASQ_TIMEOUTS:
      if (bytes.length !== IP_FW_MASQ) return EINVAL
      setMasqTimeouts(fw.masq, le32(bytes, 0) | 0, le32(bytes, 4) | 0, le32(bytes, 8) | 0)
      return 0
    case IP_FW_CREATECHAIN: {
      const label = bytes.length === IP_FW_LABEL ? labelAt(bytes, 0) : null
      return label === null ? EINVAL : createChain(net, fw, label)
    }
    case IP_FW_DELETECHAIN: {
      if (bytes.length !== IP_FW_LABEL) return EINVAL
      const label = labelAt(bytes, 0)
      return label === null ? ENOENT : deleteChain(fw, label)
    }
    case IP_FW_POLICY: {
      if (bytes.length !== IP_FWPOLICY) return EINVAL
      const chain = chainAt(fw, bytes, IP_FW_LABEL)
      if (typeof chain === 'number') return chain
      return setPolicy(fw, chain, labelAt(bytes, 0) ?? '')
    }
    default:
      return EINVAL
  }
}

/**
 * Sets an option of the firewall. Errors: EFAULT no value; EACCES, for masquerading's control EPERM, without
 * CAP_NET_ADMIN; EINVAL a structure of another size, and as the commands say; ENOENT, EBUSY, EEXIST, ENOTEMPTY,
 * ENOMEM; what modules say; IP_FW_CHECK answers with errors what becomes of the packet.
 */
export function firewallSetsockopt(
  current: Task,
  sk: InetSock,
  fw: FirewallState,
  option: number,
  value: unknown,
): number {
  const bytes = typeof value === 'number' ? int32(value) : value
  if (!(bytes instanceof Uint8Array)) return EFAULT
  const file = sk.socket?.file
  if (option === IP_FW_MASQ_CTL) {
    // What it would go to are helpers of protocols, and there are none.
    return capable(current, CAP_NET_ADMIN) ? EINVAL : deny(current, EPERM, 'capability', file, CAP_NET_ADMIN)
  }
  if (!capable(current, CAP_NET_ADMIN)) return deny(current, EACCES, 'capability', file, CAP_NET_ADMIN)
  for (const { mayChange } of sk.net.registry.firewall) {
    const refused = mayChange?.(current) ?? 0
    if (refused !== 0) return refused
  }
  return ipFwCtl(current, sk.net, fw, option, bytes.slice())
}
