/**
 * What changed between 2.6.14 and 6.18 about sockets. See era.ts.
 */

import { AF_INET, AF_UNIX, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM, type Socket } from 'paleokernel/net'
import { TCP_DELACK } from '../../src/net/inet/tcp_sock.js'
import {
  RCV_SHUTDOWN,
  SEND_SHUTDOWN,
  SS_CONNECTING,
  TCP_ESTABLISHED,
  TCP_LISTEN,
} from '../../src/net/sock.js'
import { UnixSock } from '../../src/net/unix/sock.js'
import { besides, instead, otherWords, socketOf } from './bring.js'
import type { Bring, EraDifference, Mismatch } from './era.js'
import { always, goOn, isOrdering, vs618 } from './era_help.js'
import {
  asOneWriter,
  bornMute,
  endMute,
  givesPort,
  heldBack,
  isMixed,
  pollDiffers,
  pollWithout,
  READS,
  SENDS,
  socketAt,
  unixAt,
  unixSocks,
  withoutPorts,
} from './era_sockets.js'
import { dataOf } from './values.js'

const isStreamThatSendsNoMore = ({ sk }: Socket): boolean =>
  sk?.family === AF_INET && sk.type === SOCK_STREAM && (sk.shutdown & SEND_SHUTDOWN) !== 0

/** A connect to itself that has been waited for and finds the end of the connection. */
const endsInConnect = ({ line, ours }: Mismatch): Bring | undefined =>
  line.op !== 'connect' || ours.r !== 0 || line.r === 0
    ? undefined
    : (world) => {
        endMute(world)
        const actor = world.actors[line.t]
        const socket = actor === undefined ? undefined : socketOf(actor, Number(line.a[0]))
        if (socket !== undefined) socket.state = SS_CONNECTING
        return world.run(line)
      }

/** A poll that sleeps here, as one that ends with nothing. */
const asEmpty = (m: Mismatch): Mismatch => ({
  ...m,
  ours: { r: 0, rev: m.line.rev?.map(() => '') ?? [] },
  keys: ['r', 'rev'],
})

const isPeek = ({ line }: Mismatch): boolean => line.a.some((word) => word.includes('MSG_PEEK'))

/** What a connection is refused for after its listener has been looked at. */
const LATE_REFUSALS: ReadonlySet<string> = new Set(['EAGAIN', 'EINVAL', 'EISCONN'])

const isUnixListener = ({ sk }: Socket): boolean => sk?.family === AF_UNIX && sk.state === TCP_LISTEN

