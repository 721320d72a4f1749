/**
 * ioctl(2) on sockets about devices, their addresses, and routes. Linux: dev_ioctl (net/core/dev.c), devinet_ioctl
 * (net/ipv4/devinet.c), ip_rt_ioctl, fib_convert_rtentry (net/ipv4/fib_frontend.c, fib_semantics.c, 2.2.12).
 *
 * Structures come as bytes, as on i386. struct rtentry has no pointer to the device's name but its offset in the same
 * bytes. SIOCGIFCONF takes the buffer itself and fills what is left with zeros.
 */

import { CAP_NET_ADMIN } from '../abi/capability.js'
import {
  EACCES,
  EADDRNOTAVAIL,
  EAFNOSUPPORT,
  EBUSY,
  EFAULT,
  EINVAL,
  ENODEV,
  EOPNOTSUPP,
  EPERM,
  type Errno,
  isErr,
} from '../abi/errno.js'
import {
  ETH_DATA_LEN,
  IFF_ALLMULTI,
  IFF_BROADCAST,
  IFF_DEBUG,
  IFF_LOOPBACK,
  IFF_MULTICAST,
  IFF_NOARP,
  IFF_NOTRAILERS,
  IFF_POINTOPOINT,
  IFF_PROMISC,
  IFF_UP,
  IFNAMSIZ,
} from '../abi/if.js'
import { isAtLeast } from '../abi/profile.js'
import { AF_INET } from '../abi/socket.js'
import {
  IFREQ,
  RTF_GATEWAY,
  RTF_HOST,
  RTF_REJECT,
  SIOCADDRT,
  SIOCDARP,
  SIOCDELRT,
  SIOCGARP,
  SIOCGIFADDR,
  SIOCGIFBRDADDR,
  SIOCGIFCONF,
  SIOCGIFDSTADDR,
  SIOCGIFFLAGS,
  SIOCGIFHWADDR,
  SIOCGIFINDEX,
  SIOCGIFMETRIC,
  SIOCGIFMTU,
  SIOCGIFNAME,
  SIOCGIFNETMASK,
  SIOCGIFTXQLEN,
  SIOCSARP,
  SIOCSIFADDR,
  SIOCSIFBRDADDR,
  SIOCSIFDSTADDR,
  SIOCSIFFLAGS,
  SIOCSIFHWADDR,
  SIOCSIFMETRIC,
  SIOCSIFMTU,
  SIOCSIFNETMASK,
  SIOCSIFTXQLEN,
} from '../abi/sockios.js'
import type { Task } from '../kernel/task.js'
import { fromInet32, inet32, int32, le16, le32, nulText, textOf } from '../lib/nlmsg.js'
import { capable } from '../security/capability.js'
import { deny } from '../security/deny.js'
import type { IoctlArg } from '../vfs/ops.js'
import {
  deviceByIndex,
  deviceByName,
  devSetAllmulti,
  devSetPromiscuity,
  type InIfaddr,
  type NetDevice,
} from './device.js'
import { arpIoctl } from './inet/arp_ioctl.js'
import { devClose, devOpen, inetDelIfa, inetInsertIfa, inetMaskLen } from './inet/devinet.js'
import { inetAddrType } from './inet/fib.js'
import { delRoute, newRoute, type RouteRequest } from './inet/fib_semantics.js'
import { FIB_CREATE } from './inet/fib_table.js'
import {
  inetMakeMask,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_MAIN,
  RTPROT_BOOT,
} from './inet/fib_types.js'
import { isLoopback, isZeronet } from './inet/ip.js'
import { flushRoutes } from './inet/route_cache.js'
import { RTN_UNICAST, RTN_UNREACHABLE } from './inet/route_types.js'
import { tellLink } from './netlink/rt_notify.js'
import type { NetState } from './state.js'

/** Where the union of struct ifreq begins. */
const DATA = 16
/** Bytes of struct rtentry. */
const RTENTRY = 84

const lacksAdmin = (current: Task, error: 'EPERM' | 'EACCES'): Errno =>
  error === 'EPERM'
    ? deny(current, EPERM, 'capability', undefined, CAP_NET_ADMIN)
    : deny(current, EACCES, 'capability', undefined, CAP_NET_ADMIN)

/** 'eth0' of 'eth0:1'. */
const deviceNameOf = (name: string): string => name.split(':')[0] ?? ''

// ---- devices ---------------------------------------------------------------------------------------------------

/** 2.6 shows of IFF_PROMISC and IFF_ALLMULTI what programs have set, not what sockets want. Linux: dev_get_flags. */
function shownFlags({ k }: NetState, { flags, gflags }: NetDevice): number {
  const mask = IFF_PROMISC | IFF_ALLMULTI
  return (isAtLeast(k.facts.release, '2.6.14') ? (flags & ~mask) | gflags : flags) & 0xffff
}

