/** Mode 1 as of 2.6.12 to 2.6.14. Numbers are those of the reference, linux-2.6.14-era section 1. */
import {
  blob,
  createKernel,
  DIRECT,
  defineModule,
  EACCES,
  EAGAIN,
  EBADF,
  EFAULT,
  EINTR,
  EINVAL,
  ENOENT,
  EPERM,
  EPIPE,
  O_CREAT,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  PROFILES,
  SA_SIGINFO,
  SIG_IGN,
  SIGALRM,
  SIGCHLD,
  SIGKILL,
  SIGPIPE,
  SIGSEGV,
  SIGUSR1,
  SIGXCPU,
  StracePrinter,
  type Sys,
} from 'paleokernel'
import { seccomp } from 'paleokernel/seccomp'
import { describe, expect, it } from 'vitest'
import { CLONE_FILES, CLONE_FS, CLONE_SIGHAND, CLONE_THREAD, CLONE_VM } from '../../src/abi/clone.js'
import { ARCHS, type Arch, isMode1Call } from '../../src/seccomp/arch.js'
import { type Confinement, confine } from '../../src/seccomp/state.js'
import {
  bytes,
  checkInvariants,
  checkState,
  coreOf,
  handle,
  ok,
  pipeOf,
  readFile,
  readText,
  taskOf,
  writeFile,
} from '../helpers/world.js'
import { confined, fork, modeFile, type Proc, readMode, type World, world, writeMode } from './world.js'

const THREAD = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD

function scene(options: Parameters<typeof world>[0] = {}): { k: World; root: Proc; alice: Proc } {
  const k = world(options)
  return { k, root: k.spawn(), alice: k.spawn({ uid: 1000, gid: 100 }) }
}

/** What waitpid(2) says of a child. */
const statusOf = (parent: Proc, child: Proc): number => ok(parent.sys.waitpid(child.pid)).status

describe('1.2 the files', () => {
  it('are /proc/<tgid>/seccomp and /proc/<tgid>/task/<tid>/seccomp, -rw-------, of size 0', () => {
    const { alice } = scene()
    for (const path of [
      modeFile(alice.pid),
      `/proc/${alice.pid}/task/${alice.pid}/seccomp`,
      '/proc/self/seccomp',
    ]) {
      expect(ok(alice.sys.stat(path))).toMatchObject({ mode: 0o100600, size: 0, uid: 1000, gid: 100 })
    }
  })

  it('belong to the effective ids of the task, asked anew at every lookup, and to root when it is not dumpable', () => {
    const { root } = scene()
    const owner = (): unknown => {
      const { uid, gid } = ok(root.sys.stat(modeFile(root.pid)))
      return [uid, gid]
    }
    ok(root.sys.setresgid(5, 6, 7))
    ok(root.sys.setresuid(0, 9, 0))
    root.current().dumpable = 1
    expect(owner()).toEqual([9, 6])
    root.current().dumpable = 0
    expect(owner()).toEqual([0, 0])
  })

  it('need file permission only: any process of the same user, or root, confines another task', () => {
    const { k, root, alice } = scene()
    const other = k.spawn({ uid: 1000 })
    const bob = k.spawn({ uid: 1001 })
    expect(writeMode(bob, alice.pid)).toBe(EACCES)
    expect(writeMode(alice, other.pid)).toBe(1)
    expect(writeMode(root, bob.pid)).toBe(1)
    expect([other, bob, alice].map(({ pid }) => k.seccomp.mode(pid))).toEqual([1, 1, 0])
  })

  it('read: honours the offset, and is at its end then', () => {
    const { root } = scene()
    const fd = ok(root.sys.open(modeFile(root.pid), O_RDONLY))
    expect(readText(root, fd, 1)).toBe('0')
    expect(readText(root, fd, 8)).toBe('\n')
    expect(readText(root, fd, 8)).toBe('')
    const byte = new Uint8Array(1)
    expect([root.sys.pread(fd, byte, 1), byte[0]]).toEqual([1, 10])
  })

  it('are the only interface: prctl 21 and 22 are EINVAL, numbers end at PR_GET_NAME', () => {
    const { root } = scene()
    expect([root.sys.prctl(21), root.sys.prctl(22, 1), root.sys.prctl(17)]).toEqual([EINVAL, EINVAL, EINVAL])
    expect(root.sys.prctl(16)).toBe('sh')
    expect(root.sys.seccomp(0)).toBe(-38)
  })

  it('stay away without the module', () => {
    const k = world({ interface: 'prctl' })
    expect(k.spawn().sys.open(modeFile(1), O_RDONLY)).toBe(ENOENT)
  })

  it('are listed where 2.6.14 lists them, and numbered as there', () => {
    const { root } = scene()
    const names = ok(root.sys.getdents(ok(root.sys.open(`/proc/${root.pid}`, O_RDONLY)))).map(
      ({ name }) => name,
    )
    expect(names.slice(names.indexOf('maps'), names.indexOf('maps') + 3)).toEqual(['maps', 'seccomp', 'cwd'])
  })

  it('are there in 2.0 and 2.2 as well, if one wants them', () => {
    for (const profile of PROFILES) {
      const k = world({}, { profile })
      const root = k.spawn()
      expect(writeMode(root, confined(k, root).pid)).toBe(EPERM)
    }
  })
})

