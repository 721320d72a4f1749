/**
 * The rows of the network: sockets on loopback, and packets that pass through. Profile 2.6.14, but for the packets
 * that chains of rules look at: those are of 2.2.12.
 */

import { createKernel, isErr } from 'paleokernel'
import { AF_INET, net, SOCK_DGRAM, SOCK_STREAM } from 'paleokernel/net'
import { BLOCK, bytesOf } from './fixtures.js'
import { reachableBytes, type Timed } from './measure.js'
import type { Cases } from './ours.js'
import type { Plan } from './plan.js'

const bootNet = (profile: '2.2.12' | '2.6.14' = '2.6.14') => createKernel({ profile, modules: [net()] })

type NetKernel = ReturnType<typeof bootNet>
type Calls = ReturnType<NetKernel['spawn']>['sys']

const LOOPBACK = '127.0.0.1'
const SOL_SOCKET = 1
const SO_SNDBUF = 7
const SO_RCVBUF = 8
const SO_LINGER = 13
const RLIMIT_NOFILE = 7
const MSG_DONTWAIT = 0x40
/** Room for a block and what the kernel keeps with it. */
const SOCKET_ROOM = 4 * BLOCK
/** Listeners, as the ports for connections to one of them would not do. */
const LISTENERS = 8
/** Connections that wait at a listener, at most. */
const WAITING = 64

function fine<T>(result: T): number {
  if (isErr(result) || typeof result !== 'number') throw new Error(`unexpected error ${String(result)}`)
  return result
}

const at = (port: number, addr = LOOPBACK) => ({ family: AF_INET, addr, port }) as const

/** The network is more code than most calls. See Timed. */
const WARMTH = 10

/** Two sockets that send each other datagrams; both ways are one operation. */
function udpCase(size: number): Timed {
  const { sys } = bootNet().spawn({ comm: 'bench' })
  const [a, b] = [7001, 7002].map((port) => {
    const fd = fine(sys.socket(AF_INET, SOCK_DGRAM, 0))
    fine(sys.bind(fd, at(port)))
    return fd
  }) as [number, number]
  const [toA, toB] = [at(7001), at(7002)]
  const data = bytesOf(size)
  const buffer = new Uint8Array(size)
  return {
    kind: 'timed',
    warmth: WARMTH,
    run(count) {
      let right = 0
      for (let i = 0; i < count; i++) {
        buffer[17] = 0
        if (
          sys.sendto(a, data, 0, toB) === size &&
          sys.recv(b, buffer, 0) === size &&
          sys.sendto(b, data, 0, toA) === size &&
          sys.recv(a, buffer, 0) === size &&
          buffer[17] === 7
        )
          right++
      }
      return right
    },
  }
}

/** A listener and a connection to it: both ends. */
function connected(sys: Calls): readonly [number, number] {
  const listener = fine(sys.socket(AF_INET, SOCK_STREAM, 0))
  const client = fine(sys.socket(AF_INET, SOCK_STREAM, 0))
  for (const fd of [listener, client]) {
    fine(sys.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, SOCKET_ROOM))
    fine(sys.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, SOCKET_ROOM))
  }
  fine(sys.bind(listener, at(7001)))
  fine(sys.listen(listener, 1))
  fine(sys.connect(client, at(7001)))
  return [client, fine(sys.accept(listener))]
}

/** Bytes over a connection: as much as fits is sent, then it is received, until all is there. */
function carry(sys: Calls, from: number, to: number, data: Uint8Array, into: Uint8Array): boolean {
  const { length } = data
  let got = 0
  for (let sent = 0; sent < length; ) {
    const n = sys.send(from, sent === 0 ? data : data.subarray(sent), MSG_DONTWAIT)
    if (n <= 0) return false
    sent += n
    while (got < sent) {
      const m = sys.recv(to, got === 0 ? into : into.subarray(got), 0)
      if (m <= 0) return false
      got += m
    }
  }
  return got === length
}

/** A block there and a block back is one operation. */
function tcpCase(): Timed {
  const { sys } = bootNet().spawn({ comm: 'bench' })
  const [a, b] = connected(sys)
  const data = bytesOf(BLOCK)
  const buffer = new Uint8Array(BLOCK)
  return {
    kind: 'timed',
    warmth: WARMTH,
    run(count) {
      let right = 0
      for (let i = 0; i < count; i++) {
        buffer[17] = 0
        buffer[BLOCK - 1] = 0
        if (carry(sys, a, b, data, buffer) && carry(sys, b, a, data, buffer) && buffer[BLOCK - 1] === 7)
          right++
      }
      return right
    },
  }
}

/** A process with room for so many descriptors, and listeners. */
function server(sockets: number): { sys: Calls; listeners: readonly number[] } {
  const { sys } = bootNet().spawn({ comm: 'bench' })
  fine(sys.setrlimit(RLIMIT_NOFILE, { cur: sockets + 1000, max: sockets + 1000 }))
  const listeners = Array.from({ length: LISTENERS }, (_, i) => {
    const fd = fine(sys.socket(AF_INET, SOCK_STREAM, 0))
    fine(sys.bind(fd, at(600 + i)))
    fine(sys.listen(fd, WAITING))
    return fd
  })
  return { sys, listeners }
}

function connectTo(sys: Calls, listener: number): number {
  const fd = fine(sys.socket(AF_INET, SOCK_STREAM, 0))
  fine(sys.connect(fd, at(600 + listener)))
  return fd
}

/** Connects so many sockets with one another: half of them were accepted. */
function crowd(sys: Calls, listeners: readonly number[], sockets: number): void {
  for (let i = 0; i < sockets / 2; i++) {
    connectTo(sys, i % LISTENERS)
    fine(sys.accept(listeners[i % LISTENERS] as number))
  }
}

/** accept(2) of a connection that waits, while others are there. */
function acceptCase(sockets: number): Timed {
  const { sys, listeners } = server(sockets)
  crowd(sys, listeners, sockets)
  const listener = listeners[0] as number
  const fds: number[] = []
  return {
    kind: 'timed',
    warmth: WARMTH,
    most: WAITING,
    before(count) {
      for (let i = 0; i < count; i++) fds.push(connectTo(sys, 0))
    },
    run(count) {
      let right = 0
      for (let i = 0; i < count; i++) {
        const fd = sys.accept(listener)
        if (fd >= 0) {
          fds.push(fd)
          right++
        }
      }
      return right
    },
    after() {
      // A reset leaves nothing behind that would keep the port.
      for (const fd of fds.splice(0)) {
        sys.setsockopt(fd, SOL_SOCKET, SO_LINGER, { onoff: 1, linger: 0 })
        sys.close(fd)
      }
    },
  }
}

function bytesPerSocket(sockets: number): number {
  const { sys, listeners } = server(sockets)
  crowd(sys, listeners, 2 * LISTENERS)
  const before = reachableBytes()
  crowd(sys, listeners, sockets)
  const bytes = (reachableBytes() - before) / sockets
  if (isErr(sys.getpeername(LISTENERS + 1))) throw new Error('the sockets are gone')
  return bytes
}

/** The rows of the network. */
export const netCases = (plan: Plan): Cases => ({
  'udp-512': () => udpCase(512),
  'tcp-64k': tcpCase,
  accept: () => acceptCase(plan.sockets),
  'bytes-socket': () => ({ kind: 'sized', measure: () => bytesPerSocket(plan.sockets) }),
})
