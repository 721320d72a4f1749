/**
 * TCP, rule by rule: when acknowledgements go out.
 * Linux: tcp_event_data_sent, tcp_event_data_recv, cleanup_rbuf.
 */
import { checkInvariants, createKernel, EAGAIN, type Profile } from 'paleokernel'
import { net } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'

const AF_INET = 2
const SOCK_STREAM = 1
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
const PROFILES = ['2.0.35', '2.2.12', '2.6.14'] as const

const at = (port: number) => ({ family: AF_INET, addr: '127.0.0.1', port }) as const
const boot = (profile: Profile) => createKernel({ modules: [net()], profile })
type K = ReturnType<typeof boot>
type P = ReturnType<K['spawn']>

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))

/** What can be read at once: text, or the Errno. */
function read(p: P, fd: number): string | number {
  const buf = new Uint8Array(100)
  const count = p.sys.recv(fd, buf, MSG_DONTWAIT)
  return count < 0 ? count : Buffer.from(buf.subarray(0, count)).toString()
}

const send = (p: P, fd: number, text: string): number => p.sys.send(fd, bytes(text), MSG_NOSIGNAL)

/** Two ends of a connection over loopback. */
function pair(k: K) {
  const p = k.spawn()
  const q = k.spawn()
  const l = p.libc.socket(AF_INET, SOCK_STREAM)
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
