/** `ipchains` 1.3.9: commands and options of §3.6, output byte for byte, exit statuses, messages. */
import { checkInvariants, EINVAL } from 'paleokernel'
import type { IpfwExtension } from 'paleokernel/net'
import type { IpchainsOption } from 'paleokernel/userland'
import { describe, expect, it } from 'vitest'
import type { FirewallState } from '../../src/net/firewall/state.js'
import type { NetState } from '../../src/net/state.js'
import { coreOf } from '../helpers/world.js'
import { machine } from './tools.js'

const TRY = "Try `ipchains -h' or 'ipchains --help' for more information.\n"

const SERVICES = `# of all
ftp 21/tcp
ssh 22/tcp
domain 53/tcp nameserver
domain 53/udp nameserver
http 80/tcp www www-http # the web
tproxy 8080/tcp
`
const PROTOCOLS = `ip 0 IP
icmp 1 ICMP
tcp 6 TCP
udp 17 UDP
gre 47 GRE
`
const HOSTS = `127.0.0.1 localhost
10.0.0.1 gate gate.example
10.0.0.2 twin
10.0.0.3 twin
`
const NETWORKS = `loopback 127.0.0.0
lan 192.168.7.0
`

/** The state behind the tool. */
function firewallOf(m: ReturnType<typeof machine>): FirewallState {
  const { firewall } = coreOf(m.k as Parameters<typeof coreOf>[0]).state.modules.get('net') as NetState
  if (firewall === null) throw new Error('no firewall')
  return firewall
}

/** A machine with names. */
function named() {
  const m = machine()
  m.write('/etc/services', SERVICES)
  m.write('/etc/protocols', PROTOCOLS)
  m.write('/etc/hosts', HOSTS)
  m.write('/etc/networks', NETWORKS)
  return m
}

