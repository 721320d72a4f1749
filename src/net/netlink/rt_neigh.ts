/**
 * Neighbours in rtnetlink. Linux: neigh_add, neigh_delete, neigh_fill_info, net/core/neighbour.c (2.2.12, 2.6.14).
 */

import { EEXIST, EINVAL, ENODEV, ENOENT } from '../../abi/errno.js'
import {
  NDA_DST,
  NDA_LLADDR,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RTM_NEWNEIGH,
} from '../../abi/netlink.js'
import { AF_INET } from '../../abi/socket.js'
import { fromInet32, inet32, read16, read32, write16, write32 } from '../../lib/nlmsg.js'
import { deviceByIndex } from '../device.js'
import { neighbourDelete, neighbourSet } from '../inet/arp.js'
import { NUD_VALID, neighKey } from '../inet/arp_table.js'
import type { NetState } from '../state.js'
import type { RtAnswer, RtRequest } from './rtnetlink.js'

/** All neighbours. */
export const dumpNeighs = (net: NetState): RtAnswer[] =>
  [...net.inet.arp.entries.values()].map((neigh) => {
    const fixed = new Uint8Array(12)
    fixed[0] = AF_INET
    write32(fixed, 4, neigh.dev.ifindex, net.netlink.byteOrder)
    write16(fixed, 8, neigh.state, net.netlink.byteOrder)
    const attributes: (readonly [number, Uint8Array])[] = [[NDA_DST, inet32(neigh.addr)]]
    if ((neigh.state & NUD_VALID) !== 0) attributes.push([NDA_LLADDR, neigh.hwaddr.slice()])
    return { type: RTM_NEWNEIGH, fixed, attributes }
  })

/** Errors: EINVAL, ENODEV, EEXIST, ENOENT. Linux: neigh_add. */
export function newNeigh({ net, body, attributes, message }: RtRequest): number {
  const dst = attributes.get(NDA_DST)
  const lladdr = attributes.get(NDA_LLADDR)
  if (dst === undefined || dst.length < 4) return EINVAL
  const dev = deviceByIndex(net, read32(body, 4, net.netlink.byteOrder))
  if (dev === null) return ENODEV
  if (lladdr !== undefined && lladdr.length < dev.address.length) return EINVAL
  const addr = fromInet32(dst)
  const known = net.inet.arp.entries.get(neighKey(dev, addr))
  if (known !== undefined && (message.flags & NLM_F_EXCL) !== 0) return EEXIST
  if (known !== undefined && (message.flags & NLM_F_REPLACE) === 0) return EEXIST
  if (known === undefined && (message.flags & NLM_F_CREATE) === 0) return ENOENT
  neighbourSet(net, dev, addr, lladdr ?? null, read16(body, 8, net.netlink.byteOrder))
  return 0
}

/** Errors: EINVAL, ENODEV, ENOENT. Linux: neigh_delete. */
export function delNeigh({ net, body, attributes }: RtRequest): number {
  const dst = attributes.get(NDA_DST)
  if (dst === undefined || dst.length < 4) return EINVAL
  const dev = deviceByIndex(net, read32(body, 4, net.netlink.byteOrder))
  if (dev === null) return ENODEV
  return neighbourDelete(net, dev, fromInet32(dst)) ? 0 : ENOENT
}