describe('1.3 writing, in this order', () => {
  it.each(['1', '0', '', 'abc'])(
    '1.3.1: a mode that is set cannot be changed or switched off: %j is EPERM',
    (text) => {
      const { k, root } = scene()
      const child = confined(k, root)
      expect(writeMode(root, child.pid, text)).toBe(EPERM)
      expect(k.why(root)).toMatchObject({ check: 'state', target: { pid: child.pid } })
      expect(k.seccomp.mode(child.pid)).toBe(1)
    },
  )

  it('1.3.2: at most 19 bytes are looked at, and a bad pointer is EFAULT', () => {
    const { k, root } = scene()
    expect(writeMode(root, fork(k, root).pid, `${'0'.repeat(18)}1`)).toBe(19)
    expect(writeMode(root, fork(k, root).pid, `${'0'.repeat(19)}1`)).toBe(EINVAL)
    expect(writeMode(root, fork(k, root).pid, `${'0'.repeat(18)}1\n`)).toBe(19)
    const fd = ok(root.sys.open(modeFile(root.pid), O_WRONLY))
    expect(root.sys.write(fd, null as unknown as Uint8Array)).toBe(EFAULT)
  })

  it.each([
    ['1', 1],
    ['0x1', 3],
    ['0X1', 3],
    ['01', 2],
    ['0001', 4],
    [' 1', EINVAL],
    ['\t1', EINVAL],
    ['-1', EINVAL],
    ['+1', EINVAL],
    ['0x', EINVAL],
    ['0xg', EINVAL],
    ['08', EINVAL],
    ['1a', 1],
    ['0x1g', 3],
    ['018', 2],
  ])('1.3.3: the base is found out as in C, and blanks are not skipped: %j gives %d', (text, result) => {
    const { k, root } = scene()
    const child = fork(k, root)
    expect(writeMode(root, child.pid, text)).toBe(result)
    expect(k.seccomp.mode(child.pid)).toBe(result > 0 ? 1 : 0)
  })

  it.each([
    ['1\n', 2],
    ['1\n\n', 2],
    ['0x1\n', 4],
    ['1 \n', 1],
  ])('1.3.4: one newline right behind is swallowed: %j gives %d', (text, result) => {
    const { k, root } = scene()
    expect(writeMode(root, fork(k, root).pid, text)).toBe(result)
  })

  it.each(['0', '', 'abc', '2', '\n', '0\n', '3', '4294967296'])(
    '1.3.5: a number that is no mode is EINVAL, and nothing is set: %j',
    (text) => {
      const { k, root } = scene()
      expect(writeMode(root, root.pid, text)).toBe(EINVAL)
      expect([k.seccomp.mode(root.pid), root.sys.getpid()]).toEqual([0, root.pid])
    },
  )

  it("1.3.6: the flag is the target thread's", () => {
    const { k, root } = scene()
    const child = confined(k, root)
    expect([k.seccomp.mode(root.pid), k.seccomp.mode(child.pid)]).toEqual([0, 1])
    expect(root.sys.getpid()).toBe(root.pid)
  })

  it('1.3.7: the result is what was consumed; 4294967297 counts as 1, cut to 32 bits', () => {
    const { k, root } = scene()
    expect(writeMode(root, fork(k, root).pid, '1\nxyz')).toBe(2)
    expect(writeMode(root, fork(k, root).pid, '1xyz')).toBe(1)
    expect(writeMode(root, fork(k, root).pid, '4294967297')).toBe(10)
    expect(writeMode(root, fork(k, root).pid, '0x100000001')).toBe(11)
    expect(writeMode(root, fork(k, root).pid, '4294967298')).toBe(EINVAL)
  })

  it('the flag is examined at the next entry: the write to the own file returns, the next call is filtered', () => {
    const { k, root } = scene()
    const child = fork(k, root)
    const fd = ok(child.sys.open('/proc/self/seccomp', O_WRONLY))
    expect(child.sys.write(fd, bytes('1\n'))).toBe(2)
    expect(child.state).toBe('idle')
    expect(child.sys.close(fd)).toBe(EINTR)
    expect(statusOf(root, child)).toBe(9)
  })
})

