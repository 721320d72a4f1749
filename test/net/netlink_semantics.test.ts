/** AF_NETLINK as 2.6.14 has it, by the rows of §2.3 and the numbers of §2.10 of the era's reference. */
import {
  checkInvariants,
  EADDRINUSE,
  EAGAIN,
  ECONNREFUSED,
  EFAULT,
  EINTR,
  EINVAL,
  EMSGSIZE,
  ENOBUFS,
  ENOENT,
  ENOPROTOOPT,
  EOPNOTSUPP,
  EPERM,
  EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
  ESRCH,
  SIGKILL,
  SIGUSR1,
} from 'paleokernel'
import { SO_ERROR, SO_PASSCRED, SO_RCVBUF, SO_SNDTIMEO, SOL_SOCKET } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'
import {
  ADD,
  AF_NETLINK,
  at,
  boot,
  bound,
  bytes,
  type Caller,
  DONTWAIT,
  DROP,
  KERNEL,
  NOBODY,
  next,
  OPEN,
  PEEK,
  PKTINFO,
  QUIET,
  RADIO,
  RAW,
  SOL_NETLINK,
} from './netlink_world.js'

const POLLIN = 1
const POLLOUT = 4
const POLLERR = 8
const POLLRDNORM = 0x40

/** The ports that count down from -4097, as unsigned numbers. */
const rover = (n: number): number => (-4097 - n) >>> 0

const poll = (p: Caller, fd: number): number => {
  const fds = [{ fd, events: 0xffff, revents: 0 }]
  p.sys.poll(fds, 0)
  return fds[0]?.revents ?? 0
}

// biome-ignore lint/suspicious/noExplicitAny: programs get the calls of all modules
type NetSys = any

const MESSAGE = new Uint8Array(840)
/** What a message of 840 bytes is charged with. */
const COST = 1000

/** Fills a socket to just above `room` bytes: how many messages that takes. */
function fillUp(p: Caller, from: number, to: number): number {
  for (let sent = 0; sent < 10_000; sent++) {
    const result = p.sys.sendto(from, MESSAGE, DONTWAIT, at(to))
    if (result === EAGAIN) return sent
    expect(result).toBe(MESSAGE.length)
  }
  throw new Error('never full')
}

describe('§2.3 socket', () => {
  it.each([
    [1, 0, ESOCKTNOSUPPORT],
    [4, 0, ESOCKTNOSUPPORT],
    [5, 0, ESOCKTNOSUPPORT],
    [RAW, -1, EPROTONOSUPPORT],
    [RAW, 32, EPROTONOSUPPORT],
    [RAW, 31, 'made'],
    [2, NOBODY, 'made'],
  ] as const)('type %i, protocol %i: %s', (type, protocol, expected) => {
    const { p } = boot()
    const fd = p.sys.socket(AF_NETLINK, type, protocol)
    expect(fd >= 0 ? 'made' : fd).toBe(expected)
  })
})

