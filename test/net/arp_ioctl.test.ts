/** SIOCSARP, SIOCGARP, SIOCDARP: what `arp` does. Linux: arp_ioctl, net/ipv4/arp.c (2.2.12, 2.6.14). */
import {
  checkInvariants,
  createKernel,
  EFAULT,
  EINVAL,
  ENODEV,
  ENXIO,
  EPERM,
  EPFNOSUPPORT,
} from 'paleokernel'
import { net } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'

const [DARP, GARP, SARP] = [0x8953, 0x8954, 0x8955]
const [COM, PERM, PUBL, NETMASK] = [2, 4, 8, 0x20]
const PEER = [2, 0, 0, 0, 0, 9]

/** A struct arpreq. */
function arpreq(last: number, flags = 0, hwaddr: readonly number[] = [], dev = 'eth0', type = 1): Uint8Array {
  const bytes = new Uint8Array(68)
  bytes.set([2, 0, 0, 0, 10, 0, 0, last], 0)
  bytes.set([type, 0, ...hwaddr], 16)
  bytes[32] = flags
  bytes.set(Buffer.from(dev), 52)
  return bytes
}

function boot(profile: '2.0.35' | '2.2.12' | '2.6.14') {
  const k = createKernel({ modules: [net()], profile })
  k.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, 1))
  k.net.configure('eth0', { address: '10.0.0.1/24' })
  const p = k.spawn()
  return { k, p, fd: p.libc.socket(2, 2) }
}

describe.each(['2.0.35', '2.2.12', '2.6.14'] as const)('in %s', (profile) => {
  it('a neighbour that is set is used without being asked for, shown and forgotten', () => {
    const { k, p, fd } = boot(profile)
    expect(p.sys.ioctl(fd, GARP, arpreq(9))).toBe(ENXIO)
    expect(p.sys.ioctl(fd, SARP, arpreq(9, COM | PERM, PEER))).toBe(0)
    const asked = arpreq(9)
    expect(p.sys.ioctl(fd, GARP, asked)).toBe(0)
    expect([...asked.subarray(16, 24), asked[32]]).toEqual([1, 0, ...PEER, COM | PERM])
    p.libc.sendto(fd, new Uint8Array(1), 0, { family: 2, addr: '10.0.0.9', port: 9 })
    const [sent] = k.net.takeFrames('eth0')
    expect([...(sent?.frame.subarray(0, 6) ?? []), sent?.frame[13]]).toEqual([...PEER, 0])
    // One that is not for ever, through the device that the route says.
    expect(p.sys.ioctl(fd, SARP, arpreq(8, COM, PEER, ''))).toBe(0)
    const other = arpreq(8)
    expect(p.sys.ioctl(fd, GARP, other)).toBe(0)
    expect(other[32]).toBe(COM)
    expect(p.sys.ioctl(fd, DARP, arpreq(9))).toBe(0)
    expect(p.sys.ioctl(fd, GARP, arpreq(9))).toBe(ENXIO)
    expect(p.sys.ioctl(fd, DARP, arpreq(9))).toBe(ENXIO)
    expect(checkInvariants(k)).toEqual([])
  })

  it('errors', () => {
    const { k, p, fd } = boot(profile)
    const unix = arpreq(9)
    unix[0] = 1
    const rows: readonly (readonly [number, unknown, number])[] = [
      [GARP, unix, EPFNOSUPPORT],
      [GARP, new Uint8Array(67), EFAULT],
      [GARP, null, EFAULT],
      [GARP, arpreq(9, 0, [], ''), ENODEV],
      [GARP, arpreq(9, 0, [], 'eth7'), ENODEV],
      [SARP, arpreq(9, NETMASK, PEER), EINVAL],
      [SARP, arpreq(9, COM, PEER, 'eth0', 6), EINVAL],
      // No address, and none known.
      [SARP, arpreq(9, 0, PEER), EINVAL],
      // Proxy ARP is not modelled.
      [SARP, arpreq(9, COM | PUBL, PEER), EINVAL],
    ]
    for (const [cmd, arg, error] of rows) expect(p.sys.ioctl(fd, cmd, arg as Uint8Array)).toBe(error)
    const alice = k.spawn({ uid: 1000, gid: 1000 })
    const other = alice.libc.socket(2, 2)
    expect(alice.sys.ioctl(other, SARP, arpreq(9, COM, PEER))).toBe(EPERM)
    expect(k.why(alice)?.sentence).toMatch(/CAP_NET_ADMIN|superuser/)
    expect(alice.sys.ioctl(other, GARP, arpreq(9))).toBe(ENXIO)
    expect(checkInvariants(k)).toEqual([])
  })
})
