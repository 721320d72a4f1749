/**
 * Two web servers, one kernel.
 *
 * A shop and a school share one Linux 2.2.12. Each believes that it has the machine to itself: an /etc, an address and
 * routes, a tree of processes with a root of its own, a server on port 80. The administrator sees both. From outside there
 * are two machines; what was on the wire is a capture that Wireshark and tshark read.
 *
 *     npx tsx --tsconfig test/tsconfig.json examples/two-web-servers.ts
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import {
  errnoName,
  MS_REMOUNT,
  O_CREAT,
  O_RDONLY,
  O_WRONLY,
  SIG_IGN,
  SIGCHLD,
  utf8Decode,
  utf8Encode,
} from 'paleokernel'
import { mac, macKeyword, maclabelOption, macSvg } from 'paleokernel/mac'
import { AF_INET, createWorld, net, SOCK_DGRAM, SOCK_STREAM } from 'paleokernel/net'
import { ipchainsTool, ipTool, kill, ls, macexec, mount, ps } from 'paleokernel/userland'
import { isMain } from './main.js'
import type { Print } from './story.js'

const OUT = new URL('../demo-out/', import.meta.url)

/** The two compartments. A label is a grade and the number of the compartment. */
export const SITES = [
  { name: 'shop', label: '10:1', address: '10.0.0.1', owner: 'www' },
  { name: 'school', label: '10:2', address: '10.0.0.2', owner: 'pupil' },
] as const

/** A host in the same network: everything that is not on the machine. */
export const CLIENT = '10.0.0.9'

type Site = (typeof SITES)[number]

/** The bytes of an answer, or of a message. */
const text = (buf: Uint8Array, count: number): string => utf8Decode(buf, 0, Math.max(0, count))

/** The machine, the client, and the wire between them. Nothing is divided yet. */
function buildWorld() {
  const world = createWorld({ seed: 1999 })
  const k = world.createKernel({ profile: '2.2.12', modules: [net(), mac()], hostname: 'oxford' })
  const client = world.createKernel({ profile: '2.2.12', modules: [net()], hostname: 'client' })
  k.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, 1))
  client.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, 9))
  const link = world.link(k, 'eth0', client, 'eth0', { delay: 1 })
  client.net.configure('eth0', { address: `${CLIENT}/24` })
  for (const { address } of SITES) k.net.configure('eth0', { address: `${address}/24` })
  return { world, k, client, link, capture: link.capture() }
}

/** A terminal at which the administrator works: one process with all rights, and what the commands print. */
function terminalOf({ k }: ReturnType<typeof buildWorld>) {
  const admin = k.spawn({ comm: 'sh' })
  let serial = 0
  /** Runs a command line to its end; what it has printed, errors too. */
  function run(line: string): string {
    const [name = '', ...args] = line.split(' ')
    const file = `/tmp/out${serial++}`
    const child = k.spawn({ parent: admin, comm: name })
    for (const [path, flags] of [
      ['/dev/null', O_RDONLY],
      [file, O_WRONLY | O_CREAT],
      [file, O_WRONLY],
    ] as const)
      child.libc.open(path, flags, 0o600)
    child.sys.execve(`/sbin/${name}`, [name, ...args], [])
    k.run()
    admin.libc.waitpid(child.pid)
    const fd = admin.libc.open(file, O_RDONLY)
    const buf = new Uint8Array(65_536)
    const out = text(buf, admin.libc.read(fd, buf))
    admin.libc.close(fd)
    admin.libc.unlink(file)
    return out
  }
  /** Replaces a file. */
  function write(path: string, content: string): void {
    const fd = admin.libc.creat(path, 0o644)
    admin.libc.write(fd, utf8Encode(content))
    admin.libc.close(fd)
  }
  return { admin, run, write }
}

