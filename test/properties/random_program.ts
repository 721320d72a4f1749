/**
 * Random programs: lists of operations on files, pipes, processes, signals and time, and the generator program that
 * carries them out. What the calls answer is kept in a local of the program and written to /out/<pid> at its end, so
 * a run is judged by what its programs have seen as well as by its digest.
 */

import fc from 'fast-check'
import {
  CLONE_FILES,
  CLONE_FS,
  CLONE_SIGHAND,
  CLONE_VM,
  F_RDLCK,
  F_SETLK,
  F_SETLKW,
  F_UNLCK,
  F_WRLCK,
  isErr,
  type Kernel,
  LOCK_EX,
  LOCK_NB,
  LOCK_SH,
  LOCK_UN,
  O_APPEND,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  POLLIN,
  POLLOUT,
  type Program,
  S_IFIFO,
  SA_NODEFER,
  SA_RESETHAND,
  SA_RESTART,
  SEEK_CUR,
  SEEK_END,
  SEEK_SET,
  SIG_BLOCK,
  SIG_DFL,
  SIG_IGN,
  SIG_SETMASK,
  SIG_UNBLOCK,
  SIGALRM,
  SIGCHLD,
  SIGCONT,
  SIGKILL,
  SIGPIPE,
  SIGSTOP,
  SIGTERM,
  SIGTSTP,
  SIGUSR1,
  SIGUSR2,
  type Sys,
  type SyscallRequest,
  WNOHANG,
  WUNTRACED,
} from 'paleokernel'
import { type Body, boot, bytes, ok, type PlainOptions, pipeOf, writeFile } from '../helpers/world.js'

const RT = 40

const PATHS = [
  'a',
  'b',
  'd/a',
  'd/b',
  'e',
  'd',
  'fifo',
  'fifo',
  'fifo',
  '/w/a',
  '/w/e/../d/b',
  'link',
  'd/link',
  '/bin/quit',
]
const SIGNALS = [
  SIGUSR1,
  SIGUSR1,
  SIGUSR1,
  SIGUSR2,
  SIGUSR2,
  SIGUSR2,
  SIGCHLD,
  SIGALRM,
  SIGPIPE,
  SIGTERM,
  SIGSTOP,
  SIGTSTP,
  SIGCONT,
  SIGKILL,
  RT,
]
const OPENS = [
  O_RDONLY,
  O_WRONLY,
  O_RDWR,
  O_RDWR | O_CREAT,
  O_WRONLY | O_CREAT | O_EXCL,
  O_RDWR | O_CREAT | O_TRUNC,
  O_WRONLY | O_APPEND,
  O_RDONLY | O_NONBLOCK,
  O_RDONLY | O_DIRECTORY,
]
const LOCKS = [LOCK_SH, LOCK_EX, LOCK_UN, LOCK_EX | LOCK_NB]
const FLAGS = [0, SA_RESTART, SA_NODEFER, SA_RESETHAND, SA_RESTART | SA_NODEFER]

/** One operation. `fd` and `who` are indexes into what the program has, taken round. */
export type Op =
  | { readonly do: 'open'; readonly path: string; readonly flags: number }
  | {
      readonly do: 'mkfifo' | 'mkdir' | 'rmdir' | 'unlink' | 'chdir' | 'stat' | 'exec'
      readonly path: string
    }
  | { readonly do: 'rename' | 'link' | 'symlink'; readonly path: string; readonly to: string }
  | { readonly do: 'truncate'; readonly path: string; readonly size: number }
  | { readonly do: 'read' | 'write' | 'ftruncate' | 'getdents'; readonly fd: number; readonly size: number }
  | { readonly do: 'close' | 'dup'; readonly fd: number }
  | { readonly do: 'dup2'; readonly fd: number; readonly to: number }
  | { readonly do: 'seek'; readonly fd: number; readonly at: number; readonly whence: number }
  | { readonly do: 'flock'; readonly fd: number; readonly how: number }
  | {
      readonly do: 'lock'
      readonly fd: number
      readonly type: number
      readonly cmd: number
      readonly start: number
      readonly len: number
    }
  | { readonly do: 'guard'; readonly path: string; readonly whole: boolean; readonly type: number }
  | { readonly do: 'poll' | 'select'; readonly fd: number; readonly ms: number }
  | { readonly do: 'pipe' | 'pause' | 'setsid' | 'yield' }
  | { readonly do: 'fork' | 'vfork' | 'thread'; readonly child: readonly Op[] }
  | { readonly do: 'wait'; readonly who: number; readonly options: number }
  | { readonly do: 'kill'; readonly who: number; readonly sig: number }
  | { readonly do: 'setpgid'; readonly who: number; readonly to: number }
  | { readonly do: 'handle'; readonly sig: number; readonly flags: number; readonly body: readonly Op[] }
  | { readonly do: 'ignore' | 'default'; readonly sig: number }
  | { readonly do: 'mask'; readonly how: number; readonly sig: number }
  | { readonly do: 'sigtimedwait'; readonly sig: number; readonly ms: number }
  | { readonly do: 'sigsuspend'; readonly sig: number }
  | { readonly do: 'sleep' | 'alarm'; readonly ms: number }
  | { readonly do: 'setuid'; readonly uid: number }

