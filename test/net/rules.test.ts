/** §1.7, what is seen through sockets: rules over rtnetlink, routes that refuse, marks, sources, the cache. */
import {
  checkInvariants,
  createKernel,
  defineModule,
  EACCES,
  EHOSTUNREACH,
  EINVAL,
  ENETUNREACH,
  EPERM,
  ESRCH,
  type Profile,
} from 'paleokernel'
import { type NetOptions, NF_ACCEPT, NF_IP_PRE_ROUTING, net } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'
import { inet32, int32, le32, nulText, readMessages, writeMessage } from '../../src/lib/nlmsg.js'
import { parseIp } from '../../src/net/sockaddr.js'

const [NEWROUTE, NEWRULE, DELRULE] = [24, 32, 33]
const [UNICAST, BLACKHOLE, UNREACHABLE, PROHIBIT, THROW, NAT] = [1, 6, 7, 8, 9, 10]
const MAIN = 254
const DONTWAIT = 0x40
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1)
const PEER = Uint8Array.of(2, 0, 0, 0, 0, 2)
const at = (port: number, addr = '127.0.0.1') => ({ family: 2, addr, port }) as const

function boot(profile: Profile = '2.2.12', options: NetOptions = {}, mark = 0) {
  const marker = defineModule({
    name: 'marker',
    requires: ['net'],
    init: () => ({}),
    attach: () => ({
      api: {},
      net: {
        netfilter: [
          {
            point: NF_IP_PRE_ROUTING,
            priority: 0,
            hook: (_net, skb) => {
              skb.mark = mark
              return NF_ACCEPT
            },
          },
        ],
      },
    }),
  })
  const k = createKernel({ modules: [net(options), marker], profile })
  k.net.addEthernet('eth0', MAC)
  k.net.addEthernet('eth1', Uint8Array.of(2, 0, 0, 0, 0, 3))
  k.net.configure('eth0', { address: '10.0.0.1/24' })
  k.net.configure('eth1', { address: '192.168.1.1/24' })
  const p = k.spawn()
  return { k, p, fd: p.sys.socket(16, 3, 0) }
}

type Machine = ReturnType<typeof boot>
type Attribute = readonly [number, Uint8Array]

/** One request to rtnetlink that wants to be acknowledged: the error, 0 for none. */
function ask(
  { p, fd }: Machine,
  type: number,
  fixed: readonly number[],
  attributes: readonly Attribute[],
): number {
  const flags = type === NEWROUTE || type === NEWRULE ? 5 | 0x600 : 5
  const bytes = Uint8Array.from([...fixed, ...new Array(12 - fixed.length).fill(0)])
  const request = writeMessage({ type, flags, seq: 1, pid: 0 }, bytes, attributes)
  p.libc.sendto(fd, request, 0, { family: 16, pid: 0, groups: 0 })
  const buf = new Uint8Array(1000)
  const [answer] = readMessages(buf.slice(0, p.libc.recv(fd, buf, DONTWAIT)))
  expect(answer?.type).toBe(2)
  return le32(answer?.body ?? new Uint8Array(4), 0) | 0
}

const addr = (text: string): Uint8Array => inet32(parseIp(text))

/** A rule for a destination; 32 bits of it. */
const rule = (
  machine: Machine,
  command: number,
  action: number,
  table: number,
  ...attributes: Attribute[]
): number =>
  ask(
    machine,
    command,
    [2, attributes.some(([which]) => which === 1) ? 32 : 0, 0, 0, table, 0, 0, action],
    attributes,
  )

/** A route to one address. */
const route = (machine: Machine, to: string, type: number, table = MAIN, gateway?: string): number => {
  const attributes: Attribute[] = [[1, addr(to)]]
  if (gateway !== undefined) attributes.push([5, addr(gateway)])
  const scope = type === UNICAST ? 0 : 254
  return ask(machine, NEWROUTE, [2, 32, 0, 0, table, 3, scope, type], attributes)
}

const send = ({ p }: Machine, to: string): number => {
  const fd = p.libc.socket(2, 2)
  const sent = p.sys.sendto(fd, new Uint8Array(1), 0, at(5000, to))
  p.libc.close(fd)
  return sent
}