describe('-L', () => {
  it('shows empty chains without a header', () => {
    const m = machine()
    expect(m.sh('ipchains -L')).toBe(
      'Chain input (policy ACCEPT):\nChain forward (policy ACCEPT):\nChain output (policy ACCEPT):\n',
    )
    expect(m.sh('ipchains -L input -v')).toBe('Chain input (policy ACCEPT: 0 packets, 0 bytes):\n')
  })

  it('shows rules in columns', () => {
    const m = machine()
    m.sh('ipchains -N user')
    m.sh('ipchains -P forward DENY')
    for (const rule of [
      'input -p tcp -s 10.0.0.0/8 -d 192.168.1.1 80 -y -l -j ACCEPT',
      'input -p udp -s ! 10.0.0.0/255.0.255.0 ! 53 -i ! eth+ -j DENY',
      'input -p icmp -j user',
      'input -p tcp -d 0/0 8000:8010 -j REDIRECT 3128',
      'input ! -p 47 -j RETURN',
      'input ! -f -j user',
      'input',
    ])
      m.sh(`ipchains -A ${rule}`)
    expect(m.sh('ipchains -L input')).toBe(
      `Chain input (policy ACCEPT):
target     prot opt     source                destination           ports
ACCEPT     tcp  -y--l-  10.0.0.0/8           192.168.1.1           any ->   80
DENY       udp  ------ !10.0.0.0/255.0.255.0 anywhere             !53 ->   any
user       icmp ------  anywhere             anywhere              any ->   any
REDIRECT   tcp  ------  anywhere             anywhere              any ->   8000:8010 => 3128
RETURN    !47   ------  anywhere             anywhere              n/a
user       all  --!f--  anywhere             anywhere              n/a
-          all  ------  anywhere             anywhere              n/a
`,
    )
    expect(m.sh('ipchains -L user')).toBe('Chain user (2 references):\n')
    expect(m.sh('ipchains -L forward')).toBe('Chain forward (policy DENY):\n')
    expect(checkInvariants(m.k)).toEqual([])
  })

  it('-v adds counters, TOS, interface, mark and output size; -x whole numbers, -n no words', () => {
    const m = machine()
    m.sh('ipchains -A output -i lo -t 0x01 0x10 -m 0xbeef -o 128 -j ACCEPT')
    m.sh('ipchains -A output -i ! ppp+ -m -1 -p udp --sport 53')
    m.sh('ipchains -A output -o')
    expect(m.sh('ipchains -L output -v')).toBe(
      `Chain output (policy ACCEPT: 0 packets, 0 bytes):
 pkts bytes target     prot opt    tosa tosx  ifname     mark       outsize  source                destination           ports
    0     0 ACCEPT     all  -----o 0x01 0x10  lo         0xbeef       128      anywhere             anywhere              n/a
    0     0 -          udp  ------ 0xFF 0x00 !ppp+       0xffffffff            anywhere             anywhere              53 ->   any
    0     0 -          all  -----o 0xFF 0x00  any                            anywhere             anywhere              n/a
`,
    )
    expect(m.sh('ipchains -L output -vnx')).toBe(
      `Chain output (policy ACCEPT: 0 packets, 0 bytes):
    pkts      bytes target     prot opt    tosa tosx  ifname     mark       outsize  source                destination           ports
       0          0 ACCEPT     all  -----o 0x01 0x10  lo         0xbeef       128      0.0.0.0/0            0.0.0.0/0             n/a
       0          0 -          udp  ------ 0xFF 0x00 !ppp+       0xffffffff            0.0.0.0/0            0.0.0.0/0             53 ->   *
       0          0 -          all  -----o 0xFF 0x00  *                              0.0.0.0/0            0.0.0.0/0             n/a
`,
    )
  })

  it('counts in K, M and G, and numbers rules', () => {
    const m = machine()
    m.sh('ipchains -A input -j ACCEPT')
    m.sh('ipchains -A input -j DENY')
    // As many packets as nobody sends in a test: the state is plain data.
    const [first, second] = firewallOf(m).input.rules
    Object.assign(first as object, { packets: 99_999, bytes: 100_000 })
    Object.assign(second as object, { packets: 12_345_678, bytes: 2 ** 40 })
    expect(m.sh('ipchains -L input -v --line-numbers').split('\n').slice(1, 4)).toEqual([
      'num   pkts bytes target     prot opt    tosa tosx  ifname     mark       outsize  source                destination           ports',
      '1    99999  100K ACCEPT     all  ------ 0xFF 0x00  any                            anywhere             anywhere              n/a',
      '2      12M 1100G DENY       all  ------ 0xFF 0x00  any                            anywhere             anywhere              n/a',
    ])
    expect(m.sh('ipchains -L input -v -x').split('\n')[3]).toContain('12345678 1099511627776 DENY')
    // The upper half of a 64-bit count survives /proc.
    expect(m.cat('/proc/net/ip_fwchains')).toContain(' 0         12345678  256       0         0-65535')
    m.sh('ipchains -L -Z')
    expect(m.sh('ipchains -L input -v -x').split('\n')[3]).toContain('       0          0 DENY')
  })

  it('names of hosts, networks, services and protocols are those of /etc', () => {
    const m = named()
    m.sh('ipchains -A input -p tcp -s gate -d lan/24 www -j ACCEPT')
    m.sh('ipchains -A input -p udp -s 0/0 nameserver:1023 -d localhost')
    m.sh('ipchains -A input -p gre -j DENY')
    m.sh('ipchains -A input -p tcp -d 0/0 http -j REDIRECT tproxy')
    m.sh('ipchains -A input -p TCP -d 0/0 ftp:ssh -j REDIRECT')
    expect(m.sh('ipchains -L input').split('\n').slice(2, 7)).toEqual([
      'ACCEPT     tcp  ------  gate                 lan/24                any ->   http',
      '-          udp  ------  anywhere             localhost             domain:1023 ->   any',
      'DENY       gre  ------  anywhere             anywhere              n/a',
      'REDIRECT   tcp  ------  anywhere             anywhere              any ->   http => tproxy',
      'REDIRECT   tcp  ------  anywhere             anywhere              any ->   ftp:ssh =>  any',
    ])
    expect(m.sh('ipchains -nL input').split('\n').slice(2, 7)).toEqual([
      'ACCEPT     tcp  ------  10.0.0.1             192.168.7.0/24        * ->   80',
      '-          udp  ------  0.0.0.0/0            127.0.0.1             53:1023 ->   *',
      'DENY       gre  ------  0.0.0.0/0            0.0.0.0/0             n/a',
      'REDIRECT   tcp  ------  0.0.0.0/0            0.0.0.0/0             * ->   80 => 8080',
      'REDIRECT   tcp  ------  0.0.0.0/0            0.0.0.0/0             * ->   21:22 =>  *',
    ])
  })

  it('ICMP types have names, of which the beginning is enough', () => {
    const m = machine()
    m.sh('ipchains -A input -p icmp --icmp-type ping -j ACCEPT')
    m.sh('ipchains -A input -p icmp -s 0/0 host-unr')
    m.sh('ipchains -A input -p icmp -s 0/0 8 -d 0/0 0')
    m.sh('ipchains -A input -p icmp -s 0/0 3:4')
    expect(m.sh('ipchains -L input').split('\n').slice(2, 6)).toEqual([
      'ACCEPT     icmp ------  anywhere             anywhere              echo-request',
      '-          icmp ------  anywhere             anywhere              host-unreachable',
      '-          icmp ------  anywhere             anywhere              8 ->   0',
      '-          icmp ------  anywhere             anywhere              3:4 ->   any',
    ])
    expect(m.sh('ipchains -L input -n').split('\n')[2]).toBe(
      'ACCEPT     icmp ------  0.0.0.0/0            0.0.0.0/0             8 ->   *',
    )
  })
})

