/**
 * Masquerading and redirection through a router: three kernels, whose frames are carried by hand. Linux:
 * net/ipv4/ip_masq.c (2.2.12).
 */
import {
  checkInvariants,
  EADDRINUSE,
  EADDRNOTAVAIL,
  ECONNREFUSED,
  EINPROGRESS,
  EMSGSIZE,
  O_CREAT,
  O_NONBLOCK,
  O_RDWR,
  O_TRUNC,
  utf8Decode,
} from 'paleokernel'
import { ipchains } from 'paleokernel/userland'
import { describe, expect, it } from 'vitest'
import {
  AF_INET,
  at,
  CREATE,
  FLUSH,
  int32,
  ip,
  join,
  label,
  MASQ_TIMEOUTS,
  type Machine,
  MSG_DONTWAIT,
  machine,
  SOCK_DGRAM,
  SOCK_STREAM,
} from './firewall_tools.js'

const INSIDE = '10.0.0.2'
const ROUTER = '200.0.0.1'
const OUTSIDE = '200.0.0.2'
const F_SETFL = 4
const text = (s: string): Uint8Array => Uint8Array.from(s, (char) => char.charCodeAt(0))

function card(m: Machine, name: string, last: number, address: string, mtu = 1500): void {
  m.k.net.addEthernet(name, Uint8Array.of(2, 0, 0, 0, 0, last))
  m.k.net.configure(name, { address, mtu })
}

/** A default route, as SIOCADDRT takes it. */
function gateway(m: Machine, via: string): void {
  const bytes = new Uint8Array(84)
  const put = (offset: number, addr: string): void => {
    bytes.set([2, 0, 0, 0, ...addr.split('.').map(Number)], offset)
  }
  put(4, '0.0.0.0')
  put(20, via)
  put(36, '0.0.0.0')
  bytes.set([3, 0], 52)
  expect(m.root.sys.ioctl(m.root.libc.socket(AF_INET, SOCK_DGRAM), 0x890b, bytes)).toBe(0)
}

/** inside --- eth0 router eth1 --- outside; the router masquerades, unless told otherwise. */
function lab({ innerMtu = 1500, isMasked = true, transparentProxy = false } = {}) {
  const inside = machine()
  const router = machine({ transparentProxy })
  const outside = machine({ profile: '2.6.14' })
  card(inside, 'eth0', 1, `${INSIDE}/24`)
  card(router, 'eth0', 2, '10.0.0.1/24', innerMtu)
  card(router, 'eth1', 3, `${ROUTER}/24`)
  card(outside, 'eth0', 4, `${OUTSIDE}/24`)
  gateway(inside, '10.0.0.1')
  const sysctl = router.root.libc.open('/proc/sys/net/ipv4/ip_forward', 1)
  router.root.libc.write(sysctl, text('1\n'))
  if (isMasked) {
    const net10 = { src: ip('10.0.0.0'), smsk: ip('255.255.255.0') }
    expect(router.append('forward', { ...net10, vianame: 'eth1', label: 'MASQ' })).toBe(0)
  }
  /** IP packets that went over the outer wire: 'source > destination protocol'. */
  const outer: Uint8Array[] = []
  function pump(): void {
    for (let round = 0, moved = 1; moved > 0 && round < 200; round++) {
      moved = 0
      const carry = (from: Machine, port: string, to: Machine, other: string): void => {
        for (const { frame } of from.k.net.takeFrames(port)) {
          moved++
          if ((port === 'eth1' || other === 'eth1') && frame[12] === 8 && frame[13] === 0)
            outer.push(frame.slice(14))
          to.k.net.receiveFrame(other, frame)
        }
      }
      carry(inside, 'eth0', router, 'eth0')
      carry(router, 'eth0', inside, 'eth0')
      carry(router, 'eth1', outside, 'eth0')
      carry(outside, 'eth0', router, 'eth1')
    }
  }
  const all = [inside, router, outside]
  return {
    inside,
    router,
    outside,
    outer,
    pump,
    /** Lets time pass for all, packets being carried meanwhile. */
    pass(ms: number, step = 1000): void {
      for (let gone = 0; gone < ms; gone += step) {
        for (const { k } of all) k.advance(Math.min(step, ms - gone))
        pump()
      }
    },
    sound(): void {
      for (const { k } of all) expect(checkInvariants(k)).toEqual([])
      for (const packet of outer) expectChecksums(packet)
    },
    masq: (): string[] => router.cat('/proc/net/ip_masquerade').split('\n').slice(1, -1),
  }
}

