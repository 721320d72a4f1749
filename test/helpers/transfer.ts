/**
 * Two kernels on a link, and programs that send streams from one to the other: what the tests and the sweep of lossy
 * links are made of.
 */
import type { Profile, Program } from 'paleokernel'
import {
  AF_INET,
  createWorld,
  type NetState,
  net,
  SHUT_WR,
  SO_RCVBUF,
  SOCK_STREAM,
  SOL_SOCKET,
  type WireOptions,
} from 'paleokernel/net'
import { coreOf } from './world.js'

/** The bytes of streams come round after so many, a prime. */
const PERIOD = 1_000_003
const PATTERN = Buffer.alloc(2 * PERIOD)
for (let i = 0; i < PATTERN.length; i++) PATTERN[i] = Math.imul((i % PERIOD) + 1, 2654435761) >>> 21

/** `length` bytes of the stream from `at` on. */
const stretch = (at: number, length: number): Uint8Array =>
  new Uint8Array(PATTERN.subarray(at % PERIOD, (at % PERIOD) + length))

export const SERVER_PORT = 5000

/** How a pair of kernels is made. */
export interface PairOptions {
  readonly seed: number
  readonly profiles: readonly [Profile, Profile]
  readonly wire?: WireOptions
}

/** Two kernels, 10.0.0.1 and 10.0.0.2, on one link. */
export function pairOnLink({ seed, profiles, wire = {} }: PairOptions) {
  const world = createWorld({ seed })
  const [a, b] = ([0, 1] as const).map((at) => {
    const k = world.createKernel({ modules: [net()], profile: profiles[at] })
    k.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, at + 1))
    k.net.configure('eth0', { address: `10.0.0.${at + 1}/24` })
    return k
  })
  if (a === undefined || b === undefined) throw new Error('two kernels')
  return { world, a, b, link: world.link(a, 'eth0', b, 'eth0', wire) }
}

export type Pair = ReturnType<typeof pairOnLink>
type Machine = Pair['a']

/** What a side has seen of a stream. */
export interface Side {
  received: number
  /** The first byte that was not what it should be; -1 while all are right. */
  wrongAt: number
  /** When the end came: ms; -1 before. */
  doneAt: number
  /** The first Errno of a call; 0 while there is none. */
  error: number
}

/** What one end of a connection does, once it is there. */
export interface Part {
  /** Bytes to send. */
  readonly send: number
  /** Bytes of a call. */
  readonly chunk?: number
  /** Shut the sending side when all is sent. Default true. */
  readonly ends?: boolean
  /** Milliseconds between reads. */
  readonly slow?: number
  /** Bytes that may wait. */
  readonly rcvbuf?: number
}

// biome-ignore lint/suspicious/noExplicitAny: the calls of net() are not among those of Sys
type NetSys = any

function* sendAll(sys: NetSys, fd: number, part: Part, side: Side): Program {
  const { send, chunk = 32_768, ends = true } = part
  for (let at = 0; at < send; ) {
    const n: number = yield* sys.send(fd, stretch(at, Math.min(chunk, send - at)))
    if (n < 0) {
      side.error ||= n
      return 1
    }
    at += n
  }
  if (ends) yield* sys.shutdown(fd, SHUT_WR)
  return 0
}

function* receiveAll(sys: NetSys, fd: number, part: Part, side: Side, k: Machine): Program {
  const { chunk = 32_768, slow = 0 } = part
  const buf = Buffer.alloc(chunk)
  for (;;) {
    const n: number = yield* sys.recv(fd, buf)
    if (n <= 0) {
      if (n < 0) side.error ||= n
      side.doneAt = k.now
      return 0
    }
    const start = side.received % PERIOD
    if (side.wrongAt < 0 && PATTERN.compare(buf, 0, n, start, start + n) !== 0) side.wrongAt = side.received
    side.received += n
    if (slow > 0) yield* sys.nanosleep(slow)
  }
}

