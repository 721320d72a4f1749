/** Tasks that a module hides are as if they did not exist, wherever Linux 2.2.12 finds another task: reference §1.6. */
import {
  createKernel,
  defineModule,
  ENOENT,
  ESRCH,
  F_SETFL,
  F_SETOWN,
  O_RDONLY,
  PROFILES,
  SIGIO,
  type Task,
} from 'paleokernel'
import { AF_UNIX, net, SOCK_STREAM } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'
import { handle, ok, readFile } from '../helpers/world.js'

const FASYNC = 0o20000

/** Tasks of different uids, the effective ones, do not see one another; root sees all. `lists` counts short lists. */
const strangers = () =>
  defineModule({
    name: 'strangers',
    init: () => ({ lists: 0 }),
    attach: (k, state) => ({
      api: state,
      hooks: {
        taskVisible: (current, target) =>
          current.cred.euid === 0 || current.cred.euid === target.cred.euid ? 0 : ENOENT,
      },
      tasksAmong(current: Task) {
        if (current.cred.euid === 0) return null
        state.lists++
        return [...k.state.tasks.values()].filter((task) => task.cred.euid === current.cred.euid)
      },
      taskStatus: (current, task) => `Seen:\t${current.pid} ${task.pid}\n`,
    }),
  })

function scene(profile: (typeof PROFILES)[number]) {
  const k = createKernel({ profile, modules: [strangers()] })
  const root = k.spawn()
  const alice = k.spawn({ uid: 1000, gid: 100 })
  const bob = k.spawn({ uid: 1001, gid: 100 })
  const bobby = handle(k, ok(bob.sys.fork()))
  return { k, root, alice, bob, bobby }
}

describe.each(PROFILES)('hidden tasks, %s', (profile) => {
  it('§1.6: calls that name one say ESRCH, never EPERM', () => {
    const { alice, bob } = scene(profile)
    const { sys } = alice
    const { pid } = bob
    expect([
      sys.kill(pid, 0),
      sys.kill(pid, 9),
      sys.getpgid(pid),
      sys.getsid(pid),
      sys.setpgid(pid, 0),
      sys.getpriority(0, pid),
      sys.setpriority(0, pid, 5),
      sys.sched_getscheduler(pid),
      sys.sched_getparam(pid),
    ]).toEqual(new Array(9).fill(ESRCH))
    expect(bob.state).not.toBe('zombie')
  })

  it('§1.6: calls that mean many mean those that are seen', () => {
    const { alice, bob, bobby, root } = scene(profile)
    expect(alice.sys.kill(-1, 9)).toBe(ESRCH)
    expect(alice.sys.kill(-ok(bob.sys.getpgid(0)), 9)).toBe(ESRCH)
    expect(alice.sys.getpriority(2, 1001)).toBe(ESRCH)
    expect(bob.sys.kill(-1, 9)).toBe(0)
    expect(bobby.state).toBe('zombie')
    expect(root.sys.kill(-1, 0)).toBe(0)
  })

  it('/proc: no entry, no lookup, no link counted, and no reading of what was opened before', () => {
    const { k, alice, bob, bobby, root } = scene(profile)
    const names = (p: typeof alice): string[] => {
      const fd = ok(p.sys.open('/proc', O_RDONLY))
      const list: string[] = []
      for (let part = ok(p.sys.getdents(fd)); part.length > 0; part = ok(p.sys.getdents(fd)))
        list.push(...part.map(({ name }) => name))
      p.sys.close(fd)
      return list.filter((name) => /^\d+$/.test(name))
    }
    expect(names(alice)).toEqual([String(alice.pid)])
    expect(names(bob)).toEqual([String(bob.pid), String(bobby.pid)])
    expect(k.strangers.lists).toBeGreaterThan(0)
    // A name that another has looked up before is no better.
    ok(root.sys.stat(`/proc/${bob.pid}/status`))
    for (const path of ['', '/status', '/fd', '/cwd', '/nothing'])
      expect(alice.sys.stat(`/proc/${bob.pid}${path}`)).toBe(ENOENT)
    expect(ok(root.sys.stat('/proc')).nlink - ok(alice.sys.stat('/proc')).nlink).toBe(names(root).length - 1)
    expect(readFile(alice, '/proc/self/status')).toContain(`Seen:\t${alice.pid} ${alice.pid}\n`)
    // Opened while it was seen.
    const fd = ok(root.sys.open(`/proc/${bob.pid}/status`, O_RDONLY))
    const dir = ok(root.sys.open(`/proc/${bob.pid}`, O_RDONLY))
    ok(root.sys.setuid(1000))
    expect(root.sys.read(fd, new Uint8Array(9))).toBe(ESRCH)
    ok(root.sys.fchdir(dir))
    expect(root.sys.stat('status')).toBe(ENOENT)
  })

  it('parents, children and the own number stay', () => {
    const { k, bob } = scene(profile)
    const child = handle(k, ok(bob.sys.fork()))
    ok(bob.sys.setuid(1001))
    expect(child.sys.getppid()).toBe(bob.pid)
    child.sys.exit(3)
    expect(ok(bob.sys.waitpid(child.pid)).status).toBe(3 << 8)
    expect(bob.sys.kill(bob.pid, 0)).toBe(0)
  })
})

it('SIGIO is not sent to an owner whom a module keeps it from', () => {
  const told: string[] = []
  const quiet = defineModule({
    name: 'quiet',
    init: () => ({ owners: 0 }),
    attach: (_k, state) => ({
      api: state,
      hooks: {
        fileSetFowner() {
          state.owners++
        },
        fileSendSigiotask: (task) => (task.cred.uid === 0 ? 0 : ESRCH),
      },
    }),
  })
  const k = createKernel({ profile: '2.2.12', modules: [net(), quiet] })
  for (const uid of [0, 1000]) {
    const p = k.spawn({ uid })
    ok(p.sys.sigaction(SIGIO, { handler: () => told.push(String(uid)), flags: 0, mask: [] }))
    const [own, other] = ok(p.sys.socketpair(AF_UNIX, SOCK_STREAM, 0))
    ok(p.sys.fcntl(own, F_SETOWN, p.pid))
    ok(p.sys.fcntl(own, F_SETFL, FASYNC))
    ok(p.sys.write(other, new Uint8Array(1)))
    p.sys.getpid()
  }
  expect(k.quiet.owners).toBe(2)
  expect(told).toEqual(['0'])
})
