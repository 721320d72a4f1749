/**
 * The channels that the original leaves open, and those that a run finds besides: the table of docs/mac.md, which is
 * compared with it. Each excuses certain observations and nothing else, and each must be found.
 */
import { EFAULT, type SyscallExitEvent } from 'paleokernel'
import { pidPlaces } from './actions.js'
import type { Recorder } from './recorder.js'

/** What a channel is, and why it is open. */
interface Entry {
  /** Which observation. */
  readonly where: string
  /** What others can be told by it. */
  readonly tells: string
  readonly why: string
}

/** The table. */
export const CHANNELS = {
  pid: {
    where: 'numbers of processes, groups and sessions, and inode numbers of `/proc/<pid>` made of them',
    tells: 'how many processes others have made',
    why: 'MAC-25: numbers are those of the whole system',
  },
  ino: {
    where: 'inode numbers of pipes and sockets',
    tells: 'how many of them others have made',
    why: 'one counter in 2.2',
  },
  dev: {
    where: 'device numbers of file systems without a device that were mounted since',
    tells: 'how often others have mounted one',
    why: 'one counter: get_unnamed_dev',
  },
  address: {
    where: "addresses in the kernel's memory in `/proc/net`",
    tells: 'how many sockets others have made',
    why: "memory is the system's",
  },
  counts: {
    where: '`/proc/stat`: switches and processes since boot',
    tells: 'how much others run, how many processes they have made',
    why: 'MAC-25: counters are those of the whole system',
  },
  objects: {
    where: '`/proc/sys`: open files, inodes, queued signals',
    tells: 'how many files others have open, how many names there are, how many signals wait',
    why: 'MAC-25: totals are those of the whole system',
  },
  packets: {
    where: '`/proc/net/snmp`, `dev`, `ip_fwnames`: counters of packets and bytes',
    tells: 'how much others send and receive',
    why: "MAC-52 is about sockets; devices and protocols are the system's",
  },
  neighbours: {
    where: '`/proc/net/arp`: neighbours on the wire',
    tells: 'which hosts on the same Ethernet others have talked to',
    why: "the table is the system's, as the device is",
  },
  modules: {
    where: '`/proc/modules`: how many use a part of the kernel',
    tells: 'how many file systems and devices of it others have in use',
    why: "modules are the system's",
  },
  names: {
    where: '`uname`, `/proc/sys/kernel`: host and domain name',
    tells: 'what root of another compartment has called the machine',
    why: "CAP_SYS_ADMIN is not the administrator's alone",
  },
  atime: {
    where: 'access times of files of shared file systems',
    tells: 'when others have read a file',
    why: 'MAC-30: to read is allowed, and is noted; mount shared file systems `noatime`',
  },
  random: {
    where: 'bytes of `/dev/random` and `/dev/urandom`',
    tells: 'in the model, how many others have read: one sequence; in a real kernel nothing',
    why: 'one pool of randomness',
  },
  clock: {
    where: 'the time of day, of calls and of files',
    tells: 'by how much root of another compartment has set the clock',
    why: "CAP_SYS_TIME is not the administrator's alone",
  },
  load: {
    where: '`/proc/loadavg`: tasks that run, all tasks, the last pid; `sysinfo`: processes',
    tells: 'how many processes others have, and have made',
    why: 'MAC-25: load averages are those of the whole system',
  },
} as const satisfies Readonly<Record<string, Entry>>

export type Channel = keyof typeof CHANNELS

// ---- texts ---------------------------------------------------------------------------------------------------

/** Which part of a text a channel excuses: the groups of the pattern. */
interface Part {
  readonly channel: Channel
  readonly path: RegExp
  /** Matches a whole piece; what is in its groups is excused. */
  readonly pattern: RegExp
}

