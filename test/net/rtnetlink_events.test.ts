/** What rtnetlink tells those who listen to its groups: links, addresses, routes. Linux: rtmsg_ifinfo, rtmsg_ifa, rtmsg_fib. */
import { createKernel } from 'paleokernel'
import { net } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'
import { read32, readAttributes, readMessages, textOf, writeMessage } from '../../src/lib/nlmsg.js'

const [LINK, IFADDR, ROUTE] = [1, 0x10, 0x40]
const DONTWAIT = 0x40
const at = (pid: number, groups = 0) => ({ family: 16, pid, groups }) as const

describe.each(['2.2.12', '2.6.14'] as const)('%s', (profile) => {
  const scene = (groups: number) => {
    const k = createKernel({ profile, modules: [net()] })
    const p = k.spawn()
    const fd = p.libc.socket(16, 3, 0)
    p.libc.bind(fd, at(900, groups))
    const heard = () => {
      const all = []
      const buf = new Uint8Array(8192)
      for (let n = p.sys.recv(fd, buf, DONTWAIT); n > 0; n = p.sys.recv(fd, buf, DONTWAIT))
        all.push(...readMessages(buf.slice(0, n)))
      return all
    }
    return { k, p, heard }
  }

  it('links: a new card, up, down, another MTU', () => {
    const { k, heard } = scene(LINK)
    k.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, 1))
    k.net.configure('eth0', {})
    k.net.configure('eth0', { mtu: 1000 })
    k.net.configure('eth0', { up: false })
    k.net.configure('eth0', { up: false })
    const seen = heard().map(({ type, body, seq, pid }) => {
      const attributes = readAttributes(body, 16)
      const name = textOf(attributes.get(3) ?? new Uint8Array(0))
      const mtu = read32(attributes.get(4) ?? new Uint8Array(4), 0, 'little')
      return [type, name, mtu, read32(body, 8, 'little') & 1, read32(body, 12, 'little'), seq, pid]
    })
    expect(seen).toEqual([
      [16, 'eth0', 1500, 0, 0xffffffff, 0, 0],
      [16, 'eth0', 1500, 1, 0x41, 0, 0],
      [16, 'eth0', 1000, 1, 0, 0, 0],
      [16, 'eth0', 1000, 0, 0x41, 0, 0],
    ])
  })

  it('addresses come and go, the secondary ones with their primary one', () => {
    const { k, p, heard } = scene(IFADDR)
    k.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, 1))
    k.net.configure('eth0', { address: '10.0.0.1/24' })
    k.net.configure('eth0', { address: '10.0.0.2/24' })
    const fd = p.libc.socket(16, 3, 0)
    const body = Uint8Array.of(2, 24, 0, 0, 2, 0, 0, 0)
    const request = writeMessage({ type: 21, flags: 1, seq: 5, pid: 0 }, body, [
      [2, Uint8Array.of(10, 0, 0, 1)],
    ])
    p.libc.sendto(fd, request, 0, at(0))
    const seen = heard().map(({ type, body: told }) => `${type} ${readAttributes(told, 8).get(2)}`)
    expect(seen).toEqual(['20 10,0,0,1', '20 10,0,0,2', '21 10,0,0,2', '21 10,0,0,1'])
  })

  it('routes: by whom they are made, and those that follow from an address', () => {
    const { k, p, heard } = scene(ROUTE)
    const fd = p.libc.socket(16, 3, 0)
    p.libc.bind(fd, at(77))
    const body = Uint8Array.of(2, 32, 0, 0, 254, 3, 253, 1, 0, 0, 0, 0)
    const route = (type: number, seq: number): void => {
      const attributes = [[1, Uint8Array.of(10, 9, 8, 7)] as const, [4, Uint8Array.of(1, 0, 0, 0)] as const]
      p.libc.sendto(fd, writeMessage({ type, flags: 0x401, seq, pid: 0 }, body, attributes), 0, at(0))
    }
    route(24, 5)
    route(25, 6)
    const told = () =>
      heard().map(({ type, seq, pid, body: told }) => [
        type,
        seq,
        pid,
        told[4],
        String(readAttributes(told, 12).get(1)),
      ])
    expect(told()).toEqual([
      [24, 5, 77, 254, '10,9,8,7'],
      [25, 6, 77, 254, '10,9,8,7'],
    ])
    k.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, 1))
    k.net.configure('eth0', { address: '10.0.0.1/24' })
    const made = told()
    expect(made.every(([type, seq, pid]) => type === 24 && seq === 0 && pid === 0)).toBe(true)
    expect(made.map((one) => one[4])).toEqual(expect.arrayContaining(['10,0,0,1', '10,0,0,0', '10,0,0,255']))
  })

  it('nobody listens: nothing is made', () => {
    const { k, heard } = scene(0)
    k.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, 1))
    k.net.configure('eth0', { address: '10.0.0.1/24' })
    expect(heard()).toEqual([])
  })
})
