/** The hook syscallWork: the calls of flagged tasks, and what a signal makes a task enter anew. Linux: secure_computing. */
import {
  type AnyModule,
  createKernel,
  EINTR,
  EPERM,
  type Kernel,
  type KernelOptions,
  type Process,
  SA_RESTART,
  SA_SIGINFO,
  type SecurityHooks,
  SIGCONT,
  SIGSEGV,
  SIGSTOP,
  SIGUSR1,
  type Task,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { SKIPPED } from '../../src/abi/errno.js'
import { doExit } from '../../src/kernel/exit.js'
import { TF_SYSCALL_WORK } from '../../src/kernel/task.js'
import { type Body, checkInvariants, forkOf, handle, pipeOf, taskOf } from '../helpers/world.js'

type Work = SecurityHooks['syscallWork']

/** A kernel whose flagged tasks are asked about, and what was asked. */
function scene(work: Work, options: Omit<KernelOptions, 'modules'> = {}): { k: Kernel; asked: string[] } {
  const asked: string[] = []
  const watch: AnyModule = {
    name: 'watch',
    init: () => ({}),
    attach: () => ({
      api: {},
      hooks: {
        syscallWork(current, name, nr, ...args) {
          asked.push(name)
          return work(current, name, nr, ...args)
        },
      } satisfies Partial<SecurityHooks>,
    }),
  }
  return { k: createKernel({ modules: [watch], profile: '2.6.14', ...options }), asked }
}

const flag = (p: Process): Process => {
  taskOf(p).flags |= TF_SYSCALL_WORK
  return p
}

const allow: Work = () => 0

/** A program that is flagged from its start. */
function spawn(k: Kernel, program: Body): Process {
  return flag(k.spawn({ program }))
}

describe('syscallWork', () => {
  it('is asked about flagged tasks and their children only, with name, number and arguments', () => {
    const seen: unknown[] = []
    const { k } = scene((_current, name, nr, ...args) => {
      seen.push([name, nr, ...args.filter((arg) => arg !== undefined)])
      return 0
    })
    k.spawn().sys.getpid()
    const p = flag(k.spawn())
    p.sys.mkdir('/tmp/d', 0o700)
    forkOf(k, p).sys.getppid()
    expect(seen).toEqual([
      ['mkdir', 39, '/tmp/d', 0o700],
      ['fork', 2],
      ['getppid', 64],
    ])
  })

  it('refuses, skips with a result of its own, or ends the task: nothing of the call has happened', () => {
    const { k } = scene((current: Task, name) => {
      if (name === 'rmdir') return EPERM
      if (name === 'mkdir') {
        current.result = 7
        return SKIPPED
      }
      if (name === 'unlink') doExit(current, 9)
      return 0
    })
    const p = k.spawn()
    p.sys.mkdir('/tmp/d', 0o700)
    const child = flag(forkOf(k, p))
    expect(child.sys.rmdir('/tmp/d')).toBe(EPERM)
    expect(k.why(child)).toMatchObject({ check: 'hook', hook: 'syscallWork', module: 'watch' })
    expect(child.sys.mkdir('/tmp/e', 0o700)).toBe(7)
    expect(child.begin.mkdir('/tmp/e', 0o700).result).toBe(7)
    expect(child.sys.access('/tmp/e', 0)).toBe(-2)
    expect(child.sys.unlink('/tmp/d')).toBe(EINTR)
    expect(child.exitStatus).toBe(9)
    expect(k.why(child)).toMatchObject({ check: 'kill', cause: 'hook', module: 'watch', syscall: 'unlink' })
    expect(p.sys.waitpid(child.pid)).toMatchObject({ status: 9 })
    checkInvariants(k)
  })

  it('comes before syscallEnter, which is not asked about what has been refused', () => {
    const order: string[] = []
    const module: AnyModule = {
      name: 'both',
      init: () => ({}),
      attach: () => ({
        api: {},
        hooks: {
          syscallEnter: (_current: Task, name: string) => Number(order.push(`enter ${name}`)) * 0,
          syscallWork: (_current: Task, name: string) => {
            order.push(`work ${name}`)
            return name === 'getppid' ? EPERM : 0
          },
        },
      }),
    }
    const p = flag(createKernel({ modules: [module] }).spawn())
    p.sys.getpid()
    expect(p.sys.getppid()).toBe(EPERM)
    expect(order).toEqual(['work getpid', 'enter getpid', 'work getppid'])
  })

  it('is asked again when a call goes on after a stop, by its own name', () => {
    const { k, asked } = scene(allow)
    const p = k.spawn()
    const { r } = pipeOf(p)
    const child = forkOf(k, p)
    const call = child.begin.read(r, new Uint8Array(1))
    flag(child)
    p.sys.kill(child.pid, SIGSTOP)
    p.sys.kill(child.pid, SIGCONT)
    expect([call.blocked, asked]).toEqual([true, ['read']])
  })

  it('is asked about restart_syscall when a sleep with a deadline goes on after a stop', () => {
    const { k, asked } = scene((current, name) => {
      if (name === 'restart_syscall') doExit(current, 9)
      return 0
    })
    const p = k.spawn()
    const child = forkOf(k, p)
    child.begin.nanosleep(1000)
    flag(child)
    p.sys.kill(child.pid, SIGSTOP)
    p.sys.kill(child.pid, SIGCONT)
    expect([asked, child.exitStatus]).toEqual([['restart_syscall'], 9])
    checkInvariants(k)
  })

  it.each([
    [SA_RESTART, ['sigreturn', 'read']],
    [SA_RESTART | SA_SIGINFO, ['rt_sigreturn', 'read']],
    [0, ['sigreturn']],
  ])('is asked when a handler returns and when it restarts a call (flags %#x)', (flags, expected) => {
    const { k, asked } = scene(allow)
    const p = k.spawn()
    const { r } = pipeOf(p)
    const child = forkOf(k, p)
    child.sys.sigaction(SIGUSR1, { handler: () => {}, flags, mask: [] })
    child.begin.read(r, new Uint8Array(1))
    flag(child)
    p.sys.kill(child.pid, SIGUSR1)
    expect(asked).toEqual(expected)
  })

  it('crashes a handler that may not return', () => {
    const { k } = scene((_current, name) => (name === 'sigreturn' ? EPERM : 0))
    const p = k.spawn()
    const child = spawn(k, function* (sys) {
      yield* sys.sigaction(SIGUSR1, { handler: () => {}, flags: 0, mask: [] })
      yield* sys.pause()
    })
    k.run()
    p.sys.kill(child.pid, SIGUSR1)
    k.run()
    expect(child.killedBy).toBe(SIGSEGV)
    checkInvariants(k)
  })

  it('takes the return of a program for exit_group, then exit, then a fault', () => {
    const outcome = (refused: readonly string[]): unknown => {
      const { k, asked } = scene((_current, name) => (refused.includes(name) ? EPERM : 0))
      const p = spawn(k, function* () {
        return 3
      })
      k.run()
      checkInvariants(k)
      return [asked, p.exitStatus]
    }
    expect(outcome([])).toEqual([['exit_group'], 0x300])
    expect(outcome(['exit_group'])).toEqual([['exit_group', 'exit'], 0x300])
    expect(outcome(['exit_group', 'exit'])).toEqual([['exit_group', 'exit'], SIGSEGV])
  })

  it('takes the return of a thread for exit', () => {
    const { k, asked } = scene(allow)
    const CLONE_THREAD_ALL = 0x00010f00
    spawn(k, function* (sys) {
      yield* sys.clone(CLONE_THREAD_ALL, function* () {
        return 0
      })
      yield* sys.exit(0)
    })
    k.run()
    expect(asked).toEqual(['clone', 'exit', 'exit'])
    checkInvariants(k)
  })

  it('finds the flag in a copy of the kernel', () => {
    const { k } = scene((_current, name) => (name === 'getppid' ? EPERM : 0))
    const p = flag(k.spawn())
    const copy = k.fork()
    expect(handle(copy, p.pid).sys.getppid()).toBe(EPERM)
    expect(p.sys.getppid()).toBe(EPERM)
    expect(copy.digest()).toBe(k.digest())
  })
})