/** The programs that run in a compartment: they do not know that there are others. */
function installPrograms({ k }: ReturnType<typeof buildWorld>): void {
  const tools = {
    ip: ipTool([macKeyword]),
    ipchains: ipchainsTool([maclabelOption]),
    mount,
    ls,
    ps,
    kill,
    macexec,
  }
  for (const [name, program] of Object.entries(tools)) k.install(`/sbin/${name}`, program)

  // The first process of a compartment, as init is of a machine.
  k.install('/sbin/rc', function* (sys) {
    for (const service of ['httpd', 'crond']) {
      if ((yield* sys.fork()) !== 0) continue
      return yield* sys.execve(`/sbin/${service}`, [service], [])
    }
    for (;;) yield* sys.waitpid(-1)
  })

  k.install('/sbin/crond', function* (sys) {
    for (;;) yield* sys.pause()
  })

  // Port 80 of whatever address it has, a process for every connection, and no root any more when it has the port.
  k.install('/sbin/httpd', function* (sys) {
    yield* sys.sigaction(SIGCHLD, { handler: SIG_IGN, flags: 0, mask: [] })
    const listener = yield* sys.socket(AF_INET, SOCK_STREAM)
    yield* sys.bind(listener, { family: AF_INET, addr: '0.0.0.0', port: 80 })
    yield* sys.listen(listener, 5)
    yield* sys.setuid(33)
    for (;;) {
      const connection = yield* sys.accept(listener)
      if ((yield* sys.fork()) === 0) {
        const buf = new Uint8Array(256)
        yield* sys.recv(connection, buf)
        const page = yield* sys.open('/etc/page', O_RDONLY)
        const count = yield* sys.read(page, buf)
        yield* sys.send(connection, utf8Encode(`HTTP/1.0 200 OK\r\n\r\n${text(buf, count)}`))
        return 0
      }
      yield* sys.close(connection)
    }
  })

  // Sends a line to the log of the client's, from a socket that is bound to nothing.
  k.install('/sbin/logger', function* (sys, ...words) {
    const fd = yield* sys.socket(AF_INET, SOCK_DGRAM)
    const to = { family: AF_INET, addr: CLIENT, port: 514 } as const
    return (yield* sys.sendto(fd, utf8Encode(words.join(' ')), 0, to)) < 0 ? 1 : 0
  })
}

/** What the administrator types to divide the machine. */
export function commandsFor({ label, address }: Site, n: number): string[] {
  return [
    `mount -t ramfs -o mode=755,mac=${label} none /mls/etc/${n}`,
    `ip route add default via ${CLIENT} dev eth0 src ${address} table ${n}`,
    `ip rule add mac ${label} table ${n}`,
    `ipchains -A input -d ${address} --maclabel ${label}`,
  ]
}

/** The machine, divided, with both servers running. */
export function twoServers(print: Print = () => {}) {
  const parts = buildWorld()
  const { k } = parts
  const terminal = terminalOf(parts)
  const { admin, run, write } = terminal
  /** Types a command, and shows what it answers. */
  const type = (line: string): string => {
    print(`# ${line}`)
    const out = run(line)
    for (const answer of out.split('\n').slice(0, -1)) print(`  ${answer}`)
    return out
  }
  admin.libc.mkdir('/sbin', 0o755)
  installPrograms(parts)
  for (const dir of ['/mls', '/mls/etc', '/mls/etc/default']) admin.libc.mkdir(dir, 0o755)
  write('/mls/etc/default/passwd', 'root:x:0:0:::\n')

  print('Everybody may read the root file system, and nobody but the administrator writes to it:')
  admin.libc.mount('none', '/', '', MS_REMOUNT, 'mac=65535:0+shared')
  admin.libc.mount('none', '/dev', '', MS_REMOUNT, 'mac=65535:0+shared')
  print('# mount -o remount,mac=65535:0+shared /')
  for (const [i, site] of SITES.entries()) {
    const n = i + 1
    print('')
    print(`The ${site.name}: files, an address with routes, and what comes for it from the network.`)
    admin.libc.mkdir(`/mls/etc/${n}`, 0o755)
    for (const line of commandsFor(site, n)) type(line)
    k.mac.reserve(site.address, n)
    write(`/mls/etc/${n}/page`, `Welcome to the ${site.name}.\n`)
    write(`/mls/etc/${n}/passwd`, `root:x:0:0:::\n${site.owner}:x:33:33:::\n`)
  }
  print('')
  print('One path, another directory for each of them; then each starts what it has:')
  type('mount -t mlsfs -o base=/mls/etc none /etc')
  type('ip route flush cache')
  for (const { label } of SITES) {
    print(`# macexec ${label} /sbin/rc &`)
    const child = k.spawn({ parent: admin, comm: 'macexec' })
    child.sys.execve('/sbin/macexec', ['macexec', label, '/sbin/rc'], [])
    k.run()
  }
  return { ...parts, ...terminal, type }
}

