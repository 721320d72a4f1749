/** Raw sockets of AF_INET. Linux: net/ipv4/raw.c (2.0.35, 2.2.12, 2.6.14). */
import {
  checkInvariants,
  createKernel,
  defineModule,
  EACCES,
  EADDRNOTAVAIL,
  EAGAIN,
  EDESTADDRREQ,
  EFAULT,
  EINVAL,
  EMSGSIZE,
  ENOPROTOOPT,
  EOPNOTSUPP,
  EPERM,
  EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
  type Profile,
} from 'paleokernel'
import { NF_ACCEPT, NF_DROP, NF_IP_LOCAL_OUT, net } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'

const PROFILES = ['2.0.35', '2.2.12', '2.6.14'] as const
const AF_INET = 2
const SOCK_DGRAM = 2
const SOCK_RAW = 3
const ICMP = 1
const UDP = 17
const RAW = 255
const DONTWAIT = 0x40
const at = (port: number, addr = '127.0.0.1') => ({ family: 2, addr, port }) as const
const boot = (profile: Profile) => createKernel({ modules: [net()], profile })

/** The Internet checksum, written here a second time. */
function checksum(bytes: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

function echo(type: number, id: number, text = 'payload!'): Uint8Array {
  const bytes = new Uint8Array(8 + text.length)
  bytes.set([type, 0, 0, 0, id >> 8, id & 255, 0, 1])
  bytes.set(Buffer.from(text), 8)
  const sum = checksum(bytes)
  bytes.set([sum >> 8, sum & 255], 2)
  return bytes
}

/** An IP header and data; what the kernel fills in is 0. */
function packet(
  protocol: number,
  data: Uint8Array,
  daddr = [127, 0, 0, 1],
  saddr = [0, 0, 0, 0],
): Uint8Array {
  const bytes = new Uint8Array(20 + data.length)
  bytes.set([0x45, 0, 0, 0, 0, 0, 0, 0, 9, protocol, 0, 0, ...saddr, ...daddr])
  bytes.set(data, 20)
  return bytes
}

describe('socket(AF_INET, SOCK_RAW)', () => {
  const rows: readonly (readonly [string, boolean, number, number, number, number])[] = [
    // what, the superuser, protocol, 2.0.35, 2.2.12, 2.6.14
    ['a protocol, the superuser', true, ICMP, 0, 0, 0],
    ['a protocol, somebody', false, ICMP, EPERM, EPERM, EPERM],
    ['no protocol, the superuser', true, 0, EPROTONOSUPPORT, EPROTONOSUPPORT, EPROTONOSUPPORT],
    ['no protocol, somebody: 2.6 looks for the protocol first', false, 0, EPERM, EPERM, EPROTONOSUPPORT],
    ['IPPROTO_RAW, somebody', false, RAW, EPERM, EPERM, EPERM],
    ['more than eight bits', true, 300, 0, 0, 0],
  ]
  it.each(rows)('%s', (_what, isRoot, protocol, ...expected) => {
    for (const [i, profile] of PROFILES.entries()) {
      const k = boot(profile)
      const p = isRoot ? k.spawn() : k.spawn({ uid: 1000, gid: 1000 })
      const fd = p.sys.socket(AF_INET, SOCK_RAW, protocol)
      expect([profile, Math.min(fd, 0)]).toEqual([profile, expected[i]])
      if (fd === EPERM) expect(k.why(p)?.sentence).toMatch(/CAP_NET_RAW|superuser/)
      expect(checkInvariants(k)).toEqual([])
    }
  })

  it('other types have no such protocols', () => {
    const p = boot('2.2.12').spawn()
    expect(p.sys.socket(AF_INET, SOCK_DGRAM, ICMP)).toBe(EPROTONOSUPPORT)
    expect(p.sys.socket(AF_INET, 5, 0)).toBe(ESOCKTNOSUPPORT)
  })

  it('IP_HDRINCL is on from the beginning for IPPROTO_RAW, and only raw sockets have it', () => {
    const p = boot('2.2.12').spawn()
    expect(p.sys.getsockopt(p.libc.socket(AF_INET, SOCK_RAW, RAW), 0, 3)).toBe(1)
    expect(p.sys.getsockopt(p.libc.socket(AF_INET, SOCK_RAW, ICMP), 0, 3)).toBe(0)
    expect(p.sys.setsockopt(p.libc.socket(AF_INET, SOCK_DGRAM), 0, 3, 1)).toBe(ENOPROTOOPT)
  })
})

describe.each(PROFILES)('raw sockets in %s', (profile) => {
  it('receive the packets of their protocol, from the IP header on, and the kernel answers all the same', () => {
    const k = boot(profile)
    const p = k.spawn()
    const fd = p.libc.socket(AF_INET, SOCK_RAW, ICMP)
    const request = echo(8, 77)
    expect(p.sys.sendto(fd, request, 0, at(0))).toBe(request.length)
    const buf = new Uint8Array(100)
    const from = {}
    const seen: number[] = []
    for (let i = 0; i < 2; i++) {
      expect(p.sys.recvfrom(fd, buf, DONTWAIT, from)).toBe(20 + request.length)
      expect(from).toEqual({ family: 2, addr: '127.0.0.1', port: 0 })
      expect([buf[0], checksum(buf.subarray(0, 20)), buf[9]]).toEqual([0x45, 0, ICMP])
      expect(checksum(buf.subarray(20, 20 + request.length))).toBe(0)
      seen.push(buf[20] ?? -1)
    }
    expect(seen).toEqual([8, 0])
    expect(p.sys.recv(fd, buf, DONTWAIT)).toBe(EAGAIN)
    expect(checkInvariants(k)).toEqual([])
    expect(k.fork().digest()).toBe(k.digest())
  })

  it('each gets a copy, as its addresses allow; a closed one none', () => {
    const k = boot(profile)
    const p = k.spawn()
    const all = p.libc.socket(AF_INET, SOCK_RAW, UDP)
    const bound = p.libc.socket(AF_INET, SOCK_RAW, UDP)
    const elsewhere = p.libc.socket(AF_INET, SOCK_RAW, UDP)
    const other = p.libc.socket(AF_INET, SOCK_RAW, ICMP)
    k.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, 1))
    k.net.configure('eth0', { address: '10.0.0.1/24' })
    expect(p.sys.bind(bound, at(0))).toBe(0)
    expect(p.sys.bind(elsewhere, at(0, '10.0.0.1'))).toBe(0)
    const closed = p.libc.socket(AF_INET, SOCK_RAW, UDP)
    p.libc.close(closed)
    const udp = p.libc.socket(AF_INET, SOCK_DGRAM)
    p.libc.bind(udp, at(5000))
    expect(p.sys.sendto(udp, new Uint8Array(3), 0, at(5000))).toBe(3)
    const buf = new Uint8Array(40)
    expect([all, bound, elsewhere, other, udp].map((fd) => p.sys.recv(fd, buf, DONTWAIT))).toEqual([
      31,
      31,
      EAGAIN,
      EAGAIN,
      3,
    ])
    expect(checkInvariants(k)).toEqual([])
  })

  it('a packet of a protocol that only a raw socket takes is not answered; without one it is', () => {
    const k = boot(profile)
    const p = k.spawn()
    const icmp = p.libc.socket(AF_INET, SOCK_RAW, ICMP)
    const sender = p.libc.socket(AF_INET, SOCK_RAW, RAW)
    const taker = p.libc.socket(AF_INET, SOCK_RAW, 200)
    const buf = new Uint8Array(200)
    expect(p.sys.sendto(sender, packet(200, Buffer.from('hello')), 0, at(0))).toBe(25)
    expect(p.sys.recv(taker, buf, DONTWAIT)).toBe(25)
    expect(p.sys.recv(icmp, buf, DONTWAIT)).toBe(EAGAIN)
    p.libc.close(taker)
    expect(p.sys.sendto(sender, packet(200, Buffer.from('hello')), 0, at(0))).toBe(25)
    expect(p.sys.recv(icmp, buf, DONTWAIT)).toBe(20 + 8 + 25)
    // Destination unreachable: protocol.
    expect([buf[20], buf[21]]).toEqual([3, 2])
  })

  it('IP_HDRINCL: length and checksum always, source and id where they are 0', () => {
    const k = boot(profile)
    const p = k.spawn()
    const fd = p.libc.socket(AF_INET, SOCK_RAW, RAW)
    const taker = p.libc.socket(AF_INET, SOCK_RAW, 200)
    const buf = new Uint8Array(100)
    const bytes = packet(200, new Uint8Array(4))
    bytes.set([9, 9], 2)
    bytes.set([9, 9], 10)
    p.libc.sendto(fd, bytes, 0, at(0))
    expect(p.sys.recv(taker, buf, DONTWAIT)).toBe(24)
    expect([...buf.subarray(2, 4), ...buf.subarray(8, 10), ...buf.subarray(12, 20)]).toEqual([
      0, 24, 9, 200, 127, 0, 0, 1, 127, 0, 0, 1,
    ])
    expect(checksum(buf.subarray(0, 20))).toBe(0)
    const forged = packet(200, new Uint8Array(4), [127, 0, 0, 1], [10, 1, 2, 3])
    forged.set([0x12, 0x34], 4)
    p.libc.sendto(fd, forged, 0, at(0))
    expect(p.sys.recv(taker, buf, DONTWAIT)).toBe(24)
    expect([...buf.subarray(4, 6), ...buf.subarray(12, 16)]).toEqual([0x12, 0x34, 10, 1, 2, 3])
    expect(p.sys.sendto(fd, new Uint8Array(19), 0, at(0))).toBe(EINVAL)
    expect(p.sys.sendto(fd, new Uint8Array(17000), 0, at(0))).toBe(EMSGSIZE)
    // A header that claims to be longer than the packet goes out as it is, and is dropped where it arrives.
    const odd = packet(200, new Uint8Array(0))
    odd[0] = 0x4f
    expect(p.sys.sendto(fd, odd, 0, at(0))).toBe(20)
    expect(p.sys.recv(taker, buf, DONTWAIT)).toBe(EAGAIN)
    expect(checkInvariants(k)).toEqual([])
  })

  it('a socket that is connected sends and receives there only, and hears of errors', () => {
    const k = boot(profile)
    const p = k.spawn()
    const fd = p.libc.socket(AF_INET, SOCK_RAW, 200)
    const buf = new Uint8Array(100)
    expect(p.sys.send(fd, new Uint8Array(4))).toBe(profile === '2.6.14' ? EDESTADDRREQ : EINVAL)
    expect(p.sys.connect(fd, at(0))).toBe(0)
    expect(p.sys.send(fd, new Uint8Array(4))).toBe(4)
    expect(p.sys.recv(fd, buf, DONTWAIT)).toBe(24)
    expect(p.sys.getsockname(fd)).toEqual({ family: 2, addr: '127.0.0.1', port: 200 })
    const sender = p.libc.socket(AF_INET, SOCK_RAW, RAW)
    p.libc.sendto(sender, packet(200, new Uint8Array(1), [127, 0, 0, 1], [10, 1, 1, 1]), 0, at(0))
    expect(p.sys.recv(fd, buf, DONTWAIT)).toBe(EAGAIN)
    expect(checkInvariants(k)).toEqual([])
  })

  it('shortens, peeks, and says nothing about urgent data', () => {
    const p = boot(profile).spawn()
    const fd = p.libc.socket(AF_INET, SOCK_RAW, 200)
    p.libc.sendto(fd, new Uint8Array(50), 0, at(0))
    const header = { iov: [new Uint8Array(10)], flags: 0 }
    expect(p.sys.recvmsg(fd, header, 2 | DONTWAIT)).toBe(10)
    expect(header.flags & 0x20).toBe(profile === '2.0.35' ? 0 : 0x20)
    expect(p.sys.recv(fd, new Uint8Array(10), 0x20 | DONTWAIT)).toBe(profile === '2.6.14' ? 70 : 10)
    expect(p.sys.recv(fd, new Uint8Array(10), 1)).toBe(EOPNOTSUPP)
    expect(p.sys.sendto(fd, new Uint8Array(1), 1, at(0))).toBe(EOPNOTSUPP)
    expect(p.sys.sendto(fd, new Uint8Array(1), 0x100, at(0))).toBe(profile === '2.6.14' ? 1 : EINVAL)
    expect(p.sys.sendto(fd, new Uint8Array(65536), 0, at(0))).toBe(EMSGSIZE)
    expect(p.sys.sendto(fd, new Uint8Array(1), 0, { family: 1, path: 'x' })).toBe(EINVAL)
  })

  it('a queue that is full takes no more, and counts what it drops', () => {
    const k = boot(profile)
    const p = k.spawn()
    const fd = p.libc.socket(AF_INET, SOCK_RAW, 200)
    p.libc.setsockopt(fd, 1, 8, 2000)
    for (let i = 0; i < 50; i++) p.libc.sendto(fd, new Uint8Array(500), 0, at(0))
    let got = 0
    while (p.sys.recv(fd, new Uint8Array(1000), DONTWAIT) > 0) got++
    expect(got).toBeGreaterThan(0)
    expect(got).toBeLessThan(20)
    expect(checkInvariants(k)).toEqual([])
  })

  it('a reader sleeps until a packet comes', () => {
    const k = boot(profile)
    const p = k.spawn()
    const reading = p.begin.recv(p.libc.socket(AF_INET, SOCK_RAW, 200), new Uint8Array(100))
    expect(reading.blocked).toBe(true)
    expect(checkInvariants(k)).toEqual([])
    const q = k.spawn()
    q.libc.sendto(q.libc.socket(AF_INET, SOCK_RAW, 200), new Uint8Array(5), 0, at(0))
    expect(reading.result).toBe(25)
    expect(checkInvariants(k)).toEqual([])
  })

  it('sends to all only with SO_BROADCAST', () => {
    const k = boot(profile)
    k.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, 1))
    k.net.configure('eth0', { address: '10.0.0.1/24' })
    const p = k.spawn()
    const fd = p.libc.socket(AF_INET, SOCK_RAW, 200)
    expect(p.sys.sendto(fd, new Uint8Array(1), 0, at(0, '10.0.0.255'))).toBe(EACCES)
    p.libc.setsockopt(fd, 1, 6, 1)
    expect(p.sys.sendto(fd, new Uint8Array(1), 0, at(0, '10.0.0.255'))).toBe(1)
    expect(k.net.takeFrames('eth0')).toHaveLength(1)
  })
})

