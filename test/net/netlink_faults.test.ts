/** Every allocation of netlink that can fail, one by one: errors as Linux has them, and the books balance. */
import { type Kernel as AnyKernel, ENOBUFS, failEach } from 'paleokernel'
import { expect, it } from 'vitest'
import { writeMessage } from '../../src/lib/nlmsg.js'
import {
  ADD,
  AF_NETLINK,
  at,
  boot,
  bound,
  bytes,
  DONTWAIT,
  KERNEL,
  type Kernel,
  RADIO,
  RAW,
  SOL_NETLINK,
} from './netlink_world.js'

it('each point fails once, and nothing is left', () => {
  const run = (kernel: AnyKernel): unknown => {
    const k = kernel as unknown as Kernel
    const p = k.spawn()
    const made = (protocol: number, pid: number): number => {
      const fd = Number(p.sys.socket(AF_NETLINK, RAW, protocol))
      p.sys.bind(fd, at(pid, 1))
      return fd
    }
    const [route, radio, other] = [made(0, 50), made(RADIO, 51), made(RADIO, 52)]
    p.sys.setsockopt(radio, SOL_NETLINK, ADD, 40)
    const bad = writeMessage({ type: 28, flags: 1, seq: 1, pid: 0 }, new Uint8Array(12))
    const dump = writeMessage({ type: 18, flags: 0x301, seq: 2, pid: 0 }, new Uint8Array(16))
    const results = [
      p.sys.sendto(route, bad, 0, KERNEL),
      p.sys.sendto(route, dump, 0, KERNEL),
      p.sys.sendto(other, bytes(1), DONTWAIT, at(51, 1)),
      k.radio.send(1, bytes(2)),
      k.radio.send(40, bytes(3)),
    ]
    for (const fd of [route, radio, other])
      for (let i = 0; i < 5; i++) results.push(p.sys.recv(fd, new Uint8Array(4096), DONTWAIT))
    for (const fd of [route, radio, other]) p.sys.close(fd)
    return results
  }
  const { report, broken, points, runs } = failEach({ boot: (() => boot().k) as never, run })
  expect(report).toBe('')
  expect(broken).toEqual([])
  expect(runs.length).toBe(points.length)
  expect(points.map(({ name }) => name)).toEqual(expect.arrayContaining(['alloc:skb', 'alloc:sock']))
})

it('a broadcast without memory is lost to all who are left, and each hears of it', () => {
  const run = (kernel: AnyKernel): unknown => {
    const k = kernel as unknown as Kernel
    const p = k.spawn()
    const listening = [bound(p, 50, 1), bound(p, 51, 1)]
    const sent = k.radio.send(1, bytes(7))
    return [sent, ...listening.map((fd) => p.sys.recv(fd, new Uint8Array(4), DONTWAIT))]
  }
  const options = { only: ({ name }: { name: string }) => name === 'alloc:skb' }
  const { runs } = failEach({ boot: (() => boot().k) as never, run }, options as never)
  expect(runs.map(({ result }) => result)).toEqual([
    [ENOBUFS, ENOBUFS, ENOBUFS],
    [0, 1, ENOBUFS],
  ])
})
