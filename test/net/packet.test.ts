/** AF_PACKET, and SOCK_PACKET of old. Linux: net/packet/af_packet.c (2.2.12, 2.6.14), net/ipv4/packet.c (2.0.35). */
import {
  checkInvariants,
  createKernel,
  EADDRNOTAVAIL,
  EAGAIN,
  EFAULT,
  EINVAL,
  EMSGSIZE,
  ENETDOWN,
  ENODEV,
  ENOPROTOOPT,
  ENOTCONN,
  ENXIO,
  EOPNOTSUPP,
  EPERM,
  EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
  type Profile,
} from 'paleokernel'
import { htons, net } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'

const AF_INET = 2
const AF_PACKET = 17
const SOCK_DGRAM = 2
const SOCK_RAW = 3
const SOCK_PACKET = 10
const SOL_PACKET = 263
const DONTWAIT = 0x40
const ETH_P_ALL = 3
const ETH_P_IP = 0x800
const ALL = htons(ETH_P_ALL)
const OUTGOING = 4
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1)
const PEER = Uint8Array.of(2, 0, 0, 0, 0, 2)
const at = (port: number, addr = '127.0.0.1') => ({ family: 2, addr, port }) as const
const ll = (ifindex: number, protocol = 0, addr?: Uint8Array) =>
  addr === undefined
    ? ({ family: AF_PACKET, ifindex, protocol } as const)
    : ({ family: AF_PACKET, ifindex, protocol, addr } as const)

function boot(profile: Profile) {
  const k = createKernel({ modules: [net()], profile })
  k.net.addEthernet('eth0', MAC)
  k.net.configure('eth0', { address: '10.0.0.1/24' })
  return k
}

function cat(p: ReturnType<ReturnType<typeof boot>['spawn']>, path: string): string {
  const fd = p.libc.open(path, 0)
  const buf = new Uint8Array(4096)
  const count = p.libc.read(fd, buf)
  p.libc.close(fd)
  return Buffer.from(buf.subarray(0, count)).toString()
}

/** A frame from PEER with a type and data. */
const frame = (type: number, data: readonly number[], to: Uint8Array = MAC): Uint8Array =>
  Uint8Array.from([...to, ...PEER, type >> 8, type & 255, ...data])

describe('socket', () => {
  const rows: readonly (readonly [string, number, number, number, boolean, number, number, number])[] = [
    // what, family, type, protocol, the superuser, 2.0.35, 2.2.12, 2.6.14
    ['AF_PACKET, SOCK_RAW', AF_PACKET, SOCK_RAW, ALL, true, EINVAL, 0, 0],
    ['AF_PACKET, SOCK_DGRAM, no protocol', AF_PACKET, SOCK_DGRAM, 0, true, EINVAL, 0, 0],
    ['AF_PACKET, somebody', AF_PACKET, SOCK_RAW, ALL, false, EINVAL, EPERM, EPERM],
    ['AF_PACKET, SOCK_STREAM', AF_PACKET, 1, ALL, true, EINVAL, ESOCKTNOSUPPORT, ESOCKTNOSUPPORT],
    ['SOCK_PACKET of AF_INET', AF_INET, SOCK_PACKET, ALL, true, 0, 0, 0],
    ['SOCK_PACKET without a protocol', AF_INET, SOCK_PACKET, 0, true, EPROTONOSUPPORT, 0, 0],
    ['SOCK_PACKET, somebody', AF_INET, SOCK_PACKET, ALL, false, EPERM, EPERM, EPERM],
  ]
  it.each(rows)('%s', (_what, family, type, protocol, isRoot, ...expected) => {
    for (const [i, profile] of (['2.0.35', '2.2.12', '2.6.14'] as const).entries()) {
      const k = boot(profile)
      const p = isRoot ? k.spawn() : k.spawn({ uid: 1000, gid: 1000 })
      expect([profile, Math.min(p.sys.socket(family, type, protocol), 0)]).toEqual([profile, expected[i]])
      expect(checkInvariants(k)).toEqual([])
    }
  })
})

