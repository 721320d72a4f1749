/** What the monitor says of records and of a block trace: numbers worked out by hand, and sums that must agree. */
import fc from 'fast-check'
import {
  type DeviceReport,
  type MonitorOptions,
  monitor,
  monitorSvg,
  type ReqlogRecord,
} from 'paleokernel/reqlog'
import { describe, expect, it } from 'vitest'
import { mkdev } from '../../src/abi/brand.js'
import {
  addTrace,
  BLK_TA_BACKMERGE,
  BLK_TA_COMPLETE,
  BLK_TA_FRONTMERGE,
  BLK_TA_GETRQ,
  BLK_TA_ISSUE,
  BLK_TA_QUEUE,
  type BlkTraceEvent,
  BlkTraceFile,
  parseBlkTrace,
  traceBytes,
} from '../../src/block/blktrace.js'

const HDA = mkdev(3, 0)
const HDB = mkdev(3, 64)

const at = (timeMs: number, isWrite: boolean, sector: number, sectors = 2, device = HDA): ReqlogRecord => {
  return { device, isWrite, hasFailed: false, sector, sectors, timeMs }
}

const only = (records: readonly ReqlogRecord[], options: MonitorOptions = {}): DeviceReport => {
  const { devices } = monitor(records, options)
  const [first] = devices
  if (first === undefined || devices.length !== 1) throw new Error(`${devices.length} devices`)
  return first
}

/** Events by letter at a time in milliseconds. */
function trace(...events: readonly (readonly [number, string, number, number])[]): BlkTraceEvent[] {
  const actions: Readonly<Record<string, number>> = {
    Q: BLK_TA_QUEUE,
    G: BLK_TA_GETRQ,
    M: BLK_TA_BACKMERGE,
    F: BLK_TA_FRONTMERGE,
    D: BLK_TA_ISSUE,
    C: BLK_TA_COMPLETE,
  }
  const file = new BlkTraceFile(HDA, 1e6)
  for (const [ms, letter, sector, sectors] of events)
    addTrace(file, actions[letter] ?? 0, ms * 1e6, { isWrite: true, sector, bytes: sectors * 512 })
  return parseBlkTrace(traceBytes(file))
}

