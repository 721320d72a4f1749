/** Block devices as programs see them: nodes, reads and writes at any place, ends, partitions, ioctls, /proc. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  EACCES,
  EBUSY,
  EFAULT,
  EFBIG,
  EINVAL,
  EIO,
  ENODEV,
  ENOSPC,
  ENOTDIR,
  ENOTTY,
  ENXIO,
  EPERM,
  O_APPEND,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  S_IFBLK,
} from 'paleokernel'
import { block } from 'paleokernel/block'
import { describe, expect, it } from 'vitest'
import {
  BLKFLSBUF,
  BLKGETSIZE,
  BLKRAGET,
  BLKRASET,
  BLKROGET,
  BLKROSET,
  BLKRRPART,
  BLKSSZGET,
  HDIO_GETGEO,
} from '../../src/abi/ioctl.js'
import { writeTable } from '../../src/block/partition.js'
import { SparseStore } from '../../src/block/sparse.js'
import { bytesEqual } from '../../src/lib/bytes.js'
import { ok, readFile } from '../helpers/world.js'
import { machine, pattern, sound } from './machine.js'

const DISKS = [
  { name: 'hda', sectors: 20_000 },
  { name: 'ram0', sectors: 200 },
]

/** A disk with two primary partitions and two logical ones. */
function tabled(sectors = 20_000): Uint8Array {
  const store = new SparseStore(sectors, 1)
  writeTable(store, 0, [
    { start: 63, sectors: 1000, type: 0x83 },
    { start: 2000, sectors: 5000, type: 0x05 },
    { start: 8000, sectors: 500, type: 0x82 },
  ])
  writeTable(store, 2000, [
    { start: 63, sectors: 700, type: 0x83 },
    { start: 1000, sectors: 2000, type: 0x05 },
  ])
  writeTable(store, 3000, [{ start: 63, sectors: 300, type: 0x83 }])
  const image = new Uint8Array(sectors * 512)
  store.read(0, sectors, image)
  return image
}

const withTable = () => machine({ disks: [{ name: 'hda', sectors: 20_000, image: tabled() }] })

describe.each(['hda', 'ram0'])('reads and writes of /dev/%s', (name) => {
  it('bring back what was written, at any place and of any length', () => {
    const { k, root } = machine({ disks: DISKS })
    const fd = ok(root.sys.open(`/dev/${name}`, O_RDWR))
    for (const [pos, length] of [
      [0, 1024],
      [1, 1],
      [1023, 2],
      [513, 5000],
      [30_000, 1024],
      [30_001, 3000],
    ] as const) {
      const data = pattern(length, pos)
      expect(root.sys.pwrite(fd, data, pos)).toBe(length)
      const back = new Uint8Array(length)
      expect(root.sys.pread(fd, back, pos)).toBe(length)
      expect(back).toEqual(data)
    }
    sound(k)
    expect(k.block.allocated(name)).toBe(0)
    expect(root.sys.fsync(fd)).toBe(0)
    expect(k.block.cache().dirty).toBe(0)
    const second = new Uint8Array(512)
    ok(root.sys.pread(fd, second, 512))
    expect(k.block.image(name, 1, 1)).toEqual(second)
    sound(k)
  })
})

