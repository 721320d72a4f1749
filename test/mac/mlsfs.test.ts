/** mlsfs, by the numbers of its rules: linux-2.2-era section 2, MAC-36 to MAC-40. */
import {
  EACCES,
  EBUSY,
  EINVAL,
  ENODEV,
  ENOENT,
  MS_REMOUNT,
  O_CREAT,
  O_RDONLY,
  O_WRONLY,
  PROFILES,
  type Profile,
} from 'paleokernel'
import type { MacOptions } from 'paleokernel/mac'
import { insmod, rmmod } from 'paleokernel/userland'
import { describe, expect, it } from 'vitest'
import { bytes, checkInvariants, handle, ok, readFile, writeFile } from '../helpers/world.js'
import { inside, mounted, opened, type Proc } from './world.js'

/** /mls/etc with `default`, 1 and 2, shown at /conf. */
function scene(profile: Profile, options: MacOptions = {}, views = ['default', '1', '2']) {
  const s = opened(options, profile)
  const { admin } = s
  for (const dir of ['/mls', '/mls/etc', '/conf', ...views.map((name) => `/mls/etc/${name}`)]) {
    ok(admin.sys.mkdir(dir, 0o777))
    ok(admin.sys.chmod(dir, 0o777))
  }
  ok(admin.sys.mount('none', '/conf', 'mlsfs', 0, 'base=/mls/etc'))
  return s
}

const names = (p: Proc, path: string): string[] => {
  const fd = ok(p.sys.open(path, O_RDONLY))
  const list = ok(p.sys.getdents(fd)).map(({ name }) => name)
  ok(p.sys.close(fd))
  return list.filter((name) => name !== '.' && name !== '..').sort()
}

