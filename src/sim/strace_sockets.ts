/**
 * How strace writes the calls of sockets: names of families, types, options and flags; addresses as their structures. After
 * strace 6.1. Left out: what is in netlink's messages, which are shown as bytes.
 */

import { enumToString, type FlagTable, flagsToString } from '../abi/decode.js'
import * as ifs from '../abi/if.js'
import * as netlink from '../abi/netlink.js'
import * as sockets from '../abi/socket.js'
import { utf8Encode, utf8Length } from '../lib/bytes.js'
import { int } from './strace_formats.js'
import {
  ADDRESS,
  field,
  generic,
  isError,
  number,
  quote,
  quoteData,
  result,
  type TextStyle,
} from './strace_text.js'

type Args = readonly unknown[]

/** The constants of a file whose names begin like this, and the names, by number: the file's own order is nobody's. */
const named = (constants: Readonly<Record<string, unknown>>, prefix: string, but = /^$/): FlagTable =>
  Object.entries(constants)
    .flatMap(([name, value]) =>
      name.startsWith(prefix) && typeof value === 'number' && !but.test(name) ? [[value, name] as const] : [],
    )
    .sort(([a], [b]) => a - b)

const FAMILIES = named(sockets, 'AF_', /^AF_LOCAL$/)
const TYPES = named(sockets, 'SOCK_')
const LEVELS = named(sockets, 'SOL_')
const MESSAGE_FLAGS = named(sockets, 'MSG_')
const HOW = named(sockets, 'SHUT_')
const IP_PROTOCOLS = named(sockets, 'IPPROTO_')
const NETLINK_PROTOCOLS = named(netlink, 'NETLINK_')
const FRAME_TYPES = named(ifs, 'ETH_P_')
/** Options by level. */
const OPTIONS: ReadonlyMap<number, FlagTable> = new Map([
  [sockets.SOL_SOCKET, named(sockets, 'SO_')],
  [sockets.SOL_IP, named(sockets, 'IP_', /^IP_PMTUDISC_/)],
  [sockets.SOL_TCP, named(sockets, 'TCP_')],
  [sockets.SOL_NETLINK, named(sockets, 'NETLINK_')],
])

const oneOf = (table: FlagTable, value: unknown, style: TextStyle): string =>
  typeof value === 'number' ? enumToString(table, value) : generic(value, style)

const messageFlags = (value: unknown): string => flagsToString(MESSAGE_FLAGS, number(value))

const swapped = (value: number): number => ((value & 0xff) << 8) | ((value >> 8) & 0xff)

function protocolName(family: unknown, protocol: unknown, style: TextStyle): string {
  if (family === sockets.AF_INET) return oneOf(IP_PROTOCOLS, protocol, style)
  if (family === sockets.AF_NETLINK) return oneOf(NETLINK_PROTOCOLS, protocol, style)
  if (family === sockets.AF_PACKET) return `htons(${oneOf(FRAME_TYPES, swapped(number(protocol)), style)})`
  return int(protocol, style)
}

