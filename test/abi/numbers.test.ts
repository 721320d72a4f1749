import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as brand from '../../src/abi/brand.js'
import * as capability from '../../src/abi/capability.js'
import * as clone from '../../src/abi/clone.js'
import * as fcntl from '../../src/abi/fcntl.js'
import * as ioctl from '../../src/abi/ioctl.js'
import * as mount from '../../src/abi/mount.js'
import * as poll from '../../src/abi/poll.js'
import { PROFILES, profileFacts } from '../../src/abi/profile.js'
import * as resource from '../../src/abi/resource.js'
import * as stat from '../../src/abi/stat.js'

const constant = (module: object, name: string): unknown => new Map(Object.entries(module)).get(name)

describe('fcntl', () => {
  it.each([
    ['O_RDONLY', 0],
    ['O_WRONLY', 1],
    ['O_RDWR', 2],
    ['O_ACCMODE', 3],
    ['O_CREAT', 0o100],
    ['O_EXCL', 0o200],
    ['O_NOCTTY', 0o400],
    ['O_TRUNC', 0o1000],
    ['O_APPEND', 0o2000],
    ['O_NONBLOCK', 0o4000],
    ['O_SYNC', 0o10000],
    ['O_ASYNC', 0o20000],
    ['O_DIRECT', 0o40000],
    ['O_LARGEFILE', 0o100000],
    ['O_DIRECTORY', 0o200000],
    ['O_NOFOLLOW', 0o400000],
    ['O_NOATIME', 0o1000000],
    ['F_DUPFD', 0],
    ['F_GETLK', 5],
    ['F_SETLK', 6],
    ['F_SETLKW', 7],
    ['F_SETOWN', 8],
    ['F_GETLK64', 12],
    ['F_SETLEASE', 1024],
    ['F_RDLCK', 0],
    ['F_WRLCK', 1],
    ['F_UNLCK', 2],
    ['LOCK_UN', 8],
    ['AT_FDCWD', -100],
  ])('%s is %i (include/asm-i386/fcntl.h)', (name, value) => {
    expect(constant(fcntl, name)).toBe(value)
  })
})

describe('file mode', () => {
  const predicates = [
    [stat.S_IFREG, stat.S_ISREG, stat.DT_REG],
    [stat.S_IFDIR, stat.S_ISDIR, stat.DT_DIR],
    [stat.S_IFLNK, stat.S_ISLNK, stat.DT_LNK],
    [stat.S_IFCHR, stat.S_ISCHR, stat.DT_CHR],
    [stat.S_IFBLK, stat.S_ISBLK, stat.DT_BLK],
    [stat.S_IFIFO, stat.S_ISFIFO, stat.DT_FIFO],
    [stat.S_IFSOCK, stat.S_ISSOCK, stat.DT_SOCK],
  ] as const

  it('has exactly one type, whatever its permissions, and the entry type of getdents follows from it', () => {
    fc.assert(
      fc.property(fc.constantFrom(...predicates), fc.integer({ min: 0, max: 0o7777 }), (row, permissions) => {
        const [type, is, entryType] = row
        expect(predicates.filter(([, test]) => test(type | permissions))).toEqual([row])
        expect(is(type | permissions)).toBe(true)
        expect(stat.modeToDirentType(type | permissions)).toBe(entryType)
      }),
    )
  })
})

describe('device numbers', () => {
  it('hold 12 bits of major and 20 bits of minor (MKDEV, include/linux/kdev_t.h)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4095 }), fc.integer({ min: 0, max: 1048575 }), (hi, lo) => {
        const dev = brand.mkdev(hi, lo)
        expect(dev).toBe(hi * 2 ** 20 + lo)
        expect([brand.major(dev), brand.minor(dev)]).toEqual([hi, lo])
        expect(brand.newDecodeDev(brand.newEncodeDev(dev))).toBe(dev)
      }),
    )
  })

  it('look alike in both encodings while they fit into 8 bits each', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 255 }), (hi, lo) => {
        const dev = brand.mkdev(hi, lo)
        expect(brand.oldEncodeDev(dev)).toBe(hi * 256 + lo)
        expect(brand.newEncodeDev(dev)).toBe(hi * 256 + lo)
        expect(brand.oldDecodeDev(brand.oldEncodeDev(dev))).toBe(dev)
      }),
    )
  })

  it('put a large minor around the major (new_encode_dev)', () => {
    expect(brand.newEncodeDev(brand.mkdev(0x12, 0x34567))).toBe(0x34501267)
    expect(brand.newEncodeDev(brand.mkdev(0xfff, 0xfffff))).toBe(0xffffffff)
  })
})

