/** /proc/net/tcp, udp, raw and snmp in the formats of the profiles. */
import { createKernel, defineModule, EACCES, type Profile } from 'paleokernel'
import { net, type Sock } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'

const PROFILES = ['2.0.35', '2.2.12', '2.6.14'] as const
const DONTWAIT = 0x40
const at = (port: number, addr = '127.0.0.1') => ({ family: 2, addr, port }) as const
const boot = (profile: Profile) => createKernel({ modules: [net()], profile })
type P = ReturnType<ReturnType<typeof boot>['spawn']>

function cat(p: P, path: string): string {
  const fd = p.libc.open(path, 0)
  let text = ''
  const buf = new Uint8Array(1000)
  for (let n = p.libc.read(fd, buf); n > 0; n = p.libc.read(fd, buf))
    text += Buffer.from(buf.subarray(0, n)).toString()
  p.libc.close(fd)
  return text
}

/** 'IP:port' of '0100007F:1388'. */
function end(text: string): string {
  const bytes = text.slice(0, 8).match(/../g) ?? []
  return `${bytes
    .reverse()
    .map((byte) => Number.parseInt(byte, 16))
    .join('.')}:${Number.parseInt(text.slice(9), 16)}`
}

const STATES = [
  '',
  'ESTABLISHED',
  'SYN_SENT',
  'SYN_RECV',
  'FIN_WAIT1',
  'FIN_WAIT2',
  'TIME_WAIT',
  'CLOSE',
  'CLOSE_WAIT',
  'LAST_ACK',
  'LISTEN',
]

/** What netstat -a makes of a file. */
function netstat(text: string): string[] {
  return text
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => {
      const [, local = '', remote = '', state = '', queues = ''] = line.trim().split(/\s+/)
      const [tx = '', rx = ''] = queues.split(':').map((digits) => Number.parseInt(digits, 16))
      return `${rx} ${tx} ${end(local)} ${end(remote)} ${STATES[Number.parseInt(state, 16)]}`
    })
}

/** Counters by name: those that are looked at one by one. */
type Counts = {
  readonly [name in
    | 'InSegs'
    | 'OutSegs'
    | 'AttemptFails'
    | 'OutRsts'
    | 'FragOKs'
    | 'FragCreates'
    | 'ReasmReqds'
    | 'ReasmOKs'
    | 'InHdrErrors'
    | 'InReceives'
    | 'RtoMax']?: number
}

/** The counters of a protocol by name. */
function snmp(p: P, name: string): Counts {
  const [names = [], values = []] = cat(p, '/proc/net/snmp')
    .split('\n')
    .filter((line) => line.startsWith(`${name}: `))
    .map((line) => line.split(' ').slice(1))
  expect(names.length).toBe(values.length)
  return Object.fromEntries(names.map((one, i) => [one, Number(values[i])]))
}

/** A listener, a connection with bytes under way, one that its peer has closed, and one in TIME_WAIT. */
function connections(p: P) {
  const l = p.libc.socket(2, 1)
  p.libc.bind(l, at(5000))
  p.libc.listen(l, 5)
  const connect = () => {
    const c = p.libc.socket(2, 1)
    p.libc.connect(c, at(5000))
    return [c, p.libc.accept(l)] as const
  }
  const [a, b] = connect()
  p.libc.send(a, new Uint8Array(10))
  p.libc.shutdown(connect()[0], 1)
  const [e, f] = connect()
  p.libc.close(e)
  p.libc.close(f)
  return { l, a, b }
}

