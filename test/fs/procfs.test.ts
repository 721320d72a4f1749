/** /proc: names, permissions, lifetimes, and the texts that ps and its kin read, for all three kernels. */
import { createKernel, DIRECT, type Kernel, type Profile } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { CLONE_FILES, CLONE_FS, CLONE_SIGHAND, CLONE_THREAD, CLONE_VM } from '../../src/abi/clone.js'
import {
  EACCES,
  EAGAIN,
  EEXIST,
  EINVAL,
  EIO,
  EISDIR,
  ENOENT,
  EPERM,
  type Errno,
  ESRCH,
  errnoName,
  isErr,
} from '../../src/abi/errno.js'
import {
  F_RDLCK,
  F_SETLK,
  F_SETLKW,
  F_WRLCK,
  O_CREAT,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
} from '../../src/abi/fcntl.js'
import { PR_SET_DUMPABLE } from '../../src/abi/prctl.js'
import { SIG_IGN, SIGCHLD, SIGUSR1, SIGUSR2 } from '../../src/abi/signal.js'
import type { Dirent } from '../../src/abi/stat.js'
import { WNOHANG } from '../../src/abi/wait.js'
import { defineModule } from '../../src/kernel/module.js'

type Proc = ReturnType<Kernel['spawn']>

const PROFILES: readonly Profile[] = ['2.0.35', '2.2.12', '2.6.14']
const OLD: readonly Profile[] = ['2.0.35', '2.2.12']

interface World {
  readonly k: Kernel
  readonly root: Proc
}

function boot(profile: Profile): World {
  const k = createKernel({ profile, rootfs: 'empty', seed: 3 })
  const root = k.spawn({
    uid: 0,
    gid: 0,
    comm: 'bash',
    cwd: '/',
    argv: ['bash', '-l'],
    env: ['HOME=/root', 'TERM=vt100'],
  })
  must(root.sys.mkdir('/proc', 0o755))
  must(root.sys.mount('proc', '/proc', 'proc', 0, ''))
  return { k, root }
}

function must<T>(value: T | Errno): T {
  if (isErr(value)) throw new Error(`unexpected ${errnoName(value)}`)
  return value
}

const decoder = new TextDecoder()

/** A whole file as text, or the error of open or read. */
function cat(p: Proc, path: string, step = 1000): string | Errno {
  const fd = p.sys.open(path, O_RDONLY, 0)
  if (isErr(fd)) return fd
  const text = drain(p, fd, step)
  p.sys.close(fd)
  return text
}

function drain(p: Proc, fd: number, step = 1000): string | Errno {
  const parts: number[] = []
  for (;;) {
    const buf = new Uint8Array(step)
    const n = p.sys.read(fd, buf)
    if (isErr(n)) return n
    if (n === 0) return decoder.decode(new Uint8Array(parts))
    parts.push(...buf.subarray(0, n))
  }
}

const text = (p: Proc, path: string): string => String(must(cat(p, path)))

function put(p: Proc, path: string, content: string, flags = 0): number {
  const fd = p.sys.open(path, O_WRONLY | flags, 0)
  if (isErr(fd)) return fd
  const n = p.sys.write(fd, new TextEncoder().encode(content))
  p.sys.close(fd)
  return n
}

function ls(p: Proc, path: string, count = 32768): string[] | Errno {
  const fd = p.sys.open(path, O_RDONLY, 0)
  if (isErr(fd)) return fd
  const names: string[] = []
  for (;;) {
    const entries: Dirent[] | Errno = p.sys.getdents(fd, count)
    if (isErr(entries)) return entries
    if (entries.length === 0) break
    names.push(...entries.map(({ name }) => name))
  }
  p.sys.close(fd)
  return names.filter((name) => name !== '.' && name !== '..')
}

/** As procps readproc.c does it: the name is in the last parentheses, the rest are numbers. */
function stat2proc(line: string): { pid: number; comm: string; state: string; fields: number[] } {
  const open = line.indexOf('(')
  const close = line.lastIndexOf(')')
  const rest = line
    .slice(close + 2)
    .trim()
    .split(' ')
  return {
    pid: Number(line.slice(0, open - 1)),
    comm: line.slice(open + 1, close),
    state: rest[0] ?? '',
    fields: rest.slice(1).map(Number),
  }
}

/** `Key:\tvalue` lines. */
function status2proc(lines: string): Map<string, string> {
  const map = new Map<string, string>()
  for (const line of lines.split('\n').slice(0, -1)) {
    const colon = line.indexOf(':\t')
    map.set(line.slice(0, colon), line.slice(colon + 2))
  }
  return map
}

