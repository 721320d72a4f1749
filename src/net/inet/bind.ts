/**
 * bind(2) of AF_INET: the tests, in the order of the profile, and ports for sockets that did not ask for one.
 *
 * Linux: inet_bind, inet_autobind, net/ipv4/af_inet.c (2.0.35, 2.2.12, 2.6.14). The tests of a port below 1024 and
 * of an address that is not this host's change places between 2.0 and 2.2, so that what a user hears of a bind that is
 * wrong in both does too. Module hooks decide about ports at the place of the privilege test (inetBindPrivilege).
 */

import { CAP_NET_ADMIN, CAP_NET_BIND_SERVICE } from '../../abi/capability.js'
import { EACCES, EADDRINUSE, EADDRNOTAVAIL, EAGAIN, EINVAL } from '../../abi/errno.js'
import { PORT_MASQ_BEGIN, PORT_MASQ_END } from '../../abi/ip_fw.js'
import type { Task } from '../../kernel/task.js'
import { capable } from '../../security/capability.js'
import { deny } from '../../security/deny.js'
import { TCP_CLOSE } from '../sock.js'
import { SOCKADDR_IN, type Sockaddr } from '../sockaddr.js'
import { inetAddrType } from './fib.js'
import { RTN_BROADCAST, RTN_LOCAL, RTN_MULTICAST, RTN_UNICAST } from './route_types.js'
import { BINDADDR_LOCK, BINDPORT_LOCK, type InetSock } from './sock.js'

/** Ports below it are for those who may. */
export const PROT_SOCK = 1024

/**
 * May `current` have the port? Modules are asked about 1 to 1024: any refusal decides, then any permission; where
 * none has an answer, ports below 1024 need the capability (2.0: the superuser).
 */
function mayHave(current: Task, sk: InetSock, port: number, isChosen = false): number {
  const { k } = current
  if (port > 0 && port <= PROT_SOCK && k.hooked.has('inetBindPrivilege')) {
    const verdict = k.security.inetBindPrivilege(current, sk, port, isChosen)
    if (verdict !== undefined) return verdict
  }
  if (port === 0 || port >= PROT_SOCK || capable(current, CAP_NET_BIND_SERVICE)) return 0
  return deny(current, EACCES, 'capability', sk.socket?.file, CAP_NET_BIND_SERVICE)
}

/** Are these ports for masquerading? */
const isMasqPort = (sk: InetSock, port: number): boolean =>
  sk.net.firewall !== null && port >= PORT_MASQ_BEGIN && port <= PORT_MASQ_END

/** Is it an address that a socket of this host can have? */
export function isOurs(sk: InetSock, addr: number): boolean {
  if (addr === 0) return true
  const type = inetAddrType(sk.net, addr)
  return type === RTN_LOCAL || type === RTN_MULTICAST || type === RTN_BROADCAST
}

/** May `current` take the address of another host? Who administers a transparent proxy may. */
const mayBeForeign = (current: Task, { net }: InetSock, addr: number): boolean =>
  net.firewall?.isTransparent === true &&
  inetAddrType(net, addr) === RTN_UNICAST &&
  capable(current, CAP_NET_ADMIN)

/** Datagrams to all or to a group come in, but nothing is sent from there. */
export function setAddress(sk: InetSock, addr: number): void {
  const type = addr === 0 ? RTN_LOCAL : inetAddrType(sk.net, addr)
  sk.rcvSaddr = addr
  sk.isForeign = type === RTN_UNICAST
  sk.saddr = type === RTN_LOCAL || sk.isForeign ? addr : 0
  if (sk.isForeign && sk.net.firewall !== null) sk.net.firewall.hasForeign = true
}

/** The port is the sock's. */
function bound(sk: InetSock, address: Sockaddr): void {
  if (sk.rcvSaddr !== 0) sk.locks |= BINDADDR_LOCK
  if (address.port !== 0) sk.locks |= BINDPORT_LOCK
  sk.sport = sk.num
  sk.daddr = 0
  sk.dport = 0
  sk.route = null
  sk.proto.hash(sk)
}