describe('rules', () => {
  it('-I puts in front or at a number, -R replaces, -D deletes by number or by what it is', () => {
    const m = machine()
    const targets = (): string[] =>
      m
        .sh('ipchains -L input')
        .split('\n')
        .slice(2, -1)
        .map((line) => line.split(' ')[0] ?? '')
    m.sh('ipchains -A input -j ACCEPT')
    m.sh('ipchains -I input -j DENY')
    m.sh('ipchains --insert input 2 -j REJECT')
    expect(targets()).toEqual(['DENY', 'REJECT', 'ACCEPT'])
    m.sh('ipchains -R input 1 -j RETURN')
    m.sh('ipchains -D input 2')
    expect(targets()).toEqual(['RETURN', 'ACCEPT'])
    m.sh('ipchains -D input -j RETURN')
    expect(targets()).toEqual(['ACCEPT'])
    m.sh('ipchains -F')
    expect(m.sh('ipchains -L input')).toBe('Chain input (policy ACCEPT):\n')
  })

  it('-b makes a second rule the other way round, -v says what is done', () => {
    const m = machine()
    expect(m.sh('ipchains -A input -b -v -p tcp -s 10.0.0.1 1024: -d ! 10.0.0.2 80 -j ACCEPT')).toBe(
      'ACCEPT  tcp opt    ------ tos 0xFF 0x00  via *    10.0.0.1 -> !10.0.0.2    1024:65535 ->   80\n' +
        'ACCEPT  tcp opt    ------ tos 0xFF 0x00  via *   !10.0.0.2 -> 10.0.0.1    80 ->   1024:65535\n',
    )
    expect(m.sh('ipchains -A input -v -i eth0 -m 5 -o 9 -j DENY')).toBe(
      'DENY  all opt    -----o tos 0xFF 0x00  via eth0 mark 0x5 outsize 9    0.0.0.0/0 -> 0.0.0.0/0    n/a\n',
    )
    m.sh('ipchains -D input -b -p tcp -s 10.0.0.1 1024: -d ! 10.0.0.2 80 -j ACCEPT')
    expect(m.sh('ipchains -L input').split('\n')).toHaveLength(4)
    m.sh('ipchains -A input -b -p icmp -s 10.0.0.1 8 -d 10.0.0.2 0')
    expect(m.sh('ipchains -nL input').split('\n').slice(3, 5)).toEqual([
      '-          icmp ------  10.0.0.1             10.0.0.2              8 ->   0',
      '-          icmp ------  10.0.0.2             10.0.0.1              8 ->   0',
    ])
  })

  it('a name with two addresses makes two rules', () => {
    const m = named()
    m.sh('ipchains -A input -s twin -j DENY')
    expect(m.sh('ipchains -L input -n').split('\n').slice(2, 4)).toEqual([
      'DENY       all  ------  10.0.0.2             0.0.0.0/0             n/a',
      'DENY       all  ------  10.0.0.3             0.0.0.0/0             n/a',
    ])
    // Of one network: the same rule.
    m.sh('ipchains -A output -s twin/24 -j DENY')
    expect(m.sh('ipchains -L output -n').split('\n')).toHaveLength(4)
    expect(m.run('ipchains -A input -s ! twin').err).toBe(
      `ipchains: ! not allowed with multiple source or destination IP addresses\n${TRY}`,
    )
    expect(m.run('ipchains -R input 1 -s twin').err).toBe(
      `ipchains: Replacement rule does not specify a unique address\n${TRY}`,
    )
  })

  it('inverted by a ! before the option or behind it', () => {
    const m = machine()
    m.sh('ipchains -A input -p tcp ! -s 10.0.0.1 ! --sport 80 ! -y ! -i eth0')
    m.sh('ipchains -A input -p tcp -s ! 10.0.0.1 --sport ! 80 ! -y -i ! eth0')
    const lines = m.sh('ipchains -nvL input').split('\n').slice(2, 4)
    expect(lines[0]).toBe(lines[1])
    expect(lines[0]).toContain('!y---- 0xFF 0x00 !eth0 ')
  })
})