describe('capabilities', () => {
  it.each([
    ['CAP_CHOWN', 0],
    ['CAP_DAC_OVERRIDE', 1],
    ['CAP_DAC_READ_SEARCH', 2],
    ['CAP_FOWNER', 3],
    ['CAP_FSETID', 4],
    ['CAP_KILL', 5],
    ['CAP_SETGID', 6],
    ['CAP_SETUID', 7],
    ['CAP_SETPCAP', 8],
    ['CAP_NET_BIND_SERVICE', 10],
    ['CAP_NET_ADMIN', 12],
    ['CAP_SYS_MODULE', 16],
    ['CAP_SYS_CHROOT', 18],
    ['CAP_SYS_ADMIN', 21],
    ['CAP_SYS_RESOURCE', 24],
    ['CAP_SYS_TTY_CONFIG', 26],
    ['CAP_MKNOD', 27],
    ['CAP_LEASE', 28],
    ['CAP_AUDIT_CONTROL', 30],
  ])('%s is %i (include/linux/capability.h)', (name, value) => {
    expect(constant(capability, name)).toBe(value)
    expect(capability.capabilityName(value)).toBe(name)
    expect(capability.capabilityByName(name)).toBe(value)
  })

  it('are 27 in 2.2.12 and 31 in 2.6.14', () => {
    expect(profileFacts('2.2.12').capabilityCount).toBe(capability.CAP_SYS_TTY_CONFIG + 1)
    expect(profileFacts('2.6.14').capabilityCount).toBe(capability.CAP_AUDIT_CONTROL + 1)
  })

  it('form sets that are never negative numbers', () => {
    const member = fc.integer({ min: 0, max: 31 })
    fc.assert(
      fc.property(fc.array(member), fc.array(member), (a, b) => {
        const left = capability.capSetOf(...a)
        const right = capability.capSetOf(...b)
        const both = capability.capIntersect(left, right)
        for (let cap = 0; cap < 32; cap++) {
          expect(capability.capRaised(left, cap)).toBe(a.includes(cap))
          expect(capability.capRaised(both, cap)).toBe(a.includes(cap) && b.includes(cap))
          expect(capability.capRaised(capability.capDrop(left, right), cap)).toBe(
            a.includes(cap) && !b.includes(cap),
          )
        }
        expect(Math.min(left, right, both, capability.capCombine(left, right))).toBeGreaterThanOrEqual(0)
        expect(capability.capIsSubset(both, left)).toBe(true)
      }),
    )
  })

  it('start as everything but CAP_SETPCAP (CAP_INIT_EFF_SET)', () => {
    expect(capability.CAP_INIT_EFF_SET).toBe(0xfffffeff)
  })
})

describe('ioctl numbers', () => {
  it.each([
    ['FIONREAD', 0x541b],
    ['FIONBIO', 0x5421],
    ['FIOCLEX', 0x5451],
    ['TIOCGPTN', 0x80045430],
    ['TIOCSPTLCK', 0x40045431],
    ['BLKGETSIZE', 0x1260],
    ['BLKFLSBUF', 0x1261],
    ['FIBMAP', 1],
  ])('%s is %i (include/asm-i386/ioctls.h)', (name, value) => {
    expect(constant(ioctl, name)).toBe(value)
  })

  it('come apart as they were put together', () => {
    const number = (max: number) => fc.integer({ min: 0, max })
    fc.assert(
      fc.property(number(3), number(255), number(255), number(0x3fff), (dir, type, nr, size) => {
        const cmd = ioctl._IOC(dir, type, nr, size)
        expect([ioctl._IOC_DIR(cmd), ioctl._IOC_TYPE(cmd), ioctl._IOC_NR(cmd), ioctl._IOC_SIZE(cmd)]).toEqual(
          [dir, type, nr, size],
        )
      }),
    )
  })
})

