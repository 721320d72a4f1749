import fc from 'fast-check'
import {
  createKernel,
  EAGAIN,
  EBADF,
  EEXIST,
  EFAULT,
  EINTR,
  EINVAL,
  EMFILE,
  ENXIO,
  EPIPE,
  ESPIPE,
  F_GETFL,
  F_SETFL,
  F_SETOWN,
  FASYNC,
  FIONREAD,
  isErr,
  type Kernel,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  type Profile,
  RLIMIT_NOFILE,
  S_IFIFO,
  SA_RESTART,
  SEEK_SET,
  SIG_IGN,
  SIGIO,
  SIGKILL,
  SIGPIPE,
  SIGUSR1,
  type Sys,
  TCGETS,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'

type Process = ReturnType<Kernel['spawn']>

const PROFILES: readonly Profile[] = ['2.0.35', '2.2.12', '2.6.14']
const OLD: readonly Profile[] = ['2.0.35', '2.2.12']

const boot = (profile: Profile): Kernel => createKernel({ profile, rootfs: 'empty' })

/** A process that root would start, without open files. */
const spawn = (k: Kernel): Process => k.spawn({ uid: 0, gid: 0, cwd: '/', umask: 0 })

/** A process that has inherited every descriptor of `parent`. */
function fork(k: Kernel, parent: Process): Process {
  const pid = parent.sys.fork()
  const child = isErr(pid) ? undefined : k.process(pid)
  if (child === undefined) throw new Error(`fork: ${pid}`)
  return child
}

function pipe(p: Process): readonly [number, number] {
  const fds = p.sys.pipe()
  if (isErr(fds)) throw new Error(`pipe: ${fds}`)
  return fds
}

const setNonblock = (p: Process, fd: number): void => {
  const flags = p.sys.fcntl(fd, F_GETFL)
  expect(p.sys.fcntl(fd, F_SETFL, flags | O_NONBLOCK)).toBe(0)
}

const bytes = (length: number, value = 1): Uint8Array => new Uint8Array(length).fill(value)
const text = (s: string): Uint8Array => Uint8Array.from(s, (c) => c.charCodeAt(0))
const string = (data: Uint8Array, count: number): string => String.fromCharCode(...data.subarray(0, count))

/** Reads up to `count` bytes as a string, or gives the error. */
function readText(p: Process, fd: number, count = 100): string | number {
  const buf = bytes(count)
  const n = p.sys.read(fd, buf)
  return n < 0 ? n : string(buf, n)
}

const stat = (p: Process, fd: number): { mode: number; size: number; nlink: number; blksize: number } => {
  const st = p.sys.fstat(fd)
  if (isErr(st)) throw new Error(`fstat: ${st}`)
  return st
}

const ignoreSigpipe = (p: Process): void => {
  p.sys.sigaction(SIGPIPE, { handler: SIG_IGN, flags: 0, mask: [] })
}

describe.each(PROFILES)('pipe(2), Linux %s do_pipe', (profile) => {
  it('gives the two lowest free descriptors, the reading one first', () => {
    const p = spawn(boot(profile))
    expect(p.sys.pipe()).toEqual([0, 1])
    p.sys.dup2(1, 3)
    expect(p.sys.pipe()).toEqual([2, 4])
  })

  it('makes an inode of type FIFO, mode 0600, one link, size 0, one page a block', () => {
    const p = spawn(boot(profile))
    const [r] = pipe(p)
    expect(stat(p, r)).toMatchObject({ mode: S_IFIFO | 0o600, nlink: 1, size: 0, blksize: 4096 })
  })

  it('leaves nothing behind when the second descriptor is not free', () => {
    const p = spawn(boot(profile))
    pipe(p)
    expect(p.sys.setrlimit(RLIMIT_NOFILE, { cur: 3, max: 256 })).toBe(0)
    expect(p.sys.pipe()).toBe(EMFILE)
    expect(p.sys.setrlimit(RLIMIT_NOFILE, { cur: 4, max: 256 })).toBe(0)
    expect(p.sys.pipe()).toEqual([2, 3])
    expect(p.sys.pipe()).toBe(EMFILE)
  })

  it('connects what is written to what is read', () => {
    const p = spawn(boot(profile))
    const [r, w] = pipe(p)
    expect(p.sys.write(w, text('hello'))).toBe(5)
    expect(readText(p, r, 2)).toBe('he')
    expect(p.sys.write(w, text('!'))).toBe(1)
    expect(readText(p, r)).toBe('llo!')
  })

  it('has ends for one direction each', () => {
    const p = spawn(boot(profile))
    const [r, w] = pipe(p)
    expect(p.sys.read(w, bytes(1))).toBe(EBADF)
    expect(p.sys.write(r, bytes(1))).toBe(EBADF)
    expect(p.sys.fcntl(r, F_GETFL)).toBe(O_RDONLY)
    expect(p.sys.fcntl(w, F_GETFL)).toBe(O_WRONLY)
  })

  it('has no position', () => {
    const p = spawn(boot(profile))
    const [r] = pipe(p)
    expect(p.sys.lseek(r, 0, SEEK_SET)).toBe(ESPIPE)
    if (profile !== '2.0.35') expect(p.sys.pread(r, bytes(1), 0)).toBe(ESPIPE)
  })

  it('answers FIONREAD with the number of bytes and EINVAL to every other request', () => {
    const p = spawn(boot(profile))
    const [r, w] = pipe(p)
    p.sys.write(w, bytes(30))
    p.sys.write(w, bytes(4000))
    const count = { value: -1 }
    expect(p.sys.ioctl(r, FIONREAD, count)).toBe(0)
    expect(count.value).toBe(4030)
    const raw = bytes(4)
    expect(p.sys.ioctl(w, FIONREAD, raw)).toBe(0)
    expect([...raw]).toEqual([0xbe, 0x0f, 0, 0])
    expect(p.sys.ioctl(r, FIONREAD, undefined)).toBe(EFAULT)
    expect(p.sys.ioctl(r, TCGETS, count)).toBe(EINVAL)
  })
})

describe.each(PROFILES)('reading a pipe, Linux %s pipe_read', (profile) => {
  it('takes what is there, not what was asked for', () => {
    const p = spawn(boot(profile))
    const [r, w] = pipe(p)
    p.sys.write(w, text('abc'))
    expect(readText(p, r, 10)).toBe('abc')
  })

  it('returns 0 at the end, when no writer is left', () => {
    const p = spawn(boot(profile))
    const [r, w] = pipe(p)
    p.sys.write(w, text('x'))
    p.sys.close(w)
    expect(readText(p, r)).toBe('x')
    expect(readText(p, r)).toBe('')
    setNonblock(p, r)
    expect(readText(p, r)).toBe('')
  })

  it('of 0 bytes returns 0 at once', () => {
    const p = spawn(boot(profile))
    const [r, w] = pipe(p)
    expect(p.sys.read(r, bytes(0))).toBe(0)
    p.sys.write(w, text('x'))
    expect(p.sys.read(r, bytes(0))).toBe(0)
  })

  it('with O_NONBLOCK is EAGAIN while there is a writer', () => {
    const p = spawn(boot(profile))
    const [r] = pipe(p)
    setNonblock(p, r)
    expect(readText(p, r)).toBe(EAGAIN)
  })

  it('sleeps until there is something', () => {
    const k = boot(profile)
    const p = spawn(k)
    const [r, w] = pipe(p)
    const child = fork(k, p)
    const buf = bytes(5)
    const call = child.begin.read(r, buf)
    expect(call.blocked).toBe(true)
    p.sys.write(w, text('hi'))
    expect(call.result).toBe(2)
    expect(string(buf, 2)).toBe('hi')
  })

  it('sleeps until the last writer is gone', () => {
    const k = boot(profile)
    const p = spawn(k)
    const [r, w] = pipe(p)
    const child = fork(k, p)
    const call = child.begin.read(r, bytes(5))
    p.sys.close(w)
    // The sleeper itself can write, too.
    expect(call.blocked).toBe(true)
    const other = spawn(k)
    const [r2, w2] = pipe(other)
    const reader = fork(k, other)
    reader.sys.close(w2)
    const second = reader.begin.read(r2, bytes(5))
    other.sys.close(w2)
    expect(second.result).toBe(0)
  })

  it('wakes the last sleeper first', () => {
    const k = boot(profile)
    const p = spawn(k)
    const [r, w] = pipe(p)
    const first = fork(k, p).begin.read(r, bytes(1))
    const second = fork(k, p).begin.read(r, bytes(1))
    p.sys.write(w, bytes(1))
    expect([first.blocked, second.result]).toEqual([true, 1])
    p.sys.write(w, bytes(1))
    expect(first.result).toBe(1)
  })

  it('is restarted after a handler with SA_RESTART and EINTR without', () => {
    const k = boot(profile)
    const p = spawn(k)
    const [r, w] = pipe(p)
    const child = fork(k, p)
    child.sys.sigaction(SIGUSR1, { handler: () => {}, flags: 0, mask: [] })
    const call = child.begin.read(r, bytes(1))
    p.sys.kill(child.pid, SIGUSR1)
    expect(call.result).toBe(EINTR)
    child.sys.sigaction(SIGUSR1, { handler: () => {}, flags: SA_RESTART, mask: [] })
    const again = child.begin.read(r, bytes(1))
    p.sys.kill(child.pid, SIGUSR1)
    expect(again.blocked).toBe(true)
    p.sys.write(w, bytes(1))
    expect(again.result).toBe(1)
  })
})

describe.each(PROFILES)('writing a pipe, Linux %s pipe_write', (profile) => {
  it('without a reader is EPIPE and SIGPIPE', () => {
    const p = spawn(boot(profile))
    const [r, w] = pipe(p)
    const seen: number[] = []
    p.sys.sigaction(SIGPIPE, { handler: (sig) => seen.push(sig), flags: 0, mask: [] })
    p.sys.close(r)
    expect(p.sys.write(w, bytes(1))).toBe(EPIPE)
    expect(seen).toEqual([SIGPIPE])
  })

  it('without a reader kills who does not care', () => {
    const k = boot(profile)
    const p = spawn(k)
    const [r, w] = pipe(p)
    const child = fork(k, p)
    p.sys.close(r)
    child.sys.close(r)
    child.begin.write(w, bytes(1))
    expect(p.sys.waitpid(child.pid, 0)).toMatchObject({ pid: child.pid, status: SIGPIPE })
  })

  it('of 0 bytes returns 0 while there is a reader', () => {
    const p = spawn(boot(profile))
    const [, w] = pipe(p)
    expect(p.sys.write(w, bytes(0))).toBe(0)
  })

  it('sleeps when the pipe is full and goes on when it is read', () => {
    const k = boot(profile)
    const p = spawn(k)
    const [r, w] = pipe(p)
    const child = fork(k, p)
    const size = profile === '2.6.14' ? 65536 : 4096
    expect(p.sys.write(w, bytes(size, 1))).toBe(size)
    const call = child.begin.write(w, bytes(10, 2))
    expect(call.blocked).toBe(true)
    expect(p.sys.read(r, bytes(4096))).toBe(4096)
    expect(call.result).toBe(10)
  })

  it('is told of the last reader leaving', () => {
    const k = boot(profile)
    const p = spawn(k)
    const [r, w] = pipe(p)
    const child = fork(k, p)
    ignoreSigpipe(child)
    child.sys.close(r)
    const size = profile === '2.6.14' ? 65536 : 4096
    p.sys.write(w, bytes(size))
    const call = child.begin.write(w, bytes(10))
    p.sys.close(r)
    expect(call.result).toBe(EPIPE)
  })

  it('returns what is in when a signal or the end of all readers cuts it short', () => {
    const k = boot(profile)
    const size = profile === '2.6.14' ? 65536 : 4096
    for (const end of ['signal', 'readers']) {
      const p = spawn(k)
      const [r, w] = pipe(p)
      const child = fork(k, p)
      child.sys.close(r)
      const signals: number[] = []
      child.sys.sigaction(SIGUSR1, { handler: (sig) => signals.push(sig), flags: SA_RESTART, mask: [] })
      child.sys.sigaction(SIGPIPE, { handler: (sig) => signals.push(sig), flags: 0, mask: [] })
      const call = child.begin.write(w, bytes(size + 100))
      expect(call.blocked).toBe(true)
      if (end === 'signal') p.sys.kill(child.pid, SIGUSR1)
      else p.sys.close(r)
      expect(call.result).toBe(size)
      expect(signals).toEqual([end === 'signal' ? SIGUSR1 : SIGPIPE])
    }
  })

  it('returns EINTR when nothing is in', () => {
    const k = boot(profile)
    const p = spawn(k)
    const [, w] = pipe(p)
    const child = fork(k, p)
    child.sys.sigaction(SIGUSR1, { handler: () => {}, flags: 0, mask: [] })
    p.sys.write(w, bytes(profile === '2.6.14' ? 65536 : 4096))
    const call = child.begin.write(w, bytes(10))
    p.sys.kill(child.pid, SIGUSR1)
    expect(call.result).toBe(EINTR)
  })

  it('of many pages arrives complete through a small reader', () => {
    const k = boot(profile)
    const p = spawn(k)
    const [r, w] = pipe(p)
    const child = fork(k, p)
    child.sys.close(w)
    const data = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 7) % 253)
    const call = p.begin.write(w, data)
    const got: number[] = []
    while (got.length < data.length) {
      const buf = bytes(1777)
      const n = child.sys.read(r, buf)
      expect(n).toBeGreaterThan(0)
      got.push(...buf.subarray(0, n))
    }
    expect(call.result).toBe(data.length)
    expect(got).toEqual([...data])
  })
})

