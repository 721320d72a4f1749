/**
 * Hostile arguments: every system call with anything at all, by root and by users, on every profile. No call throws,
 * every answer is a value or an error number that has a name, and the books balance after it.
 *
 * Random numbers are the library's own, so that a failure repeats: the message says which seed.
 */
import {
  EBADF,
  EFAULT,
  EINVAL,
  ENOSYS,
  errnoName,
  isErr,
  type Kernel,
  O_CREAT,
  O_RDWR,
  PROFILES,
  type Process,
  type Profile,
  type Program,
  Random,
  S_IFIFO,
  SIGKILL,
  type Sys,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { boot, checkInvariants, checkState, coreOf, forkOf, ok, pipeOf, writeFile } from '../helpers/world.js'

type Calls = Record<string, (...args: unknown[]) => { blocked: boolean; result: unknown; died: boolean }>

const pick = <T>(random: Random, list: readonly T[]): T => list[random.below(list.length)] as T

const NUMBERS = [
  0,
  1,
  2,
  3,
  4,
  5,
  8,
  9,
  10,
  17,
  19,
  63,
  64,
  65,
  100,
  255,
  1023,
  1024,
  4096,
  65_536,
  0o644,
  0o4755,
  0o100644,
  -0,
  -1,
  -2,
  -100,
  -32_768,
  0.5,
  -1.5,
  1e-9,
  1e21,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  2 ** 32 - 1,
  2 ** 32,
  2 ** 40,
  Number.MAX_SAFE_INTEGER,
  -Number.MAX_SAFE_INTEGER,
  2 ** 53,
  1e308,
  Number.NaN,
  Infinity,
  -Infinity,
] as const

const STRINGS = [
  '',
  '/',
  '.',
  '..',
  '/tmp',
  '/tmp/',
  'file',
  '/tmp/file',
  '/tmp/file/',
  '/tmp/fifo',
  '/tmp/link',
  '/tmp/loop',
  '/tmp/dir',
  '/tmp/dir/../../tmp/./file',
  '/none',
  '/none/more',
  '//',
  '/dev/null',
  '/dev/zero',
  '/dev/full',
  '/dev/random',
  '/proc/self',
  '/proc/self/fd/0',
  '/proc/1/status',
  '/proc/mounts',
  '/proc/sys/kernel/hostname',
  '/bin/prog',
  'ramfs',
  'proc',
  'devfs',
  'size=4k',
  'size=x',
  'a'.repeat(255),
  'a'.repeat(256),
  'a/'.repeat(2000),
  '/'.repeat(4095),
  '/'.repeat(4096),
  'x'.repeat(70_000),
  '\0',
  'a\0b',
  '\n',
  'é'.repeat(127),
  'é'.repeat(128),
  '\ud800',
  '🐧',
  '__proto__',
  'constructor',
] as const

const SIZES = [0, 1, 3, 4, 10, 255, 256, 4096, 4097, 70_000] as const

const nothing = (): void => {}

/** Things that are neither numbers nor strings; fresh ones each time. */
const THINGS: readonly ((random: Random) => unknown)[] = [
  () => undefined,
  () => null,
  () => true,
  () => 10n,
  () => Symbol('argument'),
  () => nothing,
  () => function* program(): Generator<never, void> {},
  () => ({}),
  () => Object.create(null),
  () => Object.freeze({ value: 1 }),
  () => ({ value: 1 }),
  () => ({ value: Number.NaN, interval: -1 }),
  () => ({ cur: 5, max: 10 }),
  () => ({ cur: 'x', max: null }),
  () => ({ actime: 1, modtime: 2 ** 40 }),
  () => ({ actime: {}, modtime: undefined }),
  () => ({ sec: 1, usec: 2 }),
  () => ({ handler: nothing, flags: -1, mask: [1, 64, 65, -1] }),
  () => ({ handler: 7, flags: 0, mask: [] }),
  () => ({ handler: -1, flags: Number.NaN, mask: [Number.NaN] }),
  () => ({ handler: 'x', flags: 0, mask: 'all' }),
  () => ({ type: 1, whence: 0, start: 0, len: 0, pid: 0 }),
  () => ({ type: 0, whence: 2, start: -5, len: 2 ** 53, pid: -1 }),
  () => ({ type: 9, whence: 9, start: Number.NaN, len: '', pid: {} }),
  () => ({ version: 0x19980330, pid: 0, effective: 1, permitted: 2, inheritable: 4 }),
  () => ({ priority: 0 }),
  () => ({ A: '1', B: 'two' }),
  () => ({ A: 1 }),
  () => [],
  () => [1, 2, 3],
  () => [Number.NaN, -1, 2 ** 40],
  () => ['a', 'b'],
  () => ['prog', 5],
  () => new Array(5),
  () => [[]],
  () => Array.from({ length: 2000 }, (_, i) => i),
  () => [{ fd: 0, events: 1, revents: 0 }],
  () => [
    { fd: 0, events: 5, revents: 0 },
    { fd: -1, events: 0 },
    { fd: 99, events: 1 },
  ],
  () => [Object.freeze({ fd: 1, events: 4, revents: 0 })],
  () => [{ fd: 'x', events: 1 }, null],
  () => [new Uint8Array(3), new Uint8Array(0)],
  () => [new Uint8Array(3), 'x'],
  () => new Uint16Array(4),
  () => new ArrayBuffer(8),
  () => new Uint8Array(8).subarray(3, 5),
  (random) => new Uint8Array(pick(random, SIZES)).fill(random.below(256)),
]

function anything(random: Random): unknown {
  switch (random.below(3)) {
    case 0:
      return pick(random, NUMBERS)
    case 1:
      return pick(random, STRINGS)
    default:
      return pick(random, THINGS)(random)
  }
}

/** Arguments that a call can make something of, more often than not. */
function plausible(random: Random): unknown {
  switch (random.below(4)) {
    case 0:
      return random.below(12)
    case 1:
      return pick(random, STRINGS.slice(0, 24))
    case 2:
      return new Uint8Array(random.below(300))
    default:
      return anything(random)
  }
}

interface Scene {
  readonly k: Kernel
  readonly actors: Process[]
}

function sceneOf(profile: Profile, seed: number): Scene {
  const k = boot({ profile, seed, pidMax: 1000 })
  const root = k.spawn({ uid: 0, comm: 'root' })
  writeFile(root, '/tmp/file', 'some text', 0o666)
  ok(root.sys.mknod('/tmp/fifo', S_IFIFO | 0o666, 0))
  ok(root.sys.mkdir('/tmp/dir', 0o777))
  ok(root.sys.symlink('file', '/tmp/link'))
  ok(root.sys.symlink('loop', '/tmp/loop'))
  k.install('/bin/prog', function* prog(sys) {
    yield* sys.getpid()
  })
  pipeOf(root)
  for (const path of ['/tmp/file', '/tmp/fifo', '/dev/null']) ok(root.sys.open(path, O_RDWR | O_CREAT, 0o666))
  ok(root.sys.open('/tmp', 0))
  const user = k.spawn({ parent: root, uid: 1000, groups: [5], comm: 'user', cwd: '/tmp' })
  const other = k.spawn({ uid: 1001, comm: 'other' })
  return { k, actors: [root, forkOf(k, root), user, forkOf(k, user), other] }
}

/** All names on the surface of a process. */
const NAMES: readonly string[] = [
  ...new Set(PROFILES.flatMap((profile) => [...coreOf(boot({ profile })).syscalls.keys()])),
].sort()

const describeArgs = (args: readonly unknown[]): string =>
  args
    .map((arg) => {
      if (typeof arg === 'string') return JSON.stringify(arg.length > 40 ? `${arg.slice(0, 40)}…` : arg)
      if (arg instanceof Uint8Array) return `${arg.length} bytes`
      if (typeof arg === 'object' && arg !== null) return JSON.stringify(arg)
      return String(arg)
    })
    .join(', ')

/** A process that can make a call; one that sleeps or is stopped is killed and replaced. */
function actorOf({ k, actors }: Scene, random: Random): Process {
  const index = random.below(actors.length)
  const actor = actors[index]
  if (actor?.state === 'idle') return actor
  const killer = k.spawn({ uid: 0, comm: 'killer' })
  if (actor !== undefined && actor.state !== 'dead' && actor.state !== 'zombie')
    killer.sys.kill(actor.pid, SIGKILL)
  killer.sys.exit(0)
  // Programs that exec or clone have started.
  k.run({ maxSteps: 20 })
  const fresh = k.spawn({ uid: random.below(3) === 0 ? 0 : 1000 + random.below(2), comm: 'fresh', cwd: '/' })
  actors[index] = fresh
  return fresh
}

/** Makes a random call and says what is wrong with the answer, if anything is. */
function attack(scene: Scene, random: Random, args: readonly unknown[], name: string): string | undefined {
  const actor = actorOf(scene, random)
  const call = `${name}(${describeArgs(args)}) of uid ${actor.current().cred.uid}`
  let begun: ReturnType<NonNullable<Calls[string]>>
  try {
    const surface = actor.begin as unknown as Calls
    begun = (surface[name] as NonNullable<Calls[string]>)(...args)
  } catch (error) {
    return `${call} threw ${String(error)}\n${(error as Error).stack}`
  }
  const { blocked, died, result } = begun
  if (blocked || died) return undefined
  if (result === undefined) return `${call} returned nothing`
  // stime may have put the clock to before 1970.
  if (name === 'time') return undefined
  if (
    typeof result === 'number' &&
    result < 0 &&
    (!isErr(result) || result < -511 || !errnoName(result).startsWith('E'))
  )
    return `${call} returned ${result}`
  return Number.isNaN(result) ? `${call} returned NaN` : undefined
}

function siege(profile: Profile, seed: number, calls: number, argument: (random: Random) => unknown): void {
  const random = new Random(seed)
  const scene = sceneOf(profile, seed)
  const history: string[] = []
  for (let i = 0; i < calls; i++) {
    const name = pick(random, NAMES)
    const args = Array.from({ length: random.below(7) }, () => argument(random))
    history.push(`${name}(${describeArgs(args)})`)
    const problem = attack(scene, random, args, name)
    if (problem !== undefined) throw new Error(`${profile}, seed ${seed}, call ${i}: ${problem}`)
    if (i % 20 !== 19) continue
    try {
      checkInvariants(scene.k)
    } catch (error) {
      throw new Error(
        `${profile}, seed ${seed}, after call ${i}:\n${history.slice(-20).join('\n')}\n${String(error)}`,
      )
    }
  }
  // What a sleeping call was given is state, functions in it cannot be: let all calls end.
  scene.k.spawn({ uid: 0, comm: 'killer' }).sys.kill(-1, SIGKILL)
  scene.k.run({ maxSteps: 1000 })
  checkInvariants(scene.k)
  checkState(scene.k)
}

const ROUNDS = 20 * Number(process.env['RUNS'] ?? 1)

describe.each(PROFILES)('every system call, Linux %s', (profile) => {
  it('answers arguments of any kind with a value or an error number', { timeout: 600_000 }, () => {
    for (let seed = 1; seed <= ROUNDS; seed++) siege(profile, seed, 170, anything)
  })

  it('answers arguments that it can do something with', { timeout: 600_000 }, () => {
    for (let seed = 1; seed <= ROUNDS; seed++) siege(profile, 10_000 + seed, 170, plausible)
  })

  it('has changed nothing when it refuses its arguments', { timeout: 600_000 }, () => {
    const random = new Random(7)
    const { k, actors } = sceneOf(profile, 7)
    const before = k.digest()
    const snapshot = k.snapshot()
    let refused = 0
    for (const name of NAMES) {
      for (let tries = 0; tries < 8; tries++) {
        const args = Array.from({ length: 1 + random.below(5) }, () => anything(random))
        const actor = actors[random.below(actors.length)]
        const surface = actor?.begin as unknown as Calls
        const { blocked, died, result } = (surface[name] as NonNullable<Calls[string]>)(...args)
        // A walk that fails may have read links, a call that fails may have looked at directories: no more than times.
        const isRefusal = result === EFAULT || result === EBADF || result === ENOSYS || result === EINVAL
        if (!blocked && !died && isRefusal) {
          refused++
          expect(k.digest(), `${name}(${describeArgs(args)}) = ${errnoName(Number(result))}`).toBe(before)
        } else k.restore(snapshot)
      }
    }
    expect(refused).toBeGreaterThan(NAMES.length * 3)
  })

  it('is there by every name that any profile knows', () => {
    const p = boot({ profile }).spawn()
    for (const name of NAMES) expect(name in p.sys, name).toBe(true)
  })
})

describe('a buffer whose memory has been transferred', () => {
  /** It has no length, and the engine refuses to slice or fill it. */
  function gone(): Uint8Array {
    const buffer = new Uint8Array(8)
    structuredClone(buffer.buffer, { transfer: [buffer.buffer] })
    return buffer
  }

  it.each(PROFILES)('counts as an empty one, Linux %s', (profile) => {
    const k = boot({ profile })
    const p = k.spawn()
    const { r, w } = pipeOf(p)
    ok(p.sys.write(w, Uint8Array.of(1, 2)))
    expect(p.sys.write(w, gone())).toBe(0)
    expect(p.sys.read(r, gone())).toBe(0)
    const fd = ok(p.sys.open('/proc/uptime', 0))
    expect([p.sys.read(fd, gone()), p.sys.syslog(3, gone(), 5)]).toEqual([0, 0])
    const part = new Uint8Array(1)
    expect(p.sys.writev(w, [gone(), Uint8Array.of(3), gone()])).toBe(1)
    expect(p.sys.readv(r, [gone(), part, gone(), new Uint8Array(2)])).toBe(3)
    expect(part[0]).toBe(1)
    const call = p.begin.readv(r, [gone(), part])
    expect(call.blocked).toBe(true)
    const sleeping = Uint8Array.of(0)
    const sleeper = k.spawn({ parent: p }).begin.read(r, sleeping)
    structuredClone(sleeping.buffer, { transfer: [sleeping.buffer] })
    const copy = k.fork()
    expect(copy.digest()).toBe(k.digest())
    ok(k.spawn({ parent: p }).sys.write(w, Uint8Array.of(1, 2)))
    expect([call.result, sleeper.result]).toEqual([1, 0])
    for (const one of [k, copy]) expect(one.spawn().sys.getpid()).toBeGreaterThan(p.pid)
    checkInvariants(copy)
    checkInvariants(k)
  })

  it('is passed again when a program is repeated in a copy', () => {
    const k = boot()
    const program = function* (sys: Sys): Program {
      const fds = yield* sys.pipe()
      if (isErr(fds)) return 1
      yield* sys.write(fds[1], gone())
      yield* sys.fcntl(fds[0], 6, { type: 0, buf: gone() } as never)
      yield* sys.ioctl(fds[0], 1, gone() as never)
      yield* sys.nanosleep(50)
      return 7
    }
    const { pid } = k.spawn({ parent: k.spawn(), program })
    k.run({ until: 10 })
    expect(k.process(pid)?.state).toBe('sleeping')
    const copy = k.fork()
    for (const one of [copy, k]) {
      one.run()
      expect(one.process(pid)?.exitCode).toBe(7)
      checkInvariants(one)
    }
    expect(copy.digest()).toBe(k.digest())
  })
})