function sum(bytes: Uint8Array, start: number, end: number, from = 0): number {
  let total = from
  for (let i = start; i < end; i += 2)
    total += ((bytes[i] ?? 0) << 8) | (i + 1 < end ? (bytes[i + 1] ?? 0) : 0)
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16)
  return total
}

/** Computed here once more: every header and every whole transport packet on the wire is right. */
function expectChecksums(packet: Uint8Array): void {
  expect(sum(packet, 0, 20)).toBe(0xffff)
  const [length, proto] = [((packet[2] ?? 0) << 8) | (packet[3] ?? 0), packet[9] ?? 0]
  const frag = (((packet[6] ?? 0) << 8) | (packet[7] ?? 0)) & 0x3fff
  if (frag !== 0) return
  const pseudo = proto === 1 ? 0 : sum(packet, 12, 20) + proto + length - 20
  expect([proto, sum(packet, 20, length, pseudo)]).toEqual([proto, 0xffff])
}

const dotted = (packet: Uint8Array, offset: number): string => packet.slice(offset, offset + 4).join('.')

describe('UDP through a masquerading router', () => {
  it('goes out as the router’s, and the answer finds back', () => {
    const { inside, outside, router, outer, pump, masq, sound } = lab()
    const client = inside.root.libc.socket(AF_INET, SOCK_DGRAM)
    inside.root.libc.bind(client, at(4000, '0.0.0.0'))
    const server = outside.root.libc.socket(AF_INET, SOCK_DGRAM)
    outside.root.libc.bind(server, at(53, '0.0.0.0'))
    expect(inside.root.sys.sendto(client, text('question'), 0, at(53, OUTSIDE))).toBe(8)
    pump()
    const from = {} as { family: 2; addr: string; port: number }
    const buf = new Uint8Array(100)
    expect(outside.root.sys.recvfrom(server, buf, MSG_DONTWAIT, from)).toBe(8)
    expect(from).toMatchObject({ addr: ROUTER, port: 61000 })
    outside.root.libc.sendto(server, text('answer'), 0, from)
    pump()
    expect(inside.root.sys.recvfrom(client, buf, MSG_DONTWAIT, from)).toBe(6)
    expect(from).toMatchObject({ addr: OUTSIDE, port: 53 })
    expect(outer.map((packet) => `${dotted(packet, 12)} > ${dotted(packet, 16)}`)).toEqual([
      `${ROUTER} > ${OUTSIDE}`,
      `${OUTSIDE} > ${ROUTER}`,
    ])
    expect(masq()).toEqual([
      `UDP 0A000002:0FA0 C8000002:0035 EE48 00000000      0      0   30000`.padEnd(127),
    ])
    expect(router.cat('/proc/net/ip_masquerade').split('\n')[0]).toBe(
      'Prc FromIP   FPrt ToIP     TPrt Masq Init-seq  Delta PDelta Expires (free=40959,40960,40960)'.padEnd(
        127,
      ),
    )
    sound()
  })

  it('§1.9: UDP entries live 5 minutes from the last packet; the timeouts can be set, 0 leaving them', () => {
    const { inside, router, pump, pass, masq, sound } = lab()
    const client = inside.root.libc.socket(AF_INET, SOCK_DGRAM)
    const send = (): void => {
      inside.root.libc.sendto(client, text('x'), 0, at(53, OUTSIDE))
      pump()
    }
    send()
    pass(200_000, 50_000)
    send()
    pass(290_000, 50_000)
    expect(masq()).toHaveLength(1)
    pass(11_000)
    expect(masq()).toHaveLength(0)
    expect(router.set(MASQ_TIMEOUTS, join(int32(0), int32(0), int32(700)))).toBe(0)
    send()
    expect(masq()[0]).toMatch(/ {5}700 *$/)
    pass(7001)
    expect(masq()).toHaveLength(0)
    expect(router.cat('/proc/sys/net/ipv4/ip_always_defrag')).toBe('0\n')
    sound()
  })

  it('the same socket to two peers has one port; two sockets have two', () => {
    const { inside, pump, masq } = lab()
    const a = inside.root.libc.socket(AF_INET, SOCK_DGRAM)
    const b = inside.root.libc.socket(AF_INET, SOCK_DGRAM)
    inside.root.libc.sendto(a, text('x'), 0, at(53, OUTSIDE))
    inside.root.libc.sendto(a, text('x'), 0, at(54, OUTSIDE))
    inside.root.libc.sendto(b, text('x'), 0, at(53, OUTSIDE))
    pump()
    expect(masq().map((line) => line.split(' ')[3])).toEqual(['EE48', 'EE49'])
  })

  it('a datagram in pieces is put together, masqueraded and cut again', () => {
    const { inside, outside, pump, sound } = lab()
    const client = inside.root.libc.socket(AF_INET, SOCK_DGRAM)
    const server = outside.root.libc.socket(AF_INET, SOCK_DGRAM)
    outside.root.libc.bind(server, at(53, '0.0.0.0'))
    const big = new Uint8Array(4000).map((_, i) => i)
    // The first one makes the entry: only from then on pieces are put together.
    inside.root.libc.sendto(client, text('x'), 0, at(53, OUTSIDE))
    pump()
    inside.root.libc.sendto(client, big, 0, at(53, OUTSIDE))
    pump()
    const buf = new Uint8Array(5000)
    expect(outside.root.sys.recv(server, buf, MSG_DONTWAIT)).toBe(1)
    expect(outside.root.sys.recv(server, buf, MSG_DONTWAIT)).toBe(4000)
    expect(Buffer.compare(buf.subarray(0, 4000), big)).toBe(0)
    sound()
  })

  it('nobody outside gets in: other ports are the router’s own', () => {
    const { inside, outside, pump, sound } = lab()
    const client = inside.root.libc.socket(AF_INET, SOCK_DGRAM)
    inside.root.libc.bind(client, at(4000, '0.0.0.0'))
    inside.root.libc.sendto(client, text('x'), 0, at(53, OUTSIDE))
    pump()
    const other = outside.root.libc.socket(AF_INET, SOCK_DGRAM)
    outside.root.libc.connect(other, at(61001, ROUTER))
    outside.root.libc.send(other, text('knock'))
    pump()
    expect(outside.root.sys.recv(other, new Uint8Array(9), MSG_DONTWAIT)).toBe(ECONNREFUSED)
    expect(inside.root.sys.recv(client, new Uint8Array(9), MSG_DONTWAIT)).toBeLessThan(0)
    sound()
  })

  it('a port that masquerading uses is no socket’s', () => {
    const { router } = lab()
    expect(router.root.sys.bind(router.root.libc.socket(AF_INET, SOCK_DGRAM), at(61000, '0.0.0.0'))).toBe(
      EADDRINUSE,
    )
  })
})

