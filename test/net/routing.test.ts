/** Routing tables, policy rules and the route cache, by the rules of the reference's 1.7, and one oracle for lookups. */
import {
  checkInvariants,
  createKernel,
  defineModule,
  EACCES,
  EEXIST,
  EHOSTUNREACH,
  EINVAL,
  ENETUNREACH,
  ENOBUFS,
} from 'paleokernel'
import { net } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'
import { inetAddrType } from '../../src/net/inet/fib.js'
import { newRule, type RuleRequest, type RuleSelector } from '../../src/net/inet/fib_rules.js'
import { newRoute, type RouteRequest } from '../../src/net/inet/fib_semantics.js'
import { FIB_CREATE, FIB_EXCL, tableInsert, tableLookup } from '../../src/net/inet/fib_table.js'
import { type FibNode, FibTable } from '../../src/net/inet/fib_types.js'
import { flushRoutes, ipRouteInput, ipRouteOutput } from '../../src/net/inet/route.js'
import type { Flow, Route } from '../../src/net/inet/route_types.js'
import { formatIp, parseIp } from '../../src/net/sockaddr.js'
import type { NetState } from '../../src/net/state.js'

const UNICAST = 1
const BLACKHOLE = 6
const UNREACHABLE = 7
const PROHIBIT = 8
const THROW = 9
const MAIN = 254

/** The state of the network, from a module that is wired after it. */
function boot(profile: '2.0.35' | '2.2.12' | '2.6.14' = '2.2.12', ruleSelectors: RuleSelector[] = []) {
  const seen: { state?: NetState } = {}
  const spy = defineModule({
    name: 'spy',
    requires: ['net'],
    init: () => ({}),
    attach(k) {
      seen.state = k.state.modules.get('net') as NetState
      return { api: {}, net: { ruleSelectors } }
    },
  })
  const k = createKernel({ modules: [net(), spy], profile })
  k.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, 1))
  k.net.addEthernet('eth1', Uint8Array.of(2, 0, 0, 0, 0, 2))
  k.net.configure('eth0', { address: '10.0.0.1/24' })
  k.net.configure('eth1', { address: '192.168.1.1/24' })
  const { state } = seen
  if (state === undefined) throw new Error('no network')
  return { k, state }
}

const flow = (dst: string, more: Partial<Flow> = {}): Flow => ({
  dst: parseIp(dst),
  src: 0,
  tos: 0,
  oif: 0,
  iif: 0,
  mark: 0,
  key: 0,
  ...more,
})

const route = (prefix: string, more: Partial<RouteRequest> = {}): RouteRequest => {
  const [addr = '', bits = '32'] = prefix.split('/')
  return {
    table: MAIN,
    dst: parseIp(addr),
    prefix: Number(bits),
    tos: 0,
    type: UNICAST,
    scope: 0,
    protocol: 3,
    flags: 0,
    oif: null,
    gateway: null,
    prefsrc: null,
    priority: null,
    ...more,
  }
}

const via = (gateway: string): Partial<RouteRequest> => ({ gateway: parseIp(gateway) })

const rule = (more: Partial<RuleRequest> = {}): RuleRequest => ({
  srcLen: 0,
  dstLen: 0,
  tos: 0,
  table: MAIN,
  type: UNICAST,
  flags: 0,
  src: null,
  dst: null,
  srcmap: null,
  fwmark: null,
  preference: null,
  ifname: null,
  extras: [],
  ...more,
})

const show = (found: Route | number): string =>
  typeof found === 'number'
    ? String(found)
    : `${found.type} ${found.dev.name} via ${formatIp(found.gateway)} src ${formatIp(found.src)}`

const add = (state: NetState, want: RouteRequest): void => {
  const made = newRoute(state, want, FIB_CREATE | FIB_EXCL)
  expect(typeof made).toBe('object')
}

const preferences = (state: NetState): number[] => state.inet.fib.rules.map(({ preference }) => preference)

