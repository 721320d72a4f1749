/** Captures of netlink: what is in them, byte for byte (§2.11), and that they disturb nothing. */
import { checkInvariants } from 'paleokernel'
import { LINKTYPE_NETLINK } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'
import { writeMessage } from '../../src/lib/nlmsg.js'
import { at, boot, bound, bytes, KERNEL, next, QUIET } from './netlink_world.js'

const hex = (data: Uint8Array | undefined): string => Buffer.from(data ?? bytes()).toString('hex')

/** The header: from and for whom, 824, ten of nothing, the protocol. */
const header = (kind: number, protocol: number): string =>
  `${kind.toString(16).padStart(4, '0')}0338${'00'.repeat(10)}${protocol.toString(16).padStart(4, '0')}`

describe('captureNetlink', () => {
  it('sees messages to the kernel, from it, between programs and to groups, each once', () => {
    const { k, p } = boot()
    const capture = k.net.captureNetlink()
    const [fd, other] = [bound(p, 60, 1), bound(p, 61)]
    bound(p, 62, 1)
    p.libc.sendto(fd, bytes(1), 0, KERNEL)
    k.radio.answer(60, bytes(2, 2))
    p.libc.sendto(other, bytes(3), 0, at(60))
    p.libc.sendto(other, bytes(4), 0, at(60, 1))
    k.radio.send(1, bytes(5))
    expect(capture.packets.map((packet) => hex(packet.bytes))).toEqual([
      `${header(0, 18)}01`,
      `${header(4, 18)}0202`,
      `${header(3, 18)}03`,
      `${header(2, 18)}04`,
      `${header(3, 18)}04`,
      `${header(4, 18)}05`,
    ])
    expect(capture.packets.every((packet) => packet.length === packet.bytes.length)).toBe(true)
    expect(capture.device).toBe('nlmon')
  })

  it('sees what all listeners have lost, and not what nobody was there for', () => {
    const { k, p } = boot()
    const capture = k.net.captureNetlink()
    k.radio.send(1, bytes(1))
    expect(p.sys.sendto(bound(p, 60), bytes(2), 0, at(99))).toBeLessThan(0)
    expect(p.sys.sendto(bound(p, 60, 0, QUIET), bytes(2), 0, KERNEL)).toBeLessThan(0)
    expect(capture.packets).toEqual([])
    const fd = bound(p, 61, 1)
    p.libc.setsockopt(fd, 1, 8, 0)
    for (let i = 0; i < 4; i++) k.radio.send(1, new Uint8Array(840))
    expect(capture.packets.length).toBe(4)
  })

  it.each(['little', 'big'] as const)(
    'the file is of link type 253 and %s-endian as the machine',
    (byteOrder) => {
      const { k, p } = boot('2.6.14', { byteOrder })
      const capture = k.net.captureNetlink()
      const fd = bound(p, 77, 0, 0)
      const request = writeMessage(
        { type: 18, flags: 0x301, seq: 1, pid: 0 },
        new Uint8Array(16),
        [],
        byteOrder,
      )
      p.libc.sendto(fd, request, 0, KERNEL)
      const file = capture.pcap()
      const view = new DataView(file.buffer)
      const little = byteOrder === 'little'
      expect([view.getUint32(0, little), view.getUint32(20, little)]).toEqual([0xa1b23c4d, LINKTYPE_NETLINK])
      expect(hex(file.slice(40, 56))).toBe(header(0, 0))
      expect(file.slice(56, 88)).toEqual(request)
      expect(view.getUint32(32, little)).toBe(48)
    },
  )

  it('stops, goes on in copies by itself, and changes nothing else', () => {
    const { k, p } = boot()
    const fd = bound(p, 60, 1)
    const capture = k.net.captureNetlink()
    const second = k.net.captureNetlink()
    k.radio.send(1, bytes(1))
    const copy = k.fork()
    second.stop()
    second.stop()
    k.radio.send(1, bytes(2))
    expect([capture.packets.length, second.packets.length]).toEqual([2, 1])
    expect([capture.isRunning, second.isRunning]).toEqual([true, false])
    expect(k.net.netlinkCaptures.map(({ isRunning }) => isRunning)).toEqual([true, false])
    copy.radio.send(1, bytes(3))
    expect(copy.net.netlinkCaptures.map(({ packets }) => packets.length)).toEqual([2, 2])
    expect([next(p, fd), next(p, fd)]).toEqual([[1], [2]])
    expect([...checkInvariants(k), ...checkInvariants(copy)]).toEqual([])
  })

  it('a kernel put back to before has no such capture', () => {
    const { k } = boot()
    const before = k.snapshot()
    const capture = k.net.captureNetlink()
    k.restore(before)
    expect(() => capture.packets).toThrow('this capture began after')
  })
})
