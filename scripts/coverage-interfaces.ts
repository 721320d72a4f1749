/** For docs/coverage.md: messages of netlink, from the tables of the code; ioctls, from what kernels answer to them. */
import { createKernel, O_CREAT, O_RDWR, PROFILES, type Process, type Profile } from 'paleokernel'
import { block } from 'paleokernel/block'
import { bufflink } from 'paleokernel/bufflink'
import { AF_INET, AF_UNIX, net, SOCK_DGRAM, SOCK_STREAM } from 'paleokernel/net'
import { reqlog } from 'paleokernel/reqlog'
import * as ioctls from '../src/abi/ioctl.js'
import * as netlink from '../src/abi/netlink.js'
import * as sockios from '../src/abi/sockios.js'
import { HANDLERS } from '../src/net/netlink/rtnetlink.js'
import { table } from './coverage-markdown.js'

// ---- ioctls --------------------------------------------------------------------------------------------------

const machine = (profile: Profile) =>
  createKernel({ profile, modules: [net(), bufflink(), block(), reqlog()] })

type Machine = ReturnType<typeof machine>
type Proc = ReturnType<Machine['spawn']>

/** What an ioctl can be asked of: a descriptor of each kind. */
const OBJECTS: readonly (readonly [name: string, open: (p: Proc, k: Machine) => number])[] = [
  ['file', ({ libc }) => libc.open('/tmp/file', O_CREAT | O_RDWR, 0o600)],
  ['pipe', ({ libc }) => libc.pipe()[0]],
  ['socket', ({ libc }) => libc.socket(AF_INET, SOCK_DGRAM, 0)],
  ['stream', ({ libc }) => libc.socket(AF_INET, SOCK_STREAM, 0)],
  ['local', ({ libc }) => libc.socket(AF_UNIX, SOCK_STREAM, 0)],
  ['disk', ({ libc }) => libc.open('/dev/hda', O_RDWR)],
  ['loop', ({ libc }) => libc.open('/dev/loop0', O_RDWR)],
  ['ring', ({ libc }) => libc.open('/dev/reqlog', O_RDWR)],
]

/** Helpers that make numbers, and constants that are none. */
const NO_COMMAND = /^(_IO|IFREQ$|ARPREQ$|RTF_|ATF_)/

/** Numbers of ioctls by name. */
const COMMANDS: readonly (readonly [name: string, command: number])[] = [
  ...Object.entries(ioctls),
  ...Object.entries(sockios),
]
  .flatMap(([name, value]) =>
    typeof value === 'number' && !NO_COMMAND.test(name) ? [[name, value] as const] : [],
  )
  .sort(([a], [b]) => (a < b ? -1 : 1))

/** Arguments to try. */
const ARGUMENTS: readonly unknown[] = [null, 0, new Uint8Array(128), {}, []]
/** A number that stands for nothing. */
const NONE = 0x12345678

/** What an object answers to a command, whatever the argument. */
const answers = (k: Machine, open: (p: Proc, k: Machine) => number, command: number): string =>
  ARGUMENTS.map((argument) => {
    const p = k.spawn()
    const answer = (p as unknown as Process).sys.ioctl(open(p, k), command, argument as never)
    p.sys.exit(0)
    return String(answer)
  }).join()

/** The commands that an object knows: it answers otherwise than to a number that stands for nothing. */
function known(profile: Profile, open: (p: Proc, k: Machine) => number): ReadonlySet<string> {
  const k = machine(profile)
  const none = answers(k, open, NONE)
  return new Set(COMMANDS.filter(([, command]) => answers(k, open, command) !== none).map(([name]) => name))
}

/** Which ioctls there are, and of what. */
export function ioctlTable(): string[] {
  const tables = PROFILES.map((profile) =>
    OBJECTS.map(([object, open]) => ({ object, commands: known(profile, open) })),
  )
  const rows = COMMANDS.map(([name]) => [
    `\`${name}\``,
    ...tables.map((objects) =>
      objects
        .filter(({ commands }) => commands.has(name))
        .map(({ object }) => object)
        .join(' '),
    ),
  ])
  const isEmpty = (row: readonly string[]): boolean => row.slice(1).every((cell) => cell === '')
  return [
    '## ioctls',
    '',
    'Of a kernel with `net()`, `block()` and `reqlog()`: what answers to which. A socket is one of datagrams, a stream one of',
    'TCP, a local one is of AF_UNIX. Others are answered like a number that stands for nothing.',
    '',
    ...table(
      ['ioctl', ...PROFILES],
      rows.filter((row) => !isEmpty(row)),
    ),
    '',
    `Known by number, and nowhere there: ${rows
      .filter(isEmpty)
      .map(([name]) => name)
      .join(', ')}.`,
  ]
}

// ---- netlink -------------------------------------------------------------------------------------------------

/** Types of rtnetlink that no constant names, as nothing answers to them. Linux: include/linux/rtnetlink.h (2.6.14). */
const ABSENT: readonly (readonly [string, string])[] = [
  ['RTM_SETLINK', 'what `ip link set` does goes by ioctl'],
  ['RTM_NEWQDISC, RTM_NEWTCLASS, RTM_NEWTFILTER and their DEL and GET', 'no queueing disciplines'],
  ['RTM_NEWACTION, RTM_NEWPREFIX, RTM_GETMULTICAST, RTM_GETANYCAST, RTM_NEWNEIGHTBL', ''],
]

/** What the messages of netlink do. */
export function netlinkTable(): string[] {
  const types = Object.entries(netlink)
    .filter(([name, value]) => /^RTM_(NEW|DEL|GET)/.test(name) && typeof value === 'number')
    .map(([name, value]) => [name, Number(value)] as const)
    .sort(([, a], [, b]) => a - b)
  const rows = types.map(([name, type]) => {
    const handler = HANDLERS.get(type)
    const does = [handler?.doit && 'a request', handler?.dump && 'a dump'].filter(Boolean).join(', ')
    const note = handler?.needsRules === true ? 'where the kernel has policy rules' : ''
    return [`\`${name}\``, does === '' ? 'absent' : does, does === '' ? 'EINVAL' : note]
  })
  return [
    '## Messages of rtnetlink',
    '',
    'Of `net()`. What a type answers to; changes of links, addresses and routes are also told to the groups that listen.',
    '',
    ...table(
      ['message', 'answers to', 'note'],
      [...rows, ...ABSENT.map(([name, note]) => [name, 'absent', note])],
    ),
    '',
  ]
}
