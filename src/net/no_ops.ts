/**
 * What a family answers to calls that it has nothing for. Linux: sock_no_*, net/core/sock.c.
 */

import { EOPNOTSUPP } from '../abi/errno.js'
import type { SocketOps } from './sock.js'

const unsupported = (): number => EOPNOTSUPP

const DEFAULT_OPS: SocketOps = {
  name: 'none',
  release: () => {},
  bind: unsupported,
  connect: unsupported,
  socketpair: unsupported,
  accept: unsupported,
  getname: unsupported,
  poll: () => 0,
  waitQueue: (sock) => sock.wait,
  ioctl: unsupported,
  listen: unsupported,
  shutdown: unsupported,
  setsockopt: unsupported,
  getsockopt: unsupported,
  sendmsg: unsupported,
  recvmsg: unsupported,
}

/** Completes and freezes a table; what is not given is EOPNOTSUPP. */
export function defineSocketOps(ops: Partial<SocketOps> & { readonly name: string }): SocketOps {
  return Object.freeze({ ...DEFAULT_OPS, ...ops })
}

/** The table of a socket that no family has taken yet. */
export const noOps: SocketOps = defineSocketOps({ name: 'none' })
