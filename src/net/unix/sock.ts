/**
 * The socks of AF_UNIX and the messages between them. Linux: struct unix_sock, struct unix_skb_parms,
 * include/net/af_unix.h; unix_create1, unix_write_space, net/unix/af_unix.c (2.2.12, 2.6.14).
 */

import { EAGAIN, ENFILE, ENOBUFS, EPIPE, type Errno } from '../../abi/errno.js'
import { isAtLeast } from '../../abi/profile.js'
import { AF_UNIX, MSG_DONTWAIT, SOCK_DGRAM } from '../../abi/socket.js'
import type { Task } from '../../kernel/task.js'
import { WaitQueue } from '../../kernel/wait.js'
import { shouldFail } from '../../sim/faults.js'
import type { File } from '../../vfs/file.js'
import { type Inode, iput } from '../../vfs/inode.js'
import type { Mount } from '../../vfs/mount.js'
import { mntput } from '../../vfs/namespace.js'
import { SkBuff, skbSetOwnerW } from '../skbuff.js'
import {
  SEND_SHUTDOWN,
  SOCK_NOSPACE,
  Sock,
  type SockOps,
  sockDefWriteSpace,
  sockError,
  sockWakeWriters,
} from '../sock.js'
import { sockWait } from '../sock_wait.js'
import type { NetState } from '../state.js'

/** The name of a socket, shared with the connections that its listener accepts. Linux: struct unix_address. */
export interface UnixAddress {
  /** sun_path as Latin-1, without a path's NUL at the end. */
  readonly name: string
  /** Bytes of the address. */
  readonly length: number
}

/** A sock of AF_UNIX. Linux: struct unix_sock. */
export class UnixSock extends Sock {
  /** Counts the socks of a kernel. */
  serial: number
  /** Its name, or null. */
  address: UnixAddress | null = null
  /** Where it is bound to a path: the inode, with a use. */
  inode: Inode | null = null
  /** And the mount that it was bound in. */
  mnt: Mount | null = null
  /** Whom it talks to; may have been closed since. */
  peer: UnixSock | null = null
  /** Who waits until it takes a connection or a datagram. */
  peerWait: WaitQueue
  /** How many messages on their way carry it. */
  inflight = 0

  constructor(net: NetState, type: number) {
    super(net, unixSockOps, AF_UNIX, type)
    this.serial = net.unix.nextSerial++
    this.maxAckBacklog = net.unix.maxDgramQlen
    this.peerWait = new WaitQueue(`unix socket ${this.serial} to take more`)
    net.unix.sockets.add(this)
  }
}

/** What a message carries besides its bytes. Linux: struct unix_skb_parms. */
export class UnixCb {
  /** The sender's credentials. */
  readonly pid: number
  readonly uid: number
  readonly gid: number
  /** Open files, one use each; null for none. */
  files: File[] | null = null

  constructor(pid: number, uid: number, gid: number) {
    this.pid = pid
    this.uid = uid
    this.gid = gid
  }
}

/** The notes of a message; one that carries nothing is a connection's. */
export const unixCb = (skb: SkBuff): UnixCb | null => (skb.cb instanceof UnixCb ? skb.cb : null)

/** Is there room to write? Linux: unix_writable (2.6); MIN_WRITE_SPACE 2048 (2.2). */
export function unixWritable(sk: Sock): boolean {
  if (isAtLeast(sk.net.k.facts.release, '2.6.14')) return sk.wmem << 2 <= sk.sndbuf
  return sk.sndbuf - sk.wmem >= 2048
}

/** Linux: unix_write_space (2.6); unix_stream_write_space, sock_def_write_space (2.2). */
function writeSpace(sk: Sock): void {
  if (isAtLeast(sk.net.k.facts.release, '2.6.14')) {
    if (unixWritable(sk)) sockWakeWriters(sk)
  } else if (sk.type === SOCK_DGRAM) sockDefWriteSpace(sk)
  else sockWakeWriters(sk)
}

/** Linux: the function members that unix_create1 sets. */
const unixSockOps: SockOps = Object.freeze({ name: 'unix', writeSpace })

/** A new sock, or ENFILE: twice as many as files there may be. Linux: unix_create1 (ENOMEM in 2.2 and 2.6). */
export function unixSockAlloc(net: NetState, type: number): UnixSock | Errno {
  if (net.unix.sockets.size >= 2 * net.k.facts.fileMax || shouldFail(net.k, 'alloc:sock')) return ENFILE
  return new UnixSock(net, type)
}

/** Lets go of the path that a sock is bound to. */
export function putPath(sk: UnixSock): void {
  const { inode, mnt } = sk
  sk.inode = null
  sk.mnt = null
  if (inode !== null) iput(inode)
  if (mnt !== null) mntput(mnt)
}

/**
 * A buffer of `size` bytes, all of which the caller writes, charged to the sender: it sleeps while too much of it is on its way. EAGAIN, EPIPE, the
 * socket's error, BLOCKED. Linux: sock_alloc_send_skb.
 */
export function unixAllocSkb(current: Task, sk: UnixSock, size: number, flags: number): SkBuff | Errno {
  const error = sockError(sk)
  if (error !== 0) return error as Errno
  if ((sk.shutdown & SEND_SHUTDOWN) !== 0) return EPIPE
  if (sk.wmem >= sk.sndbuf) {
    const { socket } = sk
    if (socket === null) return EPIPE
    socket.flags |= SOCK_NOSPACE
    if ((flags & MSG_DONTWAIT) !== 0) return EAGAIN
    return sockWait(current, socket.wait, sk.sndtimeo)
  }
  if (shouldFail(sk.net.k, 'alloc:skb')) return ENOBUFS
  const shared = sk.net.packetPool.take(size, 0)
  const skb = new SkBuff(shared.bytes, 0, size)
  skb.shared = shared
  skbSetOwnerW(skb, sk)
  return skb
}