/** Every named call of the core but the four, with arguments that would do something. */
const FATAL: readonly [string, readonly unknown[]][] = [
  ['exit_group', [3]],
  ['getpid', []],
  ['gettimeofday', []],
  ['close', [0]],
  ['fork', []],
  ['execve', ['/bin/sh', [], []]],
  ['sigaction', [10, null]],
  ['open', ['/tmp/x', O_CREAT | O_RDWR, 0o600]],
  ['mkdir', ['/tmp/d', 0o700]],
  ['unlink', ['/tmp/f']],
  ['kill', [1, 9]],
  ['pread', [0, new Uint8Array(1), 0]],
  ['readv', [0, []]],
  ['dup', [0]],
  ['pipe', []],
  ['select', [0, null, null, null, 0]],
  ['poll', [[], 0]],
  ['waitpid', [-1]],
  ['sched_yield', []],
  ['prctl', [16]],
  ['seccomp', [0, 0]],
]

describe('1.4 allowed calls', () => {
  it.each<[string, Arch, 'native' | 'compat', readonly number[]]>([
    ['i386', 'i386', 'native', [3, 4, 1, 119]],
    ['x86-64 native', 'x86_64', 'native', [0, 1, 60, 15]],
    ['x86-64, thread flagged 32-bit', 'x86_64', 'compat', [3, 4, 1, 119]],
    ['ppc64', 'ppc64', 'native', [3, 4, 1, 172]],
    ['ppc64, 32-bit', 'ppc64', 'compat', [3, 4, 1, 119]],
    ['sparc64', 'sparc64', 'native', [3, 4, 1, 101]],
    ['sparc64, 32-bit', 'sparc64', 'compat', [3, 4, 1, 216]],
  ])('1.4 %s', (_name, arch, kind, allowed) => {
    const { mode1 } = ARCHS[arch][kind]
    const found: number[] = []
    for (let nr = -1; nr <= 400; nr++) if (isMode1Call(mode1, nr)) found.push(nr)
    expect(found).toEqual([...allowed].sort((a, b) => a - b))
  })

  it.each<[Arch, boolean]>([
    ['i386', false],
    ['x86_64', false],
    ['x86_64', true],
    ['ppc64', false],
    ['ppc64', true],
    ['sparc64', false],
    ['sparc64', true],
  ])('every number from -1 to 400 but the four ends a task of %s (32-bit: %s)', (arch, compat) => {
    const { mode1 } = ARCHS[arch][compat ? 'compat' : 'native']
    const { k, root } = scene({ arch })
    const survivors: number[] = []
    for (let nr = -1; nr <= 400; nr++) {
      const child = fork(k, root)
      if (compat) k.seccomp.set32Bit(child.pid, true)
      ok(writeMode(root, child.pid))
      child.sys.syscall(nr, 99, new Uint8Array(1))
      if (child.state !== 'zombie') {
        survivors.push(nr)
        root.sys.kill(child.pid, SIGKILL)
      }
      const status = statusOf(root, child)
      if (isMode1Call(mode1, nr) && ARCHS[arch][compat ? 'compat' : 'native'].name(nr, '2.6.14') === 'exit')
        expect(status).toBe((99 & 0xff) << 8)
      else expect(status).toBe(9)
    }
    const exits = [...mode1].filter((nr) => nr === (arch === 'x86_64' && !compat ? 60 : 1))
    const expected = [...new Set(mode1)].slice(0, 4).filter((nr) => !exits.includes(nr))
    expect(survivors).toEqual(expected.sort((a, b) => a - b))
    checkInvariants(k)
  })

  it.each(FATAL)('%s is fatal, by name on every architecture', (name, args) => {
    for (const arch of Object.keys(ARCHS) as Arch[]) {
      const { k, root } = scene({ arch })
      const child = confined(k, root)
      const call = Reflect.get(child.sys, name) as (...args: readonly unknown[]) => unknown
      expect(call.apply(child.sys, [...args])).toBe(EINTR)
      expect(statusOf(root, child)).toBe(9)
    }
  })

  it('i386: rt_sigreturn 173 is not allowed, sigreturn 119 is', () => {
    const { k, root } = scene()
    const [one, two] = [confined(k, root), confined(k, root)]
    one.sys.syscall(173)
    two.sys.syscall(119)
    expect([one.state, two.state]).toEqual(['zombie', 'idle'])
  })

  it('exit_group is fatal: _exit(), exit() and the return of a program are status 9', () => {
    const { k, root } = scene()
    const program = function* (sys: Sys) {
      yield* sys.write(ok(yield* sys.open('/proc/self/seccomp', O_WRONLY)), bytes('1'))
      return 0
    }
    const child = k.spawn({ program, parent: root })
    k.run()
    expect(child.exitStatus).toBe(9)
  })

  it('the number is the only thing compared: arguments are never looked at', () => {
    const { k, root } = scene()
    const child = confined(k, root)
    expect(child.sys.syscall(3, -1, null)).toBe(EFAULT)
    expect(child.sys.syscall(4, 10 ** 6, bytes('x'))).toBe(EBADF)
    expect(child.state).toBe('idle')
  })

  it('calls that modules add have no number, and are fatal', () => {
    const { k, root } = scene()
    const child = confined(k, root)
    expect(child.sys.seccomp(2, 0, 0)).toBe(EINTR)
    expect(child.exitStatus).toBe(9)
  })
})

