/** bufflink by its rules: reference §4.3, BL-1 to BL-23. */
import {
  contextOf,
  createKernel,
  defineFileOps,
  defineModule,
  EACCES,
  EAGAIN,
  EBADF,
  EBUSY,
  EEXIST,
  EFAULT,
  EINTR,
  EINVAL,
  ENODEV,
  ENOENT,
  ENOMEM,
  ENOSYS,
  ENXIO,
  ESPIPE,
  FIONREAD,
  KernelBug,
  localIrqRestore,
  localIrqSave,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
  S_IFCHR,
  SIGUSR1,
} from 'paleokernel'
import { BUFFLINK_GETOVERFLOW, bufflink } from 'paleokernel/bufflink'
import { describe, expect, it } from 'vitest'
import { bytes, checkInvariants, checkState, coreOf, ok, readFile } from '../helpers/world.js'
import { node, open, read, ring, type World, world } from './world.js'

const IN = POLLIN | POLLRDNORM
const OUT = POLLOUT | POLLWRNORM

/** What poll(2) says at once. */
function ready(p: ReturnType<World['spawn']>, fd: number): number {
  const row = { fd, events: IN | OUT, revents: 0 }
  p.sys.poll([row], 0)
  return row.revents
}

describe('objects', () => {
  it('BL-1: minor -1 is the lowest free one; a taken one EBUSY, one outside 0-255 EINVAL, no memory ENOMEM', () => {
    const k = world()
    expect(ring(k).minor).toBe(0)
    const second = ring(k)
    expect(second.minor).toBe(1)
    expect(ring(k, 0, 7).minor).toBe(7)
    expect(k.bufflink.create({ minor: 7 })).toBe(EBUSY)
    k.bufflink.destroy(second)
    expect(ring(k).minor).toBe(1)
    expect(ring(k, 0, 255).minor).toBe(255)
    for (const minor of [256, -2, 1.5, Number.NaN]) expect(k.bufflink.create({ minor })).toBe(EINVAL)
    for (const size of [-1, 0.5, Number.NaN]) expect(k.bufflink.create({ size })).toBe(EINVAL)
    expect(k.bufflink.create({ size: 131073 })).toBe(ENOMEM)
    k.faults.failWhen(({ name }) => name === 'alloc:bufflink')
    expect(k.bufflink.create()).toBe(ENOMEM)
    k.faults.off()
    while (k.bufflink.create({ size: 1 }) !== EBUSY) expect(k.bufflink.ring(255)).toBeDefined()
    expect(Array.from({ length: 256 }, (_, minor) => k.bufflink.ring(minor)?.minor)).toEqual([
      ...Array(256).keys(),
    ])
    checkInvariants(k as never)
  })

  it("BL-1: a caller's own buffer is the ring, or its first bytes are", () => {
    const k = world()
    const buffer = new Uint8Array(8)
    const bl = ok(k.bufflink.create({ buffer }))
    expect(bl.size).toBe(8)
    expect(k.bufflink.append(bl, bytes('12345678'))).toBe(true)
    expect(new TextDecoder().decode(buffer)).toBe('12345678')
    expect(ok(k.bufflink.create({ buffer: new Uint8Array(200000) })).size).toBe(200000)
    const part = new Uint8Array(8)
    const small = ok(k.bufflink.create({ buffer: part, size: 3 }))
    expect([
      small.size,
      k.bufflink.append(small, bytes('abcd')),
      k.bufflink.append(small, bytes('abc')),
    ]).toEqual([3, false, true])
    expect([...part]).toEqual([97, 98, 99, 0, 0, 0, 0, 0])
    expect(k.bufflink.create({ buffer: new Uint8Array(4), size: 5 })).toBe(EINVAL)
    expect(k.bufflink.create({ buffer: new Uint8Array(0) })).toBe(EINVAL)
    checkState(k as never)
  })

  it('BL-1: a minor above 255 cannot be opened: ENODEV', () => {
    const k = world({}, { profile: '2.6.14' })
    const p = k.spawn()
    // A 32-bit dev_t: minor 256.
    ok(p.sys.mknod('/dev/b', S_IFCHR | 0o666, (120 << 8) | (1 << 20)))
    expect(p.sys.open('/dev/b', O_RDWR)).toBe(ENODEV)
  })

  it('BL-2: the default size is 16384 bytes, and an option', () => {
    expect(ring(world()).size).toBe(16384)
    expect(ring(world({ defaultSize: 64 })).size).toBe(64)
    const k = world({ maxSize: 20000 })
    expect(k.bufflink.create({ size: 20001 })).toBe(ENOMEM)
    expect(ring(k, 20000).size).toBe(20000)
    expect(() => bufflink({ defaultSize: 0 })).toThrow(
      'defaultSize must be a number of bytes from 1 on, not 0',
    )
    expect(() => bufflink({ defaultSize: 2, maxSize: 1 })).toThrow('must not be above maxSize')
    expect(() => bufflink({ exclusiveOpen: 1 as never })).toThrow('must be true or false')
    expect(() => bufflink({ driver: 'no' as never })).toThrow('one of builtin, module, autoload')
    expect(() => bufflink({ sise: 1 } as never)).toThrow("no option 'sise'")
  })

  it('BL-3: the content is a stream of bytes, without the borders of appends', () => {
    const k = world()
    const p = k.spawn()
    const bl = ring(k)
    k.bufflink.append(bl, bytes('one'))
    k.bufflink.append(bl, bytes('two'))
    const fd = open(p)
    expect([read(p, fd, 4), read(p, fd)]).toEqual(['onet', 'wo'])
  })

  it('BL-4: append is legal in every context, does not sleep, and wakes a sleeping reader', () => {
    const k = world()
    const p = k.spawn()
    const bl = ring(k)
    const fd = open(p)
    const buf = new Uint8Array(8)
    for (const from of ['append', 'appendFromBh', 'appendFromIrq'] as const) {
      const call = p.begin.read(fd, buf)
      expect(call.blocked).toBe(true)
      k.appender[from](bl, from.slice(-3))
      k.run()
      expect([call.blocked, call.result]).toEqual([false, 3])
    }
    const call = p.begin.read(fd, buf)
    k.appender.appendAfter(20, bl, 'later')
    k.advance(19)
    expect(call.blocked).toBe(true)
    k.advance(1)
    expect([call.result, k.now]).toEqual([5, 20])
    expect(contextOf(coreOf(k as never))).toBe('process')
  })

  it('BL-4: a direct read is ended by an interrupt that appends', () => {
    const k = world()
    const p = k.spawn()
    const bl = ring(k)
    const fd = open(p)
    k.appender.appendAfter(20, bl, 'irq')
    expect(read(p, fd)).toBe('irq')
    expect(k.now).toBe(20)
  })

  it('BL-4: append works with interrupts masked; the interrupt that appends comes after', () => {
    const k = world()
    const p = k.spawn()
    const bl = ring(k)
    const flags = localIrqSave(coreOf(k as never), 'test')
    k.appender.appendFromIrq(bl, 'irq')
    k.appender.append(bl, 'process ')
    expect(bl.length).toBe(8)
    localIrqRestore(coreOf(k as never), flags)
    expect(read(p, open(p))).toBe('process irq')
  })

  it('BL-4: an append to a ring that has been destroyed, or of more than its data, is a bug', () => {
    const k = world()
    const bl = ring(k, 8)
    expect(() => k.bufflink.append(bl, bytes('ab'), 3)).toThrow('append of 3 bytes to bufflink 0 out of 2')
    expect(() => k.bufflink.append(bl, bytes('ab'), 30)).toThrow(KernelBug)
    expect(() => k.bufflink.append(bl, bytes('ab'), -1)).toThrow(KernelBug)
    expect([bl.length, bl.overflow]).toEqual([0, false])
    k.bufflink.destroy(bl)
    expect(() => k.bufflink.append(bl, bytes('a'))).toThrow('append to bufflink 0, which has been destroyed')
    expect(() => k.bufflink.destroy(bl)).toThrow(KernelBug)
  })

  it('BL-5: an append that fits goes in whole and in order, around the end of the ring too', () => {
    const k = world()
    const p = k.spawn()
    const bl = ring(k, 10)
    const fd = open(p)
    let text = ''
    for (let i = 0; i < 50; i++) {
      const word = String.fromCharCode(97 + (i % 26)).repeat((i % 5) + 1)
      expect(k.bufflink.append(bl, bytes(word))).toBe(true)
      expect(k.bufflink.append(bl, bytes('abcdefgh'), 2)).toBe(true)
      text = `${word}ab`
      expect(read(p, fd)).toBe(text)
    }
  })

  it('BL-6: one that does not fit stores nothing, keeps what is stored, and sets the flag; later ones go in', () => {
    const k = world()
    const p = k.spawn()
    const bl = ring(k, 16)
    const fd = open(p, 0, O_RDWR | O_NONBLOCK)
    expect(k.bufflink.append(bl, bytes('0123456789'))).toBe(true)
    expect(k.bufflink.append(bl, bytes('ABCDEFGHIJ'))).toBe(false)
    expect(bl.overflow).toBe(true)
    expect(k.bufflink.append(bl, bytes('abcdef'))).toBe(true)
    expect(read(p, fd, 100)).toBe('0123456789abcdef')
    expect(read(p, fd)).toBe(EAGAIN)
  })

  it('BL-7: an append of 0 bytes has no effect; one larger than the ring overflows', () => {
    const k = world()
    const p = k.spawn()
    const bl = ring(k, 4)
    const fd = open(p)
    const call = p.begin.read(fd, new Uint8Array(4))
    const before = k.digest()
    expect(k.bufflink.append(bl, new Uint8Array(0))).toBe(true)
    expect(k.digest()).toBe(before)
    expect(k.bufflink.append(bl, bytes('12345'))).toBe(false)
    k.run()
    expect([call.blocked, bl.overflow, bl.length]).toEqual([true, true, 0])
    expect(k.bufflink.append(bl, bytes('1234'))).toBe(true)
    expect(k.bufflink.append(bl, new Uint8Array(0))).toBe(true)
  })

  it('BL-8: the flag stays until user space fetches it', () => {
    const k = world()
    const p = k.spawn()
    const bl = ring(k, 4)
    const fd = open(p)
    k.bufflink.append(bl, bytes('12345'))
    k.bufflink.append(bl, bytes('12'))
    expect(read(p, fd)).toBe('12')
    expect(bl.overflow).toBe(true)
    expect(p.sys.ioctl(fd, BUFFLINK_GETOVERFLOW)).toBe(1)
    expect(p.sys.ioctl(fd, BUFFLINK_GETOVERFLOW)).toBe(0)
    k.bufflink.append(bl, bytes('12345'))
    expect(p.sys.ioctl(fd, BUFFLINK_GETOVERFLOW)).toBe(1)
  })

  it('a kernel that is copied with rings at work goes on as the original does', () => {
    const k = world()
    const p = k.spawn()
    const bl = ring(k, 16)
    const fd = open(p)
    k.bufflink.append(bl, bytes('abc'))
    read(p, fd, 1)
    k.appender.appendAfter(5, bl, 'late')
    const copy = k.fork()
    expect(copy.bufflink.ring(0)).not.toBe(bl)
    for (const one of [k, copy]) {
      one.advance(10)
      const q = one.process(p.pid)
      if (q === undefined) throw new Error('gone')
      expect(read(q, fd)).toBe('bclate')
    }
    expect(copy.digest()).toBe(k.digest())
    checkState(k as never)
    checkInvariants(copy as never)
  })
})

