/**
 * The same calls on AF_NETLINK sockets of this machine's kernel and of the model: rtnetlink requests, programs among
 * themselves, and random scripts of the latter. Results, addresses, headers, errors and acknowledgements are compared.
 * Needs Linux, a C compiler and a network of one's own (root); skipped elsewhere, with a message.
 *
 * Where today's kernel is known to differ from 2.6.14 the line of the script names the difference: see KNOWN. What the
 * options of `net({ netlink })` give of it is switched on.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createKernel } from 'paleokernel'
import { connector, encodeCnMsg } from 'paleokernel/connector'
import { net } from 'paleokernel/net'
import { afterAll, describe, expect, it } from 'vitest'
import { read16, read32, writeAttributes, writeMessage } from '../../src/lib/nlmsg.js'
import { Dice } from '../fuzz/dice.js'
import { AF_NETLINK, at, DONTWAIT, SOL_NETLINK } from './netlink_world.js'

const folder = mkdtempSync(join(tmpdir(), 'paleokernel-netlink-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** The compiled program; undefined, with the reason printed, where it cannot be made or run. */
function compile(): string | undefined {
  const skip = (why: string): undefined => {
    console.warn(`test/net/netlink_host.test.ts is skipped: ${why}`)
    return undefined
  }
  if (process.platform !== 'linux') return skip('the host is not Linux')
  if (Number(release().split('.')[0]) < 5)
    return skip(`Linux ${release()} is older than the differences that are named`)
  const program = join(folder, 'host')
  const source = fileURLToPath(new URL('netlink_host.c', import.meta.url))
  const done = spawnSync('cc', ['-O1', '-w', '-o', program, source], { encoding: 'utf8' })
  if (done.error !== undefined) return skip('there is no C compiler')
  if (done.status !== 0) return skip(`the C compiler says ${done.stderr}`)
  const probe = spawnSync(program, [], { input: 'socket 0 3 2\nbind 0 5 1\nuser 1000\n', encoding: 'utf8' })
  return probe.stdout === '0\n0\n0\n' ? program : skip(`the host says ${JSON.stringify(probe.stdout)}`)
}

const program = compile()

// ---- the two players -----------------------------------------------------------------------------------------

/** What the host's program prints for each line. */
function onHost(script: readonly string[], ...where: 'here'[]): string[] {
  const done = spawnSync(program ?? '', where, { input: `${script.join('\n')}\n`, encoding: 'utf8' })
  return done.stdout.trimEnd().split('\n')
}

const unhex = (text = '-'): Uint8Array<ArrayBuffer> =>
  text === '-' ? new Uint8Array(0) : Uint8Array.from(Buffer.from(text, 'hex'))

