/**
 * One kernel, all of it: a web shop and payroll on one machine, each in a compartment with its own /etc, address and
 * server; what their disks are asked for; who is refused what; and twenty ways from the one to the other, none of which
 * leads anywhere.
 *
 *     npx tsx --tsconfig test/tsconfig.json examples/flagship/flagship.ts
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import {
  checkInvariants,
  chromeTrace,
  errnoName,
  isErr,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  recordTrace,
  StracePrinter,
  type Sys,
  utf8Decode,
} from 'paleokernel'
import { macSvg } from 'paleokernel/mac'
import { AF_INET, SOCK_STREAM } from 'paleokernel/net'
import { monitor, monitorSvg, ReqlogReader } from 'paleokernel/reqlog'
import { isMain } from '../main.js'
import type { Print } from '../story.js'
import { Checks } from './checks.js'
import { customer, whoami } from './customers.js'
import { attempts } from './intruder.js'
import { buildMachine, type Machine, OUTSIDE, PAYROLL, type Proc, readText, SHOP } from './machine.js'
import { payrolld } from './payroll.js'
import { DISK, shopd } from './shop.js'
import { watchd } from './watcher.js'

const OUT = new URL('../../demo-out/', import.meta.url)

const DISKS = ['hda', 'hdb']

/** A file for the folder. */
interface Made {
  readonly name: string
  readonly content: string | Uint8Array
  readonly says: string
}

/** What came of it. */
export interface Flagship {
  readonly checks: Checks
  readonly digest: string
  readonly files: readonly Made[]
}

/** Takes the log of requests into a file. */
function* collector(sys: Sys) {
  const log = yield* sys.open('/dev/reqlog', O_RDONLY)
  const out = yield* sys.open('/tmp/requests', O_CREAT | O_RDWR, 0o600)
  if (isErr(log) || isErr(out)) return 1
  const buf = new Uint8Array(4096)
  for (;;) {
    const count = yield* sys.read(log, buf)
    if (isErr(count) || count === 0) return 0
    yield* sys.write(out, buf.subarray(0, count))
  }
}

/** Starts a server with a disk as its descriptor 3, as its compartment's user www. */
function start({ as, root }: Machine, compartment: 'shop' | 'payroll', disk: string): Proc {
  for (let fd = 0; fd < DISK; fd++) root.libc.open('/dev/null', O_RDWR)
  root.libc.open(disk, O_RDWR)
  const program = compartment === 'shop' ? shopd : payrolld
  const server = as('www', { compartment, comm: `${compartment}d`, parent: root, program })
  for (let fd = 0; fd <= DISK; fd++) root.libc.close(fd)
  return server
}

/** The requests of the disks, from the collector's file, as pictures. */
function disks({ root, k }: Machine, checks: Checks): Made[] {
  const { libc } = root
  const fd = libc.open('/tmp/requests', O_RDONLY)
  const bytes = new Uint8Array(libc.fstat(fd).size)
  libc.read(fd, bytes)
  libc.close(fd)
  const records = new ReqlogReader().push(bytes)
  const report = monitor(records)
  checks.that('the log has lost nothing', k.reqlog.counts().lost === 0, `${records.length} records`)
  return report.devices.map(({ device, writes }, i) => {
    const name = DISKS[i] ?? ''
    const stats = k.block.stats(name)
    checks.that(
      `every sector that ${name} has written is in the log`,
      writes.sectors === stats.writtenSectors,
      `${writes.transfers} buffers in ${stats.writes} requests`,
    )
    const content = monitorSvg(report, device, { name: `/dev/${name}` })
    return { name: `${name}.svg`, content, says: `where on ${name} was written, over time` }
  })
}

/** Which address a process has for the world outside: it asks somebody there. */
function seenAs({ libc }: Proc): string {
  const fd = libc.socket(AF_INET, SOCK_STREAM, 0)
  libc.connect(fd, { family: AF_INET, addr: OUTSIDE, port: 7 })
  const buf = new Uint8Array(32)
  const seen = utf8Decode(buf, 0, libc.recv(fd, buf))
  libc.close(fd)
  return seen
}

/** The compartments as a few lines. */
function printMap(print: Print, { k }: Machine): void {
  for (const { compartment, tasks, mounts, addresses, ports } of k.mac.describe()) {
    const list = (items: readonly unknown[]): string => (items.length === 0 ? '-' : items.join(', '))
    print(`  compartment ${compartment}${compartment === 0 ? ', the administrator, who sees all' : ''}`)
    print(`    tasks      ${list(tasks.map(({ comm }) => comm))}`)
    print(`    mounts     ${list(mounts.map(({ path }) => path))}`)
    print(`    addresses  ${list(addresses)}`)
    print(`    ports      ${list(ports.map(({ protocol, port }) => `${protocol} ${port}`))}`)
  }
}

