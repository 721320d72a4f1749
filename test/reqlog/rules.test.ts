/** The rules of the request log, by their numbers: reference §5.3. On real disks with a cache, a queue and an elevator. */
import {
  contextOf,
  createKernel,
  defineModule,
  EACCES,
  EIO,
  ENODEV,
  ENOSPC,
  EPERM,
  FIONREAD,
  isErr,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_SYNC,
  S_IFCHR,
} from 'paleokernel'
import { blktrace, block, parseBlkTrace } from 'paleokernel/block'
import { BUFFLINK_GETOVERFLOW, bufflink } from 'paleokernel/bufflink'
import { recordsOfTrace, reqlog } from 'paleokernel/reqlog'
import { describe, expect, it } from 'vitest'
import { BLKRASET, BLKROSET, LOOP_SET_FD } from '../../src/abi/ioctl.js'
import { checkInvariants, checkState, ok } from '../helpers/world.js'
import { drain, machine, open, pattern, show, writeBlocks } from './world.js'

const sound = (k: unknown): void => {
  checkInvariants(k as never)
  checkState(k as never)
}

describe('the ring and its node', () => {
  it('RQ-1: minor 0 at boot, so that the next automatic minor is 1', () => {
    const { k } = machine()
    expect([k.reqlog.ring().minor, k.reqlog.ring().size]).toEqual([0, 16384])
    expect(k.bufflinkTest.insmod()).toBe(0)
    expect(k.bufflinkTest.ring()?.minor).toBe(1)
    sound(k)
  })

  it('RQ-1: it is there before any module of the list makes a ring', () => {
    const early = createKernel({ modules: [reqlog(), block(), bufflink()] })
    expect(early.reqlog.ring().minor).toBe(0)
  })

  it('RQ-1, RQ-14: /dev/reqlog is c 120 0 with mode 0600; nothing but the mode decides', () => {
    const { k, root } = machine()
    const { mode, rdev, uid } = ok(root.sys.stat('/dev/reqlog'))
    expect([mode, rdev, uid]).toEqual([S_IFCHR | 0o600, 120 << 8, 0])
    const user = k.spawn({ uid: 1000, gid: 1000 })
    expect(user.sys.open('/dev/reqlog', O_RDONLY)).toBe(EACCES)
    ok(root.sys.chmod('/dev/reqlog', 0o644))
    const fd = ok(user.sys.open('/dev/reqlog', O_RDONLY | O_NONBLOCK))
    writeBlocks(root, open(root, 'hda'), 3)
    expect(user.sys.read(fd, new Uint8Array(64))).toBe(16)
  })

  it('RQ-1: without the driver of bufflink the log is kept, and cannot be opened', () => {
    const k = createKernel({ modules: [bufflink({ driver: 'module' }), block(), reqlog()] })
    const root = k.spawn()
    writeBlocks(root, open(root, 'hda'), 3)
    expect(root.sys.open('/dev/reqlog', O_RDONLY)).toBe(ENODEV)
    expect(k.bufflink.insmod()).toBe(0)
    expect(show(drain(root))).toEqual(['W 3:0 6+2'])
  })
})