/** What the model does for each line, in the same words. */
function inModel(script: readonly string[]): string[] {
  const options = { acks: 'request', laterOptions: true, usersock: true } as const
  const events = connector({ processEvents: '2.6.18', delivery: 'synchronous', leastLength: 36 })
  const modules = [net({ loopback: false, netlink: options }), events] as const
  const k = createKernel({ modules, profile: '2.6.14' })
  const p = k.spawn()
  const fds: number[] = []

  const receive = (fd: number, size: number): string => {
    const data = new Uint8Array(size)
    const name: { pid?: number; groups?: number } = {}
    const control: { type: number; group?: number }[] = []
    const header = { iov: [data], name, control: control as never[], flags: 0 }
    const n = p.sys.recvmsg(fd, header as never, DONTWAIT)
    if (n < 0) return String(n)
    const group = control.find(({ type }) => type === 3)?.group ?? -1
    const text = n === 0 ? '-' : Buffer.from(data.subarray(0, n)).toString('hex')
    return `${n} ${name.pid} ${(name.groups ?? 0).toString(16)} ${(header.flags & 0x20).toString(16)} ${group} ${text}`
  }

  const one = (line: string): string | number => {
    const [word = '', slot = '0', ...rest] = line.split(' ')
    const fd = fds[Number(slot)] ?? -1
    const [a = 0, b = 0] = rest.map(Number)
    const named = (call: 'getsockname' | 'getpeername'): string | number => {
      const got = p.sys[call](fd)
      return typeof got === 'number' || !('pid' in got)
        ? Number(got)
        : `${got.pid} ${got.groups.toString(16)}`
    }
    switch (word) {
      case 'socket': {
        const made = p.sys.socket(AF_NETLINK, a, b)
        fds[Number(slot)] = made
        return Math.min(made, 0)
      }
      case 'bind':
        return p.sys.bind(fd, at(a, b))
      case 'connect':
        return p.sys.connect(fd, at(a, b))
      case 'unconnect':
        return p.sys.connect(fd, { family: 0 })
      case 'name':
        return named('getsockname')
      case 'peer':
        return named('getpeername')
      case 'set':
        return p.sys.setsockopt(fd, SOL_NETLINK, a, b)
      case 'short':
        return p.sys.setsockopt(fd, SOL_NETLINK, a, Uint8Array.of(1, 0))
      case 'get':
        return Number(p.sys.getsockopt(fd, SOL_NETLINK, a))
      case 'size':
        return p.sys.setsockopt(fd, 1, 8, a)
      case 'sockerr':
        return Number(p.sys.getsockopt(fd, 1, 4))
      case 'poll': {
        const asked = [{ fd, events: 1, revents: 0 }]
        p.sys.poll(asked, 0)
        return asked[0]?.revents ?? 0
      }
      case 'user':
        return p.sys.setresuid(-1, Number(slot), -1)
      case 'send':
        return p.sys.sendto(fd, unhex(rest[2]), DONTWAIT, at(a, b))
      case 'put':
        return p.sys.send(fd, unhex(rest[0]), DONTWAIT)
      case 'recv':
        return receive(fd, a)
      default:
        return p.sys.close(fd)
    }
  }
  return script.map((line) => String(one(line)))
}

// ---- the differences that have a name ------------------------------------------------------------------------

/** What today's kernel and 2.6.14 answer, and why (§2.9 and the kernels' logs of changes). */
const KNOWN: Readonly<
  Record<string, { readonly host: string; readonly model: string; readonly why: string }>
> = {
  'empty message': { host: '-61', model: '0', why: 'a message of no bytes is ENODATA since 6.10' },
  'unknown protocol': {
    host: '-93',
    model: '0',
    why: 'a protocol that the kernel does not have is EPROTONOSUPPORT in socket(2) since 2.6.15',
  },
  'port without privilege': {
    host: '-1',
    model: '-111',
    why: 'sending to a port, not only to a group, takes the privilege since 3.0',
  },
  'short option': { host: '0', model: '-22', why: 'an option of fewer than four bytes is 0 today' },
  'unknown type': { host: '2 0 5 4000001 -95', model: '2 0 5 4000001 -22', why: 'EOPNOTSUPP since 2.6.22' },
  'address of no device': {
    host: '2 0 5 4000001 -19',
    model: '2 0 5 4000001 -99',
    why: 'ENODEV since 2.6.25',
  },
}

/** A line of a script, perhaps with a difference: `send 0 5 0 - # empty message`. */
const callOf = (line: string): string => line.split(' # ', 1)[0] ?? line

/** Plays a script on both sides and compares line by line. */
function compare(script: readonly string[]): void {
  const calls = script.map(callOf)
  const [host, model] = [onHost(calls), inModel(calls)]
  const rows = (results: readonly string[], isHost: boolean) =>
    script.map((line, i) => {
      const result = results[i] ?? ''
      const known = KNOWN[line.split(' # ')[1] ?? '']
      if (known === undefined) return `${line}: ${result}`
      // An older kernel may still do as 2.6.14.
      return `${line}: ${result === known.model || (isHost && result === known.host) ? 'as known' : result}`
    })
  expect(rows(model, false)).toEqual(rows(host, true))
}

// ---- programs among themselves -------------------------------------------------------------------------------

const USERSOCK = 2
/** A socket with a port and groups. */
const socket = (s: number, pid: number, groups = 0, protocol = USERSOCK): string[] => [
  `socket ${s} 3 ${protocol}`,
  `bind ${s} ${pid} ${groups}`,
]

