/**
 * What programs do wrong with sockets of AF_INET, and the error that each kernel gives: addresses, sizes, peers that are
 * gone, buffers that are full, ports that are all taken. Linux: net/socket.c, net/ipv4/{af_inet,udp,tcp}.c.
 */
import {
  checkInvariants,
  createKernel,
  EACCES,
  EADDRNOTAVAIL,
  EAFNOSUPPORT,
  EAGAIN,
  EBADF,
  ECONNREFUSED,
  ECONNRESET,
  EDESTADDRREQ,
  EFAULT,
  EINVAL,
  EMSGSIZE,
  ENETUNREACH,
  ENOTCONN,
  ENOTSOCK,
  EOPNOTSUPP,
  EPIPE,
  errnoName,
  type Profile,
  SIG_IGN,
  SIGPIPE,
} from 'paleokernel'
import { AF_INET, net, SOCK_DGRAM, SOCK_STREAM } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'
import { netOf } from '../helpers/transfer.js'

const PROFILES = ['2.0.35', '2.2.12', '2.6.14'] as const
const MSG_DONTWAIT = 0x40
const NONBLOCK = 0o4000

const at = (port: number, addr: string | number = '127.0.0.1') => ({ family: AF_INET, addr, port }) as const
/** struct sockaddr_in, cut off. */
const SHORT = Uint8Array.of(2, 0, 0, 80)
const UNIX = { family: 1, path: `/${'x'.repeat(30)}` } as const

function boot(profile: Profile) {
  const k = createKernel({ modules: [net()], profile })
  k.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, 1))
  k.net.configure('eth0', { address: '10.0.0.1/24' })
  const p = k.spawn()
  p.sys.sigaction(SIGPIPE, { handler: SIG_IGN, flags: 0, mask: [] })
  return {
    k,
    p,
    tcp: (): number => p.libc.socket(AF_INET, SOCK_STREAM),
    udp: (): number => p.libc.socket(AF_INET, SOCK_DGRAM),
  }
}

type Lab = ReturnType<typeof boot>
type Row = readonly [what: string, act: (lab: Lab) => unknown, ...errors: readonly number[]]

/** One error for all kernels, or one each for 2.0.35, 2.2.12 and 2.6.14. */
const ROWS: readonly Row[] = [
  ['connect, a short address', ({ p, tcp }) => p.sys.connect(tcp(), SHORT), EINVAL],
  ['connect, UDP, a short address', ({ p, udp }) => p.sys.connect(udp(), SHORT), EINVAL],
  ['connect, another family', ({ p, tcp }) => p.sys.connect(tcp(), UNIX), EAFNOSUPPORT],
  ['connect, UDP, another family', ({ p, udp }) => p.sys.connect(udp(), UNIX), EAFNOSUPPORT],
  ['connect, no address', ({ p, tcp }) => p.sys.connect(tcp(), null), EINVAL],
  ['connect, text that is no address', ({ p, tcp }) => p.sys.connect(tcp(), at(9, 'localhost')), EFAULT],
  ['connect, 255.255.255.256', ({ p, tcp }) => p.sys.connect(tcp(), at(9, '255.255.255.256')), EFAULT],
  ['connect, TCP to all', ({ p, tcp }) => p.sys.connect(tcp(), at(9, '10.0.0.255')), ENETUNREACH],
  ['connect, TCP to a group', ({ p, tcp }) => p.sys.connect(tcp(), at(9, '224.0.0.5')), ENETUNREACH],
  ['connect, no route', ({ p, tcp }) => p.sys.connect(tcp(), at(9, '99.0.0.1')), ENETUNREACH],
  ['connect, nobody listens', ({ p, tcp }) => p.sys.connect(tcp(), at(9)), ECONNREFUSED],
  ['sendto, a short address', ({ p, udp }) => p.sys.sendto(udp(), new Uint8Array(1), 0, SHORT), EINVAL],
  [
    'sendto, another family',
    ({ p, udp }) => p.sys.sendto(udp(), new Uint8Array(1), 0, UNIX),
    EINVAL,
    EINVAL,
    EAFNOSUPPORT,
  ],
  ['sendto, port 0', ({ p, udp }) => p.sys.sendto(udp(), new Uint8Array(1), 0, at(0)), EINVAL],
  [
    'sendto, no route',
    ({ p, udp }) => p.sys.sendto(udp(), new Uint8Array(1), 0, at(9, '99.0.0.1')),
    ENETUNREACH,
  ],
  [
    'sendto all without SO_BROADCAST',
    ({ p, udp }) => p.sys.sendto(udp(), new Uint8Array(1), 0, at(9, '10.0.0.255')),
    EACCES,
  ],
  ['the largest datagram', ({ p, udp }) => p.sys.sendto(udp(), new Uint8Array(65_507), 0, at(9)), 65_507],
  ['a byte more', ({ p, udp }) => p.sys.sendto(udp(), new Uint8Array(65_508), 0, at(9)), EMSGSIZE],
  [
    'more than a length holds',
    ({ p, udp }) => p.sys.sendto(udp(), new Uint8Array(65_536), 0, at(9)),
    EMSGSIZE,
  ],
  [
    'send, UDP without a peer',
    ({ p, udp }) => p.sys.send(udp(), new Uint8Array(1)),
    ENOTCONN,
    ENOTCONN,
    EDESTADDRREQ,
  ],
  ['send, TCP without a peer', ({ p, tcp }) => p.sys.send(tcp(), new Uint8Array(1)), EPIPE],
  ['recv, TCP without a peer', ({ p, tcp }) => p.sys.recv(tcp(), new Uint8Array(1)), ENOTCONN],
  ['listen, UDP', ({ p, udp }) => p.sys.listen(udp(), 1), EOPNOTSUPP],
  ['accept, UDP', ({ p, udp }) => p.sys.accept(udp()), EOPNOTSUPP],
  ['accept, nobody listens', ({ p, tcp }) => p.sys.accept(tcp()), EINVAL],
  ['shutdown, TCP without a peer', ({ p, tcp }) => p.sys.shutdown(tcp(), 2), ENOTCONN],
  ['shutdown, no way', ({ p, tcp }) => p.sys.shutdown(tcp(), 3), EINVAL],
  ['getpeername without a peer', ({ p, tcp }) => p.sys.getpeername(tcp()), ENOTCONN],
  ['a file that is no socket', ({ p }) => p.sys.bind(p.libc.open('/etc', 0), at(1)), ENOTSOCK],
  ['a descriptor that is not open', ({ p }) => p.sys.send(99, new Uint8Array(1)), EBADF],
  [
    'getsockopt into memory that has gone elsewhere',
    ({ p, tcp }) => {
      const buf = new Uint8Array(4)
      structuredClone(buf.buffer, { transfer: [buf.buffer] })
      return Reflect.apply(p.sys.getsockopt, p.sys, [tcp(), 1, 3, buf])
    },
    0,
  ],
]

