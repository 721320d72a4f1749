/** Capabilities over pipes: what a child can do with those that it was given, and what it cannot do at all. */
import {
  ECONNREFUSED,
  EDQUOT,
  EINVAL,
  EISDIR,
  ELOOP,
  EMFILE,
  ENOENT,
  ENOSYS,
  EPIPE,
  EROFS,
  isErr,
  O_DIRECTORY,
  O_RDONLY,
  O_RDWR,
  type Sys,
  utf8Decode,
  utf8Encode,
} from 'paleokernel'
import {
  Broker,
  type BrokerOptions,
  type Budget,
  DIRECTORY,
  decodeRestrictions,
  encodeFrame,
  encodeRestrictions,
  FILE,
  FRAME_ERROR,
  FRAME_REPLY,
  FrameReader,
  LINK,
  type Link,
  MAX_PAYLOAD,
  type Offerable,
  OPEN_CREATE,
  OPEN_WRITE,
  PORTS,
  type PortsResource,
  REVOKED,
  type Restrictions,
  type ServiceResource,
  STREAM,
  type Steps,
} from 'paleokernel/seccomp'
import { describe, expect, it } from 'vitest'
import { Dice } from '../fuzz/dice.js'
import { bytes, checkInvariants, ok, readFile, writeFile } from '../helpers/world.js'
import { type Body, CALLS, call, REPLIES, startChild } from './children.js'
import { type World, world } from './world.js'

/**
 * The parent's part: makes children and grants, and may serve by itself. What it returns is kept by the parent: a fork
 * runs it again in the child, so it must not write to variables outside.
 */
type Owner<T> = (sys: Sys, broker: Broker) => Steps<T>

/** Runs an owner until all of its children are gone; what it returned. */
function run<T>(owner: Owner<T>, options: BrokerOptions = {}, k: World = world()): T {
  const results: T[] = []
  const root = k.spawn()
  if (root.sys.access('/tmp/data', 0) !== 0) {
    writeFile(root, '/tmp/data', 'hello world')
    writeFile(root, '/tmp/secret', 'TOP')
    ok(root.sys.mkdir('/tmp/d', 0o755))
    ok(root.sys.mkdir('/tmp/d/sub', 0o755))
    writeFile(root, '/tmp/d/one', '1')
    writeFile(root, '/tmp/d/sub/two', '22')
    ok(root.sys.symlink('../secret', '/tmp/d/link'))
    ok(root.sys.symlink('/tmp', '/tmp/d/up'))
    ok(root.sys.mknod('/tmp/d/fifo', 0o010600, 0))
  }
  const parent = k.spawn({
    program: function* (sys: Sys) {
      const broker = new Broker(sys, options)
      const result = yield* owner(sys, broker)
      yield* broker.serve()
      results.push(result)
      return 42
    },
  })
  k.run()
  expect(parent.exitStatus).toBe(42 << 8)
  checkInvariants(k)
  return results[0] as T
}

const text = (value: Uint8Array | number): string | number =>
  typeof value === 'number' ? value : utf8Decode(value)

/** What a child says of itself, by a service that keeps it. */
function witness(): { service: ServiceResource; said: string[] } {
  const said: string[] = []
  return {
    said,
    service: {
      kind: 'service',
      *handle(_sys, _op, payload) {
        said.push(utf8Decode(payload))
        return new Uint8Array(0)
      },
    },
  }
}

/** The file resource of a path. */
function* fileOf(sys: Sys, path: string, flags = O_RDWR): Steps<{ kind: 'file'; fd: number }> {
  return { kind: 'file', fd: ok(yield* sys.open(path, flags)) }
}

function* directoryOf(sys: Sys, path: string): Steps<{ kind: 'directory'; fd: number }> {
  return { kind: 'directory', fd: ok(yield* sys.open(path, O_RDONLY | O_DIRECTORY)) }
}