/** What may be asked of a device: bytes for the union, null for what is no such question. Linux: dev_ifsioc. */
function ask(net: NetState, dev: NetDevice, cmd: number): Uint8Array | null {
  switch (cmd) {
    case SIOCGIFFLAGS:
      return int32(shownFlags(net, dev)).slice(0, 2)
    case SIOCGIFMETRIC:
      return int32(0)
    case SIOCGIFMTU:
      return int32(dev.mtu)
    case SIOCGIFHWADDR:
      return Uint8Array.from([dev.type & 255, dev.type >>> 8, ...dev.address])
    case SIOCGIFINDEX:
      return int32(dev.ifindex)
    case SIOCGIFTXQLEN:
      return int32(dev.txQueueLen)
    default:
      return null
  }
}

/** Changes a device. Errors: EINVAL, EBUSY, EOPNOTSUPP. Linux: dev_ifsioc. */
function change(net: NetState, dev: NetDevice, cmd: number, ifr: Uint8Array): number {
  const value = le32(ifr, DATA) | 0
  switch (cmd) {
    case SIOCSIFMTU: {
      const isEthernet = (dev.flags & IFF_LOOPBACK) === 0
      if (value < 0 || (isEthernet && (value < 68 || value > ETH_DATA_LEN))) return EINVAL
      dev.mtu = value
      tellLink(net, dev, 0)
      flushRoutes(net)
      return 0
    }
    case SIOCSIFHWADDR:
      if ((dev.flags & IFF_LOOPBACK) !== 0) return EOPNOTSUPP
      if (le16(ifr, DATA) !== dev.type) return EINVAL
      if ((dev.flags & IFF_UP) !== 0) return EBUSY
      dev.address = ifr.slice(DATA + 2, DATA + 8)
      return 0
    case SIOCSIFTXQLEN:
      if (value < 2 || value > 1024) return EINVAL
      dev.txQueueLen = value
      return 0
    default:
      return EOPNOTSUPP
  }
}

const SETTABLE = IFF_DEBUG | IFF_NOTRAILERS | IFF_NOARP | IFF_MULTICAST

/** Linux: dev_change_flags. */
function changeFlags(net: NetState, dev: NetDevice, flags: number): void {
  dev.flags = (dev.flags & ~SETTABLE) | (flags & SETTABLE)
  const changed = flags ^ dev.gflags
  if ((changed & IFF_PROMISC) !== 0) devSetPromiscuity(dev, (flags & IFF_PROMISC) !== 0 ? 1 : -1)
  if ((changed & IFF_ALLMULTI) !== 0) devSetAllmulti(dev, (flags & IFF_ALLMULTI) !== 0 ? 1 : -1)
  dev.gflags = flags & (IFF_PROMISC | IFF_ALLMULTI)
  if (((flags ^ dev.flags) & IFF_UP) === 0) return
  if ((flags & IFF_UP) !== 0) devOpen(net, dev)
  else devClose(net, dev)
}

/** All devices with addresses, as many as fit. Linux: inet_gifconf. */
function fillConf(net: NetState, buf: Uint8Array): number {
  buf.fill(0)
  let at = 0
  for (const dev of net.devices.list) {
    for (const { label, local } of dev.addresses) {
      if (at + IFREQ > buf.length) return 0
      buf.set(nulText((label === '' ? dev.name : label).slice(0, IFNAMSIZ - 1)), at)
      buf.set(sockaddrOf(local), at + DATA)
      at += IFREQ
    }
  }
  return 0
}

// ---- addresses -------------------------------------------------------------------------------------------------

/** struct sockaddr_in. */
function sockaddrOf(addr: number): Uint8Array {
  const bytes = new Uint8Array(16)
  bytes[0] = AF_INET
  bytes.set(inet32(addr), 4)
  return bytes
}

/** Bits of the network by the address's class; -1 for none. Linux: inet_abc_len. */
function classLength(addr: number): number {
  if (isZeronet(addr)) return 0
  if (addr >>> 31 === 0) return 8
  if (addr >>> 30 === 2) return 16
  return addr >>> 29 === 6 ? 24 : -1
}

/** Puts an address in the place of another. Linux: inet_set_ifa. */
function replaceIfa(net: NetState, dev: NetDevice, old: InIfaddr | null, ifa: InIfaddr): number {
  if (old !== null) inetDelIfa(net, dev, old)
  if (ifa.local === 0) return 0
  const scope = isLoopback(ifa.local) ? RT_SCOPE_HOST : ifa.scope
  return inetInsertIfa(net, dev, { ...ifa, scope, flags: 0 })
}