const small = fc.nat({ max: 5 })
const path = fc.constantFrom(...PATHS)
const signal = fc.constantFrom(...SIGNALS)
const size = fc.constantFrom(0, 1, 10, 4096, 5000, 70_000)

const leaf: fc.Arbitrary<Op>[] = [
  fc.record({ do: fc.constant('open' as const), path, flags: fc.constantFrom(...OPENS) }),
  fc.record({
    do: fc.constantFrom('mkfifo' as const, 'mkdir' as const, 'rmdir' as const, 'unlink' as const),
    path,
  }),
  fc.record({ do: fc.constantFrom('chdir' as const, 'stat' as const, 'exec' as const), path }),
  fc.record({
    do: fc.constantFrom('rename' as const, 'link' as const, 'symlink' as const),
    path,
    to: path,
  }),
  fc.record({ do: fc.constant('truncate' as const), path, size }),
  fc.record({
    do: fc.constantFrom('read' as const, 'write' as const, 'ftruncate' as const, 'getdents' as const),
    fd: small,
    size,
  }),
  fc.record({ do: fc.constantFrom('read' as const, 'write' as const), fd: small, size }),
  fc.record({ do: fc.constantFrom('close' as const, 'dup' as const), fd: small }),
  fc.record({ do: fc.constant('dup2' as const), fd: small, to: fc.nat({ max: 12 }) }),
  fc.record({
    do: fc.constant('seek' as const),
    fd: small,
    at: fc.integer({ min: -10, max: 9000 }),
    whence: fc.constantFrom(SEEK_SET, SEEK_CUR, SEEK_END),
  }),
  fc.record({ do: fc.constant('flock' as const), fd: small, how: fc.constantFrom(...LOCKS) }),
  fc.record({
    do: fc.constant('lock' as const),
    fd: small,
    type: fc.constantFrom(F_RDLCK, F_WRLCK, F_UNLCK),
    cmd: fc.constantFrom(F_SETLK, F_SETLKW),
    start: small,
    len: small,
  }),
  fc.record({
    do: fc.constantFrom('poll' as const, 'select' as const),
    fd: small,
    ms: fc.constantFrom(0, 5, -1),
  }),
  fc.record({ do: fc.constantFrom('pipe' as const, 'pause' as const, 'setsid' as const, 'yield' as const) }),
  fc.record({ do: fc.constant('pipe' as const) }),
  fc.record({
    do: fc.constant('guard' as const),
    path: fc.constantFrom('a', 'b'),
    whole: fc.boolean(),
    type: fc.constantFrom(F_RDLCK, F_WRLCK),
  }),
  fc.record({
    do: fc.constant('wait' as const),
    who: small,
    options: fc.constantFrom(0, WNOHANG, WUNTRACED, WNOHANG | WUNTRACED),
  }),
  fc.record({ do: fc.constant('kill' as const), who: small, sig: signal }),
  fc.record({ do: fc.constant('setpgid' as const), who: small, to: small }),
  fc.record({ do: fc.constantFrom('ignore' as const, 'default' as const), sig: signal }),
  fc.record({
    do: fc.constant('mask' as const),
    how: fc.constantFrom(SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK),
    sig: signal,
  }),
  fc.record({ do: fc.constant('sigtimedwait' as const), sig: signal, ms: fc.constantFrom(0, 3, 20) }),
  fc.record({ do: fc.constant('sigsuspend' as const), sig: signal }),
  fc.record({ do: fc.constantFrom('sleep' as const, 'alarm' as const), ms: fc.constantFrom(1, 5, 10, 1000) }),
  fc.record({ do: fc.constant('setuid' as const), uid: fc.constantFrom(0, 1000, 1001) }),
]

