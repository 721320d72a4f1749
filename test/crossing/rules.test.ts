/** What modules have to do with one another: linux-2.2-era section 9, by its numbers. */
import {
  createKernel,
  EACCES,
  ENODEV,
  ENOPROTOOPT,
  isErr,
  MS_REMOUNT,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  S_IFBLK,
  S_IFCHR,
} from 'paleokernel'
import { block } from 'paleokernel/block'
import { bufflink, bufflinkTest } from 'paleokernel/bufflink'
import { connector } from 'paleokernel/connector'
import { mac } from 'paleokernel/mac'
import { AF_INET, net, SOCK_RAW } from 'paleokernel/net'
import { ReqlogReader, reqlog } from 'paleokernel/reqlog'
import { seccomp } from 'paleokernel/seccomp'
import { sockfs } from 'paleokernel/sockfs'
import { describe, expect, it } from 'vitest'
import { readFile } from '../helpers/world.js'

describe('§9.1: reqlog needs bufflink, and the disks', () => {
  it.each([
    ['bufflink', [block(), reqlog()]],
    ['block', [bufflink(), reqlog()]],
  ])('without %s there is no kernel', (missing, modules) => {
    expect(() => createKernel({ modules: modules as never })).toThrow(
      `module 'reqlog' requires module '${missing}': add ${missing}() to modules`,
    )
  })
})

describe('§9.2: minor 0 of major 120', () => {
  it.each([
    ['first', [bufflink(), block(), reqlog(), bufflinkTest()] as const],
    ['last', [bufflink(), bufflinkTest(), block(), reqlog()] as const],
  ])("is reqlog's, which is there at boot; bufflink_test gets the next: reqlog %s", (_order, modules) => {
    const k = createKernel({ modules })
    expect(k.bufflinkTest.insmod()).toBe(0)
    expect(k.bufflinkTest.ring()?.minor).toBe(1)
    expect(k.spawn().libc.stat('/dev/reqlog').rdev).toBe(120 << 8)
  })
})

describe('§9.3: on 2.6.14, for which none of them was written', () => {
  const k = createKernel({
    profile: '2.6.14',
    modules: [net(), sockfs(), block(), bufflink(), reqlog(), mac()],
  })
  const root = k.spawn()

  it("the kernel's own sockfs has the name, so that of ports is portfs (SF-35)", () => {
    expect(k.sockfs.type).toBe('portfs')
    root.libc.mkdir('/ports', 0o755)
    expect(root.sys.mount('none', '/ports', 'portfs', 0, '')).toBe(0)
    expect(root.sys.mount('none', '/ports', 'sockfs', 0, '')).not.toBe(0)
  })

  it('there is no ipchains', () => {
    const fd = root.libc.socket(AF_INET, SOCK_RAW, 255)
    expect(root.sys.setsockopt(fd, 0, 64, new Uint8Array(64))).toBe(ENOPROTOOPT)
  })

  it('minors go beyond 8 bits, and rings do not (BL-1)', () => {
    const wide = (120 << 8) | 0x100000
    expect(root.sys.mknod('/dev/wide', S_IFCHR | 0o600, wide)).toBe(0)
    const answer = root.sys.open('/dev/wide', O_RDONLY)
    expect(isErr(answer) && answer).toBe(ENODEV)
  })

  it('a request is logged all the same', () => {
    const disk = root.libc.open('/dev/hda', O_RDWR)
    root.libc.pwrite(disk, new Uint8Array(1024), 0)
    root.libc.fsync(disk)
    const log = root.libc.open('/dev/reqlog', O_RDONLY)
    const buf = new Uint8Array(256)
    expect(new ReqlogReader().push(buf.subarray(0, root.libc.read(log, buf)))).toMatchObject([
      { isWrite: true, sector: 0, sectors: 2 },
    ])
  })
})

