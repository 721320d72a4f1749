/** A kernel with the connector, and what programs send to it and hear of it. */
import { createKernel, isErr } from 'paleokernel'
import {
  type CnMsg,
  type CnMsgFields,
  type ConnectorOptions,
  connector,
  decodeCnMsg,
  encodeCnMsg,
} from 'paleokernel/connector'
import { AF_NETLINK, MSG_DONTWAIT, net, SOCK_DGRAM } from 'paleokernel/net'
import { ok } from '../helpers/world.js'

export const NETLINK_CONNECTOR = 11

/** Boots 2.6.14 with the connector; `heard` is what its callback 'note' has been given. */
export function world(options: ConnectorOptions = {}) {
  const heard: CnMsg[] = []
  const k = createKernel({
    profile: '2.6.14',
    modules: [
      net(),
      connector({ ...options, callbacks: { note: (_k, msg) => void heard.push(msg), ...options.callbacks } }),
    ],
  })
  return { k, heard, root: k.spawn() }
}

export type World = ReturnType<typeof world>
export type ConnectorProcess = World['root']

/** A socket of the protocol, bound to groups by number. */
export function listen(p: ConnectorProcess, ...groups: number[]): number {
  const fd = ok(p.sys.socket(AF_NETLINK, SOCK_DGRAM, NETLINK_CONNECTOR))
  const mask = groups.reduce((sum, group) => sum + 2 ** (group - 1), 0)
  ok(p.sys.bind(fd, { family: AF_NETLINK, pid: 0, groups: mask }))
  return fd
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** A message with the header of netlink. `length` is its nlmsg_len. */
export function wire(fields: CnMsgFields, length?: number): Uint8Array {
  const msg = encodeCnMsg(fields)
  const bytes = new Uint8Array(16 + msg.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, length ?? bytes.length, true)
  view.setUint16(4, 3, true)
  bytes.set(msg, 16)
  return bytes
}

const KERNEL = { family: AF_NETLINK, pid: 0, groups: 0 } as const

/** Sends bytes to the kernel: what sendto says. */
export const sendRaw = (p: ConnectorProcess, fd: number, bytes: Uint8Array): number =>
  p.sys.sendto(fd, bytes, 0, KERNEL)

/** Sends a message to the kernel. */
export const send = (p: ConnectorProcess, fd: number, fields: CnMsgFields): number =>
  sendRaw(p, fd, wire(fields))

/** The next datagram, or the error. */
export function recvRaw(p: ConnectorProcess, fd: number): Uint8Array | number {
  const buf = new Uint8Array(4096)
  const count = p.sys.recv(fd, buf, MSG_DONTWAIT)
  return isErr(count) ? count : buf.slice(0, count)
}

/** All messages that wait. */
export function drain(p: ConnectorProcess, fd: number): CnMsg[] {
  const found: CnMsg[] = []
  for (let bytes = recvRaw(p, fd); bytes instanceof Uint8Array; bytes = recvRaw(p, fd)) {
    const msg = decodeCnMsg(bytes.subarray(16))
    if (msg !== null) found.push(msg)
  }
  return found
}
