/** TCP: connections, their ends, urgent data, lossy links. Linux: net/ipv4/tcp*.c, af_inet.c. */
import {
  checkInvariants,
  createKernel,
  EADDRINUSE,
  EADDRNOTAVAIL,
  EAGAIN,
  EALREADY,
  EBADF,
  ECONNREFUSED,
  ECONNRESET,
  EHOSTUNREACH,
  EINPROGRESS,
  EINVAL,
  EISCONN,
  ENETUNREACH,
  ENOTCONN,
  EPIPE,
  ETIMEDOUT,
  type Profile,
} from 'paleokernel'
import { net } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'

const AF_INET = 2
const SOCK_STREAM = 1
const SOL_SOCKET = 1
const SOL_TCP = 6
const SO_REUSEADDR = 2
const SO_ERROR = 4
const SO_RCVBUF = 8
const SO_KEEPALIVE = 9
const SO_LINGER = 13
const SO_OOBINLINE = 10
const MSG_OOB = 1
const MSG_PEEK = 2
const MSG_DONTWAIT = 0x40
const MSG_WAITALL = 0x100
const MSG_NOSIGNAL = 0x4000
const O_NONBLOCK = 0o4000
const F_SETFL = 4
const POLLIN = 1
const POLLPRI = 2
const POLLOUT = 4
const POLLERR = 8
const POLLHUP = 16
const SIOCATMARK = 0x8905
const O_ASYNC = 0o20000
const SIGURG = 23
const SIGIO = 29
const PROFILES = ['2.0.35', '2.2.12', '2.6.14'] as const

const at = (port: number, addr = '127.0.0.1') => ({ family: AF_INET, addr, port }) as const
const boot = (profile: Profile) => createKernel({ modules: [net()], profile })
type K = ReturnType<typeof boot>
type P = ReturnType<K['spawn']>

const pattern = (size: number): Uint8Array => new Uint8Array(size).map((_, i) => (i * 31) >> 3)
const text = (s: string): Uint8Array => new Uint8Array(Buffer.from(s))
const poll = (p: P, fd: number): number => {
  const fds = [{ fd, events: POLLIN | POLLPRI | POLLOUT, revents: 0 }]
  p.sys.poll(fds, 0)
  return fds[0]?.revents ?? 0
}

function listener(p: P, port: number, backlog = 5, addr = '127.0.0.1'): number {
  const fd = p.libc.socket(AF_INET, SOCK_STREAM)
  p.sys.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1)
  expect(p.sys.bind(fd, at(port, addr))).toBe(0)
  expect(p.sys.listen(fd, backlog)).toBe(0)
  return fd
}

/** Two ends of a connection over loopback. */
function pair(k: K) {
  const p = k.spawn()
  const q = k.spawn()
  const l = listener(p, 5000)
  const c = q.libc.socket(AF_INET, SOCK_STREAM)
  expect(q.sys.connect(c, at(5000))).toBe(0)
  const s = p.libc.accept(l)
  return { p, q, l, c, s }
}

