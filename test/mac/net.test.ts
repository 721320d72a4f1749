/** MAC in the network, by the numbers of its rules: linux-2.2-era section 2. */
import {
  EACCES,
  EADDRINUSE,
  EADDRNOTAVAIL,
  EAGAIN,
  ECONNREFUSED,
  EINVAL,
  ENETUNREACH,
  EPERM,
  ETIMEDOUT,
  F_SETFL,
  F_SETOWN,
  FASYNC,
  isErr,
  MS_REMOUNT,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  SIGIO,
  utf8Decode,
} from 'paleokernel'
import { type MacOptions, mac, macKeyword, maclabelOption } from 'paleokernel/mac'
import { AF_INET, AF_UNIX, createWorld, net, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM } from 'paleokernel/net'
import { ipchains, ipchainsTool, ipTool } from 'paleokernel/userland'
import { describe, expect, it } from 'vitest'
import { IP_FW_FLUSH } from '../../src/abi/ip_fw.js'
import { bytes, handle, ok, readFile } from '../helpers/world.js'
import { A, B } from './world.js'

const PROFILE = '2.2.12'
const SHOP = '10.0.0.1'
const PAYROLL = '10.0.0.2'
const OUTSIDE = '10.0.0.9'

const at = (addr: string, port: number) => ({ family: AF_INET, addr, port }) as const

/** A machine with compartments and two addresses, on a wire with another one. */
function scene(options: MacOptions = {}) {
  const world = createWorld({ seed: 5 })
  const k = world.createKernel({ profile: PROFILE, modules: [net(), mac(options)] })
  const other = world.createKernel({ profile: PROFILE, modules: [net()] })
  k.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, 1))
  other.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, 9))
  world.link(k, 'eth0', other, 'eth0')
  k.net.configure('eth0', { address: `${SHOP}/24` })
  k.net.configure('eth0', { address: `${PAYROLL}/24` })
  other.net.configure('eth0', { address: `${OUTSIDE}/24` })
  const admin = k.spawn()
  ok(admin.sys.mkdir('/sbin', 0o755))
  ok(admin.sys.mount('none', '/', '', MS_REMOUNT, 'mac=65535:0+shared'))
  k.install('/sbin/ip', ipTool([macKeyword]))
  k.install('/sbin/ipchains', ipchainsTool([maclabelOption]))
  k.install('/sbin/ipchains.old', ipchains)
  let serial = 0
  /** Runs a tool with a label; its exit status and what it printed. */
  const run = (line: string, label = '65535:0+admin'): { status: number; out: string } => {
    const [name = '', ...args] = line.split(' ')
    const file = `/tmp/out${serial++}`
    const child = k.spawn()
    ok(child.sys.open('/dev/null', O_RDONLY))
    for (let fd = 1; fd < 3; fd++) ok(child.sys.open(file, O_WRONLY | O_CREAT, 0o666))
    k.mac.setLabel(child.pid, '65535:0+admin')
    ok(child.sys.execve(`/sbin/${name}`, [name, ...args], []))
    k.mac.setLabel(child.pid, label)
    k.run()
    return { status: child.exitCode ?? -1, out: readFile(admin, file) }
  }
  const sh = (line: string): string => {
    const { status, out } = run(line)
    if (status !== 0) throw new Error(`${line}: ${status} ${out}`)
    return out
  }
  const inside = (label: string) => {
    const p = k.spawn()
    k.mac.setLabel(p.pid, label)
    return p
  }
  return { world, k, other, admin, run, sh, inside, a: inside(A), b: inside(B), out: other.spawn() }
}

type Scene = ReturnType<typeof scene>
type Proc = Scene['a'] | Scene['out']

/** A bound socket; listening, if it is a stream. */
function server(p: Proc, type: number, addr: string, port: number): number {
  const fd = p.libc.socket(AF_INET, type)
  const bound = p.sys.bind(fd, at(addr, port))
  if (isErr(bound)) return bound
  if (type === SOCK_STREAM) p.libc.listen(fd, 5)
  return fd
}

/** What a datagram to an address comes to: whether it was sent, and what a connected socket hears. */
function ping(s: Scene, p: Proc, addr: string, port: number): [sent: number, error: number] {
  const fd = p.libc.socket(AF_INET, SOCK_DGRAM)
  const connected = p.sys.connect(fd, at(addr, port))
  if (isErr(connected)) return [connected, 0]
  const sent = p.sys.send(fd, bytes('hi'))
  s.k.run()
  const got = p.sys.recv(fd, new Uint8Array(4), 0x40)
  p.sys.close(fd)
  return [sent, got]
}

