/**
 * docs/coverage.md: what is modelled, read from the code.
 *
 *     npm run coverage-table     writes the file
 *
 * test/coverage.test.ts fails when the file and the code disagree.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import {
  createKernel,
  isErr,
  O_RDONLY,
  PROFILES,
  type Process,
  type Profile,
  S_ISDIR,
  S_ISLNK,
  SYSCALLS,
  straceName,
  syscallNr,
} from 'paleokernel'
import { HOOKS } from '../src/security/hooks.js'
import type { SyscallRow } from '../src/syscalls/row.js'
import { CORE_CALLS } from '../src/syscalls/table.js'
import { ioctlTable, netlinkTable } from './coverage-interfaces.js'
import { table } from './coverage-markdown.js'

/** The file that this script keeps. */
export const COVERAGE_FILE = new URL('../docs/coverage.md', import.meta.url)

const SRC = new URL('../src/', import.meta.url)

/** The whole document. */
export function coverageTable(): string {
  return [
    '# Coverage',
    '',
    'Written by `npm run coverage-table` from the code: the tables in `src/syscalls`, the list in',
    '`src/security/hooks.ts`, and what a running kernel of each profile shows. Do not edit.',
    '',
    ...callsOfProfiles(),
    ...callTable(),
    ...absentCalls(),
    ...hookTable(),
    ...fileSystems(),
    ...procEntries(),
    ...networkTable(),
    ...firewallTable(),
    ...connectorTable(),
    ...netlinkTable(),
    ...ioctlTable(),
  ]
    .join('\n')
    .concat('\n')
}

// ---- system calls --------------------------------------------------------------------------------------------

const age = (profile: Profile): number => PROFILES.indexOf(profile)

/** The kernel's own names of a profile's calls, by number. Several of them may be one call to a program. */
const namesOf = (profile: Profile): string[] =>
  SYSCALLS.filter(
    ({ since, until = '2.6.14' }) =>
      since !== 'later' && age(since) <= age(profile) && age(profile) <= age(until),
  ).map(({ name }) => name)

/** The row of the core that answers for a kernel's name: by the same name, or as the C library's choice. */
const coreRow = (name: string, profile: Profile): SyscallRow | undefined =>
  CORE_CALLS.find((row) => row.name === name) ??
  CORE_CALLS.find((row) => straceName(row.name, profile) === name)

function callsOfProfiles(): string[] {
  const rows = PROFILES.map((profile) => {
    const names = namesOf(profile)
    const count = (support: SyscallRow['support']): number =>
      names.filter((name) => (coreRow(name, profile)?.support ?? 'absent') === support).length
    return [profile, names.length, count('full'), count('partial'), count('absent')].map(String)
  })
  return [
    '## System calls of each profile',
    '',
    "Counted by the kernel's own numbers, so `stat`, `lstat64` and the like count one by one. A call that is absent",
    'answers `ENOSYS`.',
    '',
    ...table(['profile', 'calls', 'full', 'partial', 'absent'], rows, [1, 2, 3, 4]),
    '',
  ]
}

/** A row per call that a program can make. */
function callTable(): string[] {
  const rows = [...CORE_CALLS]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, support, note }) => {
      const cells = PROFILES.map((profile) => (syscallNr(name, profile) === undefined ? '' : support))
      const later = cells.every((cell) => cell === '') ? 'a later call, offered by `backports`' : ''
      return [name, ...cells, [note, later].filter(Boolean).join('; ')]
    })
  return [
    '## System calls that programs can make',
    '',
    'An empty cell: that kernel has no such call and answers `ENOSYS`.',
    '',
    ...table(['call', ...PROFILES, 'what is missing'], rows),
    '',
  ]
}