describe.each(PROFILES)('in %s', (profile) => {
  it('tcp: as netstat shows it', () => {
    const k = boot(profile)
    const p = k.spawn()
    connections(p)
    // The FIN's acknowledgement waits for company.
    k.advance(500)
    const seen = netstat(cat(p, '/proc/net/tcp'))
    const peer = (i: number): string => seen.find((line) => line.includes(`:${i} 127.0.0.1:5000`)) ?? ''
    const ports = [...new Set(seen.join(' ').match(/127\.0\.0\.1:(\d+)/g))].map((one) =>
      Number(one.slice(10)),
    )
    const [first = 0, second = 0, third = 0] = ports.filter((port) => port !== 5000).sort((x, y) => x - y)
    expect(seen).toHaveLength(6)
    expect(seen).toContain('0 0 127.0.0.1:5000 0.0.0.0:0 LISTEN')
    expect(peer(first)).toBe(`0 0 127.0.0.1:${first} 127.0.0.1:5000 ESTABLISHED`)
    expect(seen).toContain(`10 0 127.0.0.1:5000 127.0.0.1:${first} ESTABLISHED`)
    expect(peer(second)).toBe(`0 0 127.0.0.1:${second} 127.0.0.1:5000 FIN_WAIT2`)
    // The FIN counts as a byte that has not been read.
    expect(seen).toContain(`1 0 127.0.0.1:5000 127.0.0.1:${second} CLOSE_WAIT`)
    expect(peer(third)).toBe(`0 0 127.0.0.1:${third} 127.0.0.1:5000 TIME_WAIT`)
  })

  it('udp and raw, with who owns them', () => {
    const k = boot(profile)
    const p = k.spawn()
    const raw = p.libc.socket(2, 3, 1)
    p.libc.setuid(1000)
    const a = p.libc.socket(2, 2)
    const b = p.libc.socket(2, 2)
    p.libc.bind(a, at(5000))
    p.libc.bind(b, at(6000, '0.0.0.0'))
    p.libc.connect(b, at(5000))
    expect(netstat(cat(p, '/proc/net/udp')).sort()).toEqual([
      '0 0 127.0.0.1:5000 0.0.0.0:0 CLOSE',
      '0 0 127.0.0.1:6000 127.0.0.1:5000 ESTABLISHED',
    ])
    expect(netstat(cat(p, '/proc/net/raw'))).toEqual(['0 0 0.0.0.0:1 0.0.0.0:0 CLOSE'])
    const inode = p.libc.fstat(a).ino
    const line =
      cat(p, '/proc/net/udp')
        .split('\n')
        .find((one) => one.includes(':1388 00000000')) ?? ''
    const tail = profile === '2.0.35' ? `00000000 1000 0 ${inode}` : `00000000  1000        0 ${inode}`
    expect(line).toContain(tail)
    p.libc.close(raw)
    expect(netstat(cat(p, '/proc/net/raw'))).toEqual([])
  })

  it('the columns and widths', () => {
    const p = boot(profile).spawn()
    const l = p.libc.socket(2, 1)
    p.libc.bind(l, at(5000))
    p.libc.listen(l, 5)
    const udp = p.libc.socket(2, 2)
    p.libc.bind(udp, at(5000))
    const [head = '', line = ''] = cat(p, '/proc/net/tcp').split('\n')
    const ino = p.libc.fstat(l).ino
    if (profile === '2.0.35') {
      expect(head).toBe('sl  local_address rem_address   st tx_queue rx_queue tr tm->when uid')
      // The number is that of a list: the lowest eight bits of the port.
      expect(line).toBe(
        `136: 0100007F:1388 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 ${ino}`,
      )
      return
    }
    const width = profile === '2.6.14' ? 149 : 127
    expect(head).toBe(
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'.padEnd(
        width,
      ),
    )
    const start = `   0: 0100007F:1388 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 ${ino}`
    // References, place, RTO of 3 s and ATO in ticks, quick acknowledgements, window, threshold.
    if (profile === '2.6.14') expect(line).toMatch(new RegExp(`^${start} 1 c[0-9a-f]{7} 750 0 0 2 -1 *$`))
    else expect(line).toBe(start.padEnd(width))
    expect(line).toHaveLength(width)
    const [, second = ''] = cat(p, '/proc/net/udp').split('\n')
    // 2.6 numbers by hash, 2.2 by line.
    expect(second.slice(0, 5)).toBe(profile === '2.6.14' ? `${String(5000 & 127).padStart(4)}:` : '   0:')
    expect(second).toHaveLength(127)
  })

  it('snmp counts what happens', () => {
    const k = boot(profile)
    k.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, 1))
    k.net.configure('eth0', { address: '10.0.0.1/24' })
    const p = k.spawn()
    const before: Record<string, Record<string, number>> = Object.fromEntries(
      ['Ip', 'Icmp', 'Tcp', 'Udp'].map((name) => [name, { ...snmp(p, name) }]),
    )
    const delta = (name: string): Counts =>
      Object.fromEntries(
        Object.entries(snmp(p, name))
          .map(([key, value]) => [key, value - (before[name]?.[key] ?? 0)] as const)
          .filter(([, value]) => value !== 0),
      )
    const udp = p.libc.socket(2, 2)
    const taker = p.libc.socket(2, 2)
    p.libc.bind(taker, at(5000))
    p.libc.sendto(udp, new Uint8Array(4), 0, at(5000))
    expect(p.sys.recv(taker, new Uint8Array(9), DONTWAIT)).toBe(4)
    p.libc.sendto(udp, new Uint8Array(4), 0, at(5001))
    expect(delta('Udp')).toEqual({ InDatagrams: 1, NoPorts: 1, OutDatagrams: 2 })
    expect(delta('Icmp')).toEqual({ InMsgs: 1, InDestUnreachs: 1, OutMsgs: 1, OutDestUnreachs: 1 })
    expect(delta('Ip')).toEqual({ InReceives: 3, InDelivers: 3, OutRequests: 3 })
    connections(p)
    const tcp = delta('Tcp')
    expect(tcp).toMatchObject({ ActiveOpens: 3, PassiveOpens: 3, CurrEstab: 2 })
    expect(tcp.InSegs).toBe(tcp.OutSegs)
    expect(p.sys.connect(p.libc.socket(2, 1), at(9))).toBeLessThan(0)
    expect(delta('Tcp').AttemptFails).toBe(1)
    if (profile !== '2.0.35') expect(delta('Tcp').OutRsts).toBe(1)
    // A datagram in pieces, and one that is broken.
    const ip = delta('Ip')
    p.libc.setsockopt(udp, 1, 7, 60_000)
    p.libc.setsockopt(taker, 1, 8, 60_000)
    p.libc.sendto(udp, new Uint8Array(20_000), 0, at(5000))
    const pieces = delta('Ip')
    expect(pieces.FragOKs).toBe(1)
    expect(pieces.FragCreates).toBe(pieces.ReasmReqds)
    expect(pieces.ReasmOKs).toBe(1)
    k.net.receiveFrame('eth0', Uint8Array.from([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 0]))
    expect(delta('Ip').InHdrErrors).toBe(1)
    expect((pieces.InReceives ?? 0) - (ip.InReceives ?? 0)).toBe(pieces.FragCreates)
    const names = Object.keys(snmp(p, 'Tcp'))
    expect(names).toHaveLength(profile === '2.0.35' ? 12 : 14)
    expect(snmp(p, 'Ip')).toMatchObject({ Forwarding: 2, DefaultTTL: 64 })
    expect(snmp(p, 'Tcp').RtoMax).toBe(profile === '2.6.14' ? 120_000 : 0)
  })
})

it('sockVisible: what a module hides is in no list', () => {
  const veil = defineModule({
    name: 'veil',
    requires: ['net'],
    init: () => ({}),
    attach: () => ({
      api: {},
      hooks: {
        sockVisible: (current, sk: Sock) =>
          current.cred.uid === 0 || sk.socket?.file?.dentry?.inode?.uid !== 0 ? 0 : EACCES,
      },
    }),
  })
  const k = createKernel({ modules: [net(), veil], profile: '2.2.12' })
  const root = k.spawn()
  const alice = k.spawn({ uid: 1000, gid: 1000 })
  for (const p of [root, alice]) {
    const port = p === root ? 5000 : 6000
    p.libc.bind(p.libc.socket(2, 2), at(port))
    const l = p.libc.socket(2, 1)
    p.libc.bind(l, at(port))
    p.libc.listen(l, 1)
  }
  root.libc.socket(2, 3, 1)
  const count = (p: P): number[] =>
    ['tcp', 'udp', 'raw'].map((name) => netstat(cat(p, `/proc/net/${name}`)).length)
  expect(count(root)).toEqual([2, 2, 1])
  expect(count(alice)).toEqual([1, 1, 0])
})