describe.skipIf(program === undefined)('AF_NETLINK on this machine and in the model', () => {
  it('socket: types and protocols', () => {
    compare([
      'socket 0 1 2',
      'socket 0 5 2',
      'socket 0 3 -1',
      'socket 0 3 32',
      'socket 0 2 2',
      'socket 1 3 0',
      'socket 2 3 30 # unknown protocol',
    ])
  })

  it('bind: ports, masks, privilege', () => {
    compare([
      ...socket(0, 100, 5),
      'name 0',
      'socket 1 3 2',
      'name 1',
      'bind 1 100 0',
      'bind 1 101 0',
      'bind 1 102 0',
      'bind 0 100 8',
      'name 0',
      'bind 0 100 2147483648',
      'name 0',
      'bind 0 100 0',
      'name 0',
      'user 1000',
      'bind 1 101 1',
      'name 1',
      'bind 1 101 0',
      'socket 2 3 0',
      'bind 2 4000001 1',
      'name 2',
    ])
  })

  it('unicast, broadcast: names, who gets what, errors', () => {
    compare([
      ...socket(0, 100, 1),
      ...socket(1, 101, 3),
      ...socket(2, 102, 2),
      'send 0 101 0 aa',
      'recv 1 100',
      'send 0 101 3 bb',
      'recv 1 100',
      'recv 1 100',
      'recv 2 100',
      'recv 0 100',
      'send 2 0 1 cc',
      'recv 0 100',
      'recv 1 100',
      'send 0 999 0 dd',
      'send 0 999 2 ee',
      'recv 1 100',
      'recv 2 100',
      'send 0 100 0 ff',
      'recv 0 100',
      'send 0 101 0 010203040506',
      'recv 1 3',
      'recv 1 3',
      'send 0 0 0 aa',
      'send 0 101 0 - # empty message',
    ])
  })

  it('unprivileged: what a protocol lets all do', () => {
    compare([
      ...socket(0, 100, 1),
      'socket 1 3 0',
      'bind 1 4000001 0',
      'user 1000',
      ...socket(2, 101, 0),
      'send 2 100 1 aa',
      'recv 0 100',
      'send 1 0 1 aa',
      'send 1 55 0 aa # port without privilege',
      'connect 1 0 1',
      'connect 2 100 1',
      'peer 2',
      'set 2 1 1',
      'set 1 1 1',
    ])
  })

  it('connect: the peer, the lowest group, refusing others', () => {
    compare([
      ...socket(0, 100),
      ...socket(1, 101),
      ...socket(2, 102, 4),
      'connect 0 101 12',
      'peer 0',
      'put 0 aa',
      'recv 1 100',
      'recv 2 100',
      'send 2 100 0 bb',
      'send 1 100 0 cc',
      'recv 0 100',
      'connect 0 0 0',
      'peer 0',
      'send 1 100 0 dd',
      'unconnect 0',
      'peer 0',
      'send 2 100 0 ee',
      'recv 0 100',
    ])
  })

  it('groups by number, PKTINFO, and a listener without a port', () => {
    compare([
      ...socket(0, 100),
      ...socket(1, 101),
      'set 0 1 0',
      'set 0 1 33',
      'set 0 1 -1',
      'set 0 1 32',
      'name 0',
      'set 0 3 1',
      'get 0 3',
      'get 0 77',
      'set 0 77 1',
      'short 0 3 # short option',
      'short 0 1',
      'set 0 3 1',
      'send 1 0 2147483648 aa',
      'recv 0 100',
      'send 1 100 0 bb',
      'recv 0 100',
      'set 0 2 32',
      'name 0',
      'send 1 0 2147483648 cc',
      'recv 0 100',
      'socket 2 3 2',
      'set 2 1 1',
      'name 2',
      'send 1 0 1 dd',
      'recv 2 100',
      'send 1 100 1 ee',
      'recv 2 100',
      ...[4, 5, 10].flatMap((option) => [`get 0 ${option}`, `set 0 ${option} 1`, `get 0 ${option}`]),
    ])
  })

  it('overrun: one error, the first messages in order, nothing until all is read, then again', () => {
    const message = (n: number): string => n.toString(16).padStart(2, '0').repeat(2000)
    const script = [...socket(0, 100, 1), ...socket(1, 101), 'size 0 16000', 'poll 0']
    const full = Array.from({ length: 40 }, (_, n) => `send 1 0 1 ${message(n)}`)
    const shape = (play: (script: readonly string[]) => string[]): unknown => {
      const all = [...script, ...full, 'poll 0', ...Array.from({ length: 42 }, () => 'recv 0 4000')]
      const results = play(all).slice(script.length + full.length)
      const [polled, first, ...rest] = results
      const bodies = rest
        .filter((line) => line.startsWith('2000 '))
        .map((line) => line.split(' ')[5]?.slice(0, 2))
      const isPrefix = bodies.every((body, n) => body === n.toString(16).padStart(2, '0'))
      // How many fit is what buffers cost, which no two kernels agree about.
      const isPart = bodies.length > 0 && bodies.length < 40
      const after = rest[bodies.length]
      // Again, with one read before it: it is still congested.
      const again = play([
        ...all.slice(0, -42),
        'recv 0 4000',
        'recv 0 4000',
        'send 1 0 1 77',
        ...all.slice(-42),
      ])
      const lateOne = again.some((line) => line.startsWith('1 101 '))
      const drained = play([...all, 'send 1 0 1 77', 'recv 0 4000', 'sockerr 0']).slice(-2)
      return { polled, first, isPrefix, isPart, after, lateOne, drained }
    }
    const model = shape(inModel)
    expect(model).toEqual({
      polled: '9',
      first: '-105',
      isPrefix: true,
      isPart: true,
      after: '-11',
      lateOne: false,
      drained: ['1 101 1 0 -1 77', '0'],
    })
    expect(shape(onHost)).toEqual(model)
  })

  it('unicast overflow: EAGAIN for the sender who does not sleep, nothing lost, no error at the receiver', () => {
    const script = [...socket(0, 100), ...socket(1, 101), 'size 0 4000']
    const full = Array.from({ length: 40 }, () => `send 1 100 0 ${'ab'.repeat(2000)}`)
    const shape = (play: (script: readonly string[]) => string[]): unknown => {
      const sent = play([...script, ...full]).slice(script.length)
      const fits = sent.indexOf('-11')
      const results = play([
        ...script,
        ...full,
        'sockerr 0',
        ...Array.from({ length: fits }, () => 'recv 0 4000'),
        'recv 0 4000',
        'send 1 100 0 77',
      ]).slice(script.length + full.length)
      return {
        fits: fits > 0,
        others: [...new Set(sent.slice(fits))],
        error: results[0],
        read: [...new Set(results.slice(1, fits + 1).map((line) => line.slice(0, 9)))],
        end: results.slice(fits + 1),
      }
    }
    const model = shape(inModel)
    expect(model).toEqual({ fits: true, others: ['-11'], error: '0', read: ['2000 101 '], end: ['-11', '1'] })
    expect(shape(onHost)).toEqual(model)
  })

  it.each([1, 2, 3, 4])('random scripts of programs among themselves (%i)', (seed) => {
    const dice = new Dice(seed)
    const script: string[] = []
    for (let s = 0; s < 6; s++) script.push(...socket(s, 100 + s, dice.below(8)))
    const any = (): number => dice.below(6)
    const port = (): number => dice.pick([100, 101, 102, 103, 104, 105, 0, 999])
    const groups = (): number => dice.pick([0, 0, 1, 2, 3, 4, 6, 0x8000_0000])
    const byte = (): string => dice.below(256).toString(16).padStart(2, '0')
    for (let i = 0; i < 400; i++) {
      const choice = dice.below(20)
      const s = any()
      if (choice < 6) script.push(`send ${s} ${port()} ${groups()} ${byte()}`)
      else if (choice < 8) script.push(`put ${s} ${byte()}`)
      else if (choice < 12) script.push(`recv ${s} 10`)
      else if (choice === 12) script.push(`connect ${s} ${port()} ${groups()}`)
      else if (choice === 13) script.push(`unconnect ${s}`)
      else if (choice === 14) script.push(`bind ${s} ${100 + dice.below(7)} ${groups()}`)
      else if (choice === 15) script.push(`set ${s} ${dice.pick([1, 1, 2, 3])} ${dice.below(5)}`)
      else if (choice === 16) script.push(`name ${s}`, `peer ${s}`, `get ${s} 3`, `poll ${s}`)
      // With a port of its own choice, which kernels choose as they like, names would differ.
      else if (choice === 17) script.push('user 0', `close ${s}`, ...socket(s, 100 + s, groups()))
      else if (choice === 18) script.push(`user ${dice.pick([0, 1000])}`)
      else script.push('user 0')
    }
    for (let s = 0; s < 6; s++) for (let i = 0; i < 20; i++) script.push(`recv ${s} 10`)
    compare(script)
  })
})