export const ERA_6_18_SOCKETS: readonly EraDifference[] = [
  vs618({
    name: 'a send gives no port to a stream',
    cite: 'inet_sendmsg, net/ipv4/af_inet.c: no_autobind of tcp_prot since 2.6.38; before, inet_autobind for every protocol',
    looksAt: 'agreement',
    covers: (m) => SENDS.has(m.line.op) && givesPort(m),
    after: withoutPorts,
  }),
  vs618({
    name: 'poll shows a stream that sends no more as writable',
    cite: 'tcp_poll, net/ipv4/tcp.c: EPOLLOUT with SEND_SHUTDOWN since 2.6.37; before, never',
    covers: (m) => pollDiffers(m.ours.blk === 1 ? asEmpty(m) : m, ['OUT'], isStreamThatSendsNoMore),
    after: ({ ours }) => (ours.blk === 1 ? 'undo' : 'go on'),
  }),
  vs618({
    name: 'poll shows no listener of AF_UNIX as writable',
    cite: 'unix_writable, net/unix/af_unix.c: not in TCP_LISTEN since 4.6',
    covers: (m) => {
      if (m.line.blk !== 1) return pollDiffers(m, ['OUT'], isUnixListener)
      const named = { ...m, line: { ...m.line, rev: m.ours.rev?.map(() => '') ?? [] }, keys: ['rev'] }
      return pollDiffers(named, ['OUT'], isUnixListener)
    },
    after: (m) =>
      m.line.blk === 1
        ? otherWords(m.line, pollWithout(m, 'OUT', isUnixListener), m.line.a[1] ?? '0')
        : 'go on',
  }),
  vs618({
    name: 'nothing is received with a sequenced socket that is not connected',
    cite: 'unix_seqpacket_recvmsg, net/unix/af_unix.c: ENOTCONN since 2.6.39; before, unix_dgram_recvmsg',
    covers: (m) => {
      if (!READS.has(m.line.op) || m.line.e !== 'ENOTCONN') return false
      const sk = socketAt(m)?.sk
      return sk?.family === AF_UNIX && sk.type === SOCK_SEQPACKET && sk.state !== TCP_ESTABLISHED
    },
    after: () => 'undo',
  }),
  vs618({
    name: 'shutdown of AF_UNIX knows three directions',
    cite: 'unix_shutdown, net/unix/af_unix.c: EINVAL for others since 3.9; before, the two bits of how + 1',
    covers: (m) =>
      m.line.op === 'shutdown' &&
      m.line.e === 'EINVAL' &&
      m.ours.r === 0 &&
      socketAt(m)?.sk?.family === AF_UNIX,
    after: () => 'undo',
  }),
  vs618({
    name: 'bind to a path finds out late that the socket has a name',
    cite: 'unix_bind, net/unix/af_unix.c: the node is made first since 3.19; before, u->addr comes first',
    covers: (m) =>
      m.line.op === 'bind' && isOrdering(m) && m.ours.e === 'EINVAL' && socketAt(m)?.sk?.family === AF_UNIX,
    after: goOn,
  }),
  vs618({
    name: 'a receive that may not wait sees the end of a sequenced socket',
    cite: 'unix_dgram_recvmsg, net/unix/af_unix.c: 0 for RCV_SHUTDOWN also with MSG_DONTWAIT since 2.6.32; before, EAGAIN',
    covers: (m) => {
      const { sk = null } = socketAt(m) ?? {}
      if (!READS.has(m.line.op) || m.line.r !== 0 || m.ours.e !== 'EAGAIN' || sk === null) return false
      return sk.type === SOCK_SEQPACKET && (sk.shutdown & RCV_SHUTDOWN) !== 0
    },
    after: goOn,
  }),
  vs618({
    name: 'a write of nothing to a socket is a send of nothing',
    cite: 'sock_write_iter, net/socket.c: sock_sendmsg since 2.6.38; before, sock_aio_write returns 0 for 0 bytes',
    looksAt: 'all',
    covers: (m) =>
      m.line.op === 'write' &&
      m.ours.r === 0 &&
      dataOf(m.line.a[1] ?? '').length === 0 &&
      socketAt(m) !== undefined,
    after:
      ({ line }) =>
      (world) =>
        world.run({ ...line, op: 'send', a: [line.a[0] ?? '', '', '0'] }),
  }),
  vs618({
    name: 'a listener of AF_UNIX that has been shut down refuses connections',
    cite: 'unix_stream_connect, net/unix/af_unix.c: ECONNREFUSED for RCV_SHUTDOWN since 2.6.32; before, it takes them',
    covers: (m) =>
      m.line.op === 'connect' &&
      m.line.e === 'ECONNREFUSED' &&
      (m.ours.r === 0 || m.ours.blk === 1 || LATE_REFUSALS.has(m.ours.e ?? '')) &&
      socketAt(m)?.sk?.family === AF_UNIX &&
      unixSocks(m.world).some((sk) => sk.state === TCP_LISTEN && (sk.shutdown & RCV_SHUTDOWN) !== 0),
    after: () => 'undo',
  }),
  vs618({
    name: 'accept takes a descriptor before a connection',
    cite: 'sys_accept, net/socket.c: sock_alloc_fd comes first since 2.6.17; before, it comes last, and a connection without one is lost',
    looksAt: 'all',
    covers: ({ line }) => line.op === 'accept' && line.e === 'EMFILE',
    after: () => 'undo',
  }),
  vs618({
    name: 'what a socket sends may wait in more memory',
    cite: 'sysctl_wmem_default, net/core/sock.c: 256 times SKB_TRUESIZE(256), 212992 bytes, since 3.2; in 2.6.14 256 times 432',
    covers: (m) =>
      SENDS.has(m.line.op) &&
      unixAt(m, SOCK_STREAM) !== undefined &&
      m.line.r !== undefined &&
      m.ours.blk === 1,
    after: always,
  }),
  vs618({
    name: 'a read takes what several tasks have written together',
    cite: 'unix_stream_recvmsg, net/unix/af_unix.c: credentials part messages only for SO_PASSCRED since 3.2; before, always',
    covers: (m) => {
      const sk = unixAt(m, SOCK_STREAM)
      return (
        READS.has(m.line.op) &&
        !isPeek(m) &&
        (m.line.r ?? 0) > (m.ours.r ?? Infinity) &&
        sk?.passcred === false &&
        isMixed(sk)
      )
    },
    after: ({ line }) =>
      instead((world) => {
        const actor = world.actors[line.t]
        const socket =
          actor === undefined ? undefined : socketOf(actor, world.dialect.value(line.a[0] ?? '').n)
        if (socket?.sk instanceof UnixSock) asOneWriter(socket.sk)
        return world.run(line)
      }),
  }),
  vs618({
    name: 'MSG_PEEK goes on to what has been written later',
    cite: 'unix_stream_read_generic, net/unix/af_unix.c: more than one packet since 4.4; before, unix_stream_recvmsg ends at the first',
    covers: (m) =>
      READS.has(m.line.op) &&
      isPeek(m) &&
      (m.line.r ?? 0) > (m.ours.r ?? Infinity) &&
      (unixAt(m, SOCK_STREAM)?.receiveQueue.length ?? 0) > 1,
    after: goOn,
  }),
  vs618({
    name: 'a datagram of AF_UNIX is made before its receiver is looked for',
    cite: 'unix_dgram_sendmsg, net/unix/af_unix.c: a socket without a peer fails after EMSGSIZE and sock_alloc_send_pskb since 6.14; before, first',
    covers: (m) =>
      SENDS.has(m.line.op) &&
      (m.line.e === 'EPIPE' || m.line.e === 'EMSGSIZE') &&
      m.ours.e === 'ENOTCONN' &&
      unixAt(m, SOCK_DGRAM)?.peer === null,
    after: goOn,
  }),
  vs618({
    name: 'sockets of AF_UNIX that only messages hold go later',
    cite: 'unix_gc, net/unix/garbage.c: by a work queue since 6.9; before, by the close that leaves them',
    covers: (m) => {
      const { sk = null } = socketAt(m) ?? {}
      return (
        (SENDS.has(m.line.op) || READS.has(m.line.op)) &&
        m.line.e !== m.ours.e &&
        (m.ours.e === 'ECONNRESET' || m.ours.e === 'EPIPE') &&
        sk instanceof UnixSock &&
        sk.peer?.dead === true
      )
    },
    after: always,
  }),
  vs618({
    name: 'a connection that sends no more when it is made ends at once',
    cite: 'tcp_rcv_state_process, net/ipv4/tcp_input.c: SEND_SHUTDOWN of TCP_SYN_RECV, from before connect or, by sk_clone, from the listener, sends the FIN since 6.9; before, nothing does',
    looksAt: 'all',
    covers: ({ world }) => bornMute(world).length > 0,
    after: (m) => endsInConnect(m) ?? besides(m, endMute),
  }),
  vs618({
    name: 'not Linux: how long the recorder takes from line to line',
    cite: 'tcp_delack_timer, net/ipv4/tcp_timer.c: an acknowledgement that is owed goes out after 40 ms, and small segments wait for it',
    covers: (m) => heldBack(m).length > 0,
    after: ({ line }) =>
      instead((world) => {
        world.kernel.advance(TCP_DELACK)
        return world.run(line)
      }),
  }),
]
