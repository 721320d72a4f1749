/** Options of IP packets that come in. Linux: net/ipv4/ip_options.c (2.2.12, 2.6.14). */

import fc from 'fast-check'
import { checkInvariants, createKernel, type Profile } from 'paleokernel'
import { net } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'

const PROFILES = ['2.0.35', '2.2.12', '2.6.14'] as const
const DONTWAIT = 0x40
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1)
const PEER = [2, 0, 0, 0, 0, 9]
const [RR, TS, LSRR, SSRR, ALERT] = [7, 68, 131, 137, 148]

function boot(profile: Profile) {
  const k = createKernel({ modules: [net()], profile })
  k.net.addEthernet('eth0', MAC)
  k.net.addEthernet('eth1', Uint8Array.of(2, 0, 0, 0, 0, 2))
  k.net.configure('eth0', { address: '10.0.0.1/24' })
  k.net.configure('eth1', { address: '192.168.1.1/24' })
  const p = k.spawn()
  const fd = p.libc.socket(2, 2)
  p.libc.bind(fd, { family: 2, addr: '0.0.0.0', port: 5000 })
  const raw = p.libc.socket(2, 3, 17)
  // Who answers is known, so that answers need not wait.
  const arp = [0, 1, 8, 0, 6, 4, 0, 2, ...PEER, 10, 0, 0, 9, ...MAC, 10, 0, 0, 1]
  p.sys.sendto(fd, new Uint8Array(1), 0, { family: 2, addr: '10.0.0.9', port: 9 })
  k.net.receiveFrame('eth0', Uint8Array.from([...MAC, ...PEER, 8, 6, ...arp]))
  k.net.takeFrames('eth0')
  return { k, p, fd, raw }
}