describe.each(PROFILES)('/proc of %s', (profile) => {
  it('lists entries and processes', () => {
    const { k, root } = boot(profile)
    const child = k.spawn({ uid: 500, gid: 100, comm: 'x' })
    const names = must(ls(root, '/proc'))
    for (const name of [
      'loadavg',
      'uptime',
      'meminfo',
      'kmsg',
      'version',
      'cpuinfo',
      'self',
      'sys',
      'stat',
    ]) {
      expect(names).toContain(name)
    }
    for (const name of ['devices', 'filesystems', 'cmdline', 'locks', 'mounts']) expect(names).toContain(name)
    const pids = names.filter((name) => /^[0-9]+$/.test(name)).map(Number)
    expect(pids).toContain(root.pid)
    expect(pids.at(-1)).toBe(child.pid)
    expect(new Set(names).size).toBe(names.length)
    expect(must(root.sys.stat('/proc')).nlink).toBe(2 + 1 + pids.length)
  })

  it('lists the same names when read in small pieces', () => {
    const { k, root } = boot(profile)
    for (let i = 0; i < 40; i++) k.spawn({ comm: `p${i}` })
    expect(must(ls(root, '/proc', 40))).toEqual(must(ls(root, '/proc')))
    expect(ls(root, '/proc', 10)).toBe(EINVAL)
  })

  it('opens every file that it lists', () => {
    const { root } = boot(profile)
    const walk = (dir: string): string[] =>
      must(ls(root, dir)).flatMap((name) => {
        const path = `${dir}/${name}`
        const kind = must(root.sys.lstat(path)).mode & 0o170000
        // Reading the directory of descriptors lists the one it is read through.
        if (kind === 0o040000) return name === 'fd' ? [] : walk(path)
        return kind === 0o120000 || name === 'kmsg' ? [] : [path]
      })
    const files = ['/proc', `/proc/${root.pid}`].flatMap(walk)
    expect(files.length).toBeGreaterThan(20)
    for (const file of files) expect(typeof cat(root, file), file).toBe('string')
  })

  it('looks processes up by plain decimal numbers', () => {
    const { root } = boot(profile)
    const { pid } = root
    expect(must(root.sys.stat(`/proc/${pid}`)).mode).toBe(0o040555)
    for (const name of [
      `0${pid}`,
      `${pid}x`,
      '99999',
      '65537',
      '0',
      '-1',
      'nothing',
      '12345678901234567890',
    ]) {
      expect(root.sys.stat(`/proc/${name}`), name).toBe(ENOENT)
    }
    expect(root.sys.stat(`/proc/${pid}/nothing`)).toBe(ENOENT)
    expect(root.sys.stat('/proc/sys/nothing')).toBe(ENOENT)
  })

  it('gives a process directory to the effective user', () => {
    const { k, root } = boot(profile)
    const user = k.spawn({ uid: 500, gid: 100, comm: 'x' })
    const stat = must(root.sys.stat(`/proc/${user.pid}`))
    expect([stat.uid, stat.gid, stat.ino, stat.size]).toEqual([500, 100, user.pid * 65536 + 2, 0])
    expect(must(root.sys.stat(`/proc/${user.pid}/status`)).uid).toBe(500)
    expect(must(root.sys.stat(`/proc/${user.pid}/status`)).dev).toBe(stat.dev)
    expect(must(root.sys.stat('/proc')).ino).toBe(1)
  })

  it('has a link to the reader', () => {
    const { k, root } = boot(profile)
    const user = k.spawn({ uid: 500, gid: 100, comm: 'x' })
    expect(root.sys.readlink('/proc/self')).toBe(String(root.pid))
    expect(user.sys.readlink('/proc/self')).toBe(String(user.pid))
    expect(text(user, '/proc/self/stat').split(' ')[0]).toBe(String(user.pid))
    expect(must(user.sys.lstat('/proc/self')).mode).toBe(0o120777)
  })

  it('lets nobody make or remove anything', () => {
    const { root } = boot(profile)
    expect(isErr(root.sys.open('/proc/new', O_CREAT | O_RDWR, 0o644))).toBe(true)
    expect(isErr(root.sys.mkdir('/proc/new', 0o755))).toBe(true)
    expect(root.sys.mkdir('/proc/sys', 0o755)).toBe(EEXIST)
    expect(root.sys.unlink('/proc/version')).toBe(EPERM)
    expect(root.sys.rmdir('/proc/sys')).toBe(EPERM)
    expect(root.sys.unlink(`/proc/${root.pid}/status`)).toBe(EACCES)
    expect(root.sys.open('/proc/version', O_WRONLY | O_TRUNC, 0)).toBeGreaterThanOrEqual(0)
  })

  it('shows a process in stat as ps reads it', () => {
    const { k, root } = boot(profile)
    k.advance(1230)
    const user = k.spawn({ uid: 500, gid: 100, comm: 'a) b', parent: root })
    user.sys.nice(5)
    const stat = stat2proc(text(root, `/proc/${user.pid}/stat`))
    expect([stat.pid, stat.comm, stat.state]).toEqual([user.pid, 'a) b', 'R'])
    expect(stat.fields).toHaveLength({ '2.0.35': 34, '2.2.12': 35, '2.6.14': 38 }[profile])
    expect(stat.fields.every(Number.isInteger)).toBe(true)
    const [ppid, pgrp, session, tty, tpgid] = stat.fields
    expect([ppid, tty, tpgid]).toEqual([root.pid, 0, -1])
    expect([pgrp, session]).toEqual([must(user.sys.getpgid(0)), must(user.sys.getsid(0))])
    expect(stat.fields[15]).toBe(5)
    expect(stat.fields[18]).toBe(123)
    if (profile !== '2.0.35') expect(stat.fields[34]).toBe(17)
    if (profile === '2.6.14') expect(stat.fields[16]).toBe(1)
  })

  it('shows the layout of status', () => {
    const { root } = boot(profile)
    const names = [...status2proc(text(root, '/proc/self/status')).keys()].join(' ')
    const layouts = {
      '2.0.35': 'Name State Pid PPid Uid Gid SigPnd SigBlk SigIgn SigCgt',
      '2.2.12': 'Name State Pid PPid Uid Gid Groups SigPnd SigBlk SigIgn SigCgt CapInh CapPrm CapEff',
      '2.6.14':
        'Name State SleepAVG Tgid Pid PPid TracerPid Uid Gid FDSize Groups Threads SigQ SigPnd ShdPnd SigBlk SigIgn SigCgt CapInh CapPrm CapEff',
    }
    expect(names).toBe(layouts[profile])
  })

  it('shows ids, signals and capabilities in status', () => {
    const { k, root } = boot(profile)
    const user = k.spawn({ uid: 500, gid: 100, groups: [100, 7], comm: 'x\\y' })
    must(user.sys.sigprocmask(0, [SIGUSR1]))
    must(user.sys.sigaction(SIGUSR2, { handler: 1, flags: 0, mask: [] }))
    must(user.sys.sigaction(1, { handler: () => {}, flags: 0, mask: [] }))
    must(root.sys.kill(user.pid, SIGUSR1))
    const status = status2proc(text(root, `/proc/${user.pid}/status`))
    const set = (signal: number): string =>
      (2 ** (signal - 1)).toString(16).padStart(profile === '2.0.35' ? 8 : 16, '0')
    expect(status.get('Name')).toBe('x\\\\y')
    expect(status.get('State')).toBe('R (running)')
    expect(status.get('Uid')).toBe('500\t500\t500\t500')
    expect(status.get('Gid')).toBe('100\t100\t100\t100')
    expect(status.get('SigBlk')).toBe(set(SIGUSR1))
    expect(status.get(profile === '2.6.14' ? 'ShdPnd' : 'SigPnd')).toBe(set(SIGUSR1))
    expect(status.get('SigIgn')).toBe(set(SIGUSR2))
    expect(status.get('SigCgt')).toBe(set(1))
    if (profile === '2.0.35') return
    expect(status.get('Groups')?.trim().split(' ').map(Number).sort()).toEqual([100, 7])
    expect(status.get('CapEff')).toBe('0000000000000000')
    expect(text(root, '/proc/self/status')).toMatch(/^CapEff:\t00000000fffffeff$/m)
  })

  it('shows a sleeping, a stopped and a dead process', () => {
    const { k, root } = boot(profile)
    const [r] = must(root.sys.pipe())
    const pid = must(root.sys.fork())
    const child = must(k.process(pid) ?? ENOENT)
    const state = (): string => stat2proc(text(root, `/proc/${pid}/stat`)).state
    const call = child.begin.read(r, new Uint8Array(1))
    expect(call.blocked).toBe(true)
    expect(state()).toBe('S')
    must(root.sys.kill(pid, 19))
    expect(state()).toBe('T')
    must(root.sys.kill(pid, 18))
    must(root.sys.kill(pid, 9))
    expect(state()).toBe('Z')
    expect(status2proc(text(root, `/proc/${pid}/status`)).get('State')).toBe('Z (zombie)')
    expect(text(root, `/proc/${pid}/cmdline`)).toBe('')
    expect(isErr(root.sys.readlink(`/proc/${pid}/cwd`))).toBe(true)
    expect(must(ls(root, '/proc'))).toContain(String(pid))
    must(root.sys.waitpid(pid, 0))
    expect(root.sys.stat(`/proc/${pid}`)).toBe(ENOENT)
    expect(must(ls(root, '/proc'))).not.toContain(String(pid))
  })

  it('answers readers of a process that has gone', () => {
    const { k, root } = boot(profile)
    const pid = must(root.sys.fork())
    const file = must(root.sys.open(`/proc/${pid}/status`, O_RDONLY, 0))
    const dir = must(root.sys.open(`/proc/${pid}`, O_RDONLY, 0))
    k.process(pid)?.sys.exit(0)
    must(root.sys.waitpid(pid, 0))
    const read = { '2.0.35': 0, '2.2.12': EIO, '2.6.14': ESRCH }[profile]
    expect(root.sys.read(file, new Uint8Array(10))).toBe(read)
    expect(root.sys.fchdir(dir)).toBe(0)
    expect(root.sys.stat('status')).toBe(ENOENT)
    expect(k.snapshot()).toBeDefined()
  })

  it('shows arguments and environment', () => {
    const { root } = boot(profile)
    expect(text(root, '/proc/self/cmdline')).toBe('bash\0-l\0')
    expect(text(root, '/proc/self/environ')).toBe('HOME=/root\0TERM=vt100\0')
    expect(text(root, '/proc/self/statm')).toBe('0 0 0 0 0 0 0\n')
  })

  it('shows the image that a process runs', () => {
    const { k, root } = boot(profile)
    must(root.sys.mkdir('/bin', 0o755))
    k.install('/bin/prog', DIRECT, { mode: 0o755 })
    must(root.sys.truncate('/bin/prog', 10_000))
    const proc = k.process(must(root.sys.fork()))
    must(proc?.sys.exec('/bin/prog', ['prog', 'a b'], ['A=1']) ?? ENOENT)
    const at = `/proc/${proc?.pid}`
    expect(text(root, `${at}/cmdline`)).toBe('prog\0a b\0')
    expect(text(root, `${at}/environ`)).toBe('A=1\0')
    if (profile !== '2.0.35') expect(root.sys.readlink(`${at}/exe`)).toBe('/bin/prog')
    expect(must(root.sys.stat(`${at}/exe`)).ino).toBe(must(root.sys.stat('/bin/prog')).ino)
    const status = status2proc(text(root, `${at}/status`))
    expect([status.get('Name'), status.get('VmExe'), status.get('VmSize')]).toEqual([
      'prog',
      '      12 kB',
      '      36 kB',
    ])
    expect(text(root, `${at}/statm`)).toBe('9 9 0 3 0 6 0\n')
    const { fields } = stat2proc(text(root, `${at}/stat`))
    expect([fields[19], fields[20]]).toEqual([36 * 1024, 9])
    expect((fields[5] ?? 0) & 0x40).toBe(0)
  })

  it('lists descriptors as links', () => {
    const { root } = boot(profile)
    must(root.sys.open('/file', O_CREAT | O_RDWR, 0o644))
    must(root.sys.open('/file', O_RDONLY, 0))
    must(root.sys.open('/file', O_WRONLY, 0))
    const fds = `/proc/${root.pid}/fd`
    const pipe = must(root.sys.pipe())
    expect(must(root.sys.stat(fds)).mode).toBe(0o040500)
    expect(must(ls(root, fds))).toEqual([
      '0',
      '1',
      '2',
      String(pipe[0]),
      String(pipe[1]),
      String(pipe[1] + 1),
    ])
    const modes = [0, 1, 2].map((fd) => must(root.sys.lstat(`${fds}/${fd}`)).mode)
    expect(modes).toEqual([0o120700, 0o120500, 0o120300])
    expect(must(root.sys.lstat(`${fds}/0`)).size).toBe(64)
    for (const name of ['7', '00', 'x', '-1', '40000']) expect(root.sys.lstat(`${fds}/${name}`)).toBe(ENOENT)
    if (profile === '2.0.35') {
      const { ino } = must(root.sys.stat('/file'))
      expect(root.sys.readlink(`${fds}/0`)).toMatch(new RegExp(`^\\[[0-9a-f]{2}:[0-9a-f]{2}\\]:${ino}$`))
      return
    }
    expect(root.sys.readlink(`${fds}/0`)).toBe('/file')
    expect(root.sys.readlink(`${fds}/${pipe[0]}`)).toBe(`pipe:[${must(root.sys.fstat(pipe[0])).ino}]`)
    must(root.sys.unlink('/file'))
    expect(root.sys.readlink(`${fds}/0`)).toBe('/file (deleted)')
  })

  it('opens what a descriptor refers to, name or no name', () => {
    const { root } = boot(profile)
    const fd = must(root.sys.open('/file', O_CREAT | O_RDWR, 0o644))
    must(root.sys.write(fd, new TextEncoder().encode('hello')))
    must(root.sys.unlink('/file'))
    expect(text(root, `/proc/self/fd/${fd}`)).toBe('hello')
    expect(must(root.sys.stat(`/proc/self/fd/${fd}`)).ino).toBe(must(root.sys.fstat(fd)).ino)
    expect(put(root, `/proc/self/fd/${fd}`, 'bye', O_CREAT | O_TRUNC)).toBe(3)
    expect(must(root.sys.fstat(fd)).size).toBe(3)
    const [r, w] = must(root.sys.pipe())
    const again = must(root.sys.open(`/proc/self/fd/${w}`, O_WRONLY, 0))
    must(root.sys.write(again, new TextEncoder().encode('p')))
    expect(root.sys.read(r, new Uint8Array(4))).toBe(1)
  })

  it('leads to the working directory and the root', () => {
    const { k, root } = boot(profile)
    must(root.sys.mkdir('/home', 0o755))
    must(root.sys.creat('/home/x', 0o644))
    const other = k.spawn({ cwd: '/home', comm: 'x' })
    expect(must(root.sys.stat(`/proc/${other.pid}/cwd/x`)).ino).toBe(must(root.sys.stat('/home/x')).ino)
    must(root.sys.chdir(`/proc/${other.pid}/cwd`))
    if (profile !== '2.0.35') expect(root.sys.getcwd()).toBe('/home')
    expect(must(root.sys.stat(`/proc/${other.pid}/root`)).ino).toBe(must(root.sys.stat('/')).ino)
    if (profile !== '2.0.35') expect(root.sys.readlink(`/proc/${other.pid}/cwd`)).toBe('/home')
    expect(root.sys.readlink(`/proc/${other.pid}/exe`)).toBe(ENOENT)
  })

  it('hides the places of other users', () => {
    const { k, root } = boot(profile)
    const alice = k.spawn({ uid: 500, gid: 100, comm: 'alice', env: ['SECRET=1'] })
    const bob = k.spawn({ uid: 501, gid: 100, comm: 'bob' })
    must(root.sys.chmod('/', 0o777))
    must(alice.sys.creat('/hers', 0o644))
    const at = `/proc/${alice.pid}`
    for (const call of [
      bob.sys.readlink(`${at}/cwd`),
      bob.sys.stat(`${at}/cwd`),
      bob.sys.stat(`${at}/root/`),
      bob.sys.open(`${at}/fd`, O_RDONLY, 0),
      bob.sys.stat(`${at}/fd/0`),
      bob.sys.open(`${at}/environ`, O_RDONLY, 0),
    ]) {
      expect(call).toBe(EACCES)
    }
    expect(text(bob, `${at}/status`)).toContain('alice')
    expect(text(alice, `${at}/environ`)).toBe('SECRET=1\0')
    expect(text(root, `${at}/environ`)).toBe('SECRET=1\0')
    expect(must(root.sys.stat(`${at}/fd/0`)).ino).toBe(must(root.sys.stat('/hers')).ino)
  })

  it('has times, load and memory', () => {
    const { k, root } = boot(profile)
    k.advance(12340)
    expect(text(root, '/proc/uptime')).toMatch(/^12\.34 [0-9]+\.[0-9]{2}\n$/)
    expect(text(root, '/proc/loadavg')).toMatch(/^0\.00 0\.00 0\.00 [0-9]+\/[0-9]+ [0-9]+\n$/)
    expect(text(root, '/proc/meminfo')).toMatch(/^MemTotal: +[0-9]+ kB$/m)
    expect(text(root, '/proc/meminfo').startsWith('        total:')).toBe(profile !== '2.6.14')
    const stat = text(root, '/proc/stat')
    expect(stat).toMatch(
      profile === '2.6.14' ? /^cpu {2}([0-9]+ ){7}[0-9]+\ncpu0 / : /^cpu {2}([0-9]+ ){3}[0-9]+\ndisk /,
    )
    expect(stat).toMatch(/^intr [0-9]+( [0-9]+){16}$/m)
    expect(stat).toMatch(/^btime [0-9]+$/m)
    expect(stat).toMatch(/^processes [0-9]+$/m)
    expect(text(root, '/proc/version')).toMatch(
      new RegExp(`^Linux version ${profile.replaceAll('.', '\\.')} \\(.*\\) #1 .*\n$`),
    )
    expect(text(root, '/proc/cpuinfo')).toMatch(/^processor\t: 0\n/)
  })

  it('keeps the time of tasks that nobody has waited for', () => {
    const k = createKernel({ profile, syscallTime: 10 })
    const root = k.spawn()
    const used = (): number[] =>
      (text(root, '/proc/stat').split('\n')[0] ?? '').split(/ +/).slice(1, 4).map(Number)
    root.sys.sigaction(SIGCHLD, { handler: SIG_IGN, flags: 0, mask: [] })
    const child = k.process(must(root.sys.fork())) as Proc
    child.sys.nice(5)
    for (let n = 0; n < 20; n++) child.sys.getpid()
    const [user = 0, nice = 0, system = 0] = used()
    expect(nice).toBeGreaterThanOrEqual(10)
    child.sys.exit(0)
    const after = used()
    expect(after[1]).toBe(nice)
    expect(after[0]).toBeGreaterThan(user)
    expect(after[2]).toBeGreaterThan(system)
  })

  it('lists mounts, file systems and devices', () => {
    const { root } = boot(profile)
    must(root.sys.mkdir('/m', 0o755))
    must(root.sys.mount('none', '/m', 'ramfs', 1, ''))
    const lines = text(root, '/proc/mounts').split('\n')
    expect(lines).toContain('proc /proc proc rw 0 0')
    expect(lines).toContain('none /m ramfs ro 0 0')
    expect(text(root, '/proc/filesystems').split('\n')).toContain('nodev\tproc')
    const devices = text(root, '/proc/devices')
    expect(devices).toMatch(/^Character devices:\n/)
    expect(devices).toContain('\n  1 mem\n')
    expect(devices).toContain('\n\nBlock devices:\n')
    if (profile === '2.6.14') expect(root.sys.readlink('/proc/mounts')).toBe('self/mounts')
    else expect(root.sys.readlink('/proc/mounts')).toBe(EINVAL)
  })

  it('keeps one text for one reader, and makes a new one at the start', () => {
    const { k, root } = boot(profile)
    const fd = must(root.sys.open('/proc/uptime', O_RDONLY, 0))
    const first = new Uint8Array(2)
    must(root.sys.read(fd, first))
    k.advance(100_000)
    expect(decoder.decode(first)).toBe('0.')
    expect(drain(root, fd)).toMatch(/^00 0\.00\n$/)
    must(root.sys.lseek(fd, 0, 0))
    expect(drain(root, fd)).toMatch(/^100\.00 /)
  })

  it('is one file system however often it is mounted', () => {
    const { root } = boot(profile)
    must(root.sys.mkdir('/again', 0o755))
    must(root.sys.mount('proc', '/again', 'proc', 0, ''))
    expect(must(root.sys.stat('/again')).dev).toBe(must(root.sys.stat('/proc')).dev)
    const statfs = must(root.sys.statfs('/proc'))
    expect([statfs.type, statfs.blocks]).toEqual([0x9fa0, 0])
  })

  it('lets something be mounted on a directory of it', () => {
    const { root } = boot(profile)
    must(root.sys.mount('none', '/proc/sys/kernel', 'ramfs', 0, ''))
    must(root.sys.close(must(root.sys.creat('/proc/sys/kernel/x', 0o644))))
    expect(must(ls(root, '/proc/sys/kernel'))).toEqual(['x'])
    must(root.sys.umount('/proc/sys/kernel'))
    expect(must(ls(root, '/proc/sys/kernel'))).toContain('hostname')
    expect(must(root.sys.stat('/proc/sys')).nlink).toBe(profile === '2.0.35' ? 3 : 4)
  })

  it('can be forked with files of it open', () => {
    const { k, root } = boot(profile)
    const fd = must(root.sys.open('/proc/self/status', O_RDONLY, 0))
    must(root.sys.read(fd, new Uint8Array(5)))
    const dir = must(root.sys.open('/proc', O_RDONLY, 0))
    must(root.sys.getdents(dir, 200))
    const twin = k.fork()
    expect(twin.digest()).toBe(k.digest())
    const other = must(twin.process(root.pid) ?? ENOENT)
    expect(drain(other, fd)).toBe(drain(root, fd))
    expect(must(other.sys.getdents(dir))).toEqual(must(root.sys.getdents(dir)))
  })

  it('leaves no trace of having been read', () => {
    const { k, root } = boot(profile)
    const look = (): string => {
      text(root, '/proc/self/status')
      must(ls(root, '/proc'))
      must(ls(root, '/proc/self/fd'))
      must(root.sys.stat(`/proc/${root.pid}/cwd`))
      return k.digest()
    }
    look()
    expect(look()).toBe(look())
  })
})

