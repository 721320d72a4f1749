/** Reference §1.5, sentence by sentence, on whole kernels. */
import { asFd, EPERM, isErr, O_RDONLY, O_RDWR, O_SYNC } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { BLKRASET, BLKROSET } from '../../src/abi/ioctl.js'
import { ok } from '../helpers/world.js'
import { DISK, linesOf, machine, pattern, sound, spying } from './machine.js'

const BLOCK = 1024

describe('§1.5: requests', () => {
  it('§1.5: a request has device, direction, first sector, number of sectors, and the buffers', () => {
    const { k, root, log } = spying()
    const fd = ok(root.sys.open('/dev/hda', O_RDWR | O_SYNC))
    ok(root.sys.pwrite(fd, pattern(3 * BLOCK, 1), 10 * BLOCK))
    expect(linesOf(log, 'D')).toEqual(['D 20+6'])
    expect(linesOf(log, 'Q')).toEqual(['Q W 3:0 20+2', 'Q W 3:0 22+2', 'Q W 3:0 24+2'])
    ok(root.sys.pread(fd, new Uint8Array(4 * BLOCK), 900 * BLOCK))
    expect(linesOf(log, 'Q').slice(3)).toEqual([1800, 1802, 1804, 1806].map((at) => `Q R 3:0 ${at}+2`))
    sound(k)
  })

  it('§1.5: 128 request slots; writes may use at most two thirds', () => {
    const { k, root } = machine({ disks: [{ name: 'hda', sectors: 20_000, merges: false }] })
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    for (let n = 0; n < 200; n++) ok(root.sys.pwrite(fd, pattern(BLOCK, n), n * 4 * BLOCK))
    const syncer = k.spawn({ uid: 0 })
    const sync = syncer.begin.sync()
    expect(k.block.stats('hda').queued).toBe(85)
    const readers = [0, 1, 2].map(() => k.spawn({ uid: 0 }))
    const reads = readers.map((reader, i) => {
      const own = ok(reader.sys.open('/dev/hda', O_RDONLY))
      return reader.begin.pread(own, new Uint8Array(30 * BLOCK), (2000 + i * 100) * BLOCK)
    })
    expect(k.block.stats('hda').queued).toBe(128)
    sound(k)
    k.run()
    expect([sync.result, ...reads.map(({ result }) => result)]).toEqual([0, ...Array(3).fill(30 * BLOCK)])
    expect(k.block.stats('hda').queued).toBe(0)
    for (let n = 0; n < 200; n++) expect(k.block.image('hda', n * 8, 2)).toEqual(pattern(BLOCK, n))
    sound(k)
  })
})

