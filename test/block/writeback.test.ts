/** Write-back: by age, by amount, by sync, fsync, O_SYNC and umount; the bound of memory; errors that come later. */
import { createKernel, EBADF, EIO, O_RDONLY, O_RDWR, O_SYNC, type Task, WouldBlock } from 'paleokernel'
import { block, bread, brelse, markBufferDirty, syncDev } from 'paleokernel/block'
import { describe, expect, it } from 'vitest'
import { mountRamfs } from '../../src/fs/ramfs.js'
import { defineModule } from '../../src/kernel/module.js'
import { bytesEqual } from '../../src/lib/bytes.js'
import { ok } from '../helpers/world.js'
import { DISK, linesOf, machine, pattern, sound, spying } from './machine.js'

const BLOCK = 1024

describe('write-back by age', () => {
  it('writes a dirty buffer at the first look, 5 s apart, after 30 s; a kernel at rest has nothing to do', () => {
    const { k, root, log } = spying()
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    k.advance(1200)
    ok(root.sys.write(fd, pattern(BLOCK, 1)))
    k.advance(31_200 - k.now)
    ok(root.sys.pwrite(fd, pattern(BLOCK, 2), 0))
    expect(log).toEqual([])
    k.run()
    expect(log.find((line) => line.startsWith('Q'))).toMatch(/@35000\.0 bottom-half$/)
    expect(k.block.image('hda', 0, 2)).toEqual(pattern(BLOCK, 2))
    expect(k.now).toBeLessThan(35_100)
    sound(k)
    k.run()
    expect(k.now).toBeLessThan(35_100)
  })

  it('follows /proc/sys/vm/bdflush and the option', () => {
    const { k, root } = machine({ flush: { ageBuffer: 700, interval: 500 } })
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    ok(root.sys.write(fd, pattern(BLOCK, 1)))
    k.advance(999)
    expect(k.block.cache().dirty).toBe(1)
    k.advance(100)
    expect(k.block.cache().dirty).toBe(0)
  })

  it('goes on where it ran out of slots', () => {
    const { k, root } = machine({ requests: 4, flush: { ageBuffer: 100, interval: 100 }, memory: 2 ** 22 })
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    for (let n = 0; n < 50; n++) ok(root.sys.pwrite(fd, pattern(BLOCK, n), n * 2 * BLOCK))
    k.run()
    expect(k.block.cache().dirty).toBe(0)
    for (let n = 0; n < 50; n++) expect(k.block.image('hda', n * 4, 2)).toEqual(pattern(BLOCK, n))
    sound(k)
  })
})

describe('write-back by amount', () => {
  it('begins above 40 per cent, without anybody waiting for it', () => {
    const { k, root } = machine({ memory: 100 * BLOCK })
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    ok(root.sys.write(fd, pattern(40 * BLOCK, 1)))
    k.advance(1000)
    expect(k.block.cache().dirty).toBe(40)
    ok(root.sys.write(fd, pattern(BLOCK, 1)))
    k.advance(1000)
    expect(k.block.cache().dirty).toBe(0)
    sound(k)
  })

  it('memory is bounded: what is longest unused and clean goes first, writers wait for what is dirty', () => {
    const { k, root } = machine({ memory: 64 * BLOCK })
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    for (let n = 0; n < 300; n++) {
      ok(root.sys.pwrite(fd, pattern(BLOCK, n), n * BLOCK))
      expect(k.block.cache().bytes).toBeLessThanOrEqual(64 * BLOCK)
    }
    expect(k.block.cache().reclaimed).toBe(300 - 64)
    ok(root.sys.sync())
    const { misses } = k.block.cache()
    for (let n = 290; n < 299; n++) ok(root.sys.pread(fd, new Uint8Array(BLOCK), n * BLOCK))
    expect(k.block.cache().misses - misses).toBeLessThanOrEqual(4)
    const back = new Uint8Array(BLOCK)
    ok(root.sys.pread(fd, back, 0))
    expect(back).toEqual(pattern(BLOCK, 0))
    sound(k)
  })

  it('a bound that is no multiple of a block is one all the same', () => {
    const { k, root } = machine({ memory: 65_536 + 512 })
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    for (let n = 0; n < 100; n++) ok(root.sys.pwrite(fd, pattern(BLOCK, n), n * BLOCK))
    expect(k.block.cache().bytes).toBe(65_536)
  })

  it('a read larger than the memory gets through', () => {
    const image = pattern(400 * BLOCK, 5)
    const { k, root } = machine({ memory: 64 * BLOCK, disks: [{ name: 'hda', sectors: 800, image }] })
    const fd = ok(root.sys.open('/dev/hda', O_RDONLY))
    const back = new Uint8Array(400 * BLOCK)
    expect(root.sys.read(fd, back)).toBe(back.length)
    expect(bytesEqual(back, image)).toBe(true)
    const writer = ok(root.sys.open('/dev/hda', O_RDWR | O_SYNC))
    expect(root.sys.write(writer, pattern(400 * BLOCK, 6))).toBe(400 * BLOCK)
    expect(bytesEqual(k.block.image('hda'), pattern(400 * BLOCK, 6))).toBe(true)
    sound(k)
  })
})