// ---- rtnetlink -----------------------------------------------------------------------------------------------

const REQUEST = 1
const MULTI = 2
const ACK = 4
const DUMP = 0x300
const PORT = 4000001

/** A request as hex digits. */
const request = (
  type: number,
  flags: number,
  fixed: Uint8Array = new Uint8Array(16),
  attributes: (readonly [number, Uint8Array])[] = [],
): string => Buffer.from(writeMessage({ type, flags, seq: 5, pid: 0 }, fixed, attributes)).toString('hex')

/**
 * What comes back: of each message type, flags, number and port, of an error its number and what it quotes, all one after
 * the other whatever datagram they were in; messages with the same header as the one before are not told again.
 */
function headers(results: readonly string[]): string[] {
  const all: string[] = []
  for (const line of results) {
    const data = unhex(line.split(' ')[5])
    for (let start = 0; start + 16 <= data.length; ) {
      const length = read32(data, start, 'little')
      const type = read16(data, start + 4, 'little')
      const numbers = [6, 8, 12].map((offset) =>
        offset === 6 ? read16(data, start + 6, 'little') : read32(data, start + offset, 'little'),
      )
      let text = [type, ...numbers].join(' ')
      if (type === 2) {
        const quoted = Buffer.from(data.subarray(start + 20, start + length)).toString('hex')
        text += ` ${read32(data, start + 16, 'little') | 0} ${quoted}`
      }
      if (all.at(-1) !== text) all.push(text)
      start += (length + 3) & ~3
    }
  }
  return all
}