describe.each(['2.2.12', '2.6.14'] as const)('AF_PACKET in %s', (profile) => {
  it('SOCK_RAW gets whole frames, SOCK_DGRAM what is behind the link header; both are told where from', () => {
    const k = boot(profile)
    const p = k.spawn()
    const raw = p.libc.socket(AF_PACKET, SOCK_RAW, ALL)
    const dgram = p.libc.socket(AF_PACKET, SOCK_DGRAM, ALL)
    const sent = frame(0x9000, [1, 2, 3])
    k.net.receiveFrame('eth0', sent)
    const buf = new Uint8Array(100)
    const from = {}
    expect(p.sys.recvfrom(raw, buf, DONTWAIT, from)).toBe(17)
    expect(buf.subarray(0, 17)).toEqual(sent)
    const name = { family: AF_PACKET, protocol: 0x9000, ifindex: 2, hatype: 1, pkttype: 0, addr: PEER }
    expect(from).toEqual(name)
    expect(p.sys.recvfrom(dgram, buf, DONTWAIT, from)).toBe(3)
    expect([...buf.subarray(0, 3)]).toEqual([1, 2, 3])
    expect(from).toEqual(name)
    k.net.receiveFrame('eth0', frame(0x9000, [], Uint8Array.of(255, 255, 255, 255, 255, 255)))
    k.net.receiveFrame('eth0', frame(0x9000, [], Uint8Array.of(1, 0, 0x5e, 0, 0, 1)))
    const kinds: number[] = []
    for (let i = 0; i < 2; i++) {
      p.sys.recvfrom(raw, buf, DONTWAIT, from)
      kinds.push(Number(Reflect.get(from, 'pkttype')))
    }
    expect(kinds).toEqual([1, 2])
    expect(checkInvariants(k)).toEqual([])
    expect(k.fork().digest()).toBe(k.digest())
  })

  it('of all types it also sees what goes out, of one type only what comes in', () => {
    const k = boot(profile)
    const p = k.spawn()
    const all = p.libc.socket(AF_PACKET, SOCK_DGRAM, ALL)
    const ip = p.libc.socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP))
    const udp = p.libc.socket(AF_INET, SOCK_DGRAM)
    p.libc.bind(udp, at(5000))
    p.libc.sendto(udp, Uint8Array.of(7), 0, at(5000))
    const from = {}
    const read = (fd: number) => [
      p.sys.recvfrom(fd, new Uint8Array(99), DONTWAIT, from),
      Reflect.get(from, 'pkttype'),
    ]
    expect(read(all)).toEqual([29, OUTGOING])
    expect(read(all)).toEqual([29, 0])
    expect(read(ip)).toEqual([29, 0])
    expect(p.sys.recv(ip, new Uint8Array(9), DONTWAIT)).toBe(EAGAIN)
  })

  it('is bound to a device and a type; one that is down is an error that waits', () => {
    const k = boot(profile)
    k.net.addEthernet('eth1', Uint8Array.of(2, 0, 0, 0, 0, 9))
    const p = k.spawn()
    const fd = p.libc.socket(AF_PACKET, SOCK_RAW, 0)
    k.net.receiveFrame('eth0', frame(0x9000, [1]))
    expect(p.sys.recv(fd, new Uint8Array(99), DONTWAIT)).toBe(EAGAIN)
    expect(p.sys.bind(fd, { family: AF_PACKET } as never)).toBe(EINVAL)
    expect(p.sys.bind(fd, at(1))).toBe(EINVAL)
    expect(p.sys.bind(fd, ll(77))).toBe(ENODEV)
    expect(p.sys.bind(fd, ll(2, 0x9000))).toBe(0)
    expect(p.sys.getsockname(fd)).toEqual({
      family: AF_PACKET,
      protocol: 0x9000,
      ifindex: 2,
      hatype: 1,
      pkttype: 0,
      addr: MAC,
    })
    expect(p.sys.getpeername(fd)).toBe(EOPNOTSUPP)
    k.net.receiveFrame('eth0', frame(0x9000, [1]))
    k.net.receiveFrame('eth0', frame(0x9001, [1]))
    expect(p.sys.recv(fd, new Uint8Array(99), DONTWAIT)).toBe(15)
    expect(p.sys.recv(fd, new Uint8Array(99), DONTWAIT)).toBe(EAGAIN)
    expect(p.sys.bind(fd, ll(3))).toBe(0)
    expect(p.sys.recv(fd, new Uint8Array(99), DONTWAIT)).toBe(ENETDOWN)
    k.net.configure('eth1', {})
    k.net.receiveFrame('eth1', frame(0x9000, [1], Uint8Array.of(2, 0, 0, 0, 0, 9)))
    expect(p.sys.recv(fd, new Uint8Array(99), DONTWAIT)).toBe(15)
    k.net.configure('eth1', { up: false })
    expect(p.sys.recv(fd, new Uint8Array(99), DONTWAIT)).toBe(ENETDOWN)
    expect(checkInvariants(k)).toEqual([])
  })

  it('sends frames as they are, and datagrams with a link header; not to itself', () => {
    const k = boot(profile)
    const p = k.spawn()
    const raw = p.libc.socket(AF_PACKET, SOCK_RAW, ALL)
    const bytes = frame(0x9000, [1, 2, 3], PEER)
    expect(p.sys.send(raw, bytes)).toBe(ENXIO)
    expect(p.sys.sendto(raw, bytes, 0, ll(77))).toBe(ENXIO)
    expect(p.sys.sendto(raw, bytes, 0, { family: AF_PACKET } as never)).toBe(EINVAL)
    expect(p.sys.sendto(raw, bytes, 0, ll(2))).toBe(17)
    expect(p.sys.sendto(raw, new Uint8Array(1515), 0, ll(2))).toBe(EMSGSIZE)
    const dgram = p.libc.socket(AF_PACKET, SOCK_DGRAM, 0)
    expect(p.sys.sendto(dgram, Uint8Array.of(9), 0, ll(2, 0x9000, PEER))).toBe(1)
    expect(p.sys.sendto(dgram, new Uint8Array(1501), 0, ll(2, 0x9000, PEER))).toBe(EMSGSIZE)
    p.libc.bind(dgram, ll(2, 0x9000))
    expect(p.sys.send(dgram, Uint8Array.of(9))).toBe(EINVAL)
    expect(k.net.takeFrames('eth0').map((one) => one.frame)).toEqual([
      bytes,
      Uint8Array.from([...PEER, ...MAC, 0x90, 0, 9]),
    ])
    // The other one's datagram, but not its own frame.
    expect(p.sys.recv(raw, new Uint8Array(99), DONTWAIT)).toBe(15)
    expect(p.sys.recv(raw, new Uint8Array(99), DONTWAIT)).toBe(EAGAIN)
    expect(p.sys.sendto(raw, bytes, 0x100, ll(2))).toBe(profile === '2.2.12' ? EINVAL : 17)
    k.net.configure('eth0', { up: false })
    expect(p.sys.sendto(raw, bytes, 0, ll(2))).toBe(ENETDOWN)
    expect(checkInvariants(k)).toEqual([])
  })

  it('a frame that is sent through the loopback device comes in as what it says', () => {
    const k = boot(profile)
    const p = k.spawn()
    const raw = p.libc.socket(AF_PACKET, SOCK_RAW, 0)
    const udp = p.libc.socket(AF_INET, SOCK_DGRAM)
    p.libc.bind(udp, at(5000))
    p.libc.sendto(udp, Uint8Array.of(7), 0, at(5000))
    const seen = k.net.capture('lo')
    p.libc.sendto(udp, Uint8Array.of(8), 0, at(5000))
    const [one] = seen.packets
    expect(p.sys.sendto(raw, one?.bytes ?? new Uint8Array(0), 0, ll(1))).toBe(43)
    const got: number[] = []
    const buf = new Uint8Array(9)
    while (p.sys.recv(udp, buf, DONTWAIT) > 0) got.push(buf[0] ?? -1)
    expect(got).toEqual([7, 8, 8])
    // Less than a link header is an error of the device's.
    expect(p.sys.sendto(raw, new Uint8Array(5), 0, ll(1))).toBe(5)
    expect(checkInvariants(k)).toEqual([])
  })

  it('PACKET_MR_PROMISC: frames for others come in, as long as somebody wants them', () => {
    const k = boot(profile)
    const p = k.spawn()
    const fd = p.libc.socket(AF_PACKET, SOCK_RAW, ALL)
    const other = p.libc.socket(AF_PACKET, SOCK_RAW, 0)
    const want = { ifindex: 2, type: 1, address: new Uint8Array(0) }
    const strange = frame(0x9000, [1], Uint8Array.of(2, 7, 7, 7, 7, 7))
    const hears = (): boolean => {
      k.net.receiveFrame('eth0', strange)
      const from = {}
      const count = p.sys.recvfrom(fd, new Uint8Array(99), DONTWAIT, from)
      if (count > 0) expect(Reflect.get(from, 'pkttype')).toBe(3)
      return count > 0
    }
    expect(hears()).toBe(false)
    expect(p.sys.setsockopt(fd, SOL_PACKET, 1, want)).toBe(0)
    expect(
      p.sys.setsockopt(other, SOL_PACKET, 1, Uint8Array.of(2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)),
    ).toBe(0)
    expect(hears()).toBe(true)
    expect(p.sys.setsockopt(fd, SOL_PACKET, 2, want)).toBe(0)
    expect(hears()).toBe(true)
    p.libc.close(other)
    expect(hears()).toBe(false)
    const rows: readonly (readonly [unknown, number])[] = [
      [want, EADDRNOTAVAIL],
      [{ ifindex: 2, type: 1 }, EADDRNOTAVAIL],
      [new Uint8Array(15), EINVAL],
      [7, EINVAL],
      [null, EFAULT],
      [{}, EFAULT],
    ]
    for (const [value, error] of rows) expect(p.sys.setsockopt(fd, SOL_PACKET, 2, value)).toBe(error)
    expect(p.sys.setsockopt(fd, SOL_PACKET, 1, { ...want, ifindex: 9 })).toBe(ENODEV)
    expect(p.sys.setsockopt(fd, SOL_PACKET, 1, { ...want, type: 0, address: new Uint8Array(7) })).toBe(EINVAL)
    // PACKET_RX_RING: as in a kernel without CONFIG_PACKET_MMAP.
    expect(p.sys.setsockopt(fd, SOL_PACKET, 5, new Uint8Array(16))).toBe(ENOPROTOOPT)
    expect(p.sys.setsockopt(fd, 0, 1, 0)).toBe(ENOPROTOOPT)
    expect(checkInvariants(k)).toEqual([])
  })

  it('drops what its queue has no room for, and since 2.4 tells how many', () => {
    const k = boot(profile)
    const p = k.spawn()
    const fd = p.libc.socket(AF_PACKET, SOCK_RAW, ALL)
    p.libc.setsockopt(fd, 1, 8, 1000)
    for (let i = 0; i < 20; i++) k.net.receiveFrame('eth0', frame(0x9000, new Array(200).fill(i)))
    const told = p.sys.getsockopt(fd, SOL_PACKET, 6)
    let got = 0
    while (p.sys.recv(fd, new Uint8Array(999), DONTWAIT) > 0) got++
    expect(got).toBeGreaterThan(0)
    if (profile === '2.2.12') expect(told).toBe(EOPNOTSUPP)
    else {
      expect(told).toEqual({ packets: 20, drops: 20 - got })
      expect(p.sys.getsockopt(fd, SOL_PACKET, 6)).toEqual({ packets: 0, drops: 0 })
    }
    expect(checkInvariants(k)).toEqual([])
  })

  it('a reader sleeps until a frame comes; calls that the family has not are EOPNOTSUPP', () => {
    const k = boot(profile)
    const p = k.spawn()
    const fd = p.libc.socket(AF_PACKET, SOCK_RAW, ALL)
    const reading = p.begin.recv(fd, new Uint8Array(99))
    expect(reading.blocked).toBe(true)
    expect(checkInvariants(k)).toEqual([])
    k.net.receiveFrame('eth0', frame(0x9000, [1]))
    k.advance(1)
    expect(reading.result).toBe(15)
    expect(p.sys.connect(fd, ll(2))).toBe(EOPNOTSUPP)
    expect(p.sys.listen(fd, 1)).toBe(EOPNOTSUPP)
    expect(p.sys.shutdown(fd, 2)).toBe(EOPNOTSUPP)
    expect(p.sys.recv(fd, new Uint8Array(9), 1 | DONTWAIT)).toBe(EINVAL)
  })

  it('/proc/net/packet', () => {
    const k = boot(profile)
    const p = k.spawn()
    const fd = p.libc.socket(AF_PACKET, SOCK_RAW, ALL)
    p.libc.bind(fd, ll(2))
    const text = cat(p, '/proc/net/packet')
    const users = profile === '2.2.12' ? '-1' : '3 '
    expect(text).toMatch(
      new RegExp(
        `^sk {7}RefCnt Type Proto  Iface R Rmem   User   Inode\n[0-9a-f]{8} ${users}     3    0003   2     1 0      0      \\d+ *\n$`,
      ),
    )
  })
})