describe('/proc as it was before 2.3', () => {
  it.each(OLD)('%s says EINVAL to those who read a directory', (profile) => {
    const { root } = boot(profile)
    const fd = must(root.sys.open('/proc', O_RDONLY, 0))
    expect(isErr(root.sys.read(fd, new Uint8Array(10)))).toBe(true)
  })

  it('2.2 has maps as a FIFO, and links that only their owner may follow', () => {
    const { root } = boot('2.2.12')
    expect(must(root.sys.stat('/proc/self/maps')).mode).toBe(0o010444)
    expect(text(root, '/proc/self/maps')).toBe('')
    expect(must(root.sys.lstat('/proc/self/cwd')).mode).toBe(0o120700)
    expect(must(root.sys.lstat('/proc/self/exe')).ino).toBe(root.pid * 65536 + 7)
  })

  it('2.2 numbers what it knows', () => {
    const { root } = boot('2.2.12')
    const ino = (path: string): number => must(root.sys.lstat(path)).ino
    expect([ino('/proc/loadavg'), ino('/proc/version'), ino('/proc/self'), ino('/proc/mounts')]).toEqual([
      2, 6, 11, 28,
    ])
    must(root.sys.creat('/f', 0o644))
    expect(ino('/proc/self/fd/0')).toBe(root.pid * 65536 + 0x8000)
  })
})

