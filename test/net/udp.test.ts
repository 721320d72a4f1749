/** UDP over loopback and Ethernet, and the order of bind's tests. Linux: net/ipv4/udp.c, af_inet.c. */
import {
  checkInvariants,
  createKernel,
  EACCES,
  EADDRINUSE,
  EADDRNOTAVAIL,
  EAGAIN,
  ECONNREFUSED,
  EINVAL,
  type Profile,
} from 'paleokernel'
import { net } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'

const AF_INET = 2
const SOCK_DGRAM = 2
const MSG_DONTWAIT = 0x40
const at = (port: number, addr = '127.0.0.1') => ({ family: 2, addr, port }) as const
const boot = (profile: Profile) => createKernel({ modules: [net()], profile })

describe.each(['2.0.35', '2.2.12', '2.6.14'] as const)('UDP in %s', (profile) => {
  it('carries datagrams over loopback, whole and with the sender’s address', () => {
    const k = boot(profile)
    const p = k.spawn()
    const a = p.libc.socket(AF_INET, SOCK_DGRAM)
    const b = p.libc.socket(AF_INET, SOCK_DGRAM)
    expect(p.sys.bind(b, at(5000))).toBe(0)
    const buf = new Uint8Array(70000)
    for (const size of [0, 1, 512, 5000, 65507]) {
      const data = new Uint8Array(size).map((_, i) => i * 7)
      p.sys.setsockopt(a, 1, 7, 200_000)
      p.sys.setsockopt(b, 1, 8, 200_000)
      const sent = p.sys.sendto(a, data, 0, at(5000))
      // 2.0 and 2.2 cannot be told to hold as much.
      if (profile !== '2.6.14' && size > 60000) continue
      expect(sent).toBe(size)
      const from = {}
      const n = p.sys.recvfrom(b, buf, MSG_DONTWAIT, from)
      expect(n).toBe(size)
      expect(Buffer.compare(buf.subarray(0, size), data)).toBe(0)
      expect(from).toMatchObject({ family: 2, addr: '127.0.0.1' })
      expect(checkInvariants(k)).toEqual([])
    }
    const f = k.fork()
    expect(f.digest()).toBe(k.digest())
  })

  it('tells a connected socket that nobody listens', () => {
    const k = boot(profile)
    const p = k.spawn()
    const a = p.libc.socket(AF_INET, SOCK_DGRAM)
    expect(p.sys.connect(a, at(9))).toBe(0)
    expect(p.sys.send(a, new Uint8Array(3))).toBe(3)
    expect(p.sys.recv(a, new Uint8Array(3), MSG_DONTWAIT)).toBe(ECONNREFUSED)
    expect(p.sys.recv(a, new Uint8Array(3), MSG_DONTWAIT)).toBe(EAGAIN)
  })
})

describe('1.1: the order of bind’s tests', () => {
  const rows: readonly (readonly [string, string, number, number, number, number])[] = [
    // what, address, port, 2.0.35, 2.2.12, 2.6.14
    ['a reserved port of a foreign address', '10.9.9.9', 80, EACCES, EADDRNOTAVAIL, EADDRNOTAVAIL],
    ['a reserved port', '127.0.0.1', 80, EACCES, EACCES, EACCES],
    ['a foreign address', '10.9.9.9', 8080, EADDRNOTAVAIL, EADDRNOTAVAIL, EADDRNOTAVAIL],
    ['a port that is taken', '127.0.0.1', 7777, EADDRINUSE, EADDRINUSE, EADDRINUSE],
    ['port 1024', '0.0.0.0', 1024, 0, 0, 0],
    ['any port', '0.0.0.0', 0, 0, 0, 0],
  ]
  it.each(rows)('%s', (_what, addr, port, v20, v22, v26) => {
    for (const [profile, expected] of [
      ['2.0.35', v20],
      ['2.2.12', v22],
      ['2.6.14', v26],
    ] as const) {
      const k = boot(profile)
      const root = k.spawn()
      root.libc.bind(root.libc.socket(AF_INET, SOCK_DGRAM), at(7777))
      const alice = k.spawn({ uid: 1000, gid: 1000 })
      expect([profile, alice.sys.bind(alice.libc.socket(AF_INET, SOCK_DGRAM), at(port, addr))]).toEqual([
        profile,
        expected,
      ])
    }
  })

  it('a short address and a second bind are EINVAL', () => {
    for (const profile of ['2.0.35', '2.2.12', '2.6.14'] as const) {
      const p = boot(profile).spawn()
      const fd = p.libc.socket(AF_INET, SOCK_DGRAM)
      expect(p.sys.bind(fd, Uint8Array.of(2, 0, 0))).toBe(EINVAL)
      expect(p.sys.bind(fd, at(5555))).toBe(0)
      expect(p.sys.bind(fd, at(5556))).toBe(EINVAL)
    }
  })
})

describe('Ethernet', () => {
  it('asks for a neighbour’s address, and carries a datagram between two machines', () => {
    const make = (n: number) => {
      const k = boot('2.2.12')
      k.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, n))
      k.net.configure('eth0', { address: `10.0.0.${n}/24` })
      return k
    }
    const [a, b] = [make(1), make(2)]
    const pump = () => {
      for (let i = 0; i < 10; i++) {
        for (const { frame } of a.net.takeFrames('eth0')) b.net.receiveFrame('eth0', frame)
        for (const { frame } of b.net.takeFrames('eth0')) a.net.receiveFrame('eth0', frame)
      }
    }
    const pa = a.spawn()
    const pb = b.spawn()
    const sa = pa.libc.socket(AF_INET, SOCK_DGRAM)
    const sb = pb.libc.socket(AF_INET, SOCK_DGRAM)
    pb.libc.bind(sb, at(53, '0.0.0.0'))
    expect(pa.sys.sendto(sa, new Uint8Array(3000).fill(7), 0, at(53, '10.0.0.2'))).toBe(3000)
    pump()
    const buf = new Uint8Array(4000)
    const from = {}
    expect(pb.sys.recvfrom(sb, buf, MSG_DONTWAIT, from)).toBe(3000)
    expect(from).toMatchObject({ addr: '10.0.0.1' })
    expect(checkInvariants(a)).toEqual([])
    expect(checkInvariants(b)).toEqual([])
  })
})