describe('§2.3 bind', () => {
  it('refuses another family and an address that is too short', () => {
    const { p } = boot()
    const fd = p.libc.socket(AF_NETLINK, RAW, RADIO)
    expect(p.sys.bind(fd, { family: 2, addr: '0.0.0.0', port: 0 })).toBe(EINVAL)
    expect(p.sys.bind(fd, Uint8Array.of(16, 0, 0, 0, 1, 0, 0, 0))).toBe(EINVAL)
    expect(p.sys.getsockname(fd)).toEqual(at(0))
  })

  it('§2.10 (2) groups of a protocol that is not for all are EPERM, and the socket stays unbound', () => {
    const { k } = boot()
    const alice = k.spawn({ uid: 1000 })
    const fd = alice.libc.socket(AF_NETLINK, RAW, RADIO)
    expect(alice.sys.bind(fd, at(77, 1))).toBe(EPERM)
    expect(alice.sys.getsockname(fd)).toEqual(at(0))
    expect(k.why(alice)).toMatchObject({ check: 'capability', capability: 'CAP_NET_ADMIN' })
    expect(alice.sys.bind(alice.libc.socket(AF_NETLINK, RAW, OPEN), at(77, 1))).toBe(0)
    expect(alice.sys.bind(fd, at(77))).toBe(0)
  })

  it('groups of a protocol that the kernel does not have are ENOENT, after the privilege', () => {
    const { k, p } = boot()
    const fd = p.libc.socket(AF_NETLINK, RAW, NOBODY)
    expect(p.sys.bind(fd, at(5, 1))).toBe(ENOENT)
    expect(p.sys.getsockname(fd)).toEqual(at(0))
    expect(p.sys.setsockopt(fd, SOL_NETLINK, ADD, 1)).toBe(ENOENT)
    const alice = k.spawn({ uid: 1000 })
    expect(alice.sys.bind(alice.libc.socket(AF_NETLINK, RAW, NOBODY), at(5, 1))).toBe(EPERM)
    expect(p.sys.bind(fd, at(5))).toBe(0)
    // 2.2.12 does not ask.
    const old = boot('2.2.12').p
    expect(old.sys.bind(old.libc.socket(AF_NETLINK, RAW, NOBODY), at(5, 1))).toBe(0)
  })

  it('a taken port is EADDRINUSE, another one than the own EINVAL; the same replaces the mask', () => {
    const { p, k } = boot()
    const fd = bound(p, 100, 0b101)
    expect(p.sys.bind(p.libc.socket(AF_NETLINK, RAW, RADIO), at(100))).toBe(EADDRINUSE)
    expect(p.sys.bind(p.libc.socket(AF_NETLINK, RAW, OPEN), at(100))).toBe(0)
    expect(p.sys.bind(fd, at(101, 8))).toBe(EINVAL)
    expect(p.sys.getsockname(fd)).toEqual(at(100, 0b101))
    expect(p.sys.bind(fd, at(100, 0b1000))).toBe(0)
    expect(p.sys.getsockname(fd)).toEqual(at(100, 0b1000))
    expect([1, 3, 4].map((group) => k.radio.hasListeners(group))).toEqual([false, false, true])
    expect(p.sys.bind(fd, at(100, 0))).toBe(0)
    expect(k.radio.hasListeners(4)).toBe(false)
    expect(checkInvariants(k)).toEqual([])
  })

  it('the mask replaces groups 1 to 32 only: those above stay', () => {
    const { p, k } = boot()
    const fd = bound(p, 100, 1)
    p.libc.setsockopt(fd, SOL_NETLINK, ADD, 33)
    p.libc.bind(fd, at(100, 0x8000_0000))
    expect([1, 32, 33].map((group) => k.radio.hasListeners(group))).toEqual([false, true, true])
    expect(p.sys.getsockname(fd)).toEqual(at(100, 0x8000_0000))
  })
})

describe('§2.3 autobind', () => {
  it('§2.10 (1) the thread id, then -4097, then -4098', () => {
    const { p } = boot()
    const ports = [0, 1, 2].map(() => {
      const fd = p.libc.socket(AF_NETLINK, RAW, RADIO)
      p.libc.bind(fd, at(0))
      return p.libc.getsockname(fd)
    })
    expect(ports).toEqual([at(p.pid), at(4294963199), at(rover(1))])
  })

  it('the count is the whole system’s, and goes on where ports have become free', () => {
    const { k, p } = boot()
    const autobound = (q: Caller, protocol: number) => {
      const fd = q.libc.socket(AF_NETLINK, RAW, protocol)
      q.libc.bind(fd, at(0))
      return fd
    }
    autobound(p, RADIO)
    const second = autobound(p, RADIO)
    p.libc.close(second)
    expect(p.sys.getsockname(autobound(p, RADIO))).toEqual(at(rover(1)))
    const q = k.spawn()
    autobound(q, OPEN)
    expect(q.sys.getsockname(autobound(q, OPEN))).toEqual(at(rover(2)))
    // 2.2.12 looks from the start each time.
    const old = boot('2.2.12')
    autobound(old.p, RADIO)
    old.p.libc.close(autobound(old.p, RADIO))
    expect(old.p.sys.getsockname(autobound(old.p, RADIO))).toEqual(at(rover(0)))
  })

  it('a thread has its own id', () => {
    const { k, p } = boot()
    const names: unknown[] = []
    const tid = p.sys.clone(0x10900, function* (sys: NetSys) {
      const fd = yield* sys.socket(AF_NETLINK, RAW, RADIO)
      yield* sys.bind(fd, at(0))
      names.push(yield* sys.getsockname(fd))
    })
    k.run()
    expect(names).toEqual([at(Number(tid))])
    expect(Number(tid)).not.toBe(p.pid)
  })

  it('happens in bind, in connect and in the first send', () => {
    const { p } = boot()
    const made = () => p.libc.socket(AF_NETLINK, RAW, RADIO)
    const [a, b, c] = [made(), made(), made()]
    p.libc.connect(a, at(5))
    expect(p.sys.getsockname(a)).toEqual(at(p.pid))
    p.libc.send(b, bytes(1))
    expect(p.sys.getsockname(b)).toEqual(at(rover(0)))
    p.libc.bind(c, at(0, 4))
    expect(p.sys.getsockname(c)).toEqual(at(rover(1), 4))
  })
})

