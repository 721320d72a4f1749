/**
 * The promises of the broker, by search: every schedule of owner, children and others up to a number of choices, and
 * every sequence of frames up to a length, out of an alphabet that names all that a child could wish for.
 *
 * SEARCH=deep tries three frames in a row and eight choices of the scheduler.
 */
import {
  explore,
  isErr,
  O_APPEND,
  O_DIRECTORY,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  type Sys,
  utf8Encode,
} from 'paleokernel'
import {
  Broker,
  type Capability,
  encodeRestrictions,
  LINK,
  OPEN_CREATE,
  OPEN_WRITE,
  REVOKED,
  STREAM,
  type Steps,
} from 'paleokernel/seccomp'
import { describe, expect, it } from 'vitest'
import { bytes, handle, ok, readFile, writeFile } from '../helpers/world.js'
import { CALLS, call, REPLIES, startChild } from './children.js'
import { type World, world } from './world.js'

const isDeep = process.env['SEARCH'] === 'deep'
const [FRAMES, CHOICES] = isDeep ? [3, 8] : [2, 4]
const timeout = isDeep ? 300_000 : 30_000

const PATHS = { gate: '/tmp/gate', log: '/tmp/log', revoked: '/tmp/revoked', served: '/tmp/served' }
/** What children of an owner have, besides their two pipes. */
const GATE = 40
const LOG = 41

/** A kernel with an empty log and a FIFO. */
function scene(): World {
  const k = world()
  const root = k.spawn()
  writeFile(root, PATHS.log)
  ok(root.sys.mknod(PATHS.gate, 0o010666, 0))
  return k
}

/** Opens gate and log, at the numbers that children know. */
function* openGateAndLog(sys: Sys): Steps<void> {
  yield* sys.dup2(ok(yield* sys.open(PATHS.gate, O_RDWR)), GATE)
  yield* sys.dup2(ok(yield* sys.open(PATHS.log, O_WRONLY | O_APPEND)), LOG)
}

/** Waits until the test begins. */
function* begin(sys: Pick<Sys, 'read'>): Steps<void> {
  yield* sys.read(GATE, new Uint8Array(1))
}

/** Runs until everybody waits at the gate, and lets them through. */
function start(k: World): World {
  k.run()
  const root = k.spawn()
  ok(root.sys.write(ok(root.sys.open(PATHS.gate, O_RDWR)), new Uint8Array(16)))
  return k
}

const FED_LATE = 0x59

/** Reads a stream until it is revoked, and complains of what was fed after the revocation. */
function* drain(sys: Pick<Sys, 'write'>, stream: Capability<typeof STREAM>): Steps<number> {
  for (;;) {
    const got = yield* stream.call('read', 4)
    if (isErr(got)) return got === REVOKED ? 0 : 1
    if (got.includes(FED_LATE)) yield* sys.write(LOG, got)
  }
}

/**
 * An owner who grants a stream to a child, which delegates a part of it to another; both read. The feeder writes 'Y'
 * once it has seen that the owner has revoked the stream, 'x' before.
 */
function revocation(Kind: typeof Broker): World {
  const k = scene()
  k.spawn({
    program: function* (sys: Sys) {
      yield* openGateAndLog(sys)
      const [r, w] = ok(yield* sys.pipe())
      const broker = new Kind(sys)
      const offer = yield* broker.offerStream(r)
      const second = yield* startChild(sys, broker, function* (link, own) {
        const handle = yield* link.self.call('accept')
        yield* begin(own)
        return yield* drain(own, link.capability(STREAM, handle))
      })
      const first = yield* startChild(sys, broker, function* (link, own) {
        yield* link.self.call('delegate', 1, 2, {})
        yield* begin(own)
        return yield* drain(own, link.capability(STREAM, 1))
      })
      broker.grant(first, offer)
      broker.grant(first, broker.offerPeer(second))
      if (ok(yield* sys.fork()) === 0) {
        yield* begin(sys)
        for (let n = 0; n < 3; n++) {
          const isOver = !isErr(yield* sys.access(PATHS.revoked, 0))
          yield* sys.write(w, bytes(isOver ? 'Y' : 'x'))
        }
        yield* sys.exit(0)
      }
      while (first.meter.calls + second.meter.calls < 2) yield* broker.turn(-1)
      yield* broker.turn(0)
      yield* begin(sys)
      yield* broker.turn(0)
      broker.revoke(offer)
      yield* sys.creat(PATHS.revoked, 0o600)
      for (let n = 0; n < 12; n++) yield* broker.turn(0)
      for (const client of [first, second]) yield* broker.dismiss(client, 'the end')
    },
  })
  return start(k)
}

