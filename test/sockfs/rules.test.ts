/** Reference §7.4: every rule of sockfs, on each profile that it applies to. */
import {
  type CapHeader,
  checkInvariants,
  EACCES,
  EADDRINUSE,
  EADDRNOTAVAIL,
  EBUSY,
  EEXIST,
  EINVAL,
  ENODEV,
  ENOENT,
  ENOMEM,
  ENOTDIR,
  EPERM,
  failEach,
  isErr,
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  type Profile,
  S_IFCHR,
  S_IFMT,
  S_IFREG,
  type Stat,
} from 'paleokernel'
import { AF_INET, AF_INET6, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'
import {
  ALICE,
  bind,
  core,
  DIR,
  type Machine,
  machine,
  mounted,
  PROFILES,
  STAFF,
  type User,
} from './world.js'

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i)

/** Which rules have been checked on which profiles. */
const checked = new Map<string, Set<Profile>>()

/** Oneself, to capget and capset. */
const header: CapHeader = 0

const CAP_DAC_OVERRIDE = 1
const CAP_NET_BIND_SERVICE = 10

/** A rule, checked on the profiles, with the books recounted behind it. */
function rule(
  name: `SF-${number}`,
  says: string,
  check: (profile: Profile) => Machine | undefined,
  profiles: readonly Profile[] = PROFILES,
): void {
  checked.set(name, new Set([...(checked.get(name) ?? []), ...profiles]))
  it.each(profiles)(`${name} on %s: ${says}`, (profile) => {
    const m = check(profile)
    if (m !== undefined) expect(checkInvariants(m.k)).toEqual([])
  })
}

const MODERN: readonly Profile[] = ['2.2.12', '2.6.14']
const PROTOCOLS = ['tcp', 'udp'] as const

const statOf = ({ sys }: User, path: string): Stat => {
  const found = sys.stat(path)
  if (isErr(found)) throw new Error(`${path}: ${found}`)
  return found
}

/** mode, owner, group */
const show = (m: Machine, port: number, dir = DIR): string => {
  const { mode, uid, gid } = statOf(m.root, `${dir}/${port}`)
  return `${(mode & 0o7777).toString(8).padStart(4, '0')} ${uid}:${gid}`
}

function names({ sys }: User, dir: string, count = 4096): string[] {
  const fd = sys.open(dir, O_RDONLY)
  const found: string[] = []
  for (;;) {
    const some = sys.getdents(fd, count)
    if (isErr(some) || some.length === 0) break
    found.push(...some.map(({ name }) => name))
  }
  sys.close(fd)
  return found
}

