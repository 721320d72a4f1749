/**
 * Two whole machines in one kernel, at once: own /etc, own address and routes, own server on port 80, own processes. Clients,
 * both compartments and the administrator are busy at the same time; what was on the wire says who sent what.
 */
import { isErr, O_CREAT, O_RDONLY, O_WRONLY, utf8Decode, utf8Encode } from 'paleokernel'
import { AF_INET, SOCK_DGRAM, SOCK_STREAM } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'
import { CLIENT, fetchPage, SITES, twoServers } from '../../examples/two-web-servers.js'
import { checkInvariants, readFile } from '../helpers/world.js'

/** An IP packet of a capture, as far as is asked here. */
interface Packet {
  readonly from: string
  readonly to: string
  readonly protocol: number
  readonly ports: readonly [number, number]
  readonly text: string
}

/** Reads a capture file by its own rules: the header of 24 bytes, 16 bytes before each frame. */
function packetsOf(pcap: Uint8Array): Packet[] {
  const view = new DataView(pcap.buffer, pcap.byteOffset, pcap.length)
  expect([view.getUint32(0, true), view.getUint32(20, true)]).toEqual([0xa1b23c4d, 1])
  const found: Packet[] = []
  for (let at = 24; at < pcap.length; ) {
    const length = view.getUint32(at + 8, true)
    const frame = pcap.subarray(at + 16, at + 16 + length)
    at += 16 + length
    if (frame[12] !== 8 || frame[13] !== 0) continue
    const ip = frame.subarray(14)
    const total = ((ip[2] ?? 0) << 8) | (ip[3] ?? 0)
    const head = ((ip[0] ?? 0) & 15) * 4
    const protocol = ip[9] ?? 0
    const port = (offset: number): number => ((ip[head + offset] ?? 0) << 8) | (ip[head + offset + 1] ?? 0)
    const inner = protocol === 6 ? ((ip[head + 12] ?? 0) >> 4) * 4 : 8
    found.push({
      from: ip.subarray(12, 16).join('.'),
      to: ip.subarray(16, 20).join('.'),
      protocol,
      ports: [port(0), port(2)],
      text: utf8Decode(ip.slice(head + inner, total)),
    })
  }
  return found
}

const ROUNDS = 5

/** Everybody at work; how it ended, and what was on the wire. */
function busy() {
  const m = twoServers()
  const { k, client, world, capture } = m
  const answers: string[] = []
  // Clients of both servers, side by side.
  for (const { address } of SITES)
    for (let round = 0; round < ROUNDS; round++)
      client.spawn({
        *program(sys) {
          yield* sys.nanosleep(round)
          const fd = yield* sys.socket(AF_INET, SOCK_STREAM)
          const failed = yield* sys.connect(fd, { family: AF_INET, addr: address, port: 80 })
          if (isErr(failed)) return 1
          yield* sys.send(fd, utf8Encode('GET / HTTP/1.0\r\n\r\n'))
          const buf = new Uint8Array(512)
          const count = yield* sys.recv(fd, buf)
          answers.push(`${address} ${utf8Decode(buf, 0, Math.max(0, count)).split('\r\n\r\n')[1]?.trim()}`)
          return 0
        },
      })
  // Both compartments send and look around meanwhile, with programs that begin alike.
  const seen: string[] = []
  for (const { name, label } of SITES) {
    const p = k.spawn({
      comm: 'cron',
      *program(sys) {
        const fd = yield* sys.socket(AF_INET, SOCK_DGRAM)
        for (let round = 0; round < ROUNDS; round++) {
          yield* sys.nanosleep(1)
          const to = { family: AF_INET, addr: CLIENT, port: 514 } as const
          yield* sys.sendto(fd, utf8Encode(`${name} ${round}`), 0, to)
          const dir = yield* sys.open('/proc', O_RDONLY)
          const names = yield* sys.getdents(dir)
          yield* sys.close(dir)
          if (isErr(names)) return 1
          for (const entry of names) {
            if (!/^[0-9]+$/.test(entry.name)) continue
            const file = yield* sys.open(`/proc/${entry.name}/mac_label`, O_RDONLY)
            const buf = new Uint8Array(64)
            const count = yield* sys.read(file, buf)
            yield* sys.close(file)
            seen.push(`${label} sees ${utf8Decode(buf, 0, Math.max(0, count)).trim()}`)
          }
          const own = yield* sys.open('/etc/round', O_CREAT | O_WRONLY, 0o644)
          yield* sys.write(own, utf8Encode(`${name} ${round}\n`))
          yield* sys.close(own)
        }
        return 0
      },
    })
    k.mac.setLabel(p.pid, label)
  }
  // And so does the administrator.
  const lists: string[] = []
  for (let round = 0; round < ROUNDS; round++) {
    world.advance(1)
    lists.push(m.run('ps -eM -o pid,comm'))
  }
  world.run()
  return { ...m, answers, seen, lists, packets: packetsOf(capture.pcap()) }
}