describe('1.5 violation', () => {
  it('queues no signal and runs no handler; the status is SIGKILL without a core bit', () => {
    const { k, root } = scene()
    const child = fork(k, root)
    ok(child.sys.setrlimit(4, { cur: 2 ** 31 - 1, max: 2 ** 31 - 1 }))
    const events: string[] = []
    for (const kind of ['signal:generate', 'signal:deliver'] as const)
      k.trace.on(kind, (event) => {
        if (event.pid === child.pid) events.push(event.kind)
      })
    ok(writeMode(root, child.pid))
    child.sys.getpid()
    expect([statusOf(root, child), events]).toEqual([9, []])
  })

  it('is before ptrace, audit and other hooks see the call: it has no effect', () => {
    const { k, root } = scene()
    const child = confined(k, root)
    child.sys.mkdir('/tmp/d', 0o700)
    expect(root.sys.access('/tmp/d', 0)).toBe(ENOENT)
  })

  it('ends the violating thread only; the others go on with their own modes', () => {
    const { k, root } = scene()
    const steps: string[] = []
    const worker = function* (sys: Sys) {
      yield* sys.nanosleep(5)
      yield* sys.getpid()
      steps.push('worker went on')
    }
    const program = function* (sys: Sys) {
      const tid = ok(yield* sys.clone(THREAD, worker))
      const fd = ok(yield* sys.open(`/proc/self/task/${tid}/seccomp`, O_WRONLY))
      ok(yield* sys.write(fd, bytes('1')))
      yield* sys.nanosleep(50)
      steps.push('leader goes on')
      return 4
    }
    const leader = k.spawn({ program, parent: root })
    k.run()
    expect(steps).toEqual(['leader goes on'])
    expect(leader.exitStatus).toBe(0x400)
    checkInvariants(k)
  })

  it('of the last thread sends the parent SIGCHLD, as any exit', () => {
    const { k, root } = scene()
    const seen: unknown[] = []
    ok(root.sys.sigaction(SIGCHLD, { handler: (_sig, info) => seen.push(info), flags: SA_SIGINFO, mask: [] }))
    const child = confined(k, root)
    child.sys.getpid()
    root.sys.getpid()
    expect(seen).toMatchObject([{ pid: child.pid, status: SIGKILL, code: 2 }])
  })

  it('raw exit(n) is n << 8', () => {
    const { k, root } = scene()
    const child = confined(k, root)
    child.sys.exit(7)
    expect(statusOf(root, child)).toBe(0x700)
  })

  it('writes no line into the log', () => {
    const { k, root } = scene()
    confined(k, root).sys.getpid()
    expect(coreOf(k as never).state.log).toEqual([])
  })

  it('is what strace prints, and what the trace and why explain', () => {
    const { k, root } = scene()
    const child = confined(k, root)
    const { w } = pipeOf(root)
    const lines: string[] = []
    const reasons: string[] = []
    const stop = new StracePrinter((line) => lines.push(line), { pids: [child.pid] }).attach(k.trace)
    k.trace.on('security:deny', ({ reason }) => reasons.push(reason))
    child.sys.write(0, bytes('x'))
    child.sys.getpid()
    stop()
    expect(w).toBeGreaterThan(0)
    expect(lines).toEqual([
      'write(0, "x", 1) = -1 EBADF (Bad file descriptor)',
      'getpid() = ?',
      '+++ killed by SIGKILL +++',
    ])
    expect(k.why(child)).toMatchObject({
      check: 'kill',
      signal: SIGKILL,
      cause: 'hook',
      module: 'seccomp',
      syscall: 'getpid',
      core: 'none',
      sentence:
        'killed by SIGKILL in getpid: seccomp mode 1 allows read, write, exit and sigreturn, not call 20 (seccomp)',
    })
    expect(reasons).toEqual([k.why(child)?.sentence])
  })
})