describe('§2.3 connect', () => {
  it('keeps the port and the lowest group; AF_UNSPEC forgets both', () => {
    const { p, k } = boot()
    const fd = p.libc.socket(AF_NETLINK, RAW, RADIO)
    expect(p.sys.connect(fd, { family: 2, addr: '1.2.3.4', port: 1 })).toBe(EINVAL)
    expect(p.sys.connect(fd, at(9, 0b1100))).toBe(0)
    expect(p.sys.getpeername(fd)).toEqual(at(9, 0b100))
    expect(p.sys.connect(fd, { family: 0 })).toBe(0)
    expect(p.sys.getpeername(fd)).toEqual(at(0))
    const alice = k.spawn({ uid: 1000 })
    const own = alice.libc.socket(AF_NETLINK, RAW, RADIO)
    expect(alice.sys.connect(own, at(9, 1))).toBe(EPERM)
    expect(alice.sys.connect(own, at(9))).toBe(0)
  })

  it('a connected socket takes unicasts of its peer only; of the kernel, when that is the peer', () => {
    const { p, k } = boot()
    const [peer, other, fd] = [bound(p, 1001), bound(p, 1002), bound(p, 1003)]
    p.libc.connect(fd, at(1001))
    expect(p.sys.sendto(peer, bytes(1), 0, at(1003))).toBe(1)
    expect(p.sys.sendto(other, bytes(2), 0, at(1003))).toBe(ECONNREFUSED)
    expect(k.radio.answer(1003, bytes(3))).toBe(ECONNREFUSED)
    p.libc.connect(fd, at(0))
    expect(p.sys.sendto(other, bytes(2), 0, at(1003))).toBe(ECONNREFUSED)
    expect(k.radio.answer(1003, bytes(3))).toBe(1)
    p.libc.connect(fd, { family: 0 })
    expect(p.sys.sendto(other, bytes(4), 0, at(1003))).toBe(1)
    expect([next(p, fd), next(p, fd), next(p, fd)]).toEqual([[1], [3], [4]])
  })

  it('broadcasts reach a connected socket whoever sends them', () => {
    const { p, k } = boot()
    const fd = bound(p, 1003, 1)
    p.libc.connect(fd, at(1001))
    expect(k.radio.send(1, bytes(5))).toBe(0)
    expect(next(p, fd)).toEqual([5])
  })
})

describe('§2.3 send', () => {
  it('MSG_OOB, another family, groups without privilege, too long', () => {
    const { p, k } = boot()
    const fd = p.libc.socket(AF_NETLINK, RAW, RADIO)
    expect(p.sys.sendto(fd, bytes(1), 1, KERNEL)).toBe(EOPNOTSUPP)
    expect(p.sys.sendto(fd, bytes(1), 0, { family: 2, addr: '1.2.3.4', port: 1 })).toBe(EINVAL)
    p.libc.setsockopt(fd, SOL_SOCKET, 7, 2000)
    expect(p.sys.sendto(fd, new Uint8Array(4000 - 32), 0, KERNEL)).toBe(3968)
    expect(p.sys.sendto(fd, new Uint8Array(4000 - 31), 0, KERNEL)).toBe(EMSGSIZE)
    const alice = k.spawn({ uid: 1000 })
    const own = alice.libc.socket(AF_NETLINK, RAW, RADIO)
    expect(alice.sys.sendto(own, bytes(1), 0, at(0, 0x80))).toBe(EPERM)
    expect(alice.sys.getsockname(own)).toEqual(at(0))
    expect(alice.sys.sendto(own, bytes(1), 0, KERNEL)).toBe(1)
  })

  it('only the lowest group counts; not to oneself; then to the port, whose result it is', () => {
    const { p, k } = boot()
    const [two, three, self, owner] = [bound(p, 12, 2), bound(p, 13, 4), bound(p, 14, 2), bound(p, 15, 2)]
    expect(p.sys.sendto(self, bytes(7), 0, at(15, 0b110))).toBe(1)
    expect(next(p, two)).toEqual([7])
    expect(next(p, three)).toBe(EAGAIN)
    expect(next(p, self)).toBe(EAGAIN)
    // The port that it goes to by itself does not get it twice.
    expect([next(p, owner), next(p, owner)]).toEqual([[7], EAGAIN])
    expect(p.sys.sendto(self, bytes(8), 0, at(99, 2))).toBe(ECONNREFUSED)
    expect(next(p, two)).toEqual([8])
    expect(p.sys.sendto(self, bytes(3), 0, at(0, 2))).toBe(1)
    expect(k.radio.state().heard.map(({ bytes: heard }) => [...heard])).toEqual([[3]])
    // A mask of 2.2.12 is all its groups.
    const old = boot('2.2.12').p
    const third = bound(old, 13, 4)
    expect(old.sys.sendto(bound(old, 14), bytes(7), 0, at(0, 0b110))).toBe(1)
    expect(next(old, third)).toEqual([7])
  })

  it('a listener without a port hears what goes to a port, not what goes to the kernel too', () => {
    const { p, k } = boot()
    const fd = p.libc.socket(AF_NETLINK, RAW, RADIO)
    p.libc.setsockopt(fd, SOL_NETLINK, ADD, 2)
    expect(k.radio.send(2, bytes(1))).toBe(ESRCH)
    const sender = bound(p, 50)
    bound(p, 51)
    p.libc.sendto(sender, bytes(2), 0, at(51, 2))
    expect([next(p, fd), next(p, fd)]).toEqual([[2], EAGAIN])
  })
})