/** A connection from inside to port 80 outside, made. */
function connection(net: ReturnType<typeof lab>, address = OUTSIDE, listenAt = net.outside) {
  const { inside, pump } = net
  const listener = listenAt.root.libc.socket(AF_INET, SOCK_STREAM)
  listenAt.root.libc.bind(listener, at(listenAt === net.outside ? 80 : 8080, '0.0.0.0'))
  listenAt.root.libc.listen(listener, 5)
  const client = inside.root.libc.socket(AF_INET, SOCK_STREAM)
  inside.root.libc.fcntl(client, F_SETFL, O_NONBLOCK)
  expect(inside.root.sys.connect(client, at(80, address))).toBe(EINPROGRESS)
  pump()
  const from = {} as { family: 2; addr: string; port: number }
  const server = listenAt.root.libc.accept(listener, from)
  listenAt.root.libc.fcntl(server, F_SETFL, O_NONBLOCK)
  return { client, server, from }
}

describe('TCP through a masquerading router', () => {
  it('connects, carries data both ways, and follows the states', () => {
    const net = lab()
    const { inside, outside, pump, pass, masq, sound } = net
    const { client, server, from } = connection(net)
    expect(from).toMatchObject({ addr: ROUTER, port: 61000 })
    // Established: 15 minutes.
    expect(masq()[0]).toMatch(/^TCP 0A000002:\w{4} C8000002:0050 EE48 .* {2}90000 *$/)
    const big = new Uint8Array(50_000).map((_, i) => i * 7)
    let sent = 0
    const got: number[] = []
    const buf = new Uint8Array(8192)
    for (let i = 0; i < 500 && got.length < big.length; i++) {
      const n = inside.root.sys.send(client, big.subarray(sent, sent + 8192), MSG_DONTWAIT)
      if (n > 0) sent += n
      pump()
      for (let r = outside.root.sys.recv(server, buf, MSG_DONTWAIT); r > 0; ) {
        got.push(...buf.subarray(0, r))
        r = outside.root.sys.recv(server, buf, MSG_DONTWAIT)
      }
      pass(50, 50)
    }
    expect(got.length).toBe(big.length)
    expect(Buffer.compare(Uint8Array.from(got), big)).toBe(0)
    outside.root.libc.send(server, text('thanks'))
    pump()
    expect(inside.root.sys.recv(client, buf, MSG_DONTWAIT)).toBe(6)
    // §1.9: TCP after FIN 2 minutes.
    inside.root.libc.close(client)
    pass(300, 100)
    expect(masq()[0]).toMatch(/ 1[12]\d{3} *$/)
    outside.root.libc.close(server)
    pass(130_000, 10_000)
    expect(masq()).toEqual([])
    sound()
  })

  it('a reset ends the entry after ten seconds', () => {
    const net = lab()
    const { outside, pump, pass, masq, sound } = net
    const { server } = connection(net)
    outside.root.sys.setsockopt(server, 1, 13, { onoff: 1, linger: 0 })
    outside.root.libc.close(server)
    pump()
    expect(masq()[0]).toMatch(/ 1000 *$/)
    pass(10_001)
    expect(masq()).toEqual([])
    sound()
  })

  it('a refused connection is refused inside too', () => {
    const net = lab()
    const { inside, pump, sound } = net
    const client = inside.root.libc.socket(AF_INET, SOCK_STREAM)
    inside.root.libc.fcntl(client, F_SETFL, O_NONBLOCK)
    inside.root.sys.connect(client, at(81, OUTSIDE))
    pump()
    expect(inside.root.sys.connect(client, at(81, OUTSIDE))).toBe(ECONNREFUSED)
    sound()
  })
})

