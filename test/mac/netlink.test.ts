/** MAC and netlink between programs: what is of one compartment does not come to another (MAC-43, MAC-46, MAC-52). */
import {
  checkInvariants,
  createKernel,
  EADDRINUSE,
  EAGAIN,
  ECONNREFUSED,
  MS_REMOUNT,
  type Profile,
} from 'paleokernel'
import { type MacOptions, mac } from 'paleokernel/mac'
import { net } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'
import { ok, readFile } from '../helpers/world.js'
import { A, B } from './world.js'

const AF_NETLINK = 16
const RAW = 3
const USERSOCK = 2
const DONTWAIT = 0x40
const ADMIN = '65535:0+admin'
const at = (pid: number, groups = 0) => ({ family: AF_NETLINK, pid, groups }) as const

function scene(profile: Profile, options: MacOptions = {}) {
  const k = createKernel({ profile, modules: [net({ netlink: { usersock: true } }), mac(options)] })
  // Everybody sees the root file system.
  ok(k.spawn().sys.mount('none', '/', '', MS_REMOUNT, 'mac=65535:0+shared'))
  const inside = (label: string) => {
    const p = k.spawn()
    k.mac.setLabel(p.pid, label)
    return p
  }
  return { k, a: inside(A), other: inside(A), b: inside(B), admin: inside(ADMIN) }
}

type Caller = ReturnType<typeof scene>['a']

function bound(p: Caller, pid: number, groups = 0): number {
  const fd = p.libc.socket(AF_NETLINK, RAW, USERSOCK)
  const failed = p.sys.bind(fd, at(pid, groups))
  return failed < 0 ? failed : fd
}

function next(p: Caller, fd: number): number {
  const buf = new Uint8Array(8)
  const n = p.sys.recv(fd, buf, DONTWAIT)
  return n < 0 ? n : (buf[0] ?? 0)
}

const send = (p: Caller, fd: number, value: number, to: ReturnType<typeof at>): number =>
  p.sys.sendto(fd, Uint8Array.of(value), DONTWAIT, to)

describe.each(['2.2.12', '2.6.14'] as const)('%s', (profile) => {
  it('MAC-43: a port of another compartment is as if it were not there; an administrator reaches all', () => {
    const { k, a, other, b, admin } = scene(profile)
    const fd = bound(a, 500)
    expect(send(other, bound(other, 501), 1, at(500))).toBe(1)
    expect(send(b, bound(b, 502), 2, at(500))).toBe(ECONNREFUSED)
    expect(send(admin, bound(admin, 503), 3, at(500))).toBe(1)
    expect([next(a, fd), next(a, fd), next(a, fd)]).toEqual([1, 3, EAGAIN])
    expect(send(a, fd, 4, at(503))).toBe(1)
    expect(checkInvariants(k)).toEqual([])
  })

  it('MAC-43: groups reach the listeners of the own compartment, and administrators', () => {
    const { a, other, b, admin } = scene(profile)
    const listeners = [other, b, admin].map((p, i) => ({ p, fd: bound(p, 600 + i, 1) }))
    const to = bound(a, 610)
    expect(send(a, bound(a, 611), 5, at(610, 1))).toBe(1)
    expect(listeners.map(({ p, fd }) => next(p, fd))).toEqual([5, EAGAIN, 5])
    expect(next(a, to)).toBe(5)
  })

  it('MAC-46: ports clash within a compartment only; sharedPortSpace makes it one space, and still separate', () => {
    const { a, other, b } = scene(profile)
    const [mine, theirs] = [bound(a, 500), bound(b, 500)]
    expect(bound(other, 500)).toBe(EADDRINUSE)
    expect(send(other, bound(other, 501), 1, at(500))).toBe(1)
    expect([next(a, mine), next(b, theirs)]).toEqual([1, EAGAIN])
    const shared = scene(profile, { sharedPortSpace: true })
    bound(shared.a, 500)
    expect(bound(shared.b, 500)).toBe(EADDRINUSE)
    expect(send(shared.b, bound(shared.b, 501), 1, at(500))).toBe(ECONNREFUSED)
  })

  it('MAC-46: ports of the kernel’s choice do not tell what other compartments have used up', () => {
    const { a, other, b } = scene(profile)
    const chosen = (p: Caller): number => {
      bound(p, 0)
      const name = p.sys.getsockname(bound(p, 0))
      return typeof name === 'object' && 'pid' in name ? name.pid : 0
    }
    const [first, second, theirs] = [chosen(a), chosen(other), chosen(b)]
    expect([first, theirs]).toEqual([4294963199, 4294963199])
    expect(second).toBe(4294963198)
  })

  it('a sender does not wait for room in a socket that it does not see', () => {
    const { a, b } = scene(profile)
    const fd = bound(a, 500)
    a.libc.setsockopt(fd, 1, 8, 0)
    const own = bound(a, 501)
    while (send(a, own, 1, at(500)) === 1);
    expect(send(b, bound(b, 502), 2, at(500))).toBe(ECONNREFUSED)
  })

  it('MAC-52: /proc/net/netlink lists the visible sockets only', () => {
    const { a, b, admin } = scene(profile)
    bound(a, 500)
    const sees = (p: Caller): boolean => readFile(p, '/proc/net/netlink').includes(' 500 ')
    expect([sees(a), sees(b), sees(admin)]).toEqual([true, false, true])
  })

  it('every compartment talks to the kernel, which answers who has asked', () => {
    const { a, b } = scene(profile)
    for (const p of [a, b]) {
      const fd = p.libc.socket(AF_NETLINK, RAW, 0)
      p.libc.bind(fd, at(500))
      const request = new Uint8Array(32)
      request.set([32, 0, 0, 0, 18, 0, 1, 3])
      expect(p.sys.sendto(fd, request, 0, at(0))).toBe(32)
      const buf = new Uint8Array(4096)
      expect(p.sys.recv(fd, buf, DONTWAIT)).toBeGreaterThan(32)
      expect(buf[4]).toBe(16)
    }
  })
})
