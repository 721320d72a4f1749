/** §1.1 of the reference, row by row and bullet by bullet: privileged ports and the order of bind's tests. */
import {
  checkInvariants,
  createKernel,
  defineModule,
  EACCES,
  EADDRINUSE,
  EADDRNOTAVAIL,
  EAFNOSUPPORT,
  EAGAIN,
  EINVAL,
  type Profile,
} from 'paleokernel'
import { htons, net } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'
import type { NetState } from '../../src/net/state.js'

const STREAM = 1
const DGRAM = 2
const FOREIGN = '10.9.9.9'
const OURS = '127.0.0.1'
const TAKEN = 7777
const MASQ = 61_000
const at = (port: number, addr = OURS) => ({ family: 2, addr, port }) as const

function boot(profile: Profile, hasMasquerading = true) {
  const seen: { state?: NetState } = {}
  const spy = defineModule({
    name: 'spy',
    requires: ['net'],
    init: () => ({}),
    attach(k) {
      seen.state = k.state.modules.get('net') as NetState
      return { api: {} }
    },
  })
  const k = createKernel({ modules: [net({ ipchains: hasMasquerading }), spy], profile })
  const root = k.spawn()
  const alice = k.spawn({ uid: 1000, gid: 1000 })
  for (const type of [STREAM, DGRAM]) root.libc.bind(root.libc.socket(2, type), at(TAKEN))
  const { state } = seen
  if (state === undefined) throw new Error('no network')
  return { k, root, alice, state }
}

type P = ReturnType<typeof boot>['root']

/** Takes all ports that may be chosen: 128 of them, as UDP chooses among as many lists. */
function exhaust({ k, state }: ReturnType<typeof boot>): void {
  state.inet.portLow = 20_000
  state.inet.portHigh = 20_127
  for (const type of [STREAM, DGRAM]) {
    const owner = k.spawn()
    for (let port = 20_000; port < 20_128; port++) owner.libc.bind(owner.libc.socket(2, type), at(port))
  }
}

/** What bind(2) answers on a fresh socket. */
const tryBind = (p: P, type: number, port: number, addr = OURS): number => {
  const fd = p.libc.socket(2, type)
  const result = p.sys.bind(fd, at(port, addr))
  p.libc.close(fd)
  return result
}

const portOf = (p: P, fd: number): number => Number(Reflect.get(p.libc.getsockname(fd), 'port'))

// What is wrong, the address, the port; 2.0.35 and 2.2.12 for somebody, then for the superuser.
type Row = readonly [string, string, number, readonly [number, number], readonly [number, number]]
const ROWS: readonly Row[] = [
  ['nothing', OURS, 8080, [0, 0], [0, 0]],
  ['nothing: any address', '0.0.0.0', 8080, [0, 0], [0, 0]],
  ['nothing: the broadcast address', '127.255.255.255', 8080, [0, 0], [0, 0]],
  ['nothing: a group', '224.0.0.5', 8080, [0, 0], [0, 0]],
  ['privilege: port 1', OURS, 1, [EACCES, EACCES], [0, 0]],
  ['privilege: port 1023', OURS, 1023, [EACCES, EACCES], [0, 0]],
  ['nothing: port 1024', OURS, 1024, [0, 0], [0, 0]],
  ['address', FOREIGN, 8080, [EADDRNOTAVAIL, EADDRNOTAVAIL], [EADDRNOTAVAIL, EADDRNOTAVAIL]],
  ['clash', OURS, TAKEN, [EADDRINUSE, EADDRINUSE], [EADDRINUSE, EADDRINUSE]],
  ['masquerading: its first port', OURS, MASQ, [EADDRINUSE, EADDRINUSE], [EADDRINUSE, EADDRINUSE]],
  ['masquerading: its last port', OURS, 65_095, [EADDRINUSE, EADDRINUSE], [EADDRINUSE, EADDRINUSE]],
  ['nothing: the port before', OURS, MASQ - 1, [0, 0], [0, 0]],
  ['nothing: a port behind', OURS, 65_097, [0, 0], [0, 0]],
  // Two at a time: the first of each profile's order is told.
  ['privilege and address', FOREIGN, 80, [EACCES, EADDRNOTAVAIL], [EADDRNOTAVAIL, EADDRNOTAVAIL]],
  ['address and clash', FOREIGN, TAKEN, [EADDRNOTAVAIL, EADDRNOTAVAIL], [EADDRNOTAVAIL, EADDRNOTAVAIL]],
  ['masquerading and address', FOREIGN, MASQ, [EADDRINUSE, EADDRNOTAVAIL], [EADDRINUSE, EADDRNOTAVAIL]],
]

