/** Signals: who gets them, when, in which order, and what they do. Linux: kernel/signal.c (2.2.12, 2.6.14). */
import {
  EAGAIN,
  EINTR,
  EINVAL,
  EPERM,
  ESRCH,
  type Kernel,
  PROFILES,
  type Process,
  type Profile,
  SA_NOCLDSTOP,
  SA_NOCLDWAIT,
  SA_NODEFER,
  SA_RESETHAND,
  SIG_BLOCK,
  SIG_DFL,
  SIG_IGN,
  SIG_SETMASK,
  SIG_UNBLOCK,
  SIGABRT,
  SIGALRM,
  SIGCHLD,
  SIGCONT,
  SIGHUP,
  SIGINT,
  SIGKILL,
  SIGPIPE,
  SIGQUIT,
  SIGSEGV,
  SIGSTOP,
  SIGTERM,
  SIGTSTP,
  SIGTTIN,
  SIGTTOU,
  SIGURG,
  SIGUSR1,
  SIGUSR2,
  SIGWINCH,
  type SigInfo,
  WIFSTOPPED,
  WNOHANG,
  WSTOPSIG,
  WUNTRACED,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { boot, checkInvariants, forkOf, handle, ok } from '../helpers/world.js'

const RT = 40
const NEW_PROFILES = ['2.2.12', '2.6.14'] as const

interface Pair {
  readonly k: Kernel
  /** Sends. */
  readonly a: Process
  /** Receives; a child of `a`. */
  readonly b: Process
}

function pair(profile: Profile = '2.6.14'): Pair {
  const k = boot({ profile, rootfs: 'empty' })
  const a = k.spawn({ uid: 0, comm: 'a' })
  return { k, a, b: forkOf(k, a) }
}

/** Notes every signal of `sigs` that `p` handles. */
function note(p: Process, sigs: readonly number[], flags = 0, mask: readonly number[] = []): SigInfo[] {
  const seen: SigInfo[] = []
  for (const sig of sigs)
    ok(p.sys.sigaction(sig, { handler: (_sig, info) => seen.push(info), flags, mask: [...mask] }))
  return seen
}

const numbers = (seen: readonly SigInfo[]): number[] => seen.map(({ signo }) => signo)

describe('check_kill_permission: who may signal whom', () => {
  // Sender's and target's real, effective and saved uid. Reference §1.6.
  const rows = [
    ['the same user', [5, 5, 5], [5, 5, 5], 0],
    ['another user', [5, 5, 5], [6, 6, 6], EPERM],
    ["the sender's effective uid is the target's real one", [5, 6, 5], [6, 7, 8], 0],
    ["the sender's effective uid is the target's saved one", [5, 6, 5], [7, 8, 6], 0],
    ["the sender's real uid is the target's real one", [5, 6, 6], [5, 7, 8], 0],
    ["the sender's real uid is the target's saved one", [5, 6, 6], [7, 8, 5], 0],
    ["the target's effective uid does not count", [5, 5, 5], [6, 5, 6], EPERM],
    ["the sender's saved uid does not count", [5, 5, 6], [6, 6, 6], EPERM],
    ['root may signal anybody', [0, 0, 0], [6, 6, 6], 0],
    ['root in real uid only may not', [0, 5, 5], [6, 6, 6], EPERM],
  ] as const

  it.each(rows)('%s', (_what, sender, target, result) => {
    const k = boot({ rootfs: 'empty' })
    const [p, q] = [k.spawn(), k.spawn()]
    for (const [process, [r, e, s]] of [
      [p, sender],
      [q, target],
    ] as const)
      ok(process.sys.setresuid(r, e, s))
    expect(p.sys.kill(q.pid, 0)).toBe(result)
    expect(p.sys.kill(q.pid, SIGURG)).toBe(result)
  })

  it('lets anybody continue a process of the same session', () => {
    const { k, a } = pair()
    const [x, y] = [k.spawn({ parent: a, uid: 5 }), k.spawn({ parent: a, uid: 6 })]
    const stranger = k.spawn({ uid: 7 })
    expect([x.sys.kill(y.pid, SIGCONT), x.sys.kill(y.pid, SIGTERM)]).toEqual([0, EPERM])
    expect(stranger.sys.kill(y.pid, SIGCONT)).toBe(EPERM)
  })

  it.each([
    [-1, EINVAL],
    [65, EINVAL],
    [1000, EINVAL],
    [0, 0],
  ])('takes signal %i for %i, also of a zombie', (sig, result) => {
    const { a, b } = pair()
    expect(a.sys.kill(b.pid, sig)).toBe(result)
    b.sys.exit(0)
    expect(a.sys.kill(b.pid, sig)).toBe(result)
    expect(a.sys.kill(b.pid, result === 0 ? SIGKILL : sig)).toBe(result)
  })

  it('has signals up to 32 in 2.0', () => {
    const { a, b } = pair('2.0.35')
    expect([a.sys.kill(b.pid, 33), a.sys.kill(b.pid, 0)]).toEqual([EINVAL, 0])
  })
})

describe('kill_something_info: the targets of kill (reference §1.6)', () => {
  it('a pid that is nobody is ESRCH', () => {
    const { a } = pair()
    expect([a.sys.kill(999, 0), a.sys.kill(999, SIGTERM)]).toEqual([ESRCH, ESRCH])
  })

  it('0 is the group of the caller, itself included', () => {
    const { k, a, b } = pair()
    const c = forkOf(k, a)
    ok(a.sys.setpgid(c.pid, 0))
    const seen = [a, b, c].map((process) => note(process, [SIGUSR1]))
    expect(a.sys.kill(0, SIGUSR1)).toBe(0)
    expect(seen.map((infos) => infos.length)).toEqual([1, 1, 0])
  })

  it('-pgrp is that group; ESRCH where there is none; 0 as soon as one may be signalled', () => {
    const k = boot({ rootfs: 'empty' })
    const top = k.spawn()
    const mine = k.spawn({ parent: top, uid: 5 })
    const other = k.spawn({ parent: top, uid: 6 })
    const sender = k.spawn({ uid: 5 })
    expect(sender.sys.kill(-999, SIGUSR1)).toBe(ESRCH)
    expect(sender.sys.kill(-top.pid, SIGUSR1)).toBe(0)
    expect([mine.killedBy, other.state]).toEqual([SIGUSR1, 'idle'])
    expect(k.spawn({ uid: 7 }).sys.kill(-top.pid, SIGUSR1)).toBe(EPERM)
  })

  it('-1 is everybody but pid 1 and the caller', () => {
    const { k, a, b } = pair()
    const others = [k.spawn({ uid: 5 }), k.spawn({ uid: 6 })]
    expect(a.sys.kill(-1, SIGUSR1)).toBe(0)
    expect(others.map((process) => process.state)).toEqual(['dead', 'dead'])
    expect([b.killedBy, a.state, handle(k, 1).state]).toEqual([SIGUSR1, 'idle', 'idle'])
  })

  it('-1 is 0 where all refuse, and ESRCH where there is nobody', () => {
    const k = boot({ rootfs: 'empty' })
    const [p] = [k.spawn({ uid: 5 }), k.spawn({ uid: 6 })]
    // The last error that is not EPERM: there is none.
    expect(p.sys.kill(-1, SIGTERM)).toBe(0)
    expect(boot({ rootfs: 'empty' }).spawn().sys.kill(-1, SIGTERM)).toBe(ESRCH)
  })

  it('the most negative number is no group', () => {
    expect(pair().a.sys.kill(-(2 ** 31), 0)).toBeLessThan(0)
  })

  it('reaches zombies without effect', () => {
    const { a, b } = pair()
    b.sys.exit(3)
    expect(a.sys.kill(b.pid, SIGKILL)).toBe(0)
    expect(b.exitCode).toBe(3)
  })

  it('does nothing to pid 1 that it has not asked for', () => {
    const { k, a } = pair()
    for (const sig of [SIGKILL, SIGTERM, SIGSTOP]) expect(a.sys.kill(1, sig)).toBe(0)
    expect(handle(k, 1).state).toBe('idle')
    checkInvariants(k)
  })
})

describe('tkill and tgkill (2.6)', () => {
  it.each([
    ['tkill of nobody', (p: Process) => p.sys.tkill(999, 0), ESRCH],
    ['tkill of 0', (p: Process) => p.sys.tkill(0, 0), EINVAL],
    ['tgkill with another group', (p: Process) => p.sys.tgkill(1, p.pid, 0), ESRCH],
    ['tgkill with group 0', (p: Process) => p.sys.tgkill(0, p.pid, 0), EINVAL],
    ['tgkill of oneself', (p: Process) => p.sys.tgkill(p.pid, p.pid, 0), 0],
  ])('%s', (_what, call, result) => {
    expect(call(boot().spawn())).toBe(result)
  })

  it('says SI_TKILL', () => {
    const { a, b } = pair()
    const seen = note(b, [SIGUSR1])
    ok(a.sys.tkill(b.pid, SIGUSR1))
    expect(seen).toMatchObject([{ signo: SIGUSR1, code: -6, pid: a.pid }])
  })
})

describe('default actions (sig_kernel_only, sig_kernel_ignore, sig_kernel_coredump)', () => {
  it.each([SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2, RT])(
    '%i terminates',
    (sig) => {
      const { a, b } = pair()
      ok(a.sys.kill(b.pid, sig))
      expect(ok(a.sys.wait4(b.pid, 0)).status).toBe(sig)
    },
  )

  it.each([SIGQUIT, SIGABRT, SIGSEGV])('%i dumps core where RLIMIT_CORE allows', (sig) => {
    const { k, a, b } = pair()
    ok(a.sys.kill(b.pid, sig))
    expect(ok(a.sys.wait4(b.pid, 0)).status).toBe(sig)
    ok(a.sys.setrlimit(4, { cur: 1 << 20, max: 1 << 20 }))
    const c = forkOf(k, a)
    ok(a.sys.kill(c.pid, sig))
    expect(ok(a.sys.wait4(c.pid, 0)).status).toBe(sig | 0x80)
  })

  it.each([SIGCHLD, SIGURG, SIGWINCH, SIGCONT])('%i is ignored', (sig) => {
    const { a, b } = pair()
    const call = b.begin.pause()
    ok(a.sys.kill(b.pid, sig))
    expect([call.blocked, b.state]).toEqual([true, 'sleeping'])
  })

  it.each([SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU])('%i stops, and the parent can see it once', (sig) => {
    const { a, b } = pair()
    // In a group of its own with a parent outside it: not orphaned.
    ok(a.sys.setpgid(b.pid, 0))
    ok(a.sys.kill(b.pid, sig))
    expect(b.state).toBe('stopped')
    const { status } = ok(a.sys.wait4(b.pid, WUNTRACED))
    expect([WIFSTOPPED(status), WSTOPSIG(status)]).toEqual([true, sig])
    expect(ok(a.sys.wait4(b.pid, WUNTRACED | WNOHANG)).pid).toBe(0)
  })
})

describe('sigprocmask and pending signals', () => {
  it.each([
    [SIG_BLOCK, [SIGUSR2], [SIGUSR1, SIGUSR2]],
    [SIG_UNBLOCK, [SIGUSR1], []],
    [SIG_SETMASK, [SIGTERM, RT], [SIGTERM, RT]],
    [SIG_SETMASK, [SIGKILL, SIGSTOP, SIGTERM], [SIGTERM]],
  ] as const)('how %i with %j', (how, set, after) => {
    const p = boot().spawn()
    expect(p.sys.sigprocmask(SIG_BLOCK, [SIGUSR1])).toEqual([])
    expect(p.sys.sigprocmask(how, [...set])).toEqual([SIGUSR1])
    expect(p.sys.sigprocmask(SIG_BLOCK, null)).toEqual([...after].sort((x, y) => x - y))
  })

  it('an unknown how changes nothing', () => {
    const p = boot().spawn()
    expect(p.sys.sigprocmask(7, [SIGUSR1])).toBe(EINVAL)
    expect(p.sys.sigprocmask(SIG_BLOCK, null)).toEqual([])
  })

  it('keeps one of each classic signal, and every real-time one with its value, in order', () => {
    const { a, b } = pair()
    const seen = note(b, [SIGUSR1, RT, RT + 1], 0, [SIGUSR1, RT, RT + 1])
    ok(b.sys.sigprocmask(SIG_BLOCK, [SIGUSR1, RT, RT + 1]))
    for (let i = 0; i < 3; i++) ok(a.sys.kill(b.pid, SIGUSR1))
    for (const [sig, value] of [
      [RT + 1, 1],
      [RT, 2],
      [RT, 3],
      [RT + 1, 4],
    ] as const)
      ok(a.sys.sigqueue(b.pid, sig, value))
    expect(b.sys.sigpending()).toEqual([SIGUSR1, RT, RT + 1])
    // One at a time, so that handlers run in the order of delivery: lowest number first, then first come.
    while (ok(b.sys.sigpending()).length > 0) b.sys.sigsuspend([])
    expect(seen.map(({ signo, value }) => [signo, value])).toEqual([
      [SIGUSR1, undefined],
      [RT, 2],
      [RT, 3],
      [RT + 1, 1],
      [RT + 1, 4],
    ])
  })

  it.each([
    // handle_signal puts one frame on top of the other before user mode runs: the last is the first to run.
    ['2.6.14', [RT, SIGUSR2, SIGUSR1]],
    // do_signal sets up one frame; the next signal is taken when its handler returns.
    ['2.2.12', [SIGUSR1, SIGUSR2, RT]],
  ] as const)(
    'delivers several at once in Linux %s in the order of its stack of frames',
    (profile, order) => {
      const { a, b } = pair(profile)
      const seen = note(b, [SIGUSR1, SIGUSR2, RT])
      ok(b.sys.sigprocmask(SIG_BLOCK, [SIGUSR1, SIGUSR2, RT]))
      for (const sig of [RT, SIGUSR2, SIGUSR1]) ok(a.sys.kill(b.pid, sig))
      ok(b.sys.sigprocmask(SIG_UNBLOCK, [SIGUSR1, SIGUSR2, RT]))
      expect(numbers(seen)).toEqual(order)
    },
  )

  it('a blocked signal is kept even if it is ignored, until it is let through', () => {
    const { a, b } = pair()
    ok(b.sys.sigprocmask(SIG_BLOCK, [SIGUSR1]))
    ok(b.sys.sigaction(SIGUSR1, { handler: SIG_IGN, flags: 0, mask: [] }))
    ok(a.sys.kill(b.pid, SIGUSR1))
    expect(b.sys.sigpending()).toEqual([SIGUSR1])
    ok(b.sys.sigprocmask(SIG_UNBLOCK, [SIGUSR1]))
    expect([b.sys.sigpending(), b.state]).toEqual([[], 'idle'])
  })

  it('ignoring a signal forgets what is pending; so does the default where that is to ignore', () => {
    const { a, b } = pair()
    ok(b.sys.sigprocmask(SIG_BLOCK, [SIGUSR1, SIGCHLD]))
    for (const sig of [SIGUSR1, SIGCHLD]) ok(a.sys.kill(b.pid, sig))
    ok(b.sys.sigaction(SIGUSR1, { handler: SIG_IGN, flags: 0, mask: [] }))
    expect(b.sys.sigpending()).toEqual([SIGCHLD])
    ok(b.sys.sigaction(SIGCHLD, { handler: SIG_DFL, flags: 0, mask: [] }))
    expect(b.sys.sigpending()).toEqual([])
  })

  it('a child inherits the mask and nothing that is pending', () => {
    const { k, a, b } = pair()
    ok(b.sys.sigprocmask(SIG_BLOCK, [SIGUSR1]))
    ok(a.sys.kill(b.pid, SIGUSR1))
    const c = forkOf(k, b)
    expect([c.sys.sigprocmask(SIG_BLOCK, null), c.sys.sigpending()]).toEqual([[SIGUSR1], []])
  })

  it('sigqueue is refused when the queue is full, kill of a real-time signal is not', () => {
    const { a, b } = pair()
    ok(b.sys.setrlimit(11, { cur: 3, max: 3 }))
    ok(b.sys.sigprocmask(SIG_BLOCK, [RT]))
    expect([1, 2, 3, 4].map((value) => a.sys.sigqueue(b.pid, RT, value))).toEqual([0, 0, 0, EAGAIN])
    expect(a.sys.kill(b.pid, RT)).toBe(0)
  })
})

describe('sigaction', () => {
  it.each([
    [0, EINVAL],
    [-1, EINVAL],
    [65, EINVAL],
    [SIGKILL, EINVAL],
    [SIGSTOP, EINVAL],
  ])('signal %i is %i', (sig, result) => {
    expect(boot().spawn().sys.sigaction(sig, { handler: SIG_IGN, flags: 0, mask: [] })).toBe(result)
  })

  it('tells what was set, with the mask but for SIGKILL and SIGSTOP', () => {
    const p = boot().spawn()
    const handler = (): void => {}
    expect(p.sys.sigaction(SIGUSR1, null)).toEqual({ handler: SIG_DFL, flags: 0, mask: [] })
    ok(p.sys.sigaction(SIGUSR1, { handler, flags: SA_NODEFER, mask: [SIGKILL, SIGUSR2, RT] }))
    expect(p.sys.sigaction(SIGUSR1, null)).toEqual({ handler, flags: SA_NODEFER, mask: [SIGUSR2, RT] })
    expect(ok(p.sys.sigaction(SIGKILL, null))).toMatchObject({ handler: SIG_DFL })
  })

  it.each([
    ['blocks the signal itself and its mask while the handler runs', 0, [SIGUSR1, SIGUSR2]],
    ['does not block the signal itself with SA_NODEFER', SA_NODEFER, [SIGUSR2]],
  ])('%s, and puts the old mask back', (_what, flags, during) => {
    const p = boot().spawn()
    let mask: unknown
    ok(
      p.sys.sigaction(SIGUSR1, {
        handler: () => {
          mask = p.sys.sigprocmask(SIG_BLOCK, null)
        },
        flags,
        mask: [SIGUSR2],
      }),
    )
    ok(p.sys.kill(p.pid, SIGUSR1))
    expect([mask, p.sys.sigprocmask(SIG_BLOCK, null)]).toEqual([during, []])
  })

  it('goes back to the default before the handler runs with SA_RESETHAND', () => {
    const { a, b } = pair()
    const seen = note(b, [SIGUSR1], SA_RESETHAND)
    ok(a.sys.kill(b.pid, SIGUSR1))
    expect(b.sys.sigaction(SIGUSR1, null)).toMatchObject({ handler: SIG_DFL })
    ok(a.sys.kill(b.pid, SIGUSR1))
    expect([seen.length, b.killedBy]).toEqual([1, SIGUSR1])
  })

  it('tells a handler who sent the signal and how', () => {
    const { a, b } = pair()
    const seen = note(b, [SIGUSR1, RT])
    ok(a.sys.setuid(7))
    // a is another user now and may not; itself it may.
    expect(a.sys.kill(b.pid, SIGUSR1)).toBe(EPERM)
    ok(b.sys.kill(b.pid, SIGUSR1))
    ok(b.sys.sigqueue(b.pid, RT, 99))
    expect(seen).toMatchObject([
      { signo: SIGUSR1, code: 0, pid: b.pid, uid: 0 },
      { signo: RT, code: -1, pid: b.pid, uid: 0, value: 99 },
    ])
  })
})

describe('stop and continue (handle_stop_signal, do_signal_stop)', () => {
  it('SIGCONT takes pending stop signals away, a stop signal takes a pending SIGCONT away', () => {
    const { a, b } = pair()
    const seen = note(b, [SIGCONT])
    ok(b.sys.sigprocmask(SIG_BLOCK, [SIGTSTP, SIGCONT]))
    ok(a.sys.kill(b.pid, SIGTSTP))
    expect(b.sys.sigpending()).toEqual([SIGTSTP])
    ok(a.sys.kill(b.pid, SIGCONT))
    expect(b.sys.sigpending()).toEqual([SIGCONT])
    ok(a.sys.kill(b.pid, SIGTSTP))
    expect(b.sys.sigpending()).toEqual([SIGTSTP])
    expect(seen).toEqual([])
  })

  it('continues a stopped process even when SIGCONT is ignored or blocked', () => {
    const { a, b } = pair()
    ok(b.sys.sigaction(SIGCONT, { handler: SIG_IGN, flags: 0, mask: [] }))
    ok(a.sys.kill(b.pid, SIGSTOP))
    ok(a.sys.kill(b.pid, SIGCONT))
    expect(b.state).toBe('idle')
    ok(b.sys.sigprocmask(SIG_BLOCK, [SIGCONT]))
    ok(a.sys.kill(b.pid, SIGSTOP))
    ok(a.sys.kill(b.pid, SIGCONT))
    expect(b.state).toBe('idle')
  })

  it('keeps other signals for a stopped process until it goes on, but for SIGKILL', () => {
    const { k, a, b } = pair()
    const c = forkOf(k, a)
    const seen = note(b, [SIGUSR1, SIGCONT])
    for (const process of [b, c]) ok(a.sys.kill(process.pid, SIGSTOP))
    ok(a.sys.kill(b.pid, SIGUSR1))
    expect([seen, b.state]).toEqual([[], 'stopped'])
    ok(a.sys.kill(b.pid, SIGCONT))
    expect(numbers(seen).sort()).toEqual([SIGUSR1, SIGCONT])
    ok(a.sys.kill(c.pid, SIGTERM))
    expect(c.state).toBe('stopped')
    ok(a.sys.kill(c.pid, SIGKILL))
    expect(c.killedBy).toBe(SIGKILL)
    checkInvariants(k)
  })

  it('a handler of a stop signal runs instead of a stop', () => {
    const { a, b } = pair()
    const seen = note(b, [SIGTSTP])
    ok(a.sys.kill(b.pid, SIGTSTP))
    expect([numbers(seen), b.state]).toEqual([[SIGTSTP], 'idle'])
  })

  it('terminal stop signals do nothing in an orphaned group, SIGSTOP does', () => {
    const k = boot({ rootfs: 'empty' })
    const lone = k.spawn()
    const killer = k.spawn()
    for (const sig of [SIGTSTP, SIGTTIN, SIGTTOU]) ok(killer.sys.kill(lone.pid, sig))
    expect(lone.state).toBe('idle')
    ok(killer.sys.kill(lone.pid, SIGSTOP))
    expect(lone.state).toBe('stopped')
  })

  it('a group that becomes orphaned with a stopped member gets SIGHUP and SIGCONT', () => {
    const k = boot({ rootfs: 'empty' })
    const shell = k.spawn()
    const job = forkOf(k, shell)
    ok(shell.sys.setpgid(job.pid, 0))
    const member = forkOf(k, job)
    const seen = note(member, [SIGHUP, SIGCONT])
    ok(shell.sys.kill(job.pid, SIGSTOP))
    shell.sys.exit(0)
    expect(job.killedBy).toBe(SIGHUP)
    expect(numbers(seen).sort()).toEqual([SIGHUP, SIGCONT])
    checkInvariants(k)
  })

  it('a group without a stopped member is left alone when it becomes orphaned', () => {
    const k = boot({ rootfs: 'empty' })
    const shell = k.spawn()
    const job = forkOf(k, shell)
    ok(shell.sys.setpgid(job.pid, 0))
    const seen = note(job, [SIGHUP, SIGCONT])
    shell.sys.exit(0)
    expect([seen, job.state]).toEqual([[], 'idle'])
  })
})

describe('SIGCHLD', () => {
  it.each([
    ['exit', (b: Process) => b.sys.exit(3), { code: 1, status: 3 }],
    [
      'death by a signal',
      (b: Process, a: Process) => a.sys.kill(b.pid, SIGKILL),
      { code: 2, status: SIGKILL },
    ],
    ['a stop', (b: Process, a: Process) => a.sys.kill(b.pid, SIGSTOP), { code: 5, status: SIGSTOP }],
  ])('tells the parent of %s', (_what, act, info) => {
    const { a, b } = pair()
    const seen = note(a, [SIGCHLD])
    act(b, a)
    expect(seen).toMatchObject([{ signo: SIGCHLD, pid: b.pid, uid: 0, ...info }])
  })

  it('tells of a continuation since 2.6.9', () => {
    for (const [profile, codes] of [
      ['2.6.14', [5, 6]],
      ['2.2.12', [5]],
    ] as const) {
      const { a, b } = pair(profile)
      const seen = note(a, [SIGCHLD])
      ok(a.sys.kill(b.pid, SIGSTOP))
      ok(a.sys.kill(b.pid, SIGCONT))
      expect(seen).toHaveLength(codes.length)
    }
  })

  it('does not tell of stops with SA_NOCLDSTOP', () => {
    const { a, b } = pair()
    const seen = note(a, [SIGCHLD], SA_NOCLDSTOP)
    ok(a.sys.kill(b.pid, SIGSTOP))
    ok(a.sys.kill(b.pid, SIGCONT))
    expect(seen).toEqual([])
    expect(ok(a.sys.wait4(b.pid, WUNTRACED | WNOHANG)).pid).toBe(0)
    b.sys.exit(0)
    expect(seen).toHaveLength(1)
  })

  it.each([
    ['SA_NOCLDWAIT', SA_NOCLDWAIT, () => {}],
    ['SIG_IGN', 0, SIG_IGN],
  ] as const)('leaves no zombie to a parent with %s', (_what, flags, handler) => {
    const { k, a, b } = pair()
    ok(a.sys.sigaction(SIGCHLD, { handler, flags, mask: [] }))
    b.sys.exit(3)
    expect([b.state, a.sys.wait4(-1, 0)]).toEqual(['dead', -10])
    checkInvariants(k)
  })

  it('makes a wait that sleeps end with ECHILD when the last child is not to be waited for', () => {
    const { a, b } = pair()
    ok(a.sys.sigaction(SIGCHLD, { handler: SIG_IGN, flags: 0, mask: [] }))
    const call = a.begin.wait4(-1, 0)
    b.sys.exit(0)
    expect(call).toMatchObject({ blocked: false, result: -10 })
  })
})

describe.each(NEW_PROFILES)('sigsuspend, sigtimedwait, pause, Linux %s', (profile) => {
  it('sigsuspend lets through what its set does not have, and puts the mask back after the handler', () => {
    const { a, b } = pair(profile)
    let during: unknown
    ok(
      b.sys.sigaction(SIGUSR1, {
        handler: () => {
          during = b.sys.sigprocmask(SIG_BLOCK, null)
        },
        flags: 0,
        mask: [],
      }),
    )
    ok(b.sys.sigprocmask(SIG_BLOCK, [SIGUSR1, SIGTERM]))
    ok(a.sys.kill(b.pid, SIGUSR1))
    expect(b.sys.sigsuspend([SIGUSR2])).toBe(EINTR)
    expect([during, b.sys.sigprocmask(SIG_BLOCK, null)]).toEqual([
      [SIGUSR1, SIGUSR2],
      [SIGUSR1, SIGTERM],
    ])
  })

  it('sigtimedwait takes a blocked signal without running its handler or its default action', () => {
    const { a, b } = pair(profile)
    const seen = note(b, [RT])
    ok(b.sys.sigprocmask(SIG_BLOCK, [SIGTERM, RT]))
    const call = b.begin.sigtimedwait([SIGTERM], 1000)
    ok(a.sys.kill(b.pid, SIGTERM))
    expect(ok(call.result ?? 0)).toMatchObject({ signo: SIGTERM })
    ok(a.sys.sigqueue(b.pid, RT, 5))
    expect(ok(b.sys.sigwaitinfo([SIGTERM, RT]))).toMatchObject({ signo: RT, value: 5 })
    expect([seen, b.sys.sigpending(), b.sys.sigprocmask(SIG_BLOCK, null)]).toEqual([[], [], [SIGTERM, RT]])
  })

  it('sigtimedwait ends with EAGAIN in time and with EINTR by another signal', () => {
    const { k, a, b } = pair(profile)
    note(b, [SIGUSR1])
    ok(b.sys.sigprocmask(SIG_BLOCK, [SIGUSR2]))
    expect([b.sys.sigtimedwait([SIGUSR2], 0), b.sys.sigtimedwait([SIGUSR2], 30), k.now]).toEqual([
      EAGAIN,
      EAGAIN,
      30,
    ])
    const call = b.begin.sigtimedwait([SIGUSR2], 1000)
    ok(a.sys.kill(b.pid, SIGUSR1))
    expect(call.result).toBe(EINTR)
    checkInvariants(k)
  })

  it('pause ends when a handler has run, and only then', () => {
    const { a, b } = pair(profile)
    note(b, [SIGUSR1])
    const call = b.begin.pause()
    for (const sig of [SIGCHLD, SIGSTOP, SIGCONT]) ok(a.sys.kill(b.pid, sig))
    expect(call.blocked).toBe(true)
    ok(a.sys.kill(b.pid, SIGUSR1))
    expect(call.result).toBe(EINTR)
  })
})

describe.each(PROFILES)('a write without readers, Linux %s', (profile) => {
  it('is SIGPIPE, and EPIPE for who ignores that', () => {
    const { k, a, b } = pair(profile)
    const [r, w] = ok(a.sys.pipe())
    ok(a.sys.close(r))
    const c = forkOf(k, a)
    c.begin.write(w, new Uint8Array(1))
    expect(c.killedBy).toBe(SIGPIPE)
    ok(a.sys.sigaction(SIGPIPE, { handler: SIG_IGN, flags: 0, mask: [] }))
    expect([a.sys.write(w, new Uint8Array(1)), b.state]).toEqual([-32, 'idle'])
  })
})