describe.each(PROFILES)('a connection in %s', (profile) => {
  it('carries a stream both ways, and ends with its FINs', () => {
    const k = boot(profile)
    const { p, q, l, c, s } = pair(k)
    const data = pattern(200_000)
    const sending = q.begin.send(c, data)
    const got = new Uint8Array(data.length)
    let count = 0
    while (count < data.length) {
      const buf = new Uint8Array(30_000)
      const n = p.sys.recv(s, buf, MSG_DONTWAIT)
      if (n === EAGAIN) {
        k.advance(50)
        continue
      }
      expect(n).toBeGreaterThan(0)
      got.set(buf.subarray(0, n), count)
      count += n
    }
    expect(Buffer.compare(got, data)).toBe(0)
    expect(sending.result).toBe(data.length)
    expect(p.sys.send(s, text('pong'))).toBe(4)
    const buf = new Uint8Array(10)
    expect(q.sys.recv(c, buf)).toBe(4)
    expect(checkInvariants(k)).toEqual([])
    expect(k.fork().digest()).toBe(k.digest())
    q.sys.close(c)
    expect(p.sys.recv(s, buf)).toBe(0)
    p.sys.close(s)
    p.sys.close(l)
    expect(checkInvariants(k)).toEqual([])
    k.advance(61_000)
    expect(checkInvariants(k)).toEqual([])
    expect(k.net.socketsInUse).toBe(0)
  })

  it('refuses where nobody listens', () => {
    const p = boot(profile).spawn()
    const c = p.libc.socket(AF_INET, SOCK_STREAM)
    expect(p.sys.connect(c, at(9))).toBe(ECONNREFUSED)
    expect(p.sys.getpeername(c)).toBe(ENOTCONN)
    expect(p.sys.connect(c, at(9))).toBe(ECONNREFUSED)
  })

  it('connects without waiting: EINPROGRESS, then poll and SO_ERROR', () => {
    const k = boot(profile)
    const p = k.spawn()
    listener(p, 5000)
    const c = p.libc.socket(AF_INET, SOCK_STREAM)
    p.sys.fcntl(c, F_SETFL, O_NONBLOCK)
    expect(p.sys.connect(c, at(5000))).toBe(EINPROGRESS)
    expect(p.sys.getsockopt(c, SOL_SOCKET, SO_ERROR)).toBe(0)
    expect(p.sys.connect(c, at(5000))).toBe(0)
    expect(p.sys.connect(c, at(5000))).toBe(EISCONN)
    const d = p.libc.socket(AF_INET, SOCK_STREAM)
    p.sys.fcntl(d, F_SETFL, O_NONBLOCK)
    expect(p.sys.connect(d, at(9))).toBe(EINPROGRESS)
    expect(p.sys.getsockopt(d, SOL_SOCKET, SO_ERROR)).toBe(-ECONNREFUSED)
  })

  it('half-closes: the other direction goes on', () => {
    const k = boot(profile)
    const { p, q, c, s } = pair(k)
    expect(q.sys.shutdown(c, 1)).toBe(0)
    const buf = new Uint8Array(10)
    expect(p.sys.recv(s, buf)).toBe(0)
    expect(p.sys.send(s, text('late'))).toBe(4)
    expect(q.sys.recv(c, buf)).toBe(4)
    expect(q.sys.send(c, text('x'), MSG_NOSIGNAL)).toBe(EPIPE)
    p.sys.close(s)
    expect(q.sys.recv(c, buf)).toBe(0)
    expect(q.sys.close(c)).toBe(0)
    k.advance(61_000)
    expect(checkInvariants(k)).toEqual([])
  })

  it('a close with unread data resets', () => {
    const k = boot(profile)
    const { p, q, c, s } = pair(k)
    q.sys.send(c, text('unread'))
    p.sys.close(s)
    expect(q.sys.recv(c, new Uint8Array(4))).toBe(ECONNRESET)
    expect(q.sys.recv(c, new Uint8Array(4))).not.toBeGreaterThan(0)
    expect(checkInvariants(k)).toEqual([])
  })

  it('SO_LINGER of no time resets', () => {
    const k = boot(profile)
    const { p, q, c, s } = pair(k)
    q.sys.setsockopt(c, SOL_SOCKET, SO_LINGER, { onoff: 1, linger: 0 })
    q.sys.close(c)
    expect(p.sys.recv(s, new Uint8Array(4))).toBe(ECONNRESET)
    expect(checkInvariants(k)).toEqual([])
  })

  it('MSG_OOB: one byte beside the stream, the mark, and in line', () => {
    const k = boot(profile)
    const { p, q, c, s } = pair(k)
    expect(q.sys.send(c, text('abc'))).toBe(3)
    expect(q.sys.send(c, text('!'), MSG_OOB)).toBe(1)
    expect(q.sys.send(c, text('def'))).toBe(3)
    k.advance(500)
    expect(poll(p, s) & POLLPRI).toBe(profile === '2.0.35' ? poll(p, s) & POLLPRI : POLLPRI)
    const buf = new Uint8Array(16)
    expect(p.sys.recv(s, buf, MSG_OOB)).toBe(1)
    expect(buf[0]).toBe(0x21)
    expect(p.sys.recv(s, buf, MSG_OOB)).toBe(EINVAL)
    // A read stops at the mark.
    expect(p.sys.recv(s, buf)).toBe(3)
    const mark = { value: 0 }
    p.sys.ioctl(s, SIOCATMARK, mark)
    expect(mark.value).toBe(1)
    expect(p.sys.recv(s, buf)).toBe(3)
    expect(Buffer.from(buf.subarray(0, 3)).toString()).toBe('def')
    p.sys.setsockopt(s, SOL_SOCKET, SO_OOBINLINE, 1)
    q.sys.send(c, text('?'), MSG_OOB)
    expect(p.sys.recv(s, buf)).toBe(1)
    expect(buf[0]).toBe(0x3f)
    expect(checkInvariants(k)).toEqual([])
  })

  it('MSG_PEEK leaves, MSG_WAITALL waits', () => {
    const k = boot(profile)
    const { p, q, c, s } = pair(k)
    q.sys.send(c, text('abcdef'))
    const buf = new Uint8Array(8)
    expect(p.sys.recv(s, buf.subarray(0, 3), MSG_PEEK)).toBe(3)
    const all = p.begin.recv(s, buf, MSG_WAITALL)
    expect(all.blocked).toBe(true)
    q.sys.send(c, text('gh'))
    k.advance(500)
    expect(all.result).toBe(8)
    expect(Buffer.from(buf).toString()).toBe('abcdefgh')
  })

  it('a backlog that is full lets no more connections be made', () => {
    const k = boot(profile)
    const p = k.spawn()
    const l = listener(p, 5000, 1)
    const clients: number[] = []
    for (let i = 0; i < 5; i++) {
      const c = p.libc.socket(AF_INET, SOCK_STREAM)
      p.sys.fcntl(c, F_SETFL, O_NONBLOCK)
      p.sys.connect(c, at(5000))
      clients.push(c)
    }
    p.sys.fcntl(l, F_SETFL, O_NONBLOCK)
    // One more than the backlog is taken: the test is "more than". Linux: sk_acceptq_is_full.
    expect(p.sys.accept(l)).toBeGreaterThan(0)
    expect(p.sys.accept(l)).toBeGreaterThan(0)
    expect(p.sys.accept(l)).toBe(EAGAIN)
    k.advance(10_000)
    expect(p.sys.accept(l)).toBeGreaterThan(0)
    expect(checkInvariants(k)).toEqual([])
  })

  it('closing a listener resets who waits', () => {
    const k = boot(profile)
    const p = k.spawn()
    const l = listener(p, 5000)
    const c = p.libc.socket(AF_INET, SOCK_STREAM)
    expect(p.sys.connect(c, at(5000))).toBe(0)
    p.sys.close(l)
    expect(p.sys.recv(c, new Uint8Array(1))).toBe(ECONNRESET)
    expect(checkInvariants(k)).toEqual([])
  })

  it('a socket that connects to itself meets itself', () => {
    const k = boot(profile)
    const p = k.spawn()
    const c = p.libc.socket(AF_INET, SOCK_STREAM)
    p.sys.bind(c, at(6000))
    expect(p.sys.connect(c, at(6000))).toBe(0)
    expect(p.sys.send(c, text('me'))).toBe(2)
    expect(p.sys.recv(c, new Uint8Array(4))).toBe(2)
    p.sys.close(c)
    k.advance(61_000)
    expect(checkInvariants(k)).toEqual([])
  })

  it('a window that is closed opens again when the reader reads', () => {
    const k = boot(profile)
    const p = k.spawn()
    const l = p.libc.socket(AF_INET, SOCK_STREAM)
    p.sys.setsockopt(l, SOL_SOCKET, SO_RCVBUF, 4096)
    p.sys.bind(l, at(5000))
    p.sys.listen(l, 1)
    const q = k.spawn()
    const c = q.libc.socket(AF_INET, SOCK_STREAM)
    expect(q.sys.connect(c, at(5000))).toBe(0)
    const s = p.libc.accept(l)
    const data = pattern(100_000)
    const sending = q.begin.send(c, data)
    const got: number[] = []
    for (let i = 0; i < 5000 && got.length < data.length; i++) {
      const buf = new Uint8Array(1500)
      const n = p.sys.recv(s, buf, MSG_DONTWAIT)
      if (n > 0) got.push(...buf.subarray(0, n))
      else k.advance(100)
    }
    expect(Buffer.compare(Uint8Array.from(got), data)).toBe(0)
    expect(sending.result).toBe(data.length)
    expect(checkInvariants(k)).toEqual([])
  })
})