const simple = fc.oneof(...leaf)
const handled = fc.record({
  do: fc.constant('handle' as const),
  sig: signal,
  flags: fc.constantFrom(...FLAGS),
  body: fc.array(simple, { maxLength: 2 }),
})

/** A list of operations; children run lists of their own. */
export const operations: fc.Arbitrary<readonly Op[]> = fc.letrec<{ ops: readonly Op[]; op: Op }>((tie) => ({
  op: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 12, arbitrary: simple },
    { weight: 2, arbitrary: handled },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constantFrom('fork' as const, 'fork' as const, 'vfork' as const, 'thread' as const),
        child: tie('ops') as fc.Arbitrary<readonly Op[]>,
      }),
    },
  ),
  ops: fc.array(tie('op') as fc.Arbitrary<Op>, { maxLength: 9 }),
})).ops

/** A part of a program. */
type Steps<T> = Generator<SyscallRequest, T, unknown>

/** What a program knows of itself. */
interface Memory {
  /** Whose memory it is: a handler that a thread has of its maker leaves it alone. */
  pid: number
  readonly fds: number[]
  readonly pids: number[]
  readonly seen: unknown[]
}

const at = (list: readonly number[], index: number, otherwise: number): number =>
  list.length === 0 ? otherwise : (list[index % list.length] ?? otherwise)

/** Who a number means: a child, the parent, oneself, one's group, nobody. */
function* target(sys: Sys, memory: Memory, who: number): Steps<number> {
  if (who === 0) return yield* sys.getpid()
  if (who === 1) return yield* sys.getppid()
  if (who === 2) return 0
  return at(memory.pids, who, 0)
}