describe('/proc of 2.6.14 alone', () => {
  it('has a directory of threads', () => {
    const { root } = boot('2.6.14')
    expect(must(ls(root, '/proc/self/task'))).toEqual([String(root.pid)])
    expect(must(root.sys.stat('/proc/self/task')).nlink).toBe(3)
    expect(must(ls(root, `/proc/self/task/${root.pid}`))).not.toContain('task')
    expect(text(root, `/proc/self/task/${root.pid}/stat`)).toBe(text(root, '/proc/self/stat'))
    expect(root.sys.stat('/proc/self/task/1234')).toBe(ENOENT)
  })

  it('has every thread there', () => {
    const { k, root } = boot('2.6.14')
    const tid = must(root.sys.clone(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD))
    expect(must(ls(root, '/proc/self/task'))).toEqual([String(root.pid), String(tid)])
    expect(must(ls(root, '/proc'))).not.toContain(String(tid))
    const status = status2proc(text(root, `/proc/${tid}/status`))
    expect([status.get('Tgid'), status.get('Pid'), status.get('Threads')]).toEqual([
      String(root.pid),
      String(tid),
      '2',
    ])
    expect(text(k.process(tid) ?? root, '/proc/self/stat').split(' ')[0]).toBe(String(root.pid))
    expect(must(root.sys.stat(`/proc/self/task/${tid}`)).nlink).toBe(3)
    expect(must(root.sys.stat(`/proc/self/task/${tid}/stat`)).ino).not.toBe(
      must(root.sys.stat(`/proc/${tid}/stat`)).ino,
    )
  })

  it('lists those behind a process whose younger thread has run a program', () => {
    const k = createKernel({ profile: '2.6.14' })
    k.install('/bin/sleeper', function* (sys) {
      yield* sys.pause()
    })
    const flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD
    const old = k.spawn({
      *program(sys) {
        yield* sys.nanosleep(1)
        yield* sys.clone(flags, function* (thread) {
          yield* thread.exec('/bin/sleeper', ['sleeper'], [])
        })
        yield* sys.pause()
      },
    })
    const young = k.spawn()
    k.run()
    const fd = young.libc.open('/proc', O_RDONLY)
    const names = young.libc.getdents(fd).map(({ name }) => name)
    expect(names).toContain(String(old.pid))
    expect(names).toContain(String(young.pid))
  })

  it('says EISDIR to those who read a directory, ENOENT to those who create', () => {
    const { root } = boot('2.6.14')
    const fd = must(root.sys.open('/proc', O_RDONLY, 0))
    expect(root.sys.read(fd, new Uint8Array(10))).toBe(EISDIR)
    expect(root.sys.open('/proc/new', O_CREAT | O_RDWR, 0o644)).toBe(ENOENT)
  })

  it('gives the files of a zombie to root', () => {
    const { k, root } = boot('2.6.14')
    const user = k.spawn({ uid: 500, gid: 100, comm: 'x', parent: root })
    user.sys.exit(0)
    expect(must(root.sys.stat(`/proc/${user.pid}`)).uid).toBe(500)
    expect(must(root.sys.stat(`/proc/${user.pid}/status`)).uid).toBe(0)
    expect(status2proc(text(root, `/proc/${user.pid}/status`)).get('Threads')).toBe('0')
    expect(must(root.sys.waitpid(user.pid, WNOHANG)).pid).toBe(user.pid)
  })

  it('refuses the environment of a process that has become another user', () => {
    const { k, root } = boot('2.6.14')
    const user = k.spawn({ uid: 500, gid: 100, comm: 'x' })
    const victim = k.spawn({ uid: 500, gid: 100, comm: 'v', env: ['A=1'] })
    const fd = must(user.sys.open(`/proc/${victim.pid}/environ`, O_RDONLY, 0))
    expect(user.sys.read(fd, new Uint8Array(9))).toBe(4)
    const setuid = k.spawn({ uid: 0, gid: 100, comm: 's', env: ['B=2'] })
    must(setuid.sys.setresuid(500, 500, 0))
    expect(user.sys.open(`/proc/${setuid.pid}/environ`, O_RDONLY, 0)).toBe(EACCES)
    must(setuid.sys.prctl(PR_SET_DUMPABLE, 1))
    const other = must(user.sys.open(`/proc/${setuid.pid}/environ`, O_RDONLY, 0))
    expect(user.sys.read(other, new Uint8Array(9))).toBe(ESRCH)
    expect(text(root, `/proc/${setuid.pid}/environ`)).toBe('B=2\0')
  })

  it('tells a new process from the one that had its number', () => {
    const { k, root } = boot('2.6.14')
    const pid = must(root.sys.fork())
    const fd = must(root.sys.open(`/proc/${pid}/stat`, O_RDONLY, 0))
    k.process(pid)?.sys.exit(0)
    must(root.sys.waitpid(pid, 0))
    must(put(root, '/proc/sys/kernel/pid_max', '301'))
    for (let i = 0; i < 300 && root.sys.stat(`/proc/${pid}`) === ENOENT; i++) {
      const next = must(root.sys.fork())
      if (next !== pid) {
        k.process(next)?.sys.exit(0)
        must(root.sys.waitpid(next, 0))
      }
    }
    if (isErr(root.sys.stat(`/proc/${pid}`))) return
    expect(root.sys.read(fd, new Uint8Array(9))).toBe(ESRCH)
  })
})