describe('§2.3 unicast', () => {
  it('§2.10 (3) to nobody, or to a kernel without input, is ECONNREFUSED', () => {
    const { p } = boot()
    expect(p.sys.sendto(bound(p, 50), bytes(1), 0, at(51))).toBe(ECONNREFUSED)
    expect(p.sys.sendto(bound(p, 50, 0, QUIET), bytes(1), 0, KERNEL)).toBe(ECONNREFUSED)
    expect(p.sys.sendto(bound(p, 50, 0, NOBODY), bytes(1), 0, KERNEL)).toBe(ECONNREFUSED)
  })

  it('the kernel’s function runs in the send, with the credentials and capabilities of then', () => {
    const { k } = boot()
    const root = k.spawn()
    const fd = bound(root, 50)
    root.libc.setresuid(-1, 1000, -1)
    root.libc.sendto(fd, bytes(1), 0, KERNEL)
    root.libc.setresuid(-1, 0, -1)
    root.libc.sendto(fd, bytes(2), 0, KERNEL)
    const seen = k.radio.state().heard.map(({ sent }) => [sent.pid, sent.credPid, sent.uid, sent.caps !== 0])
    expect(seen).toEqual([
      [50, root.pid, 0, false],
      [50, root.pid, 0, true],
    ])
  })

  it('§2.10 (5) a full receiver blocks its sender until it reads: no loss, no ENOBUFS', () => {
    const { k, p } = boot()
    const q = k.spawn()
    const to = bound(q, 60)
    const from = bound(p, 61)
    q.libc.setsockopt(to, SOL_SOCKET, SO_RCVBUF, 5 * COST)
    // Twice 5000 bytes: it takes what comes until it has more.
    const sent = fillUp(p, from, 60)
    expect(sent).toBe(11)
    const call = p.begin.sendto(from, bytes(7), 0, at(60))
    expect(call.blocked).toBe(true)
    expect(checkInvariants(k)).toEqual([])
    expect(poll(q, to) & POLLERR).toBe(0)
    for (let i = 0; i < sent; i++) expect(q.sys.recv(to, new Uint8Array(900))).toBe(840)
    expect(call.result).toBe(1)
    expect(next(q, to)).toEqual([7])
    expect(next(q, to)).toBe(EAGAIN)
    expect(checkInvariants(k)).toEqual([])
  })

  it('a group gets what waits for a port once, and at once', () => {
    const { k, p } = boot()
    const q = k.spawn()
    const to = bound(q, 60)
    const listener = bound(q, 62, 1)
    const from = bound(p, 61)
    q.libc.setsockopt(to, SOL_SOCKET, SO_RCVBUF, 0)
    const sent = fillUp(p, from, 60)
    const call = p.begin.sendto(from, bytes(7), 0, at(60, 1))
    expect(next(q, listener)).toEqual([7])
    for (let i = 0; i <= sent; i++) q.sys.recv(to, new Uint8Array(900), DONTWAIT)
    k.run()
    expect(call.result).toBe(1)
    expect(next(q, listener)).toBe(EAGAIN)
  })

  it.each([
    ['a handler without SA_RESTART', EINTR],
    ['SO_SNDTIMEO', EAGAIN],
    ['the receiver closes', ECONNREFUSED],
  ] as const)('the sleep of a sender ends: %s', (how, expected) => {
    const { k, p } = boot()
    const q = k.spawn()
    const to = bound(q, 60)
    const from = bound(p, 61)
    q.libc.setsockopt(to, SOL_SOCKET, SO_RCVBUF, 0)
    fillUp(p, from, 60)
    p.libc.sigaction(SIGUSR1, { handler: () => {}, flags: 0, mask: [] })
    if (how === 'SO_SNDTIMEO') p.libc.setsockopt(from, SOL_SOCKET, SO_SNDTIMEO, { sec: 1, usec: 0 })
    const call = p.begin.sendto(from, bytes(7), 0, at(60))
    if (how !== 'SO_SNDTIMEO') expect(call.blocked).toBe(true)
    if (how === 'the receiver closes') q.libc.close(to)
    else if (how !== 'SO_SNDTIMEO') q.libc.kill(p.pid, SIGUSR1)
    k.run()
    expect(call.result).toBe(expected)
    expect(checkInvariants(k)).toEqual([])
  })

  it('a handler with SA_RESTART sends it again, to the group too', () => {
    const { k, p } = boot()
    const q = k.spawn()
    const to = bound(q, 60)
    const listener = bound(q, 62, 1)
    const from = bound(p, 61)
    q.libc.setsockopt(to, SOL_SOCKET, SO_RCVBUF, 0)
    const sent = fillUp(p, from, 60)
    p.libc.sigaction(SIGUSR1, { handler: () => {}, flags: 0x1000_0000, mask: [] })
    const call = p.begin.sendto(from, bytes(7), 0, at(60, 1))
    q.libc.kill(p.pid, SIGUSR1)
    k.run()
    expect(call.blocked).toBe(true)
    for (let i = 0; i < sent; i++) q.sys.recv(to, new Uint8Array(900))
    k.run()
    expect(call.result).toBe(1)
    expect([next(q, to), next(q, to)]).toEqual([[7], EAGAIN])
    expect([next(q, listener), next(q, listener), next(q, listener)]).toEqual([[7], [7], EAGAIN])
  })

  it('a copy of the kernel has the waiting sender too', () => {
    const { k } = boot()
    const q = k.spawn()
    const to = bound(q, 60)
    q.libc.setsockopt(to, SOL_SOCKET, SO_RCVBUF, 0)
    const p = k.spawn({
      *program(sys: NetSys) {
        const fd = yield* sys.socket(AF_NETLINK, RAW, RADIO)
        for (let i = 0; i < 5; i++) yield* sys.sendto(fd, MESSAGE, 0, at(60))
        return 5
      },
    })
    k.run()
    const copy = k.fork()
    expect(copy.digest()).toBe(k.digest())
    for (const kernel of [k, copy]) {
      const reader = kernel.process(q.pid)
      if (reader === undefined) throw new Error('no reader')
      for (let i = 0; i < 5; i++) {
        expect(reader.sys.recv(to, new Uint8Array(900))).toBe(840)
        kernel.run()
      }
      // The sender has come to its end.
      expect(kernel.process(p.pid)).toBeUndefined()
      expect(checkInvariants(kernel)).toEqual([])
    }
  })

  it('a killed sender leaves nothing behind', () => {
    const { k, p } = boot()
    const q = k.spawn()
    const to = bound(q, 60)
    q.libc.setsockopt(to, SOL_SOCKET, SO_RCVBUF, 0)
    const from = bound(p, 61)
    const sent = fillUp(p, from, 60)
    p.begin.sendto(from, bytes(7), 0, at(60))
    q.libc.kill(p.pid, SIGKILL)
    k.run()
    for (let i = 0; i < sent; i++) q.sys.recv(to, new Uint8Array(900))
    expect(next(q, to)).toBe(EAGAIN)
    expect(checkInvariants(k)).toEqual([])
  })
})

