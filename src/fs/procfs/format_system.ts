/**
 * The texts about the whole system: loadavg, uptime, meminfo, stat, cpuinfo, mounts, filesystems, swaps.
 * Linux: fs/proc/array.c (2.2), fs/proc/proc_misc.c (2.6.14), arch/i386/kernel/setup.c, fs/super.c.
 *
 * The machine is a fixed one: one processor of the time, 128 MiB of memory of which a fixed part is used, no
 * swap, no load average. Times are the model's own. Left out: disks, interrupts other than the timer's.
 */

import {
  MS_DIRSYNC,
  MS_MANDLOCK,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
  MS_SYNCHRONOUS,
} from '../../abi/mount.js'
import { isAtLeast } from '../../abi/profile.js'
import type { KernelCore } from '../../kernel/kernel.js'
import type { DiskCounter } from '../../kernel/module.js'
import { countTasksFor, partOf, tasksCountedFor } from '../../kernel/part.js'
import { isGroupLeader, TASK_RUNNING, TASK_UNINTERRUPTIBLE, type Task } from '../../kernel/task.js'
import { tasksSeenBy } from '../../kernel/visible.js'
import { dPath } from '../../vfs/dpath.js'
import type { Mount } from '../../vfs/mount.js'
import type { SuperBlock } from '../../vfs/superblock.js'
import { hasExited, isModern } from './entry.js'
import { clockTicks } from './format_task.js'

/** Tasks in one state. */
function countState(current: Task, state: number): number {
  let count = 0
  for (const task of tasksCountedFor(current)) if (task.state === state) count++
  return count
}

/** Processes that `current` sees, zombies included. Linux: nr_processes. */
export function countProcesses(current: Task): number {
  let count = 0
  for (const task of tasksSeenBy(current)) if (isGroupLeader(task)) count++
  return count
}

/** Averages are not modelled: 0.00. Linux: get_loadavg, loadavg_read_proc. */
export function formatLoadavg(current: Task): string {
  const { lastPid } = partOf(current) ?? current.k.state
  return `0.00 0.00 0.00 ${countState(current, TASK_RUNNING)}/${countTasksFor(current)} ${lastPid}\n`
}

/** Seconds since boot, and seconds of them that no task used. Linux: get_uptime, uptime_read_proc. */
export function formatUptime(current: Task): string {
  const { now } = current.k.state
  const { cpuUser, cpuNice, cpuSystem } = partOf(current) ?? current.k.state
  const seconds = (ms: number): string => {
    const hundredths = clockTicks(Math.max(0, ms))
    return `${Math.floor(hundredths / 100)}.${String(hundredths % 100).padStart(2, '0')}`
  }
  return `${seconds(now)} ${seconds(now - cpuUser - cpuNice - cpuSystem)}\n`
}

// ---- memory --------------------------------------------------------------------------------------------------

const MIB = 1024 * 1024
/** What is left of 128 MiB when the kernel has taken its share. */
const TOTAL_RAM = 126 * MIB
const FREE_RAM = 96 * MIB
const BUFFER_RAM = 4 * MIB
const CACHE_RAM = 16 * MIB

const kbLine = (name: string, bytes: number, width: number): string =>
  `${`${name}:`.padEnd(width)}${String(bytes / 1024).padStart(8)} kB\n`

/** Linux: get_meminfo (2.0, 2.2): the old table in bytes, then the tagged lines. */
function formatOldMeminfo(): string {
  const row = (values: readonly number[]): string =>
    values.map((value) => String(value).padStart(8)).join(' ')
  const tagged = (name: string, bytes: number): string => kbLine(name, bytes, 11)
  return (
    '        total:    used:    free:  shared: buffers:  cached:\n' +
    `Mem:  ${row([TOTAL_RAM, TOTAL_RAM - FREE_RAM, FREE_RAM, 0, BUFFER_RAM, CACHE_RAM])}\n` +
    `Swap: ${row([0, 0, 0])}\n` +
    tagged('MemTotal', TOTAL_RAM) +
    tagged('MemFree', FREE_RAM) +
    tagged('MemShared', 0) +
    tagged('Buffers', BUFFER_RAM) +
    tagged('Cached', CACHE_RAM) +
    tagged('SwapTotal', 0) +
    tagged('SwapFree', 0)
  )
}

/** Linux: meminfo_read_proc (2.6.14). */
const MODERN_MEMINFO: readonly (readonly [string, number])[] = [
  ['MemTotal', TOTAL_RAM],
  ['MemFree', FREE_RAM],
  ['Buffers', BUFFER_RAM],
  ['Cached', CACHE_RAM],
  ['SwapCached', 0],
  ['Active', 12 * MIB],
  ['Inactive', 8 * MIB],
  ['HighTotal', 0],
  ['HighFree', 0],
  ['LowTotal', TOTAL_RAM],
  ['LowFree', FREE_RAM],
  ['SwapTotal', 0],
  ['SwapFree', 0],
  ['Dirty', 0],
  ['Writeback', 0],
  ['Mapped', 4 * MIB],
  ['Slab', 4 * MIB],
  ['CommitLimit', TOTAL_RAM / 2],
  ['Committed_AS', 4 * MIB],
  ['PageTables', MIB / 4],
  ['VmallocTotal', 896 * MIB],
  ['VmallocUsed', MIB],
  ['VmallocChunk', 894 * MIB],
]

