import { checkInvariants, createKernel, EBADF, EPIPE } from 'paleokernel'
import { net } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'

const text = (s: string) => new TextEncoder().encode(s)
describe.each(['2.0.35', '2.2.12', '2.6.14'] as const)('%s', (profile) => {
  it('carries bytes, names and descriptors, and its books balance', () => {
    const k = createKernel({ modules: [net()], profile })
    const p = k.spawn()
    const pair = p.sys.socketpair(1, 1)
    if (!Array.isArray(pair)) throw new Error(String(pair))
    const [a, b] = pair
    expect(p.sys.write(a, text('hello'))).toBe(5)
    const buf = new Uint8Array(10)
    expect(p.sys.read(b, buf)).toBe(5)
    expect(checkInvariants(k)).toEqual([])
    const l = p.libc.socket(1, 1)
    expect(p.sys.bind(l, { family: 1, path: '/tmp/s' })).toBe(0)
    expect(p.sys.listen(l, 5)).toBe(0)
    const c = p.libc.socket(1, 1)
    expect(p.sys.connect(c, { family: 1, path: '/tmp/s' })).toBe(0)
    const s = p.libc.accept(l, {})
    expect(p.sys.sendmsg(c, { iov: [text('x')], control: [{ level: 1, type: 1, fds: [a, l, c] }] })).toBe(1)
    expect(checkInvariants(k)).toEqual([])
    const f = k.fork()
    expect(f.digest()).toBe(k.digest())
    const m = { iov: [buf], control: [] as never[] }
    expect(p.sys.recvmsg(s, m)).toBe(1)
    expect(m.control).toEqual([{ level: 1, type: 1, fds: [s + 1, s + 2, s + 3] }])
    expect(checkInvariants(k)).toEqual([])
    expect(p.sys.close(b)).toBe(0)
    expect(p.sys.send(a, text('x'), 0x4000)).toBe(EPIPE)
    expect(p.sys.close(99)).toBe(EBADF)
    p.sys.exit(0)
    expect(checkInvariants(k)).toEqual([])
    expect(k.net.socketsInUse).toBe(0)
  })
})
