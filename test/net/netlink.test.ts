/** AF_NETLINK sockets and rtnetlink's protocol in bytes. Linux: net/netlink/af_netlink.c, net/core/rtnetlink.c. */
import {
  checkInvariants,
  createKernel,
  defineModule,
  EADDRINUSE,
  EAGAIN,
  ECONNREFUSED,
  EINVAL,
  EOPNOTSUPP,
  EPERM,
  EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
  type Profile,
} from 'paleokernel'
import { FROM_KERNEL, type NetlinkProtocol, net, netlinkUnicast } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'
import { int32, le32, readAttributes, readMessages, textOf, writeMessage } from '../../src/lib/nlmsg.js'

const AF_NETLINK = 16
const SOCK_RAW = 3
const DONTWAIT = 0x40
const REQUEST = 1
const ACK = 4
const DUMP = 0x300

const at = (pid: number, groups = 0) => ({ family: AF_NETLINK, pid, groups }) as const
const KERNEL = at(0)

const boot = (profile: Profile = '2.2.12') => {
  const k = createKernel({ modules: [net()], profile })
  const p = k.spawn()
  return { k, p, fd: p.libc.socket(AF_NETLINK, SOCK_RAW, 0) }
}

type Caller = ReturnType<typeof boot>['p']

/** One request; the answers' messages. */
function ask(p: Caller, fd: number, type: number, flags: number, fixed: Uint8Array) {
  const request = writeMessage({ type, flags, seq: 77, pid: 0 }, fixed)
  expect(p.sys.sendto(fd, request, 0, KERNEL)).toBe(request.length)
  const buf = new Uint8Array(8192)
  const n = p.sys.recv(fd, buf, DONTWAIT)
  return n < 0 ? [] : readMessages(buf.slice(0, n))
}

const error = (messages: ReturnType<typeof ask>): number => {
  expect(messages.map(({ type }) => type)).toEqual([2])
  return le32(messages[0]?.body ?? new Uint8Array(0), 0) | 0
}

describe('AF_NETLINK', () => {
  it('is raw or datagram, below protocol 32, and not in 2.0', () => {
    const { p } = boot()
    expect(p.sys.socket(AF_NETLINK, 1, 0)).toBe(ESOCKTNOSUPPORT)
    expect(p.sys.socket(AF_NETLINK, SOCK_RAW, 32)).toBe(EPROTONOSUPPORT)
    expect(p.sys.socket(AF_NETLINK, 2, 31)).toBeGreaterThan(0)
    const old = createKernel({ modules: [net()], profile: '2.0.35' }).spawn()
    expect(old.sys.socket(AF_NETLINK, SOCK_RAW, 0)).toBe(EINVAL)
  })

  it('port ids: the own pid, then others; a taken one is EADDRINUSE, another one EINVAL', () => {
    const { p, fd } = boot()
    expect(p.sys.bind(fd, at(0))).toBe(0)
    expect(p.sys.getsockname(fd)).toEqual(at(p.pid))
    const second = p.libc.socket(AF_NETLINK, SOCK_RAW, 0)
    expect(p.sys.bind(second, at(p.pid))).toBe(EADDRINUSE)
    expect(p.sys.bind(second, at(0))).toBe(0)
    expect(p.sys.getsockname(second)).toEqual(at(4294963199))
    expect(p.sys.bind(second, at(5))).toBe(EINVAL)
    expect(p.sys.bind(second, { family: 2, addr: '0.0.0.0', port: 0 })).toBe(EINVAL)
  })

  it('groups need CAP_NET_ADMIN; those of rtnetlink may be heard by all since 2.6', () => {
    for (const [profile, expected] of [
      ['2.2.12', EPERM],
      ['2.6.14', 0],
    ] as const) {
      const alice = boot(profile).k.spawn({ uid: 1000 })
      const fd = alice.libc.socket(AF_NETLINK, SOCK_RAW, 0)
      expect([profile, alice.sys.bind(fd, at(0, 0x40))]).toEqual([profile, expected])
      expect(alice.sys.sendto(fd, new Uint8Array(16), 0, at(0, 1))).toBe(EPERM)
    }
  })

  it('carries messages between programs; nobody there is ECONNREFUSED', () => {
    const { k, p, fd } = boot()
    const q = k.spawn()
    const other = q.libc.socket(AF_NETLINK, SOCK_RAW, 0)
    q.libc.bind(other, at(500))
    expect(p.sys.sendto(fd, Uint8Array.of(1, 2, 3), 0, at(500))).toBe(3)
    const from = {}
    const buf = new Uint8Array(2)
    expect(q.sys.recvfrom(other, buf, DONTWAIT, from)).toBe(2)
    expect(from).toEqual(at(p.pid))
    expect(q.sys.recv(other, buf, DONTWAIT)).toBe(EAGAIN)
    expect(p.sys.sendto(fd, Uint8Array.of(1), 0, at(501))).toBe(ECONNREFUSED)
    expect(p.sys.sendto(fd, Uint8Array.of(1), 1, at(500))).toBe(EOPNOTSUPP)
    const quiet = p.libc.socket(AF_NETLINK, SOCK_RAW, 9)
    expect(p.sys.sendto(quiet, Uint8Array.of(1), 0, KERNEL)).toBe(ECONNREFUSED)
    expect(checkInvariants(k)).toEqual([])
  })

  it('protocols come from modules', () => {
    const echo: NetlinkProtocol = {
      protocol: 17,
      input: (_current, state, from, data) => {
        netlinkUnicast(state, 17, from.pid, data.slice().reverse())
      },
    }
    const module = defineModule({
      name: 'echo',
      requires: ['net'],
      init: () => ({}),
      attach: () => ({ api: {}, net: { netlink: [echo] } }),
    })
    const p = createKernel({ modules: [net(), module], profile: '2.2.12' }).spawn()
    const fd = p.libc.socket(AF_NETLINK, SOCK_RAW, 17)
    expect(p.sys.sendto(fd, Uint8Array.of(1, 2, 3), 0, KERNEL)).toBe(3)
    const buf = new Uint8Array(9)
    expect(p.sys.recv(fd, buf, DONTWAIT)).toBe(3)
    expect([...buf.subarray(0, 3)]).toEqual([3, 2, 1])
    expect(FROM_KERNEL.pid).toBe(0)
  })

  it('a reader sleeps until a message comes', () => {
    const { k, p, fd } = boot()
    p.libc.bind(fd, at(700))
    const buf = new Uint8Array(8)
    const call = p.begin.recv(fd, buf, 0)
    expect(call.result).toBeUndefined()
    expect(checkInvariants(k)).toEqual([])
    const q = k.spawn()
    q.libc.sendto(q.libc.socket(AF_NETLINK, SOCK_RAW, 0), Uint8Array.of(9), 0, at(700))
    k.run()
    expect(call.result).toBe(1)
  })
})

