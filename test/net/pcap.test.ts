/** Captures, and the files that they are written to: pcap-savefile(5) with nanoseconds. */
import { checkInvariants, createKernel } from 'paleokernel'
import { encodePcap, net, type PcapPacket } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1)
const DONTWAIT = 0x40
const at = (port: number, addr = '127.0.0.1') => ({ family: 2, addr, port }) as const

function boot() {
  const k = createKernel({ modules: [net()], profile: '2.2.12' })
  k.net.addEthernet('eth0', MAC)
  k.net.configure('eth0', { address: '10.0.0.1/24' })
  return k
}

/** Reads a file, written here after the description of the format. */
function parse(file: Uint8Array) {
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  const u32 = (i: number): number => view.getUint32(i, true)
  const packets: PcapPacket[] = []
  let i = 24
  while (i < file.length) {
    const kept = u32(i + 8)
    const bytes = file.slice(i + 16, i + 16 + kept)
    packets.push({ sec: u32(i), nsec: u32(i + 4), bytes, length: u32(i + 12) })
    i += 16 + kept
  }
  expect(i).toBe(file.length)
  const header = [u32(0), view.getUint16(4, true), view.getUint16(6, true), u32(8), u32(12), u32(16), u32(20)]
  return { header, packets }
}

describe('encodePcap', () => {
  it('writes a header, and each packet with its time and its length', () => {
    const packets = [
      { sec: 1, nsec: 999_999_999, bytes: Uint8Array.of(1, 2, 3), length: 3 },
      { sec: 4_000_000_000, nsec: 0, bytes: Uint8Array.of(4, 5, 6, 7), length: 1500 },
      { sec: 2, nsec: 5, bytes: new Uint8Array(0), length: 0 },
    ]
    const read = parse(encodePcap(packets))
    expect(read).toEqual({ header: [0xa1b23c4d, 2, 4, 0, 0, 65535, 1], packets })
    const short = parse(encodePcap(packets, { snaplen: 2, linkType: 101 }))
    expect(short.header.slice(5)).toEqual([2, 101])
    expect(short.packets.map(({ bytes, length }) => [bytes.length, length])).toEqual([
      [2, 3],
      [2, 1500],
      [0, 0],
    ])
    expect(encodePcap([])).toHaveLength(24)
  })
})

describe('kernel.net.capture', () => {
  it('takes what a device sends and what it takes from the wire, with the kernel’s time', () => {
    const k = boot()
    const seen = k.net.capture('eth0')
    const p = k.spawn()
    const fd = p.libc.socket(2, 2)
    p.sys.sendto(fd, Uint8Array.of(1, 2, 3), 0, at(5000, '10.0.0.2'))
    k.advance(1.5)
    const arp = k.net.takeFrames('eth0')[0]?.frame ?? new Uint8Array(0)
    const reply = Uint8Array.from([...MAC, 2, 0, 0, 0, 0, 2, ...arp.subarray(12)])
    reply.set([0, 2, 2, 0, 0, 0, 0, 2, 10, 0, 0, 2, ...MAC, 10, 0, 0, 1], 20)
    k.net.receiveFrame('eth0', reply)
    // A frame for somebody else does not get as far.
    k.net.receiveFrame('eth0', Uint8Array.from([2, 9, 9, 9, 9, 9, ...reply.subarray(6)]))
    const { packets } = parse(seen.pcap())
    expect(packets.map(({ bytes }) => [bytes[12], bytes[13], bytes.length])).toEqual([
      [8, 6, arp.length],
      [8, 6, arp.length],
      [8, 0, 14 + 20 + 8 + 3],
    ])
    expect(packets).toEqual(seen.packets)
    expect(packets[0]?.bytes).toEqual(arp)
    expect(packets[1]?.bytes).toEqual(reply)
    const [first, second] = packets
    const { sec } = p.libc.gettimeofday()
    expect(first?.sec).toBe(sec)
    expect((second?.nsec ?? 0) - (first?.nsec ?? 0)).toBe(1_500_000)
    expect(checkInvariants(k)).toEqual([])
  })

  it('has a packet over loopback once, with a link header of Ethernet', () => {
    const k = boot()
    const seen = k.net.capture('lo')
    const p = k.spawn()
    const fd = p.libc.socket(2, 2)
    p.libc.bind(fd, at(5000))
    p.sys.sendto(fd, Uint8Array.of(7), 0, at(5000))
    expect(seen.packets.map(({ bytes }) => bytes.length)).toEqual([14 + 20 + 8 + 1])
    expect([...(seen.packets[0]?.bytes.subarray(0, 16) ?? [])]).toEqual([
      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0x45, 0,
    ])
  })

  it('changes nothing but itself: without it the kernel goes the same way', () => {
    const run = (isCaptured: boolean) => {
      const k = boot()
      const seen = isCaptured ? k.net.capture('eth0') : null
      const p = k.spawn()
      const fd = p.libc.socket(2, 2)
      for (let i = 0; i < 5; i++) p.sys.sendto(fd, new Uint8Array(i), 0, at(5000, '10.0.0.2'))
      seen?.stop()
      return k.net.takeFrames('eth0')
    }
    expect(run(true)).toEqual(run(false))
  })

  it('is state: copies go on with their own, what is put back forgets', () => {
    const k = boot()
    const before = k.snapshot()
    const seen = k.net.capture('lo')
    const p = k.spawn()
    const fd = p.libc.socket(2, 2)
    p.libc.bind(fd, at(5000))
    p.sys.sendto(fd, Uint8Array.of(1), 0, at(5000))
    const middle = k.snapshot()
    const f = k.fork()
    expect(f.digest()).toBe(k.digest())
    p.sys.sendto(fd, Uint8Array.of(2), 0, at(5000))
    expect([seen.packets.length, f.net.captures[0]?.packets.length]).toEqual([2, 1])
    const [copied] = f.net.captures
    copied?.stop()
    expect([copied?.isRunning, seen.isRunning]).toEqual([false, true])
    k.restore(middle)
    expect(seen.packets).toHaveLength(1)
    expect(k.net.captures.map(({ device }) => device)).toEqual(['lo'])
    p.sys.recv(fd, new Uint8Array(4), DONTWAIT)
    p.sys.sendto(fd, Uint8Array.of(3), 0, at(5000))
    expect(seen.packets).toHaveLength(2)
    seen.stop()
    seen.stop()
    p.sys.sendto(fd, Uint8Array.of(4), 0, at(5000))
    expect([seen.packets.length, seen.isRunning]).toEqual([2, false])
    expect(checkInvariants(k)).toEqual([])
    k.restore(before)
    expect(() => seen.pcap()).toThrow(TypeError)
    expect(() => k.net.capture('eth7')).toThrow(TypeError)
  })
})