describe('chains and policies', () => {
  it('-N, -X, -P, and -F -v, -Z -v, -X -v say what they do', () => {
    const m = machine()
    m.sh('ipchains -N one')
    m.sh('ipchains --new-chain two')
    m.sh('ipchains -P input REJECT')
    m.sh('ipchains -P forward MASQ')
    expect(m.sh('ipchains -L')).toBe(
      'Chain input (policy REJECT):\nChain forward (policy MASQ):\nChain output (policy ACCEPT):\n' +
        'Chain one (0 references):\nChain two (0 references):\n',
    )
    expect(m.sh('ipchains -F -v').split('\n')[3]).toBe("Flushing chain `one'")
    expect(m.sh('ipchains -Z one -v')).toBe("Zeroing chain `one'\n")
    expect(m.sh('ipchains -X -v')).toBe("Deleting chain `one'\nDeleting chain `two'\n")
  })

  const wrong: readonly (readonly [string, string])[] = [
    ['-N input', 'Chain already exists'],
    ['-X input', 'Device or resource busy'],
    ['-X nowhere', 'No chain by that name'],
    ['-X full', 'Chain is not empty'],
    ['-F nowhere', 'No chain by that name'],
    ['-L nowhere', 'No chain by that name'],
    ['-A nowhere', 'No target by that name'],
    ['-A input -j nowhere', 'No target by that name'],
    ['-A input -j output', 'No target by that name'],
    ['-I input 9 -j DENY', 'bad rule (does a matching rule exist in that chain?)'],
    ['-R input 9 -j DENY', 'bad rule (does a matching rule exist in that chain?)'],
    ['-D input -j DENY', 'bad rule (does a matching rule exist in that chain?)'],
    ['-D input 9', 'No chain by that name'],
    ['-C nowhere -p tcp -s 1.1.1.1 1 -d 2.2.2.2 2 -i eth0', 'No chain by that name'],
  ]
  it.each(wrong)('ipchains %s: exit 1', (line, text) => {
    const m = machine()
    m.sh('ipchains -N full')
    m.sh('ipchains -A full')
    expect(m.run(`ipchains ${line}`)).toEqual({ out: '', err: `ipchains: ${text}\n`, status: 1 })
  })

  it('who is not root hears so', () => {
    const m = machine()
    expect(m.run('ipchains -A input', 1000)).toEqual({
      out: '',
      err: 'ipchains: Permission denied (you must be root)\n',
      status: 1,
    })
    expect(m.run('ipchains -L', 1000).err).toBe('ipchains: Permission denied\n')
    expect(m.run('ipchains -M -S 1 2 3', 1000).err).toBe(
      'ipchains: socket creation failed: Operation not permitted\n',
    )
  })

  it('a kernel without the firewall: incompatible, or no such option', () => {
    for (const setup of [{ ipchains: false }, { profile: '2.6.14' }] as const) {
      const m = machine(setup)
      expect(m.run('ipchains -L')).toEqual({
        out: '',
        err: 'ipchains: Incompatible with this kernel\n',
        status: 1,
      })
      expect(m.run('ipchains -A input').err).toBe('ipchains: Protocol not available\n')
      expect(m.run('ipchains -M -L').err).toBe("ipchains: cannot open file `/proc/net/ip_masquerade'\n")
    }
  })
})