describe('rtnetlink', () => {
  const rtmsg = (...bytes: number[]) =>
    Uint8Array.from([2, ...bytes, ...new Array(11 - bytes.length).fill(0)])

  it('answers requests only, and acknowledges when asked to', () => {
    const { p, fd } = boot()
    expect(ask(p, fd, 26, 0, rtmsg())).toEqual([])
    expect(error(ask(p, fd, 24, REQUEST | ACK, rtmsg()))).toBe(EINVAL)
    expect(error(ask(p, fd, 60, REQUEST, rtmsg()))).toBe(EINVAL)
    expect(error(ask(p, fd, 24, REQUEST, rtmsg().slice(0, 5)))).toBe(EINVAL)
    expect(ask(p, fd, 15, REQUEST, rtmsg())).toEqual([])
  })

  it('dumps are open to all, changes need CAP_NET_ADMIN', () => {
    const { k } = boot()
    const alice = k.spawn({ uid: 1000 })
    const fd = alice.libc.socket(AF_NETLINK, SOCK_RAW, 0)
    const links = ask(alice, fd, 18, REQUEST | DUMP, new Uint8Array(16))
    expect(links.map(({ type, seq, pid }) => [type, seq, pid])).toEqual([[16, 77, alice.pid]])
    expect(textOf(readAttributes(links[0]?.body ?? new Uint8Array(0), 16).get(3) ?? new Uint8Array(0))).toBe(
      'lo',
    )
    const buf = new Uint8Array(64)
    const done = readMessages(buf.slice(0, alice.sys.recv(fd, buf, DONTWAIT)))
    expect(done.map(({ type }) => type)).toEqual([3])
    for (const type of [20, 21, 24, 25, 28, 29, 32, 33])
      expect([type, error(ask(alice, fd, type, REQUEST, new Uint8Array(16)))]).toEqual([type, EPERM])
  })

  it('who listens hears of routes', () => {
    const { k, p, fd } = boot()
    p.libc.bind(fd, at(0, 0x40))
    const q = k.spawn()
    const other = q.libc.socket(AF_NETLINK, SOCK_RAW, 0)
    const request = writeMessage(
      { type: 24, flags: REQUEST | 0x600, seq: 1, pid: 0 },
      rtmsg(8, 0, 0, 254, 3, 0, 7),
      [[1, Uint8Array.of(9, 0, 0, 0)]],
    )
    expect(q.sys.sendto(other, request, 0, KERNEL)).toBe(request.length)
    const buf = new Uint8Array(256)
    const told = readMessages(buf.slice(0, p.sys.recv(fd, buf, DONTWAIT)))
    expect(told.map(({ type }) => type)).toEqual([24])
    expect(readAttributes(told[0]?.body ?? new Uint8Array(0), 12).get(1)).toEqual(Uint8Array.of(9, 0, 0, 0))
  })

  it('nothing that is sent to it throws or leaks', () => {
    const { k, p, fd } = boot()
    let seed = 7
    const random = (n: number) => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
      return Math.floor((seed / 4294967296) * n)
    }
    const buf = new Uint8Array(8192)
    for (let i = 0; i < 4000; i++) {
      const bytes = new Uint8Array(random(80)).map(() => (random(3) === 0 ? random(256) : random(5)))
      if (bytes.length >= 16) {
        bytes.set(int32(random(8) === 0 ? random(100) : bytes.length), 0)
        bytes.set([12 + random(30), 0, random(2) + 4 * random(2), random(16)], 4)
      }
      expect(p.sys.sendto(fd, bytes, 0, KERNEL)).toBe(bytes.length)
      for (let n = 1; n > 0; ) n = p.sys.recv(fd, buf, DONTWAIT)
    }
    expect(checkInvariants(k)).toEqual([])
    expect(k.fork().digest()).toBe(k.digest())
  })
})
