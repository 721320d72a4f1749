/**
 * Sockets of AF_UNIX: streams, datagrams, names, permissions, descriptors on their way, credentials.
 * Linux: net/unix/af_unix.c, garbage.c, net/core/scm.c.
 */
import {
  checkInvariants,
  createKernel,
  EACCES,
  EADDRINUSE,
  EAGAIN,
  EBADF,
  ECONNREFUSED,
  ECONNRESET,
  EINVAL,
  EISCONN,
  EMSGSIZE,
  ENOENT,
  ENOSYS,
  ENOTCONN,
  ENOTSOCK,
  EOPNOTSUPP,
  EPERM,
  EPIPE,
  EPROTOTYPE,
  ESOCKTNOSUPPORT,
  F_SETFL,
  F_SETOWN,
  FASYNC,
  type Profile,
  S_ISSOCK,
  SIGIO,
  SIGPIPE,
} from 'paleokernel'
import { net } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'

const AF_UNIX = 1
const STREAM = 1
const DGRAM = 2
const DONTWAIT = 0x40
const NOSIGNAL = 0x4000
const PEEK = 2
const WAITALL = 0x100
const SOL_SOCKET = 1
const SO_PASSCRED = 16
const SO_PEERCRED = 17

const text = (s: string): Uint8Array => new TextEncoder().encode(s)
const un = (path: string) => ({ family: 1, path }) as const
const boot = (profile: Profile) => createKernel({ modules: [net()], profile })
type Net = ReturnType<typeof boot>
type Proc = ReturnType<Net['spawn']>

function pair(p: Proc, type = STREAM): [number, number] {
  return p.libc.socketpair(AF_UNIX, type)
}

/** A listener at a name. */
function listener(p: Proc, path: string, backlog = 5): number {
  const fd = p.libc.socket(AF_UNIX, STREAM)
  p.libc.bind(fd, un(path))
  p.libc.listen(fd, backlog)
  return fd
}

function read(p: Proc, fd: number, size = 100, flags = DONTWAIT): string | number {
  const buf = new Uint8Array(size)
  const n = p.sys.recv(fd, buf, flags)
  return n < 0 ? n : new TextDecoder().decode(buf.subarray(0, n))
}

it('without net() there are no sockets: ENOSYS', () => {
  const p = createKernel().spawn() as unknown as Proc
  expect(p.sys.socket(AF_UNIX, STREAM)).toBe(ENOSYS)
})