describe('registration and mount', () => {
  rule('SF-1', 'loading registers the type and does not change bind; a taken name is EBUSY', (profile) => {
    const m = machine(profile, { load: 'insmod' })
    expect(m.mount()).toBe(ENODEV)
    expect(m.root.sys.init_module('sockfs')).toBe(0)
    expect([bind(m.alice, 80), bind(m.alice, 1024), bind(m.root, 80)]).toEqual([EACCES, 0, 0])
    expect(m.mount()).toBe(0)
    const other = machine(profile, { load: 'insmod', type: 'proc' })
    expect(other.root.sys.init_module('sockfs')).toBe(EBUSY)
    expect(other.k.sockfs.insmod()).toBe(EBUSY)
    expect(other.k.sockfs.isLoaded()).toBe(false)
    return m
  })

  rule('SF-2', 'the table is allocated at the first mount, with alloc_now=1 at load', (profile) => {
    const m = machine(profile, { load: 'insmod' })
    m.root.sys.init_module('sockfs')
    expect(m.k.sockfs.tableBytes()).toBe(0)
    m.mount()
    expect(m.k.sockfs.tableBytes()).toBe(6144)
    expect(new Set(Array.from({ length: 1024 }, (_, i) => JSON.stringify(m.k.sockfs.entry(i + 1))))).toEqual(
      new Set(['{"uid":0,"gid":0,"mode":448}']),
    )
    m.umount()
    expect(m.k.sockfs.tableBytes()).toBe(0)
    m.root.sys.delete_module('sockfs')
    expect(m.root.sys.init_module('sockfs', 'alloc_now=1')).toBe(0)
    expect(m.k.sockfs.tableBytes()).toBe(6144)
    m.mount()
    m.umount()
    expect(m.k.sockfs.tableBytes()).toBe(6144)
    m.root.sys.delete_module('sockfs')
    expect(m.k.sockfs.tableBytes()).toBe(0)
    return m
  })

  rule('SF-2', 'without memory loading is ENOMEM and mounting EINVAL (2.6: ENOMEM)', (profile) => {
    const isModern = profile === '2.6.14'
    const m = machine(profile, { load: 'insmod' })
    const faults = m.k.faults
    faults.failWhen(({ name }) => name === 'alloc:sockfs')
    expect(m.k.sockfs.insmod('alloc_now=1')).toBe(ENOMEM)
    // The call of the older kernels says EBUSY for whatever goes wrong in a module's init.
    expect(m.root.sys.init_module('sockfs', 'alloc_now=1')).toBe(isModern ? ENOMEM : EBUSY)
    expect(m.root.sys.init_module('sockfs', 'alloc_now=0')).toBe(0)
    expect(m.mount()).toBe(isModern ? ENOMEM : EINVAL)
    expect(m.k.sockfs.isInForce()).toBe(false)
    faults.off()
    expect(m.mount()).toBe(0)
    return m
  })

  rule('SF-3', 'the first mount puts the permissions in force', (profile) => {
    const m = machine(profile)
    expect(m.k.sockfs.isInForce()).toBe(false)
    expect(bind(m.alice, 1024)).toBe(0)
    m.mount()
    expect(m.k.sockfs.isInForce()).toBe(true)
    expect(bind(m.alice, 1024)).toBe(EACCES)
    return m
  })

  rule('SF-4', 'a second mount shows and edits the same table', (profile) => {
    const m = mounted(profile)
    // Both have looked the entry up before it changes.
    expect(m.mount('/more')).toBe(0)
    expect([show(m, 80), show(m, 80, '/more')]).toEqual(['0700 0:0', '0700 0:0'])
    expect(m.root.sys.chown('/more/80', ALICE, STAFF)).toBe(0)
    expect(m.root.sys.chmod(`${DIR}/80`, 0o640)).toBe(0)
    expect([show(m, 80), show(m, 80, '/more')]).toEqual(['0640 1000:50', '0640 1000:50'])
    expect(statOf(m.root, '/more').dev).not.toBe(statOf(m.root, DIR).dev)
    expect(m.root.sys.chmod('/more', 0o775)).toBe(0)
    expect(statOf(m.root, DIR).mode & 0o7777).toBe(0o775)
    expect(m.umount()).toBe(0)
    expect(bind(m.alice, 80)).toBe(0)
    expect(m.umount('/more')).toBe(0)
    expect(bind(m.alice, 80)).toBe(EACCES)
    return m
  })

  rule('SF-5', 'mounting needs root, no device, and no data', (profile) => {
    const m = machine(profile)
    m.root.sys.mkdir(DIR, 0o777)
    m.root.sys.chmod(DIR, 0o777)
    expect(m.alice.sys.mount('sockfs', DIR, m.k.sockfs.type, 0)).toBe(EPERM)
    expect(m.k.sockfs.isInForce()).toBe(false)
    expect(m.root.sys.mount('/no/such/device', DIR, m.k.sockfs.type, 0, null)).toBe(0)
    expect(m.alice.sys.umount(DIR)).toBe(EPERM)
    return m
  })
})