describe('§2.3 recv', () => {
  it('one datagram a call; what does not fit is lost, with MSG_TRUNC', () => {
    const { p } = boot()
    const [fd, from] = [bound(p, 60), bound(p, 61)]
    p.libc.sendto(from, bytes(1, 2, 3), 0, at(60))
    p.libc.sendto(from, bytes(4), 0, at(60))
    expect(p.sys.recv(fd, new Uint8Array(9), 1)).toBe(EOPNOTSUPP)
    const peeked = new Uint8Array(9)
    expect([p.sys.recv(fd, peeked, PEEK), ...peeked.subarray(0, 3)]).toEqual([3, 1, 2, 3])
    const header = { iov: [new Uint8Array(2)], flags: 0 }
    expect(p.sys.recvmsg(fd, header, DONTWAIT)).toBe(2)
    expect(header.flags & 0x20).toBe(0x20)
    expect([next(p, fd), next(p, fd)]).toEqual([[4], EAGAIN])
  })

  it('the name is the sender’s port and the group, which a group above 32 is not', () => {
    const { p, k } = boot()
    const fd = bound(p, 60, 1 << 5)
    p.libc.setsockopt(fd, SOL_NETLINK, ADD, 40)
    const from = bound(p, 61)
    bound(p, 62)
    const name = () => {
      const into = {}
      p.libc.recvfrom(fd, new Uint8Array(9), DONTWAIT, into)
      return into
    }
    p.libc.sendto(from, bytes(1), 0, at(62, 1 << 5))
    expect(name()).toEqual(at(61, 1 << 5))
    p.libc.sendto(from, bytes(1), 0, at(60))
    expect(name()).toEqual(at(61))
    k.radio.send(40, bytes(1))
    expect(name()).toEqual(at(0))
    k.radio.send(6, bytes(1))
    expect(name()).toEqual(at(0, 1 << 5))
  })

  it('SCM_CREDENTIALS are the sender’s when it sent; the kernel’s are 0 (§2.3, Credentials)', () => {
    const { k } = boot()
    const alice = k.spawn({ uid: 1000, gid: 100 })
    const q = k.spawn()
    const fd = bound(q, 60, 1)
    q.libc.setsockopt(fd, SOL_SOCKET, SO_PASSCRED, 1)
    alice.libc.sendto(bound(alice, 61), bytes(1), 0, at(60))
    k.radio.send(1, bytes(2))
    const creds = () => {
      const header = { iov: [new Uint8Array(9)], control: [] }
      q.libc.recvmsg(fd, header, DONTWAIT)
      return header.control
    }
    expect(creds()).toEqual([{ level: 1, type: 2, pid: alice.pid, uid: 1000, gid: 100 }])
    expect(creds()).toEqual([{ level: 1, type: 2, pid: 0, uid: 0, gid: 0 }])
  })
})

