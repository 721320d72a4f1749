/** Loop and md devices: block devices over others; and copies of kernels with disks. */
import {
  asFd,
  createKernel,
  EBADF,
  EBUSY,
  EINVAL,
  EIO,
  ENOSPC,
  ENXIO,
  failEach,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  O_SYNC,
} from 'paleokernel'
import { block } from 'paleokernel/block'
import { describe, expect, it } from 'vitest'
import { LOOP_CLR_FD, LOOP_SET_FD } from '../../src/abi/ioctl.js'
import { bytesEqual } from '../../src/lib/bytes.js'
import { ok } from '../helpers/world.js'
import { linesOf, machine, pattern, sound, spying } from './machine.js'

const BLOCK = 1024

describe('loop devices', () => {
  const looped = (kind: 'disk' | 'ram' = 'disk', requests = 128) => {
    const world = spying({ disks: [{ name: 'hda', sectors: 4000, kind }], requests })
    const { root } = world
    const below = ok(root.sys.open('/dev/hda', O_RDWR))
    const loop = ok(root.sys.open('/dev/loop0', O_RDWR))
    ok(root.sys.ioctl(loop, LOOP_SET_FD, below))
    return { ...world, below, loop }
  }

  it('RQ-5: a write shows under 7:0, and again under the device below when that is written', () => {
    const { k, root, loop, log } = looped()
    expect(k.block.unit('loop0')).toMatchObject({ sectors: 4000, openers: 1 })
    ok(root.sys.pwrite(loop, pattern(2 * BLOCK, 1), 10 * BLOCK))
    ok(root.sys.fsync(loop))
    expect(linesOf(log, 'Q')).toEqual(['Q W 7:0 20+2', 'Q W 7:0 22+2'])
    expect(k.block.allocated('hda')).toBe(0)
    sound(k)
    ok(root.sys.sync())
    expect(linesOf(log, 'Q').slice(2)).toEqual(['Q W 3:0 20+2', 'Q W 3:0 22+2'])
    expect(k.block.image('hda', 20, 4)).toEqual(pattern(2 * BLOCK, 1))
    sound(k)
  })

  it.each([
    ['disk', 128],
    ['ram', 128],
    ['disk', 4],
  ] as const)('over a %s with %i slots reads and writes what is below, errors too', (kind, requests) => {
    const { k, root, loop, below } = looped(kind, requests)
    ok(root.sys.write(below, pattern(300 * BLOCK, 2)))
    ok(root.sys.fsync(below))
    const back = new Uint8Array(300 * BLOCK)
    expect(root.sys.pread(loop, back, 0)).toBe(back.length)
    expect(bytesEqual(back, pattern(300 * BLOCK, 2))).toBe(true)
    expect(root.sys.pwrite(loop, pattern(5000, 3), 100)).toBe(5000)
    ok(root.sys.sync())
    expect(k.block.image('hda', 0, 10).subarray(100, 5100)).toEqual(pattern(5000, 3))
    k.block.setFaults('hda', { badSectors: [1001] })
    expect(root.sys.pread(loop, back, 500 * BLOCK)).toBe(EIO)
    expect(root.sys.pread(loop, back, 501 * BLOCK)).toBe(300 * BLOCK)
    expect(root.sys.pwrite(loop, back, 2000 * BLOCK)).toBe(ENOSPC)
    k.run()
    sound(k)
  })

  it('a sync of all gets what was dirty in the loop to the disk', () => {
    const { k, root, loop } = looped()
    ok(root.sys.write(loop, pattern(50 * BLOCK, 4)))
    ok(root.sys.sync())
    expect(k.block.cache().dirty).toBe(0)
    expect(k.block.image('hda', 0, 100)).toEqual(pattern(50 * BLOCK, 4))
  })

  it('are set and cleared by ioctl, with the errors of loop.c', () => {
    const { k, root, loop, below } = looped()
    expect(root.sys.ioctl(loop, LOOP_SET_FD, below)).toBe(EBUSY)
    const second = ok(root.sys.open('/dev/loop1', O_RDWR))
    expect(root.sys.ioctl(second, LOOP_CLR_FD)).toBe(ENXIO)
    expect(root.sys.pread(second, new Uint8Array(10), 0)).toBe(0)
    expect(root.sys.ioctl(second, LOOP_SET_FD, 99)).toBe(EBADF)
    expect(root.sys.ioctl(second, LOOP_SET_FD, second)).toBe(EINVAL)
    expect(root.sys.ioctl(second, LOOP_SET_FD, ok(root.sys.open('/tmp/f', O_CREAT | O_RDWR, 0o600)))).toBe(
      EINVAL,
    )
    ok(root.sys.ioctl(second, LOOP_SET_FD, loop))
    ok(root.sys.pwrite(second, pattern(BLOCK, 6), 0))
    const other = ok(root.sys.open('/dev/loop1', O_RDONLY))
    expect(root.sys.ioctl(second, LOOP_CLR_FD)).toBe(EBUSY)
    ok(root.sys.close(other))
    expect(root.sys.ioctl(second, LOOP_CLR_FD)).toBe(0)
    ok(root.sys.close(second))
    expect(root.sys.ioctl(loop, LOOP_CLR_FD)).toBe(0)
    expect(k.block.unit('hda').openers).toBe(1)
    ok(root.sys.sync())
    expect(k.block.image('hda', 0, 2)).toEqual(pattern(BLOCK, 6))
    sound(k)
  })
})