describe('the device', () => {
  it('BL-10: opens for reading, writing or both, as the mode of the node says', () => {
    const k = world()
    const root = k.spawn()
    ring(k)
    node(root, 0, 0o640)
    const user = k.spawn({ uid: 1000, gid: 0 })
    const fd = ok(user.sys.open('/dev/bufflink0', O_RDONLY))
    expect(user.sys.write(fd, bytes('x'))).toBe(EBADF)
    expect(user.sys.open('/dev/bufflink0', O_WRONLY)).toBe(EACCES)
    const w = ok(root.sys.open('/dev/bufflink0', O_WRONLY))
    expect(root.sys.read(w, new Uint8Array(1))).toBe(EBADF)
    ok(root.sys.open('/dev/bufflink0', O_RDWR))
    checkInvariants(k as never)
  })

  it('BL-10: a minor without a ring is ENXIO', () => {
    const k = world()
    const p = k.spawn()
    expect(p.sys.open(node(p, 3), O_RDWR)).toBe(ENXIO)
    ring(k, 0, 3)
    ok(p.sys.open('/dev/bufflink3', O_RDWR))
  })

  it('BL-10: without the driver the open asks for char-major-120, then ENODEV', () => {
    const alone = world({ driver: 'module' })
    const p = alone.spawn()
    ring(alone)
    expect(p.sys.open(node(p), O_RDWR)).toBe(ENODEV)
    const auto = world({ driver: 'autoload' })
    const q = auto.spawn()
    ring(auto)
    node(q)
    expect(readFile(q as never, '/proc/devices')).not.toContain('bufflink')
    ok(q.sys.open('/dev/bufflink0', O_RDWR))
    expect(readFile(q as never, '/proc/devices')).toContain('120 bufflink\n')
  })

  it('BL-11: rings work before the driver is loaded; data wait', () => {
    const k = world({ driver: 'module' })
    const p = k.spawn()
    const bl = ring(k)
    k.bufflink.append(bl, bytes('early'))
    expect(p.sys.open(node(p), O_RDWR)).toBe(ENODEV)
    expect(k.bufflink.insmod()).toBe(0)
    expect(k.bufflink.insmod()).toBe(EEXIST)
    expect(read(p, open(p))).toBe('early')
  })

  it('BL-12: read: 0 for 0, what is there, EAGAIN, EINTR, EFAULT', () => {
    const k = world()
    const p = k.spawn()
    const bl = ring(k)
    const fd = open(p)
    expect(p.sys.read(fd, new Uint8Array(0))).toBe(0)
    k.bufflink.append(bl, bytes('12345678'))
    expect(p.sys.read(fd, null as never)).toBe(EFAULT)
    expect([read(p, fd, 2), read(p, fd, 40)]).toEqual(['12', '345678'])
    expect(read(p, open(p, 0, O_RDWR | O_NONBLOCK))).toBe(EAGAIN)
    expect(p.begin.read(fd, new Uint8Array(4)).blocked).toBe(true)
  })

  it('BL-12: a signal ends the sleep of a read, or restarts it', () => {
    const k = world()
    const p = k.spawn()
    const bl = ring(k)
    const fd = open(p)
    const other = k.spawn()
    ok(p.sys.sigaction(SIGUSR1, { handler: () => {}, flags: 0, mask: [] }))
    const call = p.begin.read(fd, new Uint8Array(4))
    ok(other.sys.kill(p.pid, SIGUSR1))
    expect(call.result).toBe(EINTR)
    const SA_RESTART = 0x10000000
    ok(p.sys.sigaction(SIGUSR1, { handler: () => {}, flags: SA_RESTART, mask: [] }))
    const again = p.begin.read(fd, new Uint8Array(4))
    ok(other.sys.kill(p.pid, SIGUSR1))
    expect(again.blocked).toBe(true)
    k.appender.appendFromIrq(bl, 'ok')
    k.run()
    expect(again.result).toBe(2)
  })

  it('BL-13: an empty ring that lives never gives the end; behind a destroyed one there is what is left, then 0', () => {
    const k = world()
    const p = k.spawn()
    const bl = ring(k)
    const fd = open(p)
    const reader = k.spawn()
    const call = reader.begin.read(open(reader, 0, O_RDONLY), new Uint8Array(4))
    k.run()
    expect(call.blocked).toBe(true)
    k.bufflink.append(bl, bytes('abc'))
    k.run()
    expect(call.result).toBe(3)
    const last = reader.begin.read(open(reader, 0, O_RDONLY), new Uint8Array(4))
    k.bufflink.destroy(bl)
    k.run()
    expect(last.result).toBe(0)
    expect(read(p, fd)).toBe('')

    const full = ring(k)
    const fd2 = open(p)
    k.bufflink.append(full, bytes('left'))
    k.bufflink.destroy(full)
    expect([read(p, fd2, 3), read(p, fd2), read(p, fd2)]).toEqual(['lef', 't', ''])
    expect(p.sys.write(fd2, bytes('x'))).toBe(ENXIO)
    expect(p.sys.open('/dev/bufflink0', O_RDWR)).toBe(ENXIO)
    // A new ring of the same minor is another one.
    const next = ring(k)
    k.bufflink.append(next, bytes('new'))
    expect([next.minor, read(p, fd2), read(p, open(p))]).toEqual([0, '', 'new'])
    checkInvariants(k as never)
  })

  it('BL-14: seeks and positioned reads and writes are ESPIPE; mmap is no call of this kernel', () => {
    const k = world()
    const p = k.spawn()
    k.bufflink.append(ring(k), bytes('abc'))
    const fd = open(p)
    expect(p.sys.lseek(fd, 0, 0)).toBe(ESPIPE)
    expect(p.sys.pread(fd, new Uint8Array(1), 0)).toBe(ESPIPE)
    expect(p.sys.pwrite(fd, bytes('a'), 0)).toBe(ESPIPE)
    expect(p.sys.syscall(90, fd)).toBe(ENOSYS)
    expect(read(p, fd)).toBe('abc')
  })

  it('BL-15: readable with data or the flag, writable with room, POLLHUP only after destroy', () => {
    const k = world()
    const p = k.spawn()
    const bl = ring(k, 4)
    const fd = open(p)
    expect(ready(p, fd)).toBe(OUT)
    k.bufflink.append(bl, bytes('123'))
    expect(ready(p, fd)).toBe(IN | OUT)
    k.bufflink.append(bl, bytes('4'))
    expect(ready(p, fd)).toBe(IN)
    k.bufflink.append(bl, bytes('5'))
    read(p, fd)
    expect(ready(p, fd)).toBe(IN | OUT)
    p.sys.ioctl(fd, BUFFLINK_GETOVERFLOW)
    expect(ready(p, fd)).toBe(OUT)
    k.bufflink.append(bl, bytes('12'))
    k.bufflink.destroy(bl)
    expect(ready(p, fd)).toBe(IN | POLLHUP)
    read(p, fd)
    expect(ready(p, fd)).toBe(POLLHUP)
  })

  it('BL-15: poll and select wake for data, for the flag, for room, for the end', () => {
    const k = world()
    const p = k.spawn()
    const bl = ring(k, 4)
    const fd = open(p)
    const poll = (events: number) => {
      const row = { fd: fd as number, events, revents: 0 }
      return { row, call: p.begin.poll([row], -1) }
    }
    const data = poll(POLLIN)
    expect(data.call.blocked).toBe(true)
    k.appender.appendFromIrq(bl, 'x')
    k.run()
    expect([data.call.result, data.row.revents]).toEqual([1, POLLIN])
    read(p, fd)

    const flag = poll(POLLIN)
    k.appender.appendFromIrq(bl, '12345')
    k.run()
    expect([flag.call.result, flag.row.revents]).toEqual([1, POLLIN])
    p.sys.ioctl(fd, BUFFLINK_GETOVERFLOW)

    k.appender.append(bl, '1234')
    const other = k.spawn()
    const room = poll(POLLOUT)
    expect(room.call.blocked).toBe(true)
    read(other, open(other), 1)
    expect([room.call.result, room.row.revents]).toEqual([1, POLLOUT])

    read(other, open(other))
    const end = poll(POLLIN)
    expect(end.call.blocked).toBe(true)
    k.bufflink.destroy(bl)
    k.run()
    expect(end.row.revents).toBe(POLLHUP)
  })

  it('BL-16: GETOVERFLOW fetches and clears, FIONREAD counts bytes, the rest is EINVAL; no read fails', () => {
    const k = world()
    const p = k.spawn()
    const bl = ring(k, 4)
    const fd = open(p)
    k.bufflink.append(bl, bytes('abc'))
    k.bufflink.append(bl, bytes('de'))
    const box = { value: 0 }
    expect([p.sys.ioctl(fd, FIONREAD, box), box.value]).toEqual([0, 3])
    const four = new Uint8Array(4)
    expect([p.sys.ioctl(fd, FIONREAD, four), four[0]]).toEqual([0, 3])
    expect(p.sys.ioctl(fd, FIONREAD)).toBe(EFAULT)
    expect(p.sys.ioctl(fd, FIONREAD, new Uint8Array(3))).toBe(EFAULT)
    expect(p.sys.ioctl(fd, 0x5401, box)).toBe(EINVAL)
    expect(read(p, fd)).toBe('abc')
    expect(p.sys.ioctl(fd, BUFFLINK_GETOVERFLOW)).toBe(1)
    expect(p.sys.ioctl(fd, BUFFLINK_GETOVERFLOW)).toBe(0)
  })

  it('BL-17: several may open; each byte goes to one reader', () => {
    const k = world()
    const a = k.spawn()
    const b = k.spawn()
    const bl = ring(k)
    const fa = open(a)
    const fb = open(b)
    const ca = a.begin.read(fa, new Uint8Array(8))
    const cb = b.begin.read(fb, new Uint8Array(8))
    k.bufflink.append(bl, bytes('abc'))
    k.run()
    expect([ca, cb].filter(({ blocked }) => blocked)).toHaveLength(1)
    expect([ca.result, cb.result]).toContain(3)
    k.bufflink.append(bl, bytes('defg'))
    k.run()
    expect([ca.result, cb.result].sort()).toEqual([3, 4])
    expect(bl.openers).toBe(2)
  })

  it('BL-17: with exclusiveOpen the second open is EBUSY', () => {
    const k = world({ exclusiveOpen: true })
    const a = k.spawn()
    const b = k.spawn()
    ring(k)
    ring(k)
    const fd = open(a)
    expect(b.sys.open('/dev/bufflink0', O_RDWR)).toBe(EBUSY)
    open(b, 1)
    const dup = ok(a.sys.dup(fd))
    ok(a.sys.close(fd))
    expect(b.sys.open('/dev/bufflink0', O_RDWR)).toBe(EBUSY)
    ok(a.sys.close(dup))
    ok(b.sys.open('/dev/bufflink0', O_RDWR))
    checkInvariants(k as never)
  })

  it('BL-18: write is an append that waits for room; more than the ring is EINVAL; it sets no flag', () => {
    const k = world()
    const p = k.spawn()
    const reader = k.spawn()
    const bl = ring(k, 8)
    const fd = open(p)
    expect(p.sys.write(fd, bytes('123456'))).toBe(6)
    expect(p.sys.write(fd, new Uint8Array(0))).toBe(0)
    expect(p.sys.write(fd, bytes('123456789'))).toBe(EINVAL)
    expect(p.sys.write(open(p, 0, O_RDWR | O_NONBLOCK), bytes('abc'))).toBe(EAGAIN)
    const call = p.begin.write(fd, bytes('abc'))
    expect([call.blocked, bl.length]).toEqual([true, 6])
    const fr = open(reader)
    expect(read(reader, fr, 1)).toBe('1')
    expect([call.result, bl.overflow]).toEqual([3, false])
    expect(read(reader, fr)).toBe('23456abc')

    ok(p.sys.write(fd, bytes('12345678')))
    const dies = p.begin.write(fd, bytes('x'))
    k.bufflink.destroy(bl)
    k.run()
    expect(dies.result).toBe(ENXIO)
  })

  it('BL-19: nobody reading: appends and writes fill the ring, without SIGPIPE or EPIPE', () => {
    const k = world()
    const p = k.spawn()
    const bl = ring(k, 8)
    const fd = open(p, 0, O_WRONLY | O_NONBLOCK)
    expect(p.sys.write(fd, bytes('12345678'))).toBe(8)
    expect(p.sys.write(fd, bytes('9'))).toBe(EAGAIN)
    expect(k.bufflink.append(bl, bytes('9'))).toBe(false)
    expect([p.state, p.sys.getpid()]).toEqual(['idle', p.pid])
  })

  it('BL-20: what was appended before the first open is kept for it', () => {
    const k = world()
    const p = k.spawn()
    k.bufflink.append(ring(k), bytes('since boot'))
    k.advance(1000)
    expect(read(p, open(p))).toBe('since boot')
  })

  it('BL-21: /proc/devices has the line while the driver is there; a taken major is EBUSY', () => {
    const k = world({ driver: 'module' })
    const p = k.spawn()
    const line = () => readFile(p as never, '/proc/devices').includes('120 bufflink\n')
    expect(line()).toBe(false)
    expect(k.bufflink.insmod()).toBe(0)
    expect(line()).toBe(true)
    expect(k.bufflink.rmmod()).toBe(0)
    expect(line()).toBe(false)
    expect(readFile(world().spawn() as never, '/proc/devices')).toContain('120 bufflink\n')

    const rival = defineModule({
      name: 'rival',
      init: () => null,
      attach: () => ({
        api: null,
        devices: [{ name: 'rival', major: 120, nodes: [], open: () => defineFileOps({ name: 'rival' }) }],
      }),
    })
    const taken = createKernel({ modules: [bufflink({ driver: 'module' }), rival] })
    expect(taken.bufflink.insmod()).toBe(EBUSY)
    expect(() => createKernel({ modules: [rival, bufflink()] })).toThrow("which device 'rival'")
    const elsewhere = createKernel({ modules: [bufflink({ major: 121 }), rival] })
    expect(readFile(elsewhere.spawn() as never, '/proc/devices')).toContain('120 rival\n121 bufflink\n')
  })

  it('BL-22: the driver cannot go while a node is open; a creator takes its rings along', () => {
    const k = world({ driver: 'autoload' })
    const p = k.spawn()
    expect(k.bufflink.rmmod()).toBe(ENOENT)
    expect(k.bufflinkTest.insmod()).toBe(0)
    expect(k.bufflinkTest.insmod()).toBe(EEXIST)
    const fd = open(p)
    expect(k.bufflink.rmmod()).toBe(EBUSY)
    const call = p.begin.read(fd, new Uint8Array(4))
    expect(k.bufflinkTest.rmmod()).toBe(0)
    k.run()
    expect(call.result).toBe(0)
    expect(k.bufflinkTest.rmmod()).toBe(ENOENT)
    expect(k.bufflink.rmmod()).toBe(EBUSY)
    ok(p.sys.close(fd))
    expect(k.bufflink.rmmod()).toBe(0)
    expect(p.sys.open('/dev/bufflink0', O_RDWR)).toBe(ENXIO)
    expect(world().bufflink.rmmod()).toBe(EBUSY)
    checkInvariants(k as never)
  })

  it('BL-22: insmod, rmmod and /proc/modules know the driver and its test module', () => {
    const k = world({ driver: 'module' })
    const p = k.spawn()
    expect(p.sys.init_module('bufflink')).toBe(0)
    expect(p.sys.init_module('bufflink_test')).toBe(0)
    const fd = open(p)
    expect(readFile(p as never, '/proc/modules')).toBe(
      'bufflink_test           4096   0\nbufflink                4096   1\n',
    )
    expect(p.sys.delete_module('bufflink')).toBe(EBUSY)
    expect(p.sys.delete_module('bufflink_test')).toBe(0)
    ok(p.sys.close(fd))
    expect([p.sys.delete_module('bufflink'), p.sys.delete_module('bufflink')]).toEqual([0, ENOENT])
    expect(k.fork().spawn().sys.init_module('bufflink')).toBe(0)
    expect(world().spawn().sys.init_module('bufflink')).toBe(ENOENT)
    checkInvariants(k as never)
  })

  it('BL-23: closing discards neither data nor the flag', () => {
    const k = world()
    const p = k.spawn()
    const bl = ring(k, 4)
    const fd = open(p)
    k.bufflink.append(bl, bytes('abc'))
    k.bufflink.append(bl, bytes('de'))
    ok(p.sys.close(fd))
    expect([bl.length, bl.overflow, bl.openers]).toEqual([3, true, 0])
    const again = open(p)
    expect([read(p, again), p.sys.ioctl(again, BUFFLINK_GETOVERFLOW)]).toEqual(['abc', 1])
    checkInvariants(k as never)
  })
})