/** An ICMP message in an IP packet of its own, through a raw socket. */
function ping(m: Machine, to: string, id: number, seq: number, type = 8): void {
  const raw = m.root.libc.socket(AF_INET, 3, 1)
  const message = Uint8Array.of(type, 0, 0, 0, id >>> 8, id & 255, 0, seq, 1, 2, 3, 4)
  const check = 0xffff ^ sum(message, 0, message.length)
  message.set([check >>> 8, check & 255], 2)
  m.root.libc.sendto(raw, message, 0, at(0, to))
  m.root.libc.close(raw)
}

describe('ICMP through a masquerading router', () => {
  it('echo requests get an id of the router’s, and the answer the old one', () => {
    const { inside, outer, pump, pass, masq, sound } = lab()
    const raw = inside.root.libc.socket(AF_INET, 3, 1)
    ping(inside, OUTSIDE, 0x1234, 7)
    pump()
    const buf = new Uint8Array(200)
    expect(inside.root.sys.recv(raw, buf, MSG_DONTWAIT)).toBe(32)
    expect(Buffer.from(buf.subarray(12, 28)).toString('hex')).toBe(
      `c80000020a000002${'0000'}${Buffer.from(buf.subarray(22, 24)).toString('hex')}12340007`,
    )
    expect(outer.map((packet) => [packet[20], ((packet[24] ?? 0) << 8) | (packet[25] ?? 0)])).toEqual([
      [8, 61000],
      [0, 61000],
    ])
    expect(masq()[0]).toMatch(/^ICMP 0A000002:1234 C8000002:0008 EE48 .* {3}6000 *$/)
    pass(60_001, 20_000)
    expect(masq()).toEqual([])
    sound()
  })

  it('port unreachable from outside reaches the socket inside', () => {
    const { inside, pump, outer, sound } = lab()
    const client = inside.root.libc.socket(AF_INET, SOCK_DGRAM)
    inside.root.libc.connect(client, at(9, OUTSIDE))
    inside.root.libc.send(client, text('hello'))
    pump()
    expect(inside.root.sys.recv(client, new Uint8Array(9), MSG_DONTWAIT)).toBe(ECONNREFUSED)
    expect(outer.map((packet) => packet[9])).toEqual([17, 1])
    sound()
  })

  it('an error from inside about an answer is the router’s', () => {
    const { inside, outside, pump, outer, sound } = lab()
    const client = inside.root.libc.socket(AF_INET, SOCK_DGRAM)
    const server = outside.root.libc.socket(AF_INET, SOCK_DGRAM)
    outside.root.libc.bind(server, at(53, '0.0.0.0'))
    inside.root.libc.sendto(client, text('x'), 0, at(53, OUTSIDE))
    pump()
    inside.root.libc.close(client)
    outside.root.libc.connect(server, at(61000, ROUTER))
    outside.root.libc.send(server, text('late'))
    pump()
    // The first recv takes the question.
    outside.root.sys.recv(server, new Uint8Array(9), MSG_DONTWAIT)
    const [error] = outer.filter((packet) => packet[9] === 1)
    expect(error === undefined ? '' : `${dotted(error, 12)} > ${dotted(error, 16)}`).toBe(
      `${ROUTER} > ${OUTSIDE}`,
    )
    // What it is about went to the router’s port.
    expect(error === undefined ? '' : dotted(error, 28 + 16)).toBe(ROUTER)
    expect(((error?.[28 + 22] ?? 0) << 8) | (error?.[28 + 23] ?? 0)).toBe(61000)
    sound()
  })

  it('an error about an ICMP request finds the one who asked', () => {
    const { inside, outside, outer, pump, sound } = lab()
    const raw = inside.root.libc.socket(AF_INET, 3, 1)
    ping(inside, OUTSIDE, 0x4321, 1)
    pump()
    const buf = new Uint8Array(100)
    inside.root.libc.recv(raw, buf, MSG_DONTWAIT)
    // The peer says of the request that it could not come further.
    const [request = new Uint8Array(0)] = outer
    const message = Uint8Array.of(11, 0, 0, 0, 0, 0, 0, 0, ...request.subarray(0, 28))
    const check = 0xffff ^ sum(message, 0, message.length)
    message.set([check >>> 8, check & 255], 2)
    outside.root.libc.sendto(outside.root.libc.socket(AF_INET, 3, 1), message, 0, at(0, ROUTER))
    pump()
    expect(inside.root.sys.recv(raw, buf, MSG_DONTWAIT)).toBe(20 + 36)
    expect(buf[20]).toBe(11)
    expect(dotted(buf, 28 + 12)).toBe(INSIDE)
    expect(sum(buf, 28, 48)).toBe(0xffff)
    expect([buf[28 + 24], buf[28 + 25]]).toEqual([0x43, 0x21])
    sound()
  })

  it('fragmentation needed of the router speaks of the packet as its sender knows it', () => {
    const { inside, outside, outer, pump, sound } = lab({ innerMtu: 600 })
    const client = inside.root.libc.socket(AF_INET, SOCK_DGRAM)
    const server = outside.root.libc.socket(AF_INET, SOCK_DGRAM)
    outside.root.libc.bind(server, at(53, '0.0.0.0'))
    inside.root.libc.sendto(client, text('x'), 0, at(53, OUTSIDE))
    pump()
    outside.root.sys.setsockopt(server, 0, 10, 2)
    outside.root.libc.connect(server, at(61000, ROUTER))
    expect(outside.root.sys.send(server, new Uint8Array(1000))).toBe(1000)
    pump()
    const error = outer.find((packet) => packet[9] === 1) ?? new Uint8Array(0)
    expect([error[20], error[21], error[26], error[27]]).toEqual([3, 4, 600 >> 8, 600 & 255])
    expect(dotted(error, 28 + 16)).toBe(ROUTER)
    expect(outside.root.sys.send(server, new Uint8Array(10))).toBe(EMSGSIZE)
    sound()
  })
})