describe('the directory', () => {
  rule('SF-10', 'lists ., .. and 1 to 1024 in numeric order, and finds no other name', (profile) => {
    const m = mounted(profile)
    const all = ['.', '..', ...Array.from({ length: 1024 }, (_, i) => String(i + 1))]
    expect(names(m.alice, DIR)).toEqual(all)
    expect(names(m.alice, DIR, 24)).toEqual(all)
    for (const port of ['1', '80', '999', '1000', '1024'])
      expect(statOf(m.alice, `${DIR}/${port}`).ino).toBe(Number(port) + 1)
    for (const name of [
      '0',
      '1025',
      '01',
      '80x',
      'x80',
      '-1',
      '+80',
      '8 0',
      '0x50',
      '8e1',
      '80.',
      '٨٠',
      '10000',
    ])
      expect(m.root.sys.stat(`${DIR}/${name}`)).toBe(ENOENT)
    return m
  })

  rule('SF-10', 'seeking in it comes back to the same entry', (profile) => {
    const m = mounted(profile)
    const fd = m.root.libc.open(DIR, O_RDONLY)
    const first = m.root.libc.getdents(fd, 4096)
    const place = first[10]?.off ?? 0
    expect(m.root.sys.lseek(fd, place, 0)).toBe(place)
    expect(m.root.libc.getdents(fd, 40)[0]?.name).toBe(first[11]?.name)
    expect(m.root.sys.getdents(fd, 4)).toBe(EINVAL)
    return m
  })

  rule('SF-11', 'entries are empty files of one link, 0700 root:root; it is 0755 root:root', (profile) => {
    const m = mounted(profile)
    const { mode, size, nlink, uid, gid } = statOf(m.alice, `${DIR}/1024`)
    expect({ mode, size, nlink, uid, gid }).toEqual({
      mode: S_IFREG | 0o700,
      size: 0,
      nlink: 1,
      uid: 0,
      gid: 0,
    })
    const dir = statOf(m.alice, DIR)
    expect([(dir.mode & 0o7777).toString(8), dir.uid, dir.gid]).toEqual(['755', 0, 0])
    return m
  })

  rule('SF-12', 'nothing is made, removed or renamed in it: EPERM', (profile) => {
    const { root, k, ...m } = mounted(profile)
    const { sys } = root
    const old = profile !== '2.6.14'
    expect(sys.open(`${DIR}/new`, O_WRONLY | O_CREAT, 0o644)).toBe(EPERM)
    expect(sys.open(`${DIR}/80`, O_WRONLY | O_CREAT | O_EXCL, 0o644)).toBe(EEXIST)
    expect(sys.mkdir(`${DIR}/new`, 0o755)).toBe(EPERM)
    expect(sys.mkdir(`${DIR}/80`, 0o755)).toBe(EEXIST)
    expect(sys.mknod(`${DIR}/new`, S_IFCHR | 0o600, 0x0103)).toBe(EPERM)
    expect(sys.mknod(`${DIR}/80`, S_IFCHR | 0o600, 0x0103)).toBe(EEXIST)
    expect(sys.symlink('80', `${DIR}/new`)).toBe(EPERM)
    expect(sys.symlink('81', `${DIR}/80`)).toBe(EEXIST)
    expect(sys.link(`${DIR}/80`, `${DIR}/new`)).toBe(EPERM)
    expect(sys.link(`${DIR}/80`, `${DIR}/81`)).toBe(EEXIST)
    expect(sys.rename(`${DIR}/80`, `${DIR}/new`)).toBe(EPERM)
    expect(sys.rename(`${DIR}/80`, `${DIR}/81`)).toBe(EPERM)
    expect(sys.unlink(`${DIR}/80`)).toBe(EPERM)
    expect(sys.rmdir(`${DIR}/80`)).toBe(ENOTDIR)
    expect(sys.unlink(`${DIR}/new`)).toBe(ENOENT)
    // A stranger may not write to the directory to begin with.
    expect(m.alice.sys.unlink(`${DIR}/80`)).toBe(EACCES)
    expect(m.alice.sys.mkdir(`${DIR}/new`, 0o755)).toBe(EACCES)
    expect(names(root, DIR)).toHaveLength(1026)
    expect(old || k.sockfs.isInForce()).toBe(true)
    return { root, k, ...m }
  })

  rule('SF-13', 'entries open per mode, read as empty, and take no bytes: EINVAL, EPERM', (profile) => {
    const m = mounted(profile)
    const { root, alice } = m
    expect(alice.sys.open(m.at(80), O_RDONLY)).toBe(EACCES)
    root.sys.chmod(m.at(80), 0o764)
    expect(alice.sys.open(m.at(80), O_WRONLY)).toBe(EACCES)
    const fd = alice.libc.open(m.at(80), O_RDONLY)
    const buf = new Uint8Array(8)
    expect([alice.sys.read(fd, buf), alice.sys.write(fd, buf)]).toEqual([0, -9])
    const both = root.libc.open(m.at(80), O_RDWR)
    expect([root.sys.write(both, buf), root.sys.read(both, buf), root.sys.lseek(both, 5, 0)]).toEqual([
      EINVAL,
      0,
      5,
    ])
    expect([root.sys.write(both, buf), root.sys.read(both, buf)]).toEqual([EINVAL, 0])
    expect([root.sys.truncate(m.at(80), 0), root.sys.truncate(m.at(80), 9)]).toEqual([EPERM, EPERM])
    expect(root.sys.ftruncate(both, 9)).toBe(EPERM)
    expect(root.sys.open(m.at(80), O_WRONLY | O_TRUNC)).toBe(EPERM)
    expect(alice.sys.truncate(m.at(80), 0)).toBe(EACCES)
    expect(statOf(root, m.at(80)).size).toBe(0)
    return m
  })

  rule('SF-14', 'entries are changed by whoever may write to the directory, owner or not', (profile) => {
    const m = mounted(profile)
    const { root, alice, bob } = m
    root.sys.chown(m.at(80), ALICE, ALICE)
    expect(alice.sys.chmod(m.at(80), 0o777)).toBe(EPERM)
    expect(m.k.why(alice)).toMatchObject({ check: 'dac', code: 'EPERM', object: { path: DIR } })
    expect(alice.sys.chown(m.at(80), ALICE, STAFF)).toBe(EPERM)
    const fd = root.libc.open(m.at(80), O_RDONLY)
    expect(root.sys.fchmod(fd, 0o750)).toBe(0)
    root.sys.chown(DIR, 0, STAFF)
    expect(bob.sys.chmod(m.at(80), 0o777)).toBe(EPERM)
    root.sys.chmod(DIR, 0o775)
    expect(bob.sys.chmod(m.at(80), 0o720)).toBe(0)
    expect(bob.sys.chown(m.at(80), 7, 8)).toBe(0)
    expect(show(m, 80)).toBe('0720 7:8')
    expect(alice.sys.chmod(m.at(80), 0o777)).toBe(EPERM)
    // The owner's class decides, though the group's would do.
    root.sys.chown(DIR, 1001, STAFF)
    root.sys.chmod(DIR, 0o575)
    expect(bob.sys.chmod(m.at(80), 0o777)).toBe(EPERM)
    expect(root.sys.chmod(m.at(80), 0o777)).toBe(0)
    return m
  })

  rule(
    'SF-14',
    'CAP_DAC_OVERRIDE is write access to the directory, and to no port',
    (profile) => {
      const m = mounted(profile)
      const holder = m.k.spawn()
      holder.sys.setfsuid(ALICE)
      expect(holder.sys.chmod(m.at(80), 0o777)).toBe(EPERM)
      const caps = holder.libc.capget(header)
      holder.libc.capset(header, { ...caps, effective: caps.effective | (1 << CAP_DAC_OVERRIDE) })
      expect(bind(holder, 80)).toBe(EACCES)
      expect(holder.sys.chmod(m.at(80), 0o770)).toBe(0)
      expect(bind(holder, 80)).toBe(0)
      return m
    },
    MODERN,
  )

  rule('SF-15', 'the low 12 bits change, the type stays; set-id bits are kept', (profile) => {
    const m = mounted(profile)
    expect(m.root.sys.chmod(m.at(80), 0o177777)).toBe(0)
    expect(statOf(m.root, m.at(80)).mode).toBe(S_IFREG | 0o7777)
    expect(m.root.sys.chmod(m.at(80), 0o6700)).toBe(0)
    expect(statOf(m.root, m.at(80)).mode & ~S_IFMT).toBe(0o6700)
    expect(bind(m.alice, 80)).toBe(EACCES)
    return m
  })

  rule('SF-16', 'the directory itself follows the stock rule, and group write delegates', (profile) => {
    const m = mounted(profile)
    const { root, alice, bob } = m
    expect(alice.sys.chmod(DIR, 0o777)).toBe(EPERM)
    expect(bob.sys.chown(DIR, 1001, 1001)).toBe(EPERM)
    root.sys.chown(DIR, ALICE, STAFF)
    expect(alice.sys.chmod(DIR, 0o2775)).toBe(0)
    // Not a member of the group, so it loses set-group-id, as anywhere.
    expect(statOf(root, DIR).mode & 0o7777).toBe(0o775)
    expect(bob.sys.chown(m.at(443), 1001, 1001)).toBe(0)
    expect(bind(bob, 443)).toBe(0)
    return m
  })

  rule('SF-17', 'a change counts for the next bind, and not for bound sockets', (profile) => {
    const m = mounted(profile)
    const { root, alice } = m
    root.sys.chown(m.at(80), ALICE, 0)
    const fd = alice.libc.socket(AF_INET, SOCK_STREAM, 0)
    expect(alice.sys.bind(fd, { family: AF_INET, addr: 0, port: 80 })).toBe(0)
    root.sys.chmod(m.at(80), 0)
    expect(bind(alice, 80)).toBe(EACCES)
    expect(alice.sys.listen(fd, 1)).toBe(0)
    const client = m.bob.libc.socket(AF_INET, SOCK_STREAM, 0)
    expect(m.bob.sys.connect(client, { family: AF_INET, addr: '127.0.0.1', port: 80 })).toBe(0)
    root.sys.chmod(m.at(80), 0o700)
    alice.sys.close(fd)
    return m
  })
})