describe('chroot and /proc', () => {
  it.each(['2.2.12', '2.6.14'] as const)('%s hides processes with a root outside', (profile) => {
    const { k, root } = boot(profile)
    must(root.sys.mkdir('/jail', 0o755))
    must(root.sys.mkdir('/jail/proc', 0o755))
    must(root.sys.mount('proc', '/jail/proc', 'proc', 0, ''))
    const jailed = k.spawn({ uid: 0, gid: 0, comm: 'jailed' })
    must(jailed.sys.chroot('/jail'))
    expect(jailed.sys.stat(`/proc/${root.pid}/root`)).toBe(EACCES)
    expect(jailed.sys.stat(`/proc/${root.pid}/cwd`)).toBe(EACCES)
    expect(jailed.sys.open(`/proc/${root.pid}/fd`, O_RDONLY, 0)).toBe(EACCES)
    expect(text(jailed, `/proc/${root.pid}/status`)).toContain('bash')
    expect(must(jailed.sys.stat('/proc/self/root')).ino).toBe(must(root.sys.stat('/jail')).ino)
    expect(must(root.sys.stat(`/proc/${jailed.pid}/root`)).ino).toBe(must(root.sys.stat('/jail')).ino)
    expect(text(jailed, '/proc/mounts')).toContain('proc /proc proc rw 0 0\n')
  })
})

