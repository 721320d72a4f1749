/** `ifconfig` and `route` on the ioctls of the three profiles: output, exit status, errors. */
import { checkInvariants, EACCES, EFAULT, EINVAL, EPERM } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { machine } from './tools.js'

const PROFILES = ['2.0.35', '2.2.12', '2.6.14'] as const

describe.each(PROFILES)('%s', (profile) => {
  it('ifconfig sets a device up and shows it', () => {
    const m = machine({ profile })
    m.sh('ifconfig eth0 10.1.2.3 netmask 255.255.255.0 broadcast 10.1.2.255')
    expect(m.sh('ifconfig eth0')).toBe(
      'eth0      Link encap:Ethernet  HWaddr 02:00:00:00:00:01  \n' +
        '          inet addr:10.1.2.3  Bcast:10.1.2.255  Mask:255.255.255.0\n' +
        '          UP BROADCAST RUNNING MULTICAST  MTU:1500  Metric:1\n' +
        '          RX packets:0 errors:0 dropped:0 overruns:0 frame:0\n' +
        '          TX packets:0 errors:0 dropped:0 overruns:0 carrier:0\n' +
        '          collisions:0 txqueuelen:100 \n\n',
    )
    const lo = m.sh('ifconfig lo')
    expect(lo).toContain(
      'lo        Link encap:Local Loopback  \n          inet addr:127.0.0.1  Mask:255.0.0.0\n',
    )
    expect(m.sh('ifconfig')).toBe(m.sh('ifconfig eth0') + lo)
    expect(m.sh('ifconfig -a')).toContain('\neth1      Link encap')
    expect(checkInvariants(m.k)).toEqual([])
  })

  it('an address brings its network’s routes, and down takes them away', () => {
    const m = machine({ profile })
    m.sh('ifconfig eth0 10.1.2.3 netmask 255.255.255.0')
    m.sh('route add default gw 10.1.2.254')
    m.sh('route add -net 172.16.0.0 netmask 255.240.0.0 gw 10.1.2.253 metric 2')
    m.sh('route add -host 9.9.9.9 dev eth0')
    m.sh('route add -net 8.0.0.0 reject')
    expect(m.sh('route -n')).toBe(
      'Kernel IP routing table\n' +
        'Destination     Gateway         Genmask         Flags Metric Ref    Use Iface\n' +
        '9.9.9.9         0.0.0.0         255.255.255.255 UH    0      0        0 eth0\n' +
        '10.1.2.0        0.0.0.0         255.255.255.0   U     0      0        0 eth0\n' +
        '172.16.0.0      10.1.2.253      255.240.0.0     UG    2      0        0 eth0\n' +
        '8.0.0.0         -               255.0.0.0       !     0      0        0 -\n' +
        '0.0.0.0         10.1.2.254      0.0.0.0         UG    0      0        0 eth0\n',
    )
    expect(m.sh('route')).toContain(
      'default         10.1.2.254      0.0.0.0         UG    0      0        0 eth0\n',
    )
    m.sh('route del -host 9.9.9.9')
    expect(m.run('route del -host 9.9.9.9')).toEqual({
      out: '',
      err: 'SIOCDELRT: No such process\n',
      status: 7,
    })
    m.sh('ifconfig eth0 down')
    expect(m.sh('route -n').split('\n')).toHaveLength(4)
  })

  const wrong: readonly (readonly [string, string, number])[] = [
    ['route add default gw 99.9.9.9', 'SIOCADDRT: Network is unreachable\n', 7],
    ['route add -net 10.0.0.0 dev eth9', 'SIOCADDRT: No such device\n', 7],
    ['route add -net 10.0.0.0 dev eth1', 'SIOCADDRT: Network is down\n', 7],
    ['ifconfig eth9', 'eth9: error fetching interface information: Device not found\n', 1],
    ['ifconfig eth9 10.0.0.1', 'SIOCSIFADDR: No such device\n', 1],
    ['ifconfig eth0 250.0.0.1', 'SIOCSIFADDR: Invalid argument\n', 1],
    ['ifconfig eth0 netmask 255.0.0.0', 'SIOCSIFNETMASK: Cannot assign requested address\n', 1],
    ['ifconfig lo netmask 255.0.255.0', 'SIOCSIFNETMASK: Invalid argument\n', 1],
    ['ifconfig eth0 mtu 20', 'SIOCSIFMTU: Invalid argument\n', 1],
  ]
  it.each(wrong)('%s', (line, err, status) => {
    expect(machine({ profile }).run(line)).toEqual({ out: '', err, status })
  })

  it('changes need CAP_NET_ADMIN: addresses and flags say EACCES, the rest EPERM; questions are open', () => {
    const m = machine({ profile })
    expect(m.run('ifconfig eth0 10.0.0.1', 1000).err).toBe('SIOCSIFADDR: Permission denied\n')
    expect(m.run('ifconfig eth0 up', 1000).err).toBe('SIOCSIFFLAGS: Permission denied\n')
    expect(m.run('ifconfig eth0 mtu 1000', 1000).err).toBe('SIOCSIFMTU: Operation not permitted\n')
    expect(m.run('route add -net 10.0.0.0 dev lo', 1000).err).toBe('SIOCADDRT: Operation not permitted\n')
    expect(m.run('ifconfig lo', 1000).status).toBe(0)
  })

  it('aliases have addresses of their own', () => {
    const m = machine({ profile })
    m.sh('ifconfig eth0 10.0.0.1 netmask 255.255.255.0')
    m.sh('ifconfig eth0:1 192.168.7.1')
    expect(m.sh('ifconfig')).toContain('eth0:1    Link encap:Ethernet  HWaddr 02:00:00:00:00:01  \n')
    expect(m.sh('ifconfig eth0:1')).toContain(
      'inet addr:192.168.7.1  Bcast:192.168.7.255  Mask:255.255.255.0\n',
    )
    m.sh('ifconfig eth0:1 down')
    expect(m.sh('ifconfig')).not.toContain('eth0:1')
    expect(m.sh('ifconfig eth0')).toContain('UP BROADCAST')
  })

  it('what is no structure is EFAULT, what is no question EINVAL', () => {
    const { host, k } = machine({ profile })
    const fd = host.libc.socket(2, 2)
    for (let cmd = 0x8910; cmd <= 0x8943; cmd++) {
      expect(host.sys.ioctl(fd, cmd, new Uint8Array(cmd === 0x8912 ? 0 : 3))).toBe(
        cmd === 0x8912 ? 0 : EFAULT,
      )
      expect(host.sys.ioctl(fd, cmd)).toBe(EFAULT)
    }
    expect(host.sys.ioctl(fd, 0x8950, new Uint8Array(32))).toBe(EINVAL)
    const alice = k.spawn({ uid: 1000 })
    const own = alice.libc.socket(2, 2)
    const ifr = new Uint8Array(32)
    ifr.set([0x65, 0x74, 0x68, 0x30])
    expect(alice.sys.ioctl(own, 0x8914, ifr)).toBe(EACCES)
    expect(alice.sys.ioctl(own, 0x8922, ifr)).toBe(EPERM)
  })
})
