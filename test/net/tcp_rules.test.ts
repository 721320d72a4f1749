/**
 * TCP, rule by rule: when acknowledgements go out, what a connection has from its listener, what comes after the end.
 * Linux: net/ipv4/tcp_input.c, tcp_output.c, tcp_minisocks.c, tcp.c.
 */
import {
  checkInvariants,
  createKernel,
  EAGAIN,
  ECONNRESET,
  EINVAL,
  ENOTCONN,
  EPIPE,
  type Profile,
} from 'paleokernel'
import { net } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'

const AF_INET = 2
const SOCK_STREAM = 1
const SOL_SOCKET = 1
const SOL_TCP = 6
const SO_ERROR = 4
const TCP_LINGER2 = 8
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
const FIONREAD = 0x541b
const POLLIN = 1
const POLLOUT = 4
const POLLHUP = 16
const [SHUT_RD, SHUT_WR, SHUT_RDWR] = [0, 1, 2]
const PROFILES = ['2.0.35', '2.2.12', '2.6.14'] as const

const at = (port: number) => ({ family: AF_INET, addr: '127.0.0.1', port }) as const
const boot = (profile: Profile) => createKernel({ modules: [net()], profile })
type K = ReturnType<typeof boot>
type P = ReturnType<K['spawn']>

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))

const poll = (p: P, fd: number): number => {
  const fds = [{ fd, events: POLLIN | POLLOUT, revents: 0 }]
  p.sys.poll(fds, 0)
  return fds[0]?.revents ?? 0
}

/** What can be read at once: text, or the Errno. */
function read(p: P, fd: number): string | number {
  const buf = new Uint8Array(100)
  const count = p.sys.recv(fd, buf, MSG_DONTWAIT)
  return count < 0 ? count : Buffer.from(buf.subarray(0, count)).toString()
}

const send = (p: P, fd: number, text: string): number => p.sys.send(fd, bytes(text), MSG_NOSIGNAL)

/** Two ends of a connection over loopback; the listener has been shut down that way before it listened. */
function pair(k: K, shutBefore?: number) {
  const p = k.spawn()
  const q = k.spawn()
  const l = p.libc.socket(AF_INET, SOCK_STREAM)
  if (shutBefore !== undefined) expect(p.sys.shutdown(l, shutBefore)).toBe(ENOTCONN)
  expect(p.sys.bind(l, at(5000))).toBe(0)
  expect(p.sys.listen(l, 5)).toBe(0)
  const c = q.libc.socket(AF_INET, SOCK_STREAM)
  expect(q.sys.connect(c, at(5000))).toBe(0)
  const s = p.libc.accept(l)
  return { p, q, l, c, s }
}

describe.each(PROFILES)('acknowledgements in %s', (profile) => {
  it('the first go out at once, those of a socket that is connected to itself too', () => {
    const p = boot(profile).spawn()
    const s = p.libc.socket(AF_INET, SOCK_STREAM)
    expect(p.sys.bind(s, at(5000))).toBe(0)
    expect(p.sys.connect(s, at(5000))).toBe(0)
    expect(send(p, s, 'one')).toBe(3)
    expect(send(p, s, 'two')).toBe(3)
    expect(read(p, s)).toBe('onetwo')
  })

  it('wait 40 ms for an answer where one has followed soon after data: so do small segments behind them', () => {
    const k = boot(profile)
    const { p, q, c, s } = pair(k)
    send(q, c, 'question')
    send(p, s, 'answer')
    send(q, c, 'a')
    send(q, c, 'b')
    expect(read(p, s)).toBe('questiona')
    expect(read(p, s)).toBe(EAGAIN)
    k.advance(40)
    expect(read(p, s)).toBe('b')
    expect(checkInvariants(k)).toEqual([])
  })

  it('do not wait where the answer has come late', () => {
    const k = boot(profile)
    const { p, q, c, s } = pair(k)
    send(q, c, 'question')
    k.advance(41)
    send(p, s, 'answer')
    send(q, c, 'a')
    send(q, c, 'b')
    expect(read(p, s)).toBe('questionab')
  })

  it('do not wait where all has been read, however long nobody answers', () => {
    const { p, q, c, s } = pair(boot(profile))
    for (let i = 0; i < 40; i++) {
      expect(send(q, c, 'x')).toBe(1)
      expect(read(p, s), `message ${i}`).toBe('x')
    }
  })
})

describe.each(PROFILES)('the end in %s', (profile) => {
  it('data for a socket that nobody has any more are answered with a reset, in the ACK of its FIN too', () => {
    const k = boot(profile)
    const { p, q, c, s } = pair(k)
    p.sys.close(s)
    expect(send(q, c, 'data')).toBe(4)
    expect(q.sys.getsockopt(c, SOL_SOCKET, SO_ERROR)).toBe(-EPIPE)
    expect(send(q, c, 'data')).toBe(EPIPE)
    expect(checkInvariants(k)).toEqual([])
  })

  it('FIONREAD counts what has come before it', () => {
    const p = boot(profile).spawn()
    const s = p.libc.socket(AF_INET, SOCK_STREAM)
    p.sys.bind(s, at(5000))
    p.sys.connect(s, at(5000))
    send(p, s, 'hello')
    expect(p.sys.shutdown(s, SHUT_RDWR)).toBe(0)
    const count = new Uint8Array(4)
    expect(p.sys.ioctl(s, FIONREAD, count)).toBe(0)
    expect(count[0]).toBe(5)
    expect(read(p, s)).toBe('hello')
  })
})

describe('2.6.14', () => {
  it('TCP_LINGER2 below 0: a FIN that has been acknowledged ends all with a reset', () => {
    const k = boot('2.6.14')
    const { p, q, c, s } = pair(k)
    expect(p.sys.setsockopt(s, SOL_TCP, TCP_LINGER2, -1)).toBe(0)
    p.sys.close(s)
    k.advance(40)
    expect(q.sys.getsockopt(c, SOL_SOCKET, SO_ERROR)).toBe(-EPIPE)
    expect(checkInvariants(k)).toEqual([])
  })

  it.each([
    ['SHUT_RD', SHUT_RD, '', POLLIN | POLLOUT, 4],
    ['SHUT_WR', SHUT_WR, EAGAIN, 0, EPIPE],
    ['SHUT_RDWR', SHUT_RDWR, '', POLLIN | POLLHUP, EPIPE],
  ] as const)('a connection has %s from its listener', (_name, how, empty, mask, sent) => {
    const k = boot('2.6.14')
    const { p, q, c, s } = pair(k, how)
    expect(read(p, s)).toBe(empty)
    expect(poll(p, s)).toBe(mask)
    expect(send(p, s, 'data')).toBe(sent)
    // The peer does not hear of it.
    expect(poll(q, c)).toBe(sent === 4 ? POLLIN | POLLOUT : POLLOUT)
    expect(send(q, c, 'hello')).toBe(5)
    expect(read(p, s)).toBe('hello')
    expect(checkInvariants(k)).toEqual([])
  })

  it('a connection has not bound to the port of its listener: after the end it may bind to another', () => {
    const k = boot('2.6.14')
    const { p, q, c, s } = pair(k)
    expect(p.sys.bind(s, at(5001))).toBe(EINVAL)
    send(p, s, 'unread')
    q.sys.close(c)
    expect(p.sys.getsockopt(s, SOL_SOCKET, SO_ERROR)).toBe(-ECONNRESET)
    expect(p.sys.bind(s, at(5001))).toBe(0)
    expect(p.sys.getsockname(s)).toMatchObject({ port: 5001 })
    expect(checkInvariants(k)).toEqual([])
  })
})