function* runOne(sys: Sys, memory: Memory, op: Op): Steps<unknown> {
  const fd = 'fd' in op ? at(memory.fds, op.fd, 50) : -1
  switch (op.do) {
    case 'open': {
      const opened = yield* sys.open(op.path, op.flags, 0o644)
      if (!isErr(opened)) memory.fds.push(Number(opened))
      return opened
    }
    case 'mkfifo':
      return yield* sys.mknod(op.path, S_IFIFO | 0o666, 0)
    case 'mkdir':
      return yield* sys.mkdir(op.path, 0o755)
    case 'rmdir':
      return yield* sys.rmdir(op.path)
    case 'unlink':
      return yield* sys.unlink(op.path)
    case 'chdir':
      return yield* sys.chdir(op.path)
    case 'stat':
      return yield* sys.stat(op.path)
    case 'exec':
      return yield* sys.execve(op.path, ['quit', String(memory.seen.length)], [])
    case 'rename':
      return yield* sys.rename(op.path, op.to)
    case 'link':
      return yield* sys.link(op.path, op.to)
    case 'symlink':
      return yield* sys.symlink(op.path, op.to)
    case 'truncate':
      return yield* sys.truncate(op.path, op.size)
    case 'read': {
      const buf = new Uint8Array(op.size)
      const count = yield* sys.read(fd, buf)
      return [count, buf.reduce((sum, byte) => (sum * 31 + byte) | 0, 0)]
    }
    case 'write':
      return yield* sys.write(fd, new Uint8Array(op.size).fill(memory.seen.length + 1))
    case 'ftruncate':
      return yield* sys.ftruncate(fd, op.size)
    case 'getdents':
      return yield* sys.getdents(fd, Math.max(op.size, 40))
    case 'close':
      return yield* sys.close(fd)
    case 'dup': {
      const copy = yield* sys.dup(fd)
      if (!isErr(copy)) memory.fds.push(Number(copy))
      return copy
    }
    case 'dup2': {
      const copy = yield* sys.dup2(fd, op.to)
      if (!isErr(copy)) memory.fds.push(Number(copy))
      return copy
    }
    case 'seek':
      return yield* sys.lseek(fd, op.at, op.whence)
    case 'flock':
      return yield* sys.flock(fd, op.how)
    case 'lock': {
      const { type, start, len } = op
      return yield* sys.fcntl(fd, op.cmd, { type, whence: SEEK_SET, start, len, pid: 0 })
    }
    case 'guard': {
      const opened = yield* sys.open(op.path, O_RDWR)
      if (isErr(opened)) return opened
      memory.fds.push(opened)
      if (op.whole) return yield* sys.flock(opened, op.type === F_RDLCK ? LOCK_SH : LOCK_EX)
      return yield* sys.fcntl(opened, F_SETLKW, { type: op.type, whence: SEEK_SET, start: 0, len: 0, pid: 0 })
    }
    case 'poll': {
      const fds = [{ fd, events: POLLIN | POLLOUT, revents: 0 }]
      return [yield* sys.poll(fds, op.ms), fds[0]?.revents]
    }
    case 'select': {
      const [reads, writes] = [[fd], [fd]]
      const timeout = op.ms < 0 ? null : op.ms
      return [yield* sys.select(fd + 1, reads, writes, null, timeout), reads, writes]
    }
    case 'pipe': {
      const fds = yield* sys.pipe()
      if (Array.isArray(fds)) memory.fds.push(...fds)
      return fds
    }
    case 'pause':
      return yield* sys.pause()
    case 'setsid':
      return yield* sys.setsid()
    case 'yield':
      return yield* sys.sched_yield()
    case 'fork':
    case 'vfork': {
      const pid = yield* op.do === 'fork' ? sys.fork() : sys.vfork()
      if (pid === 0) {
        memory.pid = yield* sys.getpid()
        memory.pids.length = 0
        yield* runAll(sys, memory, op.child)
        return yield* sys.exit(memory.seen.length & 7)
      }
      if (!isErr(pid)) memory.pids.push(Number(pid))
      return pid
    }
    case 'thread': {
      const flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | SIGCHLD
      const { child } = op
      const fds = memory.fds.slice()
      const pid = yield* sys.clone(flags, function* (own: Sys): Program {
        const pid = yield* own.getpid()
        yield* runAll(own, { pid, fds: fds.slice(), pids: [], seen: [] }, child)
      })
      if (!isErr(pid)) memory.pids.push(Number(pid))
      return pid
    }
    case 'wait': {
      const pid = op.who === 0 ? -1 : yield* target(sys, memory, op.who)
      const result = yield* sys.wait4(pid, op.options)
      return typeof result === 'object' && result !== null && 'status' in result ? [result] : result
    }
    case 'kill': {
      const pid = yield* target(sys, memory, op.who)
      // Not everybody, and not the end of the run itself.
      return pid === 1 || pid === -1 ? 0 : yield* sys.kill(pid, op.sig)
    }
    case 'setpgid': {
      const [pid, group] = [yield* target(sys, memory, op.who), yield* target(sys, memory, op.to)]
      return yield* sys.setpgid(pid, group)
    }
    case 'handle': {
      const { body } = op
      const handler = function* (sig: number): Program {
        if ((yield* sys.getpid()) !== memory.pid) return
        memory.seen.push(`handler ${sig}`)
        yield* runAll(sys, memory, body)
      }
      const old = yield* sys.sigaction(op.sig, { handler, flags: op.flags, mask: [SIGUSR2] })
      return isErr(old) ? old : 'set'
    }
    case 'ignore':
    case 'default': {
      const action = { handler: op.do === 'ignore' ? SIG_IGN : SIG_DFL, flags: 0, mask: [] } as const
      const old = yield* sys.sigaction(op.sig, action)
      return isErr(old) ? old : 'set'
    }
    case 'mask':
      return yield* sys.sigprocmask(op.how, [op.sig])
    case 'sigtimedwait':
      return yield* sys.sigtimedwait([op.sig], op.ms)
    case 'sigsuspend':
      return yield* sys.sigsuspend([op.sig])
    case 'sleep':
      return yield* sys.nanosleep(op.ms)
    case 'alarm':
      return yield* sys.setitimer(0, { interval: 0, value: op.ms })
    case 'setuid':
      return yield* sys.setresuid(op.uid, op.uid, -1)
  }
}

