/** Mode 2: BPF filters, their actions, precedence, inheritance, and what they ask for. Reference §1.9, §1.10.11. */
import {
  EACCES,
  EAGAIN,
  EFAULT,
  EINTR,
  EINVAL,
  ENOMEM,
  ENOSYS,
  EOPNOTSUPP,
  EPERM,
  isErr,
  O_CREAT,
  O_RDWR,
  SA_SIGINFO,
  SIGCONT,
  SIGSTOP,
  SIGSYS,
  type Sys,
} from 'paleokernel'
import {
  AUDIT_ARCH_I386,
  AUDIT_ARCH_X86_64,
  assembleBpf,
  encodeBpf,
  PR_GET_NO_NEW_PRIVS,
  PR_SET_NO_NEW_PRIVS,
  SECCOMP_FILTER_FLAG_TSYNC,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_USER_NOTIF,
} from 'paleokernel/seccomp'
import { describe, expect, it } from 'vitest'
import { CLONE_FILES, CLONE_FS, CLONE_SIGHAND, CLONE_THREAD, CLONE_VM } from '../../src/abi/clone.js'
import {
  bytes,
  checkInvariants,
  checkState,
  coreOf,
  handle,
  ok,
  taskOf,
  writeFile,
} from '../helpers/world.js'
import { fork, type Proc, type World, world, writeMode } from './world.js'

const THREAD = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD

function scene(options: Parameters<typeof world>[0] = {}): { k: World; root: Proc; alice: Proc } {
  const k = world({ filters: true, ...options })
  const alice = k.spawn({ uid: 1000 })
  ok(alice.sys.prctl(PR_SET_NO_NEW_PRIVS, 1))
  return { k, root: k.spawn(), alice }
}

const attach = (p: Proc, source: string): number => Number(p.sys.prctl(22, 2, assembleBpf(source)))

/** A filter that answers one call by name of its number, and lets the rest through. */
const answering = (nr: number, action: string): string =>
  `ld [0]\njne #${nr}, else\nret ${action}\nelse: ret ALLOW`

const GETPID = 20
const MKDIR = 39

describe('attaching', () => {
  it('needs no_new_privs or CAP_SYS_ADMIN, else EACCES', () => {
    const { k, root } = scene()
    const bob = k.spawn({ uid: 1001 })
    expect(attach(bob, 'ret ALLOW')).toBe(EACCES)
    expect(k.why(bob)).toMatchObject({ check: 'capability', capability: 'CAP_SYS_ADMIN' })
    expect(bob.sys.prctl(PR_GET_NO_NEW_PRIVS)).toBe(0)
    expect(bob.sys.prctl(PR_SET_NO_NEW_PRIVS, 1)).toBe(0)
    expect(bob.sys.prctl(PR_GET_NO_NEW_PRIVS)).toBe(1)
    expect([attach(bob, 'ret ALLOW'), attach(root, 'ret ALLOW')]).toEqual([0, 0])
    expect([k.seccomp.mode(bob.pid), k.seccomp.filters(bob.pid), bob.sys.prctl(21)]).toEqual([2, 1, 2])
  })

  it.each([[0], [2], [1, 1], [1, 0, 1], [1, 0, 0, 1], ['1']])(
    'PR_SET_NO_NEW_PRIVS %j is EINVAL',
    (...args) => {
      const { alice } = scene()
      const [a, ...more] = args as [number, ...unknown[]]
      expect(alice.sys.prctl(PR_SET_NO_NEW_PRIVS, a, ...more)).toBe(EINVAL)
    },
  )

  it('no_new_privs is inherited and cannot be taken back', () => {
    const { k, alice } = scene()
    expect(fork(k, alice).sys.prctl(PR_GET_NO_NEW_PRIVS)).toBe(1)
    expect(alice.sys.prctl(PR_SET_NO_NEW_PRIVS, 0)).toBe(EINVAL)
  })

  it('takes raw records and lists; EFAULT for anything else, EINVAL for none and for more than 4096', () => {
    const { alice } = scene()
    const program = assembleBpf('ret ALLOW')
    expect(alice.sys.prctl(22, 2, encodeBpf(program))).toBe(0)
    for (const wrong of [null, undefined, 5, 'x', {}, [1], [{ code: 6 }], new Uint8Array(7)])
      expect(alice.sys.prctl(22, 2, wrong)).toBe(EFAULT)
    expect(alice.sys.prctl(22, 2, [])).toBe(EINVAL)
    expect(alice.sys.prctl(22, 2, new Array(4097).fill(program[0]))).toBe(EINVAL)
    expect(alice.sys.prctl(22, 2, new Array(4096).fill(program[0]))).toBe(0)
  })

  it('of more than 32768 instructions in all is ENOMEM; each older filter counts 4 more', () => {
    const { alice } = scene()
    const long = new Array(4096).fill(assembleBpf('ret ALLOW')[0])
    for (let n = 0; n < 7; n++) expect(alice.sys.prctl(22, 2, long)).toBe(0)
    expect(alice.sys.prctl(22, 2, long)).toBe(ENOMEM)
    expect(alice.sys.prctl(22, 2, long.slice(0, 4096 - 28))).toBe(0)
  })

  it('without the option is EINVAL, and seccomp(2) ENOSYS', () => {
    const root = world({ interface: 'prctl' }).spawn()
    expect([attach(root, 'ret ALLOW'), root.sys.seccomp(1, 0, [])]).toEqual([EINVAL, ENOSYS])
    expect(root.sys.prctl(PR_SET_NO_NEW_PRIVS, 1)).toBe(EINVAL)
  })

  it('and mode 1 exclude each other', () => {
    const { k, root } = scene({ interface: 'both' })
    const child = fork(k, root)
    expect(attach(child, 'ret ALLOW')).toBe(0)
    expect(child.sys.prctl(22, 1)).toBe(EINVAL)
    expect(writeMode(root, child.pid)).toBe(EPERM)
  })
})