/** A UDP datagram of `size` bytes with options, padded to words. */
function packet(options: readonly number[], to = [10, 0, 0, 1], size = 4): Uint8Array {
  const padded = [...options, ...new Array((4 - (options.length % 4)) % 4).fill(0)]
  const hlen = 20 + padded.length
  const total = hlen + 8 + size
  const ip = Uint8Array.from([
    0x40 | (hlen / 4),
    0,
    total >> 8,
    total & 255,
    0,
    7,
    0,
    0,
    9,
    17,
    0,
    0,
    10,
    0,
    0,
    9,
    ...to,
    ...padded,
  ])
  let sum = 0
  for (let i = 0; i < hlen; i += 2) sum += ((ip[i] ?? 0) << 8) | (ip[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  ip.set([(~sum >> 8) & 255, ~sum & 255], 10)
  const udp = [0, 9, 0x13, 0x88, (8 + size) >> 8, (8 + size) & 255, 0, 0, ...new Array(size).fill(7)]
  return Uint8Array.from([...MAC, ...PEER, 8, 0, ...ip, ...udp])
}

type Machine = ReturnType<typeof boot>

/** What arrives of a packet: its options; or null. */
function arrives({ k, p, fd, raw }: Machine, options: readonly number[]): number[] | null {
  k.net.receiveFrame('eth0', packet(options))
  const buf = new Uint8Array(200)
  const count = p.sys.recv(raw, buf, DONTWAIT)
  expect(p.sys.recv(fd, new Uint8Array(99), DONTWAIT) > 0).toBe(count > 0)
  return count < 0 ? null : [...buf.subarray(20, ((buf[0] ?? 0) & 15) * 4)]
}

/** The ICMP parameter problem that the sender is told: which byte; null for none. */
function complaint({ k }: Machine): number | null {
  const frames = k.net.takeFrames('eth0').map(({ frame }) => frame)
  const found = frames.find((frame) => frame[23] === 1 && frame[34] === 12)
  return found === undefined ? null : (found[38] ?? 0)
}

describe.each(PROFILES)('in %s', (profile) => {
  it('records this host’s address and the time', () => {
    const machine = boot(profile)
    expect(arrives(machine, [RR, 7, 4, 0, 0, 0, 0])).toEqual([RR, 7, 8, 10, 0, 0, 1, 0])
    // No room is left.
    expect(arrives(machine, [RR, 7, 8, 1, 2, 3, 4])).toEqual([RR, 7, 8, 1, 2, 3, 4, 0])
    const { sec, usec } = machine.p.libc.gettimeofday()
    const ms = (sec % 86_400) * 1000 + Math.floor(usec / 1000)
    const time = [ms >>> 24, (ms >>> 16) & 255, (ms >>> 8) & 255, ms & 255]
    expect(arrives(machine, [TS, 8, 5, 0, 0, 0, 0, 0])).toEqual([TS, 8, 9, 0, ...time])
    expect(arrives(machine, [TS, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0])).toEqual([
      TS,
      12,
      13,
      1,
      10,
      0,
      0,
      1,
      ...time,
    ])
    // A host that is named: this one, and another.
    expect(arrives(machine, [TS, 12, 5, 3, 10, 0, 0, 1, 0, 0, 0, 0])).toEqual([
      TS,
      12,
      13,
      3,
      10,
      0,
      0,
      1,
      ...time,
    ])
    expect(arrives(machine, [TS, 12, 5, 3, 10, 0, 0, 7, 0, 0, 0, 0])).toEqual([
      TS,
      12,
      5,
      3,
      10,
      0,
      0,
      7,
      0,
      0,
      0,
      0,
    ])
    // One more that had no room.
    expect(arrives(machine, [TS, 4, 5, 0x20])).toEqual([TS, 4, 5, 0x30])
    expect(complaint(machine)).toBeNull()
    expect(checkInvariants(machine.k)).toEqual([])
  })

  const wrong: readonly (readonly [string, readonly number[], number])[] = [
    ['no length', [RR, 0], 20],
    ['a length beyond the header', [1, RR, 40, 4], 21],
    ['record route: too short', [RR, 2], 21],
    ['record route: a pointer before the first address', [RR, 7, 3, 0, 0, 0, 0], 22],
    ['record route: half a place', [RR, 6, 4, 0, 0, 0], 22],
    ['record route: twice', [RR, 3, 4, RR, 3, 4], 23],
    ['timestamp: too short', [TS, 3, 5], 21],
    ['timestamp: a pointer before the first', [TS, 8, 4, 0, 0, 0, 0, 0], 22],
    ['timestamp: half a place', [TS, 8, 5, 1, 0, 0, 0, 0], 22],
    ['timestamp: too many without room', [TS, 4, 5, 0xf0], 23],
    ['source route: too short', [LSRR, 2], 21],
    ['source route: a pointer before the first address', [SSRR, 7, 3, 0, 0, 0, 0], 22],
    ['router alert: too short', [ALERT, 3, 0], 21],
  ]
  it.each(wrong)('parameter problem: %s', (_what, options, place) => {
    const machine = boot(profile)
    expect(arrives(machine, options)).toBeNull()
    expect(complaint(machine)).toBe(place)
    expect(checkInvariants(machine.k)).toEqual([])
  })

  it('source routes are dropped in silence; what is not known is passed over', () => {
    const machine = boot(profile)
    for (const type of [LSRR, SSRR]) expect(arrives(machine, [type, 7, 4, 10, 0, 0, 7])).toBeNull()
    expect(complaint(machine)).toBeNull()
    expect(arrives(machine, [1, 1, 0xde, 4, 9, 9, ALERT, 4, 0, 0])).toEqual([
      1,
      1,
      0xde,
      4,
      9,
      9,
      ALERT,
      4,
      0,
      0,
      0,
      0,
    ])
  })

  it('a forwarded packet gets the address of the way out; later pieces only what is copied', () => {
    const machine = boot(profile)
    const { k, p } = machine
    p.libc.write(p.libc.open('/proc/sys/net/ipv4/ip_forward', 1), Uint8Array.of(0x31))
    k.net.configure('eth1', { mtu: 576 })
    const seen = k.net.capture('eth1')
    k.net.receiveFrame('eth0', packet([RR, 7, 4, 0, 0, 0, 0, 1, 0x99, 4, 5, 6], [192, 168, 1, 9], 1000))
    const arp = [0, 1, 8, 0, 6, 4, 0, 2, ...PEER, 192, 168, 1, 9, 2, 0, 0, 0, 0, 2, 192, 168, 1, 1]
    k.net.receiveFrame('eth1', Uint8Array.from([2, 0, 0, 0, 0, 2, ...PEER, 8, 6, ...arp]))
    const pieces = seen.packets.filter(({ bytes }) => bytes[13] === 0)
    expect(pieces.map(({ bytes }) => [...bytes.subarray(34, 46)])).toEqual([
      [RR, 7, 8, 192, 168, 1, 1, 1, 0x99, 4, 5, 6],
      [1, 1, 1, 1, 1, 1, 1, 1, 0x99, 4, 5, 6],
    ])
    expect(checkInvariants(k)).toEqual([])
  })

  it('property: any bytes as options neither throw nor leak', () => {
    const machine = boot(profile)
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom(0, 1, 3, 4, 5, 7, 8, 68, 131, 137, 148), fc.nat(255)), {
          maxLength: 40,
        }),
        (bytes) => {
          machine.k.net.receiveFrame('eth0', packet(bytes))
          const buf = new Uint8Array(200)
          while (machine.p.sys.recv(machine.raw, buf, DONTWAIT) > 0);
          while (machine.p.sys.recv(machine.fd, buf, DONTWAIT) > 0);
          machine.k.net.takeFrames('eth0')
        },
      ),
      { numRuns: 300 },
    )
    expect(checkInvariants(machine.k)).toEqual([])
  })
})
