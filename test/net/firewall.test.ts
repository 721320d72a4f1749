/** The firewall of 2.2.12 rule by rule: setsockopt, matching, targets, /proc. Linux: net/ipv4/ip_fw.c. */
import {
  checkInvariants,
  createKernel,
  EACCES,
  EBUSY,
  ECONNABORTED,
  ECONNREFUSED,
  ECONNRESET,
  EEXIST,
  EFAULT,
  EINVAL,
  ELOOP,
  ENFILE,
  ENOENT,
  ENOPROTOOPT,
  ENOTEMPTY,
  EPERM,
  ETIMEDOUT,
} from 'paleokernel'
import { type IpfwExtension, net } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'
import { encodeFwchange, encodeFwnew } from '../../src/lib/ip_fw.js'
import {
  AF_INET,
  APPEND,
  at,
  CHECK,
  CREATE,
  DELETE,
  DELETE_CHAIN,
  DELETE_NUM,
  delnum,
  FLUSH,
  fwtest,
  INSERT,
  int32,
  ip,
  label,
  MASQ_CTL,
  MASQ_TIMEOUTS,
  MSG_DONTWAIT,
  machine,
  type Packet,
  POLICY,
  padded,
  policy,
  REPLACE,
  rule,
  SOCK_DGRAM,
  SOCK_STREAM,
  ZERO,
} from './firewall_tools.js'

const TCP = 6
const UDP = 17
const ICMP = 1

describe('§1.8: rule record', () => {
  it('§1.8: addresses and masks, mark, protocol, flags, inverse flags, ports, redirect port, output size, interface, TOS, label: byte by byte', () => {
    const bytes = encodeFwchange(
      rule({
        src: ip('10.1.2.0'),
        smsk: ip('255.255.255.0'),
        dst: ip('192.168.7.9'),
        dmsk: ip('255.255.255.255'),
        mark: 0x01020304,
        proto: TCP,
        flg: 0x1b,
        invflg: 0xe3,
        spts: [0x0102, 0x0304],
        dpts: [0x0506, 0x0708],
        redirpt: 0x090a,
        outputsize: 0x0b0c,
        vianame: 'eth0',
        tosand: 0x01,
        tosxor: 0x10,
        label: 'REDIRECT',
      }),
      'input',
    )
    const hex = [
      '0a010200', // src
      'c0a80709', // dst
      'ffffff00', // smsk
      'ffffffff', // dmsk
      '04030201', // mark, little-endian
      '0600', // proto
      '1b00', // flg
      'e300', // invflg
      '02010403', // spts
      '06050807', // dpts
      '0a09', // redirpt
      '0c0b', // outputsize
      '65746830000000000000000000000000', // vianame
      '01', // tosand
      '10', // tosxor
      '524544495245435400', // label
      '000000', // padding
      '696e70757400000000', // chain
      '000000',
    ].join('')
    expect(Buffer.from(bytes).toString('hex')).toBe(hex)
    expect(bytes.length).toBe(80)
    expect(encodeFwnew(1, rule(), 'input').length).toBe(84)
    const m = machine()
    expect(m.set(APPEND, bytes)).toBe(0)
    expect(m.chains()).toBe(
      '    input 0A010200/FFFFFF00->C0A80709/FFFFFFFF eth0 1B E3 6 0         0         0         0         ' +
        '258-772 1286-1800 A01 X10 0000090A 16909060 2828  REDIRECT\n',
    )
  })
})

