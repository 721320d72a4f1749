/** Device numbers, the memory devices, and devfs. */
import { createKernel, type Kernel, type Profile } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { mkdev } from '../../src/abi/brand.js'
import { EAGAIN, EINVAL, ENODEV, ENOSPC, ENXIO, type Errno, errnoName, isErr } from '../../src/abi/errno.js'
import { O_APPEND, O_RDONLY, O_RDWR, O_WRONLY, SEEK_END, SEEK_SET } from '../../src/abi/fcntl.js'
import { profileFacts } from '../../src/abi/profile.js'
import { memDevice } from '../../src/fs/dev/mem.js'
import type { KernelCore } from '../../src/kernel/kernel.js'
import type { CharDevice } from '../../src/kernel/module.js'
import { DeviceRegistry } from '../../src/vfs/devices.js'
import { defineFileOps } from '../../src/vfs/ops.js'

type Proc = ReturnType<Kernel['spawn']>

const PROFILES: readonly Profile[] = ['2.0.35', '2.2.12', '2.6.14']

function must<T>(value: T | Errno): T {
  if (isErr(value)) throw new Error(`unexpected ${errnoName(value)}`)
  return value
}

function boot(profile: Profile, seed = 3): { k: Kernel; p: Proc } {
  const k = createKernel({ profile, rootfs: 'empty', seed })
  const p = k.spawn({ uid: 0, gid: 0, comm: 'sh', umask: 0 })
  must(p.sys.mkdir('/dev', 0o755))
  must(p.sys.mount('none', '/dev', 'devfs', 0, ''))
  return { k, p }
}

describe.each(PROFILES)('devfs under %s', (profile) => {
  it('has a node for every driver', () => {
    const { p } = boot(profile)
    const fd = must(p.sys.open('/dev', O_RDONLY, 0))
    const names = must(p.sys.getdents(fd)).map(({ name }) => name)
    expect(names.sort()).toEqual(['.', '..', 'full', 'kmsg', 'null', 'random', 'urandom', 'zero'])
    const stat = must(p.sys.stat('/dev/null'))
    expect([stat.mode, stat.uid, stat.rdev]).toEqual([0o020666, 0, 0x103])
    expect(must(p.sys.stat('/dev/kmsg')).mode).toBe(0o020644)
  })

  it('is a ramfs apart from that', () => {
    const { p } = boot(profile)
    must(p.sys.mkdir('/dev/dir', 0o755))
    must(p.sys.rename('/dev/null', '/dev/dir/nil'))
    must(p.sys.mknod('/dev/null2', 0o020666, 0x103))
    must(p.sys.unlink('/dev/full'))
    must(p.sys.symlink('zero', '/dev/nothing'))
    const fd = must(p.sys.open('/dev/nothing', O_RDONLY, 0))
    expect(p.sys.read(fd, new Uint8Array(3))).toBe(3)
    expect(must(p.sys.stat('/dev')).nlink).toBe(3)
  })

  it('null swallows everything, zero gives zeros, full is full', () => {
    const { p } = boot(profile)
    const data = new Uint8Array([1, 2, 3])
    const open = (name: string): number => must(p.sys.open(`/dev/${name}`, O_RDWR | O_APPEND, 0))
    const [nil, zero, full] = [open('null'), open('zero'), open('full')]
    expect([p.sys.write(nil, data), p.sys.read(nil, data)]).toEqual([3, 0])
    expect([p.sys.write(zero, data), p.sys.read(zero, data), ...data]).toEqual([3, 3, 0, 0, 0])
    expect([p.sys.write(full, data), p.sys.read(full, data)]).toEqual([ENOSPC, 3])
    for (const fd of [nil, zero, full]) {
      expect(p.sys.lseek(fd, 100, SEEK_SET)).toBe(0)
      expect(p.sys.lseek(fd, -5, SEEK_END)).toBe(0)
    }
    expect(p.sys.ioctl(nil, 0x5401)).toBeLessThan(0)
    expect(p.sys.fsync(nil)).toBe(EINVAL)
  })

  it('random repeats with the seed and never waits', () => {
    const bytes = (seed: number, name: string): number[] => {
      const { p } = boot(profile, seed)
      const fd = must(p.sys.open(`/dev/${name}`, O_RDWR, 0))
      const buf = new Uint8Array(600)
      expect(p.sys.write(fd, buf)).toBe(600)
      expect(p.sys.read(fd, buf)).toBe(600)
      return [...buf]
    }
    expect(bytes(1, 'random')).toEqual(bytes(1, 'random'))
    expect(bytes(1, 'urandom')).not.toEqual(bytes(2, 'urandom'))
    expect(new Set(bytes(1, 'random')).size).toBeGreaterThan(100)
  })

  it('kmsg is for writing', () => {
    const { p } = boot(profile)
    const fd = must(p.sys.open('/dev/kmsg', O_RDWR, 0))
    expect(p.sys.write(fd, new TextEncoder().encode('hello\n'))).toBe(6)
    expect(p.sys.read(fd, new Uint8Array(9))).toBe(EINVAL)
    expect(EINVAL).not.toBe(EAGAIN)
  })

  it('answers for numbers that nobody has', () => {
    const { p } = boot(profile)
    const open = (mode: number, dev: number): number => {
      p.sys.unlink('/dev/x')
      must(p.sys.mknod('/dev/x', mode | 0o666, dev))
      return p.sys.open('/dev/x', O_WRONLY, 0)
    }
    expect(open(0o020000, 0x105)).toBeGreaterThanOrEqual(0)
    expect(open(0o020000, 0x1fe)).toBe(ENXIO)
    expect(open(0o020000, 0x6300)).toBe(profile === '2.6.14' ? ENXIO : ENODEV)
    expect(open(0o060000, 0x0300)).toBe(profile === '2.6.14' ? ENXIO : ENODEV)
    expect(open(0o140000, 0)).toBe(ENXIO)
  })
})

