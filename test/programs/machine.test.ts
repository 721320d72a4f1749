/** Machine programs: explicit state instead of a journal. */
import { call, type Kernel, machine, SIGKILL, SIGSEGV, SIGUSR1, utf8Decode, utf8Encode } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { boot, checkInvariants, checkState, ok, pipeOf, readText } from '../helpers/world.js'

/** Copies descriptor 0 to descriptor 1 until the end of the file; exits with the number of reads. */
const cat = machine<{ reads: number; doing: 'start' | 'read' | 'write'; buf: Uint8Array }>({
  name: 'cat',
  init: () => ({ reads: 0, doing: 'start', buf: new Uint8Array(4) }),
  step(state, result) {
    if (state.doing === 'read') {
      if (result === 0) return state.reads
      state.doing = 'write'
      return call('write', 1, state.buf.subarray(0, Number(result)))
    }
    state.doing = 'read'
    state.reads++
    return call('read', 0, state.buf)
  },
})

describe('a machine program', () => {
  it('gets the result of the call before, undefined at first', () => {
    const k = boot()
    const results: unknown[] = []
    const p = k.spawn({
      parent: k.spawn(),
      program: machine<{ n: number }>({
        name: 'counter',
        init: () => ({ n: 0 }),
        step(state, result) {
          results.push(result)
          return state.n++ < 2 ? call('getpid') : 7
        },
      }),
    })
    k.run()
    expect([results, p.exitCode]).toEqual([[undefined, p.pid, p.pid], 7])
  })

  it('gets undefined at first after exec, too, and its arguments and environment', () => {
    const seen: unknown[] = []
    const show = machine<object>({
      name: 'show',
      init(argv, env) {
        seen.push(argv, env)
        return {}
      },
      step(_state, result) {
        seen.push(result)
        return 0
      },
    })
    const k = boot({ programs: { '/bin/show': show } })
    k.spawn({
      program: machine<object>({
        name: 'exec',
        init: () => ({}),
        step: () => call('execve', '/bin/show', ['show', 'x'], ['A=1']),
      }),
    })
    k.run()
    expect(seen).toEqual([['show', 'x'], ['A=1'], undefined])
  })

  it('takes exec for execve, as the other surfaces do', () => {
    const k = boot({ programs: { '/bin/cat': cat } })
    const p = k.spawn({
      program: machine<object>({ name: 'exec', init: () => ({}), step: () => call('exec', '/bin/cat') }),
    })
    k.run({ maxSteps: 1 })
    expect(p.comm).toBe('cat')
  })

  it('forks with a state of its own on each side', () => {
    const k = boot()
    const parent = k.spawn()
    const p = k.spawn({
      parent,
      program: machine<{ at: number; list: number[] }>({
        name: 'forker',
        init: () => ({ at: 0, list: [1] }),
        step(state, result) {
          switch (state.at++) {
            case 0:
              return call('fork')
            case 1:
              state.list.push(result === 0 ? 10 : 20)
              return result === 0 ? state.list.reduce((a, b) => a + b) : call('wait4', -1, 0)
            default:
              return state.list.reduce((a, b) => a + b) + Number((result as { status: number }).status >> 8)
          }
        },
      }),
    })
    k.run()
    expect(p.exitCode).toBe(1 + 20 + (1 + 10))
  })

  it('goes on in a copy of the kernel made at any step, and needs no journal for it', () => {
    const k = boot()
    const feeder = k.spawn()
    const source = pipeOf(feeder)
    const sink = pipeOf(feeder)
    ok(feeder.sys.write(source.w, utf8Encode('abcdefghij')))
    ok(feeder.sys.dup2(sink.w, source.w))
    const p = k.spawn({ parent: feeder, program: cat, journal: false })
    const copies = [k]
    for (let steps = 0; steps < 9; steps++) {
      copies.push(k.fork())
      k.step()
    }
    for (const copy of copies) {
      copy.run()
      expect(copy.process(p.pid)?.exitCode).toBe(4)
      const own = copy.process(feeder.pid)
      expect(own === undefined ? '' : readText(own, sink.r)).toBe('abcdefghij')
    }
  })

  it('copies a sleeping call together with the buffer in its state', () => {
    const k = boot()
    const feeder = k.spawn()
    const { r, w } = pipeOf(feeder)
    const p = k.spawn({ parent: feeder, program: upcase(r), journal: false })
    k.run()
    const copies = [k, k.fork(), k.fork()]
    for (const [index, copy] of copies.entries()) {
      const own = copy.process(feeder.pid)
      own?.sys.write(w, utf8Encode('abcd'.slice(index)))
      copy.run()
      expect(copy.process(p.pid)?.exitCode).toBe(4 - index)
      checkInvariants(copy)
      checkState(copy)
    }
  })

  it('hears of signals by the number it gave as handler', () => {
    const k = boot()
    const parent = k.spawn()
    const p = k.spawn({
      parent,
      program: machine<{ at: number; heard: number[] }>({
        name: 'listener',
        init: () => ({ at: 0, heard: [] }),
        step(state) {
          if (state.at++ === 0) return call('sigaction', SIGUSR1, { handler: 5, flags: 0, mask: [] })
          return state.heard.length < 2 ? call('pause') : state.heard.reduce((a, b) => a + b)
        },
        signal(state, handler, sig) {
          state.heard.push(handler, sig)
        },
      }),
    })
    k.run()
    ok(parent.sys.kill(p.pid, SIGUSR1))
    k.run()
    expect(p.exitCode).toBe(5 + SIGUSR1)
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('a bug in the machine')
      },
      'a bug in the machine',
    ],
    [
      'asks for a call that does not exist',
      () => call('frobnicate'),
      "asked for 'frobnicate': there is no such system call",
    ],
    [
      'returns no request',
      () => undefined as never,
      'step returned undefined: a call(…) or an exit code is wanted',
    ],
  ] as const)('that %s dies as of SIGSEGV, and the kernel goes on', (_what, step, message) => {
    const k = boot()
    const p = k.spawn({
      parent: k.spawn(),
      program: machine<object>({ name: 'faulty', init: () => ({}), step }),
    })
    expect(() => k.run()).toThrow(message)
    expect(p.killedBy).toBe(SIGSEGV)
    expect(k.run()).toBe(0)
    checkInvariants(k)
  })

  it('can be killed while it sleeps', () => {
    const k: Kernel = boot()
    const parent = k.spawn()
    const p = k.spawn({
      parent,
      program: machine<object>({ name: 'sleeper', init: () => ({}), step: () => call('pause') }),
    })
    k.run()
    ok(parent.sys.kill(p.pid, SIGKILL))
    k.run()
    expect(p.killedBy).toBe(SIGKILL)
  })
})

/** Reads once into the buffer in its state; exits with the number of bytes, or 99 where the buffer was not filled. */
const upcase = (fd: number) =>
  machine<{ buf: Uint8Array; asked: boolean }>({
    name: 'upcase',
    init: () => ({ buf: new Uint8Array(4), asked: false }),
    step(state, result) {
      if (!state.asked) {
        state.asked = true
        return call('read', fd, state.buf)
      }
      const text = utf8Decode(state.buf, 0, Number(result))
      return text === 'abcd'.slice(4 - Number(result)) ? Number(result) : 99
    },
  })