describe('§2.3 poll', () => {
  it('POLLIN with data; POLLOUT always; §2.10 (13) POLLERR while an error waits, which SO_ERROR takes', () => {
    const { k, p } = boot()
    const fd = bound(p, 60, 1)
    expect(poll(p, fd) & (POLLIN | POLLRDNORM | POLLERR | POLLOUT)).toBe(POLLOUT)
    k.radio.send(1, bytes(1))
    expect(poll(p, fd) & (POLLIN | POLLRDNORM | POLLERR | POLLOUT)).toBe(POLLIN | POLLRDNORM | POLLOUT)
    p.libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, 0)
    for (let i = 0; i < 3; i++) k.radio.send(1, MESSAGE)
    expect(poll(p, fd) & POLLERR).toBe(POLLERR)
    expect(p.sys.getsockopt(fd, SOL_SOCKET, SO_ERROR)).toBe(-ENOBUFS)
    expect(poll(p, fd) & POLLERR).toBe(0)
    expect(next(p, fd)).toEqual([1])
  })
})

describe('§2.3 overrun, §2.10 (4)', () => {
  const full = () => {
    const { k, p } = boot()
    const fd = bound(p, 60, 1)
    p.libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, 2 * COST)
    const sent = Array.from({ length: 8 }, (_, i) => k.radio.send(1, new Uint8Array(840).fill(i)))
    return { k, p, fd, sent }
  }
  const first = (p: Caller, fd: number): number => {
    const got = next(p, fd)
    return typeof got === 'number' ? got : (got[0] ?? -1)
  }

  it('ENOBUFS comes once, before what waits; then the first messages in order; then new ones', () => {
    const { k, p, fd, sent } = full()
    // 4000 bytes are not more than there is room for.
    expect(sent).toEqual([0, 0, 0, 0, 0, ESRCH, ESRCH, ESRCH])
    const seen: number[] = []
    for (let i = 0; i < 3; i++) seen.push(first(p, fd))
    // There is room again, but not all has been read.
    expect(k.radio.send(1, bytes(99))).toBe(ESRCH)
    for (let i = 0; i < 4; i++) seen.push(first(p, fd))
    expect(seen).toEqual([ENOBUFS, 0, 1, 2, 3, 4, EAGAIN])
    expect(k.radio.send(1, bytes(42))).toBe(0)
    expect([first(p, fd), first(p, fd)]).toEqual([42, EAGAIN])
    expect(checkInvariants(k)).toEqual([])
  })

  it('while it is congested unicasts wait too, and go on when all has been read', () => {
    const { k, p, fd } = full()
    const q = k.spawn()
    const from = bound(q, 61)
    expect(first(p, fd)).toBe(ENOBUFS)
    for (let i = 0; i < 4; i++) expect(first(p, fd)).toBe(i)
    expect(q.sys.sendto(from, bytes(7), DONTWAIT, at(60))).toBe(EAGAIN)
    const call = q.begin.sendto(from, bytes(7), 0, at(60))
    expect(call.blocked).toBe(true)
    expect(first(p, fd)).toBe(4)
    k.run()
    expect(call.result).toBe(1)
    expect(first(p, fd)).toBe(7)
  })

  it('a second episode has an error of its own', () => {
    const { k, p, fd } = full()
    for (let i = 0; i < 6; i++) first(p, fd)
    for (let i = 0; i < 8; i++) k.radio.send(1, MESSAGE)
    expect(first(p, fd)).toBe(ENOBUFS)
  })

  it('other listeners are not concerned', () => {
    const { k, p } = boot()
    const [slow, quick] = [bound(p, 60, 1), bound(p, 61, 1)]
    p.libc.setsockopt(slow, SOL_SOCKET, SO_RCVBUF, 0)
    for (let i = 0; i < 50; i++) expect(k.radio.send(1, MESSAGE)).toBe(0)
    expect(first(p, slow)).toBe(ENOBUFS)
    for (let i = 0; i < 50; i++) expect(first(p, quick)).toBe(0)
    expect(first(p, quick)).toBe(EAGAIN)
  })

  it('the kernel’s unicasts are lost without an error', () => {
    const { k, p, fd } = full()
    expect(k.radio.answer(60, bytes(1))).toBe(EAGAIN)
    expect(first(p, fd)).toBe(ENOBUFS)
  })

  it('default buffers take 256 messages of 256 bytes, and the one that goes over (§2.3, Accounting)', () => {
    const { k, p } = boot()
    const fd = bound(p, 60, 1)
    const { length } = Array.from({ length: 300 }, () => k.radio.send(1, new Uint8Array(256))).filter(
      (r) => r === 0,
    )
    expect(length).toBe(257)
    expect(p.sys.getsockopt(fd, SOL_SOCKET, SO_RCVBUF)).toBe(416 * 256)
  })
})

