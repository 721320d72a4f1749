/** Lessons on time: a run that repeats, a kernel that forks, and a race looked at from both sides. */
import {
  createKernel,
  type Kernel,
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  type Program,
  type Sys,
  utf8Decode,
  utf8Encode,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'

const COUNTER = '/tmp/counter'

/** Adds one to a number in a file: reads it, thinks, writes it. Somebody may come in between. */
function* increment(sys: Sys): Program {
  const fd = yield* sys.open(COUNTER, O_RDWR)
  const buf = new Uint8Array(8)
  const count = yield* sys.pread(fd, buf, 0)
  const value = Number(utf8Decode(buf, 0, count)) + 1
  yield* sys.pwrite(fd, utf8Encode(String(value)), 0)
}

/** Two programs that count on the same file. */
function twoCounters(seed: number): Kernel {
  const k = createKernel({ schedule: 'random', seed })
  const setup = k.spawn()
  const fd = setup.libc.open(COUNTER, O_CREAT | O_RDWR | O_TRUNC, 0o666)
  setup.libc.write(fd, utf8Encode('0'))
  setup.libc.exit(0)
  for (const comm of ['one', 'two']) k.spawn({ comm, program: increment })
  return k
}

function counterOf(k: Kernel): string {
  const reader = k.spawn()
  const buf = new Uint8Array(8)
  const count = reader.libc.read(reader.libc.open(COUNTER, O_RDONLY), buf)
  reader.libc.exit(0)
  return utf8Decode(buf, 0, count)
}

describe('The same run, again', () => {
  it('the same seed gives the same end, bit for bit', () => {
    const [first, second] = [twoCounters(7), twoCounters(7)]
    first.run()
    second.run()
    expect(second.digest()).toBe(first.digest())
  })

  it('another seed may lose an update', () => {
    const results = new Set<string>()
    for (let seed = 0; seed < 30; seed++) {
      const k = twoCounters(seed)
      k.run()
      results.add(counterOf(k))
    }
    expect([...results].sort()).toEqual(['1', '2'])
  })

  it('and a recorded schedule plays the unlucky run as often as wanted', () => {
    let seed = 0
    let unlucky = twoCounters(seed)
    for (unlucky.run(); counterOf(unlucky) !== '1'; unlucky.run()) unlucky = twoCounters(++seed)

    for (let times = 0; times < 3; times++) {
      const k = createKernel({ schedule: unlucky.schedule, seed })
      const setup = k.spawn()
      const fd = setup.libc.open(COUNTER, O_CREAT | O_RDWR | O_TRUNC, 0o666)
      setup.libc.write(fd, utf8Encode('0'))
      setup.libc.exit(0)
      for (const comm of ['one', 'two']) k.spawn({ comm, program: increment })
      k.run()
      expect(counterOf(k)).toBe('1')
    }
  })
})

describe('Time travel: fork the kernel before the race', () => {
  it('and let each side win once', () => {
    const k = createKernel()
    const alice = k.spawn({ uid: 1000, comm: 'alice' })
    const bob = k.spawn({ uid: 1001, comm: 'bob' })

    // Whoever makes the file first has it. The moment before, the world is copied.
    const take = (kernel: Kernel, who: typeof alice): unknown =>
      kernel.process(who.pid)?.sys.open('/tmp/lock', O_CREAT | O_EXCL | O_RDWR, 0o600)
    const other = k.fork()

    expect([take(k, alice), take(k, bob)]).toEqual([0, -17])
    expect([take(other, bob), take(other, alice)]).toEqual([0, -17])

    // Neither world has heard of the other.
    expect(k.process(alice.pid)?.libc.stat('/tmp/lock').uid).toBe(1000)
    expect(other.process(alice.pid)?.libc.stat('/tmp/lock').uid).toBe(1001)
  })

  it('or go back and try again, with the same processes in hand', () => {
    const k = createKernel()
    const alice = k.spawn({ uid: 1000, comm: 'alice' })
    const before = k.snapshot()

    alice.libc.mkdir('/tmp/regret', 0o755)
    const child = alice.libc.fork()
    expect(k.process(child)?.state).toBe('idle')

    k.restore(before)
    expect(alice.sys.stat('/tmp/regret')).toBe(-2)
    expect(k.process(child)).toBeUndefined()
    expect(alice.libc.mkdir('/tmp/regret', 0o755)).toBe(0)
  })

  it('even with programs in the middle of something', () => {
    const k = createKernel()
    const feeder = k.spawn()
    const [r, w] = feeder.libc.pipe()
    const p = k.spawn({
      parent: feeder,
      program: function* sum(sys) {
        let total = 0
        const buf = new Uint8Array(1)
        while ((yield* sys.read(r, buf)) === 1 && buf[0] !== 0) total += buf[0] ?? 0
        return total
      },
    })
    feeder.libc.write(w, Uint8Array.of(1, 2, 3))
    k.run()

    // The program has read 1, 2, 3 and sleeps. From here on there are two worlds.
    const other = k.fork()
    feeder.libc.write(w, Uint8Array.of(4, 0))
    other.process(feeder.pid)?.libc.write(w, Uint8Array.of(40, 0))
    k.run()
    other.run()
    expect([k.process(p.pid)?.exitCode, other.process(p.pid)?.exitCode]).toEqual([10, 46])
  })
})