describe('the end of a device', () => {
  it('cuts reads short and says 0 there; writes get there, then ENOSPC', () => {
    const { k, root } = machine({ disks: DISKS })
    const end = 200 * 512
    const fd = ok(root.sys.open('/dev/ram0', O_RDWR))
    expect(root.sys.pread(fd, new Uint8Array(5000), end - 100)).toBe(100)
    expect(root.sys.pread(fd, new Uint8Array(10), end)).toBe(0)
    expect(root.sys.pread(fd, new Uint8Array(10), end + 5000)).toBe(0)
    expect(root.sys.pwrite(fd, new Uint8Array(5000), end - 1500)).toBe(1500)
    expect(root.sys.pwrite(fd, new Uint8Array(1), end)).toBe(ENOSPC)
    expect(root.sys.pwrite(fd, new Uint8Array(0), end)).toBe(0)
    expect(root.sys.pread(fd, new Uint8Array(0), 0)).toBe(0)
    sound(k)
  })

  it('is that of the last whole block: an odd sector cannot be had', () => {
    const { root } = machine({ disks: [{ name: 'hda', sectors: 101 }] })
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    expect(root.sys.pread(fd, new Uint8Array(100_000), 0)).toBe(50 * 1024)
    expect(root.sys.pwrite(fd, new Uint8Array(100_000), 0)).toBe(50 * 1024)
    expect(root.sys.pwrite(fd, new Uint8Array(1), 50 * 1024)).toBe(ENOSPC)
  })

  it('is where SEEK_END counts from in 2.6; in 2.2 a device has no size', () => {
    const seek = (profile: '2.2.12' | '2.6.14', offset: number): number => {
      const { root } = machine({ disks: DISKS, profile })
      return root.sys.lseek(ok(root.sys.open('/dev/ram0', O_RDONLY)), offset, 2)
    }
    expect([seek('2.6.14', 0), seek('2.6.14', -512), seek('2.6.14', 1)]).toEqual([102_400, 101_888, EINVAL])
    expect([seek('2.2.12', 0), seek('2.2.12', 512), seek('2.2.12', -1)]).toEqual([0, 512, EINVAL])
    const { root } = machine({ disks: DISKS })
    const fd = ok(root.sys.open('/dev/hda', O_RDONLY))
    expect([root.sys.lseek(fd, 700, 0), root.sys.lseek(fd, 5, 1), root.sys.lseek(fd, 0, 3)]).toEqual([
      700,
      705,
      EINVAL,
    ])
    expect(root.sys.read(fd, new Uint8Array(10))).toBe(10)
    expect(root.sys.lseek(fd, 0, 1)).toBe(715)
  })

  it('O_APPEND means nothing to a device', () => {
    const { root } = machine({ disks: DISKS })
    const fd = ok(root.sys.open('/dev/ram0', O_RDWR | O_APPEND))
    ok(root.sys.lseek(fd, 2048, 0))
    ok(root.sys.write(fd, pattern(10, 1)))
    expect(root.sys.lseek(fd, 0, 1)).toBe(2058)
    const back = new Uint8Array(10)
    ok(root.sys.pread(fd, back, 2048))
    expect(back).toEqual(pattern(10, 1))
  })
})

describe('nodes', () => {
  it('are in /dev, with their modes and numbers; other minors are ENXIO, other majors ENODEV', () => {
    const { k, root } = withTable()
    expect(ok(root.sys.stat('/dev/hda5'))).toMatchObject({ mode: S_IFBLK | 0o660, rdev: 0x305 })
    expect(root.sys.open('/dev/hda2', O_RDONLY)).toBeGreaterThanOrEqual(0)
    expect(root.sys.open('/dev/hda4', O_RDONLY)).toBe(ENXIO)
    for (const [major, minor, result] of [
      [3, 64, ENXIO],
      [3, 200, ENXIO],
      [7, 5, ENXIO],
      [9, 0, ENODEV],
      [55, 0, ENODEV],
    ] as const) {
      const path = `/tmp/${major}.${minor}`
      ok(root.sys.mknod(path, S_IFBLK | 0o600, major * 256 + minor))
      expect([path, root.sys.open(path, O_RDONLY)]).toEqual([path, result])
    }
    const user = k.spawn({ uid: 1000 })
    expect(user.sys.open('/dev/hda', O_RDONLY)).toBe(EACCES)
    sound(k)
  })

  it('of partitions show their part of the disk, through buffers of their own', () => {
    const { k, root } = withTable()
    expect(k.block.partitions('hda').map(({ number, start, sectors }) => [number, start, sectors])).toEqual([
      [1, 63, 1000],
      [2, 2000, 2],
      [3, 8000, 500],
      [5, 2063, 700],
      [6, 3063, 300],
    ])
    const fd = ok(root.sys.open('/dev/hda6', O_RDWR))
    expect(root.sys.pwrite(fd, pattern(2048, 5), 512)).toBe(2048)
    expect(root.sys.pwrite(fd, new Uint8Array(2048), 299 * 512)).toBe(512)
    expect(root.sys.pwrite(fd, new Uint8Array(1), 300 * 512)).toBe(ENOSPC)
    ok(root.sys.fsync(fd))
    expect(k.block.image('hda', 3064, 4)).toEqual(pattern(2048, 5))
    const whole = ok(root.sys.open('/dev/hda', O_RDONLY))
    const back = new Uint8Array(2048)
    ok(root.sys.pread(whole, back, 3064 * 512))
    expect(back).toEqual(pattern(2048, 5))
    sound(k)
  })

  it('BM-12: another node does not see what is only in memory', () => {
    const { root } = withTable()
    const part = ok(root.sys.open('/dev/hda1', O_RDWR))
    const whole = ok(root.sys.open('/dev/hda', O_RDWR))
    ok(root.sys.pread(whole, new Uint8Array(1024), 63 * 512))
    ok(root.sys.pwrite(part, pattern(1024, 1), 0))
    ok(root.sys.fsync(part))
    const back = new Uint8Array(1024)
    ok(root.sys.pread(whole, back, 63 * 512))
    expect(back).toEqual(new Uint8Array(1024))
    ok(root.sys.ioctl(whole, BLKFLSBUF))
    ok(root.sys.pread(whole, back, 63 * 512))
    expect(back).toEqual(pattern(1024, 1))
  })
})