const heard = (p: Proc, fd: number): string => {
  const buf = new Uint8Array(16)
  const count = p.sys.recv(fd, buf, 0x40)
  return count < 0 ? '' : utf8Decode(buf.subarray(0, count))
}

describe('local traffic', () => {
  it('MAC-5, MAC-43: datagrams over loopback reach their own compartment only; else port unreachable', () => {
    const s = scene()
    const fd = server(s.a, SOCK_DGRAM, '127.0.0.1', 5000)
    expect(ping(s, s.a, '127.0.0.1', 5000)).toEqual([2, EAGAIN])
    expect(heard(s.a, fd)).toBe('hi')
    expect(ping(s, s.b, '127.0.0.1', 5000)).toEqual([2, ECONNREFUSED])
    expect(heard(s.a, fd)).toBe('')
    expect(ping(s, s.admin, '127.0.0.1', 5000)).toEqual([2, EAGAIN])
    expect(heard(s.a, fd)).toBe('hi')
  })

  it('MAC-43: a stream to another compartment is ECONNREFUSED, by any address of the machine', () => {
    const s = scene()
    server(s.a, SOCK_STREAM, '0.0.0.0', 80)
    for (const addr of ['127.0.0.1', SHOP, PAYROLL]) {
      const connect = (p: Proc): number => p.sys.connect(p.libc.socket(AF_INET, SOCK_STREAM), at(addr, 80))
      expect([connect(s.a), connect(s.b), connect(s.admin)]).toEqual([0, ECONNREFUSED, 0])
    }
  })

  it('MAC-35, MAC-43: AF_UNIX, connect and sendto an invisible peer: ECONNREFUSED', () => {
    const s = scene()
    const name = { family: AF_UNIX, path: '\0door' } as const
    const mail = { family: AF_UNIX, path: '\0mail' } as const
    const fd = s.a.libc.socket(AF_UNIX, SOCK_STREAM)
    ok(s.a.sys.bind(fd, name))
    ok(s.a.sys.listen(fd, 5))
    ok(s.a.sys.bind(s.a.libc.socket(AF_UNIX, SOCK_DGRAM), mail))
    const connect = (p: Proc): number => p.sys.connect(p.libc.socket(AF_UNIX, SOCK_STREAM), name)
    const send = (p: Proc): number => p.sys.sendto(p.libc.socket(AF_UNIX, SOCK_DGRAM), bytes('x'), 0, mail)
    expect([connect(s.a), connect(s.b), connect(s.admin)]).toEqual([0, ECONNREFUSED, 0])
    expect([send(s.a), send(s.b), send(s.admin)]).toEqual([1, ECONNREFUSED, 1])
    expect(s.k.why(s.b)?.sentence).toContain('(MAC-43)')
  })

  it('MAC-41, MAC-43: a rule that labels by address is no door between compartments', () => {
    const s = scene()
    s.sh(`ipchains -A input -d ${SHOP} --maclabel ${A}`)
    s.sh(`ipchains -A input -d ${PAYROLL} --maclabel ${B}`)
    const fd = server(s.b, SOCK_DGRAM, PAYROLL, 5000)
    server(s.b, SOCK_STREAM, PAYROLL, 80)
    expect(ping(s, s.a, PAYROLL, 5000)).toEqual([2, ECONNREFUSED])
    expect(heard(s.b, fd)).toBe('')
    expect(s.a.sys.connect(s.a.libc.socket(AF_INET, SOCK_STREAM), at(PAYROLL, 80))).toBe(ECONNREFUSED)
    expect(ping(s, s.inside(B), PAYROLL, 5000)).toEqual([2, EAGAIN])
    expect(heard(s.b, fd)).toBe('hi')
  })

  it('MAC-45: an accepted socket has the label of its listener', () => {
    const s = scene()
    const listener = server(s.a, SOCK_STREAM, '127.0.0.1', 80)
    const client = s.admin.libc.socket(AF_INET, SOCK_STREAM)
    ok(s.admin.sys.connect(client, at('127.0.0.1', 80)))
    const served = ok(s.a.sys.accept(listener))
    // Were it the packet's, what its compartment sends would not come to it.
    ok(s.admin.sys.send(client, bytes('question')))
    s.k.run()
    expect(heard(s.a, served)).toBe('question')
    expect(readFile(s.b, '/proc/net/tcp').split('\n')).toHaveLength(2)
    expect(readFile(s.a, '/proc/net/tcp').split('\n').length).toBeGreaterThan(3)
  })

  it('MAC-46: ports clash within a compartment only; sharedPortSpace makes it one space', () => {
    const own = scene()
    expect(server(own.a, SOCK_STREAM, '0.0.0.0', 80)).toBeGreaterThanOrEqual(0)
    expect(server(own.b, SOCK_STREAM, '0.0.0.0', 80)).toBeGreaterThanOrEqual(0)
    expect(server(own.inside(A), SOCK_STREAM, '0.0.0.0', 80)).toBe(EADDRINUSE)
    expect(server(own.a, SOCK_DGRAM, '0.0.0.0', 53)).toBeGreaterThanOrEqual(0)
    expect(server(own.b, SOCK_DGRAM, '0.0.0.0', 53)).toBeGreaterThanOrEqual(0)
    const shared = scene({ sharedPortSpace: true })
    expect(server(shared.a, SOCK_STREAM, '0.0.0.0', 80)).toBeGreaterThanOrEqual(0)
    expect(server(shared.b, SOCK_STREAM, '0.0.0.0', 80)).toBe(EADDRINUSE)
  })

  it('MAC-46: an address of another compartment is EADDRNOTAVAIL', () => {
    const s = scene()
    s.k.mac.reserve(SHOP, 1)
    s.k.mac.reserve(PAYROLL, 2)
    expect(server(s.a, SOCK_STREAM, SHOP, 80)).toBeGreaterThanOrEqual(0)
    expect(server(s.a, SOCK_STREAM, PAYROLL, 80)).toBe(EADDRNOTAVAIL)
    expect(s.k.why(s.a)?.sentence).toContain('(MAC-46)')
    expect(server(s.b, SOCK_STREAM, PAYROLL, 80)).toBeGreaterThanOrEqual(0)
    expect(server(s.admin, SOCK_STREAM, PAYROLL, 81)).toBeGreaterThanOrEqual(0)
    s.k.mac.reserve(PAYROLL, -1)
    expect(server(s.a, SOCK_STREAM, PAYROLL, 82)).toBeGreaterThanOrEqual(0)
    expect(() => s.k.mac.reserve('nowhere', 1)).toThrow(TypeError)
    expect(() => s.k.mac.reserve(SHOP, 1.5)).toThrow(TypeError)
  })

  it('MAC-46: what is bound to all addresses is not bound to those of other compartments', () => {
    const s = scene()
    s.k.mac.reserve(SHOP, 1)
    s.k.mac.reserve(PAYROLL, 2)
    server(s.a, SOCK_STREAM, '0.0.0.0', 80)
    server(s.a, SOCK_DGRAM, '0.0.0.0', 5000)
    const connect = (p: Proc, addr: string): number =>
      p.sys.connect(p.libc.socket(AF_INET, SOCK_STREAM), at(addr, 80))
    expect([SHOP, '127.0.0.1', PAYROLL].map((addr) => connect(s.a, addr))).toEqual([0, 0, ECONNREFUSED])
    expect(ping(s, s.a, PAYROLL, 5000)).toEqual([2, ECONNREFUSED])
    expect(ping(s, s.a, SHOP, 5000)).toEqual([2, EAGAIN])
    server(s.admin, SOCK_STREAM, '0.0.0.0', 80)
    expect(connect(s.admin, PAYROLL)).toBe(0)
  })

  it('MAC-43: two compartments talk to themselves over the same address and ports at once', () => {
    const s = scene()
    const talks = [s.a, s.b].map((p) => {
      const listener = server(p, SOCK_STREAM, '127.0.0.1', 80)
      const client = p.libc.socket(AF_INET, SOCK_STREAM)
      ok(p.sys.bind(client, at('127.0.0.1', 4000)))
      ok(p.sys.connect(client, at('127.0.0.1', 80)))
      return { p, client, served: ok(p.sys.accept(listener)) }
    })
    for (const [n, { p, client }] of talks.entries()) ok(p.sys.send(client, bytes(`talk ${n}`)))
    s.k.run()
    expect(talks.map(({ p, served }) => heard(p, served))).toEqual(['talk 0', 'talk 1'])
  })

  it('MAC-52: /proc/net lists the visible sockets only', () => {
    const s = scene()
    server(s.a, SOCK_STREAM, '0.0.0.0', 80)
    server(s.a, SOCK_DGRAM, '0.0.0.0', 53)
    s.a.libc.socketpair(AF_UNIX, SOCK_STREAM, 0)
    s.a.libc.socket(AF_INET, SOCK_RAW, 1)
    const lines = (p: Proc, name: string): number =>
      readFile(p, `/proc/net/${name}`).trim().split('\n').length
    expect(['tcp', 'udp', 'raw', 'unix'].map((name) => lines(s.a, name))).toEqual([2, 2, 2, 3])
    expect(['tcp', 'udp', 'raw', 'unix'].map((name) => lines(s.b, name))).toEqual([1, 1, 1, 1])
    expect(['tcp', 'udp', 'raw', 'unix'].map((name) => lines(s.admin, name))).toEqual([2, 2, 2, 3])
  })
})