describe('§2.3 socket options', () => {
  it.each([
    ['group 0', ADD, 0, EINVAL],
    ['one more than there are', ADD, 41, EINVAL],
    ['a negative group', ADD, -1, EINVAL],
    ['the last group', ADD, 40, 0],
    ['as bytes', ADD, bytes(2, 0, 0, 0), 0],
    ['too few bytes', ADD, bytes(2, 0, 0), EINVAL],
    ['no value', ADD, null, EFAULT],
    ['leaving what one has not joined', DROP, 5, 0],
    ['PKTINFO', PKTINFO, 1, 0],
    ['PKTINFO with too few bytes', PKTINFO, bytes(1), EINVAL],
    ['an option of later', 5, 1, ENOPROTOOPT],
    ['no option', 99, 1, ENOPROTOOPT],
    ['no option and no value', 99, null, EFAULT],
  ] as const)('setsockopt: %s', (_what, option, value, expected) => {
    const { p } = boot()
    const fd = bound(p, 60)
    expect(p.sys.setsockopt(fd, SOL_NETLINK, option, value)).toBe(expected)
  })

  it('joining needs CAP_NET_ADMIN unless all may listen; PKTINFO does not; another level is ENOPROTOOPT', () => {
    const { k } = boot()
    const alice = k.spawn({ uid: 1000 })
    const fd = bound(alice, 60)
    expect(alice.sys.setsockopt(fd, SOL_NETLINK, ADD, 1)).toBe(EPERM)
    expect(alice.sys.setsockopt(fd, SOL_NETLINK, ADD, 0)).toBe(EPERM)
    expect(alice.sys.setsockopt(fd, SOL_NETLINK, PKTINFO, 1)).toBe(0)
    expect(alice.sys.setsockopt(fd, 271, PKTINFO, 1)).toBe(ENOPROTOOPT)
    expect(alice.sys.getsockopt(fd, 271, PKTINFO)).toBe(ENOPROTOOPT)
    expect(alice.sys.setsockopt(bound(alice, 60, 0, OPEN), SOL_NETLINK, ADD, 1)).toBe(0)
  })

  it('getsockopt knows PKTINFO only', () => {
    const { p } = boot()
    const fd = bound(p, 60)
    expect(p.sys.getsockopt(fd, SOL_NETLINK, PKTINFO)).toBe(0)
    p.libc.setsockopt(fd, SOL_NETLINK, PKTINFO, 7)
    expect(p.sys.getsockopt(fd, SOL_NETLINK, PKTINFO)).toBe(1)
    for (const option of [ADD, DROP, 4, 5, 10])
      expect(p.sys.getsockopt(fd, SOL_NETLINK, option)).toBe(ENOPROTOOPT)
  })

  it('2.2.12 has none', () => {
    const { p } = boot('2.2.12')
    const fd = bound(p, 60)
    expect(p.sys.setsockopt(fd, SOL_NETLINK, PKTINFO, 1)).toBe(EOPNOTSUPP)
    expect(p.sys.getsockopt(fd, SOL_NETLINK, PKTINFO)).toBe(EOPNOTSUPP)
  })

  it('groups come and go by number; PKTINFO tells the number, after the credentials', () => {
    const { k, p } = boot()
    const fd = bound(p, 60)
    p.libc.setsockopt(fd, SOL_NETLINK, ADD, 40)
    p.libc.setsockopt(fd, SOL_NETLINK, ADD, 3)
    p.libc.setsockopt(fd, SOL_NETLINK, PKTINFO, 1)
    p.libc.setsockopt(fd, SOL_SOCKET, SO_PASSCRED, 1)
    k.radio.send(40, bytes(1))
    const receive = (controllen?: number) => {
      const header = {
        iov: [new Uint8Array(9)],
        control: [],
        flags: 0,
        ...(controllen === undefined ? {} : { controllen }),
      }
      p.libc.recvmsg(fd, header, DONTWAIT)
      return header
    }
    const CREDS = { level: 1, type: 2, pid: 0, uid: 0, gid: 0 }
    expect(receive().control).toEqual([CREDS, { level: 270, type: 3, group: 40 }])
    k.radio.send(3, bytes(1))
    // Room for the credentials alone.
    const cut = receive(24)
    expect([cut.control, cut.flags & 8]).toEqual([[CREDS], 8])
    p.libc.sendto(bound(p, 61), bytes(1), 0, at(60))
    expect(receive().control).toEqual([
      { level: 1, type: 2, pid: p.pid, uid: 0, gid: 0 },
      { level: 270, type: 3, group: 0 },
    ])
    p.libc.setsockopt(fd, SOL_NETLINK, DROP, 40)
    expect(k.radio.send(40, bytes(1))).toBe(ESRCH)
    expect(p.sys.getsockname(fd)).toEqual(at(60, 4))
  })
})