describe('§1.8: control by setsockopt 64 to 76', () => {
  it('§1.8: lack of CAP_NET_ADMIN is EACCES, of masq control EPERM, and kernel.why says so', () => {
    const { k } = machine()
    const alice = k.spawn({ uid: 1000, gid: 1000 })
    const fd = alice.libc.socket(AF_INET, SOCK_DGRAM)
    for (let option = APPEND; option <= POLICY; option++)
      expect([option, alice.sys.setsockopt(fd, 0, option, label('input'))]).toEqual([option, EACCES])
    expect(k.why(alice)?.sentence).toMatch(/CAP_NET_ADMIN/)
    expect(alice.sys.setsockopt(fd, 0, MASQ_CTL, new Uint8Array(8))).toBe(EPERM)
    expect(k.why(alice)?.sentence).toMatch(/CAP_NET_ADMIN/)
    expect(alice.sys.setsockopt(fd, 0, FLUSH, null)).toBe(EFAULT)
  })

  it('on any socket of AF_INET', () => {
    const { root, names } = machine()
    const stream = root.libc.socket(AF_INET, SOCK_STREAM)
    expect(root.sys.setsockopt(stream, 0, CREATE, label('one'))).toBe(0)
    expect(names()).toContain('one - 0 0 0 0 0\n')
  })

  const sizes: readonly (readonly [string, number, number, number])[] = [
    ['append', APPEND, 80, 0],
    ['replace', REPLACE, 84, 0],
    ['delete by number', DELETE_NUM, 16, 0],
    ['delete', DELETE, 80, 0],
    ['insert', INSERT, 84, 0],
    ['flush', FLUSH, 9, 0],
    ['zero', ZERO, 9, 0],
    ['masq timeouts', MASQ_TIMEOUTS, 12, 0],
    ['create chain', CREATE, 9, EEXIST],
    ['delete chain', DELETE_CHAIN, 9, EBUSY],
  ]
  it.each(sizes)('§1.8: exact size: %s (option %i) wants %i bytes', (_name, option, size, right) => {
    const m = machine()
    m.append('input')
    const before = m.k.digest()
    const make = (length: number): Uint8Array => {
      const bytes = new Uint8Array(length)
      const chainAt = size === 84 ? 72 : size === 80 ? 68 : size === 16 ? 4 : 0
      if (option !== MASQ_TIMEOUTS && length > chainAt)
        bytes.set(label('input').subarray(0, Math.max(0, length - chainAt)), chainAt)
      if ((size === 84 || size === 16) && length > 0) bytes[0] = 1
      // A rule for any port.
      const ruleAt = size === 84 ? 4 : 0
      if (size >= 80) for (const i of [28, 29, 32, 33]) bytes[ruleAt + i] = 0xff
      return bytes
    }
    for (let length = 0; length < 100; length++)
      if (length !== size) expect([length, m.set(option, make(length))]).toEqual([length, EINVAL])
    expect(m.k.digest()).toBe(before)
    expect(m.set(option, make(size))).toBe(right)
  })

  it('§1.8: exact size: check wants 72 bytes, policy 18', () => {
    const m = machine()
    for (const length of [0, 60, 69, 71, 73]) expect(m.set(CHECK, new Uint8Array(length))).toBe(EINVAL)
    for (const length of [0, 17, 19]) expect(m.set(POLICY, new Uint8Array(length))).toBe(EINVAL)
    expect(m.check('input')).toBe(0)
    expect(m.set(POLICY, policy('DENY', 'input'))).toBe(0)
  })

  it('what is no structure at all is EFAULT, a number four bytes', () => {
    const { set } = machine()
    for (const value of [null, undefined, {}, 'input']) expect(set(FLUSH, value)).toBe(EFAULT)
    expect(set(FLUSH, 7)).toBe(EINVAL)
    expect(set(MASQ_CTL, new Uint8Array(4))).toBe(EINVAL)
    expect(set(77, 1)).toBe(ENOPROTOOPT)
    expect(set(63, 1)).toBe(ENOPROTOOPT)
  })

  it('a kernel without ipchains does not know the options: 2.0.35 and 2.6.14, and whoever says so', () => {
    for (const options of [
      { profile: '2.0.35' },
      { profile: '2.6.14' },
      { profile: '2.2.12', ipchains: false },
    ] as const) {
      const { set, root } = machine(options)
      for (let option = APPEND; option <= MASQ_CTL; option++)
        expect(set(option, label('input'))).toBe(ENOPROTOOPT)
      for (const name of ['ip_fwchains', 'ip_fwnames', 'ip_masquerade'])
        expect(root.sys.open(`/proc/net/${name}`, 0)).toBe(ENOENT)
    }
    for (const profile of ['2.0.35', '2.6.14'] as const) {
      const m = machine({ profile, ipchains: true })
      expect(m.append('input', { label: 'DENY' })).toBe(0)
      expect(m.check('input')).toBe(ETIMEDOUT)
    }
  })
})

