/**
 * Telling those who listen to groups of rtnetlink what has changed: links, addresses, routes. While nobody listens it is
 * one look into a map.
 *
 * Deviation: of what no message of a program has changed, the sequence number and the port are 0; Linux puts the pid of
 * whoever runs there, for links and addresses always. Linux: rtmsg_ifinfo, rtmsg_ifa, rtmsg_fib (2.2.12, 2.6.14).
 */

import { NETLINK_ROUTE, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_LINK } from '../../abi/netlink.js'
import { writeMessage } from '../../lib/nlmsg.js'
import type { InIfaddr, NetDevice } from '../device.js'
import type { FibNode } from '../inet/fib_types.js'
import type { NetState } from '../state.js'
import { netlinkBroadcast, netlinkHasListeners } from './deliver.js'
import { addrAnswer, linkAnswer, routeAnswer } from './rt_fill.js'
import type { RtAnswer } from './rtnetlink.js'

/** Whose request has changed something. */
export interface Asker {
  /** The request's number. */
  readonly seq: number
  /** The port that it came from. */
  readonly pid: number
}

/** Nobody's. */
export const NO_ASKER: Asker = Object.freeze({ seq: 0, pid: 0 })

function tell(net: NetState, group: number, answer: RtAnswer, { seq, pid }: Asker): void {
  const { type, fixed, attributes } = answer
  const bytes = writeMessage({ type, flags: 0, seq, pid }, fixed, attributes, net.netlink.byteOrder)
  netlinkBroadcast(net, NETLINK_ROUTE, group, bytes)
}

/** A device is new or other than before; `change`: which flags. Linux: rtnetlink_event. */
export function tellLink(net: NetState, dev: NetDevice, change: number): void {
  if (netlinkHasListeners(net, NETLINK_ROUTE, RTNLGRP_LINK))
    tell(net, RTNLGRP_LINK, linkAnswer(net, dev, change), NO_ASKER)
}

/** An address has come or gone: RTM_NEWADDR, RTM_DELADDR. */
export function tellAddr(net: NetState, kind: number, dev: NetDevice, ifa: InIfaddr): void {
  if (netlinkHasListeners(net, NETLINK_ROUTE, RTNLGRP_IPV4_IFADDR))
    tell(net, RTNLGRP_IPV4_IFADDR, addrAnswer(net, kind, dev, ifa), NO_ASKER)
}

/** A route of a table has come or gone: RTM_NEWROUTE, RTM_DELROUTE. */
export function tellRoute(net: NetState, kind: number, table: number, node: FibNode, asker: Asker): void {
  if (netlinkHasListeners(net, NETLINK_ROUTE, RTNLGRP_IPV4_ROUTE))
    tell(net, RTNLGRP_IPV4_ROUTE, routeAnswer(net.netlink.byteOrder, kind, table, node), asker)
}
