/**
 * Who may use groups, and the options of level SOL_NETLINK: groups by number, and telling them of each message.
 * Linux: netlink_capable, netlink_setsockopt, netlink_getsockopt, net/netlink/af_netlink.c (2.6.14).
 */

import { CAP_NET_ADMIN } from '../../abi/capability.js'
import { EFAULT, EINVAL, ENOENT, ENOPROTOOPT, EOPNOTSUPP, EPERM } from '../../abi/errno.js'
import { isAtLeast } from '../../abi/profile.js'
import {
  NETLINK_ADD_MEMBERSHIP,
  NETLINK_BROADCAST_ERROR,
  NETLINK_CAP_ACK,
  NETLINK_DROP_MEMBERSHIP,
  NETLINK_NO_ENOBUFS,
  NETLINK_PKTINFO,
  SOL_NETLINK,
} from '../../abi/socket.js'
import type { Task } from '../../kernel/task.js'
import { wakeUp } from '../../kernel/wait.js'
import { capable } from '../../security/capability.js'
import { deny } from '../../security/deny.js'
import { optionInt, optionIntError } from '../options.js'
import type { Socket } from '../sock.js'
import { type NetlinkProtocol, netlinkGroups } from './protocol.js'
import { NetlinkSock, netlinkSubscribe } from './sock.js'

/** What the kernel has said of the sock's protocol; undefined where it does not have it. */
export const protocolOf = (sk: NetlinkSock): NetlinkProtocol | undefined =>
  sk.net.registry.netlink.get(sk.protocol)

/** May the task listen or send to groups? Linux: netlink_capable. */
export const mayGroup = (current: Task, sk: NetlinkSock, to: 'nonrootRecv' | 'nonrootSend'): boolean =>
  protocolOf(sk)?.[to] === true || capable(current, CAP_NET_ADMIN)

/** Options are later than 2.2. */
const hasOptions = ({ net }: Socket): boolean => isAtLeast(net.k.facts.release, '2.6.14')

/**
 * Errors: EOPNOTSUPP (2.2); ENOPROTOOPT level, option; EFAULT, EINVAL the value, or no such group; EPERM groups without
 * CAP_NET_ADMIN; ENOENT the kernel does not have the protocol. Linux: netlink_setsockopt.
 */
export function netlinkSetsockopt(
  current: Task,
  sock: Socket,
  level: number,
  option: number,
  value: unknown,
): number {
  const { sk } = sock
  if (!(sk instanceof NetlinkSock) || !hasOptions(sock)) return EOPNOTSUPP
  if (level !== SOL_NETLINK) return ENOPROTOOPT
  const int = optionInt(value, sk.net.netlink.byteOrder)
  const wrong = int === null ? optionIntError(value) : 0
  if (wrong === EFAULT) return EFAULT
  switch (option) {
    case NETLINK_PKTINFO:
      if (int === null) return wrong
      sk.hasPktinfo = int !== 0
      return 0
    case NETLINK_ADD_MEMBERSHIP:
    case NETLINK_DROP_MEMBERSHIP:
      return int === null ? wrong : membership(current, sk, int >>> 0, option === NETLINK_ADD_MEMBERSHIP)
    default:
      return sk.net.netlink.hasLaterOptions ? setLater(sk, option, int, wrong) : ENOPROTOOPT
  }
}

/** Options since 2.6.14. */
function setLater(sk: NetlinkSock, option: number, int: number | null, wrong: number): number {
  if (option !== NETLINK_BROADCAST_ERROR && option !== NETLINK_NO_ENOBUFS && option !== NETLINK_CAP_ACK)
    return ENOPROTOOPT
  if (int === null) return wrong
  const on = int !== 0
  if (option === NETLINK_BROADCAST_ERROR) sk.broadcastError = on
  else if (option === NETLINK_CAP_ACK) sk.capAck = on
  else {
    sk.noEnobufs = on
    if (on) {
      sk.congested = false
      wakeUp(sk.room)
    }
  }
  return 0
}

function membership(current: Task, sk: NetlinkSock, group: number, joins: boolean): number {
  if (!mayGroup(current, sk, 'nonrootRecv'))
    return deny(current, EPERM, 'capability', undefined, CAP_NET_ADMIN)
  const protocol = protocolOf(sk)
  if (protocol === undefined) return ENOENT
  if (group === 0 || group > netlinkGroups(protocol)) return EINVAL
  netlinkSubscribe(sk, group, joins)
  return 0
}

/** Errors: EOPNOTSUPP (2.2); ENOPROTOOPT. Linux: netlink_getsockopt. */
export function netlinkGetsockopt(_current: Task, sock: Socket, level: number, option: number): number {
  const { sk } = sock
  if (!(sk instanceof NetlinkSock) || !hasOptions(sock)) return EOPNOTSUPP
  if (level !== SOL_NETLINK) return ENOPROTOOPT
  if (option === NETLINK_PKTINFO) return sk.hasPktinfo ? 1 : 0
  if (!sk.net.netlink.hasLaterOptions) return ENOPROTOOPT
  if (option === NETLINK_BROADCAST_ERROR) return sk.broadcastError ? 1 : 0
  if (option === NETLINK_NO_ENOBUFS) return sk.noEnobufs ? 1 : 0
  return option === NETLINK_CAP_ACK ? (sk.capAck ? 1 : 0) : ENOPROTOOPT
}