describe('1.6 signals, time-stamp counter, resource limits', () => {
  it.each([
    [0, 'returns by sigreturn and the task lives', 'idle'],
    [SA_SIGINFO, 'returns by rt_sigreturn and the task dies', 'zombie'],
  ])('i386: a handler installed before runs; with flags %d it %s', (flags, _what, state) => {
    const { k, root } = scene()
    const child = fork(k, root)
    const ran: number[] = []
    ok(child.sys.sigaction(SIGUSR1, { handler: (sig) => ran.push(sig), flags, mask: [] }))
    ok(writeMode(root, child.pid))
    ok(root.sys.kill(child.pid, SIGUSR1))
    expect([ran, child.state]).toEqual([[SIGUSR1], state])
    if (state === 'zombie') expect(statusOf(root, child)).toBe(9)
  })

  it.each([0, SA_SIGINFO])(
    'x86-64: handlers return by rt_sigreturn, which is allowed (flags %d)',
    (flags) => {
      const { k, root } = scene({ arch: 'x86_64' })
      const child = fork(k, root)
      ok(child.sys.sigaction(SIGUSR1, { handler: () => {}, flags, mask: [] }))
      ok(writeMode(root, child.pid))
      ok(root.sys.kill(child.pid, SIGUSR1))
      expect(child.state).toBe('idle')
    },
  )

  it.each([
    ['may use the four calls', false, 0x500],
    ['dies of any other', true, 9],
  ])('a handler %s', (_what, fatal, status) => {
    const { k, root } = scene()
    const { r, w } = pipeOf(root)
    const child = k.spawn({
      parent: root,
      program: function* (sys) {
        const handler = function* () {
          yield* sys.write(w, bytes('h'))
          if (fatal) yield* sys.getpid()
        }
        yield* sys.sigaction(SIGUSR1, { handler, flags: 0, mask: [] })
        yield* sys.write(ok(yield* sys.open('/proc/self/seccomp', O_WRONLY)), bytes('1'))
        yield* sys.read(r, new Uint8Array(1))
        yield* sys.exit(5)
      },
    })
    k.run()
    ok(root.sys.kill(child.pid, SIGUSR1))
    k.run()
    expect(child.exitStatus).toBe(status)
  })

  it.each([
    ['SIGKILL from the parent', SIGKILL],
    ['SIGSEGV', SIGSEGV],
    ['SIGXCPU', SIGXCPU],
    ['SIGALRM', SIGALRM],
  ])('%s with its default action works as always', (_name, signal) => {
    const { k, root } = scene()
    const child = confined(k, root)
    ok(root.sys.kill(child.pid, signal))
    expect(statusOf(root, child) & 0x7f).toBe(signal)
    expect(k.why(child)).toBeDefined()
  })

  it('an alarm set before still comes', () => {
    const { k, root } = scene()
    const child = fork(k, root)
    child.sys.alarm(1)
    ok(writeMode(root, child.pid))
    k.advance(1000)
    expect(statusOf(root, child)).toBe(SIGALRM)
  })

  it('RLIMIT_FSIZE and RLIMIT_CPU hold: the mode has to be combined with limits', () => {
    const { k, root } = scene()
    writeFile(root, '/tmp/f')
    const child = fork(k, root)
    const fd = ok(child.sys.open('/tmp/f', O_WRONLY))
    ok(child.sys.setrlimit(1, { cur: 4, max: 4 }))
    ok(writeMode(root, child.pid))
    expect(child.sys.write(fd, bytes('12345'))).toBe(4)
    child.sys.write(fd, bytes('5'))
    expect(k.why(child)).toMatchObject({ check: 'kill', cause: 'file-size-limit' })
  })

  it('PR_GET_TSC and PR_SET_TSC (2.6.26) are not there', () => {
    const { root } = scene()
    expect([root.sys.prctl(25), root.sys.prctl(26, 1)]).toEqual([EINVAL, EINVAL])
  })
})