/** Runs one child with one grant at handle 1; what it returned. */
function one(
  resource: (sys: Sys) => Steps<Offerable>,
  restrictions: Restrictions,
  body: (link: Link, sys: Sys) => Steps<unknown>,
): unknown {
  const answers: unknown[] = []
  run(function* (sys, broker) {
    const client = yield* startChild(sys, broker, function* (link, own) {
      answers.push(yield* body(link, own))
      return 0
    })
    expect(broker.grant(client, broker.offer(yield* resource(sys)), restrictions)).toBe(1)
  })
  return answers.at(-1)
}

describe('a capability for a file', () => {
  it('reads, writes and tells the size, by read and write alone', () => {
    const got = one(
      (sys) => fileOf(sys, '/tmp/data'),
      {},
      function* (link) {
        const file = link.capability(FILE, 1)
        const first = yield* file.call('read', 6, 100)
        const wrote = yield* file.call('write', 0, bytes('HELLO'))
        return [text(first), wrote, yield* file.call('size'), text(yield* file.call('read', 0, 5))]
      },
    )
    expect(got).toEqual(['world', 5, 11, 'HELLO'])
  })

  it('read-only: reading works, writing is EROFS and changes nothing', () => {
    const got = one(
      (sys) => fileOf(sys, '/tmp/data'),
      { readOnly: true },
      function* (link) {
        const file = link.capability(FILE, 1)
        return [text(yield* file.call('read', 0, 5)), yield* file.call('write', 0, bytes('x'))]
      },
    )
    expect(got).toEqual(['hello', EROFS])
  })

  it('byte quota: reading and writing count together, and end in EDQUOT', () => {
    const got = one(
      (sys) => fileOf(sys, '/tmp/data'),
      { quota: 8 },
      function* (link) {
        const file = link.capability(FILE, 1)
        const answers: unknown[] = [
          text(yield* file.call('read', 0, 5)),
          yield* file.call('write', 0, bytes('abcdef')),
        ]
        return [...answers, yield* file.call('read', 0, 1), yield* file.call('size')]
      },
    )
    expect(got).toEqual(['hello', 3, EDQUOT, 11])
  })

  it('expiry: works until then, and never after', () => {
    const { service, said } = witness()
    run(function* (sys, broker) {
      const client = yield* startChild(sys, broker, function* (link) {
        const file = link.capability(FILE, 1)
        const clock = link.capability(STREAM, 2)
        const before = yield* file.call('size')
        yield* clock.call('read', 1)
        yield* link.capability(WITNESS, 3).call('say', `${before} ${yield* file.call('size')}`)
        return 0
      })
      broker.grant(client, broker.offer(yield* fileOf(sys, '/tmp/data')), { expiresIn: 50 })
      const [r, w] = ok(yield* sys.pipe())
      broker.grant(client, yield* broker.offerStream(r))
      broker.grant(client, broker.offer(service))
      if ((yield* sys.fork()) === 0) {
        yield* sys.nanosleep(100)
        yield* sys.write(w, bytes('x'))
        yield* sys.exit(0)
      }
    })
    expect(said).toEqual([`11 ${REVOKED}`])
  })

  it('a call under way ends when its grant expires', () => {
    const got: unknown[] = []
    const k = world()
    const owner: Owner<void> = function* (sys, broker) {
      const client = yield* startChild(sys, broker, function* (link) {
        got.push(yield* link.capability(STREAM, 1).call('read', 1))
        return 0
      })
      const [r] = ok(yield* sys.pipe())
      broker.grant(client, yield* broker.offerStream(r), { expiresIn: 70 })
    }
    run(owner, {}, k)
    expect([got.at(-1), k.now]).toEqual([REVOKED, 70])
  })
})

/** A service with one operation, for children to report. */
const WITNESS = { say: { op: 1, encode: (what: string) => utf8Encode(what), decode: () => 0 } } as const

