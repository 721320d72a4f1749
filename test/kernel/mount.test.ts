/** Mounts as programs see them. Linux: fs/namespace.c (2.6.14), fs/super.c (2.2.12); reference §1.3. */
import {
  CAP_SYS_ADMIN,
  EACCES,
  EBUSY,
  EINVAL,
  EISDIR,
  ELOOP,
  ENODEV,
  ENOENT,
  ENOSPC,
  ENOTDIR,
  EPERM,
  EROFS,
  EXDEV,
  isErr,
  type Kernel,
  type KernelCore,
  MNT_DETACH,
  MS_BIND,
  MS_MOVE,
  MS_NODEV,
  MS_RDONLY,
  MS_REC,
  MS_REMOUNT,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  PROFILES,
  type Process,
  type Profile,
  S_IFCHR,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { boot, checkInvariants, forkOf, ok, readFile, writeFile } from '../helpers/world.js'

interface Scene {
  readonly k: Kernel
  readonly p: Process
}

/** /a, /a/b and /c, with a file in each; root works there. */
function scene(profile: Profile = '2.6.14'): Scene {
  const k = boot({ profile, rootfs: 'empty' })
  const p = k.spawn({ comm: 'root' })
  for (const dir of ['/a', '/a/b', '/c']) {
    ok(p.sys.mkdir(dir, 0o755))
    writeFile(p, `${dir}/file`, dir)
  }
  return { k, p }
}

const ramfs = (p: Process, target: string, flags = 0, data = ''): number =>
  p.sys.mount('none', target, 'ramfs', flags, data)
const names = (p: Process, path: string): string[] => {
  const fd = ok(p.sys.open(path, O_RDONLY))
  const list = ok(p.sys.getdents(fd)).map(({ name }) => name)
  ok(p.sys.close(fd))
  return list.filter((name) => name !== '.' && name !== '..').sort()
}

describe.each(PROFILES)('mount and umount, Linux %s', (profile) => {
  it('cover a directory and uncover it again', () => {
    const { k, p } = scene(profile)
    expect(ramfs(p, '/a')).toBe(0)
    expect(names(p, '/a')).toEqual([])
    writeFile(p, '/a/new')
    expect(names(p, '/a')).toEqual(['new'])
    expect(p.sys.umount('/a')).toBe(0)
    expect(names(p, '/a')).toEqual(['b', 'file'])
    checkInvariants(k)
  })

  it.each<[string, (p: Process) => number, number]>([
    ['a directory that does not exist', (p) => ramfs(p, '/none'), ENOENT],
    ['a file', (p) => ramfs(p, '/c/file'), ENOTDIR],
    ['a file system that nobody knows', (p) => p.sys.mount('none', '/a', 'ext9', 0, ''), ENODEV],
    ['options that it does not know', (p) => ramfs(p, '/a', 0, 'colour=blue'), EINVAL],
    ['umount of what is no mount', (p) => p.sys.umount('/a'), EINVAL],
    ['umount of what does not exist', (p) => p.sys.umount('/none'), ENOENT],
    ['remount of what is no mount', (p) => ramfs(p, '/a', MS_REMOUNT), EINVAL],
  ])('%s', (_what, call, result) => {
    const { k, p } = scene(profile)
    expect(call(p)).toBe(result)
    checkInvariants(k)
  })

  it('are for CAP_SYS_ADMIN', () => {
    const { k, p } = scene(profile)
    const user = k.spawn({ uid: 5 })
    ok(ramfs(p, '/c'))
    expect([ramfs(user, '/a'), user.sys.umount('/c'), ramfs(user, '/c', MS_REMOUNT)]).toEqual([
      EPERM,
      EPERM,
      EPERM,
    ])
    expect(CAP_SYS_ADMIN).toBe(21)
  })

  it('umount is EBUSY while anything on it is in use', () => {
    const { k, p } = scene(profile)
    ok(ramfs(p, '/a'))
    ok(p.sys.mkdir('/a/dir', 0o755))
    const child = forkOf(k, p)
    const uses: [() => unknown, () => unknown][] = [
      [() => p.sys.open('/a/f', O_CREAT | O_RDWR, 0o600), () => p.sys.close(0)],
      [() => child.sys.chdir('/a/dir'), () => child.sys.chdir('/')],
      [() => ramfs(p, '/a/dir'), () => p.sys.umount('/a/dir')],
    ]
    for (const [begin, end] of uses) {
      begin()
      expect(p.sys.umount('/a')).toBe(EBUSY)
      end()
    }
    expect(p.sys.umount('/a')).toBe(0)
    checkInvariants(k)
  })

  it('a mount point cannot be removed or renamed', () => {
    const { p } = scene(profile)
    ok(ramfs(p, '/a/b'))
    // 2.2 looks at the root of the mount, which has no name in any directory: check_parent, do_rmdir.
    const refusal = profile === '2.2.12' ? ENOENT : EBUSY
    expect([p.sys.rmdir('/a/b'), p.sys.rename('/a/b', '/x'), p.sys.rmdir('/a')]).toEqual([
      refusal,
      refusal,
      -39,
    ])
    expect(p.sys.rename('/a', '/x')).toBe(0)
    expect(names(p, '/x/b')).toEqual([])
  })

  it('links and renames do not cross mounts', () => {
    const { p } = scene(profile)
    ok(ramfs(p, '/c'))
    writeFile(p, '/c/new')
    expect([
      p.sys.link('/a/file', '/c/x'),
      p.sys.rename('/a/file', '/c/x'),
      p.sys.rename('/c/new', '/a/x'),
    ]).toEqual([EXDEV, EXDEV, EXDEV])
  })

  it('devices differ by mount', () => {
    const { p } = scene(profile)
    ok(ramfs(p, '/a/b'))
    const devs = ['/', '/a', '/a/b'].map((path) => ok(p.sys.stat(path)).dev)
    expect(devs[0]).toBe(devs[1])
    expect(devs[2]).not.toBe(devs[1])
  })
})

describe('.. across mounts', () => {
  it('leads from the root of a mount to the parent of its mount point', () => {
    const { p } = scene()
    ok(ramfs(p, '/a/b'))
    ok(ramfs(p, '/a/b'))
    ok(p.sys.mkdir('/a/b/x', 0o755))
    ok(p.sys.chdir('/a/b/x'))
    expect(readFile(p, '../../file')).toBe('/a')
    expect(readFile(p, '../../../c/file')).toBe('/c')
    expect(p.sys.getcwd()).toBe('/a/b/x')
    ok(p.sys.chdir('..'))
    expect(p.sys.getcwd()).toBe('/a/b')
    ok(p.sys.chdir('..'))
    expect(p.sys.getcwd()).toBe('/a')
  })

  it('stays at the root of the process', () => {
    const { k, p } = scene()
    ok(ramfs(p, '/a/b'))
    const child = forkOf(k, p)
    ok(child.sys.chroot('/a/b'))
    // Root's old trick: the working directory is still outside.
    expect(readFile(child, 'a/file')).toBe('/a')
    ok(child.sys.chdir('/'))
    expect([child.sys.getcwd(), child.sys.stat('/../../file'), child.sys.stat('../file')]).toEqual([
      '/',
      ENOENT,
      ENOENT,
    ])
    const inner = forkOf(k, p)
    ok(inner.sys.chroot('/a'))
    ok(inner.sys.chdir('/b'))
    expect(readFile(inner, '../../../file')).toBe('/a')
    expect(inner.sys.getcwd()).toBe('/b')
    checkInvariants(k)
  })

  it('leads a mount inside a chroot back no further than the chroot', () => {
    const { k, p } = scene()
    const child = forkOf(k, p)
    ok(child.sys.chroot('/a'))
    ok(child.sys.chdir('/'))
    ok(ramfs(child, '/b'))
    ok(child.sys.chdir('/b/../..'))
    expect(names(child, '.')).toEqual(['b', 'file'])
    expect(p.sys.umount('/a/b')).toBe(0)
    checkInvariants(k)
  })
})

describe('read-only', () => {
  it.each<[string, (p: Process) => unknown]>([
    ['open for writing', (p) => p.sys.open('/a/file', O_RDWR)],
    ['create', (p) => p.sys.open('/a/new', O_CREAT | O_RDWR, 0o600)],
    ['mkdir', (p) => p.sys.mkdir('/a/new', 0o700)],
    ['mknod', (p) => p.sys.mknod('/a/new', 0o010600, 0)],
    ['symlink', (p) => p.sys.symlink('x', '/a/new')],
    ['link', (p) => p.sys.link('/a/file', '/a/new')],
    ['unlink', (p) => p.sys.unlink('/a/file')],
    ['rename', (p) => p.sys.rename('/a/file', '/a/new')],
    ['chmod', (p) => p.sys.chmod('/a/file', 0o600)],
    ['chown', (p) => p.sys.chown('/a/file', 1, 1)],
    ['utime', (p) => p.sys.utime('/a/file', null)],
    ['truncate', (p) => p.sys.truncate('/a/file', 0)],
    ['access for writing', (p) => p.sys.access('/a/file', 2)],
  ])('%s is EROFS, also to root', (_what, call) => {
    const { k, p } = scene()
    ok(ramfs(p, '/a'))
    writeFile(p, '/a/file', 'x')
    ok(ramfs(p, '/a', MS_REMOUNT | MS_RDONLY))
    expect(call(p)).toBe(EROFS)
    expect(readFile(p, '/a/file')).toBe('x')
    checkInvariants(k)
  })

  it('cannot come while somebody writes, and goes away again', () => {
    const { p } = scene()
    ok(ramfs(p, '/a'))
    const fd = ok(p.sys.open('/a/f', O_CREAT | O_RDWR, 0o600))
    expect(ramfs(p, '/a', MS_REMOUNT | MS_RDONLY)).toBe(EBUSY)
    ok(p.sys.close(fd))
    expect(ramfs(p, '/a', MS_REMOUNT | MS_RDONLY)).toBe(0)
    expect(ramfs(p, '/a', MS_REMOUNT)).toBe(0)
    expect(p.sys.mkdir('/a/new', 0o700)).toBe(0)
  })

  it('does not keep FIFOs and devices from being written to', () => {
    const { p } = scene()
    ok(ramfs(p, '/a'))
    ok(p.sys.mknod('/a/fifo', 0o010600, 0))
    ok(p.sys.mknod('/a/null', S_IFCHR | 0o600, 0x103))
    ok(ramfs(p, '/a', MS_REMOUNT | MS_RDONLY))
    for (const path of ['/a/fifo', '/a/null'])
      expect(p.sys.write(ok(p.sys.open(path, O_RDWR)), new Uint8Array(1))).toBe(1)
  })

  it('is what umount of the root of everything leaves', () => {
    const { p } = scene()
    expect(p.sys.umount('/')).toBe(0)
    expect(p.sys.mkdir('/new', 0o700)).toBe(EROFS)
  })
})

describe('nodev', () => {
  it('refuses to open devices there, with EACCES', () => {
    const { p } = scene()
    ok(ramfs(p, '/a', MS_NODEV))
    ok(p.sys.mknod('/a/null', S_IFCHR | 0o666, 0x103))
    ok(p.sys.mknod('/c/null', S_IFCHR | 0o666, 0x103))
    expect(p.sys.open('/a/null', O_RDONLY)).toBe(EACCES)
    expect(isErr(p.sys.open('/c/null', O_RDONLY))).toBe(false)
  })
})

describe('limits of a ramfs', () => {
  it('size: ENOSPC by pages, a short write before, and room again after truncation or removal', () => {
    const { k, p } = scene()
    ok(ramfs(p, '/a', 0, 'size=8k'))
    const fd = ok(p.sys.open('/a/f', O_CREAT | O_RDWR, 0o600))
    expect(p.sys.write(fd, new Uint8Array(10_000))).toBe(8192)
    expect(p.sys.write(fd, new Uint8Array(1))).toBe(ENOSPC)
    expect(ok(p.sys.statfs('/a'))).toMatchObject({ blocks: 2, bfree: 0 })
    expect(p.sys.pwrite(fd, new Uint8Array(10), 100)).toBe(10)
    ok(p.sys.ftruncate(fd, 4096))
    expect(p.sys.pwrite(fd, new Uint8Array(1), 2 ** 20)).toBe(1)
    ok(p.sys.unlink('/a/f'))
    expect(ok(p.sys.statfs('/a')).bfree).toBe(0)
    ok(p.sys.close(fd))
    expect(ok(p.sys.statfs('/a')).bfree).toBe(2)
    checkInvariants(k)
  })

  it('nr_inodes: ENOSPC, the root counts, an open file without a name as well', () => {
    const { k, p } = scene()
    ok(ramfs(p, '/a', 0, 'nr_inodes=3'))
    const fd = ok(p.sys.open('/a/f', O_CREAT | O_RDWR, 0o600))
    ok(p.sys.mkdir('/a/d', 0o700))
    const full = [
      p.sys.creat('/a/x', 0o600),
      p.sys.mkdir('/a/x', 0o700),
      p.sys.symlink('y', '/a/x'),
      p.sys.mknod('/a/x', 0o010600, 0),
    ]
    expect(full).toEqual([ENOSPC, ENOSPC, ENOSPC, ENOSPC])
    expect(p.sys.link('/a/f', '/a/g')).toBe(0)
    for (const name of ['/a/f', '/a/g']) ok(p.sys.unlink(name))
    expect(p.sys.creat('/a/x', 0o600)).toBe(ENOSPC)
    ok(p.sys.close(fd))
    expect(isErr(p.sys.creat('/a/x', 0o600))).toBe(false)
    checkInvariants(k)
  })

  it('a remount may raise a limit, not lower it below what is used', () => {
    const { p } = scene()
    ok(ramfs(p, '/a', 0, 'size=8k'))
    writeFile(p, '/a/f', 'x'.repeat(8192))
    expect(ramfs(p, '/a', MS_REMOUNT, 'size=4k')).toBe(EINVAL)
    expect(ramfs(p, '/a', MS_REMOUNT, 'size=16k')).toBe(0)
    expect(ok(p.sys.statfs('/a')).bfree).toBe(2)
  })
})

describe('bind mounts (2.4)', () => {
  const bind = (p: Process, from: string, to: string, flags = 0): number =>
    p.sys.mount(from, to, '', MS_BIND | flags, '')

  it('show the same files at two places', () => {
    const { k, p } = scene()
    expect(bind(p, '/a', '/c')).toBe(0)
    expect(names(p, '/c')).toEqual(['b', 'file'])
    writeFile(p, '/c/new', 'text')
    expect(readFile(p, '/a/new')).toBe('text')
    expect(ok(p.sys.stat('/a')).ino).toBe(ok(p.sys.stat('/c')).ino)
    // Names on one and the other mount: the mounts differ, though the file system is one.
    expect(p.sys.link('/a/new', '/c/link')).toBe(EXDEV)
    ok(p.sys.umount('/c'))
    expect(names(p, '/c')).toEqual(['file'])
    checkInvariants(k)
  })

  it('may be of a file onto a file, not of one kind onto the other', () => {
    const { k, p } = scene()
    expect(bind(p, '/a/file', '/c/file')).toBe(0)
    expect(readFile(p, '/c/file')).toBe('/a')
    expect(p.sys.unlink('/c/file')).toBe(EBUSY)
    expect([bind(p, '/a', '/a/b/file'), bind(p, '/a/file', '/a/b')]).toEqual([ENOTDIR, ENOTDIR])
    expect(bind(p, '/none', '/a')).toBe(ENOENT)
    checkInvariants(k)
  })

  it('leave mounts below behind unless MS_REC takes them along', () => {
    const { k, p } = scene()
    ok(ramfs(p, '/a/b'))
    writeFile(p, '/a/b/inner')
    ok(bind(p, '/a', '/c'))
    expect(names(p, '/c/b')).toEqual(['file'])
    ok(p.sys.umount('/c'))
    ok(bind(p, '/a', '/c', MS_REC))
    expect(names(p, '/c/b')).toEqual(['inner'])
    expect(p.sys.umount('/c')).toBe(EBUSY)
    ok(p.sys.umount('/c/b'))
    ok(p.sys.umount('/c'))
    checkInvariants(k)
  })

  it('can be moved, not below themselves', () => {
    const { k, p } = scene()
    ok(ramfs(p, '/a/b'))
    writeFile(p, '/a/b/inner')
    expect(p.sys.mount('/a/b', '/c', '', MS_MOVE, '')).toBe(0)
    expect([names(p, '/c'), names(p, '/a/b')]).toEqual([['inner'], ['file']])
    ok(p.sys.mkdir('/c/below', 0o700))
    expect(p.sys.mount('/c', '/c/below', '', MS_MOVE, '')).toBe(ELOOP)
    expect(p.sys.mount('/a', '/a/b', '', MS_MOVE, '')).toBe(EINVAL)
    checkInvariants(k)
  })

  it('keep what they show when it loses its last name (mntget holds mnt_root)', () => {
    const { k, p } = scene()
    ok(ramfs(p, '/a', 0, 'nr_inodes=4'))
    writeFile(p, '/a/source', 'kept')
    ok(bind(p, '/a/source', '/c/file'))
    ok(p.sys.unlink('/a/source'))
    expect(readFile(p, '/c/file')).toBe('kept')
    expect(ok(p.sys.stat('/c/file')).nlink).toBe(0)
    expect(ok(p.sys.statfs('/a')).ffree).toBe(2)
    checkInvariants(k)
    ok(p.sys.umount('/c/file'))
    expect(ok(p.sys.statfs('/a')).ffree).toBe(3)
    expect(readFile(p, '/c/file')).toBe('/c')
    checkInvariants(k)
  })

  it('cannot be put onto a file that has lost its name (graft_tree: d_unhashed)', () => {
    const { k, p } = scene()
    const fd = ok(p.sys.open('/a/file', O_RDONLY))
    ok(p.sys.mkdir('/proc', 0o755))
    ok(p.sys.mount('proc', '/proc', 'proc', 0, ''))
    const target = `/proc/self/fd/${fd}`
    ok(bind(p, '/c/file', target))
    ok(p.sys.umount('/a/file'))
    ok(p.sys.unlink('/a/file'))
    expect(bind(p, '/c/file', target)).toBe(ENOENT)
    ok(ramfs(p, '/a/b'))
    ok(bind(p, '/c/file', '/c/file'))
    expect(p.sys.mount('/c/file', target, '', MS_MOVE, '')).toBe(ENOENT)
    checkInvariants(k)
  })

  it('do not exist in 2.2, where the flag means something else', () => {
    const { p } = scene('2.2.12')
    expect(bind(p, '/a', '/c')).toBe(ENODEV)
    expect(p.sys.umount2('/a', MNT_DETACH)).toBeLessThan(0)
  })
})

describe('MNT_DETACH (2.4)', () => {
  it('takes a busy mount out of sight, and what is open goes on working', () => {
    const { k, p } = scene()
    ok(ramfs(p, '/a'))
    const fd = ok(p.sys.open('/a/f', O_CREAT | O_RDWR, 0o600))
    const child = forkOf(k, p)
    ok(child.sys.chdir('/a'))
    expect(p.sys.umount2('/a', MNT_DETACH)).toBe(0)
    expect(names(p, '/a')).toEqual(['b', 'file'])
    expect(p.sys.write(fd, new Uint8Array(3))).toBe(3)
    expect(names(child, '.')).toEqual(['f'])
    child.sys.exit(0)
    ok(p.sys.close(fd))
    checkInvariants(k)
  })
})

describe('a detached mount that is used (2.4)', () => {
  const shown = (k: Kernel): number => k.describe().mounts.length
  const supers = (k: Kernel): number => (k as unknown as KernelCore).state.superBlocks.length

  it('keeps its file system until its last use, however it is used', () => {
    const { k, p } = scene()
    const before = supers(k)
    ok(ramfs(p, '/a'))
    ok(p.sys.mkdir('/a/dir', 0o755))
    ok(ramfs(p, '/a/dir'))
    writeFile(p, '/a/dir/in', 'text')
    const fd = ok(p.sys.open('/a/dir/in', O_RDONLY))
    const child = forkOf(k, p)
    ok(child.sys.chdir('/a'))
    const other = forkOf(k, p)
    ok(other.sys.chroot('/a/dir'))
    const mounts = shown(k)
    expect(p.sys.umount2('/a', MNT_DETACH)).toBe(0)
    expect([shown(k), supers(k)]).toEqual([mounts - 2, before + 2])
    checkInvariants(k)
    const copy = k.fork()
    ok(child.sys.chdir('/'))
    expect(supers(k)).toBe(before + 1)
    child.sys.exit(0)
    ok(p.sys.close(fd))
    expect(supers(k)).toBe(before + 1)
    other.sys.exit(0)
    expect(supers(k)).toBe(before)
    checkInvariants(k)
    // The copy was made while both were held, and goes its own way.
    expect(supers(copy as Kernel)).toBe(before + 2)
    copy.process(child.pid)?.sys.exit(0)
    copy.process(other.pid)?.sys.exit(0)
    expect(supers(copy as Kernel)).toBe(before + 1)
    checkInvariants(copy as Kernel)
  })
})

describe('mounts on mounts', () => {
  it('stack since 2.2, the last one is seen; 2.0 says EBUSY', () => {
    const { k, p } = scene('2.2.12')
    ok(ramfs(p, '/a'))
    writeFile(p, '/a/one')
    ok(ramfs(p, '/a'))
    writeFile(p, '/a/two')
    expect(names(p, '/a')).toEqual(['two'])
    ok(p.sys.umount('/a'))
    expect(names(p, '/a')).toEqual(['one'])
    ok(p.sys.umount('/a'))
    expect(names(p, '/a')).toEqual(['b', 'file'])
    checkInvariants(k)
    const old = scene('2.0.35').p
    ok(ramfs(old, '/a'))
    expect(ramfs(old, '/a')).toBe(EBUSY)
  })

  it('leave a process whose root or directory was covered where it is', () => {
    const { k, p } = scene()
    const child = forkOf(k, p)
    ok(child.sys.chdir('/a'))
    ok(ramfs(p, '/a'))
    expect(names(child, '.')).toEqual(['b', 'file'])
    expect(names(p, '/a')).toEqual([])
    expect(child.sys.open('.', O_RDWR)).toBe(EISDIR)
    checkInvariants(k)
  })
})