function absentCalls(): string[] {
  return [
    '## System calls that are not modelled',
    '',
    'Some of them are the other half of something that is there: `sigreturn` ends a handler, `_llseek` is how the C',
    'library seeks.',
    '',
    ...PROFILES.flatMap((profile) => {
      const names = namesOf(profile).filter((name) => coreRow(name, profile) === undefined)
      return [`**${profile}**: ${names.map((name) => `\`${name}\``).join(' ')}`, '']
    }),
  ]
}

// ---- hooks ---------------------------------------------------------------------------------------------------

/** Source files by what they call: `security.inodePermission(`. */
function callers(hook: string): string[] {
  const call = `security.${hook}(`
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => readFileSync(new URL(name, SRC), 'utf8').includes(call))
    .sort()
}

function hookTable(): string[] {
  const rows = Object.entries(HOOKS).map(([name, kind]) => {
    const files = callers(name)
    return [name, kind, files.length === 0 ? 'nowhere yet' : files.map((file) => `\`${file}\``).join(' ')]
  })
  return [
    '## Security hooks',
    '',
    '`check`: the first refusal wins. `notify`: all are told.',
    '',
    ...table(['hook', 'kind', 'asked in'], rows),
    '',
  ]
}

// ---- what a kernel shows -------------------------------------------------------------------------------------

function fileSystems(): string[] {
  const rows = PROFILES.map((profile) => {
    const k = createKernel({ profile })
    const devices = list(k.spawn(), '/dev')
    return [profile, k.describe().filesystems.join(' '), devices.join(' ')]
  })
  return ['## File systems and devices', '', ...table(['profile', 'file systems', '/dev'], rows), '']
}

/** Names in a directory, sorted, without `.` and `..`. */
function list(process: Process, path: string): string[] {
  const fd = process.sys.open(path, O_RDONLY)
  if (isErr(fd)) return []
  const names: string[] = []
  for (;;) {
    const entries = process.sys.getdents(fd)
    if (isErr(entries) || entries.length === 0) break
    names.push(...entries.map(({ name }) => name))
  }
  process.sys.close(fd)
  return names.filter((name) => name !== '.' && name !== '..').sort()
}

/** Everything below a directory of /proc but descriptors, and threads, whose directories are like their process's. */
function entriesBelow(process: Process, path: string): string[] {
  return list(process, path).flatMap((name) => {
    const full = `${path}/${name}`
    const stat = process.sys.lstat(full)
    if (isErr(stat)) return []
    if (S_ISLNK(stat.mode)) return [`${full} ->`]
    if (!S_ISDIR(stat.mode)) return [full]
    if (name === 'fd' || name === 'task') return [`${full}/`]
    return entriesBelow(process, full)
  })
}

function procEntries(): string[] {
  const found = new Map<string, Set<Profile>>()
  for (const profile of PROFILES) {
    const process = createKernel({ profile }).spawn()
    for (const path of entriesBelow(process, '/proc')) {
      if (path.startsWith('/proc/1/')) continue
      const name = path.replace(`/proc/${process.pid}/`, '/proc/<pid>/')
      found.set(name, (found.get(name) ?? new Set()).add(profile))
    }
  }
  const rows = [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, profiles]) => {
      const cells = PROFILES.map((profile) => (profiles.has(profile) ? 'yes' : ''))
      return [`\`${path}\``, ...cells]
    })
  return ['## /proc', '', ...table(['entry', ...PROFILES], rows), '']
}

// ---- the network ---------------------------------------------------------------------------------------------