/** What a datagram to rtnetlink is answered with, on one side. */
const answers = (
  play: (script: readonly string[]) => string[],
  hex: string,
  before: readonly string[] = [],
): string[] =>
  headers(
    play([
      ...socket(0, PORT, 0, 0),
      ...before,
      `send 0 0 0 ${hex}`,
      ...Array.from({ length: 12 }, () => 'recv 0 65536'),
    ]).slice(3 + before.length),
  )

const LO = Uint8Array.of(1, 0, 0, 0)
const ADDRESS = Uint8Array.of(10, 0, 0, 9)
const route = (table = 254): Uint8Array => Uint8Array.of(2, 32, 0, 0, table, 3, 0, 1, 0, 0, 0, 0)
const OVERLONG = Uint8Array.of(2, 32, 0, 0, 1, 0, 0, 0, 200, 0, 2, 0, 10, 0, 0, 9)
const UNALIGNED = Uint8Array.of(
  2,
  32,
  0,
  0,
  77,
  0,
  0,
  0,
  ...writeAttributes([[3, Uint8Array.of(97, 0, 0)]]),
  8,
  0,
  2,
  0,
  10,
  0,
  0,
  9,
)

const REQUESTS: readonly (readonly [name: string, hex: string, known?: string])[] = [
  ['a control message that wants an acknowledgement', request(15, REQUEST | ACK)],
  ['no request', request(26, 0)],
  ['no request that wants an acknowledgement', request(26, ACK)],
  ['no body', request(18, REQUEST | ACK, new Uint8Array(0))],
  ['an unknown type', request(200, REQUEST), 'unknown type'],
  ['a dump of links', request(18, REQUEST | DUMP)],
  [
    'a dump of addresses, of which there are none',
    request(22, REQUEST | DUMP, Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0)),
  ],
  [
    'a dump of neighbours, of which there are none',
    request(30, REQUEST | DUMP, Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)),
  ],
  ['a dump of rules', request(34, REQUEST | DUMP, Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))],
  ['a new address without one', request(20, REQUEST, Uint8Array.of(2, 32, 0, 0, 1, 0, 0, 0))],
  [
    'a new address of no device',
    request(20, REQUEST, Uint8Array.of(2, 32, 0, 0, 77, 0, 0, 0), [[2, ADDRESS]]),
  ],
  ['a new address', request(20, REQUEST | ACK, Uint8Array.of(2, 32, 0, 0, 1, 0, 0, 0), [[2, ADDRESS]])],
  [
    'an address to be deleted that is not there',
    request(21, REQUEST, Uint8Array.of(2, 32, 0, 0, 1, 0, 0, 0), [[2, ADDRESS]]),
  ],
  [
    'an address of no device to be deleted',
    request(21, REQUEST, Uint8Array.of(2, 32, 0, 0, 77, 0, 0, 0), [[2, ADDRESS]]),
    'address of no device',
  ],
  [
    'a route to be deleted that is not there',
    request(25, REQUEST, route(), [
      [1, ADDRESS],
      [4, LO],
    ]),
  ],
  [
    'a route out of a device that is down',
    request(24, REQUEST | ACK | 0x400, route(), [
      [1, ADDRESS],
      [4, LO],
    ]),
  ],
  [
    'a route out of no device',
    request(24, REQUEST | ACK | 0x400, route(), [
      [1, ADDRESS],
      [4, Uint8Array.of(77, 0, 0, 0)],
    ]),
  ],
  [
    'a neighbour without an address',
    request(28, REQUEST | 0x400, Uint8Array.of(2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0)),
  ],
  [
    'a neighbour at no device',
    request(28, REQUEST | 0x400, Uint8Array.of(2, 0, 0, 0, 77, 0, 0, 0, 2, 0, 0, 0), [[1, ADDRESS]]),
  ],
  [
    'two messages in a datagram',
    request(15, REQUEST | ACK) + request(20, REQUEST, Uint8Array.of(2, 32, 0, 0, 1, 0, 0, 0)),
  ],
  ['a datagram of eight bytes', '1000000012000100'],
  ['a length below sixteen', `0f000000${request(15, REQUEST | ACK).slice(8)}`],
  ['a length beyond the datagram', `ff000000${request(15, REQUEST | ACK).slice(8)}`],
  [
    'one good message and one that is cut off',
    request(15, REQUEST | ACK) + request(15, REQUEST | ACK).slice(0, 40),
  ],
  ['an attribute that is too long ends the list', request(20, REQUEST, OVERLONG)],
  ['attributes are aligned to four', request(20, REQUEST, UNALIGNED)],
]

