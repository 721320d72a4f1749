/**
 * /proc/sys: tunables. Linux: kern_table, fs_table, proc_dostring, proc_dointvec, kernel/sysctl.c (2.2.12, 2.6.14).
 *
 * Permission goes by the effective uid alone: capabilities do not help, and read-only is read-only for root too.
 * A read that does not begin at the start of the file finds its end, so a reader with a small buffer gets the
 * beginning only. A tunable without a meaning in the model is kept and read back.
 *
 * Left out: what tunes memory, networks, System V IPC, consoles and panics; sysctl(2) by numbers.
 */

import { asCapSet } from '../../abi/brand.js'
import { CAP_INIT_EFF_SET, CAP_SYS_MODULE } from '../../abi/capability.js'
import { EINVAL } from '../../abi/errno.js'
import { __NEW_UTS_LEN } from '../../abi/utsname.js'
import type { KernelCore } from '../../kernel/kernel.js'
import type { ProcSubject } from '../../kernel/module.js'
import { partOf, tasksCountedFor } from '../../kernel/part.js'
import type { Task } from '../../kernel/task.js'
import { requireCapability } from '../../security/capability.js'
import type { Entry } from './entry.js'
import { countFiles, countInodes } from './format_system.js'

type Read = (k: KernelCore, current: Task) => string | number
type Write = (current: Task, text: string) => number

/** A tunable. Without `write` it is read-only whatever the mode says. */
function tunable(path: string, read: Read, write?: Write, extra: Partial<Entry> = {}): Entry {
  return Object.freeze({
    path: `sys/${path}`,
    mode: write === undefined ? 0o444 : 0o644,
    read: (current: Task) => `${read(current.k, current)}\n`,
    ...(write === undefined
      ? {}
      : { write: (current: Task, _subject: ProcSubject, text: string) => write(current, text) }),
    ...extra,
  })
}

/** The text up to a newline or NUL, at most `size` - 1 characters. Linux: proc_dostring. */
const firstLine = (text: string, size: number): string =>
  (/^[^\0\n]*/.exec(text)?.[0] ?? '').slice(0, size - 1)

/** A number as C writes it: 12, 0x1f, 017, -3; null where there is none (EINVAL). Linux: proc_dointvec. */
function parseInteger(text: string): number | null {
  const match = /^\s*(-?)(0[xX][0-9a-fA-F]+|[0-9]+)/.exec(text)
  if (match === null) return null
  const [, sign, digits = ''] = match
  const isOctal = /^0[0-7]+$/.test(digits)
  const value = Number.parseInt(digits, isOctal ? 8 : /^0[xX]/.test(digits) ? 16 : 10)
  // An int: what is too large wraps.
  return (sign === '-' ? -value : value) | 0
}

/** A number in the kernel's tunables; `initial` until somebody writes it. */
function stored(path: string, initial: (k: KernelCore) => number, extra: Partial<Entry> = {}): Entry {
  const write: Write = (current, text) => {
    const value = parseInteger(text)
    if (value === null) return EINVAL
    current.k.state.sysctl.set(path, value)
    return text.length
  }
  return tunable(path, (k) => sysctlNumber(k, path, initial(k)), write, extra)
}

/** The value of a tunable that holds a number, by its path below /proc/sys. */
export function sysctlNumber(k: KernelCore, path: string, initial: number): number {
  const value = k.state.sysctl.get(path)
  return typeof value === 'number' ? value : initial
}

/** Linux: proc_doutsstring. */
const writeHostname: Write = (current, text) => {
  ;(partOf(current) ?? current.k.state).hostname = firstLine(text, __NEW_UTS_LEN + 1)
  return text.length
}

const writeDomainname: Write = (current, text) => {
  ;(partOf(current) ?? current.k.state).domainname = firstLine(text, __NEW_UTS_LEN + 1)
  return text.length
}

/** What no task may gain any more. Linux: cap_bset; CAP_SETPCAP is left out, as in CAP_INIT_EFF_SET. */
const CAP_BOUND = 'kernel/cap-bound'

/** The bounding set of the whole system, which exec keeps to. Linux: cap_bset, kernel/capability.c. */
export const capabilityBound = (k: KernelCore): number =>
  asCapSet(sysctlNumber(k, CAP_BOUND, CAP_INIT_EFF_SET))

