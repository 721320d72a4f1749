/**
 * What Linux 2.2.12 answers otherwise than 2.6.14 about names, attributes and children. Everywhere else in the tests
 * and in the recordings the two agree. Linux: fs/namei.c, fs/open.c, kernel/exit.c, arch/i386/kernel/signal.c.
 */
import {
  createKernel,
  EACCES,
  EBUSY,
  ECHILD,
  EEXIST,
  EINVAL,
  EISDIR,
  ENOENT,
  ENOTDIR,
  isErr,
  type Kernel,
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  type Process,
  type Profile,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'

const SIG_IGN = 1
const SIG_BLOCK = 0
const SIG_UNBLOCK = 1
const SIGCHLD = 17
const SA_NOCLDWAIT = 2
const WNOHANG = 1
const PROFILES: readonly Profile[] = ['2.2.12', '2.6.14']

/** A kernel with /d (a directory), /d/sub, /f (a file), /link (to /d) and /dangling (to /new). */
function boot(profile: Profile): { k: Kernel; p: Process } {
  const k = createKernel({ profile, rootfs: 'empty' })
  const p = k.spawn({ uid: 0, umask: 0, cwd: '/' })
  p.sys.mkdir('/d', 0o755)
  p.sys.mkdir('/d/sub', 0o755)
  p.sys.close(Number(p.sys.open('/f', O_CREAT | O_WRONLY, 0o644)))
  p.sys.symlink('/d', '/link')
  p.sys.symlink('/new', '/dangling')
  return { k, p }
}

const modeOf = (p: Process, path: string): number => {
  const stat = p.sys.lstat(path)
  return isErr(stat) ? stat : stat.mode & 0o7777
}

type Sys = Process['sys']
type Call = (sys: Sys) => unknown

/** Call, what 2.2.12 answers, what 2.6.14 answers; 'ok' for a value that is no error. */
const CALLS: readonly (readonly [name: string, call: Call, in22: number | 'ok', in26: number | 'ok'])[] = [
  ['open(dir, O_CREAT|O_RDONLY)', (sys) => sys.open('/d', O_CREAT | O_RDONLY, 0), 'ok', EISDIR],
  ['open(".", O_CREAT|O_EXCL)', (sys) => sys.open('.', O_CREAT | O_EXCL, 0), EEXIST, EISDIR],
  ['open("new/", O_CREAT)', (sys) => sys.open('/new/', O_CREAT | O_WRONLY, 0o644), ENOENT, EISDIR],
  ['open(dir, O_RDONLY|O_TRUNC)', (sys) => sys.open('/d', O_RDONLY | O_TRUNC, 0), EISDIR, 'ok'],
  ['open(a link to nothing, O_CREAT)', (sys) => sys.open('/dangling', O_CREAT | O_WRONLY, 0o644), 'ok', 'ok'],
  ['mkdir of a file with a slash', (sys) => sys.mkdir('/f/', 0o755), ENOTDIR, EEXIST],
  ['mkdir through a link to nothing', (sys) => sys.mkdir('/dangling/', 0o755), 'ok', EEXIST],
  ['symlink to a file with a slash', (sys) => sys.symlink('x', '/f/'), ENOTDIR, EEXIST],
  ['rmdir(".")', (sys) => sys.chdir('/d/sub') || sys.rmdir('.'), 'ok', EINVAL],
  ['rmdir("/")', (sys) => sys.rmdir('/'), ENOENT, EBUSY],
  ['rmdir through a link', (sys) => sys.rmdir('/d/sub') || sys.rmdir('/link/'), 'ok', ENOTDIR],
  ['rename of a directory by "."', (sys) => sys.rename('/d/sub/.', '/moved'), 'ok', EBUSY],
  ['rename onto a directory in use', (sys) => useAndRename(sys), EBUSY, 'ok'],
  ['rename into itself', (sys) => sys.rename('/d', '/d/sub/x'), EINVAL, EINVAL],
  ['link of nothing into nowhere', (sys) => sys.link('/none', '/f/x'), ENOTDIR, ENOENT],
  ['link onto a file', (sys) => sys.link('/f', '/link'), EEXIST, EEXIST],
  ['truncate of a directory', (sys) => sys.truncate('/d', 0), EACCES, EISDIR],
  ['truncate of nothing to a negative length', (sys) => sys.truncate('/none', -1), ENOENT, EINVAL],
  [
    'ftruncate of a file open for reading',
    (sys) => sys.ftruncate(Number(sys.open('/f', 0, 0)), 0),
    EACCES,
    EINVAL,
  ],
  ['pread from a pipe, negative', (sys) => sys.pread(pipeEnd(sys), new Uint8Array(1), -1), EINVAL, EINVAL],
]

function useAndRename(sys: Sys): number {
  sys.mkdir('/target', 0o755)
  sys.open('/target', O_RDONLY, 0)
  return sys.rename('/d/sub', '/target')
}

function pipeEnd(sys: Sys): number {
  const ends = sys.pipe()
  return isErr(ends) ? ends : ends[0]
}

describe.each(PROFILES)('names and files, Linux %s', (profile) => {
  it.each(CALLS)('%s', (_, call, in22, in26) => {
    const { p } = boot(profile)
    const result = call(p.sys)
    expect(typeof result === 'number' && result >= 0 ? 'ok' : result).toBe(profile === '2.2.12' ? in22 : in26)
  })

  it('mkdir takes the sticky bit since 2.4 (do_mkdir, vfs_mkdir)', () => {
    const { p } = boot(profile)
    p.sys.mkdir('/s', 0o1777)
    expect(modeOf(p, '/s')).toBe(profile === '2.2.12' ? 0o777 : 0o1777)
  })

  it('chown by root keeps the set-id bits until 2.2.13; by others it drops them (chown_common)', () => {
    const { k, p } = boot(profile)
    p.sys.chmod('/f', 0o6755)
    p.sys.chown('/f', 500, 500)
    expect(modeOf(p, '/f')).toBe(profile === '2.2.12' ? 0o6755 : 0o755)
    p.sys.chmod('/f', 0o6755)
    const owner = k.spawn({ uid: 500, gid: 500, groups: [501] })
    expect(owner.sys.chown('/f', -1, 501)).toBe(0)
    expect(modeOf(p, '/f')).toBe(0o755)
  })
})

/** A parent and two children that have exited, the first born first. */
function withDeadChildren(
  profile: Profile,
  prepare: (p: Process) => void,
): { k: Kernel; p: Process; pids: number[] } {
  const { k, p } = boot(profile)
  prepare(p)
  const pids = [1, 2].map((code) => {
    const pid = Number(p.sys.fork())
    k.process(pid)?.begin.exit(code)
    return pid
  })
  return { k, p, pids }
}

const waitedFor = (p: Process): number => {
  const result = p.sys.waitpid(-1, WNOHANG)
  return isErr(result) ? result : result.pid
}

describe.each(PROFILES)('children, Linux %s', (profile) => {
  const isOld = profile === '2.2.12'

  it('wait4 looks at the youngest child first in 2.2, at the oldest in 2.6', () => {
    const { p, pids } = withDeadChildren(profile, () => {})
    expect([waitedFor(p), waitedFor(p), waitedFor(p)]).toEqual([...(isOld ? pids.reverse() : pids), ECHILD])
  })

  it('SA_NOCLDWAIT does nothing in 2.2', () => {
    const { p } = withDeadChildren(profile, ({ sys }) =>
      sys.sigaction(SIGCHLD, { handler: () => {}, flags: SA_NOCLDWAIT, mask: [] }),
    )
    expect(waitedFor(p)).toBe(isOld ? p.pid + 2 : ECHILD)
  })

  it('who ignores SIGCHLD has no zombies; in 2.2 only once the signal is taken', () => {
    const { p } = withDeadChildren(profile, ({ sys }) => {
      sys.sigaction(SIGCHLD, { handler: SIG_IGN, flags: 0, mask: [] })
      sys.sigprocmask(SIG_BLOCK, [SIGCHLD])
    })
    expect(p.sys.sigpending()).toEqual(isOld ? [SIGCHLD] : [])
    expect(p.sys.kill(p.pid + 1, 0)).toBe(isOld ? 0 : p.sys.kill(9999, 0))
    p.sys.sigprocmask(SIG_UNBLOCK, [SIGCHLD])
    expect(waitedFor(p)).toBe(ECHILD)
  })
})
