/** Odd names, odd ids, odd mounts and odd neighbours: sockfs answers with an errno, and nothing changes or leaks. */

import fc from 'fast-check'
import {
  checkInvariants,
  createKernel,
  defineModule,
  EACCES,
  EBUSY,
  EFAULT,
  EINVAL,
  EISDIR,
  ENAMETOOLONG,
  ENOENT,
  ENOEXEC,
  ENOTDIR,
  ENOTTY,
  EPERM,
  EROFS,
  type Errno,
  EWOULDBLOCK,
  LOCK_EX,
  LOCK_NB,
  MNT_DETACH,
  MS_BIND,
  MS_NOSUID,
  MS_RDONLY,
  MS_REMOUNT,
  O_RDONLY,
} from 'paleokernel'
import { AF_INET, net, SOCK_STREAM } from 'paleokernel/net'
import { type SockfsOptions, sockfs } from 'paleokernel/sockfs'
import { describe, expect, it } from 'vitest'
import { ALICE, bind, core, DIR, machine, mounted, PROFILES, type User } from './world.js'

/** How many names the directory holds in memory. */
const inodesIn = (k: object): number =>
  core(k).state.superBlocks.find(({ ops }) => ops.name === 'sockfs.super')?.root?.children?.size ?? 0

function listAll({ libc }: User): number {
  const fd = libc.open(DIR, O_RDONLY)
  let count = 0
  for (let some = libc.getdents(fd, 512); some.length > 0; some = libc.getdents(fd, 512)) count += some.length
  libc.close(fd)
  return count
}

describe('names', () => {
  it('a listing makes no inode, a lookup makes one', () => {
    const { k, root, at } = mounted('2.2.12')
    expect([listAll(root), inodesIn(k)]).toEqual([1026, 0])
    root.libc.stat(at(80))
    root.libc.stat(at(80))
    expect([listAll(root), inodesIn(k)]).toEqual([1026, 1])
  })

  it('that are no ports are ENOENT, and leave nothing behind', () => {
    const m = mounted('2.6.14')
    const before = m.k.digest()
    const name = fc.oneof(
      fc.string({ minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1025 }).map(String),
      fc.integer({ max: 0 }).map(String),
      fc.integer({ min: 1, max: 1024 }).map((n) => `0${n}`),
      fc.constantFrom('8O', '1e2', '0x50', '80\n', ' 80', '80 ', '８０', 'NaN', '__proto__', 'constructor'),
    )
    fc.assert(
      fc.property(name, (text) => {
        fc.pre(!text.includes('/') && !text.includes('\0') && !/^\.{1,2}$/.test(text))
        fc.pre(!/^[1-9][0-9]{0,3}$/.test(text) || Number(text) > 1024)
        expect(m.root.sys.stat(`${DIR}/${text}`)).toBe(ENOENT)
      }),
    )
    expect(m.root.sys.stat(`${DIR}/${'8'.repeat(256)}`)).toBe(ENAMETOOLONG)
    expect([m.root.sys.stat(`${DIR}/80/`), m.root.sys.stat(`${DIR}/80/x`)]).toEqual([ENOTDIR, ENOTDIR])
    m.root.sys.unlink(`${DIR}/80`)
    expect(inodesIn(m.k)).toBe(1)
    // But for the one entry that has been looked up nothing has come to be.
    const again = mounted('2.6.14')
    again.root.sys.stat(`${DIR}/80/`)
    expect(m.k.digest()).toBe(again.k.digest())
    expect(before).not.toBe(m.k.digest())
  })
})

