/**
 * Socks of AF_NETLINK: their ports, by hash, and who of them listens to which group.
 * Linux: struct netlink_sock, netlink_lookup, netlink_insert, netlink_update_subscriptions,
 * net/netlink/af_netlink.c (2.2.12, 2.6.14).
 */

import { EADDRINUSE } from '../../abi/errno.js'
import { AF_NETLINK } from '../../abi/socket.js'
import { WaitQueue } from '../../kernel/wait.js'
import type { ByteOrder } from '../../lib/nlmsg.js'
import { Sock, type SockOps, sockDefWriteSpace } from '../sock.js'
import type { NetState } from '../state.js'
import { NetlinkCaptures } from './capture.js'
import type { NetlinkDump } from './dump.js'
import { groupMask, type NetlinkOptions } from './protocol.js'

const netlinkSockOps: SockOps = Object.freeze({ name: 'netlink', writeSpace: sockDefWriteSpace })

/** Where ports begin that are no thread's id. */
const FIRST_ROVER = -4097

/** A sock of AF_NETLINK. */
export class NetlinkSock extends Sock {
  /** Its port id; 0 while it has none. */
  pid = 0
  /** The groups that it listens to, as far as they have bits: 1 to 32. */
  groups = 0
  /** All groups that it listens to, by number. */
  memberOf = new Set<number>()
  /** Whom it sends to unless told otherwise. */
  dstPid = 0
  /** And to which groups, as bits. */
  dstGroups = 0
  /** Has it been connected? Then only its peer may send to it. Linux: NETLINK_CONNECTED. */
  isConnected = false
  /** A message has been lost, and what waits has not all been read since. Linux: state, bit 0. */
  congested = false
  /** Do receivers learn the number of the group? Linux: NETLINK_RECV_PKTINFO. */
  hasPktinfo = false
  /** Does a loss of its own make no error? Linux: NETLINK_RECV_NO_ENOBUFS (2.6.30). */
  noEnobufs = false
  /** Does the kernel hear of its losses? Linux: NETLINK_BROADCAST_SEND_ERROR (2.6.30). */
  broadcastError = false
  /** Does it want no more than the header of what has failed? Linux: NETLINK_F_CAP_ACK (4.3). */
  capAck = false
  /** Tells it from others in /proc/net/netlink. */
  readonly serial: number
  /** Senders that have found no room. Linux: wait. */
  room: WaitQueue
  /** A dump that is not over. Linux: cb. */
  dump: NetlinkDump | null = null

  constructor(net: NetState, type: number, protocol: number) {
    super(net, netlinkSockOps, AF_NETLINK, type)
    this.protocol = protocol
    this.serial = net.netlink.nextSerial++
    this.room = new WaitQueue('room in a netlink socket')
  }
}

/** The socks of one protocol. Linux: struct netlink_table. */
export class NetlinkTable {
  /** Those with a port: see `portKey`. */
  ports = new Map<number, NetlinkSock>()
  /** Those that listen, by group. There are no empty sets. */
  listeners = new Map<number, Set<NetlinkSock>>()
}

/** All socks of the family. */
export class NetlinkState {
  /** In the order in which they were made. */
  sockets = new Set<NetlinkSock>()
  /** By protocol, as soon as there is anything in them. */
  tables = new Map<number, NetlinkTable>()
  /**
   * The spaces of ports that there have been, see Sock.portSpace, and in each the next port for a sock whose thread's id
   * is taken, as a signed number: what one space uses up another does not notice. Linux: rover.
   */
  rovers = new Map([[0, FIRST_ROVER]])
  /** The machine's byte order, in which messages have their integers. */
  readonly byteOrder: ByteOrder
  /** Do acknowledgements of errors hold the whole request? */
  readonly quotesRequests: boolean
  /** Are there the socket options that came after 2.6.14? */
  readonly hasLaterOptions: boolean
  /** Has NETLINK_USERSOCK groups, though nobody in the kernel speaks it? */
  readonly hasUsersock: boolean
  /** What the host has had captured. */
  captures = new NetlinkCaptures()
  /** The number of the next sock. */
  nextSerial = 1

