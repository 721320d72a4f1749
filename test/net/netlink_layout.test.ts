/** The layouts of §2.2 byte for byte, in both byte orders, as programs on a kernel get them; and what came later. */
import {
  checkInvariants,
  EADDRNOTAVAIL,
  EAGAIN,
  EINVAL,
  ENOBUFS,
  ENODEV,
  ENOPROTOOPT,
  EOPNOTSUPP,
  EPERM,
  ESRCH,
  type Profile,
} from 'paleokernel'
import { SO_RCVBUF, SOL_SOCKET } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'
import {
  joinMessages,
  read16,
  read32,
  readAttributes,
  readMessages,
  write16,
  write32,
  writeAttributes,
  writeMessage,
} from '../../src/lib/nlmsg.js'
import {
  ADD,
  AF_NETLINK,
  at,
  boot,
  bound,
  bytes,
  KERNEL,
  next,
  OPEN,
  PKTINFO,
  RADIO,
  RAW,
  SOL_NETLINK,
} from './netlink_world.js'

const ORDERS = ['little', 'big'] as const
const REQUEST = 1
const ACK = 4
const DUMP = 0x300
const ROUTE = 0
const CAPPED = 0x100

/** What both orders make of the same fields: hex digits, spaces where they help. */
const hex = (data: Uint8Array | number[] | number): string =>
  typeof data === 'number'
    ? String(data)
    : Buffer.from(data)
        .toString('hex')
        .replace(/(.{8})(?=.)/g, '$1 ')

