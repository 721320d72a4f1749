/**
 * Groups: which sockets have joined them through which devices, and which packets so come in.
 *
 * Linux: ip_mc_join_group, ip_mc_leave_group, ip_mc_drop_socket, ip_check_mc, igmp_mc_proc (net/ipv4/igmp.c, 2.2.12,
 * 2.6.14); the multicast options of ip_setsockopt. A host takes packets to the groups that anybody on it has joined;
 * on the host every socket that has the port gets them, whether it has joined or not.
 *
 * Left out: IGMP's messages to routers; filters of sources (2.6).
 */

import {
  EADDRINUSE,
  EADDRNOTAVAIL,
  EFAULT,
  EINVAL,
  ENOBUFS,
  ENODEV,
  type Errno,
  isErr,
} from '../../abi/errno.js'
import { isAtLeast } from '../../abi/profile.js'
import { SOCK_STREAM } from '../../abi/socket.js'
import type { Books } from '../../kernel/books.js'
import { Tally } from '../../kernel/books.js'
import type { ProcEntry } from '../../kernel/module.js'
import { deviceByIndex, type NetDevice } from '../device.js'
import { parseIp } from '../sockaddr.js'
import type { NetState } from '../state.js'
import { be32, isMulticast } from './ip.js'
import { ipRouteOutput } from './route.js'
import { flushRoutes } from './route_cache.js'
import type { InetSock } from './sock.js'

/** The group of all hosts, which every device that is up is in. Linux: IGMP_ALL_HOSTS. */
export const ALL_HOSTS = 0xe0000001
/** Groups that a socket may be in. Linux: IP_MAX_MEMBERSHIPS. */
const MAX_MEMBERSHIPS = 20

/** A socket's membership. Linux: struct ip_mc_socklist. */
export interface McMembership {
  readonly group: number
  /** The device, as it was asked for by address: 0 where it was not. */
  readonly address: number
  readonly ifindex: number
  /** How often it has joined. */
  count: number
}

/** What a program asks for. Linux: struct ip_mreqn. */
interface Mreq {
  readonly group: number
  readonly address: number
  readonly ifindex: number
}

const addressOf = (value: unknown): number =>
  typeof value === 'string'
    ? parseIp(value)
    : typeof value === 'number'
      ? value >>> 0
      : value === undefined
        ? 0
        : -1

/** A struct ip_mreq or ip_mreqn as bytes, or { multiaddr, address?, ifindex? }. Errors: EINVAL, EFAULT. */
function readMreq(value: unknown): Mreq | Errno {
  if (value instanceof Uint8Array) {
    if (value.length < 8) return EINVAL
    const at = (i: number): number => value[i] ?? 0
    const ifindex = value.length < 12 ? 0 : at(8) | (at(9) << 8) | (at(10) << 16) | (at(11) << 24)
    return { group: be32(value, 0), address: be32(value, 4), ifindex }
  }
  if (typeof value === 'number') return EINVAL
  if (typeof value !== 'object' || value === null) return EFAULT
  const multiaddr: unknown = Reflect.get(value, 'multiaddr')
  const group = multiaddr === undefined ? -1 : addressOf(multiaddr)
  const address = addressOf(Reflect.get(value, 'address'))
  const ifindex: unknown = Reflect.get(value, 'ifindex') ?? 0
  return group < 0 || address < 0 || typeof ifindex !== 'number'
    ? EFAULT
    : { group, address, ifindex: ifindex | 0 }
}

/** The device with an address of this host. Linux: ip_dev_find. */
const deviceOf = (net: NetState, address: number): NetDevice | null =>
  net.devices.list.find(({ addresses }) => addresses.some(({ local }) => local === address)) ?? null

/** By number, by address, or where the group's packets would go. Linux: ip_mc_find_dev. */
function deviceFor(net: NetState, { group, address, ifindex }: Mreq): NetDevice | null {
  if (ifindex !== 0) return deviceByIndex(net, ifindex)
  if (address !== 0) return deviceOf(net, address)
  const route = ipRouteOutput(net, { dst: group, src: 0, tos: 0, oif: 0, iif: 0, mark: 0, key: 0 })
  return isErr(route) ? null : route.dev
}

// ---- devices -------------------------------------------------------------------------------------------------

/** Is anybody of this host in the group, as far as the device is concerned? Linux: ip_check_mc. */
export const inGroup = (dev: NetDevice, group: number): boolean => dev.groups.has(group)

/** One more is in the group. Linux: ip_mc_inc_group. */
export function mcIncGroup(net: NetState, dev: NetDevice, group: number): void {
  const users = dev.groups.get(group) ?? 0
  dev.groups.set(group, users + 1)
  if (users === 0) flushRoutes(net)
}

/** One has left it. Linux: ip_mc_dec_group. */
export function mcDecGroup(net: NetState, dev: NetDevice, group: number): void {
  const users = dev.groups.get(group) ?? 0
  if (users > 1) dev.groups.set(group, users - 1)
  else if (dev.groups.delete(group)) flushRoutes(net)
}

// ---- sockets -------------------------------------------------------------------------------------------------

/**
 * IP_ADD_MEMBERSHIP. Errors: EINVAL no group, too few bytes; ENODEV; EADDRINUSE it is in already, and had said through
 * which address; ENOBUFS in too many; EFAULT. Linux: ip_mc_join_group.
 */