describe('§1.8: errors', () => {
  const m = machine()
  m.set(CREATE, label('user'))
  m.set(CREATE, label('full'))
  m.set(CREATE, label('used'))
  m.append('full', { label: 'ACCEPT' })
  m.append('full', { label: 'used' })
  const rows: readonly (readonly [string, () => number, number])[] = [
    ['unknown chain', () => m.append('nowhere'), ENOENT],
    ['unknown jump target', () => m.append('input', { label: 'nowhere' }), ENOENT],
    ['jump to a built-in chain', () => m.append('input', { label: 'output' }), ENOENT],
    ['jump to a target in other letters', () => m.append('input', { label: 'accept' }), ENOENT],
    ['undefined flag bits', () => m.append('input', { flg: 0x40 }), EINVAL],
    ['source ports with another protocol', () => m.append('input', { proto: 47, spts: [1, 2] }), EINVAL],
    ['destination ports with any protocol', () => m.append('input', { dpts: [25, 25] }), EINVAL],
    ['ports with "not TCP"', () => m.append('input', { proto: TCP, invflg: 4, dpts: [25, 25] }), EINVAL],
    ['insert at 0', () => m.insert('user', 0), EINVAL],
    ['insert behind the end', () => m.insert('user', 2), EINVAL],
    ['replace at 0', () => m.replace('full', 0), EINVAL],
    ['replace behind the end', () => m.replace('full', 3), EINVAL],
    ['delete number 0', () => m.set(DELETE_NUM, delnum(0, 'full')), ENOENT],
    ['delete a number that is not there', () => m.set(DELETE_NUM, delnum(3, 'full')), ENOENT],
    ['delete a number of an empty chain', () => m.set(DELETE_NUM, delnum(1, 'user')), ENOENT],
    ['delete a rule that does not match', () => m.remove('full', { label: 'DENY' }), EINVAL],
    ['create an existing chain', () => m.set(CREATE, label('user')), EEXIST],
    ['create a built-in chain', () => m.set(CREATE, label('forward')), EEXIST],
    ['create with a label of nine letters', () => m.set(CREATE, label('ninechars')), EINVAL],
    ['delete "input"', () => m.set(DELETE_CHAIN, label('input')), EBUSY],
    ['delete "output"', () => m.set(DELETE_CHAIN, label('output')), EBUSY],
    ['delete a chain that rules enter', () => m.set(DELETE_CHAIN, label('used')), EBUSY],
    ['delete a chain with rules', () => m.set(DELETE_CHAIN, label('full')), ENOTEMPTY],
    ['delete an unknown chain', () => m.set(DELETE_CHAIN, label('nowhere')), ENOENT],
    ['flush an unknown chain', () => m.set(FLUSH, label('nowhere')), ENOENT],
    ['zero an unknown chain', () => m.set(ZERO, label('nowhere')), ENOENT],
    ['flush a label without NUL', () => m.set(FLUSH, label('ninechars')), EINVAL],
    ['policy on a user chain', () => m.set(POLICY, policy('DENY', 'user')), EINVAL],
    ['policy of an unknown chain', () => m.set(POLICY, policy('DENY', 'nowhere')), ENOENT],
    ['a bad policy', () => m.set(POLICY, policy('RETURN', 'input')), EINVAL],
    ['QUEUE as policy', () => m.set(POLICY, policy('QUEUE', 'input')), EINVAL],
    ['a chain as policy', () => m.set(POLICY, policy('user', 'input')), EINVAL],
    ['MASQ as policy of input', () => m.set(POLICY, policy('MASQ', 'input')), EINVAL],
    ['MASQ as policy of output', () => m.set(POLICY, policy('MASQ', 'output')), EINVAL],
    ['check in an unknown chain', () => m.check('nowhere'), ENOENT],
    ['check a header with options', () => m.check('input', { ihl: 6 }), EINVAL],
  ]
  it.each(rows)('§1.8: %s', (_what, call, errno) => {
    const before = m.k.digest()
    expect(call()).toBe(errno)
    expect(m.k.digest()).toBe(before)
    expect(checkInvariants(m.k)).toEqual([])
  })

  it('§1.8: MASQ policy only on forward, where it is fine', () => {
    const f = machine()
    expect(f.set(POLICY, policy('MASQ', 'forward'))).toBe(0)
    expect(f.names()).toBe('input ACCEPT 1 0 0 0 0\nforward MASQ 1 0 0 0 0\noutput ACCEPT 1 0 0 0 0\n')
  })
})

describe('§1.8: chains and targets', () => {
  it('§1.8: built-in chains input, forward, output, in this order, with ACCEPT as policy', () => {
    expect(machine().names()).toBe(
      'input ACCEPT 1 0 0 0 0\nforward ACCEPT 1 0 0 0 0\noutput ACCEPT 1 0 0 0 0\n',
    )
  })

  it('§1.8: targets ACCEPT, DENY, REJECT, MASQ, REDIRECT, RETURN, QUEUE, or a user chain name', () => {
    const m = machine()
    m.set(CREATE, label('mychain'))
    const all = ['ACCEPT', 'DENY', 'REJECT', 'MASQ', 'REDIRECT', 'RETURN', 'QUEUE', 'mychain']
    for (const target of all) expect(m.append('input', { label: target })).toBe(0)
    expect(m.append('input', {})).toBe(0)
    expect(m.targets('input')).toEqual([...all, '-'])
  })
})

describe('chains', () => {
  it('rules stand where they were put; references are counted', () => {
    const m = machine()
    m.set(CREATE, label('a'))
    for (const target of ['ACCEPT', 'DENY', 'REJECT']) m.append('a', { label: target })
    expect(m.insert('a', 1, { label: 'MASQ' })).toBe(0)
    expect(m.insert('a', 5, { label: 'RETURN' })).toBe(0)
    expect(m.insert('a', 3, { label: 'QUEUE' })).toBe(0)
    expect(m.targets('a')).toEqual(['MASQ', 'ACCEPT', 'QUEUE', 'DENY', 'REJECT', 'RETURN'])
    expect(m.replace('a', 2, { label: 'REDIRECT' })).toBe(0)
    expect(m.set(DELETE_NUM, delnum(4, 'a'))).toBe(0)
    expect(m.remove('a', { label: 'MASQ' })).toBe(0)
    expect(m.targets('a')).toEqual(['REDIRECT', 'QUEUE', 'REJECT', 'RETURN'])
    m.append('input', { label: 'a' })
    m.append('forward', { label: 'a' })
    expect(m.names()).toContain('a - 2 0 0 0 0\n')
    expect(m.replace('input', 1, { label: 'DENY' })).toBe(0)
    expect(m.names()).toContain('a - 1 0 0 0 0\n')
    expect(m.set(FLUSH, label('forward'))).toBe(0)
    expect(m.set(DELETE_CHAIN, label('a'))).toBe(ENOTEMPTY)
    expect(m.set(FLUSH, label('a'))).toBe(0)
    expect(m.set(DELETE_CHAIN, label('a'))).toBe(0)
    expect(checkInvariants(m.k)).toEqual([])
  })

  it('a deletion looks neither at the mark nor at the TOS', () => {
    const m = machine()
    m.append('input', { mark: 7, flg: 8, tosand: 1, tosxor: 4, label: 'ACCEPT' })
    m.append('input', { mark: 9, label: 'ACCEPT' })
    expect(m.remove('input', { label: 'ACCEPT' })).toBe(0)
    expect(m.chains()).toContain(' 9 0    ACCEPT\n')
    expect(m.targets('input')).toHaveLength(1)
  })
})

