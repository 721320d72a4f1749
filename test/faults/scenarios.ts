/**
 * Scenarios for fault experiments: everyday work of every part of the kernel. They go on whatever a call answers, as
 * a program does that does not look, so that what fails early does not keep the rest from happening.
 */
import {
  CLONE_FILES,
  CLONE_FS,
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VM,
  F_GETLK,
  F_RDLCK,
  F_SETFL,
  F_SETLK,
  F_SETLKW,
  F_SETOWN,
  F_UNLCK,
  F_WRLCK,
  FASYNC,
  type Flock,
  ITIMER_REAL,
  isErr,
  type Kernel,
  LOCK_EX,
  LOCK_SH,
  LOCK_UN,
  MNT_DETACH,
  MS_BIND,
  MS_RDONLY,
  MS_REC,
  MS_REMOUNT,
  O_CREAT,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  POLLIN,
  type Process,
  type Program,
  S_IFIFO,
  SA_RESTART,
  SEEK_SET,
  SIG_BLOCK,
  SIG_IGN,
  SIG_UNBLOCK,
  SIGALRM,
  SIGCHLD,
  SIGCONT,
  SIGIO,
  SIGKILL,
  SIGSTOP,
  SIGUSR1,
  SIGUSR2,
  type Sys,
  utf8Encode,
  WNOHANG,
  WUNTRACED,
} from 'paleokernel'

/** What a scenario does with a fresh kernel. */
export interface Scenario {
  readonly name: string
  readonly run: (k: Kernel) => unknown
}

/** Steps after which a program that goes round in circles is left alone. */
const MAX_STEPS = 2000

/** A call's value if it is a number, -1 for everything else: what a careless program goes on with. */
const int = (value: unknown): number => (typeof value === 'number' ? value : -1)

/** The two descriptors of a pipe. */
const ends = (value: unknown): readonly [number, number] =>
  Array.isArray(value) ? [int(value[0]), int(value[1])] : [-1, -1]

const text = utf8Encode('all work and no play\n')

/** Direct calls that may have to wait go through `begin`, so that a lost wake-up shows as a call that sleeps. */
const child = (k: Kernel, parent: Process): Process | undefined => k.process(int(parent.sys.fork()))

// ---- pipelines -----------------------------------------------------------------------------------------------

function* producer(sys: Sys): Program {
  for (let i = 0; i < 3; i++) yield* sys.write(1, text)
  yield* sys.close(1)
  return 3
}

function* consumer(sys: Sys): Program {
  const buf = new Uint8Array(64)
  for (let reads = 0; reads < 20; reads++) {
    const n = yield* sys.read(0, buf)
    if (isErr(n) || n === 0) break
  }
  return 4
}

/** `producer | consumer`, as a shell does it. */
function* shell(sys: Sys): Program {
  const [r, w] = ends(yield* sys.pipe())
  for (const [path, from, to] of [
    ['/bin/producer', w, 1],
    ['/bin/consumer', r, 0],
  ] as const) {
    const pid = yield* sys.fork()
    if (pid !== 0) continue
    yield* sys.dup2(from, to)
    yield* sys.close(r)
    yield* sys.close(w)
    yield* sys.execve(path, [path, 'one', 'two'], ['HOME=/'])
    yield* sys.exit(127)
  }
  yield* sys.close(r)
  yield* sys.close(w)
  for (let waits = 0; waits < 4; waits++) {
    const done = yield* sys.waitpid(-1, 0)
    if (typeof done === 'number') break
  }
  return 0
}

function pipeline(k: Kernel): unknown {
  k.install('/bin/producer', producer)
  k.install('/bin/consumer', consumer)
  const sh = k.spawn({ program: shell, comm: 'shell' })
  k.run({ maxSteps: MAX_STEPS })
  return sh.exitStatus
}

// ---- files ---------------------------------------------------------------------------------------------------

function fileTree(k: Kernel): unknown {
  const { sys } = k.spawn({ uid: 1000, cwd: '/tmp', umask: 0 })
  sys.mkdir('d', 0o755)
  sys.mkdir('d/e', 0o2775)
  const fd = int(sys.open('d/f', O_CREAT | O_RDWR, 0o644))
  sys.write(fd, new Uint8Array(9000).fill(7))
  sys.lseek(fd, 70_000, SEEK_SET)
  sys.write(fd, text)
  sys.link('d/f', 'd/g')
  sys.symlink('f', 'd/l')
  sys.rename('d/g', 'h')
  sys.rename('d/e', 'e')
  sys.truncate('h', 5000)
  sys.stat('d/l')
  sys.readlink('d/l')
  sys.chmod('h', 0o600)
  sys.utime('h', { actime: 1, modtime: 2 })
  const dir = int(sys.open('d', O_RDONLY))
  sys.getdents(dir)
  sys.unlink('d/f')
  sys.pread(fd, new Uint8Array(100), 10)
  sys.readv(fd, [new Uint8Array(3), new Uint8Array(4)])
  sys.writev(fd, [text, text])
  sys.open('h', O_WRONLY | O_TRUNC)
  sys.chdir('e')
  sys.getcwd()
  sys.rmdir('../e')
  sys.mknod('x', S_IFIFO | 0o600, 0)
  sys.dup2(fd, 40)
  sys.close(fd)
  sys.getdents(dir)
  sys.close(dir)
  sys.exit(0)
  return null
}