describe('TIME_WAIT', () => {
  it('keeps the port of the side that closed first for a minute, but not from SO_REUSEADDR', () => {
    const k = boot('2.6.14')
    const { p, q, l, c, s } = pair(k)
    p.sys.close(l)
    p.sys.close(s)
    q.sys.close(c)
    const plain = p.libc.socket(AF_INET, SOCK_STREAM)
    expect(p.sys.bind(plain, at(5000))).toBe(EADDRINUSE)
    const other = p.libc.socket(AF_INET, SOCK_STREAM)
    p.sys.setsockopt(other, SOL_SOCKET, SO_REUSEADDR, 1)
    expect(p.sys.bind(other, at(5000))).toBe(0)
    p.sys.close(other)
    k.advance(60_001)
    expect(p.sys.bind(plain, at(5000))).toBe(0)
  })
})

describe('errors of 2.6.14', () => {
  it('a fresh socket', () => {
    const p = boot('2.6.14').spawn()
    const c = p.libc.socket(AF_INET, SOCK_STREAM)
    expect(poll(p, c) & POLLHUP).toBe(POLLHUP)
    expect(p.sys.recv(c, new Uint8Array(1))).toBe(ENOTCONN)
    expect(p.sys.accept(c)).toBe(EINVAL)
    expect(p.sys.shutdown(c, 2)).toBe(ENOTCONN)
    expect(p.sys.send(c, text('x'), MSG_NOSIGNAL)).toBe(EPIPE)
    expect(p.sys.connect(c, at(5000, '255.255.255.255'))).toBe(ENETUNREACH)
  })

  it('a second connect while the first is under way is EALREADY; a connection that is there EADDRNOTAVAIL', () => {
    const k = boot('2.6.14')
    k.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, 1))
    k.net.configure('eth0', { address: '10.0.0.1/24' })
    const p = k.spawn()
    const c = p.libc.socket(AF_INET, SOCK_STREAM)
    p.sys.fcntl(c, F_SETFL, O_NONBLOCK)
    expect(p.sys.connect(c, at(80, '10.0.0.2'))).toBe(EINPROGRESS)
    expect(p.sys.connect(c, at(80, '10.0.0.2'))).toBe(EALREADY)
    expect(p.sys.shutdown(c, 1)).toBe(0)
    const { q, c: d } = pair(k)
    const name = q.sys.getsockname(d)
    if (typeof name === 'number' || !('port' in name)) throw new Error('no port')
    const again = q.libc.socket(AF_INET, SOCK_STREAM)
    q.sys.setsockopt(again, SOL_SOCKET, SO_REUSEADDR, 1)
    q.sys.setsockopt(d, SOL_SOCKET, SO_REUSEADDR, 1)
    expect(q.sys.bind(again, at(name.port))).toBe(0)
    expect(q.sys.connect(again, at(5000))).toBe(EADDRNOTAVAIL)
    expect(checkInvariants(k)).toEqual([])
  })
})