describe('a pipe of one page, Linux 2.0.35 and 2.2.12', () => {
  it.each(OLD)('%s: a write of up to PIPE_BUF bytes waits for room for all of it', (profile) => {
    const k = boot(profile)
    const p = spawn(k)
    const [r, w] = pipe(p)
    p.sys.write(w, bytes(4000))
    setNonblock(p, w)
    expect(p.sys.write(w, bytes(97))).toBe(EAGAIN)
    expect(p.sys.write(w, bytes(4096))).toBe(EAGAIN)
    expect(p.sys.write(w, bytes(96))).toBe(96)
    p.sys.read(r, bytes(10))
    expect(p.sys.write(w, bytes(11))).toBe(EAGAIN)
    expect(p.sys.write(w, bytes(10))).toBe(10)
  })

  it.each(OLD)('%s: a larger one takes any room there is', (profile) => {
    const p = spawn(boot(profile))
    const [, w] = pipe(p)
    p.sys.write(w, bytes(4000))
    setNonblock(p, w)
    expect(p.sys.write(w, bytes(4097))).toBe(96)
    expect(p.sys.write(w, bytes(4097))).toBe(EAGAIN)
  })

  it.each(OLD)('%s: stat shows the bytes held as the size (PIPE_LEN is i_size)', (profile) => {
    const p = spawn(boot(profile))
    const [r, w] = pipe(p)
    p.sys.write(w, bytes(100))
    p.sys.read(r, bytes(30))
    expect(stat(p, w).size).toBe(70)
  })

  it.each(OLD)('%s: any read wakes a writer', (profile) => {
    const k = boot(profile)
    const p = spawn(k)
    const [r, w] = pipe(p)
    const child = fork(k, p)
    p.sys.write(w, bytes(4096))
    const call = child.begin.write(w, bytes(1))
    p.sys.read(r, bytes(1))
    expect(call.result).toBe(1)
  })

  it('2.2.12: one write at a time (i_atomic_write): even with O_NONBLOCK the next one sleeps', () => {
    const k = boot('2.2.12')
    const p = spawn(k)
    const [r, w] = pipe(p)
    const first = fork(k, p)
    const second = fork(k, p)
    const long = first.begin.write(w, bytes(6000, 1))
    setNonblock(p, w)
    const short = second.begin.write(w, bytes(10, 2))
    expect([long.blocked, short.blocked]).toEqual([true, true])
    setNonblock(p, r)
    const buf = bytes(6010, 9)
    expect(p.sys.read(r, buf.subarray(0, 4096))).toBe(4096)
    expect([long.result, short.result]).toEqual([6000, 10])
    expect(p.sys.read(r, buf.subarray(4096))).toBe(1914)
    expect([...buf]).toEqual([...bytes(6000, 1), ...bytes(10, 2)])
  })

  it('2.2.12: a killed writer makes way for the next', () => {
    const k = boot('2.2.12')
    const p = spawn(k)
    const [r, w] = pipe(p)
    const first = fork(k, p)
    const second = fork(k, p)
    first.begin.write(w, bytes(5000, 1))
    const short = second.begin.write(w, bytes(10, 2))
    p.sys.kill(first.pid, SIGKILL)
    expect(short.blocked).toBe(true)
    p.sys.read(r, bytes(10))
    expect(short.result).toBe(10)
  })

  it('2.0.35: large writes mix', () => {
    const k = boot('2.0.35')
    const p = spawn(k)
    const [r, w] = pipe(p)
    const first = fork(k, p).begin.write(w, bytes(5000, 1))
    const second = fork(k, p).begin.write(w, bytes(10, 2))
    expect([first.blocked, second.blocked]).toEqual([true, true])
    p.sys.read(r, bytes(1000))
    // The last sleeper is served first.
    expect([first.result, second.result]).toEqual([5000, 10])
    const buf = bytes(4096)
    expect(p.sys.read(r, buf)).toBe(4010)
    expect([...buf.subarray(3096, 3108)]).toEqual([...bytes(10, 2), 1, 1])
  })

  it.each([
    ['2.0.35', 0],
    ['2.2.12', EPIPE],
  ] as const)('%s: a write of 0 bytes without a reader gives %s', (profile, expected) => {
    const p = spawn(boot(profile))
    const [r, w] = pipe(p)
    ignoreSigpipe(p)
    p.sys.close(r)
    expect(p.sys.write(w, bytes(0))).toBe(expected)
  })
})

