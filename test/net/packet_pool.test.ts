/** Arrays that packets leave behind and new packets get: nothing of the old ones shows, nobody sees another's bytes. */
import fc from 'fast-check'
import { checkInvariants, createKernel, EAGAIN } from 'paleokernel'
import { AF_INET, net, SOCK_DGRAM, SOCK_STREAM } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'
import { ipAllocSkb } from '../../src/net/inet/ip_output.js'
import { kfreeSkb, skbClone, skbCopy, skbMakeWritable, skbUnshare } from '../../src/net/skbuff.js'
import type { NetState } from '../../src/net/state.js'
import { coreOf } from '../helpers/world.js'

const DONTWAIT = 0x40
const at = (port: number) => ({ family: AF_INET, addr: '127.0.0.1', port }) as const
const boot = () => createKernel({ profile: '2.6.14', modules: [net()] })
type Net = ReturnType<typeof boot>
const stateOf = (k: Net): NetState => coreOf(k as never).state.modules.get('net') as NetState

/** Two UDP sockets, and both ends of a connection whose sender waits for more. */
function sockets(k: Net): { pid: number; fds: readonly number[] } {
  const p = k.spawn()
  const { libc } = p
  const udp = [7001, 7002].map((port) => {
    const fd = libc.socket(AF_INET, SOCK_DGRAM)
    libc.bind(fd, at(port))
    return fd
  })
  const listener = libc.socket(AF_INET, SOCK_STREAM)
  libc.bind(listener, at(80))
  libc.listen(listener, 5)
  const client = libc.socket(AF_INET, SOCK_STREAM)
  libc.connect(client, at(80))
  return { pid: p.pid, fds: [...udp, client, libc.accept(listener)] }
}

interface Step {
  readonly kind: 'datagram' | 'read datagram' | 'stream' | 'read stream'
  readonly size: number
  readonly byte: number
}

function take({ kind, size, byte }: Step, k: Net, pid: number, fds: readonly number[]): number {
  const { sys } = k.process(pid) as ReturnType<Net['spawn']>
  const [a = 0, b = 0, client = 0, server = 0] = fds
  const data = new Uint8Array(size).fill(byte)
  if (kind === 'datagram') return sys.sendto(a, data, DONTWAIT, at(7002))
  if (kind === 'read datagram') return sys.recv(b, data, DONTWAIT)
  return kind === 'stream' ? sys.send(client, data, DONTWAIT) : sys.recv(server, data, DONTWAIT)
}

const steps = fc.array(
  fc.record({
    kind: fc.constantFrom('datagram', 'read datagram', 'stream', 'read stream'),
    size: fc.constantFrom(1, 2, 100, 512, 5000, 16396, 40_000),
    byte: fc.integer({ min: 1, max: 255 }),
  }),
  { maxLength: 40 },
)

describe('arrays of packets', () => {
  it('are no part of the state: a copy of the kernel, which begins without any, stays the same', () => {
    fc.assert(
      fc.property(steps, steps, (before, after) => {
        const k = boot()
        const { pid, fds } = sockets(k)
        for (const step of before) take(step, k, pid, fds)
        const copy = k.fork()
        for (const step of after) {
          expect(take(step, copy, pid, fds)).toBe(take(step, k, pid, fds))
          expect(copy.digest()).toBe(k.digest())
        }
        expect(checkInvariants(k)).toEqual([])
      }),
      { numRuns: 60 },
    )
  })

  it('are used again', () => {
    const k = boot()
    const { packetPool } = stateOf(k)
    const { pid, fds } = sockets(k)
    const udp = (kind: Step['kind']): number => take({ kind, size: 512, byte: 1 }, k, pid, fds)
    const seen = new Set<Uint8Array>()
    for (let i = 0; i < 10; i++) {
      expect(udp('datagram')).toBe(512)
      const data = packetPool.take(36 + 8 + 512, 0)
      packetPool.give(data)
      seen.add(data.bytes)
      expect(udp('read datagram')).toBe(512)
    }
    expect(udp('read datagram')).toBe(EAGAIN)
    expect(seen.size).toBeLessThan(3)
  })

  it('wait until all who share them are done, however often one of them is freed', () => {
    const state = stateOf(boot())
    const first = ipAllocSkb(state, 100)
    first.data.fill(7, first.h)
    const clone = skbClone(first)
    kfreeSkb(first)
    kfreeSkb(first)
    const other = ipAllocSkb(state, 100)
    expect(other.data).not.toBe(clone.data)
    expect(clone.data[clone.h]).toBe(7)
    const copy = skbCopy(clone)
    expect(copy.data).not.toBe(clone.data)
    expect(copy.data).toEqual(clone.data)
    expect(skbUnshare(copy)).toBe(copy)
    const shared = skbClone(copy)
    const { data } = copy
    skbMakeWritable(shared)
    expect(shared.data).not.toBe(data)
    expect(skbUnshare(copy).data).toBe(data)
    kfreeSkb(clone)
    const again = ipAllocSkb(state, 100)
    expect(again.data).toBe(clone.data)
    expect(again.data.every((byte) => byte === 0)).toBe(true)
  })

  it('are not kept without end', () => {
    const state = stateOf(boot())
    const many = Array.from({ length: 300 }, () => ipAllocSkb(state, 60_000))
    const arrays = new Set(many.map(({ data }) => data))
    for (const skb of many) kfreeSkb(skb)
    const again = Array.from({ length: 300 }, () => ipAllocSkb(state, 60_000))
    const kept = again.filter(({ data }) => arrays.has(data)).length
    expect(kept).toBeGreaterThan(0)
    expect(kept * 60_000).toBeLessThan(5 << 20)
  })
})