export function mcJoin(sk: InetSock, value: unknown): number {
  const { net } = sk
  const mreq = readMreq(value)
  if (isErr(mreq)) return mreq
  if (!isMulticast(mreq.group)) return EINVAL
  const dev = deviceFor(net, mreq)
  if (dev === null) return ENODEV
  const { group, address } = mreq
  const { ifindex } = dev
  const known = sk.groups.find(
    (one) => one.group === group && one.address === address && one.ifindex === ifindex,
  )
  if (known !== undefined) {
    if (address !== 0) return EADDRINUSE
    known.count++
    return 0
  }
  if (sk.groups.length >= MAX_MEMBERSHIPS) return ENOBUFS
  sk.groups.unshift({ group, address, ifindex, count: 1 })
  mcIncGroup(net, dev, group)
  return 0
}

/** IP_DROP_MEMBERSHIP. Errors: EADDRNOTAVAIL it is not in; EINVAL, EFAULT. Linux: ip_mc_leave_group. */
export function mcLeave(sk: InetSock, value: unknown): number {
  const mreq = readMreq(value)
  if (isErr(mreq)) return mreq
  const at = sk.groups.findIndex(
    ({ group, address, ifindex }) =>
      group === mreq.group && address === mreq.address && (mreq.ifindex === 0 || mreq.ifindex === ifindex),
  )
  const known = sk.groups[at]
  if (known === undefined) return EADDRNOTAVAIL
  if (--known.count > 0) return 0
  sk.groups.splice(at, 1)
  const dev = deviceByIndex(sk.net, known.ifindex)
  if (dev !== null) mcDecGroup(sk.net, dev, known.group)
  return 0
}

/** The socket is closed. Linux: ip_mc_drop_socket. */
export function mcDrop(sk: InetSock): void {
  for (const { group, ifindex } of sk.groups) {
    const dev = deviceByIndex(sk.net, ifindex)
    if (dev !== null) mcDecGroup(sk.net, dev, group)
  }
  sk.groups = []
}

/**
 * IP_MULTICAST_IF: an address, or a struct ip_mreqn; 0.0.0.0 for none. Errors: EINVAL a stream, too few bytes, not the
 * device that the socket is bound to; EADDRNOTAVAIL no such device; EFAULT. Linux: the part of ip_setsockopt.
 */
export function mcSetDevice(sk: InetSock, value: unknown): number {
  if (sk.type === SOCK_STREAM) return EINVAL
  let [address, ifindex] = [0, 0]
  if (value instanceof Uint8Array && value.length < 12) {
    if (value.length < 4) return EINVAL
    address = be32(value, 0)
  } else if (typeof value === 'object') {
    const mreq = readMreq(value instanceof Uint8Array || value === null ? value : { multiaddr: 0, ...value })
    if (isErr(mreq)) return mreq
    ;({ address, ifindex } = mreq)
  } else address = addressOf(value)
  if (address < 0) return EFAULT
  if (ifindex === 0 && address === 0) {
    sk.mcIndex = 0
    sk.mcAddr = 0
    return 0
  }
  const dev = ifindex === 0 ? deviceOf(sk.net, address) : deviceByIndex(sk.net, ifindex)
  if (dev === null) return EADDRNOTAVAIL
  if (sk.boundDev !== 0 && dev.ifindex !== sk.boundDev) return EINVAL
  sk.mcIndex = dev.ifindex
  sk.mcAddr = address
  return 0
}

// ---- what there is -------------------------------------------------------------------------------------------

const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0')

/** The group as the memory of an i386 has it. */
const swapped = (addr: number): string =>
  hex((((addr & 255) << 24) | ((addr & 0xff00) << 8) | ((addr >>> 8) & 0xff00) | (addr >>> 24)) >>> 0)

/** /proc/net/igmp: groups by device, the youngest first. Linux: ip_mc_procinfo (2.2), igmp_mc_seq_show (2.6). */
export const igmpProc: ProcEntry = Object.freeze({
  path: 'net/igmp',
  mode: 0o444,
  read(current) {
    const { devices, k } = current.k.state.modules.get('net') as NetState
    const querier = isAtLeast(k.facts.release, '2.6.14') ? 'V3' : 'V2'
    let text = 'Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n'
    for (const { ifindex, name, groups, addresses } of devices.list) {
      if (addresses.length === 0) continue
      text += `${ifindex}\t${name.padEnd(10)}: ${String(groups.size).padStart(5)} ${querier.padStart(7)}\n`
      for (const [group, users] of [...groups].reverse())
        text += `\t\t\t\t${swapped(group)} ${String(users).padStart(5)} 0:00000000\t\t0\n`
    }
    return text
  },
} satisfies ProcEntry)

/** A group of a device has as many users as sockets have joined it, and one where the device does itself. */
export function checkGroups(books: Books, net: NetState, socks: Iterable<InetSock>): void {
  const joined = new Tally<string>()
  for (const sk of socks) for (const { group, ifindex } of sk.groups) joined.add(`${ifindex} ${group}`)
  for (const dev of net.devices.list) {
    if ((dev.flags & 1) !== 0) joined.add(`${dev.ifindex} ${ALL_HOSTS}`)
    for (const [group, users] of dev.groups)
      books.same(
        `the users of group ${hex(group)} of ${dev.name}`,
        users,
        joined.of(`${dev.ifindex} ${group}`),
      )
  }
}