// ---- two machines --------------------------------------------------------------------------------------------

/** mulberry32. */
function rng(seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), a | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

interface Link {
  readonly loss: number
  readonly duplication: number
  /** Milliseconds, and how much of them is by chance: so packets overtake each other. */
  readonly delay: number
  readonly jitter: number
  /** Bytes are changed in this share of the frames. */
  readonly corruption: number
}

const GOOD: Link = { loss: 0, duplication: 0, delay: 1, jitter: 0, corruption: 0 }

/** Two machines on a wire, one clock. */
class Wire {
  readonly a: K
  readonly b: K
  now = 0
  lost = 0
  isCut = false
  /** While it is cut: does ARP get through? */
  answersArp = false
  private readonly random: () => number
  private readonly link: Link
  private readonly flying: { at: number; to: K; frame: Uint8Array }[] = []

  constructor(profile: Profile, seed: number, link: Link) {
    const make = (n: number): K => {
      const k = boot(profile)
      k.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, n))
      k.net.configure('eth0', { address: `10.0.0.${n}/24` })
      return k
    }
    this.a = make(1)
    this.b = make(2)
    this.random = rng(seed)
    this.link = link
  }

  private collect(from: K, to: K): void {
    const { loss, duplication, delay, jitter, corruption } = this.link
    for (const { frame } of from.net.takeFrames('eth0')) {
      const isArp = frame[13] === 6
      if ((this.isCut && !(isArp && this.answersArp)) || this.random() < loss) {
        this.lost++
        continue
      }
      const copies = this.random() < duplication ? 2 : 1
      for (let i = 0; i < copies; i++) {
        const sent = frame.slice()
        // Only of IP: ARP has no checksum.
        if (sent[13] === 0 && this.random() < corruption) {
          const place = 14 + Math.floor(this.random() * (sent.length - 14))
          sent[place] = (sent[place] ?? 0) ^ (1 << Math.floor(this.random() * 8))
        }
        this.flying.push({ at: this.now + delay + Math.floor(this.random() * jitter), to, frame: sent })
      }
    }
  }

  /** Lets `ms` milliseconds go by, in steps. */
  run(ms: number, stepMs = 5): void {
    for (let gone = 0; gone < ms; gone += stepMs) {
      this.collect(this.a, this.b)
      this.collect(this.b, this.a)
      this.now += stepMs
      this.a.advance(stepMs)
      this.b.advance(stepMs)
      const due = this.flying.filter((one) => one.at <= this.now).sort((x, y) => x.at - y.at)
      for (const one of due) {
        this.flying.splice(this.flying.indexOf(one), 1)
        one.to.net.receiveFrame('eth0', one.frame)
      }
    }
  }

  /** A connection from a to b's port 5000. */
  connect() {
    const [p, q] = [this.a.spawn(), this.b.spawn()]
    const l = listener(q, 5000, 5, '0.0.0.0')
    const c = p.libc.socket(AF_INET, SOCK_STREAM)
    const connecting = p.begin.connect(c, at(5000, '10.0.0.2'))
    for (let i = 0; i < 100 && connecting.blocked; i++) this.run(500)
    expect(connecting.result).toBe(0)
    const accepting = q.begin.accept(l)
    for (let i = 0; i < 100 && accepting.blocked; i++) this.run(500)
    const s = Number(accepting.result)
    expect(s).toBeGreaterThanOrEqual(0)
    return { p, q, l, c, s }
  }
}

