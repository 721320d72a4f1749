/** clone(2) with a function, threads, vfork. Linux: copy_process, do_fork (kernel/fork.c, 2.6.14). */
import {
  CLONE_FILES,
  CLONE_FS,
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VFORK,
  CLONE_VM,
  EBADF,
  EFAULT,
  EINVAL,
  ENOSYS,
  O_CREAT,
  O_WRONLY,
  type Program,
  SIGCHLD,
  SIGKILL,
  SIGUSR1,
  SIGUSR2,
  type Sys,
  utf8Encode,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { type Body, boot, checkInvariants, handle, ok, readFile } from '../helpers/world.js'

const THREAD = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD

function* say(sys: Sys, line: string): Program {
  const fd = ok(yield* sys.open('/log', O_WRONLY | O_CREAT | 0o2000, 0o666))
  yield* sys.write(fd, utf8Encode(`${line}\n`))
  yield* sys.close(fd)
}

function runLines(program: Body, options: Parameters<typeof boot>[0] = {}): string[] {
  const k = boot(options)
  k.spawn({ program })
  k.run()
  checkInvariants(k)
  return readFile(k.spawn(), '/log').trimEnd().split('\n')
}

describe('clone(2) with a function', () => {
  it('starts a child that runs the function and ends with its result', () => {
    const lines = runLines(function* (sys) {
      const pid = ok(
        yield* sys.clone(SIGCHLD, function* (own: Sys): Program {
          yield* say(own, `child of ${yield* own.getppid()}`)
          return 7
        }),
      )
      const { status } = ok(yield* sys.waitpid(pid))
      yield* say(sys, `status ${status >> 8}`)
    })
    expect(lines).toEqual(['child of 2', 'status 7'])
  })

  it.each([
    ['shares descriptors with CLONE_FILES', CLONE_FILES, EBADF],
    ['copies them without', 0, 0],
  ])('%s', (_what, flags, result) => {
    const lines = runLines(function* (sys) {
      const fd = ok(yield* sys.open('/etc/passwd', 0))
      const pid = ok(
        yield* sys.clone(flags | SIGCHLD, function* (own: Sys): Program {
          yield* own.close(fd)
        }),
      )
      yield* sys.waitpid(pid)
      yield* say(sys, String(yield* sys.close(fd)))
    })
    expect(lines).toEqual([String(result)])
  })

  it.each([
    ['shares the working directory and umask with CLONE_FS', CLONE_FS, '/tmp 63'],
    ['copies them without', 0, '/ 18'],
  ])('%s', (_what, flags, result) => {
    const lines = runLines(function* (sys) {
      const pid = ok(
        yield* sys.clone(flags | SIGCHLD, function* (own: Sys): Program {
          yield* own.chdir('/tmp')
          yield* own.umask(0o77)
        }),
      )
      yield* sys.waitpid(pid)
      yield* say(sys, `${yield* sys.getcwd()} ${yield* sys.umask(0)}`)
    })
    expect(lines).toEqual([result])
  })

  it('lets the child run the handlers of its maker', () => {
    const lines = runLines(function* (sys) {
      const handler = function* (sig: number): Program {
        yield* say(sys, `signal ${sig} to ${yield* sys.getpid()}`)
      }
      yield* sys.sigaction(SIGUSR1, { handler, flags: 0, mask: [] })
      const pid = ok(
        yield* sys.clone(SIGCHLD, function* (own: Sys): Program {
          yield* own.kill(yield* own.getpid(), SIGUSR1)
        }),
      )
      yield* sys.waitpid(pid)
    })
    expect(lines).toEqual(['signal 10 to 3'])
  })

  it('runs a handler for a signal that comes before the child has begun, in a copy as well', () => {
    const k = boot()
    k.spawn({
      program: function* (sys) {
        const handler = function* (): Program {
          yield* say(sys, 'handler first')
        }
        yield* sys.sigaction(SIGUSR1, { handler, flags: 0, mask: [] })
        const pid = ok(
          yield* sys.clone(SIGCHLD, function* (own: Sys): Program {
            yield* say(own, 'child')
          }),
        )
        yield* sys.kill(pid, SIGUSR1)
      },
    })
    const copies = [k]
    while (k.step()) copies.push(k.fork())
    for (const copy of copies) {
      copy.run()
      expect(readFile(copy.spawn(), '/log')).toBe('handler first\nchild\n')
    }
  })

  it('is refused for anything but a generator function', () => {
    const p = boot().spawn()
    expect(p.sys.clone(SIGCHLD, 5 as never)).toBe(EFAULT)
    expect(p.sys.clone(SIGCHLD, (() => 0) as never)).toBe(EFAULT)
    expect(p.sys.clone(CLONE_THREAD, function* () {})).toBe(EINVAL)
    expect(p.sys.clone(CLONE_SIGHAND, function* () {})).toBe(EINVAL)
  })

  it('works from a process that the host drives', () => {
    const k = boot()
    const p = k.spawn()
    const pid = ok(
      p.sys.clone(SIGCHLD, function* (sys) {
        yield* sys.getpid()
        return 2
      }),
    )
    expect(ok(p.sys.waitpid(pid)).status).toBe(0x200)
  })
})

describe('threads: CLONE_THREAD, Linux 2.6.14', () => {
  it('have one pid, tids of their own, and one parent', () => {
    const lines = runLines(function* (sys) {
      const tid = ok(
        yield* sys.clone(THREAD, function* (own: Sys): Program {
          yield* say(own, `${yield* own.getpid()} ${yield* own.gettid()} ${yield* own.getppid()}`)
        }),
      )
      yield* sys.nanosleep(1)
      yield* say(sys, `${yield* sys.getpid()} ${tid} ${yield* sys.waitpid(-1)}`)
    })
    expect(lines).toEqual(['2 3 1', '2 3 -10'])
  })

  it('end one by one with exit, all together with exit_group', () => {
    const lines = runLines(function* (sys) {
      const parent = ok(yield* sys.fork())
      if (parent !== 0) {
        yield* say(sys, `status ${ok(yield* sys.waitpid(parent)).status >> 8}`)
        return
      }
      yield* sys.clone(THREAD, function* (own: Sys): Program {
        yield* own.nanosleep(5)
        yield* own.exit(1)
      })
      yield* sys.clone(THREAD, function* (own: Sys): Program {
        yield* own.nanosleep(10)
        yield* own.exit_group(9)
      })
      yield* sys.pause()
    })
    expect(lines).toEqual(['status 9'])
  })

  it('are killed together by a fatal signal to one of them', () => {
    const k = boot()
    const parent = k.spawn()
    const p = k.spawn({
      parent,
      program: function* (sys) {
        for (let i = 0; i < 3; i++)
          yield* sys.clone(THREAD, function* (own: Sys): Program {
            yield* own.pause()
          })
        yield* sys.pause()
      },
    })
    k.run()
    expect(k.describe().tasks).toHaveLength(6)
    ok(parent.sys.tkill(p.pid + 2, SIGKILL))
    k.run()
    expect(p.killedBy).toBe(SIGKILL)
    expect(k.describe().tasks.map(({ pid, state }) => `${pid} ${state}`)).toEqual([
      '1 idle',
      '2 idle',
      '3 zombie',
    ])
    checkInvariants(k)
  })

  it('share dispositions; a signal to the process goes to a thread that takes it', () => {
    const lines = runLines(function* (sys) {
      const handler = function* (): Program {
        yield* say(sys, `taken by ${yield* sys.gettid()}`)
      }
      yield* sys.sigaction(SIGUSR2, { handler, flags: 0, mask: [] })
      yield* sys.clone(THREAD, function* (own: Sys): Program {
        yield* own.pause()
      })
      yield* sys.sigprocmask(0, [SIGUSR2])
      yield* sys.sched_yield()
      yield* sys.kill(yield* sys.getpid(), SIGUSR2)
      yield* sys.nanosleep(1)
    })
    expect(lines).toEqual(['taken by 3'])
  })

  it('do not exist before 2.6', () => {
    const p = boot({ profile: '2.2.12' }).spawn()
    expect(p.sys.clone(THREAD, function* () {})).toBe(EINVAL)
    expect(p.sys.exit_group(0)).toBe(ENOSYS)
  })
})

describe('vfork(2)', () => {
  it('lets the child go first, until it execs or ends', () => {
    const k = boot({
      programs: {
        '/bin/next': function* (sys: Sys): Program {
          yield* say(sys, 'next')
        },
      },
    })
    k.spawn({
      program: function* (sys) {
        const pid = ok(yield* sys.vfork())
        if (pid === 0) {
          for (let i = 0; i < 3; i++) yield* sys.sched_yield()
          yield* say(sys, 'child')
          yield* sys.execve('/bin/next', ['next'], [])
        }
        yield* say(sys, `parent of ${pid}`)
      },
    })
    k.run()
    const lines = readFile(k.spawn(), '/log').trimEnd().split('\n')
    expect(lines[0]).toBe('child')
    expect(lines.slice(1).sort()).toEqual(['next', 'parent of 3'])
  })

  it('is ENOSYS in 2.0', () => {
    expect(boot({ profile: '2.0.35' }).spawn().sys.vfork()).toBe(ENOSYS)
  })

  it('keeps a driven process in the call meanwhile', () => {
    const k = boot()
    const p = k.spawn()
    const vfork = p.begin.vfork()
    const child = handle(k, 3)
    expect([vfork.blocked, p.state, child.state]).toEqual([true, 'sleeping', 'idle'])
    child.sys.exit(1)
    expect(vfork).toMatchObject({ blocked: false, result: 3 })
  })

  it('sleeps in clone with CLONE_VFORK and a function as well', () => {
    const lines = runLines(function* (sys) {
      yield* sys.clone(CLONE_VFORK | CLONE_VM | SIGCHLD, function* (own: Sys): Program {
        yield* own.nanosleep(20)
        yield* say(own, 'child')
      })
      yield* say(sys, 'parent')
    })
    expect(lines).toEqual(['child', 'parent'])
  })
})