describe('usage errors: exit 2 and a hint', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['', 'no command specified'],
    ['-A input -D output', "Can't use -D with -A\n"],
    ['-L -F', "Can't use -F with -L\n"],
    ['-P input', '-P requires a chain and a policy'],
    ['-P input RETURN', "Invalid policy `RETURN' for -P"],
    ['-P user DENY', 'Can only set policy in built-in chains.'],
    ['-P input MASQ', "`-P MASQ' only valid for `forward' chain."],
    ['-R input -j DENY', '-R requires a rule number'],
    ['-R input x -j DENY', "Invalid rule number `x'"],
    ['-I input 0 -j DENY', "Invalid rule number `0'"],
    ['-M', '-M/--masquerading requires -L/--list or -S/--set'],
    ['-S 1 2', '-S requires 3 timeout values'],
    ['-S 1 2 x', "invalid timeout value `x' specified"],
    ['-A input -p nonsense', "unknown protocol `nonsense' specified"],
    ['-A input ! -p all', 'rule would never match protocol'],
    ['-A input -s 10.0.0.1/33', "invalid mask `33' specified"],
    ['-A input -s nowhere', "host/network `nowhere' not found"],
    ['-A input -s 10.0.0', "host/network `10.0.0' not found"],
    ['-A input -s 0/0 80', 'can only specify ports for icmp, tcp or udp'],
    ['-A input -p tcp -d 0/0 nonsense', "invalid port/service `nonsense' specified"],
    ['-A input -p tcp -d 0/0 65536', "invalid port/service `65536' specified"],
    ['-A input -p icmp -s 0/0 nonsense', "invalid ICMP type `nonsense' specified"],
    ['-A input -p icmp --icmp-type host', "Ambiguous ICMP `host' : `host-unreachable' or `host-unknown'?"],
    ['-A input -p icmp ! --icmp-type ping', "Can't invert named ICMP types"],
    ['-A input -p icmp -s 0/0 ping -d 0/0 3', "Can't use ICMP name and destination port together"],
    ['-A input -y', '-y only allowed with TCP protocol'],
    ['-A input -p tcp -f --dport 80', 'no ports allowed with -f'],
    ['-A input -p tcp -f -y', '-y not allowed with -f'],
    ['-A input -j REDIRECT', 'redirecting only allowed with TCP or UDP'],
    ['-A forward -p tcp -j REDIRECT', 'redirect not allowed for output and forward chains'],
    ['-A output -j MASQ', 'masquerading not allowed for input and output chains'],
    ['-A input -j toolongname', "Invalid target name `toolongname' (8 chars max)"],
    ['-N toolongname', "chain name `toolongname' too long (must be under 8 chars)"],
    [
      '-A input -i averylonginterfacename',
      "interface name `averylonginterfacename' must be shorter than IFNAMSIZ (16)",
    ],
    ['-A input -m 1x', "Bad value `1x' for -m.\n"],
    ['-A input -o 65536', "-o argument must be 0-65535, not `65536'"],
    ['-A input -t 0x01', '-t requires 2 hexbyte arguments'],
    ['-A input -t 0x100 0', "invalid hexbyte `0x100' specified"],
    ['-A input -t 0xfe 0', 'TOS manipulation cannot alter bit 0 (RFC1349)\n'],
    ['-A input -t 0x01 0x0c', 'TOS manipulation cannot set multiple TOS bits (RFC1349)\n'],
    ['-A input -l -l', 'multiple -l flags not allowed\n'],
    ['-A input -n', "Illegal option `-n' with this command\n"],
    ['-L -j DENY', "Illegal option `-j' with this command\n"],
    ['-C input', "You need to supply the `-s' option for this command\n"],
    [
      '-C input -p tcp -s 1.1.1.1 -d 2.2.2.2 -i eth0',
      'one port required with source/destination address for -C',
    ],
    ['! -A input', 'unexpected ! flag'],
    ['-A input ! ! -f', 'multiple consecutive ! not allowed\n'],
    ['-A input ! -j DENY', 'cannot have ! before -j\n'],
    ['-A input !', 'nothing appropriate following !'],
    ['-L -Z input', '-L with -Z does not allow chain to be specified'],
    ['-A input -- more', 'unknown arguments found on commandline'],
  ]
  it.each(rows)('ipchains %s', (line, text) => {
    const m = machine()
    const before = m.cat('/proc/net/ip_fwchains')
    expect(m.run(`ipchains ${line}`)).toEqual({ out: '', err: `ipchains: ${text}\n${TRY}`, status: 2 })
    expect(m.cat('/proc/net/ip_fwchains')).toBe(before)
  })

  const getopt: readonly (readonly [string, string])[] = [
    ['-A', 'ipchains: option requires an argument -- A\n'],
    ['-q', 'ipchains: invalid option -- q\n'],
    ['--nonsense', "ipchains: unrecognized option `--nonsense'\n"],
    ['--s', "ipchains: option `--s' is ambiguous\n"],
    ['--append', "ipchains: option `--append' requires an argument\n"],
    ['--syn=1', "ipchains: option `--syn' doesn't allow an argument\n"],
    ['more', ''],
  ]
  it.each(getopt)('ipchains %s', (line, text) => {
    expect(machine().run(`ipchains ${line}`)).toEqual({ out: '', err: `${text}${TRY}`, status: 2 })
  })
})

