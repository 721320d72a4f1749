/** Groups: who joins, who hears, what comes back. Linux: net/ipv4/igmp.c (2.2.12, 2.6.14). */
import {
  checkInvariants,
  createKernel,
  EADDRINUSE,
  EADDRNOTAVAIL,
  EAGAIN,
  EFAULT,
  EINVAL,
  ENOBUFS,
  ENODEV,
  ENOPROTOOPT,
  type Profile,
} from 'paleokernel'
import { net } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'

const PROFILES = ['2.0.35', '2.2.12', '2.6.14'] as const
const DONTWAIT = 0x40
const GROUP = '224.1.2.3'
const [MC_IF, MC_TTL, MC_LOOP, JOIN, LEAVE] = [32, 33, 34, 35, 36]
const at = (port: number, addr: string) => ({ family: 2, addr, port }) as const

function machine(profile: Profile, n: number) {
  const k = createKernel({ modules: [net()], profile })
  k.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, n))
  k.net.configure('eth0', { address: `10.0.0.${n}/24` })
  const p = k.spawn()
  const fd = p.libc.socket(2, 2)
  p.libc.bind(fd, at(5000, '0.0.0.0'))
  return { k, p, fd }
}

type Machine = ReturnType<typeof machine>
const hears = ({ p, fd }: Machine): boolean => p.sys.recv(fd, new Uint8Array(9), DONTWAIT) > 0

/** Sends to the group through eth0. */
function send({ p, fd }: Machine, n: number, group = GROUP): void {
  expect(p.sys.setsockopt(fd, 0, MC_IF, `10.0.0.${n}`)).toBe(0)
  expect(p.sys.sendto(fd, new Uint8Array(3), 0, at(5000, group))).toBe(3)
}

const mreq = (ifindex = 0, address = '10.0.0.1', multiaddr = GROUP) => ({ multiaddr, address, ifindex })