/** A broker that forgets what has been revoked. */
class Forgetful extends Broker {
  override revoke(): void {}
}

const isQuiet = (k: World): boolean => {
  const log = k.process(1)?.sys.stat(PATHS.log)
  return log !== undefined && !isErr(log) && log.size === 0
}

describe('every schedule', () => {
  it('nothing that comes after a revocation gets through, not to a call under way either', {
    timeout,
  }, () => {
    const result = explore(revocation(Broker), { depth: CHOICES, property: isQuiet })
    expect(result).toMatchObject({ holds: true, complete: true })
    expect(result.runs).toBeGreaterThan(20)
  })

  it('the search can fail: it finds where a broker forgets', () => {
    expect(explore(revocation(Forgetful), { depth: 5, property: isQuiet }).holds).toBe(false)
  })
})

/**
 * A hostile child beside an honest one, which leaves a letter in the log when it has been served five
 * times; the broker leaves another one at its end.
 */
function besideHostile(hostile: (sys: Pick<Sys, 'read' | 'write'>) => Steps<void>): {
  k: World
  broker: number
} {
  const k = scene()
  const { pid } = k.spawn({
    program: function* (sys: Sys) {
      yield* openGateAndLog(sys)
      const broker = new Broker(sys, { frameTimeout: 5, repliesQueued: 2 })
      yield* startChild(sys, broker, function* (_link, own) {
        yield* begin(own)
        yield* hostile(own)
        yield* own.read(REPLIES, new Uint8Array(1))
        return 0
      })
      const honest = yield* startChild(sys, broker, function* (link, own) {
        yield* begin(own)
        for (let n = 0; n < 5; n++) if (isErr(yield* link.self.call('ping', bytes('x')))) return 1
        yield* own.write(LOG, bytes('H'))
        return 0
      })
      while (honest.end === null) yield* broker.turn(-1)
      yield* sys.write(LOG, bytes('B'))
    },
  })
  return { k: start(k), broker: pid }
}

describe('every schedule, beside a child', () => {
  const half = call(0, LINK.ping.op, bytes('ping')).subarray(0, 9)
  const many = new Uint8Array(40 * 17)
  for (let n = 0; n < 40; n++) many.set(call(0, LINK.ping.op, bytes('f'), n), n * 17)

  it.each<[string, readonly Uint8Array[]]>([
    ['that sends half a frame', [half]],
    ['that sends garbage', [bytes('GET / HTTP/1.0')]],
    ['that closes in mid-frame', [call(0, LINK.ping.op), half]],
    ['that floods and never listens', [many, many, many]],
  ])('%s: the others are served, and the broker goes on', { timeout }, (_name, frames) => {
    const { k, broker } = besideHostile(function* (sys) {
      for (const frame of frames) yield* sys.write(CALLS, frame)
    })
    let ended = 0
    const result = explore(k, {
      depth: CHOICES,
      property: (state) => {
        const log = state.process(1)?.sys.stat(PATHS.log)
        if (state.process(broker) !== undefined) return true
        ended++
        return log !== undefined && !isErr(log) && log.size === 2
      },
    })
    expect(result).toMatchObject({ holds: true, complete: true })
    expect(ended).toBeGreaterThanOrEqual(result.runs)
  })
})

// ---- every sequence of frames --------------------------------------------------------------------------------

const SECRET = 'TOP'
const word = (...numbers: readonly number[]): number[] => numbers.flatMap((n) => [n, 0, 0, 0])
const payload = (numbers: readonly number[], rest: Uint8Array | string = ''): Uint8Array =>
  Uint8Array.from([...word(...numbers), ...(typeof rest === 'string' ? utf8Encode(rest) : rest)])

