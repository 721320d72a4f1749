/** Compartments that are sealed against what one can count. */
import {
  createKernel,
  EACCES,
  EAGAIN,
  EPERM,
  ESRCH,
  F_GETLK,
  F_GETOWN,
  F_SETLK,
  F_SETOWN,
  F_WRLCK,
  MS_REMOUNT,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  type Profile,
  SA_SIGINFO,
  SEEK_SET,
  SIGCHLD,
  SIGKILL,
  SIGUSR1,
  type SigInfo,
  WNOHANG,
} from 'paleokernel'
import { mac } from 'paleokernel/mac'
import {
  AF_INET,
  AF_NETLINK,
  AF_UNIX,
  net,
  SO_PASSCRED,
  SO_PEERCRED,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_STREAM,
  SOL_SOCKET,
} from 'paleokernel/net'
import { describe, expect, it } from 'vitest'
import { bytes, checkInvariants, ok, readFile } from '../helpers/world.js'

/** Two sealed compartments, of a process each, and the administrator. */
function scene(profile: Profile = '2.2.12', pidMax?: number) {
  const k = createKernel({
    profile,
    modules: [net(), mac({ sealed: true })],
    ...(pidMax === undefined ? {} : { pidMax, maxTasks: 1000 }),
  })
  const admin = k.spawn()
  ok(admin.sys.mount('none', '/', '', MS_REMOUNT, 'mac=65535:0+shared'))
  for (const n of [1, 2]) {
    ok(admin.sys.mkdir(`/own${n}`, 0o777))
    ok(admin.sys.mount('none', `/own${n}`, 'ramfs', 0, `mac=10:${n}`))
    ok(admin.sys.chmod(`/own${n}`, 0o777))
  }
  const put = (label: string) => {
    const p = k.spawn()
    k.mac.setLabel(p.pid, label)
    return p
  }
  const a = put('10:1')
  const b = put('10:2')
  /** A child, and its number as its parent knows it. */
  const fork = (parent: typeof a) => {
    const number = ok(parent.sys.fork())
    const pid = k.mac.pidOf(Number(k.mac.labelOf(parent.pid).split(':')[1]), number)
    const child = pid === undefined ? undefined : k.process(pid)
    if (child === undefined) throw new Error(`there is no child ${number}`)
    return { number, child: child as typeof a }
  }
  return { k, admin, put, a, b, fork }
}

type Proc = ReturnType<typeof scene>['a']

const names = (p: Proc): string[] =>
  ok(p.sys.getdents(ok(p.sys.open('/proc', O_RDONLY)), 1 << 20)).flatMap(({ name }) =>
    /^\d+$/.test(name) ? [name] : [],
  )

describe.each(['2.0.35', '2.2.12', '2.6.14'] as const)(
  'numbers of processes in a sealed compartment, %s',
  (profile) => {
    it('MAC-25: count from 2 on, whatever others do, and are those of all calls', () => {
      const { k, a, b, fork, admin } = scene(profile)
      for (let n = 0; n < 5; n++) ok(b.sys.fork())
      const one = fork(a)
      const two = fork(one.child)
      expect([a, one.child, two.child].map((p) => p.sys.getpid())).toEqual([2, 3, 4])
      expect([one.number, two.number]).toEqual([3, 4])
      expect(two.child.sys.getppid()).toBe(3)
      expect(one.child.sys.getpgid(0)).toBe(a.sys.getpgrp())
      expect(two.child.sys.setsid()).toBe(4)
      expect([two.child.sys.getsid(0), a.sys.getsid(4), a.sys.getpgid(4)]).toEqual([4, 4, 4])
      expect(one.child.sys.setpgid(0, 0)).toBe(0)
      expect(one.child.sys.getpgrp()).toBe(3)
      expect([a.sys.kill(4, 0), a.sys.kill(-4, 0), a.sys.kill(5, 0), a.sys.kill(-5, 0)]).toEqual([
        0,
        0,
        ESRCH,
        ESRCH,
      ])
      expect(names(a)).toEqual(['2', '3', '4'])
      expect(a.sys.readlink('/proc/self')).toBe('2')
      expect(readFile(a, '/proc/4/stat')).toMatch(/^4 \(.*\) . 3 4 4 /)
      expect(readFile(a, '/proc/4/status')).toMatch(/\nPid:\t4\nPPid:\t3\n/)
      expect(ok(a.sys.stat('/proc/4')).ino).toBe(4 * 65536 + 2)
      // The administrator sees the numbers of the kernel.
      expect(names(admin)).toContain(String(two.child.pid))
      expect(admin.sys.kill(two.child.pid, 0)).toBe(0)
      expect(readFile(admin, `/proc/${two.child.pid}/stat`)).toMatch(
        new RegExp(`^${two.child.pid} .* . ${one.child.pid} `),
      )
      expect(k.mac.numberOf(two.child.pid)).toBe(4)
      checkInvariants(k)
    })

    it('are in what wait, signals, locks and owners of files tell', () => {
      const { a, b, fork, k } = scene(profile)
      ok(b.sys.fork())
      const { number, child } = fork(a)
      const seen: (readonly [number, number | undefined])[] = []
      const handler = (sig: number, info: SigInfo): void => void seen.push([sig, info.pid])
      for (const sig of [SIGUSR1, SIGCHLD]) ok(a.sys.sigaction(sig, { handler, flags: SA_SIGINFO, mask: [] }))
      ok(child.sys.kill(2, SIGUSR1))
      const fd = ok(a.sys.open('/own1/file', O_RDWR | O_CREAT, 0o666))
      const other = ok(child.sys.open('/own1/file', O_RDWR))
      ok(child.sys.fcntl(other, F_SETLK, { type: F_WRLCK, whence: SEEK_SET, start: 0, len: 1, pid: 0 }))
      const lock = { type: F_WRLCK, whence: SEEK_SET, start: 0, len: 0, pid: 0 }
      ok(a.sys.fcntl(fd, F_GETLK, lock))
      expect(lock.pid).toBe(number)
      expect(readFile(a, '/proc/locks')).toContain(` ${number} `)
      ok(a.sys.fcntl(fd, F_SETOWN, number))
      expect(a.sys.fcntl(fd, F_GETOWN)).toBe(number)
      ok(a.sys.fcntl(fd, F_SETOWN, -number))
      expect(a.sys.fcntl(fd, F_GETOWN)).toBe(-number)
      child.sys.exit(0)
      expect(ok(a.sys.waitpid(number, WNOHANG))).toMatchObject({ pid: number })
      expect(seen).toEqual([
        [SIGUSR1, number],
        [SIGCHLD, number],
      ])
      checkInvariants(k)
    })
  },
)

