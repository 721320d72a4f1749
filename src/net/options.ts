/**
 * Options that all sockets have: level SOL_SOCKET. Linux: sock_setsockopt, sock_getsockopt, net/core/sock.c (2.2.12,
 * 2.6.14), net/socket.c (2.0.35).
 *
 * A program gives a number, a structure as an object, or bytes; too few bytes are EINVAL, what is neither EFAULT.
 *
 * Left out: SO_ATTACH_FILTER (ENOPROTOOPT, as in a kernel without CONFIG_FILTER), SO_PEERSEC.
 */

import { CAP_NET_ADMIN, CAP_NET_RAW } from '../abi/capability.js'
import { EACCES, EFAULT, EINVAL, ENODEV, ENOPROTOOPT, EPERM, type Errno } from '../abi/errno.js'
import { isAtLeast } from '../abi/profile.js'
import {
  type Linger,
  SO_ACCEPTCONN,
  SO_BINDTODEVICE,
  SO_BROADCAST,
  SO_BSDCOMPAT,
  SO_DEBUG,
  SO_DONTROUTE,
  SO_ERROR,
  SO_KEEPALIVE,
  SO_LINGER,
  SO_NO_CHECK,
  SO_OOBINLINE,
  SO_PASSCRED,
  SO_PEERCRED,
  SO_PEERNAME,
  SO_PRIORITY,
  SO_RCVBUF,
  SO_RCVLOWAT,
  SO_RCVTIMEO,
  SO_REUSEADDR,
  SO_SNDBUF,
  SO_SNDLOWAT,
  SO_SNDTIMEO,
  SO_TIMESTAMP,
  SO_TYPE,
  type Ucred,
} from '../abi/socket.js'
import type { Timeval } from '../abi/time.js'
import { pidFor } from '../kernel/part.js'
import type { Task } from '../kernel/task.js'
import { latin1Decode, utf8Encode } from '../lib/bytes.js'
import { type ByteOrder, read32, write32 } from '../lib/nlmsg.js'
import { capable } from '../security/capability.js'
import { deny } from '../security/deny.js'
import { deviceByName } from './device.js'
import { type Sock, type Socket, type SockoptValue, sockError, TCP_LISTEN } from './sock.js'
import { showSockaddr } from './sockaddr.js'

// ---- values from programs ------------------------------------------------------------------------------------

/** The int that an option is set to: a 32-bit number, or null with the error in `wrong`. */
export function optionInt(value: unknown, order: ByteOrder): number | null {
  if (typeof value === 'number') return value | 0
  if (typeof value === 'boolean') return value ? 1 : 0
  if (value instanceof Uint8Array) return value.length >= 4 ? read32(value, 0, order) | 0 : null
  return null
}

/** Why `optionInt` found none: EINVAL too few bytes, EFAULT no value at all. */
export const optionIntError = (value: unknown): Errno =>
  value instanceof Uint8Array || (typeof value === 'object' && value !== null) ? EINVAL : EFAULT

/** Two ints: the bytes of a structure, or two members of an object. EINVAL, EFAULT. */
function twoInts(
  value: unknown,
  first: string,
  second: string,
  order: ByteOrder,
): readonly [number, number] | Errno {
  if (value instanceof Uint8Array)
    return value.length >= 8 ? [read32(value, 0, order) | 0, read32(value, 4, order) | 0] : EINVAL
  if (typeof value === 'number') return EINVAL
  if (typeof value !== 'object' || value === null) return EFAULT
  const a: unknown = Reflect.get(value, first)
  const b: unknown = Reflect.get(value, second)
  return typeof a === 'number' && typeof b === 'number' ? [a | 0, b | 0] : EFAULT
}

/** Milliseconds of a timeout; 0 is for ever. Linux: sock_set_timeout. */
function timeoutOf(value: unknown, order: ByteOrder): number | Errno {
  const pair = twoInts(value, 'sec', 'usec', order)
  if (typeof pair === 'number') return pair
  const ms = pair[0] * 1000 + pair[1] / 1000
  return ms <= 0 ? Number.POSITIVE_INFINITY : ms
}

// ---- setting -------------------------------------------------------------------------------------------------

