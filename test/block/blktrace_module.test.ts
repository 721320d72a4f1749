/** A trace of real disks says what the model counts, and each step in its place. */
import { createKernel, O_RDONLY, O_RDWR } from 'paleokernel'
import { type BlkTraceEvent, type BlkTraceOptions, blktrace, block, parseBlkTrace } from 'paleokernel/block'
import { describe, expect, it } from 'vitest'
import { checkInvariants, checkState, ok } from '../helpers/world.js'
import { busyDisks, type Pair } from './busy.js'

const machine = (options: BlkTraceOptions = {}) => {
  const disks = [
    { name: 'hda', sectors: 20_000 },
    { name: 'ram0', sectors: 2000 },
  ]
  const k = createKernel({ modules: [block({ disks }), blktrace(options)] })
  const root = k.spawn({ comm: 'writer' })
  return { k, root, fd: ok(root.sys.open('/dev/hda', O_RDWR)) }
}

type Machine = ReturnType<typeof machine>['k']

const events = (k: Machine, name = 'hda'): BlkTraceEvent[] => {
  const file = k.blktrace.files().find((one) => one.name === name)
  return file === undefined ? [] : parseBlkTrace(file.bytes)
}

const show = (list: readonly BlkTraceEvent[]): string[] =>
  list.map(({ letter, direction, sector, bytes, pid, error, pdu }) => {
    if (letter === 'process') return `process ${pid} ${new TextDecoder().decode(pdu).replaceAll('\0', '')}`
    if (letter === 'U' || letter === 'UT') return `${letter} ${pdu.at(-1)}`
    return letter === 'P'
      ? letter
      : `${letter} ${direction} ${sector}+${bytes / 512}${error === 0 ? '' : ` ${error}`}`
  })

