/** Security hooks: order, first refusal wins, and hooks that are wrong. Linux: security_operations (2.6.14). */
import {
  type AnyModule,
  createKernel,
  EACCES,
  EPERM,
  EROFS,
  type HookName,
  type Inode,
  type Kernel,
  KernelBug,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  type Process,
  type SecurityHooks,
  SIGTERM,
  type Task,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { TF_SYSCALL_WORK } from '../../src/kernel/task.js'
import { HOOKS } from '../../src/security/hooks.js'
import { SOCKET_HOOKS } from '../../src/security/socket_hooks.js'
import { checkInvariants, coreOf, forkOf, handle, ok, taskOf, writeFile } from '../helpers/world.js'

const withHooks = (name: string, hooks: Partial<SecurityHooks>): AnyModule => ({
  name,
  init: () => ({}),
  attach: () => ({ api: {}, hooks }),
})

function scene(...modules: AnyModule[]): { k: Kernel; p: Process } {
  const k = createKernel({ modules, profile: '2.6.14' })
  return { k, p: k.spawn() }
}

describe('hooks of several modules', () => {
  it('are asked in module order, and the first refusal wins', () => {
    const asked: string[] = []
    const saying = (name: string, verdict: number): AnyModule =>
      withHooks(name, {
        taskKill: () => {
          asked.push(name)
          return verdict
        },
      })
    const { k, p } = scene(saying('a', 0), saying('b', EROFS), saying('c', EACCES), saying('d', 0))
    const other = k.spawn()
    expect(p.sys.kill(other.pid, SIGTERM)).toBe(EROFS)
    expect(asked).toEqual(['a', 'b'])
  })

  it('are all told where the hook only tells', () => {
    const told: string[] = []
    const noting = (name: string): AnyModule => withHooks(name, { inodeInit: () => void told.push(name) })
    const { p } = scene(noting('a'), noting('b'), noting('c'))
    told.length = 0
    ok(p.sys.creat('/tmp/x', 0o600))
    expect(told).toEqual(['a', 'b', 'c'])
  })

  it('keep their `this`', () => {
    class Policy {
      calls = 0
      taskKill(): number {
        this.calls++
        return 0
      }
    }
    const policy = new Policy()
    const { k, p } = scene(withHooks('policy', policy))
    ok(p.sys.kill(k.spawn().pid, 0))
    expect(policy.calls).toBe(1)
  })
})

describe('a wrong hook', () => {
  it.each([
    [
      'throws',
      () => {
        throw new RangeError('oops')
      },
      "hook taskKill of module 'bad' threw: RangeError: oops",
    ],
    [
      'returns undefined',
      () => undefined,
      "hook taskKill of module 'bad' returned undefined: 0 or an errno is wanted",
    ],
    ['returns true', () => true, "hook taskKill of module 'bad' returned true: 0 or an errno is wanted"],
    [
      'returns a positive number',
      () => 13,
      "hook taskKill of module 'bad' returned 13: 0 or an errno is wanted",
    ],
    ['returns NaN', () => Number.NaN, "hook taskKill of module 'bad' returned NaN: 0 or an errno is wanted"],
    [
      'returns a promise',
      async () => 0,
      "hook taskKill of module 'bad' returned [object Promise]: 0 or an errno is wanted",
    ],
  ])('that %s is a KernelBug, never a permission', (_what, hook, message) => {
    const { k, p } = scene(withHooks('bad', { taskKill: hook as never }))
    const victim = forkOf(k, p)
    expect(() => p.sys.kill(victim.pid, SIGTERM)).toThrow(KernelBug)
    expect(() => p.sys.kill(victim.pid, SIGTERM)).toThrow(message)
    expect(victim.state).toBe('idle')
    checkInvariants(k)
  })

  it('is not asked when a module before it has refused', () => {
    const { k, p } = scene(
      withHooks('first', { taskKill: () => EPERM }),
      withHooks('bad', { taskKill: () => undefined as never }),
    )
    expect(p.sys.kill(k.spawn().pid, SIGTERM)).toBe(EPERM)
  })

  it('keeps the error that a hook threw as the cause', () => {
    const cause = new Error('inside')
    const { k, p } = scene(
      withHooks('bad', {
        taskKill: () => {
          throw cause
        },
      }),
    )
    const victim = k.spawn()
    let seen: unknown
    try {
      p.sys.kill(victim.pid, SIGTERM)
    } catch (error) {
      seen = (error as Error).cause
    }
    expect(seen).toBe(cause)
  })
})

/** Hooks that refuse nobody anything: they are told, or hide something (visible.test.ts). */
const NOT_HERE = [
  'inodeInit',
  'inodeTouch',
  'taskToInode',
  'sbPostRemount',
  'fileSetFowner',
  'fileSendSigiotask',
  'taskVisible',
  'mountVisible',
] as const

/** What makes the kernel ask each hook, as root on a ramfs; the result is what the refused call returns. */
const DEEDS: {
  readonly [N in Exclude<HookName, (typeof NOT_HERE)[number] | keyof typeof SOCKET_HOOKS>]: (
    p: Process,
    k: Kernel,
  ) => unknown
} = {
  syscallEnter: (p) => p.sys.getpid(),
  capable: (p) => p.sys.chroot('/tmp'),
  inodeAccess: (p) => p.sys.open('/tmp/file', O_RDONLY),
  inodePermission: (p) => p.sys.open('/tmp/file', O_RDONLY),
  inodeCreate: (p) => p.sys.open('/tmp/new', O_CREAT | O_RDWR, 0o600),
  inodeLink: (p) => p.sys.link('/tmp/file', '/tmp/new'),
  inodeUnlink: (p) => p.sys.unlink('/tmp/file'),
  inodeSymlink: (p) => p.sys.symlink('x', '/tmp/new'),
  inodeMkdir: (p) => p.sys.mkdir('/tmp/new', 0o700),
  inodeRmdir: (p) => p.sys.rmdir('/tmp/dir'),
  inodeMknod: (p) => p.sys.mknod('/tmp/new', 0o010600, 0),
  inodeRename: (p) => p.sys.rename('/tmp/file', '/tmp/new'),
  inodeReadlink: (p) => p.sys.readlink('/tmp/link'),
  inodeFollowLink: (p) => p.sys.stat('/tmp/link'),
  inodeSetattr: (p) => p.sys.chmod('/tmp/file', 0o600),
  inodeGetattr: (p) => p.sys.stat('/tmp/file'),
  filePermission: (p) => p.sys.read(0, new Uint8Array(1)),
  fileOpen: (p) => p.sys.open('/tmp/file', O_RDONLY),
  fileIoctl: (p) => p.sys.ioctl(0, 0x5401, 0),
  fileFcntl: (p) => p.sys.fcntl(0, 1, 0),
  fileLock: (p) => p.sys.flock(0, 1),
  sbMount: (p) => p.sys.mount('none', '/mnt', 'ramfs', 0, ''),
  sbKernMount: (p) => p.sys.mount('none', '/mnt', 'ramfs', 0, ''),
  sbRemount: (p) => p.sys.mount('none', '/dev', '', 32, ''),
  sbUmount: (p) => p.sys.umount('/dev'),
  sbStatfs: (p) => p.sys.statfs('/'),
  taskCreate: (p) => p.sys.fork(),
  taskSetuid: (p) => p.sys.setuid(5),
  taskSetgid: (p) => p.sys.setgid(5),
  taskSetgroups: (p) => p.sys.setgroups([5]),
  syscallWork: (p) => {
    taskOf(p).flags |= TF_SYSCALL_WORK
    const result = p.sys.getpid()
    taskOf(p).flags &= ~TF_SYSCALL_WORK
    return result
  },
  taskSetpgid: (p, k) => p.sys.setpgid(childOf(k).pid, 0),
  taskGetpgid: (p) => p.sys.getpgid(1),
  taskGetsid: (p) => p.sys.getsid(1),
  taskSetnice: (p) => p.sys.nice(1),
  taskSetrlimit: (p) => p.sys.setrlimit(7, { cur: 10, max: 10 }),
  taskKill: (p, k) => p.sys.kill(childOf(k).pid, SIGTERM),
  taskWait: (p) => p.sys.wait4(-1, 1),
  bprmCheck: (p) => p.sys.execve('/bin/prog', ['prog'], []),
}

const childOf = (k: Kernel): Process => handle(k, 3)

describe('every hook', () => {
  it('has a deed here that asks it', () => {
    expect(Object.keys(DEEDS).sort()).toEqual(
      Object.keys(HOOKS)
        .filter((name) => !NOT_HERE.some((other) => other === name) && !Object.hasOwn(SOCKET_HOOKS, name))
        .sort(),
    )
  })

  it.each(Object.keys(DEEDS) as (keyof typeof DEEDS)[])(
    '%s can refuse, and then nothing has changed',
    (name) => {
      let refuses = false
      const hook = (current: Task | null): number => (refuses && current?.pid === 2 ? EROFS : 0)
      const k = createKernel({
        modules: [withHooks('no', { [name]: hook })],
        profile: '2.6.14',
        programs: {
          '/bin/prog': function* (sys) {
            yield* sys.getpid()
          },
        },
      })
      const p = k.spawn()
      writeFile(p, '/tmp/file', 'x')
      ok(p.sys.mkdir('/tmp/dir', 0o755))
      ok(p.sys.symlink('file', '/tmp/link'))
      ok(p.sys.open('/tmp/file', O_RDWR))
      forkOf(k, p)
      refuses = true
      const before = k.digest()
      const result = DEEDS[name](p, k)
      // No child is waited for when none may be; a lack of capability is EPERM.
      const expected = name === 'taskWait' ? -10 : name === 'capable' ? EPERM : EROFS
      expect(result).toBe(expected)
      refuses = false
      // A superblock was there and is gone again: its device number is not given out twice.
      if (name !== 'sbKernMount') expect(k.digest()).toBe(before)
      checkInvariants(k)
    },
  )
})

describe('the order of checks', () => {
  it('is mode bits first, then the hook (DAC outside LSM)', () => {
    const asked: number[] = []
    const { k, p } = scene(
      withHooks('watch', {
        inodePermission: (current: Task, inode: Inode) => {
          if (current.cred.uid === 1000 && (inode.mode & 0o170000) === 0o100000) asked.push(inode.ino)
          return 0
        },
      }),
    )
    writeFile(p, '/tmp/closed', '', 0o600)
    writeFile(p, '/tmp/open', '', 0o644)
    const alice = k.spawn({ uid: 1000 })
    expect(alice.sys.open('/tmp/closed', O_RDONLY)).toBe(EACCES)
    expect(asked).toEqual([])
    ok(alice.sys.open('/tmp/open', O_RDONLY))
    expect(asked).toHaveLength(1)
  })

  it('but inodeAccess is asked before the mode bits', () => {
    const { k, p } = scene(
      withHooks('early', {
        inodeAccess: (current: Task, inode: Inode) =>
          current.cred.uid === 1000 && (inode.mode & 0o170000) === 0o100000 ? EPERM : 0,
      }),
    )
    writeFile(p, '/tmp/closed', '', 0o600)
    expect(k.spawn({ uid: 1000 }).sys.open('/tmp/closed', O_RDONLY)).toBe(EPERM)
    expect(k.spawn({ uid: 1001 }).sys.open('/tmp/closed', O_RDONLY)).toBe(EACCES)
  })

  it('says in the trace which module refused what', () => {
    const { k, p } = scene(withHooks('policy', { inodeMkdir: ({ pid }) => (pid === 1 ? 0 : EPERM) }))
    const denials: unknown[] = []
    k.trace.on('security:deny', ({ pid, errno, check, reason }) =>
      denials.push({ pid, errno, check, reason }),
    )
    expect(p.sys.mkdir('/tmp/new', 0o700)).toBe(EPERM)
    expect(denials).toEqual([
      { pid: p.pid, errno: EPERM, check: 'hook', reason: expect.stringContaining("module 'policy'") },
    ])
  })

  it('asks syscallEnter before everything else, with the name, the number and the arguments', () => {
    const seen: unknown[] = []
    const { k, p } = scene(
      withHooks('filter', {
        syscallEnter: (_current: Task, name: string, nr: number, args: readonly unknown[]) => {
          seen.push([name, nr, ...args])
          return name === 'mkdir' ? EPERM : 0
        },
      }),
    )
    expect([p.sys.mkdir('', 0o700), p.sys.getpid()]).toEqual([EPERM, p.pid])
    expect(seen).toEqual([
      ['mkdir', 39, '', 0o700],
      ['getpid', 20],
    ])
    expect(coreOf(k).syscallHooked).toBe(true)
  })
})