describe('the forward chain', () => {
  it('DENY is silent, REJECT is host unreachable, MASQ as policy masquerades', () => {
    for (const target of ['DENY', 'REJECT']) {
      const { inside, router, outer, pump, sound } = lab({ isMasked: false })
      router.append('forward', { label: target })
      const raw = inside.root.libc.socket(AF_INET, 3, 1)
      const client = inside.root.libc.socket(AF_INET, SOCK_DGRAM)
      inside.root.libc.sendto(client, text('x'), 0, at(9, OUTSIDE))
      pump()
      expect(outer).toEqual([])
      const buf = new Uint8Array(100)
      const n = inside.root.sys.recv(raw, buf, MSG_DONTWAIT)
      if (target === 'DENY') expect(n).toBeLessThan(0)
      else expect([...buf.subarray(20, 22)]).toEqual([3, 1])
      sound()
    }
  })

  it('REJECT in the output chain of a router is host unreachable too, in the input chain port unreachable', () => {
    for (const [chain, code] of [
      ['output', 1],
      ['input', 3],
    ] as const) {
      const { inside, router, pump, sound } = lab({ isMasked: false })
      router.append(chain, { proto: 17, label: 'REJECT' })
      const raw = inside.root.libc.socket(AF_INET, 3, 1)
      const client = inside.root.libc.socket(AF_INET, SOCK_DGRAM)
      inside.root.libc.sendto(client, text('x'), 0, at(9, OUTSIDE))
      pump()
      const buf = new Uint8Array(100)
      expect(inside.root.sys.recv(raw, buf, MSG_DONTWAIT)).toBeGreaterThan(0)
      expect([...buf.subarray(20, 22)]).toEqual([3, code])
      sound()
    }
  })

  it('sees the outgoing interface; answers to masqueraded packets do not pass it', () => {
    const net = lab()
    const { router, sound } = net
    router.insert('forward', 1, { vianame: 'eth0', label: 'DENY' })
    connection(net)
    expect(router.chains()).toMatch(/eth0 0 0 0 0 {9}0 {9}0 {9}0 /)
    sound()
  })
})