/** Sends `data` from a to b and reads it there; then both close. */
function transfer(wire: Wire, data: Uint8Array): { received: Uint8Array; ms: number } {
  const { p, q, c, s } = wire.connect()
  const sending = p.begin.send(c, data)
  const received = new Uint8Array(data.length)
  let count = 0
  const started = wire.now
  for (let i = 0; i < 4000 && count < data.length; i++) {
    const buf = new Uint8Array(65536)
    const n = q.sys.recv(s, buf, MSG_DONTWAIT)
    if (n > 0) {
      received.set(buf.subarray(0, n), count)
      count += n
    } else wire.run(100)
  }
  const ms = wire.now - started
  for (let i = 0; i < 100 && sending.blocked; i++) wire.run(100)
  expect(sending.result).toBe(data.length)
  p.sys.close(c)
  q.sys.close(s)
  expect(checkInvariants(wire.a)).toEqual([])
  expect(checkInvariants(wire.b)).toEqual([])
  return { received, ms }
}

describe('property: what is sent arrives, whole and in order, whatever the link does', () => {
  const links: readonly (readonly [string, Link])[] = [
    ['a good link', GOOD],
    ['1 % loss, 20 ms delay, reordering', { ...GOOD, loss: 0.01, delay: 20, jitter: 15 }],
    ['10 % loss and duplication', { ...GOOD, loss: 0.1, duplication: 0.1, delay: 10, jitter: 10 }],
    ['frames that arrive changed', { ...GOOD, corruption: 0.05, loss: 0.02, delay: 5 }],
  ]
  it.each(links)('%s', (_name, link) => {
    for (const profile of ['2.2.12', '2.6.14'] as const) {
      for (let seed = 1; seed <= 4; seed++) {
        const data = pattern(60_000 + seed * 7777)
        const wire = new Wire(profile, seed, link)
        expect(Buffer.compare(transfer(wire, data).received, data)).toBe(0)
        wire.run(180_000, 500)
        expect(checkInvariants(wire.a)).toEqual([])
        expect(checkInvariants(wire.b)).toEqual([])
      }
    }
  })

  it('the same seed gives the same digests, and a fork goes on as its original', () => {
    const link: Link = { ...GOOD, loss: 0.05, delay: 10, jitter: 20 }
    const run = () => {
      const wire = new Wire('2.6.14', 42, link)
      transfer(wire, pattern(50_000))
      return [wire.a.digest(), wire.b.digest(), wire.now]
    }
    expect(run()).toEqual(run())
    const wire = new Wire('2.6.14', 7, link)
    const { p, c } = wire.connect()
    p.begin.send(c, pattern(30_000))
    wire.run(40)
    const f = wire.a.fork()
    expect(f.digest()).toBe(wire.a.digest())
    wire.a.net.takeFrames('eth0')
    f.net.takeFrames('eth0')
    for (const k of [wire.a, f]) k.advance(5000)
    expect(f.net.takeFrames('eth0').map((one) => Buffer.from(one.frame).toString('hex'))).toEqual(
      wire.a.net.takeFrames('eth0').map((one) => Buffer.from(one.frame).toString('hex')),
    )
    expect(f.digest()).toBe(wire.a.digest())
  })
})