describe('flags of clone, mount and poll', () => {
  it.each([
    [clone, 'CLONE_VM', 0x100],
    [clone, 'CLONE_VFORK', 0x4000],
    [clone, 'CLONE_THREAD', 0x10000],
    [clone, 'CLONE_NEWNS', 0x20000],
    [clone, 'CLONE_STOPPED', 0x02000000],
    [mount, 'MS_RDONLY', 1],
    [mount, 'MS_REMOUNT', 32],
    [mount, 'MS_NOATIME', 1024],
    [mount, 'MS_BIND', 4096],
    [mount, 'MS_MOVE', 8192],
    [mount, 'MS_REC', 16384],
    [mount, 'MNT_DETACH', 2],
    [poll, 'POLLIN', 1],
    [poll, 'POLLOUT', 4],
    [poll, 'POLLNVAL', 32],
    [poll, 'POLLMSG', 0x400],
  ])('%#: %s', (module, name, value) => {
    expect(constant(module, name)).toBe(value)
  })
})

describe('resource limits at boot', () => {
  it.each([
    ['2.0.35', 10, 256, 256],
    ['2.2.12', 10, 1024, 256],
    ['2.6.14', 15, 1024, 1024],
  ] as const)('of %s: %i limits, %i files, %i processes (INIT_RLIMITS)', (profile, count, files, tasks) => {
    const limits = resource.initialRlimits(profile)
    expect(limits).toHaveLength(count)
    expect(resource.rlimNlimits(profile)).toBe(count)
    expect(limits[resource.RLIMIT_NOFILE]).toEqual({ cur: files, max: files })
    expect(limits[resource.RLIMIT_NPROC]).toEqual({ cur: tasks, max: tasks })
    expect(limits[resource.RLIMIT_CORE]).toEqual({ cur: 0, max: profileFacts(profile).rlimInfinity })
    expect(limits[resource.RLIMIT_STACK]?.cur).toBe(8 * 1024 * 1024)
  })

  it('are fresh objects each time', () => {
    expect(resource.initialRlimits('2.2.12')[0]).not.toBe(resource.initialRlimits('2.2.12')[0])
  })
})

describe('profile facts', () => {
  it('are frozen and name their own release', () => {
    for (const profile of PROFILES) {
      const facts = profileFacts(profile)
      expect(facts.release).toBe(profile)
      expect(Object.isFrozen(facts)).toBe(true)
      expect(facts.procVersion.startsWith(`Linux version ${profile} `)).toBe(true)
      expect(facts.procVersion.endsWith(facts.version)).toBe(true)
    }
  })

  it('boot on the day their version string names', () => {
    for (const profile of PROFILES) {
      const { epoch, version } = profileFacts(profile)
      expect(new Date(epoch * 1000).toUTCString().slice(0, 3)).toBe(version.slice(3, 6))
      expect(version).toContain(` ${new Date(epoch * 1000).getUTCDate()} 12:00:00 UTC`)
    }
  })

  it.each([
    ['2.0.35', 32, 16, 6, 4096, 32],
    ['2.2.12', 32, 16, 5, 4096, 64],
    ['2.6.14', 65536, 32, 5, 65536, 64],
  ] as const)('of %s: %i groups, %i uid bits, %i nested links, %i pipe bytes, %i signals', (...row) => {
    const [profile, groups, bits, nesting, pipe, nsig] = row
    const facts = profileFacts(profile)
    expect(facts.ngroupsMax).toBe(groups)
    expect(facts.uidBits).toBe(bits)
    expect(facts.maxSymlinkNesting).toBe(nesting)
    expect(facts.pipeCapacity).toBe(pipe)
    expect(facts.nsig).toBe(nsig)
  })
})