describe('§1.8: check command result codes', () => {
  const codes: readonly (readonly [string, number])[] = [
    ['ACCEPT', 0],
    ['REDIRECT', ECONNABORTED],
    ['MASQ', ECONNRESET],
    ['REJECT', ECONNREFUSED],
    ['DENY', ETIMEDOUT],
    ['QUEUE', ETIMEDOUT],
  ]
  it.each(codes)('§1.8: %s', (target, code) => {
    const m = machine()
    m.append('input', { label: target })
    expect(m.check('input')).toBe(code)
    expect(m.targets('input')).toEqual([target])
  })

  it('§1.8: loop ELOOP, fell off a user chain ENFILE', () => {
    const m = machine()
    m.set(CREATE, label('a'))
    m.set(CREATE, label('b'))
    expect(m.check('a')).toBe(ENFILE)
    m.append('a', { label: 'b' })
    expect(m.check('a')).toBe(ENFILE)
    m.append('b', { label: 'a' })
    m.append('input', { label: 'a' })
    expect(m.check('input')).toBe(ELOOP)
    expect(m.check('a')).toBe(ELOOP)
    expect(checkInvariants(m.k)).toEqual([])
    expect(m.log()).not.toContain('Loop')
  })

  it('counts nothing, and nothing is left behind', () => {
    const m = machine()
    m.append('input', { label: 'DENY', flg: 1, mark: 5 })
    const before = m.k.digest()
    m.check('input')
    expect(m.k.digest()).toBe(before)
  })
})