describe('sync, fsync, O_SYNC', () => {
  it('sleep, deaf to signals, until all has been written', () => {
    const { k, root } = machine()
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    for (const call of ['sync', 'fsync', 'fdatasync', 'write'] as const) {
      ok(root.sys.pwrite(fd, pattern(BLOCK, 1), 0))
      const own = k.spawn({ uid: 0 })
      const sync = ok(own.sys.open('/dev/hda', O_RDWR | O_SYNC))
      const begun =
        call === 'sync'
          ? own.begin.sync()
          : call === 'write'
            ? own.begin.write(sync, pattern(500, 7))
            : own.begin[call](sync)
      expect([call, begun.blocked, own.state]).toEqual([call, true, 'sleeping'])
      ok(root.sys.kill(own.pid, 15))
      expect(begun.blocked).toBe(true)
      sound(k)
      k.run()
      expect([call, own.state]).toEqual([call, 'dead'])
    }
    expect(k.block.image('hda', 0, 1).subarray(0, 500)).toEqual(pattern(500, 7))
    sound(k)
  })

  it('close of a device sleeps too; the end of a process only starts the writing', () => {
    const { k, root } = machine()
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    const second = ok(root.sys.dup(fd))
    ok(root.sys.write(fd, pattern(BLOCK, 1)))
    expect(root.begin.close(second).blocked).toBe(false)
    const close = root.begin.close(fd)
    expect(close.blocked).toBe(true)
    sound(k)
    k.run()
    expect(close.result).toBe(0)
    expect(k.block.image('hda', 0, 2)).toEqual(pattern(BLOCK, 1))
    expect(root.sys.close(fd)).toBe(EBADF)
    const other = k.spawn({ uid: 0 })
    ok(other.sys.write(ok(other.sys.open('/dev/hda', O_RDWR)), pattern(BLOCK, 2)))
    other.sys.exit(0)
    k.advance(100)
    expect(k.block.image('hda', 0, 2)).toEqual(pattern(BLOCK, 2))
    expect(k.block.unit('hda').openers).toBe(0)
    sound(k)
  })

  it('fsync is of one device, sync of all', () => {
    const { k, root } = machine({
      disks: [
        { name: 'hda', sectors: 100 },
        { name: 'hdb', sectors: 100 },
      ],
    })
    for (const name of ['hda', 'hdb'])
      ok(root.sys.write(ok(root.sys.open(`/dev/${name}`, O_RDWR)), pattern(BLOCK, 1)))
    ok(root.sys.fsync(ok(root.sys.open('/dev/hdb', O_RDONLY))))
    expect([k.block.stats('hda').writes, k.block.stats('hdb').writes]).toEqual([0, 1])
    ok(root.sys.sync())
    expect([k.block.stats('hda').writes, k.block.stats('hdb').writes]).toEqual([1, 1])
  })

  it('a buffer that is written to while it is on its way goes twice, and fsync waits for the second', () => {
    const { k, root, log } = spying()
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    ok(root.sys.write(fd, pattern(BLOCK, 1)))
    const other = k.spawn({ uid: 0 })
    const first = other.begin.fsync(ok(other.sys.open('/dev/hda', O_RDWR)))
    expect(first.blocked).toBe(true)
    ok(root.sys.pwrite(fd, pattern(BLOCK, 2), 0))
    ok(root.sys.fsync(fd))
    expect(k.block.image('hda', 0, 2)).toEqual(pattern(BLOCK, 2))
    expect(linesOf(log, 'D')).toEqual(['D 0+2', 'D 0+2'])
    expect(k.block.cache().dirty).toBe(0)
    sound(k)
  })

  it('umount sleeps until its file system has written everything', () => {
    const fs = defineModule({
      name: 'tinyfs',
      requires: ['block'],
      init: () => ({}),
      attach: () => ({
        api: {},
        filesystems: [
          {
            name: 'tinyfs',
            requiresDevice: true,
            mount(kernel, _source, flags) {
              const sb = mountRamfs(kernel, 'tinyfs', flags, '')
              if (typeof sb === 'number') return sb
              const { ops } = sb
              sb.ops = Object.freeze({
                ...ops,
                name: 'tinyfs',
                sync: (_k: unknown, _sb: unknown, current: Task | null) =>
                  current === null ? 0 : syncDev(current, DISK),
              })
              return sb
            },
          },
        ],
        syscalls: {
          dirtyBlock(current: Task, number: number): number {
            const bh = bread(current, DISK, number)
            if (typeof bh === 'number') return bh
            bh.data.fill(9)
            markBufferDirty(current.k, bh, 'super')
            brelse(bh)
            return 0
          },
        },
      }),
    })
    const k = createKernel({ modules: [block(), fs], profile: '2.2.12' })
    const root = k.spawn({ uid: 0 })
    ok(root.sys.mount('/dev/hda', '/mnt', 'tinyfs', 0, ''))
    ok(root.sys.dirtyBlock(5))
    const umount = root.begin.umount('/mnt')
    expect(umount.blocked).toBe(true)
    k.run()
    expect(umount.result).toBe(0)
    expect(k.block.image('hda', 10, 1)).toEqual(new Uint8Array(512).fill(9))
    // What is due after 5 s, as a super block is.
    ok(root.sys.dirtyBlock(6))
    const { now } = k
    k.run()
    expect(k.now - now).toBeLessThan(10_100)
    sound(k)
  })
})