describe.each(PROFILES)('files on %s', (profile) => {
  it('an entry is a file to everything else, too', () => {
    const m = mounted(profile)
    const { root, alice, bob } = m
    root.libc.chmod(m.at(80), 0o755)
    const fd = root.libc.open(m.at(80), O_RDONLY)
    expect(root.sys.ioctl(fd, 0x5401, new Uint8Array(64))).toBe(ENOTTY)
    expect(root.sys.execve(m.at(80), ['80'], [])).toBe(ENOEXEC)
    expect(alice.sys.access(m.at(80), 2)).toBe(EACCES)
    expect(alice.sys.access(m.at(80), 4)).toBe(0)
    root.sys.setreuid(0, ALICE)
    expect(root.sys.access(m.at(80), 2)).toBe(0)
    root.sys.setreuid(0, 0)
    if (profile !== '2.0.35') {
      // One inode, whoever opens it: locks of two users meet.
      expect(alice.sys.flock(alice.libc.open(m.at(80), O_RDONLY), LOCK_EX)).toBe(0)
      expect(bob.sys.flock(bob.libc.open(m.at(80), O_RDONLY), LOCK_EX | LOCK_NB)).toBe(EWOULDBLOCK)
    }
    const dir = alice.libc.open(DIR, O_RDONLY)
    expect(alice.sys.read(dir, new Uint8Array(8))).toBe(EISDIR)
    expect(m.umount()).toBe(EBUSY)
    expect(checkInvariants(m.k)).toEqual([])
  })

  it('times may be set by whoever may write, to a moment by whoever may administer', () => {
    const m = mounted(profile)
    m.root.libc.chown(m.at(80), ALICE, 0)
    const then = { actime: 900_000_000, modtime: 900_000_000 }
    expect([m.alice.sys.utime(m.at(80), null), m.bob.sys.utime(m.at(80), null)]).toEqual([0, EACCES])
    expect([m.alice.sys.utime(m.at(80), then), m.root.sys.utime(m.at(80), then)]).toEqual([EPERM, 0])
    expect(m.root.libc.stat(m.at(80)).mtime).toBe(900_000_000)
    expect(m.k.sockfs.entry(80)).toEqual({ uid: ALICE, gid: 0, mode: 0o700 })
  })

  it('statfs counts the files and has no blocks', () => {
    const m = mounted(profile)
    expect(m.alice.libc.statfs(m.at(7))).toMatchObject({
      blocks: 0,
      bfree: 0,
      files: 1025,
      ffree: 0,
      namelen: 4,
    })
    expect(m.alice.libc.stat(m.at(7)).blocks).toBe(0)
  })
})

describe('ids', () => {
  const BIG = 0x10000 + ALICE

  it('of more than 16 bits are refused on 2.6, and nothing is changed', () => {
    const m = mounted('2.6.14')
    m.root.libc.chown(m.at(80), ALICE, 7)
    for (const [uid, gid] of [
      [BIG, 7],
      [ALICE, BIG],
      [0x10000, -1],
      [-1, 0x7fffffff],
      [-2, -1],
    ] as const)
      expect(m.root.sys.chown(m.at(80), uid, gid)).toBe(EINVAL)
    expect(m.k.sockfs.entry(80)).toEqual({ uid: ALICE, gid: 7, mode: 0o700 })
    expect(m.root.sys.chown(m.at(80), 0xffff, 0xffff)).toBe(0)
    expect(m.k.sockfs.entry(80)).toEqual({ uid: 0xffff, gid: 0xffff, mode: 0o700 })
    expect(m.root.sys.chown(DIR, BIG, BIG)).toBe(0)
    expect(m.root.libc.stat(DIR).uid).toBe(BIG)
    expect(m.k.spawn({ uid: BIG }).sys.chmod(m.at(80), 0o777)).toBe(0)
  })

  it('of processes are compared whole', () => {
    const m = mounted('2.6.14')
    m.root.libc.chown(m.at(80), ALICE, ALICE)
    m.root.libc.chmod(m.at(80), 0o770)
    expect(bind(m.k.spawn({ uid: BIG, gid: BIG, groups: [BIG] }), 80)).toBe(EACCES)
    m.root.libc.chown(m.at(81), 0, 0)
    expect(bind(m.k.spawn({ uid: 0x10000, gid: 0x10000 }), 81)).toBe(EACCES)
  })

  it.each(['2.0.35', '2.2.12'] as const)('of %s have 16 bits from the start', (profile) => {
    const m = mounted(profile)
    expect(m.root.sys.chown(m.at(80), BIG, -1)).toBe(0)
    expect(m.k.sockfs.entry(80)).toEqual({ uid: ALICE, gid: 0, mode: 0o700 })
  })
})