describe('a capability for a directory', () => {
  const inside = (restrictions: Restrictions, body: (link: Link) => Steps<unknown>): unknown =>
    one((sys) => directoryOf(sys, '/tmp/d'), restrictions, body)

  it('lists, opens and creates below it', () => {
    const got = inside({}, function* (link) {
      const directory = link.capability(DIRECTORY, 1)
      const handle = yield* directory.call('open', 'sub/two')
      const made = yield* directory.call('open', 'sub/new', OPEN_WRITE | OPEN_CREATE)
      const wrote = yield* link.capability(FILE, made).call('write', 0, bytes('new'))
      return [
        yield* directory.call('list'),
        text(yield* link.capability(FILE, handle).call('read', 0, 9)),
        wrote,
      ]
    })
    expect(got).toEqual([['fifo', 'link', 'one', 'sub', 'up'], '22', 3])
  })

  it.each<[string, number]>([
    ['../secret', EINVAL],
    ['sub/../../secret', EINVAL],
    ['/tmp/secret', EINVAL],
    ['./one', EINVAL],
    ['', EINVAL],
    ['sub//two', EINVAL],
    ['link', ELOOP],
    ['up/secret', ELOOP],
    ['fifo', ELOOP],
    ['sub', EISDIR],
    ['none', ENOENT],
    ['one/x', -20],
  ])('leads nowhere else: %j', (path, error) => {
    const got = inside({}, function* (link) {
      const answer = yield* link.capability(DIRECTORY, 1).call('open', path)
      // Some eras say ELOOP, some ENOTDIR of a link that is to be a directory.
      return answer === -20 && path.startsWith('up') ? ELOOP : answer
    })
    expect(got).toBe(error)
  })

  it('one directory: attenuated to sub, it is sub that is the whole world', () => {
    const got = inside({ directory: 'sub' }, function* (link) {
      const directory = link.capability(DIRECTORY, 1)
      const [two, out] = [yield* directory.call('open', 'two'), yield* directory.call('open', 'one')]
      return [yield* directory.call('list'), two > 0, out]
    })
    expect(got).toEqual([['two'], true, ENOENT])
  })

  it('read-only: what is opened through it is, too', () => {
    const got = inside({ readOnly: true }, function* (link) {
      const directory = link.capability(DIRECTORY, 1)
      const handle = yield* directory.call('open', 'one')
      return [
        yield* directory.call('open', 'one', OPEN_WRITE),
        yield* directory.call('open', 'x', OPEN_CREATE),
        yield* link.capability(FILE, handle).call('write', 0, bytes('x')),
      ]
    })
    expect(got).toEqual([EROFS, EROFS, EROFS])
  })
})

describe('a capability for ports', () => {
  const ports: PortsResource = {
    kind: 'ports',
    *dial(sys, port) {
      return yield* sys.open(port === 80 ? '/dev/zero' : '/dev/null', O_RDWR)
    },
  }

  it('one port: connects to that one and no other', () => {
    const got = one(
      function* () {
        return ports
      },
      { port: 80 },
      function* (link) {
        const net = link.capability(PORTS, 1)
        const handle = yield* net.call('connect', 80)
        return [text(yield* link.capability(STREAM, handle).call('read', 2)), yield* net.call('connect', 81)]
      },
    )
    expect(got).toEqual(['\0\0', ECONNREFUSED])
  })
})