describe('1.7 fork, exec, exit, threads', () => {
  it('fork and clone copy mode and flag; a child of a parent that is not yet filtered starts with 0', () => {
    const { k, root } = scene()
    const before = fork(k, root)
    expect(k.seccomp.mode(before.pid)).toBe(0)
    // A filtered task cannot fork; what copies it is the kernel that forks.
    const child = confined(k, root)
    child.sys.fork()
    expect(statusOf(root, child)).toBe(9)
    const flagged = fork(k, root)
    taskOf(flagged as never).security = taskOf(confined(k, root) as never).security
    expect(k.seccomp.mode(fork(k, flagged).pid)).toBe(1)
  })

  it('exec is not callable', () => {
    const { k, root } = scene()
    const child = confined(k, root)
    child.sys.execve('/bin/sh', ['sh'], [])
    expect(statusOf(root, child)).toBe(9)
  })

  it('a mode that is set while exec is under way stays: exec resets nothing', () => {
    // What looks at the file that exec is about to run confines the task in the middle of the call.
    const k = createKernel({
      profile: '2.6.14',
      modules: [
        seccomp(),
        defineModule({
          name: 'meddler',

          init: () => ({ pid: 0 }),
          attach: (core, state) => ({
            hooks: {
              bprmCheck(current) {
                const slot = blob<Confinement>(core.securitySlots.get('seccomp') ?? 0)
                if (current.pid === state.pid) confine(slot, current, 1)
                return 0
              },
            },
            api: {
              aimAt(pid: number) {
                state.pid = pid
              },
            },
          }),
        }),
      ],
    })
    const root = k.spawn()
    const child = fork(k, root)
    k.install('/bin/x', DIRECT, { mode: 0o755 })
    k.meddler.aimAt(child.pid)
    expect(child.sys.execve('/bin/x', ['x'], [])).toBe(0)
    expect(k.seccomp.mode(child.pid)).toBe(1)
    expect(readFile(root, `/proc/${child.pid}/seccomp`)).toBe('1\n')
    child.sys.getpid()
    expect(statusOf(root, child)).toBe(9)
  })

  it('is not visible in /proc/<pid>/status', () => {
    const { k, root } = scene()
    const child = confined(k, root)
    const text = readText(root, ok(root.sys.open(`/proc/${child.pid}/status`, O_RDONLY)), 4096)
    expect(text).toMatch(/^Name:/)
    expect(text).not.toMatch(/seccomp/i)
  })
})

