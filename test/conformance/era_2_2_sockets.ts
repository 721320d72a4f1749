/**
 * What changed between 2.2.12 and 2.6.20 about sockets. See era.ts.
 */

import type { EraDifference, Mismatch } from './era.js'
import { always, answers, goOn, isOrdering, isType, statOf, vs2620 } from './era_help.js'

const S_IFSOCK = 0o140000
const READS: ReadonlySet<string> = new Set(['read', 'recv', 'recvfrom', 'recvfd'])
const NAMES: ReadonlySet<string> = new Set(['accept', 'getsockname', 'getpeername', 'recvfrom'])

const isSeqpacket = ({ line }: Mismatch): boolean =>
  (line.op === 'socket' || line.op === 'socketpair') && line.a[1]?.includes('SOCK_SEQPACKET') === true

/** Is every difference in the permissions of a socket that has no name in the file system? */
const isSocketMode = ({ line, keys }: Mismatch): boolean => line.st?.ty === 'sock' && keys.join() === 'st.mo'

/** Is the descriptor that a line names a socket? */
const isSocket = (m: Mismatch): boolean =>
  isType(statOf(m, m.world.dialect.value(m.line.a[0] ?? '').n)?.mode ?? 0, S_IFSOCK)

/** Does 2.2 refuse an address that 2.6 does not look at? */
const isNamedPeer = ({ line, ours }: Mismatch): boolean =>
  line.op === 'sendto' && ['ENOTCONN', 'EISCONN', 'EINVAL'].includes(ours.e ?? '') && line.e !== ours.e

/** Is it about a socket of AF_INET that has no peer, which 2.6 marks nevertheless? */
const marksUnconnected = ({ line, ours }: Mismatch): boolean =>
  line.op === 'shutdown' && ours.e === 'ENOTCONN'

const narrow = (id: number | string | undefined): number | string | undefined => (id === -1 ? 65535 : id)

export const ERA_2_2_SOCKETS: readonly EraDifference[] = [
  vs2620({
    name: 'AF_UNIX has no SOCK_SEQPACKET',
    cite: 'unix_create, net/unix/af_unix.c (2.2): ESOCKTNOSUPPORT; unix_seqpacket_ops since 2.6.6',
    covers: (m) => isSeqpacket(m) && m.ours.e === 'ESOCKTNOSUPPORT',
    after: always,
  }),
  vs2620({
    name: 'a stream of AF_UNIX that is not connected waits for data',
    cite: 'unix_stream_recvmsg, net/unix/af_unix.c (2.2), does not look at the state; EINVAL unless TCP_ESTABLISHED since 2.4',
    covers: ({ line, ours }) =>
      READS.has(line.op) && line.e === 'EINVAL' && (ours.e === 'EAGAIN' || ours.blk === 1 || ours.r === 0),
    after: () => 'undo',
  }),
  vs2620({
    name: 'a connect binds a socket of AF_UNIX without a name',
    cite: 'unix_stream_connect, net/unix/af_unix.c (2.2): unix_autobind; since 2.4 only with SO_PASSCRED',
    covers: ({ line, ours, keys }) =>
      NAMES.has(line.op) && /(^|\.)ad$/.test(keys.join()) && JSON.stringify(ours).includes('"unix:@'),
    after: goOn,
  }),
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
    // A listener that ends its sending has not changed there either.
    after: ({ line }) => (line.r === 0 && line.a[1] === 'SHUT_WR' ? 'go on' : 'stop'),
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
    after: always,
  }),
]