function* runAll(sys: Sys, memory: Memory, ops: readonly Op[]): Steps<void> {
  for (const op of ops) {
    if (memory.seen.length > 60) return
    const answer = yield* runOne(sys, memory, op)
    memory.seen.push(op.do, answer)
  }
}

/** The program that carries out `ops` and writes what it has seen to /out/<pid>. */
export const programOf = (ops: readonly Op[]): Body =>
  function* program(sys: Sys): Program {
    const memory: Memory = { pid: yield* sys.getpid(), fds: [0, 1, 2], pids: [], seen: [] }
    const note = function* (sig: number): Program {
      if ((yield* sys.getpid()) === memory.pid) memory.seen.push(`signal ${sig}`)
    }
    yield* sys.sigaction(SIGUSR1, { handler: note, flags: SA_RESTART, mask: [] })
    yield* sys.sigaction(SIGUSR2, { handler: note, flags: 0, mask: [SIGUSR1] })
    yield* runAll(sys, memory, ops)
    const pid = yield* sys.getpid()
    const fd = yield* sys.open(`/out/${pid}`, O_CREAT | O_WRONLY, 0o644)
    if (!isErr(fd)) yield* sys.write(fd, bytes(JSON.stringify(memory.seen)))
    return 3
  }

/** What exec finds at /bin/quit. */
function* quit(sys: Sys, count = '0'): Program {
  yield* sys.getpid()
  return Number(count) & 7
}

/**
 * A kernel with the files that random programs work on, and these programs, the first as root. They are children
 * of one process and have its descriptors: the two ends of a pipe and a file.
 */
export function worldOf(programs: readonly (readonly Op[])[], options: PlainOptions = {}): Kernel {
  const k = boot({ rootfs: 'empty', pidMax: 400, programs: {}, ...options })
  const root = k.spawn({ uid: 0, comm: 'setup', umask: 0 })
  for (const [dir, mode] of [
    ['/w', 0o1777],
    ['/out', 0o777],
    ['/bin', 0o755],
    ['/w/d', 0o777],
  ] as const)
    ok(root.sys.mkdir(dir, mode))
  writeFile(root, '/w/a', 'some text', 0o666)
  writeFile(root, '/w/b', 'x'.repeat(5000), 0o644)
  ok(root.sys.mknod('/w/fifo', S_IFIFO | 0o666, 0))
  k.install('/bin/quit', quit)
  pipeOf(root)
  ok(root.sys.open('/w/a', O_RDWR))
  for (const [index, ops] of programs.entries()) {
    const uid = index === 0 ? 0 : 999 + index
    k.spawn({ parent: root, uid, comm: `p${index}`, cwd: '/w', umask: 0, program: programOf(ops) })
  }
  return k
}

/** Several programs. */
export const programs = fc.array(operations, { minLength: 1, maxLength: 4 })

/** Everything the programs wrote about what they saw. */
export function reports(k: Kernel): string {
  const reader = k.spawn({ uid: 0, comm: 'reader' })
  const dir = ok(reader.sys.open('/out', O_RDONLY))
  const names = ok(reader.sys.getdents(dir, 1 << 20)).map(({ name }) => name)
  const buf = new Uint8Array(1 << 16)
  const texts = names
    .filter((name) => !name.startsWith('.'))
    .sort()
    .map((name) => {
      const fd = ok(reader.sys.open(`/out/${name}`, O_RDONLY))
      const count = ok(reader.sys.read(fd, buf))
      return `${name}: ${String.fromCharCode(...buf.subarray(0, count))}`
    })
  reader.sys.exit(0)
  return texts.join('\n')
}