describe('1.10 the numbered behaviours', () => {
  it('1.10.1: open as another user is EACCES, as the same user or root it works; stat shows -rw-------', () => {
    const { k, root, alice } = scene()
    const bob = k.spawn({ uid: 1001 })
    expect(bob.sys.open(modeFile(alice.pid), O_RDWR)).toBe(EACCES)
    ok(alice.sys.open(modeFile(alice.pid), O_RDWR))
    ok(root.sys.open(modeFile(alice.pid), O_RDWR))
    expect(ok(bob.sys.stat(modeFile(alice.pid))).mode & 0o777).toBe(0o600)
  })

  it('1.10.2: a fresh task reads 0, and 1 after 1 was written, by another task and by the same descriptor', () => {
    const { k, root } = scene()
    const child = fork(k, root)
    const fd = ok(root.sys.open(modeFile(child.pid), O_RDWR))
    expect(readMode(root, child.pid)).toBe('0\n')
    ok(root.sys.write(fd, bytes('1')))
    expect(readText(root, fd)).toBe('1\n')
    expect(readMode(root, child.pid)).toBe('1\n')
    child.sys.open(modeFile(child.pid), O_RDONLY)
    expect(child.exitStatus).toBe(9)
  })

  it('1.10.3: writing 0 is EINVAL in mode 0; any write is EPERM in mode 1', () => {
    const { k, root } = scene()
    expect(writeMode(root, root.pid, '0')).toBe(EINVAL)
    const child = confined(k, root)
    for (const text of ['0', '1', '2', 'x']) expect(writeMode(root, child.pid, text)).toBe(EPERM)
  })

  it('1.10.4: "0x1\\n" is accepted and returns 4', () => {
    const { k, root } = scene()
    expect(writeMode(root, fork(k, root).pid, '0x1\n')).toBe(4)
  })

  it('1.10.5: read and write behave exactly as otherwise: blocking, EAGAIN, EPIPE and SIGPIPE, EBADF', () => {
    const { k, root } = scene()
    const outcome = (confine: boolean): unknown => {
      ok(root.sys.dup2(ok(root.sys.open('/dev/null', O_RDWR)), 9))
      const { r, w } = pipeOf(root)
      const child = fork(k, root)
      ok(child.sys.close(9))
      if (confine) ok(writeMode(root, child.pid))
      const seen: unknown[] = []
      const buf = new Uint8Array(4)
      const call = child.begin.read(r, buf)
      seen.push(call.blocked)
      ok(root.sys.write(w, bytes('abc')))
      seen.push(call.result, ...buf, child.sys.write(w, bytes('xy')), readText(root, r, 8))
      ok(root.sys.fcntl(r, 4, O_NONBLOCK))
      seen.push(child.sys.read(r, buf), child.sys.read(9, buf), child.sys.write(77, buf))
      for (const fd of [r, w]) ok(root.sys.close(fd))
      return seen
    }
    expect(outcome(true)).toEqual(outcome(false))
    expect(outcome(true)).toEqual([true, 3, 97, 98, 99, 0, 2, 'xy', EAGAIN, EBADF, EBADF])
  })

  it('1.10.5: a pipe without readers gives SIGPIPE, which kills, or EPIPE where it is ignored', () => {
    const { k, root } = scene()
    const dies = (ignored: boolean): unknown => {
      const { r, w } = pipeOf(root)
      const child = fork(k, root)
      ok(child.sys.close(r))
      if (ignored) ok(child.sys.sigaction(SIGPIPE, { handler: SIG_IGN, flags: 0, mask: [] }))
      ok(writeMode(root, child.pid))
      ok(root.sys.close(r))
      return [child.sys.write(w, bytes('x')), child.exitStatus]
    }
    expect(dies(true)).toEqual([EPIPE, undefined])
    expect(dies(false)).toEqual([EINTR, SIGPIPE])
  })

  it('1.10.6: any other number has no side effect, the thread is gone, the status is 9, and there is no ENOSYS', () => {
    const { k, root } = scene()
    for (const nr of [-1, 0, 2, 20, 173, 222, 252, 294, 400, 2 ** 30]) {
      const child = confined(k, root)
      expect(child.sys.syscall(nr, '/tmp/none', 0o700)).toBe(EINTR)
      expect(statusOf(root, child)).toBe(9)
    }
    expect(root.sys.access('/tmp/none', 0)).toBe(ENOENT)
  })

  it('1.10.7: read with number 0 on x86-64 is allowed although the list ends with 0', () => {
    const { k, root } = scene({ arch: 'x86_64' })
    const { r, w } = pipeOf(root)
    const child = confined(k, root)
    ok(root.sys.write(w, bytes('x')))
    expect(child.sys.syscall(0, r, new Uint8Array(4))).toBe(1)
    expect(ARCHS.x86_64.native.mode1).toEqual([0, 1, 60, 15, 0])
  })

  it('1.10.8: a child that sleeps in a call when 1 is written completes it, and the next is filtered', () => {
    const { k, root } = scene()
    const child = fork(k, root)
    const call = child.begin.nanosleep(100)
    ok(writeMode(root, child.pid))
    k.advance(100)
    expect([call.result, child.state]).toEqual([0, 'idle'])
    child.sys.getpid()
    expect(statusOf(root, child)).toBe(9)
  })

  it('1.10.8: also a call that changes something, completed after the write', () => {
    const { k, root } = scene()
    ok(root.sys.mknod('/tmp/fifo', 0o010600, 0))
    const child = fork(k, root)
    const call = child.begin.open('/tmp/fifo', O_RDONLY)
    ok(writeMode(root, child.pid))
    ok(root.sys.open('/tmp/fifo', O_WRONLY))
    expect(call.result).toBe(0)
  })

  it('1.10.9: i386: rdtsc raises SIGSEGV in the thread only while mode 1', () => {
    const { k, root } = scene()
    k.advance(2)
    expect(root.sys.rdtsc()).toBe(2_000_000)
    const child = confined(k, root)
    child.sys.rdtsc()
    expect(statusOf(root, child) & 0x7f).toBe(SIGSEGV)
    expect(k.why(child)?.sentence).toContain('seccomp mode 1 disables the time-stamp counter')
    expect(root.sys.rdtsc()).toBe(2_000_000)
  })

  it.each(['x86_64', 'ppc64', 'sparc64'] as const)('1.10.9: not on %s', (arch) => {
    const { k, root } = scene({ arch })
    const child = confined(k, root)
    expect([child.sys.rdtsc(), child.state]).toEqual([0, 'idle'])
  })

  it('1.10.9: a handler of SIGSEGV installed before runs, by the rules of mode 1', () => {
    const { k, root } = scene()
    const child = fork(k, root)
    const ran: number[] = []
    ok(child.sys.sigaction(SIGSEGV, { handler: (sig) => ran.push(sig), flags: 0, mask: [] }))
    ok(writeMode(root, child.pid))
    expect([child.sys.rdtsc(), ran, child.state]).toEqual([EFAULT, [SIGSEGV], 'idle'])
  })

  it('1.10.10: task/<tid>/seccomp leaves siblings unfiltered; /proc/<tgid>/seccomp means the leader only', () => {
    const { k, root } = scene()
    const thread = function* (sys: Sys) {
      yield* sys.pause()
    }
    const program = function* (sys: Sys) {
      yield* sys.clone(THREAD, thread)
      yield* sys.clone(THREAD, thread)
      yield* sys.pause()
    }
    const leader = k.spawn({ program, parent: root })
    k.run()
    const [one, two] = [leader.pid + 1, leader.pid + 2]
    const modes = (): unknown => [leader.pid, one, two].map((pid) => k.seccomp.mode(pid))
    expect(writeMode(root, 0, '1', `/proc/${leader.pid}/task/${one}/seccomp`)).toBe(1)
    expect(modes()).toEqual([0, 1, 0])
    expect(writeMode(root, leader.pid)).toBe(1)
    expect(modes()).toEqual([1, 1, 0])
    expect(readMode(root, leader.pid)).toBe('1\n')
    checkInvariants(k)
  })

  it('1.10.11: killScope process takes the siblings along', () => {
    const { k, root } = scene({ killScope: 'process' })
    const program = function* (sys: Sys) {
      yield* sys.clone(THREAD, function* (own: Sys) {
        yield* own.nanosleep(5)
        yield* own.getpid()
      })
      yield* sys.nanosleep(100)
      return 4
    }
    const leader = k.spawn({ program, parent: root })
    k.run({ maxSteps: 4, until: 0 })
    expect(writeMode(root, 0, '1', `/proc/${leader.pid}/task/${leader.pid + 1}/seccomp`)).toBe(1)
    k.run()
    expect(leader.exitStatus).toBe(9)
    checkInvariants(k)
  })

  it('1.10.11: interface prctl: no file, PR_SET_SECCOMP 1 and PR_GET_SECCOMP, whose use in mode 1 is fatal', () => {
    const k = world({ interface: 'prctl' })
    const root = k.spawn()
    const child = fork(k, root)
    expect(child.sys.prctl(21)).toBe(0)
    for (const mode of [0, 2, 3]) expect(child.sys.prctl(22, mode)).toBe(EINVAL)
    expect(child.sys.prctl(22, 1)).toBe(0)
    expect(k.seccomp.mode(child.pid)).toBe(1)
    child.sys.prctl(21)
    expect(statusOf(root, child)).toBe(9)
  })

  it('1.10.11: interface both has either', () => {
    const k = world({ interface: 'both' })
    const root = k.spawn()
    const [one, two] = [fork(k, root), fork(k, root)]
    expect([one.sys.prctl(22, 1), writeMode(root, two.pid)]).toEqual([0, 1])
    expect(writeMode(root, one.pid)).toBe(EPERM)
  })

  it.each([
    [{ interface: 'x' }, 'interface'],
    [{ killScope: 'x' }, 'killScope'],
    [{ arch: 'vax' }, 'arch'],
    [{ filters: 1 }, 'filters'],
    [{ filters: true, arch: 'ppc64' }, 'filters'],
  ])('1.10.11: options that there are not are refused: %j', (options, name) => {
    expect(() => world(options as never)).toThrow(name)
  })
})