describe('§1.8: flags 0x01 to 0x20, inverse flags for src, dst, proto, sport, dport, interface, syn, frag: matching', () => {
  const net10 = { src: ip('10.0.0.0'), smsk: ip('255.0.0.0') }
  const rows: readonly (readonly [string, Parameters<typeof rule>[0], Packet, boolean])[] = [
    ['source', net10, { src: '10.9.9.9' }, true],
    ['another source', net10, { src: '11.9.9.9' }, false],
    ['not the source', { ...net10, invflg: 1 }, { src: '10.9.9.9' }, false],
    ['not another source', { ...net10, invflg: 1 }, { src: '11.9.9.9' }, true],
    ['destination', { dst: ip('200.1.1.1'), dmsk: 0xffffffff }, { dst: '200.1.1.1' }, true],
    [
      'not the destination',
      { dst: ip('200.1.1.1'), dmsk: 0xffffffff, invflg: 2 },
      { dst: '200.1.1.1' },
      false,
    ],
    ['protocol', { proto: UDP }, { proto: UDP }, true],
    ['another protocol', { proto: TCP }, { proto: UDP }, false],
    ['not the protocol', { proto: TCP, invflg: 4 }, { proto: UDP }, true],
    ['lowest source port', { proto: UDP, spts: [100, 200] }, { sport: 100 }, true],
    ['highest source port', { proto: UDP, spts: [100, 200] }, { sport: 200 }, true],
    ['above', { proto: UDP, spts: [100, 200] }, { sport: 201 }, false],
    ['not these source ports', { proto: UDP, spts: [100, 200], invflg: 8 }, { sport: 201 }, true],
    ['destination port', { proto: TCP, dpts: [80, 80] }, { proto: TCP, dport: 80 }, true],
    [
      'not this destination port',
      { proto: TCP, dpts: [80, 80], invflg: 16 },
      { proto: TCP, dport: 80 },
      false,
    ],
    [
      'ICMP type and code',
      { proto: ICMP, spts: [3, 3], dpts: [4, 4] },
      { proto: ICMP, sport: 3, dport: 4 },
      true,
    ],
    [
      'ICMP of another code',
      { proto: ICMP, spts: [3, 3], dpts: [4, 4] },
      { proto: ICMP, sport: 3, dport: 1 },
      false,
    ],
    ['interface', { vianame: 'eth0' }, { vianame: 'eth0' }, true],
    ['no more than the name', { vianame: 'eth' }, { vianame: 'eth0' }, false],
    ['names that begin so', { vianame: 'eth', flg: 0x10 }, { vianame: 'eth0' }, true],
    ['not names that begin so', { vianame: 'eth', flg: 0x10, invflg: 0x20 }, { vianame: 'eth0' }, false],
    ['not this interface', { vianame: 'ppp0', invflg: 0x20 }, { vianame: 'eth0' }, true],
    ['not any interface', { invflg: 0x20 }, { vianame: 'eth0' }, false],
    ['SYN', { proto: TCP, flg: 2 }, { proto: TCP, tcpFlags: 2 }, true],
    ['SYN with ACK', { proto: TCP, flg: 2 }, { proto: TCP, tcpFlags: 0x12 }, false],
    ['SYN with RST', { proto: TCP, flg: 2 }, { proto: TCP, tcpFlags: 6 }, false],
    ['not SYN', { proto: TCP, flg: 2, invflg: 0x40 }, { proto: TCP, tcpFlags: 0x10 }, true],
    ['not SYN, but it is', { proto: TCP, flg: 2, invflg: 0x40 }, { proto: TCP, tcpFlags: 2 }, false],
    ['a piece', { flg: 4 }, { fragOff: 7 }, true],
    ['a first piece is none', { flg: 4 }, { fragOff: 0x2000 }, false],
    ['not a piece', { flg: 4, invflg: 0x80 }, { fragOff: 7 }, false],
    ['not a piece, whole', { flg: 4, invflg: 0x80 }, {}, true],
    ['a piece has all ports', { proto: UDP }, { fragOff: 7 }, true],
    ['a piece has no port', { proto: UDP, dpts: [0, 100] }, { fragOff: 7, dport: 7 }, false],
    ['nor has it none', { proto: UDP, dpts: [0, 100], invflg: 16 }, { fragOff: 7, dport: 700 }, false],
    ['a piece is no SYN', { proto: TCP, flg: 2 }, { proto: TCP, fragOff: 7, tcpFlags: 2 }, false],
    ['nor no SYN', { proto: TCP, flg: 2, invflg: 0x40 }, { proto: TCP, fragOff: 7 }, false],
    ['too short for a UDP header: a piece', { flg: 4 }, { totLen: 27 }, true],
    ['just long enough', { flg: 4 }, { totLen: 28 }, false],
    ['too short for TCP’s flags: a piece', { flg: 4 }, { proto: TCP, totLen: 35 }, true],
    ['long enough for TCP’s flags', { flg: 4 }, { proto: TCP, totLen: 36 }, false],
    ['too short for ICMP: a piece', { flg: 4 }, { proto: ICMP, totLen: 27 }, true],
    ['another protocol needs nothing', { flg: 4 }, { proto: 47, totLen: 20 }, false],
  ]
  it.each(rows)('%s', (_what, fields, packet, isMatch) => {
    const m = machine()
    expect(m.append('input', { ...fields, label: 'DENY' })).toBe(0)
    expect(m.check('input', packet)).toBe(isMatch ? ETIMEDOUT : 0)
  })

  it('a piece of TCP eight bytes in is denied before all rules', () => {
    const m = machine()
    m.append('input', { label: 'ACCEPT' })
    expect(m.check('input', { proto: TCP, fragOff: 1 })).toBe(ETIMEDOUT)
    expect(m.check('input', { proto: UDP, fragOff: 1 })).toBe(0)
  })

  it('RETURN goes back, a rule without target goes on, a chain’s end goes back', () => {
    const m = machine()
    m.set(CREATE, label('a'))
    m.set(CREATE, label('b'))
    m.append('input', { proto: TCP, label: 'a' })
    m.append('input', { label: 'REJECT' })
    m.append('a', {})
    m.append('a', { proto: TCP, dpts: [1, 1], label: 'RETURN' })
    m.append('a', { proto: TCP, dpts: [2, 2], label: 'b' })
    m.append('a', { label: 'MASQ' })
    m.append('b', { label: 'RETURN' })
    m.append('b', { label: 'DENY' })
    const tcp = (dport: number): number => m.check('input', { proto: TCP, dport })
    expect([tcp(1), tcp(2), tcp(3), m.check('input')]).toEqual([
      ECONNREFUSED,
      ECONNRESET,
      ECONNRESET,
      ECONNREFUSED,
    ])
  })
})

/** Two datagram sockets over loopback. */
function pair(m: ReturnType<typeof machine>) {
  const { root } = m
  const a = root.libc.socket(AF_INET, SOCK_DGRAM)
  const b = root.libc.socket(AF_INET, SOCK_DGRAM)
  root.libc.bind(b, at(5000))
  root.libc.bind(a, at(4000))
  return {
    send: (bytes = 4): number => root.sys.sendto(a, new Uint8Array(bytes), 0, at(5000)),
    got: (): number => root.sys.recv(b, new Uint8Array(5000), MSG_DONTWAIT),
    a,
    b,
  }
}