describe('actions', () => {
  it('ALLOW makes the call, ERRNO returns the number without making it, at most 4095, and 0 is success', () => {
    const { k, alice } = scene()
    expect(attach(alice, answering(MKDIR, 'ERRNO(1)'))).toBe(0)
    expect([alice.sys.mkdir('/tmp/d', 0o700), alice.sys.access('/tmp/d', 0)]).toEqual([EPERM, -2])
    expect(k.why(alice)).toMatchObject({
      check: 'hook',
      module: 'seccomp',
      hook: 'syscallWork',
      syscall: 'mkdir',
    })
    expect(attach(alice, answering(MKDIR, 'ERRNO(0)'))).toBe(0)
    expect(alice.sys.mkdir('/tmp/d', 0o700)).toBe(0)
    const other = k.spawn()
    attach(other, answering(MKDIR, 'ERRNO(0)'))
    attach(other, answering(GETPID, 'ERRNO(0xffff)'))
    expect([other.sys.mkdir('/tmp/d', 0o700), other.sys.getpid(), other.sys.access('/tmp/d', 0)]).toEqual([
      0, -4095, -2,
    ])
  })

  it.each([11, 512, 513, 514, 516, 600, 601])(
    'ERRNO(%d) is a result like any other, whatever the kernel means by it',
    (errno) => {
      const { k, alice } = scene()
      attach(alice, answering(GETPID, `ERRNO(${errno})`))
      expect([alice.sys.getpid(), alice.begin.getpid().result]).toEqual([-errno, -errno])
      const seen: unknown[] = []
      const p = k.spawn({
        program: function* (sys) {
          yield* sys.prctl(22, 2, assembleBpf(answering(GETPID, `ERRNO(${errno})`)))
          seen.push(yield* sys.getpid())
        },
      })
      k.run()
      expect([seen, p.exitCode]).toEqual([[-errno], 0])
    },
  )

  it('TRAP sends SIGSYS with number, architecture and the lower half, and the call is not made', () => {
    const { alice } = scene()
    const seen: unknown[] = []
    ok(alice.sys.sigaction(SIGSYS, { handler: (_sig, info) => seen.push(info), flags: SA_SIGINFO, mask: [] }))
    attach(alice, answering(MKDIR, 'TRAP(5)'))
    expect(alice.sys.mkdir('/tmp/d', 0o700)).toBe(MKDIR)
    expect(seen).toEqual([{ signo: SIGSYS, code: 1, errno: 5, syscall: MKDIR, arch: AUDIT_ARCH_I386 }])
    expect(alice.sys.access('/tmp/d', 0)).toBe(-2)
  })

  it.each(['blocked', 'ignored', 'default'])('TRAP kills where SIGSYS is %s', (how) => {
    const { k, alice } = scene()
    if (how === 'blocked') ok(alice.sys.sigprocmask(0, [SIGSYS]))
    if (how === 'ignored') ok(alice.sys.sigaction(SIGSYS, { handler: 1, flags: 0, mask: [] }))
    attach(alice, answering(GETPID, 'TRAP'))
    alice.sys.getpid()
    expect(alice.killedBy).toBe(SIGSYS)
    expect(k.why(alice)?.sentence).toContain(`a seccomp filter trapped call ${GETPID}`)
  })

  it('TRACE without a tracer and USER_NOTIF without a supervisor are ENOSYS', () => {
    const { alice } = scene()
    attach(alice, answering(MKDIR, 'TRACE(1)'))
    attach(alice, answering(GETPID, 'USER_NOTIF'))
    expect([alice.sys.mkdir('/tmp/d', 0o700), alice.sys.getpid()]).toEqual([ENOSYS, ENOSYS])
  })

  it('LOG makes the call and says so in the log', () => {
    const { k, alice } = scene()
    attach(alice, answering(GETPID, 'LOG'))
    expect(alice.sys.getpid()).toBe(alice.pid)
    expect(coreOf(k as never).state.log).toEqual([
      `audit: type=1326 uid=1000 gid=1000 pid=${alice.pid} comm="sh" sig=0 arch=40000003 syscall=20 compat=0 ip=0x0 code=0x7ffc0000`,
    ])
  })

  it.each(['KILL_PROCESS', 'KILL_THREAD', '#0x12340000'])(
    '%s ends a process by SIGSYS, with a core where limits allow',
    (action) => {
      for (const [limit, status] of [
        [0, SIGSYS],
        [2 ** 30, SIGSYS | 0x80],
      ] as const) {
        const { k, alice } = scene()
        const child = fork(k, alice)
        ok(child.sys.setrlimit(4, { cur: limit, max: limit }))
        attach(child, answering(GETPID, action))
        expect(child.sys.getpid()).toBe(EINTR)
        expect(ok(alice.sys.waitpid(child.pid)).status).toBe(status)
        expect(k.why(child)).toMatchObject({
          check: 'kill',
          signal: SIGSYS,
          module: 'seccomp',
          syscall: 'getpid',
        })
        checkInvariants(k)
      }
    },
  )

  it.each([
    ['KILL_THREAD', 0x400],
    ['KILL_PROCESS', SIGSYS],
  ])('%s of a thread among others: the wait status is %i', (action, status) => {
    const { k } = scene()
    const p = k.spawn({
      program: function* (sys) {
        yield* sys.setrlimit(4, { cur: 0, max: 0 })
        yield* sys.clone(THREAD, function* (own: Sys) {
          yield* own.prctl(22, 2, assembleBpf(answering(GETPID, action)))
          yield* own.getpid()
        })
        yield* sys.nanosleep(10)
        return 4
      },
    })
    k.run()
    expect(p.exitStatus).toBe(status)
    checkInvariants(k)
  })
})