describe.each([
  ['TCP', STREAM],
  ['UDP', DGRAM],
] as const)('§1.1: the order of tests in inet_bind, %s', (_name, type) => {
  it.each(ROWS)('%s (%s port %i)', (_what, addr, port, user, superuser) => {
    for (const [i, profile] of (['2.0.35', '2.2.12'] as const).entries()) {
      const { k, root, alice } = boot(profile)
      expect([profile, 'user', tryBind(alice, type, port, addr)]).toEqual([profile, 'user', user[i]])
      expect([profile, 'root', tryBind(root, type, port, addr)]).toEqual([profile, 'root', superuser[i]])
      expect(checkInvariants(k)).toEqual([])
    }
  })

  it('step 1: a bound socket and a short address are EINVAL whatever else is wrong', () => {
    for (const profile of ['2.0.35', '2.2.12'] as const) {
      const { alice } = boot(profile)
      const bound = alice.libc.socket(2, type)
      alice.libc.bind(bound, at(8080))
      const fresh = alice.libc.socket(2, type)
      for (const [port, addr] of [
        [8081, OURS],
        [80, OURS],
        [8081, FOREIGN],
        [80, FOREIGN],
        [MASQ, OURS],
        [TAKEN, OURS],
      ] as const) {
        expect(alice.sys.bind(bound, at(port, addr))).toBe(EINVAL)
        const bytes = Uint8Array.from([2, 0, port >> 8, port & 255, 10, 9, 9, 9])
        expect(alice.sys.bind(fresh, bytes)).toBe(EINVAL)
      }
      const connected = alice.libc.socket(2, DGRAM)
      alice.libc.connect(connected, at(9))
      expect(alice.sys.bind(connected, at(80, FOREIGN))).toBe(EINVAL)
    }
  })

  it('step 1: a socket that is not closed', () => {
    for (const profile of ['2.0.35', '2.2.12'] as const) {
      const { alice } = boot(profile)
      const listener = alice.libc.socket(2, STREAM)
      alice.libc.listen(listener, 1)
      expect(alice.sys.bind(listener, at(80, FOREIGN))).toBe(EINVAL)
    }
  })

  it('without masquerading its ports are as others', () => {
    for (const profile of ['2.0.35', '2.2.12'] as const)
      expect(tryBind(boot(profile, false).alice, type, MASQ)).toBe(0)
  })

  it('2.0.35, step 3 and 4: port 0 is replaced by a chosen one, which the privilege test then sees', () => {
    const { root, alice, state } = boot('2.0.35')
    // Only ports below 1024 are left to choose from.
    state.inet.portLow = 600
    state.inet.portHigh = 601
    expect(tryBind(alice, type, 0)).toBe(EACCES)
    expect(tryBind(root, type, 0)).toBe(0)
    // The privilege is asked before the address.
    expect(tryBind(alice, type, 0, FOREIGN)).toBe(EACCES)
    expect(tryBind(root, type, 0, FOREIGN)).toBe(EADDRNOTAVAIL)
  })

  it('2.2.12, step 4 and 5: port 0 is not tested for privilege, and is chosen last', () => {
    const { alice, state } = boot('2.2.12')
    state.inet.portLow = 600
    state.inet.portHigh = 601
    expect(tryBind(alice, type, 0)).toBe(0)
    expect(tryBind(alice, type, 0, FOREIGN)).toBe(EADDRNOTAVAIL)
  })

  it('no port is left: EACCES to somebody and EAGAIN to the superuser in 2.0.35, EADDRINUSE in 2.2.12', () => {
    for (const profile of ['2.0.35', '2.2.12'] as const) {
      const machine = boot(profile)
      const { root, alice } = machine
      exhaust(machine)
      const old = profile === '2.0.35'
      expect(tryBind(alice, type, 0)).toBe(old ? EACCES : EADDRINUSE)
      expect(tryBind(root, type, 0)).toBe(old ? EAGAIN : EADDRINUSE)
    }
  })
})

