/** ARP: what is asked, how often, and of whom. Linux: net/core/neighbour.c. */
import { checkInvariants, createKernel, isErr } from 'paleokernel'
import { AF_INET, net, SOCK_DGRAM } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1)
const PEER = Uint8Array.of(2, 0, 0, 0, 0, 2)

function boot() {
  const k = createKernel({ modules: [net()], profile: '2.6.14' })
  k.net.addEthernet('eth0', MAC)
  k.net.configure('eth0', { address: '10.0.0.1/8' })
  const p = k.spawn()
  const fd = p.libc.socket(AF_INET, SOCK_DGRAM)
  const send = (addr = '10.0.0.2') =>
    p.sys.sendto(fd, Uint8Array.of(1), 0, { family: AF_INET, addr, port: 9 })
  const sent = () => k.net.takeFrames('eth0').map(({ frame }) => frame)
  return { k, send, sent }
}

const isArp = (frame: Uint8Array): boolean => frame[12] === 8 && frame[13] === 6

/** An ARP packet from the peer to us: 1 asks, 2 answers. */
function arp(op: 1 | 2, sender: readonly number[] = [10, 0, 0, 2], hw = PEER): Uint8Array {
  const head = [...MAC, ...hw, 8, 6]
  return Uint8Array.from([...head, 0, 1, 8, 0, 6, 4, 0, op, ...hw, ...sender, ...MAC, 10, 0, 0, 1])
}

describe('a neighbour', () => {
  it('is asked for once, and its address then used for 30 s and 5 s more', () => {
    const { k, send, sent } = boot()
    send()
    expect(sent().map(isArp)).toEqual([true])
    k.net.receiveFrame('eth0', arp(2))
    expect(sent().map(isArp)).toEqual([false])
    for (let i = 0; i < 50; i++) send()
    expect(sent().filter(isArp)).toEqual([])
    k.advance(31_000)
    for (let i = 0; i < 50; i++) send()
    expect(sent().filter(isArp)).toEqual([])
    k.advance(5000)
    const probes = sent()
    expect(probes.map(isArp)).toEqual([true])
    // The neighbour itself is asked, not everybody.
    expect(probes[0]?.slice(0, 6)).toEqual(PEER)
    k.net.receiveFrame('eth0', arp(2))
    send()
    expect(sent().map(isArp)).toEqual([false])
  })

  it('that asks us is known, and is asked itself when it has been used for 5 s', () => {
    const { k, send, sent } = boot()
    k.net.receiveFrame('eth0', arp(1))
    expect(sent().map(isArp)).toEqual([true])
    for (let i = 0; i < 50; i++) send()
    expect(sent().filter(isArp)).toEqual([])
    k.advance(5000)
    expect(sent().map(isArp)).toEqual([true])
  })

  it('that does not answer any more is given up after three probes', () => {
    const { k, send, sent } = boot()
    k.net.receiveFrame('eth0', arp(1))
    sent()
    send()
    k.advance(20_000)
    expect(sent().filter(isArp)).toHaveLength(3)
    // Everybody is asked again.
    send()
    expect(sent().map((frame) => frame[0])).toEqual([0xff])
  })

  it('certain, is not made uncertain by a request of its own', () => {
    const { k, send, sent } = boot()
    send()
    k.net.receiveFrame('eth0', arp(2))
    k.net.receiveFrame('eth0', arp(1))
    sent()
    send()
    k.advance(10_000)
    expect(sent().filter(isArp)).toEqual([])
  })
})

it('the table is bounded: whoever claims to have many addresses drives the oldest out', () => {
  const { k, send, sent } = boot()
  for (let i = 0; i < 3000; i++) k.net.receiveFrame('eth0', arp(1, [10, 1, i >> 8, i & 0xff]))
  sent()
  k.net.receiveFrame('eth0', arp(1))
  expect(isErr(send())).toBe(false)
  const { entries } = (
    k as unknown as { state: { modules: Map<string, { inet: { arp: { entries: Map<number, unknown> } } }> } }
  ).state.modules.get('net')?.inet.arp ?? { entries: new Map() }
  expect(entries.size).toBe(1024)
  expect(checkInvariants(k)).toEqual([])
})
