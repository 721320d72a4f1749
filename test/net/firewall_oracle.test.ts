/** Random rules against a matcher that is written here once more, and random bytes for the firewall's options. */

import fc from 'fast-check'
import { checkInvariants } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { encodeFwchange, encodeFwnew, type IpFwUser } from '../../src/lib/ip_fw.js'
import {
  APPEND,
  CHECK,
  CREATE,
  fwtest,
  ip,
  label,
  MASQ_CTL,
  machine,
  type Packet,
  rule,
} from './firewall_tools.js'

const ADDRESSES = ['10.0.0.1', '10.0.0.2', '10.0.1.1', '192.168.1.1']
const MASKS = ['0.0.0.0', '255.0.0.0', '255.255.255.0', '255.255.255.255', '255.0.255.0']
const PORTS = [0, 1, 53, 80, 1023, 1024, 65535]
const DEVICES = ['lo', 'eth0', 'eth1']
const USERS = ['a', 'b', 'c']
const TARGETS = ['', 'ACCEPT', 'DENY', 'REJECT', 'MASQ', 'REDIRECT', 'RETURN', 'QUEUE', ...USERS]

const pick = <T>(values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values)

const range = fc.oneof(
  { weight: 2, arbitrary: fc.constant([0, 0xffff] as const) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(pick(PORTS), pick(PORTS))
      .map(([a, b]) => (a < b ? ([a, b] as const) : ([b, a] as const))),
  },
)

/** Rules that the kernel takes. */
const rules: fc.Arbitrary<IpFwUser> = fc
  .record({
    src: pick(ADDRESSES),
    smsk: pick(MASKS),
    dst: pick(ADDRESSES),
    dmsk: pick(MASKS),
    proto: pick([0, 1, 6, 6, 17, 47]),
    spts: range,
    dpts: range,
    vianame: pick(['', '', 'lo', 'eth', 'eth0']),
    flg: fc.integer({ min: 0, max: 0x3f }).map((bits) => bits & 0x16),
    invflg: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xff })),
    label: pick(TARGETS),
  })
  .map((made) => {
    const hasPorts = [1, 6, 17].includes(made.proto) && (made.invflg & 4) === 0
    const [smsk, dmsk] = [ip(made.smsk), ip(made.dmsk)]
    return rule({
      ...made,
      src: (ip(made.src) & smsk) >>> 0,
      smsk,
      dst: (ip(made.dst) & dmsk) >>> 0,
      dmsk,
      spts: hasPorts ? made.spts : [0, 0xffff],
      dpts: hasPorts ? made.dpts : [0, 0xffff],
    })
  })

const packets: fc.Arbitrary<Required<Packet>> = fc.record({
  src: pick(ADDRESSES),
  dst: pick(ADDRESSES),
  proto: pick([1, 6, 6, 17, 47]),
  sport: pick(PORTS),
  dport: pick(PORTS),
  fragOff: pick([0, 0, 0, 0x2000, 1, 7]),
  totLen: pick([20, 27, 28, 35, 36, 60]),
  tcpFlags: pick([0x02, 0x12, 0x06, 0x10]),
  vianame: pick(DEVICES),
  ihl: fc.constant(5),
})

/** Does the rule match? Said as simply as possible. */
function matches(r: IpFwUser, p: Required<Packet>): boolean {
  const not = (bit: number, value: boolean): boolean => value !== ((r.invflg & bit) !== 0)
  const needs = p.proto === 6 ? 16 : p.proto === 1 || p.proto === 17 ? 8 : 0
  const isPiece = (p.fragOff & 0x1fff) !== 0 || p.totLen < 20 + needs
  const port = (value: number): number => (p.proto === 1 ? value & 255 : value)
  const isIn = (value: number, [low, high]: readonly [number, number], bit: number): boolean =>
    isPiece ? low === 0 && high === 0xffff : not(bit, low <= port(value) && port(value) <= high)
  const isSyn = p.proto === 6 && !isPiece && p.tcpFlags === 0x02
  const [sport, dport] = needs === 0 ? [0xffff, 0xffff] : [p.sport, p.dport]
  const isWild = r.vianame === '' || (r.flg & 0x10) !== 0
  return (
    not(1, (ip(p.src) & r.smsk) >>> 0 === r.src) &&
    not(2, (ip(p.dst) & r.dmsk) >>> 0 === r.dst) &&
    not(0x20, isWild ? p.vianame.startsWith(r.vianame) : p.vianame === r.vianame) &&
    not(0x80, (r.flg & 4) === 0 || isPiece) &&
    not(0x40, (r.flg & 2) === 0 || isSyn) &&
    !((r.flg & 2) !== 0 && isPiece) &&
    (r.proto === 0 || (not(4, p.proto === r.proto) && isIn(sport, r.spts, 8) && isIn(dport, r.dpts, 0x10)))
  )
}

const CODES: Readonly<Record<string, number>> = {
  ACCEPT: 0,
  REDIRECT: -103,
  MASQ: -104,
  REJECT: -111,
  DENY: -110,
  QUEUE: -110,
}
const LOOP = -40

/** What becomes of a packet: a code, or null where it falls off the chain. */
function walk(
  tables: ReadonlyMap<string, readonly IpFwUser[]>,
  chain: string,
  packet: Required<Packet>,
  inside: readonly string[],
): number | null {
  for (const r of tables.get(chain) ?? []) {
    if (!matches(r, packet) || r.label === '') continue
    if (r.label === 'RETURN') return null
    const code = CODES[r.label]
    if (code !== undefined) return code
    if (inside.includes(r.label)) return LOOP
    const below = walk(tables, r.label, packet, [...inside, r.label])
    if (below !== null) return below
  }
  return null
}

