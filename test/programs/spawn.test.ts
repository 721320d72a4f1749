/** Processes and programs made from outside: k.spawn, k.install, the options of createKernel. */
import {
  createKernel,
  DIRECT,
  EAGAIN,
  ENOEXEC,
  ENOSYS,
  isErr,
  machine,
  PROFILES,
  type Program,
  plain,
  SIG_IGN,
  SIGUSR1,
  SIGUSR2,
  type Sys,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'
import {
  type Body,
  boot,
  checkInvariants,
  checkState,
  forkOf,
  ok,
  pipeOf,
  readFile,
  writeFile,
} from '../helpers/world.js'

const idle: Body = function* idle(sys) {
  yield* sys.pause()
}

describe('k.spawn', () => {
  it('makes a child of pid 1 that leads a session, root unless told otherwise', () => {
    const k = boot()
    const p = k.spawn()
    expect([p.pid, p.sys.getppid(), p.sys.getsid(0), p.sys.getpgrp()]).toEqual([2, 1, 2, 2])
    expect([p.sys.getuid(), p.sys.getgid(), p.sys.getgroups(), p.comm]).toEqual([0, 0, [], 'sh'])
    expect([p.sys.getcwd(), p.sys.umask(0)]).toEqual(['/', 0o022])
  })

  it('takes ids, groups, name, directory, umask', () => {
    const p = boot().spawn({ uid: 1000, gid: 100, groups: [5, 6], comm: 'bash', cwd: '/tmp', umask: 0o77 })
    expect(p.sys.getresuid()).toEqual([1000, 1000, 1000])
    expect(p.sys.getresgid()).toEqual([100, 100, 100])
    expect([p.sys.getgroups(), p.comm, p.sys.getcwd(), p.sys.umask(0)]).toEqual([
      [5, 6],
      'bash',
      '/tmp',
      0o77,
    ])
    expect(boot().spawn({ uid: 7 }).sys.getgid()).toBe(7)
  })

  it('with a parent makes a child of that, in its group, with its descriptors and handlers', () => {
    const k = boot()
    const parent = k.spawn()
    const { w } = pipeOf(parent)
    const p = k.spawn({ parent })
    expect([p.sys.getppid(), p.sys.getpgrp(), p.sys.write(w, new Uint8Array(1))]).toEqual([
      parent.pid,
      parent.pid,
      1,
    ])
    p.sys.exit(0)
    expect(ok(parent.sys.wait4(-1, 0)).pid).toBe(p.pid)
    checkInvariants(k)
  })

  it('lets a process without a program inherit the handlers of its parent, one with a program what is ignored', () => {
    const k = boot()
    const parent = k.spawn()
    const caught: number[] = []
    ok(parent.sys.sigaction(SIGUSR1, { handler: (sig) => void caught.push(sig), flags: 0, mask: [] }))
    ok(parent.sys.sigaction(SIGUSR2, { handler: SIG_IGN, flags: 0, mask: [] }))
    const direct = k.spawn({ parent })
    const programs = [
      plain((sys) => sys.getpid()),
      idle,
      machine({ name: 'm', init: () => 0, step: () => 5 }),
    ]
    const others = programs.map((program) => k.spawn({ parent, program }))
    for (const p of [direct, ...others]) ok(parent.sys.kill(p.pid, SIGUSR2))
    for (const p of [direct, ...others]) ok(parent.sys.kill(p.pid, SIGUSR1))
    k.run()
    expect(caught).toEqual([SIGUSR1])
    expect(direct.state).toBe('idle')
    expect(others.map(({ killedBy }) => killedBy)).toEqual([SIGUSR1, SIGUSR1, SIGUSR1])
    checkInvariants(k)
  })

  it('names a process after its program, and cuts a name at 15 bytes', () => {
    const k = boot()
    expect(k.spawn({ program: idle }).comm).toBe('idle')
    expect(k.spawn({ comm: 'a-name-that-is-too-long' }).comm).toBe('a-name-that-is-')
  })

  it.each([
    [{ uid: -1 }, 'spawn: uid must be an integer from 0 to 2^32 - 1, not -1'],
    [{ gid: 1.5 }, 'spawn: gid must be an integer'],
    [{ groups: 5 }, 'spawn: groups must be an array of gids'],
    [{ groups: ['a'] }, 'spawn: groups must be an integer'],
    [{ comm: 5 }, 'spawn: comm must be a string'],
    [{ cwd: null }, 'spawn: cwd must be a string'],
    [{ argv: 'a b' }, 'spawn: argv must be an array of strings'],
    [{ env: [1] }, 'spawn: env must be an array of strings'],
    [{ parent: 1 }, 'spawn: parent must be a process of this kernel'],
    [{ programm: idle }, "spawn: unknown option 'programm'; known are uid, gid,"],
    ['alice', 'spawn: an options object is wanted, not alice'],
  ])('refuses %j with one sentence', (options, message) => {
    const k = boot()
    const before = k.digest()
    expect(() => k.spawn(options as never)).toThrow(TypeError)
    expect(() => k.spawn(options as never)).toThrow(message)
    expect(k.digest()).toBe(before)
  })

  it('refuses a parent of another kernel', () => {
    const stranger = boot().spawn()
    expect(() => boot().spawn({ parent: stranger })).toThrow('spawn: parent is a process of another kernel')
  })

  it('leaves nothing behind when the directory cannot be entered', () => {
    const k = boot()
    const tasks = k.describe().tasks.length
    expect(() => k.spawn({ cwd: '/none' })).toThrow("spawn: cwd '/none': ENOENT (No such file or directory)")
    expect(() => k.spawn({ cwd: '/etc/passwd' })).toThrow('ENOTDIR')
    expect(k.describe().tasks).toHaveLength(tasks)
    checkInvariants(k)
  })

  it('says EAGAIN when the table is full', () => {
    const k = boot({ maxTasks: 3 })
    const p = k.spawn()
    const q = k.spawn()
    expect(p.sys.fork()).toBe(EAGAIN)
    expect(() => k.spawn()).toThrow('spawn: EAGAIN (Resource temporarily unavailable)')
    q.sys.exit(0)
    expect(p.sys.fork()).toBe(4)
  })
})

describe('k.install', () => {
  it('makes an executable file that runs the program, with mode and owner', () => {
    const k = boot()
    k.install('/usr/prog', idle, { mode: 0o4711, uid: 5, gid: 6 })
    const p = k.spawn({ uid: 1000 })
    expect(ok(p.sys.stat('/usr/prog'))).toMatchObject({ mode: 0o104711, uid: 5, gid: 6 })
    expect(p.sys.execve('/usr/prog', ['prog'], [])).toBe(0)
    expect([p.comm, p.state]).toEqual(['prog', 'runnable'])
  })

  it('makes an image that can be copied, and that is ENOEXEC once it is cut', () => {
    const k = boot()
    k.install('/bin/a', DIRECT)
    const root = k.spawn()
    writeFile(root, '/bin/b', readFile(root, '/bin/a'), 0o755)
    const p = forkOf(k, root)
    expect(p.sys.execve('/bin/b', ['b'], [])).toBe(0)
    expect([p.comm, p.state]).toEqual(['b', 'idle'])
    p.sys.exit(0)
    ok(root.sys.truncate('/bin/b', 6))
    expect(forkOf(k, root).sys.execve('/bin/b', ['b'], [])).toBe(ENOEXEC)
  })

  it.each([
    [['bin/a', idle], 'install: an absolute path is wanted, not bin/a'],
    [['/no/such/dir', idle], 'install /no/such/dir: ENOENT'],
    [['/bin/a', 5], 'program: a generator function (function*)'],
    [['/bin/a', idle, { mod: 1 }], "install: unknown option 'mod'"],
  ])('refuses %j', (args, message) => {
    const k = boot()
    expect(() => k.install(...(args as Parameters<typeof k.install>))).toThrow(message)
  })
})

describe('createKernel', () => {
  it.each([
    [{ sede: 7 }, "createKernel: unknown option 'sede'; known are modules, profile, seed,"],
    [{ profile: '2.4.0' }, "createKernel: profile must be one of 2.0.35, 2.2.12, 2.6.14, not '2.4.0'"],
    [{ seed: 0.5 }, 'createKernel: seed must be a safe integer, not 0.5'],
    [{ rootfs: 'ext2' }, "createKernel: rootfs must be 'default' or 'empty', not 'ext2'"],
    [{ pidMax: 1 }, 'createKernel: pidMax must be an integer from 2 to 4194304, not 1'],
    [{ maxTasks: 0 }, 'createKernel: maxTasks must be an integer >= 1, not 0'],
    [{ modules: {} }, 'createKernel: modules must be an array of modules'],
    [{ backports: 'openat' }, 'createKernel: backports must be an array of system call names'],
    [{ maxNestedLinks: 0 }, 'createKernel: maxNestedLinks must be an integer from 1 to 100, not 0'],
    [{ programs: null }, 'createKernel: programs must be an object of path: program, not null'],
    [{ hostname: 5 }, 'createKernel: hostname must be a string, not 5'],
    [5, 'createKernel: an options object is wanted, not 5'],
  ])('refuses %j with one sentence', (options, message) => {
    expect(() => createKernel(options as never)).toThrow(TypeError)
    expect(() => createKernel(options as never)).toThrow(message)
  })

  it.each(PROFILES)('boots %s with a root that programs expect', (profile) => {
    const k = createKernel({ profile, hostname: 'old' })
    expect(k.profile).toBe(profile)
    const p = k.spawn()
    expect(ok(p.sys.uname())).toMatchObject({ release: profile, nodename: 'old' })
    const names = ok(p.sys.getdents(ok(p.sys.open('/', 0)))).map(({ name }) => name)
    expect(names.sort()).toEqual([
      '.',
      '..',
      'bin',
      'dev',
      'etc',
      'home',
      'mnt',
      'proc',
      'root',
      'tmp',
      'usr',
      'var',
    ])
    checkInvariants(k)
    checkState(k)
  })

  it('boots an empty root', () => {
    const p = createKernel({ rootfs: 'empty' }).spawn()
    expect(ok(p.sys.getdents(ok(p.sys.open('/', 0)))).map(({ name }) => name)).toEqual(['.', '..'])
  })

  it('installs programs before anybody runs', () => {
    function* hello(sys: Sys): Program {
      yield* sys.getpid()
    }
    const k = createKernel({ programs: { '/bin/hello': hello, '/bin/shell': DIRECT } })
    const p = k.spawn()
    expect(p.sys.execve('/bin/shell', ['shell'], [])).toBe(0)
    expect(isErr(p.sys.access('/bin/hello', 1))).toBe(false)
  })

  it('offers later calls that are asked for, and says ENOSYS to those that are not', () => {
    const [plain, more] = [createKernel().spawn(), createKernel({ backports: ['openat'] }).spawn()]
    expect(plain.sys.openat(-100, '/etc/passwd', 0)).toBe(ENOSYS)
    expect(more.sys.openat(-100, '/etc/passwd', 0)).toBe(0)
  })

  it('gives equal kernels for equal options, others for others', () => {
    const digests = [{}, {}, { seed: 2 }, { profile: '2.6.14' as const }, { hostname: 'x' }].map((options) =>
      createKernel(options).digest(),
    )
    expect(digests[0]).toBe(digests[1])
    expect(new Set(digests).size).toBe(4)
    expect(digests[0]).toMatch(/^[0-9a-f]{16}$/)
  })

  it('refuses to restore what is no snapshot', () => {
    expect(() => boot().restore({} as never)).toThrow('restore: what k.snapshot() returned is wanted')
    const [one, other] = [boot(), boot()]
    expect(() => one.restore(other.snapshot())).toThrow('restore: this snapshot was taken of another kernel')
    expect(() => one.fork().restore(one.snapshot())).toThrow(TypeError)
  })
})