describe('1.1: a raw socket leaves inet_bind before any port test', () => {
  it.each(PROFILES)('in %s', (profile) => {
    const k = boot(profile)
    const root = k.spawn()
    const fd = root.libc.socket(AF_INET, SOCK_RAW, UDP)
    // Without privileges from here on: a reserved port would be EACCES.
    const alice = root
    expect(alice.sys.setuid(1000)).toBe(0)
    expect(alice.sys.bind(fd, at(80))).toBe(0)
    // The port is that of the protocol, and a second address may be taken.
    expect(alice.sys.getsockname(fd)).toEqual({ family: 2, addr: '127.0.0.1', port: UDP })
    expect(alice.sys.bind(fd, at(80))).toBe(0)
    expect(alice.sys.bind(fd, at(80, '10.9.9.9'))).toBe(EADDRNOTAVAIL)
    expect(alice.sys.bind(fd, { family: 2, addr: '127.0.0.1' } as never)).toBe(EINVAL)
    alice.libc.connect(fd, at(0))
    expect(alice.sys.bind(fd, at(80))).toBe(EINVAL)
  })
})

describe('ICMP_FILTER', () => {
  it('keeps types away; of ICMP only; not in 2.0', () => {
    for (const profile of ['2.2.12', '2.6.14'] as const) {
      const p = boot(profile).spawn()
      const fd = p.libc.socket(AF_INET, SOCK_RAW, ICMP)
      expect(p.sys.setsockopt(fd, 255, 1, ~1)).toBe(0)
      expect(p.sys.getsockopt(fd, 255, 1)).toBe(0xfffffffe)
      p.libc.sendto(fd, echo(8, 1), 0, at(0))
      const buf = new Uint8Array(100)
      expect(p.sys.recv(fd, buf, DONTWAIT)).toBe(36)
      expect(buf[20]).toBe(0)
      expect(p.sys.recv(fd, buf, DONTWAIT)).toBe(EAGAIN)
      expect(p.sys.setsockopt(fd, 255, 1, Uint8Array.of(0))).toBe(0)
      expect(p.sys.getsockopt(fd, 255, 1)).toBe(0xffffff00)
      expect(p.sys.setsockopt(fd, 255, 1, null)).toBe(EFAULT)
      expect(p.sys.setsockopt(fd, 255, 2, 0)).toBe(ENOPROTOOPT)
      const other = p.libc.socket(AF_INET, SOCK_RAW, UDP)
      expect(p.sys.setsockopt(other, 255, 1, 0)).toBe(EOPNOTSUPP)
      expect(p.sys.getsockopt(other, 255, 1)).toBe(EOPNOTSUPP)
    }
    const p = boot('2.0.35').spawn()
    expect(p.sys.setsockopt(p.libc.socket(AF_INET, SOCK_RAW, ICMP), 255, 1, 0)).toBe(ENOPROTOOPT)
  })
})