describe('attenuation and delegation', () => {
  it('a child narrows what it has, and cannot widen it again', () => {
    const got = one(
      (sys) => fileOf(sys, '/tmp/data'),
      {},
      function* (link) {
        const narrow = yield* link.self.call('attenuate', 1, { readOnly: true, quota: 3 })
        const wide = yield* link.self.call('attenuate', narrow, { quota: 100 })
        const file = link.capability(FILE, wide)
        return [
          yield* file.call('write', 0, bytes('x')),
          text(yield* file.call('read', 0, 9)),
          yield* file.call('read', 0, 1),
        ]
      },
    )
    expect(got).toEqual([EROFS, 'hel', EDQUOT])
  })

  it('one child gives another a part of what it has, and takes it back, also from a call under way', () => {
    const { service, said } = witness()
    run(function* (sys, broker) {
      const taker = yield* startChild(sys, broker, function* (link) {
        const handle = yield* link.self.call('accept')
        const stream = link.capability(STREAM, handle)
        yield* link.capability(WITNESS, 1).call('say', `taker: ${text(yield* stream.call('read', 1))}`)
        const second = yield* stream.call('read', 1)
        yield* link
          .capability(WITNESS, 1)
          .call('say', `taker: ${text(second)} ${text(yield* stream.call('read', 1))}`)
        return 0
      })
      broker.grant(taker, broker.offer(service))
      const giver = yield* startChild(sys, broker, function* (link) {
        const mine = yield* link.self.call('delegate', 1, 2, {})
        yield* link.capability(STREAM, 3).call('read', 1)
        const revoked = yield* link.self.call('revoke', mine)
        const own = yield* link.self.call('attenuate', 1, {})
        yield* link.capability(WITNESS, 4).call('say', `giver: ${revoked} ${own > 0}`)
        return 0
      })
      const [r, w] = ok(yield* sys.pipe())
      const [waitR, waitW] = ok(yield* sys.pipe())
      broker.grant(giver, yield* broker.offerStream(r))
      broker.grant(giver, broker.offerPeer(taker))
      broker.grant(giver, yield* broker.offerStream(waitR))
      broker.grant(giver, broker.offer(service))
      yield* sys.write(w, bytes('a'))
      if ((yield* sys.fork()) === 0) {
        yield* sys.nanosleep(100)
        yield* sys.write(waitW, bytes('x'))
        yield* sys.exit(0)
      }
    })
    expect(said).toEqual(['taker: a', expect.any(String), expect.any(String)])
    expect(said.slice(1).sort()).toEqual(['giver: 0 true', `taker: ${REVOKED} ${REVOKED}`])
  })

  it('the owner revokes a grant: everything made from it is over', () => {
    const { service, said } = witness()
    run(function* (sys, broker) {
      const offer = broker.offer(yield* fileOf(sys, '/tmp/data'))
      const killer: ServiceResource = {
        kind: 'service',
        *handle() {
          broker.revoke(offer)
          return new Uint8Array(0)
        },
      }
      const client = yield* startChild(sys, broker, function* (link) {
        const narrow = yield* link.self.call('attenuate', 1, {})
        yield* link.capability(WITNESS, 2).call('say', '')
        const answers = [
          yield* link.capability(FILE, 1).call('size'),
          yield* link.capability(FILE, narrow).call('size'),
        ]
        answers.push(yield* link.self.call('attenuate', 1, {}))
        yield* link.capability(WITNESS, 3).call('say', answers.join(' '))
        return 0
      })
      broker.grant(client, offer)
      broker.grant(client, broker.offer(killer))
      broker.grant(client, broker.offer(service))
    })
    expect(said).toEqual([`${REVOKED} ${REVOKED} ${REVOKED}`])
  })

  it('a handle means something on its own link only, and is not given out again', () => {
    const got = one(
      (sys) => fileOf(sys, '/tmp/data'),
      {},
      function* (link) {
        const dropped = yield* link.self.call('attenuate', 1, {})
        yield* link.self.call('drop', dropped)
        const next = yield* link.self.call('attenuate', 1, {})
        return [
          dropped,
          next,
          yield* link.capability(FILE, dropped).call('size'),
          yield* link.self.call('drop', 99),
        ]
      },
    )
    expect(got).toEqual([2, 3, ENOENT, ENOENT])
  })

  it('calls that there are not, and payloads of wrong sizes, are answered by errors', () => {
    const got = one(
      (sys) => fileOf(sys, '/tmp/data'),
      {},
      function* (link) {
        const answers: unknown[] = []
        for (const [handle, op, size] of [
          [1, 9, 0],
          [1, 1, 3],
          [1, 2, 0],
          [1, 3, 1],
          [0, 9, 0],
          [0, 4, 3],
          [0, 5, 8],
          [0, 6, 0],
          [5, 1, 0],
        ])
          answers.push(yield* link.request(Number(handle), Number(op), new Uint8Array(Number(size))))
        return answers
      },
    )
    expect(got).toEqual([ENOSYS, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, ENOENT])
  })
})