describe.each(['2.0.35', '2.2.12'] as const)('SOCK_PACKET in %s', (profile) => {
  it('is bound to a device by name, gets whole frames and tells the device’s name', () => {
    const k = boot(profile)
    const p = k.spawn()
    const fd = p.libc.socket(AF_INET, SOCK_PACKET, ALL)
    expect(p.sys.bind(fd, { family: AF_INET, device: 'eth9' })).toBe(ENODEV)
    expect(p.sys.bind(fd, { family: AF_INET, device: 'eth0', protocol: 0 })).toBe(EINVAL)
    // A struct sockaddr as C has it.
    expect(p.sys.bind(fd, Uint8Array.from([2, 0, ...Buffer.from('eth0'), ...new Array(10).fill(0)]))).toBe(0)
    expect(p.sys.getsockname(fd)).toMatchObject({ device: 'eth0' })
    k.net.receiveFrame('eth0', frame(0x9000, [1, 2]))
    const from = {}
    expect(p.sys.recvfrom(fd, new Uint8Array(99), DONTWAIT, from)).toBe(16)
    expect(from).toEqual({ family: 1, device: 'eth0', protocol: 0x9000 })
    expect(checkInvariants(k)).toEqual([])
  })

  it('sends only with an address', () => {
    const k = boot(profile)
    const p = k.spawn()
    const fd = p.libc.socket(AF_INET, SOCK_PACKET, ALL)
    const bytes = frame(0x9000, [1], PEER)
    expect(p.sys.send(fd, bytes)).toBe(ENOTCONN)
    expect(p.sys.sendto(fd, bytes, 0, { family: AF_INET, device: 'eth9' })).toBe(ENODEV)
    expect(p.sys.sendto(fd, new Uint8Array(2000), 0, { family: AF_INET, device: 'eth0' })).toBe(EMSGSIZE)
    expect(p.sys.sendto(fd, bytes, 0, { family: AF_INET, device: 'eth0', protocol: 0x9000 })).toBe(15)
    expect(k.net.takeFrames('eth0').map((one) => one.frame)).toEqual([bytes])
    k.net.configure('eth0', { up: false })
    expect(p.sys.sendto(fd, bytes, 0, { family: AF_INET, device: 'eth0' })).toBe(ENETDOWN)
    const second = p.libc.socket(AF_INET, SOCK_PACKET, ALL)
    expect(p.sys.bind(second, { family: AF_INET, device: 'eth0' })).toBe(profile === '2.0.35' ? ENETDOWN : 0)
    expect(checkInvariants(k)).toEqual([])
  })
})