/** Reading, too, is for tasks with CAP_SYS_MODULE. Linux: proc_dointvec_bset. */
const readCapBound = (current: Task): string | number =>
  requireCapability(current, CAP_SYS_MODULE) || `${capabilityBound(current.k) | 0}\n`

/** Bits can be taken away; init may also add. */
const writeCapBound: Write = (current, text) => {
  const refused = requireCapability(current, CAP_SYS_MODULE)
  if (refused !== 0) return refused
  const value = parseInteger(text)
  if (value === null) return EINVAL
  const { k } = current
  const next = current === k.state.init ? value : value & capabilityBound(k)
  k.state.sysctl.set(CAP_BOUND, asCapSet(next))
  return text.length
}

/**
 * Linux: pid_max_min RESERVED_PIDS + 1, pid_max_max PID_MAX_LIMIT (2.6.14).
 * Deviation: the limit is that of 64-bit machines; on i386 the number cannot be raised.
 */
const PID_MAX_MIN = 301
const PID_MAX_LIMIT = 4 * 1024 * 1024

const writePidMax: Write = (current, text) => {
  const value = parseInteger(text)
  if (value === null) return EINVAL
  if (value < PID_MAX_MIN || value > PID_MAX_LIMIT) return EINVAL
  current.k.state.pidMax = value
  return text.length
}

/** Allocated, free and allowed open files. Linux: files_stat. */
const fileNr: Read = (k, current) => `${countFiles(current)}\t0\t${fileMax(k, current)}`
const inodeNr: Read = (_k, current) => `${countInodes(current)}\t0`
const fileMax: Read = (k) => sysctlNumber(k, 'fs/file-max', k.facts.fileMax)

const V2_2 = { since: '2.2.12' } as const
const V2_6 = { since: '2.6.14' } as const
const ONLY_2_0 = { until: '2.2.12' } as const
const ONLY_2_2 = { since: '2.2.12', until: '2.6.14' } as const

/** In the order of kern_table and fs_table. 2.0 has the numbers of files and inodes under kernel/. */
export const SYS_ENTRIES: readonly Entry[] = Object.freeze([
  tunable('kernel/ostype', () => 'Linux'),
  tunable('kernel/osrelease', (k) => k.facts.release),
  tunable('kernel/version', (k) => k.facts.version),
  tunable('kernel/hostname', (k, current) => (partOf(current) ?? k.state).hostname, writeHostname),
  tunable('kernel/domainname', (k, current) => (partOf(current) ?? k.state).domainname, writeDomainname),
  tunable('kernel/inode-nr', inodeNr, undefined, ONLY_2_0),
  tunable('kernel/file-nr', fileNr, undefined, ONLY_2_0),
  stored('kernel/file-max', (k) => k.facts.fileMax, ONLY_2_0),
  tunable(CAP_BOUND, capabilityBound, writeCapBound, { ...V2_2, mode: 0o600, read: readCapBound }),
  stored('kernel/panic', () => 0),
  tunable('kernel/rtsig-nr', (_k, current) => countQueued(current), undefined, ONLY_2_2),
  stored('kernel/rtsig-max', (k) => k.facts.rtsigMax, ONLY_2_2),
  stored('kernel/threads-max', (k) => k.facts.maxThreads, V2_6),
  stored('kernel/overflowuid', () => 65534, V2_6),
  stored('kernel/overflowgid', () => 65534, V2_6),
  tunable('kernel/pid_max', (k) => k.state.pidMax, writePidMax, V2_6),
  tunable('kernel/ngroups_max', (k) => k.facts.ngroupsMax, undefined, V2_6),
  tunable('fs/inode-nr', inodeNr, undefined, V2_2),
  tunable('fs/file-nr', fileNr, undefined, V2_2),
  stored('fs/file-max', (k) => k.facts.fileMax, V2_2),
  stored('fs/overflowuid', () => 65534, V2_6),
  stored('fs/overflowgid', () => 65534, V2_6),
  stored('fs/lease-break-time', () => 45, V2_6),
])

/** Signals in the queues of all tasks. Linux: nr_queued_signals. */
function countQueued(current: Task): number {
  let count = 0
  for (const task of tasksCountedFor(current)) {
    count += task.pending?.queue.length ?? 0
    if (task.pid === task.tgid) count += task.group.shared?.queue.length ?? 0
  }
  return count
}
