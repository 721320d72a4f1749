/** Direct calls: waiting by letting others run, calls that are only begun, refusals, handlers of driven processes. */
import {
  type BegunCall,
  EINTR,
  type Kernel,
  O_RDONLY,
  type Process,
  plain,
  SA_RESTART,
  SIG_BLOCK,
  SIG_SETMASK,
  SIGALRM,
  SIGCONT,
  SIGKILL,
  SIGSTOP,
  SIGTSTP,
  SIGUSR1,
  SIGUSR2,
  SyscallError,
  utf8Encode,
  WouldBlock,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { boot, checkInvariants, forkOf, ok, pipeOf } from '../helpers/world.js'

/** What `attempt` throws. */
function thrown(attempt: () => unknown): unknown {
  try {
    attempt()
  } catch (error) {
    return error
  }
  return undefined
}

describe('a handler and a stop that come together', () => {
  /** A process for which both are pending, blocked. */
  function stopped(flags: number) {
    const k = boot()
    const parent = k.spawn()
    const p = k.spawn({ parent })
    const caught: number[] = []
    // A group of its own, which its parent keeps from being orphaned.
    ok(p.sys.setpgid(0, 0))
    ok(p.sys.sigaction(SIGUSR1, { handler: (sig) => void caught.push(sig), flags, mask: [] }))
    ok(p.sys.sigprocmask(SIG_BLOCK, [SIGUSR1, SIGTSTP]))
    ok(p.sys.kill(p.pid, SIGUSR1))
    ok(p.sys.kill(p.pid, SIGTSTP))
    return { k, parent, p, caught }
  }

  it('leave the call under way until the process goes on; then the handler runs, and it returns', () => {
    const { k, parent, p, caught } = stopped(0)
    const call = p.begin.sigsuspend([])
    expect([p.state, call.blocked, caught]).toEqual(['stopped', true, []])
    ok(parent.sys.kill(p.pid, SIGCONT))
    expect([p.state, call.blocked, call.result, caught]).toEqual(['idle', false, EINTR, [SIGUSR1]])
    checkInvariants(k)
  })

  it('are the same in a copy', () => {
    const { k, parent, p, caught } = stopped(SA_RESTART)
    p.begin.sigprocmask(SIG_SETMASK, [])
    expect([p.state, caught]).toEqual(['stopped', []])
    const copy = k.fork()
    ok(parent.sys.kill(p.pid, SIGCONT))
    expect([p.state, caught]).toEqual(['idle', [SIGUSR1]])
    ok(copy.process(parent.pid)?.sys.kill(p.pid, SIGCONT))
    expect([copy.process(p.pid)?.state, caught]).toEqual(['idle', [SIGUSR1, SIGUSR1]])
    expect(copy.digest()).toBe(k.digest())
    checkInvariants(k)
  })
})

describe('a direct call that has to wait', () => {
  it('lets programs run until it can return', () => {
    const k = boot()
    const p = k.spawn()
    const { r, w } = pipeOf(p)
    k.spawn({
      parent: p,
      program: function* (sys) {
        for (let i = 0; i < 5; i++) yield* sys.sched_yield()
        yield* sys.write(w, utf8Encode('late'))
      },
    })
    expect(p.sys.read(r, new Uint8Array(8))).toBe(4)
  })

  it('lets time pass until the next timer when nobody can run', () => {
    const k = boot()
    const p = k.spawn()
    expect(p.sys.nanosleep(250)).toBe(0)
    expect(k.now).toBe(250)
    const { r } = pipeOf(p)
    expect(p.sys.poll([{ fd: r, events: 1, revents: 0 }], 100)).toBe(0)
    expect(k.now).toBe(350)
  })

  it('waits for a child that is a program', () => {
    const k = boot()
    const p = k.spawn()
    k.spawn({
      parent: p,
      program: function* (sys) {
        yield* sys.nanosleep(5)
        return 3
      },
    })
    expect(ok(p.sys.wait4(-1, 0)).status).toBe(0x300)
  })

  it('throws WouldBlock, which names who waits for what, when nobody ever can', () => {
    const k = boot()
    const alice = k.spawn({ comm: 'alice' })
    const { r, w } = pipeOf(alice)
    const bob = forkOf(k, alice)
    k.spawn({
      comm: 'daemon',
      program: function* (sys) {
        yield* sys.pause()
      },
    })
    bob.begin.wait4(-1, 0)
    const error = thrown(() => alice.sys.read(r, new Uint8Array(16)))
    expect(error).toBeInstanceOf(WouldBlock)
    expect(String(error)).toMatch(
      /^WouldBlock: read\(0, 16 bytes\) would block for ever: .*pid 2 \(alice\) in read, waiting for pipe:\[1\]; .*pid 4 \(daemon\) in pause, waiting for a signal\. Use begin\.read to look at a call that sleeps$/,
    )
    expect((error as WouldBlock).sleepers).toContainEqual(
      expect.objectContaining({ pid: 4, comm: 'daemon', syscall: 'pause' }),
    )
    expect(alice.state).toBe('idle')
    expect(alice.sys.write(w, new Uint8Array(1))).toBe(1)
    checkInvariants(k)
  })

  it('names stopped processes among the sleepers', () => {
    const k = boot()
    const p = k.spawn()
    const child = forkOf(k, p)
    ok(p.sys.kill(child.pid, SIGSTOP))
    const error = thrown(() => p.sys.waitpid(child.pid, 0)) as WouldBlock
    expect(error.sleepers).toContainEqual({ pid: child.pid, comm: 'sh', syscall: '', queue: 'SIGCONT' })
  })

  describe('while a timer fires again and again', () => {
    const steps = 1000
    /** A kernel in which time never comes to rest, and a process that handles the timer's signal. */
    function ticking() {
      const k = boot({ maxSteps: steps })
      const ticker = k.spawn({ comm: 'ticker' })
      ok(ticker.sys.sigaction(SIGALRM, { handler: () => {}, flags: 0, mask: [] }))
      ok(ticker.sys.setitimer(0, { interval: 10, value: 10 }))
      return { k, ticker }
    }

    it('throws a RangeError after maxSteps, and is taken back', () => {
      const { k } = ticking()
      const p = k.spawn()
      const { r, w } = pipeOf(p)
      expect(() => p.sys.read(r, new Uint8Array(16))).toThrow(
        new RangeError(
          'read(0, 16 bytes) has not returned after 1000 steps of others. Use begin.read to look at a call that sleeps',
        ),
      )
      expect(p.state).toBe('idle')
      expect(p.sys.write(w, new Uint8Array(1))).toBe(1)
      expect(p.sys.read(r, new Uint8Array(16))).toBe(1)
      checkInvariants(k)
    })

    it('shares the steps with what plain functions wait for meanwhile', () => {
      const { k } = ticking()
      const wait = plain((sys) => {
        sys.pause()
        return 0
      })
      for (let i = 0; i < 8; i++) k.spawn({ program: wait })
      const p = k.spawn()
      const { r } = pipeOf(p)
      expect(() => p.sys.read(r, new Uint8Array(16))).toThrow(/^pause\(\) has not returned after 1000 steps/)
      expect(k.now).toBeLessThanOrEqual(10 * steps)
      expect(p.state).toBe('idle')
      checkInvariants(k)
    })

    it('does not end the patience of the next call', () => {
      const { k, ticker } = ticking()
      const p = k.spawn()
      for (let i = 0; i < 3; i++) {
        expect(p.sys.nanosleep(10 * steps - 500)).toBe(0)
        expect(ticker.state).toBe('idle')
      }
    })
  })

  it('is taken back when a program that it lets run throws', () => {
    const k = boot()
    const p = k.spawn()
    k.spawn({
      program: function* () {
        throw new Error('not my bug')
      },
    })
    expect(() => p.sys.pause()).toThrow('not my bug')
    expect(p.state).toBe('idle')
    expect(p.sys.getpid()).toBe(p.pid)
    checkInvariants(k)
  })

  it('returns EINTR when its process is killed in it', () => {
    const k = boot()
    const p = k.spawn()
    k.spawn({
      program: function* (sys) {
        yield* sys.kill(p.pid, SIGKILL)
      },
    })
    expect(p.sys.pause()).toBe(EINTR)
    expect(p.killedBy).toBe(SIGKILL)
  })
})

describe('libc', () => {
  it('returns values and throws a SyscallError that says what, where and why', () => {
    const p = boot().spawn({ uid: 1000 })
    expect(p.libc.getuid()).toBe(1000)
    const error = thrown(() => p.libc.open('/nothing/here', O_RDONLY)) as SyscallError
    expect(error).toBeInstanceOf(SyscallError)
    expect(error).toMatchObject({ code: 'ENOENT', errno: -2, syscall: 'open', path: '/nothing/here' })
    expect(error.message).toBe("ENOENT: No such file or directory, open '/nothing/here'")
    expect((thrown(() => p.libc.close(9)) as SyscallError).message).toBe('EBADF: Bad file descriptor, close')
  })
})

describe('begin', () => {
  it('is over at once when the call need not wait', () => {
    const p = boot().spawn()
    expect(p.begin.getpid()).toMatchObject({ blocked: false, result: p.pid, died: false })
    expect(p.begin.open('/none', O_RDONLY)).toMatchObject({ blocked: false, result: -2 })
  })

  it('tells the result as soon as some other call makes it possible', () => {
    const k = boot()
    const p = k.spawn()
    const { r, w } = pipeOf(p)
    const other = forkOf(k, p)
    const buf = new Uint8Array(4)
    const call = p.begin.read(r, buf)
    expect(call).toMatchObject({ blocked: true, result: undefined, died: false })
    expect(p.state).toBe('sleeping')
    other.sys.write(w, Uint8Array.of(7, 8))
    expect(call).toMatchObject({ blocked: false, result: 2 })
    expect([...buf]).toEqual([7, 8, 0, 0])
    expect(p.state).toBe('idle')
  })

  it('serves several sleepers in the order in which they are woken', () => {
    const k = boot({ profile: '2.2.12' })
    const p = k.spawn()
    const { r, w } = pipeOf(p)
    const order: string[] = []
    const children = ['a', 'b', 'c'].map((name) => ({ name, process: forkOf(k, p) }))
    const calls = children.map(({ name, process }) => ({
      name,
      call: process.begin.read(r, new Uint8Array(1)),
    }))
    for (let i = 0; i < 3; i++) {
      p.sys.write(w, new Uint8Array(1))
      for (const { name, call } of calls) if (!call.blocked && !order.includes(name)) order.push(name)
    }
    // Sleepers queue up at the head, so the last comes first; those who got nothing queue up again, in that order.
    expect(order).toEqual(['c', 'a', 'b'])
  })

  it('tells that the process has died in the call', () => {
    const k = boot()
    const p = k.spawn()
    const call = p.begin.pause()
    k.spawn().sys.kill(p.pid, SIGKILL)
    expect(call).toMatchObject({ blocked: false, died: true, result: undefined })
  })

  it('goes on over a stop, and waits for SIGCONT with a result that is ready', () => {
    const k = boot()
    const p = k.spawn()
    const { r, w } = pipeOf(p)
    const other = forkOf(k, p)
    const call = p.begin.read(r, new Uint8Array(1))
    ok(other.sys.kill(p.pid, SIGSTOP))
    expect(p.state).toBe('stopped')
    other.sys.write(w, new Uint8Array(1))
    expect(call.blocked).toBe(true)
    ok(other.sys.kill(p.pid, SIGCONT))
    expect(call).toMatchObject({ blocked: false, result: 1 })
    checkInvariants(k)
  })

  it('is resumed by k.run and k.advance as well', () => {
    const k = boot()
    const p = k.spawn()
    const first = p.begin.nanosleep(10)
    k.advance(9)
    expect(first.blocked).toBe(true)
    k.advance(1)
    expect(first).toMatchObject({ blocked: false, result: 0 })
    const second = p.begin.nanosleep(10)
    k.run()
    expect(second.blocked).toBe(false)
  })

  it('is under way again when a state is restored in which it was', () => {
    const k = boot()
    const p = k.spawn()
    const { r, w } = pipeOf(p)
    const other = forkOf(k, p)
    const buf = new Uint8Array(1)
    const call: BegunCall<number> = p.begin.read(r, buf)
    const asleep = k.snapshot()
    for (const byte of [1, 2, 3]) {
      other.sys.write(w, Uint8Array.of(byte))
      expect(call).toMatchObject({ blocked: false, result: 1 })
      expect([...buf]).toEqual([byte])
      k.restore(asleep)
      expect(call).toMatchObject({ blocked: true, result: undefined })
    }
  })

  it('is forgotten when a state is restored in which it had not begun', () => {
    const k = boot()
    const p = k.spawn()
    const idle = k.snapshot()
    const call = p.begin.pause()
    k.restore(idle)
    expect(p.state).toBe('idle')
    expect(p.sys.getpid()).toBe(p.pid)
    expect(call.blocked).toBe(true)
  })
})

describe('a direct call is refused with a TypeError', () => {
  const scene = (): { k: Kernel; p: Process; killer: Process } => {
    const k = boot()
    return { k, p: k.spawn({ comm: 'alice' }), killer: k.spawn() }
  }

  it.each([
    ['of a process that has ended', 'getpid: pid 2 (alice) has ended and can make no calls', SIGKILL],
    ['of a stopped process', 'getpid: pid 2 (alice) is stopped', SIGSTOP],
  ])('%s', (_what, message, sig) => {
    const { p, killer } = scene()
    ok(killer.sys.kill(p.pid, sig))
    for (const surface of [p.sys, p.libc, p.begin])
      expect(() => surface.getpid()).toThrow(new TypeError(message))
  })

  it('of a process that is in a call', () => {
    const { p } = scene()
    p.begin.pause()
    expect(() => p.sys.getpid()).toThrow(new TypeError('getpid: pid 2 (alice) is still in pause'))
    expect(() => p.begin.getpid()).toThrow(TypeError)
  })

  it('of a process that runs a program', () => {
    const k = boot()
    const p = k.spawn({
      comm: 'prog',
      program: function* (sys) {
        yield* sys.pause()
      },
    })
    const message = 'getpid: pid 2 (prog) runs a program; direct calls are for processes without one'
    expect(() => p.sys.getpid()).toThrow(new TypeError(message))
    k.run()
    expect(() => p.sys.getpid()).toThrow(new TypeError(message))
  })

  it('of a process that does not exist in the restored state', () => {
    const k = boot()
    const empty = k.snapshot()
    const p = k.spawn({ comm: 'alice' })
    k.restore(empty)
    expect([p.state, p.exitCode]).toEqual(['dead', 0])
    expect(() => p.sys.getpid()).toThrow('getpid: pid 2 (alice) has ended and can make no calls')
    expect(k.process(p.pid)).toBeUndefined()
  })

  it('from a trace listener', () => {
    const { k, p, killer } = scene()
    k.trace.on('syscall:exit', () => void killer.sys.getpid())
    expect(() => p.sys.getpid()).toThrow('getpid: a trace listener must not call into the kernel')
  })
})

describe('a trace listener', () => {
  it.each<[string, (k: Kernel) => unknown]>([
    ['step', (k) => k.step()],
    ['run', (k) => k.run()],
    ['run', (k) => k.advance(1)],
    ['spawn', (k) => k.spawn()],
    [
      'install',
      (k) =>
        k.install(
          '/bin/x',
          plain(() => 0),
        ),
    ],
    ['fork', (k) => k.fork()],
    ['snapshot', (k) => k.snapshot()],
  ])('cannot change what it watches: %s', (name, act) => {
    const k = boot()
    const p = k.spawn()
    k.trace.on('syscall:exit', () => void act(k))
    expect(() => p.sys.getpid()).toThrow(`${name}: a trace listener must not call into the kernel`)
    expect(p.state).toBe('idle')
    checkInvariants(k)
  })

  it('may look', () => {
    const k = boot()
    const p = k.spawn()
    const seen: unknown[] = []
    k.trace.on('syscall:exit', () => seen.push(k.digest(), k.now, k.describe().tasks.length, p.comm))
    expect(p.sys.getpid()).toBe(p.pid)
    expect(seen).toEqual([expect.stringMatching(/^[0-9a-f]{16}$/), 0, 2, 'sh'])
  })
})

describe('the handle of a process', () => {
  it('is the same object for the same process', () => {
    const k = boot()
    const p = k.spawn()
    expect(k.process(p.pid)).toBe(p)
    k.restore(k.snapshot())
    expect(k.process(p.pid)).toBe(p)
  })

  it('is another one for another process with the same pid', () => {
    const k = boot({ pidMax: 8, profile: '2.0.35' })
    const parent = k.spawn()
    const first = forkOf(k, parent)
    first.sys.exit(1)
    ok(parent.sys.wait4(first.pid, 0))
    expect(k.process(first.pid)).toBeUndefined()
    for (let tries = 0; tries < 10; tries++) {
      const next = forkOf(k, parent)
      if (next.pid === first.pid) {
        expect(next).not.toBe(first)
        expect([first.state, next.state]).toEqual(['dead', 'idle'])
        return
      }
      next.sys.exit(0)
      ok(parent.sys.wait4(next.pid, 0))
    }
    expect.unreachable('the pid has not come round')
  })

  it('is valid again for a process that begins again after a restore', () => {
    const k = boot()
    const parent = k.spawn()
    const before = k.snapshot()
    const child = forkOf(k, parent)
    k.restore(before)
    expect(child.state).toBe('dead')
    const again = forkOf(k, parent)
    expect(again.pid).toBe(child.pid)
    expect([child.state, again.state, child.sys.getpid()]).toEqual(['idle', 'idle', again.pid])
  })

  it('tells how the process ended, also when it has been waited for', () => {
    const k = boot()
    const parent = k.spawn()
    const [one, two] = [forkOf(k, parent), forkOf(k, parent)]
    one.sys.exit(300)
    ok(parent.sys.kill(two.pid, SIGKILL))
    expect([one.state, one.exitCode, one.killedBy, one.exitStatus]).toEqual([
      'zombie',
      44,
      undefined,
      44 << 8,
    ])
    expect([two.exitCode, two.killedBy]).toEqual([undefined, SIGKILL])
    ok(parent.sys.wait4(one.pid, 0))
    expect([one.state, one.exitCode]).toEqual(['dead', 44])
  })
})

describe('a signal handler of a driven process', () => {
  it('runs at the end of the call that sends the signal, with the info that came', () => {
    const k = boot()
    const p = k.spawn()
    const seen: unknown[] = []
    p.sys.sigaction(SIGUSR1, { handler: (sig, info) => seen.push([sig, info.pid]), flags: 0, mask: [] })
    const other = k.spawn()
    ok(other.sys.kill(p.pid, SIGUSR1))
    expect(seen).toEqual([[SIGUSR1, other.pid]])
  })

  it('may make calls, blocking ones as well, and be interrupted by others', () => {
    const k = boot()
    const p = k.spawn()
    const { r, w } = pipeOf(p)
    const seen: unknown[] = []
    p.sys.sigaction(SIGUSR2, { handler: () => seen.push('inner'), flags: 0, mask: [] })
    p.sys.sigaction(SIGUSR1, {
      handler: () => {
        p.sys.kill(p.pid, SIGUSR2)
        p.sys.write(w, new Uint8Array(1))
        seen.push(p.sys.read(r, new Uint8Array(4)), p.sys.nanosleep(5))
      },
      flags: 0,
      mask: [],
    })
    expect(p.sys.kill(p.pid, SIGUSR1)).toBe(0)
    expect([seen, k.now]).toEqual([['inner', 1, 0], 5])
    checkInvariants(k)
  })

  it.each([
    ['EINTR without', 0, EINTR],
    ['a new start with', SA_RESTART, 1],
  ])('means %s SA_RESTART to a call that sleeps', (_what, flags, result) => {
    const k = boot()
    const p = k.spawn()
    const { r, w } = pipeOf(p)
    p.sys.sigaction(SIGALRM, { handler: () => p.sys.write(w, new Uint8Array(1)), flags, mask: [] })
    p.sys.setitimer(0, { interval: 0, value: 10 })
    expect(p.sys.read(r, new Uint8Array(1))).toBe(result)
  })

  it('that throws is over, and so is the call that it interrupted', () => {
    const k = boot()
    const [p, other] = [k.spawn(), k.spawn()]
    p.sys.sigaction(SIGUSR1, {
      handler: () => {
        throw new Error('a bug in the test')
      },
      flags: SA_RESTART,
      mask: [SIGUSR2],
    })
    const call = p.begin.pause()
    expect(() => other.sys.kill(p.pid, SIGUSR1)).toThrow('a bug in the test')
    expect([p.state, call.result]).toEqual(['idle', EINTR])
    expect(p.sys.sigprocmask(0, null)).toEqual([])
    checkInvariants(k)
  })

  it('that throws does not touch the call that sent the signal', () => {
    const k = boot()
    const [p, other] = [k.spawn(), k.spawn()]
    p.sys.sigaction(SIGUSR1, {
      handler: () => {
        throw new Error('a bug in the test')
      },
      flags: 0,
      mask: [],
    })
    expect(() => other.sys.kill(p.pid, SIGUSR1)).toThrow('a bug in the test')
    const digest = k.digest()
    expect(() => other.sys.kill(p.pid, SIGUSR1)).toThrow('a bug in the test')
    expect(k.digest()).toBe(digest)
    expect(() => other.begin.kill(p.pid, SIGUSR1)).toThrow('a bug in the test')
    expect(k.digest()).toBe(digest)
    expect(other.sys.poll([], 5)).toBe(0)
    expect(other.begin.getpid().result).toBe(other.pid)
    checkInvariants(k)
  })

  it('that throws takes the call back that its process is waited for in', () => {
    const k = boot()
    const p = k.spawn()
    const { r, w } = pipeOf(p)
    p.sys.sigaction(SIGALRM, {
      handler: () => {
        throw new Error('a bug in the test')
      },
      flags: SA_RESTART,
      mask: [],
    })
    ok(p.sys.alarm(1))
    expect(() => p.sys.read(r, new Uint8Array(2))).toThrow('a bug in the test')
    expect([p.state, p.sys.write(w, Uint8Array.of(1, 2)), p.sys.read(r, new Uint8Array(2))]).toEqual([
      'idle',
      2,
      2,
    ])
    checkInvariants(k)
  })

  it('is inherited by fork(2) and by copies of the kernel', () => {
    const k = boot()
    const p = k.spawn()
    const seen: number[] = []
    p.sys.sigaction(SIGUSR1, { handler: (sig) => seen.push(sig), flags: 0, mask: [] })
    const child = forkOf(k, p)
    ok(child.sys.kill(child.pid, SIGUSR1))
    const copy = k.fork()
    const own = copy.process(p.pid)
    ok(own?.sys.kill(p.pid, SIGUSR1) ?? -1)
    k.restore(k.snapshot())
    ok(p.sys.kill(p.pid, SIGUSR1))
    expect(seen).toEqual([SIGUSR1, SIGUSR1, SIGUSR1])
    expect(p.sys.sigaction(SIGUSR1, null)).toMatchObject({ handler: expect.any(Function), flags: 0 })
  })
})
