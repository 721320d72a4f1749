import {
  createKernel,
  EBADF,
  EFAULT,
  EINTR,
  EINVAL,
  F_GETFL,
  F_SETFL,
  isErr,
  type Kernel,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  POLLPRI,
  POLLRDNORM,
  POLLWRNORM,
  type Profile,
  S_IFIFO,
  SA_RESTART,
  SIGCONT,
  SIGSTOP,
  SIGUSR1,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'

type Process = ReturnType<Kernel['spawn']>

const POLL_PROFILES: readonly Profile[] = ['2.2.12', '2.6.14']
const PROFILES: readonly Profile[] = ['2.0.35', '2.2.12', '2.6.14']

const boot = (profile: Profile): Kernel => createKernel({ profile, rootfs: 'empty' })
const spawn = (k: Kernel): Process => k.spawn({ uid: 0, gid: 0, cwd: '/', umask: 0 })

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

const bytes = (length: number): Uint8Array => new Uint8Array(length)
const ALL = POLLIN | POLLPRI | POLLOUT | POLLRDNORM | POLLWRNORM

/** What poll says of one descriptor, without waiting; an error as it is. */
function readiness(p: Process, fd: number, events = ALL): number {
  const entry = { fd, events, revents: -1 }
  const n = p.sys.poll([entry], 0)
  if (n < 0) return n
  expect(n).toBe(entry.revents === 0 ? 0 : 1)
  return entry.revents
}

const IN = POLLIN | POLLRDNORM
const OUT = POLLOUT | POLLWRNORM

type Ends = { k: Kernel; p: Process; r: number; w: number }

describe('pipe_poll', () => {
  // Linux: fs/pipe.c. 2.2 answers for the pipe, whichever end is asked; 2.6 for the end.
  const cases: readonly [string, (ends: Ends) => void, Record<string, readonly [number, number]>][] = [
    ['an empty pipe', () => {}, { '2.2.12': [OUT, OUT], '2.6.14': [0, OUT] }],
    [
      'a pipe with a byte in it',
      ({ p, w }) => p.sys.write(w, bytes(1)),
      { '2.2.12': [IN, IN], '2.6.14': [IN, OUT] },
    ],
    [
      'a full pipe',
      ({ p, w }) => {
        p.sys.fcntl(w, F_SETFL, O_NONBLOCK)
        while (!isErr(p.sys.write(w, bytes(4096))));
      },
      { '2.2.12': [IN, IN], '2.6.14': [IN, 0] },
    ],
  ]
  it.each(cases)('%s', (_name, prepare, expected) => {
    for (const profile of POLL_PROFILES) {
      const k = boot(profile)
      const p = spawn(k)
      const [r, w] = pipe(p)
      prepare({ k, p, r, w })
      expect([readiness(p, r), readiness(p, w)], profile).toEqual(expected[profile])
    }
  })

  it.each([
    ['2.2.12', OUT | POLLHUP],
    ['2.6.14', POLLHUP],
  ] as const)('%s: a reader without writers has POLLHUP', (profile, expected) => {
    const p = spawn(boot(profile))
    const [r, w] = pipe(p)
    p.sys.close(w)
    expect(readiness(p, r)).toBe(expected)
    expect(readiness(p, r, 0)).toBe(POLLHUP)
  })

  it.each([
    ['2.2.12', OUT | POLLERR],
    ['2.6.14', OUT | POLLERR],
  ] as const)('%s: a writer without readers has POLLERR', (profile, expected) => {
    const p = spawn(boot(profile))
    const [r, w] = pipe(p)
    p.sys.close(r)
    expect(readiness(p, w)).toBe(expected)
    expect(readiness(p, w, 0)).toBe(POLLERR)
  })

  it.each([
    ['2.2.12', OUT, OUT],
    ['2.6.14', 0, 0],
  ] as const)('%s: a FIFO reader that never had a writer has no POLLHUP', (profile, before, during) => {
    const p = spawn(boot(profile))
    p.sys.mknod('/f', S_IFIFO | 0o666, 0)
    p.sys.open('/f', O_RDONLY | O_NONBLOCK)
    expect(readiness(p, 0)).toBe(before)
    const fd = p.sys.open('/f', O_WRONLY)
    expect(readiness(p, 0)).toBe(during)
    p.sys.close(fd)
    expect(readiness(p, 0) & POLLHUP).toBe(POLLHUP)
  })

  it('a second reader that comes after the writers have left has none either (2.6.14)', () => {
    const p = spawn(boot('2.6.14'))
    p.sys.mknod('/f', S_IFIFO | 0o666, 0)
    p.sys.open('/f', O_RDONLY | O_NONBLOCK)
    p.sys.close(p.sys.open('/f', O_WRONLY))
    const second = p.sys.open('/f', O_RDONLY | O_NONBLOCK)
    expect([readiness(p, 0), readiness(p, second)]).toEqual([POLLHUP, 0])
  })
})

describe.each(POLL_PROFILES)('poll(2), Linux %s sys_poll', (profile) => {
  it('does not exist before 2.1.23', () => {
    expect(isErr(spawn(boot('2.0.35')).sys.poll([], 0))).toBe(true)
  })

  it('counts the entries that have something to say', () => {
    const p = spawn(boot(profile))
    const [r, w] = pipe(p)
    p.sys.write(w, bytes(1))
    const entries = [
      { fd: r, events: POLLIN, revents: 0 },
      { fd: r, events: POLLPRI, revents: 99 },
      { fd: -1, events: POLLIN, revents: 99 },
      { fd: 77, events: 0, revents: 0 },
    ]
    expect(p.sys.poll(entries, -1)).toBe(2)
    expect(entries.map((entry) => entry.revents)).toEqual([POLLIN, 0, 0, POLLNVAL])
  })

  it('reports only what was asked for, and POLLHUP, POLLERR and POLLNVAL', () => {
    const p = spawn(boot(profile))
    const [, w] = pipe(p)
    expect(readiness(p, w, POLLOUT)).toBe(POLLOUT)
    expect(readiness(p, w, POLLWRNORM)).toBe(POLLWRNORM)
    expect(readiness(p, w, 0)).toBe(0)
    expect(readiness(p, 50, 0)).toBe(POLLNVAL)
  })

  it('with timeout 0 does not wait', () => {
    const p = spawn(boot(profile))
    const [r] = pipe(p)
    expect(p.sys.poll([{ fd: r, events: POLLIN, revents: 0 }], 0)).toBe(0)
  })

  it('waits for any of its files', () => {
    const k = boot(profile)
    const p = spawn(k)
    const [r1] = pipe(p)
    const [r2, w2] = pipe(p)
    const entries = [r1, r2, r2].map((fd) => ({ fd, events: POLLIN, revents: 0 }))
    const child = fork(k, p)
    const call = child.begin.poll(entries, -1)
    expect(call.blocked).toBe(true)
    p.sys.write(w2, bytes(1))
    expect(call.result).toBe(2)
    expect(entries.map((entry) => entry.revents)).toEqual([0, POLLIN, POLLIN])
  })

  it('goes back to sleep when the event was not for it', () => {
    const k = boot(profile)
    const p = spawn(k)
    const [r, w] = pipe(p)
    const entries = [{ fd: r, events: POLLPRI, revents: 0 }]
    const call = fork(k, p).begin.poll(entries, -1)
    p.sys.write(w, bytes(1))
    expect(call.blocked).toBe(true)
  })

  it('does not keep other sleepers of a queue from being woken', () => {
    const k = boot(profile)
    const p = spawn(k)
    const [r, w] = pipe(p)
    const reader = fork(k, p).begin.read(r, bytes(1))
    const both = [r, w, r].map((fd) => ({ fd, events: POLLPRI, revents: 0 }))
    const poller = fork(k, p).begin.poll(both, -1)
    p.sys.write(w, bytes(1))
    expect([reader.result, poller.blocked]).toEqual([1, true])
  })

  it('waits no longer than it was told to', () => {
    const k = boot(profile)
    const p = spawn(k)
    const [r] = pipe(p)
    const entries = [{ fd: r, events: POLLIN, revents: 7 }]
    const start = k.now
    expect(p.sys.poll(entries, 250)).toBe(0)
    expect(k.now - start).toBe(250)
    expect(entries[0]?.revents).toBe(0)
    expect(p.sys.poll([], 10)).toBe(0)
    expect(k.now - start).toBe(260)
  })

  it('is not woken late by a timer of an earlier call', () => {
    const k = boot(profile)
    const p = spawn(k)
    const [r, w] = pipe(p)
    const child = fork(k, p)
    const call = child.begin.poll([{ fd: r, events: POLLIN, revents: 0 }], 100)
    p.sys.write(w, bytes(1))
    expect(call.result).toBe(1)
    child.sys.read(r, bytes(1))
    const read = child.begin.read(r, bytes(1))
    k.advance(1000)
    expect(read.blocked).toBe(true)
  })

  it.each([
    ['with SA_RESTART', SA_RESTART],
    ['without', 0],
  ])('is EINTR after a handler, %s', (_name, flags) => {
    const k = boot(profile)
    const p = spawn(k)
    const [r] = pipe(p)
    const child = fork(k, p)
    child.sys.sigaction(SIGUSR1, { handler: () => {}, flags, mask: [] })
    const call = child.begin.poll([{ fd: r, events: POLLIN, revents: 0 }], -1)
    p.sys.kill(child.pid, SIGUSR1)
    expect(call.result).toBe(EINTR)
  })

  it('is EINTR after a stop, too', () => {
    const k = boot(profile)
    const p = spawn(k)
    const [r] = pipe(p)
    const child = fork(k, p)
    const call = child.begin.poll([{ fd: r, events: POLLIN, revents: 0 }], -1)
    p.sys.kill(child.pid, SIGSTOP)
    p.sys.kill(child.pid, SIGCONT)
    expect(call.result).toBe(EINTR)
  })

  it.each([
    ['a number', 5],
    ['an object', {}],
    ['an array of numbers', [1]],
    ['a hole', Array(1)],
    ['an entry without events', [{ fd: 0 }]],
    ['an entry of strings', [{ fd: '0', events: '1' }]],
    ['a frozen entry', [Object.freeze({ fd: -1, events: 0, revents: 0 })]],
  ])('is EFAULT for %s', (_name, fds) => {
    const p = spawn(boot(profile))
    expect(p.sys.poll(fds as never, 0)).toBe(EFAULT)
  })

  it('is EINVAL for more entries than there can be descriptors', () => {
    const p = spawn(boot(profile))
    const entries = Array.from({ length: 1025 }, () => ({ fd: -1, events: 0, revents: 0 }))
    expect(p.sys.poll(entries, 0)).toBe(EINVAL)
    expect(p.sys.poll(entries.slice(1), 0)).toBe(0)
  })
})

describe.each(PROFILES)('select(2), Linux %s sys_select', (profile) => {
  it('leaves the ready descriptors in each set and counts them all', () => {
    const p = spawn(boot(profile))
    const [r, w] = pipe(p)
    const [r2, w2] = pipe(p)
    p.sys.write(w2, bytes(1))
    const read = [r2, r]
    const write = [w, w]
    expect(p.sys.select(10, read, write, null, null)).toBe(2)
    expect([read, write]).toEqual([[r2], [w]])
  })

  it('finds the end of a pipe readable, and a broken one writable', () => {
    const p = spawn(boot(profile))
    const [r, w] = pipe(p)
    const [r2, w2] = pipe(p)
    p.sys.close(w)
    p.sys.close(r2)
    const read = [r]
    const write = [w2]
    expect(p.sys.select(10, read, write, [], 0)).toBe(2)
    expect([read, write]).toEqual([[r], [w2]])
  })

  it('does not look at descriptors from nfds on', () => {
    const p = spawn(boot(profile))
    const [, w] = pipe(p)
    const write = [w, 9]
    expect(p.sys.select(w, null, write, null, 0)).toBe(0)
    expect(write).toEqual([])
  })

  it('is EBADF for a descriptor that is not open, and leaves the sets alone', () => {
    const p = spawn(boot(profile))
    const [, w] = pipe(p)
    const read = [9]
    const write = [w]
    expect(p.sys.select(10, read, write, null, 0)).toBe(EBADF)
    expect([read, write]).toEqual([[9], [w]])
  })

  it.each([
    ['a negative nfds', [-1, null, null, null, 0], EINVAL],
    ['a negative timeout', [0, null, null, null, -1], EINVAL],
    ['no number', [0, null, null, null, Number.NaN], EINVAL],
    ['a timeout that is no number', [0, null, null, null, '5'], EFAULT],
    ['a set that is no array', [1, 5, null, null, 0], EFAULT],
    ['a set of words', [1, null, ['a'], null, 0], EFAULT],
    ['a hole in a set', [1, null, null, Array(1), 0], EFAULT],
  ] as const)('refuses %s', (_name, args, expected) => {
    const p = spawn(boot(profile))
    expect(p.sys.select(...(args as never as Parameters<typeof p.sys.select>))).toBe(expected)
  })

  it('waits, and times out with empty sets', () => {
    const k = boot(profile)
    const p = spawn(k)
    const [r, w] = pipe(p)
    const child = fork(k, p)
    const read = [r]
    const call = child.begin.select(10, read, null, null, null)
    expect(call.blocked).toBe(true)
    p.sys.write(w, bytes(1))
    expect([call.result, read]).toEqual([1, [r]])
    child.sys.read(r, bytes(1))
    const start = k.now
    expect(child.sys.select(10, read, null, null, 30)).toBe(0)
    expect([k.now - start, read]).toEqual([30, []])
  })

  it('is EINTR after a handler, even with SA_RESTART', () => {
    const k = boot(profile)
    const p = spawn(k)
    const [r] = pipe(p)
    const child = fork(k, p)
    child.sys.sigaction(SIGUSR1, { handler: () => {}, flags: SA_RESTART, mask: [] })
    const read = [r]
    const call = child.begin.select(10, read, null, null, null)
    p.sys.kill(child.pid, SIGUSR1)
    expect([call.result, read]).toEqual([EINTR, [r]])
  })

  it('goes on after a stop with the time that is left (ERESTARTNOHAND)', () => {
    const k = boot(profile)
    const p = spawn(k)
    const child = fork(k, p)
    const call = child.begin.select(0, null, null, null, 100)
    const start = k.now
    k.advance(60)
    p.sys.kill(child.pid, SIGSTOP)
    p.sys.kill(child.pid, SIGCONT)
    expect(call.blocked).toBe(true)
    k.advance(39)
    expect(call.blocked).toBe(true)
    k.advance(1)
    expect([call.result, k.now - start]).toEqual([0, 100])
  })
})

describe('select(2) on a pipe, Linux 2.0.35 pipe_select', () => {
  it('has the exceptional set say that one side is missing', () => {
    const p = spawn(boot('2.0.35'))
    const [r, w] = pipe(p)
    const except = [r]
    expect(p.sys.select(10, null, null, except, 0)).toBe(0)
    p.sys.close(w)
    except.push(r)
    expect(p.sys.select(10, null, null, except, 0)).toBe(1)
  })

  it('finds a FIFO without writers unreadable until the first one', () => {
    const p = spawn(boot('2.0.35'))
    p.sys.mknod('/f', S_IFIFO | 0o666, 0)
    p.sys.open('/f', O_RDONLY | O_NONBLOCK)
    const ready = (): number => p.sys.select(1, [0], null, null, 0)
    expect(ready()).toBe(0)
    const w = p.sys.open('/f', O_RDWR)
    expect(ready()).toBe(0)
    p.sys.close(w)
    expect(ready()).toBe(1)
    expect(p.sys.fcntl(0, F_GETFL) & O_NONBLOCK).toBe(O_NONBLOCK)
  })
})