describe.each(['2.0.35', '2.2.12', '2.6.14'] as const)('AF_UNIX in %s', (profile) => {
  it('carries bytes both ways, in pieces as they are read', () => {
    const k = boot(profile)
    const p = k.spawn()
    const [a, b] = pair(p)
    expect(p.sys.write(a, text('hello'))).toBe(5)
    expect(p.sys.write(a, text(' you'))).toBe(4)
    expect(read(p, b, 3)).toBe('hel')
    expect(read(p, b, 4, PEEK | DONTWAIT)).toBe('lo')
    expect(read(p, b)).toBe('lo you')
    expect(read(p, b)).toBe(EAGAIN)
    expect(p.sys.write(b, text('back'))).toBe(4)
    expect(read(p, a)).toBe('back')
    expect(checkInvariants(k)).toEqual([])
    const copy = k.fork()
    expect(copy.digest()).toBe(k.digest())
  })

  it('a reader sleeps until data come, and a writer until there is room', () => {
    const k = boot(profile)
    const p = k.spawn()
    const q = k.process(p.libc.fork())
    const [a, b] = pair(p)
    const child = k.process(p.libc.fork()) as Proc
    const waiting = child.begin.read(b, new Uint8Array(10))
    expect(waiting.blocked).toBe(true)
    p.libc.write(a, text('abc'))
    expect(waiting.result).toBe(3)
    const big = new Uint8Array(400_000).map((_, i) => i)
    const writing = p.begin.write(a, big)
    expect(writing.blocked).toBe(true)
    const got = new Uint8Array(big.length)
    const buf = new Uint8Array(7000)
    for (let at = 0; at < got.length; ) {
      const n = child.libc.read(b, buf)
      got.set(buf.subarray(0, n), at)
      at += n
    }
    expect(writing.result).toBe(big.length)
    expect(Buffer.compare(got, big)).toBe(0)
    expect(q).toBeDefined()
    expect(checkInvariants(k)).toEqual([])
  })

  it('MSG_WAITALL waits for all of it', () => {
    const k = boot(profile)
    const p = k.spawn()
    const [a, b] = pair(p)
    const child = k.process(p.libc.fork()) as Proc
    const buf = new Uint8Array(6)
    const waiting = child.begin.recv(b, buf, WAITALL)
    p.libc.write(a, text('abc'))
    expect(waiting.blocked).toBe(true)
    p.libc.write(a, text('def'))
    expect(waiting.result).toBe(6)
    expect(new TextDecoder().decode(buf)).toBe('abcdef')
  })

  it('the end of the other side is the end of the file; writing to it is EPIPE and SIGPIPE', () => {
    const k = boot(profile)
    const p = k.spawn()
    const [a, b] = pair(p)
    p.libc.write(b, text('last'))
    p.libc.close(b)
    expect(read(p, a)).toBe('last')
    expect(p.sys.read(a, new Uint8Array(5))).toBe(0)
    expect(p.sys.send(a, text('x'), NOSIGNAL)).toBe(EPIPE)
    const seen: number[] = []
    p.libc.sigaction(SIGPIPE, { handler: (sig: number) => void seen.push(sig), flags: 0, mask: [] })
    expect(p.sys.write(a, text('x'))).toBe(EPIPE)
    expect(seen).toEqual([SIGPIPE])
  })

  it('a path is a file of type socket, made with the umask; it is taken until it is removed', () => {
    const k = boot(profile)
    const p = k.spawn()
    p.libc.umask(0o027)
    const fd = listener(p, '/tmp/s')
    const stat = p.libc.stat('/tmp/s')
    expect(S_ISSOCK(stat.mode)).toBe(true)
    expect(stat.mode & 0o777).toBe(0o750)
    const other = p.libc.socket(AF_UNIX, STREAM)
    expect(p.sys.bind(other, un('/tmp/s'))).toBe(EADDRINUSE)
    p.libc.close(fd)
    expect(p.sys.bind(other, un('/tmp/s'))).toBe(EADDRINUSE)
    expect(p.sys.connect(other, un('/tmp/s'))).toBe(ECONNREFUSED)
    p.libc.unlink('/tmp/s')
    expect(p.sys.bind(other, un('/tmp/s'))).toBe(0)
    expect(p.sys.bind(other, un('/tmp/t'))).toBe(EINVAL)
    expect(p.sys.getsockname(other)).toEqual({ family: 1, path: '/tmp/s' })
    expect(checkInvariants(k)).toEqual([])
  })

  it('connecting needs write permission on the file', () => {
    const k = boot(profile)
    const p = k.spawn()
    listener(p, '/tmp/s')
    p.libc.chmod('/tmp/s', 0o700)
    const alice = k.spawn({ uid: 1000, gid: 1000 })
    const fd = alice.libc.socket(AF_UNIX, STREAM)
    // 2.2 says ECONNREFUSED to a stream whatever is wrong with the path.
    const isModern = profile === '2.6.14'
    expect(alice.sys.connect(fd, un('/tmp/s'))).toBe(isModern ? EACCES : ECONNREFUSED)
    expect(alice.sys.connect(fd, un('/tmp/none'))).toBe(isModern ? ENOENT : ECONNREFUSED)
    const dgram = alice.libc.socket(AF_UNIX, DGRAM)
    expect(alice.sys.connect(dgram, un('/tmp/s'))).toBe(EACCES)
    p.libc.chmod('/tmp/s', 0o722)
    expect(alice.sys.connect(dgram, un('/tmp/s'))).toBe(EPROTOTYPE)
    expect(alice.sys.connect(fd, un('/tmp/s'))).toBe(0)
    expect(alice.sys.connect(fd, un('/tmp/s'))).toBe(EISCONN)
  })

  it('accept takes connections in order; the backlog holds only so many', () => {
    const k = boot(profile)
    const p = k.spawn()
    const l = listener(p, '/tmp/s', 1)
    const clients = [1, 2, 3].map(() => p.libc.socket(AF_UNIX, STREAM))
    const results = clients.map((fd) => {
      p.libc.fcntl(fd, F_SETFL, 0o4000)
      return p.sys.connect(fd, un('/tmp/s'))
    })
    expect(results).toEqual(profile === '2.6.14' ? [0, 0, EAGAIN] : [0, EAGAIN, EAGAIN])
    p.libc.write(clients[0] as number, text('first'))
    const s = p.libc.accept(l)
    expect(read(p, s)).toBe('first')
    expect(p.sys.getpeername(s)).toMatchObject({ family: 1 })
    expect(p.sys.accept(clients[0] as number)).toBe(EINVAL)
    expect(p.sys.accept(0 + 50)).toBe(EBADF)
    expect(checkInvariants(k)).toEqual([])
    p.libc.close(l)
    expect(checkInvariants(k)).toEqual([])
  })

  it('an accept sleeps until somebody connects', () => {
    const k = boot(profile)
    const p = k.spawn()
    const l = listener(p, '/tmp/s')
    const q = k.spawn()
    const accepting = p.begin.accept(l)
    expect(accepting.blocked).toBe(true)
    const c = q.libc.socket(AF_UNIX, STREAM)
    expect(q.sys.connect(c, un('/tmp/s'))).toBe(0)
    expect(accepting.blocked).toBe(false)
    expect(accepting.result).toBeGreaterThan(l)
  })

  it('datagrams keep their bounds and have a sender; too long ones are EMSGSIZE', () => {
    const k = boot(profile)
    const p = k.spawn()
    const a = p.libc.socket(AF_UNIX, DGRAM)
    const b = p.libc.socket(AF_UNIX, DGRAM)
    p.libc.bind(a, un('/tmp/a'))
    p.libc.bind(b, un('/tmp/b'))
    expect(p.sys.send(a, text('x'))).toBe(ENOTCONN)
    expect(p.sys.sendto(a, text('one'), 0, un('/tmp/b'))).toBe(3)
    expect(p.sys.sendto(a, text('two'), 0, un('/tmp/b'))).toBe(3)
    const from = {}
    const buf = new Uint8Array(2)
    expect(p.sys.recvfrom(b, buf, 0, from)).toBe(2)
    expect(from).toEqual({ family: 1, path: '/tmp/a' })
    expect(read(p, b)).toBe('two')
    expect(p.sys.sendto(a, new Uint8Array(300_000), 0, un('/tmp/b'))).toBe(EMSGSIZE)
    expect(p.sys.sendto(a, text('x'), 0, un('/tmp/none'))).toBe(ENOENT)
    expect(p.sys.connect(a, un('/tmp/b'))).toBe(0)
    const c = p.libc.socket(AF_UNIX, DGRAM)
    expect(p.sys.sendto(c, text('x'), 0, un('/tmp/a'))).toBe(profile === '2.6.14' ? EPERM : EINVAL)
    p.libc.close(b)
    expect(p.sys.send(a, text('x'))).toBe(profile === '2.6.14' ? ECONNREFUSED : ECONNRESET)
    expect(p.sys.listen(a, 1)).toBe(EOPNOTSUPP)
    expect(checkInvariants(k)).toEqual([])
  })

  it('only so many datagrams wait: then a sender sleeps or hears EAGAIN', () => {
    const k = boot(profile)
    const p = k.spawn()
    const b = p.libc.socket(AF_UNIX, DGRAM)
    p.libc.bind(b, un('/tmp/b'))
    const a = p.libc.socket(AF_UNIX, DGRAM)
    p.libc.connect(a, un('/tmp/b'))
    let sent = 0
    while (p.sys.send(a, text('x'), DONTWAIT) === 1) sent++
    expect(sent).toBe(profile === '2.6.14' ? 11 : 10)
    const q = k.process(p.libc.fork()) as Proc
    const sending = q.begin.send(a, text('y'))
    expect(sending.blocked).toBe(true)
    read(p, b)
    expect(sending.result).toBe(1)
    expect(checkInvariants(k)).toEqual([])
  })

  it('descriptors go along with a message, and are closed with it when nobody takes them', () => {
    const k = boot(profile)
    const p = k.spawn()
    const [a, b] = pair(p)
    const file = p.libc.creat('/tmp/f', 0o600)
    p.libc.write(file, text('content'))
    const rights = (fds: number[]) => [{ level: 1, type: 1, fds }] as const
    expect(p.sys.sendmsg(a, { iov: [text('F')], control: [...rights([file])] })).toBe(1)
    expect(p.sys.sendmsg(a, { iov: [text('F')], control: [...rights([99])] })).toBe(EBADF)
    p.libc.close(file)
    const child = k.process(p.libc.fork()) as Proc
    const control: never[] = []
    const header = { iov: [new Uint8Array(5)], control, flags: 0 }
    expect(child.sys.recvmsg(b, header)).toBe(1)
    expect(control).toEqual([{ level: 1, type: 1, fds: [file] }])
    expect(child.libc.fstat(file).size).toBe(7)
    expect(p.sys.fstat(file)).toBe(EBADF)
    expect(p.sys.sendmsg(a, { iov: [text('F')], control: [...rights([b, a])] })).toBe(1)
    const plain = { iov: [new Uint8Array(5)], flags: 0 }
    expect(p.sys.recvmsg(b, plain)).toBe(1)
    expect(plain.flags & 8).toBe(8)
    expect(checkInvariants(k)).toEqual([])
  })

  it('a socket that was sent to itself is collected when another one is closed', () => {
    const k = boot(profile)
    const p = k.spawn()
    const [a, b] = pair(p)
    const control = [{ level: 1, type: 1, fds: [a, b] }] as const
    p.libc.sendmsg(a, { iov: [text('x')], control: [...control] })
    p.libc.sendmsg(b, { iov: [text('x')], control: [...control] })
    const l = listener(p, '/tmp/s')
    const c = p.libc.socket(AF_UNIX, STREAM)
    p.libc.connect(c, un('/tmp/s'))
    p.libc.sendmsg(c, { iov: [text('x')], control: [{ level: 1, type: 1, fds: [l, c] }] })
    expect(k.net.socketsInUse).toBe(4)
    expect(checkInvariants(k)).toEqual([])
    for (const fd of [a, b, l, c]) p.libc.close(fd)
    // Only messages hold them now, which nobody looks at before the next release.
    expect(k.net.socketsInUse).toBe(4)
    p.libc.close(p.libc.socket(AF_UNIX, DGRAM))
    expect(k.net.socketsInUse).toBe(0)
    expect(checkInvariants(k)).toEqual([])
  })

  it('SO_PEERCRED says who connected, and who listens', () => {
    if (profile === '2.0.35') return
    const k = boot(profile)
    const root = k.spawn()
    const l = listener(root, '/tmp/s')
    root.libc.chmod('/tmp/s', 0o777)
    const alice = k.spawn({ uid: 1000, gid: 100 })
    const c = alice.libc.socket(AF_UNIX, STREAM)
    alice.libc.connect(c, un('/tmp/s'))
    const s = root.libc.accept(l)
    expect(root.sys.getsockopt(s, SOL_SOCKET, SO_PEERCRED)).toEqual({ pid: alice.pid, uid: 1000, gid: 100 })
    expect(alice.sys.getsockopt(c, SOL_SOCKET, SO_PEERCRED)).toEqual({ pid: root.pid, uid: 0, gid: 0 })
  })

  it('SCM_CREDENTIALS: the kernel fills them in, and nobody can lie without the capability', () => {
    if (profile === '2.0.35') return
    const k = boot(profile)
    const root = k.spawn()
    const [a, b] = pair(root, DGRAM)
    root.libc.setsockopt(b, SOL_SOCKET, SO_PASSCRED, 1)
    const alice = k.process(root.libc.fork()) as Proc
    alice.libc.setgid(100)
    alice.libc.setuid(1000)
    alice.libc.write(a, text('hi'))
    const control: never[] = []
    expect(root.sys.recvmsg(b, { iov: [new Uint8Array(9)], control })).toBe(2)
    expect(control).toEqual([{ level: 1, type: 2, pid: alice.pid, uid: 1000, gid: 100 }])
    const lie = {
      iov: [text('x')],
      control: [{ level: 1, type: 2, pid: alice.pid, uid: 0, gid: 0 } as const],
    }
    expect(alice.sys.sendmsg(a, lie)).toBe(EPERM)
    expect(root.sys.sendmsg(a, lie)).toBe(1)
  })

  it('F_SETOWN and FASYNC: data bring SIGIO', () => {
    const k = boot(profile)
    const p = k.spawn()
    const [a, b] = pair(p)
    const seen: number[] = []
    p.libc.sigaction(SIGIO, { handler: (sig: number) => void seen.push(sig), flags: 0, mask: [] })
    p.libc.fcntl(b, F_SETOWN, p.pid)
    p.libc.fcntl(b, F_SETFL, FASYNC)
    p.libc.write(a, text('x'))
    expect(seen).toEqual([SIGIO])
  })

  it('what is no socket is ENOTSOCK', () => {
    const p = boot(profile).spawn()
    const [r] = p.libc.pipe()
    expect(p.sys.bind(r, un('/tmp/x'))).toBe(ENOTSOCK)
    expect(p.sys.recv(r, new Uint8Array(1))).toBe(ENOTSOCK)
    expect(p.sys.bind(77, un('/tmp/x'))).toBe(EBADF)
  })
})