describe('an oracle of ten lines', () => {
  it('agrees with the engine on random rules and packets', () => {
    const tables = fc.array(fc.tuple(pick(['input', 'input', ...USERS]), rules), {
      minLength: 1,
      maxLength: 16,
    })
    fc.assert(
      fc.property(tables, fc.array(packets, { minLength: 20, maxLength: 20 }), (list, tests) => {
        const m = machine()
        for (const user of USERS) m.set(CREATE, label(user))
        const known = new Map<string, IpFwUser[]>()
        for (const [chain, r] of list) {
          expect(m.set(APPEND, encodeFwchange(r, chain))).toBe(0)
          known.set(chain, [...(known.get(chain) ?? []), r])
        }
        const before = m.k.digest()
        for (const packet of tests) {
          const suspect = packet.proto === 6 && (packet.fragOff & 0x1fff) === 1
          const expected = suspect ? -110 : (walk(known, 'input', packet, []) ?? 0)
          expect([packet, m.set(CHECK, fwtest(packet, 'input'))]).toEqual([packet, expected])
        }
        expect(m.k.digest()).toBe(before)
        expect(checkInvariants(m.k)).toEqual([])
      }),
      { numRuns: 120, seed: 1999 },
    )
  })
})

describe('hostile bytes', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 120 }),
    // Structures that are nearly right.
    fc
      .tuple(rules, pick(['input', 'a', 'nowhere']), fc.nat({ max: 83 }), fc.nat({ max: 255 }), fc.boolean())
      .map(([r, chain, at, value, isNew]) => {
        const made = isNew ? encodeFwnew(value & 7, r, chain) : encodeFwchange(r, chain)
        made[at % made.length] = value
        return made
      }),
    fc.tuple(packets, pick(['input', 'a'])).map(([packet, chain]) => fwtest(packet, chain)),
    pick(['input', 'forward', 'a', 'b', '']).map((name) => label(name)),
    fc.constantFrom<unknown>(null, undefined, 7, -1, 'input', {}, [1, 2]),
  )

  it('a refusal leaves everything as it was; nothing throws', () => {
    const m = machine()
    m.set(CREATE, label('a'))
    let digest = m.k.digest()
    let taken = 0
    fc.assert(
      fc.property(fc.integer({ min: APPEND - 2, max: MASQ_CTL + 2 }), bytes, (option, value) => {
        const result = m.set(option, value)
        expect(Number.isInteger(result) && result <= 0).toBe(true)
        const after = m.k.digest()
        if (result !== 0 || option === CHECK) expect(after).toBe(digest)
        else taken++
        digest = after
      }),
      { numRuns: 3000, seed: 64 },
    )
    expect(taken).toBeGreaterThan(50)
    expect(checkInvariants(m.k)).toEqual([])
    expect(m.k.fork().digest()).toBe(m.k.digest())
  })

  it('packets of any bytes through rules of all kinds: dropped or let pass, and nothing is left behind', () => {
    const m = machine()
    m.k.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, 1))
    m.k.net.configure('eth0', { address: '10.0.0.1/24' })
    m.k.net.addEthernet('eth1', Uint8Array.of(2, 0, 0, 0, 0, 2))
    m.k.net.configure('eth1', { address: '200.0.0.1/24' })
    const file = m.root.libc.open('/proc/sys/net/ipv4/ip_forward', 1)
    m.root.libc.write(file, Uint8Array.of(0x31))
    for (const name of ['a', 'b', 'c']) m.set(CREATE, label(name))
    m.append('input', { proto: 6, dpts: [80, 80], redirpt: 8080, flg: 1, label: 'REDIRECT' })
    m.append('input', { proto: 17, flg: 0x25, outputsize: 100, label: 'a' })
    m.append('a', { tosand: 1, tosxor: 0x10, mark: 77 })
    m.append('a', { proto: 17, dpts: [0, 100], label: 'REJECT' })
    m.append('forward', { vianame: 'eth1', label: 'MASQ' })
    m.append('output', { proto: 1, spts: [5, 5], label: 'DENY' })
    const frame = (payload: Uint8Array): Uint8Array => {
      const whole = new Uint8Array(14 + payload.length)
      whole.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0])
      whole.set(payload, 14)
      return whole
    }
    /** An IP packet whose header is right. */
    const packet = fc
      .tuple(packets, fc.uint8Array({ maxLength: 80 }), pick(['10.0.0.1', '200.0.0.9', '10.0.0.7']))
      .map(([made, tail, dst]) => {
        const bytesOf = new Uint8Array(20 + tail.length)
        bytesOf.set(
          fwtest({ ...made, dst, src: '10.0.0.2', totLen: bytesOf.length }, 'input').subarray(0, 20),
        )
        bytesOf[8] = 64
        bytesOf.set(tail, 20)
        let sum = 0
        for (let i = 0; i < 20; i += 2) sum += ((bytesOf[i] ?? 0) << 8) | (bytesOf[i + 1] ?? 0)
        while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
        bytesOf.set([(~sum >>> 8) & 255, ~sum & 255], 10)
        return bytesOf
      })
    fc.assert(
      fc.property(packet, (made) => {
        m.k.net.receiveFrame('eth0', frame(made))
        m.k.net.takeFrames('eth0')
        m.k.net.takeFrames('eth1')
      }),
      { numRuns: 4000, seed: 2 },
    )
    expect(checkInvariants(m.k)).toEqual([])
    m.k.advance(2_000_000)
    expect(checkInvariants(m.k)).toEqual([])
    expect(m.cat('/proc/net/ip_masquerade').split('\n')).toHaveLength(2)
  })
})
