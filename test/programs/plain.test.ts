/** Plain functions as programs: one long direct call. */
import { call, machine, plain, SIGKILL, SIGSEGV, utf8Encode, WouldBlock } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { boot, checkInvariants, ok, pipeOf } from '../helpers/world.js'

describe('a plain function as a program', () => {
  it('runs from start to end when its turn comes, with its arguments; its number is the exit code', () => {
    const k = boot()
    const seen: unknown[] = []
    const p = k.spawn({
      parent: k.spawn(),
      argv: ['hello', 'a', 'b'],
      program: plain((sys, ...args) => {
        seen.push(args, sys.getpid())
        return 6
      }),
    })
    expect(seen).toEqual([])
    expect(k.run()).toBe(1)
    expect([seen, p.exitCode]).toEqual([[['a', 'b'], p.pid], 6])
  })

  it('ends with 0 when it returns no number', () => {
    const k = boot()
    const p = k.spawn({ parent: k.spawn(), program: plain(() => 'text') })
    k.run()
    expect(p.exitCode).toBe(0)
  })

  it('lets others run while it waits', () => {
    const k = boot()
    const parent = k.spawn()
    const { r, w } = pipeOf(parent)
    const p = k.spawn({ parent, program: plain((sys) => sys.read(r, new Uint8Array(9))) })
    k.spawn({
      parent,
      program: function* (sys) {
        yield* sys.nanosleep(30)
        yield* sys.write(w, utf8Encode('four'))
      },
    })
    k.run()
    expect([p.exitCode, k.now]).toEqual([4, 30])
  })

  it('throws WouldBlock out of the run when nobody can wake it, and dies', () => {
    const k = boot()
    const p = k.spawn({ parent: k.spawn(), program: plain((sys) => sys.pause()) })
    expect(() => k.run()).toThrow(WouldBlock)
    expect(p.killedBy).toBe(SIGSEGV)
    checkInvariants(k)
    expect(k.run()).toBe(0)
  })

  it('that throws dies as of SIGSEGV, and whoever runs the kernel hears of it', () => {
    const k = boot()
    const p = k.spawn({
      parent: k.spawn(),
      program: plain(() => {
        throw new Error('a bug in the function')
      }),
    })
    expect(() => k.run()).toThrow('a bug in the function')
    expect(p.killedBy).toBe(SIGSEGV)
    checkInvariants(k)
  })

  it('may be replaced by exec: the new program runs on, whatever the function returns', () => {
    const k = boot({
      programs: { '/bin/five': machine<object>({ name: 'five', init: () => ({}), step: () => 5 }) },
    })
    const p = k.spawn({
      parent: k.spawn(),
      program: plain((sys) => {
        sys.execve('/bin/five', ['five'], [])
        return 1
      }),
    })
    k.run()
    expect([p.exitCode, p.comm]).toEqual([5, 'five'])
  })

  it('may fork; the child is driven by the host', () => {
    const k = boot()
    let child = 0
    const p = k.spawn({
      parent: k.spawn(),
      program: plain((sys) => {
        child = Number(sys.fork())
        return 0
      }),
    })
    k.run()
    expect(p.exitCode).toBe(0)
    const handle = k.process(child)
    expect(handle?.state).toBe('idle')
    expect(handle?.sys.getppid()).toBe(1)
    handle?.sys.exit(0)
    checkInvariants(k)
  })

  it('may exit, and be killed while it waits', () => {
    const k = boot()
    const parent = k.spawn()
    const quits = k.spawn({
      parent,
      program: plain((sys) => {
        sys.exit(8)
        return 1
      }),
    })
    k.run()
    expect(quits.exitCode).toBe(8)
    const sleeps = k.spawn({ parent, program: plain((sys) => sys.pause()) })
    k.spawn({
      parent,
      program: machine<{ n: number }>({
        name: 'killer',
        init: () => ({ n: 0 }),
        step: (state) => (state.n++ === 0 ? call('kill', sleeps.pid, SIGKILL) : 0),
      }),
    })
    k.run()
    expect(sleeps.killedBy).toBe(SIGKILL)
    checkInvariants(k)
  })

  it('has to be marked: a bare function is not taken for a program', () => {
    const k = boot()
    function bare(): void {}
    expect(() => k.spawn({ program: bare as never })).toThrow(
      /program: .* is wanted; write plain\(bare\) for this one/,
    )
    expect(() => k.spawn({ program: 7 as never })).toThrow(TypeError)
    expect(ok(k.spawn().sys.getpid())).toBe(2)
  })
})