describe.each(['2.2.12', '2.6.14'] as const)('abstract names in %s', (profile) => {
  it('belong to a type of socket, live as long as the socket and are in no directory', () => {
    const k = boot(profile)
    const p = k.spawn()
    const l = listener(p, '\0web')
    expect(p.sys.bind(p.libc.socket(AF_UNIX, STREAM), un('\0web'))).toBe(EADDRINUSE)
    expect(p.sys.bind(p.libc.socket(AF_UNIX, DGRAM), un('\0web'))).toBe(0)
    const c = p.libc.socket(AF_UNIX, STREAM)
    expect(p.sys.connect(c, un('\0web'))).toBe(0)
    expect(p.sys.getpeername(c)).toEqual({ family: 1, path: '\0web' })
    p.libc.close(l)
    expect(p.sys.connect(p.libc.socket(AF_UNIX, STREAM), un('\0web'))).toBe(ECONNREFUSED)
    expect(p.sys.bind(p.libc.socket(AF_UNIX, STREAM), un('\0web'))).toBe(0)
    expect(checkInvariants(k)).toEqual([])
  })

  it('bind without a name makes one up', () => {
    const p = boot(profile).spawn()
    const fd = p.libc.socket(AF_UNIX, DGRAM)
    expect(p.sys.bind(fd, un(''))).toBe(0)
    const path = profile === '2.6.14' ? '\x0000001' : '\x0000000001'
    expect(p.sys.getsockname(fd)).toEqual({ family: 1, path })
  })
})