/** Runs ipchains on a machine: what it printed. */
function ipchainsOn({ k, root }: Machine, ...args: string[]): string {
  if (root.sys.access('/ipchains', 0) !== 0) k.install('/ipchains', ipchains)
  const task = k.spawn()
  for (const fd of [0, 1, 2]) expect(task.libc.open('/said', O_RDWR | O_CREAT | O_TRUNC, 0o600)).toBe(fd)
  task.sys.execve('/ipchains', ['ipchains', ...args], [])
  // Not run(): with nothing left to do that lets time pass, until all connections are over.
  for (let i = 0; i < 1000 && task.exitCode === undefined; i++) k.step()
  expect(task.exitCode).toBe(0)
  const fd = root.libc.open('/said', 0)
  const buf = new Uint8Array(4096)
  const n = root.libc.read(fd, buf)
  root.libc.close(fd)
  return utf8Decode(buf, 0, n)
}

describe('ipchains -M -L', () => {
  it('lists the connections: time left, addresses, ports', () => {
    const net = lab()
    const { inside, router, pump } = net
    const { client } = connection(net)
    const { port } = inside.root.libc.getsockname(client) as { port: number }
    const dgram = inside.root.libc.socket(AF_INET, SOCK_DGRAM)
    inside.root.libc.bind(dgram, at(4000, '0.0.0.0'))
    inside.root.libc.sendto(dgram, text('x'), 0, at(53, OUTSIDE))
    pump()
    router.k.advance(1234)
    expect(ipchainsOn(router, '-M', '-L', '-n')).toBe(
      'IP masquerading entries\n' +
        'prot expire   source               destination          ports\n' +
        `TCP  14:58.77 10.0.0.2             200.0.0.2            ${port} (61000) -> 80\n` +
        'UDP  04:58.77 10.0.0.2             200.0.0.2            4000 (61001) -> 53\n',
    )
    expect(ipchainsOn(router, '-M', '-L', '-v').split('\n').slice(1, 3)).toEqual([
      'prot expire      initseq delta prevd source               destination          ports',
      `TCP  14:58.77          0     0     0 10.0.0.2             200.0.0.2            ${port} (61000) -> 80`,
    ])
    ipchainsOn(router, '-M', '-S', '0', '0', '10')
    inside.root.libc.sendto(dgram, text('x'), 0, at(53, OUTSIDE))
    pump()
    expect(ipchainsOn(router, '-M', '-L', '-n')).toContain('UDP  00:10.00 ')
  })
})

describe('ports', () => {
  it('run out for one peer, not for another; the log says so a few times', () => {
    const { inside, router, outer, pump, masq, pass, sound } = lab()
    // The ARP questions first.
    const dgram = inside.root.libc.socket(AF_INET, SOCK_DGRAM)
    inside.root.libc.sendto(dgram, text('x'), 0, at(53, OUTSIDE))
    pump()
    pass(300_001, 100_000)
    expect(masq()).toEqual([])
    outer.length = 0
    const frame = new Uint8Array(42)
    frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17])
    frame.set([10, 0, 0, 2, 200, 0, 0, 2, 0, 0, 0, 53, 0, 8, 0, 0], 26)
    const check = 0xffff ^ sum(frame, 14, 34)
    frame.set([check >>> 8, check & 255], 24)
    for (let port = 1; port <= 4106; port++) {
      frame.set([port >>> 8, port & 255], 34)
      router.k.net.receiveFrame('eth0', frame)
      if (port % 256 === 0) pump()
    }
    pump()
    expect(outer.filter((packet) => packet[9] === 17)).toHaveLength(4096)
    expect(masq()).toHaveLength(4096)
    expect(new Set(masq().map((line) => line.split(' ')[3])).size).toBe(4096)
    const complaint = 'ip_masq_new(proto=UDP): could not get free masq entry (free=36864).'
    expect(router.log().split(complaint)).toHaveLength(5)
    outer.length = 0
    // TCP and ICMP have ports of their own.
    ping(inside, OUTSIDE, 1, 1)
    pump()
    expect(masq()).toHaveLength(4097)
    pass(300_001, 100_000)
    expect(masq()).toEqual([])
    sound()
  })
})