describe('-h, -V', () => {
  it('help, the list of ICMP types, the version', () => {
    const m = machine()
    const help = m.sh('ipchains -h')
    expect(help.startsWith('ipchains 1.3.9, 17-Mar-1999\n\nUsage: ipchains -[ADC] chain')).toBe(true)
    expect(help.split('\n')).toHaveLength(60)
    expect(m.sh('ipchains -h icmp').split('\n').slice(0, 8)).toEqual([
      'ipchains 1.3.9, 17-Mar-1999',
      '',
      'Valid ICMP Types:',
      'echo-reply (pong)',
      'destination-unreachable',
      '   network-unreachable',
      '   host-unreachable',
      '   protocol-unreachable',
    ])
    expect(m.sh('ipchains -V')).toBe('ipchains 1.3.9, 17-Mar-1999\n')
    expect(m.sh('ipchains ! -V')).toBe('Not ipchains 2.0\n')
  })

  it('warns of a TOS with several bits, unless told not to', () => {
    const m = machine()
    expect(m.sh('ipchains -A input -t 0xff 0x08')).toBe(
      'Warning: TOS manipulation may set multiple TOS bits for Maximize Reliability TOS (0x04)\n' +
        'Warning: TOS manipulation may set multiple TOS bits for Minimize Cost TOS (0x02)\n',
    )
    expect(m.sh('ipchains -A input -t 0xff 0x08 --no-warnings')).toBe('')
  })
})

