/** The buffer cache: finding, holding, giving up, block sizes. */
import { asFd, EIO, type KernelCore, O_RDWR } from 'paleokernel'
import { setBlockSize } from 'paleokernel/block'
import { describe, expect, it } from 'vitest'
import { LOOP_SET_FD } from '../../src/abi/ioctl.js'
import { lockBuffer } from '../../src/block/buffer.js'
import {
  BufferCache,
  brelse,
  FLUSH_DEFAULTS,
  findBuffer,
  getblk,
  invalidateBuffers,
  markDirty,
} from '../../src/block/cache.js'
import { bytesEqual } from '../../src/lib/bytes.js'
import { ok } from '../helpers/world.js'
import { DISK, machine, pattern, sound } from './machine.js'

describe('getblk', () => {
  it('gives up what is clean and longest unused, never what is held, dirty or on its way', () => {
    const cache = new BufferCache(4 * 1024, FLUSH_DEFAULTS)
    const [held, dirty, locked, clean] = [0, 1, 2, 3].map((n) => getblk(cache, DISK, n))
    if (!held || !dirty || !locked || !clean) throw new Error('no buffer')
    markDirty(dirty, 1000)
    lockBuffer(locked, false)
    for (const bh of [dirty, locked, clean]) brelse(bh)
    const fifth = getblk(cache, DISK, 4)
    expect([0, 1, 2, 3, 4].map((n) => findBuffer(cache, DISK, n) !== null)).toEqual([
      true,
      true,
      true,
      false,
      true,
    ])
    expect(getblk(cache, DISK, 5)).toBe(null)
    expect(getblk(cache, DISK, 0)).toBe(held)
    expect(getblk(cache, DISK, 5, true)).not.toBe(null)
    expect([cache.bytes, cache.reclaimed, fifth?.count]).toEqual([5 * 1024, 1, 1])
  })

  it('makes one more where all are held and nothing will come', () => {
    const cache = new BufferCache(2 * 1024, FLUSH_DEFAULTS)
    const all = [0, 1, 2].map((n) => getblk(cache, DISK, n))
    expect(all.every((bh) => bh !== null)).toBe(true)
    for (const bh of all) if (bh !== null) brelse(bh)
    getblk(cache, DISK, 3)
    expect(cache.bytes).toBe(2 * 1024)
  })

  it('invalidate_buffers forgets what nobody needs', () => {
    const cache = new BufferCache(8 * 1024, FLUSH_DEFAULTS)
    const [held, dirty, clean] = [0, 1, 2].map((n) => getblk(cache, DISK, n))
    if (!held || !dirty || !clean) throw new Error('no buffer')
    markDirty(dirty, 5)
    brelse(dirty)
    brelse(clean)
    invalidateBuffers(cache, DISK)
    expect([0, 1, 2].map((n) => findBuffer(cache, DISK, n) !== null)).toEqual([true, true, false])
  })
})

describe('set_blocksize', () => {
  it.each([512, 2048, 4096])('blocks of %i bytes: reads, writes and ends', (size) => {
    const image = pattern(301 * 512, 1)
    const { k, root } = machine({ disks: [{ name: 'hda', sectors: 301, image }] })
    expect(setBlockSize(k as unknown as KernelCore, DISK, size)).toBe(true)
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    const end = 301 * 512 - ((301 * 512) % size)
    const back = new Uint8Array(301 * 512)
    expect(root.sys.read(fd, back)).toBe(end)
    expect(bytesEqual(back.subarray(0, end), image.subarray(0, end))).toBe(true)
    ok(root.sys.pwrite(fd, pattern(700, 9), 5000))
    ok(root.sys.fsync(fd))
    image.set(pattern(700, 9), 5000)
    expect(bytesEqual(k.block.image('hda'), image)).toBe(true)
    expect(k.block.stats('hda').writtenSectors).toBe(
      (Math.ceil(5700 / size) - Math.floor(5000 / size)) * (size / 512),
    )
    expect(root.sys.readBlock(DISK, 2)).toBe(image[2 * size])
    expect(root.sys.readBlock(DISK, end / size)).toBe(EIO)
    sound(k)
  })

  it('refuses other sizes, and while old blocks are in use', () => {
    const { k, root } = machine()
    const core = k as unknown as KernelCore
    for (const size of [0, 256, 1000, 8192, Number.NaN]) expect(setBlockSize(core, DISK, size)).toBe(false)
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    ok(root.sys.write(fd, new Uint8Array(10)))
    expect(setBlockSize(core, DISK, 4096)).toBe(false)
    ok(root.sys.sync())
    expect(setBlockSize(core, DISK, 4096)).toBe(true)
    sound(k)
  })

  it('a loop device over larger blocks writes parts of them', () => {
    const image = pattern(400 * 512, 3)
    const { k, root } = machine({ disks: [{ name: 'hda', sectors: 400, image }] })
    expect(setBlockSize(k as unknown as KernelCore, DISK, 4096)).toBe(true)
    const loop = ok(root.sys.open('/dev/loop0', O_RDWR))
    ok(root.sys.ioctl(loop, LOOP_SET_FD, ok(root.sys.open('/dev/hda', O_RDWR))))
    ok(root.sys.pwrite(asFd(loop), pattern(3 * 1024, 5), 7 * 1024))
    ok(root.sys.sync())
    image.set(pattern(3 * 1024, 5), 7 * 1024)
    expect(bytesEqual(k.block.image('hda'), image)).toBe(true)
    sound(k)
  })
})