describe('a sealed compartment', () => {
  it('MAC-25: knows its peers of sockets by its own numbers', () => {
    const { a, fork } = scene('2.6.14')
    const { number, child } = fork(a)
    const [left, right] = ok(child.sys.socketpair(AF_UNIX, SOCK_STREAM, 0))
    expect(child.sys.getsockopt(left, SOL_SOCKET, SO_PEERCRED)).toMatchObject({ pid: number })
    ok(child.sys.setsockopt(right, SOL_SOCKET, SO_PASSCRED, 1))
    ok(child.sys.send(left, bytes('x'), 0))
    const control: unknown[] = []
    ok(child.sys.recvmsg(right, { name: null, iov: [new Uint8Array(1)], control: control as never }, 0))
    expect(control).toEqual([expect.objectContaining({ pid: number })])
    const route = ok(child.sys.socket(AF_NETLINK, SOCK_RAW, 0))
    ok(child.sys.bind(route, { family: AF_NETLINK, pid: 0, groups: 0 }))
    expect(child.sys.getsockname(route)).toMatchObject({ pid: number })
  })

  it('MAC-24, MAC-25: does not learn the number of who is outside', () => {
    const { k, admin, a } = scene()
    const seen: (number | undefined)[] = []
    const handler = (_sig: number, info: SigInfo): void => void seen.push(info.pid)
    ok(a.sys.sigaction(SIGUSR1, { handler, flags: SA_SIGINFO, mask: [] }))
    ok(admin.sys.kill(a.pid, SIGUSR1))
    expect(seen).toEqual([0])
    // Its parent is init, which is 1 everywhere.
    expect(a.sys.getppid()).toBe(1)
    const child = k.process(ok(admin.sys.fork()))
    if (child === undefined) throw new Error('no child')
    k.mac.setLabel(child.pid, '10:1')
    expect([child.sys.getpid(), child.sys.getppid(), child.sys.getsid(0)]).toEqual([3, 0, 0])
  })

  it('finds a number free again when its task has gone, and EAGAIN where there is none', () => {
    const { k, a, b, put } = scene('2.2.12', 310)
    for (let n = 0; n < 307; n++) ok(a.sys.fork())
    expect(a.sys.fork()).toBe(EAGAIN)
    expect(k.why(a)?.sentence).toContain('pid_max')
    ok(a.sys.kill(305, SIGKILL))
    ok(a.sys.waitpid(305, 0))
    expect(a.sys.fork()).toBe(305)
    ok(a.sys.kill(305, SIGKILL))
    ok(a.sys.waitpid(305, 0))
    expect(b.sys.fork()).toBe(3)
    // A guest's number is free when the guest has gone, too.
    const guest = put('10:3')
    expect(guest.sys.getpid()).toBe(2)
    guest.sys.exit(0)
    k.run()
    checkInvariants(k)
  })

  it('counts its own: processes, switches, files, inodes, and numbers of pipes', () => {
    const { a, b, admin } = scene()
    const count = (p: Proc): unknown[] => [
      readFile(p, '/proc/loadavg'),
      readFile(p, '/proc/stat'),
      readFile(p, '/proc/sys/fs/file-nr'),
      readFile(p, '/proc/sys/fs/inode-nr'),
      readFile(p, '/proc/net/snmp'),
      readFile(p, '/proc/net/dev'),
      ok(p.sys.sysinfo()).procs,
    ]
    const before = count(a)
    const all = count(admin)
    for (let n = 0; n < 3; n++) ok(b.sys.fork())
    ok(b.sys.pipe())
    ok(b.sys.open('/own2/file', O_CREAT | O_RDWR, 0o600))
    const fd = ok(b.sys.socket(AF_INET, SOCK_DGRAM, 0))
    ok(b.sys.sendto(fd, bytes('x'), 0, { family: AF_INET, addr: '127.0.0.1', port: 7 }))
    expect(count(a)).toEqual(before)
    expect(count(admin)).not.toEqual(all)
    expect(ok(a.sys.fstat(ok(a.sys.pipe())[0])).ino).toBe(1)
    expect(count(a)).not.toEqual(before)
  })

  it('has a host name and random numbers of its own, and no power over the clock', () => {
    const { k, a, b, admin } = scene()
    ok(b.sys.sethostname('payroll'))
    expect([a, b, admin].map((p) => ok(p.sys.uname()).nodename)).toEqual(['(none)', 'payroll', '(none)'])
    expect(readFile(b, '/proc/sys/kernel/hostname')).toBe('payroll\n')
    const random = (p: Proc): string => {
      const buf = new Uint8Array(8)
      ok(p.sys.read(ok(p.sys.open('/dev/urandom', O_RDONLY)), buf))
      return buf.join()
    }
    for (const path of ['/dev']) ok(admin.sys.mount('none', path, '', MS_REMOUNT, 'mac=65535:0+shared'))
    const copy = k.fork()
    const alone = copy.process(a.pid)
    if (alone === undefined) throw new Error('no copy')
    expect(random(b)).not.toBe(random(a))
    random(b)
    expect(random(alone as Proc)).not.toBe(random(a))
    expect(a.sys.settimeofday({ sec: 1, usec: 0 })).toBe(EPERM)
    expect(k.why(a)?.sentence).toContain("module 'mac' refused the use of CAP_SYS_TIME")
    expect(a.sys.socket(AF_INET, SOCK_RAW, 1)).toBe(EPERM)
    expect(admin.sys.settimeofday({ sec: 1_000_000_000, usec: 0 })).toBe(0)
  })

  it('does not tune the system, and does not learn who uses modules', () => {
    const { k, a, admin, put } = scene()
    const high = put('65535:3')
    expect(high.sys.open('/proc/sys/fs/file-max', O_RDWR)).toBe(EACCES)
    expect(k.why(high)?.sentence).toContain('does not tune the whole system')
    expect(ok(admin.sys.open('/proc/sys/fs/file-max', O_RDWR))).toBeGreaterThanOrEqual(0)
    ok(admin.sys.mkdir('/m', 0o755))
    ok(admin.sys.mount('none', '/m', 'mlsfs', 0, 'base=/etc'))
    expect(readFile(admin, '/proc/modules')).toMatch(/^mlsfs +\d+ +1\n/m)
    expect(readFile(a, '/proc/modules')).toMatch(/^mlsfs +\d+ +0\n/m)
  })

  it('does not leave a trace of its reading in files of everybody’s', () => {
    const { k, a, b, admin } = scene()
    k.advance(5000)
    const when = (p: Proc): number => Number(ok(p.sys.stat('/etc/passwd')).atime)
    const before = when(a)
    readFile(b, '/etc/passwd')
    expect(when(a)).toBe(before)
    readFile(admin, '/etc/passwd')
    expect(when(a)).toBe(before + 5)
  })

  it('is copied, restored and digested with the kernel', () => {
    const { k, a } = scene()
    ok(a.sys.fork())
    const snapshot = k.snapshot()
    const digest = k.digest()
    const copy = k.fork()
    expect(copy.digest()).toBe(digest)
    expect(copy.process(a.pid)?.sys.fork()).toBe(4)
    expect(a.sys.fork()).toBe(4)
    k.restore(snapshot)
    expect(k.digest()).toBe(digest)
    expect(k.process(a.pid)?.sys.fork()).toBe(4)
  })

  it('without the option numbers are those of the whole system', () => {
    const k = createKernel({ modules: [mac()] })
    const a = k.spawn()
    k.mac.setLabel(a.pid, '10:1')
    expect([a.sys.getpid(), k.mac.numberOf(a.pid), k.mac.pidOf(1, a.pid), k.mac.pidOf(2, a.pid)]).toEqual([
      a.pid,
      a.pid,
      a.pid,
      undefined,
    ])
  })
})
