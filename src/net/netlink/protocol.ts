/**
 * What a subsystem of the kernel that speaks through AF_NETLINK says of itself, and what it is told about a message.
 * Linux: netlink_kernel_create, netlink_set_nonroot, struct netlink_skb_parms, include/linux/netlink.h (2.6.14).
 */

import type { Task } from '../../kernel/task.js'
import type { ByteOrder } from '../../lib/nlmsg.js'
import type { NetState } from '../state.js'
import type { NetlinkSock } from './sock.js'

/** Where a message has come from: the notes of its buffer. Linux: struct netlink_skb_parms. */
export interface NetlinkFrom {
  /** The sender's port; 0 for the kernel. */
  readonly pid: number
  /** The number of the group that it goes to; 0 for none. */
  readonly group: number
  /** The same as bits, as its name tells them: 0 for a group above 32. Before 2.6.14 there may be several. */
  readonly groups: number
  /** The sender's thread group when it sent; zeros for the kernel. */
  readonly credPid: number
  /** The sender's user then. */
  readonly uid: number
  /** Its group then. */
  readonly gid: number
  /** Its effective capabilities then, as bits; all for the kernel. Linux: eff_cap. */
  readonly caps: number
}

/** A protocol of the family: what the kernel does with messages to it. Modules contribute more of them. */
export interface NetlinkProtocol {
  /** NETLINK_*. */
  readonly protocol: number
  /** How many groups it has, numbered from 1. At least 32, which is the default too. */
  readonly groups?: number
  /** May anybody listen to groups? Else CAP_NET_ADMIN is wanted. Linux: NL_NONROOT_RECV. */
  readonly nonrootRecv?: boolean
  /** May anybody send to groups? Linux: NL_NONROOT_SEND. */
  readonly nonrootSend?: boolean
  /**
   * One buffer to the kernel, in the sender's sendmsg: any number of messages, checked by nobody; the protocol may keep
   * the bytes but not change them. Answers go out with netlinkUnicast and netlinkDumpStart, to `from`. What the sender
   * may do is what `sent.caps` holds. Without this function programs that send to the kernel get ECONNREFUSED.
   */
  input?(current: Task, net: NetState, from: NetlinkSock, data: Uint8Array, sent: NetlinkFrom): void
  /**
   * A socket with this port and without groups has been closed: once, with its last descriptor. What is kept for the
   * port can go. Linux: NETLINK_URELEASE.
   */
  released?(net: NetState, pid: number): void
}

/** What netlink is like where it has not always been the same: see docs/netlink.md. */
export interface NetlinkOptions {
  /**
   * The byte order of the machine: of the integers in messages, and in addresses and options that are given as bytes.
   * Default 'little'. The tools of `paleokernel/userland` are compiled for that.
   */
  readonly byteOrder?: ByteOrder
  /**
   * What an acknowledgement of an error has of the request: its header, as in the kernels modelled here, which is the
   * default; or all of it, as today's, unless the socket has NETLINK_CAP_ACK. Today's tell by NLM_F_CAPPED that it is
   * only the header.
   */
  readonly acks?: 'header' | 'request'
  /**
   * Are there NETLINK_BROADCAST_ERROR and NETLINK_NO_ENOBUFS (2.6.30) and NETLINK_CAP_ACK (4.3)? Default false. Not in
   * 2.2.12, whose netlink has no options.
   */
  readonly laterOptions?: boolean
  /**
   * Is NETLINK_USERSOCK there for programs among themselves, with 32 groups that anybody may send to, as since 2.6.23?
   * Default false: programs have only its ports.
   */
  readonly usersock?: boolean
}

/** The kernel as a sender. */
export const FROM_KERNEL: NetlinkFrom = Object.freeze({
  pid: 0,
  group: 0,
  groups: 0,
  credPid: 0,
  uid: 0,
  gid: 0,
  caps: -1,
})

/** Groups of a protocol that has told of fewer. */
export const NETLINK_MIN_GROUPS = 32

/** How many groups a protocol has. Linux: nl_table[protocol].groups. */
export const netlinkGroups = ({ groups = 0 }: NetlinkProtocol): number => Math.max(groups, NETLINK_MIN_GROUPS)

/** The bits of a group in an address: 0 for those above 32. Linux: netlink_group_mask. */
export const groupMask = (group: number): number => (group >= 1 && group <= 32 ? (1 << (group - 1)) >>> 0 : 0)

/** The lowest group of a mask; 0 for none. Linux: ffs. */
export const lowestGroup = (mask: number): number => (mask === 0 ? 0 : 32 - Math.clz32(mask & -mask))

/** Had the sender the capability when it sent, and does no module object? Linux: security_netlink_recv. */
export const netlinkCapable = (current: Task, { caps }: NetlinkFrom, capability: number): boolean =>
  (caps & (1 << capability)) !== 0 && current.k.security.capable(current, capability) === 0