/** A child that sends these bytes as they are, and then does `after`. */
const raw = (
  data: Uint8Array<ArrayBufferLike>,
  after: (sys: Sys) => Steps<unknown> = function* () {},
): Body =>
  function* (_link, sys) {
    yield* sys.write(CALLS, data)
    yield* after(sys)
    return 0
  }

describe('a hostile child', () => {
  /** Runs it beside an honest one, which must be served all the same; how the broker parted with the hostile one. */
  function beside(
    body: Body,
    budget: Budget = {},
    options: BrokerOptions = {},
  ): { end: string | null; pings: number; status: number | null } {
    let pings = 0
    const hostile = run(function* (sys, broker) {
      const count: ServiceResource = {
        kind: 'service',
        *handle() {
          pings++
          return new Uint8Array(0)
        },
      }
      const client = yield* startChild(sys, broker, body, budget)
      const honest = yield* startChild(sys, broker, function* (link) {
        for (let n = 0; n < 20; n++) yield* link.capability(WITNESS, 1).call('say', 'x')
        return 0
      })
      broker.grant(honest, broker.offer(count))
      return client
    }, options)
    return { end: hostile.end, pings, status: hostile.status }
  }

  it.each<[string, Body, string]>([
    ['garbage', raw(bytes('GET / HTTP/1.0')), 'it sent what is no frame'],
    ['a wrong version', raw(Uint8Array.of(0x43, 0x50, 9, 1)), 'it sent what is no frame'],
    [
      'an oversized frame',
      raw(Uint8Array.of(0x43, 0x50, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0xff, 0xff)),
      'it sent what is no frame',
    ],
    [
      'a reply',
      raw(Uint8Array.of(0x43, 0x50, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0)),
      'it sent what is no call',
    ],
    ['a frame that ends in the middle', raw(call(0, 1, bytes('ping')).subarray(0, 18)), 'it is gone'],
    [
      'half a frame, then nothing (slow loris)',
      raw(call(0, 1).subarray(0, 5), function* (sys) {
        yield* sys.read(REPLIES, new Uint8Array(1))
      }),
      'a frame took too long',
    ],
    [
      'a system call',
      raw(call(0, 1), function* (sys) {
        yield* sys.getpid()
      }),
      'it is gone',
    ],
  ])('%s: is dealt with, and the others are served', (_name, body, end) => {
    expect(beside(body)).toMatchObject({ end, pings: 20 })
  })

  it('one byte at a time does not hold anybody up', () => {
    const body: Body = function* (_link, sys) {
      for (let n = 0; n < 50; n++)
        for (const byte of call(0, 1, bytes('p'))) yield* sys.write(CALLS, Uint8Array.of(byte))
      return 0
    }
    expect(beside(body)).toMatchObject({ pings: 20 })
  })

  it('a flood without reading replies: it is not listened to any more, until it dies', () => {
    const flood = new Uint8Array(200 * 17)
    for (let n = 0; n < 200; n++) flood.set(call(0, 1, bytes('f'), n), n * 17)
    const body: Body = function* (_link, sys) {
      for (let n = 0; n < 40; n++) {
        const done = yield* sys.write(CALLS, flood)
        if (isErr(done)) break
      }
      return 0
    }
    let turns = 0
    let pings = 0
    const hostile = run(function* (sys, broker) {
      const client = yield* startChild(sys, broker, body)
      const honest = yield* startChild(sys, broker, function* (link) {
        for (let n = 0; n < 50; n++) if (!isErr(yield* link.self.call('ping', bytes('x')))) pings++
        return 0
      })
      while (honest.end === null && turns++ < 5000) yield* broker.turn(-1)
      yield* broker.dismiss(client, 'enough')
      return client
    }, {})
    expect([pings, hostile.end, hostile.status]).toEqual([50, 'enough', 9])
    expect(hostile.replies.length).toBeLessThanOrEqual(16)
  })

  it.each<[string, Budget, string]>([
    ['calls', { calls: 5 }, 'it made too many calls'],
    ['bytes', { bytes: 200 }, 'it moved too many bytes'],
    ['mistakes', { errors: 3 }, 'it made too many mistakes'],
  ])('is killed when it uses up its budget of %s', (_name, budget, end) => {
    const body: Body = function* (link) {
      for (;;) {
        const answer = yield* link.request(77, 1, new Uint8Array(0))
        if (answer === EPIPE) return 0
      }
    }
    expect(beside(body, budget)).toMatchObject({ end, status: 9, pings: 20 })
  })

  it('random bytes and random frames never end the broker, nor reach what was not granted', {
    timeout: 60_000,
  }, () => {
    const k = world()
    const dice = new Dice(77)
    for (let round = 0; round < 60; round++) {
      const frames: Uint8Array[] = []
      for (let n = 0; n < 30; n++) {
        const payload = Uint8Array.from({ length: dice.pick([0, 1, 2, 4, 5, 8, 9, 12, 20]) }, () =>
          dice.chance(60) ? dice.below(6) : dice.below(256),
        )
        const path = utf8Encode(
          dice.pick(['../secret', '/tmp/secret', 'link', 'up/secret', 'one', 'sub/two', 'new']),
        )
        const frame = dice.chance(30)
          ? call(dice.below(4), 1, Uint8Array.from([dice.below(4), 0, 0, 0, ...path]), n)
          : call(dice.below(8), dice.below(8), payload, n)
        if (dice.chance(3)) frame[dice.below(frame.length)] = dice.below(256)
        frames.push(frame)
      }
      const secret = bytes('TOP')
      const heard: number[] = []
      run(
        function* (sys, broker) {
          const client = yield* startChild(sys, broker, function* (_link, own) {
            const buf = new Uint8Array(4096)
            for (const frame of frames) {
              if (isErr(yield* own.write(CALLS, frame))) return 1
              const count = yield* own.read(REPLIES, buf)
              if (count <= 0) return 1
              heard.push(...buf.subarray(0, count))
            }
            return 0
          })
          broker.grant(client, broker.offer(yield* directoryOf(sys, '/tmp/d'), { readOnly: true }))
          broker.grant(client, broker.offer(yield* fileOf(sys, '/tmp/data', O_RDONLY)))
        },
        { frameTimeout: 10 },
        k,
      )
      expect(utf8Decode(Uint8Array.from(heard)).includes(utf8Decode(secret))).toBe(false)
    }
    const root = k.spawn()
    expect([
      readFile(root, '/tmp/secret'),
      readFile(root, '/tmp/data'),
      readFile(root, '/tmp/d/one'),
    ]).toEqual(['TOP', 'hello world', '1'])
    expect(root.sys.access('/tmp/d/new', 0)).toBe(ENOENT)
  })
})

