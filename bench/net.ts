/**
 * The rows of the network: sockets on loopback, and packets that pass through. Profile 2.6.14, but for the packets
 * that chains of rules look at: those are of 2.2.12.
 */

import { createKernel, isErr } from 'paleokernel'
import { AF_INET, net, SOCK_DGRAM, SOCK_STREAM } from 'paleokernel/net'
import { encodeFwchange } from '../src/lib/ip_fw.js'
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
export function udpCase(size: number, sys: Calls = bootNet().spawn({ comm: 'bench' }).sys): Timed {
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

// ---- packets that pass through -------------------------------------------------------------------------------

const SIOCADDRT = 0x890b
const IP_FW_APPEND = 64
const SOL_IP = 0
const RULES = 100
/** The hardware addresses of the two cards, and of those who are behind them. */
const CARDS = [1, 2].map((n) => Uint8Array.of(2, 0, 0, 0, 0, n)) as [Uint8Array, Uint8Array]
const HOSTS = [3, 4].map((n) => Uint8Array.of(2, 0, 0, 0, 0, n)) as [Uint8Array, Uint8Array]
const SOURCE = [10, 0, 1, 7]
const TARGET = [10, 0, 2, 7]

/** A UDP packet of 64 bytes from the host behind the first card to the one behind the second. */
function passingFrame(): Uint8Array {
  const frame = new Uint8Array(14 + 64)
  frame.set(CARDS[0], 0)
  frame.set(HOSTS[0], 6)
  frame.set([0x08, 0x00, 0x45, 0, 0, 64, 0, 1, 0x40, 0, 64, 17, 0, 0, ...SOURCE, ...TARGET], 12)
  let sum = 0
  for (let at = 14; at < 34; at += 2) sum += ((frame[at] ?? 0) << 8) | (frame[at + 1] ?? 0)
  sum = (sum & 0xffff) + (sum >>> 16)
  frame[24] = (~sum >>> 8) & 0xff
  frame[25] = ~sum & 0xff
  frame.set([0x13, 0x88, 0x13, 0x89, 0, 44], 34)
  return frame
}

/** The answer of the host behind the second card to who asks for it. */
function arpReply(): Uint8Array {
  const frame = new Uint8Array(60)
  frame.set(CARDS[1], 0)
  frame.set(HOSTS[1], 6)
  frame.set([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 2, ...HOSTS[1], ...TARGET, ...CARDS[1], 10, 0, 2, 1], 12)
  return frame
}

/** Packets from one card to another, past so many rules of the forward chain that do not match. */
function forwardCase(rules: number): Timed {
  const k = bootNet('2.2.12')
  const { sys, libc } = k.spawn({ uid: 0 })
  const sysctl = libc.open('/proc/sys/net/ipv4/ip_forward', 1)
  libc.write(sysctl, Uint8Array.of(0x31))
  libc.close(sysctl)
  let sent = 0
  const plugs = ['eth0', 'eth1'].map((name, i) => {
    k.net.addEthernet(name, CARDS[i] as Uint8Array)
    k.net.configure(name, { address: `10.0.${i + 1}.1/24` })
    return k.net.plugIn(name, {
      transmit(frame) {
        if (frame[12] === 8 && frame[13] === 0) sent++
      },
    })
  })
  const control = fine(sys.socket(AF_INET, SOCK_DGRAM, 0))
  for (let n = 0; n < rules; n++) {
    const rule = encodeFwchange(
      {
        src: (172 << 24) | (16 << 16) | (n << 8),
        smsk: 0xffffff00,
        dst: 0,
        dmsk: 0,
        mark: 0,
        proto: 0,
        flg: 0,
        invflg: 0,
        spts: [0, 0xffff],
        dpts: [0, 0xffff],
        redirpt: 0,
        outputsize: 0,
        vianame: '',
        tosand: 0xff,
        tosxor: 0,
        label: 'DENY',
        extra: new Uint8Array(0),
      },
      'forward',
    )
    fine(sys.setsockopt(control, SOL_IP, IP_FW_APPEND, rule))
  }
  const frame = passingFrame()
  plugs[0]?.receive(frame)
  plugs[1]?.receive(arpReply())
  return {
    kind: 'timed',
    warmth: WARMTH,
    run(count) {
      sent = 0
      for (let i = 0; i < count; i++) plugs[0]?.receive(frame)
      return sent
    },
  }
}

// ---- netlink -------------------------------------------------------------------------------------------------

const AF_NETLINK = 16
const SOCK_RAW = 3
const NETLINK_USERSOCK = 2

/** Ports of NETLINK_USERSOCK that listen to its first group, and one more that sends. */
function netlinkEnds(
  sys: Calls,
  listeners: number,
): { readonly sender: number; readonly listening: number[] } {
  const bound = (pid: number, groups: number): number => {
    const fd = fine(sys.socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK))
    fine(sys.bind(fd, { family: AF_NETLINK, pid, groups }))
    return fd
  }
  const listening = Array.from({ length: listeners }, (_, i) => bound(7001 + i, 1))
  return { sender: bound(7000, 0), listening }
}