describe.each(ORDERS)('§2.2 layouts, %s-endian', (order) => {
  const pick = (little: string, big: string): string => (order === 'little' ? little : big)

  it('nlmsghdr: len@0 type@4 flags@6 seq@8 pid@12', () => {
    const message = writeMessage(
      { type: 0x1234, flags: 0x5678, seq: 0x9abcdef0, pid: 0x01020304 },
      bytes(0xaa, 0xbb, 0xcc),
      [],
      order,
    )
    expect(hex(message)).toBe(
      pick('13000000 34127856 f0debc9a 04030201 aabbcc', '00000013 12345678 9abcdef0 01020304 aabbcc'),
    )
    expect(readMessages(message, order)).toEqual([
      { type: 0x1234, flags: 0x5678, seq: 0x9abcdef0, pid: 0x01020304, body: bytes(0xaa, 0xbb, 0xcc) },
    ])
  })

  it('attributes: len@0 type@2, aligned to 4; messages one after the other at align4(len)', () => {
    const attributes = writeAttributes(
      [
        [0x0102, bytes(9)],
        [3, bytes(1, 2, 3, 4)],
      ],
      order,
    )
    expect(hex(attributes)).toBe(
      pick('05000201 09000000 08000300 01020304', '00050102 09000000 00080003 01020304'),
    )
    expect([...readAttributes(attributes, 0, order)]).toEqual([
      [0x0102, bytes(9)],
      [3, bytes(1, 2, 3, 4)],
    ])
    const one = writeMessage({ type: 16, flags: 0, seq: 1, pid: 0 }, bytes(7), [], order)
    const both = joinMessages([one, one])
    expect([one.length, both.length]).toEqual([17, 40])
    expect(readMessages(both, order).map(({ body }) => [...body])).toEqual([[7], [7]])
  })

  it('integers come out as they went in', () => {
    const into = new Uint8Array(12)
    write16(into, 1, 0x1fffe, order)
    write32(into, 5, -2, order)
    expect([read16(into, 1, order), read32(into, 5, order), read32(into, 11, order)]).toEqual([
      0xfffe, 0xfffffffe, 0,
    ])
  })

  it('sockaddr_nl, 12 bytes: family@0 pad@2 pid@4 groups@8; options are ints', () => {
    const { p } = boot('2.6.14', { byteOrder: order })
    const fd = p.libc.socket(AF_NETLINK, RAW, RADIO)
    const address = Buffer.from(pick('100000000a0b0c0d05000000', '001000000d0c0b0a00000005'), 'hex')
    expect(p.sys.bind(fd, new Uint8Array(address))).toBe(0)
    expect(p.sys.getsockname(fd)).toEqual(at(0x0d0c0b0a, 5))
    const option = (value: number) =>
      Uint8Array.from(order === 'little' ? [value, 0, 0, 0] : [0, 0, 0, value])
    expect(p.sys.setsockopt(fd, SOL_NETLINK, ADD, option(2))).toBe(0)
    expect(p.sys.getsockname(fd)).toEqual(at(0x0d0c0b0a, 7))
    p.libc.setsockopt(fd, SOL_NETLINK, PKTINFO, option(1))
    const into = new Uint8Array(4)
    expect(p.sys.getsockopt(fd, SOL_NETLINK, PKTINFO, into)).toBe(4)
    expect(into).toEqual(option(1))
  })

  const ask = (
    type: number,
    flags: number,
    body: Uint8Array,
    attributes: (readonly [number, Uint8Array])[] = [],
  ) => {
    const { p } = boot('2.6.14', { byteOrder: order })
    const fd = bound(p, 0x0a0b, 0, ROUTE)
    p.libc.sendto(
      fd,
      writeMessage({ type, flags, seq: 0x01020304, pid: 0 }, body, attributes, order),
      0,
      KERNEL,
    )
    return { p, fd, answer: Uint8Array.from(next(p, fd) as number[]) }
  }

  it('nlmsgerr: error@0 (0, or a negative errno), the header of the request @4', () => {
    // A new neighbour without a destination.
    const wrong = ask(28, REQUEST, new Uint8Array(12)).answer
    expect(hex(wrong)).toBe(
      pick(
        '24000000 02000000 04030201 0b0a0000 eaffffff 1c000000 1c000100 04030201 00000000',
        '00000024 00020000 01020304 00000a0b ffffffea 0000001c 001c0001 01020304 00000000',
      ),
    )
    const done = ask(26, ACK, new Uint8Array(12)).answer
    expect(hex(done)).toBe(
      pick(
        '24000000 02000000 04030201 0b0a0000 00000000 1c000000 1a000400 04030201 00000000',
        '00000024 00020000 01020304 00000a0b 00000000 0000001c 001a0004 01020304 00000000',
      ),
    )
  })

  it('a dump of addresses: NEWADDR with MULTI, then DONE with 4 bytes', () => {
    const { p, fd, answer } = ask(22, REQUEST | DUMP, bytes(2, 0, 0, 0, 0, 0, 0, 0))
    expect(hex(answer.subarray(0, 40))).toBe(
      pick(
        '30000000 14000200 04030201 0b0a0000 020880fe 01000000 08000100 7f000001 08000200 7f000001',
        '00000030 00140002 01020304 00000a0b 020880fe 00000001 00080001 7f000001 00080002 7f000001',
      ),
    )
    expect(hex(next(p, fd))).toBe(
      pick('14000000 03000200 04030201 0b0a0000 00000000', '00000014 00030002 01020304 00000a0b 00000000'),
    )
  })

  it('links, routes, neighbours and rules go both ways', () => {
    const { p } = boot('2.6.14', { byteOrder: order })
    const fd = bound(p, 77, 0, ROUTE)
    const int = (value: number): Uint8Array => {
      const made = new Uint8Array(4)
      write32(made, 0, value, order)
      return made
    }
    const talk = (
      type: number,
      flags: number,
      fixed: Uint8Array,
      attributes: (readonly [number, Uint8Array])[],
    ) => {
      p.libc.sendto(
        fd,
        writeMessage({ type, flags: flags | REQUEST, seq: 1, pid: 0 }, fixed, attributes, order),
        0,
        KERNEL,
      )
      const all = []
      for (let got = next(p, fd, 8192); typeof got !== 'number'; got = next(p, fd, 8192))
        all.push(...readMessages(Uint8Array.from(got), order))
      return all
    }
    const [link] = talk(18, DUMP, new Uint8Array(16), [])
    expect(read32(link?.body ?? bytes(), 4, order)).toBe(1)
    expect(read16(link?.body ?? bytes(), 2, order)).toBe(772)
    expect(read32(readAttributes(link?.body ?? bytes(), 16, order).get(4) ?? bytes(), 0, order)).toBe(16436)
    const route = Uint8Array.of(2, 32, 0, 0, 254, 3, 253, 1, 0, 0, 0, 0)
    const [made] = talk(24, ACK | 0x400, route, [
      [1, bytes(10, 9, 8, 7)],
      [4, int(1)],
      [6, int(300)],
    ])
    expect(read32(made?.body ?? bytes(9), 0, order)).toBe(0)
    const found = talk(26, DUMP, new Uint8Array(12), [])
      .map(({ body }) => readAttributes(body, 12, order))
      .find((attributes) => String(attributes.get(1)) === '10,9,8,7')
    expect([found?.get(4), found?.get(6)]).toEqual([int(1), int(300)])
    const [rule] = talk(32, ACK, Uint8Array.of(2, 0, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0), [[6, int(0x1234)]])
    expect(read32(rule?.body ?? bytes(9), 0, order)).toBe(0)
    const rules = talk(34, DUMP, new Uint8Array(12), []).map(({ body }) =>
      readAttributes(body, 12, order).get(6),
    )
    expect(rules).toContainEqual(int(0x1234))
  })
})