describe.skipIf(program === undefined)('rtnetlink on this machine and in the model', () => {
  it.each(REQUESTS.map(([name, hex, known = '']) => ({ name, hex, known })))('$name', ({ hex, known }) => {
    const [host, model] = [answers(onHost, hex), answers(inModel, hex)]
    const difference = KNOWN[known]
    if (difference === undefined) {
      expect(model).toEqual(host)
      return
    }
    const quoted = model[0]?.split(' ')[5]
    expect(model).toEqual([`${difference.model} ${quoted}`])
    expect([`${difference.model} ${quoted}`, `${difference.host} ${quoted}`]).toContain(host.join())
  })

  it.each([
    ['a new address', request(20, REQUEST, Uint8Array.of(2, 32, 0, 0, 1, 0, 0, 0), [[2, ADDRESS]])],
    ['a route to be deleted', request(25, REQUEST | ACK, route(), [[1, ADDRESS]])],
    ['a question', request(18, REQUEST | DUMP)],
  ])('without privilege: %s', (_name, hex) => {
    expect(answers(inModel, hex, ['user 1000'])).toEqual(answers(onHost, hex, ['user 1000']))
  })

  it('NETLINK_CAP_ACK: the header alone', () => {
    const wrong = request(20, REQUEST, Uint8Array.of(2, 32, 0, 0, 1, 0, 0, 0))
    const model = answers(inModel, wrong, ['set 0 10 1'])
    expect(model).toEqual(answers(onHost, wrong, ['set 0 10 1']))
    expect(model[0]?.startsWith(`2 256 5 ${PORT} -22 `)).toBe(true)
    expect(MULTI).toBe(2)
  })
})