describe('REDIRECT', () => {
  it('TCP: the local server answers in the name of the host that was meant, which getsockname shows', () => {
    const net = lab({ isMasked: false })
    const { inside, router, outer, pump, pass, sound } = net
    router.append('input', { proto: 6, dpts: [80, 80], redirpt: 8080, label: 'REDIRECT' })
    const { client, server, from } = connection(net, OUTSIDE, router)
    expect(from).toMatchObject({ addr: INSIDE })
    expect(router.root.libc.getsockname(server)).toMatchObject({ addr: OUTSIDE, port: 80 })
    expect(inside.root.libc.getpeername(client)).toMatchObject({ addr: OUTSIDE, port: 80 })
    inside.root.libc.send(client, text('GET /'))
    pump()
    const buf = new Uint8Array(100)
    expect(router.root.sys.recv(server, buf, MSG_DONTWAIT)).toBe(5)
    router.root.libc.send(server, text('200 OK'))
    pump()
    expect(inside.root.sys.recv(client, buf, MSG_DONTWAIT)).toBe(6)
    expect(outer).toEqual([])
    router.root.libc.close(server)
    pump()
    inside.root.libc.close(client)
    pump()
    pass(61_000, 10_000)
    sound()
    // Port 80 has never been the router’s.
    expect(router.root.sys.bind(router.root.libc.socket(AF_INET, SOCK_STREAM), at(80, '0.0.0.0'))).toBe(0)
  })

  it('TCP: a connection goes on when the rule is gone', () => {
    const net = lab({ isMasked: false })
    const { inside, router, outer, pump, sound } = net
    router.append('input', { proto: 6, dpts: [80, 80], redirpt: 8080, label: 'REDIRECT' })
    const { client, server } = connection(net, OUTSIDE, router)
    expect(router.set(FLUSH, label('input'))).toBe(0)
    inside.root.libc.send(client, text('still here'))
    pump()
    expect(router.root.sys.recv(server, new Uint8Array(100), MSG_DONTWAIT)).toBe(10)
    inside.root.libc.close(client)
    pump()
    expect(router.root.sys.recv(server, new Uint8Array(100), MSG_DONTWAIT)).toBe(0)
    expect(outer).toEqual([])
    sound()
  })

  it('TCP: without a server the refusal comes from the host that was meant', () => {
    const { inside, router, pump, sound } = lab({ isMasked: false })
    router.append('input', { proto: 6, dpts: [80, 80], redirpt: 8080, label: 'REDIRECT' })
    const client = inside.root.libc.socket(AF_INET, SOCK_STREAM)
    inside.root.libc.fcntl(client, F_SETFL, O_NONBLOCK)
    inside.root.sys.connect(client, at(80, OUTSIDE))
    pump()
    expect(inside.root.sys.connect(client, at(80, OUTSIDE))).toBe(ECONNREFUSED)
    sound()
  })

  it('UDP: to a port of the rule’s, or to the packet’s own where that is 0', () => {
    for (const [redirpt, port] of [
      [5353, 5353],
      [0, 53],
    ] as const) {
      const { inside, router, outer, pump, sound } = lab({ isMasked: false })
      router.append('input', { proto: 17, dpts: [53, 53], redirpt, label: 'REDIRECT' })
      const proxy = router.root.libc.socket(AF_INET, SOCK_DGRAM)
      router.root.libc.bind(proxy, at(port, '0.0.0.0'))
      const client = inside.root.libc.socket(AF_INET, SOCK_DGRAM)
      inside.root.libc.sendto(client, text('name?'), 0, at(53, OUTSIDE))
      pump()
      const from = {}
      expect(router.root.sys.recvfrom(proxy, new Uint8Array(20), MSG_DONTWAIT, from)).toBe(5)
      expect(from).toMatchObject({ addr: INSIDE })
      expect(outer).toEqual([])
      sound()
    }
  })
})