describe.each(PROFILES)('in %s', (profile) => {
  it('a packet to a group comes in only where somebody has joined it, and goes to all who have the port', () => {
    const [a, b] = [machine(profile, 1), machine(profile, 2)]
    const pass = (): void => {
      for (const { frame } of a.k.net.takeFrames('eth0')) b.k.net.receiveFrame('eth0', frame)
    }
    send(a, 1)
    pass()
    expect(hears(b)).toBe(false)
    const other = b.p.libc.socket(2, 2)
    expect(b.p.sys.setsockopt(other, 0, JOIN, mreq(0, '10.0.0.2'))).toBe(0)
    send(a, 1)
    const [frame] = a.k.net.takeFrames('eth0')
    // The hardware address of the group.
    expect([...(frame?.frame.subarray(0, 6) ?? [])]).toEqual([1, 0, 0x5e, 1, 2, 3])
    b.k.net.receiveFrame('eth0', frame?.frame ?? new Uint8Array(0))
    // The socket that has the port has not joined: the host has.
    expect(hears(b)).toBe(true)
    expect(checkInvariants(b.k)).toEqual([])
    b.p.libc.close(other)
    send(a, 1)
    pass()
    expect(hears(b)).toBe(false)
    // All hosts are always meant.
    send(a, 1, '224.0.0.1')
    pass()
    expect(hears(b)).toBe(true)
    expect(checkInvariants(b.k)).toEqual([])
    expect(b.k.fork().digest()).toBe(b.k.digest())
  })

  it('what is sent comes back where the host is in the group, unless IP_MULTICAST_LOOP is off', () => {
    const a = machine(profile, 1)
    send(a, 1)
    expect(hears(a)).toBe(false)
    expect(a.p.sys.setsockopt(a.fd, 0, JOIN, mreq())).toBe(0)
    send(a, 1)
    expect(hears(a)).toBe(true)
    expect(a.p.sys.setsockopt(a.fd, 0, MC_LOOP, 0)).toBe(0)
    send(a, 1)
    expect(hears(a)).toBe(false)
    expect(a.k.net.takeFrames('eth0')).toHaveLength(3)
    expect(checkInvariants(a.k)).toEqual([])
  })

  it('IP_MULTICAST_TTL is the time to live; 0 stays on the host', () => {
    const a = machine(profile, 1)
    a.p.libc.setsockopt(a.fd, 0, JOIN, mreq())
    send(a, 1)
    a.p.libc.setsockopt(a.fd, 0, MC_TTL, 9)
    send(a, 1)
    a.p.libc.setsockopt(a.fd, 0, MC_TTL, 0)
    send(a, 1)
    expect(a.k.net.takeFrames('eth0').map(({ frame }) => frame[22])).toEqual([1, 9])
    expect([hears(a), hears(a), hears(a), hears(a)]).toEqual([true, true, true, false])
    expect(checkInvariants(a.k)).toEqual([])
  })

  it('IP_MULTICAST_IF: by address, by number, none', () => {
    const { p, fd } = machine(profile, 1)
    const set = (value: unknown): number => p.sys.setsockopt(fd, 0, MC_IF, value)
    expect(set('10.0.0.1')).toBe(0)
    expect(p.sys.getsockopt(fd, 0, MC_IF)).toEqual(Uint8Array.of(10, 0, 0, 1))
    expect(set(Uint8Array.of(10, 0, 0, 1))).toBe(0)
    expect(set({ ifindex: 2 })).toBe(0)
    expect(set({ ifindex: 9 })).toBe(EADDRNOTAVAIL)
    expect(set('10.9.9.9')).toBe(EADDRNOTAVAIL)
    expect(set('nowhere')).toBe(EFAULT)
    expect(set(new Uint8Array(3))).toBe(EINVAL)
    expect(set('0.0.0.0')).toBe(0)
    expect(p.sys.getsockopt(fd, 0, MC_IF)).toEqual(new Uint8Array(4))
    expect(p.sys.setsockopt(p.libc.socket(2, 1), 0, MC_IF, '10.0.0.1')).toBe(EINVAL)
    expect(p.sys.setsockopt(fd, 0, MC_TTL, 256)).toBe(EINVAL)
    expect(p.sys.setsockopt(fd, 0, MC_TTL, -1)).toBe(0)
    expect(p.sys.getsockopt(fd, 0, MC_TTL)).toBe(1)
    expect(p.sys.getsockopt(fd, 0, JOIN)).toBe(ENOPROTOOPT)
  })

  it('joining and leaving: errors', () => {
    const { k, p, fd } = machine(profile, 1)
    const join = (value: unknown): number => p.sys.setsockopt(fd, 0, JOIN, value)
    const leave = (value: unknown): number => p.sys.setsockopt(fd, 0, LEAVE, value)
    const rows: readonly (readonly [unknown, number])[] = [
      [mreq(0, '10.0.0.1', '10.1.1.1'), EINVAL],
      [mreq(0, '10.9.9.9'), ENODEV],
      [mreq(9, '0.0.0.0'), ENODEV],
      [new Uint8Array(7), EINVAL],
      [5, EINVAL],
      [null, EFAULT],
      [{}, EFAULT],
      [mreq(), 0],
      // Whoever says through which address is counted once, others as often as they ask.
      [mreq(), EADDRINUSE],
      [mreq(2, '0.0.0.0'), 0],
      [mreq(2, '0.0.0.0'), 0],
      [Uint8Array.of(224, 9, 9, 9, 10, 0, 0, 1), 0],
    ]
    for (const [value, error] of rows) expect([value, join(value)]).toEqual([value, error])
    expect(checkInvariants(k)).toEqual([])
    expect(leave(mreq(0, '10.0.0.1', '224.7.7.7'))).toBe(EADDRNOTAVAIL)
    expect([leave(mreq(2, '0.0.0.0')), leave(mreq(2, '0.0.0.0')), leave(mreq(2, '0.0.0.0'))]).toEqual([
      0,
      0,
      EADDRNOTAVAIL,
    ])
    expect(leave(mreq())).toBe(0)
    for (let i = 0; i < 19; i++) expect(join(mreq(2, '0.0.0.0', `224.3.3.${i}`))).toBe(0)
    expect(join(mreq(2, '0.0.0.0', '224.4.4.4'))).toBe(ENOBUFS)
    expect(checkInvariants(k)).toEqual([])
    p.libc.close(fd)
    expect(checkInvariants(k)).toEqual([])
  })

  it('/proc/net/igmp lists the groups of each device', () => {
    const { k, p, fd } = machine(profile, 1)
    p.libc.setsockopt(fd, 0, JOIN, mreq())
    const file = p.libc.open('/proc/net/igmp', 0)
    const buf = new Uint8Array(1000)
    const version = profile === '2.6.14' ? 'V3' : 'V2'
    expect(Buffer.from(buf.subarray(0, p.libc.read(file, buf))).toString()).toBe(
      'Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n' +
        `1\tlo        :     1      ${version}\n\t\t\t\t010000E0     1 0:00000000\t\t0\n` +
        `2\teth0      :     2      ${version}\n\t\t\t\t030201E0     1 0:00000000\t\t0\n` +
        '\t\t\t\t010000E0     1 0:00000000\t\t0\n',
    )
    // A device that goes down leaves the group of all hosts only.
    k.net.configure('eth0', { up: false })
    expect(checkInvariants(k)).toEqual([])
    expect(p.sys.recv(fd, buf, DONTWAIT)).toBe(EAGAIN)
  })
})