// ---- the connector -------------------------------------------------------------------------------------------

const CONNECTOR = 11
/** Ports that no process has. */
const MINE = 400_000_100
const hasConnector = program !== undefined && onHost([`socket 0 2 ${CONNECTOR}`], 'here')[0] === '0'
if (program !== undefined && !hasConnector) console.warn('the host has no connector: that part is skipped')

/** A message to a client of the connector, as hex digits; `length` is what its header says. */
function cn(
  idx: number,
  data: Uint8Array,
  { length, flags = 0 }: { length?: number; flags?: number } = {},
): string {
  const msg = encodeCnMsg({ id: { idx, val: 1 }, seq: 7, ack: 3, data })
  const bytes = writeMessage({ type: 3, flags, seq: 7, pid: 0 }, msg)
  if (length !== undefined) bytes.set([length & 255, length >> 8], 0)
  return Buffer.from(bytes).toString('hex')
}

/** An id that no kernel has a client for. */
const STRANGER = 0x7777_1234
const OP = (op: number): Uint8Array => Uint8Array.of(op, 0, 0, 0)

describe.skipIf(!hasConnector)('the connector on this machine and in the model', () => {
  it('takes anything from anybody, and says nothing (§2.6)', () => {
    const data = new Uint8Array(8)
    const script = [
      ...socket(0, MINE, 0, CONNECTOR),
      `send 0 0 0 ${cn(STRANGER, data)}`,
      `send 0 0 0 ${cn(STRANGER, data, { flags: REQUEST | ACK })}`,
      `send 0 0 0 ${cn(STRANGER, data, { length: 15 })}`,
      `send 0 0 0 ${cn(STRANGER, data, { length: 2000 })}`,
      `send 0 0 0 ${cn(STRANGER, new Uint8Array(2000))}`,
      `send 0 0 0 ${cn(STRANGER, data).slice(0, 20)}`,
      `send 0 0 0 ${cn(1, OP(77), { length: 20 })}`,
      'user 1000',
      `send 0 0 0 ${cn(STRANGER, data)}`,
      'recv 0 1000',
      'sockerr 0',
    ]
    expect(inModel(script)).toEqual(onHost(script, 'here'))
  })

  it('process events: who asks for them is answered with what 0, error 0, and the ack one higher (§2.8)', () => {
    const script = [...socket(0, MINE, 1, CONNECTOR), `send 0 0 0 ${cn(1, OP(1))}`]
    const reading = Array.from({ length: 60 }, () => 'recv 0 1000')
    // The number is the request's in 2.6.15, and no CPU's; since 4.8 they are those of a running count, and a CPU's.
    const fields = (results: readonly string[]): unknown => {
      // Events of other processes of this machine are between.
      const replies = results.filter((line) => line.split(' ')[5]?.slice(72, 80) === '00000000')
      return replies.map((line) => {
        const data = unhex(line.split(' ')[5])
        const at32 = (offset: number): number => read32(data, offset, 'little')
        return {
          name: line.split(' ').slice(1, 3),
          header: [read16(data, 4, 'little'), read16(data, 6, 'little'), at32(12)],
          isSameNumber: at32(8) === at32(24),
          id: [at32(16), at32(20)],
          ack: at32(28),
          event: [at32(36), at32(52)],
        }
      })
    }
    const play = [...script, ...reading, `send 0 0 0 ${cn(1, OP(2))}`]
    const model = fields(inModel(play).slice(3))
    expect(model).toEqual([
      { name: ['0', '1'], header: [3, 0, 0], isSameNumber: true, id: [1, 1], ack: 4, event: [0, 0] },
    ])
    expect(fields(onHost(play, 'here').slice(3))).toEqual(model)
  })
})
