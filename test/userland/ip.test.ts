/** `ip` and rtnetlink by the rules of the reference's 1.7 and 3.6: syntax, output, exit status, errors. */
import { checkInvariants } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { machine } from './tools.js'

const up = (options: Parameters<typeof machine>[0] = {}) => {
  const m = machine(options)
  m.sh('ip addr add 10.0.0.1/24 brd + dev eth0')
  m.sh('ip addr add 192.168.1.1/24 dev eth1')
  m.k.net.configure('eth0', { up: true })
  m.k.net.configure('eth1', { up: true })
  return m
}

describe('3.6: ip rule', () => {
  it('lists the three rules of a fresh kernel', () => {
    expect(machine().sh('ip rule list')).toBe(
      '0:\tfrom all lookup local \n32766:\tfrom all lookup main \n32767:\tfrom all lookup default \n',
    )
  })

  const lines: readonly (readonly [string, string])[] = [
    ['from 10.0.0.0/8 table 7', 'from 10.0.0.0/8 lookup 7 '],
    ['from 10.0.0.5 table 7', 'from 10.0.0.5 lookup 7 '],
    ['to 10.1.0.0/16 lookup main', 'from all to 10.1.0.0/16 lookup main '],
    ['tos 10 table 9', 'from all tos 0x10 lookup 9 '],
    ['fwmark 1f table 9', 'from all fwmark       1f lookup 9 '],
    ['dev eth0 table 9', 'from all iif eth0 lookup 9 '],
    ['from 10.0.0.0/8', 'from 10.0.0.0/8 lookup main '],
    ['from 10.0.0.0/8 prohibit', 'from 10.0.0.0/8 lookup main prohibit'],
    ['from 10.0.0.0/8 unreachable table 5', 'from 10.0.0.0/8 lookup 5 unreachable'],
    ['from 10.0.0.0/8 nat 192.168.9.1', 'from 10.0.0.0/8 lookup main map-to 192.168.9.1 '],
  ]
  it.each(lines)('add %s', (words, line) => {
    const m = machine()
    m.sh(`ip rule add ${words}`)
    expect(m.sh('ip rule').split('\n')[1]).toBe(`32765:\t${line}`)
    m.sh(`ip ru del ${words}`)
    expect(m.sh('ip rule').split('\n')).toHaveLength(4)
    expect(m.run(`ip rule del ${words}`)).toEqual({
      out: '',
      err: 'RTNETLINK answers: No such process\n',
      status: 2,
    })
  })

  it('what is listed can be typed again', () => {
    const m = machine()
    for (const [words] of lines) m.sh(`ip rule add ${words}`)
    const before = m.sh('ip rule')
    const other = machine()
    // fwmark and tos are printed and read in hexadecimal.
    for (const line of before.split('\n').slice(1, -3).reverse())
      other.sh(`ip rule add ${line.replace(/^\d+:\t/, '').replace('from all ', '')}`)
    expect(other.sh('ip rule')).toBe(before)
  })

  it('1.7: rule 0 cannot be deleted: EPERM', () => {
    expect(machine().run('ip rule del table local')).toEqual({
      out: '',
      err: 'RTNETLINK answers: Operation not permitted\n',
      status: 2,
    })
  })

  it('1.7: changes need CAP_NET_ADMIN, listing does not', () => {
    const m = machine()
    expect(m.run('ip rule add from 1.2.3.4 table 3', 1000)).toMatchObject({
      err: 'RTNETLINK answers: Operation not permitted\n',
      status: 2,
    })
    expect(m.run('ip rule', 1000).out).toContain('32766:')
  })

  it('1.7: without multiple tables Invalid argument', () => {
    expect(machine({ policyRules: false }).run('ip rule')).toMatchObject({
      err: 'RTNETLINK answers: Invalid argument\n',
      status: 2,
    })
  })

  const wrong: readonly (readonly [string, string, number])[] = [
    ['ip rule list x', '"ip rule show" need not eny arguments.\n', 255],
    ['ip rule frob', 'Command "frob" is unknown, try "ip rule help".\n', 255],
    ['ip rule add from', 'Command line is not complete. Try option "help"\n', 255],
    ['ip rule add from 1.2.3.4/40', 'Error: an inet prefix is expected rather than "1.2.3.4/40".\n', 1],
    ['ip rule add table 256', 'Error: argument "256" is wrong: invalid table ID\n', 255],
    ['ip rule add fwmark zz', 'Error: argument "zz" is wrong: fwmark value is invalid\n', 255],
    ['ip frob', 'Object "frob" is unknown, try "ip help".\n', 255],
    ['ip -x rule', 'Option "-x" is unknown, try "ip -help".\n', 255],
  ]
  it.each(wrong)('%s', (line, err, status) => {
    expect(machine().run(line)).toEqual({ out: '', err, status })
  })

  it('table names come from /etc/iproute2/rt_tables', () => {
    const m = machine()
    m.host.sys.mkdir('/etc/iproute2', 0o755)
    m.write('/etc/iproute2/rt_tables', '255\tlocal\n254\tmain\n253\tdefault\n0\tunspec\n# own\n12\tlab\n')
    m.sh('ip rule add from 10.0.0.0/8 table lab')
    expect(m.sh('ip rule')).toContain('32765:\tfrom 10.0.0.0/8 lookup lab \n')
  })

  it('a module’s selector travels along, with a tool that has been told of it', () => {
    const m = machine({
      selectors: [
        {
          attribute: 40,
          parse: (bytes) => bytes[0] ?? 0,
          match: (value, { key }) => key === value,
          dump: (value) => Uint8Array.of(value, 0, 0, 0),
        },
      ],
      keywords: [
        {
          keyword: 'colour',
          attribute: 40,
          parse: (text) => (/^\d+$/.test(text) ? Uint8Array.of(Number(text), 0, 0, 0) : null),
          show: (payload) => String(payload[0]),
        },
      ],
    })
    m.sh('ip rule add colour 3 table 9')
    expect(m.sh('ip rule')).toContain('32765:\tfrom all colour 3 lookup 9 \n')
    expect(m.run('ip rule del colour 4 table 9').status).toBe(2)
    m.sh('ip rule del colour 3 table 9')
    expect(m.run('ip rule add colour x').err).toBe('Error: argument "x" is wrong: invalid "colour" value\n')
  })
})