describe('several filters', () => {
  const order = ['KILL_PROCESS', 'KILL_THREAD', 'TRAP', 'ERRNO(11)', 'USER_NOTIF', 'TRACE', 'LOG', 'ALLOW']

  it('all run, and the most restrictive action wins, whatever the order', () => {
    const outcome = (actions: readonly string[]): unknown => {
      const { k, alice } = scene()
      const child = fork(k, alice)
      ok(child.sys.setrlimit(4, { cur: 0, max: 0 }))
      for (const action of actions) attach(child, answering(GETPID, action))
      const answer = child.sys.getpid()
      return [answer === child.pid ? 'pid' : answer, child.exitStatus, coreOf(k as never).state.log.length]
    }
    for (const [at, strict] of order.entries())
      for (const mild of order.slice(at + 1)) {
        expect(outcome([strict, mild]), `${strict} ${mild}`).toEqual(outcome([strict]))
        expect(outcome([mild, strict]), `${mild} ${strict}`).toEqual(outcome([strict]))
      }
  })

  it('of equal actions the newest filter gives the number', () => {
    const { alice } = scene()
    attach(alice, answering(GETPID, 'ERRNO(1)'))
    attach(alice, answering(GETPID, 'ERRNO(11)'))
    expect(alice.sys.getpid()).toBe(EAGAIN)
  })

  it('are inherited over fork and exec, and cannot be shaken off', () => {
    const { k, alice } = scene()
    attach(alice, answering(MKDIR, 'ERRNO(1)'))
    const child = fork(k, alice)
    k.install('/tmp/prog', function* (sys: Sys) {
      return isErr(yield* sys.mkdir('/tmp/e', 0o700)) ? 1 : 0
    } as never)
    child.sys.execve('/tmp/prog', ['prog'], [])
    k.run()
    expect(child.exitCode).toBe(1)
    expect([fork(k, alice).sys.mkdir('/tmp/e', 0o700), k.seccomp.filters(alice.pid)]).toEqual([EPERM, 1])
  })
})