/** Tells the whole story. */
export function flagship(print: Print, title: Print = print): Flagship {
  const checks = new Checks(print)

  title('1. One kernel, two compartments: what the administrator types')
  const m = buildMachine((command) => print(`  # ${command}`))
  const { k, world, root, outside } = m
  const strace: string[] = []
  const stopStrace = new StracePrinter((line) => strace.push(line), { timestamps: true }).attach(k.trace)
  const recording = recordTrace(k.trace)
  const netlink = k.net.captureNetlink()
  const heard: string[] = []
  k.spawn({
    comm: 'watchd',
    *program(sys) {
      return yield* watchd(sys, (line) => heard.push(line))
    },
  })
  k.spawn({ comm: 'collector', program: collector })

  title('2. Two servers on port 80, neither of them root; a renderer that can only read and write')
  const shop = start(m, 'shop', '/dev/hda')
  const payroll = start(m, 'payroll', '/dev/hdb')
  world.run({ until: world.now + 100 })
  checks.that(
    'both servers wait for clients, as uid 33',
    [shop, payroll].every(({ state }) => state === 'sleeping'),
  )
  const page = readText(root, '/srv/shop/page.html').trim()
  checks.that(
    'the renderer has filled in the page by its two capabilities',
    page.includes('3 articles'),
    page,
  )
  const deaths = heard.filter((line) => line.includes('dies of open'))
  checks.that('and died of the first thing it was not given', deaths.length === 1, deaths[0])

  title('3. Customers from outside')
  const answers = new Map<string, number>()
  const hear = (who: string) => (answer: string) => {
    const line = `${who} reads ${JSON.stringify(answer.trim())}`
    answers.set(line, (answers.get(line) ?? 0) + 1)
  }
  outside.spawn({ comm: 'whoami', program: whoami })
  for (const [who, addr, times, pause] of [
    ['alice', SHOP, 40, 90],
    ['bob', SHOP, 30, 130],
    ['carol', PAYROLL, 50, 80],
  ] as const)
    outside.spawn({
      comm: who,
      *program(sys) {
        return yield* customer(sys, addr, times, pause, hear(who))
      },
    })
  world.run({ until: world.now + 60_000 })
  for (const [line, times] of answers) print(`  ${line}, ${times} times`)
  const served = [...answers.values()].reduce((sum, n) => sum + n, 0)
  checks.that('everybody was served, each by the server of the address', served === 120 && answers.size === 3)
  const out = (['shop', 'payroll'] as const).map((compartment) => seenAs(m.as('www', { compartment })))
  checks.that(
    'what goes out has the address of its compartment',
    out.join(' ') === `${SHOP} ${PAYROLL}`,
    out.join(' and '),
  )

  title('4. What the disks were asked for')
  const pictures = disks(m, checks)

  title('5. An intruder: root in the shop, with every capability, and twenty ways to payroll')
  heard.length = 0
  const intruder = m.as('root', { compartment: 'shop', comm: 'intruder' })
  const before = readText(root, '/srv/payroll/salaries')
  for (const { name, expected, rule, run } of attempts(m, intruder, payroll)) {
    const answer = run()
    const seen = isErr(answer) ? errnoName(answer) : String(answer)
    checks.that(
      `${name.padEnd(36)} ${rule.padEnd(7)} ${expected}`,
      seen === expected,
      seen === expected ? '' : seen,
    )
  }
  const after = readText(root, '/srv/payroll/salaries')
  checks.that(
    'payroll serves on, and its salaries are what they were',
    payroll.state === 'sleeping' && after === before,
  )

  title('6. What the administrator has heard of it, through the connector')
  world.run({ until: world.now + 100 })
  for (const line of heard) print(`  ${line}`)
  checks.that(
    'every refusal has a reason, and a name',
    heard.length === 10 && heard.every((line) => line.includes('intruder') || line.includes('ipchains')),
  )

  title('7. The compartments, as they are now')
  printMap(print, m)
  const books = checkInvariants(k)
  checks.that("the kernel's books are right", books.length === 0, books[0])

  stopStrace()
  recording.stop()
  const timeline = JSON.stringify(chromeTrace(recording.events))
  const files: Made[] = [
    { name: 'map.svg', content: macSvg(k.mac), says: 'the compartments, and who may reach whom' },
    ...pictures,
    { name: 'wire.pcap', content: m.capture.pcap(), says: 'what was on the wire, for tshark' },
    { name: 'netlink.pcap', content: netlink.pcap(), says: 'every message of netlink, for tshark' },
    { name: 'strace.log', content: `${strace.join('\n')}\n`, says: 'every call of every process' },
    { name: 'trace.json', content: timeline, says: 'the same as a timeline for ui.perfetto.dev' },
  ]
  return { checks, digest: k.digest(), files }
}

/** Writes the files; says what they are. */
export function writeFiles(print: Print, files: readonly Made[], out: URL = OUT): void {
  mkdirSync(out, { recursive: true })
  for (const { name, content, says } of files) {
    writeFileSync(new URL(name, out), content)
    print(`  demo-out/${name.padEnd(12)} ${says}`)
  }
}

if (isMain(import.meta.url)) {
  const { checks, digest, files } = flagship(console.log, (text) => console.log(`\n${text}\n`))
  writeFiles(console.log, files)
  console.log(`\n${checks.made} checks, ${checks.failed.length} failed; digest ${digest}`)
  process.exitCode = checks.failed.length === 0 ? 0 : 1
}