/** What of the network there is: what, how much, what is missing. */
const NETWORK: readonly (readonly [string, SyscallRow['support'], string])[] = [
  ['AF_UNIX: streams, datagrams, descriptors, credentials', 'full', ''],
  [
    'AF_INET: UDP, raw sockets, ICMP',
    'partial',
    'the queue of errors (MSG_ERRQUEUE): IP_RECVERR only sets SO_ERROR',
  ],
  ['AF_INET: TCP', 'partial', 'SACK, timestamps, SYN cookies, ECN; TCP_DEFER_ACCEPT, TCP_INFO'],
  ['AF_PACKET, SOCK_PACKET', 'partial', 'PACKET_RX_RING, PACKET_COPY_THRESH, packet filters: ENOPROTOOPT'],
  [
    'AF_NETLINK, its options, `/proc/net/netlink`',
    'full',
    'no module is asked for where a protocol is not there',
  ],
  ['rtnetlink', 'partial', 'queueing disciplines, multipath routes; of neighbours nobody is told'],
  ['AF_INET6, AF_IPX and other families', 'absent', 'EINVAL before 2.4, EAFNOSUPPORT then'],
  [
    'groups: IP_ADD_MEMBERSHIP and its like',
    'partial',
    'messages of IGMP, filters of sources, routing between groups',
  ],
  [
    'options in the header of IP',
    'partial',
    'checked and recorded in; IP_OPTIONS is ENOPROTOOPT, answers have none, source routes are dropped',
  ],
  ['SO_ATTACH_FILTER, SO_PEERSEC', 'absent', 'ENOPROTOOPT'],
  ['devices: loopback, Ethernet', 'full', 'other kinds are modules'],
  ['ARP, fragments, forwarding, ICMP errors', 'full', 'no redirects, no proxy ARP'],
  ['routing tables, policy rules, route cache', 'partial', 'multipath routes, realms, NAT by routes'],
  ['`/proc/net`: tcp udp raw unix packet netlink snmp igmp route rt_cache arp dev', 'full', ''],
  ['captures: `kernel.net.capture`, `captureNetlink`', 'full', ''],
  [
    'tools: `ip` `ifconfig` `route` `ping`',
    'partial',
    'names of hosts; what each leaves out is at the head of its file',
  ],
]

function networkTable(): string[] {
  return [
    '## The network',
    '',
    'Of `net()`; see `docs/net.md`.',
    '',
    ...table(['part', 'support', 'what is missing'], NETWORK),
    '',
  ]
}

// ---- the firewall --------------------------------------------------------------------------------------------

/** What of the firewall of 2.2 there is: what, how much, what is missing. */
const FIREWALL: readonly (readonly [string, SyscallRow['support'], string])[] = [
  ['options 64 to 71, 73 to 75: rules, chains, policies, checks', 'full', ''],
  ['option 72: times of masquerading', 'full', ''],
  ['option 76: control of masquerading', 'absent', 'helpers of protocols and port forwarding; EINVAL'],
  ['targets ACCEPT, DENY, REJECT, RETURN, chains', 'full', ''],
  ['target QUEUE', 'full', 'drops, as a kernel to which nobody can give packets back'],
  ['target MASQ', 'partial', 'helpers of protocols (FTP, IRC), dynamic addresses'],
  ['target REDIRECT; `net({ transparentProxy: true })`', 'partial', 'MSG_PROXY'],
  ['-l, -m, -t, -o', 'full', '-o finds no listener in 2.0, which has no netlink sockets'],
  ['`/proc/net/ip_fwchains`, `ip_fwnames`, `ip_masquerade`', 'full', ''],
  ['`ipchains` 1.3.9, `ipchains-save`, `ipchains-restore`', 'full', 'names by files alone, no DNS'],
  ['ipfwadm of 2.0, iptables of 2.6', 'absent', ''],
]

function firewallTable(): string[] {
  return [
    '## The firewall',
    '',
    'Of `net()` on the 2.2.12 profile, and of `net({ ipchains: true })` on any; see `docs/firewall.md`.',
    '',
    ...table(['part', 'support', 'what is missing'], FIREWALL),
    '',
  ]
}

// ---- the connector -------------------------------------------------------------------------------------------

/** What of the connector there is: what, how much, what is missing. */
const CONNECTOR: readonly (readonly [string, SyscallRow['support'], string])[] = [
  ['clients, callbacks, groups: `cn_add_callback`, `cn_del_callback`, `cn_netlink_send`', 'full', ''],
  ['the queue `cqueue`', 'full', 'its worker is no task: `ps` does not show it'],
  ['the control client and its notices', 'full', ''],
  [
    'process events: fork, exec, uid, gid, exit, of 2.6.15 and 2.6.18',
    'full',
    'those of later kernels: sid, ptrace, comm, coredump; one processor',
  ],
  ['the sample client `cn_test`', 'full', ''],
]

function connectorTable(): string[] {
  return [
    '## The connector',
    '',
    'Of `connector()` on the 2.6.14 profile; see `docs/connector.md`.',
    '',
    ...table(['part', 'support', 'what is missing'], CONNECTOR),
    '',
  ]
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(COVERAGE_FILE, coverageTable())
  console.log(fileURLToPath(COVERAGE_FILE))
}