describe.each(PROFILES)('SO_LINGER of some time in %s', (profile) => {
  const lingering = () => {
    const wire = new Wire(profile, 1, GOOD)
    const { p, q, c, s } = wire.connect()
    p.sys.setsockopt(c, SOL_SOCKET, SO_LINGER, { onoff: 1, linger: 3 })
    return { wire, p, q, c, s }
  }

  it('close waits until all has been acknowledged', () => {
    const { wire, p, q, c, s } = lingering()
    expect(p.sys.send(c, text('last words'))).toBe(10)
    const closing = p.begin.close(c)
    expect(closing.blocked).toBe(true)
    expect(checkInvariants(wire.a)).toEqual([])
    wire.run(500)
    expect(closing.result).toBe(0)
    expect(p.sys.send(c, text('x'))).toBe(EBADF)
    expect(q.sys.recv(s, new Uint8Array(20), MSG_DONTWAIT)).toBe(10)
    q.sys.close(s)
    wire.run(120_000, 500)
    expect(checkInvariants(wire.a)).toEqual([])
    expect(checkInvariants(wire.b)).toEqual([])
  })

  it('where nobody acknowledges 2.6 goes on in time, earlier kernels do not; a signal ends the wait', () => {
    const { wire, p, c } = lingering()
    wire.isCut = true
    p.sys.sigaction(10, { handler: () => {}, flags: 0, mask: [] })
    p.sys.send(c, text('lost'))
    const closing = p.begin.close(c)
    wire.run(2900, 100)
    expect(closing.blocked).toBe(true)
    wire.run(300, 100)
    expect(closing.blocked).toBe(profile !== '2.6.14')
    wire.a.spawn().sys.kill(p.pid, 10)
    wire.run(10)
    expect(closing.result).toBe(0)
    expect(p.sys.close(c)).toBe(EBADF)
    expect(checkInvariants(wire.a)).toEqual([])
  })

  it('neither a process that ends nor a second descriptor waits', () => {
    const { wire, p, c } = lingering()
    wire.isCut = true
    p.sys.send(c, text('lost'))
    const other = p.libc.dup(c)
    expect(p.begin.close(other).result).toBe(0)
    wire.a.spawn().sys.kill(p.pid, 9)
    wire.run(10)
    expect(p.killedBy).toBe(9)
    expect(checkInvariants(wire.a)).toEqual([])
  })
})