describe.each(PROFILES)('mounts on %s', (profile) => {
  it.each([
    ['preserve,restore', 0],
    [',,', 0],
    ['preserve=1', EINVAL],
    ['Restore', EINVAL],
    ['restore ', EINVAL],
    ['alloc_now=1', EINVAL],
    [7 as unknown as string, EFAULT],
  ])('with the data %j are %i', (data, result) => {
    const m = machine(profile)
    expect(m.mount(DIR, data)).toBe(result)
    expect(m.k.sockfs.isInForce()).toBe(result === 0)
    expect(checkInvariants(m.k)).toEqual([])
  })

  it('read-only ones can be looked at and not changed, and binds are judged all the same', () => {
    const m = machine(profile)
    expect(m.mount(DIR, '', MS_RDONLY | MS_NOSUID)).toBe(0)
    expect([m.root.sys.chmod(m.at(80), 0o777), m.root.sys.chown(m.at(80), 1, 1)]).toEqual([EROFS, EROFS])
    expect([bind(m.alice, 80), bind(m.root, 80)]).toEqual([EACCES, 0])
    expect(m.mount('/more')).toBe(0)
    expect(m.root.sys.chmod('/more/80', 0o777)).toBe(0)
    expect(bind(m.alice, 80)).toBe(0)
    expect(m.root.sys.mount('none', DIR, '', MS_REMOUNT, '')).toBe(0)
    expect(m.root.sys.chmod(m.at(80), 0o700)).toBe(0)
    expect(m.root.sys.mount('none', DIR, '', MS_REMOUNT, 'junk')).toBe(EINVAL)
    expect(checkInvariants(m.k)).toEqual([])
  })

  it('many are one', () => {
    const m = mounted(profile)
    const places = Array.from({ length: 8 }, (_, at) => `/m${at}`)
    for (const place of places) expect(m.mount(place)).toBe(0)
    m.root.libc.chown('/m3/80', ALICE, 0)
    for (const place of places) expect(m.root.libc.stat(`${place}/80`).uid).toBe(ALICE)
    expect(m.k.sockfs.tableBytes()).toBe(6144)
    for (const place of places) expect(m.umount(place)).toBe(0)
    expect(bind(m.alice, 80)).toBe(0)
    // Once more on the same place: 2.0 has no stack of mounts.
    expect(m.mount()).toBe(profile === '2.0.35' ? EBUSY : 0)
    while (m.umount() === 0);
    expect(m.k.sockfs.isInForce()).toBe(false)
    expect(checkInvariants(m.k)).toEqual([])
  })

  it('one that cannot be put into place is no mount', () => {
    const m = machine(profile)
    expect(m.root.sys.mount('none', '/etc/passwd', m.k.sockfs.type, 0)).toBe(ENOTDIR)
    expect(m.root.sys.mount('none', '/nowhere', m.k.sockfs.type, 0)).toBe(ENOENT)
    expect(m.k.sockfs.isInForce()).toBe(false)
    expect(m.k.sockfs.rmmod()).toBe(0)
  })
})

describe('views and leftovers of 2.6', () => {
  it('a view of one entry keeps the whole in force', () => {
    const m = mounted('2.6.14')
    m.root.libc.close(m.root.libc.creat('/tmp/http', 0o600))
    expect(m.root.sys.mount(m.at(80), '/tmp/http', null, MS_BIND)).toBe(0)
    expect(m.umount()).toBe(0)
    expect([m.k.sockfs.isInForce(), m.k.sockfs.rmmod()]).toEqual([true, EBUSY])
    expect(m.root.sys.chown('/tmp/http', ALICE, 0)).toBe(0)
    expect(bind(m.alice, 80)).toBe(0)
    expect(m.root.sys.umount('/tmp/http')).toBe(0)
    expect([m.k.sockfs.isInForce(), bind(m.alice, 80)]).toEqual([false, EACCES])
    expect(checkInvariants(m.k)).toEqual([])
  })

  it('one that is detached while it is used stays in force until its last use', () => {
    const m = mounted('2.6.14')
    const fd = m.root.libc.open(m.at(80), O_RDONLY)
    m.alice.libc.chdir(DIR)
    expect(m.root.sys.umount2(DIR, MNT_DETACH)).toBe(0)
    expect([m.k.sockfs.isInForce(), m.k.sockfs.rmmod()]).toEqual([true, EBUSY])
    expect(m.root.sys.fchown(fd, ALICE, 0)).toBe(0)
    expect([bind(m.alice, 80), bind(m.bob, 80)]).toEqual([0, EACCES])
    expect(m.k.why(m.bob)?.sentence).toContain('entry 80 of sockfs has mode')
    expect(m.alice.libc.stat('80').uid).toBe(ALICE)
    // A new mount meanwhile shows the same.
    expect(m.mount()).toBe(0)
    expect(m.root.libc.stat(m.at(80)).uid).toBe(ALICE)
    expect(m.umount()).toBe(0)
    m.root.libc.close(fd)
    expect([m.k.sockfs.isInForce(), ...checkInvariants(m.k)]).toEqual([true])
    const copy = m.k.fork()
    m.alice.libc.chdir('/')
    expect([m.k.sockfs.isInForce(), bind(m.alice, 80), m.k.sockfs.rmmod()]).toEqual([false, EACCES, 0])
    expect([copy.sockfs.isInForce(), copy.sockfs.rmmod()]).toEqual([true, EBUSY])
    expect([...checkInvariants(m.k), ...checkInvariants(copy)]).toEqual([])
  })
})