describe('signals of files', () => {
  it('MAC-20, MAC-27: SIGIO goes to the owner of a file if whoever named it may signal it', () => {
    const told = (namer: string, owner: string): boolean => {
      const s = scene()
      const [p, q] = [s.inside(namer), s.inside(owner)]
      const seen: number[] = []
      ok(q.sys.sigaction(SIGIO, { handler: (signal) => void seen.push(signal), flags: 0, mask: [] }))
      const [own, other] = ok(p.sys.socketpair(AF_UNIX, SOCK_STREAM, 0))
      // Any number is taken, so that it tells nothing of who there is.
      ok(p.sys.fcntl(own, F_SETOWN, q.pid))
      ok(p.sys.fcntl(own, F_SETFL, FASYNC))
      ok(p.sys.write(other, bytes('x')))
      q.sys.getpid()
      return seen.length > 0
    }
    expect([told(A, A), told('65535:0+admin', B), told('10:1', '9:1')]).toEqual([true, true, true])
    expect([told(A, B), told('10:1', '11:1'), told(B, '65535:0+admin')]).toEqual([false, false, false])
  })

  it('MAC-7: a socket keeps its label when its task gets another', () => {
    const s = scene()
    const fd = server(s.a, SOCK_DGRAM, '127.0.0.1', 5000)
    s.k.mac.setLabel(s.a.pid, B)
    expect(ping(s, s.inside(A), '127.0.0.1', 5000)).toEqual([2, EAGAIN])
    expect(heard(s.a, fd)).toBe('hi')
    expect(ping(s, s.b, '127.0.0.1', 5000)).toEqual([2, ECONNREFUSED])
    expect(server(s.a, SOCK_DGRAM, '127.0.0.1', 5000)).toBeGreaterThanOrEqual(0)
  })

  it('MAC-35: descriptors that are passed are not checked again', () => {
    const s = scene()
    const [own, other] = ok(s.admin.sys.socketpair(AF_UNIX, SOCK_STREAM, 0))
    const child = handle(s.k as never, ok(s.admin.sys.fork())) as unknown as Proc
    s.k.mac.setLabel(child.pid, B)
    ok(s.admin.sys.mkdir('/secret', 0o755))
    ok(s.admin.sys.mount('none', '/secret', 'ramfs', 0, `mac=${A}`))
    const file = ok(s.admin.sys.open('/secret/file', O_RDWR | O_CREAT, 0o600))
    ok(s.admin.sys.write(file, bytes('text')))
    ok(s.admin.sys.lseek(file, 0, 0))
    expect(child.sys.open('/secret/file', O_RDONLY)).toBe(EACCES)
    const control = [{ level: 1, type: 1, fds: [file] }] as const
    ok(s.admin.sys.sendmsg(own, { iov: [bytes('x')], control: [...control] }))
    const received: { fds: number[] }[] = []
    ok(child.sys.recvmsg(other, { iov: [new Uint8Array(1)], control: received as never[] }))
    const buf = new Uint8Array(4)
    expect(child.sys.read(received[0]?.fds[0] ?? -1, buf)).toBe(4)
    expect(utf8Decode(buf)).toBe('text')
  })
})

