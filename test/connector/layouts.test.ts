/** Layouts of the connector, byte for byte, in both byte orders. Reference §2.4, §2.8. */
import {
  type CnCtlMsg,
  cnMsg,
  decodeCnCtl,
  decodeCnMsg,
  decodeProcEvent,
  encodeCnCtl,
  encodeCnMsg,
  encodeProcEvent,
  type ProcEvent,
  type ProcEventLayout,
} from 'paleokernel/connector'
import { describe, expect, it } from 'vitest'
import { hex } from './world.js'

const ORDERS = [
  ['little-endian', true],
  ['big-endian', false],
] as const

/** Words as hex in an order: 'u32 u16 …'. */
const words = (isLittle: boolean, ...list: (readonly [bytes: number, value: number])[]): string =>
  list
    .map(([bytes, value]) => {
      const digits = value.toString(16).padStart(bytes * 2, '0')
      return isLittle ? (digits.match(/../g) ?? []).reverse().join('') : digits
    })
    .join('')

describe.each(ORDERS)('§2.4 %s', (_name, isLittle) => {
  it('cn_msg: id, seq, ack, len, flags, data', () => {
    const bytes = encodeCnMsg(
      {
        id: { idx: 0x01020304, val: 0xfffefdfc },
        seq: 7,
        ack: 0x80000000,
        flags: 0x0102,
        data: Uint8Array.of(9, 8, 7),
      },
      isLittle,
    )
    expect(hex(bytes)).toBe(
      `${words(isLittle, [4, 0x01020304], [4, 0xfffefdfc], [4, 7], [4, 0x80000000], [2, 3], [2, 0x0102])}090807`,
    )
    expect(decodeCnMsg(bytes, isLittle)).toEqual({
      id: { idx: 0x01020304, val: 0xfffefdfc },
      seq: 7,
      ack: 0x80000000,
      len: 3,
      flags: 0x0102,
      data: Uint8Array.of(9, 8, 7),
    })
  })

  it('cn_ctl_msg: counts, group, len, ranges of idx and of val', () => {
    const ctl: CnCtlMsg = {
      idx: [{ first: 5, range: 1 }],
      val: [
        { first: 0, range: 10 },
        { first: 0xffffffff, range: 2 },
      ],
      group: 12,
    }
    const bytes = encodeCnCtl(ctl, isLittle)
    expect(hex(bytes)).toBe(
      words(
        isLittle,
        ...[1, 2, 12, 24, 5, 1, 0, 10, 0xffffffff, 2].map((value): [number, number] => [4, value]),
      ),
    )
    expect(decodeCnCtl(bytes, isLittle)).toEqual(ctl)
  })

  const base = { cpu: 3, timestampNs: 0x1_0000_0002 }
  const events: [Exclude<ProcEvent, { kind: 'unknown' }>, number, number[]][] = [
    [{ ...base, kind: 'none', err: 22 }, 0, [22]],
    [{ ...base, kind: 'fork', parentPid: 1, parentTgid: 2, childPid: 3, childTgid: 4 }, 1, [1, 2, 3, 4]],
    [{ ...base, kind: 'exec', pid: 1, tgid: 2 }, 2, [1, 2]],
    [{ ...base, kind: 'uid', pid: 1, tgid: 2, ruid: 3, euid: 0xfffffffe }, 4, [1, 2, 3, 0xfffffffe]],
    [{ ...base, kind: 'gid', pid: 1, tgid: 2, rgid: 3, egid: 4 }, 0x40, [1, 2, 3, 4]],
    [
      { ...base, kind: 'exit', pid: 1, tgid: 2, exitCode: 0x100, exitSignal: 17 },
      0x80000000,
      [1, 2, 256, 17],
    ],
  ]
  const rest = (data: number[]): [number, number][] =>
    [...data, 0, 0, 0].slice(0, 4).map((value): [number, number] => [4, value])

  it.each(events)('§2.8 2.6.15: 24 bytes: %o', (event, what, data) => {
    const bytes = encodeProcEvent('2.6.15', event, isLittle)
    expect(hex(bytes)).toBe(words(isLittle, [4, what], [4, 3], ...rest(data)))
    expect(decodeProcEvent('2.6.15', bytes, isLittle)).toEqual({ ...event, timestampNs: 0 })
  })

  it.each(events)('§2.8 2.6.18: a time, 32 bytes: %o', (event, what, data) => {
    const bytes = encodeProcEvent('2.6.18', event, isLittle)
    expect(hex(bytes)).toBe(words(isLittle, [4, what], [4, 3], [8, 0x1_0000_0002], ...rest(data)))
    expect(decodeProcEvent('2.6.18', bytes, isLittle)).toEqual(event)
  })

  it('§2.8: a kind that later kernels have is unknown, with its data', () => {
    const bytes = encodeProcEvent('2.6.15', { ...base, kind: 'none', err: 5 }, isLittle)
    new DataView(bytes.buffer).setUint32(0, 0x200, isLittle)
    expect(decodeProcEvent('2.6.15', bytes, isLittle)).toEqual({
      kind: 'unknown',
      what: 0x200,
      cpu: 3,
      timestampNs: 0,
      data: bytes.slice(8),
    })
  })
})

describe('what is not all there', () => {
  it('is no message', () => expect(decodeCnMsg(new Uint8Array(19))).toBeNull())

  it('is a message with the data that are there, and its own word for their length', () => {
    const bytes = encodeCnMsg({ id: { idx: 1, val: 2 }, data: new Uint8Array(8) }).subarray(0, 23)
    expect(decodeCnMsg(bytes)).toMatchObject({ len: 8, data: new Uint8Array(3) })
  })

  it.each<[ProcEventLayout, number]>([
    ['2.6.15', 23],
    ['2.6.18', 31],
  ])('is no event of %s with %i bytes', (layout, size) => {
    expect(decodeProcEvent(layout, new Uint8Array(size))).toBeNull()
  })

  it.each<[string, (bytes: Uint8Array, view: DataView) => Uint8Array]>([
    ['shorter than its header', (bytes) => bytes.subarray(0, 15)],
    ['with a range less than its counts say', (bytes) => bytes.subarray(0, 24)],
    ['with bytes behind', (bytes) => Uint8Array.of(...bytes, 0)],
    [
      'with another len',
      (bytes, view) => {
        view.setUint32(12, 8, true)
        return bytes
      },
    ],
    [
      'with counts whose sum is 0 in 32 bits',
      (bytes, view) => {
        view.setUint32(0, 0x80000002, true)
        view.setUint32(4, 0x80000000, true)
        return bytes
      },
    ],
  ])('is no control message %s', (_what, spoil) => {
    const bytes = encodeCnCtl({ idx: [{ first: 1, range: 1 }], val: [{ first: 1, range: 1 }], group: 1 })
    expect(decodeCnCtl(bytes)).not.toBeNull()
    expect(decodeCnCtl(spoil(bytes, new DataView(bytes.buffer)))).toBeNull()
  })

  it('cannot be made: len has 16 bits', () => {
    const id = { idx: 1, val: 1 }
    expect(cnMsg({ id, data: new Uint8Array(65535) }).len).toBe(65535)
    expect(() => cnMsg({ id, data: new Uint8Array(65536) })).toThrow(RangeError)
  })
})