describe('-C', () => {
  it('says what would become of a packet', () => {
    const m = machine()
    m.sh('ipchains -N user')
    m.sh('ipchains -N loop')
    m.sh('ipchains -A loop -j loop')
    for (const [port, target] of [
      [1, 'ACCEPT'],
      [2, 'DENY'],
      [3, 'REJECT'],
      [4, 'REDIRECT'],
      [5, 'loop'],
    ])
      m.sh(`ipchains -A input -p tcp -d 0/0 ${port} -j ${target}`)
    m.sh('ipchains -A forward -j MASQ')
    const check = (chain: string, rest: string): string =>
      m.sh(`ipchains -C ${chain} -i eth0 -s 10.0.0.1 ${rest}`)
    expect([1, 2, 3, 4, 5].map((port) => check('input', `1024 -p tcp -d 10.0.0.2 ${port}`))).toEqual([
      'accepted\n',
      'denied\n',
      'rejected\n',
      'redirected\n',
      'caught in loop\n',
    ])
    expect(check('forward', '1 -p udp -d 10.0.0.2 1')).toBe('masqueraded\n')
    expect(check('user', '1 -p udp -d 10.0.0.2 1')).toBe('passed through chain\n')
    expect(check('input', '-p icmp -d 10.0.0.2 --icmp-type ping')).toBe('accepted\n')
    m.sh('ipchains -I input -p tcp -y -j DENY')
    expect(check('input', '1 -p tcp -d 10.0.0.2 1 -y')).toBe('denied\n')
    m.sh('ipchains -I input -f -j REJECT')
    expect(check('input', '-p tcp -d 10.0.0.2 -f')).toBe('rejected\n')
  })
})

describe('-M', () => {
  it('-S sets the timeouts, with -M or without', () => {
    const m = machine()
    m.sh('ipchains -M -S 60 0 30')
    m.sh('ipchains --set 0 5 0')
    expect(firewallOf(m).masq.timeouts.slice(0, 5)).toEqual([1_800_000, 60_000, 120_000, 60_000, 5000])
    expect(m.sh('ipchains -M -L')).toBe('IP masquerading entries\n')
  })
})

describe('an option of a module', () => {
  const level: IpfwExtension<{ readonly level: number; readonly not: boolean }> = {
    name: 'level',
    size: 4,
    parse: (_current, bytes) =>
      (bytes[2] ?? 0) !== 0 ? EINVAL : { level: bytes[0] ?? 0, not: bytes[1] === 1 },
    show: ({ level, not }) => `${not ? '!' : ''}${level}`,
  }
  const option: IpchainsOption = {
    option: 'maclabel',
    none: new Uint8Array(4),
    read(text, isInverse) {
      if (!/^\d{1,2}$/.test(text)) return `bad label \`${text}'`
      return {
        bytes: Uint8Array.of(Number(text), isInverse ? 1 : 0, 0, 0),
        word: `${isInverse ? '!' : ''}${text}`,
      }
    },
    title: 'label',
    width: 6,
    show: (word) => (word === '0' ? '' : word),
    save: (word) =>
      word === '0' ? [] : ['--maclabel', ...(word.startsWith('!') ? ['!'] : []), word.replace('!', '')],
  }

  it('goes to the kernel, and is a column behind the mark', () => {
    const m = machine({ fields: [level as IpfwExtension], columns: [option] })
    m.sh('ipchains -A input --maclabel 7 -j ACCEPT')
    m.sh('ipchains -A input --maclabel ! 12 -m 3 -j DENY')
    m.sh('ipchains -A input')
    expect(m.sh('ipchains -vL input').split('\n').slice(1, 5)).toEqual([
      ' pkts bytes target     prot opt    tosa tosx  ifname     mark       label  outsize  source                destination           ports',
      '    0     0 ACCEPT     all  ------ 0xFF 0x00  any                   7               anywhere             anywhere              n/a',
      '    0     0 DENY       all  ------ 0xFF 0x00  any        0x3          !12             anywhere             anywhere              n/a',
      '    0     0 -          all  ------ 0xFF 0x00  any                                   anywhere             anywhere              n/a',
    ])
    const saved = m.run('ipchains-save input').out
    expect(saved).toContain('-j DENY -m 0x3 --maclabel ! 12\n')
    m.write('/tmp/rules', saved)
    m.sh('ipchains -F')
    expect(m.run('ipchains-restore', 0, '/tmp/rules').status).toBe(0)
    expect(m.run('ipchains-save input').out).toBe(saved)
    expect(m.run('ipchains -A input --maclabel x').err).toBe(`ipchains: bad label \`x'\n${TRY}`)
    expect(m.run('ipchains -L --maclabel 3').err).toBe(
      `ipchains: Illegal option \`--maclabel' with this command\n\n${TRY}`,
    )
  })

  it('§1.8: an unpatched tool cannot change a patched kernel, nor read it', () => {
    const m = machine({ fields: [level as IpfwExtension] })
    expect(m.run('ipchains -A input -j DENY')).toEqual({
      out: '',
      err: 'ipchains: Invalid argument\n',
      status: 1,
    })
    expect(m.sh('ipchains -P input DENY')).toBe('')
    expect(m.sh('ipchains -L input')).toBe('Chain input (policy DENY):\n')
    const patched = machine({ columns: [option] })
    expect(patched.run('ipchains -A input -j DENY').err).toBe('ipchains: Invalid argument\n')
  })
})