describe('copies of a kernel', () => {
  it('share the platter until one of them writes, and go their own ways from any moment', () => {
    const { k, root } = machine({ disks: [{ name: 'hda', sectors: 4000, image: pattern(4000 * 512, 8) }] })
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    ok(root.sys.write(fd, pattern(20 * BLOCK, 9)))
    const begun = root.begin.fsync(fd)
    expect(begun.blocked).toBe(true)
    const copy = k.fork()
    expect(copy.digest()).toBe(k.digest())
    sound(copy)
    copy.run()
    expect(copy.block.image('hda', 0, 40)).toEqual(pattern(20 * BLOCK, 9))
    expect(bytesEqual(k.block.image('hda'), pattern(4000 * 512, 8))).toBe(true)
    k.run()
    expect(begun.result).toBe(0)
    expect(bytesEqual(k.block.image('hda'), copy.block.image('hda'))).toBe(true)
    expect(k.digest()).not.toBe('')
    const snapshot = k.snapshot()
    const before = k.digest()
    ok(root.sys.pwrite(fd, pattern(BLOCK, 10), 0))
    ok(root.sys.sync())
    expect(k.digest()).not.toBe(before)
    k.restore(snapshot)
    expect(k.digest()).toBe(before)
    expect(k.block.image('hda', 0, 2)).toEqual(pattern(20 * BLOCK, 9).subarray(0, BLOCK))
    ok(root.sys.pwrite(fd, pattern(BLOCK, 11), 0))
    sound(k)
  })

  it('the digest follows the content of the platter', () => {
    const of = (value: number): string => {
      const { k } = machine({ disks: [{ name: 'hda', sectors: 4000 }] })
      k.block.load('hda', [{ sector: 9, data: new Uint8Array(512).fill(value) }])
      return k.digest()
    }
    expect(of(1)).toBe(of(1))
    expect(of(1)).not.toBe(of(2))
    expect(of(0)).toBe(machine({ disks: [{ name: 'hda', sectors: 4000 }] }).k.digest())
  })
})

describe('failEach', () => {
  it('every fault point of a run with a disk: EIO or another error, and the books balance', () => {
    const boot = () =>
      createKernel({ modules: [block({ disks: [{ name: 'hda', sectors: 400 }] })], profile: '2.2.12' })
    const { points, runs, broken } = failEach({
      boot,
      run: (k: ReturnType<typeof boot>) => {
        const root = k.spawn({ uid: 0 })
        const fd = root.sys.open('/dev/hda', O_RDWR | O_SYNC)
        const results = [
          root.sys.write(asFd(fd), pattern(3000, 1)),
          root.sys.pread(asFd(fd), new Uint8Array(5000), 40_000),
          root.sys.fsync(asFd(fd)),
        ]
        root.sys.close(asFd(fd))
        return results
      },
    })
    expect(broken).toEqual([])
    const names = points.map(({ name }) => name)
    expect(names).toContain('io:hda read')
    expect(names).toContain('io:hda write')
    for (const { point, result } of runs)
      if (point.name === 'io:hda write') expect([point.n, (result as number[])[0]]).toEqual([point.n, EIO])
  })
})