describe('§2.10 (14) release', () => {
  it('is told once, at the last close, of bound sockets without groups', () => {
    const { k, p } = boot()
    const { released } = k.radio.state()
    const fd = bound(p, 60)
    const second = p.libc.dup(fd)
    const child = p.sys.fork()
    p.libc.close(fd)
    p.libc.close(second)
    expect(released).toEqual([])
    p.sys.kill(Number(child), SIGKILL)
    k.run()
    expect(released).toEqual([60])
    p.libc.close(p.libc.socket(AF_NETLINK, RAW, RADIO))
    p.libc.close(bound(p, 61, 1))
    p.libc.close(bound(p, 61, 0, OPEN))
    expect(released).toEqual([60])
    const left = bound(p, 62, 1)
    p.libc.bind(left, at(62, 0))
    p.libc.close(left)
    expect(released).toEqual([60, 62])
    // The port is free again.
    expect(p.sys.bind(p.libc.socket(AF_NETLINK, RAW, RADIO), at(60))).toBe(0)
    expect(checkInvariants(k)).toEqual([])
  })
})

describe('§2.3 dumps', () => {
  const dumpOf = (count: number, size: number): Uint8Array => {
    const request = new Uint8Array(12)
    request[0] = 9
    request.set([count & 255, count >> 8], 4)
    request.set([size & 255, size >> 8], 8)
    return request
  }

  it('go on with each receive, one at a time for a socket, and end with DONE', () => {
    const { k, p } = boot()
    const fd = bound(p, 60)
    // 200 messages of 1000 bytes: three of them in a buffer, and the buffers do not take them all at once.
    p.libc.sendto(fd, dumpOf(200, 1000), 0, KERNEL)
    p.libc.sendto(fd, dumpOf(1, 16), 0, KERNEL)
    const { heard } = k.radio.state()
    expect([heard[1], heard[3]].map((one) => one?.bytes[0])).toEqual([0, -16 & 255])
    const sizes: number[] = []
    for (let got = next(p, fd); typeof got !== 'number'; got = next(p, fd)) sizes.push(got.length)
    expect(sizes.slice(0, -1).reduce((sum, size) => sum + size, 0)).toBe(200 * 1000)
    expect(Math.max(...sizes)).toBe(3000)
    expect(sizes.at(-1)).toBe(20)
    p.libc.sendto(fd, dumpOf(1, 16), 0, KERNEL)
    expect(k.radio.state().heard.at(-1)?.bytes[0]).toBe(0)
    expect(
      [next(p, fd), next(p, fd), next(p, fd)].map((got) => (typeof got === 'number' ? got : got.length)),
    ).toEqual([16, 20, EAGAIN])
  })

  it('a copy of the kernel goes on with its own', () => {
    const { k, p } = boot()
    const fd = bound(p, 60)
    p.libc.sendto(fd, dumpOf(9, 3000), 0, KERNEL)
    const count = (kernel: typeof k) => {
      const q = kernel.process(p.pid)
      if (q === undefined) throw new Error('no process')
      let messages = 0
      while (typeof next(q, fd) !== 'number') messages++
      return messages
    }
    const copy = k.fork()
    expect(count(k)).toBe(10)
    expect(count(copy)).toBe(10)
    expect(checkInvariants(copy)).toEqual([])
  })
})