describe('errors', () => {
  it('a bad sector: EIO, the neighbours can be read, and a whole write beside it is well', () => {
    const image = pattern(100 * 512, 1)
    const { k, root } = machine({ disks: [{ name: 'hda', sectors: 100, image }] })
    k.block.setFaults('hda', { badSectors: [21] })
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    const back = new Uint8Array(50 * BLOCK)
    expect(root.sys.pread(fd, back, 0)).toBe(10 * BLOCK)
    expect(root.sys.pread(fd, back, 10 * BLOCK)).toBe(EIO)
    expect(root.sys.pread(fd, back, 10 * BLOCK + 700)).toBe(EIO)
    expect(root.sys.pread(fd, back, 11 * BLOCK)).toBe(39 * BLOCK)
    expect(back.subarray(0, 39 * BLOCK)).toEqual(image.subarray(11 * BLOCK))
    // A part of a bad block has to be read before.
    expect(root.sys.pwrite(fd, new Uint8Array(10), 10 * BLOCK)).toBe(EIO)
    expect(root.sys.pwrite(fd, new Uint8Array(3 * BLOCK), 9 * BLOCK)).toBe(3 * BLOCK)
    expect(root.sys.fsync(fd)).toBe(EIO)
    expect(root.sys.fsync(fd)).toBe(0)
    expect(k.block.image('hda', 18, 2)).toEqual(new Uint8Array(BLOCK))
    expect(k.block.image('hda', 22, 2)).toEqual(new Uint8Array(BLOCK))
    const buf = new Uint8Array(8192)
    expect(new TextDecoder().decode(buf.subarray(0, ok(root.sys.syslog(3, buf))))).toContain(
      'end_request: I/O error, dev 03:00 (hda), sector 20\n',
    )
    k.block.setFaults('hda', { badSectors: [] })
    expect(root.sys.pread(fd, back, 10 * BLOCK)).toBe(40 * BLOCK)
    sound(k)
  })

  it('O_SYNC says EIO, and a failed write-back is told to the next fsync, once', () => {
    const { k, root } = machine()
    k.block.setFaults('hda', { badSectors: [0] })
    const sync = ok(root.sys.open('/dev/hda', O_RDWR | O_SYNC))
    expect(root.sys.write(sync, new Uint8Array(2 * BLOCK))).toBe(EIO)
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    expect(root.sys.fsync(fd)).toBe(EIO)
    expect(root.sys.fsync(fd)).toBe(0)
    ok(root.sys.pwrite(fd, new Uint8Array(BLOCK), 0))
    k.run()
    expect(root.sys.fsync(fd)).toBe(EIO)
    expect(root.sys.fsync(fd)).toBe(0)
    sound(k)
  })

  it('a write that fails while newer bytes wait loses nothing of those', () => {
    const { k, root } = machine()
    k.block.setFaults('hda', { badSectors: [0] })
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    ok(root.sys.write(fd, pattern(BLOCK, 1)))
    // Write-back has begun, and is not over.
    k.advance(30_000)
    expect(k.block.stats('hda').queued).toBe(1)
    ok(root.sys.pwrite(fd, pattern(BLOCK, 2), 0))
    while (k.block.stats('hda').errors === 0) k.step()
    k.block.setFaults('hda', { badSectors: [] })
    const back = new Uint8Array(BLOCK)
    expect(root.sys.pread(fd, back, 0)).toBe(BLOCK)
    expect(back).toEqual(pattern(BLOCK, 2))
    ok(root.sys.sync())
    expect(k.block.image('hda', 0, 2)).toEqual(pattern(BLOCK, 2))
    sound(k)
  })

  it('two that wait for the same bad block both get EIO', () => {
    const { k, root } = machine()
    k.block.setFaults('hda', { badSectors: [0] })
    const other = k.spawn({ uid: 0 })
    const fds = [root, other].map((who) => ok(who.sys.open('/dev/hda', O_RDWR)))
    const reads = [
      root.begin.pread(fds[0] as never, new Uint8Array(10), 0),
      other.begin.pwrite(fds[1] as never, new Uint8Array(10), 5),
    ]
    k.run()
    expect(reads.map(({ result }) => result)).toEqual([EIO, EIO])
    sound(k)
  })

  it('a disk that has been pulled out fails everything with EIO until it is back', () => {
    const { k, root } = machine()
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    k.block.pull('hda')
    expect(root.sys.read(fd, new Uint8Array(10))).toBe(EIO)
    ok(root.sys.pwrite(fd, pattern(BLOCK, 1), 0))
    expect(root.sys.fsync(fd)).toBe(EIO)
    k.block.pull('hda', false)
    expect(root.sys.pread(fd, new Uint8Array(10), 0)).toBe(10)
    expect(k.block.allocated('hda')).toBe(0)
    sound(k)
  })

  it('without power nobody hears of a request again: who waits sleeps for ever, and the kernel comes to rest', () => {
    const { k, root } = machine()
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    ok(root.sys.write(fd, pattern(BLOCK, 1)))
    k.block.cutPower()
    const waiter = k.spawn({ uid: 0 })
    const own = ok(waiter.sys.open('/dev/hda', O_RDONLY))
    expect(() => waiter.sys.pread(own, new Uint8Array(10), 5000)).toThrow(WouldBlock)
    expect(waiter.state).toBe('sleeping')
    ok(root.sys.kill(waiter.pid, 9))
    k.run()
    expect(waiter.state).toBe('sleeping')
    // Dirty while on its way for ever: nobody looks at it again and again.
    ok(root.sys.pwrite(fd, pattern(BLOCK, 2), 0))
    const before = k.now
    k.run()
    k.run()
    expect(k.now - before).toBeLessThan(60_000)
    expect(k.block.image('hda', 0, 2)).toEqual(new Uint8Array(BLOCK))
    sound(k)
  })

  it('lost and torn writes are reported done', () => {
    const { k, root } = machine()
    k.block.setFaults('hda', { lostWrites: [1], tornWrites: [[2, 1]] })
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    for (const at of [0, 1]) {
      ok(root.sys.pwrite(fd, pattern(BLOCK, at), at * BLOCK))
      expect(root.sys.fsync(fd)).toBe(0)
    }
    expect(k.block.image('hda', 0, 4)).toEqual(
      new Uint8Array([
        ...new Uint8Array(BLOCK),
        ...pattern(BLOCK, 1).subarray(0, 512),
        ...new Uint8Array(512),
      ]),
    )
  })
})