describe('the decision', () => {
  rule('SF-20', 'fsuid 0 may; else the write bit of the class; else EACCES', (profile) => {
    const m = mounted(profile)
    const { root, alice, bob } = m
    for (const protocol of PROTOCOLS) {
      for (const port of [1, 80, 1023]) {
        root.sys.chown(m.at(port), 0, 0)
        root.sys.chmod(m.at(port), 0o700)
        expect([bind(root, port, { protocol }), bind(alice, port, { protocol })]).toEqual([0, EACCES])
        root.sys.chown(m.at(port), ALICE, STAFF)
        root.sys.chmod(m.at(port), 0o200)
        expect([bind(alice, port, { protocol }), bind(bob, port, { protocol })]).toEqual([0, EACCES])
        root.sys.chmod(m.at(port), 0o020)
        expect([bind(alice, port, { protocol }), bind(bob, port, { protocol })]).toEqual([EACCES, 0])
      }
    }
    return m
  })

  rule('SF-20', 'kernel.why names the module, the entry and the bit', (profile) => {
    const m = mounted(profile)
    m.root.sys.chown(m.at(80), ALICE, STAFF)
    m.root.sys.chmod(m.at(80), 0o570)
    expect(bind(m.alice, 80)).toBe(EACCES)
    const why = m.k.why(m.alice)
    expect(why).toMatchObject({ check: 'hook', module: 'sockfs', hook: 'inetBindPrivilege', code: 'EACCES' })
    expect(why?.sentence).toBe(
      "bind: EACCES: the hook inetBindPrivilege of module 'sockfs' refused: entry 80 of sockfs (/ports/80) has mode 0570, owner 1000:50: no w for the owner, who is uid 1000",
    )
    m.root.sys.chmod(m.at(80), 0o700)
    bind(m.bob, 80)
    expect(m.k.why(m.bob)?.sentence).toContain(
      'mode 0700, owner 1000:50: no w for the group, in which is uid 1001',
    )
    // It tells what was, also when it is asked later.
    bind(m.bob, 81)
    m.root.sys.chmod(m.at(81), 0o777)
    m.umount()
    expect(m.k.why(m.bob)?.sentence).toContain(
      'entry 81 of sockfs has mode 0700, owner 0:0: no w for the others, of whom one is uid 1001',
    )
    return m
  })

  rule(
    'SF-21',
    'one class decides: an owner without write is refused whatever the others have',
    (profile) => {
      const m = mounted(profile)
      m.root.sys.chown(m.at(80), ALICE, STAFF)
      m.root.sys.chmod(m.at(80), 0o077)
      expect([bind(m.alice, 80), bind(m.bob, 80)]).toEqual([EACCES, 0])
      m.root.sys.chmod(m.at(80), 0o707)
      expect([bind(m.alice, 80), bind(m.bob, 80)]).toEqual([0, EACCES])
      const both = m.k.spawn({ uid: ALICE, gid: STAFF })
      m.root.sys.chmod(m.at(80), 0o070)
      expect(bind(both, 80)).toBe(EACCES)
      return m
    },
  )

  rule('SF-22', 'read and execute bits do not matter', (profile) => {
    const m = mounted(profile)
    for (let bits = 0; bits < 8; bits++) {
      m.root.sys.chmod(m.at(80), bits)
      expect(bind(m.alice, 80)).toBe((bits & 2) !== 0 ? 0 : EACCES)
    }
    return m
  })

  rule('SF-23', 'entry 1024 counts for an explicit bind, unless protectedMax is 1023', (profile) => {
    const m = mounted(profile)
    expect([bind(m.alice, 1024), bind(m.alice, 1025)]).toEqual([EACCES, 0])
    m.root.sys.chmod(m.at(1024), 0o702)
    expect(bind(m.alice, 1024)).toBe(0)
    const open = mounted(profile, { protectedMax: 1023 })
    expect(statOf(open.root, open.at(1024)).mode & 0o777).toBe(0o700)
    expect([bind(open.alice, 1024), bind(open.alice, 1023)]).toEqual([0, EACCES])
    return m
  })

  rule('SF-24', 'port 0 is never refused', (profile) => {
    const m = mounted(profile)
    const fds = Array.from({ length: 4 }, () => m.alice.libc.socket(AF_INET, SOCK_STREAM, 0))
    const ports = fds.map((fd) => {
      expect(m.alice.sys.bind(fd, { family: AF_INET, addr: 0, port: 0 })).toBe(0)
      const at = m.alice.libc.getsockname(fd)
      return 'port' in at ? at.port : 0
    })
    expect(ports.every((port) => port >= 1024)).toBe(true)
    expect(bind(m.alice, 0, { protocol: 'udp' })).toBe(0)
    return m
  })

  rule(
    'SF-24',
    'literalAutoBind: bind(0) of TCP lands on 1024 first, and is refused there',
    (profile) => {
      const m = mounted(profile, { literalAutoBind: true })
      expect(bind(m.alice, 0)).toBe(EACCES)
      expect(m.k.why(m.alice)?.sentence).toContain('entry 1024 of sockfs')
      expect(bind(m.alice, 0, { protocol: 'udp' })).toBe(0)
      m.root.sys.chmod(m.at(1024), 0o702)
      expect(bind(m.alice, 0)).toBe(0)
      expect(bind(mounted(profile, { literalAutoBind: true, protectedMax: 1023 }).alice, 0)).toBe(0)
      return m
    },
    ['2.0.35'],
  )

  rule(
    'SF-24',
    'literalAutoBind changes nothing where the port is chosen after the test',
    (profile) => {
      const m = mounted(profile, { literalAutoBind: true })
      expect([bind(m.alice, 0), bind(m.alice, 0, { protocol: 'udp' })]).toEqual([0, 0])
      return m
    },
    MODERN,
  )

  rule('SF-25', 'ports above 1024 are free', (profile) => {
    const m = mounted(profile)
    for (const protocol of PROTOCOLS)
      for (const port of [1025, 8080, 65535]) expect(bind(m.alice, port, { protocol })).toBe(0)
    return m
  })

  rule('SF-26', 'fsuid decides, not euid', (profile) => {
    const m = mounted(profile)
    const like = m.k.spawn()
    like.sys.setfsuid(ALICE)
    expect(bind(like, 80)).toBe(EACCES)
    m.root.sys.chown(m.at(80), ALICE, 0)
    expect(bind(like, 80)).toBe(0)
    const server = m.k.spawn()
    expect(server.sys.setreuid(0, ALICE)).toBe(0)
    expect(bind(server, 81)).toBe(EACCES)
    server.sys.setfsuid(0)
    expect([server.sys.geteuid(), bind(server, 81)]).toEqual([ALICE, 0])
    return m
  })

  rule(
    'SF-27',
    'CAP_NET_BIND_SERVICE does not help, unless capabilityStillCounts',
    (profile) => {
      const m = mounted(profile)
      const holder = m.k.spawn()
      holder.sys.setfsuid(ALICE)
      expect(holder.libc.capget(header).effective & (1 << CAP_NET_BIND_SERVICE)).not.toBe(0)
      expect(bind(holder, 80)).toBe(EACCES)
      const other = mounted(profile, { capabilityStillCounts: true })
      const likewise = other.k.spawn()
      likewise.sys.setfsuid(ALICE)
      expect([bind(likewise, 80), bind(other.alice, 80)]).toEqual([0, EACCES])
      // It lets nobody lose what the entry gives.
      other.root.sys.chown(other.at(80), ALICE, 0)
      expect(bind(other.alice, 80)).toBe(0)
      return m
    },
    MODERN,
  )

  rule(
    'SF-27',
    'where there are no capabilities the option changes nothing: fsuid decides',
    (profile) => {
      const m = mounted(profile, { capabilityStillCounts: true })
      const like = m.k.spawn()
      like.sys.setfsuid(ALICE)
      expect(bind(like, 80)).toBe(EACCES)
      return m
    },
    ['2.0.35'],
  )

  rule('SF-28', 'the test stands where the kernel has its own', (profile) => {
    const m = mounted(profile)
    const isOld = profile === '2.0.35'
    const there = { addr: '192.168.7.7' }
    expect(bind(m.alice, 80, there)).toBe(isOld ? EACCES : EADDRNOTAVAIL)
    expect(bind(m.root, 80, there)).toBe(EADDRNOTAVAIL)
    const fd = m.root.libc.socket(AF_INET, SOCK_STREAM, 0)
    m.root.libc.bind(fd, { family: AF_INET, addr: 0, port: 80 })
    expect([bind(m.alice, 80), bind(m.root, 80)]).toEqual([EACCES, EADDRINUSE])
    m.root.sys.chmod(m.at(80), 0o702)
    expect(bind(m.alice, 80)).toBe(EADDRINUSE)
    // A socket that has its port already: found before the test, but in 2.6.
    expect(
      m.alice.sys.bind(m.alice.libc.socket(AF_INET, SOCK_STREAM, 0), { family: AF_INET, addr: 0, port: 81 }),
    ).toBe(EACCES)
    const bound = m.alice.libc.socket(AF_INET, SOCK_STREAM, 0)
    m.alice.libc.bind(bound, { family: AF_INET, addr: 0, port: 5000 })
    expect(m.alice.sys.bind(bound, { family: AF_INET, addr: 0, port: 81 })).toBe(
      profile === '2.6.14' ? EACCES : EINVAL,
    )
    m.root.sys.close(fd)
    return m
  })

  rule('SF-29', 'AF_INET6, raw sockets and ports that nobody asks for are as without it', (profile) => {
    const run = (isMounted: boolean): unknown[] => {
      const m = isMounted ? mounted(profile) : machine(profile)
      return [m.root, m.alice].flatMap((who) => {
        const { sys } = who
        const six = sys.socket(AF_INET6, SOCK_STREAM, 0)
        const raw = sys.socket(AF_INET, SOCK_RAW, 1)
        const rawBind = isErr(raw) ? raw : sys.bind(raw, { family: AF_INET, addr: '127.0.0.1', port: 80 })
        const listener = sys.socket(AF_INET, SOCK_STREAM, 0)
        const heard = sys.listen(listener, 1)
        const udp = sys.socket(AF_INET, SOCK_DGRAM, 0)
        const sent = sys.sendto(udp, new Uint8Array(1), 0, { family: AF_INET, addr: '127.0.0.1', port: 9 })
        const names = [listener, udp].map((fd) => sys.getsockname(fd))
        return [six, raw, rawBind, heard, sent, names]
      })
    }
    expect(run(true)).toEqual(run(false))
    return undefined
  })

  rule('SF-30', 'root can never be locked out', (profile) => {
    const m = mounted(profile)
    for (const path of [m.at(80), DIR]) {
      m.root.sys.chmod(path, 0)
      m.root.sys.chown(path, ALICE, ALICE)
    }
    m.root.sys.chmod(DIR, 0)
    const bare = m.k.spawn()
    if (profile !== '2.0.35') bare.libc.capset(header, { effective: 0, permitted: 0, inheritable: 0 })
    expect(bind(m.root, 80)).toBe(0)
    expect(bind(bare, 80)).toBe(0)
    expect(m.root.sys.chmod(m.at(80), 0o700)).toBe(0)
    const inside = m.root.libc.open(m.at(80), O_RDONLY)
    expect(m.root.sys.fchown(inside, 0, 0)).toBe(0)
    expect(m.root.sys.chmod(DIR, 0o755)).toBe(0)
    m.root.sys.close(inside)
    return m
  })
})