describe('two machines in one kernel, at once', () => {
  const m = busy()

  it('each server answers on port 80 of its own address with its own page', () => {
    const expected = SITES.flatMap(({ address, name }) =>
      new Array<string>(ROUNDS).fill(`${address} Welcome to the ${name}.`),
    )
    expect([...m.answers].sort()).toEqual(expected)
    expect(m.k.mac.describe().map(({ ports }) => ports.filter(({ port }) => port === 80).length)).toEqual([
      0, 1, 1,
    ])
  })

  it('each sees its own processes, and the administrator all', () => {
    expect([...new Set(m.seen)].sort()).toEqual(['10:1 sees 10:1', '10:2 sees 10:2'])
    for (const list of m.lists)
      for (const { label } of SITES) expect(list.match(new RegExp(`^${label} .*httpd$`, 'gm'))).not.toBeNull()
  })

  it('each has an /etc of its own', () => {
    for (const [i, { name }] of SITES.entries())
      expect(readFile(m.admin as never, `/mls/etc/${i + 1}/round`)).toBe(`${name} ${ROUNDS - 1}\n`)
  })

  it('on the wire every packet has the address of its compartment', () => {
    const [shop, school] = SITES
    for (const { name, address } of SITES) {
      const pages = m.packets.filter(({ text }) => text.includes(`Welcome to the ${name}.`))
      expect(pages).toHaveLength(ROUNDS)
      expect(new Set(pages.map(({ from, to, ports }) => `${from} ${to} ${ports[0]}`))).toEqual(
        new Set([`${address} ${CLIENT} 80`]),
      )
      const lines = m.packets.filter(({ ports }) => ports[1] === 514).filter(({ from }) => from === address)
      expect(lines.map(({ text }) => text)).toEqual(
        Array.from({ length: ROUNDS }, (_, round) => `${name} ${round}`),
      )
    }
    const senders = new Set(m.packets.map(({ from }) => from))
    expect(senders).toEqual(new Set([shop.address, school.address, CLIENT]))
    // Nobody listens to port 514: it is the client that says so.
    const complaints = m.packets.filter(({ protocol }) => protocol === 1)
    expect(new Set(complaints.map(({ from }) => from))).toEqual(new Set([CLIENT]))
  })

  it('what one does to itself does not reach the other', () => {
    const { pid } = m.k.mac.describe()[1]?.tasks.find(({ comm }) => comm === 'httpd') ?? { pid: 0 }
    expect(m.run(`macexec 10:2 /sbin/kill -9 ${pid}`)).toBe(`kill ${pid}: No such process\n`)
    expect(m.run(`macexec 10:1 /sbin/kill -9 ${pid}`)).toBe('')
    expect(SITES.map(({ address }) => fetchPage(m.client, address))).toEqual([
      'ECONNREFUSED',
      'Welcome to the school.',
    ])
    checkInvariants(m.k as never)
  })

  it('runs the same a second time', () => {
    const [first, second] = [busy(), busy()]
    expect(second.capture.pcap()).toEqual(first.capture.pcap())
    expect(second.world.digest()).toBe(first.world.digest())
  })
})