describe('§1.1: automatic binding on connect, listen and sendto', () => {
  it('never goes through the privilege test', () => {
    for (const profile of ['2.0.35', '2.2.12'] as const) {
      const { root, alice, state } = boot(profile)
      const server = root.libc.socket(2, STREAM)
      root.libc.bind(server, at(5000))
      root.libc.listen(server, 5)
      state.inet.portLow = 600
      state.inet.portHigh = 620
      const [c, l, s, d] = [STREAM, STREAM, DGRAM, DGRAM].map((type) => alice.libc.socket(2, type))
      if (c === undefined || l === undefined || s === undefined || d === undefined) throw new Error('sockets')
      expect(alice.sys.connect(c, at(5000))).toBe(0)
      expect(alice.sys.listen(l, 1)).toBe(0)
      expect(alice.sys.sendto(s, new Uint8Array(1), 0, at(9))).toBe(1)
      expect(alice.sys.connect(d, at(9))).toBe(0)
      for (const fd of [c, l, s, d]) {
        expect(portOf(alice, fd)).toBeGreaterThanOrEqual(600)
        expect(portOf(alice, fd)).toBeLessThanOrEqual(620)
      }
    }
  })

  it('fails with EAGAIN', () => {
    for (const profile of ['2.0.35', '2.2.12'] as const) {
      const machine = boot(profile)
      const { root } = machine
      exhaust(machine)
      expect(root.sys.connect(root.libc.socket(2, STREAM), at(5000))).toBe(EAGAIN)
      expect(root.sys.listen(root.libc.socket(2, STREAM), 1)).toBe(EAGAIN)
      expect(root.sys.sendto(root.libc.socket(2, DGRAM), new Uint8Array(1), 0, at(9))).toBe(EAGAIN)
      expect(root.sys.connect(root.libc.socket(2, DGRAM), at(9))).toBe(EAGAIN)
    }
  })
})

describe('§1.1: the first automatic port', () => {
  it('2.0.35, TCP: 1024 itself, then upwards to 32767 and again from 1024', () => {
    const { alice, state } = boot('2.0.35')
    const next = (): number => {
      const fd = alice.libc.socket(2, STREAM)
      alice.libc.bind(fd, at(0))
      return portOf(alice, fd)
    }
    expect([next(), next(), next()]).toEqual([1024, 1025, 1026])
    state.inet.tcp.rovers.set(0, 32_766)
    expect([next(), next()]).toEqual([32_767, 1027])
  })

  it('2.0.35, UDP: 1025 or above', () => {
    const { alice } = boot('2.0.35')
    const fd = alice.libc.socket(2, DGRAM)
    alice.libc.bind(fd, at(0))
    expect(portOf(alice, fd)).toBeGreaterThanOrEqual(1025)
  })
})

describe('§1.1: the rest', () => {
  it('a raw socket and a packet socket leave inet_bind at once, before any port test', () => {
    for (const profile of ['2.0.35', '2.2.12'] as const) {
      const { root } = boot(profile)
      const raw = root.libc.socket(2, 3, 17)
      const packet = root.libc.socket(2, 10, htons(3))
      root.libc.setuid(1000)
      expect(root.sys.bind(raw, at(80))).toBe(0)
      expect(root.sys.bind(raw, at(MASQ))).toBe(0)
      expect(root.sys.bind(raw, at(80, FOREIGN))).toBe(EADDRNOTAVAIL)
      expect(root.sys.bind(packet, { family: 2, device: 'lo' })).toBe(0)
    }
  })

  it('IPv6 has its own copy of the test: there is no IPv6 here', () => {
    expect(boot('2.0.35').root.sys.socket(10, STREAM)).toBe(EINVAL)
    expect(boot('2.2.12').root.sys.socket(10, STREAM)).toBe(EINVAL)
    expect(boot('2.6.14').root.sys.socket(10, STREAM)).toBe(EAFNOSUPPORT)
  })

  it('a refusal says which privilege is missing', () => {
    for (const profile of ['2.0.35', '2.2.12'] as const) {
      const { k, alice } = boot(profile)
      expect(alice.sys.bind(alice.libc.socket(2, STREAM), at(80))).toBe(EACCES)
      expect(k.why(alice)?.sentence).toMatch(/CAP_NET_BIND_SERVICE|superuser/)
    }
  })

  it('uids have 16 bits: nobody is 65535', () => {
    const { root } = boot('2.2.12')
    expect(root.sys.getsockopt(root.libc.socket(1, STREAM), 1, 17)).toEqual({
      pid: 0,
      uid: 0xffff,
      gid: 0xffff,
    })
  })
})