describe('packets through the chains', () => {
  it('§1.8: fate of locally generated packets refused by the output chain: datagram senders get EPERM', () => {
    for (const target of ['DENY', 'REJECT', 'QUEUE']) {
      const m = machine()
      const { send, got } = pair(m)
      expect(send()).toBe(4)
      expect(got()).toBe(4)
      m.append('output', { proto: UDP, dpts: [5000, 5000], label: target })
      expect(send()).toBe(EPERM)
      expect(m.k.why(m.root)?.sentence).toMatch(/firewall/)
      expect(got()).toBeLessThan(0)
      expect(checkInvariants(m.k)).toEqual([])
    }
  })

  it('§1.8: raw senders get EPERM', () => {
    const m = machine()
    m.append('output', { proto: ICMP, label: 'DENY' })
    const raw = m.root.libc.socket(AF_INET, 3, ICMP)
    expect(m.root.sys.sendto(raw, Uint8Array.of(8, 0, 0xf7, 0xff, 0, 0, 0, 0), 0, at(0))).toBe(EPERM)
    expect(m.k.why(m.root)?.sentence).toMatch(/firewall/)
    const own = m.root.libc.socket(AF_INET, 3, 255)
    const packet = new Uint8Array(28)
    packet.set([0x45, 0, 0, 28, 0, 0, 0, 0, 64, ICMP, 0, 0, 0, 0, 0, 0, 127, 0, 0, 1, 8])
    expect(m.root.sys.sendto(own, packet, 0, at(0))).toBe(EPERM)
  })

  it('§1.8: TCP segments are dropped without an error to the caller', () => {
    const m = machine()
    m.append('output', { proto: TCP, label: 'DENY' })
    const { root } = m
    const server = root.libc.socket(AF_INET, SOCK_STREAM)
    root.libc.bind(server, at(80))
    root.libc.listen(server, 1)
    const errors: number[] = []
    m.k.install('/client', function* (sys) {
      const fd = yield* sys.socket(AF_INET, SOCK_STREAM)
      errors.push(yield* sys.connect(fd, at(80)))
      return 0
    })
    const client = m.k.spawn()
    client.sys.execve('/client', ['client'], [])
    m.k.run()
    expect(errors).toEqual([ETIMEDOUT])
    expect(checkInvariants(m.k)).toEqual([])
  })

  it('the input chain sees the loopback device; DENY is silent, REJECT says port unreachable', () => {
    for (const [target, error] of [
      ['DENY', -11],
      ['REJECT', -111],
    ] as const) {
      const m = machine()
      const { send, got, a } = pair(m)
      m.root.libc.connect(a, at(5000))
      m.append('input', { vianame: 'lo', proto: UDP, label: target })
      expect(m.root.sys.send(a, new Uint8Array(3))).toBe(3)
      expect(m.root.sys.recv(a, new Uint8Array(3), MSG_DONTWAIT)).toBe(error)
      expect(got()).toBe(-11)
      expect(typeof send).toBe('function')
    }
  })

  it('§1.8: /proc/net/ip_fwchains and ip_fwnames count: packets and bytes of rules and of policies; ZERO and a read of a file open for writing clear the rules’', () => {
    const m = machine()
    const { send, got } = pair(m)
    m.append('input', { proto: UDP, label: '' })
    send(4)
    send(100)
    got()
    expect(m.chains()).toMatch(/ 17 0 {9}2 {9}0 {9}160 {7}0-65535 /)
    expect(m.names()).toBe('input ACCEPT 1 0 2 0 160\nforward ACCEPT 1 0 0 0 0\noutput ACCEPT 1 0 2 0 160\n')
    expect(m.cat('/proc/net/ip_fwchains', 2)).toMatch(/ 17 0 {9}2 {9}0 {9}160 /)
    expect(m.chains()).toMatch(/ 17 0 {9}0 {9}0 {9}0 /)
    send(4)
    m.set(ZERO, label('input'))
    expect(m.chains()).toMatch(/ 17 0 {9}0 {9}0 {9}0 /)
    expect(m.names()).toContain('input ACCEPT 1 0 3 0 192\n')
  })

  it('the chains are for root', () => {
    const { k } = machine()
    const alice = k.spawn({ uid: 1000 })
    expect(alice.sys.open('/proc/net/ip_fwchains', 0)).toBe(EACCES)
    expect(alice.sys.open('/proc/net/ip_fwnames', 0)).toBe(EACCES)
    expect(alice.sys.open('/proc/net/ip_masquerade', 0)).toBeGreaterThanOrEqual(0)
  })

  it('-l writes a line to the kernel log', () => {
    const m = machine()
    const { send } = pair(m)
    m.append('input', { proto: TCP })
    m.append('input', { proto: UDP, flg: 1, label: 'DENY' })
    m.append('output', { proto: UDP, flg: 1, redirpt: 8080, label: 'REDIRECT' })
    send(4)
    const lines = m.log().split('\n')
    const line = 'lo PROTO=17 127.0.0.1:4000 127.0.0.1:5000 L=32 S=0x00 I=0 F=0x0000 T=64 (#'
    expect(lines).toContainEqual(expect.stringContaining(`Packet log: output REDIRECT 8080 ${line}1)`))
    expect(lines).toContainEqual(expect.stringContaining(`Packet log: input DENY ${line}2)`))
  })

  it('-l shows SYN, and options four bytes at a time; a suspect piece of TCP is logged, and not too often', () => {
    const m = machine()
    m.k.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, 1))
    m.k.net.configure('eth0', { address: '10.0.0.1/24' })
    m.append('input', { proto: TCP, flg: 1, label: 'DENY' })
    const receive = (header: number[], payload: number[]): void => {
      const frame = Uint8Array.from([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0, ...header, ...payload])
      let sum = 0
      for (let i = 14; i < 14 + header.length; i += 2) sum += ((frame[i] ?? 0) << 8) | (frame[i + 1] ?? 0)
      while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
      frame.set([(~sum >>> 8) & 255, ~sum & 255], 24)
      m.k.net.receiveFrame('eth0', frame)
    }
    const ends = [10, 0, 0, 2, 10, 0, 0, 1]
    // Two words of options, and a SYN from port 1024 to 25.
    const tcp = [4, 0, 0, 25, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0]
    receive([0x47, 8, 0, 48, 0, 7, 0x40, 0, 61, 6, 0, 0, ...ends, 1, 2, 3, 4, 5, 6, 7, 8], tcp)
    expect(m.log()).toContain(
      'Packet log: input DENY eth0 PROTO=6 10.0.0.2:1024 10.0.0.1:25 L=48 S=0x08 I=7 F=0x4000 T=61' +
        ' O=0x04030201 O=0x08070605 SYN (#1)',
    )
    const piece = [0x45, 0, 0, 28, 0, 9, 0, 1, 64, 6, 0, 0, ...ends]
    for (let i = 0; i < 14; i++) receive(piece, [0, 0, 0, 0, 0, 0, 0, 0])
    const line = 'eth0 PROTO=6 10.0.0.2:0 10.0.0.1:0 L=28 S=0x00 I=9 F=0x0001 T=64 (#0)'
    expect(m.log().split('Suspect TCP fragment.')).toHaveLength(11)
    expect(m.log().split(line)).toHaveLength(11)
    m.k.advance(5000)
    receive(piece, [0, 0, 0, 0, 0, 0, 0, 0])
    expect(m.log()).toContain('NET: 4 messages suppressed.')
  })

  it('§1.8: mark on match: absolute sets, otherwise adds and wraps at 32 bits', () => {
    const marks: number[] = []
    const spy: IpfwExtension = {
      name: 'spy',
      size: 0,
      parse: () => 0,
      apply: (_net, _field, skb) => {
        marks.push(skb.mark)
      },
      show: () => 'spy',
    }
    const m = machine({ extensions: [spy] })
    const { send } = pair(m)
    m.append('input', { mark: 0xfffffff0, flg: 8 })
    m.append('input', { mark: 0x20 })
    m.append('input', { mark: -3 >>> 0 })
    m.append('input', { mark: 7, flg: 8 })
    send()
    expect(marks).toEqual([0xfffffff0, 0x10, 0xd, 7])
  })

  it('TOS: and, then xor; the header’s checksum stays right, and the sender’s bytes are its own', () => {
    const m = machine()
    const { send, got } = pair(m)
    m.append('output', { tosand: 0x01, tosxor: 0x10 })
    m.append('input', { flg: 1 })
    expect(send()).toBe(4)
    expect(got()).toBe(4)
    expect(m.log()).toContain(' S=0x10 ')
  })

  it('a loop drops the packet and leaves a trace in the log', () => {
    const m = machine()
    const { send } = pair(m)
    m.set(CREATE, label('a'))
    m.set(CREATE, label('b'))
    m.append('a', { label: 'b' })
    m.append('b', { label: 'a' })
    m.append('output', { label: 'a' })
    expect(send()).toBe(EPERM)
    expect(m.log()).toContain("IP firewall: Loop detected at `a'.")
    expect(m.log()).toContain('Chain backtrace: b<-a<-output')
    expect(checkInvariants(m.k)).toEqual([])
  })

  it('-o copies size, mark, interface and the packet to NETLINK_FIREWALL', () => {
    const m = machine()
    const { send } = pair(m)
    const listener = m.root.libc.socket(16, 3, 3)
    m.root.libc.bind(listener, { family: 16, pid: 0, groups: 1 })
    m.append('output', { proto: UDP, flg: 0x28, mark: 9, outputsize: 30 })
    expect(send(100)).toBe(100)
    const buf = new Uint8Array(200)
    expect(m.root.sys.recv(listener, buf, MSG_DONTWAIT)).toBe(54)
    expect([...buf.subarray(0, 8)]).toEqual([54, 0, 0, 0, 9, 0, 0, 0])
    expect(Buffer.from(buf.subarray(8, 24)).toString('latin1')).toBe(`lo${'\0'.repeat(14)}`)
    expect(Buffer.from(buf.subarray(24, 54)).toString('hex')).toMatch(/^45000080.*7f0000017f000001.{20}$/)
  })
})

