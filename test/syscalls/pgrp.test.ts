/** Process ids, groups and sessions. Linux: kernel/sys.c. */
import {
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VM,
  createKernel,
  DIRECT,
  EACCES,
  EINVAL,
  EPERM,
  ESRCH,
  isErr,
  type Kernel,
  type Process,
  type Profile,
  SIGKILL,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'

const PROFILES: readonly Profile[] = ['2.0.35', '2.2.12', '2.6.14']

const boot = (profile: Profile): Kernel => createKernel({ profile, rootfs: 'empty' })

function fork(k: Kernel, parent: Process): Process {
  const pid = parent.sys.fork()
  const child = isErr(pid) ? undefined : k.process(pid)
  if (child === undefined) throw new Error(`fork: ${pid}`)
  return child
}

/** A session leader with three children, of which the last has a child. */
function family(
  profile: Profile,
): Record<'k', Kernel> & Record<'top' | 'a' | 'b' | 'c' | 'grandchild', Process> {
  const k = boot(profile)
  const top = k.spawn({ uid: 0 })
  const [a, b, c] = [fork(k, top), fork(k, top), fork(k, top)] as const
  return { k, top, a, b, c, grandchild: fork(k, c) }
}

describe.each(PROFILES)('ids of processes, Linux %s', (profile) => {
  it('getpid, getppid', () => {
    const { top, a } = family(profile)
    expect(a.sys.getpid()).toBe(a.pid)
    expect(a.sys.getppid()).toBe(top.pid)
    expect(top.sys.getppid()).toBe(1)
    expect(boot(profile).process(1)?.sys.getppid()).toBe(0)
  })

  it('getppid is 1 after the parent has ended (forget_original_parent)', () => {
    const { c, grandchild } = family(profile)
    c.sys.exit(0)
    expect(grandchild.sys.getppid()).toBe(1)
  })

  it('children are in their parent`s group and session', () => {
    const { top, a, grandchild } = family(profile)
    for (const p of [top, a, grandchild]) {
      expect([p.sys.getpgrp(), p.sys.getpgid(0), p.sys.getsid(0)]).toEqual([top.pid, top.pid, top.pid])
    }
    expect(a.sys.getpgid(grandchild.pid)).toBe(top.pid)
    expect(a.sys.getsid(1)).toBe(boot(profile).process(1)?.sys.getsid(0))
  })

  it.each([[999], [-1]])('getpgid(%i) and getsid of it are ESRCH (find_task_by_pid)', (pid) => {
    const { top } = family(profile)
    expect(top.sys.getpgid(pid)).toBe(ESRCH)
    expect(top.sys.getsid(pid)).toBe(ESRCH)
  })

  it('a zombie still has group and session, until it is waited for', () => {
    const { top, a } = family(profile)
    a.sys.exit(0)
    expect([top.sys.getpgid(a.pid), top.sys.getsid(a.pid)]).toEqual([top.pid, top.pid])
    top.sys.waitpid(a.pid)
    expect(top.sys.getpgid(a.pid)).toBe(ESRCH)
  })
})

describe.each(PROFILES)('setpgid(2), Linux %s sys_setpgid', (profile) => {
  it('makes a group, whoever is named how', () => {
    const { top, a, b, c } = family(profile)
    expect(a.sys.setpgid(0, 0)).toBe(0)
    expect(b.sys.setpgid(b.pid, b.pid)).toBe(0)
    expect(top.sys.setpgid(c.pid, 0)).toBe(0)
    expect([a, b, c].map((p) => p.sys.getpgrp())).toEqual([a.pid, b.pid, c.pid])
    expect(a.sys.getsid(0)).toBe(top.pid)
  })

  it('joins a group of the session, and leaves it', () => {
    const { top, a, b } = family(profile)
    a.sys.setpgid(0, 0)
    expect(b.sys.setpgid(0, a.pid)).toBe(0)
    expect(b.sys.getpgrp()).toBe(a.pid)
    expect(b.sys.setpgid(0, top.pid)).toBe(0)
    expect(b.sys.getpgrp()).toBe(top.pid)
  })

  it('a group outlives its leader, and is gone with its last member', () => {
    const { k, top, a, b } = family(profile)
    a.sys.setpgid(0, 0)
    b.sys.setpgid(0, a.pid)
    a.sys.exit(0)
    top.sys.waitpid(a.pid)
    expect(top.sys.setpgid(b.pid, a.pid)).toBe(0)
    b.sys.setpgid(0, top.pid)
    expect(b.sys.setpgid(0, a.pid)).toBe(EPERM)
    expect(k.process(b.pid)?.sys.getpgrp()).toBe(top.pid)
  })

  it('the same group again is no change', () => {
    const { top, a } = family(profile)
    expect(a.sys.setpgid(0, top.pid)).toBe(0)
    expect(a.sys.getpgrp()).toBe(top.pid)
  })

  const refusals: readonly (readonly [
    rule: string,
    call: (f: ReturnType<typeof family>) => number,
    error: number,
  ])[] = [
    ['a negative group, before anything else', (f) => f.a.sys.setpgid(999, -5), EINVAL],
    ['a negative process without a group', (f) => f.a.sys.setpgid(-5, 0), EINVAL],
    ['no such process', (f) => f.a.sys.setpgid(999, 0), ESRCH],
    ['a sibling', (f) => f.a.sys.setpgid(f.b.pid, 0), ESRCH],
    ['the parent', (f) => f.a.sys.setpgid(f.top.pid, 0), ESRCH],
    ['a grandchild', (f) => f.top.sys.setpgid(f.grandchild.pid, 0), ESRCH],
    ['no such group', (f) => f.a.sys.setpgid(0, 999), EPERM],
    ['a process that leads no group', (f) => f.a.sys.setpgid(0, f.b.pid), EPERM],
    ['a group of another session', (f) => f.a.sys.setpgid(0, f.k.spawn().pid), EPERM],
    ['a session leader', (f) => f.top.sys.setpgid(0, 0), EPERM],
    ['a child in its own session', (f) => f.top.sys.setpgid(Number(f.a.sys.setsid()), 0), EPERM],
  ]
  it.each(refusals)('refuses %s', (_rule, call, error) => {
    expect(call(family(profile))).toBe(error)
  })

  it('refuses a child that has called exec, not the child itself (did_exec)', () => {
    const k = createKernel({ profile, programs: { '/bin/sh': DIRECT } })
    const top = k.spawn()
    const child = fork(k, top)
    expect(child.sys.exec('/bin/sh', ['sh'])).toBe(0)
    expect(top.sys.setpgid(child.pid, 0)).toBe(EACCES)
    expect(child.sys.setpgid(0, 0)).toBe(0)
  })
})

describe.each(PROFILES)('setsid(2), Linux %s sys_setsid', (profile) => {
  it('makes the caller leader of a session and a group', () => {
    const { a, top } = family(profile)
    expect(a.sys.setsid()).toBe(a.pid)
    expect([a.sys.getsid(0), a.sys.getpgrp()]).toEqual([a.pid, a.pid])
    expect(top.sys.getsid(a.pid)).toBe(a.pid)
  })

  it('refuses the leader of a group', () => {
    const { a, top } = family(profile)
    expect(top.sys.setsid()).toBe(EPERM)
    a.sys.setpgid(0, 0)
    expect(a.sys.setsid()).toBe(EPERM)
  })

  it('refuses while a group of this id exists, though the caller has left it', () => {
    const { a, b, top } = family(profile)
    a.sys.setpgid(0, 0)
    b.sys.setpgid(0, a.pid)
    a.sys.setpgid(0, top.pid)
    expect(a.sys.setsid()).toBe(EPERM)
    b.sys.kill(b.pid, SIGKILL)
    top.sys.waitpid(b.pid)
    expect(a.sys.setsid()).toBe(a.pid)
  })
})

describe('threads, Linux 2.6.14', () => {
  const THREAD = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD

  it('share their pid and have a tid each (sys_getpid, sys_gettid)', () => {
    const k = boot('2.6.14')
    const p = k.spawn()
    const seen: unknown[] = []
    const tid = p.sys.clone(THREAD, function* (sys) {
      seen.push(yield* sys.getpid(), yield* sys.gettid(), yield* sys.getppid())
    })
    expect(p.sys.gettid()).toBe(p.pid)
    k.run()
    expect(seen).toEqual([p.pid, tid, 1])
  })

  it('but only the first can change group and session (sys_setpgid, sys_setsid)', () => {
    const k = boot('2.6.14')
    const p = k.spawn()
    const seen: unknown[] = []
    p.sys.clone(THREAD, function* (sys) {
      seen.push(yield* sys.setsid(), yield* sys.setpgid(0, 0), yield* sys.setpgid(p.pid, 0))
    })
    k.run()
    expect(seen).toEqual([EINVAL, EINVAL, ESRCH])
  })
})

it('modules are asked for leave (security_task_setpgid, security_task_getpgid, security_task_getsid, 2.6.14)', () => {
  const no = (): number => EACCES
  const module = {
    name: 'no',
    init: () => ({}),
    attach: () => ({ api: {}, hooks: { taskSetpgid: no, taskGetpgid: no, taskGetsid: no } }),
  }
  const k = createKernel({ profile: '2.6.14', modules: [module] })
  const p = k.spawn()
  expect(p.sys.getpgid(1)).toBe(EACCES)
  expect(p.sys.getsid(1)).toBe(EACCES)
  expect(p.sys.getpgid(0)).toBe(p.pid)
  expect(p.sys.fork()).toBeGreaterThan(0)
  expect(p.sys.setpgid(p.pid + 1, 0)).toBe(EACCES)
  expect(p.sys.setpgid(p.pid + 1, 999)).toBe(EPERM)
})