describe('acknowledgements, §2.9', () => {
  const BAD = writeMessage({ type: 28, flags: REQUEST, seq: 5, pid: 0 }, new Uint8Array(12))
  const GOOD = writeMessage({ type: 26, flags: ACK, seq: 5, pid: 0 }, new Uint8Array(12))
  const answer = (fd: number, p: ReturnType<typeof boot>['p'], request: Uint8Array) => {
    p.libc.sendto(fd, request, 0, KERNEL)
    const got = Uint8Array.from(next(p, fd) as number[])
    return [got.length, readMessages(got)[0]?.flags]
  }

  it.each(['2.2.12', '2.6.14'] as const)('%s: 36 bytes, whatever the request and its fate', (profile) => {
    const { p } = boot(profile)
    const fd = bound(p, 5, 0, ROUTE)
    expect(answer(fd, p, BAD)).toEqual([36, 0])
    expect(answer(fd, p, GOOD)).toEqual([36, 0])
  })

  it('acks: request: an error quotes all; NETLINK_CAP_ACK takes the header, with NLM_F_CAPPED', () => {
    const { p } = boot('2.6.14', { acks: 'request', laterOptions: true })
    const fd = bound(p, 5, 0, ROUTE)
    expect(answer(fd, p, BAD)).toEqual([48, 0])
    expect(answer(fd, p, GOOD)).toEqual([36, CAPPED])
    expect(p.sys.setsockopt(fd, SOL_NETLINK, 10, 1)).toBe(0)
    expect(p.sys.getsockopt(fd, SOL_NETLINK, 10)).toBe(1)
    expect(answer(fd, p, BAD)).toEqual([36, CAPPED])
  })

  it('several messages in a buffer are answered one by one, to the first that is cut off (§2.2)', () => {
    const { p } = boot()
    const fd = bound(p, 5, 0, ROUTE)
    const cut = GOOD.slice()
    cut[0] = 200
    p.libc.sendto(fd, joinMessages([GOOD, BAD, cut, GOOD]), 0, KERNEL)
    const codes = [next(p, fd), next(p, fd), next(p, fd)].map((got) =>
      typeof got === 'number' ? got : read32(Uint8Array.from(got), 16, 'little') | 0,
    )
    expect(codes).toEqual([0, EINVAL, EAGAIN])
  })
})

describe('options of later kernels, §2.9', () => {
  const MESSAGE = new Uint8Array(840)

  it('are not there unless asked for, and never in 2.2.12', () => {
    const { p } = boot('2.2.12', { laterOptions: true })
    expect(p.sys.setsockopt(bound(p, 5), SOL_NETLINK, 5, 1)).toBe(EOPNOTSUPP)
    const modern = boot('2.6.14', { laterOptions: true }).p
    const fd = bound(modern, 5)
    for (const option of [4, 5, 10]) {
      expect(modern.sys.getsockopt(fd, SOL_NETLINK, option)).toBe(0)
      expect(modern.sys.setsockopt(fd, SOL_NETLINK, option, bytes(1))).toBe(EINVAL)
      expect(modern.sys.setsockopt(fd, SOL_NETLINK, option, 1)).toBe(0)
      expect(modern.sys.getsockopt(fd, SOL_NETLINK, option)).toBe(1)
    }
    expect(modern.sys.setsockopt(fd, SOL_NETLINK, 6, 1)).toBe(ENOPROTOOPT)
    expect(modern.sys.getsockopt(fd, SOL_NETLINK, 6)).toBe(ENOPROTOOPT)
  })

  it('NETLINK_NO_ENOBUFS: losses make no error and do not stop what comes when there is room', () => {
    const { k, p } = boot('2.6.14', { laterOptions: true })
    const fd = bound(p, 5, 1)
    p.libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, 1000)
    for (let i = 0; i < 5; i++) k.radio.send(1, MESSAGE)
    p.libc.setsockopt(fd, SOL_NETLINK, 5, 1)
    // The error of before is still there.
    expect(next(p, fd)).toBe(ENOBUFS)
    p.sys.recv(fd, new Uint8Array(900))
    expect(k.radio.send(1, bytes(1))).toBe(0)
    expect(k.radio.send(1, MESSAGE)).toBe(ESRCH)
    expect((next(p, fd) as number[]).length).toBe(840)
  })

  it('NETLINK_BROADCAST_ERROR: the kernel hears that one listener has lost a message', () => {
    const { k, p } = boot('2.6.14', { laterOptions: true })
    const fd = bound(p, 5, 1)
    bound(p, 6, 1)
    p.libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, 0)
    p.libc.setsockopt(fd, SOL_NETLINK, 4, 1)
    expect([k.radio.send(1, MESSAGE), k.radio.send(1, MESSAGE)]).toEqual([0, ENOBUFS])
    p.libc.setsockopt(fd, SOL_NETLINK, 4, 0)
    expect(k.radio.send(1, MESSAGE)).toBe(0)
  })

  it('usersock: programs have groups among themselves, to which anybody may send', () => {
    const { k, p } = boot('2.6.14', { usersock: true })
    const fd = bound(p, 5, 4, 2)
    const alice = k.spawn({ uid: 1000 })
    const own = alice.libc.socket(AF_NETLINK, RAW, 2)
    // To the group it goes; nobody is behind port 0.
    expect(alice.sys.sendto(own, bytes(3), 0, at(0, 4))).toBeLessThan(0)
    expect(next(p, fd)).toEqual([3])
    expect(alice.sys.bind(own, at(0, 4))).toBe(EPERM)
  })
})