describe('packets from outside', () => {
  it('MAC-41, MAC-44: a packet belongs to nobody until an input rule labels it; the last rule wins', () => {
    const s = scene()
    const fds = [s.a, s.b].map((p) => server(p, SOCK_DGRAM, '0.0.0.0', 5000))
    const listen = (): string[] => [heard(s.a, fds[0] ?? -1), heard(s.b, fds[1] ?? -1)]
    expect(ping(s, s.out, SHOP, 5000)).toEqual([2, ECONNREFUSED])
    expect(listen()).toEqual(['', ''])
    s.sh(`ipchains -A input -d ${SHOP} --maclabel ${A}`)
    s.sh(`ipchains -A input -d ${PAYROLL} --maclabel ${A}`)
    s.sh(`ipchains -A input -d ${PAYROLL} --maclabel ${B}`)
    expect(ping(s, s.out, SHOP, 5000)).toEqual([2, EAGAIN])
    expect(listen()).toEqual(['hi', ''])
    expect(ping(s, s.out, PAYROLL, 5000)).toEqual([2, EAGAIN])
    expect(listen()).toEqual(['', 'hi'])
  })

  it('MAC-44: a stream from outside finds the server of the label, or a RST', () => {
    const s = scene()
    server(s.a, SOCK_STREAM, '0.0.0.0', 80)
    server(s.b, SOCK_STREAM, '0.0.0.0', 80)
    const connect = (addr: string): number =>
      s.out.sys.connect(s.out.libc.socket(AF_INET, SOCK_STREAM), at(addr, 80))
    expect(connect(SHOP)).toBe(ECONNREFUSED)
    s.sh(`ipchains -A input -d ${SHOP} --maclabel ${A}`)
    expect(connect(SHOP)).toBe(0)
    expect(connect(PAYROLL)).toBe(ECONNREFUSED)
  })

  it('MAC-44: a socket of compartment 0, and an administrator, get what has no label', () => {
    const s = scene()
    const plain = s.inside('0:0')
    const fd = server(plain, SOCK_DGRAM, '0.0.0.0', 5000)
    expect(ping(s, s.out, SHOP, 5000)).toEqual([2, EAGAIN])
    expect(heard(plain, fd)).toBe('hi')
    const all = server(s.admin, SOCK_DGRAM, '0.0.0.0', 5001)
    expect(ping(s, s.out, SHOP, 5001)).toEqual([2, EAGAIN])
    expect(heard(s.admin, all)).toBe('hi')
  })
})

