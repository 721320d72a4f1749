/**
 * Addresses inside the kernel: one flat class for all families, made from what a program passes.
 *
 * `length` is what C would have passed as addrlen: protocols test it as Linux does ("too short: EINVAL"), so an
 * object that lacks members counts as the two bytes of the family. Linux: move_addr_to_kernel, net/socket.c.
 */

import { EFAULT, EINVAL, type Errno } from '../abi/errno.js'
import { AF_INET, AF_NETLINK, AF_PACKET, AF_UNIX, AF_UNSPEC, type SockName } from '../abi/socket.js'
import { latin1Decode, latin1Encode, utf8Decode, utf8Encode } from '../lib/bytes.js'
import { type ByteOrder, read16, read32 } from '../lib/nlmsg.js'

/** Bytes of the longest address. Linux: MAX_SOCK_ADDR, 128. */
export const MAX_SOCK_ADDR = 128

/** An address. Which members count depends on the family. */
export class Sockaddr {
  /** AF_*. */
  family: number
  /** Bytes of the C structure that were given. */
  length: number
  /** AF_INET: the address, an unsigned number in host order. */
  addr = 0
  /** AF_INET: the port. AF_NETLINK: the port id. */
  port = 0
  /** AF_UNIX: the bytes of sun_path as Latin-1, without a path's NUL at the end. AF_PACKET of old: the device. */
  path = ''
  /** SOCK_PACKET: `path` is a device's name, whatever the family. */
  isDevice = false
  /** AF_PACKET: the device's number. */
  ifindex = 0
  /** AF_PACKET: ETH_P_*, host order. AF_NETLINK: the mask of groups. */
  protocol = 0
  /** AF_PACKET: ARPHRD_*. */
  hatype = 0
  /** AF_PACKET: PACKET_*. */
  pkttype = 0
  /** AF_PACKET: the hardware address. */
  hwaddr: Uint8Array | null = null

  constructor(family: number, length: number) {
    this.family = family
    this.length = length
  }
}

/** Bytes of struct sockaddr_in. */
export const SOCKADDR_IN = 16
/** Bytes of struct sockaddr_ll: with an Ethernet address at least 18 count. */
export const SOCKADDR_LL = 20
/** Bytes of struct sockaddr_nl. */
export const SOCKADDR_NL = 12
/** Bytes of struct sockaddr_pkt. */
export const SOCKADDR_PKT = 18

/** An AF_INET address. */
export function inetAddr(addr: number, port: number): Sockaddr {
  const made = new Sockaddr(AF_INET, SOCKADDR_IN)
  made.addr = addr
  made.port = port
  return made
}

/** '127.0.0.1' to its 32 bits, or -1 for what is no such text. */
export function parseIp(text: string): number {
  let addr = 0
  let octet = -1
  let dots = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x2e) {
      if (octet < 0 || ++dots > 3) return -1
      addr = addr * 256 + octet
      octet = -1
    } else {
      if (code < 0x30 || code > 0x39) return -1
      octet = Math.max(octet, 0) * 10 + code - 0x30
      if (octet > 255) return -1
    }
  }
  return dots === 3 && octet >= 0 ? addr * 256 + octet : -1
}

/** 32 bits to '127.0.0.1'. */
export const formatIp = (addr: number): string =>
  `${addr >>> 24}.${(addr >>> 16) & 255}.${(addr >>> 8) & 255}.${addr & 255}`

const isAddr = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffffffff

const number = (value: unknown): number => (typeof value === 'number' ? value | 0 : 0)

/**
 * What a program passes as an address; nothing (null, undefined) is an address of length 0. Errors: EFAULT it is
 * neither an object nor bytes; EINVAL too long. `order`: of the integers in bytes, the machine's.
 */
export function readSockaddr(value: unknown, order: ByteOrder): Sockaddr | Errno {
  if (value === undefined || value === null) return new Sockaddr(AF_UNSPEC, 0)
  if (value instanceof Uint8Array) return fromBytes(value, order)
  if (typeof value !== 'object' || !('family' in value) || typeof value.family !== 'number') return EFAULT
  const family = value.family & 0xffff
  switch (family) {
    case AF_UNIX:
      return unixFrom(value)
    case AF_INET:
      return inetFrom(value)
    case AF_PACKET:
      return packetFrom(value)
    case AF_NETLINK: {
      const made = new Sockaddr(family, 'pid' in value ? SOCKADDR_NL : 2)
      if ('pid' in value) made.port = number(value.pid) >>> 0
      if ('groups' in value) made.protocol = number(value.groups) >>> 0
      return made
    }
    default:
      return new Sockaddr(family, SOCKADDR_IN)
  }
}

function unixFrom(value: object): Sockaddr | Errno {
  const path = 'path' in value ? value.path : ''
  if (typeof path !== 'string') return EFAULT
  const made = new Sockaddr(AF_UNIX, 2)
  if (path === '') return made
  const bytes = utf8Encode(path)
  const isAbstract = bytes[0] === 0
  const nul = isAbstract ? -1 : bytes.indexOf(0)
  made.length = 2 + bytes.length + (isAbstract ? 0 : 1)
  if (made.length > MAX_SOCK_ADDR) return EINVAL
  made.path = latin1Decode(bytes, 0, nul < 0 ? bytes.length : nul)
  return made
}