describe('unmount and unload', () => {
  rule(
    'SF-31',
    'restore: the last umount brings the stock test back, a later mount starts afresh',
    (profile) => {
      const m = mounted(profile)
      m.root.sys.chown(m.at(80), ALICE, 0)
      m.root.sys.chmod(DIR, 0o777)
      expect(m.umount()).toBe(0)
      expect([bind(m.alice, 80), bind(m.alice, 1024), bind(m.root, 80)]).toEqual([EACCES, 0, 0])
      expect(m.k.why(m.alice)).toMatchObject({ check: 'capability', capability: 'CAP_NET_BIND_SERVICE' })
      expect(m.mount()).toBe(0)
      expect([show(m, 80), statOf(m.root, DIR).mode & 0o7777]).toEqual(['0700 0:0', 0o755])
      // With the table kept by alloc_now it is no different.
      const kept = mounted(profile, { allocNow: true })
      kept.root.sys.chown(kept.at(80), ALICE, 0)
      kept.umount()
      kept.mount()
      expect(show(kept, 80)).toBe('0700 0:0')
      return m
    },
  )

  rule('SF-32', 'preserve: umount leaves the permissions in force, until the module goes', (profile) => {
    const m = mounted(profile, { unmountMode: 'preserve' })
    m.root.sys.chown(m.at(80), ALICE, 0)
    m.root.sys.chown(DIR, 0, STAFF)
    m.root.sys.chmod(DIR, 0o775)
    expect(m.umount()).toBe(0)
    expect([bind(m.alice, 80), bind(m.bob, 80), bind(m.alice, 1024)]).toEqual([0, EACCES, EACCES])
    expect(m.mount()).toBe(0)
    expect([show(m, 80), statOf(m.root, DIR).mode & 0o7777]).toEqual(['0700 1000:0', 0o775])
    expect(m.bob.sys.chmod(m.at(81), 0o777)).toBe(0)
    m.umount()
    expect(m.root.sys.delete_module('sockfs')).toBe(0)
    expect([bind(m.alice, 80), bind(m.alice, 1024)]).toEqual([EACCES, 0])
    return m
  })

  rule('SF-32', 'a mount can say what its last umount does', (profile) => {
    const m = machine(profile)
    expect(m.mount(DIR, 'preserve')).toBe(0)
    m.root.sys.chown(m.at(80), ALICE, 0)
    m.umount()
    expect(bind(m.alice, 80)).toBe(0)
    expect(m.mount(DIR, 'restore')).toBe(0)
    expect(bind(m.alice, 80)).toBe(0)
    m.umount()
    expect(bind(m.alice, 80)).toBe(EACCES)
    return m
  })

  rule('SF-33', 'rmmod while mounted is EBUSY; then the test goes, and then the table', (profile) => {
    const m = mounted(profile)
    expect(m.root.sys.delete_module('sockfs')).toBe(EBUSY)
    expect(m.k.sockfs.rmmod()).toBe(EBUSY)
    expect(m.k.sockfs.isInForce()).toBe(true)
    m.umount()
    expect(m.root.sys.delete_module('sockfs')).toBe(0)
    expect(m.root.sys.delete_module('sockfs')).toBe(ENOENT)
    expect([m.k.sockfs.isInForce(), m.k.sockfs.tableBytes(), m.mount()]).toEqual([false, 0, ENODEV])
    const kept = mounted(profile, { unmountMode: 'preserve' })
    kept.umount()
    expect(kept.k.sockfs.isInForce()).toBe(true)
    expect(kept.k.sockfs.rmmod()).toBe(0)
    expect([kept.k.sockfs.isInForce(), kept.k.sockfs.tableBytes()]).toEqual([false, 0])
    return m
  })

  rule('SF-34', 'umount with an open file or a working directory inside is EBUSY', (profile) => {
    const m = mounted(profile)
    const fd = m.root.libc.open(m.at(80), O_RDONLY)
    expect(m.umount()).toBe(EBUSY)
    m.root.sys.close(fd)
    m.alice.libc.chdir(DIR)
    expect(m.umount()).toBe(EBUSY)
    m.alice.libc.chdir('/')
    expect(m.umount()).toBe(0)
    return m
  })

  rule(
    'SF-35',
    'the kernel has a sockfs of its own: the module is EBUSY under that name, and portfs by default',
    (profile) => {
      const m = machine(profile, { load: 'insmod', type: 'sockfs' })
      expect(core(m.k).filesystems.has('sockfs')).toBe(true)
      expect(m.root.sys.init_module('sockfs')).toBe(EBUSY)
      expect(m.k.sockfs.isLoaded()).toBe(false)
      expect(() => machine(profile, { type: 'sockfs' })).toThrow(
        "'sockfs' cannot be loaded at boot: a file system 'sockfs' is there already",
      )
      expect(mounted(profile).k.sockfs.type).toBe('portfs')
      return m
    },
    ['2.6.14'],
  )

  rule(
    'SF-35',
    'the older kernels have none: it is sockfs',
    (profile) => {
      const m = machine(profile)
      expect(m.k.sockfs.type).toBe('sockfs')
      expect(m.mount()).toBe(0)
      return m
    },
    ['2.0.35', '2.2.12'],
  )

  rule('SF-36', 'restore is the default', (profile) => {
    const m = mounted(profile)
    m.umount()
    expect(m.k.sockfs.isInForce()).toBe(false)
    return m
  })
})