describe('sequenced packets', () => {
  const SEQPACKET = 5
  it.each([
    ['2.2.12', undefined, false],
    ['2.2.12', true, true],
    ['2.6.14', undefined, true],
    ['2.6.14', false, false],
  ] as const)('%s, net({ seqpacket: %s }): %s', (profile, seqpacket, has) => {
    const k = createKernel({ modules: [net(seqpacket === undefined ? {} : { seqpacket })], profile })
    const p = k.spawn()
    if (!has) {
      expect(p.sys.socket(AF_UNIX, SEQPACKET)).toBe(ESOCKTNOSUPPORT)
      return
    }
    const [a, b] = pair(p, SEQPACKET)
    expect(p.sys.send(a, text('one'), 0)).toBe(3)
    expect(p.sys.send(a, text('three'), 0)).toBe(5)
    expect([read(p, b, 2), read(p, b), read(p, b)]).toEqual(['on', 'three', EAGAIN])
    expect(k.fork().digest()).toBe(k.digest())
  })

  it('without a connection nobody looks at what was to go along', () => {
    const p = boot('2.6.14').spawn()
    const control = [{ level: 1, type: 1, fds: [-1] }] as const
    const header = { iov: [text('x')], control: [...control] }
    expect(p.sys.sendmsg(p.libc.socket(AF_UNIX, SEQPACKET), header)).toBe(ENOTCONN)
    for (const type of [STREAM, DGRAM])
      expect(p.sys.sendmsg(p.libc.socket(AF_UNIX, type), header)).toBe(EBADF)
    const [a] = pair(p, SEQPACKET)
    expect(p.sys.sendmsg(a, header)).toBe(EBADF)
  })
})
