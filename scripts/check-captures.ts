/**
 * Has tshark read what the model's devices have captured: TCP, UDP, ICMP, ARP and packets in pieces, of every profile.
 *
 *     npm run captures
 *
 * No packet may be malformed and no checksum wrong, and a file with one byte changed must be found out. Of a TCP
 * transfer over a bad link tshark must see exactly the segments sent again that the kernels have counted in
 * /proc/net/snmp. Of netlink, in both byte orders, it must name the types, flags, numbers and errors that were sent.
 * The last line says how much has been looked at.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createKernel } from 'paleokernel'
import { type ByteOrder, encodePcap, net, type PcapPacket } from 'paleokernel/net'
import { fetchPage, SITES, twoServers } from '../examples/two-web-servers.js'
import { bytes32, read32, readMessages, writeMessage } from '../src/lib/nlmsg.js'

const PROFILES = ['2.0.35', '2.2.12', '2.6.14'] as const
type Profile = (typeof PROFILES)[number]
const boot = (profile: Profile) => createKernel({ modules: [net()], profile })
type Kernel = ReturnType<typeof boot>
type Process = ReturnType<Kernel['spawn']>

const DONTWAIT = 0x40
/** Ports that tshark knows no protocol for: what the payload may look like is not what is asked. */
const STREAM = 40_001
const DATAGRAM = 40_002
const NOBODY = 40_003
const at = (port: number, addr: string) => ({ family: 2, addr, port }) as const
const dir = mkdtempSync(join(tmpdir(), 'captures-'))
const problems: string[] = []

function must(holds: boolean, what: string): void {
  if (!holds) problems.push(what)
}

// ---- machines ------------------------------------------------------------------------------------------------

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

/** Two machines on a wire that loses a share of the IP packets. */
class Wire {
  readonly a: Kernel
  readonly b: Kernel
  lost = 0
  private readonly random: () => number
  private readonly loss: number
  private readonly delay: number
  private readonly flying: { at: number; to: Kernel; frame: Uint8Array }[] = []
  private now = 0

  constructor(profile: Profile, seed: number, loss: number, delay: number) {
    this.random = rng(seed)
    this.loss = loss
    this.delay = delay
    const make = (n: number): Kernel => {
      const k = boot(profile)
      k.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, n))
      k.net.configure('eth0', { address: `10.0.0.${n}/24` })
      return k
    }
    this.a = make(1)
    this.b = make(2)
  }

  private collect(from: Kernel, to: Kernel): void {
    for (const { frame } of from.net.takeFrames('eth0')) {
      const isIp = frame[12] === 8 && frame[13] === 0
      if (isIp && this.random() < this.loss) this.lost++
      else this.flying.push({ at: this.now + this.delay, to, frame })
    }
  }

  run(ms: number): void {
    for (let gone = 0; gone < ms; gone++) {
      this.collect(this.a, this.b)
      this.collect(this.b, this.a)
      this.now++
      this.a.advance(1)
      this.b.advance(1)
      while ((this.flying[0]?.at ?? Number.POSITIVE_INFINITY) <= this.now) {
        const next = this.flying.shift()
        next?.to.net.receiveFrame('eth0', next.frame)
      }
    }
  }
}

/** Some TCP, UDP and ICMP between two addresses; `run` lets packets travel. */
function talk(p: Process, q: Process, addr: string, run: () => void): void {
  const listener = q.libc.socket(2, 1)
  q.libc.bind(listener, at(STREAM, '0.0.0.0'))
  q.libc.listen(listener, 5)
  const client = p.libc.socket(2, 1)
  const connecting = p.begin.connect(client, at(STREAM, addr))
  for (let i = 0; i < 20 && connecting.blocked; i++) run()
  const server = q.libc.accept(listener)
  const data = new Uint8Array(6000).map((_, i) => i)
  const buf = new Uint8Array(8000)
  for (let i = 0; i < 3; i++) {
    p.libc.send(client, data.subarray(0, 1 + 2999 * i))
    run()
    while (q.sys.recv(server, buf, DONTWAIT) > 0);
    q.libc.send(server, data.subarray(0, 7))
    run()
    p.sys.recv(client, buf, DONTWAIT)
  }
  p.libc.send(client, Uint8Array.of(1), 1)
  p.libc.shutdown(client, 1)
  run()
  q.libc.close(server)
  run()
  p.libc.close(client)
  // A reset: nobody listens there. Refusals are what is wanted.
  const refused = p.begin.connect(p.libc.socket(2, 1), at(NOBODY, addr))
  for (let i = 0; i < 20 && refused.blocked; i++) run()
  const taker = q.libc.socket(2, 2)
  q.libc.bind(taker, at(DATAGRAM, '0.0.0.0'))
  const sender = p.libc.socket(2, 2)
  for (const size of [0, 1, 512, 1472, 1473, 5000]) {
    p.libc.sendto(sender, data.subarray(0, size), 0, at(DATAGRAM, addr))
    run()
  }
  // "Port unreachable", "protocol unreachable" and echoes.
  p.libc.sendto(sender, data.subarray(0, 10), 0, at(NOBODY, addr))
  run()
  p.libc.sendto(p.libc.socket(2, 3, 200), data.subarray(0, 33), 0, at(0, addr))
  run()
  const icmp = p.libc.socket(2, 3, 1)
  for (const size of [8, 9, 2000]) {
    const echo = new Uint8Array(size)
    echo.set([8, 0, 0xf7 - 2, 0xff - 1, 0, 1, 2, 1])
    let sum = 0
    echo.set([0, 0], 2)
    for (let i = 0; i < size; i += 2) sum += ((echo[i] ?? 0) << 8) | (echo[i + 1] ?? 0)
    sum = ~((sum & 0xffff) + (sum >>> 16)) & 0xffff
    echo.set([sum >> 8, sum & 255], 2)
    p.libc.sendto(icmp, echo, 0, at(0, addr))
    run()
  }
}