describe('the monitor, from records', () => {
  it('counts transfers and sectors by device and direction', () => {
    const report = monitor([at(0, true, 0), at(10, false, 100, 8), at(20, true, 2), at(30, true, 5, 1, HDB)])
    expect([report.fromMs, report.toMs]).toEqual([0, 30])
    expect(report.devices.map(({ device }) => device)).toEqual([HDA, HDB])
    expect(report.devices[0]).toMatchObject({
      reads: { transfers: 1, sectors: 8 },
      writes: { transfers: 2, sectors: 4 },
    })
    expect(report.devices[1]).toMatchObject({
      reads: { transfers: 0, sectors: 0 },
      writes: { transfers: 1, sectors: 1 },
    })
  })

  it('puts them into columns; the last moment is in the last', () => {
    const { columns } = only([at(0, true, 0), at(499, true, 2), at(500, false, 4), at(1000, true, 6)], {
      columns: 2,
    })
    expect(
      columns.map(({ fromMs, reads, writes, rate }) => [fromMs, reads.sectors, writes.sectors, rate]),
    ).toEqual([
      [0, 0, 4, 4],
      [500, 2, 2, 4],
    ])
  })

  it('estimates requests: runs of one direction, up to 128 sectors', () => {
    const run = Array.from({ length: 100 }, (_, i) => at(i, true, i * 2))
    const { requests, isCounted, mergeRatio } = only([...run, at(100, false, 200), at(101, false, 300)])
    // 64 buffers of 2 sectors, 36 more, and two reads that are no neighbours.
    expect([requests, isCounted, mergeRatio]).toEqual([4, false, 102 / 4])
  })

  it('takes the buffers of long records for what they say', () => {
    const { requests, mergeRatio } = only([
      { ...at(0, true, 0, 16), buffers: 8 },
      { ...at(1, true, 50), buffers: 2 },
    ])
    expect([requests, mergeRatio]).toEqual([2, 5])
  })

  it('measures from the end of one transfer to the beginning of the next', () => {
    const { submitted, served } = only([at(0, true, 10), at(1, true, 12), at(2, false, 4), at(3, true, 16)])
    expect(submitted).toEqual({ count: 3, total: 20, mean: 20 / 3, median: 10, max: 10, sequential: 1 / 3 })
    expect(served).toBe(null)
  })

  it('maps addresses and time; a transfer over a limit is in both rows', () => {
    const { heat } = only([at(0, true, 100, 4), at(1, false, 103, 2), at(2, true, 107, 1)], {
      rows: 2,
      columns: 2,
    })
    expect([heat.firstSector, heat.sectorsPerRow]).toEqual([100, 4])
    expect(heat.writes).toEqual([4, 0, 0, 1])
    expect(heat.reads).toEqual([0, 1, 0, 1])
  })

  it('looks at a part of the run alone', () => {
    const all = [at(0, true, 0), at(50, true, 2), at(100, true, 4)]
    expect(only(all, { fromMs: 20, toMs: 80 }).writes).toEqual({ transfers: 1, sectors: 2 })
    expect(monitor([]).devices).toEqual([])
    expect(monitor([at(5, true, 0)], { columns: 1 }).devices[0]?.columns[0]?.rate).toBe(1000)
  })

  it.each<[MonitorOptions, string]>([
    [{ columns: 0 }, 'columns must be from 1 to 10000, not 0'],
    [{ rows: 1.5 }, 'rows must be from 1 to 10000, not 1.5'],
    [{ fromMs: 5, toMs: 4 }, 'from 5 to 4 ms is no time'],
    [{ fromMs: Number.NaN }, 'from NaN to NaN ms is no time'],
  ])('refuses %j', (options, message) => {
    expect(() => monitor([at(0, true, 0)], options)).toThrow(new RangeError(`monitor: ${message}`))
  })

  it('nothing is counted twice or lost, whatever the columns and rows', () => {
    const records = fc.array(
      fc.record({
        device: fc.constantFrom(HDA, HDB),
        isWrite: fc.boolean(),
        hasFailed: fc.constant(false),
        sector: fc.integer({ min: 0, max: 2 ** 32 - 9 }),
        sectors: fc.integer({ min: 1, max: 8 }),
        timeMs: fc.integer({ min: 0, max: 5000 }),
      }),
      { maxLength: 60 },
    )
    const counts = fc.integer({ min: 1, max: 50 })
    fc.assert(
      fc.property(records, counts, counts, (all, columns, rows) => {
        const sorted = all.slice().sort((a, b) => a.timeMs - b.timeMs)
        for (const one of monitor(sorted, { columns, rows }).devices) {
          const own = sorted.filter(({ device }) => device === one.device)
          const sectors = own.reduce((sum, record) => sum + record.sectors, 0)
          expect(one.reads.transfers + one.writes.transfers).toBe(own.length)
          expect(
            one.columns.reduce((sum, { reads, writes }) => sum + reads.sectors + writes.sectors, 0),
          ).toBe(sectors)
          expect(one.heat.reads.length).toBe(columns * rows)
          const heat = [...one.heat.reads, ...one.heat.writes]
          expect(heat.reduce((sum, cell) => sum + cell, 0)).toBe(sectors)
          expect(one.submitted.count).toBe(own.length - 1)
        }
      }),
      { numRuns: 60 },
    )
  })
})