describe('§1.5: make_request', () => {
  it('§1.5: returns early for a buffer that is locked: two readers, one transfer', () => {
    const { k, root, log } = spying()
    const other = k.spawn({ uid: 0 })
    const [a, b] = [root, other].map((who) => ok(who.sys.open('/dev/hda', O_RDONLY)))
    const first = root.begin.pread(asFd(Number(a)), new Uint8Array(BLOCK), 0)
    const second = other.begin.pread(asFd(Number(b)), new Uint8Array(BLOCK), 0)
    expect([first.blocked, second.blocked]).toEqual([true, true])
    k.run()
    expect([first.result, second.result, linesOf(log, 'Q').length]).toEqual([BLOCK, BLOCK, 1])
    sound(k)
  })

  it('§1.5: returns early beyond the end of the device, with an error and a message', () => {
    const { k, root, log } = spying({ disks: [{ name: 'hda', sectors: 100 }] })
    expect(root.sys.readBlock(DISK, 50)).toBe(-5)
    expect(log).toEqual([])
    expect(k.block.cache().dirty).toBe(0)
    const messages = root.sys.syslog(3, new Uint8Array(4096))
    expect(isErr(messages)).toBe(false)
    const buf = new Uint8Array(4096)
    const text = new TextDecoder().decode(buf.subarray(0, ok(root.sys.syslog(3, buf))))
    expect(text).toContain('attempt to access beyond end of device')
    expect(text).toContain('03:00: rw=0, want=51, limit=50')
    sound(k)
  })

  it('§1.5: returns early for a READ of an up-to-date buffer, and a WRITE of a clean one', () => {
    const { k, root, log } = spying()
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    ok(root.sys.ioctl(fd, BLKRASET, 0))
    ok(root.sys.pwrite(fd, pattern(BLOCK, 1), 0))
    ok(root.sys.pread(fd, new Uint8Array(BLOCK), 0))
    expect(log).toEqual([])
    ok(root.sys.fsync(fd))
    ok(root.sys.fsync(fd))
    ok(root.sys.sync())
    ok(root.sys.pread(fd, new Uint8Array(BLOCK), 0))
    expect(linesOf(log, 'Q')).toEqual(['Q W 3:0 0+2'])
    sound(k)
  })

  it('§1.5: READA becomes READ, and is dropped if no slot is free', () => {
    const { k, root, log } = spying()
    const fd = ok(root.sys.open('/dev/hda', O_RDONLY))
    ok(root.sys.read(fd, new Uint8Array(BLOCK)))
    ok(root.sys.read(fd, new Uint8Array(BLOCK)))
    expect(linesOf(log, 'Q').map((line) => line.slice(0, 3))).toEqual(Array(5).fill('Q R'))
    const {
      k: full,
      root: reader,
      log: log2,
    } = spying({ requests: 4, disks: [{ name: 'hda', sectors: 2000, merges: false }] })
    const fd2 = ok(reader.sys.open('/dev/hda', O_RDONLY))
    ok(reader.sys.read(fd2, new Uint8Array(BLOCK)))
    ok(reader.sys.ioctl(fd2, BLKRASET, 14))
    ok(reader.sys.read(fd2, new Uint8Array(BLOCK * 3)))
    // Three that are wanted, one ahead: the other three find no slot.
    expect(linesOf(log2, 'Q').length).toBe(1 + 4)
    sound(k)
    sound(full)
  })

  it('§1.5: a neighbour is merged into a request that waits, up to 128 sectors, without a slot of its own', () => {
    const { k, root, log } = spying()
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    ok(root.sys.write(fd, pattern(200 * BLOCK, 3)))
    ok(root.sys.fsync(fd))
    expect(linesOf(log, 'Q').length).toBe(200)
    expect(linesOf(log, 'G').length).toBe(4)
    expect(linesOf(log, 'D')).toEqual(['D 0+128', 'D 128+128', 'D 256+128', 'D 384+16'])
    expect(k.block.stats('hda')).toMatchObject({ writes: 4, writtenSectors: 400, merged: 196 })
    sound(k)
  })

  it('§1.5: merging can join two requests', () => {
    const { root, log } = spying()
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    for (const n of [0, 2, 1]) ok(root.sys.pwrite(fd, pattern(BLOCK, n), n * BLOCK))
    ok(root.sys.fsync(fd))
    expect(linesOf(log, 'M')).toEqual(['M back 2 4', 'M requests 4 6'])
    expect(linesOf(log, 'D')).toEqual(['D 0+6'])
  })

  it('§1.5: drivers other than IDE, SCSI and their like do not merge: a RAM disk', () => {
    const { root, log } = spying({ disks: [{ name: 'ram0', sectors: 200 }] })
    const fd = ok(root.sys.open('/dev/ram0', O_RDWR | O_SYNC))
    ok(root.sys.write(fd, pattern(3 * BLOCK, 3)))
    expect(linesOf(log, 'D')).toEqual(['D 0+2', 'D 2+2', 'D 4+2'])
  })

  it('§1.5: md remaps a buffer to its real device and sector before', () => {
    const { k, root, log } = spying({
      disks: [
        { name: 'hda', sectors: 105 },
        { name: 'hdb', sectors: 50 },
      ],
      md: [{ name: 'md0', parts: ['hda', 'hdb'] }],
    })
    expect(k.block.unit('md0').sectors).toBe(104 + 48)
    const fd = ok(root.sys.open('/dev/md0', O_RDWR | O_SYNC))
    ok(root.sys.pwrite(fd, pattern(2 * BLOCK, 3), 51 * BLOCK))
    expect(linesOf(log, 'Q')).toEqual(['Q W 3:0 102+2', 'Q W 3:64 0+2'])
    expect(k.block.image('hda', 102, 2)).toEqual(pattern(2 * BLOCK, 3).subarray(0, BLOCK))
    expect(k.block.image('hdb', 0, 2)).toEqual(pattern(2 * BLOCK, 3).subarray(BLOCK))
    ok(root.sys.close(fd))
    sound(k)
  })

  it('§1.5: writes to a read-only device are refused earlier, in ll_rw_block', () => {
    const { k, root, log } = spying()
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    ok(root.sys.write(fd, pattern(BLOCK, 1)))
    ok(root.sys.ioctl(fd, BLKROSET, { value: 1 }))
    expect(root.sys.write(fd, pattern(BLOCK, 1))).toBe(EPERM)
    expect(root.sys.fsync(fd)).toBe(-5)
    expect(log).toEqual([])
    expect(k.block.cache().dirty).toBe(0)
    expect(k.block.allocated('hda')).toBe(0)
    const buf = new Uint8Array(4096)
    const text = new TextDecoder().decode(buf.subarray(0, ok(root.sys.syslog(3, buf))))
    expect(text).toContain("Can't write to read-only device 03:00")
    sound(k)
  })

  it('§1.5: submission differs from completion in order and time; only end_request runs at completion', () => {
    const { root, log } = spying()
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    for (const n of [900, 10, 500]) ok(root.sys.pwrite(fd, pattern(BLOCK, n), n * BLOCK))
    ok(root.sys.fsync(fd))
    expect(linesOf(log, 'Q').map((line) => line.split(' ')[3])).toEqual(['1800+2', '20+2', '1000+2'])
    expect(linesOf(log, 'C')).toEqual(['C 20 0', 'C 1000 0', 'C 1800 0'])
    const at = (line: string): number => Number(/@([0-9.]+)/.exec(line)?.[1])
    const submitted = log.filter((line) => line.startsWith('Q')).map(at)
    const completed = log.filter((line) => line.startsWith('C')).map(at)
    expect(Math.max(...submitted)).toBeLessThan(Math.min(...completed))
    for (const line of log)
      expect(line.split(' ').at(-1)).toBe(
        line.startsWith('C')
          ? 'interrupt'
          : line.startsWith('D 20') || !line.startsWith('D')
            ? 'process'
            : 'interrupt',
      )
  })
})