describe.each(PROFILES)('in %s', (profile) => {
  const column = PROFILES.indexOf(profile)

  it.each(ROWS.map((row) => [row[0], row] as const))('%s', (_what, [, act, ...errors]) => {
    const lab = boot(profile)
    const wanted = errors[errors.length === 1 ? 0 : column] ?? 0
    const result = Number(act(lab))
    expect(errnoName(result) ?? result).toBe(errnoName(wanted) ?? wanted)
    expect(checkInvariants(lab.k)).toEqual([])
  })

  it('a peer that is gone: ECONNRESET once, then the end; writes are EPIPE', () => {
    const { k, p, tcp } = boot(profile)
    const [l, c] = [tcp(), tcp()]
    p.libc.bind(l, at(5000))
    p.libc.listen(l, 1)
    p.libc.connect(c, at(5000))
    const s = p.libc.accept(l)
    p.libc.send(c, new Uint8Array(10))
    p.libc.close(s)
    expect(p.sys.recv(c, new Uint8Array(4))).toBe(ECONNRESET)
    expect(p.sys.recv(c, new Uint8Array(4))).toBe(0)
    expect(p.sys.send(c, new Uint8Array(4))).toBe(EPIPE)
    expect(checkInvariants(k)).toEqual([])
  })

  it('a full send buffer is EAGAIN, and all that was taken arrives', () => {
    const { k, p, tcp } = boot(profile)
    const [l, c] = [tcp(), tcp()]
    p.libc.bind(l, at(5000))
    p.libc.listen(l, 1)
    p.libc.connect(c, at(5000))
    const s = p.libc.accept(l)
    let sent = 0
    for (;;) {
      const n = p.sys.send(c, new Uint8Array(10_000), MSG_DONTWAIT)
      if (n === EAGAIN) break
      expect(n).toBeGreaterThan(0)
      sent += n
    }
    let received = 0
    p.libc.shutdown(c, 1)
    for (const buf = new Uint8Array(50_000); ; ) {
      const n = p.libc.recv(s, buf)
      if (n === 0) break
      received += n
    }
    expect(received).toBe(sent)
    expect(checkInvariants(k)).toEqual([])
  })

  it('a full receive buffer drops datagrams and counts them', () => {
    const { k, p, udp } = boot(profile)
    const [r, s] = [udp(), udp()]
    p.libc.bind(r, at(5000))
    for (let i = 0; i < 300; i++) expect(p.sys.sendto(s, new Uint8Array(1000), 0, at(5000))).toBe(1000)
    let received = 0
    while (p.sys.recv(r, new Uint8Array(1000), MSG_DONTWAIT) === 1000) received++
    const { inErrors } = netOf(k).inet.udpMib
    expect(received).toBeGreaterThan(20)
    expect(received + inErrors).toBe(300)
    expect(checkInvariants(k)).toEqual([])
  })
})

// 2.0's chooser has a range of its own, from 1024 to 32767.
it.each(['2.2.12', '2.6.14'] as const)(
  'in %s, ports that are all taken: EAGAIN, and EADDRNOTAVAIL from 2.6 for TCP',
  (profile) => {
    const { k, p, tcp, udp } = boot(profile)
    const { inet } = netOf(k)
    inet.portLow = 3000
    inet.portHigh = 3127
    for (let port = 3000; port <= 3127; port++) {
      p.libc.bind(udp(), at(port))
      p.libc.bind(tcp(), at(port))
    }
    const l = tcp()
    p.libc.bind(l, at(5000))
    p.libc.listen(l, 1)
    const inUse = k.net.socketsInUse
    const [u, t] = [udp(), tcp()]
    p.libc.fcntl(t, 4, NONBLOCK)
    expect(p.sys.sendto(u, new Uint8Array(1), 0, at(9))).toBe(EAGAIN)
    expect(p.sys.connect(u, at(9))).toBe(EAGAIN)
    expect(p.sys.connect(t, at(5000))).toBe(profile === '2.6.14' ? EADDRNOTAVAIL : EAGAIN)
    p.libc.close(u)
    p.libc.close(t)
    expect(k.net.socketsInUse).toBe(inUse)
    expect(checkInvariants(k)).toEqual([])
  },
)