  constructor(options: NetlinkOptions = {}) {
    this.byteOrder = options.byteOrder ?? 'little'
    this.quotesRequests = options.acks === 'request'
    this.hasLaterOptions = options.laterOptions === true
    this.hasUsersock = options.usersock === true
  }
}

/** Ports are in one another's way only within a space of a module's. */
const portKey = (pid: number, space: number): number => pid + space * 0x1_0000_0000

function tableOf(net: NetState, protocol: number): NetlinkTable {
  const { tables } = net.netlink
  let table = tables.get(protocol)
  if (table === undefined) {
    table = new NetlinkTable()
    tables.set(protocol, table)
  }
  return table
}

/** The sock of a protocol with a port id, or null. `space`: see Sock.portSpace. */
export const netlinkLookup = (net: NetState, protocol: number, pid: number, space = 0): NetlinkSock | null =>
  net.netlink.tables.get(protocol)?.ports.get(portKey(pid, space)) ?? null

/** Gives a sock that has none a port, not 0. Errors: EADDRINUSE. Linux: netlink_insert. */
export function netlinkInsert(sk: NetlinkSock, pid: number): number {
  const { ports } = tableOf(sk.net, sk.protocol)
  const key = portKey(pid, sk.portSpace)
  if (ports.has(key)) return EADDRINUSE
  sk.pid = pid
  ports.set(key, sk)
  const { rovers } = sk.net.netlink
  if (!rovers.has(sk.portSpace)) rovers.set(sk.portSpace, FIRST_ROVER)
  return 0
}

/** The next of the ports that are no thread's id, for all protocols together, in the sock's space. */
export function nextRover({ net, portSpace }: NetlinkSock): number {
  const { rovers } = net.netlink
  const pid = rovers.get(portSpace) ?? FIRST_ROVER
  rovers.set(portSpace, pid > -0x8000_0000 ? pid - 1 : FIRST_ROVER)
  return pid >>> 0
}

/** Joins or leaves a group. Linux: netlink_update_subscriptions. */
export function netlinkSubscribe(sk: NetlinkSock, group: number, joins: boolean): void {
  if (sk.memberOf.has(group) === joins) return
  const { listeners } = tableOf(sk.net, sk.protocol)
  let members = listeners.get(group)
  if (joins) {
    if (members === undefined) {
      members = new Set()
      listeners.set(group, members)
    }
    members.add(sk)
    sk.memberOf.add(group)
  } else {
    members?.delete(sk)
    if (members?.size === 0) listeners.delete(group)
    sk.memberOf.delete(group)
  }
  const mask = groupMask(group)
  sk.groups = (joins ? sk.groups | mask : sk.groups & ~mask) >>> 0
}

/** Makes `mask` the groups below 33 that a sock listens to. */
export function netlinkSetGroups(sk: NetlinkSock, mask: number): void {
  for (let changed = (sk.groups ^ mask) >>> 0; changed !== 0; ) {
    const group = 32 - Math.clz32(changed)
    netlinkSubscribe(sk, group, (mask & groupMask(group)) !== 0)
    changed = (changed & ~groupMask(group)) >>> 0
  }
}

/** Takes a sock out of all tables. Its port stays written in it. Linux: netlink_remove. */
export function netlinkRemove(sk: NetlinkSock): void {
  const { netlink } = sk.net
  netlink.sockets.delete(sk)
  const table = netlink.tables.get(sk.protocol)
  if (table === undefined) return
  if (sk.pid !== 0) table.ports.delete(portKey(sk.pid, sk.portSpace))
  for (const group of sk.memberOf) {
    const members = table.listeners.get(group)
    members?.delete(sk)
    if (members?.size === 0) table.listeners.delete(group)
  }
  if (table.ports.size === 0 && table.listeners.size === 0) netlink.tables.delete(sk.protocol)
}