/** Asks for a page from outside; '' where nobody answers. */
export function fetchPage(client: ReturnType<typeof buildWorld>['client'], address: string): string {
  const p = client.spawn({ comm: 'lynx' })
  const fd = p.libc.socket(AF_INET, SOCK_STREAM)
  const failed = p.sys.connect(fd, { family: AF_INET, addr: address, port: 80 })
  if (failed < 0) return errnoName(failed) ?? ''
  p.libc.send(fd, utf8Encode('GET / HTTP/1.0\r\n\r\n'))
  const buf = new Uint8Array(1024)
  let answer = ''
  for (let count = p.sys.recv(fd, buf); count > 0; count = p.sys.recv(fd, buf)) answer += text(buf, count)
  p.sys.exit(0)
  return answer.split('\r\n\r\n')[1]?.trim() ?? ''
}

/** Tells it; true when all of it is as it should be. `out` is the folder for the capture and the map. */
export function twoWebServers(print: Print, out = OUT): boolean {
  const m = twoServers(print)
  const { k, client, world, type } = m

  print('')
  print('From outside there are two machines:')
  const pages = SITES.map(({ address }) => fetchPage(client, address))
  for (const [i, { address }] of SITES.entries()) print(`  http://${address}/: ${pages[i]}`)

  print('')
  print('Inside each there is one. The user with number 33 has another name in each /etc/passwd:')
  const seen = SITES.map(({ label }) => type(`macexec ${label} /sbin/ps axu`))

  print('')
  print('The administrator sees both:')
  const all = type('ps -eM -o pid,user,comm')
  const picture = macSvg(k.mac, { title: 'Two web servers, one kernel' })

  const pidOf = (label: string): number =>
    k.mac
      .describe()
      .flatMap(({ tasks }) => tasks)
      .find((task) => task.label === label && task.comm === 'httpd')?.pid ?? 0
  const [shop, school] = [pidOf('10:1'), pidOf('10:2')]
  print('')
  print(
    `Root of the shop wants to end the school's server, pid ${school}. For the shop there is no such pid:`,
  )
  const refused = type(`macexec 10:1 /sbin/kill -9 ${school}`)
  print(`  why: ${k.mac.explain(shop, 'change', school).sentence}`)

  print('')
  print('It reads the common files, whose grade is higher, and changes none:')
  const root = k.spawn({ comm: 'sh' })
  k.mac.setLabel(root.pid, '10:1')
  const isRead = root.sys.open('/sbin/ps', O_RDONLY) >= 0
  const isWritten = root.sys.open('/sbin/ps', O_WRONLY)
  print(`  open /sbin/ps to read: ${isRead ? 'yes' : 'no'}; to write: ${errnoName(isWritten)}`)
  print(`  why: ${k.why(root)?.sentence}`)

  print('')
  print('What each sends, though its socket is bound to nothing, comes from its own address:')
  const log = client.spawn({ comm: 'syslogd' })
  const fd = log.libc.socket(AF_INET, SOCK_DGRAM)
  log.libc.bind(fd, { family: AF_INET, addr: '0.0.0.0', port: 514 })
  const logged = SITES.map(({ name, label }) => {
    type(`macexec ${label} /sbin/logger greetings from the ${name}`)
    world.run()
    const from: { addr?: string } = {}
    const buf = new Uint8Array(256)
    const line = text(buf, log.libc.recvfrom(fd, buf, 0x40, from as never))
    print(`  ${from.addr} says: ${line}`)
    return `${from.addr} ${line}`
  })

  print('')
  print('The administrator ends one of them. The other has noticed nothing:')
  type(`kill ${shop}`)
  const after = SITES.map(({ address }) => fetchPage(client, address))
  for (const [i, { address }] of SITES.entries()) print(`  http://${address}/: ${after[i]}`)

  mkdirSync(out, { recursive: true })
  const files = ['two-web-servers.pcap', 'two-web-servers.svg'] as const
  writeFileSync(new URL(files[0], out), m.capture.pcap())
  writeFileSync(new URL(files[1], out), picture)
  print('')
  print(`${m.capture.packets.length} packets: ${fileURLToPath(new URL(files[0], out))}`)
  print(`the compartments: ${fileURLToPath(new URL(files[1], out))}`)

  return (
    pages.join() === 'Welcome to the shop.,Welcome to the school.' &&
    seen.every(
      (list, i) => list.includes(SITES[i]?.owner ?? '?') && !list.includes(SITES[1 - i]?.owner ?? '?'),
    ) &&
    all.includes('10:1') &&
    all.includes('10:2') &&
    refused.includes('No such process') &&
    isRead &&
    errnoName(isWritten) === 'EACCES' &&
    logged.join() === '10.0.0.1 greetings from the shop,10.0.0.2 greetings from the school' &&
    after.join() === 'ECONNREFUSED,Welcome to the school.'
  )
}

if (isMain(import.meta.url)) process.exitCode = twoWebServers(console.log) ? 0 : 1
