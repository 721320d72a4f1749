/** What lists and counts tell of other compartments: nothing. Found by the property of noninterference.test.ts. */
import {
  createKernel,
  EACCES,
  EFAULT,
  EPERM,
  F_RDLCK,
  F_SETLK,
  LOCK_EX,
  LOCK_SH,
  MS_REMOUNT,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  POLLIN,
  SEEK_SET,
} from 'paleokernel'
import { mac } from 'paleokernel/mac'
import { AF_INET, AF_NETLINK, AF_PACKET, net, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'
import { ok, readFile, writeFile } from '../helpers/world.js'
import { A, B, inside, mounted, opened } from './world.js'

/** Two compartments on a machine with loopback. */
function networked() {
  const k = createKernel({ profile: '2.2.12', modules: [net(), mac()] })
  const admin = k.spawn()
  ok(admin.sys.mount('none', '/', '', MS_REMOUNT, 'mac=65535:0+shared'))
  const put = (label: string) => {
    const p = k.spawn()
    k.mac.setLabel(p.pid, label)
    return p
  }
  return { k, admin, a: put(A), b: put(B) }
}

const lines = (text: string): number => text.split('\n').length - 1

describe('lists', () => {
  it('MAC-20: /proc/locks lists locks of tasks that are seen', () => {
    const { admin, a, b } = opened()
    mounted(admin, '/shared', 'mac=10:0+shared')
    writeFile(admin, '/shared/file', 'x', 0o666)
    ok(b.sys.flock(ok(b.sys.open('/shared/file', O_RDONLY)), LOCK_EX))
    const own = ok(a.sys.open('/shared/file', O_RDWR))
    expect(readFile(a, '/proc/locks')).toBe('')
    expect(lines(readFile(b, '/proc/locks'))).toBe(1)
    expect(lines(readFile(admin, '/proc/locks'))).toBe(1)
    ok(a.sys.fcntl(own, F_SETLK, { type: F_RDLCK, whence: SEEK_SET, start: 0, len: 1, pid: 0 }))
    expect(readFile(a, '/proc/locks')).toContain(`1: POSIX  ADVISORY  READ  ${a.pid} `)
    expect(lines(readFile(admin, '/proc/locks'))).toBe(2)
  })

  it('MAC-52: /proc/net/netlink lists sockets that are seen', () => {
    const { admin, a, b } = networked()
    const listed = (): number[] => [a, b, admin].map((p) => lines(readFile(p, '/proc/net/netlink')))
    const before = listed()
    ok(b.sys.bind(ok(b.sys.socket(AF_NETLINK, SOCK_RAW, 0)), { family: AF_NETLINK, pid: 0, groups: 0 }))
    expect(listed().map((count, at) => count - (before[at] ?? 0))).toEqual([0, 1, 1])
  })

  it('MAC-50, MAC-52: /proc/net/rt_cache lists routes that were found for the own compartment', () => {
    const { admin, a, b } = networked()
    const fd = ok(b.sys.socket(AF_INET, SOCK_DGRAM, 0))
    ok(b.sys.connect(fd, { family: AF_INET, addr: '127.0.0.1', port: 7 }))
    expect([a, b, admin].map((p) => lines(readFile(p, '/proc/net/rt_cache')) > 1)).toEqual([
      false,
      true,
      true,
    ])
  })

  it('MAC-46: the port that is chosen does not depend on other compartments; it is none of the administrator', () => {
    const { a, b, admin } = networked()
    const chosen = (p: typeof a, type: number): number => {
      const fd = ok(p.sys.socket(AF_INET, type, 0))
      ok(p.sys.bind(fd, { family: AF_INET, addr: '0.0.0.0', port: 0 }))
      const name = ok(p.sys.getsockname(fd))
      return 'port' in name ? Number(name.port) : -1
    }
    for (const type of [SOCK_STREAM, SOCK_DGRAM]) {
      const first = chosen(a, type)
      expect([chosen(a, type), chosen(b, type), chosen(b, type)]).toEqual([first + 1, first, first + 1])
      expect([first, first + 1]).not.toContain(chosen(admin, type))
    }
  })
})

describe('what is everybody’s', () => {
  it('MAC-30 write: to mount on a directory takes the right to write to its file system', () => {
    const { admin, a } = opened({}, '2.2.12', '20:0+shared')
    mounted(admin, '/own', `mac=${A}`)
    ok(admin.sys.mkdir('/shared', 0o755))
    ok(a.sys.mkdir('/own/dir', 0o755))
    expect(a.sys.mount('none', '/shared', 'ramfs', 0, '')).toBe(EACCES)
    expect(a.sys.mount('none', '/own/dir', 'ramfs', 0, '')).toBe(0)
    expect(a.sys.umount('/own/dir')).toBe(0)
    expect(admin.sys.mount('none', '/shared', 'ramfs', 0, '')).toBe(0)
  })

  it('MAC-32: only an administrator covers the root of a file system, or unmounts from a shared one', () => {
    const { k, admin, a, b } = opened({}, '2.2.12', '20:0+shared')
    mounted(admin, '/own', `mac=${A}`)
    expect(a.sys.mount('none', '/own', 'proc', 0, '')).toBe(EACCES)
    expect(k.why(a)?.sentence).toContain('covers the root')
    expect(a.sys.umount('/own')).toBe(EACCES)
    expect(b.sys.umount('/own')).toBe(EPERM)
    expect(b.sys.mount('none', '/own', '', MS_REMOUNT | 1, '')).toBe(EPERM)
    expect(b.sys.open('/own', O_RDONLY)).toBe(EACCES)
    ok(admin.sys.mount('none', '/own', 'proc', 0, ''))
    // What is on the way to it is not b's to see.
    expect([a, b].map((p) => readFile(p, '/proc/mounts').includes(' /own proc '))).toEqual([true, false])
    expect(admin.sys.umount('/own')).toBe(0)
  })

  it('MAC-30 write: a lock keeps others out, so that it takes the right to write', () => {
    const { admin, a } = opened({}, '2.2.12', '20:0+shared')
    writeFile(admin, '/text', 'x', 0o666)
    mounted(admin, '/own', `mac=${A}`)
    const shared = ok(a.sys.open('/text', O_RDONLY))
    expect(a.sys.flock(shared, LOCK_SH)).toBe(EACCES)
    const lock = { type: F_RDLCK, whence: SEEK_SET, start: 0, len: 1, pid: 0 }
    expect(a.sys.fcntl(shared, F_SETLK, lock)).toBe(EACCES)
    const own = ok(a.sys.open('/own/file', O_CREAT | O_RDWR, 0o600))
    expect([a.sys.flock(own, LOCK_SH), a.sys.fcntl(own, F_SETLK, lock)]).toEqual([0, 0])
    const [end] = ok(a.sys.pipe())
    expect(a.sys.flock(end, LOCK_EX)).toBe(0)
  })

  it('MAC-7: a label that is no text is EFAULT', () => {
    const { admin, a } = opened()
    for (const label of [null, undefined, 5, {}, Object.create(null), Symbol('s')] as unknown as string[]) {
      expect(admin.sys.mac_setlabel(label, a.pid)).toBe(EFAULT)
      expect(inside(opened().k, A).sys.mac_setlabel(label)).toBe(EPERM)
    }
  })
})

describe('what goes through a device', () => {
  it('MAC-43: sockets of AF_PACKET hear their own compartment, and neither others nor the kernel itself', () => {
    const { k, admin, a, b } = networked()
    k.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, 1))
    k.net.configure('eth0', { address: '10.0.0.1/24' })
    const listen = (p: typeof a): number => ok(p.sys.socket(AF_PACKET, SOCK_RAW, 0x300))
    const heard = (p: typeof a, fd: number): number => {
      let count = 0
      while (ok(p.sys.poll([{ fd, events: POLLIN, revents: 0 }], 0)) > 0) {
        ok(p.sys.recv(fd, new Uint8Array(2000), 0))
        count++
      }
      return count
    }
    const ears = [a, b, admin].map((p) => [p, listen(p)] as const)
    const send = (p: typeof a, addr: string): void => {
      const fd = ok(p.sys.socket(AF_INET, SOCK_DGRAM, 0))
      ok(p.sys.sendto(fd, new Uint8Array(4), 0, { family: AF_INET, addr, port: 9 }))
    }
    const count = (): number[] => ears.map(([p, fd]) => heard(p, fd))
    send(b, '127.0.0.1')
    // The datagram, and the answer that nobody has the port; the loopback device shows each on its way in and out.
    expect(count()).toEqual([0, 4, 4])
    send(a, '127.0.0.1')
    expect(count()).toEqual([4, 0, 4])
    // Who has 10.0.0.9? The kernel asks for b.
    send(b, '10.0.0.9')
    expect(count()).toEqual([0, 0, 1])
    send(admin, '127.0.0.1')
    expect(count()).toEqual([0, 0, 4])
  })
})
