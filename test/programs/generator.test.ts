/** Generator programs: typed calls, fork that returns twice, exec, signal handlers, journals. */
import {
  EACCES,
  ECHILD,
  EINTR,
  ENOENT,
  isErr,
  type Kernel,
  O_CREAT,
  O_RDONLY,
  O_WRONLY,
  POLLIN,
  type Program,
  SA_RESTART,
  SIG_BLOCK,
  SIG_DFL,
  SIG_IGN,
  SIGALRM,
  SIGCHLD,
  SIGKILL,
  SIGSEGV,
  SIGUSR1,
  SIGUSR2,
  type Sys,
  utf8Decode,
  utf8Encode,
  WEXITSTATUS,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { type Body, boot, checkInvariants, checkState, ok, pipeOf, readFile } from '../helpers/world.js'

/** Appends a line to /log; what a program wants the test to see goes through the kernel. */
function* say(sys: Sys, line: unknown): Program {
  const fd = yield* sys.open('/log', O_WRONLY | O_CREAT | 0o2000, 0o666)
  if (isErr(fd)) return
  yield* sys.write(fd, utf8Encode(`${String(line)}\n`))
  yield* sys.close(fd)
}

/** Runs programs to rest and returns the lines of /log. */
function linesOf(k: Kernel): string[] {
  k.run()
  return readFile(k.spawn(), '/log').trimEnd().split('\n')
}

function runLines(...programs: Body[]): string[] {
  const k = boot()
  for (const program of programs) k.spawn({ program })
  return linesOf(k)
}

describe('a generator program', () => {
  it('gets each call its own result, an Errno among them', () => {
    const lines = runLines(function* (sys) {
      const missing = yield* sys.open('/none', O_RDONLY)
      const fd = yield* sys.open('/etc/passwd', O_RDONLY)
      const buf = new Uint8Array(4)
      const count = isErr(fd) ? fd : yield* sys.read(fd, buf)
      yield* say(sys, `${missing} ${fd} ${count} ${utf8Decode(buf)}`)
    })
    expect(lines).toEqual([`${ENOENT} 0 4 root`])
  })

  it('gets its arguments without its name, and all of them with the environment on sys', () => {
    const k = boot()
    const program: Body = function* (sys, first, second) {
      yield* say(sys, [first, second, sys.argv.join(' '), sys.env.join(' ')].join('|'))
    }
    k.spawn({ program, argv: ['prog', 'one', 'two'], env: ['A=1', 'B=2'] })
    expect(linesOf(k)).toEqual(['one|two|prog one two|A=1 B=2'])
  })

  it.each([
    ['the value it returns', 300, 44],
    ['0 without one', undefined, 0],
  ])('ends with %s as exit code', (_what, value, code) => {
    const k = boot()
    const p = k.spawn({
      parent: k.spawn(),
      program: function* (sys) {
        yield* sys.getpid()
        return value
      },
    })
    k.run()
    expect(p.exitCode).toBe(code)
  })

  it('makes a call again when it asks for it again', () => {
    const lines = runLines(function* (sys) {
      const umask = sys.umask(0o77)
      yield* say(sys, `${yield* umask} ${yield* umask}`)
    })
    expect(lines).toEqual([`${0o22} ${0o77}`])
  })

  it('may end without having made a call', () => {
    const k = boot()
    const p = k.spawn({
      parent: k.spawn(),
      program: function* () {
        return 9
      },
    })
    k.run()
    expect(p.exitCode).toBe(9)
  })

  it('dies as of SIGSEGV when it throws, and the error reaches whoever runs the kernel', () => {
    const k = boot()
    const p = k.spawn({
      parent: k.spawn(),
      program: function* (sys) {
        yield* sys.getpid()
        throw new Error('a bug in the program')
      },
    })
    expect(() => k.run()).toThrow('a bug in the program')
    expect(p.killedBy).toBe(SIGSEGV)
    expect(() => k.run()).not.toThrow()
    checkInvariants(k)
  })

  it('is told when it yields something that is no call', () => {
    const k = boot()
    k.spawn({
      comm: 'odd',
      program: function* () {
        yield 7
      } as never,
    })
    expect(() => k.run()).toThrow('program odd (pid 2) yielded 7: write yield* sys.call(…)')
  })
})

describe('fork(2) in a generator', () => {
  it('returns twice, each time with locals of its own', () => {
    const lines = runLines(function* (sys) {
      const list = ['before']
      let number = 1
      const pid = yield* sys.fork()
      list.push(pid === 0 ? 'child' : 'parent')
      number += pid === 0 ? 10 : 100
      if (pid !== 0) yield* sys.waitpid(pid)
      yield* say(sys, `${list.join(' ')} ${number}`)
    })
    expect(lines).toEqual(['before child 11', 'before parent 101'])
  })

  it('copies what calls have left in buffers', () => {
    const lines = runLines(function* (sys) {
      const [r, w] = ok(yield* sys.pipe())
      yield* sys.write(w, utf8Encode('hello'))
      const buf = new Uint8Array(5)
      const fds = [{ fd: r, events: POLLIN, revents: 0 }]
      yield* sys.poll(fds, 0)
      yield* sys.read(r, buf)
      const pid = yield* sys.fork()
      if (pid === 0) buf[0] = 'j'.charCodeAt(0)
      else yield* sys.waitpid(pid)
      yield* say(sys, `${utf8Decode(buf)} ${fds[0]?.revents}`)
    })
    expect(lines).toEqual([`jello ${POLLIN}`, `hello ${POLLIN}`])
  })

  it('works in a child of a child, in the middle of a loop', () => {
    const lines = runLines(function* (sys) {
      const path: number[] = []
      for (let depth = 0; depth < 3; depth++) {
        const pid = yield* sys.fork()
        if (pid !== 0) {
          yield* sys.waitpid(pid)
          break
        }
        path.push(depth)
      }
      yield* say(sys, `[${path.join('')}]`)
    })
    expect(lines).toEqual(['[012]', '[01]', '[0]', '[]'])
  })

  it('is refused to a program without a journal, with a sentence that says what to do', () => {
    const k = boot()
    const p = k.spawn({
      journal: false,
      program: function* forker(sys) {
        yield* sys.fork()
      },
    })
    expect(() => k.run()).toThrow(
      'program forker (pid 3) has no journal: spawn it with journal: true to copy it',
    )
    expect([k.process(3)?.killedBy, p.state]).toEqual([SIGSEGV, 'runnable'])
    k.run()
    checkInvariants(k)
  })
})

describe('exec in a generator', () => {
  function* echo(sys: Sys, ...words: string[]): Program {
    yield* say(sys, `${words.join(' ')} as ${yield* sys.getpid()}`)
    return 5
  }

  it('does not come back, and the new program has the same pid', () => {
    const k = boot({ programs: { '/bin/echo': echo } })
    const p = k.spawn({
      parent: k.spawn(),
      program: function* (sys) {
        yield* sys.execve('/bin/echo', ['echo', 'a', 'b'], [])
        yield* say(sys, 'never')
      },
    })
    expect(linesOf(k)).toEqual([`a b as ${p.pid}`])
    expect([p.exitCode, p.comm]).toEqual([5, 'echo'])
  })

  it('comes back with an Errno when it fails', () => {
    const lines = runLines(function* (sys) {
      yield* say(sys, yield* sys.execve('/etc/passwd', [], []))
      yield* say(sys, yield* sys.exec('/bin/none'))
    })
    expect(lines).toEqual([String(EACCES), String(ENOENT)])
  })

  it('forgets handlers, keeps ignored signals, and starts the journal afresh', () => {
    const k = boot({
      programs: {
        '/bin/show': function* (sys: Sys): Program {
          const one = ok(yield* sys.sigaction(SIGUSR1, null))
          const two = ok(yield* sys.sigaction(SIGUSR2, null))
          yield* say(sys, `${one.handler} ${two.handler}`)
        },
      },
    })
    k.spawn({
      program: function* (sys) {
        yield* sys.sigaction(SIGUSR1, { handler: () => {}, flags: 0, mask: [] })
        yield* sys.sigaction(SIGUSR2, { handler: SIG_IGN, flags: 0, mask: [] })
        yield* sys.execve('/bin/show', ['show'], [])
      },
    })
    k.run({ maxSteps: 4 })
    expect(linesOf(k.fork())).toEqual([`${SIG_DFL} ${SIG_IGN}`])
    expect(linesOf(k)).toEqual([`${SIG_DFL} ${SIG_IGN}`])
  })
})

describe('a signal handler of a generator', () => {
  it('is a generator that makes calls of its own, between two calls of the program', () => {
    const lines = runLines(function* (sys) {
      const handler = function* (sig: number): Program {
        yield* say(sys, `in handler ${sig}`)
      }
      yield* sys.sigaction(SIGUSR1, { handler, flags: 0, mask: [] })
      const sent = yield* sys.kill(yield* sys.getpid(), SIGUSR1)
      yield* say(sys, `kill returned ${sent}`)
    })
    expect(lines).toEqual(['in handler 10', 'kill returned 0'])
  })

  it('may be a plain function', () => {
    const lines = runLines(function* (sys) {
      const seen: number[] = []
      yield* sys.sigaction(SIGUSR1, { handler: (sig) => seen.push(sig), flags: 0, mask: [] })
      yield* sys.kill(yield* sys.getpid(), SIGUSR1)
      yield* say(sys, seen.join())
    })
    expect(lines).toEqual(['10'])
  })

  it('sees who sent the signal, and the locals of the program', () => {
    const lines = runLines(function* (sys) {
      let from = 0
      yield* sys.sigaction(SIGUSR1, {
        handler: (_sig, info) => {
          from = info.pid ?? -1
        },
        flags: 0,
        mask: [],
      })
      const parent = yield* sys.getpid()
      const pid = yield* sys.fork()
      if (pid === 0) {
        yield* sys.kill(parent, SIGUSR1)
        return 0
      }
      yield* sys.waitpid(pid)
      yield* say(sys, from === pid)
      return 0
    })
    expect(lines).toEqual(['true'])
  })

  it('nests: a second signal interrupts the handler of the first', () => {
    const lines = runLines(function* (sys) {
      const me = yield* sys.getpid()
      const handler = function* (sig: number): Program {
        yield* say(sys, `begin ${sig}`)
        if (sig === SIGUSR1) yield* sys.kill(me, SIGUSR2)
        yield* say(sys, `end ${sig}`)
      }
      for (const sig of [SIGUSR1, SIGUSR2]) yield* sys.sigaction(sig, { handler, flags: 0, mask: [] })
      yield* sys.kill(me, SIGUSR1)
      yield* say(sys, 'done')
    })
    expect(lines).toEqual(['begin 10', 'begin 12', 'end 12', 'end 10', 'done'])
  })

  it.each([
    ['ends the call with EINTR', 0, String(EINTR)],
    ['starts the call again with SA_RESTART', SA_RESTART, '1'],
  ])('%s', (_what, flags, result) => {
    const lines = runLines(function* (sys) {
      const [r, w] = ok(yield* sys.pipe())
      const handler = function* (): Program {
        yield* say(sys, 'alarm')
        yield* sys.write(w, new Uint8Array(1))
      }
      yield* sys.sigaction(SIGALRM, { handler, flags, mask: [] })
      yield* sys.setitimer(0, { interval: 0, value: 20 })
      yield* say(sys, yield* sys.read(r, new Uint8Array(1)))
    })
    expect(lines).toEqual(['alarm', result])
  })

  it('is told again by the next sigaction, as the same function, and can be put back', () => {
    const lines = runLines(function* (sys) {
      const me = yield* sys.getpid()
      const first = (): number => 1
      const second = (): number => 2
      yield* sys.sigaction(SIGUSR1, { handler: first, flags: 0, mask: [SIGUSR2] })
      const old = ok(yield* sys.sigaction(SIGUSR1, { handler: second, flags: 0, mask: [] }))
      yield* say(sys, old.handler === first)
      yield* sys.sigaction(SIGUSR1, old)
      const now = ok(yield* sys.sigaction(SIGUSR1, null))
      yield* say(sys, `${now.handler === first} ${now.mask.join()} ${me > 0}`)
    })
    expect(lines).toEqual(['true', 'true 12 true'])
  })

  it('runs in the child of fork(2) on the locals of the child', () => {
    const lines = runLines(function* (sys) {
      const seen: string[] = []
      yield* sys.sigaction(SIGUSR1, { handler: () => seen.push('signal'), flags: 0, mask: [] })
      const pid = yield* sys.fork()
      if (pid === 0) yield* sys.kill(yield* sys.getpid(), SIGUSR1)
      else yield* sys.waitpid(pid)
      yield* say(sys, `${pid === 0 ? 'child' : 'parent'} ${seen.length}`)
    })
    expect(lines).toEqual(['child 1', 'parent 0'])
  })

  it('may fork: the child goes on inside the handler and then where the program was', () => {
    const lines = runLines(function* (sys) {
      const handler = function* (): Program {
        const pid = yield* sys.fork()
        if (pid !== 0) yield* sys.waitpid(pid)
        yield* say(sys, pid === 0 ? 'child in handler' : 'parent in handler')
      }
      yield* sys.sigaction(SIGUSR1, { handler, flags: 0, mask: [] })
      yield* sys.kill(yield* sys.getpid(), SIGUSR1)
      yield* say(sys, 'after')
    })
    expect(lines).toEqual(['child in handler', 'after', 'parent in handler', 'after'])
  })

  it('that throws ends the program', () => {
    const k = boot()
    const p = k.spawn({
      parent: k.spawn(),
      program: function* (sys) {
        const handler = (): never => {
          throw new Error('a bug in the handler')
        }
        yield* sys.sigaction(SIGUSR1, { handler, flags: 0, mask: [] })
        yield* sys.kill(yield* sys.getpid(), SIGUSR1)
      },
    })
    expect(() => k.run()).toThrow('a bug in the handler')
    expect(p.killedBy).toBe(SIGSEGV)
    checkInvariants(k)
  })
})

describe('a copy of the kernel', () => {
  /** Reads two bytes from a pipe that the test writes to, and tells what it saw. */
  const reader: Body = function* (sys) {
    const buf = new Uint8Array(2)
    const first = yield* sys.read(0, buf)
    const text = utf8Decode(buf)
    const second = yield* sys.read(0, buf)
    yield* say(sys, `${first} ${text} ${second} ${utf8Decode(buf)}`)
  }

  it('fills the buffers of programs that were asleep in a read when it was made', () => {
    const k = boot()
    const feeder = k.spawn()
    const { w } = pipeOf(feeder)
    k.spawn({ parent: feeder, program: reader })
    k.run()
    const copy = k.fork()
    for (const kernel of [k, copy]) {
      const own = kernel.process(feeder.pid)
      own?.sys.write(w, utf8Encode('abcd'))
      expect(linesOf(kernel)).toEqual(['2 ab 2 cd'])
    }
    expect(copy.digest()).toBe(k.digest())
  })

  it('keeps what a call has left in arguments when it is made before the program has seen it', () => {
    const k = boot()
    const feeder = k.spawn()
    const { w } = pipeOf(feeder)
    ok(feeder.sys.write(w, utf8Encode('abcd')))
    k.spawn({ parent: feeder, program: reader })
    const copies = [k]
    for (let steps = 0; steps < 8; steps++) {
      k.step()
      copies.push(k.fork())
    }
    for (const copy of copies) expect(linesOf(copy)).toEqual(['2 ab 2 cd'])
  })

  it('knows handlers by what they were, whenever it is made', () => {
    const k = boot()
    k.spawn({
      program: function* (sys) {
        const seen: string[] = []
        const one = (): number => seen.push('one')
        const two = (): number => seen.push('two')
        const me = yield* sys.getpid()
        yield* sys.sigaction(SIGUSR1, { handler: one, flags: 0, mask: [] })
        const old = ok(yield* sys.sigaction(SIGUSR1, { handler: two, flags: 0, mask: [] }))
        yield* sys.kill(me, SIGUSR1)
        yield* sys.sigaction(SIGUSR1, old)
        yield* sys.kill(me, SIGUSR1)
        yield* say(sys, seen.join())
      },
    })
    const copies: Kernel[] = []
    for (let steps = 0; steps < 8; steps++) {
      copies.push(k.fork())
      k.step()
    }
    for (const copy of [k, ...copies]) expect(linesOf(copy)).toEqual(['two,one'])
  })

  it('can be made while a handler sleeps inside a sleeping program', () => {
    const k = boot()
    k.spawn({
      program: function* (sys) {
        const handler = function* (): Program {
          yield* sys.nanosleep(50)
          yield* say(sys, 'handler slept')
        }
        yield* sys.sigaction(SIGALRM, { handler, flags: SA_RESTART, mask: [] })
        yield* sys.setitimer(0, { interval: 0, value: 10 })
        yield* say(sys, yield* sys.waitpid(-1))
        yield* sys.nanosleep(30)
        yield* say(sys, 'program slept')
      },
    })
    k.run({ until: 20 })
    const copy = k.fork()
    for (const kernel of [k, copy]) {
      expect(linesOf(kernel)).toEqual([String(ECHILD), 'handler slept', 'program slept'])
    }
    expect(copy.digest()).toBe(k.digest())
    checkState(k)
  })

  it('is refused for a program without a journal once that has begun, not before', () => {
    const k = boot()
    k.spawn({
      journal: false,
      comm: 'daemon',
      program: function* daemon(sys) {
        yield* sys.getpid()
        yield* sys.getpid()
      },
    })
    expect(() => k.fork().run()).not.toThrow()
    k.step()
    expect(() => k.fork().run()).toThrow(
      'program daemon (pid 2) has no journal: spawn it with journal: true to copy it',
    )
    expect(() => k.run()).not.toThrow()
  })

  it('says which call differs when a program does not repeat itself', () => {
    let outside = 0
    const k = boot()
    k.spawn({
      comm: 'fickle',
      program: function* (sys) {
        outside++
        yield* sys.umask(outside)
        yield* sys.getpid()
      },
    })
    k.step()
    k.step()
    expect(() => k.fork().run()).toThrow(
      'program fickle (pid 2) does not repeat itself: call 1 was umask(1), now umask(2); ' +
        'a program must reach the world only through sys',
    )
  })

  it('does not run code of the program when nothing of it runs', () => {
    let started = 0
    const k = boot()
    k.spawn({
      program: function* (sys) {
        started++
        yield* sys.pause()
      },
    })
    k.run()
    const copy = k.fork()
    copy.run()
    expect([started, copy.digest()]).toEqual([1, k.digest()])
  })
})

describe('masks and handlers', () => {
  it('delivers what was blocked as soon as it is let through', () => {
    const lines = runLines(function* (sys) {
      const me = yield* sys.getpid()
      const handler = function* (sig: number): Program {
        yield* say(sys, `signal ${sig}`)
      }
      yield* sys.sigaction(SIGUSR1, { handler, flags: 0, mask: [] })
      yield* sys.sigprocmask(SIG_BLOCK, [SIGUSR1])
      yield* sys.kill(me, SIGUSR1)
      yield* say(sys, `pending ${ok(yield* sys.sigpending()).join()}`)
      yield* sys.sigsuspend([])
      yield* say(sys, `blocked ${ok(yield* sys.sigprocmask(SIG_BLOCK, null)).join()}`)
    })
    expect(lines).toEqual(['pending 10', 'signal 10', 'blocked 10'])
  })

  it('lets a parent learn of a child by SIGCHLD', () => {
    const lines = runLines(function* (sys) {
      const seen: number[] = []
      yield* sys.sigaction(SIGCHLD, { handler: (sig) => seen.push(sig), flags: 0, mask: [] })
      yield* sys.sigprocmask(SIG_BLOCK, [SIGCHLD])
      const pid = yield* sys.fork()
      if (pid === 0) return 4
      yield* sys.sigsuspend([])
      const { status } = ok(yield* sys.waitpid(-1))
      yield* say(sys, `${seen.join()} ${WEXITSTATUS(status)}`)
      return 0
    })
    expect(lines).toEqual([`${SIGCHLD} 4`])
  })

  it('kills for good with SIGKILL, handlers or not', () => {
    const k = boot()
    const killer = k.spawn()
    const p = k.spawn({
      parent: killer,
      program: function* (sys) {
        for (;;) yield* sys.pause()
      },
    })
    k.run()
    ok(killer.sys.kill(p.pid, SIGKILL))
    k.run()
    expect(p.killedBy).toBe(SIGKILL)
  })
})