/** A new address with the mask and broadcast address of its class. */
function setAddress(
  net: NetState,
  dev: NetDevice,
  old: InIfaddr | null,
  label: string,
  addr: number,
): number {
  const length = classLength(addr)
  if (length < 0) return EINVAL
  if (old?.local === addr) return 0
  const prefix = (dev.flags & IFF_POINTOPOINT) !== 0 ? 32 : length
  const mask = inetMakeMask(prefix)
  const hasBroadcast = (dev.flags & IFF_BROADCAST) !== 0 && prefix < 31
  const broadcast = hasBroadcast ? (addr | ~mask) >>> 0 : 0
  const scope = old?.scope ?? RT_SCOPE_UNIVERSE
  return replaceIfa(net, dev, old, {
    local: addr,
    address: addr,
    mask,
    prefix,
    broadcast,
    scope,
    flags: 0,
    label,
  })
}

const ADDRESS_GETS: ReadonlySet<number> = new Set([
  SIOCGIFADDR,
  SIOCGIFBRDADDR,
  SIOCGIFDSTADDR,
  SIOCGIFNETMASK,
])
const ADDRESS_SETS: ReadonlySet<number> = new Set([
  SIOCSIFADDR,
  SIOCSIFBRDADDR,
  SIOCSIFDSTADDR,
  SIOCSIFNETMASK,
])

function addressOf(ifa: InIfaddr, cmd: number): number {
  if (cmd === SIOCGIFADDR) return ifa.local
  if (cmd === SIOCGIFBRDADDR) return ifa.broadcast
  return cmd === SIOCGIFNETMASK ? ifa.mask : ifa.address
}

/** Errors: EACCES without CAP_NET_ADMIN; EINVAL; ENODEV; EADDRNOTAVAIL; EEXIST. Linux: devinet_ioctl. */
function addressIoctl(current: Task, net: NetState, cmd: number, ifr: Uint8Array): number {
  const isSet = ADDRESS_SETS.has(cmd)
  if ((isSet || cmd === SIOCSIFFLAGS) && !capable(current, CAP_NET_ADMIN))
    return lacksAdmin(current, 'EACCES')
  if (isSet && le16(ifr, DATA) !== AF_INET) return EINVAL
  const label = textOf(ifr.slice(0, IFNAMSIZ))
  const dev = deviceByName(net, deviceNameOf(label))
  if (dev === null) return ENODEV
  const ifa = dev.addresses.find((one) => one.label === label) ?? null
  if (cmd === SIOCSIFFLAGS) {
    const flags = le16(ifr, DATA)
    if (!label.includes(':')) changeFlags(net, dev, flags)
    else if (ifa === null) return EADDRNOTAVAIL
    else if ((flags & IFF_UP) === 0) inetDelIfa(net, dev, ifa)
    return 0
  }
  const addr = fromInet32(ifr.slice(DATA + 4, DATA + 8))
  if (cmd === SIOCSIFADDR) return setAddress(net, dev, ifa, label, addr)
  if (ifa === null) return EADDRNOTAVAIL
  if (ADDRESS_GETS.has(cmd)) {
    ifr.set(sockaddrOf(addressOf(ifa, cmd)), DATA)
    return 0
  }
  if (cmd === SIOCSIFBRDADDR) return replaceIfa(net, dev, ifa, { ...ifa, broadcast: addr })
  if (cmd === SIOCSIFDSTADDR)
    return classLength(addr) < 0 ? EINVAL : replaceIfa(net, dev, ifa, { ...ifa, address: addr })
  const prefix = inetMaskLen(addr)
  if (prefix < 0) return EINVAL
  return ifa.mask === addr ? 0 : replaceIfa(net, dev, ifa, { ...ifa, mask: addr, prefix })
}

// ---- routes ----------------------------------------------------------------------------------------------------