/** Tables that have to grow, or are full. */
function descriptors(k: Kernel): unknown {
  const { sys } = k.spawn({ uid: 1000, cwd: '/tmp' })
  const fd = int(sys.open('f', O_CREAT | O_RDWR, 0o644))
  for (let n = 0; n < 29; n++) sys.dup(fd)
  sys.pipe()
  sys.pipe()
  sys.open('f', O_RDONLY)
  sys.dup2(fd, 300)
  sys.dup2(fd, 2000)
  sys.setrlimit(7, { cur: 36, max: 36 })
  for (let n = 0; n < 4; n++) sys.pipe()
  sys.dup2(fd, 50)
  sys.open('.', O_RDONLY)
  sys.exit(0)
  return null
}

/** /proc and devices: files that are made as they are read. */
function procAndDevices(k: Kernel): unknown {
  const { sys } = k.spawn({ uid: 0 })
  const buf = new Uint8Array(200)
  for (const path of ['/proc/self/status', '/proc/1/stat', '/proc/meminfo', '/proc/mounts', '/dev/zero']) {
    const fd = int(sys.open(path, O_RDONLY))
    sys.read(fd, buf)
    sys.read(fd, buf)
    sys.close(fd)
  }
  const dir = int(sys.open('/proc', O_RDONLY))
  sys.getdents(dir, 200)
  sys.readlink('/proc/self/cwd')
  const own = int(sys.open('/proc/self/fd/0', O_RDONLY))
  sys.close(own)
  sys.close(dir)
  return null
}

// ---- locks ---------------------------------------------------------------------------------------------------

const flock = (type: number, start: number, len: number): Flock => ({
  type,
  whence: SEEK_SET,
  start,
  len,
  pid: 0,
})

function locks(k: Kernel): unknown {
  const a = k.spawn({ comm: 'a' })
  const fd = int(a.sys.open('/tmp/l', O_CREAT | O_RDWR, 0o666))
  a.sys.write(fd, text)
  a.sys.fcntl(fd, F_SETLK, flock(F_WRLCK, 0, 10))
  a.sys.fcntl(fd, F_SETLK, flock(F_RDLCK, 4, 2))
  const b = child(k, a)
  const waiting = b?.begin.fcntl(fd, F_SETLKW, flock(F_WRLCK, 0, 100))
  a.sys.fcntl(fd, F_GETLK, flock(F_WRLCK, 0, 0))
  a.sys.fcntl(fd, F_SETLK, flock(F_UNLCK, 2, 3))
  a.sys.fcntl(fd, F_SETLK, flock(F_UNLCK, 0, 0))
  const other = int(a.sys.open('/tmp/l', O_RDWR))
  a.sys.flock(other, LOCK_EX)
  const c = child(k, a)
  const mine = int(c?.sys.open('/tmp/l', O_RDWR))
  c?.begin.flock(mine, LOCK_SH)
  a.sys.flock(other, LOCK_SH)
  a.sys.flock(other, LOCK_UN)
  a.sys.close(other)
  a.sys.close(fd)
  a.sys.kill(-1, SIGKILL)
  k.run({ maxSteps: MAX_STEPS })
  return waiting?.result
}

/** Whoever waits for a lock goes on when it is let go, in whichever way. */
function lockWaiters(k: Kernel): unknown {
  const a = k.spawn({ comm: 'a' })
  const fd = int(a.sys.open('/tmp/l', O_CREAT | O_RDWR, 0o666))
  const other = int(a.sys.open('/tmp/l', O_RDWR))
  a.sys.fcntl(fd, F_SETLK, flock(F_WRLCK, 0, 10))
  a.sys.flock(other, LOCK_EX)
  const waiting = [child(k, a)?.begin.fcntl(fd, F_SETLKW, flock(F_WRLCK, 0, 5))]
  const b = child(k, a)
  const mine = int(b?.sys.open('/tmp/l', O_RDWR))
  waiting.push(b?.begin.flock(mine, LOCK_EX))
  a.sys.fcntl(fd, F_SETLK, flock(F_UNLCK, 0, 0))
  a.sys.flock(other, LOCK_UN)
  return waiting.map((call) => call?.result)
}