describe('1.7: rules', () => {
  it('are a list by preference: 0 local, 32766 main, 32767 default', () => {
    const { state } = boot()
    expect(state.inet.fib.rules.map(({ preference, table }) => [preference, table])).toEqual([
      [0, 255],
      [32766, 254],
      [32767, 253],
    ])
  })

  it('without a preference get that of the second rule minus one', () => {
    const { state } = boot()
    for (let i = 0; i < 3; i++) expect(newRule(state, rule())).toBe(0)
    expect(preferences(state)).toEqual([0, 32763, 32764, 32765, 32766, 32767])
    expect(newRule(state, rule({ preference: 5 }))).toBe(0)
    expect(newRule(state, rule())).toBe(0)
    expect(preferences(state).slice(0, 3)).toEqual([0, 4, 5])
  })

  it('with a preference that is there go behind those that have it', () => {
    const { state } = boot()
    for (const table of [10, 11, 12]) expect(newRule(state, rule({ preference: 100, table }))).toBe(0)
    expect(state.inet.fib.rules.map(({ table }) => table)).toEqual([255, 10, 11, 12, 254, 253])
  })

  it('refuse a prefix length and a TOS that cannot be, EINVAL', () => {
    const { state } = boot()
    expect(newRule(state, rule({ srcLen: 33 }))).toBe(EINVAL)
    expect(newRule(state, rule({ dstLen: 33 }))).toBe(EINVAL)
    expect(newRule(state, rule({ tos: 0x20 }))).toBe(EINVAL)
    expect(newRule(state, rule({ tos: 0x1e }))).toBe(0)
  })

  it('without a table get the first number that is free; without one ENOBUFS', () => {
    const { state } = boot()
    expect(newRule(state, rule({ table: 0, preference: 9 }))).toBe(0)
    expect(state.inet.fib.rules[1]?.table).toBe(1)
    for (let i = 2; i <= 253; i++) expect(newRule(state, rule({ table: 0, preference: 9 }))).toBe(0)
    expect(newRule(state, rule({ table: 0, preference: 9 }))).toBe(ENOBUFS)
  })

  const actions: readonly (readonly [string, number, number])[] = [
    ['unreachable', UNREACHABLE, ENETUNREACH],
    ['prohibit', PROHIBIT, EACCES],
    ['blackhole', BLACKHOLE, EINVAL],
  ]
  it.each(actions)('of the action %s refuse', (_name, type, error) => {
    const { state } = boot()
    newRule(state, rule({ type, table: 0, dst: parseIp('10.0.0.0'), dstLen: 24 }))
    expect(ipRouteOutput(state, flow('10.0.0.9'))).toBe(error)
    expect(typeof ipRouteOutput(state, flow('192.168.1.9'))).toBe('object')
  })

  const types: readonly (readonly [string, number, number])[] = [
    ['unreachable', UNREACHABLE, EHOSTUNREACH],
    ['prohibit', PROHIBIT, EACCES],
    ['blackhole', BLACKHOLE, EINVAL],
    ['throw', THROW, ENETUNREACH],
  ]
  it.each(types)('a route of the type %s', (_name, type, error) => {
    const { state } = boot()
    add(state, route('172.16.0.0/12', { type }))
    expect(ipRouteOutput(state, flow('172.16.1.1'))).toBe(error)
  })

  it('throw: the table is done, the next rule is asked', () => {
    const { state } = boot()
    add(state, route('172.16.0.0/12', { type: THROW, table: 7 }))
    add(state, route('0.0.0.0/0', { ...via('10.0.0.254'), table: 7 }))
    add(state, route('172.16.0.0/12', via('192.168.1.254')))
    newRule(state, rule({ table: 7 }))
    expect(show(ipRouteOutput(state, flow('172.16.1.1')))).toBe('1 eth1 via 192.168.1.254 src 192.168.1.1')
    expect(show(ipRouteOutput(state, flow('172.32.1.1')))).toBe('1 eth0 via 10.0.0.254 src 10.0.0.1')
  })

  it('that match nothing say ENETUNREACH', () => {
    const { state } = boot()
    expect(ipRouteOutput(state, flow('8.8.8.8'))).toBe(ENETUNREACH)
  })

  it('look at source, destination, TOS, fwmark and the incoming device', () => {
    const { state } = boot()
    state.inet.forwarding = true
    add(state, route('0.0.0.0/0', { ...via('10.0.0.254'), table: 9 }))
    add(state, route('0.0.0.0/0', via('192.168.1.254')))
    const eth1 = state.devices.list[2]
    if (eth1 === undefined) throw new Error('eth1')
    const cases: readonly (readonly [Partial<RuleRequest>, Partial<Flow>])[] = [
      [{ src: parseIp('192.168.1.0'), srcLen: 24 }, { src: parseIp('192.168.1.77') }],
      [{ dst: parseIp('8.8.0.0'), dstLen: 16 }, {}],
      [{ tos: 0x10 }, { tos: 0x10 }],
      [{ fwmark: 5 }, { mark: 5 }],
      [{ ifname: 'eth1' }, {}],
    ]
    for (const [want, more] of cases) {
      const asked = flow('8.8.8.8', { src: parseIp('192.168.1.70'), iif: eth1.ifindex, ...more })
      const other = { ...asked, src: parseIp('192.168.9.70'), dst: parseIp('9.9.9.9'), tos: 0, mark: 0 }
      newRule(state, rule({ ...want, table: 9 }))
      flushRoutes(state)
      expect(show(ipRouteInput(state, asked, eth1))).toContain('10.0.0.254')
      if (want.ifname === undefined) expect(show(ipRouteInput(state, other, eth1))).toContain('192.168.1.254')
      state.inet.fib.rules = state.inet.fib.rules.filter(({ table }) => table !== 9)
      flushRoutes(state)
    }
  })

  it('iif lo selects packets that are made here', () => {
    const { state } = boot()
    add(state, route('0.0.0.0/0', { ...via('10.0.0.254'), table: 9 }))
    add(state, route('0.0.0.0/0', via('192.168.1.254')))
    newRule(state, rule({ ifname: 'lo', table: 9 }))
    expect(show(ipRouteOutput(state, flow('8.8.8.8')))).toContain('10.0.0.254')
  })

  it('fwmark takes no part for packets that are made here', () => {
    const { state } = boot()
    newRule(state, rule({ fwmark: 5, type: PROHIBIT, table: 0 }))
    expect(typeof ipRouteOutput(state, flow('10.0.0.9', { mark: 5 }))).toBe('object')
  })

  it('only bite after the route cache is flushed', () => {
    const { state } = boot()
    expect(typeof ipRouteOutput(state, flow('10.0.0.9'))).toBe('object')
    newRule(state, rule({ type: PROHIBIT, table: 0 }))
    expect(typeof ipRouteOutput(state, flow('10.0.0.9'))).toBe('object')
    expect(ipRouteOutput(state, flow('10.0.0.8'))).toBe(EACCES)
    flushRoutes(state)
    expect(ipRouteOutput(state, flow('10.0.0.9'))).toBe(EACCES)
  })

  it('take selectors from modules, which see the key of sockets and packets', () => {
    const selector: RuleSelector = {
      attribute: 40,
      parse: (bytes) => bytes[0] ?? 0,
      match: (value, { key }) => key === value,
      dump: (value) => Uint8Array.of(value, 0, 0, 0),
    }
    const { state } = boot('2.2.12', [selector])
    newRule(state, rule({ extras: [{ attribute: 40, value: 3 }], type: PROHIBIT, table: 0 }))
    expect(ipRouteOutput(state, flow('10.0.0.9', { key: 3 }))).toBe(EACCES)
    // The key is a part of what the cache is asked by.
    expect(typeof ipRouteOutput(state, flow('10.0.0.9', { key: 4 }))).toBe('object')
    expect(ipRouteOutput(state, flow('10.0.0.9', { key: 3 }))).toBe(EACCES)
  })
})

