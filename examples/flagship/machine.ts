/**
 * The machine of the experiment: one kernel with all modules, two compartments on it, and a host outside that asks both.
 *
 * Users, files and ports are described; the rest is set up by the commands that an administrator would type.
 */
import { O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, type Process, utf8Decode, utf8Encode } from 'paleokernel'
import { block } from 'paleokernel/block'
import { bufflink } from 'paleokernel/bufflink'
import { connector } from 'paleokernel/connector'
import { mac, macKeyword, maclabelOption } from 'paleokernel/mac'
import { createWorld, net } from 'paleokernel/net'
import { reqlog } from 'paleokernel/reqlog'
import { scenario } from 'paleokernel/scenario'
import { seccomp } from 'paleokernel/seccomp'
import { sockfs } from 'paleokernel/sockfs'
import { ipchainsTool, ipTool, mount, ps } from 'paleokernel/userland'

/** Addresses of the two compartments, and of the host outside. */
export const SHOP = '10.0.0.1'
export const PAYROLL = '10.0.0.2'
export const OUTSIDE = '10.0.0.9'

/** What the administrator types once everything is described. */
export const RC: readonly string[] = [
  'mount -t ramfs -o mac=10:1 none /mls/etc/1',
  'mount -t ramfs -o mac=10:2 none /mls/etc/2',
  'mount -t mlsfs -o base=/mls/etc none /etc',
  `ip route add default dev eth0 src ${SHOP} table 1`,
  `ip route add default dev eth0 src ${PAYROLL} table 2`,
  'ip rule add mac 10:1 table 1',
  'ip rule add mac 10:2 table 2',
  `ipchains -A input -d ${SHOP} --maclabel 10:1`,
  `ipchains -A input -d ${PAYROLL} --maclabel 10:2`,
]

/** Template of the shop's page: what is in braces is filled in by the renderer. */
const TEMPLATE = '<h1>{motd}</h1><p>{count} articles</p>\n'

const describeMachine = () => {
  const world = createWorld({ seed: 9 })
  const described = scenario({
    world,
    profile: '2.6.14',
    modules: [
      net({ ipchains: true }),
      // The disks are the administrator's as well: programs get theirs as open descriptors.
      mac({ adminDevices: ['bufflink', 'ide0'] }),
      sockfs(),
      seccomp(),
      bufflink(),
      block({
        disks: [
          { name: 'hda', sectors: 40_000 },
          { name: 'hdb', sectors: 40_000 },
        ],
      }),
      reqlog(),
      connector(),
    ],
    users: { www: 33, clerk: 1000 },
    compartments: {
      shop: { number: 1, root: '/srv/shop', address: `${SHOP}/24` },
      payroll: { number: 2, root: '/srv/payroll', address: `${PAYROLL}/24` },
    },
    files: {
      '/srv/shop/': { type: 'directory', owner: 'www' },
      '/srv/shop/template.html': { owner: 'www', mode: 0o600, content: TEMPLATE },
      '/srv/shop/customers': { owner: 'www', mode: 0o600, content: 'alice\nbob\n' },
      '/srv/payroll/salaries': { owner: 'www', mode: 0o600, content: 'carol 4200\ndave 3900\n' },
      '/mls/etc/default/': { type: 'directory' },
      '/mls/etc/1/': { type: 'directory' },
      '/mls/etc/2/': { type: 'directory' },
      '/sbin/': { type: 'directory' },
    },
    ports: { 80: 'www' },
    traceLines: 0,
  })
  return { world, ...described }
}

/** The experiment's kernel. */
export type MachineKernel = ReturnType<typeof describeMachine>['k']
/** A process of it. */
export type Proc = ReturnType<ReturnType<typeof describeMachine>['as']>

/** A copy of a file's text, read by a process. */
export function readText({ libc }: Pick<Process, 'libc'>, path: string): string {
  const fd = libc.open(path, O_RDONLY)
  const parts: string[] = []
  const buf = new Uint8Array(4096)
  for (let n = libc.read(fd, buf); n > 0; n = libc.read(fd, buf)) parts.push(utf8Decode(buf.subarray(0, n)))
  libc.close(fd)
  return parts.join('')
}

/** Writes a file. */
export function writeText({ libc }: Pick<Process, 'libc'>, path: string, text: string): void {
  const fd = libc.open(path, O_CREAT | O_TRUNC | O_RDWR, 0o644)
  libc.write(fd, utf8Encode(text))
  libc.close(fd)
}

/** Builds it all; `typed` hears each command and what it says. */
export function buildMachine(typed: (command: string, said: string) => void) {
  const { world, k, root, as, labelOf } = describeMachine()
  const outside = world.createKernel({ profile: '2.6.14', modules: [net()] })
  outside.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, 9))
  outside.net.configure('eth0', { address: `${OUTSIDE}/24` })
  const link = world.link(k, 'eth0', outside, 'eth0', { delay: 1 })
  const capture = link.capture()
  k.install('/sbin/mount', mount)
  k.install('/sbin/ip', ipTool([macKeyword]))
  k.install('/sbin/ipchains', ipchainsTool([maclabelOption]))
  k.install('/bin/ps', ps)

  /** Runs a command with the descriptors of `by`: its exit status, and what it said. */
  const run = (by: Proc, line: string): { readonly status: number; readonly said: string } => {
    const [name = '', ...argv] = line.split(' ')
    const [readEnd, writeEnd] = by.libc.pipe()
    const pid = by.libc.fork()
    const child = k.process(pid)
    if (child === undefined) throw new Error('no child')
    child.libc.dup2(writeEnd, 1)
    child.libc.dup2(writeEnd, 2)
    for (const fd of [readEnd, writeEnd]) if (fd > 2) child.libc.close(fd)
    const path = name === 'ps' ? '/bin/ps' : `/sbin/${name}`
    const started = child.sys.execve(path, [name, ...argv], [])
    if (started < 0) throw new Error(`${line}: ${started}`)
    by.libc.close(writeEnd)
    const parts: string[] = []
    const buf = new Uint8Array(4096)
    for (let n = by.libc.read(readEnd, buf); n > 0; n = by.libc.read(readEnd, buf))
      parts.push(utf8Decode(buf.subarray(0, n)))
    by.libc.close(readEnd)
    const { status } = by.libc.waitpid(pid)
    return { status: status >> 8, said: parts.join('') }
  }

  const passwd = readText(root, '/etc/passwd')
  for (const command of RC) {
    const { status, said } = run(root, command)
    typed(command, said)
    if (status !== 0) throw new Error(`${command}: exit status ${status}: ${said}`)
  }
  // Each compartment's own files of the same names.
  for (const [view, motd] of [
    ['default', 'The machine'],
    ['1', 'Fine goods'],
    ['2', 'Payroll'],
  ] as const) {
    writeText(root, `/mls/etc/${view}/motd`, motd)
    writeText(root, `/mls/etc/${view}/passwd`, passwd)
  }
  return { world, k, root, as, labelOf, outside, capture, run }
}

/** What `buildMachine` returns. */
export type Machine = ReturnType<typeof buildMachine>