describe.each(PROFILES)('signals of a socket in %s', (profile) => {
  it('SIGIO when data come to a socket with O_ASYNC, SIGURG for urgent data whatever its flags', () => {
    const k = boot(profile)
    const { p, q, c, s } = pair(k)
    const seen: number[] = []
    for (const sig of [SIGIO, SIGURG])
      p.sys.sigaction(sig, { handler: (number: number) => void seen.push(number), flags: 0, mask: [] })
    q.sys.send(c, text('a'))
    expect(seen).toEqual([])
    p.libc.fcntl(s, 8, p.pid)
    q.sys.send(c, text('!'), MSG_OOB)
    k.advance(500)
    expect(seen.filter((sig) => sig === SIGURG)).toEqual([SIGURG])
    expect(seen).not.toContain(SIGIO)
    p.libc.fcntl(s, F_SETFL, O_ASYNC)
    q.sys.send(c, text('b'))
    k.advance(500)
    expect(seen).toContain(SIGIO)
    // The owner may be a process group.
    seen.length = 0
    p.libc.fcntl(s, 8, -p.libc.getpgrp())
    q.sys.send(c, text('!'), MSG_OOB)
    k.advance(500)
    expect(seen).toContain(SIGURG)
    expect(checkInvariants(k)).toEqual([])
  })
})

describe('timers', () => {
  it.each([
    ['still answers ARP', true, ETIMEDOUT],
    ['answers nothing', false, EHOSTUNREACH],
  ])('a connection whose peer is gone and %s ends', (_name, answersArp, error) => {
    const wire = new Wire('2.6.14', 1, GOOD)
    const { p, c } = wire.connect()
    wire.isCut = true
    wire.answersArp = answersArp
    expect(p.sys.send(c, text('lost'))).toBe(4)
    const reading = p.begin.recv(c, new Uint8Array(4))
    for (let i = 0; i < 2000 && reading.blocked; i++) wire.run(1000, 500)
    expect(reading.result).toBe(error)
    // 15 times, doubling up to two minutes: about a quarter of an hour. Linux: tcp_retries2.
    expect(wire.now).toBeGreaterThan(600_000)
    expect(checkInvariants(wire.a)).toEqual([])
  })

  it('SO_KEEPALIVE finds out that a silent peer is gone', () => {
    const wire = new Wire('2.6.14', 1, GOOD)
    const { p, c } = wire.connect()
    p.sys.setsockopt(c, SOL_TCP, 4, 10)
    p.sys.setsockopt(c, SOL_TCP, 5, 5)
    p.sys.setsockopt(c, SOL_TCP, 6, 3)
    p.sys.setsockopt(c, SOL_SOCKET, SO_KEEPALIVE, 1)
    const reading = p.begin.recv(c, new Uint8Array(4))
    wire.run(60_000, 500)
    expect(reading.blocked).toBe(true)
    wire.isCut = true
    wire.run(60_000, 500)
    expect(reading.result).toBe(ETIMEDOUT)
    expect(poll(p, c) & (POLLHUP | POLLERR)).toBe(POLLHUP)
  })

  it('a connect that nobody answers ends with EHOSTUNREACH or ETIMEDOUT', () => {
    const wire = new Wire('2.6.14', 1, GOOD)
    wire.isCut = true
    const p = wire.a.spawn()
    const c = p.libc.socket(AF_INET, SOCK_STREAM)
    const connecting = p.begin.connect(c, at(80, '10.0.0.2'))
    for (let i = 0; i < 400 && connecting.blocked; i++) wire.run(1000, 500)
    expect(connecting.blocked).toBe(false)
    expect(Number(connecting.result)).toBeLessThan(0)
    expect(checkInvariants(wire.a)).toEqual([])
  })
})

// ---- bad input -----------------------------------------------------------------------------------------------

/** The Internet checksum of bytes that begin with `sum`. */
function inetSum(bytes: Uint8Array, from: number, to: number, sum = 0): number {
  let total = sum
  for (let i = from; i < to; i += 2) total += ((bytes[i] ?? 0) << 8) | (i + 1 < to ? (bytes[i + 1] ?? 0) : 0)
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16)
  return ~total & 0xffff
}