describe('ipchains-save and ipchains-restore', () => {
  it('what is saved is restored, and saved again alike', () => {
    const m = machine()
    m.sh('ipchains -N user')
    m.sh('ipchains -P output REJECT')
    m.sh('ipchains -A input -p tcp -s ! 10.0.0.0/8 1024:65535 -d 192.168.1.1 ! 80 -i ! eth+ ! -y -l -j user')
    m.sh('ipchains -A user -p udp -j REDIRECT 53 -m 7 -o 100 -t 01 10')
    m.sh('ipchains -A forward ! -f -m +2 -j MASQ')
    const { out, err, status } = m.run('ipchains-save')
    expect([err, status]).toEqual([
      "Saving `input'.\nSaving `forward'.\nSaving `output'.\nSaving `user'.\n",
      0,
    ])
    expect(out).toBe(
      `:input ACCEPT
:forward ACCEPT
:output REJECT
:user -
-A input -s ! 10.0.0.0/255.0.0.0 1024:65535 -d 192.168.1.1/255.255.255.255 ! 80:80 -i ! eth+ -p 6 -j user -l ! -y
-A forward -s 0.0.0.0/0.0.0.0 -d 0.0.0.0/0.0.0.0 -j MASQ ! -f -m +0x2
-A user -s 0.0.0.0/0.0.0.0 -d 0.0.0.0/0.0.0.0 -p 17 -j REDIRECT 53 -m 0x7 -o 100 -t 0x01 0x10
`,
    )
    const other = machine()
    other.write('/tmp/rules', out)
    expect(other.run('ipchains-restore', 0, '/tmp/rules')).toEqual({
      out: "Restoring `input'.\nRestoring `forward'.\nRestoring `output'.\nRestoring `user'.\n",
      err: '',
      status: 0,
    })
    expect(other.run('ipchains-save').out).toBe(out)
    expect(other.cat('/proc/net/ip_fwchains')).toBe(m.cat('/proc/net/ip_fwchains'))
  })

  it('a chain that is there is skipped, or flushed with -f', () => {
    const m = machine()
    m.sh('ipchains -N user')
    m.sh('ipchains -A user -j DENY')
    m.write('/tmp/rules', '# saved\n:user -\n-A user -j ACCEPT\n')
    expect(m.run('ipchains-restore', 0, '/tmp/rules').out).toBe("Restoring `user'.\nSkipping `user'.\n")
    expect(m.sh('ipchains -L user')).toContain('DENY')
    expect(m.run('ipchains-restore -f -v', 0, '/tmp/rules').out).toBe(
      "Restoring `user'.\nFlushing `user'.\n-A user -j ACCEPT\n",
    )
    expect(m.sh('ipchains -L user')).not.toContain('DENY')
    m.write('/tmp/more', '-A input -j later\n')
    expect(m.run('ipchains-restore', 0, '/tmp/more').status).toBe(1)
    expect(m.run('ipchains-restore -p', 0, '/tmp/more').status).toBe(0)
    expect(m.run('ipchains-save later').out).toBe(':later -\n')
    expect(m.run('ipchains-save nowhere').status).toBe(1)
    m.write('/tmp/bad', 'nonsense\n')
    expect(m.run('ipchains-restore', 0, '/tmp/bad').err).toBe("ipchains-restore: bad line `nonsense'\n")
  })
})