describe('the monitor, with a block trace', () => {
  it('counts requests, and shows the order in which the disk served', () => {
    const events = trace(
      [0, 'Q', 100, 2],
      [0, 'G', 100, 2],
      [0, 'Q', 102, 2],
      [0, 'M', 102, 2],
      [0, 'Q', 0, 2],
      [0, 'G', 0, 2],
      [10, 'D', 0, 2],
      [20, 'C', 0, 2],
      [20, 'D', 100, 4],
      [40, 'C', 100, 4],
    )
    const records = [at(0, true, 100), at(0, true, 102), at(0, true, 0)]
    const one = only(records, { trace: events, columns: 4 })
    expect([one.requests, one.isCounted, one.mergeRatio]).toEqual([2, true, 1.5])
    expect([one.submitted.mean, one.served?.mean]).toEqual([52, 98])
    // Two wait, then one is served while one waits, then one is served.
    expect(one.columns.map(({ depth, maxDepth }) => [depth, maxDepth])).toEqual([
      [2, 2],
      [2, 2],
      [1, 1],
      [1, 1],
    ])
  })

  it('follows requests that become one when a buffer closes the gap, at either side', () => {
    const gap = trace(
      [0, 'G', 0, 2],
      [0, 'G', 4, 2],
      [0, 'M', 2, 2],
      [10, 'G', 20, 2],
      [10, 'F', 18, 2],
      [20, 'D', 0, 6],
      [30, 'C', 0, 6],
      [30, 'D', 18, 4],
      [40, 'C', 18, 4],
    )
    const { columns } = only([], { trace: gap, columns: 4 })
    expect(columns.map(({ depth }) => depth)).toEqual([1, 2, 2, 1])
    // Three buffers in the first of the two requests, two in the second.
    expect(columns.map(({ mergeRatio }) => mergeRatio)).toEqual([0, 0, 3, 2])
  })

  it('knows a device whose records were lost, and not one that is only plugged', () => {
    expect(only([], { trace: trace([0, 'Q', 0, 2], [1, 'D', 0, 2]) }).requests).toBe(1)
    expect(monitor([], { trace: trace([0, 'Q', 0, 2]) }).devices).toEqual([])
  })
})

describe('the picture', () => {
  const records = Array.from({ length: 200 }, (_, i) => at(i * 50, i % 3 === 0, (i * 977) % 5000, 2))

  it('is the same text for the same report, and well-formed', () => {
    const svg = monitorSvg(monitor(records), HDA)
    expect(svg).toBe(monitorSvg(monitor(records), HDA))
    expect(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg" width="960"')).toBe(true)
    expect(svg.endsWith('</svg>\n')).toBe(true)
    expect(svg).not.toMatch(/NaN|Infinity|undefined/)
    const open = [...svg.matchAll(/<(svg|text)[ >]/g)].length
    expect([...svg.matchAll(/<\/(svg|text)>/g)]).toHaveLength(open)
  })

  it('has a cell where something was read or written, of that colour, with its legend and axes', () => {
    const one = [at(0, false, 0), at(1000, true, 100)]
    const svg = monitorSvg(monitor(one, { columns: 2, rows: 2 }), HDA, { name: 'a<b&"c"' })
    // The read is in the first column at the bottom, the write in the second at the top.
    expect(svg).toContain('<rect x="96" y="72" width="420" height="8" fill="rgb(33,102,172)"/>')
    expect(svg).toContain('<rect x="516" y="64" width="420" height="8" fill="rgb(214,96,36)"/>')
    for (const text of [
      'a&lt;b&amp;&quot;c&quot;',
      'reads',
      'writes',
      'sector',
      'KiB per second',
      'since boot',
    ])
      expect(svg).toContain(text)
    expect(svg).not.toContain('in the queue')
  })

  it('shows the depth of the queue where there is a trace, and nothing where nothing happened', () => {
    const events = trace([0, 'G', 0, 2], [5, 'D', 0, 2], [10, 'C', 0, 2])
    expect(monitorSvg(monitor([], { trace: events }), HDA)).toContain('requests in the queue and at the disk')
    expect(monitorSvg(monitor([at(0, true, 0)]), HDA)).not.toMatch(/NaN|Infinity/)
  })

  it('refuses a device that is not there, and a picture that is too narrow', () => {
    const report = monitor(records)
    expect(() => monitorSvg(report, HDB)).toThrow('monitorSvg: device 3:64 is not in the report')
    expect(() => monitorSvg(report, HDA, { width: 399 })).toThrow(
      'width must be at least 400 pixels, not 399',
    )
  })
})
