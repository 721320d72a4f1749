/** Lessons on processes: families, signals and what becomes of those left behind. */
import {
  createKernel,
  ECHILD,
  EINTR,
  EPERM,
  ESRCH,
  isErr,
  type Program,
  SA_RESTART,
  SIGALRM,
  SIGCONT,
  SIGKILL,
  SIGSTOP,
  SIGTERM,
  type Sys,
  straceLine,
  utf8Encode,
  WEXITSTATUS,
  WNOHANG,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'

describe('fork returns twice', () => {
  it('once in the parent with the pid of the child, once in the child with 0', () => {
    const k = createKernel()
    const log: string[] = []
    k.trace.on('syscall:exit', ({ pid, name, ret }) => log.push(`${pid} ${name} = ${String(ret)}`))

    // One text, run by two processes: each has its own copy of every variable.
    function* program(sys: Sys): Program {
      let luck = 10
      const pid = yield* sys.fork()
      if (pid === 0) {
        luck *= 2
        return luck
      }
      const result = yield* sys.waitpid(-1)
      return isErr(result) ? 1 : WEXITSTATUS(result.status) + luck
    }
    const shell = k.spawn({ comm: 'shell' })
    const parent = k.spawn({ parent: shell, program })
    k.run()

    expect(parent.exitCode).toBe(20 + 10)
    expect(log).toContain('3 fork = 4')
  })
})

describe('An orphan finds init', () => {
  it('which is pid 1, and never leaves a dead child lying about', () => {
    const k = createKernel()
    const grandmother = k.spawn({ comm: 'grandmother' })
    const mother = k.process(grandmother.libc.fork())
    const child = k.process(mother?.libc.fork() ?? 0)
    if (mother === undefined || child === undefined) throw new Error('no family')

    // The mother dies. Her child goes to pid 1, not to its grandmother.
    mother.sys.exit(0)
    expect(child.sys.getppid()).toBe(1)

    // The mother herself is a zombie: nobody has asked how she ended.
    expect(mother.state).toBe('zombie')
    expect(grandmother.libc.waitpid(mother.pid).status).toBe(0)
    expect(mother.state).toBe('dead')

    // When the orphan ends, init takes notice at once: no zombie.
    child.sys.exit(3)
    expect(child.state).toBe('dead')
    expect(grandmother.sys.waitpid(-1, WNOHANG)).toBe(ECHILD)
  })
})

describe('A zombie cannot be killed', () => {
  it('because it is dead: what is left is its answer to "how did it end?"', () => {
    const k = createKernel()
    const parent = k.spawn()
    const child = k.process(parent.libc.fork())
    child?.sys.exit(42)

    expect(parent.sys.kill(child?.pid ?? 0, SIGKILL)).toBe(0)
    expect(child?.state).toBe('zombie')
    expect(WEXITSTATUS(parent.libc.waitpid(-1).status)).toBe(42)
    expect(parent.sys.kill(child?.pid ?? 0, SIGKILL)).toBe(ESRCH)
  })
})

describe('A signal knocks on a sleeping call', () => {
  it('the call gives up, or starts again if the handler says so', () => {
    for (const [flags, outcome] of [
      [0, EINTR],
      [SA_RESTART, 3],
    ] as const) {
      const k = createKernel()
      const p = k.spawn({ comm: 'sleeper' })
      const [r, w] = p.libc.pipe()
      let rings = 0
      p.libc.sigaction(SIGALRM, {
        handler: () => {
          rings++
        },
        flags,
        mask: [],
      })

      // An alarm in five seconds; somebody writes after ten.
      p.libc.alarm(5)
      k.spawn({
        parent: p,
        program: function* late(sys) {
          yield* sys.nanosleep(10_000)
          yield* sys.write(w, utf8Encode('hey'))
        },
      })
      expect(p.sys.read(r, new Uint8Array(8))).toBe(outcome)
      expect(rings).toBe(1)
      expect(k.now).toBe(outcome === EINTR ? 5_000 : 10_000)
    }
  })
})

describe('Stopped is not dead', () => {
  it('and SIGKILL does not wait for SIGCONT', () => {
    const k = createKernel()
    const boss = k.spawn({ comm: 'boss' })
    const [a, b] = [k.spawn({ comm: 'a' }), k.spawn({ comm: 'b' })]
    for (const { pid } of [a, b]) boss.libc.kill(pid, SIGSTOP)
    expect([a.state, b.state]).toEqual(['stopped', 'stopped'])

    // A polite request waits until the process runs again.
    boss.libc.kill(a.pid, SIGTERM)
    expect(a.state).toBe('stopped')
    boss.libc.kill(a.pid, SIGCONT)
    expect(a.state).toBe('dead')

    // The other one does not.
    boss.libc.kill(b.pid, SIGKILL)
    expect(b.state).toBe('dead')
  })

  it('and nobody stops pid 1', () => {
    const k = createKernel()
    const boss = k.spawn({ uid: 0 })
    for (const sig of [SIGTERM, SIGSTOP, SIGKILL]) expect(boss.sys.kill(1, sig)).toBe(0)
    expect(k.process(1)?.state).toBe('idle')
    expect(k.spawn({ uid: 1000 }).sys.kill(1, SIGTERM)).toBe(EPERM)
  })
})

describe('What a program did, line by line', () => {
  it('looks like strace', () => {
    const k = createKernel()
    const lines: string[] = []
    k.trace.on('event', (event) => {
      const line = straceLine(event)
      if (line !== undefined) lines.push(line)
    })
    k.spawn({
      comm: 'cat',
      program: function* cat(sys) {
        const fd = yield* sys.open('/etc/motd', 0)
        return isErr(fd) ? 1 : 0
      },
    })
    k.run()
    expect(lines.join('\n')).toContain('open("/etc/motd", O_RDONLY) = -1 ENOENT (No such file or directory)')
  })
})