function inetFrom(value: object): Sockaddr | Errno {
  if ('device' in value) return packetFrom(value)
  const addr = 'addr' in value ? value.addr : undefined
  const port = 'port' in value ? value.port : undefined
  if (addr === undefined || port === undefined) return new Sockaddr(AF_INET, 2)
  const bits = typeof addr === 'string' ? parseIp(addr) : isAddr(addr) ? addr : -1
  if (bits < 0 || typeof port !== 'number') return EFAULT
  return inetAddr(bits, port & 0xffff)
}

function packetFrom(value: object): Sockaddr | Errno {
  const family = 'family' in value ? number(value.family) : AF_PACKET
  if ('device' in value) {
    if (typeof value.device !== 'string') return EFAULT
    const made = new Sockaddr(family, 'protocol' in value ? SOCKADDR_PKT : SOCKADDR_IN)
    made.isDevice = true
    made.path = value.device.slice(0, 14)
    made.protocol = 'protocol' in value ? number(value.protocol) & 0xffff : 0
    return made
  }
  const made = new Sockaddr(AF_PACKET, 'ifindex' in value ? SOCKADDR_LL : 2)
  if ('ifindex' in value) made.ifindex = number(value.ifindex)
  if ('protocol' in value) made.protocol = number(value.protocol) & 0xffff
  if ('hatype' in value) made.hatype = number(value.hatype) & 0xffff
  if ('pkttype' in value) made.pkttype = number(value.pkttype) & 0xff
  if ('addr' in value && value.addr instanceof Uint8Array) made.hwaddr = value.addr.slice(0, 8)
  return made
}

/** The bytes of a C structure, in the machine's order but for ports, addresses and protocols. */
function fromBytes(bytes: Uint8Array, order: ByteOrder): Sockaddr | Errno {
  if (bytes.length > MAX_SOCK_ADDR) return EINVAL
  const made = new Sockaddr(bytes.length >= 2 ? read16(bytes, 0, order) : AF_UNSPEC, bytes.length)
  const at = (i: number): number => bytes[i] ?? 0
  const be16 = (i: number): number => (at(i) << 8) | at(i + 1)
  if (made.family !== AF_UNIX && (bytes.length === SOCKADDR_IN || bytes.length === SOCKADDR_PKT)) {
    // Perhaps the name of a device.
    const nul = bytes.subarray(2, 16).indexOf(0)
    made.path = latin1Decode(bytes, 2, nul < 0 ? 16 : 2 + nul)
    if (bytes.length === SOCKADDR_PKT) made.protocol = be16(16)
  }
  switch (made.family) {
    case AF_UNIX: {
      const nul = at(2) === 0 ? -1 : bytes.indexOf(0, 2)
      made.path = latin1Decode(bytes, 2, nul < 0 ? bytes.length : nul)
      return made
    }
    case AF_INET:
      made.port = be16(2)
      made.addr = ((be16(4) << 16) | be16(6)) >>> 0
      return made
    case AF_PACKET:
      made.protocol = be16(2)
      made.ifindex = read32(bytes, 4, order) | 0
      made.hatype = read16(bytes, 8, order)
      made.pkttype = at(10)
      made.hwaddr = bytes.slice(12, 12 + Math.min(at(11), 8))
      return made
    case AF_NETLINK:
      made.port = read32(bytes, 4, order)
      made.protocol = read32(bytes, 8, order)
      return made
    default:
      return made
  }
}

/** The address as a program sees it. */
export function showSockaddr(address: Sockaddr): SockName {
  if (address.isDevice) return { family: address.family, device: address.path, protocol: address.protocol }
  switch (address.family) {
    case AF_UNIX:
      return { family: AF_UNIX, path: utf8Decode(latin1Encode(address.path)) }
    case AF_INET:
      return { family: AF_INET, addr: formatIp(address.addr), port: address.port }
    case AF_PACKET: {
      const { protocol, ifindex, hatype, pkttype, hwaddr } = address
      return { family: AF_PACKET, protocol, ifindex, hatype, pkttype, addr: hwaddr ?? new Uint8Array(0) }
    }
    case AF_NETLINK:
      return { family: AF_NETLINK, pid: address.port, groups: address.protocol }
    default:
      break
  }
  return { family: AF_UNSPEC }
}

/** Fills an object that a program has passed. Without one nothing happens. 0 or EFAULT. */
export function fillSockaddr(target: unknown, address: Sockaddr | null): number {
  if (target === undefined || target === null) return 0
  if (typeof target !== 'object' || target instanceof Uint8Array || Object.isFrozen(target)) return EFAULT
  for (const key of Object.keys(target)) if (!Reflect.deleteProperty(target, key)) return EFAULT
  if (address === null) return 0
  for (const [key, value] of Object.entries(showSockaddr(address)))
    if (!Reflect.set(target, key, value)) return EFAULT
  return 0
}
