/** `ping` of iputils ss990824: output, options, exit status, and the packets that it sends. */
import { checkInvariants } from 'paleokernel'
import { createWorld, net } from 'paleokernel/net'
import { ping, route } from 'paleokernel/userland'
import { describe, expect, it } from 'vitest'
import { machine } from './tools.js'

const PROFILES = ['2.0.35', '2.2.12', '2.6.14'] as const

const up = (profile: (typeof PROFILES)[number] = '2.2.12') => {
  const m = machine({ profile })
  m.k.install('/sbin/ping', ping)
  m.k.net.configure('eth0', { address: '10.0.0.1/24' })
  return m
}

describe.each(PROFILES)('ping in %s', (profile) => {
  it('of this host', () => {
    const m = up(profile)
    const before = m.host.libc.gettimeofday()
    // Until 2.4 the kernel's own messages begin with the longest time to live.
    const ttl = profile === '2.6.14' ? 64 : 255
    expect(m.run('ping -c 3 127.0.0.1')).toEqual({
      out:
        'PING 127.0.0.1 (127.0.0.1) from 127.0.0.1 : 56(84) bytes of data.\n' +
        [0, 1, 2].map((i) => `64 bytes from 127.0.0.1: icmp_seq=${i} ttl=${ttl} time=0.0 ms\n`).join('') +
        '\n--- 127.0.0.1 ping statistics ---\n' +
        '3 packets transmitted, 3 packets received, 0% packet loss\n' +
        'round-trip min/avg/max = 0.0/0.0/0.0 ms\n',
      err: '',
      status: 0,
    })
    // One second between requests.
    const passed = m.host.libc.gettimeofday().sec - before.sec
    expect(passed).toBe(2)
    expect(checkInvariants(m.k)).toEqual([])
  })

  it('of a neighbour that is not there', () => {
    const m = up(profile)
    const { out, status } = m.run('ping -c 1 10.0.0.9')
    expect(status).toBe(1)
    expect(out).toBe(
      'PING 10.0.0.9 (10.0.0.9) from 10.0.0.1 : 56(84) bytes of data.\n' +
        'From 10.0.0.1: Destination Host Unreachable\n' +
        '\n--- 10.0.0.9 ping statistics ---\n' +
        '1 packets transmitted, 0 packets received, +1 errors, 100% packet loss\n',
    )
  })

  it('is for the superuser, or a set-uid program', () => {
    const m = up(profile)
    expect(m.run('ping -c 1 127.0.0.1', 1000)).toEqual({
      out: '',
      err: 'ping: icmp open socket: Operation not permitted\n',
      status: 2,
    })
    m.host.libc.chmod('/sbin/ping', 0o4755)
    expect(m.run('ping -c 1 127.0.0.1', 1000).status).toBe(0)
  })
})

describe('options', () => {
  it('-s: the size; without room for a time none is told', () => {
    const { out } = up().run('ping -c 1 -s 4 127.0.0.1')
    expect(out).toContain(' : 4(32) bytes of data.\n12 bytes from 127.0.0.1: icmp_seq=0 ttl=255\n')
    expect(out).not.toContain('round-trip')
    expect(up().run('ping -c 1 -s 20000 127.0.0.1').out).toContain('20008 bytes from 127.0.0.1: icmp_seq=0')
  })

  it('-q says nothing but the end; -n, -v and -f are taken', () => {
    const m = up()
    expect(m.sh('ping -nqc2 127.0.0.1')).toBe(
      'PING 127.0.0.1 (127.0.0.1) from 127.0.0.1 : 56(84) bytes of data.\n' +
        '\n--- 127.0.0.1 ping statistics ---\n2 packets transmitted, 2 packets received, 0% packet loss\n' +
        'round-trip min/avg/max = 0.0/0.0/0.0 ms\n',
    )
    const before = m.host.libc.gettimeofday().sec
    m.sh('ping -f -c 100 127.0.0.1')
    expect(m.host.libc.gettimeofday().sec - before).toBeLessThan(3)
  })

  it('-i: seconds between requests', () => {
    const m = up()
    const before = m.host.libc.gettimeofday().sec
    m.sh('ping -c 3 -i 20 127.0.0.1')
    expect(m.host.libc.gettimeofday().sec - before).toBe(40)
  })

  it('-w ends it; fewer answers than -c wants are a failure', () => {
    const m = up()
    const said = m.run('ping -w 3 127.0.0.1')
    expect(said.out).toContain('\n3 packets transmitted, 3 packets received')
    expect(said.status).toBe(0)
    expect(m.run('ping -c 10 -w 3 127.0.0.1').status).toBe(1)
  })

  it('-t: the time to live of what is sent', () => {
    const m = up()
    const seen = m.k.net.capture('lo')
    m.sh('ping -c 1 -t 7 127.0.0.1')
    expect(seen.packets.map(({ bytes }) => [bytes[34], bytes[22]])).toEqual([
      [8, 7],
      [0, 255],
    ])
  })

  it('-b: to all only when asked', () => {
    const m = up()
    expect(m.run('ping -c 1 10.0.0.255')).toEqual({
      out: '',
      err: 'Do you want to ping broadcast? Then -b\n',
      status: 2,
    })
    expect(m.run('ping -b -c 1 -w 2 10.0.0.255').out).toContain('PING 10.0.0.255')
  })

  const wrong: readonly (readonly [string, string])[] = [
    ['', 'Usage: ping '],
    ['-c 0 127.0.0.1', 'ping: bad number of packets to transmit.\n'],
    ['-i 0 127.0.0.1', 'ping: bad timing interval.\n'],
    ['-s -1 127.0.0.1', 'ping: illegal negative packet size.\n'],
    ['-s 70000 127.0.0.1', 'ping: packet size too large: 70000\n'],
    ['-t 256 127.0.0.1', 'ping: ttl 256 out of range\n'],
    ['-W 3 127.0.0.1', 'ping: invalid option -- W\n'],
    ['-c', 'ping: option requires an argument -- c\n'],
    ['nowhere', 'ping: unknown host nowhere\n'],
    ['8.8.8.8', 'connect: Network is unreachable\n'],
  ]
  it.each(wrong)('ping %s', (words, text) => {
    const said = up().run(`ping ${words}`)
    expect(said.err.startsWith(text)).toBe(true)
    expect([said.out, said.status]).toEqual(['', 2])
  })
})