describe('§1.1: the transparent-proxy exception of bind', () => {
  it('§1.1: a foreign address is EADDRNOTAVAIL, but for root where the kernel has transparent proxies', () => {
    for (const [transparentProxy, uid, answer] of [
      [false, 0, EADDRNOTAVAIL],
      [true, 0, 0],
      [true, 1000, EADDRNOTAVAIL],
    ] as const) {
      const { k } = machine({ transparentProxy })
      const p = k.spawn({ uid })
      for (const type of [SOCK_DGRAM, SOCK_STREAM])
        expect(p.sys.bind(p.libc.socket(AF_INET, type), at(8080, '9.9.9.9'))).toBe(answer)
      expect(p.sys.bind(p.libc.socket(AF_INET, SOCK_DGRAM), at(61000, '9.9.9.9'))).toBe(
        answer === 0 ? EADDRINUSE : answer,
      )
    }
  })

  it('UDP: a datagram for another host is answered in its name', () => {
    const { inside, router, outer, pump, sound } = lab({ isMasked: false, transparentProxy: true })
    const proxy = router.root.libc.socket(AF_INET, SOCK_DGRAM)
    router.root.libc.bind(proxy, at(53, OUTSIDE))
    const client = inside.root.libc.socket(AF_INET, SOCK_DGRAM)
    inside.root.libc.connect(client, at(53, OUTSIDE))
    inside.root.libc.send(client, text('name?'))
    pump()
    const from = {} as { family: 2; addr: string; port: number }
    const buf = new Uint8Array(20)
    expect(router.root.sys.recvfrom(proxy, buf, MSG_DONTWAIT, from)).toBe(5)
    router.root.libc.sendto(proxy, text('answer'), 0, from)
    pump()
    expect(inside.root.sys.recv(client, buf, MSG_DONTWAIT)).toBe(6)
    expect(outer).toEqual([])
    sound()
  })

  it('TCP: a listener in the name of another host, and a connection from there', () => {
    const { inside, router, outer, pump, pass, sound } = lab({ isMasked: false, transparentProxy: true })
    const listener = router.root.libc.socket(AF_INET, SOCK_STREAM)
    router.root.libc.bind(listener, at(80, OUTSIDE))
    router.root.libc.listen(listener, 5)
    const client = inside.root.libc.socket(AF_INET, SOCK_STREAM)
    inside.root.libc.fcntl(client, F_SETFL, O_NONBLOCK)
    inside.root.sys.connect(client, at(80, OUTSIDE))
    pump()
    const server = router.root.libc.accept(listener)
    expect(router.root.libc.getsockname(server)).toMatchObject({ addr: OUTSIDE, port: 80 })
    router.root.libc.send(server, text('hello'))
    pump()
    expect(inside.root.sys.recv(client, new Uint8Array(9), MSG_DONTWAIT)).toBe(5)
    // The other way: from the name of the host outside to one inside.
    const inner = inside.root.libc.socket(AF_INET, SOCK_STREAM)
    inside.root.libc.bind(inner, at(25, '0.0.0.0'))
    inside.root.libc.listen(inner, 5)
    const caller = router.root.libc.socket(AF_INET, SOCK_STREAM)
    router.root.libc.bind(caller, at(2525, OUTSIDE))
    router.root.libc.fcntl(caller, F_SETFL, O_NONBLOCK)
    expect(router.root.sys.connect(caller, at(25, INSIDE))).toBe(EINPROGRESS)
    pump()
    const peer = {}
    inside.root.libc.accept(inner, peer)
    expect(peer).toMatchObject({ addr: OUTSIDE, port: 2525 })
    for (const fd of [server, caller]) router.root.libc.close(fd)
    inside.root.libc.close(client)
    pass(61_000, 10_000)
    expect(outer).toEqual([])
    sound()
  })
})

describe('state', () => {
  it('forks of all three are the same, and go on alike', () => {
    const net = lab()
    const { inside, router, outside } = net
    connection(net)
    router.set(CREATE, label('extra'))
    for (const { k } of [inside, router, outside]) {
      const fork = k.fork()
      expect(fork.digest()).toBe(k.digest())
      expect(checkInvariants(fork)).toEqual([])
      fork.advance(1_000_000)
      k.advance(1_000_000)
      expect(fork.digest()).toBe(k.digest())
    }
  })

  it('the same packets give the same state', () => {
    const run = (): string[] => {
      const net = lab()
      connection(net)
      return [net.inside, net.router, net.outside].map(({ k }) => String(k.digest()))
    }
    expect(run()).toEqual(run())
  })
})
