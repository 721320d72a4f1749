/**
 * Neighbours through ioctls, as `arp` uses them: struct arpreq in bytes. Linux: arp_ioctl, arp_req_set, arp_req_get,
 * arp_req_delete, net/ipv4/arp.c (2.2.12, 2.6.14).
 *
 * Left out: proxy ARP: ATF_PUBL is EINVAL.
 */

import { CAP_NET_ADMIN } from '../../abi/capability.js'
import { EFAULT, EINVAL, ENODEV, ENXIO, EPERM, EPFNOSUPPORT, isErr } from '../../abi/errno.js'
import { AF_INET } from '../../abi/socket.js'
import {
  ARPREQ,
  ATF_COM,
  ATF_DONTPUB,
  ATF_NETMASK,
  ATF_PERM,
  ATF_PUBL,
  SIOCGARP,
  SIOCSARP,
} from '../../abi/sockios.js'
import type { Task } from '../../kernel/task.js'
import { int32, le16, le32, nulText, textOf } from '../../lib/nlmsg.js'
import { capable } from '../../security/capability.js'
import { deny } from '../../security/deny.js'
import type { IoctlArg } from '../../vfs/ops.js'
import { deviceByName, type NetDevice } from '../device.js'
import type { NetState } from '../state.js'
import { neighbourDelete, neighbourSet } from './arp.js'
import { type Neighbour, NUD_NOARP, NUD_PERMANENT, NUD_STALE, NUD_VALID, neighKey } from './arp_table.js'
import { be32 } from './ip.js'
import { ipRouteOutput } from './route.js'

/** Where the members are: the hardware address, the flags, the device's name. */
const HA = 16
const FLAGS = 32
const DEV = 52

/** The device that a neighbour would be behind, or null. */
function deviceTo(net: NetState, addr: number): NetDevice | null {
  const route = ipRouteOutput(net, { dst: addr, src: 0, tos: 0, oif: 0, iif: 0, mark: 0, key: 0 })
  return isErr(route) ? null : route.dev
}

/** Errors: EINVAL another kind of hardware, no device, no address. Linux: arp_req_set. */
function set(net: NetState, dev: NetDevice, addr: number, req: Uint8Array): number {
  const flags = le32(req, FLAGS)
  const isPermanent = (flags & ATF_PERM) !== 0
  if ((le16(req, HA) || dev.type) !== dev.type) return EINVAL
  const hasAddress = isPermanent || (flags & ATF_COM) !== 0
  const known = net.inet.arp.entries.get(neighKey(dev, addr))
  if (!hasAddress && (known === undefined || (known.state & NUD_VALID) === 0)) return EINVAL
  const hwaddr = hasAddress ? req.slice(HA + 2, HA + 2 + dev.address.length) : null
  neighbourSet(net, dev, addr, hwaddr, isPermanent ? NUD_PERMANENT : NUD_STALE)
  return 0
}

/** Linux: arp_state_to_flags. */
const flagsOf = ({ state }: Neighbour): number =>
  (state & NUD_PERMANENT) !== 0 ? ATF_PERM | ATF_COM : (state & NUD_VALID) !== 0 ? ATF_COM : 0

/** Errors: ENXIO. Linux: arp_req_get. */
function get(net: NetState, dev: NetDevice, addr: number, req: Uint8Array): number {
  const known = net.inet.arp.entries.get(neighKey(dev, addr))
  if (known === undefined) return ENXIO
  req.fill(0, HA, FLAGS + 4)
  req.set([dev.type & 255, dev.type >>> 8, ...known.hwaddr], HA)
  req.set(int32(flagsOf(known)), FLAGS)
  req.fill(0, DEV, ARPREQ)
  req.set(nulText(dev.name), DEV)
  return 0
}

/** Errors: ENXIO. Linux: arp_req_delete. */
function remove(net: NetState, dev: NetDevice, addr: number): number {
  const known = net.inet.arp.entries.get(neighKey(dev, addr))
  if (known === undefined) return ENXIO
  if ((known.state & ~NUD_NOARP) !== 0) neighbourDelete(net, dev, addr)
  return 0
}

/**
 * SIOCSARP, SIOCGARP, SIOCDARP. Errors: EPERM changes without CAP_NET_ADMIN; EFAULT no structure; EPFNOSUPPORT another
 * family; ENODEV; EINVAL flags, hardware; ENXIO no such neighbour.
 */
export function arpIoctl(current: Task, net: NetState, cmd: number, arg: IoctlArg): number {
  if (cmd !== SIOCGARP && !capable(current, CAP_NET_ADMIN))
    return deny(current, EPERM, 'capability', undefined, CAP_NET_ADMIN)
  if (!(arg instanceof Uint8Array) || arg.length < ARPREQ) return EFAULT
  if (le16(arg, 0) !== AF_INET) return EPFNOSUPPORT
  const flags = le32(arg, FLAGS)
  if ((flags & ATF_PUBL) === 0 && (flags & (ATF_NETMASK | ATF_DONTPUB)) !== 0) return EINVAL
  const addr = be32(arg, 4)
  const name = textOf(arg.slice(DEV, ARPREQ))
  const named = name === '' ? null : deviceByName(net, name)
  if (named === null && (name !== '' || cmd === SIOCGARP)) return ENODEV
  if (named !== null && (flags & ATF_COM) !== 0 && (le16(arg, HA) || named.type) !== named.type) return EINVAL
  if ((flags & ATF_PUBL) !== 0) return EINVAL
  const dev = named ?? deviceTo(net, addr)
  if (dev === null) return EINVAL
  if (cmd === SIOCSARP) return set(net, dev, addr, arg)
  return cmd === SIOCGARP ? get(net, dev, addr, arg) : remove(net, dev, addr)
}
