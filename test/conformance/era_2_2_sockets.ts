/**
 * What changed between 2.2.12 and 2.6.20 about sockets. See era.ts.
 */

import { EBADF, isErr } from 'paleokernel'
import { AF_UNSPEC } from 'paleokernel/net'
import {
  RCV_SHUTDOWN,
  SEND_SHUTDOWN,
  SS_CONNECTING,
  SS_DISCONNECTING,
  sockStateChange,
  TCP_CLOSE,
  TCP_LISTEN,
} from '../../src/net/sock.js'
import { fget } from '../../src/vfs/fdtable.js'
import type { Answer, Line } from './answer.js'
import { changeSocket, instead, socketOf } from './bring.js'
import type { After, EraDifference, Mismatch } from './era.js'
import { ERA_2_2_UNIX } from './era_2_2_unix.js'
import { answers, goOn, isOrdering, isType, statOf, vs2620 } from './era_help.js'
import { hasGivenPort, isReceiveShutDown, pollDiffers, READS, socketAt } from './era_sockets.js'

const S_IFSOCK = 0o140000
/** Is every difference in the permissions and the owner of a socket that has no name in the file system? */
const isSocketMode = ({ line, keys }: Mismatch): boolean =>
  line.st?.ty === 'sock' && keys.every((key) => key === 'st.mo' || key === 'st.u')

/** Is the descriptor that a line names a socket? */
const isSocket = (m: Mismatch): boolean =>
  isType(statOf(m, m.world.dialect.value(m.line.a[0] ?? '').n)?.mode ?? 0, S_IFSOCK)

/** Does 2.2 refuse an address that 2.6 does not look at? */
const isNamedPeer = ({ line, ours }: Mismatch): boolean =>
  line.op === 'sendto' && ['ENOTCONN', 'EISCONN', 'EINVAL'].includes(ours.e ?? '') && line.e !== ours.e

/** Is it about a socket of AF_INET that has no peer, which 2.6 marks nevertheless? */
const marksUnconnected = ({ line, ours }: Mismatch): boolean =>
  line.op === 'shutdown' && ours.e === 'ENOTCONN'

/** What 2.6 does to a socket without a peer. Linux: inet_shutdown, net/ipv4/af_inet.c (2.6.14). */
function shutDown({ line, world }: Mismatch): After {
  const fd = world.dialect.value(line.a[0] ?? '').n
  const how = world.dialect.value(line.a[1] ?? '').n + 1
  const actor = world.actors[line.t]
  const state = actor === undefined ? TCP_CLOSE : socketOf(actor, fd)?.sk?.state
  // A listener that ends its sending has not changed there either.
  if (state === TCP_LISTEN && (how & RCV_SHUTDOWN) === 0) return 'go on'
  const change = changeSocket(line, fd, ({ sk }, proc) => {
    if (sk === null) return
    if (sk.socket?.state === SS_CONNECTING) sk.socket.state = SS_DISCONNECTING
    if (state === TCP_CLOSE) sk.shutdown |= how
    else proc.sys.connect(fd, { family: AF_UNSPEC })
    sockStateChange(sk)
  })
  return (after) => readableToo(line, change(after))
}

/** A poll that this wakes: what is hung up here may be read as well there; see 'poll shows a socket …' below. */
function readableToo(line: Line, answer: Answer): Answer {
  if (answer.wake === undefined) return answer
  const wake = Object.entries(answer.wake).map(([name, woken]) => {
    const rev = woken.rev?.map((events, i) => {
      const recorded = line.wake?.[name]?.rev?.[i]
      return events === 'HUP' && recorded === 'IN|HUP' ? recorded : events
    })
    return [name, rev === undefined ? woken : { ...woken, rev }]
  })
  return { ...answer, wake: Object.fromEntries(wake) }
}

const sendsNoMore = (m: Mismatch): boolean => ((socketAt(m)?.sk?.shutdown ?? 0) & SEND_SHUTDOWN) !== 0

/** Has EPIPE come with SIGPIPE, and did it without there? */
const breaksPipe = ({ line, ours }: Mismatch): boolean =>
  line.e === 'EPIPE' &&
  (ours.dead?.join() === `T${line.t}` || ours.sig?.[`T${line.t}`]?.includes('SIGPIPE') === true)

const narrow = (id: number | string | undefined): number | string | undefined => (id === -1 ? 65535 : id)