describe('revocation under any schedule', () => {
  it('after the owner has revoked, no call of the child succeeds', { timeout: 60_000 }, () => {
    for (let seed = 1; seed <= 150; seed++) {
      let revokedAt = -1
      let serial = 0
      const successes: number[] = []
      const k = world({}, { seed, schedule: 'random' })
      run(
        function* (sys, broker) {
          const [r, w] = ok(yield* sys.pipe())
          const [goR, goW] = ok(yield* sys.pipe())
          const offer = yield* broker.offerStream(r)
          const client = yield* startChild(sys, broker, function* (link) {
            const own = yield* link.self.call('attenuate', 1, {})
            for (let n = 0; n < 12; n++) {
              const answer = yield* link.capability(STREAM, n % 2 === 0 ? 1 : own).call('read', 1)
              if (answer === REVOKED) break
            }
            return 0
          })
          broker.grant(client, offer)
          yield* sys.fcntl(goR, 4, 0o4000)
          const feeder = ok(yield* sys.fork())
          if (feeder === 0) {
            for (let n = 0; n < 6; n++) yield* sys.write(w, bytes('x'))
            yield* sys.write(goW, bytes('r'))
            for (let n = 0; n < 6; n++) yield* sys.write(w, bytes('y'))
            yield* sys.exit(0)
          }
          const go = new Uint8Array(1)
          while (client.end === null) {
            yield* broker.turn(1)
            serial++
            if (revokedAt < 0 && (yield* sys.read(goR, go)) === 1) {
              broker.revoke(offer)
              revokedAt = serial
            }
            const granted = client.meter.calls - client.meter.errors - client.waiting.length
            if (revokedAt >= 0) successes.push(granted)
          }
        },
        {},
        k,
      )
      expect(revokedAt).toBeGreaterThan(0)
      expect(new Set(successes).size, `seed ${seed}`).toBe(1)
    }
  })
})