describe('ioctl', () => {
  it('tells size, sector size, geometry, read-only flag and read-ahead', () => {
    const { root } = withTable()
    const disk = ok(root.sys.open('/dev/hda', O_RDWR))
    const part = ok(root.sys.open('/dev/hda3', O_RDWR))
    const value = (fd: number, cmd: number): number => {
      const box = { value: -1 }
      return ok(root.sys.ioctl(fd as typeof disk, cmd, box)) === 0 ? box.value : Number.NaN
    }
    expect([disk, part].map((fd) => value(fd, BLKGETSIZE))).toEqual([20_000, 500])
    expect(value(disk, BLKSSZGET)).toBe(512)
    expect(value(disk, BLKRAGET)).toBe(8)
    ok(root.sys.ioctl(disk, BLKRASET, 32))
    expect(value(disk, BLKRAGET)).toBe(32)
    const bytes = new Uint8Array(8)
    ok(root.sys.ioctl(part, HDIO_GETGEO, bytes))
    expect([...bytes]).toEqual([16, 63, 19, 0, 0x40, 0x1f, 0, 0])
    ok(root.sys.ioctl(part, BLKROSET, { value: 1 }))
    expect([value(part, BLKROGET), value(disk, BLKROGET)]).toEqual([1, 0])
    expect(root.sys.write(part, new Uint8Array(10))).toBe(EPERM)
    expect(root.sys.write(disk, new Uint8Array(10))).toBe(10)
  })

  it('asks for CAP_SYS_ADMIN where it changes something, and says why', () => {
    const { k, root } = machine({ disks: DISKS })
    ok(root.sys.chmod('/dev/hda', 0o666))
    const user = k.spawn({ uid: 1000 })
    const fd = ok(user.sys.open('/dev/hda', O_RDWR))
    const box = new Uint8Array(8)
    for (const cmd of [BLKROSET, BLKFLSBUF, BLKRRPART, BLKRASET]) {
      expect(user.sys.ioctl(fd, cmd, 1)).toBe(EACCES)
      expect(k.why(user)?.check).toBe('capability')
    }
    for (const cmd of [BLKGETSIZE, BLKROGET, BLKSSZGET, BLKRAGET, HDIO_GETGEO])
      expect(user.sys.ioctl(fd, cmd, box)).toBe(0)
  })

  it('takes any argument: EFAULT, EINVAL, ENOTTY, and nothing changes', () => {
    for (const profile of ['2.2.12', '2.6.14'] as const) {
      const { k, root } = machine({ disks: DISKS, profile })
      const fd = ok(root.sys.open('/dev/hda', O_RDWR))
      const ram = ok(root.sys.open('/dev/ram0', O_RDWR))
      const before = k.digest()
      for (const cmd of [BLKGETSIZE, BLKROGET, BLKSSZGET, BLKRAGET, HDIO_GETGEO]) {
        expect(root.sys.ioctl(fd, cmd)).toBe(cmd === HDIO_GETGEO ? EINVAL : EFAULT)
        expect(root.sys.ioctl(fd, cmd, 12_345)).toBe(EFAULT)
        expect(root.sys.ioctl(fd, cmd, new Uint8Array(3))).toBe(EFAULT)
      }
      expect(root.sys.ioctl(fd, BLKROSET, 12_345)).toBe(EFAULT)
      expect(root.sys.ioctl(fd, BLKROSET, new Uint8Array(2))).toBe(EFAULT)
      for (const arg of [256, -1, Number.NaN, {}, undefined])
        expect(root.sys.ioctl(fd, BLKRASET, arg as number)).toBe(EINVAL)
      const unknown = [fd, ram].map((at) => root.sys.ioctl(at, 0x4c77, 0))
      expect(unknown).toEqual(profile === '2.2.12' ? [EIO, EINVAL] : [EINVAL, ENOTTY])
      expect(root.sys.ioctl(fd, 0xffffffff, null as never)).toBe(unknown[0])
      expect(k.digest()).toBe(before)
      sound(k)
    }
  })

  it('BLKGETSIZE of 2 TiB does not fit', () => {
    const { root } = machine({ disks: [{ name: 'sda', sectors: 2 ** 32 }] })
    const fd = ok(root.sys.open('/dev/sda', O_RDWR))
    expect(root.sys.ioctl(fd, BLKGETSIZE, { value: 0 })).toBe(EFBIG)
  })

  it('BLKRRPART reads the table that fdisk has written, unless somebody else has the disk open', () => {
    const { k, root } = machine({ disks: DISKS })
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    expect(root.sys.open('/dev/hda1', O_RDONLY)).toBe(ENXIO)
    ok(root.sys.pwrite(fd, tabled().subarray(0, 1024), 0))
    const other = ok(root.sys.open('/dev/hda', O_RDONLY))
    expect(root.sys.ioctl(fd, BLKRRPART)).toBe(EBUSY)
    ok(root.sys.close(other))
    expect(root.sys.ioctl(fd, BLKRRPART)).toBe(0)
    expect(k.block.partitions('hda').map(({ number }) => number)).toEqual([1, 2, 3])
    expect(readFile(root, '/proc/partitions')).toBe(
      'major minor  #blocks  name\n\n' +
        '   3     0      10000 hda\n   3     1        500 hda1\n   3     2          1 hda2\n   3     3        250 hda3\n' +
        '   1     0        100 ram0\n',
    )
    const part = ok(root.sys.open('/dev/hda1', O_RDONLY))
    ok(root.sys.pwrite(fd, new Uint8Array(1024), 0))
    expect(root.sys.ioctl(fd, BLKRRPART)).toBe(EBUSY)
    ok(root.sys.close(part))
    expect(root.sys.ioctl(fd, BLKRRPART)).toBe(0)
    expect(root.sys.open('/dev/hda1', O_RDONLY)).toBe(ENXIO)
    expect(k.block.unit('hda').openers).toBe(1)
    const ram = ok(root.sys.open('/dev/ram0', O_RDONLY))
    expect(root.sys.ioctl(ram, BLKRRPART)).toBe(EINVAL)
    sound(k)
  })
})