const PARTS: readonly Part[] = [
  { channel: 'load', path: /^\/proc\/loadavg$/, pattern: /(\d+)\/(\d+) (\d+)\n/g },
  { channel: 'load', path: /^\/proc\/stat$/, pattern: /^procs_running (\d+)\nprocs_blocked (\d+)$/gm },
  { channel: 'counts', path: /^\/proc\/stat$/, pattern: /^(?:ctxt|processes) (\d+)$/gm },
  { channel: 'objects', path: /^\/proc\/sys\/(?:fs|kernel)\/file-nr$/, pattern: /^(\d+)\t/g },
  { channel: 'objects', path: /^\/proc\/sys\/(?:fs|kernel)\/inode-nr$/, pattern: /^(\d+)\t/g },
  { channel: 'objects', path: /^\/proc\/sys\/kernel\/rtsig-nr$/, pattern: /^(\d+)$/gm },
  {
    channel: 'packets',
    path: /^\/proc\/net\/snmp$/,
    pattern: /^(?:Ip: \d+ \d+|Icmp:|Tcp: \d+ \d+ \d+ \S+|Udp:)((?: \d+)+)$/gm,
  },
  { channel: 'packets', path: /^\/proc\/net\/dev$/, pattern: /^ *(?:lo|eth0):(.*)$/gm },
  {
    channel: 'packets',
    path: /^\/proc\/net\/ip_fw(?:chains|names)$/,
    pattern: /^\S+ \S+ \d+ (\d+ \d+ \d+ \d+)$/gm,
  },
  { channel: 'neighbours', path: /^\/proc\/net\/arp$/, pattern: /^.* Device((?:\n.*)*)/g },
  { channel: 'modules', path: /^\/proc\/modules$/, pattern: /^\S+ +\d+\s+(\d+)/gm },
  { channel: 'names', path: /^\/proc\/sys\/kernel\/(?:host|domain)name$/, pattern: /^(.*)$/gs },
]

/** Addresses in the kernel's memory, which are made of inode numbers. */
const ADDRESSES: readonly { readonly path: RegExp; readonly pattern: RegExp }[] = [
  { path: /^\/proc\/net\/(?:unix|packet)$/, pattern: /^(c\w{7}):? /gm },
  { path: /^\/proc\/net\/(?:tcp|udp|raw)$/, pattern: / \d+ (c\w{7})/gm },
]

/** Where numbers of tasks are. */
const PIDS: readonly { readonly path: RegExp; readonly pattern: RegExp }[] = [
  { path: /^\/proc\/\d+(\/task\/\d+)?\/status$/, pattern: /^(?:Tgid|Pid|PPid):\t(\d+)$/gm },
  { path: /^\/proc\/\d+(\/task\/\d+)?\/stat$/, pattern: /^(\d+) \(.*\) \S (\d+) (\d+) (\d+) /gs },
  { path: /^\/proc\/locks$/, pattern: /(?:READ |WRITE|RW {3}|NONE ) (\d+) /g },
  { path: /^/, pattern: /\/proc\/(\d+)(?:\/task\/(\d+))?(?=[/ ]|$)/g },
  { path: /^\/proc\/net\/netlink$/, pattern: /^\S+ +\d+ +(\d+) /gm },
]
const INOS: readonly { readonly path: RegExp; readonly pattern: RegExp }[] = [
  { path: /^\/proc\/net\/packet$/, pattern: / (\d+) *$/gm },
  { path: /^\/proc\/net\/unix$/, pattern: /^\w{8}: (?:\S+ ){5} *(\d+)/gm },
  {
    path: /^\/proc\/net\/(?:tcp|udp|raw)$/,
    pattern: /^(?: *\d+: \S+ \S+ \S+ \S+ \S+ \S+ +\d+ +\d+) (\d+)/gm,
  },
  { path: /^\/proc\/\d+\/(?:task\/\d+\/)?fd\/\d+$/, pattern: /^\[\S+\]:(\d+)$/g },
  { path: /^/, pattern: /(?:pipe|socket):\[(\d+)\]/g },
]