describe('§1.7: rules', () => {
  it('rule 0 cannot be deleted (EPERM); deleting one that does not exist is ESRCH', () => {
    const machine = boot()
    expect(rule(machine, DELRULE, UNICAST, 255)).toBe(EPERM)
    expect(rule(machine, DELRULE, UNICAST, 77)).toBe(ESRCH)
    expect(rule(machine, NEWRULE, UNICAST, 77)).toBe(0)
    expect(rule(machine, DELRULE, UNICAST, 77)).toBe(0)
    expect(rule(machine, DELRULE, UNICAST, 77)).toBe(ESRCH)
  })

  it('unicast and nat look in the table, and go on with the next rule where it has no answer', () => {
    for (const action of [UNICAST, NAT]) {
      const machine = boot()
      expect(route(machine, '8.8.8.8', UNICAST, 77, '192.168.1.254')).toBe(0)
      expect(route(machine, '9.9.9.9', UNICAST, MAIN, '10.0.0.254')).toBe(0)
      expect(send(machine, '8.8.8.8')).toBe(ENETUNREACH)
      expect(rule(machine, NEWRULE, action, 77)).toBe(0)
      expect([action, send(machine, '8.8.8.8'), send(machine, '9.9.9.9')]).toEqual([action, 1, 1])
    }
  })

  it('without CONFIG_IP_MULTIPLE_TABLES a rule is EINVAL', () => {
    const machine = boot('2.2.12', { policyRules: false })
    expect(rule(machine, NEWRULE, UNICAST, 77)).toBe(EINVAL)
    expect(rule(machine, DELRULE, UNICAST, 254)).toBe(EINVAL)
    expect(send(machine, '10.0.0.9')).toBe(1)
  })

  const actions: readonly (readonly [string, number, number])[] = [
    ['unreachable: ENETUNREACH', UNREACHABLE, ENETUNREACH],
    ['prohibit: EACCES, with a reason', PROHIBIT, EACCES],
    ['blackhole: EINVAL', BLACKHOLE, EINVAL],
  ]
  it.each(actions)('an action %s, for UDP, TCP and raw sockets', (_name, action, error) => {
    const machine = boot()
    const { k, p } = machine
    expect(rule(machine, NEWRULE, action, 0, [1, addr('10.0.0.9')])).toBe(0)
    expect(send(machine, '10.0.0.9')).toBe(error)
    const stream = p.libc.socket(2, 1)
    expect(p.sys.connect(stream, at(80, '10.0.0.9'))).toBe(error)
    if (error === EACCES) expect(k.why(p)?.sentence).toContain('prohibits')
    expect(p.sys.sendto(p.libc.socket(2, 3, 200), new Uint8Array(1), 0, at(0, '10.0.0.9'))).toBe(error)
    expect(checkInvariants(k)).toEqual([])
  })

  const types: readonly (readonly [string, number, number])[] = [
    ['unreachable: EHOSTUNREACH', UNREACHABLE, EHOSTUNREACH],
    ['prohibit: EACCES', PROHIBIT, EACCES],
    ['blackhole: EINVAL', BLACKHOLE, EINVAL],
    ['throw: the table is done', THROW, ENETUNREACH],
  ]
  it.each(types)('a route of the type %s', (_name, type, error) => {
    const machine = boot()
    expect(route(machine, '8.8.8.8', type)).toBe(0)
    expect(send(machine, '8.8.8.8')).toBe(error)
  })

  it('bite only after the route cache is flushed: ip route flush cache writes to a sysctl', () => {
    const machine = boot()
    const { p } = machine
    expect(send(machine, '10.0.0.9')).toBe(1)
    expect(rule(machine, NEWRULE, PROHIBIT, 0, [1, addr('10.0.0.9')])).toBe(0)
    expect(send(machine, '10.0.0.9')).toBe(1)
    const fd = p.libc.open('/proc/sys/net/ipv4/route/flush', 1)
    p.libc.write(fd, Uint8Array.of(0x30))
    expect(send(machine, '10.0.0.9')).toBe(EACCES)
  })
})