describe('what is logged', () => {
  it('RQ-2: two adjacent dirty blocks are two records of two sectors, and one request', () => {
    const { k, root } = machine()
    writeBlocks(root, open(root, 'hda'), 10, 11)
    expect(show(drain(root))).toEqual(['W 3:0 20+2', 'W 3:0 22+2'])
    expect(k.block.stats('hda')).toMatchObject({ writes: 1, merged: 1 })
    sound(k)
  })

  it('RQ-2: also what is merged at the front, and what makes one of two requests', () => {
    const { k, root } = machine()
    writeBlocks(root, open(root, 'hda'), 20, 22, 21, 19)
    expect(show(drain(root))).toEqual(['W 3:0 40+2', 'W 3:0 44+2', 'W 3:0 42+2', 'W 3:0 38+2'])
    expect(k.block.stats('hda')).toMatchObject({ writes: 1, writtenSectors: 8 })
    sound(k)
  })

  it('RQ-3: not a cached block that is read again, nor a write that stays in the cache', () => {
    const { k, root } = machine()
    const fd = open(root, 'hda')
    const buf = new Uint8Array(1024)
    ok(root.sys.pread(fd, buf, 10 * 1024))
    expect(show(drain(root))).toContain('R 3:0 20+2')
    // Another file each time: one that goes on reading has blocks read ahead.
    ok(root.sys.pread(open(root, 'hda'), buf, 10 * 1024))
    ok(root.sys.pwrite(fd, pattern(1024), 10 * 1024))
    ok(root.sys.pread(open(root, 'hda'), buf, 10 * 1024))
    expect(buf).toEqual(pattern(1024))
    ok(root.sys.pwrite(fd, pattern(1024), 11 * 1024))
    expect(drain(root)).toEqual([])
    ok(root.sys.fsync(fd))
    expect(show(drain(root))).toEqual(['W 3:0 20+2', 'W 3:0 22+2'])
    // They are clean now.
    ok(root.sys.fsync(fd))
    ok(root.sys.sync())
    expect(drain(root)).toEqual([])
    const { reads, writes } = k.block.stats('hda')
    expect([reads, writes]).toEqual([1, 1])
  })

  it('RQ-3: not what is beyond the end, nor a write to a device that is read-only', () => {
    const { k, root } = machine()
    const fd = open(root, 'hdb')
    expect(root.sys.pread(fd, new Uint8Array(1024), 20_000 * 512)).toBe(0)
    expect(root.sys.pwrite(fd, pattern(1024), 20_000 * 512)).toBe(ENOSPC)
    ok(root.sys.pwrite(fd, pattern(1024), 4096))
    ok(root.sys.ioctl(fd, BLKROSET, { value: 1 }))
    expect(root.sys.pwrite(fd, pattern(1024), 8192)).toBe(EPERM)
    root.sys.fsync(fd)
    root.sys.sync()
    expect(drain(root).filter(({ isWrite }) => isWrite)).toEqual([])
    sound(k)
  })

  it('RQ-3: not read-ahead that is dropped for lack of a slot', () => {
    const readBy = (requests: number): number => {
      // Each block needs a slot of its own.
      const disks = [{ name: 'hda', sectors: 20_000, merges: false }]
      const { k, root } = machine({ disks: { requests, disks } })
      ok(root.sys.ioctl(open(root, 'hda', O_RDONLY), BLKRASET, 16))
      for (let i = 0; i < 6; i++) {
        const p = k.spawn()
        const fd = open(p, 'hda', O_RDONLY)
        ok(p.sys.lseek(fd, i * 1_000_000, 0))
        ok(p.sys.read(fd, new Uint8Array(1024)))
        p.begin.read(fd, new Uint8Array(1024))
      }
      k.run()
      const records = drain(root)
      const { readSectors } = k.block.stats('hda')
      // What is in the log is what the disk has done: nothing that was dropped, nothing twice.
      expect(records.reduce((sum, { sectors }) => sum + sectors, 0)).toBe(readSectors)
      expect(new Set(show(records)).size).toBe(records.length)
      return readSectors
    }
    expect(readBy(4)).toBeLessThan(readBy(128))
  })

  it('RQ-4: both directions; read-ahead counts as a read', () => {
    const { k, root } = machine()
    const fd = open(root, 'hda')
    const buf = new Uint8Array(1024)
    for (let i = 0; i < 4; i++) ok(root.sys.read(fd, buf))
    k.run()
    const records = drain(root)
    expect(records.every(({ isWrite }) => !isWrite)).toBe(true)
    const sectors = records.reduce((sum, one) => sum + one.sectors, 0)
    expect(sectors).toBeGreaterThan(8)
    expect(sectors).toBe(k.block.stats('hda').readSectors)
    writeBlocks(root, fd, 500)
    expect(show(drain(root))).toContain('W 3:0 1000+2')
  })

  it('RQ-5: a loop device appears under its own number, and what it does to its disk under that', () => {
    const { k, root } = machine()
    const hdb = open(root, 'hdb')
    const loop = open(root, 'loop0')
    ok(root.sys.ioctl(loop, LOOP_SET_FD, hdb))
    drain(root)
    ok(root.sys.pwrite(loop, pattern(1024), 5 * 1024))
    ok(root.sys.fsync(loop))
    ok(root.sys.sync())
    const records = show(drain(root))
    expect(records.filter((one) => one.startsWith('W'))).toEqual(['W 7:0 10+2', 'W 3:64 10+2'])
    expect(k.block.image('hdb', 10, 2)).toEqual(pattern(1024))
    sound(k)
  })

  it('RQ-5: after remapping by md: the real device and the real sector', () => {
    const { k, root } = machine({ disks: { md: [{ name: 'md0', parts: ['hda2', 'hdb'] }] } })
    const md = open(root, 'md0')
    ok(root.sys.pwrite(md, pattern(1024), 1024))
    ok(root.sys.pwrite(md, pattern(1024), 9000 * 512))
    ok(root.sys.fsync(md))
    expect(show(drain(root)).filter((one) => one.startsWith('W'))).toEqual(['W 3:2 2+2', 'W 3:64 1000+2'])
    expect(k.block.image('hdb', 1000, 2)).toEqual(pattern(1024))
  })

  it('RQ-6: a partition is its own minor, with sectors counted from its beginning', () => {
    const { k, root } = machine()
    writeBlocks(root, open(root, 'hda1'), 10)
    expect(show(drain(root))).toEqual(['W 3:1 20+2'])
    expect(k.block.image('hda', 120, 2)).toEqual(pattern(1024, 10))
    writeBlocks(root, open(root, 'hda'), 10)
    expect(show(drain(root))).toEqual(['W 3:0 20+2'])
  })

  it('RQ-7: block devices of all majors, and no character device', () => {
    const { root } = machine()
    for (const name of ['hda', 'hdb', 'ram0', 'hda2']) writeBlocks(root, open(root, name), 7)
    expect(show(drain(root))).toEqual(['W 3:0 14+2', 'W 3:64 14+2', 'W 1:0 14+2', 'W 3:2 14+2'])
    const zero = open(root, 'zero')
    ok(root.sys.read(zero, new Uint8Array(4096)))
    ok(root.sys.write(zero, new Uint8Array(4096)))
    expect(drain(root)).toEqual([])
  })

  it('RQ-8: at submission, in its order, before the data are on the disk', () => {
    const { k, root } = machine()
    const fd = open(root, 'hda')
    for (const at of [300, 5, 77]) ok(root.sys.pwrite(fd, pattern(1024, at), at * 1024))
    const syncer = k.spawn()
    const call = syncer.begin.sync()
    expect(call.blocked).toBe(true)
    expect(show(drain(root))).toEqual(['W 3:0 600+2', 'W 3:0 10+2', 'W 3:0 154+2'])
    expect(k.block.image('hda', 600, 2)).toEqual(new Uint8Array(1024))
    k.run()
    expect(call.blocked).toBe(false)
    expect(k.block.image('hda', 600, 2)).toEqual(pattern(1024, 300))
    // Nothing is said of completions.
    expect(drain(root)).toEqual([])
  })

  it('RQ-8: in any context: write-back by age is submitted by a bottom half, for nobody', () => {
    const contexts: string[] = []
    const spy = defineModule({
      name: 'spy',
      requires: ['block'],
      init: () => null,
      attach: () => ({ api: null, block: { submit: (k) => void contexts.push(contextOf(k)) } }),
    })
    const k = createKernel({ modules: [bufflink(), block(), reqlog({ layout: 'long' }), spy] })
    const root = k.spawn()
    const fd = open(root, 'hda')
    writeBlocks(root, fd, 1)
    ok(root.sys.pwrite(fd, pattern(1024), 4096))
    k.advance(60_000)
    expect(contexts).toEqual(['process', 'bottom-half'])
    expect(drain(root, 'long').map(({ sector, pid }) => [sector, pid])).toEqual([
      [2, root.pid],
      [8, 0],
    ])
  })

  it('RQ-8: a write that fails on the disk has its record all the same', () => {
    const { k, root } = machine()
    k.block.setFaults('hdb', { badSectors: [20] })
    const fd = open(root, 'hdb', O_RDWR | O_SYNC)
    expect(root.sys.pwrite(fd, pattern(1024), 10 * 1024)).toBe(EIO)
    expect(show(drain(root))).toEqual(['W 3:64 20+2'])
  })
})

