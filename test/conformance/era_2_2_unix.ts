/**
 * What changed between 2.2.12 and 2.6.20 about sockets of AF_UNIX. See era.ts.
 */

import { AF_UNIX, SOCK_DGRAM } from 'paleokernel/net'
import { TCP_LISTEN } from '../../src/net/sock.js'
import { abstractKey } from '../../src/net/unix/name.js'
import type { UnixSock } from '../../src/net/unix/sock.js'
import { changeSocket } from './bring.js'
import type { EraDifference, Mismatch } from './era.js'
import { goOn, isOrdering, vs2620 } from './era_help.js'
import { READS, socketAt } from './era_sockets.js'

const ADDRESSED: ReadonlySet<string> = new Set(['connect', 'sendto'])
const NAMES: ReadonlySet<string> = new Set(['accept', 'getsockname', 'getpeername', 'recvfrom'])

const isUnix = (m: Mismatch): boolean => socketAt(m)?.sk?.family === AF_UNIX

/** A name that 2.2 makes up. Linux: unix_autobind, net/unix/af_unix.c. */
const GIVEN_NAME = /^\0[0-9a-f]{8}$/

const hasGivenName = (m: Mismatch): boolean => {
  const sk = socketAt(m)?.sk as UnixSock | null | undefined
  return isUnix(m) && sk?.passcred === false && GIVEN_NAME.test(sk.address?.name ?? '')
}

/** Does only the name of a socket differ that has been given one? */
const isAboutGivenName = ({ line, ours, keys }: Mismatch): boolean =>
  NAMES.has(line.op) && /(^|\.)ad$/.test(keys.join()) && JSON.stringify(ours).includes('"unix:@')

export const ERA_2_2_UNIX: readonly EraDifference[] = [
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
    looksAt: 'all',
    covers: (m) => (m.line.op === 'connect' && m.keys.length === 0 ? hasGivenName(m) : isAboutGivenName(m)),
    after: (m) =>
      m.keys.length > 0
        ? 'go on'
        : changeSocket(m.line, m.world.dialect.value(m.line.a[0] ?? '').n, ({ sk }) => {
            if (sk === null) return
            const unix = sk as UnixSock
            if (unix.address !== null) sk.net.unix.abstract.delete(abstractKey(sk.type, unix.address))
            unix.address = null
          }),
  }),
  vs2620({
    name: 'one connection less waits than a listener has asked for',
    cite: 'unix_stream_connect, net/unix/af_unix.c (2.2): a queue is full at max_ack_backlog; since 2.4 (unix_recvq_full) above it',
    looksAt: 'agreement',
    covers: (m) => m.line.op === 'listen' && m.line.r === 0 && isUnix(m),
    // A longer queue is the same queue.
    after:
      ({ line }) =>
      (world) =>
        world.run({ ...line, a: [line.a[0] ?? '', String(Math.max(Number(line.a[1] ?? '0'), 0) + 1)] }),
  }),
  vs2620({
    name: 'whatever is wrong with the path of a listener refuses the connection',
    cite: 'unix_stream_connect, net/unix/af_unix.c (2.2): ECONNREFUSED unless unix_find_other finds one; since 2.4 its error',
    covers: (m) => m.line.op === 'connect' && isOrdering(m) && m.ours.e === 'ECONNREFUSED' && isUnix(m),
    after: goOn,
  }),
  vs2620({
    name: 'a listener of AF_UNIX is no socket to send with',
    cite: 'unix_stream_sendmsg, net/unix/af_unix.c (2.2): EINVAL for SO_ACCEPTCON; since 2.4 ENOTCONN',
    covers: (m) =>
      isOrdering(m) && m.ours.e === 'EINVAL' && socketAt(m)?.sk?.state === TCP_LISTEN && isUnix(m),
    after: goOn,
  }),
  vs2620({
    name: 'an end that is closed with data unread ends the other one like any',
    cite: 'unix_release_sock, net/unix/af_unix.c: ECONNRESET for the peer since 2.4',
    covers: ({ line, ours, keys }) =>
      keys.every((key) => {
        const [, name] = /^wake\.(T\d)\./.exec(key) ?? []
        const there = name === undefined ? line : line.wake?.[name]
        const here = name === undefined ? ours : ours.wake?.[name]
        return there?.e === 'ECONNRESET' && (here?.r === 0 || here?.e !== undefined || here?.blk === 1)
      }),
    after: goOn,
  }),
  vs2620({
    name: 'a datagram with an address goes to the peer',
    cite: 'unix_dgram_sendmsg, net/unix/af_unix.c (2.2): unix_peer_get comes first; since 2.4 the address does',
    covers: (m) =>
      m.line.op === 'sendto' && m.ours.e === undefined && isUnix(m) && socketAt(m)?.sk?.type === SOCK_DGRAM,
    after: ({ line }) => (line.e === undefined ? 'stop' : 'undo'),
  }),
  vs2620({
    name: 'nobody connects to a directory, whatever its permissions',
    cite: 'unix_find_other, net/unix/af_unix.c (2.2): open_namei says EISDIR first; since 2.4 permission(MAY_WRITE), then ECONNREFUSED',
    covers: (m) => ADDRESSED.has(m.line.op) && isOrdering(m) && m.ours.e === 'EISDIR',
    after: goOn,
  }),
  vs2620({
    name: 'a writer without a name has an empty one',
    cite: 'unix_stream_recvmsg, net/unix/af_unix.c (2.2): sizeof(short) bytes of address; since 2.4 unix_copy_addr leaves none',
    covers: (m) =>
      m.keys.length > 0 &&
      m.keys.every((key) => {
        const [, name] = /^(?:wake\.(T\d)\.)?ad$/.exec(key) ?? ['', '-']
        const [there, here] =
          name === undefined ? [m.line, m.ours] : [m.line.wake?.[name], m.ours.wake?.[name]]
        return there?.ad === 'none' && here?.ad === 'unix'
      }),
    after: goOn,
  }),
]