describe('what a filter sees', () => {
  const matching = (source: string): string => `${source}\nno: ret ALLOW\nyes: ret ERRNO(11)`

  it('the number and the architecture of the caller, native or 32-bit', () => {
    const source = matching(`ld [4]\njeq #${AUDIT_ARCH_X86_64}, yes, no`)
    const { k, root } = scene({ arch: 'x86_64' })
    const [one, two] = [fork(k, root), fork(k, root)]
    k.seccomp.set32Bit(two.pid, true)
    for (const p of [one, two]) attach(p, source)
    expect([one.sys.getpid(), two.sys.getpid()]).toEqual([EAGAIN, two.pid])
    const third = fork(k, root)
    attach(third, answering(39, 'ERRNO(1)'))
    expect([third.sys.getpid(), third.sys.syscall(39), third.sys.mkdir('/tmp/q', 0o700)]).toEqual([
      EPERM,
      EPERM,
      0,
    ])
  })

  it('arguments as registers: sign-extended on x86-64, 32 bits on i386, lengths behind buffers', () => {
    const seen = (
      arch: 'i386' | 'x86_64',
      offset: number,
      value: number,
      call: (p: Proc) => unknown,
    ): boolean => {
      const { k, root } = scene({ arch })
      const p = fork(k, root)
      attach(p, matching(`ld [${offset}]\njeq #${value}, yes, no`))
      return call(p) === EAGAIN
    }
    const close = (p: Proc): unknown => p.sys.close(-1)
    expect(seen('x86_64', 16, 0xffffffff, close)).toBe(true)
    expect(seen('x86_64', 20, 0xffffffff, close)).toBe(true)
    expect(seen('i386', 20, 0, close)).toBe(true)
    const write = (p: Proc): unknown => p.sys.write(77, bytes('abc'))
    expect([seen('i386', 16, 77, write), seen('i386', 32, 3, write), seen('i386', 24, 0, write)]).toEqual([
      true,
      true,
      false,
    ])
  })

  it('names and numbers alike: a call by number is the same call', () => {
    const { alice } = scene()
    attach(alice, answering(MKDIR, 'ERRNO(1)'))
    expect(alice.sys.syscall(MKDIR, '/tmp/d', 0o700)).toBe(EPERM)
  })

  it('restart_syscall when a sleep goes on after a stop', () => {
    const { k, alice } = scene()
    const child = fork(k, alice)
    attach(child, answering(0, 'ERRNO(11)'))
    const call = child.begin.nanosleep(100)
    ok(alice.sys.kill(child.pid, SIGSTOP))
    ok(alice.sys.kill(child.pid, SIGCONT))
    expect(call.result).toBe(EAGAIN)
  })
})