describe('faults', () => {
  it.each(PROFILES)('SF-2 on %s: whatever cannot be allocated, nothing is left half done', (profile) => {
    const result = failEach({
      boot: () => machine(profile, { load: 'insmod' }).k,
      run(k) {
        const root = k.spawn()
        root.sys.mkdir(DIR, 0o755)
        const loaded = root.sys.init_module('sockfs', 'alloc_now=1')
        const there = root.sys.mount('none', DIR, k.sockfs.type, 0)
        root.sys.chown(`${DIR}/80`, ALICE, ALICE)
        expect(k.sockfs.isInForce()).toBe(there === 0)
        expect(k.sockfs.tableBytes()).toBe(loaded === 0 ? 6144 : 0)
        root.sys.umount(DIR)
        return root.sys.delete_module('sockfs')
      },
    })
    expect(result.points.map(({ name }) => name)).toContain('alloc:sockfs')
  })
})

it('every rule of the reference has a test, on each profile', () => {
  const numbers = [1, 2, 3, 4, 5, ...range(10, 17), ...range(20, 36)]
  const lacking = numbers.flatMap((n) =>
    PROFILES.filter((profile) => checked.get(`SF-${n}`)?.has(profile) !== true).map(
      (at) => `SF-${n} on ${at}`,
    ),
  )
  expect(lacking).toEqual([])
})