describe('copies of the kernel', () => {
  it('have tables of their own', () => {
    const m = mounted('2.2.12')
    m.root.libc.chown(m.at(80), ALICE, 0)
    const shot = m.k.snapshot()
    const copy = m.k.fork()
    expect(copy.digest()).toBe(m.k.digest())
    const there = copy.process(m.root.pid)
    expect(there?.sys.chmod(m.at(80), 0)).toBe(0)
    expect(there?.sys.umount(DIR)).toBe(0)
    expect([copy.sockfs.isInForce(), m.k.sockfs.isInForce()]).toEqual([false, true])
    expect(bind(m.alice, 80)).toBe(0)
    m.umount()
    m.k.sockfs.rmmod()
    m.k.restore(shot)
    expect([m.k.sockfs.isLoaded(), m.k.sockfs.entry(80)]).toEqual([true, { uid: ALICE, gid: 0, mode: 0o700 }])
    expect([bind(m.alice, 80), bind(m.bob, 80)]).toEqual([0, EACCES])
    expect([...checkInvariants(m.k), ...checkInvariants(copy)]).toEqual([])
  })
})

describe('neighbours', () => {
  const guard = (answer: 0 | Errno | undefined) =>
    defineModule({
      name: 'guard',
      requires: ['net'],
      init: () => ({}),
      attach: () => ({ api: {}, hooks: { inetBindPrivilege: () => answer } }),
    })

  it.each([
    ['behind', undefined, 0, EACCES],
    ['behind', EPERM, EPERM, EACCES],
    ['behind', 0, 0, EACCES],
    ['before', undefined, 0, EACCES],
    ['before', EPERM, EPERM, EPERM],
    ['before', 0, 0, EACCES],
  ] as const)(
    'a module %s it that says %s: the owner gets %s, a stranger %s',
    (place, answer, owner, stranger) => {
      const modules =
        place === 'behind'
          ? ([net(), sockfs(), guard(answer)] as const)
          : ([net(), guard(answer), sockfs()] as const)
      const k = createKernel({ modules })
      const root = k.spawn()
      root.libc.mkdir(DIR, 0o755)
      root.libc.mount('none', DIR, 'sockfs', 0)
      root.libc.chown(`${DIR}/80`, ALICE, 0)
      const results = [ALICE, 7].map((uid) => {
        const { sys } = k.spawn({ uid })
        const fd = sys.socket(AF_INET, SOCK_STREAM, 0)
        const result = sys.bind(fd, { family: AF_INET, addr: 0, port: 80 })
        sys.close(fd)
        return result
      })
      expect(results).toEqual([owner, stranger])
    },
  )

  it('a hook on attributes is asked about entries', () => {
    const strict = defineModule({
      name: 'strict',
      init: () => ({}),
      attach: () => ({ api: {}, hooks: { inodeSetattr: () => EPERM } }),
    })
    const k = createKernel({ modules: [net(), sockfs(), strict] })
    const root = k.spawn()
    root.libc.mkdir(DIR, 0o755)
    root.libc.mount('none', DIR, 'sockfs', 0)
    expect(root.sys.chmod(`${DIR}/80`, 0o777)).toBe(EPERM)
    expect(k.why(root)).toMatchObject({ module: 'strict' })
  })
})

describe('options', () => {
  it.each([
    [{ unmountMode: 'keep' }, 'unmountMode must be one of restore, preserve, not keep'],
    [{ protectedMax: 80 }, 'protectedMax must be one of 1023, 1024, not 80'],
    [{ allocNow: 1 }, 'allocNow must be one of true, false, not 1'],
    [{ literalAutoBind: 'yes' }, 'literalAutoBind must be one of true, false'],
    [{ capabilityStillCounts: null }, 'capabilityStillCounts must be one of true, false'],
    [{ load: 'later' }, 'load must be one of boot, insmod, not later'],
    [{ type: 'no good' }, 'type must be a name such as \'portfs\', not "no good"'],
    [{ port: 80 }, "there is no option 'port'"],
  ])('%j is an error', (options, message) => {
    expect(() => sockfs(options as SockfsOptions)).toThrow(message)
  })

  it('entry() takes what is no port for nothing', () => {
    const { k } = mounted('2.2.12')
    for (const port of [0, 1025, -1, 1.5, Number.NaN]) expect(k.sockfs.entry(port)).toBeUndefined()
  })
})
