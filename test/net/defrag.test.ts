/** Packets that come in pieces: overlaps, holes, time. Linux: ip_frag_queue, net/ipv4/ip_fragment.c. */
import { checkInvariants, createKernel } from 'paleokernel'
import { AF_INET, net, SOCK_DGRAM } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'
import { Dice } from '../fuzz/dice.js'
import { netOf } from '../helpers/transfer.js'

const MAC = [2, 0, 0, 0, 0, 1]
const PEER = [2, 0, 0, 0, 0, 2]
const MF = 0x2000

function boot() {
  const k = createKernel({ modules: [net()], profile: '2.6.14' })
  k.net.addEthernet('eth0', Uint8Array.from(MAC))
  k.net.configure('eth0', { address: '10.0.0.1/24' })
  const p = k.spawn()
  const fd = p.libc.socket(AF_INET, SOCK_DGRAM)
  p.libc.bind(fd, { family: AF_INET, addr: '0.0.0.0', port: 7 })
  let id = 1
  /** Bytes from `offset` on of the data of an IP packet. */
  const piece = (offset: number, data: readonly number[], isLast: boolean): void => {
    const total = 20 + data.length
    const header = [0x45, 0, total >> 8, total & 255, id >> 8, id & 255]
    const flags = (offset / 8) | (isLast ? 0 : MF)
    header.push(flags >> 8, flags & 255, 64, 17, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1)
    let sum = 0
    for (let at = 0; at < 20; at += 2) sum += ((header[at] ?? 0) << 8) | (header[at + 1] ?? 0)
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
    header[10] = (~sum >>> 8) & 255
    header[11] = ~sum & 255
    k.net.receiveFrame('eth0', Uint8Array.from([...MAC, ...PEER, 8, 0, ...header, ...data]))
  }
  const take = (): number[] | null => {
    const buf = new Uint8Array(70_000)
    const n = p.sys.recv(fd, buf, 0x40)
    return n < 0 ? null : [...buf.subarray(0, n)]
  }
  return { k, piece, take, next: () => id++, frags: () => netOf(k).inet.frags }
}

/** A UDP header to port 7 without a checksum, and `size` bytes. */
const datagram = (size: number, fill: (at: number) => number): number[] => {
  const length = size + 8
  return [
    0,
    9,
    0,
    7,
    length >> 8,
    length & 255,
    0,
    0,
    ...Array.from({ length: size }, (_, at) => fill(at) & 255),
  ]
}

describe('pieces', () => {
  it('that overlap: what came before a piece stays, what is after it gives way', () => {
    const { k, piece, take, frags } = boot()
    const data = datagram(40, () => 1)
    piece(0, data.slice(0, 16), false)
    piece(
      32,
      Array.from({ length: 16 }, () => 3),
      true,
    )
    // 8 to 40: the first 8 are there already, the last 8 take the place of what was.
    piece(
      8,
      Array.from({ length: 32 }, () => 2),
      false,
    )
    expect(take()).toEqual([...Array(8).fill(1), ...Array(24).fill(2), ...Array(8).fill(3)])
    expect([frags().queues.size, frags().memory]).toEqual([0, 0])
    expect(checkInvariants(k)).toEqual([])
  })

  it('of an odd size that are not the last lose what is over', () => {
    const { piece, take } = boot()
    const data = datagram(24, (at) => at)
    piece(0, data.slice(0, 13), false)
    piece(8, data.slice(8), true)
    expect(take()).toEqual(data.slice(8))
  })

  it('that say two lengths, or reach beyond the end or the largest packet, are dropped', () => {
    const { piece, take, frags } = boot()
    const data = datagram(24, (at) => at)
    piece(16, data.slice(16), true)
    piece(16, data.slice(16, 24), true)
    piece(32, data.slice(0, 8), false)
    piece(65_528, data.slice(0, 16), true)
    piece(0, data.slice(0, 16), false)
    expect(take()).toEqual(data.slice(8))
    expect(frags().memory).toBe(0)
  })

  it('that stay alone are given up after 30 s', () => {
    const { k, piece, frags } = boot()
    piece(0, datagram(24, () => 0).slice(0, 16), false)
    expect(frags().queues.size).toBe(1)
    k.advance(30_001)
    expect([frags().queues.size, frags().memory]).toEqual([0, 0])
    expect(checkInvariants(k)).toEqual([])
  })

  it('in any order, with any overlaps, come out as the rule says', () => {
    const { k, piece, take, next, frags } = boot()
    let complete = 0
    for (let seed = 1; seed <= 150; seed++) {
      const dice = new Dice(seed)
      next()
      const size = 8 * (2 + dice.below(20))
      // What is known of each byte, and in which piece it came.
      const bytes: number[] = []
      const kept: { from: number; to: number; value: number }[] = []
      let isThere = false
      for (let n = 0; n < 60 && !isThere; n++) {
        const from = 8 * dice.below(size / 8)
        const to = Math.min(size, from + 8 * (1 + dice.below(6)))
        const value = 1 + dice.below(255)
        const data = Array.from(
          { length: to - from },
          (_, at) => (from + at < 8 ? [0, 9, 0, 7, size >> 8, size & 255, 0, 0][from + at] : value) ?? 0,
        )
        // The rule: of pieces that begin before this one what overlaps stays; the others give way.
        let start = from
        for (const old of kept) if (old.from < from && old.to > start) start = Math.min(old.to, to)
        if (start < to) {
          for (let at = start; at < to; at++) bytes[at] = data[at - from] ?? 0
          for (const old of kept) if (old.from >= start && old.from < to) old.from = Math.min(to, old.to)
          for (let at = kept.length - 1; at >= 0; at--)
            if ((kept[at]?.from ?? 0) >= (kept[at]?.to ?? 0)) kept.splice(at, 1)
          kept.push({ from: start, to, value })
        }
        piece(from, data, to === size)
        const got = take()
        if (got === null) continue
        isThere = true
        complete++
        expect(got, `seed ${seed}`).toEqual(bytes.slice(8))
        expect(bytes.length).toBe(size)
      }
    }
    expect(complete).toBeGreaterThan(100)
    k.advance(60_000)
    expect([frags().queues.size, frags().memory]).toEqual([0, 0])
    expect(checkInvariants(k)).toEqual([])
  })
})