// ---- signals -------------------------------------------------------------------------------------------------

const REALTIME = 40

function signals(k: Kernel): unknown {
  const seen: unknown[] = []
  const a = k.spawn({ comm: 'a' })
  const handler = (sig: number, info: { readonly code: number }): void => {
    seen.push(sig, info.code)
  }
  for (const sig of [SIGUSR1, SIGUSR2, REALTIME, SIGCHLD, SIGALRM])
    a.sys.sigaction(sig, { handler, flags: SA_RESTART, mask: [SIGUSR2] })
  const b = child(k, a)
  const sleeper = b?.begin.pause()
  a.sys.kill(b?.pid ?? 0, SIGUSR1)
  a.sys.sigprocmask(SIG_BLOCK, [REALTIME, SIGUSR2])
  for (let value = 0; value < 3; value++) a.sys.sigqueue(a.pid, REALTIME, value)
  a.sys.kill(a.pid, SIGUSR2)
  a.sys.sigpending()
  a.sys.sigtimedwait([REALTIME], 10)
  a.sys.sigprocmask(SIG_UNBLOCK, [REALTIME, SIGUSR2])
  const c = child(k, a)
  c?.begin.sigsuspend([])
  a.sys.kill(c?.pid ?? 0, SIGSTOP)
  a.sys.waitpid(-1, WUNTRACED | WNOHANG)
  a.sys.kill(c?.pid ?? 0, SIGCONT)
  a.sys.kill(c?.pid ?? 0, SIGKILL)
  a.sys.kill(b?.pid ?? 0, SIGKILL)
  a.sys.waitpid(-1, WNOHANG)
  a.sys.waitpid(-1, WNOHANG)
  a.sys.sigaction(SIGUSR1, { handler: SIG_IGN, flags: 0, mask: [] })
  return [seen, sleeper?.result]
}

/** Files that tell their owner when they are ready. */
function sigio(k: Kernel): unknown {
  const seen: number[] = []
  const a = k.spawn({ comm: 'a' })
  a.sys.sigaction(SIGIO, { handler: (sig: number) => void seen.push(sig), flags: 0, mask: [] })
  const [r, w] = ends(a.sys.pipe())
  a.sys.fcntl(r, F_SETOWN, a.pid)
  a.sys.fcntl(r, F_SETFL, FASYNC | O_NONBLOCK)
  a.sys.write(w, text)
  const b = child(k, a)
  a.sys.close(r)
  b?.sys.write(w, text)
  b?.sys.exit(1)
  return seen
}

// ---- mounts --------------------------------------------------------------------------------------------------

function mounts(k: Kernel): unknown {
  const { sys } = k.spawn({ uid: 0 })
  sys.mkdir('/mnt/a', 0o755)
  sys.mkdir('/mnt/b', 0o755)
  sys.mount('none', '/mnt/a', 'ramfs', 0, 'size=64k')
  sys.mkdir('/mnt/a/deep', 0o755)
  sys.mount('none', '/mnt/a/deep', 'ramfs', 0, 'nr_inodes=3')
  sys.mount('proc', '/mnt/b', 'proc', 0, '')
  const fd = int(sys.open('/mnt/a/f', O_CREAT | O_RDWR, 0o644))
  sys.write(fd, new Uint8Array(80_000))
  for (const name of ['1', '2', '3', '4']) sys.mkdir(`/mnt/a/deep/${name}`, 0o755)
  sys.umount('/mnt/a')
  sys.mkdir('/mnt/c', 0o755)
  sys.mount('/mnt/a', '/mnt/c', '', MS_BIND | MS_REC, '')
  sys.mount('none', '/mnt/a', '', MS_REMOUNT | MS_RDONLY, 'size=128k')
  sys.close(fd)
  sys.umount2('/mnt/c', MNT_DETACH)
  sys.umount('/mnt/a/deep')
  sys.umount('/mnt/a')
  sys.umount('/mnt/b')
  // One that goes while it is used, and ends with its last use.
  sys.mount('none', '/mnt/c', 'ramfs', 0, '')
  const held = int(sys.open('/mnt/c', O_RDONLY))
  sys.umount2('/mnt/c', MNT_DETACH)
  sys.close(held)
  sys.statfs('/mnt/a')
  sys.sync()
  return null
}

// ---- waiting -------------------------------------------------------------------------------------------------