describe.each(PROFILES)('/proc/sys of %s', (profile) => {
  it('shows and changes the host name', () => {
    const { k, root } = boot(profile)
    const user = k.spawn({ uid: 500, gid: 100, comm: 'x' })
    const path = '/proc/sys/kernel/hostname'
    expect(text(root, path)).toBe(`${must(root.sys.uname()).nodename}\n`)
    expect(put(root, path, 'paleo\nrest', O_TRUNC)).toBe(10)
    expect(must(user.sys.uname()).nodename).toBe('paleo')
    expect(text(user, path)).toBe('paleo\n')
    expect(put(user, path, 'mine')).toBe(EACCES)
  })

  it('keeps read-only values from root too', () => {
    const { root } = boot(profile)
    expect(text(root, '/proc/sys/kernel/osrelease')).toBe(`${profile}\n`)
    expect(text(root, '/proc/sys/kernel/ostype')).toBe('Linux\n')
    expect(put(root, '/proc/sys/kernel/osrelease', '3.0')).toBe(EACCES)
  })

  it('gives a reader with a small buffer the beginning only', () => {
    const { root } = boot(profile)
    const fd = must(root.sys.open('/proc/sys/kernel/ostype', O_RDONLY, 0))
    const buf = new Uint8Array(2)
    expect([root.sys.read(fd, buf), root.sys.read(fd, buf)]).toEqual([2, 0])
  })

  it('takes numbers as C writes them', () => {
    const { root } = boot(profile)
    const path = '/proc/sys/kernel/panic'
    for (const [input, output] of [
      ['12\n', '12'],
      ['0x10', '16'],
      ['010', '8'],
      [' -3 ', '-3'],
    ] as const) {
      expect(put(root, path, input)).toBe(input.length)
      expect(text(root, path)).toBe(`${output}\n`)
    }
    expect(put(root, path, 'many')).toBe(EINVAL)
  })

  it('counts open files', () => {
    const { root } = boot(profile)
    const path = profile === '2.0.35' ? '/proc/sys/kernel/file-nr' : '/proc/sys/fs/file-nr'
    const count = (): number => Number(text(root, path).split('\t')[0])
    const before = count()
    must(root.sys.pipe())
    expect(count()).toBe(before + 2)
  })
})

