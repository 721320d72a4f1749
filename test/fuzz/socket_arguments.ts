/**
 * Arguments of socket calls: families and kinds that exist and others, addresses that mean something, options, messages in
 * pieces with descriptors in them.
 */
import type { Dice } from './dice.js'

/** What makers of arguments take from elsewhere. */
export interface Parts {
  /** A descriptor, mostly an open one. */
  readonly fd: () => number
  readonly path: () => string
  readonly buffer: () => Uint8Array
  readonly int: () => number
  readonly hostile: () => unknown
  readonly pid: number
}

const IPS = [
  '127.0.0.1',
  '127.0.0.1',
  '127.0.0.1',
  '0.0.0.0',
  '255.255.255.255',
  '127.0.0.2',
  '224.0.0.1',
  '10.1.2.3',
  '127.255.255.255',
  '240.0.0.1',
  '1.2.3',
  'localhost',
  '256.0.0.1',
  '',
  0x7f000001,
  0,
  -1,
  2 ** 32,
  Number.NaN,
]
const PORTS = [0, 1, 7, 80, 1023, 1024, 5000, 5000, 5001, 5001, 5002, 65_535, 65_536, -1, 0.5]

function address(d: Dice, p: Parts): unknown {
  switch (d.below(12)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
      return { family: 2, addr: d.chance(85) ? '127.0.0.1' : d.pick(IPS), port: d.pick(PORTS) }
    case 5:
    case 6:
      return {
        family: 1,
        path: d.chance(60) ? p.path() : `\0${d.pick(['a', 'b', '', 'x'.repeat(107), 'x'.repeat(200)])}`,
      }
    case 7:
      return d.pick([
        { family: 16, pid: d.pick([0, p.pid, -1]), groups: d.pick([0, 1, -1]) },
        { family: 17, protocol: d.pick([3, 0x800, 0]), ifindex: d.pick([0, 1, 99]) },
        { family: 17, protocol: 0x800, ifindex: 1, addr: new Uint8Array(d.pick([0, 6, 8])) },
        { family: 2, device: d.pick(['lo', 'eth9']) },
        { family: 17, device: d.pick(['lo', 'eth9', 'x'.repeat(40)]), protocol: 3 },
      ])
    case 8:
      return { family: 0 }
    case 9:
      // struct sockaddr_in as bytes, whole or not.
      return Uint8Array.of(2, 0, 0x13, 0x88, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0).slice(0, d.below(17))
    case 10:
      return d.pick([
        null,
        undefined,
        new Uint8Array(2000),
        { family: d.below(40), addr: '127.0.0.1', port: 80 },
      ])
    default:
      return p.hostile()
  }
}

const FLAGS = [0, 0, 0x40, 0x40, 0x4000, 1, 2, 4, 0x20, 0x100, 0x200, 0x8000, 0x2000]
const flags = (d: Dice): number =>
  d.chance(97) ? d.pick(FLAGS) | (d.chance(50) ? 0x40 : 0) : d.pick([-1, 2 ** 31, 0xffff])

function control(d: Dice, p: Parts): unknown {
  if (d.chance(40)) return d.pick([undefined, null, []])
  return Array.from({ length: d.below(3) }, () =>
    d.pick([
      { level: 1, type: 1, fds: Array.from({ length: d.pick([0, 1, 2, 3, 300]) }, p.fd) },
      { level: 1, type: 2, pid: d.pick([p.pid, 1, -1]), uid: d.pick([0, 1000]), gid: 0 },
      { level: 0, type: 8, ifindex: 0, specDst: '127.0.0.1', addr: '127.0.0.1' },
      { level: d.below(300), type: d.below(20) },
      p.hostile(),
    ]),
  )
}

const message = (d: Dice, p: Parts): unknown => ({
  name: d.chance(50) ? null : address(d, p),
  iov: d.chance(95) ? Array.from({ length: d.below(4) }, p.buffer) : p.hostile(),
  control: control(d, p),
  ...(d.chance(30) ? { controllen: d.pick([0, 1, 12, 16, 100, -1, 1e9]) } : {}),
})