describe('seccomp(2)', () => {
  it('enters modes, with flags, and knows actions', () => {
    const { k, root } = scene({ interface: 'both' })
    const { sys } = fork(k, root)
    expect([sys.seccomp(0, 1), sys.seccomp(0, 0, 1), sys.seccomp(9)]).toEqual([EINVAL, EINVAL, EINVAL])
    expect([sys.seccomp(1, 64, assembleBpf('ret ALLOW')), sys.seccomp(1, 0, 7)]).toEqual([EINVAL, EFAULT])
    expect([sys.seccomp(2, 0, SECCOMP_RET_ERRNO), sys.seccomp(2, 0, SECCOMP_RET_USER_NOTIF)]).toEqual([
      0,
      EOPNOTSUPP,
    ])
    expect([sys.seccomp(2, 1, 0), sys.seccomp(2, 0, null)]).toEqual([EINVAL, EFAULT])
    expect(sys.seccomp(1, 2, assembleBpf('ret ALLOW'))).toBe(0)
    const strict = fork(k, root)
    expect(strict.sys.syscall(354, 0, 0, 0)).toBe(0)
    expect(k.seccomp.mode(strict.pid)).toBe(1)
  })

  it('TSYNC puts all threads under the filter, or names one that cannot follow', () => {
    const { k } = scene()
    const seen: unknown[] = []
    const p = k.spawn({
      program: function* (sys) {
        const tid = ok(
          yield* sys.clone(THREAD, function* (own: Sys) {
            yield* own.nanosleep(20)
            seen.push(yield* own.mkdir('/tmp/x', 0o700))
            yield* own.syscall(354, 1, 0, assembleBpf('ret ALLOW'))
            yield* own.nanosleep(100)
          }),
        )
        seen.push(
          yield* sys.syscall(354, 1, SECCOMP_FILTER_FLAG_TSYNC, assembleBpf(answering(MKDIR, 'ERRNO(11)'))),
        )
        yield* sys.nanosleep(50)
        const stray = yield* sys.syscall(354, 1, SECCOMP_FILTER_FLAG_TSYNC, assembleBpf('ret ALLOW'))
        seen.push(stray === tid)
        yield* sys.exit_group(0)
      },
    })
    k.run()
    expect([seen, p.exitCode]).toEqual([[0, EAGAIN, true], 0])
  })
})

describe('no_new_privs', () => {
  it('keeps set-id images from giving anything', () => {
    const { k, root, alice } = scene()
    k.install('/bin/su', function* (sys: Sys) {
      return (yield* sys.geteuid()) === 0 ? 1 : 0
    } as never)
    ok(root.sys.chmod('/bin/su', 0o4755))
    const codes = [alice, k.spawn({ uid: 1000 })].map((p) => {
      p.sys.execve('/bin/su', ['su'], [])
      k.run()
      return p.exitCode
    })
    expect(codes).toEqual([0, 1])
  })
})

describe('the state of filters', () => {
  it('is data: copied, put back, part of the digest; what is remembered about numbers is not', () => {
    const { k, alice } = scene()
    attach(alice, answering(MKDIR, 'ERRNO(11)'))
    checkState(k as never)
    const copy = k.fork() as unknown as World
    expect(copy.digest()).toBe(k.digest())
    alice.sys.getpid()
    expect(copy.digest()).toBe(k.digest())
    expect(handle(copy as never, alice.pid).sys.mkdir('/tmp/d', 0o700)).toBe(EAGAIN)
    attach(alice, 'ret ALLOW')
    expect(copy.digest()).not.toBe(k.digest())
    expect(taskOf(alice as never).security).not.toBe(null)
  })

  it('a filter that looks at arguments answers each call by its own', () => {
    const { root } = scene()
    writeFile(root as never, '/tmp/f', 'x')
    attach(root, `ld [0]\njne #5, ok\nld [24]\njset #${O_CREAT}, no, ok\nno: ret ERRNO(1)\nok: ret ALLOW`)
    const open = (flags: number): boolean => isErr(root.sys.open('/tmp/f', flags, 0o600))
    expect([open(O_RDWR), open(O_RDWR | O_CREAT), open(O_RDWR), open(O_CREAT)]).toEqual([
      false,
      true,
      false,
      true,
    ])
  })
})