/** The text of /proc/meminfo. */
export function formatMeminfo(k: KernelCore): string {
  if (!isModern(k)) return formatOldMeminfo()
  return MODERN_MEMINFO.map(([name, bytes]) => kbLine(name, bytes, 14)).join('')
}

// ---- stat ----------------------------------------------------------------------------------------------------

/** Interrupt lines of two 8259A. Linux: NR_IRQS without IO-APIC. */
const IRQ_COUNT = 16

/** How many disks have columns of their own in /proc/stat. Linux: DK_NDRIVE. */
const DISKS = 4

/** Requests and sectors of the first disks, as modules count them. */
function formatDisks(current: Task): string {
  const { k } = current
  // Disks serve all; what they have done is the whole's.
  const all =
    partOf(current) !== null
      ? []
      : [...k.contributions.values()].flatMap(({ diskCounters }) => diskCounters?.(k) ?? [])
  const line = (name: string, of: (counter: DiskCounter) => number): string => {
    const words = Array.from({ length: DISKS }, (_, i) => (all[i] === undefined ? 0 : of(all[i])))
    return `${name} ${words.join(' ')}\n`
  }
  return (
    line('disk', ({ reads, writes }) => reads + writes) +
    line('disk_rio', ({ reads }) => reads) +
    line('disk_wio', ({ writes }) => writes) +
    line('disk_rblk', ({ readSectors }) => readSectors) +
    line('disk_wblk', ({ writtenSectors }) => writtenSectors)
  )
}

/** The text of /proc/stat. Linux: get_kstat (2.0, 2.2), show_stat (2.6.14). */
export function formatKernelStat(current: Task): string {
  const { k } = current
  const { now } = k.state
  const { switches, forks, cpuUser, cpuNice, cpuSystem } = partOf(current) ?? k.state
  const [user, nice, system] = [clockTicks(cpuUser), clockTicks(cpuNice), clockTicks(cpuSystem)]
  const idle = Math.max(0, clockTicks(now) - user - nice - system)
  const timer = Math.floor((now * k.facts.hz) / 1000)
  const intr = `intr ${timer} ${timer}${' 0'.repeat(IRQ_COUNT - 1)}\n`
  const counts = `ctxt ${switches}\nbtime ${Math.floor(k.facts.epoch)}\nprocesses ${forks}\n`
  if (isModern(k)) {
    const cpu = `${user} ${nice} ${system} ${idle} 0 0 0 0\n`
    const running = countState(current, TASK_RUNNING)
    const blocked = countState(current, TASK_UNINTERRUPTIBLE)
    return `cpu  ${cpu}cpu0 ${cpu}${intr}${counts}procs_running ${running}\nprocs_blocked ${blocked}\n`
  }
  const disks = formatDisks(current)
  return `cpu  ${user} ${nice} ${system} ${idle}\n${disks}page 0 0\nswap 0 0\n${intr}${counts}`
}

// ---- cpuinfo -------------------------------------------------------------------------------------------------

const PENTIUM: readonly (readonly [string, string])[] = [
  ['processor\t', '0'],
  ['cpu\t\t', '586'],
  ['model\t\t', 'Pentium 75+'],
  ['vendor_id\t', 'GenuineIntel'],
  ['stepping\t', '12'],
  ['fdiv_bug\t', 'no'],
  ['hlt_bug\t\t', 'no'],
  ['f00f_bug\t', 'yes'],
  ['fpu\t\t', 'yes'],
  ['fpu_exception\t', 'yes'],
  ['cpuid\t\t', 'yes'],
  ['wp\t\t', 'yes'],
  ['flags\t\t', 'fpu vme de pse tsc msr mce cx8'],
  ['bogomips\t', '53.04'],
]

const PENTIUM_III: readonly (readonly [string, string])[] = [
  ['processor\t', '0'],
  ['vendor_id\t', 'GenuineIntel'],
  ['cpu family\t', '6'],
  ['model\t\t', '7'],
  ['model name\t', 'Pentium III (Katmai)'],
  ['stepping\t', '3'],
  ['cpu MHz\t\t', '501.143'],
  ['cache size\t', '512 KB'],
  ['fdiv_bug\t', 'no'],
  ['hlt_bug\t\t', 'no'],
  ['f00f_bug\t', 'no'],
  ['coma_bug\t', 'no'],
  ['fpu\t\t', 'yes'],
  ['fpu_exception\t', 'yes'],
  ['cpuid level\t', '2'],
  ['wp\t\t', 'yes'],
  ['flags\t\t', 'fpu vme de pse tsc msr pae mce cx8 sep mtrr pge mca cmov pat pse36 mmx fxsr sse'],
  ['bogomips\t', '999.42'],
]