describe('/proc', () => {
  it('/proc/devices names the drivers of block devices', () => {
    const { root } = machine({
      disks: [...DISKS, { name: 'sdb', sectors: 8 }, { name: 'xda', sectors: 8, major: 36, minor: 0 }],
    })
    expect(readFile(root, '/proc/devices')).toContain(
      'Block devices:\n  1 ramdisk\n  3 ide0\n  7 loop\n  8 sd\n 36 xda\n',
    )
  })

  it('/proc/stat counts requests and sectors of the first disks', () => {
    const { root } = machine({ disks: DISKS })
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    ok(root.sys.write(fd, new Uint8Array(4096)))
    ok(root.sys.fsync(fd))
    ok(root.sys.pread(fd, new Uint8Array(4096), 102_400))
    const text = readFile(root, '/proc/stat')
    for (const line of [
      'disk 2 0 0 0',
      'disk_rio 1 0 0 0',
      'disk_wio 1 0 0 0',
      'disk_rblk 8 0 0 0',
      'disk_wblk 8 0 0 0',
    ])
      expect(text).toContain(`${line}\n`)
  })

  it('/proc/sys/vm/bdflush has the tunables of 2.2.12, checked when written', () => {
    const { root } = machine({ disks: DISKS })
    const path = '/proc/sys/vm/bdflush'
    expect(readFile(root, path)).toBe('40\t500\t64\t256\t500\t3000\t500\t1884\t2\n')
    const write = (text: string): number => {
      const fd = ok(root.sys.open(path, O_WRONLY))
      const result = root.sys.write(fd, new TextEncoder().encode(text))
      ok(root.sys.close(fd))
      return result
    }
    expect(write('10 20 1 1 100 200\n')).toBe(18)
    expect(readFile(root, path)).toBe('10\t20\t64\t256\t100\t200\t500\t1884\t2\n')
    for (const text of ['101\n', '10 5\n', 'x\n', '10 20 -1\n', '1e1\n', `10 20 1 1 ${'9'.repeat(12)}\n`])
      expect([text, write(text)]).toEqual([text, EINVAL])
    expect(readFile(root, path)).toBe('10\t20\t64\t256\t100\t200\t500\t1884\t2\n')
  })
})