describe('a pipe of sixteen slots, Linux 2.6.14', () => {
  const slots = (): { k: Kernel; p: Process; r: number; w: number } => {
    const k = boot('2.6.14')
    const p = spawn(k)
    const [r, w] = pipe(p)
    return { k, p, r, w }
  }

  // Recordings: fd-011 line 183, fifo-003 line 189, fifo-007 line 107 (65536), fifo-011 line 298 (61440).
  it.each([
    ['takes 65536 bytes of a longer write', [], 65537, 65536],
    ['takes what slots are left', [4000], 65535, 61440],
    ['is full of sixteen short writes that do not merge', Array(16).fill(2049), 2048, EAGAIN],
    ['lets the odd bytes join the last page first', [10], 70000, 61440 + (70000 % 4096)],
    ['takes nothing when it is full', [65536], 1, EAGAIN],
    ['merges into the last page when all slots are used', [61440, 10], 10, 10],
  ])('with O_NONBLOCK %s', (_name, before, length, result) => {
    const { p, w } = slots()
    setNonblock(p, w)
    for (const size of before) expect(p.sys.write(w, bytes(size))).toBe(size)
    expect(p.sys.write(w, bytes(length))).toBe(result)
  })

  it('wakes a writer when a whole slot is free, not before', () => {
    const { k, p, r, w } = slots()
    p.sys.write(w, bytes(65536))
    const call = fork(k, p).begin.write(w, bytes(1))
    p.sys.read(r, bytes(4095))
    expect(call.blocked).toBe(true)
    p.sys.read(r, bytes(1))
    expect(call.result).toBe(1)
  })

  it('lets a read wait for the rest of a write that sleeps ("syscall merging")', () => {
    const { k, p, r, w } = slots()
    const call = fork(k, p).begin.write(w, bytes(80_000))
    expect(call.blocked).toBe(true)
    expect(p.sys.read(r, bytes(100_000))).toBe(80_000)
    expect(call.result).toBe(80_000)
  })

  it('even with O_NONBLOCK', () => {
    const { k, p, r, w } = slots()
    fork(k, p).begin.write(w, bytes(80_000))
    setNonblock(p, r)
    expect(p.sys.read(r, bytes(100_000))).toBe(80_000)
    expect(p.sys.read(r, bytes(1))).toBe(EAGAIN)
  })

  it('but not for a writer that has been killed', () => {
    const { k, p, r, w } = slots()
    const child = fork(k, p)
    child.begin.write(w, bytes(80_000))
    p.sys.kill(child.pid, SIGKILL)
    expect(p.sys.read(r, bytes(100_000))).toBe(65536)
  })

  it('mixes large writes by the page', () => {
    const { k, p, r, w } = slots()
    p.sys.write(w, bytes(61440, 0))
    const first = fork(k, p).begin.write(w, bytes(8192, 1))
    const second = fork(k, p).begin.write(w, bytes(8192, 2))
    expect([first.blocked, second.blocked]).toEqual([true, true])
    p.sys.read(r, bytes(8192))
    p.sys.read(r, bytes(8192))
    expect([first.result, second.result]).toEqual([8192, 8192])
    const buf = bytes(65536)
    const n = p.sys.read(r, buf)
    const pages = Array.from({ length: n / 4096 }, (_, i) => buf[i * 4096])
    expect(pages.filter((value) => value !== 0)).toEqual([1, 2, 2, 1])
  })

  it('takes a write of 0 bytes without a reader', () => {
    const { p, r, w } = slots()
    p.sys.close(r)
    expect(p.sys.write(w, bytes(0))).toBe(0)
  })

  it('sends SIGIO to the owner of either end (FASYNC)', () => {
    const { p, r, w } = slots()
    const seen: number[] = []
    p.sys.sigaction(SIGIO, { handler: (sig) => seen.push(sig), flags: 0, mask: [] })
    p.sys.fcntl(r, F_SETOWN, p.pid)
    p.sys.fcntl(r, F_SETFL, FASYNC)
    p.sys.write(w, bytes(1))
    expect(seen).toEqual([SIGIO])
    p.sys.read(r, bytes(1))
    expect(seen).toEqual([SIGIO])
    p.sys.fcntl(w, F_SETOWN, p.pid)
    p.sys.fcntl(w, F_SETFL, FASYNC)
    p.sys.fcntl(r, F_SETFL, 0)
    p.sys.write(w, bytes(1))
    expect(seen).toEqual([SIGIO])
    p.sys.read(r, bytes(1))
    expect(seen).toEqual([SIGIO, SIGIO])
  })
})