describe('1.7: source addresses', () => {
  it('a preferred source that is no local address is EINVAL', () => {
    const { state } = boot()
    const want = route('172.16.0.0/12', { ...via('10.0.0.254'), prefsrc: parseIp('10.0.0.77') })
    expect(newRoute(state, want, FIB_CREATE)).toBe(EINVAL)
  })

  it('bind first, then the route’s src, then the next hop’s subnet, then any device, loopback first', () => {
    const { k, state } = boot()
    k.net.configure('eth0', { address: '10.0.5.1/24' })
    k.net.addEthernet('eth2', Uint8Array.of(2, 0, 0, 0, 0, 3))
    k.net.configure('eth2', {})
    add(state, route('172.16.0.0/16', { ...via('10.0.5.254'), prefsrc: parseIp('192.168.1.1') }))
    add(state, route('172.17.0.0/16', via('10.0.5.254')))
    const eth2 = state.devices.list.at(-1)
    add(state, route('172.18.0.0/16', { oif: eth2?.ifindex ?? 0, scope: 0 }))
    const from = (dst: string, src = '0.0.0.0') => {
      const found = ipRouteOutput(state, flow(dst, { src: parseIp(src) }))
      return typeof found === 'number' ? found : formatIp(found.src)
    }
    expect(from('172.16.1.1', '10.0.0.1')).toBe('10.0.0.1')
    expect(from('172.16.1.1')).toBe('192.168.1.1')
    expect(from('172.17.1.1')).toBe('10.0.5.1')
    expect(from('172.18.1.1')).toBe('10.0.0.1')
    k.net.configure('lo', { address: '5.5.5.5/32' })
    const lo = state.devices.list[0]
    if (lo !== undefined)
      lo.addresses = lo.addresses.map((ifa) => ({ ...ifa, scope: ifa.prefix === 32 ? 0 : 254 }))
    flushRoutes(state)
    expect(from('172.18.1.1')).toBe('5.5.5.5')
  })
})