describe('§1.7: fwmark', () => {
  it.each([
    ['a packet that comes in with the mark follows the rule', 5, 0],
    ['one with another mark does not', 4, 1],
  ])('%s', (_name, mark, forwarded) => {
    const machine = boot('2.2.12', {}, mark)
    const { k, p } = machine
    p.libc.write(p.libc.open('/proc/sys/net/ipv4/ip_forward', 1), Uint8Array.of(0x31))
    expect(rule(machine, NEWRULE, PROHIBIT, 0, [10, int32(5)])).toBe(0)
    const packet = Uint8Array.from([0x45, 0, 0, 20, 0, 1, 0, 0, 9, 200, 0, 0, 10, 0, 0, 9, 192, 168, 1, 9])
    let sum = 0
    for (let i = 0; i < 20; i += 2) sum += ((packet[i] ?? 0) << 8) | (packet[i + 1] ?? 0)
    sum = ~((sum & 0xffff) + (sum >>> 16)) & 0xffff
    packet.set([sum >> 8, sum & 255], 10)
    k.net.receiveFrame('eth0', Uint8Array.from([...MAC, ...PEER, 8, 0, ...packet]))
    // What goes on asks who has the next hop; what is prohibited is answered, and asks who its sender is.
    expect(k.net.takeFrames('eth1')).toHaveLength(forwarded)
    expect(k.net.takeFrames('eth0')).toHaveLength(1 - forwarded)
  })

  it('a packet that is made here has none, whatever the rules say', () => {
    const machine = boot('2.2.12', {}, 5)
    expect(rule(machine, NEWRULE, PROHIBIT, 0, [10, int32(5)])).toBe(0)
    expect(send(machine, '10.0.0.9')).toBe(1)
  })
})

describe('§1.7: the source of a socket without an address', () => {
  it('bind and IP_PKTINFO come before the route’s src, that before the device’s address', () => {
    const machine = boot()
    const { k, p } = machine
    const taker = p.libc.socket(2, 2)
    p.libc.bind(taker, at(5000, '0.0.0.0'))
    // Routes to this host's own addresses through the loopback device, with a src.
    const from = {}
    const read = (): unknown => {
      expect(p.sys.recvfrom(taker, new Uint8Array(9), DONTWAIT, from)).toBe(1)
      return Reflect.get(from, 'addr')
    }
    const fd = p.libc.socket(2, 2)
    const to = at(5000, '10.0.0.1')
    p.libc.sendto(fd, new Uint8Array(1), 0, to)
    expect(read()).toBe('10.0.0.1')
    const control = [{ level: 0, type: 8, ifindex: 0, specDst: '192.168.1.1' }] as const
    p.libc.sendmsg(fd, { iov: [new Uint8Array(1)], name: to, control: [...control] })
    expect(read()).toBe('192.168.1.1')
    const bound = p.libc.socket(2, 2)
    p.libc.bind(bound, at(0, '192.168.1.1'))
    p.libc.sendto(bound, new Uint8Array(1), 0, to)
    expect(read()).toBe('192.168.1.1')
    // Through a device: a route with a src, and one without.
    const routed = (dst: string, more: readonly Attribute[]): string => {
      expect(
        ask(
          machine,
          NEWROUTE,
          [2, 32, 0, 0, MAIN, 3, 0, UNICAST],
          [[1, addr(dst)], [5, addr('10.0.0.254')], ...more],
        ),
      ).toBe(0)
      const one = p.libc.socket(2, 2)
      p.libc.connect(one, at(1, dst))
      return (p.libc.getsockname(one) as { addr: string }).addr
    }
    expect(routed('8.8.8.8', [[7, addr('192.168.1.1')]])).toBe('192.168.1.1')
    expect(routed('9.9.9.9', [])).toBe('10.0.0.1')
    // A src that is no address of this host.
    const wrong: Attribute[] = [
      [1, addr('7.7.7.7')],
      [5, addr('10.0.0.254')],
      [7, addr('10.0.0.77')],
    ]
    expect(ask(machine, NEWROUTE, [2, 32, 0, 0, MAIN, 3, 0, UNICAST], wrong)).toBe(EINVAL)
    expect(checkInvariants(k)).toEqual([])
  })

  it('the selectors iif and dev name a device by its name', () => {
    const machine = boot()
    expect(rule(machine, NEWRULE, PROHIBIT, 0, [3, nulText('lo')])).toBe(0)
    expect(send(machine, '10.0.0.9')).toBe(EACCES)
  })
})

it('a TCP socket answers requests to devices, and EINVAL to others', () => {
  for (const profile of ['2.0.35', '2.2.12', '2.6.14'] as const) {
    const { p } = boot(profile)
    const fd = p.libc.socket(2, 1)
    const ifr = new Uint8Array(32)
    ifr.set(Buffer.from('eth0'))
    expect(p.sys.ioctl(fd, 0x8921, ifr)).toBe(0)
    expect(le32(ifr, 16)).toBe(1500)
    expect(p.sys.ioctl(fd, 0x89ef, ifr)).toBe(EINVAL)
  }
})