describe('DeviceRegistry', () => {
  const device = (name: string, major: CharDevice['major'], minors: number[] = [0]): CharDevice => ({
    name,
    major,
    nodes: minors.map((minor) => ({ name: `${name}${minor}`, minor, mode: 0o600 })),
    open: () => ops,
  })
  const ops = defineFileOps({ name: 'test' })
  const registry = (profile: Profile = '2.6.14'): DeviceRegistry => {
    const devices = new DeviceRegistry(profileFacts(profile))
    devices.register(memDevice, 'the kernel')
    return devices
  }

  it('gives the highest free major', () => {
    const devices = registry()
    expect(devices.register(device('a', 'dynamic'), "module 'a'")).toBe(254)
    expect(devices.register(device('b', 253), "module 'b'")).toBe(253)
    expect(devices.register(device('c', 'dynamic'), "module 'c'")).toBe(252)
    expect(devices.majorOf('c')).toBe(252)
    expect(registry('2.2.12').register(device('a', 'dynamic'), "module 'a'")).toBe(127)
  })

  it('lets drivers share major 10 while their minors differ', () => {
    const devices = registry()
    devices.register(device('fuse', 10, [229]), "module 'fuse'")
    devices.register(device('tun', 10, [200]), "module 'net'")
    expect(devices.describe()).toContain(' 10 misc\n')
    expect(devices.describeMisc()).toBe('200 tun\n229 fuse\n')
    expect(() => devices.register(device('x', 10, [200]), "module 'x'")).toThrow(
      "device 'x' of module 'x' wants misc minor 200, which device 'tun' of module 'net' has",
    )
  })

  it('has a driver that comes and goes only while it is there, and asks it to come', () => {
    const devices = registry('2.2.12')
    const k = {} as KernelCore
    let loaded = false
    const comes = { ...device('comes', 60), isLoaded: () => loaded }
    devices.register(comes, "module 'a'")
    expect(devices.register(device('other', 61), "module 'b'")).toBe(61)
    expect([devices.open(k, mkdev(60, 0)), devices.isTaken(60)]).toEqual([ENODEV, false])
    expect(devices.describe()).not.toContain('comes')
    loaded = true
    expect([devices.open(k, mkdev(60, 0)), devices.isTaken(60)]).toEqual([ops, true])
    expect(devices.describe()).toContain(' 60 comes\n')
    expect(devices.majorOf('comes')).toBe(60)

    let asked = 0
    const load = (): boolean => ++asked > 1
    devices.register({ ...device('asked', 62), isLoaded: () => false, load }, "module 'c'")
    expect(devices.open(k, mkdev(62, 0))).toBe(ENODEV)
    expect(devices.open(k, mkdev(62, 0))).toBe(ops)
    expect(devices.register(device('d', 'dynamic'), "module 'd'")).toBe(127)
  })

  it('lists what it has', () => {
    const devices = registry()
    devices.register(device('b', 60), "module 'b'")
    devices.register(device('disk', 8), "module 'block'", 'block')
    expect(devices.describe()).toBe('Character devices:\n  1 mem\n 60 b\n\nBlock devices:\n  8 disk\n')
    expect(devices.nodes().at(-1)).toMatchObject({
      path: 'disk0',
      kind: 'block',
      dev: mkdev(8, 0),
      mode: 0o600,
    })
  })

  it.each([
    [device('x', 1), "wants char major 1, which device 'mem' of the kernel has"],
    [{ ...device('', 60) }, "a device of module 'x' has no name"],
    [{ name: 'x', major: 60 } as unknown as CharDevice, 'must have nodes'],
    [device('x', 0), 'major 0 is not between 1 and 254'],
    [device('x', 300), 'major 300 is not between 1 and 254'],
    [device('x', 60, [-1]), "minor -1 of 'x-1'"],
    [
      { ...device('x', 60), nodes: [{ name: 'null', minor: 0, mode: 0 }] },
      "wants the node 'null', which device 'mem'",
    ],
  ])('refuses %#', (bad, message) => {
    expect(() => registry().register(bad, "module 'x'")).toThrow(message)
    expect(() => registry().register(bad, "module 'x'")).toThrow(TypeError)
  })

  it('numbers what is no device', () => {
    expect(registry().anonymous(5)).toBe(mkdev(0, 5))
  })
})
