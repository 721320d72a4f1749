import {
  CLONE_FILES,
  CLONE_FS,
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VM,
  createKernel,
  isErr,
  type Program,
  SIGUSR1,
  type Sys,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'

const THREAD = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD

/** What the threads of a test report, in the order in which they run. */
function world() {
  const k = createKernel({ profile: '2.6.14' })
  const said: string[] = []
  k.install('/bin/after', function* (sys: Sys): Program {
    said.push(`after pid ${yield* sys.getpid()} tid ${yield* sys.gettid()}`)
    return 9
  })
  return { k, said }
}

describe('CLONE_THREAD (copy_process, 2.6.14)', () => {
  it('gives a thread its own tid and the process its pid', () => {
    const { k, said } = world()
    const p = k.spawn({
      program: function* (sys) {
        yield* sys.clone(THREAD, function* (own): Program {
          said.push(`thread ${yield* own.getpid()} ${(yield* own.gettid()) !== (yield* own.getpid())}`)
        })
        yield* sys.nanosleep(10)
        return 3
      },
    })
    k.run()
    expect(said).toEqual([`thread ${p.pid} true`])
    expect(p.exitCode).toBe(3)
  })

  it('ends with its function; the process goes on', () => {
    const { k, said } = world()
    const p = k.spawn({
      program: function* (sys) {
        yield* sys.clone(THREAD, function* (): Program {
          return 7
        })
        yield* sys.nanosleep(10)
        said.push('still here')
        return 0
      },
    })
    k.run()
    expect(said).toEqual(['still here'])
    expect(p.exitCode).toBe(0)
  })

  it('exit_group of one thread ends them all (do_group_exit)', () => {
    const { k, said } = world()
    const p = k.spawn({
      program: function* (sys) {
        yield* sys.clone(THREAD, function* (own): Program {
          yield* own.exit_group(5)
        })
        yield* sys.pause()
        said.push('never')
      },
    })
    k.run()
    expect(said).toEqual([])
    expect(p.exitCode).toBe(5)
  })

  it('exec by a thread leaves only that thread, under the pid of the process (de_thread)', () => {
    const { k, said } = world()
    const parent = k.spawn()
    const p = k.spawn({
      parent,
      program: function* (sys) {
        yield* sys.clone(THREAD, function* (own): Program {
          yield* own.exec('/bin/after', ['after'])
        })
        yield* sys.pause()
        said.push('never')
      },
    })
    k.run()
    expect(said).toEqual([`after pid ${p.pid} tid ${p.pid}`])
    const waited = parent.sys.waitpid(p.pid, 0)
    expect(isErr(waited) ? waited : waited.status >> 8).toBe(9)
    expect(k.describe().tasks.map(({ pid }) => pid)).toEqual([1, parent.pid])
  })

  it('a signal to the process is taken by a thread that does not block it (__group_complete_signal)', () => {
    const { k, said } = world()
    const p = k.spawn({
      program: function* (sys) {
        const handler = function* (own: Sys): Program {
          said.push(`taken by the leader: ${(yield* own.gettid()) === (yield* own.getpid())}`)
        }
        yield* sys.sigaction(SIGUSR1, { handler: () => handler(sys), flags: 0, mask: [] })
        yield* sys.clone(THREAD, function* (own): Program {
          yield* own.pause()
        })
        yield* sys.sigprocmask(0, [SIGUSR1])
        yield* sys.nanosleep(50)
        return 0
      },
    })
    k.run({ until: 10 })
    k.spawn().sys.kill(p.pid, SIGUSR1)
    k.run()
    expect(p.exitCode).toBe(0)
  })
})
