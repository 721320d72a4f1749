/**
 * Options of IP. Linux: ip_setsockopt, ip_getsockopt, net/ipv4/ip_sockglue.c (2.2.12, 2.6.14).
 *
 * Left out: IP_OPTIONS, IP_ROUTER_ALERT and filters of sources (ENOPROTOOPT).
 */

import { CAP_NET_ADMIN } from '../../abi/capability.js'
import { EINVAL, ENOPROTOOPT, ENOTCONN, EPERM } from '../../abi/errno.js'
import { isAtLeast } from '../../abi/profile.js'
import {
  IP_ADD_MEMBERSHIP,
  IP_DROP_MEMBERSHIP,
  IP_HDRINCL,
  IP_MTU,
  IP_MTU_DISCOVER,
  IP_MULTICAST_IF,
  IP_MULTICAST_LOOP,
  IP_MULTICAST_TTL,
  IP_PKTINFO,
  IP_PMTUDISC_DO,
  IP_RECVERR,
  IP_RECVTOS,
  IP_RECVTTL,
  IP_TOS,
  IP_TTL,
  SOCK_RAW,
  SOCK_STREAM,
} from '../../abi/socket.js'
import type { Task } from '../../kernel/task.js'
import type { ByteOrder } from '../../lib/nlmsg.js'
import { capable } from '../../security/capability.js'
import { deny } from '../../security/deny.js'
import { firewallSetsockopt, isFirewallOption } from '../firewall/control.js'
import { optionInt, optionIntError } from '../options.js'
import type { SockoptValue } from '../sock.js'
import { mcJoin, mcLeave, mcSetDevice } from './multicast.js'
import { routeHolds } from './route.js'
import type { InetSock } from './sock.js'

/** An int, or one byte where only that was given. Linux: the beginning of ip_setsockopt. */
function intOf(value: unknown, order: ByteOrder): number | null {
  if (value instanceof Uint8Array && value.length > 0 && value.length < 4) return value[0] ?? 0
  if (value instanceof Uint8Array && value.length === 0) return 0
  return optionInt(value, order)
}

/** The precedence bits are for those who may. Linux: rt_tos2priority and the test before. */
function setTos(current: Task, sk: InetSock, value: number): number {
  let tos = value & 0xff
  if (sk.type === SOCK_STREAM) tos = (tos & ~3) | (sk.tos & 3)
  const needsAdmin = isAtLeast(current.k.facts.release, '2.6.14') ? (tos & 0xe0) > 0xa0 : (tos & ~0x1e) !== 0
  if (needsAdmin && !capable(current, CAP_NET_ADMIN))
    return deny(current, EPERM, 'capability', sk.socket?.file, CAP_NET_ADMIN)
  if (sk.tos !== tos) {
    sk.tos = tos
    sk.route = null
  }
  return 0
}

/** Errors: ENOPROTOOPT, EINVAL, EFAULT, EPERM. */
export function ipSetsockopt(current: Task, sk: InetSock, option: number, value: unknown): number {
  const { firewall } = sk.net
  if (firewall !== null && isFirewallOption(option))
    return firewallSetsockopt(current, sk, firewall, option, value)
  if (option === IP_ADD_MEMBERSHIP) return mcJoin(sk, value)
  if (option === IP_DROP_MEMBERSHIP) return mcLeave(sk, value)
  if (option === IP_MULTICAST_IF) return mcSetDevice(sk, value)
  const int = intOf(value, sk.net.netlink.byteOrder)
  if (int === null) return optionIntError(value)
  const on = int !== 0
  switch (option) {
    case IP_TOS:
      return setTos(current, sk, int)
    case IP_TTL:
      if (int !== -1 && (int < 1 || int > 255)) return EINVAL
      sk.ttl = int
      return 0
    case IP_HDRINCL:
      if (sk.type !== SOCK_RAW) return ENOPROTOOPT
      sk.hdrincl = on
      return 0
    case IP_PKTINFO:
      sk.pktinfo = on
      return 0
    case IP_RECVTTL:
      sk.recvTtl = on
      return 0
    case IP_RECVTOS:
      sk.recvTos = on
      return 0
    case IP_RECVERR:
      sk.recvErr = on
      return 0
    case IP_MTU_DISCOVER:
      if (int < 0 || int > IP_PMTUDISC_DO) return EINVAL
      sk.pmtudisc = int
      return 0
    case IP_MULTICAST_TTL:
      if (sk.type === SOCK_STREAM) return EINVAL
      if (int < -1 || int > 255) return EINVAL
      sk.mcTtl = int === -1 ? 1 : int
      return 0
    case IP_MULTICAST_LOOP:
      sk.mcLoop = on
      return 0
    default:
      return ENOPROTOOPT
  }
}

/** A struct in_addr. */
const addressBytes = (addr: number): Uint8Array =>
  Uint8Array.of(addr >>> 24, (addr >>> 16) & 255, (addr >>> 8) & 255, addr & 255)

/** Errors: ENOPROTOOPT; ENOTCONN (IP_MTU). */
export function ipGetsockopt(sk: InetSock, option: number): SockoptValue {
  const flag = (on: boolean): number => (on ? 1 : 0)
  switch (option) {
    case IP_TOS:
      return sk.tos
    case IP_TTL:
      return sk.ttl === -1 ? sk.net.inet.defaultTtl : sk.ttl
    case IP_HDRINCL:
      return flag(sk.hdrincl)
    case IP_PKTINFO:
      return flag(sk.pktinfo)
    case IP_RECVTTL:
      return flag(sk.recvTtl)
    case IP_RECVTOS:
      return flag(sk.recvTos)
    case IP_RECVERR:
      return flag(sk.recvErr)
    case IP_MTU_DISCOVER:
      return sk.pmtudisc
    case IP_MTU:
      return routeHolds(sk.net, sk.route) ? sk.route.mtu : ENOTCONN
    case IP_MULTICAST_TTL:
      return sk.mcTtl
    case IP_MULTICAST_LOOP:
      return flag(sk.mcLoop)
    case IP_MULTICAST_IF:
      return addressBytes(sk.mcAddr)
    default:
      return ENOPROTOOPT
  }
}