describe('the state of a confined task', () => {
  it('is data: copied with the kernel, put back by restore, part of the digest', () => {
    const { k, root } = scene()
    const child = confined(k, root)
    checkState(k as never)
    const copy = k.fork() as unknown as World
    expect(copy.digest()).toBe(k.digest())
    const snapshot = k.snapshot()
    child.sys.getpid()
    expect(copy.seccomp.mode(child.pid)).toBe(1)
    const twin = handle(copy as never, child.pid)
    expect([twin.state, twin.sys.getpid(), twin.exitStatus]).toEqual(['idle', EINTR, 9])
    k.restore(snapshot)
    expect(child.state).toBe('idle')
    child.sys.getpid()
    expect(child.exitStatus).toBe(9)
    expect(copy.digest()).toBe(k.digest())
  })

  it('tells digests apart', () => {
    const { k, root } = scene()
    const child = fork(k, root)
    const before = k.digest()
    ok(writeMode(root, child.pid))
    expect(k.digest()).not.toBe(before)
  })

  it('api: asks for a task that there is', () => {
    const { k } = scene()
    expect(() => k.seccomp.mode(99)).toThrow(RangeError)
    expect(() => k.seccomp.set32Bit(99, true)).toThrow('pid 99')
    expect(k.seccomp.filters(1)).toBe(0)
  })
})