describe.each(PROFILES)('the times of a pipe, Linux %s', (profile) => {
  it('change with what is done: atime by reads, mtime and ctime by writes', () => {
    const k = boot(profile)
    const p = spawn(k)
    const [r, w] = pipe(p)
    const times = (): readonly number[] => {
      const st = p.sys.fstat(r)
      return isErr(st) ? [] : [st.atime - made, st.mtime - made, st.ctime - made]
    }
    const made = (() => {
      const st = p.sys.fstat(r)
      return isErr(st) ? 0 : st.atime
    })()
    k.advance(2000)
    p.sys.write(w, bytes(10))
    expect(times()).toEqual([0, 2, 2])
    k.advance(2000)
    p.sys.read(r, bytes(10))
    expect(times()).toEqual([4, 2, 2])
    setNonblock(p, r)
    k.advance(2000)
    expect(p.sys.read(r, bytes(1))).toBe(EAGAIN)
    expect(times()).toEqual([4, 2, 2])
  })
})

describe.each(PROFILES)('opening a FIFO, Linux %s fifo_open', (profile) => {
  const fifo = (): { k: Kernel; a: Process; b: Process } => {
    const k = boot(profile)
    const a = spawn(k)
    expect(a.sys.mknod('/f', S_IFIFO | 0o666, 0)).toBe(0)
    return { k, a, b: spawn(k) }
  }

  it.each([
    ['a reader', O_RDONLY, O_WRONLY],
    ['a writer', O_WRONLY, O_RDONLY],
  ])('%s waits for the other side', (_name, mine, theirs) => {
    const { a, b } = fifo()
    const call = a.begin.open('/f', mine)
    expect(call.blocked).toBe(true)
    expect(b.sys.open('/f', theirs)).toBe(0)
    expect(call.result).toBe(0)
  })

  it.each([
    ['a reader', O_RDONLY],
    ['a writer', O_WRONLY],
  ])('%s is content with O_RDWR', (_name, mine) => {
    const { a, b } = fifo()
    const call = a.begin.open('/f', mine)
    expect(b.sys.open('/f', O_RDWR)).toBe(0)
    expect(call.result).toBe(0)
  })

  it.each([
    ['a reader', O_RDONLY],
    ['a writer', O_WRONLY],
  ])('%s does not wait for one of its kind', (_name, mine) => {
    const { a, b } = fifo()
    const first = a.begin.open('/f', mine)
    const second = b.begin.open('/f', mine)
    expect([first.blocked, second.blocked]).toEqual([true, true])
  })

  it('O_NONBLOCK lets a reader in and refuses a writer without a reader (ENXIO)', () => {
    const { a, b } = fifo()
    expect(a.sys.open('/f', O_WRONLY | O_NONBLOCK)).toBe(ENXIO)
    expect(b.sys.open('/f', O_RDONLY | O_NONBLOCK)).toBe(0)
    expect(a.sys.open('/f', O_WRONLY | O_NONBLOCK)).toBe(0)
  })

  it('a waiting reader is reader enough for O_NONBLOCK', () => {
    const { a, b } = fifo()
    const call = a.begin.open('/f', O_RDONLY)
    expect(b.sys.open('/f', O_WRONLY | O_NONBLOCK)).toBe(0)
    expect(call.result).toBe(0)
  })

  it('O_RDWR never waits; access mode 3 is EINVAL', () => {
    const { a } = fifo()
    expect(a.sys.open('/f', O_RDWR)).toBe(0)
    expect(a.sys.write(0, text('me'))).toBe(2)
    expect(readText(a, 0)).toBe('me')
    expect(a.sys.open('/f', 3)).toBe(EINVAL)
  })

  it.each([
    ['a reader', O_RDONLY],
    ['a writer', O_WRONLY],
  ])('an interrupted open of %s leaves nothing behind', (_name, mine) => {
    const { k, a, b } = fifo()
    a.sys.sigaction(SIGUSR1, { handler: () => {}, flags: 0, mask: [] })
    const call = a.begin.open('/f', mine)
    b.sys.kill(a.pid, SIGUSR1)
    expect(call.result).toBe(EINTR)
    expect(b.sys.open('/f', O_WRONLY | O_NONBLOCK)).toBe(ENXIO)
    expect(b.begin.open('/f', O_RDONLY).blocked).toBe(true)
    expect(spawn(k).begin.open('/f', O_RDONLY).blocked).toBe(true)
  })

  it('a killed opener leaves nothing behind', () => {
    const { a, b } = fifo()
    a.begin.open('/f', O_RDONLY)
    b.sys.kill(a.pid, SIGKILL)
    expect(b.sys.open('/f', O_WRONLY | O_NONBLOCK)).toBe(ENXIO)
  })

  it('is restarted after a handler with SA_RESTART', () => {
    const { a, b } = fifo()
    a.sys.sigaction(SIGUSR1, { handler: () => {}, flags: SA_RESTART, mask: [] })
    const call = a.begin.open('/f', O_RDONLY)
    b.sys.kill(a.pid, SIGUSR1)
    expect(call.blocked).toBe(true)
    expect(b.sys.open('/f', O_WRONLY)).toBe(0)
    expect(call.result).toBe(0)
  })

  it('what was written is gone after the last close', () => {
    const { a, b } = fifo()
    a.sys.open('/f', O_RDWR)
    b.sys.open('/f', O_RDWR)
    a.sys.write(0, text('abc'))
    a.sys.close(0)
    expect(readText(b, 0, 1)).toBe('a')
    b.sys.close(0)
    a.sys.open('/f', O_RDWR | O_NONBLOCK)
    expect(readText(a, 0)).toBe(EAGAIN)
  })

  it('a reader sees the end when its writers leave, and data again when one comes back', () => {
    const { a, b } = fifo()
    a.sys.open('/f', O_RDONLY | O_NONBLOCK)
    expect(readText(a, 0)).toBe('')
    b.sys.open('/f', O_WRONLY)
    expect(readText(a, 0)).toBe(EAGAIN)
    b.sys.write(0, text('x'))
    b.sys.close(0)
    expect(readText(a, 0)).toBe('x')
    expect(readText(a, 0)).toBe('')
    b.sys.open('/f', O_WRONLY)
    expect(readText(a, 0)).toBe(EAGAIN)
  })

  it('many openers on both sides all get in', () => {
    const { k } = fifo()
    const calls = Array.from({ length: 6 }, (_, i) => spawn(k).begin.open('/f', i < 3 ? O_RDONLY : O_WRONLY))
    expect(calls.map((call) => call.result)).toEqual([0, 0, 0, 0, 0, 0])
  })

  it('the name is an ordinary one', () => {
    const { a } = fifo()
    expect(a.sys.mknod('/f', S_IFIFO | 0o666, 0)).toBe(EEXIST)
    const st = a.sys.stat('/f')
    expect(isErr(st) ? st : st.mode).toBe(S_IFIFO | 0o666)
    expect(a.sys.unlink('/f')).toBe(0)
  })
})