/** Room for data: what is asked for is doubled, for overhead; 2.0 takes it as it is, up to 65535. */
function bufferSize(sk: Sock, wanted: number, max: number, min: number): number {
  if (sk.net.k.facts.release === '2.0.35') return Math.min(Math.max(wanted, 256), 65535)
  // As unsigned, so that a negative size is the largest. Linux: __u32 sysctl_wmem_max.
  const size = wanted >>> 0 > max ? max : wanted
  return Math.max(size * 2, min)
}

/**
 * Errors: ENOPROTOOPT no such option, or not to be set; EINVAL, EFAULT the value; EACCES SO_DEBUG, EPERM SO_PRIORITY
 * and SO_BINDTODEVICE without the capability. Linux: sock_setsockopt.
 */
export function sockSetsockopt(current: Task, sock: Socket, option: number, value: unknown): number {
  const { sk } = sock
  if (sk === null) return EINVAL
  if (option === SO_BINDTODEVICE && current.k.facts.release !== '2.0.35')
    return bindToDevice(current, sk, value)
  const { byteOrder } = sk.net.netlink
  const hasTimeouts = isAtLeast(current.k.facts.release, '2.6.14')
  if (hasTimeouts && (option === SO_RCVTIMEO || option === SO_SNDTIMEO)) {
    const timeout = timeoutOf(value, byteOrder)
    if (timeout < 0) return timeout
    if (option === SO_RCVTIMEO) sk.rcvtimeo = timeout
    else sk.sndtimeo = timeout
    return 0
  }
  if (option === SO_LINGER) {
    const pair = twoInts(value, 'onoff', 'linger', byteOrder)
    if (typeof pair === 'number') return pair
    sk.linger = pair[0] !== 0
    if (sk.linger) sk.lingerTime = pair[1]
    return 0
  }
  const int = optionInt(value, byteOrder)
  return int === null ? optionIntError(value) : setInt(current, sock, sk, option, int)
}

/** Options that are an int. */
function setInt(current: Task, sock: Socket, sk: Sock, option: number, int: number): number {
  const { net } = sk
  const on = int !== 0
  const release = current.k.facts.release
  switch (option) {
    case SO_DEBUG:
      if (on && !capable(current, CAP_NET_ADMIN))
        return deny(current, EACCES, 'capability', sock.file, CAP_NET_ADMIN)
      sk.debug = on
      return 0
    case SO_REUSEADDR:
      sk.reuse = on ? 1 : 0
      return 0
    case SO_DONTROUTE:
      sk.dontroute = on
      return 0
    case SO_BROADCAST:
      sk.broadcast = on
      return 0
    case SO_SNDBUF:
      sk.sndbuf = bufferSize(sk, int, net.wmemMax, 2048)
      sk.ops.writeSpace(sk)
      return 0
    case SO_RCVBUF:
      sk.rcvbuf = bufferSize(sk, int, net.rmemMax, 256)
      return 0
    case SO_KEEPALIVE:
      sk.keepalive = on
      sk.ops.setKeepalive?.(sk)
      return 0
    case SO_OOBINLINE:
      sk.oobInline = on
      return 0
    case SO_NO_CHECK:
      sk.noCheck = on
      return 0
    case SO_PRIORITY:
      if ((int < 0 || int > 6) && !capable(current, CAP_NET_ADMIN))
        return deny(current, EPERM, 'capability', sock.file, CAP_NET_ADMIN)
      sk.priority = int
      return 0
    case SO_BSDCOMPAT:
      sk.bsdCompat = on
      return 0
    case SO_PASSCRED:
      if (release === '2.0.35') return ENOPROTOOPT
      sk.passcred = on
      return 0
    case SO_TIMESTAMP:
      if (!isAtLeast(release, '2.6.14')) return ENOPROTOOPT
      sk.timestamp = on
      return 0
    case SO_RCVLOWAT:
      if (!isAtLeast(release, '2.6.14')) return ENOPROTOOPT
      sk.rcvlowat = int < 0 ? 0x7fffffff : int || 1
      return 0
    default:
      return ENOPROTOOPT
  }
}