export const ERA_2_2_SOCKETS: readonly EraDifference[] = [
  ...ERA_2_2_UNIX,
  vs2620({
    name: 'the inode of a socket has no permissions',
    cite: 'sock_alloc, net/socket.c (2.2): S_IFSOCK alone; S_IRWXUGO since 2.4',
    covers: isSocketMode,
    after: goOn,
  }),
  vs2620({
    name: 'bind looks at the socket before the address',
    cite: 'inet_bind, net/ipv4/af_inet.c (2.2): state and port first; since 2.4 they come last',
    covers: (m) => m.line.op === 'bind' && isOrdering(m),
    after: goOn,
  }),
  vs2620({
    name: 'a datagram to nobody is ENOTCONN',
    cite: 'udp_sendmsg, net/ipv4/udp.c (2.2): ENOTCONN; EDESTADDRREQ since 2.4',
    covers: (m) => answers(m, 'EDESTADDRREQ', 'ENOTCONN'),
    after: goOn,
  }),
  vs2620({
    name: 'a stream looks at the address that it is sent to',
    cite: 'tcp_v4_sendmsg, net/ipv4/tcp_ipv4.c (2.2): ENOTCONN, EINVAL, EISCONN; ignored since 2.4',
    covers: isNamedPeer,
    // What 2.6 does is a send without an address.
    after:
      ({ line }) =>
      (world) =>
        world.run({ ...line, op: 'send', a: [line.a[0] ?? '', line.a[1] ?? '', '0'] }),
  }),
  vs2620({
    name: 'shutdown leaves a socket without a peer as it is',
    cite: 'inet_shutdown, net/ipv4/af_inet.c (2.2): ENOTCONN unless tcp_connected; 2.4 and later mark it, and disconnect a listener',
    looksAt: 'all',
    covers: marksUnconnected,
    after: shutDown,
  }),
  vs2620({
    name: 'a peer that there is not has ids of 16 bits',
    cite: 'struct ucred, include/linux/socket.h, with the kernel’s uid_t of 16 bits (include/asm-i386/posix_types.h) before 2.4',
    covers: ({ line, ours, keys }) =>
      keys.join() === 'cred' && (line.cred ?? []).every((id, i) => narrow(id) === ours.cred?.[i]),
    after: goOn,
  }),
  vs2620({
    name: 'a socket’s inode is owned by the real user',
    cite: 'sock_alloc, net/socket.c (2.2): current->uid; since 2.4 current->fsuid',
    covers: (m) => m.line.op === 'fchmod' && answers(m, 'ok', 'EPERM') && isSocket(m),
    after: ({ line }) =>
      instead((world) => {
        const actor = world.actors[line.t]
        const file =
          actor === undefined ? EBADF : fget(actor.proc.current(), world.dialect.value(line.a[0] ?? '').n)
        if (actor !== undefined && !isErr(file)) file.inode.uid = actor.proc.sys.geteuid()
        return world.run(line)
      }),
  }),
  vs2620({
    name: 'nobody asks to whom a datagram goes when the socket has been shut down',
    cite: 'inet_sendmsg, net/ipv4/af_inet.c (2.2): SIGPIPE and EPIPE for SEND_SHUTDOWN before all else; since 2.4 in sock_alloc_send_skb, without SIGPIPE',
    covers: (m) =>
      /^send(to)?$/.test(m.line.op) && (breaksPipe(m) || (m.ours.e === 'EPIPE' && sendsNoMore(m))),
    after: () => 'undo',
  }),
  vs2620({
    name: 'poll shows a socket that receives no more as hung up',
    cite: 'datagram_poll, net/core/datagram.c, and unix_poll, net/unix/af_unix.c (2.2): POLLHUP for RCV_SHUTDOWN; since 2.4 POLLIN, and POLLHUP for both directions',
    covers: (m) => pollDiffers(m, ['IN', 'HUP'], (socket) => isReceiveShutDown(socket)),
    after: goOn,
  }),
  vs2620({
    name: 'a raw socket asks for the capability before the protocol',
    cite: 'inet_create, net/ipv4/af_inet.c (2.2): CAP_NET_RAW, then the protocol; since 2.4 the protocol is looked up first',
    covers: (m) =>
      m.line.op === 'socket' && m.line.a[1] === 'SOCK_RAW' && answers(m, 'EPROTONOSUPPORT', 'EPERM'),
    after: goOn,
  }),
  vs2620({
    name: 'nobody can ask whether a socket listens',
    cite: 'sock_getsockopt, net/core/sock.c: SO_ACCEPTCONN since 2.4; ENOPROTOOPT before',
    covers: (m) =>
      m.line.op === 'getsockopt' && m.line.a[1] === 'SO_ACCEPTCONN' && answers(m, 'ok', 'ENOPROTOOPT'),
    after: goOn,
  }),
  vs2620({
    name: 'a receive gives a stream a port',
    cite: 'inet_recvmsg, net/ipv4/af_inet.c (2.2): inet_autobind; since 2.4 only a send does',
    looksAt: 'agreement',
    covers: (m) => READS.has(m.line.op) && m.line.e === 'ENOTCONN' && hasGivenPort(socketAt(m)?.sk),
    after: () => 'undo',
  }),
]