it('/proc/sys/kernel/pid_max of 2.6 bounds pids', () => {
  const { k, root } = boot('2.6.14')
  const path = '/proc/sys/kernel/pid_max'
  expect(text(root, path)).toBe('32768\n')
  expect(put(root, path, '300')).toBe(EINVAL)
  expect(put(root, path, '100000')).toBe(6)
  expect(text(root, path)).toBe('100000\n')
  expect(boot('2.2.12').root.sys.stat(path)).toBe(ENOENT)
  expect(k.spawn({ comm: 'x' }).pid).toBeGreaterThan(root.pid)
})

it('/proc/sys/kernel/cap-bound takes capabilities away for good', () => {
  const { root } = boot('2.2.12')
  const path = '/proc/sys/kernel/cap-bound'
  expect(text(root, path)).toBe('-257\n')
  expect(put(root, path, '1')).toBe(1)
  expect(put(root, path, '3')).toBe(1)
  expect(text(root, path)).toBe('1\n')
})

describe('/proc/kmsg', () => {
  it.each(PROFILES)('%s: waits for messages and gives each once', (profile) => {
    const { k, root } = boot(profile)
    const user = k.spawn({ uid: 500, gid: 100, comm: 'x' })
    expect(user.sys.open('/proc/kmsg', O_RDONLY, 0)).toBe(EACCES)
    const fd = must(root.sys.open('/proc/kmsg', O_RDONLY, 0))
    const nonblock = must(root.sys.open('/proc/kmsg', O_RDONLY | O_NONBLOCK, 0))
    const old = new Uint8Array(20000)
    root.sys.read(nonblock, old)
    expect(root.sys.read(nonblock, old)).toBe(EAGAIN)
    const reader = root.begin.read(fd, old)
    expect(reader.blocked).toBe(true)
    must(user.sys.mkdir('/x', 0o755) === EACCES ? 0 : 0)
    const writer = k.spawn({ uid: 0, gid: 0, comm: 'w' })
    must(writer.sys.mkdir('/dev', 0o755))
    must(writer.sys.mknod('/dev/kmsg', 0o020644, 0x10b))
    expect(put(writer, '/dev/kmsg', '<6>hello\nworld\n')).toBe(15)
    expect(reader.blocked).toBe(false)
    expect(decoder.decode(old.subarray(0, Number(reader.result)))).toBe('<6>hello\n<4>world\n')
    expect(root.sys.read(nonblock, old)).toBe(EAGAIN)
    expect(root.sys.open('/dev/kmsg', O_RDONLY, 0)).toBeGreaterThan(0)
  })
})