describe('images', () => {
  it('come out as they went in, byte for byte, whole and in pieces', () => {
    const image = pattern(200 * 512, 4)
    const { k } = machine({ disks: [{ name: 'ram0', sectors: 200, image }] })
    expect(bytesEqual(k.block.image('ram0'), image)).toBe(true)
    const copy = machine({ disks: [{ name: 'ram0', sectors: 200, image: k.block.chunks('ram0') }] })
    expect(bytesEqual(copy.k.block.image('ram0'), image)).toBe(true)
    copy.k.block.load('ram0', [{ sector: 3, data: new Uint8Array(512) }])
    expect(copy.k.block.image('ram0', 3, 1)).toEqual(new Uint8Array(512))
    expect(bytesEqual(copy.k.block.image('ram0', 4), image.subarray(2048))).toBe(true)
  })

  it.skipIf(spawnSync('sfdisk', ['--version']).status !== 0)(
    'have tables that sfdisk reads as the kernel does',
    () => {
      const { k } = withTable()
      const dir = mkdtempSync(join(tmpdir(), 'disk-'))
      try {
        writeFileSync(join(dir, 'image'), k.block.image('hda'))
        const { stdout } = spawnSync('sfdisk', ['-d', join(dir, 'image')], { encoding: 'utf8' })
        const found = [...stdout.matchAll(/image([0-9]+) : start= *([0-9]+), size= *([0-9]+)/g)]
        const own = k.block
          .partitions('hda')
          .map(({ number, start, sectors }) => [number, start, number === 2 ? 5000 : sectors])
        expect(found.map(([, ...numbers]) => numbers.map(Number))).toEqual(own)
      } finally {
        rmSync(dir, { recursive: true })
      }
    },
  )

  it('of 2 TiB have a last sector, and take memory for what is written only', () => {
    const { k, root } = machine({ disks: [{ name: 'sda', sectors: 2 ** 32 }] })
    const fd = ok(root.sys.open('/dev/sda', O_RDWR))
    const last = 2 ** 41 - 700
    expect(root.sys.pwrite(fd, pattern(1000, 3), last)).toBe(700)
    ok(root.sys.fsync(fd))
    expect(k.block.image('sda', 2 ** 32 - 1, 1)).toEqual(pattern(1000, 3).subarray(188, 700))
    expect(root.sys.pwrite(fd, new Uint8Array(1), 2 ** 41)).toBe(ENOSPC)
    expect(root.sys.pread(fd, new Uint8Array(10), 2 ** 41 - 5)).toBe(5)
    expect(k.block.allocated('sda')).toBeLessThanOrEqual(65_536)
    sound(k)
  })
})