/** One processor: a Pentium in 2.0, a Pentium III since. Linux: get_cpuinfo, show_cpuinfo. */
export function formatCpuinfo(k: KernelCore): string {
  const lines = isAtLeast(k.facts.release, '2.2.12') ? PENTIUM_III : PENTIUM
  return `${lines.map(([name, value]) => `${name}: ${value}\n`).join('')}${isModern(k) ? '\n' : ''}`
}

// ---- file systems --------------------------------------------------------------------------------------------

/** Linux: get_filesystem_list, fs/filesystems.c. */
export function formatFilesystems(k: KernelCore): string {
  return [...k.filesystems.values()]
    .map((type) => `${type.requiresDevice === true ? '' : 'nodev'}\t${type.name}\n`)
    .join('')
}

/** Linux: fs_info, then (2.6) mnt_info, fs/namespace.c. */
const OLD_FLAGS: readonly (readonly [number, string])[] = [
  [MS_NOEXEC, ',noexec'],
  [MS_NOSUID, ',nosuid'],
  [MS_NODEV, ',nodev'],
  [MS_SYNCHRONOUS, ',sync'],
  [MS_MANDLOCK, ',mand'],
  [MS_NOATIME, ',noatime'],
  [MS_NODIRATIME, ',nodiratime'],
]

const MODERN_FLAGS: readonly (readonly [number, string])[] = [
  [MS_SYNCHRONOUS, ',sync'],
  [MS_DIRSYNC, ',dirsync'],
  [MS_MANDLOCK, ',mand'],
  [MS_NOATIME, ',noatime'],
  [MS_NODIRATIME, ',nodiratime'],
  [MS_NOSUID, ',nosuid'],
  [MS_NODEV, ',nodev'],
  [MS_NOEXEC, ',noexec'],
]

/** Blank, tab, newline and backslash as octal escapes. Linux: mangle (2.4, 2.6). */
const mangled = (text: string): string =>
  text.replace(/[ \t\n\\]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`)

function mountLine(current: Task, mnt: Mount): string {
  const { sb } = mnt
  const modern = isModern(current.k)
  const flags = sb.flags | mnt.flags
  const words = (modern ? MODERN_FLAGS : OLD_FLAGS).map(([flag, word]) => ((flags & flag) !== 0 ? word : ''))
  const options = `${(flags & MS_RDONLY) !== 0 ? 'ro' : 'rw'}${words.join('')}${sb.ops.showOptions?.(sb) ?? ''}`
  const quote = modern ? mangled : (text: string): string => text
  const source = quote(mnt.source === '' ? 'none' : mnt.source)
  return `${source} ${quote(dPath(current.fs, mnt, mnt.root))} ${sb.type} ${options} 0 0\n`
}

/** All mounts, oldest first, as `current` would name them. Linux: get_filesystem_info (2.2), show_vfsmnt (2.6). */
export function formatMounts(current: Task): string {
  const { k } = current
  const seen = k.hooked.has('mountVisible')
    ? k.state.mounts.filter((mnt) => k.security.mountVisible(current, mnt) === 0)
    : k.state.mounts
  return seen.map((mnt) => mountLine(current, mnt)).join('')
}

/** No swap space: the heading alone. Linux: get_swaparea_info (2.2), swap_show (2.6). */
export const formatSwaps = (): string => 'Filename\t\t\tType\t\tSize\tUsed\tPriority\n'

// ---- counts of objects ---------------------------------------------------------------------------------------

/** Open files in the whole system, or of a part, each once. Linux: nr_files. */
export function countFiles(current: Task): number {
  const files = new Set<unknown>()
  for (const task of tasksCountedFor(current)) {
    if (hasExited(task)) continue
    for (const file of task.files.files) if (file !== null) files.add(file)
  }
  return files.size
}

/**
 * Inodes that have a name in some tree; for a task of a part, of the trees that it sees. Linux: inodes_stat.nr_inodes
 * counts all in memory.
 */
export function countInodes(current: Task): number {
  const { k } = current
  const inodes = new Set<unknown>()
  const seen = (): SuperBlock[] =>
    k.state.mounts.filter((mnt) => k.security.mountVisible(current, mnt) === 0).map(({ sb }) => sb)
  const trees = partOf(current) === null ? k.state.superBlocks : [...new Set(seen())]
  const open = trees.flatMap((sb) => (sb.root === null ? [] : [sb.root]))
  for (let dentry = open.pop(); dentry !== undefined; dentry = open.pop()) {
    if (dentry.inode !== null) inodes.add(dentry.inode)
    for (const child of dentry.children?.values() ?? []) open.push(child)
  }
  return inodes.size
}
