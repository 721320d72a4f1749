/**
 * What changed between the kernels of the profiles and 2.6.20, as far as the scripts reach it, and what is the
 * recording machines' own. See era.ts.
 */

import { isErr } from 'paleokernel'
import { SOCK_DGRAM, type Sock } from 'paleokernel/net'
import { InetSock } from '../../src/net/inet/sock.js'
import { changeSocket } from './bring.js'
import type { EraDifference } from './era.js'
import { answers, goOn, orphan, parentOf, pathsOf, statOf, unlessChanged } from './era_help.js'

/** Is it a port that the kernel has chosen? */
const isChosen = (address: string | undefined): boolean => address?.endsWith(':eph') === true

/** A port that no script names. */
const UNNAMED_PORT = 1777

/** Gives a datagram socket that has a port another one. */
function takePort(sk: Sock | null, port: number): void {
  if (!(sk instanceof InetSock) || sk.type !== SOCK_DGRAM) return
  sk.proto.unhash(sk)
  sk.num = port
  sk.sport = port
  sk.proto.hash(sk)
}

export const ERA_2_6_20: readonly EraDifference[] = [
  {
    name: 'not Linux: the init of the recording machine waits for an orphan late',
    recordings: ['2.6.20'],
    profiles: ['2.6.14', '2.2.12'],
    cite: 'forget_original_parent, kernel/exit.c, gives orphans to init; the zombie stays until that program waits',
    covers: (m) =>
      ['kill', 'getpgid', 'getsid'].includes(m.line.op) &&
      answers(m, 'ok', 'ESRCH') &&
      orphan(m, m.line.a[0] ?? '')?.dead === true,
    after: goOn,
  },
  {
    name: 'not Linux: which ports the recording machine had chosen before',
    recordings: ['2.6.20', '6.18'],
    profiles: ['2.6.14', '2.2.12'],
    cite: 'udp_v4_get_port, net/ipv4/udp.c, begins where it chose last; tcp_v4_get_port, net/ipv4/tcp_ipv4.c, anywhere',
    covers: (m) => m.keys.join() === 'ad' && isChosen(m.line.ad) !== isChosen(m.ours.ad),
    after: (m) => {
      const fd = m.world.dialect.value(m.line.a[0] ?? '').n
      const port = Number(/:(\d+)$/.exec(m.line.ad ?? '')?.[1] ?? UNNAMED_PORT)
      return m.line.op !== 'getsockname'
        ? 'stop'
        : (world) => {
            changeSocket(m.line, fd, ({ sk }) => takePort(sk, port))(world)
            return world.run(m.line)
          }
    },
  },
  {
    name: 'not Linux: what the recording machine has above the root of the tasks',
    cite: 'set_fs_root, fs/namespace.c: chroot(2) leaves the working directory, so that a task may be, and go on, outside',
    recordings: ['2.6.20', '6.18'],
    profiles: ['2.6.14', '2.2.12'],
    covers: (m) => {
      const root = m.world.recorder.sys.stat('.')
      const paths = pathsOf(m.line).flatMap((path) => [path, parentOf(path)])
      const isOutside = (path: string): boolean => {
        const stat = statOf(m, path)
        return stat !== undefined && !isErr(root) && stat.dev !== root.dev
      }
      return paths.some(isOutside)
    },
    after: unlessChanged,
  },
]