/** A message to a port, or to a group and one of its listeners by port; all read it. */
function netlinkCase(listeners: number): Timed {
  const k = createKernel({ profile: '2.6.14', modules: [net({ netlink: { usersock: true } })] })
  const { sys } = k.spawn({ comm: 'bench' })
  const { sender, listening } = netlinkEnds(sys, listeners)
  const to = { family: AF_NETLINK, pid: 7001, groups: listeners > 1 ? 1 : 0 } as const
  const data = bytesOf(512)
  const buffer = new Uint8Array(512)
  return {
    kind: 'timed',
    warmth: WARMTH,
    run(count) {
      let right = 0
      for (let i = 0; i < count; i++) {
        buffer[17] = 0
        if (sys.sendto(sender, data, 0, to) !== 512) continue
        let read = 0
        for (const fd of listening) read += sys.recv(fd, buffer, 0)
        if (read === 512 * listeners && buffer[17] === 7) right++
      }
      return right
    },
  }
}

// ---- routes --------------------------------------------------------------------------------------------------

/**
 * Destinations that are asked for in turn: even without those that are there twice more than the cache of routes
 * keeps, so that each is looked up.
 */
const TARGETS = 8192
const PREFIXES = [16, 20, 24, 28] as const

const bytesOfAddress = (addr: number): number[] => [
  addr >>> 24,
  (addr >>> 16) & 255,
  (addr >>> 8) & 255,
  addr & 255,
]

/** The n-th route: where it leads, and how many bits count. All lengths of prefix are there at every size. */
function nthRoute(n: number): { readonly dst: number; readonly prefix: number } {
  const which = n % PREFIXES.length
  const prefix = PREFIXES[which] ?? 24
  // There are few networks of 16 bits in so many.
  const place = Math.floor(n / PREFIXES.length) % 2 ** (prefix - 10)
  return { dst: (20 * 2 ** 24 + which * 2 ** 29 + place * 2 ** (32 - prefix)) >>> 0, prefix }
}

/** Linux: struct rtentry, include/linux/route.h, on i386. */
function rtentry(dst: number, prefix: number, device: string): Uint8Array {
  const NAME = 84
  const rt = new Uint8Array(NAME + 16)
  const view = new DataView(rt.buffer)
  view.setUint16(4, AF_INET, true)
  rt.set(bytesOfAddress(dst), 8)
  view.setUint16(36, AF_INET, true)
  rt.set(bytesOfAddress((-1 << (32 - prefix)) >>> 0), 40)
  view.setUint16(52, 1, true)
  view.setUint32(68, NAME, true)
  rt.set(
    [...device].map((char) => char.charCodeAt(0)),
    NAME,
  )
  return rt
}

/** connect(2) of a datagram socket: a look-up among so many routes, and little else. */
export function routeCase(routes: number): Timed {
  const k = bootNet()
  const { sys } = k.spawn({ uid: 0 })
  k.net.addEthernet('eth0', CARDS[0])
  k.net.configure('eth0', { address: '10.0.1.1/24' })
  const fd = fine(sys.socket(AF_INET, SOCK_DGRAM, 0))
  // A route that is there already leaves a place for another: so many there are.
  for (let n = 0, made = 0; made < routes; n++)
    if (sys.ioctl(fd, SIOCADDRT, rtentry(nthRoute(n).dst, nthRoute(n).prefix, 'eth0')) === 0) made++
  // The same ten routes at every size.
  const asked = Math.min(routes, 10)
  const addresses = new Set(
    Array.from({ length: TARGETS }, (_, i) => {
      const { dst, prefix } = nthRoute(i % asked)
      const host = 1 + (Math.floor(i / asked) % (2 ** (32 - prefix) - 2))
      return bytesOfAddress((dst + host) >>> 0).join('.')
    }),
  )
  const targets = [...addresses].map((addr) => at(5000, addr))
  let next = 0
  return {
    kind: 'timed',
    warmth: WARMTH,
    run(count) {
      let right = 0
      for (let i = 0; i < count; i++) {
        if (sys.connect(fd, targets[next] as (typeof targets)[number]) === 0) right++
        next = (next + 1) % targets.length
      }
      return right
    },
  }
}

/** The rows of the network. */
export const netCases = (plan: Plan): Cases => ({
  'udp-512': () => udpCase(512),
  'tcp-64k': tcpCase,
  'netlink-512': () => netlinkCase(1),
  'netlink-100': () => netlinkCase(100),
  accept: () => acceptCase(plan.sockets),
  forward: () => forwardCase(0),
  'forward-100': () => forwardCase(RULES),
  'bytes-socket': () => ({ kind: 'sized', measure: () => bytesPerSocket(plan.sockets) }),
})
