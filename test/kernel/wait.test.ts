/** Waiting for children. Linux: do_wait, eligible_child, wait_task_* (kernel/exit.c, 2.6.14); sys_wait4 (2.2.12). */
import {
  __WALL,
  __WCLONE,
  ECHILD,
  EINTR,
  EINVAL,
  type Kernel,
  PROFILES,
  type Process,
  SA_RESTART,
  SIGCHLD,
  SIGCONT,
  SIGKILL,
  SIGSTOP,
  SIGTERM,
  SIGUSR1,
  WCONTINUED,
  WEXITSTATUS,
  WIFCONTINUED,
  WIFEXITED,
  WIFSIGNALED,
  WIFSTOPPED,
  WNOHANG,
  WouldBlock,
  WSTOPSIG,
  WTERMSIG,
  WUNTRACED,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { boot, checkInvariants, forkOf, handle, ok } from '../helpers/world.js'

interface Family {
  readonly k: Kernel
  readonly parent: Process
  readonly a: Process
  readonly b: Process
  readonly c: Process
}

/** A parent with three children: `a` in the parent's group, `b` in its own, `c` in that of `b`. */
function family(profile: (typeof PROFILES)[number] = '2.6.14'): Family {
  const k = boot({ profile, rootfs: 'empty' })
  const parent = k.spawn()
  const [a, b, c] = [forkOf(k, parent), forkOf(k, parent), forkOf(k, parent)]
  ok(parent.sys.setpgid(b.pid, 0))
  ok(parent.sys.setpgid(c.pid, b.pid))
  return { k, parent, a, b, c }
}

describe.each(PROFILES)('wait4, Linux %s', (profile) => {
  it('reports an exit code, once, and the child is gone', () => {
    const { k, parent, a } = family(profile)
    a.sys.exit(300)
    expect(a.state).toBe('zombie')
    const { pid, status } = ok(parent.sys.wait4(a.pid, 0))
    expect([pid, WIFEXITED(status), WEXITSTATUS(status), WIFSIGNALED(status)]).toEqual([
      a.pid,
      true,
      44,
      false,
    ])
    expect([a.state, parent.sys.wait4(a.pid, 0)]).toEqual(['dead', ECHILD])
    checkInvariants(k)
  })

  it('reports the signal that killed', () => {
    const { parent, a } = family(profile)
    ok(parent.sys.kill(a.pid, SIGTERM))
    const { status } = ok(parent.sys.wait4(a.pid, 0))
    expect([WIFSIGNALED(status), WTERMSIG(status), WIFEXITED(status)]).toEqual([true, SIGTERM, false])
  })

  it.each([
    ['a pid', ({ c }: Family) => c.pid, ({ c }: Family) => c],
    ['-1: any', () => -1, ({ b }: Family) => b],
    ['0: one of its own group', () => 0, ({ a }: Family) => a],
    ['-pgid: one of that group', ({ b }: Family) => -b.pid, ({ b }: Family) => b],
  ])('waits for %s', (_what, which, expected) => {
    const f = family(profile)
    const child = expected(f)
    child.sys.exit(1)
    expect(ok(f.parent.sys.wait4(which(f), 0)).pid).toBe(child.pid)
  })

  it('is ECHILD where no child is meant, whoever else there is', () => {
    const { k, parent, a } = family(profile)
    const stranger = k.spawn()
    for (const pid of [stranger.pid, 1, 999, -999]) expect(parent.sys.wait4(pid, 0)).toBe(ECHILD)
    expect([a.sys.wait4(-1, WNOHANG), a.sys.wait4(parent.pid, 0)]).toEqual([ECHILD, ECHILD])
    const grandchild = forkOf(k, a)
    expect(parent.sys.wait4(grandchild.pid, WNOHANG)).toBe(ECHILD)
  })

  it('says pid 0 with WNOHANG when there is nothing to say', () => {
    const { parent, a } = family(profile)
    expect(parent.sys.wait4(-1, WNOHANG)).toMatchObject({ pid: 0, status: 0 })
    a.sys.exit(0)
    expect(parent.sys.wait4(-1, WNOHANG)).toMatchObject({ pid: a.pid })
  })

  it('sleeps until the child that is meant ends', () => {
    const { parent, a, b } = family(profile)
    const call = parent.begin.wait4(b.pid, 0)
    a.sys.exit(1)
    expect(call.blocked).toBe(true)
    b.sys.exit(2)
    expect(call.result).toMatchObject({ pid: b.pid, status: 0x200 })
  })

  it('tells of a stop with WUNTRACED only, and once', () => {
    const { parent, a } = family(profile)
    ok(parent.sys.kill(a.pid, SIGSTOP))
    expect(ok(parent.sys.wait4(a.pid, WNOHANG)).pid).toBe(0)
    const { status } = ok(parent.sys.wait4(a.pid, WUNTRACED))
    expect([WIFSTOPPED(status), WSTOPSIG(status)]).toEqual([true, SIGSTOP])
    expect(ok(parent.sys.wait4(a.pid, WUNTRACED | WNOHANG)).pid).toBe(0)
    ok(parent.sys.kill(a.pid, SIGCONT))
    ok(parent.sys.kill(a.pid, SIGSTOP))
    expect(ok(parent.sys.wait4(a.pid, WUNTRACED)).pid).toBe(a.pid)
  })

  it('does not tell of a stop that is over', () => {
    const { parent, a } = family(profile)
    ok(parent.sys.kill(a.pid, SIGSTOP))
    ok(parent.sys.kill(a.pid, SIGCONT))
    expect(ok(parent.sys.wait4(a.pid, WUNTRACED | WNOHANG)).pid).toBe(0)
  })

  it.each([
    ['ends with EINTR', 0, EINTR],
    ['goes on with SA_RESTART', SA_RESTART, undefined],
  ])('%s when a handler runs', (_what, flags, result) => {
    const { k, parent, a } = family(profile)
    ok(parent.sys.sigaction(SIGUSR1, { handler: () => {}, flags, mask: [] }))
    const call = parent.begin.wait4(-1, 0)
    ok(a.sys.kill(parent.pid, SIGUSR1))
    expect(call.result).toBe(result)
    checkInvariants(k)
  })

  it('waits for children made by clone with another signal only with __WCLONE', () => {
    const { k, parent } = family(profile)
    const pid = ok(parent.sys.clone(SIGUSR1, null))
    ok(parent.sys.sigprocmask(0, [SIGUSR1]))
    handle(k, pid).sys.exit(1)
    expect(parent.sys.wait4(pid, WNOHANG)).toBe(ECHILD)
    expect(parent.sys.wait4(pid, WNOHANG | __WCLONE)).toMatchObject({ pid, status: 0x100 })
    expect(parent.sys.sigpending()).toEqual([SIGUSR1])
  })

  it('refuses options that it does not know', () => {
    expect(family(profile).parent.sys.wait4(-1, 0x100)).toBe(EINVAL)
  })
})

describe('wait4, what came with 2.4 and 2.6', () => {
  it('tells of a continuation with WCONTINUED', () => {
    const { parent, a } = family()
    ok(parent.sys.kill(a.pid, SIGSTOP))
    ok(parent.sys.kill(a.pid, SIGCONT))
    expect(ok(parent.sys.wait4(a.pid, WNOHANG)).pid).toBe(0)
    expect(WIFCONTINUED(ok(parent.sys.wait4(a.pid, WCONTINUED)).status)).toBe(true)
    expect(ok(parent.sys.wait4(a.pid, WCONTINUED | WNOHANG)).pid).toBe(0)
    expect(family('2.2.12').parent.sys.wait4(-1, WCONTINUED)).toBe(EINVAL)
  })

  it('waits for every kind of child with __WALL', () => {
    const { k, parent, a } = family()
    const pid = ok(parent.sys.clone(0, null))
    handle(k, pid).sys.exit(4)
    expect(parent.sys.wait4(-1, WNOHANG | __WALL)).toMatchObject({ pid, status: 0x400 })
    a.sys.exit(5)
    expect(parent.sys.wait4(-1, WNOHANG | __WALL)).toMatchObject({ pid: a.pid })
  })

  it('gives the oldest dead child first', () => {
    const { parent, a, b, c } = family()
    for (const child of [c, a, b]) child.sys.exit(0)
    expect([1, 2, 3].map(() => ok(parent.sys.wait4(-1, 0)).pid)).toEqual([a.pid, b.pid, c.pid])
  })
})

describe('orphans', () => {
  it('go to pid 1, which lets them go as they end', () => {
    const { k, parent, a } = family()
    const grandchild = forkOf(k, a)
    a.sys.exit(0)
    expect(grandchild.sys.getppid()).toBe(1)
    grandchild.sys.exit(7)
    expect(grandchild.state).toBe('dead')
    expect(k.describe().tasks.map(({ pid }) => pid)).not.toContain(grandchild.pid)
    expect(ok(parent.sys.wait4(a.pid, 0)).pid).toBe(a.pid)
    checkInvariants(k)
  })

  it('that are dead already are let go at once', () => {
    const { k, a } = family()
    const grandchild = forkOf(k, a)
    grandchild.sys.exit(7)
    expect(grandchild.state).toBe('zombie')
    a.sys.exit(0)
    expect(grandchild.state).toBe('dead')
    checkInvariants(k)
  })

  it('get the signal that they have asked for with prctl', () => {
    const { k, a } = family()
    const grandchild = forkOf(k, a)
    ok(grandchild.sys.prctl(1, SIGTERM))
    a.sys.exit(0)
    expect(grandchild.killedBy).toBe(SIGTERM)
  })

  it('leave a parent that waits for them with ECHILD', () => {
    const { k, parent, a } = family('2.2.12')
    const call = a.begin.wait4(-1, 0)
    expect(call.result).toBe(ECHILD)
    const grandchild = forkOf(k, a)
    const waiting = a.begin.wait4(grandchild.pid, 0)
    ok(parent.sys.kill(grandchild.pid, SIGKILL))
    expect(waiting.result).toMatchObject({ pid: grandchild.pid, status: SIGKILL })
  })
})

describe('zombies', () => {
  it('keep their pid, their parent and their place in the group until they are waited for', () => {
    const { k, parent, b } = family()
    b.sys.exit(1)
    expect(parent.sys.getpgid(b.pid)).toBe(b.pid)
    expect(parent.sys.kill(b.pid, 0)).toBe(0)
    expect(k.describe().tasks).toContainEqual({ pid: b.pid, comm: 'sh', state: 'zombie' })
    expect(parent.sys.setpgid(b.pid, parent.pid)).toBe(0)
    ok(parent.sys.wait4(b.pid, 0))
    expect(parent.sys.kill(b.pid, 0)).toBe(-3)
    checkInvariants(k)
  })

  it('hold no descriptors, directories or locks', () => {
    const { k, parent, a } = family()
    const [r, w] = ok(a.sys.pipe())
    ok(a.sys.mkdir('/dir', 0o755))
    ok(a.sys.chdir('/dir'))
    const b = forkOf(k, a)
    ok(b.sys.close(w))
    a.sys.exit(0)
    expect(b.sys.read(r, new Uint8Array(1))).toBe(0)
    b.sys.exit(0)
    expect(parent.sys.rmdir('/dir')).toBe(0)
    checkInvariants(k)
  })

  it('of a parent that does not wait stay, and waiting for the rest would block', () => {
    const { parent, a } = family()
    a.sys.exit(0)
    ok(parent.sys.wait4(a.pid, 0))
    expect(() => parent.sys.wait4(-1, 0)).toThrow(WouldBlock)
    ok(parent.sys.sigaction(SIGCHLD, { handler: 1, flags: 0, mask: [] }))
  })
})
