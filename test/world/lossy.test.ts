/** TCP over bad links, a few seeds of each case: scripts/lossy.ts runs many. And over good ones: how fast it is. */
import type { Profile } from 'paleokernel'
import { AF_INET, SOCK_STREAM } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'
import { CASES, transfer } from '../helpers/lossy.js'
import { leftovers, netOf, oneWay, pairOnLink, startTalk } from '../helpers/transfer.js'

const PROFILES = ['2.0.35', '2.2.12', '2.6.14'] as const

describe('what is sent arrives, nothing is left, and a seed gives one digest', () => {
  it.each([{ name: '256 KiB through 1 % loss, 20 ms and reordering', run: transfer(256 * 1024) }, ...CASES])(
    '$name',
    ({ run }) => {
      for (const seed of [1, 2, 3, 6]) expect(run(seed).digest).toBe(run(seed).digest)
    },
  )

  it('another seed gives another digest', () => {
    expect(transfer(100_000)(9).digest).not.toBe(transfer(100_000)(18).digest)
  })

  it('every frame that the link has lost of the stream is counted as sent again', () => {
    const pair = pairOnLink({ seed: 5, profiles: ['2.2.12', '2.2.12'], wire: { delay: 20, loss: 0.01 } })
    startTalk(pair, oneWay(500_000))
    pair.world.run()
    const lost = pair.link.counters[0].lost
    expect(lost).toBeGreaterThan(0)
    const { retransSegs } = netOf(pair.a).inet.tcp.mib
    expect(retransSegs).toBeGreaterThanOrEqual(lost)
    // Without reordering hardly anything is sent twice in vain.
    expect(retransSegs).toBeLessThan(lost * 2 + 5)
  })
})

describe.each(PROFILES)('over a good link, in %s,', (profile: Profile) => {
  const time = (size: number, wire: Parameters<typeof pairOnLink>[0]['wire']): number => {
    const pair = pairOnLink({ seed: 1, profiles: [profile, profile], wire: wire ?? {} })
    const { server } = startTalk(pair, oneWay(size))
    pair.world.run()
    expect(server).toMatchObject({ received: size, wrongAt: -1, error: 0 })
    expect(netOf(pair.a).inet.tcp.mib.retransSegs).toBe(0)
    return server.doneAt
  }

  it('a transfer takes what the rate takes, and little more', () => {
    const size = 2_000_000
    const ideal = (size * 8000 * (1514 / 1460)) / 10_000_000
    const ms = time(size, { delay: 1, rate: 10_000_000 })
    expect(ms).toBeGreaterThan(ideal)
    expect(ms).toBeLessThan(ideal * 1.02 + 20)
  })

  it('a transfer takes what one window a round trip takes, and less than half as much again', () => {
    const size = 2_000_000
    const window = profile === '2.6.14' ? 65_535 : 48_776
    const ideal = (size / window) * 100
    const ms = time(size, { delay: 50 })
    expect(ms).toBeGreaterThan(ideal * 0.9)
    expect(ms).toBeLessThan(ideal * 1.5 + 800)
  })

  it('two that connect to each other meet', () => {
    const { world, a, b } = pairOnLink({ seed: 1, profiles: [profile, profile], wire: { delay: 15 } })
    const ends = (
      [
        [a, '10.0.0.2'],
        [b, '10.0.0.1'],
      ] as const
    ).map(([k, addr]) => {
      const p = k.spawn()
      const fd = p.libc.socket(AF_INET, SOCK_STREAM)
      p.libc.bind(fd, { family: AF_INET, addr: '0.0.0.0', port: 700 })
      return { p, fd, call: p.begin.connect(fd, { family: AF_INET, addr, port: 700 }) }
    })
    world.run({ until: 10_000 })
    expect(ends.map(({ call }) => call.result)).toEqual([0, 0])
    const [x, y] = ends
    if (x === undefined || y === undefined) throw new Error('two ends')
    expect(x.p.sys.send(x.fd, Uint8Array.of(1, 2))).toBe(2)
    expect(y.p.sys.recv(y.fd, new Uint8Array(4))).toBe(2)
    expect(y.p.sys.send(y.fd, Uint8Array.of(3))).toBe(1)
    expect(x.p.sys.recv(x.fd, new Uint8Array(4))).toBe(1)
    for (const { p, fd } of ends) p.sys.close(fd)
    world.run()
    expect(world.checkInvariants()).toEqual([])
    expect([...leftovers(a), ...leftovers(b)]).toEqual([])
  })
})

it.each([1, 3, 4, 7, 8])('data that came early does not keep out what is in its turn: seed %i', (seed) => {
  // Small segments cost more memory than window: the buffer is full of what cannot be read yet.
  const wire = { delay: 20, mtu: 68, reorder: 0.05, reorderDelay: 60 }
  const pair = pairOnLink({ seed, profiles: ['2.6.14', '2.6.14'], wire })
  const { server } = startTalk(pair, oneWay(5000, { rcvbuf: 1000 }))
  pair.world.run()
  expect(server).toMatchObject({ received: 5000, wrongAt: -1, error: 0 })
})