describe('3.6: ip addr and ip link', () => {
  it('show devices and addresses', () => {
    const m = up()
    expect(m.sh('ip addr show dev eth0')).toBe(
      '2: eth0: <BROADCAST,MULTICAST,UP> mtu 1500 qdisc pfifo_fast qlen 100\n' +
        '    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n' +
        '    inet 10.0.0.1/24 brd 10.0.0.255 scope global eth0\n',
    )
    expect(m.sh('ip link ls lo'.replace('ls', 'lst'))).toBe(
      '1: lo: <LOOPBACK,UP> mtu 3924 qdisc noqueue \n' +
        '    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n',
    )
  })

  it('set flags and the MTU, with the errors of the time', () => {
    const m = up()
    m.sh('ip link set eth0 mtu 1400')
    m.sh('ip link set dev eth0 down')
    expect(m.sh('ip link show eth0')).toContain('<BROADCAST,MULTICAST> mtu 1400')
    m.sh('ip link set eth0 up')
    expect(m.run('ip link set eth0 mtu 9000')).toMatchObject({
      err: 'SIOCSIFMTU: Invalid argument\n',
      status: 255,
    })
    expect(m.run('ip link set eth9 up')).toMatchObject({ err: 'SIOCGIFFLAGS: No such device\n', status: 255 })
    expect(m.run('ip link set eth0 down', 1000).err).toBe('SIOCSIFFLAGS: Permission denied\n')
    expect(m.run('ip link set eth0 mtu 1000', 1000).err).toBe('SIOCSIFMTU: Operation not permitted\n')
  })

  it('add and delete addresses', () => {
    const m = up()
    expect(m.run('ip addr add 10.0.0.1/24 dev eth0')).toMatchObject({
      err: 'RTNETLINK answers: File exists\n',
      status: 2,
    })
    m.sh('ip addr add 10.0.0.2/24 dev eth0 label eth0:1')
    expect(m.sh('ip addr show eth0')).toContain('    inet 10.0.0.2/24 scope global secondary eth0:1\n')
    m.sh('ip addr del 10.0.0.1/24 dev eth0')
    expect(m.sh('ip addr show eth0')).not.toContain('inet ')
    expect(m.run('ip addr del 10.0.0.1/24 dev eth0')).toMatchObject({
      err: 'RTNETLINK answers: Cannot assign requested address\n',
      status: 2,
    })
    expect(m.run('ip addr add 1.2.3.4/8').err).toBe('Not enough information: "dev" argument is required.\n')
    expect(m.run('ip addr add 1.2.3.4/8 dev eth7').err).toBe('Cannot find device "eth7"\n')
  })
})