/**
 * Errors: EINVAL, EACCES, EADDRNOTAVAIL, EADDRINUSE; EAGAIN the superuser finds no port left (2.0).
 * Linux: inet_bind.
 */
export function inetBind(current: Task, sk: InetSock, address: Sockaddr): number {
  if (sk.proto.bind !== undefined) return sk.proto.bind(current, sk, address)
  switch (current.k.facts.release) {
    case '2.0.35':
      return bind20(current, sk, address)
    case '2.2.12':
      return bind22(current, sk, address)
    default:
      return bind26(current, sk, address)
  }
}

/** Socket, masquerading, port, privilege, address, clash. */
function bind20(current: Task, sk: InetSock, address: Sockaddr): number {
  if (sk.state !== TCP_CLOSE || sk.num !== 0 || address.length < SOCKADDR_IN) return EINVAL
  let { port } = address
  if (isMasqPort(sk, port)) return EADDRINUSE
  const isChosen = port === 0
  if (isChosen) {
    // What the protocol chooses is subject to the tests that follow, also where it has found none.
    if (sk.proto.getPort(sk, 0) === 0) port = sk.num
    sk.num = 0
  }
  if (port === 0) {
    if (capable(current, CAP_NET_BIND_SERVICE)) return EAGAIN
    return deny(current, EACCES, 'capability', sk.socket?.file, CAP_NET_BIND_SERVICE)
  }
  const refused = mayHave(current, sk, port, isChosen)
  if (refused !== 0) return refused
  if (!isOurs(sk, address.addr) && !mayBeForeign(current, sk, address.addr)) return EADDRNOTAVAIL
  setAddress(sk, address.addr)
  if (sk.proto.getPort(sk, port) !== 0) {
    setAddress(sk, 0)
    return EADDRINUSE
  }
  bound(sk, address)
  return 0
}

/** Socket, address, masquerading, privilege, clash. */
function bind22(current: Task, sk: InetSock, address: Sockaddr): number {
  if (sk.state !== TCP_CLOSE || sk.num !== 0 || address.length < SOCKADDR_IN) return EINVAL
  if (!isOurs(sk, address.addr) && !mayBeForeign(current, sk, address.addr)) return EADDRNOTAVAIL
  if (isMasqPort(sk, address.port)) return EADDRINUSE
  const refused = mayHave(current, sk, address.port)
  if (refused !== 0) return refused
  return take(sk, address)
}

/** Length, address, masquerading (where the firewall of 2.2 has been asked for), privilege, socket, clash. */
function bind26(current: Task, sk: InetSock, address: Sockaddr): number {
  if (address.length < SOCKADDR_IN) return EINVAL
  if (!isOurs(sk, address.addr) && !mayBeForeign(current, sk, address.addr)) return EADDRNOTAVAIL
  if (isMasqPort(sk, address.port)) return EADDRINUSE
  const refused = mayHave(current, sk, address.port)
  if (refused !== 0) return refused
  if (sk.state !== TCP_CLOSE || sk.num !== 0) return EINVAL
  return take(sk, address)
}

function take(sk: InetSock, address: Sockaddr): number {
  setAddress(sk, address.addr)
  if (sk.proto.getPort(sk, address.port) !== 0) {
    setAddress(sk, 0)
    return EADDRINUSE
  }
  bound(sk, address)
  return 0
}

/** A port for a sock without one; no privilege is asked. 0 or EAGAIN. Linux: inet_autobind. */
export function inetAutobind(sk: InetSock): number {
  if (sk.num !== 0) return 0
  if (sk.proto.getPort(sk, 0) !== 0) return EAGAIN
  sk.sport = sk.num
  sk.proto.hash(sk)
  return 0
}