describe('§9.5: the log of all requests is for administrators', () => {
  /** A compartment whose root may read and write everything that it sees, and make nodes of its own. */
  const world = (options: Parameters<typeof mac>[0] = {}) => {
    const k = createKernel({ modules: [bufflink(), block(), reqlog(), mac(options)] })
    const admin = k.spawn()
    for (const path of ['/', '/dev']) admin.libc.mount('none', path, '', MS_REMOUNT, 'mac=10:0+shared')
    const shop = k.spawn()
    k.mac.setLabel(shop.pid, '10:1')
    return { k, admin, shop }
  }

  it('wherever the node is, and whoever has made it', () => {
    const { k, admin, shop } = world()
    shop.libc.mknod('/tmp/mine', S_IFCHR | 0o666, 120 << 8)
    for (const path of ['/dev/reqlog', '/tmp/mine'])
      for (const flags of [O_RDONLY, O_WRONLY, O_RDWR]) expect(shop.sys.open(path, flags)).toBe(EACCES)
    expect(k.why(shop)).toMatchObject({ module: 'mac' })
    expect(k.why(shop)?.sentence).toContain('administrators alone may (§9.5)')
    expect(k.mac.refusals.get('§9.5')).toBe(6)
    expect(shop.libc.stat('/dev/reqlog').rdev).toBe(120 << 8)
    expect(admin.sys.open('/dev/reqlog', O_RDONLY)).toBeGreaterThanOrEqual(0)
    expect(shop.sys.open('/dev/null', O_RDWR)).toBeGreaterThanOrEqual(0)
  })

  it("an experiment's own list is in its place", () => {
    const { shop, admin } = world({ adminDevices: ['ide0'] })
    expect(readFile(admin, '/proc/devices')).toContain('3 ide0')
    expect(shop.sys.open('/dev/reqlog', O_RDONLY)).toBeGreaterThanOrEqual(0)
    shop.libc.mknod('/tmp/disk', S_IFBLK | 0o666, 3 << 8)
    expect(shop.sys.open('/tmp/disk', O_RDONLY)).toBe(EACCES)
    expect(admin.sys.open('/tmp/disk', O_RDONLY)).toBeGreaterThanOrEqual(0)
    const open = world({ adminDevices: [] })
    expect(open.shop.sys.open('/dev/hda', O_RDONLY)).toBeGreaterThanOrEqual(0)
  })

  it('a list that is none is a TypeError', () => {
    expect(() => mac({ adminDevices: 'reqlog' as never })).toThrow(/a list of names/)
    expect(() => mac({ adminDevices: [3] as never })).toThrow(/a list of names/)
  })
})

describe('every module refuses options that it does not have', () => {
  it.each([
    ['net', () => net({ loopbak: true } as never), /net: unknown option 'loopbak'; known are loopback/],
    ['net', () => net({ loopback: 'yes' } as never), /loopback must be true or false, not yes/],
    ['mac', () => mac({ strict: true } as never), /there is no option 'strict'/],
    ['sockfs', () => sockfs({ mode: 1 } as never), /mode/],
    ['seccomp', () => seccomp({ filter: true } as never), /unknown option 'filter'/],
    ['block', () => block({ disk: [] } as never), /disk/],
    ['bufflink', () => bufflink({ size: 1 } as never), /size/],
    ['reqlog', () => reqlog({ at_: 1 } as never), /at_/],
    ['connector', () => connector({ events: true } as never), /events/],
  ])('%s', (_name, make, sentence) => {
    expect(make).toThrow(TypeError)
    expect(make).toThrow(sentence)
  })

  it('and a kernel that is told to run', () => {
    expect(() => createKernel().run({ max: 5 } as never)).toThrow(/run: unknown option 'max'/)
  })

  it('a factory that was not called has a sentence without its source', () => {
    expect(() => createKernel({ modules: [net] as never })).toThrow(
      'modules: the function net is not a module: pass what a factory such as net() returns',
    )
  })
})
