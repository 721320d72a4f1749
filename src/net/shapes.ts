/**
 * One of each kind of object that calls and packets make and drop.
 *
 * While none of a kind is alive, V8 forgets the kind's shape in the next full collection, and with it all compiled
 * code that knows the shape: sending packets is then twenty times as slow until that code has been compiled again.
 */

import { TcpCb } from './inet/tcp_sock.js'
import { SkBuff } from './skbuff.js'
import { Msg, ScmCookie } from './sock.js'
import { SockCall } from './sock_wait.js'
import { Sockaddr } from './sockaddr.js'
import { UnixCb } from './unix/sock.js'

const NO_BYTES = new Uint8Array(0)

/** An address as most are: its number is no small one. */
function anAddress(): Sockaddr {
  const made = new Sockaddr(0, 0)
  made.addr = 0xffffffff
  return made
}

/** The objects. Nobody uses them. */
export const SHAPES: readonly object[] = Object.freeze([
  new SkBuff(NO_BYTES, 0, 0),
  new Msg(NO_BYTES, null),
  anAddress(),
  new TcpCb(0xffffffff, 0xffffffff, 0),
  new SockCall(0),
  new ScmCookie(),
  new UnixCb(0, 0, 0),
])