// ---- tshark --------------------------------------------------------------------------------------------------

const PREFERENCES = ['ip', 'tcp', 'udp'].flatMap((name) => ['-o', `${name}.check_checksum:TRUE`])

/** The lines that tshark prints for a file: the fields of the packets that a filter takes. */
function tshark(file: string, filter: string, fields: readonly string[]): string[][] {
  const columns = fields.flatMap((field) => ['-e', field])
  const args = ['-n', '-r', file, ...PREFERENCES, '-Y', filter, '-T', 'fields', ...columns]
  const text = execFileSync('tshark', args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t'))
}

const CHECKED = ['ip', 'tcp', 'udp', 'icmp']
// 0 is a checksum that is wrong, 1 one that is right.
const WRONG = ['_ws.malformed', '_ws.short', ...CHECKED.map((name) => `${name}.checksum.status == 0`)].join(
  ' || ',
)

function save(name: string, packets: readonly PcapPacket[]): string {
  const file = join(dir, name)
  writeFileSync(file, encodePcap(packets))
  return file
}

/** Nothing wrong, all there, and checked indeed. */
function check(name: string, packets: readonly PcapPacket[], kinds: readonly string[]): void {
  const file = save(`${name}.pcap`, packets)
  for (const line of tshark(file, WRONG, ['frame.number', 'frame.protocols', '_ws.expert.message']))
    problems.push(`${name}: packet ${line.join(' ')}`)
  const read = tshark(file, 'frame', ['frame.number']).length
  must(read === packets.length, `${name}: tshark reads ${read} packets of ${packets.length}`)
  for (const kind of kinds)
    must(tshark(file, kind, ['frame.number']).length > 0, `${name}: tshark finds no packet that is '${kind}'`)
}

/** One byte of a packet's data changed, which its checksum must tell. */
function checkChecker(packets: readonly PcapPacket[]): void {
  const victim = packets.findIndex(
    ({ bytes }) => bytes[23] === 17 && bytes.length > 100 && bytes.length < 600,
  )
  const broken = packets.map((packet, i) => {
    if (i !== victim) return packet
    const bytes = packet.bytes.slice()
    bytes[60] = (bytes[60] ?? 0) ^ 0x10
    return { ...packet, bytes }
  })
  const found = tshark(save('broken.pcap', broken), WRONG, ['frame.number'])
  must(
    found.length === 1 && Number(found[0]?.[0]) === victim + 1,
    'tshark does not find a byte that was changed',
  )
}

// ---- a bad link ----------------------------------------------------------------------------------------------

/** A counter of /proc/net/snmp. */
function counter(p: Process, name: string, what: string): number {
  const fd = p.libc.open('/proc/net/snmp', 0)
  const buf = new Uint8Array(4096)
  const text = Buffer.from(buf.subarray(0, p.libc.read(fd, buf))).toString()
  p.libc.close(fd)
  const [names = [], values = []] = text
    .split('\n')
    .filter((line) => line.startsWith(`${name}: `))
    .map((line) => line.split(' '))
  return Number(values[names.indexOf(what)])
}

/** Sends bytes over a link that loses packets: tshark sees the segments sent again, each of them. */
function lossy(profile: Profile, seed: number): number {
  const wire = new Wire(profile, seed, 0.03, 10)
  const seen = wire.a.net.capture('eth0')
  const [p, q] = [wire.a.spawn(), wire.b.spawn()]
  const listener = q.libc.socket(2, 1)
  q.libc.bind(listener, at(STREAM, '0.0.0.0'))
  q.libc.listen(listener, 5)
  const client = p.libc.socket(2, 1)
  const connecting = p.begin.connect(client, at(STREAM, '10.0.0.2'))
  while (connecting.blocked) wire.run(10)
  wire.run(5000)
  const server = q.libc.accept(listener)
  const data = new Uint8Array(300_000).map((_, i) => (i * 31) >> 3)
  const sending = p.begin.send(client, data)
  const buf = new Uint8Array(65536)
  let got = 0
  let isSame = true
  for (let i = 0; i < 20_000 && got < data.length; i++) {
    wire.run(10)
    for (let n = q.sys.recv(server, buf, DONTWAIT); n > 0; n = q.sys.recv(server, buf, DONTWAIT)) {
      isSame &&= Buffer.compare(buf.subarray(0, n), data.subarray(got, got + n)) === 0
      got += n
    }
  }
  must(
    sending.result === data.length && got === data.length && isSame,
    `${profile}: the bytes did not arrive`,
  )
  p.libc.close(client)
  q.libc.close(server)
  wire.run(30_000)
  const name = `lossy-${profile}-${seed}`
  check(name, seen.packets, ['tcp'])
  const file = join(dir, `${name}.pcap`)
  // What follows shortly after other data tshark takes for late rather than sent again. At the sender nothing is late.
  const isAgain = '(tcp.analysis.retransmission || tcp.analysis.out_of_order) && ip.src == 10.0.0.1'
  const again = tshark(file, isAgain, ['frame.number']).length
  const counted = counter(p, 'Tcp', 'RetransSegs')
  must(counted > 0, `${name}: nothing was sent again, though ${wire.lost} packets were lost`)
  must(
    again === counted,
    `${name}: tshark sees ${again} segments sent again, the kernel has counted ${counted}`,
  )
  return counted
}

// ---- netlink -------------------------------------------------------------------------------------------------

const REQUEST = 1
const ACK = 4
const DUMP = 0x300

/** rtnetlink requests of all kinds, refusals, dumps, and programs among themselves. */
function netlink(profile: '2.2.12' | '2.6.14', byteOrder: ByteOrder, acks: 'header' | 'request'): number {
  const k = createKernel({ modules: [net({ netlink: { byteOrder, acks, usersock: true } })], profile })
  const seen = k.net.captureNetlink()
  const [p, alice] = [k.spawn(), k.spawn({ uid: 1000 })]
  const to = (pid: number, groups = 0) => ({ family: 16, pid, groups }) as const
  const fd = p.libc.socket(16, 3, 0)
  p.libc.bind(fd, to(77, 0x51))
  const int = (value: number): Uint8Array => bytes32(value, byteOrder)
  const ask = (
    q: Process,
    socket: number,
    type: number,
    flags: number,
    seq: number,
    fixed: Uint8Array,
    attributes: (readonly [number, Uint8Array])[] = [],
  ): void => {
    q.libc.sendto(socket, writeMessage({ type, flags, seq, pid: 0 }, fixed, attributes, byteOrder), 0, to(0))
    const buf = new Uint8Array(8192)
    while (q.sys.recv(socket, buf, DONTWAIT) > 0);
  }
  const route = Uint8Array.of(2, 32, 0, 0, 254, 3, 253, 1, 0, 0, 0, 0)
  const where = [[1, Uint8Array.of(10, 0, 0, 9)] as const, [4, int(1)] as const]
  ask(p, fd, 24, REQUEST | ACK | 0x400, 2000, route, where)
  for (const type of [18, 22, 26, 30, 34]) ask(p, fd, type, REQUEST | DUMP, type, new Uint8Array(16))
  ask(p, fd, 25, REQUEST | ACK, 2001, route, where)
  ask(p, fd, 25, REQUEST | ACK, 2002, route, where)
  ask(p, fd, 28, REQUEST, 2003, new Uint8Array(12))
  ask(alice, alice.libc.socket(16, 3, 0), 24, REQUEST, 2004, route, where)
  const user = p.libc.socket(16, 3, 2)
  p.libc.bind(user, to(500, 1))
  const text = writeMessage({ type: 20, flags: 0, seq: 2005, pid: 0 }, Uint8Array.of(1, 2, 3), [], byteOrder)
  alice.libc.sendto(alice.libc.socket(16, 3, 2), text, 0, to(500))

  const name = `netlink-${profile}-${byteOrder}-${acks}`
  const file = join(dir, `${name}.pcap`)
  writeFileSync(file, seen.pcap())
  for (const line of tshark(file, '_ws.malformed || _ws.short', ['frame.number', '_ws.expert.message']))
    problems.push(`${name}: packet ${line.join(' ')}`)
  const columns = [
    'netlink.hdr_type',
    'netlink.hdr_flags',
    'netlink.hdr_seq',
    'netlink.hdr_pid',
    'netlink.error',
  ]
  const rows = tshark(file, 'netlink', columns)
  must(rows.length === seen.packets.length, `${name}: tshark reads ${rows.length} of ${seen.packets.length}`)
  // What each message is, by the fields that the model itself reads.
  for (const [i, { bytes }] of seen.packets.entries()) {
    const messages = readMessages(bytes.slice(16), byteOrder)
    const [, , seqs = '', pids = '', error = ''] = rows[i] ?? []
    const first = messages[0]
    if (first === undefined) problems.push(`${name}: message ${i + 1} is none`)
    must(
      Number(seqs.split(',')[0]) === first?.seq && Number(pids.split(',')[0]) === first?.pid,
      `${name}: message ${i + 1}: tshark reads sequence ${seqs} port ${pids}`,
    )
    if (first?.type === 2)
      must(
        Number(error) === (read32(first.body, 0, byteOrder) | 0),
        `${name}: message ${i + 1}: error ${error}`,
      )
  }
  const shown = execFileSync('tshark', ['-n', '-V', '-r', file], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const names = [
    ...[
      'No such process (-ESRCH)',
      'Invalid argument (-EINVAL)',
      'Operation not permitted (-EPERM)',
      'Success (0)',
    ].map((one) => `Error code: ${one}`),
    ...[
      'Get network interface info',
      'Create network interface',
      'Add network route',
      'Delete network route',
    ].map((one) => `Message type: ${one}`),
    'Message type: End of a dump (0x0003)',
    'Multipart message: 1',
    'Device name: lo',
  ]
  for (const one of names) must(shown.includes(one), `${name}: tshark names nothing '${one}'`)
  return seen.packets.length
}

// ---- two machines in one kernel ------------------------------------------------------------------------------

/** Each server's answers, and each compartment's messages, come from its own address. */
function compartments(): number {
  const m = twoServers()
  const seen = m.capture
  for (const { address } of SITES) fetchPage(m.client, address)
  for (const { label, name } of SITES) m.run(`macexec ${label} /sbin/logger ${name}`)
  m.world.run()
  const { packets: frames } = seen
  check('compartments', frames, ['http.response', 'syslog'])
  const file = join(dir, 'compartments.pcap')
  for (const { address, name } of SITES)
    for (const [filter, field] of [
      [`tcp.srcport == 80 && frame contains "the ${name}."`, 'tcp.srcport'],
      [`udp.dstport == 514 && !icmp && frame contains "${name}"`, 'udp.dstport'],
    ] as const) {
      const lines = tshark(file, filter, ['ip.src', field])
      const isRight = lines.length === 1 && lines[0]?.[0] === address
      must(isRight, `compartments: '${filter}' comes from ${lines.join('; ')}, not once from ${address}`)
    }
  return frames.length
}

// ---- all of it -----------------------------------------------------------------------------------------------

let packets = 0
let resent = 0
let messages = 0
try {
  for (const profile of ['2.2.12', '2.6.14'] as const)
    for (const order of ['little', 'big'] as const)
      for (const acks of ['header', 'request'] as const) messages += netlink(profile, order, acks)
  for (const profile of PROFILES) {
    const wire = new Wire(profile, 1, 0, 1)
    const seen = wire.a.net.capture('eth0')
    talk(wire.a.spawn(), wire.b.spawn(), '10.0.0.2', () => wire.run(50))
    const kinds = [
      'tcp',
      'udp',
      'icmp',
      'arp',
      'ip.flags.mf == 1',
      'tcp.flags.reset == 1',
      'tcp.flags.urg == 1',
    ]
    check(`eth0-${profile}`, seen.packets, [
      ...kinds,
      ...CHECKED.map((name) => `${name}.checksum.status == 1`),
    ])
    checkChecker(seen.packets)
    const k = boot(profile)
    const lo = k.net.capture('lo')
    talk(k.spawn(), k.spawn(), '127.0.0.1', () => k.advance(50))
    check(`lo-${profile}`, lo.packets, ['tcp', 'udp', 'icmp'])
    packets += seen.packets.length + lo.packets.length
    for (const seed of [1, 2, 3]) resent += lossy(profile, seed)
  }
  packets += compartments()
} finally {
  rmSync(dir, { recursive: true, force: true })
}
for (const problem of problems) console.error(problem)
console.log(
  `captures: ${packets} packets, ${resent} segments sent again, ${messages} netlink messages, ${problems.length} problems`,
)
if (problems.length > 0) process.exitCode = 1
