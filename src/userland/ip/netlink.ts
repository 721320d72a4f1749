/**
 * Talking to the kernel through rtnetlink. iproute2: lib/libnetlink.c, lib/ll_map.c (990824).
 */

import { isErr } from '../../abi/errno.js'
import {
  IFLA_IFNAME,
  NETLINK_ROUTE,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  RTM_GETLINK,
} from '../../abi/netlink.js'
import { AF_NETLINK, SOCK_RAW } from '../../abi/socket.js'
import {
  type Attributes,
  le32,
  type NlMessage,
  readAttributes,
  readMessages,
  textOf,
  writeMessage,
} from '../../lib/nlmsg.js'
import { type Part, perror, Stop, type ToolSys } from '../tool.js'
import type { Names } from './args.js'

/** What a run of the tool knows. */
export interface IpContext {
  readonly sys: ToolSys
  readonly out: string[]
  /** The netlink socket. */
  readonly fd: number
  /** Names of tables. */
  readonly tables: Names
  /** -s: how often. */
  readonly stats: number
  /** Selectors of rules that the tool has been told of. */
  readonly keywords: readonly RuleKeyword[]
}

/** A selector of rules that a module adds, on the command line: `mac LABEL`. */
export interface RuleKeyword {
  /** The word. It may not be abbreviated. */
  readonly keyword: string
  /** The number of its attribute. */
  readonly attribute: number
  /** The attribute's bytes; null for what is no value. */
  parse(text: string): Uint8Array | null
  /** The value as it is typed. */
  show(payload: Uint8Array): string
}

/** A pair of an attribute. */
export type Attribute = readonly [number, Uint8Array]

const KERNEL = { family: AF_NETLINK, pid: 0, groups: 0 } as const

/** Opens the socket. iproute2: rtnl_open. */
export function* openRtnetlink(sys: ToolSys): Part<number> {
  const fd = yield* sys.socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)
  if (isErr(fd)) throw new Stop(perror('Cannot open netlink socket', fd), 1)
  return fd
}

function* receive({ sys, fd }: IpContext): Part<NlMessage[]> {
  const buf = new Uint8Array(8192)
  const count = yield* sys.recv(fd, buf)
  if (count <= 0) throw new Stop(count === 0 ? 'EOF on netlink\n' : perror('OVERRUN', count), 1)
  return readMessages(buf.slice(0, count))
}

/** What the kernel says no with. */
const refused = (body: Uint8Array): Stop => new Stop(perror('RTNETLINK answers', le32(body, 0) | 0), 2)

/** All messages of a dump. `family`: AF_*; `fixed`: the request's fixed part. iproute2: rtnl_wilddump_request. */
export function* dump(ctx: IpContext, type: number, fixed: Uint8Array): Part<NlMessage[]> {
  const request = writeMessage({ type, flags: NLM_F_REQUEST | NLM_F_DUMP, seq: 1, pid: 0 }, fixed)
  const sent = yield* ctx.sys.sendto(ctx.fd, request, 0, KERNEL)
  if (sent < 0) throw new Stop(perror('Cannot send dump request', sent), 1)
  const all: NlMessage[] = []
  for (;;) {
    for (const message of yield* receive(ctx)) {
      if (message.type === NLMSG_DONE) return all
      if (message.type === NLMSG_ERROR) throw refused(message.body)
      all.push(message)
    }
  }
}

/** A change, or a question with one answer. iproute2: rtnl_talk. */
export function* talk(
  ctx: IpContext,
  type: number,
  flags: number,
  fixed: Uint8Array,
  attributes: readonly Attribute[],
  wantsAnswer = false,
): Part<NlMessage | null> {
  const all = NLM_F_REQUEST | (wantsAnswer ? 0 : NLM_F_ACK) | flags
  const request = writeMessage({ type, flags: all, seq: 2, pid: 0 }, fixed, attributes)
  const sent = yield* ctx.sys.sendto(ctx.fd, request, 0, KERNEL)
  if (sent < 0) throw new Stop(perror('Cannot talk to rtnetlink', sent), 2)
  for (const message of yield* receive(ctx)) {
    if (message.type !== NLMSG_ERROR) return message
    if (le32(message.body, 0) !== 0) throw refused(message.body)
  }
  return null
}

/** A device as the kernel tells it. */
export interface Link {
  readonly ifindex: number
  readonly name: string
  readonly type: number
  readonly flags: number
  readonly attributes: Attributes
}

/** All devices. iproute2: ll_init_map. */
export function* readLinks(ctx: IpContext): Part<Link[]> {
  const messages = yield* dump(ctx, RTM_GETLINK, new Uint8Array(16))
  return messages.map(({ body }) => {
    const attributes = readAttributes(body, 16)
    return {
      ifindex: le32(body, 4),
      name: textOf(attributes.get(IFLA_IFNAME) ?? new Uint8Array(0)),
      type: (body[2] ?? 0) | ((body[3] ?? 0) << 8),
      flags: le32(body, 8),
      attributes,
    }
  })
}

/** The device with a name, or the end. */
export function linkNamed(links: readonly Link[], name: string): Link {
  const found = links.find((link) => link.name === name)
  if (found === undefined) throw new Stop(`Cannot find device "${name}"\n`, 1)
  return found
}

/** The name of a device with a number. iproute2: ll_index_to_name. */
export const linkName = (links: readonly Link[], ifindex: number): string =>
  links.find((link) => link.ifindex === ifindex)?.name ?? `if${ifindex}`