/** Replaces what is in the groups of a pattern. */
function replaceGroups(text: string, pattern: RegExp, replace: (value: string) => string): string {
  let done = ''
  let last = 0
  for (const match of text.matchAll(new RegExp(pattern, `${pattern.flags}d`))) {
    for (const [at, place] of (match.indices ?? []).entries()) {
      if (at === 0 || place === undefined) continue
      done += text.slice(last, place[0]) + replace(match[at] ?? '')
      last = place[1]
    }
  }
  return done + text.slice(last)
}

/** The channel that excuses something in a file of /proc; null for none. */
export function channelOfText(path: string): Channel | null {
  if (PIDS.some((part) => part.path.source !== '^' && part.path.test(path))) return 'pid'
  if (path.startsWith('/proc/net/'))
    return ADDRESSES.some((part) => part.path.test(path))
      ? 'address'
      : (PARTS.find((part) => part.path.test(path))?.channel ?? null)
  return PARTS.find((part) => part.path.test(path))?.channel ?? null
}

/** A text of /proc with its marks. */
export function markText(recorder: Recorder, path: string, text: string): string {
  let marked = text
  for (const part of PIDS)
    if (part.path.test(path)) marked = replaceGroups(marked, part.pattern, (pid) => recorder.pid(Number(pid)))
  if (path === '/proc/locks')
    marked = marked.replace(/ (\w+):(\w+):(\d+) /g, (_, major: string, minor: string, ino: string) => {
      const dev = Number.parseInt(major, 16) * 256 + Number.parseInt(minor, 16)
      const number = recorder.isAnonymousDev(dev) ? recorder.mark('ino', '*', ino) : ino
      return ` ${recorder.dev(dev)}:${number} `
    })
  for (const part of INOS)
    if (part.path.test(path))
      marked = replaceGroups(marked, part.pattern, (ino) => recorder.mark('ino', '*', ino))
  for (const part of ADDRESSES)
    if (part.path.test(path))
      marked = replaceGroups(marked, part.pattern, (at) => recorder.mark('address', '*', at))
  for (const part of PARTS)
    if (part.path.test(path))
      marked = replaceGroups(marked, part.pattern, (value) => recorder.mark(part.channel, '*', value))
  return marked
}

// ---- results -------------------------------------------------------------------------------------------------

/** Calls whose result is the number of a task. */
const PID_RESULTS: ReadonlySet<string> = new Set(
  'fork vfork clone getpid gettid getppid getpgid getpgrp getsid setsid setpgrp'.split(' '),
)

/** Of fcntl and ioctl. */
const F_GETOWN = 9
const OWNERS_SET: readonly unknown[] = [0x8901, 0x8902]
const OWNERS_READ: readonly unknown[] = [0x8903, 0x8904]

/** A result with its marks; undefined: as any other. */
export function markResult(recorder: Recorder, event: SyscallExitEvent): string | undefined {
  const { name, args, ret } = event
  // The target of /proc/self.
  if (name === 'readlink' && typeof ret === 'string' && /^\d+$/.test(ret)) return recorder.pid(Number(ret))
  if (typeof ret !== 'number') return undefined
  if (PID_RESULTS.has(name) && ret > 0) return recorder.pid(ret)
  if (name === 'fcntl' && args[1] === F_GETOWN && recorder.isOpen(event)) return recorder.owner(ret)
  if (name === 'time' && ret !== EFAULT) return recorder.time(ret, 1000)
  return undefined
}

/** What a call has left in an argument, with its marks; undefined: as any other. */
export function markOutput(
  recorder: Recorder,
  { name, args }: SyscallExitEvent,
  at: number,
): string | undefined {
  const arg = args[at]
  if (pidPlaces(name, args).includes(at) && name !== 'ioctl') return '·'
  if (name === 'ioctl' && at === 2 && typeof arg === 'object' && arg !== null && 'value' in arg) {
    if (OWNERS_SET.includes(args[1])) return '·'
    if (OWNERS_READ.includes(args[1])) return recorder.owner(Number(arg.value))
  }
  return undefined
}
