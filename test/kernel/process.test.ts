/** Pids, families and limits of processes. Linux: get_pid, alloc_pidmap, copy_process, do_exit (2.2.12, 2.6.14). */
import {
  CAP_SYS_RESOURCE,
  EAGAIN,
  EFBIG,
  EMFILE,
  F_DUPFD,
  type Kernel,
  O_CREAT,
  O_RDWR,
  PROFILES,
  type Process,
  type Profile,
  RLIMIT_CORE,
  RLIMIT_FSIZE,
  RLIMIT_NOFILE,
  RLIMIT_NPROC,
  SIG_IGN,
  SIGXFSZ,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { boot, checkInvariants, forkOf, ok } from '../helpers/world.js'

/** Forks a child that ends at once and is waited for; its pid. */
function useUpPid(k: Kernel, parent: Process): number {
  const child = forkOf(k, parent)
  child.sys.exit(0)
  ok(parent.sys.wait4(child.pid, 0))
  return child.pid
}

describe('pids', () => {
  it.each([
    // get_pid: PID_MAX, then from 300 in 2.2 and from 1 in 2.0; RESERVED_PIDS is 300 in 2.6.
    ['2.0.35', 305, 3],
    ['2.2.12', 305, 300],
    ['2.6.14', 305, 300],
  ] as const)('of Linux %s count up below %i and go on at %i', (profile, pidMax, wrapsTo) => {
    const k = boot({ profile, pidMax, rootfs: 'empty' })
    const parent = k.spawn()
    const pids = Array.from({ length: 310 }, () => useUpPid(k, parent))
    expect(pids.slice(0, 302)).toEqual(Array.from({ length: 302 }, (_, i) => i + 3))
    expect(pids[302]).toBe(wrapsTo)
    checkInvariants(k)
  })

  it('are not given while a task, a process group or a session has the number', () => {
    const k = boot({ profile: '2.0.35', pidMax: 12, rootfs: 'empty' })
    const parent = k.spawn()
    // A group and a session without the process that they are named after.
    const leader = forkOf(k, parent)
    ok(leader.sys.setsid())
    const member = forkOf(k, leader)
    const other = forkOf(k, leader)
    ok(other.sys.setpgid(0, 0))
    const last = forkOf(k, other)
    leader.sys.exit(0)
    other.sys.exit(0)
    ok(parent.sys.wait4(leader.pid, 0))
    expect([member.sys.getsid(0), last.sys.getpgrp()]).toEqual([leader.pid, other.pid])
    const taken = [1, parent.pid, leader.pid, member.pid, other.pid, last.pid]
    const given = new Set(Array.from({ length: 30 }, () => useUpPid(k, parent)))
    expect([...given].filter((pid) => taken.includes(pid))).toEqual([])
    expect([...given].sort((x, y) => x - y)).toEqual([7, 8, 9, 10, 11])
    checkInvariants(k)
  })

  it('run out: EAGAIN', () => {
    const k = boot({ profile: '2.0.35', pidMax: 6, rootfs: 'empty' })
    const p = k.spawn()
    for (let pid = 3; pid < 6; pid++) expect(p.sys.fork()).toBe(pid)
    expect(p.sys.fork()).toBe(EAGAIN)
    checkInvariants(k)
  })

  it('may be raised to four million, as in 2.6', () => {
    const k = boot({ pidMax: 4_194_304, rootfs: 'empty' })
    const parent = k.spawn()
    for (let i = 0; i < 40_000; i++) if (i % 1000 === 0) useUpPid(k, parent)
    expect(ok(parent.sys.fork())).toBe(43)
  })
})

describe('fork', () => {
  it.each(PROFILES)('copies what a process has, in Linux %s', (profile: Profile) => {
    const k = boot({ profile })
    const p = k.spawn({ uid: 5, gid: 6, groups: [7], cwd: '/tmp', umask: 0o77, comm: 'one' })
    ok(p.sys.setrlimit(RLIMIT_NOFILE, { cur: 50, max: 60 }))
    const fd = ok(p.sys.open('/etc/passwd', 0))
    ok(p.sys.nice(3))
    const c = forkOf(k, p)
    expect([c.sys.getuid(), c.sys.getgid(), c.sys.getgroups(), c.comm]).toEqual([5, 6, [7], 'one'])
    expect(ok(c.sys.stat('.')).ino).toBe(ok(p.sys.stat('/tmp')).ino)
    expect([c.sys.umask(0), c.sys.getpriority(0, 0)]).toEqual([0o77, 17])
    expect(c.sys.getrlimit(RLIMIT_NOFILE)).toEqual({ cur: 50, max: 60 })
    // One open file: they share its position.
    ok(c.sys.read(fd, new Uint8Array(5)))
    expect(p.sys.lseek(fd, 0, 1)).toBe(5)
    ok(c.sys.close(fd))
    expect(p.sys.lseek(fd, 0, 1)).toBe(5)
    checkInvariants(k)
  })

  it('does not copy timers, locks or pending signals', () => {
    const k = boot()
    const p = k.spawn()
    ok(p.sys.alarm(10))
    const c = forkOf(k, p)
    expect([p.sys.alarm(0), c.sys.alarm(0)]).toEqual([10, 0])
  })
})

describe('RLIMIT_NOFILE (EMFILE)', () => {
  it('bounds every call that makes a descriptor, and takes none where a pair does not fit', () => {
    const k = boot()
    const p = k.spawn()
    ok(p.sys.setrlimit(RLIMIT_NOFILE, { cur: 4, max: 10 }))
    for (let i = 0; i < 3; i++) expect(p.sys.open('/etc/passwd', 0)).toBe(i)
    expect(p.sys.pipe()).toBe(EMFILE)
    expect(p.sys.dup(0)).toBe(3)
    for (const attempt of [
      () => p.sys.dup(0),
      () => p.sys.open('/', 0),
      () => p.sys.fcntl(0, F_DUPFD, 0),
      () => p.sys.pipe(),
    ])
      expect(attempt()).toBe(EMFILE)
    ok(p.sys.close(1))
    expect(p.sys.open('/', 0)).toBe(1)
    checkInvariants(k)
  })

  it('leaves descriptors above it open', () => {
    const p = boot().spawn()
    for (let i = 0; i < 5; i++) ok(p.sys.open('/etc/passwd', 0))
    ok(p.sys.setrlimit(RLIMIT_NOFILE, { cur: 2, max: 10 }))
    expect([p.sys.read(4, new Uint8Array(1)), p.sys.dup(4)]).toEqual([1, EMFILE])
  })
})

describe('RLIMIT_FSIZE (EFBIG, SIGXFSZ)', () => {
  const limited = (): { p: Process; fd: number; k: Kernel } => {
    const k = boot()
    const p = k.spawn({ parent: k.spawn() })
    const fd = ok(p.sys.open('/tmp/f', O_CREAT | O_RDWR, 0o600))
    ok(p.sys.setrlimit(RLIMIT_FSIZE, { cur: 10, max: 100 }))
    return { p, fd, k }
  }

  it('cuts the write that reaches the limit; the next one kills', () => {
    const { p, fd } = limited()
    expect(p.sys.write(fd, new Uint8Array(15))).toBe(10)
    p.sys.write(fd, new Uint8Array(1))
    expect(p.killedBy).toBe(SIGXFSZ)
  })

  it('is EFBIG to who ignores the signal: writes, holes, truncation', () => {
    const { p, fd, k } = limited()
    ok(p.sys.sigaction(SIGXFSZ, { handler: SIG_IGN, flags: 0, mask: [] }))
    expect(p.sys.pwrite(fd, new Uint8Array(1), 10)).toBe(EFBIG)
    expect(p.sys.pwrite(fd, new Uint8Array(5), 8)).toBe(2)
    expect(p.sys.write(fd, new Uint8Array(0))).toBe(0)
    expect(p.sys.ftruncate(fd, 11)).toBe(EFBIG)
    expect(p.sys.ftruncate(fd, 10)).toBe(0)
    expect(p.sys.truncate('/tmp/f', 5)).toBe(0)
    checkInvariants(k)
  })

  it('is about files, not about pipes', () => {
    const { p } = limited()
    const [, w] = ok(p.sys.pipe())
    expect(p.sys.write(w, new Uint8Array(100))).toBe(100)
  })
})

describe('RLIMIT_NPROC (EAGAIN)', () => {
  it('bounds the processes of a user, not those of root', () => {
    const k = boot()
    const p = k.spawn({ uid: 5 })
    ok(p.sys.setrlimit(RLIMIT_NPROC, { cur: 3, max: 3 }))
    const children = [forkOf(k, p), forkOf(k, p)]
    expect(p.sys.fork()).toBe(EAGAIN)
    children[0]?.sys.exit(0)
    // A zombie counts until it is waited for.
    expect(p.sys.fork()).toBe(EAGAIN)
    ok(p.sys.wait4(-1, 0))
    expect(p.sys.fork()).toBeGreaterThan(0)
    const root = k.spawn()
    ok(root.sys.setrlimit(RLIMIT_NPROC, { cur: 1, max: 1 }))
    expect(root.sys.fork()).toBeGreaterThan(0)
    checkInvariants(k)
  })

  it('counts by real uid, whatever the effective one is', () => {
    const k = boot()
    const p = k.spawn()
    ok(p.sys.setrlimit(RLIMIT_NPROC, { cur: 1, max: 1 }))
    ok(p.sys.setresuid(0, 5, 5))
    expect(p.sys.fork()).toBeGreaterThan(0)
    const q = k.spawn()
    ok(q.sys.setrlimit(RLIMIT_NPROC, { cur: 1, max: 1 }))
    ok(q.sys.setresuid(5, 5, 0))
    expect(q.sys.fork()).toBe(EAGAIN)
    expect(CAP_SYS_RESOURCE).toBe(24)
  })
})

describe('RLIMIT_CORE', () => {
  it('says whether a death leaves a core', () => {
    const k = boot()
    const parent = k.spawn()
    const statuses = [0, 4096].map((cur) => {
      ok(parent.sys.setrlimit(RLIMIT_CORE, { cur, max: 4096 }))
      const child = forkOf(k, parent)
      ok(parent.sys.kill(child.pid, 3))
      return ok(parent.sys.wait4(child.pid, 0)).status
    })
    expect(statuses).toEqual([3, 3 | 0x80])
  })
})

describe('sessions', () => {
  it('setsid makes a leader of a session and a group, and is refused to a leader of a group', () => {
    const k = boot()
    const p = k.spawn()
    const c = forkOf(k, p)
    expect(p.sys.setsid()).toBe(-1)
    expect(c.sys.setsid()).toBe(c.pid)
    expect([c.sys.getsid(0), c.sys.getpgrp(), c.sys.setsid()]).toEqual([c.pid, c.pid, -1])
    const grandchild = forkOf(k, c)
    expect([grandchild.sys.getsid(0), grandchild.sys.getpgrp()]).toEqual([c.pid, c.pid])
    checkInvariants(k)
  })

  it('a group lives as long as it has members, its leader or not', () => {
    const k = boot()
    const p = k.spawn()
    const [a, b] = [forkOf(k, p), forkOf(k, p)]
    ok(p.sys.setpgid(a.pid, 0))
    ok(p.sys.setpgid(b.pid, a.pid))
    a.sys.exit(0)
    ok(p.sys.wait4(a.pid, 0))
    const c = forkOf(k, p)
    expect(p.sys.setpgid(c.pid, a.pid)).toBe(0)
    for (const process of [b, c]) process.sys.exit(0)
    for (const process of [b, c]) ok(p.sys.wait4(process.pid, 0))
    expect(forkOf(k, p).sys.setpgid(0, a.pid)).toBe(-1)
    checkInvariants(k)
  })
})