describe('rtnetlink and bad attributes', () => {
  const send = (profile: Profile, type: number, body: Uint8Array) => {
    const { p } = boot(profile)
    const fd = bound(p, 5, 0, ROUTE)
    p.libc.sendto(fd, writeMessage({ type, flags: REQUEST | ACK, seq: 5, pid: 0 }, body), 0, KERNEL)
    const got = next(p, fd)
    return typeof got === 'number' ? got : read32(Uint8Array.from(got), 16, 'little') | 0
  }
  const withAttributes = (fixed: number, ...raw: number[]) =>
    Uint8Array.from([...new Array(fixed).fill(0), ...raw])

  it.each([
    ['none', [], ENODEV],
    ['one that the kernel does not know', [4, 0, 99, 0], EINVAL],
    ['a length below 4 ends the list', [3, 0, 99, 0], ENODEV],
    ['a length beyond the end ends the list', [12, 0, 99, 0, 0, 0, 0, 0], ENODEV],
    ['padding is skipped', [5, 0, 3, 0, 0x6c, 0, 0, 0, 4, 0, 99, 0], EINVAL],
  ] as const)('deladdr of 2.6.14: %s', (_what, raw, expected) => {
    const code = send('2.6.14', 21, withAttributes(8, ...raw))
    // No device 0: where the attributes pass, that is what is wrong.
    expect(code).toBe(expected === ENODEV ? EADDRNOTAVAIL : expected)
  })

  it('2.2.12 passes over what it does not know', () => {
    expect(send('2.2.12', 21, withAttributes(8, 4, 0, 99, 0))).toBe(EADDRNOTAVAIL)
  })
})

describe('/proc/net/netlink', () => {
  const HEAD = 'sk       Eth Pid    Groups   Rmem     Wmem     Dump     Locks\n'
  const cat = (p: ReturnType<typeof boot>['p']): string => {
    const fd = p.libc.open('/proc/net/netlink', 0)
    const buf = new Uint8Array(4000)
    const text = Buffer.from(buf.subarray(0, p.libc.read(fd, buf))).toString()
    p.libc.close(fd)
    return text
  }

  it.each(['2.2.12', '2.6.14'] as const)(
    '%s: the kernel’s sockets and those with a port (§2.3)',
    (profile) => {
      const { k, p } = boot(profile)
      p.libc.socket(AF_NETLINK, RAW, 9)
      bound(p, 4294963199, 0x8001)
      const fd = bound(p, 77, 0, OPEN)
      p.libc.sendto(fd, new Uint8Array(840), 0, at(77))
      const text = cat(p)
      expect(text.startsWith(HEAD)).toBe(true)
      const rows = text.slice(HEAD.length).split('\n').filter(Boolean)
      for (const row of rows)
        expect(row).toMatch(/^c[0-9a-f]{7} .{3} .{6} [0-9a-f]{8} \d+ +\d+ +[0-9a-f]{8} \d+$/)
      const fields = rows.map((row) => row.slice(9))
      expect(fields).toContain('18  0      00000000 0        0        00000000 2')
      expect(fields).toContain('18  -4097  00008001 0        0        00000000 2')
      expect(fields).toContain('20  77     00000000 1000     0        00000000 2')
      expect(fields.filter((row) => row.startsWith('9 '))).toEqual([])
      expect(new Set(rows.map((row) => row.slice(0, 8))).size).toBe(rows.length)
      expect(checkInvariants(k)).toEqual([])
    },
  )

  it('a dump that goes on has an address', () => {
    const { p } = boot()
    const fd = bound(p, 60)
    p.libc.sendto(fd, bytes(9, 0, 0, 0, 50, 0, 0, 0, 0, 4, 0, 0), 0, KERNEL)
    expect(cat(p)).toMatch(/18 {2}60 {5}.* c[0-9a-f]{7} 2\n/)
  })

  it('is not there in 2.0.35', () => {
    const { p } = boot('2.0.35')
    expect(p.sys.open('/proc/net/netlink', 0)).toBeLessThan(0)
  })
})
