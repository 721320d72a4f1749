/**
 * What ICMP errors mean to sockets. Linux: icmp_err_convert, net/ipv4/icmp.c.
 */

import {
  ECONNREFUSED,
  EHOSTDOWN,
  EHOSTUNREACH,
  EMSGSIZE,
  ENETUNREACH,
  ENONET,
  ENOPROTOOPT,
  EOPNOTSUPP,
  type Errno,
} from '../../abi/errno.js'

/** What "destination unreachable" means to a socket, and whether it ends a connection. Linux: icmp_err_convert. */
export const ICMP_ERRORS: readonly (readonly [error: Errno, fatal: boolean])[] = Object.freeze([
  [ENETUNREACH, false],
  [EHOSTUNREACH, false],
  [ENOPROTOOPT, true],
  [ECONNREFUSED, true],
  [EMSGSIZE, false],
  [EOPNOTSUPP, false],
  [ENETUNREACH, true],
  [EHOSTDOWN, true],
  [ENONET, true],
  [ENETUNREACH, true],
  [EHOSTUNREACH, true],
  [ENETUNREACH, false],
  [EHOSTUNREACH, false],
  [EHOSTUNREACH, true],
  [EHOSTUNREACH, true],
  [EHOSTUNREACH, true],
])