describe('records', () => {
  it('RQ-9: 16 bytes, little-endian: device, direction, first sector, sectors, jiffies', () => {
    const { k, root } = machine()
    const fd = open(root, 'hdb')
    ok(root.sys.pwrite(fd, pattern(1024), 3000 * 1024))
    k.advance(12_345)
    ok(root.sys.fsync(fd))
    k.run()
    const buf = new Uint8Array(64)
    const log = ok(root.sys.open('/dev/reqlog', O_RDONLY))
    expect(root.sys.read(log, buf)).toBe(16)
    // 3:64; a write; sector 6000; 2 sectors; 1234 jiffies of 10 ms.
    expect([...buf.subarray(0, 16)]).toEqual([0x40, 3, 1, 0, 0x70, 0x17, 0, 0, 2, 0, 0, 0, 0xd2, 4, 0, 0])
  })

  it('RQ-10: a reader that asks for a multiple of 16 gets whole records, wherever the ring wraps', () => {
    const { k, root } = machine({ log: { ringSize: 100 } })
    const fd = open(root, 'ram0')
    const log = ok(root.sys.open('/dev/reqlog', O_RDONLY | O_NONBLOCK))
    for (let i = 0; i < 40; i++) {
      writeBlocks(root, fd, i, i + 100)
      const buf = new Uint8Array(48)
      expect(root.sys.read(log, buf)).toBe(32)
      const view = new DataView(buf.buffer)
      expect([view.getUint16(0, true), view.getUint32(4, true)]).toEqual([0x100, i * 2])
      expect([view.getUint16(16, true), view.getUint32(20, true)]).toEqual([0x100, (i + 100) * 2])
    }
    expect(k.reqlog.counts()).toEqual({ records: 80, lost: 0 })
  })

  it('RQ-11: 2000 writes that nobody reads: all succeed, at the speed they always have; the flag is set', () => {
    const time = (size: number): number => {
      const { k, root } = machine({ log: { ringSize: size } })
      const fd = open(root, 'hda')
      for (let i = 0; i < 2000; i++) expect(root.sys.pwrite(fd, pattern(1024, i), i * 1024)).toBe(1024)
      expect(root.sys.fsync(fd)).toBe(0)
      expect(k.block.image('hda', 1999 * 2, 2)).toEqual(pattern(1024, 1999))
      const log = ok(root.sys.open('/dev/reqlog', O_RDONLY | O_NONBLOCK))
      const waiting = { value: 0 }
      ok(root.sys.ioctl(log, FIONREAD, waiting))
      const { records, lost } = k.reqlog.counts()
      expect(records).toBeGreaterThanOrEqual(2000)
      expect([lost, waiting.value]).toEqual([Math.max(records - size / 16, 0), Math.min(size, records * 16)])
      expect(root.sys.ioctl(log, BUFFLINK_GETOVERFLOW)).toBe(lost > 0 ? 1 : 0)
      sound(k)
      return k.now
    }
    expect(time(16384)).toBe(time(2 ** 20))
  })

  it('RQ-12: what was lost is nowhere; the flag alone says so, and once it is fetched the log goes on', () => {
    const { k, root } = machine({ log: { ringSize: 64 } })
    const fd = open(root, 'ram0')
    writeBlocks(root, fd, 1, 2, 3, 4, 5, 6)
    const log = ok(root.sys.open('/dev/reqlog', O_RDONLY | O_NONBLOCK))
    expect(show(drain(root))).toEqual(['W 1:0 2+2', 'W 1:0 4+2', 'W 1:0 6+2', 'W 1:0 8+2'])
    expect([root.sys.ioctl(log, BUFFLINK_GETOVERFLOW), root.sys.ioctl(log, BUFFLINK_GETOVERFLOW)]).toEqual([
      1, 0,
    ])
    writeBlocks(root, fd, 9)
    expect(show(drain(root))).toEqual(['W 1:0 18+2'])
    expect(k.reqlog.counts()).toEqual({ records: 7, lost: 2 })
  })

  it('RQ-13: nothing turns it off: neither a write, nor an ioctl, nor closing', () => {
    const { root } = machine()
    const log = ok(root.sys.open('/dev/reqlog', O_RDWR | O_NONBLOCK))
    for (let cmd = 0; cmd < 4; cmd++)
      expect(isErr(root.sys.ioctl(log, (0x62 << 8) | (cmd + 2), 0))).toBe(true)
    ok(root.sys.close(log))
    ok(root.sys.unlink('/dev/reqlog'))
    writeBlocks(root, open(root, 'hda'), 3)
    ok(root.sys.mknod('/dev/reqlog', S_IFCHR | 0o600, 120 << 8))
    expect(show(drain(root))).toEqual(['W 3:0 6+2'])
  })

  it('RQ-14: who may write to the node writes into the log, as into any ring', () => {
    const { k, root } = machine()
    const log = ok(root.sys.open('/dev/reqlog', O_RDWR | O_NONBLOCK))
    expect(root.sys.write(log, Uint8Array.of(1, 2, 3))).toBe(3)
    writeBlocks(root, open(root, 'hda'), 3)
    const buf = new Uint8Array(64)
    expect([root.sys.read(log, buf.subarray(0, 3)), root.sys.read(log, buf)]).toEqual([3, 16])
    expect(k.reqlog.counts().records).toBe(1)
    sound(k)
  })

  it('RQ-15: who stores what it reads on a disk that is logged has more to read', () => {
    const { k, root } = machine()
    const [hda, hdb] = [open(root, 'hda'), open(root, 'hdb')]
    writeBlocks(root, hda, 3)
    const log = ok(root.sys.open('/dev/reqlog', O_RDONLY | O_NONBLOCK))
    const buf = new Uint8Array(1024)
    const rounds: string[] = []
    for (let at = 0; at < 5; at++) {
      const count = ok(root.sys.read(log, buf))
      rounds.push(...show(new Array(count / 16).fill(0).map((_, i) => recordAt(buf, i * 16))))
      ok(root.sys.pwrite(hdb, buf, at * 1024))
      ok(root.sys.fsync(hdb))
    }
    // Each note of a write is a write itself: the log never comes to an end.
    expect(rounds).toEqual(['W 3:0 6+2', 'W 3:64 0+2', 'W 3:64 2+2', 'W 3:64 4+2', 'W 3:64 6+2'])
    expect(k.reqlog.ring().length).toBe(16)
    // A tracker that keeps its notes elsewhere, or leaves out its own device, does come to one.
    expect(drain(root).filter(({ device }) => device !== (3 << 20) + 64)).toEqual([])
  })
})