const LEVELS = [1, 1, 1, 0, 6, 17, 255, 263, 270, -1]
const value = (d: Dice, p: Parts): unknown =>
  d.pick([
    0,
    1,
    d.pick([2, 100, 4096, 100_000, -1, 2 ** 31 - 1]),
    { onoff: d.below(2), linger: d.pick([0, 0, 1, -1]) },
    { sec: d.pick([0, 1, -1]), usec: d.pick([0, 5000, 2e6]) },
    {
      multiaddr: d.pick(['224.1.2.3', '224.1.2.4', '10.0.0.1']),
      address: d.pick(['0.0.0.0', '127.0.0.1', 'x']),
      ifindex: d.pick([0, 1, 9]),
    },
    { ifindex: d.pick([1, 1, 9]), type: d.below(4), address: new Uint8Array(d.pick([0, 6, 7])) },
    Uint8Array.of(1, 0, 0, 0),
    Uint8Array.of(1, 0, 0, 0).slice(0, d.below(5)),
    'lo',
    p.buffer(),
    p.hostile(),
  ])

/** Raw sockets and those of devices. */
const PACKETS: readonly (readonly number[])[] = [
  [2, 3, 1],
  [2, 3, 17],
  [2, 3, 6],
  [2, 3, 255],
  [17, 3, 0x300],
  [17, 2, 0x300],
  [17, 2, 8],
  [2, 10, 0x300],
]

type Maker = (d: Dice, p: Parts) => unknown[]

/** By call. */
export const SOCKET_MAKERS: Readonly<Record<string, Maker>> = {
  socket: (d) =>
    d.chance(15)
      ? d.pick(PACKETS).slice()
      : [
          d.chance(85) ? d.pick([1, 2, 2]) : d.pick([16, 17, 0, -1, 10, 32, 999]),
          d.chance(90) ? d.pick([1, 1, 2]) : d.pick([3, 4, 5, 10, 0, 11, -1]),
          d.chance(85) ? 0 : d.pick([1, 6, 17, 255, 3, 256, -1, 0x300]),
        ],
  socketpair: (d) => [d.pick([1, 1, 1, 2, 16]), d.pick([1, 2, 3, 5]), 0],
  bind: (d, p) => [p.fd(), address(d, p)],
  connect: (d, p) => [p.fd(), address(d, p)],
  listen: (d, p) => [p.fd(), d.pick([0, 1, 5, 128, -1, 2 ** 31])],
  accept: (d, p) => [p.fd(), d.pick([undefined, null, {}, { length: 3 }, p.hostile()])],
  getsockname: (_, p) => [p.fd()],
  getpeername: (_, p) => [p.fd()],
  send: (d, p) => [p.fd(), p.buffer(), flags(d)],
  recv: (d, p) => [p.fd(), p.buffer(), flags(d)],
  sendto: (d, p) => [p.fd(), p.buffer(), flags(d), address(d, p)],
  recvfrom: (d, p) => [p.fd(), p.buffer(), flags(d), d.pick([undefined, null, {}, p.hostile()])],
  shutdown: (d, p) => [p.fd(), d.pick([0, 1, 2, 3, -1])],
  setsockopt: (d, p) => [p.fd(), d.pick(LEVELS), d.chance(90) ? d.below(40) : p.int(), value(d, p)],
  getsockopt: (d, p) => [
    p.fd(),
    d.pick(LEVELS),
    d.chance(90) ? d.below(40) : p.int(),
    d.pick([undefined, null, {}, new Uint8Array(d.below(40)), p.hostile()]),
  ],
  sendmsg: (d, p) => [p.fd(), d.chance(95) ? message(d, p) : p.hostile(), flags(d)],
  recvmsg: (d, p) => [p.fd(), d.chance(95) ? message(d, p) : p.hostile(), flags(d)],
}

/** Calls that others live on come more often. */
export const SOCKET_CALLS: readonly string[] = [
  ...Object.keys(SOCKET_MAKERS),
  ...'socket socket socket bind bind connect connect listen accept accept send recv sendto'.split(' '),
]

/** Operations of ioctl(2) that look at sockets and devices. */
export const SOCKET_IOCTLS: readonly number[] = [
  0x541b, 0x5411, 0x8901, 0x8902, 0x8903, 0x8904, 0x8905, 0x8906, 0x8910, 0x8912, 0x8913, 0x8915, 0x8919,
  0x891b, 0x8921, 0x8927, 0x8933, 0x8953, 0x8954, 0x8955, 0x8bff,
]