describe('what only one profile does', () => {
  it('2.0 sends of the protocol that the port of the address says', () => {
    for (const profile of PROFILES) {
      const p = boot(profile).spawn()
      const fd = p.libc.socket(AF_INET, SOCK_RAW, 200)
      const other = p.libc.socket(AF_INET, SOCK_RAW, 201)
      p.libc.sendto(fd, new Uint8Array(1), 0, at(201))
      expect(p.sys.recv(other, new Uint8Array(99), DONTWAIT)).toBe(profile === '2.0.35' ? 21 : EAGAIN)
    }
  })

  it('2.6 takes a socket that lets go of its peer out of the table', () => {
    for (const profile of PROFILES) {
      const k = boot(profile)
      const p = k.spawn()
      const fd = p.libc.socket(AF_INET, SOCK_RAW, 200)
      p.libc.connect(fd, at(0))
      expect(p.sys.connect(fd, { family: 0 })).toBe(0)
      p.libc.sendto(fd, new Uint8Array(1), 0, at(0))
      expect(p.sys.recv(fd, new Uint8Array(99), DONTWAIT)).toBe(profile === '2.6.14' ? EAGAIN : 21)
      p.libc.close(fd)
      expect(checkInvariants(k)).toEqual([])
    }
  })
})

it('a packet that the firewall refuses is EPERM to its sender, with a reason', () => {
  const wall = defineModule({
    name: 'wall',
    requires: ['net'],
    init: () => ({}),
    attach: () => ({
      api: {},
      net: {
        netfilter: [
          {
            point: NF_IP_LOCAL_OUT,
            priority: 0,
            hook: (_net, skb) => (skb.data[skb.nh + 9] === 200 ? NF_DROP : NF_ACCEPT),
          },
        ],
      },
    }),
  })
  const k = createKernel({ modules: [net(), wall] })
  const p = k.spawn()
  const fd = p.libc.socket(AF_INET, SOCK_RAW, 200)
  expect(p.sys.sendto(fd, new Uint8Array(1), 0, at(0))).toBe(EPERM)
  expect(k.why(p)?.sentence).toContain('firewall')
  expect(checkInvariants(k)).toEqual([])
})
