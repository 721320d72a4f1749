/**
 * Descriptors in messages of AF_UNIX: counting those of AF_UNIX itself, and finding the ones that only messages still
 * hold which nobody can receive any more: a socket sent to itself and closed.
 *
 * Linux: unix_inflight, unix_notinflight, unix_gc, net/unix/garbage.c (2.2.12, 2.6.14). Sockets that some descriptor
 * still refers to are marked, and what their queues hold; the messages with descriptors of the others are dropped.
 */

import { fput } from '../../vfs/close.js'
import type { File } from '../../vfs/file.js'
import { kfreeSkb, type SkBuff, skbUnlink } from '../skbuff.js'
import { Socket, TCP_LISTEN } from '../sock.js'
import type { NetState } from '../state.js'
import { UnixSock, unixCb } from './sock.js'

/** The AF_UNIX sock behind an open file, or null. Linux: unix_get_socket. */
export function unixSockOf(file: File): UnixSock | null {
  const { data } = file
  return data instanceof Socket && data.sk instanceof UnixSock ? data.sk : null
}

/** A file goes into a message. Linux: unix_inflight. */
export function unixInflight(file: File): void {
  const sk = unixSockOf(file)
  if (sk === null) return
  sk.inflight++
  sk.net.unix.inflight++
}

/** A file comes out of a message. Linux: unix_notinflight. */
export function unixNotInflight(file: File): void {
  const sk = unixSockOf(file)
  if (sk === null) return
  sk.inflight--
  sk.net.unix.inflight--
}

/** The files of a message, which it then has no longer. Linux: unix_detach_fds. */
export function unixDetachFiles(skb: SkBuff): File[] | null {
  const cb = unixCb(skb)
  if (cb === null || cb.files === null) return null
  const { files } = cb
  cb.files = null
  for (const file of files) unixNotInflight(file)
  return files
}

/** A message is no longer wanted, nor is what it carries. Linux: kfree_skb, unix_destruct_fds. */
export function unixFree(skb: SkBuff): void {
  const files = unixDetachFiles(skb)
  kfreeSkb(skb)
  for (const file of files ?? []) fput(null, file)
}

/** Marks a sock and everything that can be received through it. */
function mark(root: UnixSock, marked: Set<UnixSock>): void {
  const open = [root]
  for (let sk = open.pop(); sk !== undefined; sk = open.pop()) {
    if (marked.has(sk)) continue
    marked.add(sk)
    for (let skb = sk.receiveQueue.head; skb !== null; skb = skb.next) {
      if (sk.state === TCP_LISTEN && skb.sk instanceof UnixSock) open.push(skb.sk)
      for (const file of unixCb(skb)?.files ?? []) {
        const sent = unixSockOf(file)
        if (sent !== null) open.push(sent)
      }
    }
  }
}

/** Drops messages that nobody can receive any more. Linux: unix_gc. */
export function unixGc(net: NetState): void {
  const { unix } = net
  if (unix.collecting) return
  unix.collecting = true
  const marked = new Set<UnixSock>()
  for (const sk of unix.sockets) {
    const file = sk.socket?.file
    if (file != null && file.count > sk.inflight) mark(sk, marked)
  }
  const lost: SkBuff[] = []
  for (const sk of unix.sockets) {
    if (marked.has(sk)) continue
    for (let skb = sk.receiveQueue.head; skb !== null; skb = skb.next)
      if ((unixCb(skb)?.files ?? null) !== null) lost.push(skb)
  }
  for (const skb of lost) skbUnlink(skb)
  for (const skb of lost) unixFree(skb)
  unix.collecting = false
}