/** An empty name lets go. Linux: the part of sock_setsockopt. */
function bindToDevice(current: Task, sk: Sock, value: unknown): number {
  if (!capable(current, CAP_NET_RAW)) return deny(current, EPERM, 'capability', undefined, CAP_NET_RAW)
  let name = ''
  if (typeof value === 'string') name = value
  else if (value instanceof Uint8Array) {
    const nul = value.indexOf(0)
    name = latin1Decode(value, 0, nul < 0 ? value.length : nul)
  } else if (value !== undefined && value !== null && value !== 0) return EFAULT
  name = name.slice(0, 15)
  if (name === '') {
    sk.boundDev = 0
    return 0
  }
  const dev = deviceByName(sk.net, name)
  if (dev === null) return ENODEV
  sk.boundDev = dev.ifindex
  sk.ops.forgetRoute?.(sk)
  return 0
}

// ---- getting -------------------------------------------------------------------------------------------------

const flag = (on: boolean): number => (on ? 1 : 0)

const timeval = (ms: number): Timeval =>
  ms === Number.POSITIVE_INFINITY
    ? { sec: 0, usec: 0 }
    : { sec: Math.floor(ms / 1000), usec: Math.floor((ms % 1000) * 1000) }

/** Errors: ENOPROTOOPT; ENOTCONN (SO_PEERNAME). Linux: sock_getsockopt. */
export function sockGetsockopt(current: Task, sock: Socket, option: number): SockoptValue | number {
  const { sk } = sock
  if (sk === null) return EINVAL
  const { release } = current.k.facts
  switch (option) {
    case SO_DEBUG:
      return flag(sk.debug)
    case SO_DONTROUTE:
      return flag(sk.dontroute)
    case SO_BROADCAST:
      return flag(sk.broadcast)
    case SO_SNDBUF:
      return sk.sndbuf
    case SO_RCVBUF:
      return sk.rcvbuf
    case SO_REUSEADDR:
      return sk.reuse
    case SO_KEEPALIVE:
      return flag(sk.keepalive)
    case SO_TYPE:
      return sk.type
    case SO_ERROR:
      return takeError(sk)
    case SO_OOBINLINE:
      return flag(sk.oobInline)
    case SO_NO_CHECK:
      return flag(sk.noCheck)
    case SO_PRIORITY:
      return sk.priority
    case SO_LINGER: {
      const linger: Linger = { onoff: flag(sk.linger), linger: sk.lingerTime }
      return linger
    }
    case SO_BSDCOMPAT:
      return flag(sk.bsdCompat)
    default:
      return release === '2.0.35' ? ENOPROTOOPT : getLater(current, sock, sk, option)
  }
}

/** The error that waits, as a positive number. 2.6 looks for a soft one too. */
function takeError(sk: Sock): number {
  const err = sockError(sk)
  if (err !== 0 || !isAtLeast(sk.net.k.facts.release, '2.6.14')) return 0 - err
  const soft = sk.errSoft
  sk.errSoft = 0
  return 0 - soft
}

/** Options since 2.2, and those since 2.4. */
function getLater(current: Task, sock: Socket, sk: Sock, option: number): SockoptValue | number {
  const isModern = isAtLeast(current.k.facts.release, '2.6.14')
  switch (option) {
    case SO_RCVTIMEO:
      return timeval(sk.rcvtimeo)
    case SO_SNDTIMEO:
      return timeval(sk.sndtimeo)
    case SO_RCVLOWAT:
      return sk.rcvlowat
    case SO_SNDLOWAT:
      return 1
    case SO_PASSCRED:
      return flag(sk.passcred)
    case SO_PEERCRED: {
      const peer: Ucred = { pid: pidFor(current, sk.peerPid), uid: sk.peerUid, gid: sk.peerGid }
      return peer
    }
    case SO_PEERNAME: {
      const name = sock.ops.getname(sock, true)
      return typeof name === 'number' ? name : showSockaddr(name)
    }
    case SO_TIMESTAMP:
      return isModern ? flag(sk.timestamp) : ENOPROTOOPT
    case SO_ACCEPTCONN:
      return isModern ? flag(sk.state === TCP_LISTEN) : ENOPROTOOPT
    default:
      return ENOPROTOOPT
  }
}

/** An option's value as the bytes that C has. */
export function encodeOption(value: SockoptValue, order: ByteOrder): Uint8Array {
  if (value instanceof Uint8Array) return value
  if (typeof value === 'string') return utf8Encode(`${value}\0`)
  const ints = typeof value === 'number' ? [value] : Object.values(value).map(Number)
  const bytes = new Uint8Array(4 * ints.length)
  for (const [i, int] of ints.entries()) write32(bytes, 4 * i, int, order)
  return bytes
}