describe('a FIFO opener whose partner has come and gone', () => {
  it('2.6.14: is in (opens are counted)', () => {
    const k = boot('2.6.14')
    const a = spawn(k)
    a.sys.mknod('/f', S_IFIFO | 0o666, 0)
    const call = a.begin.open('/f', O_RDONLY)
    const writer = k.spawn({
      uid: 0,
      cwd: '/',
      program: function* (sys: Sys) {
        const fd = yield* sys.open('/f', O_WRONLY | O_NONBLOCK, 0)
        yield* sys.close(fd)
        return 0
      },
    })
    k.run()
    expect(writer.exitStatus).toBe(0)
    expect(call.result).toBe(0)
    expect(readText(a, 0)).toBe('')
  })
})

describe.each(PROFILES)('copies of a kernel, %s', (profile) => {
  it('go on separately with a half-done write', () => {
    const k = boot(profile)
    const p = spawn(k)
    const [r, w] = pipe(p)
    const child = fork(k, p)
    child.begin.write(w, bytes(100_000, 7))
    const copy = k.fork()
    for (const kernel of [copy, k]) {
      const reader = kernel.process(p.pid)
      if (reader === undefined) throw new Error('the reader is missing from the copy')
      reader.sys.close(w)
      let count = 0
      while (count < 100_000) {
        const buf = bytes(3000, 0)
        const n = reader.sys.read(r, buf)
        expect(buf.subarray(0, n).every((value) => value === 7)).toBe(true)
        count += n
      }
      expect(count).toBe(100_000)
    }
  })
})

