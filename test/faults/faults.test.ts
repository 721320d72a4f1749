/** The mechanism, and what each kind of fault leaves behind: the same as in Linux. */
import {
  asFd,
  createKernel,
  defineModule,
  EAGAIN,
  EFAULT,
  EIO,
  ENFILE,
  ENOLCK,
  ENOMEM,
  ENOSPC,
  F_GETFD,
  F_SETLK,
  F_WRLCK,
  type FaultName,
  ITIMER_REAL,
  type Kernel,
  LOCK_EX,
  O_CREAT,
  O_RDWR,
  type Process,
  type Profile,
  SIGKILL,
  type SigInfo,
  shouldFail,
  type Task,
  utf8Encode,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { boot, checkInvariants, forkOf, ok, pipeOf, readFile } from '../helpers/world.js'

/** Lets every point of a name fail while `run` runs. */
function failing<T>(k: Kernel, name: FaultName, run: () => T): T {
  k.faults.failWhen((point) => point.name === name)
  const result = run()
  expect(k.faults.failed.length).toBeGreaterThan(0)
  k.faults.off()
  checkInvariants(k)
  return result
}

const bytes = utf8Encode('some text')

function start(profile: Profile = '2.6.14'): { k: Kernel; p: Process } {
  const k = boot({ profile })
  return { k, p: k.spawn({ comm: 'p', cwd: '/tmp' }) }
}

describe('k.faults', () => {
  it('counts and lists the points while it records, and fails none', () => {
    const { k, p } = start()
    k.faults.record()
    ok(p.sys.pipe())
    expect(k.faults.points).toEqual([
      { n: 1, name: 'alloc:file' },
      { n: 2, name: 'alloc:file' },
      { n: 3, name: 'alloc:inode' },
      { n: 4, name: 'alloc:pipe' },
      { n: 5, name: 'alloc:dentry' },
      { n: 6, name: 'copy:out' },
    ])
    expect(k.faults.failed).toEqual([])
    k.faults.off()
    ok(p.sys.pipe())
    expect(k.faults.count).toBe(6)
  })

  it('fails the n-th point, once', () => {
    const { k, p } = start()
    k.faults.failAt(4)
    expect(p.sys.pipe()).toBe(ENFILE)
    expect(k.faults.failed).toEqual([{ n: 4, name: 'alloc:pipe' }])
    ok(p.sys.pipe())
    expect(k.faults.points).toEqual([])
    for (const n of [0, -1, 1.5, Number.NaN]) expect(() => k.faults.failAt(n)).toThrow(RangeError)
  })

  it('does not go over into copies of the kernel, and changes no digest', () => {
    const { k } = start()
    const before = k.digest()
    k.faults.failWhen(() => true)
    expect(k.digest()).toBe(before)
    ok(k.fork().spawn().sys.pipe())
    expect(() => k.spawn()).toThrow('spawn: EAGAIN')
  })

  it('lets modules have points of their own', () => {
    const disk = defineModule({
      name: 'disk',
      init: () => ({}),
      attach: () => ({
        api: null,
        syscalls: { diskread: (current: Task) => (shouldFail(current.k, 'io:disk read') ? EIO : 512) },
      }),
    })
    const k = createKernel({ modules: [disk] })
    const p = k.spawn()
    k.faults.failWhen(({ name }) => name.startsWith('io:'))
    expect([p.sys.diskread(), k.faults.failed]).toEqual([EIO, [{ n: 1, name: 'io:disk read' }]])
    k.faults.off()
    expect(p.sys.diskread()).toBe(512)
  })
})

describe('an allocation that fails', () => {
  it.each<[FaultName, number]>([
    ['alloc:name', ENOMEM],
    ['alloc:dentry', ENOMEM],
    ['alloc:inode', ENOSPC],
    ['alloc:file', ENFILE],
  ])('%s: open says %d; only what came before has happened', (name, error) => {
    const { k, p } = start()
    expect(failing(k, name, () => p.sys.open('f', O_CREAT | O_RDWR, 0o600))).toBe(error)
    // Linux: open_namei has made the file when get_empty_filp fails.
    expect(typeof p.sys.stat('f') === 'object').toBe(name === 'alloc:file')
  })

  it.each<[FaultName, number]>([
    ['alloc:pid', EAGAIN],
    ['alloc:task', ENOMEM],
    ['alloc:files', ENOMEM],
    ['alloc:fs', ENOMEM],
    ['alloc:sighand', ENOMEM],
    ['alloc:signal', ENOMEM],
    ['alloc:mm', ENOMEM],
  ])('%s: fork says %d and leaves nothing', (name, error) => {
    const { k, p } = start()
    pipeOf(p)
    const tasks = k.describe().tasks.length
    expect(failing(k, name, () => p.sys.fork())).toBe(error)
    expect(k.describe().tasks.length).toBe(tasks)
  })

  it('cuts a write to the pages that there are', () => {
    const { k, p } = start()
    const fd = ok(p.sys.open('f', O_CREAT | O_RDWR, 0o600))
    k.faults.failWhen(({ name, n }) => name === 'alloc:page' && n > 3)
    expect(p.sys.write(fd, new Uint8Array(10_000))).toBe(8192)
    expect(p.sys.write(fd, bytes)).toBe(ENOMEM)
    k.faults.off()
    expect(ok(p.sys.fstat(fd)).size).toBe(8192)
    checkInvariants(k)
  })

  it('makes lock calls say ENOLCK, flock ENOMEM since 2.6', () => {
    for (const profile of ['2.2.12', '2.6.14'] as const) {
      const { k, p } = start(profile)
      const fd = ok(p.sys.open('f', O_CREAT | O_RDWR, 0o600))
      const lock = { type: F_WRLCK, whence: 0, start: 0, len: 5, pid: 0 }
      expect(failing(k, 'alloc:lock', () => p.sys.fcntl(fd, F_SETLK, lock))).toBe(ENOLCK)
      expect(failing(k, 'alloc:lock', () => p.sys.flock(fd, LOCK_EX))).toBe(
        profile === '2.2.12' ? ENOLCK : ENOMEM,
      )
    }
  })

  it('loses what comes with a signal, and refuses one of sigqueue', () => {
    const { k, p } = start()
    const seen: SigInfo[] = []
    const handler = (_sig: number, info: SigInfo): void => void seen.push(info)
    for (const sig of [10, 40]) ok(p.sys.sigaction(sig, { handler, flags: 0, mask: [] }))
    expect(failing(k, 'alloc:sigqueue', () => p.sys.kill(p.pid, 10))).toBe(0)
    expect(failing(k, 'alloc:sigqueue', () => p.sys.sigqueue(p.pid, 40, 7))).toBe(EAGAIN)
    expect(seen).toEqual([{ signo: 10, code: 0, errno: 0 }])
  })

  it('kills a task whose new stack cannot be had: the old image is gone', () => {
    const { k, p } = start()
    k.install('/bin/x', function* () {
      return 0
    })
    const child = forkOf(k, p)
    failing(k, 'alloc:stack', () => child.sys.execve('/bin/x', ['x'], []))
    expect([child.state, child.killedBy]).toEqual(['zombie', SIGKILL])
    const other = forkOf(k, p)
    expect(failing(k, 'alloc:mm', () => other.sys.execve('/bin/x', ['x'], []))).toBe(ENOMEM)
    expect(other.state).toBe('idle')
  })
})

describe('a copy that fails', () => {
  it('leaves both descriptors of a pipe open', () => {
    const { k, p } = start()
    expect(failing(k, 'copy:out', () => p.sys.pipe())).toBe(EFAULT)
    expect([0, 1, 2].map((fd) => p.sys.fcntl(fd, F_GETFD))).toEqual([0, 0, -9])
  })

  it('leaves a zombie where wait4 cannot tell its status', () => {
    const { k, p } = start()
    const child = forkOf(k, p)
    child.sys.exit(3)
    expect(failing(k, 'copy:status', () => p.sys.wait4(-1, 0))).toBe(EFAULT)
    expect(child.state).toBe('zombie')
    expect(ok(p.sys.wait4(-1, 0)).pid).toBe(child.pid)
  })

  it('takes the signal all the same', () => {
    const { k, p } = start()
    p.sys.sigprocmask(0, [10])
    p.sys.kill(p.pid, 10)
    expect(failing(k, 'copy:out', () => p.sys.sigtimedwait([10], 0))).toBe(EFAULT)
    expect(p.sys.sigtimedwait([10], 0)).toBe(EAGAIN)
  })

  it('leaves what a pipe holds in 2.6, and loses it in 2.2', () => {
    for (const profile of ['2.2.12', '2.6.14'] as const) {
      const { k, p } = start(profile)
      const { r, w } = pipeOf(p)
      ok(p.sys.write(w, bytes))
      const buf = new Uint8Array(4)
      const result = failing(k, 'copy:read', () => p.sys.read(r, buf))
      const left = p.sys.read(r, new Uint8Array(20))
      expect([result, [...buf], left]).toEqual(
        profile === '2.2.12' ? [4, [0, 0, 0, 0], 5] : [EFAULT, [0, 0, 0, 0], 9],
      )
    }
  })

  it('makes the file grow by zeros in 2.6', () => {
    for (const profile of ['2.2.12', '2.6.14'] as const) {
      const { k, p } = start(profile)
      const fd = ok(p.sys.open('f', O_CREAT | O_RDWR, 0o600))
      ok(p.sys.write(fd, bytes))
      expect(failing(k, 'copy:write', () => p.sys.write(fd, bytes))).toBe(EFAULT)
      expect(readFile(p, 'f')).toBe(profile === '2.2.12' ? 'some text' : `some text${'\0'.repeat(9)}`)
      expect(p.sys.lseek(asFd(fd), 0, 1)).toBe(9)
    }
  })
})

describe('a timer that is lost', () => {
  it('fires a tick later', () => {
    const { k, p } = start()
    const alarms: number[] = []
    ok(p.sys.sigaction(14, { handler: () => void alarms.push(k.now), flags: 0, mask: [] }))
    ok(p.sys.setitimer(ITIMER_REAL, { interval: 0, value: 10 }))
    k.faults.failAt(1)
    k.advance(100)
    expect(k.faults.failed).toEqual([{ n: 1, name: 'timer:itimer.real' }])
    // 2.6.14 ticks 250 times a second.
    expect(alarms).toEqual([14])
    const sleeper = forkOf(k, p)
    const nap = sleeper.begin.nanosleep(5)
    k.faults.failWhen(({ name, n }) => name === 'timer:sched.wake' && n < 4)
    k.advance(100)
    expect([nap.blocked, nap.result]).toEqual([false, 0])
    checkInvariants(k)
  })
})