describe('block()', () => {
  it('throws a sentence for options that there are not', () => {
    const bad =
      (options: unknown): (() => unknown) =>
      () =>
        block(options as never)
    expect(bad({ disk: [] })).toThrow("block: the module has no option 'disk'")
    expect(bad({ disks: [{ name: 'hda' }] })).toThrow('block: the sectors of hda must be a whole number')
    expect(bad({ disks: [{ name: 'hda', sectors: 2 ** 32 + 1 }] })).toThrow('to 4294967296')
    expect(bad({ disks: [{ name: 'foo', sectors: 1 }] })).toThrow('block: the major of foo')
    expect(bad({ disks: [{ name: '../x', sectors: 1 }] })).toThrow('is no name of a disk')
    expect(
      bad({
        disks: [
          { name: 'hda', sectors: 1 },
          { name: 'hda', sectors: 1 },
        ],
      }),
    ).toThrow('the same number')
    expect(bad({ disks: [{ name: 'xda', sectors: 1, major: 7, minor: 1 }] })).toThrow(
      "'loop1' and 'xda' have the same number",
    )
    expect(bad({ disks: [{ name: 'hda', sectors: 4, image: new Uint8Array(4096) }] })).toThrow('from 0 to -4')
    expect(bad({ disks: [{ name: 'hda', sectors: 4, image: new Uint8Array(100) }] })).toThrow('whole sectors')
    expect(bad({ disks: [{ name: 'hda', sectors: 4, mechanics: { rpm: 0 } }] })).toThrow('rpm of hda')
    expect(bad({ memory: 5 })).toThrow('block: memory must be')
    expect(bad({ flush: { nfract: 200 } })).toThrow('flush.nfract')
    expect(() => machine({ md: [{ name: 'md0', parts: ['hda7'] }] })).toThrow("the part 'hda7'")
  })

  it('its api throws for what there is not', () => {
    const { k } = machine({ disks: DISKS })
    expect(() => k.block.stats('hdb')).toThrow("block: there is no disk 'hdb'")
    expect(() => k.block.image('hda', 19_999, 2)).toThrow(RangeError)
    expect(() => k.block.unit('hda1')).toThrow("no disk or partition 'hda1'")
    expect(() => k.block.setFaults('hda', { cutAt: -1 })).toThrow('cutAt')
    expect(() => k.block.setFaults('hda', { nonsense: 1 } as never)).toThrow("no fault 'nonsense'")
    expect(k.block.disks).toEqual(['hda', 'ram0', 'loop0', 'loop1'])
  })
})

describe.each(['2.0.35', '2.2.12', '2.6.14'] as const)('with profile %s', (profile) => {
  it('disks read, write, sync and show in /proc', () => {
    const { k, root } = machine({ disks: DISKS, profile })
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    ok(root.sys.write(fd, pattern(5000, 1)))
    ok(root.sys.fsync(fd))
    expect(k.block.image('hda', 0, 9)).toEqual(pattern(5000, 1).subarray(0, 9 * 512))
    const hasPartitions = root.sys.open('/proc/partitions', O_RDONLY) >= 0
    const hasBdflush = root.sys.open('/proc/sys/vm/bdflush', O_RDONLY) >= 0
    expect([hasPartitions, hasBdflush]).toEqual([profile !== '2.0.35', profile !== '2.6.14'])
    expect(readFile(root, '/proc/devices')).toContain('  3 ide0\n')
    ok(root.sys.close(fd))
    k.run()
    sound(k)
  })
})

describe('a run', () => {
  it('repeats: same inputs, same digest, same virtual time', () => {
    const once = (): readonly unknown[] => {
      const { k, root } = machine({ disks: DISKS })
      const fd = ok(root.sys.open('/dev/hda', O_RDWR))
      for (let n = 0; n < 40; n++) ok(root.sys.pwrite(fd, pattern(900, n), (n * 7919) % 5_000_000))
      ok(root.sys.fsync(fd))
      k.run()
      return [k.digest(), k.now, k.block.stats('hda')]
    }
    expect(once()).toEqual(once())
  })

  it('positions beyond all devices, and calls that are for other files, get their errors', () => {
    const { k, root } = machine({ disks: DISKS })
    const fd = ok(root.sys.open('/dev/ram0', O_RDWR))
    for (const pos of [2 ** 40, 2 ** 53 - 1]) {
      expect(root.sys.pread(fd, new Uint8Array(10), pos)).toBe(0)
      expect(root.sys.pwrite(fd, new Uint8Array(10), pos)).toBe(ENOSPC)
    }
    expect(root.sys.pread(fd, new Uint8Array(10), -1)).toBe(EINVAL)
    expect(root.sys.getdents(fd, 100)).toBe(ENOTDIR)
    sound(k)
  })
})