describe('extensions: fields that modules append', () => {
  const parsed: number[] = []
  const mac: IpfwExtension<{ readonly level: number }> = {
    name: 'level',
    size: 8,
    parse(_current, bytes) {
      parsed.push(bytes.length)
      return bytes[0] === 0xff ? EINVAL : { level: bytes[0] ?? 0 }
    },
    matches: (_net, { level }, skb, point) => point !== 4 || skb.mark === level,
    apply(_net, { level }, skb, point) {
      if (point === 0) skb.mark = level
    },
    show: ({ level }) => `L${level}`,
  }
  const extra = (level: number): Uint8Array => Uint8Array.of(level, 0, 0, 0, 0, 0, 0, 0)

  it('§1.8: a rule record that grew rejects an unpatched structure, and takes one that has grown', () => {
    const m = machine({ extensions: [mac as IpfwExtension] })
    expect(m.append('input', { label: 'ACCEPT' })).toBe(EINVAL)
    expect(m.set(APPEND, encodeFwchange(rule({ extra: extra(1) }), 'input').subarray(0, 80))).toBe(EINVAL)
    const bytes = encodeFwchange(rule({ label: 'ACCEPT', extra: extra(7) }), 'input')
    expect(bytes.length).toBe(88)
    expect(m.set(APPEND, bytes)).toBe(0)
    expect(m.insert('input', 1, { label: 'DENY', extra: extra(0xff) })).toBe(EINVAL)
    expect(m.chains()).toMatch(/ {4}ACCEPT L7\n$/)
    expect(m.set(DELETE, encodeFwchange(rule({ label: 'ACCEPT', extra: extra(8) }), 'input'))).toBe(EINVAL)
    expect(m.set(DELETE, bytes)).toBe(0)
    expect(new Set(parsed)).toEqual(new Set([8]))
    expect(m.k.fork().digest()).toBe(m.k.digest())
  })

  it('an extension says whether the rule matches, and acts when it does', () => {
    const m = machine({ extensions: [mac as IpfwExtension] })
    const { send } = pair(m)
    m.append('output', { label: 'DENY', extra: extra(3) })
    expect(send()).toBe(4)
    m.append('output', { mark: 3, flg: 8, extra: extra(0) })
    m.append('output', { label: 'DENY', extra: extra(3) })
    expect(send()).toBe(EPERM)
  })

  it('a size that would break the structure is said at once', () => {
    const odd = { ...mac, size: 3 } as unknown as IpfwExtension
    expect(() => machine({ extensions: [odd] }).chains()).toThrow(/'level': size 3/)
  })
})