describe('1.1: a packet socket leaves inet_bind before any port test', () => {
  it.each(['2.0.35', '2.2.12'] as const)('in %s', (profile) => {
    const k = boot(profile)
    const p = k.spawn()
    const fd = p.libc.socket(AF_INET, SOCK_PACKET, ALL)
    p.libc.setuid(1000)
    // The bytes of the name are where a port below 1024 and an address would be: neither EACCES nor EADDRNOTAVAIL.
    expect(p.sys.bind(fd, { family: AF_INET, device: 'lo' })).toBe(0)
  })
})

it('IFF_PROMISC that a program sets counts beside what sockets want', () => {
  for (const profile of ['2.2.12', '2.6.14'] as const) {
    const k = boot(profile)
    const p = k.spawn()
    const fd = p.libc.socket(AF_PACKET, SOCK_RAW, 0)
    const ifr = (flags: number): Uint8Array => {
      const bytes = new Uint8Array(32)
      bytes.set(Buffer.from('eth0'))
      bytes.set([flags & 255, flags >> 8], 16)
      return bytes
    }
    const flags = (): number => {
      const asked = ifr(0)
      expect(p.sys.ioctl(fd, 0x8913, asked)).toBe(0)
      return (asked[16] ?? 0) | ((asked[17] ?? 0) << 8)
    }
    const before = flags()
    p.libc.setsockopt(fd, SOL_PACKET, 1, { ifindex: 2, type: 1 })
    // 2.6 does not show what sockets want.
    expect(flags() & 0x100).toBe(profile === '2.2.12' ? 0x100 : 0)
    expect(p.sys.ioctl(fd, 0x8914, ifr(before | 0x100))).toBe(0)
    p.libc.close(p.libc.dup(fd))
    p.libc.setsockopt(fd, SOL_PACKET, 2, { ifindex: 2, type: 1 })
    expect(flags() & 0x100).toBe(0x100)
    expect(p.sys.ioctl(fd, 0x8914, ifr(before))).toBe(0)
    expect(flags()).toBe(before)
  }
})