it('an interrupt ends it with what there is', () => {
  const m = up()
  const child = m.k.spawn()
  for (const path of ['/tmp', '/tmp/a', '/tmp/b']) child.libc.open(path, path === '/tmp' ? 0 : 0o101, 0o600)
  child.sys.execve('/sbin/ping', ['ping', '127.0.0.1'], [])
  m.k.advance(2500)
  expect(m.host.sys.kill(child.pid, 2)).toBe(0)
  m.k.run()
  expect(child.exitCode).toBe(0)
  expect(m.cat('/tmp/a')).toContain('\n3 packets transmitted, 3 packets received, 0% packet loss\n')
})

describe('through a router, in a world', () => {
  function journey(words: string): string {
    const world = createWorld({ seed: 1 })
    const make = () => world.createKernel({ modules: [net()], profile: '2.2.12' })
    const [a, r, b] = [make(), make(), make()]
    const plug = (k: typeof a, name: string, n: number, address: string): void => {
      k.net.addEthernet(name, Uint8Array.of(2, 0, 0, 0, 0, n))
      k.net.configure(name, { address })
    }
    plug(a, 'eth0', 1, '10.0.0.1/24')
    plug(r, 'eth0', 2, '10.0.0.254/24')
    plug(r, 'eth1', 3, '10.0.1.254/24')
    plug(b, 'eth0', 4, '10.0.1.1/24')
    world.link(a, 'eth0', r, 'eth0', { delay: 3 })
    world.link(r, 'eth1', b, 'eth0', { delay: 4 })
    const router = r.spawn()
    router.libc.write(router.libc.open('/proc/sys/net/ipv4/ip_forward', 1), Uint8Array.of(0x31))
    a.install('/ping', ping)
    a.install('/route', route)
    b.install('/route', route)
    for (const [k, gateway] of [
      [a, '10.0.0.254'],
      [b, '10.0.1.254'],
    ] as const) {
      const admin = k.spawn()
      admin.sys.execve('/route', ['route', 'add', 'default', 'gw', gateway], [])
    }
    world.run()
    const child = a.spawn()
    for (const path of ['/', '/tmp/out', '/tmp/err']) child.libc.open(path, path === '/' ? 0 : 0o101, 0o600)
    child.sys.execve('/ping', ['ping', ...words.split(' ')], [])
    world.run()
    const reader = a.spawn()
    const buf = new Uint8Array(4096)
    const fd = reader.libc.open('/tmp/out', 0)
    for (const k of [a, r, b]) expect(checkInvariants(k)).toEqual([])
    return String.fromCharCode(...buf.subarray(0, reader.libc.read(fd, buf)))
  }

  it('the time of the way there and back, and one hop less to live', () => {
    const out = journey('-c 2 10.0.1.1')
    // The first one waits for two neighbours' addresses.
    expect(out).toMatch(/icmp_seq=0 ttl=254 time=\d\d\.\d ms\n/)
    expect(out).toContain('64 bytes from 10.0.1.1: icmp_seq=1 ttl=254 time=14.0 ms\n')
    expect(out).toContain('2 packets transmitted, 2 packets received, 0% packet loss')
  })

  it('the router says when the time to live is over, and when there is nobody', () => {
    expect(journey('-c 1 -t 1 10.0.1.1')).toContain('From 10.0.0.254: Time to live exceeded\n')
    expect(journey('-c 1 10.0.1.77')).toContain('From 10.0.0.254: Destination Host Unreachable\n')
    expect(journey('-c 1 10.9.9.9')).toContain('From 10.0.0.254: Destination Net Unreachable\n')
  })
})