/** What the child tries: handle 1 is a directory and 2 a file, both to be read only; what it makes is 3 and more. */
const ALPHABET: readonly Uint8Array[] = [
  call(0, LINK.attenuate.op, payload([1], encodeRestrictions({ directory: 'sub' }))),
  call(0, LINK.attenuate.op, payload([1], Uint8Array.of(2, 2, 0, 0x2e, 0x2e))),
  call(0, LINK.delegate.op, payload([1, 2], encodeRestrictions({}))),
  call(0, LINK.drop.op, payload([1])),
  call(0, LINK.revoke.op, payload([3])),
  call(1, 1, payload([0], 'one')),
  call(1, 1, payload([0], '../secret')),
  call(1, 1, payload([0], 'link')),
  call(1, 1, payload([0], 'up/secret')),
  call(1, 1, payload([OPEN_WRITE | OPEN_CREATE], 'new')),
  call(3, 1, payload([0], '../secret')),
  call(3, 1, payload([0, 9])),
  call(3, 2, payload([0], 'x')),
  call(2, 2, payload([0], 'x')),
  call(4, 1, payload([0, 9])),
]

/** A broker whose child sends the frames whose numbers it is given on the tape, and logs every answer. */
function scripted(): World {
  const k = scene()
  const root = k.spawn()
  for (const dir of ['/tmp/d', '/tmp/d/sub']) ok(root.sys.mkdir(dir, 0o755))
  writeFile(root, '/tmp/secret', SECRET)
  writeFile(root, '/tmp/data', 'data')
  writeFile(root, '/tmp/d/one', '1')
  ok(root.sys.symlink('../secret', '/tmp/d/link'))
  ok(root.sys.symlink('/tmp', '/tmp/d/up'))
  k.spawn({
    program: function* (sys: Sys) {
      yield* openGateAndLog(sys)
      const broker = new Broker(sys)
      const client = yield* startChild(sys, broker, function* (_link, own) {
        const symbol = new Uint8Array(1)
        const answer = new Uint8Array(4096)
        for (;;) {
          yield* own.read(GATE, symbol)
          yield* own.write(CALLS, ALPHABET[symbol[0] ?? 0] ?? symbol)
          const count = yield* own.read(REPLIES, answer)
          if (count <= 0) return 1
          yield* own.write(LOG, answer.subarray(0, count))
        }
      })
      const dir = ok(yield* sys.open('/tmp/d', O_RDONLY | O_DIRECTORY))
      broker.grant(client, broker.offer({ kind: 'directory', fd: dir }), { readOnly: true })
      broker.grant(client, broker.offer({ kind: 'file', fd: ok(yield* sys.open('/tmp/data', O_RDONLY)) }))
      yield* broker.serve()
    },
  })
  k.run()
  return k
}

/** What is left of the promises after the child has been told to send one more frame. */
function broken(k: World, symbol: number): string | null {
  const root = handle(k, 1)
  const gate = ok(root.sys.open(PATHS.gate, O_RDWR))
  ok(root.sys.write(gate, Uint8Array.of(symbol)))
  ok(root.sys.close(gate))
  const before = readFile(root, PATHS.log).length
  k.run()
  const log = readFile(root, PATHS.log)
  if (log.length <= before) return 'the child is not answered'
  if (log.includes(SECRET)) return 'the secret is out'
  const kept = ['/tmp/secret', '/tmp/data', '/tmp/d/one'].map((path) => readFile(root, path)).join()
  if (kept !== `${SECRET},data,1`) return 'a file has changed'
  return isErr(root.sys.access('/tmp/d/new', 0)) ? null : 'a file has been made'
}

describe('every sequence of frames', () => {
  /** Goes on from a kernel with every symbol, `depth` deep; the sequences that were tried. */
  function search(k: World, depth: number, path: readonly number[]): number {
    let count = 0
    for (const symbol of ALPHABET.keys()) {
      const next = k.fork()
      expect(broken(next, symbol), [...path, symbol].join()).toBe(null)
      count += 1 + (depth > 1 ? search(next, depth - 1, [...path, symbol]) : 0)
    }
    return count
  }

  it('gets nothing that was not granted, and always an answer', { timeout }, () => {
    const n = ALPHABET.length
    expect(search(scripted(), FRAMES, [])).toBe(isDeep ? n + n ** 2 + n ** 3 : n + n ** 2)
  })
})