/** A request in the old form. Errors: EAFNOSUPPORT, EINVAL, ENODEV. Linux: fib_convert_rtentry. */
function convertRtentry(net: NetState, cmd: number, rt: Uint8Array): RouteRequest | Errno {
  const at = (offset: number): number => fromInet32(rt.slice(offset, offset + 4))
  const flags = le16(rt, 52)
  if (le16(rt, 4) !== AF_INET) return EAFNOSUPPORT
  const dst = at(8)
  let prefix = 32
  if ((flags & RTF_HOST) === 0) {
    const mask = at(40)
    const family = le16(rt, 36)
    if (family !== AF_INET && (mask !== 0 || family !== 0)) return EAFNOSUPPORT
    prefix = inetMaskLen(mask)
    if (prefix < 0 || (dst & ~mask) >>> 0 !== 0) return EINVAL
  }
  const metric = le16(rt, 64)
  const base = {
    table: RT_TABLE_MAIN,
    dst,
    prefix,
    tos: 0,
    flags: 0,
    oif: null,
    gateway: null,
    prefsrc: null,
  }
  const priority = metric === 0 ? null : metric - 1
  const protocol = cmd === SIOCADDRT ? RTPROT_BOOT : 0
  if ((flags & RTF_REJECT) !== 0)
    return { ...base, priority, protocol, scope: RT_SCOPE_HOST, type: RTN_UNREACHABLE }
  let oif: number | null = null
  let prefsrc: number | null = null
  const offset = le32(rt, 68)
  if (offset !== 0) {
    const label = textOf(rt.slice(offset, offset + IFNAMSIZ))
    const dev = deviceByName(net, deviceNameOf(label))
    if (dev === null) return ENODEV
    oif = dev.ifindex
    if (label.includes(':')) {
      const ifa = dev.addresses.find((one) => one.label === label)
      if (ifa === undefined) return ENODEV
      prefsrc = ifa.local
    }
  }
  let scope = RT_SCOPE_NOWHERE
  const gateway = le16(rt, 20) === AF_INET && at(24) !== 0 ? at(24) : null
  const isGateway = (flags & RTF_GATEWAY) !== 0
  if (gateway !== null && isGateway && inetAddrType(net, gateway) === RTN_UNICAST) scope = RT_SCOPE_UNIVERSE
  const want = { ...base, priority, protocol, scope, type: RTN_UNICAST, oif, gateway, prefsrc }
  if (cmd === SIOCDELRT) return want
  if (isGateway && gateway === null) return EINVAL
  return scope === RT_SCOPE_NOWHERE ? { ...want, scope: RT_SCOPE_LINK } : want
}

/** Errors: EPERM without CAP_NET_ADMIN; those of routes. Linux: ip_rt_ioctl. */
function routeIoctl(current: Task, net: NetState, cmd: number, arg: IoctlArg): number {
  if (!capable(current, CAP_NET_ADMIN)) return lacksAdmin(current, 'EPERM')
  if (!(arg instanceof Uint8Array) || arg.length < RTENTRY) return EFAULT
  const want = convertRtentry(net, cmd, arg)
  if (isErr(want)) return want
  const done = cmd === SIOCADDRT ? newRoute(net, want, FIB_CREATE) : delRoute(net, want)
  return isErr(done) ? done : 0
}

const CHANGES: ReadonlySet<number> = new Set([SIOCSIFMTU, SIOCSIFHWADDR, SIOCSIFTXQLEN, SIOCSIFMETRIC])

/**
 * What all sockets of AF_INET (and of AF_PACKET) answer about devices and routes; EINVAL for what is no such question.
 * Errors: EFAULT no structure; ENODEV; EPERM, EACCES changes without CAP_NET_ADMIN; see above.
 */
export function devIoctl(current: Task, net: NetState, cmd: number, arg: IoctlArg): number {
  if (cmd === SIOCADDRT || cmd === SIOCDELRT) return routeIoctl(current, net, cmd, arg)
  if (cmd === SIOCSARP || cmd === SIOCGARP || cmd === SIOCDARP) return arpIoctl(current, net, cmd, arg)
  if (cmd < SIOCGIFNAME || cmd > SIOCSIFTXQLEN) return EINVAL
  if (!(arg instanceof Uint8Array)) return EFAULT
  if (cmd === SIOCGIFCONF) return fillConf(net, arg)
  if (arg.length < IFREQ) return EFAULT
  if (cmd === SIOCGIFNAME) {
    const named = deviceByIndex(net, le32(arg, DATA))
    if (named === null) return ENODEV
    arg.fill(0, 0, IFNAMSIZ)
    arg.set(nulText(named.name), 0)
    return 0
  }
  if (ADDRESS_GETS.has(cmd) || ADDRESS_SETS.has(cmd) || cmd === SIOCSIFFLAGS)
    return addressIoctl(current, net, cmd, arg)
  const isChange = CHANGES.has(cmd)
  if (isChange && !capable(current, CAP_NET_ADMIN)) return lacksAdmin(current, 'EPERM')
  const dev = deviceByName(net, deviceNameOf(textOf(arg.slice(0, IFNAMSIZ))))
  if (dev === null) return ENODEV
  if (isChange) return change(net, dev, cmd, arg)
  const answer = ask(net, dev, cmd)
  if (answer === null) return EINVAL
  arg.fill(0, DATA, IFREQ)
  arg.set(answer, DATA)
  return 0
}
