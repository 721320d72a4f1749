/** The binary format of blktrace, byte by byte. Linux: struct blk_io_trace, include/linux/blktrace_api.h. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  addTrace,
  BLK_TA_BACKMERGE,
  BLK_TA_COMPLETE,
  BLK_TA_FRONTMERGE,
  BLK_TA_GETRQ,
  BLK_TA_INSERT,
  BLK_TA_ISSUE,
  BLK_TA_PLUG,
  BLK_TA_QUEUE,
  BLK_TA_SLEEPRQ,
  BLK_TA_UNPLUG_IO,
  BLK_TA_UNPLUG_TIMER,
  BLK_TN_PROCESS,
  BlkTraceFile,
  commPdu,
  parseBlkTrace,
  traceBytes,
  unplugPdu,
} from '../../src/block/blktrace.js'

const HDA1 = 0x300001
const file = (limit = 1e6) => new BlkTraceFile(HDA1, limit)

describe('blktrace: the format', () => {
  it('puts the fields of struct blk_io_trace where they are, little-endian', () => {
    const into = file()
    const facts = { isWrite: true, sector: 2 ** 32 + 5, bytes: 1024, pid: 300 }
    addTrace(into, BLK_TA_QUEUE, 2 ** 33 + 7, facts)
    const view = new DataView(traceBytes(into).buffer)
    expect(view.byteLength).toBe(48)
    expect([view.getUint32(0, true), view.getUint32(4, true)]).toEqual([0x65617407, 1])
    expect(view.getBigUint64(8, true)).toBe(2n ** 33n + 7n)
    expect(view.getBigUint64(16, true)).toBe(2n ** 32n + 5n)
    expect(view.getUint32(24, true)).toBe(1024)
    // BLK_TC_QUEUE is bit 4, BLK_TC_WRITE bit 1 of the upper half.
    expect(view.getUint32(28, true)).toBe(0x00120001)
    expect([view.getUint32(32, true), view.getUint32(36, true)]).toEqual([300, HDA1])
    expect([view.getUint32(40, true), view.getUint32(44, true)]).toEqual([0, 0])
  })

  it.each([
    ['Q', BLK_TA_QUEUE, 0x00100001],
    ['M', BLK_TA_BACKMERGE, 0x00100002],
    ['F', BLK_TA_FRONTMERGE, 0x00100003],
    ['G', BLK_TA_GETRQ, 0x00100004],
    ['S', BLK_TA_SLEEPRQ, 0x00100005],
    ['D', BLK_TA_ISSUE, 0x00400007],
    ['C', BLK_TA_COMPLETE, 0x00800008],
    ['P', BLK_TA_PLUG, 0x00100009],
    ['U', BLK_TA_UNPLUG_IO, 0x0010000a],
    ['UT', BLK_TA_UNPLUG_TIMER, 0x0010000b],
    ['I', BLK_TA_INSERT, 0x0010000c],
    ['process', BLK_TN_PROCESS, 0x04000000],
  ])('%s has its number', (letter, action, number) => {
    expect(action).toBe(number)
    const into = file()
    addTrace(into, action, 0, {})
    expect(parseBlkTrace(traceBytes(into))[0]?.letter).toBe(letter)
  })

  it('a completion that failed has a negative errno in its 16 bits', () => {
    const into = file()
    addTrace(into, BLK_TA_COMPLETE, 1, { isWrite: false, error: -5 })
    expect([...traceBytes(into).subarray(44, 46)]).toEqual([0xfb, 0xff])
    expect(parseBlkTrace(traceBytes(into))[0]).toMatchObject({ letter: 'C', direction: 'R', error: -5 })
  })

  it('what belongs to an event is behind it: the depth of an unplug, the name of a process', () => {
    const into = file()
    addTrace(into, BLK_TA_UNPLUG_IO, 1, { pdu: unplugPdu(258) })
    addTrace(into, BLK_TN_PROCESS, 1, { pdu: commPdu('a name that is too long') })
    addTrace(into, BLK_TA_QUEUE, 1, { isWrite: false })
    const bytes = traceBytes(into)
    expect(bytes.length).toBe(3 * 48 + 8 + 16)
    expect([...bytes.subarray(46, 56)]).toEqual([8, 0, 0, 0, 0, 0, 0, 0, 1, 2])
    const [, name, last] = parseBlkTrace(bytes)
    expect(new TextDecoder().decode(name?.pdu)).toBe('a name that is \0')
    expect(last).toMatchObject({ letter: 'Q', sequence: 3, pdu: new Uint8Array(0) })
  })

  it('gives back what it was given, at any length', () => {
    const events = fc.record({
      isWrite: fc.boolean(),
      sector: fc.integer({ min: 0, max: 2 ** 32 }),
      bytes: fc.integer({ min: 0, max: 65536 }),
      pid: fc.nat(32767),
      error: fc.integer({ min: -131, max: 0 }),
      pdu: fc.uint8Array({ maxLength: 20 }),
      time: fc.maxSafeNat(),
    })
    fc.assert(
      fc.property(fc.array(events, { maxLength: 200 }), (all) => {
        const into = file()
        for (const { time, ...facts } of all) addTrace(into, BLK_TA_ISSUE, time, facts)
        const back = parseBlkTrace(traceBytes(into))
        expect(
          back.map(({ direction, sector, bytes, pid, error, pdu, time }) => {
            return { isWrite: direction === 'W', sector, bytes, pid, error, pdu, time }
          }),
        ).toEqual(all)
        expect(back.map(({ sequence }) => sequence)).toEqual(all.map((_, i) => i + 1))
      }),
      { numRuns: 30 },
    )
  })

  it('a file that is full drops whole events and counts them; the numbers have no gap', () => {
    const into = file(48 * 2 + 10)
    for (let i = 0; i < 5; i++) addTrace(into, BLK_TA_QUEUE, i, { isWrite: false })
    expect([into.events, into.dropped, traceBytes(into).length]).toEqual([2, 3, 96])
  })

  it.each<[string, (bytes: Uint8Array) => Uint8Array, string]>([
    ['cut in an event', (b) => b.subarray(0, 50), 'the event at 48 is cut off: the file has 50 bytes'],
    ['cut behind one', (b) => b.subarray(0, 100), 'the event at 48 goes on to 104: the file has 100 bytes'],
    ['no magic', (b) => b.fill(0, 48, 52), 'there is no event of version 7 at 48'],
    ['an older version', (b) => b.fill(6, 0, 1), 'there is no event of version 7 at 0'],
  ])('refuses a file with %s', (_name, spoil, message) => {
    const into = file()
    addTrace(into, BLK_TA_QUEUE, 1, { isWrite: true })
    addTrace(into, BLK_TA_UNPLUG_IO, 1, { pdu: unplugPdu(1) })
    const bytes = spoil(traceBytes(into))
    expect(() => parseBlkTrace(bytes)).toThrow(new RangeError(`blktrace: ${message}`))
  })
})