/** An Ethernet frame with a segment from 10.0.0.2 to 10.0.0.1 in it, its checksums right. */
function segment(sport: number, dport: number, seq: number, ack: number, flags: number, body: Uint8Array) {
  const frame = new Uint8Array(54 + body.length)
  const view = new DataView(frame.buffer)
  frame.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0])
  frame.set([0x45, 0, 0, 0, 0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1], 14)
  view.setUint16(16, 40 + body.length)
  view.setUint16(24, inetSum(frame, 14, 34))
  view.setUint16(34, sport)
  view.setUint16(36, dport)
  view.setUint32(38, seq)
  view.setUint32(42, ack)
  view.setUint8(46, 0x50)
  view.setUint8(47, flags)
  view.setUint16(48, 8192)
  view.setUint16(52, flags & 0x20 ? body.length : 0)
  frame.set(body, 54)
  view.setUint16(50, inetSum(frame, 34, frame.length, 0x0a00 * 2 + 2 + 1 + 6 + 20 + body.length))
  return frame
}

describe('property: any segment', () => {
  it.each(PROFILES)(
    'in %s leaves the books right, near a connection’s numbers and far from them',
    (profile) => {
      let taken = 0
      for (let seed = 1; seed <= 6; seed++) {
        const random = rng(seed)
        const pick = (n: number): number => Math.floor(random() * n)
        const wire = new Wire(profile, seed, GOOD)
        const { p, q, c, s } = wire.connect()
        listener(p, 6000, 2, '0.0.0.0')
        const name = p.sys.getsockname(c)
        const local = typeof name !== 'number' && 'port' in name ? name.port : 0
        // What the peer has sent last tells which numbers are near.
        let [seq, ack] = [0, 0]
        const learn = (): void => {
          q.sys.send(s, text('x'), MSG_DONTWAIT | MSG_NOSIGNAL)
          for (const { frame } of wire.b.net.takeFrames('eth0')) {
            const view = new DataView(frame.buffer, frame.byteOffset)
            if (frame.length < 54 || view.getUint8(23) !== 6) continue
            seq = view.getUint32(38)
            ack = view.getUint32(42)
          }
        }
        learn()
        for (let i = 0; i < 400; i++) {
          if (i % 50 === 0) learn()
          const near = random() < 0.8
          const body = pattern(random() < 0.5 ? 0 : pick(1400))
          const at = near ? (seq + pick(3000) - 1000) >>> 0 : pick(2 ** 32)
          const acked = near ? (ack + pick(4) - 1) >>> 0 : pick(2 ** 32)
          const flags =
            random() < 0.6 ? 0x10 | (random() < 0.1 ? 1 : 0) | (random() < 0.2 ? 0x20 : 0) : pick(64)
          const [from, to] =
            random() < 0.7 ? [5000, local] : [1 + pick(65535), random() < 0.7 ? 6000 : pick(65536)]
          wire.a.net.receiveFrame('eth0', segment(from, to, at, acked, flags, body))
          if (random() < 0.1) taken += Math.max(0, p.sys.recv(c, new Uint8Array(pick(5000)), MSG_DONTWAIT))
          if (random() < 0.1) p.sys.send(c, pattern(pick(5000)), MSG_DONTWAIT | MSG_NOSIGNAL)
          if (random() < 0.05) wire.a.advance(pick(2000))
          if (i % 40 === 0) expect(checkInvariants(wire.a)).toEqual([])
        }
        p.sys.close(c)
        wire.a.advance(2_000_000)
        expect(checkInvariants(wire.a)).toEqual([])
      }
      // Some of it is taken for what the peer has sent.
      expect(taken).toBeGreaterThan(0)
    },
  )
})

describe('a port that is shared with SO_REUSEADDR', () => {
  // Linux: tcp_bind_conflict, called by tcp_listen_start, net/ipv4/tcp_ipv4.c (2.6.14).
  it('2.6.14: the first to listen may, and nobody else while it does', () => {
    const p = boot('2.6.14').spawn()
    const bound = () => {
      const fd = p.libc.socket(AF_INET, SOCK_STREAM)
      p.sys.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1)
      expect(p.sys.bind(fd, at(80))).toBe(0)
      return fd
    }
    const a = bound()
    const b = bound()
    expect(p.sys.listen(a, 5)).toBe(0)
    expect(p.sys.listen(b, 5)).toBe(EADDRINUSE)
    p.libc.close(a)
    expect(p.sys.listen(b, 5)).toBe(0)
  })
})
