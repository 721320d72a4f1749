/**
 * What sockets of AF_PACKET want from devices: groups, all groups, all frames. Linux: packet_mc_add, packet_mc_drop,
 * packet_flush_mclist, net/packet/af_packet.c (2.2.12, 2.6.14).
 *
 * Devices here take the frames of all groups as it is, as cards with the filter open do, so that a group changes
 * nothing but the list.
 */

import { EADDRNOTAVAIL, EFAULT, EINVAL, ENODEV, type Errno, isErr } from '../../abi/errno.js'
import { PACKET_MR_ALLMULTI, PACKET_MR_PROMISC } from '../../abi/socket.js'
import { deviceByIndex, devSetAllmulti, devSetPromiscuity } from '../device.js'
import type { NetState } from '../state.js'
import type { PacketMembership, PacketSock } from './sock.js'

/** What is asked for; `length` is what C would have as the address's. */
interface Request {
  readonly ifindex: number
  readonly kind: number
  readonly length: number
  readonly address: string
}

const digits = (bytes: Uint8Array): string =>
  Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('')

/** A struct packet_mreq as bytes, or as an object. Errors: EINVAL, EFAULT. */
function readRequest(value: unknown): Request | Errno {
  if (value instanceof Uint8Array) {
    if (value.length < 16) return EINVAL
    const at = (i: number): number => value[i] ?? 0
    const length = at(6) | (at(7) << 8)
    const ifindex = at(0) | (at(1) << 8) | (at(2) << 16) | (at(3) << 24)
    return {
      ifindex,
      kind: at(4) | (at(5) << 8),
      length,
      address: digits(value.subarray(8, 8 + Math.min(length, 8))),
    }
  }
  if (typeof value === 'number') return EINVAL
  if (typeof value !== 'object' || value === null) return EFAULT
  const ifindex: unknown = Reflect.get(value, 'ifindex')
  const kind: unknown = Reflect.get(value, 'type')
  const address: unknown = Reflect.get(value, 'address')
  if (typeof ifindex !== 'number' || typeof kind !== 'number') return EFAULT
  const bytes = address instanceof Uint8Array ? address : new Uint8Array(0)
  return {
    ifindex: ifindex | 0,
    kind: kind & 0xffff,
    length: bytes.length,
    address: digits(bytes.subarray(0, 8)),
  }
}

const isSame = (a: PacketMembership, b: Request): boolean =>
  a.ifindex === b.ifindex && a.kind === b.kind && a.address === b.address

/** Linux: packet_dev_mc. */
function tellDevice(net: NetState, { ifindex, kind }: PacketMembership, by: 1 | -1): void {
  const dev = deviceByIndex(net, ifindex)
  if (dev === null) return
  if (kind === PACKET_MR_PROMISC) devSetPromiscuity(dev, by)
  else if (kind === PACKET_MR_ALLMULTI) devSetAllmulti(dev, by)
}

/** PACKET_ADD_MEMBERSHIP. Errors: ENODEV; EINVAL the address is too long, too few bytes; EFAULT. */
export function packetMcAdd(sk: PacketSock, value: unknown): number {
  const request = readRequest(value)
  if (isErr(request)) return request
  const dev = deviceByIndex(sk.net, request.ifindex)
  if (dev === null) return ENODEV
  if (request.length > dev.address.length) return EINVAL
  const found = sk.memberships.find((one) => isSame(one, request))
  if (found !== undefined) {
    found.count++
    return 0
  }
  const { ifindex, kind, address } = request
  const made = { ifindex, kind, address, count: 1 }
  sk.memberships.unshift(made)
  tellDevice(sk.net, made, 1)
  return 0
}

/** PACKET_DROP_MEMBERSHIP. Errors: EADDRNOTAVAIL; EINVAL, EFAULT. */
export function packetMcDrop(sk: PacketSock, value: unknown): number {
  const request = readRequest(value)
  if (isErr(request)) return request
  const at = sk.memberships.findIndex((one) => isSame(one, request))
  const found = sk.memberships[at]
  if (found === undefined) return EADDRNOTAVAIL
  if (--found.count > 0) return 0
  sk.memberships.splice(at, 1)
  tellDevice(sk.net, found, -1)
  return 0
}

/** The socket is closed. Linux: packet_flush_mclist. */
export function packetMcFlush(sk: PacketSock): void {
  for (const one of sk.memberships) tellDevice(sk.net, one, -1)
  sk.memberships = []
}