describe.each(PROFILES)('properties of %s', (profile) => {
  const step = fc.record({
    kind: fc.constantFrom('read', 'write'),
    length: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 20_000 })),
  })

  it('any order of reads and writes keeps the stream of bytes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const p = spawn(boot(profile))
        const [r, w] = pipe(p)
        setNonblock(p, r)
        setNonblock(p, w)
        let written = 0
        let read = 0
        for (const { kind, length } of steps) {
          if (kind === 'write') {
            const from = written
            const n = p.sys.write(
              w,
              Uint8Array.from({ length }, (_, i) => (from + i) % 251),
            )
            if (n !== EAGAIN) written += n
            if (length <= 4096 && n !== EAGAIN && n !== length) return false
          } else {
            const buf = bytes(length)
            const n = p.sys.read(r, buf)
            if (n === EAGAIN) {
              if (read !== written) return false
              continue
            }
            if (n !== Math.min(length, written - read)) return false
            for (let i = 0; i < n; i++) if (buf[i] !== (read + i) % 251) return false
            read += n
          }
        }
        return true
      }),
      { numRuns: 60 },
    )
  })

  it('writes of up to PIPE_BUF bytes by sleeping writers stay in one piece', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 4096 }), { minLength: 2, maxLength: 24 })
    const chunk = fc.integer({ min: 1, max: 9000 })
    fc.assert(
      fc.property(lengths, chunk, (sizes, readSize) => {
        const k = boot(profile)
        const p = spawn(k)
        const [r, w] = pipe(p)
        const calls = sizes.map((size, i) => fork(k, p).begin.write(w, bytes(size, i + 1)))
        const got: number[] = []
        const total = sizes.reduce((sum, size) => sum + size, 0)
        while (got.length < total) {
          const buf = bytes(readSize)
          const n = p.sys.read(r, buf)
          got.push(...buf.subarray(0, n))
        }
        if (calls.some((call, i) => call.result !== sizes[i])) return false
        for (let at = 0; at < got.length; ) {
          const writer = got[at] ?? 0
          const size = sizes[writer - 1] ?? 0
          for (let i = 0; i < size; i++) if (got[at + i] !== writer) return false
          at += size
        }
        return true
      }),
      { numRuns: 40 },
    )
  })
})