describe('what the broker opens for a child', () => {
  /** The lowest free descriptor of the broker before a child came and after it has gone. */
  function freeBeforeAndAfter(
    body: (link: Link) => Steps<unknown>,
    options: BrokerOptions = {},
  ): { free: readonly number[]; answer: unknown } {
    const answers: unknown[] = []
    const free = run(function* (sys, broker) {
      const lowest = function* (): Steps<number> {
        const fd = ok(yield* sys.dup(dir))
        yield* sys.close(fd)
        return fd
      }
      const dir = ok(yield* sys.open('/tmp/d', O_RDONLY | O_DIRECTORY))
      const before = yield* lowest()
      const client = yield* startChild(sys, broker, function* (link) {
        answers.push(yield* body(link))
        return 0
      })
      broker.grant(client, broker.offer({ kind: 'directory', fd: dir }))
      yield* broker.serve()
      return [before, yield* lowest()]
    }, options)
    return { free, answer: answers.at(-1) }
  }

  it('is closed when the child drops it, and when the child ends', () => {
    const { free, answer } = freeBeforeAndAfter(function* (link) {
      const directory = link.capability(DIRECTORY, 1)
      let last = 0
      for (let n = 0; n < 1500; n++) {
        last = yield* directory.call('open', 'one')
        if (n < 1480) yield* link.self.call('drop', last)
      }
      return last
    })
    expect(answer).toBe(1501)
    expect(free[1]).toBe(free[0])
  })

  it('is closed with the last of its handles', () => {
    const { free, answer } = freeBeforeAndAfter(function* (link) {
      const opened = yield* link.capability(DIRECTORY, 1).call('open', 'one')
      const again = yield* link.self.call('attenuate', opened, {})
      yield* link.self.call('drop', opened)
      const read = text(yield* link.capability(FILE, again).call('read', 0, 9))
      yield* link.self.call('drop', again)
      return [read, yield* link.capability(FILE, again).call('size')]
    })
    expect(answer).toEqual(['1', ENOENT])
    expect(free[1]).toBe(free[0])
  })

  it('handlesPerChild: a child that hoards gets EMFILE, until it drops something', () => {
    const { answer } = freeBeforeAndAfter(
      function* (link) {
        const directory = link.capability(DIRECTORY, 1)
        const opened = yield* directory.call('open', 'one')
        const narrow = yield* link.self.call('attenuate', 1, {})
        const more = [
          yield* directory.call('open', 'fresh', OPEN_WRITE | OPEN_CREATE),
          yield* link.self.call('attenuate', 1, {}),
        ]
        const names = yield* directory.call('list')
        yield* link.self.call('drop', narrow)
        return [opened, narrow, more, names, yield* link.self.call('attenuate', 1, {})]
      },
      { handlesPerChild: 2 },
    )
    expect(answer).toEqual([2, 3, [EMFILE, EMFILE], ['fifo', 'link', 'one', 'sub', 'up'], 4])
  })

  it('handlesPerChild: what a child delegates counts as its own, not as that of who gets it', () => {
    const answers: unknown[] = []
    run(
      function* (sys, broker) {
        const victim = yield* startChild(sys, broker, function* (link) {
          for (let n = 0; n < 3; n++) yield* link.self.call('accept')
          answers.push(yield* link.self.call('attenuate', 1, {}))
          return 0
        })
        const flooder = yield* startChild(sys, broker, function* (link) {
          for (let n = 0; n < 4; n++) answers.push(yield* link.self.call('delegate', 1, 2, {}))
          return 0
        })
        broker.grant(flooder, broker.offer(yield* fileOf(sys, '/tmp/data')))
        broker.grant(flooder, broker.offerPeer(victim))
      },
      { handlesPerChild: 6 },
    )
    expect(answers).toEqual([3, 4, 5, EMFILE, 4])
  })

  it('a call under way on a handle that is dropped comes to nothing', () => {
    const heard: Uint8Array[] = []
    run(function* (sys, broker) {
      const [r] = ok(yield* sys.pipe())
      const client = yield* startChild(sys, broker, function* (_link, own) {
        const buf = new Uint8Array(4096)
        yield* own.write(CALLS, call(1, STREAM.read.op, Uint8Array.of(4, 0, 0, 0), 7))
        yield* own.write(CALLS, call(0, LINK.drop.op, Uint8Array.of(1, 0, 0, 0), 8))
        for (let n = 0; n < 2; n++) {
          const count = yield* own.read(REPLIES, buf)
          heard.push(buf.slice(0, Math.max(count, 0)))
        }
        return 0
      })
      broker.grant(client, yield* broker.offerStream(r))
    })
    const reader = new FrameReader()
    for (const piece of heard) reader.push(piece)
    const frames = [reader.next(), reader.next()].map((frame) =>
      frame === null || frame === 'garbage' ? frame : [frame.id, frame.kind, frame.op],
    )
    expect(frames).toEqual([
      [7, FRAME_ERROR, -REVOKED],
      [8, FRAME_REPLY, 0],
    ])
  })
})