describe('/proc/locks', () => {
  it.each(PROFILES)('%s: lists locks and those who wait', (profile) => {
    const { k, root } = boot(profile)
    const fd = must(root.sys.open('/file', O_CREAT | O_RDWR, 0o644))
    const other = must(k.process(must(root.sys.fork())) ?? ENOENT)
    const lock = (type: number, start: number, len: number) => ({ type, whence: 0, start, len, pid: 0 })
    must(root.sys.fcntl(fd, F_SETLK, lock(F_WRLCK, 10, 5)))
    const call = other.begin.fcntl(fd, F_SETLKW, lock(F_RDLCK, 0, 0))
    expect(call.blocked).toBe(true)
    const stat = must(root.sys.stat('/file'))
    const dev = `${(stat.dev >> 8).toString(16).padStart(2, '0')}:${(stat.dev & 255).toString(16).padStart(2, '0')}`
    const tail = profile === '2.6.14' ? '' : ' 00000000 00000000 00000000 00000000 00000000'
    const eof = profile === '2.6.14' ? 'EOF' : '2147483647'
    expect(text(root, '/proc/locks')).toBe(
      `1: POSIX  ADVISORY  WRITE ${root.pid} ${dev}:${stat.ino} 10 14${tail}\n` +
        `1: -> POSIX  ADVISORY  READ  ${other.pid} ${dev}:${stat.ino} 0 ${eof}${tail}\n`,
    )
  })

  it('lists flocks', () => {
    const { root } = boot('2.6.14')
    const fd = must(root.sys.open('/file', O_CREAT | O_RDWR, 0o644))
    must(root.sys.flock(fd, 2))
    expect(text(root, '/proc/locks')).toMatch(
      /^1: FLOCK {2}ADVISORY {2}WRITE [0-9]+ [0-9a-f:]+:[0-9]+ 0 EOF\n$/,
    )
  })
})

describe('entries of modules', () => {
  const toy = defineModule({
    name: 'toy',
    init: () => ({ value: 'blue', labels: new Map<number, string>() }),
    attach: (_k, state) => ({
      api: {},
      proc: [
        { path: 'net/toy', mode: 0o444, read: () => 'net\n' },
        {
          path: 'sys/toy/colour',
          mode: 0o644,
          read: () => `${state.value}\n`,
          write: (_c, _s, t) => {
            state.value = t.trim()
            return t.length
          },
        },
        {
          path: '<pid>/attr/current',
          mode: 0o666,
          read: (_current, { task }) => (task === null ? EINVAL : (state.labels.get(task.pid) ?? 'none')),
          write: (current, { task }, t) => {
            if (task === null || task !== current) return EPERM
            state.labels.set(task.pid, t)
            return t.length
          },
        },
      ],
    }),
  })

  it.each(PROFILES)('%s: join the tree', (profile) => {
    const k = createKernel({ profile, rootfs: 'empty', modules: [toy] })
    const root = k.spawn({ uid: 0, gid: 0, comm: 'sh' })
    must(root.sys.mkdir('/proc', 0o755))
    must(root.sys.mount('proc', '/proc', 'proc', 0, ''))
    expect(must(ls(root, '/proc/net'))).toEqual(['toy'])
    expect(must(ls(root, '/proc/sys'))).toContain('toy')
    expect(text(root, '/proc/net/toy')).toBe('net\n')
    expect(put(root, '/proc/sys/toy/colour', 'red\n')).toBe(4)
    expect(text(root, '/proc/sys/toy/colour')).toBe('red\n')
    expect(must(ls(root, '/proc/self/attr'))).toEqual(['current'])
    expect(must(root.sys.stat('/proc/self')).nlink).toBe(profile === '2.6.14' ? 5 : 4)
    expect(put(root, '/proc/self/attr/current', 'label')).toBe(5)
    expect(text(root, `/proc/${root.pid}/attr/current`)).toBe('label')
    expect(put(root, '/proc/1/attr/current', 'label')).toBe(EPERM)
    if (profile === '2.6.14') expect(text(root, `/proc/self/task/${root.pid}/attr/current`)).toBe('label')
    const inos = must(ls(root, '/proc')).map((name) => must(root.sys.lstat(`/proc/${name}`)).ino)
    expect(new Set(inos).size).toBe(inos.length)
  })

  it.each([
    ['/net/x', /proc entry '\/net\/x' of .*toy2/],
    ['version', /'version' of .*toy2.* there already/],
    ['version/x', /cannot both be/],
  ])('refuses %s', (path, message) => {
    const bad = defineModule({
      name: 'toy2',
      init: () => ({}),
      attach: () => ({ api: {}, proc: [{ path, mode: 0o444, read: () => '' }] }),
    })
    expect(() => createKernel({ modules: [bad] })).toThrow(message)
  })
})