describe.each(PROFILES)('mlsfs, %s', (profile) => {
  it('MAC-36: without the module ENODEV, with it it mounts; rmmod is EBUSY while it is mounted', () => {
    const { k, admin } = opened({ mlsfs: 'insmod' }, profile)
    for (const dir of ['/sbin', '/base', '/conf']) ok(admin.sys.mkdir(dir, 0o755))
    k.install('/sbin/insmod', insmod)
    k.install('/sbin/rmmod', rmmod)
    const run = (...argv: string[]): number => {
      const child = handle(k as never, ok(admin.sys.fork()))
      child.sys.execve(`/sbin/${argv[0]}`, argv, [])
      k.run()
      return ok(admin.sys.waitpid(child.pid)).status >> 8
    }
    const mount = (): number => admin.sys.mount('none', '/conf', 'mlsfs', 0, 'base=/base')
    expect(mount()).toBe(ENODEV)
    expect(run('insmod', 'mlsfs')).toBe(0)
    expect(mount()).toBe(0)
    expect(run('rmmod', 'mlsfs')).toBe(1)
    ok(admin.sys.umount('/conf'))
    expect(run('rmmod', 'mlsfs')).toBe(0)
    expect(mount()).toBe(ENODEV)
  })

  it.each([
    ['boot', 'y', 'nodev\tmlsfs\n', EINVAL],
    ['insmod', 'm', '', ENODEV],
    ['none', 'n', '', ENODEV],
  ] as const)('MAC-62, MAC-36: mlsfs %s is CONFIG_MLS_FS=%s', (mlsfs, word, listed, mounted) => {
    const { k, admin } = opened({ mlsfs }, profile)
    const line = word === 'n' ? '# CONFIG_MLS_FS is not set' : `CONFIG_MLS_FS=${word}`
    expect(k.mac.config).toBe(`CONFIG_MAC=y\n${line}\n`)
    expect(readFile(admin, '/proc/filesystems').match(/nodev\tmlsfs\n/)?.[0] ?? '').toBe(listed)
    ok(admin.sys.mkdir('/conf', 0o755))
    expect(admin.sys.mount('none', '/conf', 'mlsfs', 0, '')).toBe(mounted)
    if (mlsfs === 'boot') return
    ok(admin.sys.mkdir('/sbin', 0o755))
    k.install('/sbin/insmod', insmod)
    const child = handle(k as never, ok(admin.sys.fork()))
    child.sys.execve('/sbin/insmod', ['insmod', 'mlsfs'], [])
    k.run()
    expect(ok(admin.sys.waitpid(child.pid)).status >> 8).toBe(mlsfs === 'insmod' ? 0 : 1)
  })

  it('MAC-37: the same path is another file for every compartment, chosen at every walk', () => {
    const { k, admin, a, b } = scene(profile)
    writeFile(a, '/conf/x', 'of A')
    writeFile(b, '/conf/x', 'of B')
    expect([readFile(a, '/conf/x'), readFile(b, '/conf/x')]).toEqual(['of A', 'of B'])
    expect([readFile(admin, '/mls/etc/1/x'), readFile(admin, '/mls/etc/2/x')]).toEqual(['of A', 'of B'])
    k.mac.setLabel(a.pid, '10:2')
    expect(readFile(a, '/conf/x')).toBe('of B')
    checkInvariants(k as never)
  })

  it('MAC-38: no subdirectory: default; no default: nothing is found, and nothing is listed', () => {
    const { k, admin } = scene(profile)
    writeFile(admin, '/mls/etc/default/y', 'for all', 0o666)
    const c = inside(k, '10:3')
    expect(readFile(c, '/conf/y')).toBe('for all')
    const bare = scene(profile, {}, ['1'])
    expect(names(bare.b, '/conf')).toEqual([])
    expect(bare.b.sys.stat('/conf/y')).toBe(ENOENT)
    expect(bare.b.sys.chdir('/conf')).toBe(0)
    expect(bare.b.sys.open('y', O_CREAT | O_WRONLY, 0o600)).toBe(EACCES)
    // One that comes later is there at once.
    ok(bare.admin.sys.mkdir('/mls/etc/2', 0o777))
    ok(bare.admin.sys.chmod('/mls/etc/2', 0o777))
    writeFile(bare.b, '/conf/y', 'new')
    expect(names(bare.b, '/conf')).toEqual(['y'])
  })

  it('MAC-39: administrators see default through the mount, and everything in the base; grades are the base’s', () => {
    const { k, admin, a } = scene(profile)
    writeFile(a, '/conf/mine', 'x')
    writeFile(admin, '/conf/all', 'x')
    expect(names(admin, '/conf')).toEqual(['all'])
    expect(names(admin, '/mls/etc/default')).toEqual(['all'])
    expect(names(admin, '/mls/etc/1')).toEqual(['mine'])
    const low = inside(k, '5:1')
    expect(readFile(low, '/conf/mine')).toBe('x')
    expect(low.sys.open('/conf/mine', O_WRONLY)).toBe(EACCES)
  })

  it('MAC-39: what is mounted on a subdirectory is what is seen', () => {
    const { k, admin, a, b } = scene(profile, {}, ['1', '2'])
    ok(admin.sys.mount('none', '/mls/etc/1', 'ramfs', 0, 'mode=777,mac=10:1'))
    writeFile(a, '/conf/x', 'private')
    expect(readFile(a, '/conf/x')).toBe('private')
    expect(b.sys.stat('/conf/x')).toBe(ENOENT)
    expect(b.sys.open('/mls/etc/1/x', O_RDONLY)).toBe(EACCES)
    checkInvariants(k as never)
  })

  it('MAC-40: getcwd says the path of the mount, and .. leads out of it', () => {
    const { admin, a } = scene(profile)
    ok(a.sys.mkdir('/conf/sub', 0o755))
    ok(a.sys.chdir('/conf/sub'))
    // 2.0 has no getcwd.
    const cwd = (): unknown => a.sys.getcwd()
    if (profile !== '2.0.35') expect(cwd()).toBe('/conf/sub')
    ok(a.sys.chdir('../..'))
    expect(ok(a.sys.stat('.')).ino).toBe(ok(admin.sys.stat('/')).ino)
    if (profile !== '2.0.35') expect(cwd()).toBe('/')
    expect(readFile(admin, '/proc/mounts')).toContain(' /conf mlsfs rw,base=/mls/etc 0 0\n')
  })

  it('umount is EBUSY while somebody is in it, and the base is held as long as it is mounted', () => {
    const { k, admin, a } = opened({}, profile)
    mounted(admin, '/mls', 'mode=777,mac=10:0+shared')
    for (const dir of ['/mls/1', '/conf']) ok(admin.sys.mkdir(dir, 0o777))
    ok(admin.sys.chmod('/mls/1', 0o777))
    ok(admin.sys.mount('none', '/conf', 'mlsfs', 0, 'base=/mls'))
    const fd = ok(a.sys.open('/conf/x', O_CREAT | O_WRONLY, 0o600))
    expect(admin.sys.umount('/conf')).toBe(EBUSY)
    ok(a.sys.write(fd, bytes('x')))
    ok(a.sys.close(fd))
    expect(admin.sys.umount('/mls')).toBe(EBUSY)
    checkInvariants(k as never)
    expect(admin.sys.umount('/conf')).toBe(0)
    expect(admin.sys.umount('/mls')).toBe(0)
    checkInvariants(k as never)
  })

  it('wrong options: no base, one that is not there, no directory, others', () => {
    const { admin } = opened({}, profile)
    ok(admin.sys.mkdir('/conf', 0o755))
    writeFile(admin, '/file', '')
    const mount = (data: string): number => admin.sys.mount('none', '/conf', 'mlsfs', 0, data)
    const isOld = profile !== '2.6.14'
    expect(mount('')).toBe(EINVAL)
    expect(mount('base=relative')).toBe(EINVAL)
    expect(mount('base=/conf,colour=red')).toBe(EINVAL)
    expect(mount('base=/none')).toBe(isOld ? EINVAL : ENOENT)
    expect(mount('base=/file')).toBe(isOld ? EINVAL : -20)
    expect(admin.sys.mount('none', '/conf', '', MS_REMOUNT, '')).toBe(EINVAL)
  })

  it('is copied with the kernel', () => {
    const { k, a } = scene(profile)
    writeFile(a, '/conf/x', 'of A')
    ok(a.sys.chdir('/conf'))
    const copy = k.fork()
    expect(copy.digest()).toBe(k.digest())
    checkInvariants(copy as never)
    const twin = handle(copy as never, a.pid) as unknown as Proc
    expect(readFile(twin, 'x')).toBe('of A')
    writeFile(twin, '/conf/x2', '')
    expect(a.sys.stat('/conf/x2')).toBe(ENOENT)
  })
})