describe('frames', () => {
  it('are laid out as documented', () => {
    const frame = encodeFrame({ kind: 1, id: 0x01020304, handle: 5, op: 6, payload: bytes('ab') })
    expect([...frame]).toEqual([0x43, 0x50, 1, 1, 4, 3, 2, 1, 5, 0, 0, 0, 6, 0, 2, 0, 0x61, 0x62])
    expect(() =>
      encodeFrame({ kind: 1, id: 0, handle: 0, op: 0, payload: new Uint8Array(MAX_PAYLOAD + 1) }),
    ).toThrow(RangeError)
  })

  it('come together from any pieces', () => {
    const dice = new Dice(5)
    const frames = Array.from({ length: 40 }, (_, id) =>
      call(dice.below(9), 1, new Uint8Array(dice.below(60)), id),
    )
    const stream = frames.flatMap((frame) => [...frame])
    const reader = new FrameReader()
    const ids: number[] = []
    for (let at = 0; at < stream.length; ) {
      const size = 1 + dice.below(90)
      reader.push(Uint8Array.from(stream.slice(at, at + size)))
      at += size
      for (let frame = reader.next(); frame !== null; frame = reader.next())
        if (frame !== 'garbage') ids.push(frame.id)
    }
    expect(ids).toEqual(frames.map((_, id) => id))
  })

  it('restrictions survive the way there, and malformed ones are none', () => {
    const wanted = { readOnly: true, directory: 'a/b', port: 80, quota: 7, expiresIn: 9 }
    const encoded = encodeRestrictions(wanted)
    expect(decodeRestrictions(encoded)).toEqual(wanted)
    expect(decodeRestrictions(encodeRestrictions({}))).toEqual({})
    for (let size = 0; size < encoded.length; size++)
      expect(decodeRestrictions(encoded.subarray(0, size))).toBe(null)
    expect(decodeRestrictions(Uint8Array.of(32))).toBe(null)
    expect(decodeRestrictions(encodeRestrictions({ directory: 'a/../b' }))).toBe(null)
  })

  it("the link's operations have the numbers that are documented", () => {
    expect(Object.entries(LINK).map(([name, { op }]) => `${name} ${op}`)).toEqual([
      'ping 1',
      'accept 2',
      'drop 3',
      'attenuate 4',
      'delegate 5',
      'revoke 6',
    ])
  })
})
