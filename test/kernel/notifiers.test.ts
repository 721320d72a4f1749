/** What modules are told about tasks: ids, and what the host starts. Linux: the process-event calls in sys.c. */
import { createKernel, defineModule } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { handle, ok } from '../helpers/world.js'

describe('notifiers', () => {
  const told = () =>
    defineModule({
      name: 'told',
      init: () => ({ lines: [] as string[] }),
      attach: (_k, { lines }) => ({
        api: { lines: () => lines.splice(0) },
        notify: {
          fork: (parent, child) => void lines.push(`fork ${parent.pid} ${child.pid}`),
          exec: ({ pid, comm }) => void lines.push(`exec ${pid} ${comm}`),
          setid: ({ pid }, which) => void lines.push(`${which} ${pid}`),
        },
      }),
    })

  it('hear which kind of id is set', () => {
    const k = createKernel({ modules: [told()] })
    const p = k.spawn()
    k.told.lines()
    const calls = [
      () => p.sys.setgid(0),
      () => p.sys.setregid(0, 0),
      () => p.sys.setresgid(0, 0, 0),
      () => p.sys.setfsgid(0),
      () => p.sys.setuid(0),
      () => p.sys.setreuid(0, 0),
      () => p.sys.setresuid(0, 0, 0),
      () => p.sys.setfsuid(0),
    ]
    const lines = calls.map((call) => {
      ok(call())
      return k.told.lines().join()
    })
    const [uid, gid] = [`uid ${p.pid}`, `gid ${p.pid}`]
    expect(lines).toEqual([gid, gid, gid, gid, uid, uid, uid, uid])
  })

  it('hear of what the host starts: a fork, and ids and a program where it has them', () => {
    const k = createKernel({ modules: [told()] })
    k.told.lines()
    const root = k.spawn().pid
    expect(k.told.lines()).toEqual([`fork 1 ${root}`])
    const user = k.spawn({ uid: 7, gid: 8, comm: 'worker', *program() {} }).pid
    expect(k.told.lines()).toEqual([`fork 1 ${user}`, `gid ${user}`, `uid ${user}`, `exec ${user} worker`])
    const child = k.spawn({ uid: 7, gid: 8, parent: handle(k, user) }).pid
    expect(k.told.lines()).toEqual([`fork ${user} ${child}`])
  })
})