describe('tables', () => {
  it('the longest prefix wins; of one prefix TOS, then the lowest metric', () => {
    const { state } = boot()
    add(state, route('0.0.0.0/0', via('10.0.0.254')))
    add(state, route('172.16.0.0/12', via('10.0.0.253')))
    add(state, route('172.16.0.0/16', { ...via('10.0.0.252'), priority: 5 }))
    add(state, route('172.16.0.0/16', { ...via('10.0.0.251'), priority: 2 }))
    add(state, route('172.16.0.0/16', { ...via('10.0.0.250'), tos: 8 }))
    const hop = (dst: string, tos = 0) => {
      const found = ipRouteOutput(state, flow(dst, { tos }))
      return typeof found === 'number' ? found : formatIp(found.gateway)
    }
    expect([hop('1.2.3.4'), hop('172.17.0.1'), hop('172.16.0.1'), hop('172.16.0.1', 8)]).toEqual([
      '10.0.0.254',
      '10.0.0.253',
      '10.0.0.251',
      '10.0.0.250',
    ])
  })

  it('agree with a search through all prefixes, for random tables', () => {
    let seed = 12345
    const random = (n: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
      return (seed >>> 8) % n
    }
    const dev = boot().state.devices.list[0] ?? null
    for (let round = 0; round < 20; round++) {
      const table = new FibTable(1)
      const all: FibNode[] = []
      for (let i = 0; i < 200; i++) {
        const prefix = random(33)
        const mask = prefix === 0 ? 0 : (-1 << (32 - prefix)) >>> 0
        const dst = ((random(1 << 16) << 16) | (random(1 << 16) & 0x0303)) & mask
        const info = { protocol: 3, prefsrc: 0, priority: 0, dev, gateway: i, nhScope: 0, nhFlags: 0 }
        const node = { dst: dst >>> 0, prefix, tos: 0, type: UNICAST, scope: 0, info }
        const failed = tableInsert(table, node, FIB_CREATE | FIB_EXCL)
        expect(failed === 0 || failed === EEXIST).toBe(true)
        if (failed === 0) all.push(node)
      }
      for (let i = 0; i < 500; i++) {
        const near = all[random(all.length)]?.dst ?? 0
        const dst = (near ^ random(1 << 10)) >>> 0
        const best = all
          .filter(({ dst: to, prefix }) => prefix === 0 || (to ^ dst) >>> (32 - prefix) === 0)
          .sort((a, b) => b.prefix - a.prefix)[0]
        expect(tableLookup(table, dst, 0, 0, 0)).toBe(best ?? null)
      }
    }
  })

  it('a gateway must be on a link: ENETUNREACH', () => {
    const { state } = boot()
    expect(newRoute(state, route('172.16.0.0/12', via('8.8.8.8')), FIB_CREATE)).toBe(ENETUNREACH)
  })

  it('a device that goes down takes its routes along, an address that goes its own', () => {
    const { k, state } = boot()
    add(state, route('172.16.0.0/12', via('10.0.0.254')))
    expect(inetAddrType(state, parseIp('10.0.0.255'))).toBe(3)
    k.net.configure('eth0', { up: false })
    expect(ipRouteOutput(state, flow('172.16.1.1'))).toBe(ENETUNREACH)
    expect(ipRouteOutput(state, flow('10.0.0.9'))).toBe(ENETUNREACH)
    k.net.configure('eth0', { up: true })
    expect(show(ipRouteOutput(state, flow('10.0.0.9')))).toBe('1 eth0 via 10.0.0.9 src 10.0.0.1')
    expect(checkInvariants(k)).toEqual([])
    expect(k.fork().digest()).toBe(k.digest())
  })
})