describe('§1.1: bind and masquerading’s ports', () => {
  const rows: readonly (readonly [number, string, number])[] = [
    [60999, '0.0.0.0', 0],
    [61000, '0.0.0.0', -98],
    [65096, '0.0.0.0', -98],
    [65097, '0.0.0.0', 0],
    // The address is looked at before in 2.2, after in 2.0.
    [61000, '9.9.9.9', -99],
  ]
  it.each(rows)('§1.1: masquerade range -> EADDRINUSE: port %i of %s', (port, addr, errno) => {
    const { root } = machine()
    expect(root.sys.bind(root.libc.socket(AF_INET, SOCK_DGRAM), at(port, addr))).toBe(errno)
    const old = machine({ profile: '2.0.35', ipchains: true }).root
    const expected = errno === -99 ? -98 : errno
    expect(old.sys.bind(old.libc.socket(AF_INET, SOCK_DGRAM), at(port, addr))).toBe(expected)
    const none = createKernel({ modules: [net({ ipchains: false })], profile: '2.2.12' }).spawn()
    expect(none.sys.bind(none.libc.socket(AF_INET, SOCK_DGRAM), at(port, addr))).toBe(errno === -99 ? -99 : 0)
  })
})

describe('state', () => {
  it('a fork has the same chains, and its own', () => {
    const m = machine()
    m.set(CREATE, label('a'))
    m.append('input', { label: 'a' })
    const fork = m.k.fork()
    expect(fork.digest()).toBe(m.k.digest())
    m.append('a', { label: 'DENY' })
    expect(fork.digest()).not.toBe(m.k.digest())
    expect(checkInvariants(fork)).toEqual([])
  })

  it('the structure that a program passes is not kept', () => {
    const m = machine()
    const bytes = encodeFwchange(rule({ label: 'DENY' }), 'input')
    m.set(APPEND, bytes)
    const before = m.k.digest()
    bytes.fill(0)
    expect(m.k.digest()).toBe(before)
    expect(padded(4, int32(1)).length).toBe(4)
    expect(fwtest({}, 'input').length).toBe(72)
  })
})
