/** What events cost: a process's life with and without them, one event to one listener, and a refusal that is published. */

import { createKernel, EACCES, isErr, O_CREAT, O_RDONLY, O_WRONLY } from 'paleokernel'
import { connector, encodeCnMsg, PROC_CN_MCAST_LISTEN } from 'paleokernel/connector'
import { AF_NETLINK, MSG_DONTWAIT, net, SOCK_DGRAM } from 'paleokernel/net'
import type { Timed } from './measure.js'

const NETLINK_CONNECTOR = 11
const PROCESSES = 1
const SECURITY = 16

type Way = 'without' | 'connector' | 'events off' | 'events on'

/** A kernel with the network, and as much of the connector as the way says. */
function boot(way: Way) {
  if (way === 'without') return createKernel({ profile: '2.6.14', modules: [net()] })
  const processEvents = way === 'connector' ? false : '2.6.15'
  return createKernel({ profile: '2.6.14', modules: [net(), connector({ processEvents })] })
}

type Kernel = ReturnType<typeof boot>

/** A socket that listens to a group, and reads what has come. */
function listener(k: Kernel, group: number): () => number {
  const { libc, sys } = k.spawn()
  const fd = libc.socket(AF_NETLINK, SOCK_DGRAM, NETLINK_CONNECTOR)
  libc.bind(fd, { family: AF_NETLINK, pid: 0, groups: 2 ** (group - 1) })
  const buf = new Uint8Array(4096)
  const read = (): number => sys.recv(fd, buf, MSG_DONTWAIT)
  if (group !== PROCESSES) return read
  const msg = encodeCnMsg({ id: { idx: 1, val: 1 }, data: Uint8Array.of(PROC_CN_MCAST_LISTEN, 0, 0, 0) })
  const bytes = new Uint8Array(16 + msg.length)
  bytes[0] = bytes.length
  bytes.set(msg, 16)
  libc.sendto(fd, bytes, 0, { family: AF_NETLINK, pid: 0, groups: 0 })
  read()
  return read
}

/** A child is made and ends, and is waited for; the listener reads both events. */
function lives(way: Way): Timed {
  const k = boot(way)
  const read = way === 'events on' ? listener(k, PROCESSES) : null
  const parent = k.spawn()
  return {
    kind: 'timed',
    exactly: 4000,
    warmth: 8,
    run(count) {
      let right = 0
      for (let i = 0; i < count; i++) {
        const child = k.spawn({ parent })
        child.sys.exit(3)
        const waited = parent.sys.waitpid(child.pid, 0)
        if (isErr(waited) || waited.status !== 3 << 8) continue
        if (read === null || (read() === 60 && read() === 60)) right++
      }
      return right
    },
  }
}

/** setgid(2), which makes an event. Events are read in runs of as many as wait at once. */
function oneEvent(way: Way, atOnce: number): Timed {
  const k = boot(way)
  const read = way === 'events on' ? listener(k, PROCESSES) : null
  const { sys } = k.spawn()
  return {
    kind: 'timed',
    run(count) {
      let right = 0
      let waiting = 0
      for (let i = 0; i < count; i++) {
        const result = sys.setgid(0)
        if (read === null) {
          if (result === 0) right++
        } else if (++waiting === atOnce || i === count - 1) {
          for (; waiting > 0; waiting--) if (read() === 60) right++
        }
      }
      return right
    },
  }
}

/** An open that the mode refuses. */
function refusal(way: 'without' | 'nobody listens' | 'published, read'): Timed {
  const k = boot(way === 'without' ? 'without' : 'connector')
  const root = k.spawn()
  root.libc.close(root.libc.open('/secret', O_CREAT | O_WRONLY, 0o600))
  const read = way === 'published, read' ? listener(k, SECURITY) : null
  const { sys } = k.spawn({ uid: 1000 })
  return {
    kind: 'timed',
    run(count) {
      let right = 0
      for (let i = 0; i < count; i++)
        if (sys.open('/secret', O_RDONLY) === EACCES && (read === null || read() > 0)) right++
      return right
    },
  }
}

/** The ways of a process's life. */
export const LIVES: Readonly<Record<string, () => Timed>> = {
  'no connector': () => lives('without'),
  connector: () => lives('connector'),
  'events, nobody asks': () => lives('events off'),
  'events, both read': () => lives('events on'),
}

/** The ways of a call that makes an event. */
export const EVENTS: Readonly<Record<string, () => Timed>> = {
  'no connector': () => oneEvent('without', 1),
  'events, nobody asks': () => oneEvent('events off', 1),
  'one listener, each read at once': () => oneEvent('events on', 1),
  'one listener, 100 waiting': () => oneEvent('events on', 100),
}

/** The ways of a refusal. */
export const REFUSALS: Readonly<Record<string, () => Timed>> = {
  'no connector': () => refusal('without'),
  'nobody listens': () => refusal('nobody listens'),
  'published, read': () => refusal('published, read'),
}