describe('packets on their way out', () => {
  it('MAC-42, sketch 6: an output rule that requires a label: EPERM for datagrams, silence for streams', () => {
    const s = scene()
    server(s.out, SOCK_DGRAM, '0.0.0.0', 5000)
    server(s.out, SOCK_STREAM, '0.0.0.0', 80)
    s.sh(`ipchains -A output -d ${OUTSIDE} --maclabel ${B}`)
    const low = s.inside('9:2')
    const high = s.inside('11:2')
    const send = (p: Proc): number =>
      p.sys.sendto(p.libc.socket(AF_INET, SOCK_DGRAM), bytes('hi'), 0, at(OUTSIDE, 5000))
    expect([s.a, s.b, low, high, s.admin].map(send)).toEqual([EPERM, 2, EPERM, 2, 2])
    expect(s.a.sys.connect(s.a.libc.socket(AF_INET, SOCK_STREAM), at(OUTSIDE, 80))).toBe(ETIMEDOUT)
  })

  it('MAC-47, MAC-48, sketch 5: label-selected routes give the compartment its own address; without one ENETUNREACH', () => {
    const s = scene()
    const fd = server(s.out, SOCK_DGRAM, '0.0.0.0', 5000)
    for (const [n, [label, addr]] of [
      [A, SHOP],
      [B, PAYROLL],
    ].entries()) {
      s.sh(`ip route add default dev eth0 src ${addr} table ${n + 5}`)
      s.sh(`ip rule add mac ${label} table ${n + 5}`)
    }
    s.sh('ip route flush cache')
    expect(s.sh('ip rule')).toContain(`from all mac ${A} lookup 5`)
    const sender = (p: Proc): string | undefined => {
      const sent = p.sys.sendto(p.libc.socket(AF_INET, SOCK_DGRAM), bytes('hi'), 0, at(OUTSIDE, 5000))
      if (isErr(sent)) throw new Error(`sendto: ${sent}`)
      s.k.run()
      const from: { addr?: string } = {}
      ok(s.out.sys.recvfrom(fd, new Uint8Array(4), 0x40, from as never))
      return from.addr
    }
    expect([sender(s.a), sender(s.b)]).toEqual([SHOP, PAYROLL])
    // Without its rule a label has the routes of main, if there are any.
    s.sh(`ip rule del mac ${B} table 6`)
    s.sh('ip route flush cache')
    expect(sender(s.b)).toBe(SHOP)
    s.sh(`ip rule add mac ${B} table 6`)
    s.sh('ip route del 10.0.0.0/24 dev eth0')
    s.sh(`ip rule del mac ${A} table 5`)
    s.sh('ip route flush cache')
    const gone = s.a.sys.sendto(s.a.libc.socket(AF_INET, SOCK_DGRAM), bytes('hi'), 0, at(OUTSIDE, 5000))
    expect(gone).toBe(ENETUNREACH)
    expect(sender(s.b)).toBe(PAYROLL)
  })

  it('MAC-50: routes are kept by label; an edit of the rules takes effect when the cache is flushed', () => {
    const s = scene()
    const fd = server(s.out, SOCK_DGRAM, '0.0.0.0', 5000)
    const sender = (p: Proc): string => {
      ok(p.sys.sendto(p.libc.socket(AF_INET, SOCK_DGRAM), bytes('hi'), 0, at(OUTSIDE, 5000)))
      s.k.run()
      const from: { addr?: string } = {}
      ok(s.out.sys.recvfrom(fd, new Uint8Array(4), 0x40, from as never))
      return String(from.addr)
    }
    const cached = (): number => readFile(s.admin, '/proc/net/rt_cache').match(/\t0900000A\t/gi)?.length ?? 0
    // A change of routes empties the cache by itself, a change of rules does not.
    s.sh(`ip route add default dev eth0 src ${PAYROLL} table 6`)
    s.sh('ip route flush cache')
    expect([sender(s.a), cached()]).toEqual([SHOP, 1])
    expect([sender(s.b), cached()]).toEqual([SHOP, 2])
    s.sh(`ip rule add mac ${B} table 6`)
    expect(sender(s.b)).toBe(SHOP)
    s.sh('ip route flush cache')
    expect([sender(s.a), sender(s.b)]).toEqual([SHOP, PAYROLL])
  })

  it('MAC-51: a forwarded packet is routed by the label that the input chain gave it', () => {
    const world = createWorld({ seed: 5 })
    const mac1 = (n: number): Uint8Array => Uint8Array.of(2, 0, 0, 0, 0, n)
    const k = world.createKernel({ profile: PROFILE, modules: [net(), mac()] })
    const host = () => world.createKernel({ profile: PROFILE, modules: [net()] })
    const [left, plain, labelled] = [host(), host(), host()]
    const far = '10.9.0.1'
    for (const [n, [other, wire]] of (
      [
        [left, '10.0.0'],
        [plain, '10.1.0'],
        [labelled, '10.2.0'],
      ] as const
    ).entries()) {
      k.net.addEthernet(`eth${n}`, mac1(10 + n))
      other.net.addEthernet('eth0', mac1(20 + n))
      world.link(k, `eth${n}`, other, 'eth0')
      k.net.configure(`eth${n}`, { address: `${wire}.1/24` })
      other.net.configure('eth0', { address: `${wire}.2/24` })
      if (other !== left) other.net.configure('eth0', { address: `${far}/32` })
    }
    const admin = k.spawn()
    ok(admin.sys.mkdir('/sbin', 0o755))
    k.install('/sbin/ip', ipTool([macKeyword]))
    k.install('/sbin/ipchains', ipchainsTool([maclabelOption]))
    const sh = (on: typeof k, line: string): void => {
      const [name = '', ...args] = line.split(' ')
      const child = on.spawn()
      ok(child.sys.execve(`/sbin/${name}`, [name, ...args], []))
      on.run()
      if (child.exitCode !== 0) throw new Error(`${line}: ${child.exitCode}`)
    }
    const forward = ok(admin.sys.open('/proc/sys/net/ipv4/ip_forward', O_WRONLY))
    ok(admin.sys.write(forward, bytes('1\n')))
    sh(k, `ip route add ${far} via 10.1.0.2`)
    sh(k, `ip route add ${far} via 10.2.0.2 table 5`)
    sh(k, `ip rule add mac ${A} table 5`)
    sh(k, `ipchains -A input -p udp -d ${far} 7000 --maclabel ${A}`)
    ok(left.spawn().sys.mkdir('/sbin', 0o755))
    left.install('/sbin/ip', ipTool([]))
    sh(left as never, `ip route add ${far} via 10.0.0.1`)
    const client = left.spawn()
    const got = [plain, labelled].map((other) => {
      const p = other.spawn()
      return [6000, 7000].map((port) => ({ p, fd: server(p as never, SOCK_DGRAM, '0.0.0.0', port) }))
    })
    for (const port of [6000, 7000])
      ok(client.sys.sendto(client.libc.socket(AF_INET, SOCK_DGRAM), bytes('hi'), 0, at(far, port)))
    world.run()
    expect(got.map((ports) => ports.map(({ p, fd }) => heard(p as never, fd)))).toEqual([
      ['hi', ''],
      ['', 'hi'],
    ])
  })

  it('MAC-49: rule 0 comes first for every compartment, whatever its table says, and cannot be removed', () => {
    const s = scene()
    s.sh(`ip route add blackhole 0.0.0.0/0 table 5`)
    s.sh(`ip rule add mac ${A} table 5`)
    s.sh('ip route flush cache')
    const fd = server(s.a, SOCK_DGRAM, SHOP, 5000)
    expect(ping(s, s.a, SHOP, 5000)).toEqual([2, EAGAIN])
    expect(heard(s.a, fd)).toBe('hi')
    expect(ping(s, s.a, OUTSIDE, 5000)[0]).toBe(EINVAL)
    expect(s.run('ip rule del table local').out).toBe('RTNETLINK answers: Operation not permitted\n')
  })

  it('MAC-53: an unpatched ipchains gets EINVAL; a patched one needs an administrator, EACCES', () => {
    const s = scene()
    expect(s.run('ipchains.old -A input -j ACCEPT')).toEqual({
      status: 1,
      out: 'ipchains: Invalid argument\n',
    })
    expect(s.run(`ipchains -A input --maclabel ${A}`, '65535:0+admin').status).toBe(0)
    const refused = s.run(`ipchains -A input --maclabel ${A}`, '65535:0')
    expect([refused.status, refused.out]).toEqual([1, 'ipchains: Permission denied\n'])
    expect(s.run('ipchains -A input --maclabel nonsense').status).toBe(2)
    const raw = s.a.libc.socket(AF_INET, SOCK_RAW, 255)
    expect(s.a.sys.setsockopt(raw, 0, 69, bytes('input\0\0\0'))).toBe(EACCES)
    expect(s.k.why(s.a)?.sentence).toContain('only an administrator changes the firewall (MAC-53)')
    for (const command of ['-F input', '-P input DENY', '-N own', '-Z', '-D input 1'])
      expect([command, s.run(`ipchains ${command}`, A).out]).toEqual([
        command,
        'ipchains: Permission denied\n',
      ])
    expect(s.sh('ipchains -L input -v')).toContain(A)
    // The label of an administrator is not enough: CAP_NET_ADMIN is asked for first.
    const p = s.inside('65535:0+admin')
    const fd = p.libc.socket(AF_INET, SOCK_RAW, 255)
    ok(p.sys.setuid(1000))
    expect(p.sys.setsockopt(fd, 0, IP_FW_FLUSH, new Uint8Array(12))).toBe(EACCES)
    expect(s.k.why(p)?.check).toBe('capability')
  })
})

it('MAC-6: without labels the network behaves as stock', () => {
  const answers = [true, false].map((withMac) => {
    const world = createWorld({ seed: 5 })
    const k = world.createKernel({ profile: PROFILE, modules: withMac ? [net(), mac()] : [net()] })
    const p = k.spawn()
    const q = k.spawn({ uid: 1000 })
    const fd = server(p as never, SOCK_STREAM, '127.0.0.1', 80)
    return [
      q.sys.connect(q.libc.socket(AF_INET, SOCK_STREAM), at('127.0.0.1', 80)),
      ok(p.sys.accept(fd)),
      q.sys.bind(q.libc.socket(AF_INET, SOCK_DGRAM), at('0.0.0.0', 53)),
      readFile(q as never, '/proc/net/tcp'),
    ]
  })
  expect(answers[0]).toEqual(answers[1])
})