const recordAt = (bytes: Uint8Array, at: number) => {
  const view = new DataView(bytes.buffer)
  const dev = view.getUint16(at, true)
  return {
    device: (((dev >>> 8) << 20) | (dev & 255)) as never,
    isWrite: view.getUint16(at + 2, true) === 1,
    hasFailed: false,
    sector: view.getUint32(at + 4, true),
    sectors: view.getUint32(at + 8, true),
    timeMs: 0,
  }
}

describe('options: what the sources leave open', () => {
  it('per request: as the driver takes it, with all its buffers', () => {
    const { k, root } = machine({ log: { per: 'request', layout: 'long' } })
    writeBlocks(root, open(root, 'hda'), 10, 11, 12, 40)
    const records = drain(root, 'long')
    expect(show(records)).toEqual(['W 3:0 20+6', 'W 3:0 80+2'])
    expect(records.map(({ buffers, pid }) => [buffers, pid])).toEqual([
      [3, 0],
      [1, 0],
    ])
    expect(k.block.stats('hda').writes).toBe(2)
  })

  it('at completion: nothing before the disk has answered, and failures are marked', () => {
    const { k, root } = machine({ log: { at: 'completion' } })
    k.block.setFaults('hda', { badSectors: [23] })
    const fd = open(root, 'hda')
    for (const at of [40, 10, 11]) ok(root.sys.pwrite(fd, pattern(1024, at), at * 1024))
    const call = k.spawn().begin.sync()
    expect([call.blocked, drain(root)]).toEqual([true, []])
    k.run()
    // In the order of the sweep, and of the sectors.
    expect(show(drain(root))).toEqual(['W 3:0 20+2', 'W 3:0 22+2!', 'W 3:0 80+2'])
  })

  it('at completion, per request: one record for each, which has failed if a part of it has', () => {
    const { k, root } = machine({ log: { at: 'completion', per: 'request', layout: 'long' } })
    k.block.setFaults('hda', { badSectors: [20] })
    const fd = open(root, 'hda')
    for (const at of [10, 11, 40]) ok(root.sys.pwrite(fd, pattern(1024, at), at * 1024))
    root.sys.fsync(fd)
    const records = drain(root, 'long')
    expect(show(records)).toEqual(['W 3:0 20+4!', 'W 3:0 80+2'])
    expect(records.map(({ buffers }) => buffers)).toEqual([2, 1])
  })

  it('a long record also has its number, who asked, and the device in 32 bits', () => {
    const { root } = machine({ log: { layout: 'long', ringSize: 96 } })
    const fd = open(root, 'hda')
    writeBlocks(root, fd, 1, 2, 3, 4, 5)
    expect(drain(root, 'long').map(({ serial }) => serial)).toEqual([1, 2, 3])
    writeBlocks(root, fd, 9)
    const [last] = drain(root, 'long')
    // The gap is what was lost.
    expect(last).toMatchObject({ serial: 6, pid: root.pid, device: 3 << 20, buffers: 1 })
  })

  it('a block trace of the same run has the same records', () => {
    const k = createKernel({ modules: [bufflink(), block(), reqlog({ layout: 'long' }), blktrace()] })
    const root = k.spawn()
    const fd = open(root, 'hda')
    writeBlocks(root, fd, 9, 3, 4)
    ok(root.sys.pread(open(root, 'ram0'), new Uint8Array(1024), 5000))
    k.advance(1000)
    writeBlocks(root, fd, 77)
    const own = drain(root, 'long').map(({ serial: _serial, buffers: _buffers, ...one }) => one)
    const traced = recordsOfTrace(k.blktrace.files().flatMap(({ bytes }) => parseBlkTrace(bytes)))
    // Ticks are 10 ms; within one moment a trace does not say which device was first.
    const key = (one: (typeof own)[number]): string =>
      `${Math.floor(one.timeMs / 10)} ${one.device} ${one.sector}`
    const sorted = (list: typeof own): typeof own => list.slice().sort((a, b) => (key(a) < key(b) ? -1 : 1))
    expect(sorted(traced).map((one) => ({ ...one, timeMs: Math.floor(one.timeMs / 10) * 10 }))).toEqual(
      sorted(own),
    )
    expect(own.length).toBeGreaterThan(4)
  })

  it('a ring may be larger than what kmalloc gives', () => {
    expect(machine({ log: { ringSize: 2 ** 20 } }).k.reqlog.ring().size).toBe(2 ** 20)
  })

  it('is in a copy of the kernel and after a restore', () => {
    const { k, root } = machine()
    const fd = open(root, 'ram0')
    writeBlocks(root, fd, 1)
    const saved = k.snapshot()
    const copy = k.fork()
    writeBlocks(root, fd, 2)
    const other = copy.process(root.pid)
    if (other === undefined) throw new Error('no process')
    writeBlocks(other, fd, 3)
    expect(show(drain(root))).toEqual(['W 1:0 2+2', 'W 1:0 4+2'])
    expect(show(drain(other))).toEqual(['W 1:0 2+2', 'W 1:0 6+2'])
    k.restore(saved)
    writeBlocks(root, fd, 4)
    expect(show(drain(root))).toEqual(['W 1:0 2+2', 'W 1:0 8+2'])
    sound(k)
  })
})
