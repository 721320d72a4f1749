/** exec. Linux: do_execve, prepare_binprm, compute_creds, flush_old_exec (fs/exec.c), load_script (2.6.14). */
import {
  CAP_SETPCAP,
  DIRECT,
  E2BIG,
  EACCES,
  EBADF,
  EFAULT,
  ELOOP,
  ENAMETOOLONG,
  ENOENT,
  ENOEXEC,
  ENOTDIR,
  ETXTBSY,
  F_GETFD,
  F_SETFD,
  FD_CLOEXEC,
  type Kernel,
  MS_NOEXEC,
  MS_NOSUID,
  machine,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  PROFILES,
  type Process,
  S_IFIFO,
  SIG_DFL,
  SIG_IGN,
  SIGUSR1,
  SIGUSR2,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { TF_NO_NEW_PRIVS } from '../../src/kernel/task.js'
import { boot, checkInvariants, forkOf, ok, taskOf, writeFile } from '../helpers/world.js'

/** A kernel whose /bin/sh leaves the process in the test's hands. */
function scene(options: Parameters<typeof boot>[0] = {}): { k: Kernel; root: Process; user: Process } {
  const k = boot({ programs: { '/bin/sh': DIRECT, '/bin/other': DIRECT }, ...options })
  return { k, root: k.spawn(), user: k.spawn({ uid: 1000, gid: 100, groups: [5] }) }
}

/** Real, effective and saved ids. 2.0 has no call that tells the saved ones. */
function ids(p: Process): unknown {
  const { uid, euid, suid, gid, egid, sgid } = taskOf(p).cred
  return [
    [uid, euid, suid],
    [gid, egid, sgid],
  ]
}

describe('who may exec what', () => {
  it.each<[string, string, number]>([
    ['what does not exist', '/bin/none', ENOENT],
    ['nothing', '', ENOENT],
    ['below a file', '/etc/passwd/x', ENOTDIR],
    ['a directory', '/bin', EACCES],
    ['a FIFO', '/tmp/fifo', EACCES],
    ['a device', '/dev/null', EACCES],
    ['a file without x', '/etc/passwd', EACCES],
    ['a file that is no image', '/tmp/text', ENOEXEC],
    ['an empty file', '/tmp/empty', ENOEXEC],
    ['a link to itself', '/tmp/loop', ELOOP],
    ['a name that is too long', `/${'x'.repeat(256)}`, ENAMETOOLONG],
    ['an image, through a link', '/tmp/link', 0],
  ])('%s', (_what, path, result) => {
    const { k, root } = scene()
    ok(root.sys.mknod('/tmp/fifo', S_IFIFO | 0o777, 0))
    writeFile(root, '/tmp/text', 'no image', 0o755)
    writeFile(root, '/tmp/empty', '', 0o755)
    ok(root.sys.symlink('loop', '/tmp/loop'))
    ok(root.sys.symlink('/bin/sh', '/tmp/link'))
    expect(root.sys.execve(path, ['x'], [])).toBe(result)
    expect(root.sys.getpid()).toBe(root.pid)
    checkInvariants(k)
  })

  it.each([
    ['the owner by the owner bits', 0o100, 1000, 0],
    ['the owner is not helped by other bits', 0o011, 1000, EACCES],
    ['the group by the group bits', 0o010, 1001, 0],
    ['others by the other bits', 0o001, 1002, 0],
    ['root by any x bit', 0o001, 0, 0],
    ['root not without one', 0o666, 0, EACCES],
  ])('%s', (_what, mode, uid, result) => {
    const { k, root } = scene()
    ok(root.sys.chown('/bin/sh', 1000, 7))
    ok(root.sys.chmod('/bin/sh', mode))
    const p = k.spawn({ uid, gid: 50, groups: uid === 1001 ? [7] : [] })
    expect(p.sys.execve('/bin/sh', ['sh'], [])).toBe(result)
  })

  it.each<[string, unknown, unknown, number]>([
    ['an argument that is no string', ['a', 5], [], EFAULT],
    ['arguments that are no list', 'a', [], EFAULT],
    ['an environment of numbers', ['a'], { A: 1 }, EFAULT],
    ['no arguments at all', undefined, undefined, 0],
    ['an environment as an object', ['a'], { A: '1' }, 0],
    ['more than 128 KiB', ['x'.repeat(70_000), 'x'.repeat(70_000)], [], E2BIG],
  ])('%s', (_what, argv, env, result) => {
    const { k, root } = scene()
    expect(root.sys.execve('/bin/sh', argv as string[], env as string[])).toBe(result)
    checkInvariants(k)
  })
})

describe('what exec changes', () => {
  it('the name, the arguments and the environment, not the pid, the ids or the family', () => {
    const { user } = scene()
    const before = [user.sys.getpid(), user.sys.getppid(), user.sys.getsid(0), ids(user)]
    ok(user.sys.chdir('/tmp'))
    expect(user.sys.execve('/bin/sh', ['-sh', 'x'], ['A=1'])).toBe(0)
    expect([user.sys.getpid(), user.sys.getppid(), user.sys.getsid(0), ids(user)]).toEqual(before)
    expect([user.comm, taskOf(user).argv, taskOf(user).env]).toEqual(['sh', ['-sh', 'x'], ['A=1']])
    expect(user.sys.getcwd()).toBe('/tmp')
  })

  it('closes descriptors that are marked for it, and gives back their numbers', () => {
    const { k, root } = scene()
    for (let i = 0; i < 3; i++) ok(root.sys.open('/etc/passwd', O_RDONLY))
    ok(root.sys.fcntl(1, F_SETFD, FD_CLOEXEC))
    ok(root.sys.execve('/bin/sh', ['sh'], []))
    expect([root.sys.fcntl(0, F_GETFD), root.sys.fcntl(1, F_GETFD), root.sys.fcntl(2, F_GETFD)]).toEqual([
      0,
      EBADF,
      0,
    ])
    expect(root.sys.open('/', O_RDONLY)).toBe(1)
    checkInvariants(k)
  })

  it('keeps everything as it was when it fails', () => {
    const { k, root } = scene()
    ok(root.sys.fcntl(ok(root.sys.open('/etc/passwd', O_RDONLY)), F_SETFD, FD_CLOEXEC))
    const before = k.digest()
    expect(root.sys.execve('/bin/none', ['x'], [])).toBe(ENOENT)
    expect(root.sys.execve('/bin/sh', ['x'.repeat(140_000)], [])).toBe(E2BIG)
    expect(k.digest()).toBe(before)
  })

  it('resets handlers, keeps ignored signals, the mask and what is pending', () => {
    const { root } = scene()
    ok(root.sys.sigaction(SIGUSR1, { handler: () => {}, flags: 0, mask: [] }))
    ok(root.sys.sigaction(SIGUSR2, { handler: SIG_IGN, flags: 0, mask: [] }))
    ok(root.sys.sigprocmask(0, [SIGUSR1]))
    ok(root.sys.kill(root.pid, SIGUSR1))
    ok(root.sys.alarm(10))
    ok(root.sys.execve('/bin/sh', ['sh'], []))
    expect(ok(root.sys.sigaction(SIGUSR1, null)).handler).toBe(SIG_DFL)
    expect(ok(root.sys.sigaction(SIGUSR2, null)).handler).toBe(SIG_IGN)
    expect([root.sys.sigprocmask(0, null), root.sys.sigpending(), root.sys.alarm(0)]).toEqual([
      [SIGUSR1],
      [SIGUSR1],
      10,
    ])
  })

  it('leaves a table that is shared with others to them', () => {
    const { k, root } = scene()
    const fd = ok(root.sys.open('/etc/passwd', O_RDONLY))
    ok(root.sys.fcntl(fd, F_SETFD, FD_CLOEXEC))
    const sibling = k.process(ok(root.sys.clone(0x400 | 17, null)))
    ok(sibling?.sys.execve('/bin/sh', ['sh'], []) ?? -1)
    expect([sibling?.sys.fcntl(fd, F_GETFD), root.sys.fcntl(fd, F_GETFD)]).toEqual([EBADF, FD_CLOEXEC])
    checkInvariants(k)
  })
})

describe.each(PROFILES)('set-id images, Linux %s', (profile) => {
  it.each<[string, number, unknown]>([
    [
      'set-uid',
      0o4755,
      [
        [1000, 0, 0],
        [100, 100, 100],
      ],
    ],
    [
      'set-gid',
      0o2755,
      [
        [1000, 1000, 1000],
        [100, 50, 50],
      ],
    ],
    [
      'both',
      0o6755,
      [
        [1000, 0, 0],
        [100, 50, 50],
      ],
    ],
    [
      'set-gid without group x is not set-gid (mandatory locking)',
      0o2745,
      [
        [1000, 1000, 1000],
        [100, 100, 100],
      ],
    ],
    [
      'none',
      0o755,
      [
        [1000, 1000, 1000],
        [100, 100, 100],
      ],
    ],
  ])('%s', (_what, mode, result) => {
    const { k, root, user } = scene({ profile })
    ok(root.sys.chown('/bin/sh', 0, 50))
    ok(root.sys.chmod('/bin/sh', mode))
    ok(user.sys.execve('/bin/sh', ['sh'], []))
    expect(ids(user)).toEqual(result)
    checkInvariants(k)
  })

  it('give root its capabilities, and take them from who becomes another', () => {
    const { k, root, user } = scene({ profile })
    ok(root.sys.chmod('/bin/sh', 0o4755))
    ok(user.sys.execve('/bin/sh', ['sh'], []))
    expect(user.sys.chown('/etc/passwd', 5, 5)).toBe(0)
    ok(root.sys.chown('/bin/other', 77, 77))
    ok(root.sys.chmod('/bin/other', 0o4755))
    ok(user.sys.execve('/bin/other', ['other'], []))
    expect(ids(user)).toMatchObject([[1000, 77, 77], {}])
    expect(user.sys.chown('/etc/passwd', 6, 6)).toBe(-1)
    const { capEffective, capPermitted } = taskOf(k.spawn()).cred
    expect(capEffective & (1 << CAP_SETPCAP)).toBe(0)
    expect(capPermitted & ~capEffective).toBe(0)
  })

  it('do not count on a mount with nosuid', () => {
    const { root, user } = scene({ profile })
    ok(root.sys.chmod('/mnt', 0o777))
    ok(root.sys.mount('none', '/mnt', 'ramfs', MS_NOSUID, ''))
    const text = new Uint8Array(40)
    const count = ok(root.sys.read(ok(root.sys.open('/bin/sh', O_RDONLY)), text))
    const fd = ok(root.sys.creat('/mnt/sh', 0o755))
    ok(root.sys.write(fd, text.subarray(0, count)))
    ok(root.sys.close(fd))
    ok(root.sys.chmod('/mnt/sh', 0o6755))
    ok(user.sys.execve('/mnt/sh', ['sh'], []))
    expect(user.sys.geteuid()).toBe(1000)
  })

  it('do not count for a task that may get no new privileges, nor for its children; it keeps what it has', () => {
    const { k, root, user } = scene({ profile })
    ok(root.sys.chmod('/bin/sh', 0o6755))
    taskOf(user).flags |= TF_NO_NEW_PRIVS
    const child = forkOf(k, user)
    ok(child.sys.execve('/bin/sh', ['sh'], []))
    expect([child.sys.geteuid(), taskOf(child).cred.capPermitted]).toEqual([1000, 0])
    taskOf(root).flags |= TF_NO_NEW_PRIVS
    const before = taskOf(root).cred.capPermitted
    ok(root.sys.execve('/bin/sh', ['sh'], []))
    expect(taskOf(root).cred.capPermitted & ~before).toBe(0)
  })
})

describe('noexec', () => {
  it('refuses everything on the mount with EACCES', () => {
    const { k, root } = scene()
    ok(root.sys.mount('none', '/mnt', 'ramfs', MS_NOEXEC, ''))
    k.install('/mnt/prog', DIRECT)
    expect(root.sys.execve('/mnt/prog', ['prog'], [])).toBe(EACCES)
  })
})

describe('ETXTBSY: an image is either written or run', () => {
  it('refuses to run what is open for writing', () => {
    const { k, root } = scene()
    const child = forkOf(k, root)
    const fd = ok(root.sys.open('/bin/sh', O_RDWR))
    expect(child.sys.execve('/bin/sh', ['sh'], [])).toBe(ETXTBSY)
    ok(root.sys.close(fd))
    expect(child.sys.execve('/bin/sh', ['sh'], [])).toBe(0)
  })

  it('refuses to write to what runs, until the last process that runs it has gone', () => {
    const { k, root } = scene()
    const child = forkOf(k, root)
    ok(child.sys.execve('/bin/sh', ['sh'], []))
    const grandchild = forkOf(k, child)
    const attempts = [
      () => root.sys.open('/bin/sh', O_WRONLY),
      () => root.sys.truncate('/bin/sh', 0),
      () => root.sys.creat('/bin/sh', 0o755),
    ]
    for (const attempt of attempts) expect(attempt()).toBe(ETXTBSY)
    expect(root.sys.open('/bin/sh', O_RDONLY)).toBeGreaterThanOrEqual(0)
    child.sys.exit(0)
    expect(root.sys.open('/bin/sh', O_WRONLY)).toBe(ETXTBSY)
    ok(grandchild.sys.execve('/bin/other', ['other'], []))
    expect(root.sys.open('/bin/sh', O_WRONLY)).toBeGreaterThanOrEqual(0)
    checkInvariants(k)
  })

  it('lets a running image be removed and replaced under its name', () => {
    const { k, root } = scene()
    const child = forkOf(k, root)
    ok(child.sys.execve('/bin/sh', ['sh'], []))
    ok(root.sys.unlink('/bin/sh'))
    k.install('/bin/sh', DIRECT)
    expect(root.sys.readlink(`/proc/${child.pid}/exe`)).toBe('/bin/sh (deleted)')
    child.sys.exit(0)
    checkInvariants(k)
  })
})

describe('#! scripts (load_script)', () => {
  const argvOf = (
    script: string,
    argv: string[],
    path = '/tmp/script',
  ): { result: number; argv: readonly string[]; comm: string } => {
    const { k, root } = scene()
    writeFile(root, '/tmp/script', script, 0o755)
    writeFile(root, '/tmp/nested', '#!/tmp/script one\n', 0o755)
    ok(root.sys.chdir('/tmp'))
    const p = forkOf(k, root)
    const result = p.sys.execve(path, argv, [])
    checkInvariants(k)
    return { result, argv: taskOf(p).argv, comm: p.comm }
  }

  it.each<[string, string, readonly string[]]>([
    ['an interpreter', '#!/bin/sh\necho', ['/bin/sh', '/tmp/script', 'a', 'b']],
    ['blanks before it', '#! \t /bin/sh\n', ['/bin/sh', '/tmp/script', 'a', 'b']],
    ['one argument, with its blanks', '#!/bin/sh -x -y  \n', ['/bin/sh', '-x -y', '/tmp/script', 'a', 'b']],
    ['no newline at all', '#!/bin/sh -e', ['/bin/sh', '-e', '/tmp/script', 'a', 'b']],
  ])('with %s', (_what, script, argv) => {
    const { result, ...rest } = argvOf(script, ['name', 'a', 'b'])
    expect([result, rest]).toEqual([0, { argv, comm: 'script' }])
  })

  it('passes the path as it was given, not the first argument', () => {
    expect(argvOf('#!/bin/sh\n', ['other', 'x'], './script').argv).toEqual(['/bin/sh', './script', 'x'])
  })

  it.each<[string, string, number]>([
    ['nothing after #!', '#!\n', ENOEXEC],
    ['blanks after #!', '#!   \n', ENOEXEC],
    ['an interpreter that does not exist', '#!/bin/none\n', ENOENT],
    ['an interpreter that is not executable', '#!/etc/passwd\n', EACCES],
    ['no #!', 'echo hello\n', ENOEXEC],
  ])('with %s', (_what, script, result) => {
    expect(argvOf(script, ['x']).result).toBe(result)
  })

  it('may be interpreted by a script (2.6)', () => {
    expect(argvOf('#!/bin/sh\n', ['x', 'a'], '/tmp/nested')).toEqual({
      result: 0,
      argv: ['/bin/sh', '/tmp/script', 'one', '/tmp/nested', 'a'],
      comm: 'nested',
    })
  })

  it('that interprets itself ends', () => {
    expect(argvOf('#!/tmp/script\n', ['x']).result).toBeLessThan(0)
  })

  it('takes the ids of the interpreter, not of the script', () => {
    const { root, user } = scene()
    writeFile(root, '/tmp/script', '#!/bin/sh\n', 0o4755)
    ok(user.sys.execve('/tmp/script', ['x'], []))
    expect(user.sys.geteuid()).toBe(1000)
  })
})

describe('exec of a process that the host drives', () => {
  it('hands it to the program, which runs when the kernel does', () => {
    const { k, root } = scene({
      programs: { '/bin/seven': machine<object>({ name: 'seven', init: () => ({}), step: () => 7 }) },
    })
    const child = forkOf(k, root)
    k.run()
    expect(child.sys.execve('/bin/seven', ['seven'], [])).toBe(0)
    expect(child.state).toBe('runnable')
    k.run()
    expect(ok(root.sys.wait4(child.pid, 0)).status).toBe(0x700)
  })
})
