/** The scheduler: run, step, advance, policies, recorded choices, the price of a call. */

import fc from 'fast-check'
import {
  type Kernel,
  O_CREAT,
  O_WRONLY,
  type Program,
  RLIMIT_CPU,
  type SchedulePolicy,
  SIGXCPU,
  type Sys,
  utf8Encode,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { type Body, boot, ok, readFile } from '../helpers/world.js'

/** Writes its name `times` times to /log, one call each. */
const writer = (name: string, times: number): Body =>
  function* (sys) {
    const fd = ok(yield* sys.open('/log', O_WRONLY | O_CREAT | 0o2000, 0o666))
    for (let i = 0; i < times; i++) yield* sys.write(fd, utf8Encode(name))
  }

function race(schedule: SchedulePolicy, seed = 1): Kernel {
  const k = boot({ schedule, seed })
  for (const name of ['a', 'b', 'c']) k.spawn({ comm: name, program: writer(name, 6) })
  return k
}

const logOf = (k: Kernel): string => readFile(k.spawn(), '/log')

describe('k.step', () => {
  it('is one system call of one program', () => {
    const k = boot()
    const p = k.spawn({ program: writer('x', 2) })
    expect([k.step(), k.step()]).toEqual([true, true])
    expect(logOf(k)).toBe('x')
    expect([k.step(), k.step(), k.step()]).toEqual([true, true, false])
    expect(p.state).toBe('dead')
  })

  it('jumps to the next timer when nobody can run, and says false when there is none', () => {
    const k = boot()
    const p = k.spawn()
    const call = p.begin.nanosleep(40)
    expect(k.step()).toBe(true)
    expect([k.now, call.blocked]).toEqual([40, false])
    expect(k.step()).toBe(false)
    expect(k.now).toBe(40)
  })
})

describe('k.run', () => {
  it('runs to rest and counts its steps', () => {
    const k = boot()
    k.spawn({ program: writer('x', 3) })
    expect(k.run()).toBe(5)
    expect(k.run()).toBe(0)
  })

  it('stops after maxSteps', () => {
    const k = boot()
    k.spawn({ program: writer('x', 9) })
    expect(k.run({ maxSteps: 4 })).toBe(4)
    expect(logOf(k)).toBe('xxx')
    expect(k.run({ maxSteps: 0 })).toBe(0)
  })

  it('stops rather than let time pass a moment', () => {
    const k = boot()
    const p = k.spawn({
      program: function* (sys) {
        for (;;) yield* sys.nanosleep(100)
      },
    })
    k.run({ until: 350 })
    expect([k.now, p.state]).toEqual([300, 'sleeping'])
    k.run({ until: 400 })
    expect(k.now).toBe(400)
  })

  it('gives up on programs that never rest', () => {
    const k = boot({ maxSteps: 1000 })
    k.spawn({
      journal: false,
      program: function* (sys) {
        for (;;) yield* sys.getpid()
      },
    })
    expect(() => k.run()).toThrow(
      new RangeError('run() did not come to rest in 1000 steps: pass { maxSteps } or { until }'),
    )
    expect(k.run({ maxSteps: 2000 })).toBe(2000)
    expect(() => boot({ maxSteps: 0 })).toThrow('createKernel: maxSteps must be an integer >= 1, not 0')
  })
})

describe('k.advance', () => {
  it('lets exactly that much time pass, with all timers on the way in order', () => {
    const k = boot()
    const log: string[] = []
    const sleeps = [30, 10, 20].map((ms) => ({ ms, call: k.spawn().begin.nanosleep(ms) }))
    for (let at = 5; at <= 35; at += 10) {
      k.advance(at - k.now)
      log.push(
        sleeps
          .filter(({ call }) => !call.blocked)
          .map(({ ms }) => ms)
          .join(' '),
      )
    }
    expect(log).toEqual(['', '10', '10 20', '30 10 20'])
    expect(k.now).toBe(35)
    expect(k.wallClock - Math.floor(k.wallClock)).toBeCloseTo(0.035)
  })

  it('runs whoever can, also when no time passes', () => {
    const k = boot()
    k.spawn({ program: writer('x', 2) })
    k.advance(0)
    expect([logOf(k), k.now]).toEqual(['xx', 0])
  })

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('refuses %s', (ms) => {
    expect(() => boot().advance(ms)).toThrow(RangeError)
  })
})

describe('the schedule', () => {
  it('is first come, first served unless told otherwise, and needs no recording', () => {
    const k = race('round-robin')
    k.run()
    expect(logOf(k)).toBe('abc'.repeat(6))
    expect(k.schedule).toEqual([])
  })

  it('can be random, by the seed', () => {
    const logs = [1, 1, 2, 3].map((seed) => {
      const k = race('random', seed)
      k.run()
      return logOf(k)
    })
    expect(logs[0]).toBe(logs[1])
    expect(new Set(logs).size).toBe(3)
    for (const log of logs)
      expect([...log].sort().join('')).toBe('a'.repeat(6) + 'b'.repeat(6) + 'c'.repeat(6))
  })

  it('by pct gives each program a priority and changes depth - 1 of them', () => {
    const runs = (log: string): number => (log.match(/(.)\1*/g) ?? []).length
    for (let seed = 1; seed <= 20; seed++) {
      const k = race({ kind: 'pct', depth: 3, steps: 30 }, seed)
      k.run()
      // Without changes there are three runs; each of the two changes adds two at most.
      expect(runs(logOf(k))).toBeLessThanOrEqual(3 + 2 * 2)
    }
    const k = race({ kind: 'pct', depth: 1, steps: 30 })
    k.run()
    expect(runs(logOf(k))).toBe(3)
  })

  it('replays from what was recorded, whatever the policy was', () => {
    const policy = fc.constantFrom<SchedulePolicy>('random', { kind: 'pct', depth: 4, steps: 20 })
    fc.assert(
      fc.property(policy, fc.nat(), (schedule, seed) => {
        const first = race(schedule, seed)
        first.run()
        const again = race(first.schedule, seed)
        again.run()
        expect(logOf(again)).toBe(logOf(first))
        expect(again.digest()).toBe(first.digest())
      }),
      { numRuns: 30 },
    )
  })

  it('goes on round-robin where a recording ends, and takes too large a choice for the last', () => {
    const k = race([2, 99, 0])
    k.run()
    expect(k.schedule.slice(0, 3)).toEqual([2, 2, 0])
    expect(logOf(k)).toHaveLength(18)
  })

  it('goes on the same way in a copy of the kernel, and from a restored state', () => {
    for (const schedule of ['random', { kind: 'pct', depth: 5, steps: 20 }] as const) {
      const k = race(schedule, 9)
      k.run({ maxSteps: 7 })
      const copy = k.fork()
      const snapshot = k.snapshot()
      k.run()
      copy.run()
      const [log, choices] = [logOf(copy), copy.schedule]
      expect(logOf(k)).toBe(log)
      expect(k.schedule).toEqual(choices)
      k.restore(snapshot)
      k.run()
      expect(logOf(k)).toBe(log)
      expect(k.schedule).toEqual(choices)
    }
  })

  it('that is told is not one that changes later', () => {
    const k = race('random')
    k.run({ maxSteps: 3 })
    const told = k.schedule
    const length = told.length
    k.run()
    expect(told).toHaveLength(length)
  })

  it.each([
    ['a word', 'fifo'],
    ['null', null],
    ['pct without a depth', { kind: 'pct', steps: 3 }],
    ['another kind', { kind: 'pctt', depth: 1, steps: 3 }],
  ])('cannot be %s', (_what, schedule) => {
    expect(() => boot({ schedule: schedule as never })).toThrow(
      /^createKernel: schedule must be 'round-robin', 'random', /,
    )
  })
})

describe('syscallTime', () => {
  it('is what a call costs its process, in virtual milliseconds, while the clock stands still', () => {
    const k = boot({ syscallTime: 20 })
    const p = k.spawn()
    for (let i = 0; i < 5; i++) p.sys.getpid()
    // The sixth call is charged before it looks.
    expect(ok(p.sys.times())).toMatchObject({ utime: 6, stime: 6, elapsed: 0 })
    expect(ok(p.sys.getrusage(0))).toMatchObject({ utime: 70_000, stime: 70_000 })
    expect(k.now).toBe(0)
  })

  it('is charged to programs alike, and reported to who waits for them', () => {
    const k = boot({ syscallTime: 10 })
    const parent = k.spawn()
    const pid = k.spawn({ parent, program: writer('x', 8) }).pid
    k.run()
    // Nine calls: open and eight writes.
    expect(ok(parent.sys.wait4(pid, 0)).rusage).toMatchObject({ utime: 45_000, stime: 45_000 })
    expect(ok(parent.sys.getrusage(-1))).toMatchObject({ utime: 45_000, stime: 45_000 })
  })

  it('runs into RLIMIT_CPU', () => {
    const k = boot({ syscallTime: 100 })
    const parent = k.spawn()
    ok(parent.sys.setrlimit(RLIMIT_CPU, { cur: 1, max: 3 }))
    function* busy(sys: Sys): Program {
      for (;;) yield* sys.getpid()
    }
    const p = k.spawn({ parent, program: busy })
    k.run()
    expect(p.killedBy).toBe(SIGXCPU)
  })

  it('costs nothing unless asked for, and cannot be negative', () => {
    const p = boot().spawn()
    for (let i = 0; i < 100; i++) p.sys.getpid()
    expect(ok(p.sys.times())).toMatchObject({ utime: 0, stime: 0 })
    expect(() => boot({ syscallTime: -1 })).toThrow(
      'createKernel: syscallTime must be a number of milliseconds >= 0, not -1',
    )
  })
})