/** Both directions of a connection at once: one process sends, one receives. */
function* converse(sys: NetSys, fd: number, part: Part, side: Side, k: Machine): Program {
  // Nothing to send: one process is enough, and needs no journal.
  if (part.send === 0) {
    if (part.ends !== false) yield* sys.shutdown(fd, SHUT_WR)
    return yield* receiveAll(sys, fd, part, side, k)
  }
  const child: number = yield* sys.fork()
  if (child === 0) return yield* sendAll(sys, fd, part, side)
  yield* receiveAll(sys, fd, part, side, k)
  yield* sys.waitpid(child, null, 0)
  return 0
}

const newSide = (): Side => ({ received: 0, wrongAt: -1, doneAt: -1, error: 0 })

/** How a connection goes: the client sends first, the server answers, or both at once. */
export interface Talk {
  readonly client: Part
  readonly server: Part
  readonly port?: number
  /** The client receives only when it has sent all: no second process. Default: both at once. */
  readonly inTurn?: boolean
}

/** Starts a connection from `a` to `b` and what is said in it; run the world to see it happen. */
export function startTalk({ a, b }: Pair, { client, server, port = SERVER_PORT, inTurn = false }: Talk) {
  const sides = { client: newSide(), server: newSide() }
  b.spawn({
    journal: server.send > 0,
    *program(sys: NetSys): Program {
      const fd = yield* sys.socket(AF_INET, SOCK_STREAM, 0)
      if (server.rcvbuf !== undefined) yield* sys.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, server.rcvbuf)
      yield* sys.bind(fd, { family: AF_INET, addr: '0.0.0.0', port })
      yield* sys.listen(fd, 5)
      const s = yield* sys.accept(fd)
      if (s < 0) {
        sides.server.error = s
        return 1
      }
      yield* sys.close(fd)
      return yield* converse(sys, s, server, sides.server, b)
    },
  })
  a.spawn({
    journal: !inTurn,
    *program(sys: NetSys): Program {
      let fd = -1
      for (let tries = 0; fd < 0; tries++) {
        fd = yield* sys.socket(AF_INET, SOCK_STREAM, 0)
        if (client.rcvbuf !== undefined) yield* sys.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, client.rcvbuf)
        const error: number = yield* sys.connect(fd, { family: AF_INET, addr: '10.0.0.2', port })
        if (error === 0) break
        // Three requests of ARP may be lost, or all SYNs.
        sides.client.error = tries < 20 ? 0 : error
        yield* sys.close(fd)
        if (tries === 20) return 1
        fd = -1
      }
      if (!inTurn) return yield* converse(sys, fd, client, sides.client, a)
      yield* sendAll(sys, fd, client, sides.client)
      return yield* receiveAll(sys, fd, client, sides.client, a)
    },
  })
  return sides
}

/** Only from client to server, without forks and journals. */
export const oneWay = (size: number, rest: Partial<Part> = {}): Talk => ({
  client: { send: size, ...rest },
  server: { send: 0, ...rest },
  inTurn: true,
})

/** The network's state of a kernel. */
export const netOf = (k: object): NetState =>
  coreOf(k as Parameters<typeof coreOf>[0]).state.modules.get('net') as NetState

/** What is left of TCP, fragments, neighbours that wait, and packets in a kernel: empty when all is over. */
export function leftovers(k: object): string[] {
  const { inet, backlog, inUse } = netOf(k)
  const { tcp, frags, udp } = inet
  const waiting = [...inet.arp.entries.values()].filter(({ queue }) => queue.length > 0)
  const counts = {
    sockets: inUse,
    'tcp socks': tcp.socks.size,
    'time waits': tcp.timeWaits.size,
    'tcp ports': tcp.buckets.size,
    listeners: tcp.listeners.size,
    connections: tcp.connections.size,
    'udp ports': udp.byPort.size,
    fragments: frags.queues.size + frags.memory,
    'waiting for ARP': waiting.length,
    backlog: backlog.length,
    timers: coreOf(k as Parameters<typeof coreOf>[0]).state.timers.heap.length,
  }
  return Object.entries(counts)
    .filter(([, count]) => count !== 0)
    .map(([name, count]) => `${name}: ${count}`)
}