function polling(k: Kernel): unknown {
  const a = k.spawn({ comm: 'a' })
  const [r, w] = ends(a.sys.pipe())
  const [r2, w2] = ends(a.sys.pipe())
  a.sys.mknod('/tmp/fifo', S_IFIFO | 0o600, 0)
  const b = child(k, a)
  const fds = [r, r2].map((fd) => ({ fd, events: POLLIN, revents: 0 }))
  const polled = b?.begin.poll(fds, 1000)
  const c = child(k, a)
  const selected = c?.begin.select(40, [r, r2], [], null, 50)
  a.sys.write(w2, text)
  k.advance(100)
  a.sys.poll([{ fd: w, events: 4, revents: 0 }], 0)
  const d = child(k, a)
  d?.begin.open('/tmp/fifo', O_RDONLY)
  const fifo = int(a.sys.open('/tmp/fifo', O_WRONLY | O_NONBLOCK))
  a.sys.write(fifo, text)
  const reading = child(k, a)?.begin.read(r, new Uint8Array(200_000))
  const big = child(k, a)?.begin.write(w, new Uint8Array(100_000))
  k.advance(2000)
  return [polled?.result, selected?.result, reading?.result, big?.result]
}

/** What sleeps on a clock. */
function* sleeper(sys: Sys): Program {
  yield* sys.nanosleep(20, { value: 0 })
  yield* sys.sigtimedwait([SIGUSR1], 30)
  yield* sys.select(0, null, null, null, 10)
  yield* sys.poll([], 10)
  return 0
}

function timers(k: Kernel): unknown {
  const alarms: number[] = []
  const a = k.spawn({ comm: 'a' })
  a.sys.sigaction(SIGALRM, { handler: () => void alarms.push(k.now), flags: SA_RESTART, mask: [] })
  a.sys.setitimer(ITIMER_REAL, { interval: 40, value: 10 })
  a.sys.getitimer(ITIMER_REAL)
  k.spawn({ program: sleeper, comm: 'sleeper' })
  const b = child(k, a)
  b?.begin.nanosleep(70)
  k.advance(150)
  a.sys.alarm(1)
  a.sys.setitimer(ITIMER_REAL, { interval: 0, value: 0 })
  k.advance(2000)
  return alarms
}

// ---- processes -----------------------------------------------------------------------------------------------

const THREAD = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND

function* threaded(sys: Sys, release = ''): Program {
  const [r, w] = ends(yield* sys.pipe())
  const isThread = release === '2.6.14'
  yield* sys.clone(isThread ? THREAD | CLONE_THREAD : THREAD | SIGCHLD, function* (own: Sys): Program {
    yield* own.open('/tmp', O_RDONLY)
    yield* own.read(r, new Uint8Array(8))
    yield* own.execve('/bin/producer', ['p'], [])
    return 1
  })
  const copy = yield* sys.vfork()
  if (copy === 0) yield* sys.exit(2)
  yield* sys.chdir('/tmp')
  yield* sys.write(w, text)
  yield* sys.waitpid(-1, 0)
  yield* sys.nanosleep(1)
  return 0
}

function threads(k: Kernel): unknown {
  k.install('/bin/producer', producer)
  const p = k.spawn({ program: threaded, argv: ['threads', k.profile] })
  k.run({ maxSteps: MAX_STEPS })
  return p.exitStatus
}

function identities(k: Kernel): unknown {
  const a = k.spawn({ uid: 0 })
  a.sys.setgroups([1, 2, 3])
  a.sys.getgroups()
  a.sys.setpgid(0, 0)
  const b = child(k, a)
  b?.sys.setsid()
  b?.sys.setresuid(1001, 1001, 1001)
  b?.sys.setreuid(1001, 1001)
  b?.sys.setrlimit(7, { cur: 64, max: 64 })
  b?.sys.getrlimit(7)
  const c = b === undefined ? undefined : child(k, b)
  c?.sys.setpgid(0, 0)
  c?.sys.exit(1)
  b?.sys.exit(0)
  a.sys.wait4(-1, 0)
  return a.sys.getresuid()
}

/** Everything, each on its own kernel. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'a pipeline of programs', run: pipeline },
  { name: 'a tree of files', run: fileTree },
  { name: 'descriptors', run: descriptors },
  { name: '/proc and devices', run: procAndDevices },
  { name: 'locks', run: locks },
  { name: 'waiting for locks', run: lockWaiters },
  { name: 'signals', run: signals },
  { name: 'SIGIO', run: sigio },
  { name: 'mounts', run: mounts },
  { name: 'poll, select and FIFOs', run: polling },
  { name: 'timers', run: timers },
  { name: 'threads, vfork and exec', run: threads },
  { name: 'identities and process groups', run: identities },
]