describe('blktrace()', () => {
  it('writes every step of a request, in its order, with names and times', () => {
    const { k, root, fd } = machine()
    for (const at of [20, 22, 21, 19]) ok(root.sys.pwrite(fd, new Uint8Array(1024), at * 1024))
    k.advance(1000)
    const call = root.begin.fsync(fd)
    k.run()
    expect(call.result).toBe(0)
    const list = events(k)
    expect(show(list)).toEqual([
      `process ${root.pid} writer`,
      'Q W 40+2',
      'G W 40+2',
      'P',
      'I W 40+2',
      'Q W 44+2',
      'G W 44+2',
      'I W 44+2',
      'Q W 42+2',
      'M W 42+2',
      'Q W 38+2',
      'F W 38+2',
      'U 1',
      'process 0 swapper',
      'D W 38+8',
      'C W 38+8',
    ])
    const times = list.map(({ time }) => time / 1e6)
    expect(times.slice(0, -1)).toEqual(new Array(times.length - 1).fill(1000))
    expect(times.at(-1)).toBeCloseTo(1000 + k.block.stats('hda').busyMs, 5)
    expect(list.map(({ sequence }) => sequence)).toEqual(list.map((_, i) => i + 1))
    expect(new Set(list.map(({ device }) => device))).toEqual(new Set([3 << 20]))
    checkInvariants(k as never)
    checkState(k as never)
  })

  it('marks a request of which a part has failed', () => {
    const { k, root, fd } = machine()
    k.block.setFaults('hda', { badSectors: [42] })
    for (const at of [20, 21]) ok(root.sys.pwrite(fd, new Uint8Array(1024), at * 1024))
    root.sys.fsync(fd)
    ok(root.sys.pwrite(fd, new Uint8Array(1024), 90 * 1024))
    root.sys.fsync(fd)
    expect(show(events(k)).filter((one) => one.startsWith('C'))).toEqual(['C W 40+4 -5', 'C W 180+2'])
  })

  it('names a process again when it has another name', () => {
    const { k, root, fd } = machine()
    const read = (): void => {
      const other = ok(root.sys.open('/dev/hda', O_RDONLY))
      ok(root.sys.pread(other, new Uint8Array(1024), 1024 * (50 + events(k).length)))
    }
    read()
    root.current().comm = 'another'
    read()
    read()
    const names = show(events(k)).filter((one) => one.startsWith('process') && !one.endsWith('swapper'))
    expect(names).toEqual([`process ${root.pid} writer`, `process ${root.pid} another`])
    ok(root.sys.close(fd))
  })

  it('starts, stops and forgets when told', () => {
    const { k, root, fd } = machine({ isOn: false })
    const write = (at: number): void => {
      ok(root.sys.pwrite(fd, new Uint8Array(1024), at * 1024))
      ok(root.sys.fsync(fd))
    }
    write(1)
    expect(k.blktrace.files()).toEqual([])
    k.blktrace.start()
    write(2)
    k.blktrace.stop()
    write(3)
    expect(show(events(k)).filter((one) => one.startsWith('Q'))).toEqual(['Q W 4+2'])
    k.blktrace.clear()
    expect(k.blktrace.files()).toEqual([])
  })

  it('drops what is too much and says how much that was', () => {
    const { k, root, fd } = machine({ limit: 200 })
    ok(root.sys.pwrite(fd, new Uint8Array(1024), 0))
    ok(root.sys.fsync(fd))
    const [file] = k.blktrace.files()
    expect([file?.bytes.length, file?.dropped]).toEqual([160, 6])
  })

  it('is in a copy of the kernel, which goes on alone', () => {
    const { k, root, fd } = machine()
    ok(root.sys.pwrite(fd, new Uint8Array(1024), 0))
    ok(root.sys.fsync(fd))
    const copy = k.fork()
    expect(copy.digest()).toBe(k.digest())
    const other = copy.process(root.pid)
    ok(other?.sys.pwrite(fd, new Uint8Array(1024), 4096) ?? -1)
    ok(other?.sys.fsync(fd) ?? -1)
    expect(events(copy).length).toBeGreaterThan(events(k).length)
    expect(events(copy).slice(0, events(k).length)).toEqual(events(k))
  })

  it.each<[object, string]>([
    [{ limit: -1 }, 'limit must be a number of bytes, not -1'],
    [{ isOn: 1 }, 'isOn must be true or false'],
    [{ size: 1 }, "there is no option 'size'"],
  ])('refuses %j', (options, message) => {
    expect(() => blktrace(options as BlkTraceOptions)).toThrow(new TypeError(`blktrace: ${message}`))
  })

  it('agrees with what the block layer counts, over a busy run of several disks', () => {
    const { k, all } = busyDisks(3, 30)
    for (const { name, major, minor, bytes, dropped } of k.blktrace.files()) {
      const counts = all.get((major << 20) | minor)
      if (counts === undefined) throw new Error(`${name} was not counted`)
      const list = parseBlkTrace(bytes)
      const count = (letters: string): Pair =>
        (['R', 'W'] as const).map(
          (way) =>
            list.filter(({ letter, direction }) => letters.includes(letter) && direction === way).length,
        ) as Pair
      expect(dropped).toBe(0)
      expect({ name, Q: count('Q'), M: count('MF'), G: count('G'), D: count('D'), C: count('C') }).toEqual({
        name,
        Q: counts.queued,
        M: counts.merged,
        G: counts.slots,
        D: counts.dispatched,
        C: counts.completed,
      })
      // Each buffer is in one request, and each request has come to its end.
      for (const way of [0, 1] as const) {
        expect(counts.queued[way]).toBe(counts.slots[way] + counts.merged[way])
        expect(counts.dispatched[way]).toBe(counts.slots[way] - counts.swallowed[way])
        expect(counts.dispatched[way]).toBe(counts.completed[way])
        expect(counts.dispatchedSectors[way]).toBe(counts.queuedSectors[way])
      }
      const { reads, writes, readSectors, writtenSectors } = k.block.stats(name)
      expect([reads, writes]).toEqual(counts.dispatched)
      expect([readSectors, writtenSectors]).toEqual(counts.dispatchedSectors)
    }
    expect([...all.keys()].length).toBe(3)
    expect(all.get(8 << 20)?.failed.reduce((sum, n) => sum + n, 0)).toBeGreaterThan(0)
  })
})