/** A dotted address from text or a number. */
const dotted = (value: unknown): string =>
  typeof value === 'number'
    ? [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.')
    : String(value)

/** An address, and its length in C; without one NULL and 0. */
function address(value: unknown, style: TextStyle): [shown: string, length: number] {
  if (value === undefined || value === null) return ['NULL', 0]
  if (value instanceof Uint8Array) return [quoteData(value, style), value.length]
  const family = field(value, 'family')
  if (typeof family !== 'number') return [generic(value, style), 0]
  const name = `sa_family=${enumToString(FAMILIES, family)}`
  switch (family) {
    case sockets.AF_UNIX: {
      const path = field(value, 'path')
      if (typeof path !== 'string' || path === '') return [`{${name}}`, 2]
      if (path.startsWith('\0'))
        return [`{${name}, sun_path=@${quote(utf8Encode(path.slice(1)))}}`, 2 + utf8Length(path)]
      return [`{${name}, sun_path=${quote(utf8Encode(path))}}`, 3 + utf8Length(path)]
    }
    case sockets.AF_INET:
      return [
        `{${name}, sin_port=htons(${String(field(value, 'port'))}), sin_addr=inet_addr("${dotted(field(value, 'addr'))}")}`,
        16,
      ]
    case sockets.AF_NETLINK: {
      const groups = number(field(value, 'groups')) >>> 0
      return [
        `{${name}, nl_pid=${String(field(value, 'pid'))}, nl_groups=${groups.toString(16).padStart(8, '0')}}`,
        12,
      ]
    }
    case sockets.AF_UNSPEC:
      return [`{${name}}`, 16]
    default:
      return [generic(value, style), 0]
  }
}

/** An address that goes in, and its length. */
const given = (value: unknown, style: TextStyle): string[] => {
  const [shown, length] = address(value, style)
  return [shown, String(length)]
}

/** An address that the kernel has filled in, and its length; NULL where there is no room. */
function handedOut(value: unknown, ret: unknown, style: TextStyle): string[] {
  if (value === undefined || value === null) return ['NULL', 'NULL']
  if (isError(ret)) return [ADDRESS, '[16]']
  const [shown, length] = address(value, style)
  return [shown, `[${length}]`]
}

/** Data that were received; an address where none were. */
const received = (buf: unknown, ret: unknown, style: TextStyle): string[] => {
  const size = buf instanceof Uint8Array ? buf.length : 0
  if (!(buf instanceof Uint8Array) || isError(ret)) return [ADDRESS, String(size)]
  return [quoteData(firstOf(buf, number(ret)), style), String(size)]
}

/** The first bytes. A buffer whose memory has been transferred has none, and cannot be cut. */
const firstOf = (bytes: Uint8Array, count: number): Uint8Array =>
  bytes.length === 0 ? new Uint8Array(0) : bytes.subarray(0, Math.max(0, count))

const sizeOf = (data: unknown): string => String(data instanceof Uint8Array ? data.length : 0)

/** The value of an option, and its size in C. */
function optionValue(value: unknown, style: TextStyle): [string, number] {
  if (typeof value === 'number') return [`[${value}]`, 4]
  if (value instanceof Uint8Array) return [quoteData(value, style), value.length]
  const onoff = field(value, 'onoff')
  if (onoff !== undefined)
    return [`{l_onoff=${String(onoff)}, l_linger=${String(field(value, 'linger'))}}`, 8]
  return [generic(value, style), 4]
}

const optionName = (level: unknown, option: unknown, style: TextStyle): string =>
  oneOf(OPTIONS.get(number(level)) ?? [], option, style)

/** One piece of ancillary data. */
function controlText(message: unknown, style: TextStyle): string {
  const fds = field(message, 'fds')
  const level = enumToString(LEVELS, number(field(message, 'level')))
  if (!Array.isArray(fds)) return generic(message, style)
  return `{cmsg_len=${12 + 4 * fds.length}, cmsg_level=${level}, cmsg_type=SCM_RIGHTS, cmsg_data=[${fds.join(', ')}]}`
}

/** A message; `done` bytes of its data are shown. */
function messageText(header: unknown, done: number, style: TextStyle): string {
  if (typeof header !== 'object' || header === null) return generic(header, style)
  const [name, length] = address(field(header, 'name'), style)
  const iov = field(header, 'iov')
  const pieces = Array.isArray(iov) ? iov : []
  let left = done
  const shown = pieces.map((piece: unknown) => {
    const bytes = piece instanceof Uint8Array ? piece : new Uint8Array(0)
    const base = quoteData(firstOf(bytes, Math.min(left, bytes.length)), style)
    left -= bytes.length
    return `{iov_base=${base}, iov_len=${bytes.length}}`
  })
  const control = field(header, 'control')
  const messages = Array.isArray(control) ? control : []
  const ancillary =
    messages.length === 0
      ? 'msg_controllen=0'
      : `msg_control=[${messages.map((message) => controlText(message, style)).join(', ')}]`
  return `{msg_name=${name}, msg_namelen=${length}, msg_iov=[${shown.join(', ')}], msg_iovlen=${pieces.length}, ${ancillary}, msg_flags=${messageFlags(field(header, 'flags'))}}`
}

/** One row, as in strace_calls.ts. */
interface Row {
  enter(args: Args, style: TextStyle): string[]
  exit?(args: Args, ret: unknown, style: TextStyle): string[]
  result?(ret: unknown, args: Args): string
}

const addressed: Row = { enter: ([fd, to], style) => [int(fd, style), ...given(to, style)] }
const askedName: Row = {
  enter: ([fd], style) => [int(fd, style)],
  exit: (_args, ret, style) => handedOut(ret, ret, style),
}

/** The rows. */
export const SOCKET_CALLS: Readonly<Record<string, Row>> = Object.freeze({
  socket: {
    enter: ([family, type, protocol = 0], style) => [
      oneOf(FAMILIES, family, style),
      oneOf(TYPES, type, style),
      protocolName(family, protocol, style),
    ],
  },
  socketpair: {
    enter: ([family, type, protocol = 0], style) => [
      oneOf(FAMILIES, family, style),
      oneOf(TYPES, type, style),
      int(protocol, style),
    ],
    exit: (_args, ret) => [Array.isArray(ret) ? `[${ret.join(', ')}]` : ADDRESS],
  },
  bind: addressed,
  connect: addressed,
  accept: {
    enter: ([fd], style) => [int(fd, style)],
    exit: ([, peer], ret, style) => handedOut(peer, ret, style),
  },
  getsockname: askedName,
  getpeername: askedName,
  send: {
    enter: ([fd, data, flags = 0], style) => [
      int(fd, style),
      quoteData(data, style),
      sizeOf(data),
      messageFlags(flags),
    ],
  },
  sendto: {
    enter: ([fd, data, flags = 0, to], style) => [
      int(fd, style),
      quoteData(data, style),
      sizeOf(data),
      messageFlags(flags),
      ...given(to, style),
    ],
  },
  recv: {
    enter: ([fd], style) => [int(fd, style)],
    exit: ([, buf, flags = 0], ret, style) => [...received(buf, ret, style), messageFlags(flags)],
  },
  recvfrom: {
    enter: ([fd], style) => [int(fd, style)],
    exit: ([, buf, flags = 0, from], ret, style) => [
      ...received(buf, ret, style),
      messageFlags(flags),
      ...handedOut(from, ret, style),
    ],
  },
  sendmsg: {
    enter: ([fd, header, flags = 0], style) => [
      int(fd, style),
      messageText(header, Number.POSITIVE_INFINITY, style),
      messageFlags(flags),
    ],
  },
  recvmsg: {
    enter: ([fd], style) => [int(fd, style)],
    exit: ([, header, flags = 0], ret, style) => [
      isError(ret) ? ADDRESS : messageText(header, number(ret), style),
      messageFlags(flags),
    ],
  },
  shutdown: { enter: ([fd, how], style) => [int(fd, style), oneOf(HOW, how, style)] },
  setsockopt: {
    enter([fd, level, option, value], style) {
      const [shown, size] = optionValue(value, style)
      return [
        int(fd, style),
        oneOf(LEVELS, level, style),
        optionName(level, option, style),
        shown,
        String(size),
      ]
    },
  },
  getsockopt: {
    enter: ([fd, level, option], style) => [
      int(fd, style),
      oneOf(LEVELS, level, style),
      optionName(level, option, style),
    ],
    exit: (_args, ret, style) => {
      if (isError(ret)) return [ADDRESS, '[4]']
      const [shown, size] = optionValue(ret, style)
      return [shown, `[${size}]`]
    },
    result: (ret) => (isError(ret) ? result(ret) : '0'),
  },
} satisfies Readonly<Record<string, Row>>)