describe('3.6: ip route', () => {
  it('lists the main table, the local one by its name', () => {
    const m = up()
    m.sh('ip route add default via 10.0.0.254')
    m.sh('ip route add 172.16.0.0/12 via 10.0.0.253 src 192.168.1.1 metric 3')
    expect(m.sh('ip route')).toBe(
      '10.0.0.0/24 dev eth0  proto kernel  scope link  src 10.0.0.1 \n' +
        '192.168.1.0/24 dev eth1  proto kernel  scope link  src 192.168.1.1 \n' +
        '172.16.0.0/12 via 10.0.0.253 dev eth0  src 192.168.1.1  metric 3 \n' +
        'default via 10.0.0.254 dev eth0 \n',
    )
    expect(m.sh('ip route list table local')).toContain(
      'local 10.0.0.1 dev eth0  proto kernel  scope host  src 10.0.0.1 \n',
    )
    expect(m.sh('ip ro ls table local type broadcast'.replace('ls', 'l'))).toContain(
      '10.0.0.255 dev eth0  proto kernel  scope link  src 10.0.0.1 \n',
    )
    expect(m.sh('ip route list table all')).toContain('local 127.0.0.0/8 dev lo  table local  proto kernel')
  })

  const changes: readonly (readonly [string, string, number])[] = [
    ['ip route add 10.0.0.0/24 dev eth0 metric 0 src 10.0.0.1', 'RTNETLINK answers: File exists\n', 2],
    ['ip route add 9.0.0.0/8 via 8.8.8.8', 'RTNETLINK answers: Network is unreachable\n', 2],
    ['ip route add 9.0.0.0/8 dev eth0 src 1.2.3.4', 'RTNETLINK answers: Invalid argument\n', 2],
    ['ip route add 9.0.0.1/8 dev eth0', 'RTNETLINK answers: Invalid argument\n', 2],
    ['ip route change 9.0.0.0/8 dev eth0', 'RTNETLINK answers: No such file or directory\n', 2],
    ['ip route del 9.0.0.0/8', 'RTNETLINK answers: No such process\n', 2],
    ['ip route add 9.0.0.0/8', 'RTNETLINK answers: No such device\n', 2],
    ['ip route add 9.0.0.0/8 dev eth5', 'Cannot find device "eth5"\n', 1],
    ['ip route get', 'need at least destination address\n', 1],
    ['ip route get 8.8.8.8', 'RTNETLINK answers: Network is unreachable\n', 2],
    ['ip route flush', '"ip route flush" requires arguments.\n', 255],
  ]
  it.each(changes)('%s', (line, err, status) => {
    expect(up().run(line)).toEqual({ out: '', err, status })
  })

  it('append, replace, change, del', () => {
    const m = up()
    const nine = () => m.sh('ip route list exact 9.0.0.0/8')
    m.sh('ip route add 9.0.0.0/8 via 10.0.0.2')
    m.sh('ip route append 9.0.0.0/8 via 10.0.0.3')
    expect(nine()).toBe('9.0.0.0/8 via 10.0.0.2 dev eth0 \n9.0.0.0/8 via 10.0.0.3 dev eth0 \n')
    m.sh('ip route replace 9.0.0.0/8 via 10.0.0.4')
    expect(nine()).toBe('9.0.0.0/8 via 10.0.0.4 dev eth0 \n9.0.0.0/8 via 10.0.0.3 dev eth0 \n')
    m.sh('ip route del 9.0.0.0/8 via 10.0.0.3')
    m.sh('ip route change 9.0.0.0/8 via 10.0.0.5 proto static')
    expect(nine()).toBe('9.0.0.0/8 via 10.0.0.5 dev eth0  proto static \n')
    m.sh('ip route flush proto static')
    expect(nine()).toBe('')
  })

  it('1.7: types of routes refuse with their errors', () => {
    const m = up()
    const errors = {
      unreachable: 'No route to host',
      prohibit: 'Permission denied',
      blackhole: 'Invalid argument',
    }
    for (const [type, text] of Object.entries(errors)) {
      m.sh(`ip route add ${type} 9.0.0.0/8`)
      expect(m.sh('ip route')).toContain(`${type} 9.0.0.0/8 \n`)
      expect(m.run('ip route get 9.1.1.1').err).toBe(`RTNETLINK answers: ${text}\n`)
      m.sh(`ip route del ${type} 9.0.0.0/8`)
    }
  })

  it('1.7: changes of rules bite after ip route flush cache', () => {
    const m = up()
    m.sh('ip route add default via 192.168.1.254 table 7')
    m.sh('ip route add default via 10.0.0.254')
    const get = () => m.sh('ip route get 8.8.8.8')
    expect(get()).toBe('8.8.8.8 via 10.0.0.254 dev eth0  src 10.0.0.1 \n    cache  mtu 1500\n')
    m.sh('ip rule add to 8.8.8.8 table 7')
    expect(get()).toContain('via 10.0.0.254')
    expect(m.sh('ip route list cache')).toContain('8.8.8.8 via 10.0.0.254 dev eth0  src 10.0.0.1 \n')
    expect(m.cat('/proc/net/rt_cache')).toContain('eth0\t08080808\tFE00000A\t')
    m.sh('ip route flush cache')
    expect(m.sh('ip route list cache')).toBe('')
    expect(get()).toContain('via 192.168.1.254')
    expect(m.run('ip route flush cache', 1000)).toEqual({
      out: '',
      err: 'Cannot open "/proc/sys/net/ipv4/route/flush"\n',
      status: 255,
    })
  })

  it('leaves a kernel whose books are right, and many routes are told in pieces', () => {
    const m = up()
    for (let i = 0; i < 120; i++) m.sh(`ip route add 20.${i}.0.0/16 via 10.0.0.2`)
    expect(m.sh('ip route list root 20.0.0.0/8').split('\n')).toHaveLength(121)
    expect(checkInvariants(m.k)).toEqual([])
    expect(m.k.fork().digest()).toBe(m.k.digest())
  })
})

describe('3.6: ip neigh', () => {
  it('adds, shows and deletes neighbours', () => {
    const m = up()
    m.sh('ip neigh add 10.0.0.9 lladdr 02:00:00:00:00:99 dev eth0')
    expect(m.sh('ip neigh')).toBe('10.0.0.9 dev eth0 lladdr 02:00:00:00:00:99 nud permanent\n')
    expect(m.cat('/proc/net/arp')).toBe(
      'IP address       HW type     Flags       HW address            Mask     Device\n' +
        '10.0.0.9         0x1         0x6         02:00:00:00:00:99     *        eth0\n',
    )
    expect(m.run('ip neigh add 10.0.0.9 lladdr 02:00:00:00:00:98 dev eth0').status).toBe(2)
    m.sh('ip neigh del 10.0.0.9 dev eth0')
    expect(m.sh('ip neigh')).toBe('')
  })
})
