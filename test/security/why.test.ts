import {
  CAP_DAC_OVERRIDE,
  CAP_FOWNER,
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VM,
  createKernel,
  DIRECT,
  defineModule,
  EACCES,
  EAGAIN,
  EBADF,
  EFBIG,
  EIO,
  EMFILE,
  EPERM,
  EPIPE,
  EROFS,
  ESRCH,
  ETXTBSY,
  isErr,
  type Kernel,
  MS_NODEV,
  MS_NOEXEC,
  MS_RDONLY,
  MS_REMOUNT,
  O_APPEND,
  O_CREAT,
  O_NOATIME,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  PR_SET_PDEATHSIG,
  PROFILES,
  type Process,
  type Profile,
  type SecurityHooks,
  SIG_BLOCK,
  SIG_DFL,
  SIG_IGN,
  SIGALRM,
  SIGHUP,
  SIGKILL,
  SIGPIPE,
  SIGQUIT,
  SIGSEGV,
  SIGSTOP,
  SIGTERM,
  SIGUSR1,
  SIGXCPU,
  SIGXFSZ,
  type Sys,
  type TraceEvent,
  type Why,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { doGroupExit } from '../../src/kernel/exit.js'
import { noteKill } from '../../src/security/deny.js'
import { S_APPEND, S_IMMUTABLE } from '../../src/vfs/inode.js'
import { boot, coreOf, forkOf, handle, ok, pipeOf, taskOf, writeFile } from '../helpers/world.js'

const RLIMIT_CPU = 0
const RLIMIT_FSIZE = 1
const RLIMIT_CORE = 4
const RLIMIT_NPROC = 6
const RLIMIT_NOFILE = 7

/** A kernel with root, and a user 1000 of group 1000. */
function scene(): { k: Kernel; root: Process; eve: Process } {
  const k = boot()
  return { k, root: k.spawn({ umask: 0 }), eve: k.spawn({ uid: 1000, umask: 0, comm: 'eve' }) }
}

/** The inode behind a path. */
const inodeOf = (p: Process, path: string) => {
  const fd = ok(p.sys.open(path, O_RDONLY))
  const file = taskOf(p).files.files[fd]
  ok(p.sys.close(fd))
  if (file == null) throw new Error(`no ${path}`)
  return file.inode
}

const why = (k: Kernel, p: Process): Why => {
  const reason = k.why(p)
  if (reason === undefined) throw new Error('nothing was refused')
  return reason
}

const withHooks = (hooks: Partial<SecurityHooks>, name = 'guard') =>
  createKernel({
    profile: '2.6.14',
    modules: [defineModule({ name, init: () => ({}), attach: () => ({ api: {}, hooks }) })],
  })

describe('kernel.why', () => {
  it('knows nothing before anything was refused', () => {
    const { k, eve } = scene()
    eve.sys.getpid()
    expect(k.why(eve)).toBeUndefined()
  })

  it('does not count what fails without being refused', () => {
    const { k, eve } = scene()
    eve.sys.open('/nowhere', O_RDONLY)
    eve.sys.close(77)
    expect(k.why(eve)).toBeUndefined()
  })

  it('wants a process of its own kernel', () => {
    const { k, eve } = scene()
    const other = boot()
    expect(() => other.why(eve)).toThrow(/another kernel/)
    expect(() => k.why({} as Process)).toThrow(/a process is wanted/)
  })

  it('is not a name for a module', () => {
    const module = defineModule({ name: 'why', init: () => ({}), attach: () => ({ api: {} }) })
    expect(() => createKernel({ modules: [module as never] })).toThrow(/'why' is the name of a kernel member/)
  })
})

describe('the path of the object', () => {
  /** A user's refused call, and the path that the reason has. */
  const pathOf = (profile: Profile, call: (eve: Process, root: Process) => unknown): string | undefined => {
    const k = boot({ profile })
    const root = k.spawn({ umask: 0 })
    const eve = k.spawn({ uid: 1000, umask: 0 })
    expect(isErr(call(eve, root))).toBe(true)
    const reason = why(k, eve)
    return 'object' in reason ? reason.object?.path : undefined
  }

  describe.each(PROFILES)('Linux %s', (profile) => {
    it.each<[string, (eve: Process, root: Process) => unknown, string]>([
      ['the root, to make a name in it', ({ sys }) => sys.mkdir('/new', 0o777), '/'],
      ['the root, to remove one', ({ sys }) => sys.unlink('/etc'), '/'],
      ['the root, to remove a directory', ({ sys }) => sys.rmdir('/tmp'), '/'],
      ['the root, to rename in it', ({ sys }) => sys.rename('/etc', '/tmp/etc'), '/'],
      ['the root itself', ({ sys }) => sys.chmod('/', 0o777), '/'],
      ['a directory', ({ sys }) => sys.unlink('/etc/passwd'), '/etc'],
      ['a file', ({ sys }) => sys.truncate('/etc/passwd', 0), '/etc/passwd'],
      [
        'the root of a mount',
        ({ sys }, root) => {
          ok(root.sys.mount('none', '/mnt', 'ramfs', 0, 'mode=755'))
          ok(root.sys.mkdir('/mnt/inner', 0o755))
          return sys.rmdir('/mnt/inner')
        },
        '/mnt',
      ],
      ['a descriptor', ({ sys }) => sys.fchmod(ok(sys.open('/etc', O_RDONLY)), 0), '/etc'],
      [
        'a descriptor that is closed by now',
        ({ sys }) => {
          const fd = ok(sys.open('/', O_RDONLY))
          const result = sys.fchown(fd, 0, 0)
          ok(sys.close(fd))
          return result
        },
        '/',
      ],
      ['a file of procfs', ({ sys }) => sys.open('/proc/1/environ', O_RDONLY), '/proc/1/environ'],
      ['a link of procfs', ({ sys }) => sys.chdir('/proc/1/cwd'), '/proc/1/cwd'],
    ])('%s', (_what, call, path) => {
      expect(pathOf(profile, call)).toBe(path)
    })
  })

  it('is that of the link that a hook lets nobody follow', () => {
    const k = withHooks({ inodeFollowLink: () => EACCES })
    const root = k.spawn()
    ok(root.sys.symlink('/etc', '/tmp/link'))
    expect(root.sys.stat('/tmp/link')).toBe(EACCES)
    expect(why(k, root)).toMatchObject({ object: { path: '/tmp/link' } })
    expect(root.sys.stat('/tmp/link/passwd')).toBe(EACCES)
    expect(why(k, root)).toMatchObject({ object: { path: '/tmp/link' } })
  })

  it('is missing where there is no name', () => {
    expect(pathOf('2.6.14', ({ sys }) => sys.fchown(ok(sys.pipe())[0], 0, 0))).toBeUndefined()
    expect(
      pathOf('2.6.14', ({ sys }, root) => {
        writeFile(root, '/tmp/gone', '', 0o644)
        const fd = ok(sys.open('/tmp/gone', O_RDONLY))
        ok(root.sys.unlink('/tmp/gone'))
        return sys.fchmod(fd, 0)
      }),
    ).toBeUndefined()
  })
})

describe('mode bits', () => {
  it('name the class, what it lacks, and the object', () => {
    const { k, root, eve } = scene()
    writeFile(root, '/tmp/secret', '', 0o640)
    expect(eve.sys.open('/tmp/secret', O_RDWR)).toBe(EACCES)
    const { ino, dev } = ok(root.sys.stat('/tmp/secret'))
    expect(k.why(eve)).toEqual({
      seq: 1,
      pid: eve.pid,
      syscall: 'open',
      errno: EACCES,
      code: 'EACCES',
      paths: ['/tmp/secret'],
      check: 'dac',
      class: 'other',
      mode: 0o100640,
      wanted: 6,
      missing: 6,
      object: { dev, ino, fsType: 'ramfs', mode: 0o100640, uid: 0, gid: 0, path: '/tmp/secret' },
      capabilities: ['CAP_DAC_OVERRIDE'],
      sentence:
        'open "/tmp/secret": EACCES: uid 1000 may not read and write /tmp/secret: mode 0640, owner 0:0, and the bits for others decide',
    })
  })

  it.each([
    ['owner', { uid: 5, gid: 6 }, 0o077],
    ['group', { uid: 7, gid: 6 }, 0o707],
    ['group', { uid: 7, gid: 7, groups: [6] }, 0o707],
    ['other', { uid: 7, gid: 7 }, 0o770],
  ] as const)('of the %s decide alone', (name, options, mode) => {
    const { k, root } = scene()
    writeFile(root, '/tmp/f', '', mode)
    ok(root.sys.chown('/tmp/f', 5, 6))
    const p = k.spawn(options)
    expect(p.sys.open('/tmp/f', O_RDONLY)).toBe(EACCES)
    expect(k.why(p)).toMatchObject({ check: 'dac', class: name, missing: 4 })
  })

  it('in the middle of a path name the directory', () => {
    const { k, root, eve } = scene()
    ok(root.sys.mkdir('/tmp/a', 0o755))
    ok(root.sys.mkdir('/tmp/a/b', 0o700))
    ok(root.sys.symlink('/tmp/a', '/tmp/link'))
    expect(eve.sys.stat('/tmp/link/b/c/d')).toBe(EACCES)
    expect(k.why(eve)).toMatchObject({ check: 'dac', wanted: 1, object: { path: '/tmp/a/b' } })
    expect(why(k, eve).sentence).toContain('may not search the directory /tmp/a/b')
  })

  it('tell which of two paths', () => {
    const { k, root, eve } = scene()
    ok(root.sys.mkdir('/tmp/mine', 0o777))
    ok(root.sys.mkdir('/tmp/theirs', 0o755))
    writeFile(eve, '/tmp/mine/f')
    expect(eve.sys.rename('/tmp/mine/f', '/tmp/theirs/f')).toBe(EACCES)
    expect(k.why(eve)).toMatchObject({
      paths: ['/tmp/mine/f', '/tmp/theirs/f'],
      wanted: 3,
      missing: 2,
      object: { path: '/tmp/theirs' },
    })
  })

  it('of a file that nobody may execute are beyond capabilities', () => {
    const { k, root } = scene()
    writeFile(root, '/tmp/prog', 'x', 0o644)
    expect(root.sys.execve('/tmp/prog', [], [])).toBe(EACCES)
    expect(k.why(root)).toMatchObject({ check: 'dac', class: 'owner', missing: 1, capabilities: [] })
  })

  it('are judged by the real ids in access(2), and no capability helps', () => {
    const { k, root, eve } = scene()
    writeFile(root, '/tmp/f', '', 0o600)
    const { cred } = taskOf(eve)
    taskOf(eve).cred = Object.assign(Object.create(Object.getPrototypeOf(cred)), {
      ...cred,
      fsuid: 0,
      euid: 0,
    })
    expect(eve.sys.access('/tmp/f', 4)).toBe(EACCES)
    expect(k.why(eve)).toMatchObject({ check: 'dac', class: 'other', capabilities: [] })
    expect(why(k, eve).sentence).toContain('uid 1000 may not read')
  })

  it('show the object as it was, whatever has become of it', () => {
    const { k, root, eve } = scene()
    writeFile(root, '/tmp/f', '', 0o600)
    eve.sys.open('/tmp/f', O_RDONLY)
    ok(root.sys.chmod('/tmp/f', 0o777))
    ok(root.sys.chown('/tmp/f', 1000, 1000))
    ok(root.sys.rename('/tmp/f', '/tmp/g'))
    expect(k.why(eve)).toMatchObject({ class: 'other', mode: 0o100600, object: { uid: 0, path: '/tmp/g' } })
    ok(root.sys.unlink('/tmp/g'))
    expect(why(k, eve)).not.toHaveProperty('object.path')
  })

  it('of tunables go by the effective uid', () => {
    const { k } = scene()
    const p = k.spawn({ uid: 1000 })
    expect(p.sys.open('/proc/sys/kernel/hostname', O_WRONLY)).toBe(EACCES)
    expect(k.why(p)).toMatchObject({ class: 'other', capabilities: [], object: { fsType: 'proc' } })
  })
})

describe('the other checks', () => {
  type Case = readonly [
    name: string,
    errno: number,
    reason: object,
    act: (s: ReturnType<typeof scene>) => unknown,
    words?: string,
  ]
  const mounted = (root: Process, flags: number): void => {
    ok(root.sys.mkdir('/mnt/x', 0o777))
    ok(root.sys.mount('none', '/mnt/x', 'ramfs', 0, 'mode=777'))
    writeFile(root, '/mnt/x/f', '', 0o777)
    ok(root.sys.mknod('/mnt/x/null', 0o020666, 0x103))
    ok(root.sys.mount('none', '/mnt/x', 'ramfs', MS_REMOUNT | flags, ''))
  }
  const cases: readonly Case[] = [
    [
      'a capability',
      EPERM,
      { check: 'capability', capability: 'CAP_SYS_CHROOT', object: { path: '/tmp' } },
      ({ eve }) => eve.sys.chroot('/tmp'),
      'CAP_SYS_CHROOT is needed for /tmp',
    ],
    [
      'the owner',
      EPERM,
      { check: 'owner', capability: 'CAP_FOWNER', object: { uid: 0, path: '/tmp' } },
      ({ eve }) => eve.sys.chmod('/tmp', 0o777),
      'only the owner of /tmp, uid 0, or a task with CAP_FOWNER',
    ],
    [
      'the owner, for O_NOATIME',
      EPERM,
      { check: 'owner', object: { path: '/etc/passwd' } },
      ({ eve }) => eve.sys.open('/etc/passwd', O_RDONLY | O_NOATIME),
    ],
    [
      'a sticky directory',
      EPERM,
      { check: 'sticky', object: { path: '/tmp/f' }, directory: { path: '/tmp', mode: 0o041777 } },
      ({ root, eve }) => {
        writeFile(root, '/tmp/f', '', 0o666)
        return eve.sys.unlink('/tmp/f')
      },
      'directory /tmp is sticky, and uid 1000 owns neither it (owner 0:0) nor /tmp/f (owner 0:0)',
    ],
    [
      'a read-only mount',
      EROFS,
      { check: 'mount', flag: 'read-only', mountPoint: '/mnt/x', object: { path: '/mnt/x/f' } },
      ({ root, eve }) => {
        mounted(root, MS_RDONLY)
        return eve.sys.open('/mnt/x/f', O_WRONLY)
      },
      '/mnt/x/f is on a ramfs mounted read-only at /mnt/x',
    ],
    [
      'nodev',
      EACCES,
      { check: 'mount', flag: 'nodev', object: { path: '/mnt/x/null' } },
      ({ root, eve }) => {
        mounted(root, MS_NODEV)
        return eve.sys.open('/mnt/x/null', O_RDONLY)
      },
    ],
    [
      'noexec',
      EACCES,
      { check: 'mount', flag: 'noexec' },
      ({ root, eve }) => {
        mounted(root, MS_NOEXEC)
        return eve.sys.execve('/mnt/x/f', [], [])
      },
    ],
    [
      'an immutable file',
      EPERM,
      { check: 'immutable', flag: 'immutable', object: { path: '/tmp/f' } },
      ({ root }) => {
        writeFile(root, '/tmp/f')
        inodeOf(root, '/tmp/f').flags |= S_IMMUTABLE
        return root.sys.unlink('/tmp/f')
      },
      '/tmp/f is immutable',
    ],
    [
      'an append-only file',
      EPERM,
      { check: 'immutable', flag: 'append-only' },
      ({ root }) => {
        writeFile(root, '/tmp/f')
        inodeOf(root, '/tmp/f').flags |= S_APPEND
        ok(root.sys.open('/tmp/f', O_WRONLY | O_APPEND))
        return root.sys.open('/tmp/f', O_WRONLY)
      },
    ],
    [
      'RLIMIT_NOFILE',
      EMFILE,
      { check: 'limit', limit: 'RLIMIT_NOFILE', value: 1 },
      ({ eve }) => {
        ok(eve.sys.setrlimit(RLIMIT_NOFILE, { cur: 1, max: 9 }))
        ok(eve.sys.open('/', O_RDONLY))
        return eve.sys.open('/', O_RDONLY)
      },
      'the limit RLIMIT_NOFILE of 1 is reached',
    ],
    [
      'RLIMIT_NPROC',
      EAGAIN,
      { check: 'limit', limit: 'RLIMIT_NPROC', value: 1 },
      ({ eve }) => {
        ok(eve.sys.setrlimit(RLIMIT_NPROC, { cur: 1, max: 9 }))
        return eve.sys.fork()
      },
    ],
    [
      'RLIMIT_SIGPENDING',
      EAGAIN,
      { check: 'limit', limit: 'RLIMIT_SIGPENDING', value: 1 },
      ({ eve }) => {
        ok(eve.sys.setrlimit(11, { cur: 1, max: 9 }))
        ok(eve.sys.sigprocmask(SIG_BLOCK, [40]))
        ok(eve.sys.sigqueue(eve.pid, 40, 1))
        return eve.sys.sigqueue(eve.pid, 40, 2)
      },
    ],
    [
      'RLIMIT_FSIZE, where SIGXFSZ does not kill',
      EFBIG,
      { check: 'limit', limit: 'RLIMIT_FSIZE', value: 10 },
      ({ eve }) => {
        ok(eve.sys.setrlimit(RLIMIT_FSIZE, { cur: 10, max: 10 }))
        ok(eve.sys.sigaction(SIGXFSZ, { handler: SIG_IGN, flags: 0, mask: [] }))
        const fd = ok(eve.sys.open('/tmp/f', O_CREAT | O_WRONLY, 0o600))
        return eve.sys.pwrite(fd, new Uint8Array(1), 10)
      },
    ],
    [
      'a signal to a stranger',
      EPERM,
      { check: 'signal', signal: SIGTERM, uid: 1000, euid: 1000, target: { pid: 1, uid: 0, suid: 0 } },
      ({ eve }) => eve.sys.kill(1, SIGTERM),
      'the sender, uid 1000 and euid 1000, shares no id with pid 1 (uid 0, euid 0, suid 0) and has no CAP_KILL',
    ],
    [
      'a session leader',
      EPERM,
      { check: 'session', rule: 'leads-session' },
      ({ eve }) => eve.sys.setpgid(0, 0),
      'a session leader stays in its process group',
    ],
    [
      'a group that there is not',
      EPERM,
      { check: 'session', rule: 'no-such-group' },
      ({ k, eve }) => forkOf(k, eve) && eve.sys.setpgid(handle(k, eve.pid + 1).pid, 77),
    ],
    [
      'setsid of a group leader',
      EPERM,
      { check: 'session', rule: 'group-exists' },
      ({ eve }) => eve.sys.setsid(),
    ],
    [
      'a child in another session',
      EPERM,
      { check: 'session', rule: 'child-in-other-session' },
      ({ k, eve }) => {
        const child = forkOf(k, eve)
        ok(child.sys.setsid())
        return eve.sys.setpgid(child.pid, 0)
      },
    ],
    [
      'a child that has called exec',
      EACCES,
      { check: 'session', rule: 'child-has-called-exec' },
      ({ k, eve }) => {
        k.install('/bin/prog', DIRECT)
        const child = forkOf(k, eve)
        ok(child.sys.execve('/bin/prog', ['prog'], []))
        return eve.sys.setpgid(child.pid, 0)
      },
    ],
    [
      'an operation that a file system does not have',
      EPERM,
      { check: 'state', rule: 'no-operation', object: { path: '/proc' } },
      ({ root }) => root.sys.rename('/proc/version', '/proc/stat'),
    ],
    [
      'a second name for a directory',
      EPERM,
      { check: 'state', rule: 'no-second-name', object: { path: '/tmp' } },
      ({ root }) => root.sys.link('/tmp', '/link'),
    ],
    [
      'mknod of a directory',
      EPERM,
      { check: 'state', rule: 'no-mknod-directory' },
      ({ root }) => root.sys.mknod('/x', 0o040755, 0),
    ],
    [
      'exec of a directory',
      EACCES,
      { check: 'state', rule: 'not-a-regular-file', object: { path: '/tmp' } },
      ({ root }) => root.sys.execve('/tmp', [], []),
    ],
    [
      'writing to what is executed',
      ETXTBSY,
      { check: 'state', rule: 'being-executed' },
      ({ k, root }) => {
        k.install('/bin/prog', DIRECT)
        k.spawn({ program: DIRECT }).sys.execve('/bin/prog', ['prog'], [])
        return root.sys.open('/bin/prog', O_WRONLY)
      },
    ],
    [
      'executing what is written to',
      ETXTBSY,
      { check: 'state', rule: 'open-for-writing' },
      ({ k, root, eve }) => {
        k.install('/bin/prog', DIRECT)
        ok(root.sys.open('/bin/prog', O_WRONLY))
        return eve.sys.execve('/bin/prog', ['prog'], [])
      },
    ],
    [
      'capabilities that one does not have to give',
      EPERM,
      { check: 'state', rule: 'beyond-permitted' },
      ({ eve }) =>
        eve.sys.capset({ version: 0x19980330, pid: 0 }, { effective: 1, permitted: 1, inheritable: 0 }),
    ],
    [
      'the environment of somebody else',
      ESRCH,
      { check: 'capability', capability: 'CAP_SYS_PTRACE', target: { pid: 1 } },
      ({ eve }) => {
        const fd = ok(eve.sys.open('/proc/self/environ', O_RDONLY))
        taskOf(eve).dumpable = 0
        const buf = new Uint8Array(9)
        const file = taskOf(eve).files.files[fd]
        if (file != null) (file.inode.data as { pid: number; serial: number }).pid = 1
        if (file != null) (file.inode.data as { pid: number; serial: number }).serial = 1
        return eve.sys.read(fd, buf)
      },
    ],
  ]

  const named = cases.map(([name, errno, reason, act, words = '']) => ({ name, errno, reason, act, words }))
  it.each(named)('$name', ({ errno, reason, act, words }) => {
    const s = scene()
    expect(act(s)).toBe(errno)
    const found = [s.eve, s.root].map((p) => s.k.why(p)).find((one) => one !== undefined)
    expect(found).toMatchObject({ errno, ...reason })
    expect(found?.sentence).toContain(words)
  })
})

describe('hooks', () => {
  it('name the module, the hook and the object', () => {
    const k = withHooks({ inodePermission: (_current, inode) => (inode.mode === 0o100604 ? EIO : 0) })
    const root = k.spawn()
    writeFile(root, '/tmp/odd')
    ok(root.sys.chmod('/tmp/odd', 0o604))
    expect(root.sys.open('/tmp/odd', O_RDONLY)).toBe(EIO)
    expect(k.why(root)).toMatchObject({
      check: 'hook',
      module: 'guard',
      hook: 'inodePermission',
      errno: EIO,
      object: { path: '/tmp/odd' },
    })
    expect(k.why(root)?.sentence).toBe(
      `open "/tmp/odd": EIO: the hook inodePermission of module 'guard' refused for /tmp/odd`,
    )
  })

  it('on entry have no object', () => {
    const k = withHooks({ syscallEnter: (_current, name) => (name === 'getpid' ? EPERM : 0) })
    const root = k.spawn()
    expect(root.sys.getpid()).toBe(EPERM)
    expect(k.why(root)).toMatchObject({ check: 'hook', hook: 'syscallEnter', syscall: 'getpid' })
  })

  it('inside capable() are the reason, not the capability', () => {
    const k = withHooks({ capable: (_current, capability) => (capability === CAP_FOWNER ? EIO : 0) })
    const root = k.spawn()
    const eve = k.spawn({ uid: 1000 })
    writeFile(eve, '/tmp/f')
    expect(root.sys.chmod('/tmp/f', 0)).toBe(EPERM)
    expect(k.why(root)).toMatchObject({
      check: 'hook',
      hook: 'capable',
      capability: 'CAP_FOWNER',
      errno: EPERM,
    })
    expect(eve.sys.chmod('/etc/passwd', 0)).toBe(EPERM)
    expect(k.why(eve)).toMatchObject({ check: 'owner' })
  })

  it('inside capable() are the reason for mode bits as well, if the capability would have helped', () => {
    const k = withHooks({ capable: (_current, capability) => (capability === CAP_DAC_OVERRIDE ? EPERM : 0) })
    const root = k.spawn()
    const eve = k.spawn({ uid: 1000, umask: 0 })
    ok(eve.sys.mkdir('/tmp/d', 0o700))
    writeFile(eve, '/tmp/d/f', 'x', 0o600)
    // CAP_DAC_READ_SEARCH gets root past the directory, so that the hook's word on it does not count.
    expect(root.sys.open('/tmp/d/f', O_WRONLY)).toBe(EACCES)
    expect(k.why(root)).toMatchObject({ hook: 'capable', object: { path: '/tmp/d/f' } })
    expect(root.sys.execve('/tmp/d/f', [], [])).toBe(EACCES)
    expect(k.why(root)).toMatchObject({ check: 'dac', missing: 1, capabilities: [] })
  })

  it('that nothing comes of are not reported', () => {
    const k = withHooks({ capable: () => EPERM, taskWait: () => EACCES })
    const root = k.spawn()
    ok(root.sys.setuid(0))
    const child = forkOf(k, root)
    child.sys.exit(0)
    root.sys.wait4(-1, 0)
    expect(k.why(root)).toBeUndefined()
  })

  it('that kill are the cause', () => {
    const k = withHooks({
      syscallEnter: (current, name) => {
        if (name !== 'getuid') return 0
        doGroupExit(current, SIGKILL)
        return EPERM
      },
    })
    const p = k.spawn()
    p.sys.getuid()
    expect(k.why(p)).toMatchObject({
      check: 'kill',
      cause: 'hook',
      module: 'guard',
      name: 'SIGKILL',
      syscall: 'getuid',
    })
  })

  it('that kill may say why first', () => {
    const k = withHooks({
      syscallEnter: (current, name) => {
        if (name !== 'getuid') return 0
        noteKill(current, SIGKILL, 'hook', 'guard', 'it asked who it was', 'none', name)
        doGroupExit(current, SIGKILL)
        return EPERM
      },
    })
    const p = k.spawn()
    p.sys.getuid()
    expect(k.why(p)).toMatchObject({
      check: 'kill',
      module: 'guard',
      reason: 'it asked who it was',
      sentence: 'killed by SIGKILL in getuid: it asked who it was (guard)',
    })
  })
})

describe('which refusal', () => {
  it('is the last, whatever succeeds later', () => {
    const { k, eve } = scene()
    eve.sys.chroot('/')
    eve.sys.sethostname('x')
    eve.sys.getpid()
    eve.sys.stat('/')
    expect(k.why(eve)).toMatchObject({ seq: 2, syscall: 'sethostname', paths: [] })
    eve.sys.chroot('/')
    expect(k.why(eve)).toMatchObject({ seq: 3, syscall: 'chroot' })
  })

  it('is each process’s own', () => {
    const { k, root, eve } = scene()
    eve.sys.chroot('/')
    root.sys.mknod('/x', 0o040000, 0)
    expect(k.why(eve)).toMatchObject({ syscall: 'chroot', pid: eve.pid })
    expect(k.why(root)).toMatchObject({ syscall: 'mknod', pid: root.pid })
  })

  it('is none that did not decide: kill(2) of many succeeds if one takes the signal', () => {
    const { k, root, eve } = scene()
    const child = forkOf(k, eve)
    expect(eve.sys.kill(-1, 0)).toBe(0)
    expect(k.why(eve)).toBeUndefined()
    expect(eve.sys.kill(root.pid, 0)).toBe(EPERM)
    const before = k.why(eve)
    expect(eve.sys.kill(child.pid, 0)).toBe(0)
    expect(eve.sys.kill(-1, 0)).toBe(0)
    expect(k.why(eve)).toEqual(before)
  })

  it('is the one whose error the call returns, not the last of many', () => {
    const k = withHooks({ taskKill: (_current, target) => (target.pid === 3 ? EACCES : 0) })
    const eve = k.spawn({ uid: 1000 })
    const first = k.spawn({ uid: 1000 })
    k.spawn({ uid: 1001 })
    expect([eve.pid, first.pid]).toEqual([2, 3])
    expect(eve.sys.kill(-1, 0)).toBe(EACCES)
    expect(k.why(eve)).toMatchObject({ check: 'hook', hook: 'taskKill', target: { pid: 3 } })
  })

  it('is found for programs, machines and calls that have slept', () => {
    const { k, root } = scene()
    const { r, w } = pipeOf(root)
    const p = k.spawn({
      uid: 1000,
      parent: root,
      program: function* (sys: Sys) {
        yield* sys.read(r, new Uint8Array(1))
        yield* sys.setuid(0)
        yield* sys.nanosleep(5)
        return 0
      },
    })
    k.run()
    expect(k.why(p)).toBeUndefined()
    ok(root.sys.write(w, new Uint8Array(1)))
    k.run()
    expect(p.exitCode).toBe(0)
    expect(k.why(p)).toMatchObject({ check: 'capability', capability: 'CAP_SETUID', syscall: 'setuid' })
  })

  it('is no part of the state: digests do not see it, copies begin without', () => {
    const { k, eve } = scene()
    const other = scene()
    eve.sys.chroot('/')
    const copy = k.fork()
    expect(copy.why(handle(copy, eve.pid))).toBeUndefined()
    expect(k.why(eve)).toBeDefined()
    expect(k.digest()).toBe(copy.digest())
    expect(k.digest()).toBe(other.k.digest())
    const snapshot = k.snapshot()
    k.restore(snapshot)
    expect(k.why(eve)).toBeUndefined()
    eve.sys.chroot('/')
    expect(k.why(eve)).toMatchObject({ check: 'capability' })
  })

  it('makes one record for a task, and uses it again', () => {
    const { k, eve } = scene()
    eve.sys.chroot('/')
    eve.sys.chroot('/')
    const first = taskOf(eve).refusal
    const second = coreOf(k).refusal
    for (let i = 0; i < 4; i++) eve.sys.chroot('/')
    expect([first, second]).toContain(taskOf(eve).refusal)
    expect([first, second]).toContain(coreOf(k).refusal)
  })
})

describe('kills', () => {
  const limited = (which: number, cur: number, max: number) => {
    const k = createKernel({ profile: '2.6.14', syscallTime: 600 })
    const p = k.spawn()
    ok(p.sys.setrlimit(which, { cur, max }))
    return { k, p }
  }
  const spin = (p: Process): void => {
    for (let i = 0; i < 20 && p.state === 'idle'; i++) p.sys.getpid()
  }

  it.each([
    [SIGXCPU, 1, 9],
    [SIGKILL, 1, 1],
  ])('by RLIMIT_CPU: signal %i', (signal, cur, max) => {
    const { k, p } = limited(RLIMIT_CPU, cur, max)
    spin(p)
    expect(p.killedBy).toBe(signal)
    expect(k.why(p)).toMatchObject({ check: 'kill', signal, cause: 'cpu-limit', syscall: 'getpid' })
    expect(k.why(p)?.sentence).toContain('it has used the time that RLIMIT_CPU gives')
  })

  it('by RLIMIT_FSIZE', () => {
    const { k, p } = limited(RLIMIT_FSIZE, 4, 4)
    const fd = ok(p.sys.open('/tmp/f', O_CREAT | O_WRONLY, 0o600))
    p.sys.pwrite(fd, new Uint8Array(1), 4)
    expect(p.killedBy).toBe(SIGXFSZ)
    expect(k.why(p)).toMatchObject({
      cause: 'file-size-limit',
      core: 'limit',
      syscall: 'pwrite',
      object: { mode: 0o100600 },
    })
    expect(k.why(p)?.sentence).toBe(
      'killed by SIGXFSZ in pwrite: a file would have grown beyond RLIMIT_FSIZE, without a core as RLIMIT_CORE allows none',
    )
  })

  it('by a broken pipe, but not where SIGPIPE is ignored', () => {
    const { k, eve } = scene()
    const { r, w } = pipeOf(eve)
    ok(eve.sys.close(r))
    ok(eve.sys.sigaction(SIGPIPE, { handler: SIG_IGN, flags: 0, mask: [] }))
    expect(eve.sys.write(w, new Uint8Array(1))).toBe(EPIPE)
    expect(k.why(eve)).toBeUndefined()
    ok(eve.sys.sigaction(SIGPIPE, { handler: SIG_DFL, flags: 0, mask: [] }))
    eve.sys.write(w, new Uint8Array(1))
    expect(k.why(eve)).toMatchObject({ check: 'kill', name: 'SIGPIPE', cause: 'broken-pipe', core: 'none' })
  })

  it('by SIGPIPE that a process sends itself are not by a broken pipe', () => {
    const { k, eve } = scene()
    eve.sys.kill(eve.pid, SIGPIPE)
    expect(k.why(eve)).toMatchObject({ cause: 'process', sender: { pid: eve.pid, uid: 1000 } })
  })

  it('by another process name it', () => {
    const { k, root, eve } = scene()
    ok(root.sys.kill(eve.pid, SIGTERM))
    expect(k.why(eve)).toMatchObject({
      name: 'SIGTERM',
      cause: 'process',
      sender: { pid: root.pid, uid: 0 },
      syscall: '',
    })
    expect(k.why(eve)?.sentence).toBe(
      `killed by SIGTERM: a process has sent it the signal (pid ${root.pid}, uid 0)`,
    )
  })

  it('of an orphaned group with a stopped member', () => {
    const { k, eve } = scene()
    const middle = forkOf(k, eve)
    const child = forkOf(k, middle)
    ok(child.sys.setpgid(0, 0))
    ok(eve.sys.kill(child.pid, SIGSTOP))
    middle.sys.exit(0)
    expect(child.killedBy).toBe(SIGHUP)
    expect(k.why(child)).toMatchObject({ check: 'kill', cause: 'orphaned-group' })
  })

  it('by the death of a parent', () => {
    const { k, eve } = scene()
    const child = forkOf(k, eve)
    ok(child.sys.prctl(PR_SET_PDEATHSIG, SIGUSR1))
    eve.sys.exit(0)
    expect(k.why(child)).toMatchObject({ check: 'kill', name: 'SIGUSR1', cause: 'parent-death' })
  })

  it('by a timer of its own', () => {
    const { k, eve } = scene()
    eve.sys.alarm(1)
    k.advance(1000)
    expect(k.why(eve)).toMatchObject({ check: 'kill', signal: SIGALRM, cause: 'timer' })
  })

  it.each([
    ['dumped', 8192, 1],
    ['limit', 0, 1],
    ['not-dumpable', 8192, 0],
  ] as const)('with a core: %s', (core, limit, dumpable) => {
    const { k, root, eve } = scene()
    ok(eve.sys.setrlimit(RLIMIT_CORE, { cur: limit, max: limit }))
    taskOf(eve).dumpable = dumpable
    ok(root.sys.kill(eve.pid, SIGQUIT))
    expect(k.why(eve)).toMatchObject({ check: 'kill', core })
    expect((eve.exitStatus ?? 0) & 0x80).toBe(core === 'dumped' ? 0x80 : 0)
  })

  it('of a program that throws', () => {
    const k = boot()
    const p = k.spawn({
      program: function* () {
        throw new Error('oops')
      },
    })
    expect(() => k.run()).toThrow('oops')
    expect(k.why(p)).toMatchObject({ check: 'kill', signal: SIGSEGV, cause: 'program' })
  })

  it('of threads when their process ends', () => {
    const { k, eve } = scene()
    const tid = ok(eve.sys.clone(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD))
    const thread = handle(k, tid)
    eve.sys.exit_group(0)
    expect(k.why(thread)).toMatchObject({ check: 'kill', cause: 'group-exit' })
  })

  it('of threads by a signal to their process, and of those that exec leaves behind', () => {
    const { k, root, eve } = scene()
    const thread = handle(k, ok(eve.sys.clone(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)))
    ok(root.sys.kill(eve.pid, SIGTERM))
    expect(k.why(thread)).toMatchObject({ name: 'SIGTERM', sender: { pid: root.pid } })
    expect(k.why(eve)).toMatchObject({ name: 'SIGTERM', sender: { pid: root.pid } })
    k.install('/bin/prog', DIRECT)
    const other = handle(k, ok(root.sys.clone(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)))
    ok(root.sys.execve('/bin/prog', ['prog'], []))
    expect(k.why(other)).toMatchObject({ check: 'kill', cause: 'exec' })
  })

  it('are told from what the signal says, after a copy', () => {
    const { k, eve } = scene()
    ok(eve.sys.sigprocmask(SIG_BLOCK, [SIGTERM]))
    ok(eve.sys.kill(eve.pid, SIGTERM))
    const copy = k.fork()
    const p = handle(copy, eve.pid)
    p.sys.sigprocmask(1, [SIGTERM])
    expect(copy.why(p)).toMatchObject({ check: 'kill', name: 'SIGTERM', cause: 'process' })
  })
})

describe('security:deny', () => {
  it('carries what why says, before the call returns', () => {
    const { k, eve } = scene()
    const events: TraceEvent[] = []
    k.trace.on('event', (event) => events.push(event))
    eve.sys.chroot('/')
    expect(events.map(({ kind }) => kind)).toEqual(['syscall:enter', 'security:deny', 'syscall:exit'])
    expect(events[1]).toMatchObject({
      pid: eve.pid,
      comm: 'eve',
      errno: EPERM,
      check: 'capability',
      reason: why(k, eve).sentence,
      why: k.why(eve),
    })
  })

  it('comes without other events as well, and once a refusal', () => {
    const { k, eve } = scene()
    const reasons: Why[] = []
    k.trace.on('security:deny', (event) => reasons.push(event.why))
    eve.sys.chroot('/')
    eve.sys.getpid()
    eve.sys.close(88)
    eve.sys.kill(-1, 0)
    eve.sys.kill(1, 9)
    expect(reasons.map(({ check }) => check)).toEqual(['capability', 'signal'])
    expect(reasons[1]).toEqual(k.why(eve))
  })

  it('comes for kills by the kernel, not for those by processes', () => {
    const { k, root, eve } = scene()
    const reasons: Why[] = []
    k.trace.on('security:deny', (event) => reasons.push(event.why))
    const { r, w } = pipeOf(eve)
    ok(eve.sys.close(r))
    eve.sys.write(w, new Uint8Array(1))
    root.sys.kill(root.pid, SIGTERM)
    expect(reasons).toEqual([k.why(eve)])
  })

  it('lets a listener that throws be heard', () => {
    const { k, eve } = scene()
    k.trace.on('security:deny', () => {
      throw new Error('heard')
    })
    expect(() => eve.sys.chroot('/')).toThrow('heard')
    expect(() => eve.sys.close(9)).not.toThrow()
    expect(eve.sys.close(9)).toBe(EBADF)
  })
})
